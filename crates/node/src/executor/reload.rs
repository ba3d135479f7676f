//! New settings without a stop, as one node carries them out.
//!
//! ```text
//!   configuration ── what runs is not concerned ──► noted at once
//!   claim.reload.ordered grew ──► due: resources that changed, resources that are named
//!   all is up ──► reload what is due, in start order ──► report Reloaded
//!     a changed one fails ────────► it counts as failed, and comes up anew with its new settings
//!     one that was asked for fails ► it runs on as it was, and the report says so
//! ```
//!
//! What was to be reloaded and is stopped meanwhile, for whatever reason, has its new settings
//! from its next start on.

use model::operation::{About, OperationReport, Outcome, Verb};
use model::reload::{ReloadTold, Renewal, renewal};
use model::seen::{Claim, Goal, ResourceFailure, ResourceState};
use model::spec::{ResourceSpec, ServiceSpec};

use super::local::{Absorbed, Local, LocalResource, how_it_failed, limit_of};
use super::roles::Lead;

/// What a resource is to be reloaded for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Due {
    /// It has another description by now.
    pub changed: Option<Box<ResourceSpec>>,
    /// The description that the reload which is out was given. Another change may come before
    /// that has ended.
    given: Option<Box<ResourceSpec>>,
    /// It is to read its own configuration again.
    pub asked: bool,
}

impl Due {
    fn is_something(&self) -> bool {
        self.changed.is_some() || self.given.is_some() || self.asked
    }

    /// What was given has not been taken over: it is as due as before, or something newer is.
    fn take_back(&mut self, given: Option<Box<ResourceSpec>>) {
        self.changed = self.changed.take().or(given);
    }
}

/// The reloads of a service under its claim.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reloads {
    /// The last order that was taken note of.
    turn: u32,
    /// The version of the configuration that was looked at last.
    version: u64,
    /// The log does not show yet that it is over.
    is_open: bool,
    /// Whether an earlier run of the daemon may have left one that failed: what has been made
    /// from the live configuration has the settings of it.
    is_doubted: bool,
    /// The first that did not do it, and runs on.
    failure: Option<ResourceFailure>,
}

impl LocalResource {
    /// What the operation is about, and by which description it is carried out.
    pub fn meant_by(&mut self, verb: Verb) -> (ResourceSpec, Option<About>) {
        if verb != Verb::Reload {
            return (self.spec.clone(), None);
        }
        self.due.given = self.due.changed.take();
        match &self.due.given {
            Some(given) => ((**given).clone(), Some(About::NewSettings)),
            None => (self.spec.clone(), None),
        }
    }

    /// The description by which it runs, or will once the reload that is out has ended.
    fn described_by(&mut self) -> &mut ResourceSpec {
        self.due.given.as_deref_mut().unwrap_or(&mut self.spec)
    }

    /// What became of a reload: its failure, where it runs on as it was.
    pub fn absorb_reload(
        &mut self,
        report: OperationReport,
    ) -> (Absorbed, Option<ResourceFailure>) {
        let how = how_it_failed(&report, limit_of(self.spec.limits, Verb::Reload));
        let verb = Some(Verb::Reload);
        let given = self.due.given.take();
        if self.state != ResourceState::Running {
            // It has failed by itself in the meantime.
            self.due.take_back(given);
            return (Absorbed::Noted, None);
        }
        match report.outcome {
            Outcome::Running | Outcome::Promoted => match given {
                Some(given) => self.spec = *given,
                None => self.due.asked = false,
            },
            Outcome::Stopped => {
                let how = "not running after its reload".to_string();
                self.due.take_back(given);
                self.fail(verb, how, report.output);
            }
            Outcome::Failed(_) | Outcome::TimedOut if given.is_some() => {
                self.due.take_back(given);
                self.fail(verb, how, report.output);
            }
            Outcome::Failed(_) | Outcome::TimedOut => {
                self.due.asked = false;
                let failure = ResourceFailure {
                    resource: self.spec.name.clone(),
                    verb,
                    how,
                    output: report.output,
                };
                return (Absorbed::Noted, Some(failure));
            }
        }
        (Absorbed::Noted, None)
    }

    /// What is down comes up with its new settings, and has nothing to be told.
    pub fn renew_if_down(&mut self) {
        if self.state == ResourceState::Stopped && self.due.is_something() {
            let due = std::mem::take(&mut self.due);
            if let Some(changed) = due.changed.or(due.given) {
                self.spec = *changed;
            }
        }
    }
}

