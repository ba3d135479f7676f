//! The replay window: which counters were seen already.

/// How far behind the newest packet of its link a packet may come and still count. Both
/// ends send over up to eight links with one counter, so 128 leaves sixteen packets per
/// link, more than a second at default settings: a network that reorders more than that is
/// down for our purposes.
pub const WINDOW: u64 = 128;

/// Remembers which of the last [`WINDOW`] counters came, and refuses all that are older.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplayWindow {
    highest: u64,
    /// Bit n: `highest - n` was seen.
    seen: u128,
}

/// Whether a counter is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Not seen before, and now marked as seen.
    Fresh,
    /// Seen before, or too old to tell.
    Replayed,
}

impl ReplayWindow {
    /// Judges `counter` and remembers it.
    pub fn mark(&mut self, counter: u64) -> Freshness {
        if self.highest < counter {
            let ahead = counter - self.highest;
            self.seen = if ahead < WINDOW {
                self.seen << ahead
            } else {
                0
            };
            self.seen |= 1;
            self.highest = counter;
            return Freshness::Fresh;
        }
        let behind = self.highest - counter;
        // Zero is no counter: it is what `highest` is before the first packet.
        if counter == 0 || WINDOW <= behind || self.seen & (1 << behind) != 0 {
            return Freshness::Replayed;
        }
        self.seen |= 1 << behind;
        Freshness::Fresh
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_window_agrees_with_a_list_of_all_that_came(
            counters in prop::collection::vec(0_u64..600, 1..400),
        ) {
            let (mut window, mut came) = (ReplayWindow::default(), BTreeSet::new());
            for counter in counters {
                let highest = came.last().copied().unwrap_or(0);
                let fresh = counter != 0 && highest < counter + WINDOW && came.insert(counter);
                let expected = if fresh { Freshness::Fresh } else { Freshness::Replayed };
                prop_assert_eq!(window.mark(counter), expected, "counter {}", counter);
            }
        }
    }

    #[test]
    fn a_jump_to_the_end_of_numbers_leaves_nothing_behind_acceptable() {
        let mut window = ReplayWindow::default();
        assert_eq!(window.mark(1), Freshness::Fresh);
        assert_eq!(window.mark(u64::MAX), Freshness::Fresh);
        assert_eq!(window.mark(u64::MAX), Freshness::Replayed);
        assert_eq!(window.mark(2), Freshness::Replayed);
    }
}
