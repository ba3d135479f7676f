//! From the replicated picture to what people and scripts are shown.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use model::operation::Verb;
use model::seen::{
    Bar, Claim, Failure, FenceSeen, FenceStanding, Maintenance, NodeSeen, NodeState, Phase,
    ResourceFailure, ResourceState, ServiceSeen, Standby, TicketSeen, Wish,
};
use model::spec::{Autostart, ServiceSpec};
use model::{DeviceName, Epoch, NodeName, Reason, Seen, ServiceName, Spec, TicketName};

use crate::ServiceState::Stopped;
use crate::networks;
use crate::{
    BarView, CheckView, FenceView, LinkStatus, NodeStatus, ResourceStatus, ServiceState,
    ServiceStatus, Status, TicketView, warn,
};

/// What a status needs beyond the replicated picture: what only the answering node knows.
#[derive(Debug, Clone)]
pub struct StatusExtra {
    /// The node that answers.
    pub me: NodeName,
    /// Whether it is in contact with a quorum.
    pub quorate: bool,
    /// Who leads, as far as it knows.
    pub leader: Option<NodeName>,
    /// The view that it is in.
    pub epoch: Epoch,
    /// Version of the live spec.
    pub spec_version: u64,
    /// The log index that `Seen` includes.
    pub index: u64,
    /// How long ago it heard from the leader; zero on the leader.
    pub age: Duration,
    /// Links of each node, as far as it knows them.
    pub links: BTreeMap<NodeName, Vec<LinkStatus>>,
    /// Version of each node's daemon, as far as it knows them.
    pub versions: BTreeMap<NodeName, String>,
    /// What services wait for, by the latest plan.
    pub waits: BTreeMap<ServiceName, Reason>,
    /// The checks of services that it asks itself.
    pub checks: BTreeMap<ServiceName, Vec<CheckView>>,
    /// Its own checks.
    pub node_checks: Vec<CheckView>,
    /// Warnings of its own (a clock that jumps, a full disk), beside those that follow
    /// from the picture.
    pub warnings: Vec<String>,
}

impl StatusExtra {
    /// Nothing known but the name.
    #[must_use]
    pub fn new(me: NodeName) -> Self {
        Self {
            me,
            quorate: false,
            leader: None,
            epoch: Epoch(0),
            spec_version: 0,
            index: 0,
            age: Duration::ZERO,
            links: BTreeMap::new(),
            versions: BTreeMap::new(),
            waits: BTreeMap::new(),
            checks: BTreeMap::new(),
            node_checks: Vec::new(),
            warnings: Vec::new(),
        }
    }
}

impl Status {
    /// The picture `seen` under `spec`, as the node `extra.me` shows it.
    #[must_use]
    pub fn from_seen(spec: &Spec, seen: &Seen, extra: StatusExtra) -> Self {
        let mut status = Self {
            cluster: spec.cluster.name.clone(),
            quorate: extra.quorate,
            leader: extra.leader.as_ref().map(ToString::to_string),
            epoch: extra.epoch.0,
            nodes: nodes(spec, seen, &extra),
            services: services(spec, seen, &extra),
            volumes: Vec::new(),
            fencing: seen.fences.iter().map(fence).collect(),
            maintenance: seen.maintenance == Maintenance::On,
            tickets: seen.tickets.iter().map(ticket).collect(),
            feature_level: 0,
            spec_version: extra.spec_version,
            index: extra.index,
            seen_by: extra.me.to_string(),
            age_ms: u64::try_from(extra.age.as_millis()).unwrap_or(u64::MAX),
            alarms: warn::alarms(spec, seen),
            warnings: Vec::new(),
        };
        status.warnings = warn::warnings(spec, seen, &status);
        status.warnings.extend(extra.warnings);
        status
    }
}

