//! `lock ...`: rights that one program of the cluster holds at a time.
//!
//! The lease is counted by this process's own clock, from the moment at which a request was
//! sent, and given up a twentieth before its end: the cluster counts from a later moment.

mod run;

use std::time::{Duration, Instant};

use api::lock::{LockReply, LockRequest, LockStanding, LockView, Locks};
use api::{ApiError, ErrorCode, Events, routes};
use clap::{Args, Subcommand};
use config::Colour;
use model::lock::holds_for;
use model::{LockName, SessionName};

use crate::client::Client;
use crate::exit::Exit;
use crate::screen::{Form, Screen, Tone};
use crate::table::{cell, span, table, toned};

/// How long `--wait` waits without a time.
const WAIT_DEFAULT: &str = "60s";

/// Without `--lease`; long enough for a failover with slow fence devices.
const LEASE_DEFAULT: &str = "30s";

/// A lease is renewed when a third of it is over: two renewals may fail.
const RENEWALS_PER_LEASE: u32 = 3;

/// After a request that failed, the next one: a failover takes about a second.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// `lock ...`.
#[derive(Debug, Subcommand)]
pub enum LockCommand {
    /// Take a lock; with a command, hold it while that runs
    #[command(after_help = "Examples:
  mainstay lock acquire backup -- /usr/local/bin/backup    holds it while the command runs
  mainstay lock acquire backup --wait=10m -- backup        waits for it
  mainstay lock acquire backup --lease 2m                  then renew and release it yourself

The command finds MAINSTAY_LOCK, MAINSTAY_LOCK_TOKEN and MAINSTAY_LOCK_SESSION in its environment.
It is ended when the lock is lost.")]
    Acquire(AcquireArgs),
    /// Keep a lock that was taken without a command
    #[command(after_help = "Example:
  mainstay lock renew backup --session cli-5e3fa012")]
    Renew(SessionArgs),
    /// Give a lock back, or leave its queue
    #[command(after_help = "Example:
  mainstay lock release backup --session cli-5e3fa012")]
    Release(SessionArgs),
    /// Want a lock back from its holder: it is not renewed any more
    #[command(
        after_help = "The holder is told when it renews. Nobody else gets the lock before it was given back or its
lease is over.

Example:
  mainstay lock recall backup --token 4711"
    )]
    Recall {
        /// Which lock
        lock: LockName,
        /// The token of the holder: `mainstay lock show` tells it
        #[arg(long)]
        token: u64,
    },
    /// Locks that somebody holds
    List,
    /// Who holds a lock, and who waits for it
    #[command(after_help = "Example:
  mainstay lock show backup")]
    Show {
        /// Which lock
        lock: LockName,
    },
    /// Becomes the command, and ends when its parent does.
    #[command(hide = true)]
    Become {
        /// The parent's process id.
        parent: u32,
        /// The command.
        #[arg(last = true, required = true)]
        command: Vec<std::ffi::OsString>,
    },
}

/// `lock acquire`.
#[derive(Debug, Args)]
pub struct AcquireArgs {
    /// Which lock
    pub lock: LockName,
    /// Wait for it where somebody holds it, at most TIME (60s without)
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true,
          default_missing_value = WAIT_DEFAULT, value_parser = model::duration::parse)]
    pub wait: Option<Duration>,
    /// Who does not renew it for this long has lost it
    #[arg(long, value_name = "TIME", default_value = LEASE_DEFAULT,
          value_parser = model::duration::parse)]
    pub lease: Duration,
    /// What runs while the lock is held
    #[arg(last = true, value_name = "CMD")]
    pub command: Vec<std::ffi::OsString>,
}

/// `lock renew` and `lock release`.
#[derive(Debug, Args)]
pub struct SessionArgs {
    /// Which lock
    pub lock: LockName,
    /// The session that `lock acquire` has told
    #[arg(long)]
    pub session: SessionName,
    /// Refuse when the session holds it under another token
    #[arg(long)]
    pub token: Option<u64>,
}

/// A lock that this process holds.
pub(crate) struct Held {
    reply: LockReply,
    /// When the request was sent that took or renewed it last.
    asked: Instant,
}

impl Held {
    fn lease(&self) -> Duration {
        Duration::from_millis(self.reply.lease_ms)
    }

    /// From then on somebody else may have it.
    fn ends(&self) -> Instant {
        self.asked + holds_for(self.lease())
    }

    fn renews_at(&self) -> Instant {
        self.asked + self.lease() / RENEWALS_PER_LEASE
    }

    fn renewal(&self) -> LockRequest {
        LockRequest::Renew {
            lock: self.reply.lock.clone(),
            session: self.reply.session.clone(),
            token: self.reply.token,
        }
    }

