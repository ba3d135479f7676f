//! Comparisons of two texts that may be numbers or versions.

use std::cmp::Ordering;

/// In which way two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// They are the same.
    Equal,
    /// They are not the same, or one of them is not there.
    NotEqual,
    /// The first is less.
    Less,
    /// The first is not more.
    LessOrEqual,
    /// The first is more.
    More,
    /// The first is not less.
    MoreOrEqual,
}

/// What values are taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// Letters, without regard to their case.
    Text,
    /// Whole numbers.
    Integer,
    /// Numbers with a fraction.
    Number,
    /// Versions like `1.2.10`: number by number.
    Version,
}

impl Comparison {
    /// Whether it holds. With a value that is not there, only "not equal" does.
    #[must_use]
    pub fn holds(self, left: Option<&str>, right: Option<&str>, kind: Option<ValueKind>) -> bool {
        let (Some(left), Some(right)) = (left, right) else {
            return self == Self::NotEqual
                || (self == Self::Equal && left.is_none() && right.is_none());
        };
        let kind = kind.unwrap_or_else(|| self.kind_for(left, right));
        let Some(order) = compare(left, right, kind) else {
            return self == Self::NotEqual;
        };
        match self {
            Self::Equal => order == Ordering::Equal,
            Self::NotEqual => order != Ordering::Equal,
            Self::Less => order == Ordering::Less,
            Self::LessOrEqual => order != Ordering::Greater,
            Self::More => order == Ordering::Greater,
            Self::MoreOrEqual => order != Ordering::Less,
        }
    }

    /// Sameness is one of letters, order is one of numbers, unless something else is asked.
    fn kind_for(self, left: &str, right: &str) -> ValueKind {
        match self {
            Self::Equal | Self::NotEqual => ValueKind::Text,
            Self::Less | Self::LessOrEqual | Self::More | Self::MoreOrEqual => {
                if left.contains('.') || right.contains('.') {
                    ValueKind::Number
                } else {
                    ValueKind::Integer
                }
            }
        }
    }
}

/// What is no number is compared as text.
fn compare(left: &str, right: &str, kind: ValueKind) -> Option<Ordering> {
    let as_text = || Some(left.to_lowercase().cmp(&right.to_lowercase()));
    match kind {
        ValueKind::Text => as_text(),
        ValueKind::Integer => match (whole(left), whole(right)) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => as_text(),
        },
        ValueKind::Number => match (left.trim().parse::<f64>(), right.trim().parse::<f64>()) {
            (Ok(left), Ok(right)) => left.partial_cmp(&right),
            _ => as_text(),
        },
        ValueKind::Version => Some(compare_versions(left, right)),
    }
}

/// A whole number; a fraction is cut off.
fn whole(text: &str) -> Option<i64> {
    let text = text.trim();
    let (number, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_fraction = fraction.chars().all(|digit| digit.is_ascii_digit());
    number.parse().ok().filter(|_| is_fraction)
}

/// Number by number; what ends first is as if zeros followed.
fn compare_versions(left: &str, right: &str) -> Ordering {
    let numbers = |text: &str| -> Vec<u64> {
        text.split(['.', '-'])
            .map(|part| part.trim().parse().unwrap_or(0))
            .collect()
    };
    let (left, right) = (numbers(left), numbers(right));
    (0..left.len().max(right.len()))
        .map(|i| {
            let at = |list: &[u64]| list.get(i).copied().unwrap_or(0);
            at(&left).cmp(&at(&right))
        })
        .find(|order| *order != Ordering::Equal)
        .unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_of_numbers_and_sameness_of_letters() {
        assert!(Comparison::Less.holds(Some("9"), Some("10"), None));
        assert!(!Comparison::Less.holds(Some("9"), Some("10"), Some(ValueKind::Text)));
        assert!(Comparison::More.holds(Some("9.5"), Some("9"), None));
        assert!(!Comparison::Equal.holds(Some("1.0"), Some("1"), None));
        assert!(Comparison::Equal.holds(Some("1.0"), Some("1"), Some(ValueKind::Number)));
        assert!(Comparison::Equal.holds(Some("SSD"), Some("ssd"), None));
    }

    #[test]
    fn a_fraction_does_not_count_among_whole_numbers() {
        let integer = Some(ValueKind::Integer);
        assert!(Comparison::Equal.holds(Some("3.4"), Some("3.6"), integer));
        assert!(!Comparison::Equal.holds(Some("3.4"), Some("4.6"), integer));
        assert!(!Comparison::Equal.holds(Some("3.4"), Some("3.x"), integer));
    }

    #[test]
    fn what_is_not_there_is_only_unequal() {
        assert!(Comparison::NotEqual.holds(None, Some("1"), None));
        for how in [
            Comparison::Equal,
            Comparison::Less,
            Comparison::LessOrEqual,
            Comparison::More,
            Comparison::MoreOrEqual,
        ] {
            assert!(!how.holds(None, Some("1"), None), "{how:?}");
        }
    }

    #[test]
    fn versions_are_compared_number_by_number() {
        let version = Some(ValueKind::Version);
        assert!(Comparison::Less.holds(Some("1.2.9"), Some("1.2.10"), version));
        assert!(Comparison::Equal.holds(Some("1.2"), Some("1.2.0"), version));
    }

    #[test]
    fn words_in_the_place_of_numbers_are_compared_as_words() {
        assert!(Comparison::Less.holds(Some("abc"), Some("abd"), Some(ValueKind::Integer)));
    }

    #[test]
    fn each_comparison_answers_for_less_for_the_same_and_for_more() {
        let answers = |how: Comparison| {
            ["1", "2", "3"].map(|left| how.holds(Some(left), Some("2"), Some(ValueKind::Integer)))
        };
        assert_eq!(answers(Comparison::Equal), [false, true, false]);
        assert_eq!(answers(Comparison::NotEqual), [true, false, true]);
        assert_eq!(answers(Comparison::Less), [true, false, false]);
        assert_eq!(answers(Comparison::LessOrEqual), [true, true, false]);
        assert_eq!(answers(Comparison::More), [false, false, true]);
        assert_eq!(answers(Comparison::MoreOrEqual), [false, true, true]);
    }

    #[test]
    fn two_values_that_are_not_there_are_the_same() {
        assert!(Comparison::Equal.holds(None, None, None));
        assert!(!Comparison::LessOrEqual.holds(None, None, None));
        assert!(Comparison::NotEqual.holds(Some("NaN"), Some("1"), Some(ValueKind::Number)));
        assert!(!Comparison::LessOrEqual.holds(Some("NaN"), Some("1"), Some(ValueKind::Number)));
    }
}
