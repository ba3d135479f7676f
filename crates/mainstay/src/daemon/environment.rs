//! Whether all nodes have what a configuration needs: asks them at the same time, and lets
//! `config` judge. A node that cannot be asked is told, and keeps nothing from being done.

use std::collections::BTreeMap;

use api::{ApplyReply, EnvironmentReport, EnvironmentRequest, ErrorCode};
use config::environment::{self, Ask, Attributes, Findings, Survey};
use model::environment::{Fact, Told};
use model::reload::AgentReload;
use model::{Instant, NodeId, NodeName, Spec};
use serde_json::Value;
use server::{Mode, Reply};
use tokio::sync::oneshot;

use super::asks::{ANSWER_LIMIT, Found, PeerQuestion};
use super::control::{Control, Input};
use super::orders::Prepared;

/// A configuration that waits to be applied, and what the nodes lack for it.
pub struct Surveyed {
    /// For the answer.
    pub reply: Reply<ApplyReply>,
    /// What follows from it.
    pub prepared: Prepared,
    /// Look at it, or carry it out.
    pub mode: Mode,
    /// What it may break, and whether it may ignore what nodes lack.
    pub leave: Leave,
    /// What was found.
    pub report: EnvironmentReport,
    /// What agents can reload.
    pub reloads: BTreeMap<String, AgentReload>,
}

/// What a person allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leave {
    /// Rules may be broken.
    pub break_rules: bool,
    /// Nodes may lack what it needs.
    pub ignore_environment: bool,
}

/// One node that is asked.
struct Asked {
    node: NodeName,
    began: Instant,
    answer: Result<oneshot::Receiver<Found>, String>,
}

/// A survey that is under way.
struct UnderWay {
    began: Instant,
    asks: Vec<Ask>,
    live: Vec<Ask>,
    asked: Vec<Asked>,
}

impl Control {
    /// Asks all nodes what a person wants to know.
    pub fn take_environment(
        &mut self,
        request: &EnvironmentRequest,
        reply: Reply<EnvironmentReport>,
    ) {
        let state = self.node.state();
        let live = state.spec_source().unwrap_or_default().to_string();
        let (name, source) = match &request.source {
            Some(source) => (request.file_name.clone(), source.clone()),
            None => (format!("version {}", state.spec_version()), live),
        };
        let loaded = match config::read(&name, &source) {
            Ok(loaded) => loaded,
            Err(problems) => {
                let error = ErrorCode::BadRequest.error("the configuration has problems");
                let text = problems.render(config::Colour::Never);
                drop(reply.send(Err(error.with_detail(text))));
                return;
            }
        };
        let survey = self.begin_survey(&loaded.spec, None);
        tokio::spawn(async move {
            let (report, _) = survey.report(&name, &source).await;
            drop(reply.send(Ok(report)));
        });
    }

    /// Asks all nodes whether they have what a configuration needs that waits to be applied.
    pub fn survey_for(
        &mut self,
        prepared: Prepared,
        (mode, leave): (Mode, Leave),
        reply: Reply<ApplyReply>,
    ) {
        let live = self.node.state().spec().cloned();
        let (spec, source, name) = prepared.proposed();
        let survey = self.begin_survey(&spec, live.as_ref());
        let inputs = self.inputs.clone();
        tokio::spawn(async move {
            let (report, reloads) = survey.report(&name, &source).await;
            let surveyed = Surveyed {
                reply,
                prepared,
                mode,
                leave,
                report,
                reloads,
            };
            // A loop that has ended answers nobody any more.
            let _ended = inputs.send(Input::Surveyed(Box::new(surveyed))).await;
        });
    }

    /// The nodes have told what they have.
    pub fn take_surveyed(&mut self, surveyed: Surveyed) {
        let Surveyed {
            reply,
            mut prepared,
            mode,
            leave,
            report,
            reloads,
        } = surveyed;
        if mode == Mode::Commit && !report.obstacles.is_empty() && !leave.ignore_environment {
            let mut error = ErrorCode::EnvironmentUnfit.error("nothing was changed");
            error.details = report.obstacles;
            return drop(reply.send(Err(error)));
        }
        if let Err(error) = self.note_reloads(&mut prepared, &reloads) {
            return drop(reply.send(Err(error)));
        }
        prepared.answer.environment = Some(report);
        self.go_on_with_apply(prepared, (mode, leave.break_rules), reply);
    }

