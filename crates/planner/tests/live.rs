//! Services that move live, told as an operator would read them.

mod world;

use expect_test::{Expect, expect};

fn check(script: &str, expected: Expect) {
    let mut world = world::World::new();
    world.play(script);
    assert_eq!(world.steps_rejected, Vec::<String>::new(), "{}", world.out);
    expected.assert_eq(&world.out);
}

#[test]
fn what_moves_live_leaves_arrives_and_is_cleared() {
    check(
        "nodes a b
        service guest live prefer=a
        operator move guest to b",
        expect![[r#"
            > service guest live prefer=a
            configuration version 2 by ann
            plan 1: start guest on a: it should run and runs nowhere
            guest runs on a
            > operator move guest to b
            ann: move guest to b
            plan 2: move guest live from a to b: asked by ann
            a has handed guest over to b
            guest runs on b
            guest has moved live from a to b
        "#]],
    );
}

#[test]
fn a_node_that_is_set_aside_keeps_nothing_and_stops_only_what_cannot_go_live() {
    check(
        "nodes a b
        service guest live prefer=a
        service web prefer=a
        operator standby a",
        expect![[r#"
            > service guest live prefer=a
            configuration version 2 by ann
            plan 1: start guest on a: it should run and runs nowhere
            guest runs on a
            > service web prefer=a
            configuration version 3 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > operator standby a
            ann: standby a
            plan 3: move guest live from a to b: a is on standby
            plan 3: stop web on a: a is on standby
            a has handed guest over to b
            web stopped on a: a is on standby
            plan 4: start web on b: a is on standby
            guest runs on b
            web runs on b
            guest has moved live from a to b
        "#]],
    );
}

#[test]
fn a_failure_is_never_answered_by_a_live_move() {
    check(
        "nodes a b
        service guest live prefer=a restart=0
        fails guest",
        expect![[r#"
            > service guest live prefer=a restart=0
            configuration version 2 by ann
            plan 1: start guest on a: it should run and runs nowhere
            guest runs on a
            > fails guest
            guest failed on a: program: exit 1
            plan 2: stop guest on a: program failed once on a, which is barred until cleared
            guest stopped on a: program failed once on a, which is barred until cleared
            plan 3: start guest on b: program failed once on a, which is barred until cleared
            guest runs on b
        "#]],
    );
}

#[test]
fn what_failed_to_leave_and_still_runs_moves_with_a_stop() {
    check(
        "nodes a b
        service guest live prefer=a
        slow guest
        operator move guest to b
        does-not-leave guest
        quick guest",
        expect![[r#"
            > service guest live prefer=a
            configuration version 2 by ann
            plan 1: start guest on a: it should run and runs nowhere
            guest runs on a
            > slow guest
            > operator move guest to b
            ann: move guest to b
            plan 2: move guest live from a to b: asked by ann
              guest: it moves live from a to b
            > does-not-leave guest
            guest failed on a: program: no answer
              guest: waits until b has cleared away what a live move left
            > quick guest
            plan 3: stop guest on a: asked by ann
            guest stopped on a: asked by ann
            guest has not moved live from a to b; nothing is left of the try
            plan 4: start guest on b: asked by ann
            guest runs on b
        "#]],
    );
}

#[test]
fn a_source_that_is_lost_while_it_leaves_is_fenced_and_the_target_clears_first() {
    check(
        "nodes a b c
        service guest live prefer=a
        slow guest
        operator move guest to b
        lost a
        stray-stops guest b
        fenced a
        quick guest",
        expect![[r#"
            > service guest live prefer=a
            configuration version 2 by ann
            plan 1: start guest on a: it should run and runs nowhere
            guest runs on a
            > slow guest
            > operator move guest to b
            ann: move guest to b
            plan 2: move guest live from a to b: asked by ann
              guest: it moves live from a to b
            > lost a
            a is lost: a silent for 800 ms, agreed by b and c
            fence 19: b fences a: a silent for 800 ms, agreed by b and c
              a: waits until a is proven off
              guest: waits until a is proven off
            > stray-stops guest b
            rejected: guest is still on its way to b
            > fenced a
            fence 19: a confirmed off by power
            guest stopped on a: a is proven off
            a is down
              guest: waits until b has cleared away what a live move left
            > quick guest
            guest has not moved live from a to b; nothing is left of the try
            plan 4: start guest on b: asked by ann
            guest runs on b
        "#]],
    );
}

#[test]
fn a_target_that_is_lost_while_it_takes_in_is_fenced_and_the_source_clears_first() {
    check(
        "nodes a b c
        service guest live prefer=a
        slow guest
        operator move guest to b
        handed-over guest
        lost b
        fenced b
        quick guest",
        expect![[r#"
            > service guest live prefer=a
            configuration version 2 by ann
            plan 1: start guest on a: it should run and runs nowhere
            guest runs on a
            > slow guest
            > operator move guest to b
            ann: move guest to b
            plan 2: move guest live from a to b: asked by ann
              guest: it moves live from a to b
            > handed-over guest
            a has handed guest over to b
            > lost b
            b is lost: b silent for 800 ms, agreed by a and c
            fence 20: a fences b: b silent for 800 ms, agreed by a and c
              b: waits until b is proven off
              guest: waits until b is proven off
            > fenced b
            fence 20: b confirmed off by power
            guest stopped on b: b is proven off
            b is down
              guest: waits until a has cleared away what a live move left
            > quick guest
            guest has not moved live from a to b; nothing is left of the try
            plan 4: start guest on a: b is proven off
            guest runs on a
        "#]],
    );
}

#[test]
fn a_source_that_is_lost_afterwards_only_delays_the_end() {
    check(
        "nodes a b c
        service guest live prefer=a
        slow guest
        operator move guest to b
        handed-over guest
        lost a
        arrives guest
        fenced a
        quick guest",
        expect![[r#"
            > service guest live prefer=a
            configuration version 2 by ann
            plan 1: start guest on a: it should run and runs nowhere
            guest runs on a
            > slow guest
            > operator move guest to b
            ann: move guest to b
            plan 2: move guest live from a to b: asked by ann
              guest: it moves live from a to b
            > handed-over guest
            a has handed guest over to b
            > lost a
            a is lost: a silent for 800 ms, agreed by b and c
            fence 20: b fences a: a silent for 800 ms, agreed by b and c
              a: waits until a is proven off
            > arrives guest
            guest runs on b
            > fenced a
            fence 20: a confirmed off by power
            a is down
            guest has moved live from a to b
            > quick guest
        "#]],
    );
}

#[test]
fn nothing_is_restarted_or_moved_while_something_is_on_its_way() {
    check(
        "nodes a b c
        service guest live prefer=a
        slow guest
        operator move guest to b
        operator restart guest
        operator move guest to c
        operator standby b
        handed-over guest
        operator restart guest
        quick guest",
        expect![[r#"
            > service guest live prefer=a
            configuration version 2 by ann
            plan 1: start guest on a: it should run and runs nowhere
            guest runs on a
            > slow guest
            > operator move guest to b
            ann: move guest to b
            plan 2: move guest live from a to b: asked by ann
              guest: it moves live from a to b
            > operator restart guest
            rejected: guest: it moves live from a to b
            > operator move guest to c
            ann: move guest to c
            > operator standby b
            ann: standby b
            > handed-over guest
            a has handed guest over to b
            > operator restart guest
            rejected: guest: it moves live from a to b
            > quick guest
            guest runs on b
            guest has moved live from a to b
            plan 3: move guest live from b to c: b is on standby
            b has handed guest over to c
            guest runs on c
            guest has moved live from b to c
        "#]],
    );
}

#[test]
fn a_service_that_is_stopped_on_its_way_stops_at_both_ends() {
    check(
        "nodes a b
        service guest live prefer=a
        slow guest
        operator move guest to b
        operator stop guest
        stray-stops guest b
        stopped guest
        quick guest",
        expect![[r#"
            > service guest live prefer=a
            configuration version 2 by ann
            plan 1: start guest on a: it should run and runs nowhere
            guest runs on a
            > slow guest
            > operator move guest to b
            ann: move guest to b
            plan 2: move guest live from a to b: asked by ann
              guest: it moves live from a to b
            > operator stop guest
            ann: stop guest
            plan 3: stop guest on a: asked by ann
            > stray-stops guest b
            rejected: guest is still on its way to b
            > stopped guest
            guest stopped on a: asked by ann
              guest: waits until b has cleared away what a live move left
            > quick guest
            guest has not moved live from a to b; nothing is left of the try
        "#]],
    );
}

#[test]
fn a_target_that_boots_anew_is_marked_again_and_gets_nothing() {
    check(
        "nodes a b c
        service guest live prefer=a
        slow guest
        operator move guest to b
        up b
        handed-over guest
        stopped guest
        quick guest",
        expect![[r#"
            > service guest live prefer=a
            configuration version 2 by ann
            plan 1: start guest on a: it should run and runs nowhere
            guest runs on a
            > slow guest
            > operator move guest to b
            ann: move guest to b
            plan 2: move guest live from a to b: asked by ann
              guest: it moves live from a to b
            > up b
            b is starting
            b is online
            > handed-over guest
              guest: waits for the stop on a
            > stopped guest
            guest stopped on a: it could not move live to b (it has rebooted meanwhile)
              guest: waits until b has cleared away what a live move left
            > quick guest
            guest has not moved live from a to b; nothing is left of the try
            plan 3: start guest on a: it could not move live to b (it has rebooted meanwhile)
            guest runs on a
        "#]],
    );
}

#[test]
fn a_node_does_not_leave_before_its_end_is_cleared() {
    check(
        "nodes a b c
        service guest live prefer=a
        slow guest
        operator move guest to b
        leaves b
        left b
        quick guest",
        expect![[r#"
            > service guest live prefer=a
            configuration version 2 by ann
            plan 1: start guest on a: it should run and runs nowhere
            guest runs on a
            > slow guest
            > operator move guest to b
            ann: move guest to b
            plan 2: move guest live from a to b: asked by ann
              guest: it moves live from a to b
            > leaves b
            b is leaving
            > left b
            rejected: b still runs services
            > quick guest
            a has handed guest over to b
            guest runs on b
            guest has moved live from a to b
            plan 3: move guest live from b to a: b is leaving
            b has handed guest over to a
            guest runs on a
            guest has moved live from b to a
        "#]],
    );
}

#[test]
fn what_comes_back_to_a_better_node_comes_back_live() {
    check(
        "nodes a b
        service guest live prefer=a failback
        operator standby a
        operator online a",
        expect![[r#"
            > service guest live prefer=a failback
            configuration version 2 by ann
            plan 1: start guest on a: it should run and runs nowhere
            guest runs on a
            > operator standby a
            ann: standby a
            plan 2: move guest live from a to b: a is on standby
            a has handed guest over to b
            guest runs on b
            guest has moved live from a to b
            > operator online a
            ann: online a
            plan 3: move guest live from b to a: a is preferred and ready again
            b has handed guest over to a
            guest runs on a
            guest has moved live from b to a
        "#]],
    );
}

#[test]
fn what_needs_a_service_that_moves_live_runs_on() {
    check(
        "nodes a b
        service guest live prefer=a
        service web after=guest prefer=b
        operator move guest to b",
        expect![[r#"
            > service guest live prefer=a
            configuration version 2 by ann
            plan 1: start guest on a: it should run and runs nowhere
            guest runs on a
            > service web after=guest prefer=b
            configuration version 3 by ann
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            > operator move guest to b
            ann: move guest to b
            plan 3: move guest live from a to b: asked by ann
            a has handed guest over to b
            guest runs on b
            guest has moved live from a to b
        "#]],
    );
}

#[test]
fn what_something_else_must_make_room_for_first_stops_and_does_not_go_live() {
    check(
        "nodes a b c
        capacity a cpu=2
        capacity b cpu=2
        capacity c cpu=2
        placement fits
        service guest live prefer=a never=c priority=5 uses=cpu:2
        service web prefer=b uses=cpu:2
        operator standby a",
        expect![[r#"
            > capacity a cpu=2
            configuration version 2 by ann
            > capacity b cpu=2
            configuration version 3 by ann
            > capacity c cpu=2
            configuration version 4 by ann
            > placement fits
            configuration version 5 by ann
            > service guest live prefer=a never=c priority=5 uses=cpu:2
            configuration version 6 by ann
            plan 1: start guest on a: it should run and runs nowhere
            guest runs on a
            > service web prefer=b uses=cpu:2
            configuration version 7 by ann
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            > operator standby a
            ann: standby a
            plan 3: stop guest on a: a is on standby
            plan 3: stop web on b: no room on b: cpu 2 needed, 0 left
            guest stopped on a: a is on standby
            web stopped on b: no room on b: cpu 2 needed, 0 left
            plan 4: start guest on b: a is on standby
            plan 4: start web on c: no room on b: cpu 2 needed, 0 left
            guest runs on b
            web runs on c
        "#]],
    );
}
