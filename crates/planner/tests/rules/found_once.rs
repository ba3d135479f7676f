//! What random clusters found once.

use super::*;

/// A copy was stopped to be where the service it must be with would start, and that one would
/// start elsewhere as soon as the copy ran there.
#[test]
fn what_does_not_run_yet_is_not_run_after() {
    check(
        "nodes a b c
        service db
        service web copies=2
        service log after=web prefer=c
        placement fits
        lost b
        fenced b
        service web
        up c web:0
        service mail copies=1 together=web",
        expect![[r#"
            > service db
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web copies=2
            configuration version 3 by ann
            plan 2: start web:0 on b: it should run and runs nowhere
            plan 2: start web:1 on c: it should run and runs nowhere
            web:0 runs on b
            web:1 runs on c
            > service log after=web prefer=c
            configuration version 4 by ann
            plan 3: start log on c: it should run and runs nowhere
            log runs on c
            > placement fits
            configuration version 5 by ann
            > lost b
            b is lost: b silent for 800 ms, agreed by a and c
            fence 26: a fences b: b silent for 800 ms, agreed by a and c
              b: waits until b is proven off
              web:0: waits until b is proven off
            > fenced b
            fence 26: b confirmed off by power
            web:0 stopped on b: b is proven off
            b is down
            plan 5: start web:0 on a: b is proven off
            web:0 runs on a
            > service web
            configuration version 6 by ann
            plan 6: stop log on c: web:0 stops next, and this needs it
            log stopped on c: web:0 stops next, and this needs it
            plan 7: stop web:0 on a: configuration version 6
            plan 7: stop web:1 on c: configuration version 6
            web:0 stopped on a: configuration version 6
            web:1 stopped on c: configuration version 6
            plan 8: start web on a: it should run and runs nowhere
            web runs on a
            plan 9: start log on c: it should run and runs nowhere
            log runs on c
            > up c web:0
            log stopped on c: c has rebooted
            c is starting
            web:0 was found running on c
            c is online
            plan 10: start log on c: c has rebooted
            log runs on c
            web:0, found running on c, is stopped
            > service mail copies=1 together=web
            configuration version 7 by ann
            plan 11: start mail:0 on a: it should run and runs nowhere
            mail:0 runs on a
        "#]],
    );
}

/// In the second opinion: of two that are enough for others one is stopped by the
/// configuration, the other leaves because its company is gone.
#[test]
fn what_leaves_for_a_reason_of_its_own_stops_nobody() {
    check(
        "nodes a b c
        service db
        service mail after=db prefer=a
        service web together=db
        service farm one-of=web,mail prefer=b
        service db manual",
        expect![[r#"
            > service db
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service mail after=db prefer=a
            configuration version 3 by ann
            plan 2: start mail on a: it should run and runs nowhere
            mail runs on a
            > service web together=db
            configuration version 4 by ann
            plan 3: start web on a: it should run and runs nowhere
            web runs on a
            > service farm one-of=web,mail prefer=b
            configuration version 5 by ann
            plan 4: start farm on b: it should run and runs nowhere
            farm runs on b
            > service db manual
            configuration version 6 by ann
            plan 5: stop mail on a: db stops next, and this needs it
            plan 5: stop web on a: it belongs where db is, which has no place now
            mail stopped on a: db stops next, and this needs it
            web stopped on a: it belongs where db is, which has no place now
            plan 6: stop db on a: stopped on request
            db stopped on a: stopped on request
              mail: waits for db to run
              web: no node may run it: a: it belongs where db is, which has no place now; b: it belongs where db is, which has no place now; c: it belongs where db is, which has no place now
        "#]],
    );
}
