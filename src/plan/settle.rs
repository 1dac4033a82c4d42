//! Guesses that cannot all be right.

use super::artifact::Artifacts;
use super::evidence::Condition;

impl Artifacts {
    /// Drops what no build makes (shells, words that are no names), and artifacts of one name of
    /// which only one can be there: a COPY of a file that is missing fails the build.
    pub fn settle(&mut self) {
        let name = |path: &str| {
            path.trim_end_matches('/')
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .to_owned()
        };
        self.found.retain(|a| {
            let name = name(&a.path);
            !name.is_empty()
                && !name.contains([' ', '\t', '"', '\'', '$'])
                && !matches!(
                    name.as_str(),
                    "sh" | "bash" | "ash" | "dash" | "zsh" | "sleep" | "env" | "echo"
                )
        });
        let all: Vec<String> = self.found.iter().map(|a| a.path.clone()).collect();
        let twin = |path: &str| {
            let other = if path.contains("/sbin/") {
                path.replace("/sbin/", "/bin/")
            } else {
                path.replace("/bin/", "/sbin/")
            };
            other != path && all.contains(&other)
        };
        let mut unclear: Vec<String> = Vec::new();
        self.found.retain(|a| {
            let keep = !twin(&a.path);
            let name = name(&a.path);
            if !keep && !unclear.contains(&name) {
                unclear.push(name);
            }
            keep
        });
        for name in unclear {
            self.conditions.push(Condition::not_met(
                format!("the folder that the build installs `{name}` to is known"),
                Vec::new(),
            ));
        }
    }
}
