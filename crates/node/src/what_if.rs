//! What if something fails: failures are played on a copy of the state, by the planner and the
//! state themselves; nothing here decides where a service goes or whether it may.
//!
//! ```text
//!   failures ──► situation: who hears whom, who may decide, who is lost, what fails where
//!                   │            (standing.rs asks the machine of `quorum` about halves)
//!                   ▼
//!                 play: plan, act, plan ... until nothing is left to do ──► outcome
//! ```
//!
//! # Two failures at once
//!
//! There are many pairs, and most need no play of their own. The argument:
//!
//! 1. A play is made from its *situation* alone. Pairs that come to the situation of one of
//!    their failures, or of any other that was played, have its outcome.
//! 2. Services act on each other in three ways: by relations of the spec, which make *families*;
//!    by the number of services on each node, which decides between nodes that are equally good;
//!    and by nodes of which it is not known what they run, behind which every start waits.
//!    [`relations`] names every field of a service, so that a new relation stops the build here.
//! 3. Let a pair be a failure that loses nodes, or none, and one that makes resources fail and
//!    touches no node. When the two plays touch different families, neither goes where the other
//!    fails or loses, and no node is unknown, then each step of either play is planned in the
//!    joint play as well: what the planner reads for it is the same, but for the numbers of
//!    services. Those choose between equals only, so they change where a service goes and never
//!    whether or when; such places are marked ([`Fate::Back`]).
//!    A play may meet such a choice where both failures happen: then it is told as if it had gone
//!    to an equal that the other failure spares.
//! 4. For the same reason a play needs no other services than those of the families that its
//!    situation strikes. Where a choice between equals comes up, a single failure is played again
//!    with all; of two failures the equals are told.
//! 5. A family of which each service has a resource that fails on every node is down whatever
//!    else fails. It needs no play with others, and what is tried on the way down is cut short.
//!
//! `tests/what_if.rs` compares this with plays of every pair, in random small clusters.
//!
//! # What is assumed
//!
//! Both failures happen at the same moment; nothing else fails and everything works at the
//! first try; the cluster has settled before. That a node is lost is known from the start to
//! those who plan, and nothing follows from it before `lost_after`. Fence devices and witnesses
//! are reached by everybody who is left, but for witnesses inside a network that fails.
//!
//! A card that is lost with another one in its network on that node moves addresses to that one
//! and no service. With the last one the node tells that the network is bad, and the planner does
//! what it does then; a service that stays for want of a better node is told as down.

mod assumed;
mod failure;
mod networks;
mod one;
mod pairs;
mod relations;
mod roles;
mod rules;
mod situation;
mod standing;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use model::seen::NodeState;
use model::{CardName, Moment, NodeId, NodeName, ServiceName};
use state::State;
use wire::raft::Arbiter;

use crate::estimate::Estimate;
pub use assumed::Assumed;
pub use failure::{Card, Failure};
use one::Played;
pub use pairs::{Depth, Double, Forecast, Joint};
use relations::Families;
pub use rules::BrokenRule;
use situation::{Situation, situation};

/// What the failures are played on.
#[derive(Debug, Clone)]
pub struct Cluster<'a> {
    /// The picture, and what is wanted.
    pub state: &'a State,
    /// The index of the last command in it.
    pub applied: u64,
    /// Now.
    pub at: Moment,
    /// Who votes.
    pub voters: BTreeSet<NodeId>,
    /// Who decides between halves.
    pub arbiter: Arbiter,
    /// Whether those who are up are no majority already.
    is_short: bool,
}

impl<'a> Cluster<'a> {
    /// A cluster as it is.
    #[must_use]
    pub fn new(
        state: &'a State,
        (applied, at): (u64, Moment),
        (voters, arbiter): (BTreeSet<NodeId>, Arbiter),
    ) -> Self {
        let mut cluster = Self {
            state,
            applied,
            at,
            voters,
            arbiter,
            is_short: false,
        };
        let up = situation::up(&cluster).filter_map(|name| state.node_id(name));
        let here = up.filter(|id| cluster.voters.contains(id)).count();
        cluster.is_short = 2 * here <= cluster.voters.len();
        cluster
    }

    /// Whether it is known of each node what it runs.
    fn is_known(&self) -> bool {
        let nodes = self.state.seen().nodes.values();
        nodes.clone().all(|node| !node.may_run_anything())
            && nodes.clone().all(|node| {
                !matches!(
                    node.state,
                    NodeState::Lost { .. } | NodeState::DaemonDown { .. }
                )
            })
    }
}

