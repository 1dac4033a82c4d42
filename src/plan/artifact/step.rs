//! The commands that a build, or a start, runs: those of the Dockerfile and, where these only name a
//! script (npm's, a Makefile's, a shell file of the context), those of the script.

use super::follow::{self, Followed, Piece};
use super::landing::{Landing, absolute};
use crate::context::{Context, sources};
use crate::facts::scripts;
use crate::model::{Form, Instruction, Kind};
use crate::plan::evidence::{Evidence, EvidenceSource};
use crate::plan::site::{Place, Site};
use crate::shell::{self, Command, Dialect, Script, ShellWord};
use crate::source::Span;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How deep scripts may call each other.
const MAX_DEPTH: usize = 8;
/// More commands than this are not followed.
const MAX_STEPS: usize = 2_000;
/// So many scripts are parsed by one thread before it asks for more.
const AT_ONCE: usize = 32;
/// From so many scripts on it pays to read ahead.
const MANY: usize = 2 * AT_ONCE;

/// One command, seen through wrappers, with its variables replaced where they are known.
#[derive(Debug, Clone)]
pub struct Step {
    /// The command of the Dockerfile that runs it.
    pub place: Place,
    /// Where it is written.
    pub from: EvidenceSource,
    /// The command's bytes in the Dockerfile, where it stands there itself.
    pub span: Option<Span>,
    /// The bytes of the Dockerfile's own command that this one is run by; its own where it stands
    /// there itself. None in exec forms.
    pub outer: Option<Span>,
    /// The program's name without its path.
    pub program: String,
    /// The program as it is written.
    pub name: String,
    /// Its arguments; what is not known stays as it is written, with a `$`.
    pub words: Vec<String>,
    /// The directory that it runs in, absolute.
    pub cwd: Option<String>,
    /// Variables that scripts set for it.
    pub vars: BTreeMap<String, String>,
    /// The scripts that led here, the outermost first.
    pub via: Arc<[Arc<str>]>,
    /// Wrappers in front of it: `tini`, `gosu`.
    pub wrappers: Vec<String>,
    /// Files that its output is written to.
    pub writes: Vec<String>,
    /// It stands for a script whose commands follow.
    pub followed: bool,
    /// Why its script could not be followed.
    pub lost: Option<String>,
    /// It runs in a condition, a loop or a function.
    pub conditional: bool,
}

impl Step {
    /// Evidence that rests on this command.
    pub fn evidence(&self, says: impl Into<String>) -> Evidence {
        Evidence::new(self.from.clone(), says)
    }

    /// A path of its arguments, absolute; none where it is not known.
    pub fn path(&self, word: &str) -> Option<String> {
        (!word.contains('$') && !word.contains('`')).then(|| absolute(self.cwd.as_deref(), word))?
    }

    /// The value of the last of these options: `-o x`, `-ox` for single letters, `--out=x`, `--out x`.
    pub fn option(&self, names: &[&str]) -> Option<&str> {
        let mut found = None;
        let mut words = self.words.iter().map(String::as_str).peekable();
        while let Some(word) = words.next() {
            for name in names {
                if word == *name {
                    found = words.peek().copied().or(found);
                } else if let Some(rest) = word.strip_prefix(name) {
                    if let Some(value) = rest.strip_prefix('=') {
                        found = Some(value);
                    } else if name.len() == 2 && !name.starts_with("--") && !rest.is_empty() {
                        found = Some(rest);
                    }
                }
            }
        }
        found
    }

    /// Whether a word is there.
    pub fn has(&self, word: &str) -> bool {
        self.words.iter().any(|w| w == word)
    }

    /// The arguments that are no options and no values of the given options.
    pub fn operands<'s>(&'s self, with_value: &[&str]) -> Vec<&'s str> {
        let mut found = Vec::new();
        let mut words = self.words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            if word == "--" {
                found.extend(words.by_ref());
            } else if word.len() > 1 && word.starts_with('-') {
                if with_value.contains(&word) {
                    words.next();
                }
            } else {
                found.push(word);
            }
        }
        found
    }

    /// The command as text.
    pub fn text(&self) -> String {
        let mut text = self.program.clone();
        for word in &self.words {
            text.push(' ');
            text.push_str(word);
        }
        text
    }

    /// A variable's value: the script's own, else the Dockerfile's.
    pub fn var(&self, site: &Site<'_>, name: &str) -> Option<String> {
        if let Some(value) = self.vars.get(name) {
            return Some(value.clone());
        }
        let variable = site.file().view_at(self.place.instruction).get(name)?;
        variable.value.as_deref().map(str::to_owned)
    }
}

