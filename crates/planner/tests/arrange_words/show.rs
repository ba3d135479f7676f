//! From values to text: what [`super::read`] reads.

use std::collections::BTreeMap;
use std::fmt::Write;

use planner::arrange::{
    Action, Arrangement, CloneRules, Discovery, FailedVerb, FenceReason, Found, Kind,
    MultipleActive, NoQuorum, NodeIx, NodeState, Observed, OnFail, OrderKind, Placed, Placement,
    Requires, ResourceIx, Role, Score, Settings, Target, TicketLoss, UnderWay, Verb, Wanted,
};

/// What is wanted and observed.
pub fn show_input(wanted: &Wanted, observed: &Observed) -> String {
    let mut out = String::new();
    policy(&mut out, wanted, observed);
    nodes(&mut out, wanted, observed);
    for (at, resource) in wanted.resources.iter().enumerate() {
        let kind = match &resource.kind {
            Kind::Single => "single",
            Kind::Group { .. } => "group",
            Kind::Clone { .. } => "clone",
        };
        let _ = write!(out, "{kind} {}", resource.name);
        if let Some(parent) = resource.parent {
            let _ = write!(out, " in {}", name(wanted, parent));
        }
        flag(&mut out, resource.removed, "removed");
        if let Kind::Group {
            ordered, together, ..
        } = &resource.kind
        {
            flag(&mut out, !ordered, "unordered");
            flag(&mut out, !together, "apart");
        }
        if let Kind::Clone { rules, .. } = &resource.kind {
            clone_rules(&mut out, rules);
        }
        settings(&mut out, &wanted.resources[at].settings);
        out.push('\n');
    }
    relations(&mut out, wanted);
    tickets(&mut out, wanted, observed);
    found(&mut out, wanted, observed);
    out
}

/// What is answered.
pub fn show_arrangement(wanted: &Wanted, arrangement: &Arrangement) -> String {
    let mut out = String::new();
    for fence in &arrangement.fences {
        let why = match &fence.because {
            FenceReason::Lost => "lost".to_string(),
            FenceReason::NeverSeen => "never-seen".to_string(),
            FenceReason::Failed(at) => format!("failed {}", name(wanted, *at)),
            FenceReason::TicketLost(at) => format!("ticket {}", name(wanted, *at)),
            FenceReason::Asked => "asked".to_string(),
            FenceReason::NoQuorum => "no-quorum".to_string(),
        };
        let _ = writeln!(out, "fence {} {why}", node(wanted, fence.node));
    }
    for step in &arrangement.steps {
        let action = match step.action {
            Action::Start => "start",
            Action::Stop => "stop",
            Action::Promote => "promote",
            Action::Demote => "demote",
            Action::MigrateTo => "migrate-to",
            Action::MigrateFrom => "migrate-from",
        };
        let _ = write!(
            out,
            "{action} {} on {} #{}",
            name(wanted, step.resource),
            node(wanted, step.node),
            step.instance
        );
        flag(&mut out, step.implied, "implied");
        list(&mut out, "after", step.after.iter().map(usize::to_string));
        let fences = step.after_fences.iter().map(|at| node(wanted, *at));
        list(&mut out, "after-fence", fences.map(str::to_string));
        out.push('\n');
    }
    let mut place = |word: &str, placed: &Placed| {
        let _ = writeln!(
            out,
            "{word} {} on {} #{} {}",
            name(wanted, placed.resource),
            node(wanted, placed.node),
            placed.instance,
            role(placed.role)
        );
    };
    arrangement
        .placed
        .iter()
        .for_each(|one| place("placed", one));
    arrangement.after.iter().for_each(|one| place("is", one));
    for wait in &arrangement.waits {
        let _ = writeln!(
            out,
            "wait {} #{} {:?}",
            name(wanted, wait.resource),
            wait.instance,
            wait.because
        );
    }
    out
}

fn name(wanted: &Wanted, at: ResourceIx) -> &str {
    &wanted.resources[at.0].name
}

fn node(wanted: &Wanted, at: NodeIx) -> &str {
    &wanted.nodes[at.0].name
}

fn flag(out: &mut String, so: bool, word: &str) {
    if so {
        let _ = write!(out, " {word}");
    }
}

fn list(out: &mut String, word: &str, items: impl Iterator<Item = String>) {
    let items: Vec<String> = items.collect();
    flag(
        out,
        !items.is_empty(),
        &format!("{word} {}", items.join(" ")),
    );
}

fn goods(out: &mut String, key: &str, goods: &BTreeMap<String, i64>) {
    let all: Vec<String> = goods
        .iter()
        .map(|(good, n)| format!("{good}:{n}"))
        .collect();
    flag(out, !all.is_empty(), &format!("{key}={}", all.join(",")));
}

fn score(score: Score) -> String {
    score.to_string()
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Started => "started",
        Role::Unpromoted => "unpromoted",
        Role::Promoted => "promoted",
    }
}

fn role_key(out: &mut String, key: &str, asked: Option<Role>) {
    if let Some(asked) = asked {
        let _ = write!(out, " {key}={}", role(asked));
    }
}

