//! Roles of commands: the programs `promote` and `demote`.

use host::process::Ended;
use model::operation::{Operation, Outcome, Verb};
use model::spec::{CommandSpec, RolePrograms};

use crate::change;
use crate::command::{Run, launch, status};
use crate::context::{Context, Done, MARKER};

/// Promotes or demotes what runs.
pub(crate) async fn change(context: &Context, operation: &Operation, spec: &CommandSpec) -> Done {
    let Some(programs) = &spec.roles else {
        return Done::unknown(operation);
    };
    let (argv, verb) = program(programs, operation.verb);
    let marker = format!("{}{}", context.marker(), operation.epoch);
    let mut launch = launch(context, argv, verb).variable(MARKER, marker);
    launch.cgroup = context.cgroup();
    let (run, output) = change::run(context, launch, operation.limit).await;
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
