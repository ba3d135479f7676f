//! One UDP socket on one network, and what the kernel tells about packets that nobody took.

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use socket2::{Domain, Protocol, Socket, Type};

use super::LocalLink;

/// Network control (CS6): switches that know classes let heartbeats pass before bulk data.
const TRAFFIC_CLASS: u32 = 0xc0;

/// Room for the kernel's account of one failed packet: an error, an address, alignment.
const CONTROL_BYTES: usize = 256;

#[derive(Debug)]
pub(super) struct LinkSocket {
    socket: UdpSocket,
}

/// What became of a packet that was to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Done,
    /// Not now: no buffer, no route, no answer on the wire. The next heartbeat will try again.
    Failed,
    /// The card or the address is gone: this socket will never send again.
    Useless,
}

impl LinkSocket {
    /// Opens and binds it.
    pub fn open(local: &LocalLink) -> io::Result<Self> {
        let domain = Domain::for_address(local.bind);
        let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        if let Some(card) = &local.card
            && let Err(error) = socket.bind_device(Some(card.as_str().as_bytes()))
        {
            // Without the permission the route decides, which is right on most machines. A
            // card that is missing must be waited for.
            if error.kind() != io::ErrorKind::PermissionDenied {
                return Err(error);
            }
        }
        let classified = match local.bind {
            SocketAddr::V4(_) => socket.set_tos_v4(TRAFFIC_CLASS),
            SocketAddr::V6(_) => socket.set_tclass_v6(TRAFFIC_CLASS),
        };
        if let Err(error) = classified {
            tracing::debug!(%error, network = %local.network, "heartbeats travel unclassified");
        }
        socket.bind(&local.bind.into())?;
        report_errors(&socket, local.bind)?;
        Ok(Self {
            socket: socket.into(),
        })
    }

    pub fn send(&self, packet: &[u8], to: SocketAddr) -> Sent {
        // A pending error of an earlier packet is handed out in place of the first try.
        const TRIES: usize = 2;
        for _ in 0..TRIES {
            let Err(error) = self.socket.send_to(packet, to) else {
                return Sent::Done;
            };
            match error.raw_os_error() {
                Some(libc::ENODEV | libc::EADDRNOTAVAIL | libc::EINVAL) => return Sent::Useless,
                Some(libc::EAGAIN | libc::ENOBUFS) => return Sent::Failed,
                _ => {}
            }
        }
        Sent::Failed
    }

    /// The next packet, or `None` when there is none now. Longer ones than `buffer` come cut
    /// and will not open.
    pub fn receive(&self, buffer: &mut [u8]) -> Option<usize> {
        // As above: one try may only fetch the error of an earlier packet.
        const TRIES: usize = 2;
        for _ in 0..TRIES {
            match self.socket.recv_from(buffer) {
                Ok((length, _)) => return Some(length),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(_) => {}
            }
        }
        None
    }

    /// The next entry of the error queue: `Some(Some(address))` when the kernel at `address`
    /// says that nobody listens at that port, `Some(None)` for any other error, `None` when
    /// the queue is empty.
    pub fn next_refusal(&self) -> Option<Option<SocketAddr>> {
        // SAFETY: all-zero bytes are a valid value of these C structures of numbers and
        // null pointers.
        let (mut name, mut header): (libc::sockaddr_storage, libc::msghdr) =
            unsafe { (zeroed(), zeroed()) };
        let mut control = [0_u64; CONTROL_BYTES / 8];
        let mut payload = [0_u8; 1];
        let mut part = libc::iovec {
            iov_base: payload.as_mut_ptr().cast(),
            iov_len: 1,
        };
        header.msg_name = (&raw mut name).cast();
        header.msg_namelen = size_of::<libc::sockaddr_storage>() as u32;
        header.msg_iov = &raw mut part;
        header.msg_iovlen = 1;
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = CONTROL_BYTES;
        let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
        // SAFETY: the header points to buffers of the lengths it names, which outlive the call.
        let got = unsafe { libc::recvmsg(self.socket.as_raw_fd(), &raw mut header, flags) };
        if got < 0 {
            return None;
        }
        let to = address_of(&name);
        // SAFETY: the kernel filled `header` and the control buffer it points to.
        let by = unsafe { refused_by(&header) };
        // Another machine cannot speak for the peer's kernel, a router least of all.
        Some(to.filter(|to| by == Some(to.ip())))
    }
}

