//! `cargo xtask pacemaker-cases DIR`: an outside opinion on placement and recovery.
//!
//! DIR holds cases of Pacemaker's own suite, which nobody here wrote: `cib/NAME.xml` is the
//! state of a cluster at one moment, `expected.json` is what its scheduler makes of it. Each
//! case is read with `import::cib`, arranged with `planner::arrange`, and compared.
//!
//! ```text
//!   cib/NAME.xml ─► import ─► Wanted, Observed ─► arrange ─► Arrangement
//!                               │                              │
//!   expected.json ──────── reading ──────────── fencing, placement, changes
//! ```

mod expected;
mod outcome;
mod reading;
mod report;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use clap::Args;
use import::cib::{self, Cluster};
use planner::rule::UnixSeconds;

use crate::run::Failure;
use expected::Case;
use report::{Report, Result as CaseResult};

/// 2026-07-01, when the expected results were made: the time of cases that tell none.
const ANY_TIME: UnixSeconds = UnixSeconds(1_782_864_000);

#[derive(Args)]
pub struct CasesArguments {
    /// The directory with `cib` and `expected.json`.
    directory: PathBuf,
    /// Only cases of this tier: core or extended.
    #[arg(long)]
    tier: Option<String>,
    /// Only cases of this theme.
    #[arg(long)]
    theme: Option<String>,
    /// Only this case.
    #[arg(long)]
    case: Option<String>,
    /// Prints every difference, notes of the import, and what was read.
    #[arg(long)]
    verbose: bool,
    /// Compares the import alone: where everything is before anything is decided.
    #[arg(long)]
    reading: bool,
    /// Fails below these shares, in per cent: `core=97,extended=90`.
    #[arg(long, value_name = "TIER=SHARE,...")]
    least: Option<String>,
}

pub fn run(arguments: &CasesArguments) -> Result<(), Failure> {
    let least = least(arguments.least.as_deref().unwrap_or_default())?;
    let cases = expected::read(&arguments.directory.join("expected.json"))?;
    // A panic in a case is its result; its place is told with it, once.
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let mut report = Report::default();
    let mut problem = None;
    for case in cases.iter().filter(|case| is_chosen(case, arguments)) {
        match one(case, arguments) {
            Ok(result) => report.add(case, result),
            Err(failure) => problem = problem.or(Some(failure)),
        }
    }
    std::panic::set_hook(before);
    if let Some(problem) = problem {
        return Err(problem);
    }
    report.print(arguments.verbose);
    report.meets(&least)
}

fn is_chosen(case: &Case, arguments: &CasesArguments) -> bool {
    let fits =
        |wanted: &Option<String>, given: &str| wanted.as_ref().is_none_or(|wanted| wanted == given);
    fits(&arguments.tier, &case.tier)
        && fits(&arguments.theme, &case.theme)
        && fits(&arguments.case, &case.name)
}

fn one(case: &Case, arguments: &CasesArguments) -> Result<CaseResult, Failure> {
    let path = path_of(&arguments.directory, &case.name);
    let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let compared = catch_unwind(AssertUnwindSafe(|| {
        let now = case.now.or(Some(ANY_TIME));
        let cluster = match cib::read(&text, now) {
            Ok(cluster) => cluster,
            Err(error) => return CaseResult::failed(error.to_string()),
        };
        if arguments.verbose && arguments.case.is_some() {
            show(&cluster);
        }
        if arguments.reading {
            return CaseResult::of_differences(reading::differences(&cluster, case));
        }
        let arrangement = planner::arrange::arrange(&cluster.wanted, &cluster.observed);
        outcome::compare(&cluster, &arrangement, case)
    }));
    Ok(compared.unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("without a message");
        CaseResult::failed(format!("panic: {text}"))
    }))
}

fn path_of(directory: &Path, name: &str) -> PathBuf {
    directory.join("cib").join(format!("{name}.xml"))
}

fn show(cluster: &Cluster) {
    println!("{:#?}", cluster.wanted);
    println!("{:#?}", cluster.observed);
    for note in &cluster.notes {
        println!("note {}: {}", note.place, note.text);
    }
}

/// `core=97,extended=90`.
fn least(text: &str) -> Result<Vec<(String, f64)>, Failure> {
    let parts = text.split(',').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (tier, share) = part
                .split_once('=')
                .ok_or_else(|| format!("--least: {part} is not TIER=SHARE"))?;
            let share = share
                .parse()
                .map_err(|e| format!("--least: {share}: {e}"))?;
            Ok((tier.to_string(), share))
        })
        .collect()
}
