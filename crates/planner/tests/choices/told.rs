//! What is said when somebody asks: points, objections, bars, reasons.

use super::*;

#[test]
fn what_each_node_is_worth_is_told() {
    check(
        "nodes a b c d
        service mail
        service news
        service db prefer=b,a avoid=c where=disk:fast:50 where=rack:x:-7 sticky=30
        operator attr b disk=fast
        operator attr a rack=x
        look db
        operator attr b disk
        operator move db to d
        look db
        look mail",
        expect![[r#"
            > service mail
            configuration version 2 by ann
            plan 1: start mail on a: it should run and runs nowhere
            mail runs on a
            > service news
            configuration version 3 by ann
            plan 2: start news on b: it should run and runs nowhere
            news runs on b
            > service db prefer=b,a avoid=c where=disk:fast:50 where=rack:x:-7 sticky=30
            configuration version 4 by ann
            plan 3: start db on b: it should run and runs nowhere
            db runs on b
            > operator attr b disk=fast
            ann: attr set b disk fast
            > operator attr a rack=x
            ann: attr set a rack x
            > look db
              b: 280 points: first in prefer, disk is fast (50 points), stickiness (30 points); runs 1 other service
              a: 93 points: second in prefer, rack is x (-7 points); runs 1 other service; b has 280
              d: 0 points: not in prefer; runs no other service; b has 280
              c: -10000000 points: not in prefer, in avoid; runs no other service; b has 280
            > operator attr b disk
            ann: attr unset b disk
            > operator move db to d
            ann: move db to d
            plan 4: stop db on b: asked by ann
            db stopped on b: asked by ann
            plan 5: start db on d: asked by ann
            db runs on d
            > look db
              b: 200 points: first in prefer; runs 1 other service; d has 30, but without `failback` it does not move for points
              a: 93 points: second in prefer, rack is x (-7 points); runs 1 other service; d has 30, but without `failback` it does not move for points
              d: 30 points: not in prefer, stickiness (30 points); runs no other service
              c: -10000000 points: not in prefer, in avoid; runs no other service; d has 30
            > look mail
              c: 0 points; runs no other service; a has as many, and it is there
              a: 0 points; runs no other service
              b: 0 points; runs 1 other service; a has as many, and it is there
              d: 0 points; runs 1 other service; a has as many, and it is there
        "#]],
    );
}

#[test]
fn why_a_node_may_not_is_told() {
    check(
        "nodes a b c d e f
        service db never=b where=disk:fast address=lan
        network lan a b c d e
        operator attr a disk=fast
        operator attr c disk=fast
        operator attr d disk=fast
        operator attr e disk=fast
        operator attr f disk=fast
        operator standby c
        operator maintenance on d
        lost e
        look db
        look web",
        expect![[r#"
            > service db never=b where=disk:fast address=lan
            configuration version 2 by ann
              db: no node may run it: a: not attached to network lan; b: not allowed by the configuration; c: not attached to network lan; d: not attached to network lan; e: not attached to network lan; f: not attached to network lan
              db: no node may run it: a: disk is not set, not as asked for (disk is fast); b: not allowed by the configuration; c: disk is not set, not as asked for (disk is fast); d: disk is not set, not as asked for (disk is fast); e: disk is not set, not as asked for (disk is fast); f: not attached to network lan
            > operator attr a disk=fast
            ann: attr set a disk fast
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > operator attr c disk=fast
            ann: attr set c disk fast
            > operator attr d disk=fast
            ann: attr set d disk fast
            > operator attr e disk=fast
            ann: attr set e disk fast
            > operator attr f disk=fast
            ann: attr set f disk fast
            > operator standby c
            ann: standby c
            > operator maintenance on d
            ann: maintenance on --node d
            > lost e
            e is lost: e silent for 800 ms, agreed by a and b and c and d and f
            fence 37: a fences e: e silent for 800 ms, agreed by a and b and c and d and f
              e: waits until e is proven off
            > look db
              a: 0 points; runs no other service
              b: not allowed by the configuration
              c: on standby
              d: in maintenance
              e: lost
              f: not attached to network lan
            > look web
              a: web is not in the configuration
              b: web is not in the configuration
              c: web is not in the configuration
              d: web is not in the configuration
              e: web is not in the configuration
              f: web is not in the configuration
        "#]],
    );
}

#[test]
fn a_bar_is_told_with_its_failure_and_its_end() {
    check(
        "nodes a b
        service db prefer=a restart=0 expires=1h
        fails db
        look db
        when
        wait 1800s
        look db
        when
        wait 1800s
        look db",
        expect![[r#"
            > service db prefer=a restart=0 expires=1h
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > fails db
            db failed on a: program: exit 1
            plan 2: stop db on a: program failed once on a, which is barred for 1h
            db stopped on a: program failed once on a, which is barred for 1h
            plan 3: start db on b: program failed once on a, which is barred for 1h
            db runs on b
            > look db
              b: 0 points: not in prefer; runs no other service
              a: barred since 00:00: program failed once (exit 1), until 1970-01-01T01:00
            > when
              plans again when something happens
            > wait 1800s
            > look db
              b: 0 points: not in prefer; runs no other service
              a: barred since 00:00: program failed once (exit 1), until 1970-01-01T01:00
            > when
              plans again when something happens
            > wait 1800s
            > look db
              a: 100 points: first in prefer; runs no other service; b has 0, but without `failback` it does not move for points
              b: 0 points: not in prefer; runs no other service
        "#]],
    );
}

#[test]
fn where_services_are_placed_together_a_node_objects_for_the_others() {
    check(
        "nodes a b
        service db
        service web apart=db
        service mail together=db
        look db
        look web
        look mail",
        expect![[r#"
            > service db
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web apart=db
            configuration version 3 by ann
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            > service mail together=db
            configuration version 4 by ann
            plan 3: start mail on a: it should run and runs nowhere
            mail runs on a
            > look db
              a: 0 points; runs 1 other service
              b: it must not be where web is, on b
            > look web
              b: 0 points; runs no other service
              a: it must not be where db is, on a
            > look mail
              a: 0 points; runs 1 other service
              b: it belongs where db is, on a
        "#]],
    );
}

#[test]
fn why_a_service_starts_is_what_changed_last() {
    check(
        "nodes a b
        service db ticket=site
        operator ticket grant site
        operator stop db
        operator start db
        operator ticket standby site
        operator ticket grant site",
        expect![[r#"
            > service db ticket=site
            configuration version 2 by ann
              db: ticket site is not here
            > operator ticket grant site
            ann: ticket grant site
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > operator stop db
            ann: stop db
            plan 2: stop db on a: asked by ann
            db stopped on a: asked by ann
            > operator start db
            ann: start db
            plan 3: start db on a: asked by ann
            db runs on a
            > operator ticket standby site
            ann: ticket standby site
            plan 4: stop db on a: ticket site is not here
            db stopped on a: ticket site is not here
              db: ticket site is not here
            > operator ticket grant site
            ann: ticket grant site
            plan 5: start db on a: it should run and runs nowhere
            db runs on a
        "#]],
    );
}

#[test]
fn ill_nodes_are_left_and_told() {
    check(
        "nodes a b
        service db prefer=a
        health move-on-red
        operator attr a health-disk=red
        look db
        operator attr a health-disk=green
        service web together=db
        operator attr b health-disk=red
        look web",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > health move-on-red
            configuration version 3 by ann
            > operator attr a health-disk=red
            ann: attr set a health-disk red
            plan 2: stop db on a: it may not be on a: health-disk is red
            db stopped on a: it may not be on a: health-disk is red
            plan 3: start db on b: it may not be on a: health-disk is red
            db runs on b
            > look db
              b: 0 points: not in prefer; runs no other service
              a: health-disk is red
            > operator attr a health-disk=green
            ann: attr set a health-disk green
            > service web together=db
            configuration version 4 by ann
            plan 4: start web on b: it should run and runs nowhere
            web runs on b
            > operator attr b health-disk=red
            ann: attr set b health-disk red
            plan 5: stop db on b: it may not be on b: health-disk is red
            plan 5: stop web on b: it may not be on b: health-disk is red
            db stopped on b: it may not be on b: health-disk is red
            web stopped on b: it may not be on b: health-disk is red
            plan 6: start db on a: it may not be on b: health-disk is red
            plan 6: start web on a: it may not be on b: health-disk is red
            db runs on a
            web runs on a
            > look web
              a: 0 points; runs 1 other service
              b: health-disk is red
        "#]],
    );
}

#[test]
fn a_move_for_which_there_is_no_room_with_all_the_others_says_so() {
    check(
        "nodes a b
        capacity a cpu=4
        capacity b cpu=4
        placement most-room
        service q failback prefer=a together=t:201 uses=cpu:1
        service r prefer=b uses=cpu:3
        service s failback prefer=a together=q uses=cpu:3
        service t failback prefer=b,a together=q:301 apart=s:301 uses=cpu:2
        operator move q to b
        look q",
        expect![[r#"
            > capacity a cpu=4
            configuration version 2 by ann
            > capacity b cpu=4
            configuration version 3 by ann
            > placement most-room
            configuration version 4 by ann
            > service q failback prefer=a together=t:201 uses=cpu:1
            configuration version 5 by ann
            plan 1: start q on a: it should run and runs nowhere
            q runs on a
            > service r prefer=b uses=cpu:3
            configuration version 6 by ann
            plan 2: start r on b: it should run and runs nowhere
            r runs on b
            > service s failback prefer=a together=q uses=cpu:3
            configuration version 7 by ann
            plan 3: start s on a: it should run and runs nowhere
            s runs on a
            > service t failback prefer=b,a together=q:301 apart=s:301 uses=cpu:2
            configuration version 8 by ann
              t: no node may run it: a: no room on a: cpu 2 needed, 0 left; b: no room on b: cpu 2 needed, 1 left
            > operator move q to b
            ann: move q to b
              q: with all others in view it belongs on a
            > look q
              a: 100 points: first in prefer; runs 1 other service
              b: 0 points: not in prefer; runs 1 other service; a has 100
        "#]],
    );
}

#[test]
fn what_is_held_because_a_move_would_be_taken_back_says_so() {
    check(
        "nodes a b
        capacity a cpu=4
        capacity b cpu=4
        placement most-room
        service q failback prefer=b,a uses=cpu:1
        service r failback prefer=b apart=q:301 uses=cpu:3
        service s prefer=a uses=cpu:1
        service t failback prefer=a together=r uses=cpu:2
        operator move r to b
        look r",
        expect![[r#"
            > capacity a cpu=4
            configuration version 2 by ann
            > capacity b cpu=4
            configuration version 3 by ann
            > placement most-room
            configuration version 4 by ann
            > service q failback prefer=b,a uses=cpu:1
            configuration version 5 by ann
            plan 1: start q on b: it should run and runs nowhere
            q runs on b
            > service r failback prefer=b apart=q:301 uses=cpu:3
            configuration version 6 by ann
            plan 2: start r on a: it should run and runs nowhere
            r runs on a
            > service s prefer=a uses=cpu:1
            configuration version 7 by ann
            plan 3: start s on a: it should run and runs nowhere
            s runs on a
            > service t failback prefer=a together=r uses=cpu:2
            configuration version 8 by ann
              t: no node may run it: a: no room on a: cpu 2 needed, 0 left; b: it belongs where r is, on a
            > operator move r to b
            ann: move r to b
              r: a move to b would be taken back by the next plan
            > look r
              b: 100 points: first in prefer; runs 1 other service; it would go there, and the next plan would take it back: so it is held on a
              a: 0 points: not in prefer; runs 1 other service
        "#]],
    );
}

#[test]
fn what_would_go_back_but_for_the_others_says_where_it_belongs() {
    check(
        "nodes a b
        service q prefer=b
        service r failback prefer=a together=q
        look r
        look q",
        expect![[r#"
            > service q prefer=b
            configuration version 2 by ann
            plan 1: start q on b: it should run and runs nowhere
            q runs on b
            > service r failback prefer=a together=q
            configuration version 3 by ann
            plan 2: start r on b: it should run and runs nowhere
            r runs on b
            > look r
              b: 0 points: not in prefer; runs 1 other service
              a: it belongs where q is, on b
            > look q
              b: 100 points: first in prefer; runs 1 other service
              a: 0 points: not in prefer; runs no other service; b has 100
        "#]],
    );
}

#[test]
fn of_two_nodes_the_one_where_it_sticks_for_more_points_comes_first() {
    check(
        "nodes a b
        service web failback prefer=a,b sticky=150
        operator move web to b
        look web",
        expect![[r#"
            > service web failback prefer=a,b sticky=150
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > operator move web to b
            ann: move web to b
            plan 2: stop web on a: asked by ann
            web stopped on a: asked by ann
            plan 3: start web on b: asked by ann
            web runs on b
            > look web
              b: 250 points: second in prefer, stickiness (150 points); runs no other service
              a: 200 points: first in prefer; runs no other service; b has 250
        "#]],
    );
}
