//! From our spec and picture to the general words of [`crate::arrange`], as far as they say
//! WHERE services should be.
//!
//! WHEN and HOW is not told: orders, starts and stops under way, fences and proofs are what
//! [`crate::plan`] decides by itself, claim by claim. So a node that is lost is simply not
//! there, and what it ran is placed as if it ran nowhere; it starts there once that is proven.

use std::collections::{BTreeMap, BTreeSet};

use model::roles::RoleMeant;
use model::rules::{Company, NodeHealthPolicy, PlacementPolicy};
use model::seen::{Claim, Goal, Maintenance, NodeSeen, NodeState as Seen, Phase, Standby};
use model::spec::{Elsewhere, Failback, ResourceKind, ServiceSpec};
use model::{NetworkName, NodeName, ServiceName};

use crate::Input;
use crate::arrange::{
    CloneRules, Colocation, Discovery, Found, Kind, Location, NoQuorum, NodeIx, NodeObserved,
    NodeState, NodeWanted, Observed, Placement, Policy, PromotableRules, PromotionScore, Requires,
    Resource, ResourceIx, Role, Score, Settings, Target, Wanted,
};
use crate::busy::{Busy, NodeBusy};
use crate::copies::CopyMap;
use crate::network_draws::{Draws, draws, poor_nodes};
use crate::networks;
use crate::placement::{may_ever_run, points, suits};
use crate::roles::{Holder, holders};
use crate::services::unwanted;
use crate::strays::best_stray;

/// What was made of the spec and the picture, and whose places are whose.
#[derive(Debug)]
pub struct Translation<'a> {
    /// What is wanted.
    pub wanted: Wanted,
    /// What is observed.
    pub observed: Observed,
    /// The nodes, in the order of both.
    pub nodes: Vec<&'a NodeName>,
    /// The services, each with its single resource: of a service with copies the child of
    /// the clone.
    pub services: Vec<(&'a ServiceName, ResourceIx)>,
}

/// Services that stay put weigh this much where they are: more than all wishes together.
const STAYS_PUT: i64 = 400_000;
/// What must be apart from a service and is placed after it is heard in the choice of its
/// node with so much of its own points: enough for where it runs, nothing for what it
/// prefers.
const SAY_OF_THOSE_APART: i64 = 2_500;
/// So much of `STAYS_PUT` is left of it then.
const AVOIDED_FOR_ONE: i64 = STAYS_PUT * SAY_OF_THOSE_APART / 1_000_000;
/// An order about a role outweighs what would rather stay with it.
const SENT_THERE: i64 = 2 * STAYS_PUT;
/// Wishes about nodes weigh so much at most, so that they never become commands.
const WISHES_MAX: i64 = 150_000;

/// Where what must be with a service runs before it, of nodes that are equal otherwise.
const COMPANY_THERE: i64 = 1;

/// A node with better networks outweighs all wishes together; what stays put only by habit does
/// not stay then.
const BETTER_NETWORKS: i64 = 2 * WISHES_MAX + 20_000;

/// All services and nodes.
#[must_use]
pub fn translate<'a>(input: &Input<'a>) -> Translation<'a> {
    translate_without(input, &BTreeSet::new(), &BTreeSet::new())
}

/// As `translate`, without nodes that are about to be given up, and with services that stand
/// behind all others of their priority.
pub(crate) fn translate_without<'a>(
    input: &Input<'a>,
    given_up: &BTreeSet<&NodeName>,
    behind: &BTreeSet<ServiceName>,
) -> Translation<'a> {
    let mut maker = Maker::new(input, given_up, behind);
    for (name, spec) in &input.spec.services {
        maker.service(name, spec);
    }
    // Of two relations between the same two, the one that must hold counts.
    for strength in [Strength::Must, Strength::Wish] {
        for (name, spec) in &input.spec.services {
            maker.relations(name, spec, strength);
        }
    }
    maker.made
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strength {
    Must,
    Wish,
}

