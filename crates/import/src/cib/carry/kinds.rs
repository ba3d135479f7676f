//! What a resource is made of in our file.

use std::collections::BTreeMap;

use planner::arrange::ResourceIx;

use super::super::attributes::Values;
use super::super::operation::{self, Operation};
use super::super::source::{Xml, id};
use super::super::{values, words};
use super::Carry;
use super::text::{list, quoted, table, time};

/// A resource of our file: keys and values in order.
pub(super) type Lines = Vec<(String, String)>;

/// What stands for a value that a person has to fill in: the help follows it.
pub(super) const OPEN: &str = "    # ";

/// Beyond this a level is a slip, and `depth` does not take it.
const DEPTH_MAX: u32 = 1000;

/// File systems with a block device that several machines may have mounted at one time.
const SHARED_FILESYSTEMS: [&str; 3] = ["gfs2", "lustre", "ocfs2"];

/// Why what these lines say can be in one place only.
pub(super) fn single_place(lines: &Lines) -> Option<&'static str> {
    let get = |key: &str| lines.iter().find(|(name, _)| name == key);
    if get("address").is_some() {
        return Some("an address can be on one node only");
    }
    let (_, filesystem) = get("filesystem")?;
    let is_shared = SHARED_FILESYSTEMS
        .iter()
        .any(|shared| quoted(shared) == *filesystem);
    (!is_shared).then_some("its file system can be mounted on one node only")
}

/// The keys of a resource, or why it has none; beside them what is lost of it.
pub(super) fn lines(
    carry: &Carry<'_, '_>,
    element: Xml<'_>,
) -> (Result<Lines, String>, Vec<String>) {
    let Some(&ix) = carry.draft.resources.get(id(element)) else {
        return (Err("it cannot be read".to_string()), Vec::new());
    };
    let definition = carry.draft.definition(ix);
    let mut parameters = carry.draft.own_parameters(ix);
    let mut lost = misplaced(&mut parameters);
    let lines = match definition {
        ["ocf", "heartbeat", "IPaddr2" | "IPaddr"] => address(&mut parameters),
        ["ocf", "heartbeat", "Filesystem"] => mount(&mut parameters),
        ["ocf", provider, kind] if ![provider, kind].iter().any(|part| is_no_name(part)) => {
            let mut lines = agent((provider, kind), &mut parameters, &mut lost);
            lines.extend(depth(carry, ix));
            Ok(lines)
        }
        ["lsb", _, script] if !is_no_name(script) => Ok(vec![(
            "agent".to_string(),
            quoted(&format!("lsb:{script}")),
        )]),
        ["lsb", _, script] => Ok(vec![("command".to_string(), script_command(script))]),
        ["systemd", _, unit] => Ok(vec![("systemd".to_string(), quoted(&full_name(unit)))]),
        [class, _, agent] => Err(format!("{class}:{agent} has no counterpart yet")),
    };
    if lines.is_ok() {
        let rest: Vec<String> = parameters.into_keys().collect();
        if !rest.is_empty() {
            lost.push(format!("parameters: {}", rest.join(", ")));
        }
    }
    let lines = lines.map(|mut lines| {
        lines.push(("name".to_string(), quoted(&super::text::name(id(element)))));
        lines.extend(limits(carry, ix));
        lines
    });
    (lines, lost)
}

/// Words about how a resource is treated that stand among the parameters of its agent, as in
/// files of Heartbeat: nobody hears them there, and the agent does not know them.
fn misplaced(parameters: &mut Values) -> Vec<String> {
    const TREATMENT: [&str; 7] = [
        "allow-migrate",
        "failure-timeout",
        "is-managed",
        "migration-threshold",
        "multiple-active",
        "resource-stickiness",
        "target-role",
    ];
    let (misplaced, rest): (Vec<_>, Vec<_>) = std::mem::take(parameters)
        .into_iter()
        .partition(|(name, _)| TREATMENT.contains(&words::meta_name(name).as_str()));
    parameters.extend(rest);
    let misplaced = misplaced.into_iter();
    misplaced
        .map(|(name, value)| {
            format!("{name}={value} among its parameters, where it counts for nothing")
        })
        .collect()
}

/// Whether it cannot be part of the name of an agent.
fn is_no_name(part: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !part.starts_with(|c: char| c.is_ascii_alphanumeric()) || !part.chars().all(is_allowed)
}

