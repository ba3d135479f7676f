//! Services: groups, resources that stand alone, and clones of either.

use std::collections::{BTreeMap, BTreeSet};

use planner::arrange::{
    CloneRules, Kind, Placement, Requires, ResourceIx, Score, Target, TicketLoss,
};

use super::super::draft::Draft;
use super::super::source::{Xml, elements, id};
use super::super::{values, words};
use super::answers::Answers;
use super::frame::GOODS_MAX;
use super::relations::{self, After, Relations, Rules};
use super::returning::{self, Return};
use super::text::{key, list, name, numbers, quoted};
use super::{Carry, answers, kinds, twice};

/// What becomes a service.
struct Service<'a> {
    element: Xml<'a>,
    /// As constraints call it.
    ix: ResourceIx,
    /// The group or resource: of a clone, what it is a clone of.
    body: ResourceIx,
    resources: Vec<(Xml<'a>, kinds::Lines)>,
}

pub(super) fn write(carry: &mut Carry<'_, '_>) {
    let mut services = Vec::new();
    for element in carry.draft.source.section_elements("resources") {
        services.extend(match element.tag_name().name() {
            "primitive" | "group" => body(carry, element, element),
            "clone" => copied(carry, element),
            tag if words::is_promotable_element(tag) => copied(carry, element),
            _ => None,
        });
    }
    let known: Vec<ResourceIx> = services.iter().map(|service| service.ix).collect();
    let relations = relations::read(carry, &known);
    let mut mends_for_ever = false;
    for service in &services {
        mends_for_ever |= one(carry, service, &relations);
    }
    let section = carry.draft.source.section("resources");
    if let Some(section) = section.filter(|_| mends_for_ever) {
        let text = "without migration-threshold, what fails is mended in place for ever there; here 3 times in an hour, then it moves (`restart`)";
        carry.leave(section, text);
    }
}

fn is_fence_device(element: Xml<'_>) -> bool {
    element.attribute("class") == Some(words::FENCE_CLASS)
}

/// A service from a resource or a group, which may lie in a clone.
fn body<'a>(carry: &mut Carry<'_, 'a>, outer: Xml<'a>, element: Xml<'a>) -> Option<Service<'a>> {
    let parts: Vec<Xml<'a>> = match element.tag_name().name() {
        "group" => elements(element)
            .filter(|part| part.tag_name().name() == "primitive")
            .collect(),
        _ => vec![element],
    };
    if parts.iter().copied().any(is_fence_device) {
        return None;
    }
    let mut resources = Vec::new();
    for part in parts {
        let (lines, lost) = kinds::lines(carry, part);
        for lost in lost {
            carry.leave(part, format!("{}: {lost}", id(part)));
        }
        match lines {
            Ok(lines) => resources.push((part, lines)),
            Err(reason) => carry.leave(part, format!("{}: {reason}", id(part))),
        }
    }
    let ix = *carry.draft.resources.get(id(outer))?;
    let body = *carry.draft.resources.get(id(element))?;
    (!resources.is_empty()).then_some(Service {
        element: outer,
        ix,
        body,
        resources,
    })
}

/// A service with copies; none, with a word about it, where they have no words here.
fn copied<'a>(carry: &mut Carry<'_, 'a>, element: Xml<'a>) -> Option<Service<'a>> {
    let shown = id(element);
    let inner =
        elements(element).find(|part| ["primitive", "group"].contains(&part.tag_name().name()))?;
    let ix = *carry.draft.resources.get(shown)?;
    let Kind::Clone { rules, .. } = carry.draft.resource(ix).kind.clone() else {
        return None;
    };
    if rules.max == Some(0) || rules.per_node == 0 {
        carry.leave(element, format!("{shown}: a clone without any copy"));
        return None;
    }
    let service = body(carry, element, inner)?;
    for (part, lines) in &service.resources {
        let is_mount = lines.iter().any(|(key, _)| key == "mount");
        let is_crowded = is_mount && 1 < rules.per_node;
        let why = kinds::single_place(lines)
            .or(is_crowded.then_some("copies on one node would have one mount"));
        if let Some(why) = why {
            let text = format!("{shown}: a clone with {}: {why}", id(*part));
            carry.leave(element, text);
            return None;
        }
    }
    if let Some(roles) = &rules.promotable {
        let takes = service.resources.iter();
        if roles.max == 0 || !takes.map(|(_, lines)| lines).any(kinds::is_ocf) {
            let text =
                format!("{shown}: its copies have roles, and none of them can be promoted here");
            carry.leave(element, text);
            return None;
        }
    }
    tell_clone(carry, element, (ix, &rules));
    Some(service)
}

