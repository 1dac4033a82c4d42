//! CMake, Meson and autotools: a tree is configured, then built, then maybe installed.

use super::install;
use super::laid::{self, Laid, Way, is_shared};
use super::linkage::{self, library};
use super::outputs::{Output, Outputs};
use super::step::Step;
use super::{ArtifactKind, Linkage, absolute, cc};
use crate::context::{Context, manifests::CMakeLists, manifests::Makefile};
use crate::knowledge::ecosystem::Ecosystem;
use crate::plan::evidence::Evidence;
use std::collections::HashMap;

/// A folder that a build was configured in.
#[derive(Debug, Clone)]
pub struct BuildTree {
    /// Absolute.
    build: String,
    /// Where an install goes.
    prefix: String,
    prefix_evidence: Evidence,
    /// Programs: name, folder below the build's, where an install puts it (below the prefix).
    programs: Vec<Program>,
    /// What else an install puts somewhere.
    pub(super) data: Vec<install::Data>,
    linkage: Option<Linkage>,
    needs: Vec<String>,
    /// Its rules of what is installed were read.
    reads_rules: bool,
}

#[derive(Debug, Clone)]
struct Program {
    /// As the build calls it.
    target: String,
    /// The file's; that of a shared library may end with a `*`.
    name: String,
    library: bool,
    folder: String,
    installed: Option<String>,
    evidence: Evidence,
}

/// `cmake -S . -B build`, `cmake ..`, `cmake --build build`, `cmake --install build`.
pub fn step(outputs: &mut Outputs<'_>, ecosystem: &'static Ecosystem, step: &Step) {
    if let Some(folder) = step.option(&["--build"]) {
        let Some(folder) = step.path(folder) else { return };
        built(outputs, ecosystem, step, &folder);
        if step.option(&["--target", "-t"]).is_some_and(|t| t == "install") {
            installed(outputs, ecosystem, step, &folder, None);
        }
        return;
    }
    if let Some(folder) = step.option(&["--install"]) {
        let Some(folder) = step.path(folder) else { return };
        let prefix = step.option(&["--prefix"]).and_then(|p| step.path(p));
        installed(outputs, ecosystem, step, &folder, prefix);
        return;
    }
    if step.has("-E") || step.has("-P") || step.has("--version") {
        return;
    }
    let operands = step.operands(&["-S", "-B", "-G", "-D", "-C", "-A", "-T", "--preset", "-U"]);
    let source = step.option(&["-S"]).or(operands.first().copied()).unwrap_or(".");
    let source = source
        .strip_suffix("CMakeLists.txt")
        .map_or(source, |folder| if folder.is_empty() { "." } else { folder });
    let Some(source) = step.path(source) else { return };
    let build = match step.option(&["-B"]) {
        Some(folder) => step.path(folder),
        None => step.cwd.clone(),
    };
    let Some(build) = build else { return };
    let define = |name: &str| {
        step.words.iter().enumerate().find_map(|(at, word)| {
            let text = match word.strip_prefix("-D") {
                Some("") => step.words.get(at + 1)?.as_str(),
                Some(text) => text,
                None => return None,
            };
            let (key, value) = text.split_once('=')?;
            (key.split(':').next() == Some(name)).then(|| value.to_owned())
        })
    };
    let prefix = define("CMAKE_INSTALL_PREFIX").or_else(|| step.option(&["--install-prefix"]).map(str::to_owned));
    let mut tree = BuildTree {
        build,
        prefix_evidence: match &prefix {
            Some(prefix) => step.evidence(format!("the install prefix is {prefix}")),
            None => Evidence::tool("CMake installs below /usr/local"),
        },
        prefix: prefix.unwrap_or_else(|| "/usr/local".to_owned()),
        programs: Vec::new(),
        data: Vec::new(),
        linkage: None,
        needs: Vec::new(),
        reads_rules: false,
    };
    let flags: Vec<String> = ["CMAKE_EXE_LINKER_FLAGS", "CMAKE_CXX_FLAGS", "CMAKE_C_FLAGS"]
        .iter()
        .filter_map(|n| define(n))
        .collect();
    if flags.iter().any(|f| f.split(' ').any(|w| w == "-static")) {
        tree.linkage = Some(Linkage::Static);
    }
    if let Some(context) = outputs.site.context
        && let Some(folder) = outputs.landing.context_of(&source)
    {
        let mut known = HashMap::new();
        for name in [
            "CMAKE_RUNTIME_OUTPUT_DIRECTORY",
            "EXECUTABLE_OUTPUT_PATH",
            "CMAKE_LIBRARY_OUTPUT_DIRECTORY",
            "BUILD_SHARED_LIBS",
        ] {
            if let Some(value) = define(name) {
                known.insert(name.to_owned(), value);
            }
        }
        install::folders(&tree.prefix, &mut known);
        known.insert("CMAKE_SOURCE_DIR".to_owned(), source.clone());
        known.insert("CMAKE_BINARY_DIR".to_owned(), tree.build.clone());
        read(context, &folder, &source, &tree.build.clone(), "", &known, &mut tree, 0);
        tree.reads_rules = !tree.programs.is_empty();
    }
    tree.needs.sort();
    tree.needs.dedup();
    outputs.trees.retain(|t| t.build != tree.build);
    outputs.trees.push(tree);
}

