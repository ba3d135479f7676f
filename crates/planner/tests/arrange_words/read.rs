//! From text to values.

use std::collections::BTreeMap;

use planner::arrange::{
    Action, CloneRules, Colocation, Discovery, FailedVerb, FailureCount, Fence, FenceReason, Found,
    FoundFailed, Kind, Location, MultipleActive, NoQuorum, NodeIx, NodeObserved, NodeState,
    NodeWanted, OnFail, Order, OrderKind, Placed, Placement, PromotableRules, PromotionScore,
    Requires, Resource, ResourceIx, Role, Score, Settings, SomeBefore, Step, StepReason, Target,
    TicketIx, TicketLoss, TicketRule, TicketState, UnderWay, Verb, Wait, WaitReason,
};

use super::Told;

/// Reads lines; panics with the line where one cannot be read.
pub fn read(text: &str) -> Told {
    let mut reader = Reader::default();
    reader.told.observed.quorate = true;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        reader.line(line);
    }
    if reader.told.arrangement.placed.is_empty() {
        reader.told.arrangement.placed = reader.told.arrangement.after.clone();
    }
    reader.told
}

#[derive(Default)]
struct Reader {
    told: Told,
}

/// Words of a line: those before the first `key=value` or flag are taken by place.
struct Line<'t> {
    text: &'t str,
    words: Vec<&'t str>,
}

impl<'t> Line<'t> {
    fn at(&self, place: usize) -> &'t str {
        self.words
            .get(place)
            .unwrap_or_else(|| panic!("a word is missing in: {}", self.text))
    }

    fn has(&self, flag: &str) -> bool {
        self.words.contains(&flag)
    }

    fn value(&self, key: &str) -> Option<&'t str> {
        self.words.iter().find_map(|word| {
            let (name, value) = word.split_once('=')?;
            (name == key).then_some(value)
        })
    }

    fn number(&self, key: &str) -> Option<u32> {
        self.value(key).map(|value| value.parse().expect(self.text))
    }

    /// The words after this one, up to the next word of the language.
    fn after(&self, word: &str) -> Vec<&'t str> {
        let ends = ["after", "after-fence", "implied", "then", "of"];
        let start = self.words.iter().position(|known| *known == word);
        start.map_or(Vec::new(), |start| {
            let rest = self.words[start + 1..].iter().copied();
            rest.take_while(|word| !ends.contains(word) && !word.contains('='))
                .collect()
        })
    }

    fn instance(&self) -> Option<u32> {
        let number = self.words.iter().find_map(|word| word.strip_prefix('#'))?;
        Some(number.parse().expect(self.text))
    }
}

fn score(text: &str) -> Score {
    match text {
        "never" => Score::MINUS_INFINITY,
        "always" => Score::INFINITY,
        number => Score::new(number.parse().expect(number)),
    }
}

fn goods(text: Option<&str>) -> BTreeMap<String, i64> {
    let all = text.into_iter().flat_map(|text| text.split(','));
    all.map(|good| {
        let (name, number) = good.split_once(':').expect(good);
        (name.to_string(), number.parse().expect(good))
    })
    .collect()
}

fn role(text: &str) -> Option<Role> {
    match text {
        "started" => Some(Role::Started),
        "unpromoted" => Some(Role::Unpromoted),
        "promoted" => Some(Role::Promoted),
        _ => None,
    }
}

impl Reader {
    fn line(&mut self, text: &str) {
        let line = Line {
            text,
            words: text.split_whitespace().collect(),
        };
        match line.at(0) {
            "policy" => self.policy(&line),
            "no-quorum" => self.told.observed.quorate = false,
            "nodes" => line.words[1..].iter().for_each(|name| self.add_node(name)),
            "node" => self.node_line(&line),
            "single" | "group" | "clone" => self.resource(&line),
            "location" => self.location(&line),
            "colocation" => self.colocation(&line),
            "order" => self.order(&line),
            "some-before" => self.some_before(&line),
            "ticket" => self.ticket(&line),
            "needs-ticket" => self.ticket_rule(&line),
            "found" => self.found(&line),
            "failures" => self.failures(&line),
            "promotes" => self.promotes(&line),
            "fence" => self.fence(&line),
            "is" => {
                let placed = self.placed(&line);
                self.told.arrangement.after.push(placed);
            }
            "placed" => {
                let placed = self.placed(&line);
                self.told.arrangement.placed.push(placed);
            }
            "wait" => {
                let resource = self.named(line.at(1));
                self.told.arrangement.waits.push(Wait {
                    resource,
                    instance: line.instance().unwrap_or(0),
                    because: WaitReason::Blocked,
                });
            }
            _ => self.step(&line),
        }
    }

