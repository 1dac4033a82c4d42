//! Names in a Dockerfile and the places where they stand: stages, and the variables that ARG and
//! ENV declare.

use crate::model::{Dockerfile, Instruction, Keyword, Kind, StageId};
use crate::source::Span;

/// What a name means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Symbol {
    /// A stage.
    Stage(StageId),
    /// An ARG, with those of the same name that take its value.
    Arg(String),
    /// A variable that ENV sets.
    Env(String),
}

/// A place where a name stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    /// The name alone, without `$` or `--from=`.
    pub span: Span,
    /// Whether the name is declared here.
    pub declares: bool,
}

/// A `$NAME` or `${NAME...}`.
struct Reference<'a> {
    name: &'a str,
    span: Span,
    instruction: usize,
}

fn is_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Whether a name can be that of a variable.
pub fn is_variable_name(name: &str) -> bool {
    name.starts_with(is_start) && name.chars().all(is_part)
}

/// Whether a name can be that of a stage: what BuildKit's FROM takes, and no reserved one.
pub fn is_stage_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        && !["scratch", "context"]
            .iter()
            .any(|reserved| name.eq_ignore_ascii_case(reserved))
}

/// Whether the build puts values for variables into an instruction of this kind, or, for RUN, gives
/// them to its script.
fn takes_variables(keyword: Keyword) -> bool {
    use Keyword as K;
    !matches!(
        keyword,
        K::Cmd | K::Entrypoint | K::Healthcheck | K::Shell | K::Maintainer | K::Onbuild | K::Unknown
    )
}

/// References in an instruction. Comments within it have none.
fn references<'a>(file: &'a Dockerfile, instruction: &Instruction) -> Vec<Reference<'a>> {
    let mut found = Vec::new();
    if !takes_variables(instruction.keyword) {
        return found;
    }
    let start = instruction.keyword_span.end;
    let text = file.source.slice(Span::new(start, instruction.span.end));
    // A script may hand quoted text to another shell; in the words of other instructions single quotes are final.
    let quotes = instruction.keyword != Keyword::Run;
    let (mut single, mut double, mut escaped) = (false, false, false);
    for (at, c) in text.char_indices() {
        if std::mem::take(&mut escaped) {
            continue;
        }
        match c {
            c if (c == file.lines.escape || c == '\\') && !single => escaped = true,
            '\'' if quotes && !double => single = !single,
            '"' if quotes && !single => double = !double,
            '$' if !single => {
                let rest = text.get(at + 1..).unwrap_or_default();
                let open = usize::from(rest.starts_with('{'));
                let name = rest.get(open..).unwrap_or_default();
                let length = name.find(|c| !is_part(c)).unwrap_or(name.len());
                let name = name.get(..length).unwrap_or_default();
                if name.starts_with(is_start) {
                    let from = start + at + 1 + open;
                    found.push(Reference {
                        name,
                        span: Span::new(from, from + length),
                        instruction: instruction.index,
                    });
                }
            }
            _ => {}
        }
    }
    let inside = |span: Span| {
        file.lines
            .comments
            .iter()
            .any(|comment| comment.inside && comment.span.contains(span))
    };
    found.retain(|reference| !inside(reference.span));
    found
}

/// What a variable's name means in an instruction.
fn variable(file: &Dockerfile, name: &str, instruction: usize) -> Option<Symbol> {
    let variable = file.view_at(instruction).get(name)?;
    Some(if variable.is_env {
        Symbol::Env(name.to_owned())
    } else {
        Symbol::Arg(name.to_owned())
    })
}

/// The keys that an instruction declares.
fn declared(instruction: &Instruction) -> (bool, &[crate::model::Pair]) {
    match &instruction.kind {
        Kind::Arg(pairs) => (false, pairs),
        Kind::Env(pairs) => (true, pairs),
        _ => (false, &[]),
    }
}

/// The name at a place, and what it means.
pub fn at(file: &Dockerfile, offset: usize) -> Option<(Symbol, Span)> {
    // The cursor behind a name's last letter is still at it.
    let covers = |span: Span| span.start <= offset && offset <= span.end;
    for stage in &file.stages {
        if let Some(span) = stage.name_span.filter(|span| covers(*span)) {
            return Some((Symbol::Stage(stage.id), span));
        }
        if let Some(place) = stage.uses.iter().find(|place| covers(place.span)) {
            return Some((Symbol::Stage(stage.id), place.span));
        }
    }
    let instruction = file
        .instructions
        .iter()
        .find(|i| i.span.start <= offset && offset <= i.span.end)?;
    let (env, pairs) = declared(instruction);
    if let Some(pair) = pairs.iter().find(|pair| covers(pair.key.span)) {
        let name = pair.key.value.clone();
        return Some((if env { Symbol::Env(name) } else { Symbol::Arg(name) }, pair.key.span));
    }
    let reference = references(file, instruction)
        .into_iter()
        .find(|reference| covers(reference.span))?;
    Some((variable(file, reference.name, reference.instruction)?, reference.span))
}

