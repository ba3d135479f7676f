//! Every two failures at once. The argument for what is not played is in the parent module.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use model::{NodeName, ServiceName};

use super::one::{Care, Played};
use super::situation::{Failing, Situation, situation};
use super::standing::Verdict;
use super::{Failure, Fate, Outcome, RoleFate, WhatIf};

/// Two failures at once.
#[derive(Debug, Clone)]
pub struct Double {
    /// The place of one of them in the list of single failures.
    pub first: usize,
    /// Of the other, which comes later in the list.
    pub second: usize,
    /// What they lead to.
    pub joint: Joint,
}

/// What two failures lead to, beside what each one does.
#[derive(Debug, Clone)]
pub enum Joint {
    /// What the first one does; the second one changes nothing.
    AsFirst,
    /// What the second one does; the first one changes nothing.
    AsSecond,
    /// What each one does on its own.
    AsBoth,
    /// Something of their own.
    Own(Rc<Outcome>),
}

/// One failure, played.
struct Single {
    failure: Failure,
    situation: Situation,
    played: Rc<Played>,
}

/// Every single and every double failure.
#[derive(Debug, Clone)]
pub struct Forecast {
    /// Each failure on its own.
    pub singles: Vec<(Failure, Rc<Outcome>)>,
    /// Each two; empty where they were not asked for.
    pub doubles: Vec<Double>,
}

impl Forecast {
    /// What two failures lead to. Where both do what each does alone, a service that is down by
    /// either is down.
    #[must_use]
    pub fn outcome_of(&self, double: &Double) -> Rc<Outcome> {
        let (first, second) = (
            &self.singles[double.first].1,
            &self.singles[double.second].1,
        );
        match &double.joint {
            Joint::AsFirst => Rc::clone(first),
            Joint::AsSecond => Rc::clone(second),
            Joint::Own(outcome) => Rc::clone(outcome),
            Joint::AsBoth => Rc::new(both(first, second)),
        }
    }

    /// Services that are down after both failures and after neither of them alone.
    #[must_use]
    pub fn news_of(&self, double: &Double) -> BTreeSet<ServiceName> {
        let Joint::Own(outcome) = &double.joint else {
            return BTreeSet::new();
        };
        let known: BTreeSet<&ServiceName> = [double.first, double.second]
            .iter()
            .flat_map(|place| self.singles[*place].1.missed())
            .collect();
        let missed = outcome.missed();
        missed.difference(&known).copied().cloned().collect()
    }
}

fn both(first: &Outcome, second: &Outcome) -> Outcome {
    let mut fates = first.fates.clone();
    for (name, fate) in &second.fates {
        match (fates.get(name), fate) {
            (Some(Fate::Down { .. }), _) => {}
            (_, fate) => drop(fates.insert(name.clone(), fate.clone())),
        }
    }
    let mut roles = first.roles.clone();
    for (name, role) in &second.roles {
        match (roles.get(name), role) {
            (Some(RoleFate::Nobody { .. }), _) => {}
            (_, role) => drop(roles.insert(name.clone(), role.clone())),
        }
    }
    Outcome {
        deciders: first.deciders.clone(),
        fates,
        roles,
    }
}

/// Whether pairs are wanted as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Single failures.
    Singles,
    /// Single and double failures.
    Doubles,
}

