//! Who is asked what.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use model::environment::Question;
use model::operation::ResourceAddress;
use model::roles::RoleMeant;
use model::spec::{AgentSpec, Attachment, Elsewhere, FenceDeviceSpec, ResourceKind, ServiceSpec};
use model::{CardName, NetworkName, NodeName, ServiceName, Spec};

use super::{kinds, of_checks};

/// The agent that is no program: poison pills on a shared disk.
const BUILT_IN_AGENT: &str = "disk";

/// Options by which fence agents are told where their device is.
const DEVICE_ADDRESS_OPTIONS: [&str; 4] = ["ip", "ipaddr", "ipaddress", "host"];

/// Attributes of nodes that were set at run time; they stand before those of the file.
pub type Attributes = BTreeMap<NodeName, BTreeMap<String, String>>;

/// One question to one node, and what it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Who is asked.
    pub node: NodeName,
    /// What.
    pub question: Question,
    /// What needs it, in words: `process-2 of web`.
    pub wanted_by: String,
    /// Its place in the file, as the readers name it: `service/web/process-2`.
    pub place: String,
}

/// Everything that the nodes must be asked before `spec` may become live. `asker` listens
/// for strangers on the addresses of services, where it is on their network.
#[must_use]
pub fn asks(spec: &Spec, attributes: &Attributes, asker: &NodeName) -> Vec<Ask> {
    let mut asks = Vec::new();
    for node in spec.nodes.keys() {
        of_every_node(node, &mut asks);
        of_machine(spec, node, &mut asks);
        of_its_checks(spec, node, &mut asks);
    }
    for (name, service) in &spec.services {
        let nodes: Vec<&NodeName> = spec.nodes.keys().collect();
        let nodes = nodes
            .into_iter()
            .filter(|node| may_run(spec, service, node, attributes));
        for node in nodes {
            of_service(spec, (name, service), (node, asker), &mut asks);
            of_watching(spec, (name, service), node, &mut asks);
        }
    }
    asks
}

/// Whether a node may ever run a service, as the file and the attributes are.
#[must_use]
pub fn may_run(
    spec: &Spec,
    service: &ServiceSpec,
    node: &NodeName,
    attributes: &Attributes,
) -> bool {
    let is_named = match service.elsewhere {
        Elsewhere::Allowed => true,
        Elsewhere::Never => service.prefer.contains(node),
    };
    let of_file = spec.nodes.get(node).map(|node| &node.attributes);
    let value = |key: &str| {
        let set = attributes.get(node).and_then(|all| all.get(key));
        set.or_else(|| of_file?.get(key)).map(String::as_str)
    };
    let mut musts = service.rules.where_rules.iter();
    is_named
        && !service.rules.never_on.contains(node)
        && musts.all(|rule| !rule.is_must_of(RoleMeant::Any) || rule.passes(node, value))
}

/// The questions for one node, each once.
#[must_use]
pub fn questions_for(asks: &[Ask], node: &NodeName) -> Vec<Question> {
    let mut questions: Vec<Question> = Vec::new();
    for ask in asks.iter().filter(|ask| ask.node == *node) {
        if !questions.contains(&ask.question) {
            questions.push(ask.question.clone());
        }
    }
    questions
}

fn of_every_node(node: &NodeName, asks: &mut Vec<Ask>) {
    let questions = [
        Question::Clock,
        Question::Space,
        Question::HardwareAddresses,
        Question::Refusals,
    ];
    asks.extend(questions.map(|question| Ask {
        node: node.clone(),
        question,
        wanted_by: "every node".into(),
        place: format!("node/{node}"),
    }));
}

/// Cards, addresses, watchdog and fence agents.
fn of_machine(spec: &Spec, node: &NodeName, asks: &mut Vec<Ask>) {
    let machine = &spec.nodes[node];
    let mut ask = |question, wanted_by: String, place: String| {
        asks.push(Ask {
            node: node.clone(),
            question,
            wanted_by,
            place,
        });
    };
    for (network, Attachment { address, cards }) in &machine.networks {
        let (by, place) = (
            format!("network {network}"),
            format!("node/{node}/{network}"),
        );
        for name in cards {
            let name = name.clone();
            ask(Question::Card { name }, by.clone(), place.clone());
        }
        let address = address.addr();
        ask(Question::OwnAddress { address }, by, place);
    }
    if let Some(watchdog) = &machine.watchdog {
        let path = watchdog.device.clone();
        ask(
            Question::Path { path },
            "watchdog".into(),
            format!("node/{node}"),
        );
    }
    // A node does not fence itself.
    let others = spec.nodes.iter().filter(|(name, _)| *name != node);
    let mut devices: Vec<_> = others.flat_map(|(_, other)| &other.fence).collect();
    devices.sort();
    devices.dedup();
    for device in devices {
        let Some(found) = spec.fence_devices.get(device) else {
            continue;
        };
        let place = format!("fence/{device}");
        for question in of_device(found) {
            ask(question, format!("fence device {device}"), place.clone());
        }
    }
}

