//! Two nodes, with and without a witness.

use super::*;

#[test]
fn a_node_lost_while_the_next_leaders_daemon_restarts_is_fenced_at_once() {
    check(
        "nodes a b c
        service web prefer=c
        quiet 5s
        power-off leader
        daemon-kill a
        daemon-start a
        run 4s",
        expect![[r#"
            > quiet 5s
            > power-off leader
            > daemon-kill a
            > daemon-start a
            > run 4s
                6.14s  a is starting
                6.15s  a is online
                6.94s  c is lost: c silent for 800 ms, agreed by a and b
                6.94s  fence 27: a fences c: c silent for 800 ms, agreed by a and b
                7.14s  fence 27: c confirmed off by power-c
                7.14s  web stopped on c: c is proven off
                7.14s  c is down
                7.14s    c has no power
                7.15s  plan 28: start web on a: c is proven off
                7.15s    web/program starts on a
                7.20s  web runs on a
        "#]],
    );
}

#[test]
fn of_two_nodes_one_serves_on_while_the_daemon_of_the_other_is_closed() {
    check(
        "nodes a b
        service web prefer=a
        quiet 5s
        move web a
        quiet 2s
        daemon-kill b
        run 20s
        daemon-start b
        run 5s",
        expect![[r#"
            > quiet 5s
            > move web a
            > quiet 2s
            > daemon-kill b
            > run 20s
            > daemon-start b
            > run 5s
                7.24s  b is daemon-down
               28.09s  b is starting
               28.10s  b is online
        "#]],
    );
}

#[test]
fn of_two_nodes_the_one_that_is_cut_off_stops_when_its_lease_ends() {
    check(
        "nodes a b
        service web prefer=a
        nodevices
        quiet 5s
        move web a
        quiet 2s
        cut a
        run 5s",
        expect![[r#"
            > quiet 5s
            > move web a
            > quiet 2s
            > cut a
            > run 5s
               10.01s    web/program stops on a
        "#]],
    );
}

#[test]
fn a_pair_loses_the_node_that_serves() {
    check(
        "nodes a b
        service web prefer=a
        quiet 5s
        move web a
        quiet 2s
        power-off a
        run 5s
        boot a
        run 5s",
        expect![[r#"
            > quiet 5s
            > move web a
            > quiet 2s
            > power-off a
            > run 5s
                7.76s    b goes on alone: generation 2
                7.76s  a is lost: a silent for 800 ms, agreed by b
                7.76s  fence 20: b fences a: a silent for 800 ms, agreed by b
                7.77s  fence 20: a confirmed off by power-a
                7.77s  web stopped on a: a is proven off
                7.77s  a is down
                7.77s  plan 21: start web on b: a is proven off
                7.77s    web/program starts on b
                7.82s  web runs on b
            > boot a
            > run 5s
               13.61s  a is starting
               16.66s    a sets its log aside
               16.82s  a is daemon-down
        "#]],
    );
}

#[test]
fn a_pair_loses_the_node_that_does_not_serve() {
    check(
        "nodes a b
        service web prefer=a
        quiet 5s
        move web a
        quiet 2s
        power-off b
        run 5s
        boot b
        run 6s",
        expect![[r#"
            > quiet 5s
            > move web a
            > quiet 2s
            > power-off b
            > run 5s
                7.74s  b is lost: b silent for 800 ms, agreed by a
                7.74s    a fences b for its half
                7.94s    b has no power
                7.94s    a goes on alone: generation 2
                7.94s  fence 20: a fences b: b silent for 800 ms, agreed by a
                7.95s  fence 20: b confirmed off by power-b
                7.95s  b is down
            > boot b
            > run 6s
               13.48s  b is starting
               16.54s    b sets its log aside
               16.68s  b is daemon-down
               17.18s  b is starting
               17.19s  b is online
        "#]],
    );
}

#[test]
fn after_a_cut_the_half_of_a_pair_that_serves_shoots_first() {
    check(
        "nodes a b
        service web prefer=b
        quiet 5s
        move web b
        quiet 2s
        cut a
        run 5s
        heal
        boot a
        run 5s",
        expect![[r#"
            > quiet 5s
            > move web b
            > quiet 2s
            > cut a
            > run 5s
                7.74s    b fences a for its half
                7.94s    a has no power
                7.94s    b goes on alone: generation 2
                7.94s  a is lost: a silent for 800 ms, agreed by b
                7.95s  fence 26: b fences a: a silent for 800 ms, agreed by b
                7.95s  fence 26: a confirmed off by power-a
                7.95s  a is down
            > heal
            > boot a
            > run 5s
               13.44s  a is starting
               16.44s    a sets its log aside
               16.64s  a is daemon-down
               16.96s  a is starting
               16.97s  a is online
        "#]],
    );
}

#[test]
fn a_pair_is_lost_together_and_the_stale_node_comes_first() {
    check(
        "nodes a b
        service web prefer=a
        quiet 5s
        move web a
        quiet 2s
        power-off b
        run 5s
        standby a
        run 1s
        online a
        run 1s
        power-off a
        boot b
        run 20s
        boot a
        run 10s",
        expect![[r#"
            > quiet 5s
            > move web a
            > quiet 2s
            > power-off b
            > run 5s
                7.74s  b is lost: b silent for 800 ms, agreed by a
                7.74s    a fences b for its half
                7.94s    b has no power
                7.94s    a goes on alone: generation 2
                7.94s  fence 20: a fences b: b silent for 800 ms, agreed by a
                7.95s  fence 20: b confirmed off by power-b
                7.95s  b is down
            > standby a
            > run 1s
               12.00s  ann: standby a
               12.00s  plan 22: stop web on a: a is on standby
               12.03s  web stopped on a: a is on standby
               12.03s    web/program stops on a
            > online a
            > run 1s
               13.00s  ann: online a
               13.00s  plan 26: start web on a: a is on standby
               13.00s    web/program starts on a
               13.05s  web runs on a
            > power-off a
            > boot b
            > run 20s
            > boot a
            > run 10s
               34.00s  web stopped on a: a has rebooted
               34.00s  a is starting
               34.01s  a is online
               34.01s  plan 32: start web on a: a has rebooted
               34.01s    web/program starts on a
               34.02s  b is starting
               34.06s  web runs on a
               37.10s    b sets its log aside
               37.34s  b is daemon-down
               37.64s  b is starting
               37.65s  b is online
        "#]],
    );
}

#[test]
fn a_pair_whose_survivor_has_just_started_waits_for_a_person() {
    check(
        "nodes a b
        service web prefer=a
        quiet 5s
        move web a
        quiet 2s
        daemon-kill b
        power-off a
        daemon-start b
        run 10s
        force b without a
        run 5s
        boot a
        run 10s",
        expect![[r#"
            > quiet 5s
            > move web a
            > quiet 2s
            > daemon-kill b
            > power-off a
            > daemon-start b
            > run 10s
            > force b without a
            > run 5s
               17.00s  b is starting
               17.00s    b goes on alone: generation 2
               17.00s  a is lost: ann vouched that a is off
               17.00s  ann: quorum force --lost a
               17.00s  ann: fence confirm a
               17.00s  fence 23: a confirmed off by ann in person
               17.00s  web stopped on a: a is proven off
               17.00s  a is down
               17.01s  b is online
               17.01s  plan 24: start web on b: a is proven off
               17.01s    web/program starts on b
               17.06s  web runs on b
            > boot a
            > run 10s
               23.39s  a is starting
               26.40s    a sets its log aside
               26.59s  a is daemon-down
               26.92s  a is starting
               26.93s  a is online
        "#]],
    );
}

#[test]
fn a_pair_with_a_witness_asks_it_before_it_goes_on() {
    check(
        "nodes a b
        service web prefer=a
        witness
        quiet 10s
        move web a
        quiet 2s
        power-off a
        run 5s
        boot a
        run 10s",
        expect![[r#"
            > quiet 10s
            > move web a
            > quiet 2s
            > power-off a
            > run 5s
               12.73s    the witness votes for b
               12.73s    b goes on alone: generation 2
               12.73s  a is lost: a silent for 800 ms, agreed by b
               12.73s  fence 23: b fences a: a silent for 800 ms, agreed by b
               12.94s  fence 23: a confirmed off by power-a
               12.94s  web stopped on a: a is proven off
               12.94s  a is down
               12.94s    a has no power
               12.94s  plan 24: start web on b: a is proven off
               12.94s    web/program starts on b
               12.99s  web runs on b
            > boot a
            > run 10s
               18.48s  a is starting
               21.54s    a sets its log aside
               21.68s  a is daemon-down
               22.18s  a is starting
               22.18s  a is online
        "#]],
    );
}

#[test]
fn a_silent_witness_is_taken_out_and_then_a_node_may_be_lost() {
    check(
        "nodes a b
        service web prefer=a
        witness
        quiet 10s
        move web a
        quiet 2s
        witness off
        run 8s
        power-off a
        run 5s",
        expect![[r#"
            > quiet 10s
            > move web a
            > quiet 2s
            > witness off
            > run 8s
               17.09s  confirmed fencing decides between two halves: oak silent for 5086 ms
            > power-off a
            > run 5s
               20.74s    b goes on alone: generation 2
               20.74s  a is lost: a silent for 800 ms, agreed by b
               20.75s  fence 25: b fences a: a silent for 800 ms, agreed by b
               20.75s  fence 25: a confirmed off by power-a
               20.75s  web stopped on a: a is proven off
               20.75s  a is down
               20.75s  plan 26: start web on b: a is proven off
               20.75s    web/program starts on b
               20.80s  web runs on b
        "#]],
    );
}

#[test]
fn a_witness_that_is_lost_together_with_a_node_stops_a_pair() {
    check(
        "nodes a b
        service web prefer=a
        witness
        quiet 10s
        move web a
        quiet 2s
        witness off
        power-off a
        run 10s
        witness on
        run 5s",
        expect![[r#"
            > quiet 10s
            > move web a
            > quiet 2s
            > witness off
            > power-off a
            > run 10s
            > witness on
            > run 5s
               22.23s    the witness votes for b
               22.23s    b goes on alone: generation 2
               22.23s  a is lost: a silent for 800 ms, agreed by b
               22.23s  fence 23: b fences a: a silent for 800 ms, agreed by b
               22.44s  fence 23: a confirmed off by power-a
               22.44s  web stopped on a: a is proven off
               22.44s  a is down
               22.44s    a has no power
               22.44s  plan 24: start web on b: a is proven off
               22.44s    web/program starts on b
               22.49s  web runs on b
        "#]],
    );
}

#[test]
fn the_last_of_a_pair_that_was_left_cleanly_may_start_alone() {
    check(
        "nodes a b
        service web prefer=a
        quiet 5s
        leave a
        run 6s
        power-off b
        boot b
        run 5s",
        expect![[r#"
            > quiet 5s
            > leave a
            > run 6s
                5.00s  a is leaving
                5.00s  plan 16: stop web on a: a is leaving
                5.03s  web stopped on a: a is leaving
                5.03s    web/program stops on a
                5.04s  a is down
                5.04s  plan 20: start web on b: a is leaving
                5.04s    web/program starts on b
                5.04s  a ends its daemon
                5.09s  web runs on b
            > power-off b
            > boot b
            > run 5s
               11.00s  web stopped on b: b has rebooted
               11.00s  b is starting
               11.01s  b is online
               11.01s  plan 28: start web on b: b has rebooted
               11.01s    web/program starts on b
               11.06s  web runs on b
        "#]],
    );
}

#[test]
fn the_last_of_a_pair_that_was_given_up_by_the_other_goes_on_in_the_same_boot() {
    check(
        "nodes a b
        service web prefer=a
        quiet 5s
        move web a
        quiet 2s
        fence a fails 9
        lose a
        run 1s
        power-off b
        run 10s",
        expect![[r#"
            > quiet 5s
            > move web a
            > quiet 2s
            > fence a fails 9
            > lose a
            > run 1s
                7.00s  a is lost: a not heard since the cluster started
                7.00s  fence 18: b fences a: a not heard since the cluster started
                7.20s  fence 18: a not fenced by power-a: no answer
            > power-off b
            > run 10s
                8.74s  b is lost: b silent for 800 ms, agreed by a
                8.74s    a fences b for its half
                8.94s    b has no power
                8.94s    a goes on alone: generation 2
                8.94s  a is starting
                8.95s  a is online
                8.95s  fence 25: a fences b: b silent for 800 ms, agreed by a
                8.95s  fence 25: b confirmed off by power-b
                8.95s  b is down
        "#]],
    );
}
