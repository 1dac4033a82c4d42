//! Which variables are known where, and with which values.
//!
//! BuildKit keeps one list for each stage, on which ENV and ARG both write in the order of the
//! file; the later one holds. A stage built on another begins with that one's list. ARGs above the
//! first FROM are seen in FROM alone; an `ARG NAME` without a value fetches one of them into its stage.

use super::stage::{Stage, StageId};
use crate::source::Span;
use crate::syntax::expand::Env;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

/// ARGs that a build fills in without anyone declaring them; FROM sees them at once, a stage after
/// `ARG NAME`. The values are those of a build on and for linux/amd64.
pub const PLATFORM_ARGS: &[(&str, &str)] = &[
    ("BUILDPLATFORM", "linux/amd64"),
    ("BUILDOS", "linux"),
    ("BUILDOSVERSION", ""),
    ("BUILDARCH", "amd64"),
    ("BUILDVARIANT", ""),
    ("TARGETPLATFORM", "linux/amd64"),
    ("TARGETOS", "linux"),
    ("TARGETOSVERSION", ""),
    ("TARGETARCH", "amd64"),
    ("TARGETVARIANT", ""),
];

/// [`PLATFORM_ARGS`] as variables.
static PREDEFINED: LazyLock<Vec<Variable>> = LazyLock::new(|| {
    let variable = |(name, value): &(&str, &str)| Variable {
        name: (*name).to_owned(),
        value: Some(Arc::from(*value)),
        is_env: false,
        declared: None,
        settable: true,
        from: 0,
        lost: false,
    };
    PLATFORM_ARGS.iter().map(variable).collect()
});

/// ARGs that RUN sees undeclared where the build sets them, in any case; they stand in no scope.
pub const PROXY_ARGS: &[&str] = &["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];

/// ARGs that only steer the build: they never become variables.
const BUILD_ONLY_ARGS: &[&str] = &["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"];

/// `PATH`, which BuildKit sets where the base image does not.
static DEFAULT_PATH: LazyLock<Variable> = LazyLock::new(|| Variable {
    name: "PATH".to_owned(),
    value: Some(Arc::from(
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    )),
    is_env: true,
    declared: None,
    settable: true,
    from: 0,
    lost: false,
});

/// Up to this many variables are searched one after the other.
const MAX_SEARCH: usize = 12;

/// How many scopes may lie above each other before they are put into one table.
const MAX_DEPTH: usize = 256;

/// How many names a misspelt one is compared with.
const NEARBY: usize = 500;

/// A variable in a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value, taking ARGs' defaults and linux/amd64; none for an ARG without default, and for a
    /// value too large to follow.
    pub value: Option<Arc<str>>,
    /// Declared by ENV (also inherited from a parent stage), not by ARG.
    pub is_env: bool,
    /// Where it was declared (the key); none for predefined ones.
    pub declared: Option<Span>,
    /// Whether a build argument, the platform or the base image can give it another value, directly
    /// or through a variable in its value.
    pub settable: bool,
    /// Index of the first instruction that sees it.
    pub from: usize,
    /// It has a value, which is too large to follow or known to the build alone.
    pub(super) lost: bool,
}

/// What a stage itself declares, or the ARGs above the first FROM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// In order of declaration; a later one of the same name replaces the earlier.
    pub variables: Vec<Variable>,
    /// Indices in `variables`, ascending, for each name; empty while a search is cheaper.
    by_name: HashMap<Arc<str>, Vec<usize>>,
    /// The nearest stage below with variables of its own.
    parent: Option<StageId>,
    /// How many scopes are below this one until a table is met.
    depth: usize,
    /// All that lies below this scope, where that is too deep to walk: name, stage, index.
    table: Option<HashMap<Arc<str>, (StageId, usize)>>,
}

impl Scope {
    /// The variable of that name declared here, as it is at the end.
    pub fn get(&self, name: &str) -> Option<&Variable> {
        self.get_at(name, usize::MAX)
    }

    /// The variable of that name declared here, as the instruction `at` sees it.
    pub fn get_at(&self, name: &str, at: usize) -> Option<&Variable> {
        if self.by_name.is_empty() {
            return self.variables.iter().rev().find(|v| v.from <= at && v.name == name);
        }
        let indices = self.by_name.get(name)?;
        let known = indices.partition_point(|&i| self.variables.get(i).is_some_and(|v| v.from <= at));
        indices.get(known.checked_sub(1)?).and_then(|&i| self.variables.get(i))
    }

    pub(super) fn declare(&mut self, variable: Variable) {
        self.variables.push(variable);
        let new = match self.by_name.is_empty() {
            true if self.variables.len() <= MAX_SEARCH => return,
            true => 0,
            false => self.variables.len() - 1,
        };
        for (index, variable) in self.variables.iter().enumerate().skip(new) {
            match self.by_name.get_mut(variable.name.as_str()) {
                Some(indices) => indices.push(index),
                None => {
                    self.by_name.insert(Arc::from(variable.name.as_str()), vec![index]);
                }
            }
        }
    }

