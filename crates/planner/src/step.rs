//! What a plan is made of.

use std::fmt;

use model::command::BarNode;
use model::seen::{Maintenance, RestartScope};
use model::{
    BootId, ClaimEpoch, ClusterTime, Command, NodeName, PlanId, Reason, ServiceName, UserName,
};

/// The next steps and what is waited for. Complete: whoever carries it out has no choices
/// left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Names it.
    pub id: PlanId,
    /// In the order in which they shall be proposed: safety first, then by priority.
    pub steps: Vec<Step>,
    /// Where nothing is done although something is wished.
    pub waits: Vec<Wait>,
    /// When to plan again although nothing changed, because a wait is for a time.
    pub again_at: Option<ClusterTime>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What.
    pub action: Action,
    /// Why.
    pub because: Reason,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Give a node up which is heard but cannot be trusted any more; it is fenced next.
    Lose {
        /// Which.
        node: NodeName,
        /// In which boot.
        boot: BootId,
    },
    /// Have a node fenced.
    Fence {
        /// Which.
        target: NodeName,
        /// The boot that must be proven ended.
        boot: Option<BootId>,
        /// Who carries it out.
        executor: NodeName,
    },
    /// Set a node aside: its services leave it until a person says otherwise.
    SetAside {
        /// Which.
        node: NodeName,
    },
    /// Give a node the right to run a service.
    Grant {
        /// Which service.
        service: ServiceName,
        /// Which node.
        node: NodeName,
        /// In which boot.
        boot: BootId,
    },
    /// Have the holder of a claim stop the service.
    Revoke {
        /// Which service.
        service: ServiceName,
        /// Where it runs.
        node: NodeName,
        /// Which claim.
        epoch: ClaimEpoch,
        /// Whether the node is barred for the service from now on.
        bar: BarNode,
    },
    /// Have the holder of a claim hand the service over to another node, alive.
    Migrate {
        /// Which service.
        service: ServiceName,
        /// Where it runs.
        node: NodeName,
        /// Which claim.
        epoch: ClaimEpoch,
        /// Where it goes.
        to: NodeName,
        /// In which boot of that.
        to_boot: BootId,
    },
    /// Have the holder of a claim promote what runs.
    Promote {
        /// Which copy.
        service: ServiceName,
        /// Where it runs.
        node: NodeName,
        /// Which claim.
        epoch: ClaimEpoch,
    },
    /// Have the holder of a claim demote what is promoted.
    Demote {
        /// Which copy.
        service: ServiceName,
        /// Where it runs.
        node: NodeName,
        /// Which claim.
        epoch: ClaimEpoch,
    },
    /// Have the holder of a claim take the live configuration over, without a stop.
    Reload {
        /// Which service.
        service: ServiceName,
        /// Where it runs.
        node: NodeName,
        /// Which claim.
        epoch: ClaimEpoch,
    },
    /// Have the holder of a claim restart the service in place.
    Restart {
        /// Which service.
        service: ServiceName,
        /// Where it runs.
        node: NodeName,
        /// Which claim.
        epoch: ClaimEpoch,
        /// What is restarted.
        scope: RestartScope,
    },
}

impl Action {
    /// The service that it is about, if any.
    #[must_use]
    pub fn service(&self) -> Option<&ServiceName> {
        match self {
            Self::Lose { .. } | Self::Fence { .. } | Self::SetAside { .. } => None,
            Self::Grant { service, .. }
            | Self::Revoke { service, .. }
            | Self::Migrate { service, .. }
            | Self::Promote { service, .. }
            | Self::Demote { service, .. }
            | Self::Reload { service, .. }
            | Self::Restart { service, .. } => Some(service),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lose { node, .. } => write!(f, "give up {node}"),
            Self::Fence {
                target, executor, ..
            } => write!(f, "fence {target} from {executor}"),
            Self::SetAside { node } => write!(f, "set {node} aside"),
            Self::Grant { service, node, .. } => write!(f, "start {service} on {node}"),
            Self::Revoke { service, node, .. } => write!(f, "stop {service} on {node}"),
            Self::Migrate {
                service, node, to, ..
            } => write!(f, "move {service} live from {node} to {to}"),
            Self::Promote { service, node, .. } => write!(f, "promote {service} on {node}"),
            Self::Demote { service, node, .. } => write!(f, "demote {service} on {node}"),
            Self::Reload { service, node, .. } => write!(f, "reload {service} on {node}"),
            Self::Restart { service, node, .. } => write!(f, "restart {service} on {node}"),
        }
    }
}

fn promote(service: ServiceName, epoch: ClaimEpoch, plan: PlanId, because: Reason) -> Command {
    Command::Promote {
        service,
        epoch,
        plan,
        because,
    }
}

fn demote(service: ServiceName, epoch: ClaimEpoch, plan: PlanId, because: Reason) -> Command {
    Command::Demote {
        service,
        epoch,
        plan,
        because,
    }
}

fn reload(service: ServiceName, epoch: ClaimEpoch, plan: PlanId, because: Reason) -> Command {
    Command::Reload {
        service,
        epoch,
        plan,
        because,
    }
}

impl Step {
    /// The command that carries it out.
    #[must_use]
    pub fn command(&self, plan: PlanId) -> Command {
        let because = self.because.clone();
        match self.action.clone() {
            Action::Lose { node, boot } => lose(node, boot, because),
            Action::Fence {
                target,
                boot,
                executor,
            } => Command::Fence {
                target,
                boot,
                executor,
                because,
            },
            Action::SetAside { node } => set_aside(node),
            Action::Grant {
                service,
                node,
                boot,
            } => Command::Grant {
                service,
                node,
                boot,
                plan,
                because,
            },
            Action::Revoke {
                service,
                epoch,
                bar,
                ..
            } => Command::Revoke {
                service,
                epoch,
                plan,
                because,
                bar,
            },
            Action::Migrate {
                service,
                epoch,
                to,
                to_boot,
                ..
            } => Command::Migrate {
                service,
                epoch,
                node: to,
                boot: to_boot,
                plan,
                because,
            },
            Action::Promote { service, epoch, .. } => promote(service, epoch, plan, because),
            Action::Demote { service, epoch, .. } => demote(service, epoch, plan, because),
            Action::Reload { service, epoch, .. } => reload(service, epoch, plan, because),
            Action::Restart {
                service,
                epoch,
                scope,
                ..
            } => Command::Restart {
                service,
                epoch,
                scope,
                plan,
                because,
            },
        }
    }

    /// The step for people: `start web on beta: alpha is proven off`.
    #[must_use]
    pub fn sentence(&self) -> String {
        format!("{}: {}", self.action, self.because)
    }
}

fn lose(node: NodeName, boot: BootId, because: Reason) -> Command {
    Command::NodeLost {
        node,
        boot: Some(boot),
        because,
    }
}

fn set_aside(node: NodeName) -> Command {
    Command::SetStandby {
        node,
        standby: Maintenance::On,
        by: UserName::new("mainstay").expect("a plain word is a name"),
    }
}

/// Who or what waits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A service.
    Service(ServiceName),
    /// A node.
    Node(NodeName),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(service) => service.fmt(f),
            Self::Node(node) => node.fmt(f),
        }
    }
}

/// Something wished that is not done now, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// Who or what waits.
    pub subject: Subject,
    /// For what.
    pub because: Reason,
}

impl Wait {
    /// The wait for people: `web: waits until alpha is proven off`.
    #[must_use]
    pub fn sentence(&self) -> String {
        format!("{}: {}", self.subject, self.because)
    }
}