/// What is lost of a clone.
fn tell_clone<'a>(
    carry: &mut Carry<'_, 'a>,
    element: Xml<'a>,
    (ix, rules): (ResourceIx, &CloneRules),
) {
    let shown = id(element);
    let roles = rules.promotable.as_ref();
    let settings = &carry.draft.resource(ix).settings;
    let stays_unpromoted = roles.is_some() && settings.target == Target::Unpromoted;
    for (is_so, text) in [
        (
            rules.ordered,
            "that its copies also stop one after the other",
        ),
        (rules.unique, "that its copies know their numbers"),
        (
            roles.is_some_and(|roles| 1 < roles.per_node),
            "that several may be promoted on one node",
        ),
        (
            stays_unpromoted,
            "that none of its copies is to be promoted",
        ),
    ] {
        if is_so {
            carry.leave(element, format!("{shown}: {text}"));
        }
    }
}

/// Whether copies are to hear what happens to the others.
fn is_notified(carry: &Carry<'_, '_>, ix: ResourceIx) -> bool {
    let meta = &carry.draft.facts[ix.0].meta;
    let word = meta.get("notify");
    word.and_then(|word| values::truth(word)) == Some(true)
}

/// Whether what fails in it is mended in place for ever there.
fn one<'a>(carry: &mut Carry<'_, 'a>, service: &Service<'a>, relations: &Relations) -> bool {
    let service_name = key(&name(id(service.element)));
    let rules = &relations[&service.ix];
    carry.out.section(&format!("[service.{service_name}]"));
    let mut notify = false;
    if let Kind::Clone { rules: clone, .. } = carry.draft.resource(service.ix).kind.clone() {
        copies(carry, service, (&clone, rules));
        notify = is_notified(carry, service.ix);
    }
    let hears = |(_, lines): &(_, _)| kinds::is_ocf(lines);
    if notify && !service.resources.iter().any(hears) {
        let text = format!(
            "{}: that its copies hear of each other",
            id(service.element)
        );
        carry.leave(service.element, text);
    }
    placement(carry, service, rules);
    company(carry, rules);
    let answers = treatment(carry, service, rules);
    for rule in &rules.wheres {
        carry
            .out
            .section(&format!("[[service.{service_name}.where]]"));
        for (name, value) in rule.lines() {
            carry.out.key(name, &value);
        }
    }
    for (part, lines) in &service.resources {
        carry
            .out
            .section(&format!("[[service.{service_name}.resource]]"));
        for (name, value) in lines {
            match value.split_once(kinds::OPEN) {
                Some((value, help)) => carry.out.open_key(name, value, help),
                None => carry.out.key(name, value),
            }
        }
        if notify && kinds::is_ocf(lines) {
            carry.out.key("notify", "true");
        }
        let part = carry.draft.resources.get(id(*part));
        let own = part.and_then(|part| answers.of_parts.get(part));
        for (key, value) in own.into_iter().flatten() {
            carry.out.key(key, value);
        }
    }
    answers.mends_for_ever
}

