//! Addresses: taken after a look for another owner, told to the neighbours, watched.

use std::net::IpAddr;
use std::time::Duration;

use host::neighbours::{Announcer, owner_of};
use host::netlink::{Card, Change, LinkState, Netlink, NetlinkError, Placed};
use model::CardName;
use model::operation::{Operation, Outcome, Verb};
use model::spec::AddressSpec;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::cards::Carriers;
use crate::context::{ASK_AGAIN, Context, Done, chain};
use crate::record::Trace;

/// How long an address is asked for on a card that takes over: its neighbours answer within
/// milliseconds, and its clients wait.
const MOVE_WAIT_MAX: Duration = Duration::from_millis(60);

/// An address that is on a card and watched.
pub(crate) struct Held {
    spec: AddressSpec,
    placed: Placed,
    changes: broadcast::Receiver<Change>,
    carriers: watch::Receiver<Carriers>,
    repeats: Option<JoinHandle<()>>,
    /// It went with the link of its card, and comes back with that or on another one.
    is_waiting: bool,
    /// News was heard that may concern it, and the kernel has not been asked since.
    doubt: bool,
}

impl Drop for Held {
    fn drop(&mut self) {
        // Announcing an address that moved away would draw its clients back here.
        if let Some(repeats) = &self.repeats {
            repeats.abort();
        }
    }
}

/// A step that keeps an address where its network is.
enum Kept {
    /// It is where it should be, or waits for a card.
    Well,
    /// It is not, and nothing is to be done about it here.
    Lost(String),
}

impl Held {
    fn new(
        (context, spec): (&Context, &AddressSpec),
        placed: Placed,
        changes: broadcast::Receiver<Change>,
    ) -> Self {
        let carriers = context.shared.carriers.subscribe();
        // Its network may have gone to another card while nobody watched.
        let doubt = carriers.borrow().contains_key(&spec.network);
        Self {
            spec: spec.clone(),
            placed,
            changes,
            carriers,
            repeats: None,
            is_waiting: false,
            doubt,
        }
    }

    /// Follows its network from card to card; waits until it or its card is gone and tells
    /// which.
    pub(crate) async fn ended(&mut self, context: &Context) -> String {
        // May be dropped at any await and called again: doubt outlives that.
        loop {
            if self.doubt {
                match self.keep(context).await {
                    Ok(Kept::Lost(how)) => return how,
                    Ok(Kept::Well) => self.doubt = false,
                    Err(error) => {
                        // Not knowing is no failure of the address.
                        tracing::warn!(error = chain(&error), "cannot look at an address");
                        sleep(ASK_AGAIN).await;
                        continue;
                    }
                }
            }
            tokio::select! {
                change = self.changes.recv() => self.doubt = self.concerns(change).await,
                Ok(()) = self.carriers.changed() => self.doubt = true,
            }
        }
    }

