//! Where services should be whose places depend on each other: the answer of
//! [`crate::arrange`], in our own names, and why a service cannot be somewhere else.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::arrange::Role;
use model::roles::RoleMeant;
use model::rules::{Company, PlacementPolicy};
use model::seen::Goal;
use model::spec::ServiceSpec;
use model::{NodeName, Reason, ServiceName, Spec};

use crate::Input;
use crate::services::unwanted;
use crate::translate::{Translation, translate_without};

/// Where all services should be, taken together; nothing where each is placed on its own.
#[derive(Debug, Default)]
pub(crate) struct Places(Option<Targets>);

#[derive(Debug, Default)]
struct Targets {
    of: BTreeMap<ServiceName, NodeName>,
    on: BTreeMap<NodeName, Vec<ServiceName>>,
    /// Where copies of services with roles should be promoted.
    promoted: BTreeMap<ServiceName, Vec<NodeName>>,
    /// Where copies may be promoted now.
    led: BTreeMap<ServiceName, Vec<NodeName>>,
    /// What runs or may run on each node now, wherever it should be.
    present: BTreeMap<NodeName, Vec<ServiceName>>,
    /// Where services would be that are held where they are.
    taken_back: BTreeSet<(ServiceName, NodeName)>,
    /// For each service, those that must be apart from it.
    kept_apart_by: BTreeMap<ServiceName, Vec<ServiceName>>,
}

/// Whether the place of some service depends on those of others.
fn is_needed(spec: &Spec) -> bool {
    spec.counts_room()
        || spec
            .services
            .values()
            .any(|service| service.rules.relates())
}

impl Places {
    pub(crate) fn of(input: &Input<'_>, given_up: &BTreeSet<&NodeName>) -> Self {
        if !is_needed(input.spec) {
            return Self(None);
        }
        let first = Targets::of(input, given_up, &BTreeSet::new());
        let movers = first.movers(input);
        let displaced = first.displaced(input, &movers);
        if displaced.is_empty() || displaced.len() == movers.len() {
            return Self(Some(first));
        }
        // What is displaced by something higher must not displace its equals in turn.
        let second = Targets::of(input, given_up, &displaced);
        let is_calmer = second.movers(input).len() < movers.len();
        Self(Some(if is_calmer { second } else { first }))
    }

    /// Whether something still is on the node that must have stopped before the service can
    /// start there.
    pub(crate) fn must_leave_first(
        &self,
        input: &Input<'_>,
        (name, spec): (&ServiceName, &ServiceSpec),
        node: &NodeName,
    ) -> bool {
        self.0.as_ref().is_some_and(|targets| {
            let here = targets.present.get(node).map_or(&[][..], Vec::as_slice);
            let others: Vec<&ServiceName> = here.iter().filter(|other| *other != name).collect();
            let meets = targets.bad_company(input, (name, spec), (node, &others));
            meets.is_some() || targets.no_room(input, spec, (node, &others)).is_some()
        })
    }

    /// Where copies of the service should be promoted, all services taken together; none
    /// where each is placed on its own.
    pub(crate) fn promoted(&self, service: &ServiceName) -> &[NodeName] {
        let promoted = self.0.as_ref().and_then(|it| it.promoted.get(service));
        promoted.map_or(&[], Vec::as_slice)
    }

    /// Whether services are placed together, so that the target of each counts.
    pub(crate) fn are_common(&self) -> bool {
        self.0.is_some()
    }

    /// Where the service should be; none: nowhere.
    pub(crate) fn target(&self, name: &ServiceName) -> Option<&NodeName> {
        self.0.as_ref()?.of.get(name)
    }

    /// Whether the service would be on that node if the next plan did not take it back.
    pub(crate) fn are_taken_back(&self, name: &ServiceName, node: &NodeName) -> bool {
        let spot = (name.service(), node.clone());
        let targets = self.0.as_ref();
        targets.is_some_and(|targets| targets.taken_back.contains(&spot))
    }

