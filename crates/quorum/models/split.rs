//! A cluster that is cut in half: real [`Half`] machines and a real [`Arbiter`], an abstract log.
//!
//! Elections, copying of the log and acknowledged writes are one step each, among nodes that
//! hear each other. What takes time, and may be overtaken, repeated or lost, are fences, asks,
//! answers, pledges, changes of the arbiter and the record of the witness.

mod acts;
mod settle;

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use model::seen::Maintenance;
use model::{BootId, Instant, Lineage, NodeId, WitnessId};
use quorum::arbiter::{self, Answer, Arbiter, Ask, Record};
use quorum::half::{
    Condition, Devices, Facts, FenceResult, Half, Leadership, Method, Other, Output, Standing,
};
use quorum::race::Turn;
use wire::raft::{Arbiter as Who, LogEnd};

use super::checker::Model;

const WITNESS: Who = Who::Witness(WitnessId(1));

/// What a variant leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Without {
    /// Nothing: it must hold.
    Nothing,
    /// Rule 1: a booted node waits until it has talked to its peer.
    Standing,
    /// Rule 2: only a confirmed fence counts.
    Confirmation,
    /// Rule 3, first half: a confirmation ends with the run that asked for it.
    RunOfRequester,
    /// Rule 3, second half: a confirmation ends when a newer boot is heard.
    BootOfTarget,
    /// Rule 4: a rejoiner may not fence before its own log makes it a voter.
    OwnLog,
    /// Rule 5: on another lineage the loser discards its log.
    Discard,
    /// Rule 6: hard state, voters and lineage are one record.
    OneRecord,
    /// Rule 7: a clean stop commits the removal first.
    RemovalFirst,
    /// Rule 8: a person may name what is lost.
    Person,
    /// The witness answers only what is on its disk.
    Persisting,
    /// One grant per lineage.
    OneGrant,
    /// While the arbiter changes the word of both counts.
    BothArbiters,
}

/// What may happen, and how often.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// 2 or 4.
    pub nodes: u8,
    /// Whether a witness is arbiter at the start.
    pub witness: bool,
    /// Changes of the arbiter.
    pub changes: u8,
    /// Crashes and boots together with clean stops.
    pub crashes: u8,
    /// Boots.
    pub boots: u8,
    /// Cuts of the network in the middle.
    pub cuts: u8,
    /// Elections and forced changes: the highest term.
    pub terms: u64,
    /// Writes.
    pub writes: u8,
    /// Crashes of the witness.
    pub witness_crashes: u8,
    /// Overrides by a person, and clean stops.
    pub people: u8,
}

/// The model of one variant.
pub struct Split {
    /// The rule that is left out.
    pub without: Without,
    /// How much may happen.
    pub bounds: Bounds,
    /// When service must be possible.
    pub liveness: Liveness,
}

/// From which states somebody must be able to serve again, without a boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// Not checked.
    None,
    /// All nodes are up; without a person.
    AllUp,
    /// The others stopped cleanly; without a person.
    AfterCleanStop,
    /// Anybody is up, and a person may help.
    WithPerson,
}

/// A node: on disk, then in memory.
#[derive(Clone, Hash)]
struct Node {
    is_up: bool,
    boot: u8,
    /// On disk from here.
    term: u64,
    /// Term of the last leader's entry, and the writes as bits.
    last: u64,
    writes: u8,
    lineage: Lineage,
    voters: u8,
    arbiters: Vec<Who>,
    pledged: Option<u64>,
    /// In memory from here.
    leads: bool,
    standing: bool,
    force: Option<u64>,
    pledges: u8,
    /// The record is half written: the lineage without its voters (rule 6 left out).
    torn: Option<u8>,
    /// Its arbiters stand in its own log only.
    fresh: bool,
    /// It kept its old log (rule 5 left out).
    kept: bool,
    /// The newest boot of each node that it knows.
    heard: Vec<u8>,
}

#[derive(Clone, Hash, PartialEq, Eq, PartialOrd, Ord)]
struct Request {
    by: u8,
    boot: u8,
    attempt: u64,
    target: u8,
    done: bool,
}

/// Everything.
#[derive(Clone)]
pub struct State {
    nodes: Vec<Node>,
    halves: Vec<Half>,
    is_cut: bool,
    requests: Vec<Request>,
    asks: Vec<(u8, u8, u64, Ask)>,
    answers: Vec<(u8, u8, u64, Answer)>,
    record: Record,
    /// The witness in memory, when it differs from its disk.
    unsynced: Option<Record>,
    acknowledged: u8,
    /// Clean stop of this node, with nothing lost since.
    stopped: Option<u8>,
    used: Used,
}

#[derive(Clone, Copy, Default, Hash)]
struct Used {
    changes: u8,
    crashes: u8,
    boots: u8,
    cuts: u8,
    writes: u8,
    witness_crashes: u8,
    people: u8,
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.nodes.hash(hasher);
        for half in &self.halves {
            half.remembered().hash(hasher);
        }
        (self.is_cut, &self.requests, &self.asks, &self.answers).hash(hasher);
        (&self.record, &self.unsynced, self.acknowledged).hash(hasher);
        (self.stopped, self.used).hash(hasher);
    }
}

