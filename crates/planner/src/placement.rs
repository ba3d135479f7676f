//! Where a service may run, and how well: scores that explain themselves.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use model::rules::NodeHealthPolicy;
use model::seen::{Maintenance, NodeSeen, NodeState, Standby};
use model::spec::{AddressSpec, ServiceSpec};
use model::{BootId, NodeName, ServiceName};

use crate::Input;
use crate::copies::CopyMap;
use crate::networks::{self, View};
use crate::view::Draft;

/// One step in `prefer` is worth this much; `stickiness` is weighed against it.
pub const POINTS_PER_PREFERENCE: i64 = 100;

/// What a node in `avoid` loses: more than any wish gives.
pub const POINTS_OF_AVOIDED: i64 = 10_000_000;

/// Whether a node may run a service now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Ready {
        /// Points for its place in `prefer`, and by wishes about its attributes.
        preference: i64,
        /// Points for running it now.
        stickiness: i64,
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

/// Why a node may not run a service now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hinder {
    /// It is not there, or set aside.
    Away(String),
    /// The configuration names others.
    NotAllowed,
    /// It has as many copies of the service as it takes.
    HasCopies(u32),
    /// It has no running copy of another service, which is needed there.
    LacksCopyOf(ServiceName),
    /// All else.
    Unfit(String),
}

impl std::fmt::Display for Hinder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Away(why) | Self::Unfit(why) => f.write_str(why),
            Self::NotAllowed => f.write_str("not allowed by the configuration"),
            Self::HasCopies(1) => f.write_str("has its copy"),
            Self::HasCopies(many) => write!(f, "has its {many} copies"),
            Self::LacksCopyOf(service) => write!(f, "no copy of {service} runs there"),
        }
    }
}

/// For each member and each node of the spec, whether it may run the service, and how well;
/// best first, those that may not at the end.
#[must_use]
pub fn placement(input: &Input<'_>, service: &ServiceName) -> Vec<(NodeName, Verdict)> {
    let mut draft = Draft::new(input);
    draft.place_all();
    let names: BTreeSet<&NodeName> = input
        .seen
        .nodes
        .keys()
        .chain(input.spec.nodes.keys())
        .collect();
    let mut verdicts: Vec<(NodeName, Verdict)> = names
        .into_iter()
        .map(|name| (name.clone(), verdict(&draft, service, name)))
        .collect();
    let level = |name: &NodeName| {
        let view = match networks::is_at(input, service, name) {
            true => View::Stays,
            false => View::Comes,
        };
        let spec = input.spec.service_of(service);
        spec.map(|spec| networks::level(input, (service, spec), (name, view)))
    };
    verdicts.sort_by_key(|(name, verdict)| match verdict {
        Verdict::Ready {
            preference,
            stickiness,
            services,
        } => {
            let points = Reverse(preference + stickiness);
            (0, Reverse(level(name)), points, *services, name.clone())
        }
        Verdict::Not(_) => (1, Reverse(None), Reverse(0), 0, name.clone()),
    });
    verdicts
}

fn verdict(draft: &Draft<'_>, service: &ServiceName, name: &NodeName) -> Verdict {
    let input = draft.input;
    let Some(spec) = input.spec.service_of(service) else {
        return Verdict::Not(format!("{service} is not in the configuration"));
    };
    if let Err(why) = draft.candidate((service, spec), name) {
        return Verdict::Not(why.to_string());
    }
    if let Some(because) = draft.places.objection(input, (service, spec), name) {
        return Verdict::Not(because.to_string());
    }
    let here = input
        .claim(service)
        .is_some_and(|claim| claim.node == *name);
    Verdict::Ready {
        preference: points(input, spec, name),
        stickiness: if here { i64::from(spec.stickiness) } else { 0 },
        services: draft.load.on(name),
    }
}

