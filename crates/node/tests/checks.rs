//! Checks of services in whole clusters: what an operator would read of them.

mod cluster;

use expect_test::{Expect, expect};

fn check(script: &str, expected: Expect) {
    expected.assert_eq(&cluster::story::play(script));
}

#[test]
fn an_ill_service_is_restarted_once_and_then_moves() {
    check(
        "nodes a b c
        service web restart=5 resources=disk,program check=restart,move
        quiet 5s
        fault c web sick
        run 8s",
        expect![[""]],
    );
}

#[test]
fn restarts_that_are_used_up_leave_an_alarm_and_recovery_ends_it() {
    check(
        "nodes a b c
        service web check=restart
        quiet 5s
        fault c web sick
        quiet 8s
        run 4s
        fault c web none
        run 3s",
        expect![[""]],
    );
}

#[test]
fn what_was_told_of_a_check_is_acted_on_after_the_daemon_has_crashed() {
    check(
        "nodes a b c
        service web check=stop
        quiet 5s
        fault c web sick
        run 2s
        daemon-kill c
        daemon-start c
        run 3s",
        expect![[""]],
    );
}

#[test]
fn a_frozen_service_is_not_checked() {
    check(
        "nodes a b c
        service web check=restart
        quiet 5s
        freeze web
        fault c web sick
        run 5s
        thaw web
        run 4s",
        expect![[""]],
    );
}
