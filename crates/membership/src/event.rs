//! What the detector tells and wants.

use std::fmt;
use std::time::Duration;

use model::duration::format;
use model::{BootId, NodeId};
use wire::heartbeat::{Heartbeat, Incarnation, LinkId};

/// What to do, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Seal this and send it to `peer` over `link`. The header is complete but for cluster
    /// and origin, which the seal fills in.
    Send {
        /// To whom.
        peer: NodeId,
        /// Over which network.
        link: LinkId,
        /// What.
        heartbeat: Box<Heartbeat>,
    },
    /// Tell the control loop.
    Event(Event),
}

/// Whether a node's vote counts when the voters must agree on a loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    /// A voter or a witness.
    Voter,
    /// A light node, or one that is not a voter yet or any more.
    Listener,
}

/// What a loss looks like from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// Nobody here hears it.
    Total,
    /// It is heard, and does not hear us: no path works both ways.
    Unanswered,
}

/// Why a suspicion was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// The node was heard again.
    Heard,
    /// Another node hears it.
    Relayed,
    /// This node was itself not scheduled, so its silence may be our own.
    OwnStall,
    /// This node hears nobody at all.
    OwnIsolation,
}

/// A change in what this node observes. The local view of one node; nothing here is agreed
/// by log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Heard for the first time, after a loss, after a closed daemon, or by a new run of
    /// its daemon.
    Alive {
        /// The node.
        peer: NodeId,
        /// Its boot.
        boot: BootId,
        /// Which start of its daemon.
        incarnation: Incarnation,
    },
    /// Silent on all links, to us and to all that we hear. Prepare; do not act.
    Suspected {
        /// The node.
        peer: NodeId,
        /// For how long.
        silent_for: Duration,
    },
    /// A suspicion that did not become a loss.
    Recovered {
        /// The node.
        peer: NodeId,
        /// Why we no longer suspect it.
        because: Recovery,
    },
    /// Silent for too long, or unable to hear us, and enough voters agree. Its machine may
    /// still be running: only fencing tells.
    Lost {
        /// The node.
        peer: NodeId,
        /// Whether it is heard nevertheless.
        silence: Silence,
        /// The boot that fell silent; `None` when it was never heard by this daemon.
        boot: Option<BootId>,
        /// For how long.
        silent_for: Duration,
        /// The voters that agree, in order; this node among them if it is one.
        agreed_by: Vec<NodeId>,
        /// How many voters there are, the lost one included.
        of: usize,
        /// Who of those that agree had heard it before, with the tag of the boot that they
        /// heard (`wire::heartbeat::boot_tag`). Whoever has just started has heard nobody,
        /// and cannot tell by itself whether a silent node was up.
        heard_by: Vec<(NodeId, u16)>,
    },
    /// Its kernel refuses our packets: the daemon is closed, the machine and its services
    /// may live.
    DaemonDown {
        /// The node.
        peer: NodeId,
        /// The boot in which the daemon was last heard.
        boot: Option<BootId>,
    },
    /// The daemon has been down for longer than its grace.
    DaemonDownTooLong {
        /// The node.
        peer: NodeId,
        /// For how long.
        down_for: Duration,
    },
    /// It came back with another boot. What ran under the old one is gone.
    Rebooted {
        /// The node.
        peer: NodeId,
        /// The boot heard before.
        old: BootId,
        /// The boot heard now.
        new: BootId,
    },
    /// Somebody whom we cannot answer hears a later run of `peer`, of another boot, than we
    /// know: a rumour, not yet a fact.
    RebootRelayed {
        /// The node that seems to have booted again.
        peer: NodeId,
        /// Who hears it.
        by: NodeId,
    },
    /// Nothing came over this link for the suspicion time.
    LinkDown {
        /// The node at the other end.
        peer: NodeId,
        /// Which network.
        link: LinkId,
        /// For how long.
        silent_for: Duration,
    },
    /// The link carries packets (again).
    LinkUp {
        /// The node at the other end.
        peer: NodeId,
        /// Which network.
        link: LinkId,
    },
    /// We hear the node over this link, and it does not hear us.
    LinkOneWay {
        /// The node at the other end.
        peer: NodeId,
        /// Which network.
        link: LinkId,
    },
    /// A one-way link carries packets both ways again.
    LinkBothWays {
        /// The node at the other end.
        peer: NodeId,
        /// Which network.
        link: LinkId,
    },
    /// A heartbeat is late enough to warn of, and not yet late enough to suspect.
    Late {
        /// The node at the other end.
        peer: NodeId,
        /// Which network.
        link: LinkId,
        /// How long after the packet before.
        silent_for: Duration,
    },
    /// This node was not scheduled in time. All silence is counted anew.
    Stalled {
        /// For how long.
        stalled_for: Duration,
    },
    /// Another node says that it was not scheduled in time.
    PeerStalled {
        /// The node.
        peer: NodeId,
        /// For how long.
        stalled_for: Duration,
    },
    /// The node announces that its daemon stops cleanly. Its silence means no harm.
    Leaving {
        /// The node.
        peer: NodeId,
    },
    /// This node hears no other at all. It accuses nobody until it does.
    Isolated {
        /// Since when the last of them is silent.
        silent_for: Duration,
    },
    /// It hears one again.
    Connected,
}

