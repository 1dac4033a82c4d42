//! Grammars whose tables are kept compressed (the feature `packed`, on Linux).
//!
//! A grammar's parser is a table, megabytes of small numbers of which a twentieth is left when they are
//! compressed, and a lexer, which is code. The tables are unpacked when the grammar is asked for
//! first: a few milliseconds that only those pay who need that language.
//!
//! Nothing of a grammar is kept here. Its own source is compiled once to read the tables from the
//! object file, and once with the tables left empty. What takes the place of the grammar's entry
//! (the linker's `--wrap`) fills them.

use object::{Object, ObjectSection};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// A grammar: its crate, the folder of its source, its entry, the tables that are packed.
const GRAMMARS: [(&str, &str, &str, &[&str]); 5] = [
    // Every lint needs this one at once: only what unpacks in a moment, since it is nearly empty.
    (
        "tree-sitter-bash",
        "src",
        "tree_sitter_bash",
        &["ts_parse_table", "ts_parse_actions", "ts_lex_modes"],
    ),
    ("tree-sitter-php", "php/src", "tree_sitter_php", TABLES),
    ("tree-sitter-python", "src", "tree_sitter_python", TABLES),
    ("tree-sitter-ruby", "src", "tree_sitter_ruby", TABLES),
    ("tree-sitter-typescript", "tsx/src", "tree_sitter_tsx", TABLES),
];

/// The tables that hold no pointers and are large.
const TABLES: &[&str] = &[
    "ts_parse_table",
    "ts_small_parse_table",
    "ts_small_parse_table_map",
    "ts_parse_actions",
    "ts_lex_modes",
    "ts_primary_state_ids",
];

/// zstd's strongest that needs no more memory to unpack than the tables have.
const LEVEL: i32 = 19;

/// Compiles the packed grammars into the program and has them linked for the plain ones.
pub fn pack(root: &Path, out: &Path) -> Result<(), String> {
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return Ok(());
    }
    let metadata = metadata(root)?;
    for (package, folder, entry, names) in GRAMMARS {
        let source = source(&metadata, package)?.join(folder);
        let parser = source.join("parser.c");
        let text = fs::read_to_string(&parser).map_err(|e| format!("{}: {e}", parser.display()))?;
        let packed = packed(&text, &tables(&parser, &source, names)?, entry)
            .map_err(|e| format!("{}: {e}", parser.display()))?;
        let file = out.join(format!("{entry}.c"));
        fs::write(&file, packed).map_err(|e| format!("{}: {e}", file.display()))?;
        cc::Build::new()
            .file(&file)
            .include(&source)
            .std("c11")
            .opt_level(2)
            .warnings(false)
            .try_compile(&format!("{entry}_packed"))
            .map_err(|e| e.to_string())?;
        println!("cargo::rustc-link-arg=-Wl,--wrap={entry}");
    }
    Ok(())
}

/// What cargo says about this package's dependencies.
fn metadata(root: &Path) -> Result<String, String> {
    let variable = |name: &str| env::var(name).map_err(|e| format!("{name}: {e}"));
    let asked = Command::new(variable("CARGO")?)
        .args(["metadata", "--format-version=1", "--locked", "--filter-platform"])
        .arg(variable("TARGET")?)
        .arg("--manifest-path")
        .arg(root.join("Cargo.toml"))
        .output()
        .map_err(|e| format!("cargo metadata: {e}"))?;
    if !asked.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&asked.stderr)));
    }
    String::from_utf8(asked.stdout).map_err(|e| format!("cargo metadata: {e}"))
}

/// Where a package's sources are.
fn source(metadata: &str, package: &str) -> Result<PathBuf, String> {
    let field = "\"manifest_path\":\"";
    metadata
        .split_once(&format!("{{\"name\":\"{package}\",\"version\":"))
        .and_then(|(_, rest)| rest.split_once(field))
        .and_then(|(_, rest)| rest.split_once('"'))
        .and_then(|(path, _)| Some(Path::new(path).parent()?.to_owned()))
        .ok_or_else(|| format!("cargo metadata does not say where {package} is"))
}

