//! The cards and ping targets of a node, in `status NODE`.

use api::{CardView, NetworkView, NodeStatus, PingsView};
use config::Colour;

use crate::screen::Tone;
use crate::table::{Cell, cell, table, toned};

/// Tables of cards and of ping targets; nothing where there are none.
pub(crate) fn tables(node: &NodeStatus, colour: Colour) -> String {
    let mut text = String::new();
    let rows: Vec<Vec<Cell>> = node.networks.iter().flat_map(card_rows).collect();
    if !rows.is_empty() {
        let head = ["NETWORK", "CARD", "LINK", "CARRIES", "FAILED"];
        text.push_str(&format!("\n{}", table(&head, &rows, 0, colour)));
    }
    let rows: Vec<Vec<Cell>> = node.pings.iter().map(ping_row).collect();
    if !rows.is_empty() {
        let head = ["PING TARGETS OF", "ANSWER", "NEEDED", "SILENT"];
        text.push_str(&format!("\n{}", table(&head, &rows, 0, colour)));
    }
    text
}

fn card_rows(network: &NetworkView) -> Vec<Vec<Cell>> {
    let row = |card: &CardView| {
        let tone = match (card.link.as_str(), card.barred) {
            ("up", false) => Tone::Good,
            ("up", true) => Tone::Care,
            _down => Tone::Bad,
        };
        let carries = network.carrier.as_ref() == Some(&card.name);
        vec![
            cell(&network.network),
            cell(&card.name),
            toned(card.link.clone(), tone),
            cell(if carries { "addresses" } else { "" }),
            cell(failure(card)),
        ]
    };
    network.cards.iter().map(row).collect()
}

/// `no-carrier at TIME, barred until TIME`.
fn failure(card: &CardView) -> String {
    let Some(at) = card.failed_at else {
        return String::new();
    };
    let how = card.failed_how.as_deref().unwrap_or("failed");
    match card.barred_until {
        Some(until) => format!("{how} at {at}, barred until {until}"),
        None => format!("{how} at {at}"),
    }
}

fn ping_row(list: &PingsView) -> Vec<Cell> {
    let of = match (&list.network, &list.service) {
        (Some(network), _) => format!("network {network}"),
        (None, service) => service.clone().unwrap_or_default(),
    };
    let all = list.reached.len() + list.silent.len();
    let tone = if list.enough { Tone::Good } else { Tone::Bad };
    vec![
        cell(of),
        toned(format!("{} of {all}", list.reached.len()), tone),
        cell(list.needed.to_string()),
        cell(list.silent.join(", ")),
    ]
}
