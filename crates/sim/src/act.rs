//! What is done to a simulated cluster: faults, their ends, and orders of people. Each is
//! one line of text, so that a schedule can be read, shortened and kept.

use std::fmt;
use std::time::Duration;

use model::duration::{format, parse};
use model::networks::Link;
use model::seen::TicketStanding;
use model::{CardName, LockName, NodeId, NodeName, ServiceName, SessionName, TicketName};

use crate::cards::Cable;
use crate::form::{node_id, node_name};

/// What the hands of a machine do wrong with a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// A start ends with an error.
    StartFails,
    /// A start never ends by itself.
    StartHangs,
    /// A start takes seconds, and nothing is up before its end.
    StartSlow,
    /// A stop ends with an error and stops nothing.
    StopFails,
    /// A stop takes seconds.
    StopSlow,
    /// A start says that it failed, and what it started runs.
    StartLies,
    /// A stop says that it failed, and has stopped all.
    StopLies,
    /// A promotion ends with an error, and what it was to promote may be promoted.
    PromoteFails,
    /// A demotion ends with an error and demotes nothing.
    DemoteFails,
    /// It is not reloaded, and runs on as it was.
    ReloadFails,
}

/// What a trap waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// Whatever is written next.
    Any,
    /// A vote, or a new lineage.
    Vote,
}

/// How the network between all nodes is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weather {
    /// Packets lost, of 1000.
    pub loss: u64,
    /// Packets that come twice, of 1000.
    pub twice: u64,
    /// Packets that come late, of 1000, and so may be overtaken.
    pub late: u64,
    /// How late at most.
    pub late_by: Duration,
}

/// One act. Acts that make no sense at their moment do nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// The power of a machine fails.
    PowerOff(NodeId),
    /// A machine is switched on.
    Boot(NodeId),
    /// Power fails and comes back at once.
    Reboot(NodeId),
    /// A daemon is killed; its services run on.
    Kill(NodeId),
    /// The daemon is killed in the middle of its next write, and started again at once.
    Trap(NodeId, Write),
    /// A daemon is started.
    Start(NodeId),
    /// A machine does nothing for a time.
    Pause(NodeId, Duration),
    /// Packets from one node to another are lost, on one network or on all.
    Cut(NodeId, NodeId, Option<u8>),
    /// A node is cut off from all others.
    CutOff(NodeId),
    /// One network fails.
    LinkDown(u8),
    /// The nodes up to this one are cut off from the others.
    Split(NodeId),
    /// All cables are whole.
    Heal,
    /// The network gets worse, or good again.
    Weather(Weather),
    /// The wall clock of a machine is set ahead by so many milliseconds.
    Clock(NodeId, i64),
    /// Each write takes so much longer.
    SlowDisk(NodeId, Duration),
    /// A byte of the log changes; the daemon ends with it.
    Rot(NodeId),
    /// A power switch takes so long to act and so long to answer after that, and fails so
    /// many times before it works.
    Switch(NodeId, Duration, Duration, u32),
    /// A power switch says that a machine is off, and does nothing.
    Liar(NodeId),
    /// The hands of a node do something wrong with a service.
    Wrong(NodeId, ServiceName, Wrong),
    /// They do all right.
    Right(NodeId),
    /// A program ends by itself.
    Die(NodeId, ServiceName),
    /// A person starts a service where no daemon sees it.
    ByHand(NodeId, ServiceName),
    /// The program of the witness ends.
    WitnessKill,
    /// It ends in the middle of its next write, and starts again.
    WitnessTrap,
    /// It starts.
    WitnessStart,
    /// A node does not reach the witness.
    WitnessCut(NodeId),
    /// All nodes reach it.
    WitnessHeal,
    /// Each read and write of the shared disk takes so much longer.
    SlowShared(Duration),
    /// Old heartbeats of a node that somebody has recorded are sent again.
    Replay(NodeId),
    /// A program on a node asks for a lock with a lease, and keeps it once it has it.
    Lock(NodeId, SessionName, LockName, Duration),
    /// It gives the lock back, or its place in the queue.
    Unlock(SessionName),
    /// The cable of a card is pulled, or plugged in again.
    Card(NodeId, CardName, Cable),
    /// A person gives an order to a node.
    Order(NodeId, Order),
}

