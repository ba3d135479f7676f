//! Notices: the copies of a service are told what happens to one of them, before it begins and
//! after it has worked.
//!
//! ```text
//!   a step is due ──► tell each copy that runs ──► all have answered, are gone,
//!                                                  or their time is over ──► the step
//!   it has worked ──► tell each copy that runs, and wait for nobody
//! ```
//!
//! A notice decides nothing and holds nothing up for longer than its limit. Nobody is told
//! where a step cannot wait: when the lease has ended, and for what has no claim.

use std::collections::BTreeMap;
use std::time::Duration;

use model::operation::{About, Notice, NoticeTime, Outcome, ResourceAddress, Verb};
use model::roles::RoleSeen;
use model::seen::{Claim, NodeState, ResourceState};
use model::{Instant, NodeName, OperationId, ResourceName, ServiceName};
use state::State;

use super::local::Local;
use super::roles::Lead;
use super::{Executor, Output, Permit};

/// A copy, and where it is.
type Copy = (ServiceName, NodeName);

/// A notice to a copy on another node. Nothing is decided by the answer but that the wait for
/// it is over.
#[derive(Debug, Clone, PartialEq)]
pub struct Telling {
    /// Names it in the answer.
    pub id: OperationId,
    /// Where the copy is.
    pub node: NodeName,
    /// Which resource of which copy is told.
    pub address: ResourceAddress,
    /// What it is told.
    pub notice: Notice,
    /// How long its answer is waited for, at most.
    pub limit: Duration,
}

/// A step that waits until the copies have been told of it.
#[derive(Debug)]
pub(super) struct Announced {
    resource: ResourceName,
    notice: Notice,
    waiting: BTreeMap<OperationId, Copy>,
    until: Instant,
}

/// What the copies are told of a resource of this node.
#[derive(Debug, Default)]
pub(super) struct Notices {
    /// The step that waits.
    announced: Option<Announced>,
    /// The step that is under way and was announced.
    begun: Option<(ResourceName, Notice)>,
    /// What has worked and nobody has been told of yet.
    news: Vec<(ResourceName, Notice)>,
}

impl Notices {
    /// When the wait for answers is over.
    pub fn deadline(&self) -> Option<Instant> {
        self.announced.as_ref().map(|announced| announced.until)
    }

    /// Whether nobody is waited for any more; then it has begun.
    fn begins(&mut self, is_there: impl Fn(&Copy) -> bool, now: Instant) -> bool {
        let Some(announced) = &mut self.announced else {
            return false;
        };
        announced.waiting.retain(|_, copy| is_there(copy));
        if !announced.waiting.is_empty() && now < announced.until {
            return false;
        }
        self.begun = self
            .announced
            .take()
            .map(|announced| (announced.resource, announced.notice));
        true
    }
}

impl Local {
    /// An operation on a resource has ended: the copies are told of what was announced and
    /// has worked.
    pub fn note_end(&mut self, name: &ResourceName, verb: Verb, outcome: &Outcome) {
        let is_it = |begun: &mut (ResourceName, Notice)| begun.0 == *name && begun.1.of == verb;
        let Some((name, notice)) = self.notices.begun.take_if(is_it) else {
            return;
        };
        let has_worked = match outcome {
            Outcome::Running | Outcome::Promoted => verb != Verb::Stop,
            Outcome::Stopped => verb == Verb::Stop,
            Outcome::Failed(_) | Outcome::TimedOut => false,
        };
        if has_worked {
            let when = NoticeTime::After;
            let notice = Notice { when, ..notice };
            self.notices.news.push((name, notice));
        }
    }

    /// Whether a resource of this copy runs, and is promoted as a step is due.
    fn standing_at(&self, place: usize, verb: Verb) -> Option<Lead> {
        let resource = &self.resources[place];
        let lead = match (resource.lead, verb) {
            (Lead::Perhaps, Verb::Demote | Verb::Stop) => Lead::Yes,
            (Lead::Perhaps, _) => Lead::No,
            (lead, _) => lead,
        };
        (resource.state == ResourceState::Running).then_some(lead)
    }
}

impl Executor {
    /// Whether a step may begin: at once, where no copy is to be told of it.
    pub(super) fn is_announced(
        &mut self,
        state: &State,
        name: &ServiceName,
        (place, verb): (usize, Verb),
        now: Instant,
    ) -> bool {
        let Some(local) = self.services.get_mut(name) else {
            return true;
        };
        let resource = local.resources[place].spec.name.clone();
        let is_free = self.permit != Permit::All || local.lease_ended;
        if is_free || !is_told_of(state, name, &resource, verb) {
            local.notices.announced = None;
            return true;
        }
        let is_this = |it: &Announced| it.resource == resource && it.notice.of == verb;
        if local
            .notices
            .announced
            .as_ref()
            .is_none_or(|it| !is_this(it))
        {
            self.announce(state, name, (place, verb), now);
        }
        let me = &self.me;
        let is_there = |(copy, node): &Copy| {
            node == me || claim_up(state, copy, &resource).is_some_and(|claim| claim.node == *node)
        };
        let local = self.services.get_mut(name);
        local.is_none_or(|local| local.notices.begins(is_there, now))
    }

