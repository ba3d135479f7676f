//! Why: the data behind each decision, and the one sentence that log, command line and
//! tests print from it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    DeviceName, NetworkName, NodeName, ResourceName, ServiceName, TicketName, UserName, WallTime,
    WitnessName, duration,
};

/// Why a step is taken, or why none is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// A node has been silent on all links and a majority agrees.
    NodeSilent {
        /// Which.
        node: NodeName,
        /// For how long, when it was declared lost.
        #[serde(with = "duration")]
        silent_for: Duration,
        /// Who agrees.
        agreed_by: Vec<NodeName>,
    },
    /// A node is heard, but no path works both ways, and a majority agrees.
    NodeUnanswered {
        /// Which.
        node: NodeName,
        /// For how long, when it was declared lost.
        #[serde(with = "duration")]
        silent_for: Duration,
        /// Who agrees.
        agreed_by: Vec<NodeName>,
    },
    /// A daemon stayed closed for longer than it may.
    DaemonDownTooLong {
        /// Whose.
        node: NodeName,
    },
    /// A member has not been heard since the cluster started.
    NeverHeard {
        /// Which.
        node: NodeName,
    },
    /// A person has said that it is off, and forced the cluster on without it.
    VouchedOff {
        /// Which.
        node: NodeName,
        /// Who.
        by: UserName,
    },
    /// A stop failed, so that only fencing can prove that the service is down.
    StopFailed {
        /// Which service.
        service: ServiceName,
        /// On which node.
        node: NodeName,
    },
    /// The service should run and runs nowhere.
    ShouldRun,
    /// The node that ran it is proven off.
    NodeFenced {
        /// Which.
        node: NodeName,
    },
    /// The node that ran it has rebooted.
    NodeRebooted {
        /// Which.
        node: NodeName,
    },
    /// A boot of the node was confirmed as ended and is heard again.
    FenceLied {
        /// Which.
        node: NodeName,
        /// Who or what confirmed it, in words.
        by: String,
    },
    /// Every device that could fence the node has confirmed what was not true.
    NoTrustedDevice {
        /// Which.
        node: NodeName,
        /// The first of them.
        device: DeviceName,
    },
    /// The node did not hear a quorate leader for longer than its lease, and stopped it.
    LeaseEnded {
        /// Which.
        node: NodeName,
    },
    /// The node stopped it without being asked, and gave it back.
    GivenBack {
        /// Which.
        node: NodeName,
    },
    /// The node is on its way out.
    NodeLeaving {
        /// Which.
        node: NodeName,
    },
    /// The node is on standby.
    NodeStandby {
        /// Which.
        node: NodeName,
    },
    /// A resource failed; a restart in place is still allowed.
    ResourceFailed {
        /// Which.
        resource: ResourceName,
        /// How.
        how: String,
        /// The how-manieth failure in the window.
        count: u32,
        /// Failures mended in place.
        allowed: u32,
        /// The restart waits until then; none: it does not wait.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        not_before: Option<WallTime>,
    },
    /// A resource failed too often here; the node is barred for the service.
    FailedTooOften {
        /// Which.
        resource: ResourceName,
        /// Where.
        node: NodeName,
        /// Failures in the window.
        count: u32,
        /// For how long the node is barred; none: until a person ends it.
        #[serde(
            default,
            with = "duration::option",
            skip_serializing_if = "Option::is_none"
        )]
        barred_for: Option<Duration>,
    },
    /// An operator asked.
    AskedByOperator {
        /// Who.
        user: UserName,
    },
    /// The new version of the spec has no such service, or it changed.
    SpecChanged {
        /// The version.
        version: u64,
    },
    /// A node higher in `prefer` is ready, and the service may return to it.
    Failback {
        /// To which.
        node: NodeName,
    },
    /// The service was found running there, and is adopted.
    FoundRunning {
        /// Where.
        node: NodeName,
    },
    /// The service was found running where it must not run.
    FoundElsewhere {
        /// Where it was found.
        node: NodeName,
    },
    /// We wait for a fence to be confirmed.
    WaitsForFence {
        /// Of which node.
        node: NodeName,
    },
    /// We wait for a stop.
    WaitsForStop {
        /// Where.
        node: NodeName,
    },
    /// We wait for another service.
    WaitsForService {
        /// Which.
        service: ServiceName,
    },
    /// We wait until one of several services runs.
    WaitsForOneOf {
        /// Which.
        services: Vec<ServiceName>,
    },
    /// Stopped, because a service that needs this one stopped... in reverse order.
    StopsBefore {
        /// The service that will be stopped after this one.
        service: ServiceName,
    },
    /// We wait for a node to tell what runs there.
    WaitsForProbe {
        /// Which.
        node: NodeName,
    },
    /// A closed daemon is left alone; its services are believed to run.
    WaitsForDaemon {
        /// Whose.
        node: NodeName,
    },
    /// No node may run it.
    NoNode {
        /// For each node, why not.
        nodes: Vec<(NodeName, String)>,
    },
    /// The service is stopped on request.
    Disabled,
    /// The service is frozen.
    Frozen,
    /// Maintenance is on.
    Maintenance,
    /// No device is configured that could fence the node.
    NoFenceDevice {
        /// Which.
        node: NodeName,
    },
    /// The node was fenced too often; a person must look.
    FencedTooOften {
        /// Which.
        node: NodeName,
        /// Times within the last hour.
        times: u32,
    },
    /// Its copies are on other nodes, one for each that may run it.
    EveryNodeHasOne,
    /// It belongs where another service is, and that is or goes elsewhere.
    TogetherWith {
        /// Which service.
        service: ServiceName,
        /// Where that is, or goes; none: nowhere.
        node: Option<NodeName>,
    },
    /// It must not be where another service is.
    ApartFrom {
        /// Which service.
        service: ServiceName,
        /// Where that is, or goes.
        node: NodeName,
    },
    /// All services taken together, its place is another one.
    BetterPlace {
        /// Where.
        node: NodeName,
    },
    /// A move there would be taken back by the next plan, and is not begun.
    TakenBack {
        /// Where to.
        node: NodeName,
    },
    /// There is room for others only, which stand before it.
    Displaced {
        /// From where.
        node: NodeName,
    },
    /// Its node has no room for it beside the others.
    NoRoom {
        /// Which node.
        node: NodeName,
        /// Of which good.
        good: String,
        /// How much it needs.
        needs: u64,
        /// How much the others leave.
        left: u64,
    },
    /// The node is no longer one that it may use.
    NotAllowedThere {
        /// Which node.
        node: NodeName,
        /// Why.
        why: String,
    },
    /// The ticket that it needs is not here.
    NeedsTicket {
        /// Which.
        ticket: TicketName,
    },
    /// It waits until another service has started.
    WaitsForStart {
        /// Which.
        service: ServiceName,
    },
    /// It needs a copy of another service on its own node.
    WaitsForCopy {
        /// Of which service.
        service: ServiceName,
        /// Where.
        node: NodeName,
    },
    /// It needs all copies of another service, and one is not up yet.
    WaitsForAllCopies {
        /// Of which service.
        service: ServiceName,
        /// Which copy.
        copy: ServiceName,
    },
    /// It is to restart as well, and one copy of its service does so at a time.
    RestartsAfter {
        /// Which copy goes before it.
        copy: ServiceName,
    },
    /// It is to change, and a copy of its service has failed with a later configuration.
    KeptFromChange {
        /// Which copy failed.
        copy: ServiceName,
    },
    /// A failure holds it until a person has looked.
    HeldAfterFailure {
        /// Which resource failed.
        resource: ResourceName,
        /// Where.
        node: NodeName,
        /// How.
        how: String,
    },
    /// The answer to this failure concerns the whole node.
    FailureOfNode {
        /// Which service.
        service: ServiceName,
        /// Which resource.
        resource: ResourceName,
        /// Where.
        node: NodeName,
        /// How.
        how: String,
    },
    /// The node is in maintenance.
    NodeMaintenance {
        /// Which.
        node: NodeName,
    },
    /// A copy should be promoted, and none is.
    ShouldBePromoted,
    /// Another copy may still be promoted.
    WaitsForDemote {
        /// Where.
        node: NodeName,
    },
    /// What must be apart from the promoted copies is there still.
    WaitsToBeApart {
        /// Which service.
        service: ServiceName,
        /// Where.
        node: NodeName,
    },
    /// It gave the role away, or lost it.
    RoleEnded {
        /// Where.
        node: NodeName,
    },
    /// It was found promoted, and nobody has asked for that.
    FoundPromoted {
        /// Where.
        node: NodeName,
    },
    /// No copy can be promoted now.
    NobodyToPromote {
        /// For each node with a copy, why not.
        nodes: Vec<(NodeName, String)>,
    },
    /// What speaks for it to be promoted there has become too little.
    UnfitToLead {
        /// Where.
        node: NodeName,
        /// Why.
        why: String,
    },
    /// More copies are promoted than are wanted.
    TooManyPromoted {
        /// How many are wanted.
        wanted: u32,
    },
    /// A witness answers a majority.
    WitnessAnswers {
        /// Which.
        witness: WitnessName,
    },
    /// A witness does not answer any more, while a majority is there to do without it.
    WitnessSilent {
        /// Which.
        witness: WitnessName,
        /// For how long; zero: it has not answered this leader at all.
        #[serde(with = "duration")]
        silent_for: Duration,
    },
    /// A live migration is under way.
    MovesLive {
        /// From where.
        from: NodeName,
        /// To where.
        to: NodeName,
    },
    /// A live migration has failed, or what it needed is gone.
    NotMovedLive {
        /// Where it should have gone.
        node: NodeName,
        /// How.
        how: String,
    },
    /// It was found on several nodes, and all that was found stops before it starts anew.
    FoundTwice {
        /// Which.
        nodes: Vec<NodeName>,
    },
    /// It was found on several nodes, and what follows is left to a person.
    HeldTwice {
        /// Which.
        nodes: Vec<NodeName>,
    },
    /// We wait until an end of a live migration has cleared away what it has.
    WaitsForClearing {
        /// Which.
        node: NodeName,
    },
    /// A witness was taken out.
    WitnessRemoved {
        /// Which.
        witness: WitnessName,
    },
    /// A network that it needs has no usable card left on its node, and has one elsewhere.
    NoUsableCard {
        /// Which node.
        node: NodeName,
        /// Which network.
        network: NetworkName,
    },
    /// Too few ping targets answer on its node, and more do elsewhere.
    TooFewPings {
        /// Which node.
        node: NodeName,
        /// Whose targets: `network lan`, or a service.
        of: String,
        /// How many answer.
        reached: u32,
        /// How many must.
        needed: u32,
    },
    /// A device failed to fence, another try follows.
    FenceFailed {
        /// Which node.
        node: NodeName,
        /// Which device was last.
        device: Option<DeviceName>,
        /// How.
        how: String,
    },
}

