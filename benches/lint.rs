//! What linting costs, from one file to a thousand, and that the cost grows with the input and no faster.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mbopt::config::Settings;
use mbopt::model::Dockerfile;
use mbopt::rule::{Registry, lint};
use mbopt::source::SourceFile;
use std::hint::black_box;

const SERVER: &str = include_str!("../fixtures/apps/greeter/Dockerfile");

/// A block of instructions as people write them; repeated, it makes a file of any length.
const BLOCK: &str = "\
# packages that the build needs
RUN apt-get update && apt-get install -y --no-install-recommends \\
      curl \\
      git \\
    && rm -rf /var/lib/apt/lists/*
ENV KEY=value OTHER=\"with $KEY\"
COPY --chown=app:app src/ ./src/
RUN for f in a b c; do echo \"$f\" | sed 's/a/b/' > /tmp/$f; done
";

fn findings(text: &str) -> usize {
    let file = Dockerfile::parse(SourceFile::new("Dockerfile", text));
    lint(
        Registry::builtin(),
        &file,
        None,
        &Settings::default().for_file("Dockerfile"),
    )
    .len()
}

fn one_file(c: &mut Criterion) {
    c.bench_function("one file", |b| b.iter(|| findings(black_box(SERVER))));
    c.bench_function("one file, parsed only", |b| {
        b.iter(|| {
            Dockerfile::parse(SourceFile::new("Dockerfile", black_box(SERVER)))
                .instructions
                .len()
        })
    });
}

fn long_files(c: &mut Criterion) {
    let mut group = c.benchmark_group("one long file");
    group.sample_size(10);
    for blocks in [100, 1_000, 10_000] {
        let text = format!("FROM debian:12-slim\n{}", BLOCK.repeat(blocks));
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_with_input(
            BenchmarkId::from_parameter(blocks * BLOCK.lines().count()),
            &text,
            |b, text| {
                b.iter(|| findings(text));
            },
        );
    }
    group.finish();
}

criterion_group!(benches, one_file, long_files);
criterion_main!(benches);