/// What scripts change as they run.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    pub cwd: Option<String>,
    pub vars: BTreeMap<String, String>,
    /// `$@`.
    pub args: Vec<String>,
}

/// Where a script comes from.
#[derive(Clone)]
struct Origin {
    place: Place,
    via: Arc<[Arc<str>]>,
    /// The context file, and whether it is a manifest; none for the Dockerfile.
    file: Option<(Arc<str>, bool)>,
    /// Line of the script's first line in that file.
    line: Option<usize>,
    depth: usize,
    /// The Dockerfile's command that runs it.
    outer: Option<Span>,
    /// Whether `$X` is replaced: not in exec forms.
    expands: bool,
    /// The chain of a RUN names its pieces.
    pieces: bool,
}

/// Walks commands.
pub struct Walker<'a> {
    /// The stage.
    pub site: Site<'a>,
    /// Where the context is.
    pub landing: Landing,
    steps: Vec<Step>,
}

impl<'a> Walker<'a> {
    /// A walker over a site.
    pub fn new(site: &Site<'a>) -> Self {
        Walker {
            site: *site,
            landing: Landing::of(site),
            steps: Vec::new(),
        }
    }

    /// The commands of all RUN instructions, in order.
    pub fn build(&mut self) -> Vec<Step> {
        let site = self.site;
        for instruction in site.instructions() {
            let Some(run) = site.facts.run(instruction) else {
                continue;
            };
            let expands = !matches!(
                &instruction.kind,
                Kind::Run {
                    form: Form::Exec(_),
                    ..
                }
            );
            let origin = Origin {
                place: Place {
                    instruction: instruction.index,
                    piece: None,
                },
                via: Arc::default(),
                file: None,
                line: None,
                depth: 0,
                outer: None,
                expands,
                pieces: expands,
            };
            let mut state = State {
                cwd: site.workdir_at(instruction.index),
                ..State::default()
            };
            self.script(&run.script, &mut state, &origin);
        }
        std::mem::take(&mut self.steps)
    }

    /// The commands of CMD, ENTRYPOINT or HEALTHCHECK. `more` are words that follow an exec form.
    pub fn start(&mut self, instruction: &Instruction, form: &Form, more: Option<&Form>) -> Vec<Step> {
        let site = self.site;
        let dialect = site.facts.shell(instruction);
        let (script, expands) = match (form, more) {
            (Form::Exec(words), Some(Form::Exec(more))) => {
                let words: Vec<_> = words.iter().chain(more).cloned().collect();
                (shell::from_exec(&words), false)
            }
            (Form::Exec(words), _) => (shell::from_exec(words), false),
            (Form::Shell(_), _) => (scripts::of_form(site.file(), instruction, form, &[], dialect), true),
        };
        let origin = Origin {
            place: Place {
                instruction: instruction.index,
                piece: None,
            },
            via: Arc::default(),
            file: None,
            line: None,
            depth: 0,
            outer: None,
            expands,
            pieces: false,
        };
        let mut state = State {
            cwd: site.workdir(),
            ..State::default()
        };
        self.script(&script, &mut state, &origin);
        std::mem::take(&mut self.steps)
    }

    fn script(&mut self, script: &Script, state: &mut State, origin: &Origin) {
        // A subshell's `cd` ends with its link.
        let mut outside: Option<(Option<usize>, Option<String>)> = None;
        for (index, command) in script.commands.iter().enumerate() {
            if command.place.in_substitution || self.steps.len() >= MAX_STEPS {
                continue;
            }
            if let Some((link, cwd)) = &outside
                && *link != command.place.link
            {
                state.cwd.clone_from(cwd);
                outside = None;
            }
            if command.place.in_subshell && outside.is_none() {
                outside = Some((command.place.link, state.cwd.clone()));
            }
            let nested_follow = script.commands.get(index + 1).is_some_and(|next| {
                next.place.nested && (!command.place.nested || next.place.depth > command.place.depth)
            });
            self.command(command, state, origin, nested_follow);
        }
        if let Some((_, cwd)) = outside {
            state.cwd = cwd;
        }
    }

