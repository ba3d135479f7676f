//! Stories of cards and ping targets: which card carries, when a service leaves, and when it
//! must not.

mod cluster;

use expect_test::{Expect, expect};

const HEAD: &str = "nodes a b c
    service web prefer=a on=lan
    network lan cards=eth0,eth1 barred=20s
    quiet 5s
    ";

fn check(script: &str, expected: Expect) {
    expected.assert_eq(&cluster::story::play(&format!("{HEAD}{script}")));
}

fn check_from(head: &str, script: &str, expected: Expect) {
    expected.assert_eq(&cluster::story::play(&format!("{head}{script}")));
}

#[test]
fn the_addresses_of_a_card_that_fails_go_to_the_next_and_stay_there() {
    check(
        "link a eth0 no-carrier
        run 5s
        link a eth0 up
        run 30s",
        expect![[r#"
            > quiet 5s
            > link a eth0 no-carrier
                5.00s    a: addresses of lan go to eth1
            > run 5s
                4.96s  a: eth0 has no carrier, addresses of network lan moved to eth1
            > link a eth0 up
            > run 30s
        "#]],
    );
}

#[test]
fn a_card_that_never_failed_comes_first_then_the_one_that_failed_longest_ago() {
    check_from(
        "nodes a b c
        network lan cards=eth0,eth1,eth2 barred=1s
        quiet 5s
        ",
        "link a eth0 down
        run 2s
        link a eth0 up
        run 2s
        link a eth1 down
        run 2s
        link a eth1 up
        run 2s
        link a eth2 down
        run 2s
        link a eth0 down
        run 2s",
        expect![[r#"
            > quiet 5s
            > link a eth0 down
                5.00s    a: addresses of lan go to eth1
            > run 2s
                4.96s  a: eth0 is down, addresses of network lan moved to eth1
            > link a eth0 up
            > run 2s
            > link a eth1 down
                9.00s    a: addresses of lan go to eth2
            > run 2s
                8.96s  a: eth1 is down, addresses of network lan moved to eth2
            > link a eth1 up
            > run 2s
            > link a eth2 down
               13.00s    a: addresses of lan go to eth0
            > run 2s
               12.96s  a: eth2 is down, addresses of network lan moved to eth0
            > link a eth0 down
               15.00s    a: addresses of lan go to eth1
            > run 2s
               15.00s  a: eth0 is down, addresses of network lan moved to eth1
        "#]],
    );
}

#[test]
fn a_barred_card_is_used_when_nothing_else_is_left_and_services_leave_all_the_same() {
    check(
        "link a eth0 no-carrier
        run 1s
        link a eth0 up
        run 1s
        link a eth1 absent
        run 5s",
        expect![[r#"
            > quiet 5s
            > link a eth0 no-carrier
                5.00s    a: addresses of lan go to eth1
            > run 1s
                4.96s  a: eth0 has no carrier, addresses of network lan moved to eth1
            > link a eth0 up
            > run 1s
            > link a eth1 absent
                7.00s    a: addresses of lan go to eth0
            > run 5s
                6.96s  a: eth1 is gone, addresses of network lan moved to eth0
                8.00s  a: only barred cards of network lan have a link
                8.00s  plan 24: stop web on a: network lan has no usable card on a
                8.03s    web/program stops on a
                8.06s  web stopped on a: network lan has no usable card on a
                8.06s    web/address stops on a
                8.06s  plan 28: start web on b: network lan has no usable card on a
                8.07s    web/address starts on b
                8.12s    web/program starts on b
                8.17s  web runs on b
        "#]],
    );
}

#[test]
fn without_a_card_the_service_leaves_after_a_moment_and_does_not_come_back() {
    check(
        "link a eth1 down
        run 1s
        link a eth0 no-carrier
        run 3s
        link a eth0 up
        run 30s",
        expect![[r#"
            > quiet 5s
            > link a eth1 down
            > run 1s
            > link a eth0 no-carrier
            > run 3s
                7.00s  a: no card of network lan has a link
                7.00s  plan 23: stop web on a: network lan has no usable card on a
                7.03s    web/program stops on a
                7.06s  web stopped on a: network lan has no usable card on a
                7.06s    web/address stops on a
                7.06s  plan 27: start web on b: network lan has no usable card on a
                7.07s    web/address starts on b
                7.12s    web/program starts on b
                7.17s  web runs on b
            > link a eth0 up
            > run 30s
               19.00s  a: only barred cards of network lan have a link
               36.00s  a: network lan has a usable card again
        "#]],
    );
}

#[test]
fn a_cable_that_is_plugged_over_moves_nothing() {
    check(
        "link a eth1 no-carrier
        rearm a eth1
        run 1s
        link a eth0 no-carrier
        run 500ms
        link a eth1 up
        run 30s",
        expect![[r#"
            > quiet 5s
            > link a eth1 no-carrier
            > rearm a eth1
            > run 1s
                5.00s  ann: rearm a eth1
            > link a eth0 no-carrier
            > run 500ms
            > link a eth1 up
                6.50s    a: addresses of lan go to eth1
            > run 30s
                7.00s  a: eth0 has no carrier, addresses of network lan moved to eth1
        "#]],
    );
}

#[test]
fn when_no_node_has_the_network_the_service_stays() {
    check_from(
        "nodes a b c
        service web prefer=a on=lan
        network lan cards=eth0 barred=20s
        quiet 5s
        ",
        "link b eth0 no-carrier
        link a eth0 no-carrier
        link c eth0 no-carrier
        run 20s
        link a eth0 up
        link b eth0 up
        link c eth0 up
        run 30s",
        expect![[r#"
            > quiet 5s
            > link b eth0 no-carrier
            > link a eth0 no-carrier
            > link c eth0 no-carrier
            > run 20s
                6.00s  a: no card of network lan has a link
                6.00s  c: no card of network lan has a link
                6.00s  b: no card of network lan has a link
            > link a eth0 up
            > link b eth0 up
            > link c eth0 up
            > run 30s
               35.00s  a: network lan has a usable card again
               35.00s  c: network lan has a usable card again
               35.00s  b: network lan has a usable card again
        "#]],
    );
}

#[test]
fn a_card_that_flaps_moves_the_service_once() {
    let flaps = "link a eth0 no-carrier
        run 1500ms
        link a eth0 up
        run 2s
        "
    .repeat(5);
    check_from(
        "nodes a b
        service web prefer=a on=lan failback
        network lan cards=eth0 barred=1m
        quiet 5s
        ",
        &format!("{flaps}run 2m"),
        expect![[r#"
            > quiet 5s
            > link a eth0 no-carrier
            > run 1500ms
                6.00s  a: no card of network lan has a link
                6.00s  plan 17: stop web on a: network lan has no usable card on a
                6.03s    web/program stops on a
                6.06s  web stopped on a: network lan has no usable card on a
                6.06s    web/address stops on a
                6.06s  plan 21: start web on b: network lan has no usable card on a
                6.07s    web/address starts on b
                6.12s    web/program starts on b
                6.17s  web runs on b
            > link a eth0 up
            > run 2s
            > link a eth0 no-carrier
            > run 1500ms
            > link a eth0 up
            > run 2s
            > link a eth0 no-carrier
            > run 1500ms
            > link a eth0 up
            > run 2s
            > link a eth0 no-carrier
            > run 1500ms
            > link a eth0 up
            > run 2s
            > link a eth0 no-carrier
            > run 1500ms
            > link a eth0 up
            > run 2s
            > run 2m
               30.50s  a: only barred cards of network lan have a link
               89.00s  a: network lan has a usable card again
               89.00s  plan 37: stop web on b: a is preferred and ready again
               89.04s    web/program stops on b
               89.07s  web stopped on b: a is preferred and ready again
               89.07s    web/address stops on b
               89.07s  plan 41: start web on a: a is preferred and ready again
               89.07s    web/address starts on a
               89.12s    web/program starts on a
               89.17s  web runs on a
        "#]],
    );
}

#[test]
fn a_person_ends_the_bar() {
    check(
        "link a eth0 no-carrier
        run 1s
        link a eth0 up
        run 1s
        rearm a eth0
        run 1s
        link a eth1 no-carrier
        run 3s",
        expect![[r#"
            > quiet 5s
            > link a eth0 no-carrier
                5.00s    a: addresses of lan go to eth1
            > run 1s
                4.96s  a: eth0 has no carrier, addresses of network lan moved to eth1
            > link a eth0 up
            > run 1s
            > rearm a eth0
            > run 1s
                7.00s  ann: rearm a eth0
            > link a eth1 no-carrier
                8.00s    a: addresses of lan go to eth0
            > run 3s
                8.00s  a: eth1 has no carrier, addresses of network lan moved to eth0
        "#]],
    );
}

#[test]
fn a_new_run_of_the_daemon_knows_which_card_is_barred() {
    check(
        "link a eth0 no-carrier
        run 2s
        link a eth0 up
        run 2s
        daemon-kill a
        run 1s
        daemon-start a
        run 5s
        link a eth1 no-carrier
        run 4s",
        expect![[r#"
            > quiet 5s
            > link a eth0 no-carrier
                5.00s    a: addresses of lan go to eth1
            > run 2s
                4.96s  a: eth0 has no carrier, addresses of network lan moved to eth1
            > link a eth0 up
            > run 2s
            > daemon-kill a
            > run 1s
                9.16s  a is daemon-down
            > daemon-start a
            > run 5s
               10.04s  a is starting
               10.05s  a is online
            > link a eth1 no-carrier
               15.00s    a: addresses of lan go to eth0
            > run 4s
               14.96s  a: eth1 has no carrier, addresses of network lan moved to eth0
               16.00s  a: only barred cards of network lan have a link
               16.00s  plan 28: stop web on a: network lan has no usable card on a
               16.03s    web/program stops on a
               16.06s  web stopped on a: network lan has no usable card on a
               16.06s    web/address stops on a
               16.07s  plan 32: start web on b: network lan has no usable card on a
               16.07s    web/address starts on b
               16.12s    web/program starts on b
               16.17s  web runs on b
        "#]],
    );
}

#[test]
fn a_service_starts_where_its_network_has_a_link() {
    check_from(
        "nodes a b c
        service web prefer=a,b on=lan manual
        network lan cards=eth0 barred=20s
        quiet 5s
        ",
        "link a eth0 no-carrier
        run 3s
        start web
        run 2s
        link b eth0 no-carrier
        link c eth0 no-carrier
        run 3s
        stop web
        run 2s
        start web
        run 2s",
        expect![[r#"
            > quiet 5s
            > link a eth0 no-carrier
            > run 3s
                6.00s  a: no card of network lan has a link
            > start web
            > run 2s
                8.00s  ann: start web
                8.00s  plan 19: start web on b: asked by ann
                8.00s    web/address starts on b
                8.05s    web/program starts on b
                8.10s  web runs on b
            > link b eth0 no-carrier
            > link c eth0 no-carrier
            > run 3s
               11.00s  c: no card of network lan has a link
               11.00s  b: no card of network lan has a link
            > stop web
            > run 2s
               13.00s  ann: stop web
               13.00s  plan 28: stop web on b: asked by ann
               13.03s    web/program stops on b
               13.06s  web stopped on b: asked by ann
               13.06s    web/address stops on b
            > start web
            > run 2s
               15.00s  ann: start web
        "#]],
    );
}

#[test]
fn too_few_ping_targets_move_the_service_to_a_node_that_reaches_more() {
    check_from(
        "nodes a b c
        service web prefer=a on=lan
        network lan cards=eth0 ping=10.0.0.8,10.0.0.9 needed=2
        quiet 5s
        ",
        "target a lan 10.0.0.8 answers 1
        target a lan 10.0.0.9 answers 1
        target b lan 10.0.0.8 answers 1
        target b lan 10.0.0.9 answers 1
        run 1s
        target a lan 10.0.0.9 silent 3
        run 6s",
        expect![[r#"
            > quiet 5s
            > target a lan 10.0.0.8 answers 1
            > target a lan 10.0.0.9 answers 1
            > target b lan 10.0.0.8 answers 1
            > target b lan 10.0.0.9 answers 1
            > run 1s
            > target a lan 10.0.0.9 silent 3
            > run 6s
                9.00s  a: 1 of 2 ping targets of network lan answer, 2 needed
                9.00s  plan 24: stop web on a: too few ping targets of network lan answer on a: 1, needed 2
                9.03s    web/program stops on a
                9.06s  web stopped on a: too few ping targets of network lan answer on a: 1, needed 2
                9.06s    web/address stops on a
                9.06s  plan 28: start web on b: too few ping targets of network lan answer on a: 1, needed 2
                9.07s    web/address starts on b
                9.12s    web/program starts on b
                9.17s  web runs on b
        "#]],
    );
}

#[test]
fn a_target_that_is_lost_for_all_moves_nothing() {
    check_from(
        "nodes a b c
        service web prefer=a on=lan
        network lan cards=eth0 ping=10.0.0.9
        quiet 5s
        ",
        "target a lan 10.0.0.9 answers 1
        target b lan 10.0.0.9 answers 1
        target c lan 10.0.0.9 answers 1
        run 1s
        target a lan 10.0.0.9 silent 3
        run 2s
        target b lan 10.0.0.9 silent 3
        target c lan 10.0.0.9 silent 3
        run 20s",
        expect![[r#"
            > quiet 5s
            > target a lan 10.0.0.9 answers 1
            > target b lan 10.0.0.9 answers 1
            > target c lan 10.0.0.9 answers 1
            > run 1s
            > target a lan 10.0.0.9 silent 3
            > run 2s
            > target b lan 10.0.0.9 silent 3
            > target c lan 10.0.0.9 silent 3
            > run 20s
                9.00s  a: 0 of 1 ping targets of network lan answer, 1 needed
               11.00s  c: 0 of 1 ping targets of network lan answer, 1 needed
               11.00s  b: 0 of 1 ping targets of network lan answer, 1 needed
        "#]],
    );
}

#[test]
fn a_switch_that_takes_all_cards_of_all_nodes_one_by_one_moves_nothing() {
    check(
        "link a eth0 no-carrier
        link b eth0 no-carrier
        link c eth0 no-carrier
        run 20ms
        link c eth1 no-carrier
        link b eth1 no-carrier
        link a eth1 no-carrier
        run 10s
        link a eth0 up
        link b eth1 up
        run 10ms
        link a eth1 up
        link b eth0 up
        run 20s",
        expect![[r#"
            > quiet 5s
            > link a eth0 no-carrier
                5.00s    a: addresses of lan go to eth1
            > link b eth0 no-carrier
                5.00s    b: addresses of lan go to eth1
            > link c eth0 no-carrier
                5.00s    c: addresses of lan go to eth1
            > run 20ms
                4.96s  a: eth0 has no carrier, addresses of network lan moved to eth1
                4.96s  c: eth0 has no carrier, addresses of network lan moved to eth1
                4.96s  b: eth0 has no carrier, addresses of network lan moved to eth1
            > link c eth1 no-carrier
            > link b eth1 no-carrier
            > link a eth1 no-carrier
            > run 10s
                6.02s  a: no card of network lan has a link
                6.02s  b: no card of network lan has a link
                6.02s  c: no card of network lan has a link
            > link a eth0 up
               15.02s    a: addresses of lan go to eth0
            > link b eth1 up
            > run 10ms
               15.00s  a: eth1 has no carrier, addresses of network lan moved to eth0
            > link a eth1 up
            > link b eth0 up
            > run 20s
               25.00s  b: addresses of network lan moved from eth1 to eth0
               25.00s    b: addresses of lan go to eth0
               26.00s  a: network lan has a usable card again
               26.00s  b: network lan has a usable card again
        "#]],
    );
}
