//! Nodes that are lost, and what they may have promoted.

use super::*;

#[test]
fn nobody_is_promoted_before_the_lost_node_is_proven_off() {
    check(
        "nodes a b c
        service db copies=3 promoted=1
        lost a
        fenced a",
        expect![[r#"
            > service db copies=3 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            plan 1: start db:2 on c: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            db:2 runs on c
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > lost a
            a is lost: a silent for 800 ms, agreed by b and c
            fence 23: b fences a: a silent for 800 ms, agreed by b and c
              a: waits until a is proven off
              db:0: waits until a is proven off
              db:1: waits until a is proven off
            > fenced a
            fence 23: a confirmed off by power
            db:0 stopped on a: a is proven off
            a is down
            plan 4: promote db:1 on b: a is proven off
            db:1 is promoted on b
              db:0: no node may run it: a: down; b: has its copy; c: has its copy
        "#]],
    );
}

#[test]
fn a_lost_node_that_has_promoted_nobody_costs_no_time() {
    check(
        "nodes a b c
        service db copies=3 promoted=1
        lost b
        operator move db to c
        fenced b",
        expect![[r#"
            > service db copies=3 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            plan 1: start db:2 on c: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            db:2 runs on c
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > lost b
            b is lost: b silent for 800 ms, agreed by a and c
            fence 23: a fences b: b silent for 800 ms, agreed by a and c
              b: waits until b is proven off
              db:1: waits until b is proven off
            > operator move db to c
            ann: move db to c
            plan 4: demote db:0 on a: asked by ann
            db:0 is demoted on a
            plan 5: promote db:2 on c: asked by ann
            db:2 is promoted on c
            > fenced b
            fence 23: b confirmed off by power
            db:1 stopped on b: b is proven off
            b is down
              db:1: no node may run it: a: has its copy; b: down; c: has its copy
        "#]],
    );
}

#[test]
fn a_node_whose_daemon_is_down_keeps_its_role() {
    check(
        "nodes a b c
        service db copies=3 promoted=1
        daemon-down a
        operator attr b promotion-score:db=50
        heard a
        probed a db:0",
        expect![[r#"
            > service db copies=3 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            plan 1: start db:2 on c: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            db:2 runs on c
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > daemon-down a
            a is daemon-down
              db:0: the daemon of a is down, its services are left alone
            > operator attr b promotion-score:db=50
            ann: attr set b promotion-score:db 50
            > heard a
            a is starting
              db:0: waits for a to tell what runs there
              db:1: waits until it is not promoted on a any more
            > probed a db:0
            a is online
        "#]],
    );
}

#[test]
fn a_node_whose_daemon_is_down_is_not_promoted() {
    check(
        "nodes a b c
        service db copies=3 promoted=1
        daemon-down b
        lost a
        fenced a",
        expect![[r#"
            > service db copies=3 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            plan 1: start db:2 on c: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            db:2 runs on c
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > daemon-down b
            b is daemon-down
              db:1: the daemon of b is down, its services are left alone
            > lost a
            a is lost: a silent for 800 ms, agreed by c
            fence 24: c fences a: a silent for 800 ms, agreed by c
              a: waits until a is proven off
              db:0: waits until a is proven off
              db:2: waits until a is proven off
            > fenced a
            fence 24: a confirmed off by power
            db:0 stopped on a: a is proven off
            a is down
            plan 4: promote db:2 on c: a is proven off
            db:2 is promoted on c
              db:0: no node may run it: a: down; b: daemon-down; c: has its copy
        "#]],
    );
}

#[test]
fn a_node_that_has_not_told_what_it_runs_may_lead() {
    check(
        "nodes a b c
        service db copies=2 promoted=1
        boot c
        operator move db to b
        probed c",
        expect![[r#"
            > service db copies=2 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > boot c
            c is starting
            > operator move db to b
            ann: move db to b
            plan 3: demote db:0 on a: asked by ann
            db:0 is demoted on a
              db:1: waits for c to tell what runs there
            > probed c
            c is online
            plan 4: promote db:1 on b: asked by ann
            db:1 is promoted on b
        "#]],
    );
}

#[test]
fn what_is_found_elsewhere_may_lead() {
    check(
        "nodes a b c
        slow db:0
        service db copies=1 promoted=1
        runs db:0
        lost a
        fenced a
        up a db:0",
        expect![[r#"
            > slow db:0
            > service db copies=1 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            > runs db:0
            db:0 runs on a
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            > lost a
            a is lost: a silent for 800 ms, agreed by b and c
            fence 18: b fences a: a silent for 800 ms, agreed by b and c
              a: waits until a is proven off
              db:0: waits until a is proven off
            > fenced a
            fence 18: a confirmed off by power
            db:0 stopped on a: a is proven off
            a is down
            plan 4: start db:0 on b: a is proven off
            > up a db:0
            a is starting
            db:0 was found running on a
            a is online
        "#]],
    );
}

#[test]
fn a_lost_copy_that_is_being_demoted_counts_until_the_fence() {
    check(
        "nodes a b c
        service db copies=3 promoted=1
        slow db:0
        operator move db to b
        lost a
        fenced a",
        expect![[r#"
            > service db copies=3 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            plan 1: start db:2 on c: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            db:2 runs on c
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > slow db:0
            > operator move db to b
            ann: move db to b
            plan 3: demote db:0 on a: asked by ann
              db:1: waits until it is not promoted on a any more
            > lost a
            a is lost: a silent for 800 ms, agreed by b and c
            fence 25: b fences a: a silent for 800 ms, agreed by b and c
              a: waits until a is proven off
              db:0: waits until a is proven off
              db:1: waits until a is proven off
            > fenced a
            fence 25: a confirmed off by power
            db:0 stopped on a: a is proven off
            a is down
            plan 5: promote db:1 on b: asked by ann
            db:1 is promoted on b
              db:0: no node may run it: a: down; b: has its copy; c: has its copy
        "#]],
    );
}

#[test]
fn a_node_that_leaves_gives_its_role_away() {
    check(
        "nodes a b c
        service db copies=3 promoted=1
        leaves a
        left a",
        expect![[r#"
            > service db copies=3 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            plan 1: start db:2 on c: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            db:2 runs on c
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > leaves a
            a is leaving
            plan 3: stop db:0 on a: a is leaving
            db:0 stopped on a: a is leaving
            plan 4: promote db:1 on b: a is leaving
            db:1 is promoted on b
              db:0: no node may run it: a: leaving; b: has its copy; c: has its copy
            > left a
            a is down
              db:0: no node may run it: a: down; b: has its copy; c: has its copy
        "#]],
    );
}

#[test]
fn two_are_wanted_and_the_lost_one_takes_its_share() {
    check(
        "nodes a b c
        service db copies=3 promoted=2
        lost a
        fenced a",
        expect![[r#"
            > service db copies=3 promoted=2
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            plan 1: start db:2 on c: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            db:2 runs on c
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            plan 2: promote db:1 on b: a copy should be promoted, and none is
            db:0 is promoted on a
            db:1 is promoted on b
            > lost a
            a is lost: a silent for 800 ms, agreed by b and c
            fence 25: b fences a: a silent for 800 ms, agreed by b and c
              a: waits until a is proven off
              db:0: waits until a is proven off
              db:2: waits until a is proven off
            > fenced a
            fence 25: a confirmed off by power
            db:0 stopped on a: a is proven off
            a is down
            plan 4: promote db:2 on c: a is proven off
            db:2 is promoted on c
              db:0: no node may run it: a: down; b: has its copy; c: has its copy
        "#]],
    );
}

/// Found once: a copy was to be promoted beside it, which the state refused.
#[test]
fn what_is_found_under_the_name_of_the_service_may_lead() {
    check(
        "nodes a b
        service db copies=every-node promoted=1 prefer=b
        up b db",
        expect![[r#"
            > service db copies=every-node promoted=1 prefer=b
            configuration version 2 by ann
            plan 1: start db:0 on b: it should run and runs nowhere
            plan 1: start db:1 on a: it should run and runs nowhere
            db:0 runs on b
            db:1 runs on a
            plan 2: promote db:0 on b: a copy should be promoted, and none is
            db:0 is promoted on b
            > up b db
            db:0 stopped on b: b has rebooted
            b is starting
            db was found running on b
            b is online
            db, found running on b, is stopped
            plan 3: start db:0 on b: b has rebooted
            plan 3: promote db:1 on a: b has rebooted
            db:0 runs on b
            db:1 is promoted on a
        "#]],
    );
}
