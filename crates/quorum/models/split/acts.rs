//! What happens, one step each.

use super::*;

impl Split {
    pub(super) fn cut(&self, state: &mut State) -> bool {
        !std::mem::replace(&mut state.is_cut, true) && spend(&mut state.used.cuts, self.bounds.cuts)
    }

    pub(super) fn crash(&self, state: &mut State, n: u8) -> bool {
        let node = &mut state.nodes[usize::from(n)];
        if !node.is_up || !spend(&mut state.used.crashes, self.bounds.crashes) {
            return false;
        }
        end_run(node);
        true
    }

    pub(super) fn boot(&self, state: &mut State, n: u8) -> bool {
        let node = &mut state.nodes[usize::from(n)];
        if node.is_up || !spend(&mut state.used.boots, self.bounds.boots) {
            return false;
        }
        node.is_up = true;
        node.boot += 1;
        if self.without != Without::RunOfRequester {
            state.halves[usize::from(n)] = Half::new();
        }
        state.stopped = state.stopped.filter(|stopped| *stopped != n);
        true
    }

    pub(super) fn elect(&self, state: &mut State, n: u8) -> bool {
        let candidate = state.nodes[usize::from(n)].clone();
        if !candidate.is_up || candidate.torn.is_some() || candidate.pledged.is_some() {
            return false;
        }
        let company = self.company(state, n);
        let votes = |m: &&u8| {
            let voter = &state.nodes[usize::from(**m)];
            candidate.voters & bit(**m) != 0
                && voter.pledged.is_none()
                && is_up_to_date(&candidate, voter)
        };
        let count = company.iter().filter(votes).count();
        let term = company.iter().map(|m| state.nodes[usize::from(*m)].term);
        let term = term.max().unwrap_or(0) + 1;
        if count <= candidate.voters.count_ones() as usize / 2
            || candidate.voters & bit(n) == 0
            || self.bounds.terms < term
            || self.is_able(state, n)
        {
            return false;
        }
        let node = &mut state.nodes[usize::from(n)];
        (node.term, node.last, node.leads, node.fresh) = (term, term, true, false);
        let leader = node.clone();
        for m in company.into_iter().filter(|m| *m != n) {
            take_log(&mut state.nodes[usize::from(m)], &leader);
        }
        true
    }

    pub(super) fn write(&self, state: &mut State, n: u8) -> bool {
        if !self.is_able(state, n) || !spend(&mut state.used.writes, self.bounds.writes) {
            return false;
        }
        let write = 1 << (state.used.writes - 1);
        state.acknowledged |= write;
        let node = &mut state.nodes[usize::from(n)];
        node.writes |= write;
        node.last = node.term;
        let leader = node.clone();
        for m in self.company(state, n) {
            let node = &mut state.nodes[usize::from(m)];
            if m != n && node.term <= leader.term {
                take_log(node, &leader);
                node.writes |= write;
            }
        }
        true
    }

    /// One that comes back sets its log aside and takes the leader's.
    pub(super) fn copy(&self, state: &mut State, n: u8, leader: u8) -> bool {
        let from = state.nodes[usize::from(leader)].clone();
        let is_older = state.nodes[usize::from(n)].lineage.generation < from.lineage.generation;
        if !self.is_linked(state, n, leader)
            || !self.is_able(state, leader)
            || self.is_able(state, n)
            || !is_older
            || from.term < state.nodes[usize::from(n)].term
        {
            return false;
        }
        let node = &mut state.nodes[usize::from(n)];
        node.kept = self.without == Without::Discard;
        node.lineage = from.lineage;
        node.pledged = None;
        node.standing = false;
        node.fresh = false;
        take_log(node, &from);
        true
    }

    pub(super) fn add_voter(&self, state: &mut State, n: u8, leader: u8) -> bool {
        let from = &state.nodes[usize::from(leader)];
        if !self.company(state, leader).contains(&n)
            || !self.is_able(state, leader)
            || from.voters & bit(n) != 0
            || from.term < state.nodes[usize::from(n)].term
        {
            return false;
        }
        state.nodes[usize::from(leader)].voters |= bit(n);
        true
    }

    pub(super) fn stop(&self, state: &mut State, n: u8) -> bool {
        let leader = self
            .nodes()
            .find(|m| *m != n && self.is_able(state, *m) && self.company(state, *m).contains(&n));
        let Some(leader) = leader else {
            return false;
        };
        if !spend(&mut state.used.people, self.bounds.people) {
            return false;
        }
        if self.without != Without::RemovalFirst {
            state.nodes[usize::from(leader)].voters &= !bit(n);
            self.follow(state);
        }
        end_run(&mut state.nodes[usize::from(n)]);
        state.stopped = Some(n);
        true
    }

    pub(super) fn report(&self, state: &mut State, place: u8) -> bool {
        let request = state.requests[usize::from(place)].clone();
        let node = &state.nodes[usize::from(request.by)];
        let is_same = node.boot == request.boot || self.without == Without::RunOfRequester;
        let is_true = request.done || self.without == Without::Confirmation;
        if !node.is_up || !is_same || !is_true {
            return false;
        }
        let half = &mut state.halves[usize::from(request.by)];
        half.handle_fence_ended(request.attempt, FenceResult::Off, Instant::ZERO);
        state.requests.remove(place.into());
        true
    }

    /// The term of the forced change that a node may make now.
    pub(super) fn forced_term(&self, state: &State, n: u8) -> Option<u64> {
        let node = &state.nodes[usize::from(n)];
        let term = node.force.filter(|term| node.term <= *term);
        term.filter(|term| *term <= self.bounds.terms)
    }

