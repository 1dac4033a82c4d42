//! Which RUNs of the builder and the tester keep what they download or compile from one build to the
//! next, in a cache mount.
//!
//! A mount is only there while its RUN runs, so what later steps need of it must be mounted for each
//! of them, and what run time needs must not lie in it. Where either cannot be shown, the folder is
//! not mounted. A folder that only saves time is mounted where its command runs, and nowhere else.

use super::artifact::{Artifact, ArtifactKind, Walker};
use super::deal::{Deal, Part};
use super::layout::Style;
use super::role::Role;
use super::site::Site;
use super::split;
use super::{CacheMounts, Level};
use crate::knowledge::ecosystem::{self, Cache};
use crate::model::{Dockerfile, Instruction, Keyword, Kind, Mount};
use crate::shell::lies_in;
use crate::syntax::expand::references_in;
use std::collections::{BTreeMap, BTreeSet};

/// Words after which a cache is empty, or missed.
const CLEANS: [&str; 8] = [
    "cache clean",
    "cache purge",
    "-modcache",
    "cargo clean",
    "go clean",
    "clear-cache",
    "clearcache",
    "nuget locals",
];

/// Commands that a mounted folder stands in the way of.
const MOVES: [&str; 4] = ["rm", "mv", "find", "rmdir"];

/// Where what is taken out of a mounted folder is put.
const OUT: &str = "/usr/local/bin";

/// The mounts of a rewrite.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caches {
    /// Options of the mounts, by instruction.
    runs: BTreeMap<usize, Vec<String>>,
    /// Those of an install that the rewrite adds.
    install: Vec<String>,
    /// What is copied out of a mounted folder: the instruction that does, where it lies, where it goes.
    taken: Vec<(usize, String, String)>,
    /// The file did not need BuildKit before.
    pub new_need: bool,
}

/// Whether a file uses what only BuildKit understands.
pub fn needs_buildkit(file: &Dockerfile) -> bool {
    let asks = file.lines.directives.iter().any(|d| d.name == "syntax");
    asks || file.instructions.iter().any(|i| match &i.kind {
        Kind::Run { mounts, heredocs, .. } => {
            let flags = |name: &str| matches!(name, "network" | "security" | "device");
            !mounts.is_empty() || !heredocs.is_empty() || i.flags.iter().any(|f| flags(&f.name))
        }
        Kind::Copy(transfer) | Kind::Add(transfer) => {
            let old = |name: &str| matches!(name, "from" | "chown");
            !transfer.inline.is_empty() || i.flags.iter().any(|f| !old(&f.name))
        }
        _ => false,
    })
}

/// The mounts of a rewrite that copies `artifacts` and `trees` from the builder.
pub fn caches(site: &Site<'_>, deal: &Deal, artifacts: &[Artifact], trees: &[String]) -> Caches {
    let needed = needs_buildkit(site.file());
    let wanted = match site.options.cache_mounts {
        CacheMounts::Off => false,
        CacheMounts::Auto => needed,
        CacheMounts::On => true,
    };
    if !wanted {
        return Caches::default();
    }
    let look = Look::of(site, deal);
    let mut out = Caches {
        new_need: !needed,
        ..Caches::default()
    };
    for cache in ecosystem::all().iter().flat_map(|e| e.caches) {
        look.cache(cache, artifacts, trees, &mut out);
    }
    out.new_need &= !out.runs.is_empty();
    out
}

/// A RUN of the builder or the tester.
struct Runs<'s> {
    instruction: &'s Instruction,
    text: &'s str,
    mounts: &'s [Mount],
    /// Program and words of each of its commands, those of scripts too.
    commands: Vec<(String, Vec<String>)>,
    /// A program that is not known, or that starts others, may use a cache.
    opaque: bool,
    root: bool,
}

struct Look<'l, 's> {
    site: &'l Site<'s>,
    deal: &'l Deal,
    runs: Vec<Runs<'s>>,
}

