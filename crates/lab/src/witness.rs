//! A witness inside a service: it writes down, every few milliseconds, that this copy runs.
//! The records of all copies, in one file, prove that no two ran at one time.
//!
//! A record is a line: `TIME NODE PID BEGAN`, times in nanoseconds of the monotonic clock. A
//! copy lasts from its first record to its last; a copy that was paused and went on lasts
//! through the pause.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use crate::probe::monotonic;

/// Short enough to see two copies that overlap for a moment.
const EVERY: Duration = Duration::from_millis(2);

/// One run of one copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// Where it ran.
    pub node: String,
    /// Its process there.
    pub pid: u32,
    /// Its first record.
    pub from: u64,
    /// Its last record.
    pub until: u64,
}

/// The copies that the records tell of, by their begin.
#[must_use]
pub fn copies(records: &str) -> Vec<Copy> {
    let mut all: BTreeMap<(String, u32, u64), Copy> = BTreeMap::new();
    for line in records.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [at, node, pid, began] = words[..] else {
            continue;
        };
        let (Ok(at), Ok(pid), Ok(began)) = (at.parse(), pid.parse(), began.parse()) else {
            continue;
        };
        let fresh = || Copy {
            node: node.into(),
            pid,
            from: at,
            until: at,
        };
        let copy = all
            .entry((node.to_string(), pid, began))
            .or_insert_with(fresh);
        copy.from = copy.from.min(at);
        copy.until = copy.until.max(at);
    }
    let mut copies: Vec<Copy> = all.into_values().collect();
    copies.sort_by_key(|copy| copy.from);
    copies
}

/// Pairs of copies that ran at one time. Empty is the proof.
#[must_use]
pub fn overlaps(copies: &[Copy]) -> Vec<(Copy, Copy)> {
    let mut all = Vec::new();
    for (index, first) in copies.iter().enumerate() {
        for second in &copies[index + 1..] {
            if first.from <= second.until && second.from <= first.until {
                all.push((first.clone(), second.clone()));
            }
        }
    }
    all
}

/// Writes records until the process ends.
///
/// # Errors
/// When the file cannot be written: a copy that cannot be witnessed must not run.
pub fn bear(path: &Path, node: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    let (pid, began) = (std::process::id(), monotonic());
    loop {
        // One write with O_APPEND, so that the lines of several copies do not mix.
        file.write_all(format!("{} {node} {pid} {began}\n", monotonic()).as_bytes())?;
        std::thread::sleep(EVERY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(records: &str, expected: &[(&str, &str)]) {
        let found = overlaps(&copies(records));
        let names: Vec<_> = found
            .iter()
            .map(|(a, b)| (a.node.as_str(), b.node.as_str()))
            .collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn copies_that_follow_each_other_do_not_overlap() {
        check("1 alpha 9 1\n3 alpha 9 1\n4 beta 9 4\n8 beta 9 4\n", &[]);
    }

    #[test]
    fn a_copy_that_goes_on_after_a_pause_overlaps_with_its_successor() {
        check(
            "1 alpha 9 1\n4 beta 7 4\n5 beta 7 4\n6 alpha 9 1\n",
            &[("alpha", "beta")],
        );
    }

    #[test]
    fn the_same_process_number_after_a_boot_is_another_copy() {
        check("1 alpha 9 1\n2 beta 9 2\n3 beta 9 2\n4 alpha 9 4\n", &[]);
    }
}
