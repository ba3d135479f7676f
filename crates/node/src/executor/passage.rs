//! Where one service stands on this node in a live migration.
//!
//! ```text
//!   source:  Stays ──Leaving──► Leaves(Due) ──► Leaves(UnderWay) ──► Leaves(Gone) ──► Clears
//!                                                  └─► Leaves(Asks) ──► Leaves(Failed) ──► Stays
//!   target:  Stays ──Leaving──► Expected ──Arriving──► Arrives ──► Takes ──► Stays
//!                                  └────────CalledOff────────────────┴─────► Clears
//! ```
//!
//! A run of the daemon that finds itself in the middle of one finishes nothing: what the run
//! before had begun may have ended in any way.

use std::time::Duration;

use model::migration::{Migration, MigrationStage};
use model::operation::{OperationReport, Outcome, Verb};
use model::seen::{ResourceFailure, ResourceState};
use model::{BootId, Instant, NodeName, ServiceName};
use state::State;

use super::STOP_RETRY;
use super::local::{Local, LocalResource, overran};

/// Where a service stands in the migration that began with the command of that index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Passage {
    /// It is in none, or all that this node had to do in it is done.
    #[default]
    Stays,
    /// It may come here at any time.
    Expected,
    /// It has come, and is to be taken in.
    Arrives(u64),
    /// It is being taken in, or was.
    Takes(u64),
    /// It leaves from here.
    Leaves(u64, Leave),
    /// An earlier run of the daemon was at it.
    Interrupted(u64),
    /// What is left of it here is stopped, or was.
    Clears(u64),
}

/// How far the hand-over is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Leave {
    /// It is to begin.
    Due,
    /// It is under way.
    UnderWay,
    /// It has failed; whether the resource still runs here is to be asked.
    Asks(ResourceFailure),
    /// It has failed, and the state of the resource is known.
    Failed(ResourceFailure),
    /// All has gone.
    Gone,
}

const INTERRUPTED: &str = "the daemon was started anew in the middle of a live move";

/// The end of a migration that this node is, and what it has of the log's rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Source,
    Target,
}

/// What an end of a migration has in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Has {
    /// The claim.
    Claim,
    /// None, and still something to clear away.
    Mark,
    /// Neither.
    Nothing,
}

/// The next operation of a service that is in a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// This, on its resource.
    Do(Verb),
    /// None, and no other may be.
    Nothing,
    /// Whatever would be without the migration.
    AsUsual,
}

impl Passage {
    /// Whether what came is being taken in, or was, and the other end has not cleared away yet.
    pub fn is_taken_in(&self) -> bool {
        matches!(self, Self::Takes(_))
    }

    /// Whether something may be here that no state of a resource tells of.
    pub fn may_hold(&self) -> bool {
        match self {
            Self::Expected | Self::Arrives(_) => true,
            Self::Stays
            | Self::Takes(_)
            | Self::Leaves(..)
            | Self::Interrupted(_)
            | Self::Clears(_) => false,
        }
    }
}

/// The migration of the service of which this node is an end.
pub(super) fn of<'a>(
    state: &'a State,
    service: &ServiceName,
    (me, boot): (&NodeName, BootId),
) -> Option<(&'a Migration, End)> {
    let migration = state.seen().migrations.get(service)?;
    // Whoever is sent something in another boot has it all the same.
    if migration.to.node == *me {
        return Some((migration, End::Target));
    }
    let is_source = migration.from.node == *me && migration.from.boot == boot;
    is_source.then_some((migration, End::Source))
}

/// Whether this end has handed over, and the other one has not taken all in yet: what a stop
/// would clear away here may still be needed there.
pub(super) fn must_not_clear_yet((migration, end): (&Migration, End)) -> bool {
    end == End::Source && migration.stage == MigrationStage::Arriving
}

