//! The arguments.

use super::build::arguments::Build;
use super::cache::Cache;
use super::colour::When;
use super::init::Init;
use super::manual::{Completions, Man};
use super::verify::arguments::Verify;
use crate::report::Format;
use crate::rule::Severity;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Finds what makes an image fat, slow to rebuild, unsafe or wrong, and mends it.
#[derive(Debug, Parser)]
#[command(name = "mbopt", version, disable_help_subcommand = true)]
#[command(
    after_help = "Exit codes: 0 clean or all fixed, 1 findings (or --diff would change something),\n2 usage, config or I/O, 3 no Dockerfile found, 4 a file that BuildKit would refuse.\n\nExample: mbopt lint --fix Dockerfile"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
}

/// What every command takes.
#[derive(Debug, Args, Clone, Copy)]
pub struct Global {
    /// Say only what is wrong
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more: which config and build context a file has
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// When to use colours
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        value_enum,
        default_value_t,
        hide_possible_values = true,
        help = "When to use colours: auto, always, never"
    )]
    pub color: When,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look for findings in Dockerfiles, and mend them with --fix
    Lint(Box<Lint>),
    /// Show how a Dockerfile would be split into stages, and why
    Plan(Plan),
    /// Build an image with an engine that is there, or with the bundled one
    Build(Box<Build>),
    /// Say what the bundled engine keeps on the disk, or drop it
    #[command(subcommand, after_help = "Example: mbopt cache du")]
    Cache(Cache),
    /// Build a Dockerfile and its rewrite, and prove that the rewrite is smaller and does the same
    Verify(Box<Verify>),
    /// List the rules
    Rules(Rules),
    /// Say what a rule finds, why that matters, and how it is mended
    Explain(Explain),
    /// Serve an editor: findings, fixes, names, completions
    Lsp(Lsp),
    /// Set up a repository: settings, a hook, a workflow
    Init(Init),
    /// Print a JSON schema, for editors
    Schema(Schema),
    /// Print completions for a shell
    Completions(Completions),
    /// Print the manual page
    Man(Man),
}

/// `mbopt lint`.
#[derive(Debug, Args, Default)]
#[command(after_help = "Example: mbopt lint --fix --fail-on warning .")]
pub struct Lint {
    /// Files, folders to search, or - for standard input [default: the current folder]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Also lint what FILE names, one a line (-: standard input)
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub file_list: Option<PathBuf>,
    /// Leave out files and folders that match, as in a .gitignore
    #[arg(long, value_name = "GLOB", help_heading = "Input")]
    pub exclude: Vec<String>,
    /// Apply --exclude to files that are named, too
    #[arg(long, help_heading = "Input")]
    pub force_exclude: bool,
    /// The path that standard input stands for
    #[arg(long, value_name = "PATH", help_heading = "Input")]
    pub stdin_filename: Option<PathBuf>,
    /// The build context [default: the nearest folder with what COPY takes]
    #[arg(long, value_name = "DIR", help_heading = "Input")]
    pub context: Option<PathBuf>,

    /// Run only these rules or groups
    #[arg(long, value_name = "RULE,..", value_delimiter = ',', help_heading = "Rules")]
    pub select: Vec<String>,
    /// Leave out these rules or groups
    #[arg(long, value_name = "RULE,..", value_delimiter = ',', help_heading = "Rules")]
    pub ignore: Vec<String>,
    /// Ask ShellCheck: off, auto (where installed), require [default: off]
    #[arg(
        long,
        value_name = "WHEN",
        value_enum,
        hide_possible_values = true,
        help_heading = "Rules"
    )]
    pub shellcheck: Option<ShellCheck>,
    /// Use this config instead of the nearest mbopt.yaml
    #[arg(long, value_name = "FILE", help_heading = "Rules", conflicts_with = "no_config")]
    pub config: Option<PathBuf>,
    /// Use no config
    #[arg(long, help_heading = "Rules")]
    pub no_config: bool,

    /// Apply fixes that cannot change what the image does
    #[arg(long, help_heading = "Fix")]
    pub fix: bool,
    /// Also those after which the image may behave differently
    #[arg(long, help_heading = "Fix")]
    pub unsafe_fixes: bool,
    /// Show as a diff what --fix would change; write nothing
    #[arg(long, help_heading = "Fix")]
    pub diff: bool,
    /// Whether files are rewritten into several stages: on, off [default: on]
    #[arg(
        long,
        value_name = "SWITCH",
        value_enum,
        hide_possible_values = true,
        help_heading = "Fix"
    )]
    pub stages: Option<Switch>,
    /// How boldly at most: order, slim, application, artifacts
    #[arg(
        long,
        value_name = "LEVEL",
        value_enum,
        hide_possible_values = true,
        help_heading = "Fix"
    )]
    pub level: Option<StageLevel>,

    /// text, concise, json, sarif, github, gitlab, checkstyle, junit, markdown
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        hide_possible_values = true,
        hide_default_value = true,
        help_heading = "Output"
    )]
    pub format: FormatName,
    /// Count findings by rule (--format text or json)
    #[arg(long, help_heading = "Output")]
    pub statistics: bool,
    /// Leave out the findings that FILE knows
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub baseline: Option<PathBuf>,
    /// Write the findings to FILE, for --baseline
    #[arg(long, value_name = "FILE", help_heading = "Output", conflicts_with_all = ["baseline", "diff", "statistics"])]
    pub write_baseline: Option<PathBuf>,
    /// Write the report to FILE
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// What fails: error, warning, info, style, never [default: info]
    #[arg(
        long,
        value_name = "SEVERITY",
        value_enum,
        hide_possible_values = true,
        help_heading = "Output"
    )]
    pub fail_on: Option<FailOn>,
    /// End with 0 whatever is found in the files
    #[arg(long, help_heading = "Output")]
    pub exit_zero: bool,
}