/// The tables' bytes, as the compiler lays them out for the target.
fn tables(parser: &Path, include: &Path, names: &[&'static str]) -> Result<Vec<(&'static str, Vec<u8>)>, String> {
    let objects = cc::Build::new()
        .file(parser)
        .include(include)
        .std("c11")
        .flag("-fdata-sections")
        .opt_level(0)
        .warnings(false)
        .cargo_metadata(false)
        .try_compile_intermediates()
        .map_err(|e| e.to_string())?;
    let path = objects.first().ok_or("no object file was made")?;
    let bytes = fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let object = object::File::parse(bytes.as_slice()).map_err(|e| format!("{}: {e}", path.display()))?;
    let mut found = Vec::new();
    for table in names {
        let section = object
            .section_by_name(&format!(".rodata.{table}"))
            .ok_or_else(|| format!("{} has no {table}", path.display()))?;
        if section.relocations().next().is_some() {
            return Err(format!("{table} holds pointers"));
        }
        let data = section.data().map_err(|e| format!("{table}: {e}"))?;
        found.push((*table, data.to_vec()));
    }
    Ok(found)
}

/// The grammar's source without the tables' numbers, and what fills them in.
fn packed(text: &str, tables: &[(&str, Vec<u8>)], entry: &str) -> Result<String, String> {
    let mut source = text.to_owned();
    let mut data = String::new();
    let mut fill = String::new();
    for (table, bytes) in tables {
        source = emptied(&source, table, bytes.len())?;
        let small = zstd::bulk::compress(bytes, LEVEL).map_err(|e| format!("{table}: {e}"))?;
        let _ = write!(data, "static const unsigned char packed_{table}[] = {{");
        for byte in &small {
            let _ = write!(data, "{byte},");
        }
        data.push_str("};\n");
        let _ = writeln!(
            fill,
            "  _Static_assert(sizeof {table} == {}, \"{table}\");\n  \
             if (ZSTD_decompress({table}, sizeof {table}, packed_{table}, sizeof packed_{table}) != sizeof {table}) abort();",
            bytes.len()
        );
    }
    Ok(format!(
        "#define {entry} {entry}_emptied\n{source}\n#undef {entry}\n\
         #include <pthread.h>\n#include <stdlib.h>\n\
         size_t ZSTD_decompress(void *, size_t, const void *, size_t);\n\
         {data}\
         static void fill(void) {{\n{fill}}}\n\
         const TSLanguage *__wrap_{entry}(void) {{\n  \
           static pthread_once_t once = PTHREAD_ONCE_INIT;\n  \
           pthread_once(&once, fill);\n  \
           return {entry}_emptied();\n}}\n"
    ))
}

/// A source in which a table is declared, but not filled.
fn emptied(text: &str, table: &str, bytes: usize) -> Result<String, String> {
    let missing = || format!("{table} is not declared as expected");
    let name = format!(" {table}[");
    let at = text.find(&name).ok_or_else(missing)?;
    let line = text.get(..at).and_then(|t| t.rfind('\n')).map_or(0, |at| at + 1);
    let kind = text
        .get(line..at)
        .and_then(|t| t.strip_prefix("static const "))
        .ok_or_else(missing)?;
    let rest = text.get(at + name.len()..).ok_or_else(missing)?;
    let (dimensions, rest) = rest.split_once(" = {").ok_or_else(missing)?;
    let (_, rest) = rest.split_once("\n};").ok_or_else(missing)?;
    let dimensions = match dimensions.strip_prefix(']') {
        Some("") => format!("{bytes} / sizeof({kind})]"),
        _ => dimensions.to_owned(),
    };
    let before = text.get(..line).ok_or_else(missing)?;
    Ok(format!("{before}static {kind} {table}[{dimensions};{rest}"))
}
