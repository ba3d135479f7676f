//! What differs between two descriptions of a cluster, for `plan`, `apply` and `diff`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use model::answers::ResourceAnswers;
use model::checks::{CheckBegin, CheckSpec};
use model::duration::format as time;
use model::networks::PingSpec;
use model::reload::ProcessReload;
use model::rules::{Copies, CopiesStart, FailureAnswer, ServiceRules, TicketLoss};
use model::spec::{
    Attachment, Autostart, ClusterSpec, Elsewhere, Failback, FenceAction, FenceDeviceSpec,
    FsckPolicy, MountSource, NetworkSpec, NodeSpec, ProcessLimits, ProcessSpec, Ready,
    ResourceKind, ResourceSpec, RouteSpec, ServiceSpec,
};
use model::{DeviceName, NetworkName, NodeName, ResourceName, ServiceName, Spec, TicketName};
use similar::TextDiff;

/// What a change is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The cluster as a whole.
    Cluster,
    /// A network.
    Network(NetworkName),
    /// A node.
    Node(NodeName),
    /// A fence device.
    Device(DeviceName),
    /// A service.
    Service(ServiceName),
}

/// What happens to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is no longer described.
    Removed,
    /// One of its values becomes another.
    Value {
        /// The key, with the resource before it if there is one (`address-2 address`).
        what: String,
        /// The old value, as text.
        from: String,
        /// The new value, as text.
        to: String,
    },
    /// A value that must not be shown becomes another.
    Secret {
        /// The key.
        what: String,
    },
    /// One of its resources is new.
    ResourceAdded(String),
    /// One of its resources is no longer described.
    ResourceRemoved(String),
}

/// One difference between two descriptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What it is about.
    pub subject: Subject,
    /// What happens to it.
    pub kind: ChangeKind,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster => f.write_str("cluster"),
            Self::Network(name) => write!(f, "network {name}"),
            Self::Node(name) => write!(f, "node {name}"),
            Self::Device(name) => write!(f, "fence device {name}"),
            Self::Service(name) => write!(f, "service {name}"),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.subject)?;
        match &self.kind {
            ChangeKind::Added => f.write_str("is new"),
            ChangeKind::Removed => f.write_str("is removed"),
            ChangeKind::Value { what, from, to } => {
                write!(f, "{what} changes from {from} to {to}")
            }
            ChangeKind::Secret { what } => write!(f, "{what} changes (not shown)"),
            ChangeKind::ResourceAdded(name) => write!(f, "resource {name} is new"),
            ChangeKind::ResourceRemoved(name) => write!(f, "resource {name} is removed"),
        }
    }
}

/// Each difference between `old` and `new`, in the order cluster, networks, nodes, fence
/// devices, services. Empty when both mean the same.
#[must_use]
pub fn spec_changes(old: &Spec, new: &Spec) -> Vec<Change> {
    let mut changes = Vec::new();
    let (before, after) = (cluster(&old.cluster), cluster(&new.cluster));
    compare(&mut changes, &Subject::Cluster, (&before, &after));
    sections(
        &mut changes,
        (&old.networks, &new.networks),
        Subject::Network,
        network,
    );
    sections(&mut changes, (&old.nodes, &new.nodes), Subject::Node, node);
    sections(
        &mut changes,
        (&old.fence_devices, &new.fence_devices),
        Subject::Device,
        device,
    );
    sections(
        &mut changes,
        (&old.services, &new.services),
        Subject::Service,
        service,
    );
    changes
}

/// The lines that differ between two texts, in unified form with three lines around; empty
/// when they are the same.
#[must_use]
pub fn text_diff(old: &str, new: &str) -> String {
    TextDiff::from_lines(old, new)
        .unified_diff()
        .context_radius(3)
        .header("old", "new")
        .to_string()
}

/// The values of one section as text: key, then value.
type Facts = BTreeMap<String, String>;