impl WhatIf<'_> {
    /// Every failure of the list on its own, and every two of them.
    pub fn forecast(&mut self, failures: &[Failure], depth: Depth) -> Forecast {
        let singles: Vec<Single> = failures
            .iter()
            .map(|failure| {
                let situation = situation(&self.cluster, &[failure]);
                Single {
                    failure: failure.clone(),
                    played: self.play(situation.clone(), Care::Needed),
                    situation,
                }
            })
            .collect();
        let mut doubles = Vec::new();
        if depth == Depth::Doubles {
            for (place, one) in singles.iter().enumerate() {
                for (offset, other) in singles[place + 1..].iter().enumerate() {
                    doubles.push(Double {
                        first: place,
                        second: place + 1 + offset,
                        joint: self.joint(one, other),
                    });
                }
            }
        }
        Forecast {
            singles: singles
                .into_iter()
                .map(|single| (single.failure, Rc::clone(&single.played.outcome)))
                .collect(),
            doubles,
        }
    }

    fn joint(&mut self, one: &Single, other: &Single) -> Joint {
        if let Some(joint) = self.joint_with_resource(one, other) {
            return joint;
        }
        let both = self.both_situations(one, other);
        if both == one.situation {
            return Joint::AsFirst;
        }
        if both == other.situation {
            return Joint::AsSecond;
        }
        let is_sum = self.is_sum_of(&both, one, other) || self.is_sum_of(&both, other, one);
        if is_sum && self.are_apart(one, other) {
            return Joint::AsBoth;
        }
        Joint::Own(Rc::clone(&self.play(both, Care::Part).outcome))
    }

    /// A resource that fails changes nothing about who hears whom, so most of these pairs need
    /// no look at the whole situation.
    fn joint_with_resource(&self, one: &Single, other: &Single) -> Option<Joint> {
        let Failure::Resource(address) = &other.failure else {
            return None;
        };
        if one.situation.verdict != Verdict::Majority || self.cluster.is_short {
            return None;
        }
        let seen = self.bare.seen().services.get(&address.service)?;
        let node = &seen.claim.as_ref()?.node;
        if one.situation.lost.contains(node) {
            return Some(Joint::AsFirst);
        }
        let failing = one.situation.failing.get(&address.service);
        let is_new = failing.is_none_or(|nodes| !nodes.contains_key(node));
        (is_new && self.are_apart(one, other)).then_some(Joint::AsBoth)
    }

    fn both_situations(&self, one: &Single, other: &Single) -> Situation {
        situation(&self.cluster, &[&one.failure, &other.failure])
    }

    /// Whether `both` is what `large` makes of the nodes, and of the resources what both do.
    fn is_sum_of(&self, both: &Situation, large: &Single, small: &Single) -> bool {
        let is_decided = match &large.situation.verdict {
            Verdict::Majority => true,
            // A half decides nothing for a while, and without a quorum nothing is decided.
            Verdict::Half { .. } | Verdict::Nobody { .. } => false,
        };
        let rest = &small.situation;
        is_decided
            && self.cluster.is_known()
            && rest.loses_nobody()
            && both.verdict == large.situation.verdict
            && both.lost == large.situation.lost
            && both.broken == large.situation.broken
            && both.left == large.situation.left.with(&rest.left, &both.lost)
            && both.failing == sum(&large.situation.failing, &rest.failing, &both.lost)
    }

    /// Whether the two plays do not touch each other.
    fn are_apart(&self, one: &Single, other: &Single) -> bool {
        if !self.cluster.is_known() || self.cluster.is_short {
            return false;
        }
        let (a, b) = (&one.played, &other.played);
        let is_over = |family: &usize| a.hopeless.contains(family) || b.hopeless.contains(family);
        let meet = a.touched.intersection(&b.touched);
        if meet.into_iter().any(|family| !is_over(family)) {
            return false;
        }
        let is_over = |service: &ServiceName| {
            let family = self.families.of_service(service);
            family.is_some_and(|family| is_over(&family))
        };
        let goes_well = |from: &Played, other: &Situation| {
            let mut goes = from.goes.iter().filter(|(service, _)| !is_over(service));
            goes.all(|(service, nodes)| {
                let by_load = from.by_load.contains(service);
                let mut away = other.lost.clone();
                let spec = self.bare.spec();
                let spec = spec.and_then(|spec| spec.services.get(&service.service()));
                let unreached = spec.map(|spec| other.left.changed_for(spec));
                away.extend(unreached.into_iter().flatten().cloned());
                is_spared(nodes, other.failing.get(service), (&away, by_load))
            })
        };
        goes_well(a, &other.situation) && goes_well(b, &one.situation)
    }
}

/// Whether a service that goes to one of `nodes` meets nothing of what the other failure does;
/// of several equals one must be spared.
fn is_spared(
    nodes: &BTreeSet<NodeName>,
    failing: Option<&BTreeMap<NodeName, model::ResourceName>>,
    (lost, by_load): (&BTreeSet<NodeName>, bool),
) -> bool {
    let is_spared = |node: &NodeName| {
        let fails = failing.is_some_and(|failing| failing.contains_key(node));
        !fails && !lost.contains(node)
    };
    match by_load {
        true => nodes.iter().any(is_spared),
        false => nodes.iter().all(is_spared),
    }
}

fn sum(one: &Failing, other: &Failing, lost: &BTreeSet<NodeName>) -> Failing {
    let mut sum = one.clone();
    for (service, nodes) in other {
        let left = nodes.iter().filter(|(node, _)| !lost.contains(*node));
        let mut left = left
            .map(|(node, name)| (node.clone(), name.clone()))
            .peekable();
        if left.peek().is_some() {
            sum.entry(service.clone()).or_default().extend(left);
        }
    }
    sum
}