    fn node(&self, name: &str) -> NodeIx {
        let nodes = &self.told.wanted.nodes;
        let place = nodes.iter().position(|node| node.name == name);
        NodeIx(place.unwrap_or_else(|| panic!("no node {name}")))
    }

    fn named(&self, name: &str) -> ResourceIx {
        let resources = &self.told.wanted.resources;
        let place = resources.iter().position(|resource| resource.name == name);
        ResourceIx(place.unwrap_or_else(|| panic!("no resource {name}")))
    }

    fn named_ticket(&self, name: &str) -> TicketIx {
        let tickets = &self.told.wanted.tickets;
        let place = tickets.iter().position(|ticket| ticket == name);
        TicketIx(place.unwrap_or_else(|| panic!("no ticket {name}")))
    }

    fn policy(&mut self, line: &Line<'_>) {
        let policy = &mut self.told.wanted.policy;
        policy.fencing = !line.has("no-fencing");
        policy.has_fence_device = !line.has("no-fence-device");
        policy.startup_fencing = !line.has("no-startup-fencing");
        policy.opt_out = !line.has("opt-in");
        policy.maintenance = line.has("maintenance");
        policy.stop_all = line.has("stop-all");
        policy.stop_removed = !line.has("keep-removed");
        policy.no_quorum = match line.value("no-quorum") {
            None | Some("stop") => NoQuorum::Stop,
            Some("freeze") => NoQuorum::Freeze,
            Some("demote") => NoQuorum::Demote,
            Some("fence") => NoQuorum::Fence,
            Some("ignore") => NoQuorum::Ignore,
            Some(other) => panic!("{other}"),
        };
        policy.placement = match line.value("placement") {
            None | Some("count") => Placement::Count,
            Some("fits") => Placement::Fits,
            Some("balanced") => Placement::Balanced,
            Some("few") => Placement::Few,
            Some("least-busy") => Placement::LeastBusy,
            Some(other) => panic!("{other}"),
        };
    }

    fn add_node(&mut self, name: &str) {
        self.told.wanted.nodes.push(NodeWanted {
            name: name.to_string(),
            capacity: BTreeMap::new(),
            runs_resources: true,
        });
        self.told.observed.nodes.push(NodeObserved {
            state: NodeState::Online,
            seen: true,
            ..NodeObserved::default()
        });
    }

    fn node_line(&mut self, line: &Line<'_>) {
        let name = line.at(1);
        let nodes = &self.told.wanted.nodes;
        if !nodes.iter().any(|node| node.name == name) {
            self.add_node(name);
        }
        let at = self.node(name).0;
        let wanted = &mut self.told.wanted.nodes[at];
        wanted.capacity = goods(line.value("capacity"));
        wanted.runs_resources = !line.has("no-resources");
        let seen = &mut self.told.observed.nodes[at];
        if line.has("offline") {
            seen.state = NodeState::Offline;
        }
        if line.has("pending") {
            seen.state = NodeState::Pending;
        }
        seen.unclean = line.has("unclean");
        seen.seen = !line.has("unseen");
        seen.standby = line.has("standby");
        seen.maintenance = line.has("maintenance");
        seen.shutdown = line.has("shutdown");
        seen.asked_to_fence = line.has("asked");
        seen.busy = line.value("busy").map_or(0, |busy| busy.parse().unwrap());
        seen.health = line.value("health").map_or(Score::ZERO, score);
        if let Some(rack) = line.value("rack") {
            seen.attributes.insert("rack".to_string(), rack.to_string());
        }
    }

    fn resource(&mut self, line: &Line<'_>) {
        let at = ResourceIx(self.told.wanted.resources.len());
        let parent = line
            .words
            .iter()
            .position(|word| *word == "in")
            .map(|place| self.named(line.at(place + 1)));
        let kind = match line.at(0) {
            "single" => Kind::Single,
            "group" => Kind::Group {
                members: Vec::new(),
                ordered: !line.has("unordered"),
                together: !line.has("apart"),
            },
            _ => Kind::Clone {
                child: at,
                rules: clone_rules(line),
            },
        };
        let settings = settings(line);
        self.told.wanted.resources.push(Resource {
            name: line.at(1).to_string(),
            parent,
            kind,
            settings,
            removed: line.has("removed"),
        });
        if let Some(parent) = parent {
            match &mut self.told.wanted.resources[parent.0].kind {
                Kind::Group { members, .. } => members.push(at),
                Kind::Clone { child, .. } => *child = at,
                Kind::Single => panic!("in a single resource: {}", line.text),
            }
        }
    }

