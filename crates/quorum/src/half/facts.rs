//! What [`Half`](super::Half) is told, what it asks for, and what it waits for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::seen::Maintenance;
use model::{BootId, Instant, Lineage, NodeId};
use wire::raft::{Arbiter, LogEnd};

use crate::arbiter::Ask;
use crate::race::{Reach, Turn};

/// Everything that matters, as of one moment. Given whole each time something changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// This node.
    pub me: NodeId,
    /// The run of this daemon; a candidate is named by node and run.
    pub run: u64,
    /// The history of its log.
    pub lineage: Lineage,
    /// The latest term that this node has seen; it would be candidate in the next one.
    pub term: u64,
    /// The latest term in which a leader of this lineage is known to have been elected: of the
    /// last entry of the log, or of a leader that was heard.
    pub led_term: u64,
    /// The voters whose majority is in question, with this node if it is one. While an added
    /// voter is not known committed, a majority of those before is needed too: then these are
    /// the ones of which this half has the smaller share.
    pub voters: BTreeSet<NodeId>,
    /// Of this half, those that the log has added to `voters` and that are not known committed.
    /// A forced change needs them as well, and one of them may have the longest log. Empty
    /// where anybody but fences decides: an arbiter knows the voters alone.
    pub joining: BTreeSet<NodeId>,
    /// One, or the old and the new while the change is not known committed.
    pub arbiters: Vec<Arbiter>,
    /// Rules 1 and 4.
    pub standing: Standing,
    /// Whether somebody decides by ordinary majority.
    pub leadership: Leadership,
    /// Nobody is fenced in maintenance.
    pub maintenance: Maintenance,
    /// What this half runs, see [`crate::race::weight`].
    pub weight: u64,
    /// Which half shoots first, see [`crate::race::goes_first`].
    pub turn: Turn,
    /// What this node knows of the ping targets: advice for the race and nothing else.
    pub reach: Reach,
    /// How long the second half waits, see [`crate::race::delays`].
    pub fence_race_delay: Duration,
    /// Where the logs of voters end that have said so since nobody leads, and of this node.
    /// Only the longest log of the half can win.
    pub log_ends: BTreeMap<NodeId, LogEnd>,
    /// Every other voter. One that is missing here counts as unknown.
    pub others: BTreeMap<NodeId, Other>,
}

/// Whether this run of the daemon may fence, ask, be candidate or pledge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// The log has shown this run as up, as voter of a committed configuration, under a leader
    /// that it spoke to in this run.
    Proven,
    /// Not yet.
    Unproven,
}

/// Whether there is a leader with a majority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Leadership {
    /// One is known, and speaks.
    Quorate,
    /// None.
    Absent,
}

/// Another voter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// How it is, as far as anybody of our half hears.
    pub condition: Condition,
    /// Whether the spec has a device that can fence it.
    pub devices: Devices,
    /// How often it may still be fenced within this hour (L3), as the log counts. The
    /// confirmed fences of this run that the log does not know yet are counted here.
    pub fences_left: u32,
    /// [`crate::bound::wait_out`], when every member has an armed watchdog of known bound.
    pub watchdog_bound: Option<Duration>,
}

/// How another voter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Condition {
    /// Heard, by us or by somebody of our half.
    Alive {
        /// The newest boot that anybody heard.
        boot: BootId,
    },
    /// Silent for too long.
    Lost {
        /// The boot that must be proven ended: the newest that anybody heard or that the log
        /// has.
        boot: BootId,
        /// Since when, by our clock.
        since: Instant,
    },
    /// Its daemon is closed, its kernel lives, and its grace is not over.
    DaemonDown,
    /// Neither heard nor lost yet.
    Unknown,
}

/// Whether there is a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Devices {
    /// At least one.
    Some,
    /// None.
    None,
}

/// What became of a [`Output::Fence`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FenceResult {
    /// The device's own status answer says that the target is off.
    Off,
    /// It is on: only possible after [`Method::AskStatus`].
    On,
    /// No device could, or none confirmed.
    Failed,
}

/// How to use the target's devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// Only ask whether it is off; switch nothing.
    AskStatus,
    /// Ask, and when it is not off switch it off and ask again.
    SwitchOff,
}

