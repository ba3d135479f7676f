//! From the node's state to what the socket answers.

use std::collections::BTreeMap;

use api::{
    ApiError, ConfigVersion, ConfigVersions, ErrorCode, FenceRecordView, Fences, History,
    HistoryEntryView, LinkState, LinkStatus, PlanView, ServiceOutage, Status, StatusExtra,
    StayView, StepView, Timestamp, WaitView,
};
use membership::LinkCondition;
use model::spec::NoQuorumPolicy;
use model::{Instant, NodeName, PlanId, ServiceName};
use node::{Lease, Node, Preview};
use planner::Subject;
use server::HistoryQuery;
use state::State;

use super::control::Control;
use super::unheard;

/// What will happen, for people and scripts.
pub fn plan(preview: &Preview) -> PlanView {
    let step = |step: &planner::Step| {
        let (action, node) = match &step.action {
            planner::Action::Lose { node, .. } => ("lose", node),
            planner::Action::Fence { target, .. } => ("fence", target),
            planner::Action::SetAside { node } => ("standby", node),
            planner::Action::Grant { node, .. } => ("start", node),
            planner::Action::Revoke { node, .. } => ("stop", node),
            planner::Action::Migrate { node, .. } => ("migrate", node),
            planner::Action::Promote { node, .. } => ("promote", node),
            planner::Action::Demote { node, .. } => ("demote", node),
            planner::Action::Reload { node, .. } => ("reload", node),
            planner::Action::Restart { node, .. } => ("restart", node),
        };
        StepView {
            action: action.to_string(),
            service: step.action.service().map(ToString::to_string),
            node: Some(node.to_string()),
            sentence: step.action.to_string(),
            because: step.because.to_string(),
        }
    };
    let stay = |(service, node): &(ServiceName, NodeName)| StayView {
        service: service.to_string(),
        node: Some(node.to_string()),
    };
    let wait = |wait: &planner::Wait| WaitView {
        service: wait.subject.to_string(),
        because: wait.because.to_string(),
    };
    PlanView {
        id: Some(preview.plan.0),
        steps: preview.steps.iter().map(step).collect(),
        stays: preview.stays.iter().map(stay).collect(),
        left: preview.left.iter().map(stay).collect(),
        waits: preview
            .waits
            .iter()
            .filter(|wait| is_news(wait, preview))
            .map(wait)
            .collect(),
        outages: preview
            .outages
            .iter()
            .map(|(service, outage)| ServiceOutage {
                service: service.to_string(),
                outage: outage.as_ref().map(super::what_if::outage_view),
            })
            .collect(),
    }
}

/// What is stopped on request waits for nothing but a wish, and hands that are kept off a
/// service that runs keep it from nothing.
fn is_news(wait: &planner::Wait, preview: &Preview) -> bool {
    match (&wait.because, &wait.subject) {
        (model::Reason::Disabled, _) => false,
        (model::Reason::Frozen | model::Reason::Maintenance, Subject::Service(service)) => {
            preview.stays.iter().all(|(stays, _)| stays != service)
        }
        _other => true,
    }
}

/// What was agreed last is no longer known to be so: what this node does not hear itself is
/// unknown, and of its own services it tells what its policy makes of them.
fn without_quorum(status: &mut Status, policy: NoQuorumPolicy) {
    let me = status.seen_by.clone();
    let heard: Vec<String> = status
        .nodes
        .iter()
        .flat_map(|node| &node.links)
        .filter(|link| link.state == LinkState::Up)
        .map(|link| link.peer.clone())
        .collect();
    for node in status.nodes.iter_mut().filter(|node| node.name != me) {
        if !heard.contains(&node.name) {
            node.because = Some(format!("{me} does not hear it; last known: {}", node.state));
            node.state = "unknown".to_string();
        }
    }
    for service in status
        .services
        .iter_mut()
        .filter(|service| service.node.is_some())
    {
        let on = service.node.clone().unwrap_or_default();
        let last = service.state;
        service.reason = if on != me {
            format!("last known {last} on {on}; {me} hears no quorum")
        } else {
            match policy {
                NoQuorumPolicy::Demote if service.role.is_some() => {
                    service.role = None;
                    format!("{me} hears no quorum: its lease ended, so it is no longer promoted")
                }
                NoQuorumPolicy::Stop | NoQuorumPolicy::Demote | NoQuorumPolicy::SelfFence => {
                    format!("{me} hears no quorum: its lease ended, so it stops what it runs")
                }
                NoQuorumPolicy::Freeze | NoQuorumPolicy::Ignore => continue,
            }
        };
        service.state = api::ServiceState::Unknown;
        for resource in &mut service.resources {
            resource.state = "unknown".to_string();
        }
    }
}

