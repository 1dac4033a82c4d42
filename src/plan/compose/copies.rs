//! What is copied into the new stage, and how the destinations are written.

use super::Parts;
use super::writer::Writer;
use std::collections::BTreeSet;

/// What is copied into the new stage.
pub(super) fn copy_all(parts: &Parts<'_>, writer: &mut Writer<'_>, source: &str) {
    let mut blank = writer.style.airy;
    let copy = writer.style.keyword("COPY");
    for file in parts.base.files.iter() {
        let to = shown(&file.to, &writer.workdir, file.to.ends_with('/'));
        writer.plain(
            &transfer(&copy, Some(source), std::slice::from_ref(&file.from), &to),
            blank,
        );
        note(writer, source, &file.from);
        blank = false;
    }
    for (flags, sources, to) in grouped_files(parts, &writer.workdir) {
        let copy = match flags {
            "" => copy.clone(),
            flags => format!("{copy} {}", flags.trim_end()),
        };
        writer.plain(&transfer(&copy, None, &sources, &to), blank);
        blank = false;
    }
    let nested = |tree: &&String| {
        let below = |other: &&String| other != tree && tree.starts_with(&format!("{}/", trimmed(other)));
        parts.trees.iter().any(|other| below(&other))
    };
    for tree in parts.trees.iter().filter(|tree| !nested(tree)) {
        let to = shown(tree, &writer.workdir, true);
        let from = trimmed(tree);
        writer.plain(&transfer(&copy, Some(source), &[from.to_owned()], &to), blank);
        note(writer, source, from);
        blank = false;
    }
    for (sources, to) in grouped_artifacts(parts, &writer.workdir) {
        writer.plain(&transfer(&copy, Some(source), &sources, &to), blank);
        for path in &sources {
            note(writer, source, path);
        }
        blank = false;
    }
}

fn note(writer: &mut Writer<'_>, from: &str, path: &str) {
    match writer.stage.copies.iter_mut().find(|(name, _)| name == from) {
        Some((_, paths)) => paths.push(path.to_owned()),
        None => writer.stage.copies.push((from.to_owned(), vec![path.to_owned()])),
    }
}

/// One COPY.
fn transfer(copy: &str, from: Option<&str>, sources: &[String], to: &str) -> String {
    let flag = from.map(|name| format!("--from={name} ")).unwrap_or_default();
    if sources.iter().any(|s| s.contains(' ')) || to.contains(' ') {
        let words: Vec<String> = sources.iter().map(|s| format!("\"{s}\"")).collect();
        return format!("{copy} {flag}[{}, \"{to}\"]", words.join(", "));
    }
    format!("{copy} {flag}{} {to}", sources.join(" "))
}

fn trimmed(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" => "/",
        path => path,
    }
}

/// A path as a destination, seen from the working directory. Of a file in it only `.` is shown.
fn shown(path: &str, workdir: &str, folder: bool) -> String {
    let workdir = trimmed(workdir);
    let path = trimmed(path);
    if workdir == "/" {
        return path.to_owned();
    }
    if folder && path == workdir {
        return ".".to_owned();
    }
    match path.strip_prefix(workdir).and_then(|rest| rest.strip_prefix('/')) {
        Some(rest) if !folder && !rest.contains('/') => ".".to_owned(),
        Some(rest) => format!("./{rest}"),
        None => path.to_owned(),
    }
}

fn parent(path: &str) -> &str {
    match trimmed(path).rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((folder, _)) => folder,
    }
}