/// More copies than there are places are one on every node.
fn copies<'a>(
    carry: &mut Carry<'_, 'a>,
    service: &Service<'a>,
    (clone, rules): (&CloneRules, &Rules),
) {
    let nodes = match rules.only {
        true => rules.prefer.len(),
        false => carry.members.len() - rules.never_on.len(),
    };
    let per_node = clone.per_node.min(100);
    let places = nodes as u64 * u64::from(per_node);
    match clone.max.filter(|max| u64::from(*max) <= places) {
        Some(max) => carry.out.key("copies", &max.to_string()),
        None => carry.out.text_key("copies", "every-node"),
    }
    if 1 < per_node {
        carry.out.key("copies_per_node", &per_node.to_string());
    }
    if clone.ordered {
        carry.out.text_key("copies_start", "one-by-one");
    }
    if let Some(roles) = &clone.promotable {
        let most = clone.max.map_or(1000, |max| max.min(1000));
        carry.out.key("promoted", &roles.max.min(most).to_string());
    }
    if let Some(max) = clone.max.filter(|max| places < u64::from(*max)) {
        let shown = id(service.element);
        let text = format!(
            "{shown}: {max} copies for {places} places: one for each place, also when more nodes join"
        );
        carry.leave(service.element, text);
    }
}

fn node_names(
    carry: &Carry<'_, '_>,
    nodes: impl Iterator<Item = planner::arrange::NodeIx>,
) -> String {
    let names: Vec<String> = nodes
        .map(|node| name(&carry.draft.wanted.nodes[node.0].name))
        .collect();
    list(&names)
}

fn placement<'a>(carry: &mut Carry<'_, 'a>, service: &Service<'a>, rules: &Rules) {
    let shown = id(service.element);
    let (prefer, avoid) = (rules.prefer.iter(), rules.avoid.iter());
    if !rules.prefer.is_empty() {
        let names = node_names(carry, prefer.map(|(node, _)| *node));
        carry.out.key("prefer", &names);
    }
    if rules.prefer.windows(2).any(|pair| pair[0].1 == pair[1].1) {
        let text =
            format!("{shown}: nodes with equal scores; here they come in the order of the file");
        carry.leave(service.element, text);
    }
    if rules.only && !rules.prefer.is_empty() {
        carry.out.key("only", "true");
    } else if rules.only {
        let text = format!("{shown}: no location allows it any node there; here all are allowed");
        carry.leave(service.element, text);
    }
    if !rules.avoid.is_empty() {
        let names = node_names(carry, avoid.map(|(node, _)| *node));
        carry.out.key("avoid", &names);
        let text = format!(
            "{shown}: nodes with points below zero: here it uses them when no other is left, there only if more speaks for them"
        );
        carry.leave(service.element, text);
    }
    if is_banned(carry, rules) {
        let text =
            format!("{shown}: locations forbid it every node; here it is not started by itself");
        carry.leave(service.element, text);
    } else if !rules.never_on.is_empty() {
        let names = node_names(carry, rules.never_on.iter().copied());
        carry.out.key("never_on", &names);
    }
    match returning::of(stickiness(carry, service.body), rules) {
        Some(Return::Never) => {}
        Some(Return::After(points)) => {
            carry.out.key("failback", "true");
            if points != 0 {
                carry.out.key("stickiness", &points.to_string());
            }
        }
        None => {
            let text = format!(
                "{shown}: its stickiness lies between the scores of its nodes in a way that steps of 100 cannot tell; it stays where it is"
            );
            carry.leave(service.element, text);
        }
    }
    if rules.has_points() && !rules.prefer.is_empty() {
        let text = format!(
            "{shown}: its points are as there, but a step in `prefer` is worth 100 of them here"
        );
        carry.leave(service.element, text);
    }
}

/// Whether no node is left to it, which our file does not take.
fn is_banned(carry: &Carry<'_, '_>, rules: &Rules) -> bool {
    !rules.never_on.is_empty() && rules.never_on.len() == carry.members.len()
}

/// A group is as sticky as its members together.
fn stickiness(carry: &Carry<'_, '_>, ix: ResourceIx) -> Score {
    let resource = carry.draft.resource(ix);
    match &resource.kind {
        Kind::Group { members, .. } => members
            .iter()
            .map(|member| carry.draft.resource(*member).settings.stickiness)
            .sum(),
        Kind::Single | Kind::Clone { .. } => resource.settings.stickiness,
    }
}