impl Reason {
    /// In short, where it is clear which node is meant: `process-1 failed 4 times`. Of
    /// other reasons the whole sentence.
    #[must_use]
    pub fn clause(&self) -> String {
        match self {
            Self::FailedTooOften {
                resource, count: 1, ..
            } => format!("{resource} failed once"),
            Self::FailedTooOften {
                resource, count, ..
            } => format!("{resource} failed {count} times"),
            other => other.to_string(),
        }
    }

    /// Those that follow from rules which few services have.
    fn fmt_rule(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EveryNodeHasOne => write!(f, "each node that may run it now has its copy"),
            Self::TogetherWith {
                service,
                node: Some(node),
            } => write!(f, "it belongs where {service} is, on {node}"),
            Self::TogetherWith {
                service,
                node: None,
            } => write!(f, "it belongs where {service} is, which has no place now"),
            Self::ApartFrom { service, node } => {
                write!(f, "it must not be where {service} is, on {node}")
            }
            Self::BetterPlace { node } => write!(f, "with all others in view it belongs on {node}"),
            Self::TakenBack { node } => {
                write!(f, "a move to {node} would be taken back by the next plan")
            }
            Self::Displaced { node } => {
                write!(f, "what stands before it needs its place on {node}")
            }
            Self::NoRoom {
                node,
                good,
                needs,
                left,
            } => write!(f, "no room on {node}: {good} {needs} needed, {left} left"),
            Self::NotAllowedThere { node, why } => write!(f, "it may not be on {node}: {why}"),
            Self::NeedsTicket { ticket } => write!(f, "ticket {ticket} is not here"),
            Self::WaitsForStart { service } => write!(f, "waits until {service} has started"),
            Self::HeldAfterFailure {
                resource,
                node,
                how,
            } => write!(
                f,
                "{resource} failed on {node} ({how}), and it stays like this until cleared"
            ),
            Self::FailureOfNode {
                service,
                resource,
                node,
                how,
            } => write!(f, "{resource} of {service} failed on {node} ({how})"),
            Self::NodeMaintenance { node } => write!(f, "{node} is in maintenance"),
            Self::NoUsableCard { .. } | Self::TooFewPings { .. } => self.fmt_network(f),
            Self::FoundTwice { .. } | Self::HeldTwice { .. } => self.fmt_twice(f),
            Self::MovesLive { from, to } => write!(f, "it moves live from {from} to {to}"),
            Self::NotMovedLive { node, how } => {
                write!(f, "it could not move live to {node} ({how})")
            }
            Self::WaitsForClearing { node } => {
                write!(
                    f,
                    "waits until {node} has cleared away what a live move left"
                )
            }
            other => other.fmt_copies(f),
        }
    }

    /// What copies wait for, and who waits for copies.
    fn fmt_copies(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WaitsForCopy { service, node } => {
                write!(f, "waits for the copy of {service} on {node} to run")
            }
            Self::WaitsForAllCopies { service, copy } => {
                write!(
                    f,
                    "waits for all copies of {service} to run: {copy} does not yet"
                )
            }
            Self::RestartsAfter { copy } => {
                write!(f, "restarts once {copy} runs: its copies go one by one")
            }
            Self::KeptFromChange { copy } => {
                write!(
                    f,
                    "runs on as it was configured before: {copy} has failed since; \
                     `mainstay clear {copy}` lets it try again"
                )
            }
            other => other.fmt_role(f),
        }
    }

    /// Who is promoted, and who not.
    fn fmt_role(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShouldBePromoted => write!(f, "a copy should be promoted, and none is"),
            Self::WaitsForDemote { node } => {
                write!(f, "waits until it is not promoted on {node} any more")
            }
            Self::WaitsToBeApart { service, node } => write!(
                f,
                "waits for {service} to stop on {node}: it must be apart from the promoted copy"
            ),
            Self::FoundPromoted { node } => write!(f, "found promoted on {node}"),
            Self::RoleEnded { node } => write!(f, "it is not promoted on {node} any more"),
            Self::NobodyToPromote { nodes } => {
                f.write_str("no copy can be promoted")?;
                fmt_each(f, nodes)
            }
            Self::UnfitToLead { node, why } => {
                write!(f, "it shall not be promoted on {node}: {why}")
            }
            Self::TooManyPromoted { wanted: 1 } => write!(f, "one promoted copy is enough"),
            Self::TooManyPromoted { wanted } => {
                write!(f, "{wanted} promoted copies are enough")
            }
            other => other.fmt_witness(f),
        }
    }

    /// What a node lacks of its networks.
    fn fmt_network(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoUsableCard { node, network } => {
                write!(f, "network {network} has no usable card on {node}")
            }
            Self::TooFewPings {
                node,
                of,
                reached,
                needed,
            } => write!(
                f,
                "too few ping targets of {of} answer on {node}: {reached}, needed {needed}"
            ),
            _other => Ok(()),
        }
    }
}

