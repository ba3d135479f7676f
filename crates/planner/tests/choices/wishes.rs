//! What a service would like: to go back, to avoid, to share evenly, to be in company.

use super::*;

#[test]
fn a_service_returns_to_where_its_wishes_point() {
    check(
        "nodes a b c
        service db failback where=disk:fast:50
        operator attr c disk=fast
        operator attr b disk=fast
        operator attr c disk",
        expect![[r#"
            > service db failback where=disk:fast:50
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > operator attr c disk=fast
            ann: attr set c disk fast
            plan 2: stop db on a: c is preferred and ready again
            db stopped on a: c is preferred and ready again
            plan 3: start db on c: c is preferred and ready again
            db runs on c
            > operator attr b disk=fast
            ann: attr set b disk fast
            > operator attr c disk
            ann: attr unset c disk
            plan 4: stop db on c: b is preferred and ready again
            db stopped on c: b is preferred and ready again
            plan 5: start db on b: b is preferred and ready again
            db runs on b
        "#]],
    );
}

#[test]
fn a_service_leaves_a_node_that_it_should_avoid_only_where_it_may_go_back() {
    check(
        "nodes a b
        service db avoid=a
        service web avoid=a failback
        operator standby b
        operator online b",
        expect![[r#"
            > service db avoid=a
            configuration version 2 by ann
            plan 1: start db on b: it should run and runs nowhere
            db runs on b
            > service web avoid=a failback
            configuration version 3 by ann
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            > operator standby b
            ann: standby b
            plan 3: stop db on b: b is on standby
            plan 3: stop web on b: b is on standby
            db stopped on b: b is on standby
            web stopped on b: b is on standby
            plan 4: start db on a: b is on standby
            plan 4: start web on a: b is on standby
            db runs on a
            web runs on a
            > operator online b
            ann: online b
            plan 5: stop web on a: b is preferred and ready again
            web stopped on a: b is preferred and ready again
            plan 6: start web on b: b is preferred and ready again
            web runs on b
        "#]],
    );
}

#[test]
fn wishes_count_less_than_stickiness_where_that_is_more() {
    check(
        "nodes a b
        service db failback sticky=50 where=disk:fast:50
        operator attr b disk=fast
        service db failback sticky=49 where=disk:fast:50",
        expect![[r#"
            > service db failback sticky=50 where=disk:fast:50
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > operator attr b disk=fast
            ann: attr set b disk fast
            > service db failback sticky=49 where=disk:fast:50
            configuration version 3 by ann
            plan 2: stop db on a: b is preferred and ready again
            db stopped on a: b is preferred and ready again
            plan 3: start db on b: b is preferred and ready again
            db runs on b
        "#]],
    );
}

#[test]
fn a_return_waits_for_what_it_needs() {
    check(
        "nodes a b
        service db prefer=b
        service web prefer=a failback after=db
        slow db
        operator standby a
        operator restart db
        operator online a
        runs db",
        expect![[r#"
            > service db prefer=b
            configuration version 2 by ann
            plan 1: start db on b: it should run and runs nowhere
            db runs on b
            > service web prefer=a failback after=db
            configuration version 3 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > slow db
            > operator standby a
            ann: standby a
            plan 3: stop web on a: a is on standby
            web stopped on a: a is on standby
            plan 4: start web on b: a is on standby
            web runs on b
            > operator restart db
            ann: restart db
            > operator online a
            ann: online a
              web: waits for db to run
            > runs db
            db runs on b
            plan 5: stop web on b: a is preferred and ready again
            web stopped on b: a is preferred and ready again
            plan 6: start web on a: a is preferred and ready again
            web runs on a
        "#]],
    );
}

#[test]
fn a_service_with_failback_that_belongs_elsewhere_waits_until_it_can_start_there() {
    check(
        "nodes a b c
        service db prefer=b
        service web prefer=a failback apart=db
        slow db
        runs db
        service log after=db failback prefer=a apart=web
        operator standby a
        operator online a",
        expect![[r#"
            > service db prefer=b
            configuration version 2 by ann
            plan 1: start db on b: it should run and runs nowhere
            db runs on b
            > service web prefer=a failback apart=db
            configuration version 3 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > slow db
            > runs db
            > service log after=db failback prefer=a apart=web
            configuration version 4 by ann
            plan 3: start log on c: it should run and runs nowhere
            log runs on c
            > operator standby a
            ann: standby a
            plan 4: stop log on c: it must not be where web is, on c
            plan 4: stop web on a: a is on standby
            log stopped on c: it must not be where web is, on c
            web stopped on a: a is on standby
            plan 5: start log on b: it must not be where web is, on c
            plan 5: start web on c: a is on standby
            log runs on b
            web runs on c
            > operator online a
            ann: online a
            plan 6: stop web on c: a is preferred and ready again
            web stopped on c: a is preferred and ready again
            plan 7: start web on a: a is preferred and ready again
            web runs on a
        "#]],
    );
}

#[test]
fn a_return_waits_for_what_it_needs_where_places_are_common_too() {
    check(
        "nodes a b
        placement fits
        service log prefer=b
        service db prefer=a failback after=log
        operator standby a
        slow log
        operator restart log
        operator online a
        runs log",
        expect![[r#"
            > placement fits
            configuration version 2 by ann
            > service log prefer=b
            configuration version 3 by ann
            plan 1: start log on b: it should run and runs nowhere
            log runs on b
            > service db prefer=a failback after=log
            configuration version 4 by ann
            plan 2: start db on a: it should run and runs nowhere
            db runs on a
            > operator standby a
            ann: standby a
            plan 3: stop db on a: a is on standby
            db stopped on a: a is on standby
            plan 4: start db on b: a is on standby
            db runs on b
            > slow log
            > operator restart log
            ann: restart log
            > operator online a
            ann: online a
              db: waits for log to run
            > runs log
            log runs on b
            plan 5: stop db on b: a is preferred and ready again
            db stopped on b: a is preferred and ready again
            plan 6: start db on a: a is preferred and ready again
            db runs on a
        "#]],
    );
}

#[test]
fn a_service_that_may_go_back_does_not_move_for_even_shares() {
    check(
        "nodes a b
        placement fits
        service db failback
        operator standby b
        service web failback
        operator online b
        operator maintenance on b",
        expect![[r#"
            > placement fits
            configuration version 2 by ann
            > service db failback
            configuration version 3 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > operator standby b
            ann: standby b
            > service web failback
            configuration version 4 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > operator online b
            ann: online b
            > operator maintenance on b
            ann: maintenance on --node b
        "#]],
    );
}

#[test]
fn the_wishes_for_company_are_weighed() {
    check(
        "nodes a b c
        service db prefer=a
        service web prefer=b together=db:150
        service mail together=db:50 apart=web:60
        look mail
        service news apart=db:100,mail:100",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web prefer=b together=db:150
            configuration version 3 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > service mail together=db:50 apart=web:60
            configuration version 4 by ann
            plan 3: start mail on b: it should run and runs nowhere
            mail runs on b
            > look mail
              c: 0 points; runs no other service; b has as many, and it is there
              b: 0 points; runs no other service
              a: 0 points; runs 2 other services; b has as many, and it is there
            > service news apart=db:100,mail:100
            configuration version 5 by ann
            plan 4: start news on c: it should run and runs nowhere
            news runs on c
        "#]],
    );
}
