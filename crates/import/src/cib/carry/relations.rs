//! Constraints: which of them our file can say, service by service.

use std::collections::BTreeMap;

use planner::arrange::{Kind, NodeIx, ResourceIx, Role, Score, TicketLoss, TicketRule};

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
    /// Of each of these, one.
    pub after_one_of: Vec<Vec<ResourceIx>>,
    pub not_while_starting: Vec<ResourceIx>,
    /// The tickets, and what the loss of each does to the service.
    pub tickets: BTreeMap<String, TicketLoss>,
}

/// How strictly a service follows another, the strictest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum After {
    OnlyIfBoth,
    /// It starts after the other, and runs on when that stops.
    StartsOnly,
    /// After all copies of the other.
    StartsOnlyAll,
    Always,
    /// After all copies of the other, wherever they are.
    AllCopies,
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
        let Some(on_loss) = on_loss(carry, rule, end.service) else {
            carry.leave(
                element,
                format!("{shown}: a ticket for a role; here it is for all of the service, or for `promoted` with `demote`"),
            );
            continue;
        };
        tell_part(carry, element, (end, rule.resource), Part::First);
        let name = super::text::name(&draft.wanted.tickets[rule.ticket.0]);
        let rules = relations
            .get_mut(&end.service)
            .expect("an end is a service");
        let known = *rules.tickets.entry(name.clone()).or_insert(on_loss);
        if known != on_loss {
            let text = format!(
                "{shown}: another answer to the loss of {name}; here a service has one for each ticket, and it is `{}`",
                super::services::word(known)
            );
            carry.leave(element, text);
        }
    }
}

/// What the loss of a ticket does, in our words; none: we have none for it. Where the role needs
/// the ticket and its loss stops what has it, nothing starts without it either; where all of
/// the service needs it, what is demoted by its loss does not run on.
fn on_loss(carry: &Carry<'_, '_>, rule: &TicketRule, service: ResourceIx) -> Option<TicketLoss> {
    match (rule.role, rule.on_loss) {
        (None | Some(Role::Started), TicketLoss::Demote) => Some(TicketLoss::Stop),
        (None | Some(Role::Started), on_loss) => Some(on_loss),
        (Some(Role::Promoted), TicketLoss::Stop) => Some(TicketLoss::Stop),
        (Some(Role::Promoted), TicketLoss::Demote) if has_roles(carry, service) => {
            Some(TicketLoss::Demote)
        }
        (Some(Role::Promoted), TicketLoss::Demote | TicketLoss::Fence | TicketLoss::Freeze)
        | (Some(Role::Unpromoted), _) => None,
    }
}
