use super::*;
use proptest::prelude::*;

fn scanned(text: &str) -> (SourceFile, Lines) {
    let source = SourceFile::new("Dockerfile", text);
    let lines = scan(&source);
    (source, lines)
}

/// `(text, first line, last line, source under the span)` of each instruction.
fn instructions(text: &str) -> Vec<(String, usize, usize, String)> {
    let (source, lines) = scanned(text);
    let of = |l: &LogicalLine| {
        (
            l.joined.text().to_owned(),
            l.start_line,
            l.end_line,
            source.slice(l.span).to_owned(),
        )
    };
    lines.instructions.iter().map(of).collect()
}

fn errors(text: &str) -> Vec<(String, Option<usize>)> {
    scanned(text)
        .1
        .errors
        .into_iter()
        .map(|e| (e.message, e.line))
        .collect()
}

fn row(text: &str, first: usize, last: usize, span: &str) -> (String, usize, usize, String) {
    (text.to_owned(), first, last, span.to_owned())
}

#[test]
fn glues_continued_lines() {
    assert_eq!(
        instructions("FROM a\nRUN b \\\n  c\n"),
        [row("FROM a", 1, 1, "FROM a"), row("RUN b   c", 2, 3, "RUN b \\\n  c")]
    );
    assert_eq!(instructions("RU\\\nN a"), [row("RUN a", 1, 2, "RU\\\nN a")]);
    assert_eq!(instructions("RUN a\\ \t\nb"), [row("RUN ab", 1, 2, "RUN a\\ \t\nb")]);
    assert_eq!(
        instructions("RUN a \\\r\n b\r\n"),
        [row("RUN a  b", 1, 2, "RUN a \\\r\n b")]
    );
    assert_eq!(
        instructions("RUN a\\\\\nRUN b"),
        [row("RUN a\\\\", 1, 1, "RUN a\\\\"), row("RUN b", 2, 2, "RUN b")]
    );
    assert_eq!(instructions("\\\n  RUN a"), [row("  RUN a", 1, 2, "RUN a")]);
    assert_eq!(instructions("RUN a \\"), [row("RUN a ", 1, 1, "RUN a \\")]);
    assert_eq!(instructions("\\\n"), [row("", 1, 1, "\\")]);
}

#[test]
fn comments_and_blank_lines_do_not_end_a_continuation() {
    let text = "RUN a \\\n  # one \\\n\n \t\n  b \\\n# two\n\nRUN c\n";
    let (_, lines) = scanned(text);
    assert_eq!(instructions(text), [row("RUN a   b RUN c", 1, 8, text.trim_end())]);
    assert_eq!(lines.instructions[0].empty_continuations.len(), 3);
    let comments: Vec<_> = lines
        .comments
        .iter()
        .map(|c| (c.text.as_str(), c.line, c.inside))
        .collect();
    assert_eq!(comments, [("one \\", 2, true), ("two", 6, true)]);
}

#[test]
fn what_trails_a_last_continuation_counts_as_lines_only() {
    assert_eq!(instructions("RUN a \\\n# c\n\n"), [row("RUN a ", 1, 3, "RUN a \\")]);
}

#[test]
fn blanks_around_instructions_are_no_part_of_them() {
    assert_eq!(
        instructions("\u{feff}\t FROM a \t\r\n\u{a0}RUN b\r"),
        [row("FROM a \t", 1, 1, "FROM a"), row("RUN b", 2, 2, "RUN b")]
    );
    // A lone carriage return ends no line.
    assert_eq!(
        instructions("FROM a\rRUN b\n"),
        [row("FROM a\rRUN b", 1, 1, "FROM a\rRUN b")]
    );
}

#[test]
fn the_escape_character_is_that_of_the_directive() {
    let text = "# escape=`\nRUN a `\n b\nRUN c\\\nRUN d\n";
    let texts: Vec<_> = instructions(text).into_iter().map(|i| i.0).collect();
    assert_eq!(texts, ["RUN a  b", "RUN c\\", "RUN d"]);
    for text in ["# x\n# escape=`\nRUN a `\n b", "\n# escape=`\nRUN a `\n b"] {
        let (_, lines) = scanned(text);
        assert_eq!(
            (lines.escape, lines.directives.len(), lines.instructions.len()),
            ('\\', 0, 2),
            "{text}"
        );
    }
}

