//! Processes: programs that stay in the foreground.

use std::time::Duration;

use host::cgroup::Cgroup;
use host::process::Process;
use host::spawn::{Counted, Limit};
use model::operation::{Operation, Outcome, Verb};
use model::reload::Signal;
use model::spec::{ProcessLimits, ProcessSpec};
use tokio::time::{Instant, timeout, timeout_at};

use crate::context::{Context, Done, MARKER, chain};
use crate::log::{self, Mark};
use crate::members::{self, Stage, end_all};
use crate::program::Launch;
use crate::ready::Waiting;
use crate::record::Trace;
use crate::reload::{reload, signal_number};
use crate::worker::Stops;

/// For what an earlier start left behind: it is in the way of this one.
const REMNANTS_LIMIT: Duration = Duration::from_secs(1);

/// A process that is up and watched.
pub(crate) struct Running {
    pub(crate) process: Process,
    since: Mark,
}

impl Running {
    fn new(context: &Context, process: Process) -> Self {
        let since = log::mark(&context.log.out_path());
        Self { process, since }
    }

    /// Waits for its end and tells how it was.
    pub(crate) async fn ended(&self) -> String {
        self.process.ended().await.to_string()
    }

    /// What it printed lately.
    pub(crate) fn output(&self, context: &Context) -> String {
        log::tail_since(&context.log.out_path(), self.since)
    }
}

/// Carries out an operation. `held` is the process as far as it is known, and afterwards.
pub(crate) async fn operate(
    context: &Context,
    operation: &Operation,
    spec: &ProcessSpec,
    held: &mut Option<Running>,
    stops: &mut Stops,
) -> Done {
    match operation.verb {
        Verb::Probe | Verb::Status => look(context, operation, held).await,
        Verb::Start => start(context, operation, spec, held, stops).await,
        Verb::Stop => stop(context, operation, spec, held).await,
        Verb::Reload => reload(context, operation, spec, held).await,
        _other => Done::unknown(operation),
    }
}

/// Takes hold of the process if an earlier run of the daemon, or an operation that was cut
/// short, left it running.
pub(crate) async fn adopt(context: &Context, operation: &Operation, held: &mut Option<Running>) {
    if held.is_some() {
        return;
    }
    let recorded = context.shared.records.read(&context.address);
    let process = match recorded.map(|record| record.trace) {
        // When that one has ended, others that lead a session are only its descendants.
        Some(Trace::Process { pid, started }) => Process::adopt(pid, started),
        Some(Trace::Intended | Trace::Up) | None => {
            let leader = members::leader(context, &members::members(context).await);
            leader.and_then(|stat| Process::adopt(stat.pid, stat.started))
        }
    };
    let Some(process) = process else { return };
    let (pid, started) = (process.pid(), process.started());
    context
        .log
        .line(&format!("process {pid} runs already: adopted"));
    note(context, operation, pid, started);
    *held = Some(Running::new(context, process));
}

/// A missing record costs a search after the next restart of the daemon, nothing else: the
/// process is found by its cgroup or its marker.
fn note(context: &Context, operation: &Operation, pid: i32, started: u64) {
    if let Err(error) = context.record(operation, Trace::Process { pid, started }) {
        tracing::warn!(resource = %context.address, %error, "cannot write its record");
    }
}

async fn look(context: &Context, operation: &Operation, held: &mut Option<Running>) -> Done {
    adopt(context, operation, held).await;
    if let Some(running) = held {
        return match running.process.check() {
            None => Outcome::Running.into(),
            Some(ended) => Done::failed(ended.to_string()).with_output(running.output(context)),
        };
    }
    let left = members::members(context).await;
    if left.is_empty() {
        context.strike_out();
        return Outcome::Stopped.into();
    }
    let left = members::list(&left);
    Done::failed(format!(
        "its main process has ended, others are left: {left}"
    ))
}

async fn start(
    context: &Context,
    operation: &Operation,
    spec: &ProcessSpec,
    held: &mut Option<Running>,
    stops: &mut Stops,
) -> Done {
    let until = Instant::now() + operation.limit;
    held.take_if(|running| running.process.check().is_some());
    adopt(context, operation, held).await;
    let mut waiting = Waiting::for_adopted(&spec.ready);
    if held.is_none() {
        match launch(context, operation, spec, until).await {
            Ok(launched) => {
                waiting = launched.1;
                *held = Some(launched.0);
            }
            Err(done) => return done,
        }
    }
    let running = held.as_ref().expect("it was adopted or launched just now");
    let readiness = tokio::select! {
        readiness = wait_until_ready(context, running, waiting, until) => readiness,
        () = stops.requested() => Readiness::Unwanted,
    };
    match readiness {
        Readiness::Ready => Outcome::Running.into(),
        Readiness::Ended(how) => {
            let output = running.output(context);
            *held = None;
            Done::failed(format!("{how} before it was ready")).with_output(output)
        }
        Readiness::Late => {
            let output = running.output(context);
            *held = None;
            let limit = operation.spec.limits.stop;
            end_all(context, Stage::Term(limit), limit).await;
            Done::from(Outcome::TimedOut).with_output(output)
        }
        Readiness::Unwanted => Done::failed("a stop was asked for before it was ready"),
    }
}

