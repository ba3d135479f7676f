//! `[network.X]`, `[node.X]` and `[fence.X]`.

use std::time::Duration;

use model::spec::{
    Attachment, FenceAction, FenceDeviceSpec, NetworkSpec, NodeSpec, WATCHDOG_TIMEOUT_DEFAULT,
    WatchdogSpec,
};
use model::{CardName, DeviceName, NetworkName, NodeName};
use toml::de::DeValue;

use super::section::{Entry, Section, not_in_this_version};
use super::value::TimeBounds;
use super::{Context, Placed, checks, pings, rules};
use crate::suggest::nearest;
use crate::{Code, Problem};

/// Keys that later versions read.
const NETWORK_LATER: &[&str] = &["mtu", "priority", "trust"];
/// Keys that later versions read.
const NODE_LATER: &[&str] = &["role", "site"];
/// Keys that later versions read.
const FENCE_LATER: &[&str] = &["level", "watchdog"];

/// The kernel's limit (IFNAMSIZ, less the final NUL).
const CARD_NAME_LENGTH_MAX: usize = 15;

/// A device that fails this often will not answer the next time.
const RETRIES_MAX: i64 = 20;
/// A network card of a power device that was busy answers the second or third time.
const RETRIES_DEFAULT: u32 = 2;
/// Longer than slow management boards need to switch a machine off.
const FENCE_LIMIT_DEFAULT: Duration = Duration::from_secs(20);

/// Reads `[network.X]`.
pub(super) fn read_network(context: &mut Context<'_>, mut section: Section<'_>, name: NetworkName) {
    context.places.put(format!("network/{name}"), section.at());
    if NODE_KEYS.contains(&name.as_str()) {
        let message = format!("a network cannot be called `{name}`");
        let problem = Problem::new(Code::BadName, message)
            .at(
                section.at(),
                format!("`{name}` in [node.NAME] means something else"),
            )
            .help("choose another name, like `power`");
        context.report(problem);
    }
    let mut network = NetworkSpec::default();
    for (key, bounds, into) in [
        ("barred_for", BARRED_FOR, &mut network.barred_for),
        ("move_after", MOVE_AFTER, &mut network.move_after),
        ("steady_after", STEADY_AFTER, &mut network.steady_after),
    ] {
        if let Some(entry) = section.get(key) {
            *into = entry.time(context, bounds).unwrap_or(*into);
        }
    }
    if let Some(entry) = section.get("ping") {
        network.ping = pings::read(context, &entry, &format!("[network.{name}]"));
    }
    section.finish(context, NETWORK_LATER);
    context.spec.networks.insert(name, network);
}

/// A card that is used again at once after each failure is as good as none; after a day somebody
/// has mended it.
const BARRED_FOR: TimeBounds = TimeBounds::OR_ZERO;
/// Longer than this nobody wants to be without an answer.
const MOVE_AFTER: TimeBounds = TimeBounds {
    min: Duration::ZERO,
    max: Duration::from_secs(60),
};
/// As long as this, a card that only flaps slowly is told from one that is well.
const STEADY_AFTER: TimeBounds = TimeBounds {
    min: Duration::ZERO,
    max: Duration::from_secs(3600),
};

/// Keys of a node that are not names of networks.
const NODE_KEYS: [&str; 6] = [
    "fence",
    "watchdog",
    "watchdog_timeout",
    "attributes",
    "capacity",
    "check",
];

/// A second is the shortest that the kernel's interface can say, and what a busy machine may
/// need between two feeds; beyond five minutes nobody waits for a node to reset itself.
const WATCHDOG_TIMEOUT: TimeBounds = TimeBounds {
    min: Duration::from_secs(1),
    max: Duration::from_secs(300),
};

/// `watchdog` and `watchdog_timeout` of `[node.X]`.
fn read_watchdog(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    name: &NodeName,
) -> Option<WatchdogSpec> {
    let device = section.get("watchdog").and_then(|entry| {
        let path = format!("node/{name}/watchdog");
        context.places.put(path, entry.key_at.clone());
        entry.path(context)
    });
    let mut timeout = WATCHDOG_TIMEOUT_DEFAULT;
    if let Some(entry) = section.get("watchdog_timeout") {
        if let Some(time) = entry.time(context, WATCHDOG_TIMEOUT) {
            timeout = time;
        }
        if timeout.subsec_nanos() != 0 {
            let problem = Problem::new(Code::BadTime, "a watchdog counts whole seconds")
                .at(entry.value.span(), "not a whole number of seconds")
                .help(format!("write \"{}s\"", timeout.as_secs() + 1));
            context.report(problem);
        }
        if !context.places.has(&format!("node/{name}/watchdog")) {
            let problem = Problem::new(
                Code::DoesNotBelong,
                format!("node {name} has a `watchdog_timeout` and no `watchdog`"),
            )
            .at(entry.key_at.clone(), "of which device?")
            .help("add `watchdog = \"/dev/watchdog\"`, or remove the line");
            context.report(problem);
        }
    }
    let device = device?.value;
    Some(WatchdogSpec { device, timeout })
}

