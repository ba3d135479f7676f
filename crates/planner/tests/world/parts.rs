//! Words for resources beside the program of a service, and for what they say of failures.

use model::command::Report;
use model::operation::Verb;
use model::rules::{FailureAnswer, StopFailureAnswer};
use model::seen::{ResourceFailure, ResourceState};
use model::spec::{ResourceSpec, RestartPolicy, ServiceSpec};
use model::{ResourceName, ServiceName, duration};

use super::{World, failure, name, process};

/// Reads `part=meter` (a resource more) and `of=meter:start=move,run=ignore,stop=block,
/// restart=2/60s` (what it says of its failures).
pub fn rule(spec: &mut ServiceSpec, word: &str, value: &str) -> bool {
    match word {
        "part" => spec.resources.push(ResourceSpec {
            name: name(value),
            ..process("/bin/part")
        }),
        "of" => {
            let (part, said) = value.split_once(':').unwrap();
            for each in said.split(',') {
                say(spec, &name(part), each.split_once('=').unwrap());
            }
        }
        _ => return false,
    }
    true
}

fn say(spec: &mut ServiceSpec, part: &ResourceName, (key, word): (&str, &str)) {
    let answers = spec.rules.answers.entry(part.clone()).or_default();
    let answer = || {
        let words = FailureAnswer::WORDS;
        words
            .iter()
            .find(|(known, _)| *known == word)
            .map(|it| it.1)
    };
    match key {
        "start" => answers.start = Some(answer().unwrap()),
        "run" => answers.run = Some(answer().unwrap()),
        "stop" => {
            answers.stop = Some(match word {
                "fence" => StopFailureAnswer::Fence,
                "block" => StopFailureAnswer::Block,
                other => panic!("a failed stop is not answered by {other}"),
            });
        }
        "restart" => {
            let (times, within) = word.split_once('/').unwrap();
            answers.restart = Some(RestartPolicy {
                times: times.parse().unwrap(),
                within: duration::parse(within).unwrap(),
            });
        }
        other => panic!("a resource says nothing of {other}"),
    }
}

impl World {
    /// `part-fails SERVICE PART`, `part-start-fails SERVICE PART`, `part-stop-fails SERVICE
    /// PART`.
    pub fn part(&mut self, words: &[&str]) -> bool {
        match words {
            ["part-fails", service, part] => self.part_failed(service, part, None),
            ["part-start-fails", service, part] => {
                self.part_failed(service, part, Some(Verb::Start));
            }
            ["part-stop-fails", service, part] => self.part_failed(service, part, Some(Verb::Stop)),
            _ => return false,
        }
        true
    }

    /// All else of it is up, but for what has failed before.
    fn part_failed(&mut self, service: &str, part: &str, verb: Option<Verb>) {
        let failed = ResourceFailure {
            resource: name(part),
            verb,
            ..failure("exit 1")
        };
        let claim = self.claim(&name::<ServiceName>(service));
        let state_of = |resource: &ResourceName| {
            let was_failed = |claim: &model::seen::Claim| claim.shows_failed(resource);
            match *resource == failed.resource || claim.as_ref().is_some_and(was_failed) {
                true => ResourceState::Failed,
                false => ResourceState::Running,
            }
        };
        let spec = self
            .spec
            .services
            .get(&name::<ServiceName>(service).service());
        let resources = spec.into_iter().flat_map(|spec| &spec.resources);
        let resources = resources.map(|it| (it.name.clone(), state_of(&it.name)));
        let resources = resources.collect();
        let report = match verb {
            Some(Verb::Stop) => Report::StopFailed(failed),
            _ => Report::Failed(failed),
        };
        self.report_in_full(service, (report, resources), Default::default());
    }
}
