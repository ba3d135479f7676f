//! The socket as a client meets it: real connections, a scripted control loop.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use api::{ErrorCode, History, HistoryEntryView, OrderReply, Status, TokenReply};
use expect_test::{Expect, expect};
use server::{Allowed, ControlHandle, ControlRequest, SocketError, bind, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};

/// What the scripted control loop does with a request.
fn answer(request: ControlRequest) {
    match request {
        ControlRequest::Status { reply } => {
            let status = Status {
                cluster: "shop".into(),
                ..Status::default()
            };
            reply.send(Ok(status)).unwrap();
        }
        ControlRequest::Order {
            order,
            mode,
            by,
            reply,
        } => {
            let note = format!("{mode:?} of `{order}` by {by}");
            let answer = OrderReply {
                notes: vec![note],
                ..OrderReply::default()
            };
            reply.send(Ok(answer)).unwrap();
        }
        ControlRequest::History { query, reply } => {
            let entry = HistoryEntryView {
                index: 7,
                text: format!("{query:?}"),
                ..HistoryEntryView::default()
            };
            let entries = vec![entry];
            reply.send(Ok(History { entries })).unwrap();
        }
        ControlRequest::Explain { question, reply } => {
            let service = question.service;
            let error = ErrorCode::NoSuchService.error(format!("there is no service {service}"));
            reply.send(Err(error)).unwrap();
        }
        ControlRequest::Token {
            valid_for, reply, ..
        } => {
            let token = format!("valid for {valid_for:?}");
            let expires = Default::default();
            reply.send(Ok(TokenReply { token, expires })).unwrap();
        }
        // Dropped, as by a daemon that ends.
        ControlRequest::Fences { .. } => {}
        // Kept for ever, as by a daemon that is stuck.
        ControlRequest::ConfigVersions { reply } => std::mem::forget(reply),
        other => panic!("not part of this script: {other:?}"),
    }
}

struct Daemon {
    directory: tempfile::TempDir,
    tell: watch::Sender<u64>,
    stop: mpsc::Sender<()>,
    serving: tokio::task::JoinHandle<()>,
}

impl Daemon {
    async fn start(allowed: Allowed) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = bind(&directory.path().join("socket")).await.unwrap();
        let (control, mut requests, tell) = ControlHandle::new();
        tokio::spawn(async move {
            while let Some(request) = requests.recv().await {
                answer(request);
            }
        });
        let (stop, mut stopped) = mpsc::channel(1);
        let serving = tokio::spawn(serve(listener, control, allowed, async move {
            stopped.recv().await;
        }));
        Self {
            directory,
            tell,
            stop,
            serving,
        }
    }

    /// Sends a request (the first line without its version) and gives back the status line
    /// and the body.
    async fn ask(&self, line: &str, body: &str) -> String {
        ask(&self.directory.path().join("socket"), line, body).await
    }
}

