//! How often this kernel refuses packets to a closed port: by its refusals others tell a
//! closed daemon from a dead machine.

use std::io;
use std::time::Duration;

const LIMIT: &str = "/proc/sys/net/ipv4/icmp_ratelimit";
const MASK: &str = "/proc/sys/net/ipv4/icmp_ratemask";

/// The kind of message by which a port is refused: destination unreachable.
const UNREACHABLE: u32 = 3;

/// The shortest time between two refusals to one address, after a burst of six. Zero: there is
/// no such limit.
///
/// # Errors
/// When the kernel does not tell.
pub fn pause() -> io::Result<Duration> {
    let number = |path| {
        let text = std::fs::read_to_string(path)?;
        text.trim().parse::<u32>().map_err(io::Error::other)
    };
    Ok(pause_of(number(LIMIT)?, number(MASK)?))
}

/// The limit in milliseconds holds for the kinds in the mask.
fn pause_of(limit: u32, mask: u32) -> Duration {
    let is_limited = mask & (1 << UNREACHABLE) != 0;
    Duration::from_millis(if is_limited { limit.into() } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_holds_for_the_kinds_of_the_mask() {
        assert_eq!(pause_of(1000, 6168), Duration::from_secs(1));
        assert_eq!(pause_of(5000, 6160), Duration::ZERO);
        assert_eq!(pause_of(0, 6168), Duration::ZERO);
    }

    #[test]
    fn this_kernel_tells() {
        pause().unwrap();
    }
}
