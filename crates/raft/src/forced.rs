//! The forced change: an election that excuses the absent, and makes a new lineage.
//!
//! ```text
//!                 all others grant            on disk
//!   Candidate ──────────────────────► Winner ─────────► Leader of the new lineage
//!
//!                      the new lineage speaks
//!   voter: pledged ──────────────────────────────► follows it, with its log
//!             │ a leader of the old lineage, or the candidate, in a later term
//!             └──────────────────────────────────► votes as before
//! ```
//!
//! Why no acknowledged entry is lost: those who must grant are so many that each majority of
//! the voters has one of them. So a committed entry is on a disk of theirs, hence in the log of
//! a candidate whose log is as good as all of theirs; and none of them votes or takes entries
//! in the old lineage any more, so nothing else is ever committed there.
//!
//! Whether the excused are really absent, and whether the other half may do the same at the
//! same time, is not known here; that is the caller's duty.

use std::collections::BTreeSet;

use model::plant::{self, Plant};
use model::{Instant, Lineage, NodeId};
use wire::raft::{
    Arbiter, Body, Configuration, Entry, ForcedChange, ForcedVoters, Forcing, Message, Payload,
    Pledge, VoteReason,
};

use crate::election::{Campaign, Votes};
use crate::outbox::Promise;
use crate::raft::State;
use crate::{ForceError, Output, Raft, Standing};

/// A node of the first generation holds the beginning of its lineage, whatever it holds.
const FIRST_GENERATION: u64 = 1;

/// What the votes of a forced election are counted for.
#[derive(Debug, Clone)]
pub(crate) struct ForcedCampaign {
    lineage: Lineage,
    /// All who must grant, this node among them.
    needed: BTreeSet<NodeId>,
    configuration: Configuration,
}

impl ForcedCampaign {
    pub(crate) fn is_won(&self, votes: &Votes) -> bool {
        self.needed.iter().all(|voter| votes.granted_by(*voter))
    }
}

/// Between the last vote and the disk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Winner {
    asked_at: Instant,
}

impl Raft {
    /// Begins a forced change: an election in which exactly the excused need not vote, and all
    /// other voters must. Returns its term. When it is won, and that is on disk, comes
    /// [`Output::Forced`]; when it is not, nothing comes, and it may be begun again, with a new
    /// lineage. That the excused are off, or that the arbiter has agreed, is the caller's duty.
    ///
    /// # Errors
    /// When this node may not, or when it would not be safe. Nothing has happened then.
    pub fn force(&mut self, forcing: Forcing, now: Instant) -> Result<u64, ForceError> {
        self.check_enough_are_left(&forcing.excused)?;
        self.force_and_lose(forcing, now)
    }

    /// As [`Raft::force`], also when so few are left that they may lack acknowledged entries.
    /// Only for a person who names the excused, and gives up what only they know.
    ///
    /// # Errors
    /// As with [`Raft::force`].
    pub fn force_and_lose(&mut self, forcing: Forcing, now: Instant) -> Result<u64, ForceError> {
        self.check_may_force(&forcing, now)?;
        let needed = self.check_excused(&forcing.excused)?;
        if matches!(self.state, State::Leader(_)) {
            self.become_follower(self.term, None, now);
        }
        self.begin_forced_campaign(forcing, needed, now);
        self.finish();
        Ok(self.term)
    }

    /// One of those that the change of this candidate excuses is heard: it is not won any more.
    /// A change that has been won stays: its record may be on disk.
    pub fn give_up_forcing(&mut self, heard: NodeId, now: Instant) {
        let State::Candidate(campaign) = &self.state else {
            return;
        };
        let forced = campaign.forced.as_ref();
        let is_excused = forced.is_some_and(|forced| !forced.needed.contains(&heard));
        if is_excused {
            self.become_follower(self.term, None, now);
            self.finish();
        }
    }

