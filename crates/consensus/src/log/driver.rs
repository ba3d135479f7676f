//! The thread that writes the log. It takes all orders that wait, writes them, syncs once,
//! and reports the last one: under load many orders share one sync, without load an order
//! waits for nobody.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use raft::{Persist, PersistSeq};

use super::{Disk, Log, LogError};

/// Orders that may wait for the disk. Raft makes one order of all that arrives in one turn
/// of the control loop, so these are thousands of turns: the disk has stalled.
const ORDERS_MAX: usize = 4096;

/// Orders under one sync: the first of them should not wait for too many writes.
const ORDERS_PER_SYNC_MAX: usize = 512;

/// Without an order for this long, the log does its chores.
const IDLE_AFTER: Duration = Duration::from_millis(200);

/// What the thread reports.
#[derive(Debug)]
pub enum Report {
    /// All orders up to this one survive a power loss.
    Durable(PersistSeq),
    /// The disk has failed. Nothing more will be reported; the daemon must end, because it
    /// can no longer keep what it promises.
    Failed(LogError),
}

/// The door to the thread. Dropping it lets the thread finish what waits, and waits for it.
#[derive(Debug)]
pub struct Driver {
    orders: Option<SyncSender<Persist>>,
    thread: Option<JoinHandle<()>>,
}

/// Starts the thread. `report` is called on it and must not wait.
///
/// # Panics
/// When the system gives no thread.
pub fn spawn_driver<D: Disk + Send + 'static>(
    log: Log<D>,
    report: impl FnMut(Report) + Send + 'static,
) -> Driver {
    let (orders, waiting) = sync_channel(ORDERS_MAX);
    let thread = std::thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || run(log, &waiting, report))
        .expect("a daemon that starts gets a thread");
    Driver {
        orders: Some(orders),
        thread: Some(thread),
    }
}

impl Driver {
    /// Hands over an order. Waits only when `ORDERS_MAX` are waiting; a node whose disk has
    /// stalled so long has nothing else to do. After a failure orders are dropped: the
    /// failure was reported.
    pub fn persist(&self, order: Persist) {
        let orders = self.orders.as_ref().expect("taken only by drop");
        if orders.send(order).is_err() {
            tracing::debug!("an order for the log is dropped: it has failed");
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the log has panicked");
        }
    }
}

fn run<D: Disk>(mut log: Log<D>, waiting: &Receiver<Persist>, mut report: impl FnMut(Report)) {
    // A log at rest costs nothing: after the idle record the thread sleeps until an order.
    let mut is_idle = false;
    loop {
        let next = if is_idle {
            waiting.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            waiting.recv_timeout(IDLE_AFTER)
        };
        is_idle = matches!(next, Err(RecvTimeoutError::Timeout));
        let outcome = match next {
            Ok(first) => write(&mut log, first, waiting).map(Some),
            Err(RecvTimeoutError::Timeout) => log.idle().map(|()| None),
            Err(RecvTimeoutError::Disconnected) => {
                // Nobody listens any more; what is durable stays durable.
                let _ = log.idle();
                return;
            }
        };
        match outcome {
            Ok(Some(seq)) => report(Report::Durable(seq)),
            Ok(None) => {}
            Err(error) => {
                report(Report::Failed(error));
                return;
            }
        }
    }
}

fn write<D: Disk>(
    log: &mut Log<D>,
    first: Persist,
    waiting: &Receiver<Persist>,
) -> Result<PersistSeq, LogError> {
    let mut last = first.seq;
    let more = waiting.try_iter().take(ORDERS_PER_SYNC_MAX - 1);
    for order in std::iter::once(first).chain(more) {
        last = order.seq;
        log.write(order)?;
    }
    log.sync()?;
    Ok(last)
}
