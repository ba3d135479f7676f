//! What few services need and the spec can say: copies, company, capacity, tickets, answers
//! to failures. Everything here has a default under which it is as if it were not there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::answers::ResourceAnswers;
use crate::checks::{CheckName, CheckSpec, NodeCheck};
use crate::networks::PingSpec;
use crate::operation::Verb;
use crate::roles::{RoleMeant, Roles};
use crate::seen::ResourceFailure;
pub use crate::tickets::TicketLoss;
pub use crate::twice::FoundTwice;
pub use crate::wheres::{AttributeRule, AttributeTest, NodesMeant, WhereRule};
use crate::{NodeName, ResourceName, ServiceName, TicketName, duration};

/// Rules for the whole cluster about where services are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClusterRules {
    /// How nodes that suit a service equally well are told apart, and whether room counts.
    pub placement: PlacementPolicy,
    /// What bad health of a node means.
    pub node_health: NodeHealthPolicy,
    /// What watches the health of nodes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<NodeCheck>,
}

/// How nodes that suit a service equally well are told apart, and whether room counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlacementPolicy {
    /// By the number of services; capacities count for nothing.
    #[default]
    FewestServices,
    /// A node must have room; of equals, the one with fewer services.
    Fits,
    /// A node must have room; of equals, the one with most room left.
    MostRoom,
    /// A node must have room; as few nodes as possible are used.
    FewestNodes,
    /// A node must have room; of equals, the one whose processors are least busy.
    LeastLoad,
}

impl PlacementPolicy {
    /// The word for it in the file and in messages.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::FewestServices => "fewest-services",
            Self::Fits => "fits",
            Self::MostRoom => "most-room",
            Self::FewestNodes => "fewest-nodes",
            Self::LeastLoad => "least-load",
        }
    }
}

/// What bad health of a node means. Attributes whose names begin with `health-` tell it:
/// `green`, `yellow` or `red`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeHealthPolicy {
    /// Nothing.
    #[default]
    Ignore,
    /// Services leave a node where one of them is red.
    MoveOnRed,
    /// Services leave a node where one of them is yellow or red.
    OnlyGreen,
}

impl NodeHealthPolicy {
    /// The word for it in the file and in messages.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::MoveOnRed => "move-on-red",
            Self::OnlyGreen => "only-green",
        }
    }

    /// Of these attributes, the first by which services may not be on the node.
    #[must_use]
    pub fn objects_to(self, attributes: &BTreeMap<String, String>) -> Option<(&String, &String)> {
        let is_bad = |value: &str| match self {
            Self::Ignore => false,
            Self::MoveOnRed => value == "red",
            Self::OnlyGreen => value == "red" || value == "yellow",
        };
        attributes
            .iter()
            .find(|(key, value)| key.starts_with(HEALTH_PREFIX) && is_bad(value))
    }
}

/// Names of attributes that tell the health of a node begin like this.
pub const HEALTH_PREFIX: &str = "health-";

/// Rules for one service.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceRules {
    /// How many copies of it run; none: it is one service in one place.
    pub copies: Option<Copies>,
    /// Where these are, it is.
    pub together_with: Vec<Company>,
    /// Where these are, it is not.
    pub apart_from: Vec<Company>,
    /// Services that it follows only when both start or stop anyway.
    pub after_if_both: Vec<ServiceName>,
    /// Services that do not start at the same time as this one.
    pub not_while_starting: Vec<ServiceName>,
    /// Nodes that it uses only where no other can be used.
    pub avoid: Vec<NodeName>,
    /// Nodes that it never uses.
    pub never_on: Vec<NodeName>,
    /// What its nodes must be, or should be.
    pub where_rules: Vec<WhereRule>,
    /// What it needs, by kind of good.
    pub uses: BTreeMap<String, u64>,
    /// Whether no other service may be on its node.
    pub exclusive: bool,
    /// The tickets that it needs, all of them, each with what its loss does.
    #[serde(rename = "ticket", with = "crate::tickets::written")]
    pub tickets: BTreeMap<TicketName, TicketLoss>,
    /// After which time a bar ends by itself; none: only a person ends it.
    #[serde(with = "duration::option")]
    pub bar_expires: Option<Duration>,
    /// What answers a failure. Ask `ServiceSpec::answers_of`, which knows what a resource says
    /// otherwise.
    pub on_failure: OnFailure,
    /// What resources say of their own failures; those that leave all to the service are not
    /// here.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub answers: BTreeMap<ResourceName, ResourceAnswers>,
    /// What watches it while it runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckSpec>,
    /// The account that may pause its checks by flag files; none: only root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check_owner: Option<String>,
    /// What should answer where it runs.
    pub ping: Option<PingSpec>,
    /// Whether it can go from node to node without a stop. It then has one resource, which can.
    pub live: bool,
    /// Of a service with copies: that some of them are promoted, and how.
    pub roles: Option<Roles>,
    /// Those in `after` of which a promoted copy must be there.
    pub after_promoted: BTreeSet<ServiceName>,
    /// Those in `after` that it needs for its start only: when they stop, it runs on.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub after_starts: BTreeSet<ServiceName>,
    /// Those in `after` of which all copies must run that should and can: not one of them alone,
    /// and not the one on the same node.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub after_all_copies: BTreeSet<ServiceName>,
    /// Of each of these lists, one service must run before it starts, and while it runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub after_one_of: Vec<Vec<ServiceName>>,
    /// Of a service with copies: resources that are told what happens to the copies
    /// (`notify = true`).
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub notified: BTreeSet<ResourceName>,
    /// What happens when it is found running on several nodes.
    #[serde(skip_serializing_if = "FoundTwice::is_usual")]
    pub found_twice: FoundTwice,
}

