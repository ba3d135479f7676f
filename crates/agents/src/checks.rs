//! The hands of checks: asks what a check asks, once, within its time, and tells the answer.
//!
//! All questions are asked on a thread of their own with a runtime of its own, side by side:
//! a page that is long, a certificate or a pattern never holds up the loop that renews the
//! node's lease. What may hang in the kernel (a dead file server) hangs on a further thread,
//! and is not asked again before it has come back. Nothing here decides what an answer means
//! for a service.

mod capacity;
mod command;
mod http;
mod keep;
mod link;
mod log;
mod pattern;
mod ping;
mod processes;
mod tcp;
mod tls;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use model::checks::{CheckKind, CheckSpec, Verdict};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio::time::timeout;

use crate::Event;

/// Questions that are asked at the same time. Each of them costs a connection or a process.
/// Those behind wait their turn, and their time begins with it: that others hang is no failure
/// of theirs. What the kernel answers waits for nobody.
const AT_ONCE_MAX: usize = 64;

/// Orders that wait for the thread. The engine has one question out for each check.
const ORDERS_MAX: usize = 4096;

/// A program beside a check has this long; it is told about, not waited for.
const RUN_LIMIT: Duration = Duration::from_secs(60);

/// What is told of an answer in words; more is not read by anybody.
const HOW_LENGTH_MAX: usize = 300;

/// One question.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Names it.
    pub id: u64,
    /// Whose check it is: of a service, or of this node. Together with the name of the check
    /// it tells one check from all others.
    pub whose: String,
    /// What is asked.
    pub check: CheckSpec,
}

/// Its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Names the question.
    pub id: u64,
    /// How it is.
    pub verdict: Verdict,
    /// In words.
    pub how: String,
    /// What a program printed, if one was run.
    pub output: String,
    /// How long it took.
    pub took: Duration,
}

/// A program that runs beside a check.
#[derive(Debug, Clone)]
pub struct Beside {
    /// Whose check it is.
    pub whose: String,
    /// The check.
    pub check: String,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Account to run as; root without.
    pub user: Option<String>,
    /// `failed`, `warning` or `well`.
    pub state: String,
    /// In words.
    pub how: String,
}

enum Order {
    Ask(Box<Ask>),
    Run(Beside),
}

/// How one question ended.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) verdict: Verdict,
    pub(crate) how: String,
    pub(crate) output: String,
}

impl Found {
    pub(crate) fn well(how: impl Into<String>) -> Self {
        Self::new(Verdict::Well, how)
    }

    pub(crate) fn failed(how: impl Into<String>) -> Self {
        Self::new(Verdict::Failed, how)
    }

    pub(crate) fn new(verdict: Verdict, how: impl Into<String>) -> Self {
        Self {
            verdict,
            how: how.into(),
            output: String::new(),
        }
    }

    pub(crate) fn with_output(self, output: String) -> Self {
        Self { output, ..self }
    }
}

/// What all questions share.
pub(crate) struct Shared {
    /// Where output of programs is kept while they run.
    pub(crate) directory: PathBuf,
    /// Where it is kept afterwards.
    pub(crate) keeper: keep::Keeper,
    pub(crate) authorities: tls::Authorities,
    pub(crate) followed: Mutex<log::Files>,
    /// Checks of which a call into the kernel has not come back.
    hanging: Mutex<BTreeSet<(String, String)>>,
}

/// Asks the checks of this node.
pub struct Checks {
    orders: mpsc::Sender<Order>,
}

