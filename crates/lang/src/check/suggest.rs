//! "Did you mean …?": the nearest of the names that would have been right.

/// The name nearest to `wanted` among `names`, if it is near enough to be a slip of the keyboard:
/// one edit for short names, a third of the letters for long ones.
pub fn nearest<'n>(wanted: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let most = (wanted.chars().count() / 3).max(1);
    names
        .into_iter()
        .map(|name| (distance(wanted, name), name))
        .filter(|&(edits, name)| edits <= most && edits < name.chars().count())
        .min()
        .map(|(_, name)| name)
}

/// Least number of insertions, deletions, substitutions and swaps of neighbours that turn one text
/// into the other, letter case ignored (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().flat_map(char::to_lowercase).collect();
    let b: Vec<char> = b.chars().flat_map(char::to_lowercase).collect();
    let mut before_last = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let substituted = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = substituted.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = last;
        last = row;
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        assert_eq!(nearest("sned", ["send", "drop"]), Some("send"));
        assert_eq!(nearest("lna", ["lan", "wan"]), Some("lan"));
        assert_eq!(nearest("adress", ["address", "port"]), Some("address"));
        assert_eq!(nearest("zebra", ["lan", "wan"]), None);
        assert_eq!(nearest("x", ["y"]), None, "a one-letter name is no hint");
    }
}
