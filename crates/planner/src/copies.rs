//! Where the copies of each service are.

use std::collections::BTreeMap;

use model::plant::{self, Plant};
use model::rules::CopyCount;
use model::seen::{Bar, Goal, Phase, ServiceSeen};
use model::spec::ServiceSpec;
use model::{NodeName, Reason, ServiceName};

use crate::Input;
use crate::placement::Hinder;
use crate::view::waits_for;

/// What the copies of one service have to do with one node.
#[derive(Debug, Default)]
pub(crate) struct Here<'a> {
    /// Those that run there, or may.
    pub(crate) holders: Vec<&'a ServiceName>,
    /// Those of them that are up.
    pub(crate) running: Vec<&'a ServiceName>,
    /// One that failed too often there bars it for all.
    pub(crate) bar: Option<(&'a ServiceSeen, &'a Bar)>,
}

/// The copies of all services that have any, by service and node.
#[derive(Debug, Default)]
pub(crate) struct CopyMap<'a>(BTreeMap<&'a str, BTreeMap<&'a NodeName, Here<'a>>>);

impl<'a> CopyMap<'a> {
    pub(crate) fn of(input: &Input<'a>) -> Self {
        let mut map = Self::default();
        for (name, seen) in &input.seen.services {
            if name.copy().is_some() {
                map.note(input, name, seen);
            }
        }
        map
    }

    fn note(&mut self, input: &Input<'a>, name: &'a ServiceName, seen: &'a ServiceSeen) {
        let nodes = self.0.entry(name.service_str()).or_default();
        if let Some(claim) = &seen.claim {
            let here = nodes.entry(&claim.node).or_default();
            here.holders.push(name);
            if claim.goal == Goal::Run && claim.phase == Phase::Running {
                here.running.push(name);
            }
        }
        for node in seen.strays.keys() {
            let here = nodes.entry(node).or_default();
            if !here.holders.contains(&name) {
                here.holders.push(name);
            }
        }
        let expires = input
            .spec
            .service_of(name)
            .and_then(|spec| spec.rules.bar_expires);
        for (node, bar) in &seen.barred {
            if bar.holds(expires, input.now) {
                nodes.entry(node).or_default().bar = Some((seen, bar));
            }
        }
    }

    pub(crate) fn on(&self, service: &ServiceName, node: &NodeName) -> Option<&Here<'a>> {
        self.0.get(service.service_str())?.get(node)
    }

    /// Whether the node can take this copy beside those that it has.
    pub(crate) fn fits(
        &self,
        (name, spec): (&ServiceName, &ServiceSpec),
        node: &NodeName,
        coming: u32,
    ) -> Result<(), Hinder> {
        let Some(copies) = spec.rules.copies else {
            return Ok(());
        };
        if plant::is(Plant::CopiesNotCounted) {
            return Ok(());
        }
        let here = self.on(name, node).map_or(&[][..], |here| &here.holders);
        let others = here.iter().filter(|other| **other != name).count();
        let taken = u32::try_from(others)
            .unwrap_or(u32::MAX)
            .saturating_add(coming);
        if taken < copies.per_node {
            Ok(())
        } else {
            Err(Hinder::HasCopies(taken))
        }
    }

    /// Where something still runs that goes under another name since the service has copies,
    /// or has none any more.
    pub(crate) fn under_other_names(
        &self,
        input: &Input<'a>,
        name: &ServiceName,
    ) -> Option<&'a NodeName> {
        match name.copy() {
            Some(_) => {
                let seen = input.seen.services.get(&name.service())?;
                let claimed = seen.claim.as_ref().map(|claim| &claim.node);
                claimed.or_else(|| seen.strays.keys().next())
            }
            None => {
                let nodes = self.0.get(name.as_str())?;
                let held = nodes.iter().find(|(_, here)| !here.holders.is_empty());
                held.map(|(node, _)| *node)
            }
        }
    }
}

/// Why a copy has no node: where each node is to have one, the missing node is the news.
pub(crate) fn why_without_node(spec: &ServiceSpec, nodes: Vec<(NodeName, Hinder)>) -> Reason {
    let is_everywhere = spec
        .rules
        .copies
        .is_some_and(|copies| copies.count == CopyCount::EveryNode);
    let is_ordinary = |hinder: &Hinder| match hinder {
        Hinder::Away(_) | Hinder::HasCopies(_) | Hinder::NotAllowed => true,
        Hinder::LacksCopyOf(_) | Hinder::Unfit(_) => false,
    };
    if is_everywhere && nodes.iter().all(|(_, hinder)| is_ordinary(hinder)) {
        return Reason::EveryNodeHasOne;
    }
    let lacking = nodes.iter().find_map(|(node, hinder)| match hinder {
        Hinder::LacksCopyOf(service) => Some((node, service)),
        Hinder::Away(_) | Hinder::HasCopies(_) | Hinder::NotAllowed | Hinder::Unfit(_) => None,
    });
    if let Some((node, service)) = lacking {
        return Reason::WaitsForCopy {
            service: service.clone(),
            node: node.clone(),
        };
    }
    let nodes = nodes
        .into_iter()
        .map(|(node, hinder)| (node, hinder.to_string()));
    Reason::NoNode {
        nodes: nodes.collect(),
    }
}

/// What must happen before something may start that still runs under another name.
pub(crate) fn wait_for_other_name(input: &Input<'_>, node: &NodeName) -> Reason {
    use model::seen::NodeState::{Leaving, Online};
    match input.seen.nodes.get(node).map(|node| &node.state) {
        Some(Online { .. } | Leaving { .. }) | None => Reason::WaitsForStop { node: node.clone() },
        Some(state) => waits_for(node, state),
    }
}
