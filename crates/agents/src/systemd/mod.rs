//! Units of systemd, operated and watched over D-Bus.
//!
//! Nothing is polled: systemd tells when a job has ended and when a unit changes. What a
//! signal says is only a reason to look; the unit itself is asked.
//!
//! ```text
//!   listen to JobRemoved ─► StartUnit ─► JobRemoved of this job ─► look at the unit
//!   listen to PropertiesChanged of the unit ─► any ─► look ─► up, or an end
//! ```

pub(crate) mod ahead;
mod bus;
mod reload;
mod unit;

use std::path::Path;
use std::time::Duration;

use model::operation::{Operation, Outcome, Verb};
use model::spec::SystemdSpec;
use tokio::time::{Instant, sleep, timeout_at};

pub(crate) use bus::Bus;
use bus::{BusError, Changes, JobEnds, UnitProcess};
use unit::{Activity, Unit};
use zbus::OwnedObjectPath;

use crate::context::{ASK_AGAIN, Context, Done, chain};
use crate::record::Trace;
use crate::worker::Stops;

/// For what systemd was told to end by TERM, beyond the stop that it did not manage.
const TERM_GRACE: Duration = Duration::from_secs(2);
/// Processes for people; more do not help whoever reads it.
const SHOWN_MAX: usize = 5;

/// A unit that is up and watched.
pub(crate) struct Held {
    path: OwnedObjectPath,
    unit: String,
    changes: Option<Changes>,
    /// Something changed, and we have not looked since.
    doubt: bool,
    /// How often systemd had started it again by itself when we last looked.
    restarts: u32,
    /// Until when a restart by systemd itself is waited for, and how the unit had ended.
    mending: Option<(Instant, String)>,
    /// How long such a restart may take.
    patience: Duration,
}

impl Held {
    /// Waits until it is no longer up and tells how. A restart by systemd itself is awaited,
    /// and noted.
    pub(crate) async fn ended(&mut self, context: &Context) -> String {
        // May be dropped at any await and called again: all that matters is in `self`.
        let bus = &context.shared.systemd;
        loop {
            if self.doubt {
                match Unit::look(bus, &self.path).await {
                    Ok(unit) => match self.judge(context, &unit) {
                        Some(how) => return how,
                        None => self.doubt = false,
                    },
                    Err(error) => {
                        // Not knowing is no failure of the unit.
                        tracing::warn!(unit = self.unit, error = chain(&error), "cannot look");
                        sleep(ASK_AGAIN).await;
                        continue;
                    }
                }
            }
            let Some(changes) = &mut self.changes else {
                match bus.changes(&self.path).await {
                    Ok(changes) => self.changes = Some(changes),
                    Err(_) => sleep(ASK_AGAIN).await,
                }
                self.doubt = true;
                continue;
            };
            let until = self.mending.as_ref().map(|(until, _)| *until);
            tokio::select! {
                changed = changes.changed() => {
                    if changed.is_none() {
                        self.changes = None;
                    }
                }
                () = reached(until) => {}
            }
            self.doubt = true;
        }
    }

    /// How the unit ended, if it did.
    fn judge(&mut self, context: &Context, unit: &Unit) -> Option<String> {
        let restarts = unit.restarts();
        match unit.activity {
            Activity::Active => {
                if self.restarts < restarts {
                    let setting = unit.own_restart().unwrap_or("no");
                    context.log.line(&format!(
                        "systemd itself started it again (Restart={setting}), {restarts} times by now: not counted as a failure"
                    ));
                }
                self.restarts = restarts;
                self.mending = None;
                None
            }
            Activity::Restarting | Activity::Starting => {
                let why = unit.why_not_up();
                let (until, how) = self.mending.get_or_insert_with(|| {
                    context.log.line(&why);
                    (Instant::now() + self.patience, why)
                });
                (*until <= Instant::now()).then(|| format!("{how}, but it is not up again"))
            }
            // Before its restart by systemd it may be seen on its way down; what comes of it is
            // told by the next signal.
            Activity::Stopping => None,
            Activity::Inactive | Activity::Failed => Some(unit.why_not_up()),
        }
    }
}

