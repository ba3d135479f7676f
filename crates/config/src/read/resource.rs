//! `[[service.X.resource]]`: one of the kinds, its keys, its limits.

use std::time::Duration;

use ipnet::IpNet;
use model::spec::{
    AddressSpec, CommandSpec, FsckPolicy, Limits, MigrationCommands, MountSource, MountSpec,
    ResourceKind, ResourceSpec, RolePrograms,
};
use model::{NetworkName, ResourceName, ServiceName};

use super::answers::{self, Said};
use super::roles::Given;
use super::section::{Entry, Section};
use super::value::TimeBounds;
use super::{Addresses, Context, Placed, kinds, process, shared};
use crate::check::Named;
use crate::{Code, Problem};

/// The keys that say what a resource is, each with the keys that go with it.
pub(super) const KINDS: [(&str, &[&str]); 9] = [
    ("address", &["network", "duplicate_wait"]),
    ("process", process::KEYS),
    ("command", &[]),
    (
        "mount",
        &[
            "device",
            "bind",
            "nfs",
            "tmpfs",
            "filesystem",
            "options",
            "fsck",
        ],
    ),
    ("agent", &["options", "depth"]),
    ("systemd", &[]),
    ("route", kinds::ROUTE_KEYS),
    ("export", kinds::EXPORT_KEYS),
    ("volume_group", &[]),
];

/// Kinds and keys that later versions read.
pub(super) const LATER: &[&str] = &["volume", "check"];

/// Long enough to hear a defender on a local network, short enough not to be felt.
const DUPLICATE_WAIT_DEFAULT: Duration = Duration::from_millis(20);

/// Reads one resource, the `place`-th of its service. The place in the file is that of its
/// name, else of the key that says its kind.
pub(super) fn read(
    context: &mut Context<'_>,
    entry: &Entry<'_>,
    (service, place): (&ServiceName, usize),
) -> Option<Placed<ResourceSpec>> {
    let title = format!("resource {place} of service {service}");
    let mut section = entry.table(context, title.clone())?;
    let given = Given::read(context, &mut section);
    let said = Said::read(context, &mut section, &title);
    let read = read_one(context, section, (service, place), &title);
    if let Some(read) = &read {
        context.given.insert(read.value.name.clone(), given);
        answers::note(context, (service, &read.value.name), said);
    }
    read
}

/// What a resource is, written into the section of its service.
pub(super) fn report_misplaced(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    service: &ServiceName,
) {
    for (kind, _) in KINDS {
        let Some(entry) = section.has(kind).then(|| section.get(kind)).flatten() else {
            continue;
        };
        let what = format!("[service.{service}] has no key `{kind}`");
        let problem = Problem::new(Code::UnknownKey, what)
            .at(entry.key_at, "a key of a resource")
            .help(format!(
                "write `[[service.{service}.resource]]`, and it below that line"
            ));
        context.report(problem);
    }
}

fn read_one(
    context: &mut Context<'_>,
    mut section: Section<'_>,
    (service, place): (&ServiceName, usize),
    title: &str,
) -> Option<Placed<ResourceSpec>> {
    if let Some(used) = section.get("use") {
        return shared::read_use(context, section, (service, &used));
    }
    let limits = read_limits(context, &mut section, Limits::default());
    let given = section
        .get("name")
        .map(|entry| entry.name::<ResourceName>(context));
    let Some(kind_entry) = kind_entry(context, &mut section, title) else {
        section.finish(context, LATER);
        return None;
    };
    let name = match given {
        Some(name) => name?,
        None => Placed {
            value: ResourceName::new(format!("{}-{place}", kind_entry.key))
                .expect("a kind and a number make a name"),
            at: kind_entry.key_at.clone(),
        },
    };
    let path = format!("service/{service}/{}", name.value);
    let kind = read_kind(context, section, (&kind_entry, &path));
    Some(Placed {
        value: ResourceSpec {
            name: name.value,
            kind: kind?,
            limits,
        },
        at: name.at,
    })
}

/// Reads what a resource is: the rest of its section, once its name and limits are read.
/// `path` is where its place is kept.
pub(super) fn read_body(
    context: &mut Context<'_>,
    mut section: Section<'_>,
    (title, path): (&str, &str),
) -> Option<ResourceKind> {
    let Some(kind_entry) = kind_entry(context, &mut section, title) else {
        section.finish(context, LATER);
        return None;
    };
    read_kind(context, section, (&kind_entry, path))
}

