//! Constraints: which of them our file can say, service by service.

use std::collections::BTreeMap;

use planner::arrange::{Kind, NodeIx, ResourceIx, Role, Score, TicketLoss};

use super::super::source::{Xml, id};
use super::wheres::Where;
use super::{Carry, company, places, sequence};

/// What constraints say of one service.
#[derive(Default)]
pub(super) struct Rules {
    /// Best first.
    pub prefer: Vec<(NodeIx, Score)>,
    /// Whether it runs nowhere else.
    pub only: bool,
    /// With the points that speak against them.
    pub avoid: Vec<(NodeIx, Score)>,
    pub never_on: Vec<NodeIx>,
    pub wheres: Vec<Where>,
    pub together_with: Vec<(Whom, Score)>,
    pub apart_from: Vec<(Whom, Score)>,
    pub after: Vec<(ResourceIx, After)>,
    pub not_while_starting: Vec<ResourceIx>,
    /// The ticket, and what its loss does to the service.
    pub ticket: Option<(String, TicketLoss)>,
}

/// How strictly a service follows another, the strictest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum After {
    OnlyIfBoth,
    Always,
    /// Until a copy of it is promoted.
    Promoted,
}

/// Whom a colocation names: a service, or its promoted copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whom {
    pub service: ResourceIx,
    pub role: Option<Role>,
}

/// Services, each with its rules.
pub(super) type Relations = BTreeMap<ResourceIx, Rules>;

impl Rules {
    /// Whether some wish is weighed in points.
    pub fn has_points(&self) -> bool {
        let is_wish = |(_, score): &(Whom, Score)| !score.is_must() && !score.is_never();
        self.wheres.iter().any(|rule| rule.points.is_some())
            || self.together_with.iter().any(is_wish)
            || self.apart_from.iter().any(is_wish)
    }
}

pub(super) fn read(carry: &mut Carry<'_, '_>, services: &[ResourceIx]) -> Relations {
    let mut relations: Relations = services
        .iter()
        .map(|service| (*service, Rules::default()))
        .collect();
    let mut places = places::Places::default();
    for element in carry.draft.source.section_elements("constraints") {
        match element.tag_name().name() {
            "rsc_location" => places::location(carry, element, &mut relations, &mut places),
            "rsc_order" => sequence::order(carry, element, &mut relations),
            "rsc_colocation" => company::colocation(carry, element, &mut relations),
            "rsc_ticket" => ticket(carry, element, &mut relations),
            _ => {}
        }
    }
    places::finish(carry, &mut relations, &places);
    relations
}

/// A service in a constraint, and whether the constraint means all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    pub service: ResourceIx,
    pub part: Part,
}

/// Which part of a service a constraint names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    First,
    Middle,
    Last,
}

/// What a resource in a constraint is the service of: itself, or the whole that it lies in.
pub(super) fn end_of(
    carry: &Carry<'_, '_>,
    relations: &Relations,
    resource: ResourceIx,
) -> Option<End> {
    let (mut service, mut part) = (resource, Part::Whole);
    while !relations.contains_key(&service) {
        let parent = carry.draft.resource(service).parent?;
        if let Kind::Group { members, .. } = &carry.draft.resource(parent).kind {
            part = match (members.first(), members.last()) {
                (first, last) if first == last => part,
                (Some(first), _) if *first == service => Part::First,
                (_, Some(last)) if *last == service => Part::Last,
                _ => Part::Middle,
            };
        }
        service = parent;
    }
    Some(End { service, part })
}

/// Whether copies of a service are promoted.
pub(super) fn has_roles(carry: &Carry<'_, '_>, service: ResourceIx) -> bool {
    let kind = &carry.draft.resource(service).kind;
    matches!(kind, Kind::Clone { rules, .. } if rules.promotable.is_some())
}

/// What is said of a part of a service holds for all of it here.
pub(super) fn tell_part<'a>(
    carry: &mut Carry<'_, 'a>,
    element: Xml<'a>,
    (end, resource): (End, ResourceIx),
    same_as_whole: Part,
) {
    if end.part == Part::Whole || end.part == same_as_whole {
        return;
    }
    let text = format!(
        "{}: it speaks of {} alone; here it holds for all of {}",
        id(element),
        carry.draft.resource(resource).name,
        carry.draft.resource(end.service).name
    );
    carry.leave(element, text);
}

fn ticket<'a>(carry: &mut Carry<'_, 'a>, element: Xml<'a>, relations: &mut Relations) {
    let shown = id(element);
    let draft = carry.draft;
    for rule in draft
        .wanted
        .ticket_rules
        .iter()
        .filter(|rule| rule.id == shown)
    {
        let Some(end) = end_of(carry, relations, rule.resource) else {
            carry.leave(
                element,
                format!("{shown}: a ticket of what is no service here"),
            );
            continue;
        };
        if rule.role.is_some() || rule.on_loss == TicketLoss::Demote {
            carry.leave(
                element,
                format!("{shown}: a ticket for a role; here it is for all of the service, or none"),
            );
            continue;
        }
        tell_part(carry, element, (end, rule.resource), Part::First);
        let name = super::text::name(&draft.wanted.tickets[rule.ticket.0]);
        let rules = relations
            .get_mut(&end.service)
            .expect("an end is a service");
        match &rules.ticket {
            None => rules.ticket = Some((name, rule.on_loss)),
            Some((known, on_loss)) if (known, *on_loss) == (&name, rule.on_loss) => {}
            Some((known, _)) => {
                let text = format!(
                    "{shown}: a second ticket; here a service needs one, and {known} is it"
                );
                carry.leave(element, text);
            }
        }
    }
}
