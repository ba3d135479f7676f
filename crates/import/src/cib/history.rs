//! What the recorded results say: where each resource is active, failed or under way.

use std::collections::BTreeSet;

use planner::arrange::{
    FailedVerb, FailureCount, Found, FoundFailed, Kind, NodeIx, NodeState, OnFail, Resource,
    ResourceIx, Role, Score, UnderWay,
};

use super::draft::{Draft, Facts};
use super::failures;
use super::lock;
use super::meta::{self, Nature};
use super::migration;
use super::node_state;
use super::nodes::{node_of, states};
use super::operation;
use super::outcome::{self, Cause, Outcome, Recorded};
use super::remote;
use super::resources::failure_timeout;
use super::source::{Xml, child, elements, id};
use super::words;

/// What is recorded of one resource on one node.
pub(super) struct History<'a> {
    pub resource: ResourceIx,
    pub instance: Option<u32>,
    pub node: NodeIx,
    pub results: Vec<Recorded<'a>>,
}

/// What the results up to some moment say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub state: Activity,
    pub failed: Option<FoundFailed>,
    /// Between two questions, in milliseconds, when a question failed.
    failed_interval_ms: u64,
    pub under_way: Option<UnderWay>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activity {
    Unknown,
    Stopped,
    Active(Role),
}

pub(super) fn read(draft: &mut Draft<'_>) {
    let (remote, members): (Vec<_>, Vec<_>) = states(draft)
        .into_iter()
        .partition(|state| node_state::is_remote(*state));
    let mut histories = collect(draft, &members);
    let mut condemned = BTreeSet::new();
    evaluate(draft, &histories, 0, &mut condemned);
    // Whether a remote node is there follows from what the members run.
    remote::read(draft, &remote);
    let first = histories.len();
    histories.extend(collect(draft, &remote));
    evaluate(draft, &histories, first, &mut condemned);
    migration::read(draft, &histories);
    mark_unclean(draft);
}

/// Adds what these histories say, from a certain one on.
fn evaluate(
    draft: &mut Draft<'_>,
    histories: &[History<'_>],
    first: usize,
    condemned: &mut BTreeSet<NodeIx>,
) {
    for history in &histories[first..] {
        if has_blocking_failure(draft, history) {
            draft.blocked.insert((history.resource, history.node));
        }
    }
    for history in &histories[first..] {
        let mut known = one(draft, history, histories);
        // Where the node is fenced there is nothing else to answer.
        if draft.observed.nodes[history.node.0].unclean || condemned.contains(&history.node) {
            known.failed = None;
        }
        if known
            .failed
            .is_some_and(|failed| failed.answer == OnFail::Fence)
            && is_managed(draft, history.resource, history.node)
        {
            condemned.insert(history.node);
        }
        if known.state == Activity::Unknown && known.failed.is_none() && known.under_way.is_none() {
            continue;
        }
        let found = Found {
            resource: history.resource,
            instance: history.instance,
            node: history.node,
            role: match known.state {
                Activity::Active(role) => Some(role),
                Activity::Unknown | Activity::Stopped => None,
            },
            failed: known.failed,
            under_way: known.under_way,
        };
        draft.observed.found.push(found);
    }
}

/// Whether something failed for which a person must look: that is not forgotten.
fn has_blocking_failure(draft: &Draft<'_>, history: &History<'_>) -> bool {
    let facts = &draft.facts[history.resource.0];
    let is_managed = is_in_hand(draft, history.resource);
    history.results.iter().any(|result| {
        !result.is_talk()
            && matches!(result.outcome(is_managed), Outcome::Failed(_))
            && operation::answer(&draft.options, facts, result.verb, result.interval_ms)
                == OnFail::Block
    })
}

fn collect<'a>(draft: &mut Draft<'a>, states: &[Xml<'a>]) -> Vec<History<'a>> {
    let fencing = draft.options.fencing();
    let mut found = Vec::new();
    for &state in states {
        let Some(node) = node_of(draft, state) else {
            continue;
        };
        let is_online = draft.observed.nodes[node.0].state == NodeState::Online;
        for element in recorded_resources(state) {
            lock::read(draft, element, node);
            // Without fencing, what ran on a node that is gone is taken to be gone with it.
            if !is_online && !fencing {
                continue;
            }
            let results = outcome::read(element);
            let (resource, instance) = resource_of(draft, element);
            found.push(History {
                resource,
                instance,
                node,
                results,
            });
        }
    }
    found
}

/// The resources of which something is recorded.
pub(super) fn recorded_resources<'a>(state: Xml<'a>) -> impl Iterator<Item = Xml<'a>> {
    let resources = child(state, "lrm").and_then(|lrm| child(lrm, "lrm_resources"));
    resources
        .into_iter()
        .flat_map(elements)
        .filter(|element| element.tag_name().name() == "lrm_resource")
}

