//! Resource sets: several resources in a constraint.

use planner::arrange::{ResourceIx, Verb};

use super::draft::Draft;
use super::source::{Xml, id};
use super::values;

/// Several resources in a constraint, in order.
#[derive(Clone)]
pub(super) struct Set<'a> {
    pub element: Xml<'a>,
    pub members: Vec<ResourceIx>,
    /// Whether they depend on each other in order.
    pub sequential: bool,
    /// Whether all of them are needed.
    pub require_all: bool,
    /// Limits it to a role.
    pub role: Option<&'a str>,
    pub action: Option<&'a str>,
}

impl Set<'_> {
    /// Which members what comes before the set has to do with.
    pub fn firsts(&self) -> &[ResourceIx] {
        match self.sequential {
            true => &self.members[..self.members.len().min(1)],
            false => &self.members,
        }
    }

    /// Which members what comes after the set has to do with.
    pub fn lasts(&self) -> &[ResourceIx] {
        match self.sequential {
            true => &self.members[self.members.len().saturating_sub(1)..],
            false => &self.members,
        }
    }
}

/// The sets of a constraint.
pub(super) fn of<'a>(draft: &mut Draft<'a>, constraint: Xml<'a>) -> Vec<Set<'a>> {
    let elements = draft.source.children(constraint, "resource_set");
    elements
        .into_iter()
        .map(|element| {
            let mut members = Vec::new();
            for member in draft.source.children(element, "resource_ref") {
                members.extend(resources(draft, member, id(member)));
            }
            let truth = |name: &str| element.attribute(name).and_then(values::truth);
            Set {
                element,
                members,
                sequential: truth("sequential").unwrap_or(true),
                require_all: truth("require-all").unwrap_or(true),
                role: element.attribute("role"),
                action: element.attribute("action"),
            }
        })
        .collect()
}

/// What a constraint calls by a name; a name that nothing has is noted.
pub(super) fn resources(draft: &mut Draft<'_>, element: Xml<'_>, name: &str) -> Vec<ResourceIx> {
    let found = draft.named(name);
    if found.is_empty() {
        draft.note(element, format!("no resource has the name {name}"));
    }
    found
}

/// A single resource in a constraint, or those of a tag: a set without order.
pub(super) fn from_attribute<'a>(
    draft: &mut Draft<'a>,
    constraint: Xml<'a>,
    names: [&str; 3],
) -> Option<Set<'a>> {
    let [resource, role, action] = names;
    let name = constraint.attribute(resource)?;
    let members = resources(draft, constraint, name);
    (!members.is_empty()).then(|| Set {
        element: constraint,
        members,
        sequential: false,
        require_all: true,
        role: constraint.attribute(role),
        action: constraint.attribute(action),
    })
}

/// An action in a constraint; one without words here is noted.
pub(super) fn verb(draft: &mut Draft<'_>, element: Xml<'_>, word: &str) -> Option<Verb> {
    match word {
        "start" => Some(Verb::Start),
        "stop" => Some(Verb::Stop),
        "promote" => Some(Verb::Promote),
        "demote" => Some(Verb::Demote),
        _ => {
            draft.note(
                element,
                format!("an order of the action {word} has no words here"),
            );
            None
        }
    }
}
