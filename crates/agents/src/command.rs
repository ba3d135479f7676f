//! Commands: three programs that start, stop and tell the state. Nothing goes through a shell.

use std::path::Path;
use std::time::Duration;

use host::cgroup::Watch;
use host::process::Ended;
use model::operation::{Operation, Outcome, Verb};
use model::spec::CommandSpec;
use tokio::time::{sleep, timeout};

use crate::change;
use crate::context::{Context, Done, MARKER};
use crate::handover;
use crate::log;
use crate::members::{self, Stage, end_all};
use crate::program::{Launch, LaunchError};
use crate::record::Trace;
use crate::reload::reload_command;
use crate::role;

/// For a program that overran its limit to tidy up after TERM, before KILL.
const TERM_GRACE: Duration = Duration::from_secs(2);
/// For processes that the stop program left to end by themselves, before they are told to.
pub(crate) const REMNANTS_LIMIT: Duration = Duration::from_secs(1);

/// Before a stop program that failed is run once more: what failed at once would otherwise
/// fail at once again. Little against the fence that follows when both fail.
pub(crate) const STOP_AGAIN_PAUSE: Duration = Duration::from_millis(500);

/// What is watched of something that was started by a command: the end of the last process
/// that its start left in its cgroup. Something started through others leaves none.
pub(crate) struct Running {
    watch: Option<Watch>,
}

impl Running {
    pub(crate) fn new(context: &Context) -> Self {
        let cgroup = context.cgroup().filter(host::cgroup::Cgroup::is_populated);
        let watch = cgroup.and_then(|cgroup| cgroup.watch().ok());
        Self { watch }
    }

    /// Waits until its last process has ended; forever when none is known. Whether that is
    /// a failure, its status program must tell.
    pub(crate) async fn ended(&mut self) {
        if let Some(watch) = &mut self.watch
            && watch.emptied().await.is_ok()
        {
            return;
        }
        std::future::pending().await
    }
}

/// How a program that was run to its end ended.
pub(crate) enum Run {
    Ended(Ended),
    TimedOut,
    NotStarted(LaunchError),
}

/// Carries out an operation.
pub(crate) async fn operate(
    context: &Context,
    operation: &Operation,
    spec: &CommandSpec,
    held: &mut Option<Running>,
) -> Done {
    let moves = spec.migration.is_some();
    if moves
        && matches!(operation.verb, Verb::Probe | Verb::Stop)
        && let Err(how) = handover::end_leftovers(context).await
    {
        return Done::failed(how);
    }
    match operation.verb {
        Verb::MigrateTo => {
            *held = None;
            handover::hand_over(context, operation, spec).await
        }
        Verb::MigrateFrom => handover::take_in(context, operation, spec, held).await,
        Verb::Probe if cannot_be_here(context, spec) => {
            let text = format!("there is no program {}\n", spec.status[0]);
            Done::from(Outcome::Stopped).with_output(text)
        }
        Verb::Probe | Verb::Status => {
            let done = status(context, spec, operation.limit).await;
            if !is_up(&done.outcome) {
                *held = None;
            } else if held.is_none() {
                *held = Some(Running::new(context));
            }
            done
        }
        Verb::Start => start(context, operation, spec, held).await,
        Verb::Stop => {
            *held = None;
            stop(context, operation, spec).await
        }
        Verb::Reload => reload_command(context, operation, spec).await,
        Verb::Promote | Verb::Demote => role::change(context, operation, spec).await,
        _other => Done::unknown(operation),
    }
}

/// What cannot be asked for here was never started here: its program is missing, and nothing is
/// written down of it.
fn cannot_be_here(context: &Context, spec: &CommandSpec) -> bool {
    let program = spec.status.first().map(Path::new);
    let is_missing = program.is_some_and(|path| path.is_absolute() && !path.exists());
    is_missing && context.shared.records.read(&context.address).is_none()
}

/// Whether it runs, in whatever role.
pub(crate) fn is_up(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Running | Outcome::Promoted)
}

/// Asks the status program: exit 0 is running, 3 stopped, 8 running promoted where there are
/// roles, all else a failure.
pub(crate) async fn status(context: &Context, spec: &CommandSpec, limit: Duration) -> Done {
    let launch = launch(context, &spec.status, "status");
    let (run, output) = run(context, launch, limit).await;
    let outcome = match run {
        Run::Ended(Ended::Exited(0)) => Outcome::Running,
        Run::Ended(Ended::Exited(3)) => Outcome::Stopped,
        Run::Ended(Ended::Exited(8)) if spec.roles.is_some() => Outcome::Promoted,
        Run::Ended(other) => Outcome::Failed(format!("status: {other}")),
        Run::TimedOut => Outcome::TimedOut,
        Run::NotStarted(error) => return Done::error(&error),
    };
    Done::from(outcome).with_output(output)
}

pub(crate) fn launch(context: &Context, argv: &[String], verb: &str) -> Launch {
    Launch::new(argv, context.log.log_path())
        .variable("MAINSTAY_SERVICE", context.address.service.to_string())
        .variable("MAINSTAY_VERB", verb.to_owned())
}

