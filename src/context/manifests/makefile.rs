//! `Makefile`: variables, and the recipes of explicit rules. Functions that need a shell or the
//! file system (`$(shell)`, `$(wildcard)`) stay as they are written.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// What a Makefile says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Makefile {
    /// Variables as written; a later definition replaces an earlier one, `+=` is appended.
    pub variables: BTreeMap<String, String>,
    /// Rules in order.
    pub rules: Vec<Rule>,
    /// Variables that decided a condition: for other values the Makefile says something else.
    pub decided_by: BTreeSet<String>,
}

/// A rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// Targets as written.
    pub targets: String,
    /// Prerequisites as written.
    pub needs: String,
    /// Commands with the number of their first line, from 1; `@`, `-` and `+` in front are taken off.
    pub recipe: Vec<RecipeLine>,
}

/// A command of a recipe.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecipeLine {
    /// The command.
    pub command: String,
    /// Its line, from 1.
    pub line: usize,
}

/// How deep variables and rules are followed.
const MAX_DEPTH: usize = 32;
/// How many recipe lines are given at most.
const MAX_LINES: usize = 1_500;
/// How long an expansion may grow, in bytes.
const MAX_TEXT: usize = 64 * 1024;

impl Makefile {
    /// Reads the text. Conditions that its own variables decide are decided; of others all branches
    /// are read as if they held.
    pub fn parse(text: &str) -> Makefile {
        let mut out = Makefile::default();
        let mut lines = text.lines().enumerate().peekable();
        let mut in_rule = false;
        let mut in_define = false;
        // For each open condition: whether what follows holds; none where that is not known.
        let mut open: Vec<Option<bool>> = Vec::new();
        while let Some((index, first)) = lines.next() {
            let mut line = first.to_owned();
            while line.ends_with('\\') {
                line.pop();
                let Some((_, next)) = lines.next() else { break };
                line.push(' ');
                line.push_str(next.trim_start());
            }
            if in_define {
                in_define = line.trim() != "endef";
                continue;
            }
            if out.condition(line.trim(), &mut open) || open.contains(&Some(false)) {
                continue;
            }
            if let Some(command) = line.strip_prefix('\t')
                && in_rule
            {
                let command = command.trim().trim_start_matches(['@', '-', '+', ' ']);
                if let Some(rule) = out.rules.last_mut()
                    && !command.is_empty()
                    && !command.starts_with('#')
                {
                    rule.recipe.push(RecipeLine {
                        command: command.to_owned(),
                        line: index + 1,
                    });
                }
                continue;
            }
            let line = line.split(" #").next().unwrap_or_default();
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let word = line.split_whitespace().next().unwrap_or_default();
            if matches!(word, "include" | "-include" | "vpath") {
                continue;
            }
            if word == "define" {
                in_define = true;
                continue;
            }
            let line = line
                .strip_prefix("export ")
                .or(line.strip_prefix("override "))
                .unwrap_or(line);
            if out.assignment(line) {
                in_rule = false;
            } else if let Some((targets, rest)) = line.split_once(':') {
                let (needs, command) = match rest.split_once(';') {
                    Some((needs, command)) => (needs, Some(command.trim())),
                    None => (rest, None),
                };
                in_rule = true;
                // `target: VAR = x` sets a variable for that target.
                if needs.contains('=') {
                    continue;
                }
                out.rules.push(Rule {
                    targets: targets.trim().to_owned(),
                    needs: needs.trim_start_matches(':').trim().to_owned(),
                    recipe: command
                        .map(|command| RecipeLine {
                            command: command.to_owned(),
                            line: index + 1,
                        })
                        .into_iter()
                        .collect(),
                });
            }
        }
        out
    }

