//! Local sockets that carry one JSON message, and descriptors, at a time.
//!
//! A message arrives whole or not at all; the end of the other side shows as `None`.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind,
    connect, listen, recvmsg, sendmsg, socket_with, socketpair,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A command line is the longest message; the kernel's default buffers hold 200 KiB.
const MESSAGE_BYTES_MAX: usize = 128 * 1024;
/// Standard input, output, error and a place to reply.
const DESCRIPTORS_MAX: usize = 4;
/// Test programs ask many things at once; each waits its turn.
const BACKLOG: i32 = 128;

/// One end of a connection.
#[derive(Debug)]
pub struct Channel(OwnedFd);

/// Where connections arrive.
#[derive(Debug)]
pub struct Listener(OwnedFd);

fn new_socket() -> io::Result<OwnedFd> {
    Ok(socket_with(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )?)
}

impl From<OwnedFd> for Channel {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

impl From<Channel> for OwnedFd {
    fn from(channel: Channel) -> Self {
        channel.0
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<OwnedFd> for Listener {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Waits until `fd` can be read or has ended.
///
/// # Errors
/// `TimedOut` after `limit`.
pub fn wait_readable(fd: BorrowedFd<'_>, limit: Duration) -> io::Result<()> {
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
    let limit = Timespec::try_from(limit).map_err(io::Error::other)?;
    match rustix::io::retry_on_intr(|| poll(&mut fds, Some(&limit)))? {
        0 => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time")),
        _ => Ok(()),
    }
}

impl Channel {
    /// Two connected ends.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn pair() -> io::Result<(Self, Self)> {
        let flags = SocketFlags::CLOEXEC;
        let (a, b) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        Ok((Self(a), Self(b)))
    }

    /// Connects to an abstract socket of this network namespace.
    ///
    /// # Errors
    /// `ConnectionRefused` when nobody listens.
    pub fn connect_abstract(name: &str) -> io::Result<Self> {
        let socket = new_socket()?;
        connect(
            &socket,
            &SocketAddrUnix::new_abstract_name(name.as_bytes())?,
        )?;
        Ok(Self(socket))
    }

    /// Connects to a socket in the file system.
    ///
    /// # Errors
    /// `NotFound` or `ConnectionRefused` when nobody listens.
    pub fn connect_path(path: &Path) -> io::Result<Self> {
        let socket = new_socket()?;
        connect(&socket, &SocketAddrUnix::new(path)?)?;
        Ok(Self(socket))
    }

    /// Sends one message with descriptors.
    ///
    /// # Errors
    /// When the other side is gone, or the message too long.
    pub fn send<T: Serialize>(&self, message: &T, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        let bytes = serde_json::to_vec(message)?;
        if MESSAGE_BYTES_MAX < bytes.len() || DESCRIPTORS_MAX < fds.len() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "message too long",
            ));
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(fds));
        }
        let slices = [IoSlice::new(&bytes)];
        rustix::io::retry_on_intr(|| sendmsg(&self.0, &slices, &mut control, SendFlags::NOSIGNAL))?;
        Ok(())
    }

    /// Receives one message with its descriptors; `None` when the other side has ended.
    ///
    /// # Errors
    /// When the message is not a `T`.
    pub fn receive<T: DeserializeOwned>(&self) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
        let mut bytes = vec![0; MESSAGE_BYTES_MAX];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut slices = [IoSliceMut::new(&mut bytes)];
        let received = rustix::io::retry_on_intr(|| {
            recvmsg(&self.0, &mut slices, &mut control, RecvFlags::CMSG_CLOEXEC)
        });
        let count = match received {
            Ok(message) => message.bytes,
            Err(rustix::io::Errno::CONNRESET) => 0,
            Err(error) => return Err(error.into()),
        };
        let mut fds = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                fds.extend(rights);
            }
        }
        if count == 0 {
            return Ok(None);
        }
        Ok(Some((serde_json::from_slice(&bytes[..count])?, fds)))
    }

    /// Receives one message, waiting at most `limit`.
    ///
    /// # Errors
    /// `TimedOut`; `UnexpectedEof` when the other side has ended.
    pub fn receive_within<T: DeserializeOwned>(&self, limit: Duration) -> io::Result<T> {
        wait_readable(self.as_fd(), limit)?;
        match self.receive()? {
            Some((message, _)) => Ok(message),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// The user at the other end, as this user namespace sees it.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn peer_uid(&self) -> io::Result<u32> {
        // By hand, for a peer of another process namespace has the number 0, which the wrapper
        // of rustix does not accept.
        let mut peer = libc::ucred {
            pid: 0,
            uid: u32::MAX,
            gid: u32::MAX,
        };
        let mut length = libc::socklen_t::try_from(size_of::<libc::ucred>()).unwrap_or(0);
        // SAFETY: the descriptor is open, and the kernel writes at most `length` bytes, the
        // size of `peer`, into it.
        let result = unsafe {
            libc::getsockopt(
                self.0.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERCRED,
                (&raw mut peer).cast(),
                &raw mut length,
            )
        };
        if result < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(peer.uid)
        }
    }
}

impl Listener {
    /// Listens on an abstract socket of this network namespace.
    ///
    /// # Errors
    /// `AddrInUse` when somebody does already.
    pub fn bind_abstract(name: &str) -> io::Result<Self> {
        let socket = new_socket()?;
        bind(
            &socket,
            &SocketAddrUnix::new_abstract_name(name.as_bytes())?,
        )?;
        listen(&socket, BACKLOG)?;
        Ok(Self(socket))
    }

    /// Listens on a socket in the file system.
    ///
    /// # Errors
    /// `AddrInUse` when the path exists.
    pub fn bind_path(path: &Path) -> io::Result<Self> {
        let socket = new_socket()?;
        bind(&socket, &SocketAddrUnix::new(path)?)?;
        listen(&socket, BACKLOG)?;
        Ok(Self(socket))
    }

    /// The next connection.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn accept(&self) -> io::Result<Channel> {
        Ok(Channel(accept_with(&self.0, SocketFlags::CLOEXEC)?))
    }
}