#[allow(clippy::too_many_arguments)]
fn read(
    context: &Context,
    folder: &str,
    source: &str,
    build: &str,
    below: &str,
    known: &HashMap<String, String>,
    tree: &mut BuildTree,
    depth: usize,
) {
    let path = if folder.is_empty() {
        "CMakeLists.txt".to_owned()
    } else {
        format!("{folder}/CMakeLists.txt")
    };
    let Some(text) = context.read_text(&path) else { return };
    let mut known = known.clone();
    let here = |base: &str| {
        if below.is_empty() {
            base.to_owned()
        } else {
            format!("{base}/{below}")
        }
    };
    known.insert("CMAKE_CURRENT_SOURCE_DIR".to_owned(), here(source));
    known.insert("CMAKE_CURRENT_BINARY_DIR".to_owned(), here(build));
    known
        .entry("PROJECT_SOURCE_DIR".to_owned())
        .or_insert_with(|| source.to_owned());
    known
        .entry("PROJECT_BINARY_DIR".to_owned())
        .or_insert_with(|| build.to_owned());
    let lists = CMakeLists::parse(&text, &known);
    let handed = lists.variables(&known);
    let output = handed
        .get("CMAKE_RUNTIME_OUTPUT_DIRECTORY")
        .or(handed.get("EXECUTABLE_OUTPUT_PATH"))
        .filter(|v| !v.contains("${"))
        .cloned();
    for command in &lists.commands {
        let arguments = command.arguments.as_slice();
        match (command.name.as_str(), arguments) {
            ("add_executable", [name, rest @ ..]) if !rest.iter().any(|r| r == "IMPORTED" || r == "ALIAS") => {
                let folder = match &output {
                    Some(folder) => folder.clone(),
                    None => here(build),
                };
                if !name.contains("${") {
                    tree.programs.push(Program {
                        target: name.clone(),
                        name: name.clone(),
                        library: false,
                        folder,
                        installed: None,
                        evidence: Evidence::manifest(
                            &path,
                            Some(command.line),
                            format!("add_executable names the program `{name}`"),
                        ),
                    });
                }
            }
            ("add_library", [name, rest @ ..]) if !name.contains("${") && is_shared_library(rest, &handed) => {
                let folder = handed
                    .get("CMAKE_LIBRARY_OUTPUT_DIRECTORY")
                    .or(handed.get("LIBRARY_OUTPUT_PATH"))
                    .filter(|v| !v.contains("${"));
                tree.programs.push(Program {
                    target: name.clone(),
                    // It may carry its version behind.
                    name: format!("lib{name}.so*"),
                    library: true,
                    folder: folder.cloned().unwrap_or_else(|| here(build)),
                    installed: None,
                    evidence: Evidence::manifest(
                        &path,
                        Some(command.line),
                        format!("add_library names the shared library `{name}`"),
                    ),
                });
            }
            ("set_target_properties", [target, rest @ ..]) => {
                let value = |key: &str| rest.iter().position(|r| r == key).and_then(|at| rest.get(at + 1));
                if let Some(program) = tree.programs.iter_mut().find(|p| p.target == *target) {
                    let own = if program.library {
                        "LIBRARY_OUTPUT_DIRECTORY"
                    } else {
                        "RUNTIME_OUTPUT_DIRECTORY"
                    };
                    if let Some(folder) = value(own).filter(|v| !v.contains("${")) {
                        program.folder.clone_from(folder);
                    }
                    if let Some(name) = value("OUTPUT_NAME").filter(|v| !v.contains("${")) {
                        program.name = if program.library {
                            format!("lib{name}.so*")
                        } else {
                            name.clone()
                        };
                    }
                }
            }
            ("install", arguments) => {
                let kind = arguments.first().map(String::as_str);
                if matches!(kind, Some("TARGETS" | "PROGRAMS")) {
                    for name in arguments.iter().skip(1) {
                        if let Some(program) = tree.programs.iter_mut().find(|p| p.target == *name) {
                            let destination = install::destination(arguments, program.library);
                            program.installed = Some(destination.to_owned());
                        }
                    }
                }
                install::rule(context, (folder, &path), command, tree);
            }
            ("target_link_libraries", [_, libraries @ ..]) | ("link_libraries", libraries) => {
                for name in libraries {
                    if name == "-static" {
                        tree.linkage = Some(Linkage::Static);
                    } else {
                        tree.needs.extend(linked(name));
                    }
                }
            }
            ("target_link_options" | "add_link_options", options) if options.iter().any(|o| o == "-static") => {
                tree.linkage = Some(Linkage::Static);
            }
            ("set", [key, value @ ..])
                if (key.ends_with("LINKER_FLAGS") || key.ends_with("_FLAGS"))
                    && value.iter().any(|v| v.split(' ').any(|w| w == "-static")) =>
            {
                tree.linkage = Some(Linkage::Static);
            }
            ("pkg_check_modules", [_, modules @ ..]) => {
                let skip = ["REQUIRED", "QUIET", "IMPORTED_TARGET", "GLOBAL"];
                let names = modules.iter().filter(|m| !skip.contains(&m.as_str()));
                tree.needs
                    .extend(names.filter_map(|m| library(m.split(['>', '=', '<']).next().unwrap_or(m))));
            }
            ("project", arguments) => {
                let c_only = arguments.iter().any(|a| a == "C") && !arguments.iter().any(|a| a == "CXX");
                if !c_only {
                    tree.needs.push("libstdc++".to_owned());
                }
            }
            ("add_subdirectory", [name, ..]) if depth < 8 && !name.contains("${") => {
                let join = |base: &str| {
                    if base.is_empty() {
                        name.clone()
                    } else {
                        format!("{base}/{name}")
                    }
                };
                let folder = join(folder);
                let below = join(below);
                read(context, &folder, source, build, &below, &handed, tree, depth + 1);
            }
            _ => {}
        }
    }
}