/// How many copies of a service run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copies {
    /// In all.
    pub count: CopyCount,
    /// On one node at most.
    pub per_node: u32,
    /// Whether several of them may start at the same time.
    #[serde(default, skip_serializing_if = "CopiesStart::is_together")]
    pub start: CopiesStart,
}

/// Whether several copies of a service may start at the same time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CopiesStart {
    /// They may.
    #[default]
    Together,
    /// One starts when no other does; a change and a restart by order go from one to the next.
    OneByOne,
}

impl CopiesStart {
    /// All of them, with their words in the file.
    pub const WORDS: [(&'static str, Self); 2] =
        [("together", Self::Together), ("one-by-one", Self::OneByOne)];

    /// The word for it in the file and in messages.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Together => "together",
            Self::OneByOne => "one-by-one",
        }
    }

    /// Whether it is as if nothing were said.
    #[must_use]
    pub fn is_together(&self) -> bool {
        *self == Self::Together
    }
}

/// How many copies there are in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CopyCount {
    /// So many.
    Number(u32),
    /// As many as fit on the nodes that may run it.
    EveryNode,
}

impl fmt::Display for CopyCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::EveryNode => f.write_str("every-node"),
        }
    }
}

/// A service whose place matters to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Company {
    /// Which.
    pub service: ServiceName,
    /// How much, as a wish; none: it must be so.
    #[serde(default)]
    pub points: Option<u32>,
    /// Which of its copies.
    #[serde(default)]
    pub role: RoleMeant,
}

impl fmt::Display for Company {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.role {
            RoleMeant::Any => {}
            RoleMeant::Promoted => f.write_str("promoted ")?,
        }
        match self.points {
            Some(points) => write!(f, "{} ({points} points)", self.service),
            None => self.service.fmt(f),
        }
    }
}

/// What answers the failure of a resource, by what it was doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OnFailure {
    /// It failed in its start.
    pub start: FailureAnswer,
    /// It ended by itself, or was asked for its state and found wanting.
    pub run: FailureAnswer,
    /// It could not be stopped.
    pub stop: StopFailureAnswer,
}

impl OnFailure {
    /// What answers this failure of a start or of something that ran.
    #[must_use]
    pub fn answer_to(&self, failure: &ResourceFailure) -> FailureAnswer {
        match failure.verb {
            Some(Verb::Start) => self.start,
            Some(_) | None => self.run,
        }
    }
}

/// What answers a failure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureAnswer {
    /// A restart in place, as often as `restart` allows; then the service moves.
    #[default]
    Restart,
    /// The node is barred and the service moves, at the first failure.
    Move,
    /// The service stops, until somebody starts or clears it.
    Stop,
    /// Nothing, until somebody has looked.
    Block,
    /// The node is fenced.
    Fence,
    /// The node is set aside: all its services leave it.
    Standby,
    /// Nothing at all: the service goes on without it.
    Ignore,
    /// What is promoted is demoted, so that another copy can take over, and then restarted in
    /// place as with `Restart`.
    Demote,
}

impl FailureAnswer {
    /// All of them, with their words in the file.
    pub const WORDS: [(&'static str, Self); 8] = [
        ("restart", Self::Restart),
        ("move", Self::Move),
        ("stop", Self::Stop),
        ("block", Self::Block),
        ("fence", Self::Fence),
        ("standby", Self::Standby),
        ("ignore", Self::Ignore),
        ("demote", Self::Demote),
    ];

    /// The word for it in the file and in messages.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Move => "move",
            Self::Stop => "stop",
            Self::Block => "block",
            Self::Fence => "fence",
            Self::Standby => "standby",
            Self::Ignore => "ignore",
            Self::Demote => "demote",
        }
    }
}

/// What answers a stop that failed. Whoever could not be stopped may still run: it is never
/// started elsewhere before that is settled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopFailureAnswer {
    /// The node is fenced.
    #[default]
    Fence,
    /// Nothing, until somebody has looked.
    Block,
}

impl StopFailureAnswer {
    /// The word for it in the file and in messages.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Fence => "fence",
            Self::Block => "block",
        }
    }
}

impl ServiceRules {
    /// The check of this name in the file.
    #[must_use]
    pub fn check(&self, name: &CheckName) -> Option<&CheckSpec> {
        self.checks.iter().find(|check| check.name == *name)
    }

    /// Whether its copies start one after the other.
    #[must_use]
    pub fn starts_one_by_one(&self) -> bool {
        self.copies
            .is_some_and(|copies| copies.start == CopiesStart::OneByOne)
    }

    /// Whether its place depends on those of other services, so that all must be placed at
    /// one time.
    #[must_use]
    pub fn relates(&self) -> bool {
        !self.together_with.is_empty() || !self.apart_from.is_empty() || self.exclusive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_is_told_by_attributes_of_that_name_only() {
        let attributes = BTreeMap::from([
            ("colour".to_string(), "red".to_string()),
            ("health-disk".to_string(), "yellow".to_string()),
        ]);
        let objects = |policy: NodeHealthPolicy| policy.objects_to(&attributes).is_some();
        assert!(!objects(NodeHealthPolicy::Ignore));
        assert!(!objects(NodeHealthPolicy::MoveOnRed));
        assert!(objects(NodeHealthPolicy::OnlyGreen));
    }
}
