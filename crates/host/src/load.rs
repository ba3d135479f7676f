//! How busy the processors of this machine are.

use std::fs::read_to_string;
use std::io;

/// The average of one minute, in percent of all processors. More than a hundred: something
/// waits for them, or for disks.
///
/// # Errors
/// When the kernel does not tell.
pub fn processors_busy() -> io::Result<u32> {
    let averages = read_to_string("/proc/loadavg")?;
    let count = count(&read_to_string("/proc/stat")?);
    let untold = || io::Error::new(io::ErrorKind::InvalidData, "/proc/loadavg tells no number");
    percent(&averages, count).ok_or_else(untold)
}

/// `cpu0 1 2 3`, a line for each processor that is on; the first line is of all.
fn count(stat: &str) -> usize {
    let numbered = stat.lines().filter(|line| {
        let rest = line.strip_prefix("cpu");
        rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
    });
    numbered.count().max(1)
}

/// `0.20 0.18 0.12 1/80 11206`: the first is the average of one minute.
fn percent(averages: &str, processors: usize) -> Option<u32> {
    let load: f64 = averages.split_ascii_whitespace().next()?.parse().ok()?;
    let percent = load * 100.0 / processors as f64;
    // A number that is too large, or none, becomes the largest or zero.
    Some(percent.round() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_of_one_minute_is_shared_by_the_processors_that_are_on() {
        let stat = "cpu  9 9 9\ncpu0 1 2 3\ncpu1 4 5 6\ncpu3 1 1 1\nctxt 77\ncpufreq 1\n";
        assert_eq!(count(stat), 3);
        assert_eq!(count(""), 1);
        assert_eq!(percent("0.20 0.18 0.12 1/80 11206\n", 1), Some(20));
        assert_eq!(percent("6.00 0.18 0.12 1/80 11206\n", 4), Some(150));
        assert_eq!(percent("0.02 9.00 9.00 1/80 11206\n", 3), Some(1));
        assert_eq!(percent("\n", 4), None);
        assert_eq!(percent("much", 4), None);
    }

    #[test]
    fn this_machine_tells() {
        assert!(processors_busy().is_ok());
    }
}
