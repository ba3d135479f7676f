//! The paths: each handler turns a request into a `ControlRequest` and its answer into
//! JSON.

use std::time::Duration;

use api::lock::{LockReply, LockRequest, Locks};
use api::quorum::{ForceReply, ForceRequest, QuorumStatus};
use api::{
    ApiError, ApplyRequest, ErrorCode, Events, Order, OrderRequest, Timestamp, TokenRequest,
    routes as paths,
};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use model::{NodeName, ServiceName, UserName};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::control::{ControlHandle, ControlRequest, ExplainQuestion, HistoryQuery, Mode};
use crate::log;
use crate::peer::Peer;

/// How long a body may take. It comes from a process on this machine.
const BODY_LIMIT: Duration = Duration::from_secs(10);

/// How long one long poll waits: well under the client's own limit of a request.
const EVENTS_WAIT: Duration = Duration::from_secs(20);

/// Entries of the history in one answer, unless fewer are asked for.
const HISTORY_MAX: usize = 1000;

/// How long a token is valid unless something else is asked for: time to walk to the other
/// machine, not to forget a note in a mailbox.
const TOKEN_VALID_DEFAULT: Duration = Duration::from_secs(3600);

/// The longest life of a token.
const TOKEN_VALID_MAX: Duration = Duration::from_secs(7 * 86_400);

/// The router for one connection of `peer`.
pub(crate) fn router(control: ControlHandle, peer: Peer) -> Router {
    Router::new()
        .route(paths::STATUS, get(status))
        .route(paths::QUORUM, get(quorum))
        .route(paths::FORCE_QUORUM, post(force_quorum))
        .route(paths::ORDERS, post(order))
        .route(paths::APPLY, post(apply))
        .route(paths::HISTORY, get(history))
        .route(paths::EVENTS, get(events))
        .route(paths::CONFIG, get(config_live))
        .route(&format!("{}/{{version}}", paths::CONFIG), get(config))
        .route(paths::CONFIGS, get(configs))
        .route(paths::FENCES, get(fences))
        .route(paths::TOKENS, post(token))
        .route(paths::WITNESSES, get(witnesses).post(set_witness))
        .route(paths::LOCKS, get(locks).post(lock))
        .route(&format!("{}/{{name}}", paths::LOCKS), get(one_lock))
        .route(&format!("{}/{{service}}", paths::LOG), get(log::of_service))
        .route(paths::DAEMON_LOG, get(log::of_daemon))
        .route(paths::LOG_LEVEL, get(log::levels).post(log::set_levels))
        .route(&format!("{}/{{service}}", paths::EXPLAIN), get(explain))
        .route(paths::WHAT_IF, post(what_if))
        .route(paths::ENVIRONMENT, post(environment))
        .fallback(no_such_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(api::BODY_MAX))
        .layer(middleware::from_fn(admit))
        .layer(Extension(peer))
        .with_state(control)
}

/// Stands before every route: who may not ask hears so, whatever the path.
async fn admit(
    Extension(peer): Extension<Peer>,
    mut request: Request,
    next: Next,
) -> Result<Response, Failure> {
    match peer {
        Peer::Served { user } => {
            request.extensions_mut().insert(user);
            Ok(next.run(request).await)
        }
        Peer::Refused { uid } => {
            let who = uid.map_or("an unknown account".into(), |uid| format!("account {uid}"));
            tracing::warn!(account = %who, "refused on the local socket");
            Err(Failure(
                ErrorCode::NotAllowed.error(format!("{who} may not talk to the daemon")),
            ))
        }
    }
}

/// An error as an answer.
pub(crate) struct Failure(ApiError);

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(self.0)).into_response()
    }
}

pub(crate) type Answer<T> = Result<Json<T>, Failure>;

/// JSON, with our own errors instead of the framework's.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let mut body = serde_json::to_vec(&self.0).expect("our types have string keys only");
        body.push(b'\n');
        ([(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Failure;
    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let reading = tokio::time::timeout(BODY_LIMIT, Bytes::from_request(request, state));
        let body = reading
            .await
            .map_err(|_| ErrorCode::TimedOut.error("the body of the request did not arrive"))?
            .map_err(|rejection| match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::TooLarge
                    .error(format!("the body has more than {} bytes", api::BODY_MAX)),
                _other => ErrorCode::BadRequest.error(rejection.to_string()),
            })?;
        let value = serde_json::from_slice(&body).map_err(|error| {
            ErrorCode::BadRequest.error(format!("not the JSON we expect: {error}"))
        })?;
        Ok(Self(value))
    }
}

async fn no_such_route(request: Request) -> Failure {
    Failure(ErrorCode::NoSuchRoute.error(format!("there is no path {}", request.uri().path())))
}

