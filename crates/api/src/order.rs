//! What operators can order.

use std::fmt;

use model::checks::{CheckName, CheckOrder};
use model::seen::TicketStanding;
use model::{CardName, DeviceName, NodeName, ResourceName, ServiceName, TicketName};
use serde::{Deserialize, Serialize};

use crate::PlanView;

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::On => "on",
            Self::Off => "off",
        })
    }
}

/// An order of an operator. Its `Display` is the command that gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum Order {
    /// Run a service.
    Start {
        /// Which.
        service: ServiceName,
        /// Where; none: where it is best.
        #[serde(default)]
        to: Option<NodeName>,
        /// Whether it starts without the services that it is `after`.
        #[serde(default)]
        without_dependencies: bool,
    },
    /// Stop a service and leave it stopped.
    Stop {
        /// Which.
        service: ServiceName,
    },
    /// Stop and start a service where it is.
    Restart {
        /// Which.
        service: ServiceName,
    },
    /// Have what runs read its own configuration again, without a stop.
    Reload {
        /// Which.
        service: ServiceName,
        /// Which of its resources; none: all that can.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resource: Option<ResourceName>,
    },
    /// Take a service to another node.
    Move {
        /// Which.
        service: ServiceName,
        /// Where to; none: the best other node.
        #[serde(default)]
        to: Option<NodeName>,
    },
    /// Leave a service as it is, whatever happens.
    Freeze {
        /// Which.
        service: ServiceName,
    },
    /// End of `Freeze`.
    Thaw {
        /// Which.
        service: ServiceName,
    },
    /// Forget the failures and bars of a service.
    Clear {
        /// Which.
        service: ServiceName,
    },
    /// Set a node aside: it stays a member and runs nothing.
    Standby {
        /// Which.
        node: NodeName,
    },
    /// End of `Standby`.
    Online {
        /// Which.
        node: NodeName,
    },
    /// Trust cards of a node again that have failed.
    Rearm {
        /// Which node.
        node: NodeName,
        /// Which card; none: all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        card: Option<CardName>,
    },
    /// Maintenance of the whole cluster, or of one node.
    Maintenance {
        /// Begin or end.
        switch: Switch,
        /// Of which node; none: of the whole cluster.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<NodeName>,
    },
    /// Set an attribute of a node, or forget what was set.
    Attribute {
        /// Which node.
        node: NodeName,
        /// Which attribute.
        key: String,
        /// What it is from now on; none: as the configuration says.
        #[serde(default)]
        value: Option<String>,
    },
    /// Something is done to checks.
    Checks {
        /// Of which service; none: of all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        service: Option<ServiceName>,
        /// Which; none: all of the service.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        check: Option<CheckName>,
        /// What.
        order: CheckOrder,
    },
    /// Something is done to checks of a node.
    NodeChecks {
        /// Of which node.
        node: NodeName,
        /// Which; none: all of the node.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        check: Option<CheckName>,
        /// What: a pause, its end, or a question now.
        order: CheckOrder,
    },
    /// A ticket comes here, goes, or is about to go.
    Ticket {
        /// Which.
        ticket: TicketName,
        /// How it stands from now on.
        standing: TicketStanding,
    },
    /// Prove that a node does no more harm: its fence devices switch it off.
    Fence {
        /// Which.
        node: NodeName,
    },
    /// The operator vouches that a node is off.
    ConfirmFence {
        /// Which.
        node: NodeName,
    },
    /// The operator has checked a fence device that confirmed what was not true.
    TrustDevice {
        /// Which.
        device: DeviceName,
    },
    /// Ask the fence devices of a node for its state; nothing is switched.
    TestFence {
        /// Which; none: every node.
        #[serde(default)]
        node: Option<NodeName>,
    },
    /// The node that is asked gives its services away and its daemon ends; it stays a
    /// member and comes back when its daemon starts.
    Halt,
    /// The node that is asked gives its services away and leaves the cluster for good.
    Leave,
    /// Another node, which is down, is taken out of the cluster for good.
    RemoveNode {
        /// Which.
        node: NodeName,
    },
}

