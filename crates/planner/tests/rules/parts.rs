//! What a resource says of its failures itself, and what it leaves to its service.

use super::*;

#[test]
fn a_restart_or_a_move_counts_for_the_resource_that_says_it_alone() {
    check(
        "nodes a b c
        service goes prefer=a part=meter of=meter:run=move
        service stays on-failure=move prefer=a part=meter of=meter:run=restart
        part-fails goes program
        part-fails goes meter
        part-fails stays meter
        part-fails stays program",
        expect![[r#"
            > service goes prefer=a part=meter of=meter:run=move
            configuration version 2 by ann
            plan 1: start goes on a: it should run and runs nowhere
            goes runs on a
            > service stays on-failure=move prefer=a part=meter of=meter:run=restart
            configuration version 3 by ann
            plan 2: start stays on a: it should run and runs nowhere
            stays runs on a
            > part-fails goes program
            goes failed on a: program: exit 1
            plan 3: restart goes on a: program failed (exit 1), failure 1, 1 allowed here
            goes runs on a
            > part-fails goes meter
            goes failed on a: meter: exit 1
            plan 4: stop goes on a: meter failed once on a, which is barred until cleared
            goes stopped on a: meter failed once on a, which is barred until cleared
            plan 5: start goes on b: meter failed once on a, which is barred until cleared
            goes runs on b
            > part-fails stays meter
            stays failed on a: meter: exit 1
            plan 6: restart stays on a: meter failed (exit 1), failure 1, 1 allowed here
            stays runs on a
            > part-fails stays program
            stays failed on a: program: exit 1
            plan 7: stop stays on a: program failed once on a, which is barred until cleared
            stays stopped on a: program failed once on a, which is barred until cleared
            plan 8: start stays on c: program failed once on a, which is barred until cleared
            stays runs on c
        "#]],
    );
}

#[test]
fn a_stop_or_a_person_counts_for_the_resource_that_says_it_alone() {
    check(
        "nodes a b c
        service ends prefer=a part=meter of=meter:run=stop
        service sits prefer=a part=meter of=meter:run=block
        part-fails ends program
        part-fails ends meter
        part-fails sits program
        part-fails sits meter
        operator clear sits",
        expect![[r#"
            > service ends prefer=a part=meter of=meter:run=stop
            configuration version 2 by ann
            plan 1: start ends on a: it should run and runs nowhere
            ends runs on a
            > service sits prefer=a part=meter of=meter:run=block
            configuration version 3 by ann
            plan 2: start sits on a: it should run and runs nowhere
            sits runs on a
            > part-fails ends program
            ends failed on a: program: exit 1
            plan 3: restart ends on a: program failed (exit 1), failure 1, 1 allowed here
            ends runs on a
            > part-fails ends meter
            ends failed on a: meter: exit 1
            plan 4: stop ends on a: meter failed on a (exit 1), and it stays like this until cleared
            ends stopped on a: meter failed on a (exit 1), and it stays like this until cleared
              ends: meter failed on a (exit 1), and it stays like this until cleared
            > part-fails sits program
            sits failed on a: program: exit 1
            plan 5: restart sits on a: program failed (exit 1), failure 1, 1 allowed here
            sits runs on a
            > part-fails sits meter
            sits failed on a: meter: exit 1
              sits: meter failed on a (exit 1), and it stays like this until cleared
            > operator clear sits
            ann: clear sits
            sits runs on a
        "#]],
    );
}

#[test]
fn a_start_and_a_run_may_differ_and_what_is_left_out_is_as_the_service_says() {
    check(
        "nodes a b c
        service web on-failure=stop prefer=a part=meter of=meter:start=move
        part-start-fails web meter
        part-fails web meter",
        expect![[r#"
            > service web on-failure=stop prefer=a part=meter of=meter:start=move
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > part-start-fails web meter
            web failed on a: meter in start: exit 1
            plan 2: stop web on a: meter failed once on a, which is barred until cleared
            web stopped on a: meter failed once on a, which is barred until cleared
            plan 3: start web on b: meter failed once on a, which is barred until cleared
            web runs on b
            > part-fails web meter
            web failed on b: meter: exit 1
            plan 4: stop web on b: meter failed on b (exit 1), and it stays like this until cleared
            web stopped on b: meter failed on b (exit 1), and it stays like this until cleared
              web: meter failed on b (exit 1), and it stays like this until cleared
        "#]],
    );
}

#[test]
fn one_resource_can_cost_a_node_all_that_it_runs() {
    check(
        "nodes a b c
        service web prefer=a part=disk of=disk:run=standby
        service mail prefer=b part=disk of=disk:run=fence
        part-fails web program
        part-fails mail program
        part-fails web disk
        part-fails mail disk
        fenced b",
        expect![[r#"
            > service web prefer=a part=disk of=disk:run=standby
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > service mail prefer=b part=disk of=disk:run=fence
            configuration version 3 by ann
            plan 2: start mail on b: it should run and runs nowhere
            mail runs on b
            > part-fails web program
            web failed on a: program: exit 1
            plan 3: restart web on a: program failed (exit 1), failure 1, 1 allowed here
            web runs on a
            > part-fails mail program
            mail failed on b: program: exit 1
            plan 4: restart mail on b: program failed (exit 1), failure 1, 1 allowed here
            mail runs on b
            > part-fails web disk
            web failed on a: disk: exit 1
            mainstay: standby a
            plan 6: stop web on a: a is on standby
            web stopped on a: a is on standby
            plan 7: start web on c: a is on standby
            web runs on c
            > part-fails mail disk
            mail failed on b: disk: exit 1
            b is lost: disk of mail failed on b (exit 1)
            fence 33: a fences b: disk of mail failed on b (exit 1)
              b: waits until b is proven off
              mail: waits until b is proven off
            > fenced b
            fence 33: b confirmed off by power
            mail stopped on b: b is proven off
            b is down
            plan 10: start mail on c: b is proven off
            mail runs on c
        "#]],
    );
}

#[test]
fn a_stop_that_fails_is_answered_by_what_could_not_be_stopped() {
    check(
        "nodes a b c
        service web prefer=a part=disk of=disk:stop=block
        service mail prefer=b stop-failure=block part=disk of=disk:stop=fence
        part-stop-fails web disk
        operator clear web
        part-stop-fails mail program
        operator clear mail
        part-stop-fails mail disk
        fenced b",
        expect![[r#"
            > service web prefer=a part=disk of=disk:stop=block
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > service mail prefer=b stop-failure=block part=disk of=disk:stop=fence
            configuration version 3 by ann
            plan 2: start mail on b: it should run and runs nowhere
            mail runs on b
            > part-stop-fails web disk
            web failed on a: disk in stop: exit 1
              web: disk failed on a (exit 1), and it stays like this until cleared
            > operator clear web
            ann: clear web
            web stopped on a: asked by ann
            plan 3: start web on a: asked by ann
            web runs on a
            > part-stop-fails mail program
            mail failed on b: program in stop: exit 1
              mail: program failed on b (exit 1), and it stays like this until cleared
            > operator clear mail
            ann: clear mail
            mail stopped on b: asked by ann
            plan 4: start mail on b: asked by ann
            mail runs on b
            > part-stop-fails mail disk
            mail failed on b: disk in stop: exit 1
            b is lost: mail could not be stopped on b
            fence 31: a fences b: mail could not be stopped on b
              b: waits until b is proven off
              mail: waits until b is proven off
            > fenced b
            fence 31: b confirmed off by power
            mail stopped on b: b is proven off
            b is down
            plan 7: start mail on c: b is proven off
            mail runs on c
        "#]],
    );
}

#[test]
fn a_service_runs_on_without_what_is_ignored() {
    check(
        "nodes a b
        service db prefer=a part=meter of=meter:start=ignore,run=ignore
        service web prefer=b after=db
        part-fails db meter
        operator stop web
        operator start web
        part-fails db program
        part-fails db program
        part-fails db meter
        operator clear db",
        expect![[r#"
            > service db prefer=a part=meter of=meter:start=ignore,run=ignore
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web prefer=b after=db
            configuration version 3 by ann
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            > part-fails db meter
            db failed on a: meter: exit 1
            db runs on a
            > operator stop web
            ann: stop web
            plan 3: stop web on b: asked by ann
            web stopped on b: asked by ann
            > operator start web
            ann: start web
            plan 4: start web on b: asked by ann
            web runs on b
            > part-fails db program
            db failed on a: program: exit 1
            plan 5: restart db on a: program failed (exit 1), failure 1, 1 allowed here
            db runs on a
            > part-fails db program
            db failed on a: program: exit 1
            plan 6: stop db on a: program failed 2 times on a, which is barred until cleared
            db stopped on a: program failed 2 times on a, which is barred until cleared
            plan 7: start db on b: program failed 2 times on a, which is barred until cleared
            db runs on b
            > part-fails db meter
            db failed on b: meter: exit 1
            db runs on b
            > operator clear db
            ann: clear db
            db runs on b
        "#]],
    );
}

#[test]
fn where_all_is_ignored_and_nothing_runs_the_service_has_failed() {
    check(
        "nodes a b
        service db prefer=a part=meter on-failure=ignore of=meter:start=restart
        service web prefer=b after=db manual
        part-fails db meter
        part-fails db program
        operator start web
        operator clear db
        part-start-fails db meter",
        expect![[r#"
            > service db prefer=a part=meter on-failure=ignore of=meter:start=restart
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web prefer=b after=db manual
            configuration version 3 by ann
            > part-fails db meter
            db failed on a: meter: exit 1
            db runs on a
            > part-fails db program
            db failed on a: program: exit 1
            > operator start web
            ann: start web
              web: waits for db to run
            > operator clear db
            ann: clear db
            db runs on a
            plan 2: start web on b: asked by ann
            web runs on b
            > part-start-fails db meter
            db failed on a: meter in start: exit 1
            plan 3: restart db on a: meter failed (exit 1), failure 1, 1 allowed here
            db runs on a
        "#]],
    );
}

#[test]
fn a_resource_that_is_counted_alone_does_not_use_up_what_the_others_may() {
    check(
        "nodes a b
        service web restart=1 prefer=a part=meter of=meter:restart=2/60s
        part-fails web meter
        wait 1s
        part-fails web program
        wait 1s
        part-fails web meter
        wait 2m
        part-fails web meter
        part-fails web program",
        expect![[r#"
            > service web restart=1 prefer=a part=meter of=meter:restart=2/60s
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > part-fails web meter
            web failed on a: meter: exit 1
            plan 2: restart web on a: meter failed (exit 1), failure 1, 2 allowed here
            web runs on a
            > wait 1s
            > part-fails web program
            web failed on a: program: exit 1
            plan 3: restart web on a: program failed (exit 1), failure 1, 1 allowed here
            web runs on a
            > wait 1s
            > part-fails web meter
            web failed on a: meter: exit 1
              web: meter failed (exit 1), failure 2, 2 allowed here; restarts at 00:00:02.500
            > wait 2m
            plan 4: restart web on a: meter failed (exit 1), failure 1, 2 allowed here
            web runs on a
            > part-fails web meter
            web failed on a: meter: exit 1
            plan 5: restart web on a: meter failed (exit 1), failure 1, 2 allowed here
            web runs on a
            > part-fails web program
            web failed on a: program: exit 1
            plan 6: stop web on a: program failed 2 times on a, which is barred until cleared
            web stopped on a: program failed 2 times on a, which is barred until cleared
            plan 7: start web on b: program failed 2 times on a, which is barred until cleared
            web runs on b
        "#]],
    );
}

#[test]
fn one_resource_gives_the_role_away() {
    check(
        "nodes a b c
        service db copies=3 promoted=1 part=meter of=meter:run=demote
        part-fails db:0 program
        part-fails db:0 meter",
        expect![[r#"
            > service db copies=3 promoted=1 part=meter of=meter:run=demote
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            plan 1: start db:2 on c: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            db:2 runs on c
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > part-fails db:0 program
            db:0 failed on a: program: exit 1
            plan 3: restart db:0 on a: program failed (exit 1), failure 1, 1 allowed here
            db:0 runs on a
            > part-fails db:0 meter
            db:0 failed on a: meter: exit 1
            plan 4: demote db:0 on a: it shall not be promoted on a: meter failed (exit 1)
            db:0 is demoted on a
            db:0 runs on a
            plan 5: promote db:1 on b: it shall not be promoted on a: meter failed (exit 1)
            db:1 is promoted on b
        "#]],
    );
}

#[test]
fn a_check_keeps_its_own_list_whatever_its_resource_says() {
    check(
        "nodes a b
        service web prefer=a part=meter of=meter:run=ignore check=page:move
        part-fails web meter
        check-fails web page",
        expect![[r#"
            > service web prefer=a part=meter of=meter:run=ignore check=page:move
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > part-fails web meter
            web failed on a: meter: exit 1
            web runs on a
            > check-fails web page
            web failed on a: page: exit 1
            plan 2: stop web on a: page failed once on a, which is barred until cleared
            web stopped on a: page failed once on a, which is barred until cleared
            plan 3: start web on b: page failed once on a, which is barred until cleared
            web runs on b
        "#]],
    );
}
