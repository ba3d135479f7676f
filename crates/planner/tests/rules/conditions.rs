//! Attributes, health and tickets that say where and whether something runs.

use super::*;

#[test]
fn attributes_say_where_a_service_may_be_also_when_they_change() {
    check(
        "nodes a b c
        attribute a rack=x
        attribute b rack=y
        attribute c rack=x
        service web where=rack:x
        operator attr a rack=y
        operator attr c rack=y
        operator attr a rack",
        expect![[r#"
            > attribute a rack=x
            configuration version 2 by ann
            > attribute b rack=y
            configuration version 3 by ann
            > attribute c rack=x
            configuration version 4 by ann
            > service web where=rack:x
            configuration version 5 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > operator attr a rack=y
            ann: attr set a rack y
            plan 2: stop web on a: it may not be on a: rack is y, not as asked for (rack is x)
            web stopped on a: it may not be on a: rack is y, not as asked for (rack is x)
            plan 3: start web on c: it may not be on a: rack is y, not as asked for (rack is x)
            web runs on c
            > operator attr c rack=y
            ann: attr set c rack y
            plan 4: stop web on c: it may not be on c: rack is y, not as asked for (rack is x)
            web stopped on c: it may not be on c: rack is y, not as asked for (rack is x)
              web: no node may run it: a: rack is y, not as asked for (rack is x); b: rack is y, not as asked for (rack is x); c: rack is y, not as asked for (rack is x)
            > operator attr a rack
            ann: attr unset a rack
            plan 5: start web on a: it may not be on c: rack is y, not as asked for (rack is x)
            web runs on a
        "#]],
    );
}

#[test]
fn services_leave_a_node_whose_health_is_bad() {
    check(
        "nodes a b
        health move-on-red
        service web prefer=a
        operator attr a health-disk=yellow
        operator attr a health-disk=red
        operator attr a health-disk",
        expect![[r#"
            > health move-on-red
            configuration version 2 by ann
            > service web prefer=a
            configuration version 3 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > operator attr a health-disk=yellow
            ann: attr set a health-disk yellow
            > operator attr a health-disk=red
            ann: attr set a health-disk red
            plan 2: stop web on a: it may not be on a: health-disk is red
            web stopped on a: it may not be on a: health-disk is red
            plan 3: start web on b: it may not be on a: health-disk is red
            web runs on b
            > operator attr a health-disk
            ann: attr unset a health-disk
        "#]],
    );
}

#[test]
fn a_service_needs_its_ticket() {
    check(
        "nodes a b
        service web ticket=site
        operator ticket grant site
        operator ticket standby site
        operator ticket grant site
        operator ticket revoke site",
        expect![[r#"
            > service web ticket=site
            configuration version 2 by ann
              web: ticket site is not here
            > operator ticket grant site
            ann: ticket grant site
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > operator ticket standby site
            ann: ticket standby site
            plan 2: stop web on a: ticket site is not here
            web stopped on a: ticket site is not here
              web: ticket site is not here
            > operator ticket grant site
            ann: ticket grant site
            plan 3: start web on a: it should run and runs nowhere
            web runs on a
            > operator ticket revoke site
            ann: ticket revoke site
            plan 4: stop web on a: ticket site is not here
            web stopped on a: ticket site is not here
              web: ticket site is not here
        "#]],
    );
}

#[test]
fn without_its_ticket_a_service_is_frozen_or_its_node_is_fenced() {
    check(
        "nodes a b
        service calm ticket=site:freeze prefer=a
        service hot ticket=site:fence prefer=b
        operator ticket grant site
        operator ticket revoke site
        fails calm
        fenced b",
        expect![[r#"
            > service calm ticket=site:freeze prefer=a
            configuration version 2 by ann
              calm: ticket site is not here
            > service hot ticket=site:fence prefer=b
            configuration version 3 by ann
              hot: ticket site is not here
            > operator ticket grant site
            ann: ticket grant site
            plan 1: start calm on a: it should run and runs nowhere
            plan 1: start hot on b: it should run and runs nowhere
            calm runs on a
            hot runs on b
            > operator ticket revoke site
            ann: ticket revoke site
            b is lost: ticket site is not here
            fence 18: a fences b: ticket site is not here
              b: waits until b is proven off
              calm: ticket site is not here
              hot: waits until b is proven off
            > fails calm
            calm failed on a: program: exit 1
            > fenced b
            fence 18: b confirmed off by power
            hot stopped on b: b is proven off
            b is down
              hot: ticket site is not here
        "#]],
    );
}

#[test]
fn a_service_needs_all_its_tickets_and_each_loss_has_its_own_answer() {
    check(
        "nodes a b
        service web ticket=site:freeze ticket=branch:stop
        operator ticket grant site
        operator ticket grant branch
        operator ticket revoke site
        operator ticket revoke branch
        operator ticket grant site
        operator ticket grant branch
        service web ticket=site:freeze ticket=branch:fence
        operator ticket standby branch
        operator ticket grant branch
        operator ticket revoke site
        operator ticket revoke branch",
        expect![[r#"
            > service web ticket=site:freeze ticket=branch:stop
            configuration version 2 by ann
              web: ticket branch is not here
            > operator ticket grant site
            ann: ticket grant site
            > operator ticket grant branch
            ann: ticket grant branch
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > operator ticket revoke site
            ann: ticket revoke site
              web: ticket site is not here
            > operator ticket revoke branch
            ann: ticket revoke branch
            plan 2: stop web on a: ticket branch is not here
            web stopped on a: ticket branch is not here
              web: ticket branch is not here
            > operator ticket grant site
            ann: ticket grant site
            > operator ticket grant branch
            ann: ticket grant branch
            plan 3: start web on a: it should run and runs nowhere
            web runs on a
            > service web ticket=site:freeze ticket=branch:fence
            configuration version 3 by ann
            > operator ticket standby branch
            ann: ticket standby branch
            plan 4: stop web on a: ticket branch is not here
            web stopped on a: ticket branch is not here
              web: ticket branch is not here
            > operator ticket grant branch
            ann: ticket grant branch
            plan 5: start web on a: it should run and runs nowhere
            web runs on a
            > operator ticket revoke site
            ann: ticket revoke site
              web: ticket site is not here
            > operator ticket revoke branch
            ann: ticket revoke branch
            a is lost: ticket branch is not here
            fence 32: b fences a: ticket branch is not here
              a: waits until a is proven off
              web: waits until a is proven off
        "#]],
    );
}
