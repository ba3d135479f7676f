//! Commands: three programs that start, stop and tell the state. Nothing goes through a shell.

use std::time::Duration;

use host::cgroup::Watch;
use host::process::Ended;
use model::operation::{Operation, Outcome, Verb};
use model::spec::CommandSpec;
use tokio::time::timeout;

use crate::context::{Context, Done, MARKER};
use crate::log;
use crate::members::{self, Stage, end_all};
use crate::program::{Launch, LaunchError};
use crate::record::Trace;

/// For a program that overran its limit to tidy up after TERM, before KILL.
const TERM_GRACE: Duration = Duration::from_secs(2);
/// For processes that the stop program left to end by themselves, before they are told to.
const REMNANTS_LIMIT: Duration = Duration::from_secs(1);

/// What is watched of something that was started by a command: the end of the last process
/// that its start left in its cgroup. Something started through others leaves none.
pub(crate) struct Running {
    watch: Option<Watch>,
}

impl Running {
    fn new(context: &Context) -> Self {
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
    match operation.verb {
        Verb::Probe | Verb::Status => {
            let done = status(context, spec, operation.limit).await;
            if done.outcome != Outcome::Running {
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
    }
}

/// Asks the status program: exit 0 is running, 3 stopped, all else a failure.
pub(crate) async fn status(context: &Context, spec: &CommandSpec, limit: Duration) -> Done {
    let launch = launch(context, &spec.status, "status");
    let (run, output) = run(context, launch, limit).await;
    let outcome = match run {
        Run::Ended(Ended::Exited(0)) => Outcome::Running,
        Run::Ended(Ended::Exited(3)) => Outcome::Stopped,
        Run::Ended(other) => Outcome::Failed(format!("status: {other}")),
        Run::TimedOut => Outcome::TimedOut,
        Run::NotStarted(error) => return Done::error(&error),
    };
    Done::from(outcome).with_output(output)
}

fn launch(context: &Context, argv: &[String], verb: &str) -> Launch {
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
    if found.outcome == Outcome::Running {
        context.log.line("runs already: adopted");
        *held = Some(Running::new(context));
        return found;
    }
    if let Err(error) = context.record(operation, Trace::Intended) {
        return Done::failed(format!("cannot write its record: {error}"));
    }
    let marker = format!("{}{}", context.marker(), operation.epoch);
    let mut launch = launch(context, &spec.start, "start").variable(MARKER, marker);
    launch.cgroup = context.cgroup();
    let (run, output) = run(context, launch, operation.limit).await;
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

/// The stop program first. Whatever it says, nothing of the start may be left afterwards;
/// and when it failed, only the status program can say that it stopped nevertheless.
async fn stop(context: &Context, operation: &Operation, spec: &CommandSpec) -> Done {
    let limits = operation.spec.limits;
    let launch = launch(context, &spec.stop, "stop");
    let (run, output) = run(context, launch, limits.stop).await;
    let how = match run {
        Run::Ended(Ended::Exited(0)) => None,
        Run::Ended(other) => Some(format!("stop: {other}")),
        Run::TimedOut => Some(format!("stop: not done within {:?}", limits.stop)),
        Run::NotStarted(error) => Some(crate::context::chain(&error)),
    };
    let left = end_all(context, Stage::Term(REMNANTS_LIMIT), limits.stop).await;
    if !left.is_empty() {
        let left = members::list(&left);
        return Done::failed(format!("these do not end, even by KILL: {left}")).with_output(output);
    }
    if let Some(how) = how {
        let found = status(context, spec, limits.status).await;
        if found.outcome != Outcome::Stopped {
            return Done::failed(how).with_output(output);
        }
        context.log.line(&format!(
            "{how}; its status says that it is stopped nevertheless"
        ));
    }
    context.strike_out();
    if let Some(cgroup) = context.cgroup() {
        cgroup.remove();
    }
    Done::from(Outcome::Stopped).with_output(output)
}

/// Runs a program to its end, or TERM and KILL to its process group at its limit. What it
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
