//! Lock files of npm (`package-lock.json`, `npm-shrinkwrap.json`, versions 1 to 3), Yarn (1 and
//! later) and pnpm: which packages are installed, and which need which.

mod npm;
mod pnpm;
mod yarn;

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What wrote a lock file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LockKind {
    /// npm.
    #[default]
    Npm,
    /// Yarn 1.
    Yarn,
    /// Yarn 2 and later.
    Berry,
    /// pnpm.
    Pnpm,
}

/// A package of a lock file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Locked {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The packages that it needs, by their place in [`NodeLock::packages`].
    pub needs: Vec<usize>,
    /// Programs that it brings, where the lock file says so.
    pub programs: Vec<String>,
    /// An install runs scripts of it, where the lock file says so.
    pub scripts: bool,
}

/// A lock file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeLock {
    /// What wrote it.
    pub kind: LockKind,
    /// The version of its format, where it says so: `1`, `3`, `9.0`.
    pub version: String,
    /// All packages.
    pub packages: Vec<Locked>,
    /// What the projects themselves name, by folder (`""` for the root): name and package.
    pub direct: BTreeMap<String, BTreeMap<String, usize>>,
}

/// The names that a lock file may have, the one that wins first.
pub const LOCK_FILES: [&str; 4] = [
    "npm-shrinkwrap.json",
    "package-lock.json",
    "yarn.lock",
    "pnpm-lock.yaml",
];

impl NodeLock {
    /// Reads a lock file; `named` are the names and ranges that the project's manifest asks for,
    /// which Yarn's file does not repeat. None where it is not understood.
    pub fn parse(file: &str, text: &str, named: &[(&str, &str)]) -> Option<NodeLock> {
        match file.rsplit('/').next().unwrap_or(file) {
            "package-lock.json" | "npm-shrinkwrap.json" => npm::parse(text),
            "yarn.lock" => yarn::parse(text, named),
            "pnpm-lock.yaml" => pnpm::parse(text),
            _ => None,
        }
    }

    /// The package that a project's folder gets by a name.
    pub fn find(&self, folder: &str, name: &str) -> Option<usize> {
        let own = self.direct.get(folder).and_then(|names| names.get(name));
        own.or_else(|| self.direct.get("")?.get(name)).copied()
    }

    /// Packages and all that they need.
    pub fn closure(&self, roots: impl IntoIterator<Item = usize>) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut open: Vec<usize> = roots.into_iter().collect();
        while let Some(at) = open.pop() {
            if found.insert(at)
                && let Some(package) = self.packages.get(at)
            {
                open.extend(package.needs.iter().copied());
            }
        }
        found
    }
}

/// Places of packages by a key.
type ByKey = HashMap<String, usize>;

#[cfg(test)]
mod tests {
    use super::*;

