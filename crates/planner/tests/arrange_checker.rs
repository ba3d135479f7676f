//! The checker of arrangements against wrong arrangements: each has one mistake, and the
//! checker names it. Beside each stands, where it says something, the right arrangement of
//! the same moment, in which it finds nothing.

mod arrange_words;

use arrange_words::read;
use expect_test::{Expect, expect};
use planner::arrange_checker::check;

#[allow(
    clippy::needless_pass_by_value,
    reason = "a test gives its expectation away"
)]
fn wrong(text: &str, expected: Expect) {
    let found = violations(text);
    assert!(!found.is_empty(), "nothing found in\n{text}");
    expected.assert_eq(&found);
}

fn right(text: &str) {
    assert_eq!(violations(text), "", "in\n{text}");
}

fn violations(text: &str) -> String {
    let told = read(text);
    let found = check(&told.wanted, &told.observed, &told.arrangement);
    found.iter().map(|one| format!("{one}\n")).collect()
}

// --- S1 and S2 ---

#[test]
fn a_move_waits_for_the_stop() {
    let world = "nodes a b\nsingle db\nfound db on a\n";
    wrong(
        &format!("{world} stop db on a\nstart db on b\nis db on b"),
        expect![[r#"
            proof: db on b starts before it is proven stopped on a
        "#]],
    );
    right(&format!(
        "{world} stop db on a\nstart db on b after 0\nis db on b"
    ));
}

#[test]
fn a_stop_is_not_a_proof_that_was_never_asked_for() {
    wrong(
        "nodes a b
         single db
         found db on a
         start db on b
         is db on a
         is db on b",
        expect![[r#"
            alone: db on a is active on another node too
            proof: db on b starts before it is proven stopped on a
        "#]],
    );
}

#[test]
fn what_a_lost_node_ran_waits_for_the_fence() {
    let world = "nodes a\nnode b offline unclean\nsingle db requires=quorum\nfound db on b\n";
    wrong(
        &format!("{world} fence b lost\nstop db on b implied\nstart db on a\nis db on a"),
        expect![[r#"
            proof: db on a starts before it is proven stopped on b
        "#]],
    );
    right(&format!(
        "{world} fence b lost\nstop db on b implied\nstart db on a after 0\nis db on a"
    ));
    right(&format!(
        "{world} fence b lost\nstart db on a after-fence b\nis db on a"
    ));
}

#[test]
fn nothing_that_needs_fencing_starts_beside_a_lost_node() {
    let world = "nodes a\nnode b offline unclean\nsingle db\nsingle web requires=quorum\n";
    wrong(
        &format!("{world} fence b lost\nstart db on a\nstart web on a\nis db on a\nis web on a"),
        expect![[r#"
            proof: db on a starts before b is confirmed fenced
        "#]],
    );
    right(&format!(
        "{world} fence b lost\nstart db on a after-fence b\nstart web on a\nis db on a\nis web on a"
    ));
}

#[test]
fn a_node_that_was_never_seen_may_run_anything() {
    let world = "nodes a\nnode b offline unseen\nsingle web requires=quorum\n";
    wrong(
        &format!("{world} fence b never-seen\nstart web on a\nis web on a"),
        expect![[r#"
            proof: web on a starts before b is confirmed fenced
        "#]],
    );
    right(&format!(
        "policy no-startup-fencing\n{world} start web on a\nis web on a"
    ));
}

#[test]
fn one_thing_does_not_start_on_two_nodes() {
    wrong(
        "nodes a b
         single db
         start db on a
         start db on b
         is db on a
         is db on b",
        expect![[r#"
            alone: db on a is active on another node too
            alone: db on a starts on another node too
            alone: db on b starts on another node too
        "#]],
    );
}

#[test]
fn what_was_found_twice_does_not_stay_so_without_reason() {
    let world = "nodes a b\nsingle db\nfound db on a\nfound db on b\nis db on a\nis db on b";
    wrong(
        world,
        expect![[r#"
            alone: db on a is active on another node too
        "#]],
    );
    right(&world.replace("single db", "single db twice=block"));
}

#[test]
fn a_unique_instance_is_not_on_two_nodes() {
    wrong(
        "nodes a b
         clone c max=2 unique
         single db in c
         found db on a #0
         start db on b #0
         is db on a #0
         is db on b #0",
        expect![[r#"
            alone: db:0 on a is active on another node too
            proof: db:0 on b starts before it is proven stopped on a
        "#]],
    );
}

#[test]
fn a_clone_never_has_too_many_instances_not_even_for_a_moment() {
    let world = "nodes a b c
                 clone c1 max=2
                 single db in c1
                 found db on a
                 found db on b\n";
    wrong(
        &format!("{world} stop db on a\nstart db on c\nis db on b #1\nis db on c #0"),
        expect![[r#"
            count: db has 3 instances meanwhile, 2 are the most
        "#]],
    );
    right(&format!(
        "{world} stop db on a\nstart db on c after 0\nis db on b #1\nis db on c #0"
    ));
}

#[test]
fn a_clone_has_no_more_than_its_number_afterwards() {
    wrong(
        "nodes a b c
         clone c1 max=2
         single db in c1
         start db on a #0
         start db on b #1
         start db on c #2
         is db on a #0
         is db on b #1
         is db on c #2",
        expect![[r#"
            count: db has 3 instances afterwards, 2 are the most
            count: db has 3 instances as placed, 2 are the most
            count: db has 3 instances meanwhile, 2 are the most
        "#]],
    );
}

#[test]
fn the_old_leader_is_demoted_before_the_new_one_is_promoted() {
    let world = "nodes a b
                 clone c promoted=1
                 single db in c
                 found db on a promoted
                 found db on b unpromoted\n";
    let after = "is db on a #0 unpromoted\nis db on b #1 promoted";
    wrong(
        &format!("{world} demote db on a\npromote db on b #1\n{after}"),
        expect![[r#"
            count: db has 2 leading instances meanwhile, 1 are the most
        "#]],
    );
    right(&format!(
        "{world} demote db on a\npromote db on b #1 after 0\n{after}"
    ));
}

#[test]
fn a_leader_on_a_lost_node_is_fenced_before_another_leads() {
    let world = "nodes a
                 node b offline unclean
                 clone c promoted=1
                 single db in c
                 found db on a unpromoted
                 found db on b promoted
                 fence b lost\n";
    wrong(
        &format!("{world} promote db on a\nis db on a promoted"),
        expect![[r#"
            count: db has 2 leading instances meanwhile, 1 are the most
        "#]],
    );
    right(&format!(
        "{world} promote db on a after-fence b\nis db on a promoted"
    ));
}

#[test]
fn two_unique_instances_are_not_on_one_node_when_one_is_the_most() {
    wrong(
        "nodes a b
         clone c max=2 unique
         single db in c
         start db on a #0
         start db on a #1
         is db on a #0
         is db on a #1",
        expect![[r#"
            count: db has 2 instances on a afterwards, 1 are the most
            count: db has 2 instances on a as placed, 1 are the most
            count: db has 2 instances on a meanwhile, 1 are the most
        "#]],
    );
}

// --- nodes, quorum, fences, hands off ---

#[test]
fn nothing_starts_on_a_node_that_cannot_run_it() {
    for state in [
        "offline",
        "pending",
        "standby",
        "maintenance",
        "shutdown",
        "no-resources",
        "asked",
        "unclean",
    ] {
        let text = format!(
            "nodes a\nnode b {state}\nsingle db requires=nothing\nstart db on b\nis db on b"
        );
        let found = violations(&text);
        assert!(
            found.contains("node: db on b is asked to Start"),
            "{state}: {found}"
        );
    }
    wrong(
        "nodes a\nnode b standby\nsingle db\nstart db on b\nis db on b",
        expect![[r#"
            node: db on b is asked to Start on a node on standby
            node: db on b stays on a node that is to be emptied
        "#]],
    );
}

#[test]
fn nothing_starts_on_a_node_that_is_fenced() {
    wrong(
        "nodes a
         node b asked
         single db
         fence b asked
         start db on b
         is db on b",
        expect![[r#"
            account: db on b is asked to Start on a fenced node
            account: db on b is told to be active on a fenced node
            node: db on b is asked to Start on a node that is to be fenced
        "#]],
    );
}

#[test]
fn nothing_starts_on_a_node_that_a_failure_empties() {
    wrong(
        "nodes a b
         single db
         single web
         found db on b failed=watch/standby
         stop db on b
         start db on a after 0
         start web on b
         is db on a
         is web on b",
        expect![[r#"
            node: web on b is asked to Start on a node on standby
        "#]],
    );
}

#[test]
fn nothing_stays_on_standby() {
    wrong(
        "nodes a\nnode b standby\nsingle db\nfound db on b\nis db on b",
        expect![[r#"
            node: db on b stays on a node that is to be emptied
        "#]],
    );
    right("nodes a\nnode b standby\nsingle db unmanaged\nfound db on b\nis db on b");
}

#[test]
fn nothing_starts_without_quorum() {
    let world = "no-quorum\nnodes a b\nsingle db\nstart db on a\nis db on a";
    wrong(
        world,
        expect![[r#"
        quorum: db on a is asked to Start without a quorum
        quorum: db on a runs on without a quorum
    "#]],
    );
    right(&format!("policy no-quorum=ignore\n{world}"));
}

#[test]
fn what_runs_stops_without_quorum_when_that_is_the_policy() {
    let world = "no-quorum\nnodes a b\nsingle db\nfound db on a\nis db on a";
    wrong(
        world,
        expect![[r#"
        quorum: db on a runs on without a quorum
    "#]],
    );
    right(&format!("policy no-quorum=freeze\n{world}"));
}

#[test]
fn frozen_resources_may_move_within_the_partition_but_not_begin() {
    let world = "policy no-quorum=freeze\nno-quorum\nnodes a\nnode b standby\nsingle db\n";
    right(&format!(
        "{world} found db on b\nstop db on b\nstart db on a after 0\nis db on a"
    ));
    wrong(
        &format!("{world} start db on a\nis db on a"),
        expect![[r#"
        quorum: db on a is asked to Start without a quorum
    "#]],
    );
}

#[test]
fn leaders_step_down_without_quorum_when_that_is_the_policy() {
    wrong(
        "policy no-quorum=demote
         no-quorum
         nodes a
         clone c promoted=1
         single db in c
         found db on a promoted
         is db on a promoted",
        expect![[r#"
            quorum: db on a leads without a quorum
        "#]],
    );
}

#[test]
fn a_partition_without_quorum_fences_nobody_else() {
    wrong(
        "policy no-quorum=freeze\nno-quorum\nnodes a\nnode b offline unclean\nfence b lost",
        expect![[r#"
            fence: b is fenced by a partition that has no quorum and does not hold it
        "#]],
    );
}

#[test]
fn nobody_is_fenced_without_fencing_or_without_a_reason() {
    wrong(
        "policy no-fencing\nnodes a\nnode b offline unclean\nfence b lost",
        expect![[r#"
            fence: b is fenced although fencing is switched off
        "#]],
    );
    for because in [
        "lost",
        "never-seen",
        "failed db",
        "ticket db",
        "asked",
        "no-quorum",
    ] {
        let text =
            format!("nodes a b\nsingle db\nfound db on b\nfence b {because}\nstop db on b implied");
        assert!(
            violations(&text).contains("fence: b is fenced for a reason that is not so"),
            "{because}"
        );
    }
    right(
        "nodes a b
         single db
         found db on b failed=stop/fence
         fence b failed db
         stop db on b implied
         start db on a after 0
         is db on a",
    );
}

#[test]
fn what_is_unmanaged_is_not_touched() {
    for state in ["unmanaged", "maintenance"] {
        let text = format!("nodes a b\nsingle db {state}\nfound db on a\nstop db on a");
        assert!(violations(&text).contains("hands off: db on a"), "{state}");
    }
    wrong(
        "nodes a b\nsingle db unmanaged\nfound db on a\nstop db on a",
        expect![[r#"
            hands off: db on a is asked to Stop although it must not be touched
        "#]],
    );
}

#[test]
fn what_is_blocked_is_not_started_elsewhere() {
    wrong(
        "nodes a b
         single db
         found db on a failed=stop/block
         stop db on a
         start db on b after 0
         is db on b",
        expect![[r#"
            hands off: db on a is asked to Stop although it must not be touched
            hands off: db on b is asked to Start although it must not be touched
        "#]],
    );
}

#[test]
fn nothing_is_touched_in_maintenance() {
    wrong(
        "policy maintenance\nnodes a b\nsingle db\nstart db on a\nis db on a",
        expect![[r#"
            hands off: db on a is asked to Start although it must not be touched
        "#]],
    );
}

// --- orders ---

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

// --- places ---

#[test]
fn members_of_a_group_are_together() {
    wrong(
        "nodes a b
         group g
         single ip in g
         single web in g
         start ip on a
         start web on b after 0
         is ip on a
         is web on b",
        expect![[r#"
            group: web on b is not where ip is
        "#]],
    );
}

#[test]
fn what_belongs_together_is_together() {
    let world = "nodes a b\nsingle db\nsingle web\ncolocation web with db always\n";
    wrong(
        &format!("{world} start db on a\nstart web on b\nis db on a\nis web on b"),
        expect![[r#"
            together: web on b is not where db is (colocation web with db always)
        "#]],
    );
    wrong(
        &format!("{world} start web on b\nis web on b"),
        expect![[r#"
        together: web on b is not where db is (colocation web with db always)
    "#]],
    );
    let racks = world
        .replace("nodes a b", "node a rack=1\nnode b rack=1")
        .replace("always", "always attribute=rack");
    right(&format!(
        "{racks} start db on a\nstart web on b\nis db on a\nis web on b"
    ));
}

#[test]
fn what_follows_a_leader_is_where_the_leader_is() {
    wrong(
        "nodes a b
         clone c promoted=1
         single db in c
         single web
         colocation web with c always with-role=promoted
         found db on a promoted
         found db on b unpromoted
         start web on b
         is db on a #0 promoted
         is db on b #1 unpromoted
         is web on b",
        expect![[r#"
            together: web on b is not where c is (colocation web with c always with-role=promoted)
        "#]],
    );
}

#[test]
fn what_must_be_apart_is_apart() {
    let world = "node a rack=1\nnode b rack=1\nsingle db\nsingle web\n";
    let same = "start db on a\nstart web on a\nis db on a\nis web on a";
    let other = "start db on a\nstart web on b\nis db on a\nis web on b";
    let apart = "colocation web with db never";
    wrong(
        &format!("{world}{apart}\n{same}"),
        expect![[r#"
        apart: web on a is where db is (colocation web with db never)
    "#]],
    );
    right(&format!("{world}{apart}\n{other}"));
    wrong(
        &format!("{world}{apart} attribute=rack\n{other}"),
        expect![[r#"
        apart: web on b is where db is (colocation web with db never attribute=rack)
    "#]],
    );
}

#[test]
fn a_node_has_room_for_what_it_runs() {
    let world = "policy placement=fits
                 node a capacity=cpu:4
                 node b capacity=cpu:4
                 single db uses=cpu:3
                 single web uses=cpu:2\n";
    wrong(
        &format!("{world} start db on a\nstart web on a\nis db on a\nis web on a"),
        expect![[r#"
            room: a needs 5 cpu afterwards, and has 4
            room: a needs 5 cpu as placed, and has 4
            room: a needs 5 cpu meanwhile, and has 4
        "#]],
    );
    right(&format!(
        "{world} start db on a\nstart web on b\nis db on a\nis web on b"
    ));
}

#[test]
fn a_node_has_room_at_every_moment() {
    let world = "policy placement=fits
                 node a capacity=cpu:4
                 node b capacity=cpu:4
                 single db uses=cpu:3
                 single web uses=cpu:2
                 found web on a
                 stop web on a
                 start web on b after 0\n";
    let after = "is db on a\nis web on b";
    wrong(
        &format!("{world} start db on a\n{after}"),
        expect![[r#"
        room: a needs 5 cpu meanwhile, and has 4
    "#]],
    );
    right(&format!("{world} start db on a after 0\n{after}"));
}

#[test]
fn nothing_is_where_a_location_says_never() {
    let world = "nodes a b\nsingle db\n";
    let start = "start db on a\nis db on a";
    wrong(
        &format!("{world} location db a=never\n{start}"),
        expect![[r#"
        location: db on a is where a location says never
    "#]],
    );
    wrong(
        &format!("{world} location db a=never\nfound db on a\nis db on a"),
        expect![[r#"
        location: db on a is where a location says never
    "#]],
    );
    wrong(
        &format!("{world} location db b=100 exclusive\n{start}"),
        expect![[r#"
        location: db on a is where it is not even looked for
    "#]],
    );
    wrong(
        &format!("policy opt-in\n{world}{start}"),
        expect![[r#"
        location: db on a is where no location names it
    "#]],
    );
    right(&format!("policy opt-in\n{world} location db a=0\n{start}"));
}

#[test]
fn a_never_for_leaders_bars_leaders_alone() {
    let world = "nodes a
                 clone c promoted=1
                 single db in c
                 location c a=never role=promoted
                 found db on a unpromoted\n";
    wrong(
        &format!("{world} promote db on a\nis db on a promoted"),
        expect![[r#"
            location: db on a is where a location says never
        "#]],
    );
    right(&format!("{world} is db on a unpromoted"));
}

#[test]
fn nothing_starts_where_it_failed_too_often() {
    let world = "nodes a b\nsingle db failures-max=2\nstart db on a\nis db on a\n";
    wrong(
        &format!("{world} failures db on a 2"),
        expect![[r#"
        location: db on a starts where it failed too often
    "#]],
    );
    wrong(
        &format!("{world} failures db on a 1 hopeless"),
        expect![[r#"
        location: db on a starts where it failed too often
    "#]],
    );
    right(&format!("{world} failures db on a 1"));
}

#[test]
fn nothing_starts_on_an_unhealthy_node() {
    wrong(
        "nodes b\nnode a health=never\nsingle db\nstart db on a\nis db on a",
        expect![[r#"
            location: db on a starts on an unhealthy node
        "#]],
    );
}

#[test]
fn nothing_runs_or_leads_without_its_ticket() {
    let world = "nodes a\nsingle db\nticket T\nneeds-ticket db T\n";
    wrong(
        &format!("{world} start db on a\nis db on a"),
        expect![[r#"
        ticket: db on a runs without its ticket
    "#]],
    );
    wrong(
        &format!("{world} found db on a\nis db on a"),
        expect![[r#"
        ticket: db on a runs without its ticket
    "#]],
    );
    right(&format!("{world} found db on a\nis db on a").replace("db T", "db T loss=freeze"));
    wrong(
        "nodes a
         clone c promoted=1
         single db in c
         ticket T
         needs-ticket c T role=promoted loss=demote
         found db on a promoted
         is db on a promoted",
        expect![[r#"
            ticket: db on a leads without its ticket
        "#]],
    );
}

#[test]
fn nothing_is_more_than_it_is_wanted_to_be() {
    let world = "nodes a\nsingle db\nfound db on a\nis db on a";
    wrong(
        &world.replace("single db", "single db target=stopped"),
        expect![[r#"
        target: db on a is active although it is to be stopped
    "#]],
    );
    wrong(
        &world.replace("single db", "single db removed"),
        expect![[r#"
        target: db on a is active although it is wanted no more
    "#]],
    );
    wrong(
        &format!("policy stop-all\n{world}"),
        expect![[r#"
        target: db on a is active although everything is to be stopped
    "#]],
    );
    wrong(
        "nodes a
         clone c promoted=1
         single db in c target=unpromoted
         found db on a unpromoted
         promote db on a
         is db on a promoted",
        expect![[r#"
            target: db on a leads although it is not wanted to
        "#]],
    );
}

// --- the account ---

#[test]
fn steps_lead_from_what_was_found_to_what_is_told() {
    let world = "nodes a b\nsingle db\n";
    wrong(
        &format!("{world} is db on a"),
        expect![[r#"
        account: db on a becomes active without a step
    "#]],
    );
    wrong(
        &format!("{world} start db on a"),
        expect![[r#"
        account: db on a starts, but is told to be inactive afterwards
    "#]],
    );
    wrong(
        &format!("{world} stop db on a"),
        expect![[r#"
        account: db on a stops or leaves although it is not active
    "#]],
    );
    wrong(
        &format!("{world} found db on a"),
        expect![[r#"
        account: db on a vanishes without a step
    "#]],
    );
    wrong(
        &format!("{world} found db on a\nstart db on a\nis db on a"),
        expect![[r#"
        account: db on a starts although it is active
    "#]],
    );
    wrong(
        &format!("{world} found db on a\nstop db on a\nis db on a"),
        expect![[r#"
        account: db on a stops, but is told to be active afterwards
    "#]],
    );
    wrong(
        &format!("{world} start db on a\nstart db on a\nis db on a"),
        expect![[r#"
        account: db on a is told to do the same twice
    "#]],
    );
    wrong(
        &format!("{world} found db on a\nstop db on a implied"),
        expect![[r#"
        account: db on a has a step that no fence makes true
    "#]],
    );
    wrong(
        &format!("{world} start db on a\npromote db on a after 0\nis db on a promoted"),
        expect![[r#"
        account: db on a is promoted although it has no roles
    "#]],
    );
}

#[test]
fn what_runs_on_a_fenced_node_ends_with_it() {
    let world = "nodes a\nnode b offline unclean\nsingle db requires=nothing\nfound db on b\nfence b lost\n";
    wrong(
        &format!("{world} is db on b"),
        expect![[r#"
        account: db on b is told to be active on a fenced node
    "#]],
    );
    wrong(
        &format!("{world} stop db on b"),
        expect![[r#"
        account: db on b is asked to Stop on a fenced node
        node: db on b is asked to Stop on a node that is no full member
    "#]],
    );
}

#[test]
fn a_leader_is_demoted_before_it_stops() {
    let world = "nodes a
                 clone c promoted=1
                 single db in c target=stopped
                 found db on a promoted\n";
    wrong(
        &format!("{world} stop db on a"),
        expect![[r#"
        account: db on a leads and stops without being demoted
    "#]],
    );
    wrong(
        &format!("{world} demote db on a\nstop db on a"),
        expect![[r#"
        account: db on a stops before it is demoted
    "#]],
    );
    right(&format!("{world} demote db on a\nstop db on a after 0"));
}

#[test]
fn a_restart_stops_before_it_starts() {
    let world = "nodes a\nsingle db\nfound db on a failed=watch/restart\n";
    wrong(
        &format!("{world} stop db on a\nstart db on a\nis db on a"),
        expect![[r#"
        account: db on a starts before it has stopped
    "#]],
    );
    right(&format!(
        "{world} stop db on a\nstart db on a after 0\nis db on a"
    ));
}

#[test]
fn a_live_migration_leaves_arrives_and_ends() {
    let world = "nodes a b\nsingle vm live\nfound vm on a\n";
    let steps =
        "migrate-to vm on a\nmigrate-from vm on b after 0\nstop vm on a after 1\nis vm on b";
    right(&format!("{world}{steps}"));
    wrong(
        &format!("{world}{steps}").replace(" live", ""),
        expect![[r#"
        account: vm on a moves live although it cannot
        account: vm on b moves live although it cannot
    "#]],
    );
    wrong(
        &format!("{world}{steps}").replace("stop vm on a after 1\n", ""),
        expect![[r#"
            account: vm on a leaves and is not ended here
        "#]],
    );
    wrong(
        &format!("{world} migrate-to vm on a"),
        expect![[r#"
        account: vm on a leaves and arrives nowhere
    "#]],
    );
    wrong(
        &format!("{world}{steps}").replace("b after 0", "b"),
        expect![[r#"
        account: vm on a leaves and arrives nowhere
        account: vm on b arrives and left nowhere
        proof: vm on b starts before it is proven stopped on a
    "#]],
    );
    wrong(
        &format!("{world}{steps}").replace("a after 1", "a"),
        expect![[r#"
        account: vm on a stops before it has arrived elsewhere
    "#]],
    );
}

#[test]
fn steps_do_not_wait_in_a_circle_nor_for_what_does_not_exist() {
    let world = "nodes a b\nsingle db\nsingle web\n";
    let after = "is db on a\nis web on a";
    wrong(
        &format!("{world} start db on a after 1\nstart web on a after 0\n{after}"),
        expect![[r#"
            form: steps wait for each other in a circle
        "#]],
    );
    wrong(
        &format!("{world} start db on a after 7\nstart web on a\n{after}"),
        expect![[r#"
            form: step 0 points at what does not exist: Step { action: Start, resource: ResourceIx(0), instance: 0, node: NodeIx(0), implied: false, after: [7], after_fences: [], because: Wanted }
        "#]],
    );
    wrong(
        &format!("{world} start db on a after-fence b\nstart web on a\n{after}"),
        expect![[r#"
            form: step 0 points at what does not exist: Step { action: Start, resource: ResourceIx(0), instance: 0, node: NodeIx(0), implied: false, after: [], after_fences: [NodeIx(1)], because: Wanted }
        "#]],
    );
}

#[test]
fn what_stays_undone_has_a_reason() {
    let world = "nodes a b\nsingle db\nplaced db on a\n";
    wrong(
        world,
        expect![[r#"
        reason: db on a is not as it should be, and nothing says why
    "#]],
    );
    right(&format!("{world} wait db"));
}
