use super::*;
use proptest::prelude::*;

fn joined(text: &str) -> Joined {
    let mut joined = Joined::new();
    joined.push(text, 0);
    joined
}

fn split(text: &str) -> (String, Vec<String>, String) {
    let joined = joined(text);
    let split = split_instruction(&joined, 0..text.len(), '\\');
    let flags = split.flags.into_iter().map(|f| f.value).collect();
    (split.keyword.value, flags, joined.slice(split.arguments).to_owned())
}

fn values(words: Vec<Word>) -> Vec<String> {
    words.into_iter().map(|w| w.value).collect()
}

#[test]
fn cuts_off_keyword_and_flags() {
    for (text, keyword, flags, arguments) in [
        ("RUN a b", "RUN", &[][..], "a b"),
        ("  run \t a b  ", "run", &[], "a b"),
        ("RUN", "RUN", &[], ""),
        ("", "", &[], ""),
        ("RUN\u{a0}x", "RUN\u{a0}x", &[], ""),
        ("RUN\u{b}\u{c}x", "RUN", &[], "x"),
        ("COPY --from=a --link b c", "COPY", &["--from=a", "--link"], "b c"),
        ("COPY --from=a", "COPY", &["--from=a"], ""),
        ("COPY --a=\"b c\"'d' e", "COPY", &["--a=b cd"], "e"),
        ("COPY --a=b\\ c\\\"d e", "COPY", &["--a=b c\"d"], "e"),
        ("COPY --a='b\\'c' d", "COPY", &["--a=b'c"], "d"),
        ("COPY --a=\"b c", "COPY", &["--a=b c"], ""),
        ("COPY --a\\", "COPY", &["--a"], ""),
        ("RUN -- --x", "RUN", &[], "--x"),
        ("RUN --a -- --x", "RUN", &["--a"], "--x"),
        ("RUN --", "RUN", &[], ""),
        ("RUN --\"\" x", "RUN", &[], "x"),
        ("RUN -x --y", "RUN", &[], "-x --y"),
        ("COPY --a=é b", "COPY", &["--a=Ã©"], "b"),
        // The second byte of à is a blank of Latin-1.
        ("COPY --a=àb c", "COPY", &["--a=Ã"], "b c"),
        ("COPY --a=\u{20000}b c", "COPY", &["--a=ð"], "b c"),
    ] {
        let flags: Vec<String> = flags.iter().map(|f| (*f).to_owned()).collect();
        assert_eq!(
            split(text),
            (keyword.to_owned(), flags, arguments.to_owned()),
            "{text:?}"
        );
    }
}

#[test]
fn a_backtick_escapes_in_flags_where_it_is_the_escape_character() {
    let text = "COPY --a=b` c\\ d e";
    let split = split_instruction(&joined(text), 0..text.len(), '`');
    assert_eq!(values(split.flags), ["--a=b c\\"]);
}

#[test]
fn spans_hold_quotes_and_leave_out_continuations_at_their_ends() {
    let mut joined = Joined::new();
    joined.push("COPY --a=\"b\" ", 0);
    joined.push(" c", 20);
    joined.push("d e", 30);
    let split = split_instruction(&joined, 0..joined.text().len(), '\\');
    assert_eq!(split.flags[0].span, Span::new(5, 12));
    let words = blank_words(&joined, split.arguments);
    assert_eq!(
        words,
        [Word::new("cd", Span::new(21, 31)), Word::new("e", Span::new(32, 33))]
    );
    assert_eq!(words[1].part(0..1), Span::new(32, 33));
    assert_eq!(
        words[0].part(0..1),
        words[0].span,
        "a word over two lines is taken whole"
    );
}

#[test]
fn an_instruction_below_onbuild_is_split_again() {
    let text = "ONBUILD COPY --from=a b c";
    let joined = joined(text);
    let outer = split_instruction(&joined, 0..text.len(), '\\');
    assert!(outer.flags.is_empty());
    let inner = split_instruction(&joined, outer.arguments, '\\');
    assert_eq!(
        (inner.keyword, values(inner.flags)),
        (Word::new("COPY", Span::new(8, 12)), vec!["--from=a".to_owned()])
    );
}

#[test]
fn splits_at_blanks() {
    let of = |text: &str| values(blank_words(&joined(text), 0..text.len()));
    assert_eq!(of("a \t\u{b}b\u{c}\rc"), ["a", "b", "c"]);
    assert_eq!(of("\"a b\" c\u{a0}d"), ["\"a", "b\"", "c\u{a0}d"]);
    assert_eq!(of(""), [""; 0]);
}

