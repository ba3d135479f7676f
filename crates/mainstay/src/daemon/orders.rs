//! What people ask at the socket: orders and configurations, looked at or carried out.

use std::collections::BTreeMap;

use api::{ApiError, ApplyReply, ApplyRequest, ErrorCode, Order, OrderReply, PlanView, Switch};
use model::command::ServiceOrder;
use model::reload::AgentReload;
use model::seen::{Dependencies, Maintenance, TicketStanding};
use model::{Command, NodeName, Reason, ServiceName, UserName};
use node::Lease;
use server::{ControlRequest, Mode, Reply};

use super::control::{Control, Leaving};
use super::environment::Leave;
use super::pending::{Own, Pending};
use super::{explain, views};

/// A configuration that was read, and what follows from it.
pub struct Prepared {
    /// What is answered to whoever looks at it.
    pub answer: ApplyReply,
    /// What makes it live.
    pub command: Command,
    /// The state that follows.
    pub after: state::State,
    /// Whether a service says what it must survive.
    pub has_rules: bool,
    /// What its file is called.
    pub file_name: String,
}

impl Control {
    /// Serves one request of the socket.
    pub fn take_request(&mut self, request: ControlRequest) {
        match request {
            ControlRequest::Status { reply } => drop(reply.send(self.status())),
            ControlRequest::Quorum { reply } => drop(reply.send(Ok(self.quorum_status()))),
            ControlRequest::ForceQuorum { request, by, reply } => {
                drop(reply.send(self.force_quorum(&request, by)));
            }
            ControlRequest::Apply {
                request,
                mode,
                by,
                reply,
            } => {
                self.take_apply(request, mode, by, reply);
            }
            ControlRequest::Order {
                order,
                mode,
                by,
                reply,
            } => {
                self.take_order(order, mode, by, reply);
            }
            ControlRequest::History { query, reply } => {
                drop(reply.send(Ok(views::history(self.node.state(), &query))));
            }
            ControlRequest::Fences { reply } => {
                drop(reply.send(Ok(views::fences(self.node.state()))));
            }
            ControlRequest::Config { version, reply } => {
                drop(reply.send(views::config(self.node.state(), version)));
            }
            ControlRequest::ConfigVersions { reply } => {
                drop(reply.send(Ok(views::config_versions(self.node.state()))));
            }
            ControlRequest::Token {
                valid_for,
                by,
                reply,
            } => {
                self.take_token(valid_for, by, reply);
            }
            ControlRequest::Witnesses { reply } => {
                drop(reply.send(Ok(self.witnesses_view())));
            }
            ControlRequest::SetWitness { request, by, reply } => {
                self.take_set_witness(request, by, reply);
            }
            ControlRequest::Locks { only, reply } => {
                drop(reply.send(self.locks_view(only.as_deref())));
            }
            ControlRequest::Lock { request, by, reply } => self.take_lock(&request, by, reply),
            ControlRequest::AskNode {
                node,
                question,
                reply,
            } => {
                self.take_ask_node((node, question), reply);
            }
            ControlRequest::Explain { question, reply } => {
                drop(reply.send(explain::explain(&self.node, &question)));
            }
            ControlRequest::WhatIf { request, reply } => self.take_what_if(request, reply),
            ControlRequest::Environment { request, reply } => {
                self.take_environment(&request, reply);
            }
        }
        self.flush();
    }

    fn take_apply(
        &mut self,
        request: ApplyRequest,
        mode: Mode,
        by: UserName,
        reply: Reply<ApplyReply>,
    ) {
        let prepared = match self.prepare_apply(&request, by) {
            Err(error) => return drop(reply.send(Err(error))),
            Ok(prepared) => prepared,
        };
        // The same text again makes no new version: scripts apply what is live already.
        if mode == Mode::Commit && self.is_live(&request.source) {
            let mut answer = prepared.answer;
            answer.accepted = true;
            answer.version = Some(answer.base_version);
            answer.index = Some(self.node.applied());
            return drop(reply.send(Ok(answer)));
        }
        let leave = Leave {
            break_rules: request.break_rules,
            ignore_environment: request.ignore_environment,
        };
        self.survey_for(prepared, (mode, leave), reply);
    }

