//! Tickets that services need: rights that one of several clusters holds.

use serde::{Deserialize, Serialize};

/// What happens to a service whose ticket is taken away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TicketLoss {
    /// It stops.
    #[default]
    Stop,
    /// It is left as it is, and not started anew.
    Freeze,
    /// The node that runs it is fenced.
    Fence,
    /// Only what is promoted needs the ticket: it is demoted, and the copies run on.
    Demote,
}

impl TicketLoss {
    /// All of them, with their words in the file.
    pub const WORDS: [(&'static str, Self); 4] = [
        ("stop", Self::Stop),
        ("freeze", Self::Freeze),
        ("fence", Self::Fence),
        ("demote", Self::Demote),
    ];

    /// The word for it in the file and in messages.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Freeze => "freeze",
            Self::Fence => "fence",
            Self::Demote => "demote",
        }
    }
}

/// Tickets as they are written in the spec: nothing, one alone, or several in a list. Programs
/// of the first level know one at most, and read it as it always was.
pub(crate) mod written {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::TicketLoss;
    use crate::TicketName;

    #[derive(Serialize, Deserialize)]
    struct Rule {
        ticket: TicketName,
        on_loss: TicketLoss,
    }

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Written {
        One(Rule),
        Several(Vec<Rule>),
    }

    pub fn serialize<S: Serializer>(
        tickets: &BTreeMap<TicketName, TicketLoss>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let rules = tickets.iter().map(|(ticket, on_loss)| Rule {
            ticket: ticket.clone(),
            on_loss: *on_loss,
        });
        let mut rules: Vec<Rule> = rules.collect();
        let written = match rules.len() {
            0 | 1 => rules.pop().map(Written::One),
            _ => Some(Written::Several(rules)),
        };
        written.serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<TicketName, TicketLoss>, D::Error> {
        let rules = match Option::<Written>::deserialize(from)? {
            None => Vec::new(),
            Some(Written::One(rule)) => vec![rule],
            Some(Written::Several(rules)) => rules,
        };
        let pairs = rules.into_iter().map(|rule| (rule.ticket, rule.on_loss));
        Ok(pairs.collect())
    }
}