    /// Whether the line opens, turns or ends a condition.
    fn condition(&mut self, line: &str, open: &mut Vec<Option<bool>>) -> bool {
        let (word, rest) = line.split_once([' ', '\t', '(']).unwrap_or((line, ""));
        let rest = line.get(line.len() - rest.len()..).map_or(rest, str::trim);
        match word {
            "ifeq" | "ifneq" => {
                let inner = line.get(word.len()..).map(str::trim).unwrap_or_default();
                let held = self.equal(inner).map(|same| same == (word == "ifeq"));
                open.push(held);
            }
            "ifdef" | "ifndef" => {
                let known = self.variables.contains_key(rest);
                self.decided_by.insert(rest.to_owned());
                open.push(known.then_some(word == "ifdef"));
            }
            "else" => {
                if let Some(last) = open.last_mut() {
                    // Behind `else if` another question is asked.
                    *last = match (*last, rest.is_empty()) {
                        (Some(held), true) => Some(!held),
                        (Some(true), false) => Some(false),
                        _ => None,
                    };
                }
            }
            "endif" => {
                open.pop();
            }
            _ => return false,
        }
        true
    }

    /// Whether the two sides of `(a,b)` or `"a" "b"` are the same; none where that is not known.
    fn equal(&mut self, text: &str) -> Option<bool> {
        let sides = match text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) {
            Some(inside) => {
                let comma = top_comma(inside)?;
                (inside.get(..comma)?.trim(), inside.get(comma + 1..)?.trim())
            }
            None => {
                let mut quoted = text.split(['"', '\'']).skip(1).step_by(2);
                (quoted.next()?, quoted.next()?)
            }
        };
        let names = |side: &str| -> Option<Vec<String>> {
            let mut found = Vec::new();
            for part in side.split('$').skip(1) {
                let name = part.strip_prefix(['(', '{'])?.split([')', '}']).next()?;
                found.push(name.to_owned());
            }
            Some(found)
        };
        let used: Vec<String> = [names(sides.0)?, names(sides.1)?].concat();
        // What nothing sets is empty; functions are not names.
        if used.is_empty() || used.iter().any(|name| name.contains([' ', '\t', ':'])) {
            return None;
        }
        let left = self.expand(sides.0, &[], &|_| None);
        let right = self.expand(sides.1, &[], &|_| None);
        if left.contains('$') || right.contains('$') {
            return None;
        }
        self.decided_by.extend(used);
        Some(left == right)
    }

    /// Whether the line sets a variable.
    fn assignment(&mut self, line: &str) -> bool {
        let Some(at) = line.find('=') else { return false };
        let (before, value) = (
            line.get(..at).unwrap_or_default(),
            line.get(at + 1..).unwrap_or_default(),
        );
        let name = before.trim_end_matches([':', '?', '+', '!']).trim();
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if name.is_empty() || !name.chars().all(plain) {
            return false;
        }
        let value = value.trim();
        if before.ends_with('+') {
            let known = self.variables.entry(name.to_owned()).or_default();
            if known.len() + value.len() < MAX_TEXT {
                if !known.is_empty() {
                    known.push(' ');
                }
                known.push_str(value);
            }
        } else if !(before.ends_with('?') && self.variables.contains_key(name)) {
            self.variables.insert(name.to_owned(), value.to_owned());
        }
        true
    }

    /// The first target that is no special one.
    pub fn default_goal(&self) -> Option<String> {
        let rule = self
            .rules
            .iter()
            .find(|r| !r.targets.starts_with('.') && !r.targets.contains('%'))?;
        let targets = self.expand(&rule.targets, &[], &|_| None);
        targets.split_whitespace().next().map(str::to_owned)
    }

    /// The commands that the goals run (the default goal for none), prerequisites first, with
    /// variables replaced where they are known. `set` are variables of the command line, `env`
    /// those of the environment.
    pub fn recipe(
        &self,
        goals: &[&str],
        set: &[(&str, &str)],
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Vec<RecipeLine> {
        let decides = |name: &str| set.iter().any(|(set, _)| *set == name) || env(name).is_some();
        if self.decided_by.iter().any(|name| decides(name)) {
            return Vec::new();
        }
        let default = self.default_goal();
        let goals: Vec<&str> = if goals.is_empty() {
            default.as_deref().into_iter().collect()
        } else {
            goals.to_vec()
        };
        let words = |text: &str| -> Vec<String> {
            let expanded = self.expand(text, set, env);
            expanded.split_whitespace().map(str::to_owned).collect()
        };
        let targets: Vec<Vec<String>> = self.rules.iter().map(|rule| words(&rule.targets)).collect();
        let needs: Vec<Vec<String>> = self.rules.iter().map(|rule| words(&rule.needs)).collect();
        let mut run = Run {
            makefile: self,
            set,
            env,
            needs: &needs,
            named: HashMap::new(),
            patterns: Vec::new(),
            done: HashSet::new(),
            out: Vec::new(),
        };
        for (rule, targets) in targets.iter().enumerate() {
            for target in targets {
                let rules = run.named.entry(target).or_default();
                if rules.last() != Some(&rule) {
                    rules.push(rule);
                }
                if let Some((before, behind)) = target.split_once('%') {
                    run.patterns.push((rule, before, behind));
                }
            }
        }
        for goal in goals {
            run.goal(goal, 0);
        }
        run.out
    }

    /// Replaces variables.
    pub fn expand(&self, text: &str, set: &[(&str, &str)], env: &dyn Fn(&str) -> Option<String>) -> String {
        let mut out = String::new();
        self.expand_into(&mut out, text, set, env, 0);
        out
    }

    fn expand_into(
        &self,
        out: &mut String,
        text: &str,
        set: &[(&str, &str)],
        env: &dyn Fn(&str) -> Option<String>,
        depth: usize,
    ) {
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(rest.get(..at).unwrap_or_default());
            let behind = rest.get(at + 1..).unwrap_or_default();
            let Some(open) = behind.chars().next() else {
                out.push('$');
                return;
            };
            let close = match open {
                '(' => ')',
                '{' => '}',
                '$' => {
                    // The shell's own variable.
                    out.push('$');
                    rest = behind.get(1..).unwrap_or_default();
                    continue;
                }
                other => {
                    out.push('$');
                    out.push(other);
                    rest = behind.get(other.len_utf8()..).unwrap_or_default();
                    continue;
                }
            };
            let Some(end) = closing(behind, open, close) else {
                out.push_str(rest.get(at..).unwrap_or_default());
                return;
            };
            let inside = behind.get(1..end).unwrap_or_default();
            let whole = behind.get(..end + 1).unwrap_or_default();
            rest = behind.get(end + 1..).unwrap_or_default();
            if depth >= MAX_DEPTH || out.len() > MAX_TEXT {
                out.push('$');
                out.push_str(whole);
            } else if let Some((_, value)) = set.iter().rev().find(|(name, _)| *name == inside) {
                out.push_str(value);
            } else if let Some(value) = self.variables.get(inside) {
                self.expand_into(out, value, set, env, depth + 1);
            } else if let Some(value) = env(inside) {
                out.push_str(&value);
            } else if let Some(value) = default_variable(inside) {
                out.push_str(value);
            } else if let Some((name, pattern)) = inside.split_once(':')
                && let Some((from, to)) = pattern.split_once('=')
                && let Some(value) = self.variables.get(name)
            {
                let mut list = String::new();
                self.expand_into(&mut list, value, set, env, depth + 1);
                out.push_str(&replace_endings(&list, from, to));
            } else if inside.contains([' ', '\t', ':', '$', '@', '<', '^']) {
                out.push('$');
                out.push_str(whole);
            }
            // A variable that nothing sets is empty.
        }
        out.push_str(rest);
    }
}

