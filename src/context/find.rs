//! Which folder is a Dockerfile's build context, where nobody says so: the nearest of its own
//! folder and those above, up to the repository's root, that has all the sources which COPY and
//! ADD name literally.

use super::{Tree, sources};
use std::collections::HashSet;

/// No folder has all sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotFound {
    /// The sources that the best folder (most sources present, the nearest of these) lacks, as
    /// written, in order.
    pub missing: Vec<String>,
}

/// Picks a context out of `folders`, which lead from the Dockerfile's own upward; gives its index.
///
/// Of those that have all sources it is the first that `named` knows (somebody says that the file is built
/// with it), else the first that `suits`, else the nearest. `suits` and `named` are only asked where there is a choice.
///
/// `copied` are the sources of COPY and ADD from the context as written (not those with `--from`).
/// Patterns, variables, URLs and heredocs say nothing about the folder and are passed over. Where
/// nothing is left to go by, the nearest folder is it.
///
/// # Errors
/// No folder has all sources, or there are no folders.
pub fn choose<'a>(
    folders: &[&dyn Tree],
    copied: impl IntoIterator<Item = &'a str>,
    mut named: impl FnMut(usize) -> bool,
    mut suits: impl FnMut(usize) -> bool,
) -> Result<usize, NotFound> {
    let mut known = HashSet::new();
    let mut wanted: Vec<(&str, String)> = Vec::new();
    for source in copied {
        if let Some(path) = sources::literal(source)
            && !path.is_empty()
            && known.insert(path.clone())
        {
            wanted.push((source, path));
        }
    }
    let mut best: Option<Vec<String>> = None;
    let mut complete = Vec::new();
    for (index, folder) in folders.iter().enumerate() {
        let lacking = wanted.iter().filter(|(_, path)| folder.kind(path).is_none());
        let missing: Vec<String> = lacking.map(|(source, _)| (*source).to_owned()).collect();
        if missing.is_empty() {
            complete.push(index);
            continue;
        }
        if best.as_ref().is_none_or(|best| missing.len() < best.len()) {
            best = Some(missing);
        }
    }
    let Some(nearest) = complete.first().copied() else {
        return Err(NotFound {
            missing: best.unwrap_or_default(),
        });
    };
    if complete.len() == 1 {
        return Ok(nearest);
    }
    let said = complete.iter().copied().find(|index| named(*index));
    Ok(said
        .or_else(|| complete.iter().copied().find(|index| suits(*index)))
        .unwrap_or(nearest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Memory;

    #[test]
    fn the_nearest_folder_with_all_sources_is_chosen() {
        let own = Memory::new([("Dockerfile", ""), ("run.sh", "")]);
        let parent = Memory::new([("docker/Dockerfile", ""), ("docker/run.sh", ""), ("go.mod", "")]);
        let root = Memory::new([
            ("svc/go.mod", ""),
            ("svc/docker/run.sh", ""),
            ("go.mod", ""),
            ("docker/run.sh", ""),
        ]);
        let folders: [&dyn Tree; 3] = [&own, &parent, &root];
        let choose =
            |folders: &[&dyn Tree], copied: &[&str]| choose(folders, copied.iter().copied(), |_| false, |_| true);
        assert_eq!(choose(&folders, &["run.sh", "."]), Ok(0));
        assert_eq!(choose(&folders, &["go.mod", "docker/run.sh", "*.txt", "$X"]), Ok(1));
        assert_eq!(choose(&folders, &["svc/go.mod"]), Ok(2));
        assert_eq!(choose(&folders, &[]), Ok(0));
        let two: [&dyn Tree; 2] = [&own, &parent];
        let both = ["."];
        assert_eq!(
            super::choose(&two, both, |_| false, |i| i == 1),
            Ok(1),
            "it has what is built"
        );
        assert_eq!(
            super::choose(&two, both, |i| i == 0, |i| i == 1),
            Ok(0),
            "somebody says so"
        );
        assert_eq!(super::choose(&two, both, |_| false, |_| false), Ok(0));
        assert_eq!(
            super::choose(&two, ["run.sh"], |i| i == 1, |_| false),
            Ok(0),
            "it lacks a source"
        );
        let none = choose(&folders, &["./go.mod", "lost", "docker/run.sh"]);
        assert_eq!(
            none,
            Err(NotFound {
                missing: vec!["lost".to_owned()]
            })
        );
        assert_eq!(choose(&[], &["."]), Err(NotFound { missing: vec![] }));
    }
}