fn policy(out: &mut String, wanted: &Wanted, observed: &Observed) {
    let policy = &wanted.policy;
    out.push_str("policy");
    let no_quorum = match policy.no_quorum {
        NoQuorum::Stop => "stop",
        NoQuorum::Freeze => "freeze",
        NoQuorum::Demote => "demote",
        NoQuorum::Fence => "fence",
        NoQuorum::Ignore => "ignore",
    };
    let placement = match policy.placement {
        Placement::Count => "count",
        Placement::Fits => "fits",
        Placement::Balanced => "balanced",
        Placement::Few => "few",
        Placement::LeastBusy => "least-busy",
    };
    let _ = write!(out, " no-quorum={no_quorum} placement={placement}");
    flag(out, !policy.fencing, "no-fencing");
    flag(out, !policy.has_fence_device, "no-fence-device");
    flag(out, !policy.startup_fencing, "no-startup-fencing");
    flag(out, !policy.opt_out, "opt-in");
    flag(out, policy.maintenance, "maintenance");
    flag(out, policy.stop_all, "stop-all");
    flag(out, !policy.stop_removed, "keep-removed");
    out.push_str(if observed.quorate {
        "\n"
    } else {
        "\nno-quorum\n"
    });
}

fn nodes(out: &mut String, wanted: &Wanted, observed: &Observed) {
    for (known, seen) in wanted.nodes.iter().zip(&observed.nodes) {
        let _ = write!(out, "node {}", known.name);
        flag(out, !known.runs_resources, "no-resources");
        goods(out, "capacity", &known.capacity);
        flag(out, seen.state == NodeState::Offline, "offline");
        flag(out, seen.state == NodeState::Pending, "pending");
        flag(out, seen.unclean, "unclean");
        flag(out, !seen.seen, "unseen");
        flag(out, seen.standby, "standby");
        flag(out, seen.maintenance, "maintenance");
        flag(out, seen.shutdown, "shutdown");
        flag(out, seen.asked_to_fence, "asked");
        let health = format!("health={}", score(seen.health));
        flag(out, seen.health != Score::ZERO, &health);
        flag(out, seen.busy != 0, &format!("busy={}", seen.busy));
        for (key, value) in &seen.attributes {
            let _ = write!(out, " {key}={value}");
        }
        out.push('\n');
    }
}

fn clone_rules(out: &mut String, rules: &CloneRules) {
    if let Some(max) = rules.max {
        let _ = write!(out, " max={max}");
    }
    flag(
        out,
        rules.per_node != 1,
        &format!("per-node={}", rules.per_node),
    );
    flag(out, rules.unique, "unique");
    flag(out, rules.interleave, "interleave");
    flag(out, rules.ordered, "one-by-one");
    flag(out, rules.enough != 0, &format!("enough={}", rules.enough));
    if let Some(promotable) = rules.promotable {
        let _ = write!(out, " promoted={}", promotable.max);
        let per_node = format!("promoted-per-node={}", promotable.per_node);
        flag(out, promotable.per_node != 1, &per_node);
    }
}

fn settings(out: &mut String, settings: &Settings) {
    let priority = format!("priority={}", score(settings.priority));
    flag(out, settings.priority != Score::ZERO, &priority);
    let sticky = format!("sticky={}", score(settings.stickiness));
    flag(out, settings.stickiness != Score::ZERO, &sticky);
    flag(out, settings.target == Target::Stopped, "target=stopped");
    flag(
        out,
        settings.target == Target::Unpromoted,
        "target=unpromoted",
    );
    flag(out, !settings.managed, "unmanaged");
    flag(out, settings.maintenance, "maintenance");
    flag(out, !settings.critical, "uncritical");
    let twice = match settings.multiple_active {
        MultipleActive::StopStart => None,
        MultipleActive::StopOnly => Some("twice=stop-only"),
        MultipleActive::Block => Some("twice=block"),
        MultipleActive::StopUnexpected => Some("twice=unexpected"),
    };
    flag(out, twice.is_some(), twice.unwrap_or_default());
    if let Some(max) = settings.failures_max {
        let _ = write!(out, " failures-max={max}");
    }
    flag(
        out,
        settings.requires == Requires::Quorum,
        "requires=quorum",
    );
    flag(
        out,
        settings.requires == Requires::Nothing,
        "requires=nothing",
    );
    flag(out, settings.live_migration, "live");
    flag(out, settings.ignores_health, "ignores-health");
    goods(out, "uses", &settings.utilization);
    flag(out, settings.is_fence_device, "fence-device");
}

fn verb((at, verb): (ResourceIx, Verb), wanted: &Wanted) -> String {
    let verb = match verb {
        Verb::Start => "",
        Verb::Stop => ".stop",
        Verb::Promote => ".promote",
        Verb::Demote => ".demote",
    };
    format!("{}{verb}", name(wanted, at))
}

