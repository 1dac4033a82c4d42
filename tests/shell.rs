//! The shell view of RUN, against dumps kept as data, properties, and (by hand) a corpus.
//!
//! `fixtures/shell/<case>/` holds `script`, a Dockerfile, and `expected`, a dump of what is read out
//! of its RUN, CMD, ENTRYPOINT and HEALTHCHECK instructions. `MBOPT_BLESS=1` writes the dumps anew.
//! `MBOPT_CORPUS=<folder>` makes the `corpus` test walk it and print numbers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use mbopt::shell::{self, Action, Command, Dialect, Input, Operation, Script, ShellWord};
use mbopt::source::{SourceFile, Span};
use mbopt::syntax::{lines, words};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Every script of a Dockerfile with its keyword; SHELL and the escape character decide the dialect.
fn scripts(source: &SourceFile) -> Vec<(String, Span, Script)> {
    let lines = lines::scan(source);
    let default = if lines.escape == '`' {
        Dialect::Cmd
    } else {
        Dialect::Posix
    };
    let mut dialect = default.clone();
    let mut found = Vec::new();
    for line in &lines.instructions {
        let split = words::split_instruction(&line.joined, 0..line.joined.text().len(), lines.escape);
        let keyword = split.keyword.value.to_ascii_uppercase();
        let mut arguments = split.arguments;
        let json = mbopt::syntax::json::json_words(&line.joined, arguments.clone()).ok();
        match keyword.as_str() {
            "FROM" => {
                dialect = default.clone();
                continue;
            }
            "SHELL" => {
                let values: Vec<String> = json.unwrap_or_default().into_iter().map(|w| w.value).collect();
                dialect = Dialect::of_shell(&values);
                continue;
            }
            "HEALTHCHECK" => {
                let text = line.joined.slice(arguments.clone());
                let Some(rest) = text
                    .get(..3)
                    .filter(|t| t.eq_ignore_ascii_case("cmd"))
                    .map(|_| &text[3..])
                else {
                    continue;
                };
                arguments.start = arguments.end - rest.trim_start().len();
            }
            "RUN" | "CMD" | "ENTRYPOINT" => {}
            _ => continue,
        }
        if let Ok(words) = mbopt::syntax::json::json_words(&line.joined, arguments.clone()) {
            if !words.is_empty() {
                found.push((keyword, words[0].span, shell::from_exec(&words)));
            }
            continue;
        }
        let body = line.joined.span(arguments.start, arguments.end);
        let heredocs = if keyword == "RUN" {
            line.heredocs.as_slice()
        } else {
            &[]
        };
        let input = Input {
            text: source.text(),
            body,
            escape: lines.escape,
            heredocs,
            dialect: &dialect,
        };
        found.push((keyword, body, shell::parse(input)));
    }
    found
}

fn dump(source: &SourceFile) -> String {
    let mut out = String::new();
    for (keyword, _, script) in scripts(source) {
        let line = source.lines().line(script.span.start);
        let _ = write!(out, "{line}: {keyword} {}", script.dialect.name());
        if script.has_error {
            let _ = write!(out, " error");
        }
        out.push('\n');
        if let Some(comment) = script.trailing_comment {
            let _ = writeln!(out, "  comment {:?}", source.slice(comment));
        }
        for link in &script.chain {
            let operator = link
                .operator
                .map_or(String::new(), |(op, span)| format!(" {op:?}={:?}", source.slice(span)));
            let pipes = if link.pipes.is_empty() {
                String::new()
            } else {
                format!(" {} pipes", link.pipes.len())
            };
            let simple = if link.is_simple { "" } else { " compound" };
            let _ = writeln!(
                out,
                "  link {:?}{operator}{pipes}{simple} {:?}",
                link.commands,
                source.slice(link.span)
            );
        }
        let operations = script.operations();
        for (index, command) in script.commands.iter().enumerate() {
            dump_command(&mut out, source, command);
            for (_, operation) in operations.iter().filter(|(i, _)| *i == index) {
                let _ = writeln!(out, "      = {}", describe(operation));
            }
        }
        for (range, redirect) in &script.group_redirects {
            let _ = writeln!(out, "  group {range:?} {:?}", source.slice(redirect.span));
        }
    }
    out
}