/// What an absent value is called.
const NOTHING: &str = "nothing";

fn sections<N: Ord + Clone, T>(
    changes: &mut Vec<Change>,
    (old, new): (&BTreeMap<N, T>, &BTreeMap<N, T>),
    subject: impl Fn(N) -> Subject,
    facts: impl Fn(&T) -> Facts,
) {
    let names: BTreeSet<&N> = old.keys().chain(new.keys()).collect();
    for name in names {
        let subject = subject(name.clone());
        match (old.get(name), new.get(name)) {
            (Some(old), Some(new)) => compare(changes, &subject, (&facts(old), &facts(new))),
            (Some(_), None) => changes.push(Change {
                subject,
                kind: ChangeKind::Removed,
            }),
            (None, _) => changes.push(Change {
                subject,
                kind: ChangeKind::Added,
            }),
        }
    }
}

/// Facts of a resource stand under `NAME/KEY`; its kind under `NAME/`.
fn compare(changes: &mut Vec<Change>, subject: &Subject, (old, new): (&Facts, &Facts)) {
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for key in keys {
        let (from, to) = (old.get(key), new.get(key));
        if from == to || (key == ORDER && same_order(from, to)) {
            continue;
        }
        let resource = key
            .split_once('/')
            .map(|(resource, _)| format!("{resource}/"));
        let kind = match (&resource, from, to) {
            (Some(resource), None, _) if key == resource => {
                ChangeKind::ResourceAdded(bare(resource))
            }
            (Some(resource), _, None) if key == resource => {
                ChangeKind::ResourceRemoved(bare(resource))
            }
            // The keys of a resource that comes or goes, or becomes another kind, say nothing new.
            (Some(resource), _, _) if key != resource && old.get(resource) != new.get(resource) => {
                continue;
            }
            _ if is_secret(key) => ChangeKind::Secret {
                what: key.replace('/', " "),
            },
            _ => ChangeKind::Value {
                what: key.replace('/', " ").trim_end().to_string(),
                from: from.map_or(NOTHING.into(), Clone::clone),
                to: to.map_or(NOTHING.into(), Clone::clone),
            },
        };
        changes.push(Change {
            subject: subject.clone(),
            kind,
        });
    }
}

/// The fact that lists the resources of a service.
const ORDER: &str = "order of resources";

/// Whether what is in both lists stands in the same order; what comes and goes is told
/// elsewhere.
fn same_order(from: Option<&String>, to: Option<&String>) -> bool {
    let (Some(from), Some(to)) = (from, to) else {
        return false;
    };
    let from: Vec<&str> = from.split(", ").collect();
    let to: Vec<&str> = to.split(", ").collect();
    let kept = from.iter().filter(|name| to.contains(name));
    kept.eq(to.iter().filter(|name| from.contains(name)))
}

fn bare(resource: &str) -> String {
    resource.trim_end_matches('/').to_string()
}

/// Options of fence devices and variables that hold passwords are not printed.
fn is_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    let word = ["passw", "secret", "token", "private"]
        .iter()
        .any(|word| key.contains(word));
    word && !key.ends_with("_file") && !key.ends_with("_script")
}

fn list(items: &[impl ToString]) -> String {
    match items {
        [] => NOTHING.to_string(),
        items => items
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    }
}

fn cluster(spec: &ClusterSpec) -> Facts {
    let mut facts = settings(spec);
    for each in &spec.rules.checks {
        let name = match &each.node {
            Some(node) => format!("{node}/{}", each.check.name),
            None => each.check.name.to_string(),
        };
        facts.insert(format!("check {name} sets"), each.sets.clone());
        facts.extend(check(&name, &each.check));
    }
    facts
}