/// Whether a library of CMake's is a shared one: what it is called, or what all are unless they say so.
fn is_shared_library(arguments: &[String], known: &HashMap<String, String>) -> bool {
    let kind = arguments.iter().map(String::as_str);
    let mut kinds = kind.filter(|a| {
        matches!(
            *a,
            "SHARED" | "MODULE" | "STATIC" | "OBJECT" | "INTERFACE" | "IMPORTED" | "ALIAS" | "UNKNOWN"
        )
    });
    match kinds.next() {
        Some("SHARED" | "MODULE") => kinds.next().is_none(),
        Some(_) => false,
        None => known
            .get("BUILD_SHARED_LIBS")
            .is_some_and(|v| matches!(v.to_ascii_uppercase().as_str(), "ON" | "1" | "TRUE" | "YES")),
    }
}

fn library_of(name: &str) -> Option<String> {
    Some(linkage::package(name))
}

/// The library behind a name that `target_link_libraries` takes; none for targets of the project and
/// for what belongs to the C library.
fn linked(name: &str) -> Option<String> {
    let known = [
        ("OpenSSL::SSL", "libssl"),
        ("OpenSSL::Crypto", "libcrypto"),
        ("${OPENSSL_LIBRARIES}", "libssl"),
        ("CURL::libcurl", "libcurl"),
        ("${CURL_LIBRARIES}", "libcurl"),
        ("ZLIB::ZLIB", "libz"),
        ("${ZLIB_LIBRARIES}", "libz"),
        ("SQLite::SQLite3", "libsqlite3"),
        ("PostgreSQL::PostgreSQL", "libpq"),
        ("${PostgreSQL_LIBRARIES}", "libpq"),
        ("LibXml2::LibXml2", "libxml2"),
        ("PNG::PNG", "libpng"),
        ("JPEG::JPEG", "libjpeg"),
        ("BZip2::BZip2", "libbz2"),
        ("LibLZMA::LibLZMA", "liblzma"),
        ("${OpenCV_LIBS}", "libopencv"),
        ("Boost::system", "libboost_system"),
        ("${Boost_LIBRARIES}", "libboost"),
    ];
    if let Some((_, library)) = known.iter().find(|(written, _)| *written == name) {
        return library_of(library);
    }
    if let Some(part) = name.strip_prefix("Boost::") {
        return library_of(&format!("libboost_{part}"));
    }
    if let Some(name) = name.strip_prefix("-l") {
        return library(name);
    }
    let plain = [
        "PUBLIC",
        "PRIVATE",
        "INTERFACE",
        "optimized",
        "debug",
        "general",
        "Threads::Threads",
    ];
    let system = [
        "ssl",
        "crypto",
        "curl",
        "z",
        "sqlite3",
        "pq",
        "xml2",
        "png",
        "jpeg",
        "ncurses",
        "readline",
        "uuid",
        "zmq",
        "event",
        "uv",
        "pcap",
        "boost_system",
        "mysqlclient",
        "mariadb",
    ];
    (!plain.contains(&name) && system.contains(&name))
        .then(|| library(name))
        .flatten()
}

