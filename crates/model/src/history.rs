//! What happened, as data with one sentence each.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::checks::{CheckName, Verdict};
use crate::lock::{LockEnd, LockOwner};
use crate::networks::{Level, Link};
use crate::seen::{FenceResult, ResourceFailure};
use crate::{
    BootId, CardName, DeviceName, FenceId, LockName, LockToken, NetworkName, NodeName, PlanId,
    Reason, ServiceName, UserName, WallTime, WitnessName, duration,
};

/// One entry of the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// The log index of the command that caused it.
    pub index: u64,
    /// When, by the clock of the node that proposed the command.
    pub at: WallTime,
    /// What.
    pub what: Happening,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Happening {
    /// A node changed its state.
    Node {
        /// Which.
        node: NodeName,
        /// To what (a word of `NodeState`).
        state: String,
        /// Why, where there is more to say.
        because: Option<Reason>,
    },
    /// A service was given to a node.
    Granted {
        /// Which service.
        service: ServiceName,
        /// To which node.
        node: NodeName,
        /// By which plan.
        plan: PlanId,
        /// Why.
        because: Reason,
    },
    /// A service is to be restarted in place.
    Restarted {
        /// Which service.
        service: ServiceName,
        /// Where.
        node: NodeName,
        /// By which plan.
        plan: PlanId,
        /// Why.
        because: Reason,
    },
    /// What runs is to be promoted.
    Promoting {
        /// Which copy.
        service: ServiceName,
        /// Where.
        node: NodeName,
        /// By which plan.
        plan: PlanId,
        /// Why.
        because: Reason,
    },
    /// What is promoted is to be an ordinary one again.
    Demoting {
        /// Which copy.
        service: ServiceName,
        /// Where.
        node: NodeName,
        /// By which plan.
        plan: PlanId,
        /// Why.
        because: Reason,
    },
    /// What runs is promoted.
    Promoted {
        /// Which copy.
        service: ServiceName,
        /// Where.
        node: NodeName,
    },
    /// What was promoted is an ordinary one again.
    Demoted {
        /// Which copy.
        service: ServiceName,
        /// Where.
        node: NodeName,
    },
    /// What runs is to take the live configuration over without a stop.
    Reloading {
        /// Which service.
        service: ServiceName,
        /// Where.
        node: NodeName,
        /// By which plan.
        plan: PlanId,
        /// Why.
        because: Reason,
    },
    /// What runs has been reloaded.
    Reloaded {
        /// Which service.
        service: ServiceName,
        /// Where.
        node: NodeName,
    },
    /// What runs could not be reloaded, and runs on as it was.
    ReloadFailed {
        /// Which service.
        service: ServiceName,
        /// Where.
        node: NodeName,
        /// What.
        failure: ResourceFailure,
    },
    /// A service is to be stopped.
    Revoked {
        /// Which service.
        service: ServiceName,
        /// Where.
        node: NodeName,
        /// By which plan.
        plan: PlanId,
        /// Why.
        because: Reason,
    },
    /// A service is to move without a stop.
    Migrating {
        /// Which service.
        service: ServiceName,
        /// From where.
        node: NodeName,
        /// To where.
        to: NodeName,
        /// By which plan.
        plan: PlanId,
        /// Why.
        because: Reason,
    },
    /// A service has left a node alive, and another takes it in.
    HandedOver {
        /// Which service.
        service: ServiceName,
        /// The node that has handed it over.
        node: NodeName,
        /// The node that has the claim from now on.
        to: NodeName,
    },
    /// A live migration is over.
    MigrationEnded {
        /// Which service.
        service: ServiceName,
        /// From where.
        node: NodeName,
        /// To where.
        to: NodeName,
        /// Whether the service arrived.
        arrived: bool,
    },
    /// A service runs.
    Running {
        /// Which service.
        service: ServiceName,
        /// Where.
        node: NodeName,
    },
    /// A service is stopped.
    Stopped {
        /// Which service.
        service: ServiceName,
        /// Where.
        node: NodeName,
        /// Why its claim ended.
        because: Reason,
    },
    /// A service was found running without a claim.
    StrayFound {
        /// Which service.
        service: ServiceName,
        /// Where.
        node: NodeName,
    },
    /// A service that was found running without a claim has been stopped.
    StrayStopped {
        /// Which service.
        service: ServiceName,
        /// Where.
        node: NodeName,
    },
    /// A service that is no longer in the configuration was left running.
    LetGo {
        /// Which service.
        service: ServiceName,
        /// Where.
        node: NodeName,
    },
    /// A resource failed.
    Failed {
        /// Which service.
        service: ServiceName,
        /// Where.
        node: NodeName,
        /// What.
        failure: ResourceFailure,
    },
    /// A check of a service is in another state than before.
    Check {
        /// Which service.
        service: ServiceName,
        /// Where.
        node: NodeName,
        /// Which check.
        check: CheckName,
        /// How it is.
        state: Verdict,
        /// In which words.
        how: String,
    },
    /// A fence was asked for.
    FenceAsked {
        /// Names it.
        id: FenceId,
        /// Who is to be fenced.
        target: NodeName,
        /// Who carries it out.
        executor: NodeName,
        /// Why.
        because: Reason,
    },
    /// A boot that was confirmed as ended is heard again. Nothing is worse: two copies of
    /// what ran there may have run at once.
    FenceLied {
        /// Which node.
        node: NodeName,
        /// The boot that lives.
        boot: BootId,
        /// Who or what had confirmed it, in words.
        by: String,
        /// What ran there when it was confirmed; the newer copies are stopped.
        services: Vec<ServiceName>,
    },
    /// A device had confirmed that a boot has ended, and that boot lives. Nothing was decided
    /// on it, so nothing ran twice for it.
    DeviceLied {
        /// Which device.
        device: DeviceName,
        /// The node that it said was off.
        node: NodeName,
        /// The boot that lives.
        boot: BootId,
    },
    /// Two histories have a quorum each; or it is over.
    Contest {
        /// Who leads the other, and its generation.
        rival: Option<(NodeName, u64)>,
        /// Whose word stops the services of this side, if one does.
        stops_for: Option<UserName>,
    },
    /// A fence ended.
    FenceEnded {
        /// Names it.
        id: FenceId,
        /// Who was to be fenced.
        target: NodeName,
        /// How it ended.
        result: FenceResult,
    },
    /// A node's watchdog is armed, or no longer.
    Watchdog {
        /// Which node.
        node: NodeName,
        /// How long after the last food it bites; none: it is not armed.
        #[serde(with = "duration::option")]
        bound: Option<Duration>,
    },
    /// Something about the networks of a node.
    Network {
        /// Which node.
        node: NodeName,
        /// What.
        what: NetworkNews,
    },
    /// A session holds a lock.
    LockTaken {
        /// Which.
        lock: LockName,
        /// Who.
        owner: LockOwner,
        /// Its fencing token.
        token: LockToken,
    },
    /// A session holds a lock no more.
    LockEnded {
        /// Which.
        lock: LockName,
        /// Who.
        owner: LockOwner,
        /// Its fencing token.
        token: LockToken,
        /// Why.
        because: LockEnd,
    },
    /// Another arbiter decides between two halves.
    Arbiter {
        /// The witness; none: confirmed fencing.
        witness: Option<WitnessName>,
        /// Why.
        because: Reason,
    },
    /// A new version of the spec is live.
    Configured {
        /// The version.
        version: u64,
        /// By whom.
        by: UserName,
    },
    /// An operator did something; the text is the command that was given.
    Operator {
        /// Who.
        by: UserName,
        /// What.
        did: String,
    },
}