#[test]
fn splits_outside_quotes() {
    for (text, expected) in [
        ("a b", &["a", "b"][..]),
        ("a\u{a0}b\u{2003}c", &["a", "b", "c"]),
        ("'a b' \"c d\"e", &["'a b'", "\"c d\"e"]),
        ("a\\ b c\\\"d e", &["a\\ b", "c\\\"d", "e"]),
        ("\"a\\\" b\" c", &["\"a\\\" b\"", "c"]),
        ("'a\\' b", &["'a\\'", "b"]),
        ("\"a b", &["\"a b"]),
        ("''", &["''"]),
        ("a b\\", &["a", "b"]),
        ("a \\", &["a"]),
        ("\"a\\", &["\"a"]),
        ("", &[]),
        ("  ", &[]),
    ] {
        assert_eq!(
            values(quoted_words(&joined(text), 0..text.len(), '\\')),
            expected,
            "{text:?}"
        );
    }
    let text = "a` b c\\ d";
    assert_eq!(
        values(quoted_words(&joined(text), 0..text.len(), '`')),
        ["a` b", "c\\", "d"]
    );
}

#[test]
fn an_escape_character_at_the_end_is_dropped_from_the_value_only() {
    let words = quoted_words(&joined("a bc\\"), 0..5, '\\');
    assert_eq!(words[1], Word::new("bc", Span::new(2, 5)));
}

#[test]
fn reads_pairs() {
    let of = |text: &str| {
        pairs(&joined(text), 0..text.len(), '\\', "ENV")
            .map(|pairs| {
                pairs
                    .into_iter()
                    .map(|p| (p.key.value, p.value.value, p.legacy))
                    .collect::<Vec<_>>()
            })
            .map_err(|e| (e.message, e.span))
    };
    let pair = |k: &str, v: &str, legacy| (k.to_owned(), v.to_owned(), legacy);
    assert_eq!(of(""), Ok(vec![]));
    assert_eq!(
        of("a=b c='d e'=f \"g h\"=i"),
        Ok(vec![
            pair("a", "b", false),
            pair("c", "'d e'=f", false),
            pair("\"g h\"", "i", false)
        ])
    );
    assert_eq!(of("=b c="), Ok(vec![pair("", "b", false), pair("c", "", false)]));
    assert_eq!(of("a  b c=d"), Ok(vec![pair("a", "b c=d", true)]));
    assert_eq!(
        of("a\u{a0}=b"),
        Err(("ENV must have two arguments".to_owned(), Span::new(0, 5)))
    );
    assert_eq!(
        of("a"),
        Err(("ENV must have two arguments".to_owned(), Span::new(0, 1)))
    );
    let message = "Syntax error - can't find = in \"c\\\"\". Must be of the form: name=value";
    assert_eq!(of("a=b c\""), Err((message.to_owned(), Span::new(4, 6))));
}

#[test]
fn pairs_know_their_places() {
    let text = "ab=c 'd e'=f\\";
    let pairs = pairs(&joined(text), 0..text.len(), '\\', "LABEL").unwrap();
    let spans: Vec<_> = pairs.iter().map(|p| (p.key.span, p.value.span, p.span)).collect();
    assert_eq!(spans[0], (Span::new(0, 2), Span::new(3, 4), Span::new(0, 4)));
    assert_eq!(spans[1], (Span::new(5, 10), Span::new(11, 13), Span::new(5, 13)));
}

#[test]
fn cuts_off_the_type_of_a_healthcheck() {
    let of = |text: &str| {
        let joined = joined(text);
        health_type(&joined, 0..text.len()).map(|(kind, rest)| (kind.value, joined.slice(rest).to_owned()))
    };
    assert_eq!(of("CMD  [\"a\"]"), Some(("CMD".to_owned(), "[\"a\"]".to_owned())));
    assert_eq!(of("none"), Some(("none".to_owned(), String::new())));
    assert_eq!(of(""), None);
}

proptest! {
    #[test]
    fn no_text_panics_and_words_are_in_order(text in "[a\\\\`'\"=\\-<\\[\\]{}, \t\u{a0}é\u{20000}]{0,24}", backtick: bool) {
        let escape = if backtick { '`' } else { '\\' };
        let joined = joined(&text);
        let split = split_instruction(&joined, 0..text.len(), escape);
        let rest = split.arguments.clone();
        prop_assert!(text.get(rest.clone()).is_some());
        let mut words = split.flags;
        words.insert(0, split.keyword);
        words.extend(quoted_words(&joined, rest.clone(), escape));
        let mut end = 0;
        for word in words {
            prop_assert!(word.span.start >= end && text.get(word.span.range()).is_some());
            end = word.span.end;
        }
        let _ = pairs(&joined, rest.clone(), escape, "ENV");
        let _ = json_words(&joined, rest.clone());
        let _ = health_type(&joined, rest);
    }
}
