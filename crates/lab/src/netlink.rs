//! Bridges, cables and addresses by rtnetlink: the few requests that a laboratory needs, each
//! answered before the function returns. Formats are those of `linux/rtnetlink.h`,
//! `linux/if_link.h` and `linux/neighbour.h`.
//!
//! Written out by hand, because the keeper has one thread and wants a cable cut in microseconds.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use rustix::net::netdevice::name_to_index;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with,
};

const NLMSG_ERROR: u16 = 2;
const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_NEWADDR: u16 = 20;
const RTM_NEWNEIGH: u16 = 28;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLM_F_CREATE: u16 = 0x400;
const NLM_F_EXCL: u16 = 0x200;
const NLM_F_REPLACE: u16 = 0x100;
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const IFLA_BR_MCAST_SNOOPING: u16 = 23;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_F_NODAD: u8 = 2;
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
/// The entry is neither asked for nor forgotten.
const NUD_PERMANENT: u16 = 0x80;
const IFF_UP: u32 = 1;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
/// An answer to one request is a header with an error number and the request.
const ANSWER_BYTES_MAX: usize = 8192;
/// Answers of others do not come on this socket; a few stray ones are skipped.
const STRAY_ANSWERS_MAX: u32 = 16;

/// A socket to the kernel, in the network namespace where it was made.
#[derive(Debug)]
pub struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

/// A cable from a bridge to a machine.
#[derive(Debug)]
pub struct Cable<'a> {
    /// The end at the bridge.
    pub port: &'a str,
    /// The bridge.
    pub bridge: &'a str,
    /// The end in the machine.
    pub card: &'a str,
    /// Hardware address of the card; a machine keeps it over its boots.
    pub mac: [u8; 6],
    /// The network namespace of the machine.
    pub namespace: BorrowedFd<'a>,
}

fn octets(address: IpAddr) -> (u8, Vec<u8>) {
    match address {
        IpAddr::V4(v4) => (AF_INET, v4.octets().to_vec()),
        IpAddr::V6(v6) => (AF_INET6, v6.octets().to_vec()),
    }
}

struct Message(Vec<u8>);

impl Message {
    fn new(kind: u16, flags: u16) -> Self {
        let mut bytes = vec![0; 16];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&(NLM_F_REQUEST | NLM_F_ACK | flags).to_ne_bytes());
        Self(bytes)
    }

    /// The fixed part of a message about a link.
    fn link(mut self, index: u32, flags: u32, change: u32) -> Self {
        self.0.extend([0; 4]);
        self.0.extend(index.to_ne_bytes());
        self.0.extend(flags.to_ne_bytes());
        self.0.extend(change.to_ne_bytes());
        self
    }

    fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        let length = u16::try_from(4 + value.len()).expect("attributes here are tens of bytes");
        self.0.extend(length.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    fn text(self, kind: u16, value: &str) -> Self {
        self.attribute(kind, &[value.as_bytes(), &[0]].concat())
    }

    fn nested(mut self, kind: u16, inner: impl FnOnce(Self) -> Self) -> Self {
        let begin = self.0.len();
        self.0.extend([0; 4]);
        let mut outer = inner(self);
        let length = u16::try_from(outer.0.len() - begin).expect("attributes here are short");
        outer.0[begin..begin + 2].copy_from_slice(&length.to_ne_bytes());
        outer.0[begin + 2..begin + 4].copy_from_slice(&kind.to_ne_bytes());
        outer
    }
}

impl Netlink {
    /// Opens a socket in the present network namespace.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn open() -> io::Result<Self> {
        let family = AddressFamily::NETLINK;
        // Protocol 0 is NETLINK_ROUTE.
        let socket = socket_with(family, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
        bind(&socket, &SocketAddrNetlink::new(0, 0))?;
        Ok(Self {
            socket,
            sequence: 0,
        })
    }

    fn ask(&mut self, message: Message) -> io::Result<()> {
        self.sequence += 1;
        let mut bytes = message.0;
        let length = u32::try_from(bytes.len()).expect("messages here are short");
        bytes[0..4].copy_from_slice(&length.to_ne_bytes());
        bytes[8..12].copy_from_slice(&self.sequence.to_ne_bytes());
        send(&self.socket, &bytes, SendFlags::empty())?;
        for _ in 0..STRAY_ANSWERS_MAX {
            let mut answer = [0; ANSWER_BYTES_MAX];
            let (count, _) =
                rustix::io::retry_on_intr(|| recv(&self.socket, &mut answer, RecvFlags::empty()))?;
            let word = |at: usize| {
                let four = answer.get(at..at + 4).and_then(|four| four.try_into().ok());
                i32::from_ne_bytes(four.unwrap_or([0; 4]))
            };
            let kind = u16::from_ne_bytes([answer[4], answer[5]]);
            if count < 20 || kind != NLMSG_ERROR || word(8).cast_unsigned() != self.sequence {
                continue;
            }
            return match word(16) {
                0 => Ok(()),
                error => Err(io::Error::from_raw_os_error(-error)),
            };
        }
        Err(io::Error::other(
            "the kernel did not answer a netlink request",
        ))
    }