/// All places of a name, in the order of the text.
pub fn occurrences(file: &Dockerfile, symbol: &Symbol) -> Vec<Occurrence> {
    let mut all = Vec::new();
    match symbol {
        Symbol::Stage(id) => {
            let Some(stage) = file.stage(*id) else { return all };
            all.extend(stage.name_span.map(|span| Occurrence { span, declares: true }));
            let named = stage.uses.iter().filter(|place| !place.numbered);
            all.extend(named.map(|place| Occurrence {
                span: place.span,
                declares: false,
            }));
        }
        Symbol::Arg(name) | Symbol::Env(name) => {
            let is_env = matches!(symbol, Symbol::Env(_));
            for instruction in &file.instructions {
                let (env, pairs) = declared(instruction);
                let keys = pairs.iter().filter(|pair| env == is_env && pair.key.value == *name);
                all.extend(keys.map(|pair| Occurrence {
                    span: pair.key.span,
                    declares: true,
                }));
                let references = references(file, instruction).into_iter().filter(|reference| {
                    reference.name == name && variable(file, name, reference.instruction).as_ref() == Some(symbol)
                });
                all.extend(references.map(|reference| Occurrence {
                    span: reference.span,
                    declares: false,
                }));
            }
        }
    }
    all.sort_by_key(|occurrence| occurrence.span);
    all
}

/// Where a name is declared; for an ARG that a stage fetches, the fetching one.
pub fn definition(file: &Dockerfile, offset: usize) -> Option<Span> {
    let (symbol, span) = at(file, offset)?;
    match &symbol {
        Symbol::Stage(id) => {
            let stage = file.stage(*id)?;
            stage.name_span.or_else(|| file.from_of(stage).map(|from| from.span))
        }
        Symbol::Arg(name) | Symbol::Env(name) => {
            let instruction = file.instruction_at(span.start)?;
            let (_, pairs) = declared(instruction);
            match pairs.iter().find(|pair| pair.key.span == span) {
                Some(pair) => Some(pair.key.span),
                None => file.view_at(instruction.index).get(name)?.declared,
            }
        }
    }
}

/// The places to change so that a name becomes another.
///
/// # Errors
/// Why it cannot, for people.
pub fn rename(file: &Dockerfile, offset: usize, new: &str) -> Result<Vec<Span>, String> {
    let line = |at: usize| file.source.lines().line(at);
    let (symbol, _) = at(file, offset).ok_or("here is no name of a stage or an ARG")?;
    let spans: Vec<Span> = occurrences(file, &symbol)
        .into_iter()
        .map(|occurrence| occurrence.span)
        .collect();
    match &symbol {
        Symbol::Stage(id) => {
            let stage = file.stage(*id).ok_or("there is no such stage")?;
            let name = stage
                .name
                .as_deref()
                .ok_or("the stage has no name; write `AS name` behind its FROM")?;
            if !is_stage_name(new) {
                return Err(format!(
                    "`{new}` cannot be a stage's name: letters, digits, `-`, `_` and `.`, a letter first"
                ));
            }
            if file.stage_by_name(new).is_some_and(|other| other.id != *id) {
                return Err(format!("another stage is called `{new}`"));
            }
            if let Some(other) = spans
                .iter()
                .find(|span| !file.source.slice(**span).eq_ignore_ascii_case(name))
            {
                return Err(format!(
                    "line {} refers to the stage through a variable",
                    line(other.start)
                ));
            }
        }
        Symbol::Env(name) => {
            return Err(format!(
                "`{name}` is set by ENV: it is part of the image, and programs may read it"
            ));
        }
        Symbol::Arg(name) => {
            if !spans.iter().any(|span| {
                file.instruction_at(span.start)
                    .is_some_and(|i| declared(i).1.iter().any(|pair| pair.key.span == *span))
            }) {
                return Err(format!("`{name}` is declared by the build, not by this file"));
            }
            if !is_variable_name(new) {
                return Err(format!(
                    "`{new}` cannot be a variable's name: letters, digits and `_`, no digit first"
                ));
            }
            let mut known = file.instructions.iter().flat_map(|i| declared(i).1);
            if new != name && known.any(|pair| pair.key.value == new) {
                return Err(format!("`{new}` is declared already"));
            }
            if crate::model::scope::PLATFORM_ARGS
                .iter()
                .any(|(predefined, _)| *predefined == new)
            {
                return Err(format!("`{new}` is given by the build itself"));
            }
            if let Some(at) = assigned(file, name) {
                return Err(format!(
                    "the script in line {} assigns `{name}` itself, which a rename would not follow",
                    line(at)
                ));
            }
        }
    }
    Ok(spans)
}

