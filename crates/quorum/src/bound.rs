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

/// What the bound of a poison pill is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PillTimes {
    /// The target reads its box at least this often.
    pub poll: Duration,
    /// Without a quorate leader it gives up so long after its last good read.
    pub disk_lease: Duration,
    /// A leader without a majority steps down after this.
    pub election_timeout: Duration,
    /// A node believes in a quorate leader for so long after its last word.
    pub lease: Duration,
    /// The target's watchdog ends it so long after it was fed last.
    pub watchdog: Duration,
}

/// How long after a poison pill was written its target counts as fenced. The target either
/// reads the pill, or gives up because it cannot read; it does the latter no sooner than it
/// notices that it has no quorate leader.
#[must_use]
pub fn poison_pill(times: PillTimes) -> Duration {
    let reads_or_gives_up = times.poll.saturating_add(times.disk_lease);
    let notices = times.election_timeout.saturating_add(times.lease);
    with_margin(
        reads_or_gives_up
            .max(notices)
            .saturating_add(times.watchdog),
    )
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
        let pill = |disk_lease, lease| {
            poison_pill(PillTimes {
                poll: seconds(1),
                disk_lease: seconds(disk_lease),
                election_timeout: seconds(2),
                lease: seconds(lease),
                watchdog: seconds(5),
            })
        };
        assert_eq!(pill(4, 3), Duration::from_millis(10_500));
        assert_eq!(
            pill(4, 13),
            seconds(21),
            "the lease is longer than the disk's"
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
