//! Elections: when to campaign, whom to vote for, and what the failure detector changes.
//!
//! A voter that still hears its leader keeps silent when others campaign, so a node that
//! was cut off cannot disturb a working cluster. The silence ends when the failure detector
//! says that the leader is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{Instant, NodeId};
use wire::raft::{Body, LogEnd, Verdict, VoteReason};

use crate::Raft;
use crate::forced::ForcedCampaign;
use crate::outbox::Promise;
use crate::raft::State;

/// Asks kept while the leader is still believed in; there is one per member, and a cluster
/// has at most 64 members.
const DEFERRED_MAX: usize = 64;

/// Campaigns that follow each other fast, about three seconds of them. Where links or disks
/// are so slow that these collide, the full waits must have their turn.
const FAST_TRIES_MAX: u32 = 8;

/// Silence for so many heartbeats means that nobody leads; one may get lost.
const QUIET_HEARTBEATS: u32 = 2;

/// The answers to a campaign so far, one's own among them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Votes(BTreeMap<NodeId, Verdict>);

impl Votes {
    pub(crate) fn granted_by(&self, voter: NodeId) -> bool {
        self.0.get(&voter) == Some(&Verdict::Granted)
    }
}

/// An election that this node has begun.
#[derive(Debug, Clone)]
pub(crate) struct Campaign {
    votes: Votes,
    /// When the votes were asked for.
    pub(crate) asked_at: Instant,
    /// The forced change that it is for, if it is for one.
    pub(crate) forced: Option<ForcedCampaign>,
}

impl Campaign {
    pub(crate) fn new(asked_at: Instant, forced: Option<ForcedCampaign>) -> Self {
        let votes = Votes::default();
        Self {
            votes,
            asked_at,
            forced,
        }
    }
}

/// What somebody asked in a pre-vote.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeferredPreVote {
    pub(crate) proposed_term: u64,
    pub(crate) last_index: u64,
    pub(crate) last_term: u64,
}

enum Tally {
    Won,
    Lost,
    Open,
}

impl Raft {
    /// Follows nobody, or `leader`, in `term`, which is the present one or a later one.
    pub(crate) fn become_follower(&mut self, term: u64, leader: Option<NodeId>, now: Instant) {
        assert!(
            self.term <= term,
            "terms do not fall: {term} after {}",
            self.term
        );
        self.acknowledge_itself(now);
        self.fail_leader_reads();
        if self.leader != leader || self.term != term {
            self.fail_forwarded();
            self.incoming = None;
            self.deferred_pre_votes.clear();
        }
        if self.term != term {
            self.enter_term(term, None);
        }
        self.log_ends = self.log_ends();
        self.state = State::Follower;
        self.leader = leader;
        self.reset_election_deadline(now);
    }

    pub(crate) fn enter_term(&mut self, term: u64, vote: Option<NodeId>) {
        self.term = term;
        self.vote = vote;
        self.leader_heard_at = None;
        // Answers of an older term would be ignored by everybody.
        self.outbox.drop_held();
        self.persist_hard_state();
    }

    /// The leader of `term` spoke.
    pub(crate) fn follow(&mut self, term: u64, from: NodeId, now: Instant) {
        assert!(
            self.term < term || !matches!(self.state, State::Leader(_)),
            "{from} and {} both lead term {term}",
            self.config.id
        );
        if self.term == term && self.leader != Some(from) && self.lost.contains(&from) {
            // It was on its way when its sender died. What it says is still true, but it
            // must not delay the election.
            return;
        }
        let settled = matches!(self.state, State::Follower) && self.leader == Some(from);
        self.end_pledge_by_leader(term, now);
        if !settled || self.term < term {
            self.become_follower(term, Some(from), now);
        }
        self.leader_heard_at = Some(now);
        self.fast_tries = 0;
        self.deferred_pre_votes.clear();
        self.log_ends.clear();
        self.reset_election_deadline(now);
    }

    pub(crate) fn reset_election_deadline(&mut self, now: Instant) {
        self.waits_since = now;
        self.election_deadline = self.may_campaign().then(|| {
            let full = self.config.election_timeout;
            // Nobody leads and all know it: waiting any longer only guards against
            // colliding again, for which some round trips are enough.
            let is_fast = 0 < self.fast_tries;
            let base = if is_fast { full / 4 } else { full };
            let nanos = u64::try_from(base.as_nanos()).unwrap_or(u64::MAX / 2);
            now + base + Duration::from_nanos(self.random.below(nanos))
        });
    }

    /// Voters may. So may one whose removal is not settled: its log may be the only one with
    /// the entry that removes it, and then nobody else can win; its own vote does not count.
    /// Who is pledged may not, nor who
    /// lacks the entry that its lineage began with: it may be committed already.
    pub(crate) fn may_campaign(&self) -> bool {
        let is_elector = self
            .log
            .open_electorates()
            .any(|voters| voters.contains(&self.config.id));
        let is_bound = self.is_pledged() || self.is_outdated();
        is_elector && !is_bound && self.holds_lineage()
    }

