//! How long a durable commit of one small entry takes on this machine's disk:
//! `cargo run --release -p consensus --example log_bench -- [DIRECTORY]` (a temporary
//! directory beside the working directory when none is named).

use std::error::Error;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use consensus::{Log, Report, spawn_driver};
use raft::{Persist, PersistSeq};
use wire::raft::{Entry, Payload};

const COMMITS: u64 = 1000;
/// About the size of a command as JSON.
const COMMAND_BYTES: usize = 400;

fn main() -> Result<(), Box<dyn Error>> {
    let named = std::env::args_os().nth(1).map(PathBuf::from);
    let directory = named.unwrap_or_else(|| PathBuf::from("log-bench.tmp"));
    let (log, recovered) = Log::open(&directory)?;
    let first = recovered
        .restored
        .entries
        .last()
        .map_or(1, |entry| entry.index + 1);
    let (report, reports) = mpsc::channel();
    let driver = spawn_driver(log, move |it| {
        // The main thread ends first only when something failed.
        let _ = report.send(it);
    });
    let mut times: Vec<Duration> = Vec::new();
    for number in 0..COMMITS {
        let payload = Payload::Command(vec![b'x'; COMMAND_BYTES]);
        let entries = vec![Entry {
            index: first + number,
            term: 1,
            payload,
        }];
        let begun = Instant::now();
        driver.persist(Persist {
            seq: PersistSeq(number + 1),
            entries,
            ..Persist::default()
        });
        match reports.recv()? {
            Report::Durable(_) => times.push(begun.elapsed()),
            Report::Failed(error) => return Err(error.into()),
        }
    }
    drop(driver);
    times.sort();
    let at = |per_mille: usize| times[(times.len() * per_mille / 1000).min(times.len() - 1)];
    println!(
        "{COMMITS} durable commits: p50 {:?}, p90 {:?}, p99 {:?}, max {:?}",
        at(500),
        at(900),
        at(990),
        at(1000)
    );
    std::fs::remove_dir_all(&directory)?;
    Ok(())
}
