//! What comes before what.

use super::*;

#[test]
fn what_comes_first_starts_first_and_stops_last() {
    let world = "nodes a\nsingle db\nsingle web\norder db then web\n";
    let after = "is db on a\nis web on a";
    wrong(
        &format!("{world} start db on a\nstart web on a\n{after}"),
        expect![[r#"
            order: Start of web on a does not wait for Start of db on a (order db then web)
        "#]],
    );
    right(&format!(
        "{world} start db on a\nstart web on a after 0\n{after}"
    ));
    let world = world
        .replace("db\n", "db target=stopped\n")
        .replace("web\n", "web target=stopped\n");
    let world = world.replacen("then web target=stopped", "then web", 1);
    let found = "found db on a\nfound web on a\n";
    wrong(
        &format!("{world}{found} stop db on a\nstop web on a"),
        expect![[r#"
            order: Stop of db on a does not wait for Stop of web on a (order db then web)
        "#]],
    );
    right(&format!(
        "{world}{found} stop db on a after 1\nstop web on a"
    ));
}

#[test]
fn nothing_starts_or_stays_without_what_it_needs() {
    let world = "nodes a\nsingle db target=stopped\nsingle web\norder db then web\n";
    wrong(
        &format!("{world} start web on a\nis web on a"),
        expect![[r#"
        order: web on a runs without db, which it needs (order db then web)
    "#]],
    );
    wrong(
        &format!("{world} found web on a\nis web on a"),
        expect![[r#"
        order: web on a runs without db, which it needs (order db then web)
    "#]],
    );
    right(&format!("{world} found web on a\nstop web on a"));
    right(
        &format!("{world} found web on a\nis web on a")
            .replace("single web", "single web unmanaged"),
    );
    right(
        &format!("{world} found web on a\nis web on a")
            .replace("db then web", "db then web one-way"),
    );
}

#[test]
fn nothing_is_restarted_beneath_what_needs_it() {
    wrong(
        "nodes a
         single db
         single web
         order db then web
         found db on a failed=watch/restart
         found web on a
         stop db on a
         start db on a after 0
         is db on a
         is web on a",
        expect![[r#"
            order: db on a is taken away beneath web on a (order db then web)
        "#]],
    );
}

#[test]
fn an_optional_order_holds_when_both_act() {
    let world = "nodes a\nsingle db\nsingle web\norder db then web optional\n";
    wrong(
        &format!("{world} start db on a\nstart web on a\nis db on a\nis web on a"),
        expect![[r#"
            order: Start of web on a does not wait for Start of db on a (order db then web optional)
        "#]],
    );
    right(
        &format!("{world} start web on a\nis web on a")
            .replace("single db", "single db target=stopped"),
    );
}

#[test]
fn serialised_actions_do_not_run_at_once() {
    let world = "nodes a\nsingle db\nsingle web\norder db then web serialize\n";
    let after = "is db on a\nis web on a";
    wrong(
        &format!("{world} start db on a\nstart web on a\n{after}"),
        expect![[r#"
            order: Start of web on a does not wait for Start of db on a (order db then web serialize)
        "#]],
    );
    right(&format!(
        "{world} start db on a after 1\nstart web on a\n{after}"
    ));
}

#[test]
fn a_start_that_needs_a_leader_waits_for_the_promotion() {
    let world = "nodes a
                 clone c promoted=1
                 single db in c
                 single web
                 order c.promote then web
                 found db on a unpromoted\n";
    wrong(
        &format!("{world} start web on a\nis db on a unpromoted\nis web on a"),
        expect![[r#"
            order: web on a runs without db, which it needs (order c.promote then web)
        "#]],
    );
    wrong(
        &format!("{world} promote db on a\nstart web on a\nis db on a promoted\nis web on a"),
        expect![[r#"
            order: Start of web on a does not wait for Promote of db on a (order c.promote then web)
        "#]],
    );
    right(&format!(
        "{world} promote db on a\nstart web on a after 0\nis db on a promoted\nis web on a"
    ));
}

#[test]
fn an_interleaved_clone_needs_the_instance_beside_it() {
    let world = "nodes a b
                 clone c1 interleave
                 single db in c1
                 clone c2 interleave
                 single web in c2
                 order c1 then c2
                 found db on a\n";
    wrong(
        &format!("{world} start web on b\nis db on a\nis web on b"),
        expect![[r#"
        order: web on b runs without db, which it needs (order c1 then c2)
    "#]],
    );
    right(&format!("{world} start web on a\nis db on a\nis web on a"));
}

#[test]
fn some_of_the_firsts_are_enough_and_fewer_are_not() {
    let world = "nodes a
                 single db
                 single cache
                 single web
                 some-before 1 of db cache then web
                 found cache on a\n";
    right(&format!(
        "{world} start web on a\nis cache on a\nis web on a"
    ));
    let two = world.replace("some-before 1", "some-before 2");
    wrong(
        &format!("{two} start db on a\nstart web on a\nis cache on a\nis db on a\nis web on a"),
        expect![[r#"
            order: web on a runs with 1 of what it needs, 2 are needed (some-before 2 of db cache then web)
        "#]],
    );
    right(&format!(
        "{two} start db on a\nstart web on a after 0\nis cache on a\nis db on a\nis web on a"
    ));
}

#[test]
fn members_of_a_group_start_in_order() {
    let world = "nodes a b\ngroup g\nsingle ip in g\nsingle web in g\n";
    wrong(
        &format!("{world} start ip on a\nstart web on a\nis ip on a\nis web on a"),
        expect![[r#"
            order: Start of web on a does not wait for Start of ip on a (group g)
        "#]],
    );
    wrong(
        &format!("{world} start web on a\nis web on a"),
        expect![[r#"
        order: web on a runs without ip, which it needs (group g)
    "#]],
    );
    right(&format!(
        "{world} start ip on a\nstart web on a after 0\nis ip on a\nis web on a"
    ));
}

#[test]
fn instances_of_an_ordered_clone_start_one_by_one() {
    let world = "nodes a b\nclone c one-by-one\nsingle db in c\n";
    let after = "is db on a #0\nis db on b #1";
    wrong(
        &format!("{world} start db on a #0\nstart db on b #1\n{after}"),
        expect![[r#"
            order: two instances of c may start at once
        "#]],
    );
    right(&format!(
        "{world} start db on a #0\nstart db on b #1 after 0\n{after}"
    ));
}
