//! The engine of checks: what is asked next, when an answer counts, and what follows.
//!
//! It asks nothing itself and acts on no service: questions go out, answers come in with the
//! time, and what a check wants is told. It knows no clock and no log; [`tending`] tells it
//! which checks there are now.
//!
//! ```text
//!            settle: the checks that may be asked now (their service runs here)
//!                             │
//!   due ──► Ask ──► handle_answer ──► counts in a row ──► state
//!    ▲                                                      │ changed
//!    └──── one interval after the last question ◄───────────┤
//!                                                           ▼
//!                      Fail (to the executor)   Run, Remove (a program, a check)
//! ```

pub(crate) mod tending;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use model::checks::{CheckName, CheckSpec, Verdict};
use model::spec::RestartPolicy;
use model::{ClaimEpoch, Instant, ServiceName, WallTime};

use watch::{Effect, Watch};

/// The hands answer within the time that a check allows. Should they not, they are taken to
/// have failed this much later, so that a check never falls silent.
const ANSWER_GRACE: Duration = Duration::from_secs(10);

/// Whose a check is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckScope {
    /// Of a service.
    Service(ServiceName),
    /// Of this node.
    Node,
}

/// Names a check on this node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CheckKey {
    /// Whose it is.
    pub scope: CheckScope,
    /// Its name there.
    pub name: CheckName,
}

/// A question for the hands. Each is answered once, within the time that the check allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Names it.
    pub id: u64,
    /// Of which check.
    pub key: CheckKey,
    /// What is asked, and how long it may take.
    pub check: CheckSpec,
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Names the question.
    pub id: u64,
    /// How it is.
    pub verdict: Verdict,
    /// In words: `200 OK`, `503 Service Unavailable`, `no connection`, ...
    pub how: String,
    /// What a program printed, if one was run.
    pub output: String,
    /// How long it took.
    pub took: Duration,
}

/// A program that a check wants to be run; nobody waits for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckRun {
    /// Of which check.
    pub key: CheckKey,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Account to run as; root without.
    pub user: Option<String>,
    /// What the check found.
    pub state: Verdict,
    /// In words.
    pub how: String,
}

/// What the engine wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Output {
    /// Ask.
    Ask(Box<Question>),
    /// A check wants its service restarted, moved or stopped.
    Fail {
        key: CheckKey,
        watches: Option<CheckName>,
        how: String,
        output: String,
    },
    /// Run a program.
    Run(CheckRun),
    /// Take a check out.
    Remove(CheckKey),
}

/// A check that may be asked now.
#[derive(Debug, Clone)]
pub(crate) struct Wanted<'a> {
    pub key: CheckKey,
    pub check: &'a CheckSpec,
    /// One stay of the service on this node, between two starts. With another one a check
    /// begins anew.
    pub stay: (ClaimEpoch, u32),
    /// Why it rests, and until when.
    pub rest: Option<Rest>,
    /// How often somebody has asked for an answer now, ever.
    pub asked: u64,
    /// How often its counters were reset, ever.
    pub resets: u64,
    /// How often it may have its service restarted.
    pub budget: RestartPolicy,
    /// How often it did so within the window.
    pub spent: u32,
}

/// Why a check rests, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rest {
    /// When it ends by itself.
    pub until: Option<Instant>,
    /// In words.
    pub why: String,
}

/// One answer of the past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// When.
    pub at: WallTime,
    /// How it was.
    pub verdict: Verdict,
    /// In words.
    pub how: String,
    /// How long it took.
    pub took: Duration,
}

/// How a check stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Its service does not run here.
    Idle,
    /// It has not been asked yet.
    New,
    /// It is asked, and is like this.
    Asked(Verdict),
    /// It rests.
    Paused(String),
    /// It is stopped by itself or another check, or was never started.
    Stopped,
}

/// A check as this node knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckReport {
    /// Which.
    pub key: CheckKey,
    /// What it is.
    pub check: CheckSpec,
    /// How it stands.
    pub standing: Standing,
    /// Since when it is in this state.
    pub since: Option<WallTime>,
    /// How often it may still have its service restarted.
    pub restarts_left: u32,
    /// Its answers, oldest first.
    pub past: Vec<Past>,
}

