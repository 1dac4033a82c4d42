//! Folders that must be there before run time writes in them.

use super::literals::Literals;
use crate::model::Kind;
use crate::plan::artifact::absolute;
use crate::plan::evidence::Evidence;
use crate::plan::program::Program;
use crate::plan::site::Site;
use crate::shell::lies_in;

/// Whether a file is only there so that its folder is.
pub(super) fn holds_folder(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.contains('/') && matches!(name, ".gitkeep" | ".keep" | ".gitignore" | ".empty" | ".placeholder")
}

/// The folders that `mkdir` makes and that a literal of the sources, a variable or what is started names,
/// or something in them.
pub(super) fn used_folders(site: &Site<'_>, programs: &[Program], literals: &Literals) -> Vec<(String, Evidence)> {
    let mut made: Vec<String> = Vec::new();
    for instruction in site.instructions() {
        let workdir = site.workdir_at(instruction.index);
        for view in site.facts.commands(instruction).filter(|view| view.name() == "mkdir") {
            let words = view.words().iter().filter(|word| !word.is_flag());
            made.extend(words.filter_map(|word| absolute(workdir.as_deref(), &word.text)));
        }
    }
    if made.is_empty() {
        return Vec::new();
    }
    let workdir = site.workdir();
    let below = |path: &str| {
        let workdir = workdir.as_deref().unwrap_or("/");
        path != workdir && lies_in(path, workdir)
    };
    let within =
        |name: &str, folder: &str| absolute(workdir.as_deref(), name).is_some_and(|path| lies_in(&path, folder));
    let mut out = Vec::new();
    for folder in made {
        let folder = folder.trim_end_matches('/').to_owned();
        // `mkdir -p data/cache` makes both.
        let mut highest = folder.as_str();
        while let Some((above, _)) = highest.rsplit_once('/')
            && below(above)
        {
            highest = above;
        }
        let base = highest.rsplit('/').next().unwrap_or_default();
        let named = literals
            .names
            .iter()
            .filter(|(name, _)| name.as_str() == base || name.contains(base) && within(name, highest));
        let first = named.min_by_key(|(name, seen)| (seen.path.as_str(), seen.line, name.as_str()));
        let evidence = first
            .map(|(name, seen)| Evidence::source(seen.path.clone(), Some(seen.line), format!("\"{name}\" is named")));
        let variable = || {
            let pairs = site.instructions().filter_map(|instruction| match &instruction.kind {
                Kind::Env(pairs) => Some((instruction, pairs)),
                _ => None,
            });
            pairs.into_iter().find_map(|(instruction, pairs)| {
                let values = pairs.iter().filter_map(|pair| pair.value.as_ref());
                let mut values = values.filter_map(|word| site.value(word, instruction.index));
                let names = values.any(|value| value.starts_with('/') && within(&value, highest));
                names.then(|| Evidence::command(instruction.span, "it names the folder"))
            })
        };
        let word = || {
            let mut words = programs
                .iter()
                .flat_map(|p| p.words.iter().skip(1).map(move |word| (p, word)));
            let value = |word: &'_ str| word.split_once('=').map_or(word, |(_, value)| value).to_owned();
            let (program, _) = words.find(|(_, word)| word.contains(base) && within(&value(word), highest))?;
            let span = site.file().instructions.get(program.by)?.span;
            Some(Evidence::cmd(span, "it names the folder"))
        };
        if let Some(evidence) = evidence.or_else(variable).or_else(word)
            && out.iter().all(|(known, _)| *known != folder)
        {
            out.push((folder, evidence));
        }
    }
    out
}
