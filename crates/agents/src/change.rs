//! Programs that change a resource (start, stop, promote, `fsck`, ...) and outlive their daemon.
//!
//! A daemon may be killed while one is at work. The next one must not believe what it sees
//! before that program is over: a start would bring up here what by then runs elsewhere, a stop
//! would end what was started since. So each is noted before it starts, and before anything is
//! done with a resource, or looked at for the first time, what an earlier daemon left is ended.

use std::path::PathBuf;
use std::time::Duration;

use host::process::{self, Process, Stat};
use tokio::time::timeout;

use crate::command::Run;
use crate::context::Context;
use crate::log;
use crate::members;
use crate::note::{self, Note};
use crate::program::Launch;

/// For a program to end after TERM, before KILL.
const GRACE: Duration = Duration::from_secs(2);

/// Runs a program to its end, or TERM and KILL to its session at its limit, and notes it
/// meanwhile. What it prints goes into the log; its end is returned too.
pub(crate) async fn run(context: &Context, launch: Launch, limit: Duration) -> (Run, String) {
    let path = context.log.log_path();
    let since = log::mark(&path);
    let note = Note::begin(note_path(context));
    let run = match timeout(limit, note.launch(launch)).await {
        Err(_) => Run::TimedOut,
        Ok(Err(error)) => Run::NotStarted(error),
        Ok(Ok(process)) => match timeout(limit, process.ended()).await {
            Ok(ended) => Run::Ended(ended),
            Err(_) => {
                let left = members::end_session(&process, GRACE).await;
                if !left.is_empty() {
                    let who = members::list(&left);
                    context
                        .log
                        .line(&format!("does not end, even by KILL: {who}"));
                    note.keep(&left);
                    return (Run::TimedOut, log::tail_since(&path, since));
                }
                Run::TimedOut
            }
        },
    };
    note.remove();
    (run, log::tail_since(&path, since))
}

/// Ends what an earlier daemon has left at work, and waits for what an earlier operation could
/// not end: a mount that waits for its disk comes about when the disk answers.
///
/// # Errors
/// When it does not end: then nobody knows what it will do.
pub(crate) async fn end_left(context: &Context) -> Result<(), String> {
    let path = note_path(context);
    if !path.exists() {
        return Ok(());
    }
    let of = path.clone();
    let found = tokio::task::spawn_blocking(move || note::left(&of))
        .await
        .expect("looking through /proc does not panic");
    let adopt = |(pid, started)| Process::adopt(pid, started);
    for process in found.into_iter().filter_map(adopt) {
        end(context, &process).await?;
    }
    let _gone = std::fs::remove_file(&path);
    Ok(())
}

async fn end(context: &Context, program: &Process) -> Result<(), String> {
    let pid = program.pid();
    let shown = process::command_line(pid);
    let text = format!("ends what was left at work: {pid} ({shown})");
    context.log.line(&text);
    if Stat::read(pid).is_ok_and(|stat| stat.session == pid) {
        members::end_session(program, GRACE).await;
    } else if let Err(error) = program.signal(libc::SIGKILL) {
        tracing::warn!(pid, %error, "cannot send KILL");
    }
    match timeout(GRACE, program.ended()).await {
        Ok(_ended) => Ok(()),
        Err(_) => Err(format!(
            "what was left at work does not end: {pid} ({shown})"
        )),
    }
}

fn note_path(context: &Context) -> PathBuf {
    context.log.log_path().with_extension("change")
}