#[test]
fn directives_are_no_comments() {
    let text = "\u{feff}# syntax=a\n  # Escape = ` \n#x\n# check=skip=all\nFROM a\n";
    let (source, lines) = scanned(text);
    let directives: Vec<_> = lines
        .directives
        .iter()
        .map(|d| (d.name.as_str(), source.slice(d.span), source.slice(d.value_span)))
        .collect();
    assert_eq!(
        directives,
        [("syntax", "# syntax=a", "a"), ("escape", "# Escape = `", "`")]
    );
    assert_eq!(lines.comments.len(), 2);
    assert_eq!(lines.instructions[0].comments_above, [0, 1]);
    assert!(lines.bom);
}

#[test]
fn comments_above_are_an_unbroken_run() {
    let (_, lines) = scanned("# a\n\n# b\nFROM x\n# c\n#\n# d\n  #\nRUN y\nRUN z\n");
    let above: Vec<_> = lines.instructions.iter().map(|l| l.comments_above.clone()).collect();
    // An empty comment starts anew, but not where blanks stand before it.
    assert_eq!(above, [vec![0, 1], vec![4, 5], vec![]]);
}

#[test]
fn reads_heredocs() {
    let text = "RUN 3<<-A cat <<'B' \\\n # c\n && d\n\ta\n\tA\nA\nb\r\nB\r\nRUN e\n";
    let (source, lines) = scanned(text);
    let run = &lines.instructions[0];
    assert_eq!((run.start_line, run.text_end_line, run.end_line), (1, 3, 8));
    let docs: Vec<_> = run
        .heredocs
        .iter()
        .map(|h| {
            (
                h.name.as_str(),
                h.fd,
                h.expand,
                h.chomp,
                source.slice(h.body),
                source.slice(h.terminator),
            )
        })
        .collect();
    assert_eq!(
        docs,
        [
            ("A", 3, true, true, "\ta\n", "\tA"),
            ("B", 0, false, false, "A\nb\r\n", "B")
        ]
    );
    assert!(source.slice(run.span).ends_with("\nB"));
    assert_eq!(lines.instructions[1].start_line, 9);
    assert_eq!(lines.comments.len(), 1);
}

#[test]
fn only_some_instructions_take_heredocs() {
    for (text, count) in [
        ("RUN <<E\nE\n", 1),
        ("copy <<E /x\nE\n", 1),
        ("ADD <<E /x\nE", 1),
        ("ONBUILD run <<E\nE\n", 1),
        ("ONBUILD ONBUILD RUN <<E\nE\n", 0),
        ("CMD <<E\nE\n", 0),
        ("RUN [\"<<E\"]\nE\n", 0),
        ("RUN [\"x\", <<E ]\nE\n", 1),
        ("RUN [\"x\"] <<E\nE\n", 1),
        ("RUN --a=<<E x\nE\n", 0),
        ("RUN --a <<E x\nE\n", 1),
        ("RUN a \\\n# <<E\n b\n", 0),
    ] {
        assert_eq!(scanned(text).1.instructions[0].heredocs.len(), count, "{text}");
    }
}

#[test]
fn an_unterminated_heredoc_takes_the_rest() {
    let text = "FROM a\nRUN <<A <<B\nA\nRUN b\n";
    let (source, lines) = scanned(text);
    assert_eq!(lines.instructions.len(), 2);
    let run = &lines.instructions[1];
    assert_eq!(
        (
            run.end_line,
            source.slice(run.heredocs[1].body),
            run.heredocs[1].terminator
        ),
        (4, "RUN b\n", Span::at(text.len()))
    );
    assert_eq!(
        errors(text),
        [("unterminated heredoc: no line holds just B".to_owned(), Some(2))]
    );
    assert_eq!(
        errors("RUN <<E"),
        [("unterminated heredoc: no line holds just E".to_owned(), Some(1))]
    );
}

#[test]
fn tells_what_is_refused_and_which_line_buildkit_names() {
    let only = |message: &str, line| vec![(message.to_owned(), line)];
    assert_eq!(errors(""), only("the Dockerfile cannot be empty", None));
    assert_eq!(errors("\n# a\n\n"), only("file with no instructions", Some(3)));
    assert_eq!(
        errors("# escape=x\nFROM a"),
        only("invalid escape token 'x' does not match ` or \\", None)
    );
    assert_eq!(
        errors("# check=a\n#check=b\nFROM a"),
        only("only one check parser directive can be used", Some(1))
    );
    assert_eq!(errors("FROM a\nFOO\n"), []);
    assert_eq!(errors("FROM a\nRUN ${x:-1 <<'a b'}\n")[0].1, Some(2));
}

