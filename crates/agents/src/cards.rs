//! The node's own addresses: they follow their network from card to card.
//!
//! Which card carries a network is decided elsewhere (`node::cards`) and comes in by
//! [`Carriers`]. The addresses of services follow by themselves (`address.rs`); this is the one
//! task for those that the system has configured. It never adds an address that it has not seen
//! on a card of its network before, and mends nothing that somebody has taken away by hand.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use host::gateways::{Route, prepare_card};
use host::neighbours::Announcer;
use host::netlink::{Card, Change, LinkState, NetlinkError, Placed};
use model::spec::Attachment;
use model::{CardName, NetworkName};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::context::{ASK_AGAIN, Shared, chain};

/// The card that carries each network.
pub(crate) type Carriers = BTreeMap<NetworkName, CardName>;

/// The task that looks after them; it ends with this.
pub(crate) struct OwnAddresses {
    own: watch::Sender<BTreeMap<NetworkName, Attachment>>,
    task: JoinHandle<()>,
}

impl Drop for OwnAddresses {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl OwnAddresses {
    pub(crate) fn start(shared: &Arc<Shared>) -> Self {
        let (own, wanted) = watch::channel(BTreeMap::new());
        let keeper = Keeper {
            changes: shared.netlink.changes(),
            carriers: shared.carriers.subscribe(),
            shared: Arc::downgrade(shared),
            own: wanted,
            kept: BTreeMap::new(),
            prepared: BTreeMap::new(),
        };
        Self {
            own,
            task: tokio::spawn(keeper.run()),
        }
    }

    pub(crate) fn follow(&self, own: BTreeMap<NetworkName, Attachment>) {
        self.own.send_if_modified(|known| {
            let is_new = *known != own;
            *known = own;
            is_new
        });
    }
}

/// One of them.
#[derive(Default)]
struct Kept {
    /// The card on which it is, or was when its link was lost.
    card: Option<u32>,
    /// It went with the link of its card.
    is_waiting: bool,
    /// What goes through gateways by this network.
    routes: Vec<Route>,
    repeats: Option<JoinHandle<()>>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(repeats) = &self.repeats {
            repeats.abort();
        }
    }
}

struct Keeper {
    changes: broadcast::Receiver<Change>,
    carriers: watch::Receiver<Carriers>,
    /// The agents may end; what runs is left alone then.
    shared: Weak<Shared>,
    own: watch::Receiver<BTreeMap<NetworkName, Attachment>>,
    kept: BTreeMap<NetworkName, Kept>,
    /// Cards whose settings were looked at, by number.
    prepared: BTreeMap<u32, ()>,
}

impl Keeper {
    async fn run(mut self) {
        loop {
            tokio::select! {
                change = self.changes.recv() => match change {
                    Ok(Change::AddressCame(_)) => {}
                    Ok(Change::AddressGone(_) | Change::CardChanged(_) | Change::CardGone(_)
                        | Change::Missed)
                    | Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return,
                },
                Ok(()) = self.carriers.changed() => {}
                Ok(()) = self.own.changed() => {}
                else => return,
            }
            let Some(shared) = self.shared.upgrade() else {
                return;
            };
            while let Err(error) = self.look(&shared).await {
                tracing::warn!(
                    error = chain(&error),
                    "cannot look at this node's addresses"
                );
                sleep(ASK_AGAIN).await;
            }
        }
    }

    async fn look(&mut self, shared: &Shared) -> Result<(), NetlinkError> {
        let own = self.own.borrow_and_update().clone();
        let carriers = self.carriers.borrow_and_update().clone();
        self.kept.retain(|network, _| own.contains_key(network));
        let cards = shared.netlink.cards().await?;
        let addresses = shared.netlink.addresses().await?;
        self.prepared
            .retain(|index, ()| cards.iter().any(|card| card.index == *index));
        for (network, attachment) in &own {
            self.prepare(attachment, &cards);
            let Some(carrier) = carriers.get(network) else {
                continue;
            };
            // Elsewhere it may be for reasons that are none of ours.
            let is_card = |index: u32| {
                let mut named = cards.iter().filter(|card| card.index == index);
                named.any(|card| {
                    let mut listed = attachment.cards.iter().chain([carrier]);
                    listed.any(|name| *name.as_str() == card.name)
                })
            };
            let of = |place: &&Placed| {
                place.address.addr() == attachment.address.addr() && is_card(place.card)
            };
            let places: Vec<Placed> = addresses.iter().filter(of).copied().collect();
            let kept = self.kept.entry(network.clone()).or_default();
            let carrier = cards.iter().find(|card| card.name == *carrier.as_str());
            let carrier = carrier.filter(|card| card.state == LinkState::Up);
            kept.keep(shared, (network, attachment), carrier, &places)
                .await?;
        }
        Ok(())
    }