    fn index(&self, link: &str) -> io::Result<u32> {
        Ok(name_to_index(&self.socket, link)?)
    }

    /// Makes a bridge and brings it up.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn add_bridge(&mut self, name: &str) -> io::Result<()> {
        let message = Message::new(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL)
            .link(0, IFF_UP, IFF_UP)
            .text(IFLA_IFNAME, name)
            .nested(IFLA_LINKINFO, |info| {
                // Without a querier, snooping would lose neighbour discovery after a while.
                info.text(IFLA_INFO_KIND, "bridge")
                    .nested(IFLA_INFO_DATA, |data| {
                        data.attribute(IFLA_BR_MCAST_SNOOPING, &[0])
                    })
            });
        self.ask(message)
    }

    /// Lays a cable from a bridge to a machine; both ends are down.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn add_cable(&mut self, cable: &Cable<'_>) -> io::Result<()> {
        let bridge = self.index(cable.bridge)?;
        let namespace = cable.namespace.as_raw_fd();
        let message = Message::new(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL)
            .link(0, 0, 0)
            .text(IFLA_IFNAME, cable.port)
            .attribute(IFLA_MASTER, &bridge.to_ne_bytes())
            .nested(IFLA_LINKINFO, |info| {
                info.text(IFLA_INFO_KIND, "veth")
                    .nested(IFLA_INFO_DATA, |data| {
                        data.nested(VETH_INFO_PEER, |peer| {
                            peer.link(0, 0, 0)
                                .text(IFLA_IFNAME, cable.card)
                                .attribute(IFLA_ADDRESS, &cable.mac)
                                .attribute(IFLA_NET_NS_FD, &namespace.to_ne_bytes())
                        })
                    })
            });
        self.ask(message)
    }

    /// Brings a link up.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn set_up(&mut self, link: &str) -> io::Result<()> {
        let index = self.index(link)?;
        self.ask(Message::new(RTM_NEWLINK, 0).link(index, IFF_UP, IFF_UP))
    }

    /// Takes a link down.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn set_down(&mut self, link: &str) -> io::Result<()> {
        let index = self.index(link)?;
        self.ask(Message::new(RTM_NEWLINK, 0).link(index, 0, IFF_UP))
    }

    /// Takes a port out of its bridge. Nothing gets through any more, but the card at the
    /// other end of the cable keeps its carrier: who uses it learns nothing.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn set_free(&mut self, port: &str) -> io::Result<()> {
        let index = self.index(port)?;
        let none = 0_u32.to_ne_bytes();
        self.ask(
            Message::new(RTM_NEWLINK, 0)
                .link(index, 0, 0)
                .attribute(IFLA_MASTER, &none),
        )
    }

    /// Removes a link, and with it the other end of a cable. It need not exist.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn remove(&mut self, link: &str) -> io::Result<()> {
        let Ok(index) = self.index(link) else {
            return Ok(());
        };
        self.ask(Message::new(RTM_DELLINK, 0).link(index, 0, 0))
    }

    /// Gives a link an address, without waiting whether another has it.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn add_address(&mut self, link: &str, address: IpAddr, prefix: u8) -> io::Result<()> {
        let index = self.index(link)?;
        let (family, bytes) = octets(address);
        let mut message = Message::new(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
        message.0.extend([family, prefix, IFA_F_NODAD, 0]);
        message.0.extend(index.to_ne_bytes());
        self.ask(
            message
                .attribute(IFA_LOCAL, &bytes)
                .attribute(IFA_ADDRESS, &bytes),
        )
    }

    /// Writes down the hardware address of a neighbour, so that nobody asks for it.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn add_neighbour(
        &mut self,
        link: &str,
        address: IpAddr,
        hardware: [u8; 6],
    ) -> io::Result<()> {
        let index = self.index(link)?;
        let (family, bytes) = octets(address);
        // A packet that came in a moment before may have made an entry.
        let mut message = Message::new(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
        message.0.extend([family, 0, 0, 0]);
        message.0.extend(index.to_ne_bytes());
        message.0.extend(NUD_PERMANENT.to_ne_bytes());
        message.0.extend([0, 0]);
        self.ask(
            message
                .attribute(NDA_DST, &bytes)
                .attribute(NDA_LLADDR, &hardware),
        )
    }
}
