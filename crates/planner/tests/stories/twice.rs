//! What is found running on several nodes: `found_twice`.

use super::*;

#[test]
fn what_must_not_be_trusted_after_it_ran_twice_stops_everywhere_and_starts_once() {
    check(
        "nodes a b
        service db prefer=a found-twice=stop-all
        up b db",
        expect![[r#"
            > service db prefer=a found-twice=stop-all
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > up b db
            b is starting
            db was found running on b
            b is online
            plan 2: stop db on a: found running on a and b
            db stopped on a: found running on a and b
            db, found running on b, is stopped
            plan 3: start db on a: found running on a and b
            db runs on a
        "#]],
    );
}

#[test]
fn the_last_of_those_that_stop_is_not_taken_over() {
    check(
        "nodes a b
        operator maintenance on
        service db prefer=b found-twice=stop-all
        slow db
        up a db
        up b db
        operator maintenance off
        stray-stops db a
        stray-stops db b
        runs db",
        expect![[r#"
            > operator maintenance on
            ann: maintenance on
            > service db prefer=b found-twice=stop-all
            configuration version 2 by ann
              db: maintenance is on
            > slow db
            > up a db
            a is starting
            db was found running on a
            a is online
            > up b db
            b is starting
            db was found running on b
            b is online
            > operator maintenance off
            ann: maintenance off
              db: found running on a and b
            > stray-stops db a
            db, found running on a, is stopped
            > stray-stops db b
            db, found running on b, is stopped
            plan 1: start db on b: it should run and runs nowhere
            > runs db
            db runs on b
        "#]],
    );
}

#[test]
fn what_needs_it_stops_before_it_and_starts_after_it() {
    check(
        "nodes a b
        service db prefer=a found-twice=stop-all
        service web after=db
        up b db",
        expect![[r#"
            > service db prefer=a found-twice=stop-all
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web after=db
            configuration version 3 by ann
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            > up b db
            web stopped on b: b has rebooted
            b is starting
            db was found running on b
            b is online
            plan 3: stop db on a: found running on a and b
            db stopped on a: found running on a and b
            db, found running on b, is stopped
            plan 4: start db on a: found running on a and b
            db runs on a
            plan 5: start web on b: b has rebooted
            web runs on b
        "#]],
    );
}

#[test]
fn what_waits_for_a_person_is_not_touched_until_one_is_left() {
    check(
        "nodes a b c
        service db prefer=a found-twice=hold
        service web prefer=b
        up b db
        service web prefer=c only
        stray-stops db b
        operator move db",
        expect![[r#"
            > service db prefer=a found-twice=hold
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web prefer=b
            configuration version 3 by ann
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            > up b db
            web stopped on b: b has rebooted
            b is starting
            db was found running on b
            b is online
            plan 3: start web on b: b has rebooted
            web runs on b
              db: it runs on a and b, and waits until a person has ended all but one
            > service web prefer=c only
            configuration version 4 by ann
            plan 4: stop web on b: configuration version 4
            web stopped on b: configuration version 4
            plan 5: start web on c: configuration version 4
            web runs on c
            > stray-stops db b
            db, found running on b, is stopped
            > operator move db
            ann: move db
            plan 6: stop db on a: asked by ann
            db stopped on a: asked by ann
            plan 7: start db on b: asked by ann
            db runs on b
        "#]],
    );
}

#[test]
fn where_the_claimed_one_is_ended_the_other_goes_on() {
    check(
        "nodes a b
        service db prefer=a found-twice=hold
        up b db
        fails db",
        expect![[r#"
            > service db prefer=a found-twice=hold
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > up b db
            b is starting
            db was found running on b
            b is online
              db: it runs on a and b, and waits until a person has ended all but one
            > fails db
            db failed on a: program: exit 1
            plan 2: stop db on a: found running on a and b
            db stopped on a: found running on a and b
            plan 3: start db on b: found running on b
            db runs on b
        "#]],
    );
}

#[test]
fn two_without_a_claim_wait_and_the_last_one_is_taken_over() {
    check(
        "nodes a b c
        operator maintenance on
        service db prefer=b found-twice=hold
        up a db
        up b db
        operator maintenance off
        operator restart db
        stray-stops db b",
        expect![[r#"
            > operator maintenance on
            ann: maintenance on
            > service db prefer=b found-twice=hold
            configuration version 2 by ann
              db: maintenance is on
            > up a db
            a is starting
            db was found running on a
            a is online
            > up b db
            b is starting
            db was found running on b
            b is online
            > operator maintenance off
            ann: maintenance off
              db: it runs on a and b, and waits until a person has ended all but one
            > operator restart db
            rejected: it runs on a and b, and waits until a person has ended all but one
            > stray-stops db b
            db, found running on b, is stopped
            plan 1: start db on a: found running on a
            db runs on a
        "#]],
    );
}

#[test]
fn an_order_to_stop_ends_all_that_a_person_was_waited_for() {
    check(
        "nodes a b
        service db prefer=a found-twice=hold
        up b db
        operator stop db
        operator start db",
        expect![[r#"
            > service db prefer=a found-twice=hold
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > up b db
            b is starting
            db was found running on b
            b is online
              db: it runs on a and b, and waits until a person has ended all but one
            > operator stop db
            ann: stop db
            plan 2: stop db on a: asked by ann
            db stopped on a: asked by ann
            db, found running on b, is stopped
            > operator start db
            ann: start db
            plan 3: start db on a: asked by ann
            db runs on a
        "#]],
    );
}

#[test]
fn another_word_in_the_configuration_decides_at_once() {
    check(
        "nodes a b
        service db prefer=a found-twice=hold
        service mail prefer=a found-twice=hold
        up b db mail
        service db prefer=a
        service mail prefer=a found-twice=stop-all",
        expect![[r#"
            > service db prefer=a found-twice=hold
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service mail prefer=a found-twice=hold
            configuration version 3 by ann
            plan 2: start mail on a: it should run and runs nowhere
            mail runs on a
            > up b db mail
            b is starting
            db was found running on b
            mail was found running on b
            b is online
              db: it runs on a and b, and waits until a person has ended all but one
              mail: it runs on a and b, and waits until a person has ended all but one
            > service db prefer=a
            configuration version 4 by ann
            db, found running on b, is stopped
            > service mail prefer=a found-twice=stop-all
            configuration version 5 by ann
            plan 3: stop mail on a: found running on a and b
            mail stopped on a: found running on a and b
            mail, found running on b, is stopped
            plan 4: start mail on a: found running on a and b
            mail runs on a
        "#]],
    );
}

#[test]
fn of_copies_only_the_same_one_is_there_twice() {
    check(
        "nodes a b c
        service farm copies=2 prefer=a,b found-twice=hold
        up c farm:5
        up c farm:1
        stray-stops farm:1 c",
        expect![[r#"
            > service farm copies=2 prefer=a,b found-twice=hold
            configuration version 2 by ann
            plan 1: start farm:0 on a: it should run and runs nowhere
            plan 1: start farm:1 on b: it should run and runs nowhere
            farm:0 runs on a
            farm:1 runs on b
            > up c farm:5
            c is starting
            farm:5 was found running on c
            c is online
            farm:5, found running on c, is stopped
            > up c farm:1
            c is starting
            farm:1 was found running on c
            c is online
              farm:1: it runs on b and c, and waits until a person has ended all but one
            > stray-stops farm:1 c
            farm:1, found running on c, is stopped
        "#]],
    );
}

#[test]
fn a_device_that_lied_is_answered_as_ever() {
    check(
        "nodes a b c
        service db prefer=a found-twice=hold
        lost a
        fenced a
        lives a
        fenced a",
        expect![[r#"
            > service db prefer=a found-twice=hold
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > lost a
            a is lost: a silent for 800 ms, agreed by b and c
            fence 17: b fences a: a silent for 800 ms, agreed by b and c
              a: waits until a is proven off
              db: waits until a is proven off
            > fenced a
            fence 17: a confirmed off by power
            db stopped on a: a is proven off
            a is down
            plan 3: start db on b: a is proven off
            db runs on b
            > lives a
            ALARM: a lives, although fence device power confirmed it off; db may have run twice, and newer copies are stopped
            plan 3: stop db on b: a lives although fence device power confirmed it off; two copies may have run
            a is lost: a lives although fence device power confirmed it off; two copies may have run
            db stopped on b: a lives although fence device power confirmed it off; two copies may have run
              a: power confirmed what was not true and no other device can fence a; `mainstay fence confirm a` once it is off
              db: waits until a is proven off
            > fenced a
            rejected: late: it speaks of fence 1 of a, which is over
        "#]],
    );
}

#[test]
fn after_a_device_that_lied_the_older_one_stops_too_where_all_must() {
    check(
        "nodes a b c
        service db prefer=a found-twice=stop-all
        slow db
        runs db
        lost a
        fenced a
        runs db
        lives a
        stopped db
        heard a
        probed a db
        stray-stops db a
        runs db",
        expect![[r#"
            > service db prefer=a found-twice=stop-all
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > slow db
            > runs db
            > lost a
            a is lost: a silent for 800 ms, agreed by b and c
            fence 18: b fences a: a silent for 800 ms, agreed by b and c
              a: waits until a is proven off
              db: waits until a is proven off
            > fenced a
            fence 18: a confirmed off by power
            db stopped on a: a is proven off
            a is down
            plan 3: start db on b: a is proven off
            > runs db
            db runs on b
            > lives a
            ALARM: a lives, although fence device power confirmed it off; db may have run twice, and newer copies are stopped
            plan 3: stop db on b: a lives although fence device power confirmed it off; two copies may have run
            a is lost: a lives although fence device power confirmed it off; two copies may have run
              a: power confirmed what was not true and no other device can fence a; `mainstay fence confirm a` once it is off
            > stopped db
            db stopped on b: a lives although fence device power confirmed it off; two copies may have run
              db: waits until a is proven off
            > heard a
            a is starting
              db: waits for a to tell what runs there
            > probed a db
            a is online
              db: found running on a and b
            > stray-stops db a
            db, found running on a, is stopped
            plan 4: start db on a: a lives although fence device power confirmed it off; two copies may have run
            > runs db
            db runs on a
        "#]],
    );
}
