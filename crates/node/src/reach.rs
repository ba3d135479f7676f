//! Which ping targets answer this node, list by list.
//!
//! A target that has missed several answers in a row is silent; one that has answered again
//! more than once is there. Nothing is said of a list before each of its targets is one or the
//! other. Answers and the time come in; who asks them is somebody else's business.

use std::collections::BTreeMap;
use std::time::Duration;

use model::networks::{Level, NetworksSeen, PingSpec, PingTarget, ReachSeen, Standing};
use model::{Instant, NetworkName, NodeName, ServiceName, Spec};

use crate::settle::{Patience, Settling};

/// Answers missed in a row after which a target is silent: one or two are lost on any network.
const MISSES_MAX: u32 = 3;
/// Answers in a row after which a silent target is there again.
const ANSWERS_MIN: u32 = 2;
/// Enough targets must answer for this long, or for this many questions, before services come.
const STEADY: Duration = Duration::from_secs(10);

/// Whose targets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PingList {
    /// Of a network.
    Network(NetworkName),
    /// Of a service.
    Service(ServiceName),
}

/// What became of one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Echo {
    /// It was answered in time.
    Answered,
    /// It was not.
    Missed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Unknown { missed: u32 },
    There { missed: u32 },
    Silent { answered: u32 },
}

impl Target {
    fn after(self, echo: Echo) -> Self {
        let missed = |missed: u32| match missed + 1 {
            MISSES_MAX.. => Err(Self::Silent { answered: 0 }),
            missed => Ok(missed),
        };
        match (self, echo) {
            (Self::Unknown { .. } | Self::There { .. }, Echo::Answered) => {
                Self::There { missed: 0 }
            }
            (Self::Unknown { missed: so_far }, Echo::Missed) => {
                missed(so_far).map_or_else(|silent| silent, |missed| Self::Unknown { missed })
            }
            (Self::There { missed: so_far }, Echo::Missed) => {
                missed(so_far).map_or_else(|silent| silent, |missed| Self::There { missed })
            }
            (Self::Silent { answered }, Echo::Answered) if ANSWERS_MIN <= answered + 1 => {
                Self::There { missed: 0 }
            }
            (Self::Silent { answered }, Echo::Answered) => Self::Silent {
                answered: answered + 1,
            },
            (Self::Silent { .. }, Echo::Missed) => Self::Silent { answered: 0 },
        }
    }
}

#[derive(Debug, Clone)]
struct List {
    spec: PingSpec,
    targets: Vec<(PingTarget, Target)>,
    /// None before all its targets are known.
    settling: Option<Settling>,
}

impl List {
    fn new(spec: &PingSpec) -> Self {
        let targets = spec.targets.iter();
        Self {
            spec: spec.clone(),
            targets: targets
                .map(|target| (*target, Target::Unknown { missed: 0 }))
                .collect(),
            settling: None,
        }
    }

    /// All nodes must have had the time to notice what one of them has noticed first.
    fn patience(&self) -> Patience {
        Patience {
            worse: self.spec.every * 2 + self.spec.timeout,
            better: STEADY.max(self.spec.every * 4),
        }
    }

    fn level(&self) -> Option<Level> {
        let is_unknown =
            |(_, target): &(PingTarget, Target)| matches!(target, Target::Unknown { .. });
        if self.targets.iter().any(is_unknown) {
            return None;
        }
        let reached = self.reached().count();
        Some(match u32::try_from(reached).unwrap_or(u32::MAX) {
            reached if self.spec.needed() <= reached => Level::Full,
            0 => Level::None,
            _some => Level::Poor,
        })
    }

    fn reached(&self) -> impl Iterator<Item = PingTarget> {
        let there = |(_, target): &&(PingTarget, Target)| matches!(target, Target::There { .. });
        self.targets.iter().filter(there).map(|(target, _)| *target)
    }

    fn follow(&mut self, now: Instant) {
        let Some(level) = self.level() else { return };
        let patience = self.patience();
        let settling = self.settling.get_or_insert_with(|| {
            // What a node finds when it begins has not changed.
            let standing = Standing {
                now: level,
                settled: level,
            };
            Settling::new(standing, now)
        });
        settling.set(level, now);
        settling.handle_timeout(patience, now);
    }

    fn seen(&self) -> Option<ReachSeen> {
        let reached: Vec<PingTarget> = self.reached().collect();
        let others = self.targets.iter().map(|(target, _)| *target);
        Some(ReachSeen {
            standing: self.settling?.standing(),
            silent: others.filter(|target| !reached.contains(target)).collect(),
            reached,
            needed: self.spec.needed(),
        })
    }
}

/// The ping targets of this node.
#[derive(Debug, Default)]
pub struct Reach {
    lists: BTreeMap<PingList, List>,
}

/// The lists that a node asks: of its networks, and of services that it may run.
#[must_use]
pub fn ping_lists(spec: &Spec, node: &NodeName) -> BTreeMap<PingList, PingSpec> {
    let attached = spec.nodes.get(node).map(|node| &node.networks);
    let networks = spec.networks.iter().filter_map(|(name, network)| {
        attached?.get(name)?;
        Some((PingList::Network(name.clone()), network.ping.clone()?))
    });
    let services = spec.services.iter().filter_map(|(name, service)| {
        let ping = service.rules.ping.clone()?;
        service
            .allows(node)
            .then(|| (PingList::Service(name.clone()), ping))
    });
    networks.chain(services).collect()
}

impl Reach {
    /// The configuration may name other targets.
    pub fn configure(&mut self, lists: BTreeMap<PingList, PingSpec>) {
        self.lists
            .retain(|name, list| lists.get(name) == Some(&list.spec));
        for (name, spec) in lists {
            self.lists.entry(name).or_insert_with(|| List::new(&spec));
        }
    }

    /// A target was asked.
    pub fn handle_echo(&mut self, list: &PingList, target: PingTarget, echo: Echo, now: Instant) {
        let Some(list) = self.lists.get_mut(list) else {
            return;
        };
        for (_, known) in list.targets.iter_mut().filter(|(of, _)| *of == target) {
            *known = known.after(echo);
        }
        list.follow(now);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        for list in self.lists.values_mut() {
            list.follow(now);
        }
    }

    /// When `handle_timeout` is due next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let due = |list: &List| list.settling?.due(list.patience());
        self.lists.values().filter_map(due).min()
    }

    /// For the others.
    pub fn tell(&self, told: &mut NetworksSeen) {
        for (name, list) in &self.lists {
            let Some(seen) = list.seen() else { continue };
            match name {
                PingList::Network(network) => {
                    told.pings.insert(network.clone(), seen);
                }
                PingList::Service(service) => {
                    told.service_pings.insert(service.clone(), seen);
                }
            }
        }
    }
}
