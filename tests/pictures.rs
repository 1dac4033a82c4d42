//! The pictures of a terminal in the README and the documents: made from real runs, and compared
//! with them here. `MBOPT_BLESS=1` draws them anew.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::process::Command;

/// The picture's name, and the arguments that it shows.
const PICTURES: [(&str, &[&str]); 2] = [
    ("lint", &["lint", "fixtures/apps/greeter/Dockerfile"]),
    (
        "fix",
        &["lint", "--fix", "--diff", "fixtures/apps/go-data/app/Dockerfile"],
    ),
];

/// Lines beyond this are cut off, so that a picture fits a page.
const LINES: usize = 36;

#[test]
fn pictures_show_what_is_printed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut old = Vec::new();
    for (name, arguments) in PICTURES {
        let output = Command::new(env!("CARGO_BIN_EXE_mbopt"))
            .args(["--color", "always"])
            .args(arguments)
            .current_dir(root)
            .env("COLUMNS", "100")
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .env_remove("GITHUB_ACTIONS")
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(
            printed.contains("\u{1b}["),
            "{arguments:?} prints no colours: {printed}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let mut lines: Vec<&str> = printed.lines().collect();
        if lines.len() > LINES {
            lines.truncate(LINES);
            lines.push("...");
        }
        let shown = format!("$ mbopt {}\n{}\n", arguments.join(" "), lines.join("\n"));
        // On white every colour of a terminal can be read.
        let drawn = anstyle_svg::Term::new()
            .fg_color(anstyle::AnsiColor::Black.into())
            .bg_color(anstyle::AnsiColor::BrightWhite.into())
            .render_svg(&shown);
        let path = root.join(format!("docs/pictures/{name}.svg"));
        if std::env::var_os("MBOPT_BLESS").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &drawn).unwrap();
        } else if fs::read_to_string(&path).unwrap_or_default() != drawn {
            old.push(path.display().to_string());
        }
    }
    assert!(
        old.is_empty(),
        "run with MBOPT_BLESS=1, these pictures are old: {old:#?}"
    );
}
