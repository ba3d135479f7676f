//! What is done to checks at run time, and what nodes tell of them.

use std::borrow::Cow;
use std::time::Duration;

use model::checks::{
    CHECKS_MAX, CheckName, CheckOrder, CheckPause, CheckSeen, CheckSpec, CheckTold, EVERY_MAX,
    EVERY_MIN, Verdict, effective,
};
use model::{Command, Happening, Reason, Rejected, ServiceName, UserName};

use crate::{Applied, Outcome, Place, State};

/// What is kept of the words of a check.
const HOW_LENGTH_MAX: usize = 500;

impl State {
    /// The checks of a service as they are now.
    #[must_use]
    pub fn checks_of(&self, service: &ServiceName) -> Vec<Cow<'_, CheckSpec>> {
        let spec = self.spec().and_then(|spec| spec.service_of(service));
        let seen = self.seen.services.get(service);
        match (spec, seen) {
            (Some(spec), Some(seen)) => effective(&spec.rules.checks, spec.restart, &seen.checks),
            (Some(spec), None) => spec.rules.checks.iter().map(Cow::Borrowed).collect(),
            (None, _) => Vec::new(),
        }
    }

    /// For how long failures of a service's checks matter.
    pub(crate) fn checks_window(&self, service: &ServiceName) -> Duration {
        let checks = self.checks_of(service);
        let windows = checks.iter().filter_map(|check| check.restart);
        windows
            .map(|policy| policy.within)
            .max()
            .unwrap_or_default()
    }

    pub(crate) fn order_checks(&mut self, place: Place, command: &Command) -> Outcome {
        let Command::Checks {
            service,
            check,
            order,
            by,
        } = command
        else {
            return Err(Rejected::Unknown);
        };
        let names = match service {
            Some(service) => self.meant_by(service)?,
            None => self.seen.services.keys().cloned().collect(),
        };
        for name in &names {
            self.require_order(name, check.as_ref(), order)?;
        }
        for name in &names {
            let all = self.checks_of(name);
            let all: Vec<CheckName> = all.iter().map(|check| check.name.clone()).collect();
            match (check, order) {
                (None, CheckOrder::Pause { .. } | CheckOrder::Resume) => {
                    self.pause_all(place, name, order, by);
                }
                (None, _) => {
                    for check in all {
                        self.order_check(place, (name, &check), order, by);
                    }
                }
                (Some(check), _) => self.order_check(place, (name, check), order, by),
            }
        }
        let whom = match (service, check) {
            (Some(service), Some(check)) => format!("{service}/{check}"),
            (Some(service), None) => service.to_string(),
            (None, _) => "--all".to_string(),
        };
        self.record_operator(place, by, format!("checks {} {whom}", order.word()));
        Ok(Applied::Done)
    }

    fn require_order(
        &self,
        service: &ServiceName,
        check: Option<&CheckName>,
        order: &CheckOrder,
    ) -> Result<(), Rejected> {
        let refuse = |why: String| Err(Rejected::Refused(why));
        let spec = self.wanted(service);
        let is_there = |check: &CheckName| {
            let all = self.checks_of(service);
            all.iter().any(|known| known.name == *check)
        };
        match (check, order) {
            (Some(check), CheckOrder::Install { check: given }) => {
                if is_there(check) {
                    return refuse(format!(
                        "{service} has a check {check} already; remove it first"
                    ));
                }
                let in_file = spec.and_then(|spec| spec.rules.check(check));
                let known = self.seen.services.get(service);
                let known = known.and_then(|seen| seen.checks.each.get(check));
                let was_installed = known.is_some_and(|known| known.installed.is_some());
                match given {
                    None if in_file.is_none() && !was_installed => refuse(format!(
                        "the configuration has no check {check} of {service}"
                    )),
                    Some(given) if given.name != *check => {
                        refuse(format!("the check is called {}, not {check}", given.name))
                    }
                    Some(given) => self.require_sound(service, given),
                    None => Ok(()),
                }
            }
            (None, CheckOrder::Install { .. } | CheckOrder::Remove) => {
                refuse("say which check, as SERVICE/CHECK".to_string())
            }
            (Some(check), _) if !is_there(check) => {
                refuse(format!("{service} has no check {check}"))
            }
            (_, CheckOrder::Set { tuning }) => {
                // What is taken here is the same in every version: logs are played again.
                let is_bad = |every: Duration| every < EVERY_MIN || EVERY_MAX < every;
                if tuning.every.is_some_and(is_bad) {
                    return refuse("a check is asked every 500ms to 1h".to_string());
                }
                if tuning.timeout == Some(Duration::ZERO) {
                    return refuse("an answer needs more than no time".to_string());
                }
                if tuning.within == Some(Duration::ZERO) {
                    return refuse("restarts are counted within more than no time".to_string());
                }
                if [tuning.fail_after, tuning.well_after].contains(&Some(0)) {
                    return refuse("an answer counts once at least".to_string());
                }
                Ok(())
            }
            _possible => Ok(()),
        }
    }

    fn require_sound(&self, service: &ServiceName, check: &CheckSpec) -> Result<(), Rejected> {
        if CHECKS_MAX <= self.checks_of(service).len() {
            let why = format!("{service} has {CHECKS_MAX} checks already");
            return Err(Rejected::Refused(why));
        }
        let resources = self.wanted(service).map(|spec| &spec.resources);
        let mut names = resources.into_iter().flatten().map(|known| &known.name);
        if names.any(|name| *name == check.name) {
            let why = format!("{service} has a resource called {}", check.name);
            return Err(Rejected::Refused(why));
        }
        Ok(())
    }

    fn pause_all(
        &mut self,
        place: Place,
        service: &ServiceName,
        order: &CheckOrder,
        by: &UserName,
    ) {
        let Some(seen) = self.seen.services.get_mut(service) else {
            return;
        };
        seen.checks.paused = pause(place, order, by);
        if *order == CheckOrder::Resume {
            for check in seen.checks.each.values_mut() {
                check.paused = None;
            }
        }
    }

    fn order_check(
        &mut self,
        place: Place,
        (service, name): (&ServiceName, &CheckName),
        order: &CheckOrder,
        by: &UserName,
    ) {
        let Some(service) = self.seen.services.get_mut(service) else {
            return;
        };
        let check = service.checks.each.entry(name.clone()).or_default();
        match order {
            CheckOrder::Pause { .. } | CheckOrder::Resume => {
                check.paused = pause(place, order, by);
            }
            CheckOrder::Run => check.asked += 1,
            CheckOrder::Install { check: None } => check.removed = None,
            CheckOrder::Install { check: Some(given) } => {
                *check = CheckSeen {
                    installed: Some(given.clone()),
                    asked: check.asked,
                    resets: check.resets,
                    ..CheckSeen::default()
                };
            }
            CheckOrder::Remove => {
                check.removed = Some(by.clone());
                check.told = None;
            }
            CheckOrder::Set { tuning } if tuning.is_empty() => {
                check.tuning = tuning.clone();
            }
            CheckOrder::Set { tuning } => check.tuning = check.tuning.merged(tuning),
            CheckOrder::Reset => {
                check.resets += 1;
                service
                    .failures
                    .retain(|failure| failure.failure.resource != *name);
                service
                    .barred
                    .retain(|_, bar| !is_about(&bar.because, name));
                if let Some(held) = &service.held
                    && is_about(&held.because, name)
                {
                    service.held = None;
                }
            }
        }
    }

    pub(crate) fn check_told(&mut self, place: Place, command: &Command) -> Outcome {
        let Command::CheckTold {
            node,
            boot,
            service,
            check,
            state,
            how,
        } = command
        else {
            return Err(Rejected::Unknown);
        };
        let is_there = self.checks_of(service).iter().any(|c| c.name == *check);
        let Some(seen) = self.seen.services.get_mut(service) else {
            return Err(Rejected::NoSuchService(service.clone()));
        };
        let claim = seen.claim.as_ref();
        if !is_there || !claim.is_some_and(|c| c.node == *node && c.boot == *boot) {
            return Err(Rejected::Late(format!("check {check} of {service}")));
        }
        let how: String = how.chars().take(HOW_LENGTH_MAX).collect();
        let told = &mut seen.checks.each.entry(check.clone()).or_default().told;
        // That a new check is well is no news.
        let was = told.as_ref().map_or(Verdict::Well, |told| told.state);
        *told = Some(CheckTold {
            node: node.clone(),
            state: *state,
            at: place.at,
            how: how.clone(),
        });
        if was != *state {
            let what = Happening::Check {
                service: service.clone(),
                node: node.clone(),
                check: check.clone(),
                state: *state,
                how,
            };
            self.record(place, what);
        }
        Ok(Applied::Done)
    }
}

pub(crate) fn pause(place: Place, order: &CheckOrder, by: &UserName) -> Option<CheckPause> {
    let CheckOrder::Pause { span } = order else {
        return None;
    };
    Some(CheckPause {
        by: by.clone(),
        at: place.at,
        until: span.map(|span| place.clock + span),
    })
}

/// Whether a bar is there because of this check.
fn is_about(because: &Reason, check: &CheckName) -> bool {
    match because {
        Reason::FailedTooOften { resource, .. } | Reason::HeldAfterFailure { resource, .. } => {
            resource == check
        }
        _other => false,
    }
}
