//! Cards (network interfaces) and their addresses, through the kernel's routing socket
//! (rtnetlink(7)).
//!
//! One connection serves requests and carries the news of changes. It never caches: each
//! question is asked of the kernel, because others change addresses too. The library's types
//! end here.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use futures_util::StreamExt;
use ipnet::IpNet;
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage, AddressScope,
};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rtnetlink::packet_core::NetlinkPayload;
use rtnetlink::{Handle, MulticastGroup};
use tokio::sync::{Semaphore, SemaphorePermit, broadcast};

/// The kernel answers within microseconds; one that needs longer than this is in trouble
/// that waiting does not mend.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// News wait here for slow readers. Whoever falls behind further is told so, and asks the
/// kernel for the present state: nothing is lost by a small number.
const CHANGES_MAX: usize = 256;

/// A hardware address (Ethernet).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

impl std::fmt::Display for Mac {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// Whether a card can carry packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// Switched on and connected.
    Up,
    /// Switched on; its cable (or the other end) is dead.
    NoCarrier,
    /// Switched off.
    Down,
}

/// A card as the kernel describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The kernel's number of it.
    pub index: u32,
    /// Its name. Not every name that the kernel allows can stand in a spec.
    pub name: String,
    /// Its hardware address, where neighbours are found by one: none on loopback, tunnels
    /// and cards without ARP.
    pub mac: Option<Mac>,
    /// Whether it can carry packets.
    pub state: LinkState,
    /// The card that it is a part of: a bridge or a bond.
    pub master: Option<u32>,
}

/// An address on a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// The address with the length of its prefix.
    pub address: IpNet,
    /// The kernel's number of the card.
    pub card: u32,
}

/// Something changed. What is told may be outdated when it is read: ask before acting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// An address came to a card.
    AddressCame(Placed),
    /// An address is gone from a card.
    AddressGone(Placed),
    /// A card came or changed.
    CardChanged(Card),
    /// A card is gone.
    CardGone(Card),
    /// The kernel had more to tell than we took; anything may have changed.
    Missed,
}

/// What went wrong with the kernel's routing socket.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    /// The socket could not be opened.
    #[error("cannot open the routing socket")]
    Open(#[source] io::Error),
    /// The kernel refused.
    #[error("the kernel refused to {what}")]
    Refused {
        /// What was asked.
        what: &'static str,
        /// Its error number.
        #[source]
        source: io::Error,
    },
    /// No answer, or one that cannot be read.
    #[error("no usable answer from the kernel when asked to {what}: {detail}")]
    NoAnswer {
        /// What was asked.
        what: &'static str,
        /// What came instead.
        detail: String,
    },
}

/// An open connection. Lives on the tokio runtime on which it was opened.
pub struct Netlink {
    pub(crate) handle: Handle,
    changes: broadcast::Sender<Change>,
    /// The kernel gives one list at a time on a socket, and refuses to begin another.
    lists: Semaphore,
    tasks: [tokio::task::JoinHandle<()>; 2],
}

impl Drop for Netlink {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Netlink {
    /// Opens a connection and subscribes to changes of cards and addresses. Must be called
    /// within a tokio runtime.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn open() -> Result<Self, NetlinkError> {
        let groups = [
            MulticastGroup::Link,
            MulticastGroup::Ipv4Ifaddr,
            MulticastGroup::Ipv6Ifaddr,
        ];
        let (connection, handle, mut messages) =
            rtnetlink::new_multicast_connection(&groups).map_err(NetlinkError::Open)?;
        let (changes, _) = broadcast::channel(CHANGES_MAX);
        let told = changes.clone();
        let reader = async move {
            while let Some((message, _)) = messages.next().await {
                if let Some(change) = change_from(message.payload) {
                    // Fails only while nobody listens.
                    let _ = told.send(change);
                }
            }
        };
        let tasks = [tokio::spawn(connection), tokio::spawn(reader)];
        Ok(Self {
            handle,
            changes,
            lists: Semaphore::new(1),
            tasks,
        })
    }

