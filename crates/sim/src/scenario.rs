//! Scenarios as text: a cluster, acts at their times, and what an operator would see of it.
//!
//! ```text
//! # A pair loses one node: the other fences it and goes on
//! nodes 2
//! service db prefer=a
//! at 5s power-off a
//! run 12s
//! ---
//!    5.00s  > power-off a
//! ...
//! ```

use std::fmt::Write as _;

use model::duration::parse;
use model::spec::{NetworkSpec, NoQuorumPolicy};
use model::{Instant, NodeId};

use crate::act::Act;
use crate::form::{NODES_MAX, node_name, service, spec};
use crate::play;
use crate::promises::Promise;
use crate::schedule::Setup;
use crate::trace::Line;

/// Between what is given and what is seen.
pub const DIVIDER: &str = "---\n";

/// A scenario that was read.
#[derive(Debug, Clone)]
pub struct Scenario {
    setup: Setup,
    acts: Vec<(Instant, Act)>,
    until: Instant,
}

/// A line that is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct NoScenario {
    /// Which, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

impl Scenario {
    /// Reads what stands above the divider.
    ///
    /// # Errors
    /// The first line that is not understood.
    pub fn read(text: &str) -> Result<Self, NoScenario> {
        let mut scenario = Self {
            setup: Setup::plain(3),
            acts: Vec::new(),
            until: Instant::ZERO,
        };
        for (place, line) in text.lines().enumerate() {
            let line = line.trim();
            if line == DIVIDER.trim() {
                break;
            }
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let line_number = place + 1;
            scenario.take(line).map_err(|what| NoScenario {
                line: line_number,
                what,
            })?;
        }
        scenario.acts.sort_by_key(|(at, _)| *at);
        scenario.setup.faults_end = scenario.until;
        Ok(scenario)
    }

    fn take(&mut self, line: &str) -> Result<(), String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let bad = || format!("`{line}` is not understood");
        let span = |text: &str| parse(text).map_err(|error| error.to_string());
        match word {
            "nodes" => {
                let nodes: u64 = rest.parse().map_err(|_| bad())?;
                if !(1..=NODES_MAX).contains(&nodes) {
                    return Err(format!("there are 1 to {NODES_MAX} nodes"));
                }
                let before = std::mem::replace(&mut self.setup, Setup::plain(nodes));
                self.setup.spec = spec(nodes, before.spec.services);
                self.setup.spec.cluster = before.spec.cluster;
            }
            "seed" => self.setup.seed = rest.parse().map_err(|_| bad())?,
            "links" => self.setup.links = rest.parse().map_err(|_| bad())?,
            "service" => {
                let (name, spec) = service(rest)?;
                self.setup.spec.services.insert(name, spec);
            }
            "policy" => self.setup.spec.cluster.no_quorum = policy(rest).ok_or_else(bad)?,
            "witness" => self.setup.witness = true,
            "shared-disk" => self.setup.shared = true,
            "pills" => crate::shared::with_pills(&mut self.setup),
            "watchdogs" => crate::dogs::arm_all(&mut self.setup, span(rest)?),
            "dead-devices" => self.setup.devices = crate::dogs::Devices::Dead,
            "no-devices" => {
                let nodes = self.setup.spec.nodes.values_mut();
                nodes.for_each(|node| node.fence.clear());
            }
            "cards" => self.take_cards(rest).ok_or_else(bad)?,
            "on-again" => self.setup.on_again = Some(span(rest)?),
            "snapshots" => self.setup.compact_every = rest.parse().map_err(|_| bad())?,
            "at" => {
                let (at, act) = rest.split_once(' ').ok_or_else(bad)?;
                let act: Act = act.parse().map_err(|error| format!("{error}"))?;
                self.acts.push((Instant::ZERO + span(at)?, act));
            }
            "run" => self.until = Instant::ZERO + span(rest)?,
            _other => return Err(bad()),
        }
        Ok(())
    }

    /// `2 move=1s steady=1s barred=20s web,db`: so many cards on each node, how patient
    /// services are with them, and which have an address there.
    fn take_cards(&mut self, line: &str) -> Option<()> {
        let mut words = line.split_whitespace();
        let cards = words.next()?.parse().ok()?;
        let mut rules = NetworkSpec::default();
        for word in words {
            match word.split_once('=') {
                Some(("move", time)) => rules.move_after = parse(time).ok()?,
                Some(("steady", time)) => rules.steady_after = parse(time).ok()?,
                Some(("barred", time)) => rules.barred_for = parse(time).ok()?,
                Some(_) => return None,
                None => {
                    let services: Vec<&str> = word.split(',').collect();
                    crate::cards::attach(&mut self.setup.spec, rules, cards, &services);
                    return Some(());
                }
            }
        }
        None
    }

    /// Plays it: what an operator would see, and the promise that was broken, if any was. The
    /// last line says so too.
    #[must_use]
    pub fn play(&self) -> (String, Option<Promise>) {
        let outcome = play::acts(&self.setup, self.acts.clone(), self.until);
        let mut told = String::new();
        // That all machines boot at the beginning goes without saying.
        for line in outcome.lines.iter().filter(|line| 0 < line.event) {
            tell(&mut told, line);
        }
        let broken = outcome.violation.as_ref().map(|it| it.promise);
        if let Some(violation) = outcome.violation {
            let (promise, what) = (violation.promise.name(), violation.what);
            let _infallible = writeln!(told, "BROKEN {promise}: {what}");
        }
        (told, broken)
    }
}

/// `   5.00s  a  db/program starts`
fn tell(told: &mut String, line: &Line) {
    let seconds = line.at.0 as f64 / 1e9;
    let node = match line.node {
        Some(id) => node_name(NodeId(id.0)).to_string(),
        None => String::new(),
    };
    let _infallible = writeln!(told, "{seconds:7.2}s  {node:2} {}", line.what);
}

fn policy(word: &str) -> Option<NoQuorumPolicy> {
    Some(match word {
        "stop" => NoQuorumPolicy::Stop,
        "freeze" => NoQuorumPolicy::Freeze,
        "demote" => NoQuorumPolicy::Demote,
        "self-fence" => NoQuorumPolicy::SelfFence,
        "ignore" => NoQuorumPolicy::Ignore,
        _ => return None,
    })
}
