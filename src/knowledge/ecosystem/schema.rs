//! The shape of `rules/knowledge/ecosystems/*.yaml`, its checks, and the Rust table made of it.
//!
//! This file stands alone (no `crate::`), so that the build script can include it with `#[path]`.

use serde::Deserialize;
use std::fmt::Write;

/// What a build command makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Makes {
    /// A program, linked as the ecosystem says.
    Binary,
    /// A program that needs no loader.
    StaticBinary,
    /// A Java archive.
    Jar,
    /// A folder that is run from.
    Tree,
    /// A folder that a web server sends.
    Site,
    /// .NET's published folder.
    Assembly,
}

/// What the option for the output names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutputIs {
    /// The file that is made.
    #[default]
    File,
    /// A folder; what is made lies where `inside` says.
    Folder,
}

/// How a dependency with native code is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// It does not work without.
    #[default]
    Required,
    /// It works without, too.
    Optional,
    /// It is linked in with its own copy of the library, so that nothing is needed at run time.
    Bundled,
}

/// One file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EcosystemFile {
    /// For people.
    pub title: String,
    /// Files that an install reads.
    #[serde(default)]
    pub manifests: Vec<String>,
    /// Endings of source files, without the dot.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Names that only builds, tests or editors use: `*_test.go`, `testdata/`.
    #[serde(default)]
    pub not_shipped: Vec<String>,
    /// Folders that a build packs into what it makes: they are not shipped as they are, and their sources
    /// are read: `src/main/`.
    #[serde(default)]
    pub packed: Vec<String>,
    /// Beginnings of commands that install dependencies.
    #[serde(default)]
    pub install: Vec<String>,
    /// Folders that are worth a cache mount.
    #[serde(default)]
    pub caches: Vec<CacheFile>,
    /// Commands that make something.
    #[serde(default)]
    pub builds: Vec<BuildFile>,
    /// Beginnings of commands that compile and then run what they made.
    #[serde(default)]
    pub compiles_at_start: Vec<String>,
    /// Beginnings of commands that serve developers.
    #[serde(default)]
    pub dev_servers: Vec<String>,
    /// Beginnings of commands that serve a folder of files, which follows.
    #[serde(default)]
    pub serves_files: Vec<ServerFile>,
    /// What installed packages bring.
    #[serde(default)]
    pub brings: Vec<BroughtFile>,
    /// Dependencies with native code.
    #[serde(default)]
    pub natives: Vec<NativeFile>,
    /// Dependencies (or prefixes that end with `/` or `-`) that are known to have none.
    #[serde(default)]
    pub pure: Vec<String>,
    /// How sources show what run time needs.
    #[serde(default)]
    pub reads: Reads,
}

/// What an installed package brings.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BroughtFile {
    /// Its name.
    pub package: String,
    /// Programs that it is started by.
    #[serde(default)]
    pub programs: Vec<String>,
    /// Configuration that these load from where they start; names may have a `*`.
    #[serde(default)]
    pub reads: Vec<String>,
    /// Folders whose sources they load, or load what is made of; `.` for where they start.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Packages that it loads by name where they are installed.
    #[serde(default)]
    pub loads: Vec<String>,
    /// Packages that it depends on, and that no program loads which runs with it: its builds, its prompt
    /// or interpreters of old use them; names may end with a `*`.
    #[serde(default)]
    pub other_uses: Vec<String>,
    /// About what it takes with what only it needs, unpacked, in millions of bytes.
    #[serde(default)]
    pub size: u32,
}

/// A folder worth a cache mount.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CacheFile {
    /// The folder; it may hold variables, as in a Dockerfile: `${GOPATH:-/root/go}/pkg/mod`. A relative
    /// one lies in the working directory.
    pub dir: String,
    /// Beginnings of the commands that use it.
    pub of: Vec<String>,
    /// Later steps of the build need what is in it.
    #[serde(default)]
    pub state: bool,
    /// What the build makes lies in it.
    #[serde(default)]
    pub products: bool,
    /// Only one build at a time may use it.
    #[serde(default)]
    pub locked: bool,
    /// Names of the context's root, or words of the command, with which it is not used.
    #[serde(default)]
    pub unless: Vec<String>,
}

