//! What the exit status of an agent means.

use host::process::Ended;
use model::operation::Outcome;

/// What stands before an agent's own words for why it failed.
pub(crate) const REASON_PREFIX: &str = "ocf-exit-reason:";

/// Exit statuses of the resource agent API 1.1, those for degraded services included.
pub(crate) mod ocf {
    pub(crate) const SUCCESS: i32 = 0;
    pub(crate) const WRONG_ARGUMENTS: i32 = 2;
    pub(crate) const UNIMPLEMENTED: i32 = 3;
    pub(crate) const NOT_INSTALLED: i32 = 5;
    pub(crate) const NOT_CONFIGURED: i32 = 6;
    pub(crate) const NOT_RUNNING: i32 = 7;
    pub(crate) const PROMOTED: i32 = 8;
    pub(crate) const FAILED_PROMOTED: i32 = 9;
    pub(crate) const DEGRADED: i32 = 190;
    pub(crate) const DEGRADED_PROMOTED: i32 = 191;
}

/// How an action ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// The agent ended.
    Ended(Ended),
    /// It did not end in time.
    TimedOut,
    /// It could not be called.
    NotCalled(String),
}

/// How an action ended, and what it printed.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Which action, in the agent's word.
    pub(crate) action: &'static str,
    pub(crate) found: Found,
    pub(crate) output: String,
}

impl Answer {
    /// The exit status, if there is one.
    pub(crate) fn status(&self) -> Option<i32> {
        match self.found {
            Found::Ended(Ended::Exited(status)) => Some(status),
            Found::Ended(Ended::Signalled(_) | Ended::Unknown)
            | Found::TimedOut
            | Found::NotCalled(_) => None,
        }
    }

    /// That it failed, and how: the agent's own reason as it is, then the status in words.
    pub(crate) fn failure(&self, words: fn(i32) -> Option<&'static str>) -> Outcome {
        let action = self.action;
        match &self.found {
            Found::TimedOut => Outcome::TimedOut,
            Found::NotCalled(how) => Outcome::Failed(how.clone()),
            Found::Ended(ended) => {
                let status = match self.status().and_then(words) {
                    Some(word) => format!("{ended}: {word}"),
                    None => ended.to_string(),
                };
                Outcome::Failed(match reason(&self.output) {
                    Some(reason) => format!("{action}: {reason} ({status})"),
                    None => format!("{action}: {status}"),
                })
            }
        }
    }
}

/// The agent's own words for why, if it said any: the last ones count.
pub(crate) fn reason(output: &str) -> Option<&str> {
    let mut reasons = output
        .lines()
        .filter_map(|line| line.strip_prefix(REASON_PREFIX));
    let last = reasons.next_back()?.trim();
    (!last.is_empty()).then_some(last)
}

/// An exit status of an OCF agent in words.
pub(crate) fn ocf_words(status: i32) -> Option<&'static str> {
    Some(match status {
        1 => "an error",
        ocf::WRONG_ARGUMENTS => "wrong arguments",
        ocf::UNIMPLEMENTED => "not implemented",
        4 => "not permitted",
        ocf::NOT_INSTALLED => "not installed",
        ocf::NOT_CONFIGURED => "not configured",
        ocf::NOT_RUNNING => "not running",
        ocf::PROMOTED => "running and promoted",
        ocf::FAILED_PROMOTED => "failed while promoted",
        ocf::DEGRADED => "running, degraded",
        ocf::DEGRADED_PROMOTED => "running and promoted, degraded",
        _ => return None,
    })
}

/// An exit status of an init script in words, other than of `status`.
pub(crate) fn lsb_words(status: i32) -> Option<&'static str> {
    Some(match status {
        1 => "an error",
        2 => "wrong arguments",
        3 => "not implemented",
        4 => "not permitted",
        5 => "not installed",
        6 => "not configured",
        7 => "not running",
        _ => return None,
    })
}

/// What an OCF agent's `monitor` says.
pub(crate) fn ocf_state(answer: &Answer) -> Outcome {
    match answer.status() {
        Some(ocf::SUCCESS | ocf::DEGRADED) => Outcome::Running,
        Some(ocf::PROMOTED | ocf::DEGRADED_PROMOTED) => Outcome::Promoted,
        Some(ocf::NOT_RUNNING) => Outcome::Stopped,
        Some(_) | None => answer.failure(ocf_words),
    }
}

/// What an init script's `status` says: 1 and 2 are a service that has died and left a file
/// behind, 3 one that was stopped.
pub(crate) fn lsb_state(answer: &Answer) -> Outcome {
    match answer.status() {
        Some(0) => Outcome::Running,
        Some(1..=3) => Outcome::Stopped,
        Some(_) | None => answer.failure(|status| (status == 4).then_some("the state is unknown")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: i32, output: &str) -> Answer {
        Answer {
            action: "monitor",
            found: Found::Ended(Ended::Exited(status)),
            output: output.to_owned(),
        }
    }

    fn failed(how: &str) -> Outcome {
        Outcome::Failed(how.to_owned())
    }

    #[test]
    fn each_status_of_a_monitor_has_its_meaning() {
        let state = |status| ocf_state(&answer(status, ""));
        assert_eq!(state(0), Outcome::Running);
        assert_eq!(state(190), Outcome::Running);
        assert_eq!(state(8), Outcome::Promoted);
        assert_eq!(state(191), Outcome::Promoted);
        assert_eq!(state(7), Outcome::Stopped);
        assert_eq!(state(1), failed("monitor: exit 1: an error"));
        assert_eq!(state(9), failed("monitor: exit 9: failed while promoted"));
        assert_eq!(state(77), failed("monitor: exit 77"));
    }

    #[test]
    fn the_last_reason_of_the_agent_is_shown_as_it_is() {
        let output = "ocf-exit-reason:first\nsomething\nocf-exit-reason:no: 'db' (2) \nmore\n";
        assert_eq!(
            ocf_state(&answer(6, output)),
            failed("monitor: no: 'db' (2) (exit 6: not configured)")
        );
        assert_eq!(reason("ocf-exit-reason:  \n"), None);
    }

    #[test]
    fn an_init_script_that_found_a_dead_service_says_stopped() {
        let state = |status| lsb_state(&answer(status, ""));
        assert_eq!(state(0), Outcome::Running);
        for status in 1..=3 {
            assert_eq!(state(status), Outcome::Stopped);
        }
        assert_eq!(state(4), failed("monitor: exit 4: the state is unknown"));
        assert_eq!(state(150), failed("monitor: exit 150"));
    }
}
