//! The wholes that resources are parts of.

use crate::arrange::{CloneRules, Kind, NodeIx, Resource, ResourceIx, Settings, Wanted};

/// A reader of the trees in `Wanted`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tree<'a> {
    wanted: &'a Wanted,
}

impl<'a> Tree<'a> {
    pub fn new(wanted: &'a Wanted) -> Self {
        Self { wanted }
    }

    pub fn resource(self, at: ResourceIx) -> &'a Resource {
        &self.wanted.resources[at.0]
    }

    pub fn settings(self, at: ResourceIx) -> &'a Settings {
        &self.resource(at).settings
    }

    pub fn name(self, at: ResourceIx) -> &'a str {
        &self.resource(at).name
    }

    pub fn node_name(self, at: NodeIx) -> &'a str {
        &self.wanted.nodes[at.0].name
    }

    /// It and everything that it is in, from inside to outside.
    pub fn chain(self, at: ResourceIx) -> Vec<ResourceIx> {
        let mut chain = vec![at];
        let mut up = self.resource(at).parent;
        while let Some(parent) = up {
            chain.push(parent);
            up = self.resource(parent).parent;
        }
        chain
    }

    pub fn top(self, at: ResourceIx) -> ResourceIx {
        *self.chain(at).last().expect("a chain holds its beginning")
    }

    /// The single resources in a resource (itself, if it is one), in start order.
    pub fn leaves(self, at: ResourceIx) -> Vec<ResourceIx> {
        match &self.resource(at).kind {
            Kind::Single => vec![at],
            Kind::Group { members, .. } => {
                members.iter().flat_map(|&one| self.leaves(one)).collect()
            }
            Kind::Clone { child, .. } => self.leaves(*child),
        }
    }

    /// The members of the group that it is a member of.
    pub fn members_around(self, at: ResourceIx) -> Option<&'a [ResourceIx]> {
        match &self.resource(self.resource(at).parent?).kind {
            Kind::Group { members, .. } => Some(members),
            Kind::Single | Kind::Clone { .. } => None,
        }
    }

    /// The rules of the clone that it is, or is in.
    pub fn clone_rules(self, at: ResourceIx) -> Option<&'a CloneRules> {
        self.chain(at)
            .into_iter()
            .find_map(|one| match &self.resource(one).kind {
                Kind::Clone { rules, .. } => Some(rules),
                Kind::Single | Kind::Group { .. } => None,
            })
    }

    /// Whether instances are told apart: two of the same number are the same thing.
    pub fn is_unique(self, at: ResourceIx) -> bool {
        self.clone_rules(at).is_some_and(|rules| rules.unique)
    }

    /// Whether it can be on several nodes at once.
    pub fn is_cloned(self, at: ResourceIx) -> bool {
        self.clone_rules(at).is_some()
    }

    pub fn is_promotable(self, at: ResourceIx) -> bool {
        self.clone_rules(at)
            .is_some_and(|rules| rules.promotable.is_some())
    }

    /// How many instances a clone may have in all.
    pub fn instances_max(self, rules: &CloneRules) -> usize {
        rules.max.map_or(self.wanted.nodes.len(), count)
    }
}

/// A number of the configuration as a count.
pub(super) fn count(number: u32) -> usize {
    usize::try_from(number).expect("a usize has 32 bits at least")
}
