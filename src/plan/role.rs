//! What each instruction, and each top-level piece of a RUN, is for.

use super::Evidence;
use super::site::Place;
use crate::context::manifests;
use crate::facts::{CommandView, Facts, archives};
use crate::model::{Dockerfile, Instruction, Kind, Stage, Transfer, join_path};
use crate::shell::{Action, Link, Manager, Operation, Packages, Selection, ShellWord};
use crate::source::Span;

/// What something is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Installs, updates or removes packages of the distribution.
    SystemPackages,
    /// Installs the dependencies of the project.
    Dependencies {
        /// Whether those for development come along; none where nothing says so.
        dev: Option<bool>,
    },
    /// Copies only what an install reads: manifests and lock files.
    Manifests,
    /// Copies or fetches sources, and whatever else of the context.
    SourceCopy,
    /// Copies from another stage or image.
    StageCopy,
    /// Compiles, links, bundles, generates; puts what was built in its place.
    Build,
    /// Runs tests or checks.
    Test,
    /// Removes what a build or an install left.
    Cleanup,
    /// Prepares what runs: accounts, folders, permissions, configuration of the system.
    RuntimeSetup,
    /// Settings of the image and of the build: ENV, ARG, LABEL, USER, WORKDIR, CMD and their like.
    Metadata,
    /// Fetches or installs a tool from outside the distribution.
    Tool,
    /// Only sets the state of the shell: `cd`, `set -e`, variables.
    Shell,
    /// Not known.
    Unknown,
}

impl Role {
    /// A few words for people.
    pub fn name(self) -> &'static str {
        match self {
            Role::SystemPackages => "system packages",
            Role::Dependencies { dev: Some(true) } => "dependencies, those for development too",
            Role::Dependencies { dev: Some(false) } => "production dependencies",
            Role::Dependencies { dev: None } => "dependencies",
            Role::Manifests => "manifests",
            Role::SourceCopy => "sources",
            Role::StageCopy => "copy from elsewhere",
            Role::Build => "build",
            Role::Test => "tests",
            Role::Cleanup => "clean-up",
            Role::RuntimeSetup => "runtime set-up",
            Role::Metadata => "settings",
            Role::Tool => "tool",
            Role::Shell => "shell state",
            Role::Unknown => "unknown",
        }
    }

    /// What counts where a piece does several things.
    fn weight(self) -> u8 {
        match self {
            Role::Build => 9,
            Role::Dependencies { .. } => 8,
            Role::SourceCopy | Role::Manifests | Role::StageCopy => 7,
            Role::Unknown => 6,
            Role::SystemPackages => 5,
            Role::Tool => 4,
            Role::Test => 3,
            Role::RuntimeSetup => 2,
            Role::Cleanup => 1,
            Role::Metadata | Role::Shell => 0,
        }
    }
}

/// The role of one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleOf {
    /// The instruction, or the piece of a RUN.
    pub place: Place,
    /// Its text.
    pub span: Span,
    /// What it is for.
    pub role: Role,
    /// What shows it.
    pub why: Evidence,
}

/// The roles of the stage's instructions, those of the stages below it first. A RUN gives one for
/// each link of its script's chain, or one for the whole where it has none.
pub fn roles(facts: &Facts<'_>, stage: &Stage) -> Vec<RoleOf> {
    let file = facts.file();
    let mut chain: Vec<&Stage> = file.chain(stage).collect();
    chain.reverse();
    let mut out = Vec::new();
    let mut built = false;
    for instruction in chain.iter().flat_map(|s| file.instructions_of(s)) {
        if matches!(instruction.kind, Kind::Run { .. }) {
            of_run(facts, instruction, &mut built, &mut out);
            continue;
        }
        let (role, says) = of_instruction(file, instruction);
        out.push(RoleOf {
            place: Place {
                instruction: instruction.index,
                piece: None,
            },
            span: instruction.span,
            role,
            why: Evidence::command(instruction.keyword_span, says),
        });
    }
    out
}

fn of_instruction(file: &Dockerfile, instruction: &Instruction) -> (Role, String) {
    match &instruction.kind {
        Kind::Copy(transfer) | Kind::Add(transfer) => of_transfer(file, instruction, transfer),
        Kind::Onbuild(_) => (Role::Unknown, "it is for images built on this one".into()),
        Kind::Broken => (Role::Unknown, "BuildKit does not know it".into()),
        _ => (
            Role::Metadata,
            format!("{} sets the image up", instruction.keyword.name()),
        ),
    }
}