fn dump_command(out: &mut String, source: &SourceFile, command: &Command) {
    let place = &command.place;
    let mut marks = Vec::new();
    let mut mark = |on: bool, name: &str| {
        if on {
            marks.push(name.to_owned());
        }
    };
    mark(place.in_subshell, "subshell");
    mark(place.in_substitution, "substitution");
    mark(place.in_loop, "loop");
    mark(place.in_conditional, "conditional");
    mark(place.in_function, "function");
    mark(place.negated, "negated");
    mark(place.background, "background");
    mark(place.nested, "nested");
    if let Some((position, count)) = place.pipeline {
        marks.push(format!("pipe {}/{count}", position + 1));
    }
    if let Some(operator) = place.operator {
        marks.push(format!("{operator:?}"));
    }
    let link = place.link.map_or("-".to_owned(), |l| l.to_string());
    let _ = write!(out, "    {link}.{} [{}]", place.depth, marks.join(", "));
    for a in &command.assignments {
        let _ = write!(out, " {}={}", a.name, a.value.as_ref().map_or("-".into(), shown));
    }
    let _ = write!(
        out,
        " {}",
        if command.name.text.is_empty() {
            "-".into()
        } else {
            shown(&command.name)
        }
    );
    for word in &command.words {
        let _ = write!(out, " {}", shown(word));
    }
    for r in &command.redirects {
        let fd = r.fd.map_or(String::new(), |fd| fd.to_string());
        let _ = write!(
            out,
            " ({fd}{} {})",
            r.operator,
            r.target.as_ref().map_or("-".into(), shown)
        );
        assert!(command.span.contains(r.span), "{:?}", source.slice(command.span));
    }
    out.push('\n');
    let effective = command.effective();
    if effective.name.span != command.name.span {
        let words: Vec<String> = effective.words.iter().map(shown).collect();
        let _ = writeln!(out, "      effective {} {}", shown(effective.name), words.join(" "));
    }
}

/// A word: its text, `'` where it is quoted, `$` where it expands, `*` where it is a pattern.
fn shown(word: &ShellWord) -> String {
    let mut out = word.text.clone();
    if out.is_empty() || out.contains(char::is_whitespace) {
        out = format!("{out:?}");
    }
    let mut marks = String::new();
    if word.quoted {
        marks.push('\'');
    }
    if word.expands {
        marks.push('$');
    } else if !word.literal {
        marks.push('*');
    }
    for v in &word.variables {
        let _ = write!(marks, "{}{}", v.name, if v.quoted { "q" } else { "" });
        marks.push(',');
    }
    if marks.is_empty() {
        out
    } else {
        format!("{out}<{}>", marks.trim_end_matches(','))
    }
}

fn list(words: &[ShellWord]) -> String {
    words.iter().map(shown).collect::<Vec<_>>().join(" ")
}

fn one(word: &Option<ShellWord>) -> String {
    word.as_ref().map_or("-".into(), shown)
}

