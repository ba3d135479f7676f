//! How long a silent node must be waited for until its watchdog has certainly ended it.
//!
//! ```text
//!   the half's clock   Lost ─────────────────────────────────────────────► fenced
//!                        │ election_timeout │   lease   │ watchdog │ 1/20
//!   the lost node        │ last word of a leader        │ dog not  │
//!                        │ may still arrive │ may serve │ fed, reset
//! ```
//!
//! The lease of the lost node began at the latest when the last leader that could
//! acknowledge it stepped down, which is one election time-out after it lost its majority.
//! Clocks of two machines differ in speed; the twentieth more covers that, and is a hundred
//! times what a bad quartz does.

use std::time::Duration;

/// One part in so many is added for clocks that do not run equally fast.
pub const CLOCK_MARGIN_PARTS: u32 = 20;

/// How long after its loss a node with an armed watchdog counts as fenced.
#[must_use]
pub fn wait_out(lease: Duration, election_timeout: Duration, watchdog: Duration) -> Duration {
    with_margin(
        election_timeout
            .saturating_add(lease)
            .saturating_add(watchdog),
    )
}

/// How long after a poison pill was written its target counts as fenced: the target reads
/// its box every `poll`, gives up after `disk_lease` when it cannot, and its watchdog ends it
/// `watchdog` later.
#[must_use]
pub fn poison_pill(poll: Duration, disk_lease: Duration, watchdog: Duration) -> Duration {
    with_margin(poll.saturating_add(disk_lease).saturating_add(watchdog))
}

fn with_margin(span: Duration) -> Duration {
    span.saturating_add(span / CLOCK_MARGIN_PARTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_twentieth_is_added_for_clocks() {
        let seconds = Duration::from_secs;
        assert_eq!(
            wait_out(seconds(3), seconds(2), seconds(5)),
            Duration::from_millis(10_500)
        );
        assert_eq!(
            poison_pill(seconds(1), seconds(4), seconds(5)),
            Duration::from_millis(10_500)
        );
    }

    #[test]
    fn a_span_without_end_stays_without_end() {
        assert_eq!(
            wait_out(Duration::MAX, Duration::MAX, Duration::MAX),
            Duration::MAX
        );
    }
}