/// What people order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Run a service.
    Start(ServiceName),
    /// Stop it.
    Stop(ServiceName),
    /// Restart it.
    Restart(ServiceName),
    /// Have it read its own configuration again.
    Reload(ServiceName),
    /// Take it to a node.
    Move(ServiceName, NodeName),
    /// Leave it as it is.
    Freeze(ServiceName),
    /// End of that.
    Thaw(ServiceName),
    /// Forget its failures.
    Clear(ServiceName),
    /// Set a node aside.
    Standby(NodeName),
    /// Take it back.
    Online(NodeName),
    /// Nothing is touched any more.
    MaintenanceOn,
    /// End of that.
    MaintenanceOff,
    /// Say how a ticket stands here.
    Ticket(TicketStanding, TicketName),
    /// The node that is asked leaves.
    Leave,
    /// Vouch for a node to be off; given only when it is.
    Confirm(NodeName),
    /// Give a service another version in the configuration.
    Configure(ServiceName, u64),
    /// Give it another setting, which a service that reloads takes over.
    Tune(ServiceName, u64),
}

/// Kinds of faults, as `--faults` names them and as they are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `power`: loss of power.
    Power,
    /// `reboot`.
    Reboot,
    /// `crash`: a daemon ends.
    Crash,
    /// `pause`.
    Pause,
    /// `cut`: both directions.
    Cut,
    /// `one-way`: one direction, one or all networks.
    OneWay,
    /// `link`: one network fails.
    Link,
    /// `loss`, `twice` and `late`: packets.
    Loss,
    /// Packets that come twice.
    Twice,
    /// Packets that come late.
    Late,
    /// `clock`: wall clocks jump.
    Clock,
    /// `slow-disk`.
    SlowDisk,
    /// `rot`: a changed byte on disk.
    Rot,
    /// `fence`: a power switch that is slow, fails, or answers late.
    Fence,
    /// `liar`: a power switch that lies. Not among the default ones: nothing survives it.
    Liar,
    /// `agent`: operations that fail, hang or are slow.
    Agent,
    /// `death`: programs that end by themselves.
    Death,
    /// `operator`: orders that nobody needs.
    Operator,
    /// `witness`: it ends, or a node does not reach it.
    Witness,
    /// `replay`: heartbeats that were recorded are sent again.
    Replay,
    /// `card`: cables of cards are pulled.
    Card,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::Power,
        Self::Reboot,
        Self::Crash,
        Self::Pause,
        Self::Cut,
        Self::OneWay,
        Self::Link,
        Self::Loss,
        Self::Twice,
        Self::Late,
        Self::Clock,
        Self::SlowDisk,
        Self::Rot,
        Self::Fence,
        Self::Liar,
        Self::Agent,
        Self::Death,
        Self::Operator,
        Self::Witness,
        Self::Replay,
        Self::Card,
    ];

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Power => "power",
            Self::Reboot => "reboot",
            Self::Crash => "crash",
            Self::Pause => "pause",
            Self::Cut => "cut",
            Self::OneWay => "one-way",
            Self::Link => "link",
            Self::Loss => "loss",
            Self::Twice => "twice",
            Self::Late => "late",
            Self::Clock => "clock",
            Self::SlowDisk => "slow-disk",
            Self::Rot => "rot",
            Self::Fence => "fence",
            Self::Liar => "liar",
            Self::Agent => "agent",
            Self::Death => "death",
            Self::Operator => "operator",
            Self::Witness => "witness",
            Self::Replay => "replay",
            Self::Card => "card",
        }
    }
}

