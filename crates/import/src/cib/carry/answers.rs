//! What answers failures: `restart`, `bar_expires`, `on_failure`.

use planner::arrange::{OnFail, ResourceIx};

use super::super::draft::Draft;
use super::super::operation;
use super::text::{quoted, time};

/// A month: the longest window, and the longest bar that ends by itself.
const SECONDS_MAX: i64 = 30 * 86_400;

/// Keys with their values, and what differs.
#[derive(Default)]
pub(super) struct Answers {
    pub lines: Vec<(&'static str, String)>,
    pub lost: Vec<String>,
    /// Whether failures are mended in place for ever there.
    pub mends_for_ever: bool,
}

/// What the parts of a service say; what holds for all of it stands at the whole.
pub(super) fn of(draft: &Draft<'_>, whole: ResourceIx, parts: &[ResourceIx]) -> Answers {
    let mut answers = Answers::default();
    let timeout = draft.facts[whole.0].failure_timeout;
    match draft.resource(whole).settings.failures_max {
        Some(failures) => {
            // The failure that reaches the threshold moves it.
            let times = failures.saturating_sub(1).min(100);
            let within = match timeout {
                seconds @ 1..=SECONDS_MAX => time(seconds.unsigned_abs() * 1000),
                _ => "30d".to_string(),
            };
            let restart = format!("{{ times = {times}, within = {} }}", quoted(&within));
            answers.lines.push(("restart", restart));
        }
        None => answers.mends_for_ever = true,
    }
    if (1..=SECONDS_MAX).contains(&timeout) {
        let span = time(timeout.unsigned_abs() * 1000);
        answers.lines.push(("bar_expires", quoted(&span)));
    }
    on_failure(draft, parts, &mut answers);
    answers
}

fn on_failure(draft: &Draft<'_>, parts: &[ResourceIx], answers: &mut Answers) {
    let mut said = Vec::new();
    // The last word of each is what happens without the key.
    for (key, verb, default) in [
        ("start", "start", "restart"),
        ("run", "monitor", "restart"),
        ("stop", "stop", "fence"),
    ] {
        let mut words: Vec<&str> = Vec::new();
        for part in parts {
            match word(draft, *part, verb) {
                Ok(word) => words.push(word),
                Err(text) => answers.lost.push(text),
            }
        }
        words.dedup();
        match words.as_slice() {
            [] => {}
            [word] if *word == default => {}
            [word] => said.push(format!("{key} = {}", quoted(word))),
            _ => answers.lost.push(format!(
                "what follows a failed {verb} differs from part to part; here it is one thing for all of it"
            )),
        }
    }
    if !said.is_empty() {
        let table = format!("{{ {} }}", said.join(", "));
        answers.lines.push(("on_failure", table));
    }
}

/// What follows a failure of a part, in our word.
fn word(draft: &Draft<'_>, part: ResourceIx, verb: &str) -> Result<&'static str, String> {
    let facts = &draft.facts[part.0];
    let operations = facts.operations.iter();
    let watch = operations
        .filter(|operation| operation.name == verb && operation.enabled)
        .map(|operation| operation.interval_ms)
        .max();
    let interval = watch.unwrap_or(0);
    // Of what is promoted the role's own watch says more.
    let led = facts.operations.iter().find(|operation| {
        facts.is_promotable
            && operation.name == verb
            && operation.enabled
            && operation.role == Some("Promoted")
    });
    let interval = led.map_or(interval, |led| led.interval_ms);
    let is_fatal = draft.options.truth("start-failure-is-fatal", true);
    let none = |word: &str| {
        let name = &draft.resource(part).name;
        format!("{name}: on-fail={word} of {verb} has no counterpart")
    };
    match (
        operation::answer(&draft.options, facts, verb, interval),
        verb,
    ) {
        (OnFail::Fence, _) => Ok("fence"),
        (OnFail::Block, _) => Ok("block"),
        (OnFail::Ignore, "stop") => Err(none("ignore")),
        (OnFail::Standby, "stop") => Err(none("standby")),
        (OnFail::Demote, _) if facts.is_promotable => Ok("demote"),
        (OnFail::Demote, _) => Err(none("demote")),
        (OnFail::Restart | OnFail::Move | OnFail::Stop, "stop") => Ok("fence"),
        // There such a failure counts as often as the threshold allows.
        (OnFail::Restart, "start") if is_fatal => Ok("move"),
        (OnFail::Restart, _) => Ok("restart"),
        (OnFail::Move, _) => Ok("move"),
        (OnFail::Stop, _) => Ok("stop"),
        (OnFail::Standby, _) => Ok("standby"),
        (OnFail::Ignore, _) => Ok("ignore"),
    }
}
