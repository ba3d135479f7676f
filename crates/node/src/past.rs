//! How it was: the picture at an earlier moment, put together from what was kept.
//!
//! The history tells every change of a node, a claim, a bar and a wish with its time. What has
//! not changed since then is as it is now; what has, and whose entries are no longer kept, is
//! told to be unknown, never guessed.

use std::collections::{BTreeMap, BTreeSet};

use model::history::{Happening, NetworkNews};
use model::reload::ReloadSeen;
use model::roles::RoleSeen;
use model::seen::{
    Bar, Claim, Goal, Maintenance, NodeState, Phase, ResourceFailure, RestartScope, Seen,
    ServiceSeen, Standby, Wish,
};
use model::{
    BootId, ClaimEpoch, ClusterTime, HistoryEntry, NetworkName, NodeName, PlanId, Reason,
    ServiceName, UserName, WallTime,
};
use state::State;

/// The picture at an earlier moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    /// What is known of it. Times and reasons are those of then.
    pub seen: Seen,
    /// The version of the spec that was live; none when no kept version is so old.
    pub spec_version: Option<u64>,
    /// Nodes of which it is not known how they were.
    pub unknown_nodes: BTreeSet<NodeName>,
    /// Services of which it is not known how they were.
    pub unknown_services: BTreeSet<ServiceName>,
}

/// Why there is no picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPast {
    /// Nothing is kept of that time.
    #[error("the kept history begins at {since}")]
    TooEarly {
        /// When it begins.
        since: WallTime,
    },
    /// It has not come yet.
    #[error("that time has not come yet")]
    InFuture,
}

/// How it was at `when`.
///
/// # Errors
/// When nothing is kept of that time, or it has not come.
pub fn past(state: &State, when: WallTime, now: WallTime) -> Result<Past, NoPast> {
    if now < when {
        return Err(NoPast::InFuture);
    }
    let since = state.history().front().map_or(now, |entry| entry.at);
    if when < since {
        return Err(NoPast::TooEarly { since });
    }
    let kept = Kept {
        before: state.history().iter().filter(|e| e.at <= when).collect(),
        after: state.history().iter().filter(|e| when < e.at).collect(),
    };
    let mut past = Past {
        seen: state.seen().clone(),
        spec_version: None,
        unknown_nodes: BTreeSet::new(),
        unknown_services: BTreeSet::new(),
    };
    let versions = state.versions().iter().filter(|version| version.at <= when);
    past.spec_version = versions.map(|version| version.version).max();
    past.seen.fences.clear();
    kept.tell_nodes(&mut past);
    kept.tell_services(&mut past);
    kept.tell_orders(&mut past);
    Ok(past)
}

struct Kept<'a> {
    before: Vec<&'a HistoryEntry>,
    after: Vec<&'a HistoryEntry>,
}

impl Kept<'_> {
    fn tell_nodes(&self, past: &mut Past) {
        let mut told: BTreeMap<&NodeName, (&str, Option<&Reason>, WallTime)> = BTreeMap::new();
        for entry in &self.before {
            if let Happening::Node {
                node,
                state,
                because,
            } = &entry.what
            {
                told.insert(node, (state, because.as_ref(), entry.at));
            }
        }
        let changed: BTreeSet<&NodeName> = (self.after.iter())
            .filter_map(|entry| match &entry.what {
                Happening::Node { node, .. } => Some(node),
                _other => None,
            })
            .collect();
        for (name, node) in &mut past.seen.nodes {
            match told.get(name) {
                Some((word, because, at)) => {
                    node.state = state_of(word, *because);
                    node.since = *at;
                }
                None if changed.contains(name) => {
                    past.unknown_nodes.insert(name.clone());
                    node.state = NodeState::Down;
                }
                None => {}
            }
            node.probed = node.state.boot();
            node.standby = Standby::Off;
            // Nobody has kept how busy it was.
            node.measured.clear();
        }
    }

    fn tell_services(&self, past: &mut Past) {
        let names: BTreeSet<ServiceName> = past.seen.services.keys().cloned().collect();
        for name in names {
            let is_told = self.before.iter().any(|e| about(&e.what) == Some(&name));
            let has_changed = self.after.iter().any(|e| about(&e.what) == Some(&name));
            if !is_told && !has_changed {
                continue;
            }
            let mut then = ServiceSeen::default();
            for entry in &self.before {
                if about(&entry.what) == Some(&name) {
                    follow(&mut then, entry);
                }
            }
            if !is_told {
                past.unknown_services.insert(name.clone());
            }
            past.seen.services.insert(name, then);
        }
    }

    /// What operators did, as the history tells it: the command that was given.
    fn tell_orders(&self, past: &mut Past) {
        past.seen.maintenance = Maintenance::Off;
        for entry in &self.before {
            let Happening::Operator { by, did } = &entry.what else {
                continue;
            };
            let words: Vec<&str> = did.split(' ').collect();
            match words[..] {
                ["maintenance", "on"] => past.seen.maintenance = Maintenance::On,
                ["maintenance", "off"] => past.seen.maintenance = Maintenance::Off,
                ["standby" | "online", node] => {
                    let node = node.parse::<NodeName>().ok();
                    let node = node.and_then(|node| past.seen.nodes.get_mut(&node));
                    if let Some(node) = node {
                        node.standby = match words[0] {
                            "standby" => Standby::On { by: by.clone() },
                            _online => Standby::Off,
                        };
                    }
                }
                [verb, service] => {
                    let service = service.parse::<ServiceName>().ok();
                    let seen = service.and_then(|name| past.seen.services.get_mut(&name));
                    if let Some(seen) = seen {
                        obey(seen, verb, by);
                    }
                }
                _ => {}
            }
        }
    }
}