async fn wrong_method(request: Request) -> Failure {
    let (method, path) = (request.method(), request.uri().path());
    Failure(ErrorCode::WrongMethod.error(format!("{path} does not take {method}")))
}

async fn status(State(control): State<ControlHandle>) -> Answer<api::Status> {
    let answer = control
        .ask(|reply| ControlRequest::Status { reply })
        .await?;
    Ok(Json(answer))
}

async fn quorum(State(control): State<ControlHandle>) -> Answer<QuorumStatus> {
    let answer = control
        .ask(|reply| ControlRequest::Quorum { reply })
        .await?;
    Ok(Json(answer))
}

async fn force_quorum(
    State(control): State<ControlHandle>,
    Extension(by): Extension<UserName>,
    Json(request): Json<ForceRequest>,
) -> Answer<ForceReply> {
    let answer = control
        .ask(|reply| ControlRequest::ForceQuorum { request, by, reply })
        .await?;
    Ok(Json(answer))
}

async fn order(
    State(control): State<ControlHandle>,
    Extension(by): Extension<UserName>,
    Json(request): Json<OrderRequest>,
) -> Answer<api::OrderReply> {
    let mode = mode(request.dry_run);
    confirmed(&request, mode)?;
    let order = request.order;
    let answer = control
        .ask(|reply| ControlRequest::Order {
            order,
            mode,
            by,
            reply,
        })
        .await?;
    Ok(Json(answer))
}

fn mode(dry_run: bool) -> Mode {
    if dry_run { Mode::Preview } else { Mode::Commit }
}

/// Orders that cannot be undone pass only with the confirmation of a person.
fn confirmed(request: &OrderRequest, mode: Mode) -> Result<(), ApiError> {
    let needed = match mode {
        Mode::Preview => None,
        Mode::Commit => Order::confirmation(&request.order),
    };
    if needed.is_none() || needed == request.confirm.as_deref() {
        return Ok(());
    }
    Err(ErrorCode::ConfirmationMissing.error(format!(
        "`{}` needs the name of the node as `confirm`",
        request.order
    )))
}

async fn apply(
    State(control): State<ControlHandle>,
    Extension(by): Extension<UserName>,
    Json(request): Json<ApplyRequest>,
) -> Answer<api::ApplyReply> {
    let mode = mode(request.dry_run);
    let answer = control
        .ask(|reply| ControlRequest::Apply {
            request,
            mode,
            by,
            reply,
        })
        .await?;
    Ok(Json(answer))
}

#[derive(Deserialize)]
struct HistoryParameters {
    after: Option<u64>,
    since: Option<Timestamp>,
    limit: Option<usize>,
}

async fn history(
    State(control): State<ControlHandle>,
    query: Result<Query<HistoryParameters>, axum::extract::rejection::QueryRejection>,
) -> Answer<api::History> {
    let Query(wanted) = query.map_err(bad_query)?;
    let query = HistoryQuery {
        after: wanted.after,
        since: wanted.since.map(|since| since.0),
        limit: wanted.limit.unwrap_or(HISTORY_MAX).min(HISTORY_MAX),
    };
    let answer = control
        .ask(|reply| ControlRequest::History { query, reply })
        .await?;
    Ok(Json(answer))
}

pub(crate) fn bad_query(rejection: axum::extract::rejection::QueryRejection) -> Failure {
    Failure(ErrorCode::BadRequest.error(rejection.body_text()))
}

#[derive(Deserialize)]
struct EventsParameters {
    after: u64,
}

async fn events(
    State(control): State<ControlHandle>,
    query: Result<Query<EventsParameters>, axum::extract::rejection::QueryRejection>,
) -> Answer<Events> {
    let Query(EventsParameters { after }) = query.map_err(bad_query)?;
    let index = control.applied_after(after, EVENTS_WAIT).await;
    let query = HistoryQuery {
        after: Some(after),
        since: None,
        limit: HISTORY_MAX,
    };
    let history = control
        .ask(|reply| ControlRequest::History { query, reply })
        .await?;
    // The history was asked for after `index` was read, so it may know more already. What
    // it shows must not be shown again.
    let newest = history.entries.last().map_or(0, |entry| entry.index);
    // A full answer may have left something out: the next poll starts where it ended.
    let index = match HISTORY_MAX <= history.entries.len() {
        true => newest,
        false => index.max(newest),
    };
    Ok(Json(Events {
        index,
        entries: history.entries,
    }))
}

async fn config_live(State(control): State<ControlHandle>) -> Answer<api::ConfigVersion> {
    let version = None;
    let answer = control
        .ask(|reply| ControlRequest::Config { version, reply })
        .await?;
    Ok(Json(answer))
}