async fn launch(
    context: &Context,
    operation: &Operation,
    spec: &ProcessSpec,
    until: Instant,
) -> Result<(Running, Waiting), Done> {
    // What an earlier main process left behind would hold its files and ports.
    let left = end_all(context, Stage::Term(REMNANTS_LIMIT), REMNANTS_LIMIT).await;
    if !left.is_empty() {
        let left = members::list(&left);
        return Err(Done::failed(format!(
            "processes of an earlier start cannot be ended: {left}"
        )));
    }
    // First the intent: whoever finds it later searches for the process itself.
    let intent = context.record(operation, Trace::Intended);
    intent.map_err(|error| Done::failed(format!("cannot write its record: {error}")))?;
    let output = context.log.out_path();
    let since = log::mark(&output);
    let mut launch = Launch::new(&spec.argv, output);
    launch.environment.extend(spec.environment.clone());
    launch = launch.variable(MARKER, format!("{}{}", context.marker(), operation.epoch));
    let notices = context.shared.run_dir.join("notify");
    let name = format!("{}-{}", operation.epoch, operation.id);
    let waiting = Waiting::new(&spec.ready, &notices, &name)
        .map_err(|error| Done::failed(format!("cannot make its notify socket: {error}")))?;
    launch
        .environment
        .extend(waiting.variable().map(|(key, path)| (key.to_owned(), path)));
    launch.user = spec.user.clone();
    launch.group = spec.group.clone();
    launch.limits = resource_limits(&spec.limits);
    launch.directory = spec.directory.as_deref().unwrap_or("/").into();
    launch.cgroup = context.cgroup();
    if let Some(most) = spec.limits.memory {
        limit_memory(launch.cgroup.as_ref(), most).map_err(Done::failed)?;
    }
    match timeout_at(until, launch.launch()).await {
        Ok(Ok(process)) => {
            note(context, operation, process.pid(), process.started());
            Ok((Running { process, since }, waiting))
        }
        Ok(Err(error)) => {
            context.strike_out();
            Err(Done::failed(chain(&error)))
        }
        Err(_) => Err(Outcome::TimedOut.into()),
    }
}

/// The limits that the kernel counts for each process or account.
fn resource_limits(limits: &ProcessLimits) -> Vec<Limit> {
    let all = [
        (Counted::OpenFiles, limits.open_files),
        (Counted::Processes, limits.processes),
        (Counted::Core, limits.core),
        (Counted::LockedMemory, limits.locked_memory),
    ];
    let limit = |(counted, most): (Counted, Option<u64>)| most.map(|most| Limit { counted, most });
    all.into_iter().filter_map(limit).collect()
}

/// A limit that cannot be kept is not left out silently.
fn limit_memory(cgroup: Option<&Cgroup>, most: u64) -> Result<(), String> {
    let Some(cgroup) = cgroup else {
        return Err("its memory cannot be limited: there are no cgroups here".to_owned());
    };
    cgroup.limit_memory(most).map_err(|error| {
        format!("its memory cannot be limited: no memory controller in cgroup v2 here ({error})")
    })
}

enum Readiness {
    Ready,
    Ended(String),
    Late,
    Unwanted,
}

async fn wait_until_ready(
    context: &Context,
    running: &Running,
    waiting: Waiting,
    until: Instant,
) -> Readiness {
    tokio::select! {
        // The end first: another program may be accepting on the same port.
        biased;
        how = running.ended() => Readiness::Ended(how),
        () = waiting.until_ready(context) => Readiness::Ready,
        () = tokio::time::sleep_until(until) => Readiness::Late,
    }
}

/// TERM, or what the configuration says instead, to the process group, after the limit KILL to all that belongs to it, the same limit
/// again for that to work.
async fn stop(
    context: &Context,
    operation: &Operation,
    spec: &ProcessSpec,
    held: &mut Option<Running>,
) -> Done {
    let limit = operation.spec.limits.stop;
    let signal = spec.stop_signal.unwrap_or(Signal::Term);
    adopt(context, operation, held).await;
    let began = Instant::now();
    let mut output = String::new();
    let mut killed = false;
    if let Some(running) = held.take() {
        if let Err(error) = running.process.signal_group(signal_number(signal)) {
            tracing::warn!(resource = %context.address, %error, "cannot send {signal}");
        }
        if timeout(limit, running.process.ended()).await.is_err() {
            let left = members::list(&members::members(context).await);
            context.log.line(&format!(
                "did not end within {limit:?} after {}: KILL to {left}",
                &signal.word()[3..]
            ));
            killed = true;
            if let Err(error) = running.process.signal_group(libc::SIGKILL) {
                tracing::warn!(resource = %context.address, %error, "cannot send KILL");
            }
            let _ = timeout(limit, running.process.ended()).await;
        }
        output = running.output(context);
    }
    let first = if killed {
        Stage::Kill
    } else {
        // Its children were told together with it, and have what is left of the limit.
        Stage::Term(limit.saturating_sub(began.elapsed()))
    };
    let left = members::members(context).await;
    if !left.is_empty() && !killed {
        let left = members::list(&left);
        context.log.line(&format!(
            "its main process has ended, others are left: {left}"
        ));
    }
    let left = end_all(context, first, limit).await;
    if !left.is_empty() {
        let left = members::list(&left);
        return Done::failed(format!("these do not end, even by KILL: {left}")).with_output(output);
    }
    context.strike_out();
    if let Some(cgroup) = context.cgroup() {
        cgroup.remove();
    }
    Done::from(Outcome::Stopped).with_output(output)
}
