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
//!
//! No device is touched here: what is to be done with it comes out as orders.

use std::time::Duration;

use model::plant::{self, Plant};
use model::seen::NodeState;
use model::spec::{NoQuorumPolicy, WatchdogSpec};
use model::{Command, Instant};
use quorum::disk::{Feed, Guard, PILL_AGENT, POLL};
use quorum::half::Leadership;

use crate::executor::Lease;
use crate::node::Node;

/// What was said to the log and is not seen there is said again.
const SAY_AGAIN: Duration = Duration::from_secs(1);

/// A watchdog that cannot be opened is tried again: somebody else may have had it.
const OPEN_AGAIN: Duration = Duration::from_secs(10);

/// What the hands shall do with the device. Those that are not carried out make it starve.
#[derive(Debug, Clone, PartialEq)]
pub enum DogOrder {
    /// Open it, which arms it, and feed it until then; do not open it when that is over.
    Arm {
        /// Which, and how long it shall wait for food.
        spec: WatchdogSpec,
        /// By the node's clock.
        until: Instant,
    },
    /// Feed it until then, and not later. Replaces the word before.
    FeedUntil(Instant),
    /// Make it bite now.
    Bite,
    /// Send it to sleep.
    Disarm,
    /// Have the log hear of it. Nobody waits for the answer.
    Tell(Command),
}

/// How the watchdog is.
#[derive(Debug, Default)]
enum State {
    #[default]
    Asleep,
    Arming(WatchdogSpec),
    Armed {
        spec: WatchdogSpec,
        bound: Duration,
    },
    Disarming,
}

/// Whether the daemon goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Going {
    /// It does.
    On,
    /// It is about to end, and nothing of this node is to be ended with it.
    Ending,
    /// It ends once its services have moved away.
    Leaving,
}

/// The watchdog and what was said of it.
#[derive(Debug, Default)]
pub struct Dog {
    state: State,
    said_at: Option<Instant>,
    open_after: Option<Instant>,
    /// What an earlier run of this boot has armed and not disarmed.
    inherited: Option<WatchdogSpec>,
}

impl Dog {
    /// With what an earlier run of the daemon in this boot has armed and not disarmed.
    #[must_use]
    pub fn new(inherited: Option<WatchdogSpec>) -> Self {
        Self {
            inherited,
            ..Self::default()
        }
    }

    /// Whether it bites when the daemon ends.
    #[must_use]
    pub fn is_awake(&self) -> bool {
        match self.state {
            State::Asleep => self.inherited.is_some(),
            State::Arming(..) | State::Armed { .. } | State::Disarming => true,
        }
    }

    /// How long it waits for food, where it is armed.
    #[must_use]
    pub fn bound(&self) -> Option<Duration> {
        match &self.state {
            State::Armed { bound, .. } => Some(*bound),
            State::Asleep | State::Arming(_) | State::Disarming => None,
        }
    }

    /// It is armed, and waits for food so long. What it was opened with is to be kept for the
    /// next run in this boot.
    pub fn handle_armed(&mut self, bound: Duration) -> Option<WatchdogSpec> {
        let State::Arming(spec) = std::mem::take(&mut self.state) else {
            return None;
        };
        self.inherited = None;
        self.state = State::Armed {
            spec: spec.clone(),
            bound,
        };
        Some(spec)
    }

    /// It could not be armed. Which one it was.
    pub fn handle_not_armed(&mut self) -> Option<WatchdogSpec> {
        let State::Arming(spec) = std::mem::take(&mut self.state) else {
            return None;
        };
        self.inherited = None;
        Some(spec)
    }

    /// The word was over before it was opened. Another lease may come, and what an earlier
    /// run has armed is still so.
    pub fn handle_too_late(&mut self) {
        self.state = State::Asleep;
    }

    /// It sleeps, or could not be sent to sleep and bites.
    pub fn handle_disarmed(&mut self) {
        self.state = State::Asleep;
    }
}

