//! Routes that follow a network from one card to another, and what the kernel must do on cards
//! that stand in for each other.

use std::io;

use futures_util::StreamExt;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::route::{
    RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteType,
};

use crate::netlink::{Card, Netlink, NetlinkError, limited, refused};

/// A route through a gateway, as somebody has set it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route(RouteMessage);

impl Netlink {
    /// Routes through gateways on this card that people or their network scripts have set. What
    /// the kernel and routing programs make they make again.
    ///
    /// # Errors
    /// When the kernel does not answer.
    pub async fn gateways_on(&self, card: u32) -> Result<Vec<Route>, NetlinkError> {
        const WHAT: &str = "list routes";
        let mut routes = Vec::new();
        let _turn = self.turn().await;
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut question = RouteMessage::default();
            question.header.address_family = family;
            let mut stream = self.handle.route().get(question).execute();
            let list = async {
                let mut found = Vec::new();
                while let Some(message) = stream.next().await {
                    found.push(message.map_err(|e| refused(WHAT, e))?);
                }
                Ok(found)
            };
            let found = limited(WHAT, list).await?;
            routes.extend(found.into_iter().filter(|route| is_ours(route, card)));
        }
        Ok(routes.into_iter().map(Route).collect())
    }

    /// Sets the route on another card, in place of one to the same destination.
    ///
    /// # Errors
    /// What the kernel says.
    pub async fn set_route(&self, route: &Route, card: u32) -> Result<(), NetlinkError> {
        const WHAT: &str = "set the route";
        let mut message = route.0.clone();
        message.header.flags = Default::default();
        message.attributes.retain(|attribute| {
            // What the kernel tells of it and does not take back.
            !matches!(
                attribute,
                RouteAttribute::CacheInfo(_) | RouteAttribute::Oif(_)
            )
        });
        message.attributes.push(RouteAttribute::Oif(card));
        let request = self.handle.route().add(message).replace();
        let ask = async { request.execute().await.map_err(|e| refused(WHAT, e)) };
        limited(WHAT, ask).await
    }
}

fn is_ours(route: &RouteMessage, card: u32) -> bool {
    let by_hand = matches!(
        route.header.protocol,
        RouteProtocol::Boot | RouteProtocol::Static | RouteProtocol::Dhcp
    );
    let has = |wanted: &dyn Fn(&RouteAttribute) -> bool| route.attributes.iter().any(wanted);
    by_hand
        && route.header.kind == RouteType::Unicast
        && route.header.table == RouteHeader::RT_TABLE_MAIN
        && has(&|attribute| matches!(attribute, RouteAttribute::Gateway(_)))
        && has(&|attribute| matches!(attribute, RouteAttribute::Oif(on) if *on == card))
}

/// On a card that stands in for others of one network: the kernel answers for addresses that are
/// on this card only, or neighbours would learn the wrong card, and the end of one address does
/// not take others of its subnet with it.
///
/// # Errors
/// When a setting cannot be written.
pub fn prepare_card(card: &Card) -> io::Result<()> {
    // Names come from the kernel, which allows no slash in them.
    for (key, value) in [("arp_ignore", "1"), ("promote_secondaries", "1")] {
        let path = format!("/proc/sys/net/ipv4/conf/{}/{key}", card.name);
        if std::fs::read_to_string(&path)?.trim() != value {
            std::fs::write(&path, value)?;
        }
    }
    Ok(())
}
