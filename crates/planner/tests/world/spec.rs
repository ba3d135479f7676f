//! What lines say of services, as the configuration has it.

use super::*;

pub fn empty_spec() -> Spec {
    Spec {
        cluster: ClusterSpec {
            name: "test".into(),
            port: PORT_DEFAULT,
            timings: Timings::DEFAULT,
            fences_per_hour_max: 3,
            no_quorum: NoQuorumPolicy::Stop,
            fence_race_delay: model::spec::FENCE_RACE_DELAY_DEFAULT,
            ping_targets: Vec::new(),
            rules: Default::default(),
        },
        networks: BTreeMap::new(),
        nodes: BTreeMap::new(),
        fence_devices: BTreeMap::new(),
        services: BTreeMap::new(),
    }
}

pub fn process(text: &str) -> ResourceSpec {
    ResourceSpec {
        name: name("program"),
        kind: ResourceKind::Process(ProcessSpec {
            argv: vec![text.to_string()],
            environment: BTreeMap::new(),
            user: None,
            directory: None,
            ready: Ready::Executed,
            ..ProcessSpec::default()
        }),
        limits: Limits::default(),
    }
}

pub fn address(network: &str) -> ResourceSpec {
    ResourceSpec {
        name: name("address"),
        kind: ResourceKind::Address(AddressSpec {
            address: "10.0.0.100/24".parse().unwrap(),
            network: name(network),
            duplicate_wait: Duration::ZERO,
        }),
        limits: Limits::default(),
    }
}

/// Reads `prefer=a,b only failback after=x priority=5 sticky=50 restart=1 manual`.
pub fn service_spec(words: &[&str]) -> ServiceSpec {
    let mut spec = ServiceSpec {
        prefer: Vec::new(),
        elsewhere: Elsewhere::Allowed,
        failback: Failback::Never,
        after: Vec::new(),
        autostart: Autostart::Yes,
        priority: 0,
        stickiness: 0,
        restart: RestartPolicy {
            times: 1,
            within: Duration::from_secs(3600),
        },
        rules: Default::default(),
        resources: vec![process("/bin/true")],
        survive: None,
    };
    for word in words {
        match word.split_once('=').unwrap_or((word, "")) {
            ("prefer", list) => spec.prefer = list.split(',').map(name).collect(),
            ("only", _) => spec.elsewhere = Elsewhere::Never,
            ("failback", _) => spec.failback = Failback::WhenPossible,
            ("after", list) => spec.after = list.split(',').map(name).collect(),
            ("manual", _) => spec.autostart = Autostart::No,
            ("priority", number) => spec.priority = number.parse().unwrap(),
            ("sticky", number) => spec.stickiness = number.parse().unwrap(),
            ("restart", number) => spec.restart.times = number.parse().unwrap(),
            ("runs", program) => spec.resources = vec![process(program)],
            ("address", network) => spec.resources.insert(0, address(network)),
            (word, value) if rule(&mut spec, word, value) => {}
            (word, value) if more::rule(&mut spec, word, value) => {}
            (word, value) if parts::rule(&mut spec, word, value) => {}
            other => panic!("a service cannot be {other:?}"),
        }
    }
    spec
}

/// `name` alone must be so, `name:50` is a wish.
pub(super) fn company(list: &str) -> Vec<Company> {
    list.split(',')
        .map(|each| {
            let (service, points) = each.split_once(':').unwrap_or((each, ""));
            let points = (!points.is_empty()).then(|| points.parse().unwrap());
            let service = name(service);
            Company {
                service,
                points,
                role: Default::default(),
            }
        })
        .collect()
}

