//! Plays many seeds, several at once, and tells what became of them. `cargo xtask sim` runs
//! it; what it prints is described in docs/simulator.md.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "threads and clocks of those who play seeds; the clusters know nothing of them"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

mod planted;

use clap::Parser;
use sim::play::{self, Outcome};
use sim::scenario::Scenario;
use sim::schedule::Faults;
use sim::trace::Keep;

/// Lines shown of a violation.
const LINES_SHOWN: usize = 20;

/// Seeds that are played when nobody says how many.
const SEEDS: u64 = 1000;

/// The exit code of a command that says something impossible.
const MISTAKEN: u8 = 2;

/// Violations shown in full; more would hide each other.
const VIOLATIONS_SHOWN: usize = 5;

#[derive(Parser)]
#[command(name = "cargo xtask sim", about = "Plays simulated clusters")]
struct Arguments {
    /// How many seeds to play; 1000, or with `--plant` at most 20000.
    #[arg(long)]
    seeds: Option<u64>,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Kinds of faults, with commas between them; `all` is all but `liar`.
    #[arg(long, default_value = "all")]
    faults: Faults,
    /// Seeds played at once.
    #[arg(long, default_value_t = 2)]
    jobs: u64,
    /// Play each seed twice and compare the traces.
    #[arg(long)]
    twice: bool,
    /// Print the figures as JSON before the last line.
    #[arg(long)]
    json: bool,
    /// Play one seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Show that seed event by event.
    #[arg(long, requires = "seed")]
    show: bool,
    /// The first event to show.
    #[arg(long, default_value_t = 0)]
    from_event: u64,
    /// The last event to show.
    #[arg(long, default_value_t = u64::MAX)]
    to_event: u64,
    /// Look for the few acts of a failing seed that break its promise.
    #[arg(long, requires = "seed")]
    shrink: bool,
    /// Play a scenario from a file, as those in `scenarios/sim`, and show what is seen.
    #[arg(long, conflicts_with = "seed")]
    scenario: Option<PathBuf>,
    /// Plant defects, and look for each: names with commas between them; `list` names them,
    /// `all` tries all.
    #[arg(long)]
    plant: Option<String>,
    /// With `--plant`: write the table to this file.
    #[arg(long, requires = "plant")]
    write: Option<PathBuf>,
    /// Play new seeds until a promise is broken.
    #[arg(long)]
    soak: bool,
    /// Start at a seed that nobody has played before.
    #[arg(long)]
    fresh: bool,
}

fn main() -> ExitCode {
    // A panic is a finding: it is told with the seed, once.
    std::panic::set_hook(Box::new(|_| {}));
    let arguments = Arguments::parse();
    let is_single = arguments.seed.is_some() || arguments.scenario.is_some();
    let outcome = match &arguments.plant {
        Some(plant) if is_single => planted::with(plant, || single(&arguments)),
        Some(plants) => planted::run(plants, &arguments),
        None if is_single => single(&arguments),
        None => Ok(many(&arguments)),
    };
    match outcome {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(mistake) => {
            eprintln!("{mistake}");
            ExitCode::from(MISTAKEN)
        }
    }
}

/// How many promises were broken, or defects missed; or what is wrong with the command.
type Outcomes = Result<u64, String>;

/// One seed, or one scenario.
fn single(arguments: &Arguments) -> Outcomes {
    Ok(match (&arguments.scenario, arguments.seed) {
        (Some(path), _) => return scenario(path),
        (None, Some(seed)) if arguments.shrink => shrink(seed, arguments),
        (None, Some(seed)) => one(seed, arguments),
        (None, None) => 0,
    })
}

/// Prints what an operator would see of a scenario.
fn scenario(path: &Path) -> Outcomes {
    let at = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| at(&error))?;
    let scenario = Scenario::read(&text).map_err(|error| at(&error))?;
    let (seen, broken) = scenario.play();
    print!("{seen}");
    Ok(u64::from(broken.is_some()))
}

