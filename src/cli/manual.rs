//! What packages bring along: completions for shells, and manual pages. Both are made from the
//! definition of the arguments.

use super::args::Cli;
use super::console::{Sink, say};
use super::exit::Outcome;
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::path::PathBuf;

/// `mbopt completions`.
#[derive(Debug, Args)]
#[command(after_help = "Example: mbopt completions bash > /etc/bash_completion.d/mbopt")]
pub struct Completions {
    /// For which shell: bash, elvish, fish, powershell, zsh
    #[arg(value_name = "SHELL", value_enum, hide_possible_values = true)]
    pub shell: Shell,
}

/// `mbopt man`.
#[derive(Debug, Args)]
#[command(after_help = "Example: mbopt man /usr/local/share/man/man1")]
pub struct Man {
    /// Write a page for each command into this folder [default: print mbopt(1)]
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
}

/// Prints completions.
pub fn completions(args: &Completions) -> Outcome {
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "mbopt", &mut out);
    printed(&out)
}

/// Prints the manual page, or writes all.
pub fn man(args: &Man) -> Outcome {
    let Some(folder) = &args.folder else {
        let mut out = Vec::new();
        return match clap_mangen::Man::new(Cli::command()).render(&mut out) {
            Ok(()) => printed(&out),
            Err(error) => failure(&format!("the manual page: {error}")),
        };
    };
    let made = std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Cli::command(), folder));
    match made {
        Ok(()) => Outcome::Clean,
        Err(error) => failure(&format!("{}: {error}", folder.display())),
    }
}

fn failure(message: &str) -> Outcome {
    say(&format!("error: {message}"));
    Outcome::Failure
}

fn printed(bytes: &[u8]) -> Outcome {
    match Sink::Stdout.write(bytes) {
        Ok(()) => Outcome::Clean,
        Err(error) => failure(&format!("standard output: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page() {
        let folder = tempfile::tempdir().unwrap();
        let args = Man {
            folder: Some(folder.path().join("man1")),
        };
        assert_eq!(man(&args), Outcome::Clean);
        let page = |name: &str| std::fs::read_to_string(folder.path().join("man1").join(name)).unwrap();
        assert!(page("mbopt.1").contains("mbopt\\-lint(1)"));
        for command in Cli::command().get_subcommands() {
            assert!(
                page(&format!("mbopt-{}.1", command.get_name())).contains("Example"),
                "{command}"
            );
        }
    }
}
