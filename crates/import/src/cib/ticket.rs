//! `<rsc_ticket>`, and who has which ticket.

use planner::arrange::{Role, TicketLoss, TicketRule, TicketState};

use super::draft::Draft;
use super::sets;
use super::source::{child, elements, id};
use super::values;

pub(super) fn read(draft: &mut Draft<'_>) {
    for element in draft.source.section_elements("constraints") {
        if element.tag_name().name() == "rsc_ticket" {
            one(draft, element);
        }
    }
    states(draft);
}

fn one<'a>(draft: &mut Draft<'a>, element: super::source::Xml<'a>) {
    let Some(name) = element.attribute("ticket") else {
        draft.note(element, format!("{} names no ticket", id(element)));
        return;
    };
    let ticket = draft.ticket(name);
    let sets = match element.attribute("rsc") {
        Some(_) => sets::from_attribute(draft, element, ["rsc", "rsc-role", ""])
            .into_iter()
            .collect(),
        None => sets::of(draft, element),
    };
    for set in sets {
        let Ok(role) = draft.role_limit(set.element, set.role) else {
            continue;
        };
        let on_loss = match element.attribute("loss-policy") {
            Some("fence") if draft.options.fencing() => TicketLoss::Fence,
            Some("freeze") => TicketLoss::Freeze,
            Some("demote") => TicketLoss::Demote,
            Some(_) => TicketLoss::Stop,
            None if role == Some(Role::Promoted) => TicketLoss::Demote,
            None => TicketLoss::Stop,
        };
        for resource in set.members {
            draft.wanted.ticket_rules.push(TicketRule {
                id: id(element).to_string(),
                ticket,
                resource,
                role,
                on_loss,
            });
        }
    }
}

fn states(draft: &mut Draft<'_>) {
    let tickets = draft
        .source
        .status
        .and_then(|status| child(status, "tickets"));
    let states: Vec<_> = tickets.into_iter().flat_map(elements).collect();
    let mut found: Vec<(planner::arrange::TicketIx, TicketState)> = Vec::new();
    for state in states {
        if state.tag_name().name() != "ticket_state" {
            continue;
        }
        let ticket = draft.ticket(id(state));
        let truth = |name: &str| {
            let word = state.attribute(name);
            word.and_then(values::truth).unwrap_or(false)
        };
        let granted = truth("granted");
        let last = state.attribute("last-granted").and_then(values::integer);
        let state = TicketState {
            granted,
            ever_granted: granted || last.is_some_and(|at| 0 <= at),
            standby: truth("standby"),
        };
        found.push((ticket, state));
    }
    let mut states = vec![TicketState::default(); draft.wanted.tickets.len()];
    for (ticket, state) in found {
        states[ticket.0] = state;
    }
    draft.observed.tickets = states;
}
