//! The watchdog of this node: armed while the configuration wants it, fed while the lease
//! holds, and disarmed only when the log says that nobody counts on it any more.
//!
//! ```text
//!   Asleep ── wanted, and a leader has acknowledged this run ──► Arming ──► Armed
//!     ▲                                                                       │ no longer
//!     └── Disarming ◄── the log shows that it is not armed any more ◄─────────┘ wanted
//! ```
//!
//! A run that has not heard from a leader yet opens no watchdog: opening feeds it, and a
//! daemon that is started again and again would keep a node alive that has no lease.

use std::path::PathBuf;
use std::time::Duration;

use host::watchdog::{Keeper, News};
use model::seen::NodeState;
use model::spec::{NoQuorumPolicy, WatchdogSpec};
use model::{Command, Instant};
use node::{Lease, RequestId};

use super::control::{Control, Ending, Input, Leaving};

/// What an armed watchdog was opened with, for the next run of the daemon in this boot.
const RECORD: &str = "watchdog.json";

/// What was said to the log and is not seen there is said again.
const SAY_AGAIN: Duration = Duration::from_secs(1);

/// A watchdog that cannot be opened is tried again: somebody else may have had it.
const OPEN_AGAIN: Duration = Duration::from_secs(10);

/// A clean stop waits so long for the log to show that the watchdog sleeps: a commit takes
/// milliseconds, an election in between a second.
const DISARM_LIMIT: Duration = Duration::from_secs(3);

/// How the watchdog is.
#[derive(Default)]
enum State {
    #[default]
    Asleep,
    Arming(WatchdogSpec, Keeper),
    Armed {
        spec: WatchdogSpec,
        keeper: Keeper,
        bound: Duration,
    },
    Disarming,
}

/// The watchdog and what was said of it.
#[derive(Default)]
pub struct Dog {
    state: State,
    said_at: Option<Instant>,
    open_after: Option<Instant>,
    /// What an earlier run of this boot has armed and not disarmed.
    inherited: Option<WatchdogSpec>,
}

impl Dog {
    /// With what an earlier run of the daemon left in this directory, which ends with the boot.
    pub fn new(run_dir: &std::path::Path) -> Self {
        let record = std::fs::read(run_dir.join(RECORD)).ok();
        Self {
            inherited: record.and_then(|record| serde_json::from_slice(&record).ok()),
            ..Self::default()
        }
    }

    /// Whether it bites when the daemon ends.
    pub fn is_awake(&self) -> bool {
        match self.state {
            State::Asleep => self.inherited.is_some(),
            State::Arming(..) | State::Armed { .. } | State::Disarming => true,
        }
    }
}

impl Control {
    /// Renews the word on which the watchdog is fed, and brings device and log in line with
    /// what is wanted.
    pub fn tend_dog(&mut self, now: Instant) {
        let boundary = self.node.boundary(now);
        let until = match boundary.lease {
            // Somebody may be waiting for the end of this boot: it must come.
            Lease::Held if self.node.is_given_up() => Instant::ZERO,
            Lease::Held => self.fed_by_disks(boundary.lease_until, now),
            Lease::Ended => Instant::ZERO,
        };
        let is_poisoned = self.is_poisoned(now);
        let wanted = self.wanted_dog();
        let told = self.told_dog();
        match &self.dog.state {
            State::Asleep => {
                let next = self.dog.inherited.clone().or(wanted);
                if let Some(spec) = next.filter(|_| self.may_open_dog(now)) {
                    self.arm_dog(spec, until, now);
                }
            }
            State::Arming(_, keeper) => keeper.feed_until(until),
            State::Armed {
                spec,
                keeper,
                bound,
            } => {
                keeper.feed_until(until);
                if boundary.lease == Lease::Ended && self.fences_itself() {
                    tracing::error!("the lease has ended: this machine ends now");
                    keeper.bite();
                }
                if is_poisoned {
                    keeper.bite();
                }
                let bound = Some(*bound);
                match wanted.as_ref() == Some(spec) {
                    true if told != bound => self.say_dog(bound, now),
                    true => {}
                    false if told.is_some() => self.say_dog(None, now),
                    false => self.disarm_dog(),
                }
            }
            State::Disarming => {}
        }
    }