fn settings(spec: &ClusterSpec) -> Facts {
    let timings = spec.timings;
    facts([
        ("name", spec.name.clone()),
        ("port", spec.port.to_string()),
        ("no_quorum", spec.no_quorum.word().into()),
        ("fences_per_hour", spec.fences_per_hour_max.to_string()),
        ("fence_race_delay", time(spec.fence_race_delay)),
        ("ping_targets", list(&spec.ping_targets)),
        ("placement", spec.rules.placement.word().into()),
        ("node_health", spec.rules.node_health.word().into()),
        ("heartbeat", time(timings.heartbeat)),
        ("suspect_after", time(timings.suspect_after)),
        ("lost_after", time(timings.lost_after)),
        ("daemon_down_grace", time(timings.daemon_down_grace)),
        ("lease", time(timings.lease)),
        ("start_grace", time(timings.start_grace)),
    ])
}

fn facts<const N: usize>(pairs: [(&str, String); N]) -> Facts {
    pairs
        .into_iter()
        .map(|(key, value)| (key.to_string(), value))
        .collect()
}

fn node(spec: &NodeSpec) -> Facts {
    let watchdog = spec.watchdog.as_ref();
    let mut facts = facts([
        ("fence", list(&spec.fence)),
        (
            "watchdog",
            watchdog.map_or(NOTHING.into(), |watchdog| watchdog.device.clone()),
        ),
        (
            "watchdog_timeout",
            watchdog.map_or(NOTHING.into(), |watchdog| time(watchdog.timeout)),
        ),
    ]);
    facts.extend(table("attribute", &spec.attributes));
    facts.extend(table("capacity", &spec.capacity));
    for (network, Attachment { address, cards }) in &spec.networks {
        facts.insert(format!("address on {network}"), address.to_string());
        facts.insert(format!("cards on {network}"), list(cards));
    }
    facts
}

fn network(spec: &NetworkSpec) -> Facts {
    let mut facts = facts([
        ("barred_for", time(spec.barred_for)),
        ("move_after", time(spec.move_after)),
        ("steady_after", time(spec.steady_after)),
    ]);
    facts.extend(ping(spec.ping.as_ref()));
    facts
}

fn ping(spec: Option<&PingSpec>) -> Facts {
    let of = |of: fn(&PingSpec) -> String| spec.map_or(NOTHING.into(), of);
    facts([
        ("ping targets", of(|ping| list(&ping.targets))),
        ("ping needed", of(|ping| ping.needed.to_string())),
        ("ping every", of(|ping| time(ping.every))),
        ("ping timeout", of(|ping| time(ping.timeout))),
    ])
}

fn device(spec: &FenceDeviceSpec) -> Facts {
    let action = match spec.action {
        FenceAction::Off => "off",
        FenceAction::Reboot => "reboot",
    };
    let mut facts = facts([
        ("agent", spec.agent.clone()),
        ("action", action.into()),
        ("delay", time(spec.delay)),
        ("retries", spec.retries.to_string()),
        ("limit", time(spec.limit)),
    ]);
    let options = spec
        .options
        .iter()
        .map(|(key, value)| (format!("option {key}"), value.clone()));
    let hosts = spec
        .hosts
        .iter()
        .map(|(node, host)| (format!("host of {node}"), host.clone()));
    facts.extend(options.chain(hosts));
    facts
}

fn service(spec: &ServiceSpec) -> Facts {
    let truth = |truth: bool| if truth { "true" } else { "false" }.to_string();
    let mut facts = facts([
        ("prefer", list(&spec.prefer)),
        ("only", truth(spec.elsewhere == Elsewhere::Never)),
        ("failback", truth(spec.failback == Failback::WhenPossible)),
        ("after", list(&spec.after)),
        ("autostart", truth(spec.autostart == Autostart::Yes)),
        ("priority", spec.priority.to_string()),
        ("stickiness", spec.stickiness.to_string()),
        (
            "survive",
            spec.survive
                .map_or("nothing", model::spec::Survive::word)
                .into(),
        ),
        ("restart times", spec.restart.times.to_string()),
        ("restart within", time(spec.restart.within)),
    ]);
    let names: Vec<_> = spec
        .resources
        .iter()
        .map(|resource| &resource.name)
        .collect();
    facts.insert(ORDER.into(), list(&names));
    facts.extend(rules(&spec.rules));
    for resource in &spec.resources {
        let own = spec.rules.answers.get(&resource.name).copied();
        let own = answers(own.unwrap_or_default());
        for (key, value) in self::resource(resource).into_iter().chain(own) {
            facts.insert(format!("{}/{key}", resource.name), value);
        }
    }
    facts
}