impl Local {
    /// An earlier run of the daemon may have been at the migration.
    pub fn interrupt_passage(&mut self, (migration, end): (&Migration, End)) {
        self.passage = match (migration.stage, end) {
            // What is sent comes whatever this node does.
            (MigrationStage::Leaving, End::Target) => Passage::Expected,
            (MigrationStage::Leaving | MigrationStage::CalledOff, End::Source)
            | (MigrationStage::Arriving, End::Target) => Passage::Interrupted(migration.begun),
            (MigrationStage::Arriving, End::Source)
            | (MigrationStage::Clearing, _)
            | (MigrationStage::CalledOff, End::Target) => Passage::Stays,
        };
        self.peer = Some(peer(migration, end));
    }

    /// Takes note of how far the migration is, and of what this end has in the log.
    pub fn follow_passage(&mut self, found: Option<(&Migration, End)>, has: Has) {
        let Some((migration, end)) = found else {
            // It is over. What was expected has not come, or was cleared away.
            self.passage = Passage::Stays;
            self.peer = None;
            return;
        };
        let begun = migration.begun;
        self.peer = Some(peer(migration, end));
        if self.resources.is_empty() {
            // Nobody knows any more how it would be stopped, so it is never said to be.
            self.passage = Passage::Expected;
            return;
        }
        match (migration.stage, end) {
            (MigrationStage::Leaving, End::Target) => self.passage = Passage::Expected,
            (MigrationStage::Leaving, End::Source) => self.follow_leave(begun),
            (MigrationStage::Arriving, End::Target) => self.follow_arrival(begun),
            (MigrationStage::Arriving, End::Source) => {}
            (MigrationStage::Clearing | MigrationStage::CalledOff, _) if has == Has::Mark => {
                self.clear(begun);
            }
            (MigrationStage::CalledOff, End::Target) if has == Has::Claim => {
                self.give_up_arrival(begun);
            }
            (MigrationStage::CalledOff, End::Source) => self.stay(begun),
            (MigrationStage::Clearing, _) | (MigrationStage::CalledOff, End::Target) => {
                self.passage = Passage::Stays;
            }
        }
    }

    /// The hand-over was given up, and the claim is still here. What an earlier run of the
    /// daemon was clearing away, and nobody finds any more, is stopped for certain.
    fn stay(&mut self, begun: u64) {
        if self.passage == Passage::Interrupted(begun) {
            self.doubt_the_gone();
        }
        self.passage = Passage::Stays;
    }

    /// What an earlier run of the daemon was handing over and nobody finds here has left
    /// something behind: it counts as up until a stop has ended.
    fn doubt_the_gone(&mut self) {
        let is_gone = |resource: &&mut LocalResource| resource.state == ResourceState::Stopped;
        if let Some(resource) = self.resources.first_mut().filter(is_gone) {
            let how = INTERRUPTED.to_string();
            resource.fail(Some(Verb::MigrateTo), how, String::new());
        }
    }

    fn follow_leave(&mut self, begun: u64) {
        let failure = match &self.passage {
            Passage::Leaves(of, _) if *of == begun => return,
            Passage::Interrupted(of) if *of == begun => {
                // Also where the service shall stop by now, and nobody asks how the move went.
                self.doubt_the_gone();
                self.failure_of(INTERRUPTED)
            }
            _another_or_none => self.failed(),
        };
        let leave = failure.map_or(Leave::Due, Leave::Failed);
        self.passage = Passage::Leaves(begun, leave);
    }

    fn follow_arrival(&mut self, begun: u64) {
        match &self.passage {
            Passage::Takes(of) if *of == begun => {}
            Passage::Interrupted(of) if *of == begun => {
                self.passage = Passage::Takes(begun);
                if let Some(resource) = self.resources.first_mut() {
                    let how = INTERRUPTED.to_string();
                    resource.fail(Some(Verb::MigrateFrom), how, String::new());
                }
            }
            _another_or_none => self.passage = Passage::Arrives(begun),
        }
    }

    /// What is here counts as up until a stop has ended, whatever a probe said.
    fn clear(&mut self, begun: u64) {
        if self.passage == Passage::Clears(begun) {
            return;
        }
        if self.busy.is_some() {
            // What is under way ends first.
            return;
        }
        self.passage = Passage::Clears(begun);
        for resource in &mut self.resources {
            if resource.state == ResourceState::Stopped {
                resource.state = ResourceState::Stopping;
            }
        }
    }