    fn location(&mut self, line: &Line<'_>) {
        let named = line.words[2..].iter().filter_map(|word| {
            let (node, value) = word.split_once('=')?;
            (node != "role").then(|| (self.node(node), score(value)))
        });
        let scores = named.collect();
        let location = Location {
            id: line.text.to_string(),
            resource: self.named(line.at(1)),
            role: line.value("role").and_then(role),
            scores,
            discovery: if line.has("exclusive") {
                Discovery::Exclusive
            } else if line.has("undiscovered") {
                Discovery::Never
            } else {
                Discovery::Always
            },
        };
        self.told.wanted.locations.push(location);
    }

    fn colocation(&mut self, line: &Line<'_>) {
        let colocation = Colocation {
            id: line.text.to_string(),
            dependent: self.named(line.at(1)),
            dependent_role: line.value("role").and_then(role),
            primary: self.named(line.at(3)),
            primary_role: line.value("with-role").and_then(role),
            score: score(line.at(4)),
            attribute: line.value("attribute").map(str::to_string),
            influence: !line.has("no-influence"),
        };
        self.told.wanted.colocations.push(colocation);
    }

    fn verb(&self, text: &str) -> (ResourceIx, Verb) {
        let (name, verb) = text.split_once('.').unwrap_or((text, "start"));
        let verb = match verb {
            "start" => Verb::Start,
            "stop" => Verb::Stop,
            "promote" => Verb::Promote,
            "demote" => Verb::Demote,
            other => panic!("{other}"),
        };
        (self.named(name), verb)
    }

    fn order(&mut self, line: &Line<'_>) {
        let (first, first_verb) = self.verb(line.at(1));
        let (then, then_verb) = self.verb(line.at(3));
        self.told.wanted.orders.push(Order {
            id: line.text.to_string(),
            first,
            first_verb,
            then,
            then_verb,
            kind: if line.has("optional") {
                OrderKind::Optional
            } else if line.has("serialize") {
                OrderKind::Serialize
            } else {
                OrderKind::Mandatory
            },
            symmetrical: !line.has("one-way"),
        });
    }

    fn some_before(&mut self, line: &Line<'_>) {
        let verbs = |words: Vec<&str>| words.iter().map(|word| self.verb(word)).collect();
        let some = SomeBefore {
            id: line.text.to_string(),
            enough: line.at(1).parse().expect(line.text),
            firsts: verbs(line.after("of")),
            thens: verbs(line.after("then")),
            kind: OrderKind::Mandatory,
            symmetrical: line.value("one-way").is_none(),
        };
        self.told.wanted.some_before.push(some);
    }

    fn ticket(&mut self, line: &Line<'_>) {
        self.told.wanted.tickets.push(line.at(1).to_string());
        self.told.observed.tickets.push(TicketState {
            granted: line.has("granted"),
            ever_granted: line.has("granted") || line.has("lost"),
            standby: line.has("standby"),
        });
    }

    fn ticket_rule(&mut self, line: &Line<'_>) {
        let rule = TicketRule {
            id: line.text.to_string(),
            ticket: self.named_ticket(line.at(2)),
            resource: self.named(line.at(1)),
            role: line.value("role").and_then(role),
            on_loss: match line.value("loss") {
                None | Some("stop") => TicketLoss::Stop,
                Some("demote") => TicketLoss::Demote,
                Some("fence") => TicketLoss::Fence,
                Some("freeze") => TicketLoss::Freeze,
                Some(other) => panic!("{other}"),
            },
        };
        self.told.wanted.ticket_rules.push(rule);
    }

    fn found(&mut self, line: &Line<'_>) {
        let under_way = [
            (line.has("starting"), UnderWay::Start),
            (line.has("stopping"), UnderWay::Stop),
            (line.has("promoting"), UnderWay::Promote),
            (line.has("demoting"), UnderWay::Demote),
        ];
        let live = |key: &str| line.value(key).map(|name| self.node(name));
        let under_way = under_way
            .iter()
            .find_map(|(so, what)| so.then_some(*what))
            .or(live("leaving-to").map(|target| UnderWay::MigrateTo { target }))
            .or(live("coming-from").map(|source| UnderWay::MigrateFrom { source }));
        let roles = line.words.iter().find_map(|word| role(word));
        let found = Found {
            resource: self.named(line.at(1)),
            instance: line.instance(),
            node: self.node(line.at(3)),
            role: (!line.has("stopped")).then_some(roles.unwrap_or(Role::Started)),
            failed: line.value("failed").map(failed),
            under_way,
        };
        self.told.observed.found.push(found);
    }

    fn failures(&mut self, line: &Line<'_>) {
        let count = FailureCount {
            resource: self.named(line.at(1)),
            instance: line.instance(),
            node: self.node(line.at(3)),
            count: score(line.at(4)),
            hopeless: line.has("hopeless"),
        };
        self.told.observed.failures.push(count);
    }

