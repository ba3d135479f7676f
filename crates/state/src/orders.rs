//! What operators order: services and maintenance.

use model::command::ServiceOrder;
use model::seen::{
    Dependencies, Goal, Maintenance, MoveRequest, NodeState, ServiceSeen, Standby, Wish,
};
use model::{NodeName, Reason, Rejected, ServiceName, UserName};

use crate::{Applied, Outcome, Place, State};

impl State {
    pub(crate) fn set_maintenance(
        &mut self,
        place: Place,
        maintenance: Maintenance,
        by: &UserName,
    ) -> Outcome {
        self.seen.maintenance = maintenance;
        let did = match maintenance {
            Maintenance::On => "maintenance on",
            Maintenance::Off => "maintenance off",
        };
        self.record_operator(place, by, did.to_string());
        Ok(Applied::Done)
    }

    pub(crate) fn order(
        &mut self,
        place: Place,
        service: &ServiceName,
        order: &ServiceOrder,
        by: &UserName,
    ) -> Outcome {
        let names = self.meant_by(service)?;
        match (names.as_slice(), order) {
            ([name], _) => self.order_one(place, name, order, by)?,
            (_, ServiceOrder::Move { to }) if self.has_roles(service) => {
                self.order_role_move(service, to.as_ref(), by)?;
            }
            (_, ServiceOrder::Move { .. }) => {
                return Err(Rejected::Refused(format!(
                    "{service} has copies; say which one moves, like {}",
                    service.with_copy(0)
                )));
            }
            (_, ServiceOrder::StartAs { to: Some(_), .. }) => {
                return Err(Rejected::Refused(format!(
                    "{service} has copies; say which one starts there, like {}",
                    service.with_copy(0)
                )));
            }
            (names, ServiceOrder::Restart | ServiceOrder::Reload { .. }) => {
                self.order_running(place, (service, names), order, by)?;
            }
            (names, _) => {
                for name in names {
                    self.order_one(place, name, order, by)?;
                }
            }
        }
        self.record_operator(place, by, words(service, order));
        Ok(Applied::Done)
    }

    /// Restarts or reloads the copies that run; those that do not are left alone.
    fn order_running(
        &mut self,
        place: Place,
        (service, names): (&ServiceName, &[ServiceName]),
        order: &ServiceOrder,
        by: &UserName,
    ) -> Result<(), Rejected> {
        let mut done = 0;
        let mut never = None;
        for name in names {
            match self.order_one(place, name, order, by) {
                Ok(()) => done += 1,
                Err(rejected @ Rejected::CannotReload(_)) => never = Some(rejected),
                Err(_not_now) => {}
            }
        }
        if let (0, Some(never)) = (done, never) {
            return Err(never);
        }
        let what = match order {
            ServiceOrder::Reload { .. } => "reloaded",
            _restart => "restarted",
        };
        match done {
            0 => Err(Rejected::Refused(format!(
                "no copy of {service} can be {what} now"
            ))),
            _ => Ok(()),
        }
    }

    fn order_one(
        &mut self,
        place: Place,
        service: &ServiceName,
        order: &ServiceOrder,
        by: &UserName,
    ) -> Result<(), Rejected> {
        let because = Reason::AskedByOperator { user: by.clone() };
        match order {
            ServiceOrder::Start => self.order_start(service, Dependencies::Kept, by),
            ServiceOrder::StartAs { to, dependencies } => {
                if let Some(to) = to {
                    self.order_start_on(service, to, by)?;
                }
                self.order_start(service, *dependencies, by);
            }
            ServiceOrder::Stop => self.change(service, |seen| {
                seen.dependencies = Dependencies::Kept;
                seen.wish = Wish::Stop { by: by.clone() };
                seen.moving = None;
                seen.restart = None;
            }),
            ServiceOrder::Restart => self.order_restart(place, service, &because)?,
            ServiceOrder::Reload { resource } => {
                self.order_reload(service, resource.as_ref())?;
            }
            ServiceOrder::Move { to } => {
                self.order_move(service, to.as_ref(), by)?;
                self.forget_failed_migration(service);
            }
            ServiceOrder::Freeze => self.change(service, |seen| seen.frozen = Maintenance::On),
            ServiceOrder::Thaw => self.change(service, |seen| seen.frozen = Maintenance::Off),
            ServiceOrder::Clear => {
                self.change(service, |seen| {
                    seen.failures.clear();
                    seen.barred.clear();
                    seen.held = None;
                });
                self.retry_after_clear(place, service, &because);
            }
        }
        Ok(())
    }

    fn change(&mut self, service: &ServiceName, change: impl FnOnce(&mut ServiceSeen)) {
        change(self.seen.services.entry(service.clone()).or_default());
    }

