//! Networks of services whose places depend on each other.

use super::*;

#[test]
fn a_better_network_where_it_may_not_run_moves_nobody() {
    check(
        "nodes a b c
        network lan a b c
        operator standby a
        service db prefer=c
        service web address=lan never=c prefer=a apart=db
        operator online a
        told a lan none
        told b lan none",
        expect![[r#"
            > operator standby a
            ann: standby a
            > service db prefer=c
            configuration version 3 by ann
            plan 1: start db on c: it should run and runs nowhere
            db runs on c
            > service web address=lan never=c prefer=a apart=db
            configuration version 4 by ann
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            > operator online a
            ann: online a
            > told a lan none
            a: no card of network lan has a link
            > told b lan none
            b: no card of network lan has a link
        "#]],
    );
}

#[test]
fn a_better_network_on_a_node_in_standby_moves_nobody() {
    check(
        "nodes a b c
        network lan a b c
        operator standby a
        service db prefer=c
        service web address=lan prefer=a apart=db
        operator online a
        operator standby c
        told a lan none
        told b lan none",
        expect![[r#"
            > operator standby a
            ann: standby a
            > service db prefer=c
            configuration version 3 by ann
            plan 1: start db on c: it should run and runs nowhere
            db runs on c
            > service web address=lan prefer=a apart=db
            configuration version 4 by ann
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            > operator online a
            ann: online a
            > operator standby c
            ann: standby c
            plan 3: stop db on c: c is on standby
            db stopped on c: c is on standby
            plan 4: start db on a: c is on standby
            db runs on a
            > told a lan none
            a: no card of network lan has a link
            > told b lan none
            b: no card of network lan has a link
        "#]],
    );
}

#[test]
fn a_better_network_moves_what_must_be_apart_from_others() {
    check(
        "nodes a b c
        network lan a b c
        service db prefer=a
        service web address=lan apart=db prefer=b
        told b lan none
        told b lan full",
        expect![[r#"
            > service db prefer=a
            configuration version 3 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web address=lan apart=db prefer=b
            configuration version 4 by ann
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            > told b lan none
            b: no card of network lan has a link
            plan 3: stop web on b: network lan has no usable card on b
            web stopped on b: network lan has no usable card on b
            plan 4: start web on c: network lan has no usable card on b
            web runs on c
            > told b lan full
            b: network lan has a usable card again
        "#]],
    );
}

#[test]
fn a_better_network_takes_company_along() {
    check(
        "nodes a b
        network lan a b
        service db address=lan prefer=a
        service web together=db
        told a lan none",
        expect![[r#"
            > service db address=lan prefer=a
            configuration version 3 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web together=db
            configuration version 4 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > told a lan none
            a: no card of network lan has a link
            plan 3: stop db on a: network lan has no usable card on a
            plan 3: stop web on a: it belongs where db is, on b
            db stopped on a: network lan has no usable card on a
            web stopped on a: it belongs where db is, on b
            plan 4: start db on b: network lan has no usable card on a
            plan 4: start web on b: it belongs where db is, on b
            db runs on b
            web runs on b
        "#]],
    );
}

#[test]
fn what_runs_nowhere_starts_where_its_network_is() {
    check(
        "nodes a b
        network lan a b
        told a lan none
        service db address=lan prefer=a
        service web together=db",
        expect![[r#"
            > told a lan none
            a: no card of network lan has a link
            > service db address=lan prefer=a
            configuration version 3 by ann
            plan 1: start db on b: it should run and runs nowhere
            db runs on b
            > service web together=db
            configuration version 4 by ann
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
        "#]],
    );
}

#[test]
fn company_of_company_goes_along_and_stays_there() {
    check(
        "nodes a b
        network lan a b
        service db address=lan prefer=a
        service web together=db prefer=a
        service app together=web prefer=a
        told a lan none
        told a lan full",
        expect![[r#"
            > service db address=lan prefer=a
            configuration version 3 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web together=db prefer=a
            configuration version 4 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > service app together=web prefer=a
            configuration version 5 by ann
            plan 3: start app on a: it should run and runs nowhere
            app runs on a
            > told a lan none
            a: no card of network lan has a link
            plan 4: stop app on a: it belongs where web is, on b
            plan 4: stop db on a: network lan has no usable card on a
            plan 4: stop web on a: it belongs where db is, on b
            app stopped on a: it belongs where web is, on b
            db stopped on a: network lan has no usable card on a
            web stopped on a: it belongs where db is, on b
            plan 5: start app on b: it belongs where web is, on b
            plan 5: start db on b: network lan has no usable card on a
            plan 5: start web on b: it belongs where db is, on b
            app runs on b
            db runs on b
            web runs on b
            > told a lan full
            a: network lan has a usable card again
        "#]],
    );
}

#[test]
fn who_only_wishes_to_be_near_stays() {
    check(
        "nodes a b
        network lan a b
        service db address=lan prefer=a
        service web together=db:50 prefer=a
        told a lan none",
        expect![[r#"
            > service db address=lan prefer=a
            configuration version 3 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web together=db:50 prefer=a
            configuration version 4 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > told a lan none
            a: no card of network lan has a link
            plan 3: stop db on a: network lan has no usable card on a
            db stopped on a: network lan has no usable card on a
            plan 4: start db on b: network lan has no usable card on a
            db runs on b
        "#]],
    );
}

#[test]
fn company_that_cannot_go_along_keeps_nobody_there() {
    check(
        "nodes a b c
        network lan a b c
        service db address=lan prefer=a
        service web together=db never=b
        told a lan none
        told c lan none",
        expect![[r#"
            > service db address=lan prefer=a
            configuration version 3 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web together=db never=b
            configuration version 4 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > told a lan none
            a: no card of network lan has a link
            plan 3: stop db on a: network lan has no usable card on a
            plan 3: stop web on a: it belongs where db is, on c
            db stopped on a: network lan has no usable card on a
            web stopped on a: it belongs where db is, on c
            plan 4: start db on c: network lan has no usable card on a
            plan 4: start web on c: it belongs where db is, on c
            db runs on c
            web runs on c
            > told c lan none
            c: no card of network lan has a link
        "#]],
    );
}
