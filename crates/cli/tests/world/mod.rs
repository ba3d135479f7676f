//! A scripted daemon: a cluster described by a few lines, served over a real socket.
//!
//! ```text
//! node NAME STATE [because SENTENCE]
//! service NAME STATE [on NODE] [why SENTENCE]
//! fence NODE by NODE because SENTENCE
//! link NODE NETWORK STATE PEER
//! lock NAME by USER on NODE token NUMBER
//! warning SENTENCE | no quorum | refuse CODE SENTENCE | ends MOVED-STATE
//! ```
//!
//! What was ordered happens after the next status was answered, so that whoever waits sees
//! the way as well as the end.

mod failures;
mod locks;
mod networks;
mod reasons;
mod told;

use api::lock::{LockView, Locks};
use api::quorum::{ForceReply, ForceRequest};
use api::{
    ApiError, ApplyReply, ConfigVersions, EnvironmentRequest, ErrorCode, Explanation, FenceView,
    History, HistoryEntryView, LinkState, LinkStatus, NodeQuestion, NodeStatus, NotOn, Order,
    OrderReply, OutageView, PlanView, ResourceStatus, RuleView, ServiceOutage, ServiceState,
    ServiceStatus, Status, StayView, StepView, TicketView, Timestamp, TokenReply, WaitView,
};
use model::{NodeName, WallTime};
use server::{ControlRequest, Mode};

use reasons::{explanation, role_verdicts};
use told::{config, daemon_log, environment, fences, levels, log, news};

/// What the clock of every test shows.
pub const NOW: WallTime = WallTime(1_795_143_600_000);

/// The cluster that the scripted daemon shows.
#[derive(Default)]
pub struct World {
    pub status: Status,
    history: Vec<HistoryEntryView>,
    refusal: Option<ApiError>,
    broken_rules: Vec<RuleView>,
    locks: Vec<LockView>,
    /// The state of a service after the order; running where the order says so otherwise.
    ends: Option<ServiceState>,
    under_way: Option<Order>,
}

fn ago(seconds: u64) -> Timestamp {
    Timestamp(WallTime(NOW.0 - seconds * 1000))
}

fn state<T: serde::de::DeserializeOwned>(word: &str) -> T {
    serde_json::from_value(word.into()).unwrap_or_else(|_| panic!("unknown state `{word}`"))
}

/// `a KEY b` -> (`a`, `b`).
fn cut(text: &str, key: &str) -> (String, Option<String>) {
    match text.split_once(&format!(" {key} ")) {
        Some((a, b)) => (a.to_string(), Some(b.to_string())),
        None => (text.to_string(), None),
    }
}

impl World {
    fn written(
        &self,
        node: Option<&NodeName>,
        question: &NodeQuestion,
    ) -> Result<serde_json::Value, ApiError> {
        let node = node.map_or("alpha", NodeName::as_str);
        let known = self.status.nodes.iter().find(|known| known.name == node);
        if known.is_none_or(|node| node.state != "online") {
            let message = format!("{node} could not be asked: it is not connected");
            return Err(ErrorCode::NodeNotAsked.error(message));
        }
        let value = match question {
            NodeQuestion::Log { service, query } => {
                self.known(service.as_str())?;
                match query.follow.as_deref() {
                    None => serde_json::to_value(log(service.as_str())),
                    Some("end") => return Err(ErrorCode::Stopping.error("the daemon is stopping")),
                    Some(_) => serde_json::to_value(news(service.as_str())),
                }
            }
            NodeQuestion::DaemonLog { .. } => serde_json::to_value(daemon_log(node)),
            NodeQuestion::Levels { set } => serde_json::to_value(levels(node, set.as_ref())?),
        };
        Ok(value.unwrap())
    }

    pub fn new() -> Self {
        let status = Status {
            cluster: "shop".into(),
            quorate: true,
            leader: Some("alpha".into()),
            epoch: 7,
            spec_version: 4,
            index: 40,
            seen_by: "alpha".into(),
            age_ms: 120,
            ..Status::default()
        };
        let entry = HistoryEntryView {
            index: 38,
            at: ago(60),
            kind: "operator".into(),
            text: "ops: thaw web".into(),
            ..HistoryEntryView::default()
        };
        Self {
            status,
            history: vec![entry],
            ..Self::default()
        }
    }