impl<'l, 's> Look<'l, 's> {
    fn of(site: &'l Site<'s>, deal: &'l Deal) -> Self {
        let steps = Walker::new(site).build();
        let mut runs = Vec::new();
        for instruction in site.file().instructions_of(site.stage) {
            let Kind::Run { mounts, .. } = &instruction.kind else {
                continue;
            };
            if deal.part(site, instruction, |lot| lot.builder || lot.tester) == Part::None {
                continue;
            }
            let own = steps.iter().filter(|s| s.place.instruction == instruction.index);
            let commands: Vec<_> = own.map(|s| (s.program.clone(), s.words.clone())).collect();
            let user = site.file().settings_at(instruction.index).user;
            let user = match user {
                Some(user) => user.value.as_deref().map(str::to_owned),
                None => site.base.map(|b| b.variant.user.to_owned()),
            };
            let mut roles = site.roles.iter().filter(|r| r.place.instruction == instruction.index);
            runs.push(Runs {
                instruction,
                text: site.file().source.slice(instruction.span),
                mounts,
                commands,
                opaque: roles.any(|r| {
                    matches!(
                        r.role,
                        Role::Build | Role::Test | Role::Unknown | Role::Tool | Role::Dependencies { .. }
                    )
                }),
                root: user.is_some_and(|u| matches!(u.split(':').next(), Some("root" | "0" | ""))),
            });
        }
        Look { site, deal, runs }
    }

    fn cache(&self, cache: &'static Cache, artifacts: &[Artifact], trees: &[String], out: &mut Caches) {
        let named = |name: &&str| {
            let context = self.site.context;
            !name.starts_with('-') && context.is_some_and(|c| c.exists(name.trim_end_matches('/')))
        };
        if cache.unless.iter().any(named) {
            return;
        }
        let users: Vec<&Runs<'_>> = self.runs.iter().filter(|r| r.uses(cache)).collect();
        let Some(first) = users.first() else { return };
        let Some(dir) = self.folder(cache, first) else { return };
        if cache.products {
            self.products(cache, &dir, &users, artifacts, trees, out);
            return;
        }
        let mut mounted = BTreeSet::new();
        for run in &users {
            if self.folder(cache, run).as_deref() == Some(&dir) && self.suits(run, cache, &dir) {
                mounted.insert(run.instruction.index);
            } else if cache.state {
                return;
            }
        }
        if cache.state {
            let copied = artifacts
                .iter()
                .map(|a| a.path.as_str())
                .chain(trees.iter().map(String::as_str));
            let mut copied = copied.map(|path| path.trim_end_matches('/'));
            if copied.any(|path| lies_in(path, &dir) || lies_in(&dir, path)) || self.is_copied_to(&dir) {
                return;
            }
            // Whatever may need what is in it gets it, too.
            for run in &self.runs {
                let index = run.instruction.index;
                if mounted.contains(&index) || !run.opaque && !run.touches(dir.as_str()) {
                    continue;
                }
                if index < first.instruction.index && !run.touches(&dir) {
                    continue;
                }
                if !self.suits(run, cache, &dir) {
                    return;
                }
                mounted.insert(index);
            }
        }
        let locked = if cache.locked { ",sharing=locked" } else { "" };
        for index in &mounted {
            let runs = self.runs.iter().find(|r| r.instruction.index == *index);
            if runs.is_some_and(|r| r.has(self.site, &dir)) {
                continue;
            }
            out.runs
                .entry(*index)
                .or_default()
                .push(format!("target={dir}{locked}"));
        }
        let downloads = ["mod".to_owned(), "download".to_owned()];
        if cache
            .of
            .iter()
            .any(|of| ecosystem::begins(of, "go", &downloads).is_some())
        {
            out.install.push(format!("target={dir}"));
        }
    }