/// One thing that happens. Nodes are `0, 1, ..`.
#[derive(Debug, Clone)]
#[allow(dead_code)] // The numbers are for the printed path.
pub enum Action {
    /// The network is cut in the middle.
    Cut,
    /// It is whole again.
    Heal,
    /// A node loses power.
    Crash(u8),
    /// It boots.
    Boot(u8),
    /// A node is elected by a majority.
    Elect(u8),
    /// A leader acknowledges a write.
    Write(u8),
    /// A node takes the log of a leader.
    Copy(u8, u8),
    /// A leader makes it a voter.
    AddVoter(u8, u8),
    /// A node stops cleanly.
    Stop(u8),
    /// A device switches the target of a request off.
    Off(u8),
    /// The device answers.
    Report(u8),
    /// A node pledges to another.
    Pledge(u8, u8),
    /// The forced change is written.
    Force(u8),
    /// The second part of a record that is not one.
    Second(u8),
    /// A person names the others as lost.
    Override(u8),
    /// An ask arrives.
    Ask(u8),
    /// The witness writes its record.
    Sync,
    /// An answer arrives.
    Answer(u8),
    /// The witness crashes.
    WitnessCrash,
    /// A leader writes the next arbiter into its log.
    NextArbiter(u8),
    /// A majority has it.
    SpreadArbiter(u8),
    /// It is known committed.
    KnowArbiter(u8),
}

impl Model for Split {
    type State = State;
    type Action = Action;

    fn start(&self) -> State {
        let count = self.bounds.nodes;
        let arbiter = if self.bounds.witness {
            WITNESS
        } else {
            Who::Fence
        };
        let node = Node {
            is_up: true,
            boot: 1,
            term: 1,
            last: 1,
            writes: 0,
            lineage: Lineage::default(),
            voters: all(count),
            arbiters: vec![arbiter],
            pledged: None,
            leads: false,
            standing: true,
            force: None,
            pledges: 0,
            torn: None,
            fresh: false,
            kept: false,
            heard: vec![1; count.into()],
        };
        let mut state = State {
            nodes: vec![node; count.into()],
            halves: vec![Half::new(); count.into()],
            is_cut: false,
            requests: vec![],
            asks: vec![],
            answers: vec![],
            record: Record::default(),
            unsynced: None,
            acknowledged: 0,
            stopped: None,
            used: Used::default(),
        };
        state.nodes[0].leads = true;
        self.settle(&mut state);
        state
    }

    fn next(&self, state: &State) -> Vec<(Action, State)> {
        let mut found = vec![];
        let mut add = |action: Action, change: &dyn Fn(&Self, &mut State) -> bool| {
            let mut next = state.clone();
            if change(self, &mut next) {
                self.settle(&mut next);
                found.push((action, next));
            }
        };
        add(Action::Cut, &|model, s| model.cut(s));
        add(Action::Heal, &|_, s| std::mem::take(&mut s.is_cut));
        for n in 0..self.bounds.nodes {
            add(Action::Crash(n), &|model, s| model.crash(s, n));
            add(Action::Boot(n), &|model, s| model.boot(s, n));
            add(Action::Elect(n), &|model, s| model.elect(s, n));
            add(Action::Write(n), &|model, s| model.write(s, n));
            add(Action::Stop(n), &|model, s| model.stop(s, n));
            add(Action::Force(n), &|model, s| model.force(s, n));
            add(Action::Second(n), &|_, s| second(s, n));
            add(Action::Override(n), &|model, s| model.person(s, n));
            add(Action::NextArbiter(n), &|model, s| model.next_arbiter(s, n));
            add(Action::SpreadArbiter(n), &|model, s| model.spread(s, n));
            add(Action::KnowArbiter(n), &|model, s| model.know(s, n));
            for m in (0..self.bounds.nodes).filter(|m| *m != n) {
                add(Action::Copy(n, m), &|model, s| model.copy(s, n, m));
                add(Action::AddVoter(n, m), &|model, s| model.add_voter(s, n, m));
                add(Action::Pledge(n, m), &|model, s| model.pledge(s, n, m));
            }
        }
        for place in 0..u8::try_from(state.requests.len()).unwrap() {
            add(Action::Off(place), &|_, s| switch_off(s, place));
            add(Action::Report(place), &|model, s| model.report(s, place));
        }
        for place in 0..u8::try_from(state.asks.len()).unwrap() {
            add(Action::Ask(place), &|model, s| model.ask(s, place));
        }
        for place in 0..u8::try_from(state.answers.len()).unwrap() {
            add(Action::Answer(place), &|model, s| model.answer(s, place));
        }
        add(Action::Sync, &|_, s| sync(s));
        add(Action::WitnessCrash, &|model, s| model.witness_crash(s));
        found
    }

