//! The fence itself: off, then the device's own word for it.

use std::time::Duration;

use model::{DeviceName, NodeName};
use tokio::time::{Instant, sleep};

use crate::report::{Action, Outcome, Report};
use crate::{Device, FailureKind, drive};

/// Proof that a device says, after it was told to, that a node has no power. There is no other
/// way to make one than [`fence`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    device: DeviceName,
    target: NodeName,
    report: Report,
}

impl Confirmed {
    /// The device that says so.
    #[must_use]
    pub fn device(&self) -> &DeviceName {
        &self.device
    }

    /// The node that is off.
    #[must_use]
    pub fn target(&self) -> &NodeName {
        &self.target
    }

    /// How it went.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }
}

/// Why a node is not proven off. Each carries what was tried; the last try gives the variant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FenceError {
    /// The node has no device.
    #[error("{target} has no fence device")]
    NoDevice {
        /// The node.
        target: NodeName,
    },
    /// The agent cannot be found.
    #[error("{}: the agent is not installed", .0.device)]
    AgentMissing(Box<Report>),
    /// Off failed, and status did not say off.
    #[error("{}: off of {}: {kind}", .report.device, .report.target)]
    Failed {
        /// How.
        kind: FailureKind,
        /// What was tried.
        report: Box<Report>,
    },
    /// Off did not end in time, and status did not say off.
    #[error("{}: off of {} did not end within {limit:?}", .report.device, .report.target)]
    TimedOut {
        /// The time that it had.
        limit: Duration,
        /// What was tried.
        report: Box<Report>,
    },
    /// Off succeeded, but the device went on saying that the node is on.
    #[error("{}: {} is still on", .0.device, .0.target)]
    StillOn(Box<Report>),
    /// Off succeeded, but the device gave no status.
    #[error("{}: off of {} was accepted, but its status is unknown: {kind}", .report.device, .report.target)]
    StatusUnknown {
        /// What the last question for status ended with.
        kind: FailureKind,
        /// What was tried.
        report: Box<Report>,
    },
}

impl FenceError {
    /// What was tried; `None` when there was nothing to try.
    #[must_use]
    pub fn report(&self) -> Option<&Report> {
        match self {
            Self::NoDevice { .. } => None,
            Self::AgentMissing(report) | Self::StillOn(report) => Some(report),
            Self::Failed { report, .. }
            | Self::TimedOut { report, .. }
            | Self::StatusUnknown { report, .. } => Some(report),
        }
    }
}

/// Switched outlets answer at once: the first questions come close together, for each
/// millisecond here is one without service. Slow controllers are not hammered.
const STATUS_PAUSE_FIRST: Duration = Duration::from_millis(5);
const STATUS_PAUSE_LAST: Duration = Duration::from_millis(250);
/// Between two tries: a controller that dropped a session wants a moment to recover.
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// A status that fails is asked again this often in one try; a device that does not answer
/// five times in a row is better told `off` again.
const STATUS_FAILURES_MAX: u32 = 5;

/// What one device is being asked, and what came of it so far.
struct Attempt<'a> {
    device: &'a Device,
    began: Instant,
    report: Report,
}

/// How one try ended.
enum Try {
    SaysOff,
    StillOn,
    OffFailed(FailureKind),
    StatusUnknown(FailureKind),
}

impl Attempt<'_> {
    async fn ask(&mut self, action: Action) -> Outcome {
        let target = self.report.target.clone();
        let (step, _) = drive::step(self.device, action, Some(&target), self.began).await;
        let outcome = step.outcome.clone();
        self.report.steps.push(step);
        outcome
    }

    async fn once(&mut self) -> Try {
        if let Outcome::Failed(kind) = self.ask(Action::Off).await {
            if kind == FailureKind::AgentMissing {
                return Try::OffFailed(kind);
            }
            // It may have worked all the same: an agent that was too slow, a lost answer.
            return match self.ask(Action::Status).await {
                Outcome::SaysOff => Try::SaysOff,
                Outcome::SaysOn | Outcome::Done | Outcome::Failed(_) => Try::OffFailed(kind),
            };
        }
        self.await_off().await
    }

    /// Asks for status until it says off, at most for `confirm_within` and one run more.
    async fn await_off(&mut self) -> Try {
        let deadline = Instant::now() + self.device.limits.confirm_within;
        let (mut pause, mut failures) = (STATUS_PAUSE_FIRST, 0);
        loop {
            let ended = match self.ask(Action::Status).await {
                Outcome::SaysOff => return Try::SaysOff,
                Outcome::SaysOn | Outcome::Done => {
                    failures = 0;
                    Try::StillOn
                }
                Outcome::Failed(kind) => {
                    failures += 1;
                    Try::StatusUnknown(kind)
                }
            };
            if failures == STATUS_FAILURES_MAX || deadline <= Instant::now() + pause {
                return ended;
            }
            sleep(pause).await;
            pause = (pause * 2).min(STATUS_PAUSE_LAST);
        }
    }

    fn conclude(self, last: Try) -> Result<Confirmed, FenceError> {
        let report = Box::new(self.report);
        Err(match last {
            Try::SaysOff => {
                let (device, target) = (report.device.clone(), report.target.clone());
                return Ok(Confirmed {
                    device,
                    target,
                    report: *report,
                });
            }
            Try::StillOn => FenceError::StillOn(report),
            Try::StatusUnknown(kind) => FenceError::StatusUnknown { kind, report },
            Try::OffFailed(FailureKind::AgentMissing) => FenceError::AgentMissing(report),
            Try::OffFailed(FailureKind::TimedOut { limit }) => {
                FenceError::TimedOut { limit, report }
            }
            Try::OffFailed(kind) => FenceError::Failed { kind, report },
        })
    }
}

/// Switches `target` off by `device`, and returns when the device's status says off.
///
/// Takes at most `delay + (1 + retries) * (off + confirm_within + 2 * status)` and the short
/// graces for agents that do not end. May be dropped: the agent is then killed.
///
/// # Errors
/// Why it is not proven off. The node may be off all the same.
pub async fn fence(device: &Device, target: &NodeName) -> Result<Confirmed, FenceError> {
    sleep(device.delay).await;
    let report = Report {
        device: device.name.clone(),
        target: target.clone(),
        steps: Vec::new(),
    };
    let mut attempt = Attempt {
        device,
        began: Instant::now(),
        report,
    };
    let mut last = attempt.once().await;
    for _ in 0..device.retries {
        match last {
            Try::SaysOff | Try::OffFailed(FailureKind::AgentMissing) => break,
            Try::StillOn | Try::OffFailed(_) | Try::StatusUnknown(_) => {}
        }
        sleep(RETRY_PAUSE).await;
        last = attempt.once().await;
    }
    let result = attempt.conclude(last);
    match &result {
        Ok(confirmed) => tracing::info!(%target, device = %confirmed.device, "confirmed off"),
        Err(error) => tracing::warn!(%target, %error, "not fenced"),
    }
    result
}

/// Tries `devices` in order until one confirms.
///
/// # Errors
/// What came of each device, in order; one `NoDevice` when there is none.
pub async fn fence_with_any(
    devices: &[Device],
    target: &NodeName,
) -> Result<Confirmed, Vec<FenceError>> {
    let mut errors = Vec::new();
    for device in devices {
        match fence(device, target).await {
            Ok(confirmed) => return Ok(confirmed),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        errors.push(FenceError::NoDevice {
            target: target.clone(),
        });
    }
    Err(errors)
}