    /// A membership that came with the log may have made a voter, or ended being one.
    pub(crate) fn review_election_deadline(&mut self, now: Instant) {
        if self.may_campaign() != self.election_deadline.is_some() {
            self.reset_election_deadline(now);
        }
    }

    /// Whether this node still has a leader that it would not give up for `from`.
    pub(crate) fn keeps_leader(&self, from: NodeId, reason: &VoteReason, now: Instant) -> bool {
        let Some(leader) = self.leader else {
            return false;
        };
        if matches!(self.state, State::Leader(_)) {
            return *reason == VoteReason::LeaderGone && self.is_quorate(now);
        }
        let silent_for = self
            .leader_heard_at
            .map(|at| now.saturating_duration_since(at));
        // A leader that wants votes is none any more.
        *reason == VoteReason::LeaderGone
            && leader != from
            && !self.lost.contains(&leader)
            && silent_for.is_some_and(|span| span < self.config.election_timeout)
    }

    /// The leader is lost, says the failure detector. The remaining voters campaign one
    /// after the other; which of them has the best log cannot be known beforehand.
    pub(crate) fn forget_leader(&mut self, now: Instant) {
        self.fail_forwarded();
        self.leader = None;
        self.state = State::Follower;
        self.incoming = None;
        self.fast_tries = FAST_TRIES_MAX;
        if self.may_campaign() {
            self.election_deadline = Some(now + self.stagger());
        }
        for (from, ask) in std::mem::take(&mut self.deferred_pre_votes) {
            self.handle_pre_vote(from, ask, now);
        }
    }

    /// Somebody is heard. When that makes a majority of voters and none of them speaks as the
    /// leader, nobody else will: the full wait is cut short. A leader that does exist, but has
    /// not reached this node yet, loses nothing, since its voters do not answer a pre-vote.
    pub(crate) fn hasten_election(&mut self, now: Instant) {
        let is_heard = |voter: &NodeId| *voter == self.config.id || self.alive.contains(voter);
        let is_enough = self.log.reached(is_heard);
        if self.leader.is_some() || !is_enough || !self.may_campaign() {
            return;
        }
        self.fast_tries = FAST_TRIES_MAX;
        let quiet_until = self.waits_since + self.config.heartbeat_interval * QUIET_HEARTBEATS;
        let fast = quiet_until.max(now) + self.stagger();
        self.election_deadline = self.election_deadline.map(|deadline| deadline.min(fast));
    }

    /// Keeps the remaining voters from campaigning all at once.
    fn stagger(&self) -> Duration {
        let remaining = self.configuration().voters.difference(&self.lost);
        let before = remaining.filter(|voter| **voter < self.config.id).count();
        let before = u32::try_from(before).expect("a cluster has few members");
        self.config.election_stagger * before
    }

    /// Asks whether a campaign would be won, which disturbs nobody.
    pub(crate) fn begin_pre_vote(&mut self, now: Instant) {
        if matches!(self.state, State::Winner(_)) {
            return;
        }
        if !self.may_campaign() {
            self.election_deadline = None;
            return;
        }
        self.fail_forwarded();
        self.leader = None;
        self.state = State::PreCandidate(Votes::default());
        self.fast_tries = self.fast_tries.saturating_sub(1);
        self.reset_election_deadline(now);
        let (last_index, last_term) = (self.log.last_index(), self.log.last_term());
        let proposed_term = self.term + 1;
        for voter in self.other_voters() {
            self.answer(
                voter,
                Body::PreVote {
                    proposed_term,
                    last_index,
                    last_term,
                },
            );
        }
        self.record_pre_vote(self.config.id, Verdict::Granted, now);
    }

    pub(crate) fn begin_campaign(&mut self, reason: VoteReason, now: Instant) {
        self.counters.campaigns += 1;
        self.fail_forwarded();
        self.leader = None;
        self.enter_term(self.term + 1, Some(self.config.id));
        self.state = State::Candidate(Campaign::new(now, None));
        self.reset_election_deadline(now);
        let (last_index, last_term) = (self.log.last_index(), self.log.last_term());
        for voter in self.other_voters() {
            // An answer that comes back after a power loss must not elect a shorter log.
            self.send(
                voter,
                Body::Vote {
                    last_index,
                    last_term,
                    reason: reason.clone(),
                },
                Promise::Log,
            );
        }
    }

    fn other_voters(&self) -> Vec<NodeId> {
        let voters: BTreeSet<NodeId> = self.log.electorates().flatten().copied().collect();
        let others = voters.into_iter().filter(|voter| *voter != self.config.id);
        others.collect()
    }