impl Local {
    /// A claim that is new to this run of the daemon. What it had ordered and was not told as
    /// done is done again.
    pub fn doubt_reloads(&mut self, claim: &Claim) {
        self.reloads = Reloads {
            turn: claim.reload.done,
            is_doubted: 0 < claim.reload.ordered,
            ..Reloads::default()
        };
        for resource in &mut self.resources {
            let given = resource.due.given.take();
            resource.due = Due {
                given,
                ..Due::default()
            };
        }
    }

    /// Takes note of what the configuration and the claim say of reloads.
    pub fn follow_reloads(
        &mut self,
        claim: &Claim,
        (service, version): (Option<&ServiceSpec>, u64),
    ) {
        let Some(service) = service.filter(|_| claim.goal == Goal::Run) else {
            return;
        };
        if self.reloads.version != version {
            self.reloads.version = version;
            self.note_changes(service);
        }
        let is_doubted = std::mem::take(&mut self.reloads.is_doubted);
        if is_doubted && claim.made_from == version && !claim.reload.is_open() {
            self.catch_up(service);
        }
        if self.reloads.turn < claim.reload.ordered {
            self.reloads.turn = claim.reload.ordered;
            if claim.reload.is_open() {
                self.begin_reload(service, claim);
            }
        }
        if self.reloads.turn <= claim.reload.done {
            self.reloads.is_open = false;
            self.reloads.failure = None;
        }
    }

    /// Changes that do not concern what runs.
    fn note_changes(&mut self, service: &ServiceSpec) {
        for (resource, new) in self.described(service) {
            let is_stopped = resource.state == ResourceState::Stopped;
            let by = resource.described_by();
            if !is_stopped && renewal(by, new) == Renewal::Noted {
                *by = new.clone();
            }
        }
    }

    /// What was to be reloaded by an earlier run, and was not.
    fn catch_up(&mut self, service: &ServiceSpec) {
        for (resource, new) in self.described(service) {
            if resource.state != ResourceState::Stopped
                && renewal(&resource.spec, new) == Renewal::Reload
            {
                resource.due.changed = Some(Box::new(new.clone()));
            }
        }
    }

    fn begin_reload(&mut self, service: &ServiceSpec, claim: &Claim) {
        for (resource, new) in self.described(service) {
            let is_asked = claim.reload.of.contains(&resource.spec.name);
            if resource.state == ResourceState::Stopped {
                resource.spec = new.clone();
                continue;
            }
            resource.due.asked |= is_asked;
            let by = resource.described_by();
            resource.due.changed = match renewal(by, new) {
                Renewal::Noted => {
                    *by = new.clone();
                    None
                }
                Renewal::Reload => Some(Box::new(new.clone())),
                // Whoever ordered the reload did not mean this one.
                Renewal::Restart => None,
            };
        }
        self.reloads.is_open = true;
        self.reloads.failure = None;
    }

    /// Each resource of the spec with how it is described by now.
    fn described<'a>(
        &'a mut self,
        service: &'a ServiceSpec,
    ) -> impl Iterator<Item = (&'a mut LocalResource, &'a ResourceSpec)> {
        let resources = self.resources.iter_mut().filter(|r| !r.is_leftover);
        resources.filter_map(|resource| {
            let mut all = service.resources.iter();
            let new = all.find(|spec| spec.name == resource.spec.name)?;
            Some((resource, new))
        })
    }

    /// The next reload, once all that should be up is up.
    pub fn next_reload(&self) -> Option<(usize, Verb)> {
        if self.stop_from.is_some()
            || self.undemoted.is_some()
            || self.check_failure.is_some()
            || self.resources.iter().any(LocalResource::is_missed)
        {
            return None;
        }
        let is_due = |r: &LocalResource| {
            r.state == ResourceState::Running && r.lead != Lead::Perhaps && r.due.is_something()
        };
        let place = self.resources.iter().position(is_due)?;
        Some((place, Verb::Reload))
    }

    /// A reload has ended. The first that did not do it is told at the end of all.
    pub fn note_reload_failure(&mut self, failure: Option<ResourceFailure>) {
        if self.reloads.failure.is_none() {
            self.reloads.failure = failure;
        }
    }

    /// What is to be told of the reload that was ordered last, when it is over.
    pub fn told_reload(&self) -> Option<ReloadTold> {
        // What is passed over has its new settings when it is started again.
        let is_due = |r: &LocalResource| r.due.is_something() && !r.is_passed_over();
        let is_over = self.busy.is_none() && !self.resources.iter().any(is_due);
        (self.reloads.is_open && is_over).then(|| ReloadTold {
            turn: self.reloads.turn,
            failure: self.reloads.failure.clone(),
        })
    }
}
