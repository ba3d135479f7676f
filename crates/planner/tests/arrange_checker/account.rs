//! Whether the steps add up to what is told.

use super::*;

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
