//! For how long nobody is promoted, in a play: roles are filled or not, whatever becomes of the
//! copies one by one.

use std::collections::BTreeMap;

use model::roles::{RoleMeant, RoleSeen};
use model::seen::Claim;
use model::{NodeName, ServiceName};

use super::{Play, running};
use crate::estimate::Estimate;

/// How it goes with the role of one service.
#[derive(Debug, Clone)]
struct Track {
    /// How many copies were promoted before anything failed.
    before: usize,
    /// Since when there are fewer.
    down_since: Option<Estimate>,
    /// For how long there were, where that is over.
    outage: Option<Estimate>,
    /// Who was promoted last.
    by: Option<NodeName>,
}

/// The roles of all services that somebody was promoted for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Roles(BTreeMap<ServiceName, Track>);

/// What has become of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Role<'a> {
    Back {
        node: &'a NodeName,
        outage: &'a Estimate,
    },
    Nobody,
}

impl Play {
    /// Remembers who is promoted before anything fails.
    pub fn begin_roles(&mut self) {
        let Some(spec) = self.state.spec() else {
            return;
        };
        let services = spec.services.iter();
        let with_roles = services.filter(|(_, service)| service.rules.roles.is_some());
        let tracks = with_roles.map(|(name, _)| {
            let track = Track {
                before: self.promoted(name).count(),
                down_since: None,
                outage: None,
                by: None,
            };
            (name.clone(), track)
        });
        let tracks = tracks.filter(|(_, track)| 0 < track.before).collect();
        self.roles = Roles(tracks);
    }

    /// The copies that are promoted, on nodes that are not lost.
    fn promoted(&self, service: &ServiceName) -> impl Iterator<Item = (&ServiceName, &Claim)> {
        let seen = self.state.seen();
        let alive = running(seen);
        let copies = seen.services.range(service.copies_range());
        let claims = copies.filter_map(|(name, copy)| Some((name, copy.claim.as_ref()?)));
        claims
            .filter(move |(name, claim)| claim.role == RoleSeen::Promoted && alive.contains(*name))
    }

    /// Of them those that are reached: by name, and where.
    fn reached(&self, service: &ServiceName) -> Vec<(ServiceName, NodeName)> {
        let spec = self.state.spec().and_then(|it| it.services.get(service));
        let left = &self.faults.left;
        let is_reached = |claim: &Claim| {
            let dark = |spec| left.without_link(spec, &claim.node, RoleMeant::Promoted);
            spec.and_then(dark).is_none()
        };
        let reached = self.promoted(service).filter(|(_, it)| is_reached(it));
        reached
            .map(|(name, claim)| (name.clone(), claim.node.clone()))
            .collect()
    }

    /// After the failures, of which all happen at the very beginning.
    pub fn roles_have_failed(&mut self) {
        self.follow_roles(&Estimate::default());
    }

    /// After everything that can change who is promoted.
    pub(super) fn watch_roles(&mut self) {
        self.follow_roles(&Estimate::of(self.time.now()));
    }

    fn follow_roles(&mut self, now: &Estimate) {
        let mut roles = std::mem::take(&mut self.roles);
        for (service, track) in &mut roles.0 {
            let promoted = self.reached(service);
            match (promoted.len() < track.before, &track.down_since) {
                (true, None) => track.down_since = Some(now.clone()),
                (false, Some(since)) => {
                    // The one that came last: it has waited for all that went before.
                    let ended = promoted
                        .iter()
                        .map(|(name, node)| (self.time.at(name), node));
                    let Some((at, node)) = ended.max_by_key(|(at, _)| at.about) else {
                        continue;
                    };
                    let outage = at.since(since);
                    let before = track.outage.take().unwrap_or_default();
                    track.outage = Some(before.then(&outage));
                    track.by = Some(node.clone());
                    track.down_since = None;
                }
                (true, Some(_)) | (false, None) => {}
            }
        }
        self.roles = roles;
    }
}

impl Roles {
    /// Roles that somebody did not have for a while, or nobody has any more.
    pub fn outcomes(&self) -> impl Iterator<Item = (&ServiceName, Role<'_>)> {
        self.0.iter().filter_map(|(service, track)| {
            if track.down_since.is_some() {
                return Some((service, Role::Nobody));
            }
            let (node, outage) = (track.by.as_ref()?, track.outage.as_ref()?);
            Some((service, Role::Back { node, outage }))
        })
    }
}