impl Reason {
    /// Why a witness decides between two halves, or does not.
    fn fmt_witness(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WitnessAnswers { witness } => write!(f, "{witness} answers a majority"),
            Self::WitnessSilent {
                witness,
                silent_for,
            } => fmt_silent_witness(f, witness, *silent_for),
            Self::WitnessRemoved { witness } => write!(f, "{witness} was taken out"),
            _other => Ok(()),
        }
    }
}

fn waits_for_one_of(f: &mut fmt::Formatter<'_>, services: &[ServiceName]) -> fmt::Result {
    let names: Vec<&str> = services.iter().map(ServiceName::as_str).collect();
    write!(f, "waits for one of {} to run", names.join(", "))
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NodeSilent {
                node,
                silent_for,
                agreed_by,
            } => fmt_silence(f, (node, "silent"), *silent_for, agreed_by),
            Self::NodeUnanswered {
                node,
                silent_for,
                agreed_by,
            } => fmt_silence(f, (node, UNANSWERED), *silent_for, agreed_by),
            Self::DaemonDownTooLong { node } => {
                write!(f, "the daemon of {node} stayed down for too long")
            }
            Self::NeverHeard { node } => write!(f, "{node} not heard since the cluster started"),
            Self::VouchedOff { node, by } => write!(f, "{by} vouched that {node} is off"),
            Self::StopFailed { service, node } => {
                write!(f, "{service} could not be stopped on {node}")
            }
            Self::ShouldRun => write!(f, "it should run and runs nowhere"),
            Self::NodeFenced { node } => write!(f, "{node} is proven off"),
            Self::NodeRebooted { node } => write!(f, "{node} has rebooted"),
            Self::FenceLied { node, by } => fmt_lie(f, node, by),
            Self::NoTrustedDevice { node, device } => fmt_untrusted(f, node, device),
            Self::LeaseEnded { node } => write!(f, "the lease of {node} ended"),
            Self::GivenBack { node } => write!(f, "{node} stopped it without being asked"),
            Self::NodeLeaving { node } => write!(f, "{node} is leaving"),
            Self::NodeStandby { node } => write!(f, "{node} is on standby"),
            Self::ResourceFailed {
                resource,
                how,
                count,
                allowed,
                not_before,
            } => fmt_failure(f, (resource, how), (*count, *allowed), *not_before),
            Self::FailedTooOften {
                resource,
                node,
                count,
                barred_for,
            } => fmt_too_often(f, resource, node, (*count, *barred_for)),
            Self::AskedByOperator { user } => write!(f, "asked by {user}"),
            Self::SpecChanged { version } => write!(f, "configuration version {version}"),
            Self::Failback { node } => write!(f, "{node} is preferred and ready again"),
            Self::FoundRunning { node } => write!(f, "found running on {node}"),
            Self::FoundElsewhere { node } => {
                write!(f, "found running on {node}, where it must not")
            }
            Self::WaitsForFence { node } => write!(f, "waits until {node} is proven off"),
            Self::WaitsForStop { node } => write!(f, "waits for the stop on {node}"),
            Self::WaitsForService { service } => write!(f, "waits for {service} to run"),
            Self::WaitsForOneOf { services } => waits_for_one_of(f, services),
            Self::StopsBefore { service } => write!(f, "{service} stops next, and this needs it"),
            Self::WaitsForProbe { node } => write!(f, "waits for {node} to tell what runs there"),
            Self::WaitsForDaemon { node } => write!(
                f,
                "the daemon of {node} is down, its services are left alone"
            ),
            Self::NoNode { nodes } => fmt_no_node(f, nodes),
            Self::Disabled => write!(f, "stopped on request"),
            Self::Frozen => write!(f, "frozen on request"),
            Self::Maintenance => write!(f, "maintenance is on"),
            Self::NoFenceDevice { node } => write!(f, "no fence device is configured for {node}"),
            Self::FencedTooOften { node, times } => fmt_brake(f, node, *times),
            Self::FenceFailed { node, device, how } => fmt_fence(f, node, device.as_ref(), how),
            rule => rule.fmt_rule(f),
        }
    }
}

