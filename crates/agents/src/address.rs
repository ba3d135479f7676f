//! Addresses: taken after a look for another owner, told to the neighbours, watched.

use std::net::IpAddr;
use std::time::Duration;

use host::neighbours::{Announcer, owner_of};
use host::netlink::{Card, Change, LinkState, Netlink, NetlinkError, Placed};
use model::operation::{Operation, Outcome, Verb};
use model::spec::AddressSpec;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::context::{Context, Done, chain};
use crate::record::Trace;

/// Before the kernel is asked again after it did not answer: it is overloaded, or out of
/// memory.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// An address that is on a card and watched.
pub(crate) struct Held {
    placed: Placed,
    changes: broadcast::Receiver<Change>,
    repeats: Option<JoinHandle<()>>,
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

impl Held {
    /// Waits until the address or its card is gone and tells which.
    pub(crate) async fn ended(&mut self, netlink: &Netlink) -> String {
        // May be dropped at any await and called again: doubt outlives that.
        loop {
            if self.doubt {
                match self.absence(netlink).await {
                    Ok(Some(how)) => return how,
                    Ok(None) => self.doubt = false,
                    Err(error) => {
                        // Not knowing is no failure of the address.
                        tracing::warn!(error = chain(&error), "cannot look at an address");
                        sleep(ASK_AGAIN).await;
                        continue;
                    }
                }
            }
            self.doubt = match self.changes.recv().await {
                Ok(Change::AddressGone(gone)) => gone.address.addr() == self.placed.address.addr(),
                Ok(Change::CardChanged(card) | Change::CardGone(card)) => {
                    card.index == self.placed.card
                }
                Ok(Change::AddressCame(_)) => false,
                Ok(Change::Missed) | Err(broadcast::error::RecvError::Lagged(_)) => true,
                Err(broadcast::error::RecvError::Closed) => return std::future::pending().await,
            };
        }
    }

    /// What is wrong with the address now, if anything.
    async fn absence(&self, netlink: &Netlink) -> Result<Option<String>, NetlinkError> {
        let placed = netlink.find(self.placed.address.addr()).await?;
        let cards = netlink.cards().await?;
        Ok(describe_absence(self.placed, placed, &cards))
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
    // Listen before looking, or a change in between is missed.
    let changes = netlink.changes();
    let Some(placed) = netlink.find(spec.address.addr()).await? else {
        *held = None;
        context.strike_out();
        return Ok(Outcome::Stopped.into());
    };
    let cards = netlink.cards().await?;
    if let Some(how) = describe_absence(placed, Some(placed), &cards) {
        return Ok(Done::failed(how));
    }
    if held.as_ref().is_none_or(|held| held.placed != placed) {
        *held = Some(Held {
            placed,
            changes,
            repeats: None,
            doubt: false,
        });
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
            *held = Some(announced(context, placed, &cards, changes));
            return Ok(Outcome::Running.into());
        }
        // It sits on a dead card: take it to a living one.
        netlink.remove(placed).await?;
    }
    let card = match choose(netlink, operation, spec, &cards).await? {
        Ok(card) => card,
        Err(how) => return Ok(Done::failed(how)),
    };
    if let Some(how) = taken(card, address, spec).await {
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
    *held = Some(announced(context, placed, &cards, changes));
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
async fn taken(card: &Card, address: IpAddr, spec: &AddressSpec) -> Option<String> {
    card.mac?;
    match owner_of(card, address, spec.duplicate_wait).await {
        Ok(None) => None,
        Ok(Some(mac)) => Some(format!("{address} is in use by {mac} on {}", card.name)),
        Err(error) => Some(format!(
            "cannot look for another owner of {address}: {}",
            chain(&error)
        )),
    }
}

/// Tells the neighbours now and, in the background, some times more.
fn announced(
    context: &Context,
    placed: Placed,
    cards: &[Card],
    changes: broadcast::Receiver<Change>,
) -> Held {
    let card = cards
        .iter()
        .find(|card| card.index == placed.card && card.mac.is_some());
    let announcer = card.map(|card| Announcer::open(card, placed.address.addr()));
    let repeats = match announcer {
        None => None,
        Some(Ok(announcer)) => {
            if let Err(error) = announcer.announce() {
                context
                    .log
                    .line(&format!("not announced: {}", chain(&error)));
            }
            Some(tokio::spawn(announcer.repeat()))
        }
        Some(Err(error)) => {
            context
                .log
                .line(&format!("not announced: {}", chain(&error)));
            tracing::warn!(resource = %context.address, %error, "address not announced");
            None
        }
    };
    Held {
        placed,
        changes,
        repeats,
        doubt: false,
    }
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