impl Act {
    /// What kind of fault this is; none: the end of one.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        match self {
            Self::PowerOff(_) => Some(Kind::Power),
            Self::Reboot(_) => Some(Kind::Reboot),
            Self::Kill(_) | Self::Trap(..) => Some(Kind::Crash),
            Self::Pause(..) => Some(Kind::Pause),
            Self::Cut(..) => Some(Kind::OneWay),
            Self::CutOff(_) | Self::Split(_) => Some(Kind::Cut),
            Self::LinkDown(_) => Some(Kind::Link),
            Self::Weather(weather) if 0 < weather.loss => Some(Kind::Loss),
            Self::Weather(weather) if 0 < weather.twice => Some(Kind::Twice),
            Self::Weather(weather) if 0 < weather.late => Some(Kind::Late),
            Self::Clock(..) => Some(Kind::Clock),
            Self::SlowDisk(_, by) if !by.is_zero() => Some(Kind::SlowDisk),
            Self::Rot(_) => Some(Kind::Rot),
            Self::Switch(..) => Some(Kind::Fence),
            Self::Liar(_) => Some(Kind::Liar),
            Self::Wrong(..) => Some(Kind::Agent),
            Self::Die(..) => Some(Kind::Death),
            Self::Order(..) | Self::ByHand(..) => Some(Kind::Operator),
            Self::Replay(_) => Some(Kind::Replay),
            Self::Card(_, _, cable) if cable.0 != Link::Up => Some(Kind::Card),
            Self::WitnessKill | Self::WitnessTrap | Self::WitnessCut(_) => Some(Kind::Witness),
            Self::SlowShared(by) if !by.is_zero() => Some(Kind::Witness),
            Self::Boot(_)
            | Self::Lock(..)
            | Self::Card(..)
            | Self::SlowShared(_)
            | Self::Unlock(_)
            | Self::Start(_)
            | Self::Heal
            | Self::Weather(_)
            | Self::SlowDisk(..)
            | Self::Right(_)
            | Self::WitnessStart
            | Self::WitnessHeal => None,
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StartFails => "start-fails",
            Self::StartHangs => "start-hangs",
            Self::StartSlow => "start-slow",
            Self::StopFails => "stop-fails",
            Self::StopSlow => "stop-slow",
            Self::StartLies => "start-lies",
            Self::StopLies => "stop-lies",
            Self::PromoteFails => "promote-fails",
            Self::DemoteFails => "demote-fails",
            Self::ReloadFails => "reload-fails",
        })
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |id: &NodeId| node_name(*id);
        match self {
            Self::PowerOff(on) => write!(f, "power-off {}", name(on)),
            Self::Boot(on) => write!(f, "boot {}", name(on)),
            Self::Reboot(on) => write!(f, "reboot {}", name(on)),
            Self::Kill(on) => write!(f, "kill {}", name(on)),
            Self::Trap(on, Write::Any) => write!(f, "trap {}", name(on)),
            Self::Trap(on, Write::Vote) => write!(f, "trap {} vote", name(on)),
            Self::WitnessTrap => f.write_str("witness-trap"),
            Self::Start(on) => write!(f, "start {}", name(on)),
            Self::Pause(on, span) => write!(f, "pause {} {}", name(on), format(*span)),
            Self::Cut(from, to, None) => write!(f, "cut {} {}", name(from), name(to)),
            Self::Cut(from, to, Some(link)) => {
                write!(f, "cut {} {} {link}", name(from), name(to))
            }
            Self::CutOff(on) => write!(f, "cut-off {}", name(on)),
            Self::LinkDown(link) => write!(f, "link-down {link}"),
            Self::Split(upto) => write!(f, "split {}", name(upto)),
            Self::Heal => f.write_str("heal"),
            Self::Weather(weather) => {
                let Weather {
                    loss,
                    twice,
                    late,
                    late_by,
                } = weather;
                write!(f, "weather {loss} {twice} {late} {}", format(*late_by))
            }
            Self::Clock(on, by) => write!(f, "clock {} {by}", name(on)),
            Self::SlowDisk(on, by) => write!(f, "slow-disk {} {}", name(on), format(*by)),
            Self::Rot(on) => write!(f, "rot {}", name(on)),
            Self::Switch(on, takes, late, fails) => {
                let (takes, late) = (format(*takes), format(*late));
                write!(f, "switch {} {takes} {late} {fails}", name(on))
            }
            Self::Liar(on) => write!(f, "liar {}", name(on)),
            Self::Wrong(on, service, wrong) => write!(f, "wrong {} {service} {wrong}", name(on)),
            Self::Right(on) => write!(f, "right {}", name(on)),
            Self::Die(on, service) => write!(f, "die {} {service}", name(on)),
            Self::ByHand(on, service) => write!(f, "by-hand {} {service}", name(on)),
            Self::WitnessKill => f.write_str("witness-kill"),
            Self::WitnessStart => f.write_str("witness-start"),
            Self::WitnessCut(on) => write!(f, "witness-cut {}", name(on)),
            Self::WitnessHeal => f.write_str("witness-heal"),
            Self::SlowShared(by) => write!(f, "slow-shared {}", format(*by)),
            Self::Replay(of) => write!(f, "replay {}", name(of)),
            Self::Lock(on, session, lock, lease) => {
                write!(f, "lock {} {session} {lock} {}", name(on), format(*lease))
            }
            Self::Unlock(session) => write!(f, "unlock {session}"),
            Self::Card(on, card, cable) => write!(f, "card {} {card} {cable}", name(on)),
            Self::Order(at, order) => write!(f, "order {} {order}", name(at)),
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(service) => write!(f, "start {service}"),
            Self::Stop(service) => write!(f, "stop {service}"),
            Self::Restart(service) => write!(f, "restart {service}"),
            Self::Move(service, to) => write!(f, "move {service} {to}"),
            Self::Freeze(service) => write!(f, "freeze {service}"),
            Self::Thaw(service) => write!(f, "thaw {service}"),
            Self::Clear(service) => write!(f, "clear {service}"),
            Self::Standby(node) => write!(f, "standby {node}"),
            Self::Online(node) => write!(f, "online {node}"),
            Self::MaintenanceOn => f.write_str("maintenance on"),
            Self::MaintenanceOff => f.write_str("maintenance off"),
            Self::Ticket(standing, ticket) => {
                let mut words = TICKET_WORDS.iter();
                let word = words.find(|(_, known)| known == standing);
                write!(f, "ticket {} {ticket}", word.map_or("", |(word, _)| word))
            }
            Self::Leave => f.write_str("leave"),
            Self::Confirm(node) => write!(f, "confirm {node}"),
            Self::Configure(service, version) => write!(f, "configure {service} {version}"),
            Self::Tune(service, number) => write!(f, "tune {service} {number}"),
            Self::Reload(service) => write!(f, "reload {service}"),
        }
    }
}

