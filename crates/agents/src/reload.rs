//! Processes and commands that read their own configuration again, without a stop.

use host::process::Ended;
use model::operation::{About, Operation, Outcome};
use model::reload::{ProcessReload, Signal};
use model::spec::{CommandSpec, ProcessSpec};

use crate::change;
use crate::command::{self, Run, launch};
use crate::context::{Context, Done, chain};
use crate::process::{Running, adopt};
use crate::program::Launch;

pub(crate) fn signal_number(signal: Signal) -> i32 {
    match signal {
        Signal::Hup => libc::SIGHUP,
        Signal::Int => libc::SIGINT,
        Signal::Quit => libc::SIGQUIT,
        Signal::Term => libc::SIGTERM,
        Signal::Usr1 => libc::SIGUSR1,
        Signal::Usr2 => libc::SIGUSR2,
        Signal::Winch => libc::SIGWINCH,
    }
}

/// The main process is told, by a signal or by a program. It must be there before and after.
pub(crate) async fn reload(
    context: &Context,
    operation: &Operation,
    spec: &ProcessSpec,
    held: &mut Option<Running>,
) -> Done {
    let Some(way) = wanted(operation, spec.reload.as_ref()) else {
        return Done::failed("the configuration does not say how it is reloaded");
    };
    adopt(context, operation, held).await;
    let Some(running) = held else {
        return Outcome::Stopped.into();
    };
    let done = match way {
        ProcessReload::Signal(signal) => match running.process.signal(signal_number(*signal)) {
            Ok(()) => Outcome::Running.into(),
            Err(error) => Done::failed(format!("cannot send {signal}: {error}")),
        },
        ProcessReload::Command(argv) => {
            let pid = running.process.pid().to_string();
            let launch = launch(context, argv, "reload").variable("MAINPID", pid);
            told(context, operation, launch).await
        }
    };
    match running.process.check() {
        None => done,
        Some(ended) => Done::failed(format!("{ended}, while it was reloaded")),
    }
}

/// The reload program of a command, and then its status: what it says is how it is.
pub(crate) async fn reload_command(
    context: &Context,
    operation: &Operation,
    spec: &CommandSpec,
) -> Done {
    let Some(argv) = wanted(operation, spec.reload.as_ref()) else {
        return Done::failed("the configuration has no `reload` program for it");
    };
    let done = told(context, operation, launch(context, argv, "reload")).await;
    if done.outcome != Outcome::Running {
        return done;
    }
    command::status(context, spec, operation.spec.limits.status).await
}

/// What has changed of their description, neither takes over.
fn wanted<'a, T>(operation: &Operation, way: Option<&'a T>) -> Option<&'a T> {
    way.filter(|_| operation.about == About::Nothing)
}

async fn told(context: &Context, operation: &Operation, launch: Launch) -> Done {
    let (run, output) = change::run(context, launch, operation.limit).await;
    let outcome = match run {
        Run::Ended(Ended::Exited(0)) => Outcome::Running,
        Run::Ended(other) => Outcome::Failed(format!("reload: {other}")),
        Run::TimedOut => Outcome::TimedOut,
        Run::NotStarted(error) => return Done::failed(chain(&error)),
    };
    Done::from(outcome).with_output(output)
}