const UNANSWERED: &str = "heard, but without an answer";

fn fmt_lie(f: &mut fmt::Formatter<'_>, node: &NodeName, by: &str) -> fmt::Result {
    write!(
        f,
        "{node} lives although {by} confirmed it off; two copies may have run"
    )
}

fn fmt_fence(
    f: &mut fmt::Formatter<'_>,
    node: &NodeName,
    device: Option<&DeviceName>,
    how: &str,
) -> fmt::Result {
    match device {
        Some(device) => write!(f, "{device} could not fence {node}: {how}"),
        None => write!(f, "{node} could not be fenced: {how}"),
    }
}

fn fmt_silent_witness(
    f: &mut fmt::Formatter<'_>,
    witness: &WitnessName,
    silent_for: Duration,
) -> fmt::Result {
    match silent_for.as_millis() {
        0 => write!(f, "{witness} does not answer"),
        millis => write!(f, "{witness} silent for {millis} ms"),
    }
}

fn fmt_untrusted(f: &mut fmt::Formatter<'_>, node: &NodeName, device: &DeviceName) -> fmt::Result {
    write!(
        f,
        "{device} confirmed what was not true and no other device can fence {node}; \
         `mainstay fence confirm {node}` once it is off"
    )
}

fn fmt_failure(
    f: &mut fmt::Formatter<'_>,
    (resource, how): (&ResourceName, &str),
    (count, allowed): (u32, u32),
    not_before: Option<WallTime>,
) -> fmt::Result {
    write!(
        f,
        "{resource} failed ({how}), failure {count}, {allowed} allowed here"
    )?;
    fmt_pause(f, not_before)
}

