//! What answers failures: `restart`, `bar_expires`, `on_failure`.

use std::collections::BTreeMap;

use planner::arrange::{OnFail, ResourceIx};

use super::super::draft::Draft;
use super::super::operation;
use super::text::{quoted, time};

/// A month: the longest window, and the longest bar that ends by itself.
const SECONDS_MAX: i64 = 30 * 86_400;

/// Keys with their values.
type Lines = Vec<(&'static str, String)>;

/// Keys with their values, and what is lost.
#[derive(Default)]
pub(super) struct Answers {
    /// Of the service.
    pub lines: Lines,
    /// Of the parts of which something else holds than of the service.
    pub of_parts: BTreeMap<ResourceIx, Lines>,
    pub lost: Vec<String>,
    /// Whether failures are mended in place for ever there.
    pub mends_for_ever: bool,
}

/// What the parts of a service say; what holds for all of it stands at the whole.
pub(super) fn of(draft: &Draft<'_>, whole: ResourceIx, parts: &[ResourceIx]) -> Answers {
    let mut answers = Answers::default();
    let timeout = draft.facts[whole.0].failure_timeout;
    match restart(draft, whole) {
        Some(restart) => answers.lines.push(("restart", restart)),
        None => answers.mends_for_ever = true,
    }
    if (1..=SECONDS_MAX).contains(&timeout) {
        let span = time(timeout.unsigned_abs() * 1000);
        answers.lines.push(("bar_expires", quoted(&span)));
    }
    on_failure(draft, parts, &mut answers);
    for part in parts {
        restart_of_part(draft, (whole, *part), &mut answers);
    }
    answers
}

/// How often it is mended in place, where that is not for ever.
fn restart(draft: &Draft<'_>, ix: ResourceIx) -> Option<String> {
    let failures = draft.resource(ix).settings.failures_max?;
    // The failure that reaches the threshold moves it.
    let times = failures.saturating_sub(1).min(100);
    let within = match draft.facts[ix.0].failure_timeout {
        seconds @ 1..=SECONDS_MAX => time(seconds.unsigned_abs() * 1000),
        _ => "30d".to_string(),
    };
    let within = quoted(&within);
    Some(format!("{{ times = {times}, within = {within} }}"))
}

/// A threshold of a part that is not that of the whole.
fn restart_of_part(
    draft: &Draft<'_>,
    (whole, part): (ResourceIx, ResourceIx),
    answers: &mut Answers,
) {
    let (of_whole, of_part) = (restart(draft, whole), restart(draft, part));
    if of_whole == of_part {
        return;
    }
    let name = &draft.resource(part).name;
    match of_part {
        Some(restart) => {
            let lines = answers.of_parts.entry(part).or_default();
            lines.push(("restart", restart));
        }
        None => answers.lost.push(format!(
            "{name} is mended in place for ever there; here as often as `restart` of its service says"
        )),
    }
    let timeout = |ix: ResourceIx| draft.facts[ix.0].failure_timeout;
    if timeout(whole) != timeout(part) {
        answers.lost.push(format!(
            "a bar after failures of {name} ends after another time there; here `bar_expires` is one time for all of it"
        ));
    }
}

/// A word that holds for most of the parts stands at the service, another one at its part.
fn on_failure(draft: &Draft<'_>, parts: &[ResourceIx], answers: &mut Answers) {
    let mut said = Vec::new();
    let mut said_of: BTreeMap<ResourceIx, Vec<String>> = BTreeMap::new();
    // The last word of each is what happens without the key.
    for (key, verb, default) in [
        ("start", "start", "restart"),
        ("run", "monitor", "restart"),
        ("stop", "stop", "fence"),
    ] {
        let mut words: Vec<(ResourceIx, &str)> = Vec::new();
        for part in parts {
            match word(draft, *part, verb) {
                Ok(word) => words.push((*part, word)),
                Err(text) => answers.lost.push(text),
            }
        }
        let Some(common) = most_common(&words) else {
            continue;
        };
        if common != default {
            said.push(format!("{key} = {}", quoted(common)));
        }
        for (part, word) in words.iter().filter(|(_, word)| *word != common) {
            let said = said_of.entry(*part).or_default();
            said.push(format!("{key} = {}", quoted(word)));
        }
    }
    if !said.is_empty() {
        answers.lines.push(("on_failure", table(&said)));
    }
    for (part, said) in said_of {
        let lines = answers.of_parts.entry(part).or_default();
        lines.push(("on_failure", table(&said)));
    }
}

fn table(said: &[String]) -> String {
    format!("{{ {} }}", said.join(", "))
}

/// Of words that are equally common, the first.
fn most_common<'a>(words: &[(ResourceIx, &'a str)]) -> Option<&'a str> {
    let count = |word: &str| words.iter().filter(|(_, other)| *other == word).count();
    let most = words.iter().map(|(_, word)| count(word)).max()?;
    let mut words = words.iter().map(|(_, word)| *word);
    words.find(|word| count(word) == most)
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
