//! What people set at run time and no file says: attributes of nodes, tickets, maintenance
//! of one node.

use model::seen::{Maintenance, TicketSeen, TicketStanding};
use model::{Command, NodeName, Rejected, TicketName, UserName};

use crate::{Applied, Outcome, Place, State};

/// Attributes that may be set on one node: far more than rules can ask for, few enough for a
/// snapshot.
const ATTRIBUTES_MAX: usize = 200;
/// Of a key or a value, in bytes: a word or two.
const ATTRIBUTE_LENGTH_MAX: usize = 255;
/// Tickets that are spoken of. Each stands for a set of sites.
const TICKETS_MAX: usize = 200;

impl State {
    pub(crate) fn set_attribute(&mut self, place: Place, command: &Command) -> Outcome {
        let Command::SetAttribute {
            node: name,
            key,
            value,
            by,
        } = command
        else {
            return Err(Rejected::Unknown);
        };
        self.node(name)?;
        let too_long = |text: &str| ATTRIBUTE_LENGTH_MAX < text.len();
        if key.trim().is_empty() || too_long(key) || value.as_deref().is_some_and(too_long) {
            return Err(Rejected::Refused(format!(
                "an attribute has a name, and neither it nor its value is longer than \
                 {ATTRIBUTE_LENGTH_MAX} bytes"
            )));
        }
        let Some(node) = self.seen.nodes.get_mut(name) else {
            return Err(Rejected::NoSuchNode(name.clone()));
        };
        let did = match value {
            Some(value) => {
                let is_new = !node.attributes.contains_key(key);
                if is_new && ATTRIBUTES_MAX <= node.attributes.len() {
                    return Err(Rejected::Refused(format!(
                        "{name} has {ATTRIBUTES_MAX} attributes already"
                    )));
                }
                node.attributes.insert(key.clone(), value.clone());
                format!("attr set {name} {key} {value}")
            }
            None => {
                if node.attributes.remove(key).is_none() {
                    return Err(Rejected::Refused(format!("nobody has set {key} on {name}")));
                }
                format!("attr unset {name} {key}")
            }
        };
        self.record_operator(place, by, did);
        Ok(Applied::Done)
    }

    pub(crate) fn set_ticket(
        &mut self,
        place: Place,
        ticket: &TicketName,
        standing: TicketStanding,
        by: &UserName,
    ) -> Outcome {
        let known = self.seen.tickets.get(ticket);
        if known.is_none() && TICKETS_MAX <= self.seen.tickets.len() {
            return Err(Rejected::Refused(format!(
                "there are {TICKETS_MAX} tickets already"
            )));
        }
        let is_here = known.is_some_and(|known| known.standing != TicketStanding::Revoked);
        if standing == TicketStanding::Standby && !is_here {
            return Err(Rejected::Refused(format!("ticket {ticket} is not here")));
        }
        let seen = TicketSeen {
            standing,
            since: place.at,
            by: by.clone(),
        };
        self.seen.tickets.insert(ticket.clone(), seen);
        let word = match standing {
            TicketStanding::Granted => "grant",
            TicketStanding::Standby => "standby",
            TicketStanding::Revoked => "revoke",
        };
        self.record_operator(place, by, format!("ticket {word} {ticket}"));
        Ok(Applied::Done)
    }

    pub(crate) fn set_node_maintenance(
        &mut self,
        place: Place,
        name: &NodeName,
        maintenance: Maintenance,
        by: &UserName,
    ) -> Outcome {
        self.node(name)?;
        if let Some(node) = self.seen.nodes.get_mut(name) {
            node.maintenance = maintenance;
        }
        let word = match maintenance {
            Maintenance::On => "on",
            Maintenance::Off => "off",
        };
        self.record_operator(place, by, format!("maintenance {word} --node {name}"));
        Ok(Applied::Done)
    }
}
