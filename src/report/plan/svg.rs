//! The stages' graph as SVG: columns by how many stages lie before, no text outside its box.

use super::picture::Graph;
use crate::report::xml::escaped;
use std::fmt::Write;

const LETTER: usize = 7;
const LINE: usize = 16;
const PAD: usize = 10;
const ACROSS: usize = 120;
const DOWN: usize = 28;

struct Box {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
}

/// Draws it.
pub fn draw(graph: &Graph) -> String {
    let columns = columns(graph);
    let boxes = boxes(graph, &columns);
    let width = boxes.iter().map(|b| b.x + b.width).max().unwrap_or(0) + PAD;
    let height = boxes.iter().map(|b| b.y + b.height).max().unwrap_or(0) + PAD;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"monospace\" font-size=\"12\">\n<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" \
         markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#555\"/></marker></defs>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for edge in &graph.edges {
        let (Some(from), Some(to)) = (boxes.get(edge.from), boxes.get(edge.to)) else {
            continue;
        };
        let (x1, y1) = (from.x + from.width, from.y + from.height / 2);
        let (x2, y2) = (to.x, to.y + to.height / 2);
        let middle = (x1 + x2) / 2;
        let dash = if edge.copies.is_empty() {
            ""
        } else {
            " stroke-dasharray=\"5 3\""
        };
        let _ = writeln!(
            out,
            "<path d=\"M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}\" fill=\"none\" stroke=\"#555\"{dash} marker-end=\"url(#tip)\"/>"
        );
        if let Some(first) = edge.copies.first() {
            let more = if edge.copies.len() > 1 { " ..." } else { "" };
            let name = first.rsplit('/').next().unwrap_or(first);
            let _ = writeln!(
                out,
                "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\" fill=\"#555\"><title>{}</title>{}{more}</text>",
                (y1 + y2) / 2 - 6,
                escaped(&edge.copies.join(" ")),
                escaped(&clipped(name, ACROSS / LETTER - 2)),
            );
        }
    }
    for (node, place) in graph.nodes.iter().zip(&boxes) {
        let round = if node.image { place.height / 2 } else { 4 };
        let stroke = if node.target { 3 } else { 1 };
        let fill = if node.image { "#f2f2f2" } else { "#eaf2fb" };
        let _ = writeln!(
            out,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{round}\" fill=\"{fill}\" stroke=\"#333\" stroke-width=\"{stroke}\"/>",
            place.x, place.y, place.width, place.height
        );
        let weight = if node.image { "normal" } else { "bold" };
        let mut y = place.y + PAD + LINE - 5;
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{y}\" font-weight=\"{weight}\">{}</text>",
            place.x + PAD,
            escaped(&node.name)
        );
        for line in &node.says {
            y += LINE;
            let _ = writeln!(out, "<text x=\"{}\" y=\"{y}\">{}</text>", place.x + PAD, escaped(line));
        }
    }
    out.push_str("</svg>\n");
    out
}

/// For each node how many lie before it at most.
fn columns(graph: &Graph) -> Vec<usize> {
    let mut columns = vec![0; graph.nodes.len()];
    // Nodes stand before those that take from them, but for images, which take from none.
    for _ in 0..graph.nodes.len().min(64) {
        for edge in &graph.edges {
            let before = columns.get(edge.from).copied().unwrap_or(0);
            if let Some(column) = columns.get_mut(edge.to)
                && *column <= before
                && edge.from != edge.to
            {
                *column = (before + 1).min(graph.nodes.len());
            }
        }
    }
    columns
}

fn boxes(graph: &Graph, columns: &[usize]) -> Vec<Box> {
    let size = |at: usize| {
        let Some(node) = graph.nodes.get(at) else { return (0, 0) };
        let letters = node.says.iter().chain([&node.name]).map(|l| l.chars().count()).max();
        let width = letters.unwrap_or(0) * LETTER + LETTER + 2 * PAD;
        (width, (node.says.len() + 1) * LINE + PAD)
    };
    let count = columns.iter().max().map_or(0, |most| most + 1);
    let widths: Vec<usize> = (0..count)
        .map(|column| {
            let inside = (0..graph.nodes.len()).filter(|at| columns.get(*at) == Some(&column));
            inside.map(|at| size(at).0).max().unwrap_or(0)
        })
        .collect();
    let mut next = vec![PAD; count];
    (0..graph.nodes.len())
        .map(|at| {
            let column = columns.get(at).copied().unwrap_or(0);
            let x = PAD + widths.iter().take(column).map(|w| w + ACROSS).sum::<usize>();
            let (width, height) = size(at);
            let y = next.get(column).copied().unwrap_or(PAD);
            if let Some(free) = next.get_mut(column) {
                *free += height + DOWN;
            }
            Box { x, y, width, height }
        })
        .collect()
}

fn clipped(text: &str, most: usize) -> String {
    if text.chars().count() > most {
        text.chars().take(most.saturating_sub(3)).collect::<String>() + "..."
    } else {
        text.to_owned()
    }
}