async fn reached(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// Carries out an operation.
pub(crate) async fn operate(
    context: &Context,
    operation: &Operation,
    spec: &SystemdSpec,
    held: &mut Option<Held>,
    stops: &mut Stops,
) -> Done {
    let done = match operation.verb {
        Verb::Probe | Verb::Status => {
            let act = look(context, operation, spec, held);
            match tokio::time::timeout(operation.limit, act).await {
                Ok(done) => done,
                Err(_) => Ok(Outcome::TimedOut.into()),
            }
        }
        Verb::Start => tokio::select! {
            done = start(context, operation, spec, held) => done,
            () = stops.requested() => Ok(Done::failed("a stop was asked for before it was up")),
        },
        Verb::Stop => {
            *held = None;
            stop(context, operation, spec).await
        }
        Verb::Reload => reload::reload(context, operation, spec).await,
        _other => Ok(Done::unknown(operation)),
    };
    done.unwrap_or_else(|error| Done::error(&error))
}

fn hold(
    operation: &Operation,
    spec: &SystemdSpec,
    seen: (OwnedObjectPath, Changes, &Unit),
) -> Held {
    let (path, changes, unit) = seen;
    Held {
        path,
        unit: spec.unit.clone(),
        changes: Some(changes),
        // It may have changed between the look and now.
        doubt: true,
        restarts: unit.restarts(),
        mending: None,
        patience: operation.spec.limits.start,
    }
}

async fn look(
    context: &Context,
    operation: &Operation,
    spec: &SystemdSpec,
    held: &mut Option<Held>,
) -> Result<Done, BusError> {
    let bus = &context.shared.systemd;
    let path = match bus.load(&spec.unit).await {
        Err(BusError::Unreachable(_))
            if operation.verb == Verb::Probe && cannot_be_here(context) =>
        {
            let done = Done::from(Outcome::Stopped);
            return Ok(done.with_output("there is no systemd here\n".to_owned()));
        }
        loaded => loaded?,
    };
    // Listen before looking, or a change in between is missed.
    let changes = bus.changes(&path).await?;
    let unit = Unit::look(bus, &path).await?;
    let done = match unit.activity {
        Activity::Active | Activity::Starting | Activity::Restarting => {
            if held.is_none() {
                *held = Some(hold(operation, spec, (path, changes, &unit)));
            }
            return Ok(Outcome::Running.into());
        }
        Activity::Stopping => Done::failed(unit.why_not_up()),
        // A question at the start of the daemon is about what runs: a unit that failed does not.
        Activity::Failed if operation.verb == Verb::Probe => Outcome::Stopped.into(),
        Activity::Failed => Done::failed(unit.why_not_up()),
        Activity::Inactive => Outcome::Stopped.into(),
    };
    *held = None;
    if done.outcome == Outcome::Stopped {
        context.strike_out();
    }
    Ok(done)
}

/// Where systemd does not manage the machine (sd_booted(3)) no unit runs; and nothing is written
/// down of one that was started.
fn cannot_be_here(context: &Context) -> bool {
    let is_managed = Path::new("/run/systemd/system").exists();
    !is_managed && context.shared.records.read(&context.address).is_none()
}

async fn start(
    context: &Context,
    operation: &Operation,
    spec: &SystemdSpec,
    held: &mut Option<Held>,
) -> Result<Done, BusError> {
    let until = Instant::now() + operation.limit;
    let bus = &context.shared.systemd;
    *held = None;
    let path = bus.load(&spec.unit).await?;
    let changes = bus.changes(&path).await?;
    let before = Unit::look(bus, &path).await?;
    if before.activity == Activity::Active {
        context.log.line("active already: adopted");
        *held = Some(hold(operation, spec, (path, changes, &before)));
        return Ok(Outcome::Running.into());
    }
    if let Some(why) = before.obstacle(&spec.unit) {
        return Ok(Done::failed(why));
    }
    warn_of_settings(context, &spec.unit, &before);
    if let Err(error) = context.record(operation, Trace::Up) {
        return Ok(Done::failed(format!("cannot write its record: {error}")));
    }
    // How often it may be started, the service's own `restart` says. Refused when it never
    // failed.
    let _ = bus.reset(&spec.unit).await;
    bus.pin(&spec.unit).await?;
    let ended = order_start(context, spec, &path, until).await;
    // Refused when the connection broke meanwhile, which lets go as well.
    let _ = bus.unpin(&spec.unit).await;
    let Some((result, unit)) = ended? else {
        return Ok(Outcome::TimedOut.into());
    };
    // A start that a condition forbids is "done", too: only the unit itself tells.
    if unit.activity == Activity::Active {
        *held = Some(hold(operation, spec, (path, changes, &unit)));
        return Ok(Outcome::Running.into());
    }
    context.strike_out();
    Ok(Done::failed(describe(result.as_deref(), &unit)))
}

/// Starts a unit and waits for the end of that; nothing at the limit.
async fn order_start(
    context: &Context,
    spec: &SystemdSpec,
    path: &OwnedObjectPath,
    until: Instant,
) -> Result<Option<(Option<String>, Unit)>, BusError> {
    let bus = &context.shared.systemd;
    // Before the order, or a job that is done at once is missed.
    let mut ends = bus.job_ends(&spec.unit).await?;
    let job = bus.start(&spec.unit).await?;
    let ended = timeout_at(until, ends.result_of(&job)).await;
    let unit = Unit::look(bus, path).await?;
    match ended {
        Ok(result) => Ok(Some((result, unit))),
        Err(_) => {
            context.log.line(&unit.why_not_up());
            Ok(None)
        }
    }
}

/// Why a start that has ended did not bring it up.
fn describe(result: Option<&str>, unit: &Unit) -> String {
    match result {
        Some("dependency") => "a unit that it requires did not start".to_owned(),
        Some("canceled") => "its start was cancelled by another order to systemd".to_owned(),
        Some("timeout") => format!("systemd gave up waiting: {}", unit.why_not_up()),
        Some("done" | "failed" | "skipped" | "assert" | _) | None => unit.why_not_up(),
    }
}

/// Settings that let systemd act beside us are allowed, and told.
fn warn_of_settings(context: &Context, unit: &str, found: &Unit) {
    let mut warnings = Vec::new();
    if found.is_enabled() {
        warnings.push(format!(
            "{unit} is enabled: systemd starts it at boot, whatever the cluster says; `systemctl disable {unit}`"
        ));
    }
    if let Some(setting) = found.own_restart() {
        warnings.push(format!(
            "{unit} has Restart={setting}: systemd mends it by itself, unseen by the restart budget of the service"
        ));
    }
    for warning in warnings {
        context.log.line(&warning);
        tracing::warn!(resource = %context.address, "{warning}");
    }
}

/// Down, with what it leaves running named.
async fn stop(
    context: &Context,
    operation: &Operation,
    spec: &SystemdSpec,
) -> Result<Done, BusError> {
    let bus = &context.shared.systemd;
    let path = bus.load(&spec.unit).await?;
    let mut unit = Unit::look(bus, &path).await?;
    if !is_down(&unit) {
        unit = stop_by_stages(context, operation, spec, &path).await?;
        if !is_down(&unit) {
            let left = list(&bus.processes(&spec.unit).await.unwrap_or_default());
            return Ok(Done::failed(format!(
                "{}, even after KILL; processes: {left}",
                unit.why_not_up()
            )));
        }
        tell_spared(context, &spec.unit, &unit).await;
    }
    if unit.activity == Activity::Failed {
        context.log.line(&format!("down: {}", unit.why_not_up()));
        let _ = bus.reset(&spec.unit).await;
    }
    context.strike_out();
    Ok(Outcome::Stopped.into())
}

/// Systemd's own stop, TERM to all, KILL to all, each within its own limit.
async fn stop_by_stages(
    context: &Context,
    operation: &Operation,
    spec: &SystemdSpec,
    path: &OwnedObjectPath,
) -> Result<Unit, BusError> {
    let limit = operation.spec.limits.stop;
    let bus = &context.shared.systemd;
    let mut ends = bus.job_ends(&spec.unit).await?;
    let job = bus.stop(&spec.unit).await?;
    let stopping = (spec.unit.as_str(), &job, path);
    let mut unit = wait_for_stop(bus, &mut ends, stopping, limit).await?;
    let stages = [
        ("TERM", libc::SIGTERM, TERM_GRACE),
        ("KILL", libc::SIGKILL, limit),
    ];
    for (name, signal, grace) in stages {
        if is_down(&unit) {
            break;
        }
        let left = list(&bus.processes(&spec.unit).await.unwrap_or_default());
        let state = unit.why_not_up();
        context.log.line(&format!("{state}: {name} to {left}"));
        // Refused when there is nobody to be signalled.
        if let Err(error) = bus.kill(&spec.unit, signal).await {
            context.log.line(&chain(&error));
        }
        unit = wait_for_stop(bus, &mut ends, stopping, grace).await?;
    }
    Ok(unit)
}

fn is_down(unit: &Unit) -> bool {
    matches!(unit.activity, Activity::Inactive | Activity::Failed)
}

/// Waits for the end of a stop, at most so long, and looks what the unit is then.
async fn wait_for_stop(
    bus: &Bus,
    ends: &mut JobEnds,
    (name, job, path): (&str, &OwnedObjectPath, &OwnedObjectPath),
    limit: Duration,
) -> Result<Unit, BusError> {
    let until = Instant::now() + limit;
    loop {
        let unit = Unit::look(bus, path).await?;
        if is_down(&unit) {
            return Ok(unit);
        }
        match timeout_at(until, ends.result_of(job)).await {
            Err(_) | Ok(Some(_)) => return Unit::look(bus, path).await,
            // The bus broke; systemd goes on with the job.
            Ok(None) => {
                sleep(ASK_AGAIN).await;
                *ends = bus.job_ends(name).await?;
            }
        }
    }
}

/// What a unit leaves running on purpose is not ours to end; who looks for it finds its name.
async fn tell_spared(context: &Context, name: &str, unit: &Unit) {
    let left = context.shared.systemd.processes(name).await;
    let left = left.unwrap_or_default();
    if left.is_empty() {
        return;
    }
    let why = match unit.sparing() {
        Some(mode) => format!("as its KillMode={mode} says"),
        None => "by systemd".to_owned(),
    };
    let text = format!("left running {why}: {}", list(&left));
    context.log.line(&text);
    tracing::warn!(resource = %context.address, "{text}");
}

fn list(processes: &[UnitProcess]) -> String {
    if processes.is_empty() {
        return "nobody".to_owned();
    }
    let show = |process: &UnitProcess| format!("{} ({})", process.pid, process.command);
    let shown: Vec<String> = processes.iter().take(SHOWN_MAX).map(show).collect();
    let more = processes.len().saturating_sub(SHOWN_MAX);
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
