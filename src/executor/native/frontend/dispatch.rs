//! Goes through a stage's instructions: each changes the image's config, adds a step, or both.

use super::scope::{State, join};
use super::{BUILD_ONLY_ARGS, Frontend, is_quiet, texts};
use crate::executor::config::{Healthcheck, History};
use crate::executor::error::Error;
use crate::executor::native::vertex::{Mkdir, Op, Step};
use crate::model::{Dockerfile, Form, Instruction, Kind, Pair, duration, instruction};
use crate::syntax::Word;

/// What BuildKit writes beside each entry of the history.
const COMMENT: &str = "buildkit.dockerfile.v0";

/// A stage on its way.
pub(super) struct Work<'f, 'a> {
    pub frontend: &'f mut Frontend<'a>,
    /// In the file.
    pub index: usize,
    pub state: State,
    pub steps: Vec<Step>,
}

impl<'f, 'a> Work<'f, 'a> {
    pub fn new(frontend: &'f mut Frontend<'a>, index: usize, state: State) -> Work<'f, 'a> {
        Work {
            frontend,
            index,
            state,
            steps: Vec::new(),
        }
    }

    pub fn finish(self) -> (Vec<Step>, State) {
        (self.steps, self.state)
    }

    /// Carries out an instruction of `file`; `line` is the one to name.
    pub fn instruction(&mut self, file: &Dockerfile, instruction: &Instruction, line: usize) -> Result<(), Error> {
        if is_quiet(instruction.keyword) && !matches!(instruction.kind, Kind::Onbuild(_)) {
            return Ok(());
        }
        let shown = self.shown(file, instruction);
        match &instruction.kind {
            Kind::Env(pairs) => {
                let mut message = "ENV".to_owned();
                for (name, value) in self.pairs(pairs, line)? {
                    message.push_str(&format!(" {name}={value}"));
                    self.state.variables.set(&name, value.clone());
                    self.state.config.set_env(&name, &value);
                }
                self.note(message);
            }
            Kind::Label(pairs) => {
                let mut message = "LABEL".to_owned();
                for (name, value) in self.pairs(pairs, line)? {
                    message.push_str(&format!(" {name}={value}"));
                    self.state.config.labels.insert(name, value);
                }
                self.note(message);
            }
            Kind::Arg(pairs) => self.arg(pairs, line)?,
            Kind::Run { form, mounts, heredocs } => {
                let run = self.run(file, instruction, form, mounts, heredocs, line)?;
                let args = self.declared(&run.args);
                self.step(Op::Run(Box::new(run)), shown, line);
                self.note_layer(format!("RUN {args} # buildkit"));
            }
            Kind::Copy(transfer) | Kind::Add(transfer) => {
                let (copy, message) = self.transfer(file, instruction, transfer, line)?;
                self.step(Op::Copy(Box::new(copy)), shown, line);
                self.note_layer(format!("{message} # buildkit"));
            }
            Kind::Workdir(word) => {
                let path = self.expand(word, line)?;
                let before = if path.starts_with('/') {
                    ""
                } else {
                    &self.state.config.working_dir
                };
                let path = join(before, &path);
                self.state.config.working_dir.clone_from(&path);
                let message = format!("WORKDIR {path}");
                if path == "/" {
                    self.note(message);
                } else {
                    let user = self.state.config.user.clone();
                    self.step(Op::Mkdir(Mkdir { path, user }), shown, line);
                    self.note_layer(message);
                }
            }
            Kind::User(word) => {
                let user = self.expand(word, line)?;
                self.note(format!("USER {user}"));
                self.state.config.user = user;
            }
            Kind::Cmd(form) => {
                let args = self.form(form);
                self.note(format!("CMD {}", texts::quoted(&args)));
                self.state.config.cmd = Some(args);
                self.state.config.args_escaped = true;
                self.state.has_cmd = true;
            }
            Kind::Entrypoint(form) => {
                let args = self.form(form);
                self.note(format!("ENTRYPOINT {}", texts::quoted(&args)));
                self.state.config.entrypoint = Some(args);
                if !self.state.has_cmd {
                    self.state.config.cmd = None;
                }
            }
            Kind::Shell(words) => {
                let shell: Vec<String> = words.iter().map(|word| word.value.clone()).collect();
                self.note(format!("SHELL {}", texts::list(&shell)));
                self.state.config.shell = Some(shell);
            }
            Kind::Healthcheck(check) => {
                let check = self.healthcheck(instruction, check, line)?;
                self.note(texts::healthcheck(&check));
                self.state.config.healthcheck = Some(check);
            }
            Kind::Expose(words) => {
                let mut all = Vec::new();
                for word in words {
                    let words = self.state.expand_words(&word.value);
                    for word in words.map_err(|error| self.frontend.error(line, error))? {
                        all.extend(texts::ports(&word).map_err(|why| self.frontend.error(line, why))?);
                    }
                }
                self.note(format!("EXPOSE {}", texts::list(&all)));
                self.state.config.exposed_ports.extend(all);
            }
            Kind::Volume(words) => {
                let mut all = Vec::new();
                for word in words {
                    let volume = self.state.expand(word.value.trim());
                    let volume = volume.map_err(|error| self.frontend.error(line, error))?;
                    if volume.is_empty() {
                        return Err(self.frontend.error(line, "a volume's path is empty"));
                    }
                    all.push(volume);
                }
                self.note(format!("VOLUME {}", texts::list(&all)));
                self.state.config.volumes.extend(all);
            }
            Kind::StopSignal(word) => {
                let signal = self.expand(word, line)?;
                self.note(format!("STOPSIGNAL {signal}"));
                self.state.config.stop_signal = Some(signal);
            }
            Kind::Maintainer(word) => {
                self.note(format!("MAINTAINER {}", word.value));
                self.state.config.author = Some(word.value.clone());
            }
            Kind::Onbuild(inner) => {
                let text = text_of(file, instruction);
                let at = text
                    .char_indices()
                    .find(|(_, c)| c.is_whitespace())
                    .map_or(text.len(), |(i, _)| i);
                let mut trigger = text.get(at..).unwrap_or_default().trim().to_owned();
                // A heredoc belongs to what is put off.
                for heredoc in heredocs_of(inner) {
                    trigger.push('\n');
                    trigger.push_str(file.source.slice(heredoc.body));
                    trigger.push_str(&heredoc.name);
                }
                self.state.config.onbuild.push(trigger);
            }
            Kind::From { .. } | Kind::Broken => {
                return Err(self.frontend.error(line, "this instruction cannot be understood"));
            }
        }
        Ok(())
    }