    pub(crate) fn handle_pre_vote(&mut self, from: NodeId, ask: DeferredPreVote, now: Instant) {
        if self.keeps_leader(from, &VoteReason::LeaderGone, now) {
            if self.deferred_pre_votes.len() < DEFERRED_MAX {
                self.deferred_pre_votes.insert(from, ask);
            }
            return;
        }
        let DeferredPreVote {
            proposed_term,
            last_index,
            last_term,
        } = ask;
        self.note_log_end(from, (last_index, last_term));
        let wins = self.term < proposed_term
            && !self.is_pledged()
            && !self.is_outdated()
            && self.log.is_up_to_date(last_index, last_term);
        let verdict = if wins {
            Verdict::Granted
        } else {
            Verdict::Refused
        };
        self.answer(
            from,
            Body::PreVoteReply {
                proposed_term,
                verdict,
            },
        );
    }

    pub(crate) fn handle_pre_vote_reply(
        &mut self,
        from: NodeId,
        proposed_term: u64,
        verdict: Verdict,
        now: Instant,
    ) {
        if proposed_term == self.term + 1 {
            self.record_pre_vote(from, verdict, now);
        }
    }

    fn record_pre_vote(&mut self, from: NodeId, verdict: Verdict, now: Instant) {
        let State::PreCandidate(votes) = &mut self.state else {
            return;
        };
        votes.0.insert(from, verdict);
        let votes = votes.clone();
        match self.tally(&votes) {
            Tally::Won => self.begin_campaign(VoteReason::LeaderGone, now),
            // The deadline stays: the next try comes at its time.
            Tally::Lost => self.state = State::Follower,
            Tally::Open => {}
        }
    }

    fn note_log_end(&mut self, from: NodeId, (index, term): (u64, u64)) {
        if self.configuration().voters.contains(&from) {
            self.log_ends.insert(from, LogEnd { term, index });
        }
    }

    /// Where the logs of the voters end, this one's among them, as heard since nobody leads.
    /// Whoever leads, or did and has not heard of a voter since, says its own end: no log is
    /// longer than a leader's.
    #[must_use]
    pub fn log_ends(&self) -> BTreeMap<NodeId, LogEnd> {
        let (term, index) = (self.log.last_term(), self.log.last_index());
        let own = LogEnd { term, index };
        let mut ends = self.log_ends.clone();
        if matches!(self.state, State::Leader(_)) {
            for voter in &self.configuration().voters {
                ends.entry(*voter).or_insert(own);
            }
        }
        ends.insert(self.config.id, own);
        ends
    }

    pub(crate) fn handle_vote(
        &mut self,
        from: NodeId,
        (last_index, last_term): (u64, u64),
        reason: &VoteReason,
        now: Instant,
    ) {
        self.note_log_end(from, (last_index, last_term));
        let free = self.vote.is_none() && self.leader.is_none();
        let granted = (free || self.vote == Some(from))
            && self.may_vote(from, reason)
            && self.log.is_up_to_date(last_index, last_term);
        if !granted {
            self.answer(
                from,
                Body::VoteReply {
                    verdict: Verdict::Refused,
                },
            );
            return;
        }
        let pledge = self.pledge_for(from, reason);
        if self.vote.is_none() || self.pledge != pledge {
            self.vote = Some(from);
            self.pledge = pledge;
            self.state = State::Follower;
            self.persist_hard_state();
            self.reset_election_deadline(now);
        }
        let body = Body::VoteReply {
            verdict: Verdict::Granted,
        };
        self.send(from, body, Promise::HardState);
    }

    pub(crate) fn handle_vote_reply(&mut self, from: NodeId, verdict: Verdict, now: Instant) {
        let State::Candidate(campaign) = &mut self.state else {
            return;
        };
        campaign.votes.0.insert(from, verdict);
        let campaign = campaign.clone();
        if let Some(forced) = campaign.forced {
            if forced.is_won(&campaign.votes) {
                self.win_forced_change(forced, campaign.asked_at);
            }
            return;
        }
        match self.tally(&campaign.votes) {
            Tally::Won => self.become_leader(campaign.asked_at, now),
            Tally::Lost => self.state = State::Follower,
            Tally::Open => {}
        }
    }

    /// One's own vote counts like any other: once it is on disk.
    pub(crate) fn count_own_vote(&mut self, now: Instant) {
        if self.outbox.hard_state_is_persisted() {
            self.handle_vote_reply(self.config.id, Verdict::Granted, now);
        }
    }

    fn tally(&self, votes: &Votes) -> Tally {
        let granted = |voter: &NodeId| votes.granted_by(*voter);
        let may_grant = |voter: &NodeId| votes.0.get(voter) != Some(&Verdict::Refused);
        if self.log.reached(granted) {
            Tally::Won
        } else if self.log.reached(may_grant) {
            Tally::Open
        } else {
            Tally::Lost
        }
    }

    /// The leader chose this node as its successor.
    pub(crate) fn handle_timeout_now(&mut self, now: Instant) {
        if self.is_voter() && self.may_campaign() && !matches!(self.state, State::Leader(_)) {
            self.begin_campaign(VoteReason::Transfer, now);
        }
    }
}
