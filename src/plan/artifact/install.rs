//! What `install()` of CMake and the lists of automake put beside the programs.

use super::cmake::BuildTree;
use super::laid::{self, Laid, Way, is_shared};
use super::landing::join;
use super::outputs::Outputs;
use super::step::Step;
use crate::context::{Context, manifests::CMakeCommand};
use crate::plan::evidence::{Condition, Evidence};
use std::collections::HashMap;

/// Files that an install puts somewhere.
#[derive(Debug, Clone)]
pub(super) struct Data {
    /// Below the prefix, or absolute; a folder's ends with `/`.
    pub to: String,
    pub evidence: Evidence,
    /// The file or folder of the context that it is a copy of.
    pub from: Option<String>,
    /// It may not be there.
    pub optional: bool,
}

/// The folders of GNU's coding standards, below the prefix.
const FOLDERS: [(&str, &str); 12] = [
    ("BINDIR", "bin"),
    ("SBINDIR", "sbin"),
    ("LIBDIR", "lib"),
    ("LIBEXECDIR", "libexec"),
    ("SYSCONFDIR", "etc"),
    ("DATADIR", "share"),
    ("DATAROOTDIR", "share"),
    ("LOCALSTATEDIR", "var"),
    ("INCLUDEDIR", "include"),
    ("MANDIR", "share/man"),
    ("DOCDIR", "share/doc"),
    ("LOCALEDIR", "share/locale"),
];

/// The variables that CMake's lists name them by.
pub(super) fn folders(prefix: &str, known: &mut HashMap<String, String>) {
    for (name, folder) in FOLDERS {
        known.insert(format!("CMAKE_INSTALL_{name}"), folder.to_owned());
        known.insert(format!("CMAKE_INSTALL_FULL_{name}"), join(prefix, folder));
    }
    known.insert(
        "CMAKE_INSTALL_PREFIX".to_owned(),
        prefix.trim_end_matches('/').to_owned(),
    );
}

/// The word behind another one.
fn behind<'a>(arguments: &'a [String], key: &str) -> Option<&'a str> {
    let at = arguments.iter().position(|a| a == key)?;
    arguments.get(at + 1).map(String::as_str)
}

/// Where `install(TARGETS ...)` puts programs, or libraries.
pub(super) fn destination(arguments: &[String], library: bool) -> &str {
    let kinds = [
        "RUNTIME",
        "LIBRARY",
        "ARCHIVE",
        "PUBLIC_HEADER",
        "FRAMEWORK",
        "BUNDLE",
        "INCLUDES",
        "OBJECTS",
    ];
    let (own, plain) = if library {
        ("LIBRARY", "lib")
    } else {
        ("RUNTIME", "bin")
    };
    let of_own = arguments.iter().position(|a| a == own).and_then(|at| {
        let rest = arguments.get(at + 1..).unwrap_or_default();
        let end = rest
            .iter()
            .position(|a| kinds.contains(&a.as_str()))
            .unwrap_or(rest.len());
        behind(rest.get(..end).unwrap_or_default(), "DESTINATION")
    });
    let first = arguments
        .iter()
        .position(|a| kinds.contains(&a.as_str()))
        .unwrap_or(arguments.len());
    let of_all = behind(arguments.get(..first).unwrap_or_default(), "DESTINATION");
    of_own.or(of_all).unwrap_or(plain)
}