    /// A service that goes to the same node and must be where this one is.
    pub(crate) fn follower_to(
        &self,
        input: &Input<'_>,
        name: &ServiceName,
        node: &NodeName,
    ) -> Option<ServiceName> {
        let here = self.0.as_ref()?.on.get(node)?;
        let own = name.service();
        let follows = |other: &&ServiceName| {
            let spec = input.spec.service_of(other);
            spec.is_some_and(|spec| musts(&spec.rules.together_with).any(|with| *with == own))
        };
        here.iter().find(follows).cloned()
    }

    /// Why the service cannot be on the node while all others are where they should be.
    pub(crate) fn objection(
        &self,
        input: &Input<'_>,
        (name, spec): (&ServiceName, &ServiceSpec),
        node: &NodeName,
    ) -> Option<Reason> {
        let targets = self.0.as_ref()?;
        let company = targets.missing_company(input, spec, node);
        company.or_else(|| targets.conflict(input, (name, spec), node, |_| true))
    }
}

/// Those that must, whichever copies are meant.
pub(crate) fn musts_of_any_role(company: &[Company]) -> impl Iterator<Item = &Company> {
    company.iter().filter(|company| company.points.is_none())
}

/// Those that must, and of which any copy is meant.
fn musts(company: &[Company]) -> impl Iterator<Item = &ServiceName> {
    let musts = musts_of_any_role(company).filter(|company| company.role == RoleMeant::Any);
    musts.map(|company| &company.service)
}

impl Targets {
    fn of(
        input: &Input<'_>,
        given_up: &BTreeSet<&NodeName>,
        displaced: &BTreeSet<ServiceName>,
    ) -> Self {
        let translation = translate_without(input, given_up, displaced);
        let arranged = crate::arrange::arrange(&translation.wanted, &translation.observed);
        let mut targets = Self::default();
        for (service, nodes) in translation.places(&arranged) {
            targets.name_copies(input, service, nodes);
        }
        targets.promoted = translation.promoted(&arranged);
        targets.taken_back = translation.taken_back(&arranged);
        for (name, node) in &targets.of {
            targets
                .on
                .entry(node.clone())
                .or_default()
                .push(name.clone());
        }
        for (name, seen) in &input.seen.services {
            let claim = seen.claim.as_ref();
            // What was found may be promoted, until its node has said otherwise.
            let spec = input.spec.service_of(name);
            let may_lead = spec.is_some_and(|spec| spec.rules.roles.is_some());
            let found = seen.strays.keys().filter(|_| may_lead);
            let led = claim.filter(|claim| claim.role.may_be_promoted());
            for node in led.map(|claim| &claim.node).into_iter().chain(found) {
                let led = targets.led.entry(name.service()).or_default();
                led.push(node.clone());
            }
            // What was found without a claim runs, too.
            let claimed = seen.claim.iter().map(|claim| &claim.node);
            for node in claimed.chain(seen.strays.keys()) {
                let present = targets.present.entry(node.clone()).or_default();
                present.push(name.clone());
            }
        }
        for (name, spec) in &input.spec.services {
            for other in musts(&spec.rules.apart_from) {
                let kept = targets.kept_apart_by.entry(other.clone()).or_default();
                kept.push(name.clone());
            }
        }
        targets
    }