    fn command(&mut self, command: &Command, state: &mut State, origin: &Origin, nested: bool) {
        let mut own = state.vars.clone();
        for assignment in &command.assignments {
            let value = assignment.value.as_ref().map(|v| self.expand(v, state, origin));
            let value = value.unwrap_or_default().join(" ");
            own.insert(assignment.name.clone(), value);
        }
        let base = command.base_name();
        if command.name.text.is_empty() || matches!(base, "export" | "declare" | "readonly" | "local" | "typeset") {
            state.vars = own;
            return;
        }
        let mut words = Vec::with_capacity(command.words.len() + 1);
        for word in std::iter::once(&command.name).chain(&command.words) {
            self.expand_into(&mut words, word, state, origin);
        }
        if base == "cd" || base == "pushd" {
            let to = words.iter().skip(1).find(|w| !w.starts_with('-'));
            state.cwd = match to {
                Some(to) if !to.contains('$') => absolute(state.cwd.as_deref(), to),
                Some(_) => None,
                None => Some("/root".to_owned()),
            };
            return;
        }
        let mut inner = words.split_off(shell::in_front(&words));
        if inner.is_empty() {
            return;
        }
        let name = inner.remove(0);
        let mut wrappers = Vec::new();
        for word in words {
            match word.split_once('=') {
                Some((key, value)) if !key.starts_with('-') && !key.is_empty() => {
                    own.insert(key.to_owned(), value.to_owned());
                }
                _ if word.starts_with('-') => {}
                _ => wrappers.push(word),
            }
        }
        let program = name.rsplit('/').next().unwrap_or(&name).to_owned();
        let writes = command
            .redirects
            .iter()
            .filter(|r| matches!(r.operator.as_str(), ">" | ">>" | "&>" | ">|"))
            .filter_map(|r| r.target.as_ref())
            .filter_map(|t| self.expand(t, state, origin).into_iter().next())
            .collect();
        let place = Place {
            instruction: origin.place.instruction,
            piece: if origin.pieces && origin.depth == 0 {
                command.place.link
            } else {
                origin.place.piece
            },
        };
        let from = self.source(command.span, origin);
        let direct = origin.file.is_none();
        let at = self.steps.len();
        self.steps.push(Step {
            place,
            from,
            span: direct.then_some(command.span),
            outer: origin
                .outer
                .or_else(|| (direct && origin.expands).then_some(command.span)),
            program,
            name,
            words: inner,
            cwd: state.cwd.clone(),
            vars: own.clone(),
            via: origin.via.clone(),
            wrappers,
            writes,
            followed: nested,
            lost: None,
            conditional: command.place.in_conditional || command.place.in_loop || command.place.in_function,
        });
        if nested {
            return;
        }
        if origin.depth >= MAX_DEPTH {
            if let Some(step) = self.steps.get_mut(at) {
                step.lost = Some("scripts call each other too deeply".to_owned());
            }
            return;
        }
        self.follow(at, &own, state, origin, place);
    }

    fn follow(&mut self, at: usize, vars: &BTreeMap<String, String>, state: &State, origin: &Origin, place: Place) {
        let Some(step) = self.steps.get(at) else { return };
        let world = follow::World {
            context: self.site.context,
            landing: &self.landing,
        };
        let outer = step.outer;
        match follow::follow(step, &world) {
            Followed::Plain => {}
            Followed::Lost(why) => {
                if let Some(step) = self.steps.get_mut(at) {
                    step.lost = Some(why);
                }
            }
            Followed::Scripts(pieces) => {
                let Some(step) = self.steps.get_mut(at) else { return };
                step.followed = true;
                let parent = step.from.clone();
                // A Makefile may have a command for each of a thousand objects.
                let parse = |p: &Piece| shell::heredoc_script(&p.text, Span::new(0, p.text.len()), &Dialect::Posix);
                let scripts: Vec<Script> = pieces.par_iter().with_min_len(AT_ONCE).map(parse).collect();
                let (context, landing) = (self.site.context, self.landing.clone());
                rayon::in_place_scope(|scope| {
                    // While so many are walked, others read what they compile: the sources are asked for next.
                    if let Some(context) = context.filter(|_| scripts.len() > MANY) {
                        let landing = &landing;
                        for (pieces, scripts) in pieces.chunks(AT_ONCE).zip(scripts.chunks(AT_ONCE)) {
                            scope.spawn(move |_| read_ahead(context, landing, pieces, scripts));
                        }
                    }
                    for (piece, script) in pieces.iter().zip(&scripts) {
                        let inner = Origin {
                            place,
                            via: origin.via.iter().cloned().chain([piece.via.clone()]).collect(),
                            file: piece
                                .file
                                .clone()
                                .map(|path| (path, piece.manifest))
                                .or(origin.file.clone()),
                            line: piece.line,
                            depth: origin.depth + 1,
                            outer,
                            expands: true,
                            pieces: false,
                        };
                        let mut below = State {
                            cwd: piece.cwd.clone().or_else(|| state.cwd.clone()),
                            vars: vars.clone(),
                            args: piece.args.clone(),
                        };
                        self.inner_script(script, &piece.text, &mut below, &inner, &parent);
                    }
                });
            }
        }
    }

