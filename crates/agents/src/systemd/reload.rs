//! A unit is told to read its own configuration again, by what its `ExecReload=` says.

use model::operation::{Operation, Outcome};
use model::spec::SystemdSpec;
use tokio::time::{Instant, timeout_at};

use super::bus::BusError;
use super::unit::{Activity, Unit};
use crate::context::{Context, Done};

/// Done when systemd says so and the unit is up. The watch on it goes on meanwhile.
pub(super) async fn reload(
    context: &Context,
    operation: &Operation,
    spec: &SystemdSpec,
) -> Result<Done, BusError> {
    let until = Instant::now() + operation.limit;
    let bus = &context.shared.systemd;
    let name = &spec.unit;
    let path = bus.load(name).await?;
    let before = Unit::look(bus, &path).await?;
    if before.activity != Activity::Active {
        return Ok(Done::failed(before.why_not_up()));
    }
    if !before.can_reload() {
        return Ok(Done::failed(format!("{name} has no ExecReload=")));
    }
    // Before the order, or a job that is done at once is missed.
    let mut ends = bus.job_ends(name).await?;
    let job = bus.reload(name).await?;
    let ended = timeout_at(until, ends.result_of(&job)).await;
    let after = Unit::look(bus, &path).await?;
    if !matches!(after.activity, Activity::Active) {
        return Ok(Done::failed(after.why_not_up()));
    }
    Ok(match ended {
        Err(_) => Outcome::TimedOut.into(),
        Ok(Some(result)) if result != "done" => {
            Done::failed(format!("systemd says of its reload: {result}"))
        }
        // The bus broke in between: the unit is up, and that is what counts.
        Ok(Some(_) | None) => Outcome::Running.into(),
    })
}