    fn promotes(&mut self, line: &Line<'_>) {
        let wish = PromotionScore {
            resource: self.named(line.at(1)),
            instance: line.instance(),
            node: self.node(line.at(3)),
            score: score(line.at(4)),
        };
        self.told.observed.promotion_scores.push(wish);
    }

    fn fence(&mut self, line: &Line<'_>) {
        let because = match line.at(2) {
            "lost" => FenceReason::Lost,
            "never-seen" => FenceReason::NeverSeen,
            "failed" => FenceReason::Failed(self.named(line.at(3))),
            "ticket" => FenceReason::TicketLost(self.named(line.at(3))),
            "asked" => FenceReason::Asked,
            "no-quorum" => FenceReason::NoQuorum,
            other => panic!("{other}"),
        };
        let node = self.node(line.at(1));
        self.told.arrangement.fences.push(Fence { node, because });
    }

    fn placed(&self, line: &Line<'_>) -> Placed {
        Placed {
            resource: self.named(line.at(1)),
            instance: line.instance().unwrap_or(0),
            node: self.node(line.at(3)),
            role: line
                .words
                .iter()
                .find_map(|word| role(word))
                .unwrap_or(Role::Started),
        }
    }

    fn step(&mut self, line: &Line<'_>) {
        let action = match line.at(0) {
            "start" => Action::Start,
            "stop" => Action::Stop,
            "promote" => Action::Promote,
            "demote" => Action::Demote,
            "migrate-to" => Action::MigrateTo,
            "migrate-from" => Action::MigrateFrom,
            other => panic!("what is {other}: {}", line.text),
        };
        let links = line.after("after");
        let fences = line.after("after-fence");
        let step = Step {
            action,
            resource: self.named(line.at(1)),
            instance: line.instance().unwrap_or(0),
            node: self.node(line.at(3)),
            implied: line.has("implied"),
            after: links
                .iter()
                .map(|at| at.parse().expect(line.text))
                .collect(),
            after_fences: fences.iter().map(|name| self.node(name)).collect(),
            because: StepReason::Wanted,
        };
        self.told.arrangement.steps.push(step);
    }
}

fn failed(text: &str) -> FoundFailed {
    let (what, answer) = text.split_once('/').expect(text);
    FoundFailed {
        in_what: match what {
            "watch" => FailedVerb::Watch,
            "start" => FailedVerb::Start,
            "stop" => FailedVerb::Stop,
            "promote" => FailedVerb::Promote,
            "demote" => FailedVerb::Demote,
            "migrate" => FailedVerb::Migrate,
            other => panic!("{other}"),
        },
        answer: match answer {
            "ignore" => OnFail::Ignore,
            "demote" => OnFail::Demote,
            "restart" => OnFail::Restart,
            "move" => OnFail::Move,
            "block" => OnFail::Block,
            "stop" => OnFail::Stop,
            "standby" => OnFail::Standby,
            "fence" => OnFail::Fence,
            other => panic!("{other}"),
        },
    }
}

fn clone_rules(line: &Line<'_>) -> CloneRules {
    CloneRules {
        max: line.number("max"),
        per_node: line.number("per-node").unwrap_or(1),
        unique: line.has("unique"),
        interleave: line.has("interleave"),
        ordered: line.has("one-by-one"),
        enough: line.number("enough").unwrap_or(0),
        promotable: line.number("promoted").map(|max| PromotableRules {
            max,
            per_node: line.number("promoted-per-node").unwrap_or(1),
        }),
    }
}

fn settings(line: &Line<'_>) -> Settings {
    Settings {
        priority: line.value("priority").map_or(Score::ZERO, score),
        stickiness: line.value("sticky").map_or(Score::ZERO, score),
        target: match line.value("target") {
            None | Some("promoted") => Target::Promoted,
            Some("unpromoted") => Target::Unpromoted,
            Some("stopped") => Target::Stopped,
            Some(other) => panic!("{other}"),
        },
        managed: !line.has("unmanaged"),
        maintenance: line.has("maintenance"),
        critical: !line.has("uncritical"),
        multiple_active: match line.value("twice") {
            None | Some("stop-start") => MultipleActive::StopStart,
            Some("stop-only") => MultipleActive::StopOnly,
            Some("block") => MultipleActive::Block,
            Some("unexpected") => MultipleActive::StopUnexpected,
            Some(other) => panic!("{other}"),
        },
        failures_max: line.number("failures-max"),
        requires: match line.value("requires") {
            None | Some("fencing") => Requires::Fencing,
            Some("quorum") => Requires::Quorum,
            Some("nothing") => Requires::Nothing,
            Some(other) => panic!("{other}"),
        },
        live_migration: line.has("live"),
        ignores_health: line.has("ignores-health"),
        utilization: goods(line.value("uses")),
        is_fence_device: line.has("fence-device"),
    }
}