fn obey(seen: &mut ServiceSeen, verb: &str, by: &UserName) {
    match verb {
        "start" => seen.wish = Wish::Run { by: by.clone() },
        "stop" => seen.wish = Wish::Stop { by: by.clone() },
        "freeze" => seen.frozen = Maintenance::On,
        "thaw" => seen.frozen = Maintenance::Off,
        "clear" => seen.barred.clear(),
        _other => {}
    }
}

/// The service that an entry changes.
fn about(what: &Happening) -> Option<&ServiceName> {
    match what {
        Happening::Granted { service, .. }
        | Happening::Restarted { service, .. }
        | Happening::Promoting { service, .. }
        | Happening::Demoting { service, .. }
        | Happening::Promoted { service, .. }
        | Happening::Demoted { service, .. }
        | Happening::Reloading { service, .. }
        | Happening::Reloaded { service, .. }
        | Happening::ReloadFailed { service, .. }
        | Happening::Revoked { service, .. }
        | Happening::Running { service, .. }
        | Happening::HandedOver { service, .. }
        | Happening::Stopped { service, .. }
        | Happening::Failed { service, .. } => Some(service),
        Happening::Node { .. }
        | Happening::Check { .. }
        | Happening::Migrating { .. }
        | Happening::MigrationEnded { .. }
        | Happening::StrayFound { .. }
        | Happening::StrayStopped { .. }
        | Happening::LetGo { .. }
        | Happening::FenceAsked { .. }
        | Happening::FenceLied { .. }
        | Happening::DeviceLied { .. }
        | Happening::Contest { .. }
        | Happening::FenceEnded { .. }
        | Happening::Watchdog { .. }
        | Happening::Network { .. }
        | Happening::LockTaken { .. }
        | Happening::LockEnded { .. }
        | Happening::Arbiter { .. }
        | Happening::Configured { .. }
        | Happening::Operator { .. } => None,
    }
}

fn follow(then: &mut ServiceSeen, entry: &HistoryEntry) {
    then.since = entry.at;
    match &entry.what {
        Happening::Granted {
            node,
            plan,
            because,
            ..
        } => {
            then.last_end = None;
            then.claim = Some(claim(node, (*plan, because), entry.at));
        }
        Happening::HandedOver { to, .. } => {
            let (plan, because) = match then.claim.take() {
                Some(claim) => (claim.plan, claim.because),
                None => (PlanId(entry.index), Reason::ShouldRun),
            };
            then.claim = Some(claim(to, (plan, &because), entry.at));
        }
        Happening::Running { node, .. } => {
            let known = then.claim.take().filter(|claim| claim.node == *node);
            let unknown = || claim(node, (PlanId(entry.index), &Reason::ShouldRun), entry.at);
            let mut claim = known.unwrap_or_else(unknown);
            claim.phase = Phase::Running;
            claim.since = entry.at;
            then.claim = Some(claim);
        }
        Happening::Restarted { because, .. } => {
            change(then, entry.at, (Goal::Run, Phase::Starting), Some(because));
        }
        Happening::Promoting { because, .. } => {
            change_role(then, RoleSeen::Promoting, Some(because));
        }
        Happening::Demoting { because, .. } => {
            change_role(then, RoleSeen::Demoting, Some(because));
        }
        Happening::Promoted { .. } => change_role(then, RoleSeen::Promoted, None),
        Happening::Demoted { .. } => change_role(then, RoleSeen::Unpromoted, None),
        Happening::Revoked { node, because, .. } => {
            if let Reason::FailedTooOften { .. } = because {
                // History tells wall times only, and these are for people.
                let bar = Bar {
                    at: entry.at,
                    clock: ClusterTime(0),
                    because: because.clone(),
                    made_from: 0,
                };
                then.barred.insert(node.clone(), bar);
            }
            change(then, entry.at, (Goal::Stop, Phase::Stopping), Some(because));
        }
        Happening::Failed { failure, .. } => {
            change(then, entry.at, failed(failure.clone()), None);
        }
        Happening::Stopped { because, .. } => {
            then.claim = None;
            then.last_end = Some(because.clone());
        }
        _about_no_claim => {}
    }
}

/// A stop that failed is told as a failure in `stop`.
fn failed(failure: ResourceFailure) -> (Goal, Phase) {
    match failure.verb {
        Some(model::operation::Verb::Stop) => (Goal::Stop, Phase::StopFailed(failure)),
        Some(_) | None => (Goal::Run, Phase::Failed(failure)),
    }
}

