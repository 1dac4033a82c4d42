//! The shape of a rule file. Only serde is used here: the build script includes this file to check
//! and compile `rules/*.yaml`, and the program uses it to read user rules.

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Error as _, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;

/// A file `rules/<id>.yaml`; the rule's id is the file's name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RuleFile {
    /// One line, no final full stop.
    pub summary: String,
    /// What it is about.
    pub category: Category,
    /// `error`, `warning`, `info` or `style`.
    pub severity: Level,
    /// Whether it runs without being selected; `true` unless said.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Other linters' codes for it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// The rules to which this one leaves a fault that both see: `- same-words: [rule]` (on the very
    /// words), `- same-file: [rule]`, `- mended-by: [rule]` (where it offers a fix in the file), `- refusal`
    /// (what BuildKit refuses anyway).
    #[serde(default, with = "serde_yaml::with::singleton_map_recursive")]
    pub yields_to: Vec<YieldFile>,
    /// The documentation, in Markdown: `what`, `why`, and `fix-safety` where there is a fix.
    pub docs: Docs,
    /// For a Rust check: options, by name, with `type`, `default` and `what`.
    #[serde(default)]
    pub options: BTreeMap<String, OptionFile>,
    /// Addresses of the documents that say so.
    #[serde(default)]
    pub references: Vec<String>,
    /// `rust`: the check is `src/rule/checks/<id>.rs`.
    #[serde(default)]
    pub check: Option<CheckKind>,
    /// For a Rust check: what it wants to see, of `file`, `stage`, `instruction`, `command`.
    #[serde(default)]
    pub on: Vec<Hook>,
    /// For a Rust check: the best applicability of its fixes, if it has any: `safe`, `unsafe`,
    /// `display-only`.
    #[serde(default)]
    pub fixable: Option<Trust>,
    /// The declarative check: `on`, `keyword`, `command`, `each`, `scope`, `when`, `at`.
    #[serde(default, rename = "match")]
    pub matcher: Option<MatchFile>,
    /// The finding's sentence; `{field}` is replaced.
    #[serde(default)]
    pub message: Option<String>,
    /// One line on what to do; `{field}` is replaced.
    #[serde(default)]
    pub help: Option<String>,
    /// The declarative fix: `title`, `applicability`, `unsafe-when`, `effects`, `edits`.
    #[serde(default)]
    pub fix: Option<FixFile>,
    /// Examples; each is a test.
    pub examples: Vec<ExampleFile>,
}

fn yes() -> bool {
    true
}

/// What a rule is about.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Category {
    Size,
    Cache,
    Security,
    Correctness,
    Reproducibility,
    Style,
}

/// Where a rule stays silent since another says more: one fault is said once. Ids are of built-in
/// rules.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum YieldFile {
    /// Where one of these rules stands on the very words.
    SameWords(Vec<String>),
    /// Where one of these rules found something in the file.
    SameFile(Vec<String>),
    /// Where one of these rules offers a fix in the file, which mends this fault too.
    MendedBy(Vec<String>),
    /// Where BuildKit refuses the very words whatever the build arguments are. Where arguments could
    /// lift the refusal, the rule speaks in its place.
    Refusal,
}

/// Severity, as written.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Level {
    Error,
    Warning,
    Info,
    Style,
}

/// Applicability, as written.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Trust {
    Safe,
    Unsafe,
    DisplayOnly,
}

/// Where a check is written, when it is not declarative.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum CheckKind {
    Rust,
}

/// What a check looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Hook {
    File,
    Stage,
    Instruction,
    Command,
    /// Comments that silence findings, behind everything else.
    Suppression,
    /// What a program outside found; it comes with the file.
    Outside,
}

/// Documentation in Markdown.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Docs {
    /// What it finds.
    pub what: String,
    /// Why that matters.
    pub why: String,
    /// When its fix is safe, when not, and why. Needed where there is a fix.
    #[serde(default)]
    pub fix_safety: Option<String>,
}

/// An option.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OptionFile {
    /// `bool`, `integer`, `string`, `list` or `map`.
    #[serde(rename = "type")]
    pub kind: OptionKind,
    /// Its default.
    pub default: serde_yaml::Value,
    /// What it does.
    pub what: String,
}

