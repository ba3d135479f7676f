//! What is wrong with an arrangement, for people and for tests.

use std::fmt;

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Which rule is broken.
    pub rule: Rule,
    /// By what, with names.
    pub text: String,
}

impl Violation {
    pub(super) fn new(rule: Rule, text: String) -> Self {
        Self { rule, text }
    }
}

/// The rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// The arrangement points at something that does not exist, or speaks twice of one thing.
    Form,
    /// Steps and fences lead from what was found to what is told, and to nothing else.
    Account,
    /// S1: nothing is active on two nodes, at no moment.
    Alone,
    /// S2: nothing starts before it is proven stopped everywhere else.
    Proof,
    /// A clone has no more instances than allowed, in all, on a node, and promoted.
    Count,
    /// Only nodes that can are asked to do anything.
    Node,
    /// Without quorum nothing begins.
    Quorum,
    /// Nodes are fenced for a reason, and only by those who may.
    Fence,
    /// What is ordered happens in order, and nothing runs without what it needs.
    Order,
    /// Members of a group are together.
    Group,
    /// What belongs together is together.
    Together,
    /// What must be apart is apart.
    Apart,
    /// A node has room for what it runs.
    Room,
    /// Nothing runs where it never may.
    Location,
    /// Nothing runs without its ticket.
    Ticket,
    /// Nothing is more than it is wanted to be.
    Target,
    /// What must not be touched is not touched.
    HandsOff,
    /// What stays undone has a reason.
    Reason,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "form",
            Self::Account => "account",
            Self::Alone => "alone",
            Self::Proof => "proof",
            Self::Count => "count",
            Self::Node => "node",
            Self::Quorum => "quorum",
            Self::Fence => "fence",
            Self::Order => "order",
            Self::Group => "group",
            Self::Together => "together",
            Self::Apart => "apart",
            Self::Room => "room",
            Self::Location => "location",
            Self::Ticket => "ticket",
            Self::Target => "target",
            Self::HandsOff => "hands off",
            Self::Reason => "reason",
        })
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.text)
    }
}