/// What the goals of one call run.
struct Run<'m> {
    makefile: &'m Makefile,
    set: &'m [(&'m str, &'m str)],
    env: &'m dyn Fn(&str) -> Option<String>,
    /// Of each rule, expanded.
    needs: &'m [Vec<String>],
    /// The rules that name a target.
    named: HashMap<&'m str, Vec<usize>>,
    /// Pattern rules, with what stands before and behind the `%`.
    patterns: Vec<(usize, &'m str, &'m str)>,
    done: HashSet<String>,
    out: Vec<RecipeLine>,
}

impl Run<'_> {
    fn goal(&mut self, goal: &str, depth: usize) {
        if depth >= MAX_DEPTH || self.out.len() >= MAX_LINES || self.done.contains(goal) {
            return;
        }
        if let Some(rules) = self.named.get(goal).cloned() {
            self.done.insert(goal.to_owned());
            for rule in rules {
                let needs = self.needs.get(rule).map(Vec::as_slice).unwrap_or_default();
                self.rule(rule, goal, needs, "", depth);
            }
            return;
        }
        let stem = self.patterns.iter().find_map(|(rule, before, behind)| {
            let stem = goal.strip_prefix(before)?.strip_suffix(behind)?;
            Some((*rule, stem))
        });
        if let Some((rule, stem)) = stem {
            self.done.insert(goal.to_owned());
            let needs = self.needs.get(rule).map(Vec::as_slice).unwrap_or_default();
            let needs: Vec<String> = needs.iter().map(|n| n.replacen('%', stem, 1)).collect();
            self.rule(rule, goal, &needs, stem, depth);
        }
    }

    fn rule(&mut self, rule: usize, goal: &str, needs: &[String], stem: &str, depth: usize) {
        for need in needs.iter().filter(|n| *n != "|") {
            self.goal(need, depth + 1);
        }
        let makefile = self.makefile;
        let Some(rule) = makefile.rules.get(rule) else { return };
        let first = needs.first().map(String::as_str).unwrap_or_default();
        let all = LazyCell::new(|| needs.join(" "));
        for line in &rule.recipe {
            if self.out.len() >= MAX_LINES {
                return;
            }
            let text = automatic(&line.command, |name| match name {
                '@' => Some(goal),
                '<' => Some(first),
                '^' | '?' => Some(all.as_str()),
                '*' => Some(stem),
                _ => None,
            });
            let mut command = match text.contains('$') {
                true => makefile.expand(&text, self.set, self.env),
                false => text,
            };
            // A variable may hold them too.
            let own = command.trim_start_matches(['@', '-', '+', ' ']).len();
            command.drain(..command.len() - own);
            self.out.push(RecipeLine {
                command,
                line: line.line,
            });
        }
    }
}

