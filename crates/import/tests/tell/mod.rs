//! What was read, one line for each fact, in the words of the glossary.

use std::fmt::Write;

use import::cib::Cluster;
use planner::arrange::{
    Discovery, Kind, NodeIx, NodeState, OrderKind, Resource, ResourceIx, Role, Settings,
    TicketLoss, UnderWay, Verb,
};

pub fn tell(cluster: &Cluster) -> String {
    let teller = Teller(cluster);
    let mut out = String::new();
    teller.policy(&mut out);
    teller.nodes(&mut out);
    teller.resources(&mut out);
    teller.locations(&mut out);
    teller.colocations(&mut out);
    teller.orders(&mut out);
    teller.tickets(&mut out);
    teller.found(&mut out);
    for note in &cluster.notes {
        line(&mut out, format!("note {}: {}", note.place, note.text));
    }
    out
}

struct Teller<'a>(&'a Cluster);

fn line(out: &mut String, text: impl AsRef<str>) {
    writeln!(out, "{}", text.as_ref()).unwrap();
}

/// Words joined by blanks; empty ones are left out.
fn words(words: &[String]) -> String {
    let words: Vec<&str> = words
        .iter()
        .map(String::as_str)
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ")
}

fn when(is_so: bool, word: &str) -> String {
    if is_so {
        word.to_string()
    } else {
        String::new()
    }
}

impl Teller<'_> {
    fn node(&self, ix: NodeIx) -> &str {
        &self.0.wanted.nodes[ix.0].name
    }

    fn name(&self, ix: ResourceIx) -> &str {
        &self.0.wanted.resources[ix.0].name
    }

    fn policy(&self, out: &mut String) {
        let policy = &self.0.wanted.policy;
        let rest = [
            when(!policy.fencing, "no fencing"),
            when(!policy.startup_fencing, "no fencing of the unseen"),
            when(!policy.opt_out, "opt in"),
            when(policy.maintenance, "maintenance"),
            when(policy.stop_all, "stop all"),
            when(!policy.stop_removed, "removed stay"),
            when(policy.shutdown_lock, "kept at shutdown"),
            policy
                .migrations_max
                .map_or(String::new(), |max| format!("migrations <= {max}")),
        ];
        let quorum = if self.0.observed.quorate {
            "quorate"
        } else {
            "no quorum"
        };
        let first = format!(
            "{quorum}; without: {:?}; places: {:?}",
            policy.no_quorum, policy.placement
        );
        line(out, words(&[first, words(&rest)]));
    }

    fn nodes(&self, out: &mut String) {
        let nodes = self.0.wanted.nodes.iter().zip(&self.0.observed.nodes);
        for (wanted, node) in nodes {
            let state = match node.state {
                NodeState::Online => "online",
                NodeState::Pending => "pending",
                NodeState::Offline => "offline",
            };
            let capacity = wanted
                .capacity
                .iter()
                .map(|(good, n)| format!("{good}={n}"));
            let rest = [
                when(node.unclean, "unclean"),
                when(!node.seen, "unseen"),
                when(node.standby, "standby"),
                when(node.maintenance, "maintenance"),
                when(node.shutdown, "shutting down"),
                when(node.asked_to_fence, "to be fenced"),
                when(!wanted.runs_resources, "runs nothing"),
                when(node.health.value() != 0, &format!("health {}", node.health)),
                words(&capacity.collect::<Vec<_>>()),
            ];
            line(
                out,
                words(&[format!("node {} {state}", wanted.name), words(&rest)]),
            );
        }
    }

    fn resources(&self, out: &mut String) {
        for resource in &self.0.wanted.resources {
            let kind = match &resource.kind {
                Kind::Single => "single".to_string(),
                Kind::Group {
                    members,
                    ordered,
                    together,
                } => {
                    let members: Vec<String> = members
                        .iter()
                        .map(|ix| self.name(*ix).to_string())
                        .collect();
                    words(&[
                        format!("group of {}", words(&members)),
                        when(!ordered, "not ordered"),
                        when(!together, "not together"),
                    ])
                }
                Kind::Clone { child, rules } => words(&[
                    format!("clone of {}", self.name(*child)),
                    rules.max.map_or(String::new(), |max| format!("max {max}")),
                    when(
                        rules.per_node != 1,
                        &format!("{} on a node", rules.per_node),
                    ),
                    when(rules.unique, "unique"),
                    when(rules.interleave, "interleaved"),
                    when(rules.ordered, "one after the other"),
                    when(rules.enough != 0, &format!("{} are enough", rules.enough)),
                    rules.promotable.map_or(String::new(), |promoted| {
                        format!("promoted {}, {} on a node", promoted.max, promoted.per_node)
                    }),
                ]),
            };
            let parent = resource
                .parent
                .map_or(String::new(), |ix| format!("in {}", self.name(ix)));
            line(
                out,
                words(&[
                    format!("resource {}: {kind}", resource.name),
                    parent,
                    when(resource.removed, "removed"),
                    settings(resource),
                ]),
            );
        }
    }

    fn locations(&self, out: &mut String) {
        let wanted = &self.0.wanted;
        for location in &wanted.locations {
            let scores: Vec<String> = location
                .scores
                .iter()
                .map(|(node, score)| format!("{}={score}", self.node(*node)))
                .collect();
            let discovery = match location.discovery {
                Discovery::Always => "",
                Discovery::Never => "not looked for",
                Discovery::Exclusive => "only there",
            };
            let subject = with_role(self.name(location.resource), location.role);
            line(
                out,
                words(&[
                    format!("location {subject}:"),
                    words(&scores),
                    discovery.to_string(),
                ]),
            );
        }
    }

    fn colocations(&self, out: &mut String) {
        for colocation in &self.0.wanted.colocations {
            line(
                out,
                words(&[
                    format!(
                        "together {}",
                        with_role(self.name(colocation.dependent), colocation.dependent_role)
                    ),
                    format!(
                        "with {}",
                        with_role(self.name(colocation.primary), colocation.primary_role)
                    ),
                    format!("score {}", colocation.score),
                    colocation
                        .attribute
                        .as_ref()
                        .map_or(String::new(), |name| format!("by {name}")),
                    when(!colocation.influence, "without influence"),
                ]),
            );
        }
    }

    fn orders(&self, out: &mut String) {
        for order in &self.0.wanted.orders {
            line(
                out,
                words(&[
                    format!(
                        "order {} {}",
                        verb(order.first_verb),
                        self.name(order.first)
                    ),
                    format!("then {} {}", verb(order.then_verb), self.name(order.then)),
                    order_kind(order.kind).to_string(),
                    when(!order.symmetrical, "one way"),
                ]),
            );
        }
        let ends = |ends: &[(ResourceIx, Verb)]| {
            let ends: Vec<String> = ends
                .iter()
                .map(|(ix, v)| format!("{} {}", verb(*v), self.name(*ix)))
                .collect();
            ends.join(", ")
        };
        for some in &self.0.wanted.some_before {
            line(
                out,
                format!(
                    "order {} of ({}) then ({})",
                    some.enough,
                    ends(&some.firsts),
                    ends(&some.thens)
                ),
            );
        }
    }

    fn tickets(&self, out: &mut String) {
        let wanted = &self.0.wanted;
        for rule in &wanted.ticket_rules {
            let on_loss = match rule.on_loss {
                TicketLoss::Stop => "stops",
                TicketLoss::Demote => "is demoted",
                TicketLoss::Fence => "is fenced",
                TicketLoss::Freeze => "stays",
            };
            let state = self.0.observed.tickets[rule.ticket.0];
            line(
                out,
                words(&[
                    format!("ticket {}", wanted.tickets[rule.ticket.0]),
                    if state.granted {
                        "(granted)"
                    } else {
                        "(not granted)"
                    }
                    .to_string(),
                    format!(
                        "for {}, else it {on_loss}",
                        with_role(self.name(rule.resource), rule.role)
                    ),
                ]),
            );
        }
    }

    fn found(&self, out: &mut String) {
        for found in &self.0.observed.found {
            let instance = found.instance.map_or(String::new(), |n| format!(":{n}"));
            let under_way = match found.under_way {
                None => String::new(),
                Some(UnderWay::MigrateTo { target }) => {
                    format!("leaving for {}", self.node(target))
                }
                Some(UnderWay::MigrateFrom { source }) => {
                    format!("coming from {}", self.node(source))
                }
                Some(other) => format!("under way: {other:?}"),
            };
            line(
                out,
                words(&[
                    format!(
                        "found {}{instance} on {}:",
                        self.name(found.resource),
                        self.node(found.node)
                    ),
                    found
                        .role
                        .map_or("stopped".to_string(), |role| format!("{role:?}")),
                    found.failed.map_or(String::new(), |f| {
                        format!("failed in {:?}, so {:?}", f.in_what, f.answer)
                    }),
                    under_way,
                ]),
            );
        }
        for count in &self.0.observed.failures {
            line(
                out,
                words(&[
                    format!(
                        "failures of {} on {}: {}",
                        self.name(count.resource),
                        self.node(count.node),
                        count.count
                    ),
                    when(count.hopeless, "hopeless"),
                ]),
            );
        }
        for promotion in &self.0.observed.promotion_scores {
            line(
                out,
                format!(
                    "promotion of {} on {}: {}",
                    self.name(promotion.resource),
                    self.node(promotion.node),
                    promotion.score
                ),
            );
        }
    }
}