impl Order {
    /// What must be typed to carry this order out: the name of the node for orders that
    /// switch a node off, vouch for it or forget it; none for all that can be undone.
    #[must_use]
    pub fn confirmation(&self) -> Option<&str> {
        match self {
            Self::Fence { node } | Self::ConfirmFence { node } | Self::RemoveNode { node } => {
                Some(node.as_str())
            }
            Self::Start { .. }
            | Self::Stop { .. }
            | Self::Restart { .. }
            | Self::Reload { .. }
            | Self::Move { .. }
            | Self::Freeze { .. }
            | Self::Thaw { .. }
            | Self::Clear { .. }
            | Self::Standby { .. }
            | Self::Online { .. }
            | Self::Rearm { .. }
            | Self::Maintenance { .. }
            | Self::Attribute { .. }
            | Self::Checks { .. }
            | Self::NodeChecks { .. }
            | Self::Ticket { .. }
            | Self::TrustDevice { .. }
            | Self::TestFence { .. }
            | Self::Halt
            | Self::Leave => None,
        }
    }

    /// The service that the order is about.
    #[must_use]
    pub fn service(&self) -> Option<&ServiceName> {
        match self {
            Self::Start { service, .. }
            | Self::Stop { service }
            | Self::Restart { service }
            | Self::Reload { service, .. }
            | Self::Move { service, .. }
            | Self::Freeze { service }
            | Self::Thaw { service }
            | Self::Clear { service } => Some(service),
            Self::Checks { service, .. } => service.as_ref(),
            Self::NodeChecks { .. }
            | Self::Standby { .. }
            | Self::Online { .. }
            | Self::Rearm { .. }
            | Self::Maintenance { .. }
            | Self::Attribute { .. }
            | Self::Ticket { .. }
            | Self::Fence { .. }
            | Self::ConfirmFence { .. }
            | Self::TrustDevice { .. }
            | Self::TestFence { .. }
            | Self::RemoveNode { .. }
            | Self::Halt
            | Self::Leave => None,
        }
    }

    /// The node that the order names.
    #[must_use]
    pub fn node(&self) -> Option<&NodeName> {
        match self {
            Self::Move { to, .. } | Self::Start { to, .. } => to.as_ref(),
            Self::TestFence { node } | Self::Maintenance { node, .. } => node.as_ref(),
            Self::Attribute { node, .. } | Self::Rearm { node, .. } => Some(node),
            Self::Standby { node }
            | Self::Online { node }
            | Self::Fence { node }
            | Self::ConfirmFence { node }
            | Self::RemoveNode { node } => Some(node),
            Self::Stop { .. }
            | Self::Restart { .. }
            | Self::Reload { .. }
            | Self::Freeze { .. }
            | Self::Thaw { .. }
            | Self::Clear { .. }
            | Self::Checks { .. }
            | Self::NodeChecks { .. }
            | Self::Ticket { .. }
            | Self::TrustDevice { .. }
            | Self::Halt
            | Self::Leave => None,
        }
    }
}