/// What can happen to a network of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkNews {
    /// Another card carries the addresses.
    Moved {
        /// Of which network.
        network: NetworkName,
        /// Which one did.
        from: CardName,
        /// Which one does.
        to: CardName,
        /// How the link of the one that did was then.
        link: Link,
    },
    /// Whether services can be reached on it has changed, and stayed so for a while.
    Standing {
        /// Of which network.
        network: NetworkName,
        /// How well.
        level: Level,
    },
    /// Whether enough ping targets answer has changed, and stayed so for a while.
    Pings {
        /// Whose targets: `network lan`, or a service.
        of: String,
        /// How many answer.
        reached: u32,
        /// Of how many.
        all: u32,
        /// How many must.
        needed: u32,
    },
}

impl fmt::Display for NetworkNews {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Moved {
                network,
                from,
                to,
                link: Link::Up,
            } => write!(
                f,
                "addresses of network {network} moved from {from} to {to}"
            ),
            Self::Moved {
                network,
                from,
                to,
                link,
            } => write!(
                f,
                "{from} {link}, addresses of network {network} moved to {to}"
            ),
            Self::Standing { network, level } => match level {
                Level::None => write!(f, "no card of network {network} has a link"),
                Level::Poor => write!(f, "only barred cards of network {network} have a link"),
                Level::Full => write!(f, "network {network} has a usable card again"),
            },
            Self::Pings {
                of,
                reached,
                all,
                needed,
            } => write!(
                f,
                "{reached} of {all} ping targets of {of} answer, {needed} needed"
            ),
        }
    }
}

