//! Where a service may run, and how well: scores that explain themselves.

use std::collections::BTreeSet;

use model::seen::{NodeSeen, NodeState, Standby};
use model::spec::{Elsewhere, ResourceKind, ServiceSpec};
use model::{BootId, NodeName, ServiceName};

use crate::Input;
use crate::view::Load;

/// One step in `prefer` is worth this much; `stickiness` is weighed against it.
pub const POINTS_PER_PREFERENCE: u64 = 100;

/// Whether a node may run a service now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Ready {
        /// Points for its place in `prefer`.
        preference: u64,
        /// Points for running it now.
        stickiness: u64,
        /// Services that it runs: of equals, the one with the fewest is chosen.
        services: usize,
    },
    /// It may not; the text says why.
    Not(String),
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ready {
                preference,
                stickiness,
                services,
            } => write!(
                f,
                "{} points ({preference} preference, {stickiness} stickiness), runs {services}",
                preference + stickiness
            ),
            Self::Not(why) => f.write_str(why),
        }
    }
}

/// For each member and each node of the spec, whether it may run the service, and how well;
/// best first, those that may not at the end.
#[must_use]
pub fn placement(input: &Input<'_>, service: &ServiceName) -> Vec<(NodeName, Verdict)> {
    let load = Load::of(input);
    let names: BTreeSet<&NodeName> = input
        .seen
        .nodes
        .keys()
        .chain(input.spec.nodes.keys())
        .collect();
    let mut verdicts: Vec<(NodeName, Verdict)> = names
        .into_iter()
        .map(|name| (name.clone(), verdict(input, &load, service, name)))
        .collect();
    verdicts.sort_by_key(|(name, verdict)| match verdict {
        Verdict::Ready {
            preference,
            stickiness,
            services,
        } => (
            0,
            u64::MAX - (preference + stickiness),
            *services,
            name.clone(),
        ),
        Verdict::Not(_) => (1, 0, 0, name.clone()),
    });
    verdicts
}

fn verdict(input: &Input<'_>, load: &Load, service: &ServiceName, name: &NodeName) -> Verdict {
    let Some(spec) = input.spec.services.get(service) else {
        return Verdict::Not(format!("{service} is not in the configuration"));
    };
    let Some(node) = input.seen.nodes.get(name) else {
        return Verdict::Not("not a member".to_string());
    };
    if let Err(why) = may_run(input, (service, spec), (name, node)) {
        return Verdict::Not(why);
    }
    let here = input
        .claim(service)
        .is_some_and(|claim| claim.node == *name);
    Verdict::Ready {
        preference: preference(spec, name),
        stickiness: if here { u64::from(spec.stickiness) } else { 0 },
        services: load.on(name),
    }
}

/// Whether the node may run the service now; if not, why.
pub(crate) fn may_run(
    input: &Input<'_>,
    (service, spec): (&ServiceName, &ServiceSpec),
    (name, node): (&NodeName, &NodeSeen),
) -> Result<BootId, String> {
    let NodeState::Online { boot } = node.state else {
        return Err(node.state.word().to_string());
    };
    if node.standby != Standby::Off {
        return Err("on standby".to_string());
    }
    may_ever_run(input, spec, name)?;
    let Some(seen) = input.service(service) else {
        return Ok(boot);
    };
    let Some(bar) = seen.barred.get(name) else {
        return Ok(boot);
    };
    let last = seen.failures.iter().rfind(|failure| failure.node == *name);
    let how = last.map_or_else(String::new, |last| format!(" ({})", last.failure.how));
    Err(format!("{}{how}", bar.clause(input.wall)))
}

/// Whether the configuration lets the node run the service at all; if not, why.
pub(crate) fn may_ever_run(
    input: &Input<'_>,
    spec: &ServiceSpec,
    name: &NodeName,
) -> Result<(), String> {
    let Some(node) = input.spec.nodes.get(name) else {
        return Err("not in the configuration".to_string());
    };
    if spec.elsewhere == Elsewhere::Never && !spec.prefer.contains(name) {
        return Err("not allowed by the configuration".to_string());
    }
    for resource in &spec.resources {
        match &resource.kind {
            ResourceKind::Address(address) if !node.networks.contains_key(&address.network) => {
                return Err(format!("not attached to network {}", address.network));
            }
            ResourceKind::Address(_)
            | ResourceKind::Process(_)
            | ResourceKind::Command(_)
            | ResourceKind::Mount(_) => {}
        }
    }
    Ok(())
}

/// Points for a node's place in `prefer`.
pub(crate) fn preference(spec: &ServiceSpec, name: &NodeName) -> u64 {
    let place = spec.prefer.iter().position(|preferred| preferred == name);
    place.map_or(0, |place| {
        (spec.prefer.len() - place) as u64 * POINTS_PER_PREFERENCE
    })
}
