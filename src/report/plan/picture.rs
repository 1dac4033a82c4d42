//! The stages as a graph: what is built on what, and what is copied from where.

use crate::model::{Dockerfile, Kind, StageRef};
use crate::plan::Plan;
use std::fmt::Write;

/// A stage, or an image that a stage is built on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is called.
    pub name: String,
    /// What is done in it, a line each.
    pub says: Vec<String>,
    /// An image from elsewhere.
    pub image: bool,
    /// The default target.
    pub target: bool,
}

/// What leads from one node to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Index of the node that gives.
    pub from: usize,
    /// Index of the node that takes.
    pub to: usize,
    /// What is copied; empty where the one is built on the other.
    pub copies: Vec<String>,
}

/// The stages of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    /// Each before those that take from it.
    pub nodes: Vec<Node>,
    /// What leads where.
    pub edges: Vec<Edge>,
}

/// More lines of a stage are not shown.
const MOST_LINES: usize = 8;

impl Graph {
    /// The graph of the rewritten file, or of the file itself where it is left alone.
    pub fn of(file: &Dockerfile, plan: &Plan) -> Graph {
        let mut graph = Graph::default();
        match plan.chosen() {
            Some(candidate) => {
                let count = candidate.stages.len();
                for (at, stage) in candidate.stages.iter().enumerate() {
                    let copies = stage.copies.clone();
                    let name = if stage.name.is_empty() { stage.role } else { &stage.name };
                    graph.stage(name, &stage.base, copies, stage.says.clone(), at + 1 == count);
                }
            }
            None => graph.old(file),
        }
        graph
    }

    /// The graph of a file as it stands.
    pub fn of_file(file: &Dockerfile) -> Graph {
        let mut graph = Graph::default();
        graph.old(file);
        graph
    }

    fn old(&mut self, file: &Dockerfile) {
        for stage in &file.stages {
            let name_of = |id: crate::model::StageId| match file.stage(id).and_then(|s| s.name.clone()) {
                Some(name) => name,
                None => format!("stage {}", id.0),
            };
            let name = name_of(stage.id);
            let base = match &stage.base {
                StageRef::Named(id) | StageRef::Numbered(id) => name_of(*id),
                StageRef::Image(image) => image.text.clone(),
                StageRef::Scratch => "scratch".to_owned(),
                StageRef::Unknown => "?".to_owned(),
            };
            let mut copies: Vec<(String, Vec<String>)> = Vec::new();
            let mut says = Vec::new();
            for instruction in file.instructions_of(stage) {
                says.push(brief(file.source.slice(instruction.span)));
                let Kind::Copy(transfer) = &instruction.kind else {
                    continue;
                };
                if let Some((_, from)) = &transfer.from
                    && let Some(id) = from.stage()
                {
                    let paths = transfer.sources.iter().map(|s| s.value.clone()).collect();
                    copies.push((name_of(id), paths));
                }
            }
            self.stage(&name, &base, copies, says, file.is_last(stage));
        }
    }

    fn stage(&mut self, name: &str, base: &str, copies: Vec<(String, Vec<String>)>, says: Vec<String>, target: bool) {
        let below = self.node(base);
        let at = self.nodes.len();
        self.nodes.push(Node {
            name: name.to_owned(),
            says: lines(&says),
            image: false,
            target,
        });
        self.edges.push(Edge {
            from: below,
            to: at,
            copies: Vec::new(),
        });
        for (from, paths) in copies {
            let from = self.node(&from);
            self.edges.push(Edge {
                from,
                to: at,
                copies: paths,
            });
        }
    }

    /// The node of that name; an image where there is none yet.
    fn node(&mut self, name: &str) -> usize {
        if let Some(at) = self.nodes.iter().position(|n| n.name == name) {
            return at;
        }
        self.nodes.push(Node {
            name: name.to_owned(),
            says: Vec::new(),
            image: true,
            target: false,
        });
        self.nodes.len() - 1
    }

    /// For Markdown.
    pub fn mermaid(&self) -> String {
        let mut out = "flowchart LR\n".to_owned();
        let safe = |text: &str| text.replace('"', "#quot;").replace('<', "#lt;").replace('>', "#gt;");
        for (at, node) in self.nodes.iter().enumerate() {
            if node.image {
                let _ = writeln!(out, "    n{at}([\"{}\"])", safe(&node.name));
            } else {
                let lines: String = node.says.iter().map(|l| format!("<br/>{}", safe(l))).collect();
                let _ = writeln!(out, "    n{at}[\"<b>{}</b>{lines}\"]", safe(&node.name));
            }
        }
        for edge in &self.edges {
            if edge.copies.is_empty() {
                let _ = writeln!(out, "    n{} --> n{}", edge.from, edge.to);
            } else {
                let _ = writeln!(
                    out,
                    "    n{} -. \"{}\" .-> n{}",
                    edge.from,
                    safe(&edge.copies.join("<br/>")).replace("#lt;br/#gt;", "<br/>"),
                    edge.to
                );
            }
        }
        for (at, node) in self.nodes.iter().enumerate().filter(|(_, n)| n.target) {
            let _ = node;
            let _ = writeln!(out, "    style n{at} stroke-width:3px");
        }
        out
    }

    /// For Graphviz.
    pub fn dot(&self) -> String {
        let mut out = "digraph stages {\n    rankdir=LR;\n    node [shape=box, fontname=\"monospace\"];\n".to_owned();
        let safe = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        for (at, node) in self.nodes.iter().enumerate() {
            let mut label = safe(&node.name);
            for line in &node.says {
                let _ = write!(label, "\\l  {}", safe(line));
            }
            if !node.says.is_empty() {
                label.push_str("\\l");
            }
            let look = match (node.image, node.target) {
                (true, _) => ", shape=ellipse",
                (_, true) => ", penwidth=3",
                _ => "",
            };
            let _ = writeln!(out, "    n{at} [label=\"{label}\"{look}];");
        }
        for edge in &self.edges {
            let look = if edge.copies.is_empty() {
                String::new()
            } else {
                format!(
                    " [style=dashed, label=\"{}\"]",
                    safe(&edge.copies.join("\n")).replace('\n', "\\n")
                )
            };
            let _ = writeln!(out, "    n{} -> n{}{look};", edge.from, edge.to);
        }
        out.push_str("}\n");
        out
    }
}

fn lines(says: &[String]) -> Vec<String> {
    let mut out: Vec<String> = says.iter().take(MOST_LINES).map(|line| brief(line)).collect();
    if says.len() > MOST_LINES {
        out.push(format!("and {} more", says.len() - MOST_LINES));
    }
    out
}

fn brief(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().filter(|w| *w != "\\").collect();
    let joined = words.join(" ");
    if joined.chars().count() > 48 {
        joined.chars().take(45).collect::<String>() + "..."
    } else {
        joined
    }
}
