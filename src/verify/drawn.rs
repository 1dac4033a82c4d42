//! Ids that a build draws at random and the program then shows: `next build` names its assets after one
//! that it leaves in `.next/BUILD_ID`. Two builds of one Dockerfile differ in them.

use super::behaviour::{Answer, Outcome, Run};
use super::files::{Files, Kind};

/// An id is no shorter, in bytes: what people write themselves (a version, a name) is.
const SHORTEST: usize = 16;
/// A file that holds an id and nothing else is no longer, in bytes.
const LONGEST: u64 = 64;

/// An id of the original, and the rewrite's in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    was: String,
    is: String,
}

/// The ids that stand alone in a file of the original, where the same file of the rewrite holds another
/// one of the same length.
pub fn ids(was: &dyn Files, is: &dyn Files) -> Vec<Drawn> {
    let mut found: Vec<Drawn> = Vec::new();
    was.each(&mut |path, node| {
        let Kind::File(bytes) = node.kind else { return };
        let fits = (SHORTEST as u64..=LONGEST).contains(&bytes);
        if !fits || is.node(path).is_none_or(|node| node.kind != Kind::File(bytes)) {
            return;
        }
        let id = |files: &dyn Files| {
            let text = String::from_utf8(files.read(path, LONGEST)?).ok()?;
            Some(text.trim_end().to_owned()).filter(|text| is_id(text))
        };
        if let (Some(was), Some(is)) = (id(was), id(is))
            && was != is
            && !found.iter().any(|known| known.was == was)
        {
            found.push(Drawn { was, is });
        }
    });
    found
}

/// Whether a word looks as if nobody had written it.
fn is_id(word: &str) -> bool {
    word.len() >= SHORTEST
        && word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        && word.bytes().any(|b| b.is_ascii_digit())
        && word.bytes().any(|b| b.is_ascii_alphabetic())
}

/// A run of the rewrite as it had been with the original's ids.
pub fn renamed(run: &Run, ids: &[Drawn]) -> Run {
    let rename = |text: &mut String| {
        for id in ids {
            if text.contains(&id.is) {
                *text = text.replace(&id.is, &id.was);
            }
        }
    };
    let answer = |answer: &mut Answer| {
        rename(&mut answer.body);
        answer.location.iter_mut().for_each(rename);
    };
    let mut run = run.clone();
    rename(&mut run.stdout);
    rename(&mut run.stderr);
    run.answers.values_mut().flatten().for_each(answer);
    for outcome in &mut run.probes {
        match outcome {
            Outcome::Http(found) => answer(found),
            Outcome::Ran(_, out, err) => [out, err].into_iter().for_each(rename),
            Outcome::Connected | Outcome::Failed(_) => {}
        }
    }
    run
}

#[cfg(test)]
mod tests {
    use super::super::files::Memory;
    use super::*;
    use std::collections::BTreeMap;

    fn tree(id: &str, version: &str) -> Memory {
        let mut tree = Memory::default();
        tree.file("/app/.next/BUILD_ID", 0o644, id)
            .file("/app/VERSION", 0o644, version)
            .file("/app/commit", 0o644, "not-built-from-git");
        tree
    }

    #[test]
    fn only_what_nobody_wrote_is_an_id() {
        let (was, is) = (
            tree("-WaktWCW-wQPGvPFGzM4X", "1.20.300-beta.400"),
            tree("jCyuoAR0iKOFKDVGHvnQu\n", "1.20.301-beta.400"),
        );
        assert_eq!(ids(&was, &is), []);
        let is = tree("jCyuoAR0iKOFKDVGHvnQu", "1.20.301-beta.400");
        let drawn = ids(&was, &is);
        assert_eq!(drawn.len(), 1);
        let body = |id: &str| Answer {
            status: 200,
            content_type: None,
            location: None,
            body: format!("<script src=\"/_next/static/{id}/a.js\">"),
        };
        let run = |id: &str| Run {
            answers: BTreeMap::from([(3000, Some(body(id)))]),
            ..Run::default()
        };
        assert_eq!(
            renamed(&run("jCyuoAR0iKOFKDVGHvnQu"), &drawn),
            run("-WaktWCW-wQPGvPFGzM4X")
        );
        assert_ne!(renamed(&run("another"), &drawn), run("-WaktWCW-wQPGvPFGzM4X"));
    }
}
