//! The planner: how a Dockerfile is split into stages that build, test and run, with the reasons.
//!
//! Pure: it looks at the facts of a file and its build context and gives a [`Plan`]; it never
//! prints, fetches or starts anything. What it infers carries [`Evidence`]; what must hold for a
//! rewrite is a [`Condition`], met, not met, or unproven with what would prove it.
//!
//! The rooms: [`role`] says what each instruction is for, [`split`] where a RUN may be cut,
//! [`program`] what runs in the end, [`artifact`] what the build makes, [`need`] what run time reads
//! besides, [`system`] which system packages it needs, [`runtime`] which base images can run it,
//! [`carry`] what the old image gave that the new one must be told, [`caches`] which RUNs keep a cache
//! between builds, [`neighbour`] who else relies on
//! the old image. The core takes the boldest [`Level`] for which all of it holds and writes the text.

pub mod application;
pub mod artifact;
pub mod audit;
pub mod caches;
pub mod carry;
pub mod compose;
pub mod deal;
pub mod evidence;
mod fetching;
pub mod improve;
pub mod layout;
pub mod levels;
pub mod need;
pub mod neighbour;
pub mod order;
pub mod program;
pub mod reach;
pub mod refusal;
pub mod replay;
pub mod resolve;
pub mod role;
pub mod runtime;
mod settle;
pub mod site;
pub mod split;
pub mod system;
pub mod untested;

pub use application::Wanted;
pub use artifact::{Alteration, Artifact, ArtifactKind, Artifacts, Linkage};
pub use carry::{Carried, Carry, Origin};
pub use evidence::{Condition, Evidence, EvidenceSource, Met};
pub use levels::is_worth_it;
pub use need::{Need, Needs};
pub use neighbour::Neighbour;
pub use program::{Program, What};
pub use role::{Role, RoleOf};
pub use runtime::RuntimeBase;
pub use site::{Place, Site};
pub use system::{SystemPackage, SystemPackages, Use};

pub use crate::config::{CacheMounts, RuntimeBase as RuntimeChoice, StageLevel as Level, Tester};

use crate::edit::{Applicability, Edit, Effect};
use crate::facts::Facts;
use crate::model::Dockerfile;
use crate::source::SourceFile;
use std::collections::BTreeMap;

/// What is wanted.
#[derive(Debug, Clone)]
pub struct Options {
    /// The boldest level that may be taken.
    pub level: Level,
    /// Names of new stages by role (`base`, `builder`, `tester`, `runtime`), where not the role's own.
    pub names: BTreeMap<String, String>,
    /// What becomes of tests.
    pub tester: Tester,
    /// How small the runtime's base should be.
    pub runtime: RuntimeChoice,
    /// Whether cache mounts are added.
    pub cache_mounts: CacheMounts,
    /// What builds taught.
    pub observed: Vec<Observed>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            level: Level::Artifacts,
            names: BTreeMap::new(),
            tester: Tester::default(),
            runtime: RuntimeChoice::default(),
            cache_mounts: CacheMounts::default(),
            observed: Vec::new(),
        }
    }
}

impl From<&crate::config::Stages> for Options {
    fn from(stages: &crate::config::Stages) -> Self {
        Options {
            names: stages.names.clone(),
            tester: stages.tester,
            runtime: stages.runtime,
            level: stages.level,
            cache_mounts: stages.cache_mounts,
            ..Options::default()
        }
    }
}

impl Options {
    /// The name of the stage for a role.
    pub fn name<'a>(&'a self, role: &'a str) -> &'a str {
        self.names.get(role).map_or(role, String::as_str)
    }
}

