//! Live migrations that were caught half-way, or failed.
//!
//! A migration is recorded on two nodes: that it was sent (`migrate_to`, on the source) and
//! that it was received (`migrate_from`, on the target). Which of the two nodes runs the
//! resource follows from both, and from what came later.

use planner::arrange::{FailedVerb, Found, FoundFailed, NodeIx, NodeState, OnFail, UnderWay};

use super::draft::Draft;
use super::history::{Activity, History, Known, ordinary_role};
use super::outcome::{Outcome, Recorded};

/// What one result says of the migration that it belongs to.
#[derive(Clone, Copy)]
struct Leg<'h, 'a> {
    source: NodeIx,
    target: NodeIx,
    result: &'h Recorded<'a>,
}

fn leg<'h, 'a>(draft: &Draft<'_>, result: &'h Recorded<'a>) -> Option<Leg<'h, 'a>> {
    Some(Leg {
        source: *draft.nodes.get(result.source?)?,
        target: *draft.nodes.get(result.target?)?,
        result,
    })
}

fn of_node<'h, 'a>(
    all: &'h [History<'a>],
    history: &History<'_>,
    node: NodeIx,
) -> Option<&'h History<'a>> {
    all.iter().find(|other| {
        other.node == node
            && other.resource == history.resource
            && other.instance == history.instance
    })
}

/// Whether something other than a question came later on this node.
fn acted_later(history: Option<&History<'_>>, than: &Recorded<'_>, is_same_node: bool) -> bool {
    history.is_some_and(|history| {
        history.results.iter().any(|result| {
            !result.is_watch()
                && !result.is_talk()
                && !std::ptr::eq(result, than)
                && result.is_newer_than(than, is_same_node)
        })
    })
}

/// Whether the node's state was made or seen anew after that.
fn changed_later(history: Option<&History<'_>>, than: &Recorded<'_>, is_same_node: bool) -> bool {
    acted_later(history, than, is_same_node)
        || history.is_some_and(|history| {
            history
                .results
                .iter()
                .any(|result| result.found_it_stopped() && result.is_newer_than(than, is_same_node))
        })
}

/// The reception that belongs to a sending.
fn reception<'h, 'a>(target: Option<&'h History<'a>>, source: &str) -> Option<&'h Recorded<'a>> {
    target?
        .results
        .iter()
        .rev()
        .find(|result| result.verb == "migrate_from" && result.source == Some(source))
}

/// The sending that belongs to a reception.
fn sending<'h, 'a>(source: Option<&'h History<'a>>, target: &str) -> Option<&'h Recorded<'a>> {
    source?
        .results
        .iter()
        .rev()
        .find(|result| result.verb == "migrate_to" && result.target == Some(target))
}

/// What a sending that went well says of its source.
pub(super) fn after(
    draft: &Draft<'_>,
    (history, result, outcome): (&History<'_>, &Recorded<'_>, Outcome),
    all: &[History<'_>],
    known: &mut Known,
) {
    if result.verb != "migrate_to" || outcome != Outcome::Done {
        return;
    }
    let Some(leg) = leg(draft, result) else {
        return;
    };
    let target = of_node(all, history, leg.target);
    let received = reception(target, result.source.unwrap_or_default());
    if received.is_some_and(Recorded::is_done) {
        // It has left; what remains here must be stopped.
        known.state = Activity::Stopped;
        known.under_way = Some(UnderWay::MigrateTo { target: leg.target });
        return;
    }
    let than = received.unwrap_or(result);
    let target_is_online = draft.observed.nodes[leg.target.0].state == NodeState::Online;
    let is_there = target_is_online && !changed_later(target, than, received.is_some());
    known.state = Activity::Active(ordinary_role(draft, history.resource));
    let has_failed = received.is_some_and(|received| !received.is_under_way());
    let is_unknown_there = target.is_none() && target_is_online;
    if !is_there && !is_unknown_there && !acted_later(Some(history), result, true) {
        known.failed = Some(FoundFailed {
            in_what: FailedVerb::Migrate,
            answer: OnFail::Restart,
        });
    } else if is_there && !has_failed && !is_unknown_there {
        known.under_way = Some(UnderWay::MigrateTo { target: leg.target });
    }
}

/// What sendings and receptions say of the other node.
pub(super) fn read(draft: &mut Draft<'_>, all: &[History<'_>]) {
    for history in all {
        for result in &history.results {
            let Some(leg) = leg(draft, result) else {
                continue;
            };
            match result.verb {
                "migrate_to" => sent(draft, history, leg, all),
                "migrate_from" => received(draft, history, leg, all),
                _ => {}
            }
        }
    }
}

fn sent(draft: &mut Draft<'_>, history: &History<'_>, leg: Leg<'_, '_>, all: &[History<'_>]) {
    if history.node != leg.source || leg.result.is_under_way() {
        return;
    }
    let target = of_node(all, history, leg.target);
    let reception = reception(target, leg.result.source.unwrap_or_default());
    let than = reception.unwrap_or(leg.result);
    let is_online = draft.observed.nodes[leg.target.0].state == NodeState::Online;
    if target.is_none() || !is_online || changed_later(target, than, reception.is_some()) {
        return;
    }
    let has_source_acted = acted_later(Some(history), leg.result, true);
    match (leg.result.is_done(), reception) {
        // The reception speaks for itself.
        (_, Some(reception)) if reception.is_done() => {}
        (true, Some(reception)) if !reception.is_under_way() => {}
        (true, _) if !has_source_acted => {
            let under_way = UnderWay::MigrateFrom { source: leg.source };
            runs_too(draft, history, leg.target, Some(under_way));
        }
        (true, _) => runs_too(draft, history, leg.target, None),
        (false, _) => {
            runs_too(draft, history, leg.target, None);
            // Nobody knows how much of it has come.
            let found = draft.observed.found.iter_mut().find(|found| {
                (found.resource, found.instance, found.node)
                    == (history.resource, history.instance, leg.target)
            });
            if let Some(found) = found {
                found.failed = found.failed.or(Some(FoundFailed {
                    in_what: FailedVerb::Migrate,
                    answer: OnFail::Restart,
                }));
            }
        }
    }
}

fn received(draft: &mut Draft<'_>, history: &History<'_>, leg: Leg<'_, '_>, all: &[History<'_>]) {
    if history.node != leg.target || leg.result.is_under_way() || leg.result.is_done() {
        return;
    }
    let source = of_node(all, history, leg.source);
    let is_online = draft.observed.nodes[leg.source.0].state == NodeState::Online;
    let sending = sending(source, leg.result.target.unwrap_or_default());
    let than = sending.unwrap_or(leg.result);
    if is_online && !changed_later(source, than, sending.is_some()) {
        runs_too(draft, history, leg.source, None);
    }
}

/// The resource must be taken to run on this node as well.
fn runs_too(
    draft: &mut Draft<'_>,
    history: &History<'_>,
    node: NodeIx,
    under_way: Option<UnderWay>,
) {
    let role = ordinary_role(draft, history.resource);
    let found = &mut draft.observed.found;
    let known = found.iter_mut().find(|found| {
        (found.resource, found.instance, found.node) == (history.resource, history.instance, node)
    });
    match known {
        Some(found) => {
            found.role = found.role.or(Some(role));
            found.under_way = found.under_way.or(under_way);
        }
        None => found.push(Found {
            resource: history.resource,
            instance: history.instance,
            node,
            role: Some(role),
            failed: None,
            under_way,
        }),
    }
}