    fn check_may_force(&self, forcing: &Forcing, now: Instant) -> Result<(), ForceError> {
        if self.standing == Standing::Absent {
            return Err(ForceError::NoStanding);
        }
        if matches!(self.state, State::Winner(_)) {
            return Err(ForceError::Busy);
        }
        if !self.is_voter() || !self.holds_lineage() {
            return Err(ForceError::NotVoter);
        }
        let (wanted, found) = (self.lineage.generation + 1, forcing.lineage.generation);
        if found != wanted {
            return Err(ForceError::Generation { wanted, found });
        }
        if let Some(leader) = self.leader {
            // A leader whose majority is gone need not wait until its time is over.
            let rest_decides = self.log.reached(|voter| !forcing.excused.contains(voter));
            let leads = leader == self.config.id && rest_decides && self.is_quorate(now);
            let is_followed = leader != self.config.id && !forcing.excused.contains(&leader);
            if leads || is_followed {
                return Err(ForceError::HasLeader(leader));
            }
        }
        // Its change may have come about without our knowledge, unless it takes part in ours.
        let pledge = self.pledge.filter(|pledge| excuses(forcing, pledge));
        pledge.map_or(Ok(()), |it| Err(ForceError::Pledged(it.candidate)))
    }

    /// All who must grant when these are excused.
    fn check_excused(&self, excused: &BTreeSet<NodeId>) -> Result<BTreeSet<NodeId>, ForceError> {
        if excused.is_empty() {
            return Err(ForceError::NobodyExcused);
        }
        if excused.contains(&self.config.id) {
            return Err(ForceError::ExcusesItself);
        }
        if let Some(heard) = excused.intersection(&self.alive).next() {
            return Err(ForceError::ExcusedIsAlive(*heard));
        }
        let electors: BTreeSet<NodeId> = self.log.open_electorates().flatten().copied().collect();
        if let Some(stranger) = excused.difference(&electors).next() {
            return Err(ForceError::ExcusedStranger(*stranger));
        }
        Ok(electors.difference(excused).copied().collect())
    }

    fn check_enough_are_left(&self, excused: &BTreeSet<NodeId>) -> Result<(), ForceError> {
        for electorate in self.log.open_electorates() {
            if plant::is(Plant::MinorityForces) {
                continue;
            }
            let voters = electorate.len();
            let left = electorate.difference(excused).count();
            // So many that no majority of the others can do without all of them.
            let needed = voters.div_ceil(2);
            if left < needed {
                return Err(ForceError::TooFew {
                    left,
                    voters,
                    needed,
                });
            }
        }
        Ok(())
    }

    fn begin_forced_campaign(&mut self, forcing: Forcing, needed: BTreeSet<NodeId>, now: Instant) {
        let present = self.configuration();
        let configuration = Configuration {
            voters: present
                .voters
                .difference(&forcing.excused)
                .copied()
                .collect(),
            learners: BTreeSet::new(),
            arbiter: present.arbiter,
        };
        let alone = needed.len() == 1;
        let others: Vec<NodeId> = needed
            .iter()
            .filter(|voter| **voter != self.config.id)
            .copied()
            .collect();
        let forced = ForcedCampaign {
            lineage: forcing.lineage,
            needed,
            configuration,
        };
        self.counters.campaigns += 1;
        self.fail_forwarded();
        self.leader = None;
        self.enter_term(self.term + 1, Some(self.config.id));
        if alone {
            self.win_forced_change(forced, now);
            return;
        }
        self.state = State::Candidate(Campaign::new(now, Some(forced)));
        self.reset_election_deadline(now);
        let (last_index, last_term) = (self.log.last_index(), self.log.last_term());
        for voter in others {
            let reason = VoteReason::Forced(forcing.clone());
            let body = Body::Vote {
                last_index,
                last_term,
                reason,
            };
            // An answer that comes back after a power loss must not elect a shorter log.
            self.send(voter, body, Promise::Log);
        }
    }

    /// With the last vote: the record, and the entry behind it. Nobody hears of either before
    /// they are on disk.
    pub(crate) fn win_forced_change(&mut self, won: ForcedCampaign, asked_at: Instant) {
        let record = ForcedChange {
            lineage: won.lineage,
            term: self.term,
            configuration: won.configuration,
            prev_index: self.log.last_index(),
            prev_term: self.log.last_term(),
        };
        self.outbox.drop_held();
        self.lineage = record.lineage;
        self.pledge = None;
        self.forced = Some(record);
        self.state = State::Winner(Winner { asked_at });
        self.election_deadline = None;
        self.persist_hard_state();
        self.finish_forced_change();
    }