    /// Adds what one line says.
    pub fn add(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "node" => self.add_node(rest),
            "service" => self.add_service(rest),
            "fence" => self.add_fence(rest),
            "link" => self.add_link(rest),
            "card" | "targets" => networks::add(&mut self.status, word, rest),
            "lock" => self.add_lock(rest),
            "alarm" => self.status.alarms.push(rest.into()),
            "attribute" => self.add_attribute(rest),
            "check" => self.add_check(rest),
            "ticket" => self.add_ticket(rest),
            "warning" => self.status.warnings.push(rest.into()),
            "no" => (self.status.quorate, self.status.leader) = (false, None),
            "refuse" => {
                let (code, message) = rest.split_once(' ').unwrap();
                let code = ErrorCode::ALL.iter().find(|each| each.code() == code);
                self.refusal = Some(code.unwrap().error(message));
            }
            "breaks" => self.add_broken_rule(rest),
            "ends" => self.ends = Some(state(rest)),
            other => panic!("unknown word `{other}`"),
        }
    }

    fn add_node(&mut self, rest: &str) {
        let (rest, because) = cut(rest, "because");
        let (name, state) = rest.split_once(' ').unwrap();
        self.status.nodes.push(NodeStatus {
            name: name.into(),
            state: state.split(',').next().unwrap().into(),
            standby: state.contains("standby"),
            maintenance: state.contains("maintenance"),
            since: ago(7500),
            because,
            ..NodeStatus::default()
        });
    }

    fn add_service(&mut self, rest: &str) {
        let (rest, reason) = cut(rest, "why");
        let (rest, role) = cut(&rest, "as");
        let (rest, node) = cut(&rest, "on");
        let (name, word) = rest.split_once(' ').unwrap();
        let state: ServiceState = state(word);
        let up = if state == ServiceState::Running {
            "running"
        } else {
            "stopped"
        };
        let resource = |id: &str, kind: &str| ResourceStatus {
            id: id.into(),
            kind: kind.into(),
            state: up.into(),
        };
        self.status.services.push(ServiceStatus {
            name: name.into(),
            copy_of: name.split_once(':').map(|(service, _)| service.into()),
            state,
            node,
            role,
            since: ago(125),
            resources: vec![
                resource("address-1", "address"),
                resource("process-2", "process"),
            ],
            reason: reason.unwrap_or_else(|| "it should run".into()),
            wish: "spec".into(),
            ..ServiceStatus::default()
        });
    }

    /// `web http-1 http failed found 503 Service Unavailable`, or of a node.
    fn add_check(&mut self, rest: &str) {
        let (rest, how) = cut(rest, "found");
        let (rest, paused) = cut(&rest, "rests");
        let [of, name, kind, state] = rest.split(' ').collect::<Vec<_>>()[..] else {
            panic!("no check: {rest}");
        };
        let answer = |seconds, verdict: &str, how: &str| api::CheckAnswerView {
            at: ago(seconds),
            verdict: verdict.into(),
            how: how.into(),
            took_ms: 3,
        };
        let how_text = how.clone().unwrap_or_default();
        let check = api::CheckView {
            name: name.into(),
            kind: kind.into(),
            state: state.into(),
            since: Some(ago(120)),
            every_ms: 1000,
            paused,
            how,
            took_ms: Some(3),
            restarts_left: Some(2),
            seen_by: Some("alpha".into()),
            history: vec![answer(2, "well", "200 OK"), answer(1, state, &how_text)],
            ..api::CheckView::default()
        };
        let service = self.status.services.iter_mut().find(|s| s.name == of);
        match service {
            Some(service) => service.checks.push(check),
            None => {
                let node = self.status.nodes.iter_mut().find(|n| n.name == of);
                node.unwrap().checks.push(check);
            }
        }
    }

    fn add_attribute(&mut self, rest: &str) {
        let words: Vec<&str> = rest.split(' ').collect();
        let node = self.status.nodes.iter_mut().find(|n| n.name == words[0]);
        let attributes = &mut node.unwrap().attributes;
        attributes.insert(words[1].into(), words[2].into());
    }

    fn add_ticket(&mut self, rest: &str) {
        let (name, state) = rest.split_once(' ').unwrap();
        self.status.tickets.push(TicketView {
            name: name.into(),
            state: state.into(),
            since: ago(600),
            by: "ops".into(),
        });
    }

    fn add_fence(&mut self, rest: &str) {
        let (rest, because) = cut(rest, "because");
        let (target, executor) = cut(&rest, "by");
        self.status.fencing.push(FenceView {
            id: 39,
            target,
            executor: executor.unwrap(),
            state: "under-way".into(),
            since: ago(2),
            because: because.unwrap_or_default(),
            ..FenceView::default()
        });
    }

    /// `web any-node by node alpha because ...`: what any change would break.
    fn add_broken_rule(&mut self, rest: &str) {
        let (rest, because) = cut(rest, "because");
        let (rest, by) = cut(&rest, "by");
        let (service, rule) = rest.split_once(' ').unwrap();
        self.broken_rules.push(RuleView {
            service: service.into(),
            rule: rule.into(),
            broken_by: by.into_iter().collect(),
            because,
            times: 1,
            ..RuleView::default()
        });
    }

    fn add_link(&mut self, rest: &str) {
        let words: Vec<&str> = rest.split(' ').collect();
        let state: LinkState = state(words[2]);
        let node = self.status.nodes.iter_mut().find(|n| n.name == words[0]);
        node.unwrap().links.push(LinkStatus {
            network: words[1].into(),
            peer: words[3].into(),
            state,
            rtt_ms: (state == LinkState::Up).then_some(0.21),
            loss_percent: if state == LinkState::Up { 0.0 } else { 100.0 },
            last_heard_ms: Some(40),
        });
    }

    /// Answers one request; the log index that is applied now.
    pub fn answer(&mut self, request: ControlRequest) -> u64 {
        match request {
            ControlRequest::Status { reply } => {
                let _ = reply.send(Ok(self.status.clone()));
                self.go_on();
            }
            ControlRequest::Order {
                order, mode, reply, ..
            } => {
                let _ = reply.send(self.order(order, mode));
            }
            ControlRequest::Apply {
                request,
                mode,
                reply,
                ..
            } => {
                let _ = reply.send(self.apply(&request, mode));
            }
            ControlRequest::History { query, reply } => {
                let new = |e: &&HistoryEntryView| query.after.is_none_or(|after| after < e.index);
                let entries = self.history.iter().filter(new).cloned().collect();
                let _ = reply.send(Ok(History { entries }));
            }
            ControlRequest::Lock { request, reply, .. } => {
                let _ = reply.send(self.take_lock(&request));
            }
            other => self.answer_question(other),
        }
        self.status.index
    }

    fn answer_question(&self, request: ControlRequest) {
        match request {
            ControlRequest::Fences { reply } => {
                let _ = reply.send(Ok(fences()));
            }
            ControlRequest::Config { version, reply } => {
                let version = version.unwrap_or(4);
                let _ =
                    reply.send(match version {
                        1..=4 => Ok(config(version)),
                        _ => Err(ErrorCode::NoSuchVersion
                            .error(format!("there is no version {version}"))),
                    });
            }
            ControlRequest::ConfigVersions { reply } => {
                let versions = (1..=4).map(config).collect();
                let _ = reply.send(Ok(ConfigVersions { versions, live: 4 }));
            }
            ControlRequest::Token { reply, .. } => {
                let token = "MS1-k7Qx-alpha-Zm9v".to_string();
                let expires = Timestamp(WallTime(NOW.0 + 3_600_000));
                let _ = reply.send(Ok(TokenReply { token, expires }));
            }
            ControlRequest::AskNode {
                node,
                question,
                reply,
            } => {
                let _ = reply.send(self.written(node.as_ref(), &question));
            }
            ControlRequest::Environment { request, reply } => {
                let _ = reply.send(Ok(environment(&request)));
            }
            ControlRequest::Explain { question, reply } => {
                let _ = reply.send(self.explain(&question));
            }
            ControlRequest::WhatIf { request, reply } => {
                let _ = reply.send(failures::what_if(&request));
            }
            ControlRequest::ForceQuorum { request, reply, .. } => {
                let _ = reply.send(self.force(&request));
            }
            ControlRequest::Locks { only, reply } => {
                let wanted = |lock: &&LockView| only.is_none() || only.as_ref() == Some(&lock.name);
                let locks: Vec<LockView> = self.locks.iter().filter(wanted).cloned().collect();
                let free =
                    |name: String| ErrorCode::LockIsFree.error(format!("nobody holds lock {name}"));
                let _ = reply.send(match only.filter(|_| locks.is_empty()) {
                    Some(name) => Err(free(name)),
                    None => Ok(Locks {
                        seen_by: "alpha".into(),
                        locks,
                    }),
                });
            }
            other => panic!("not a question: {other:?}"),
        }
    }

    fn explain(&self, question: &server::ExplainQuestion) -> Result<Explanation, ApiError> {
        let mut answer = self.known(question.service.as_str()).map(explanation)?;
        if let Some(node) = &question.not_on
            && answer.nodes.iter().all(|known| known.node != node.as_str())
        {
            return Err(ErrorCode::NoSuchNode.error(format!("there is no node {node}")));
        }
        answer.roles = role_verdicts(&self.status.services, &question.service);
        if let Some(at) = question.at {
            answer.roles.clear();
            answer.at = Some(Timestamp(at));
            let note = "the configuration of that time; the live one is used";
            answer.unknown = vec![note.into()];
        }
        answer.not_on = question.not_on.as_ref().map(|node| NotOn {
            node: node.to_string(),
            because: vec!["barred since 03:12: process-2 failed 4 times".into()],
            changes: vec![
                "mainstay clear web, once what failed there is mended".into(),
                format!("mainstay move web --to {node}"),
            ],
            helps: true,
            outage: Some(outage(40, Some(12))),
        });
        Ok(answer)
    }

    fn force(&self, request: &ForceRequest) -> Result<ForceReply, ApiError> {
        if let Some(refusal) = &self.refusal {
            return Err(refusal.clone());
        }
        let lost = request.lost.join(" and ");
        Ok(ForceReply {
            lost: request.lost.clone(),
            notes: vec![
                format!("alpha goes on without {lost}, under a new history"),
                format!("{lost} must be off"),
            ],
            begun: !request.dry_run,
        })
    }

    fn known(&self, name: &str) -> Result<&ServiceStatus, ApiError> {
        let found = self.status.services.iter().find(|s| s.name == name);
        found.ok_or_else(|| ErrorCode::NoSuchService.error(format!("there is no service {name}")))
    }

    fn order(&mut self, order: Order, mode: Mode) -> Result<OrderReply, ApiError> {
        if let Some(refusal) = &self.refusal {
            return Err(refusal.clone());
        }
        if let Order::TestFence { .. } = order {
            let notes = vec!["power-alpha answers: alpha is on".to_string()];
            return Ok(OrderReply {
                notes,
                ..OrderReply::default()
            });
        }
        let plan = self.plan(&order);
        if mode == Mode::Preview {
            return Ok(OrderReply {
                plan,
                ..OrderReply::default()
            });
        }
        self.happen("operator", &format!("ops: {order}"), None);
        if let Order::Attribute { node, key, value } = &order {
            let node = self
                .status
                .nodes
                .iter_mut()
                .find(|n| n.name == node.as_str());
            let attributes = &mut node.unwrap().attributes;
            match value {
                Some(value) => attributes.insert(key.clone(), value.clone()),
                None => attributes.remove(key),
            };
        }
        self.under_way = Some(order);
        Ok(OrderReply {
            accepted: true,
            plan,
            index: Some(self.status.index),
            notes: Vec::new(),
        })
    }

    fn plan(&self, order: &Order) -> PlanView {
        let step = |action: &str, service: &str, node: &str| StepView {
            action: action.into(),
            service: Some(service.into()),
            node: Some(node.into()),
            sentence: format!("{action} {service} on {node}"),
            because: "asked by ops".into(),
        };
        let service = order.service().map(ToString::to_string).unwrap_or_default();
        let on = |name: &str| self.known(name).ok()?.node.clone();
        let here = on(&service).unwrap_or_else(|| "alpha".into());
        let steps = match order {
            Order::Start { .. } => vec![step("start", &service, &here)],
            Order::Stop { .. } => vec![step("stop", &service, &here)],
            Order::Restart { .. } => vec![step("restart", &service, &here)],
            Order::Move { to, .. } => {
                let to = to.as_ref().map_or("beta".to_string(), ToString::to_string);
                vec![step("stop", &service, &here), step("start", &service, &to)]
            }
            Order::Fence { node } => vec![StepView {
                action: "fence".into(),
                service: None,
                node: Some(node.to_string()),
                sentence: format!("fence {node}"),
                because: "asked by ops".into(),
            }],
            _others => Vec::new(),
        };
        let stays = self.status.services.iter().filter(|s| s.name != service);
        PlanView {
            id: None,
            steps,
            stays: stays
                .map(|s| StayView {
                    service: s.name.clone(),
                    node: s.node.clone(),
                })
                .collect(),
            left: Vec::new(),
            waits: Vec::new(),
            outages: self.outages(order),
        }
    }

    fn outages(&self, order: &Order) -> Vec<ServiceOutage> {
        let (service, outage) = match order {
            Order::Move { service, .. } => (service, Some(outage(40, Some(12)))),
            Order::Stop { service } => (service, None),
            _others => return Vec::new(),
        };
        let service = service.to_string();
        vec![ServiceOutage { service, outage }]
    }

    fn apply(&mut self, request: &api::ApplyRequest, mode: Mode) -> Result<ApplyReply, ApiError> {
        if let Some(refusal) = &self.refusal {
            return Err(refusal.clone());
        }
        let waits = vec![WaitView {
            service: "mail".into(),
            because: "waits for web to run".into(),
        }];
        let plan = PlanView {
            waits,
            ..self.plan(&Order::Restart {
                service: "web".parse().unwrap(),
            })
        };
        let mut reply = ApplyReply {
            base_version: 4,
            changes: vec!["service web: prefer changes from alpha to beta".into()],
            plan,
            environment: Some(environment(&EnvironmentRequest {
                source: Some(request.source.clone()),
                file_name: request.file_name.clone(),
            })),
            ..ApplyReply::default()
        };
        reply.broken_rules.clone_from(&self.broken_rules);
        if mode == Mode::Commit {
            let is_sound = reply.broken_rules.is_empty() || request.break_rules;
            assert!(is_sound, "what breaks a rule is not even sent");
            assert_eq!(
                request.base_version,
                Some(4),
                "what was agreed to is applied"
            );
            self.happen("configured", "configuration version 5 by ops", None);
            (reply.accepted, reply.version) = (true, Some(5));
            reply.index = Some(self.status.index);
        }
        Ok(reply)
    }

    /// What was ordered comes to its end.
    fn go_on(&mut self) {
        let Some(order) = self.under_way.take() else {
            return;
        };
        let ends = self.ends;
        if let Some(name) = order.service().map(ToString::to_string) {
            let (end, to) = match &order {
                Order::Stop { .. } => (ServiceState::Stopped, None),
                Order::Move { to, .. } => (
                    ServiceState::Running,
                    Some(to.as_ref().map_or("beta".to_string(), ToString::to_string)),
                ),
                _others => (ServiceState::Running, Some("alpha".to_string())),
            };
            // Copies, of which each is a service of its own, stay as they are.
            let service = self.status.services.iter_mut().find(|s| s.name == name);
            let Some(service) = service else { return };
            service.state = ends.unwrap_or(end);
            service.node.clone_from(&to);
            if ends.is_some() {
                service.reason = "process-2 failed in start: exit 1".into();
            }
            let text = match to {
                Some(to) => format!("{name} is {} on {to}", service.state),
                None => format!("{name} is {}", service.state),
            };
            let kind = if service.state == ServiceState::Running {
                "running"
            } else {
                "stopped"
            };
            self.happen(kind, &text, Some(name));
        }
        if let Order::Fence { node } = &order {
            let name = node.to_string();
            let node = self.status.nodes.iter_mut().find(|n| n.name == name);
            node.unwrap().state = "down".into();
            self.happen(
                "fence-ended",
                &format!("fence 41: {name} confirmed off"),
                None,
            );
        }
    }

    fn happen(&mut self, kind: &str, text: &str, service: Option<String>) {
        self.status.index += 1;
        self.history.push(HistoryEntryView {
            index: self.status.index,
            at: Timestamp(NOW),
            kind: kind.into(),
            text: text.into(),
            service,
            ..HistoryEntryView::default()
        });
    }
}

fn outage(about_ms: u64, measured: Option<usize>) -> OutageView {
    let times = measured.unwrap_or(0);
    OutageView {
        text: format!("about {about_ms} ms without answer; measured {times} times"),
        about_ms,
        at_most_ms: 2 * about_ms,
        measured,
        unmeasured: Vec::new(),
    }
}