/// What a build, or a run of what it built, showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed {
    /// How a file that was built is linked, and what it needs.
    Linked {
        /// Absolute, in the stage that built it.
        path: String,
        /// The way.
        linkage: Linkage,
        /// Shared libraries (sonames).
        libraries: Vec<String>,
        /// The packages that own them in that stage.
        packages: Vec<String>,
    },
    /// A file that was opened at run time, and that a rewrite lacked.
    Opened {
        /// Absolute.
        path: String,
    },
    /// A program that was started at run time, and that a rewrite lacked.
    Started {
        /// Absolute.
        path: String,
        /// The package that owns it in the old image, where one does.
        package: Option<String>,
    },
    /// A package of a language that was loaded at run time, and that a rewrite lacked.
    Loaded {
        /// Whose package it is.
        language: reach::Language,
        /// As sources name it: `@scope/name`, `yaml` (not the distribution `pyyaml`).
        package: String,
    },
}

/// What becomes of a file.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What every instruction, and every piece of a RUN, is for.
    pub roles: Vec<RoleOf>,
    /// What runs in the end.
    pub programs: Vec<Program>,
    /// What the build makes.
    pub artifacts: Vec<Artifact>,
    /// What run time reads and writes besides.
    pub needs: Needs,
    /// Packages of the languages that the sources and the start of an interpreted program ask for.
    pub wanted: Vec<Wanted>,
    /// Edits of the old file that leave out packages which only development lists, where nothing that is
    /// started reaches one and nobody else uses the image; empty where that is not proven.
    pub without_development: Vec<Edit>,
    /// System packages, and which of them run time needs.
    pub system: SystemPackages,
    /// Who else relies on the image as it is.
    pub neighbours: Vec<Neighbour>,
    /// Every level, the boldest first, with what holds and what does not.
    pub levels: Vec<Considered>,
    /// Rewrites that could be written, the boldest first.
    pub candidates: Vec<Candidate>,
    /// What is to be done.
    pub verdict: Verdict,
    /// How large the image is and would be; an estimate from the table of images.
    pub estimate: Option<Estimate>,
    /// Tests that no stage runs; only where somebody asked, since `lint` has a rule for them.
    pub untested: Option<untested::Untested>,
}

/// A level and its conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Considered {
    /// The level.
    pub level: Level,
    /// What must hold for it.
    pub conditions: Vec<Condition>,
}

/// What is to be done with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Take this one of [`Plan::candidates`].
    Rewrite(usize),
    /// Leave it alone.
    LeftAlone(Vec<Reason>),
}

/// Why a file is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// A sentence without a final full stop.
    pub says: String,
    /// What shows it.
    pub evidence: Vec<Evidence>,
}

/// A rewritten Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// How far it goes.
    pub level: Level,
    /// The base of its runtime stage; none where the stages stay on the bases they have.
    pub runtime: Option<RuntimeBase>,
    /// The whole text, with the line endings of the file.
    pub text: String,
    /// How far it can be trusted.
    pub applicability: Applicability,
    /// Why it is not safe; empty where it is.
    pub unsafe_because: Vec<Reason>,
    /// What of the image it changes.
    pub effects: Vec<Effect>,
    /// What the user must be told: tests that no longer run by default, a changed CMD.
    pub announces: Vec<String>,
    /// What a build must check, a sentence each.
    pub checks: Vec<String>,
    /// Its stages, for pictures.
    pub stages: Vec<PlannedStage>,
    /// About what it leaves behind besides the old base, in bytes.
    pub leaves: u64,
}

/// A stage of a rewritten file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedStage {
    /// Its name; empty where it has none.
    pub name: String,
    /// What it is for: `base`, `builder`, `tester`, `runtime`.
    pub role: &'static str,
    /// Its base: an image, or another stage's name.
    pub base: String,
    /// Stages that it copies from, and what.
    pub copies: Vec<(String, Vec<String>)>,
    /// Its instructions, a line each, for a picture's box.
    pub says: Vec<String>,
}

/// Sizes in bytes, unpacked, of base image and what is known of the layers on it. An estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// The image as it is.
    pub before: u64,
    /// The image as it would be.
    pub after: u64,
}

