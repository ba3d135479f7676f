//! Live moves of what commands operate: the program that hands over, and the one that takes in.
//!
//! A program that hands over may outlive the daemon that began it, and what it sends then comes
//! to the other node although nobody waits for it. So each later question for the state, and
//! each stop, first ends what such a program has left at work.

use std::time::Duration;

use host::process::{self, Ended, Life, Stat};
use model::operation::{About, Operation, Outcome};
use model::spec::{CommandSpec, MigrationCommands};
use tokio::time::{Instant, sleep};

use crate::change;
use crate::command::{Run, Running, launch, status};
use crate::context::{Context, Done, MARKER};
use crate::members::signal_all;
use crate::record::Trace;

/// Names the node at the other end, for the programs.
const PEER: &str = "MAINSTAY_PEER";

/// Variable in the environment of a program that hands over: whose it is.
pub(crate) const HANDOVER: &str = "MAINSTAY_HANDOVER";

/// KILL works at once, unless a process hangs in the kernel.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Hands what runs here over to the peer.
pub(crate) async fn hand_over(
    context: &Context,
    operation: &Operation,
    spec: &CommandSpec,
) -> Done {
    let (migration, peer) = match of(operation, spec) {
        Ok(found) => found,
        Err(how) => return Done::failed(how),
    };
    let launch = launch(context, &migration.to, "migrate-to")
        .variable(PEER, peer)
        .variable(HANDOVER, context.marker());
    let (run, output) = change::run(context, launch, operation.limit).await;
    let outcome = match run {
        Run::Ended(Ended::Exited(0)) => match end_leftovers(context).await {
            Ok(()) => Outcome::Stopped,
            Err(how) => Outcome::Failed(how),
        },
        Run::Ended(other) => Outcome::Failed(format!("migrate_to: {other}")),
        Run::TimedOut => Outcome::TimedOut,
        Run::NotStarted(error) => return Done::error(&error),
    };
    Done::from(outcome).with_output(output)
}

/// Takes in what the peer has handed over. What runs from then on belongs to the resource, as
/// after a start.
pub(crate) async fn take_in(
    context: &Context,
    operation: &Operation,
    spec: &CommandSpec,
    held: &mut Option<Running>,
) -> Done {
    let (migration, peer) = match of(operation, spec) {
        Ok(found) => found,
        Err(how) => return Done::failed(how),
    };
    if let Err(error) = context.record(operation, Trace::Intended) {
        return Done::failed(format!("cannot write its record: {error}"));
    }
    let marker = format!("{}{}", context.marker(), operation.epoch);
    let mut launch = launch(context, &migration.from, "migrate-from")
        .variable(PEER, peer)
        .variable(MARKER, marker);
    launch.cgroup = context.cgroup();
    let (run, output) = change::run(context, launch, operation.limit).await;
    let outcome = match run {
        // The status program alone knows what has come.
        Run::Ended(Ended::Exited(0)) => {
            let limit = operation.spec.limits.status.min(operation.limit);
            let found = status(context, spec, limit).await;
            match found.outcome {
                Outcome::Running | Outcome::Promoted => Outcome::Running,
                Outcome::Stopped => {
                    Outcome::Failed("migrate_from ended well, and it does not run".to_owned())
                }
                other => other,
            }
        }
        Run::Ended(other) => Outcome::Failed(format!("migrate_from: {other}")),
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

fn of<'a>(
    operation: &Operation,
    spec: &'a CommandSpec,
) -> Result<(&'a MigrationCommands, String), String> {
    let migration = spec.migration.as_deref();
    let migration = migration.ok_or_else(|| "it has no programs to move live".to_owned())?;
    match &operation.about {
        About::Peer(peer) => Ok((migration, peer.to_string())),
        About::Nothing | About::Notice(_) | About::NewSettings => {
            Err("nobody is named at the other end".to_owned())
        }
    }
}

/// Ends all that a program which handed over has left at work: nothing more is sent after it.
///
/// # Errors
/// What does not end.
pub(crate) async fn end_leftovers(context: &Context) -> Result<(), String> {
    let until = Instant::now() + ENDS_WITHIN;
    loop {
        let marker = context.marker();
        let left = tokio::task::spawn_blocking(move || at_work(&marker))
            .await
            .expect("looking through /proc does not panic");
        let Some(first) = left.first() else {
            return Ok(());
        };
        if until <= Instant::now() {
            let pid = first.pid;
            return Err(format!(
                "process {pid} still hands over, and KILL does not end it"
            ));
        }
        signal_all(&left, libc::SIGKILL);
        sleep(LOOK_AGAIN).await;
    }
}

fn at_work(marker: &str) -> Vec<Stat> {
    let own = std::process::id().cast_signed();
    let mut all = process::all();
    all.retain(|stat| {
        stat.pid != own
            && stat.life == Life::Alive
            && process::variable(stat.pid, HANDOVER).is_some_and(|value| value == marker)
    });
    all
}
