//! S1 and S2: nothing twice, nothing beside what may still run.

use super::*;

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