/// `make` and `ninja` in a configured folder; a Makefile of the context was followed before.
pub fn make(outputs: &mut Outputs<'_>, ecosystem: &'static Ecosystem, step: &Step) {
    let folder = match step.option(&["-C", "--directory"]) {
        Some(folder) => absolute(step.cwd.as_deref(), folder),
        None => step.cwd.clone(),
    };
    let Some(folder) = folder else { return };
    built(outputs, ecosystem, step, &folder);
    if step
        .words
        .iter()
        .any(|w| matches!(w.as_str(), "install" | "install-strip" | "install/strip"))
    {
        let prefix = step
            .words
            .iter()
            .find_map(|w| w.strip_prefix("PREFIX=").or(w.strip_prefix("prefix=")))
            .and_then(|p| step.path(p));
        installed(outputs, ecosystem, step, &folder, prefix);
    }
}

/// `./configure --prefix=P`, `meson setup build`.
pub fn configure(outputs: &mut Outputs<'_>, ecosystem: &'static Ecosystem, step: &Step) {
    let prefix = step.option(&["--prefix"]);
    let meson = step.program == "meson";
    match step.words.first().map(String::as_str) {
        Some("install") if meson => {
            let folder = step
                .option(&["-C"])
                .map_or(step.cwd.clone(), |folder| step.path(folder));
            if let Some(folder) = folder {
                installed(outputs, ecosystem, step, &folder, None);
            }
            return;
        }
        Some("compile" | "test") if meson => return,
        _ => {}
    }
    let operands = step.operands(&["--prefix", "--buildtype", "-D"]);
    let build = if meson {
        let folder = operands
            .iter()
            .find(|o| !matches!(**o, "setup" | "compile" | "install"))
            .copied()
            .unwrap_or("build");
        step.path(folder)
    } else {
        step.cwd.clone()
    };
    let Some(build) = build else { return };
    let mut tree = BuildTree {
        prefix_evidence: match prefix {
            Some(prefix) => step.evidence(format!("the install prefix is {prefix}")),
            None => Evidence::tool("the default install prefix is /usr/local"),
        },
        prefix: prefix.unwrap_or("/usr/local").to_owned(),
        programs: Vec::new(),
        data: Vec::new(),
        linkage: None,
        needs: Vec::new(),
        reads_rules: false,
        build,
    };
    // Where configure lies, Makefile.am and configure.ac do.
    let source = step.name.rsplit_once('/').map_or(".", |(folder, _)| folder);
    let folder = step.path(source).and_then(|path| outputs.landing.context_of(&path));
    if let (Some(context), Some(folder), false) = (outputs.site.context, folder, meson) {
        automake(context, &folder, &tree.build.clone(), &mut tree, 0);
    }
    outputs.trees.retain(|t| t.build != tree.build);
    outputs.trees.push(tree);
}