    fn order_start(&mut self, service: &ServiceName, dependencies: Dependencies, by: &UserName) {
        self.change(service, |seen| {
            seen.wish = Wish::Run { by: by.clone() };
            seen.dependencies = dependencies;
            seen.held = None;
            if seen.claim.is_none() {
                seen.last_end = None;
            }
        });
    }

    /// A start on one node: asked for like a move of what does not run yet.
    fn order_start_on(
        &mut self,
        service: &ServiceName,
        to: &NodeName,
        by: &UserName,
    ) -> Result<(), Rejected> {
        let seen = self.seen.services.get(service);
        if let Some(claim) = seen.and_then(|seen| seen.claim.as_ref()) {
            let node = &claim.node;
            return Err(Rejected::Refused(format!(
                "{service} is on {node} already; `mainstay move {service} --to {to}` takes it elsewhere"
            )));
        }
        self.may_move_to(service, to).map_err(Rejected::Refused)?;
        let moving = MoveRequest {
            to: Some(to.clone()),
            from: None,
            by: by.clone(),
        };
        self.change(service, |seen| seen.moving = Some(moving));
        Ok(())
    }

    fn order_move(
        &mut self,
        service: &ServiceName,
        to: Option<&NodeName>,
        by: &UserName,
    ) -> Result<(), Rejected> {
        let claim = self
            .seen
            .services
            .get(service)
            .and_then(|seen| seen.claim.as_ref());
        let Some(claim) = claim.filter(|claim| claim.goal == Goal::Run) else {
            return Err(Rejected::Refused(format!(
                "{service} does not run, so it cannot move"
            )));
        };
        let from = claim.node.clone();
        match to {
            Some(to) if *to == from => {
                return Err(Rejected::Refused(format!("{service} runs on {to} already")));
            }
            Some(to) => self.may_move_to(service, to).map_err(Rejected::Refused)?,
            None => {
                let others = self.seen.nodes.keys().filter(|name| **name != from);
                let mut ready = others.filter(|name| self.may_move_to(service, name).is_ok());
                if ready.next().is_none() {
                    let text = format!("no other node than {from} may run {service} now");
                    return Err(Rejected::Refused(text));
                }
            }
        }
        let moving = MoveRequest {
            to: to.cloned(),
            from: Some(from),
            by: by.clone(),
        };
        self.change(service, |seen| seen.moving = Some(moving));
        Ok(())
    }

    /// Whether an operator may send the service to the node now; if not, in a sentence why.
    fn may_move_to(&self, service: &ServiceName, to: &NodeName) -> Result<(), String> {
        let node = self.node(to).map_err(|rejected| rejected.to_string())?;
        let wanted = self.wanted(service);
        if wanted.is_some_and(|spec| !spec.allows(to)) {
            return Err(format!(
                "the configuration does not allow {service} on {to}"
            ));
        }
        if node.maintenance == Maintenance::On {
            return Err(format!("{to} is in maintenance"));
        }
        if node.standby != Standby::Off {
            return Err(format!("{to} is on standby"));
        }
        if !matches!(node.state, NodeState::Online { .. }) {
            return Err(format!("{to} is {}", node.state.word()));
        }
        self.require_place_for_copy(service, to)
            .map_err(|rejected| rejected.to_string())?;
        let expires = wanted.and_then(|spec| spec.rules.bar_expires);
        match self
            .seen
            .services
            .get(service)
            .and_then(|seen| seen.barred.get(to))
            .filter(|bar| bar.holds(expires, self.clock))
        {
            Some(bar) => Err(format!(
                "{to} is barred for {service}: {}; `mainstay clear {service}` lifts it",
                bar.because
            )),
            None => Ok(()),
        }
    }
}

/// The order as an operator would type it.
fn words(service: &ServiceName, order: &ServiceOrder) -> String {
    match order {
        ServiceOrder::Start => format!("start {service}"),
        ServiceOrder::StartAs { to, dependencies } => {
            let place = to.as_ref().map(|to| format!(" on {to}"));
            let alone = match dependencies {
                Dependencies::Kept => "",
                Dependencies::Ignored => " without dependencies",
            };
            format!("start {service}{}{alone}", place.unwrap_or_default())
        }
        ServiceOrder::Stop => format!("stop {service}"),
        ServiceOrder::Restart => format!("restart {service}"),
        ServiceOrder::Reload { resource: None } => format!("reload {service}"),
        ServiceOrder::Reload {
            resource: Some(resource),
        } => format!("reload {service}/{resource}"),
        ServiceOrder::Move { to: Some(to) } => format!("move {service} to {to}"),
        ServiceOrder::Move { to: None } => format!("move {service}"),
        ServiceOrder::Freeze => format!("freeze {service}"),
        ServiceOrder::Thaw => format!("thaw {service}"),
        ServiceOrder::Clear => format!("clear {service}"),
    }
}