struct Maker<'a, 'i> {
    input: &'i Input<'a>,
    made: Translation<'a>,
    places: BTreeMap<&'a NodeName, NodeIx>,
    /// Nodes where nothing may be placed that is not there, although they count as there.
    untouched: Vec<NodeIx>,
    /// For each network, the nodes that are not on it.
    off_network: BTreeMap<&'a NetworkName, Vec<NodeIx>>,
    /// Of each service, what others refer to: the clone where it has copies.
    whole: BTreeMap<&'a ServiceName, ResourceIx>,
    copies: CopyMap<'a>,
    /// How busy nodes are, where that counts.
    busy: Option<Busy>,
    /// Priorities in use, each with its rank.
    ranks: BTreeMap<i32, i64>,
    behind: &'i BTreeSet<ServiceName>,
    given_up: &'i BTreeSet<&'i NodeName>,
    /// For each service, how many must be apart from it.
    kept_apart: BTreeMap<&'a ServiceName, i64>,
    /// Nodes whose networks lack something.
    poor: BTreeSet<&'a NodeName>,
    draws: Draws<'a>,
    /// See `copies_beside`.
    copies_beside: BTreeMap<&'a ServiceName, BTreeSet<NodeIx>>,
    pairs: BTreeSet<(ResourceIx, ResourceIx)>,
}

impl<'a, 'i> Maker<'a, 'i> {
    fn new(
        input: &'i Input<'a>,
        given_up: &'i BTreeSet<&'i NodeName>,
        behind: &'i BTreeSet<ServiceName>,
    ) -> Self {
        let policy = Policy {
            fencing: false,
            startup_fencing: false,
            no_quorum: NoQuorum::Ignore,
            placement: match input.spec.cluster.rules.placement {
                PlacementPolicy::FewestServices => Placement::Count,
                PlacementPolicy::Fits => Placement::Fits,
                PlacementPolicy::MostRoom => Placement::Balanced,
                PlacementPolicy::FewestNodes => Placement::Few,
                PlacementPolicy::LeastLoad => Placement::LeastBusy,
            },
            ..Policy::default()
        };
        let mut maker = Self {
            input,
            made: Translation {
                wanted: Wanted {
                    policy,
                    ..Wanted::default()
                },
                observed: Observed {
                    quorate: true,
                    ..Observed::default()
                },
                nodes: Vec::new(),
                services: Vec::new(),
            },
            places: BTreeMap::new(),
            untouched: Vec::new(),
            off_network: BTreeMap::new(),
            whole: BTreeMap::new(),
            copies: CopyMap::of(input),
            busy: Busy::of(input),
            ranks: ranks(input),
            behind,
            given_up,
            kept_apart: kept_apart(input),
            poor: poor_nodes(input),
            draws: Draws::default(),
            copies_beside: BTreeMap::new(),
            pairs: BTreeSet::new(),
        };
        for (name, seen) in &input.seen.nodes {
            maker.node(name, seen, given_up.contains(name));
        }
        for network in input.spec.networks.keys() {
            let off = maker.places.iter().filter(|(node, _)| {
                let spec = input.spec.nodes.get(**node);
                spec.is_some_and(|spec| !spec.networks.contains_key(network))
            });
            let off = off.map(|(_, at)| *at).collect();
            maker.off_network.insert(network, off);
        }
        maker.draws = draws(input, &maker.places, &maker.poor);
        maker.copies_beside = copies_beside(input, &maker.places);
        maker
    }

