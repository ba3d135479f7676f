//! What if something fails, and whether a change keeps the rules of the configuration. Both
//! are played on a thread of their own, on a copy of the state: the control loop goes on.

use std::time::Duration;

use api::{
    ApiError, ApplyReply, BackView, CarriedView, DownView, ErrorCode, FailureView, OutageView,
    RoleView, RuleView, WhatIfReply, WhatIfRequest,
};
use model::{Command, Moment, ServiceName, UserName};
use node::Estimate;
use node::what_if::{
    BrokenRule, Cluster, Deciders, Depth, Failure, Fate, Outcome, RoleFate, WhatIf,
};
use server::{Mode, Reply};
use state::State;

use super::control::{Control, Input};
use super::explain::waits;

/// Pairs that one answer lists: some megabytes. Whoever wants others asks with `fail`.
const DOUBLES_MAX: usize = 10_000;

/// What a play starts from.
#[derive(Clone)]
struct Ground {
    state: State,
    applied: u64,
    at: Moment,
    voters: std::collections::BTreeSet<model::NodeId>,
    arbiter: wire::raft::Arbiter,
}

impl Ground {
    fn cluster(&self) -> Cluster<'_> {
        let who = (self.voters.clone(), self.arbiter);
        Cluster::new(&self.state, (self.applied, self.at), who)
    }
}

/// A configuration that waits to be applied, and the rules that it breaks.
pub struct Ruled {
    /// For the answer.
    reply: Reply<ApplyReply>,
    /// What it says so far, with the rules.
    answer: ApplyReply,
    /// What makes it live.
    command: Command,
    /// Look at it, or carry it out.
    mode: Mode,
    /// Whether it becomes live whatever it breaks.
    break_rules: bool,
}

impl Control {
    fn ground(&self) -> Ground {
        let configuration = self.node.raft().configuration();
        Ground {
            state: self.node.state().without_past(),
            applied: self.node.applied(),
            at: Moment {
                at: host::clock::wall(),
                clock: self.node.cluster_time(host::clock::now()),
            },
            voters: configuration.voters.clone(),
            arbiter: configuration.arbiter,
        }
    }

    /// Plays failures.
    pub fn take_what_if(&self, request: WhatIfRequest, reply: Reply<WhatIfReply>) {
        let mut ground = self.ground();
        let version = self.node.state().spec_version();
        if let Some(source) = &request.source {
            match self.changed(source, &request.file_name) {
                Ok(state) => ground.state = state.without_past(),
                Err(error) => return drop(reply.send(Err(error))),
            }
        }
        tokio::task::spawn_blocking(move || {
            let began = host::clock::now();
            let answer = what_if(&ground, &request).map(|mut answer| {
                let took = host::clock::now().saturating_duration_since(began);
                answer.took_ms = millis(took);
                answer.version = version;
                answer
            });
            drop(reply.send(answer));
        });
    }

    /// The state that follows when this configuration becomes live.
    fn changed(&self, source: &str, file_name: &str) -> Result<State, ApiError> {
        let request = api::ApplyRequest {
            source: source.to_string(),
            file_name: file_name.to_string(),
            ..api::ApplyRequest::default()
        };
        let by = UserName::new("what-if").expect("a plain word");
        let prepared = self.prepare_apply(&request, by)?;
        Ok(prepared.after)
    }

    /// Looks whether the rules of a configuration hold once it is live, then goes on with it.
    pub fn check_rules(
        &self,
        (prepared, break_rules): (super::orders::Prepared, bool),
        mode: Mode,
        reply: Reply<ApplyReply>,
    ) {
        let before = self.ground();
        let mut after = before.clone();
        after.state = prepared.after.without_past();
        let inputs = self.inputs.clone();
        let (mut answer, command) = (prepared.answer, prepared.command);
        tokio::task::spawn_blocking(move || {
            let known = WhatIf::new(before.cluster()).broken_rules();
            let broken = WhatIf::new(after.cluster()).broken_rules();
            let is_known = |rule: &BrokenRule| {
                let mut known = known.iter();
                known.any(|known| (&known.service, known.rule) == (&rule.service, rule.rule))
            };
            answer.broken_rules = broken
                .iter()
                .map(|rule| rule_view(rule, is_known(rule)))
                .collect();
            let ruled = Ruled {
                reply,
                answer,
                command,
                mode,
                break_rules,
            };
            // A loop that has ended answers nobody any more.
            let _ = inputs.blocking_send(Input::Ruled(Box::new(ruled)));
        });
    }

