//! When a process is up: what is asked until the answer is yes.
//!
//! Each wait here is bounded by its caller: the limit of the start, the end of the process.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use host::process::Ended;
use model::spec::Ready;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixDatagram};
use tokio::time::{sleep, timeout};

use crate::command::{Run, run};
use crate::context::Context;
use crate::program::Launch;

/// One try to connect; a listener on this machine answers within microseconds, unless its
/// queue is full.
const CONNECT_LIMIT: Duration = Duration::from_millis(250);
/// One question by HTTP, or one run of a program that tells.
const ASK_LIMIT: Duration = Duration::from_secs(5);
/// Between two tries. It grows from little, so that a quick program is not made to wait.
const PAUSE_FIRST: Duration = Duration::from_millis(1);
/// Long enough that a slow program is not disturbed.
const PAUSE_MAX: Duration = Duration::from_millis(50);
/// Of a message on the notify socket; those of sd_notify(3) have some lines.
const NOTICE_MAX: usize = 4096;
/// The first line of an answer by HTTP: `HTTP/1.1 200 OK`.
const STATUS_LINE_MAX: usize = 64;

/// What is made before the process is started, and waited for after.
pub(crate) struct Waiting {
    ready: Ready,
    notices: Option<Notices>,
    /// A file that is older says nothing of this start.
    since: SystemTime,
}

impl Waiting {
    /// Prepares the wait for a process that is about to be started. `name` tells its socket
    /// from others.
    pub(crate) fn new(ready: &Ready, directory: &Path, name: &str) -> io::Result<Self> {
        let notices = match ready {
            Ready::Notify => Some(Notices::open(directory, name)?),
            Ready::Executed
            | Ready::Port(_)
            | Ready::Http { .. }
            | Ready::File(_)
            | Ready::Exit(_) => None,
        };
        Ok(Self {
            ready: ready.clone(),
            notices,
            since: SystemTime::now(),
        })
    }

    /// For a process that was started by an earlier run of the daemon. What it would have
    /// said to that one on a socket is lost: it counts as said.
    pub(crate) fn for_adopted(ready: &Ready) -> Self {
        let ready = match ready {
            Ready::Notify => Ready::Executed,
            other => other.clone(),
        };
        Self {
            ready,
            notices: None,
            since: SystemTime::UNIX_EPOCH,
        }
    }

    /// The variable that names the socket, if there is one.
    pub(crate) fn variable(&self) -> Option<(&'static str, String)> {
        let notices = self.notices.as_ref()?;
        Some(("NOTIFY_SOCKET", notices.path.to_string_lossy().into_owned()))
    }

    /// Waits until it is up.
    pub(crate) async fn until_ready(self, context: &Context) {
        if let Some(notices) = &self.notices {
            return notices.ready(context).await;
        }
        let mut pause = PAUSE_FIRST;
        while !self.is_ready(context).await {
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn is_ready(&self, context: &Context) -> bool {
        match &self.ready {
            Ready::Executed | Ready::Notify => true,
            Ready::Port(address) => is_accepting(*address).await,
            Ready::Http { address, path } => answers(*address, path).await,
            Ready::File(path) => is_written_since(Path::new(path), self.since),
            Ready::Exit(argv) => says_yes(context, argv).await,
        }
    }
}

async fn is_accepting(address: SocketAddr) -> bool {
    let connecting = timeout(CONNECT_LIMIT, TcpStream::connect(address)).await;
    matches!(connecting, Ok(Ok(_)))
}

/// Whether an HTTP server answers with a status from 200 to 399.
async fn answers(address: SocketAddr, path: &str) -> bool {
    let asking = async {
        let mut stream = TcpStream::connect(address).await?;
        let question =
            format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(question.as_bytes()).await?;
        let mut line = Vec::new();
        while !line.contains(&b'\n') && line.len() < STATUS_LINE_MAX {
            if stream.read_buf(&mut line).await? == 0 {
                break;
            }
        }
        io::Result::Ok(line)
    };
    match timeout(ASK_LIMIT, asking).await {
        Ok(Ok(line)) => status(&line).is_some_and(|status| (200..400).contains(&status)),
        Ok(Err(_)) | Err(_) => false,
    }
}

/// The status in the first line of an answer.
fn status(line: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(line.split(|byte| *byte == b'\r').next()?).ok()?;
    let rest = text.strip_prefix("HTTP/")?;
    rest.split(' ').nth(1)?.parse().ok()
}

/// Clocks of file systems lag a little behind that of the machine.
fn is_written_since(path: &Path, since: SystemTime) -> bool {
    const LAG: Duration = Duration::from_millis(20);
    let written = std::fs::metadata(path).and_then(|data| data.modified());
    written.is_ok_and(|written| since <= written + LAG)
}

async fn says_yes(context: &Context, argv: &[String]) -> bool {
    let launch = Launch::new(argv, context.log.log_path());
    matches!(
        run(context, launch, ASK_LIMIT).await,
        (Run::Ended(Ended::Exited(0)), _)
    )
}

/// The socket on which a process says that it is up. It is there during the start only: a
/// process that goes on telling its state would wait for a reader that is not there.
struct Notices {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Drop for Notices {
    fn drop(&mut self) {
        // It has no other use; what cannot be removed is replaced at the next start.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Notices {
    fn open(directory: &Path, name: &str) -> io::Result<Self> {
        use std::os::unix::fs::PermissionsExt;
        std::fs::create_dir_all(directory)?;
        std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o711))?;
        let path = directory.join(name);
        if let Err(error) = std::fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let socket = UnixDatagram::bind(&path)?;
        // The process may run as another account.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666))?;
        Ok(Self { socket, path })
    }

    async fn ready(&self, context: &Context) {
        let mut room = [0; NOTICE_MAX];
        loop {
            let Ok(length) = self.socket.recv(&mut room).await else {
                return std::future::pending().await;
            };
            let text = String::from_utf8_lossy(&room[..length]);
            for line in text.lines() {
                if let Some(words) = line.strip_prefix("STATUS=") {
                    context.log.line(&format!("it says: {words}"));
                }
            }
            if text.lines().any(|line| line == "READY=1") {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_read_from_the_first_line() {
        assert_eq!(status(b"HTTP/1.1 200 OK\r\nA: b\r\n"), Some(200));
        assert_eq!(status(b"HTTP/1.0 503\r\n"), Some(503));
        assert_eq!(status(b"220 mail.example.org ESMTP\r\n"), None);
        assert_eq!(status(b"HTTP/1.1 "), None);
        assert_eq!(status(b""), None);
    }
}
