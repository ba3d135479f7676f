//! A connection, and perhaps something said and heard.

use model::checks::TcpCheck;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Found;
use super::pattern::{compile, first_line};

/// What is read before it is said that the pattern does not come.
const HEARD_MAX: usize = 64 * 1024;

pub(super) async fn ask(check: &TcpCheck) -> Found {
    match talk(check).await {
        Ok(how) => Found::well(how),
        Err(how) => Found::failed(how),
    }
}

async fn talk(check: &TcpCheck) -> Result<String, String> {
    let expect = check.expect.as_deref().map(compile).transpose()?;
    let connected = TcpStream::connect(check.target).await;
    let mut stream = connected.map_err(|error| format!("no connection: {error}"))?;
    if let Some(send) = &check.send {
        let sent = stream.write_all(send.as_bytes()).await;
        sent.map_err(|error| format!("nothing can be said: {error}"))?;
    }
    let Some(expect) = expect else {
        return Ok("connected".to_string());
    };
    let mut heard = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = stream.read(&mut piece).await;
        let length = read.map_err(|error| format!("nothing can be heard: {error}"))?;
        heard.extend_from_slice(&piece[..length]);
        let text = String::from_utf8_lossy(&heard);
        if expect.is_match(&text) {
            return Ok(first_line(&text));
        }
        if length == 0 || HEARD_MAX <= heard.len() {
            return Err(match first_line(&text).as_str() {
                "" => "closed without a word".to_string(),
                line => format!("unexpected: {line}"),
            });
        }
    }
}