    fn node(&mut self, name: &'a NodeName, seen: &NodeSeen, is_given_up: bool) {
        let at = NodeIx(self.made.nodes.len());
        let spec = self.input.spec.nodes.get(name);
        let capacity = spec.into_iter().flat_map(|spec| &spec.capacity);
        self.made.nodes.push(name);
        self.places.insert(name, at);
        self.made.wanted.nodes.push(NodeWanted {
            name: name.to_string(),
            capacity: capacity
                .map(|(good, amount)| (good.clone(), amount_of(*amount)))
                .collect(),
            runs_resources: spec.is_some(),
        });
        let is_ill = self.input.spec.cluster.rules.node_health != NodeHealthPolicy::Ignore
            && self
                .input
                .spec
                .cluster
                .rules
                .node_health
                .objects_to(&seen.all_attributes(spec))
                .is_some();
        let (state, leaves) = match &seen.state {
            Seen::Online { .. } => (NodeState::Online, is_ill || seen.standby != Standby::Off),
            Seen::Leaving { .. } => (NodeState::Online, true),
            // What runs there is left alone, and counts.
            Seen::DaemonDown { .. } => (NodeState::Online, false),
            Seen::Down | Seen::Starting { .. } | Seen::Lost { .. } => (NodeState::Offline, false),
        };
        let state = if is_given_up {
            NodeState::Offline
        } else {
            state
        };
        let is_left_alone =
            matches!(seen.state, Seen::DaemonDown { .. }) || seen.maintenance == Maintenance::On;
        if is_left_alone && state == NodeState::Online {
            self.untouched.push(at);
        }
        self.made.observed.nodes.push(NodeObserved {
            state,
            seen: true,
            standby: leaves,
            maintenance: is_left_alone,
            attributes: seen.all_attributes(spec),
            busy: (self.busy.as_ref())
                .and_then(|busy| busy.of_node(name))
                .map_or(0, NodeBusy::counted),
            ..NodeObserved::default()
        });
    }

    fn service(&mut self, name: &'a ServiceName, spec: &'a ServiceSpec) {
        let mut parent = None;
        if let Some(copies) = spec.rules.copies {
            let names = self.input.spec.names_of(name).into_iter();
            let wanted = names.filter(|name| unwanted(self.input, name).is_none());
            let count = u32::try_from(wanted.count()).unwrap_or(u32::MAX);
            let whole = self.next();
            let child = ResourceIx(whole.0 + 1);
            let rules = CloneRules {
                max: Some(count),
                per_node: copies.per_node,
                unique: false,
                interleave: true,
                ordered: false,
                enough: 0,
                promotable: spec.rules.roles.as_ref().map(|roles| PromotableRules {
                    max: roles.promoted,
                    per_node: 1,
                }),
            };
            let kind = Kind::Clone { child, rules };
            self.resource(name, kind, None, self.settings(name, spec));
            parent = Some(whole);
        }
        let single = self.next();
        self.resource(name, Kind::Single, parent, self.settings(name, spec));
        self.whole.insert(name, parent.unwrap_or(single));
        self.made.services.push((name, single));
        let found = self.found(name, single);
        self.locations((name, spec), parent.unwrap_or(single), &found);
        self.made.observed.found.extend(found);
        if spec.rules.roles.is_some() {
            self.promotion_scores((name, spec), single);
        }
    }

    fn next(&self) -> ResourceIx {
        ResourceIx(self.made.wanted.resources.len())
    }

    fn resource(
        &mut self,
        name: &ServiceName,
        kind: Kind,
        parent: Option<ResourceIx>,
        settings: Settings,
    ) {
        let name = match kind {
            Kind::Clone { .. } => format!("{name} (copies)"),
            Kind::Single | Kind::Group { .. } => name.to_string(),
        };
        self.made.wanted.resources.push(Resource {
            name,
            parent,
            kind,
            settings,
            removed: false,
        });
    }

