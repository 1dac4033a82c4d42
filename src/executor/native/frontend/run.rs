//! RUN: what is executed, and with what.

use super::dispatch::Work;
use super::scope::join;
use crate::executor::error::Error;
use crate::executor::native::vertex::{Mount, MountKind, Run, RunNetwork};
use crate::model::scope::PROXY_ARGS;
use crate::model::{Dockerfile, Form, Instruction, Mount as Written};
use crate::syntax::{Heredoc, heredoc};

/// Where a script of its own interpreter lies.
const PIPES: &str = "/dev/pipes";

impl Work<'_, '_> {
    pub(super) fn run(
        &mut self,
        file: &Dockerfile,
        instruction: &Instruction,
        form: &Form,
        written: &[Written],
        heredocs: &[Heredoc],
        line: usize,
    ) -> Result<Run, Error> {
        let mut mounts = Vec::new();
        let args = match form {
            Form::Exec(words) => words.iter().map(|word| word.value.clone()).collect(),
            Form::Shell(script) => self.script(file, &script.value, heredocs, &mut mounts, line)?,
        };
        for mount in written {
            mounts.push(self.mount(mount, line)?);
        }
        let flag = |name: &str| {
            instruction
                .flag(name)
                .and_then(|f| f.value.as_ref())
                .map(|w| w.value.as_str())
        };
        let network = match flag("network") {
            None | Some("" | "default") => RunNetwork::Default,
            Some("none") => RunNetwork::None,
            Some("host") => RunNetwork::Host,
            Some(other) => {
                return Err(self
                    .frontend
                    .error(line, format!("there is no network `{other}` for RUN")));
            }
        };
        if flag("security").is_some_and(|mode| mode == "insecure") {
            let message = "`--security=insecure` is never given: a RUN has a container's rights";
            return Err(self.frontend.error(line, message));
        }
        if instruction.flag("device").is_some() {
            return Err(self
                .frontend
                .error(line, "`--device` is not supported: a RUN sees no devices"));
        }
        let cwd = match self.state.config.working_dir.as_str() {
            "" => "/",
            folder => folder,
        };
        Ok(Run {
            args,
            env: self.state.variables.pairs().to_vec(),
            proxies: self.proxies(),
            cwd: cwd.to_owned(),
            user: self.state.config.user.clone(),
            network,
            mounts,
        })
    }

    /// A shell form with its heredocs. One that is nothing but a heredoc is the script itself, run by
    /// the interpreter that its first line names or by the shell; otherwise the shell reads them.
    fn script(
        &self,
        file: &Dockerfile,
        script: &str,
        heredocs: &[Heredoc],
        mounts: &mut Vec<Mount>,
        line: usize,
    ) -> Result<Vec<String>, Error> {
        let body = |heredoc: &Heredoc| {
            let text = file.source.slice(heredoc.body);
            match heredoc.chomp {
                true => chomped(text),
                false => text.to_owned(),
            }
        };
        Ok(match heredocs {
            [] => self.state.with_shell(script),
            [only] if matches!(heredoc::announce(script.trim()), Ok(Some(_))) => {
                let text = body(only);
                if !text.starts_with("#!") {
                    return Ok(self.state.with_shell(&text));
                }
                let name = self.inline_name(only, line)?;
                mounts.push(Mount {
                    target: PIPES.to_owned(),
                    kind: MountKind::Inline {
                        name: name.clone(),
                        content: text.into_bytes(),
                    },
                });
                self.state.with_shell(&format!("{PIPES}/{name}"))
            }
            heredocs => {
                let mut text = script.to_owned();
                for heredoc in heredocs {
                    text.push('\n');
                    text.push_str(file.source.slice(heredoc.body));
                    text.push_str(&heredoc.name);
                }
                self.state.with_shell(&text)
            }
        })
    }

    /// What the file of a heredoc is called: below its folder's root, and in no folder of its own.
    pub(super) fn inline_name(&self, heredoc: &Heredoc, line: usize) -> Result<String, Error> {
        let path = join("", &heredoc.name);
        match path.strip_prefix('/') {
            Some(name) if !name.is_empty() && !name.contains('/') => Ok(name.to_owned()),
            _ => {
                let message = format!("`{}` cannot name a file: there is a folder in it", heredoc.name);
                Err(self.frontend.error(line, message))
            }
        }
    }

    /// Proxies that the build sets without the file declaring them.
    fn proxies(&self) -> Vec<(String, String)> {
        let args = self.frontend.request.build_args.iter();
        args.filter(|(name, _)| PROXY_ARGS.iter().any(|proxy| proxy.eq_ignore_ascii_case(name)))
            .filter(|(name, _)| self.state.variables.value(name).is_none())
            .cloned()
            .collect()
    }
}

/// Lines without the tabs that they begin with.
pub(super) fn chomped(text: &str) -> String {
    text.split_inclusive('\n')
        .map(|line| line.trim_start_matches('\t'))
        .collect()
}