/// Artifacts that are copied on their own: folders each, files by their folder.
fn grouped_artifacts(parts: &Parts<'_>, workdir: &str) -> Vec<(Vec<String>, String)> {
    let Parts { artifacts, trees, .. } = *parts;
    let lands = |path| parts.application.map_or(path, |a| a.destination(path));
    let mut groups: Vec<(Vec<String>, String)> = Vec::new();
    let inside = |path: &str| {
        trees
            .iter()
            .any(|tree| path.starts_with(&format!("{}/", trimmed(tree))))
            || parts.application.is_none()
                && artifacts
                    .iter()
                    .any(|a| a.path.ends_with('/') && path != a.path && path.starts_with(&a.path))
    };
    let mut seen = BTreeSet::new();
    for artifact in artifacts.iter().filter(|a| !inside(&a.path)) {
        let path = &artifact.path;
        if !seen.insert(path.as_str()) {
            continue;
        }
        if path.ends_with('/') {
            groups.push((vec![trimmed(path).to_owned()], shown(lands(path), workdir, true)));
            continue;
        }
        let lies = parts.caches.place(path);
        if lies != path {
            groups.push((vec![lies.to_owned()], shown(path, workdir, false)));
            continue;
        }
        let folder = parent(path);
        let same = groups.iter_mut().find(|(sources, _)| {
            sources.first().is_some_and(|s| {
                parent(s) == folder
                    && !artifacts
                        .iter()
                        .any(|a| a.path.trim_end_matches('/') == s && a.path.ends_with('/'))
            })
        });
        match same {
            Some((sources, to)) => {
                sources.push(path.clone());
                *to = folder_shown(folder, workdir);
            }
            None if path.contains('*') => groups.push((vec![path.clone()], folder_shown(folder, workdir))),
            None => groups.push((vec![path.clone()], shown(path, workdir, false))),
        }
    }
    groups
}

/// A folder as a destination for several files: it ends with `/`.
fn folder_shown(folder: &str, workdir: &str) -> String {
    match shown(folder, workdir, true).as_str() {
        "." => "./".to_owned(),
        "/" => "/".to_owned(),
        other => format!("{other}/"),
    }
}

/// Files of the build context, by the folder that they go to: flags, sources, destination.
fn grouped_files<'p>(parts: &Parts<'p>, workdir: &str) -> Vec<(&'p str, Vec<String>, String)> {
    let mut groups: Vec<(&str, Vec<String>, String)> = Vec::new();
    for (at, need) in parts.files.iter().enumerate() {
        let Some(source) = &need.context else { continue };
        let flags = parts.flags.get(at).map_or("", String::as_str);
        if need.path.ends_with('/') {
            groups.push((flags, vec![source.clone()], shown(&need.path, workdir, true)));
            continue;
        }
        let same_name = source.rsplit('/').next() == need.path.rsplit('/').next();
        let to = if same_name {
            folder_shown(parent(&need.path), workdir)
        } else {
            shown_exactly(&need.path, workdir)
        };
        match groups
            .iter_mut()
            .find(|(own, _, known)| same_name && *known == to && to.ends_with('/') && *own == flags)
        {
            Some((_, sources, _)) => sources.push(source.clone()),
            None => groups.push((flags, vec![source.clone()], to)),
        }
    }
    for (_, sources, to) in &mut groups {
        if sources.len() == 1 && to == "./" {
            *to = ".".to_owned();
        }
    }
    groups
}

fn shown_exactly(path: &str, workdir: &str) -> String {
    let rest = path.strip_prefix(trimmed(workdir)).and_then(|r| r.strip_prefix('/'));
    match rest {
        Some(rest) if trimmed(workdir) != "/" => format!("./{rest}"),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_seen_from_the_working_directory() {
        for (path, workdir, folder, wanted) in [
            ("/app/x", "/app", false, "."),
            ("/app/", "/app", true, "."),
            ("/app/dist/", "/app", true, "./dist"),
            ("/app/target/release/x", "/app", false, "./target/release/x"),
            ("/usr/local/bin/x", "/app", false, "/usr/local/bin/x"),
            ("/x", "/", false, "/x"),
            ("/apple/x", "/app", false, "/apple/x"),
        ] {
            assert_eq!(shown(path, workdir, folder), wanted, "{path} in {workdir}");
        }
    }
}