/// An agent of the same name, with its parameters but for secrets.
fn agent((provider, kind): (&str, &str), parameters: &mut Values, lost: &mut Vec<String>) -> Lines {
    let name = quoted(&format!("ocf:{provider}:{kind}"));
    let (secrets, options): (Vec<_>, Vec<_>) = std::mem::take(parameters)
        .into_iter()
        .partition(|(parameter, _)| is_secret(parameter));
    lost.extend(secrets.into_iter().map(|(secret, _)| {
        format!(
            "its {secret}: the file can be read by many; put it where the agent reads it itself"
        )
    }));
    let mut lines = vec![("agent".to_string(), name)];
    if !options.is_empty() {
        lines.push(("options".to_string(), table(&options)));
    }
    lines
}

fn is_secret(parameter: &str) -> bool {
    let parameter = parameter.to_ascii_lowercase();
    ["passw", "secret", "token"]
        .iter()
        .any(|part| parameter.contains(part))
}

/// Whether it is what an agent of the Open Cluster Framework operates, which may have roles, may
/// move live, and may hear of copies.
pub(super) fn is_ocf(lines: &Lines) -> bool {
    let is_ocf = |value: &str| value.starts_with("\"ocf:");
    lines
        .iter()
        .any(|(key, value)| key == "agent" && is_ocf(value))
}

fn address(parameters: &mut Values) -> Result<Lines, String> {
    let address = parameters.remove("ip").ok_or("it has no `ip`")?;
    let length = parameters.remove("cidr_netmask");
    let value = match length.as_deref().map(prefix_length) {
        Some(Some(length)) => quoted(&format!("{address}/{length}")),
        Some(None) | None => {
            format!(
                "{}{OPEN}the length of its prefix does not stand in the CIB; like \"10.0.0.100/24\"",
                quoted(&address)
            )
        }
    };
    Ok(vec![("address".to_string(), value)])
}

/// `24`, or `255.255.255.0`.
fn prefix_length(text: &str) -> Option<u32> {
    if let Ok(length) = text.parse::<u32>() {
        return Some(length).filter(|length| *length <= 128);
    }
    let mask: std::net::Ipv4Addr = text.parse().ok()?;
    let bits = mask.to_bits();
    (bits.leading_ones() + bits.trailing_zeros() == 32).then(|| bits.leading_ones())
}

fn mount(parameters: &mut Values) -> Result<Lines, String> {
    let directory = parameters
        .remove("directory")
        .ok_or("it has no `directory`")?;
    let directory = without_end(&directory);
    let device = parameters.remove("device").ok_or("it has no `device`")?;
    let filesystem = parameters.remove("fstype").unwrap_or_default();
    let options = parameters.remove("options").unwrap_or_default();
    let options: Vec<&str> = options
        .split(',')
        .filter(|option| !option.is_empty())
        .collect();
    let mut lines = vec![("mount".to_string(), quoted(directory))];
    let is_bind = options.contains(&"bind");
    if is_bind {
        lines.push(("bind".to_string(), quoted(without_end(&device))));
    } else if is_nfs(&filesystem, &device) {
        lines.push(("nfs".to_string(), quoted(&device)));
    } else {
        let path = device_path(&device).ok_or(format!(
            "its device {device} is no block device, image file or directory of an NFS server"
        ))?;
        if filesystem.is_empty() {
            return Err("it has no `fstype`".to_string());
        }
        lines.push(("device".to_string(), quoted(&path)));
        lines.push(("filesystem".to_string(), quoted(&filesystem)));
    }
    let mut rest: Vec<&str> = options
        .into_iter()
        .filter(|option| *option != "bind")
        .collect();
    // There the name of the file system says the version; ours is the same for all.
    let has_version = |option: &&str| option.starts_with("vers=") || option.starts_with("nfsvers=");
    if filesystem == "nfs4" && !rest.iter().any(has_version) {
        rest.push("vers=4");
    }
    if !rest.is_empty() {
        lines.push(("options".to_string(), list(&rest)));
    }
    if parameters
        .remove("run_fsck")
        .as_deref()
        .and_then(values::truth)
        == Some(false)
    {
        lines.push(("fsck".to_string(), quoted("never")));
    }
    Ok(lines)
}

