//! From a failing schedule to the few acts that it needs: delta debugging ("Simplifying and
//! Isolating Failure-Inducing Input", Zeller and Hildebrandt, 2002) over the acts.

use model::Instant;

use crate::act::Act;
use crate::play::schedule;
use crate::promises::Promise;
use crate::schedule::Setup;
use crate::trace::Keep;

/// Runs that one search may take: some seconds.
const RUNS_MAX: usize = 2000;

/// The acts that still break this promise, as few as the search found.
#[must_use]
pub fn shrink(setup: &Setup, acts: Vec<(Instant, Act)>, promise: Promise) -> Vec<(Instant, Act)> {
    let mut acts = acts;
    let mut runs = 0;
    let mut breaks = |acts: &[(Instant, Act)]| {
        runs += 1;
        let outcome = schedule(setup, acts.to_vec(), Keep::Nothing);
        (
            runs <= RUNS_MAX,
            outcome.violation.is_some_and(|v| v.promise == promise),
        )
    };
    let mut parts = 2;
    while 1 < acts.len() && parts <= acts.len() {
        let size = acts.len().div_ceil(parts);
        let mut is_smaller = false;
        for from in (0..acts.len()).step_by(size) {
            let mut fewer = acts.clone();
            fewer.drain(from..(from + size).min(acts.len()));
            let (goes_on, still_breaks) = breaks(&fewer);
            if !goes_on {
                return acts;
            }
            if still_breaks {
                acts = fewer;
                is_smaller = true;
                break;
            }
        }
        if is_smaller {
            parts = parts.saturating_sub(1).max(2);
        } else if size == 1 {
            break;
        } else {
            parts = (parts * 2).min(acts.len());
        }
    }
    acts
}