/// The resource that a history is of; one that is not configured is added as removed.
fn resource_of(draft: &mut Draft<'_>, element: Xml<'_>) -> (ResourceIx, Option<u32>) {
    let name = id(element);
    let exact = draft.resources.get(name).copied();
    if let Some(ix) = exact.filter(|ix| draft.resource(*ix).kind == Kind::Single) {
        return (ix, None);
    }
    if let Some((ix, instance)) = instance_of(draft, name) {
        return (ix, Some(instance));
    }
    let class = element.attribute("class").unwrap_or_default();
    let kind = (
        class,
        element.attribute("provider").unwrap_or_default(),
        element.attribute("type").unwrap_or_default(),
    );
    let all = meta::defaults(draft, Some(kind));
    let nature = Nature {
        is_fence_device: class == words::FENCE_CLASS,
        ..Nature::default()
    };
    let resource = Resource {
        name: name.to_string(),
        parent: None,
        kind: Kind::Single,
        settings: meta::settings(&draft.options, &all, nature, Default::default()),
        removed: true,
    };
    let facts = Facts {
        failure_timeout: failure_timeout(&all),
        meta: all,
        ..Facts::default()
    };
    (draft.add_resource(resource, facts), None)
}

/// `NAME:3`: an instance of what lies in a clone.
pub(super) fn instance_of(draft: &Draft<'_>, name: &str) -> Option<(ResourceIx, u32)> {
    let (base, number) = name.rsplit_once(':')?;
    let instance = number.parse().ok()?;
    let ix = *draft.resources.get(base)?;
    let is_instance = draft.facts[ix.0].is_cloned && draft.resource(ix).kind == Kind::Single;
    is_instance.then_some((ix, instance))
}

/// Whether hands are on the resource, wherever it is.
fn is_in_hand(draft: &Draft<'_>, resource: ResourceIx) -> bool {
    let settings = &draft.resource(resource).settings;
    settings.managed && !settings.maintenance && !draft.wanted.policy.maintenance
}

fn is_managed(draft: &Draft<'_>, resource: ResourceIx, node: NodeIx) -> bool {
    is_in_hand(draft, resource) && !draft.observed.nodes[node.0].maintenance
}

/// The role in which a resource is active that nobody promoted.
pub(super) fn ordinary_role(draft: &Draft<'_>, resource: ResourceIx) -> Role {
    match draft.facts[resource.0].is_promotable {
        true => Role::Unpromoted,
        false => Role::Started,
    }
}