/// What differs from the defaults.
fn settings(resource: &Resource) -> String {
    let (is, was) = (&resource.settings, Settings::default());
    let utilization: Vec<String> = is
        .utilization
        .iter()
        .map(|(good, n)| format!("{good}={n}"))
        .collect();
    words(&[
        when(
            is.priority != was.priority,
            &format!("priority {}", is.priority),
        ),
        when(
            is.stickiness != was.stickiness,
            &format!("stickiness {}", is.stickiness),
        ),
        when(is.target != was.target, &format!("target {:?}", is.target)),
        when(!is.managed, "unmanaged"),
        when(is.maintenance, "maintenance"),
        when(!is.critical, "not critical"),
        when(
            is.multiple_active != was.multiple_active,
            &format!("if twice {:?}", is.multiple_active),
        ),
        is.failures_max
            .map_or(String::new(), |max| format!("failures <= {max}")),
        when(
            is.requires != was.requires,
            &format!("requires {:?}", is.requires),
        ),
        when(is.live_migration, "moves live"),
        when(is.ignores_health, "ignores health"),
        when(is.is_fence_device, "fence device"),
        words(&utilization),
    ])
}

fn with_role(name: &str, role: Option<Role>) -> String {
    role.map_or(name.to_string(), |role| format!("{name} ({role:?})"))
}

fn verb(verb: Verb) -> &'static str {
    match verb {
        Verb::Start => "start",
        Verb::Stop => "stop",
        Verb::Promote => "promote",
        Verb::Demote => "demote",
    }
}

fn order_kind(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::Mandatory => "",
        OrderKind::Optional => "optional",
        OrderKind::Serialize => "never at once",
    }
}
