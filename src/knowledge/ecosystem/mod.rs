//! What is known of languages and their tools, from `rules/knowledge/ecosystems/*.yaml`.

pub mod schema;

pub use schema::{How, Makes, OutputIs};

use std::collections::HashSet;
use std::sync::LazyLock;

include!(concat!(env!("OUT_DIR"), "/ecosystems.rs"));

/// A language, or a family of tools.
#[derive(Debug)]
pub struct Ecosystem {
    /// `go`, `rust`, `c`.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// Files that an install reads, relative to the project's folder; names may have a `*`.
    pub manifests: &'static [&'static str],
    /// Endings of source files, without the dot.
    pub sources: &'static [&'static str],
    /// Names that only builds, tests or editors use; those of folders end with `/`.
    pub not_shipped: &'static [&'static str],
    /// Folders, at any depth, that a build packs into what it makes; they end with `/`.
    pub packed: &'static [&'static str],
    /// Beginnings of commands that install dependencies.
    pub install: &'static [&'static str],
    /// Folders that are worth a cache mount.
    pub caches: &'static [Cache],
    /// Commands that make something.
    pub builds: &'static [Build],
    /// Beginnings of commands that compile and then run what they made.
    pub compiles_at_start: &'static [&'static str],
    /// Beginnings of commands that serve developers.
    pub dev_servers: &'static [&'static str],
    /// Commands that serve a folder of files.
    pub serves_files: &'static [Server],
    /// What installed packages bring.
    pub brings: &'static [Brought],
    /// Dependencies with native code.
    pub natives: &'static [Native],
    /// Dependencies, or prefixes that end with `/` or `-`, that are known to have none.
    pub pure: &'static [&'static str],
    /// How sources show what run time needs.
    pub reads: Reads,
}

/// What an installed package brings.
#[derive(Debug)]
pub struct Brought {
    /// Its name.
    pub package: &'static str,
    /// Programs that it is started by.
    pub programs: &'static [&'static str],
    /// Configuration that these load from where they start; names may have a `*`.
    pub reads: &'static [&'static str],
    /// Folders whose sources they load, or load what is made of; `.` for where they start.
    pub sources: &'static [&'static str],
    /// Packages that it loads by name where they are installed.
    pub loads: &'static [&'static str],
    /// Packages that it depends on, and that no program loads which runs with it: its builds, its prompt
    /// or interpreters of old use them; names may end with a `*`.
    pub other_uses: &'static [&'static str],
    /// About what it takes with what only it needs, unpacked, in millions of bytes; 0 where nobody
    /// looked.
    pub size: u32,
}

/// A folder worth a cache mount.
#[derive(Debug)]
pub struct Cache {
    /// With variables, as in a Dockerfile; a relative one lies in the working directory.
    pub dir: &'static str,
    /// Beginnings of the commands that use it.
    pub of: &'static [&'static str],
    /// Later steps of the build need what is in it.
    pub state: bool,
    /// What the build makes lies in it.
    pub products: bool,
    /// Only one build at a time may use it.
    pub locked: bool,
    /// Names of the context's root, those of folders with a `/` behind, or words of the command, with
    /// which it is not used.
    pub unless: &'static [&'static str],
}

/// A command that makes something.
#[derive(Debug)]
pub struct Build {
    /// The program and words among its operands, in order; `a|b` for either.
    pub command: &'static str,
    /// Code that knows the tool.
    pub code: Option<&'static str>,
    /// Options that name the output.
    pub output: &'static [&'static str],
    /// What they name.
    pub output_is: OutputIs,
    /// Position of the operand that names the output.
    pub output_operand: Option<usize>,
    /// The output without such an option.
    pub default: Option<&'static str>,
    /// Where in a folder the thing lies.
    pub inside: Option<&'static str>,
    /// What it is.
    pub makes: Option<Makes>,
    /// Libraries that what it makes is linked against.
    pub libraries: &'static [&'static str],
    /// Files that set the output.
    pub setting: &'static [WordOf],
    /// Files that give `{name}`.
    pub name: &'static [WordOf],
}

/// A word of a file.
#[derive(Debug)]
pub struct WordOf {
    /// The file, which may have a `*`.
    pub file: &'static str,
    /// The text before the word; none where the file's own name, without its ending, is it.
    pub after: Option<&'static str>,
}

/// A command that serves a folder of files.
#[derive(Debug)]
pub struct Server {
    /// Its beginning.
    pub command: &'static str,
    /// Options that name the folder.
    pub folder: &'static [&'static str],
    /// The folder without option and operand.
    pub default: Option<&'static str>,
}

/// Dependencies with native code.
#[derive(Debug)]
pub struct Native {
    /// Their names.
    pub names: &'static [&'static str],
    /// Libraries that they need at run time, as the linker calls them, with `lib` in front.
    pub libraries: &'static [&'static str],
    /// Other dependencies that make it bundle its library.
    pub unless: &'static [&'static str],
    /// How it is built.
    pub how: How,
}

