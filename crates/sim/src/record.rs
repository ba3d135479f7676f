//! The one true log: every entry as it was first seen committed, and the state that follows
//! from it. All nodes are compared with it.

use std::collections::{BTreeMap, BTreeSet};

use model::seen::{FenceResult, NodeState};
use model::{BootId, Command, Instant, NodeName, Stamped};
use state::State;
use wire::raft::{Configuration, Entry, Payload};

/// One committed entry.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Known {
    pub term: u64,
    pub payload: Payload,
    /// When it was first seen committed.
    pub at: Instant,
}

pub(crate) struct Record {
    base: u64,
    entries: Vec<Known>,
    state: State,
    configuration: Configuration,
    /// Confirmed fences since a person vouched for the node.
    fenced: BTreeMap<NodeName, usize>,
    has_fenced: bool,
    /// Whose boot the last entry counts as ended.
    ended: Option<(NodeName, BootId)>,
    has_outlived: bool,
    /// When nodes ceased to be lost, the last time.
    not_lost_since: BTreeMap<NodeName, Instant>,
}

/// What an entry that a node has applied is for the record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Met {
    /// It was known and is the same.
    Same,
    /// It was known and is another one.
    Differs,
    /// Nobody had it before.
    New,
    /// It does not follow what is known.
    Gap,
}

impl Record {
    pub fn new(state: State, base: u64, configuration: Configuration) -> Self {
        Self {
            base,
            entries: Vec::new(),
            state,
            configuration,
            fenced: BTreeMap::new(),
            has_fenced: false,
            ended: None,
            has_outlived: false,
            not_lost_since: BTreeMap::new(),
        }
    }

    /// Whether the log counted a node as lost at that moment or at any later one.
    pub fn is_lost_after(&self, name: &NodeName, moment: Instant) -> bool {
        let ceased = self.not_lost_since.get(name);
        lost(&self.state).contains(name) || ceased.is_some_and(|ceased| moment <= *ceased)
    }

    fn note_lost(&mut self, before: BTreeSet<NodeName>, at: Instant) {
        for name in before.difference(&lost(&self.state)) {
            self.not_lost_since.insert(name.clone(), at);
        }
    }

    /// The voters as of the last entry.
    pub fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// How often each node was fenced since a person vouched for it.
    pub fn fenced(&self) -> impl Iterator<Item = (&NodeName, usize)> {
        self.fenced.iter().map(|(name, times)| (name, *times))
    }

    /// Whether the last entry confirmed a fence.
    pub fn has_fenced(&self) -> bool {
        self.has_fenced
    }

    /// Whether the last entry tells of a watchdog that was waited out.
    pub fn has_outlived(&self) -> bool {
        self.has_outlived
    }

    /// Whose boot counts as ended since the last entry, by a device or its watchdog.
    pub fn ended(&self) -> Option<&(NodeName, BootId)> {
        self.ended.as_ref()
    }

    /// The last entry.
    pub fn last(&self) -> u64 {
        self.base + self.entries.len() as u64
    }

    /// The state after it.
    pub fn state(&self) -> &State {
        &self.state
    }

    pub fn entry(&self, index: u64) -> Option<&Known> {
        let place = index.checked_sub(self.base + 1)?;
        self.entries.get(place as usize)
    }

    /// Whether this entry was not followed.
    pub fn is_before(&self, index: u64) -> bool {
        index <= self.base
    }

    pub fn meet(&self, entry: &Entry) -> Met {
        match self.entry(entry.index) {
            Some(known) if known.term == entry.term && known.payload == entry.payload => Met::Same,
            Some(_) => Met::Differs,
            None if entry.index <= self.base => Met::Same,
            None if entry.index == self.last() + 1 => Met::New,
            None => Met::Gap,
        }
    }

    /// Goes on from a state that was not followed entry by entry.
    pub fn jump(&mut self, state: State, (index, at): (u64, Instant), voters: Configuration) {
        let (fenced, has_fenced) = (std::mem::take(&mut self.fenced), false);
        let before = lost(&self.state);
        *self = Self {
            base: index,
            entries: Vec::new(),
            state,
            configuration: voters,
            fenced,
            has_fenced,
            ended: None,
            has_outlived: false,
            not_lost_since: std::mem::take(&mut self.not_lost_since),
        };
        self.note_lost(before, at);
    }

    /// Takes a new entry; what people would be told of it.
    pub fn take(&mut self, entry: &Entry, at: Instant) -> Vec<String> {
        let told = self.state.history().back().map_or(0, |last| last.index);
        let locks = self.state.locks().history().back();
        let told = locks.map_or(told, |last| last.index.max(told));
        self.has_fenced = false;
        self.ended = None;
        self.has_outlived = false;
        if let Some(configuration) = entry.payload.configuration() {
            self.configuration = configuration.clone();
        }
        if let Payload::Command(bytes) = &entry.payload
            && let Ok(stamped) = serde_json::from_slice::<Stamped>(bytes)
        {
            let before = lost(&self.state);
            self.apply(entry.index, &stamped);
            self.note_lost(before, at);
        }
        self.entries.push(Known {
            term: entry.term,
            payload: entry.payload.clone(),
            at,
        });
        let of_locks = self.state.locks().history();
        let all = [self.state.history(), of_locks].into_iter();
        let news = all.flat_map(|lines| {
            let news = lines.iter().rev().take_while(|line| told < line.index);
            let mut news: Vec<String> = news.map(|line| line.what.to_string()).collect();
            news.reverse();
            news
        });
        news.collect()
    }

    fn apply(&mut self, index: u64, stamped: &Stamped) {
        let boot_of = |name| self.state.seen().nodes.get(name)?.state.boot();
        let ended = match &stamped.command {
            Command::FenceEnded {
                target,
                result: FenceResult::Confirmed { .. } | FenceResult::OutlivedWatchdog { .. },
                ..
            } => boot_of(target).map(|boot| (target.clone(), boot)),
            _other => None,
        };
        // What is rejected is rejected everywhere, and changes nothing.
        if self.state.apply(index, stamped).is_err() {
            return;
        }
        self.ended = ended;
        self.has_outlived = matches!(
            stamped.command,
            Command::FenceEnded {
                result: FenceResult::OutlivedWatchdog { .. },
                ..
            }
        );
        match &stamped.command {
            Command::FenceEnded {
                target,
                result: FenceResult::Confirmed { .. },
                ..
            } => {
                *self.fenced.entry(target.clone()).or_default() += 1;
                self.has_fenced = true;
            }
            Command::ConfirmFence { target, .. } => {
                self.fenced.remove(target);
            }
            _other => {}
        }
    }
}

/// The nodes that are lost.
fn lost(state: &State) -> BTreeSet<NodeName> {
    let nodes = state.seen().nodes.iter();
    let lost = nodes.filter(|(_, seen)| matches!(seen.state, NodeState::Lost { .. }));
    lost.map(|(name, _)| name.clone()).collect()
}