fn claim(node: &NodeName, (plan, because): (PlanId, &Reason), since: WallTime) -> Claim {
    Claim {
        node: node.clone(),
        boot: BootId([0; 16]),
        epoch: ClaimEpoch(0),
        goal: Goal::Run,
        phase: Phase::Starting,
        incarnation: 0,
        scope: RestartScope::All,
        resources: Vec::new(),
        made_from: 0,
        reload: ReloadSeen::default(),
        role: RoleSeen::Unpromoted,
        turn: 0,
        plan,
        because: because.clone(),
        since,
        placed_at: None,
    }
}

fn change(
    then: &mut ServiceSeen,
    at: WallTime,
    (goal, phase): (Goal, Phase),
    because: Option<&Reason>,
) {
    if let Some(claim) = &mut then.claim {
        claim.goal = goal;
        claim.phase = phase;
        claim.since = at;
        if let Some(because) = because {
            claim.because = because.clone();
        }
    }
}

fn change_role(then: &mut ServiceSeen, role: RoleSeen, because: Option<&Reason>) {
    if let Some(claim) = &mut then.claim {
        claim.role = role;
        if let Some(because) = because {
            claim.because = because.clone();
        }
    }
}

/// The state that the word of an entry stands for.
fn state_of(word: &str, because: Option<&Reason>) -> NodeState {
    let boot = BootId([0; 16]);
    match word {
        "starting" => NodeState::Starting { boot },
        "online" => NodeState::Online { boot },
        "daemon-down" => NodeState::DaemonDown { boot },
        "leaving" => NodeState::Leaving { boot },
        "lost" => NodeState::Lost {
            boot: Some(boot),
            because: because.cloned().unwrap_or(Reason::ShouldRun),
        },
        // `a member`, and `down`.
        _down => NodeState::Down,
    }
}

/// What led to how a service is: what was decided and reported about it since the claim before
/// the present one; the losses and fences of the nodes that this speaks of, and what became of
/// the service's networks there; and the changes of the configuration for which it was stopped.
/// Oldest first.
#[must_use]
pub fn evidence<'a>(
    state: &'a State,
    service: &ServiceName,
    until: WallTime,
    max: usize,
) -> Vec<&'a HistoryEntry> {
    let entries: Vec<&HistoryEntry> = (state.history().iter())
        .filter(|entry| entry.at <= until)
        .collect();
    let grants = entries.iter().enumerate().filter(
        |(_, entry)| matches!(&entry.what, Happening::Granted { service: of, .. } if of == service),
    );
    let from = grants
        .map(|(place, _)| place)
        .rev()
        .take(2)
        .last()
        .unwrap_or(0);
    let nodes: BTreeSet<&NodeName> = entries[from..]
        .iter()
        .filter_map(|entry| match &entry.what {
            Happening::Granted {
                service: of, node, ..
            }
            | Happening::Stopped {
                service: of, node, ..
            } if of == service => Some(node),
            _other => None,
        })
        .collect();
    let versions: BTreeSet<u64> = entries[from..]
        .iter()
        .filter_map(|entry| match &entry.what {
            Happening::Stopped {
                service: of,
                because: Reason::SpecChanged { version },
                ..
            } if of == service => Some(*version),
            _other => None,
        })
        .collect();
    let networks = networks_of(state, service);
    let matters = |entry: &&&HistoryEntry| match &entry.what {
        Happening::Configured { version, .. } => versions.contains(version),
        Happening::Network { node, what } => {
            nodes.contains(node) && is_news_for(what, service, &networks)
        }
        Happening::Node { node, state, .. } => {
            nodes.contains(node) && (state == "lost" || state == "down")
        }
        Happening::FenceAsked { target, .. } | Happening::FenceEnded { target, .. } => {
            nodes.contains(target)
        }
        Happening::Operator { did, .. } => did.split(' ').any(|word| word == service.as_str()),
        Happening::FenceLied { services, .. } => services.contains(service),
        other => about(other) == Some(service),
    };
    let found: Vec<&HistoryEntry> = entries[from..].iter().filter(matters).copied().collect();
    let surplus = found.len().saturating_sub(max);
    found[surplus..].to_vec()
}

/// The networks that a service has addresses or routes on.
fn networks_of<'a>(state: &'a State, service: &ServiceName) -> BTreeSet<&'a NetworkName> {
    let spec = state.spec().and_then(|spec| spec.service_of(service));
    let resources = spec.into_iter().flat_map(|spec| &spec.resources);
    resources
        .filter_map(|resource| resource.kind.network())
        .collect()
}

fn is_news_for(
    news: &NetworkNews,
    service: &ServiceName,
    networks: &BTreeSet<&NetworkName>,
) -> bool {
    match news {
        NetworkNews::Moved { network, .. } | NetworkNews::Standing { network, .. } => {
            networks.contains(network)
        }
        NetworkNews::Pings { of, .. } => match of.strip_prefix("network ") {
            Some(name) => networks.iter().any(|network| network.as_str() == name),
            None => of.as_str() == service.service_str(),
        },
    }
}
