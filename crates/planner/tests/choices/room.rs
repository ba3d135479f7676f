//! Room on nodes, priorities, and who must or must not be with whom.

use super::*;

#[test]
fn an_equal_that_is_displaced_by_a_higher_one_displaces_nobody() {
    check(
        "nodes a b c
        capacity a cpu=4
        capacity b cpu=4
        capacity c cpu=4
        placement fits
        service one uses=cpu:4 prefer=a
        service two uses=cpu:4 prefer=b
        service six uses=cpu:4 prefer=c
        service top uses=cpu:4 prefer=a priority=9",
        expect![[r#"
            > capacity a cpu=4
            configuration version 2 by ann
            > capacity b cpu=4
            configuration version 3 by ann
            > capacity c cpu=4
            configuration version 4 by ann
            > placement fits
            configuration version 5 by ann
            > service one uses=cpu:4 prefer=a
            configuration version 6 by ann
            plan 1: start one on a: it should run and runs nowhere
            one runs on a
            > service two uses=cpu:4 prefer=b
            configuration version 7 by ann
            plan 2: start two on b: it should run and runs nowhere
            two runs on b
            > service six uses=cpu:4 prefer=c
            configuration version 8 by ann
            plan 3: start six on c: it should run and runs nowhere
            six runs on c
            > service top uses=cpu:4 prefer=a priority=9
            configuration version 9 by ann
            plan 4: stop one on a: no room on a: cpu 4 needed, 0 left
            one stopped on a: no room on a: cpu 4 needed, 0 left
            plan 5: start top on a: it should run and runs nowhere
            top runs on a
              one: no node may run it: a: no room on a: cpu 4 needed, 0 left; b: no room on b: cpu 4 needed, 0 left; c: no room on c: cpu 4 needed, 0 left
        "#]],
    );
}

#[test]
fn a_higher_one_moves_the_fewest_to_make_room() {
    check(
        "nodes a b c
        capacity a cpu=6
        capacity b cpu=4
        capacity c cpu=4
        placement fits
        service one uses=cpu:2 prefer=a
        service two uses=cpu:4 prefer=b
        service six uses=cpu:2 prefer=a
        service top uses=cpu:4 prefer=a only priority=9",
        expect![[r#"
            > capacity a cpu=6
            configuration version 2 by ann
            > capacity b cpu=4
            configuration version 3 by ann
            > capacity c cpu=4
            configuration version 4 by ann
            > placement fits
            configuration version 5 by ann
            > service one uses=cpu:2 prefer=a
            configuration version 6 by ann
            plan 1: start one on a: it should run and runs nowhere
            one runs on a
            > service two uses=cpu:4 prefer=b
            configuration version 7 by ann
            plan 2: start two on b: it should run and runs nowhere
            two runs on b
            > service six uses=cpu:2 prefer=a
            configuration version 8 by ann
            plan 3: start six on a: it should run and runs nowhere
            six runs on a
            > service top uses=cpu:4 prefer=a only priority=9
            configuration version 9 by ann
            plan 4: stop six on a: no room on a: cpu 2 needed, 0 left
            six stopped on a: no room on a: cpu 2 needed, 0 left
            plan 5: start top on a: it should run and runs nowhere
            plan 5: start six on c: no room on a: cpu 2 needed, 0 left
            six runs on c
            top runs on a
        "#]],
    );
}

#[test]
fn one_that_must_be_apart_waits_until_the_other_has_left_its_node() {
    check(
        "nodes a b
        service db prefer=a
        service web prefer=a only apart=db
        slow db
        runs db
        operator move db to b
        stopped db
        runs db",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web prefer=a only apart=db
            configuration version 3 by ann
              web: no node may run it: a: it must not be where db is, on a; b: not allowed by the configuration
            > slow db
            > runs db
            > operator move db to b
            ann: move db to b
            plan 2: stop db on a: asked by ann
              db: waits for the stop on a
              web: waits for the stop on a
            > stopped db
            db stopped on a: asked by ann
            plan 3: start db on b: asked by ann
            plan 3: start web on a: it should run and runs nowhere
            web runs on a
            > runs db
            db runs on b
        "#]],
    );
}

#[test]
fn room_that_something_leaves_is_waited_for() {
    check(
        "nodes a b
        capacity a cpu=4
        capacity b cpu=4
        placement fits
        service db uses=cpu:3 prefer=a
        slow db
        runs db
        service web uses=cpu:3 prefer=a only priority=5
        stopped db
        runs db",
        expect![[r#"
            > capacity a cpu=4
            configuration version 2 by ann
            > capacity b cpu=4
            configuration version 3 by ann
            > placement fits
            configuration version 4 by ann
            > service db uses=cpu:3 prefer=a
            configuration version 5 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > slow db
            > runs db
            > service web uses=cpu:3 prefer=a only priority=5
            configuration version 6 by ann
            plan 2: stop db on a: no room on a: cpu 3 needed, 1 left
              db: waits for the stop on a
              web: waits for the stop on a
            > stopped db
            db stopped on a: no room on a: cpu 3 needed, 1 left
            plan 3: start web on a: it should run and runs nowhere
            plan 3: start db on b: no room on a: cpu 3 needed, 1 left
            web runs on a
            > runs db
            db runs on b
        "#]],
    );
}

#[test]
fn who_must_be_with_what_cannot_run_waits_for_it() {
    check(
        "nodes a b
        service db manual
        service web together=db
        operator start db
        lost a
        operator stop db
        fenced a",
        expect![[r#"
            > service db manual
            configuration version 2 by ann
            > service web together=db
            configuration version 3 by ann
              web: no node may run it: a: it belongs where db is, which has no place now; b: it belongs where db is, which has no place now
            > operator start db
            ann: start db
            plan 1: start db on a: asked by ann
            plan 1: start web on a: it should run and runs nowhere
            db runs on a
            web runs on a
            > lost a
            a is lost: a silent for 800 ms, agreed by b
            fence 17: b fences a: a silent for 800 ms, agreed by b
              a: waits until a is proven off
              db: waits until a is proven off
              web: waits until a is proven off
            > operator stop db
            ann: stop db
            > fenced a
            fence 17: a confirmed off by power
            db stopped on a: a is proven off
            web stopped on a: a is proven off
            a is down
              web: no node may run it: a: down; b: it belongs where db is, which has no place now
        "#]],
    );
}

#[test]
fn who_is_exclusive_keeps_everybody_away() {
    check(
        "nodes a b c
        service top exclusive
        service web copies=2
        service db
        look db
        look top",
        expect![[r#"
            > service top exclusive
            configuration version 2 by ann
            plan 1: start top on a: it should run and runs nowhere
            top runs on a
            > service web copies=2
            configuration version 3 by ann
            plan 2: start web:0 on b: it should run and runs nowhere
            plan 2: start web:1 on c: it should run and runs nowhere
            web:0 runs on b
            web:1 runs on c
            > service db
            configuration version 4 by ann
            plan 3: start db on b: it should run and runs nowhere
            db runs on b
            > look db
              c: 0 points; runs 1 other service; b has as many, and it is there
              b: 0 points; runs 1 other service
              a: it must not be where top is, on a
            > look top
              a: 0 points; runs no other service
              b: it must not be where db is, on b
              c: it must not be where web is, on c
        "#]],
    );
}

#[test]
fn three_priorities_give_way_in_their_order() {
    check(
        "nodes a
        capacity a cpu=4
        placement fits
        service low uses=cpu:3 priority=1
        service mid uses=cpu:3 priority=2
        service top uses=cpu:3 priority=3
        operator stop top
        operator stop mid",
        expect![[r#"
            > capacity a cpu=4
            configuration version 2 by ann
            > placement fits
            configuration version 3 by ann
            > service low uses=cpu:3 priority=1
            configuration version 4 by ann
            plan 1: start low on a: it should run and runs nowhere
            low runs on a
            > service mid uses=cpu:3 priority=2
            configuration version 5 by ann
            plan 2: stop low on a: no room on a: cpu 3 needed, 1 left
            low stopped on a: no room on a: cpu 3 needed, 1 left
            plan 3: start mid on a: it should run and runs nowhere
            mid runs on a
              low: no node may run it: a: no room on a: cpu 3 needed, 1 left
            > service top uses=cpu:3 priority=3
            configuration version 6 by ann
            plan 4: stop mid on a: no room on a: cpu 3 needed, 1 left
            mid stopped on a: no room on a: cpu 3 needed, 1 left
            plan 5: start top on a: it should run and runs nowhere
            top runs on a
              mid: no node may run it: a: no room on a: cpu 3 needed, 1 left
            > operator stop top
            ann: stop top
            plan 6: stop top on a: asked by ann
            top stopped on a: asked by ann
            plan 7: start mid on a: no room on a: cpu 3 needed, 1 left
            mid runs on a
            > operator stop mid
            ann: stop mid
            plan 8: stop mid on a: asked by ann
            mid stopped on a: asked by ann
            plan 9: start low on a: no room on a: cpu 3 needed, 1 left
            low runs on a
        "#]],
    );
}

#[test]
fn who_comes_takes_no_room_from_what_runs_unless_it_matters_more() {
    check(
        "nodes a b
        capacity a cpu=4
        capacity b cpu=4
        placement most-room
        service q prefer=a uses=cpu:3
        service r failback prefer=b uses=cpu:3
        service t prefer=b together=q:100 uses=cpu:2
        service u prefer=b priority=1 uses=cpu:2",
        expect![[r#"
            > capacity a cpu=4
            configuration version 2 by ann
            > capacity b cpu=4
            configuration version 3 by ann
            > placement most-room
            configuration version 4 by ann
            > service q prefer=a uses=cpu:3
            configuration version 5 by ann
            plan 1: start q on a: it should run and runs nowhere
            q runs on a
            > service r failback prefer=b uses=cpu:3
            configuration version 6 by ann
            plan 2: start r on b: it should run and runs nowhere
            r runs on b
            > service t prefer=b together=q:100 uses=cpu:2
            configuration version 7 by ann
              t: no node may run it: a: no room on a: cpu 2 needed, 1 left; b: no room on b: cpu 2 needed, 1 left
            > service u prefer=b priority=1 uses=cpu:2
            configuration version 8 by ann
            plan 3: stop r on b: no room on b: cpu 3 needed, 0 left
            r stopped on b: no room on b: cpu 3 needed, 0 left
            plan 4: start u on b: it should run and runs nowhere
            plan 4: start t on b: it should run and runs nowhere
            t runs on b
            u runs on b
              r: no node may run it: a: no room on a: cpu 3 needed, 1 left; b: no room on b: cpu 3 needed, 0 left
        "#]],
    );
}
