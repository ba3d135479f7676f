//! Routes of the kernel, through a routing socket of their own (rtnetlink(7)).
//!
//! Open one only where a route is kept: on a router, the news of all routes are many. It
//! never caches; each question is asked of the kernel.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use futures_util::StreamExt;
use ipnet::IpNet;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteScope};
use rtnetlink::packet_core::NetlinkPayload;
use rtnetlink::{Handle, MulticastGroup, RouteMessageBuilder};
use tokio::sync::watch;

use crate::netlink::NetlinkError;

/// The kernel answers within milliseconds, also with many routes.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// A route in a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Where it leads.
    pub destination: IpNet,
    /// The router, if there is one.
    pub via: Option<IpAddr>,
    /// The kernel's number of the card that it goes out by, where it is given.
    pub card: Option<u32>,
    /// In which table.
    pub table: u32,
    /// Its rank among those to one destination: the lowest is used.
    pub metric: u32,
    /// The address that packets are sent from, where it is given.
    pub source: Option<IpAddr>,
}

impl Route {
    /// What tells routes apart in a table, in the kernel's eyes.
    fn is_at_place_of(&self, other: &Self) -> bool {
        (self.destination, self.table, self.metric)
            == (other.destination, other.table, other.metric)
    }

    /// Whether a route that was found is the one that was wanted: what was not asked for may
    /// be anything.
    #[must_use]
    pub fn satisfies(&self, wanted: &Self) -> bool {
        self.is_at_place_of(wanted)
            && self.via == wanted.via
            && (wanted.card.is_none() || self.card == wanted.card)
            && (wanted.source.is_none() || self.source == wanted.source)
    }
}

/// An open connection. Lives on the tokio runtime on which it was opened.
pub struct Routes {
    handle: Handle,
    /// Counts the news.
    changes: watch::Receiver<u64>,
    tasks: [tokio::task::JoinHandle<()>; 2],
}

impl Drop for Routes {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Routes {
    /// Opens a connection and hears of changes from now on. Must be called within a tokio
    /// runtime.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn open() -> Result<Self, NetlinkError> {
        let groups = [
            MulticastGroup::Ipv4Route,
            MulticastGroup::Ipv6Route,
            // With a card its routes go, and the kernel does not tell of each.
            MulticastGroup::Link,
        ];
        let (connection, handle, mut messages) =
            rtnetlink::new_multicast_connection(&groups).map_err(NetlinkError::Open)?;
        let (told, changes) = watch::channel(0);
        let reader = async move {
            while let Some((message, _)) = messages.next().await {
                if may_remove(&message.payload) {
                    told.send_modify(|count| *count += 1);
                }
            }
        };
        let tasks = [tokio::spawn(connection), tokio::spawn(reader)];
        Ok(Self {
            handle,
            changes,
            tasks,
        })
    }

    /// Waits until a route may have gone or changed. What happened before the last look
    /// (`find`) is not told again.
    ///
    /// # Errors
    /// When the connection ended.
    pub async fn changed(&mut self) -> io::Result<()> {
        self.changes.changed().await.map_err(io::Error::other)
    }

    /// Who sits at the place of a route: the same destination, table and metric.
    ///
    /// # Errors
    /// When the kernel does not answer.
    pub async fn find(&mut self, wanted: &Route) -> Result<Option<Route>, NetlinkError> {
        const WHAT: &str = "list routes";
        self.changes.mark_unchanged();
        let mut stream = self.handle.route().get(family_of(wanted)).execute();
        let list = async {
            let mut found: Option<Route> = None;
            while let Some(message) = stream.next().await {
                let message = message.map_err(|error| refused(WHAT, error))?;
                let route = route_from(&message).filter(|route| route.is_at_place_of(wanted));
                // IPv6 has several routers at one place; ours counts.
                if let Some(route) = route
                    && (found.is_none() || route.satisfies(wanted))
                {
                    found = Some(route);
                }
            }
            Ok(found)
        };
        limited(WHAT, list).await
    }

