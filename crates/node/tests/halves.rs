//! Stories in which so much is gone that it matters who heard whom, and who may decide.

mod cluster;

use expect_test::{Expect, expect};

fn check(script: &str, expected: Expect) {
    expected.assert_eq(&cluster::story::play(script));
}

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
fn three_nodes_without_a_leader_go_on_while_two_hear_each_other() {
    check(
        "nodes a b c
        service web prefer=b
        policy stop
        quiet 5s
        move web b
        quiet 2s
        daemon-kill c
        daemon-kill a
        run 10s
        daemon-start a
        run 5s",
        expect![[r#"
            > quiet 5s
            > move web b
            > quiet 2s
            > daemon-kill c
            > daemon-kill a
            > run 10s
            > daemon-start a
            > run 5s
               17.73s  a is daemon-down
               17.73s  c is daemon-down
               17.74s  a is starting
               17.75s  a is online
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
fn of_four_nodes_two_go_on_together() {
    check(
        "nodes a b c d
        service web prefer=d
        service db prefer=a
        quiet 5s
        power-off c
        power-off d
        run 5s
        boot c
        boot d
        run 15s",
        expect![[r#"
            > quiet 5s
            > power-off c
            > power-off d
            > run 5s
                5.74s    a goes on alone: generation 2
                5.74s  c is lost: c silent for 800 ms, agreed by a and b
                5.74s  d is lost: d silent for 800 ms, agreed by a and b
                5.74s  fence 37: a fences c: c silent for 800 ms, agreed by a and b
                5.74s  fence 38: a fences d: d silent for 800 ms, agreed by a and b
                5.75s  fence 37: c confirmed off by power-c
                5.75s  db stopped on c: c is proven off
                5.75s  web stopped on c: c is proven off
                5.75s  c is down
                5.75s  fence 38: d confirmed off by power-d
                5.75s  d is down
                5.75s  plan 39: start db on a: c is proven off
                5.75s  plan 39: start web on b: c is proven off
                5.75s    db/program starts on a
                5.75s    web/program starts on b
                5.80s  db runs on a
                5.80s  web runs on b
            > boot c
            > boot d
            > run 15s
               11.54s  d is starting
               11.54s  c is starting
               14.54s    d sets its log aside
               14.64s    c sets its log aside
               14.66s  d is daemon-down
               14.78s  c is daemon-down
               15.18s  d is starting
               15.19s  d is online
               15.28s  c is starting
               15.29s  c is online
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
fn five_nodes_lose_four_one_after_another_and_the_last_still_serves() {
    check(
        "nodes a b c d e
        service web prefer=e
        quiet 5s
        power-off a
        run 4s
        power-off b
        run 4s
        power-off c
        run 4s
        power-off d
        run 4s
        quiet 1s",
        expect![[r#"
            > quiet 5s
            > power-off a
            > run 4s
                5.78s  a is lost: a silent for 800 ms, agreed by b and c and d and e
                5.78s  fence 38: b fences a: a silent for 800 ms, agreed by b and c and d and e
                5.99s  fence 38: a confirmed off by power-a
                5.99s  a is down
                5.99s    a has no power
            > power-off b
            > run 4s
                9.70s  b is lost: b silent for 800 ms, agreed by c and d and e
                9.70s  fence 42: c fences b: b silent for 800 ms, agreed by c and d and e
                9.90s  fence 42: b confirmed off by power-b
                9.90s  b is down
                9.90s    b has no power
            > power-off c
            > run 4s
               13.73s  c is lost: c silent for 800 ms, agreed by d and e
               13.73s  fence 47: d fences c: c silent for 800 ms, agreed by d and e
               13.93s  fence 47: c confirmed off by power-c
               13.93s  web stopped on c: c is proven off
               13.93s  c is down
               13.93s    c has no power
               13.93s  plan 48: start web on e: c is proven off
               13.93s    web/program starts on e
               13.98s  web runs on e
            > power-off d
            > run 4s
               17.74s    e fences d for its half
               17.94s    d has no power
               17.94s    e goes on alone: generation 2
               17.94s  d is lost: d silent for 800 ms, agreed by e
               17.94s  fence 56: e fences d: d silent for 800 ms, agreed by e
               17.95s  fence 56: d confirmed off by power-d
               17.95s  d is down
            > quiet 1s
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
fn those_that_return_to_the_last_of_five_follow_it_in_any_order() {
    check(
        "nodes a b c d e
        service web prefer=e
        quiet 5s
        power-off a
        quiet 4s
        power-off b
        quiet 4s
        power-off c
        quiet 4s
        power-off d
        quiet 4s
        boot c
        run 8s
        boot a
        run 8s
        boot d
        boot b
        run 10s",
        expect![[r#"
            > quiet 5s
            > power-off a
            > quiet 4s
            > power-off b
            > quiet 4s
            > power-off c
            > quiet 4s
            > power-off d
            > quiet 4s
            > boot c
            > run 8s
               22.74s  c is starting
               25.74s    c sets its log aside
               25.94s  c is daemon-down
               26.26s  c is starting
               26.27s  c is online
            > boot a
            > run 8s
               30.07s  a is starting
               33.14s    a sets its log aside
               33.27s  a is daemon-down
               33.78s  a is starting
               33.79s  a is online
            > boot d
            > boot b
            > run 10s
               38.10s  b is starting
               38.10s  d is starting
               41.14s    b sets its log aside
               41.14s    d sets its log aside
               41.32s  b is daemon-down
               41.32s  d is daemon-down
               41.68s  b is starting
               41.68s  d is starting
               41.69s  b is online
               41.69s  d is online
        "#]],
    );
}

#[test]
fn a_node_that_its_peers_have_given_up_keeps_no_lease_in_their_company() {
    check(
        "nodes a b c
        service web prefer=c
        nodevices
        quiet 5s
        move web c
        quiet 2s
        cut c
        want c 9
        run 1500ms
        mute c
        heal
        run 4s",
        expect![[r#"
            > quiet 5s
            > move web c
            > quiet 2s
            > cut c
            > want c 9
            > run 1500ms
                7.79s  c is lost: c silent for 800 ms, agreed by a and b
            > mute c
            > heal
            > run 4s
                9.97s    web/program stops on c
        "#]],
    );
}

#[test]
fn two_histories_with_a_quorum_each_raise_the_alarm_and_the_forced_one_stands_back() {
    check(
        "nodes a b c
        service web prefer=a
        service db prefer=c,b
        nodevices
        quiet 5s
        move web a
        quiet 3s
        cut c
        run 10s
        torn
        force c without a,b
        run 5s
        heal
        run 20s
        cut c
        run 70s",
        expect![[r#"
            > quiet 5s
            > move web a
            > quiet 3s
            > cut c
            > run 10s
                8.79s  c is lost: c silent for 800 ms, agreed by a and b
               11.01s    db/program stops on c
            > torn
            > force c without a,b
            > run 5s
               18.00s  db stopped on c: the lease of c ended
               18.00s    c goes on alone: generation 2
               18.00s  a is lost: ann vouched that a is off
               18.00s  b is lost: ann vouched that b is off
               18.00s  ann: quorum force --lost a,b
               18.00s  ann: fence confirm a
               18.00s  fence 39: a confirmed off by ann in person
               18.00s  web stopped on a: a is proven off
               18.00s  a is down
               18.00s  ann: fence confirm b
               18.00s  fence 40: b confirmed off by ann in person
               18.00s  b is down
               18.00s  plan 40: start db on c: the lease of c ended
               18.00s  plan 40: start web on c: a is proven off
               18.00s    db/program starts on c
               18.00s    web/program starts on c
               18.05s  db runs on c
               18.05s  web runs on c
            > heal
            > run 20s
               24.40s  ALARM: a lives, although ann confirmed it off; web may have run twice, and newer copies are stopped
               24.40s  plan 40: stop web on c: a lives although ann confirmed it off; two copies may have run
               24.40s  a is lost: a lives although ann confirmed it off; two copies may have run
               24.40s  ALARM: b lives, although ann confirmed it off; it held nothing then
               24.40s  b is lost: b lives although ann confirmed it off; two copies may have run
               24.40s  a is starting
               24.40s  b is starting
               24.43s  web stopped on c: a lives although ann confirmed it off; two copies may have run
               24.43s    web/program stops on c
               26.10s  a leads another history, generation 1, with a quorum: ann vouched that it was off, so services stop here
               26.13s  db stopped on c: the lease of c ended
               26.13s    db/program stops on c
            > cut c
            > run 70s
               43.70s  b is lost: b silent for 800 ms, agreed by c
               43.72s  a is lost: a silent for 800 ms, agreed by c
              103.00s  no other history with a quorum is heard any more
        "#]],
    );
}

#[test]
fn a_person_may_name_all_the_others_as_lost() {
    check(
        "nodes a b c
        service web prefer=a
        quiet 5s
        power-off b
        power-off c
        run 10s
        torn
        force a without b
        force a without b,c
        run 5s
        boot b
        boot c
        run 10s",
        expect![[r#"
            > quiet 5s
            > power-off b
            > power-off c
            > run 10s
            > torn
            > force a without b
               15.00s    refused: c is not heard either, and not named
            > force a without b,c
            > run 5s
               15.00s    a goes on alone: generation 2
               15.00s  b is lost: ann vouched that b is off
               15.00s  c is lost: ann vouched that c is off
               15.00s  ann: quorum force --lost b,c
               15.00s  ann: fence confirm b
               15.00s  fence 28: b confirmed off by ann in person
               15.00s  b is down
               15.00s  ann: fence confirm c
               15.00s  fence 29: c confirmed off by ann in person
               15.00s  web stopped on c: c is proven off
               15.00s  c is down
               15.00s  plan 29: start web on a: c is proven off
               15.01s    web/program starts on a
               15.05s  web runs on a
            > boot b
            > boot c
            > run 10s
               21.80s  c is starting
               21.80s  b is starting
               24.80s    c sets its log aside
               24.90s    b sets its log aside
               24.93s  c is daemon-down
               25.04s  b is daemon-down
               25.44s  b is starting
               25.44s  c is starting
               25.45s  b is online
               25.45s  c is online
        "#]],
    );
}

#[test]
fn a_person_forces_two_of_four_that_have_just_started_at_each_of_them() {
    check(
        "nodes a b c d
        service web prefer=d
        quiet 5s
        daemon-kill a
        daemon-kill b
        power-off c
        power-off d
        daemon-start a
        daemon-start b
        run 10s
        force a without c,d
        run 5s
        force b without c,d
        run 5s",
        expect![[r#"
            > quiet 5s
            > daemon-kill a
            > daemon-kill b
            > power-off c
            > power-off d
            > daemon-start a
            > daemon-start b
            > run 10s
            > force a without c,d
            > run 5s
            > force b without c,d
            > run 5s
               20.00s  b is starting
               20.00s  a is starting
               20.00s    b goes on alone: generation 2
               20.00s  c is lost: ann vouched that c is off
               20.00s  d is lost: ann vouched that d is off
               20.00s  ann: quorum force --lost c,d
               20.01s  ann: fence confirm c
               20.01s  fence 37: c confirmed off by ann in person
               20.01s  web stopped on c: c is proven off
               20.01s  c is down
               20.01s  ann: fence confirm d
               20.01s  fence 38: d confirmed off by ann in person
               20.01s  d is down
               20.01s  b is online
               20.01s  a is online
               20.01s  plan 39: start web on b: c is proven off
               20.01s    web/program starts on b
               20.06s  web runs on b
        "#]],
    );
}

#[test]
fn a_word_that_was_not_enough_is_void_once_one_of_those_it_names_is_heard() {
    check(
        "nodes a b c d
        service web prefer=d
        quiet 5s
        daemon-kill a
        daemon-kill b
        power-off c
        power-off d
        daemon-start a
        daemon-start b
        run 10s
        force a without c,d
        run 2s
        mute c
        boot c
        run 3s
        power-off c
        run 5s
        force b without c,d
        run 5s
        force a without c,d
        run 5s",
        expect![[r#"
            > quiet 5s
            > daemon-kill a
            > daemon-kill b
            > power-off c
            > power-off d
            > daemon-start a
            > daemon-start b
            > run 10s
            > force a without c,d
            > run 2s
            > mute c
            > boot c
            > run 3s
            > power-off c
            > run 5s
            > force b without c,d
            > run 5s
            > force a without c,d
            > run 5s
               30.00s  a is starting
               30.00s  b is starting
               30.00s    a goes on alone: generation 2
               30.00s  c is lost: ann vouched that c is off
               30.00s  d is lost: ann vouched that d is off
               30.00s  ann: quorum force --lost c,d
               30.01s  ann: fence confirm c
               30.01s  fence 38: c confirmed off by ann in person
               30.01s  web stopped on c: c is proven off
               30.01s  c is down
               30.01s  ann: fence confirm d
               30.01s  fence 39: d confirmed off by ann in person
               30.01s  d is down
               30.01s  a is online
               30.01s  plan 40: start web on a: c is proven off
               30.01s  b is online
               30.01s    web/program starts on a
               30.06s  web runs on a
        "#]],
    );
}

#[test]
fn the_word_of_a_person_ends_when_the_node_is_heard_again() {
    check(
        "nodes a b
        service web prefer=a
        nodevices
        quiet 5s
        daemon-kill b
        power-off a
        daemon-start b
        run 10s
        force b without a
        run 5s
        boot a
        quiet 10s
        cut a
        run 10s",
        expect![[r#"
            > quiet 5s
            > daemon-kill b
            > power-off a
            > daemon-start b
            > run 10s
            > force b without a
            > run 5s
               15.00s  b is starting
               15.00s    b goes on alone: generation 2
               15.00s  a is lost: ann vouched that a is off
               15.00s  ann: quorum force --lost a
               15.00s  ann: fence confirm a
               15.00s  fence 22: a confirmed off by ann in person
               15.00s  web stopped on a: a is proven off
               15.00s  a is down
               15.01s  b is online
               15.01s  plan 23: start web on b: a is proven off
               15.01s    web/program starts on b
               15.06s  web runs on b
            > boot a
            > quiet 10s
            > cut a
            > run 10s
               32.93s    web/program stops on b
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

/// Two persons, each of whom vouches that the other half is off.
const BOTH_FORCED: &str = "nodes a b c d
        service web prefer=a
        nodevices
        quiet 5s
        move web a
        quiet 3s
        cut a and c
        cut a and d
        cut b and c
        cut b and d
        run 10s
        torn
        force a without c,d
        force c without a,b
        run 5s
        heal
        run 15s
        power-off c
        power-off d
        run 70s
        confirm c
        confirm d
        run 5s";

#[test]
fn two_halves_that_were_both_forced_stand_back_as_soon_as_they_meet() {
    check(
        BOTH_FORCED,
        expect![[r#"
            > quiet 5s
            > move web a
            > quiet 3s
            > cut a and c
            > cut a and d
            > cut b and c
            > cut b and d
            > run 10s
               10.87s    web/program stops on a
            > torn
            > force a without c,d
            > force c without a,b
            > run 5s
               18.00s  web stopped on a: the lease of a ended
               18.00s    a goes on alone: generation 2
               18.00s    c goes on alone: generation 2
               18.00s  c is lost: ann vouched that c is off
               18.00s  d is lost: ann vouched that d is off
               18.00s  ann: quorum force --lost c,d
               18.01s  ann: fence confirm c
               18.01s  fence 43: c confirmed off by ann in person
               18.01s  c is down
               18.01s  ann: fence confirm d
               18.01s  fence 44: d confirmed off by ann in person
               18.01s  d is down
               18.01s  plan 44: start web on a: the lease of a ended
               18.01s    web/program starts on a
               18.01s    web/program starts on c
               18.06s  web runs on a
            > heal
            > run 15s
               24.30s  ALARM: c lives, although ann confirmed it off; it held nothing then
               24.30s  c is lost: c lives although ann confirmed it off; two copies may have run
               24.30s  ALARM: d lives, although ann confirmed it off; it held nothing then
               24.30s  d is lost: d lives although ann confirmed it off; two copies may have run
               24.30s  c is starting
               24.30s  d is starting
               24.33s    web/program stops on c
               27.40s  c leads another history, generation 2, with a quorum: ann vouched that it was off, so services stop here
               27.43s  web stopped on a: the lease of a ended
               27.43s    web/program stops on a
            > power-off c
            > power-off d
            > run 70s
               38.72s  c is lost: c silent for 800 ms, agreed by a and b
               38.72s  d is lost: d silent for 800 ms, agreed by a and b
               97.90s  no other history with a quorum is heard any more
            > confirm c
            > confirm d
            > run 5s
              108.00s  ann: fence confirm c
              108.00s  fence 60: c confirmed off by ann in person
              108.00s  c is down
              108.00s  ann: fence confirm d
              108.00s  fence 61: d confirmed off by ann in person
              108.00s  d is down
              108.00s  plan 62: start web on a: the lease of a ended
              108.00s    web/program starts on a
              108.05s  web runs on a
        "#]],
    );
}