/// `mbopt plan`.
#[derive(Debug, Args)]
#[command(after_help = "Example: mbopt plan --format mermaid Dockerfile")]
pub struct Plan {
    /// The Dockerfile, its folder, or - for standard input
    #[arg(value_name = "FILE", default_value = ".", hide_default_value = true)]
    pub file: PathBuf,
    /// The build context [default: the nearest folder that holds what COPY and ADD name]
    #[arg(long, value_name = "DIR")]
    pub context: Option<PathBuf>,
    /// How to show it: text, json, mermaid, dot, svg
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        hide_possible_values = true,
        hide_default_value = true
    )]
    pub format: PlanFormat,
    /// How boldly at most: order, slim, application, artifacts [default: artifacts]
    #[arg(long, value_name = "LEVEL", value_enum, hide_possible_values = true)]
    pub level: Option<StageLevel>,
    /// Use this config instead of the nearest mbopt.yaml
    #[arg(long, value_name = "FILE", conflicts_with = "no_config")]
    pub config: Option<PathBuf>,
    /// Use no config
    #[arg(long)]
    pub no_config: bool,
}

/// `mbopt rules`.
#[derive(Debug, Args)]
#[command(after_help = "Example: mbopt rules --map hadolint")]
pub struct Rules {
    /// How to list: text or json
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        hide_possible_values = true
    )]
    pub format: ListFormat,
    /// List which rule stands for which code of another linter: hadolint or buildkit
    #[arg(long, value_name = "LINTER", value_enum, hide_possible_values = true)]
    pub map: Option<Peer>,
}

/// `mbopt explain`.
#[derive(Debug, Args)]
#[command(after_help = "Example: mbopt explain DL3008")]
pub struct Explain {
    /// A rule's id, or another linter's code for it
    #[arg(value_name = "RULE")]
    pub rule: String,
}

/// `mbopt lsp`.
#[derive(Debug, Args)]
#[command(
    after_help = "Editors start this themselves; docs/editors.md says how to set them up. It speaks the\nLanguage Server Protocol on standard input and output.\n\nExample: mbopt lsp"
)]
pub struct Lsp {
    /// Taken and passed over: what many editors say, and the only way there is
    #[arg(long)]
    pub stdio: bool,
}

/// `mbopt schema`.
#[derive(Debug, Args)]
#[command(after_help = "Example: mbopt schema config > mbopt.schema.json")]
pub struct Schema {
    /// Of what: config
    #[arg(value_name = "WHAT", value_enum, hide_possible_values = true)]
    pub what: SchemaName,
}

/// `--format` of `lint`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum FormatName {
    /// For people, with source lines.
    #[default]
    Text,
    /// One line a finding.
    Concise,
    /// mbopt's own, versioned.
    Json,
    /// SARIF 2.1.0.
    Sarif,
    /// GitHub workflow commands.
    Github,
    /// Code Climate issues, as GitLab takes them.
    #[value(alias = "codeclimate")]
    Gitlab,
    /// Checkstyle's XML.
    Checkstyle,
    /// JUnit's XML.
    Junit,
    /// Tables.
    Markdown,
}