    /// What runs and should be elsewhere, or nowhere.
    fn movers<'s>(&self, input: &Input<'s>) -> Vec<(&'s ServiceName, &'s NodeName)> {
        let services = input.seen.services.iter();
        let running = services.filter_map(|(name, seen)| {
            let claim = seen
                .claim
                .as_ref()
                .filter(|claim| claim.goal == Goal::Run)?;
            Some((name, &claim.node))
        });
        running
            .filter(|(name, node)| self.of.get(*name) != Some(*node))
            .collect()
    }

    /// Those of them that cannot stay beside what stands before them: what matters more, and
    /// what stays.
    fn displaced(
        &self,
        input: &Input<'_>,
        movers: &[(&ServiceName, &NodeName)],
    ) -> BTreeSet<ServiceName> {
        let priority = |name: &ServiceName| input.spec.service_of(name).map(|spec| spec.priority);
        let is_displaced = |(name, node): &&(&ServiceName, &NodeName)| {
            let goes_first = |other: &ServiceName| {
                let stays = input.claim(other).is_some_and(|claim| claim.node == **node);
                stays || priority(name) < priority(other)
            };
            input.spec.service_of(name).is_some_and(|spec| {
                self.conflict(input, (name, spec), node, goes_first)
                    .is_some()
            })
        };
        let displaced = movers.iter().filter(is_displaced);
        displaced.map(|(name, _)| name.service()).collect()
    }

    /// Why the service cannot be on the node beside those that should be there, as far as
    /// they count.
    fn conflict(
        &self,
        input: &Input<'_>,
        (name, spec): (&ServiceName, &ServiceSpec),
        node: &NodeName,
        counts: impl Fn(&ServiceName) -> bool,
    ) -> Option<Reason> {
        let here = self.on.get(node).map_or(&[][..], Vec::as_slice);
        let others = here.iter().filter(|other| *other != name && counts(other));
        let others: Vec<&ServiceName> = others.collect();
        let company = self.bad_company(input, (name, spec), (node, &others));
        company.or_else(|| self.no_room(input, spec, (node, &others)))
    }

    /// Gives the nodes of a service to its copies: each keeps its node where it can.
    fn name_copies(&mut self, input: &Input<'_>, service: &ServiceName, nodes: Vec<&NodeName>) {
        let Some(spec) = input.spec.services.get(service) else {
            return;
        };
        let mut nodes: VecDeque<&NodeName> = nodes.into();
        let mut without = Vec::new();
        let names = input.spec.names_of(service).into_iter();
        for name in names.filter(|name| unwanted(input, name).is_none()) {
            let seen = input.seen.services.get(&*name);
            let claim = seen.and_then(|seen| seen.claim.as_ref());
            let claimed = claim
                .filter(|claim| claim.goal == Goal::Run)
                .map(|claim| &claim.node);
            let found = || seen.and_then(|seen| seen.strays.keys().next());
            let here = claimed
                .or_else(found)
                .filter(|_| spec.rules.copies.is_some());
            let kept = here.and_then(|here| nodes.iter().position(|node| *node == here));
            match kept.and_then(|at| nodes.remove(at)) {
                Some(node) => drop(self.of.insert(name.into_owned(), node.clone())),
                None => without.push(name.into_owned()),
            }
        }
        for (name, node) in without.into_iter().zip(nodes) {
            self.of.insert(name, node.clone());
        }
    }

    fn nodes_of(&self, input: &Input<'_>, service: &ServiceName) -> Vec<&NodeName> {
        let names = input.spec.names_of(service).into_iter();
        names.filter_map(|name| self.of.get(&*name)).collect()
    }

    /// A service that must be here and is not.
    fn missing_company(
        &self,
        input: &Input<'_>,
        spec: &ServiceSpec,
        node: &NodeName,
    ) -> Option<Reason> {
        musts_of_any_role(&spec.rules.together_with).find_map(|company| {
            let service = &company.service;
            let nodes = match company.role {
                RoleMeant::Any => self.nodes_of(input, service),
                RoleMeant::Promoted => {
                    let promoted = self.promoted.get(service);
                    promoted.map_or_else(Vec::new, |nodes| nodes.iter().collect())
                }
            };
            (!nodes.contains(&node)).then(|| Reason::TogetherWith {
                service: service.clone(),
                node: nodes.first().map(|node| (*node).clone()),
            })
        })
    }

    /// A service that must not be here and is.
    fn bad_company(
        &self,
        input: &Input<'_>,
        (name, spec): (&ServiceName, &ServiceSpec),
        (node, others): (&NodeName, &[&ServiceName]),
    ) -> Option<Reason> {
        let own = name.service();
        let others = others
            .iter()
            .filter(|other| other.service_str() != own.as_str());
        let kept_apart = self.kept_apart_by.get(&own);
        let is_bad = |other: &ServiceName| {
            let of = other.service();
            spec.rules.exclusive
                || musts(&spec.rules.apart_from).any(|apart| *apart == of)
                || self.leads_where_it_must_not(spec, &of, node)
                || kept_apart.is_some_and(|kept| kept.contains(&of))
                || input
                    .spec
                    .services
                    .get(&of)
                    .is_some_and(|of| of.rules.exclusive)
        };
        let bad = others.map(|other| other.service()).find(is_bad)?;
        Some(Reason::ApartFrom {
            service: bad,
            node: node.clone(),
        })
    }

    /// Whether the service must be apart from a promoted copy of the other, and one is there
    /// or should be.
    fn leads_where_it_must_not(
        &self,
        spec: &ServiceSpec,
        other: &ServiceName,
        node: &NodeName,
    ) -> bool {
        let mut apart = musts_of_any_role(&spec.rules.apart_from);
        let is_meant = apart.any(|c| c.role == RoleMeant::Promoted && c.service == *other);
        let mut both = [&self.promoted, &self.led].into_iter();
        is_meant && both.any(|all| all.get(other).is_some_and(|nodes| nodes.contains(node)))
    }

    fn no_room(
        &self,
        input: &Input<'_>,
        spec: &ServiceSpec,
        (node, others): (&NodeName, &[&ServiceName]),
    ) -> Option<Reason> {
        if input.spec.cluster.rules.placement == PlacementPolicy::FewestServices {
            return None;
        }
        let capacity = &input.spec.nodes.get(node)?.capacity;
        spec.rules.uses.iter().find_map(|(good, needs)| {
            let used = others.iter().map(|other| {
                let uses = input.spec.service_of(other).map(|of| &of.rules.uses);
                uses.and_then(|uses| uses.get(good)).copied().unwrap_or(0)
            });
            let used = used.fold(0, u64::saturating_add);
            let left = capacity
                .get(good)
                .copied()
                .unwrap_or(0)
                .saturating_sub(used);
            (left < *needs).then(|| Reason::NoRoom {
                node: node.clone(),
                good: good.clone(),
                needs: *needs,
                left,
            })
        })
    }
}

