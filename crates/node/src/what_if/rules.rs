//! What services must come back after, and the failures after which they would not.

use model::ServiceName;
use model::spec::Survive;

use super::{Failure, Fate, Outcome, RoleFate, WhatIf};

/// A rule of the spec that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenRule {
    /// Of which service.
    pub service: ServiceName,
    /// Which rule.
    pub rule: Survive,
    /// The first failure, or two, after which the service would be down.
    pub by: Vec<Failure>,
    /// Why it would be, in words.
    pub because: String,
    /// How many such failures there are.
    pub times: usize,
}

impl WhatIf<'_> {
    /// The rules of the spec that do not hold for services that run.
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
        let running = crate::play::running(self.bare.seen());
        let running: std::collections::BTreeSet<ServiceName> =
            running.iter().map(ServiceName::service).collect();
        rules
            .into_iter()
            .filter(|(name, _)| running.contains(name))
            .filter_map(|(name, rule)| self.broken_rule(name, rule))
            .collect()
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
