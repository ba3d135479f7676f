//! Deeds: what could be done with each part, and what that means for other deeds.
//!
//! Every single part has a start where it goes and a stop where it is, and the like for
//! roles. Groups and clones have gates: moments like "all of it is started". Edges say what
//! follows from one deed for another. `settle` then finds out which are needed and possible.

use std::collections::BTreeMap;

use super::scene::{Here, Part, PartIx, PartKind, Place, Scene};
use super::{
    FailedVerb, MultipleActive, NoQuorum, NodeIx, OnFail, Requires, ResourceIx, Role, StepReason,
    UnderWay, WaitReason,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DeedIx(pub usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Start(PartIx, Option<NodeIx>),
    Stop(PartIx, NodeIx),
    Promote(PartIx, Option<NodeIx>),
    Demote(PartIx, NodeIx),
    /// A moment of a group or a clone.
    Gate,
}

#[derive(Debug, Clone)]
pub(super) struct Deed {
    pub what: What,
    /// It has to be done in this round.
    pub needed: bool,
    /// It can be done in this round.
    pub possible: bool,
    /// Of gates: how many of those before it are enough; none: all.
    pub enough: Option<usize>,
    pub because: StepReason,
    pub hindered: Option<WaitReason>,
}

/// What one deed means for a later one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge {
    pub to: DeedIx,
    pub means: Means,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Means(u8);

impl Means {
    /// Only the order, if both are done.
    pub const ORDER: Self = Self(0);
    /// The later cannot be done, or stay done, unless the earlier holds.
    pub const BLOCK: Self = Self(1);
    /// The later cannot be done unless the earlier holds; what is done stays.
    pub const BLOCK_NEW: Self = Self(2);
    /// If the earlier is needed, so is the later.
    pub const FOLLOW: Self = Self(4);
    /// If the later is needed, so is the earlier.
    pub const PULL: Self = Self(8);
    /// As `FOLLOW`, but what nobody may touch does not follow.
    pub const FOLLOW_MANAGED: Self = Self(64);
    /// As `PULL`, but what nobody may touch is not asked for.
    pub const PULL_MANAGED: Self = Self(32);
    /// It says nothing of the order.
    pub const UNORDERED: Self = Self(16);

    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// The moments of a group or a clone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gates {
    pub starting: DeedIx,
    pub started: DeedIx,
    pub stopping: DeedIx,
    pub stopped: DeedIx,
    pub promoting: DeedIx,
    pub promoted: DeedIx,
    pub demoting: DeedIx,
    pub demoted: DeedIx,
}

/// The deeds of a single part.
#[derive(Debug, Clone, Default)]
pub(super) struct Own {
    pub start: Option<DeedIx>,
    pub promote: Option<DeedIx>,
    pub stops: Vec<(NodeIx, DeedIx)>,
    pub demotes: Vec<(NodeIx, DeedIx)>,
}

#[derive(Debug)]
pub(super) struct Deeds {
    /// What changes while it is found out what is needed and possible.
    pub deeds: Vec<Deed>,
    /// For each deed: what it means for later ones.
    pub out: Vec<Vec<Edge>>,
    /// For each deed: those that mean something for it.
    pub into: Vec<Vec<DeedIx>>,
    /// By part: what single parts do.
    pub own: Vec<Own>,
    /// By part: the gates of groups and clones.
    pub gates: Vec<Option<Gates>>,
}

impl Deeds {
    pub fn get(&self, at: DeedIx) -> &Deed {
        &self.deeds[at.0]
    }

    pub fn get_mut(&mut self, at: DeedIx) -> &mut Deed {
        &mut self.deeds[at.0]
    }

    pub fn edge(&mut self, from: DeedIx, to: DeedIx, means: Means) {
        self.out[from.0].push(Edge { to, means });
        self.into[to.0].push(from);
    }

    /// Deeds that come before this one, if both are done.
    pub fn before(&self, at: DeedIx) -> Vec<DeedIx> {
        let into = self.into[at.0].iter().copied();
        into.filter(|from| {
            let edges = self.out[from.0].iter().filter(|edge| edge.to == at);
            edges
                .into_iter()
                .any(|edge| !edge.means.has(Means::UNORDERED))
        })
        .collect()
    }

    /// Whether an order leads from one deed to another already.
    pub fn comes_before(&self, first: DeedIx, then: DeedIx) -> bool {
        let mut seen = vec![false; self.deeds.len()];
        let mut open = vec![then];
        while let Some(at) = open.pop() {
            if at == first {
                return true;
            }
            if !std::mem::replace(&mut seen[at.0], true) {
                open.extend(self.before(at));
            }
        }
        false
    }

    pub fn gate(&mut self, enough: Option<usize>) -> DeedIx {
        self.push(What::Gate, true, enough)
    }

    fn push(&mut self, what: What, possible: bool, enough: Option<usize>) -> DeedIx {
        let at = DeedIx(self.deeds.len());
        self.deeds.push(Deed {
            what,
            needed: false,
            possible,
            enough,
            because: StepReason::Wanted,
            hindered: None,
        });
        self.out.push(Vec::new());
        self.into.push(Vec::new());
        at
    }

    pub fn need(&mut self, at: DeedIx, because: StepReason) {
        let deed = self.get_mut(at);
        if !deed.needed {
            deed.needed = true;
            deed.because = because;
        }
    }

    pub fn hinder(&mut self, at: DeedIx, because: WaitReason) {
        let deed = self.get_mut(at);
        if deed.possible {
            deed.possible = false;
            deed.hindered = Some(because);
        }
    }
}

pub(super) fn deeds(scene: &Scene<'_>) -> Deeds {
    let mut deeds = Deeds {
        deeds: Vec::new(),
        out: Vec::new(),
        into: Vec::new(),
        own: vec![Own::default(); scene.parts.len()],
        gates: vec![None; scene.parts.len()],
    };
    for at in (0..scene.parts.len()).map(PartIx) {
        match &scene.part(at).kind {
            PartKind::Single => single(scene, &mut deeds, at),
            PartKind::Group { .. } => deeds.gates[at.0] = Some(gates(&mut deeds, None)),
            PartKind::Clone { .. } => {
                let enough = scene.clone_rules(at).map_or(0, |rules| rules.enough) as usize;
                deeds.gates[at.0] = Some(gates(&mut deeds, Some(enough.max(1))));
            }
        }
    }
    for at in (0..scene.parts.len()).map(PartIx) {
        match &scene.part(at).kind {
            PartKind::Single => {}
            PartKind::Group {
                members,
                ordered,
                together,
            } => group_edges(&mut deeds, at, members, (*ordered, *together)),
            PartKind::Clone { instances, .. } => clone_edges(scene, &mut deeds, at, instances),
        }
    }
    deeds
}

fn gates(deeds: &mut Deeds, enough: Option<usize>) -> Gates {
    Gates {
        starting: deeds.gate(None),
        started: deeds.gate(enough),
        stopping: deeds.gate(None),
        stopped: deeds.gate(None),
        promoting: deeds.gate(None),
        promoted: deeds.gate(enough.map(|_| 1)),
        demoting: deeds.gate(None),
        demoted: deeds.gate(None),
    }
}

fn single(scene: &Scene<'_>, deeds: &mut Deeds, at: PartIx) {
    let part = scene.part(at);
    let target = part.place.node();
    let start = deeds.push(What::Start(at, target), true, None);
    let stops: Vec<(NodeIx, DeedIx)> = part
        .here
        .iter()
        .map(|here| (here.node, deeds.push(What::Stop(at, here.node), true, None)))
        .collect();
    let promote = deeds.push(What::Promote(at, target), true, None);
    let demotes: Vec<(NodeIx, DeedIx)> = part
        .here
        .iter()
        .map(|here| {
            (
                here.node,
                deeds.push(What::Demote(at, here.node), true, None),
            )
        })
        .collect();
    deeds.edge(start, promote, Means::BLOCK);
    for (node, demote) in &demotes {
        for (_, stop) in stops.iter().filter(|(other, _)| other == node) {
            deeds.edge(*demote, *stop, Means::BLOCK);
        }
        deeds.edge(*demote, promote, Means::ORDER);
    }
    for (_, stop) in &stops {
        deeds.edge(*stop, start, Means::ORDER);
    }
    deeds.own[at.0] = Own {
        start: Some(start),
        promote: Some(promote),
        stops,
        demotes,
    };
    hindrances(scene, deeds, at);
    needs(scene, deeds, at);
}

/// A live migration that stands between its two ends is active on both, rightly.
pub(super) fn is_half_migrated(part: &Part) -> bool {
    // More than two places are no migration.
    part.here.len() <= 2
        && part.here.iter().any(|here| {
            matches!(
                here.under_way,
                Some(UnderWay::MigrateTo { .. } | UnderWay::MigrateFrom { .. })
            )
        })
}

/// What cannot be done, whatever is needed.
fn hindrances(scene: &Scene<'_>, deeds: &mut Deeds, at: PartIx) {
    let part = scene.part(at);
    let own = deeds.own[at.0].clone();
    let (start, promote) = (
        own.start.expect("single parts have one"),
        own.promote.expect("single parts have one"),
    );
    let left_alone = if part.blocked {
        Some(WaitReason::Blocked)
    } else if !part.managed {
        Some(WaitReason::Unmanaged)
    } else {
        None
    };
    if let Some(because) = &left_alone {
        let is_there = part
            .here
            .iter()
            .any(|here| Some(here.node) == part.place.node());
        if !is_there || part.blocked {
            deeds.hinder(start, because.clone());
        }
        deeds.hinder(promote, because.clone());
    }
    if let Some(fenced) = part.place.node().filter(|node| scene.nodes[node.0].fenced) {
        deeds.hinder(start, WaitReason::Unproven(fenced));
    }
    if part.place.node().is_none() {
        let because = match scene.lacks_ticket(at) {
            true => WaitReason::Ticket,
            false => WaitReason::NoNode,
        };
        deeds.hinder(start, because.clone());
        deeds.hinder(promote, because);
    }
    for (node, deed) in own.stops.iter().chain(&own.demotes) {
        let facts = &scene.nodes[node.0];
        if facts.fenced {
            continue;
        }
        if !facts.reachable() {
            deeds.hinder(*deed, WaitReason::Unproven(*node));
        } else if facts.maintenance {
            deeds.hinder(*deed, WaitReason::Unmanaged);
        } else if let Some(because) = &left_alone {
            deeds.hinder(*deed, because.clone());
        }
    }
    without_quorum(scene, deeds, at, (start, promote));
}

fn without_quorum(
    scene: &Scene<'_>,
    deeds: &mut Deeds,
    at: PartIx,
    (start, promote): (DeedIx, DeedIx),
) {
    if scene.observed.quorate {
        return;
    }
    // Nothing starts where the fence is on its way.
    if scene.wanted.policy.no_quorum == NoQuorum::Fence && scene.wanted.policy.can_fence() {
        deeds.hinder(start, WaitReason::NoQuorum);
        deeds.hinder(promote, WaitReason::NoQuorum);
    }
    if scene.settings(at).requires == Requires::Nothing {
        return;
    }
    let part = scene.part(at);
    let leads = part.here.iter().any(|here| here.role == Role::Promoted);
    match scene.wanted.policy.no_quorum {
        NoQuorum::Ignore => {}
        NoQuorum::Stop | NoQuorum::Fence => {
            deeds.hinder(start, WaitReason::NoQuorum);
            deeds.hinder(promote, WaitReason::NoQuorum);
        }
        NoQuorum::Demote => {
            let has_roles = scene
                .clone_around(at)
                .and_then(|clone| scene.clone_rules(clone))
                .is_some_and(|rules| rules.promotable.is_some());
            if !has_roles || part.here.is_empty() {
                deeds.hinder(start, WaitReason::NoQuorum);
            }
            deeds.hinder(promote, WaitReason::NoQuorum);
        }
        NoQuorum::Freeze => {
            if part.here.is_empty() {
                deeds.hinder(start, WaitReason::NoQuorum);
            }
            if !leads {
                deeds.hinder(promote, WaitReason::NoQuorum);
            }
        }
    }
}

/// What has to be done for the part's own sake.
fn needs(scene: &Scene<'_>, deeds: &mut Deeds, at: PartIx) {
    let part = scene.part(at);
    for (node, stop) in &deeds.own[at.0].stops.clone() {
        if scene.nodes[node.0].fenced {
            deeds.need(*stop, StepReason::NodeFenced(*node));
        }
    }
    let Place::On(target) = part.place else {
        if scene.is_free(at) && !scene.is_kept(at) {
            stop_all(deeds, at, StepReason::Unwanted);
        }
        return;
    };
    if part.blocked {
        return;
    }
    match part.here.iter().find(|here| here.node == target) {
        None => needs_to_come(scene, deeds, at),
        Some(stay) if part.managed => needs_where_it_is(scene, deeds, at, stay),
        Some(_) => {}
    }
}

fn stop_all(deeds: &mut Deeds, at: PartIx, because: StepReason) {
    for (_, stop) in &deeds.own[at.0].stops.clone() {
        deeds.need(*stop, because);
    }
}

/// It is not where it should be.
fn needs_to_come(scene: &Scene<'_>, deeds: &mut Deeds, at: PartIx) {
    let part = scene.part(at);
    let because = if part.here.is_empty() {
        StepReason::Wanted
    } else {
        StepReason::Moves
    };
    deeds.need(deeds.starts(at, End::Beginning), because);
    stop_all(deeds, at, StepReason::Moves);
    if part.next_role == Some(Role::Promoted) {
        deeds.need(deeds.promotes(at, End::Beginning), StepReason::Role);
    }
}

/// It is where it should be: is it well, alone, and in the right role?
fn needs_where_it_is(scene: &Scene<'_>, deeds: &mut Deeds, at: PartIx, stay: &Here) {
    let part = scene.part(at);
    let own = deeds.own[at.0].clone();
    let start = deeds.starts(at, End::Beginning);
    let promote = deeds.promotes(at, End::Beginning);
    let demote = own.demotes.iter().find(|(node, _)| *node == stay.node);
    match stay.failed.map(|failed| (failed.answer, failed.in_what)) {
        Some((OnFail::Restart | OnFail::Move | OnFail::Fence | OnFail::Standby, _))
        | Some((OnFail::Demote, FailedVerb::Stop | FailedVerb::Start)) => {
            deeds.need(start, StepReason::Failed);
        }
        Some((OnFail::Demote, _)) if stay.role == Role::Promoted || stay.may_lead() => {
            if let Some((_, demote)) = demote {
                deeds.need(*demote, StepReason::Failed);
            }
        }
        Some((OnFail::Demote | OnFail::Ignore | OnFail::Block | OnFail::Stop, _)) | None => {}
    }
    if matches!(stay.under_way, Some(UnderWay::Start | UnderWay::Stop)) {
        deeds.need(start, StepReason::Wanted);
    }
    needs_to_be_alone(scene, deeds, at, stay);
    match (part.next_role, stay.role) {
        (Some(Role::Promoted), Role::Started | Role::Unpromoted) => {
            deeds.need(promote, StepReason::Role);
        }
        (Some(Role::Unpromoted | Role::Started), role)
            if role == Role::Promoted || stay.may_lead() =>
        {
            if let Some((_, demote)) = demote {
                deeds.need(*demote, StepReason::Role);
            }
        }
        (_, _) => {}
    }
}

/// What is active elsewhere too stops there; by most policies it then starts anew.
fn needs_to_be_alone(scene: &Scene<'_>, deeds: &mut Deeds, at: PartIx, stay: &Here) {
    let part = scene.part(at);
    let is_half = is_half_migrated(part);
    if part.here.len() < 2 && !is_half {
        return;
    }
    let keeps = scene.settings(at).multiple_active == MultipleActive::StopUnexpected;
    let because = if is_half {
        StepReason::Moves
    } else {
        StepReason::ActiveTwice
    };
    if !keeps && !is_half {
        deeds.need(deeds.starts(at, End::Beginning), because);
    }
    for (node, stop) in &deeds.own[at.0].stops.clone() {
        let stays = *node == stay.node && (keeps || is_half);
        if !stays {
            deeds.need(*stop, because);
        }
    }
}

/// The deed that a verb means for a part: its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Beginning,
    Completion,
}