/// A command that makes something.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BuildFile {
    /// The program and the words that must be among its operands, in order; `a|b` for either.
    pub command: String,
    /// Code that knows the tool, where a table is not enough: a name in `src/plan/artifact/outputs.rs`.
    /// `cc` is for compilers with the options of C's, and takes `libraries`; others take no more keys.
    #[serde(default)]
    pub code: Option<String>,
    /// Options that name the output.
    #[serde(default)]
    pub output: Vec<String>,
    /// What they name.
    #[serde(default)]
    pub output_is: OutputIs,
    /// Position, from 0, of the operand behind the command's words that names the output.
    #[serde(default)]
    pub output_operand: Option<usize>,
    /// The output without such an option; `{name}`, `{stem}` (of the first source named).
    #[serde(default)]
    pub default: Option<String>,
    /// Where in a folder the thing lies.
    #[serde(default)]
    pub inside: Option<String>,
    /// What it is.
    pub makes: Option<Makes>,
    /// Libraries that what it makes is linked against, as the linker knows them (`libgc`). The packages that hold them
    /// are those of `rules/knowledge/libraries.yaml`; one that is not there makes the rewrite unsafe.
    #[serde(default)]
    pub libraries: Vec<String>,
    /// Files that set the output: the text behind `after`.
    #[serde(default)]
    pub setting: Vec<FromFile>,
    /// Files that give `{name}`.
    #[serde(default)]
    pub name: Vec<FromFile>,
}

/// A word of a file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FromFile {
    /// The file, which may have a `*`.
    pub file: String,
    /// The text before the word; none where the file's own name is it.
    #[serde(default)]
    pub after: Option<String>,
}

/// A server of files.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ServerFile {
    /// Beginning of the command.
    pub command: String,
    /// Options that name the folder.
    #[serde(default)]
    pub folder: Vec<String>,
    /// The folder without option and operand.
    #[serde(default)]
    pub default: Option<String>,
}

/// Dependencies with native code.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NativeFile {
    /// Their names.
    pub names: Vec<String>,
    /// Libraries that they need at run time.
    #[serde(default)]
    pub libraries: Vec<String>,
    /// Other dependencies that make it bundle its library.
    #[serde(default)]
    pub unless: Vec<String>,
    /// How it is built.
    #[serde(default)]
    pub how: How,
}

/// How sources show what run time needs: texts that stand before or in a string literal.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Reads {
    /// What begins a comment that runs to the end of its line.
    #[serde(default)]
    pub comment: Option<String>,
    /// Characters that literals stand between.
    #[serde(default)]
    pub quotes: String,
    /// Before the name of an environment variable.
    #[serde(default)]
    pub env: Vec<String>,
    /// Calls that start programs: the text before the first argument, or the keys below.
    #[serde(default)]
    pub programs: Vec<StartFile>,
    /// Before a path that is taken into the program when it is built.
    #[serde(default)]
    pub embeds: Vec<String>,
    /// Before a path that is written.
    #[serde(default)]
    pub writes: Vec<String>,
    /// What shows that it speaks TLS to others.
    #[serde(default)]
    pub tls: Vec<String>,
    /// What shows that it looks up time zones.
    #[serde(default)]
    pub zones: Vec<String>,
    /// Files of the working directory that every program which was compiled so looks for as it starts.
    #[serde(default)]
    pub opens: Vec<String>,
}

/// A call that starts a program.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum StartFile {
    /// The text before its first argument, which names the program.
    Call(String),
    /// One that needs more words.
    Keys(StartKeys),
}

/// A call that starts a program.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StartKeys {
    /// The text before its arguments.
    pub call: String,
    /// Position, from 0, of the argument that names the program.
    #[serde(default)]
    pub at: usize,
    /// That argument is a script of the shell.
    #[serde(default)]
    pub script: bool,
    /// A method of that name is another matter: `pattern.exec(text)`.
    #[serde(default)]
    pub bare: bool,
    /// Text that a source must hold for it, where the call's name is a common one.
    #[serde(default)]
    pub with: Option<String>,
    /// The program that it needs, where no argument names it.
    #[serde(default)]
    pub program: Option<String>,
}

impl StartFile {
    fn emit(&self) -> String {
        match self {
            StartFile::Call(call) => format!("Start {{ call: {call:?}, ..START }}"),
            StartFile::Keys(keys) => format!(
                "Start {{ call: {:?}, at: {}, script: {}, bare: {}, with: {:?}, program: {:?} }}",
                keys.call, keys.at, keys.script, keys.bare, keys.with, keys.program
            ),
        }
    }
}