    /// Adds the entry of a forced change that was won, where it is not in the log yet: at the
    /// win, and at a start that finds the record alone.
    pub(crate) fn finish_forced_change(&mut self) {
        let Some(record) = &self.forced else { return };
        if record.lineage != self.lineage || self.holds_lineage() {
            return;
        }
        let forced = ForcedVoters {
            lineage: record.lineage,
            configuration: record.configuration.clone(),
        };
        let entry = Entry {
            index: self.log.last_index() + 1,
            term: record.term,
            payload: Payload::Forced(forced),
        };
        self.append_entry(entry);
    }

    /// The disk has carried something out. The record and all before it are there: lead.
    pub(crate) fn begin_lineage(&mut self, now: Instant) {
        let State::Winner(Winner { asked_at }) = self.state else {
            return;
        };
        if self.outbox.hard_state_is_persisted() {
            let lineage = self.lineage;
            self.outbox.push(Output::Forced { lineage });
            self.become_leader(asked_at, now);
            self.advance_commit(now);
        }
    }

    /// The record has done its work once the entry is on disk.
    pub(crate) fn forget_forced_change(&mut self) {
        let reached = self.outbox.persisted_index();
        if self.forced.is_some() && self.log.lineage_at(reached) == self.lineage {
            self.forced = None;
        }
    }

    /// Whether this log has the entry that its lineage began with. Who lacks it leads nobody:
    /// a majority may have committed it.
    #[must_use]
    pub fn holds_lineage(&self) -> bool {
        self.lineage.generation <= FIRST_GENERATION
            || self.log.lineage_at(self.log.last_index()) == self.lineage
    }

    /// The lineage that the entry at `index` belongs to, as far as this log knows.
    pub(crate) fn lineage_at(&self, index: u64) -> Lineage {
        if self.lineage.generation <= FIRST_GENERATION {
            self.lineage
        } else {
            self.log.lineage_at(index)
        }
    }

    /// Whether a candidate of a later term is listened to at all. Who is not gets no answer,
    /// and its term changes nothing here.
    pub(crate) fn hears_candidate(&self, from: NodeId, reason: &VoteReason, now: Instant) -> bool {
        match reason {
            VoteReason::LeaderGone | VoteReason::Transfer => {
                !self.is_pledged() && !self.keeps_leader(from, reason, now)
            }
            VoteReason::Forced(_) => self.may_vote(from, reason),
        }
    }

    /// Whether this node may vote in an election of this kind. In a forced one the membership
    /// of the candidate counts, whose log is as good as this one; it need not be ours.
    pub(crate) fn may_vote(&self, from: NodeId, reason: &VoteReason) -> bool {
        let VoteReason::Forced(forcing) = reason else {
            return !self.is_pledged() && !self.is_outdated();
        };
        let Forcing { lineage, excused } = forcing;
        let me = self.config.id;
        let takes_part = self
            .log
            .open_electorates()
            .any(|voters| voters.contains(&me))
            && !excused.contains(&me)
            && !excused.contains(&from);
        // There is room for one pledge, and the other candidate may have won by it.
        let is_pledged_away = self.pledge.is_some_and(|pledge| pledge.candidate != from);
        self.standing == Standing::Given
            && lineage.generation == self.lineage.generation + 1
            && takes_part
            && !is_pledged_away
            && self.leader.is_none_or(|leader| leader == from)
            && excused.is_disjoint(&self.alive)
    }

    /// Whether this node has promised its vote to a forced change, so that it votes in no other
    /// election of its lineage.
    pub(crate) fn is_pledged(&self) -> bool {
        self.pledge.is_some() && !plant::is(Plant::PledgeForgotten)
    }

    /// What a vote for `from` promises.
    pub(crate) fn pledge_for(&self, from: NodeId, reason: &VoteReason) -> Option<Pledge> {
        match reason {
            VoteReason::LeaderGone | VoteReason::Transfer => None,
            VoteReason::Forced(forcing) => Some(Pledge {
                lineage: forcing.lineage,
                term: self.term,
                candidate: from,
            }),
        }
    }

