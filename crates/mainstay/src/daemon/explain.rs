//! Why a service is where it is, now or at an earlier moment.

use api::{
    ApiError, ErrorCode, Explanation, HistoryEntryView, NodeVerdict, NotOn, ServiceState, Status,
    StatusExtra, Timestamp,
};
use model::{Moment, NodeName, PlanId, Reason, Seen, ServiceName, Spec, WallTime};
use node::Node;
use node::past::{NoPast, Past, evidence, past};
use planner::Verdict;
use server::ExplainQuestion;

use super::what_if::outage_view;

/// Entries of the history in one explanation: about a screen.
const HAPPENED_MAX: usize = 16;

/// What is asked, answered from what this node knows.
pub fn explain(node: &Node, question: &ExplainQuestion) -> Result<Explanation, ApiError> {
    let mut explanation = match question.at {
        Some(at) => explain_past(node, &question.service, at)?,
        None => explain_now(node, &question.service)?,
    };
    let until = question.at.unwrap_or(WallTime(u64::MAX));
    let happened = evidence(node.state(), &question.service, until, HAPPENED_MAX);
    explanation.happened = happened.into_iter().map(HistoryEntryView::from).collect();
    if let Some(not_on) = &question.not_on {
        explanation.not_on = Some(why_not(node, &explanation, (question, not_on))?);
    }
    Ok(explanation)
}

fn unknown(service: &ServiceName) -> ApiError {
    ErrorCode::NoSuchService.error(format!("there is no service {service}"))
}

fn moment(node: &Node) -> Moment {
    Moment {
        at: host::clock::wall(),
        clock: node.cluster_time(host::clock::now()),
    }
}

fn explain_now(node: &Node, service: &ServiceName) -> Result<Explanation, ApiError> {
    let state = node.state();
    let spec = state.spec().ok_or_else(|| unknown(service))?;
    let seen = state.seen();
    let input = (spec, state.spec_version(), moment(node));
    explanation(node, (service, seen), input)
}

fn explanation(
    node: &Node,
    (service, seen): (&ServiceName, &Seen),
    (spec, spec_version, at): (&Spec, u64, Moment),
) -> Result<Explanation, ApiError> {
    let input = planner::Input {
        spec,
        spec_version,
        seen,
        id: PlanId(node.applied()),
        now: at.clock,
        wall: at.at,
    };
    let mut extra = StatusExtra::new(node.config().name.clone());
    extra.waits = planner::plan(&input)
        .waits
        .into_iter()
        .filter_map(|wait| match wait.subject {
            planner::Subject::Service(service) => Some((service, wait.because)),
            planner::Subject::Node(_) => None,
        })
        .collect();
    let wait = extra.waits.get(service).map(Reason::to_string);
    let status = Status::from_seen(spec, seen, extra);
    let mut shown = status.services.into_iter();
    let shown = shown.find(|shown| shown.name == service.as_str());
    let shown = shown.ok_or_else(|| unknown(service))?;
    let verdicts = planner::placement(&input, service);
    Ok(Explanation {
        service: service.to_string(),
        state: shown.state,
        node: shown.node,
        because: shown.reason,
        nodes: verdicts.iter().map(verdict_view).collect(),
        waits: wait.into_iter().collect(),
        since: Some(shown.since),
        happened: Vec::new(),
        at: None,
        unknown: Vec::new(),
        not_on: None,
    })
}

fn verdict_view((node, verdict): &(NodeName, Verdict)) -> NodeVerdict {
    let score = match verdict {
        Verdict::Ready {
            preference,
            stickiness,
            ..
        } => i64::try_from(preference + stickiness).ok(),
        Verdict::Not(_) => None,
    };
    NodeVerdict {
        node: node.to_string(),
        allowed: score.is_some(),
        score,
        because: vec![verdict.to_string()],
    }
}