/// What a resource says of its failures.
fn answers(own: ResourceAnswers) -> Facts {
    let said = |said: Option<String>| said.unwrap_or("as its service".into());
    let word = |answer: Option<FailureAnswer>| said(answer.map(|it| it.word().into()));
    facts([
        ("on_failure start", word(own.start)),
        ("on_failure run", word(own.run)),
        ("on_failure stop", said(own.stop.map(|it| it.word().into()))),
        (
            "restart times",
            said(own.restart.map(|policy| policy.times.to_string())),
        ),
        (
            "restart within",
            said(own.restart.map(|policy| time(policy.within))),
        ),
    ])
}

/// What a check is, under its name.
fn check(name: &str, check: &CheckSpec) -> Facts {
    let kind = serde_json::to_string(&check.kind).expect("kinds are plain data");
    let restart = check.restart.map(|policy| {
        let within = time(policy.within);
        format!("{} within {within}", policy.times)
    });
    let watches = check.watches.as_ref().map(ToString::to_string);
    let begins = check.begins == CheckBegin::WithService;
    let facts = [
        ("is", kind),
        ("every", time(check.every)),
        ("timeout", time(check.timeout)),
        ("start_delay", time(check.start_delay)),
        ("fail_after", check.fail_after.to_string()),
        ("well_after", check.well_after.to_string()),
        ("begin", begins.to_string()),
        ("watches", watches.unwrap_or(NOTHING.into())),
        ("restart", restart.unwrap_or("as its service".into())),
        ("on_failure", list(&check.on_failure)),
        ("on_warning", list(&check.on_warning)),
        ("on_recovery", list(&check.on_recovery)),
    ];
    facts
        .into_iter()
        .map(|(key, value)| (format!("check {name} {key}"), value))
        .collect()
}

/// One fact for each key of a table.
fn table<T: ToString>(what: &str, table: &BTreeMap<String, T>) -> Facts {
    let facts = table.iter();
    facts
        .map(|(key, value)| (format!("{what} {key}"), value.to_string()))
        .collect()
}

