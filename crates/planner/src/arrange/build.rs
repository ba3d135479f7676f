//! Unfolding: which parts there are, and which of them was found where.

use std::collections::{BTreeMap, BTreeSet};

use super::deeds::is_half_migrated;
use super::scene::{Here, Part, PartIx, PartKind, Place, Scene};
use super::{
    CloneRules, Found, Kind, MultipleActive, NodeIx, Observed, OnFail, ResourceIx, Role, Score,
    UnderWay, Wanted, nodes,
};

/// Unfolds everything; scores are still empty.
pub(super) fn build<'a>(wanted: &'a Wanted, observed: &'a Observed) -> Scene<'a> {
    let mut scene = Scene {
        wanted,
        observed,
        nodes: nodes::facts(wanted, observed),
        parts: Vec::with_capacity(wanted.resources.len()),
        roots: Vec::new(),
        parts_of: vec![Vec::new(); wanted.resources.len()],
        follows: Vec::new(),
        followed: Vec::new(),
        held: Vec::new(),
        rivals: BTreeSet::new(),
    };
    let mut found_of: Vec<Vec<&Found>> = vec![Vec::new(); wanted.resources.len()];
    for found in &observed.found {
        found_of[found.resource.0].push(found);
    }
    let mut builder = Builder {
        scene: &mut scene,
        found_of,
    };
    for (at, resource) in wanted.resources.iter().enumerate() {
        if resource.parent.is_none() {
            let root = builder.unfold(ResourceIx(at), 0, None, &Slot::Any);
            builder.scene.roots.push(root);
        }
    }
    nodes::judge(&mut scene);
    mark_blocked(&mut scene);
    relate(&mut scene);
    scene
}

/// Which of what was found belongs to an instance.
#[derive(Debug, Clone)]
enum Slot {
    /// All: it is no instance.
    Any,
    /// What was found under these numbers on these nodes.
    These(BTreeSet<(NodeIx, Option<u32>)>),
}

impl Slot {
    fn has(&self, found: &Found) -> bool {
        match self {
            Self::Any => true,
            Self::These(these) => these.contains(&(found.node, found.instance)),
        }
    }
}

struct Builder<'s, 'a> {
    scene: &'s mut Scene<'a>,
    found_of: Vec<Vec<&'a Found>>,
}

impl Builder<'_, '_> {
    fn unfold(
        &mut self,
        at: ResourceIx,
        instance: u32,
        parent: Option<PartIx>,
        slot: &Slot,
    ) -> PartIx {
        let resource = &self.scene.wanted.resources[at.0];
        let place = PartIx(self.scene.parts.len());
        self.scene.parts.push(Part {
            resource: at,
            instance,
            parent,
            kind: PartKind::Single,
            scores: Vec::new(),
            here: Vec::new(),
            place: Place::Undecided,
            next_role: None,
            blocked: false,
            managed: resource.settings.managed,
            surplus: resource.removed,
            held: None,
            resides: None,
            busy: false,
            asked: false,
        });
        self.scene.parts_of[at.0].push(place);
        match &resource.kind {
            Kind::Single => self.scene.parts[place.0].here = self.here(at, slot),
            Kind::Group {
                members,
                ordered,
                together,
            } => {
                let members = members
                    .iter()
                    .map(|member| self.unfold(*member, instance, Some(place), slot))
                    .collect();
                self.scene.parts[place.0].kind = PartKind::Group {
                    members,
                    ordered: *ordered,
                    together: *together,
                };
            }
            Kind::Clone { child, rules } => {
                self.scene.parts[place.0].kind = self.instances(*child, rules, place);
            }
        }
        place
    }

    fn here(&self, at: ResourceIx, slot: &Slot) -> Vec<Here> {
        let mut here: Vec<Here> = Vec::new();
        for found in self.found_of[at.0].iter().filter(|found| slot.has(found)) {
            let Some(role) = active_role(found) else {
                continue;
            };
            if !self.scene.nodes[found.node.0].may_run() {
                continue;
            }
            let known = here.iter_mut().find(|known| known.node == found.node);
            let new = Here {
                node: found.node,
                role,
                failed: found.failed,
                under_way: found.under_way,
                hearsay: false,
            };
            match known {
                Some(known) if known.role < role => *known = new,
                Some(_) => {}
                None => here.push(new),
            }
        }
        self.add_ends_of_migrations(at, slot, &mut here);
        here.sort_by_key(|here| here.node);
        here
    }

    /// What was sent away may have arrived, whatever its target says so far.
    fn add_ends_of_migrations(&self, at: ResourceIx, slot: &Slot, here: &mut Vec<Here>) {
        for found in self.found_of[at.0].iter().filter(|found| slot.has(found)) {
            let Some(UnderWay::MigrateTo { target }) = found.under_way else {
                continue;
            };
            let is_known = here.iter().any(|known| known.node == target);
            if !is_known && self.scene.nodes[target.0].may_run() {
                here.push(Here {
                    node: target,
                    role: Role::Started,
                    failed: None,
                    under_way: Some(UnderWay::MigrateFrom { source: found.node }),
                    hearsay: true,
                });
            }
        }
    }

    fn instances(&mut self, child: ResourceIx, rules: &CloneRules, place: PartIx) -> PartKind {
        let nodes = self.scene.wanted.nodes.len();
        let wished = rules.max.map_or(nodes, |max| max as usize);
        let slots = self.slots(child, rules, wished);
        let mut instances = Vec::with_capacity(slots.len());
        for (number, slot) in slots.iter().enumerate() {
            let number = u32::try_from(number).expect("a clone has few instances");
            instances.push(self.unfold(child, number, Some(place), slot));
        }
        if rules.unique {
            for beyond in instances.iter().skip(wished) {
                mark_surplus(self.scene, *beyond);
            }
        }
        PartKind::Clone {
            instances,
            max: wished,
        }
    }

