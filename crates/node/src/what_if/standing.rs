//! Whether those who are left may decide.
//!
//! A majority may. Whether half may is what [`quorum::half::Half`] says, the machine that each
//! node of a half runs: it is told that the others are silent, its fences and asks are answered
//! as the failed devices and witnesses allow, and its clock runs until it goes on or waits for
//! what will not come.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::seen::NodeState;
use model::{BootId, Instant, Lineage, NodeId, NodeName};
use quorum::arbiter::Answer;
use quorum::half::{
    Condition, Devices, Facts, FenceResult, Half, Leadership, Other, Output, Standing, Waits,
};
use quorum::race::{Reach, Side, goes_first, weight};
use wire::raft::{Arbiter, LogEnd};

use super::Cluster;
use crate::play::Faults;
use crate::play::timeline::fence_span;

/// After so long a half that has not gone on waits for what does not come: longer than any
/// race, watchdog and three tries of a fence.
const LONG_ENOUGH: Duration = Duration::from_secs(120);

/// Each turn answers something or passes to the next deadline, of which there are a few a
/// minute.
const TURNS_MAX: usize = 1000;

/// An election time-out, as `quorum::bound` wants to know it; see `raft::Settings`.
const ELECTION_TIMEOUT: Duration = Duration::from_secs(1);

/// What those who are left may do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// They are a majority.
    Majority,
    /// They are half, and go on after this time; they have proven these nodes off before.
    Half {
        after: Duration,
        proven: BTreeSet<NodeName>,
    },
    /// Nothing is decided any more.
    Nobody { because: String },
}

/// What fails besides nodes and networks.
pub(crate) struct Helpers<'a> {
    pub faults: &'a Faults,
    /// Whether the arbiter can be asked.
    pub arbiter_answers: bool,
}

/// What these nodes, who hear each other and nobody else, may do.
pub(crate) fn judge(
    cluster: &Cluster<'_>,
    here: &BTreeSet<NodeName>,
    helpers: &Helpers<'_>,
) -> Verdict {
    let voters = &cluster.voters;
    let ids: BTreeSet<NodeId> = here
        .iter()
        .filter_map(|name| cluster.state.node_id(name))
        .filter(|id| voters.contains(id))
        .collect();
    if voters.len() < 2 * ids.len() {
        return Verdict::Majority;
    }
    if ids.is_empty() || 2 * ids.len() < voters.len() {
        let because = waits(&Waits::NotHalf {
            here: ids.len(),
            voters: voters.len(),
        });
        return Verdict::Nobody { because };
    }
    Trial::new(cluster, ids, helpers).run()
}

struct Trial<'a> {
    cluster: &'a Cluster<'a>,
    helpers: &'a Helpers<'a>,
    half: Half,
    facts: Facts,
    now: Instant,
    proven: BTreeSet<NodeName>,
}

/// When the others fell silent, by the clock of a trial.
const LOST_AT: Instant = Instant(1_000_000_000_000);

impl<'a> Trial<'a> {
    fn new(cluster: &'a Cluster<'a>, here: BTreeSet<NodeId>, helpers: &'a Helpers<'a>) -> Self {
        let facts = facts(cluster, &here);
        Self {
            cluster,
            helpers,
            half: Half::new(),
            facts,
            now: LOST_AT,
            proven: BTreeSet::new(),
        }
    }

    fn run(mut self) -> Verdict {
        self.half.handle_facts(self.facts.clone(), self.now);
        for _ in 0..TURNS_MAX {
            while let Some(output) = self.half.poll_output() {
                if self.answer(output) {
                    return Verdict::Half {
                        after: self.passed(),
                        proven: self.proven,
                    };
                }
            }
            let next = self.half.next_deadline();
            match next.filter(|at| at.saturating_duration_since(LOST_AT) < LONG_ENOUGH) {
                Some(at) => {
                    self.now = self.now.max(at);
                    self.half.handle_timeout(self.now);
                }
                None => break,
            }
        }
        let because = self.half.waits().first().map_or_else(String::new, waits);
        Verdict::Nobody { because }
    }

    fn passed(&self) -> Duration {
        self.now.saturating_duration_since(LOST_AT)
    }

    /// Does what the half asks for, as far as it can be done. Says whether it goes on.
    fn answer(&mut self, output: Output) -> bool {
        match output {
            Output::Force { .. } => return true,
            Output::HeardAgain { .. } => {}
            Output::Fence {
                attempt, target, ..
            } => {
                let result = match self.fence(target) {
                    Some((name, span)) => {
                        self.now = self.now + span;
                        self.proven.insert(name);
                        FenceResult::Off
                    }
                    None => FenceResult::Failed,
                };
                self.half.handle_fence_ended(attempt, result, self.now);
            }
            Output::AskGrant {
                arbiter,
                number,
                ask,
            } => {
                if self.helpers.arbiter_answers {
                    let answer = Answer::Granted {
                        lineage: ask.lineage,
                        term: ask.term,
                    };
                    self.half.handle_answer(&arbiter, number, answer, self.now);
                }
            }
        }
        false
    }

    fn fence(&self, target: NodeId) -> Option<(NodeName, Duration)> {
        let state = self.cluster.state;
        let name = state.node_name(target)?;
        let broken = &self.helpers.faults.broken;
        let answers = |device: &model::DeviceName| !broken.contains(device);
        let (_, span) = fence_span((state.spec()?, state.seen()), name, answers)?;
        Some((name.clone(), span.about))
    }
}