/// A line of a recipe with its automatic variables in place: `$@`, `$(@)` and `${@}`.
fn automatic<'v>(line: &str, value: impl Fn(char) -> Option<&'v str>) -> String {
    let mut out = String::with_capacity(2 * line.len());
    let mut rest = line;
    while let Some((before, behind)) = rest.split_once('$') {
        out.push_str(before);
        let mut chars = behind.chars();
        let (name, close) = match chars.next() {
            Some('(') => (chars.next(), Some(')')),
            Some('{') => (chars.next(), Some('}')),
            name => (name, None),
        };
        let closed = close.is_none_or(|close| chars.next() == Some(close));
        rest = match name.filter(|_| closed).and_then(&value) {
            Some(value) => {
                out.push_str(value);
                chars.as_str()
            }
            None => {
                out.push('$');
                // The second of `$$` begins no name.
                let escaped = behind.strip_prefix('$');
                out.push_str(if escaped.is_some() { "$" } else { "" });
                escaped.unwrap_or(behind)
            }
        };
    }
    out.push_str(rest);
    out
}

/// Where the bracket that `text` begins with is closed.
fn closing(text: &str, open: char, close: char) -> Option<usize> {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth -= 1;
            if depth == 0 {
                return Some(at);
            }
        }
    }
    None
}