impl Deeds {
    pub fn starts(&self, at: PartIx, end: End) -> DeedIx {
        match (&self.gates[at.0], end) {
            (Some(gates), End::Beginning) => gates.starting,
            (Some(gates), End::Completion) => gates.started,
            (None, _) => self.own[at.0].start.expect("single parts have one"),
        }
    }

    pub fn promotes(&self, at: PartIx, end: End) -> DeedIx {
        match (&self.gates[at.0], end) {
            (Some(gates), End::Beginning) => gates.promoting,
            (Some(gates), End::Completion) => gates.promoted,
            (None, _) => self.own[at.0].promote.expect("single parts have one"),
        }
    }

    pub fn stops(&self, at: PartIx, end: End) -> Vec<DeedIx> {
        match (&self.gates[at.0], end) {
            (Some(gates), End::Beginning) => vec![gates.stopping],
            (Some(gates), End::Completion) => vec![gates.stopped],
            (None, _) => self.own[at.0].stops.iter().map(|(_, deed)| *deed).collect(),
        }
    }

    pub fn demotes(&self, at: PartIx, end: End) -> Vec<DeedIx> {
        match (&self.gates[at.0], end) {
            (Some(gates), End::Beginning) => vec![gates.demoting],
            (Some(gates), End::Completion) => vec![gates.demoted],
            (None, _) => self.own[at.0]
                .demotes
                .iter()
                .map(|(_, deed)| *deed)
                .collect(),
        }
    }
}