fn one(draft: &mut Draft<'_>, history: &History<'_>, all: &[History<'_>]) -> Known {
    let mut known = Known {
        state: Activity::Unknown,
        failed: None,
        failed_interval_ms: 0,
        under_way: None,
    };
    let is_managed = is_in_hand(draft, history.resource);
    for result in history.results.iter().filter(|result| !result.is_talk()) {
        let outcome = result.outcome(is_managed);
        match outcome {
            Outcome::Nothing => {}
            Outcome::UnderWay if failures::has_expired(draft, history, result) => {}
            Outcome::UnderWay => begun(draft, history, result, &mut known),
            Outcome::Done
            | Outcome::FoundStopped
            | Outcome::FoundActive
            | Outcome::FoundLeading => {
                known.under_way = None;
                done(draft, history, (result, outcome), &mut known);
            }
            Outcome::Failed(cause) => {
                known.under_way = None;
                if !failures::has_expired(draft, history, result) {
                    failed(draft, history, (result, cause), &mut known);
                } else if cause == Cause::Leading {
                    // That it failed is forgotten, that it leads is not.
                    known.state = Activity::Active(Role::Promoted);
                }
            }
        }
        migration::after(draft, (history, result, outcome), all, &mut known);
    }
    known
}

fn begun(draft: &Draft<'_>, history: &History<'_>, result: &Recorded<'_>, known: &mut Known) {
    let ordinary = ordinary_role(draft, history.resource);
    match result.verb {
        "start" => {
            known.under_way = Some(UnderWay::Start);
            known.state = Activity::Active(ordinary);
        }
        "stop" => known.under_way = Some(UnderWay::Stop),
        "promote" => {
            known.under_way = Some(UnderWay::Promote);
            known.state = Activity::Active(Role::Promoted);
        }
        "demote" => known.under_way = Some(UnderWay::Demote),
        "migrate_to" => {
            let target = result.target.and_then(|name| draft.nodes.get(name));
            known.under_way = target.map(|target| UnderWay::MigrateTo { target: *target });
        }
        _ => {}
    }
}

fn activate(known: &mut Known, role: Role) {
    if !matches!(known.state, Activity::Active(_)) {
        known.state = Activity::Active(role);
    }
}

fn done(
    draft: &Draft<'_>,
    history: &History<'_>,
    (result, outcome): (&Recorded<'_>, Outcome),
    known: &mut Known,
) {
    let ordinary = ordinary_role(draft, history.resource);
    let in_what = known.failed.map(|failed| failed.in_what);
    let mut is_over = true;
    match (outcome, result.verb) {
        (Outcome::FoundStopped, _) => known.state = Activity::Stopped,
        (Outcome::FoundLeading, _) => {
            known.state = Activity::Active(Role::Promoted);
            is_over = false;
        }
        (_, "start" | "migrate_from") => known.state = Activity::Active(ordinary),
        (_, "stop") => known.state = Activity::Stopped,
        (_, "promote") => known.state = Activity::Active(Role::Promoted),
        (_, "demote") => {
            known.state = Activity::Active(Role::Unpromoted);
            // A demotion is the answer to some failures only.
            is_over = known
                .failed
                .is_some_and(|failed| failed.answer == OnFail::Demote);
        }
        (_, "monitor") => {
            activate(known, ordinary);
            if result.found_it_leading() {
                known.state = Activity::Active(Role::Promoted);
            }
            // Only the same question takes its failure back.
            is_over = in_what == Some(FailedVerb::Watch)
                && known.failed_interval_ms == result.interval_ms;
        }
        _ => {
            activate(known, ordinary);
            is_over = false;
        }
    }
    let stays = known.failed.is_some_and(|failed| {
        matches!(
            failed.answer,
            OnFail::Stop | OnFail::Fence | OnFail::Move | OnFail::Standby
        )
    });
    // Whoever saw it stopped has seen the end of every failure.
    let is_seen_stopped = outcome == Outcome::FoundStopped && result.is_watch();
    if is_seen_stopped || (is_over && !stays) {
        known.failed = None;
    }
}

fn failed(
    draft: &mut Draft<'_>,
    history: &History<'_>,
    (result, cause): (&Recorded<'_>, Cause),
    known: &mut Known,
) {
    let facts = &draft.facts[history.resource.0];
    let answer = operation::answer(&draft.options, facts, result.verb, result.interval_ms);
    let ordinary = ordinary_role(draft, history.resource);
    if answer == OnFail::Ignore {
        if cause == Cause::Leading {
            known.state = Activity::Active(Role::Promoted);
        }
        done(draft, history, (result, result.planned_outcome()), known);
        if known.failed.is_none() && known.state != Activity::Stopped {
            known.failed = Some(FoundFailed {
                in_what: result.failed_verb(),
                answer,
            });
        }
        return;
    }
    match (result.verb, cause) {
        (_, Cause::NotInstalled) if result.is_probe() => known.state = Activity::Stopped,
        ("demote", _) if answer == OnFail::Block => {
            known.state = Activity::Active(Role::Promoted);
        }
        ("demote", _) => known.state = Activity::Active(Role::Unpromoted),
        (_, Cause::Leading) | ("promote", _) => {
            known.state = Activity::Active(Role::Promoted);
        }
        _ => activate(known, ordinary),
    }
    let hopeless = matches!(
        cause,
        Cause::NotInstalled | Cause::HopelessHere | Cause::HopelessEverywhere
    );
    if hopeless {
        bar(draft, history, cause);
    }
    let worst = known.failed.filter(|before| answer <= before.answer);
    if worst.is_none() {
        known.failed = Some(FoundFailed {
            in_what: result.failed_verb(),
            answer,
        });
        known.failed_interval_ms = result.interval_ms;
    }
    if known.state == Activity::Stopped && answer == OnFail::Restart {
        known.failed = None;
    }
}

/// The resource is barred from the node, or from all.
fn bar(draft: &mut Draft<'_>, history: &History<'_>, cause: Cause) {
    let nodes = match cause {
        Cause::HopelessEverywhere => (0..draft.wanted.nodes.len()).map(NodeIx).collect(),
        _ => vec![history.node],
    };
    let instance = history
        .instance
        .filter(|_| draft.facts[history.resource.0].is_unique);
    for node in nodes {
        let counts = &mut draft.observed.failures;
        let known = counts.iter_mut().find(|count| {
            (count.resource, count.instance, count.node) == (history.resource, instance, node)
        });
        match known {
            Some(count) => count.hopeless = true,
            None => counts.push(FailureCount {
                resource: history.resource,
                instance,
                node,
                count: Score::ZERO,
                hopeless: true,
            }),
        }
    }
}

/// What is thought to be active on a node that is gone must be made safe.
fn mark_unclean(draft: &mut Draft<'_>) {
    if !draft.options.fencing() {
        return;
    }
    let found = draft.observed.found.clone();
    for found in found.iter().filter(|found| found.role.is_some()) {
        let managed = is_managed(draft, found.resource, found.node);
        let node = &mut draft.observed.nodes[found.node.0];
        if node.state == NodeState::Offline && managed {
            node.unclean = true;
        }
    }
}