    /// The nodes were asked: on with the rules, and then it becomes live.
    pub fn go_on_with_apply(
        &mut self,
        prepared: Prepared,
        (mode, break_rules): (Mode, bool),
        reply: Reply<ApplyReply>,
    ) {
        if prepared.has_rules {
            return self.check_rules((prepared, break_rules), mode, reply);
        }
        match mode {
            Mode::Preview => drop(reply.send(Ok(prepared.answer))),
            Mode::Commit => self.commit_apply((prepared.answer, prepared.command), reply),
        }
    }

    /// Makes a configuration live that has been looked at.
    pub fn commit_apply(
        &mut self,
        (mut answer, command): (ApplyReply, Command),
        reply: Reply<ApplyReply>,
    ) {
        answer.accepted = true;
        let id = self.new_request(Pending::Apply { reply, answer });
        self.node.handle_request(id, command, host::clock::now());
    }

    fn is_live(&self, source: &str) -> bool {
        self.node.state().spec_source() == Some(source)
    }

    /// Reads a configuration and plays what follows from it.
    pub fn prepare_apply(
        &self,
        request: &ApplyRequest,
        by: UserName,
    ) -> Result<Prepared, ApiError> {
        let state = self.node.state();
        let loaded = config::read(&request.file_name, &request.source).map_err(|problems| {
            let mut error = ErrorCode::BadRequest.error("the configuration has problems");
            error.details = problems
                .render(config::Colour::Never)
                .lines()
                .map(ToString::to_string)
                .collect();
            error.with_help(format!("`mainstay check {}` shows them", request.file_name))
        })?;
        let live = state.spec_version();
        if let Some(base) = request.base_version
            && base != live
        {
            let rejected = model::Rejected::StaleSpec { base, live };
            return Err(rejected.into());
        }
        self.check_members_stay(&loaded.spec)?;
        let changes = state.spec().map_or_else(Vec::new, |live| {
            let all = config::spec_changes(live, &loaded.spec);
            all.iter().map(ToString::to_string).collect()
        });
        let has_rules = |spec: &model::Spec| {
            let mut services = spec.services.values();
            services.any(|service| service.survive.is_some())
        };
        let has_rules = has_rules(&loaded.spec);
        let command = Command::SetSpec {
            base: live,
            source: request.source.clone(),
            spec: Box::new(loaded.spec),
            by,
        };
        let preview = self.preview(Some(command.clone()))?;
        let warnings = loaded
            .warnings
            .list
            .iter()
            .map(|problem| problem.message.clone());
        let answer = ApplyReply {
            changes,
            accepted: false,
            base_version: live,
            version: None,
            index: None,
            plan: views::plan(&preview),
            warnings: warnings.chain(self.no_quorum_note()).collect(),
            broken_rules: Vec::new(),
            environment: None,
        };
        Ok(Prepared {
            answer,
            command,
            after: preview.after,
            has_rules,
            file_name: request.file_name.clone(),
        })
    }

    /// A member that the file no longer describes could not be reached any more.
    fn check_members_stay(&self, spec: &model::Spec) -> Result<(), ApiError> {
        let gone: Vec<&NodeName> = self
            .node
            .state()
            .members()
            .map(|(name, _, _)| name)
            .filter(|name| !spec.nodes.contains_key(name))
            .collect();
        match gone.first() {
            None => Ok(()),
            Some(name) => Err(ErrorCode::OrderRefused
                .error(format!(
                    "{name} is a member, and the file does not describe it"
                ))
                .with_help(format!(
                    "run `mainstay leave` on {name}, or `mainstay node remove {name}`, first"
                ))),
        }
    }

