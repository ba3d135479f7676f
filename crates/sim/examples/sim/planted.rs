//! `--plant`: is a defect found, by which promise, and within how many seeds?

#[cfg(not(feature = "plant"))]
pub fn run(_plant: &str, _arguments: &crate::Arguments) -> u64 {
    eprintln!("this build has no planted defects: `cargo xtask sim --plant` makes one that has");
    1
}

#[cfg(not(feature = "plant"))]
pub fn with(plant: &str, _work: impl FnOnce() -> u64) -> u64 {
    run(plant, &crate::Arguments::parse_from(["sim"]))
}

#[cfg(not(feature = "plant"))]
use clap::Parser as _;

#[cfg(feature = "plant")]
pub use with_plants::{run, with};

#[cfg(feature = "plant")]
mod with_plants {
    use std::fmt::Write as _;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU64, Ordering};

    use model::plant::{self, Plant};
    use sim::play;
    use sim::promises::Promise;
    use sim::trace::Keep;

    use crate::Arguments;

    /// Where one defect was found.
    struct Found {
        seed: u64,
        promise: Promise,
    }

    /// Does something with a defect planted.
    pub fn with(name: &str, work: impl FnOnce() -> u64) -> u64 {
        let named = Plant::ALL.iter().find(|plant| plant.name() == name);
        plant::set(named.copied());
        work()
    }

    pub fn run(which: &str, arguments: &Arguments) -> u64 {
        let plants: Vec<Plant> = match which {
            "list" => {
                for plant in Plant::ALL {
                    println!("{:26} {}", plant.name(), plant.what());
                }
                return 0;
            }
            "all" => Plant::ALL.to_vec(),
            name => {
                let named = Plant::ALL.iter().filter(|plant| plant.name() == name);
                named.copied().collect()
            }
        };
        if plants.is_empty() {
            eprintln!("no defect is called `{which}`; `--plant list` names them");
            return 1;
        }
        let results: Vec<_> = plants
            .into_iter()
            .map(|plant| {
                let found = look_for(plant, arguments);
                println!("{}", line(plant, found.as_ref(), arguments));
                (plant, found)
            })
            .collect();
        let missed = results.iter().filter(|(_, found)| found.is_none()).count();
        if let Some(path) = &arguments.write
            && let Err(error) = std::fs::write(path, table(&results, arguments))
        {
            eprintln!("{}: {error}", path.display());
            return 1;
        }
        println!("{} found, {missed} missed", results.len() - missed);
        missed as u64
    }

    /// The first seed, from `--from` on, that breaks a promise.
    fn look_for(plant: Plant, arguments: &Arguments) -> Option<Found> {
        let end = arguments.from + arguments.seeds;
        let next = AtomicU64::new(arguments.from);
        let found: Mutex<Option<Found>> = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..arguments.jobs.max(1) {
                scope.spawn(|| {
                    plant::set(Some(plant));
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        let best = found
                            .lock()
                            .expect("nobody panics with it")
                            .as_ref()
                            .map(|f| f.seed);
                        if end <= seed || best.is_some_and(|best| best < seed) {
                            return;
                        }
                        let outcome = play::seed(seed, &arguments.faults, Keep::Nothing);
                        if let Some(violation) = outcome.violation
                            && is_sound(plant, seed, arguments)
                        {
                            let promise = violation.promise;
                            let mut found = found.lock().expect("nobody panics with it");
                            if found.as_ref().is_none_or(|best| seed < best.seed) {
                                *found = Some(Found { seed, promise });
                            }
                        }
                    }
                });
            }
        });
        found.into_inner().expect("nobody panics with it")
    }

    /// Whether the seed breaks nothing when the defect is not planted.
    fn is_sound(plant: Plant, seed: u64, arguments: &Arguments) -> bool {
        plant::set(None);
        let outcome = play::seed(seed, &arguments.faults, Keep::Nothing);
        plant::set(Some(plant));
        outcome.violation.is_none()
    }

    fn line(plant: Plant, found: Option<&Found>, arguments: &Arguments) -> String {
        match found {
            Some(found) => format!(
                "{:26} {} within {} seeds",
                plant.name(),
                found.promise.name(),
                found.seed - arguments.from + 1
            ),
            None => format!("{:26} MISSED in {} seeds", plant.name(), arguments.seeds),
        }
    }

    fn table(results: &[(Plant, Option<Found>)], arguments: &Arguments) -> String {
        let mut text = String::from(
            "# Planted defects\n\n\
             Generated by `cargo xtask sim --plant all --write docs/planted-defects.md`. Each defect is a switch in a \
             production\ncrate, under a feature that nothing that is shipped has. *Seeds* is how many it took, counted \
             from the first one,\nuntil a promise was broken.\n\n\
             | Defect | What is wrong | Found by | Seeds |\n|---|---|---|---:|\n",
        );
        for (plant, found) in results {
            let (by, seeds) = match found {
                Some(found) => (
                    format!("`{}`", found.promise.name()),
                    (found.seed - arguments.from + 1).to_string(),
                ),
                None => ("**missed**".to_string(), format!("> {}", arguments.seeds)),
            };
            let (name, what) = (plant.name(), plant.what());
            let _infallible = writeln!(text, "| `{name}` | {what} | {by} | {seeds} |");
        }
        text
    }
}
