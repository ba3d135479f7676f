//! The watchdog of this node as a device: what `node::Dog` decides is carried out by a thread
//! that feeds, and the thread's news go back to it. Nothing is decided here.

use std::path::PathBuf;
use std::time::Duration;

use host::watchdog::{Keeper, News};
use model::Instant;
use model::spec::WatchdogSpec;
use node::{DogOrder, Going, RequestId};

use super::control::{Control, Ending, Input, Leaving};

/// What an armed watchdog was opened with, for the next run of the daemon in this boot.
const RECORD: &str = "watchdog.json";

/// A clean stop waits so long for the log to show that the watchdog sleeps: a commit takes
/// milliseconds, an election in between a second.
const DISARM_LIMIT: Duration = Duration::from_secs(3);

/// The watchdog, and who feeds it.
pub struct Dog {
    decides: node::Dog,
    /// None: nobody feeds it from here.
    keeper: Option<Keeper>,
}

impl Dog {
    /// With what an earlier run of the daemon left in this directory, which ends with the boot.
    pub fn new(run_dir: &std::path::Path) -> Self {
        let record = std::fs::read(run_dir.join(RECORD)).ok();
        let inherited = record.and_then(|record| serde_json::from_slice(&record).ok());
        Self {
            decides: node::Dog::new(inherited),
            keeper: None,
        }
    }

    /// Whether it bites when the daemon ends.
    pub fn is_awake(&self) -> bool {
        self.decides.is_awake()
    }
}

impl Control {
    /// Renews the word on which the watchdog is fed, and brings device and log in line with
    /// what is wanted.
    pub fn tend_dog(&mut self, now: Instant) {
        let going = match (self.ending, self.leaving) {
            (Ending::No, Leaving::No) => Going::On,
            (Ending::No, Leaving::Halting | Leaving::ForGood) => Going::Leaving,
            (
                Ending::Disarming { .. } | Ending::HandingOver { .. } | Ending::Removing { .. },
                _,
            ) => Going::Ending,
        };
        let guards = self.disks.guards();
        let orders = self
            .node
            .tend_dog(&mut self.dog.decides, going, &guards, now);
        for order in orders {
            match order {
                DogOrder::Arm { spec, until } => self.arm_dog(&spec, until),
                DogOrder::FeedUntil(until) => {
                    if let Some(keeper) = &self.dog.keeper {
                        keeper.feed_until(until);
                    }
                }
                DogOrder::Bite => {
                    tracing::error!("this machine ends now: its lease is over, or it must");
                    if let Some(keeper) = &self.dog.keeper {
                        keeper.bite();
                    }
                }
                DogOrder::Disarm => {
                    if let Some(keeper) = self.dog.keeper.take() {
                        keeper.disarm();
                    }
                }
                DogOrder::Tell(command) => {
                    let id = RequestId(self.next_request);
                    self.next_request += 1;
                    self.node.handle_request(id, command, now);
                }
            }
        }
    }

    fn arm_dog(&mut self, spec: &WatchdogSpec, until: Instant) {
        let inputs = self.inputs.clone();
        let tell = move |news: News| {
            // A full queue means that the loop is stuck: then the dog starves, as it shall.
            let _full = inputs.try_send(Input::Watchdog(news));
        };
        let device = PathBuf::from(&spec.device);
        match Keeper::start(device, spec.timeout, until, Box::new(tell)) {
            Ok(keeper) => self.dog.keeper = Some(keeper),
            Err(error) => {
                tracing::error!("nobody can feed the watchdog: {error}");
                self.dog.decides.handle_too_late();
            }
        }
    }

    /// The keeper has something to tell.
    pub fn take_dog_news(&mut self, news: News) {
        match news {
            News::Armed(bound) => {
                if let Some(spec) = self.dog.decides.handle_armed(bound) {
                    tracing::info!("watchdog {} is armed, {bound:?}", spec.device);
                    self.keep_dog_record(Some(&spec));
                }
            }
            News::NotArmed(error) => {
                if let Some(spec) = self.dog.decides.handle_not_armed() {
                    tracing::error!("watchdog {} cannot be armed: {error}", spec.device);
                    self.dog.keeper = None;
                }
            }
            News::TooLate => {
                self.dog.decides.handle_too_late();
                self.dog.keeper = None;
            }
            News::NotFed(error) => tracing::error!("the watchdog could not be fed: {error}"),
            News::Overdue => {
                tracing::error!("this machine stood still until its lease was over: it ends now");
            }
            News::Disarmed(done) => {
                match done {
                    Ok(()) => tracing::info!("the watchdog is disarmed"),
                    Err(error) => {
                        tracing::error!("the watchdog could not be disarmed, and bites: {error}");
                    }
                }
                self.keep_dog_record(None);
                self.dog.decides.handle_disarmed();
            }
        }
        self.flush();
    }

    fn keep_dog_record(&self, spec: Option<&WatchdogSpec>) {
        let path = self.places.run_dir.join(RECORD);
        let done = match spec {
            Some(spec) => {
                let text = serde_json::to_vec(spec).expect("a path and a time are plain data");
                std::fs::write(&path, text)
            }
            None => std::fs::remove_file(&path),
        };
        if let Err(error) = done {
            tracing::warn!("{}: {error}", path.display());
        }
    }

    /// Until when a daemon that shall end waits for its watchdog, if it has one that is awake.
    pub fn dog_wait(&self, now: Instant) -> Option<Instant> {
        self.dog.is_awake().then(|| now + DISARM_LIMIT)
    }

    /// The last word about it, at the end of the daemon.
    pub fn leave_dog(&self) {
        if let Some(bound) = self.dog.decides.bound() {
            tracing::error!(
                "the others could not be told that the watchdog sleeps, so it stays armed: this \
                 machine ends within {bound:?} unless the daemon is started again and hears a \
                 leader"
            );
        }
    }
}