async fn start(
    context: &Context,
    operation: &Operation,
    spec: &CommandSpec,
    held: &mut Option<Running>,
) -> Done {
    let limit = operation.spec.limits.status.min(operation.limit);
    let found = status(context, spec, limit).await;
    if is_up(&found.outcome) {
        context.log.line("runs already: adopted");
        if let Err(error) = context.record(operation, Trace::Up) {
            tracing::warn!(resource = %context.address, %error, "cannot write its record");
        }
        *held = Some(Running::new(context));
        return found;
    }
    if let Err(error) = context.record(operation, Trace::Intended) {
        return Done::failed(format!("cannot write its record: {error}"));
    }
    let marker = format!("{}{}", context.marker(), operation.epoch);
    let mut launch = launch(context, &spec.start, "start").variable(MARKER, marker);
    launch.cgroup = context.cgroup();
    let (run, output) = change::run(context, launch, operation.limit).await;
    let outcome = match run {
        Run::Ended(Ended::Exited(0)) => Outcome::Running,
        Run::Ended(other) => Outcome::Failed(format!("start: {other}")),
        Run::TimedOut => Outcome::TimedOut,
        Run::NotStarted(error) => return Done::error(&error),
    };
    if outcome == Outcome::Running {
        *held = Some(Running::new(context));
        if let Err(error) = context.record(operation, Trace::Up) {
            tracing::warn!(resource = %context.address, %error, "cannot write its record");
        }
    }
    Done::from(outcome).with_output(output)
}

/// A stop by stages, each of which ends within its own limit and says in the log what was
/// found. Only what even the last one does not show to be stopped is a failed stop, which
/// costs the node a fence.
///
/// ```text
///   stop ──fails──► status ──not stopped──► stop again ──fails──┐
///     │ exit 0        │ stopped               │ exit 0          │
///     ▼               ▼                       ▼                 ▼
///   TERM, then KILL to what is left of the start         TERM, KILL, status
/// ```
async fn stop(context: &Context, operation: &Operation, spec: &CommandSpec) -> Done {
    let path = context.log.log_path();
    let since = log::mark(&path);
    let found = stop_by_stages(context, operation, spec).await;
    // With the remarks between what the programs printed, in order.
    let output = log::tail_since(&path, since);
    match found {
        Ok(()) => {
            context.strike_out();
            if let Some(cgroup) = context.cgroup() {
                cgroup.remove();
            }
            Done::from(Outcome::Stopped).with_output(output)
        }
        Err(how) => Done::failed(how).with_output(output),
    }
}

async fn stop_by_stages(
    context: &Context,
    operation: &Operation,
    spec: &CommandSpec,
) -> Result<(), String> {
    let limits = operation.spec.limits;
    let asked = ask_to_stop(context, operation, spec).await;
    let left = members::members(context).await;
    if !left.is_empty() {
        let left = members::list(&left);
        context.log.line(&format!("TERM, then KILL to {left}"));
    }
    let left = end_all(context, Stage::Term(REMNANTS_LIMIT), limits.stop).await;
    if !left.is_empty() {
        let left = members::list(&left);
        return Err(format!("these do not end, even by KILL: {left}"));
    }
    let Err(how) = asked else {
        return Ok(());
    };
    match is_stopped(context, spec, limits.status).await {
        Ok(()) => {
            tracing::warn!(resource = %context.address, how, "stopped, but not by its stop program");
            Ok(())
        }
        Err(found) => Err(format!("{how}; {found}")),
    }
}

/// The stop program, and once more when it failed and the status does not say that it
/// stopped nevertheless. Else how it failed.
async fn ask_to_stop(
    context: &Context,
    operation: &Operation,
    spec: &CommandSpec,
) -> Result<(), String> {
    let limits = operation.spec.limits;
    let Err(first) = stop_once(context, spec, limits.stop).await else {
        return Ok(());
    };
    context.log.line(&first);
    if is_stopped(context, spec, limits.status).await.is_ok() {
        return Ok(());
    }
    sleep(STOP_AGAIN_PAUSE).await;
    context.log.line("the stop program is run once more");
    let Err(second) = stop_once(context, spec, limits.stop).await else {
        return Ok(());
    };
    context.log.line(&second);
    if first == second {
        Err(format!("{first}, twice"))
    } else {
        Err(format!("{first}, then {second}"))
    }
}

async fn stop_once(context: &Context, spec: &CommandSpec, limit: Duration) -> Result<(), String> {
    let launch = launch(context, &spec.stop, "stop");
    match change::run(context, launch, limit).await.0 {
        Run::Ended(Ended::Exited(0)) => Ok(()),
        Run::Ended(other) => Err(format!("stop: {other}")),
        Run::TimedOut => Err(format!("stop: not done within {limit:?}")),
        Run::NotStarted(error) => Err(crate::context::chain(&error)),
    }
}

/// Whether the status program says stopped; else what it says. The answer is logged.
async fn is_stopped(context: &Context, spec: &CommandSpec, limit: Duration) -> Result<(), String> {
    let found = match status(context, spec, limit).await.outcome {
        Outcome::Stopped => {
            let text = "status: stopped, although the stop program failed";
            context.log.line(text);
            return Ok(());
        }
        Outcome::Running | Outcome::Promoted => "status: running".to_owned(),
        Outcome::Failed(how) => how,
        Outcome::TimedOut => format!("status: no answer within {limit:?}"),
    };
    context.log.line(&found);
    Err(found)
}

/// Runs a program that asks to its end, or TERM and KILL to its process group at its limit. What it
/// prints goes into the log; its end is returned too.
pub(crate) async fn run(context: &Context, launch: Launch, limit: Duration) -> (Run, String) {
    let path = context.log.log_path();
    let since = log::mark(&path);
    let run = match timeout(limit, launch.launch()).await {
        Err(_) => Run::TimedOut,
        Ok(Err(error)) => Run::NotStarted(error),
        Ok(Ok(process)) => match timeout(limit, process.ended()).await {
            Ok(ended) => Run::Ended(ended),
            Err(_) => {
                members::end_session(&process, TERM_GRACE).await;
                Run::TimedOut
            }
        },
    };
    (run, log::tail_since(&path, since))
}
