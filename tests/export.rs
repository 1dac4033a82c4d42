//! Images that the store writes are loaded and run by Docker and Podman, where those are installed
//! and can run anything: `MBOPT_LOAD_WITH=docker,podman` makes their absence a failure.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use mbopt::executor::native::output::export;
use mbopt::executor::native::store::{Options, Store};
use mbopt::executor::{Cancel, Digest, ImageConfig, Output, Platform};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output as Answer};

/// The host's shell and what it is linked with.
fn shell_files() -> Vec<PathBuf> {
    let said = Command::new("ldd").arg("/bin/sh").output().unwrap();
    let mut files = vec![PathBuf::from("/bin/sh")];
    files.extend(
        String::from_utf8_lossy(&said.stdout)
            .split_whitespace()
            .filter(|word| word.starts_with('/'))
            .map(PathBuf::from),
    );
    files
}

/// An image of two layers that says something when it runs.
fn image(store: &Store, label: &str) -> Digest {
    let scratch = store.scratch().unwrap();
    let base = scratch.path().join("base");
    for file in shell_files() {
        let to = base.join(file.strip_prefix("/").unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(&file, to).unwrap();
    }
    fs::write(base.join("gone"), "x").unwrap();
    let top = scratch.path().join("top");
    fs::create_dir(&top).unwrap();
    fs::write(top.join("message"), "it runs\n").unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        top.join("gone"),
        rustix::fs::FileType::CharacterDevice,
        rustix::fs::Mode::empty(),
        0,
    )
    .unwrap();
    let layers = [&base, &top].map(|folder| store.commit(folder).unwrap().diff_id);
    let mut config = ImageConfig {
        platform: Platform::host(),
        diff_ids: layers.to_vec(),
        ..ImageConfig::default()
    };
    config.labels.insert("mbopt".into(), label.into());
    let script = "test ! -e /gone && while read line; do echo \"$line\"; done </message";
    config.cmd = Some(["/bin/sh", "-c", script].map(str::to_owned).to_vec());
    store.put_image(&config).unwrap()
}

fn run(program: &str, args: &[&str]) -> Answer {
    Command::new(program).args(args).output().unwrap()
}

fn said(answer: &Answer) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&answer.stdout),
        String::from_utf8_lossy(&answer.stderr)
    )
}

/// Whether a program is to be tried.
fn wanted(program: &str) -> bool {
    let demanded = std::env::var("MBOPT_LOAD_WITH").is_ok_and(|list| list.split(',').any(|one| one == program));
    let works = Command::new(program)
        .arg("info")
        .output()
        .is_ok_and(|answer| answer.status.success());
    assert!(works || !demanded, "{program} is to be tried, and does not work");
    if !works {
        println!("skipped: {program} is not there, or does not answer");
    }
    works
}

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&Options::at(folder.path().join("store"))).unwrap();
    (folder, store)
}

/// Loads a file, runs the image, and takes it away again.
fn load_and_run(program: &str, file: &Path, name: &str) {
    let loaded = run(program, &["load", "-i", file.to_str().unwrap()]);
    assert!(loaded.status.success(), "{program} load: {}", said(&loaded));
    let ran = run(program, &["run", "--rm", "--network=none", name]);
    let removed = run(program, &["image", "rm", "--force", name]);
    assert!(ran.status.success(), "{program} run: {}", said(&ran));
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "it runs\n");
    assert!(removed.status.success(), "{program} image rm: {}", said(&removed));
}

#[test]
fn docker_loads_and_runs_what_is_written() {
    if !wanted("docker") {
        return;
    }
    let (folder, store) = store();
    let name = format!("mbopt-test-export:{}", std::process::id());
    let id = image(&store, &name);
    let archive = folder.path().join("image.tar");
    let to = Output::DockerArchive(archive.clone(), Some(name.clone()));
    export(&store, &id, &to, &Cancel::new()).unwrap();
    load_and_run("docker", &archive, &name);
    // Straight into the Engine; it keeps the id.
    export(&store, &id, &Output::Docker(name.clone()), &Cancel::new()).unwrap();
    let inspected = run("docker", &["image", "inspect", "--format", "{{.Id}}", &name]);
    let ran = run("docker", &["run", "--rm", "--network=none", &name]);
    run("docker", &["image", "rm", "--force", &name]);
    assert_eq!(String::from_utf8_lossy(&inspected.stdout).trim(), id.as_str());
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "it runs\n", "{}", said(&ran));
}

#[test]
fn podman_loads_and_runs_what_is_written() {
    if !wanted("podman") {
        return;
    }
    let (folder, store) = store();
    let name = format!("localhost/mbopt-test-export:{}", std::process::id());
    let id = image(&store, &name);
    let archive = folder.path().join("image.tar");
    let to = Output::DockerArchive(archive.clone(), Some(name.clone()));
    export(&store, &id, &to, &Cancel::new()).unwrap();
    load_and_run("podman", &archive, &name);
    let layout = folder.path().join("layout");
    let to = Output::Oci(layout.clone(), Some("test".into()));
    export(&store, &id, &to, &Cancel::new()).unwrap();
    let pulled = run(
        "podman",
        &["pull", "--quiet", &format!("oci:{}:test", layout.display())],
    );
    assert!(pulled.status.success(), "podman pull: {}", said(&pulled));
    let pulled_id = String::from_utf8_lossy(&pulled.stdout).trim().to_owned();
    let ran = run("podman", &["run", "--rm", "--network=none", &pulled_id]);
    run("podman", &["image", "rm", "--force", &pulled_id]);
    assert_eq!(pulled_id, id.hex());
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "it runs\n", "{}", said(&ran));
}