/// How sources show what run time needs.
#[derive(Debug)]
pub struct Reads {
    /// What begins a comment that runs to the end of its line.
    pub comment: Option<&'static str>,
    /// Characters that literals stand between.
    pub quotes: &'static str,
    /// Before the name of an environment variable.
    pub env: &'static [&'static str],
    /// Calls that start programs.
    pub programs: &'static [Start],
    /// Before a path that is taken into the program when it is built.
    pub embeds: &'static [&'static str],
    /// Before a path that is written.
    pub writes: &'static [&'static str],
    /// What shows that it speaks TLS to others.
    pub tls: &'static [&'static str],
    /// What shows that it looks up time zones.
    pub zones: &'static [&'static str],
    /// Files of the working directory that every program which was compiled so looks for as it starts.
    pub opens: &'static [&'static str],
}

/// A call that starts a program.
#[derive(Debug)]
pub struct Start {
    /// The text before its arguments.
    pub call: &'static str,
    /// Position, from 0, of the argument that names the program.
    pub at: usize,
    /// That argument is a script of the shell.
    pub script: bool,
    /// A method of that name is another matter.
    pub bare: bool,
    /// Text that a source must hold for it.
    pub with: Option<&'static str>,
    /// The program that it needs, where no argument names it.
    pub program: Option<&'static str>,
}

/// One whose first argument names the program.
const START: Start = Start {
    call: "",
    at: 0,
    script: false,
    bare: false,
    with: None,
    program: None,
};

/// All of them, by name.
pub fn all() -> &'static [Ecosystem] {
    ECOSYSTEMS
}

/// What is known of an installed package.
pub fn brought(package: &str) -> Option<&'static Brought> {
    ECOSYSTEMS.iter().flat_map(|e| e.brings).find(|b| b.package == package)
}

/// The one with that name.
pub fn by_name(name: &str) -> Option<&'static Ecosystem> {
    ECOSYSTEMS.iter().find(|e| e.name == name)
}

/// Whether a command begins like `pattern`: the program, then words among its operands in that
/// order with options between them passed over. `a|b` fits either word, `*` any.
///
/// Gives how many words of `words` the pattern took.
pub fn begins(pattern: &str, program: &str, words: &[String]) -> Option<usize> {
    let mut parts = pattern.split(' ').filter(|p| !p.is_empty());
    let fits = |part: &str, word: &str| part == "*" || part.split('|').any(|p| p == word);
    if !fits(parts.next()?, program) {
        return None;
    }
    let mut at = 0;
    for part in parts {
        // An option that the pattern asks for may stand anywhere.
        if part.starts_with('-') {
            words
                .iter()
                .find(|w| fits(part, w) || part.split('|').any(|p| w.starts_with(&format!("{p}="))))?;
            continue;
        }
        loop {
            let word = words.get(at)?;
            at += 1;
            if fits(part, word) {
                break;
            }
            if !word.starts_with('-') {
                return None;
            }
        }
    }
    Some(at)
}

/// The programs that build, in any ecosystem.
static TOOLS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let builds = ECOSYSTEMS.iter().flat_map(|e| e.builds);
    let programs = builds.filter_map(|build| build.command.split(' ').next());
    programs.flat_map(|programs| programs.split('|')).collect()
});

/// Whether a program is one that builds.
pub fn is_tool(program: &str) -> bool {
    TOOLS.contains(program)
}

impl Ecosystem {
    /// Whether a dependency is known to have no native code.
    pub fn is_pure(&self, dependency: &str) -> bool {
        self.pure
            .iter()
            .any(|known| *known == dependency || (known.ends_with(['/', '-']) && dependency.starts_with(known)))
    }

    /// What is known of a dependency's native code.
    pub fn native(&self, dependency: &str) -> Option<&'static Native> {
        self.natives.iter().find(|n| n.names.contains(&dependency))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(pattern: &str, command: &str) -> Option<usize> {
        let mut words = command.split(' ').map(str::to_owned);
        let program = words.next().unwrap_or_default();
        begins(pattern, &program, &words.collect::<Vec<_>>())
    }

    #[test]
    fn beginnings_pass_over_options() {
        assert_eq!(takes("go run", "go run ."), Some(1));
        assert_eq!(takes("cargo build|b", "cargo --locked b --release"), Some(2));
        assert_eq!(
            takes("bun build --compile", "bun build a.ts --compile --outfile x"),
            Some(1)
        );
        assert_eq!(takes("mvn spring-boot:run", "mvn -q spring-boot:run"), Some(2));
        assert_eq!(takes("go run", "go build run"), None);
        assert_eq!(takes("air", "air -c x"), Some(0));
    }

    #[test]
    fn natives_are_not_called_pure() {
        for ecosystem in all() {
            for dependency in ecosystem.natives.iter().flat_map(|n| n.names) {
                assert!(!ecosystem.is_pure(dependency), "{dependency} is both pure and native");
            }
            for native in ecosystem.natives {
                assert!(
                    native.how != How::Bundled || native.libraries.is_empty(),
                    "{:?}",
                    native.names
                );
            }
        }
    }
}