    /// Which instance was found where. Instances that are alike are numbered by where they
    /// are; a number that was found is kept where it is free.
    fn slots(&self, child: ResourceIx, rules: &CloneRules, wished: usize) -> Vec<Slot> {
        let mut active: BTreeSet<(NodeIx, Option<u32>)> = BTreeSet::new();
        for single in singles_of(self.scene.wanted, child) {
            for found in &self.found_of[single.0] {
                let counts =
                    active_role(found).is_some() && self.scene.nodes[found.node.0].may_run();
                if counts || rules.unique {
                    active.insert((found.node, found.instance));
                }
            }
        }
        if rules.unique {
            return unique_slots(&active, wished);
        }
        let mut by_place: BTreeMap<(NodeIx, Option<u32>), BTreeSet<_>> = BTreeMap::new();
        for key in active {
            // One instance on a node: whatever the numbers say, it is the same.
            let number = if rules.per_node <= 1 { None } else { key.1 };
            by_place.entry((key.0, number)).or_default().insert(key);
        }
        let mut slots: Vec<Option<BTreeSet<_>>> = vec![None; wished];
        let mut later = Vec::new();
        for keys in by_place.into_values() {
            let number = keys
                .iter()
                .find_map(|key| key.1)
                .map(|number| number as usize);
            match number {
                Some(number) if number < wished && slots[number].is_none() => {
                    slots[number] = Some(keys);
                }
                _ => later.push(keys),
            }
        }
        for keys in later {
            match slots.iter_mut().find(|slot| slot.is_none()) {
                Some(free) => *free = Some(keys),
                None => slots.push(Some(keys)),
            }
        }
        slots
            .into_iter()
            .map(|keys| Slot::These(keys.unwrap_or_default()))
            .collect()
    }
}

fn unique_slots(active: &BTreeSet<(NodeIx, Option<u32>)>, wished: usize) -> Vec<Slot> {
    let number_of = |key: &(NodeIx, Option<u32>)| key.1.unwrap_or(0) as usize;
    let beyond = active.iter().map(|key| number_of(key) + 1).max();
    let count = beyond.unwrap_or(0).max(wished);
    let mut slots = vec![BTreeSet::new(); count];
    for key in active {
        slots[number_of(key)].insert(*key);
    }
    slots.into_iter().map(Slot::These).collect()
}

/// In which role something counts as active: what is half way in or out does.
fn active_role(found: &Found) -> Option<Role> {
    match (found.role, found.under_way) {
        (Some(role), _) => Some(role),
        (None, Some(UnderWay::Start | UnderWay::MigrateFrom { .. })) => Some(Role::Started),
        (None, _) => None,
    }
}

fn mark_surplus(scene: &mut Scene<'_>, at: PartIx) {
    scene.part_mut(at).surplus = true;
    for member in scene.members(at).to_vec() {
        mark_surplus(scene, member);
    }
}

pub(super) fn singles_of(wanted: &Wanted, at: ResourceIx) -> Vec<ResourceIx> {
    match &wanted.resources[at.0].kind {
        Kind::Single => vec![at],
        Kind::Group { members, .. } => members
            .iter()
            .flat_map(|member| singles_of(wanted, *member))
            .collect(),
        Kind::Clone { child, .. } => singles_of(wanted, *child),
    }
}

fn mark_blocked(scene: &mut Scene<'_>) {
    let everything = scene.wanted.policy.maintenance;
    for at in (0..scene.parts.len()).map(PartIx) {
        let settings = scene.settings(at);
        let on_hold = everything || settings.maintenance;
        let held_node = scene
            .part(at)
            .here
            .iter()
            .any(|here| !here.hearsay && scene.nodes[here.node.0].maintenance);
        // A node that is fenced settles what a person would have to look at.
        let blocks = scene.part(at).here.iter().any(|here| {
            let answer = here.failed.map(|failed| failed.answer);
            answer == Some(OnFail::Block) && !scene.nodes[here.node.0].fenced
        });
        let mut places = scene.part(at).here.iter();
        let doubled = 1 < scene.part(at).here.len()
            && places.any(|here| !scene.nodes[here.node.0].fenced)
            && settings.multiple_active == MultipleActive::Block
            && !is_half_migrated(scene.part(at));
        let part = scene.part_mut(at);
        part.managed &= !on_hold && !held_node;
        part.blocked |= blocks;
        if doubled {
            block_with_group(scene, at);
        }
    }
}

/// What is active twice and waits for a person keeps its whole group waiting.
fn block_with_group(scene: &mut Scene<'_>, at: PartIx) {
    let group = scene.part(at).parent.filter(|up| !scene.is_clone(*up));
    let all = group.map_or_else(|| vec![at], |group| scene.singles(group));
    for single in all {
        scene.part_mut(single).blocked = true;
    }
}

fn relate(scene: &mut Scene<'_>) {
    scene.follows = vec![Vec::new(); scene.parts.len()];
    scene.followed = vec![Vec::new(); scene.parts.len()];
    for (at, colocation) in scene.wanted.colocations.iter().enumerate() {
        let dependent = scene.spoken_of(colocation.dependent);
        let primary = scene.spoken_of(colocation.primary);
        if let (Some(dependent), Some(primary)) = (dependent, primary)
            && dependent != primary
            && colocation.score != Score::ZERO
        {
            scene.follows[dependent.0].push(at);
            scene.followed[primary.0].push(at);
        }
    }
}
