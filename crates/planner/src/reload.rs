//! What has changed in a way that what runs can take over is reloaded where it runs, not stopped.

use model::seen::{Claim, Phase, ServiceSeen};
use model::{Reason, ServiceName};

use crate::Action;
use crate::services::Decision;

/// Whether the claim was made before a change that a reload takes over.
pub(crate) fn is_due(seen: &ServiceSeen, claim: &Claim) -> bool {
    claim.made_from < seen.renewed_in
}

/// Why a change that a reload would take over is a restart after all: there is nothing that runs
/// well and could be told.
pub(crate) fn comes_too_late(seen: &ServiceSeen, claim: &Claim) -> Option<Reason> {
    let is_late = is_due(seen, claim) && claim.phase != Phase::Running;
    is_late.then_some(Reason::SpecChanged {
        version: seen.renewed_in,
    })
}

/// The reload of what runs by an older configuration.
pub(crate) fn renew(name: &ServiceName, (seen, claim): (&ServiceSeen, &Claim)) -> Option<Decision> {
    let action = Action::Reload {
        service: name.clone(),
        node: claim.node.clone(),
        epoch: claim.epoch,
    };
    let because = Reason::SpecChanged {
        version: seen.renewed_in,
    };
    is_due(seen, claim).then_some(Decision::Step(action, because))
}