    fn release(&self) -> LockRequest {
        LockRequest::Release {
            lock: self.reply.lock.clone(),
            session: self.reply.session.clone(),
            token: self.reply.token,
        }
    }
}

type Done = Result<Exit, ApiError>;

pub(crate) fn run(client: &Client, screen: &mut Screen, form: Form, command: LockCommand) -> Done {
    match command {
        LockCommand::Acquire(args) => acquire(client, (screen, form), args),
        LockCommand::Renew(args) => {
            let (lock, session, token) = of(args);
            let request = LockRequest::Renew {
                lock,
                session,
                token,
            };
            let reply: LockReply = client.post(routes::LOCKS, &request)?;
            match form {
                Form::Json => screen.print_json(&reply),
                Form::Text => screen.print(standing(&reply)),
            }
            Ok(Exit::Done)
        }
        LockCommand::Release(args) => {
            let (lock, session, token) = of(args);
            let request = LockRequest::Release {
                lock,
                session,
                token,
            };
            give_back(client, (screen, form), &request, "given back")
        }
        LockCommand::Recall { lock, token } => {
            let lock = lock.to_string();
            let request = LockRequest::Recall { lock, token };
            let told = "recalled: free as soon as it is given back, or when its lease is over";
            give_back(client, (screen, form), &request, told)
        }
        LockCommand::List => {
            let locks: Locks = client.get(routes::LOCKS)?;
            match form {
                Form::Json => screen.print_json(&locks),
                Form::Text => screen.print(list(&locks, screen.colour)),
            }
            Ok(Exit::Done)
        }
        LockCommand::Show { lock } => {
            let locks: Locks = client.get(&format!("{}/{lock}", routes::LOCKS))?;
            match (form, locks.locks.first()) {
                (Form::Json, Some(view)) => screen.print_json(view),
                (Form::Text, Some(view)) => screen.print(show(view, screen.colour)),
                (_, None) => return Err(ErrorCode::LockIsFree.error(format!("{lock} is free"))),
            }
            Ok(Exit::Done)
        }
        LockCommand::Become { parent, command } => Err(run::become_command(parent, &command)),
    }
}

fn of(args: SessionArgs) -> (String, String, Option<u64>) {
    (args.lock.to_string(), args.session.to_string(), args.token)
}

fn give_back(
    client: &Client,
    (screen, form): (&mut Screen, Form),
    request: &LockRequest,
    told: &str,
) -> Done {
    let reply: LockReply = client.post(routes::LOCKS, request)?;
    match form {
        Form::Json => screen.print_json(&reply),
        Form::Text => screen.print(format_args!("lock {}: {told}\n", reply.lock)),
    }
    Ok(Exit::Done)
}

fn acquire(client: &Client, (screen, form): (&mut Screen, Form), args: AcquireArgs) -> Done {
    let held = take(client, &args)?;
    if !args.command.is_empty() {
        return run::run(client, (screen, form), held, &args.command);
    }
    match form {
        Form::Json => screen.print_json(&held.reply),
        Form::Text => screen.print(standing(&held.reply)),
    }
    Ok(Exit::Done)
}

/// Takes the lock, and waits for it if that is wanted.
fn take(client: &Client, args: &AcquireArgs) -> Result<Held, ApiError> {
    let began = Instant::now();
    let session = own_session();
    let request = LockRequest::Take {
        lock: args.lock.to_string(),
        session: session.clone(),
        lease_ms: u64::try_from(args.lease.as_millis()).ok(),
        wait: args.wait.is_some(),
    };
    let mut asked = began;
    let first: Result<LockReply, ApiError> = client.post(routes::LOCKS, &request);
    let mut reply = match (first, session) {
        (Ok(reply), _) => reply,
        (Err(error), Some(session)) if error.is(ErrorCode::TimedOut) => {
            // It may have been taken all the same, for nobody.
            let (lock, token) = (args.lock.to_string(), None);
            let request = LockRequest::Release {
                lock,
                session,
                token,
            };
            let _nothing: Result<LockReply, ApiError> = client.post(routes::LOCKS, &request);
            return Err(error);
        }
        (Err(error), _) => return Err(error),
    };
    // Ends when the lock is held, the place is lost, or the time of `--wait` is over.
    loop {
        let held = Held { reply, asked };
        match held.reply.standing {
            LockStanding::Held => return Ok(held),
            LockStanding::Waiting => {}
            LockStanding::None => {
                let what = format!("lock {}: the place in its queue is lost", args.lock);
                return Err(ErrorCode::LockLost.error(what));
            }
        }
        let until = began + args.wait.unwrap_or_default();
        match wait_until_held(client, &held, until) {
            Err(error) if !error.retryable => return Err(error),
            Ok(()) | Err(_) => {}
        }
        if until <= Instant::now() {
            return Err(still_held(client, &held, args));
        }
        let now = Instant::now();
        reply = match client.post(routes::LOCKS, &held.renewal()) {
            Ok(reply) => {
                asked = now;
                reply
            }
            // A failover passes; a place that lapses meanwhile is told as lost.
            Err(error) if error.is(ErrorCode::TimedOut) || error.retryable => {
                std::thread::sleep(AGAIN_AFTER);
                held.reply
            }
            Err(error) => return Err(error),
        };
    }
}