    /// What the agents on the nodes said of reloads becomes part of what is made live, and of
    /// what is shown before.
    pub fn note_reloads(
        &self,
        prepared: &mut Prepared,
        reloads: &BTreeMap<String, AgentReload>,
    ) -> Result<(), ApiError> {
        let Command::SetSpec { spec, .. } = &mut prepared.command else {
            return Ok(());
        };
        if reloads.is_empty() {
            return Ok(());
        }
        config::environment::note_reloads(spec, reloads);
        let preview = self.preview(Some(prepared.command.clone()))?;
        prepared.answer.plan = views::plan(&preview);
        prepared.after = preview.after;
        Ok(())
    }

    fn preview(&self, command: Option<Command>) -> Result<node::Preview, ApiError> {
        let at = model::Moment {
            at: host::clock::wall(),
            clock: self.node.cluster_time(host::clock::now()),
        };
        node::preview(self.node.state(), self.node.applied(), at, command).map_err(ApiError::from)
    }

    fn take_order(&mut self, order: Order, mode: Mode, by: UserName, reply: Reply<OrderReply>) {
        if let Order::TestFence { node } = &order {
            self.test_fences(node.clone(), reply);
            return;
        }
        match self.prepare_order(&order, by) {
            Err(error) => drop(reply.send(Err(error))),
            Ok((_, answer)) if mode == Mode::Preview => drop(reply.send(Ok(answer))),
            Ok((command, mut answer)) => {
                answer.accepted = true;
                match order {
                    Order::Halt => self.leaving = Leaving::Halting,
                    Order::Leave => self.leaving = Leaving::ForGood,
                    _other => {}
                }
                let id = self.new_request(Pending::Order { reply, answer });
                self.node.handle_request(id, command, host::clock::now());
            }
        }
    }

    fn prepare_order(
        &self,
        order: &Order,
        by: UserName,
    ) -> Result<(Command, OrderReply), ApiError> {
        let command = self.command_of(order, by.clone())?;
        let preview = self
            .preview(Some(command.clone()))
            .map_err(|error| self.for_now(for_order(order, error)))?;
        let plan = match order {
            Order::Restart { service } => {
                self.with_order(views::plan(&preview), ("restart", service), &by)
            }
            Order::Reload { service, .. } => {
                self.with_order(views::plan(&preview), ("reload", service), &by)
            }
            _ => views::plan(&preview),
        };
        let mut notes = self.notes(order);
        notes.extend(self.no_quorum_note());
        Ok((
            command,
            OrderReply {
                accepted: false,
                plan,
                index: None,
                notes,
            },
        ))
    }

    /// A restart in place or a reload is carried out by the node that holds the service: no
    /// plan contains it, and a restart interrupts all the same.
    fn with_order(
        &self,
        plan: PlanView,
        (action, service): (&str, &ServiceName),
        by: &UserName,
    ) -> PlanView {
        let state = self.node.state();
        let names = state.spec().map(|spec| spec.names_of(service));
        let because = Reason::AskedByOperator { user: by.clone() }.to_string();
        let mut plan = plan;
        for name in names.unwrap_or_default() {
            let seen = state.seen().services.get(&*name);
            let Some(claim) = seen.and_then(|seen| seen.claim.as_ref()) else {
                continue;
            };
            let of_it = |s: &api::StepView| s.service.as_deref() == Some(name.as_str());
            if !plan.steps.iter().any(of_it) {
                let place = (name.as_str(), claim.node.as_str());
                plan = plan.with_order(action, place, &because);
            }
        }
        plan
    }

    /// What a service that starts without its dependencies does without.
    fn dependencies_note(&self, service: &ServiceName) -> Vec<String> {
        let spec = self.node.state().spec();
        let spec = spec.and_then(|spec| spec.services.get(&service.service()));
        let after = spec.into_iter().flat_map(|spec| {
            let one_of = spec.rules.after_one_of.iter().flatten();
            spec.after.iter().chain(one_of)
        });
        let after: Vec<&str> = after.map(ServiceName::as_str).collect();
        match after.as_slice() {
            [] => vec![format!("{service} waits for no other service anyway")],
            names => vec![format!(
                "{service} does not wait for {}, and goes on when that stops, until it is started or \
                 stopped by order again",
                names.join(", ")
            )],
        }
    }