    /// A script whose spans are those of another text than the Dockerfile.
    fn inner_script(
        &mut self,
        script: &Script,
        text: &str,
        state: &mut State,
        origin: &Origin,
        parent: &EvidenceSource,
    ) {
        let first = self.steps.len();
        let before = origin.line.unwrap_or(1);
        let mut numbered = origin.clone();
        numbered.line = Some(before);
        self.script(script, state, &numbered);
        // Lines are told where the text is at hand.
        for step in self.steps.iter_mut().skip(first) {
            let own = match &step.from {
                EvidenceSource::Command(span) => Some(*span),
                _ => None,
            };
            let Some((path, manifest)) = &origin.file else {
                step.from = parent.clone();
                step.span = None;
                continue;
            };
            if let Some(span) = own {
                let lines = text.get(..span.start).map_or(0, |t| t.matches('\n').count());
                let line = Some(before + lines);
                let path = path.to_string();
                step.from = if *manifest {
                    EvidenceSource::Manifest { path, line }
                } else {
                    EvidenceSource::SourceFile { path, line }
                };
            }
            step.span = None;
        }
    }

    fn source(&self, span: Span, origin: &Origin) -> EvidenceSource {
        if origin.pieces || origin.file.is_some() {
            EvidenceSource::Command(span)
        } else {
            EvidenceSource::Cmd(span)
        }
    }

    /// The words that a word becomes.
    fn expand(&self, word: &ShellWord, state: &State, origin: &Origin) -> Vec<String> {
        let mut words = Vec::new();
        self.expand_into(&mut words, word, state, origin);
        words
    }

    /// Adds the words that a word becomes. `$@` becomes all arguments; a variable that is not known stays.
    fn expand_into(&self, words: &mut Vec<String>, word: &ShellWord, state: &State, origin: &Origin) {
        if !origin.expands || !word.expands {
            words.push(word.text.clone());
            return;
        }
        if matches!(word.text.as_str(), "$@" | "${@}" | "$*" | "${*}") {
            words.extend(state.args.iter().cloned());
            return;
        }
        let view = self.site.file().view_at(origin.place.instruction);
        let value = substitute(&word.text, &|name| {
            if let Some(position) = name.parse::<usize>().ok().filter(|p| *p > 0) {
                return state.args.get(position - 1).cloned();
            }
            if let Some(value) = state.vars.get(name) {
                return Some(value.clone());
            }
            let known = view.get(name).and_then(|v| v.value.as_deref().map(str::to_owned));
            known.or_else(|| match name {
                "PWD" => state.cwd.clone(),
                "HOME" => Some("/root".to_owned()),
                _ => None,
            })
        });
        // Unquoted, it is split at blanks.
        if word.quoted || !value.contains(' ') {
            words.push(value);
        } else {
            words.extend(value.split_whitespace().map(str::to_owned));
        }
    }
}

/// Reads the files of the context that the words of these scripts name, for those who ask for them.
fn read_ahead(context: &Context, landing: &Landing, pieces: &[Piece], scripts: &[Script]) {
    let folder = |piece: &Piece| piece.cwd.as_deref().and_then(|cwd| landing.context_of(cwd));
    let mut known: Option<(&Piece, Option<String>)> = None;
    for (piece, script) in pieces.iter().zip(scripts) {
        // Most run where the one before did.
        let folder = match &known {
            Some((other, folder)) if other.cwd == piece.cwd => folder,
            _ => &known.insert((piece, folder(piece))).1,
        };
        let Some(folder) = folder else { continue };
        for word in script.commands.iter().flat_map(|command| &command.words) {
            if !word.text.starts_with(['-', '/', '.']) {
                let path = sources::join(folder, &word.text);
                if context.walk().get(&path).is_some() {
                    context.text(&path);
                }
            }
        }
    }
}

