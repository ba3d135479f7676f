//! Plays the steps of a scenario in a laboratory of its own.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::client::Client;
use super::observe::{self, await_condition, await_that, hold};
use super::parse::parse_step;
use super::steps::{Ending, Source, Step, StepKind};
use super::text::{compare, first_missing, has, normalise};
use crate::form::{Cluster, apply_services, configuration, form};
use crate::handle::{Lab, LabError, Options, Output};
use crate::traces;
use crate::view;
use crate::witness;

/// The machine whose name stands for any node that hears a quorum.
const ANY: &str = "any";
/// How long an entry of the history, or what a command shows, may be missing.
const SOON: Duration = Duration::from_secs(10);
/// Entries of the history that are looked at; scenarios make some hundreds.
const HISTORY_MAX: &str = "1000";
/// Whoever ends last is waited for; see [`traces`].
const LEFT_LIMIT: Duration = Duration::from_secs(10);

/// What went otherwise than written.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: `{text}`: {why}")]
pub struct Failure {
    /// The line of the step.
    pub line: usize,
    /// The step.
    pub text: String,
    /// What was seen instead.
    pub why: String,
}

/// Hears of each step that went well: how long it took, and what was measured.
pub type Tell<'a> = &'a mut dyn FnMut(&Step, Duration, &str);

/// Plays steps in order, up to the first that fails, then ends the laboratory and looks
/// whether anything is left of it.
///
/// # Errors
/// The step that went otherwise than written.
pub fn play(steps: &[Step], tell: Tell<'_>) -> Result<(), Failure> {
    let at = |step: &Step, why: String| Failure {
        line: step.line,
        text: step.text.clone(),
        why,
    };
    let Some((first, steps)) = steps.split_first() else {
        return Ok(());
    };
    let mut stage = Stage::set(&first.kind).map_err(|why| at(first, why))?;
    let played = stage.play(steps, tell);
    if played.is_err() {
        stage.show();
    }
    let struck = stage.strike();
    played.and_then(|()| struck.map_err(|why| at(first, why)))
}