/// Takes note of `install(FILES ...)`, `install(DIRECTORY ...)` and their like.
pub(super) fn rule(context: &Context, (folder, path): (&str, &str), command: &CMakeCommand, tree: &mut BuildTree) {
    let arguments = command.arguments.as_slice();
    let source = |name: &str| {
        let name = name.trim_end_matches('/');
        let path = if folder.is_empty() {
            name.to_owned()
        } else {
            format!("{folder}/{name}")
        };
        context.is_sent(&path).then_some(path)
    };
    let evidence = |says: String| Evidence::manifest(path, Some(command.line), says);
    let kind = arguments.first().map_or("", String::as_str);
    let optional = arguments
        .iter()
        .any(|a| matches!(a.as_str(), "OPTIONAL" | "EXCLUDE_FROM_ALL"));
    let end = |a: &&String| {
        !matches!(
            a.as_str(),
            "DESTINATION"
                | "TYPE"
                | "PERMISSIONS"
                | "CONFIGURATIONS"
                | "COMPONENT"
                | "RENAME"
                | "OPTIONAL"
                | "FILES_MATCHING"
                | "PATTERN"
                | "REGEX"
                | "USE_SOURCE_PERMISSIONS"
                | "FILE_PERMISSIONS"
                | "DIRECTORY_PERMISSIONS"
                | "MESSAGE_NEVER"
                | "EXCLUDE_FROM_ALL"
        )
    };
    let names: Vec<&String> = arguments.iter().skip(1).take_while(end).collect();
    let by_type = behind(arguments, "TYPE").and_then(|kind| {
        let known = FOLDERS.iter().find(|(name, _)| name.strip_suffix("DIR") == Some(kind));
        known.map(|(_, folder)| *folder)
    });
    let to = behind(arguments, "DESTINATION").or(by_type);
    match (kind, to) {
        ("FILES" | "PROGRAMS", Some(to)) => {
            for name in names {
                let file = behind(arguments, "RENAME").unwrap_or(name.rsplit('/').next().unwrap_or(name));
                let to = join(to, file);
                let says = format!("install({kind}) puts {file} there");
                tree.data.push(Data {
                    to,
                    evidence: evidence(says),
                    from: source(name),
                    optional,
                });
            }
        }
        ("DIRECTORY", Some(to)) => {
            let some = arguments
                .iter()
                .any(|a| matches!(a.as_str(), "FILES_MATCHING" | "PATTERN" | "REGEX"));
            for name in names {
                let last = name.trim_end_matches('/').rsplit('/').next().unwrap_or(name);
                let whole = if name.ends_with('/') {
                    to.to_owned()
                } else {
                    join(to, last)
                };
                let says = || evidence(format!("install(DIRECTORY) puts {last} there"));
                let shared =
                    is_shared(&whole) || FOLDERS.iter().any(|(_, folder)| whole.trim_end_matches('/') == *folder);
                if !shared {
                    tree.data.push(Data {
                        to: format!("{}/", whole.trim_end_matches('/')),
                        evidence: says(),
                        from: source(name).filter(|_| !some),
                        optional,
                    });
                    continue;
                }
                // Of what goes among others' files each is named.
                let from = if folder.is_empty() {
                    name.trim_end_matches('/').to_owned()
                } else {
                    format!("{folder}/{}", name.trim_end_matches('/'))
                };
                let found = context.glob(&format!("{from}/*"));
                if found.is_empty() || some {
                    tree.data.push(Data {
                        to: format!("{}/", whole.trim_end_matches('/')),
                        evidence: says(),
                        from: None,
                        optional: true,
                    });
                    continue;
                }
                for file in found {
                    let dir = context.kind(&file) == Some(crate::context::EntryKind::Dir);
                    let name = file.rsplit('/').next().unwrap_or(&file);
                    tree.data.push(Data {
                        to: format!("{}{}", join(&whole, name), if dir { "/" } else { "" }),
                        evidence: says(),
                        from: source(name),
                        optional,
                    });
                }
            }
        }
        ("SCRIPT" | "CODE", _) => tree.data.push(Data {
            to: "/".to_owned(),
            from: None,
            evidence: evidence("install() runs a script".to_owned()),
            optional: true,
        }),
        _ => {}
    }
}

/// Adds what an install of a tree puts below `at`.
pub(super) fn data(outputs: &mut Outputs<'_>, tree: &BuildTree, step: &Step, at: &str) {
    for data in &tree.data {
        let path = if data.to.starts_with('/') {
            data.to.clone()
        } else {
            format!("{at}/{}", data.to)
        };
        let open = path.contains(['$', '<']);
        let way = match () {
            () if open || data.optional || step.conditional => Way::Maybe,
            () => Way::Installed,
        };
        if open {
            let text = path.to_ascii_lowercase();
            let develops = [
                "include",
                "cmake",
                "mandir",
                "docdir",
                "pkgconfig",
                "header",
                "target",
                "license",
            ];
            if !develops.iter().any(|word| text.contains(word)) {
                outputs.conditions.push(Condition::unproven(
                    format!("the place that the build installs `{}` to is known", data.to),
                    vec![data.evidence.clone()],
                    "a build that shows the file",
                ));
            }
            continue;
        }
        laid::put(
            outputs,
            Laid {
                path,
                place: step.place,
                way,
                from: data.from.clone(),
                evidence: data.evidence.clone(),
            },
        );
    }
}