    /// The rules of a configuration are known.
    pub fn take_ruled(&mut self, ruled: Ruled) {
        let news = ruled
            .answer
            .broken_rules
            .iter()
            .filter(|rule| rule.is_news());
        let news: Vec<String> = news.map(RuleView::sentence).collect();
        if ruled.mode == Mode::Preview {
            return drop(ruled.reply.send(Ok(ruled.answer)));
        }
        if !news.is_empty() && !ruled.break_rules {
            let mut error = ErrorCode::RuleBroken.error("nothing was changed");
            error.details = news;
            return drop(ruled.reply.send(Err(error)));
        }
        self.commit_apply((ruled.answer, ruled.command), ruled.reply);
    }
}

fn what_if(ground: &Ground, request: &WhatIfRequest) -> Result<WhatIfReply, ApiError> {
    let cluster = ground.cluster();
    let all = Failure::all(&ground.state);
    let asked = request
        .fail
        .iter()
        .map(|text| find(&ground.state, text))
        .collect::<Result<Vec<Failure>, ApiError>>()?;
    let mut what_if = WhatIf::new(cluster);
    let mut answer = match asked.as_slice() {
        [] => everything(&mut what_if, &all, request),
        asked => together(&mut what_if, (asked, &all), request),
    };
    answer.not_running = not_running(ground);
    answer.rules = rules(&mut what_if, &ground.state);
    Ok(answer)
}

fn find(state: &State, text: &str) -> Result<Failure, ApiError> {
    Failure::find(state, text).ok_or_else(|| {
        ErrorCode::NoSuchFailure.error(format!("there is no `{text}` that could fail"))
    })
}

fn everything(what_if: &mut WhatIf<'_>, all: &[Failure], request: &WhatIfRequest) -> WhatIfReply {
    let forecast = what_if.forecast(all, Depth::Doubles);
    let singles: Vec<FailureView> = forecast
        .singles
        .iter()
        .map(|(failure, outcome)| failure_view(&[failure], outcome))
        .collect();
    let wanted: Vec<_> = forecast
        .doubles
        .iter()
        .filter(|double| request.all || !forecast.news_of(double).is_empty())
        .collect();
    let doubles = wanted.iter().take(DOUBLES_MAX).map(|double| {
        let failures = [double.first, double.second].map(|place| &forecast.singles[place].0);
        failure_view(&failures, &forecast.outcome_of(double))
    });
    let points = forecast.singles.iter();
    let points = points.filter(|(_, outcome)| what_if.ends_any(outcome));
    WhatIfReply {
        single_points: points.map(|(failure, _)| failure.to_string()).collect(),
        doubles_count: forecast.doubles.len(),
        doubles: doubles.collect(),
        left_out: wanted.len().saturating_sub(DOUBLES_MAX),
        singles,
        ..WhatIfReply::default()
    }
}

/// What was asked for at once; with `double`, and each other thing beside it.
fn together(
    what_if: &mut WhatIf<'_>,
    (asked, all): (&[Failure], &[Failure]),
    request: &WhatIfRequest,
) -> WhatIfReply {
    let asked: Vec<&Failure> = asked.iter().collect();
    let first = what_if.outcome(&asked);
    let mut answer = WhatIfReply {
        singles: vec![failure_view(&asked, &first)],
        ..WhatIfReply::default()
    };
    if !request.double {
        return answer;
    }
    for other in all.iter().filter(|other| !asked.contains(other)) {
        let both: Vec<&Failure> = asked.iter().copied().chain([other]).collect();
        let alone = what_if.outcome(&[other]);
        let outcome = what_if.outcome(&both);
        let (first, alone) = (first.missed(), alone.missed());
        let mut missed = outcome.missed().into_iter();
        let is_news = missed.any(|name| !first.contains(name) && !alone.contains(name));
        answer.doubles_count += 1;
        if request.all || is_news {
            answer.doubles.push(failure_view(&both, &outcome));
        }
    }
    answer
}