    fn settings(&self, name: &ServiceName, spec: &ServiceSpec) -> Settings {
        let names = self.input.spec.names_of(name);
        let is_wanted = names
            .iter()
            .any(|name| unwanted(self.input, name).is_none());
        let is_left_alone = names.iter().any(|name| {
            let seen = self.input.seen.services.get(&**name);
            let claim = seen.and_then(|seen| seen.claim.as_ref());
            let is_stuck = claim.is_some_and(|claim| matches!(claim.phase, Phase::StopFailed(_)));
            is_stuck || self.input.hands_off(name).is_some()
        });
        let is_moving = names.iter().any(|name| {
            let seen = self.input.seen.services.get(&**name);
            seen.is_some_and(|seen| seen.moving.is_some())
        });
        let stickiness = match spec.failback {
            _ if is_moving || self.draws.restless.contains(name) => 0,
            Failback::Never => STAYS_PUT,
            // What may go back does so for points, and not because another node runs less.
            Failback::WhenPossible => i64::from(spec.stickiness).clamp(1, STAYS_PUT),
        };
        let uses = spec.rules.uses.iter();
        Settings {
            priority: Score::new(self.rank(name, spec)),
            stickiness: Score::new(stickiness),
            target: if is_wanted {
                Target::Promoted
            } else {
                Target::Stopped
            },
            managed: !is_left_alone,
            requires: Requires::Nothing,
            utilization: uses
                .map(|(good, n)| (good.clone(), amount_of(*n)))
                .collect(),
            ..Settings::default()
        }
    }

    /// Only what comes before what matters: between two ranks there is room for those that
    /// stand behind.
    fn rank(&self, name: &ServiceName, spec: &ServiceSpec) -> i64 {
        let rank = self.ranks.get(&spec.priority).copied().unwrap_or(0);
        2 * rank + i64::from(!self.behind.contains(name))
    }

    /// Where it runs, as far as that still counts for something.
    fn found(&self, name: &'a ServiceName, single: ResourceIx) -> Vec<Found> {
        let mut found = Vec::new();
        for name in self.input.spec.names_of(name) {
            let Some(seen) = self.input.seen.services.get(&*name) else {
                continue;
            };
            if name.copy().is_some() && unwanted(self.input, &name).is_some() {
                // It stops, and those that stay are counted without it.
                continue;
            }
            let claim = seen.claim.as_ref();
            let claimed = claim.filter(|claim| {
                claim.goal == Goal::Run || matches!(claim.phase, Phase::StopFailed(_))
            });
            let node = match claim {
                Some(_) => claimed.map(|claim| &claim.node),
                None => best_stray(self.input, &self.copies, (&name, seen)),
            };
            let at = node.and_then(|node| self.places.get(node)).copied();
            let is_there = |at: &NodeIx| self.made.observed.nodes[at.0].state == NodeState::Online;
            let instance = name.copy();
            if let Some(node) = at.filter(is_there) {
                found.push(Found {
                    resource: single,
                    instance,
                    node,
                    role: Some(role_found(claim, self.has_roles(&name))),
                    failed: None,
                    under_way: None,
                });
            }
        }
        found
    }

    fn has_roles(&self, name: &ServiceName) -> bool {
        let spec = self.input.spec.service_of(name);
        spec.is_some_and(|spec| spec.rules.roles.is_some())
    }

    /// Who would be promoted if no other service had a say: the first by far, where it is
    /// promoted already and stays so.
    fn promotion_scores(
        &mut self,
        (name, spec): (&'a ServiceName, &'a ServiceSpec),
        single: ResourceIx,
    ) {
        let holders = holders(self.input, self.given_up, (name, spec));
        let is_ordered = holders.iter().any(Holder::is_sent_away);
        for (place, holder) in holders.iter().enumerate() {
            let Some(node) = self.places.get(&holder.claim.node).copied() else {
                continue;
            };
            let stays = holder.claim.role.is_wished() && spec.failback == Failback::Never;
            let place = i64::try_from(place).unwrap_or(i64::MAX);
            let points = WISHES_MAX.saturating_sub(place.saturating_mul(100)).max(0);
            let score = match holder.fit {
                Ok(()) if is_ordered && place == 0 => Score::new(SENT_THERE),
                Ok(()) if stays && place == 0 => Score::new(STAYS_PUT),
                Ok(()) => Score::new(points),
                Err(_) => Score::MINUS_INFINITY,
            };
            self.made.observed.promotion_scores.push(PromotionScore {
                resource: single,
                instance: holder.name.copy(),
                node,
                score,
            });
        }
    }