const BOTH: Means = Means::BLOCK.and(Means::FOLLOW_MANAGED);
const BACK: Means = Means::BLOCK.and(Means::PULL);

fn group_edges(
    deeds: &mut Deeds,
    at: PartIx,
    members: &[PartIx],
    (ordered, together): (bool, bool),
) {
    let gates = deeds.gates[at.0].expect("groups have them");
    for (place, member) in members.iter().enumerate() {
        let begin = deeds.starts(*member, End::Beginning);
        let end = deeds.starts(*member, End::Completion);
        deeds.edge(gates.starting, begin, BOTH);
        deeds.edge(end, gates.started, BOTH);
        let begin = deeds.promotes(*member, End::Beginning);
        let end = deeds.promotes(*member, End::Completion);
        deeds.edge(gates.promoting, begin, Means::BLOCK);
        deeds.edge(end, gates.promoted, BOTH);
        for stop in deeds.stops(*member, End::Beginning) {
            deeds.edge(gates.stopping, stop, BACK);
        }
        for stop in deeds.stops(*member, End::Completion) {
            deeds.edge(stop, gates.stopped, BACK);
        }
        for demote in deeds.demotes(*member, End::Beginning) {
            deeds.edge(gates.demoting, demote, BACK);
        }
        for demote in deeds.demotes(*member, End::Completion) {
            deeds.edge(demote, gates.demoted, BACK);
        }
        if !ordered && together {
            for earlier in &members[..place] {
                let first = deeds.starts(*earlier, End::Completion);
                let then = deeds.starts(*member, End::Beginning);
                deeds.edge(first, then, Means::BLOCK.and(Means::UNORDERED));
            }
        }
        if !ordered || place == 0 {
            continue;
        }
        in_order(deeds, members[place - 1], *member);
        // It needs all that stand before it, whatever the one just before it does.
        for (standing, earlier) in members[..place].iter().enumerate() {
            let mut between = members[standing + 1..place].iter();
            // It stands right on the earlier one where nothing is active between them.
            let back = match between.all(|member| deeds.own[member.0].stops.is_empty()) {
                true => BACK,
                false => Means::BLOCK,
            };
            let first = deeds.starts(*earlier, End::Completion);
            let then = deeds.starts(*member, End::Beginning);
            deeds.edge(first, then, Means::BLOCK);
            for then in deeds.stops(*member, End::Completion) {
                for first in deeds.stops(*earlier, End::Beginning) {
                    let means = match stands_on_another(deeds, *earlier, (then, first)) {
                        true => Means::ORDER,
                        false => back,
                    };
                    deeds.edge(then, first, means);
                }
            }
        }
    }
}