impl AsFd for LinkSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Asks the kernel to queue what ICMP says about our packets, with the address it is about.
fn report_errors(socket: &Socket, bind: SocketAddr) -> io::Result<()> {
    let (level, option) = match bind {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_RECVERR),
        SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_RECVERR),
    };
    let on: libc::c_int = 1;
    let length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: `on` is valid for reads of `length` bytes during the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const on).cast(),
            length,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Who answered that nobody listens at the port, if that is what the control data say.
///
/// # Safety
/// `header` was filled by `recvmsg` and its control buffer is still there.
unsafe fn refused_by(header: &libc::msghdr) -> Option<IpAddr> {
    // The kernel sends one entry per message; a handful bounds the walk.
    const ENTRIES_MAX: usize = 8;
    // SAFETY: by the contract of this function.
    let mut entry = unsafe { libc::CMSG_FIRSTHDR(header) };
    for _ in 0..ENTRIES_MAX {
        // SAFETY: null or an aligned entry within the control buffer.
        let found = unsafe { entry.as_ref() }?;
        let kind = (found.cmsg_level, found.cmsg_type);
        if kind == (libc::IPPROTO_IP, libc::IP_RECVERR)
            || kind == (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
        {
            // SAFETY: for these two kinds the kernel puts the error, then an address.
            return unsafe { refusal_in(entry) };
        }
        // SAFETY: as above.
        entry = unsafe { libc::CMSG_NXTHDR(header, entry) };
    }
    None
}

/// # Safety
/// `entry` is an `IP_RECVERR` or `IPV6_RECVERR` entry as the kernel wrote it.
unsafe fn refusal_in(entry: *const libc::cmsghdr) -> Option<IpAddr> {
    // SAFETY: the data begin with a `sock_extended_err`; unaligned reads need no alignment.
    let error: libc::sock_extended_err = unsafe {
        libc::CMSG_DATA(entry)
            .cast::<libc::sock_extended_err>()
            .read_unaligned()
    };
    let from_icmp = [libc::SO_EE_ORIGIN_ICMP, libc::SO_EE_ORIGIN_ICMP6].contains(&error.ee_origin);
    if !from_icmp || error.ee_errno != libc::ECONNREFUSED as u32 {
        return None;
    }
    // SAFETY: an ICMP error is followed by the address of its sender, inside the entry; both
    // families are read only after their length was checked.
    unsafe {
        let offender = libc::CMSG_DATA(entry).add(size_of::<libc::sock_extended_err>());
        let room = (*entry)
            .cmsg_len
            .saturating_sub(offender.offset_from_unsigned(entry.cast()));
        let family = (2 <= room).then(|| offender.cast::<u16>().read_unaligned())?;
        match i32::from(family) {
            libc::AF_INET if size_of::<libc::sockaddr_in>() <= room => {
                let address = offender.cast::<libc::sockaddr_in>().read_unaligned();
                Some(v4(address.sin_addr).into())
            }
            libc::AF_INET6 if size_of::<libc::sockaddr_in6>() <= room => {
                let address = offender.cast::<libc::sockaddr_in6>().read_unaligned();
                Some(Ipv6Addr::from(address.sin6_addr.s6_addr).into())
            }
            _ => None,
        }
    }
}

fn v4(address: libc::in_addr) -> Ipv4Addr {
    Ipv4Addr::from(u32::from_be(address.s_addr))
}

fn address_of(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    let name = &raw const *name;
    match i32::from(
        // SAFETY: the family is a field of every socket address.
        unsafe { (*name).ss_family },
    ) {
        libc::AF_INET => {
            // SAFETY: the family says so, and the storage holds and aligns every kind.
            let address = unsafe { &*name.cast::<libc::sockaddr_in>() };
            Some((v4(address.sin_addr), u16::from_be(address.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let address = unsafe { &*name.cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(address.sin6_addr.s6_addr);
            Some((ip, u16::from_be(address.sin6_port)).into())
        }
        _ => None,
    }
}