/// Plans the default target of a file.
pub fn plan(facts: &Facts<'_>, options: &Options) -> Plan {
    let mut plan = once(facts, options);
    if options.level == Level::Artifacts
        && plan.chosen().is_none()
        && let Some(stage) = facts.file().target()
    {
        let site = Site {
            facts,
            stage,
            context: site::context_of(facts),
            base: site::base_of(facts.file(), stage),
            roles: &plan.roles,
            options,
        };
        // What is mounted when a container starts is not there when the image is built.
        let copied = plan
            .roles
            .iter()
            .any(|r| matches!(r.role, Role::SourceCopy | Role::Tool));
        if copied && let Some(compiled) = program::precompiled(&site, &plan.programs) {
            plan.compile_first(facts, options, compiled);
        }
    }
    plan
}

fn once(facts: &Facts<'_>, options: &Options) -> Plan {
    let file = facts.file();
    let mut plan = Plan::default();
    let Some(stage) = file.target() else {
        plan.leave("it has no stage", Vec::new());
        return plan;
    };
    plan.roles = role::roles(facts, stage);
    let roles = plan.roles.clone();
    let site = Site {
        facts,
        stage,
        context: site::context_of(facts),
        base: site::base_of(file, stage),
        roles: &roles,
        options,
    };
    plan.programs = program::programs(&site);
    if let Some(reason) = refusal::refusal(&site, &plan.programs) {
        plan.verdict = Verdict::LeftAlone(vec![reason]);
        return plan;
    }
    let tested = application::tested(&site, &plan.programs);
    for role in &mut plan.roles {
        if let Some((_, why)) = tested.iter().find(|(place, _)| *place == role.place) {
            role.role = Role::Test;
            role.why = why.clone();
        }
    }
    let roles = plan.roles.clone();
    let site = Site { roles: &roles, ..site };
    if improve::is_split(&site) {
        let programs = plan.programs.clone();
        improve::improve(&site, &programs, &mut plan);
        return plan;
    }
    if let Some(reason) = refusal::compiles_at_start(&site, &plan.programs) {
        plan.verdict = Verdict::LeftAlone(vec![reason]);
        return plan;
    }
    if !refusal::works(&site) {
        plan.leave(
            "it builds and installs nothing, so there is nothing to leave out",
            Vec::new(),
        );
        return plan;
    }
    let mut artifacts = artifact::artifacts(&site, &plan.programs);
    artifacts.settle();
    if artifacts.found.is_empty()
        && let Some(reason) = application::refusal(&site)
    {
        plan.verdict = Verdict::LeftAlone(vec![reason]);
        return plan;
    }
    let application = application::application(&site, &plan.programs, &artifacts.found);
    if let Some(application) = &application {
        artifacts.found.extend(application.as_artifacts());
        plan.wanted = application::wanted(&site, &plan.programs, &application.packages);
    }
    if artifacts.found.is_empty()
        && let Some(reason) = refusal::nothing_built(&site)
    {
        plan.verdict = Verdict::LeftAlone(vec![reason]);
        plan.order(&site);
        return plan;
    }
    plan.needs = need::needs(&site, &plan.programs, &artifacts);
    plan.system = system::system_packages(&site, &plan.programs, &plan.needs);
    let bases = runtime::runtime_bases(
        &site,
        &plan.programs,
        &artifacts,
        &plan.needs,
        &plan.system,
        application.as_ref(),
    );
    plan.neighbours = neighbour::neighbours(&site);
    plan.without_development = idle_groups(&plan, application.as_ref());
    let known = levels::Known {
        programs: &plan.programs,
        artifacts: &artifacts,
        needs: &plan.needs,
        system: &plan.system,
        bases: &bases,
        neighbours: &plan.neighbours,
        application: application.as_ref(),
    };
    let (levels, candidates) = levels::consider(&site, &known);
    let (verdict, estimate) = levels::verdict(&site, &levels, &candidates, &plan.needs);
    plan.artifacts = artifacts.found;
    plan.levels = levels;
    plan.candidates = candidates;
    plan.verdict = verdict;
    plan.estimate = estimate;
    plan.order(&site);
    plan
}

