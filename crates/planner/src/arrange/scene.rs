//! The scene: everything that is wanted and observed, unfolded into parts.
//!
//! A *part* is what is placed: a single resource, a group, a clone, or one instance of a
//! clone's child. Parts stand in one list and refer to each other by place (`PartIx`).

use std::collections::BTreeSet;

use super::ahead::Spot;
use super::nodes::NodeFacts;
use super::{
    CloneRules, FailedVerb, FoundFailed, Kind, NodeIx, Observed, OnFail, ResourceIx, Role, Score,
    Settings, UnderWay, Wanted,
};

/// Place of a part in [`Scene::parts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PartIx(pub usize);

/// What is placed.
#[derive(Debug)]
pub(super) struct Part {
    pub resource: ResourceIx,
    /// Number within the clone that it belongs to; 0 outside of clones.
    pub instance: u32,
    pub parent: Option<PartIx>,
    pub kind: PartKind,
    /// For each node: what speaks for it before colocations are weighed.
    pub scores: Vec<Score>,
    /// Where it was found active: of single parts only.
    pub here: Vec<Here>,
    /// Where it goes.
    pub place: Place,
    /// The role that it takes there.
    pub next_role: Option<Role>,
    /// Whether nobody may act on it until a person has looked.
    pub blocked: bool,
    pub managed: bool,
    /// Wanted no more: a removed resource, or an instance beyond the number that is wanted.
    pub surplus: bool,
    /// It stays where it is if it may: a move would be taken back.
    pub held: Option<Hold>,
    /// Where it runs and keeps its room until it is placed.
    pub resides: Option<NodeIx>,
    /// A guard against relations that go in circles: it is being placed.
    pub busy: bool,
    /// The same, while the wishes of those that follow are added up.
    pub asked: bool,
}

#[derive(Debug)]
pub(super) enum PartKind {
    Single,
    Group {
        members: Vec<PartIx>,
        ordered: bool,
        together: bool,
    },
    Clone {
        instances: Vec<PartIx>,
        /// How many of them are wanted.
        max: usize,
    },
}

/// Where a part is held.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hold {
    pub node: NodeIx,
    /// Whether it is held in the leading role.
    pub leads: bool,
}

/// Where a single part was found active, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Here {
    pub node: NodeIx,
    pub role: Role,
    pub failed: Option<FoundFailed>,
    pub under_way: Option<UnderWay>,
    /// Not found there: it was sent there, and may have arrived.
    pub hearsay: bool,
}

impl Here {
    /// Whether it may lead although it was not found leading: a change of its role failed or
    /// has not ended.
    pub fn may_lead(&self) -> bool {
        let failed = self.failed.filter(|failed| failed.answer != OnFail::Ignore);
        let failed = failed.map(|failed| failed.in_what);
        let role_failed = matches!(failed, Some(FailedVerb::Promote | FailedVerb::Demote));
        let is_under_way = matches!(self.under_way, Some(UnderWay::Promote | UnderWay::Demote));
        role_failed || is_under_way
    }
}

/// Whether and where a part is placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Undecided,
    Nowhere,
    On(NodeIx),
}

impl Place {
    pub fn node(self) -> Option<NodeIx> {
        match self {
            Self::On(node) => Some(node),
            Self::Undecided | Self::Nowhere => None,
        }
    }
}

#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub wanted: &'a Wanted,
    pub observed: &'a Observed,
    pub nodes: Vec<NodeFacts>,
    pub parts: Vec<Part>,
    /// Parts without a parent, in the order of the file.
    pub roots: Vec<PartIx>,
    /// For each resource: its parts (several inside of clones).
    pub parts_of: Vec<Vec<PartIx>>,
    /// For each part: colocations in which it, and not something around or in it, follows.
    pub follows: Vec<Vec<usize>>,
    /// For each part: colocations in which others follow it.
    pub followed: Vec<Vec<usize>>,
    /// Parts that are held where they are.
    pub held: Vec<PartIx>,
    /// What may take their room if it matters more.
    pub rivals: BTreeSet<Spot>,
}

impl<'a> Scene<'a> {
    pub fn part(&self, at: PartIx) -> &Part {
        &self.parts[at.0]
    }

    pub fn part_mut(&mut self, at: PartIx) -> &mut Part {
        &mut self.parts[at.0]
    }