    /// What was handed over here shall not run after all. What this run has taken in it knows the
    /// state of. Else all came while this node was behind the log: it is here, and nothing tells.
    fn give_up_arrival(&mut self, begun: u64) {
        if self.passage != Passage::Takes(begun) {
            self.clear(begun);
        }
    }

    fn failed(&self) -> Option<ResourceFailure> {
        let failed = self
            .resources
            .iter()
            .find(|resource| resource.state == ResourceState::Failed);
        failed.and_then(|resource| resource.failure.clone())
    }

    fn failure_of(&self, how: &str) -> Option<ResourceFailure> {
        let first = self.resources.first()?;
        Some(ResourceFailure {
            resource: first.spec.name.clone(),
            verb: Some(Verb::MigrateTo),
            how: how.to_string(),
            output: String::new(),
        })
    }

    /// What a service that should be up does for a migration.
    pub fn next_in_passage(&mut self) -> Next {
        if let Passage::Leaves(begun, Leave::Due) = self.passage {
            let failure = self.failed();
            let (leave, next) = match failure {
                Some(failure) => (Leave::Failed(failure), Next::Nothing),
                None => (Leave::UnderWay, Next::Do(Verb::MigrateTo)),
            };
            self.passage = Passage::Leaves(begun, leave);
            return next;
        }
        match self.passage {
            Passage::Leaves(_, Leave::Asks(_)) => Next::Do(Verb::Probe),
            Passage::Leaves(..) | Passage::Expected | Passage::Interrupted(_) => Next::Nothing,
            Passage::Arrives(begun) => {
                self.passage = Passage::Takes(begun);
                Next::Do(Verb::MigrateFrom)
            }
            Passage::Stays | Passage::Takes(_) | Passage::Clears(_) => Next::AsUsual,
        }
    }

    /// A stop of what no state tells of. What may still come is stopped again and again.
    pub fn stop_what_may_be_here(&mut self, now: Instant) -> Option<(usize, Verb)> {
        if let Passage::Arrives(begun) = self.passage {
            self.passage = Passage::Takes(begun);
        } else {
            self.stop_retry_at = Some(now + STOP_RETRY);
        }
        Some((0, Verb::Stop))
    }

    /// The hand-over has ended, or the question that follows one that failed.
    pub fn note_passage(&mut self, verb: Verb, report: &OperationReport, limit: Duration) {
        let Passage::Leaves(begun, leave) = &self.passage else {
            return;
        };
        let begun = *begun;
        let next = match (leave, verb, &report.outcome) {
            (Leave::UnderWay, Verb::MigrateTo, Outcome::Stopped) => Leave::Gone,
            (Leave::UnderWay, Verb::MigrateTo, outcome) => {
                let how = match outcome {
                    Outcome::Failed(how) => how.clone(),
                    Outcome::TimedOut => overran(limit),
                    Outcome::Running | Outcome::Promoted | Outcome::Stopped => {
                        "it still runs here".to_string()
                    }
                };
                let Some(mut failure) = self.failure_of(&how) else {
                    return;
                };
                failure.output.clone_from(&report.output);
                Leave::Asks(failure)
            }
            (Leave::Asks(failure), Verb::Probe, outcome) => {
                let failure = failure.clone();
                if !matches!(outcome, Outcome::Running | Outcome::Promoted) {
                    // What does not run here any more is stopped for certain before it starts
                    // anywhere.
                    let how = failure.how.clone();
                    if let Some(resource) = self.resources.first_mut() {
                        resource.fail(Some(Verb::MigrateTo), how, String::new());
                    }
                }
                Leave::Failed(failure)
            }
            _other => return,
        };
        self.passage = Passage::Leaves(begun, next);
    }
}

fn peer(migration: &Migration, end: End) -> NodeName {
    match end {
        End::Source => migration.to.node.clone(),
        End::Target => migration.from.node.clone(),
    }
}
