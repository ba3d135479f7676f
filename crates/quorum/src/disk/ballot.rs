//! One node's part in the vote over sectors.
//!
//! ```text
//!   ask ─► (lighter: pause) ─► read all ─► write begun ─► read all ─► write accepted ─► read all ─► chosen
//!                                ▲              │ somebody began a higher ballot           │
//!                                └── pause ◄────┴──────────────────────────────────────────┘
//! ```
//!
//! When the grant that was chosen is another's, and the asker may take the vote over (the
//! rules of [`arbiter`](crate::arbiter)), the next instance begins, which carries what this one
//! chose, and so the keeper of the vote. Whoever sees a later instance leaves its own.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use model::plant::{self, Plant};
use model::{Instant, Lineage, NodeId};

use super::sector::{COPIES, Content, SLOTS_MAX, Slot, newest, sector};
use super::{Ballot, Slots};
use crate::arbiter::{Answer, Ask, Grant};
use crate::race::Turn;

/// How long the lighter half lets the heavier one go first. Both notice a cut within the same
/// `lost_after` (0.8 s).
pub const LIGHTER_PAUSE: Duration = Duration::from_secs(1);

/// After a conflict the node at place `n` pauses `n + 1` of these, doubled with each further
/// conflict: a ballot is five reads and writes, a few milliseconds each.
pub const CONFLICT_PAUSE: Duration = Duration::from_millis(50);

/// Longest pause after a conflict.
pub const CONFLICT_PAUSE_MAX: Duration = Duration::from_secs(4);

/// What the caller shall do. One read or write is under way at a time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Output {
    /// Read both copies of each node's ballot, from the device and no cache, and call
    /// [`Ballots::handle_read`].
    Read {
        /// Names the read.
        ticket: u64,
    },
    /// Write this copy of this node's ballot durably and call [`Ballots::handle_written`].
    Write {
        /// Names the write.
        ticket: u64,
        /// The place of this node; the slot is its ballot.
        place: u16,
        /// Which copy.
        copy: usize,
        /// One whole sector.
        bytes: Vec<u8>,
    },
    /// What came of an ask.
    Answer {
        /// Names the ask.
        number: u64,
        /// Granted, refused or outdated.
        answer: Answer,
    },
    /// The vote cannot be used: neither copy of this node's ballot is whole. What it said is
    /// lost, so nobody may be granted anything before a witness with a new number replaces it.
    Damaged {
        /// Whose ballot.
        place: u16,
    },
}