fn rules(rules: &ServiceRules) -> Facts {
    let copies = |of: fn(&Copies) -> String| rules.copies.as_ref().map_or(NOTHING.into(), of);
    let mut facts = facts([
        ("copies", copies(|copies| copies.count.to_string())),
        (
            "copies_per_node",
            copies(|copies| copies.per_node.to_string()),
        ),
        ("together_with", list(&rules.together_with)),
        ("apart_from", list(&rules.apart_from)),
        ("after, only if both", list(&rules.after_if_both)),
        ("not_while_starting", list(&rules.not_while_starting)),
        ("avoid", list(&rules.avoid)),
        ("never_on", list(&rules.never_on)),
        ("where", list(&rules.where_rules)),
        ("exclusive", rules.exclusive.to_string()),
        (
            "needs_ticket",
            list(&rules.tickets.keys().collect::<Vec<_>>()),
        ),
        ("on_ticket_loss", on_ticket_loss(&rules.tickets)),
        (
            "bar_expires",
            rules.bar_expires.map_or("never".into(), time),
        ),
        ("found_twice", rules.found_twice.word().into()),
        ("on_failure start", rules.on_failure.start.word().into()),
        ("on_failure run", rules.on_failure.run.word().into()),
        ("on_failure stop", rules.on_failure.stop.word().into()),
    ]);
    facts.extend(table("uses", &rules.uses));
    let owner = rules.check_owner.clone();
    facts.insert("check_owner".into(), owner.unwrap_or(NOTHING.into()));
    for check in &rules.checks {
        facts.extend(self::check(&check.name.to_string(), check));
    }
    facts.extend(ping(rules.ping.as_ref()));
    if let Some(roles) = &rules.roles {
        let promoted = roles.promoted.to_string();
        facts.insert("promoted".into(), promoted);
        let names = |names: &BTreeSet<ResourceName>| list(&names.iter().collect::<Vec<_>>());
        facts.insert("promoted resources".into(), names(&roles.takers));
        facts.insert("when promoted".into(), names(&roles.while_promoted));
    }
    if !rules.notified.is_empty() {
        let names: Vec<_> = rules.notified.iter().collect();
        facts.insert("notify".into(), list(&names));
    }
    if !rules.after_promoted.is_empty() {
        let names: Vec<_> = rules.after_promoted.iter().collect();
        facts.insert("after, promoted".into(), list(&names));
    }
    if !rules.after_starts.is_empty() {
        let names: Vec<_> = rules.after_starts.iter().collect();
        facts.insert("after, starts only".into(), list(&names));
    }
    if !rules.after_all_copies.is_empty() {
        let names: Vec<_> = rules.after_all_copies.iter().collect();
        facts.insert("after, all copies".into(), list(&names));
    }
    if rules.starts_one_by_one() {
        let word = CopiesStart::OneByOne.word();
        facts.insert("copies_start".into(), word.into());
    }
    if !rules.after_one_of.is_empty() {
        let lists: Vec<_> = rules.after_one_of.iter().map(|one| list(one)).collect();
        facts.insert("after, one of".into(), lists.join("; "));
    }
    facts
}

/// One word where the loss of each ticket does the same.
fn on_ticket_loss(tickets: &BTreeMap<TicketName, TicketLoss>) -> String {
    let mut losses = tickets.values();
    let first = losses.next();
    if first.is_none_or(|first| losses.all(|other| other == first)) {
        return first.map_or(NOTHING, |loss| loss.word()).into();
    }
    let each = tickets.iter();
    let each = each.map(|(ticket, on_loss)| format!("{ticket} = {}", on_loss.word()));
    list(&each.collect::<Vec<_>>())
}

fn resource(spec: &ResourceSpec) -> Facts {
    let limits = spec.limits;
    let mut facts = facts([
        ("", spec.kind.word().into()),
        ("start_limit", time(limits.start)),
        ("stop_limit", time(limits.stop)),
        ("status_limit", time(limits.status)),
        ("every", time(limits.every)),
    ]);
    facts.extend(kind(&spec.kind));
    facts
}