impl Translation<'_> {
    /// For each service with roles, the nodes where it should be promoted.
    fn promoted(
        &self,
        arranged: &crate::arrange::Arrangement,
    ) -> BTreeMap<ServiceName, Vec<NodeName>> {
        let mut promoted: BTreeMap<ServiceName, Vec<NodeName>> = BTreeMap::new();
        let placed = arranged.placed.iter();
        for placed in placed.filter(|placed| placed.role == Role::Promoted) {
            let mut services = self.services.iter();
            let service = services.find(|(_, single)| *single == placed.resource);
            if let Some((service, _)) = service {
                let nodes = promoted.entry((*service).clone()).or_default();
                nodes.push(self.nodes[placed.node.0].clone());
            }
        }
        promoted
    }

    /// Services that are held, with the nodes where they would be otherwise.
    fn taken_back(
        &self,
        arranged: &crate::arrange::Arrangement,
    ) -> BTreeSet<(ServiceName, NodeName)> {
        let placed = arranged.taken_back.iter();
        let spots = placed.filter_map(|placed| {
            let mut services = self.services.iter();
            let (service, _) = services.find(|(_, single)| *single == placed.resource)?;
            Some(((*service).clone(), self.nodes[placed.node.0].clone()))
        });
        spots.collect()
    }

    /// For each service, the nodes where it should be.
    fn places(
        &self,
        arranged: &crate::arrange::Arrangement,
    ) -> impl Iterator<Item = (&ServiceName, Vec<&NodeName>)> {
        let mut nodes: BTreeMap<usize, Vec<&NodeName>> = BTreeMap::new();
        for placed in &arranged.placed {
            let node = self.nodes[placed.node.0];
            nodes.entry(placed.resource.0).or_default().push(node);
        }
        let services = self.services.iter();
        services.map(move |(service, single)| {
            let nodes = nodes.get(&single.0).cloned().unwrap_or_default();
            (*service, nodes)
        })
    }
}