/// The members of `after`.
fn after(draft: &Draft<'_>, rules: &Rules) -> Vec<String> {
    let name_of = |ix: ResourceIx| quoted(&name(&draft.resource(ix).name));
    let one_of = rules.after_one_of.iter().map(|several| {
        let names: Vec<String> = several.iter().map(|one| name_of(*one)).collect();
        format!("{{ one_of = [{}] }}", names.join(", "))
    });
    let after = rules.after.iter();
    after
        .map(|(first, how)| match how {
            After::Always => name_of(*first),
            After::StartsOnly => {
                format!("{{ service = {}, starts_only = true }}", name_of(*first))
            }
            After::StartsOnlyAll => {
                let name = name_of(*first);
                format!("{{ service = {name}, all_copies = true, starts_only = true }}")
            }
            After::AllCopies => {
                format!("{{ service = {}, all_copies = true }}", name_of(*first))
            }
            After::OnlyIfBoth => {
                format!("{{ service = {}, only_if_both = true }}", name_of(*first))
            }
            After::Promoted => {
                format!("{{ service = {}, role = \"promoted\" }}", name_of(*first))
            }
        })
        .chain(one_of)
        .collect()
}

/// What other services, and tickets, have to do with it.
fn company(carry: &mut Carry<'_, '_>, rules: &Rules) {
    let draft = carry.draft;
    let name_of = |ix: ResourceIx| quoted(&name(&draft.resource(ix).name));
    for (key, company) in [
        ("together_with", &rules.together_with),
        ("apart_from", &rules.apart_from),
    ] {
        let items: Vec<String> = company
            .iter()
            .filter(|(_, score)| *score != Score::ZERO)
            .map(|(whom, score)| {
                let name = name_of(whom.service);
                let mut more = String::new();
                if !score.is_must() && !score.is_never() {
                    more = format!(", points = {}", score.value().unsigned_abs());
                }
                if whom.role.is_some() {
                    more.push_str(", role = \"promoted\"");
                }
                match more.is_empty() {
                    true => name,
                    false => format!("{{ service = {name}{more} }}"),
                }
            })
            .collect();
        if !items.is_empty() {
            carry.out.key(key, &format!("[{}]", items.join(", ")));
        }
    }
    let after = after(draft, rules);
    if !after.is_empty() {
        carry.out.key("after", &format!("[{}]", after.join(", ")));
    }
    let others: Vec<String> = rules
        .not_while_starting
        .iter()
        .map(|o| name_of(*o))
        .collect();
    if !others.is_empty() {
        let others = format!("[{}]", others.join(", "));
        carry.out.key("not_while_starting", &others);
    }
    tickets(carry, rules);
}

/// One alone as a name, several as a list, and as one word what is the same for all.
fn tickets(carry: &mut Carry<'_, '_>, rules: &Rules) {
    let names: Vec<&String> = rules.tickets.keys().collect();
    match names.as_slice() {
        [] => return,
        [one] => carry.out.text_key("needs_ticket", one),
        several => carry.out.key("needs_ticket", &list(several)),
    }
    let losses: BTreeSet<&str> = rules.tickets.values().map(|loss| word(*loss)).collect();
    match losses.into_iter().collect::<Vec<_>>().as_slice() {
        ["stop"] => {}
        [all] => carry.out.text_key("on_ticket_loss", all),
        _ => {
            let each = rules.tickets.iter();
            let each =
                each.map(|(ticket, loss)| format!("{} = {}", key(ticket), quoted(word(*loss))));
            let each = each.collect::<Vec<_>>().join(", ");
            carry.out.key("on_ticket_loss", &format!("{{ {each} }}"));
        }
    }
}

