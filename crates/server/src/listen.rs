//! The socket: made so that nobody else can connect, and the loop that serves it.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use crate::control::ControlHandle;
use crate::peer::{Allowed, Peer};
use crate::routes;

/// Connections served at once. Some are long polls of people who watch; a script that opens
/// more than this leaks them.
const CONNECTIONS_MAX: usize = 64;

/// How long a client may take to send the head of its request. It is on the same machine.
const HEAD_LIMIT: Duration = Duration::from_secs(10);

/// Pause after a failed accept (out of file descriptors), so that it does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a stopping daemon waits for answers that are under way.
const DRAIN_LIMIT: Duration = Duration::from_secs(2);

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another daemon answers there.
    #[error("another daemon listens on {}", .0.display())]
    InUse(PathBuf),
    /// Something else is there.
    #[error("{} is there and is no socket", .0.display())]
    NotASocket(PathBuf),
    /// The operating system refused.
    #[error("cannot {verb} the socket {}", path.display())]
    Io {
        /// What we tried.
        verb: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// Makes the socket at `path`, mode 0600. A socket that a dead daemon left is replaced; one
/// that somebody answers on is not. Call it inside a tokio runtime, early in the process
/// (the file mode mask of the process is changed for a moment).
///
/// # Errors
/// When somebody else has it, or the operating system refuses.
pub async fn bind(path: &Path) -> Result<UnixListener, SocketError> {
    let error = |verb| {
        move |source| SocketError::Io {
            verb,
            path: path.to_path_buf(),
            source,
        }
    };
    if let Ok(found) = std::fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            return Err(SocketError::NotASocket(path.to_path_buf()));
        }
        if UnixStream::connect(path).await.is_ok() {
            return Err(SocketError::InUse(path.to_path_buf()));
        }
        std::fs::remove_file(path).map_err(error("replace"))?;
    }
    let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o177));
    let listener = UnixListener::bind(path);
    rustix::process::umask(before);
    let listener = listener.map_err(error("make"))?;
    // Again by name: some file systems ignore the mask.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
        .map_err(error("protect"))?;
    Ok(listener)
}

/// Serves `listener` until `shutdown` ends. Answers under way may still go out for two
/// seconds. The socket's file stays; the next daemon replaces it.
pub async fn serve(
    listener: UnixListener,
    control: ControlHandle,
    allowed: Allowed,
    shutdown: impl Future<Output = ()>,
) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let (stop, stopped) = tokio::sync::watch::channel(());
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let slot = tokio::select! {
            slot = slots.clone().acquire_owned() => slot.expect("the semaphore is never closed"),
            () = &mut shutdown => break,
        };
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        match stream {
            Ok((stream, _)) => {
                let peer = Peer::of(&stream, &allowed);
                let (control, stopped) = (control.clone(), stopped.clone());
                tokio::spawn(async move {
                    connection(stream, peer, control, stopped).await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection on the socket");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(stopped);
    stop.send_replace(());
    let all = u32::try_from(CONNECTIONS_MAX).expect("a small number");
    // When it ends first, the answers that are not out by then never will be.
    let _ = tokio::time::timeout(DRAIN_LIMIT, slots.acquire_many(all)).await;
}

async fn connection(
    stream: UnixStream,
    peer: Peer,
    control: ControlHandle,
    mut stopped: tokio::sync::watch::Receiver<()>,
) {
    let service = TowerToHyperService::new(routes::router(control, peer));
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        _ = stopped.changed() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        // A client that goes away in the middle (Ctrl-C in `watch`) is ordinary.
        tracing::debug!(%error, "connection ended");
    }
}
