//! Why a service is where it is, now or at an earlier moment.

use std::collections::BTreeMap;

use api::{
    ApiError, ErrorCode, Explanation, HistoryEntryView, NodeVerdict, NotOn, RoleVerdict,
    ServiceState, Status, StatusExtra, Timestamp,
};
use model::{Moment, NodeName, PlanId, Reason, Seen, ServiceName, Spec, WallTime};
use node::Node;
use node::past::{NoPast, Past, evidence, past};
use planner::{Weighed, WeighedRole};
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
    extra.waits = waits(&input);
    let wait = extra.waits.get(service).map(Reason::to_string);
    let status = Status::from_seen(spec, seen, extra);
    let mut shown = status.services.into_iter();
    let shown = shown.find(|shown| shown.name == service.as_str());
    let shown = shown.ok_or_else(|| unknown(service))?;
    let weighed = planner::weigh(&input, service);
    let roles = planner::weigh_roles(&input, service);
    Ok(Explanation {
        service: service.to_string(),
        state: shown.state,
        node: shown.node,
        role: shown.role,
        because: shown.reason,
        nodes: weighed.into_iter().map(verdict_view).collect(),
        roles: roles.into_iter().map(role_view).collect(),
        waits: wait.into_iter().collect(),
        since: Some(shown.since),
        happened: Vec::new(),
        at: None,
        unknown: Vec::new(),
        not_on: None,
    })
}

/// What services wait for.
pub fn waits(input: &planner::Input<'_>) -> BTreeMap<ServiceName, Reason> {
    let waits = planner::plan(input).waits.into_iter();
    let of_services = waits.filter_map(|wait| match wait.subject {
        planner::Subject::Service(service) => Some((service, wait.because)),
        planner::Subject::Node(_) => None,
    });
    of_services.collect()
}

fn verdict_view(weighed: Weighed) -> NodeVerdict {
    NodeVerdict {
        node: weighed.node.to_string(),
        allowed: weighed.points.is_some(),
        score: weighed.points,
        because: weighed.because,
    }
}

fn role_view(weighed: WeighedRole) -> RoleVerdict {
    RoleVerdict {
        copy: weighed.copy.to_string(),
        node: weighed.node.map(|node| node.to_string()),
        role: weighed.role.map(|role| role.word().to_string()),
        score: weighed.points,
        because: weighed.because,
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
    // What agents said of their copies then is not kept.
    explanation.roles.clear();
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

/// Of a promoted copy: why none is promoted on that other node, where a copy is.
fn why_not_promoted(explanation: &Explanation, not_on: &NodeName) -> Option<String> {
    explanation
        .role
        .as_ref()
        .filter(|role| *role == "promoted")?;
    let there = |verdict: &&RoleVerdict| verdict.node.as_deref() == Some(not_on.as_str());
    let copy = explanation.roles.iter().find(there)?;
    let role = copy.role.as_deref().unwrap_or_default();
    let because = copy.because.join("; ");
    Some(format!("{} is there, {role}: {because}", copy.copy))
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
    answer.because.extend(why_not_promoted(explanation, not_on));
    match explanation.state {
        ServiceState::Running => {}
        state => {
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