    fn violated(&self, state: &State) -> Option<&'static str> {
        let able = |n: &u8| self.is_able(state, *n);
        let mut leaders = (0..self.bounds.nodes).filter(able).peekable();
        while let Some(leader) = leaders.next() {
            let has = state.nodes[usize::from(leader)].writes;
            if has & state.acknowledged != state.acknowledged {
                return Some("an acknowledged write is missing");
            }
            if leaders.peek().is_some() {
                return Some("two sides serve");
            }
        }
        None
    }

    fn must_serve(&self, state: &State) -> bool {
        // Near the bound on terms nobody can be elected any more, which proves nothing.
        let has_terms = (state.nodes.iter()).all(|node| node.term + 2 <= self.bounds.terms);
        let up = state.nodes.iter().filter(|node| node.is_up).count();
        let asks = match self.liveness {
            Liveness::None => false,
            Liveness::AllUp => up == state.nodes.len(),
            Liveness::AfterCleanStop => state.stopped.is_some() && 0 < up,
            Liveness::WithPerson => 0 < up && state.used.people < self.bounds.people,
        };
        asks && has_terms
    }

    fn serves(&self, state: &State) -> bool {
        (0..self.bounds.nodes).any(|n| self.is_able(state, n))
    }

    fn is_help(&self, action: &Action) -> bool {
        match self.liveness {
            Liveness::WithPerson => matches!(action, Action::Boot(_)),
            Liveness::None | Liveness::AllUp | Liveness::AfterCleanStop => {
                matches!(action, Action::Boot(_) | Action::Override(_))
            }
        }
    }
}

fn all(count: u8) -> u8 {
    (1 << count) - 1
}

fn bit(n: u8) -> u8 {
    1 << n
}

fn id(n: u8) -> NodeId {
    NodeId(u64::from(n) + 1)
}

fn index(node: NodeId) -> u8 {
    u8::try_from(node.0 - 1).unwrap()
}

fn boot_id(boot: u8) -> BootId {
    BootId([boot; 16])
}

/// Whether a log with this end may be followed by a voter with that end.
fn is_up_to_date(ours: &Node, theirs: &Node) -> bool {
    let end = |node: &Node| (node.last, node.writes.count_ones());
    end(theirs) <= end(ours)
}

/// What stands in a leader's log comes to a follower.
fn take_log(to: &mut Node, from: &Node) {
    if !to.kept {
        to.writes = from.writes;
    }
    to.last = from.last;
    to.term = from.term;
    to.voters = from.voters;
    if !from.fresh {
        to.arbiters.clone_from(&from.arbiters);
        to.fresh = false;
    }
    if to.pledged.is_some_and(|term| term < from.term) {
        to.pledged = None;
    }
    to.leads = false;
}

fn end_run(node: &mut Node) {
    node.is_up = false;
    node.leads = false;
    node.standing = false;
    node.force = None;
    node.pledges = 0;
    node.torn = None;
    node.fresh = false;
}

fn switch_off(state: &mut State, place: u8) -> bool {
    let request = &mut state.requests[usize::from(place)];
    let is_new = !std::mem::replace(&mut request.done, true);
    end_run(&mut state.nodes[usize::from(request.target)]);
    is_new
}

fn second(state: &mut State, n: u8) -> bool {
    let node = &mut state.nodes[usize::from(n)];
    let Some(voters) = node.torn.take() else {
        return false;
    };
    node.voters = voters;
    node.leads = true;
    true
}

fn sync(state: &mut State) -> bool {
    let Some(record) = state.unsynced.take() else {
        return false;
    };
    state.record = record;
    true
}

/// Whether one more of these may happen.
fn spend(used: &mut u8, bound: u8) -> bool {
    let may = *used < bound;
    *used += u8::from(may);
    may
}

impl Split {
    fn nodes(&self) -> std::ops::Range<u8> {
        0..self.bounds.nodes
    }

    fn is_linked(&self, state: &State, a: u8, b: u8) -> bool {
        let side = |n: u8| n < self.bounds.nodes / 2;
        let is_up = |n: u8| state.nodes[usize::from(n)].is_up;
        is_up(a) && is_up(b) && (!state.is_cut || side(a) == side(b))
    }

    /// Those whom a node hears in its own history, and itself.
    fn company(&self, state: &State, n: u8) -> Vec<u8> {
        let lineage = |n: u8| state.nodes[usize::from(n)].lineage;
        let is_with = |m: &u8| self.is_linked(state, n, *m) && lineage(*m) == lineage(n);
        self.nodes().filter(is_with).collect()
    }

    fn is_able(&self, state: &State, n: u8) -> bool {
        let node = &state.nodes[usize::from(n)];
        let follows = |m: &&u8| {
            node.voters & bit(**m) != 0 && state.nodes[usize::from(**m)].term <= node.term
        };
        let count = self.company(state, n).iter().filter(follows).count();
        node.is_up && node.leads && node.voters.count_ones() as usize / 2 < count
    }
}