    /// A folder that the build's products lie in: they are taken out by the RUN that makes them.
    fn products(
        &self,
        cache: &'static Cache,
        dir: &str,
        users: &[&Runs<'_>],
        artifacts: &[Artifact],
        trees: &[String],
        out: &mut Caches,
    ) {
        let built = |r: &&&Runs<'_>| self.deal.part(self.site, r.instruction, |lot| lot.builder) != Part::None;
        let mut builders = users.iter().filter(built);
        let (Some(run), None) = (builders.next(), builders.next()) else {
            return;
        };
        let asked = self.site.options.cache_mounts == CacheMounts::On;
        let inside: Vec<&Artifact> = artifacts.iter().filter(|a| lies_in(&a.path, dir)).collect();
        let index = run.instruction.index;
        let plain = inside.iter().all(|a| {
            let binary = matches!(a.kind, ArtifactKind::Binary { .. } | ArtifactKind::Jar);
            binary && !a.path.contains('*') && a.made_by.is_some_and(|p| p.instruction == index)
        });
        let name = dir.rsplit('/').next().unwrap_or_default();
        let others = self.runs.iter().any(|r| r.names(name, cache));
        let vars = self.site.file().view_at(index).get("CARGO_TARGET_DIR").is_some();
        if !asked
            || inside.is_empty()
            || !plain
            || others
            || vars
            || self.deal.level != Level::Artifacts
            || !trees.is_empty()
            || split::cuttable(self.site.facts, run.instruction).is_err()
            || users.iter().any(|r| !self.suits(r, cache, dir))
        {
            return;
        }
        let Some(program) = inside.first().and_then(|a| a.path.rsplit('/').next()) else {
            return;
        };
        for user in users {
            let mounts = out.runs.entry(user.instruction.index).or_default();
            mounts.push(format!("id={program}-{name},target={dir}"));
        }
        for artifact in inside {
            let file = artifact.path.rsplit('/').next().unwrap_or_default();
            out.taken.push((index, artifact.path.clone(), format!("{OUT}/{file}")));
        }
    }

    /// The folder, where it has one name for all that stands in the file.
    fn folder(&self, cache: &Cache, run: &Runs<'_>) -> Option<String> {
        let index = run.instruction.index;
        let dir = self.site.expanded(cache.dir, index)?;
        let dir = super::artifact::absolute(self.site.workdir_at(index).as_deref(), &dir)?;
        let dir = dir.trim_end_matches('/').to_owned();
        (dir.len() > 1 && !dir.contains([',', '$', ' ', '"', '\''])).then_some(dir)
    }

    /// Whether a RUN can have the folder mounted and does what it did.
    fn suits(&self, run: &Runs<'_>, cache: &Cache, dir: &str) -> bool {
        let escape = self.site.file().lines.escape;
        let steered = references_in(cache.dir, escape)
            .iter()
            .any(|r| run.text.contains(&format!("{}=", r.name)));
        run.root
            && !run.instruction.opaque
            && !steered
            && !CLEANS.iter().any(|words| run.text.contains(words))
            && !run.touches(dir)
    }

    /// Whether the file itself copies something there.
    fn is_copied_to(&self, dir: &str) -> bool {
        self.site.instructions().any(|i| {
            let transfer = i
                .transfer()
                .filter(|_| matches!(i.keyword, Keyword::Copy | Keyword::Add));
            let target = transfer.and_then(|t| t.destination.as_ref()?.value.strip_suffix('/').map(str::to_owned));
            target.is_some_and(|target| lies_in(&target, dir))
        })
    }
}

impl Runs<'_> {
    fn uses(&self, cache: &Cache) -> bool {
        self.commands.iter().any(|(program, words)| {
            let off = |word: &&&str| words.iter().any(|w| w == **word || w.starts_with(&format!("{word}=")));
            cache
                .of
                .iter()
                .any(|of| ecosystem::begins(of, program, words).is_some())
                && !cache.unless.iter().any(|word| off(&word))
        })
    }

    /// Whether one of its commands names something in the folder, or removes what the folder lies in.
    fn touches(&self, dir: &str) -> bool {
        self.commands.iter().any(|(program, words)| {
            let removes = MOVES.contains(&program.as_str());
            words.iter().any(|word| {
                let word = word.replacen('~', "/root", usize::from(word.starts_with('~')));
                let word = word.replace("${HOME}", "/root").replace("$HOME", "/root");
                let word = word.trim_end_matches("/*").trim_end_matches('/');
                word.starts_with('/') && (lies_in(word, dir) || removes && lies_in(dir, word))
            })
        })
    }

    /// Whether its author mounts a cache there.
    fn has(&self, site: &Site<'_>, dir: &str) -> bool {
        self.mounts.iter().filter(|m| m.kind == "cache").any(|m| {
            let target = m.target.as_ref().and_then(|t| site.value(t, self.instruction.index));
            target.is_some_and(|t| t.trim_end_matches('/') == dir)
        })
    }

