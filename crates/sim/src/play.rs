//! Plays one seed, or one schedule.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use model::Instant;

use crate::act::Act;
use crate::mender::{OTHERS_WITHIN, RECOVERED_WITHIN, Stage};
use crate::promises::{Promise, Violation};
use crate::schedule::{Faults, Setup, of_seed};
use crate::trace::{Keep, Line};
use crate::wires::Packets;
use crate::world::{Counts, World};

/// What became of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The first promise that was broken.
    pub violation: Option<Violation>,
    /// Events.
    pub events: u64,
    /// Two runs with the same number had the same events at the same times.
    pub hash: u64,
    /// By kind.
    pub counts: Counts,
    /// What became of packets.
    pub packets: Packets,
    /// Entries committed.
    pub committed: u64,
    /// Requests of people, and how many of them were acknowledged.
    pub requests: (u64, u64),
    /// How long after the last fault everything ran (L1).
    pub recovered_in: Option<Duration>,
    /// How long after the last fault everything but the slow service ran (L2).
    pub others_in: Option<Duration>,
    /// The logs of a majority were destroyed, so that nothing could recover.
    pub hopeless: bool,
    /// What was kept of the run as text.
    pub lines: Vec<Line>,
}

/// Plays one seed.
#[must_use]
pub fn seed(seed: u64, faults: &Faults, keep: Keep) -> Outcome {
    let (setup, acts) = of_seed(seed, faults);
    schedule(&setup, acts, keep)
}

/// Plays a schedule: the acts, then the recovery.
#[must_use]
pub fn schedule(setup: &Setup, acts: Vec<(Instant, Act)>, keep: Keep) -> Outcome {
    let mut world = World::new(setup, acts, keep);
    // What a defect makes of a production crate's own assertions is a finding like others.
    let end = catch_unwind(AssertUnwindSafe(|| play(&mut world)));
    if let Err(panic) = end {
        world.break_promise(Promise::NoPanic, words_of(panic.as_ref()));
    }
    outcome(world)
}

/// Plays the acts and no recovery, until this moment.
#[must_use]
pub fn acts(setup: &Setup, acts: Vec<(Instant, Act)>, until: Instant) -> Outcome {
    let mut world = World::new(setup, acts, Keep::Tale);
    let end = catch_unwind(AssertUnwindSafe(|| {
        world.run_until(until);
        world.invariant_linearizable();
    }));
    if let Err(panic) = end {
        world.break_promise(Promise::NoPanic, words_of(panic.as_ref()));
    }
    outcome(world)
}

fn play(world: &mut World) {
    world.run_until(world.setup.faults_end);
    if world.violation.is_some() {
        return;
    }
    world.begin_mend();
    let end = world.now + OTHERS_WITHIN + RECOVERED_WITHIN + Duration::from_secs(2);
    while world.violation.is_none()
        && !matches!(world.mender.stage, Stage::Recovered | Stage::Hopeless)
        && let Some(at) = world.queue.next_at().filter(|at| *at <= end)
    {
        world.step(at);
    }
    world.invariant_linearizable();
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
        .unwrap_or_else(|| "a panic without words".into())
}

fn outcome(world: World) -> Outcome {
    Outcome {
        events: world.trace.event,
        hash: world.trace.hash(),
        counts: world.counts(),
        packets: world.wires.packets,
        committed: world.record.last(),
        requests: (world.clients.asked, world.clients.acknowledged),
        recovered_in: world.mender.all_took,
        others_in: world.mender.others_took,
        hopeless: world.mender.stage == Stage::Hopeless,
        lines: world.trace.lines.into(),
        violation: world.violation,
    }
}