/// As much of a boot id as a person needs to see that two differ.
fn short(boot: BootId) -> String {
    boot.to_string().chars().take(8).collect()
}

fn list(nodes: &[NodeId]) -> String {
    nodes
        .iter()
        .map(NodeId::to_string)
        .collect::<Vec<_>>()
        .join(" ")
}

/// `node 3 lost: ...` and `link 1 to node 3 down: ...`
fn of_node(peer: NodeId, words: impl fmt::Display) -> String {
    format!("node {peer} {words}")
}

fn of_link(peer: NodeId, link: LinkId, words: impl fmt::Display) -> String {
    format!("link {} to node {peer} {words}", link.0)
}

fn alive(boot: BootId, incarnation: Incarnation) -> String {
    format!("alive: boot {}, start {}", short(boot), incarnation.0)
}

fn alone(silent_for: Duration) -> String {
    format!(
        "isolated: nobody heard for {}, nobody accused",
        format(silent_for)
    )
}

fn reboot(old: BootId, new: BootId) -> String {
    format!(
        "rebooted: boot {} is gone, {} is here",
        short(old),
        short(new)
    )
}

fn loss((silence, silent_for): (Silence, Duration), agreed_by: &[NodeId], of: usize) -> String {
    let (span, count) = (format(silent_for), agreed_by.len());
    let how = match silence {
        Silence::Total => "silent",
        Silence::Unanswered => "heard, but without an answer",
    };
    format!(
        "lost: {how} for {span}, agreed by {count} of {of} ({})",
        list(agreed_by)
    )
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match *self {
            Self::Alive {
                peer,
                boot,
                incarnation,
            } => of_node(peer, alive(boot, incarnation)),
            Self::Suspected { peer, silent_for } => of_node(
                peer,
                format_args!("suspected: silent for {}", format(silent_for)),
            ),
            Self::Recovered { peer, because } => {
                of_node(peer, format_args!("not suspected: {because}"))
            }
            Self::Lost {
                peer,
                silence,
                boot: _,
                silent_for,
                ref agreed_by,
                of,
                heard_by: _,
            } => of_node(peer, loss((silence, silent_for), agreed_by, of)),
            Self::DaemonDown { peer, boot: _ } => {
                of_node(peer, "daemon down: its kernel refuses packets")
            }
            Self::DaemonDownTooLong { peer, down_for } => of_node(
                peer,
                format_args!("daemon still down after {}", format(down_for)),
            ),
            Self::Rebooted { peer, old, new } => of_node(peer, reboot(old, new)),
            Self::RebootRelayed { peer, by } => of_node(
                peer,
                format_args!("seems rebooted: node {by} hears a newer boot"),
            ),
            Self::LinkDown {
                peer,
                link,
                silent_for,
            } => of_link(
                peer,
                link,
                format_args!("down: silent for {}", format(silent_for)),
            ),
            Self::LinkUp { peer, link } => of_link(peer, link, "up"),
            Self::LinkOneWay { peer, link } => of_link(peer, link, "one-way: it does not hear us"),
            Self::LinkBothWays { peer, link } => of_link(peer, link, "works both ways again"),
            Self::Late {
                peer,
                link,
                silent_for,
            } => of_link(peer, link, format_args!("late: {}", format(silent_for))),
            Self::Stalled { stalled_for } => {
                format!(
                    "not scheduled for {}: silence is counted anew",
                    format(stalled_for)
                )
            }
            Self::PeerStalled { peer, stalled_for } => of_node(
                peer,
                format_args!("was not scheduled for {}", format(stalled_for)),
            ),
            Self::Leaving { peer } => of_node(peer, "leaves"),
            Self::Isolated { silent_for } => alone(silent_for),
            Self::Connected => "not isolated any more".into(),
        };
        f.write_str(&words)
    }
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Heard => "heard again",
            Self::Relayed => "another node hears it",
            Self::OwnStall => "we were not scheduled ourselves",
            Self::OwnIsolation => "we hear nobody",
        })
    }
}
