//! What the log does not show yet of services here.

use model::command::Report;
use model::seen::{Claim, Phase, ResourceState};
use model::{Instant, ServiceName};
use state::State;

use super::local::Told;
use super::roles::is_role_shown;
use super::{Executor, Output, REPORT_RETRY, Want, passage};

impl Executor {
    /// Reports what the log does not show yet.
    pub(super) fn tell(&mut self, state: &State, name: &ServiceName, want: Want, now: Instant) {
        let claim = self.my_claim(state, name);
        let seen = state.seen().services.get(name);
        let is_stray = seen.is_some_and(|seen| seen.strays.contains_key(&self.me));
        let Some(local) = self.services.get_mut(name) else {
            return;
        };
        let Some(claim) = claim else {
            local.sent = None;
            // The source of a live move clears away when all has arrived, and not before.
            let found = passage::of(state, name, (&self.me, self.boot));
            let is_early = found.is_some_and(passage::must_not_clear_yet);
            if !local.is_down() || local.busy.is_some() || is_early {
                local.stray_told = None;
                return;
            }
            local.lease_ended = false;
            local.given_back = false;
            if !is_stray {
                local.stray_told = None;
            } else if local.stray_told.is_none_or(|at| at + REPORT_RETRY <= now) {
                local.stray_told = Some(now);
                self.outputs.push_back(Output::StrayStopped(name.clone()));
            }
            return;
        };
        local.stray_told = None;
        local.drop_stopped_leftovers();
        let report = local.report(want, claim);
        let resources = local.states();
        let role = local.told_role(claim);
        let is_known = is_shown(claim, &report, &resources, local.incarnation);
        if is_known && is_role_shown(claim, role) {
            local.sent = None;
            return;
        }
        let is_sent = local.sent.as_ref().is_some_and(|told| {
            told.report == report
                && told.resources == resources
                && told.incarnation == local.incarnation
                && told.role == role
                && now < told.at + REPORT_RETRY
        });
        if is_sent {
            return;
        }
        // Once this is on its way the claim may end at any moment, so nothing starts under
        // it any more, even if the lease is held again.
        local.given_back |= matches!(report, Report::Stopped | Report::LeaseEnded);
        local.sent = Some(Told {
            report: report.clone(),
            resources: resources.clone(),
            incarnation: local.incarnation,
            role,
            at: now,
        });
        self.outputs.push_back(Output::Report {
            service: name.clone(),
            epoch: claim.epoch,
            incarnation: local.incarnation,
            report,
            resources,
            role,
        });
    }
}

/// Whether the log shows this report already.
fn is_shown(
    claim: &Claim,
    report: &Report,
    resources: &[(model::ResourceName, ResourceState)],
    incarnation: u32,
) -> bool {
    if incarnation != claim.incarnation || claim.resources != resources {
        return false;
    }
    match (report, &claim.phase) {
        (Report::Progress, _) | (Report::Running, Phase::Running) => true,
        // What fails while the first failure waits for its decision is part of it.
        (Report::Failed(_), Phase::Failed(_) | Phase::StopFailed(_)) => true,
        (Report::StopFailed(told), Phase::StopFailed(shown)) => told == shown,
        (Report::Running | Report::Reloaded(_) | Report::Failed(_) | Report::StopFailed(_), _)
        | (Report::Stopped | Report::LeaseEnded, _)
        | (Report::HandedOver | Report::MigrationFailed(_), _) => false,
    }
}