/// Reads `[node.X]`. Every key that is not one of `NODE_KEYS` is a network.
pub(super) fn read_node(context: &mut Context<'_>, mut section: Section<'_>, name: NodeName) {
    context.places.put(format!("node/{name}"), section.at());
    let mut node = NodeSpec::default();
    if let Some(entry) = section.get("fence") {
        context
            .places
            .put(format!("node/{name}/fence"), entry.key_at.clone());
        for device in entry.names::<DeviceName>(context) {
            let path = format!("node/{name}/fence/{}", node.fence.len());
            context.places.put(path, device.at);
            node.fence.push(device.value);
        }
    }
    node.watchdog = read_watchdog(context, &mut section, &name);
    if let Some(entry) = section.get("attributes") {
        let texts = entry.texts(context).into_iter();
        node.attributes = texts.map(|(key, text)| (key, text.value)).collect();
    }
    if let Some(entry) = section.get("capacity") {
        context
            .places
            .put(format!("node/{name}/capacity"), entry.key_at.clone());
        node.capacity = rules::read_goods(context, &entry);
    }
    checks::read_of_node(context, &mut section, &name);
    let entries = section.rest();
    if entries.is_empty() {
        let problem = Problem::new(
            Code::NodeWithoutNetwork,
            format!("node {name} is on no network"),
        )
        .at(section.at(), "nobody can hear it")
        .help("add its address on each network, like `lan = \"10.0.0.11/24\"`");
        context.report(problem);
    }
    for entry in entries {
        if let Some((network, attachment)) = read_attachment(context, &name, &entry) {
            node.networks.insert(network, attachment);
        }
    }
    context.spec.nodes.insert(name, node);
}

fn read_attachment(
    context: &mut Context<'_>,
    node: &NodeName,
    entry: &Entry<'_>,
) -> Option<(NetworkName, Attachment)> {
    let known = entry.key.parse::<NetworkName>().ok();
    let Some(network) = known.filter(|name| context.spec.networks.contains_key(name)) else {
        let problem = unknown_in_node(context, entry);
        context.report(problem);
        return None;
    };
    let path = format!("node/{node}/{network}");
    context.places.put(path.clone(), entry.key_at.clone());
    if let DeValue::String(_) = entry.value.get_ref() {
        let address = entry.address(context)?;
        context.places.put(format!("{path}/address"), address.at);
        let cards = Vec::new();
        return Some((
            network,
            Attachment {
                address: address.value,
                cards,
            },
        ));
    }
    let title = format!("`{network}` of node {node}");
    let mut section = entry.table(context, title)?;
    let mut cards = Vec::new();
    if let Some(entry) = section.get("cards") {
        for card in entry.names::<CardName>(context) {
            check_card(context, &card);
            context
                .places
                .put(format!("{path}/cards/{}", cards.len()), card.at);
            cards.push(card.value);
        }
    }
    let address = section
        .require(context, "address", "address = \"10.0.0.11/24\"")
        .then(|| section.get("address")?.address(context))
        .flatten();
    section.finish(context, &[]);
    let address = address?;
    context.places.put(format!("{path}/address"), address.at);
    Some((
        network,
        Attachment {
            address: address.value,
            cards,
        },
    ))
}

fn check_card(context: &mut Context<'_>, card: &Placed<CardName>) {
    if CARD_NAME_LENGTH_MAX < card.value.as_str().len() {
        let problem = Problem::new(
            Code::BadName,
            format!("no card can be called {}", card.value),
        )
        .at(
            card.at.clone(),
            format!("longer than {CARD_NAME_LENGTH_MAX} characters"),
        )
        .help("write the name that `ip link` shows");
        context.report(problem);
    }
}

