//! HTTP over the daemon's socket: one request at a time, each with a time limit.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use api::{ApiError, ErrorCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use crate::screen::Form;

/// How long a request may take. The daemon answers within 30 s, or says why not.
pub(crate) const REQUEST_LIMIT: Duration = Duration::from_secs(35);

/// Longest answer. A thousand entries of history with a screenful of output each stay far
/// below; more is not from our daemon.
const ANSWER_MAX: usize = 16 * 1024 * 1024;

/// The daemon's end of the socket.
pub(crate) struct Client {
    socket: PathBuf,
    form: Form,
    runtime: tokio::runtime::Runtime,
}

impl Client {
    pub(crate) fn new(socket: &Path, form: Form) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a process may open a handful of files");
        Self {
            socket: socket.to_path_buf(),
            form,
            runtime,
        }
    }

    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ApiError> {
        self.get_within(path, REQUEST_LIMIT)
    }

    pub(crate) fn get_within<T: DeserializeOwned>(
        &self,
        path: &str,
        limit: Duration,
    ) -> Result<T, ApiError> {
        self.send(Request::get(path), Bytes::new(), limit)
    }

    /// As `get_within`, for a caller that waits for other things as well.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        limit: Duration,
    ) -> Result<T, ApiError> {
        self.send_within(Request::get(path), Bytes::new(), limit)
            .await
    }

    /// As `post`, for a caller that waits for other things as well.
    pub(crate) async fn tell<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
        limit: Duration,
    ) -> Result<T, ApiError> {
        let body = serde_json::to_vec(body).expect("our types have string keys only");
        self.send_within(Request::post(path), body.into(), limit)
            .await
    }

    /// Runs what asks until it is done.
    pub(crate) fn block_on<F: Future>(&self, asking: F) -> F::Output {
        self.runtime.block_on(asking)
    }

    pub(crate) fn post<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<T, ApiError> {
        let body = serde_json::to_vec(body).expect("our types have string keys only");
        self.send(Request::post(path), body.into(), REQUEST_LIMIT)
    }

    fn send<T: DeserializeOwned>(
        &self,
        builder: hyper::http::request::Builder,
        body: Bytes,
        limit: Duration,
    ) -> Result<T, ApiError> {
        self.runtime
            .block_on(self.send_within(builder, body, limit))
    }

    async fn send_within<T: DeserializeOwned>(
        &self,
        builder: hyper::http::request::Builder,
        body: Bytes,
        limit: Duration,
    ) -> Result<T, ApiError> {
        let request = builder
            .header("host", "mainstay")
            .header("content-type", "application/json")
            .body(Full::new(body))
            .map_err(|error| ErrorCode::BadRequest.error(error.to_string()))?;
        let exchange = tokio::time::timeout(limit, self.exchange(request));
        let (status, answer) = exchange.await.map_err(|_elapsed| {
            ErrorCode::TimedOut.error(format!("no answer within {} s", limit.as_secs()))
        })??;
        read_answer(status, &answer, self.form)
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), ApiError> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|error| self.unreachable(&error))?;
        let broken = |error: hyper::Error| {
            ErrorCode::NotReachable
                .error("the daemon closed the connection before it answered")
                .with_detail(chain(&error))
        };
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        let driver = tokio::spawn(connection);
        let response = sender.send_request(request).await.map_err(broken)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_MAX)
            .collect()
            .await
            .map_err(|error| ErrorCode::BadAnswer.error(error.to_string()))?;
        driver.abort();
        Ok((status, body.to_bytes()))
    }

    fn unreachable(&self, error: &io::Error) -> ApiError {
        let socket = self.socket.display();
        match error.kind() {
            io::ErrorKind::PermissionDenied => ErrorCode::NotAllowed
                .error(format!("you may not use the socket {socket}"))
                .with_detail("only root and the account that the daemon runs as may"),
            io::ErrorKind::NotFound => ErrorCode::NotReachable
                .error("the daemon of this node does not run")
                .with_detail(format!("there is no socket {socket}")),
            io::ErrorKind::ConnectionRefused => ErrorCode::NotReachable
                .error("the daemon of this node does not run")
                .with_detail(format!(
                    "nobody listens on {socket}, which an ended daemon left"
                )),
            _other => ErrorCode::NotReachable
                .error(format!("cannot connect to {socket}"))
                .with_detail(error.to_string()),
        }
    }
}

fn read_answer<T: DeserializeOwned>(
    status: StatusCode,
    body: &[u8],
    form: Form,
) -> Result<T, ApiError> {
    if status.is_success() {
        return understand(body, form).map_err(|error| {
            ErrorCode::BadAnswer.error(format!("the daemon's answer cannot be read: {error}"))
        });
    }
    Err(understand(body, form).unwrap_or_else(|_| {
        ErrorCode::BadAnswer
            .error(format!("the daemon answered {status} without saying why"))
            .with_detail(visible(&String::from_utf8_lossy(body)))
    }))
}

/// Scripts get what was said. People get it without what could move their terminal's
/// cursor: names and reasons contain what programs printed.
fn understand<T: DeserializeOwned>(body: &[u8], form: Form) -> Result<T, serde_json::Error> {
    match form {
        Form::Json => serde_json::from_slice(body),
        Form::Text => {
            let mut value = serde_json::from_slice(body)?;
            make_visible(&mut value);
            serde_json::from_value(value)
        }
    }
}

fn make_visible(value: &mut serde_json::Value) {
    use serde_json::Value;
    match value {
        Value::String(text) => {
            if text.chars().any(is_hidden) {
                *text = visible(text);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(make_visible),
        // A configuration goes back as it came: it is edited and applied again.
        Value::Object(fields) => fields
            .iter_mut()
            .filter(|(name, _)| *name != "source")
            .for_each(|(_, value)| make_visible(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What a terminal would obey, and what would show text in another order than it is.
fn is_hidden(letter: char) -> bool {
    (letter.is_control() && letter != '\n' && letter != '\t')
        || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match is_hidden(letter) {
            true => shown.extend(letter.escape_default()),
            false => shown.push(letter),
        }
    }
    shown
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, form: Form, shown: &str) {
        let value: serde_json::Value = understand(body.as_bytes(), form).unwrap();
        assert_eq!(value.to_string(), shown);
    }

    #[test]
    fn people_see_what_a_terminal_would_obey_and_scripts_get_it_as_it_is() {
        let body = r#"{"output":["\u001b[31mred\u0007\tx\n"],"source":"a\r\n"}"#;
        check(
            body,
            Form::Text,
            r#"{"output":["\\u{1b}[31mred\\u{7}\tx\n"],"source":"a\r\n"}"#,
        );
        check(
            body,
            Form::Json,
            r#"{"output":["\u001b[31mred\u0007\tx\n"],"source":"a\r\n"}"#,
        );
        check("\"ab\u{202e}dc\"", Form::Text, r#""ab\\u{202e}dc""#);
    }
}
