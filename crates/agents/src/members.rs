//! All processes that belong to a resource, however often they forked, and their end by
//! stages.
//!
//! With a cgroup, it names them. Without, they are recognised by the marker in their
//! environment, which children inherit, or by their session.

use std::collections::BTreeSet;
use std::time::Duration;

use host::process::{self, Process, Stat};
use tokio::time::{Instant, sleep, timeout};

use crate::context::{Context, MARKER};

/// Between two looks at processes that were told to end. It grows: most end at once, the
/// others take their time.
const PAUSE_FIRST: Duration = Duration::from_millis(1);
/// Long enough not to be felt as load, short enough not to be felt as delay.
const PAUSE_MAX: Duration = Duration::from_millis(20);

/// How ending processes begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// TERM, and KILL when that has not helped for so long.
    Term(Duration),
    /// KILL at once.
    Kill,
}

/// All processes of a resource that are alive. Looking through all of `/proc` takes
/// milliseconds, so it is done on a thread that has nothing else to do.
pub(crate) async fn members(context: &Context) -> Vec<Stat> {
    if let Some(cgroup) = context.cgroup() {
        let members = cgroup.members().into_iter();
        return members
            .filter_map(|pid| Stat::read(pid).ok())
            .filter(|stat| stat.life == process::Life::Alive)
            .collect();
    }
    let marker = context.marker();
    tokio::task::spawn_blocking(move || marked(&marker))
        .await
        .expect("looking through /proc does not panic")
}

fn marked(marker: &str) -> Vec<Stat> {
    let own = std::process::id().cast_signed();
    let mut all = process::all();
    all.retain(|stat| stat.pid != own);
    let marked: BTreeSet<i32> = all
        .iter()
        .map(|stat| stat.pid)
        .filter(|pid| is_marked(marker, *pid))
        .collect();
    // Session 0 is anybody's: its leader lives outside our pid namespace.
    let sessions: BTreeSet<i32> = all
        .iter()
        .filter(|stat| stat.session != 0 && marked.contains(&stat.pid))
        .map(|stat| stat.session)
        .collect();
    all.retain(|stat| marked.contains(&stat.pid) || sessions.contains(&stat.session));
    all
}

/// Whether the environment of a process says that it belongs to the resource.
fn is_marked(marker: &str, pid: i32) -> bool {
    process::variable(pid, MARKER).is_some_and(|value| value.starts_with(marker))
}

/// The process among them that was started first by us: it leads a session of its own.
pub(crate) fn leader(context: &Context, members: &[Stat]) -> Option<Stat> {
    let marker = context.marker();
    members
        .iter()
        .filter(|stat| stat.pid == stat.session && is_marked(&marker, stat.pid))
        .min_by_key(|stat| stat.started)
        .cloned()
}

/// Ends all processes of a resource by stages. `limit` is given to KILL to work. What is
/// left then is returned; nobody can end it (it hangs in the kernel).
pub(crate) async fn end_all(context: &Context, first: Stage, limit: Duration) -> Vec<Stat> {
    if let Stage::Term(grace) = first {
        let left = members(context).await;
        if left.is_empty() {
            return left;
        }
        signal_all(&left, libc::SIGTERM);
        if wait_for_none(Look::Members(context), grace)
            .await
            .is_empty()
        {
            return Vec::new();
        }
    }
    kill_all(context).await;
    wait_for_none(Look::Members(context), limit).await
}

async fn kill_all(context: &Context) {
    if let Some(cgroup) = context.cgroup()
        && let Err(error) = cgroup.kill()
    {
        tracing::warn!(resource = %context.address, %error, "cannot kill its cgroup");
    }
    // Twice: between the first look and the first signal more may have been forked.
    for _ in 0..2 {
        signal_all(&members(context).await, libc::SIGKILL);
    }
}

pub(crate) fn signal_all(members: &[Stat], signal: i32) {
    for stat in members {
        if let Err(error) = process::signal(stat, signal) {
            tracing::warn!(pid = stat.pid, signal, %error, "cannot signal");
        }
    }
}

/// Ends a process that leads a session, and all in that session: TERM, and after `grace`
/// KILL, and `grace` again for that to work. Returns who is left even so: a process that waits
/// for a disk ends when the disk has answered, and does until then what it was about to do.
pub(crate) async fn end_session(leader: &Process, grace: Duration) -> Vec<Stat> {
    let session = leader.pid();
    // Seen before its leader is taken note of: from then on the number may be given away.
    let mut known = in_session(session);
    if let Err(error) = leader.signal_group(libc::SIGTERM) {
        tracing::warn!(pid = session, %error, "cannot send TERM");
    }
    let until = Instant::now() + grace;
    if timeout(grace, leader.ended()).await.is_err() {
        known = in_session(session);
    }
    let left = wait_for_none(Look::Known(&known), until - Instant::now()).await;
    signal_all(&left, libc::SIGKILL);
    let left = wait_for_none(Look::Known(&left), grace).await;
    let _ = timeout(grace, leader.ended()).await;
    left
}

fn in_session(session: i32) -> Vec<Stat> {
    let mut all = process::all();
    all.retain(|stat| stat.session == session);
    all
}

fn alive(known: &[Stat]) -> Vec<Stat> {
    let lives = |stat: &&Stat| process::is_same(stat.pid, stat.started);
    known.iter().filter(lives).cloned().collect()
}

/// Whose end is waited for.
#[derive(Clone, Copy)]
enum Look<'a> {
    /// All that belong to the resource, also those that are forked meanwhile.
    Members(&'a Context),
    /// These.
    Known(&'a [Stat]),
}

/// Looks again and again until nobody is left, or the limit has passed; returns who is left.
async fn wait_for_none(look: Look<'_>, limit: Duration) -> Vec<Stat> {
    let until = Instant::now() + limit;
    let mut pause = PAUSE_FIRST;
    loop {
        let left = match look {
            Look::Members(context) => members(context).await,
            Look::Known(known) => alive(known),
        };
        if left.is_empty() || until <= Instant::now() {
            return left;
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Waits until processes have ended, at most so long.
pub(crate) async fn wait_for_end(known: &[Stat], limit: Duration) {
    wait_for_none(Look::Known(known), limit).await;
}

/// Processes for people: `1234 (nginx: worker), ...`.
pub(crate) fn list(members: &[Stat]) -> String {
    /// More do not help whoever reads it.
    const SHOWN_MAX: usize = 5;
    let shown: Vec<String> = members
        .iter()
        .take(SHOWN_MAX)
        .map(|stat| format!("{} ({})", stat.pid, process::command_line(stat.pid)))
        .collect();
    let more = members.len().saturating_sub(SHOWN_MAX);
    let shown = shown.join(", ");
    if more == 0 {
        shown
    } else {
        format!("{shown} and {more} more")
    }
}