    fn names(lock: &NodeLock, root: &str) -> Vec<String> {
        let at = lock.find("", root).expect("a direct dependency");
        let mut names: Vec<String> = lock
            .closure([at])
            .into_iter()
            .filter_map(|at| lock.packages.get(at))
            .map(|p| format!("{}@{}", p.name, p.version))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn npm_three_walks_up_the_folders() {
        let text = r#"{"lockfileVersion": 3, "packages": {
            "": {"dependencies": {"a": "^1"}, "devDependencies": {"t": "1"}},
            "node_modules/a": {"version": "1.0.0", "dependencies": {"b": "^2", "c": "1"}, "peerDependencies": {"p": "*"}, "bin": {"acmd": "x.js"}},
            "node_modules/a/node_modules/b": {"version": "2.0.0", "dependencies": {"c": "1"}},
            "node_modules/b": {"version": "1.0.0", "hasInstallScript": true},
            "node_modules/c": {"version": "1.1.0"}, "node_modules/p": {"version": "5.0.0"},
            "node_modules/t": {"version": "1.0.0", "dev": true, "dependencies": {"b": "1"}, "bin": "t.js"},
            "packages/w": {"version": "0.1.0", "dependencies": {"c": "1"}},
            "node_modules/w": {"resolved": "packages/w", "link": true}}}"#;
        let lock = NodeLock::parse("package-lock.json", text, &[]).expect("a lock file");
        assert_eq!(lock.version, "3");
        assert_eq!(names(&lock, "a"), ["a@1.0.0", "b@2.0.0", "c@1.1.0", "p@5.0.0"]);
        assert_eq!(names(&lock, "t"), ["b@1.0.0", "t@1.0.0"]);
        assert_eq!(names(&lock, "w"), ["c@1.1.0", "w@"]);
        let a = &lock.packages[lock.find("", "a").expect("there")];
        assert_eq!(a.programs, ["acmd"]);
        assert!(lock.packages[lock.find("", "b").expect("hoisted")].scripts);
        assert!(lock.find("packages/w", "c").is_some());
    }

    #[test]
    fn npm_one_nests() {
        let text = r#"{"lockfileVersion": 1, "dependencies": {
            "a": {"version": "1.0.0", "requires": {"b": "^2"}, "dependencies": {"b": {"version": "2.0.0", "requires": {"c": "1"}}}},
            "b": {"version": "1.0.0", "dev": true}, "c": {"version": "1.1.0"}}}"#;
        let lock = NodeLock::parse("x/npm-shrinkwrap.json", text, &[]).expect("a lock file");
        assert_eq!(names(&lock, "a"), ["a@1.0.0", "b@2.0.0", "c@1.1.0"]);
        assert_eq!(names(&lock, "b"), ["b@1.0.0"]);
    }

    #[test]
    fn yarn_one_and_later() {
        let one = "# yarn lockfile v1\n\n\n\"@s/a@^1.0.0\", \"@s/a@^1.1.0\":\n  version \"1.2.0\"\n  resolved \"x\"\n  dependencies:\n    b \"^2.0.0\"\n  optionalDependencies:\n    c \"1\"\n\nb@^2.0.0:\n  version \"2.0.0\"\n\nc@1:\n  version \"1.0.0\"\n";
        let lock = NodeLock::parse("yarn.lock", one, &[("@s/a", "^1.1.0"), ("zz", "1")]).expect("a lock file");
        assert_eq!(lock.kind, LockKind::Yarn);
        assert_eq!(names(&lock, "@s/a"), ["@s/a@1.2.0", "b@2.0.0", "c@1.0.0"]);
        let later = "__metadata:\n  version: 8\n\n\"a@npm:^1.0.0\":\n  version: 1.2.0\n  resolution: \"a@npm:1.2.0\"\n  dependencies:\n    \"@s/b\": \"npm:^2.0.0\"\n    c: ^3\n  bin:\n    acmd: ./x.js\n  languageName: node\n\n\"@s/b@npm:^2.0.0, @s/b@npm:^2.1.0\":\n  version: 2.3.0\n\n\"c@npm:^3\":\n  version: 3.0.0\n";
        let lock = NodeLock::parse("yarn.lock", later, &[("a", "^1.0.0")]).expect("a lock file");
        assert_eq!((lock.kind, lock.version.as_str()), (LockKind::Berry, "8"));
        assert_eq!(names(&lock, "a"), ["@s/b@2.3.0", "a@1.2.0", "c@3.0.0"]);
        assert_eq!(lock.packages[lock.find("", "a").expect("there")].programs, ["acmd"]);
    }

    #[test]
    fn pnpm_of_three_formats() {
        let nine = "lockfileVersion: '9.0'\n\nimporters:\n\n  .:\n    dependencies:\n      a:\n        specifier: ^1\n        version: 1.0.0(p@5.0.0)\n    devDependencies:\n      '@s/t':\n        specifier: ^2\n        version: 2.0.0\n  packages/w:\n    dependencies:\n      b:\n        specifier: 1\n        version: 1.0.0\n\npackages:\n\n  a@1.0.0:\n    resolution: {integrity: x}\n    hasBin: true\n\nsnapshots:\n\n  a@1.0.0(p@5.0.0):\n    dependencies:\n      b: 1.0.0\n      p: 5.0.0\n\n  b@1.0.0: {}\n\n  p@5.0.0: {}\n\n  '@s/t@2.0.0':\n    dependencies:\n      b: 1.0.0\n";
        let lock = NodeLock::parse("pnpm-lock.yaml", nine, &[]).expect("a lock file");
        assert_eq!(lock.version, "9.0");
        assert_eq!(names(&lock, "a"), ["a@1.0.0", "b@1.0.0", "p@5.0.0"]);
        assert_eq!(names(&lock, "@s/t"), ["@s/t@2.0.0", "b@1.0.0"]);
        assert!(lock.find("packages/w", "b").is_some());
        let five = "lockfileVersion: 5.4\n\nspecifiers:\n  a: ^1\n\ndependencies:\n  a: 1.0.0\n\ndevDependencies:\n  '@s/t': 2.0.0_b@1.0.0\n\npackages:\n\n  /a/1.0.0:\n    resolution: {integrity: x}\n    requiresBuild: true\n    dependencies:\n      b: 1.0.0\n    dev: false\n\n  /b/1.0.0:\n    resolution: {integrity: x}\n\n  /@s/t/2.0.0_b@1.0.0:\n    dependencies:\n      b: 1.0.0\n";
        let lock = NodeLock::parse("pnpm-lock.yaml", five, &[]).expect("a lock file");
        assert_eq!(names(&lock, "a"), ["a@1.0.0", "b@1.0.0"]);
        assert_eq!(names(&lock, "@s/t"), ["@s/t@2.0.0", "b@1.0.0"]);
        assert!(lock.packages[lock.find("", "a").expect("there")].scripts);
        let six = "lockfileVersion: '6.0'\n\ndependencies:\n  a:\n    specifier: ^1\n    version: 1.0.0(p@5.0.0)\n\npackages:\n\n  /a@1.0.0(p@5.0.0):\n    dependencies:\n      p: 5.0.0\n\n  /p@5.0.0:\n    dev: false\n";
        let lock = NodeLock::parse("pnpm-lock.yaml", six, &[]).expect("a lock file");
        assert_eq!(names(&lock, "a"), ["a@1.0.0", "p@5.0.0"]);
    }

    #[test]
    fn hostile_texts_do_not_stop_it() {
        for text in [
            "",
            "{}",
            "{",
            "a:\n",
            "\"",
            "  x",
            "{\"packages\": []}",
            ":\n:\n",
            "importers:\n  .:\n    dependencies:\n      a:\n",
        ] {
            for file in LOCK_FILES {
                let _ = NodeLock::parse(file, text, &[("a", "1")]);
            }
        }
    }
}