impl Happening {
    /// What a plan does to a service, and what happened to the role of a copy.
    fn fmt_step(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Granted {
                service,
                node,
                plan,
                because,
            } => write!(f, "plan {plan}: start {service} on {node}: {because}"),
            Self::Restarted {
                service,
                node,
                plan,
                because,
            } => write!(f, "plan {plan}: restart {service} on {node}: {because}"),
            Self::Revoked {
                service,
                node,
                plan,
                because,
            } => write!(f, "plan {plan}: stop {service} on {node}: {because}"),
            Self::Promoting {
                service,
                node,
                plan,
                because,
            } => write!(f, "plan {plan}: promote {service} on {node}: {because}"),
            Self::Demoting {
                service,
                node,
                plan,
                because,
            } => write!(f, "plan {plan}: demote {service} on {node}: {because}"),
            Self::Reloading {
                service,
                node,
                plan,
                because,
            } => write!(f, "plan {plan}: reload {service} on {node}: {because}"),
            Self::Reloaded { service, node } => write!(f, "{service} is reloaded on {node}"),
            Self::ReloadFailed {
                service,
                node,
                failure,
            } => {
                let ResourceFailure { resource, how, .. } = failure;
                write!(
                    f,
                    "{service} is not reloaded on {node}, and runs on as it was: {resource}: {how}"
                )
            }
            Self::Promoted { service, node } => write!(f, "{service} is promoted on {node}"),
            Self::Demoted { service, node } => write!(f, "{service} is demoted on {node}"),
            _other => Ok(()),
        }
    }

    /// What happened to the configuration, a lock, the right to decide between two halves, or a
    /// network.
    fn fmt_right(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LockTaken { lock, owner, token } => {
                write!(f, "lock {lock}: held by {owner}, token {token}")
            }
            Self::LockEnded {
                lock,
                owner,
                token,
                because,
            } => write!(
                f,
                "lock {lock}: no more held by {owner}, token {token}: {because}"
            ),
            Self::Arbiter { witness, because } => fmt_arbiter(f, witness.as_ref(), because),
            Self::Configured { version, by } => {
                write!(f, "configuration version {version} by {by}")
            }
            Self::Network { node, what } => write!(f, "{node}: {what}"),
            _other => Ok(()),
        }
    }
}

impl Happening {
    /// What happened to a live migration.
    fn fmt_migration(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Migrating {
                service,
                node,
                to,
                plan,
                because,
            } => write!(
                f,
                "plan {plan}: move {service} live from {node} to {to}: {because}"
            ),
            Self::HandedOver { service, node, to } => {
                write!(f, "{node} has handed {service} over to {to}")
            }
            Self::MigrationEnded {
                service,
                node,
                to,
                arrived: true,
            } => write!(f, "{service} has moved live from {node} to {to}"),
            Self::MigrationEnded {
                service,
                node,
                to,
                arrived: false,
            } => write!(
                f,
                "{service} has not moved live from {node} to {to}; nothing is left of the try"
            ),
            _other => Ok(()),
        }
    }
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node {
                node,
                state,
                because,
            } => fmt_node(f, node, state, because.as_ref()),
            Self::Promoting { .. }
            | Self::Demoting { .. }
            | Self::Promoted { .. }
            | Self::Demoted { .. }
            | Self::Granted { .. }
            | Self::Restarted { .. }
            | Self::Reloading { .. }
            | Self::Reloaded { .. }
            | Self::ReloadFailed { .. }
            | Self::Revoked { .. } => self.fmt_step(f),
            Self::Migrating { .. } | Self::HandedOver { .. } | Self::MigrationEnded { .. } => {
                self.fmt_migration(f)
            }
            Self::Running { service, node } => write!(f, "{service} runs on {node}"),
            Self::Stopped {
                service,
                node,
                because,
            } => write!(f, "{service} stopped on {node}: {because}"),
            Self::StrayFound { service, node } => {
                write!(f, "{service} was found running on {node}")
            }
            Self::StrayStopped { service, node } => {
                write!(f, "{service}, found running on {node}, is stopped")
            }
            Self::LetGo { service, node } => fmt_let_go(f, service, node),
            Self::Failed {
                service,
                node,
                failure,
            } => fmt_failed(f, service, node, failure),
            Self::Check {
                service,
                node,
                check,
                state,
                how,
            } => fmt_check(f, (check, service, node), *state, how),
            Self::FenceAsked {
                id,
                target,
                executor,
                because,
            } => write!(f, "fence {id}: {executor} fences {target}: {because}"),
            Self::FenceLied {
                node, by, services, ..
            } => fmt_lie(f, node, by, services),
            Self::DeviceLied { device, node, .. } => fmt_device_lie(f, device, node),
            Self::Contest { rival, stops_for } => {
                fmt_contest(f, rival.as_ref(), stops_for.as_ref())
            }
            Self::FenceEnded { id, target, result } => write!(f, "fence {id}: {target} {result}"),
            Self::Watchdog { node, bound } => fmt_watchdog(f, node, *bound),
            Self::Configured { .. }
            | Self::Network { .. }
            | Self::LockTaken { .. }
            | Self::LockEnded { .. }
            | Self::Arbiter { .. } => self.fmt_right(f),
            Self::Operator { by, did } => write!(f, "{by}: {did}"),
        }
    }
}

