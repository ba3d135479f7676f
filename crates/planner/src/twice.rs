//! What is found running on several nodes at once, and what the service says to that.
//!
//! By default one of them goes on, and the others are strays like any other. What is to be
//! stopped altogether is unwanted until nothing of it is left; what waits for a person is
//! touched by nobody, and the end of all but one ends the waiting.

use model::rules::FoundTwice;
use model::seen::{ServiceSeen, Wish};
use model::{NodeName, Reason, ServiceName};

use crate::Input;

/// Why the service is left as it is until a person has ended all but one of what runs.
pub(crate) fn held(input: &Input<'_>, name: &ServiceName) -> Option<Reason> {
    let seen = waiting_for_a_person(input, name)?;
    // What has failed under its claim is not what goes on: the rest of it is stopped, so that
    // the other is the only one.
    (!seen.has_ended_under_its_claim()).then(|| Reason::HeldTwice {
        nodes: nodes_of(seen),
    })
}

/// Why a stray is left as it is until a person has decided.
pub(crate) fn holds_stray(input: &Input<'_>, name: &ServiceName) -> Option<Reason> {
    waiting_for_a_person(input, name).map(|seen| Reason::HeldTwice {
        nodes: nodes_of(seen),
    })
}

/// Why it must stop where it runs, although it should run.
pub(crate) fn stops(input: &Input<'_>, name: &ServiceName) -> Option<Reason> {
    let rule = input.spec.service_of(name)?.rules.found_twice;
    match rule {
        FoundTwice::KeepOne => None,
        FoundTwice::StopAll => {
            let nodes = &input.service(name)?.stops_all;
            let nodes: Vec<NodeName> = nodes.iter().cloned().collect();
            (!nodes.is_empty()).then_some(Reason::FoundTwice { nodes })
        }
        FoundTwice::Hold => {
            let seen = waiting_for_a_person(input, name)?;
            let nodes = nodes_of(seen);
            (seen.has_ended_under_its_claim()).then_some(Reason::FoundTwice { nodes })
        }
    }
}

/// The service, where it is found on several nodes and waits for a person. An order to stop it
/// is that person's word, and the two ends of a live migration are one service.
fn waiting_for_a_person<'a>(input: &Input<'a>, name: &ServiceName) -> Option<&'a ServiceSeen> {
    let seen = input.service(name)?;
    if seen.strays.is_empty() || matches!(seen.wish, Wish::Stop { .. }) {
        return None;
    }
    let rule = input.spec.service_of(name)?.rules.found_twice;
    let is_twice = 1 < seen.places().len() && !input.seen.migrations.contains_key(name);
    (rule == FoundTwice::Hold && is_twice).then_some(seen)
}

fn nodes_of(seen: &ServiceSeen) -> Vec<NodeName> {
    seen.places().into_iter().cloned().collect()
}