impl FormatName {
    /// Whether services read it that know files by their paths in the repository.
    pub fn is_for_services(self) -> bool {
        !matches!(self, FormatName::Text | FormatName::Concise | FormatName::Json)
    }
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Format {
        match name {
            FormatName::Text => Format::Text,
            FormatName::Concise => Format::Concise,
            FormatName::Json => Format::Json,
            FormatName::Sarif => Format::Sarif,
            FormatName::Github => Format::Github,
            FormatName::Gitlab => Format::CodeClimate,
            FormatName::Checkstyle => Format::Checkstyle,
            FormatName::Junit => Format::Junit,
            FormatName::Markdown => Format::Markdown,
        }
    }
}

/// `--shellcheck`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ShellCheck {
    /// Never.
    Off,
    /// Where it is installed.
    Auto,
    /// Its absence is an error.
    Require,
}

impl From<ShellCheck> for crate::config::ShellCheck {
    fn from(when: ShellCheck) -> Self {
        match when {
            ShellCheck::Off => crate::config::ShellCheck::Off,
            ShellCheck::Auto => crate::config::ShellCheck::Auto,
            ShellCheck::Require => crate::config::ShellCheck::Require,
        }
    }
}

/// `--format` of `plan`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum PlanFormat {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
    /// The stages, for Markdown.
    Mermaid,
    /// The stages, for Graphviz.
    Dot,
    /// The stages, for a browser.
    Svg,
}

impl From<PlanFormat> for crate::report::plan::PlanFormat {
    fn from(name: PlanFormat) -> Self {
        use crate::report::plan::PlanFormat as Drawn;
        match name {
            PlanFormat::Text => Drawn::Text,
            PlanFormat::Json => Drawn::Json,
            PlanFormat::Mermaid => Drawn::Mermaid,
            PlanFormat::Dot => Drawn::Dot,
            PlanFormat::Svg => Drawn::Svg,
        }
    }
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Yes.
    On,
    /// No.
    Off,
}

/// `--level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StageLevel {
    /// Cache order and clean-up in one stage.
    #[value(alias = "l0")]
    Order,
    /// A slim base.
    #[value(alias = "l1")]
    Slim,
    /// The application's folder.
    #[value(alias = "l2")]
    Application,
    /// What the build makes.
    #[value(alias = "l3")]
    Artifacts,
}

impl From<StageLevel> for crate::config::StageLevel {
    fn from(level: StageLevel) -> Self {
        match level {
            StageLevel::Order => crate::config::StageLevel::Order,
            StageLevel::Slim => crate::config::StageLevel::Slim,
            StageLevel::Application => crate::config::StageLevel::Application,
            StageLevel::Artifacts => crate::config::StageLevel::Artifacts,
        }
    }
}

/// `--fail-on`. Style is a matter of taste, so it does not fail a build unless asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum FailOn {
    /// Errors only.
    Error,
    /// Warnings and errors.
    Warning,
    /// All but matters of style.
    #[default]
    Info,
    /// Everything.
    Style,
    /// Nothing; a file that BuildKit would refuse still ends with 4.
    Never,
}

impl FailOn {
    /// The least severity that fails; none where none does.
    pub fn severity(self) -> Option<Severity> {
        match self {
            FailOn::Error => Some(Severity::Error),
            FailOn::Warning => Some(Severity::Warning),
            FailOn::Info => Some(Severity::Info),
            FailOn::Style => Some(Severity::Style),
            FailOn::Never => None,
        }
    }
}

/// `--format` of `rules`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ListFormat {
    /// A table.
    #[default]
    Text,
    /// With all that a rule says of itself.
    Json,
}

/// `--map` of `rules`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Peer {
    /// Codes such as DL3008.
    Hadolint,
    /// Names such as JSONArgsRecommended.
    Buildkit,
}

/// What `schema` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaName {
    /// Of mbopt.yaml.
    Config,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_help_fits_a_screen_and_ends_with_an_example() {
        let mut top = Cli::command().term_width(100);
        top.build();
        let mut helps = vec![("mbopt".to_owned(), top.render_help().to_string())];
        for sub in top.get_subcommands_mut() {
            helps.push((sub.get_name().to_owned(), sub.render_help().to_string()));
        }
        assert!(helps.len() > 5);
        for (name, help) in helps {
            assert!(
                help.lines().count() <= 50,
                "{name}: {} lines\n{help}",
                help.lines().count()
            );
            assert!(
                help.trim_end().lines().last().unwrap().starts_with("Example: mbopt"),
                "{name}"
            );
        }
    }
}