    /// News from now on. A reader that lags is told (`RecvError::Lagged`) and should ask for
    /// the present state.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// Waits for the turn to list something.
    pub(crate) async fn turn(&self) -> SemaphorePermit<'_> {
        let turn = self.lists.acquire().await;
        turn.expect("nobody closes the semaphore")
    }

    /// All cards.
    ///
    /// # Errors
    /// When the kernel does not answer.
    pub async fn cards(&self) -> Result<Vec<Card>, NetlinkError> {
        const WHAT: &str = "list cards";
        let _turn = self.turn().await;
        let mut stream = self.handle.link().get().execute();
        let list = async {
            let mut cards = Vec::new();
            while let Some(message) = stream.next().await {
                cards.extend(card_from(&message.map_err(|e| refused(WHAT, e))?));
            }
            Ok(cards)
        };
        limited(WHAT, list).await
    }

    /// The card with this name, if there is one.
    ///
    /// # Errors
    /// When the kernel does not answer.
    pub async fn card(&self, name: &str) -> Result<Option<Card>, NetlinkError> {
        Ok(self.cards().await?.into_iter().find(|c| c.name == name))
    }

    /// All addresses of all cards.
    ///
    /// # Errors
    /// When the kernel does not answer.
    pub async fn addresses(&self) -> Result<Vec<Placed>, NetlinkError> {
        const WHAT: &str = "list addresses";
        let _turn = self.turn().await;
        let mut stream = self.handle.address().get().execute();
        let list = async {
            let mut placed = Vec::new();
            while let Some(message) = stream.next().await {
                placed.extend(placed_from(&message.map_err(|e| refused(WHAT, e))?));
            }
            Ok(placed)
        };
        limited(WHAT, list).await
    }

    /// Where this very address sits, whatever the length of its prefix.
    ///
    /// # Errors
    /// When the kernel does not answer.
    pub async fn find(&self, address: IpAddr) -> Result<Option<Placed>, NetlinkError> {
        let all = self.addresses().await?;
        Ok(all.into_iter().find(|p| p.address.addr() == address))
    }

    /// The card that already carries an address of the same subnet.
    ///
    /// # Errors
    /// When the kernel does not answer.
    pub async fn card_of_subnet(&self, subnet: IpNet) -> Result<Option<Card>, NetlinkError> {
        let all = self.addresses().await?;
        let Some(placed) = all.iter().find(|p| p.address.trunc() == subnet.trunc()) else {
            return Ok(None);
        };
        let cards = self.cards().await?;
        Ok(cards.into_iter().find(|card| card.index == placed.card))
    }

    /// Puts an address on a card. A v6 address is usable at once: the kernel's own duplicate
    /// detection is off for it.
    ///
    /// # Errors
    /// `Refused` with `AlreadyExists` when it is there, with what else the kernel says.
    pub async fn add(&self, address: IpNet, card: u32) -> Result<(), NetlinkError> {
        const WHAT: &str = "add the address";
        let mut request = self
            .handle
            .address()
            .add(card, address.addr(), address.prefix_len());
        if address.addr().is_ipv6() {
            let message = request.message_mut();
            message.header.flags |= AddressHeaderFlags::Nodad;
            let flags = AddressAttribute::Flags(AddressFlags::Nodad);
            message.attributes.push(flags);
        }
        let ask = async { request.execute().await.map_err(|e| refused(WHAT, e)) };
        limited(WHAT, ask).await
    }

    /// Takes an address off a card. Done when it is not there.
    ///
    /// # Errors
    /// What the kernel says.
    pub async fn remove(&self, placed: Placed) -> Result<(), NetlinkError> {
        const WHAT: &str = "remove the address";
        let request = self.handle.address().del(message_of(placed));
        let ask = async { request.execute().await.map_err(|e| refused(WHAT, e)) };
        match limited(WHAT, ask).await {
            Err(NetlinkError::Refused { source, .. }) if is_absence(&source) => Ok(()),
            other => other,
        }
    }
}

