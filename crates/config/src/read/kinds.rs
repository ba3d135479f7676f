//! Units of systemd, routes, exports and volume groups.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use model::NetworkName;
use model::spec::{ExportSpec, MAIN_TABLE, ResourceKind, RouteSpec, SystemdSpec, VolumeGroupSpec};

use super::section::{Entry, Section};
use super::{Context, Placed};
use crate::check::Named;
use crate::{Code, Problem};

/// What a unit can be; the others come and go by themselves.
const UNIT_ENDS: [&str; 8] = [
    "service",
    "socket",
    "target",
    "timer",
    "path",
    "mount",
    "automount",
    "swap",
];
/// As systemd has it.
const UNIT_NAME_MAX: usize = 255;
/// As LVM has it.
const GROUP_NAME_MAX: usize = 127;

/// `systemd = "lighttpd.service"`.
pub(super) fn read_systemd(context: &mut Context<'_>, entry: &Entry<'_>) -> Option<ResourceKind> {
    let text = entry.some_text(context)?;
    let unit = &text.value;
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
    let (stem, end) = unit.rsplit_once('.').unwrap_or((unit, ""));
    let (label, help) = if unit.contains('/') {
        let name = unit.rsplit('/').next().unwrap_or_default();
        (
            "a path, not a name",
            format!("write the name of the unit: \"{name}\""),
        )
    } else if !unit.chars().all(is_allowed) || UNIT_NAME_MAX < unit.len() || stem.is_empty() {
        (
            "no unit can be called like that",
            "write its name as `systemctl` shows it".to_owned(),
        )
    } else if !UNIT_ENDS.contains(&end) {
        ("its kind is missing", format!("write \"{unit}.service\""))
    } else if stem.ends_with('@') {
        (
            "a template, not a unit",
            format!("name the instance: \"{stem}NAME.{end}\""),
        )
    } else {
        let unit = text.value;
        return Some(ResourceKind::Systemd(SystemdSpec { unit }));
    };
    let problem = Problem::new(Code::BadName, format!("`{unit}` is no unit of systemd"))
        .at(text.at, label)
        .help(help);
    context.report(problem);
    None
}

/// The keys that go with `route`.
pub(super) const ROUTE_KEYS: &[&str] = &["via", "network", "table", "metric", "source"];

/// `route = "10.9.0.0/16"` or `route = "default"`.
pub(super) fn read_route(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    entry: &Entry<'_>,
) -> Option<ResourceKind> {
    let via = section.get("via").map(|entry| read_ip(context, &entry));
    let source = section.get("source").map(|entry| read_ip(context, &entry));
    let network = section
        .get("network")
        .map(|entry| read_network(context, &entry));
    let mut number = |key: &'static str, low: i64| {
        let number = section.get(key)?.number(context, low..=i64::from(u32::MAX));
        number.and_then(|number| u32::try_from(number).ok())
    };
    let (table, metric) = (number("table", 1), number("metric", 0));
    let (via, source, network) = (all(via)?, all(source)?, all(network)?);
    if via.is_none() && network.is_none() {
        let problem = Problem::new(Code::MissingKey, "a route needs `via` or `network`")
            .at(entry.key_at.clone(), "which way does it go?")
            .help("add `via = \"10.0.0.1\"`, or `network = \"lan\"` for what is reached directly");
        context.report(problem);
        return None;
    }
    let destination = read_destination(context, entry, via.as_ref().or(source.as_ref()))?;
    let is_v4 = |ip: IpAddr| ip.is_ipv4() == destination.addr().is_ipv4();
    for ip in [&via, &source].into_iter().flatten() {
        if !is_v4(ip.value) {
            let message = format!("{} and {destination} are of two families", ip.value);
            let problem = Problem::new(Code::BadAddress, message)
                .at(ip.at.clone(), "IPv4 and IPv6 do not mix on one route")
                .help("make two routes of it");
            context.report(problem);
            return None;
        }
    }
    Some(ResourceKind::Route(RouteSpec {
        destination,
        via: via.map(|via| via.value),
        network,
        table: table.unwrap_or(MAIN_TABLE),
        metric: metric.unwrap_or(0),
        source: source.map(|source| source.value),
    }))
}

/// What was given and read, or was not given at all; nothing when it was wrong.
fn all<T>(given: Option<Option<T>>) -> Option<Option<T>> {
    match given {
        None => Some(None),
        Some(read) => read.map(Some),
    }
}

