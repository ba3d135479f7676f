//! The wall clock of this node: nothing is decided by it, but people read it, so a jump is
//! told.

use std::collections::VecDeque;
use std::time::Duration;

use host::clock::Step;
use model::{Instant, NodeName, duration};

use super::control::{Control, Input};

/// Who looks at a status in this time wonders about times that do not fit.
const TOLD_FOR: Duration = Duration::from_secs(3600);

/// A clock that is set more often is not worth more lines.
const JUMPS_MAX: usize = 4;

/// The last jumps and when they were.
#[derive(Debug, Default)]
pub struct Jumps(VecDeque<(Instant, Step)>);

impl Jumps {
    /// One sentence for each jump of the last hour.
    pub fn warnings(&self, me: &NodeName, now: Instant) -> Vec<String> {
        let lately = |at: Instant| now.saturating_duration_since(at) < TOLD_FOR;
        let recent = self.0.iter().filter(|(at, _)| lately(*at));
        recent.map(|(_, step)| sentence(me, *step)).collect()
    }

    fn note(&mut self, step: Step, now: Instant) {
        while JUMPS_MAX <= self.0.len() {
            self.0.pop_front();
        }
        self.0.push_back((now, step));
    }
}

/// `the wall clock of beta jumped by +1h`.
fn sentence(me: &NodeName, step: Step) -> String {
    let sign = if step.millis < 0 { '-' } else { '+' };
    // What it was while the clock was set is of no interest: whole seconds.
    let seconds = Duration::from_millis(step.millis.unsigned_abs().saturating_add(500)).as_secs();
    let by = duration::format(Duration::from_secs(seconds));
    format!(
        "the wall clock of {me} jumped by {sign}{by}: nothing depends on it, but times in logs do"
    )
}

impl Control {
    /// Begins to watch. Without a watch nobody is told; nothing else is lost.
    pub fn watch_wall(&self) {
        let inputs = self.inputs.clone();
        let tell = move |step| {
            // A full queue means that the loop is stuck; a jump is the least of its worries.
            let _full = inputs.try_send(Input::Wall(step));
        };
        if let Err(error) = host::clock::watch(Box::new(tell)) {
            tracing::warn!("nobody will notice when the wall clock is set: {error}");
        }
    }

    /// Somebody has set the wall clock.
    pub fn take_jump(&mut self, step: Step, now: Instant) {
        tracing::warn!("{}", sentence(&self.identity.name, step));
        self.jumps.note(step, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_told_for_an_hour_with_its_direction() {
        let me: NodeName = "beta".parse().unwrap();
        let mut jumps = Jumps::default();
        let at = Instant(1);
        jumps.note(Step { millis: 3_600_001 }, at);
        jumps.note(
            Step {
                millis: -946_080_000_400,
            },
            at,
        );
        let told = jumps.warnings(&me, at + Duration::from_secs(3599));
        let said: Vec<_> = told
            .iter()
            .filter_map(|text| text.split(':').next())
            .collect();
        assert_eq!(
            said,
            [
                "the wall clock of beta jumped by +1h",
                "the wall clock of beta jumped by -10950d"
            ]
        );
        assert!(jumps.warnings(&me, at + TOLD_FOR).is_empty());
    }
}