    fn begin_survey(&mut self, spec: &Spec, live: Option<&Spec>) -> UnderWay {
        let me = self.identity.name.clone();
        let attributes = self.attributes();
        let asks = environment::asks(spec, &attributes, &me);
        let live = live.map(|live| environment::asks(live, &attributes, &me));
        let members: BTreeMap<NodeName, NodeId> = self
            .node
            .state()
            .members()
            .map(|(name, id, _)| (name.clone(), id))
            .collect();
        let mut asked = Vec::new();
        for node in spec.nodes.keys() {
            // A node that is described and has not joined yet is asked when it has.
            let Some(id) = members.get(node) else {
                continue;
            };
            let questions = environment::questions_for(&asks, node);
            let questions = questions
                .iter()
                .map(|question| serde_json::to_value(question).expect("questions are plain data"));
            let question = PeerQuestion::Inspect {
                questions: questions.collect(),
            };
            let answer = match *node == me {
                true => Ok(self.ask_myself(question)),
                false => self.ask_peer(*id, &question),
            };
            asked.push(Asked {
                node: node.clone(),
                began: host::clock::now(),
                answer,
            });
        }
        UnderWay {
            began: host::clock::now(),
            asks,
            live: live.unwrap_or_default(),
            asked,
        }
    }

    fn ask_myself(&self, question: PeerQuestion) -> oneshot::Receiver<Found> {
        let (sender, receiver) = oneshot::channel();
        let look = self.look_into(question);
        tokio::spawn(async move {
            let _nobody_waits = sender.send(look.await);
        });
        receiver
    }

    fn attributes(&self) -> Attributes {
        let nodes = self.node.state().seen().nodes.iter();
        nodes
            .map(|(name, seen)| (name.clone(), seen.attributes.clone()))
            .collect()
    }
}

impl UnderWay {
    async fn report(
        self,
        file_name: &str,
        source: &str,
    ) -> (EnvironmentReport, BTreeMap<String, AgentReload>) {
        let answers: Vec<_> = self
            .asked
            .into_iter()
            .map(|asked| (asked.node.clone(), tokio::spawn(told(asked))))
            .collect();
        let mut survey = Survey {
            asks: self.asks,
            live: self.live,
            ..Survey::default()
        };
        for (node, answer) in answers {
            let told = answer.await;
            let told = told.unwrap_or_else(|error| Told::Nothing(error.to_string()));
            survey.told.insert(node, told);
        }
        let findings = environment::judge(file_name, source, &survey);
        let took = host::clock::now().saturating_duration_since(self.began);
        let mut report = view(&findings, &survey);
        report.took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        (report, environment::reloads(&survey))
    }
}

async fn told(asked: Asked) -> Told {
    let sent = host::clock::wall();
    let answer = match asked.answer {
        Ok(answer) => answer,
        Err(why) => return Told::Nothing(why),
    };
    let Ok(answer) = tokio::time::timeout(ANSWER_LIMIT, answer).await else {
        return Told::Nothing(format!("it did not answer within {ANSWER_LIMIT:?}"));
    };
    let under_way = host::clock::now().saturating_duration_since(asked.began);
    let facts = answer.ok().and_then(|answer| {
        let facts: Vec<Value> = serde_json::from_value(answer.ok()?).ok()?;
        let unknown = || Fact::Unknown("a newer version tells it in other words".into());
        let each = facts.into_iter();
        let facts = each.map(|fact| serde_json::from_value(fact).unwrap_or_else(|_| unknown()));
        Some(facts.collect::<Vec<Fact>>())
    });
    let Some(facts) = facts else {
        return Told::Nothing("its answer cannot be read".into());
    };
    let ahead = ahead(&facts, sent, under_way);
    Told::Facts { facts, ahead }
}

/// How far the clock of a node is ahead of ours: it was read between our question and its
/// answer, so half of the time in between may be wrong.
fn ahead(facts: &[Fact], sent: model::WallTime, under_way: std::time::Duration) -> (i64, u64) {
    let theirs = facts.iter().find_map(|fact| match fact {
        Fact::Time(at) => Some(*at),
        _other => None,
    });
    let Some(theirs) = theirs else {
        return (0, 0);
    };
    let half = u64::try_from(under_way.as_millis() / 2).unwrap_or(u64::MAX);
    let middle = sent.0.saturating_add(half);
    let apart = i64::try_from(theirs.0.abs_diff(middle)).unwrap_or(i64::MAX);
    let ahead = if theirs.0 < middle { -apart } else { apart };
    (ahead, half + 1)
}

fn view(findings: &Findings, survey: &Survey) -> EnvironmentReport {
    let names = |is_wanted: fn(&Told) -> bool| {
        let told = survey.told.iter().filter(|(_, told)| is_wanted(told));
        told.map(|(node, _)| node.to_string()).collect()
    };
    let obstacles = findings.obstacles();
    EnvironmentReport {
        ok: obstacles.is_empty(),
        problems: findings.to_json(),
        text: findings.render(config::Colour::Never),
        obstacles,
        asked: names(|told| matches!(told, Told::Facts { .. })),
        silent: names(|told| matches!(told, Told::Nothing(_))),
        took_ms: 0,
    }
}

impl Prepared {
    /// The configuration that is proposed, its text and its name.
    fn proposed(&self) -> (Spec, String, String) {
        let model::Command::SetSpec { source, spec, .. } = &self.command else {
            unreachable!("a configuration is made live by nothing else");
        };
        ((**spec).clone(), source.clone(), self.file_name.clone())
    }
}
