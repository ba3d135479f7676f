//! More than two.

use super::*;

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