impl Checks {
    /// Starts the thread; the answers come as `Event::Checked`.
    ///
    /// # Errors
    /// When there is no directory, thread or runtime for it.
    pub fn start(
        (run_dir, log_dir): (&Path, &Path),
        events: mpsc::Sender<Event>,
    ) -> std::io::Result<Self> {
        let directory = run_dir.join("checks");
        std::fs::create_dir_all(&directory)?;
        let left = command::left_behind(&directory);
        let shared = Arc::new(Shared {
            directory,
            keeper: keep::Keeper::new(log_dir),
            authorities: tls::Authorities::default(),
            followed: Mutex::default(),
            hanging: Mutex::default(),
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (orders, received) = mpsc::channel(ORDERS_MAX);
        std::thread::Builder::new()
            .name("checks".to_string())
            .spawn(move || {
                for process in left {
                    runtime.spawn(command::end_left_behind(process));
                }
                runtime.block_on(serve(shared, received, events));
                // Calls that hang in the kernel must not keep the daemon from ending.
                runtime.shutdown_background();
            })?;
        Ok(Self { orders })
    }

    /// Asks. Never blocks; a question that finds no place is answered by the engine's own
    /// limit.
    pub fn ask(&self, ask: Ask) {
        if self.orders.try_send(Order::Ask(Box::new(ask))).is_err() {
            tracing::warn!("more than {ORDERS_MAX} questions to checks wait");
        }
    }

    /// Runs a program beside a check.
    pub fn run(&self, beside: Beside) {
        if self.orders.try_send(Order::Run(beside)).is_err() {
            tracing::warn!("more than {ORDERS_MAX} questions to checks wait");
        }
    }
}

async fn serve(
    shared: Arc<Shared>,
    mut orders: mpsc::Receiver<Order>,
    events: mpsc::Sender<Event>,
) {
    let places = Arc::new(Semaphore::new(AT_ONCE_MAX));
    while let Some(order) = orders.recv().await {
        let (shared, places, events) = (Arc::clone(&shared), Arc::clone(&places), events.clone());
        tokio::spawn(async move {
            match order {
                Order::Ask(ask) => {
                    let _place = place(&ask.check.kind, &places).await;
                    let began = Instant::now();
                    let found = answer(&shared, &ask).await;
                    let how: String = found.how.chars().take(HOW_LENGTH_MAX).collect();
                    let checked = Checked {
                        id: ask.id,
                        verdict: found.verdict,
                        how,
                        output: found.output,
                        took: began.elapsed(),
                    };
                    // Nobody listens any more when the daemon ends.
                    let _ = events.send(Event::Checked(checked)).await;
                }
                Order::Run(beside) => command::run_beside(&shared, beside, RUN_LIMIT).await,
            }
        });
    }
}

/// A place among those that are asked at the same time, where one is needed.
async fn place<'a>(kind: &CheckKind, places: &'a Semaphore) -> Option<SemaphorePermit<'a>> {
    match kind {
        CheckKind::Http(_) | CheckKind::Tcp(_) | CheckKind::Command(_) | CheckKind::Ping { .. } => {
            places.acquire().await.ok()
        }
        CheckKind::Link(_)
        | CheckKind::Processes(_)
        | CheckKind::Filesystem(_)
        | CheckKind::Swap(_)
        | CheckKind::Memory(_)
        | CheckKind::Load { .. }
        | CheckKind::Log(_) => None,
    }
}

async fn answer(shared: &Arc<Shared>, ask: &Ask) -> Found {
    let limit = ask.check.timeout;
    let asked = question(shared, ask);
    // A program is ended at its limit, and that takes a moment of its own.
    if let CheckKind::Command(_) = ask.check.kind {
        return asked.await;
    }
    match timeout(limit, asked).await {
        Ok(found) => found,
        Err(_) => Found::failed(format!(
            "no answer within {}",
            model::duration::format(limit)
        )),
    }
}

async fn question(shared: &Arc<Shared>, ask: &Ask) -> Found {
    match &ask.check.kind {
        CheckKind::Http(check) => http::ask(shared, check).await,
        CheckKind::Tcp(check) => tcp::ask(check).await,
        CheckKind::Command(check) => command::ask(shared, ask, check).await,
        CheckKind::Link(card) => link::ask(card).await,
        CheckKind::Ping { targets, percent } => {
            ping::ask(targets, *percent, ask.check.timeout).await
        }
        CheckKind::Processes(_)
        | CheckKind::Filesystem(_)
        | CheckKind::Swap(_)
        | CheckKind::Memory(_)
        | CheckKind::Load { .. }
        | CheckKind::Log(_) => look(shared, ask).await,
    }
}

/// What the kernel answers, on a thread where it may hang.
async fn look(shared: &Arc<Shared>, ask: &Ask) -> Found {
    let key = (ask.whose.clone(), ask.check.name.to_string());
    let is_free = locked(&shared.hanging).insert(key.clone());
    if !is_free {
        return Found::failed("the last question to the kernel still hangs");
    }
    let (shared, ask) = (Arc::clone(shared), ask.clone());
    let looked = tokio::task::spawn_blocking(move || {
        let found = match &ask.check.kind {
            CheckKind::Processes(check) => processes::look(check),
            CheckKind::Filesystem(check) => capacity::filesystem(check),
            CheckKind::Swap(limits) => capacity::swap(limits),
            CheckKind::Memory(limits) => capacity::memory(limits),
            CheckKind::Load { fail, warn } => capacity::load(*fail, *warn),
            CheckKind::Log(check) => log::look(&shared, &key, check),
            CheckKind::Http(_)
            | CheckKind::Tcp(_)
            | CheckKind::Command(_)
            | CheckKind::Link(_)
            | CheckKind::Ping { .. } => Found::failed("asked in the wrong place"),
        };
        locked(&shared.hanging).remove(&key);
        found
    });
    let broken = |_| Found::failed("the question broke");
    looked.await.unwrap_or_else(broken)
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is kept there is whole after each step, also when a question broke.
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
