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

mod networks;

use api::lock::{LockPlaceView, LockReply, LockRequest, LockStanding, LockView, Locks};
use api::quorum::{ForceReply, ForceRequest};
use api::{
    ApiError, ApplyReply, BackView, ConfigVersion, ConfigVersions, DaemonLine, DaemonLog, DownView,
    EnvironmentReport, EnvironmentRequest, ErrorCode, Explanation, FailureView, FenceRecordView,
    FenceView, Fences, History, HistoryEntryView, Levels, LevelsChange, LinkState, LinkStatus,
    LogLine, LogView, NodeQuestion, NodeStatus, NodeVerdict, NotOn, Order, OrderReply, OutageView,
    PlanView, ResourceStatus, RuleView, ServiceOutage, ServiceState, ServiceStatus, Status,
    StayView, StepView, TicketView, Timestamp, TokenReply, WaitView, WhatIfReply, WhatIfRequest,
};
use model::{NodeName, WallTime};
use server::{ControlRequest, Mode};

/// What the clock of every test shows.
pub const NOW: WallTime = WallTime(1_795_143_600_000);

/// The cluster that the scripted daemon shows.
#[derive(Default)]
pub struct World {
    pub status: Status,
    history: Vec<HistoryEntryView>,
    refusal: Option<ApiError>,
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

    fn add_lock(&mut self, rest: &str) {
        let words: Vec<&str> = rest.split(' ').collect();
        let [name, "by", user, "on", node, "token", token] = words[..] else {
            panic!("not a lock: {rest}");
        };
        self.locks.push(LockView {
            name: name.into(),
            token: token.parse().unwrap(),
            holder: place(node, user),
            waiting: vec![place("gamma", "cron")],
            ..LockView::default()
        });
    }