    pub(super) fn pledge(&self, state: &mut State, n: u8, to: u8) -> bool {
        let Some(term) = self.forced_term(state, to) else {
            return false;
        };
        let candidate = state.nodes[usize::from(to)].clone();
        let node = &state.nodes[usize::from(n)];
        if !self.company(state, to).contains(&n)
            || candidate.voters & bit(n) == 0
            || candidate.pledges & bit(n) != 0
            || !node.standing
            || node.pledged.is_some()
            || term < node.term
            || !is_up_to_date(&candidate, node)
        {
            return false;
        }
        let node = &mut state.nodes[usize::from(n)];
        (node.term, node.pledged, node.leads) = (term, Some(term), false);
        let node = &mut state.nodes[usize::from(to)];
        (node.term, node.pledged, node.leads) = (term, Some(term), false);
        node.pledges |= bit(n);
        true
    }

    pub(super) fn force(&self, state: &mut State, n: u8) -> bool {
        let Some(term) = self.forced_term(state, n) else {
            return false;
        };
        let company = self.company(state, n);
        let node = &mut state.nodes[usize::from(n)];
        let rest = company.iter().fold(0, |all, m| all | bit(*m)) & node.voters;
        if rest & !bit(n) & !node.pledges != 0 || rest.count_ones() * 2 != node.voters.count_ones()
        {
            return false;
        }
        (node.term, node.last, node.force, node.pledges) = (term, term, None, 0);
        node.pledged = None;
        node.lineage = Lineage {
            generation: node.lineage.generation + 1,
            maker: id(n),
            random: 0,
        };
        if self.without == Without::OneRecord {
            node.torn = Some(rest);
        } else {
            node.voters = rest;
            node.leads = true;
        }
        true
    }

    /// A person vouches that all others are off, and that they come back empty if at all.
    pub(super) fn person(&self, state: &mut State, n: u8) -> bool {
        let is_alone = self
            .nodes()
            .all(|m| state.nodes[usize::from(m)].is_up == (m == n));
        let term = state.nodes[usize::from(n)].term + 1;
        if !is_alone
            || self.without == Without::Person
            || self.is_able(state, n)
            || self.bounds.terms < term
            || !spend(&mut state.used.people, self.bounds.people)
        {
            return false;
        }
        for node in &mut state.nodes {
            if !node.is_up {
                (node.voters, node.writes, node.last) = (0, 0, 0);
                (node.lineage, node.pledged) = (Lineage::default(), None);
            }
        }
        let node = &mut state.nodes[usize::from(n)];
        (node.term, node.last, node.leads) = (term, term, true);
        (node.voters, node.pledged) = (bit(n), None);
        node.lineage.generation += 1;
        node.lineage.maker = id(n);
        state.acknowledged &= node.writes;
        true
    }

    pub(super) fn ask(&self, state: &mut State, place: u8) -> bool {
        let (by, boot, number, ask) = state.asks[usize::from(place)].clone();
        let known = state.unsynced.clone().unwrap_or(state.record.clone());
        let mut known = known;
        if self.without == Without::OneGrant {
            known
                .grants
                .retain(|(_, grant)| grant.keeper == ask.candidate);
        }
        let mut witness = Arbiter::new(known).unwrap();
        witness.handle_ask(number, &ask, Instant::ZERO);
        let mut changed = false;
        while let Some(output) = witness.poll_output() {
            match output {
                arbiter::Output::Persist { number, record } => {
                    state.unsynced = Some(record);
                    changed = true;
                    if self.without == Without::Persisting {
                        witness.handle_persisted(number);
                    }
                }
                arbiter::Output::Answer { answer, .. } => {
                    let is_durable = state.unsynced.is_none()
                        || self.without == Without::Persisting
                        || !matches!(answer, Answer::Granted { .. });
                    let answer = (by, boot, number, answer);
                    if is_durable && !state.answers.contains(&answer) {
                        state.answers.push(answer);
                        changed = true;
                    }
                }
            }
        }
        changed
    }

    pub(super) fn answer(&self, state: &mut State, place: u8) -> bool {
        let (to, boot, number, answer) = state.answers[usize::from(place)];
        let node = &state.nodes[usize::from(to)];
        if !node.is_up || node.boot != boot {
            return false;
        }
        state.halves[usize::from(to)].handle_answer(&WITNESS, number, answer, Instant::ZERO);
        true
    }

    pub(super) fn witness_crash(&self, state: &mut State) -> bool {
        state.unsynced.take().is_some()
            && spend(&mut state.used.witness_crashes, self.bounds.witness_crashes)
    }

    pub(super) fn next_arbiter(&self, state: &mut State, n: u8) -> bool {
        let is_able = self.is_able(state, n);
        let node = &mut state.nodes[usize::from(n)];
        let &[old] = &node.arbiters[..] else {
            return false;
        };
        if !is_able || !spend(&mut state.used.changes, self.bounds.changes) {
            return false;
        }
        let new = if old == WITNESS { Who::Fence } else { WITNESS };
        node.arbiters = vec![old, new];
        node.fresh = true;
        true
    }

    pub(super) fn spread(&self, state: &mut State, n: u8) -> bool {
        let is_able = self.is_able(state, n);
        is_able && std::mem::take(&mut state.nodes[usize::from(n)].fresh)
    }

    pub(super) fn know(&self, state: &mut State, n: u8) -> bool {
        let is_able = self.is_able(state, n);
        let node = &mut state.nodes[usize::from(n)];
        if !is_able || node.fresh || node.arbiters.len() < 2 {
            return false;
        }
        node.arbiters.remove(0);
        // The others hear of it with the next message, or never.
        node.fresh = true;
        true
    }
}