/// The address is not there, or its card is not.
fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EADDRNOTAVAIL | libc::ENODEV)
    )
}

fn message_of(placed: Placed) -> AddressMessage {
    let mut message = AddressMessage::default();
    let ip = placed.address.addr();
    message.header.family = match ip {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    message.header.prefix_len = placed.address.prefix_len();
    message.header.index = placed.card;
    message.header.scope = AddressScope::Universe;
    message.attributes.push(AddressAttribute::Local(ip));
    message
}

pub(crate) async fn limited<T>(
    what: &'static str,
    answer: impl Future<Output = Result<T, NetlinkError>>,
) -> Result<T, NetlinkError> {
    match tokio::time::timeout(ANSWER_LIMIT, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(NetlinkError::NoAnswer {
            what,
            detail: format!("nothing within {ANSWER_LIMIT:?}"),
        }),
    }
}

pub(crate) fn refused(what: &'static str, error: rtnetlink::Error) -> NetlinkError {
    match error {
        rtnetlink::Error::NetlinkError(message) => NetlinkError::Refused {
            what,
            source: message.to_io(),
        },
        other => NetlinkError::NoAnswer {
            what,
            detail: other.to_string(),
        },
    }
}

fn card_from(message: &LinkMessage) -> Option<Card> {
    // Bridges tell of their ports in words of their own: there a port that leaves is "gone".
    if message.header.interface_family != AddressFamily::Unspec {
        return None;
    }
    let name = message.attributes.iter().find_map(|a| match a {
        LinkAttribute::IfName(name) => Some(name.clone()),
        _ => None,
    })?;
    let bytes = message.attributes.iter().find_map(|a| match a {
        LinkAttribute::Address(bytes) => <[u8; 6]>::try_from(bytes.as_slice()).ok(),
        _ => None,
    });
    let flags = message.header.flags;
    let neighbourless = flags.intersects(LinkFlags::Loopback | LinkFlags::Noarp);
    let state = if !flags.contains(LinkFlags::Up) {
        LinkState::Down
    } else if flags.contains(LinkFlags::LowerUp) {
        LinkState::Up
    } else {
        LinkState::NoCarrier
    };
    Some(Card {
        index: message.header.index,
        name,
        mac: bytes.filter(|_| !neighbourless).map(Mac),
        state,
        master: message.attributes.iter().find_map(|a| match a {
            LinkAttribute::Controller(index) => Some(*index),
            _ => None,
        }),
    })
}

fn placed_from(message: &AddressMessage) -> Option<Placed> {
    let find = |local| {
        message.attributes.iter().find_map(|a| match a {
            AddressAttribute::Local(ip) if local => Some(*ip),
            AddressAttribute::Address(ip) if !local => Some(*ip),
            _ => None,
        })
    };
    // On point-to-point links `Address` is the peer's and `Local` ours; elsewhere they are
    // equal, or only one is there.
    let ip = find(true).or_else(|| find(false))?;
    Some(Placed {
        address: IpNet::new(ip, message.header.prefix_len).ok()?,
        card: message.header.index,
    })
}

fn change_from(payload: NetlinkPayload<RouteNetlinkMessage>) -> Option<Change> {
    match payload {
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewAddress(m)) => {
            placed_from(&m).map(Change::AddressCame)
        }
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelAddress(m)) => {
            placed_from(&m).map(Change::AddressGone)
        }
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(m)) => {
            card_from(&m).map(Change::CardChanged)
        }
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelLink(m)) => {
            card_from(&m).map(Change::CardGone)
        }
        NetlinkPayload::Overrun(_) => Some(Change::Missed),
        _ => None,
    }
}
