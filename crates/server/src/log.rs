//! The paths of what a node has written down.

use api::{
    DaemonLog, DaemonLogQuery, ErrorCode, Levels, LevelsRequest, LogQuery, LogView, NodeQuestion,
    Timestamp,
};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use model::{NodeName, ResourceName};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::control::{ControlHandle, ControlRequest};
use crate::routes::{Answer, Failure, Json, bad_query, service_name};

type Parameters<T> = Result<Query<T>, QueryRejection>;

#[derive(Deserialize)]
pub(crate) struct LogParameters {
    node: Option<NodeName>,
    resource: Option<ResourceName>,
    operation: Option<String>,
    since: Option<Timestamp>,
    follow: Option<String>,
}

pub(crate) async fn of_service(
    State(control): State<ControlHandle>,
    Path(service): Path<String>,
    query: Parameters<LogParameters>,
) -> Answer<LogView> {
    let Query(wanted) = query.map_err(bad_query)?;
    let query = LogQuery {
        resource: wanted.resource,
        operation: wanted.operation,
        since: wanted.since,
        follow: wanted.follow,
    };
    let service = service_name(&service)?;
    let question = NodeQuestion::Log { service, query };
    ask(&control, wanted.node, question).await
}

#[derive(Deserialize)]
pub(crate) struct DaemonLogParameters {
    node: Option<NodeName>,
    since: Option<Timestamp>,
    follow: Option<u64>,
}

pub(crate) async fn of_daemon(
    State(control): State<ControlHandle>,
    query: Parameters<DaemonLogParameters>,
) -> Answer<DaemonLog> {
    let Query(wanted) = query.map_err(bad_query)?;
    let query = DaemonLogQuery {
        since: wanted.since,
        follow: wanted.follow,
    };
    ask(&control, wanted.node, NodeQuestion::DaemonLog { query }).await
}

#[derive(Deserialize)]
pub(crate) struct LevelsParameters {
    node: Option<NodeName>,
}

pub(crate) async fn levels(
    State(control): State<ControlHandle>,
    query: Parameters<LevelsParameters>,
) -> Answer<Levels> {
    let Query(wanted) = query.map_err(bad_query)?;
    ask(&control, wanted.node, NodeQuestion::Levels { set: None }).await
}

pub(crate) async fn set_levels(
    State(control): State<ControlHandle>,
    Json(request): Json<LevelsRequest>,
) -> Answer<Levels> {
    let set = Some(request.change);
    ask(&control, request.node, NodeQuestion::Levels { set }).await
}

async fn ask<T: DeserializeOwned>(
    control: &ControlHandle,
    node: Option<NodeName>,
    question: NodeQuestion,
) -> Answer<T> {
    let answer = control
        .ask(|reply| ControlRequest::AskNode {
            node,
            question,
            reply,
        })
        .await?;
    let answer = serde_json::from_value(answer).map_err(|error| {
        let error = ErrorCode::BadAnswer.error(format!("the node answered otherwise: {error}"));
        Failure::from(error)
    })?;
    Ok(Json(answer))
}
