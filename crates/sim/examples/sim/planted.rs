//! `--plant`: is a defect found, by which promise, and within how many seeds?

#[cfg(not(feature = "plant"))]
pub use without_plants::{run, with};

#[cfg(feature = "plant")]
pub use with_plants::{run, with};

#[cfg(not(feature = "plant"))]
mod without_plants {
    use crate::{Arguments, Outcomes};

    pub fn run(_plants: &str, _arguments: &Arguments) -> Outcomes {
        let what =
            "this build has no planted defects: `cargo xtask sim --plant` makes one that has";
        Err(what.to_string())
    }

    pub fn with(plant: &str, _work: impl FnOnce() -> Outcomes) -> Outcomes {
        Err(format!(
            "`{plant}` cannot be planted: this build has no planted defects"
        ))
    }
}

#[cfg(feature = "plant")]
mod with_plants {
    use std::fmt::Write as _;
    use std::path::Path;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU64, Ordering};

    use model::plant::{self, Plant};
    use sim::play;
    use sim::promises::Promise;
    use sim::scenario::Scenario;
    use sim::trace::Keep;

    use crate::{Arguments, Outcomes};

    /// So many seeds are tried at most. Most defects need fewer than fifty.
    const SEEDS_MAX: u64 = 20_000;

    /// Where one defect was found.
    struct Found {
        seed: u64,
        promise: Promise,
    }

    /// What became of one defect.
    struct Outcome {
        plant: Plant,
        found: Option<Found>,
        /// A written scenario in which it breaks a promise.
        scenario: Option<String>,
    }

    /// Does something with a defect planted.
    pub fn with(name: &str, work: impl FnOnce() -> Outcomes) -> Outcomes {
        let planted = named(name)?;
        plant::set(Some(planted));
        work()
    }

    fn named(name: &str) -> Result<Plant, String> {
        let found = Plant::ALL.iter().find(|plant| plant.name() == name);
        let unknown = || format!("no defect is called `{name}`; `--plant list` names them");
        found.copied().ok_or_else(unknown)
    }

    pub fn run(which: &str, arguments: &Arguments) -> Outcomes {
        let plants: Vec<Plant> = match which {
            "list" => {
                for plant in Plant::ALL {
                    println!("{:26} {}", plant.name(), plant.what());
                }
                return Ok(0);
            }
            "all" => Plant::ALL.to_vec(),
            names => names.split(',').map(named).collect::<Result<_, _>>()?,
        };
        let scenarios = scenarios();
        let mut outcomes = Vec::new();
        for plant in plants {
            let found = look_for(plant, arguments);
            let scenario = shown_by(plant, &scenarios);
            let outcome = Outcome {
                plant,
                found,
                scenario,
            };
            println!("{}", line(&outcome, arguments));
            outcomes.push(outcome);
        }
        if let Some(path) = &arguments.write {
            std::fs::write(path, table(&outcomes, arguments))
                .map_err(|error| format!("{}: {error}", path.display()))?;
        }
        let missed = outcomes.iter().filter(|it| it.found.is_none()).count();
        println!("{} found, {missed} missed", outcomes.len() - missed);
        Ok(missed as u64)
    }

    fn seeds(arguments: &Arguments) -> u64 {
        arguments.seeds.unwrap_or(SEEDS_MAX)
    }

    /// The written scenarios, by name; none where the sources are not at hand.
    fn scenarios() -> Vec<(String, Scenario)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/sim");
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut scenarios: Vec<_> = files
            .filter_map(|file| {
                let text = std::fs::read_to_string(file.path()).ok()?;
                let name = file.path().file_stem()?.to_string_lossy().into_owned();
                Some((name, Scenario::read(&text).ok()?))
            })
            .collect();
        scenarios.sort_by(|(one, _), (other, _)| one.cmp(other));
        scenarios
    }

    fn shown_by(plant: Plant, scenarios: &[(String, Scenario)]) -> Option<String> {
        plant::set(Some(plant));
        let shows = scenarios.iter().find(|(_, it)| it.play().1.is_some());
        plant::set(None);
        shows.map(|(name, _)| name.clone())
    }

    /// The first seed, from `--from` on, that breaks a promise.
    fn look_for(plant: Plant, arguments: &Arguments) -> Option<Found> {
        let end = arguments.from + seeds(arguments);
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

    fn line(outcome: &Outcome, arguments: &Arguments) -> String {
        let name = outcome.plant.name();
        match &outcome.found {
            Some(found) => format!(
                "{name:26} {} within {} seeds",
                found.promise.name(),
                found.seed - arguments.from + 1
            ),
            None => format!("{name:26} MISSED in {} seeds", seeds(arguments)),
        }
    }

    fn table(outcomes: &[Outcome], arguments: &Arguments) -> String {
        let mut text = String::from(
            "# Planted defects\n\n\
             Generated by `cargo xtask sim --plant all --write docs/planted-defects.md`. Each defect is a switch in a \
             production\ncrate, under a feature that nothing that is shipped has. *Seeds* is how many it took, counted \
             from the first one,\nuntil the promise was broken; *scenario* is a file of `scenarios/sim` in which a \
             promise breaks too.\n\n\
             | Defect | What is wrong | Found by | Seeds | Scenario |\n|---|---|---|---:|---|\n",
        );
        for outcome in outcomes {
            let (by, seeds) = match &outcome.found {
                Some(found) => (
                    format!("`{}`", found.promise.name()),
                    (found.seed - arguments.from + 1).to_string(),
                ),
                None => ("**missed**".to_string(), format!("> {}", seeds(arguments))),
            };
            let (name, what) = (outcome.plant.name(), outcome.plant.what());
            let scenario = outcome.scenario.as_deref().unwrap_or_default();
            let _infallible = writeln!(text, "| `{name}` | {what} | {by} | {seeds} | {scenario} |");
        }
        text
    }
}
