//! How busy the processors of this node are, where services are placed by that: what is
//! measured comes in every few seconds, and the cluster is told seldom and in steps.
//!
//! ```text
//!            far              told: 20 %              far
//!   ─────────────────┤          near           ├─────────────────
//!                    12                        28
//! ```
//!
//! One measure that is far from what was told says nothing: only a second one in a row on the
//! same side is told. So a load that goes up and down between two steps fills no log.

use std::cmp::Ordering;
use std::time::Duration;

use model::load::{CPU_LOAD, PERCENT_MAX, STEP};
use model::rules::PlacementPolicy;
use model::{Command, Instant};

use crate::node::Node;

/// Between two words to the cluster: each costs all nodes a write to the disk, and which node
/// is least busy is no question of seconds.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Nearer than this is the same, in percent: most of a step.
const FAR: u32 = STEP * 4 / 5;

/// What is known of the processors of this node.
#[derive(Debug, Default)]
pub(crate) struct Load {
    /// The side of what was told on which the last measure was, if it was far.
    side: Option<Ordering>,
    /// To be told in place of what the log says.
    news: Option<u32>,
    told_at: Option<Instant>,
}

impl Load {
    /// A measure, and what the log knows.
    fn measured(&mut self, percent: u32, known: Option<u32>) {
        let percent = percent.min(PERCENT_MAX);
        let side = known.and_then(|known| side(percent, known));
        let is_news = match (known, side) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(_), Some(_)) => side == self.side,
        };
        self.side = side;
        self.news = is_news.then(|| (percent + STEP / 2) / STEP * STEP);
    }
}

/// On which side of what was told a measure is, if it is far from it. Where much waits for the
/// processors, its number goes up and down by more.
fn side(percent: u32, known: u32) -> Option<Ordering> {
    let is_far = FAR.max(known / 4) <= percent.abs_diff(known);
    is_far.then(|| percent.cmp(&known))
}

impl Node {
    /// Whether the hands are to measure how busy the processors are.
    #[must_use]
    pub fn measures_load(&self) -> bool {
        let spec = self.state.spec();
        spec.is_some_and(|spec| spec.cluster.rules.placement == PlacementPolicy::LeastLoad)
    }

    /// How busy they are, in percent of all processors of this machine.
    pub fn handle_load(&mut self, percent: u32, now: Instant) {
        if self.measures_load() {
            let known = self.known_load();
            self.load.measured(percent, known);
            self.advance(now);
        }
    }

    fn known_load(&self) -> Option<u32> {
        let me = self.state.seen().nodes.get(&self.config.name)?;
        me.measured.get(CPU_LOAD)?.parse().ok()
    }

    pub(crate) fn tend_load(&mut self, now: Instant) {
        let Some(percent) = self.load.news else {
            return;
        };
        if !self.measures_load() || self.known_load() == Some(percent) {
            self.load.news = None;
            return;
        }
        let since = self.load.told_at;
        let is_due = since.is_none_or(|at| at + TELL_EVERY <= now);
        if !is_due || !self.can_tell_load() {
            return;
        }
        self.load.told_at = Some(now);
        let command = Command::LoadTold {
            node: self.config.name.clone(),
            boot: self.config.boot,
            run: self.config.run,
            percent,
        };
        self.propose_own(command, now);
    }

    fn can_tell_load(&self) -> bool {
        self.leader.is_some() && self.is_caught_up()
    }

    pub(crate) fn load_deadline(&self) -> Option<Instant> {
        let again = self.load.told_at.map(|at| at + TELL_EVERY);
        again.filter(|_| self.load.news.is_some() && self.can_tell_load())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    /// Measures in a row, where each word is in the log at once: what is told after each.
    fn check(measures: &[u32], expected: Expect) {
        let (mut load, mut known, mut out) = (Load::default(), None, String::new());
        for measure in measures {
            load.measured(*measure, known);
            out += &match load.news {
                Some(news) => format!("{measure} % measured: {news} % told\n"),
                None => format!("{measure} % measured\n"),
            };
            known = load.news.or(known);
        }
        expected.assert_eq(&out);
    }

    #[test]
    fn the_first_measure_is_told_and_then_what_is_far_from_it_twice() {
        check(
            &[13, 17, 18, 17, 19, 21, 12, 11],
            expect![[r#"
                13 % measured: 10 % told
                17 % measured
                18 % measured
                17 % measured
                19 % measured
                21 % measured: 20 % told
                12 % measured
                11 % measured: 10 % told
            "#]],
        );
    }

    #[test]
    fn one_peak_or_two_on_different_sides_are_no_news() {
        check(
            &[30, 90, 30, 90, 5, 90, 30],
            expect![[r#"
                30 % measured: 30 % told
                90 % measured
                30 % measured
                90 % measured
                5 % measured
                90 % measured
                30 % measured
            "#]],
        );
    }

    #[test]
    fn what_is_very_busy_may_go_up_and_down_by_more() {
        check(
            &[400, 320, 310, 480, 490, 510, 520, 9999, 9999],
            expect![[r#"
                400 % measured: 400 % told
                320 % measured
                310 % measured
                480 % measured
                490 % measured
                510 % measured
                520 % measured: 520 % told
                9999 % measured: 1000 % told
                9999 % measured
            "#]],
        );
    }
}
