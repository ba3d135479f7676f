//! The two clocks of this machine, as the plain numbers of `model`.

use model::{Instant, WallTime};
use rustix::time::{ClockId, clock_gettime};

/// The monotonic clock (`CLOCK_MONOTONIC`): it never jumps, and all processes of one boot
/// read the same value.
#[must_use]
pub fn now() -> Instant {
    let time = clock_gettime(ClockId::Monotonic);
    let nanos = time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs();
    Instant(nanos)
}

/// The wall clock in UTC. Data for people only. Before 1970 it reads as 1970.
#[must_use]
pub fn wall() -> WallTime {
    let time = clock_gettime(ClockId::Realtime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    WallTime(seconds * 1000 + time.tv_nsec.unsigned_abs() / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_monotonic_clock_never_goes_back() {
        let moments: Vec<_> = (0..1000).map(|_| now()).collect();
        assert!(moments.is_sorted());
        assert!(moments[0] < moments[999]);
    }

    #[test]
    fn the_wall_clock_agrees_with_the_standard_library() {
        let since_1970 = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        let difference = u128::from(wall().0).abs_diff(since_1970.as_millis());
        assert!(difference < 1000, "{difference} ms apart");
    }
}
