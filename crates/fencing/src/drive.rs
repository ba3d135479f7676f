//! Single questions and orders to a device, each one run of its agent.

use std::time::Duration;

use model::NodeName;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::agent::{FailureKind, run};
use crate::report::{Action, Outcome, Step};
use crate::{Device, Metadata, parse_metadata};

/// What a device says about the power of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Power {
    /// It has power.
    On,
    /// It has none.
    Off,
}

/// An outlet of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plug {
    /// What the device calls it.
    pub name: String,
    /// A second name, often that of the machine behind it; may be empty.
    pub alias: String,
}

/// Enough to see what went wrong, small enough to stay in the replicated history.
const SHOWN_CHARACTERS_MAX: usize = 2000;
/// The status of an outlet that is off.
const EXIT_OFF: i32 = 2;

fn shorten(text: &str) -> String {
    text.trim().chars().take(SHOWN_CHARACTERS_MAX).collect()
}

/// One run, as a step of a report that began at `began`. Also gives the whole standard output.
pub(crate) async fn step(
    device: &Device,
    action: Action,
    target: Option<&NodeName>,
    began: Instant,
) -> (Step, String) {
    let limit = match action {
        Action::Off | Action::On => device.limits.off,
        Action::Status | Action::Monitor | Action::List | Action::Metadata => device.limits.status,
    };
    let start = Instant::now();
    let ran = run(&device.agent, device.lines_for(target), action, limit).await;
    let outcome = match (action, ran.result) {
        (Action::Status, Ok(0)) => Outcome::SaysOn,
        (Action::Status, Ok(EXIT_OFF)) => Outcome::SaysOff,
        (_, Ok(0)) => Outcome::Done,
        (_, Ok(exit)) => Outcome::Failed(FailureKind::Failed { exit }),
        (_, Err(kind)) => Outcome::Failed(kind),
    };
    let said = shorten(&format!("{}\n{}", ran.stderr.trim(), ran.stdout));
    let at = start.saturating_duration_since(began);
    let took: Duration = start.elapsed();
    let step = Step {
        at,
        took,
        action,
        outcome,
        output: said,
    };
    tracing::debug!(device = %device.name, agent = %device.agent, %step, "fence agent ran");
    (step, ran.stdout)
}

async fn ask(
    device: &Device,
    action: Action,
    target: Option<&NodeName>,
) -> Result<(Outcome, String), FailureKind> {
    let (step, stdout) = step(device, action, target, Instant::now()).await;
    match step.outcome {
        Outcome::Failed(kind) => Err(kind),
        outcome @ (Outcome::Done | Outcome::SaysOn | Outcome::SaysOff) => Ok((outcome, stdout)),
    }
}

/// Asks whether `target` has power. One run; proves nothing about a fence.
///
/// # Errors
/// When the agent gave no answer.
pub async fn status(device: &Device, target: &NodeName) -> Result<Power, FailureKind> {
    match ask(device, Action::Status, Some(target)).await?.0 {
        Outcome::SaysOff => Ok(Power::Off),
        Outcome::SaysOn | Outcome::Done | Outcome::Failed(_) => Ok(Power::On),
    }
}

/// Gives power to `target`.
///
/// # Errors
/// When the agent failed.
pub async fn power_on(device: &Device, target: &NodeName) -> Result<(), FailureKind> {
    ask(device, Action::On, Some(target)).await.map(drop)
}

/// Asks whether the device itself works.
///
/// # Errors
/// When it does not, or does not say.
pub async fn monitor(device: &Device) -> Result<(), FailureKind> {
    ask(device, Action::Monitor, None).await.map(drop)
}

/// Asks for the outlets.
///
/// # Errors
/// When the agent failed.
pub async fn list(device: &Device) -> Result<Vec<Plug>, FailureKind> {
    let (_, text) = ask(device, Action::List, None).await?;
    let plug = |line: &str| {
        let (name, alias) = line.split_once(',').unwrap_or((line, ""));
        Plug {
            name: name.trim().into(),
            alias: alias.trim().into(),
        }
    };
    Ok(text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(plug)
        .collect())
}

/// Asks the agent to describe itself.
///
/// # Errors
/// When the agent failed.
pub async fn metadata(device: &Device) -> Result<Metadata, FailureKind> {
    let (_, text) = ask(device, Action::Metadata, None).await?;
    Ok(parse_metadata(&text))
}
