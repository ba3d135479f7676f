//! What the planner does when cards and ping targets of a node fail, with services that are
//! placed each on its own (`check`) and all together (`check_together`).

mod world;

use expect_test::{Expect, expect};

const HEAD: &str = "nodes a b c
    network lan a b c
    service web prefer=a,b address=lan
    ";

fn play(script: &str) -> String {
    let mut world = world::World::new();
    world.play(script);
    assert_eq!(world.steps_rejected, Vec::<String>::new(), "{}", world.out);
    // What is said of networks and decided; how the world begins is the same everywhere.
    let told = world.out.find("> told").unwrap_or(0);
    world.out[told..].to_string()
}

fn check(script: &str, expected: Expect) {
    expected.assert_eq(&play(&format!("{HEAD}{script}")));
}

/// A rule about another service makes all places depend on each other.
fn check_together(script: &str, expected: Expect) {
    let company = "service mail prefer=c
        service db apart=mail prefer=c
        ";
    expected.assert_eq(&play(&format!("{HEAD}{company}{script}")));
}

const LOST: &str = "told a lan none full
    told a lan none
    told a lan full none
    told a lan full";

#[test]
fn a_service_leaves_a_node_without_the_network_and_does_not_come_back() {
    check(
        LOST,
        expect![[r#"
        > told a lan none full
        > told a lan none
        a: no card of network lan has a link
        plan 2: stop web on a: network lan has no usable card on a
        web stopped on a: network lan has no usable card on a
        plan 3: start web on b: network lan has no usable card on a
        web runs on b
        > told a lan full none
        > told a lan full
        a: network lan has a usable card again
    "#]],
    );
}

#[test]
fn the_same_where_all_are_placed_together() {
    check_together(
        LOST,
        expect![[r#"
        > told a lan none full
        > told a lan none
        a: no card of network lan has a link
        plan 4: stop web on a: network lan has no usable card on a
        web stopped on a: network lan has no usable card on a
        plan 5: start web on b: network lan has no usable card on a
        web runs on b
        > told a lan full none
        > told a lan full
        a: network lan has a usable card again
    "#]],
    );
}

const LOST_EVERYWHERE: &str = "told b lan none full
    told c lan none full
    told a lan none full
    told a lan none
    told b lan none
    told c lan none
    told b lan full none
    told b lan full";

#[test]
fn it_stays_while_no_node_is_better_and_leaves_for_the_first_that_is() {
    check(
        LOST_EVERYWHERE,
        expect![[r#"
        > told b lan none full
        > told c lan none full
        > told a lan none full
        > told a lan none
        a: no card of network lan has a link
        > told b lan none
        b: no card of network lan has a link
        > told c lan none
        c: no card of network lan has a link
        > told b lan full none
        > told b lan full
        b: network lan has a usable card again
        plan 2: stop web on a: network lan has no usable card on a
        web stopped on a: network lan has no usable card on a
        plan 3: start web on b: network lan has no usable card on a
        web runs on b
    "#]],
    );
}

#[test]
fn it_stays_and_leaves_so_where_all_are_placed_together() {
    check_together(
        LOST_EVERYWHERE,
        expect![[r#"
        > told b lan none full
        > told c lan none full
        > told a lan none full
        > told a lan none
        a: no card of network lan has a link
        > told b lan none
        b: no card of network lan has a link
        > told c lan none
        c: no card of network lan has a link
        > told b lan full none
        > told b lan full
        b: network lan has a usable card again
        plan 4: stop web on a: network lan has no usable card on a
        web stopped on a: network lan has no usable card on a
        plan 5: start web on b: network lan has no usable card on a
        web runs on b
    "#]],
    );
}

#[test]
fn a_barred_card_is_better_than_none() {
    check(
        "told c lan none
        told b lan poor
        told a lan poor
        told a lan none",
        expect![[r#"
            > told c lan none
            c: no card of network lan has a link
            > told b lan poor
            b: only barred cards of network lan have a link
            > told a lan poor
            a: only barred cards of network lan have a link
            > told a lan none
            a: no card of network lan has a link
            plan 2: stop web on a: network lan has no usable card on a
            web stopped on a: network lan has no usable card on a
            plan 3: start web on b: network lan has no usable card on a
            web runs on b
        "#]],
    );
}

#[test]
fn it_does_not_start_where_there_is_no_link() {
    check(
        "told a lan none full
        operator stop web
        operator start web
        operator stop web
        told b lan none
        told c lan none
        operator start web
        told c lan full none
        told c lan full",
        expect![[r#"
            > told a lan none full
            > operator stop web
            ann: stop web
            plan 2: stop web on a: asked by ann
            web stopped on a: asked by ann
            > operator start web
            ann: start web
            plan 3: start web on b: asked by ann
            web runs on b
            > operator stop web
            ann: stop web
            plan 4: stop web on b: asked by ann
            web stopped on b: asked by ann
            > told b lan none
            b: no card of network lan has a link
            > told c lan none
            c: no card of network lan has a link
            > operator start web
            ann: start web
              web: no node may run it: a: no card of network lan has a link; b: no card of network lan has a link; c: no card of network lan has a link
            > told c lan full none
            > told c lan full
            c: network lan has a usable card again
            plan 5: start web on c: asked by ann
            web runs on c
        "#]],
    );
}

#[test]
fn it_starts_so_where_all_are_placed_together() {
    check_together(
        "told a lan none full
        operator stop web
        operator start web
        operator stop web
        told b lan none
        told c lan none
        operator start web
        told c lan full",
        expect![[r#"
            > told a lan none full
            > operator stop web
            ann: stop web
            plan 4: stop web on a: asked by ann
            web stopped on a: asked by ann
            > operator start web
            ann: start web
            plan 5: start web on b: asked by ann
            web runs on b
            > operator stop web
            ann: stop web
            plan 6: stop web on b: asked by ann
            web stopped on b: asked by ann
            > told b lan none
            b: no card of network lan has a link
            > told c lan none
            c: no card of network lan has a link
            > operator start web
            ann: start web
              web: no node may run it: a: no card of network lan has a link; b: no card of network lan has a link; c: no card of network lan has a link
            > told c lan full
            c: network lan has a usable card again
            plan 7: start web on c: asked by ann
            web runs on c
        "#]],
    );
}

#[test]
fn ping_targets_move_it_only_to_more_of_them() {
    check(
        "told b lan pings 1 2
        told c lan pings 1 2
        told a lan pings 1 2
        told a lan pings 0 2
        told a lan pings 2 2",
        expect![[r#"
            > told b lan pings 1 2
            b: 1 of 2 ping targets of network lan answer, 2 needed
            > told c lan pings 1 2
            c: 1 of 2 ping targets of network lan answer, 2 needed
            > told a lan pings 1 2
            a: 1 of 2 ping targets of network lan answer, 2 needed
            > told a lan pings 0 2
            a: 0 of 2 ping targets of network lan answer, 2 needed
            plan 2: stop web on a: too few ping targets of network lan answer on a: 0, needed 2
            web stopped on a: too few ping targets of network lan answer on a: 0, needed 2
            plan 3: start web on b: too few ping targets of network lan answer on a: 0, needed 2
            web runs on b
            > told a lan pings 2 2
            a: 2 of 2 ping targets of network lan answer, 2 needed
            plan 4: stop web on b: too few ping targets of network lan answer on b: 1, needed 2
            web stopped on b: too few ping targets of network lan answer on b: 1, needed 2
            plan 5: start web on a: too few ping targets of network lan answer on b: 1, needed 2
            web runs on a
        "#]],
    );
}

#[test]
fn a_service_without_addresses_on_the_network_stays() {
    check(
        "service cron prefer=a
        told a lan none",
        expect![[r#"
            > told a lan none
            a: no card of network lan has a link
            plan 3: stop web on a: network lan has no usable card on a
            web stopped on a: network lan has no usable card on a
            plan 4: start web on b: network lan has no usable card on a
            web runs on b
        "#]],
    );
}

#[test]
fn points_for_targets_that_answer_choose_the_node() {
    check(
        "service near manual where=reached-lan:2:500
        told c lan pings 2 1
        told a lan pings 1 1
        operator start near",
        expect![[r#"
            > told c lan pings 2 1
            > told a lan pings 1 1
            > operator start near
            ann: start near
            plan 2: start near on c: asked by ann
            near runs on c
        "#]],
    );
}

#[test]
fn what_should_go_back_waits_for_the_network_there() {
    check(
        "service web prefer=a,b address=lan failback
        told a lan none
        told a lan poor
        told a lan full",
        expect![[r#"
            > told a lan none
            a: no card of network lan has a link
            plan 2: stop web on a: network lan has no usable card on a
            web stopped on a: network lan has no usable card on a
            plan 3: start web on b: network lan has no usable card on a
            web runs on b
            > told a lan poor
            a: only barred cards of network lan have a link
            > told a lan full
            a: network lan has a usable card again
            plan 4: stop web on b: a is preferred and ready again
            web stopped on b: a is preferred and ready again
            plan 5: start web on a: a is preferred and ready again
            web runs on a
        "#]],
    );
}

/// Services that must be with one whose address is on the network.
const COMPANY: &str = "service app together=web
    service log together=app
    ";

#[test]
fn those_who_must_be_with_it_leave_with_it_and_do_not_come_back() {
    check(
        &format!("{COMPANY}{LOST}"),
        expect![[r#"
            > told a lan none full
            > told a lan none
            a: no card of network lan has a link
            plan 4: stop app on a: it belongs where web is, on b
            plan 4: stop log on a: it belongs where app is, on b
            plan 4: stop web on a: network lan has no usable card on a
            app stopped on a: it belongs where web is, on b
            log stopped on a: it belongs where app is, on b
            web stopped on a: network lan has no usable card on a
            plan 5: start app on b: it belongs where web is, on b
            plan 5: start log on b: it belongs where app is, on b
            plan 5: start web on b: network lan has no usable card on a
            app runs on b
            log runs on b
            web runs on b
            > told a lan full none
            > told a lan full
            a: network lan has a usable card again
        "#]],
    );
}

#[test]
fn one_that_follows_takes_the_one_it_must_be_with_along() {
    let script = "service db
        service page together=db address=lan
        told b lan none full
        told b lan none
        told b lan full none
        told b lan full";
    check(
        script,
        expect![[r#"
            > told b lan none full
            > told b lan none
            b: no card of network lan has a link
            plan 4: stop db on b: it belongs where page is, on a
            plan 4: stop page on b: network lan has no usable card on b
            db stopped on b: it belongs where page is, on a
            page stopped on b: network lan has no usable card on b
            plan 5: start db on a: it belongs where page is, on a
            plan 5: start page on a: network lan has no usable card on b
            db runs on a
            page runs on a
            > told b lan full none
            > told b lan full
            b: network lan has a usable card again
        "#]],
    );
}

#[test]
fn of_two_that_must_be_together_and_lack_different_networks_none_goes_to_and_fro() {
    let script = "network san a b c
        service disk together=web address=san
        told c lan none none
        told c san none none
        told b san none none
        told a lan none none";
    check(
        script,
        expect![[r#"
        > told c lan none none
        c: no card of network lan has a link
        > told c san none none
        c: no card of network san has a link
        > told b san none none
        b: no card of network san has a link
        > told a lan none none
        a: no card of network lan has a link
    "#]],
    );
}

#[test]
fn who_may_be_on_one_node_only_keeps_those_who_must_be_with_it() {
    let script = "service page prefer=a only
        service book together=page address=lan
        told a lan none none";
    check(
        script,
        expect![[r#"
        > told a lan none none
        a: no card of network lan has a link
        plan 4: stop web on a: network lan has no usable card on a
        web stopped on a: network lan has no usable card on a
        plan 5: start web on b: network lan has no usable card on a
        web runs on b
    "#]],
    );
}

#[test]
fn of_two_that_must_be_together_and_use_poor_networks_none_goes_to_and_fro() {
    let script = "network san a b c
        service disk together=web address=san
        told c lan none
        told b san poor
        told a lan poor
        told a lan full";
    check(
        script,
        expect![[r#"
        > told c lan none
        c: no card of network lan has a link
        > told b san poor
        b: only barred cards of network san have a link
        > told a lan poor
        a: only barred cards of network lan have a link
        > told a lan full
        a: network lan has a usable card again
    "#]],
    );
}

#[test]
fn what_should_go_back_does_not_go_back_to_poor_networks() {
    let script = "service web prefer=a,b address=lan failback
        told a lan poor
        told a lan full";
    check_together(
        script,
        expect![[r#"
        > told a lan poor
        a: only barred cards of network lan have a link
        plan 4: stop web on a: network lan has no usable card on a
        web stopped on a: network lan has no usable card on a
        plan 5: start web on b: network lan has no usable card on a
        web runs on b
        > told a lan full
        a: network lan has a usable card again
        plan 6: stop web on b: a is preferred and ready again
        web stopped on b: a is preferred and ready again
        plan 7: start web on a: a is preferred and ready again
        web runs on a
    "#]],
    );
}
