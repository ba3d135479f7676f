//! What was done, when, and what the agent said: kept for the history.

use std::fmt;
use std::time::Duration;

use model::{DeviceName, NodeName};
use serde::{Deserialize, Serialize};

use crate::FailureKind;

/// What an agent is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Cut the power.
    Off,
    /// Give power.
    On,
    /// Say whether the power is on.
    Status,
    /// Say whether the device itself works.
    Monitor,
    /// Name the outlets.
    List,
    /// Describe the agent.
    Metadata,
}

impl Action {
    /// The word of the fence-agents API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
            Self::Status => "status",
            Self::Monitor => "monitor",
            Self::List => "list",
            Self::Metadata => "metadata",
        }
    }
}

/// How one run of an agent ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It did what was asked.
    Done,
    /// Status: on.
    SaysOn,
    /// Status: off.
    SaysOff,
    /// It failed.
    Failed(FailureKind),
}

/// One run of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When it began, counted from the begin of the report.
    pub at: Duration,
    /// How long it ran.
    pub took: Duration,
    /// What was asked.
    pub action: Action,
    /// How it ended.
    pub outcome: Outcome,
    /// What the agent printed (standard error, then standard output), shortened, secrets removed.
    pub output: String,
}

/// All runs that one fence took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The device.
    pub device: DeviceName,
    /// Who was to be fenced.
    pub target: NodeName,
    /// In order.
    pub steps: Vec<Step>,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, took) = (self.at.as_millis(), self.took.as_millis());
        write!(f, "{at} ms: {} took {took} ms: ", self.action.word())?;
        match &self.outcome {
            Outcome::Done => write!(f, "done"),
            Outcome::SaysOn => write!(f, "says on"),
            Outcome::SaysOff => write!(f, "says off"),
            Outcome::Failed(kind) => write!(f, "{kind}"),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "fence {} by {}", self.target, self.device)?;
        self.steps
            .iter()
            .try_for_each(|step| writeln!(f, "  {step}"))
    }
}
