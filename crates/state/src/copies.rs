//! Copies of one service: what they must leave to each other.

use std::iter;

use model::plant::{self, Plant};
use model::seen::ServiceSeen;
use model::{NodeName, Rejected, ServiceName};

use crate::State;

impl State {
    /// All that is seen of one service: under its own name, and of its copies.
    pub(crate) fn seen_of<'a>(
        &'a self,
        service: &'a ServiceName,
    ) -> impl Iterator<Item = (&'a ServiceName, &'a ServiceSeen)> {
        let itself = self.seen.services.get_key_value(&service.service());
        let copies = self.seen.services.range(service.copies_range());
        itself.into_iter().chain(copies)
    }

    /// A service that has copies and one that has none are never mixed, and a node takes only
    /// so many copies of one service: they would be in each other's way.
    pub(crate) fn require_place_for_copy(
        &self,
        service: &ServiceName,
        node: &NodeName,
    ) -> Result<(), Rejected> {
        let may_run_on = |node: &NodeName| Rejected::MayStillRun {
            service: service.service(),
            node: node.clone(),
        };
        let mut copies_here = 0;
        for (name, seen) in self.seen_of(service).filter(|(name, _)| *name != service) {
            let mut places = places(seen);
            if name.copy().is_none() || service.copy().is_none() {
                if let Some(place) = places.next() {
                    return Err(may_run_on(place));
                }
            } else if places.any(|place| place == node) {
                copies_here += 1;
            }
        }
        let copies = self.wanted(service).and_then(|spec| spec.rules.copies);
        match copies {
            Some(_) if plant::is(Plant::CopiesNotCounted) => Ok(()),
            Some(copies) if copies.per_node <= copies_here => {
                let copies = match copies_here {
                    1 => "a copy".to_string(),
                    many => format!("{many} copies"),
                };
                Err(Rejected::Refused(format!(
                    "{node} has {copies} of {} already",
                    service.service()
                )))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The names that an order for `service` means: itself, or all its copies.
    pub(crate) fn meant_by(&self, service: &ServiceName) -> Result<Vec<ServiceName>, Rejected> {
        if self.wanted(service).is_some() {
            return Ok(vec![service.clone()]);
        }
        let spec = self.spec.as_ref();
        let known = spec.filter(|spec| spec.services.contains_key(service));
        let names = known.map(|spec| spec.names_of(service));
        names
            .map(|names| {
                names
                    .into_iter()
                    .map(std::borrow::Cow::into_owned)
                    .collect()
            })
            .ok_or_else(|| Rejected::NoSuchService(service.clone()))
    }

    /// What a copy begins with: when all others of its service are stopped, or frozen, on
    /// request, so is it.
    pub(crate) fn newcomer(&self, service: &ServiceName) -> ServiceSeen {
        let mut newcomer = ServiceSeen::default();
        let mut others = self.seen_of(service);
        let Some((_, first)) = others.next() else {
            return newcomer;
        };
        let others: Vec<&ServiceSeen> = iter::once(first)
            .chain(others.map(|(_, seen)| seen))
            .collect();
        if others.iter().all(|seen| seen.wish == first.wish) {
            newcomer.wish = first.wish.clone();
        }
        if others.iter().all(|seen| seen.frozen == first.frozen) {
            newcomer.frozen = first.frozen;
        }
        newcomer
    }
}

/// Nodes where it runs, or may.
fn places(seen: &ServiceSeen) -> impl Iterator<Item = &NodeName> {
    let claimed = seen.claim.iter().map(|claim| &claim.node);
    claimed.chain(seen.strays.keys())
}