fn read_ip(context: &mut Context<'_>, entry: &Entry<'_>) -> Option<Placed<IpAddr>> {
    let text = entry.some_text(context)?;
    if let Ok(ip) = text.value.parse() {
        return Some(entry.placed(ip));
    }
    let problem = Problem::new(Code::BadAddress, format!("`{}` is no address", text.value))
        .at(text.at, "an address without prefix is needed")
        .help("write it like \"10.0.0.1\" or \"fd00::1\"");
    context.report(problem);
    None
}

fn read_network(context: &mut Context<'_>, entry: &Entry<'_>) -> Option<NetworkName> {
    let network = entry.name::<NetworkName>(context)?;
    if !context.spec.networks.contains_key(&network.value) {
        let known: Vec<String> = context
            .spec
            .networks
            .keys()
            .map(ToString::to_string)
            .collect();
        let problem = crate::check::unknown(Named::Network, &network.value, network.at, &known);
        context.report(problem);
    }
    Some(network.value)
}

/// A prefix, or `default`: of the family of the router.
fn read_destination(
    context: &mut Context<'_>,
    entry: &Entry<'_>,
    family: Option<&Placed<IpAddr>>,
) -> Option<IpNet> {
    let text = entry.some_text(context)?;
    if text.value == "default" {
        return Some(match family.map(|ip| ip.value) {
            Some(IpAddr::V6(_)) => IpNet::V6(Ipv6Net::default()),
            Some(IpAddr::V4(_)) | None => IpNet::V4(Ipv4Net::default()),
        });
    }
    let destination = entry.address(context)?.value;
    if destination.trunc() == destination {
        return Some(destination);
    }
    let problem = Problem::new(Code::BadAddress, format!("{destination} is no network"))
        .at(text.at, "bits behind its prefix are set")
        .help(format!("write \"{}\"", destination.trunc()));
    context.report(problem);
    None
}

/// The keys that go with `export`.
pub(super) const EXPORT_KEYS: &[&str] = &["clients", "options"];

/// `export = "/srv/share"`.
pub(super) fn read_export(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    entry: &Entry<'_>,
) -> Option<ResourceKind> {
    let directory = entry.path(context);
    section.require(context, "clients", "clients = [\"10.0.0.0/24\"]");
    let mut words = |key: &'static str| {
        let entry = section.get(key)?;
        let items = entry.items(context)?;
        if items.is_empty() {
            let problem = Problem::new(Code::Empty, format!("`{key}` is empty"))
                .at(entry.value.span(), "nothing here")
                .help("write at least one, or remove the line");
            context.report(problem);
            return None;
        }
        let words = items.iter().map(|item| read_word(context, item));
        words.collect::<Option<Vec<String>>>()
    };
    let (clients, options) = (words("clients"), words("options"));
    Some(ResourceKind::Export(ExportSpec {
        directory: directory?.value,
        clients: clients?,
        options: options.unwrap_or_default(),
    }))
}

/// What `exportfs` would take apart or take for an option is no word.
fn read_word(context: &mut Context<'_>, entry: &Entry<'_>) -> Option<String> {
    let text = entry.some_text(context)?;
    let is_odd = |c: char| c.is_whitespace() || "(),\"".contains(c);
    if !text.value.contains(is_odd) && !text.value.starts_with('-') {
        return Some(text.value);
    }
    let message = format!("`{}` cannot stand in an export", text.value);
    let problem = Problem::new(Code::BadName, message)
        .at(text.at, "spaces, commas, brackets, or `-` in front")
        .help("write each client and each option as a text of its own");
    context.report(problem);
    None
}

/// `volume_group = "vg0"`.
pub(super) fn read_group(context: &mut Context<'_>, entry: &Entry<'_>) -> Option<ResourceKind> {
    let text = entry.some_text(context)?;
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "+_.-".contains(c);
    let name = text.value;
    let is_name = name.chars().all(is_allowed)
        && !name.starts_with('-')
        && name != "."
        && name != ".."
        && name.len() <= GROUP_NAME_MAX;
    if is_name {
        return Some(ResourceKind::VolumeGroup(VolumeGroupSpec { name }));
    }
    let problem = Problem::new(Code::BadName, format!("`{name}` is no volume group"))
        .at(text.at, "letters, digits and `+_.-`, no `-` in front")
        .help("write the name as `vgs` shows it");
    context.report(problem);
    None
}
