//! What is done to checks at run time. It is part of the replicated picture, so it holds
//! wherever the service runs and outlives restarts of daemons.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{CheckName, CheckSpec, Verdict};
use crate::spec::RestartPolicy;
use crate::{ClusterTime, NodeName, UserName, WallTime, duration};

/// What is known of the checks of one service beside the file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChecksSeen {
    /// Whether all of them rest.
    pub paused: Option<CheckPause>,
    /// What is known of each.
    pub each: BTreeMap<CheckName, CheckSeen>,
}

impl ChecksSeen {
    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Why a check rests at this time, if it does.
    #[must_use]
    pub fn pause_of(&self, check: &CheckName, now: ClusterTime) -> Option<&CheckPause> {
        let own = self.each.get(check).and_then(|seen| seen.paused.as_ref());
        own.into_iter()
            .chain(&self.paused)
            .find(|pause| pause.until.is_none_or(|until| now < until))
    }
}

/// What is known of one check beside the file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckSeen {
    /// Whether it rests.
    pub paused: Option<CheckPause>,
    /// Who has taken it out.
    pub removed: Option<UserName>,
    /// A check that is not in the file, or stands for the one that is.
    pub installed: Option<Box<CheckSpec>>,
    /// What was set at run time.
    #[serde(skip_serializing_if = "CheckTuning::is_empty")]
    pub tuning: CheckTuning,
    /// How often somebody has asked for an answer now.
    pub asked: u64,
    /// How often its counters were reset.
    pub resets: u64,
    /// What was told of it last.
    pub told: Option<CheckTold>,
}

/// A pause of checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckPause {
    /// Who wants it.
    pub by: UserName,
    /// Since when.
    pub at: WallTime,
    /// When it ends by itself, in the cluster's life.
    #[serde(default)]
    pub until: Option<ClusterTime>,
}

/// What was told of a check last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckTold {
    /// By which node.
    pub node: NodeName,
    /// How it is.
    pub state: Verdict,
    /// Since when.
    pub at: WallTime,
    /// In which words.
    pub how: String,
}

/// What was set at run time; what is not set is as the file says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckTuning {
    /// From one question to the next.
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub every: Option<Duration>,
    /// An answer must come within this time.
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Failures in a row before it has failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_after: Option<u32>,
    /// Good answers in a row before it is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub well_after: Option<u32>,
    /// Restarts in the window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarts: Option<u32>,
    /// The window.
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub within: Option<Duration>,
}

impl CheckTuning {
    /// Whether nothing was set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is set in `newer`, else what was set here.
    #[must_use]
    pub fn merged(&self, newer: &Self) -> Self {
        Self {
            every: newer.every.or(self.every),
            timeout: newer.timeout.or(self.timeout),
            fail_after: newer.fail_after.or(self.fail_after),
            well_after: newer.well_after.or(self.well_after),
            restarts: newer.restarts.or(self.restarts),
            within: newer.within.or(self.within),
        }
    }

    fn apply(&self, check: &mut CheckSpec, of_service: RestartPolicy) {
        check.every = self.every.unwrap_or(check.every);
        check.timeout = self.timeout.unwrap_or(check.timeout);
        check.fail_after = self.fail_after.unwrap_or(check.fail_after);
        check.well_after = self.well_after.unwrap_or(check.well_after);
        if self.restarts.is_some() || self.within.is_some() {
            let before = check.restart.unwrap_or(of_service);
            check.restart = Some(RestartPolicy {
                times: self.restarts.unwrap_or(before.times),
                within: self.within.unwrap_or(before.within),
            });
        }
    }
}

/// What people do to checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum CheckOrder {
    /// It is not asked.
    Pause {
        /// For how long; none: until somebody resumes it.
        #[serde(
            default,
            with = "duration::option",
            skip_serializing_if = "Option::is_none"
        )]
        span: Option<Duration>,
    },
    /// End of a pause.
    Resume,
    /// It is asked now.
    Run,
    /// It is there from now on.
    Install {
        /// Which; none: the one of the file that was taken out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        check: Option<Box<CheckSpec>>,
    },
    /// It is taken out.
    Remove,
    /// Other limits than the file says.
    Set {
        /// Which; nothing: those of the file again.
        tuning: CheckTuning,
    },
    /// Its failures are forgotten.
    Reset,
}

impl CheckOrder {
    /// The word of the command.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pause { .. } => "pause",
            Self::Resume => "resume",
            Self::Run => "run",
            Self::Install { .. } => "install",
            Self::Remove => "remove",
            Self::Set { .. } => "set",
            Self::Reset => "reset",
        }
    }
}

/// The checks of a service as they are now: those of the file and those that were installed,
/// without those that were taken out, with what was set.
#[must_use]
pub fn effective<'a>(
    checks: &'a [CheckSpec],
    of_service: RestartPolicy,
    seen: &'a ChecksSeen,
) -> Vec<Cow<'a, CheckSpec>> {
    let is_installed = |name: &CheckName| {
        let seen = seen.each.get(name);
        seen.is_some_and(|seen| seen.installed.is_some())
    };
    let of_file = checks.iter().filter(|check| !is_installed(&check.name));
    let installed = seen
        .each
        .values()
        .filter_map(|seen| seen.installed.as_deref());
    let mut all = Vec::new();
    for check in of_file.chain(installed) {
        match seen.each.get(&check.name) {
            Some(seen) if seen.removed.is_some() => {}
            Some(seen) if !seen.tuning.is_empty() => {
                let mut tuned = check.clone();
                seen.tuning.apply(&mut tuned, of_service);
                all.push(Cow::Owned(tuned));
            }
            Some(_) | None => all.push(Cow::Borrowed(check)),
        }
    }
    all
}
