//! To which nodes networks draw services whose places depend on each other.
//!
//! A service leaves a node for one where its networks are better. Those who must be with it have to
//! let it go: each of them would rather stay, and one that stays keeps all. So none of such a
//! company stays put for habit's sake once one of them is drawn away, and each says where its own
//! networks are best: what is good for one and as bad for another is no better place.

use std::collections::{BTreeMap, BTreeSet};

use model::networks::Level;
use model::roles::RoleMeant;
use model::rules::Company;
use model::seen::{NodeState, Standby};
use model::spec::ServiceSpec;
use model::{NodeName, ServiceName, Spec};

use crate::Input;
use crate::arrange::NodeIx;
use crate::networks::{self, View};
use crate::placement::{may_ever_run, suits};

/// What networks say about places.
#[derive(Debug, Default)]
pub(crate) struct Draws<'a> {
    /// Services for which nodes differ by their networks: the best nodes. They count wherever the
    /// service is, so that what is drawn away is not sent back by what it prefers.
    pub best: BTreeMap<&'a ServiceName, Vec<NodeIx>>,
    /// Services that do not stay put: their networks, or those of their company, are better
    /// elsewhere, or they are nowhere.
    pub restless: BTreeSet<&'a ServiceName>,
}

/// Nodes with anything to complain of in their networks. Mostly none, and then the networks of
/// services cost nothing.
pub(crate) fn poor_nodes<'a>(input: &Input<'a>) -> BTreeSet<&'a NodeName> {
    let nodes = input.seen.nodes.iter();
    let poor = nodes.filter(|(_, seen)| seen.networks.lacks_anything());
    poor.map(|(name, _)| name).collect()
}

/// What the networks of `poor` nodes mean for services.
pub(crate) fn draws<'a>(
    input: &Input<'a>,
    places: &BTreeMap<&'a NodeName, NodeIx>,
    poor: &BTreeSet<&NodeName>,
) -> Draws<'a> {
    let mut draws = Draws::default();
    if poor.is_empty() {
        return draws;
    }
    let lacking = input.spec.services.iter().filter_map(|(name, spec)| {
        let levels = Levels::of(input, (places, poor), (name, spec));
        let lacks = levels.0.iter().any(|(_, _, level)| *level != Level::Full);
        lacks.then_some((name, levels))
    });
    let lacking: Vec<(&ServiceName, Levels<'_>)> = lacking.collect();
    let links = links(input.spec);
    for (name, levels) in lacking {
        let company = company(&links, name);
        match levels.standing(input, name, &company) {
            Standing::Best => {}
            Standing::Nowhere => drop(draws.restless.insert(name)),
            Standing::Behind => draws.restless.extend(company),
        }
        draws.best.insert(name, levels.best_nodes(input, name));
    }
    draws
}

/// How good each node is for a service by its networks.
struct Levels<'a>(Vec<(NodeIx, &'a NodeName, Level)>);

/// How a service stands with its networks, itself or its company.
enum Standing {
    /// No node is better.
    Best,
    /// Another one is.
    Behind,
    /// It is on no node, and its company, if it is on one, on none that is worse.
    Nowhere,
}

impl<'a> Levels<'a> {
    /// At nodes outside of `poor` there is nothing to complain of.
    fn of(
        input: &Input<'_>,
        (places, poor): (&BTreeMap<&'a NodeName, NodeIx>, &BTreeSet<&NodeName>),
        (name, spec): (&ServiceName, &ServiceSpec),
    ) -> Self {
        let level = |node: &NodeName| {
            if !poor.contains(node) {
                return Level::Full;
            }
            let view = match is_on(input, name, node) {
                true => View::Stays,
                false => View::Comes,
            };
            networks::level(input, (name, spec), (node, view))
        };
        let levels = places.iter().map(|(node, at)| (*at, *node, level(node)));
        Self(levels.collect())
    }

    /// The level of the best node that the service may use.
    fn best(&self, input: &Input<'_>, name: &ServiceName) -> Option<Level> {
        let spec = input.spec.services.get(name)?;
        let fits = |node: &NodeName| {
            input.seen.nodes.get(node).is_some_and(|seen| {
                may_ever_run(input, spec, node).is_ok()
                    && suits(input, spec, (node, seen)).is_ok()
                    && matches!(seen.state, NodeState::Online { .. })
                    && seen.standby == Standby::Off
            })
        };
        let fitting = self.0.iter().filter(|(_, node, _)| fits(node));
        fitting.map(|(_, _, level)| *level).max()
    }

    fn best_nodes(&self, input: &Input<'_>, name: &ServiceName) -> Vec<NodeIx> {
        let best = self.best(input, name);
        let nodes = self.0.iter().filter(|(_, _, level)| Some(*level) == best);
        nodes.map(|(at, _, _)| *at).collect()
    }

    /// One that runs nowhere stands where its company is: else what it draws away would be
    /// drawn no more as soon as it has stopped.
    fn standing(
        &self,
        input: &Input<'_>,
        name: &ServiceName,
        company: &BTreeSet<&ServiceName>,
    ) -> Standing {
        let Some(best) = self.best(input, name) else {
            return Standing::Best;
        };
        let nodes = self.0.iter().map(|(_, node, level)| (*node, *level));
        let own: Vec<Level> = nodes
            .clone()
            .filter(|(node, _)| is_on(input, name, node))
            .map(|(_, level)| level)
            .collect();
        let of_company = nodes.filter(|(node, _)| {
            let mut company = company.iter();
            company.any(|other| is_on(input, other, node))
        });
        let worst = match own.is_empty() {
            true => of_company.map(|(_, level)| level).min(),
            false => own.iter().min().copied(),
        };
        match worst {
            Some(worst) if worst < best => Standing::Behind,
            Some(_) | None if own.is_empty() => Standing::Nowhere,
            Some(_) | None => Standing::Best,
        }
    }
}

/// Whether the service, or one of its copies, holds the node.
fn is_on(input: &Input<'_>, service: &ServiceName, node: &NodeName) -> bool {
    let names = input.spec.names_of(service);
    names.iter().any(|name| networks::is_at(input, name, node))
}

/// Who must be with whom, in both directions. What has copies need not leave with anybody:
/// another copy may be elsewhere already.
fn links(spec: &Spec) -> BTreeMap<&ServiceName, Vec<&ServiceName>> {
    let is_must = |company: &&Company| company.points.is_none() && company.role == RoleMeant::Any;
    let is_plain = |name: &ServiceName| {
        let spec = spec.services.get(name);
        spec.is_some_and(|spec| spec.rules.copies.is_none())
    };
    let mut links: BTreeMap<&ServiceName, Vec<&ServiceName>> = BTreeMap::new();
    for (name, service) in &spec.services {
        let musts = service.rules.together_with.iter().filter(is_must);
        for other in musts.map(|company| &company.service) {
            if is_plain(name) && is_plain(other) {
                links.entry(name).or_default().push(other);
                links.entry(other).or_default().push(name);
            }
        }
    }
    links
}

/// A service with all those who are linked with it, and with whom these are, and so on.
fn company<'a>(
    links: &BTreeMap<&'a ServiceName, Vec<&'a ServiceName>>,
    name: &'a ServiceName,
) -> BTreeSet<&'a ServiceName> {
    let mut company = BTreeSet::from([name]);
    let mut next = vec![name];
    while let Some(name) = next.pop() {
        let linked = links.get(name).into_iter().flatten();
        next.extend(linked.filter(|other| company.insert(**other)));
    }
    company
}