    /// Each name's last declaration.
    fn last(&self) -> HashMap<&str, usize> {
        self.variables
            .iter()
            .enumerate()
            .map(|(i, v)| (v.name.as_str(), i))
            .collect()
    }
}

fn predefined(name: &str) -> Option<&'static Variable> {
    let named = name.starts_with("BUILD") || name.starts_with("TARGET");
    PREDEFINED.iter().find(|v| named && v.name == name)
}

/// Whether ARG puts that name among the variables.
pub(super) fn is_variable(name: &str) -> bool {
    !BUILD_ONLY_ARGS.contains(&name)
}

/// Makes the scope of a new stage on top of `parent`'s.
pub(super) fn inherit(stages: &mut [Stage], parent: StageId) -> Scope {
    let Some(below) = stages.get(parent.0).map(|s| &s.scope) else {
        return Scope::default();
    };
    if below.variables.is_empty() && below.table.is_none() {
        return Scope {
            parent: below.parent,
            depth: below.depth,
            ..Scope::default()
        };
    }
    let depth = below.depth + 1;
    if depth < MAX_DEPTH {
        return Scope {
            parent: Some(parent),
            depth,
            ..Scope::default()
        };
    }
    if below.table.is_none() {
        let table = flatten(stages, below.parent);
        if let Some(stage) = stages.get_mut(parent.0) {
            stage.scope.table = Some(table);
            stage.scope.depth = 0;
        }
    }
    Scope {
        parent: Some(parent),
        depth: 1,
        ..Scope::default()
    }
}

/// One table of all that is seen from above `top`.
fn flatten(stages: &[Stage], top: Option<StageId>) -> HashMap<Arc<str>, (StageId, usize)> {
    let mut table = HashMap::new();
    let mut next = top;
    while let Some((id, scope)) = next.and_then(|id| stages.get(id.0).map(|s| (id, &s.scope))) {
        for (name, index) in scope.last() {
            if !table.contains_key(name) {
                table.insert(Arc::from(name), (id, index));
            }
        }
        if let Some(below) = &scope.table {
            for (name, place) in below {
                table.entry(name.clone()).or_insert(*place);
            }
            break;
        }
        next = scope.parent;
    }
    table
}

/// The variables in force at one instruction. Cheap to make and copy.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    pub(super) globals: &'a Scope,
    pub(super) stages: &'a [Stage],
    /// None above the first FROM, and in every FROM.
    pub(super) stage: Option<StageId>,
    pub(super) at: usize,
}

impl<'a> View<'a> {
    /// The variable of that name, declared here or in a stage this one is built on. One without a
    /// value is an ARG that was declared and not set.
    pub fn get(&self, name: &str) -> Option<&'a Variable> {
        let Some(id) = self.stage else {
            return self.globals.get_at(name, self.at).or_else(|| predefined(name));
        };
        let mut next = Some(id);
        let mut at = self.at;
        while let Some(scope) = next.and_then(|id| self.stages.get(id.0)).map(|s| &s.scope) {
            if let Some(variable) = scope.get_at(name, at) {
                return Some(variable);
            }
            if let Some(table) = &scope.table {
                let found = table
                    .get(name)
                    .and_then(|(id, i)| self.stages.get(id.0)?.scope.variables.get(*i));
                if found.is_some() {
                    return found;
                }
                break;
            }
            next = scope.parent;
            at = usize::MAX;
        }
        (name == "PATH").then(|| &*DEFAULT_PATH)
    }

    /// The ARG of that name above the first FROM, or a predefined platform ARG.
    pub fn global(&self, name: &str) -> Option<&'a Variable> {
        self.globals.get(name).or_else(|| predefined(name))
    }

    /// Names of variables in force, the one declared last first, and no more than `NEARBY`: what a
    /// misspelt name is compared with, in an order and at a cost that do not change. A name that is
    /// declared again comes again.
    pub fn nearby(&self) -> Vec<&'a str> {
        let mut names = Vec::new();
        let mut collect = |scope: &'a Scope, at: usize| {
            let seen = scope.variables.partition_point(|v| v.from <= at);
            let seen = scope.variables.get(..seen).unwrap_or_default();
            let room = NEARBY.saturating_sub(names.len());
            names.extend(seen.iter().rev().take(room).map(|v| v.name.as_str()));
        };
        let Some(id) = self.stage else {
            collect(self.globals, self.at);
            names.extend(PREDEFINED.iter().map(|v| v.name.as_str()));
            return names;
        };
        let mut next = Some(id);
        let mut at = self.at;
        for _ in 0..NEARBY {
            let Some(scope) = next.and_then(|id| self.stages.get(id.0)).map(|s| &s.scope) else {
                break;
            };
            collect(scope, at);
            next = scope.parent;
            at = usize::MAX;
        }
        names.push(&DEFAULT_PATH.name);
        names
    }

    /// All variables in force, one for each name, in no particular order.
    pub fn variables(&self) -> Vec<&'a Variable> {
        let mut found: HashMap<&str, &'a Variable> = HashMap::new();
        let mut collect = |scope: &'a Scope, at: usize| {
            for variable in scope.variables.iter().rev().filter(|v| v.from <= at) {
                found.entry(&variable.name).or_insert(variable);
            }
        };
        let Some(id) = self.stage else {
            collect(self.globals, self.at);
            for variable in PREDEFINED.iter() {
                found.entry(&variable.name).or_insert(variable);
            }
            return found.into_values().collect();
        };
        let mut next = Some(id);
        let mut at = self.at;
        while let Some(scope) = next.and_then(|id| self.stages.get(id.0)).map(|s| &s.scope) {
            collect(scope, at);
            next = scope.parent;
            at = usize::MAX;
        }
        found.entry("PATH").or_insert(&DEFAULT_PATH);
        found.into_values().collect()
    }
}

