//! Colocations: services that belong together, or apart.

use planner::arrange::{Colocation, Kind, ResourceIx, Role, Score};

use super::super::source::{Xml, id};
use super::super::values;
use super::Carry;
use super::relations::{End, Part, Relations, Whom, end_of, has_roles, tell_part};

pub(super) fn colocation<'a>(
    carry: &mut Carry<'_, 'a>,
    element: Xml<'a>,
    relations: &mut Relations,
) {
    let shown = id(element);
    let draft = carry.draft;
    let mut is_disliked = false;
    for relation in draft.wanted.colocations.iter().filter(|it| it.id == shown) {
        let is_wish = relation.score < Score::ZERO && !relation.score.is_never();
        is_disliked |= one(carry, element, relation, relations) && is_wish;
    }
    if is_disliked {
        let text = format!(
            "{shown}: a wish to be apart; here they share a node when no other is left, there what is below zero stays stopped"
        );
        carry.leave(element, text);
    }
    if element.attribute("influence").and_then(values::truth) == Some(false) {
        let text = format!(
            "{shown}: influence=false; here the wishes of who follows count when the other is placed"
        );
        carry.leave(element, text);
    }
}

/// Whether it could be said.
fn one<'a>(
    carry: &mut Carry<'_, 'a>,
    element: Xml<'a>,
    relation: &Colocation,
    relations: &mut Relations,
) -> bool {
    let shown = id(element);
    let dependent = end_of(carry, relations, relation.dependent);
    let primary = end_of(carry, relations, relation.primary);
    let (Some(dependent), Some(primary)) = (dependent, primary) else {
        carry.leave(
            element,
            format!("{shown}: a colocation with what is no service here"),
        );
        return false;
    };
    if let Some(attribute) = &relation.attribute {
        let text = format!(
            "{shown}: nodes with the same {attribute} count as one place there; here a place is a node"
        );
        carry.leave(element, text);
        return false;
    }
    if let Some(turned) = turned(carry, relation, (dependent, primary)) {
        let text = format!(
            "{shown}: here {} goes where {} is promoted, there it is the other way round",
            carry.draft.resource(primary.service).name,
            carry.draft.resource(dependent.service).name
        );
        carry.leave(element, text);
        return one(carry, element, &turned, relations);
    }
    let role = relation.primary_role;
    if relation.dependent_role.is_some()
        || role.is_some_and(|role| role != Role::Promoted || !has_roles(carry, primary.service))
    {
        let text = format!(
            "{shown}: a colocation of copies in a role; here a role is named of the other side, and it is `promoted`"
        );
        carry.leave(element, text);
        return false;
    }
    if dependent.service == primary.service {
        if relation.score < Score::ZERO {
            carry.leave(
                element,
                format!("{shown}: resources of one service are never apart"),
            );
        }
        return false;
    }
    tell_part(carry, element, (dependent, relation.dependent), Part::First);
    tell_part(carry, element, (primary, relation.primary), Part::Last);
    let whom = Whom {
        service: primary.service,
        role,
    };
    let ends = (dependent.service, whom);
    let is_said = add(relations, ends, relation.score);
    if !is_said {
        let text = format!("{shown}: it contradicts another colocation of the same two");
        carry.leave(element, text);
    }
    is_said
}

/// A promoted copy that must be where, or must not be where, a service without copies is: the
/// same said of the other, where our file can only say that.
fn turned(
    carry: &Carry<'_, '_>,
    relation: &Colocation,
    (dependent, primary): (End, End),
) -> Option<Colocation> {
    let is_single = match &carry.draft.resource(primary.service).kind {
        Kind::Single | Kind::Group { .. } => true,
        Kind::Clone { .. } => false,
    };
    let is_ours = relation.dependent_role == Some(Role::Promoted)
        && matches!(relation.primary_role, None | Some(Role::Started))
        && (relation.score.is_must() || relation.score.is_never());
    (is_ours && is_single && has_roles(carry, dependent.service)).then(|| Colocation {
        dependent: relation.primary,
        dependent_role: None,
        primary: relation.dependent,
        primary_role: Some(Role::Promoted),
        ..relation.clone()
    })
}

/// Several wishes of the same two add up. Whether it could be said.
fn add(relations: &mut Relations, (dependent, whom): (ResourceIx, Whom), score: Score) -> bool {
    let is_apart = score < Score::ZERO;
    let opposed = |(other, known): &(Whom, Score), whom: ResourceIx| {
        other.service == whom
            && (score.is_must() && known.is_never() || score.is_never() && known.is_must())
    };
    let lists = |relations: &Relations, of: ResourceIx, whom: ResourceIx| {
        let rules = &relations[&of];
        let mut all = rules.together_with.iter().chain(&rules.apart_from);
        all.any(|known| opposed(known, whom))
    };
    if lists(relations, dependent, whom.service) || lists(relations, whom.service, dependent) {
        return false;
    }
    let rules = relations.get_mut(&dependent).expect("an end is a service");
    let list = match is_apart {
        true => &mut rules.apart_from,
        false => &mut rules.together_with,
    };
    match list.iter_mut().find(|(other, _)| *other == whom) {
        Some((_, known)) => *known += score,
        None => list.push((whom, score)),
    }
    true
}