/// What keeps packages of development out of the installs of the file as it is.
fn idle_groups(plan: &Plan, application: Option<&application::Application>) -> Vec<Edit> {
    let Some(lean) = application.and_then(|a| a.lean.as_deref()) else {
        return Vec::new();
    };
    let holds = |conditions: &[Condition]| conditions.iter().all(|c| c.met == Met::Yes);
    let altered = lean.altered.iter().map(|(_, alteration)| alteration);
    if !plan.neighbours.is_empty() || !holds(&lean.conditions) || !altered.clone().all(|a| holds(&a.conditions)) {
        return Vec::new();
    }
    altered.flat_map(|alteration| alteration.edits.clone()).collect()
}

impl Default for Plan {
    fn default() -> Self {
        Plan {
            roles: Vec::new(),
            programs: Vec::new(),
            artifacts: Vec::new(),
            needs: Needs::default(),
            wanted: Vec::new(),
            without_development: Vec::new(),
            system: SystemPackages::default(),
            neighbours: Vec::new(),
            levels: Vec::new(),
            candidates: Vec::new(),
            verdict: Verdict::LeftAlone(Vec::new()),
            estimate: None,
            untested: None,
        }
    }
}

impl Plan {
    fn leave(&mut self, says: &str, evidence: Vec<Evidence>) {
        self.verdict = Verdict::LeftAlone(vec![Reason {
            says: says.to_owned(),
            evidence,
        }]);
    }

    /// Where nothing can be split, the order of the only stage may be better.
    fn order(&mut self, site: &Site<'_>) {
        let Verdict::LeftAlone(reasons) = &self.verdict else {
            return;
        };
        if site.stage.parent().is_some() {
            return;
        }
        let Some(text) = order::reordered(site) else { return };
        let reasons = reasons.iter().map(|r| format!("it is not split: {}", r.says));
        self.candidates.push(Candidate {
            level: Level::Order,
            runtime: None,
            stages: improve::stages(site, &text),
            text,
            applicability: Applicability::Safe,
            unsafe_because: Vec::new(),
            effects: vec![Effect::Layers],
            announces: reasons.collect(),
            checks: Vec::new(),
            leaves: 0,
        });
        self.verdict = Verdict::Rewrite(self.candidates.len() - 1);
    }

    /// Takes the rewrites of a file that compiles before it starts. What is said of levels and
    /// evidence stays that of the file itself.
    fn compile_first(&mut self, facts: &Facts<'_>, options: &Options, compiled: program::Precompiled) {
        let source = SourceFile::new(facts.file().source.name(), compiled.text);
        let file = Dockerfile::parse(source);
        let again = once(&Facts::new(&file, facts.context()), options);
        let Some(chosen) = again.chosen().filter(|c| c.level == Level::Artifacts).cloned() else {
            return;
        };
        // What compiled at the start starts what was compiled now.
        let mut effects = chosen.effects.clone();
        effects.push(Effect::Cmd);
        let mut instructions = facts.file().instructions.iter();
        if instructions.any(|i| i.keyword == crate::model::Keyword::Entrypoint) {
            effects.push(Effect::Entrypoint);
        }
        self.candidates = vec![Candidate {
            effects,
            applicability: chosen.applicability.min(Applicability::Unsafe),
            unsafe_because: std::iter::once(Reason {
                says: compiled.says.clone(),
                evidence: Vec::new(),
            })
            .chain(chosen.unsafe_because.iter().cloned())
            .collect(),
            announces: chosen.announces.iter().cloned().chain([compiled.says]).collect(),
            ..chosen
        }];
        self.verdict = Verdict::Rewrite(0);
        self.estimate = again.estimate;
    }

    /// The rewrite to take, where there is one.
    pub fn chosen(&self) -> Option<&Candidate> {
        match self.verdict {
            Verdict::Rewrite(index) => self.candidates.get(index),
            Verdict::LeftAlone(_) => None,
        }
    }
}