fn describe(operation: &Operation) -> String {
    match operation {
        Operation::Packages(p) => {
            let mut out = format!("{:?} {:?}", p.manager, p.action);
            for package in &p.packages {
                let _ = write!(out, " {}", package.name);
                if let Some(version) = &package.version {
                    let _ = write!(out, "[{}{version}]", package.operator);
                }
                for (on, name) in [
                    (package.is_file, "file"),
                    (package.is_variable, "variable"),
                    (package.is_pattern, "pattern"),
                ] {
                    if on {
                        let _ = write!(out, "<{name}>");
                    }
                }
                if !package.extras.is_empty() {
                    let _ = write!(out, "{:?}", package.extras);
                }
            }
            for r in &p.requirements {
                let _ = write!(
                    out,
                    " {}{}",
                    if r.is_constraint { "constraint:" } else { "file:" },
                    r.path
                );
            }
            for (on, name) in [
                (p.assume_yes, "yes"),
                (p.no_recommends, "no-recommends"),
                (p.no_cache, "no-cache"),
                (p.global, "global"),
                (p.locked, "locked"),
            ] {
                if on {
                    let _ = write!(out, " +{name}");
                }
            }
            if p.selection != shell::Selection::Unsaid {
                let _ = write!(out, " {:?}", p.selection);
            }
            for (name, value) in [("target", &p.target), ("group", &p.group)] {
                if let Some(value) = value {
                    let _ = write!(out, " {name}={value}");
                }
            }
            let flags: Vec<String> = p
                .flags
                .iter()
                .map(|f| f.value.as_ref().map_or(f.name.clone(), |v| format!("{}:{v}", f.name)))
                .collect();
            if !flags.is_empty() {
                let _ = write!(out, " {{{}}}", flags.join(" "));
            }
            out
        }
        Operation::Download(d) => format!(
            "Download {} {} -> {}{}{}{}",
            d.tool,
            list(&d.urls),
            one(&d.output),
            if d.is_piped { " piped" } else { "" },
            if d.fails_on_error { "" } else { " may-fail-silently" },
            if d.is_insecure { " insecure" } else { "" }
        ),
        Operation::Extract(e) => format!("Extract {} {} -> {}", e.tool, one(&e.archive), one(&e.directory)),
        Operation::GitClone(g) => {
            format!(
                "GitClone {} -> {} branch {} depth {}",
                one(&g.url),
                one(&g.directory),
                one(&g.branch),
                one(&g.depth)
            )
        }
        Operation::Build(b) => format!(
            "Build {:?} {} {} -> {}{}",
            b.tool,
            b.program,
            one(&b.goal),
            one(&b.output),
            if b.runs_tests { " with tests" } else { "" }
        ),
        Operation::Test(t) => format!("Test {}", t.program),
        Operation::Clean(c) => format!(
            "Clean {}{}",
            list(&c.paths),
            if c.removes_apt_lists() { " (apt lists)" } else { "" }
        ),
        Operation::Permissions(p) => {
            format!(
                "Permissions {} {} {}{}",
                p.tool,
                one(&p.mode),
                list(&p.paths),
                if p.recursive { " recursive" } else { "" }
            )
        }
        Operation::UserAdd(u) => format!("UserAdd {} {} id {}", u.tool, one(&u.name), one(&u.id)),
        Operation::ChangeDirectory { to } => format!("ChangeDirectory {}", one(to)),
        Operation::Link(l) => {
            format!(
                "Link {} -> {}{}",
                one(&l.link),
                list(&l.targets),
                if l.symbolic { " symbolic" } else { "" }
            )
        }
    }
}

/// All spans lie within the script, on character boundaries, and in order.
fn check_spans(text: &str, script: &Script, within: Span) {
    let check = |span: Span| {
        assert!(within.contains(span), "{span:?} outside {within:?}");
        assert!(text.get(span.range()).is_some(), "{span:?} off a boundary");
    };
    let check_word = |word: &ShellWord| {
        check(word.span);
        word.variables.iter().for_each(|v| {
            check(v.span);
            assert!(word.span.contains(v.span));
        });
    };
    for command in &script.commands {
        check(command.span);
        check_word(&command.name);
        command.words.iter().for_each(check_word);
        for a in &command.assignments {
            check(a.span);
            a.value.iter().for_each(check_word);
        }
        for r in &command.redirects {
            check(r.span);
            r.target.iter().for_each(check_word);
        }
        for operation in shell::operations::operations(command) {
            if let Operation::Packages(p) = operation {
                p.packages.iter().for_each(|p| check(p.span));
                p.flags.iter().for_each(|f| check(f.span));
                p.requirements.iter().for_each(|r| check(r.span));
            }
        }
    }
    let mut end = 0;
    for link in &script.chain {
        check(link.span);
        assert!(link.commands.start <= link.commands.end && link.commands.end <= script.commands.len());
        assert!(link.commands.start >= end, "links overlap");
        end = link.commands.end;
    }
    script
        .errors
        .iter()
        .chain(&script.trailing_comment)
        .for_each(|s| check(*s));
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/shell")
}