/// What becomes of a service that ran before and was touched by the failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is back.
    Back {
        /// Where.
        node: NodeName,
        /// How long it did not answer.
        outage: Estimate,
        /// Nodes that were as good for it at some time, where the number of services on each has
        /// decided; empty where nothing but the configuration has.
        equals: BTreeSet<NodeName>,
    },
    /// It runs where it was, and its addresses are on another card of the same network.
    Carried {
        /// Where it runs.
        node: NodeName,
        /// The card.
        card: CardName,
        /// How long nobody reaches it: not measured, an estimate.
        outage: Estimate,
    },
    /// It is not back.
    Down {
        /// Why, in words.
        because: String,
    },
}

/// What becomes of the promoted role of a service, where it was touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleFate {
    /// As many copies are promoted as before.
    Back {
        /// Where the last of them is promoted.
        node: NodeName,
        /// For how long fewer were.
        outage: Estimate,
    },
    /// Fewer are than before.
    Nobody {
        /// Why, in words.
        because: String,
    },
}

/// Who decides after the failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deciders {
    /// A majority.
    Majority,
    /// Half of the voters, after this time.
    Half {
        /// Since the failures.
        after: std::time::Duration,
    },
    /// Nobody.
    Nobody {
        /// Why, in words.
        because: String,
    },
}

/// What failures lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Who decides.
    pub deciders: Deciders,
    /// Services that ran before and are touched.
    pub fates: BTreeMap<ServiceName, Fate>,
    /// Roles that somebody had before and that are touched.
    pub roles: BTreeMap<ServiceName, RoleFate>,
}

impl Outcome {
    /// Services that are not back.
    pub fn down(&self) -> impl Iterator<Item = (&ServiceName, &str)> {
        self.fates.iter().filter_map(|(name, fate)| match fate {
            Fate::Down { because } => Some((name, because.as_str())),
            Fate::Back { .. } | Fate::Carried { .. } => None,
        })
    }
}

impl Outcome {
    /// Services that are not back, and those of which nobody has the role any more.
    #[must_use]
    pub fn missed(&self) -> BTreeSet<&ServiceName> {
        let roles = self.roles.iter();
        let unfilled = roles.filter(|(_, role)| matches!(role, RoleFate::Nobody { .. }));
        let unfilled = unfilled.map(|(name, _)| name);
        self.down().map(|(name, _)| name).chain(unfilled).collect()
    }
}

/// Plays failures, and remembers what it has played.
#[derive(Debug)]
pub struct WhatIf<'a> {
    cluster: Cluster<'a>,
    /// The state without its past, which no play needs and each one would copy.
    bare: State,
    families: Families,
    /// Whether nothing is under way, so that what no failure strikes stays as it is.
    is_settled: bool,
    /// By situation.
    played: BTreeMap<Situation, Rc<Played>>,
    plays: usize,
}

impl<'a> WhatIf<'a> {
    /// Nothing is played yet.
    #[must_use]
    pub fn new(cluster: Cluster<'a>) -> Self {
        let families = Families::of(cluster.state.spec());
        let bare = cluster.state.without_past();
        let is_settled = cluster.is_known() && one::is_settled(&cluster);
        Self {
            cluster,
            is_settled,
            bare,
            families,
            played: BTreeMap::new(),
            plays: 0,
        }
    }

    /// The cluster that is played on.
    #[must_use]
    pub fn cluster(&self) -> &Cluster<'a> {
        &self.cluster
    }

    /// How many plays there were: for figures.
    #[must_use]
    pub fn plays(&self) -> usize {
        self.plays
    }

    /// What these failures, at the same moment, lead to.
    pub fn outcome(&mut self, failures: &[&Failure]) -> Rc<Outcome> {
        let situation = situation(&self.cluster, failures);
        Rc::clone(&self.play(situation, one::Care::Needed).outcome)
    }

    /// The same, by a play of its own whatever was played before: for tests of the short cuts.
    #[must_use]
    pub fn outcome_played(&self, failures: &[&Failure]) -> Outcome {
        let situation = situation(&self.cluster, failures);
        let played = one::play(self, &situation, one::Care::All);
        Rc::unwrap_or_clone(played.outcome)
    }

    fn play(&mut self, situation: Situation, care: one::Care) -> Rc<Played> {
        if let Some(played) = self.played.get(&situation) {
            return Rc::clone(played);
        }
        self.plays += 1;
        let played = Rc::new(one::play(self, &situation, care));
        self.played.insert(situation, Rc::clone(&played));
        played
    }
}
