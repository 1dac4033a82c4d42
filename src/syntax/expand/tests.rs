use super::*;
use proptest::prelude::*;

struct Vars(&'static [(&'static str, &'static str)]);

impl Env for Vars {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.iter().find(|(n, _)| *n == name).map(|(_, v)| Cow::Borrowed(*v))
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|(n, _)| (*n).to_owned()).collect()
    }
}

const VARS: Vars = Vars(&[
    ("X", "xyz"),
    ("E", ""),
    ("P", "a/b.tar.gz"),
    ("S", "one  two"),
    ("1", "first"),
    ("é", "accent"),
]);

fn expanded(text: &str) -> Result<String, String> {
    word(text, &VARS, '\\', Options::default())
        .map(|e| e.value)
        .map_err(|e| e.reason)
}

#[test]
fn replaces_variables() {
    for (text, value) in [
        ("", ""),
        ("$X", "xyz"),
        ("a$X/b", "axyz/b"),
        ("$Xa", ""),
        ("${X}a", "xyza"),
        ("$U|", "|"),
        ("$", "$"),
        ("$/", "$/"),
        ("$1a$12", "firsta"),
        ("$é", "accent"),
        ("$-x$@", "x"),
        ("${X:-d}${U:-d}${E:-d}${E-d}", "xyzdd"),
        ("${X:+d}${U:+d}${E:+d}${E+d}", "dd"),
        ("${X:?d}${E?d}", "xyz"),
        ("${U:-${X}}${U:-\"a b\"}${U:-'}'}", "xyza b}"),
        ("${U:-a\\}b}", "a}b"),
        ("${P#*/}|${P##*.}|${P%.*}|${P%%.*}", "b.tar.gz|gz|a/b.tar|a/b"),
        ("${P/a/A}|${P//a/A}|${P/\\//-}", "A/b.tar.gz|A/b.tAr.gz|a-b.tar.gz"),
        ("${P/b*r/B}", "a/B.gz"),
        ("${P//\"tar\"/$X}", "a/b.xyz.gz"),
        ("${S}", "one  two"),
    ] {
        assert_eq!(expanded(text).as_deref(), Ok(value), "{text}");
    }
}

#[test]
fn takes_quotes_and_escapes_away() {
    for (text, value) in [
        ("'$X'", "$X"),
        ("\"$X\"", "xyz"),
        ("a'b'\"c\"d", "abcd"),
        ("\\$X", "$X"),
        ("\\a\\\\", "a\\"),
        ("a\\", "a"),
        ("\"\\a\\\"\\$X\\\\\"", "\\a\"$X\\"),
        ("'\\'", "\\"),
        ("\"'\"'\"'", "'\""),
        ("a<b<<c", "a<b<<c"),
        ("\u{feff}a", "a"),
    ] {
        assert_eq!(expanded(text).as_deref(), Ok(value), "{text}");
    }
    let backtick = |text| word(text, &VARS, '`', Options::default()).unwrap().value;
    assert_eq!(backtick("c:\\x`$X`` \"`\"`a\""), "c:\\x$X` \"`a");
}

#[test]
fn refuses_what_buildkit_refuses() {
    for (text, reason) in [
        (
            "'a",
            "unexpected end of statement while looking for matching single-quote",
        ),
        (
            "\"a",
            "unexpected end of statement while looking for matching double-quote",
        ),
        (
            "\"a\\",
            "unexpected end of statement while looking for matching double-quote",
        ),
        ("${", "syntax error: missing '}'"),
        ("${X", "unsupported modifier (\u{fffd}) in substitution"),
        ("${X:", "syntax error: missing '}'"),
        ("${X:-a", "syntax error: missing '}'"),
        ("${X:-'a}", "syntax error: missing '}'"),
        ("${X/a}", "syntax error: missing '/' in ${}"),
        ("${X/a/b", "syntax error: missing '}'"),
        ("${}", "syntax error: bad substitution"),
        ("${:x}", "syntax error: bad substitution"),
        ("${{x}}", "syntax error: bad substitution"),
        ("${x:ia}", "unsupported modifier (:i) in substitution"),
        ("${X:#a}", "unsupported modifier (:#) in substitution"),
        ("${X.a}", "unsupported modifier (.) in substitution"),
        ("${X^}", "unsupported modifier (^) in substitution"),
        ("${U:?}", "U: is not allowed to be unset"),
        ("${E:?}", "E: is not allowed to be empty"),
        ("${U?no $X}", "U: no xyz"),
        ("${U:-${U:?inner}} ", "U: inner"),
        // An inner error at the very end of the text is told as a missing brace.
        ("${U:-${U:?inner}", "syntax error: missing '}'"),
        (
            "${X#\\a}",
            "invalid pattern (\\a) in substitution: invalid escape '\\a'",
        ),
    ] {
        assert_eq!(expanded(text), Err(reason.to_owned()), "{text}");
    }
    let error = word("\"a", &VARS, '\\', Options::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to process \"\\\"a\": unexpected end of statement while looking for matching double-quote"
    );
}

