//! Talking to the neighbours on a card about who owns an address.
//!
//! `Announcer` tells them (gratuitous ARP, unsolicited neighbour advertisement), `owner_of`
//! asks them. Whole frames over a packet socket (packet(7)): no route, no neighbour entry and
//! no address is needed for them.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::Instant;

use crate::frame::{self, Saying};
use crate::netlink::{Card, Mac};
use crate::watched::watch;

/// When an announcement is repeated, counted from the first: neighbours and switches lose
/// packets most while a failover stirs the network, and after two seconds they have either
/// learned it or ask by themselves.
pub const REPEATS: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// Probes sent within the wait: one lost packet must not hide an owner.
const PROBES: u32 = 3;

/// The longest frame that we look at; what speaks of an address fits into 90 bytes.
const FRAME_MAX: usize = 256;

/// What kept us from talking to the neighbours.
#[derive(Debug, thiserror::Error)]
pub enum NeighbourError {
    /// The card has no hardware address.
    #[error("{card} has no neighbours to talk to")]
    NoNeighbours {
        /// Which card.
        card: String,
    },
    /// The packet socket did not do as asked.
    #[error("cannot {what} on {card}")]
    Socket {
        /// What was tried.
        what: &'static str,
        /// Where.
        card: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

struct PacketSocket {
    /// There until it is dropped.
    fd: Option<AsyncFd<OwnedFd>>,
    card: String,
}

impl Drop for PacketSocket {
    /// The kernel waits for all processors when a packet socket is closed, up to tens of
    /// milliseconds: not on a thread that has anything else to do.
    fn drop(&mut self) {
        let Some(fd) = self.fd.take().map(AsyncFd::into_inner) else {
            return;
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || drop(fd))),
            Err(_no_runtime) => drop(fd),
        }
    }
}

impl PacketSocket {
    fn open(card: &Card, address: IpAddr) -> Result<Self, NeighbourError> {
        let failed = |what| {
            let card = card.name.clone();
            move |source| NeighbourError::Socket { what, card, source }
        };
        let kind = match address {
            IpAddr::V4(_) => libc::ETH_P_ARP,
            IpAddr::V6(_) => libc::ETH_P_IPV6,
        };
        let kind = u16::try_from(kind)
            .expect("Ethernet types have 16 bits")
            .to_be();
        let flags = libc::SOCK_RAW | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // Protocol 0: nothing is received before it is bound to the card.
        // SAFETY: socket takes no pointers.
        let raw = unsafe { libc::socket(libc::AF_PACKET, flags, 0) };
        if raw < 0 {
            return Err(failed("open a packet socket")(io::Error::last_os_error()));
        }
        // SAFETY: the number was just given to us and nobody else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(raw) };
        bind(&fd, card.index, kind).map_err(failed("bind a packet socket"))?;
        if let IpAddr::V6(ip) = address {
            let group = frame::multicast_mac(frame::solicited_node(ip));
            listen_to(&fd, card.index, group).map_err(failed("join a multicast group"))?;
        }
        Ok(Self {
            fd: Some(watch(fd, Interest::READABLE).map_err(failed("watch a packet socket"))?),
            card: card.name.clone(),
        })
    }

    fn fd(&self) -> &AsyncFd<OwnedFd> {
        self.fd.as_ref().expect("only drop takes it")
    }

    fn send(&self, frame: &[u8]) -> Result<(), NeighbourError> {
        let fd = self.fd().get_ref().as_raw_fd();
        // A full queue of the card counts as sent: frames may be lost anyway, and are repeated.
        // SAFETY: pointer and length are those of a live slice, and the fd is open.
        let sent = unsafe { libc::send(fd, frame.as_ptr().cast(), frame.len(), 0) };
        if sent < 0 {
            let source = io::Error::last_os_error();
            if source.kind() != io::ErrorKind::WouldBlock {
                return Err(NeighbourError::Socket {
                    what: "send",
                    card: self.card.clone(),
                    source,
                });
            }
        }
        Ok(())
    }

    async fn receive(&self) -> io::Result<Vec<u8>> {
        let read = |fd: &OwnedFd| {
            let mut buffer = vec![0; FRAME_MAX];
            // SAFETY: pointer and length are those of a live buffer, and the fd is open.
            let got =
                unsafe { libc::recv(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), FRAME_MAX, 0) };
            let length = usize::try_from(got).map_err(|_| io::Error::last_os_error())?;
            buffer.truncate(length);
            Ok(buffer)
        };
        loop {
            let mut ready = self.fd().readable().await?;
            if let Ok(result) = ready.try_io(|fd| read(fd.get_ref())) {
                return result;
            }
        }
    }
}

