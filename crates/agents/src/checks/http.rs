//! A page is asked for.

use std::sync::Arc;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use model::checks::HttpCheck;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::pattern::compile;
use super::{Found, Shared, tls};
use crate::context::chain;

/// A page that says whether a service is well is short; of longer ones nothing is read.
const PAGE_MAX: usize = 1024 * 1024;

pub(super) async fn ask(shared: &Arc<Shared>, check: &HttpCheck) -> Found {
    match fetch(shared, check).await {
        Ok(how) => Found::well(how),
        Err(how) => Found::failed(how),
    }
}

async fn fetch(shared: &Arc<Shared>, check: &HttpCheck) -> Result<String, String> {
    let uri: Uri = check.url.parse().map_err(|_| "no URL".to_string())?;
    let is_secure = uri.scheme_str() == Some("https");
    let host = uri.host().ok_or("no host in the URL")?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
    let connected = TcpStream::connect((host, port)).await;
    let stream = connected.map_err(|error| format!("no connection: {error}"))?;
    let response = if is_secure {
        let config = shared.authorities.config(&check.trust).await?;
        let name = ServerName::try_from(host.to_string());
        let name = name.map_err(|_| format!("`{host}` cannot be in a certificate"))?;
        let secured = TlsConnector::from(config).connect(name, stream).await;
        let stream = secured.map_err(|error| tls::refusal(&error, &check.trust))?;
        get(stream, &uri).await?
    } else {
        get(stream, &uri).await?
    };
    judge(check, response).await
}

async fn get<S>(stream: S, uri: &Uri) -> Result<Response<Incoming>, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let broken = |error: hyper::Error| format!("no answer: {}", chain(&error));
    let shaken = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.map_err(broken)?;
    // It ends with the answer, or with the limit of the check: then nobody asks any more.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let host = uri.authority().map_or("", |authority| authority.as_str());
    let request = Request::get(path)
        .header(HOST, host)
        .header(USER_AGENT, "mainstay-check")
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| format!("this cannot be asked: {error}"))?;
    sender.send_request(request).await.map_err(broken)
}

async fn judge(check: &HttpCheck, response: Response<Incoming>) -> Result<String, String> {
    let status = response.status();
    let is_good = match check.status.as_slice() {
        [] => (200..400).contains(&status.as_u16()),
        wanted => wanted.contains(&status.as_u16()),
    };
    let told = words(status);
    if !is_good {
        return Err(told);
    }
    if check.contains.is_none() && check.matches.is_none() {
        return Ok(told);
    }
    let body = Limited::new(response.into_body(), PAGE_MAX).collect().await;
    let body = body.map_err(|error| format!("{told}, then: {error}"))?;
    let page = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    if let Some(text) = &check.contains
        && !page.contains(text)
    {
        return Err(format!("{told}, without `{text}` on the page"));
    }
    if let Some(pattern) = &check.matches
        && !compile(pattern)?.is_match(&page)
    {
        return Err(format!("{told}, and the page does not match `{pattern}`"));
    }
    Ok(told)
}

fn words(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}
