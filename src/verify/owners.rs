//! Which package owns a file: read from the package databases inside the image.

use super::files::Files;
use std::collections::HashMap;

/// The largest database that is read, in bytes.
const DATABASE_LIMIT: u64 = 256 << 20;

/// Owners by path.
#[derive(Debug, Clone, Default)]
pub struct Owners(HashMap<String, String>);

impl Owners {
    /// Reads the databases of dpkg (also as distroless images keep it), apk, and what is known from
    /// paths (npm, pip, gems).
    pub fn of(files: &dyn Files) -> Owners {
        let mut owners = Owners::default();
        owners.dpkg(files);
        owners.apk(files);
        owners
    }

    /// The package of a file, with the manager before it: `apt:libssl3`, `npm:express`.
    pub fn of_file(&self, path: &str) -> Option<String> {
        if let Some(owner) = self.0.get(path) {
            return Some(owner.clone());
        }
        // Since /usr was merged, packages list files under /lib that stand under /usr/lib.
        if let Some(owner) = path.strip_prefix("/usr").and_then(|short| self.0.get(short)) {
            return Some(owner.clone());
        }
        by_path(path)
    }

    fn dpkg(&mut self, files: &dyn Files) {
        const INFO: &str = "/var/lib/dpkg/info";
        for name in files.names(INFO) {
            let Some(package) = name.strip_suffix(".list") else {
                continue;
            };
            let package = package.split(':').next().unwrap_or(package);
            let Some(list) = files.read(&format!("{INFO}/{name}"), DATABASE_LIMIT) else {
                continue;
            };
            for path in String::from_utf8_lossy(&list).lines() {
                self.0.insert(path.to_owned(), format!("apt:{package}"));
            }
        }
        // Distroless: a file of checksums a package.
        const STATUS: &str = "/var/lib/dpkg/status.d";
        for name in files.names(STATUS) {
            let Some(package) = name.strip_suffix(".md5sums") else {
                continue;
            };
            let Some(list) = files.read(&format!("{STATUS}/{name}"), DATABASE_LIMIT) else {
                continue;
            };
            for line in String::from_utf8_lossy(&list).lines() {
                if let Some((_, path)) = line.split_once("  ") {
                    let path = path.trim_start_matches("./").trim_start_matches('/');
                    self.0.insert(format!("/{path}"), format!("apt:{package}"));
                }
            }
        }
    }

    fn apk(&mut self, files: &dyn Files) {
        let paths = ["/lib/apk/db/installed", "/usr/lib/apk/db/installed"];
        let Some(list) = paths.iter().find_map(|path| files.read(path, DATABASE_LIMIT)) else {
            return;
        };
        let (mut package, mut folder) = (String::new(), String::new());
        for line in String::from_utf8_lossy(&list).lines() {
            match line.split_once(':') {
                Some(("P", name)) => package = name.to_owned(),
                Some(("F", name)) => folder = name.to_owned(),
                Some(("R", name)) => {
                    let path = match folder.is_empty() {
                        true => format!("/{name}"),
                        false => format!("/{folder}/{name}"),
                    };
                    self.0.insert(path, format!("apk:{package}"));
                }
                _ => {}
            }
        }
    }
}

/// Packages whose files stand under a folder of their own name.
fn by_path(path: &str) -> Option<String> {
    if let Some(at) = path.rfind("/node_modules/") {
        let rest = path.get(at + "/node_modules/".len()..)?;
        let mut parts = rest.split('/');
        let first = parts.next()?;
        return Some(match (first.starts_with('@'), parts.next()) {
            (true, Some(second)) => format!("npm:{first}/{second}"),
            _ => format!("npm:{first}"),
        });
    }
    for marker in ["/site-packages/", "/dist-packages/"] {
        if let Some(at) = path.find(marker) {
            let first = path.get(at + marker.len()..)?.split('/').next()?;
            let name = first.split_once('-').map_or(first, |(name, _)| name);
            return Some(format!("pip:{}", name.trim_end_matches(".py").to_ascii_lowercase()));
        }
    }
    if let Some(at) = path.find("/gems/") {
        let mut parts = path.get(at + "/gems/".len()..)?.split('/');
        let first = parts.next()?;
        // `/usr/local/bundle/gems/rack-3.1.0`, `/usr/local/lib/ruby/gems/3.3.0/gems/rack-3.1.0`.
        let named = match first.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            true => parts.nth(1)?,
            false => first,
        };
        let name = named.rsplit_once('-').map_or(named, |(name, _)| name);
        return Some(format!("gem:{name}"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::files::Memory;
    use super::*;

    #[test]
    fn databases_and_paths_name_owners() {
        let mut files = Memory::default();
        files
            .file(
                "/var/lib/dpkg/info/libssl3:amd64.list",
                0o644,
                "/.\n/lib/x86_64-linux-gnu/libssl.so.3\n",
            )
            .file("/var/lib/dpkg/status.d/base.md5sums", 0o644, "abc  etc/os-release\n")
            .file(
                "/lib/apk/db/installed",
                0o644,
                "P:musl\nV:1\nF:lib\nR:ld-musl.so\n\nP:busybox\nF:bin\nR:busybox\n",
            );
        let owners = Owners::of(&files);
        let owner = |path: &str| owners.of_file(path).unwrap_or_default();
        assert_eq!(owner("/usr/lib/x86_64-linux-gnu/libssl.so.3"), "apt:libssl3");
        assert_eq!(owner("/etc/os-release"), "apt:base");
        assert_eq!(owner("/bin/busybox"), "apk:busybox");
        assert_eq!(owner("/app/node_modules/@types/node/a.d.ts"), "npm:@types/node");
        assert_eq!(owner("/app/node_modules/a/node_modules/b/x.js"), "npm:b");
        assert_eq!(
            owner("/usr/local/lib/python3.11/site-packages/Flask-3.0.dist-info/METADATA"),
            "pip:flask"
        );
        assert_eq!(
            owner("/usr/local/bundle/gems/rack-test-2.1.0/lib/x.rb"),
            "gem:rack-test"
        );
        assert_eq!(
            owner("/usr/local/lib/ruby/gems/3.3.0/gems/rack-3.1.0/lib/x.rb"),
            "gem:rack"
        );
        assert_eq!(owner("/app/main"), "");
    }
}
