//! The same cluster with other names and in another order.

use planner::arrange::{
    Arrangement, Fence, FenceReason, Kind, NodeIx, Observed, Placed, Resource, ResourceIx, Role,
    TicketIx, UnderWay, Wanted,
};

/// Other names everywhere, in an order that turns the old one round.
fn rename(wanted: &Wanted) -> Wanted {
    let mut new = wanted.clone();
    for (at, node) in new.nodes.iter_mut().enumerate() {
        node.name = format!("other{}", 99 - at);
    }
    for (at, resource) in new.resources.iter_mut().enumerate() {
        resource.name = format!("thing{}", 99 - at);
    }
    for (at, ticket) in new.tickets.iter_mut().enumerate() {
        *ticket = format!("paper{}", 99 - at);
    }
    new
}

/// New places: of the old one at `n`, the new one is `nodes[n]`.
#[derive(Debug, Clone)]
pub struct Permutation {
    nodes: Vec<usize>,
    resources: Vec<usize>,
    tickets: Vec<usize>,
}

/// Turns a list of weights into new places: sorted by weight.
fn places(count: usize, weights: &[u16]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|at| (weights[at % weights.len()], *at));
    let mut places = vec![0; count];
    for (new, old) in order.iter().enumerate() {
        places[*old] = new;
    }
    places
}

impl Permutation {
    /// Nodes and tickets in any order; resources tree by tree, since a parent stands before
    /// its children and members stand in start order.
    pub fn new(wanted: &Wanted, weights: &[u16]) -> Self {
        let tops: Vec<usize> = (0..wanted.resources.len())
            .filter(|at| wanted.resources[*at].parent.is_none())
            .collect();
        let order = places(tops.len(), weights);
        let mut trees: Vec<(usize, std::ops::Range<usize>)> = tops
            .iter()
            .enumerate()
            .map(|(at, first)| {
                let end = tops.get(at + 1).copied().unwrap_or(wanted.resources.len());
                (order[at], *first..end)
            })
            .collect();
        trees.sort_by_key(|(new, _)| *new);
        let mut resources = vec![0; wanted.resources.len()];
        for (new, old) in trees.into_iter().flat_map(|(_, tree)| tree).enumerate() {
            resources[old] = new;
        }
        Self {
            nodes: places(wanted.nodes.len(), weights),
            resources,
            tickets: places(wanted.tickets.len(), weights),
        }
    }

    fn node(&self, at: NodeIx) -> NodeIx {
        NodeIx(self.nodes[at.0])
    }

    fn resource(&self, at: ResourceIx) -> ResourceIx {
        ResourceIx(self.resources[at.0])
    }

    fn moved<T: Clone>(places: &[usize], list: &[T]) -> Vec<T> {
        let mut new: Vec<T> = list.to_vec();
        for (old, item) in list.iter().enumerate() {
            new[places[old]] = item.clone();
        }
        new
    }

    /// With other names, too.
    pub fn wanted(&self, old: &Wanted) -> Wanted {
        let old = &rename(old);
        let mut new = old.clone();
        new.nodes = Self::moved(&self.nodes, &old.nodes);
        new.tickets = Self::moved(&self.tickets, &old.tickets);
        let resources: Vec<Resource> = old
            .resources
            .iter()
            .map(|resource| self.one_resource(resource))
            .collect();
        new.resources = Self::moved(&self.resources, &resources);
        for location in &mut new.locations {
            location.resource = self.resource(location.resource);
            for (node, _) in &mut location.scores {
                *node = self.node(*node);
            }
        }
        for colocation in &mut new.colocations {
            colocation.dependent = self.resource(colocation.dependent);
            colocation.primary = self.resource(colocation.primary);
        }
        for order in &mut new.orders {
            order.first = self.resource(order.first);
            order.then = self.resource(order.then);
        }
        for some in &mut new.some_before {
            for (resource, _) in some.firsts.iter_mut().chain(&mut some.thens) {
                *resource = self.resource(*resource);
            }
        }
        for rule in &mut new.ticket_rules {
            rule.resource = self.resource(rule.resource);
            rule.ticket = TicketIx(self.tickets[rule.ticket.0]);
        }
        new
    }

    fn one_resource(&self, old: &Resource) -> Resource {
        let mut new = old.clone();
        new.parent = old.parent.map(|parent| self.resource(parent));
        match &mut new.kind {
            Kind::Single => {}
            Kind::Group { members, .. } => {
                for member in members {
                    *member = self.resource(*member);
                }
            }
            Kind::Clone { child, .. } => *child = self.resource(*child),
        }
        new
    }

    pub fn observed(&self, old: &Observed) -> Observed {
        let mut new = old.clone();
        new.nodes = Self::moved(&self.nodes, &old.nodes);
        new.tickets = Self::moved(&self.tickets, &old.tickets);
        for found in &mut new.found {
            found.resource = self.resource(found.resource);
            found.node = self.node(found.node);
            match &mut found.under_way {
                Some(
                    UnderWay::MigrateTo { target: node } | UnderWay::MigrateFrom { source: node },
                ) => {
                    *node = self.node(*node);
                }
                Some(UnderWay::Start | UnderWay::Stop | UnderWay::Promote | UnderWay::Demote)
                | None => {}
            }
        }
        new.found.reverse();
        for failure in &mut new.failures {
            failure.resource = self.resource(failure.resource);
            failure.node = self.node(failure.node);
        }
        new.failures.reverse();
        for wish in &mut new.promotion_scores {
            wish.resource = self.resource(wish.resource);
            wish.node = self.node(wish.node);
        }
        new.promotion_scores.reverse();
        new
    }

    /// What an arrangement decides, told with the new places.
    pub fn decision(&self, old: &Arrangement) -> Decision {
        let mut moved = old.clone();
        for fence in &mut moved.fences {
            fence.node = self.node(fence.node);
        }
        for placed in moved.placed.iter_mut().chain(&mut moved.after) {
            placed.resource = self.resource(placed.resource);
            placed.node = self.node(placed.node);
        }
        for step in &mut moved.steps {
            step.resource = self.resource(step.resource);
            step.node = self.node(step.node);
        }
        decision(&moved)
    }
}

/// What is decided, without the numbers of instances that are alike, and in no order. Which
/// of several reasons for a fence is told does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub fenced: Vec<NodeIx>,
    pub steps: Vec<String>,
    pub after: Vec<(ResourceIx, NodeIx, Role)>,
}

pub fn decision(arrangement: &Arrangement) -> Decision {
    let mut fenced: Vec<NodeIx> = arrangement
        .fences
        .iter()
        .map(|Fence { node, because }| {
            let _: &FenceReason = because;
            *node
        })
        .collect();
    fenced.sort_unstable();
    let steps = arrangement.steps.iter();
    let mut steps: Vec<String> = steps
        .map(|step| format!("{:?} {:?} {:?}", step.resource, step.node, step.action))
        .collect();
    steps.sort_unstable();
    let after = arrangement.after.iter();
    let mut after: Vec<(ResourceIx, NodeIx, Role)> = after
        .map(|placed: &Placed| (placed.resource, placed.node, placed.role))
        .collect();
    after.sort_unstable();
    Decision {
        fenced,
        steps,
        after,
    }
}
