//! Development dependencies ship.

use crate::edit::{Edit, Effect, Fix};
use crate::facts::CommandView;
use crate::model::{Instruction, Kind};
use crate::plan;
use crate::rule::{Cx, Finding, Inspect, rewrite};
use crate::shell::Operation;
use crate::shell::operations::{Action, Manager, Packages, Selection};

/// See `rules/development-dependencies.yaml`.
pub struct Rule;

/// How many instructions around are looked at for builds and settings.
const REACH: usize = 30;

/// What keeps development dependencies out.
struct Habit {
    manager: Manager,
    /// The option; empty where there is none that is not deprecated.
    option: &'static str,
    /// Variables that do the same.
    variables: &'static [&'static str],
}

/// Sources: the managers' manuals.
const HABITS: &[Habit] = &[
    Habit {
        manager: Manager::Npm,
        option: "--omit=dev",
        variables: &[
            "NODE_ENV",
            "NPM_CONFIG_PRODUCTION",
            "NPM_CONFIG_OMIT",
            "npm_config_omit",
        ],
    },
    Habit {
        manager: Manager::Yarn,
        option: "--production",
        variables: &["NODE_ENV", "YARN_PRODUCTION"],
    },
    Habit {
        manager: Manager::Pnpm,
        option: "--prod",
        variables: &["NODE_ENV"],
    },
    Habit {
        manager: Manager::Poetry,
        option: "--only main",
        variables: &["POETRY_WITHOUT", "POETRY_INSTALL_ONLY"],
    },
    Habit {
        manager: Manager::Pdm,
        option: "--prod",
        variables: &[],
    },
    Habit {
        manager: Manager::Uv,
        option: "--no-dev",
        variables: &["UV_NO_DEV"],
    },
    Habit {
        manager: Manager::Composer,
        option: "--no-dev",
        variables: &["COMPOSER_NO_DEV"],
    },
    Habit {
        manager: Manager::Maven,
        option: "-DincludeScope=runtime",
        variables: &[],
    },
    Habit {
        manager: Manager::Bundle,
        option: "",
        variables: &["BUNDLE_WITHOUT", "BUNDLE_ONLY"],
    },
];

/// What the planner leaves out of the installs of this file, where it may be changed.
fn proven<'a>(cx: &Cx<'a>) -> &'a [Edit] {
    let may = cx.settings.settings().stages.rewrite && cx.context.is_some();
    match may {
        true => &cx.plan().without_development,
        false => &[],
    }
}

/// What comes along with a copy is worth a finding where it takes about this much, in bytes. The
/// compiler alone takes less.
const WORTH: u64 = 50_000_000;

impl Inspect for Rule {
    /// Packages that are installed in one stage and copied by the one that ships.
    fn file(&self, cx: &mut Cx<'_>) {
        let stages = &cx.settings.settings().stages;
        if !stages.rewrite || cx.context.is_none() {
            return;
        }
        let Some(copy) = copies_packages(cx) else { return };
        let Some(candidate) = cx
            .plan()
            .chosen()
            .filter(|c| c.level == plan::Level::Application && c.runtime.is_none() && c.leaves >= WORTH)
        else {
            return;
        };
        let megabytes = candidate.leaves / 1_000_000;
        let finding = Finding::new(
            copy.span,
            format!("about {megabytes} MB that only the build needs are copied into the stage that ships"),
        );
        let finding = rewrite::offer(cx, finding, candidate);
        cx.report(finding);
    }

    fn command(&self, cx: &mut Cx<'_>, view: &CommandView<'_>) {
        let Some(packages) = view.operations.iter().find_map(packages) else {
            return;
        };
        let Some(habit) = HABITS.iter().find(|h| h.manager == packages.manager) else {
            return;
        };
        if packages.action != Action::InstallProject
            || packages.selection != Selection::Unsaid
            || !match habit.manager {
                Manager::Maven => copies_tests(view) && (cx.ships(view.instruction) || is_taken(cx, view)),
                _ => cx.ships(view.instruction),
            }
        {
            return;
        }
        if packages.global
            || is_set(cx, view, habit)
            || is_pruned(cx, view, habit.manager)
            || !has_development(cx, habit.manager)
        {
            return;
        }
        let name = packages.manager.name();
        let mut finding = Finding::new(
            view.name_span(),
            format!("{name} installs development dependencies in a stage that ships"),
        );
        finding = match habit.option {
            "" => finding
                .help("`bundle config set without \"development test\"`, or `ENV BUNDLE_WITHOUT=development:test`"),
            option => finding.help(format!("add `{option}`, or install and build in a stage of its own")),
        };
        let program = packages.action_span.unwrap_or(view.name_span());
        // Maven's option is for this copy alone.
        let is_free = habit.manager == Manager::Maven || !builds_later(cx, view);
        if !habit.option.is_empty() && is_free && program.end <= view.command.span.end {
            let edit = Edit::insert(program.end, format!(" {}", habit.option));
            let title = format!("add `{}`", habit.option);
            // The planner shows that nothing which is started reaches one of them.
            let fix = match proven(cx).contains(&edit) {
                true => Fix::safe(title, vec![edit]),
                false => Fix::unsafe_(title, vec![edit]),
            };
            finding = finding.fix(fix.with_effects([Effect::Packages]));
        } else if habit.option.is_empty()
            && let Some(edit) = proven(cx).iter().find(|e| e.span.start == view.command.span.start)
        {
            let fix = Fix::safe("leave out the groups of development", vec![edit.clone()]);
            finding = finding.fix(fix.with_effects([Effect::Packages]));
        }
        cx.report(finding);
    }
}

