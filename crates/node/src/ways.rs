//! What would have to change for a service to run on a node: found by playing it.

use model::command::ServiceOrder;
use model::seen::{Dependencies, Maintenance, NodeState, Phase, Standby, Wish};
use model::spec::{Autostart, Elsewhere};
use model::{BootId, Command, Moment, NodeName, ServiceName, UserName};
use state::State;

use crate::estimate::Estimate;
use crate::play::{Mode, Play};

/// What would bring a service to a node.
#[derive(Debug, Clone, PartialEq)]
pub struct Ways {
    /// What would have to change, in order, in words or as commands.
    pub changes: Vec<String>,
    /// Whether it would then run there.
    pub helps: bool,
    /// How long it would not answer on the way.
    pub outage: Option<Estimate>,
}

/// Removes what stands in the way, as far as somebody could, and plays what follows.
#[must_use]
pub fn ways_to(
    (state, applied, at): (&State, u64, Moment),
    service: &ServiceName,
    node: &NodeName,
) -> Ways {
    let mut way = Way {
        play: Play::new(state.without_past(), applied, at, Mode::Change),
        by: UserName::new("explain").expect("a plain word"),
        changes: Vec::new(),
        service,
        node,
    };
    way.bring_up();
    way.allow();
    way.take_hands_off();
    way.wish();
    way.move_there();
    let seen = way.play.state.seen().services.get(service);
    let claim = seen.and_then(|seen| seen.claim.as_ref());
    let outage = way.play.time.outages().find(|(name, _)| *name == service);
    Ways {
        helps: claim.is_some_and(|claim| claim.node == *node && claim.phase == Phase::Running),
        outage: outage.and_then(|(_, outage)| outage.cloned()),
        changes: way.changes,
    }
}

struct Way<'a> {
    play: Play,
    by: UserName,
    changes: Vec<String>,
    service: &'a ServiceName,
    node: &'a NodeName,
}

impl Way<'_> {
    fn change(&mut self, said: String, command: Command) -> bool {
        let is_done = self.play.apply(command).is_ok();
        if is_done {
            self.changes.push(said);
        }
        is_done
    }

    fn order(&mut self, said: String, order: ServiceOrder) -> bool {
        let command = Command::Service {
            service: self.service.clone(),
            order,
            by: self.by.clone(),
        };
        self.change(said, command)
    }

    /// A node that is not online starts anew.
    fn bring_up(&mut self) {
        let node = self.node.clone();
        let Some(seen) = self.play.state.seen().nodes.get(&node) else {
            return;
        };
        let is_aside = seen.standby != Standby::Off;
        if !matches!(seen.state, NodeState::Online { .. }) {
            let boot = BootId([0xfe; 16]);
            let run = 0;
            let said = format!("start {node}, so that it is online again");
            let up = Command::NodeUp { node, boot, run };
            if self.change(said, up) {
                let node = self.node.clone();
                let found = Vec::new();
                // It is starting, so it may tell.
                let _ = self.play.apply(Command::Probed {
                    node,
                    boot,
                    run,
                    found,
                });
            }
        }
        if is_aside {
            let command = Command::SetStandby {
                node: self.node.clone(),
                standby: Maintenance::Off,
                by: self.by.clone(),
            };
            self.change(format!("mainstay online {}", self.node), command);
        }
    }

    /// The configuration lets the node run the service.
    fn allow(&mut self) {
        let Some(spec) = self.play.state.spec() else {
            return;
        };
        let mut spec = spec.clone();
        let Some(service) = spec.services.get_mut(self.service) else {
            return;
        };
        if service.elsewhere == Elsewhere::Allowed || service.prefer.contains(self.node) {
            return;
        }
        service.prefer.push(self.node.clone());
        let command = Command::SetSpec {
            base: self.play.state.spec_version(),
            source: String::new(),
            spec: Box::new(spec),
            by: self.by.clone(),
        };
        let said = format!(
            "add {} to `prefer` of [service.{}], or remove `only`",
            self.node, self.service
        );
        self.change(said, command);
    }

    fn take_hands_off(&mut self) {
        if self.play.state.seen().maintenance == Maintenance::On {
            let command = Command::SetMaintenance {
                maintenance: Maintenance::Off,
                by: self.by.clone(),
            };
            self.change("mainstay maintenance off".to_string(), command);
        }
        let seen = self.play.state.seen().services.get(self.service);
        let (is_frozen, is_barred) = seen.map_or((false, false), |seen| {
            let is_frozen = seen.frozen == Maintenance::On;
            (is_frozen, seen.barred.contains_key(self.node))
        });
        if is_frozen {
            self.order(
                format!("mainstay thaw {}", self.service),
                ServiceOrder::Thaw,
            );
        }
        let claim = self.play.state.seen().services.get(self.service);
        let claim = claim.and_then(|seen| seen.claim.as_ref());
        if claim.is_some_and(|claim| matches!(claim.phase, Phase::StopFailed(_))) {
            let said = format!(
                "mainstay clear {}, once what keeps it from stopping is mended",
                self.service
            );
            self.order(said, ServiceOrder::Clear);
        } else if is_barred {
            let said = format!(
                "mainstay clear {}, once what failed there is mended",
                self.service
            );
            self.order(said, ServiceOrder::Clear);
        }
    }

    fn wish(&mut self) {
        let seen = self.play.state.seen().services.get(self.service);
        let wish = seen.map_or(&Wish::Spec, |seen| &seen.wish);
        let spec = self.play.state.spec();
        let spec = spec.and_then(|spec| spec.service_of(self.service));
        let starts_alone = spec.is_some_and(|spec| spec.autostart == Autostart::Yes);
        let is_stopped = match wish {
            Wish::Stop { .. } => true,
            Wish::Spec => !starts_alone,
            Wish::Run { .. } => false,
        };
        if !is_stopped {
            return;
        }
        let said = format!("mainstay start {}", self.service);
        let there = ServiceOrder::StartAs {
            to: Some(self.node.clone()),
            dependencies: Dependencies::Kept,
        };
        if !self.order(format!("{said} --node {}", self.node), there) {
            self.order(said, ServiceOrder::Start);
        }
    }

    /// What is there by itself needs no order.
    fn move_there(&mut self) {
        self.play.settle();
        let seen = self.play.state.seen().services.get(self.service);
        let claim = seen.and_then(|seen| seen.claim.as_ref());
        if claim.is_some_and(|claim| claim.node == *self.node) {
            return;
        }
        let said = format!("mainstay move {} --to {}", self.service, self.node);
        let to = Some(self.node.clone());
        self.order(said, ServiceOrder::Move { to });
        self.play.settle();
    }
}