impl Order {
    /// The same order for another name: for one copy of the service that it is about.
    #[must_use]
    pub fn with_service(&self, name: ServiceName) -> Self {
        let mut order = self.clone();
        match &mut order {
            Self::Start { service, .. }
            | Self::Stop { service }
            | Self::Restart { service }
            | Self::Reload { service, .. }
            | Self::Move { service, .. }
            | Self::Freeze { service }
            | Self::Thaw { service }
            | Self::Clear { service }
            | Self::Checks {
                service: Some(service),
                ..
            } => *service = name,
            Self::Checks { service: None, .. } | Self::NodeChecks { .. } => {}
            Self::Standby { .. }
            | Self::Online { .. }
            | Self::Rearm { .. }
            | Self::Maintenance { .. }
            | Self::Attribute { .. }
            | Self::Ticket { .. }
            | Self::Fence { .. }
            | Self::ConfirmFence { .. }
            | Self::TrustDevice { .. }
            | Self::TestFence { .. }
            | Self::RemoveNode { .. }
            | Self::Halt
            | Self::Leave => {}
        }
        order
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start {
                service,
                to,
                without_dependencies,
            } => {
                write!(f, "start {service}")?;
                to.iter().try_for_each(|to| write!(f, " --node {to}"))?;
                match without_dependencies {
                    true => f.write_str(" --without-dependencies"),
                    false => Ok(()),
                }
            }
            Self::Stop { service } => write!(f, "stop {service}"),
            Self::Restart { service } => write!(f, "restart {service}"),
            Self::Reload { service, resource } => fmt_reload(f, service, resource.as_ref()),
            Self::Move { service, to: None } => write!(f, "move {service}"),
            Self::Move {
                service,
                to: Some(to),
            } => write!(f, "move {service} --to {to}"),
            Self::Freeze { service } => write!(f, "freeze {service}"),
            Self::Thaw { service } => write!(f, "thaw {service}"),
            Self::Clear { service } => write!(f, "clear {service}"),
            Self::Standby { node } => write!(f, "standby {node}"),
            Self::Online { node } => write!(f, "online {node}"),
            Self::Rearm { node, card } => {
                write!(f, "rearm {node}")?;
                card.iter().try_for_each(|card| write!(f, " {card}"))
            }
            Self::Maintenance { switch, node } => {
                write!(f, "maintenance {switch}")?;
                node.iter().try_for_each(|node| write!(f, " --node {node}"))
            }
            Self::Attribute {
                node,
                key,
                value: Some(value),
            } => write!(f, "attr set {node} {key} {value}"),
            Self::Attribute {
                node,
                key,
                value: None,
            } => write!(f, "attr unset {node} {key}"),
            Self::Checks {
                service,
                check,
                order,
            } => fmt_checks(f, service.as_ref().map(|it| it as _), check.as_ref(), order),
            Self::NodeChecks { node, check, order } => {
                fmt_checks(f, Some(&format!("node:{node}")), check.as_ref(), order)
            }
            Self::Ticket { ticket, standing } => fmt_ticket(f, ticket, *standing),
            Self::Fence { node } => write!(f, "fence {node}"),
            Self::ConfirmFence { node } => write!(f, "fence confirm {node}"),
            Self::TrustDevice { device } => write!(f, "fence trust {device}"),
            Self::TestFence { node: Some(node) } => write!(f, "fence test {node}"),
            Self::TestFence { node: None } => f.write_str("fence test"),
            Self::Halt => f.write_str("halt"),
            Self::Leave => f.write_str("leave"),
            Self::RemoveNode { node } => write!(f, "node remove {node}"),
        }
    }
}

fn fmt_reload(
    f: &mut fmt::Formatter<'_>,
    service: &ServiceName,
    resource: Option<&ResourceName>,
) -> fmt::Result {
    match resource {
        Some(resource) => write!(f, "reload {service}/{resource}"),
        None => write!(f, "reload {service}"),
    }
}

fn fmt_ticket(
    f: &mut fmt::Formatter<'_>,
    ticket: &TicketName,
    standing: TicketStanding,
) -> fmt::Result {
    let word = match standing {
        TicketStanding::Granted => "grant",
        TicketStanding::Standby => "standby",
        TicketStanding::Revoked => "revoke",
    };
    write!(f, "ticket {word} {ticket}")
}

fn fmt_checks(
    f: &mut fmt::Formatter<'_>,
    of: Option<&dyn fmt::Display>,
    check: Option<&CheckName>,
    order: &CheckOrder,
) -> fmt::Result {
    write!(f, "checks {}", order.word())?;
    match (of, check) {
        (Some(of), Some(check)) => write!(f, " {of}/{check}")?,
        (Some(of), None) => write!(f, " {of}")?,
        (None, _) => f.write_str(" --all")?,
    }
    match order {
        CheckOrder::Pause { span: Some(span) } => {
            write!(f, " --for {}", model::duration::format(*span))
        }
        CheckOrder::Pause { span: None }
        | CheckOrder::Resume
        | CheckOrder::Run
        | CheckOrder::Install { .. }
        | CheckOrder::Remove
        | CheckOrder::Set { .. }
        | CheckOrder::Reset => Ok(()),
    }
}

/// Asks for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRequest {
    /// Which.
    pub order: Order,
    /// Whether only the plan is wanted.
    #[serde(default)]
    pub dry_run: bool,
    /// `Order::confirmation`, typed by a person who has seen the plan. Orders that need
    /// one are refused without it.
    #[serde(default)]
    pub confirm: Option<String>,
}

/// The answer to an order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderReply {
    /// Whether the order is carried out; `false` for a preview.
    pub accepted: bool,
    /// What follows from it.
    pub plan: PlanView,
    /// The log index of the order, once it is accepted: what happens after it follows from
    /// it.
    pub index: Option<u64>,
    /// What else should be known, one sentence each.
    #[serde(default)]
    pub notes: Vec<String>,
}
