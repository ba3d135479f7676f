//! What the ends of live migrations would tell. The hand-over takes as long as the whole
//! migration was measured to take, which counts until the target tells that all runs; that
//! something is cleared away, nobody waits for.

use model::Command;
use model::command::Report;
use model::migration::{Migration, MigrationStage};
use model::roles::RoleTold;
use model::seen::{Goal, NodeState, Phase, ResourceState, Seen};
use model::{BootId, NodeName, ServiceName};

/// What is told at once.
pub(crate) fn news(seen: &Seen) -> Vec<Command> {
    let news = seen
        .migrations
        .iter()
        .filter_map(|(service, migration)| match migration.stage {
            MigrationStage::Leaving => handed_over(seen, service, migration),
            MigrationStage::Arriving => None,
            MigrationStage::Clearing | MigrationStage::CalledOff => cleared(seen, service),
        });
    news.collect()
}

fn handed_over(seen: &Seen, service: &ServiceName, migration: &Migration) -> Option<Command> {
    let claim = seen.services.get(service)?.claim.as_ref()?;
    let runs = claim.goal == Goal::Run && claim.phase == Phase::Running;
    let is_heard = heard(seen, &migration.from.node) == Some(migration.from.boot);
    (runs && is_heard).then(|| Command::Report {
        node: claim.node.clone(),
        boot: claim.boot,
        run: 0,
        service: service.clone(),
        epoch: claim.epoch,
        incarnation: claim.incarnation,
        report: Report::HandedOver,
        resources: claim
            .resources
            .iter()
            .map(|(name, _)| (name.clone(), ResourceState::Stopped))
            .collect(),
        role: RoleTold::default(),
    })
}

fn cleared(seen: &Seen, service: &ServiceName) -> Option<Command> {
    let marks = &seen.services.get(service)?.strays;
    let (node, boot) = marks
        .iter()
        .find(|(node, boot)| heard(seen, node) == Some(**boot))?;
    Some(Command::StrayStopped {
        node: node.clone(),
        boot: *boot,
        run: 0,
        service: service.clone(),
    })
}

fn heard(seen: &Seen, node: &NodeName) -> Option<BootId> {
    match &seen.nodes.get(node)?.state {
        NodeState::Online { boot } | NodeState::Leaving { boot } => Some(*boot),
        NodeState::Down
        | NodeState::Starting { .. }
        | NodeState::DaemonDown { .. }
        | NodeState::Lost { .. } => None,
    }
}