fn automake(context: &Context, folder: &str, build: &str, tree: &mut BuildTree, depth: usize) {
    let path = if folder.is_empty() {
        "Makefile.am".to_owned()
    } else {
        format!("{folder}/Makefile.am")
    };
    let Some(text) = context.read_text(&path) else { return };
    let makefile = Makefile::parse(&text);
    let words = |name: &str| -> Vec<String> {
        let text = makefile.variables.get(name).map(|v| makefile.expand(v, &[], &|_| None));
        text.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    };
    for (list, installed) in [("bin_PROGRAMS", "bin"), ("sbin_PROGRAMS", "sbin")] {
        for name in words(list) {
            let plain = name.replace(['-', '.'], "_");
            for variable in [format!("{plain}_LDADD"), "LDADD".to_owned(), "LIBS".to_owned()] {
                tree.needs.extend(cc::libraries(&words(&variable)));
            }
            tree.programs.push(Program {
                evidence: Evidence::manifest(&path, None, format!("{list} names the program `{name}`")),
                target: name.clone(),
                name,
                library: false,
                folder: build.to_owned(),
                installed: Some(installed.to_owned()),
            });
        }
    }
    let not_run = [
        "noinst_",
        "check_",
        "EXTRA_",
        "man_",
        "doc_",
        "pkgconfig_",
        "include_",
        "nobase_include",
    ];
    let lists = ["_DATA", "_SCRIPTS", "_LTLIBRARIES"];
    for list in makefile.variables.keys() {
        let name = list
            .strip_prefix("dist_")
            .or(list.strip_prefix("nodist_"))
            .unwrap_or(list);
        let Some(kind) = lists.iter().find(|kind| name.ends_with(*kind)) else {
            continue;
        };
        if not_run.iter().any(|other| name.starts_with(other)) {
            continue;
        }
        let to = match name.strip_suffix(kind) {
            Some("sysconf") => "etc".to_owned(),
            Some("data") => "share".to_owned(),
            Some("bin") => "bin".to_owned(),
            Some("sbin") => "sbin".to_owned(),
            other => format!("${{{}dir}}", other.unwrap_or_default()),
        };
        for file in words(list) {
            let file = file.rsplit('/').next().unwrap_or(&file).to_owned();
            tree.data.push(install::Data {
                to: match file.strip_suffix(".la") {
                    Some(library) => format!("${{libdir}}/{library}.so"),
                    None => format!("{to}/{file}"),
                },
                from: None,
                evidence: Evidence::manifest(&path, None, format!("{list} names {file}")),
                optional: false,
            });
        }
    }
    if depth < 4 {
        for below in words("SUBDIRS").iter().filter(|s| *s != ".") {
            let inner = if folder.is_empty() {
                below.clone()
            } else {
                format!("{folder}/{below}")
            };
            automake(context, &inner, &format!("{build}/{below}"), tree, depth + 1);
        }
    }
}