fn nodes(spec: &Spec, seen: &Seen, extra: &StatusExtra) -> Vec<NodeStatus> {
    let one = |(name, node): (&NodeName, &NodeSeen)| NodeStatus {
        name: name.to_string(),
        state: node.state.word().to_string(),
        since: node.since.into(),
        because: node_because(seen, name, node),
        standby: node.standby != Standby::Off,
        maintenance: node.maintenance == Maintenance::On,
        attributes: node.all_attributes(spec.nodes.get(name)),
        fenced_last: node.fenced_at.last().map(|fenced| fenced.at.into()),
        boot: node.state.boot().map(|boot| boot.to_string()),
        version: extra.versions.get(name).cloned(),
        links: extra.links.get(name).cloned().unwrap_or_default(),
        checks: match *name == extra.me {
            true => extra.node_checks.clone(),
            false => Vec::new(),
        },
        networks: networks::networks(spec, &node.networks),
        pings: networks::pings(&node.networks),
    };
    seen.nodes.iter().map(one).collect()
}

fn node_because(seen: &Seen, name: &NodeName, node: &NodeSeen) -> Option<String> {
    match (&node.state, &node.standby) {
        (NodeState::Lost { because, .. }, _) => Some(because.to_string()),
        (NodeState::Starting { .. }, _) => {
            Some(Reason::WaitsForProbe { node: name.clone() }.to_string())
        }
        (NodeState::DaemonDown { .. }, _) => Some(format!(
            "its daemon is closed; {} left alone",
            services_on(seen, name)
        )),
        (NodeState::Leaving { .. }, _) => Some("its services move away".to_string()),
        (NodeState::Online { .. } | NodeState::Down, Standby::On { by }) => {
            Some(format!("set aside by {by}"))
        }
        (NodeState::Online { .. } | NodeState::Down, Standby::Off) => None,
    }
}

fn services_on(seen: &Seen, node: &NodeName) -> String {
    let holds = |service: &&ServiceSeen| service.claim.as_ref().is_some_and(|c| c.node == *node);
    match seen.services.values().filter(holds).count() {
        0 => "it runs nothing that is".to_string(),
        1 => "its service is".to_string(),
        n => format!("its {n} services are"),
    }
}

fn services(spec: &Spec, seen: &Seen, extra: &StatusExtra) -> Vec<ServiceStatus> {
    // A service that nobody has reported on yet is in the spec only.
    let unseen = ServiceSeen::default();
    let described = spec.running_names().map(|(name, _)| name);
    let seen_ones = seen.services.keys().map(Cow::Borrowed);
    let mut names: Vec<Cow<'_, ServiceName>> = described.chain(seen_ones).collect();
    // Copies in the order of their numbers.
    names.sort_by(|a, b| (a.service_str(), a.copy()).cmp(&(b.service_str(), b.copy())));
    names.dedup();
    names
        .iter()
        .map(|name| {
            let service = seen.services.get(&**name).unwrap_or(&unseen);
            one_service(name, spec.service_of(name), service, (seen, extra))
        })
        .collect()
}

fn one_service(
    name: &ServiceName,
    spec: Option<&ServiceSpec>,
    service: &ServiceSeen,
    (seen, extra): (&Seen, &StatusExtra),
) -> ServiceStatus {
    let (state, reason) = match &service.claim {
        Some(claim) => match extra.waits.get(name) {
            Some(turn @ (Reason::RestartsAfter { .. } | Reason::KeptFromChange { .. }))
                if claim.phase == Phase::Running =>
            {
                (ServiceState::Running, turn.to_string())
            }
            Some(_) | None => with_claim(claim, (spec, service), seen),
        },
        None => without_claim(spec, service, extra.waits.get(name)),
    };
    ServiceStatus {
        name: name.to_string(),
        copy_of: name.copy().map(|_| name.service_str().to_string()),
        state,
        node: service.claim.as_ref().map(|claim| claim.node.to_string()),
        since: match &service.claim {
            Some(claim) => claim.since.into(),
            None => service.since.into(),
        },
        role: role(spec, service.claim.as_ref()),
        resources: resources(spec, service.claim.as_ref()),
        reason,
        wish: match service.wish {
            Wish::Spec => "spec",
            Wish::Run { .. } => "run",
            Wish::Stop { .. } => "stop",
        }
        .to_string(),
        frozen: service.frozen == Maintenance::On,
        barred: service
            .barred
            .iter()
            .map(|(node, bar)| bar_of(service, node, bar))
            .collect(),
        failures: service.failures.len(),
        checks: checks(name, spec, service, extra),
    }
}

