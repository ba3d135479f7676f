//! What follows at once: nodes hear each other, the machines decide, what they ask is noted.

use super::*;

impl Split {
    /// Everything that follows at once: followers copy, halves hear, what they say is noted.
    pub(super) fn settle(&self, state: &mut State) {
        self.follow(state);
        self.stand(state);
        for n in self.nodes() {
            self.tell(state, n);
        }
        let runs: Vec<u8> = state.nodes.iter().map(|node| node.boot).collect();
        let is_over = |by: u8, boot: u8| runs[usize::from(by)] != boot;
        let keeps = self.without == Without::RunOfRequester;
        state
            .requests
            .retain(|r| keeps || !(r.done && is_over(r.by, r.boot)));
        state.answers.retain(|a| !is_over(a.0, a.1));
        state.requests.sort();
        state.requests.dedup();
    }

    pub(super) fn follow(&self, state: &mut State) {
        for n in self.nodes() {
            let leader = state.nodes[usize::from(n)].clone();
            for m in self.nodes() {
                if m == n || !self.is_linked(state, n, m) {
                    continue;
                }
                let node = &mut state.nodes[usize::from(m)];
                let is_new = node.lineage.generation + 1 == leader.lineage.generation;
                if leader.leads && is_new && node.pledged == Some(leader.term) {
                    node.lineage = leader.lineage;
                    node.pledged = None;
                    take_log(node, &leader);
                }
            }
            if !self.is_able(state, n) {
                continue;
            }
            for m in self.company(state, n).into_iter().filter(|m| *m != n) {
                let node = &mut state.nodes[usize::from(m)];
                if node.term <= leader.term && leader.voters & bit(m) != 0 {
                    take_log(node, &leader);
                }
            }
        }
    }

    pub(super) fn stand(&self, state: &mut State) {
        for n in self.nodes() {
            let hears_leader = |m: u8| self.is_able(state, m) && self.is_linked(state, n, m);
            let leader = self.nodes().find(|m| hears_leader(*m));
            let Some(leader) = leader.map(|m| state.nodes[usize::from(m)].clone()) else {
                continue;
            };
            let node = &mut state.nodes[usize::from(n)];
            let is_voter = leader.voters & bit(n) != 0 && node.lineage == leader.lineage;
            if is_voter || self.without == Without::OwnLog {
                node.standing = true;
            }
        }
    }

    pub(super) fn tell(&self, state: &mut State, n: u8) {
        let place = usize::from(n);
        if !state.nodes[place].is_up {
            return;
        }
        let linked: Vec<bool> = self.nodes().map(|m| self.is_linked(state, n, m)).collect();
        for (m, _) in linked.iter().enumerate().filter(|(_, linked)| **linked) {
            state.nodes[place].heard[m] = state.nodes[m].boot;
        }
        let is_deaf = self.without == Without::BootOfTarget
            && self.nodes().any(|m| m != n && linked[usize::from(m)]);
        if !is_deaf {
            let facts = self.facts(state, n, &linked);
            state.halves[place].handle_facts(facts, Instant::ZERO);
        }
        self.take_outputs(state, n);
    }

    pub(super) fn take_outputs(&self, state: &mut State, n: u8) {
        let (node, half) = (
            &mut state.nodes[usize::from(n)],
            &mut state.halves[usize::from(n)],
        );
        while let Some(output) = half.poll_output() {
            match output {
                Output::Fence {
                    attempt,
                    target,
                    method: Method::SwitchOff,
                    ..
                } => state.requests.push(Request {
                    by: n,
                    boot: node.boot,
                    attempt,
                    target: index(target),
                    done: false,
                }),
                Output::Fence { .. } | Output::HeardAgain { .. } => {}
                Output::AskGrant { number, ask, .. } => {
                    state.asks.push((n, node.boot, number, ask));
                }
                Output::Force { term, .. } => (node.force, node.pledges) = (Some(term), 0),
            }
        }
        let waits = half.waits();
        let is_forcing = (waits.iter()).any(|w| matches!(w, quorum::half::Waits::Election { .. }));
        if !is_forcing {
            node.force = None;
        }
    }

    pub(super) fn facts(&self, state: &State, n: u8, linked: &[bool]) -> Facts {
        let node = &state.nodes[usize::from(n)];
        let condition = |m: u8| {
            let heard = match self.without {
                Without::BootOfTarget => 0,
                _ => node.heard[usize::from(m)],
            };
            let boot = boot_id(heard);
            if linked[usize::from(m)] {
                Condition::Alive { boot }
            } else {
                let since = Instant::ZERO;
                Condition::Lost { boot, since }
            }
        };
        let other = |m: u8| Other {
            condition: condition(m),
            devices: Devices::Some,
            fences_left: 9,
            watchdog_bound: None,
        };
        let is_led = (self.company(state, n).iter()).any(|m| self.is_able(state, *m));
        // A confirmation that survives the run that asked for it would be acted upon.
        let half = &state.halves[usize::from(n)];
        let confirmed = |m: u8| {
            let boot = boot_id(node.heard[usize::from(m)]);
            half.confirmed(id(m), boot).is_some()
        };
        let has_standing = node.standing
            || self.without == Without::Standing
            || self.without == Without::RunOfRequester && self.nodes().any(confirmed);
        let others: BTreeMap<NodeId, Other> = (self.nodes().filter(|m| *m != n))
            .map(|m| (id(m), other(m)))
            .collect();
        let arbiters = match self.without {
            Without::BothArbiters => node.arbiters[node.arbiters.len() - 1..].to_vec(),
            _ => node.arbiters.clone(),
        };
        Facts {
            me: id(n),
            run: node.boot.into(),
            lineage: node.lineage,
            term: node.term,
            led_term: node.last,
            voters: self
                .nodes()
                .filter(|m| node.voters & bit(*m) != 0)
                .map(id)
                .collect(),
            joining: std::collections::BTreeSet::new(),
            arbiters,
            standing: if has_standing {
                Standing::Proven
            } else {
                Standing::Unproven
            },
            leadership: if is_led {
                Leadership::Quorate
            } else {
                Leadership::Absent
            },
            maintenance: Maintenance::Off,
            weight: 1,
            turn: Turn::First,
            reach: quorum::race::Reach::Unasked,
            fence_race_delay: Duration::ZERO,
            log_ends: self.nodes().map(|m| (id(m), LogEnd::default())).collect(),
            others,
        }
    }
}