#[test]
fn a_line_has_a_longest_length() {
    let text = |n: usize, end: &str| format!("FROM a\nRUN {}{end}", "x".repeat(n - 4));
    for end in ["", "\n", "\nRUN y\n"] {
        assert_eq!(errors(&text(65_535, end)), [], "{end:?}");
        let refused = [(
            "dockerfile line greater than max allowed size of 65535".to_owned(),
            Some(1),
        )];
        assert_eq!(errors(&text(65_536, end)), refused, "{end:?}");
        assert_eq!(errors(&text(65_535, &format!("\r{end}"))), refused, "{end:?}");
    }
    assert_eq!(instructions(&text(70_000, "\nRUN y\n")).len(), 3, "the scan goes on");
    let inside = format!("FROM a\nRUN <<E\n{}\nE\n", "x".repeat(65_536));
    assert_eq!(
        errors(&inside)[0].1,
        Some(2),
        "in a heredoc the instruction's line is named"
    );
}

#[test]
fn bytes_that_are_not_utf8_are_noted() {
    let scan_bytes = |bytes: &[u8]| scan(&SourceFile::new("x", bytes));
    let lines = scan_bytes(b"MAINTAINER Jos\xe9\nRUN a\n");
    let masked: Vec<_> = lines.instructions.iter().map(|l| l.joined.is_masked()).collect();
    assert_eq!(masked, [true, false]);
}

proptest! {
    #[test]
    fn any_bytes_are_cut_in_order(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&SourceFile::new("x", bytes))?;
    }

    #[test]
    fn anything_like_a_dockerfile_is_cut_in_order(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "RUN ", "COPY ", "ONBUILD ", "ENV ", "<<E", "<<-'F'", "E", "F", "\n", "\n", "\n", "\r\n", "\r", "\\", "\\\n", "`\n", " \\ \n",
                "#", "# c\n", "# escape=`\n", "[\"a\"]", "--x=", "$x", "${", "}", "\"", "'", " ", "\t", "a", "\u{feff}", "\u{a0}", "é", "\u{1f600}",
            ]),
            0..40,
        ),
    ) {
        check(&SourceFile::new("x", pieces.concat()))?;
    }
}

/// Spans are ordered, on character boundaries, and with the gaps between them give the file.
fn check(source: &SourceFile) -> Result<(), TestCaseError> {
    let lines = scan(source);
    let text = source.text();
    let mut spans: Vec<Span> = lines.instructions.iter().map(|l| l.span).collect();
    spans.extend(lines.comments.iter().filter(|c| !c.inside).map(|c| c.span));
    spans.extend(lines.directives.iter().map(|d| d.span));
    spans.sort();
    let mut copy = Vec::new();
    let mut at = 0;
    for span in &spans {
        prop_assert!(span.start >= at, "{spans:?} overlap");
        prop_assert!(text.get(span.range()).is_some(), "{span:?} is off a boundary");
        copy.extend_from_slice(&source.bytes()[at..span.start]);
        copy.extend_from_slice(&source.bytes()[span.range()]);
        at = span.end;
    }
    copy.extend_from_slice(&source.bytes()[at..]);
    prop_assert_eq!(copy.as_slice(), source.bytes());
    for line in &lines.instructions {
        for (range, offset) in line.joined.pieces() {
            prop_assert_eq!(
                line.joined.slice(range.clone()),
                source.slice(Span::new(offset, offset + range.len()))
            );
        }
        prop_assert!(line.start_line <= line.text_end_line && line.text_end_line <= line.end_line);
        let mut at = line.span.start;
        for heredoc in &line.heredocs {
            prop_assert!(at <= heredoc.body.start && heredoc.body.end <= heredoc.terminator.start);
            prop_assert!(text.get(heredoc.body.range()).is_some() && text.get(heredoc.terminator.range()).is_some());
            at = heredoc.terminator.end;
        }
    }
    for error in &lines.errors {
        prop_assert!(text.get(error.span.range()).is_some());
    }
    // What lies between holds nothing but blanks, and escape characters that continue nothing.
    let mut between = 0;
    for span in spans.iter().copied().chain([Span::at(text.len())]) {
        let unread = lines.bom && between == 0;
        let gap = text.get(between..span.start).unwrap_or_default();
        let gap = if unread {
            gap.trim_start_matches('\u{feff}')
        } else {
            gap
        };
        let inner = lines
            .comments
            .iter()
            .filter(|c| c.inside && c.span.start >= between && c.span.end <= span.start);
        let inner: usize = inner.map(|c| c.span.len()).sum();
        let content = gap
            .chars()
            .filter(|c| !c.is_whitespace() && !matches!(c, '\\' | '`'))
            .map(char::len_utf8)
            .sum::<usize>();
        prop_assert!(content <= inner, "{gap:?} is lost");
        between = span.end.max(between);
    }
    Ok(())
}