/// What people say of tickets.
const TICKET_WORDS: [(&str, TicketStanding); 3] = [
    ("grant", TicketStanding::Granted),
    ("standby", TicketStanding::Standby),
    ("revoke", TicketStanding::Revoked),
];

/// A line that is no act.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is nothing that can be done to a simulated cluster")]
pub struct NoAct(pub String);

impl std::str::FromStr for Act {
    type Err = NoAct;

    fn from_str(line: &str) -> Result<Self, NoAct> {
        read(line).ok_or_else(|| NoAct(line.to_string()))
    }
}

fn read(line: &str) -> Option<Act> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let span = |text: &str| parse(text).ok();
    let service = |text: &str| ServiceName::new(text).ok();
    Some(match words[..] {
        ["power-off", on] => Act::PowerOff(node_id(on)?),
        ["boot", on] => Act::Boot(node_id(on)?),
        ["reboot", on] => Act::Reboot(node_id(on)?),
        ["kill", on] => Act::Kill(node_id(on)?),
        ["trap", on] => Act::Trap(node_id(on)?, Write::Any),
        ["trap", on, "vote"] => Act::Trap(node_id(on)?, Write::Vote),
        ["witness-trap"] => Act::WitnessTrap,
        ["start", on] => Act::Start(node_id(on)?),
        ["pause", on, time] => Act::Pause(node_id(on)?, span(time)?),
        ["cut", from, to] => Act::Cut(node_id(from)?, node_id(to)?, None),
        ["cut", from, to, link] => Act::Cut(node_id(from)?, node_id(to)?, Some(link.parse().ok()?)),
        ["cut-off", on] => Act::CutOff(node_id(on)?),
        ["link-down", link] => Act::LinkDown(link.parse().ok()?),
        ["split", upto] => Act::Split(node_id(upto)?),
        ["heal"] => Act::Heal,
        ["weather", loss, twice, late, late_by] => Act::Weather(Weather {
            loss: loss.parse().ok()?,
            twice: twice.parse().ok()?,
            late: late.parse().ok()?,
            late_by: span(late_by)?,
        }),
        ["clock", on, by] => Act::Clock(node_id(on)?, by.parse().ok()?),
        ["slow-disk", on, by] => Act::SlowDisk(node_id(on)?, span(by)?),
        ["rot", on] => Act::Rot(node_id(on)?),
        ["switch", on, takes, late, fails] => {
            Act::Switch(node_id(on)?, span(takes)?, span(late)?, fails.parse().ok()?)
        }
        ["liar", on] => Act::Liar(node_id(on)?),
        ["wrong", on, of, wrong] => Act::Wrong(node_id(on)?, service(of)?, read_wrong(wrong)?),
        ["right", on] => Act::Right(node_id(on)?),
        ["die", on, of] => Act::Die(node_id(on)?, service(of)?),
        ["by-hand", on, of] => Act::ByHand(node_id(on)?, service(of)?),
        ["witness-kill"] => Act::WitnessKill,
        ["witness-start"] => Act::WitnessStart,
        ["witness-cut", on] => Act::WitnessCut(node_id(on)?),
        ["witness-heal"] => Act::WitnessHeal,
        ["slow-shared", by] => Act::SlowShared(span(by)?),
        ["replay", of] => Act::Replay(node_id(of)?),
        ["lock", on, session, lock, lease] => Act::Lock(
            node_id(on)?,
            SessionName::new(session).ok()?,
            LockName::new(lock).ok()?,
            span(lease)?,
        ),
        ["unlock", session] => Act::Unlock(SessionName::new(session).ok()?),
        ["card", on, card, cable] => {
            Act::Card(node_id(on)?, CardName::new(card).ok()?, cable.parse().ok()?)
        }
        ["order", at, ref order @ ..] => Act::Order(node_id(at)?, read_order(order)?),
        _ => return None,
    })
}