/// Reads `copies=3 per-node=2 together=db apart=mail:50 after-if-both=x not-while=x avoid=a
/// never=b where=rack:a where=rack:a:50 uses=cpu:2 exclusive ticket=site:fence expires=1h
/// on-failure=move stop-failure=block found-twice=hold`.
pub(super) fn rule(spec: &mut ServiceSpec, word: &str, value: &str) -> bool {
    let rules = &mut spec.rules;
    let one = Copies {
        count: CopyCount::Number(1),
        per_node: 1,
        start: CopiesStart::default(),
    };
    match (word, value) {
        ("copies", "every-node") => rules.copies.get_or_insert(one).count = CopyCount::EveryNode,
        ("copies", number) => {
            let count = CopyCount::Number(number.parse().unwrap());
            rules.copies.get_or_insert(one).count = count;
        }
        ("per-node", number) => {
            rules.copies.get_or_insert(one).per_node = number.parse().unwrap();
        }
        ("together", list) => rules.together_with = company(list),
        ("apart", list) => rules.apart_from = company(list),
        ("after-if-both", list) => rules.after_if_both = list.split(',').map(name).collect(),
        ("after-starts", list) => {
            spec.after = list.split(',').map(name).collect();
            rules.after_starts = spec.after.iter().cloned().collect();
        }
        ("one-of", list) => rules.after_one_of.push(list.split(',').map(name).collect()),
        ("not-while", list) => rules.not_while_starting = list.split(',').map(name).collect(),
        ("avoid", list) => rules.avoid = list.split(',').map(name).collect(),
        ("never", list) => rules.never_on = list.split(',').map(name).collect(),
        ("where", text) => {
            let parts: Vec<&str> = text.split(':').collect();
            rules.where_rules.push(WhereRule {
                meant: NodesMeant::One(AttributeRule {
                    attribute: parts[0].into(),
                    test: AttributeTest::Is(parts[1].into()),
                }),
                points: parts.get(2).map(|points| points.parse().unwrap()),
                role: Default::default(),
            });
        }
        ("uses", text) => {
            let (good, amount) = text.split_once(':').unwrap();
            rules.uses.insert(good.into(), amount.parse().unwrap());
        }
        ("exclusive", _) => rules.exclusive = true,
        ("live", _) => rules.live = true,
        ("ticket", text) => {
            let (ticket, on_loss) = text.split_once(':').unwrap_or((text, "stop"));
            let mut all = TicketLoss::WORDS.into_iter();
            let on_loss = all.find(|(word, _)| *word == on_loss).unwrap().1;
            rules.tickets.insert(name(ticket), on_loss);
        }
        ("expires", span) => rules.bar_expires = Some(duration::parse(span).unwrap()),
        ("on-failure", word) => {
            let words = FailureAnswer::WORDS;
            let answer = words.iter().find(|(known, _)| *known == word).unwrap().1;
            rules.on_failure.start = answer;
            rules.on_failure.run = answer;
        }
        ("found-twice", word) => {
            let mut all = FoundTwice::WORDS.into_iter();
            rules.found_twice = all.find(|(known, _)| *known == word).unwrap().1;
        }
        ("stop-failure", "block") => rules.on_failure.stop = StopFailureAnswer::Block,
        _ => return false,
    }
    true
}

pub fn failure(how: &str) -> ResourceFailure {
    ResourceFailure {
        resource: name("program"),
        verb: None,
        how: how.into(),
        output: String::new(),
    }
}

/// `attr NODE KEY=VALUE`, `attr NODE KEY`, `ticket grant|standby|revoke TICKET`.
pub(super) fn setting(words: &[&str], by: UserName) -> Command {
    match words {
        ["attr", node, set] => {
            let (key, value) = set.split_once('=').unwrap_or((set, ""));
            Command::SetAttribute {
                node: name(node),
                key: key.into(),
                value: (!value.is_empty()).then(|| value.into()),
                by,
            }
        }
        ["ticket", word, ticket] => {
            let standing = match *word {
                "grant" => TicketStanding::Granted,
                "standby" => TicketStanding::Standby,
                _ => TicketStanding::Revoked,
            };
            let ticket = name(ticket);
            Command::SetTicket {
                ticket,
                standing,
                by,
            }
        }
        other => panic!("nothing is set by {other:?}"),
    }
}
