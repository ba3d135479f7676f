//! The two clocks of this machine, as the plain numbers of `model`, and a watch for the
//! moment at which somebody sets the second.
//!
//! Everything that is decided goes by [`now`]. [`wall`] is for people.

mod steps;

use std::sync::atomic::{AtomicI64, Ordering};

use model::{Instant, WallTime};
use rustix::time::{ClockId, clock_gettime};

pub use steps::{Step, watch};

/// By how many milliseconds the laboratory has shifted the wall clock of this process. A real
/// one cannot be set for one node of a laboratory alone.
static SHIFTED: AtomicI64 = AtomicI64::new(0);

/// The clock that never jumps (`CLOCK_BOOTTIME`). All processes of one boot read the same
/// value, and it goes on while the machine sleeps: a lease that ended in the meantime has
/// ended when it wakes.
#[must_use]
pub fn now() -> Instant {
    let time = clock_gettime(ClockId::Boottime);
    let nanos = time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs();
    Instant(nanos)
}

/// The wall clock in UTC. Data for people only. Before 1970 it reads as 1970.
#[must_use]
pub fn wall() -> WallTime {
    WallTime(u64::try_from(wall_millis()).unwrap_or(0))
}

fn wall_millis() -> i64 {
    let time = clock_gettime(ClockId::Realtime);
    let millis = time.tv_sec.saturating_mul(1000) + time.tv_nsec / 1_000_000;
    millis.saturating_add(SHIFTED.load(Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shift is one for the process: whoever changes or compares it holds this.
    pub(super) static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

    #[test]
    fn the_monotonic_clock_never_goes_back() {
        let moments: Vec<_> = (0..1000).map(|_| now()).collect();
        assert!(moments.is_sorted());
        assert!(moments[0] < moments[999]);
    }

    #[test]
    fn the_wall_clock_agrees_with_the_standard_library() {
        let _alone = ALONE.lock();
        let since_1970 = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        let difference = u128::from(wall().0).abs_diff(since_1970.as_millis());
        assert!(difference < 1000, "{difference} ms apart");
    }
}