    /// What it means for the votes when `target` is switched off.
    fn quorum_loss(&self, target: &NodeName) -> Option<String> {
        let voters = &self.node.raft().configuration().voters;
        let seen = self.node.state().seen();
        let is_left = |id: &&model::NodeId| {
            self.topology.names.get(*id).is_some_and(|name| {
                let node = seen.nodes.get(name).map(|seen| &seen.state);
                name != target && matches!(node, Some(model::seen::NodeState::Online { .. }))
            })
        };
        let (left, of) = (voters.iter().filter(is_left).count(), voters.len());
        (left * 2 <= of).then(|| {
            format!(
                "{left} of {of} voters would be left, which is no majority: nothing can be decided \
                 until {target} is back"
            )
        })
    }

    /// A plan of a node that hears no quorum is made from what it last knew.
    fn no_quorum_note(&self) -> Option<String> {
        let boundary = self.node.boundary(host::clock::now());
        let hears = boundary.lease == Lease::Held && boundary.leader.is_some();
        let me = &self.identity.name;
        (!hears).then(|| {
            format!("{me} hears no quorum: this plan follows from what it last knew, and nothing can be changed now")
        })
    }

    /// That a node lives follows from what was last heard; without a quorum it says nothing
    /// about now.
    fn for_now(&self, error: ApiError) -> ApiError {
        let is_about_life = error.is(ErrorCode::NothingToConfirm) || error.is(ErrorCode::NodeIsUp);
        if !is_about_life || self.no_quorum_note().is_none() {
            return error;
        }
        let me = &self.identity.name;
        let error = ErrorCode::NoQuorum.error(format!(
            "{me} hears no quorum, so nothing can be decided now"
        ));
        match self.quorum_help() {
            Some(help) => error.with_help(help),
            None => error,
        }
    }

    /// What a person should know beside the plan before a yes.
    fn notes(&self, order: &Order) -> Vec<String> {
        match order {
            Order::Leave => vec!["this node leaves the cluster for good".to_string()],
            Order::Halt => {
                vec!["the daemon of this node ends; the node stays a member".to_string()]
            }
            Order::Fence { node } => {
                let seen = self.node.state().seen();
                let is_up = seen.nodes.get(node).is_some_and(|seen| {
                    matches!(seen.state, model::seen::NodeState::Online { .. })
                });
                let mut notes = Vec::new();
                if is_up {
                    notes.push(format!(
                        "{node} is online: its services are cut off, not stopped; \
                         `mainstay standby {node}` moves them first"
                    ));
                }
                if *node == self.identity.name {
                    notes.push("this is the node that you are asking".to_string());
                }
                notes.extend(self.quorum_loss(node));
                notes
            }
            Order::ConfirmFence { node } => vec![format!(
                "you vouch that {node} is off and stays off: if it runs, its services run twice \
                 and data may be lost"
            )],
            Order::RemoveNode { node } => {
                vec![format!(
                    "{node} comes back only by `mainstay join` with a new token"
                )]
            }
            Order::Start {
                service,
                without_dependencies: true,
                ..
            } => self.dependencies_note(service),
            Order::Start { .. }
            | Order::Stop { .. }
            | Order::Restart { .. }
            | Order::Reload { .. }
            | Order::Move { .. }
            | Order::Freeze { .. }
            | Order::Thaw { .. }
            | Order::Clear { .. }
            | Order::Standby { .. }
            | Order::Online { .. }
            | Order::Rearm { .. }
            | Order::Maintenance { .. }
            | Order::Attribute { .. }
            | Order::Checks { .. }
            | Order::NodeChecks { .. }
            | Order::TrustDevice { .. }
            | Order::TestFence { .. } => Vec::new(),
            Order::Ticket { ticket, standing } => match standing {
                TicketStanding::Granted => vec![format!(
                    "only one cluster may hold {ticket}: make sure that it is revoked in all others"
                )],
                TicketStanding::Standby | TicketStanding::Revoked => Vec::new(),
            },
        }
    }

