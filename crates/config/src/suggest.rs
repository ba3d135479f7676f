//! "Did you mean ...?": the nearest of the known words, when it is near enough.

/// Longer words are no typing mistakes of ours, and comparing them costs time.
const WORD_LENGTH_MAX: usize = 64;

/// The known word that `wrong` was probably meant to be.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if WORD_LENGTH_MAX < wrong.len() {
        return None;
    }
    // One slip in three letters is a typing mistake; more is another word.
    let distance_max = (wrong.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|word| (distance(&wrong.to_lowercase(), &word.to_lowercase()), word))
        .filter(|(distance, _)| *distance <= distance_max)
        .min()
        .map(|(_, word)| word)
}

/// Letters to insert, remove, replace or swap with their neighbour.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let replace = last[j] + usize::from(a != b);
            let mut best = replace.min(last[j + 1] + 1).min(row[j] + 1);
            if 0 < i && 0 < j && *a == right[j - 1] && left[i - 1] == *b {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_another_word_does_not() {
        let known = ["prefer", "priority", "after", "process"];
        assert_eq!(nearest("perfer", known), Some("prefer"));
        assert_eq!(nearest("proces", known), Some("process"));
        assert_eq!(nearest("Prefer", known), Some("prefer"));
        assert_eq!(nearest("banana", known), None);
        assert_eq!(nearest("", known), None);
    }
}