fn facts(cluster: &Cluster<'_>, here: &BTreeSet<NodeId>) -> Facts {
    let state = cluster.state;
    let there: Vec<NodeId> = cluster.voters.difference(here).copied().collect();
    let here_ids: Vec<NodeId> = here.iter().copied().collect();
    let (ours, theirs) = (side(cluster, &here_ids), side(cluster, &there));
    let others = cluster.voters.iter().filter(|id| here.first() != Some(*id));
    let others: BTreeMap<NodeId, Other> = others
        .map(|id| (*id, other(cluster, *id, here.contains(id))))
        .collect();
    let spec = state.spec();
    Facts {
        me: *here.first().expect("half of some voters is somebody"),
        run: 1,
        lineage: Lineage::default(),
        term: 1,
        led_term: 1,
        voters: cluster.voters.clone(),
        joining: BTreeSet::new(),
        arbiters: vec![cluster.arbiter],
        standing: Standing::Proven,
        leadership: Leadership::Absent,
        maintenance: state.seen().maintenance,
        weight: ours.as_ref().map_or(0, |side| side.weight),
        turn: match (&ours, &theirs) {
            (Some(ours), Some(theirs)) => goes_first(ours, theirs),
            _one_is_missing => quorum::race::Turn::First,
        },
        reach: Reach::Unasked,
        fence_race_delay: spec
            .map(|spec| spec.cluster.fence_race_delay)
            .unwrap_or_default(),
        log_ends: here_ids.iter().map(|id| (*id, LogEnd::default())).collect(),
        others,
    }
}

/// One of two halves, as the race weighs it.
pub(crate) fn side(cluster: &Cluster<'_>, ids: &[NodeId]) -> Option<Side> {
    let state = cluster.state;
    let names: Vec<&NodeName> = ids.iter().filter_map(|id| state.node_name(*id)).collect();
    Some(Side {
        weight: weight(state.spec()?, state.seen(), names.iter().copied()),
        first_name: names.iter().min().map(|name| (*name).clone())?,
    })
}

fn other(cluster: &Cluster<'_>, id: NodeId, is_here: bool) -> Other {
    let state = cluster.state;
    let name = state.node_name(id);
    let node = name.and_then(|name| state.seen().nodes.get(name));
    let boot = node.and_then(|node| node.state.boot());
    let boot = boot.unwrap_or(BootId([0; 16]));
    let condition = match (is_here, node.map(|node| &node.state)) {
        (true, _) => Condition::Alive { boot },
        (false, Some(NodeState::DaemonDown { .. })) => Condition::DaemonDown,
        (false, _) => Condition::Lost {
            boot,
            since: LOST_AT,
        },
    };
    let has_device = name.is_some_and(|name| state.has_trusted_device(name));
    let spec = state.spec();
    let lately = node.map_or(0, |node| {
        let hour = Duration::from_secs(3600);
        let is_late =
            |at: &&model::Moment| cluster.at.clock.saturating_duration_since(at.clock) < hour;
        node.fenced_at.iter().filter(is_late).count()
    });
    let max = spec.map_or(0, |spec| spec.cluster.fences_per_hour_max);
    let bound = name.and_then(|name| state.lease_and_bound(name));
    Other {
        condition,
        devices: match has_device {
            true => Devices::Some,
            false => Devices::None,
        },
        fences_left: max.saturating_sub(u32::try_from(lately).unwrap_or(u32::MAX)),
        watchdog_bound: bound
            .map(|(lease, dog)| quorum::bound::wait_out(lease, ELECTION_TIMEOUT, dog)),
    }
}

fn waits(waits: &Waits) -> String {
    match waits {
        Waits::NotHalf { here, voters } | Waits::OddVoters { here, voters } => {
            format!("{here} of {voters} voters are left")
        }
        Waits::Fencing { .. } | Waits::FenceFailed { .. } => {
            "half of the voters are left, and the others cannot be proven off".to_string()
        }
        Waits::NoDevice { .. } => {
            "half of the voters are left, and no device can prove the others off".to_string()
        }
        Waits::TooManyFences { .. } => {
            "half of the voters are left, and another was fenced too often".to_string()
        }
        Waits::Arbiter { arbiter, .. }
        | Waits::Preference { arbiter, .. }
        | Waits::Refused { arbiter, .. }
        | Waits::Outdated { arbiter } => match arbiter {
            Arbiter::Fence => "half of the voters are left".to_string(),
            Arbiter::Witness(_) | Arbiter::Disk(_) => {
                "half of the voters are left, and the witness does not answer".to_string()
            }
        },
        Waits::Maintenance => {
            "half of the voters are left, and nobody is fenced in maintenance".to_string()
        }
        Waits::Peers { .. } => {
            "half of the voters are left, and the daemon of another is closed".to_string()
        }
        Waits::Nothing
        | Waits::NoVoter
        | Waits::NoStanding
        | Waits::Candidate { .. }
        | Waits::LogEnds { .. }
        | Waits::Race { .. }
        | Waits::Reach { .. }
        | Waits::Watchdog { .. }
        | Waits::Election { .. } => "half of the voters are left".to_string(),
    }
}
