//! The processes of a machine, as the `/proc` of the laboratory shows them.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::protocol::{Pace, Process};

/// A machine that forks without end may outrun the signals; this bounds the chase.
const PAUSE_LIMIT: Duration = Duration::from_secs(2);

struct Seen {
    pid: Pid,
    pid_inside: i32,
    proc: PathBuf,
}

/// All processes in the process namespace whose first process is `init`.
fn of_machine(init: Pid) -> io::Result<Vec<Seen>> {
    let space = |proc: &PathBuf| fs::read_link(proc.join("ns/pid"));
    let wanted = space(&PathBuf::from(format!("/proc/{}", init.as_raw_nonzero())))?;
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let number = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        let Some(pid) = number.and_then(Pid::from_raw) else {
            continue;
        };
        let proc = entry.path();
        if space(&proc).is_ok_and(|place| place == wanted)
            && let Some(pid_inside) = number_inside(&proc)
        {
            found.push(Seen {
                pid,
                pid_inside,
                proc,
            });
        }
    }
    Ok(found)
}

fn number_inside(proc: &std::path::Path) -> Option<i32> {
    let status = fs::read_to_string(proc.join("status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("NSpid:"))?;
    line.split_whitespace().next_back()?.parse().ok()
}

/// The letter after the name in parentheses, which may itself hold anything.
fn state(stat: &str) -> Option<char> {
    stat.rsplit_once(") ")?.1.chars().next()
}

fn stands_still(process: &Seen) -> bool {
    let Ok(tasks) = fs::read_dir(process.proc.join("task")) else {
        return true;
    };
    tasks.flatten().all(|task| {
        let stat = fs::read_to_string(task.path().join("stat"));
        // A task that is gone does nothing any more. One in uninterruptible sleep (a parent
        // whose `vfork` child was stopped stays there) stops before it gets back to its program.
        stat.map_or(true, |stat| {
            matches!(state(&stat), Some('T' | 't' | 'D' | 'Z' | 'X') | None)
        })
    })
}

/// Stops or continues every process; returns when each has.
pub(super) fn set_pace(init: Pid, pace: Pace) -> io::Result<()> {
    let signal = match pace {
        Pace::Running => Signal::CONT,
        Pace::Paused => Signal::STOP,
    };
    let deadline = Instant::now() + PAUSE_LIMIT;
    // A process that was stopped may have made another just before, which the listing missed:
    // only two looks in a row that find nothing moving prove that nothing moves.
    let mut quiet_looks = 0;
    while quiet_looks < 2 {
        let all = of_machine(init)?;
        let quiet = pace == Pace::Running || all.iter().all(stands_still);
        quiet_looks = if quiet { quiet_looks + 1 } else { 0 };
        for process in &all {
            // It may have ended since it was seen.
            let _ = kill_process(process.pid, signal);
        }
        if deadline < Instant::now() {
            return Err(io::Error::other("some processes did not stop"));
        }
        if !quiet {
            // The signals reach running processes at the next tick of the scheduler.
            std::thread::sleep(Duration::from_micros(200));
        }
    }
    Ok(())
}

pub(super) fn list(init: Pid) -> io::Result<Vec<Process>> {
    let process = |seen: &Seen| {
        let stat = fs::read_to_string(seen.proc.join("stat")).ok()?;
        let line = fs::read(seen.proc.join("cmdline")).ok()?;
        let words = line
            .split(|byte| *byte == 0)
            .filter(|word| !word.is_empty());
        let command = words
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect();
        Some(Process {
            pid: seen.pid_inside,
            state: state(&stat)?,
            command,
        })
    };
    let mut all: Vec<Process> = of_machine(init)?.iter().filter_map(process).collect();
    all.sort_by_key(|process| process.pid);
    Ok(all)
}
