//! "Did you mean …?": the nearest of the names that would have been right.

/// Names longer than this many letters are compared by their beginnings.
const LETTERS_MAX: usize = 64;

/// The candidate nearest to `name`, if it is near enough to be a slip of the keyboard: one edit
/// for short names, a third of the letters for long ones. Letter case is ignored; of several that
/// are as near, the first one.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|&(edits, candidate)| edits <= most && edits < candidate.chars().count())
        .min_by_key(|&(edits, _)| edits)
        .map(|(_, candidate)| candidate)
}

/// Least number of insertions, deletions, replacements and swaps of neighbours that turn one text
/// into the other (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let letters = |text: &str| -> Vec<char> {
        text.chars().flat_map(char::to_lowercase).take(LETTERS_MAX).collect()
    };
    let (a, b) = (letters(a), letters(b));
    let mut two_back = vec![0; b.len() + 1];
    let mut back: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1; b.len() + 1];
        for (j, &y) in b.iter().enumerate() {
            let mut best = (back[j] + usize::from(x != y)).min(back[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                best = best.min(two_back[j - 1] + 1);
            }
            row[j + 1] = best;
        }
        two_back = std::mem::replace(&mut back, row);
    }
    back[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_other_words_are_not() {
        let words = ["element", "network", "enum"];
        assert_eq!(nearest("elemnet", words), Some("element"));
        assert_eq!(nearest("Network", words), Some("network"));
        assert_eq!(nearest("enmu", words), Some("enum"));
        assert_eq!(nearest("adress", ["address", "port"]), Some("address"));
        assert_eq!(nearest("banana", words), None);
        assert_eq!(nearest("zebra", ["lan", "wan"]), None);
        assert_eq!(nearest("x", ["y"]), None, "a one-letter name is no hint");
    }

    #[test]
    fn of_equals_the_first_is_taken() {
        assert_eq!(nearest("an", ["wan", "lan"]), Some("wan"));
        assert_eq!(nearest("an", ["lan", "wan"]), Some("lan"));
    }
}
