//! Rules about nodes that hold for the promoted copy only.

use super::*;

#[test]
fn the_copy_on_the_wished_node_is_promoted() {
    check(
        "nodes a b c
        service db copies=3 promoted=1 promoted-nodes=b@50
        operator standby b
        operator online b
        look db:1
        service db copies=3 promoted=1 promoted-nodes=b@50 failback",
        expect![[r#"
            > service db copies=3 promoted=1 promoted-nodes=b@50
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            plan 1: start db:2 on c: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            db:2 runs on c
            plan 2: promote db:1 on b: a copy should be promoted, and none is
            db:1 is promoted on b
            > operator standby b
            ann: standby b
            plan 3: stop db:1 on b: b is on standby
            db:1 stopped on b: b is on standby
            plan 4: promote db:0 on a: b is on standby
            db:0 is promoted on a
              db:1: no node may run it: a: has its copy; b: on standby; c: has its copy
            > operator online b
            ann: online b
            plan 5: start db:1 on b: b is on standby
            db:1 runs on b
            > look db:1
              b: 0 points; runs no other service; more for a promoted copy: promoted where node is b (50 points)
              a: has its copy
              c: has its copy
            > service db copies=3 promoted=1 promoted-nodes=b@50 failback
            configuration version 3 by ann
            plan 6: demote db:0 on a: b is preferred and ready again
            db:0 is demoted on a
            plan 7: promote db:1 on b: b is preferred and ready again
            db:1 is promoted on b
        "#]],
    );
}

#[test]
fn wishes_about_the_promoted_copy_do_not_move_the_copies() {
    check(
        "nodes a b c
        service db copies=2 promoted=1 failback promoted-nodes=b@50 promoted-nodes=c@500
        service db copies=2 promoted=1 failback prefer=c,b promoted-nodes=b@500",
        expect![[r#"
            > service db copies=2 promoted=1 failback promoted-nodes=b@50 promoted-nodes=c@500
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:1 on b: a copy should be promoted, and none is
            db:1 is promoted on b
            > service db copies=2 promoted=1 failback prefer=c,b promoted-nodes=b@500
            configuration version 3 by ann
            plan 3: stop db:0 on a: c is preferred and ready again
            plan 3: stop db:1 on b: c is preferred and ready again
            db:0 stopped on a: c is preferred and ready again
            db:1 stopped on b: c is preferred and ready again
            plan 4: start db:0 on c: c is preferred and ready again
            plan 4: start db:1 on b: c is preferred and ready again
            db:0 runs on c
            db:1 runs on b
            plan 5: promote db:1 on b: c is preferred and ready again
            db:1 is promoted on b
        "#]],
    );
}

#[test]
fn no_copy_is_promoted_where_the_rule_does_not_pass() {
    check(
        "nodes a b c
        attribute a rack=x
        attribute b rack=x
        service db copies=every-node promoted=1 promoted-where=rack:y
        operator attr c rack=y
        operator attr c rack=z
        operator attr a rack=y",
        expect![[r#"
            > attribute a rack=x
            configuration version 2 by ann
            > attribute b rack=x
            configuration version 3 by ann
            > service db copies=every-node promoted=1 promoted-where=rack:y
            configuration version 4 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            plan 1: start db:2 on c: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            db:2 runs on c
              db:0: no copy can be promoted: a: rack is x, not as asked for (promoted where rack is y); b: rack is x, not as asked for (promoted where rack is y); c: rack is not set, not as asked for (promoted where rack is y)
            > operator attr c rack=y
            ann: attr set c rack y
            plan 2: promote db:2 on c: a copy should be promoted, and none is
            db:2 is promoted on c
            > operator attr c rack=z
            ann: attr set c rack z
            plan 3: demote db:2 on c: it shall not be promoted on c: rack is z, not as asked for (promoted where rack is y)
            db:2 is demoted on c
              db:0: no copy can be promoted: a: rack is x, not as asked for (promoted where rack is y); b: rack is x, not as asked for (promoted where rack is y); c: rack is z, not as asked for (promoted where rack is y)
            > operator attr a rack=y
            ann: attr set a rack y
            plan 4: promote db:0 on a: it shall not be promoted on c: rack is z, not as asked for (promoted where rack is y)
            db:0 is promoted on a
        "#]],
    );
}

#[test]
fn with_several_conditions_as_well() {
    check(
        "nodes a b c
        attribute b rack=x
        attribute b disks=4
        attribute c rack=x
        attribute c disks=2
        service db copies=every-node promoted=1 promoted-all=rack:x+disks:4
        operator attr b disks=1
        service db copies=every-node promoted=1 promoted-any=disks:2+rack:y",
        expect![[r#"
            > attribute b rack=x
            configuration version 2 by ann
            > attribute b disks=4
            configuration version 3 by ann
            > attribute c rack=x
            configuration version 4 by ann
            > attribute c disks=2
            configuration version 5 by ann
            > service db copies=every-node promoted=1 promoted-all=rack:x+disks:4
            configuration version 6 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            plan 1: start db:2 on c: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            db:2 runs on c
            plan 2: promote db:1 on b: a copy should be promoted, and none is
            db:1 is promoted on b
            > operator attr b disks=1
            ann: attr set b disks 1
            plan 3: demote db:1 on b: it shall not be promoted on b: disks is 1, not as asked for (promoted where rack is x and disks is at least 4)
            db:1 is demoted on b
              db:0: no copy can be promoted: a: rack is not set and disks is not set, not as asked for (promoted where rack is x and disks is at least 4); c: disks is 2, not as asked for (promoted where rack is x and disks is at least 4); b: disks is 1, not as asked for (promoted where rack is x and disks is at least 4)
            > service db copies=every-node promoted=1 promoted-any=disks:2+rack:y
            configuration version 7 by ann
            plan 4: promote db:2 on c: it shall not be promoted on b: disks is 1, not as asked for (promoted where rack is x and disks is at least 4)
            db:2 is promoted on c
        "#]],
    );
}

#[test]
fn what_must_be_with_the_promoted_copy_goes_where_it_may_be() {
    check(
        "nodes a b c
        service db copies=every-node promoted=1 promoted-nodes=c
        service front together-promoted=db prefer=a
        operator standby c",
        expect![[r#"
            > service db copies=every-node promoted=1 promoted-nodes=c
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            plan 1: start db:2 on c: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            db:2 runs on c
            plan 2: promote db:2 on c: a copy should be promoted, and none is
            db:2 is promoted on c
            > service front together-promoted=db prefer=a
            configuration version 3 by ann
            plan 3: start front on c: it should run and runs nowhere
            front runs on c
            > operator standby c
            ann: standby c
            plan 4: stop db:2 on c: c is on standby
            plan 4: stop front on c: c is on standby
            db:2 stopped on c: c is on standby
            front stopped on c: c is on standby
              db:0: no copy can be promoted: a: node is a, not as asked for (promoted where node is c); b: node is b, not as asked for (promoted where node is c)
              db:2: each node that may run it now has its copy
              front: no node may run it: a: it belongs where db is, which has no place now; b: it belongs where db is, which has no place now; c: on standby
        "#]],
    );
}

#[test]
fn an_order_does_not_promote_where_the_rule_does_not_pass() {
    check(
        "nodes a b c
        service db copies=every-node promoted=1 promoted-nodes=a,b
        operator move db to c
        look db:1
        look db:2
        operator move db to b",
        expect![[r#"
            > service db copies=every-node promoted=1 promoted-nodes=a,b
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            plan 1: start db:2 on c: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            db:2 runs on c
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > operator move db to c
            ann: move db to c
              db:0: it shall not be promoted on c: node is c, not as asked for (promoted where node is a or b)
            > look db:1
              b: 0 points; runs no other service
              a: has its copy
              c: has its copy
            > look db:2
              c: 0 points; runs no other service; no copy is promoted there: node is c, not as asked for (promoted where node is a or b)
              a: has its copy
              b: has its copy
            > operator move db to b
            ann: move db to b
            plan 3: demote db:0 on a: asked by ann
            db:0 is demoted on a
            plan 4: promote db:1 on b: asked by ann
            db:1 is promoted on b
        "#]],
    );
}
