//! Where a service may run, and how well: scores that explain themselves.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use model::roles::RoleMeant;
use model::rules::{NodeHealthPolicy, WhereRule};
use model::seen::{Maintenance, NodeSeen, NodeState, Standby};
use model::spec::{AddressSpec, ServiceSpec};
use model::{BootId, NodeName, ServiceName};

use crate::Input;
use crate::busy::NodeBusy;
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
        /// How busy it is, where that counts: of equals, the one that is least busy is chosen.
        busy: Option<NodeBusy>,
        /// Services that it runs: of equals, the one with the fewest is chosen.
        services: usize,
    },
    /// It may not; the text says why.
    Not(String),
}

impl Verdict {
    /// The sum of its points; none where it may not run the service.
    #[must_use]
    pub fn points(&self) -> Option<i64> {
        match self {
            Self::Ready {
                preference,
                stickiness,
                ..
            } => Some(preference + stickiness),
            Self::Not(_) => None,
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
    verdicts(&draft, service)
}

/// The same, of a draft in which all services have been placed.
pub(crate) fn verdicts(draft: &Draft<'_>, service: &ServiceName) -> Vec<(NodeName, Verdict)> {
    let input = draft.input;
    let names: BTreeSet<&NodeName> = input
        .seen
        .nodes
        .keys()
        .chain(input.spec.nodes.keys())
        .collect();
    let mut verdicts: Vec<(NodeName, Verdict)> = names
        .into_iter()
        .map(|name| (name.clone(), verdict(draft, service, name)))
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
            busy,
            services,
        } => {
            let points = Reverse(preference + stickiness);
            let rank = (busy.map_or(0, NodeBusy::counted), *services);
            (0, Reverse(level(name)), points, rank, name.clone())
        }
        Verdict::Not(_) => (1, Reverse(None), Reverse(0), (0, 0), name.clone()),
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
        busy: draft.load.busy(name),
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
    let mut must = musts_of(spec, RoleMeant::Any);
    let value = |key: &str| node.attribute(described, key);
    match must.find(|rule| !rule.passes(name, value)) {
        Some(rule) => Err(rule.why_not(name, value)),
        None => Ok(()),
    }
}

/// Whether the node is one where a copy of the service may be promoted; if not, why.
pub(crate) fn suits_role(
    input: &Input<'_>,
    spec: &ServiceSpec,
    name: &NodeName,
) -> Result<(), String> {
    let mut must = musts_of(spec, RoleMeant::Promoted);
    let value = attributes_of(input, name);
    match must.find(|rule| !rule.passes(name, &value)) {
        Some(rule) => Err(rule.why_not(name, &value)),
        None => Ok(()),
    }
}

fn musts_of(spec: &ServiceSpec, role: RoleMeant) -> impl Iterator<Item = &WhereRule> {
    let rules = spec.rules.where_rules.iter();
    rules.filter(move |rule| rule.is_must_of(role))
}

/// The attributes of a node, whether it is there or not.
pub(crate) fn attributes_of<'a>(
    input: &Input<'a>,
    name: &NodeName,
) -> impl Fn(&str) -> Option<&'a str> {
    let described = input.spec.nodes.get(name);
    let seen = input.seen.nodes.get(name);
    move |key: &str| match seen {
        Some(seen) => seen.attribute(described, key),
        None => described?.attributes.get(key).map(String::as_str),
    }
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
    preferred + wishes(input, spec, (name, RoleMeant::Any)) - avoided
}

/// Points by wishes about the node, for copies in this role.
pub(crate) fn wishes(
    input: &Input<'_>,
    spec: &ServiceSpec,
    (name, role): (&NodeName, RoleMeant),
) -> i64 {
    let value = attributes_of(input, name);
    let wishes = spec.rules.where_rules.iter().filter_map(|rule| {
        let points = rule.points_of(role)?;
        rule.passes(name, &value).then_some(i64::from(points))
    });
    wishes.sum()
}
