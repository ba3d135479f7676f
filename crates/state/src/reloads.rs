//! Commands about reloads: what runs takes new settings over without a stop. Nothing starts or
//! ends by them, so they touch neither who may run a service nor what counts as running.
//!
//! ```text
//!   a configuration that can be taken over ──► Reload (planned) ──┐
//!   `mainstay reload` ────────────────────────────────────────────┴─► claim.reload.ordered + 1
//!   told: reloaded, or not ──► claim.reload.done
//!   told: failed, or begun anew ──► done as well: what comes up next has the new settings
//! ```

use std::collections::BTreeSet;

use model::history::Happening;
use model::reload::ReloadTold;
use model::seen::{Claim, Goal, Phase};
use model::{Command, Rejected, ResourceName, ServiceName};

use crate::{Applied, Outcome, Place, State};

/// Below this feature level every change of a resource is a restart: programs of before know
/// nothing else, and all must come to the same.
pub(crate) const LEVEL_OF_RELOADS: u32 = 2;

impl State {
    pub(crate) fn reload(&mut self, place: Place, command: &Command) -> Outcome {
        let Command::Reload {
            service,
            epoch,
            plan,
            because,
        } = command
        else {
            return Err(Rejected::Unknown);
        };
        let (seen, claim) = self.claimed(service, *epoch)?;
        require_up(service, claim)?;
        self.require_hands_on(service)?;
        self.require_no_migration(service)?;
        if claim.made_from < seen.changed_in {
            return Err(Rejected::Refused(format!(
                "what has changed of {service} needs a restart"
            )));
        }
        // One that was asked for twice must not be carried out twice.
        if seen.renewed_in <= claim.made_from {
            return Err(Rejected::Late(format!("the change of {service}")));
        }
        let node = claim.node.clone();
        let version = self.spec_version;
        self.change_claim(service, |_, claim| {
            claim.made_from = version;
            claim.plan = *plan;
            claim.reload.order([]);
        });
        let what = Happening::Reloading {
            service: service.clone(),
            node,
            plan: *plan,
            because: because.clone(),
        };
        self.record(place, what);
        Ok(Applied::Done)
    }

    /// A reload that an operator asked for: of one resource, or of all that can.
    pub(crate) fn order_reload(
        &mut self,
        service: &ServiceName,
        resource: Option<&ResourceName>,
    ) -> Result<(), Rejected> {
        let of = self.reloadable(service, resource)?;
        self.require_hands_on(service)?;
        let seen = self.seen.services.get(service);
        let Some(claim) = seen.and_then(|seen| seen.claim.as_ref()) else {
            return Err(Rejected::Refused(format!("{service} does not run")));
        };
        require_up(service, claim)?;
        self.require_no_migration(service)?;
        self.change_claim(service, |_, claim| claim.reload.order(of));
        Ok(())
    }

    /// Which resources an order means, or why it means none.
    fn reloadable(
        &self,
        service: &ServiceName,
        resource: Option<&ResourceName>,
    ) -> Result<BTreeSet<ResourceName>, Rejected> {
        let spec = self.wanted(service);
        let spec = spec.ok_or_else(|| Rejected::NoSuchService(service.clone()))?;
        let cannot = |text: String| Err(Rejected::CannotReload(text));
        let Some(name) = resource else {
            let able = spec.resources.iter();
            let able = able.filter(|resource| resource.kind.reload_refusal().is_none());
            let able: BTreeSet<_> = able.map(|resource| resource.name.clone()).collect();
            return match able.is_empty() {
                false => Ok(able),
                true => cannot(format!("nothing of {service} can be reloaded")),
            };
        };
        let Some(resource) = spec.resources.iter().find(|it| it.name == *name) else {
            return Err(Rejected::Refused(format!(
                "{service} has no resource {name}"
            )));
        };
        match resource.kind.reload_refusal() {
            None => Ok(BTreeSet::from([name.clone()])),
            Some(why) => cannot(format!("{service}/{name} cannot be reloaded: {why}")),
        }
    }

    pub(crate) fn note_reloaded(&mut self, place: Place, service: &ServiceName, told: &ReloadTold) {
        let mut node = None;
        self.change_claim(service, |_, claim| {
            if claim.reload.done < told.turn && claim.reload.is_open() {
                claim.reload.done = told.turn.min(claim.reload.ordered);
                node = Some(claim.node.clone());
            }
        });
        let Some(node) = node else { return };
        let service = service.clone();
        let what = match &told.failure {
            None => Happening::Reloaded { service, node },
            Some(failure) => Happening::ReloadFailed {
                service,
                node,
                failure: failure.clone(),
            },
        };
        self.record(place, what);
    }
}

/// The claim is one of something that is up as a whole.
fn require_up(service: &ServiceName, claim: &Claim) -> Result<(), Rejected> {
    let node = &claim.node;
    match (claim.goal, &claim.phase) {
        (Goal::Run, Phase::Running) => Ok(()),
        (Goal::Run, phase) => Err(Rejected::Refused(format!(
            "{service} is {} on {node}: only what runs can be reloaded",
            phase.word()
        ))),
        (Goal::Stop, _) => Err(Rejected::Refused(format!(
            "{service} is being stopped on {node}"
        ))),
    }
}