    /// Whether one of its commands names the folder, those that use the cache aside.
    fn names(&self, folder: &str, cache: &Cache) -> bool {
        self.commands.iter().any(|(program, words)| {
            let own = cache
                .of
                .iter()
                .any(|of| ecosystem::begins(of, program, words).is_some());
            !own && words.iter().any(|word| word.split('/').any(|part| part == folder))
        })
    }
}

impl Caches {
    /// A RUN of the old stage with its mounts, and with what takes products out of them.
    pub(super) fn mounted(&self, site: &Site<'_>, instruction: &Instruction, body: String, style: &Style) -> String {
        let Some(mounts) = self.runs.get(&instruction.index) else {
            return body;
        };
        let mut body = with_mounts(&body, mounts, style);
        let taken: Vec<_> = self.taken.iter().filter(|(at, ..)| *at == instruction.index).collect();
        let workdir = site.workdir_at(instruction.index).filter(|_| !body.contains("cd "));
        let seen = |path: &str| {
            let dir = format!("{}/", workdir.as_deref().unwrap_or("-").trim_end_matches('/'));
            path.strip_prefix(&dir).unwrap_or(path).to_owned()
        };
        let next = format!(" {}\n    && ", style.escape);
        match taken.as_slice() {
            [] => {}
            [(_, from, to)] => body.push_str(&format!("{next}cp {} {to}", seen(from))),
            several => {
                let from: Vec<String> = several.iter().map(|(_, from, _)| seen(from)).collect();
                body.push_str(&format!("{next}cp {} {OUT}/", from.join(" ")));
            }
        }
        body
    }

    /// An install that the rewrite adds, with its mounts.
    pub(super) fn installing(&self, body: &str, style: &Style) -> String {
        if self.install.is_empty() {
            return body.to_owned();
        }
        with_mounts(body, &self.install, style)
    }

    /// Where a file lies in the builder.
    pub(super) fn place<'p>(&'p self, path: &'p str) -> &'p str {
        let taken = self.taken.iter().find(|(_, from, _)| from == path);
        taken.map_or(path, |(_, _, to)| to)
    }
}

/// `RUN` with mounts behind it, a line each where its script stands on lines of its own.
fn with_mounts(body: &str, mounts: &[String], style: &Style) -> String {
    let Some((keyword, rest)) = body.split_once(char::is_whitespace) else {
        return body.to_owned();
    };
    let flags: Vec<String> = mounts.iter().map(|m| format!("--mount=type=cache,{m}")).collect();
    if body.contains("<<") {
        return format!("{keyword} {} {rest}", flags.join(" "));
    }
    let next = format!(" {}\n    ", style.escape);
    let rest = rest.trim_start();
    // A script that begins on a line of its own stays there.
    let own_line = rest.strip_prefix(style.escape).and_then(|r| r.strip_prefix('\n'));
    match own_line {
        Some(script) => format!("{keyword} {} {}\n{script}", flags.join(&next), style.escape),
        None => format!("{keyword} {}{next}{rest}", flags.join(&next)),
    }
}

#[cfg(test)]
mod tests {
    use crate::context::{Context, Memory};
    use crate::facts::Facts;
    use crate::model::Dockerfile;
    use crate::plan::{CacheMounts, Options, plan};
    use crate::source::SourceFile;
    use std::sync::Arc;

    const MODULE: &str = "module example.org/a\n\ngo 1.22\n\nrequire example.org/b v1.0.0\n";

    fn rewritten(text: &str, files: &[(&str, &str)], cache_mounts: CacheMounts) -> String {
        let file = Dockerfile::parse(SourceFile::new("Dockerfile", text));
        let context = Context::new("a", Arc::new(Memory::new(files.iter().copied())), Some("Dockerfile"));
        let options = Options {
            cache_mounts,
            ..Options::default()
        };
        let plan = plan(&Facts::new(&file, Some(&context)), &options);
        plan.chosen().map(|c| c.text.clone()).unwrap_or_default()
    }

