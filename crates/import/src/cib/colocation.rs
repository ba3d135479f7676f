//! `<rsc_colocation>`: what runs together, and what apart.

use planner::arrange::{Colocation, ResourceIx, Role, Score};

use super::draft::Draft;
use super::sets::{self, Set};
use super::source::{Xml, id};
use super::values;

/// What all parts of a constraint share.
struct Shared<'a> {
    element: Xml<'a>,
    score: Score,
    attribute: Option<String>,
    influence: Option<bool>,
}

/// One end of a colocation.
type End = (ResourceIx, Option<Role>);

pub(super) fn read(draft: &mut Draft<'_>) {
    for element in draft.source.section_elements("constraints") {
        if element.tag_name().name() == "rsc_colocation" {
            one(draft, element);
        }
    }
}

fn one<'a>(draft: &mut Draft<'a>, element: Xml<'a>) {
    let attribute = element.attribute("node-attribute");
    let shared = Shared {
        element,
        score: element
            .attribute("score")
            .and_then(values::score)
            .unwrap_or_default(),
        attribute: attribute
            .filter(|name| *name != "#uname")
            .map(str::to_string),
        influence: element.attribute("influence").and_then(values::truth),
    };
    if shared.score == Score::ZERO {
        return;
    }
    // The second pair of names is that of Heartbeat's time.
    let ends = [
        (["rsc", "rsc-role", ""], ["with-rsc", "with-rsc-role", ""]),
        (["from", "from_role", ""], ["to", "to_role", ""]),
    ];
    let named = ends
        .into_iter()
        .find(|([of, ..], _)| element.has_attribute(*of));
    if let Some((dependent, primary)) = named {
        let dependent = sets::from_attribute(draft, element, dependent);
        let primary = sets::from_attribute(draft, element, primary);
        if let (Some(dependent), Some(primary)) = (dependent, primary) {
            if 1 < dependent.members.len() && 1 < primary.members.len() {
                let text = "of two tags or templates nobody can say who follows whom";
                draft.note(element, text);
                return;
            }
            between(draft, &shared, &dependent, &primary);
        }
        return;
    }
    let sets = sets::of(draft, element);
    for set in &sets {
        within(draft, &shared, set);
    }
    for pair in sets.windows(2) {
        between(draft, &shared, &pair[0], &pair[1]);
    }
}

/// Members of a set that depend on each other.
fn within<'a>(draft: &mut Draft<'a>, shared: &Shared<'a>, set: &Set<'a>) {
    if !set.sequential {
        return;
    }
    let Ok(role) = draft.role_limit(set.element, set.role) else {
        return;
    };
    let own = set.element.attribute("score").and_then(values::score);
    let score = own.unwrap_or(shared.score);
    let is_listed = set.element.attribute("ordering") == Some("listed");
    for (i, &member) in set.members.iter().enumerate() {
        // Of those that stay apart, each stays away from each.
        let earlier = match score < Score::ZERO {
            true => &set.members[..i],
            false => &set.members[i.saturating_sub(1)..i],
        };
        for &other in earlier {
            let (dependent, primary) = match is_listed && Score::ZERO < score {
                true => (other, member),
                false => (member, other),
            };
            add(draft, shared, score, (dependent, role), (primary, role));
        }
    }
}

fn between<'a>(draft: &mut Draft<'a>, shared: &Shared<'a>, dependent: &Set<'a>, primary: &Set<'a>) {
    let dependent_role = draft.role_limit(dependent.element, dependent.role);
    let primary_role = draft.role_limit(primary.element, primary.role);
    let (Ok(dependent_role), Ok(primary_role)) = (dependent_role, primary_role) else {
        return;
    };
    for &first in dependent.firsts() {
        for &last in primary.lasts() {
            let ends = ((first, dependent_role), (last, primary_role));
            add(draft, shared, shared.score, ends.0, ends.1);
        }
    }
}

fn add(draft: &mut Draft<'_>, shared: &Shared<'_>, score: Score, dependent: End, primary: End) {
    let critical = draft.resource(dependent.0).settings.critical;
    draft.wanted.colocations.push(Colocation {
        id: id(shared.element).to_string(),
        dependent: dependent.0,
        dependent_role: dependent.1,
        primary: primary.0,
        primary_role: primary.1,
        score,
        attribute: shared.attribute.clone(),
        influence: shared.influence.unwrap_or(critical),
    });
}
