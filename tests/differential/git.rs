//! ADD from a git server on this machine: by native, and by a current BuildKit where there is one.

use crate::{Others, against_current, base, by_native, case, is_possible, request};
use mbopt::executor::native::engine::Native;
use mbopt::executor::native::sandbox::Sandbox;
use mbopt::executor::native::store::Options;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Ends with the value.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn git(folder: &Path, args: &[&str]) -> String {
    let done = Command::new("git")
        .args([
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.org",
            "-c",
            "init.defaultBranch=main",
        ])
        .args(["-c", "protocol.file.allow=always"])
        .args(args)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// `/part.git` and `/repo.git`, which has a tag, two branches and a submodule; the commit of its tag.
fn repositories(served: &Path, port: u16) -> String {
    for name in ["part.git", "repo.git"] {
        fs::create_dir_all(served.join(name)).unwrap();
        git(&served.join(name), &["init", "--quiet"]);
    }
    let part = served.join("part.git");
    write(&part, &[("inner", "inner\n")]);
    git(&part, &["add", "."]);
    git(&part, &["commit", "--quiet", "-m", "part"]);
    let repo = served.join("repo.git");
    write(&repo, &[("a", "1\n"), ("docs/d", "d\n"), ("run.sh", "#!/bin/sh\n")]);
    std::os::unix::fs::symlink("../a", repo.join("docs/link")).unwrap();
    git(&repo, &["add", "."]);
    git(&repo, &["update-index", "--chmod=+x", "run.sh"]);
    git(&repo, &["commit", "--quiet", "-m", "one"]);
    git(&repo, &["tag", "-a", "v1", "-m", "v1"]);
    let commit = git(&repo, &["rev-parse", "HEAD"]);
    git(&repo, &["checkout", "--quiet", "-b", "other"]);
    write(&repo, &[("a", "other\n")]);
    git(&repo, &["commit", "--quiet", "-am", "other"]);
    git(&repo, &["checkout", "--quiet", "main"]);
    git(&repo, &["submodule", "--quiet", "add", "../part.git", "part"]);
    let url = format!("git://127.0.0.1:{port}/part.git");
    git(&repo, &["config", "--file=.gitmodules", "submodule.part.url", &url]);
    write(&repo, &[("a", "2\n")]);
    git(&repo, &["commit", "--quiet", "-am", "two"]);
    git(&repo, &["config", "uploadpack.allowAnySHA1InWant", "true"]);
    commit
}

/// Lines of a Dockerfile behind `FROM scratch`, and what they make; `HOST` and `COMMIT` are filled in.
const CASES: &[(&str, &str, &str)] = &[
    (
        "head",
        "ADD git://HOST/repo.git /r",
        "f 0644 0:0 /r/a 2\nf 0644 0:0 /r/part/inner inner\n- /r/.git\n- /r/git",
    ),
    (
        "tag",
        "ADD git://HOST/repo.git#v1 /r/",
        "f 0644 0:0 /r/a 1\nf 0755 0:0 /r/run.sh #!/bin/sh\n- /r/part",
    ),
    ("branch", "ADD git://HOST/repo.git#other /r/", "f 0644 0:0 /r/a other"),
    ("commit", "ADD git://HOST/repo.git#COMMIT /r/", "f 0644 0:0 /r/a 1"),
    (
        "folder",
        "ADD git://HOST/repo.git#v1:docs /r/",
        "f 0644 0:0 /r/d d\nl /r/link -> ../a\n- /r/docs",
    ),
    (
        "keep",
        "ADD --keep-git-dir=true git://HOST/repo.git#v1 /r/",
        "f 0644 0:0 /r/a 1\nd 0755 0:0 /r/.git",
    ),
    (
        "checksum",
        "ADD --checksum=COMMIT git://HOST/repo.git#v1 /r/",
        "f 0644 0:0 /r/a 1",
    ),
    (
        "chown",
        "ADD --chown=5:6 --chmod=600 git://HOST/repo.git#v1 /r/",
        "f 0600 5:6 /r/a 1",
    ),
    (
        "wrong-checksum",
        "ADD --checksum=0000000000000000000000000000000000000000 git://HOST/repo.git#v1 /r/",
        "fails",
    ),
    ("no-such-branch", "ADD git://HOST/repo.git#nowhere /r/", "fails"),
    ("no-such-repository", "ADD git://HOST/none.git /r/", "fails"),
    ("no-such-folder", "ADD git://HOST/repo.git#v1:nowhere /r/", "fails"),
];

#[test]
fn git_repositories_are_added() {
    let has_git = Command::new("git")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if has_git.is_err() {
        eprintln!("skipped: git is not installed");
        return;
    }
    if !is_possible() {
        return;
    }
    let work = tempfile::tempdir().unwrap();
    let served = work.path().join("served");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let commit = repositories(&served, port);
    // Not by way of `git`, which would leave it behind when it is killed.
    let programs = git(work.path(), &["--exec-path"]);
    let daemon = Command::new(Path::new(&programs).join("git-daemon"))
        .args(["--export-all", "--reuseaddr", "--listen=127.0.0.1"])
        .arg(format!("--port={port}"))
        .arg(format!("--base-path={}", served.display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _daemon = Daemon(daemon);
    for _ in 0..100 {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(_) => break,
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
    let options = Options::at(work.path().join("store"));
    let native = Native::with(&options, Sandbox::with_program(env!("CARGO_BIN_EXE_mbopt"))).expect("a store");
    let bases = base::make(work.path(), false);
    let others = Others::find(work.path(), &native, &bases, None);
    let mut wrong = Vec::new();
    for (name, line, expect) in CASES {
        let line = line
            .replace("HOST", &format!("127.0.0.1:{port}"))
            .replace("COMMIT", &commit);
        let fails = *expect == "fails";
        let mut case = case::Case::default();
        case.name = (*name).to_owned();
        case.dockerfile = format!("FROM scratch\n{line}\n");
        case.fails = fails;
        case.expect = (!fails).then(|| expect.lines().map(str::to_owned).collect());
        let folder = work.path().join(name);
        fs::create_dir(&folder).unwrap();
        case.write(&folder);
        let mine = by_native(&native, &request(&case, &folder, &bases, true));
        if let Ok(made) = &mine {
            wrong.extend(
                made.tree
                    .unlike(case.expect.as_deref().unwrap_or_default())
                    .into_iter()
                    .map(|l| format!("{name}: {l}")),
            );
        }
        match &mine {
            Err(error) if !fails => wrong.push(format!("{name}: {error}")),
            Err(error) => eprintln!("{name}: {error}"),
            Ok(_) if fails => wrong.push(format!("{name}: it is built")),
            Ok(_) => {}
        }
        if let Some(current) = &others.current {
            // A repository's own data differs with the version of git.
            let mut theirs = current.build(&case, &folder);
            let mut mine = mine;
            for made in theirs.iter_mut().chain(mine.iter_mut().map(|made| &mut *made)) {
                made.tree.forget_below("r/.git");
                // A file that names the folder of the data.
                made.tree.forget(&["/r/part/.git".to_owned()]);
            }
            let found = against_current(&case, theirs, mine);
            wrong.extend(
                found
                    .into_iter()
                    .map(|line| format!("{name}: against BuildKit: {line}")),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