pub(super) fn explain(error: &LabError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// A laboratory and what a scenario knows of it.
struct Stage {
    lab: Lab,
    variables: BTreeMap<String, String>,
    random: u64,
    /// The last entry of the history that does not count.
    mark: u64,
    client: Option<Client>,
}

impl Stage {
    fn set(up: &StepKind) -> Result<Self, String> {
        let StepKind::Up {
            nodes,
            witness,
            networks,
            spares,
            cluster,
            fittings,
            program,
            seed,
        } = up
        else {
            return Err("the first step is `up`".into());
        };
        let options = Options {
            name: format!("scenario-{}", std::process::id()),
            nodes: nodes.clone(),
            witness: *witness,
            spares: *spares,
            networks: networks.clone(),
            ..Options::default()
        };
        let lab = Lab::up(&options).map_err(|error| explain(&error))?;
        fittings
            .keep(lab.dir())
            .map_err(|error| error.to_string())?;
        let program = program.path()?;
        for node in nodes {
            lab.install(node, program.as_deref())
                .map_err(|error| explain(&error))?;
        }
        match cluster {
            Cluster::Bare => {}
            Cluster::Formed => form(&lab, None).map_err(|error| explain(&error))?,
        }
        Ok(Self {
            lab,
            variables: BTreeMap::new(),
            random: *seed,
            mark: 0,
            client: None,
        })
    }

    fn play(&mut self, steps: &[Step], tell: Tell<'_>) -> Result<(), Failure> {
        for step in steps {
            if let StepKind::Repeat(times, inner) = &step.kind {
                for _ in 0..*times {
                    self.play(inner, tell)?;
                }
                continue;
            }
            let began = Instant::now();
            let mut shown = step.clone();
            let done = self
                .understood(&mut shown)
                .and_then(|()| self.carry_out(&shown.kind));
            let said = done.map_err(|why| Failure {
                line: step.line,
                text: shown.text.clone(),
                why,
            })?;
            tell(&shown, began.elapsed(), &said);
        }
        Ok(())
    }

    fn filled(&self, text: &str) -> String {
        let pairs = self.variables.iter();
        pairs.fold(text.to_string(), |text, (name, value)| {
            text.replace(&format!("{{{name}}}"), value)
        })
    }

    /// Puts the values of variables in.
    fn understood(&self, step: &mut Step) -> Result<(), String> {
        step.text = self.filled(&step.text);
        step.body = step.body.as_deref().map(|body| self.filled(body));
        step.kind = parse_step(&step.text, step.body.as_deref())?;
        Ok(())
    }

    /// Gives what was measured, if anything.
    fn carry_out(&mut self, kind: &StepKind) -> Result<String, String> {
        let silent = |()| String::new();
        match kind {
            StepKind::Up { .. } | StepKind::Repeat(..) => Err("not here".into()),
            StepKind::Let { name, source } => {
                let value = self.value(source)?;
                let said = format!("{name} is {value}");
                self.variables.insert(name.clone(), value);
                Ok(said)
            }
            StepKind::Mark => {
                self.mark = self.entries()?.last().map_or(0, |(index, _)| *index);
                Ok(String::new())
            }
            StepKind::Ask(program) => {
                let client = Client::start(&self.lab, program).map_err(|error| explain(&error))?;
                self.client = Some(client);
                Ok(String::new())
            }
            StepKind::Judge(verdict) => {
                let client = self.client.as_mut().ok_or("`ask` first")?;
                client.judge(*verdict)
            }
            kind => match self.see(kind) {
                Some(seen) => seen.map(silent),
                None => self.act(kind).map(silent).map_err(|error| explain(&error)),
            },
        }
    }

    /// Steps that only look; `None` when it is none.
    fn see(&self, kind: &StepKind) -> Option<Result<(), String>> {
        let lab = &self.lab;
        Some(match kind {
            StepKind::Exec {
                machine,
                argv,
                expected,
            } => self.exec(machine, argv, expected.as_deref()),
            StepKind::Script { machine, text } => {
                let argv = ["sh", "-e", "-c", text].map(String::from);
                self.exec(machine, &argv, None)
            }
            StepKind::Shows {
                machine,
                argv,
                parts,
                ending: Ending::Done,
            } => await_that(SOON, || self.shows(machine, argv, parts, Ending::Done)),
            StepKind::Shows {
                machine,
                argv,
                parts,
                ending: Ending::Refused,
            } => self.shows(machine, argv, parts, Ending::Refused),
            StepKind::Await(condition, limit) => await_condition(lab, condition, *limit),
            StepKind::Hold(condition, span) => hold(lab, condition, *span),
            StepKind::Status(expected) => match view::ask(lab, &["mainstay", "status"]) {
                Some(seen) => compare(expected, &seen),
                None => Err("no node answers `mainstay status`".into()),
            },
            StepKind::Happened(patterns) => await_that(SOON, || self.happened(patterns)),
            StepKind::Never(patterns) => self.never(patterns),
            StepKind::Apart { file, copies } => self.are_apart(file, *copies),
            StepKind::Up { .. }
            | StepKind::Repeat(..)
            | StepKind::Let { .. }
            | StepKind::Mark
            | StepKind::Ask(_)
            | StepKind::Judge(_)
            | StepKind::Apply(_)
            | StepKind::Config { .. }
            | StepKind::Device { .. }
            | StepKind::Clock { .. }
            | StepKind::Kill(_)
            | StepKind::On(_)
            | StepKind::Wipe(_)
            | StepKind::Pause(_)
            | StepKind::Resume(_)
            | StepKind::DaemonKill(_)
            | StepKind::Install { .. }
            | StepKind::Cut(_)
            | StepKind::Heal(_)
            | StepKind::Run(_) => return None,
        })
    }

    fn act(&self, kind: &StepKind) -> Result<(), LabError> {
        let lab = &self.lab;
        match kind {
            StepKind::Apply(text) => apply_services(lab, text).map(drop),
            StepKind::Config { file, text } => {
                let whole = configuration(lab, text)?;
                self.write(file, &whole)
            }
            StepKind::Device { node, trouble } => self.write(&format!("power-{node}"), trouble),
            StepKind::Clock { node, millis } => lab.set_clock(node, *millis),
            StepKind::Kill(node) => lab.kill(node),
            StepKind::On(node) => lab.on(node),
            StepKind::Wipe(node) => lab.wipe(node),
            StepKind::Pause(node) => lab.pause(node),
            StepKind::Resume(node) => lab.resume(node),
            StepKind::DaemonKill(node) => lab.daemon_kill(node),
            StepKind::Install { node, program } => {
                let path = program.path().map_err(LabError::Refused)?;
                lab.install(node, path.as_deref())
            }
            StepKind::Cut(cut) => lab.cut(cut),
            StepKind::Heal(node) => lab.heal(node.as_deref()),
            StepKind::Run(span) => {
                std::thread::sleep(*span);
                Ok(())
            }
            StepKind::Up { .. }
            | StepKind::Repeat(..)
            | StepKind::Let { .. }
            | StepKind::Mark
            | StepKind::Ask(_)
            | StepKind::Judge(_)
            | StepKind::Exec { .. }
            | StepKind::Shows { .. }
            | StepKind::Script { .. }
            | StepKind::Await(..)
            | StepKind::Hold(..)
            | StepKind::Status(_)
            | StepKind::Happened(_)
            | StepKind::Never(_)
            | StepKind::Apart { .. } => {
                Err(LabError::Refused("a step that is played elsewhere".into()))
            }
        }
    }

    fn write(&self, file: &str, text: &str) -> Result<(), LabError> {
        let doing = "writing a shared file";
        std::fs::write(self.lab.shared_dir().join(file), text)
            .map_err(|source| LabError::System { doing, source })
    }

    fn nodes(&self) -> Result<Vec<String>, String> {
        let status = self.lab.status().map_err(|error| explain(&error))?;
        Ok(status.nodes.into_iter().map(|node| node.name).collect())
    }

    fn value(&mut self, source: &Source) -> Result<String, String> {
        let found = match source {
            Source::Leader => view::look(&self.lab).and_then(|view| view.leader),
            Source::NodeOf(service) => view::look(&self.lab)
                .and_then(|view| view.runs_on(service).map(ToString::to_string)),
            Source::NodeBeside(known) => {
                self.nodes()?.into_iter().find(|node| !known.contains(node))
            }
            Source::RandomNode => {
                let nodes = self.nodes()?;
                let count = u64::try_from(nodes.len()).unwrap_or(u64::MAX);
                let index = usize::try_from(self.draw() % count).unwrap_or_default();
                nodes.into_iter().nth(index)
            }
            Source::Pids { node, text } => return observe::pids(&self.lab, node, text),
        };
        found.ok_or("there is none".into())
    }

    /// The next number of SplitMix64 (Steele, Lea, Flood 2014): the same seed, the same story.
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn run(&self, machine: &str, argv: &[String]) -> Result<Output, String> {
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        let machine = match machine {
            ANY => view::quorate_node(&self.lab).ok_or("no node hears a quorum")?,
            named => named.to_string(),
        };
        self.lab
            .exec(&machine, &argv)
            .map_err(|error| explain(&error))
    }

    fn exec(&self, machine: &str, argv: &[String], expected: Option<&str>) -> Result<(), String> {
        let output = self.run(machine, argv)?;
        if output.code != 0 {
            return Err(format!(
                "exit code {}\n{}{}",
                output.code, output.stdout, output.stderr
            ));
        }
        expected.map_or(Ok(()), |expected| compare(expected, &output.stdout))
    }

    fn shows(
        &self,
        machine: &str,
        argv: &[String],
        parts: &[String],
        ending: Ending,
    ) -> Result<(), String> {
        let output = self.run(machine, argv)?;
        let said = format!("{}{}", output.stdout, output.stderr);
        match (ending, output.code) {
            (Ending::Done, 0) | (Ending::Refused, 1..) => {}
            (Ending::Done | Ending::Refused, code) => {
                return Err(format!("exit code {code}\n{said}"));
            }
        }
        let text = normalise(&said);
        let missing = parts.iter().find(|part| !has(&text, &normalise(part)));
        missing.map_or(Ok(()), |part| Err(format!("`{part}` is not in\n{said}")))
    }

    /// The history: number and text of each entry.
    fn entries(&self) -> Result<Vec<(u64, String)>, String> {
        let argv = ["mainstay", "history", "--json", "--limit", HISTORY_MAX];
        let text = view::ask(&self.lab, &argv).ok_or("no node tells the history")?;
        let history: serde_json::Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
        let entries = history["entries"]
            .as_array()
            .ok_or("the history has no entries")?;
        let entry = |entry: &serde_json::Value| {
            Some((
                entry["index"].as_u64()?,
                entry["text"].as_str()?.to_string(),
            ))
        };
        Ok(entries.iter().filter_map(entry).collect())
    }

    fn entries_since_mark(&self) -> Result<Vec<String>, String> {
        let mut all = self.entries()?;
        all.retain(|(index, _)| self.mark < *index);
        Ok(all.into_iter().map(|(_, text)| text).collect())
    }

    fn happened(&self, patterns: &[String]) -> Result<(), String> {
        let texts = self.entries_since_mark()?;
        match first_missing(&texts, patterns) {
            None => Ok(()),
            Some(pattern) => Err(format!("`{pattern}` is not there, or not in this order")),
        }
    }

    fn never(&self, patterns: &[String]) -> Result<(), String> {
        let texts = self.entries_since_mark()?;
        let bad = texts
            .iter()
            .find(|text| patterns.iter().any(|pattern| has(text, pattern)));
        bad.map_or(Ok(()), |text| Err(format!("it happened: {text}")))
    }

    fn are_apart(&self, file: &str, least: usize) -> Result<(), String> {
        let path = self.lab.shared_dir().join(file);
        let copies = || match std::fs::read_to_string(&path) {
            Ok(records) => Ok(witness::copies(&records)),
            Err(error) => Err(format!("{}: {error}", path.display())),
        };
        // A copy that has just been started bears witness a moment later.
        await_that(SOON, || match copies()?.len() {
            seen if seen < least => Err(format!("the witness saw {seen} copies only")),
            _ => Ok(()),
        })?;
        match witness::overlaps(&copies()?).first() {
            None => Ok(()),
            Some((first, second)) => Err(format!("two copies at one time: {first:?}, {second:?}")),
        }
    }

    /// What a person would look at after a failure.
    fn show(&self) {
        let history = ["mainstay", "history", "--limit", "60"];
        for argv in [&["mainstay", "status"][..], &history[..]] {
            let text = view::ask(&self.lab, argv).unwrap_or_else(|| "no node answers\n".into());
            println!("-- {}\n{text}", argv.join(" "));
        }
        for node in self.nodes().unwrap_or_default() {
            let log = std::fs::read_to_string(self.lab.daemon_log(&node)).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
            println!("-- the daemon of {node}\n{}", last.join("\n"));
        }
    }

    /// Ends everything and looks for what is left.
    fn strike(self) -> Result<(), String> {
        let name = self.lab.name().to_string();
        drop(self.client);
        self.lab.down().map_err(|error| explain(&error))?;
        await_that(LEFT_LIMIT, || match traces::of(&name) {
            left if left.is_empty() => Ok(()),
            left => Err(format!("this is left behind: {}", left.join(", "))),
        })
    }
}

/// Enough to see what a daemon complained of.
const LOG_LINES_SHOWN: usize = 20;