fn read_wrong(word: &str) -> Option<Wrong> {
    let all = [
        Wrong::StartFails,
        Wrong::StartHangs,
        Wrong::StartSlow,
        Wrong::StopFails,
        Wrong::StopSlow,
        Wrong::StartLies,
        Wrong::StopLies,
        Wrong::PromoteFails,
        Wrong::DemoteFails,
        Wrong::ReloadFails,
    ];
    all.into_iter().find(|wrong| wrong.to_string() == word)
}

fn read_order(words: &[&str]) -> Option<Order> {
    let service = |text: &str| ServiceName::new(text).ok();
    let node = |text: &str| NodeName::new(text).ok();
    Some(match words {
        ["start", of] => Order::Start(service(of)?),
        ["stop", of] => Order::Stop(service(of)?),
        ["restart", of] => Order::Restart(service(of)?),
        ["move", of, to] => Order::Move(service(of)?, node(to)?),
        ["freeze", of] => Order::Freeze(service(of)?),
        ["thaw", of] => Order::Thaw(service(of)?),
        ["clear", of] => Order::Clear(service(of)?),
        ["standby", on] => Order::Standby(node(on)?),
        ["online", on] => Order::Online(node(on)?),
        ["maintenance", "on"] => Order::MaintenanceOn,
        ["maintenance", "off"] => Order::MaintenanceOff,
        ["ticket", word, ticket] => {
            let (_, standing) = TICKET_WORDS.iter().find(|(known, _)| known == word)?;
            Order::Ticket(*standing, TicketName::new(*ticket).ok()?)
        }
        ["leave"] => Order::Leave,
        ["confirm", on] => Order::Confirm(node(on)?),
        ["configure", of, version] => Order::Configure(service(of)?, version.parse().ok()?),
        ["tune", of, number] => Order::Tune(service(of)?, number.parse().ok()?),
        ["reload", of] => Order::Reload(service(of)?),
        _ => return None,
    })
}
