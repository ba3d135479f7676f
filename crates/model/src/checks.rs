//! Checks: what is asked of a service or a node while it runs, when an answer counts, and
//! what follows from it.
//!
//! ```text
//!   a result ──► counts in a row ──► a state ──► actions
//!                fail_after           well, warning     the first of restart, move, stop that
//!                well_after           or failed         is left, and all the others beside it
//! ```

mod kind;
mod seen;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::spec::RestartPolicy;
use crate::{NodeName, ResourceName, duration};

pub use kind::{
    Amount, CheckKind, CommandCheck, FilesystemCheck, FreeLimits, HttpCheck, HttpTrust, LogCheck,
    ProcessesCheck, TcpCheck,
};
pub use seen::{CheckOrder, CheckPause, CheckSeen, CheckTold, CheckTuning, ChecksSeen, effective};

/// Names of checks of one service, or of one node. They share the names of its resources, so
/// that a failure has one name.
pub type CheckName = ResourceName;

/// A check asks this often unless the file says otherwise.
pub const EVERY_DEFAULT: Duration = Duration::from_secs(10);

/// Asked more often, checks would be a load of their own.
pub const EVERY_MIN: Duration = Duration::from_millis(500);

/// What is asked less often belongs into a time table, not into a cluster.
pub const EVERY_MAX: Duration = Duration::from_secs(3600);

/// An answer that takes longer is none, unless the file says otherwise.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);

/// Failures in a row before a check has failed: one answer may be lost.
pub const FAIL_AFTER_DEFAULT: u32 = 2;

/// A pause that a check gives itself, where the file does not say how long.
pub const PAUSE_DEFAULT: Duration = Duration::from_secs(30);

/// Checks of one service; each of them costs something on every round.
pub const CHECKS_MAX: usize = 64;

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckSpec {
    /// Unique among the checks and resources of its service.
    pub name: CheckName,
    /// What is asked.
    pub kind: CheckKind,
    /// From one question to the next.
    #[serde(with = "duration")]
    pub every: Duration,
    /// An answer must come within this time.
    #[serde(with = "duration")]
    pub timeout: Duration,
    /// From the moment the service runs to the first question.
    #[serde(with = "duration")]
    pub start_delay: Duration,
    /// It has failed after so many failures in a row.
    pub fail_after: u32,
    /// It is well after so many good answers in a row.
    pub well_after: u32,
    /// Whether it begins with its service.
    #[serde(default)]
    pub begins: CheckBegin,
    /// The resource from which on a restart begins; none: the first that is a program.
    #[serde(default)]
    pub watches: Option<ResourceName>,
    /// How often `restart` answers a failure; none: as often as the service's own `restart`.
    #[serde(default)]
    pub restart: Option<RestartPolicy>,
    /// When it has failed.
    pub on_failure: Vec<CheckAction>,
    /// When it warns.
    #[serde(default)]
    pub on_warning: Vec<CheckAction>,
    /// When it is well again.
    #[serde(default)]
    pub on_recovery: Vec<CheckAction>,
}

/// Whether a check begins with its service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckBegin {
    /// As soon as the service runs.
    #[default]
    WithService,
    /// When another check starts it.
    WhenStarted,
}

/// What follows from the state of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckAction {
    /// Nothing.
    Nothing,
    /// It is shown and noted, and nothing else.
    Alarm,
    /// The service is restarted where it is.
    Restart,
    /// The node is barred for the service, and the service moves.
    Move,
    /// The service stops, until somebody starts or clears it.
    Stop,
    /// A check is not asked any more; none: this one.
    StopCheck(Option<CheckName>),
    /// A check is asked from now on.
    StartCheck(CheckName),
    /// A program is run beside it; nobody waits for it.
    Run {
        /// Program (absolute path) and arguments.
        argv: Vec<String>,
        /// Account to run as; root without.
        #[serde(default)]
        user: Option<String>,
    },
    /// The check itself rests for a while.
    Pause(#[serde(with = "duration")] Duration),
    /// The check is taken out, until somebody installs it again.
    RemoveCheck,
}