    /// What speaks for and against nodes. Points below zero would forbid a node: so all are
    /// raised where a wish speaks against one.
    fn locations(
        &mut self,
        (name, spec): (&'a ServiceName, &'a ServiceSpec),
        whole: ResourceIx,
        found: &[Found],
    ) {
        let mut scores = self.wishes((name, spec));
        for at in self.draws.best.get(name).into_iter().flatten() {
            *scores.entry(*at).or_insert(Score::ZERO) += Score::new(BETTER_NETWORKS);
        }
        if found.is_empty() {
            for at in self.copies_beside.get(name).into_iter().flatten() {
                *scores.entry(*at).or_insert(Score::ZERO) += Score::new(COMPANY_THERE);
            }
        }
        let mut never: BTreeSet<NodeIx> = BTreeSet::new();
        for at in &self.untouched {
            if !found.iter().any(|found| found.node == *at) {
                never.insert(*at);
            }
        }
        self.forbid((name, spec), &mut never);
        self.heed_moves(name, &mut scores, &mut never);
        scores.extend(never.into_iter().map(|at| (at, Score::MINUS_INFINITY)));
        if !scores.is_empty() {
            self.made.wanted.locations.push(Location {
                id: format!("places of {name}"),
                resource: whole,
                role: None,
                scores: scores.into_iter().collect(),
                discovery: Discovery::Always,
            });
        }
    }

    /// Points of nodes. Where none speaks against a node, only those of preferred ones.
    fn wishes(&self, (name, spec): (&'a ServiceName, &'a ServiceSpec)) -> BTreeMap<NodeIx, Score> {
        let rules = &spec.rules;
        let mut wheres = rules.where_rules.iter();
        let may_dislike =
            !rules.avoid.is_empty() || wheres.any(|rule| rule.points_of(RoleMeant::Any).is_some());
        let apart = rules.apart_from.iter().any(|other| other.points.is_some());
        let kept_apart = self.kept_apart.get(name).copied().unwrap_or(0);
        let said = kept_apart.saturating_mul(AVOIDED_FOR_ONE).min(WISHES_MAX);
        let raised = said + if apart { WISHES_MAX } else { 0 };
        let limited =
            |node: &NodeName| points(self.input, spec, node).clamp(-WISHES_MAX, WISHES_MAX);
        let mut all: BTreeMap<NodeIx, i64> = BTreeMap::new();
        if may_dislike {
            all.extend(self.places.iter().map(|(node, at)| (*at, limited(node))));
        } else {
            if raised != 0 {
                all.extend(self.places.values().map(|at| (*at, 0)));
            }
            let preferred = spec.prefer.iter();
            let preferred = preferred.filter_map(|node| Some((node, self.places.get(node)?)));
            all.extend(preferred.map(|(node, at)| (*at, limited(node))));
        }
        let lowest = all.values().copied().min().unwrap_or(0).min(0);
        let scores = all.into_iter();
        scores
            .map(|(at, points)| (at, Score::new(points - lowest + raised)))
            .collect()
    }