fn failure_view(failures: &[&Failure], outcome: &Outcome) -> FailureView {
    let (deciders, because) = match &outcome.deciders {
        Deciders::Majority => ("majority", None),
        Deciders::Half { .. } => ("half", None),
        Deciders::Nobody { because } => ("nobody", Some(because.clone())),
    };
    let mut view = FailureView {
        failures: failures.iter().map(ToString::to_string).collect(),
        deciders: deciders.to_string(),
        because,
        ..FailureView::default()
    };
    for (service, fate) in &outcome.fates {
        let service = service.to_string();
        match fate {
            Fate::Down { because } => view.down.push(DownView {
                service,
                because: because.clone(),
            }),
            Fate::Back {
                node,
                outage,
                equals,
            } => view.back.push(BackView {
                service,
                node: node.to_string(),
                equals: equals.iter().map(ToString::to_string).collect(),
                outage: outage_view(outage),
            }),
            Fate::Carried { node, card, outage } => view.carried.push(CarriedView {
                service,
                node: node.to_string(),
                card: card.to_string(),
                outage: OutageView {
                    text: format!(
                        "about {} without answer; estimated",
                        node::say(outage.about)
                    ),
                    ..outage_view(outage)
                },
            }),
        }
    }
    view.roles = (outcome.roles.iter())
        .map(|(service, role)| role_view(service, role))
        .collect();
    view
}

fn role_view(service: &ServiceName, role: &RoleFate) -> RoleView {
    let mut view = RoleView {
        service: service.to_string(),
        ..RoleView::default()
    };
    match role {
        RoleFate::Back { node, outage } => {
            view.node = Some(node.to_string());
            view.outage = Some(outage_view(outage));
        }
        RoleFate::Nobody { because } => view.because = Some(because.clone()),
    }
    view
}

/// A time that is told ahead, as it is shown.
pub fn outage_view(outage: &Estimate) -> OutageView {
    OutageView {
        text: outage.to_string(),
        about_ms: millis(outage.about),
        at_most_ms: millis(outage.at_most),
        measured: outage.measured(),
        unmeasured: outage.unmeasured().map(ToString::to_string).collect(),
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn not_running(ground: &Ground) -> Vec<DownView> {
    let state = &ground.state;
    let Some(spec) = state.spec() else {
        return Vec::new();
    };
    let mut extra = api::StatusExtra::new("what-if".parse().expect("a plain word"));
    extra.waits = waits(&planner::Input {
        spec,
        spec_version: state.spec_version(),
        seen: state.seen(),
        id: model::PlanId(ground.applied),
        now: ground.at.clock,
        wall: ground.at.at,
    });
    let status = api::Status::from_seen(spec, state.seen(), extra);
    status
        .services
        .into_iter()
        .filter(|service| service.state != api::ServiceState::Running)
        .map(|service| DownView {
            service: service.name,
            because: service.reason,
        })
        .collect()
}

fn rules(what_if: &mut WhatIf<'_>, state: &State) -> Vec<RuleView> {
    let broken = what_if.broken_rules();
    let up = what_if.up();
    let services = state.spec().map(|spec| &spec.services);
    services
        .into_iter()
        .flatten()
        .filter_map(|(name, service)| Some((name, service.survive?)))
        .filter_map(|(name, rule)| {
            let mut broken = broken.iter();
            let found = broken.find(|broken| (&broken.service, broken.rule) == (name, rule));
            match found {
                Some(broken) => Some(rule_view(broken, false)),
                // Of what is stopped on purpose it cannot be said.
                None if !up.contains(name) => None,
                None => Some(RuleView {
                    service: name.to_string(),
                    rule: rule.word().to_string(),
                    holds: true,
                    ..RuleView::default()
                }),
            }
        })
        .collect()
}

fn rule_view(broken: &BrokenRule, broken_before: bool) -> RuleView {
    RuleView {
        service: broken.service.to_string(),
        rule: broken.rule.word().to_string(),
        holds: false,
        broken_by: broken.by.iter().map(ToString::to_string).collect(),
        because: Some(broken.because.clone()),
        times: broken.times,
        broken_before,
    }
}