/// `/srv/web/` is `/srv/web`.
fn without_end(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" => path,
        path => path,
    }
}

/// `server:/path`, also where the file system is not named.
fn is_nfs(filesystem: &str, device: &str) -> bool {
    let server = device.split_once(":/").map(|(server, _)| server);
    let is_server = server.is_some_and(|server| !server.is_empty() && !server.contains('/'));
    is_server && ["nfs", "nfs4", ""].contains(&filesystem)
}

/// `-U x`, `UUID=x`, `-L x`, `LABEL=x`, or a path.
fn device_path(device: &str) -> Option<String> {
    let by = |kind: &str, rest: &str| Some(format!("/dev/disk/by-{kind}/{}", rest.trim()));
    for (prefix, kind) in [
        ("UUID=", "uuid"),
        ("-U", "uuid"),
        ("LABEL=", "label"),
        ("-L", "label"),
    ] {
        if let Some(rest) = device.strip_prefix(prefix) {
            return by(kind, rest);
        }
    }
    // A share of another kind of server begins with two.
    let is_path = device.starts_with('/') && !device.starts_with("//");
    is_path.then(|| device.to_string())
}

/// A CIB may leave out that a unit is a service.
fn full_name(unit: &str) -> String {
    match unit.contains('.') {
        true => unit.to_string(),
        false => format!("{unit}.service"),
    }
}

/// An init script that is named by its path keeps to the same codes as a command of our file.
fn script_command(script: &str) -> String {
    let path = match script.starts_with('/') {
        true => script.to_string(),
        false => format!("/etc/init.d/{script}"),
    };
    let verb = |verb: &str| list(&[path.clone(), verb.to_string()]);
    format!(
        "{{ start = {}, stop = {}, status = {} }}",
        verb("start"),
        verb("stop"),
        verb("status")
    )
}

/// Times of the operations.
fn limits(carry: &Carry<'_, '_>, ix: ResourceIx) -> Lines {
    let mut lines = Lines::new();
    let mut add = |name: &str, milliseconds: Option<u64>| {
        if let Some(milliseconds) = milliseconds.filter(|span| (1..=86_400_000).contains(span)) {
            lines.push((name.to_string(), quoted(&time(milliseconds))));
        }
    };
    let mut ops: Vec<&Operation> = operations(carry, ix).collect();
    // The usual question before the deeper ones, which have a rhythm of their own.
    ops.sort_by_key(|op| op.level);
    let [class, provider, agent] = carry.draft.definition(ix);
    let find = |verb: &str| ops.iter().find(|op| op.name == verb);
    let timeout = |verb: &str| match find(verb) {
        Some(op) => op.timeout_ms,
        None => operation::default_timeout(carry.draft, (class, provider, agent), verb),
    };
    // One limit holds for both: an empty one is less than any.
    let longer = |one: &str, other: &str| match carry.draft.facts[ix.0].is_promotable {
        true => timeout(one).max(timeout(other)),
        false => timeout(one),
    };
    add("start_limit", longer("start", "promote"));
    add("stop_limit", longer("stop", "demote"));
    add("status_limit", timeout("monitor"));
    add("every", find("monitor").map(|op| op.interval_ms));
    lines
}

fn operations<'c>(carry: &'c Carry<'_, '_>, ix: ResourceIx) -> impl Iterator<Item = &'c Operation> {
    let operations = carry.draft.facts[ix.0].operations.iter();
    operations.filter(|operation| operation.enabled)
}

/// The deeper questions with their rhythm, each level once.
fn depth(carry: &Carry<'_, '_>, ix: ResourceIx) -> Lines {
    let mut depth = BTreeMap::new();
    for op in operations(carry, ix).filter(|op| op.name == "monitor") {
        let is_deeper = (1..=DEPTH_MAX).contains(&op.level);
        if is_deeper && (1..=86_400_000).contains(&op.interval_ms) {
            depth.entry(op.level).or_insert(op.interval_ms);
        }
    }
    if depth.is_empty() {
        return Lines::new();
    }
    let depth = depth.into_iter();
    let depth: Vec<String> = depth
        .map(|(level, every)| format!("{level} = {}", quoted(&time(every))))
        .collect();
    vec![("depth".to_string(), format!("{{ {} }}", depth.join(", ")))]
}
