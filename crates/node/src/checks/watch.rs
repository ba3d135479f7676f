//! One check: its counts in a row, its state, and when it is asked.
//!
//! ```text
//!               fail_after failures in a row
//!   well ───────────────────────────────────────► failed
//!    ▲ │ fail_after answers that are not good       │ well_after that are no failures
//!    │ └───────────────► warning ◄──────────────────┘
//!    └── well_after good answers in a row ◄── warning or failed
//! ```

use std::collections::VecDeque;

use model::checks::{CheckAction, CheckBegin, CheckName, CheckSpec, Verdict, answer};
use model::spec::RestartPolicy;
use model::{ClaimEpoch, Instant, WallTime};

use super::{ANSWER_GRACE, Answer, CheckKey, CheckReport, Past, Rest, Standing, Wanted};

/// Answers that are remembered: a screenful.
pub(super) const PAST_MAX: usize = 20;

/// What follows from an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    Fail {
        how: String,
        output: String,
        watches: Option<CheckName>,
    },
    Run {
        argv: Vec<String>,
        user: Option<String>,
        state: Verdict,
        how: String,
    },
    Remove,
    Stop(CheckName),
    Start(CheckName),
}

/// Answers of one kind that came one after the other.
#[derive(Debug, Clone, Copy, Default)]
struct InRow {
    failed: u32,
    not_failed: u32,
    well: u32,
    not_well: u32,
}

impl InRow {
    fn count(&mut self, verdict: Verdict) {
        let step = |count: u32, is_so: bool| if is_so { count.saturating_add(1) } else { 0 };
        let (failed, well) = (verdict == Verdict::Failed, verdict == Verdict::Well);
        self.failed = step(self.failed, failed);
        self.not_failed = step(self.not_failed, !failed);
        self.well = step(self.well, well);
        self.not_well = step(self.not_well, !well);
    }

    fn state(&self, before: Option<Verdict>, check: &CheckSpec) -> Option<Verdict> {
        if check.fail_after <= self.failed {
            return Some(Verdict::Failed);
        }
        if check.well_after <= self.well {
            return Some(Verdict::Well);
        }
        match before {
            Some(Verdict::Failed) if check.well_after <= self.not_failed => Some(Verdict::Warning),
            None | Some(Verdict::Well) if check.fail_after <= self.not_well => {
                Some(Verdict::Warning)
            }
            same => same,
        }
    }
}

/// A question that is out.
#[derive(Debug, Clone, Copy)]
struct Out {
    id: u64,
    since: Instant,
}

#[derive(Debug)]
pub(super) struct Watch {
    check: CheckSpec,
    /// The stay of its service here; none: it does not run here now.
    stay: Option<(ClaimEpoch, u32)>,
    due: Instant,
    out: Option<Out>,
    /// Asked for by a person: it is asked once, even where it rests.
    is_asked_for: bool,
    rest: Option<Rest>,
    /// It rests because it wanted to.
    own_rest: Option<Instant>,
    is_stopped: bool,
    in_row: InRow,
    state: Option<Verdict>,
    since: Option<WallTime>,
    asked: u64,
    resets: u64,
    budget: RestartPolicy,
    spent: u32,
    past: VecDeque<Past>,
}

impl Watch {
    pub fn new(wanted: &Wanted<'_>) -> Self {
        Self {
            check: wanted.check.clone(),
            stay: None,
            due: Instant::ZERO,
            out: None,
            is_asked_for: false,
            rest: None,
            own_rest: None,
            is_stopped: false,
            in_row: InRow::default(),
            state: None,
            since: None,
            asked: wanted.asked,
            resets: wanted.resets,
            budget: wanted.budget,
            spent: wanted.spent,
            past: VecDeque::new(),
        }
    }

    /// Its service does not run here any more.
    pub fn end_stay(&mut self) {
        self.stay = None;
        self.out = None;
        self.is_asked_for = false;
        self.forget();
    }

    fn forget(&mut self) {
        self.in_row = InRow::default();
        self.state = None;
        self.since = None;
    }

    /// How its service and the world stand now.
    pub fn settle(&mut self, wanted: &Wanted<'_>, now: Instant) {
        if self.check != *wanted.check {
            self.check = wanted.check.clone();
            self.due = self.due.min(now + self.check.every);
            self.in_row = InRow::default();
        }
        self.budget = wanted.budget;
        self.spent = wanted.spent;
        if self.stay != Some(wanted.stay) {
            self.end_stay();
            self.stay = Some(wanted.stay);
            self.due = now + self.check.start_delay;
            self.own_rest = None;
            self.is_stopped = self.check.begins == CheckBegin::WhenStarted;
        }
        if self.resets != wanted.resets {
            self.resets = wanted.resets;
            self.forget();
            self.own_rest = None;
        }
        if self.asked != wanted.asked {
            self.asked = wanted.asked;
            self.is_asked_for = true;
        }
        if self.rest.is_some() && wanted.rest.is_none() {
            self.due = now + self.check.every;
        }
        if self.rest.is_none() && wanted.rest.is_some() {
            self.in_row = InRow::default();
        }
        self.rest.clone_from(&wanted.rest);
    }

    fn rests(&self) -> bool {
        self.rest.is_some() || self.is_stopped
    }

    /// When it is to be asked, whatever the time is now.
    fn asks_at(&self) -> Option<Instant> {
        if self.stay.is_none() || self.out.is_some() {
            return None;
        }
        if self.is_asked_for {
            return Some(Instant::ZERO);
        }
        (!self.rests()).then(|| self.due.max(self.own_rest.unwrap_or_default()))
    }