fn fmt_silence(
    f: &mut fmt::Formatter<'_>,
    (node, how): (&NodeName, &str),
    silent_for: Duration,
    agreed_by: &[NodeName],
) -> fmt::Result {
    let millis = silent_for.as_millis();
    write!(
        f,
        "{node} {how} for {millis} ms, agreed by {}",
        join(agreed_by)
    )
}

fn fmt_pause(f: &mut fmt::Formatter<'_>, not_before: Option<WallTime>) -> fmt::Result {
    let Some(until) = not_before.map(|until| until.to_string()) else {
        return Ok(());
    };
    // The pause is short: its day says nothing.
    let of_day = until.split_once('T').map_or(&*until, |(_, of_day)| of_day);
    write!(f, "; restarts at {}", of_day.trim_end_matches('Z'))
}

fn fmt_too_often(
    f: &mut fmt::Formatter<'_>,
    resource: &ResourceName,
    node: &NodeName,
    (count, barred_for): (u32, Option<Duration>),
) -> fmt::Result {
    let times = match count {
        1 => "once".to_string(),
        many => format!("{many} times"),
    };
    write!(f, "{resource} failed {times} on {node}, which is barred ")?;
    match barred_for {
        None => f.write_str("until cleared"),
        Some(span) => write!(f, "for {}", duration::format(span)),
    }
}

fn fmt_no_node(f: &mut fmt::Formatter<'_>, nodes: &[(NodeName, String)]) -> fmt::Result {
    f.write_str("no node may run it")?;
    fmt_each(f, nodes)
}

fn fmt_each(f: &mut fmt::Formatter<'_>, nodes: &[(NodeName, String)]) -> fmt::Result {
    nodes.iter().enumerate().try_for_each(|(i, (node, why))| {
        write!(f, "{} {node}: {why}", if i == 0 { ":" } else { ";" })
    })
}

fn fmt_brake(f: &mut fmt::Formatter<'_>, node: &NodeName, times: u32) -> fmt::Result {
    write!(
        f,
        "{node} was fenced {times} times within an hour; `mainstay fence confirm {node}` after a look"
    )
}

fn join(names: &[NodeName]) -> String {
    names
        .iter()
        .map(NodeName::as_str)
        .collect::<Vec<_>>()
        .join(" and ")
}
