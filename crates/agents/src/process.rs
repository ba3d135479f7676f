//! Processes: programs that stay in the foreground.

use std::net::SocketAddr;
use std::time::Duration;

use host::process::Process;
use model::operation::{Operation, Outcome, Verb};
use model::spec::{ProcessSpec, Ready};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::context::{Context, Done, MARKER, chain};
use crate::log::{self, Mark};
use crate::members::{self, Stage, end_all};
use crate::program::Launch;
use crate::record::Trace;
use crate::worker::Stops;

/// One try to connect; a listener on this machine answers within microseconds, unless its
/// queue is full.
const CONNECT_LIMIT: Duration = Duration::from_millis(250);
/// Between two tries. It grows from little, so that a quick program is not made to wait.
const PAUSE_FIRST: Duration = Duration::from_millis(1);
/// Long enough that a slow program is not disturbed.
const PAUSE_MAX: Duration = Duration::from_millis(50);
/// For what an earlier start left behind: it is in the way of this one.
const REMNANTS_LIMIT: Duration = Duration::from_secs(1);

/// A process that is up and watched.
pub(crate) struct Running {
    process: Process,
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
        Verb::Stop => stop(context, operation, held).await,
        _other => Done::unknown(operation),
    }
}

/// Takes hold of the process if an earlier run of the daemon, or an operation that was cut
/// short, left it running.
async fn adopt(context: &Context, operation: &Operation, held: &mut Option<Running>) {
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
    if held.is_none() {
        match launch(context, operation, spec, until).await {
            Ok(running) => *held = Some(running),
            Err(done) => return done,
        }
    }
    let running = held.as_ref().expect("it was adopted or launched just now");
    let readiness = tokio::select! {
        readiness = wait_until_ready(running, &spec.ready, until) => readiness,
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
) -> Result<Running, Done> {
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
    launch.user = spec.user.clone();
    launch.directory = spec.directory.as_deref().unwrap_or("/").into();
    launch.cgroup = context.cgroup();
    match timeout_at(until, launch.launch()).await {
        Ok(Ok(process)) => {
            note(context, operation, process.pid(), process.started());
            Ok(Running { process, since })
        }
        Ok(Err(error)) => {
            context.strike_out();
            Err(Done::failed(chain(&error)))
        }
        Err(_) => Err(Outcome::TimedOut.into()),
    }
}

enum Readiness {
    Ready,
    Ended(String),
    Late,
    Unwanted,
}

async fn wait_until_ready(running: &Running, ready: &Ready, until: Instant) -> Readiness {
    let accepting = async {
        match ready {
            Ready::Executed => {}
            Ready::Port(address) => wait_until_accepting(*address).await,
        }
    };
    tokio::select! {
        // The end first: another program may be accepting on the same port.
        biased;
        how = running.ended() => Readiness::Ended(how),
        () = accepting => Readiness::Ready,
        () = tokio::time::sleep_until(until) => Readiness::Late,
    }
}

/// Bounded by its caller.
async fn wait_until_accepting(address: SocketAddr) {
    let mut pause = PAUSE_FIRST;
    while !matches!(
        timeout(CONNECT_LIMIT, TcpStream::connect(address)).await,
        Ok(Ok(_))
    ) {
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// TERM to the process group, after the limit KILL to all that belongs to it, the same limit
/// again for that to work.
async fn stop(context: &Context, operation: &Operation, held: &mut Option<Running>) -> Done {
    let limit = operation.spec.limits.stop;
    adopt(context, operation, held).await;
    let began = Instant::now();
    let mut output = String::new();
    let mut killed = false;
    if let Some(running) = held.take() {
        if let Err(error) = running.process.signal_group(libc::SIGTERM) {
            tracing::warn!(resource = %context.address, %error, "cannot send TERM");
        }
        if timeout(limit, running.process.ended()).await.is_err() {
            context
                .log
                .line(&format!("did not end within {limit:?} after TERM: KILL"));
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