    async fn concerns(&self, change: Result<Change, broadcast::error::RecvError>) -> bool {
        match change {
            Ok(Change::AddressGone(gone)) => gone.address.addr() == self.placed.address.addr(),
            // While it waits, its card may come back under another number.
            Ok(Change::CardChanged(card) | Change::CardGone(card)) => {
                card.index == self.placed.card || self.is_waiting
            }
            Ok(Change::AddressCame(_)) => false,
            Ok(Change::Missed) | Err(broadcast::error::RecvError::Lagged(_)) => true,
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }

    /// The card that carries its network, where somebody says which.
    fn carrier(&self) -> Option<CardName> {
        self.carriers.borrow().get(&self.spec.network).cloned()
    }

    async fn keep(&mut self, context: &Context) -> Result<Kept, NetlinkError> {
        let netlink = &context.shared.netlink;
        // Before the cards are looked at: what is said later is news again.
        self.carriers.mark_unchanged();
        let carrier = self.carrier();
        let address = self.placed.address.addr();
        let places = netlink.addresses().await?.into_iter();
        let places: Vec<Placed> = places.filter(|p| p.address.addr() == address).collect();
        let cards = netlink.cards().await?;
        let Some(carrier) = carrier else {
            let here = places.iter().find(|p| p.card == self.placed.card);
            let found = here.or(places.first()).copied();
            return Ok(match describe_absence(self.placed, found, &cards) {
                Some(how) => Kept::Lost(how),
                None => Kept::Well,
            });
        };
        let carrier = cards.iter().find(|card| card.name == *carrier.as_str());
        let Some(carrier) = carrier.filter(|card| card.state == LinkState::Up) else {
            // No card of its network can have it. Whether the service stays is decided by
            // those who know the other nodes.
            self.is_waiting |= places.is_empty();
            return Ok(Kept::Well);
        };
        let is_there = places.iter().any(|place| place.card == carrier.index);
        let stays = self.placed.card == carrier.index && !self.is_waiting;
        match (is_there, stays) {
            (true, true) => return Ok(Kept::Well),
            (false, true) => return Ok(Kept::Lost(format!("address gone from {}", carrier.name))),
            (_, false) => {}
        }
        self.take_to(context, carrier, &cards, (&places, is_there))
            .await
    }

    /// Takes the address to the card that carries its network now: first there, then away from
    /// where it was, so that what is bound to it stays bound.
    async fn take_to(
        &mut self,
        context: &Context,
        carrier: &Card,
        cards: &[Card],
        (places, is_there): (&[Placed], bool),
    ) -> Result<Kept, NetlinkError> {
        let netlink = &context.shared.netlink;
        let address = self.placed.address;
        if !is_there {
            let wait = self.spec.duplicate_wait.min(MOVE_WAIT_MAX);
            if let Some(how) = taken(carrier, address.addr(), wait, cards).await {
                return Ok(Kept::Lost(how));
            }
            netlink.add(address, carrier.index).await?;
        }
        if let Some(repeats) = self.repeats.take() {
            repeats.abort();
        }
        self.placed.card = carrier.index;
        self.is_waiting = false;
        self.announce(context, carrier);
        for place in places.iter().filter(|place| place.card != carrier.index) {
            netlink.remove(*place).await?;
        }
        let line = format!("{address} moved to {}", carrier.name);
        context.log.line(&line);
        tracing::info!(resource = %context.address, "{line}");
        Ok(Kept::Well)
    }

    /// Tells the neighbours now and, in the background, some times more.
    fn announce(&mut self, context: &Context, card: &Card) {
        if card.mac.is_none() {
            return;
        }
        match Announcer::open(card, self.placed.address.addr()) {
            Ok(announcer) => {
                if let Err(error) = announcer.announce() {
                    context
                        .log
                        .line(&format!("not announced: {}", chain(&error)));
                }
                self.repeats = Some(tokio::spawn(announcer.repeat()));
            }
            Err(error) => {
                context
                    .log
                    .line(&format!("not announced: {}", chain(&error)));
                tracing::warn!(resource = %context.address, %error, "address not announced");
            }
        }
    }
}

fn describe_absence(expected: Placed, found: Option<Placed>, cards: &[Card]) -> Option<String> {
    let Some(card) = cards.iter().find(|card| card.index == expected.card) else {
        return Some("its card is gone".to_owned());
    };
    if found.is_none_or(|found| found.card != expected.card) {
        return Some(format!("address gone from {}", card.name));
    }
    match card.state {
        LinkState::Up => None,
        LinkState::NoCarrier => Some(format!("{} has no carrier", card.name)),
        LinkState::Down => Some(format!("{} is down", card.name)),
    }
}

/// Carries out an operation.
pub(crate) async fn operate(
    context: &Context,
    operation: &Operation,
    spec: &AddressSpec,
    held: &mut Option<Held>,
) -> Done {
    let act = async {
        match operation.verb {
            Verb::Probe | Verb::Status => look(context, spec, held).await,
            Verb::Start => start(context, operation, spec, held).await,
            Verb::Stop => stop(context, spec, held).await,
            _other => Ok(Done::unknown(operation)),
        }
    };
    match timeout(operation.limit, act).await {
        Ok(Ok(done)) => done,
        Ok(Err(error)) => Done::error(&error),
        Err(_) => Outcome::TimedOut.into(),
    }
}

async fn look(
    context: &Context,
    spec: &AddressSpec,
    held: &mut Option<Held>,
) -> Result<Done, NetlinkError> {
    let netlink = &context.shared.netlink;
    if let Some(known) = held.as_mut().filter(|known| known.carrier().is_some()) {
        // It may be on its way to another card, or wait for one.
        return Ok(match known.keep(context).await? {
            Kept::Well => Outcome::Running.into(),
            Kept::Lost(how) => {
                *held = None;
                match netlink.find(spec.address.addr()).await? {
                    Some(_) => Done::failed(how),
                    None => {
                        context.strike_out();
                        Outcome::Stopped.into()
                    }
                }
            }
        });
    }
    // Listen before looking, or a change in between is missed.
    let changes = netlink.changes();
    let Some(placed) = netlink.find(spec.address.addr()).await? else {
        *held = None;
        context.strike_out();
        return Ok(Outcome::Stopped.into());
    };
    let cards = netlink.cards().await?;
    let is_carried = context.shared.carriers.borrow().contains_key(&spec.network);
    if let Some(how) = describe_absence(placed, Some(placed), &cards)
        && !is_carried
    {
        return Ok(Done::failed(how));
    }
    if held.as_ref().is_none_or(|held| held.placed != placed) {
        *held = Some(Held::new((context, spec), placed, changes));
    }
    Ok(Outcome::Running.into())
}

async fn start(
    context: &Context,
    operation: &Operation,
    spec: &AddressSpec,
    held: &mut Option<Held>,
) -> Result<Done, NetlinkError> {
    let netlink = &context.shared.netlink;
    *held = None;
    let changes = netlink.changes();
    let cards = netlink.cards().await?;
    let address = spec.address.addr();
    if let Some(placed) = netlink.find(address).await? {
        if describe_absence(placed, Some(placed), &cards).is_none() {
            context
                .log
                .line("the address is there already: announced again");
            *held = Some(announced((context, spec), placed, &cards, changes));
            return Ok(Outcome::Running.into());
        }
        // It sits on a dead card: take it to a living one.
        netlink.remove(placed).await?;
    }
    let carrier = context.shared.carriers.borrow().get(&spec.network).cloned();
    let carrier = carrier.and_then(|name| {
        let named = |card: &&Card| card.name == *name.as_str() && card.state == LinkState::Up;
        cards.iter().find(named)
    });
    let chosen = match carrier {
        Some(carrier) => Ok(carrier),
        None => choose(netlink, operation, spec, &cards).await?,
    };
    let card = match chosen {
        Ok(card) => card,
        Err(how) => return Ok(Done::failed(how)),
    };
    if let Some(how) = taken(card, address, spec.duplicate_wait, &cards).await {
        return Ok(Done::failed(how));
    }
    if let Err(error) = context.record(operation, Trace::Up) {
        return Ok(Done::failed(format!("cannot write its record: {error}")));
    }
    let placed = Placed {
        address: spec.address,
        card: card.index,
    };
    netlink.add(placed.address, placed.card).await?;
    context
        .log
        .line(&format!("{} added to {}", spec.address, card.name));
    *held = Some(announced((context, spec), placed, &cards, changes));
    Ok(Outcome::Running.into())
}

/// The first card of the network that can carry packets; when the network names none, the
/// one that already has an address of the same subnet. Else why there is none.
async fn choose<'a>(
    netlink: &Netlink,
    operation: &Operation,
    spec: &AddressSpec,
    cards: &'a [Card],
) -> Result<Result<&'a Card, String>, NetlinkError> {
    let find = |name: &str| cards.iter().find(|card| card.name == name);
    let mut names: Vec<String> = operation.cards.iter().map(ToString::to_string).collect();
    if names.is_empty() {
        match netlink.card_of_subnet(spec.address).await? {
            Some(card) => names.push(card.name),
            None => {
                return Ok(Err(format!(
                    "no card has an address in {}",
                    spec.address.trunc()
                )));
            }
        }
    }
    let up = |card: &&Card| card.state == LinkState::Up;
    if let Some(card) = names.iter().filter_map(|name| find(name)).find(up) {
        return Ok(Ok(card));
    }
    let states: Vec<String> = names
        .iter()
        .map(|name| match find(name).map(|card| card.state) {
            None => format!("{name} does not exist"),
            Some(LinkState::Down) => format!("{name} is down"),
            Some(LinkState::NoCarrier) => format!("{name} has no carrier"),
            Some(LinkState::Up) => format!("{name} is up"),
        })
        .collect();
    Ok(Err(format!(
        "no card of {} is up: {}",
        spec.network,
        states.join(", ")
    )))
}

