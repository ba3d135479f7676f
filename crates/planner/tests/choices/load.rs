//! `placement = "least-load"`: which of several nodes that suit a service equally well is the
//! least busy, and that nothing moves for that.

use super::*;
use model::load::CPU_LOAD;
use model::{NodeName, ServiceName};

#[test]
fn of_equals_the_one_that_is_least_busy_takes_it_and_it_stays() {
    check(
        "nodes a b c
        placement least-load
        busy a 40
        busy b 20
        busy c 30
        service web
        busy b 90
        look web",
        expect![[r#"
            > placement least-load
            configuration version 2 by ann
            > busy a 40
            > busy b 20
            > busy c 30
            > service web
            configuration version 3 by ann
            plan 1: start web on b: it should run and runs nowhere
            web runs on b
            > busy b 90
            > look web
              c: 0 points; its processors are 30 % busy; runs no other service; b has as many, and it is there
              a: 0 points; its processors are 40 % busy; runs no other service; b has as many, and it is there
              b: 0 points; its processors are 90 % busy, and 10 % for a service that came lately; runs no other service
        "#]],
    );
}

#[test]
fn many_at_once_are_spread_as_if_each_kept_a_step_busy() {
    check(
        "nodes a b c
        placement least-load
        busy a 10
        busy b 20
        busy c 80
        many 8 s
        look s1",
        expect![[r#"
            > placement least-load
            configuration version 2 by ann
            > busy a 10
            > busy b 20
            > busy c 80
            > many 8 s
            configuration version 3 by ann
            plan 1: start s1 on a: it should run and runs nowhere
            plan 1: start s2 on b: it should run and runs nowhere
            plan 1: start s3 on a: it should run and runs nowhere
            plan 1: start s4 on b: it should run and runs nowhere
            plan 1: start s5 on a: it should run and runs nowhere
            plan 1: start s6 on b: it should run and runs nowhere
            plan 1: start s7 on a: it should run and runs nowhere
            plan 1: start s8 on b: it should run and runs nowhere
            s1 runs on a
            s2 runs on b
            s3 runs on a
            s4 runs on b
            s5 runs on a
            s6 runs on b
            s7 runs on a
            s8 runs on b
            > look s1
              a: 0 points; its processors are 10 % busy, and 40 % for 4 services that came lately; runs 3 other services
              b: 0 points; its processors are 20 % busy, and 40 % for 4 services that came lately; runs 4 other services; a has as many, and it is there
              c: 0 points; its processors are 80 % busy; runs no other service; a has as many, and it is there
        "#]],
    );
}

#[test]
fn what_came_a_moment_ago_counts_until_it_is_measured() {
    check(
        "nodes a b
        placement least-load
        busy a 10
        busy b 20
        service one
        service two
        service six
        look six
        wait 1m
        look six
        service ten",
        expect![[r#"
            > placement least-load
            configuration version 2 by ann
            > busy a 10
            > busy b 20
            > service one
            configuration version 3 by ann
            plan 1: start one on a: it should run and runs nowhere
            one runs on a
            > service two
            configuration version 4 by ann
            plan 2: start two on b: it should run and runs nowhere
            two runs on b
            > service six
            configuration version 5 by ann
            plan 3: start six on a: it should run and runs nowhere
            six runs on a
            > look six
              b: 0 points; its processors are 20 % busy, and 10 % for a service that came lately; runs 1 other service; a has as many, and it is there
              a: 0 points; its processors are 10 % busy, and 20 % for 2 services that came lately; runs 1 other service
            > wait 1m
            > look six
              a: 0 points; its processors are 10 % busy; runs 1 other service
              b: 0 points; its processors are 20 % busy; runs 1 other service; a has as many, and it is there
            > service ten
            configuration version 6 by ann
            plan 4: start ten on a: it should run and runs nowhere
            ten runs on a
        "#]],
    );
}

#[test]
fn preference_comes_before_load() {
    check(
        "nodes a b c
        placement least-load
        busy a 90
        busy b 10
        service web prefer=a failback
        service db where=rack:x:50 failback
        attribute c rack=x",
        expect![[r#"
            > placement least-load
            configuration version 2 by ann
            > busy a 90
            > busy b 10
            > service web prefer=a failback
            configuration version 3 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > service db where=rack:x:50 failback
            configuration version 4 by ann
            plan 2: start db on b: it should run and runs nowhere
            db runs on b
            > attribute c rack=x
            configuration version 5 by ann
            plan 3: stop db on b: c is preferred and ready again
            db stopped on b: c is preferred and ready again
            plan 4: start db on c: c is preferred and ready again
            db runs on c
        "#]],
    );
}

#[test]
fn a_node_that_is_not_measured_counts_as_the_mean_of_the_others() {
    check(
        "nodes a b c
        placement least-load
        service one
        busy a 10
        busy c 50
        look one
        service two
        service six
        service ten",
        expect![[r#"
            > placement least-load
            configuration version 2 by ann
            > service one
            configuration version 3 by ann
            plan 1: start one on a: it should run and runs nowhere
            one runs on a
            > busy a 10
            > busy c 50
            > look one
              a: 0 points; its processors are 10 % busy, and 10 % for a service that came lately; runs no other service
              b: 0 points; how busy its processors are is not known: 30 % count, the mean of others; runs no other service; a has as many, and it is there
              c: 0 points; its processors are 50 % busy; runs no other service; a has as many, and it is there
            > service two
            configuration version 4 by ann
            plan 2: start two on a: it should run and runs nowhere
            two runs on a
            > service six
            configuration version 5 by ann
            plan 3: start six on b: it should run and runs nowhere
            six runs on b
            > service ten
            configuration version 6 by ann
            plan 4: start ten on a: it should run and runs nowhere
            ten runs on a
        "#]],
    );
}

#[test]
fn what_an_operator_says_stands_before_the_measure() {
    check(
        "nodes a b
        placement least-load
        busy a 10
        busy b 30
        operator attr b cpu-load=0
        service web
        operator attr b cpu-load=high
        look web",
        expect![[r#"
            > placement least-load
            configuration version 2 by ann
            > busy a 10
            > busy b 30
            > operator attr b cpu-load=0
            ann: attr set b cpu-load 0
            > service web
            configuration version 3 by ann
            plan 1: start web on b: it should run and runs nowhere
            web runs on b
            > operator attr b cpu-load=high
            ann: attr set b cpu-load high
            > look web
              a: 0 points; its processors are 10 % busy; runs no other service; b has as many, and it is there
              b: 0 points; how busy its processors are is not known: 10 % count, the mean of others, and 10 % for a service that came lately; runs no other service
        "#]],
    );
}

#[test]
fn what_a_boot_has_told_ends_with_it_and_with_the_placement() {
    check(
        "nodes a b
        placement least-load
        busy a 10
        busy b 30
        lost a
        fenced a
        up a
        service web
        look web
        placement fewest-services
        look web
        busy b 30",
        expect![[r#"
            > placement least-load
            configuration version 2 by ann
            > busy a 10
            > busy b 30
            > lost a
            a is lost: a silent for 800 ms, agreed by b
            fence 13: b fences a: a silent for 800 ms, agreed by b
              a: waits until a is proven off
            > fenced a
            fence 13: a confirmed off by power
            a is down
            > up a
            a is starting
            a is online
            > service web
            configuration version 3 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > look web
              b: 0 points; its processors are 30 % busy; runs no other service; a has as many, and it is there
              a: 0 points; how busy its processors are is not known: 30 % count, the mean of others, and 10 % for a service that came lately; runs no other service
            > placement fewest-services
            configuration version 4 by ann
            > look web
              b: 0 points; runs no other service; a has as many, and it is there
              a: 0 points; runs no other service
            > busy b 30
            rejected: late: it speaks of the load of b, which is over
        "#]],
    );
}

#[test]
fn room_counts_where_something_is_said_of_it() {
    check(
        "nodes a b
        placement least-load
        capacity a cpu=1
        capacity b cpu=4
        busy a 10
        busy b 60
        service big uses=cpu:2
        service small uses=cpu:1",
        expect![[r#"
            > placement least-load
            configuration version 2 by ann
            > capacity a cpu=1
            configuration version 3 by ann
            > capacity b cpu=4
            configuration version 4 by ann
            > busy a 10
            > busy b 60
            > service big uses=cpu:2
            configuration version 5 by ann
            plan 1: start big on b: it should run and runs nowhere
            big runs on b
            > service small uses=cpu:1
            configuration version 6 by ann
            plan 2: start small on a: it should run and runs nowhere
            small runs on a
        "#]],
    );
}

#[test]
fn services_whose_places_depend_on_each_other_go_where_it_is_least_busy() {
    check(
        "nodes a b c
        placement least-load
        busy a 50
        busy b 10
        busy c 20
        many 4 s apart=log
        service log
        service web together=log
        look web
        busy a 0
        busy c 0",
        expect![[r#"
            > placement least-load
            configuration version 2 by ann
            > busy a 50
            > busy b 10
            > busy c 20
            > many 4 s apart=log
            configuration version 3 by ann
            plan 1: start s1 on b: it should run and runs nowhere
            plan 1: start s2 on c: it should run and runs nowhere
            plan 1: start s3 on b: it should run and runs nowhere
            plan 1: start s4 on c: it should run and runs nowhere
            s1 runs on b
            s2 runs on c
            s3 runs on b
            s4 runs on c
            > service log
            configuration version 4 by ann
            plan 2: start log on a: it should run and runs nowhere
            log runs on a
            > service web together=log
            configuration version 5 by ann
            plan 3: start web on a: it should run and runs nowhere
            web runs on a
            > look web
              a: 0 points; its processors are 50 % busy, and 20 % for 2 services that came lately; runs 1 other service
              b: it belongs where log is, on a
              c: it belongs where log is, on a
            > busy a 0
            > busy c 0
        "#]],
    );
}

/// Twenty services of a node that is lost, and three others that are busy in different ways.
#[test]
fn the_services_of_a_lost_node_are_spread_over_those_that_have_time_for_them() {
    for company in ["", "apart=log:10"] {
        let mut world = world::World::new();
        world.play("nodes a b c d\nplacement least-load\nbusy a 10\nbusy b 10\nbusy c 80");
        world.play(&format!("service log manual\nmany 20 s prefer=d {company}"));
        world.play("wait 2m\nlost d\nfenced d");
        let on = |node: &str| {
            let names = (1..=20).map(|number| world::name::<ServiceName>(&format!("s{number}")));
            let claims = names.filter_map(|name| world.claim(&name));
            claims.filter(|claim| claim.node.as_str() == node).count()
        };
        assert_eq!(["a", "b", "c"].map(on), [9, 9, 2], "{}", world.out);
        // Nothing moves, however the loads change.
        let told = world.out.len();
        world.play("busy a 300\nbusy b 0\nbusy c 0\nbusy a 0\nbusy b 300\nwait 2m\nbusy c 100");
        let steps = world.out[told..]
            .lines()
            .filter(|line| line.starts_with("plan"));
        assert_eq!(steps.collect::<Vec<_>>(), [""; 0]);
        let node = &world.state.seen().nodes[&world::name::<NodeName>("c")];
        assert_eq!(node.attribute(None, CPU_LOAD), Some("100"));
    }
}
