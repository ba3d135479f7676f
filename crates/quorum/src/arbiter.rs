//! What a witness remembers of one cluster, and to whom it gives its vote.
//!
//! A grant is a vote and nothing else: for one lineage there is one, and it belongs to one half.
//! It is bound to the term that the candidate asked for, and to its *keeper*: the voter that was
//! first granted it. A forced change needs the vote of everybody in its half, so two changes
//! whose halves both have the keeper exclude each other by the keeper's own pledge, and of
//! such a half anybody may ask, as often as it likes, for terms that do not fall. Anybody else
//! may ask once they show that the lineage has had a leader elected in a later term than the
//! grant's, because of the majority that elected it somebody would have pledged had the grant
//! been used, and now never can in that term. The keeper is then the one who asks.
//!
//! The keeper stays when another one of its half takes the vote over. If it went along, the
//! vote could go round from half to half: by the second to a half with the third, and by that
//! one to a half that shares nobody with the first.
//!
//! ```text
//!   handle_ask ──► (other half heavier and there: Wait) ──► Persist ──► handle_persisted ──► Granted
//!              └─► Refused { to }
//! ```
//!
//! Nothing is answered that is not on disk. A witness that lost what it had persisted must not
//! be started again under the same name: it would vote twice.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use model::plant::{self, Plant};
use model::{Instant, Lineage, NodeId};
use serde::{Deserialize, Serialize};

/// The version of [`Record`] that this program writes.
pub const RECORD_VERSION: u32 = 1;

/// Lineages whose grant is kept. A cluster makes one per forced change, and an older one than
/// the last few can only be asked for by a node that was away for all of them; what is dropped
/// is refused from then on ([`Record::refused_up_to`]), never forgotten.
pub const LINEAGES_MAX: usize = 8;

/// Nodes whose pings are kept: the largest cluster. The longest silent ones go first.
pub const NODES_MAX: usize = 64;

/// Voters that an ask may name: the largest cluster.
pub const VOTERS_MAX: usize = 64;

/// A node that pinged within this time is there, and may ask. Nodes ping four times a second, so
/// this allows for a lost ping; and it is shorter than `lost_after` (0.8 s), so that nobody waits
/// for the ask of a half that has no power any more.
pub const HEARD_RECENTLY: Duration = Duration::from_millis(700);

/// How long the lighter half waits for an ask of the heavier one. Both halves notice a cut
/// within the same `lost_after` (0.8 s), so an ask that is not here by then will not come.
pub const PREFERENCE_WAIT: Duration = Duration::from_secs(1);

/// After this long the first ask of a half is over, and a new one waits anew: enough for a few
/// repeated asks, and less than the time between two cuts.
const PREFERENCE_FORGET: Duration = Duration::from_secs(30);

/// What a candidate asks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ask {
    /// The history that it wants to end by a forced change.
    pub lineage: Lineage,
    /// The one term in which it will use the grant.
    pub term: u64,
    /// The candidate.
    pub candidate: NodeId,
    /// The run of its daemon: a later run has no standing and is somebody else.
    pub run: u64,
    /// The voters of the last configuration.
    pub voters: BTreeSet<NodeId>,
    /// Those of them that go on: the candidate's half, with itself.
    pub rest: BTreeSet<NodeId>,
    /// What `rest` runs ([`crate::race::weight`]).
    pub weight: u64,
    /// The latest term in which a leader of this lineage is known to have been elected: of the
    /// last entry of the candidate's log, or of a leader that it heard.
    pub led_term: u64,
}

/// What a node tells a witness four times a second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping {
    /// The node.
    pub node: NodeId,
    /// What it runs, see [`crate::race::weight`].
    pub weight: u64,
    /// Whom it hears; for people, no decision follows from it.
    pub hears: BTreeSet<NodeId>,
}