/// An option's type.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum OptionKind {
    Bool,
    Integer,
    String,
    List,
    Map,
}

/// An example.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExampleFile {
    /// What it shows.
    #[serde(default)]
    pub title: String,
    /// The rule fires.
    #[serde(default)]
    pub bad: String,
    /// The rule is silent; behind a `bad` of a rule with a fix: the fixed text.
    #[serde(default)]
    pub good: String,
    /// Files of the build context.
    #[serde(default)]
    pub context: BTreeMap<String, String>,
    /// Files that the fix makes in it, all of them.
    #[serde(default)]
    pub creates: BTreeMap<String, String>,
    /// The rule's options, where they are not the default ones.
    #[serde(default)]
    pub options: BTreeMap<String, serde_yaml::Value>,
}

/// The declarative check.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MatchFile {
    /// What it looks at.
    pub on: Hook,
    /// Only these instructions (lower case), for `on: instruction`.
    #[serde(default)]
    pub keyword: Vec<String>,
    /// Only commands of these names, for `on: command`.
    #[serde(default)]
    pub command: Vec<String>,
    /// Looks at each element of a list instead of the whole.
    #[serde(default)]
    pub each: Option<Each>,
    /// All of these must hold for the stage.
    #[serde(default)]
    pub scope: Vec<ScopeWord>,
    /// The condition; absent means always.
    #[serde(default)]
    pub when: Option<CondFile>,
    /// The field whose words are underlined; default: the keyword, the command's name, the element.
    #[serde(default)]
    pub at: Option<Field>,
}

/// A list to walk through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Each {
    /// Pairs of ENV, LABEL, ARG.
    Pair,
    /// Ports of EXPOSE, paths of VOLUME, words of SHELL.
    Word,
    /// Sources of COPY and ADD.
    Source,
    /// Mounts of RUN.
    Mount,
    /// Flags of the instruction.
    Flag,
    /// Packages that a command installs.
    Package,
    /// Arguments of a command.
    Argument,
    /// URLs that a command fetches.
    Url,
}

/// A property of the stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScopeWord {
    /// Its layers end up in the image.
    Ships,
    /// It does not ship.
    Builder,
    /// It is the last stage.
    Final,
    /// Its shell is a POSIX-like one.
    Posix,
    /// Not below ONBUILD.
    Direct,
    /// Before the first FROM.
    Preamble,
    /// Its base is a Windows image.
    Windows,
}