fn fmt_arbiter(
    f: &mut fmt::Formatter<'_>,
    witness: Option<&WitnessName>,
    because: &Reason,
) -> fmt::Result {
    match witness {
        Some(witness) => write!(f, "witness {witness} decides between two halves: {because}"),
        None => write!(f, "confirmed fencing decides between two halves: {because}"),
    }
}

fn fmt_device_lie(f: &mut fmt::Formatter<'_>, device: &DeviceName, node: &NodeName) -> fmt::Result {
    write!(
        f,
        "ALARM: {node} lives, although fence device {device} confirmed it off; \
         nothing was decided on it"
    )
}

fn fmt_watchdog(
    f: &mut fmt::Formatter<'_>,
    node: &NodeName,
    bound: Option<Duration>,
) -> fmt::Result {
    match bound {
        Some(bound) => {
            let bound = duration::format(bound);
            write!(f, "the watchdog of {node} is armed ({bound})")
        }
        None => write!(f, "the watchdog of {node} is not armed any more"),
    }
}

fn fmt_contest(
    f: &mut fmt::Formatter<'_>,
    rival: Option<&(NodeName, u64)>,
    stops_for: Option<&UserName>,
) -> fmt::Result {
    let Some((node, generation)) = rival else {
        return write!(f, "no other history with a quorum is heard any more");
    };
    write!(
        f,
        "{node} leads another history, generation {generation}, with a quorum"
    )?;
    match stops_for {
        Some(by) => write!(f, ": {by} vouched that it was off, so services stop here"),
        None => write!(f, ": services may run twice"),
    }
}

fn fmt_node(
    f: &mut fmt::Formatter<'_>,
    node: &NodeName,
    state: &str,
    because: Option<&Reason>,
) -> fmt::Result {
    match because {
        Some(because) => write!(f, "{node} is {state}: {because}"),
        None => write!(f, "{node} is {state}"),
    }
}

fn fmt_check(
    f: &mut fmt::Formatter<'_>,
    (check, service, node): (&CheckName, &ServiceName, &NodeName),
    state: Verdict,
    how: &str,
) -> fmt::Result {
    match state {
        Verdict::Failed => write!(f, "check {check} of {service} failed on {node}: {how}"),
        Verdict::Warning => write!(f, "check {check} of {service} warns on {node}: {how}"),
        Verdict::Well => write!(f, "check {check} of {service} is well on {node}"),
    }
}

fn fmt_let_go(f: &mut fmt::Formatter<'_>, service: &ServiceName, node: &NodeName) -> fmt::Result {
    write!(
        f,
        "{service} is left running on {node}, and is not watched any more"
    )
}

fn fmt_failed(
    f: &mut fmt::Formatter<'_>,
    service: &ServiceName,
    node: &NodeName,
    failure: &ResourceFailure,
) -> fmt::Result {
    let ResourceFailure { resource, how, .. } = failure;
    match failure.verb {
        Some(verb) => write!(f, "{service} failed on {node}: {resource} in {verb}: {how}"),
        None => write!(f, "{service} failed on {node}: {resource}: {how}"),
    }
}

fn fmt_lie(
    f: &mut fmt::Formatter<'_>,
    node: &NodeName,
    by: &str,
    services: &[ServiceName],
) -> fmt::Result {
    write!(f, "ALARM: {node} lives, although {by} confirmed it off")?;
    let names: Vec<&str> = services.iter().map(ServiceName::as_str).collect();
    match names.as_slice() {
        [] => f.write_str("; it held nothing then"),
        names => write!(
            f,
            "; {} may have run twice, and newer copies are stopped",
            names.join(", ")
        ),
    }
}

impl fmt::Display for FenceResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Confirmed { device } => write!(f, "confirmed off by {device}"),
            Self::ConfirmedByOperator { user } => write!(f, "confirmed off by {user} in person"),
            Self::Failed {
                device: Some(device),
                how,
            } => write!(f, "not fenced by {device}: {how}"),
            Self::Failed { device: None, how } => write!(f, "not fenced: {how}"),
            Self::Rebooted => write!(f, "came back under a newer boot"),
            Self::OutlivedWatchdog { waited } => {
                let waited = duration::format(*waited);
                write!(
                    f,
                    "confirmed off by its own watchdog, {waited} after its loss"
                )
            }
        }
    }
}
