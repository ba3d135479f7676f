//! Several conditions in one rule, and rules about nodes by their names.

use super::*;

#[test]
fn all_conditions_of_a_rule_must_hold_for_its_points() {
    check(
        "nodes a b c
        attribute a rack=x
        attribute b disks=8
        attribute c rack=x
        attribute c disks=4
        service web all=rack:x+disks:4@50 failback
        operator attr b rack=x
        look web
        operator standby c",
        expect![[r#"
            > attribute a rack=x
            configuration version 2 by ann
            > attribute b disks=8
            configuration version 3 by ann
            > attribute c rack=x
            configuration version 4 by ann
            > attribute c disks=4
            configuration version 5 by ann
            > service web all=rack:x+disks:4@50 failback
            configuration version 6 by ann
            plan 1: start web on c: it should run and runs nowhere
            web runs on c
            > operator attr b rack=x
            ann: attr set b rack x
            > look web
              b: 50 points: rack is x and disks is at least 4 (50 points); runs no other service; c has as many, and it is there
              c: 50 points: rack is x and disks is at least 4 (50 points); runs no other service
              a: 0 points; runs no other service; c has 50
            > operator standby c
            ann: standby c
            plan 2: stop web on c: c is on standby
            web stopped on c: c is on standby
            plan 3: start web on b: c is on standby
            web runs on b
        "#]],
    );
}

#[test]
fn one_of_several_conditions_is_enough_for_what_must_be() {
    check(
        "nodes a b c
        attribute b rack=x
        attribute c disks=4
        service web any=rack:x+disks:4
        operator attr b rack=y
        operator attr c disks=2
        look web",
        expect![[r#"
            > attribute b rack=x
            configuration version 2 by ann
            > attribute c disks=4
            configuration version 3 by ann
            > service web any=rack:x+disks:4
            configuration version 4 by ann
            plan 1: start web on b: it should run and runs nowhere
            web runs on b
            > operator attr b rack=y
            ann: attr set b rack y
            plan 2: stop web on b: it may not be on b: rack is y and disks is not set, not as asked for (rack is x or disks is at least 4)
            web stopped on b: it may not be on b: rack is y and disks is not set, not as asked for (rack is x or disks is at least 4)
            plan 3: start web on c: it may not be on b: rack is y and disks is not set, not as asked for (rack is x or disks is at least 4)
            web runs on c
            > operator attr c disks=2
            ann: attr set c disks 2
            plan 4: stop web on c: it may not be on c: rack is not set and disks is 2, not as asked for (rack is x or disks is at least 4)
            web stopped on c: it may not be on c: rack is not set and disks is 2, not as asked for (rack is x or disks is at least 4)
              web: no node may run it: a: rack is not set and disks is not set, not as asked for (rack is x or disks is at least 4); b: rack is y and disks is not set, not as asked for (rack is x or disks is at least 4); c: rack is not set and disks is 2, not as asked for (rack is x or disks is at least 4)
            > look web
              a: rack is not set and disks is not set, not as asked for (rack is x or disks is at least 4)
              b: rack is y and disks is not set, not as asked for (rack is x or disks is at least 4)
              c: rack is not set and disks is 2, not as asked for (rack is x or disks is at least 4)
        "#]],
    );
}

#[test]
fn a_rule_may_name_its_nodes() {
    check(
        "nodes a b c
        service web nodes=b,c nodes=c@30
        operator standby c
        operator standby b",
        expect![[r#"
            > service web nodes=b,c nodes=c@30
            configuration version 2 by ann
            plan 1: start web on c: it should run and runs nowhere
            web runs on c
            > operator standby c
            ann: standby c
            plan 2: stop web on c: c is on standby
            web stopped on c: c is on standby
            plan 3: start web on b: c is on standby
            web runs on b
            > operator standby b
            ann: standby b
            plan 4: stop web on b: b is on standby
            web stopped on b: b is on standby
              web: no node may run it: a: node is a, not as asked for (node is b or c); b: on standby; c: on standby
        "#]],
    );
}

#[test]
fn among_related_services_such_rules_count_as_well() {
    check(
        "nodes a b c
        attribute b rack=x
        attribute b disks=4
        attribute c rack=x
        service db all=rack:x+disks:4
        service web together=db nodes=c@1000
        service mail apart=db any=rack:x+disks:9",
        expect![[r#"
            > attribute b rack=x
            configuration version 2 by ann
            > attribute b disks=4
            configuration version 3 by ann
            > attribute c rack=x
            configuration version 4 by ann
            > service db all=rack:x+disks:4
            configuration version 5 by ann
            plan 1: start db on b: it should run and runs nowhere
            db runs on b
            > service web together=db nodes=c@1000
            configuration version 6 by ann
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            > service mail apart=db any=rack:x+disks:9
            configuration version 7 by ann
            plan 3: start mail on c: it should run and runs nowhere
            mail runs on c
        "#]],
    );
}
