//! The base image: this machine's shell, tools and libraries, the programs of `fixtures/verify/programs`,
//! and data that programs open. As a `docker save` archive.

use super::{fixtures, host_root};
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

pub struct Base {
    work: PathBuf,
    /// Whether this machine links static programs.
    pub has_static: bool,
}

static BASE: LazyLock<Option<Base>> = LazyLock::new(|| {
    if !mbopt::executor::native::userns::privileged() && std::env::var_os("MBOPT_TEST_ROOTLESS").is_none() {
        eprintln!("skipped: not root (MBOPT_TEST_ROOTLESS=1 tries it in a user namespace)");
        return None;
    }
    // SAFETY: the function takes nothing and lives as long as the program.
    #[allow(unsafe_code)] // A static is never dropped.
    unsafe {
        libc::atexit(remove);
    }
    Some(make(&work()))
});

fn work() -> PathBuf {
    std::env::temp_dir().join(format!("mbopt-test-verify-{}", std::process::id()))
}

extern "C" fn remove() {
    let _ = fs::remove_dir_all(work());
}

impl Base {
    /// Made once; none where the bundled engine cannot work, which is said.
    pub fn get() -> Option<&'static Base> {
        BASE.as_ref()
    }

    pub fn archive(&self) -> PathBuf {
        self.work.join("base.tar")
    }

    /// The image of a compiler, and the slim one that belongs to it.
    pub fn compilers(&self) -> [(&str, PathBuf); 3] {
        let slim = || self.work.join("slim.tar");
        [
            ("gcc:13", self.work.join("full.tar")),
            ("debian:bookworm-slim", slim()),
            ("debian:trixie-slim", slim()),
        ]
    }

    /// Where images are made; gone in the end.
    pub fn work(&self) -> &Path {
        &self.work
    }

    /// Where the engine keeps its store.
    pub fn cache(&self) -> PathBuf {
        self.work.join("cache")
    }
}

/// Compiles a program; whether it could be.
fn compile(from: &str, to: &Path, more: &[&str]) -> bool {
    let done = Command::new("cc")
        .args(["-O1", "-o"])
        .arg(to)
        .arg(fixtures().join("programs").join(from))
        .args(more)
        .output()
        .expect("`cc`, with which Rust links, runs");
    done.status.success()
}

/// The loader that this machine's programs ask for.
fn loader(program: &Path) -> PathBuf {
    let output = Command::new("ldd").arg(program).output().expect("`ldd` runs");
    String::from_utf8_lossy(&output.stdout)
        .split_whitespace()
        .find(|word| word.starts_with("/lib") && word.contains("/ld-"))
        .map(PathBuf::from)
        .expect("programs have a loader")
}

fn make(work: &Path) -> Base {
    let (programs, root) = (work.join("programs"), work.join("root"));
    fs::create_dir_all(&programs).unwrap();
    fs::create_dir_all(&root).unwrap();
    let at = |name: &str| programs.join(name);
    for name in ["serve", "reads", "starts", "hello", "loads"] {
        assert!(
            compile(&format!("{name}.c"), &at(name), &[]),
            "{name}.c does not compile"
        );
    }
    assert!(compile("libgreet.c", &at("libgreet.so"), &["-shared", "-fPIC"]));
    let folder = programs.display().to_string();
    assert!(compile("greet.c", &at("greet"), &["-L", &folder, "-lgreet"]));
    let machine = std::env::consts::ARCH;
    let wants_musl = format!("-Wl,--dynamic-linker=/lib/ld-musl-{machine}.so.1");
    assert!(compile("hello.c", &at("hello-musl"), &[&wants_musl]));
    let mut made: Vec<PathBuf> = ["serve", "reads", "starts", "hello", "greet", "hello-musl"]
        .map(at)
        .into();
    let has_static = compile("hello.c", &at("hello-static"), &["-static"]) && {
        made.push(at("hello-static"));
        made.push(at("serve-static"));
        compile("serve.c", &at("serve-static"), &["-static"])
    };
    let made: Vec<&Path> = made.iter().map(PathBuf::as_path).collect();
    host_root::make(&root, &made);
    // What only pretends to be Alpine's loader is this machine's own.
    let glibc = loader(&at("hello"));
    for folder in [
        "lib",
        "opt",
        "usr/lib",
        "usr/local/bin",
        "usr/share",
        "etc/ssl/certs",
        "usr/lib/locale/xx_YY",
        "usr/share/zoneinfo/Europe",
    ] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::copy(&glibc, root.join(format!("lib/ld-musl-{machine}.so.1"))).unwrap();
    fs::copy(at("libgreet.so"), root.join("usr/lib/libgreet.so")).unwrap();
    let folders: Vec<String> = fs::read_dir(root.join("lib"))
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| format!("/lib/{}\n", entry.file_name().to_string_lossy()))
        .collect();
    for (path, bytes) in [
        (
            format!("etc/ld-musl-{machine}.path"),
            format!("/lib64\n{}", folders.concat()).into_bytes(),
        ),
        (
            "etc/ssl/certs/ca-certificates.crt".to_owned(),
            b"certificates\n".to_vec(),
        ),
        ("etc/mime.types".to_owned(), b"text/html html\n".to_vec()),
        ("etc/nsswitch.conf".to_owned(), b"passwd: files\n".to_vec()),
        ("usr/lib/locale/xx_YY/LC_CTYPE".to_owned(), b"locale\n".to_vec()),
        ("usr/share/zoneinfo/Europe/Berlin".to_owned(), zone()),
    ] {
        fs::write(root.join(path), bytes).unwrap();
    }
    archive(work, &root, "base");
    // The same as a compiler's image and a slim one: with a compiler that gives what lies ready, and with
    // an apt-get that installs from a folder.
    let script = |path: &str, text: &str| {
        fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        fs::write(root.join(path), text).unwrap();
        fs::set_permissions(root.join(path), fs::Permissions::from_mode(0o755)).unwrap();
    };
    fs::create_dir_all(root.join("opt/pool")).unwrap();
    fs::copy(at("libgreet.so"), root.join("opt/pool/libgreet1")).unwrap();
    fs::remove_file(root.join("usr/lib/libgreet.so")).unwrap();
    fs::remove_file(root.join("bin/greet")).unwrap();
    fs::create_dir_all(root.join("var/lib/apt/lists")).unwrap();
    script("bin/apt-get", APT_GET);
    archive(work, &root, "slim");
    fs::create_dir_all(root.join("usr/lib/gcc")).unwrap();
    fs::copy(at("loads"), root.join("usr/lib/gcc/server")).unwrap();
    fs::copy(at("greet"), root.join("usr/lib/gcc/greet")).unwrap();
    fs::write(root.join("usr/lib/gcc/cc1"), vec![0; 40_000_000]).unwrap();
    script("bin/gcc", GCC);
    script("var/lib/dpkg/info/libgreet1.list", "/.\n/usr/lib/libgreet.so\n");
    fs::copy(at("libgreet.so"), root.join("usr/lib/libgreet.so")).unwrap();
    archive(work, &root, "full");
    Base {
        work: work.to_owned(),
        has_static,
    }
}

