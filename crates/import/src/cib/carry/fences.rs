//! Fence devices: in a CIB they are resources.

use super::super::source::{Xml, elements, id};
use super::super::values;
use super::super::words;
use super::Carry;
use super::text::{key, name, table, time};

/// Parameters whose values are secrets: they belong into files that few may read.
const SECRETS: &[&str] = &["passwd", "password", "snmp_priv_passwd"];

/// Fence devices, wherever they stand.
pub(super) fn devices<'a>(carry: &Carry<'_, 'a>) -> Vec<Xml<'a>> {
    let resources = carry.draft.source.section("resources");
    let primitives = resources
        .into_iter()
        .flat_map(|section| section.descendants());
    primitives
        .filter(|element| element.tag_name().name() == "primitive")
        .filter(|element| element.attribute("class") == Some(words::FENCE_CLASS))
        .collect()
}

fn parameter(carry: &Carry<'_, '_>, device: Xml<'_>, parameter: &str) -> Option<String> {
    let ix = carry.draft.resources.get(id(device))?;
    carry.draft.own_parameters(*ix).remove(parameter)
}

/// Nodes that a device says it can fence; none: it does not say.
fn hosts(carry: &Carry<'_, '_>, device: Xml<'_>) -> Option<Vec<String>> {
    let map = host_map(carry, device);
    if !map.is_empty() {
        return Some(map.into_iter().map(|(node, _)| node).collect());
    }
    let list = parameter(carry, device, "pcmk_host_list")?;
    let split = list
        .split([' ', ',', ';', '\t'])
        .filter(|node| !node.is_empty());
    Some(split.map(str::to_string).collect())
}

/// `node:plug` of the host map; the first plug of several.
fn host_map(carry: &Carry<'_, '_>, device: Xml<'_>) -> Vec<(String, String)> {
    let map = parameter(carry, device, "pcmk_host_map").unwrap_or_default();
    map.split([';', ' ', '\t'])
        .filter_map(|pair| pair.split_once([':', '=']))
        .map(|(node, plugs)| {
            let plug = plugs.split(',').next().unwrap_or_default();
            (node.to_string(), plug.to_string())
        })
        .collect()
}

/// Devices of a node in the order in which they are tried.
pub(super) fn devices_of(carry: &Carry<'_, '_>, node: &str) -> Vec<String> {
    let levels = levels_of(carry, node);
    let known: Vec<&str> = devices(carry).into_iter().map(id).collect();
    if !levels.is_empty() {
        return levels
            .into_iter()
            .flatten()
            .filter(|device| known.contains(&device.as_str()))
            .map(|device| name(&device))
            .collect();
    }
    devices(carry)
        .into_iter()
        .filter(|device| {
            hosts(carry, *device).is_none_or(|hosts| hosts.iter().any(|host| host == node))
        })
        .map(|device| name(id(device)))
        .collect()
}

/// What `<fencing-topology>` says of a node, by level.
fn levels_of(carry: &Carry<'_, '_>, node: &str) -> Vec<Vec<String>> {
    let topology = carry.draft.source.section("fencing-topology");
    let mut levels: Vec<(i64, Vec<String>)> = topology
        .into_iter()
        .flat_map(elements)
        .filter(|level| level.attribute("target") == Some(node))
        .map(|level| {
            let index = level.attribute("index").and_then(values::integer);
            let devices = level.attribute("devices").unwrap_or_default();
            let devices = devices.split(',').map(str::trim).map(str::to_string);
            (index.unwrap_or(0), devices.collect())
        })
        .collect();
    levels.sort_by_key(|(index, _)| *index);
    levels.into_iter().map(|(_, devices)| devices).collect()
}

pub(super) fn write(carry: &mut Carry<'_, '_>) {
    for device in devices(carry) {
        one(carry, device);
    }
    let topology = carry.draft.source.section("fencing-topology");
    for level in topology.into_iter().flat_map(elements) {
        if level.attribute("target").is_none() {
            carry.leave(
                level,
                "a fencing level that names its nodes by an attribute or a pattern",
            );
        } else if level
            .attribute("devices")
            .is_some_and(|devices| devices.contains(','))
        {
            carry.leave(
                level,
                "devices that must all succeed: here one success is enough, in this order",
            );
        }
    }
}

fn one<'a>(carry: &mut Carry<'_, 'a>, device: Xml<'a>) {
    let device_name = id(device);
    carry
        .out
        .section(&format!("[fence.{}]", key(&name(device_name))));
    let agent = device.attribute("type").unwrap_or_default();
    match agent.contains('/') || agent.is_empty() {
        true => {
            let help = format!("{agent} is no fence agent; like \"fence_ipmilan\"");
            carry.out.open_key("agent", "\"\"", &help);
        }
        false => carry.out.text_key("agent", agent),
    }
    let Some(ix) = carry.draft.resources.get(device_name) else {
        return;
    };
    let mut parameters = carry.draft.own_parameters(*ix);
    let hosts = host_map(carry, device);
    let delay = parameters.remove("pcmk_delay_base");
    let action = parameters.remove("pcmk_reboot_action");
    for secret in SECRETS {
        if parameters.remove(*secret).is_some() {
            let text = format!(
                "{device_name}: its {secret}; put it into a file and name that with `password_file`"
            );
            carry.leave(device, text);
        }
    }
    let (special, options): (Vec<_>, Vec<_>) = parameters
        .into_iter()
        .partition(|(parameter, _)| parameter.starts_with("pcmk_"));
    if !options.is_empty() {
        carry.out.key("options", &table(&options));
    }
    let (hosts, strangers): (Vec<_>, Vec<_>) = hosts.into_iter().partition(|(node, _)| {
        let ix = carry.draft.nodes.get(node);
        ix.is_some_and(|ix| carry.members.contains(ix))
    });
    for (node, _) in strangers {
        let text = format!("{device_name}: it fences {node}, which is no node of the file");
        carry.leave(device, text);
    }
    if !hosts.is_empty() {
        let hosts: Vec<_> = hosts
            .into_iter()
            .map(|(node, plug)| (name(&node), plug))
            .collect();
        carry.out.key("hosts", &table(&hosts));
    }
    let is_off = carry.draft.options.get("fencing-action") == Some("off");
    if is_off || action.as_deref() == Some("off") {
        carry.out.text_key("action", "off");
    }
    if let Some(delay) = delay.as_deref().and_then(values::milliseconds) {
        carry.out.text_key("delay", &time(delay));
    }
    let known = ["pcmk_host_list", "pcmk_host_map", "pcmk_host_check"];
    for (parameter, _) in special
        .iter()
        .filter(|(name, _)| !known.contains(&name.as_str()))
    {
        carry.leave(device, format!("{device_name}: {parameter}"));
    }
}