/// What can be asked of the thing looked at. A field may have several values; a test holds if it
/// holds for one of them, and that one is what `{field}` and `at` mean afterwards. A field of the
/// instruction can be asked from its commands and elements too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// The element under `each`.
    It,
    /// The instruction's keyword, upper case.
    Keyword,
    /// The instruction's keyword as written.
    KeywordText,
    /// The whole instruction; its place is its lines, line ending included.
    Instruction,
    /// `yes` where a later instruction of the same kind in the stage takes its place.
    Superseded,
    /// Everything behind keyword and flags, as written.
    Arguments,
    /// `shell` or `exec`.
    Form,
    /// Names of the instruction's flags.
    Flag,
    /// The base image as written.
    Image,
    /// Its registry.
    Registry,
    /// Its repository.
    Repository,
    /// Its tag.
    Tag,
    /// Its digest.
    Digest,
    /// The Debian or Ubuntu release at the root of the stage, as far as the image's name tells:
    /// `debian 8`, `ubuntu 14.04`.
    BaseRelease,
    /// What FROM builds on: `image`, `stage`, `scratch`, `unknown`.
    BaseKind,
    /// `--platform`.
    Platform,
    /// The stage's name.
    StageName,
    /// The AS keyword as written.
    AsKeyword,
    /// Sources of COPY and ADD.
    Source,
    /// Destination of COPY and ADD.
    Destination,
    /// `--from`.
    From,
    /// What `--from` of COPY, ADD and mounts refers to: `stage` (one above), `empty-stage` (one above
    /// without any file), `own-stage`, `later-stage`, `image`, `scratch`, `unknown`.
    FromKind,
    /// `--chown`.
    Chown,
    /// `--chmod`.
    Chmod,
    /// Key of a pair.
    Key,
    /// Value of a pair, unquoted.
    Value,
    /// `legacy` where a pair is written with a blank.
    PairStyle,
    /// Single argument of USER, WORKDIR, STOPSIGNAL, MAINTAINER; words of EXPOSE, VOLUME, SHELL.
    Word,
    /// `none` or `cmd`.
    Healthcheck,
    /// Type of a mount.
    MountType,
    /// Target of a mount.
    MountTarget,
    /// Delimiters of heredocs.
    Heredoc,
    /// The command's name, without path, seen through `sudo`, `env` and the like.
    Name,
    /// The command as written.
    Command,
    /// Wrappers before the command (`sudo`, `env`, ...).
    Wrapper,
    /// The command's first argument that is no option.
    Subcommand,
    /// Arguments that are no options.
    Argument,
    /// Options; `--a=b` and `-ab` count as `--a`, and as `-ab`, `-a` and `-b`.
    Option,
    /// The package manager.
    Manager,
    /// What it does: `install`, `update`, `upgrade`, `remove`, `clean`, ...
    Action,
    /// Names of packages.
    Package,
    /// Version of a package.
    PackageVersion,
    /// `file`, `variable` or `name`.
    PackageKind,
    /// `yes` where the command answers questions itself.
    AssumeYes,
    /// `yes` where recommended packages are left out.
    NoRecommends,
    /// `yes` where no cache is left.
    NoCache,
    /// `production`, `development` or `unsaid`: which of a project's dependencies are installed.
    Selection,
    /// Packages named without a version, where their manager takes one; not files and variables.
    UnpinnedPackage,
    /// The folder of lists or downloads that the command leaves in its layer: no flag, setting or
    /// mount keeps it out, and nothing behind it in the same RUN removes it.
    Leftover,
    /// URLs that the command fetches.
    Url,
    /// Target of a redirect.
    Redirect,
    /// Variables outside double quotes in the command's words.
    UnquotedVariable,
    /// Names of the variables that ENV and ARG have set so far.
    Environment,
    /// Assignments in front of the command, or by `export`, as written: `A=b`.
    Assignment,
    /// The user that the instruction runs as, variables put in; absent where the base image decides.
    CurrentUser,
    /// Effective user at the stage's end; absent where the base image decides.
    User,
}

/// A condition.
#[derive(Debug)]
pub enum CondFile {
    /// All hold.
    All {
        /// The conditions.
        all: Vec<CondFile>,
    },
    /// At least one holds.
    Any {
        /// The conditions.
        any: Vec<CondFile>,
    },
    /// It does not hold.
    Not {
        /// The condition.
        not: Box<CondFile>,
    },
    /// A test of a field.
    Test(TestFile),
}

// By hand: of an enum without tags serde says only that nothing fits, not what is wrong.
impl<'de> Deserialize<'de> for CondFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(CondVisitor)
    }
}

struct CondVisitor;

impl<'de> Visitor<'de> for CondVisitor {
    type Value = CondFile;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a condition: `field:` with a test, or one of `all:`, `any:`, `not:`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<CondFile, A::Error> {
        let first: Option<String> = map.next_key()?;
        let cond = match first.as_deref() {
            Some("all") => CondFile::All { all: map.next_value()? },
            Some("any") => CondFile::Any { any: map.next_value()? },
            Some("not") => CondFile::Not { not: map.next_value()? },
            _ => {
                let keys = MapAccessDeserializer::new(PutBack { first, rest: map });
                return TestFile::deserialize(keys).map(CondFile::Test);
            }
        };
        match map.next_key::<String>()? {
            Some(other) => Err(A::Error::custom(format!(
                "`{other}` beside `{}`: a condition has one of them; join several by `all: [...]`",
                first.unwrap_or_default()
            ))),
            None => Ok(cond),
        }
    }
}

/// A mapping whose first key was read already.
struct PutBack<A> {
    first: Option<String>,
    rest: A,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for PutBack<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        match self.first.take() {
            Some(first) => seed.deserialize(first.into_deserializer()).map(Some),
            None => self.rest.next_key_seed(seed),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.rest.next_value_seed(seed)
    }
}