fn read_kind(
    context: &mut Context<'_>,
    mut section: Section<'_>,
    (entry, path): (&Entry<'_>, &str),
) -> Option<ResourceKind> {
    context.places.put(path.to_string(), entry.value.span());
    let kind = match entry.key.as_str() {
        "address" => read_address(context, &mut section, entry),
        "process" => process::read(context, &mut section, entry),
        "command" => read_command(context, entry),
        "agent" => super::agent::read(context, &mut section, entry, path),
        "systemd" => kinds::read_systemd(context, entry),
        "route" => kinds::read_route(context, &mut section, entry),
        "export" => kinds::read_export(context, &mut section, entry),
        "volume_group" => kinds::read_group(context, entry),
        _ => read_mount(context, &mut section, entry, path),
    };
    finish(context, section, &entry.key);
    kind
}

/// The one key that says what the resource is.
fn kind_entry<'a>(
    context: &mut Context<'_>,
    section: &mut Section<'a>,
    title: &str,
) -> Option<Entry<'a>> {
    let mut found: Vec<Entry<'a>> = Vec::new();
    for (kind, _) in KINDS {
        found.extend(section.get(kind));
    }
    if LATER.iter().any(|key| section.has(key)) {
        // Reported as such; whatever else stands here goes with it.
        for (_, keys) in KINDS {
            for key in keys {
                section.get(key);
            }
        }
        return None;
    }
    match found.as_slice() {
        [] => {
            let problem = Problem::new(Code::NoKind, format!("{title} does not say what it is"))
                .at(section.at(), "what is it?")
                .help(
                    "add one of `address = ...`, `process = ...`, `command = ...`, `systemd = ...`, `agent = ...`, `mount = ...`",
                );
            context.report(problem);
        }
        [_] => return found.pop(),
        [first, second, ..] => {
            let (a, b) = (&first.key, &second.key);
            let problem = Problem::new(Code::TwoKinds, format!("{title} is two things at once"))
                .at(second.key_at.clone(), format!("this makes it a resource of kind {b}"))
                .at(first.key_at.clone(), format!("and this one of kind {a}"))
                .help(format!(
                    "give `{b}` its own `[[service.NAME.resource]]`; resources start in the order of the file"
                ));
            context.report(problem);
        }
    }
    for (_, keys) in KINDS {
        for key in keys {
            section.get(key);
        }
    }
    None
}

/// Reports the keys that nobody asked for; those of other kinds are told apart.
fn finish(context: &mut Context<'_>, mut section: Section<'_>, kind: &str) {
    let own = KINDS.iter().find(|(word, _)| *word == kind);
    let own = own.map_or(&[][..], |(_, keys)| keys);
    let mut seen: Vec<&str> = Vec::new();
    for (other, keys) in KINDS {
        for key in keys {
            if own.contains(key) || seen.contains(key) {
                continue;
            }
            if let Some(entry) = section.get(key) {
                seen.push(key);
                let problem = Problem::new(
                    Code::DoesNotBelong,
                    format!("`{key}` does not go with `{kind}`"),
                )
                .at(entry.key_at, format!("goes with {}", owners(key)))
                .help("remove it, or move it to the resource that it is meant for");
                context.report(problem);
            } else {
                section.forget(key);
            }
        }
        if other != kind {
            section.forget(other);
        }
    }
    if !section.has("use") {
        section.forget("use");
    }
    section.finish(context, LATER);
}

/// The kinds that a key goes with.
fn owners(key: &str) -> String {
    let kinds = KINDS.iter().filter(|(_, keys)| keys.contains(&key));
    let kinds: Vec<String> = kinds.map(|(kind, _)| format!("`{kind}`")).collect();
    kinds.join(" or ")
}

/// Reads the limits; those that are not given are as in `limits`.
pub(super) fn read_limits(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    mut limits: Limits,
) -> Limits {
    let fields = [
        ("start_limit", &mut limits.start),
        ("stop_limit", &mut limits.stop),
        ("status_limit", &mut limits.status),
        ("every", &mut limits.every),
    ];
    for (key, field) in fields {
        if let Some(entry) = section.get(key)
            && let Some(time) = entry.time(context, TimeBounds::POSITIVE)
        {
            *field = time;
        }
    }
    limits
}

