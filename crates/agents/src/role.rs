//! Roles of commands: the programs `promote` and `demote`. Agents of the OCF kind share the
//! note that they are at work.
//!
//! A program that an earlier run of the daemon had started may still be at work, and promote
//! what has been demoted since. So each is noted while it runs, and whoever changes the role,
//! or looks at it for the first time, ends what is left of an earlier one before.

use std::path::PathBuf;
use std::time::Duration;

use host::process::{Ended, Process};
use model::operation::{Operation, Outcome, Verb};
use model::spec::{CommandSpec, RolePrograms};
use tokio::time::timeout;

use crate::command::{Run, launch, status};
use crate::context::{Context, Done, MARKER};
use crate::log;
use crate::members;
use crate::program::Launch;

/// For a program of an earlier run to end after TERM, before KILL.
const ORPHAN_GRACE: Duration = Duration::from_secs(2);

/// Promotes or demotes what runs.
pub(crate) async fn change(context: &Context, operation: &Operation, spec: &CommandSpec) -> Done {
    let Some(programs) = &spec.roles else {
        return Done::unknown(operation);
    };
    if let Err(how) = end_orphan(context).await {
        return Done::failed(how);
    }
    let (argv, verb) = program(programs, operation.verb);
    let marker = format!("{}{}", context.marker(), operation.epoch);
    let mut launch = launch(context, argv, verb).variable(MARKER, marker);
    launch.cgroup = context.cgroup();
    let (run, output) = run_noted(context, launch, operation.limit).await;
    let outcome = match (run, operation.verb) {
        (Run::Ended(Ended::Exited(0)), Verb::Promote) => Outcome::Promoted,
        (Run::Ended(Ended::Exited(0)), _) => Outcome::Running,
        (Run::Ended(other), _) => Outcome::Failed(format!("{verb}: {other}")),
        (Run::TimedOut, _) => Outcome::TimedOut,
        (Run::NotStarted(error), _) => return Done::error(&error),
    };
    if operation.verb == Verb::Demote && outcome == Outcome::Running {
        return still_promoted(context, operation, spec, output).await;
    }
    Done::from(outcome).with_output(output)
}

/// A program that says it has demoted is believed when the status says so, too.
async fn still_promoted(
    context: &Context,
    operation: &Operation,
    spec: &CommandSpec,
    output: String,
) -> Done {
    let limit = operation.spec.limits.status;
    let found = status(context, spec, limit).await;
    match found.outcome {
        Outcome::Running => found.with_output(output),
        Outcome::Promoted => Done::failed("demote: it says that it is promoted still"),
        Outcome::Stopped | Outcome::Failed(_) | Outcome::TimedOut => found,
    }
}

fn program(programs: &RolePrograms, verb: Verb) -> (&[String], &'static str) {
    match verb {
        Verb::Promote => (&programs.promote, "promote"),
        _demote => (&programs.demote, "demote"),
    }
}

/// Ends what an earlier run of the daemon has left of such a program. Fails when it does not
/// end: then nobody knows what it will do.
pub(crate) async fn end_orphan(context: &Context) -> Result<(), String> {
    let path = note(context);
    let Ok(text) = std::fs::read_to_string(&path) else {
        return Ok(());
    };
    let mut words = text.split_whitespace();
    let pid = words.next().and_then(|word| word.parse().ok());
    let started = words.next().and_then(|word| word.parse().ok());
    if let Some(process) = pid
        .zip(started)
        .and_then(|(pid, at)| Process::adopt(pid, at))
    {
        context
            .log
            .line("ends what an earlier run has left of a change of the role");
        members::end_session(&process, ORPHAN_GRACE).await;
        if timeout(ORPHAN_GRACE, process.ended()).await.is_err() {
            return Err(format!(
                "a change of the role does not end: process {}",
                process.pid()
            ));
        }
    }
    let _gone = std::fs::remove_file(&path);
    Ok(())
}

fn note(context: &Context) -> PathBuf {
    context.log.log_path().with_extension("role")
}

/// As `command::run`, and noted while it runs.
pub(crate) async fn run_noted(context: &Context, launch: Launch, limit: Duration) -> (Run, String) {
    let path = context.log.log_path();
    let since = log::mark(&path);
    let run = match timeout(limit, launch.launch()).await {
        Err(_) => Run::TimedOut,
        Ok(Err(error)) => Run::NotStarted(error),
        Ok(Ok(process)) => {
            let noted = format!("{} {}\n", process.pid(), process.started());
            if let Err(error) = std::fs::write(note(context), noted) {
                tracing::warn!(resource = %context.address, %error, "cannot note a change of the role");
            }
            match timeout(limit, process.ended()).await {
                Ok(ended) => Run::Ended(ended),
                Err(_) => {
                    members::end_session(&process, ORPHAN_GRACE).await;
                    Run::TimedOut
                }
            }
        }
    };
    let _gone = std::fs::remove_file(note(context));
    (run, log::tail_since(&path, since))
}
