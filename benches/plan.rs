//! What planning costs, the reading of the build context included, for projects of a thousand files:
//! sources, data and documents as they are, on a disk whose cache is warm.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use criterion::{Criterion, criterion_group, criterion_main};
use mbopt::cli::tree::FolderTree;
use mbopt::context::Context;
use mbopt::facts::Facts;
use mbopt::model::Dockerfile;
use mbopt::plan::{Options, plan};
use mbopt::source::SourceFile;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

/// That of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const FILES: usize = 1_000;

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// A service of Go with many packages, templates, data and documents.
fn go(folder: &Path) -> &'static str {
    write(folder, "go.mod", "module example.org/app\n\ngo 1.22\n");
    write(folder, "go.sum", "");
    let main = "package main\n\nimport \"net/http\"\n\nfunc main() {\n\thttp.Handle(\"/\", http.FileServer(http.Dir(\"static\")))\n\thttp.ListenAndServe(\":8080\", nil)\n}\n";
    write(folder, "main.go", main);
    for at in 0..FILES {
        match at % 10 {
            0 => write(folder, &format!("static/page{at}.html"), "<p>Hello</p>\n"),
            1 => write(folder, &format!("docs/page{at}.md"), "# A page\n"),
            _ => {
                let mut text = format!("package part{}\n\nimport (\n\t\"fmt\"\n\t\"strings\"\n)\n\n", at / 20);
                for function in 0..8 {
                    let _ = write!(
                        text,
                        "// Part{at}of{function} says what it is given.\nfunc Part{at}of{function}(names []string) string {{\n\tif len(names) == 0 {{\n\t\treturn \"nothing\"\n\t}}\n\tjoined := strings.Join(names, \", \")\n\treturn fmt.Sprintf(\"%d: %s\", len(names), joined)\n}}\n\n"
                    );
                }
                write(folder, &format!("internal/part{}/file{at}.go", at / 20), &text);
            }
        }
    }
    "FROM golang:1.22-bookworm\nWORKDIR /app\nCOPY . .\nRUN go build -o /app/app .\nEXPOSE 8080\nCMD [\"/app/app\"]\n"
}

/// A program of C with a Makefile.
fn c(folder: &Path) -> &'static str {
    let mut objects = String::new();
    for at in 0..FILES {
        let _ = write!(objects, " src/part{at}.o");
        let text = format!(
            "#include <stdio.h>\n\nint part{at}(int x) {{\n\tprintf(\"part %d\\n\", x);\n\treturn x + {at};\n}}\n"
        );
        write(folder, &format!("src/part{at}.c"), &text);
    }
    write(
        folder,
        "Makefile",
        &format!("OBJ ={objects}\nall: server\nserver: $(OBJ)\n\tgcc -o $@ $^ -lm\n%.o: %.c\n\tgcc -c $< -o $@\n"),
    );
    "FROM gcc:12-bookworm\nWORKDIR /app\nCOPY . .\nRUN make\nCMD [\"./server\"]\n"
}

fn planning(c_: &mut Criterion) {
    let mut group = c_.benchmark_group("plan");
    group.sample_size(20);
    for (name, make) in [("go", go as fn(&Path) -> &'static str), ("c", c)] {
        let folder = tempfile::tempdir().unwrap();
        let text = make(folder.path());
        group.bench_function(name, |b| {
            let planned = || {
                let file = Dockerfile::parse(SourceFile::new("Dockerfile", text));
                let tree = FolderTree::open(folder.path()).unwrap();
                let context = Context::new("app", Arc::new(tree), Some("Dockerfile"));
                let plan = plan(&Facts::new(&file, Some(&context)), &Options::default());
                assert!(plan.chosen().is_some(), "{:?}", plan.verdict);
                plan
            };
            // As the program does, on the threads that read the context.
            b.iter(|| rayon::join(planned, || ()).0);
        });
    }
    group.finish();
}

criterion_group!(benches, planning);
criterion_main!(benches);