    /// Nodes that are out of the question.
    fn forbid(&self, (name, spec): (&ServiceName, &ServiceSpec), never: &mut BTreeSet<NodeIx>) {
        let rules = &spec.rules;
        for resource in &spec.resources {
            if let ResourceKind::Address(address) = &resource.kind {
                let off = self.off_network.get(&address.network);
                never.extend(off.into_iter().flatten());
            }
        }
        let is_choosy = spec.elsewhere == Elsewhere::Never
            || !rules.never_on.is_empty()
            || rules
                .where_rules
                .iter()
                .any(|rule| rule.is_must_of(RoleMeant::Any));
        if is_choosy {
            for (node, at) in &self.places {
                let seen = &self.input.seen.nodes[*node];
                let fits = may_ever_run(self.input, spec, node).is_ok()
                    && suits(self.input, spec, (node, seen)).is_ok();
                if !fits {
                    never.insert(*at);
                }
            }
        }
        let poor = self.poor.iter();
        for (node, at) in poor.filter_map(|node| Some((node, self.places.get(node)?))) {
            let names = self.input.spec.names_of(name).into_iter();
            if networks::without_link(self.input, spec, node).is_some()
                && !names
                    .into_iter()
                    .any(|name| networks::is_at(self.input, &name, node))
            {
                never.insert(*at);
            }
        }
        for name in self.input.spec.names_of(name) {
            let Some(seen) = self.input.seen.services.get(&*name) else {
                continue;
            };
            for (node, bar) in &seen.barred {
                if bar.holds(rules.bar_expires, self.input.now) {
                    never.extend(self.places.get(node));
                }
            }
        }
    }

    /// Moves that somebody asked for. They are heard before all wishes; but a node that cannot
    /// be had keeps nothing, and nobody who must be with it, from running.
    fn heed_moves(
        &self,
        name: &ServiceName,
        scores: &mut BTreeMap<NodeIx, Score>,
        never: &mut BTreeSet<NodeIx>,
    ) {
        for name in self.input.spec.names_of(name) {
            let Some(seen) = self.input.seen.services.get(&*name) else {
                continue;
            };
            let Some(moving) = &seen.moving else { continue };
            // One copy of several goes where there is room.
            let is_copy = name.copy().is_some();
            let said = match is_copy {
                true => Score::new(2 * WISHES_MAX),
                false => Score::INFINITY,
            };
            let mut wish = |at: NodeIx| *scores.entry(at).or_insert(Score::ZERO) += said;
            if let Some(to) = &moving.to {
                self.places.get(to).copied().into_iter().for_each(&mut wish);
            }
            let Some(from) = &moving.from else { continue };
            match &seen.claim {
                _ if moving.to.is_some() && !is_copy => {}
                Some(_) => never.extend(self.places.get(from)),
                None => {
                    let others = self.places.iter().filter(|(node, _)| **node != from);
                    others.for_each(|(_, at)| wish(*at));
                }
            }
        }
    }

    fn relations(&mut self, name: &'a ServiceName, spec: &'a ServiceSpec, strength: Strength) {
        let rules = &spec.rules;
        let is_due = |company: &&Company| company.points.is_none() == (strength == Strength::Must);
        for company in rules.together_with.iter().filter(is_due) {
            let score = match company.points {
                None => Score::INFINITY,
                Some(points) => Score::new(i64::from(points).min(WISHES_MAX)),
            };
            self.colocate(name, (&company.service, company.role), score);
        }
        for company in rules.apart_from.iter().filter(is_due) {
            let score = match company.points {
                None => Score::MINUS_INFINITY,
                Some(points) => Score::new(-i64::from(points).min(WISHES_MAX)),
            };
            self.colocate(name, (&company.service, company.role), score);
        }
        if strength == Strength::Wish {
            return;
        }
        if rules.exclusive {
            let others = self.input.spec.services.keys();
            for other in others.filter(|other| *other != name) {
                self.colocate(other, (name, RoleMeant::Any), Score::MINUS_INFINITY);
            }
        }
        // A copy needs the copies of services that it is after on its own node, unless it needs all.
        if rules.copies.is_some() {
            let all = &rules.after_all_copies;
            for needed in spec.after.iter().filter(|needed| !all.contains(*needed)) {
                let of = self.input.spec.services.get(needed);
                if of.is_some_and(|of| of.rules.copies.is_some()) {
                    self.colocate(name, (needed, RoleMeant::Any), Score::INFINITY);
                }
            }
        }
    }

