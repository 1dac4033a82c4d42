//! What packages bring, and what they need of the system at run time.

use super::listed::List;
use crate::plan::application::{Application, native};
use crate::plan::site::Site;

/// Notes the packages, their commands, the libraries that they need, and what is not known of them.
pub fn natives(site: &Site<'_>, list: &List, out: &mut Application) {
    for package in list.packages.values() {
        native::note(out, &package.name, &package.evidence);
        scripts(&package.name, &mut out.scripts);
    }
    let packages = list.packages.values().map(|p| (p.name.as_str(), &p.evidence, p.wheel));
    native::natives(site, "python", packages.collect(), list.open.clone(), out);
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
        "poetry" | "poetry-core" => &["poetry"],
        _ => &[],
    };
    out.push(package.to_owned());
    out.push(package.replace('-', "_"));
    out.extend(more.iter().map(|s| (*s).to_owned()));
}
