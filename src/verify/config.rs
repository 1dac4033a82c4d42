//! Whether the rewrite's config is the original's, but for what was announced.

use super::check::Check;
use super::files::{Files, Kind, resolve};
use crate::edit::Effect;
use crate::executor::{Healthcheck, ImageConfig};
use std::collections::BTreeSet;

/// What is known beside the two configs.
#[derive(Debug, Clone, Default)]
pub struct Terms<'a> {
    /// What the rewrite announced to change.
    pub announced: &'a [Effect],
    /// Variables that the original's Dockerfile sets itself; the others come from its base image.
    /// None where there is no Dockerfile to ask: all count as its own then.
    pub own_variables: Option<BTreeSet<String>>,
    /// Labels that it sets itself.
    pub own_labels: Option<BTreeSet<String>>,
    /// Variables by which the original's base image only describes itself or its build tools
    /// (`GOPATH`, `NODE_VERSION`); they may go with it.
    pub base_only: BTreeSet<String>,
}

impl Terms<'_> {
    fn announces(&self, effect: Effect) -> bool {
        self.announced.contains(&effect)
    }
}

/// Compares the two, field by field.
pub fn compare(before: &ImageConfig, after: &ImageConfig, files: &dyn Files, terms: &Terms<'_>) -> Vec<Check> {
    let mut checks = vec![environment(before, after, files, terms)];
    let mut same = |name: &str, effect: Effect, one: String, other: String| {
        let name = format!("config.{name}");
        checks.push(if one == other {
            Check::ok(name, one)
        } else if terms.announces(effect) {
            Check::ok(name, format!("{one} became {other}, as announced"))
        } else {
            Check::failed(name, format!("{one} became {other}, which was not announced"))
        });
    };
    same("user", Effect::User, user(before), user(after));
    same("workdir", Effect::Workdir, workdir(before), workdir(after));
    same(
        "entrypoint",
        Effect::Entrypoint,
        words(before.entrypoint.as_deref()),
        words(after.entrypoint.as_deref()),
    );
    same(
        "cmd",
        Effect::Cmd,
        words(before.cmd.as_deref()),
        words(after.cmd.as_deref()),
    );
    same(
        "expose",
        Effect::Expose,
        names(&before.exposed_ports),
        names(&after.exposed_ports),
    );
    same(
        "volumes",
        Effect::Volumes,
        names(&before.volumes),
        names(&after.volumes),
    );
    same("stop-signal", Effect::StopSignal, signal(before), signal(after));
    same("healthcheck", Effect::Healthcheck, health(before), health(after));
    same(
        "onbuild",
        Effect::Files,
        words(Some(&before.onbuild)),
        words(Some(&after.onbuild)),
    );
    checks.push(labels(before, after, terms));
    checks
}

fn environment(before: &ImageConfig, after: &ImageConfig, files: &dyn Files, terms: &Terms<'_>) -> Check {
    const NAME: &str = "config.env";
    let value = |config: &ImageConfig, name: &str| {
        let pair = config.env.iter().rev().find(|(known, _)| known == name);
        pair.map(|(_, value)| value.clone())
    };
    let mut wrong = Vec::new();
    let mut noted = Vec::new();
    for (name, was) in &before.env {
        let is = value(after, name);
        if is.as_ref() == Some(was) {
            continue;
        }
        let own = terms.own_variables.as_ref().is_none_or(|own| own.contains(name));
        if name == "PATH" {
            match path_loss(was, is.as_deref().unwrap_or_default(), files) {
                None => noted.push("PATH lost only folders that are not there".to_owned()),
                Some(why) if terms.announces(Effect::Env) && !own => noted.push(format!("PATH: {why}, as announced")),
                Some(why) => wrong.push(format!("PATH: {why}")),
            }
            continue;
        }
        let what = match &is {
            None => format!("{name} is lost"),
            Some(is) => format!("{name} was `{was}` and is `{is}`"),
        };
        if terms.base_only.contains(name) && !own {
            noted.push(format!("{what} (it described the old base image)"));
        } else if terms.announces(Effect::Env) && !own {
            noted.push(format!("{what}, as announced"));
        } else {
            wrong.push(what);
        }
    }
    for (name, is) in &after.env {
        if value(before, name).is_none() {
            // A variable more is rarely asked for; one that steers the loader is another matter.
            if name.starts_with("LD_") && !terms.announces(Effect::Env) {
                wrong.push(format!("{name}=`{is}` is new"));
            } else {
                noted.push(format!("{name} is new"));
            }
        }
    }
    if !wrong.is_empty() {
        return Check::failed(NAME, wrong.join("; "));
    }
    match noted.is_empty() {
        true => Check::ok(NAME, format!("the same {} variables", before.env.len())),
        false => Check::ok(NAME, noted.join("; ")),
    }
}

/// What of PATH is missing although it would lead somewhere; none where nothing is.
fn path_loss(was: &str, is: &str, files: &dyn Files) -> Option<String> {
    let there = |folder: &str| resolve(files, folder).is_ok_and(|(_, node)| node.kind == Kind::Folder);
    let kept: Vec<&str> = is.split(':').filter(|folder| there(folder)).collect();
    let wanted: Vec<&str> = was.split(':').filter(|folder| there(folder)).collect();
    if let Some(lost) = wanted.iter().find(|folder| !kept.contains(folder)) {
        return Some(format!("{lost} is lost"));
    }
    let order: Vec<&&str> = kept.iter().filter(|folder| wanted.contains(folder)).collect();
    (order.into_iter().ne(wanted.iter())).then(|| "the order changed".to_owned())
}

