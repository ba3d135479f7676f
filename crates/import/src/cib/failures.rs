//! Failure counts, their expiry, and how much instances want to lead.

use planner::arrange::{FailureCount, NodeIx, PromotionScore, ResourceIx, Score};

use super::draft::Draft;
use super::history::{History, instance_of};
use super::outcome::Recorded;
use super::values;

pub(super) fn read(draft: &mut Draft<'_>) {
    for node in (0..draft.wanted.nodes.len()).map(NodeIx) {
        counts(draft, node);
        promotion_scores(draft, node);
    }
}

/// A name that carries that of a resource, with or without the number of an instance.
fn subject(draft: &Draft<'_>, name: &str) -> Option<(ResourceIx, Option<u32>)> {
    let exact = draft.resources.get(name).map(|ix| (*ix, None));
    exact.or_else(|| instance_of(draft, name).map(|(ix, number)| (ix, Some(number))))
}

/// `fail-count-NAME#monitor_10000`, or an old one without an operation.
fn counted<'n>(attribute: &'n str, prefix: &str) -> Option<&'n str> {
    let rest = attribute.strip_prefix(prefix)?;
    Some(rest.split_once('#').map_or(rest, |(name, _)| name))
}

fn counts(draft: &mut Draft<'_>, node: NodeIx) {
    let attributes = draft.observed.nodes[node.0].attributes.clone();
    for (attribute, value) in &attributes {
        let Some(name) = counted(attribute, "fail-count-") else {
            continue;
        };
        let Some((resource, instance)) = subject(draft, name) else {
            continue;
        };
        let count = values::score(value).unwrap_or_default();
        if count <= Score::ZERO || has_forgotten(draft, resource, node) {
            continue;
        }
        let instance = instance.filter(|_| draft.facts[resource.0].is_unique);
        let known = draft.observed.failures.iter_mut().find(|known| {
            (known.resource, known.instance, known.node) == (resource, instance, node)
        });
        match known {
            Some(known) => known.count += count,
            None => draft.observed.failures.push(FailureCount {
                resource,
                instance,
                node,
                count,
                hopeless: false,
            }),
        }
    }
}

/// How long failures are remembered, in seconds; 0: for ever.
fn failure_timeout(draft: &Draft<'_>, resource: ResourceIx, node: NodeIx) -> i64 {
    if draft.blocked.contains(&(resource, node)) {
        return 0;
    }
    draft.facts[resource.0].failure_timeout
}

/// Whether the last failure of a resource on a node is longer ago than it is remembered.
fn has_forgotten(draft: &Draft<'_>, resource: ResourceIx, node: NodeIx) -> bool {
    let timeout = failure_timeout(draft, resource, node);
    let Some(now) = draft.now.filter(|_| 0 < timeout) else {
        return false;
    };
    let attributes = &draft.observed.nodes[node.0].attributes;
    let last = attributes
        .iter()
        .filter_map(|(attribute, value)| {
            let name = counted(attribute, "last-failure-")?;
            let (of, _) = subject(draft, name)?;
            (of == resource).then(|| values::integer(value))?
        })
        .max();
    last.is_some_and(|last| last.saturating_add(timeout) <= now.0)
}

/// How often a resource failed on a node, as far as that counts.
fn remembered(draft: &Draft<'_>, resource: ResourceIx, node: NodeIx) -> bool {
    let attributes = &draft.observed.nodes[node.0].attributes;
    let counts = attributes.iter().any(|(attribute, value)| {
        counted(attribute, "fail-count-")
            .and_then(|name| subject(draft, name))
            .is_some_and(|(of, _)| of == resource)
            && values::score(value).is_some_and(|count| Score::ZERO < count)
    });
    counts && !has_forgotten(draft, resource, node)
}

/// Whether a recorded failure is forgotten by now.
pub(super) fn has_expired(draft: &Draft<'_>, history: &History<'_>, result: &Recorded<'_>) -> bool {
    let timeout = failure_timeout(draft, history.resource, history.node);
    let (Some(now), Some(changed_at)) = (draft.now, result.changed_at) else {
        return false;
    };
    0 < timeout
        && changed_at.saturating_add(timeout) <= now.0
        && !remembered(draft, history.resource, history.node)
}

fn promotion_scores(draft: &mut Draft<'_>, node: NodeIx) {
    let attributes = draft.observed.nodes[node.0].attributes.clone();
    for (attribute, value) in &attributes {
        let Some(name) = attribute.strip_prefix("master-") else {
            continue;
        };
        let Some((resource, instance)) = subject(draft, name) else {
            continue;
        };
        if !draft.facts[resource.0].is_promotable {
            continue;
        }
        draft.observed.promotion_scores.push(PromotionScore {
            resource,
            instance,
            node,
            score: values::score(value).unwrap_or_default(),
        });
    }
}