fn relations(out: &mut String, wanted: &Wanted) {
    for location in &wanted.locations {
        let _ = write!(out, "location {}", name(wanted, location.resource));
        for (at, value) in &location.scores {
            let _ = write!(out, " {}={}", node(wanted, *at), score(*value));
        }
        role_key(out, "role", location.role);
        flag(out, location.discovery == Discovery::Exclusive, "exclusive");
        flag(out, location.discovery == Discovery::Never, "undiscovered");
        out.push('\n');
    }
    for colocation in &wanted.colocations {
        let _ = write!(
            out,
            "colocation {} with {} {}",
            name(wanted, colocation.dependent),
            name(wanted, colocation.primary),
            score(colocation.score)
        );
        role_key(out, "role", colocation.dependent_role);
        role_key(out, "with-role", colocation.primary_role);
        if let Some(attribute) = &colocation.attribute {
            let _ = write!(out, " attribute={attribute}");
        }
        flag(out, !colocation.influence, "no-influence");
        out.push('\n');
    }
    for order in &wanted.orders {
        let _ = write!(
            out,
            "order {} then {}",
            verb((order.first, order.first_verb), wanted),
            verb((order.then, order.then_verb), wanted)
        );
        flag(out, order.kind == OrderKind::Optional, "optional");
        flag(out, order.kind == OrderKind::Serialize, "serialize");
        flag(out, !order.symmetrical, "one-way");
        out.push('\n');
    }
    for some in &wanted.some_before {
        let words = |verbs: &[(ResourceIx, Verb)]| -> String {
            let all: Vec<String> = verbs.iter().map(|one| verb(*one, wanted)).collect();
            all.join(" ")
        };
        let _ = write!(
            out,
            "some-before {} of {} then {}",
            some.enough,
            words(&some.firsts),
            words(&some.thens)
        );
        flag(out, !some.symmetrical, "one-way=yes");
        out.push('\n');
    }
}

fn tickets(out: &mut String, wanted: &Wanted, observed: &Observed) {
    for (ticket, seen) in wanted.tickets.iter().zip(&observed.tickets) {
        let _ = write!(out, "ticket {ticket}");
        flag(out, seen.granted, "granted");
        flag(out, seen.ever_granted && !seen.granted, "lost");
        flag(out, seen.standby, "standby");
        out.push('\n');
    }
    for rule in &wanted.ticket_rules {
        let _ = write!(
            out,
            "needs-ticket {} {}",
            name(wanted, rule.resource),
            wanted.tickets[rule.ticket.0]
        );
        role_key(out, "role", rule.role);
        out.push_str(match rule.on_loss {
            TicketLoss::Stop => "\n",
            TicketLoss::Demote => " loss=demote\n",
            TicketLoss::Fence => " loss=fence\n",
            TicketLoss::Freeze => " loss=freeze\n",
        });
    }
}

fn found(out: &mut String, wanted: &Wanted, observed: &Observed) {
    for found in &observed.found {
        let _ = write!(
            out,
            "found {} on {}",
            name(wanted, found.resource),
            node(wanted, found.node)
        );
        found_state(out, wanted, found);
        out.push('\n');
    }
    let numbered =
        |instance: Option<u32>| instance.map_or(String::new(), |number| format!(" #{number}"));
    for failure in &observed.failures {
        let _ = writeln!(
            out,
            "failures {} on {} {}{}{}",
            name(wanted, failure.resource),
            node(wanted, failure.node),
            score(failure.count),
            numbered(failure.instance),
            if failure.hopeless { " hopeless" } else { "" }
        );
    }
    for wish in &observed.promotion_scores {
        let _ = writeln!(
            out,
            "promotes {} on {} {}{}",
            name(wanted, wish.resource),
            node(wanted, wish.node),
            score(wish.score),
            numbered(wish.instance)
        );
    }
}

fn found_state(out: &mut String, wanted: &Wanted, found: &Found) {
    if let Some(number) = found.instance {
        let _ = write!(out, " #{number}");
    }
    let _ = write!(out, " {}", found.role.map_or("stopped", role));
    if let Some(failed) = found.failed {
        let what = match failed.in_what {
            FailedVerb::Watch => "watch",
            FailedVerb::Start => "start",
            FailedVerb::Stop => "stop",
            FailedVerb::Promote => "promote",
            FailedVerb::Demote => "demote",
            FailedVerb::Migrate => "migrate",
        };
        let answer = match failed.answer {
            OnFail::Ignore => "ignore",
            OnFail::Demote => "demote",
            OnFail::Restart => "restart",
            OnFail::Move => "move",
            OnFail::Block => "block",
            OnFail::Stop => "stop",
            OnFail::Standby => "standby",
            OnFail::Fence => "fence",
        };
        let _ = write!(out, " failed={what}/{answer}");
    }
    let under_way = match found.under_way {
        None => return,
        Some(UnderWay::Start) => "starting".to_string(),
        Some(UnderWay::Stop) => "stopping".to_string(),
        Some(UnderWay::Promote) => "promoting".to_string(),
        Some(UnderWay::Demote) => "demoting".to_string(),
        Some(UnderWay::MigrateTo { target }) => {
            format!("leaving-to={}", node(wanted, target))
        }
        Some(UnderWay::MigrateFrom { source }) => {
            format!("coming-from={}", node(wanted, source))
        }
    };
    let _ = write!(out, " {under_way}");
}