/// Folders whose files configure a system or are found by PATH, not an application's sources.
const SYSTEM_FOLDERS: [&str; 6] = ["/etc/", "/usr/", "/bin/", "/sbin/", "/lib/", "/root/."];

fn of_transfer(file: &Dockerfile, instruction: &Instruction, transfer: &Transfer) -> (Role, String) {
    if let Some((from, _)) = &transfer.from {
        return (Role::StageCopy, format!("it copies from {}", from.value));
    }
    let mut sources = transfer.sources.iter().map(|word| word.value.trim_matches(['"', '\'']));
    if sources.clone().any(archives::is_remote) {
        return (Role::Tool, "it fetches a file from the network".into());
    }
    if !transfer.sources.is_empty() && sources.clone().all(is_manifest) {
        return (Role::Manifests, "it copies only what an install reads".into());
    }
    let destination = transfer
        .destination
        .as_ref()
        .and_then(|word| file.expand(word, instruction.index).ok())
        .map(|expanded| expanded.value)
        .unwrap_or_default();
    let destination = match passing_workdir(file, instruction) {
        Some(dir) if !destination.starts_with('/') => {
            let end = if destination.ends_with(['/', '.']) { "/" } else { "" };
            format!("{}{end}", join_path(&dir, &destination).trim_end_matches('/'))
        }
        _ => destination,
    };
    // A whole context is a project, wherever it is put.
    let project = sources.clone().any(|path| matches!(path, "." | "./")) && !destination.starts_with("/etc/");
    let projects = ["/usr/src", "/usr/app", "/usr/local/src", "/usr/local/go/src"];
    let system = !project
        && SYSTEM_FOLDERS.iter().any(|folder| destination.starts_with(folder))
        && !projects.iter().any(|folder| destination.starts_with(folder));
    let script = sources.all(|path| path.ends_with(".sh") || path.ends_with("entrypoint"))
        && !transfer.sources.is_empty()
        && destination.starts_with('/');
    if system || script || !transfer.inline.is_empty() {
        return (Role::RuntimeSetup, format!("it puts files to {destination}"));
    }
    (Role::SourceCopy, "it copies from the build context".into())
}

/// The working directory of a COPY where nothing but copies works in it: it was changed to for them.
fn passing_workdir(file: &Dockerfile, instruction: &Instruction) -> Option<String> {
    let at = |index: usize| file.settings_at(index).workdir.and_then(|w| w.value);
    let dir = at(instruction.index).filter(|dir| dir.starts_with('/'))?;
    let stage = file.stage(instruction.stage?)?;
    let last = file.settings_of(stage).workdir.and_then(|w| w.value);
    let works = |i: &&Instruction| matches!(i.kind, Kind::Run { .. }) && at(i.index).as_ref() == Some(&dir);
    let used = last.as_ref() == Some(&dir) || file.instructions_of(stage).iter().any(|i| works(&i));
    (!used).then(|| dir.to_string())
}

/// Whether a source of COPY names only manifests and lock files.
pub fn is_manifest(source: &str) -> bool {
    let name = source.rsplit('/').next().unwrap_or(source);
    manifests::classify(name).is_some()
        || matches!(
            name,
            "package*.json" | "package-lock*.json" | "go.*" | "go.mod*" | "Cargo.*" | "Gemfile*" | "*.csproj" | "*.sln"
        )
        || matches!(
            name,
            "yarn.lock*" | "pnpm-lock.yaml*" | "*.gradle" | "gradle" | "gradlew*" | ".mvn" | "mvnw*" | "*.gradle.kts"
        )
        || matches!(
            name,
            "go.sum*"
                | "composer.*"
                | "poetry.lock*"
                | "Pipfile*"
                | "mix.*"
                | "*.lock"
                | "requirements*.txt"
                | "package.json*"
                | "requirements"
        )
}

