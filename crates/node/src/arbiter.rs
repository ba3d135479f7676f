//! The leader's duty for the arbiter: a witness that answers decides between two halves, one
//! that is silent is taken out, as long as there is a majority that can agree on it.
//!
//! The change is an entry of the log like a change of members. Whoever has the entry and does
//! not know it committed needs the word of both arbiters, so a change that is cut short
//! makes nobody free.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::seen::{WitnessKind, WitnessSeen};
use model::{Command, Instant, NodeId, Reason};
use raft::{Arbiter, Change};

use crate::liveness::Liveness;
use crate::node::Node;

/// A witness is trusted once it has answered for this long. It is asked each second; one that
/// comes and goes shall not change the log each time.
const TRUSTED_AFTER: Duration = Duration::from_secs(3);

/// A witness that has said nothing for this long is taken out. Four questions in a row went
/// unanswered then; and a loss of a node in that time finds it still the arbiter, so it
/// should be short.
const SILENT_AFTER: Duration = Duration::from_secs(5);

/// Words of witnesses that are remembered: the state allows four.
const WITNESSES_MAX: usize = 8;

/// What the log calls this witness.
#[must_use]
pub fn arbiter_of(witness: &WitnessSeen) -> Arbiter {
    match witness.kind {
        WitnessKind::Network { .. } => Arbiter::Witness(witness.id),
        WitnessKind::Disk { .. } => Arbiter::Disk(witness.id),
    }
}

/// A witness, as this node hears it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Word {
    /// Since when it answers us and a majority, without a pause of `SILENT_AFTER`.
    good_since: Option<Instant>,
    /// When it last answered us.
    at: Instant,
}

/// All witnesses, as this node hears them.
#[derive(Debug, Default)]
pub(crate) struct Words(BTreeMap<Arbiter, Word>);

impl Words {
    fn is_trusted(&self, arbiter: &Arbiter, now: Instant) -> bool {
        let since = self.0.get(arbiter).and_then(|word| word.good_since);
        !self.is_silent(arbiter, now) && since.is_some_and(|since| since + TRUSTED_AFTER <= now)
    }

    fn is_silent(&self, arbiter: &Arbiter, now: Instant) -> bool {
        let word = self.0.get(arbiter);
        word.is_none_or(|word| word.at + SILENT_AFTER <= now)
    }

    /// Zero where it has never answered.
    fn silent_for(&self, arbiter: &Arbiter, now: Instant) -> Duration {
        let word = self.0.get(arbiter);
        word.map_or(Duration::ZERO, |word| {
            now.saturating_duration_since(word.at)
        })
    }

    /// When this witness may become trusted or silent.
    fn next_deadline(&self, now: Instant) -> Option<Instant> {
        let times = self.0.values().flat_map(|word| {
            let good = word.good_since.map(|since| since + TRUSTED_AFTER);
            good.into_iter().chain([word.at + SILENT_AFTER])
        });
        times.filter(|at| now < *at).min()
    }
}

impl Node {
    /// A witness has answered this node, and says whom it hears.
    pub fn handle_witness(&mut self, arbiter: Arbiter, hears: BTreeSet<NodeId>, now: Instant) {
        let voters = &self.raft.configuration().voters;
        let heard = voters.intersection(&hears).count();
        let is_good = voters.len() < 2 * heard;
        let before = self.words.0.get(&arbiter);
        let before = before.filter(|word| now < word.at + SILENT_AFTER);
        let since = before.and_then(|word| word.good_since).unwrap_or(now);
        let word = Word {
            good_since: is_good.then_some(since),
            at: now,
        };
        self.words.0.insert(arbiter, word);
        while WITNESSES_MAX < self.words.0.len() {
            self.words.0.pop_first();
        }
        self.advance(now);
    }

    /// What runs here, as a witness weighs it.
    #[must_use]
    pub fn weight_here(&self) -> u64 {
        let spec = self.state.spec();
        spec.map_or(0, |spec| {
            quorum::race::weight(spec, self.state.seen(), [&self.config.name])
        })
    }

    /// What history does not know yet of the arbiter that is in force.
    pub(crate) fn arbiter_news(&self, now: Instant) -> Option<Command> {
        let witnesses = &self.state.seen().witnesses;
        let present = self.raft.configuration().arbiter;
        let in_force = witnesses
            .iter()
            .find(|(_, seen)| arbiter_of(seen) == present);
        if in_force.is_none() && present != Arbiter::default() {
            // It was taken out, and is still to be replaced.
            return None;
        }
        let witness = in_force.map(|(name, _)| name.clone());
        let told = &self.state.seen().arbiter;
        let because = match (&witness, told) {
            _ if witness == *told => return None,
            (Some(witness), _) => Reason::WitnessAnswers {
                witness: witness.clone(),
            },
            (None, Some(before)) => match witnesses.get(before) {
                Some(seen) => Reason::WitnessSilent {
                    witness: before.clone(),
                    silent_for: self.words.silent_for(&arbiter_of(seen), now),
                },
                None => Reason::WitnessRemoved {
                    witness: before.clone(),
                },
            },
            (None, None) => return None,
        };
        Some(Command::ArbiterIs { witness, because })
    }

    /// The change of the arbiter that is due, if any is.
    pub(crate) fn arbiter_change(&self, now: Instant) -> Option<Change> {
        let wanted = self.wanted_arbiter(now);
        let present = self.raft.configuration().arbiter;
        (wanted != present && self.hears_majority()).then_some(Change::SetArbiter(wanted))
    }

    fn wanted_arbiter(&self, now: Instant) -> Arbiter {
        let present = self.raft.configuration().arbiter;
        let known: Vec<Arbiter> = self
            .state
            .seen()
            .witnesses
            .values()
            .map(arbiter_of)
            .collect();
        if known.contains(&present) && !self.is_done_with(&present, now) {
            return present;
        }
        let trusted = |arbiter: &&Arbiter| self.words.is_trusted(arbiter, now);
        known.iter().find(trusted).copied().unwrap_or_default()
    }

    /// A leader that has just begun has not been answered yet.
    fn is_done_with(&self, present: &Arbiter, now: Instant) -> bool {
        let leads_long = self.duties.leads_for(now) >= SILENT_AFTER;
        leads_long && self.words.is_silent(present, now)
    }

    /// A change that a loss is about to cut short is not begun.
    fn hears_majority(&self) -> bool {
        let voters = &self.raft.configuration().voters;
        let here = voters.iter().filter(|voter| {
            let heard = self.liveness.get(voter);
            **voter == self.config.id || matches!(heard, Some(Liveness::Alive { .. }))
        });
        voters.len() < 2 * here.count()
    }

    /// When a witness may become trusted or silent.
    pub(crate) fn arbiter_deadline(&self, now: Instant) -> Option<Instant> {
        if self.state.seen().witnesses.is_empty() {
            return None;
        }
        let leads_long = self.duties.leads_until(SILENT_AFTER).filter(|at| now < *at);
        self.words
            .next_deadline(now)
            .into_iter()
            .chain(leads_long)
            .min()
    }
}