    pub fn expand(&self, word: &Word, line: usize) -> Result<String, Error> {
        self.expand_text(&word.value, line)
    }

    pub fn expand_text(&self, text: &str, line: usize) -> Result<String, Error> {
        self.state
            .expand(text)
            .map_err(|error| self.frontend.error(line, error))
    }

    /// Names and values, all expanded before the first is set.
    fn pairs(&self, pairs: &[Pair], line: usize) -> Result<Vec<(String, String)>, Error> {
        let value = |pair: &Pair| match &pair.value {
            Some(word) => self.expand(word, line),
            None => Ok(String::new()),
        };
        pairs
            .iter()
            .map(|pair| Ok((self.expand(&pair.key, line)?, value(pair)?)))
            .collect()
    }

    fn arg(&mut self, pairs: &[Pair], line: usize) -> Result<(), Error> {
        let mut message = Vec::new();
        for pair in pairs {
            let name = &pair.key.value;
            let value = match (self.frontend.build_arg(name), &pair.value) {
                (Some(value), _) => Some(value.to_owned()),
                (None, Some(word)) => Some(self.expand(word, line)?),
                (None, None) => self.frontend.globals.value(name).map(str::to_owned),
            };
            message.push(match &value {
                Some(value) => format!("{name}={value}"),
                None => name.clone(),
            });
            if let Some(value) = &value
                && !BUILD_ONLY_ARGS.contains(&name.as_str())
            {
                self.state.variables.set(name, value.clone());
            }
            self.state.args.push((name.clone(), value));
        }
        self.note(format!("ARG {}", message.join(" ")));
        Ok(())
    }

