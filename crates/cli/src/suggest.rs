//! "Did you mean": the nearest known name.

/// The known name that differs least, if it is near: at most a third of the letters.
pub(crate) fn nearest<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = typed.chars().count().div_ceil(3);
    known
        .map(|name| (edits(typed, name), name))
        .filter(|(edits, _)| *edits <= limit)
        .min()
        .map(|(_, name)| name)
}

/// Letters to insert, remove, replace, or swap with their neighbour to come from `a` to
/// `b` (optimal string alignment; names are short, so the square of their length is
/// nothing).
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (
        a.to_lowercase().chars().collect(),
        b.to_lowercase().chars().collect(),
    );
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j - 1] + same)
                .min(rows[i - 1][j] + 1)
                .min(row[j - 1] + 1);
            if 1 < i && 1 < j && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_the_name_and_nonsense_finds_none() {
        let known = ["web", "db", "alpha", "beta"];
        let near = |typed| nearest(typed, known.into_iter());
        assert_eq!(near("wbe"), Some("web"));
        assert_eq!(near("Aplha"), Some("alpha"));
        assert_eq!(near("bd"), Some("db"));
        assert_eq!(near("mail"), None);
    }
}
