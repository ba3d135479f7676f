//! Carries acts out.

use std::time::Duration;

use model::command::ServiceOrder;
use model::seen::{Maintenance, NodeState, TicketStanding};
use model::{Command, NodeId, NodeName, TicketName};

use crate::act::{Act, Order};
use crate::disk::Health;
use crate::form::{self, node_id, node_name, operator};
use crate::machine::Power;
use crate::world::{Event, World};

/// From the loss of power to the end of a reboot.
const REBOOT: Duration = Duration::from_millis(400);

impl World {
    pub(crate) fn act(&mut self, act: &Act) {
        if let Some(kind) = act.kind() {
            *self.counts.faults.entry(kind).or_default() += 1;
        }
        self.trace.tale(self.now, None, || format!("> {act}"));
        match act {
            Act::PowerOff(on) => self.power_off(*on),
            Act::Boot(on) => self.boot(*on),
            Act::Reboot(on) => {
                self.power_off(*on);
                self.put(REBOOT, Event::Boot { on: *on });
            }
            Act::Kill(on) => self.kill_daemon(*on),
            Act::Trap(on, what) => self.machine(*on).trap = Some(*what),
            Act::WitnessTrap => {
                self.witness.is_trapped = true;
                self.shared.is_trapped = true;
            }
            Act::Start(on) => self.start_daemon(*on),
            Act::Pause(on, span) => self.pause(*on, *span),
            Act::Cut(from, to, link) => {
                if from != to && link.is_none_or(|link| link < self.setup.links) {
                    self.wires.cut(*from, *to, *link);
                }
            }
            Act::CutOff(on) => self.wires.cut_where(None, |a, b| a == *on || b == *on),
            Act::LinkDown(link) => self.wires.cut_where(Some(*link), |_, _| true),
            Act::Split(upto) => self
                .wires
                .cut_where(None, |a, b| (a <= *upto) != (b <= *upto)),
            Act::Heal => self.wires.heal(),
            Act::Weather(weather) => self.wires.weather = *weather,
            Act::Clock(on, by) => self.machine(*on).clock.wall_ahead += by,
            Act::SlowDisk(on, by) => self.machine(*on).disk.slow_by = *by,
            Act::Rot(on) => {
                self.machine(*on).disk.health = Health::Rotten;
                self.kill_daemon(*on);
            }
            Act::Switch(on, takes, late, fails) => {
                let switch = self.switch(*on);
                (switch.takes, switch.late, switch.fails) = (*takes, *late, *fails);
            }
            Act::Liar(on) => self.switch(*on).lies += 1,
            Act::Wrong(on, service, wrong) => {
                self.machine(*on).wrongs.insert(service.clone(), *wrong);
            }
            Act::Right(on) => self.machine(*on).wrongs.clear(),
            Act::Die(on, service) => self.kill_service(*on, service),
            Act::ByHand(on, service) => self.start_by_hand(*on, service),
            Act::WitnessKill => {
                self.kill_witness();
                self.shared.is_lost = true;
            }
            Act::WitnessStart => {
                self.start_witness();
                self.shared.is_lost = false;
            }
            Act::SlowShared(by) => self.shared.slow_by = *by,
            Act::WitnessCut(on) => {
                self.witness.cut.insert(*on);
                self.shared.cut.insert(*on);
            }
            Act::WitnessHeal => self.reach_witness(),
            Act::Replay(of) => self.replay(*of),
            Act::Lock(on, session, lock, lease) => self.begin_lock(*on, (session, lock), *lease),
            Act::Unlock(session) => self.end_lock(session),
            Act::Card(on, card, cable) => self.set_card(*on, card, cable.0),
            Act::Order(at, order) => self.order(*at, order),
        }
    }

    /// All nodes reach what votes outside.
    fn reach_witness(&mut self) {
        self.witness.cut.clear();
        self.shared.cut.clear();
    }

    /// A person gives an order at a node; nothing comes of it where no daemon runs.
    pub(crate) fn order(&mut self, at: NodeId, order: &Order) {
        let by = operator();
        let of = |service: &model::ServiceName, order| Command::Service {
            service: service.clone(),
            order,
            by: operator(),
        };
        let aside = |node: &NodeName, standby| Command::SetStandby {
            node: node.clone(),
            standby,
            by: operator(),
        };
        let maintenance = |maintenance| Command::SetMaintenance {
            maintenance,
            by: operator(),
        };
        let command = match order {
            Order::Start(service) => of(service, ServiceOrder::Start),
            Order::Stop(service) => of(service, ServiceOrder::Stop),
            Order::Restart(service) => of(service, ServiceOrder::Restart),
            Order::Reload(service) => of(service, ServiceOrder::Reload { resource: None }),
            Order::Move(service, to) => {
                let to = Some(to.clone());
                of(service, ServiceOrder::Move { to })
            }
            Order::Freeze(service) => of(service, ServiceOrder::Freeze),
            Order::Thaw(service) => of(service, ServiceOrder::Thaw),
            Order::Clear(service) => of(service, ServiceOrder::Clear),
            Order::Standby(node) => aside(node, Maintenance::On),
            Order::Online(node) => aside(node, Maintenance::Off),
            Order::MaintenanceOn => maintenance(Maintenance::On),
            Order::MaintenanceOff => maintenance(Maintenance::Off),
            Order::Ticket(standing, ticket) => says_of_ticket(ticket, *standing),
            Order::Leave => {
                let machine = self.machine(at);
                if let Some(daemon) = &mut machine.daemon {
                    daemon.is_leaving = true;
                }
                Command::Leave {
                    node: node_name(at),
                    boot: machine.boot_id(),
                }
            }
            Order::Confirm(target) => {
                if !self.is_truly_off(target) {
                    return;
                }
                Command::ConfirmFence {
                    target: target.clone(),
                    by,
                }
            }
            Order::Configure(service, version) => {
                let Some(command) = self.configuration(at, service, *version) else {
                    return;
                };
                command
            }
            Order::Tune(service, number) => {
                let Some(command) = self.tuning(at, service, *number) else {
                    return;
                };
                command
            }
        };
        self.request(at, command);
    }

    /// A person looks at the machine before vouching for it, and keeps it off meanwhile.
    fn is_truly_off(&mut self, target: &NodeName) -> bool {
        let Some(id) = node_id(target.as_str()).filter(|id| id.0 <= self.setup.nodes) else {
            return false;
        };
        let lost = self.record.state().seen().nodes.get(target);
        let is_lost = lost.is_some_and(|node| matches!(node.state, NodeState::Lost { .. }));
        is_lost && self.machine(id).power == Power::Off
    }

    /// The configuration that this node knows, with another version of a service.
    fn configuration(
        &mut self,
        at: NodeId,
        service: &model::ServiceName,
        version: u64,
    ) -> Option<Command> {
        let (daemon, _) = self.awake(at)?;
        let state = daemon.node.state();
        let mut spec = state.spec()?.clone();
        form::change_version(spec.services.get_mut(service)?, &format!("v{version}"));
        Some(Command::SetSpec {
            base: state.spec_version(),
            source: format!("{service} v{version}"),
            spec: Box::new(spec),
            by: operator(),
        })
    }
}

fn says_of_ticket(ticket: &TicketName, standing: TicketStanding) -> Command {
    Command::SetTicket {
        ticket: ticket.clone(),
        standing,
        by: operator(),
    }
}
