//! The nearest known word to a misspelt one.

/// Words further apart than this many edits are not taken for one another.
const MAX_DISTANCE: usize = 2;

/// The option that is the fewest edits (insert, delete, replace a character) away from `word`, at
/// most two; none where `word` is itself an option. Of equally near ones the first is taken.
pub fn closest<'a>(word: &str, options: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let chars: Vec<char> = word.chars().take(64).collect();
    let mut best: Option<(usize, &'a str)> = None;
    for option in options {
        if option == word {
            return None;
        }
        if option.chars().count().abs_diff(chars.len()) > MAX_DISTANCE {
            continue;
        }
        let distance = edit_distance(&chars, option);
        if distance <= MAX_DISTANCE && best.is_none_or(|(b, _)| distance < b) {
            best = Some((distance, option));
        }
    }
    best.map(|(_, option)| option)
}

/// Levenshtein's distance, one row at a time.
fn edit_distance(word: &[char], other: &str) -> usize {
    let mut row: Vec<usize> = (0..=word.len()).collect();
    for (i, o) in other.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (w, cell) in word.iter().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + usize::from(*w != o);
            diagonal = *cell;
            left = replaced.min(*cell + 1).min(left + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn finds_words_at_most_two_edits_away() {
        let options = ["EXPOSE", "FROM", "ADD", "ENTRYPOINT"];
        assert_eq!(closest("EXPOST", options), Some("EXPOSE"));
        assert_eq!(closest("ROM", options), Some("FROM"));
        assert_eq!(closest("FOO", options), Some("FROM"));
        assert_eq!(closest("ENTRYPONIT", options), Some("ENTRYPOINT"));
        assert_eq!(closest("ENTRYPO", options), None);
        assert_eq!(closest("FROM", options), None);
        assert_eq!(closest("", ["ab"]), Some("ab"));
    }
}