async fn ask(socket: &Path, line: &str, body: &str) -> String {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    let request = format!(
        "{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    // A daemon that refuses a body may answer before it has read all of it.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    format!("{}\n{body}", head.lines().next().unwrap())
}

async fn check(line: &str, body: &str, expected: Expect) {
    let daemon = Daemon::start(Allowed::root_and_self()).await;
    expected.assert_eq(&daemon.ask(line, body).await);
}

#[tokio::test]
async fn an_order_arrives_with_the_name_of_who_gave_it() {
    let daemon = Daemon::start(Allowed::root_and_self()).await;
    let order = r#"{"order":{"do":"move","service":"web","to":"beta"},"dry_run":true}"#;
    let answer = daemon.ask("POST /v1/orders", order).await;
    assert!(
        answer.contains("Preview of `move web --to beta` by "),
        "{answer}"
    );
}

#[tokio::test]
async fn an_order_that_cannot_be_undone_is_refused_without_its_confirmation() {
    check(
        "POST /v1/orders",
        r#"{"order":{"do":"fence","node":"gamma"},"confirm":"beta"}"#,
        expect![[r#"
            HTTP/1.1 409 Conflict
            {"code":"E0305","status":409,"message":"`fence gamma` needs the name of the node as `confirm`","details":[],"help":"look at the plan, then give the node's name as `confirm`, or use `--yes`","retryable":false}
        "#]],
    )
    .await;
    let daemon = Daemon::start(Allowed::root_and_self()).await;
    let order = r#"{"order":{"do":"fence","node":"gamma"},"confirm":"gamma"}"#;
    let answer = daemon.ask("POST /v1/orders", order).await;
    assert!(answer.contains("Commit of `fence gamma`"), "{answer}");
}

#[tokio::test]
async fn an_unknown_path_is_answered_in_json() {
    check("GET /v2/status", "", expect![[r#"
        HTTP/1.1 404 Not Found
        {"code":"E0503","status":404,"message":"there is no path /v2/status","details":[],"help":"docs/commands/api.md lists the paths; is the client newer than the daemon?","retryable":false}
    "#]]).await;
}

#[tokio::test]
async fn a_wrong_method_is_answered_in_json() {
    check("DELETE /v1/status", "", expect![[r#"
        HTTP/1.1 405 Method Not Allowed
        {"code":"E0504","status":405,"message":"/v1/status does not take DELETE","details":[],"help":"GET asks, POST changes: docs/commands/api.md","retryable":false}
    "#]]).await;
}

#[tokio::test]
async fn a_body_that_is_no_order_is_told_where_it_is_wrong() {
    check(
        "POST /v1/orders",
        r#"{"order":{"do":"explode"}}"#,
        expect![[r#"
            HTTP/1.1 400 Bad Request
            {"code":"E0505","status":400,"message":"not the JSON we expect: unknown variant `explode`, expected one of `start`, `stop`, `restart`, `reload`, `move`, `freeze`, `thaw`, `clear`, `standby`, `online`, `rearm`, `maintenance`, `attribute`, `checks`, `node-checks`, `ticket`, `fence`, `confirm-fence`, `trust-device`, `test-fence`, `halt`, `leave`, `remove-node` at line 1 column 24","details":[],"help":"compare it with docs/commands/api.md","retryable":false}
        "#]],
    )
    .await;
    check("POST /v1/orders", "now!", expect![[r#"
        HTTP/1.1 400 Bad Request
        {"code":"E0505","status":400,"message":"not the JSON we expect: expected ident at line 1 column 2","details":[],"help":"compare it with docs/commands/api.md","retryable":false}
    "#]]).await;
}

#[tokio::test]
async fn a_bad_parameter_is_told() {
    check("GET /v1/history?since=yesterday", "", expect![[r#"
        HTTP/1.1 400 Bad Request
        {"code":"E0505","status":400,"message":"Failed to deserialize query string: since: `yesterday` is no time; write it like 2026-11-20T03:00:00Z","details":[],"help":"compare it with docs/commands/api.md","retryable":false}
    "#]]).await;
    check("GET /v1/config/newest", "", expect![[r#"
        HTTP/1.1 400 Bad Request
        {"code":"E0505","status":400,"message":"`newest` is no version number","details":[],"help":"compare it with docs/commands/api.md","retryable":false}
    "#]]).await;
    check("GET /v1/log/a%20b", "", expect![[r#"
        HTTP/1.1 404 Not Found
        {"code":"E0201","status":404,"message":"`a b` is no name of a service: ` ` cannot stand here in a name: letters, digits, `-`, `_` and `.` can, and the first is a letter or digit","details":[],"help":"`mainstay status` lists the services","retryable":false}
    "#]]).await;
    check("POST /v1/tokens", r#"{"valid_for_ms":0}"#, expect![[r#"
        HTTP/1.1 400 Bad Request
        {"code":"E0505","status":400,"message":"a token is valid for more than 0 and at most 7 days","details":[],"help":"compare it with docs/commands/api.md","retryable":false}
    "#]]).await;
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let body = " ".repeat(api::BODY_MAX + 1);
    check("POST /v1/apply", &body, expect![[r#"
        HTTP/1.1 413 Payload Too Large
        {"code":"E0506","status":413,"message":"the body has more than 1048576 bytes","details":[],"help":"the limit is 1 MiB","retryable":false}
    "#]]).await;
}

#[tokio::test]
async fn an_error_of_the_control_loop_is_passed_on() {
    check("GET /v1/explain/web", "", expect![[r#"
        HTTP/1.1 404 Not Found
        {"code":"E0201","status":404,"message":"there is no service web","details":[],"help":"`mainstay status` lists the services","retryable":false}
    "#]]).await;
}

#[tokio::test]
async fn a_daemon_that_ends_says_so() {
    check("GET /v1/fences", "", expect![[r#"
        HTTP/1.1 503 Service Unavailable
        {"code":"E0513","status":503,"message":"the daemon is stopping","details":[],"help":"try again when it runs, or ask another node","retryable":true}
    "#]]).await;
}

#[tokio::test(start_paused = true)]
async fn a_stuck_daemon_is_not_waited_for_for_ever() {
    check("GET /v1/configs", "", expect![[r#"
        HTTP/1.1 504 Gateway Timeout
        {"code":"E0507","status":504,"message":"the daemon did not answer within 30 s","details":[],"help":"it may still happen: look at `mainstay status` before you try again","retryable":false}
    "#]]).await;
}

#[tokio::test]
async fn another_account_is_refused_whatever_it_asks() {
    let daemon = Daemon::start(Allowed::only([4_000_000_000])).await;
    for line in ["GET /v1/status", "GET /nowhere", "POST /v1/apply"] {
        let answer = daemon.ask(line, "{}").await;
        assert!(answer.starts_with("HTTP/1.1 403 Forbidden\n"), "{answer}");
        assert!(answer.contains("E0502"), "{answer}");
    }
}

#[tokio::test]
async fn a_full_queue_is_told_and_nothing_is_lost_from_it() {
    let (control, mut requests, _tell) = ControlHandle::new();
    let asked: Vec<_> = (0..server::CONTROL_QUEUE_MAX)
        .map(|_| {
            let control = control.clone();
            tokio::spawn(async move { control.ask(|reply| ControlRequest::Status { reply }).await })
        })
        .collect();
    // The requests stand in the queue once each task has run up to its wait.
    while requests.len() < server::CONTROL_QUEUE_MAX {
        tokio::task::yield_now().await;
    }
    let refused = control.ask(|reply| ControlRequest::Status { reply }).await;
    assert!(refused.unwrap_err().is(ErrorCode::Busy));
    for _ in 0..asked.len() {
        answer(requests.recv().await.unwrap());
    }
    for task in asked {
        assert_eq!(task.await.unwrap().unwrap().cluster, "shop");
    }
}

#[tokio::test]
async fn a_long_poll_answers_as_soon_as_something_newer_is_applied() {
    let daemon = Daemon::start(Allowed::root_and_self()).await;
    daemon.tell.send_replace(6);
    let poll = daemon.ask("GET /v1/events?after=6", "");
    let tell = async {
        tokio::task::yield_now().await;
        daemon.tell.send_replace(9);
    };
    let (answer, ()) = tokio::join!(poll, tell);
    assert!(
        answer.contains(r#"{"index":9,"entries":[{"index":7"#),
        "{answer}"
    );
    assert!(answer.contains("after: Some(6)"), "{answer}");
}

#[tokio::test]
async fn the_socket_is_for_its_owner_only() {
    let daemon = Daemon::start(Allowed::root_and_self()).await;
    let socket = daemon.directory.path().join("socket");
    let mode = std::fs::metadata(socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_socket_is_replaced_only_when_nobody_answers_on_it() {
    let daemon = Daemon::start(Allowed::root_and_self()).await;
    let socket = daemon.directory.path().join("socket");
    assert!(matches!(bind(&socket).await, Err(SocketError::InUse(_))));
    daemon.stop.send(()).await.unwrap();
    daemon.serving.await.unwrap();
    bind(&socket).await.unwrap();
    let file = daemon.directory.path().join("file");
    std::fs::write(&file, "precious").unwrap();
    assert!(matches!(bind(&file).await, Err(SocketError::NotASocket(_))));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
}
