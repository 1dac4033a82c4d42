//! What a current BuildKit made of each case, written down: so that all cases are compared where
//! there is no engine. `MBOPT_BLESS=1` with `MBOPT_TEST_BUILDCTL` writes it anew.

use crate::tree::Tree;
use crate::{Made, shown};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Answers by case, and the base image's tree.
pub struct Answers {
    known: BTreeMap<String, Vec<String>>,
    base: Tree,
    new: Mutex<BTreeMap<String, Vec<String>>>,
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/differential/answers")
}

impl Answers {
    pub fn read(layer: &Path) -> Answers {
        let mut base = Tree::default();
        base.apply(File::open(layer).unwrap());
        let text = fs::read_to_string(file()).unwrap_or_default();
        let known = text.split("=== ").skip(1).map(|chunk| {
            let (name, lines) = chunk.split_once('\n').unwrap_or((chunk, ""));
            let lines = lines.lines().filter(|line| !line.is_empty());
            (name.to_owned(), lines.map(str::to_owned).collect())
        });
        Answers {
            known: known.collect(),
            base,
            new: Mutex::default(),
        }
    }

    pub fn of(&self, case: &str) -> Option<&Vec<String>> {
        // They name the machine's platform.
        self.known.get(case).filter(|_| cfg!(target_arch = "x86_64"))
    }

    pub fn lines(&self, made: &Result<Made, String>) -> Vec<String> {
        match made {
            Err(_) => vec!["refused".to_owned()],
            Ok(made) => {
                let mut lines = made.tree.changes(&self.base);
                lines.extend(shown(&made.config));
                lines.push(format!("layers {}", made.layers));
                // A script may have several lines.
                let lines = lines.iter().map(|line| line.trim_end().replace('\n', "\\n"));
                lines.collect()
            }
        }
    }

    pub fn keep(&self, case: &str, made: &Result<Made, String>) {
        self.new.lock().unwrap().insert(case.to_owned(), self.lines(made));
    }

    /// Writes what was kept, where that is wanted.
    pub fn bless(self) {
        let new = self.new.into_inner().unwrap();
        if new.is_empty() || std::env::var_os("MBOPT_BLESS").is_none() {
            return;
        }
        let mut all = self.known;
        all.extend(new);
        let mut text = String::from(
            "What BuildKit 73ed6825 (August 2026) makes of each case: what is other than in the base image, the\n\
             config, the number of layers. Written by the test with MBOPT_BLESS=1 and MBOPT_TEST_BUILDCTL.\n\n",
        );
        for (name, lines) in all {
            text.push_str(&format!("=== {name}\n{}\n\n", lines.join("\n")));
        }
        fs::write(file(), text).unwrap();
    }
}
