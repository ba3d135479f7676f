//! ICMP echoes (RFC 792, RFC 4443): asks one address whether it answers.
//!
//! ```text
//!   echo      type 8 (v4) or 128 (v6) | code 0 | 2 checksum | 2 identifier | 2 sequence
//!             8 nonce | 8 number
//!   answer    the same with type 0 or 129
//! ```
//!
//! A datagram ICMP socket needs no privilege where `net.ipv4.ping_group_range` allows it, and
//! the kernel sorts answers by socket; elsewhere a raw socket is used, which sees all of ICMP
//! that comes from the target. Nothing here waits, retries or judges: an echo without an answer
//! is just that.

use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::watched::watch;

/// Header, nonce and number.
const ECHO_BYTES: usize = 24;

/// What is read of one packet: an answer with the longest IPv4 header has 84 bytes. A longer
/// packet is cut, and then it is not ours.
const PACKET_BYTES_MAX: usize = 128;

const ECHO_V4: u8 = 8;
const ANSWER_V4: u8 = 0;
const ECHO_V6: u8 = 128;
const ANSWER_V6: u8 = 129;

/// How answers come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Only ours, under an identifier that the kernel chose.
    Datagram,
    /// Everything that the target sends, in IPv4 with the IP header.
    Raw,
}

/// Why a packet is no answer to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAnswer {
    /// Too few bytes, or too many.
    #[error("it has another length")]
    Length,
    /// Another kind of packet.
    #[error("it is no echo reply")]
    Kind,
    /// Its checksum does not fit.
    #[error("it is damaged")]
    Damaged,
    /// Somebody else asked.
    #[error("it answers somebody else")]
    Stranger,
}

/// Asks one address.
#[derive(Debug)]
pub struct Pinger {
    fd: AsyncFd<OwnedFd>,
    target: IpAddr,
    kind: Kind,
    nonce: u64,
}

impl Pinger {
    /// Opens a socket towards the target; must be called within a runtime. Answers carry the
    /// nonce back, so it should be random: then nobody who cannot read the echoes can make up
    /// an answer.
    ///
    /// # Errors
    /// When there is no way to the target, or no right to use ICMP.
    pub fn open(target: IpAddr, nonce: u64) -> io::Result<Self> {
        let (socket, kind) = match connect(target, Type::DGRAM) {
            Ok(socket) => (socket, Kind::Datagram),
            Err(error) if is_refused(&error) => (connect(target, Type::RAW)?, Kind::Raw),
            Err(error) => return Err(error),
        };
        Ok(Self {
            fd: watch(OwnedFd::from(socket), Interest::READABLE)?,
            target,
            kind,
            nonce,
        })
    }

    /// Sends one echo with this number.
    ///
    /// # Errors
    /// When it did not leave; also when an earlier one is known not to have arrived.
    pub fn send(&self, number: u64) -> io::Result<()> {
        let echo = encode(self.target, self.nonce, number);
        let sent = SockRef::from(self.fd.get_ref()).send(&echo)?;
        if sent == echo.len() {
            Ok(())
        } else {
            Err(io::ErrorKind::WriteZero.into())
        }
    }

    /// Waits for an answer, and gives the number of its echo. Cancel safe.
    ///
    /// # Errors
    /// When the socket fails, for example because the target cannot be reached.
    pub async fn answered(&self) -> io::Result<u64> {
        loop {
            let mut ready = self.fd.readable().await?;
            let mut packet = [0; PACKET_BYTES_MAX];
            let read = |fd: &AsyncFd<OwnedFd>| {
                let socket = SockRef::from(fd.get_ref());
                (&*socket).read(&mut packet)
            };
            let Ok(length) = ready.try_io(read) else {
                continue;
            };
            let message = match (self.kind, self.target) {
                (Kind::Raw, IpAddr::V4(_)) => behind_ip_header(&packet[..length?]),
                (Kind::Raw, IpAddr::V6(_)) | (Kind::Datagram, _) => Ok(&packet[..length?]),
            };
            let number = message.and_then(|message| decode(self.target, self.nonce, message));
            match number {
                Ok(number) => return Ok(number),
                Err(error) => tracing::trace!(target_address = %self.target, %error, "dropped"),
            }
        }
    }
}