    fn take_lock(&mut self, request: &LockRequest) -> Result<LockReply, ApiError> {
        let name = request.lock().to_string();
        let held = self.locks.iter_mut().find(|lock| lock.name == name);
        let mut reply = LockReply {
            lock: name.clone(),
            session: "alpha-6f".into(),
            lease_ms: 30_000,
            index: 41,
            ..LockReply::default()
        };
        match (request, held) {
            (LockRequest::Take { wait: false, .. }, Some(held)) => {
                let LockView { token, holder, .. } = held;
                let (user, node) = (&holder.user, &holder.node);
                let told = format!("lock {name} is held by {user} on {node}, token {token}");
                return Err(ErrorCode::LockHeld.error(told));
            }
            (LockRequest::Take { .. }, Some(_)) => {
                (reply.standing, reply.place) = (LockStanding::Waiting, Some(2));
            }
            (LockRequest::Take { .. } | LockRequest::Renew { .. }, None) => {
                (reply.standing, reply.token) = (LockStanding::Held, Some(41));
            }
            (LockRequest::Recall { .. } | LockRequest::Renew { .. }, Some(_)) => {}
            (LockRequest::Release { session, .. }, held) => {
                reply.session.clone_from(session);
                if held.is_none_or(|held| held.holder.session != *session) {
                    let told = format!("{session} has lost lock {name}, or never had it");
                    return Err(ErrorCode::LockLost.error(told));
                }
            }
            (LockRequest::Recall { .. }, None) => {
                return Err(ErrorCode::LockIsFree.error(format!("nobody holds lock {name}")));
            }
        }
        Ok(reply)
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
                let _ = reply.send(what_if(&request));
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
        if let Some(at) = question.at {
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
        if mode == Mode::Commit {
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
            let service = self.status.services.iter_mut().find(|s| s.name == name);
            let service = service.unwrap();
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

fn place(node: &str, user: &str) -> LockPlaceView {
    LockPlaceView {
        session: format!("{node}-5e"),
        user: user.into(),
        node: node.into(),
        since: ago(90),
        lease_ms: 30_000,
        left_ms: 24_300,
    }
}

fn config(version: u64) -> ConfigVersion {
    ConfigVersion {
        version,
        at: ago(10_000 - version * 1000),
        by: "ops".into(),
        source: Some(format!("[cluster]\nname = \"shop\"\n# change {version}\n")),
    }
}

fn fences() -> Fences {
    let record = FenceRecordView {
        id: 12,
        target: "gamma".into(),
        executor: "alpha".into(),
        because: "gamma silent for 812 ms, agreed by alpha and beta".into(),
        asked_at: ago(4000),
        ended_at: Timestamp(WallTime(ago(4000).0.0 + 640)),
        result: "confirmed".into(),
        text: "confirmed off by power-gamma".into(),
    };
    Fences {
        fences: vec![record],
    }
}

fn log(service: &str) -> LogView {
    let line = LogLine {
        at: ago(125),
        resource: "process-2".into(),
        verb: "start".into(),
        outcome: "running".into(),
        took_ms: 18,
        plan: Some(7),
        output: "listening on 10.0.0.100:80\n".into(),
    };
    LogView {
        service: service.into(),
        node: "alpha".into(),
        runs_on: Some("beta".into()),
        lines: vec![line],
        cursor: "process-2:80:0".into(),
    }
}

/// What followed: then the daemon ends.
fn news(service: &str) -> LogView {
    let line = |verb: &str, outcome: &str, output: &str| LogLine {
        at: ago(1),
        resource: "process-2".into(),
        verb: verb.into(),
        outcome: outcome.into(),
        took_ms: 3,
        plan: None,
        output: output.into(),
    };
    LogView {
        lines: vec![
            line("stop", "has not ended", ""),
            line("", "", "closing\nclosed\n"),
            line("stop", "stopped", ""),
        ],
        cursor: "end".into(),
        ..log(service)
    }
}

fn daemon_log(node: &str) -> DaemonLog {
    let line = |level: &str, module: &str, text: &str| DaemonLine {
        at: ago(60),
        level: level.into(),
        module: module.into(),
        text: text.into(),
    };
    DaemonLog {
        node: node.into(),
        lines: vec![
            line(
                "info",
                "mainstay::daemon",
                "daemon started node=alpha incarnation=3",
            ),
            line(
                "warn",
                "mainstay::daemon::control",
                "beta silent for 500 ms",
            ),
        ],
        cursor: 2,
        missed: 0,
    }
}

fn levels(node: &str, set: Option<&LevelsChange>) -> Result<Levels, ApiError> {
    let mut levels = Levels {
        node: node.into(),
        level: "info".into(),
        modules: Default::default(),
        at_start: "info".into(),
    };
    match set {
        Some(LevelsChange::Set(text)) => match text.split_once('=') {
            Some((module, level)) => {
                levels.modules.insert(module.into(), level.into());
            }
            None if text == "loud" => {
                return Err(ErrorCode::BadRequest.error("`loud` cannot be understood"));
            }
            None => levels.level.clone_from(text),
        },
        Some(LevelsChange::Reset) | None => {}
    }
    Ok(levels)
}

/// What the nodes lack for a file that asks for what is absent.
fn environment(request: &EnvironmentRequest) -> EnvironmentReport {
    let report = EnvironmentReport {
        ok: true,
        problems: serde_json::json!([]),
        asked: vec!["alpha".into(), "beta".into(), "gamma".into()],
        took_ms: 31,
        ..EnvironmentReport::default()
    };
    match &request.source {
        Some(source) if source.contains("/absent") => {
            let name = &request.file_name;
            let help = "install it on gamma";
            EnvironmentReport {
                ok: false,
                text: format!(
                    "error[E0901]: there is no program /usr/sbin/absent on gamma\n  --> {name}:9\n  = help: {help}\n"
                ),
                obstacles: vec![
                    format!("E0901: there is no program /usr/sbin/absent on gamma ({name}:9)"),
                    format!("  help: {help}"),
                ],
                ..report
            }
        }
        Some(_) | None => report,
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

fn failure(names: &[&str], down: &[(&str, &str)], back: &[(&str, &str)]) -> FailureView {
    FailureView {
        failures: names.iter().map(ToString::to_string).collect(),
        deciders: "majority".into(),
        because: None,
        down: down
            .iter()
            .map(|(service, because)| DownView {
                service: (*service).into(),
                because: (*because).into(),
            })
            .collect(),
        back: back
            .iter()
            .map(|(service, node)| BackView {
                service: (*service).into(),
                node: (*node).into(),
                equals: Vec::new(),
                outage: outage(860, Some(7)),
            })
            .collect(),
        ..FailureView::default()
    }
}

fn alone(failure: FailureView) -> WhatIfReply {
    WhatIfReply {
        singles: vec![failure],
        ..WhatIfReply::default()
    }
}

fn a_card_of_alpha() -> FailureView {
    let mut card = failure(&["card alpha/eth0"], &[], &[]);
    card.carried.push(api::CarriedView {
        service: "web".into(),
        node: "alpha".into(),
        card: "eth1".into(),
        outage: api::OutageView {
            text: "about 80 ms without answer; estimated".into(),
            about_ms: 80,
            ..api::OutageView::default()
        },
    });
    card
}

fn beta_with_roles() -> FailureView {
    let mut beta = failure(&["node beta"], &[], &[("db:1", "gamma")]);
    beta.roles = vec![
        api::RoleView {
            service: "db".into(),
            node: Some("alpha".into()),
            because: None,
            outage: Some(outage(910, Some(4))),
        },
        api::RoleView {
            service: "mail".into(),
            because: Some("no copy can be promoted".into()),
            ..api::RoleView::default()
        },
    ];
    beta
}

/// Three nodes with one network, as a daemon would tell of them.
fn what_if(request: &WhatIfRequest) -> Result<WhatIfReply, ApiError> {
    let unproven = "waits until alpha is proven off: power-alpha: it does not answer";
    let no_quorum = "no quorum, so it stops (policy stop): 1 of 3 voters are left";
    let rule = |holds: bool| RuleView {
        service: "web".into(),
        rule: "any-one".into(),
        holds,
        broken_by: vec!["network lan".into()],
        because: Some(no_quorum.into()),
        times: 1,
        broken_before: false,
    };
    let alpha = failure(&["node alpha"], &[], &[("web", "beta")]);
    match request.fail.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {}
        ["alpha"] => {
            return Ok(WhatIfReply {
                singles: vec![alpha],
                rules: vec![rule(true)],
                ..WhatIfReply::default()
            });
        }
        ["card:alpha/eth0"] => return Ok(alone(a_card_of_alpha())),
        ["beta"] => return Ok(alone(beta_with_roles())),
        [other, ..] => {
            let message = format!("there is no `{other}` that could fail");
            return Err(ErrorCode::NoSuchFailure.error(message));
        }
    }
    let nothing = |name: &str| failure(&[name], &[], &[]);
    let lan = failure(
        &["network lan"],
        &[("db", no_quorum), ("web", no_quorum)],
        &[],
    );
    Ok(WhatIfReply {
        version: 4,
        not_running: Vec::new(),
        singles: vec![
            alpha,
            nothing("node beta"),
            failure(&["node gamma"], &[], &[("db", "alpha")]),
            lan,
            nothing("fence power-alpha"),
            nothing("fence power-beta"),
            nothing("fence power-gamma"),
            failure(&["resource web/process-2"], &[], &[("web", "beta")]),
        ],
        single_points: vec!["network lan".into()],
        doubles_count: 28,
        doubles: vec![
            failure(
                &["node alpha", "node beta"],
                &[("db", no_quorum), ("web", no_quorum)],
                &[],
            ),
            failure(
                &["node alpha", "fence power-alpha"],
                &[("web", unproven)],
                &[],
            ),
        ],
        left_out: 0,
        rules: vec![rule(false)],
        took_ms: 1,
    })
}

fn explanation(service: &ServiceStatus) -> Explanation {
    let verdict = |node: &str, score: Option<i64>, because: &str| NodeVerdict {
        node: node.into(),
        allowed: score.is_some(),
        score,
        because: vec![because.into()],
    };
    Explanation {
        service: service.name.clone(),
        state: service.state,
        node: service.node.clone(),
        because: service.reason.clone(),
        nodes: vec![
            verdict("alpha", Some(250), "first in prefer; it is there now"),
            verdict("beta", Some(100), "second in prefer"),
            verdict("gamma", None, "gamma is lost"),
        ],
        waits: Vec::new(),
        since: Some(service.since),
        happened: vec![HistoryEntryView {
            index: 31,
            at: ago(125),
            kind: "granted".into(),
            text: format!("plan 30: start {} on alpha: it should run", service.name),
            ..HistoryEntryView::default()
        }],
        at: None,
        unknown: Vec::new(),
        not_on: None,
    }
}