/// A test of a field: exactly one operator.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TestFile {
    /// The field.
    pub field: Option<Field>,
    /// Equal.
    pub equals: Option<String>,
    /// One of.
    #[serde(rename = "in")]
    pub one_of: Option<Vec<String>>,
    /// Begins with.
    pub prefix: Option<String>,
    /// Ends with.
    pub suffix: Option<String>,
    /// Holds.
    pub contains: Option<String>,
    /// Matches the regular expression.
    pub regex: Option<String>,
    /// Has no value.
    pub absent: Option<bool>,
    /// A dotted version before this one.
    pub version_below: Option<String>,
    /// Has more values than this.
    pub more_than: Option<usize>,
}

/// The declarative fix.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FixFile {
    /// What it does, in the imperative; `{field}` is replaced.
    pub title: String,
    /// How far it can be trusted.
    pub applicability: Trust,
    /// Where this holds, it is unsafe.
    #[serde(default)]
    pub unsafe_when: Option<CondFile>,
    /// What it announces to change.
    #[serde(default)]
    pub effects: Vec<String>,
    /// The edits.
    #[serde(with = "serde_yaml::with::singleton_map_recursive")]
    pub edits: Vec<EditFile>,
}

/// One edit.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EditFile {
    /// A blank and a word behind a field.
    InsertArg(InsertArg),
    /// Another text for a field.
    Replace(Replace),
    /// Without the field and the blanks before it.
    Delete(Delete),
    /// Text before and behind a field.
    Wrap(Wrap),
    /// A command behind the last one of the RUN, in the RUN's own layout.
    AppendCommand(AppendCommand),
}

/// See [`EditFile::InsertArg`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InsertArg {
    /// The field it goes behind.
    pub after: Field,
    /// The word; `{field}` is replaced.
    pub text: String,
}

/// See [`EditFile::Replace`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replace {
    /// The field.
    pub at: Field,
    /// The new text; `{field}` is replaced.
    pub text: String,
}

/// See [`EditFile::Delete`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delete {
    /// The field.
    pub at: Field,
}

/// See [`EditFile::Wrap`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wrap {
    /// The field.
    pub at: Field,
    /// Text before it.
    pub before: String,
    /// Text behind it.
    pub after: String,
}

/// See [`EditFile::AppendCommand`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppendCommand {
    /// The command; `{field}` is replaced.
    pub text: String,
}

/// A piece of a template: text, or a field with a filter.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text.
    Text(String),
    /// `{field}` or `{field|filter}`.
    Field(Field, Filter),
}

/// What is done to a field's value in a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filter {
    /// Nothing.
    Plain,
    /// Lower case.
    Lower,
    /// Upper case.
    Upper,
    /// As a string in double quotes.
    Json,
    /// As a JSON array, where an array that is none was meant to be one; else there is no fix.
    JsonArray,
    /// Only what stands behind the last `:` outside of `${...}`; without one there is no fix.
    BehindColon,
}

/// Reads `text with {field} and {field|filter}`; `{{` is a brace.
///
/// # Errors
/// An unknown field or filter, or a brace without its partner, in words for the rule's author.
pub fn template(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('{') {
            plain.push('{');
            rest = after;
            continue;
        }
        let end = rest.find('}').ok_or_else(|| format!("`{{` without `}}` in `{text}`"))?;
        let (name, filter) = rest[..end].split_once('|').unwrap_or((&rest[..end], "plain"));
        let field = name_of(name).ok_or_else(|| format!("unknown field `{name}` in `{text}`"))?;
        let filter = name_of(filter).ok_or_else(|| format!("unknown filter `{filter}` in `{text}`"))?;
        if !plain.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
        }
        pieces.push(Piece::Field(field, filter));
        rest = &rest[end + 1..];
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

fn name_of<T: for<'de> Deserialize<'de>>(name: &str) -> Option<T> {
    let name: serde::de::value::StrDeserializer<'_, serde::de::value::Error> = name.into_deserializer();
    T::deserialize(name).ok()
}