fn connect(target: IpAddr, kind: Type) -> io::Result<Socket> {
    let (domain, protocol) = match target {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let socket = Socket::new(domain, kind, Some(protocol))?;
    socket.set_nonblocking(true)?;
    socket.connect(&SocketAddr::new(target, 0).into())?;
    Ok(socket)
}

/// Datagram ICMP is denied to this group, or this kernel does not have it.
fn is_refused(error: &io::Error) -> bool {
    let refusals = [libc::EACCES, libc::EPERM, libc::EPROTONOSUPPORT];
    error
        .raw_os_error()
        .is_some_and(|code| refusals.contains(&code))
}

/// The identifier of an echo; in a datagram socket the kernel puts its own there.
fn identifier(nonce: u64) -> [u8; 2] {
    let [first, second, ..] = nonce.to_be_bytes();
    [first, second]
}

/// The bytes of an echo. The checksum of IPv6 covers addresses that only the kernel knows, so
/// the kernel makes it.
fn encode(target: IpAddr, nonce: u64, number: u64) -> [u8; ECHO_BYTES] {
    let mut bytes = [0; ECHO_BYTES];
    let [.., high, low] = number.to_be_bytes();
    bytes[4..6].copy_from_slice(&identifier(nonce));
    bytes[6..8].copy_from_slice(&[high, low]);
    bytes[8..16].copy_from_slice(&nonce.to_be_bytes());
    bytes[16..24].copy_from_slice(&number.to_be_bytes());
    match target {
        IpAddr::V4(_) => {
            bytes[0] = ECHO_V4;
            let sum = checksum(&bytes).to_be_bytes();
            bytes[2..4].copy_from_slice(&sum);
        }
        IpAddr::V6(_) => bytes[0] = ECHO_V6,
    }
    bytes
}

/// The number of the echo that this ICMP message answers.
fn decode(target: IpAddr, nonce: u64, bytes: &[u8]) -> Result<u64, NotAnAnswer> {
    let bytes: &[u8; ECHO_BYTES] = bytes.try_into().map_err(|_| NotAnAnswer::Length)?;
    let (kind, is_whole) = match target {
        IpAddr::V4(_) => (ANSWER_V4, checksum(bytes) == 0),
        // The kernel has looked: it drops what is damaged.
        IpAddr::V6(_) => (ANSWER_V6, true),
    };
    if bytes[..2] != [kind, 0] {
        return Err(NotAnAnswer::Kind);
    }
    if !is_whole {
        return Err(NotAnAnswer::Damaged);
    }
    let word = |at: usize| {
        let eight = bytes[at..at + 8].try_into();
        u64::from_be_bytes(eight.expect("a slice of eight bytes"))
    };
    if word(8) != nonce {
        return Err(NotAnAnswer::Stranger);
    }
    Ok(word(16))
}

/// What follows the IPv4 header that raw sockets deliver.
fn behind_ip_header(packet: &[u8]) -> Result<&[u8], NotAnAnswer> {
    let first = *packet.first().ok_or(NotAnAnswer::Length)?;
    if first >> 4 != 4 {
        return Err(NotAnAnswer::Kind);
    }
    let length = usize::from(first & 0x0f) * 4;
    if length < 20 {
        return Err(NotAnAnswer::Length);
    }
    packet.get(length..).ok_or(NotAnAnswer::Length)
}

/// The Internet checksum of RFC 1071: 0 over bytes that hold their own.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| {
        let low = pair.get(1).copied().unwrap_or(0);
        u32::from(u16::from_be_bytes([pair[0], low]))
    });
    let mut sum: u32 = words.sum();
    // At most 64 words here, so two folds leave no carry.
    for _ in 0..2 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("folded")
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::time::Duration;

    use proptest::prelude::*;
    use tokio::time::timeout;

    use super::*;

    const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

    /// What a target makes of an echo.
    fn answer(target: IpAddr, echo: [u8; ECHO_BYTES]) -> [u8; ECHO_BYTES] {
        let mut bytes = echo;
        bytes[2..4].fill(0);
        match target {
            IpAddr::V4(_) => {
                bytes[0] = ANSWER_V4;
                let sum = checksum(&bytes).to_be_bytes();
                bytes[2..4].copy_from_slice(&sum);
            }
            IpAddr::V6(_) => bytes[0] = ANSWER_V6,
        }
        bytes
    }

    fn target() -> impl Strategy<Value = IpAddr> {
        prop::sample::select(vec![V4, V6])
    }

    proptest! {
        #[test]
        fn an_answer_tells_the_number_of_its_echo(target in target(), nonce: u64, number: u64) {
            let bytes = answer(target, encode(target, nonce, number));
            prop_assert_eq!(decode(target, nonce, &bytes), Ok(number));
            prop_assert_eq!(decode(target, !nonce, &bytes), Err(NotAnAnswer::Stranger));
            let echo = encode(target, nonce, number);
            prop_assert_eq!(decode(target, nonce, &echo), Err(NotAnAnswer::Kind));
        }

        #[test]
        fn an_answer_of_ipv4_with_one_bit_changed_is_none(nonce: u64, number: u64, bit in 0..ECHO_BYTES * 8) {
            let mut bytes = answer(V4, encode(V4, nonce, number));
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(decode(V4, nonce, &bytes).is_err());
        }

        #[test]
        fn arbitrary_bytes_are_no_answer(
            target in target(), nonce: u64,
            bytes in prop::collection::vec(any::<u8>(), 0..PACKET_BYTES_MAX),
        ) {
            // A guess of 64 random bits is not made in a test.
            prop_assert!(decode(target, nonce, &bytes).is_err());
            if let Ok(rest) = behind_ip_header(&bytes) {
                prop_assert!(rest.len() + 20 <= bytes.len());
            }
        }

        #[test]
        fn ip_options_are_skipped(options in 0_usize..=10, number: u64) {
            let message = answer(V4, encode(V4, 7, number));
            let words = u8::try_from(5 + options).unwrap();
            let mut packet = vec![0x40 | words];
            packet.resize(usize::from(words) * 4, 0xee);
            packet.extend(message);
            let rest = behind_ip_header(&packet).unwrap();
            prop_assert_eq!(decode(V4, 7, rest), Ok(number));
        }
    }

    /// Real packets over loopback, for as long as the kernel lets us.
    async fn check(target: IpAddr, kind: Kind) {
        let of = match kind {
            Kind::Datagram => Type::DGRAM,
            Kind::Raw => Type::RAW,
        };
        let socket = match connect(target, of) {
            Ok(socket) => socket,
            Err(error) => {
                // A machine without IPv6, or a test without privileges.
                eprintln!("{target} cannot be asked by {kind:?}: {error}");
                return;
            }
        };
        let pinger = Pinger {
            fd: watch(OwnedFd::from(socket), Interest::READABLE).unwrap(),
            target,
            kind,
            nonce: 0x1234_5678_9abc_def0,
        };
        let other = Pinger::open(target, 5).unwrap();
        other.send(99).unwrap();
        for number in [1, 70_000] {
            pinger.send(number).unwrap();
            let answered = timeout(Duration::from_secs(5), pinger.answered()).await;
            assert_eq!(answered.unwrap().unwrap(), number, "{target} {kind:?}");
        }
        let answered = timeout(Duration::from_secs(5), other.answered()).await;
        assert_eq!(answered.unwrap().unwrap(), 99);
    }

    #[tokio::test]
    async fn loopback_answers_each_echo_on_every_kind_of_socket() {
        for target in [V4, V6] {
            for kind in [Kind::Datagram, Kind::Raw] {
                check(target, kind).await;
            }
        }
    }
}
