//! Nodes without power, cut off, asleep, or back.

use super::*;

#[test]
fn a_node_without_power_is_fenced_before_its_service_starts_elsewhere() {
    check(
        "nodes a b c
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
                7.78s  a is lost: a silent for 800 ms, agreed by b and c
                7.78s  fence 31: b fences a: a silent for 800 ms, agreed by b and c
                7.99s  fence 31: a confirmed off by power-a
                7.99s  web stopped on a: a is proven off
                7.99s  a is down
                7.99s    a has no power
                7.99s  plan 32: start web on b: a is proven off
                7.99s    web/program starts on b
                8.04s  web runs on b
            > boot a
            > run 5s
               13.24s  a is starting
               13.25s  a is online
        "#]],
    );
}

#[test]
fn the_leader_without_power_is_fenced_like_any_other() {
    check(
        "nodes a b c
        service web prefer=c
        quiet 5s
        power-off leader
        run 5s
        boot c
        run 5s",
        expect![[r#"
            > quiet 5s
            > power-off leader
            > run 5s
                5.79s  c is lost: c silent for 800 ms, agreed by a and b
                5.79s  fence 25: a fences c: c silent for 800 ms, agreed by a and b
                5.99s  fence 25: c confirmed off by power-c
                5.99s  web stopped on c: c is proven off
                5.99s  c is down
                5.99s    c has no power
                5.99s  plan 26: start web on a: c is proven off
                5.99s    web/program starts on a
                6.04s  web runs on a
            > boot c
            > run 5s
               11.51s  c is starting
               11.52s  c is online
        "#]],
    );
}

#[test]
fn a_node_that_is_cut_off_is_fenced_while_its_service_still_runs() {
    check(
        "nodes a b c
        service web
        quiet 5s
        move web b
        quiet 2s
        cut b
        run 5s",
        expect![[r#"
            > quiet 5s
            > move web b
            > quiet 2s
            > cut b
            > run 5s
                7.78s  b is lost: b silent for 800 ms, agreed by a and c
                7.78s  fence 31: a fences b: b silent for 800 ms, agreed by a and c
                7.99s  fence 31: b confirmed off by power-b
                7.99s  web stopped on b: b is proven off
                7.99s  b is down
                7.99s    b has no power
                7.99s  plan 32: start web on a: b is proven off
                7.99s    web/program starts on a
                8.04s  web runs on a
        "#]],
    );
}

#[test]
fn a_node_that_is_cut_off_stops_by_itself_when_its_lease_ends() {
    check(
        "nodes a b c
        service web
        quiet 5s
        move web b
        quiet 2s
        fence b takes 10s
        cut b
        run 15s",
        expect![[r#"
            > quiet 5s
            > move web b
            > quiet 2s
            > fence b takes 10s
            > cut b
            > run 15s
                7.78s  b is lost: b silent for 800 ms, agreed by a and c
                7.78s  fence 31: a fences b: b silent for 800 ms, agreed by a and c
                9.91s    web/program stops on b
               17.79s  fence 31: b confirmed off by power-b
               17.79s  web stopped on b: b is proven off
               17.79s  b is down
               17.79s    b has no power
               17.79s  plan 32: start web on a: b is proven off
               17.79s    web/program starts on a
               17.84s  web runs on a
        "#]],
    );
}

#[test]
fn an_election_ends_no_lease() {
    check(
        "nodes a b c
        service web
        service db
        quiet 5s
        move web a
        move db b
        quiet 5s
        daemon-kill leader
        run 5s
        daemon-start c
        run 5s",
        expect![[r#"
            > quiet 5s
            > move web a
            > move db b
            > quiet 5s
            > daemon-kill leader
            > run 5s
               10.19s  c is daemon-down
            > daemon-start c
            > run 5s
               15.10s  c is starting
               15.11s  c is online
        "#]],
    );
}

#[test]
fn a_node_that_sleeps_too_long_is_fenced() {
    check(
        "nodes a b c
        service web
        quiet 5s
        move web a
        quiet 2s
        pause a 5s
        run 15s",
        expect![[r#"
            > quiet 5s
            > move web a
            > quiet 2s
            > pause a 5s
            > run 15s
                7.78s  a is lost: a silent for 800 ms, agreed by b and c
                7.78s  fence 31: b fences a: a silent for 800 ms, agreed by b and c
                7.99s  fence 31: a confirmed off by power-a
                7.99s  web stopped on a: a is proven off
                7.99s  a is down
                7.99s    a has no power
                7.99s  plan 32: start web on b: a is proven off
                7.99s    web/program starts on b
                8.04s  web runs on b
        "#]],
    );
}

#[test]
fn a_node_that_wakes_before_it_is_fenced_stops_what_its_lease_no_longer_covers() {
    check(
        "nodes a b c
        service web
        quiet 5s
        move web a
        quiet 2s
        fence a fails 100
        pause a 5s
        run 12s",
        expect![[r#"
            > quiet 5s
            > move web a
            > quiet 2s
            > fence a fails 100
            > pause a 5s
            > run 12s
                7.78s  a is lost: a silent for 800 ms, agreed by b and c
                7.78s  fence 31: b fences a: a silent for 800 ms, agreed by b and c
                7.99s  fence 31: a not fenced by power-a: no answer
                7.99s  fence 33: c fences a: a silent for 800 ms, agreed by b and c
                8.19s  fence 33: a not fenced by power-a: no answer
               12.03s  web stopped on a: the lease of a ended
               12.03s    web/program stops on a
               12.03s  plan 37: start web on b: the lease of a ended
               12.03s    web/program starts on b
               12.08s  web runs on b
               13.19s  fence 41: b fences a: a silent for 800 ms, agreed by b and c
               13.39s  fence 41: a not fenced by power-a: no answer
               18.39s  fence 43: c fences a: a silent for 800 ms, agreed by b and c
               18.59s  fence 43: a not fenced by power-a: no answer
        "#]],
    );
}

#[test]
fn a_fence_that_fails_is_tried_from_another_node() {
    check(
        "nodes a b c
        service web
        quiet 5s
        move web a
        quiet 2s
        fence a fails 2
        power-off a
        run 20s",
        expect![[r#"
            > quiet 5s
            > move web a
            > quiet 2s
            > fence a fails 2
            > power-off a
            > run 20s
                7.78s  a is lost: a silent for 800 ms, agreed by b and c
                7.78s  fence 31: b fences a: a silent for 800 ms, agreed by b and c
                7.99s  fence 31: a not fenced by power-a: no answer
                7.99s  fence 33: c fences a: a silent for 800 ms, agreed by b and c
                8.19s  fence 33: a not fenced by power-a: no answer
               13.19s  fence 35: b fences a: a silent for 800 ms, agreed by b and c
               13.39s  fence 35: a confirmed off by power-a
               13.39s  web stopped on a: a is proven off
               13.39s  a is down
               13.39s    a has no power
               13.39s  plan 36: start web on b: a is proven off
               13.39s    web/program starts on b
               13.44s  web runs on b
        "#]],
    );
}

#[test]
fn the_node_that_fences_dies_and_another_fences_both() {
    check(
        "nodes a b c d e
        service web
        quiet 5s
        move web e
        quiet 2s
        fence e takes 3s
        power-off e
        run 1500ms
        power-off a
        run 20s",
        expect![[r#"
            > quiet 5s
            > move web e
            > quiet 2s
            > fence e takes 3s
            > power-off e
            > run 1500ms
                7.78s  e is lost: e silent for 800 ms, agreed by a and b and c and d
                7.78s  fence 45: a fences e: e silent for 800 ms, agreed by a and b and c and d
            > power-off a
            > run 20s
                9.28s  fence 45: e not fenced: a, which was to do it, is no longer online
                9.28s  a is lost: a silent for 800 ms, agreed by b and c and d
                9.28s  fence 47: b fences a: a silent for 800 ms, agreed by b and c and d
                9.28s  fence 48: c fences e: e silent for 800 ms, agreed by a and b and c and d
                9.48s  fence 47: a confirmed off by power-a
                9.48s  a is down
                9.48s    a has no power
               10.79s    e has no power
               12.29s  fence 48: e confirmed off by power-e
               12.29s  web stopped on e: e is proven off
               12.29s  e is down
               12.29s    e has no power
               12.29s  plan 51: start web on b: e is proven off
               12.29s    web/program starts on b
               12.34s  web runs on b
        "#]],
    );
}

#[test]
fn three_nodes_lose_two_one_after_another() {
    check(
        "nodes a b c
        service web
        quiet 5s
        power-off a
        run 5s
        power-off b
        run 10s
        boot b
        run 10s",
        expect![[r#"
            > quiet 5s
            > power-off a
            > run 5s
                5.78s  a is lost: a silent for 800 ms, agreed by b and c
                5.78s  fence 24: b fences a: a silent for 800 ms, agreed by b and c
                5.99s  fence 24: a confirmed off by power-a
                5.99s  a is down
                5.99s    a has no power
            > power-off b
            > run 10s
               10.70s  b is lost: b silent for 800 ms, agreed by c
               10.70s    c fences b for its half
               10.90s    b has no power
               10.90s    c goes on alone: generation 2
               10.90s  fence 30: c fences b: b silent for 800 ms, agreed by c
               10.90s  fence 30: b confirmed off by power-b
               10.90s  b is down
            > boot b
            > run 10s
               21.31s  b is starting
               24.30s    b sets its log aside
               24.51s  b is daemon-down
               24.92s  b is starting
               24.93s  b is online
        "#]],
    );
}

#[test]
fn a_lost_node_that_nothing_can_fence_comes_back_when_it_holds_nothing() {
    check(
        "nodes a b c
        service web
        nodevices
        quiet 5s
        cut b
        run 5s
        heal
        run 5s",
        expect![[r#"
            > quiet 5s
            > cut b
            > run 5s
                5.78s  b is lost: b silent for 800 ms, agreed by a and c
            > heal
            > run 5s
               10.10s  b is starting
               10.10s  b is online
        "#]],
    );
}

#[test]
fn a_frozen_policy_lets_services_run_without_a_leader() {
    check(
        "nodes a b c
        service web
        policy freeze
        quiet 5s
        power-off a
        power-off b
        run 10s
        kill web on c
        run 5s",
        expect![[r#"
            > quiet 5s
            > power-off a
            > power-off b
            > run 10s
            > kill web on c
               15.00s    web/program dies
            > run 5s
        "#]],
    );
}

#[test]
fn a_node_that_was_wrongly_vouched_for_stops_the_newer_copy_and_stays_out_until_it_boots() {
    check(
        "nodes a b c
        service web
        quiet 5s
        move web b
        quiet 2s
        fence b fails 100
        cut b
        run 10s
        confirm b
        heal
        run 10s
        power-off b
        boot b
        run 10s",
        expect![[r#"
            > quiet 5s
            > move web b
            > quiet 2s
            > fence b fails 100
            > cut b
            > run 10s
                7.78s  b is lost: b silent for 800 ms, agreed by a and c
                7.78s  fence 31: a fences b: b silent for 800 ms, agreed by a and c
                7.99s  fence 31: b not fenced by power-b: no answer
                7.99s  fence 33: c fences b: b silent for 800 ms, agreed by a and c
                8.19s  fence 33: b not fenced by power-b: no answer
                9.91s    web/program stops on b
               13.19s  fence 35: a fences b: b silent for 800 ms, agreed by a and c
               13.39s  fence 35: b not fenced by power-b: no answer
            > confirm b
            > heal
            > run 10s
               17.00s  ann: fence confirm b
               17.00s  fence 35: b confirmed off by ann in person
               17.00s  web stopped on b: b is proven off
               17.00s  b is down
               17.00s  plan 37: start web on a: b is proven off
               17.00s    web/program starts on a
               17.05s  web runs on a
               18.40s  ALARM: b lives, although ann confirmed it off; web may have run twice, and newer copies are stopped
               18.40s  plan 37: stop web on a: b lives although ann confirmed it off; two copies may have run
               18.40s  b is lost: b lives although ann confirmed it off; two copies may have run
               18.40s  fence 43: a fences b: b lives although ann confirmed it off; two copies may have run
               18.43s  web stopped on a: b lives although ann confirmed it off; two copies may have run
               18.43s    web/program stops on a
               18.61s  fence 43: b not fenced by power-b: no answer
               18.61s  fence 47: c fences b: b lives although ann confirmed it off; two copies may have run
               18.81s  fence 47: b not fenced by power-b: no answer
               23.81s  fence 49: a fences b: b lives although ann confirmed it off; two copies may have run
               24.01s  fence 49: b not fenced by power-b: no answer
            > power-off b
            > boot b
            > run 10s
               28.54s  fence 49: b came back under a newer boot
               28.54s  b is starting
               28.55s  b is online
               28.55s  plan 55: start web on a: b lives although ann confirmed it off; two copies may have run
               28.55s    web/program starts on a
               28.60s  web runs on a
        "#]],
    );
}

#[test]
fn a_new_leader_goes_on_with_the_fence_that_the_old_one_began() {
    check(
        "nodes a b c d e
        service web
        quiet 5s
        move web b
        quiet 2s
        fence b takes 2s
        power-off b
        run 1s
        power-off leader
        run 10s",
        expect![[r#"
            > quiet 5s
            > move web b
            > quiet 2s
            > fence b takes 2s
            > power-off b
            > run 1s
                7.78s  b is lost: b silent for 800 ms, agreed by a and c and d and e
                7.78s  fence 45: a fences b: b silent for 800 ms, agreed by a and c and d and e
            > power-off leader
            > run 10s
                8.79s  c is lost: c silent for 800 ms, agreed by a and d and e
                8.79s  fence 48: a fences c: c silent for 800 ms, agreed by a and d and e
                8.99s  fence 48: c confirmed off by power-c
                8.99s  c is down
                8.99s    c has no power
                9.79s  fence 45: b confirmed off by power-b
                9.79s  web stopped on b: b is proven off
                9.79s  b is down
                9.79s    b has no power
                9.79s  plan 51: start web on a: b is proven off
                9.79s    web/program starts on a
                9.84s  web runs on a
        "#]],
    );
}

#[test]
fn a_node_that_was_cut_off_and_heals_within_its_lease_goes_on() {
    check(
        "nodes a b c
        service web
        quiet 5s
        move web b
        quiet 2s
        cut b
        run 700ms
        heal
        run 10s",
        expect![[r#"
            > quiet 5s
            > move web b
            > quiet 2s
            > cut b
            > run 700ms
            > heal
            > run 10s
        "#]],
    );
}