/// Where the comma stands that is in no brackets.
fn top_comma(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    text.char_indices().find_map(|(at, c)| {
        match c {
            '(' | '{' => depth += 1,
            ')' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        (c == ',' && depth == 0).then_some(at)
    })
}

fn default_variable(name: &str) -> Option<&'static str> {
    Some(match name {
        "CC" => "cc",
        "CXX" => "g++",
        "AR" => "ar",
        "RM" => "rm -f",
        "MAKE" => "make",
        "INSTALL" => "install",
        _ => return None,
    })
}

/// `$(SRC:.c=.o)`, `$(SRC:%.c=%.o)`.
fn replace_endings(list: &str, from: &str, to: &str) -> String {
    let replaced: Vec<String> = list
        .split_whitespace()
        .map(|word| match (from.split_once('%'), to.split_once('%')) {
            (Some((before, behind)), Some((new_before, new_behind))) => word
                .strip_prefix(before)
                .and_then(|w| w.strip_suffix(behind))
                .map_or_else(|| word.to_owned(), |stem| format!("{new_before}{stem}{new_behind}")),
            _ => word
                .strip_suffix(from)
                .map_or_else(|| word.to_owned(), |stem| format!("{stem}{to}")),
        })
        .collect();
    replaced.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "CC = gcc\nSRC := a.c b.c\nOBJ = $(SRC:.c=.o)\nBIN?=server\nLIBS += -lm # maths\nLIBS += -lz\n\n.PHONY: all clean\nall: $(BIN)\n\n$(BIN): $(OBJ)\n\t$(CC) -o $@ $^ $(LIBS)\n\n%.o: %.c\n\t@$(CC) -c $< -o $@\nclean:\n\trm -f $(BIN)\ninstall: all\n\tinstall -m 755 $(BIN) $(DESTDIR)$(PREFIX)/bin\n";

    fn commands(goals: &[&str], set: &[(&str, &str)]) -> Vec<String> {
        let lines = Makefile::parse(TEXT).recipe(goals, set, &|_| None);
        lines.into_iter().map(|l| l.command).collect()
    }

    #[test]
    fn recipes_are_followed() {
        assert_eq!(
            commands(&[], &[]),
            [
                "gcc -c a.c -o a.o",
                "gcc -c b.c -o b.o",
                "gcc -o server a.o b.o -lm -lz"
            ]
        );
        assert_eq!(
            commands(&["install"], &[("PREFIX", "/usr"), ("BIN", "x")])
                .last()
                .map(String::as_str),
            Some("install -m 755 x /usr/bin")
        );
        assert_eq!(commands(&["clean"], &[]), ["rm -f server"]);
    }

    #[test]
    fn conditions_are_decided_where_the_file_decides_them() {
        let text = "MODE ?= release\nifeq ($(MODE), debug)\nOUT = _debug\nFLAGS = -g\nelse\nOUT = _release\nendif\n\
            ifneq (\"$(wildcard x)\",\"\")\nLD = gold\nendif\nQ = @\nall: $(OUT)/app\n$(OUT)/app: a.o\n\
            \t$(Q)$(CC) $(FLAGS) -o $@ $^\n";
        let of = |set: &[(&str, &str)]| -> Vec<String> {
            let lines = Makefile::parse(text).recipe(&[], set, &|_| None);
            lines.into_iter().map(|l| l.command).collect()
        };
        assert_eq!(of(&[]), ["cc  -o _release/app a.o"]);
        assert!(of(&[("MODE", "debug")]).is_empty(), "it would be another file");
    }

    #[test]
    fn what_needs_a_shell_stays() {
        let text = "X = $(shell date)\nA = $(A)\nall: ; echo $(X) $$HOME $(A)$(NO)\n";
        let lines = Makefile::parse(text).recipe(&[], &[], &|_| None);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].command.starts_with("echo $(shell date) $HOME"), "{lines:?}");
        assert_eq!(
            Makefile::parse("a: b\nb: a\n\tx\n").recipe(&[], &[], &|_| None).len(),
            1
        );
        assert!(Makefile::parse("$(").recipe(&["$("], &[], &|_| None).is_empty());
    }
}