fn one(seed: u64, arguments: &Arguments) -> u64 {
    let keep = if arguments.show {
        Keep::All
    } else {
        Keep::Story
    };
    let outcome = play::seed(seed, &arguments.faults, keep);
    for line in &outcome.lines {
        if (arguments.from_event..=arguments.to_event).contains(&line.event) {
            println!("{line}");
        }
    }
    let mut total = Total::default();
    total.add(seed, &outcome);
    if let Some(violation) = &outcome.violation {
        println!(
            "seed {seed}: {}: {}",
            violation.promise.name(),
            violation.what
        );
    }
    println!("trace {:016x}", outcome.hash);
    println!("{}", total.last_line());
    total.violations
}

/// Prints the few acts that a failing seed needs, as a scenario.
fn shrink(seed: u64, arguments: &Arguments) -> u64 {
    let (setup, acts) = sim::schedule::of_seed(seed, &arguments.faults);
    let outcome = play::schedule(&setup, acts.clone(), Keep::Nothing);
    let Some(violation) = outcome.violation else {
        println!("seed {seed} breaks no promise");
        return 0;
    };
    let before = acts.len();
    let fewer = sim::shrink::shrink(&setup, acts, violation.promise);
    println!("{} of {before} acts are left", fewer.len());
    let after = play::schedule(&setup, fewer.clone(), Keep::Story);
    for line in &after.lines {
        println!("{line}");
    }
    println!();
    println!("seed {seed}");
    for (at, act) in &fewer {
        println!("at {}ms {act}", at.0 / 1_000_000);
    }
    if let Some(violation) = &after.violation {
        println!("# {}: {}", violation.promise.name(), violation.what);
    }
    1
}

fn many(arguments: &Arguments) -> u64 {
    let from = if arguments.fresh || arguments.soak {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.map_or(1, |now| now.as_nanos() as u64 / 1000 % 1_000_000_000_000)
    } else {
        arguments.from
    };
    let end = if arguments.soak {
        u64::MAX
    } else {
        from + arguments.seeds.unwrap_or(SEEDS)
    };
    let (next, stop) = (AtomicU64::new(from), AtomicBool::new(false));
    let total = Mutex::new(Total::default());
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..arguments.jobs.max(1) {
            scope.spawn(|| worker(arguments, (&next, end), (&total, &stop), began));
        }
    });
    let total = total
        .into_inner()
        .expect("no worker panics while it holds this");
    total.print(arguments, (from, began.elapsed()));
    total.violations
}

fn worker(
    arguments: &Arguments,
    (next, end): (&AtomicU64, u64),
    (total, stop): (&Mutex<Total>, &AtomicBool),
    began: Instant,
) {
    while !stop.load(Ordering::Relaxed) {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if end <= seed {
            return;
        }
        let outcome = play::seed(seed, &arguments.faults, Keep::Nothing);
        let differs = arguments.twice
            && play::seed(seed, &arguments.faults, Keep::Nothing).hash != outcome.hash;
        let mut total = total.lock().expect("no worker panics while it holds this");
        total.add(seed, &outcome);
        if differs {
            total.violations += 1;
            println!("seed {seed}: two runs differ");
        }
        if outcome.violation.is_some() && total.violations <= VIOLATIONS_SHOWN as u64 {
            show_violation(seed, arguments);
        }
        if arguments.soak {
            if 0 < total.violations {
                stop.store(true, Ordering::Relaxed);
            }
            if total.seeds.is_multiple_of(1000) {
                let per_seed = began.elapsed().as_secs_f64() * 1000.0 / total.seeds as f64;
                println!("{} ({per_seed:.1} ms per seed)", total.last_line());
            }
        }
    }
}

/// The seed is played again, with its story kept.
fn show_violation(seed: u64, arguments: &Arguments) {
    let outcome = play::seed(seed, &arguments.faults, Keep::Story);
    let from = outcome.lines.len().saturating_sub(LINES_SHOWN);
    for line in &outcome.lines[from..] {
        println!("  {line}");
    }
    if let Some(violation) = &outcome.violation {
        println!(
            "seed {seed}: {}: {}",
            violation.promise.name(),
            violation.what
        );
    }
}

/// What became of all seeds.
#[derive(Default)]
struct Total {
    seeds: u64,
    events: u64,
    faults: u64,
    violations: u64,
    hopeless: u64,
    committed: u64,
    requests: (u64, u64),
    events_by: BTreeMap<&'static str, u64>,
    faults_by: BTreeMap<&'static str, u64>,
    met: BTreeMap<&'static str, u64>,
    broken: BTreeMap<&'static str, Vec<u64>>,
    recovered: (Duration, u64),
    others: (Duration, u64),
}