fn labels(before: &ImageConfig, after: &ImageConfig, terms: &Terms<'_>) -> Check {
    const NAME: &str = "config.labels";
    let differing: Vec<&str> = before
        .labels
        .iter()
        .filter(|(name, value)| after.labels.get(*name) != Some(value))
        .map(|(name, _)| name.as_str())
        .collect();
    let own = |name: &&&str| terms.own_labels.as_ref().is_none_or(|own| own.contains(**name));
    let lost: Vec<&str> = differing.iter().filter(own).copied().collect();
    if !lost.is_empty() && !terms.announces(Effect::Labels) {
        return Check::failed(NAME, format!("lost or changed: {}", lost.join(", ")));
    }
    if differing.is_empty() {
        return Check::ok(NAME, format!("the same {}", before.labels.len()));
    }
    Check::ok(NAME, format!("went with the old base image: {}", differing.join(", ")))
}

fn user(config: &ImageConfig) -> String {
    match config.user.as_str() {
        "" | "root" | "0" | "0:0" | "root:root" => "root".to_owned(),
        other => other.to_owned(),
    }
}

fn workdir(config: &ImageConfig) -> String {
    match config.working_dir.trim_end_matches('/') {
        "" => "/".to_owned(),
        other => other.to_owned(),
    }
}

fn words(words: Option<&[String]>) -> String {
    match words {
        None | Some([]) => "nothing".to_owned(),
        Some(words) => serde_json::to_string(words).unwrap_or_default(),
    }
}

fn names(names: &BTreeSet<String>) -> String {
    match names.is_empty() {
        true => "nothing".to_owned(),
        false => names.iter().cloned().collect::<Vec<_>>().join(", "),
    }
}

/// SIGTERM is what an engine sends where nothing is set.
fn signal(config: &ImageConfig) -> String {
    let signal = config.stop_signal.as_deref().unwrap_or("SIGTERM").to_ascii_uppercase();
    match signal.as_str() {
        "15" | "TERM" => "SIGTERM".to_owned(),
        "3" | "QUIT" => "SIGQUIT".to_owned(),
        "2" | "INT" => "SIGINT".to_owned(),
        "9" | "KILL" => "SIGKILL".to_owned(),
        _ => signal,
    }
}

fn health(config: &ImageConfig) -> String {
    match &config.healthcheck {
        None => "nothing".to_owned(),
        Some(check) if *check == Healthcheck::default() => "nothing".to_owned(),
        Some(check) => serde_json::to_string(check).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::files::Memory;
    use super::*;

    fn config(env: &[(&str, &str)]) -> ImageConfig {
        ImageConfig {
            env: env
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
            ..ImageConfig::default()
        }
    }

    fn failures(before: &ImageConfig, after: &ImageConfig, terms: &Terms<'_>) -> Vec<String> {
        let mut files = Memory::default();
        files.folder("/usr/bin").folder("/app/bin");
        let checks = compare(before, after, &files, terms);
        checks.into_iter().filter(Check::is_failure).map(|c| c.name).collect()
    }

    #[test]
    fn a_lost_variable_is_a_break_and_one_of_the_base_need_not_be() {
        let before = config(&[("MODE", "production"), ("GOPATH", "/go")]);
        let terms = Terms {
            own_variables: Some(["MODE".to_owned()].into()),
            base_only: ["GOPATH".to_owned()].into(),
            ..Terms::default()
        };
        assert_eq!(
            failures(&before, &config(&[("MODE", "production")]), &terms),
            Vec::<String>::new()
        );
        assert_eq!(failures(&before, &config(&[("GOPATH", "/go")]), &terms), ["config.env"]);
        assert_eq!(
            failures(&before, &config(&[("MODE", "test"), ("GOPATH", "/go")]), &terms),
            ["config.env"]
        );
        let own = Terms {
            own_variables: Some(["GOPATH".to_owned(), "MODE".to_owned()].into()),
            announced: &[Effect::Env],
            ..terms
        };
        assert_eq!(
            failures(&before, &config(&[("MODE", "production")]), &own),
            ["config.env"]
        );
    }

    #[test]
    fn folders_of_path_may_go_where_they_are_gone() {
        let before = config(&[("PATH", "/usr/local/go/bin:/app/bin:/usr/bin")]);
        let terms = Terms::default();
        assert_eq!(
            failures(&before, &config(&[("PATH", "/app/bin:/usr/bin")]), &terms),
            Vec::<String>::new()
        );
        assert_eq!(
            failures(&before, &config(&[("PATH", "/usr/bin")]), &terms),
            ["config.env"]
        );
        assert_eq!(
            failures(&before, &config(&[("PATH", "/usr/bin:/app/bin")]), &terms),
            ["config.env"]
        );
    }

    #[test]
    fn announced_changes_are_no_surprise() {
        let mut before = config(&[]);
        before.cmd = Some(vec!["sh".into(), "-c".into(), "app".into()]);
        let mut after = config(&[]);
        after.cmd = Some(vec!["app".into()]);
        assert_eq!(failures(&before, &after, &Terms::default()), ["config.cmd"]);
        let terms = Terms {
            announced: &[Effect::Cmd],
            ..Terms::default()
        };
        assert_eq!(failures(&before, &after, &terms), Vec::<String>::new());
        after.user = "1000".into();
        assert_eq!(failures(&before, &after, &terms), ["config.user"]);
    }

    #[test]
    fn spellings_of_the_same_are_the_same() {
        let mut before = config(&[]);
        before.user = "0".into();
        before.stop_signal = Some("TERM".into());
        before.working_dir = "/app/".into();
        let mut after = config(&[]);
        after.user = "root".into();
        after.working_dir = "/app".into();
        assert_eq!(failures(&before, &after, &Terms::default()), Vec::<String>::new());
    }
}