/// What is wrong with a file.
pub fn check(name: &str, file: &EcosystemFile) -> Vec<String> {
    let mut problems = Vec::new();
    let mut problem = |text: String| problems.push(format!("rules/knowledge/ecosystems/{name}.yaml: {text}"));
    for build in &file.builds {
        if build.command.trim().is_empty() {
            problem("a build without `command`".to_owned());
        }
        let by_table = build.makes.is_some()
            && (build.default.is_some() || !build.output.is_empty() || build.output_operand.is_some());
        if build.code.is_none() && !by_table {
            problem(format!(
                "`{}` needs `code`, or `makes` with `default` or `output`",
                build.command
            ));
        }
        let told = build.default.is_some()
            || build.inside.is_some()
            || build.output_operand.is_some()
            || !(build.output.is_empty() && build.setting.is_empty() && build.name.is_empty())
            || !(build.libraries.is_empty() || build.code.as_deref() == Some("cc"));
        if build.code.is_some() && told {
            problem(format!(
                "`{}` has `code`, which finds the output by itself: of the other keys only `makes` belongs there, and `libraries` with `code: cc`",
                build.command
            ));
        }
        let uses_name = build.default.iter().chain(&build.inside).any(|t| t.contains("{name}"));
        if uses_name && build.name.is_empty() {
            problem(format!("`{}` uses {{name}}, and nothing gives one", build.command));
        }
    }
    for native in &file.natives {
        if native.how == How::Bundled && !native.libraries.is_empty() {
            problem(format!("{:?} is bundled and needs libraries", native.names));
        }
    }
    problems
}

/// The table's source.
pub fn emit(files: &[(String, EcosystemFile)]) -> String {
    let mut out = String::from(
        "// Made from rules/knowledge/ecosystems/*.yaml; edit those.\n\nstatic ECOSYSTEMS: &[Ecosystem] = &[\n",
    );
    for (name, file) in files {
        let caches: Vec<String> = file
            .caches
            .iter()
            .map(|c| {
                format!(
                    "Cache {{ dir: {:?}, of: &{:?}, state: {}, products: {}, locked: {}, unless: &{:?} }}",
                    c.dir, c.of, c.state, c.products, c.locked, c.unless
                )
            })
            .collect();
        let builds: Vec<String> = file.builds.iter().map(build).collect();
        let servers: Vec<String> = file
            .serves_files
            .iter()
            .map(|s| {
                format!(
                    "Server {{ command: {:?}, folder: &{:?}, default: {:?} }}",
                    s.command, s.folder, s.default
                )
            })
            .collect();
        let brings: Vec<String> = file
            .brings
            .iter()
            .map(|b| {
                format!(
                    "Brought {{ package: {:?}, programs: &{:?}, reads: &{:?}, sources: &{:?}, loads: &{:?}, other_uses: &{:?}, size: {} }}",
                    b.package, b.programs, b.reads, b.sources, b.loads, b.other_uses, b.size
                )
            })
            .collect();
        let natives: Vec<String> = file
            .natives
            .iter()
            .map(|n| {
                format!(
                    "Native {{ names: &{:?}, libraries: &{:?}, unless: &{:?}, how: How::{:?} }}",
                    n.names, n.libraries, n.unless, n.how
                )
            })
            .collect();
        let reads = &file.reads;
        let starts: Vec<String> = reads.programs.iter().map(StartFile::emit).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "Ecosystem {{ name: {name:?}, title: {:?}, manifests: &{:?}, sources: &{:?}, not_shipped: &{:?}, packed: &{:?}, install: &{:?}, caches: &[{}], builds: &[{}], compiles_at_start: &{:?}, dev_servers: &{:?}, serves_files: &[{}], brings: &[{}], natives: &[{}], pure: &{:?}, reads: Reads {{ comment: {:?}, quotes: {:?}, env: &{:?}, programs: &[{}], embeds: &{:?}, writes: &{:?}, tls: &{:?}, zones: &{:?}, opens: &{:?} }} }},",
            file.title,
            file.manifests,
            file.sources,
            file.not_shipped,
            file.packed,
            file.install,
            caches.join(", "),
            builds.join(", "),
            file.compiles_at_start,
            file.dev_servers,
            servers.join(", "),
            brings.join(", "),
            natives.join(", "),
            file.pure,
            reads.comment,
            reads.quotes,
            reads.env,
            starts.join(", "),
            reads.embeds,
            reads.writes,
            reads.tls,
            reads.zones,
            reads.opens,
        );
    }
    out.push_str("];\n");
    out
}

fn build(build: &BuildFile) -> String {
    let from = |list: &[FromFile]| -> String {
        let items: Vec<String> = list
            .iter()
            .map(|f| format!("WordOf {{ file: {:?}, after: {:?} }}", f.file, f.after))
            .collect();
        format!("&[{}]", items.join(", "))
    };
    let makes = build.makes.map_or("None".to_owned(), |m| format!("Some(Makes::{m:?})"));
    format!(
        "Build {{ command: {:?}, code: {:?}, output: &{:?}, output_is: OutputIs::{:?}, output_operand: {:?}, default: {:?}, inside: {:?}, makes: {makes}, libraries: &{:?}, setting: {}, name: {} }}",
        build.command,
        build.code,
        build.output,
        build.output_is,
        build.output_operand,
        build.default,
        build.inside,
        build.libraries,
        from(&build.setting),
        from(&build.name),
    )
}
