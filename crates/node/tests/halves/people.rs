//! What people say of nodes that are gone, and two halves that were both forced.

use super::*;

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