impl Node {
    /// Renews the word on which the watchdog is fed, and brings device and log in line with
    /// what is wanted. `guards` are those of the disk witnesses that this node uses.
    #[must_use]
    pub fn tend_dog(
        &self,
        dog: &mut Dog,
        going: Going,
        guards: &[&Guard],
        now: Instant,
    ) -> Vec<DogOrder> {
        let until = self.fed_until(guards, now);
        let is_poisoned = is_poisoned(guards, now);
        let wanted = self.wanted_dog(going);
        let (spec, bound) = match &dog.state {
            State::Asleep => {
                let next = dog.inherited.clone().or(wanted);
                let is_time = dog.open_after.is_none_or(|at| at <= now);
                let may = is_time && !is_poisoned && self.may_arm(now);
                let Some(spec) = next.filter(|_| may) else {
                    return Vec::new();
                };
                dog.open_after = Some(now + OPEN_AGAIN);
                dog.state = State::Arming(spec.clone());
                return vec![DogOrder::Arm { spec, until }];
            }
            State::Arming(_) => return vec![DogOrder::FeedUntil(until)],
            State::Armed { spec, bound } => (spec, *bound),
            State::Disarming => return Vec::new(),
        };
        let mut orders = vec![DogOrder::FeedUntil(until)];
        let ends_itself = self.lease == Lease::Ended && self.fences_itself();
        if ends_itself || is_poisoned {
            orders.push(DogOrder::Bite);
        }
        let told = self.told_dog();
        if wanted.as_ref() == Some(spec) {
            if told != Some(bound) {
                orders.extend(self.say_dog(dog, Some(bound), now));
            }
        } else if told.is_some() {
            orders.extend(self.say_dog(dog, None, now));
        } else {
            dog.state = State::Disarming;
            orders.push(DogOrder::Disarm);
        }
        orders
    }

    /// Until when the watchdog may be fed. Where pills are a fence of this node, a box that
    /// cannot be read may hold one.
    fn fed_until(&self, guards: &[&Guard], now: Instant) -> Instant {
        let until = match self.lease {
            // Somebody may be waiting for the end of this boot: it must come.
            Lease::Held if self.is_given_up() => Instant::ZERO,
            Lease::Held => self.lease_until(now),
            Lease::Ended if plant::is(Plant::FedWithoutLease) => now + POLL,
            Lease::Ended => Instant::ZERO,
        };
        if is_poisoned(guards, now) {
            return Instant::ZERO;
        }
        let leadership = self.leadership(now);
        if guards.is_empty() || leadership == Leadership::Quorate || !self.may_get_pills() {
            return until;
        }
        match guards
            .iter()
            .any(|guard| guard.feed(leadership, now) == Feed::Yes)
        {
            // A loop that hangs must not be fed longer than the writer of a pill waits.
            true => until.min(now + POLL),
            false => Instant::ZERO,
        }
    }

    fn may_get_pills(&self) -> bool {
        let spec = self.state.spec();
        spec.is_some_and(|spec| {
            let devices = spec.nodes.get(&self.config.name).map(|node| &node.fence);
            devices.into_iter().flatten().any(|device| {
                let device = spec.fence_devices.get(device);
                device.is_some_and(|device| device.agent == PILL_AGENT)
            })
        })
    }

    /// The watchdog that the configuration wants now. A node on its way out wants none.
    fn wanted_dog(&self, going: Going) -> Option<WatchdogSpec> {
        let spec = self.state.spec()?;
        let node = spec.nodes.get(&self.config.name)?;
        let me = self.state.seen().nodes.get(&self.config.name);
        let is_leaving = match going {
            Going::On => false,
            Going::Ending => true,
            Going::Leaving => me.is_some_and(|me| me.state == NodeState::Down),
        };
        let is_used = spec.cluster.no_quorum.ends_with_lease() && !is_leaving;
        node.watchdog.clone().filter(|_| is_used)
    }

    /// Whether the end of the lease ends the machine at once, and not only its services.
    fn fences_itself(&self) -> bool {
        let spec = self.state.spec();
        spec.is_some_and(|spec| spec.cluster.no_quorum == NoQuorumPolicy::SelfFence)
    }

    /// What the log says of it.
    fn told_dog(&self) -> Option<Duration> {
        self.state.seen().nodes.get(&self.config.name)?.watchdog
    }

    fn say_dog(&self, dog: &mut Dog, bound: Option<Duration>, now: Instant) -> Option<DogOrder> {
        if dog.said_at.is_some_and(|at| now < at + SAY_AGAIN) {
            return None;
        }
        dog.said_at = Some(now);
        // Nobody waits for the answer: the state shows it, or it is said again.
        Some(DogOrder::Tell(Command::WatchdogArmed {
            node: self.config.name.clone(),
            boot: self.config.boot,
            run: self.config.run,
            word: now.0,
            bound,
        }))
    }
}

/// Whether a pill for this boot was read: nothing may feed the watchdog any more.
fn is_poisoned(guards: &[&Guard], now: Instant) -> bool {
    let poisoned = |guard: &&Guard| {
        let feed = guard.feed(Leadership::Quorate, now);
        matches!(feed, Feed::Poisoned { .. })
    };
    guards.iter().any(poisoned)
}
