//! Random orders as raft gives them, and beside them a plain model of what must be there.

use std::collections::BTreeMap;

use model::{Lineage, NodeId};
use proptest::prelude::*;
use raft::{Persist, PersistSeq, Restored};
use wire::raft::{Configuration, Entry, ForcedChange, HardState, Payload, Pledge, SnapshotMeta};

/// One step of a history.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    Sync,
    Idle,
    Order(Kind),
}

/// What an order does; the numbers are turned into something legal.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Append { count: u8 },
    Rewrite { back: u8, count: u8 },
    Vote,
    OwnSnapshot { back: u8, count: u8 },
    LeadersSnapshot { ahead: u8, count: u8 },
}

pub fn any_steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let kind = prop_oneof![
        4 => (0u8..5).prop_map(|count| Kind::Append { count }),
        2 => (1u8..6, 0u8..4).prop_map(|(back, count)| Kind::Rewrite { back, count }),
        1 => Just(Kind::Vote),
        1 => (0u8..6, 0u8..3).prop_map(|(back, count)| Kind::OwnSnapshot { back, count }),
        1 => (1u8..9, 0u8..3).prop_map(|(ahead, count)| Kind::LeadersSnapshot { ahead, count }),
    ];
    let step =
        prop_oneof![3 => Just(Step::Sync), 1 => Just(Step::Idle), 6 => kind.prop_map(Step::Order)];
    proptest::collection::vec(step, 0..most)
}

/// What must be there, in plain words.
#[derive(Debug, Clone, Default, PartialEq)]
struct Model {
    hard_state: HardState,
    snapshot: Option<(SnapshotMeta, Vec<u8>)>,
    entries: BTreeMap<u64, Entry>,
}

impl Model {
    fn covered(&self) -> u64 {
        self.snapshot.as_ref().map_or(0, |(meta, _)| meta.index)
    }

    fn last(&self) -> u64 {
        self.entries
            .keys()
            .last()
            .copied()
            .unwrap_or(0)
            .max(self.covered())
    }

    fn apply(&mut self, order: &Persist) {
        if let Some(state) = &order.hard_state {
            self.hard_state = state.clone();
        }
        if let Some(snapshot) = &order.snapshot {
            self.snapshot = Some(snapshot.clone());
        }
        if let Some(from) = order.truncate_from {
            self.entries.split_off(&from);
        }
        self.entries.extend(
            order
                .entries
                .iter()
                .map(|entry| (entry.index, entry.clone())),
        );
        self.entries = self.entries.split_off(&(self.covered() + 1));
    }

    fn of(restored: &Restored) -> Self {
        Self {
            hard_state: restored.hard_state.clone(),
            snapshot: restored.snapshot.clone(),
            entries: restored
                .entries
                .iter()
                .map(|entry| (entry.index, entry.clone()))
                .collect(),
        }
    }
}

/// All states that a power loss may leave, oldest first.
#[derive(Debug)]
pub struct History {
    states: Vec<Model>,
    /// So that no two entries or states are alike by chance.
    counter: u64,
}

impl Default for History {
    fn default() -> Self {
        Self {
            states: vec![Model::default()],
            counter: 0,
        }
    }
}

impl History {
    /// What was found must be one of the states; the history goes on from there.
    pub fn continue_from(&mut self, found: &Restored) {
        let found = Model::of(found);
        assert!(
            self.states.contains(&found),
            "found {found:#?}\nexpected one of {:#?}",
            self.states
        );
        self.states = vec![found];
    }

    /// What was found must be the latest state.
    pub fn expect_last(&self, found: &Restored) {
        assert_eq!(Some(&Model::of(found)), self.states.last());
    }

    /// What was written so far must not be lost any more.
    pub fn acknowledge(&mut self) {
        self.states.drain(..self.states.len() - 1);
    }

    /// Makes an order and takes it into account as written.
    pub fn order(&mut self, kind: Kind) -> Persist {
        self.counter += 1;
        let mut now = self.states.last().unwrap().clone();
        let mut order = Persist {
            seq: PersistSeq(self.counter),
            ..Persist::default()
        };
        let (last, covered) = (now.last(), now.covered());
        match kind {
            Kind::Append { count } => order.entries = self.entries(last + 1, count),
            Kind::Rewrite { back, count } => {
                let from = last.saturating_sub(u64::from(back)).max(covered) + 1;
                order.truncate_from = Some(from);
                order.entries = self.entries(from, count);
            }
            Kind::Vote => order.hard_state = Some(self.hard_state()),
            Kind::OwnSnapshot { back, count } => {
                // Raft may put entries and a snapshot that covers some of them in one order.
                order.entries = self.entries(last + 1, count);
                let end = last + u64::from(count);
                order.snapshot =
                    Some(self.snapshot(end.saturating_sub(u64::from(back)).max(covered)));
            }
            Kind::LeadersSnapshot { ahead, count } => {
                let index = last + u64::from(ahead);
                order.truncate_from =
                    Some(now.entries.keys().next().copied().unwrap_or(covered + 1));
                order.snapshot = Some(self.snapshot(index));
                order.hard_state = Some(self.hard_state());
                order.entries = self.entries(index + 1, count);
            }
        }
        now.apply(&order);
        self.states.push(now);
        order
    }

    fn entries(&self, from: u64, count: u8) -> Vec<Entry> {
        let entry = |index| Entry {
            index,
            term: self.counter,
            payload: match index % 3 {
                0 => Payload::Empty,
                1 => Payload::Voters(Configuration::of_voters([NodeId(index)])),
                _ => Payload::Command(vec![self.counter as u8; (index % 50) as usize]),
            },
        };
        (from..from + u64::from(count)).map(entry).collect()
    }

    fn hard_state(&self) -> HardState {
        let lineage = Lineage {
            generation: 1,
            maker: NodeId(1),
            random: self.counter,
        };
        // The record of a forced change must come and go with the rest, like any other part.
        let forced = self.counter.is_multiple_of(3).then(|| ForcedChange {
            lineage,
            term: self.counter,
            configuration: Configuration::of_voters([NodeId(self.counter)]),
            prev_index: self.counter,
            prev_term: 1,
        });
        let pledge = self.counter.is_multiple_of(2).then_some(Pledge {
            lineage,
            term: self.counter,
            candidate: NodeId(3),
        });
        HardState {
            term: self.counter,
            vote: Some(NodeId(3)),
            commit: 0,
            lineage,
            pledge,
            forced,
        }
    }

    fn snapshot(&self, index: u64) -> (SnapshotMeta, Vec<u8>) {
        let meta = SnapshotMeta {
            index,
            term: self.counter,
            ..SnapshotMeta::default()
        };
        (meta, vec![self.counter as u8; 100])
    }
}