    fn go(steps: &str, cache_mounts: CacheMounts) -> String {
        let files = [
            ("go.mod", MODULE),
            ("go.sum", "x"),
            ("main.go", "package main\n\nfunc main() {}\n"),
        ];
        let text = format!("FROM golang:1.22-bookworm\nWORKDIR /app\nCOPY . .\n{steps}CMD [\"/app/a\"]\n");
        rewritten(&text, &files, cache_mounts)
    }

    #[test]
    fn they_are_added_where_the_file_needs_buildkit_or_the_config_asks() {
        let build = "RUN go build -o /app/a .\n";
        for (steps, asked, wanted) in [
            (build, CacheMounts::Auto, 0),
            (build, CacheMounts::On, 3),
            ("RUN --network=default go build -o /app/a .\n", CacheMounts::Auto, 3),
            ("RUN --network=default go build -o /app/a .\n", CacheMounts::Off, 0),
        ] {
            let text = go(steps, asked);
            assert_eq!(text.matches("--mount=type=cache").count(), wanted, "{asked:?}\n{text}");
        }
    }

    #[test]
    fn what_later_steps_need_is_mounted_for_all_of_them_or_none() {
        let of = |steps: &str| go(steps, CacheMounts::On);
        let modules = "--mount=type=cache,target=/go/pkg/mod";
        let text = of("RUN go mod download\nRUN ./generate.sh\nRUN go build -o /app/a .\n");
        assert_eq!(text.matches(modules).count(), 3, "{text}");
        // Its author looks into the folder, and empties it.
        for step in ["ls /go/pkg/mod/example.org", "rm -rf /go/pkg"] {
            let text = of(&format!("RUN go mod download\nRUN {step}\nRUN go build -o /app/a .\n"));
            assert!(!text.contains(modules) && text.contains("/app/a"), "{step}\n{text}");
        }
        // A folder that only saves time is left out where it is removed.
        let text = of("RUN go build -o /app/a . && rm -rf /root/.cache\n");
        assert!(!text.contains("go-build") && text.contains(modules), "{text}");
        let text = of("ENV GOCACHE=/c\nRUN go build -o /app/a .\n");
        assert!(text.contains("target=/c "), "{text}");
        let text = of("RUN --mount=type=cache,target=/go/pkg/mod go build -o /app/a .\n");
        assert_eq!(text.matches(modules).count(), 1, "{text}");
        let text = of("RUN useradd me && chown -R me /app\nUSER me\nRUN go build -o /app/a .\n");
        assert!(!text.contains("type=cache"), "{text}");
    }

    #[test]
    fn products_are_taken_out_of_a_mounted_folder() {
        let files = [
            ("Cargo.toml", "[package]\nname = \"a\"\nversion = \"0.1.0\"\n"),
            (
                "Cargo.lock",
                "version = 3\n\n[[package]]\nname = \"a\"\nversion = \"0.1.0\"\n",
            ),
            ("src/main.rs", "fn main() {}\n"),
        ];
        let of = |steps: &str, asked| {
            let text = format!("FROM rust:1-bookworm\nWORKDIR /w\nCOPY . .\n{steps}CMD [\"/w/target/release/a\"]\n");
            rewritten(&text, &files, asked)
        };
        let text = of("RUN cargo build --release\n", CacheMounts::On);
        assert!(
            text.contains("--mount=type=cache,id=a-target,target=/w/target"),
            "{text}"
        );
        assert!(text.contains("&& cp target/release/a /usr/local/bin/a\n"), "{text}");
        assert!(
            text.contains("COPY --from=builder /usr/local/bin/a ./target/release/a\n"),
            "{text}"
        );
        // Cargo goes by the age of files, so its folder is only mounted where somebody asks.
        let text = of("RUN --network=default cargo build --release\n", CacheMounts::Auto);
        assert!(
            text.contains("cargo/registry") && !text.contains("target=/w/target"),
            "{text}"
        );
        for steps in [
            "RUN cargo build --release\nRUN strip target/release/a\n",
            "RUN cargo build --release; true\n",
            "RUN cargo fetch && cargo build --release\nRUN cargo build --release --features x\n",
        ] {
            let text = of(steps, CacheMounts::On);
            assert!(
                !text.contains("target=/w/target") && !text.is_empty(),
                "{steps}\n{text}"
            );
        }
    }
}