async fn config(
    State(control): State<ControlHandle>,
    Path(version): Path<String>,
) -> Answer<api::ConfigVersion> {
    let number = version
        .parse()
        .map_err(|_| ErrorCode::BadRequest.error(format!("`{version}` is no version number")))?;
    let version = Some(number);
    let answer = control
        .ask(|reply| ControlRequest::Config { version, reply })
        .await?;
    Ok(Json(answer))
}

async fn configs(State(control): State<ControlHandle>) -> Answer<api::ConfigVersions> {
    let answer = control
        .ask(|reply| ControlRequest::ConfigVersions { reply })
        .await?;
    Ok(Json(answer))
}

async fn fences(State(control): State<ControlHandle>) -> Answer<api::Fences> {
    let answer = control
        .ask(|reply| ControlRequest::Fences { reply })
        .await?;
    Ok(Json(answer))
}

async fn token(
    State(control): State<ControlHandle>,
    Extension(by): Extension<UserName>,
    Json(request): Json<TokenRequest>,
) -> Answer<api::TokenReply> {
    let valid_for = request
        .valid_for_ms
        .map_or(TOKEN_VALID_DEFAULT, Duration::from_millis);
    if valid_for.is_zero() || TOKEN_VALID_MAX < valid_for {
        let error =
            ErrorCode::BadRequest.error("a token is valid for more than 0 and at most 7 days");
        return Err(error.into());
    }
    let answer = control
        .ask(|reply| ControlRequest::Token {
            valid_for,
            by,
            reply,
        })
        .await?;
    Ok(Json(answer))
}

async fn witnesses(State(control): State<ControlHandle>) -> Answer<api::Witnesses> {
    let answer = control
        .ask(|reply| ControlRequest::Witnesses { reply })
        .await?;
    Ok(Json(answer))
}

async fn set_witness(
    State(control): State<ControlHandle>,
    Extension(by): Extension<UserName>,
    Json(request): Json<api::WitnessRequest>,
) -> Answer<api::WitnessReply> {
    let answer = control
        .ask(|reply| ControlRequest::SetWitness { request, by, reply })
        .await?;
    Ok(Json(answer))
}

async fn locks(State(control): State<ControlHandle>) -> Answer<Locks> {
    let only = None;
    let answer = control
        .ask(|reply| ControlRequest::Locks { only, reply })
        .await?;
    Ok(Json(answer))
}

async fn one_lock(State(control): State<ControlHandle>, Path(name): Path<String>) -> Answer<Locks> {
    let only = Some(name);
    let answer = control
        .ask(|reply| ControlRequest::Locks { only, reply })
        .await?;
    Ok(Json(answer))
}

async fn lock(
    State(control): State<ControlHandle>,
    Extension(by): Extension<UserName>,
    Json(request): Json<LockRequest>,
) -> Answer<LockReply> {
    let answer = control
        .ask(|reply| ControlRequest::Lock { request, by, reply })
        .await?;
    Ok(Json(answer))
}

#[derive(Deserialize)]
struct ExplainParameters {
    not_on: Option<NodeName>,
    at: Option<Timestamp>,
}

async fn explain(
    State(control): State<ControlHandle>,
    Path(service): Path<String>,
    query: Result<Query<ExplainParameters>, axum::extract::rejection::QueryRejection>,
) -> Answer<api::Explanation> {
    let Query(ExplainParameters { not_on, at }) = query.map_err(bad_query)?;
    let question = ExplainQuestion {
        service: service_name(&service)?,
        not_on,
        at: at.map(|at| at.0),
    };
    let answer = control
        .ask(|reply| ControlRequest::Explain { question, reply })
        .await?;
    Ok(Json(answer))
}

async fn what_if(
    State(control): State<ControlHandle>,
    Json(request): Json<api::WhatIfRequest>,
) -> Answer<api::WhatIfReply> {
    let answer = control
        .ask(|reply| ControlRequest::WhatIf { request, reply })
        .await?;
    Ok(Json(answer))
}

async fn environment(
    State(control): State<ControlHandle>,
    Json(request): Json<api::EnvironmentRequest>,
) -> Answer<api::EnvironmentReport> {
    let answer = control
        .ask(|reply| ControlRequest::Environment { request, reply })
        .await?;
    Ok(Json(answer))
}

pub(crate) fn service_name(text: &str) -> Result<ServiceName, ApiError> {
    ServiceName::new(text).map_err(|error| {
        ErrorCode::NoSuchService.error(format!("`{text}` is no name of a service: {error}"))
    })
}
