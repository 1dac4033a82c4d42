//! The same tests without root.

use std::process::Command;

/// Where user namespaces are allowed, runs every other test again inside of one; where they are
/// not, the error must say what to do.
#[test]
fn all_of_it_without_root() {
    if !super::unprivileged() {
        return;
    }
    let program = std::env::current_exe().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_mbopt"))
        .arg("--mbopt-user-namespace")
        .args([&program, &program])
        .args(["--skip", "rootless::"])
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    println!("{out}{err}");
    assert!(output.status.success());
}

/// What `mbopt` itself would say.
#[test]
fn a_refusal_says_what_to_do() {
    use mbopt::executor::native::sandbox::RunError;
    let advice = mbopt::executor::native::sandbox::not_allowed();
    assert!(
        advice.contains("root") || advice.contains("--engine docker"),
        "{advice}"
    );
    if std::env::var_os("MBOPT_USER_NAMESPACE").is_none() || !super::unprivileged() {
        return;
    }
    let error = mbopt::executor::native::userns::ensure().unwrap_err();
    assert!(
        matches!(error, RunError::NotAllowed { .. }) && error.help().is_some_and(|help| !help.is_empty()),
        "{error}"
    );
}