    /// The candidate to whom this node is pledged has given its change up: it speaks in the old
    /// lineage and in a later term, or asks there whether it would win another election.
    pub(crate) fn review_pledge(&mut self, message: &Message, now: Instant) {
        let asks_anew = matches!(message.body, Body::PreVote { .. });
        let is_over = |pledge: &Pledge| {
            let is_later = pledge.term < message.term;
            pledge.candidate == message.from
                && (is_later || asks_anew && pledge.term == message.term)
        };
        if self.pledge.as_ref().is_some_and(is_over) {
            self.end_pledge(now);
        }
    }

    /// A leader of the old lineage speaks: somebody whose pledge was needed has voted for it
    /// instead, so the change did not happen.
    pub(crate) fn end_pledge_by_leader(&mut self, term: u64, now: Instant) {
        if self.pledge.is_some_and(|pledge| pledge.term <= term) {
            self.end_pledge(now);
        }
    }

    fn end_pledge(&mut self, now: Instant) {
        self.pledge = None;
        self.persist_hard_state();
        self.review_election_deadline(now);
    }

    /// The lineage to which this node is pledged speaks, so it exists: follows it. The log
    /// stays; the leader will bring it in line. Whether it was so.
    pub(crate) fn adopts(&mut self, message: &Message, now: Instant) -> bool {
        let is_pledged =
            |pledge: Pledge| pledge.lineage == message.lineage && pledge.term <= message.term;
        if !self.pledge.is_some_and(is_pledged) || matches!(self.state, State::Winner(_)) {
            return false;
        }
        self.outbox.drop_held();
        self.lineage = message.lineage;
        (self.pledge, self.forced) = (None, None);
        self.persist_hard_state();
        self.become_follower(self.term, None, now);
        true
    }

    /// A message of another lineage does nothing, but it is told of.
    pub(crate) fn drop_stranger(&mut self, peer: NodeId, theirs: Lineage, now: Instant) {
        self.counters.lineage_mismatches += 1;
        if theirs.generation <= self.lineage.generation {
            self.outbox.push(Output::LineageMismatch { peer, theirs });
        } else if self.superseded.insert(peer, theirs) != Some(theirs) {
            let (by, lineage) = (peer, theirs);
            if self.is_outdated()
                && matches!(self.state, State::Candidate(_) | State::PreCandidate(_))
            {
                self.become_follower(self.term, None, now);
            }
            self.review_election_deadline(now);
            self.outbox.push(Output::Superseded { by, lineage });
        }
    }

    /// Whether a newer history was met by a run that no leader of this one has ever met. Such a
    /// run begins nothing in the old history: that of others who were given up together with
    /// it would be a second quorum.
    pub(crate) fn is_outdated(&self) -> bool {
        let ours = self.lineage.generation;
        let mut others = self.superseded.values();
        self.standing == Standing::Absent && others.any(|met| ours < met.generation)
    }

    /// Says whether this run may take part in forced changes; it may not until this is called.
    pub fn set_standing(&mut self, standing: Standing) {
        self.standing = standing;
    }

    /// The sets of voters of each of which a majority must agree, the latest first. There are two
    /// while a voter that was added is not known committed.
    pub fn electorates(&self) -> impl Iterator<Item = &BTreeSet<NodeId>> {
        self.log.electorates()
    }

    /// Who decides between two halves: one arbiter, or the old and the new one while it is not
    /// known which of the two is committed.
    #[must_use]
    pub fn arbiters(&self) -> Vec<Arbiter> {
        let present = self.configuration().arbiter;
        let before = self.log.previous_configuration();
        let before = before.filter(|_| !self.configuration_is_committed());
        match before.map(|before| before.arbiter) {
            Some(before) if before != present => vec![before, present],
            Some(_) | None => vec![present],
        }
    }

    /// The forced change that this node has agreed to and does not know the outcome of.
    #[must_use]
    pub fn pledge(&self) -> Option<Pledge> {
        self.pledge
    }
}

/// Whether the change leaves out the candidate of an earlier one.
fn excuses(forcing: &Forcing, pledge: &Pledge) -> bool {
    forcing.excused.contains(&pledge.candidate)
}