/// A part of the history, oldest first.
pub fn history(state: &State, query: &HistoryQuery) -> History {
    let wanted = state.whole_history().into_iter().filter(|entry| {
        query.after.is_none_or(|after| after < entry.index)
            && query.since.is_none_or(|since| since <= entry.at)
    });
    let mut entries: Vec<HistoryEntryView> = wanted.map(HistoryEntryView::from).collect();
    if query.limit < entries.len() {
        // With `after` the reader follows and wants the next ones; else the latest.
        let surplus = entries.len() - query.limit;
        match query.after {
            Some(_) => entries.truncate(query.limit),
            None => drop(entries.drain(..surplus)),
        }
    }
    History { entries }
}

/// Settled fences, oldest first.
pub fn fences(state: &State) -> Fences {
    Fences {
        fences: state
            .fence_records()
            .iter()
            .map(FenceRecordView::from)
            .collect(),
    }
}

fn version_view(version: &state::SpecVersion) -> ConfigVersion {
    ConfigVersion {
        version: version.version,
        at: Timestamp::from(version.at),
        by: version.by.to_string(),
        source: None,
    }
}

/// The kept versions of the configuration.
pub fn config_versions(state: &State) -> ConfigVersions {
    let versions = state.versions().iter().map(version_view).collect();
    ConfigVersions {
        versions,
        live: state.spec_version(),
    }
}

/// One version, with its text.
pub fn config(state: &State, version: Option<u64>) -> Result<ConfigVersion, ApiError> {
    let wanted = version.unwrap_or(state.spec_version());
    let found = state
        .versions()
        .iter()
        .find(|version| version.version == wanted);
    let found = found.ok_or_else(|| {
        ErrorCode::NoSuchVersion.error(format!("version {wanted} of the configuration is not kept"))
    })?;
    Ok(ConfigVersion {
        source: Some(found.source.clone()),
        ..version_view(found)
    })
}

/// What services wait for, and what nodes wait for in words.
fn waits_of(node: &Node) -> (BTreeMap<ServiceName, model::Reason>, Vec<String>) {
    let state = node.state();
    let Some(spec) = state.spec() else {
        return (BTreeMap::new(), Vec::new());
    };
    let plan = planner::plan(&planner::Input {
        spec,
        spec_version: state.spec_version(),
        seen: state.seen(),
        id: PlanId(node.applied()),
        now: node.cluster_time(host::clock::now()),
        wall: host::clock::wall(),
    });
    let mut services = BTreeMap::new();
    let mut nodes = Vec::new();
    for wait in plan.waits {
        match wait.subject {
            Subject::Service(service) => drop(services.insert(service, wait.because)),
            // Told of by the fence that is under way.
            Subject::Node(_) if matches!(wait.because, model::Reason::WaitsForFence { .. }) => {}
            Subject::Node(_) => nodes.push(wait.because.to_string()),
        }
    }
    (services, nodes)
}

/// Of a service with copies, one copy must be named.
pub(super) fn no_such_service(state: &State, service: &ServiceName) -> ApiError {
    let error = ErrorCode::NoSuchService.error(format!("there is no service {service}"));
    let spec = state.spec();
    match spec.and_then(|spec| spec.copies_of(spec.services.get(service)?)) {
        None => error,
        Some(count) => ErrorCode::NoSuchService
            .error(format!("{service} has {count} copies, each of its own"))
            .with_help(format!("name one of them, like {}", service.with_copy(0))),
    }
}