impl Total {
    fn add(&mut self, seed: u64, outcome: &Outcome) {
        self.seeds += 1;
        self.events += outcome.events;
        self.hopeless += u64::from(outcome.hopeless);
        self.committed += outcome.committed;
        self.requests.0 += outcome.requests.0;
        self.requests.1 += outcome.requests.1;
        for (word, count) in &outcome.counts.events {
            *self.events_by.entry(word).or_default() += count;
        }
        for (kind, count) in &outcome.counts.faults {
            self.faults += count;
            *self.faults_by.entry(kind.word()).or_default() += count;
        }
        let (counts, packets) = (&outcome.counts, &outcome.packets);
        for (word, count) in [
            ("packets lost", packets.lost),
            ("packets at a cut", packets.cut),
            ("packets twice", packets.twice),
            ("packets late", packets.late),
            ("writes lost", counts.writes_lost),
            ("writes torn", counts.writes_torn),
            ("starts refused for rot", counts.rot_refused),
            ("machines fenced", counts.fences),
            ("machines ended by their watchdog", counts.bites),
            ("watchdogs waited out", counts.outlived),
            ("poison pills that counted", counts.pills),
        ] {
            *self.met.entry(word).or_default() += count;
        }
        if let Some(violation) = &outcome.violation {
            self.violations += 1;
            let seeds = self.broken.entry(violation.promise.name()).or_default();
            seeds.push(seed);
        }
        for (worst, took) in [
            (&mut self.recovered, outcome.recovered_in),
            (&mut self.others, outcome.others_in),
        ] {
            if let Some(took) = took.filter(|took| worst.0 < *took) {
                *worst = (took, seed);
            }
        }
    }

    fn print(&self, arguments: &Arguments, (from, took): (u64, Duration)) {
        let list = |of: &BTreeMap<&'static str, u64>| {
            let words: Vec<String> = of.iter().map(|(word, n)| format!("{word} {n}")).collect();
            words.join(", ")
        };
        let seeds = self.seeds.max(1) as f64;
        println!("events: {}", list(&self.events_by));
        println!("faults: {}", list(&self.faults_by));
        println!("met: {}", list(&self.met));
        println!(
            "per seed: {:.1} faults, {:.0} events, {:.0} entries, {:.1} requests ({:.1} acknowledged)",
            self.faults as f64 / seeds,
            self.events as f64 / seeds,
            self.committed as f64 / seeds,
            self.requests.0 as f64 / seeds,
            self.requests.1 as f64 / seeds,
        );
        println!(
            "all runs within {:.1} s of the last fault (L1, worst: seed {}); beside a service that hangs, all others within {:.1} s (L2, worst: seed {})",
            self.recovered.0.as_secs_f64(),
            self.recovered.1,
            self.others.0.as_secs_f64(),
            self.others.1,
        );
        if 0 < self.hopeless {
            println!("{} seeds destroyed the logs of a majority", self.hopeless);
        }
        for (promise, seeds) in &self.broken {
            let shown: Vec<String> = seeds.iter().take(20).map(u64::to_string).collect();
            println!("{promise}: {} seeds: {}", seeds.len(), shown.join(" "));
        }
        println!(
            "from seed {from}, {:.1} s, {:.2} ms of a core per seed",
            took.as_secs_f64(),
            took.as_secs_f64() * 1000.0 * arguments.jobs as f64 / seeds,
        );
        if arguments.json {
            println!("{}", self.json());
        }
        println!("{}", self.last_line());
    }

    fn json(&self) -> String {
        serde_json::json!({
            "seeds": self.seeds,
            "events": self.events,
            "faults": self.faults,
            "violations": self.violations,
            "events_by_kind": self.events_by,
            "faults_by_kind": self.faults_by,
            "met": self.met,
            "broken": self.broken,
            "recovered_within_ms": self.recovered.0.as_millis() as u64,
            "others_within_ms": self.others.0.as_millis() as u64,
        })
        .to_string()
    }

    fn last_line(&self) -> String {
        format!(
            "seeds {}, events {}, faults {}, violations {}",
            self.seeds, self.events, self.faults, self.violations
        )
    }
}