    /// A RUN's arguments behind the ARGs in force, as the history has them: `|1 A=b /bin/sh -c ...`.
    fn declared(&self, args: &[String]) -> String {
        let mut shown: Vec<(String, String)> = Vec::new();
        for (name, value) in &self.state.args {
            let now = self
                .state
                .variables
                .value(name)
                .or(value.as_deref())
                .unwrap_or_default()
                .to_owned();
            match shown.iter_mut().find(|(known, _)| known == name) {
                Some((_, old)) => *old = now,
                None => shown.push((name.clone(), now)),
            }
        }
        let mut words = Vec::new();
        if !shown.is_empty() {
            words.push(format!("|{}", shown.len()));
            words.extend(shown.into_iter().map(|(name, value)| format!("{name}={value}")));
        }
        words.extend(args.iter().cloned());
        words.join(" ")
    }

    fn form(&self, form: &Form) -> Vec<String> {
        match form {
            Form::Shell(word) => self.state.with_shell(&word.value),
            Form::Exec(words) => words.iter().map(|word| word.value.clone()).collect(),
        }
    }

    fn healthcheck(
        &self,
        instruction: &Instruction,
        check: &instruction::Healthcheck,
        line: usize,
    ) -> Result<Healthcheck, Error> {
        let test = match check {
            instruction::Healthcheck::None => vec!["NONE".to_owned()],
            instruction::Healthcheck::Cmd(Form::Shell(word)) => vec!["CMD-SHELL".to_owned(), word.value.clone()],
            instruction::Healthcheck::Cmd(Form::Exec(words)) => {
                let words = words.iter().map(|word| word.value.clone());
                std::iter::once("CMD".to_owned()).chain(words).collect()
            }
        };
        let flag = |name: &str| {
            instruction
                .flag(name)
                .and_then(|f| f.value.as_ref())
                .map(|w| w.value.as_str())
        };
        let time = |name: &str| match flag(name).filter(|text| !text.is_empty()) {
            None => Ok(0),
            Some(text) => duration::parse(text)
                .map(|nanoseconds| nanoseconds as i64)
                .ok_or_else(|| {
                    self.frontend
                        .error(line, format!("`{text}` is no duration for --{name}"))
                }),
        };
        let retries = match flag("retries").filter(|text| !text.is_empty()) {
            None => 0,
            Some(text) => text.parse().map_err(|_| {
                self.frontend
                    .error(line, format!("`{text}` is no number for --retries"))
            })?,
        };
        Ok(Healthcheck {
            test,
            interval: time("interval")?,
            timeout: time("timeout")?,
            start_period: time("start-period")?,
            start_interval: time("start-interval")?,
            retries,
        })
    }

    /// An entry of the history that made no layer.
    fn note(&mut self, created_by: String) {
        self.history(created_by, true);
    }

    fn note_layer(&mut self, created_by: String) {
        self.history(created_by, false);
    }

    fn history(&mut self, created_by: String, empty_layer: bool) {
        self.state.config.history.push(History {
            created_by: Some(created_by),
            comment: Some(COMMENT.to_owned()),
            empty_layer,
            ..History::default()
        });
    }

    fn step(&mut self, op: Op, name: String, line: usize) {
        self.steps.push(Step { op, name, line });
    }

    /// The instruction on one line, with variables.
    fn shown(&self, file: &Dockerfile, instruction: &Instruction) -> String {
        let text = self.state.shown(text_of(file, instruction));
        match text.split_once(' ') {
            Some((keyword, rest)) => format!("{} {rest}", keyword.to_uppercase()),
            None => text,
        }
    }
}

/// An instruction's text as BuildKit glues it, heredocs excluded.
pub(super) fn text_of<'d>(file: &'d Dockerfile, instruction: &Instruction) -> &'d str {
    file.lines
        .instructions
        .get(instruction.line)
        .map_or("", |line| line.joined.text())
        .trim()
}

fn heredocs_of(instruction: &Instruction) -> &[crate::syntax::Heredoc] {
    match &instruction.kind {
        Kind::Run { heredocs, .. } => heredocs,
        Kind::Copy(transfer) | Kind::Add(transfer) => &transfer.inline,
        _ => &[],
    }
}