/// What a witness says to an [`Ask`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Its vote, on its disk, for this lineage and term.
    Granted {
        /// From the ask.
        lineage: Lineage,
        /// From the ask.
        term: u64,
    },
    /// Somebody else has the vote.
    Refused {
        /// The keeper: whoever has it in its half may have the vote.
        to: NodeId,
        /// The term of that grant.
        term: u64,
    },
    /// The other half is preferred for a moment: ask again then.
    Wait {
        /// How long.
        #[serde(with = "millis")]
        span: Duration,
    },
    /// The lineage is older than those the witness keeps; it was ended long ago.
    Outdated,
    /// The ask contradicts itself.
    Invalid {
        /// How.
        because: Invalid,
    },
}

/// How an ask contradicts itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Invalid {
    /// Too few, or more than [`VOTERS_MAX`].
    #[error("a configuration has 1 to {VOTERS_MAX} voters")]
    Voters,
    /// The candidate is not of the half that it asks for.
    #[error("the candidate is not in the half that it asks for")]
    Candidate,
    /// Not half of the voters.
    #[error("the grant is for exactly half of the voters")]
    NotHalf,
    /// A leader was elected in the term asked for, or later.
    #[error("the term asked for is not later than the last leader's")]
    Term,
}

/// One vote that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Grant {
    /// Who belongs to every half that was granted it, so that no two of them can use it.
    pub keeper: NodeId,
    /// To whom, last.
    pub candidate: NodeId,
    /// In which run of its daemon.
    pub run: u64,
    /// For which term: of all that were granted under this keeper the latest.
    pub term: u64,
}

impl Grant {
    /// What an ask gets, given the vote that was given before it; none when it may not have it.
    #[must_use]
    pub fn after(before: Option<&Self>, ask: &Ask) -> Option<Self> {
        let grant = |keeper: NodeId| Self {
            keeper,
            candidate: ask.candidate,
            run: ask.run,
            term: ask.term,
        };
        match before {
            Some(before) if before.term < ask.led_term => Some(grant(ask.candidate)),
            // A late copy of an earlier ask must not take the vote back to its term.
            Some(before) if ask.rest.contains(&before.keeper) => {
                (before.term <= ask.term).then_some(grant(before.keeper))
            }
            Some(_) => None,
            None => Some(grant(ask.candidate)),
        }
    }
}

/// What a witness keeps on disk for one cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Record {
    /// [`RECORD_VERSION`] of the program that wrote it.
    pub version: u32,
    /// All lineages of this generation and older ones that are not in `grants` are refused.
    pub refused_up_to: Option<u64>,
    /// The votes, at most [`LINEAGES_MAX`].
    pub grants: Vec<(Lineage, Grant)>,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            version: RECORD_VERSION,
            refused_up_to: None,
            grants: Vec::new(),
        }
    }
}

/// Why a record cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Written by a newer program.
    #[error("the record has version {found}, this program knows {RECORD_VERSION}")]
    Version {
        /// The version found.
        found: u32,
    },
    /// More than this program writes.
    #[error("the record has {found} grants, {LINEAGES_MAX} are the most")]
    TooMany {
        /// How many.
        found: usize,
    },
    /// Two votes for one lineage.
    #[error("the record has two grants for generation {generation}")]
    Twice {
        /// Of this generation.
        generation: u64,
    },
}

/// What the witness shall do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Write this record durably, then call [`Arbiter::handle_persisted`] with the number.
    Persist {
        /// Grows with each record; a later record contains the earlier ones.
        number: u64,
        /// The whole record.
        record: Record,
    },
    /// Answer an ask.
    Answer {
        /// The candidate that asked.
        to: NodeId,
        /// The number that came with the ask.
        ask: u64,
        /// What to say.
        answer: Answer,
    },
}

/// An answer that waits for the disk.
#[derive(Debug, Clone)]
struct Held {
    /// The record that must be durable first.
    number: u64,
    to: NodeId,
    ask: u64,
    answer: Answer,
}

/// A node as the witness hears it.
#[derive(Debug, Clone)]
struct Heard {
    at: Instant,
    weight: u64,
    hears: BTreeSet<NodeId>,
}