#[test]
fn dumps_are_as_expected() {
    let mut cases = 0;
    let mut broken = Vec::new();
    let mut folders: Vec<_> = std::fs::read_dir(fixtures())
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    folders.sort();
    for folder in folders {
        let source = SourceFile::new("script", std::fs::read(folder.join("script")).unwrap());
        for (_, _, script) in scripts(&source) {
            check_spans(source.text(), &script, Span::new(0, source.text().len()));
        }
        let actual = dump(&source);
        if std::env::var_os("MBOPT_BLESS").is_some() {
            std::fs::write(folder.join("expected"), &actual).unwrap();
        }
        let expected = std::fs::read_to_string(folder.join("expected")).unwrap_or_default();
        if expected != actual {
            broken.push(format!(
                "{}:\n{}",
                folder.display(),
                similar::TextDiff::from_lines(&expected, &actual).unified_diff()
            ));
        }
        cases += 1;
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(cases > 0);
}

fn shell_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(" && ".to_owned()),
        Just(" | ".to_owned()),
        Just("; ".to_owned()),
        Just(" & ".to_owned()),
        Just("\\\n".to_owned()),
        Just("\\\r\n# c\n\n".to_owned()),
        Just("'".to_owned()),
        Just("\"".to_owned()),
        Just("$(".to_owned()),
        Just(")".to_owned()),
        Just("`".to_owned()),
        Just("${A:-".to_owned()),
        Just("}".to_owned()),
        Just("<<EOF\n".to_owned()),
        Just("\nEOF\n".to_owned()),
        Just(" > ".to_owned()),
        Just("2>&1".to_owned()),
        Just("if ".to_owned()),
        Just("; then ".to_owned()),
        Just("; fi".to_owned()),
        Just("for x in ".to_owned()),
        Just("sh -c '".to_owned()),
        Just("sudo -u ".to_owned()),
        Just("apt-get install -y ".to_owned()),
        Just("pip install ".to_owned()),
        Just("a=b ".to_owned()),
        Just("[ -f ".to_owned()),
        Just(" ]".to_owned()),
        Just("é".to_owned()),
        Just("{".to_owned()),
        "[a-z$\\-=@ ]{1,6}",
        "\\PC{0,4}",
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_read(text in shell_text(), escape in prop_oneof![Just('\\'), Just('`')], before in "[ é]{0,3}") {
        let whole = format!("{before}{text}");
        let body = Span::new(before.len(), whole.len());
        let script = shell::parse(Input { text: &whole, body, escape, heredocs: &[], dialect: &Dialect::Bash });
        check_spans(&whole, &script, body);
        let script = shell::heredoc_script(&whole, body, &Dialect::Posix);
        check_spans(&whole, &script, body);
    }

    #[test]
    fn any_dockerfile_is_read(text in shell_text()) {
        let source = SourceFile::new("x", format!("FROM a\nRUN {text}\nRUN [\"sh\", \"-c\", \"{text}\"]\n"));
        for (_, _, script) in scripts(&source) {
            check_spans(source.text(), &script, Span::new(0, source.text().len()));
        }
    }
}

#[test]
fn hostile_bodies_stay_cheap() {
    let repeats = [
        "(",
        "$(",
        "`",
        "\"",
        "${a:-",
        "a && ",
        "a | ",
        "{",
        "if a; then ",
        "a <<b ",
        "[ ",
        "((",
        "'",
        "x=",
        "! ",
        "a\\\n",
        "#\\\n",
        "a ; ",
        "a & ",
        "\"$(",
        "<(",
        "$((",
        "case a in ",
        "f() ",
        "((a | b) ",
    ];
    for piece in repeats {
        let text = piece.repeat(shell::MAX_BODY / piece.len());
        let started = std::time::Instant::now();
        let input = Input {
            text: &text,
            body: Span::new(0, text.len()),
            escape: '\\',
            heredocs: &[],
            dialect: &Dialect::Posix,
        };
        let script = shell::parse(input);
        check_spans(&text, &script, input.body);
        let took = started.elapsed();
        println!("{piece:?}: {took:?}, {} commands", script.commands.len());
        assert!(took.as_secs() < 20, "{piece:?} took {took:?}");
    }
}