/// Our word for what the loss of a ticket does.
pub(super) fn word(on_loss: TicketLoss) -> &'static str {
    match on_loss {
        TicketLoss::Stop => "stop",
        TicketLoss::Demote => "demote",
        TicketLoss::Freeze => "freeze",
        TicketLoss::Fence => "fence",
    }
}

fn treatment<'a>(carry: &mut Carry<'_, 'a>, service: &Service<'a>, rules: &Rules) -> Answers {
    let draft = carry.draft;
    let settings = &draft.resource(service.body).settings;
    let shown = id(service.element);
    if settings.target == Target::Stopped || is_banned(carry, rules) {
        carry.out.key("autostart", "false");
    }
    if settings.priority != Score::ZERO {
        carry
            .out
            .key("priority", &settings.priority.value().to_string());
    }
    let parts = service.resources.iter();
    let parts: Vec<ResourceIx> = parts
        .filter_map(|(part, _)| draft.resources.get(id(*part)).copied())
        .collect();
    uses(carry, service, &parts);
    let moves_live = moves_live(carry, service, &parts);
    if moves_live {
        carry.out.key("live", "true");
    }
    let answers = answers::of(draft, service.body, &parts);
    for (key, value) in &answers.lines {
        carry.out.key(key, value);
    }
    if !settings.managed || settings.maintenance {
        carry.leave(
            service.element,
            format!("{shown} is not managed: `mainstay freeze {}`", name(shown)),
        );
    }
    let (found_twice, mut lost) = twice::of(draft, &parts);
    if let Some(word) = found_twice {
        carry.out.text_key("found_twice", word);
    }
    if let Kind::Group {
        ordered, together, ..
    } = &draft.resource(service.body).kind
    {
        lost.extend((!ordered).then_some("that its parts start in any order"));
        lost.extend((!together).then_some("that its parts need not be together"));
    }
    for part in &parts {
        let part = &draft.resource(*part).settings;
        lost.extend((!part.critical).then_some("that a part of it is not critical"));
        lost.extend((part.live_migration && !moves_live).then_some("that it moves live"));
        lost.extend(
            part.ignores_health
                .then_some("that health of nodes means nothing to it"),
        );
        let is_careless = draft.options.fencing() && part.requires != Requires::Fencing;
        lost.extend(is_careless.then_some("that it starts before lost nodes are fenced"));
    }
    let mut lost: Vec<String> = lost.into_iter().map(str::to_string).collect();
    lost.extend(answers.lost.iter().cloned());
    lost.sort_unstable();
    lost.dedup();
    for lost in lost {
        carry.leave(service.element, format!("{shown}: {lost}"));
    }
    answers
}

/// Whether it is one agent that is to move live, without copies.
fn moves_live(carry: &Carry<'_, '_>, service: &Service<'_>, parts: &[ResourceIx]) -> bool {
    let draft = carry.draft;
    let is_alone = matches!(
        draft.resource(service.ix).kind,
        Kind::Single | Kind::Group { .. }
    );
    let can = |(_, lines): &(Xml<'_>, kinds::Lines)| kinds::is_ocf(lines);
    let [part] = parts else { return false };
    is_alone && service.resources.iter().all(can) && draft.resource(*part).settings.live_migration
}

/// What all parts need together.
fn uses<'a>(carry: &mut Carry<'_, 'a>, service: &Service<'a>, parts: &[ResourceIx]) {
    let draft = carry.draft;
    let mut uses: BTreeMap<&String, u64> = BTreeMap::new();
    for part in parts {
        for (good, amount) in &draft.resource(*part).settings.utilization {
            let amount = u64::try_from(*amount).unwrap_or(0);
            let sum = uses.entry(good).or_default();
            *sum = sum.saturating_add(amount).min(GOODS_MAX);
        }
    }
    if uses.is_empty() {
        return;
    }
    if draft.wanted.policy.placement == Placement::Count {
        let shown = id(service.element);
        let text = format!("{shown}: what it needs of a node; it counts for nothing, as there");
        carry.leave(service.element, text);
        return;
    }
    carry.out.key("uses", &numbers(uses));
}