/// One cluster in the memory of a witness.
#[derive(Debug)]
pub struct Arbiter {
    grants: BTreeMap<Lineage, Grant>,
    refused_up_to: Option<u64>,
    /// At most [`NODES_MAX`].
    heard: BTreeMap<NodeId, Heard>,
    /// When each waiting candidate first asked for a lineage; at most [`NODES_MAX`].
    waiting: BTreeMap<(Lineage, NodeId), Instant>,
    /// One per candidate at most, so at most [`NODES_MAX`].
    held: BTreeMap<NodeId, Held>,
    written: u64,
    durable: u64,
    outputs: VecDeque<Output>,
}

impl Arbiter {
    /// Goes on with what was persisted; the default record for a cluster that is new here.
    ///
    /// # Errors
    /// When the record is of a newer version or not one that this program wrote.
    pub fn new(record: Record) -> Result<Self, RecordError> {
        if record.version != RECORD_VERSION {
            return Err(RecordError::Version {
                found: record.version,
            });
        }
        if LINEAGES_MAX < record.grants.len() {
            return Err(RecordError::TooMany {
                found: record.grants.len(),
            });
        }
        let mut grants = BTreeMap::new();
        for (lineage, grant) in record.grants {
            if grants.insert(lineage, grant).is_some() {
                return Err(RecordError::Twice {
                    generation: lineage.generation,
                });
            }
        }
        Ok(Self {
            grants,
            refused_up_to: record.refused_up_to,
            heard: BTreeMap::new(),
            waiting: BTreeMap::new(),
            held: BTreeMap::new(),
            written: 0,
            durable: 0,
            outputs: VecDeque::new(),
        })
    }

    /// A node says that it is there.
    pub fn handle_ping(&mut self, ping: Ping, now: Instant) {
        let heard = Heard {
            at: now,
            weight: ping.weight,
            hears: ping.hears.into_iter().take(NODES_MAX).collect(),
        };
        self.heard.insert(ping.node, heard);
        if NODES_MAX < self.heard.len()
            && let Some(oldest) = (self.heard.iter())
                .min_by_key(|(_, heard)| heard.at)
                .map(|(node, _)| *node)
        {
            self.heard.remove(&oldest);
        }
    }

    /// A candidate asks for the vote. The number is its own name for the ask, repeated in the
    /// answer.
    pub fn handle_ask(&mut self, number: u64, ask: &Ask, now: Instant) {
        let answer = match self.judge(ask, now) {
            Ok(grant) => return self.grant(number, ask, grant),
            Err(answer) => answer,
        };
        self.outputs.push_back(Output::Answer {
            to: ask.candidate,
            ask: number,
            answer,
        });
    }

    /// The record of this number, and with it all earlier ones, is durable.
    pub fn handle_persisted(&mut self, number: u64) {
        assert!(number <= self.written, "{number} was never given out");
        self.durable = self.durable.max(number);
        let durable = self.durable;
        let ready: Vec<NodeId> = (self.held.iter())
            .filter(|(_, held)| held.number <= durable)
            .map(|(node, _)| *node)
            .collect();
        for node in ready {
            let held = self.held.remove(&node).expect("it was just found");
            self.outputs.push_back(Output::Answer {
                to: held.to,
                ask: held.ask,
                answer: held.answer,
            });
        }
    }

    /// What to do next, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What stands, or is being written, on disk.
    #[must_use]
    pub fn record(&self) -> Record {
        Record {
            version: RECORD_VERSION,
            refused_up_to: self.refused_up_to,
            grants: self.grants.iter().map(|(l, g)| (*l, *g)).collect(),
        }
    }

    /// For people: each node, how long ago it was heard, and whom it hears.
    pub fn nodes(
        &self,
        now: Instant,
    ) -> impl Iterator<Item = (NodeId, Duration, &BTreeSet<NodeId>)> {
        self.heard.iter().map(move |(node, heard)| {
            (*node, now.saturating_duration_since(heard.at), &heard.hears)
        })
    }

