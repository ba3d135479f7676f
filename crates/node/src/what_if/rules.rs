//! What services must come back after, and the failures after which they would not.

use std::collections::{BTreeMap, BTreeSet};

use model::spec::Survive;
use model::{Reason, ServiceName};
use planner::Subject;

use super::{Failure, Fate, Outcome, RoleFate, WhatIf, one};

/// A rule of the spec that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenRule {
    /// Of which service.
    pub service: ServiceName,
    /// Which rule.
    pub rule: Survive,
    /// The first failure, or two, after which the service would be down; none: it is down
    /// before anything fails.
    pub by: Vec<Failure>,
    /// Why it would be, in words.
    pub because: String,
    /// How many such failures there are.
    pub times: usize,
}

impl WhatIf<'_> {
    /// The rules of the spec that do not hold: of services that run, and of those that should and
    /// cannot. What is stopped on purpose is not judged.
    pub fn broken_rules(&mut self) -> Vec<BrokenRule> {
        let Some(spec) = self.cluster.state.spec() else {
            return Vec::new();
        };
        let rules: Vec<(ServiceName, Survive)> = (spec.services.iter())
            .filter_map(|(name, service)| Some((name.clone(), service.survive?)))
            .collect();
        if rules.is_empty() {
            return Vec::new();
        }
        let up = self.up();
        let cannot = self.cannot_run();
        rules
            .into_iter()
            .filter_map(|(name, rule)| match up.contains(&name) {
                true => self.broken_rule(name, rule),
                false => cannot.get(&name).map(|because| BrokenRule {
                    because: because.clone(),
                    by: Vec::new(),
                    service: name,
                    rule,
                    times: 0,
                }),
            })
            .collect()
    }

    /// Services that run, or of which a copy runs.
    #[must_use]
    pub fn up(&self) -> BTreeSet<ServiceName> {
        let running = crate::play::running(self.bare.seen());
        running.iter().map(ServiceName::service).collect()
    }

    /// Services that are on no node, should be, and wait for something: for what, in words.
    fn cannot_run(&self) -> BTreeMap<ServiceName, String> {
        let Some(plan) = one::next_plan(&self.cluster) else {
            return BTreeMap::new();
        };
        let seen = self.cluster.state.seen();
        let is_nowhere = |name: &ServiceName| {
            let seen = seen.services.get(name);
            seen.is_none_or(|seen| seen.claim.is_none())
        };
        let waits = plan.waits.into_iter().filter_map(|wait| {
            let is_purpose = matches!(wait.because, Reason::NeedsTicket { .. });
            match wait.subject {
                Subject::Service(name) if is_nowhere(&name) && !is_purpose => {
                    Some((name.service(), wait.because.to_string()))
                }
                Subject::Service(_) | Subject::Node(_) => None,
            }
        });
        waits.collect()
    }

    fn broken_rule(&mut self, service: ServiceName, rule: Survive) -> Option<BrokenRule> {
        let mut broken: Option<BrokenRule> = None;
        for failures in self.failures_of(rule) {
            let outcome = self.outcome(&failures.iter().collect::<Vec<_>>());
            let Some(because) = self.why_ended(&service, &outcome) else {
                continue;
            };
            match &mut broken {
                Some(broken) => broken.times += 1,
                None => {
                    broken = Some(BrokenRule {
                        service: service.clone(),
                        rule,
                        by: failures,
                        because: because.to_string(),
                        times: 1,
                    });
                }
            }
        }
        broken
    }

    /// Whether a service has not come back: nobody has its role, or no copy of it runs any more.
    #[must_use]
    pub fn ends_any(&self, outcome: &Outcome) -> bool {
        let mut missed = outcome.missed().into_iter();
        missed.any(|name| self.why_ended(&name.service(), outcome).is_some())
    }

    /// Why a service has not come back: nobody has its role, or no copy of it runs any more.
    fn why_ended(&self, service: &ServiceName, outcome: &Outcome) -> Option<String> {
        if let Some(RoleFate::Nobody { because }) = outcome.roles.get(service) {
            return Some(because.clone());
        }
        let running = crate::play::running(self.bare.seen());
        let mut copies = running.iter().filter(|name| name.service() == *service);
        let mut down = outcome
            .down()
            .filter(|(name, _)| name.service() == *service);
        let is_over = copies.all(|name| {
            let fate = outcome.fates.get(name);
            matches!(fate, Some(Fate::Down { .. }))
        });
        let (_, because) = down.next()?;
        is_over.then(|| because.to_string())
    }

    /// The failures that a rule speaks of.
    fn failures_of(&self, rule: Survive) -> Vec<Vec<Failure>> {
        let all = Failure::all(&self.bare).into_iter();
        let one = |failure: Failure| vec![failure];
        match rule {
            Survive::AnyOne => all.map(one).collect(),
            Survive::AnyNode => all.filter(is_node).map(one).collect(),
            Survive::AnyNetwork => all
                .filter(|failure| matches!(failure, Failure::Network(_)))
                .map(one)
                .collect(),
            Survive::AnyTwoNodes => {
                let nodes: Vec<Failure> = all.filter(is_node).collect();
                let pairs = nodes.iter().enumerate().flat_map(|(place, one)| {
                    let others = &nodes[place + 1..];
                    others.iter().map(|other| vec![one.clone(), other.clone()])
                });
                let singles = nodes.iter().cloned().map(one);
                singles.chain(pairs).collect()
            }
        }
    }
}

fn is_node(failure: &Failure) -> bool {
    matches!(failure, Failure::Node(_))
}