impl Env for View<'_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        View::get(self, name)
            .and_then(|v| v.value.as_deref())
            .map(Cow::Borrowed)
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self
            .variables()
            .into_iter()
            .filter(|v| v.value.is_some())
            .map(|v| v.name.clone())
            .collect();
        names.sort_unstable();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::MAX_DEPTH;
    use crate::model::Dockerfile;
    use crate::source::SourceFile;
    use crate::syntax::expand::Env;

    #[test]
    fn nearby_names_come_in_order_and_are_bounded() {
        let mut text = "FROM scratch AS a\nENV FIRST=1\nFROM a\nARG ONE\nENV TWO=2\nRUN x\nENV LATER=1\n".to_owned();
        let file = Dockerfile::parse(SourceFile::new("Dockerfile", text.as_str()));
        assert_eq!(file.view_at(5).nearby(), ["TWO", "ONE", "FIRST", "PATH"]);
        for i in 0..2 * super::NEARBY {
            text.push_str(&format!("ENV V{i}=1\n"));
        }
        let file = Dockerfile::parse(SourceFile::new("Dockerfile", text.as_str()));
        let last = file.instructions.len();
        let names = file.view_at(last - 1).nearby();
        assert_eq!(names.len(), super::NEARBY + 1);
        assert_eq!(names[0], format!("V{}", 2 * super::NEARBY - 2));
    }

    /// More stages on each other than are walked, every other one without variables.
    #[test]
    fn a_long_chain_of_stages_keeps_all_variables() {
        let count = 5 * MAX_DEPTH;
        let mut text = "FROM scratch AS s0\nENV FIRST=1 SAME=0\n".to_owned();
        for i in 1..count {
            text.push_str(&format!("FROM s{} AS s{i}\n", i - 1));
            if i % 2 == 0 {
                text.push_str(&format!("ENV V{i}=$SAME SAME={i}\n"));
            }
        }
        let file = Dockerfile::parse(SourceFile::new("Dockerfile", text));
        assert!(file.refusals.is_empty());
        assert!(file.stages.iter().any(|s| s.scope.table.is_some()), "there is a table");
        for stage in file.stages.iter().step_by(97) {
            let i = stage.id.0;
            let even = i - i % 2;
            let view = file.view_of(stage);
            let value = |name: &str| Env::get(&view, name).map(|v| v.into_owned());
            assert_eq!(value("FIRST").as_deref(), Some("1"));
            assert_eq!(value("SAME"), Some(even.to_string()));
            assert_eq!(value(&format!("V{}", even + 2)), None);
            if even >= 2 {
                assert_eq!(value(&format!("V{even}")), Some((even - 2).to_string()));
                assert_eq!(value("V2").as_deref(), Some("0"));
            }
        }
    }

    #[test]
    fn many_variables_are_found_as_few_are() {
        let mut text = "FROM scratch\n".to_owned();
        for i in 0..40 {
            text.push_str(&format!("ENV V{}=${{V{}}}x\n", i % 20, (i + 19) % 20));
        }
        let file = Dockerfile::parse(SourceFile::new("Dockerfile", text));
        let at = |index: usize, name: &str| Env::get(&file.view_at(index), name).map(|v| v.len());
        assert_eq!((at(1, "V0"), at(2, "V0"), at(5, "V3")), (None, Some(1), Some(4)));
        assert_eq!((at(20, "V0"), at(21, "V0"), at(22, "V0")), (Some(1), Some(1), Some(21)));
        assert_eq!(
            file.stages[0]
                .scope
                .get("V19")
                .and_then(|v| v.value.as_deref())
                .map(str::len),
            Some(40)
        );
    }

    /// Values that double each time are followed as long as they are small.
    #[test]
    fn values_do_not_grow_without_bounds() {
        let text = format!("FROM scratch\nENV A=xx\n{}RUN x\n", "ENV A=$A$A\n".repeat(80));
        let file = Dockerfile::parse(SourceFile::new("Dockerfile", text));
        let last = file.stages[0].scope.get("A").expect("A is declared");
        assert_eq!((last.value.as_deref(), last.settable), (None, true));
        assert!(file.refusals.is_empty());
    }
}
