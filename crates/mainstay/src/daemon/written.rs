//! What this node has written down: output of operations, the daemon's own log. Asked by its
//! own socket, or by peers on behalf of a person elsewhere.

use std::collections::BTreeMap;
use std::time::Duration;

use agents::{Entry, Kept, Place, What};
use api::{ApiError, ErrorCode, LogLine, LogQuery, LogView, NodeQuestion};
use model::{NodeName, ResourceName, ServiceName};
use serde_json::Value;
use server::Reply;

use super::asks::{ANSWER_LIMIT, PeerQuestion};
use super::control::Control;
use crate::journal;

/// How long an answer waits for news: well under the limit of a request.
const FOLLOW_WAIT: Duration = Duration::from_secs(20);

/// What a question for the output of a service needs of the node.
struct Wanted {
    node: String,
    service: ServiceName,
    runs_on: Option<String>,
    resources: Vec<ResourceName>,
    kept: Kept,
    query: LogQuery,
}

impl Control {
    /// Asks a node, this one or another, what it has written down.
    pub fn take_ask_node(
        &mut self,
        (node, question): (Option<NodeName>, NodeQuestion),
        reply: Reply<Value>,
    ) {
        let me = &self.identity.name;
        let Some(node) = node.filter(|node| node != me) else {
            let look = self.look_into(PeerQuestion::Written(question));
            tokio::spawn(async move { drop(reply.send(look.await)) });
            return;
        };
        let id = self
            .node
            .state()
            .members()
            .find_map(|(name, id, _)| (*name == node).then_some(id));
        let Some(id) = id else {
            let error = model::Rejected::NoSuchNode(node);
            return drop(reply.send(Err(error.into())));
        };
        let limit = match question.waits() {
            true => FOLLOW_WAIT + ANSWER_LIMIT,
            false => ANSWER_LIMIT,
        };
        let silent = move |why: String| {
            ErrorCode::NodeNotAsked.error(format!("{node} could not be asked: {why}"))
        };
        let answer = match self.ask_peer(id, &PeerQuestion::Written(question)) {
            Ok(answer) => answer,
            Err(why) => return drop(reply.send(Err(silent(why)))),
        };
        tokio::spawn(async move {
            let answer = match tokio::time::timeout(limit, answer).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) => Err(silent("its answer cannot be read".into())),
                Err(_) => Err(silent(format!("it did not answer within {limit:?}"))),
            };
            drop(reply.send(answer));
        });
    }

    /// What this node answers.
    pub fn look_up(
        &self,
        question: NodeQuestion,
    ) -> impl Future<Output = Result<Value, ApiError>> + use<> {
        let node = self.identity.name.to_string();
        let wanted = match &question {
            NodeQuestion::Log { service, query } => Some(self.wanted(service, query.clone())),
            NodeQuestion::DaemonLog { .. } | NodeQuestion::Levels { .. } => None,
        };
        async move {
            match (question, wanted) {
                (NodeQuestion::Log { .. }, Some(wanted)) => to_value(&log(wanted?).await?),
                (NodeQuestion::DaemonLog { query }, _) => {
                    to_value(&journal::get().tell(node, query, FOLLOW_WAIT).await)
                }
                (NodeQuestion::Levels { set }, _) => to_value(&journal::get().levels(node, set)?),
                (NodeQuestion::Log { .. }, None) => unreachable!("made above"),
            }
        }
    }

    fn wanted(&self, service: &ServiceName, query: LogQuery) -> Result<Wanted, ApiError> {
        let state = self.node.state();
        let spec = state.spec().and_then(|spec| spec.service_of(service));
        let kept = self.agents.kept(service);
        // What a service printed is kept for a while after it was taken out.
        let mut resources: Vec<ResourceName> = kept.resources().into_iter().collect();
        match spec {
            Some(spec) => {
                let known = spec.resources.iter().map(|one| one.name.clone());
                let known: Vec<ResourceName> = known.collect();
                resources.retain(|name| !known.contains(name));
                resources.splice(0..0, known);
            }
            None if resources.is_empty() => {
                return Err(super::views::no_such_service(state, service));
            }
            None => {}
        }
        let only = query.resource.as_ref();
        resources.retain(|name| only.is_none_or(|only| only == name));
        let seen = state.seen().services.get(service);
        let claim = seen.and_then(|seen| seen.claim.as_ref());
        Ok(Wanted {
            node: self.identity.name.to_string(),
            service: service.clone(),
            runs_on: claim.map(|claim| claim.node.to_string()),
            resources,
            kept,
            query,
        })
    }
}

fn to_value<T: serde::Serialize>(answer: &T) -> Result<Value, ApiError> {
    Ok(serde_json::to_value(answer).expect("answers are plain data"))
}

async fn log(wanted: Wanted) -> Result<LogView, ApiError> {
    let Some(cursor) = wanted.query.follow.clone() else {
        return read(wanted, |kept, resource| kept.entries(resource)).await;
    };
    let places = places(&cursor)
        .ok_or_else(|| ErrorCode::BadRequest.error(format!("`{cursor}` is no cursor")))?;
    // Watched before it is read: what comes in between is not missed.
    let mut following = wanted.kept.watch().ok();
    let deadline = tokio::time::Instant::now() + FOLLOW_WAIT;
    let mut wanted = wanted;
    loop {
        let places = places.clone();
        let news = read(again(&wanted), move |kept, resource| {
            let place = places.get(resource.as_str()).copied().unwrap_or_default();
            kept.news(resource, place)
        });
        let view = news.await?;
        if !view.lines.is_empty() || deadline <= tokio::time::Instant::now() {
            return Ok(view);
        }
        let changed = async {
            match &mut following {
                Some(following) => following.changed().await.is_ok(),
                None => std::future::pending().await,
            }
        };
        // Whether it changed or not, the next look tells.
        let _elapsed = tokio::time::timeout_at(deadline, changed).await;
        // A resource that writes for the first time has a new file.
        if wanted.query.resource.is_none() {
            let known = wanted.kept.resources();
            wanted.resources.extend(known);
            wanted.resources.dedup();
        }
    }
}