/// Who else has the address. A card that cannot ask has nobody to ask.
async fn taken(card: &Card, address: IpAddr, wait: Duration, own: &[Card]) -> Option<String> {
    card.mac?;
    match owner_of(card, address, wait, own).await {
        Ok(None) => None,
        Ok(Some(mac)) => Some(format!("{address} is in use by {mac} on {}", card.name)),
        Err(error) => Some(format!(
            "cannot look for another owner of {address}: {}",
            chain(&error)
        )),
    }
}

/// Watched from now on, and told to the neighbours.
fn announced(
    (context, spec): (&Context, &AddressSpec),
    placed: Placed,
    cards: &[Card],
    changes: broadcast::Receiver<Change>,
) -> Held {
    let mut held = Held::new((context, spec), placed, changes);
    if let Some(card) = cards.iter().find(|card| card.index == placed.card) {
        held.announce(context, card);
    }
    held
}

async fn stop(
    context: &Context,
    spec: &AddressSpec,
    held: &mut Option<Held>,
) -> Result<Done, NetlinkError> {
    let netlink = &context.shared.netlink;
    *held = None;
    /// Cards of a node; the same address on more of them than this is madness.
    const PLACES_MAX: usize = 64;
    for _ in 0..PLACES_MAX {
        match netlink.find(spec.address.addr()).await? {
            Some(placed) => {
                let cards = netlink.cards().await?;
                let card = cards.iter().find(|card| card.index == placed.card);
                let card = card.map_or("a card", |card| card.name.as_str());
                netlink.remove(placed).await?;
                context
                    .log
                    .line(&format!("{} removed from {card}", placed.address));
            }
            None => break,
        }
    }
    if netlink.find(spec.address.addr()).await?.is_some() {
        return Ok(Done::failed(format!(
            "{} comes back after each removal",
            spec.address
        )));
    }
    context.strike_out();
    Ok(Outcome::Stopped.into())
}
