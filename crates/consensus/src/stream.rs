//! Frames in a stream of bytes. Nothing here has a time limit of its own; callers do.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use wire::peer::{self, FRAME_PREFIX_BYTES};

/// Reads one frame of at most `limit` bytes.
pub(crate) async fn read_frame<S: AsyncRead + Unpin>(
    stream: &mut S,
    limit: usize,
) -> io::Result<Vec<u8>> {
    let mut prefix = [0; FRAME_PREFIX_BYTES];
    stream.read_exact(&mut prefix).await?;
    let length = peer::frame_length(prefix, limit).map_err(invalid)?;
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await?;
    Ok(payload)
}

/// Puts a frame around `payload` and writes it out.
pub(crate) async fn write_frame<S: AsyncWrite + Unpin>(
    stream: &mut S,
    payload: &[u8],
) -> io::Result<()> {
    let frame = peer::frame(payload).map_err(invalid)?;
    stream.write_all(&frame).await?;
    stream.flush().await
}

pub(crate) fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
