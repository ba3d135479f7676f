//! `attr list` and `ticket list`: what is set at run time.

use api::{ApiError, Status, routes};

use crate::client::Client;
use crate::exit::Exit;
use crate::order;
use crate::screen::{Form, Screen};
use crate::table::{Cell, cell, table};

/// The attributes of one node, or of all.
pub(crate) fn attributes(
    client: &Client,
    (screen, form): (&mut Screen, Form),
    node: Option<&model::NodeName>,
) -> Result<Exit, ApiError> {
    let status: Status = client.get(routes::STATUS)?;
    if let Some(node) = node {
        order::known_node(node.as_str(), &status)?;
    }
    let is_meant = |n: &&api::NodeStatus| node.is_none_or(|node| n.name == node.as_str());
    let nodes: Vec<_> = status.nodes.iter().filter(is_meant).collect();
    if form == Form::Json {
        let all: serde_json::Map<String, serde_json::Value> = nodes
            .iter()
            .map(|node| (node.name.clone(), serde_json::json!(node.attributes)))
            .collect();
        screen.print_json(&serde_json::Value::Object(all));
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<Cell>> = nodes
        .iter()
        .flat_map(|node| {
            let attributes = node.attributes.iter();
            attributes.map(|(key, value)| vec![cell(&node.name), cell(key), cell(value)])
        })
        .collect();
    match rows.is_empty() {
        true => screen.print("no attributes are set\n"),
        false => screen.print(table(
            &["NODE", "ATTRIBUTE", "VALUE"],
            &rows,
            0,
            screen.colour,
        )),
    }
    Ok(Exit::Done)
}

/// How each ticket stands here.
pub(crate) fn tickets(
    client: &Client,
    (screen, form): (&mut Screen, Form),
) -> Result<Exit, ApiError> {
    let status: Status = client.get(routes::STATUS)?;
    if form == Form::Json {
        screen.print_json(&status.tickets);
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<Cell>> = status
        .tickets
        .iter()
        .map(|ticket| {
            vec![
                cell(&ticket.name),
                cell(&ticket.state),
                cell(ticket.since.to_string()),
                cell(&ticket.by),
            ]
        })
        .collect();
    match rows.is_empty() {
        true => screen.print("no ticket was ever granted here\n"),
        false => screen.print(table(
            &["TICKET", "STATE", "SINCE", "BY"],
            &rows,
            0,
            screen.colour,
        )),
    }
    Ok(Exit::Done)
}