/// What the node shall do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Run the target's fence devices here, on this node, and report with
    /// [`Half::handle_fence_ended`](super::Half::handle_fence_ended).
    Fence {
        /// Names this request.
        attempt: u64,
        /// Whom.
        target: NodeId,
        /// Which boot of it must be proven ended.
        boot: BootId,
        /// How.
        method: Method,
    },
    /// Ask the arbiter and report with [`Half::handle_answer`](super::Half::handle_answer).
    AskGrant {
        /// Never [`Arbiter::Fence`].
        arbiter: Arbiter,
        /// Names this ask.
        number: u64,
        /// What to ask.
        ask: Ask,
    },
    /// Begin the forced change.
    Force {
        /// The voters that do not take part.
        excused: BTreeSet<NodeId>,
        /// Of the new lineage.
        generation: u64,
        /// The only term in which the election may be held: when the log has seen a later one,
        /// nothing may be done, and this machine finds out by itself. A grant counts for one
        /// term.
        term: u64,
    },
    /// A boot that was proven ended speaks: the proof was false, or a packet was very late.
    /// Nothing was decided on it yet when there is no [`Output::Force`] since.
    HeardAgain {
        /// Who.
        target: NodeId,
        /// In this boot.
        boot: BootId,
        /// What had proven its end.
        proof: Proof,
    },
}

/// Something that is waited for, or that stands in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waits {
    /// Nothing: a quorate leader is there, or a majority is, which elects one.
    Nothing,
    /// An odd number of voters has no half.
    OddVoters {
        /// Voters that are here, with this node.
        here: usize,
        /// Voters of the configuration.
        voters: usize,
    },
    /// Fewer than half are here: acknowledged entries may be missing. Only the others, or a
    /// person, can help.
    NotHalf {
        /// Voters that are here, with this node.
        here: usize,
        /// Voters of the configuration.
        voters: usize,
    },
    /// This node is no voter of its own log (rule 4).
    NoVoter,
    /// This run has not seen itself in the log, under a leader (rules 1 and 4). It waits for
    /// the others, or for a person.
    NoStanding,
    /// Voters of whom it is not known yet whether they are lost.
    Peers {
        /// Never heard by this run, and not lost yet.
        unknown: BTreeSet<NodeId>,
        /// Their daemons may come back.
        daemon_down: BTreeSet<NodeId>,
    },
    /// The voter of this half with the longest log acts, the lowest of several; this node votes
    /// for it when asked.
    Candidate {
        /// Who.
        node: NodeId,
    },
    /// It is not known yet whose log of this half is the longest.
    LogEnds {
        /// Then the longest that is known counts.
        until: Instant,
    },
    /// Nobody is fenced in maintenance.
    Maintenance,
    /// The other half runs more and may shoot first.
    Race {
        /// Until then.
        until: Instant,
    },
    /// No ping target has answered this node since the split began, so the other half may
    /// shoot first. An answer ends the wait.
    Reach {
        /// Until then.
        until: Instant,
    },
    /// A device has been asked.
    Fencing {
        /// To switch off this node.
        target: NodeId,
        /// Since when.
        since: Instant,
    },
    /// The devices did not confirm.
    FenceFailed {
        /// That this node is off.
        target: NodeId,
        /// How often in a row.
        times: u32,
        /// The next attempt.
        retry_at: Instant,
    },
    /// No device can confirm that it is off.
    NoDevice {
        /// Of this node.
        target: NodeId,
    },
    /// Fenced too often within an hour (L3): a person must look.
    TooManyFences {
        /// This node.
        target: NodeId,
    },
    /// Its watchdog ends it at the latest then.
    Watchdog {
        /// Of this node.
        target: NodeId,
        /// At this time.
        until: Instant,
    },
    /// The arbiter has been asked.
    Arbiter {
        /// Which.
        arbiter: Arbiter,
        /// When it was first asked without an answer since.
        since: Instant,
    },
    /// The arbiter prefers the other half for a moment.
    Preference {
        /// Which.
        arbiter: Arbiter,
        /// We ask again then.
        until: Instant,
    },
    /// The arbiter gave its vote to somebody else, who may be serving.
    Refused {
        /// Which.
        arbiter: Arbiter,
        /// To whom.
        to: NodeId,
        /// We ask again then.
        retry_at: Instant,
    },
    /// The arbiter knows that this history was ended long ago, or that the ask is wrong.
    Outdated {
        /// Which.
        arbiter: Arbiter,
    },
    /// The forced change is being voted on.
    Election {
        /// Since when.
        since: Instant,
    },
}

/// Why a boot counts as ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Proof {
    /// A device says that it is off.
    Device,
    /// Its watchdog has been waited out.
    WatchdogWaitedOut {
        /// For so long, by what was known of its lease and its watchdog then.
        waited: Duration,
    },
}