/// What a later member needs of the one just before it, beside what it needs of all.
fn in_order(deeds: &mut Deeds, before: PartIx, after: PartIx) {
    let first = deeds.starts(before, End::Completion);
    let then = deeds.starts(after, End::Beginning);
    // Inside of a group even what nobody may touch holds up what it stands on.
    deeds.edge(first, then, Means::BLOCK.and(Means::FOLLOW));
    let first = deeds.promotes(before, End::Completion);
    let then = deeds.promotes(after, End::Beginning);
    deeds.edge(first, then, Means::ORDER);
    // The later one is not left running while the earlier one starts below it.
    let first = deeds.starts(before, End::Beginning);
    for then in deeds.stops(after, End::Completion) {
        deeds.edge(then, first, Means::BLOCK);
    }
    for then in deeds.demotes(after, End::Completion) {
        for first in deeds.demotes(before, End::Beginning) {
            deeds.edge(then, first, Means::ORDER);
        }
    }
}

/// Whether the later member, where it stops, stands on another copy of the earlier one than
/// the one that stops.
fn stands_on_another(deeds: &Deeds, before: PartIx, (then, first): (DeedIx, DeedIx)) -> bool {
    let node_of = |at: DeedIx| match deeds.get(at).what {
        What::Stop(_, node) => Some(node),
        What::Start(..) | What::Promote(..) | What::Demote(..) | What::Gate => None,
    };
    let (then, first) = (node_of(then), node_of(first));
    let mut copies = deeds.own[before.0].stops.iter();
    then != first && copies.any(|(node, _)| Some(*node) == then)
}