    /// Tells the copies that run what is about to happen.
    fn announce(
        &mut self,
        state: &State,
        name: &ServiceName,
        (place, verb): (usize, Verb),
        now: Instant,
    ) {
        let local = &self.services[name];
        let spec = &local.resources[place].spec;
        let (resource, limit) = (spec.name.clone(), spec.limits.status);
        let mut copies = others(state, name, &resource);
        if let Some(lead) = local.standing_at(place, verb) {
            copies.push(((name.clone(), self.me.clone()), lead == Lead::Yes));
            copies.sort();
        }
        let of_role = |is_promoted: bool| {
            let copies = copies
                .iter()
                .filter(|(_, promoted)| *promoted == is_promoted);
            copies.map(|(copy, _)| copy.clone()).collect()
        };
        let notice = Notice {
            when: NoticeTime::Before,
            of: verb,
            affected: vec![(name.clone(), self.me.clone())],
            promoted: of_role(true),
            unpromoted: of_role(false),
        };
        let copies = copies.into_iter().map(|(copy, _)| copy).collect();
        let waiting = self.tell_copies(copies, &resource, &notice, limit);
        if let Some(local) = self.services.get_mut(name) {
            local.notices.announced = Some(Announced {
                resource,
                notice,
                waiting,
                until: now + limit,
            });
        }
    }

    /// Tells the copies that run what has worked.
    pub(super) fn tell_news(&mut self, state: &State, name: &ServiceName) {
        let Some(local) = self.services.get_mut(name) else {
            return;
        };
        for (resource, notice) in std::mem::take(&mut local.notices.news) {
            let mut copies: Vec<Copy> = others(state, name, &resource)
                .into_iter()
                .map(|(copy, _)| copy)
                .collect();
            copies.push((name.clone(), self.me.clone()));
            let limit = self.services[name]
                .resources
                .iter()
                .find(|known| known.spec.name == resource)
                .map_or(Duration::ZERO, |known| known.spec.limits.status);
            self.tell_copies(copies, &resource, &notice, limit);
        }
    }

    fn tell_copies(
        &mut self,
        copies: Vec<Copy>,
        resource: &ResourceName,
        notice: &Notice,
        limit: Duration,
    ) -> BTreeMap<OperationId, Copy> {
        let mut waiting = BTreeMap::new();
        for (service, node) in copies {
            let resource = resource.clone();
            let address = ResourceAddress {
                service: service.clone(),
                resource,
            };
            let id = if node == self.me {
                self.take_notice(&address, notice.clone())
            } else {
                self.last_operation = self.last_operation.next();
                let id = self.last_operation;
                self.outputs.push_back(Output::Tell(Box::new(Telling {
                    id,
                    node: node.clone(),
                    address,
                    notice: notice.clone(),
                    limit,
                })));
                Some(id)
            };
            waiting.extend(id.map(|id| (id, (service, node))));
        }
        waiting
    }

    /// Tells a resource of this node what happens to a copy; none: it does not run here, so
    /// there is nobody to be told.
    pub fn take_notice(
        &mut self,
        address: &ResourceAddress,
        notice: Notice,
    ) -> Option<OperationId> {
        let local = self.services.get(&address.service)?;
        let mut resources = local.resources.iter();
        let place = resources.position(|known| {
            known.spec.name == address.resource && known.state == ResourceState::Running
        })?;
        let about = About::Notice(Box::new(notice));
        Some(self.operate_about(&address.service, place, Verb::Notify, about))
    }

    /// The wait for the answer to a notice is over.
    pub fn handle_told(&mut self, id: OperationId) {
        for local in self.services.values_mut() {
            if let Some(announced) = &mut local.notices.announced {
                announced.waiting.remove(&id);
            }
        }
    }
}

/// Whether the copies are to be told of this step.
fn is_told_of(state: &State, name: &ServiceName, resource: &ResourceName, verb: Verb) -> bool {
    let is_of_interest = match verb {
        Verb::Start | Verb::Stop | Verb::Promote | Verb::Demote => true,
        Verb::Probe | Verb::Status | Verb::Notify => false,
        Verb::Reload | Verb::MigrateTo | Verb::MigrateFrom => false,
    };
    let spec = state.spec().and_then(|spec| spec.service_of(name));
    let has_claim = state
        .seen()
        .services
        .get(name)
        .is_some_and(|seen| seen.claim.is_some());
    is_of_interest
        && has_claim
        && name.copy().is_some()
        && spec.is_some_and(|spec| spec.rules.notified.contains(resource))
}

/// The other copies that run as the log knows, on nodes that can be told, and whether each is
/// promoted.
fn others(state: &State, name: &ServiceName, resource: &ResourceName) -> Vec<(Copy, bool)> {
    let copies = state.seen().services.range(name.copies_range());
    let others = copies.filter(|(copy, _)| *copy != name);
    let up = others.filter_map(|(copy, _)| Some((copy, claim_up(state, copy, resource)?)));
    up.map(|(copy, claim)| {
        let is_promoted = match claim.role {
            RoleSeen::Promoted | RoleSeen::Demoting => true,
            RoleSeen::Unpromoted | RoleSeen::Promoting => false,
        };
        ((copy.clone(), claim.node.clone()), is_promoted)
    })
    .collect()
}

/// The claim of a copy, if this resource of it runs and its node can be told.
fn claim_up<'a>(
    state: &'a State,
    copy: &ServiceName,
    resource: &ResourceName,
) -> Option<&'a Claim> {
    let claim = state.seen().services.get(copy)?.claim.as_ref()?;
    let is_up = claim
        .resources
        .iter()
        .any(|(known, state)| known == resource && *state == ResourceState::Running);
    let node = state.seen().nodes.get(&claim.node)?;
    let is_heard = match &node.state {
        NodeState::Online { boot } | NodeState::Leaving { boot } => *boot == claim.boot,
        NodeState::Down
        | NodeState::Starting { .. }
        | NodeState::DaemonDown { .. }
        | NodeState::Lost { .. } => false,
    };
    (is_up && is_heard).then_some(claim)
}