fn kind(kind: &ResourceKind) -> Facts {
    match kind {
        ResourceKind::Address(spec) => facts([
            ("address", spec.address.to_string()),
            ("network", spec.network.to_string()),
            ("duplicate_wait", time(spec.duplicate_wait)),
        ]),
        ResourceKind::Process(spec) => process(spec),
        ResourceKind::Command(spec) => {
            let mut facts = facts([
                ("start", spec.start.join(" ")),
                ("stop", spec.stop.join(" ")),
                ("status", spec.status.join(" ")),
            ]);
            if let Some(reload) = &spec.reload {
                facts.insert("reload".into(), reload.join(" "));
            }
            if let Some(roles) = &spec.roles {
                facts.insert("promote".into(), roles.promote.join(" "));
                facts.insert("demote".into(), roles.demote.join(" "));
            }
            facts
        }
        ResourceKind::Agent(spec) => {
            let mut facts = facts([("agent", spec.agent.clone())]);
            let options = spec.options.iter();
            facts.extend(options.map(|(key, value)| (format!("option {key}"), value.clone())));
            let depths = spec.depth.iter();
            facts.extend(depths.map(|depth| (format!("depth {}", depth.level), time(depth.every))));
            facts
        }
        ResourceKind::Systemd(spec) => facts([("systemd", spec.unit.clone())]),
        ResourceKind::Route(spec) => route(spec),
        ResourceKind::Export(spec) => facts([
            ("export", spec.directory.clone()),
            ("clients", list(&spec.clients)),
            ("options", list(&spec.options)),
        ]),
        ResourceKind::VolumeGroup(spec) => facts([("volume_group", spec.name.clone())]),
        ResourceKind::Mount(spec) => {
            let source = match &spec.source {
                MountSource::Device { path, filesystem } => format!("{path} ({filesystem})"),
                MountSource::Bind { path } => format!("{path} (bind)"),
                MountSource::Nfs { server, path } => format!("{server}:{path} (nfs)"),
                MountSource::Tmpfs { size } => format!("{size} bytes of memory"),
            };
            let fsck = match spec.check {
                FsckPolicy::Never => "never",
                FsckPolicy::Preen => "preen",
                FsckPolicy::Force => "force",
            };
            facts([
                ("mount", spec.target.clone()),
                ("source", source),
                ("options", list(&spec.options)),
                ("fsck", fsck.into()),
            ])
        }
    }
}

fn route(spec: &RouteSpec) -> Facts {
    let mut facts = facts([
        ("route", spec.destination.to_string()),
        ("table", spec.table.to_string()),
        ("metric", spec.metric.to_string()),
    ]);
    let mut add = |key: &str, value: Option<String>| {
        facts.extend(value.map(|value| (key.to_string(), value)));
    };
    add("via", spec.via.map(|via| via.to_string()));
    add("network", spec.network.as_ref().map(ToString::to_string));
    add("source", spec.source.map(|source| source.to_string()));
    facts
}

fn process_limits(limits: &ProcessLimits) -> Facts {
    let all = [
        ("limit of open files", limits.open_files),
        ("limit of processes", limits.processes),
        ("limit of core files", limits.core),
        ("limit of locked memory", limits.locked_memory),
        ("limit of memory", limits.memory),
    ];
    let text = |number: u64| match number {
        ProcessLimits::UNLIMITED => "unlimited".to_string(),
        number => number.to_string(),
    };
    all.into_iter()
        .filter_map(|(key, number)| Some((key.to_string(), text(number?))))
        .collect()
}

fn process(spec: &ProcessSpec) -> Facts {
    let ready = match &spec.ready {
        Ready::Executed => "executed".to_string(),
        Ready::Port(port) => port.to_string(),
        Ready::Notify => "notify".to_string(),
        Ready::Http { address, path } => format!("http://{address}{path}"),
        Ready::File(path) => format!("file {path}"),
        Ready::Exit(argv) => argv.join(" "),
    };
    let mut facts = facts([
        ("process", spec.argv.join(" ")),
        ("user", spec.user.clone().unwrap_or_else(|| "root".into())),
        (
            "directory",
            spec.directory.clone().unwrap_or_else(|| "/".into()),
        ),
        ("ready", ready),
    ]);
    let variables = spec.environment.iter();
    facts.extend(variables.map(|(key, value)| (format!("variable {key}"), value.clone())));
    facts.extend(
        spec.group
            .iter()
            .map(|group| ("group".into(), group.clone())),
    );
    facts.extend(process_limits(&spec.limits));
    let signal = spec.stop_signal.map(|signal| signal.to_string());
    facts.extend(signal.map(|signal| ("stop_signal".into(), signal)));
    let reload = spec.reload.as_ref().map(|reload| match reload {
        ProcessReload::Signal(signal) => signal.to_string(),
        ProcessReload::Command(argv) => argv.join(" "),
    });
    facts.extend(reload.map(|reload| ("reload".into(), reload)));
    facts
}