fn bar_of(service: &ServiceSeen, node: &NodeName, bar: &Bar) -> BarView {
    let led_to_it = |past: &&Failure| {
        past.node == *node
            && matches!(&bar.because, Reason::FailedTooOften { resource, .. }
                if past.failure.resource == *resource)
    };
    let last = service.failures.iter().rev().find(led_to_it);
    BarView {
        node: node.to_string(),
        since: bar.at.into(),
        because: bar.because.to_string(),
        last: last.map(|past| failed(&past.failure)),
    }
}

/// What the log knows, and what this node knows better where it asks them itself.
fn checks(
    name: &ServiceName,
    spec: Option<&ServiceSpec>,
    service: &ServiceSeen,
    extra: &StatusExtra,
) -> Vec<CheckView> {
    let Some(spec) = spec else {
        return Vec::new();
    };
    let own = extra.checks.get(name).map_or(&[][..], Vec::as_slice);
    let mut views = crate::checks::of_service(spec, service);
    for view in &mut views {
        if let Some(own) = own.iter().find(|own| own.name == view.name) {
            let changed = view.changed;
            *view = CheckView {
                changed,
                ..own.clone()
            };
        }
    }
    views
}

fn with_claim(
    claim: &Claim,
    (spec, service): (Option<&ServiceSpec>, &ServiceSeen),
    seen: &Seen,
) -> (ServiceState, String) {
    let node = &claim.node;
    let state = seen.nodes.get(node).map(|node| &node.state);
    if let Some(NodeState::Lost { .. }) = state {
        let reason = Reason::WaitsForFence { node: node.clone() };
        return (ServiceState::Unknown, format!("{node} is lost: {reason}"));
    }
    if let Some(NodeState::DaemonDown { .. }) = state {
        let reason = Reason::WaitsForDaemon { node: node.clone() };
        return (phase_state(&claim.phase), reason.to_string());
    }
    let reason = match &claim.phase {
        Phase::Failed(failure) => failed(failure),
        Phase::StopFailed(failure) => format!("{}; {node} must be fenced", failed(failure)),
        Phase::Running => {
            left_out(claim, spec, service).unwrap_or_else(|| why_it_runs(&claim.because))
        }
        Phase::Starting => why_it_runs(&claim.because),
        Phase::Stopping => claim.because.to_string(),
    };
    (phase_state(&claim.phase), reason)
}

/// "...and runs nowhere" was true when it was decided.
fn why_it_runs(because: &Reason) -> String {
    match because {
        Reason::ShouldRun => "it should run".to_string(),
        decided => decided.to_string(),
    }
}

/// Of a service that runs on without what has failed: what that is, and who says so.
fn left_out(claim: &Claim, spec: Option<&ServiceSpec>, service: &ServiceSeen) -> Option<String> {
    let failed_now =
        |past: &&Failure| past.node == claim.node && claim.shows_failed(&past.failure.resource);
    let last = service.failures.iter().rev().find(failed_now)?;
    let resource = &last.failure.resource;
    let own = spec.and_then(|spec| spec.rules.answers.get(resource));
    let said = own.and_then(|own| match last.failure.verb {
        Some(Verb::Start) => own.start,
        Some(_) | None => own.run,
    });
    let whose = match said {
        Some(_) => resource.as_str(),
        None => "the service",
    };
    let what = failed(&last.failure);
    Some(format!(
        "{what}; all else runs on, as `on_failure` of {whose} says"
    ))
}

fn phase_state(phase: &Phase) -> ServiceState {
    match phase {
        Phase::Starting => ServiceState::Starting,
        Phase::Running => ServiceState::Running,
        Phase::Failed(_) => ServiceState::Failed,
        Phase::Stopping => ServiceState::Stopping,
        Phase::StopFailed(_) => ServiceState::StopFailed,
    }
}

fn failed(failure: &ResourceFailure) -> String {
    let ResourceFailure { resource, how, .. } = failure;
    match failure.verb {
        Some(verb) => format!("{resource} failed in {verb}: {how}"),
        None => format!("{resource} failed: {how}"),
    }
}

