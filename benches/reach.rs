//! What the analysis of need costs for a project of a thousand source files, by language.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mbopt::context::{Context, Memory};
use mbopt::plan::reach::{Language, reach};
use std::fmt::Write as _;
use std::sync::Arc;

const FILES: usize = 1_000;

/// A project whose entry reaches all files, each of about a hundred lines.
fn project(language: Language) -> (Context, String, u64) {
    let ending = if language == Language::Python { "py" } else { "ts" };
    let mut files: Vec<(String, String)> = Vec::new();
    for index in 0..FILES {
        let mut text = String::new();
        let next = index + 1;
        match language {
            Language::Python => {
                let _ = write!(
                    text,
                    "import os\nimport json\nfrom flask import Blueprint, request\nfrom module{next} import handle as inner\n\n"
                );
            }
            _ => {
                let _ = write!(
                    text,
                    "import fs from 'node:fs';\nimport {{ Router }} from 'express';\nimport {{ handle as inner }} from './module{next}';\n\n"
                );
            }
        }
        for function in 0..12 {
            let body = match language {
                Language::Python => format!(
                    "def handle{function}(value, other=None):\n    \"\"\"Says what it does.\"\"\"\n    if value is None:\n        raise ValueError(\"nothing is given\")\n    total = sum(item for item in value)\n    names = [\"first\", \"second\", str(total)]\n    return {{\"total\": total, \"names\": names}}\n\n"
                ),
                _ => format!(
                    "export async function handle{function}(value: number[], other?: string) {{\n  // Says what it does.\n  if (!value) {{\n    throw new Error('nothing is given');\n  }}\n  const total = value.reduce((sum, item) => sum + item, 0);\n  const names = ['first', 'second', String(total)];\n  return {{ total, names }};\n}}\n\n"
                ),
            };
            text.push_str(&body);
        }
        files.push((format!("module{index}.{ending}"), text));
    }
    let bytes = files.iter().map(|(_, text)| text.len() as u64).sum();
    let mut entry = String::new();
    for index in 0..FILES {
        let _ = match language {
            Language::Python => writeln!(entry, "import module{index}"),
            _ => writeln!(entry, "import './module{index}';"),
        };
    }
    let main = format!("main.{ending}");
    files.push((main.clone(), entry));
    let memory = Memory::new(files.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    (Context::new("app", Arc::new(memory), None), main, bytes)
}

fn reaching(c: &mut Criterion) {
    let mut group = c.benchmark_group("reach");
    group.sample_size(20);
    for (name, language) in [("typescript", Language::JavaScript), ("python", Language::Python)] {
        let (context, entry, bytes) = project(language);
        let entries = [entry];
        group.throughput(Throughput::Bytes(bytes));
        group.bench_function(name, |b| {
            b.iter(|| {
                let found = reach(&context, &entries, language);
                assert!(found.files.len() > FILES);
                found
            });
        });
    }
    group.finish();
}

criterion_group!(benches, reaching);
criterion_main!(benches);