    /// The watchdog that the configuration wants now. A node on its way out wants none.
    fn wanted_dog(&self) -> Option<WatchdogSpec> {
        let spec = self.node.state().spec()?;
        let node = spec.nodes.get(&self.identity.name)?;
        let is_leaving = self.ending != Ending::No
            || (self.leaving != Leaving::No && self.my_node_state() == Some(&NodeState::Down));
        let is_used = spec.cluster.no_quorum.ends_with_lease() && !is_leaving;
        node.watchdog.clone().filter(|_| is_used)
    }

    /// Whether the end of the lease ends the machine at once, and not only its services.
    fn fences_itself(&self) -> bool {
        let spec = self.node.state().spec();
        spec.is_some_and(|spec| spec.cluster.no_quorum == NoQuorumPolicy::SelfFence)
    }

    fn my_node_state(&self) -> Option<&NodeState> {
        let me = self.node.state().seen().nodes.get(&self.identity.name);
        me.map(|node| &node.state)
    }

    /// What the log says of it.
    fn told_dog(&self) -> Option<Duration> {
        let nodes = &self.node.state().seen().nodes;
        nodes.get(&self.identity.name)?.watchdog
    }

    fn may_open_dog(&self, now: Instant) -> bool {
        let is_time = self.dog.open_after.is_none_or(|at| at <= now);
        is_time && !self.is_poisoned(now) && self.node.may_arm(now)
    }

    fn arm_dog(&mut self, spec: WatchdogSpec, until: Instant, now: Instant) {
        self.dog.open_after = Some(now + OPEN_AGAIN);
        let inputs = self.inputs.clone();
        let tell = move |news: News| {
            // A full queue means that the loop is stuck: then the dog starves, as it shall.
            let _full = inputs.try_send(Input::Watchdog(news));
        };
        let device = PathBuf::from(&spec.device);
        match Keeper::start(device, spec.timeout, until, Box::new(tell)) {
            Ok(keeper) => self.dog.state = State::Arming(spec, keeper),
            Err(error) => tracing::error!("nobody can feed the watchdog: {error}"),
        }
    }

    /// The keeper has something to tell.
    pub fn take_dog_news(&mut self, news: News) {
        match news {
            News::Armed(bound) => {
                if let State::Arming(spec, keeper) = std::mem::take(&mut self.dog.state) {
                    tracing::info!("watchdog {} is armed, {bound:?}", spec.device);
                    self.keep_dog_record(Some(&spec));
                    self.dog.inherited = None;
                    self.dog.state = State::Armed {
                        spec,
                        keeper,
                        bound,
                    };
                }
            }
            News::NotArmed(error) => {
                if let State::Arming(spec, _) = std::mem::take(&mut self.dog.state) {
                    tracing::error!("watchdog {} cannot be armed: {error}", spec.device);
                    self.dog.inherited = None;
                }
            }
            News::TooLate => {
                // Another lease may come, and what an earlier run has armed is still so.
                self.dog.state = State::Asleep;
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
                self.dog.state = State::Asleep;
            }
        }
        self.flush();
    }

    fn disarm_dog(&mut self) {
        if let State::Armed { keeper, .. } = std::mem::take(&mut self.dog.state) {
            keeper.disarm();
            self.dog.state = State::Disarming;
        }
    }

    fn say_dog(&mut self, bound: Option<Duration>, now: Instant) {
        if self.dog.said_at.is_some_and(|at| now < at + SAY_AGAIN) {
            return;
        }
        self.dog.said_at = Some(now);
        let id = RequestId(self.next_request);
        self.next_request += 1;
        let command = Command::WatchdogArmed {
            node: self.identity.name.clone(),
            boot: self.node.config().boot,
            run: self.node.config().run,
            word: now.0,
            bound,
        };
        // Nobody waits for the answer: the state shows it, or it is said again.
        self.node.handle_request(id, command, now);
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
        if let State::Armed { bound, .. } = &self.dog.state {
            tracing::error!(
                "the others could not be told that the watchdog sleeps, so it stays armed: this \
                 machine ends within {bound:?} unless the daemon is started again and hears a \
                 leader"
            );
        }
    }
}
