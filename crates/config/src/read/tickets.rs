//! `needs_ticket` and `on_ticket_loss`: the tickets that a service needs, and what the loss of
//! each does.

use std::collections::BTreeMap;

use model::rules::TicketLoss;
use model::{ServiceName, TicketName};
use toml::de::DeValue;

use super::section::{Entry, Section};
use super::{Context, Placed};
use crate::{Code, Problem};

pub(super) fn read(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    name: &ServiceName,
) -> BTreeMap<TicketName, TicketLoss> {
    let needed = section
        .get("needs_ticket")
        .map(|entry| read_needed(context, &entry));
    let Some(entry) = section.get("on_ticket_loss") else {
        return with_loss(needed.unwrap_or_default(), TicketLoss::Stop);
    };
    let path = format!("service/{name}/on_ticket_loss");
    context.places.put(path, entry.key_at.clone());
    let Some(needed) = needed else {
        let problem = Problem::new(
            Code::DoesNotBelong,
            format!("service {name} has `on_ticket_loss` and no `needs_ticket`"),
        )
        .at(entry.key_at.clone(), "of which ticket?")
        .help("add `needs_ticket = \"NAME\"`, or remove the line");
        context.report(problem);
        return BTreeMap::new();
    };
    match entry.value.get_ref() {
        DeValue::Table(_) => read_each(context, &entry, (name, needed)),
        _ => {
            let on_loss = entry.word(context, &TicketLoss::WORDS);
            with_loss(needed, on_loss.unwrap_or_default())
        }
    }
}

/// One name, or a list of them.
fn read_needed(context: &mut Context<'_>, entry: &Entry<'_>) -> Vec<Placed<TicketName>> {
    match entry.value.get_ref() {
        DeValue::Array(_) => entry.names(context),
        _ => entry.name(context).into_iter().collect(),
    }
}

fn with_loss(
    needed: Vec<Placed<TicketName>>,
    on_loss: TicketLoss,
) -> BTreeMap<TicketName, TicketLoss> {
    let tickets = needed.into_iter().map(|ticket| (ticket.value, on_loss));
    tickets.collect()
}

/// A table of tickets, each with its word; for those that it does not name, it is the usual one.
fn read_each(
    context: &mut Context<'_>,
    entry: &Entry<'_>,
    (name, needed): (&ServiceName, Vec<Placed<TicketName>>),
) -> BTreeMap<TicketName, TicketLoss> {
    let mut tickets = with_loss(needed, TicketLoss::Stop);
    let Some(table) = entry.table(context, "`on_ticket_loss`".to_string()) else {
        return tickets;
    };
    for each in table.entries() {
        let on_loss = each.word(context, &TicketLoss::WORDS);
        let mut known = tickets.iter_mut();
        match known.find(|(ticket, _)| ticket.as_str() == each.key) {
            Some((_, known)) => *known = on_loss.unwrap_or_default(),
            None => {
                let problem = Problem::new(
                    Code::DoesNotBelong,
                    format!("service {name} does not need the ticket {}", each.key),
                )
                .at(each.key_at.clone(), "not in `needs_ticket`")
                .help("name it in `needs_ticket`, or remove it");
                context.report(problem);
            }
        }
    }
    tickets
}
