//! The same tests without root.

use mbopt::executor::native::sandbox::{RunError, not_allowed};
use mbopt::executor::native::userns::ensure;
use std::process::Command;

/// Runs tests of this program inside of a user namespace; their output, and whether they passed.
fn inside(arguments: &[&str]) -> (String, bool) {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(super::mbopt())
        .arg("--mbopt-user-namespace")
        .args([&program, &program])
        .args(arguments)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (text.concat(), output.status.success())
}

/// Where user namespaces are allowed, runs every other test again inside of one. Where they are not,
/// the error must say why and what to do.
#[test]
fn all_of_it_without_root() {
    if !super::unprivileged() {
        return;
    }
    let (text, refused) = inside(&["--exact", "rootless::report_a_refusal", "--ignored", "--nocapture"]);
    if let Some(refusal) = text.lines().find(|line| line.starts_with("REFUSED: ")) {
        assert!(refused && refusal.contains(" HELP: "), "{text}");
        let help = refusal.split(" HELP: ").nth(1).unwrap();
        assert!(help.contains("--engine docker"), "{refusal}");
        println!("{refusal}");
        return;
    }
    let (text, passed) = inside(&["--skip", "rootless::"]);
    println!("{text}");
    assert!(passed && text.contains("test result: ok"));
}

#[test]
#[ignore = "runs inside of a user namespace"]
fn report_a_refusal() {
    match ensure() {
        Ok(()) => println!("\nALLOWED"),
        Err(error) => {
            assert!(matches!(error, RunError::NotAllowed { .. }), "{error}");
            println!("\nREFUSED: {error} HELP: {}", error.help().unwrap_or_default());
        }
    }
}

#[test]
fn advice_names_another_engine() {
    assert!(not_allowed().contains("--engine docker"));
}