    /// Adds a route.
    ///
    /// # Errors
    /// `Refused` with `AlreadyExists` when its place is taken, with what else the kernel says.
    pub async fn add(&self, route: &Route) -> Result<(), NetlinkError> {
        const WHAT: &str = "add the route";
        let request = self.handle.route().add(message_of(route));
        let ask = async { request.execute().await.map_err(|e| refused(WHAT, e)) };
        limited(WHAT, ask).await
    }

    /// Removes a route. Done when it is not there.
    ///
    /// # Errors
    /// What the kernel says.
    pub async fn remove(&self, route: &Route) -> Result<(), NetlinkError> {
        const WHAT: &str = "remove the route";
        let request = self.handle.route().del(message_of(route));
        let ask = async { request.execute().await.map_err(|e| refused(WHAT, e)) };
        match limited(WHAT, ask).await {
            Err(NetlinkError::Refused { source, .. })
                if matches!(
                    source.raw_os_error(),
                    Some(libc::ESRCH | libc::ENODEV | libc::ENOENT)
                ) =>
            {
                Ok(())
            }
            other => other,
        }
    }
}

/// News after which a route may be gone. Those of routes that come are not among them.
fn may_remove(payload: &NetlinkPayload<RouteNetlinkMessage>) -> bool {
    match payload {
        NetlinkPayload::InnerMessage(message) => matches!(
            message,
            RouteNetlinkMessage::DelRoute(_)
                | RouteNetlinkMessage::NewLink(_)
                | RouteNetlinkMessage::DelLink(_)
        ),
        NetlinkPayload::Overrun(_) => true,
        _ => false,
    }
}

fn family_of(route: &Route) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = match route.destination {
        IpNet::V4(_) => netlink_packet_route::AddressFamily::Inet,
        IpNet::V6(_) => netlink_packet_route::AddressFamily::Inet6,
    };
    message
}

fn address(ip: IpAddr) -> RouteAddress {
    match ip {
        IpAddr::V4(ip) => RouteAddress::Inet(ip),
        IpAddr::V6(ip) => RouteAddress::Inet6(ip),
    }
}

fn message_of(route: &Route) -> RouteMessage {
    let mut builder = RouteMessageBuilder::<IpAddr>::default().table_id(route.table);
    if 0 < route.metric {
        builder = builder.priority(route.metric);
    }
    if let Some(card) = route.card {
        builder = builder.output_interface(card);
    }
    let mut message = builder.build();
    message.header.address_family = family_of(route).header.address_family;
    message.header.destination_prefix_length = route.destination.prefix_len();
    if 0 < route.destination.prefix_len() {
        let to = RouteAttribute::Destination(address(route.destination.addr()));
        message.attributes.push(to);
    }
    match route.via {
        Some(via) => message
            .attributes
            .push(RouteAttribute::Gateway(address(via))),
        // What needs no router lies on the link itself.
        None => message.header.scope = RouteScope::Link,
    }
    if let Some(source) = route.source {
        let source = RouteAttribute::PrefSource(address(source));
        message.attributes.push(source);
    }
    message
}

fn route_from(message: &RouteMessage) -> Option<Route> {
    let is_v4 = message.header.address_family == netlink_packet_route::AddressFamily::Inet;
    let ip = |address: &RouteAddress| match address {
        RouteAddress::Inet(ip) => Some(IpAddr::V4(*ip)),
        RouteAddress::Inet6(ip) => Some(IpAddr::V6(*ip)),
        _ => None,
    };
    let mut destination = match is_v4 {
        true => IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
        false => IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED),
    };
    let (mut via, mut card, mut metric, mut source) = (None, None, 0, None);
    let mut table = u32::from(message.header.table);
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(address) => destination = ip(address)?,
            RouteAttribute::Gateway(address) => via = ip(address),
            RouteAttribute::Oif(index) => card = Some(*index),
            RouteAttribute::Table(number) => table = *number,
            RouteAttribute::Priority(number) => metric = *number,
            RouteAttribute::PrefSource(address) => source = ip(address),
            _ => {}
        }
    }
    let length = message.header.destination_prefix_length;
    Some(Route {
        destination: IpNet::new(destination, length).ok()?,
        via,
        card,
        table,
        metric,
        source,
    })
}

async fn limited<T>(
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

fn refused(what: &'static str, error: rtnetlink::Error) -> NetlinkError {
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