/// A key of a node that is neither one of `NODE_KEYS` nor a network of the file.
fn unknown_in_node(context: &Context<'_>, entry: &Entry<'_>) -> Problem {
    let key = &entry.key;
    let known = context.spec.networks.keys().map(|name| name.as_str());
    if NODE_LATER.contains(&key.as_str()) {
        return not_in_this_version(entry);
    }
    let looks_like_network = match entry.value.get_ref() {
        DeValue::Table(table) => table.iter().any(|(key, _)| key.get_ref() == "address"),
        DeValue::String(text) => text.contains('/'),
        DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_) => false,
    };
    let problem = match looks_like_network {
        true => Problem::new(Code::UnknownNetwork, format!("there is no network `{key}`")),
        false => Problem::new(Code::UnknownKey, format!("a node has no key `{key}`")),
    };
    match nearest(key, known.chain(NODE_KEYS)) {
        Some(meant) => problem
            .at(entry.key_at.clone(), format!("did you mean `{meant}`?"))
            .help(format!("write `{meant}`")),
        None if looks_like_network => problem
            .at(entry.key_at.clone(), "unknown network")
            .help(format!("add the line `[network.{key}]`")),
        None => problem
            .at(entry.key_at.clone(), "unknown")
            .help("remove it; known are `fence`, `watchdog`, `watchdog_timeout`, `attributes`, `capacity` and the names of networks"),
    }
}

/// Reads `[fence.X]`.
pub(super) fn read_device(context: &mut Context<'_>, mut section: Section<'_>, name: DeviceName) {
    context.places.put(format!("fence/{name}"), section.at());
    let agent = section
        .require(context, "agent", "agent = \"fence_ipmilan\"")
        .then(|| read_agent(context, &section.get("agent")?))
        .flatten();
    let mut device = FenceDeviceSpec {
        agent: agent.unwrap_or_default(),
        options: Default::default(),
        hosts: Default::default(),
        action: FenceAction::Reboot,
        delay: Duration::ZERO,
        retries: RETRIES_DEFAULT,
        limit: FENCE_LIMIT_DEFAULT,
    };
    if let Some(entry) = section.get("options") {
        let texts = entry.texts(context).into_iter();
        device.options = texts.map(|(key, text)| (key, text.value)).collect();
    }
    if let Some(entry) = section.get("hosts") {
        read_hosts(context, &name, &entry, &mut device);
    }
    if let Some(entry) = section.get("action") {
        let words = [("reboot", FenceAction::Reboot), ("off", FenceAction::Off)];
        device.action = entry.word(context, &words).unwrap_or(device.action);
    }
    if let Some(entry) = section.get("delay") {
        device.delay = entry.time(context, TimeBounds::OR_ZERO).unwrap_or_default();
    }
    if let Some(entry) = section.get("retries")
        && let Some(retries) = entry.number(context, 0..=RETRIES_MAX)
    {
        device.retries = u32::try_from(retries).expect("the bounds are within u32");
    }
    if let Some(entry) = section.get("limit") {
        let limit = entry.time(context, TimeBounds::POSITIVE);
        device.limit = limit.unwrap_or(device.limit);
    }
    section.finish(context, FENCE_LATER);
    context.spec.fence_devices.insert(name, device);
}

/// A bare name is looked for where fence agents live; a path must be a whole one.
fn read_agent(context: &mut Context<'_>, entry: &Entry<'_>) -> Option<String> {
    let text = entry.some_text(context)?;
    match text.value.contains('/') {
        true => entry.path(context).map(|path| path.value),
        false => entry
            .name::<DeviceName>(context)
            .map(|name| name.value.to_string()),
    }
}

fn read_hosts(
    context: &mut Context<'_>,
    name: &DeviceName,
    entry: &Entry<'_>,
    device: &mut FenceDeviceSpec,
) {
    let Some(section) = entry.table(context, format!("`hosts` of [fence.{name}]")) else {
        return;
    };
    let keys: Vec<Entry<'_>> = section.entries().collect();
    let mut texts = entry.texts(context);
    for host in keys {
        let Some(text) = texts.remove(&host.key) else {
            continue;
        };
        let path = format!("fence/{name}/hosts/{}", host.key);
        context.places.put(path, host.key_at.clone());
        match host.key.parse::<NodeName>() {
            Ok(node) => {
                device.hosts.insert(node, text.value);
            }
            Err(error) => {
                context.report(super::section::bad_name(&host.key, &error, host.key_at));
            }
        }
    }
}