/// A name that no other run has; where the kernel gives none, the daemon does.
fn own_session() -> Option<String> {
    let unique = std::fs::read_to_string("/proc/sys/kernel/random/uuid").ok()?;
    Some(format!("cli-{}", unique.get(..8)?))
}

/// Until the session holds the lock, its place must be renewed, or the time is over.
fn wait_until_held(client: &Client, held: &Held, until: Instant) -> Result<(), ApiError> {
    let end = held.renews_at().min(until);
    let mut after = held.reply.index;
    // Each turn waits for the log to grow; the end of the time ends it.
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        let path = format!("{}?after={after}", routes::EVENTS);
        match client.get_within::<Events>(&path, left) {
            Ok(events) => after = events.index,
            Err(error) if error.is(ErrorCode::TimedOut) => return Ok(()),
            Err(error) => return Err(error),
        }
        let path = format!("{}/{}", routes::LOCKS, held.reply.lock);
        let locks: Result<Locks, ApiError> = client.get(&path);
        let holder = |lock: &LockView| lock.holder.session == held.reply.session;
        match locks {
            Ok(locks) if !locks.locks.iter().any(holder) => {}
            Ok(_) => return Ok(()),
            Err(error) if error.is(ErrorCode::LockIsFree) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// The time of `--wait` is over: the place in the queue is given back. (Had the lock come in
/// this very moment, it is given back as well.)
fn still_held(client: &Client, held: &Held, args: &AcquireArgs) -> ApiError {
    // What is not given back lapses.
    let _left: Result<LockReply, ApiError> = client.post(routes::LOCKS, &held.release());
    let waited = model::duration::format(args.wait.unwrap_or_default());
    let error = ErrorCode::LockHeld.error(format!(
        "lock {} was not given back within {waited}",
        args.lock
    ));
    error.with_help(format!(
        "`mainstay lock show {}` tells who holds it",
        args.lock
    ))
}

fn standing(reply: &LockReply) -> String {
    let LockReply { lock, session, .. } = reply;
    let lease = model::duration::format(Duration::from_millis(reply.lease_ms));
    match (reply.standing, reply.token, reply.place) {
        (LockStanding::Held, Some(token), _) => format!(
            "lock {lock} is held: token {token}, session {session}\n  \
             keep      within {lease}: `mainstay lock renew {lock} --session {session}`\n  \
             give back `mainstay lock release {lock} --session {session}`\n"
        ),
        (LockStanding::Waiting, _, Some(place)) => {
            format!("{session} waits for lock {lock}, at place {place}\n")
        }
        _nothing => format!("{session} has nothing of lock {lock}\n"),
    }
}

fn list(locks: &Locks, colour: Colour) -> String {
    if locks.locks.is_empty() {
        return format!("nobody holds a lock  (seen by {})\n", locks.seen_by);
    }
    let rows: Vec<_> = locks
        .locks
        .iter()
        .map(|lock| {
            let holder = &lock.holder;
            let waiting = match lock.waiting.len() {
                0 => String::new(),
                count => format!("{count} waiting"),
            };
            vec![
                toned(lock.name.as_str(), Tone::Strong),
                cell(format!("{} on {}", holder.user, holder.node)),
                cell(lock.token.to_string()),
                cell(span(holder.left_ms)),
                cell(waiting),
            ]
        })
        .collect();
    table(
        &["LOCK", "HELD BY", "TOKEN", "LEASE", "QUEUE"],
        &rows,
        0,
        colour,
    )
}

fn show(lock: &LockView, colour: Colour) -> String {
    let mut text = format!(
        "lock {}: held by {} on {}, token {}\n",
        lock.name, lock.holder.user, lock.holder.node, lock.token
    );
    if let Some(by) = &lock.recalled_by {
        text.push_str(&format!("  recalled by {by}: it is not renewed any more\n"));
    }
    let all = std::iter::once(("holds", &lock.holder));
    let all = all.chain(lock.waiting.iter().map(|own| ("waits", own)));
    let rows: Vec<_> = all
        .map(|(word, own)| {
            vec![
                cell(word),
                cell(format!("{} on {}", own.user, own.node)),
                cell(own.session.as_str()),
                cell(format!("since {}", own.since)),
                cell(format!("{} left", span(own.left_ms))),
            ]
        })
        .collect();
    text.push_str(&table(&[], &rows, 2, colour));
    text
}
