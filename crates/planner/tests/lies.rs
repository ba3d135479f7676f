//! What the planner does after a fence device has lied, told as the stories are.

mod world;

use expect_test::{Expect, expect};

fn check(script: &str, expected: Expect) {
    let mut world = world::World::new();
    world.play(script);
    assert_eq!(world.steps_rejected, Vec::<String>::new(), "{}", world.out);
    expected.assert_eq(&world.out);
}

#[test]
fn nothing_is_started_until_a_person_has_ended_the_liar() {
    check(
        "nodes a b c
        service db prefer=a,b
        lost a
        fenced a
        lives a
        operator confirms a",
        expect![[r#"
            > service db prefer=a,b
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > lost a
            a is lost: a silent for 800 ms, agreed by b and c
            fence 17: b fences a: a silent for 800 ms, agreed by b and c
              a: waits until a is proven off
              db: waits until a is proven off
            > fenced a
            fence 17: a confirmed off by power
            db stopped on a: a is proven off
            a is down
            plan 3: start db on b: a is proven off
            db runs on b
            > lives a
            ALARM: a lives, although fence device power confirmed it off; db may have run twice, and newer copies are stopped
            plan 3: stop db on b: a lives although fence device power confirmed it off; two copies may have run
            a is lost: a lives although fence device power confirmed it off; two copies may have run
            db stopped on b: a lives although fence device power confirmed it off; two copies may have run
              a: power confirmed what was not true and no other device can fence a; `mainstay fence confirm a` once it is off
              db: waits until a is proven off
            > operator confirms a
            ann: fence confirm a
            fence 23: a confirmed off by ann in person
            a is down
            plan 4: start db on b: a lives although fence device power confirmed it off; two copies may have run
            db runs on b
        "#]],
    );
}

#[test]
fn a_liar_that_tells_what_runs_there_goes_on_with_it() {
    check(
        "nodes a b c
        service db prefer=a,b
        lost a
        fenced a
        lives a
        heard a
        probed a db
        operator trusts power",
        expect![[r#"
            > service db prefer=a,b
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > lost a
            a is lost: a silent for 800 ms, agreed by b and c
            fence 17: b fences a: a silent for 800 ms, agreed by b and c
              a: waits until a is proven off
              db: waits until a is proven off
            > fenced a
            fence 17: a confirmed off by power
            db stopped on a: a is proven off
            a is down
            plan 3: start db on b: a is proven off
            db runs on b
            > lives a
            ALARM: a lives, although fence device power confirmed it off; db may have run twice, and newer copies are stopped
            plan 3: stop db on b: a lives although fence device power confirmed it off; two copies may have run
            a is lost: a lives although fence device power confirmed it off; two copies may have run
            db stopped on b: a lives although fence device power confirmed it off; two copies may have run
              a: power confirmed what was not true and no other device can fence a; `mainstay fence confirm a` once it is off
              db: waits until a is proven off
            > heard a
            a is starting
              db: waits for a to tell what runs there
            > probed a db
            a is online
            plan 4: start db on a: found running on a
            db runs on a
            > operator trusts power
            ann: fence trust power
        "#]],
    );
}