/// Each word holds all that is nested in it, so without a limit this takes memory by the square.
#[test]
fn deep_substitutions_are_left_alone() {
    let nested = |depth: usize| format!("{}ls{}", "$( ".repeat(depth), " )".repeat(depth));
    let parse = |text: &str| {
        shell::parse(Input {
            text,
            body: Span::new(0, text.len()),
            escape: '\\',
            heredocs: &[],
            dialect: &Dialect::Posix,
        })
    };
    let script = parse(&nested(150));
    assert!(!script.has_error);
    assert!(script.commands.iter().any(|c| c.name.text == "ls"));
    let script = parse(&nested(10_000));
    assert!(script.has_error && script.commands.is_empty());
    // Brackets that follow each other are not nested.
    let script = parse(&"(a); ".repeat(1000));
    assert_eq!((script.has_error, script.commands.len()), (false, 1000));
}

#[test]
fn corpus() {
    let Some(root) = std::env::var_os("MBOPT_CORPUS") else {
        println!("MBOPT_CORPUS is not set: nothing to walk");
        return;
    };
    let show = std::env::var_os("MBOPT_SHOW").is_some();
    let (mut bodies, mut posix, mut errors, mut commands, mut bytes) = (0, 0, 0, 0, 0);
    let (mut known, mut installs) = (0, 0);
    let mut names = std::collections::BTreeMap::<String, (usize, usize)>::new();
    let mut spent = std::time::Duration::ZERO;
    // `MBOPT_SHOW` prints what was not understood, and the dump of every hundredth file.
    let files = walkdir::WalkDir::new(root)
        .sort_by_file_name()
        .into_iter()
        .map(|e| e.unwrap());
    for (number, entry) in files.filter(|e| e.file_type().is_file()).enumerate() {
        let source = SourceFile::new("x", std::fs::read(entry.path()).unwrap());
        if show && number % 100 == 0 {
            println!("FILE {}\n{}", entry.path().display(), dump(&source));
        }
        let windows = source.text().to_ascii_lowercase().contains("windows");
        let started = std::time::Instant::now();
        let found = scripts(&source);
        spent += started.elapsed();
        for (keyword, span, script) in found {
            check_spans(source.text(), &script, Span::new(0, source.text().len()));
            if keyword != "RUN" {
                continue;
            }
            bodies += 1;
            bytes += script.span.len();
            if script.dialect.is_posix_like() && !windows {
                posix += 1;
                if script.has_error {
                    errors += 1;
                    if show {
                        println!(
                            "ERROR {}:{}\n{}\n",
                            entry.path().display(),
                            source.lines().line(span.start),
                            source.slice(script.span)
                        );
                    }
                }
            }
            commands += script.commands.len();
            for (index, command) in script.commands.iter().enumerate() {
                let effective = command.effective();
                let operations: Vec<_> = script.operations().into_iter().filter(|(i, _)| *i == index).collect();
                let slot = names.entry(effective.base_name().to_owned()).or_default();
                slot.0 += 1;
                slot.1 += usize::from(!operations.is_empty());
                known += usize::from(!operations.is_empty());
                installs += operations
                    .iter()
                    .filter(|(_, o)| matches!(o, Operation::Packages(p) if p.action == Action::Install))
                    .count();
            }
        }
    }
    println!(
        "{bodies} RUN bodies, {bytes} bytes, {commands} commands, {known} with an operation, {installs} installs; {spent:?}"
    );
    println!(
        "posix {posix}, with error {errors} ({:.2} %)",
        100.0 * errors as f64 / posix.max(1) as f64
    );
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
    for (name, (count, operations)) in names.into_iter().take(150) {
        println!("{count:6} {operations:6} {name}");
    }
}