fn kind(outputs: &Outputs<'_>, tree: &BuildTree) -> ArtifactKind {
    let linkage = tree.linkage.unwrap_or_else(|| linkage::dynamic(outputs));
    let needs = if linkage == Linkage::Static {
        Vec::new()
    } else {
        tree.needs.clone()
    };
    ArtifactKind::Binary { linkage, needs }
}

fn built(outputs: &mut Outputs<'_>, ecosystem: &'static Ecosystem, step: &Step, folder: &str) {
    let Some(tree) = outputs.trees.iter().find(|t| t.build == folder).cloned() else {
        return;
    };
    let kind = kind(outputs, &tree);
    for program in &tree.programs {
        outputs.push(Output {
            path: format!("{}/{}", program.folder.trim_end_matches('/'), program.name),
            kind: kind.clone(),
            place: step.place,
            sources: vec![
                program.evidence.clone(),
                Evidence::tool("programs are written below the build's folder"),
            ],
            ecosystem: ecosystem.name,
            alter: None,
            explicit: false,
            conditions: Vec::new(),
        });
    }
}

fn installed(
    outputs: &mut Outputs<'_>,
    ecosystem: &'static Ecosystem,
    step: &Step,
    folder: &str,
    prefix: Option<String>,
) {
    let Some(tree) = outputs.trees.iter().find(|t| t.build == folder).cloned() else {
        return;
    };
    let kind = kind(outputs, &tree);
    let root = step
        .words
        .iter()
        .find_map(|w| w.strip_prefix("DESTDIR="))
        .map(str::to_owned)
        .or_else(|| step.vars.get("DESTDIR").cloned())
        .unwrap_or_default();
    let at = prefix.clone().unwrap_or(tree.prefix.clone());
    let at = format!("{}{}", root.trim_end_matches('/'), at.trim_end_matches('/'));
    install::data(outputs, &tree, step, &at);
    if root.is_empty() && !tree.reads_rules {
        // What else is installed there is not known. A folder of the program's own comes along as a
        // whole.
        let way = if is_shared(&at) { Way::Maybe } else { Way::Installed };
        laid::put(
            outputs,
            Laid {
                path: format!("{at}/"),
                place: step.place,
                way,
                from: None,
                evidence: tree.prefix_evidence.clone(),
            },
        );
    }
    let mut any = false;
    for program in &tree.programs {
        let Some(below) = &program.installed else { continue };
        any |= !program.library;
        let in_build = format!("{}/{}", program.folder.trim_end_matches('/'), program.name);
        if program.library {
            outputs.list.retain(|known| known.path != in_build);
        }
        let path = if below.starts_with('/') {
            format!("{below}/{}", program.name)
        } else {
            format!("{at}/{below}/{}", program.name)
        };
        outputs.push(Output {
            path,
            kind: kind.clone(),
            place: step.place,
            sources: vec![
                program.evidence.clone(),
                tree.prefix_evidence.clone(),
                step.evidence("it is installed there"),
            ],
            ecosystem: ecosystem.name,
            alter: None,
            explicit: true,
            conditions: Vec::new(),
        });
    }
    if !any {
        // Which programs there are is not known; CMD may name one.
        for folder in ["bin", "sbin"] {
            outputs.push(Output {
                path: format!("{at}/{folder}/*"),
                kind: kind.clone(),
                place: step.place,
                sources: vec![tree.prefix_evidence.clone()],
                ecosystem: ecosystem.name,
                alter: None,
                explicit: false,
                conditions: Vec::new(),
            });
        }
    }
}
