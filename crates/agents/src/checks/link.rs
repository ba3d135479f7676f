//! Whether a card has a carrier.

use host::netlink::{LinkState, Netlink};
use model::CardName;

use super::Found;

pub(super) async fn ask(card: &CardName) -> Found {
    let asked = match Netlink::open() {
        Ok(netlink) => netlink.card(card.as_str()).await,
        Err(error) => Err(error),
    };
    match asked {
        Ok(Some(found)) => match found.state {
            LinkState::Up => Found::well(format!("{card} is up")),
            LinkState::NoCarrier => Found::failed(format!("{card} has no carrier")),
            LinkState::Down => Found::failed(format!("{card} is switched off")),
        },
        Ok(None) => Found::failed(format!("there is no card {card}")),
        Err(error) => Found::failed(crate::context::chain(&error)),
    }
}
