//! What the second opinion says of plans that were made without a rule which it knows.

mod world;

use expect_test::{Expect, expect};
use model::rules::ServiceRules;
use model::{ClusterTime, PlanId, WallTime};
use planner::{Input, checker};

/// Plans for a service as if some of its rules were not there, and asks about the plan as if
/// they were.
fn check(script: &str, service: &str, forget: impl Fn(&mut ServiceRules), expected: Expect) {
    let mut world = world::World::new();
    world.play(script);
    let spec = world.state.spec().unwrap().clone();
    let mut forgetful = spec.clone();
    let described = forgetful.services.get_mut(&world::name(service)).unwrap();
    forget(&mut described.rules);
    let ask = Input {
        spec: &spec,
        spec_version: world.state.spec_version(),
        seen: world.state.seen(),
        id: PlanId(99),
        now: ClusterTime(1),
        wall: WallTime(1),
    };
    let plan = planner::plan(&Input {
        spec: &forgetful,
        ..ask
    });
    let steps = plan.steps.iter().map(|step| step.sentence() + "\n");
    let told = checker::check(&ask, &plan).into_iter();
    let told: String = steps.chain(told.map(|it| format!("  {it}\n"))).collect();
    expected.assert_eq(&told);
}

#[test]
fn a_start_needs_every_ticket() {
    check(
        "nodes a b\nservice web ticket=site ticket=branch:freeze\noperator ticket grant site",
        "web",
        |rules| rules.tickets.retain(|ticket, _| ticket.as_str() == "site"),
        expect![[r#"
            start web on a: it should run and runs nowhere
              step 0: starts without its ticket
        "#]],
    );
}

#[test]
fn a_promotion_needs_every_ticket_of_the_role() {
    check(
        "nodes a b
        service db copies=2 promoted=1 ticket=site:demote ticket=branch:demote
        operator ticket grant site",
        "db",
        |rules| rules.tickets.retain(|ticket, _| ticket.as_str() == "site"),
        expect![[r#"
            promote db:0 on a: a copy should be promoted, and none is
              step 0: promotes without its ticket
        "#]],
    );
}

#[test]
fn a_promotion_is_not_where_a_rule_about_it_forbids() {
    for rule in [
        "promoted-nodes=c",
        "promoted-where=rack:x",
        "promoted-all=rack:y+disks:4",
        "promoted-any=rack:x+disks:4",
    ] {
        check(
            &format!("nodes a b\nattribute a rack=y\nservice db copies=2 promoted=1 {rule}"),
            "db",
            |rules| rules.where_rules.clear(),
            expect![[r#"
                promote db:0 on a: a copy should be promoted, and none is
                  step 0: promotes where the rules about nodes forbid it
            "#]],
        );
    }
}

#[test]
fn a_start_is_not_where_a_rule_about_the_node_forbids() {
    for rule in [
        "nodes=b,c",
        "where=rack:x",
        "all=rack:y+disks:4",
        "any=rack:x+disks:4",
    ] {
        check(
            &format!("nodes a\nattribute a rack=y\nservice web {rule}"),
            "web",
            |rules| rules.where_rules.clear(),
            expect![[r#"
                start web on a: it should run and runs nowhere
                  step 0: starts where the rules about nodes forbid it
            "#]],
        );
    }
}
