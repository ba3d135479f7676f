//! Who is promoted, and who is not any more.

use super::*;

#[test]
fn the_first_copy_that_runs_is_promoted_and_the_others_are_not() {
    check(
        "nodes a b c
        service db copies=3 promoted=1",
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
        "#]],
    );
}

#[test]
fn as_many_copies_are_promoted_as_are_wanted() {
    check(
        "nodes a b c
        service db copies=3 promoted=2
        service db copies=3 promoted=1
        service db copies=3 promoted=3",
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
            > service db copies=3 promoted=1
            configuration version 3 by ann
            plan 3: demote db:1 on b: one promoted copy is enough
            db:1 is demoted on b
            > service db copies=3 promoted=3
            configuration version 4 by ann
            plan 4: promote db:1 on b: a copy should be promoted, and none is
            plan 4: promote db:2 on c: a copy should be promoted, and none is
            db:1 is promoted on b
            db:2 is promoted on c
        "#]],
    );
}

#[test]
fn a_copy_that_still_starts_is_not_promoted() {
    check(
        "nodes a b
        slow db:0
        slow db:1
        service db copies=2 promoted=1
        runs db:1
        quick db:1
        runs db:0",
        expect![[r#"
            > slow db:0
            > slow db:1
            > service db copies=2 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            > runs db:1
            db:1 runs on b
            plan 2: promote db:1 on b: a copy should be promoted, and none is
            > quick db:1
            db:1 is promoted on b
            > runs db:0
            db:0 runs on a
        "#]],
    );
}

#[test]
fn the_best_score_is_promoted_first() {
    check(
        "nodes a b c
        attribute b promotion-score:db=10
        attribute c promotion-score:db=9
        service db copies=3 promoted=1",
        expect![[r#"
            > attribute b promotion-score:db=10
            configuration version 2 by ann
            > attribute c promotion-score:db=9
            configuration version 3 by ann
            > service db copies=3 promoted=1
            configuration version 4 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            plan 1: start db:2 on c: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            db:2 runs on c
            plan 2: promote db:1 on b: a copy should be promoted, and none is
            db:1 is promoted on b
        "#]],
    );
}

#[test]
fn points_of_the_place_count_with_the_score() {
    check(
        "nodes a b
        attribute a promotion-score:db=10
        attribute b rack=x
        slow db:0
        slow db:1
        service db copies=2 promoted=1 where=rack:x:30
        runs db:0
        runs db:1
        quick db:0
        quick db:1",
        expect![[r#"
            > attribute a promotion-score:db=10
            configuration version 2 by ann
            > attribute b rack=x
            configuration version 3 by ann
            > slow db:0
            > slow db:1
            > service db copies=2 promoted=1 where=rack:x:30
            configuration version 4 by ann
            plan 1: start db:0 on b: it should run and runs nowhere
            plan 1: start db:1 on a: it should run and runs nowhere
            > runs db:0
            db:0 runs on b
            plan 2: promote db:0 on b: a copy should be promoted, and none is
            > runs db:1
            db:1 runs on a
            > quick db:0
            db:0 is promoted on b
            > quick db:1
        "#]],
    );
}

#[test]
fn what_is_promoted_stays_so_where_others_get_better() {
    check(
        "nodes a b
        service db copies=2 promoted=1
        operator attr b promotion-score:db=10",
        expect![[r#"
            > service db copies=2 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > operator attr b promotion-score:db=10
            ann: attr set b promotion-score:db 10
        "#]],
    );
}

#[test]
fn with_failback_the_role_goes_to_the_better_copy() {
    check(
        "nodes a b
        service db copies=2 promoted=1 failback
        operator attr b promotion-score:db=10",
        expect![[r#"
            > service db copies=2 promoted=1 failback
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > operator attr b promotion-score:db=10
            ann: attr set b promotion-score:db 10
            plan 3: demote db:0 on a: b is preferred and ready again
            db:0 is demoted on a
            plan 4: promote db:1 on b: b is preferred and ready again
            db:1 is promoted on b
        "#]],
    );
}

#[test]
fn the_role_sticks_to_its_place_by_as_much_as_the_service_does() {
    check(
        "nodes a b
        service db copies=2 promoted=1 failback sticky=10
        operator attr b promotion-score:db=10
        operator attr b promotion-score:db=11",
        expect![[r#"
            > service db copies=2 promoted=1 failback sticky=10
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > operator attr b promotion-score:db=10
            ann: attr set b promotion-score:db 10
            > operator attr b promotion-score:db=11
            ann: attr set b promotion-score:db 11
            plan 3: demote db:0 on a: b is preferred and ready again
            db:0 is demoted on a
            plan 4: promote db:1 on b: b is preferred and ready again
            db:1 is promoted on b
        "#]],
    );
}

#[test]
fn a_score_below_zero_demotes() {
    check(
        "nodes a b
        service db copies=2 promoted=1
        operator attr a promotion-score:db=0
        operator attr a promotion-score:db=-1",
        expect![[r#"
            > service db copies=2 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > operator attr a promotion-score:db=0
            ann: attr set a promotion-score:db 0
            > operator attr a promotion-score:db=-1
            ann: attr set a promotion-score:db -1
            plan 3: demote db:0 on a: it shall not be promoted on a: its promotion score is -1
            db:0 is demoted on a
            plan 4: promote db:1 on b: it shall not be promoted on a: its promotion score is -1
            db:1 is promoted on b
        "#]],
    );
}

#[test]
fn nobody_is_promoted_whose_score_is_below_zero() {
    check(
        "nodes a b
        attribute a promotion-score:db=-1
        attribute b promotion-score:db=-5
        service db copies=2 promoted=1
        operator attr b promotion-score:db=0",
        expect![[r#"
            > attribute a promotion-score:db=-1
            configuration version 2 by ann
            > attribute b promotion-score:db=-5
            configuration version 3 by ann
            > service db copies=2 promoted=1
            configuration version 4 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
              db:0: no copy can be promoted: a: its promotion score is -1; b: its promotion score is -5
            > operator attr b promotion-score:db=0
            ann: attr set b promotion-score:db 0
            plan 2: promote db:1 on b: a copy should be promoted, and none is
            db:1 is promoted on b
        "#]],
    );
}

#[test]
fn an_agent_says_itself_when_it_can_be_promoted() {
    check(
        "nodes a b
        service db copies=2 promoted=1 agent
        operator attr b promotion-score:db=0
        operator attr b promotion-score:db",
        expect![[r#"
            > service db copies=2 promoted=1 agent
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
              db:0: no copy can be promoted: a: its agent has not said that it can be; b: its agent has not said that it can be
            > operator attr b promotion-score:db=0
            ann: attr set b promotion-score:db 0
            plan 2: promote db:1 on b: a copy should be promoted, and none is
            db:1 is promoted on b
            > operator attr b promotion-score:db
            ann: attr unset b promotion-score:db
        "#]],
    );
}

#[test]
fn a_failure_that_is_answered_by_a_demotion_gives_the_role_to_another() {
    check(
        "nodes a b c
        service db copies=3 promoted=1 on-failure=demote
        fails db:0
        fails db:1",
        expect![[r#"
            > service db copies=3 promoted=1 on-failure=demote
            configuration version 2 by ann
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
            > fails db:1
            db:1 failed on b: program: exit 1
            plan 5: demote db:1 on b: it shall not be promoted on b: program failed (exit 1)
            db:1 is demoted on b
            db:1 runs on b
            plan 6: promote db:0 on a: it shall not be promoted on b: program failed (exit 1)
            db:0 is promoted on a
        "#]],
    );
}

#[test]
fn a_failure_that_is_answered_by_a_restart_leaves_the_role() {
    check(
        "nodes a b
        service db copies=2 promoted=1
        fails db:0",
        expect![[r#"
            > service db copies=2 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > fails db:0
            db:0 failed on a: program: exit 1
            plan 3: restart db:0 on a: program failed (exit 1), failure 1, 1 allowed here
            db:0 runs on a
        "#]],
    );
}

#[test]
fn what_calls_itself_promoted_unasked_is_demoted_first() {
    check(
        "nodes a b
        service db copies=2 promoted=1
        is-promoted db:1",
        expect![[r#"
            > service db copies=2 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > is-promoted db:1
            plan 1: demote db:1 on b: found promoted on b
            db:1 is demoted on b
        "#]],
    );
}

#[test]
fn what_is_promoted_loses_its_network_and_the_role_goes_where_that_is() {
    check(
        "nodes a b
        network lan a b
        service db copies=2 promoted=1 address=lan
        told a lan none
        told a lan full",
        expect![[r#"
            > service db copies=2 promoted=1 address=lan
            configuration version 3 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > told a lan none
            a: no card of network lan has a link
            plan 3: demote db:0 on a: network lan has no usable card on a
            db:0 is demoted on a
            plan 4: promote db:1 on b: network lan has no usable card on a
            db:1 is promoted on b
            > told a lan full
            a: network lan has a usable card again
        "#]],
    );
}

#[test]
fn where_both_lack_the_network_the_role_stays() {
    check(
        "nodes a b
        network lan a b
        service db copies=2 promoted=1 address=lan
        told b lan none
        told a lan none",
        expect![[r#"
            > service db copies=2 promoted=1 address=lan
            configuration version 3 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > told b lan none
            b: no card of network lan has a link
            > told a lan none
            a: no card of network lan has a link
        "#]],
    );
}

#[test]
fn a_copy_with_its_network_is_promoted_before_one_without() {
    check(
        "nodes a b
        network lan a b
        slow db:0
        slow db:1
        service db copies=2 promoted=1 address=lan
        told a lan poor
        runs db:1
        runs db:0
        quick db:0
        quick db:1",
        expect![[r#"
            > slow db:0
            > slow db:1
            > service db copies=2 promoted=1 address=lan
            configuration version 3 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            > told a lan poor
            a: only barred cards of network lan have a link
            > runs db:1
            db:1 runs on b
            plan 2: promote db:1 on b: a copy should be promoted, and none is
            > runs db:0
            db:0 runs on a
            > quick db:0
            > quick db:1
            db:1 is promoted on b
        "#]],
    );
}