/// Gives the program that is asked for by `-o`.
const GCC: &str = r#"#!/bin/sh
while [ "$1" != -o ]; do shift; done
cp "/usr/lib/gcc/$2" "$2"
"#;

/// `update` does nothing, `install` copies libraries out of `/opt/pool`.
const APT_GET: &str = r#"#!/bin/sh
[ "$1" = install ] || exit 0
shift
for name; do
  case $name in -*) ;; *) cp "/opt/pool/$name" /usr/lib/libgreet.so || exit 100 ;; esac
done
"#;

/// A table of a time zone that is one hour ahead (RFC 8536).
fn zone() -> Vec<u8> {
    let mut table = Vec::new();
    for _ in 0..2 {
        table.extend(b"TZif2");
        table.extend([0; 15]);
        for count in [0u32, 0, 0, 0, 1, 4] {
            table.extend(count.to_be_bytes());
        }
        table.extend(3600u32.to_be_bytes());
        table.extend([0, 0]);
        table.extend(b"CET\0");
    }
    table.extend(b"\nCET-1\n");
    table
}

/// Writes a root as an image of one layer.
pub fn archive(into: &Path, root: &Path, name: &str) {
    let work = &into.join(name);
    fs::create_dir_all(work).unwrap();
    let layer = work.join("layer.tar");
    let packed = Command::new("tar")
        .args([
            "--numeric-owner",
            "--owner=0",
            "--group=0",
            "--sort=name",
            "--mtime=@1700000000",
            "-cf",
        ])
        .arg(&layer)
        .arg("-C")
        .arg(root)
        .arg(".")
        .status();
    assert!(packed.expect("tar runs").success());
    let sum: String = Sha256::digest(fs::read(&layer).unwrap())
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let config = format!(
        r#"{{"architecture":"{}","os":"linux","config":{{"Env":["PATH=/usr/local/bin:/bin","BASE=1"],"Cmd":["sh"]}},"rootfs":{{"type":"layers","diff_ids":["sha256:{sum}"]}},"history":[{{"created":"2024-01-01T00:00:00Z","comment":"Imported"}}]}}"#,
        mbopt::executor::Platform::host().architecture
    );
    fs::write(work.join("config.json"), config).unwrap();
    let manifest = r#"[{"Config":"config.json","RepoTags":[],"Layers":["layer.tar"]}]"#;
    fs::write(work.join("manifest.json"), manifest).unwrap();
    let done = Command::new("tar")
        .arg("-cf")
        .arg(into.join(format!("{name}.tar")))
        .arg("-C")
        .arg(work)
        .args(["manifest.json", "config.json", "layer.tar"])
        .status();
    assert!(done.expect("tar runs").success());
}