fn of_run(facts: &Facts<'_>, instruction: &Instruction, built: &mut bool, out: &mut Vec<RoleOf>) {
    let file = facts.file();
    let whole = |role, says: &str| RoleOf {
        place: Place {
            instruction: instruction.index,
            piece: None,
        },
        span: instruction.span,
        role,
        why: Evidence::command(instruction.keyword_span, says),
    };
    let Some(run) = facts.run(instruction) else {
        out.push(whole(Role::Unknown, "its script is not understood"));
        return;
    };
    if run.script.chain.is_empty() {
        out.push(whole(Role::Unknown, "its script is not understood"));
        return;
    }
    let views: Vec<CommandView<'_>> = run.views(file, instruction).collect();
    for (index, link) in run.script.chain.iter().enumerate() {
        let (role, span, says) = of_link(link, &views, *built);
        *built |= role == Role::Build;
        out.push(RoleOf {
            place: Place {
                instruction: instruction.index,
                piece: Some(index),
            },
            span: link.span,
            role,
            why: Evidence::command(span, says),
        });
    }
}

/// The weightiest role of a link's commands.
fn of_link(link: &Link, views: &[CommandView<'_>], built: bool) -> (Role, Span, String) {
    let commands = views.get(link.commands.clone()).unwrap_or_default();
    commands
        .iter()
        .map(|view| {
            let (role, says) = of_command(view, built);
            (role, view.command.span, says)
        })
        .max_by(|a, b| a.0.weight().cmp(&b.0.weight()).then(b.1.start.cmp(&a.1.start)))
        .unwrap_or((Role::Unknown, link.span, "its script is not understood".into()))
}

fn of_command(view: &CommandView<'_>, built: bool) -> (Role, String) {
    let name = view.name();
    let mut best: Option<(Role, String)> = None;
    for operation in view.operations {
        let found = of_operation(operation, view, built);
        if best.as_ref().is_none_or(|(role, _)| found.0.weight() > role.weight()) {
            best = Some(found);
        }
    }
    best.unwrap_or_else(|| of_name(name, view, built))
}

fn of_operation(operation: &Operation, view: &CommandView<'_>, built: bool) -> (Role, String) {
    match operation {
        Operation::Packages(packages) => of_packages(packages),
        Operation::Build(build) if only_asks(view) => {
            (Role::Shell, format!("`{}` only says what it is", build.program))
        }
        Operation::Build(build) => (Role::Build, format!("`{}` builds", build.program)),
        Operation::Test(test) => (Role::Test, format!("`{}` tests", test.program)),
        Operation::Clean(_) => (Role::Cleanup, "it removes files".into()),
        Operation::Download(_) => (Role::Tool, format!("`{}` fetches a file", view.name())),
        Operation::Extract(_) => (Role::Tool, "it unpacks an archive".into()),
        Operation::GitClone(_) => (Role::SourceCopy, "it clones a repository".into()),
        Operation::UserAdd(_) => (Role::RuntimeSetup, "it adds an account".into()),
        Operation::Permissions(p) => (Role::RuntimeSetup, format!("`{}` changes who may use files", p.tool)),
        Operation::ChangeDirectory { .. } => (Role::Shell, "it changes the folder".into()),
        Operation::Link(_) if built => (Role::Build, "it links what was built".into()),
        Operation::Link(_) => (Role::RuntimeSetup, "it makes a link".into()),
    }
}

/// Whether the command only prints a version or its help.
fn only_asks(view: &CommandView<'_>) -> bool {
    matches!(view.words(), [word] if matches!(word.text.as_str(), "--version" | "-version" | "-V" | "-v" | "--help" | "version"))
}

fn of_packages(packages: &Packages) -> (Role, String) {
    use Action::*;
    let manager = packages.manager;
    let name = manager.name();
    if manager.is_system() {
        return match packages.action {
            Clean => (Role::Cleanup, format!("`{name}` removes its caches")),
            Remove | Autoremove => (Role::Cleanup, format!("`{name}` removes packages")),
            _ => (Role::SystemPackages, format!("`{name}` works on system packages")),
        };
    }
    match packages.action {
        Clean | Autoremove | Remove => (Role::Cleanup, format!("`{name}` removes what it left")),
        Configure | Update => (Role::Tool, format!("`{name}` is set up")),
        InstallToolchain => (Role::Tool, format!("`{name}` installs a toolchain")),
        InstallProject | Fetch | Rebuild | Upgrade | Link | BuildDependencies => (
            dependencies(packages),
            format!("`{name}` installs the project's dependencies"),
        ),
        Install if !packages.requirements.is_empty() => {
            (dependencies(packages), format!("`{name}` installs what a file lists"))
        }
        Install if is_tool(packages) => (Role::Tool, format!("`{name}` installs a tool")),
        Install | DistUpgrade => (dependencies(packages), format!("`{name}` installs packages")),
        AddRepository => (Role::Tool, format!("`{name}` is set up")),
    }
}

/// Whether the packages are tools rather than what the project imports.
fn is_tool(packages: &Packages) -> bool {
    use Manager::*;
    packages.global
        || matches!(packages.manager, Pipx | Corepack | Brew | Rustup | Cargo)
        || matches!(packages.manager, Go) && packages.packages.iter().any(|p| p.version.is_some())
        || packages.packages.iter().all(|p| {
            matches!(
                p.name.as_str(),
                "pip" | "setuptools" | "wheel" | "poetry" | "pipenv" | "uv" | "bundler" | "npm" | "yarn" | "pnpm"
            )
        })
}

fn dependencies(packages: &Packages) -> Role {
    Role::Dependencies {
        dev: match packages.selection {
            Selection::Unsaid => None,
            Selection::Production => Some(false),
            Selection::Development => Some(true),
        },
    }
}

/// Commands without a known operation.
fn of_name(name: &str, view: &CommandView<'_>, built: bool) -> (Role, String) {
    let shell = |says: &str| (Role::Shell, says.to_owned());
    match name {
        "" => shell("it sets a variable"),
        "set" | "export" | "unset" | "umask" | "trap" | "shopt" | "true" | ":" | "cd" | "pwd" | "popd" => {
            shell("it concerns only the shell")
        }
        "ls" | "which" | "type" | "date" | "env" | "whoami" | "id" | "uname" | "file" | "ldd" | "test" | "["
        | "nproc" | "arch" | "getconf" => shell("it only looks"),
        // What passes through a pipe or a substitution goes nowhere else.
        "grep" | "egrep" | "cut" | "tr" | "head" | "tail"
            if view.command.redirects.is_empty() && view.command.place.pipeline.is_some() =>
        {
            shell("it only looks")
        }
        "echo" | "printf" | "cat" if view.command.redirects.is_empty() && view.command.place.pipeline.is_none() => {
            shell("it only prints")
        }
        // What is moved behind a build is what was built.
        "cp" | "mv" | "install" | "strip" | "upx" | "objcopy" | "rsync" if built && !from_system(view) => {
            (Role::Build, "it puts what was built in its place".into())
        }
        "strip" | "upx" => (Role::Build, "it works on what was built".into()),
        "mkdir"
        | "touch"
        | "mkfifo"
        | "setcap"
        | "usermod"
        | "groupmod"
        | "passwd"
        | "chpasswd"
        | "deluser"
        | "userdel"
        | "locale-gen"
        | "dpkg-reconfigure"
        | "update-ca-certificates"
        | "ldconfig"
        | "update-locale"
        | "localedef"
        | "ssh-keygen"
        | "openssl"
        | "crontab"
        | "a2enmod"
        | "a2dismod"
        | "a2ensite"
        | "update-alternatives" => (Role::RuntimeSetup, format!("`{name}` prepares the system")),
        "install" if view.has_option("-d") => (Role::RuntimeSetup, "it makes a folder".into()),
        "cp" | "mv" | "rsync" | "install" if !from_system(view) => (Role::Tool, "it puts files in their place".into()),
        "echo" | "printf" | "cat" if writes_source(view) => (Role::Build, "it writes a source".into()),
        "sed" | "echo" | "printf" | "tee" | "cat" | "cp" | "mv" if touches_system(view) => {
            (Role::RuntimeSetup, format!("`{name}` configures the system"))
        }
        "git" => (Role::SourceCopy, "`git` works on a repository".into()),
        "glide" | "dep" | "govendor" | "godep" | "gvt" | "rebar3" | "conan" | "vcpkg" | "carton" | "cpanm" => (
            Role::Dependencies { dev: None },
            format!("`{name}` installs the project's dependencies"),
        ),
        "find" if view.words().iter().any(|w| matches!(w.text.as_str(), "-delete" | "rm")) => {
            (Role::Cleanup, "it removes files".into())
        }
        "go" if view.words().first().is_some_and(|w| w.text == "mod") => (
            Role::Dependencies { dev: None },
            "`go mod` lists the project's dependencies".into(),
        ),
        "make" | "gmake" if view.words().iter().any(|w| w.text == "clean") => {
            (Role::Cleanup, "it removes what was built".into())
        }
        "go" if view
            .words()
            .first()
            .is_some_and(|w| matches!(w.text.as_str(), "version" | "env" | "fmt")) =>
        {
            shell("it only looks")
        }
        _ => (Role::Unknown, format!("what `{name}` does is not known")),
    }
}

/// Whether everything that is copied lies in the system's folders already.
fn from_system(view: &CommandView<'_>) -> bool {
    let mut sources: Vec<&str> = view.arguments().map(|w| w.text.as_str()).collect();
    sources.pop();
    let system = ["/etc/", "/usr/share/", "/usr/lib/", "/var/"];
    !sources.is_empty() && sources.iter().all(|s| system.iter().any(|f| s.starts_with(f)))
}

/// Whether the output goes to a file that only a compiler reads.
fn writes_source(view: &CommandView<'_>) -> bool {
    let sources = [
        "rs", "go", "c", "cc", "cpp", "h", "hpp", "java", "kt", "scala", "swift", "hs", "nim", "zig", "cs", "ex",
    ];
    let mut targets = view
        .command
        .redirects
        .iter()
        .filter_map(|r| r.target.as_ref())
        .peekable();
    targets.peek().is_some()
        && targets.all(|target| {
            let ending = target.text.rsplit_once('.').map(|(_, ending)| ending);
            ending.is_some_and(|ending| sources.contains(&ending)) && !target.text.starts_with("/etc/")
        })
}

/// Whether a file of the system is written, by a word or a redirect.
fn touches_system(view: &CommandView<'_>) -> bool {
    let system = |word: &ShellWord| {
        ["/etc/", "/usr/", "/root/", "/var/", "/opt/", "~/"]
            .iter()
            .any(|f| word.text.starts_with(f))
    };
    view.words().iter().any(system)
        || view
            .command
            .redirects
            .iter()
            .any(|r| r.target.as_ref().is_some_and(system))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceFile;

    fn of(text: &str) -> Vec<(String, Role)> {
        let file = Dockerfile::parse(SourceFile::new("Dockerfile", text));
        let facts = Facts::new(&file, None);
        roles(&facts, file.target().unwrap())
            .into_iter()
            .map(|r| (file.source.slice(r.span).to_owned(), r.role))
            .collect()
    }

    #[test]
    fn every_piece_has_its_role() {
        let found = of(
            "FROM golang:1.22\nWORKDIR /app\nCOPY go.mod go.sum ./\nRUN go mod download\nCOPY . .\n\
            RUN cd cmd && go test ./... && go build -o /app/x . && mv /app/x /usr/bin/x\nRUN useradd app && mkdir -p /data\n\
            RUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*\nCMD [\"x\"]\n",
        );
        let roles: Vec<Role> = found.iter().map(|(_, role)| *role).collect();
        use Role::*;
        assert_eq!(
            roles,
            [
                Metadata,
                Manifests,
                Dependencies { dev: None },
                SourceCopy,
                Shell,
                Test,
                Build,
                Build,
                RuntimeSetup,
                RuntimeSetup,
                SystemPackages,
                SystemPackages,
                Cleanup,
                Metadata
            ],
            "{found:?}"
        );
    }

    #[test]
    fn copies_are_told_apart() {
        let found = of(
            "FROM debian\nCOPY src /usr/src/app/\nCOPY nginx.conf /etc/nginx/nginx.conf\nCOPY entrypoint.sh /\n\
            COPY --from=busybox /bin/sh /bin/sh\nADD https://example.com/a /a\nCOPY package*.json ./\n",
        );
        let roles: Vec<Role> = found.iter().map(|(_, role)| *role).collect();
        use Role::*;
        assert_eq!(
            roles,
            [SourceCopy, RuntimeSetup, RuntimeSetup, StageCopy, Tool, Manifests]
        );
    }
}