    pub fn settings(&self, at: PartIx) -> &'a Settings {
        &self.wanted.resources[self.part(at).resource.0].settings
    }

    pub fn clone_rules(&self, at: PartIx) -> Option<&'a CloneRules> {
        match &self.wanted.resources[self.part(at).resource.0].kind {
            Kind::Clone { rules, .. } => Some(rules),
            Kind::Single | Kind::Group { .. } => None,
        }
    }

    pub fn is_clone(&self, at: PartIx) -> bool {
        matches!(self.part(at).kind, PartKind::Clone { .. })
    }

    /// The clone around a part, if it is an instance or inside one.
    pub fn clone_around(&self, at: PartIx) -> Option<PartIx> {
        let mut up = self.part(at).parent;
        while let Some(parent) = up {
            if self.is_clone(parent) {
                return Some(parent);
            }
            up = self.part(parent).parent;
        }
        None
    }

    /// The outermost part around a part.
    pub fn root_of(&self, at: PartIx) -> PartIx {
        let mut root = at;
        while let Some(parent) = self.part(root).parent {
            root = parent;
        }
        root
    }

    /// The part to which a relation with this resource applies: what is inside of a clone
    /// is spoken of as the clone.
    pub fn spoken_of(&self, resource: ResourceIx) -> Option<PartIx> {
        let first = *self.parts_of[resource.0].first()?;
        Some(self.clone_around(first).unwrap_or(first))
    }

    /// The single parts in a part, itself if it is one, in start order.
    pub fn singles(&self, at: PartIx) -> Vec<PartIx> {
        let mut found = Vec::new();
        self.collect_singles(at, &mut found);
        found
    }

    fn collect_singles(&self, at: PartIx, found: &mut Vec<PartIx>) {
        match &self.part(at).kind {
            PartKind::Single => found.push(at),
            PartKind::Group { members, .. } => {
                for member in members {
                    self.collect_singles(*member, found);
                }
            }
            PartKind::Clone { instances, .. } => {
                for instance in instances {
                    self.collect_singles(*instance, found);
                }
            }
        }
    }

    pub fn instances(&self, at: PartIx) -> &[PartIx] {
        match &self.part(at).kind {
            PartKind::Clone { instances, .. } => instances,
            PartKind::Single | PartKind::Group { .. } => &[],
        }
    }

    pub fn members(&self, at: PartIx) -> &[PartIx] {
        match &self.part(at).kind {
            PartKind::Group { members, .. } => members,
            PartKind::Single | PartKind::Clone { .. } => &[],
        }
    }

    /// Whether a part may be touched: nobody has taken it in hand, and it waits for no person.
    pub fn is_free(&self, at: PartIx) -> bool {
        self.part(at).managed && !self.part(at).blocked
    }

    /// Removed, but the policy is to leave such things as they are.
    pub fn is_kept(&self, at: PartIx) -> bool {
        let removed = self.wanted.resources[self.part(at).resource.0].removed;
        removed && !self.wanted.policy.stop_removed
    }

    /// Nodes on which a part, or something in it, was found active.
    pub fn active_nodes(&self, at: PartIx) -> Vec<NodeIx> {
        let mut nodes: Vec<NodeIx> = self
            .singles(at)
            .iter()
            .flat_map(|single| self.part(*single).here.iter().map(|here| here.node))
            .collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    /// Nodes on which something of a part was found in a role; none: in any.
    pub fn nodes_in_role(&self, at: PartIx, role: Option<Role>) -> Vec<NodeIx> {
        let fits = |found: Role| match role {
            None | Some(Role::Started) => true,
            Some(role) => found == role,
        };
        self.singles(at)
            .iter()
            .flat_map(|single| &self.part(*single).here)
            .filter(|here| fits(here.role))
            .map(|here| here.node)
            .collect()
    }

    /// Where a part goes: of a group, where its first placed member goes.
    pub fn node_of(&self, at: PartIx) -> Option<NodeIx> {
        match &self.part(at).kind {
            PartKind::Single | PartKind::Clone { .. } => self.part(at).place.node(),
            PartKind::Group { members, .. } => {
                members.iter().find_map(|member| self.node_of(*member))
            }
        }
    }

    /// What tells places apart for a colocation: the node, or the value of an attribute.
    pub fn same_place(&self, attribute: Option<&String>, one: NodeIx, other: NodeIx) -> bool {
        let Some(attribute) = attribute else {
            return one == other;
        };
        if attribute == "#uname" {
            return one == other;
        }
        let value = |node: NodeIx| self.observed.nodes[node.0].attributes.get(attribute);
        value(one) == value(other)
    }
}