fn read_address(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    entry: &Entry<'_>,
) -> Option<ResourceKind> {
    let mut duplicate_wait = DUPLICATE_WAIT_DEFAULT;
    if let Some(entry) = section.get("duplicate_wait") {
        let time = entry.time(context, TimeBounds::OR_ZERO);
        duplicate_wait = time.unwrap_or(duplicate_wait);
    }
    let given = section.get("network");
    let address = entry.address(context);
    let network = match given {
        Some(given) => {
            let network = given.name::<NetworkName>(context)?;
            let known = context.spec.networks.keys();
            if !context.spec.networks.contains_key(&network.value) {
                let known: Vec<String> = known.map(ToString::to_string).collect();
                let problem =
                    crate::check::unknown(Named::Network, &network.value, network.at, &known);
                context.report(problem);
            }
            network.value
        }
        None => network_of(context, address.as_ref()?)?,
    };
    Some(ResourceKind::Address(AddressSpec {
        address: address?.value,
        network,
        duplicate_wait,
    }))
}

/// The network of an address that does not say it: the one that contains it.
fn network_of(context: &mut Context<'_>, address: &Placed<IpNet>) -> Option<NetworkName> {
    let ip = address.value.addr();
    let mut networks: Vec<&NetworkName> = context
        .subnets
        .iter()
        .filter(|(_, subnets)| subnets.iter().any(|subnet| subnet.contains(&ip)))
        .map(|(network, _)| network)
        .collect();
    if networks.len() <= 1 {
        let found = networks.pop().cloned();
        if found.is_none() && context.addresses == Addresses::Complete {
            let known: Vec<String> = context
                .subnets
                .iter()
                .flat_map(|(name, subnets)| subnets.iter().map(move |s| format!("{name} {s}")))
                .collect();
            let problem = Problem::new(Code::AddressOutside, format!("{ip} is on no network"))
                .at(address.at.clone(), "no node has an address in this subnet")
                .help(match known.is_empty() {
                    true => "describe networks and nodes first".to_string(),
                    false => format!("use an address of {}", known.join(", ")),
                });
            context.report(problem);
        }
        return found;
    }
    let names: Vec<String> = networks.iter().map(ToString::to_string).collect();
    let problem = Problem::new(
        Code::NetworkUnclear,
        format!("{ip} may be on {}", names.join(" or ")),
    )
    .at(address.at.clone(), "several networks contain it")
    .help(format!("add `network = \"{}\"`", names[0]));
    context.report(problem);
    None
}

fn read_command(context: &mut Context<'_>, entry: &Entry<'_>) -> Option<ResourceKind> {
    let mut section = entry.table(context, "`command`".into())?;
    let mut argv = |key: &'static str| {
        let example = format!("{key} = [\"/path/of/program\", \"{key}\"]");
        section
            .require(context, key, &example)
            .then(|| section.get(key)?.argv(context))
            .flatten()
    };
    let (start, stop, status) = (argv("start"), argv("stop"), argv("status"));
    let migration = read_migration(context, &mut section);
    let has_roles = section.has("promote") || section.has("demote");
    let roles = has_roles.then(|| read_role_programs(context, &mut section));
    for key in ["promote", "demote"] {
        section.get(key);
    }
    let reload = section.get("reload");
    let reload = reload.map(|entry| entry.argv(context));
    section.finish(context, &[]);
    Some(ResourceKind::Command(CommandSpec {
        reload: reload.flatten(),
        start: start?,
        stop: stop?,
        status: status?,
        migration: migration?,
        roles: match roles {
            Some(roles) => Some(roles?),
            None => None,
        },
    }))
}

/// Both programs of a live move, or neither: one alone is of no use.
fn read_migration(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
) -> Option<Option<Box<MigrationCommands>>> {
    let keys = ["migrate_to", "migrate_from"];
    if !keys.iter().any(|key| section.has(key)) {
        return Some(None);
    }
    let mut argv = |key: &'static str| {
        let example = format!("{key} = [\"/path/of/program\", \"{key}\"]");
        section
            .require(context, key, &example)
            .then(|| section.get(key)?.argv(context))
            .flatten()
    };
    let (to, from) = (argv("migrate_to"), argv("migrate_from"));
    Some(Some(Box::new(MigrationCommands {
        to: to?,
        from: from?,
    })))
}

/// Whoever can be promoted can be demoted.
fn read_role_programs(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
) -> Option<RolePrograms> {
    let mut argv = |key: &'static str| {
        let example = format!("{key} = [\"/path/of/program\", \"{key}\"]");
        section
            .require(context, key, &example)
            .then(|| section.get(key)?.argv(context))
            .flatten()
    };
    let (promote, demote) = (argv("promote"), argv("demote"));
    Some(RolePrograms {
        promote: promote?,
        demote: demote?,
    })
}

