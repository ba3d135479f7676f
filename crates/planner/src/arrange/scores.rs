//! What speaks for each node before colocations are weighed: locations, health, stickiness,
//! failures, tickets.

use super::build::singles_of;
use super::scene::{PartIx, PartKind, Scene};
use super::{Discovery, Location, NodeIx, OnFail, Role, Score, TicketLoss};

pub(super) fn score(scene: &mut Scene<'_>) {
    base(scene);
    let wanted = scene.wanted;
    for location in &wanted.locations {
        // What is for one role is weighed when roles are given.
        if matches!(location.role, None | Some(Role::Started))
            && let Some(part) = scene.spoken_of(location.resource)
        {
            locate(scene, part, location, Reset::No);
        }
    }
    if !wanted.policy.opt_out {
        for part in &mut scene.parts {
            for score in &mut part.scores {
                if *score == UNNAMED {
                    *score = Score::MINUS_INFINITY;
                }
            }
        }
    }
    exclusive(scene);
    health(scene);
    stick(scene);
    failures(scene);
    tickets(scene);
}

/// Of a node that no location has named yet, where only named ones count. No sum gets here.
const UNNAMED: Score = Score::UNNAMED;

fn base(scene: &mut Scene<'_>) {
    let start = if scene.wanted.policy.opt_out {
        Score::ZERO
    } else {
        UNNAMED
    };
    let count = scene.nodes.len();
    for part in &mut scene.parts {
        part.scores = vec![start; count];
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Reset {
    No,
    /// The nodes are named, but their scores were given to another member.
    ToZero,
}

fn locate(scene: &mut Scene<'_>, at: PartIx, location: &Location, reset: Reset) {
    for (node, score) in &location.scores {
        let score = match reset {
            Reset::No => *score,
            // "Never" holds for each member.
            Reset::ToZero => score.floor_to_never(),
        };
        let known = &mut scene.part_mut(at).scores[node.0];
        *known = if *known == UNNAMED {
            score
        } else {
            *known + score
        };
    }
    match &scene.part(at).kind {
        PartKind::Single => {}
        PartKind::Group {
            members, together, ..
        } => {
            let together = *together;
            for (place, member) in members.clone().into_iter().enumerate() {
                let reset = if together && place > 0 {
                    Reset::ToZero
                } else {
                    reset
                };
                locate(scene, member, location, reset);
            }
        }
        PartKind::Clone { instances, .. } => {
            for instance in instances.clone() {
                locate(scene, instance, location, reset);
            }
        }
    }
}

/// Adds a score on one node to a part and all that is in it.
fn add_to_all(scene: &mut Scene<'_>, at: PartIx, node: NodeIx, score: Score) {
    scene.part_mut(at).scores[node.0] += score;
    let below: Vec<PartIx> = scene
        .members(at)
        .iter()
        .chain(scene.instances(at))
        .copied()
        .collect();
    for part in below {
        add_to_all(scene, part, node, score);
    }
}

fn forbid_everywhere(scene: &mut Scene<'_>, at: PartIx) {
    for node in 0..scene.nodes.len() {
        add_to_all(scene, at, NodeIx(node), Score::MINUS_INFINITY);
    }
}

/// Where it is looked for only on some nodes, it runs only there.
fn exclusive(scene: &mut Scene<'_>) {
    let wanted = scene.wanted;
    let mut by_part: std::collections::BTreeMap<PartIx, Vec<NodeIx>> =
        std::collections::BTreeMap::new();
    for location in &wanted.locations {
        if location.discovery == Discovery::Exclusive
            && let Some(part) = scene.spoken_of(location.resource)
        {
            let nodes = location.scores.iter().map(|(node, _)| *node);
            by_part.entry(part).or_default().extend(nodes);
        }
    }
    for (part, nodes) in by_part {
        for node in (0..scene.nodes.len()).map(NodeIx) {
            if !nodes.contains(&node) {
                add_to_all(scene, part, node, Score::MINUS_INFINITY);
            }
        }
    }
}

fn health(scene: &mut Scene<'_>) {
    for node in (0..scene.nodes.len()).map(NodeIx) {
        let health = scene.observed.nodes[node.0].health;
        if health == Score::ZERO {
            continue;
        }
        for at in (0..scene.parts.len()).map(PartIx) {
            if !scene.settings(at).ignores_health {
                scene.part_mut(at).scores[node.0] += health;
            }
        }
    }
}

/// What is active on one node likes to stay.
fn stick(scene: &mut Scene<'_>) {
    for at in (0..scene.parts.len()).map(PartIx) {
        let stickiness = scene.settings(at).stickiness;
        let part = scene.part_mut(at);
        if let [here] = part.here.as_slice() {
            let node = here.node.0;
            if !part.managed || part.blocked {
                // It cannot go anywhere else.
                part.scores[node] += Score::INFINITY;
            } else if stickiness != Score::ZERO {
                part.scores[node] += stickiness;
            }
        }
    }
}

/// Nodes where it failed too often, hopelessly, or in a way that asks for another node.
fn failures(scene: &mut Scene<'_>) {
    let observed = scene.observed;
    for count in &observed.failures {
        let limit = scene.wanted.resources[count.resource.0]
            .settings
            .failures_max;
        let too_many = match limit {
            Some(0) => false,
            Some(limit) => {
                count.count.is_must() || i64::from(limit) <= i64::from(count.count.value())
            }
            None => count.count.is_must(),
        };
        let ignored = observed.found.iter().any(|found| {
            found.resource == count.resource
                && found.node == count.node
                && found
                    .failed
                    .is_some_and(|failed| failed.answer == OnFail::Ignore)
        });
        if (too_many && !ignored) || count.hopeless {
            bar(scene, (count.resource, count.instance), count.node);
        }
    }
    for found in &observed.found {
        if found
            .failed
            .is_some_and(|failed| matches!(failed.answer, OnFail::Move | OnFail::Stop))
        {
            bar(scene, (found.resource, found.instance), found.node);
        }
    }
}

/// Instances that are alike fail alike: all are barred from the node.
fn bar(
    scene: &mut Scene<'_>,
    (resource, instance): (super::ResourceIx, Option<u32>),
    node: NodeIx,
) {
    for at in scene.parts_of[resource.0].clone() {
        let around = scene.clone_around(at);
        let rules = around.and_then(|clone| scene.clone_rules(clone));
        let differs = rules.is_some_and(|rules| rules.unique);
        let part = scene.part_mut(at);
        if !differs || instance.is_none() || Some(part.instance) == instance {
            part.scores[node.0] = Score::MINUS_INFINITY;
            if let Some(clone) = around.filter(|_| !differs) {
                scene.part_mut(clone).scores[node.0] = Score::MINUS_INFINITY;
            }
        }
    }
}

fn tickets(scene: &mut Scene<'_>) {
    let wanted = scene.wanted;
    for rule in &wanted.ticket_rules {
        let ticket = scene.observed.tickets[rule.ticket.0];
        let Some(part) = scene.spoken_of(rule.resource) else {
            continue;
        };
        let role_only = rule.role == Some(Role::Promoted);
        let is_active = singles_of(wanted, rule.resource)
            .iter()
            .flat_map(|single| &scene.parts_of[single.0])
            .any(|single| !scene.part(*single).here.is_empty());
        if ticket.granted {
            let stops = !role_only || rule.on_loss == TicketLoss::Stop;
            if ticket.standby && stops {
                forbid_everywhere(scene, part);
            }
            continue;
        }
        if !is_active {
            if !role_only || rule.on_loss == TicketLoss::Stop {
                forbid_everywhere(scene, part);
            }
            continue;
        }
        match rule.on_loss {
            TicketLoss::Stop => forbid_everywhere(scene, part),
            TicketLoss::Fence | TicketLoss::Demote if !role_only => {
                forbid_everywhere(scene, part);
            }
            TicketLoss::Fence | TicketLoss::Demote => {}
            TicketLoss::Freeze => freeze(scene, part, rule.role),
        }
    }
}

impl Scene<'_> {
    /// Whether a single part may run nowhere because a ticket is not here, or is handed over.
    pub fn lacks_ticket(&self, at: PartIx) -> bool {
        let around = self.clone_around(at).unwrap_or_else(|| self.root_of(at));
        self.wanted.ticket_rules.iter().any(|rule| {
            let ticket = self.observed.tickets[rule.ticket.0];
            // A ticket for the role alone keeps nobody from following.
            if rule.role == Some(Role::Promoted) && rule.on_loss != TicketLoss::Stop {
                return false;
            }
            let is_ours = self
                .spoken_of(rule.resource)
                .is_some_and(|part| part == at || part == around);
            is_ours && (!ticket.granted || ticket.standby)
        })
    }
}

/// What is active stays as it is; what is not does not start.
fn freeze(scene: &mut Scene<'_>, at: PartIx, role: Option<Role>) {
    let in_role = |found: Role| match role {
        None | Some(Role::Started) => true,
        Some(role) => found == role,
    };
    for single in scene.singles(at) {
        let here = &scene.part(single).here;
        if here.is_empty() && role.is_none() {
            forbid_everywhere(scene, single);
        } else if here.iter().any(|here| in_role(here.role)) {
            let part = scene.part_mut(single);
            part.managed = false;
            part.blocked = true;
        }
    }
}
