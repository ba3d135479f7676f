//! More of who is promoted, and of what is said while nobody is.

use super::*;

#[test]
fn a_node_that_is_no_member_any_more_leads_nothing() {
    check(
        "nodes a b c
        service db copies=3 promoted=1
        leaves a
        left a
        operator remove a",
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
            > operator remove a
            ann: node remove a
              db:0: no node may run it: b: has its copy; c: has its copy
        "#]],
    );
}

#[test]
fn a_promoted_copy_that_failed_too_often_moves_and_another_leads() {
    check(
        "nodes a b c
        service db copies=2 promoted=1 restart=0
        fails db:0",
        expect![[r#"
            > service db copies=2 promoted=1 restart=0
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > fails db:0
            db:0 failed on a: program: exit 1
            plan 3: stop db:0 on a: program failed once on a, which is barred until cleared
            db:0 stopped on a: program failed once on a, which is barred until cleared
            plan 4: start db:0 on c: program failed once on a, which is barred until cleared
            plan 4: promote db:1 on b: program failed once on a, which is barred until cleared
            db:0 runs on c
            db:1 is promoted on b
        "#]],
    );
}

#[test]
fn a_copy_that_failed_is_not_promoted_before_it_runs_again() {
    check(
        "nodes a b
        slow db:1
        service db copies=2 promoted=1
        start-fails db:1
        operator move db to b
        quick db:1",
        expect![[r#"
            > slow db:1
            > service db copies=2 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > start-fails db:1
            db:1 failed on b: program in start: exit 7
            plan 3: restart db:1 on b: program failed (exit 7), failure 1, 1 allowed here
            > operator move db to b
            ann: move db to b
              db:0: it shall not be promoted on b: it is starting
            > quick db:1
            db:1 runs on b
            plan 4: demote db:0 on a: asked by ann
            db:0 is demoted on a
            plan 5: promote db:1 on b: asked by ann
            db:1 is promoted on b
        "#]],
    );
}

#[test]
fn an_order_to_move_is_over_once_somebody_is_promoted() {
    check(
        "nodes a b c
        service db copies=3 promoted=1
        operator move db to b
        operator attr a promotion-score:db=9",
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
            > operator move db to b
            ann: move db to b
            plan 3: demote db:0 on a: asked by ann
            db:0 is demoted on a
            plan 4: promote db:1 on b: asked by ann
            db:1 is promoted on b
            > operator attr a promotion-score:db=9
            ann: attr set a promotion-score:db 9
        "#]],
    );
}

#[test]
fn an_order_to_a_node_that_is_lost_meanwhile_is_not_waited_for() {
    check(
        "nodes a b c
        service db copies=3 promoted=1
        slow db:0
        operator move db to b
        lost b
        is-demoted db:0
        quick db:0
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
            > slow db:0
            > operator move db to b
            ann: move db to b
            plan 3: demote db:0 on a: asked by ann
              db:1: waits until it is not promoted on a any more
            > lost b
            b is lost: b silent for 800 ms, agreed by a and c
            fence 25: a fences b: b silent for 800 ms, agreed by a and c
            plan 4: promote db:0 on a: asked by ann
              b: waits until b is proven off
              db:1: waits until b is proven off
            > is-demoted db:0
            > quick db:0
            db:0 is promoted on a
            > fenced b
            fence 25: b confirmed off by power
            db:1 stopped on b: b is proven off
            b is down
              db:1: no node may run it: a: has its copy; b: down; c: has its copy
        "#]],
    );
}

#[test]
fn an_order_away_gives_the_role_back_if_the_only_other_is_lost() {
    check(
        "nodes a b
        service db copies=2 promoted=1
        slow db:0
        operator move db
        daemon-down b
        is-demoted db:0
        quick db:0",
        expect![[r#"
            > service db copies=2 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > slow db:0
            > operator move db
            ann: move db
            plan 3: demote db:0 on a: asked by ann
              db:1: waits until it is not promoted on a any more
            > daemon-down b
            b is daemon-down
            plan 4: promote db:0 on a: asked by ann
              db:1: the daemon of b is down, its services are left alone
            > is-demoted db:0
            > quick db:0
            db:0 is promoted on a
        "#]],
    );
}

#[test]
fn scores_are_told_by_agents_of_promoted_copies_too() {
    check(
        "nodes a b
        service db copies=2 promoted=1 agent
        operator attr a promotion-score:db=5
        operator attr a promotion-score:db",
        expect![[r#"
            > service db copies=2 promoted=1 agent
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
              db:0: no copy can be promoted: a: its agent has not said that it can be; b: its agent has not said that it can be
            > operator attr a promotion-score:db=5
            ann: attr set a promotion-score:db 5
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > operator attr a promotion-score:db
            ann: attr unset a promotion-score:db
        "#]],
    );
}

#[test]
fn an_infinite_score_is_the_best_and_an_unreadable_one_is_none() {
    check(
        "nodes a b c
        attribute a promotion-score:db=much
        attribute b promotion-score:db=999
        attribute c promotion-score:db=INFINITY
        service db copies=3 promoted=1",
        expect![[r#"
            > attribute a promotion-score:db=much
            configuration version 2 by ann
            > attribute b promotion-score:db=999
            configuration version 3 by ann
            > attribute c promotion-score:db=INFINITY
            configuration version 4 by ann
            > service db copies=3 promoted=1
            configuration version 5 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            plan 1: start db:2 on c: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            db:2 runs on c
            plan 2: promote db:2 on c: a copy should be promoted, and none is
            db:2 is promoted on c
        "#]],
    );
}

#[test]
fn with_two_leaders_the_one_with_the_worse_score_gives_way() {
    check(
        "nodes a b c
        attribute a promotion-score:db=5
        attribute b promotion-score:db=4
        attribute c promotion-score:db=3
        service db copies=3 promoted=2 failback
        operator attr c promotion-score:db=6",
        expect![[r#"
            > attribute a promotion-score:db=5
            configuration version 2 by ann
            > attribute b promotion-score:db=4
            configuration version 3 by ann
            > attribute c promotion-score:db=3
            configuration version 4 by ann
            > service db copies=3 promoted=2 failback
            configuration version 5 by ann
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
            > operator attr c promotion-score:db=6
            ann: attr set c promotion-score:db 6
            plan 3: demote db:1 on b: c is preferred and ready again
            db:1 is demoted on b
            plan 4: promote db:2 on c: c is preferred and ready again
            db:2 is promoted on c
        "#]],
    );
}

#[test]
fn one_leader_too_many_is_the_one_with_the_worse_score() {
    check(
        "nodes a b c
        attribute a promotion-score:db=1
        attribute b promotion-score:db=5
        attribute c promotion-score:db=3
        service db copies=3 promoted=3
        service db copies=3 promoted=2",
        expect![[r#"
            > attribute a promotion-score:db=1
            configuration version 2 by ann
            > attribute b promotion-score:db=5
            configuration version 3 by ann
            > attribute c promotion-score:db=3
            configuration version 4 by ann
            > service db copies=3 promoted=3
            configuration version 5 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            plan 1: start db:2 on c: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            db:2 runs on c
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            plan 2: promote db:1 on b: a copy should be promoted, and none is
            plan 2: promote db:2 on c: a copy should be promoted, and none is
            db:0 is promoted on a
            db:1 is promoted on b
            db:2 is promoted on c
            > service db copies=3 promoted=2
            configuration version 6 by ann
            plan 3: demote db:0 on a: 2 promoted copies are enough
            db:0 is demoted on a
        "#]],
    );
}

#[test]
fn no_one_leads_where_none_is_wanted() {
    check(
        "nodes a b
        service db copies=2 promoted=1
        service db copies=2 promoted=0",
        expect![[r#"
            > service db copies=2 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > service db copies=2 promoted=0
            configuration version 3 by ann
            plan 3: demote db:0 on a: 0 promoted copies are enough
            db:0 is demoted on a
              db:0: no copy can be promoted
        "#]],
    );
}

#[test]
fn a_failed_copy_does_not_lead_again_before_those_that_did_not_fail() {
    check(
        "nodes a b c
        attribute a promotion-score:db=100
        service db copies=3 promoted=1 on-failure=demote
        fails db:0
        operator move db to a",
        expect![[r#"
            > attribute a promotion-score:db=100
            configuration version 2 by ann
            > service db copies=3 promoted=1 on-failure=demote
            configuration version 3 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            plan 1: start db:2 on c: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            db:2 runs on c
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > fails db:0
            db:0 failed on a: program: exit 1
            plan 3: demote db:0 on a: it shall not be promoted on a: program failed (exit 1)
            db:0 is demoted on a
            db:0 runs on a
            plan 4: promote db:1 on b: it shall not be promoted on a: program failed (exit 1)
            db:1 is promoted on b
            > operator move db to a
            ann: move db to a
            plan 5: demote db:1 on b: asked by ann
            db:1 is demoted on b
            plan 6: promote db:0 on a: asked by ann
            db:0 is promoted on a
        "#]],
    );
}

#[test]
fn whoever_failed_at_it_leads_again_if_it_is_the_only_one() {
    check(
        "nodes a
        service db copies=1 promoted=1 on-failure=demote
        fails db:0",
        expect![[r#"
            > service db copies=1 promoted=1 on-failure=demote
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            db:0 runs on a
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > fails db:0
            db:0 failed on a: program: exit 1
            plan 3: demote db:0 on a: it shall not be promoted on a: program failed (exit 1)
            db:0 is demoted on a
            db:0 runs on a
            plan 4: promote db:0 on a: it shall not be promoted on a: program failed (exit 1)
            db:0 is promoted on a
        "#]],
    );
}

#[test]
fn maintenance_of_everything_leaves_roles_alone() {
    check(
        "nodes a b
        service db copies=2 promoted=1
        operator maintenance on
        operator attr a promotion-score:db=-1
        operator maintenance off",
        expect![[r#"
            > service db copies=2 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > operator maintenance on
            ann: maintenance on
              db:0: maintenance is on
              db:1: maintenance is on
            > operator attr a promotion-score:db=-1
            ann: attr set a promotion-score:db -1
            > operator maintenance off
            ann: maintenance off
            plan 3: demote db:0 on a: it shall not be promoted on a: its promotion score is -1
            db:0 is demoted on a
            plan 4: promote db:1 on b: it shall not be promoted on a: its promotion score is -1
            db:1 is promoted on b
        "#]],
    );
}

#[test]
fn a_leader_on_a_network_that_is_settled_bad_leaves() {
    check(
        "nodes a b
        network lan a b
        service db copies=2 promoted=1 address=lan failback
        told a lan none full
        told a lan none none
        told a lan full none
        told a lan full full",
        expect![[r#"
            > service db copies=2 promoted=1 address=lan failback
            configuration version 3 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > told a lan none full
            > told a lan none none
            a: no card of network lan has a link
            plan 3: demote db:0 on a: network lan has no usable card on a
            db:0 is demoted on a
            plan 4: promote db:1 on b: network lan has no usable card on a
            db:1 is promoted on b
            > told a lan full none
            > told a lan full full
            a: network lan has a usable card again
            plan 5: demote db:1 on b: a is preferred and ready again
            db:1 is demoted on b
            plan 6: promote db:0 on a: a is preferred and ready again
            db:0 is promoted on a
        "#]],
    );
}

#[test]
fn nobody_to_promote_is_said_of_a_copy_that_runs() {
    check(
        "nodes a b
        slow db:1
        attribute a promotion-score:db=-1
        service db copies=2 promoted=1
        runs db:1
        quick db:1",
        expect![[r#"
            > slow db:1
            > attribute a promotion-score:db=-1
            configuration version 2 by ann
            > service db copies=2 promoted=1
            configuration version 3 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
              db:0: no copy can be promoted: b: it is starting; a: its promotion score is -1
            > runs db:1
            db:1 runs on b
            plan 2: promote db:1 on b: a copy should be promoted, and none is
            > quick db:1
            db:1 is promoted on b
        "#]],
    );
}

#[test]
fn nobody_to_promote_is_not_said_while_somebody_may_still_lead() {
    check(
        "nodes a b c
        attribute b promotion-score:db=-1
        attribute c promotion-score:db=-1
        service db copies=3 promoted=1
        lost a
        fenced a",
        expect![[r#"
            > attribute b promotion-score:db=-1
            configuration version 2 by ann
            > attribute c promotion-score:db=-1
            configuration version 3 by ann
            > service db copies=3 promoted=1
            configuration version 4 by ann
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
            fence 25: b fences a: a silent for 800 ms, agreed by b and c
              a: waits until a is proven off
              db:0: waits until a is proven off
            > fenced a
            fence 25: a confirmed off by power
            db:0 stopped on a: a is proven off
            a is down
              db:0: no node may run it: a: down; b: has its copy; c: has its copy
              db:1: no copy can be promoted: b: its promotion score is -1; c: its promotion score is -1
        "#]],
    );
}

#[test]
fn nobody_to_promote_is_not_said_of_a_copy_that_is_being_demoted() {
    check(
        "nodes a b
        attribute b promotion-score:db=-1
        service db copies=2 promoted=1
        slow db:0
        operator attr a promotion-score:db=-1
        is-demoted db:0
        quick db:0",
        expect![[r#"
            > attribute b promotion-score:db=-1
            configuration version 2 by ann
            > service db copies=2 promoted=1
            configuration version 3 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > slow db:0
            > operator attr a promotion-score:db=-1
            ann: attr set a promotion-score:db -1
            plan 3: demote db:0 on a: it shall not be promoted on a: its promotion score is -1
            > is-demoted db:0
            db:0 is demoted on a
              db:1: no copy can be promoted: b: its promotion score is -1; a: its promotion score is -1
            > quick db:0
        "#]],
    );
}

#[test]
fn of_two_new_leaders_one_waits_for_the_second_old_one() {
    check(
        "nodes a b c d
        service db copies=4 promoted=2 failback
        slow db:0
        service db copies=4 promoted=2 failback prefer=c,d
        is-demoted db:0",
        expect![[r#"
            > service db copies=4 promoted=2 failback
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            plan 1: start db:2 on c: it should run and runs nowhere
            plan 1: start db:3 on d: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            db:2 runs on c
            db:3 runs on d
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            plan 2: promote db:1 on b: a copy should be promoted, and none is
            db:0 is promoted on a
            db:1 is promoted on b
            > slow db:0
            > service db copies=4 promoted=2 failback prefer=c,d
            configuration version 3 by ann
            plan 3: demote db:0 on a: c is preferred and ready again
            plan 3: demote db:1 on b: c is preferred and ready again
            db:1 is demoted on b
            plan 4: promote db:2 on c: c is preferred and ready again
            db:2 is promoted on c
              db:3: waits until it is not promoted on a any more
            > is-demoted db:0
            db:0 is demoted on a
            plan 5: promote db:3 on d: a copy should be promoted, and none is
            db:3 is promoted on d
        "#]],
    );
}
