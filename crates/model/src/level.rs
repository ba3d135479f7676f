//! Feature levels: what nodes of two versions may say to each other while a cluster is
//! upgraded one node after the other.
//!
//! Each program knows one level and all below it. A cluster has a level as well, which is in
//! the log: it rises when every member runs a program that knows the higher one, and never
//! goes down. What belongs to a level is not put into the log before the cluster has reached
//! it, so no member ever meets something there that it does not know.

use crate::command::{Command, ServiceOrder};
use crate::roles::RoleMeant;
use crate::rules::{Company, NodesMeant, PlacementPolicy, ServiceRules, TicketLoss, WhereRule};
use crate::spec::{
    MountSource, NetworkSpec, ProcessLimits, ProcessSpec, Ready, ResourceKind, ServiceSpec, Spec,
};

/// The level of this program. Grows when commands, or parts of the spec, are added which
/// older programs do not know.
pub const LEVEL: u32 = if cfg!(feature = "older") { 1 } else { 2 };

/// The level of a cluster that has not said otherwise, and of programs that say none.
pub const LEVEL_FIRST: u32 = 1;

/// The level of what says none, for `serde`.
pub(crate) fn level_first() -> u32 {
    LEVEL_FIRST
}

impl Command {
    /// The level from which on it may be in the log.
    #[must_use]
    pub fn level(&self) -> u32 {
        match self {
            Self::RaiseLevel { level } => *level,
            Self::SetSpec { spec, .. } => spec.level(),
            Self::AddMember {
                spec: Some(made), ..
            } => made.1.level(),
            Self::Service {
                order: ServiceOrder::StartAs { .. } | ServiceOrder::Reload { .. },
                ..
            }
            | Self::Checks { .. }
            | Self::NodeChecks { .. }
            | Self::CheckTold { .. }
            | Self::NetworksTold { .. }
            | Self::LoadTold { .. }
            | Self::RearmCards { .. }
            | Self::Migrate { .. }
            | Self::Promote { .. }
            | Self::Demote { .. }
            | Self::LetGo { .. }
            | Self::Looked { .. }
            | Self::Reload { .. } => 2,
            _of_the_first_version => LEVEL_FIRST,
        }
    }
}

impl Spec {
    /// The level from which on it may be in the log.
    #[must_use]
    pub fn level(&self) -> u32 {
        let plain = NetworkSpec::default();
        let is_new = self.networks.values().any(|network| *network != plain)
            || !self.cluster.rules.checks.is_empty()
            || self.cluster.rules.placement == PlacementPolicy::LeastLoad
            || self.services.values().any(ServiceSpec::is_of_level_2);
        if is_new { 2 } else { LEVEL_FIRST }
    }
}

impl ServiceSpec {
    fn is_of_level_2(&self) -> bool {
        let ServiceRules {
            checks,
            check_owner,
            ping,
            live,
            roles,
            after_promoted,
            together_with,
            apart_from,
            after_starts,
            after_all_copies,
            after_one_of,
            notified,
            tickets,
            where_rules,
            answers,
            found_twice,
            ..
        } = &self.rules;
        let with_role = |company: &[Company]| company.iter().any(|it| it.role != RoleMeant::Any);
        !checks.is_empty()
            || check_owner.is_some()
            || ping.is_some()
            || *live
            || roles.is_some()
            || !after_promoted.is_empty()
            || !after_starts.is_empty()
            || !after_all_copies.is_empty()
            || self.rules.starts_one_by_one()
            || !after_one_of.is_empty()
            || !notified.is_empty()
            || !answers.is_empty()
            || !found_twice.is_usual()
            || 1 < tickets.len()
            || tickets
                .values()
                .any(|on_loss| *on_loss == TicketLoss::Demote)
            || where_rules.iter().any(WhereRule::is_of_level_2)
            || with_role(together_with)
            || with_role(apart_from)
            || self.resources.iter().any(|it| it.kind.is_of_level_2())
    }
}

impl WhereRule {
    fn is_of_level_2(&self) -> bool {
        let is_new = match &self.meant {
            NodesMeant::One(_) => false,
            NodesMeant::All { .. } | NodesMeant::Any { .. } | NodesMeant::Named { .. } => true,
        };
        is_new || self.role != RoleMeant::Any
    }
}

impl ResourceKind {
    fn is_of_level_2(&self) -> bool {
        match self {
            Self::Address(_) => false,
            Self::Command(command) => {
                command.migration.is_some() || command.roles.is_some() || command.reload.is_some()
            }
            Self::Process(process) => process.is_of_level_2(),
            Self::Mount(mount) => match mount.source {
                MountSource::Device { .. } | MountSource::Bind { .. } => false,
                MountSource::Nfs { .. } | MountSource::Tmpfs { .. } => true,
            },
            Self::Agent(_)
            | Self::Systemd(_)
            | Self::Route(_)
            | Self::Export(_)
            | Self::VolumeGroup(_) => true,
        }
    }
}

impl ProcessSpec {
    fn is_of_level_2(&self) -> bool {
        let is_new = match self.ready {
            Ready::Executed | Ready::Port(_) => false,
            Ready::Notify | Ready::Http { .. } | Ready::File(_) | Ready::Exit(_) => true,
        };
        is_new
            || self.group.is_some()
            || self.limits != ProcessLimits::default()
            || self.stop_signal.is_some()
            || self.reload.is_some()
    }
}