fn again(wanted: &Wanted) -> Wanted {
    let mut resources: Vec<ResourceName> = Vec::new();
    for name in &wanted.resources {
        if !resources.contains(name) {
            resources.push(name.clone());
        }
    }
    Wanted {
        node: wanted.node.clone(),
        service: wanted.service.clone(),
        runs_on: wanted.runs_on.clone(),
        resources,
        kept: wanted.kept.clone(),
        query: wanted.query.clone(),
    }
}

/// Reads the files of all resources, on a thread that may wait for a disk.
async fn read(
    wanted: Wanted,
    entries: impl Fn(&Kept, &ResourceName) -> (Vec<Entry>, Place) + Send + 'static,
) -> Result<LogView, ApiError> {
    let reading = tokio::task::spawn_blocking(move || {
        let mut lines = Vec::new();
        let mut cursor = Vec::new();
        for resource in &wanted.resources {
            let (entries, place) = entries(&wanted.kept, resource);
            cursor.push(format!("{resource}:{}:{}", place.log, place.out));
            let of_process = |entry: &Entry| entry.at.is_some() && entry.what == What::Printed;
            let entries = entries.into_iter().map(|entry| {
                let is_own = of_process(&entry);
                (is_own, log_line(resource, entry))
            });
            let fits = entries.filter(|(is_own, line)| is_wanted(&wanted.query, line, *is_own));
            lines.extend(fits.map(|(_, line)| line));
        }
        // The sort is stable: what has no time stays where it was written.
        if wanted.query.follow.is_none() {
            lines.sort_by_key(|line: &LogLine| line.at);
        }
        LogView {
            service: wanted.service.to_string(),
            node: wanted.node,
            runs_on: wanted.runs_on,
            lines,
            cursor: cursor.join(","),
        }
    });
    reading
        .await
        .map_err(|error| ErrorCode::TimedOut.error(error.to_string()))
}

/// Whether a line is of the operation and the time that are asked for. What is printed while
/// an operation is followed belongs to it, unless the process itself printed it.
fn is_wanted(query: &LogQuery, line: &LogLine, is_of_process: bool) -> bool {
    let is_late = query
        .since
        .is_none_or(|since| since <= line.at || (query.follow.is_some() && line.at.0.0 == 0));
    let is_of_it = query.operation.as_ref().is_none_or(|wanted| {
        let of_plan = line.plan.is_some_and(|plan| plan.to_string() == *wanted);
        let is_printed = line.verb.is_empty() && line.outcome.is_empty();
        let goes_on = query.follow.is_some() && is_printed && !is_of_process;
        line.verb == *wanted || of_plan || goes_on
    });
    is_late && is_of_it
}

fn log_line(resource: &ResourceName, entry: Entry) -> LogLine {
    let (verb, outcome, took) = match entry.what {
        What::Ended { verb, how, took } => (verb, how, took),
        What::Begun { verb } => (verb, "has not ended".to_string(), Duration::ZERO),
        What::Happened(how) => (String::new(), how, Duration::ZERO),
        What::Printed => (String::new(), String::new(), Duration::ZERO),
    };
    LogLine {
        at: entry.at.and_then(|at| at.parse().ok()).unwrap_or_default(),
        resource: resource.to_string(),
        verb,
        outcome,
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        plan: entry.plan,
        output: entry.output,
    }
}

/// Reads a cursor: `RESOURCE:PLACE:PLACE`, joined with commas.
fn places(cursor: &str) -> Option<BTreeMap<String, Place>> {
    let mut places = BTreeMap::new();
    for part in cursor.split(',').filter(|part| !part.is_empty()) {
        let mut words = part.split(':');
        let name = words.next()?.to_string();
        let log = words.next()?.parse().ok()?;
        let out = words.next()?.parse().ok()?;
        places.insert(name, Place { log, out });
    }
    Some(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_and_anything_else_is_none() {
        let read = places("mount-1:12:0,web:7:99").unwrap();
        assert_eq!(read["web"], Place { log: 7, out: 99 });
        assert_eq!(read.len(), 2);
        assert_eq!(places("").unwrap().len(), 0);
        assert_eq!(places("web"), None);
        assert_eq!(places("web:x:1"), None);
    }

    #[test]
    fn an_operation_is_wanted_by_its_verb_or_its_plan() {
        let line = |verb: &str, plan| LogLine {
            verb: verb.into(),
            outcome: "running".into(),
            plan,
            ..LogLine::default()
        };
        let of = |operation: &str| LogQuery {
            operation: Some(operation.into()),
            ..LogQuery::default()
        };
        assert!(is_wanted(&of("start"), &line("start", None), false));
        assert!(is_wanted(&of("18"), &line("stop", Some(18)), false));
        assert!(!is_wanted(&of("stop"), &line("start", Some(18)), false));
        assert!(!is_wanted(&of("stop"), &LogLine::default(), false));
        let following = LogQuery {
            follow: Some(String::new()),
            ..of("stop")
        };
        assert!(is_wanted(&following, &LogLine::default(), false));
        assert!(!is_wanted(&following, &LogLine::default(), true));
    }
}