    /// Cards that stand in for each other must not answer for each other.
    fn prepare(&mut self, attachment: &Attachment, cards: &[Card]) {
        if attachment.cards.len() < 2 {
            return;
        }
        let listed = |card: &&Card| {
            let mut names = attachment.cards.iter();
            names.any(|name| *name.as_str() == card.name)
        };
        for card in cards.iter().filter(listed) {
            if self.prepared.insert(card.index, ()).is_none()
                && let Err(error) = prepare_card(card)
            {
                tracing::warn!("{}: its settings cannot be made: {error}", card.name);
            }
        }
    }
}

impl Kept {
    async fn keep(
        &mut self,
        shared: &Shared,
        (network, attachment): (&NetworkName, &Attachment),
        carrier: Option<&Card>,
        places: &[Placed],
    ) -> Result<(), NetlinkError> {
        let Some(carrier) = carrier else {
            self.is_waiting |= places.is_empty() && self.card.is_some();
            return Ok(());
        };
        let is_there = places.iter().any(|place| place.card == carrier.index);
        if is_there && places.len() == 1 {
            self.card = Some(carrier.index);
            self.is_waiting = false;
            self.routes = shared.netlink.gateways_on(carrier.index).await?;
            return Ok(());
        }
        if places.is_empty() && self.card == Some(carrier.index) && !self.is_waiting {
            self.card = None;
            let address = attachment.address;
            tracing::warn!(
                "network {network}: {address} was taken off {}",
                carrier.name
            );
            return Ok(());
        }
        if places.is_empty() && self.card.is_none() {
            return Ok(());
        }
        self.take_to(shared, (network, attachment), carrier, places)
            .await
    }

    /// First there, then away from where it was: what is bound to it stays bound.
    async fn take_to(
        &mut self,
        shared: &Shared,
        (network, attachment): (&NetworkName, &Attachment),
        carrier: &Card,
        places: &[Placed],
    ) -> Result<(), NetlinkError> {
        let netlink = &shared.netlink;
        for place in places.iter().filter(|place| place.card != carrier.index) {
            // A card that is only disconnected still has its routes.
            let routes = netlink.gateways_on(place.card).await?;
            if !routes.is_empty() {
                self.routes = routes;
            }
        }
        if places.iter().all(|place| place.card != carrier.index) {
            netlink.add(attachment.address, carrier.index).await?;
        }
        self.announce(carrier, attachment);
        for place in places.iter().filter(|place| place.card != carrier.index) {
            netlink.remove(*place).await?;
        }
        for route in &self.routes {
            if let Err(error) = netlink.set_route(route, carrier.index).await {
                let error = chain(&error);
                tracing::warn!("network {network}: a route stays behind: {error}");
            }
        }
        self.card = Some(carrier.index);
        self.is_waiting = false;
        let address = attachment.address;
        tracing::info!("network {network}: {address} moved to {}", carrier.name);
        Ok(())
    }

    fn announce(&mut self, carrier: &Card, attachment: &Attachment) {
        if let Some(repeats) = self.repeats.take() {
            repeats.abort();
        }
        if carrier.mac.is_none() {
            return;
        }
        let announcer = Announcer::open(carrier, attachment.address.addr());
        let told = announcer.and_then(|announcer| announcer.announce().map(|()| announcer));
        match told {
            Ok(announcer) => self.repeats = Some(tokio::spawn(announcer.repeat())),
            Err(error) => tracing::warn!(error = chain(&error), "an address is not announced"),
        }
    }
}