fn without_claim(
    spec: Option<&ServiceSpec>,
    service: &ServiceSeen,
    wait: Option<&Reason>,
) -> (ServiceState, String) {
    let stopped = |why: String| (ServiceState::Stopped, why);
    match (spec, &service.wish) {
        (None, _) => return stopped("no longer in the configuration".to_string()),
        (_, Wish::Stop { by }) => return stopped(format!("stopped by {by}")),
        (Some(spec), Wish::Spec) if spec.autostart == Autostart::No => {
            return stopped("starts only when asked".to_string());
        }
        (Some(_), Wish::Spec | Wish::Run { .. }) => {}
    }
    match wait {
        Some(reason) => (waiting_state(reason), reason.to_string()),
        None => (ServiceState::Waiting, Reason::ShouldRun.to_string()),
    }
}

/// Whether what a service waits for comes by itself, or needs a person.
fn waiting_state(reason: &Reason) -> ServiceState {
    match reason {
        Reason::Disabled | Reason::EveryNodeHasOne | Reason::NeedsTicket { .. } => Stopped,
        Reason::NoNode { .. }
        | Reason::NoRoom { .. }
        | Reason::HeldAfterFailure { .. }
        | Reason::NodeMaintenance { .. }
        | Reason::NoFenceDevice { .. }
        | Reason::NoTrustedDevice { .. }
        | Reason::FencedTooOften { .. }
        | Reason::Frozen
        | Reason::Maintenance
        | Reason::FailedTooOften { .. }
        | Reason::HeldTwice { .. }
        | Reason::StopFailed { .. } => ServiceState::Blocked,
        _comes_by_itself => ServiceState::Waiting,
    }
}

/// Of what runs, where there are roles, or what is promoted still.
fn role(spec: Option<&ServiceSpec>, claim: Option<&Claim>) -> Option<String> {
    let claim = claim?;
    let has_roles = spec.is_some_and(|spec| spec.rules.roles.is_some());
    let word = claim.role.word().to_string();
    (has_roles || claim.role.may_be_promoted()).then_some(word)
}

fn resources(spec: Option<&ServiceSpec>, claim: Option<&Claim>) -> Vec<ResourceStatus> {
    let kind = |name: &model::ResourceName| {
        spec.and_then(|spec| spec.resources.iter().find(|r| r.name == *name))
            .map_or("", |resource| resource.kind.word())
    };
    let one = |name: &model::ResourceName, state: ResourceState| ResourceStatus {
        id: name.to_string(),
        kind: kind(name).to_string(),
        state: state.word().to_string(),
    };
    // What runs only where the service is promoted is no part of an ordinary copy.
    let is_part = |name: &model::ResourceName, state: ResourceState| {
        let led = claim.is_some_and(|claim| claim.role.is_wished());
        let roles = spec.and_then(|spec| spec.rules.roles.as_ref());
        let is_apart = roles.is_some_and(|roles| roles.while_promoted.contains(name));
        led || !is_apart || state != ResourceState::Stopped
    };
    match claim {
        Some(claim) if !claim.resources.is_empty() => claim
            .resources
            .iter()
            .filter(|(name, state)| is_part(name, *state))
            .map(|(name, state)| one(name, *state))
            .collect(),
        Some(_) | None => spec
            .map(|spec| spec.resources.iter())
            .into_iter()
            .flatten()
            .filter(|resource| is_part(&resource.name, ResourceState::Stopped))
            .map(|resource| one(&resource.name, ResourceState::Stopped))
            .collect(),
    }
}

fn ticket((name, ticket): (&TicketName, &TicketSeen)) -> TicketView {
    TicketView {
        name: name.to_string(),
        state: ticket.standing.word().to_string(),
        since: ticket.since.into(),
        by: ticket.by.to_string(),
    }
}

fn fence((target, fence): (&NodeName, &FenceSeen)) -> FenceView {
    let (state, trouble) = match &fence.standing {
        FenceStanding::Asked => ("under-way", None),
        FenceStanding::Failed { device, how, .. } => {
            let by = device.as_ref().map_or("no device", DeviceName::as_str);
            ("failing", Some(format!("{by}: {how}")))
        }
    };
    FenceView {
        id: fence.id.0,
        target: target.to_string(),
        executor: fence.executor.to_string(),
        state: state.to_string(),
        since: fence.at.into(),
        failed: fence.failed,
        because: fence.because.to_string(),
        trouble,
    }
}
