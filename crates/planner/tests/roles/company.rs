//! What stands with the promoted copies of others.

use super::*;

#[test]
fn what_needs_a_promoted_copy_starts_once_there_is_one() {
    check(
        "nodes a b
        attribute a promotion-score:db=-1
        attribute b promotion-score:db=-1
        service db copies=2 promoted=1
        service web after-promoted=db
        operator attr b promotion-score:db=1",
        expect![[r#"
            > attribute a promotion-score:db=-1
            configuration version 2 by ann
            > attribute b promotion-score:db=-1
            configuration version 3 by ann
            > service db copies=2 promoted=1
            configuration version 4 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
              db:0: no copy can be promoted: a: its promotion score is -1; b: its promotion score is -1
            > service web after-promoted=db
            configuration version 5 by ann
              web: waits for db to run
            > operator attr b promotion-score:db=1
            ann: attr set b promotion-score:db 1
            plan 2: promote db:1 on b: a copy should be promoted, and none is
            db:1 is promoted on b
            plan 3: start web on a: it should run and runs nowhere
            web runs on a
        "#]],
    );
}

#[test]
fn what_must_be_with_a_promoted_copy_goes_there() {
    check(
        "nodes a b c
        attribute b promotion-score:db=5
        service db copies=3 promoted=1
        service web together-promoted=db
        operator move db to c",
        expect![[r#"
            > attribute b promotion-score:db=5
            configuration version 2 by ann
            > service db copies=3 promoted=1
            configuration version 3 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            plan 1: start db:2 on c: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            db:2 runs on c
            plan 2: promote db:1 on b: a copy should be promoted, and none is
            db:1 is promoted on b
            > service web together-promoted=db
            configuration version 4 by ann
            plan 3: start web on b: it should run and runs nowhere
            web runs on b
            > operator move db to c
            ann: move db to c
            plan 4: demote db:1 on b: asked by ann
            plan 4: stop web on b: it belongs where db is, on c
            db:1 is demoted on b
            web stopped on b: it belongs where db is, on c
            plan 5: promote db:2 on c: asked by ann
            plan 5: start web on c: it belongs where db is, on c
            db:2 is promoted on c
            web runs on c
        "#]],
    );
}

#[test]
fn what_must_be_apart_from_a_promoted_copy_goes_elsewhere() {
    check(
        "nodes a b
        attribute a promotion-score:db=5
        service db copies=2 promoted=1
        service web apart-promoted=db prefer=a",
        expect![[r#"
            > attribute a promotion-score:db=5
            configuration version 2 by ann
            > service db copies=2 promoted=1
            configuration version 3 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > service web apart-promoted=db prefer=a
            configuration version 4 by ann
            plan 3: start web on b: it should run and runs nowhere
            web runs on b
        "#]],
    );
}

#[test]
fn what_would_rather_be_with_a_promoted_copy_goes_there() {
    check(
        "nodes a b c
        attribute c promotion-score:db=5
        service db copies=3 promoted=1
        service web together-promoted=db:50",
        expect![[r#"
            > attribute c promotion-score:db=5
            configuration version 2 by ann
            > service db copies=3 promoted=1
            configuration version 3 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            plan 1: start db:2 on c: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            db:2 runs on c
            plan 2: promote db:2 on c: a copy should be promoted, and none is
            db:2 is promoted on c
            > service web together-promoted=db:50
            configuration version 4 by ann
            plan 3: start web on c: it should run and runs nowhere
            web runs on c
        "#]],
    );
}

#[test]
fn what_follows_the_role_takes_its_room_from_others_where_the_role_was_ordered_to() {
    check(
        "nodes a b
        capacity a cpu=2
        capacity b cpu=2
        placement fits
        service db copies=2 promoted=1 uses=cpu:1
        service web together-promoted=db uses=cpu:1
        service big uses=cpu:1
        operator move db to b",
        expect![[r#"
            > capacity a cpu=2
            configuration version 2 by ann
            > capacity b cpu=2
            configuration version 3 by ann
            > placement fits
            configuration version 4 by ann
            > service db copies=2 promoted=1 uses=cpu:1
            configuration version 5 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > service web together-promoted=db uses=cpu:1
            configuration version 6 by ann
            plan 3: start web on a: it should run and runs nowhere
            web runs on a
            > service big uses=cpu:1
            configuration version 7 by ann
            plan 4: start big on b: it should run and runs nowhere
            big runs on b
            > operator move db to b
            ann: move db to b
            plan 5: stop big on b: no room on b: cpu 1 needed, 0 left
            plan 5: demote db:0 on a: asked by ann
            plan 5: stop web on a: it belongs where db is, on b
            big stopped on b: no room on b: cpu 1 needed, 0 left
            db:0 is demoted on a
            web stopped on a: it belongs where db is, on b
            plan 6: start big on a: no room on b: cpu 1 needed, 0 left
            plan 6: promote db:1 on b: asked by ann
            plan 6: start web on b: it belongs where db is, on b
            big runs on a
            db:1 is promoted on b
            web runs on b
        "#]],
    );
}

#[test]
fn copies_of_a_service_stay_away_from_the_promoted_one_of_another() {
    check(
        "nodes a b
        service db copies=2 promoted=1
        service mail copies=2 promoted=1 apart-promoted=db",
        expect![[r#"
            > service db copies=2 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > service mail copies=2 promoted=1 apart-promoted=db
            configuration version 3 by ann
            plan 3: start mail:0 on b: it should run and runs nowhere
            mail:0 runs on b
            plan 4: promote mail:0 on b: a copy should be promoted, and none is
            mail:0 is promoted on b
              mail:1: no node may run it: a: it must not be where db is, on a; b: has its copy
        "#]],
    );
}