/// All checks of one node.
#[derive(Debug, Default)]
pub(crate) struct Engine {
    watches: BTreeMap<CheckKey, Watch>,
    /// The questions that are out.
    questions: BTreeMap<u64, CheckKey>,
    last_question: u64,
    outputs: VecDeque<Output>,
}

impl Engine {
    /// Tells which checks may be asked now. The others rest; those that are not `known` are
    /// forgotten.
    pub fn settle(
        &mut self,
        wanted: &[Wanted<'_>],
        known: impl Fn(&CheckKey) -> bool,
        now: Instant,
    ) {
        self.watches.retain(|key, watch| {
            if !wanted.iter().any(|wanted| wanted.key == *key) {
                watch.end_stay();
            }
            known(key)
        });
        let watches = &self.watches;
        self.questions.retain(|_, key| watches.contains_key(key));
        for wanted in wanted {
            let watch = self
                .watches
                .entry(wanted.key.clone())
                .or_insert_with(|| Watch::new(wanted));
            watch.settle(wanted, now);
        }
        self.ask_due(now);
    }

    /// An answer has come. `at` is data for people.
    pub fn handle_answer(&mut self, answer: Answer, at: WallTime, now: Instant) {
        let Some(key) = self.questions.remove(&answer.id) else {
            return;
        };
        let Some(watch) = self.watches.get_mut(&key) else {
            return;
        };
        let effects = watch.take(answer, at, now);
        self.carry_out(&key, effects, now);
    }

    /// Time has passed: what is due is asked.
    pub fn handle_timeout(&mut self, at: WallTime, now: Instant) {
        let overdue: Vec<Answer> = self
            .watches
            .values()
            .filter_map(|watch| watch.overdue(now))
            .collect();
        for answer in overdue {
            self.handle_answer(answer, at, now);
        }
        self.ask_due(now);
    }

    /// When something is due next.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.watches.values().filter_map(Watch::deadline).min()
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Every check that is known here.
    pub fn reports(&self) -> Vec<CheckReport> {
        let watches = self.watches.iter();
        watches.map(|(key, watch)| watch.report(key)).collect()
    }

    /// The state of each check that is asked, since its service runs.
    pub fn states(&self) -> impl Iterator<Item = (&CheckKey, Verdict, &str)> {
        self.watches
            .iter()
            .filter_map(|(key, watch)| watch.state().map(|(state, how)| (key, state, how)))
    }

    /// Whether the check is known here.
    pub fn knows(&self, key: &CheckKey) -> bool {
        self.watches.contains_key(key)
    }

    fn ask_due(&mut self, now: Instant) {
        for (key, watch) in &mut self.watches {
            if !watch.is_due(now) {
                continue;
            }
            self.last_question += 1;
            let id = self.last_question;
            self.questions.insert(id, key.clone());
            let question = Question {
                id,
                key: key.clone(),
                check: watch.ask(id, now),
            };
            self.outputs.push_back(Output::Ask(Box::new(question)));
        }
    }

    fn carry_out(&mut self, key: &CheckKey, effects: Vec<Effect>, now: Instant) {
        for effect in effects {
            match effect {
                Effect::Fail {
                    how,
                    output,
                    watches,
                } => {
                    let key = key.clone();
                    self.outputs.push_back(Output::Fail {
                        key,
                        watches,
                        how,
                        output,
                    });
                }
                Effect::Run {
                    argv,
                    user,
                    state,
                    how,
                } => {
                    let key = key.clone();
                    self.outputs.push_back(Output::Run(CheckRun {
                        key,
                        argv,
                        user,
                        state,
                        how,
                    }));
                }
                Effect::Remove => self.outputs.push_back(Output::Remove(key.clone())),
                Effect::Stop(name) => self.switch(key, name, Watch::stop),
                Effect::Start(name) => self.switch(key, name, |watch| watch.start(now)),
            }
        }
    }

    /// Stops or starts another check of the same service or node.
    fn switch(&mut self, by: &CheckKey, name: CheckName, how: impl FnOnce(&mut Watch)) {
        let key = CheckKey {
            scope: by.scope.clone(),
            name,
        };
        if let Some(watch) = self.watches.get_mut(&key) {
            how(watch);
        }
    }
}