fn bind(fd: &OwnedFd, card: u32, kind: u16) -> io::Result<()> {
    // SAFETY: an all-zero sockaddr_ll is a valid value of this plain C struct.
    let mut place: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    place.sll_family = libc::AF_PACKET as u16;
    place.sll_protocol = kind;
    place.sll_ifindex = index_of(card)?;
    let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: the pointer is to a live sockaddr_ll whose size is given with it.
    let done = unsafe { libc::bind(fd.as_raw_fd(), (&raw const place).cast(), length) };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn listen_to(fd: &OwnedFd, card: u32, group: [u8; 6]) -> io::Result<()> {
    let mut request = libc::packet_mreq {
        mr_ifindex: index_of(card)?,
        mr_type: libc::PACKET_MR_MULTICAST as u16,
        mr_alen: 6,
        mr_address: [0; 8],
    };
    request.mr_address[..6].copy_from_slice(&group);
    // SAFETY: the pointer is to a live packet_mreq whose size is given with it.
    let done = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_ADD_MEMBERSHIP,
            (&raw const request).cast(),
            size_of::<libc::packet_mreq>() as libc::socklen_t,
        )
    };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn index_of(card: u32) -> io::Result<i32> {
    i32::try_from(card).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
}

/// Tells the neighbours on a card that it has an address now.
pub struct Announcer {
    socket: PacketSocket,
    frames: Vec<Vec<u8>>,
}

impl Announcer {
    /// Opens a socket on the card. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the card has no neighbours, or the socket cannot be made (`CAP_NET_RAW`).
    pub fn open(card: &Card, address: IpAddr) -> Result<Self, NeighbourError> {
        let mac = mac_of(card)?;
        Ok(Self {
            socket: PacketSocket::open(card, address)?,
            frames: frame::announcements(address, mac),
        })
    }

    /// Tells them once.
    ///
    /// # Errors
    /// When the card takes no packets.
    pub fn announce(&self) -> Result<(), NeighbourError> {
        self.frames.iter().try_for_each(|f| self.socket.send(f))
    }

    /// Tells them again at the times of `REPEATS`, then ends. Whoever gives the address away
    /// must drop this future first. Lost sends are left to the next repeat.
    pub async fn repeat(self) {
        let first = Instant::now();
        for after in REPEATS {
            tokio::time::sleep_until(first + after).await;
            if let Err(error) = self.announce() {
                tracing::debug!(card = self.socket.card, %error, "announcement not sent");
            }
        }
    }
}

/// Asks the neighbours on a card, for as long as `wait`, whether one of them has `address`
/// or is about to take it, and returns the first such neighbour's hardware address. Zero:
/// nobody is asked, nobody is found. The machine's own cards, `own`, are no neighbours.
///
/// # Errors
/// When the card has no neighbours, or the socket fails.
pub async fn owner_of(
    card: &Card,
    address: IpAddr,
    wait: Duration,
    own: &[Card],
) -> Result<Option<Mac>, NeighbourError> {
    if wait.is_zero() {
        return Ok(None);
    }
    let mac = mac_of(card)?;
    let socket = PacketSocket::open(card, address)?;
    let question = frame::probe(address, mac);
    let mut known: Vec<Mac> = own.iter().filter_map(|card| card.mac).collect();
    known.push(mac);
    ask(&socket, &question, (address, &known), wait).await
}

/// Asks several times within `wait`; what one of `own` says is no answer.
async fn ask(
    socket: &PacketSocket,
    question: &[u8],
    (address, own): (IpAddr, &[Mac]),
    wait: Duration,
) -> Result<Option<Mac>, NeighbourError> {
    let began = Instant::now();
    for nth in 0..PROBES {
        socket.send(question)?;
        let until = began + wait * (nth + 1) / PROBES;
        let heard = tokio::time::timeout_at(until, hear(socket, address, own)).await;
        match heard {
            Ok(Ok(other)) => return Ok(Some(other)),
            Ok(Err(source)) => {
                return Err(NeighbourError::Socket {
                    what: "listen",
                    card: socket.card.clone(),
                    source,
                });
            }
            Err(_silence) => {}
        }
    }
    Ok(None)
}

/// Looks for the neighbour on a card that has `address`, on behalf of `own`, an address of
/// this card. Unlike [`owner_of`] it wants nothing: whoever is about to take the address is
/// not disturbed. `None`: nobody has answered within `wait`.
///
/// # Errors
/// When the card has no neighbours, or the socket fails.
pub async fn neighbour_with(
    card: &Card,
    (address, own): (IpAddr, IpAddr),
    wait: Duration,
) -> Result<Option<Mac>, NeighbourError> {
    let mac = mac_of(card)?;
    let Some(question) = frame::search(address, own, mac) else {
        return Ok(None);
    };
    let socket = PacketSocket::open(card, address)?;
    ask(&socket, &question, (address, &[mac]), wait).await
}

/// Waits until somebody else says something about `address`.
async fn hear(socket: &PacketSocket, address: IpAddr, own: &[Mac]) -> io::Result<Mac> {
    loop {
        let frame = socket.receive().await?;
        let (about, mac) = match frame::read(&frame) {
            Some(Saying::Owns { address, mac } | Saying::Wants { address, mac }) => (address, mac),
            None => continue,
        };
        if about == address && !own.contains(&mac) {
            return Ok(mac);
        }
    }
}

fn mac_of(card: &Card) -> Result<Mac, NeighbourError> {
    card.mac.ok_or_else(|| NeighbourError::NoNeighbours {
        card: card.name.clone(),
    })
}