    fn judge(&mut self, ask: &Ask, now: Instant) -> Result<Grant, Answer> {
        check(ask).map_err(|because| Answer::Invalid { because })?;
        let before = self.grants.get(&ask.lineage).copied();
        let before = before.filter(|_| !plant::is(Plant::WitnessVotesTwice));
        let grant = Grant::after(before.as_ref(), ask);
        match before {
            Some(before) => {
                let grant = grant.ok_or(refused(&before))?;
                if grant.keeper != before.keeper {
                    self.prefer(ask, now)?;
                }
                Ok(grant)
            }
            None if Some(ask.lineage.generation) <= self.refused_up_to => Err(Answer::Outdated),
            None => {
                self.prefer(ask, now)?;
                grant.ok_or(Answer::Outdated)
            }
        }
    }

    /// Lets the heavier half go first, for a moment.
    fn prefer(&mut self, ask: &Ask, now: Instant) -> Result<(), Answer> {
        let key = (ask.lineage, ask.candidate);
        let waited_since = |at: &Instant| now.saturating_duration_since(*at);
        self.waiting
            .retain(|_, at| waited_since(at) < PREFERENCE_FORGET);
        if self.weight_of_others(ask, now) <= ask.weight {
            self.waiting.remove(&key);
            return Ok(());
        }
        if !self.waiting.contains_key(&key) && NODES_MAX <= self.waiting.len() {
            self.waiting.pop_first();
        }
        let since = *self.waiting.entry(key).or_insert(now);
        let waited = now.saturating_duration_since(since);
        if PREFERENCE_WAIT <= waited {
            self.waiting.remove(&key);
            return Ok(());
        }
        Err(Answer::Wait {
            span: PREFERENCE_WAIT - waited,
        })
    }

    fn weight_of_others(&self, ask: &Ask, now: Instant) -> u64 {
        (ask.voters.difference(&ask.rest))
            .filter_map(|node| self.heard.get(node))
            .filter(|heard| now.saturating_duration_since(heard.at) < HEARD_RECENTLY)
            .map(|heard| heard.weight)
            .fold(0, u64::saturating_add)
    }

    fn grant(&mut self, number: u64, ask: &Ask, grant: Grant) {
        if self.grants.insert(ask.lineage, grant) != Some(grant) {
            self.forget_oldest();
            self.written += 1;
            self.outputs.push_back(Output::Persist {
                number: self.written,
                record: self.record(),
            });
        }
        let held = Held {
            number: self.written,
            to: ask.candidate,
            ask: number,
            answer: Answer::Granted {
                lineage: ask.lineage,
                term: ask.term,
            },
        };
        // An answer that was held for somebody whose vote was void meanwhile is not sent.
        self.held.retain(|_, held| !is_of(held, ask.lineage));
        self.held.insert(ask.candidate, held);
        if plant::is(Plant::WitnessForgets) {
            return self.handle_persisted(self.written);
        }
        self.handle_persisted(self.durable);
    }

    fn forget_oldest(&mut self) {
        while LINEAGES_MAX < self.grants.len() {
            let (lineage, _) = self.grants.pop_first().expect("there are more than some");
            self.refused_up_to = self.refused_up_to.max(Some(lineage.generation));
        }
    }
}

fn check(ask: &Ask) -> Result<(), Invalid> {
    if ask.voters.is_empty() || VOTERS_MAX < ask.voters.len() {
        return Err(Invalid::Voters);
    }
    if !ask.rest.contains(&ask.candidate) {
        return Err(Invalid::Candidate);
    }
    if !ask.rest.is_subset(&ask.voters) || ask.rest.len() * 2 != ask.voters.len() {
        return Err(Invalid::NotHalf);
    }
    if ask.term <= ask.led_term {
        return Err(Invalid::Term);
    }
    Ok(())
}

fn is_of(held: &Held, of: Lineage) -> bool {
    match held.answer {
        Answer::Granted { lineage, .. } => lineage == of,
        Answer::Refused { .. }
        | Answer::Wait { .. }
        | Answer::Outdated
        | Answer::Invalid { .. } => false,
    }
}

fn refused(grant: &Grant) -> Answer {
    Answer::Refused {
        to: grant.keeper,
        term: grant.term,
    }
}

/// Spans of answers as whole milliseconds.
mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}