/// Replaces `$NAME`, `${NAME}` and `${NAME:-default}`; what is not known stays as it is written.
pub(super) fn substitute(text: &str, value: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(rest.get(..at).unwrap_or_default());
        let behind = rest.get(at + 1..).unwrap_or_default();
        let (name, modifier, length) = match behind.strip_prefix('{') {
            Some(inner) => {
                let Some(end) = inner.find('}') else {
                    out.push('$');
                    rest = behind;
                    continue;
                };
                let inside = inner.get(..end).unwrap_or_default();
                let name_end = inside
                    .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                    .unwrap_or(inside.len());
                let (name, modifier) = inside.split_at(name_end);
                (name, modifier, end + 2)
            }
            None => {
                let digits = behind.starts_with(|c: char| c.is_ascii_digit());
                let end = behind
                    .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                    .unwrap_or(behind.len());
                let end = if digits { 1 } else { end };
                (behind.get(..end).unwrap_or_default(), "", end)
            }
        };
        let default = modifier.strip_prefix(":-").or_else(|| modifier.strip_prefix('-'));
        let known = (!name.is_empty() && (modifier.is_empty() || default.is_some()))
            .then(|| value(name))
            .flatten();
        match known.or_else(|| default.map(str::to_owned)) {
            Some(value) => out.push_str(&value),
            None => {
                out.push('$');
                out.push_str(behind.get(..length).unwrap_or_default());
            }
        }
        rest = behind.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// Whether a file of the context is there to be read.
pub(super) fn text_of(context: Option<&Context>, path: &str) -> Option<String> {
    context?.read_text(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::artifact::testing::with_site;

    fn steps(text: &str, files: &[(&str, &str)]) -> Vec<String> {
        let mut found = Vec::new();
        with_site(text, files, |site| {
            found = Walker::new(site)
                .build()
                .iter()
                .filter(|s| !s.followed)
                .map(|s| format!("{}: {}", s.cwd.as_deref().unwrap_or("?"), s.text()))
                .collect();
        });
        found
    }

    #[test]
    fn directories_and_variables_are_followed() {
        let text = "FROM golang:1.22\nENV OUT=/bin/app\nWORKDIR /src\nRUN cd cmd && X=1 && go build -o $OUT -x=$X && (cd y && a) && b \"$Z\"\nRUN [\"c\", \"$OUT\"]\n";
        assert_eq!(
            steps(text, &[]),
            [
                "/src/cmd: go build -o /bin/app -x=1",
                "/src/cmd/y: a",
                "/src/cmd: b $Z",
                "/src: c $OUT"
            ]
        );
    }

    #[test]
    fn scripts_are_followed() {
        let files = [
            (
                "package.json",
                r#"{"scripts": {"prebuild": "clean", "build": "vite build"}}"#,
            ),
            ("build.sh", "#!/bin/sh\nset -e\ngcc -o \"$1\" main.c\n"),
            (
                "Makefile",
                "CC ?= gcc\nall: app\napp: main.o\n\t@$(CC) -o $@ $^ \\\n\t  -lm\nmain.o: main.c\n\t$(CC) -c $<\n",
            ),
        ];
        let text = "FROM node:20\nWORKDIR /a\nCOPY . .\nRUN npm run build -- --base /x && ./build.sh out && make\n";
        assert_eq!(
            steps(text, &files),
            [
                "/a: clean",
                "/a: vite build --base /x",
                "/a: set -e",
                "/a: gcc -o out main.c",
                "/a: gcc -c main.c",
                "/a: gcc -o app main.o -lm"
            ]
        );
    }

    #[test]
    fn variables_are_replaced_where_they_are_known() {
        let known = |name: &str| (name == "A").then(|| "1".to_owned());
        assert_eq!(substitute("$A${A}-${B:-2}$B$", &known), "11-2$B$");
        assert_eq!(substitute("${A%x}$1", &known), "${A%x}$1");
    }
}
