//! Scores: whole numbers with two ends that nothing outweighs.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg};

/// How much speaks for something, from [`Score::MINUS_INFINITY`] (never) to
/// [`Score::INFINITY`] (by all means).
///
/// Sums end at the ends, and "never" wins over everything, "by all means" too. One million
/// is the convention of Linux cluster managers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Score(i32);

impl Score {
    /// By all means.
    pub const INFINITY: Self = Self(1_000_000);
    /// Never.
    pub const MINUS_INFINITY: Self = Self(-1_000_000);
    /// A mark for "not spoken of" that no sum gets to; only inside of the planner.
    pub(super) const UNNAMED: Self = Self(i32::MIN);
    /// Of an instance that never said how much it wants to lead.
    pub(super) const NOT_ASKED: Self = Self(-1);
    /// Neither for nor against.
    pub const ZERO: Self = Self(0);

    /// A score; what is beyond the ends is at the end.
    #[must_use]
    pub fn new(value: i64) -> Self {
        let clamped = value.clamp(
            i64::from(Self::MINUS_INFINITY.0),
            i64::from(Self::INFINITY.0),
        );
        Self(i32::try_from(clamped).expect("one million fits"))
    }

    /// The number.
    #[must_use]
    pub fn value(self) -> i32 {
        self.0
    }

    /// Whether it says never.
    #[must_use]
    pub fn is_never(self) -> bool {
        self == Self::MINUS_INFINITY
    }

    /// "Never" stays; anything else is neither for nor against.
    pub(super) fn floor_to_never(self) -> Self {
        if self.is_never() { self } else { Self::ZERO }
    }

    /// Whether it says by all means.
    #[must_use]
    pub fn is_must(self) -> bool {
        self == Self::INFINITY
    }
}

impl Add for Score {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        if self.is_never() || other.is_never() {
            return Self::MINUS_INFINITY;
        }
        if self.is_must() || other.is_must() {
            return Self::INFINITY;
        }
        Self::new(i64::from(self.0) + i64::from(other.0))
    }
}

impl AddAssign for Score {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Neg for Score {
    type Output = Self;

    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl Sum for Score {
    fn sum<I: Iterator<Item = Self>>(scores: I) -> Self {
        scores.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::INFINITY => f.write_str("always"),
            Self::MINUS_INFINITY => f.write_str("never"),
            Self(value) => value.fmt(f),
        }
    }
}