#[test]
fn tells_which_variables_were_looked_up() {
    let found = word("$X${U:-$V}${X}$U'$W'", &VARS, '\\', Options::default()).unwrap();
    assert_eq!(
        (found.used, found.unset),
        (vec!["X".to_owned()], vec!["V".to_owned(), "U".to_owned()])
    );
}

#[test]
fn keeps_what_it_is_told_to_keep() {
    let with = |text, options| word(text, &VARS, '\\', options).unwrap().value;
    let skip = Options {
        skip_unset: true,
        ..Options::default()
    };
    assert_eq!(
        with("$X $U ${U} ${U:-a} ${U:?a} ${U#a} ${U/a/b} ${U//a/b}", skip),
        "xyz $U ${U} ${U:-a} ${U:?a} ${U#a} ${U/a/b} ${U/a/b}"
    );
    let quotes = Options {
        raw_quotes: true,
        ..Options::default()
    };
    assert_eq!(with("'a'\"$X\"\\b", quotes), "'a'\"xyz\"b");
    let escapes = Options {
        raw_escapes: true,
        ..Options::default()
    };
    assert_eq!(with("\\a'b'\"\\\"\\c\"", escapes), "\\ab\\\"\\\\c");
    let no_quotes = Options {
        skip_quotes: true,
        ..Options::default()
    };
    assert_eq!(with("'$X\"", no_quotes), "'xyz\"");
}

#[test]
fn splits_words() {
    let of = |text: &str| words(text, &VARS, '\\', Options::default()).unwrap();
    assert_eq!(of(" a  b\tc "), ["a", "b", "c"]);
    assert_eq!(of("$S \"$S\""), ["one", "two", "one  two"]);
    assert_eq!(of("a\\ b 'c d'e"), ["a b", "c de"]);
    assert_eq!(of("'' a"), ["a"]);
    assert_eq!(of("a << b"), ["a", "<< b"]);
    // All levels of BuildKit's lexer share one buffer: a nested word drops what was collected.
    assert_eq!(of("a${X:-b}c d"), ["xyzc", "d"]);
}

#[test]
fn names_references_with_their_places() {
    let found = references_in("a$X'$Y'\\$Z${U:-${V}}\"${W%%.*}\"${T/a/b}$", '\\');
    let found: Vec<_> = found
        .iter()
        .map(|r| (r.name.as_str(), r.range.clone(), r.modifier))
        .collect();
    assert_eq!(
        found,
        [
            ("X", 1..3, Modifier::None),
            ("U", 10..20, Modifier::Default),
            ("V", 15..19, Modifier::None),
            ("W", 21..29, Modifier::Trim),
            ("T", 30..38, Modifier::Replace),
        ]
    );
    assert_eq!(references_in("$A ${B", '\\').len(), 1);
    assert_eq!(references_in("$A ${B:?x} $C", '\\').len(), 3);
}

#[test]
fn deep_nesting_is_an_error_and_no_crash() {
    let text = format!("{}x{}", "${a:-".repeat(100_000), "}".repeat(100_000));
    assert!(expanded(&text).is_err());
    let text = format!("{}x{}", "${a:-".repeat(20), "}".repeat(20));
    assert_eq!(expanded(&text).as_deref(), Ok("x"));
}

proptest! {
    #[test]
    fn no_text_panics(text in "[a1$${}:\\-+?#%/*'\"<\\\\` \u{feff}é]{0,24}", backtick: bool, raw_quotes: bool, raw_escapes: bool, skip_unset: bool, skip_quotes: bool) {
        let escape = if backtick { '`' } else { '\\' };
        let options = Options { raw_quotes, raw_escapes, skip_unset, skip_quotes };
        let _ = word(&text, &VARS, escape, options);
        let _ = words(&text, &VARS, escape, options);
        for reference in references_in(&text, escape) {
            prop_assert!(text[reference.range].starts_with('$'));
        }
    }
}