fn of_device(device: &FenceDeviceSpec) -> Vec<Question> {
    if device.agent == BUILT_IN_AGENT {
        return Vec::new();
    }
    let mut questions = vec![Question::FenceAgent {
        agent: device.agent.clone(),
    }];
    let options = DEVICE_ADDRESS_OPTIONS.iter();
    for name in options.filter_map(|option| device.options.get(*option)) {
        let is_name = name.parse::<IpAddr>().is_err() && !name.contains('/');
        if is_name && !name.is_empty() {
            questions.push(Question::HostName { name: name.clone() });
        }
    }
    questions
}

fn of_service(
    spec: &Spec,
    (name, service): (&ServiceName, &ServiceSpec),
    (node, asker): (&NodeName, &NodeName),
    asks: &mut Vec<Ask>,
) {
    for (place, resource) in service.resources.iter().enumerate() {
        let mut questions = kinds::inspect(&resource.kind);
        if let ResourceKind::Agent(agent) = &resource.kind
            && agent.ocf().is_some()
            && kinds::is_asked_ahead(service, place)
        {
            questions.push(Question::Agent {
                address: ResourceAddress {
                    service: name.clone(),
                    resource: resource.name.clone(),
                },
                // What it said of reloads before is no part of the question.
                agent: AgentSpec {
                    reload: None,
                    ..agent.clone()
                },
            });
        }
        if let ResourceKind::Agent(agent) = &resource.kind
            && agent.ocf().is_some()
        {
            questions.push(Question::AgentReload {
                agent: agent.agent.clone(),
            });
        }
        for question in questions {
            if is_hidden(spec, Some(&resource.kind), &question) {
                continue;
            }
            let question = match (question, &resource.kind) {
                (Question::Address { address, wait, .. }, ResourceKind::Address(kind)) => {
                    let cards = cards_of(spec, node, &kind.network);
                    let listens = listener(spec, asker, &kind.network) == Some(node);
                    let wait = if listens { wait } else { Duration::ZERO };
                    Question::Address {
                        address,
                        cards,
                        wait,
                    }
                }
                (question, _) => question,
            };
            asks.push(Ask {
                node: node.clone(),
                question,
                wanted_by: format!("{} of {name}", resource.name),
                place: format!("service/{name}/{}", resource.name),
            });
        }
    }
}

/// The checks of a service, and who may pause them.
fn of_watching(
    spec: &Spec,
    (name, service): (&ServiceName, &ServiceSpec),
    node: &NodeName,
    asks: &mut Vec<Ask>,
) {
    let owners = service.rules.check_owner.iter().cloned();
    asks.extend(owners.map(|owner| Ask {
        node: node.clone(),
        question: Question::Account { name: owner },
        wanted_by: format!("`check_owner` of {name}"),
        place: format!("service/{name}/check_owner"),
    }));
    for check in &service.rules.checks {
        let questions = of_checks::inspect(check).into_iter();
        let seen = questions.filter(|question| !is_hidden(spec, None, question));
        asks.extend(seen.map(|question| Ask {
            node: node.clone(),
            question,
            wanted_by: format!("check {} of {name}", check.name),
            place: format!("service/{name}/{}", check.name),
        }));
    }
}

/// The checks of a node itself.
fn of_its_checks(spec: &Spec, node: &NodeName, asks: &mut Vec<Ask>) {
    let all = spec.cluster.rules.checks.iter();
    for each in all.filter(|each| each.node.as_ref().is_none_or(|of| of == node)) {
        let name = &each.check.name;
        let place = match &each.node {
            Some(of) => format!("node/{of}/check/{name}"),
            None => format!("cluster/check/{name}"),
        };
        let questions = of_checks::inspect(&each.check).into_iter();
        let seen = questions.filter(|question| !is_hidden(spec, None, question));
        asks.extend(seen.map(|question| Ask {
            node: node.clone(),
            question,
            wanted_by: format!("check {name} of {node}"),
            place: place.clone(),
        }));
    }
}

fn cards_of(spec: &Spec, node: &NodeName, network: &NetworkName) -> Vec<CardName> {
    let attachment = spec.nodes[node].networks.get(network);
    attachment.map(|at| at.cards.clone()).unwrap_or_default()
}

/// Who listens for strangers on a network: one node is enough, and the one that asks is
/// certainly there.
fn listener<'a>(
    spec: &'a Spec,
    asker: &'a NodeName,
    network: &NetworkName,
) -> Option<&'a NodeName> {
    let is_on = |name: &NodeName| {
        let node = spec.nodes.get(name);
        node.is_some_and(|node| node.networks.contains_key(network))
    };
    if is_on(asker) {
        return Some(asker);
    }
    spec.nodes.keys().find(|name| is_on(name))
}

/// Whether what is asked for lies on a mount of the cluster, or in a volume group of it, where
/// it can be seen only while that is mounted or active.
fn is_hidden(spec: &Spec, own: Option<&ResourceKind>, question: &Question) -> bool {
    let Some(path) = kinds::path_of(question) else {
        return false;
    };
    let services = spec.services.values();
    let mut kinds = services
        .flat_map(|service| &service.resources)
        .map(|resource| &resource.kind);
    kinds.any(|kind| Some(kind) != own && kinds::brings(kind, path))
}
