//! What a node does before it gives its history up for a newer one.

mod cluster;

use expect_test::{Expect, expect};

fn check(script: &str, expected: Expect) {
    expected.assert_eq(&cluster::story::play(script));
}

#[test]
fn a_node_yields_only_when_its_services_have_stopped() {
    check(
        "nodes a b
        service web prefer=b
        nodevices
        quiet 5s
        move web b
        quiet 2s
        torn
        fault b web stop-fails
        cut b
        run 10s
        force a without b
        run 2s
        heal
        run 15s
        fault b web none
        run 15s",
        expect![[r#"
            > quiet 5s
            > move web b
            > quiet 2s
            > torn
            > fault b web stop-fails
            > cut b
            > run 10s
            > force a without b
            > run 2s
                7.74s  b is lost: b silent for 800 ms, agreed by a
               17.00s    a goes on alone: generation 2
               17.00s  ann: fence confirm b
               17.00s  fence 26: b confirmed off by ann in person
               17.00s  web stopped on b: b is proven off
               17.00s  b is down
               17.00s  ann: quorum force --lost b
               17.00s  plan 27: start web on a: b is proven off
               17.00s    web/program starts on a
               17.05s  web runs on a
            > heal
            > run 15s
               20.36s  ALARM: b lives, although ann confirmed it off; web may have run twice, and newer copies are stopped
               20.36s  plan 27: stop web on a: b lives although ann confirmed it off; two copies may have run
               20.36s  b is lost: b lives although ann confirmed it off; two copies may have run
               20.36s  b is starting
               20.39s  web stopped on a: b lives although ann confirmed it off; two copies may have run
               20.39s    web/program stops on a
            > fault b web none
            > run 15s
               35.06s    web/program stops on b
               35.06s    b sets its log aside
               35.26s  b is daemon-down
               35.62s  b is starting
               35.63s  b is online
               35.63s  plan 39: start web on b: b lives although ann confirmed it off; two copies may have run
               35.63s    web/program starts on b
               35.68s  web runs on b
        "#]],
    );
}

#[test]
fn a_daemon_that_was_started_since_stops_what_the_run_before_has_left_and_then_yields() {
    check(
        "nodes a b
        service web prefer=b
        nodevices
        quiet 5s
        move web b
        quiet 2s
        torn
        cut b
        daemon-kill b
        daemon-start b
        run 10s
        force a without b
        run 2s
        heal
        run 15s",
        expect![[r#"
            > quiet 5s
            > move web b
            > quiet 2s
            > torn
            > cut b
            > daemon-kill b
            > daemon-start b
            > run 10s
            > force a without b
            > run 2s
                7.74s  b is lost: b silent for 800 ms, agreed by a
               17.00s    a goes on alone: generation 2
               17.00s  ann: fence confirm b
               17.00s  fence 26: b confirmed off by ann in person
               17.00s  web stopped on b: b is proven off
               17.00s  b is down
               17.00s  ann: quorum force --lost b
               17.00s  plan 27: start web on a: b is proven off
               17.00s    web/program starts on a
               17.05s  web runs on a
            > heal
            > run 15s
               20.40s  ALARM: b lives, although ann confirmed it off; web may have run twice, and newer copies are stopped
               20.40s  plan 27: stop web on a: b lives although ann confirmed it off; two copies may have run
               20.40s  b is lost: b lives although ann confirmed it off; two copies may have run
               20.40s  b is starting
               20.43s  web stopped on a: b lives although ann confirmed it off; two copies may have run
               20.43s    web/program stops on a
               22.14s    web/program stops on b
               22.14s    b sets its log aside
               22.30s  b is daemon-down
               22.72s  b is starting
               22.73s  b is online
               22.73s  plan 39: start web on b: b lives although ann confirmed it off; two copies may have run
               22.73s    web/program starts on b
               22.78s  web runs on b
        "#]],
    );
}

#[test]
fn a_node_whose_policy_is_to_freeze_yields_and_leaves_its_services_running() {
    check(
        "nodes a b
        service web prefer=b
        policy freeze
        nodevices
        quiet 5s
        move web b
        quiet 2s
        torn
        cut b
        run 10s
        force a without b
        run 2s
        heal
        run 15s",
        expect![[r#"
            > quiet 5s
            > move web b
            > quiet 2s
            > torn
            > cut b
            > run 10s
            > force a without b
            > run 2s
                7.74s  b is lost: b silent for 800 ms, agreed by a
               17.00s    a goes on alone: generation 2
               17.00s  ann: fence confirm b
               17.00s  fence 26: b confirmed off by ann in person
               17.00s  web stopped on b: b is proven off
               17.00s  b is down
               17.00s  ann: quorum force --lost b
               17.00s  plan 27: start web on a: b is proven off
               17.00s    web/program starts on a
               17.05s  web runs on a
            > heal
            > run 15s
               20.36s  ALARM: b lives, although ann confirmed it off; web may have run twice, and newer copies are stopped
               20.36s  plan 27: stop web on a: b lives although ann confirmed it off; two copies may have run
               20.36s  b is lost: b lives although ann confirmed it off; two copies may have run
               20.36s  b is starting
               20.39s  web stopped on a: b lives although ann confirmed it off; two copies may have run
               20.39s    web/program stops on a
               22.10s    b sets its log aside
               22.26s  b is daemon-down
               22.74s  b is starting
               22.75s  b is online
               22.75s  plan 39: start web on b: found running on b
               22.75s  web runs on b
        "#]],
    );
}

#[test]
fn a_node_does_not_yield_to_somebody_who_has_died_meanwhile() {
    check(
        "nodes a b
        service web prefer=a
        nodevices
        quiet 5s
        move web a
        quiet 2s
        torn
        cut b
        run 10s
        force a without b
        run 2s
        heal
        run 1s
        power-off a
        run 20s
        boot a
        run 15s",
        expect![[r#"
            > quiet 5s
            > move web a
            > quiet 2s
            > torn
            > cut b
            > run 10s
               10.01s    web/program stops on a
            > force a without b
            > run 2s
                7.74s  b is lost: b silent for 800 ms, agreed by a
               17.00s  web stopped on a: the lease of a ended
               17.00s    a goes on alone: generation 2
               17.00s  ann: fence confirm b
               17.00s  fence 21: b confirmed off by ann in person
               17.00s  b is down
               17.00s  ann: quorum force --lost b
               17.00s  plan 22: start web on a: the lease of a ended
               17.00s    web/program starts on a
               17.05s  web runs on a
            > heal
            > run 1s
            > power-off a
            > run 20s
            > boot a
            > run 15s
               40.00s  web stopped on a: a has rebooted
               40.00s  a is starting
               40.01s  a is online
               40.01s  plan 28: start web on a: a has rebooted
               40.01s    web/program starts on a
               40.06s  web runs on a
               41.32s  ALARM: b lives, although ann confirmed it off; it held nothing then
               41.32s  b is lost: b lives although ann confirmed it off; two copies may have run
               41.32s  b is starting
               43.10s    b sets its log aside
               43.34s  b is daemon-down
               43.74s  b is starting
               43.75s  b is online
        "#]],
    );
}