fn read_mount(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    entry: &Entry<'_>,
    path: &str,
) -> Option<ResourceKind> {
    let target = entry.path(context);
    if let Some(target) = &target {
        context.places.put(path.to_string(), target.at.clone());
        if target.value == "/" {
            let problem = Problem::new(Code::BadPath, "nothing can be mounted on `/`")
                .at(target.at.clone(), "the root of the node")
                .help("choose a directory of its own, like \"/srv/web\"");
            context.report(problem);
        }
    }
    let mut options = Vec::new();
    if let Some(entry) = section.get("options") {
        for item in entry.items(context).unwrap_or_default() {
            options.extend(item.some_text(context).map(|text| text.value));
        }
    }
    let words = [
        ("never", FsckPolicy::Never),
        ("preen", FsckPolicy::Preen),
        ("force", FsckPolicy::Force),
    ];
    let fsck = section.get("fsck");
    let check = fsck.as_ref().and_then(|entry| entry.word(context, &words));
    let source = read_source(context, section, entry)?;
    let check = match (&source, check) {
        (MountSource::Device { .. }, check) => check.unwrap_or(FsckPolicy::Preen),
        (MountSource::Bind { .. } | MountSource::Nfs { .. } | MountSource::Tmpfs { .. }, _) => {
            FsckPolicy::Never
        }
    };
    Some(ResourceKind::Mount(MountSpec {
        source,
        target: target?.value,
        options,
        check,
    }))
}

/// Either `device` with `filesystem`, or one of `bind`, `nfs` and `tmpfs`.
fn read_source(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    mount: &Entry<'_>,
) -> Option<MountSource> {
    let sources = ["device", "bind", "nfs", "tmpfs"];
    let given: Vec<Entry<'_>> = sources.iter().filter_map(|key| section.get(key)).collect();
    let filesystem = section.get("filesystem");
    let source = match given.as_slice() {
        [] => {
            let problem = Problem::new(
                Code::MissingKey,
                "a mount needs `device`, `bind`, `nfs` or `tmpfs`",
            )
                .at(mount.key_at.clone(), "what is mounted here?")
                .help("add `device = \"/dev/...\"` and `filesystem = \"ext4\"`, or `bind = \"/directory\"`");
            context.report(problem);
            return None;
        }
        [only] => only,
        [first, second, ..] => {
            context.report(does_not_go(second, &first.key));
            return None;
        }
    };
    if source.key == "device" {
        let path = source.path(context);
        section.require(context, "filesystem", "filesystem = \"ext4\"");
        let filesystem = filesystem?.name::<ResourceName>(context)?;
        return Some(MountSource::Device {
            path: path?.value,
            filesystem: filesystem.value.to_string(),
        });
    }
    for other in [filesystem, section.get("fsck")].into_iter().flatten() {
        context.report(does_not_go(&other, &source.key));
    }
    match source.key.as_str() {
        "bind" => Some(MountSource::Bind {
            path: source.path(context)?.value,
        }),
        "nfs" => read_nfs(context, source),
        _ => Some(MountSource::Tmpfs {
            size: source.size(context)?,
        }),
    }
}

/// `nfs = "server:/path"`.
fn read_nfs(context: &mut Context<'_>, entry: &Entry<'_>) -> Option<MountSource> {
    let text = entry.some_text(context)?;
    let parts = text.value.rsplit_once(":/");
    let is_host = |c: char| c.is_ascii_alphanumeric() || ".-_:%".contains(c);
    if let Some((server, path)) = parts {
        let bare = server.strip_prefix('[').and_then(|s| s.strip_suffix(']'));
        let is_address = bare.is_some() || !server.contains(':');
        let server = bare.unwrap_or(server);
        if !server.is_empty() && is_address && server.chars().all(is_host) {
            return Some(MountSource::Nfs {
                server: server.to_owned(),
                path: format!("/{}", path.trim_end_matches('/')),
            });
        }
    }
    let message = format!("`{}` is no directory of an NFS server", text.value);
    let problem = Problem::new(Code::BadPath, message)
        .at(text.at, "a server, `:` and an absolute path")
        .help("write it like \"files.example.org:/export/web\" or \"[fd00::1]:/web\"");
    context.report(problem);
    None
}

fn does_not_go(entry: &Entry<'_>, with: &str) -> Problem {
    Problem::new(
        Code::DoesNotBelong,
        format!("`{}` does not go with `{with}`", entry.key),
    )
    .at(entry.key_at.clone(), "one of the two is too many")
    .help(format!("remove `{}` or `{with}`", entry.key))
}