fn clone_edges(scene: &Scene<'_>, deeds: &mut Deeds, at: PartIx, instances: &[PartIx]) {
    let gates = deeds.gates[at.0].expect("clones have them");
    let ordered = scene.clone_rules(at).is_some_and(|rules| rules.ordered);
    let mut surplus = Vec::new();
    for instance in instances {
        let begin = deeds.starts(*instance, End::Beginning);
        let end = deeds.starts(*instance, End::Completion);
        deeds.edge(gates.starting, begin, BOTH);
        deeds.edge(end, gates.started, BOTH);
        let begin = deeds.promotes(*instance, End::Beginning);
        let end = deeds.promotes(*instance, End::Completion);
        deeds.edge(gates.promoting, begin, Means::BLOCK);
        deeds.edge(end, gates.promoted, BOTH);
        for stop in deeds.stops(*instance, End::Beginning) {
            deeds.edge(gates.stopping, stop, Means::BLOCK);
        }
        for stop in deeds.stops(*instance, End::Completion) {
            deeds.edge(stop, gates.stopped, BACK);
        }
        for demote in deeds.demotes(*instance, End::Beginning) {
            deeds.edge(gates.demoting, demote, Means::BLOCK);
        }
        for demote in deeds.demotes(*instance, End::Completion) {
            deeds.edge(demote, gates.demoted, BACK);
        }
        let singles = scene.singles(*instance);
        if singles.iter().any(|single| scene.part(*single).surplus) {
            surplus.extend(deeds.stops(*instance, End::Completion));
        }
    }
    if ordered {
        for (place, then) in instances.iter().enumerate() {
            for first in &instances[..place] {
                let first = deeds.starts(*first, End::Completion);
                let then = deeds.starts(*then, End::Beginning);
                deeds.edge(first, then, Means::ORDER);
            }
        }
    }
    // Nobody leads before whoever led does not any more.
    deeds.edge(gates.demoted, gates.promoting, Means::BLOCK);
    // What may lead, for all that is known, is down before another leads.
    for single in instances.iter().flat_map(|at| scene.singles(*at)) {
        let place = scene.part(single).place;
        for here in &scene.part(single).here {
            let means = if here.may_lead() {
                Means::BLOCK
            } else if here.role == Role::Promoted && place != Place::On(here.node) {
                // What should go and cannot leads on.
                Means::BLOCK.and(Means::UNORDERED)
            } else {
                continue;
            };
            let own = deeds.own[single.0].stops.clone();
            for (_, stop) in own.into_iter().filter(|(node, _)| *node == here.node) {
                deeds.edge(stop, gates.promoting, means);
            }
        }
    }
    // There are never more than are wanted.
    for stop in surplus {
        deeds.edge(stop, gates.starting, Means::BLOCK_NEW);
    }
    one_after_another_on_a_node(scene, deeds, instances);
}

/// An instance starts on a node after another one stopped there.
fn one_after_another_on_a_node(scene: &Scene<'_>, deeds: &mut Deeds, instances: &[PartIx]) {
    let singles: Vec<PartIx> = instances
        .iter()
        .flat_map(|instance| scene.singles(*instance))
        .collect();
    let mut stops: BTreeMap<(ResourceIx, NodeIx), Vec<(PartIx, DeedIx)>> = BTreeMap::new();
    for single in &singles {
        for (node, stop) in &deeds.own[single.0].stops {
            let key = (scene.part(*single).resource, *node);
            stops.entry(key).or_default().push((*single, *stop));
        }
    }
    for single in &singles {
        let Some(node) = scene.part(*single).place.node() else {
            continue;
        };
        let others = stops.get(&(scene.part(*single).resource, node));
        for (other, stop) in others.into_iter().flatten() {
            if other != single {
                let start = deeds.starts(*single, End::Beginning);
                deeds.edge(*stop, start, Means::BLOCK_NEW);
            }
        }
    }
}