    /// Of two that each follow the other, one follows: what each wants of the other may contradict.
    fn colocate(
        &mut self,
        dependent: &ServiceName,
        (primary, role): (&ServiceName, RoleMeant),
        score: Score,
    ) {
        let primary_role = match role {
            RoleMeant::Any => None,
            RoleMeant::Promoted => Some(Role::Promoted),
        };
        let whole = |name: &ServiceName| self.whole.get(name).copied();
        let Some((dependent_ix, primary_ix)) = whole(dependent).zip(whole(primary)) else {
            return;
        };
        // Nobody is where promoted copies are of what has none.
        let spec = self.input.spec.services.get(primary);
        let has_roles = spec.is_some_and(|spec| spec.rules.roles.is_some());
        if role == RoleMeant::Promoted && !has_roles {
            return;
        }
        let is_known = self.pairs.contains(&(primary_ix, dependent_ix))
            || !self.pairs.insert((dependent_ix, primary_ix));
        if is_known || dependent_ix == primary_ix {
            return;
        }
        let mut push = |score: Score, influence: bool| {
            self.made.wanted.colocations.push(Colocation {
                id: format!("{dependent} and {primary}"),
                dependent: dependent_ix,
                dependent_role: None,
                primary: primary_ix,
                primary_role,
                score,
                attribute: None,
                influence,
            });
        };
        // A wish to be apart must not forbid the other one a node, and what it prefers is
        // nothing to whom it must avoid; but where it runs is.
        push(score, Score::ZERO < score);
        if score.is_never() {
            push(Score::new(-SAY_OF_THOSE_APART), true);
        }
    }
}

/// A copy that may be promoted counts as promoted.
fn role_found(claim: Option<&Claim>, has_roles: bool) -> Role {
    match claim {
        _ if !has_roles => Role::Started,
        Some(claim) if claim.role.may_be_promoted() => Role::Promoted,
        Some(_) | None => Role::Unpromoted,
    }
}

fn kept_apart<'a>(input: &Input<'a>) -> BTreeMap<&'a ServiceName, i64> {
    let mut kept: BTreeMap<&ServiceName, i64> = BTreeMap::new();
    for (name, spec) in &input.spec.services {
        for company in &spec.rules.apart_from {
            if company.points.is_none() && company.role == RoleMeant::Any {
                *kept.entry(&company.service).or_default() += 1;
            }
        }
        if spec.rules.exclusive {
            let others = input.spec.services.len().saturating_sub(1);
            *kept.entry(name).or_default() += i64::try_from(others).unwrap_or(i64::MAX / 2);
        }
    }
    kept
}

/// For each service, the nodes of copies that run and must be with it. Copies have no say in its
/// place otherwise, and count for their node: one that does not run would go to a node that runs
/// less, they would be stopped to follow it, and their node would run less again.
fn copies_beside<'a>(
    input: &Input<'a>,
    places: &BTreeMap<&NodeName, NodeIx>,
) -> BTreeMap<&'a ServiceName, BTreeSet<NodeIx>> {
    let mut beside: BTreeMap<&ServiceName, BTreeSet<NodeIx>> = BTreeMap::new();
    for (follower, spec) in &input.spec.services {
        let with = spec.rules.together_with.iter();
        for with in with.filter(|with| spec.rules.copies.is_some() && with.points.is_none()) {
            let copies = input.seen.services.range(follower.copies_range());
            let claims = copies.filter_map(|(_, seen)| seen.claim.as_ref());
            let running = claims.filter(|claim| claim.goal == Goal::Run);
            let nodes = running.filter_map(|claim| places.get(&claim.node).copied());
            beside.entry(&with.service).or_default().extend(nodes);
        }
    }
    beside
}

fn ranks(input: &Input<'_>) -> BTreeMap<i32, i64> {
    let priorities: BTreeSet<i32> = input
        .spec
        .services
        .values()
        .map(|spec| spec.priority)
        .collect();
    priorities.into_iter().zip(0..).collect()
}

/// Goods beyond what the general words can count are as many as they can.
fn amount_of(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}