/// Whether the node may run the service now, whatever else runs there; if not, why.
pub(crate) fn may_run(
    input: &Input<'_>,
    copies: &CopyMap<'_>,
    (service, spec): (&ServiceName, &ServiceSpec),
    (name, node): (&NodeName, &NodeSeen),
) -> Result<BootId, Hinder> {
    let NodeState::Online { boot } = node.state else {
        return Err(Hinder::Away(node.state.word().to_string()));
    };
    if node.standby != Standby::Off {
        return Err(Hinder::Away("on standby".to_string()));
    }
    if node.maintenance == Maintenance::On {
        return Err(Hinder::Away("in maintenance".to_string()));
    }
    may_ever_run(input, spec, name)?;
    suits(input, spec, (name, node)).map_err(Hinder::Unfit)?;
    if let Some(network) = networks::without_link(input, spec, name)
        && !networks::is_at(input, service, name)
    {
        let why = format!("no card of network {network} has a link");
        return Err(Hinder::Unfit(why));
    }
    let own = input.service(service).and_then(|seen| {
        let bar = seen.barred.get(name)?;
        bar.holds(spec.rules.bar_expires, input.now)
            .then_some((seen, bar))
    });
    let of_others = || copies.on(service, name).and_then(|here| here.bar);
    let bar = own.or_else(|| spec.rules.copies.and_then(|_| of_others()));
    let Some((seen, bar)) = bar else {
        return Ok(boot);
    };
    let last = seen.failures.iter().rfind(|failure| failure.node == *name);
    let how = last.map_or_else(String::new, |last| format!(" ({})", last.failure.how));
    let clause = bar.clause(input.wall);
    let ends = bar
        .ends(spec.rules.bar_expires)
        .map_or_else(String::new, |ends| {
            let until = input.wall_at(ends).to_string();
            format!(", until {}", until.get(..16).unwrap_or(&until))
        });
    Err(Hinder::Unfit(format!("{clause}{how}{ends}")))
}

/// Whether the configuration lets the node run the service at all; if not, why.
pub(crate) fn may_ever_run(
    input: &Input<'_>,
    spec: &ServiceSpec,
    name: &NodeName,
) -> Result<(), Hinder> {
    let Some(node) = input.spec.nodes.get(name) else {
        return Err(Hinder::Unfit("not in the configuration".to_string()));
    };
    if !spec.allows(name) {
        return Err(Hinder::NotAllowed);
    }
    let mut addresses = spec.resources.iter().filter_map(|r| r.kind.address());
    match addresses.find(|address| !node.networks.contains_key(&address.network)) {
        Some(AddressSpec { network, .. }) => {
            Err(Hinder::Unfit(format!("not attached to network {network}")))
        }
        None => Ok(()),
    }
}

/// Whether the node is one by its attributes that the service may use; if not, why.
pub(crate) fn suits(
    input: &Input<'_>,
    spec: &ServiceSpec,
    (name, node): (&NodeName, &NodeSeen),
) -> Result<(), String> {
    let policy = input.spec.cluster.rules.node_health;
    if policy == NodeHealthPolicy::Ignore && spec.rules.where_rules.is_empty() {
        return Ok(());
    }
    let described = input.spec.nodes.get(name);
    if policy != NodeHealthPolicy::Ignore {
        let attributes = node.all_attributes(described);
        if let Some((key, value)) = policy.objects_to(&attributes) {
            return Err(format!("{key} is {value}"));
        }
    }
    let must = spec
        .rules
        .where_rules
        .iter()
        .filter(|rule| rule.points.is_none());
    for rule in must {
        let value = node.attribute(described, &rule.attribute);
        if !rule.test.passes(value) {
            let (key, value) = (&rule.attribute, value.unwrap_or("not set"));
            return Err(format!("{key} is {value}, not as asked for ({rule})"));
        }
    }
    Ok(())
}

/// Points for a node's place in `prefer`, and by wishes about it.
pub(crate) fn points(input: &Input<'_>, spec: &ServiceSpec, name: &NodeName) -> i64 {
    let place = spec.prefer.iter().position(|preferred| preferred == name);
    let preferred = place.map_or(0, |place| {
        (spec.prefer.len() - place) as i64 * POINTS_PER_PREFERENCE
    });
    let rules = &spec.rules;
    if rules.where_rules.is_empty() && rules.avoid.is_empty() {
        return preferred;
    }
    let avoided = if rules.avoid.contains(name) {
        POINTS_OF_AVOIDED
    } else {
        0
    };
    let described = input.spec.nodes.get(name);
    let seen = input.seen.nodes.get(name);
    let wishes = rules.where_rules.iter().filter_map(|rule| {
        let value = match seen {
            Some(seen) => seen.attribute(described, &rule.attribute),
            None => described?
                .attributes
                .get(&rule.attribute)
                .map(String::as_str),
        };
        rule.test.passes(value).then_some(i64::from(rule.points?))
    });
    preferred + wishes.sum::<i64>() - avoided
}