/// The copy that brings packages which another stage installs.
fn copies_packages<'a>(cx: &Cx<'a>) -> Option<&'a Instruction> {
    let installs = |i: &Instruction| {
        cx.facts.run(i).is_some_and(|run| {
            run.operations()
                .iter()
                .filter_map(packages)
                .any(|p| p.installs() && !p.manager.is_system())
        })
    };
    let own = cx.file.instructions_of(cx.file.target()?);
    let mut copies = own.iter().filter(|i| {
        let from = i.transfer().and_then(|t| t.from.as_ref()?.1.stage());
        let stage = from.and_then(|id| cx.file.stage(id));
        stage.is_some_and(|stage| {
            cx.file
                .chain(stage)
                .any(|s| cx.file.instructions_of(s).iter().any(installs))
        })
    });
    let named = |i: &&Instruction| cx.file.source.slice(i.span).contains("node_modules");
    copies.clone().find(named).or_else(|| copies.next())
}

fn packages(operation: &Operation) -> Option<&Packages> {
    match operation {
        Operation::Packages(packages) => Some(packages),
        _ => None,
    }
}

/// Whether Maven copies the jars of all scopes, that of tests included.
fn copies_tests(view: &CommandView<'_>) -> bool {
    let says = |text: &str| view.words().iter().any(|word| word.text.contains(text));
    says("dependency:copy-dependencies") && !says("-DincludeScope=") && !says("-DexcludeScope=test")
}

/// Whether another stage takes the jars: the folder that Maven names so, or the one given.
fn is_taken(cx: &Cx<'_>, view: &CommandView<'_>) -> bool {
    let given = view
        .words()
        .iter()
        .find_map(|w| w.text.strip_prefix("-DoutputDirectory="));
    let folder = given.unwrap_or("dependency").trim_end_matches('/');
    let name = folder.rsplit('/').next().unwrap_or(folder);
    cx.file
        .instructions
        .iter()
        .filter_map(|i| i.transfer())
        .any(|transfer| {
            let from = transfer.from.as_ref().and_then(|(_, from)| from.stage());
            from.is_some() && from == view.instruction.stage && transfer.sources.iter().any(|s| s.value.contains(name))
        })
}

/// Whether the project has any; where its manifest is not at hand, it may.
fn has_development(cx: &Cx<'_>, manager: Manager) -> bool {
    if manager == Manager::Maven {
        let manifest = cx.context.and_then(|c| c.read_text("pom.xml"));
        return manifest.is_none_or(|text| text.contains("<scope>test</scope>"));
    }
    let is_node = matches!(manager, Manager::Npm | Manager::Yarn | Manager::Pnpm);
    !is_node
        || cx
            .context
            .and_then(|c| c.package_json(""))
            .is_none_or(|m| !m.dev_dependencies.is_empty())
}

/// Whether a variable, or a setting made by an earlier command, keeps them out.
fn is_set(cx: &Cx<'_>, view: &CommandView<'_>, habit: &Habit) -> bool {
    let file = cx.file;
    let says_no = |name: &str, value: &str| match name {
        "NODE_ENV" => value.starts_with("prod") || value.contains('$'),
        _ => !matches!(value, "" | "0" | "false"),
    };
    let by_env = habit.variables.iter().any(|name| {
        let mut here = view
            .script
            .commands
            .iter()
            .take(view.index + 1)
            .skip(view.index.saturating_sub(REACH))
            .flat_map(|c| &c.assignments);
        let here = here.rfind(|a| a.name == *name).and_then(|a| a.value.as_ref());
        match here {
            Some(value) => says_no(name, &value.text),
            None => file
                .view_at(view.instruction.index)
                .get(name)
                .is_some_and(|v| v.value.as_deref().is_none_or(|v| says_no(name, v))),
        }
    });
    if by_env || habit.manager != Manager::Bundle {
        return by_env;
    }
    let start = view.instruction.index.saturating_sub(REACH);
    let before = file
        .instructions
        .get(start..=view.instruction.index)
        .unwrap_or_default();
    before.iter().filter(|i| i.stage == view.instruction.stage).any(|i| {
        cx.facts.run(i).is_some_and(|run| {
            run.script.commands.iter().any(|c| {
                c.base_name() == "bundle"
                    && c.words
                        .iter()
                        .any(|w| w.text.contains("without") || w.text.contains("deployment"))
            })
        })
    })
}

/// Whether the same RUN takes them out again.
fn is_pruned(cx: &Cx<'_>, view: &CommandView<'_>, manager: Manager) -> bool {
    let later = cx
        .facts
        .run(view.instruction)
        .map(|run| run.operations_from(view.index + 1))
        .unwrap_or_default();
    later
        .iter()
        .filter_map(packages)
        .any(|p| p.manager == manager && (p.action == Action::Autoremove || p.selection == Selection::Production))
}

/// Whether something behind it may need them.
fn builds_later(cx: &Cx<'_>, view: &CommandView<'_>) -> bool {
    let needs = |o: &Operation| matches!(o, Operation::Build(_) | Operation::Test(_));
    let here = cx
        .facts
        .run(view.instruction)
        .is_some_and(|run| run.operations_from(view.index + 1).iter().take(REACH).any(needs));
    let later = cx
        .file
        .instructions
        .get(view.instruction.index + 1..)
        .unwrap_or_default();
    here || later.len() > REACH
        || later.iter().any(|i| match &i.kind {
            Kind::Run { .. } => cx.facts.run(i).is_some_and(|run| run.operations().iter().any(needs)),
            _ => false,
        })
}
