//! What packages need of the system at run time.

use super::listed::{List, normal};
use crate::knowledge::ecosystem::How;
use crate::knowledge::{Brings, ecosystem};
use crate::plan::application::{Application, Package};
use crate::plan::evidence::{Condition, Evidence};
use crate::plan::site::Site;

/// How many names a sentence gives.
const SHOWN: usize = 4;

/// Notes the packages, the libraries that they need, and what is not known of them.
pub fn natives(site: &Site<'_>, list: &List, out: &mut Application) {
    let Some(known) = ecosystem::by_name("python") else {
        return;
    };
    // Only an image with the headers of many libraries gave some without being asked.
    let gave = site.base.is_some_and(|b| b.variant.brings(Brings::Buildpack));
    let mut unknown: Vec<(&str, &Evidence)> = Vec::new();
    for package in list.packages.values() {
        let name = package.name.as_str();
        out.packages.push(Package {
            name: name.to_owned(),
            needed: None,
            evidence: package.evidence.clone(),
        });
        scripts(name, &mut out.scripts);
        let bundled = |other: &str| list.packages.contains_key(&normal(other));
        match known.native(name) {
            Some(native) if native.how == How::Bundled || native.unless.iter().any(|other| bundled(other)) => {}
            Some(native) if native.how == How::Required || gave => {
                for library in native.libraries {
                    let program = !library.starts_with("lib") && !library.ends_with("-dev");
                    if program && !gave {
                        continue;
                    }
                    // What the old stage installed by itself is known from there.
                    if gave {
                        let mut evidence = package.evidence.clone();
                        evidence.says = format!("`{name}` needs {library}");
                        out.native.push(((*library).to_owned(), evidence));
                    }
                }
            }
            Some(_) => {}
            None if package.wheel || known.is_pure(name) => {}
            None => unknown.push((name, &package.evidence)),
        }
    }
    if !gave {
        return;
    }
    if !unknown.is_empty() {
        let names: Vec<String> = unknown
            .iter()
            .take(SHOWN)
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        let more = unknown.len().saturating_sub(SHOWN);
        let rest = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        out.conditions.push(Condition::unproven(
            format!(
                "no library of the old base image is needed by {}{rest}",
                names.join(", ")
            ),
            unknown.iter().take(SHOWN).map(|(_, e)| (*e).clone()).collect(),
            "a build, or a lock file that names wheels",
        ));
    } else if let Some(open) = &list.open {
        out.conditions.push(Condition::unproven(
            "every package that is installed is known",
            vec![open.clone()],
            "a list of requirements in the build context",
        ));
    } else {
        out.conditions.push(Condition::met(
            "no package needs more of the system than is installed",
            list.packages.values().take(SHOWN).map(|p| p.evidence.clone()).collect(),
        ));
    }
}

/// Commands that a package brings; one of its own name is what most have.
fn scripts(package: &str, out: &mut Vec<String>) {
    let more: &[&str] = match package {
        "django" => &["django-admin"],
        "fastapi" | "fastapi-cli" => &["fastapi"],
        "jupyter" | "notebook" | "jupyterlab" | "jupyter-core" => &["jupyter", "jupyter-notebook", "jupyter-lab"],
        "supervisor" => &["supervisord", "supervisorctl"],
        "waitress" => &["waitress-serve"],
        "rq" => &["rqworker"],
        "huey" => &["huey_consumer", "huey_consumer.py"],
        "apache-airflow" => &["airflow"],
        "ansible-core" | "ansible" => &["ansible-playbook"],
        "circus" => &["circusd"],
        "pyuwsgi" => &["uwsgi"],
        "robotframework" => &["robot"],
        "twisted" => &["twistd"],
        "pyramid" => &["pserve"],
        "pywb" => &["uwsgi", "wayback"],
        "pip-tools" => &["pip-compile"],
        "rasa" => &["rasa"],
        "poetry" | "poetry-core" => &["poetry"],
        _ => &[],
    };
    out.push(package.to_owned());
    out.push(package.replace('-', "_"));
    out.extend(more.iter().map(|s| (*s).to_owned()));
}