    fn command_of(&self, order: &Order, by: UserName) -> Result<Command, ApiError> {
        let service = |service, order| order_on(service, order, &by);
        Ok(match order.clone() {
            Order::Start {
                service: name,
                to,
                without_dependencies: alone,
            } => service(name, start(to, alone)),
            Order::Stop { service: name } => service(name, ServiceOrder::Stop),
            Order::Restart { service: name } => service(name, ServiceOrder::Restart),
            Order::Reload {
                service: of,
                resource,
            } => service(of, ServiceOrder::Reload { resource }),
            Order::Move { service: name, to } => service(name, ServiceOrder::Move { to }),
            Order::Freeze { service: name } => service(name, ServiceOrder::Freeze),
            Order::Thaw { service: name } => service(name, ServiceOrder::Thaw),
            Order::Clear { service: name } => service(name, ServiceOrder::Clear),
            Order::Standby { node } => Command::SetStandby {
                node,
                standby: Maintenance::On,
                by,
            },
            Order::Online { node } => Command::SetStandby {
                node,
                standby: Maintenance::Off,
                by,
            },
            Order::Rearm { node, card } => Command::RearmCards { node, card, by },
            Order::Maintenance { switch, node } => maintenance_command(switch, node, by),
            Order::Attribute { node, key, value } => Command::SetAttribute {
                node,
                key,
                value,
                by,
            },
            Order::Checks {
                service,
                check,
                order,
            } => Command::Checks {
                service,
                check,
                order,
                by,
            },
            Order::NodeChecks { node, check, order } => Command::NodeChecks {
                node,
                check,
                order,
                by,
            },
            Order::Ticket { ticket, standing } => Command::SetTicket {
                ticket,
                standing,
                by,
            },
            Order::Fence { node } => self.fence_command(&node, by)?,
            Order::ConfirmFence { node } => Command::ConfirmFence { target: node, by },
            Order::TrustDevice { device } => Command::TrustDevice { device, by },
            Order::Halt | Order::Leave => Command::Leave {
                node: self.identity.name.clone(),
                boot: self.node.config().boot,
            },
            Order::RemoveNode { node } => Command::RemoveMember { name: node, by },
            Order::TestFence { .. } => {
                return Err(ErrorCode::NotYet.error("a test changes nothing"));
            }
        })
    }

    fn fence_command(&self, node: &NodeName, by: UserName) -> Result<Command, ApiError> {
        let seen = self.node.state().seen();
        let Some(target) = seen.nodes.get(node) else {
            return Err(model::Rejected::NoSuchNode(node.clone()).into());
        };
        if self.devices_of(node).is_empty() {
            return Err(ErrorCode::NoFenceDevice.error(format!("{node} has no fence device")));
        }
        let is_other = |(name, seen): (&NodeName, &model::seen::NodeSeen)| {
            name != node && matches!(seen.state, model::seen::NodeState::Online { .. })
        };
        if !seen.nodes.iter().any(is_other) {
            return Err(ErrorCode::OrderRefused
                .error(format!("no other node is online that could fence {node}"))
                .with_help("a node does not fence itself; `mainstay halt` stops it cleanly"));
        }
        Ok(Command::NodeLost {
            node: node.clone(),
            boot: target.state.boot(),
            because: Reason::AskedByOperator { user: by },
        })
    }

