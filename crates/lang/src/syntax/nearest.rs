//! Which known name was probably meant.

/// The candidate with the smallest edit distance to `name`, if it is near enough to be a slip.
///
/// Distance is that of Damerau and Levenshtein with adjacent swaps (optimal string alignment);
/// at most a third of the letters may differ. A difference of case only is always near.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let distance =
                if candidate.eq_ignore_ascii_case(name) { 0 } else { distance(name, candidate) };
            (distance <= most && distance < candidate.chars().count())
                .then_some((distance, candidate))
        })
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and adjacent swaps that turn `a` into `b`. Names longer
/// than 64 letters are compared by their beginnings.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(64).collect();
    let b: Vec<char> = b.chars().take(64).collect();
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
        assert_eq!(nearest("banana", words), None);
        assert_eq!(nearest("x", ["y"]), None);
    }
}