fn explain_past(node: &Node, service: &ServiceName, at: WallTime) -> Result<Explanation, ApiError> {
    let state = node.state();
    let then = past(state, at, host::clock::wall()).map_err(|why| no_past(why, at))?;
    let (spec, mut unknown) = spec_of(node, &then)?;
    let version = then.spec_version.unwrap_or(state.spec_version());
    if !spec.services.contains_key(service) && !then.seen.services.contains_key(service) {
        return Err(not_yet(service, version));
    }
    if !spec.services.contains_key(service) && then.unknown_services.contains(service) {
        return Err(not_yet(service, version));
    }
    // Spans are not asked for: the plan of then is not made anew, only its reasons are.
    let clock = state.clock();
    let moment = Moment { at, clock };
    let mut explanation = explanation(node, (service, &then.seen), (&spec, version, moment))?;
    explanation.at = Some(Timestamp(at));
    for verdict in &mut explanation.nodes {
        if then
            .unknown_nodes
            .iter()
            .any(|node| node.as_str() == verdict.node)
        {
            verdict.allowed = false;
            verdict.score = None;
            verdict.because = vec!["not known: what is kept does not reach so far".to_string()];
        }
    }
    if then.unknown_services.contains(service) {
        explanation.state = ServiceState::Unknown;
        explanation.because = "what is kept does not reach so far".to_string();
        explanation.since = None;
        unknown.push(format!("how {service} was at that time"));
    }
    explanation.unknown = unknown;
    Ok(explanation)
}

fn not_yet(service: &ServiceName, version: u64) -> ApiError {
    ErrorCode::NoSuchService
        .error(format!(
            "there was no service {service} in version {version} of the configuration, which was live then"
        ))
        .with_help("`mainstay config history` shows when each version became live")
}

fn no_past(why: NoPast, at: WallTime) -> ApiError {
    let error = ErrorCode::BadRequest.error(format!("nothing is known of {at}: {why}"));
    match why {
        NoPast::TooEarly { .. } => {
            error.with_help("the newest 2000 entries are kept: `mainstay history` shows them")
        }
        NoPast::InFuture => error.with_help("times are in UTC, like 2026-11-20T03:00:00Z"),
    }
}

/// The spec that was live then, where its version is kept.
fn spec_of(node: &Node, then: &Past) -> Result<(Spec, Vec<String>), ApiError> {
    let state = node.state();
    let live = || {
        state
            .spec()
            .cloned()
            .ok_or_else(|| ErrorCode::NoLeader.error("no spec yet"))
    };
    let found = then.spec_version.and_then(|wanted| {
        let mut versions = state.versions().iter();
        versions.find(|version| version.version == wanted)
    });
    let read = found.and_then(|version| config::read("then", &version.source).ok());
    match read {
        Some(loaded) => Ok((loaded.spec, Vec::new())),
        None => {
            let note = "the configuration of that time; the live one is used".to_string();
            Ok((live()?, vec![note]))
        }
    }
}

fn why_not(
    node: &Node,
    explanation: &Explanation,
    (question, not_on): (&ExplainQuestion, &NodeName),
) -> Result<NotOn, ApiError> {
    let verdict = explanation.nodes.iter().find(|v| v.node == not_on.as_str());
    let verdict =
        verdict.ok_or_else(|| ErrorCode::NoSuchNode.error(format!("there is no node {not_on}")))?;
    let mut answer = NotOn {
        node: not_on.to_string(),
        ..NotOn::default()
    };
    let here = explanation.node.as_deref();
    if here == Some(not_on.as_str()) {
        answer.because = vec![format!("it is on {not_on}")];
        answer.helps = true;
        return Ok(answer);
    }
    answer.because.clone_from(&verdict.because);
    match (explanation.state, here) {
        (ServiceState::Running, Some(here)) if verdict.allowed => {
            answer.because.push(stays_put(explanation, verdict, here));
        }
        (ServiceState::Running, _) => {}
        (state, _) => {
            let because = &explanation.because;
            answer
                .because
                .push(format!("{} is {state}: {because}", explanation.service));
        }
    }
    if question.at.is_none() {
        let ground = (node.state(), node.applied(), moment(node));
        let ways = node::ways_to(ground, &question.service, not_on);
        answer.changes = ways.changes;
        answer.helps = ways.helps;
        answer.outage = ways.outage.as_ref().map(outage_view);
    }
    Ok(answer)
}

fn stays_put(explanation: &Explanation, verdict: &NodeVerdict, here: &str) -> String {
    let score = explanation.nodes.iter().find(|v| v.node == here);
    let score = score.and_then(|verdict| verdict.score);
    let there = verdict.score.unwrap_or_default();
    match score {
        Some(score) if score < there => format!(
            "it has more points than {here} ({there} against {score}), but a service stays where it \
             is unless `failback` says otherwise"
        ),
        Some(score) => format!("{here} has no fewer points ({score} against {there})"),
        None => format!("it is on {here}, and stays there while it can"),
    }
}
