//! What was found here, runs elsewhere as well and waits for a person is left as it is; when a
//! person has ended it, that is told.

use model::operation::ResourceAddress;
use model::rules::FoundTwice;
use model::seen::Found;

use super::*;

/// The nodes a, which this is, and b: web was found on both.
fn found_on_both() -> (State, u64) {
    let mut spec = spec();
    let web = spec.services.get_mut(&name("web")).unwrap();
    web.rules.found_twice = FoundTwice::Hold;
    let second = spec.nodes[&name("a")].clone();
    spec.nodes.insert(name("b"), second);
    let (mut state, mut index) = (State::new(), 0);
    let mut apply = |command| {
        index += 1;
        let (at, clock) = (WallTime(index), ClusterTime(index));
        state.apply(index, &Stamped { at, clock, command }).unwrap();
    };
    apply(Command::SetSpec {
        base: 0,
        source: String::new(),
        spec: Box::new(spec),
        by: name("ann"),
    });
    apply(Command::AddMember {
        name: name("a"),
        key: [0; 32],
        token: String::new(),
        spec: None,
        level: model::level::LEVEL,
    });
    apply(Command::AddToken {
        digest: "b".into(),
        valid_for: Duration::from_secs(60),
        by: name("ann"),
    });
    apply(Command::AddMember {
        name: name("b"),
        key: [1; 32],
        token: "b".into(),
        spec: None,
        level: model::level::LEVEL,
    });
    for node in ["a", "b"] {
        apply(Command::NodeUp {
            node: name(node),
            boot: BOOT,
            run: 1,
        });
        let found = ["disk", "program"].map(|resource| Found {
            address: ResourceAddress {
                service: name("web"),
                resource: name(resource),
            },
            state: ResourceState::Running,
        });
        apply(Command::Probed {
            node: name(node),
            boot: BOOT,
            run: 1,
            found: found.into(),
        });
    }
    (state, index)
}

#[test]
fn what_a_person_has_ended_by_hand_is_looked_for_and_told() {
    let (state, index) = found_on_both();
    let mut hands = Hands::new();
    hands.executor.begin_probes(&state, &[], Instant::ZERO);
    for probe in hands.operations() {
        hands.answer(&probe, Outcome::Running);
    }
    let every = Limits::default().every;
    let mut now = Instant(1);
    let mut then = |hands: &mut Hands, answer: Outcome| {
        now = now + every;
        hands.executor.advance(&state, index, now);
        let asked = hands.operations();
        let told = asked.iter().map(|o| format!("{} {}", o.verb, o.address));
        let told: Vec<String> = told.collect();
        for question in asked {
            hands.answer(&question, answer.clone());
        }
        told
    };
    let both = |verb: &str| vec![format!("{verb} web/disk"), format!("{verb} web/program")];
    assert_eq!(then(&mut hands, Outcome::Running), both("status"));
    // The program is gone, and then the disk: nothing is stopped for that.
    let program = ResourceAddress {
        service: name("web"),
        resource: name("program"),
    };
    let executor = &mut hands.executor;
    executor.handle_failure(&program, "exit 0".to_string(), String::new());
    let asked = then(&mut hands, Outcome::Stopped);
    assert_eq!(asked, ["status web/disk", "probe web/program"]);
    assert_eq!(then(&mut hands, Outcome::Running), ["probe web/disk"]);
    assert_eq!(then(&mut hands, Outcome::Stopped), ["status web/disk"]);
    assert_eq!(then(&mut hands, Outcome::Stopped), ["probe web/disk"]);
    hands
        .executor
        .advance(&state, index, Instant::ZERO + every * 10);
    let told = hands.executor.poll_output();
    assert_eq!(told, Some(Output::StrayStopped(name("web"))));
}

#[test]
fn what_ends_by_itself_is_asked_for_at_once_and_not_when_its_next_check_is_due() {
    let (state, index) = found_on_both();
    let mut hands = Hands::new();
    hands.executor.begin_probes(&state, &[], Instant::ZERO);
    for probe in hands.operations() {
        hands.answer(&probe, Outcome::Running);
    }
    let asked = |hands: &mut Hands, now: u64| {
        hands.executor.advance(&state, index, Instant(now));
        let asked = hands.operations();
        let words = asked.iter().map(|o| format!("{} {}", o.verb, o.address));
        let words: Vec<String> = words.collect();
        for question in asked {
            hands.answer(&question, Outcome::Stopped);
        }
        words
    };
    assert!(asked(&mut hands, 1).is_empty());
    for (resource, now) in [("program", 2), ("disk", 3)] {
        let ended = ResourceAddress {
            service: name("web"),
            resource: name(resource),
        };
        let executor = &mut hands.executor;
        executor.handle_failure(&ended, "exit 0".to_string(), String::new());
        assert_eq!(asked(&mut hands, now), [format!("probe web/{resource}")]);
    }
    hands.executor.advance(&state, index, Instant(4));
    let told = hands.executor.poll_output();
    assert_eq!(told, Some(Output::StrayStopped(name("web"))));
}