/// Where a RUN assigns a variable that is an ARG there.
fn assigned(file: &Dockerfile, name: &str) -> Option<usize> {
    let runs = file
        .instructions
        .iter()
        .filter(|i| i.keyword == Keyword::Run && matches!(variable(file, name, i.index), Some(Symbol::Arg(_))));
    runs.filter_map(|run| {
        let text = file.source.slice(run.span);
        text.match_indices(name).map(|(at, _)| at).find_map(|at| {
            let before = text.get(..at).and_then(|before| before.chars().next_back());
            let behind = text.get(at + name.len()..).unwrap_or_default();
            let alone = before.is_none_or(|c| !is_part(c) && c != '$' && c != '{' && c != '-');
            (alone && behind.starts_with('=')).then_some(run.span.start + at)
        })
    })
    .next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceFile;

    const TEXT: &str = "\
ARG VERSION=1
FROM debian:$VERSION AS Build
ARG VERSION
ARG MODE=x
ENV HOME_DIR=/srv/${VERSION:-2} LITERAL='$VERSION'
RUN echo $VERSION ${VERSION%.*} '$MODE' \\
  # $VERSION in a comment
  && make \\$VERSION VERSIONS
FROM build AS run
COPY --from=build $HOME_DIR /x
RUN --mount=from=build,target=/y echo $HOME_DIR $VERSION
CMD echo $VERSION
";

    fn parsed(text: &str) -> Dockerfile {
        Dockerfile::parse(SourceFile::new("Dockerfile", text))
    }

    fn find(text: &str, words: &str) -> usize {
        text.find(words).unwrap()
    }

    fn renamed(text: &str, at: usize, new: &str) -> Result<String, String> {
        let file = parsed(text);
        let mut out = text.to_owned();
        for span in rename(&file, at, new)?.into_iter().rev() {
            out.replace_range(span.range(), new);
        }
        Ok(out)
    }

    #[test]
    fn a_stage_is_renamed_wherever_it_is_named() {
        let out = renamed(TEXT, find(TEXT, "Build"), "compile").unwrap();
        assert!(
            out.contains("AS compile\n") && out.contains("FROM compile AS run"),
            "{out}"
        );
        assert!(
            out.contains("--from=compile $HOME_DIR") && out.contains("--mount=from=compile,target"),
            "{out}"
        );
        assert_eq!(renamed(TEXT, find(TEXT, "build AS run"), "compile").unwrap(), out);
    }

    #[test]
    fn an_arg_is_renamed_where_its_value_goes_and_nowhere_else() {
        let out = renamed(TEXT, find(TEXT, "VERSION=1"), "RELEASE").unwrap();
        let expected = TEXT
            .replace("ARG VERSION", "ARG RELEASE")
            .replace("debian:$VERSION", "debian:$RELEASE")
            .replace("${VERSION:-2}", "${RELEASE:-2}")
            .replace("echo $VERSION ${VERSION%.*}", "echo $RELEASE ${RELEASE%.*}")
            .replace("$HOME_DIR $VERSION", "$HOME_DIR $RELEASE");
        assert_eq!(out, expected);
    }

    #[test]
    fn what_would_break_something_is_refused() {
        let refused = |words: &str, new: &str| renamed(TEXT, find(TEXT, words), new).unwrap_err();
        assert!(refused("HOME_DIR", "X").contains("part of the image"));
        assert!(refused("Build", "run").contains("another stage"));
        assert!(refused("Build", "a b").contains("cannot be"));
        assert!(refused("Build", "scratch").contains("cannot be"));
        assert!(refused("VERSION=1", "MODE").contains("declared already"));
        assert!(refused("VERSION=1", "1X").contains("cannot be"));
        assert!(refused("VERSION=1", "TARGETARCH").contains("build itself"));
        assert!(refused("debian", "X").contains("no name"));
        let text = "FROM a\nARG V\nRUN V=1 && echo $V\n";
        assert!(
            renamed(text, find(text, "V\n"), "W")
                .unwrap_err()
                .contains("line 3 assigns")
        );
        let text = "ARG B=one\nFROM a AS one\nFROM $B\n";
        assert!(
            renamed(text, find(text, "one\nFROM $"), "two")
                .unwrap_err()
                .contains("through a variable")
        );
        let text = "FROM --platform=$BUILDPLATFORM a\n";
        assert!(
            renamed(text, find(text, "BUILD"), "X")
                .unwrap_err()
                .contains("declared by the build")
        );
    }

    #[test]
    fn definitions_are_found_from_every_use() {
        let file = parsed(TEXT);
        let at = |words: &str, shift: usize| definition(&file, find(TEXT, words) + shift).map(|span| span.start);
        assert_eq!(at("--from=build", 8), Some(find(TEXT, "Build")));
        assert_eq!(at("from=build,", 6), Some(find(TEXT, "Build")));
        assert_eq!(at("debian:$VERSION", 10), Some(find(TEXT, "VERSION=1")));
        assert_eq!(at("echo $VERSION", 7), Some(find(TEXT, "VERSION\nARG MODE")));
        assert_eq!(at("$HOME_DIR /x", 3), Some(find(TEXT, "HOME_DIR")));
        assert_eq!(at("debian", 1), None);
    }
}