    pub fn is_due(&self, now: Instant) -> bool {
        self.asks_at().is_some_and(|at| at <= now)
    }

    pub fn deadline(&self) -> Option<Instant> {
        let answered = self.out.map(|out| self.answered_by(out));
        // The end of a rest is told by `settle`, which must be called then.
        let rested = self.rest.as_ref().and_then(|rest| rest.until);
        let rested = rested.filter(|_| self.stay.is_some());
        self.asks_at()
            .into_iter()
            .chain(answered)
            .chain(rested)
            .min()
    }

    fn answered_by(&self, out: Out) -> Instant {
        out.since + self.check.timeout + ANSWER_GRACE
    }

    /// The answer that stands for one that does not come.
    pub fn overdue(&self, now: Instant) -> Option<Answer> {
        let out = self.out.filter(|out| self.answered_by(*out) <= now)?;
        Some(Answer {
            id: out.id,
            verdict: Verdict::Failed,
            how: "no answer at all".to_string(),
            output: String::new(),
            took: now.saturating_duration_since(out.since),
        })
    }

    pub fn ask(&mut self, id: u64, now: Instant) -> CheckSpec {
        self.out = Some(Out { id, since: now });
        self.is_asked_for = false;
        self.due = now + self.check.every;
        self.check.clone()
    }

    pub fn stop(&mut self) {
        self.is_stopped = true;
        self.in_row = InRow::default();
    }

    pub fn start(&mut self, now: Instant) {
        if self.is_stopped {
            self.is_stopped = false;
            self.due = now + self.check.every;
        }
    }

    /// Takes an answer and tells what follows.
    pub fn take(&mut self, answer: Answer, at: WallTime, now: Instant) -> Vec<Effect> {
        if self.out.is_none_or(|out| out.id != answer.id) {
            return Vec::new();
        }
        self.out = None;
        // One that took longer than the interval is asked again at once, not twice.
        self.due = self.due.max(now);
        self.past.push_back(Past {
            at,
            verdict: answer.verdict,
            how: answer.how.clone(),
            took: answer.took,
        });
        if PAST_MAX < self.past.len() {
            self.past.pop_front();
        }
        if self.rests() {
            return Vec::new();
        }
        self.in_row.count(answer.verdict);
        let before = self.state;
        self.state = self.in_row.state(before, &self.check);
        let is_new = self.state != before;
        if is_new {
            self.since = Some(at);
        }
        self.effects(before.filter(|_| is_new), is_new, answer, now)
    }

    fn effects(
        &mut self,
        before: Option<Verdict>,
        is_new: bool,
        given: Answer,
        now: Instant,
    ) -> Vec<Effect> {
        let actions = match self.state {
            Some(Verdict::Failed) => self.check.on_failure.clone(),
            Some(Verdict::Warning) => self.check.on_warning.clone(),
            Some(Verdict::Well) if before.is_some() => self.check.on_recovery.clone(),
            Some(Verdict::Well) | None => Vec::new(),
        };
        let mut effects = Vec::new();
        for action in actions.iter().filter(|action| is_new || repeats(action)) {
            effects.extend(self.effect(action, &given, now));
        }
        // Failures in a row are counted again and again: with a new budget comes a new try.
        let fails = self.state == Some(Verdict::Failed) && given.verdict == Verdict::Failed;
        if fails && answer(&self.check.on_failure, self.spent, self.budget).is_some() {
            effects.push(Effect::Fail {
                how: given.how,
                output: given.output,
                watches: self.check.watches.clone(),
            });
        }
        effects
    }

    fn effect(&mut self, action: &CheckAction, given: &Answer, now: Instant) -> Option<Effect> {
        match action {
            CheckAction::StopCheck(None) => {
                self.stop();
                None
            }
            CheckAction::StopCheck(Some(name)) => Some(Effect::Stop(name.clone())),
            CheckAction::StartCheck(name) => Some(Effect::Start(name.clone())),
            CheckAction::Run { argv, user } => Some(Effect::Run {
                argv: argv.clone(),
                user: user.clone(),
                state: self.state.unwrap_or_default(),
                how: given.how.clone(),
            }),
            CheckAction::Pause(span) => {
                self.own_rest = Some(now + *span);
                None
            }
            CheckAction::RemoveCheck => {
                self.stop();
                Some(Effect::Remove)
            }
            // What is shown follows from the state; what the service gets is told once.
            CheckAction::Nothing
            | CheckAction::Alarm
            | CheckAction::Restart
            | CheckAction::Move
            | CheckAction::Stop => None,
        }
    }

    /// Its state while it is asked, and the words of the last answer.
    pub fn state(&self) -> Option<(Verdict, &str)> {
        self.stay?;
        let how = self.past.back().map_or("", |past| past.how.as_str());
        self.state.map(|state| (state, how))
    }

    fn standing(&self) -> Standing {
        match (&self.stay, &self.rest, self.state) {
            (None, _, _) => Standing::Idle,
            (Some(_), Some(rest), _) => Standing::Paused(rest.why.clone()),
            (Some(_), None, _) if self.is_stopped => Standing::Stopped,
            (Some(_), None, Some(state)) => Standing::Asked(state),
            (Some(_), None, None) => Standing::New,
        }
    }

    pub fn report(&self, key: &CheckKey) -> CheckReport {
        CheckReport {
            key: key.clone(),
            check: self.check.clone(),
            standing: self.standing(),
            since: self.since,
            restarts_left: self.budget.times.saturating_sub(self.spent),
            past: self.past.iter().cloned().collect(),
        }
    }
}

/// What is done at each answer of the same kind, and not only at the first.
fn repeats(action: &CheckAction) -> bool {
    matches!(action, CheckAction::Pause(_))
}