impl Control {
    /// Some nodes know more than all of them do: an upgrade is half done.
    fn level_warning(&self) -> Option<String> {
        let (level, has) = (model::level::LEVEL, self.node.state().level());
        let behind = self.node.behind(level);
        if level <= has || behind.is_empty() {
            return None;
        }
        let names: Vec<&str> = behind.iter().map(model::NodeName::as_str).collect();
        Some(format!(
            "the upgrade is not complete: {} may run an older version, so the cluster stays at \
             feature level {has} of {level}",
            names.join(", ")
        ))
    }

    /// The state of everything, as this node sees it.
    pub fn status(&self) -> Result<Status, ApiError> {
        let now = host::clock::now();
        let state = self.node.state();
        let Some(spec) = state.spec() else {
            return Err(ErrorCode::NoLeader.error("this node has not heard from its cluster yet"));
        };
        let boundary = self.node.boundary(now);
        let mut extra = StatusExtra::new(self.identity.name.clone());
        // A daemon that has just started shows what its disk holds, which may be long past.
        let is_current = self.node.is_caught_up();
        extra.quorate = is_current && boundary.lease == Lease::Held && boundary.leader.is_some();
        extra.leader = boundary
            .leader
            .and_then(|id| self.topology.names.get(&id))
            .cloned();
        extra.epoch = self.node.epoch();
        extra.spec_version = state.spec_version();
        extra.index = self.node.applied();
        let heard = self.pending.contact.max(self.node.raft().last_contact(now));
        extra.age = heard
            .map(|at| now.saturating_duration_since(at))
            .unwrap_or_default();
        let hearing = self.heartbeat.snapshot();
        extra.links = self.links(&hearing.links);
        let (waits, warnings) = waits_of(&self.node);
        extra.waits = waits;
        (extra.checks, extra.node_checks) = self.check_views();
        extra.warnings.extend(warnings);
        let jumps = self.jumps.warnings(&self.identity.name, now);
        extra.warnings.extend(jumps);
        extra.warnings.extend(self.quorum_warnings());
        extra.warnings.extend(self.stray_flags());
        let me = self.identity.name.clone();
        extra
            .versions
            .insert(me, env!("CARGO_PKG_VERSION").to_string());
        let names = &self.topology.names;
        let told = self.versions.iter();
        let told = told.filter_map(|(id, it)| Some((names.get(id)?.clone(), it.clone())));
        extra.versions.extend(told);
        extra.warnings.extend(self.level_warning());
        let mut status = Status::from_seen(spec, state.seen(), extra);
        status.feature_level = state.level();
        status.alarms.extend(self.lies_in_words());
        match boundary.lease {
            Lease::Ended => without_quorum(&mut status, spec.cluster.no_quorum),
            Lease::Held => {
                let unheard = unheard::unheard(&hearing.peers, &self.topology.names);
                unheard::take_back(&mut status, &unheard);
            }
        }
        Ok(status)
    }

    /// Remembers when a quorum was heard last: whoever loses it forgets.
    pub fn note_contact(&mut self, now: Instant) {
        let heard = self.node.raft().last_contact(now);
        self.pending.contact = self.pending.contact.max(heard);
    }

    /// The links of this node, listed under the peer at their other end and under itself.
    fn links(&self, links: &[membership::LinkStatus]) -> BTreeMap<NodeName, Vec<LinkStatus>> {
        let mut all: BTreeMap<NodeName, Vec<LinkStatus>> = BTreeMap::new();
        for link in links {
            let Some(peer) = self.topology.names.get(&link.peer) else {
                continue;
            };
            let network = self.topology.networks.get(&link.link);
            let shown = LinkStatus {
                network: network.map(ToString::to_string).unwrap_or_default(),
                peer: peer.to_string(),
                state: match link.condition {
                    LinkCondition::Up => LinkState::Up,
                    LinkCondition::OneWay => LinkState::OneWay,
                    LinkCondition::Unseen | LinkCondition::Down => LinkState::Down,
                },
                rtt_ms: link.round_trip.map(|time| time.as_secs_f64() * 1000.0),
                loss_percent: link.loss_percent,
                last_heard_ms: link
                    .heard_ago
                    .map(|ago| u64::try_from(ago.as_millis()).unwrap_or(u64::MAX)),
            };
            all.entry(self.identity.name.clone())
                .or_default()
                .push(shown);
        }
        all
    }
}
