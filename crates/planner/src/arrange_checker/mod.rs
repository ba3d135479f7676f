//! A second opinion on arrangements: whether what [`crate::arrange`] answers may be carried
//! out.
//!
//! It is written apart from the planner and shares nothing with it but the words in which
//! things are told (`Wanted`, `Observed`, `Arrangement`, `Score`), so that one mistake does
//! not hide in both. It never proposes anything, and never asks whether a place is a good
//! one: only whether the answer breaks a promise or a rule that somebody wrote down.
//!
//! ```text
//!   Wanted, Observed, Arrangement ─► scene (what may be active where, who may be touched)
//!        ─► steps  do they lead from what was found to what is told, and end?
//!        ─► alone  S1, S2: never twice, nothing before the proof; counts of clones
//!        ─► ground on which nodes, with which quorum, who is fenced
//!        ─► orders what comes before what
//!        ─► places who is together, apart, where there is room, and where it is allowed
//! ```
//!
//! What cannot be acted on may stay as it is: it is *stuck* (see [`scene::Before::stuck`]).
//! No rule blames the arrangement for what is stuck; rules do blame it for what it adds.

mod alone;
mod ground;
mod held;
mod in_time;
mod orders;
mod places;
mod room;
mod scene;
mod steps;
mod tree;
mod violation;

use crate::arrange::{Arrangement, Observed, Wanted};
use scene::Scene;
pub use violation::{Rule, Violation};

/// Every violation in the arrangement; none in one that may be carried out.
#[must_use]
pub fn check(wanted: &Wanted, observed: &Observed, arrangement: &Arrangement) -> Vec<Violation> {
    let mut violations = steps::check_form(wanted, observed, arrangement);
    if !violations.is_empty() {
        // What points nowhere cannot be judged further.
        return violations;
    }
    let scene = Scene::new(wanted, observed, arrangement);
    steps::check(&scene, &mut violations);
    alone::check(&scene, &mut violations);
    ground::check(&scene, &mut violations);
    orders::check(&scene, &mut violations);
    places::check(&scene, &mut violations);
    room::check(&scene, &mut violations);
    violations.sort();
    violations.dedup();
    violations
}