    /// Asks each device for the state of its node; nothing is switched.
    fn test_fences(&self, node: Option<NodeName>, reply: Reply<OrderReply>) {
        let names: Vec<NodeName> = match node {
            Some(node) => vec![node],
            None => self.node.state().seen().nodes.keys().cloned().collect(),
        };
        let pill = |device: &fencing::Device, name: &NodeName| {
            super::fences::is_pill(device).then(|| self.poison_for(name).map(|pill| pill.what().1))
        };
        let all: Vec<_> = names
            .into_iter()
            .map(|name| {
                let devices = self.devices_of(&name).into_iter();
                let devices: Vec<_> = devices
                    .map(|device| (pill(&device, &name), device))
                    .collect();
                (devices, name)
            })
            .collect();
        tokio::spawn(async move {
            let mut notes = Vec::new();
            let mut failed = Vec::new();
            for (devices, name) in all {
                if devices.is_empty() {
                    failed.push(format!("{name}: no fence device is configured"));
                }
                for (pill, device) in devices {
                    match pill {
                        Some(Ok(span)) => {
                            let span = model::duration::format(span);
                            notes.push(format!(
                                "{name}: {} would end it within {span}",
                                device.name
                            ));
                            continue;
                        }
                        Some(Err(why)) => {
                            failed.push(format!("{name}: {}: {why}", device.name));
                            continue;
                        }
                        None => {}
                    }
                    match fencing::status(&device, &name).await {
                        Ok(power) => {
                            let word = match power {
                                fencing::Power::On => "on",
                                fencing::Power::Off => "off",
                            };
                            notes.push(format!("{name}: {} says {word}", device.name));
                        }
                        Err(error) => failed.push(format!("{name}: {}: {error}", device.name)),
                    }
                }
            }
            let answer = if failed.is_empty() {
                Ok(OrderReply {
                    accepted: true,
                    notes,
                    ..OrderReply::default()
                })
            } else {
                let mut error = ErrorCode::FenceFailed.error("not every node could be fenced now");
                error.details = failed.into_iter().chain(notes).collect();
                Err(error)
            };
            drop(reply.send(answer));
        });
    }

    /// This node has left the view; for good, it asks to be taken out as well.
    pub fn remove_myself(&mut self) {
        let by = UserName::new("mainstay").expect("a plain word");
        let command = Command::RemoveMember {
            name: self.identity.name.clone(),
            by,
        };
        let id = self.new_request(Pending::Own(Own::Removal));
        self.node.handle_request(id, command, host::clock::now());
    }
}

fn order_on(service: ServiceName, order: ServiceOrder, by: &UserName) -> Command {
    let by = by.clone();
    Command::Service { service, order, by }
}

/// A start as usual, or as somebody wants it this time.
fn start(to: Option<NodeName>, without_dependencies: bool) -> ServiceOrder {
    let dependencies = match (&to, without_dependencies) {
        (None, false) => return ServiceOrder::Start,
        (Some(_), false) => Dependencies::Kept,
        (_, true) => Dependencies::Ignored,
    };
    ServiceOrder::StartAs { to, dependencies }
}

/// Of one node, or of the whole cluster.
fn maintenance_command(switch: Switch, node: Option<NodeName>, by: UserName) -> Command {
    let maintenance = match switch {
        Switch::On => Maintenance::On,
        Switch::Off => Maintenance::Off,
    };
    match node {
        None => Command::SetMaintenance { maintenance, by },
        Some(node) => Command::SetNodeMaintenance {
            node,
            maintenance,
            by,
        },
    }
}

/// What a refusal of the state machine means for who gave this order: the same fact has
/// another next step.
fn for_order(order: &Order, error: ApiError) -> ApiError {
    let code = match order {
        Order::ConfirmFence { .. } => ErrorCode::NothingToConfirm,
        Order::RemoveNode { .. } => ErrorCode::NodeIsUp,
        _other => return error,
    };
    match error.is(ErrorCode::NodeNotReady) || error.is(ErrorCode::OrderRefused) {
        true => code.error(error.message),
        false => error,
    }
}
