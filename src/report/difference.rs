//! How two texts differ, line by line.

use similar::algorithms::{Capture, Compact, Replace, myers};
use similar::udiff::UnifiedHunkHeader;
use similar::{DiffOp, group_diff_ops};
use std::fmt::Write;
use std::time::{Duration, Instant};

/// How long a minimal difference is looked for; a larger one is as true.
const PATIENCE: Duration = Duration::from_millis(500);

/// Lines around a change.
const CONTEXT: usize = 3;

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is in both texts.
    Kept,
    /// It is in the old one only.
    Removed,
    /// It is in the new one only.
    Added,
}

/// Two texts, in lines, and how one becomes the other.
pub struct Difference<'t> {
    old: Vec<&'t str>,
    new: Vec<&'t str>,
    operations: Vec<DiffOp>,
}

impl<'t> Difference<'t> {
    /// Of two texts.
    pub fn of(old: &'t str, new: &'t str) -> Difference<'t> {
        let old: Vec<&str> = old.split_inclusive('\n').collect();
        let new: Vec<&str> = new.split_inclusive('\n').collect();
        // Myers' by name: what chooses among algorithms brings all of them into the program, which is
        // half a megabyte.
        let mut hook = Compact::new(Replace::new(Capture::new()), old.as_slice(), new.as_slice());
        let until = Instant::now().checked_add(PATIENCE);
        // Capturing cannot fail.
        let _ = myers::diff_deadline(
            &mut hook,
            old.as_slice(),
            0..old.len(),
            new.as_slice(),
            0..new.len(),
            until,
        );
        let operations = hook.into_inner().into_inner().into_ops();
        Difference { old, new, operations }
    }

    fn lines(&self, operation: &DiffOp, mut see: impl FnMut(Change, &'t str)) {
        let (removed, added) = match operation {
            DiffOp::Equal { .. } => {
                for line in self.old.get(operation.old_range()).unwrap_or_default() {
                    see(Change::Kept, line);
                }
                return;
            }
            _ => (operation.old_range(), operation.new_range()),
        };
        for line in self.old.get(removed).unwrap_or_default() {
            see(Change::Removed, line);
        }
        for line in self.new.get(added).unwrap_or_default() {
            see(Change::Added, line);
        }
    }

    /// Every line of both, with its ending.
    pub fn each(&self, mut see: impl FnMut(Change, &'t str)) {
        for operation in &self.operations {
            self.lines(operation, &mut see);
        }
    }

    /// As `patch` and `git apply` read it; empty where nothing differs.
    pub fn unified(&self, from: &str, to: &str) -> String {
        let mut out = String::new();
        for hunk in group_diff_ops(self.operations.clone(), CONTEXT) {
            if hunk.is_empty() {
                continue;
            }
            // Writing to a string cannot fail.
            if out.is_empty() {
                let _ = writeln!(out, "--- {from}\n+++ {to}");
            }
            let _ = writeln!(out, "{}", UnifiedHunkHeader::new(&hunk));
            for operation in &hunk {
                self.lines(operation, |change, line| {
                    out.push(match change {
                        Change::Kept => ' ',
                        Change::Removed => '-',
                        Change::Added => '+',
                    });
                    out.push_str(line);
                    if !line.ends_with('\n') {
                        out.push_str("\n\\ No newline at end of file\n");
                    }
                });
            }
        }
        out
    }
}