impl CheckAction {
    /// The words of those that need nothing else.
    pub const WORDS: [(&'static str, ActionWord); 8] = [
        ("nothing", ActionWord::Nothing),
        ("alarm", ActionWord::Alarm),
        ("restart", ActionWord::Restart),
        ("move", ActionWord::Move),
        ("stop", ActionWord::Stop),
        ("stop-check", ActionWord::StopCheck),
        ("pause", ActionWord::Pause),
        ("remove-check", ActionWord::RemoveCheck),
    ];

    /// What it does to the service, if anything.
    #[must_use]
    pub fn answer(&self) -> Option<CheckAnswer> {
        match self {
            Self::Restart => Some(CheckAnswer::Restart),
            Self::Move => Some(CheckAnswer::Move),
            Self::Stop => Some(CheckAnswer::Stop),
            Self::Nothing
            | Self::Alarm
            | Self::StopCheck(_)
            | Self::StartCheck(_)
            | Self::Run { .. }
            | Self::Pause(_)
            | Self::RemoveCheck => None,
        }
    }
}

/// An action of one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionWord {
    /// `nothing`
    Nothing,
    /// `alarm`
    Alarm,
    /// `restart`
    Restart,
    /// `move`
    Move,
    /// `stop`
    Stop,
    /// `stop-check`: this one.
    StopCheck,
    /// `pause`: for the default time.
    Pause,
    /// `remove-check`
    RemoveCheck,
}

impl From<ActionWord> for CheckAction {
    fn from(word: ActionWord) -> Self {
        match word {
            ActionWord::Nothing => Self::Nothing,
            ActionWord::Alarm => Self::Alarm,
            ActionWord::Restart => Self::Restart,
            ActionWord::Move => Self::Move,
            ActionWord::Stop => Self::Stop,
            ActionWord::StopCheck => Self::StopCheck(None),
            ActionWord::Pause => Self::Pause(PAUSE_DEFAULT),
            ActionWord::RemoveCheck => Self::RemoveCheck,
        }
    }
}

impl fmt::Display for CheckAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Alarm => f.write_str("alarm"),
            Self::Restart => f.write_str("restart"),
            Self::Move => f.write_str("move"),
            Self::Stop => f.write_str("stop"),
            Self::StopCheck(None) => f.write_str("stop-check"),
            Self::StopCheck(Some(check)) => write!(f, "stop-check {check}"),
            Self::StartCheck(check) => write!(f, "start-check {check}"),
            Self::Run { argv, .. } => write!(f, "run {}", argv.join(" ")),
            Self::Pause(span) => write!(f, "pause {}", duration::format(*span)),
            Self::RemoveCheck => f.write_str("remove-check"),
        }
    }
}

/// What a check does to its service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckAnswer {
    /// A restart in place.
    Restart,
    /// A move, and the node is barred.
    Move,
    /// It stops.
    Stop,
}

/// What is done to the service: the first of `actions` that is left. A restart is left while
/// fewer than `budget.times` were `spent` in the window; `None`: nothing more.
#[must_use]
pub fn answer(actions: &[CheckAction], spent: u32, budget: RestartPolicy) -> Option<CheckAnswer> {
    let mut answers = actions.iter().filter_map(CheckAction::answer);
    answers.find(|answer| *answer != CheckAnswer::Restart || spent < budget.times)
}

/// How one answer was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Good.
    #[default]
    Well,
    /// Not good, and no failure.
    Warning,
    /// Bad, or none.
    Failed,
}

impl Verdict {
    /// The word for it in `status`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }

    /// What it makes of the health of a node.
    #[must_use]
    pub fn health(self) -> &'static str {
        match self {
            Self::Well => "green",
            Self::Warning => "yellow",
            Self::Failed => "red",
        }
    }
}

/// A check of nodes: its state is an attribute of the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeCheck {
    /// Of which node; none: of each.
    pub node: Option<NodeName>,
    /// The attribute that it sets: `health-...`.
    pub sets: String,
    /// What is asked.
    pub check: CheckSpec,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_is_the_answer_until_its_budget_is_spent() {
        let budget = RestartPolicy {
            times: 2,
            within: Duration::from_secs(3600),
        };
        let answers = |actions: &[CheckAction]| [0, 1, 2, 9].map(|n| answer(actions, n, budget));
        let (restart, then) = (Some(CheckAnswer::Restart), Some(CheckAnswer::Move));
        assert_eq!(
            answers(&[CheckAction::Alarm, CheckAction::Restart, CheckAction::Move]),
            [restart, restart, then, then]
        );
        assert_eq!(
            answers(&[CheckAction::Restart]),
            [restart, restart, None, None]
        );
        assert_eq!(answers(&[CheckAction::Stop]), [Some(CheckAnswer::Stop); 4]);
        assert_eq!(answers(&[CheckAction::Alarm]), [None; 4]);
    }
}