/// The vote as one node takes part in it. A new run begins with a new one; what it said
/// before is on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ballots {
    place: u16,
    /// Places of all nodes, with this one.
    places: Vec<u16>,
    job: Option<Job>,
    /// The read or write that is under way.
    under_way: Option<u64>,
    tickets: u64,
    outputs: VecDeque<Output>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Job {
    number: u64,
    ask: Ask,
    stage: Stage,
    conflicts: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Stage {
    /// Not before then.
    Paused { until: Instant },
    /// Nothing is known of the disk.
    Looks,
    /// Phase 1: the ballot is begun.
    Begins(Ballot),
    /// Phase 2: a grant is accepted.
    Accepts(Ballot, Grant),
}

/// What a read has shown.
struct Area {
    /// Each whole ballot that is not empty.
    ballots: BTreeMap<u16, Ballot>,
    /// Sequence and copy of this node's newest.
    own: (u64, usize),
}

impl Ballots {
    /// For a node with slots; none when it has none.
    #[must_use]
    pub fn new(me: NodeId, slots: &Slots) -> Option<Self> {
        let places = slots.values().copied().collect();
        Some(Self::at(*slots.get(&me)?, places))
    }

    /// For the node at this place, which reads the ballots of all these. Who reads more places
    /// than there are nodes misses nobody that came a moment ago.
    #[must_use]
    pub fn at(place: u16, places: Vec<u16>) -> Self {
        Self {
            place,
            places,
            job: None,
            under_way: None,
            tickets: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Asks for the vote; an ask that is under way is given up for it.
    pub fn handle_ask(&mut self, number: u64, ask: Ask, turn: Turn, now: Instant) {
        if (self.job.as_ref()).is_some_and(|job| job.number == number) {
            return;
        }
        let until = match turn {
            Turn::First => now,
            Turn::Second => now + LIGHTER_PAUSE,
        };
        self.job = Some(Job {
            number,
            ask,
            stage: Stage::Paused { until },
            conflicts: 0,
        });
        self.handle_timeout(now);
    }

    /// The ask is not needed any more.
    pub fn handle_dropped(&mut self) {
        self.job = None;
    }

    /// All ballots as read: both copies by place.
    pub fn handle_read(
        &mut self,
        ticket: u64,
        read: &BTreeMap<u16, [Vec<u8>; COPIES]>,
        now: Instant,
    ) {
        if !self.ends(ticket) {
            return;
        }
        let Some(job) = self.job.as_ref() else {
            return;
        };
        let (ask, stage) = (job.ask.clone(), job.stage);
        let area = match self.parse(read) {
            Ok(area) => area,
            Err(place) => {
                self.job = None;
                return self.outputs.push_back(Output::Damaged { place });
            }
        };
        match stage {
            Stage::Paused { .. } => self.handle_timeout(now),
            Stage::Looks => self.look(&ask, &area),
            Stage::Begins(ballot) | Stage::Accepts(ballot, _)
                if is_overtaken(self.place, &ballot, &area) =>
            {
                self.pause(now);
            }
            Stage::Begins(ballot) => self.accept(ballot, &ask, &area),
            Stage::Accepts(ballot, grant) => self.chosen(ballot, grant, &ask, &area),
        }
    }

    /// A write is durable.
    pub fn handle_written(&mut self, ticket: u64, now: Instant) {
        if self.ends(ticket) {
            self.go_on(now);
        }
    }

    /// A read or write has failed, and will have no effect any more. All begins anew.
    pub fn handle_failed(&mut self, ticket: u64, now: Instant) {
        if self.ends(ticket) && self.job.is_some() {
            self.pause(now);
        }
    }

    /// When [`Ballots::handle_timeout`] must be called at the latest.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        match self.job.as_ref()?.stage {
            Stage::Paused { until } if self.under_way.is_none() => Some(until),
            Stage::Paused { .. } | Stage::Looks | Stage::Begins(_) | Stage::Accepts(..) => None,
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.go_on(now);
    }

    /// What to do next, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Reads next, when nothing is under way.
    fn go_on(&mut self, now: Instant) {
        let Some(job) = self.job.as_mut() else {
            return;
        };
        match job.stage {
            Stage::Paused { until } if now < until => return,
            Stage::Paused { .. } if self.under_way.is_none() => job.stage = Stage::Looks,
            Stage::Paused { .. } | Stage::Looks | Stage::Begins(_) | Stage::Accepts(..) => {}
        }
        if self.under_way.is_none() {
            let ticket = self.ticket();
            self.outputs.push_back(Output::Read { ticket });
        }
    }

    fn ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.under_way = Some(self.tickets);
        self.tickets
    }

    fn ends(&mut self, ticket: u64) -> bool {
        let is_ours = self.under_way == Some(ticket);
        if is_ours {
            self.under_way = None;
        }
        is_ours
    }

    /// The place of a ballot without a whole copy is the error.
    fn parse(&self, read: &BTreeMap<u16, [Vec<u8>; COPIES]>) -> Result<Area, u16> {
        let mut area = Area {
            ballots: BTreeMap::new(),
            own: (0, 0),
        };
        for &place in &self.places {
            let slot = Slot {
                content: Content::Ballot,
                place,
            };
            let [first, second] = read.get(&place).ok_or(place)?;
            let found = newest(slot, [first, second]).ok_or(place)?;
            if place == self.place {
                area.own = (found.sequence, found.copy);
            }
            if !found.body.is_empty() {
                let ballot = Ballot::decode(&found.body).ok_or(place)?;
                area.ballots.insert(place, ballot);
            }
        }
        Ok(area)
    }

    /// Joins the latest instance, or says why not.
    fn look(&mut self, ask: &Ask, area: &Area) {
        let latest = area.ballots.values().max_by_key(|ballot| key(ballot));
        let (instance, before) = match latest {
            Some(ballot) if ask.lineage < ballot.lineage => return self.answer(Answer::Outdated),
            Some(ballot) if ballot.lineage == ask.lineage => (ballot.instance, ballot.before),
            Some(_) | None => (0, None),
        };
        self.begin(instance, before, ask, area);
    }

    fn begin(&mut self, instance: u64, before: Option<Grant>, ask: &Ask, area: &Area) {
        let before = before.filter(|_| !plant::is(Plant::SectorsTakenOver));
        if let Some(before) = before.filter(|before| Grant::after(Some(before), ask).is_none()) {
            return self.answer(Answer::Refused {
                to: before.keeper,
                term: before.term,
            });
        }
        let here = |ballot: &&Ballot| key(ballot) == (ask.lineage, instance);
        let highest = (area.ballots.values().filter(here))
            .map(|ballot| ballot.begun)
            .max();
        let round = highest.map_or(0, |begun| begun / u64::from(SLOTS_MAX) + 1);
        let own = area.ballots.get(&self.place).filter(here);
        let ballot = Ballot {
            lineage: ask.lineage,
            instance,
            before,
            begun: round * u64::from(SLOTS_MAX) + u64::from(self.place),
            accepted: own.and_then(|ballot| ballot.accepted),
        };
        self.write(Stage::Begins(ballot), &ballot, area);
    }

    /// Phase 2: the grant that somebody accepted in the highest ballot, else our own.
    fn accept(&mut self, mut ballot: Ballot, ask: &Ask, area: &Area) {
        let accepted = (area.ballots.values())
            .filter(|other| key(other) == key(&ballot))
            .filter_map(|other| other.accepted)
            .max_by_key(|(begun, _)| *begun);
        let ours = Grant::after(ballot.before.as_ref(), ask);
        let ours = ours.expect("who may not take the vote over is refused before it begins");
        let grant = accepted.map_or(ours, |(_, grant)| grant);
        ballot.accepted = Some((ballot.begun, grant));
        self.write(Stage::Accepts(ballot, grant), &ballot, area);
    }

    fn chosen(&mut self, ballot: Ballot, grant: Grant, ask: &Ask, area: &Area) {
        if Grant::after(ballot.before.as_ref(), ask) == Some(grant) {
            return self.answer(Answer::Granted {
                lineage: ask.lineage,
                term: ask.term,
            });
        }
        self.begin(ballot.instance + 1, Some(grant), ask, area);
    }

    fn write(&mut self, stage: Stage, ballot: &Ballot, area: &Area) {
        if let Some(job) = self.job.as_mut() {
            job.stage = stage;
        }
        let slot = Slot {
            content: Content::Ballot,
            place: self.place,
        };
        let (sequence, copy) = area.own;
        let ticket = self.ticket();
        self.outputs.push_back(Output::Write {
            ticket,
            place: self.place,
            copy: (copy + 1) % COPIES,
            bytes: sector(slot, sequence + 1, &ballot.encode()),
        });
    }

    fn answer(&mut self, answer: Answer) {
        if let Some(job) = self.job.take() {
            self.outputs.push_back(Output::Answer {
                number: job.number,
                answer,
            });
        }
    }

    fn pause(&mut self, now: Instant) {
        let place = u32::from(self.place);
        if let Some(job) = self.job.as_mut() {
            let factor = 2_u32
                .saturating_pow(job.conflicts)
                .saturating_mul(place + 1);
            let pause = CONFLICT_PAUSE.saturating_mul(factor);
            job.conflicts = job.conflicts.saturating_add(1);
            job.stage = Stage::Paused {
                until: now + pause.min(CONFLICT_PAUSE_MAX),
            };
        }
        self.handle_timeout(now);
    }
}

/// Instances in their order.
fn key(ballot: &Ballot) -> (Lineage, u64) {
    (ballot.lineage, ballot.instance)
}

/// Somebody is in a later instance or has begun a higher ballot in this one, or our own
/// ballot is not what we wrote.
fn is_overtaken(place: u16, ours: &Ballot, area: &Area) -> bool {
    area.ballots.get(&place) != Some(ours)
        || (area.ballots.values()).any(|other| (key(ours), ours.begun) < (key(other), other.begun))
}
