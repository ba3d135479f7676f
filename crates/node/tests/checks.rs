//! Checks of services in whole clusters: what an operator would read of them.

mod cluster;

use expect_test::{Expect, expect};

fn check(script: &str, expected: Expect) {
    expected.assert_eq(&cluster::story::play(script));
}

#[test]
fn an_ill_service_is_restarted_twice_and_then_moves() {
    check(
        "nodes a b c
        service web restart=5 resources=disk,program check=restart,move
        quiet 5s
        fault c web sick
        run 9s",
        expect![[r#"
            > quiet 5s
            > fault c web sick
            > run 9s
                6.16s  web failed on c: page: check: it is ill
                6.16s  plan 25: restart web on c: page failed (check: it is ill), failure 1, 2 allowed here
                6.19s    web/program stops on c
                6.22s    web/disk stops on c
                6.22s    web/disk starts on c
                6.27s    web/program starts on c
                6.32s  web runs on c
                8.33s  web failed on c: page: check: it is ill
                8.83s  plan 32: restart web on c: page failed (check: it is ill), failure 2, 2 allowed here
                8.86s    web/program stops on c
                8.89s    web/disk stops on c
                8.89s    web/disk starts on c
                8.94s    web/program starts on c
                8.99s  web runs on c
               11.00s  web failed on c: page: check: it is ill
               11.00s  plan 39: stop web on c: page failed 3 times on c, which is barred until cleared
               11.03s    web/program stops on c
               11.06s  web stopped on c: page failed 3 times on c, which is barred until cleared
               11.06s    web/disk stops on c
               11.06s  plan 43: start web on a: page failed 3 times on c, which is barred until cleared
               11.06s    web/disk starts on a
               11.11s    web/program starts on a
               11.16s  web runs on a
        "#]],
    );
}

#[test]
fn restarts_that_are_used_up_leave_an_alarm_and_recovery_ends_it() {
    check(
        "nodes a b c
        service web check=restart
        quiet 5s
        fault c web sick
        quiet 5s
        run 6s
        fault c web none
        run 3s",
        expect![[r#"
            > quiet 5s
            > fault c web sick
            > quiet 5s
            > run 6s
               10.79s  check page of web failed on c: it is ill
            > fault c web none
            > run 3s
               16.79s  check page of web is well on c
        "#]],
    );
}

#[test]
fn what_was_told_of_a_check_is_acted_on_after_the_daemon_has_crashed() {
    check(
        "nodes a b c
        service web check=restart
        quiet 5s
        fault c web sick
        run 3300ms
        daemon-kill c
        run 2s
        fault c web none
        daemon-start c
        run 3s",
        expect![[r#"
            > quiet 5s
            > fault c web sick
            > run 3300ms
                6.11s  web failed on c: page: check: it is ill
                6.11s  plan 24: restart web on c: page failed (check: it is ill), failure 1, 2 allowed here
                6.14s    web/program stops on c
                6.14s    web/program starts on c
                6.19s  web runs on c
                8.20s  web failed on c: page: check: it is ill
            > daemon-kill c
            > run 2s
                8.48s  c is daemon-down
            > fault c web none
            > daemon-start c
            > run 3s
               10.40s  c is starting
               10.41s  c is online
               10.41s  plan 33: restart web on c: page failed (check: it is ill), failure 2, 2 allowed here
               10.44s    web/program stops on c
               10.44s    web/program starts on c
               10.49s  web runs on c
        "#]],
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
        expect![[r#"
            > quiet 5s
            > freeze web
            > fault c web sick
            > run 5s
                5.00s  ann: freeze web
            > thaw web
            > run 4s
               10.00s  ann: thaw web
               12.01s  web failed on c: page: check: it is ill
               12.01s  plan 26: restart web on c: page failed (check: it is ill), failure 1, 2 allowed here
               12.04s    web/program stops on c
               12.04s    web/program starts on c
               12.09s  web runs on c
        "#]],
    );
}

#[test]
fn a_check_of_a_node_that_is_paused_says_nothing_until_its_pause_is_over() {
    check(
        "nodes a b c
        node-checks
        quiet 5s
        checks-pause c page 4s
        fault c node sick
        fault b node sick
        run 3s
        run 4s",
        expect![[r#"
            > quiet 5s
            > checks-pause c page 4s
            > fault c node sick
            > fault b node sick
            > run 3s
                5.00s  ann: checks pause node:c/page
                6.07s  mainstay: attr set b health-page red
            > run 4s
               11.01s  mainstay: attr set c health-page red
        "#]],
    );
}

#[test]
fn all_checks_of_a_node_rest_until_somebody_resumes_them() {
    check(
        "nodes a b c
        node-checks
        quiet 5s
        checks-pause c
        fault c node sick
        run 8s
        checks-resume c
        run 4s",
        expect![[r#"
            > quiet 5s
            > checks-pause c
            > fault c node sick
            > run 8s
                5.00s  ann: checks pause node:c
            > checks-resume c
            > run 4s
               13.00s  ann: checks resume node:c
               15.01s  mainstay: attr set c health-page red
        "#]],
    );
}
