//! What the planner of services tells the planner of arrangements: nodes, services and their
//! rules in the words of `arrange_words`.

mod arrange_words;
mod world;

use arrange_words::show_input;
use expect_test::{Expect, expect};
use model::{ClusterTime, PlanId, WallTime};
use planner::{Input, translate::translate};

fn check(script: &str, expected: Expect) {
    let mut world = world::World::new();
    world.play(script);
    let spec = world.state.spec().cloned().expect("nodes are configured");
    let seen = world.state.seen().clone();
    let input = Input {
        spec: &spec,
        spec_version: world.state.spec_version(),
        seen: &seen,
        id: PlanId(0),
        now: ClusterTime(world.now),
        wall: WallTime(world.now),
    };
    let told = translate(&input);
    expected.assert_eq(&show_input(&told.wanted, &told.observed));
}

#[test]
fn nodes_count_as_they_are() {
    check(
        "nodes a b c d e f g h
        attribute a rack=one
        capacity a cpu=4
        placement fits
        service db prefer=d
        service web prefer=e
        operator standby b
        leaves c
        daemon-down d
        operator maintenance on e
        lost f
        lost g
        fenced g
        boot h",
        expect![[r#"
            policy no-quorum=ignore placement=fits no-fencing no-startup-fencing
            node a capacity=cpu:4 rack=one
            node b standby
            node c standby
            node d maintenance
            node e maintenance
            node f offline
            node g offline
            node h offline
            single db priority=1 sticky=400000 requires=nothing
            single web priority=1 sticky=400000 unmanaged requires=nothing
            location db d=100 e=never
            location web d=never e=100
            found db on d started
            found web on e started
        "#]],
    );
}

#[test]
fn a_node_that_is_ill_is_to_be_emptied() {
    check(
        "nodes a b
        health move-on-red
        operator attr a health-disk=red
        operator attr b health-disk=green",
        expect![[r#"
            policy no-quorum=ignore placement=count no-fencing no-startup-fencing
            node a standby health-disk=red
            node b health-disk=green
        "#]],
    );
}

#[test]
fn where_health_is_nothing_an_ill_node_is_like_others() {
    check(
        "nodes a b
        operator attr a health-disk=red",
        expect![[r#"
            policy no-quorum=ignore placement=count no-fencing no-startup-fencing
            node a health-disk=red
            node b
        "#]],
    );
}

#[test]
fn what_stays_put_sticks_more_than_what_may_go_back() {
    check(
        "nodes a b
        service one
        service two failback
        service six failback sticky=70
        service ten failback sticky=900000",
        expect![[r#"
            policy no-quorum=ignore placement=count no-fencing no-startup-fencing
            node a
            node b
            single one priority=1 sticky=400000 requires=nothing
            single six priority=1 sticky=70 requires=nothing
            single ten priority=1 sticky=400000 requires=nothing
            single two priority=1 sticky=1 requires=nothing
            found one on a started
            found six on a started
            found ten on b started
            found two on b started
        "#]],
    );
}

#[test]
fn what_is_to_move_does_not_stick() {
    check(
        "nodes a b c
        service one prefer=a
        service two prefer=b
        service web copies=2
        operator maintenance on
        operator move one to c
        operator move two
        operator move web:1 to c",
        expect![[r#"
            policy no-quorum=ignore placement=count no-fencing no-startup-fencing
            node a
            node b
            node c
            single one priority=1 unmanaged requires=nothing
            single two priority=1 unmanaged requires=nothing
            clone web (copies) max=2 interleave priority=1 sticky=400000 unmanaged requires=nothing
            single web in web (copies) priority=1 sticky=400000 unmanaged requires=nothing
            location one a=100 c=always
            location two b=never
            found one on a started
            found two on b started
            found web on c #0 started
            found web on a #1 started
        "#]],
    );
}

#[test]
fn wishes_are_points_and_what_is_forbidden_is_never() {
    check(
        "nodes a b c d
        network lan a b c
        attribute d disk=fast
        service one prefer=b,a
        service two avoid=c
        service six where=disk:fast:-30 prefer=a
        service ten never=a where=disk:slow:20
        service net address=lan
        service all prefer=a only
        service must where=disk:fast",
        expect![[r#"
            policy no-quorum=ignore placement=count no-fencing no-startup-fencing
            node a
            node b
            node c
            node d disk=fast
            single all priority=1 sticky=400000 requires=nothing
            single must priority=1 sticky=400000 requires=nothing
            single net priority=1 sticky=400000 requires=nothing
            single one priority=1 sticky=400000 requires=nothing
            single six priority=1 sticky=400000 requires=nothing
            single ten priority=1 sticky=400000 requires=nothing
            single two priority=1 sticky=400000 requires=nothing
            location all a=100 b=never c=never d=never
            location must a=never b=never c=never
            location net d=never
            location one a=100 b=200
            location six a=130 b=30 c=30 d=0
            location ten a=never b=0 c=0 d=0
            location two a=150000 b=150000 c=0 d=150000
            found all on a started
            found must on d started
            found net on b started
            found one on b started
            found six on a started
            found ten on c started
            found two on a started
        "#]],
    );
}

#[test]
fn a_wish_never_weighs_as_much_as_a_command() {
    check(
        "nodes a b
        attribute a disk=fast
        service one where=disk:fast:2000000
        service two together=one:2000000
        service six apart=one:2000000",
        expect![[r#"
            policy no-quorum=ignore placement=count no-fencing no-startup-fencing
            node a disk=fast
            node b
            single one priority=1 sticky=400000 requires=nothing
            single six priority=1 sticky=400000 requires=nothing
            single two priority=1 sticky=400000 requires=nothing
            location one a=150000 b=0
            location six a=150000 b=150000
            colocation six with one -150000 no-influence
            colocation two with one 150000
            found one on a started
            found six on b started
            found two on a started
        "#]],
    );
}

#[test]
fn company_is_told_once_for_each_pair_and_what_must_be_goes_first() {
    check(
        "nodes a b c
        service one together=two:50
        service two together=one
        service six apart=two,two:5
        service ten apart=six",
        expect![[r#"
            policy no-quorum=ignore placement=count no-fencing no-startup-fencing
            node a
            node b
            node c
            single one priority=1 sticky=400000 requires=nothing
            single six priority=1 sticky=400000 requires=nothing
            single ten priority=1 sticky=400000 requires=nothing
            single two priority=1 sticky=400000 requires=nothing
            location six a=151000 b=151000 c=151000
            location two a=1000 b=1000 c=1000
            colocation six with two never no-influence
            colocation six with two -2500
            colocation ten with six never no-influence
            colocation ten with six -2500
            colocation two with one always
            found one on a started
            found six on b started
            found ten on c started
            found two on a started
        "#]],
    );
}

#[test]
fn who_is_exclusive_is_apart_from_all() {
    check(
        "nodes a b c
        service one
        service two exclusive
        service six apart=two",
        expect![[r#"
            policy no-quorum=ignore placement=count no-fencing no-startup-fencing
            node a
            node b
            node c
            single one priority=1 sticky=400000 requires=nothing
            single six priority=1 sticky=400000 requires=nothing
            single two priority=1 sticky=400000 requires=nothing
            location two a=3000 b=3000 c=3000
            colocation six with two never no-influence
            colocation six with two -2500
            colocation one with two never no-influence
            colocation one with two -2500
            found one on a started
            found six on c started
            found two on b started
        "#]],
    );
}

#[test]
fn who_many_must_avoid_is_drawn_to_its_place_more() {
    check(
        "nodes a b c
        service one prefer=b
        service two apart=one
        service six apart=one",
        expect![[r#"
            policy no-quorum=ignore placement=count no-fencing no-startup-fencing
            node a
            node b
            node c
            single one priority=1 sticky=400000 requires=nothing
            single six priority=1 sticky=400000 requires=nothing
            single two priority=1 sticky=400000 requires=nothing
            location one a=2000 b=2100 c=2000
            colocation six with one never no-influence
            colocation six with one -2500
            colocation two with one never no-influence
            colocation two with one -2500
            found one on b started
            found six on a started
            found two on a started
        "#]],
    );
}

#[test]
fn copies_are_a_clone() {
    check(
        "nodes a b c
        service one
        service db copies=every-node
        service web copies=4 per-node=2 after=db,one
        service log after=web
        operator stop web:1
        operator stop web:2",
        expect![[r#"
            policy no-quorum=ignore placement=count no-fencing no-startup-fencing
            node a
            node b
            node c
            clone db (copies) max=3 interleave priority=1 sticky=400000 requires=nothing
            single db in db (copies) priority=1 sticky=400000 requires=nothing
            single log priority=1 sticky=400000 requires=nothing
            single one priority=1 sticky=400000 requires=nothing
            clone web (copies) max=2 per-node=2 interleave priority=1 sticky=400000 requires=nothing
            single web in web (copies) priority=1 sticky=400000 requires=nothing
            colocation web (copies) with db (copies) always
            found db on b #0 started
            found db on c #1 started
            found db on a #2 started
            found log on c started
            found one on a started
            found web on b #0 started
            found web on b #3 started
        "#]],
    );
}

#[test]
fn a_copy_that_is_to_stop_counts_no_more() {
    check(
        "nodes a b c
        service web copies=3
        slow web:1
        operator stop web:1",
        expect![[r#"
            policy no-quorum=ignore placement=count no-fencing no-startup-fencing
            node a
            node b
            node c
            clone web (copies) max=2 interleave priority=1 sticky=400000 requires=nothing
            single web in web (copies) priority=1 sticky=400000 requires=nothing
            found web on a #0 started
            found web on c #2 started
        "#]],
    );
}

#[test]
fn what_is_left_alone_or_stuck_is_not_managed() {
    check(
        "nodes a b c
        service one prefer=a
        service two prefer=b
        service six prefer=c
        slow two
        runs two
        operator freeze one
        operator maintenance on c
        operator move two to a
        operator maintenance on
        stop-fails two",
        expect![[r#"
            policy no-quorum=ignore placement=count no-fencing no-startup-fencing
            node a
            node b
            node c maintenance
            single one priority=1 sticky=400000 unmanaged requires=nothing
            single six priority=1 sticky=400000 unmanaged requires=nothing
            single two priority=1 unmanaged requires=nothing
            location one a=100 c=never
            location six c=100
            location two a=always b=100 c=never
            found one on a started
            found six on c started
            found two on b started
        "#]],
    );
}

#[test]
fn what_is_stopped_is_told_so() {
    check(
        "nodes a b
        service one
        service two manual
        service six ticket=site
        operator stop one",
        expect![[r#"
            policy no-quorum=ignore placement=count no-fencing no-startup-fencing
            node a
            node b
            single one priority=1 sticky=400000 target=stopped requires=nothing
            single six priority=1 sticky=400000 target=stopped requires=nothing
            single two priority=1 sticky=400000 target=stopped requires=nothing
        "#]],
    );
}

#[test]
fn what_was_found_counts_where_it_may_go_on() {
    check(
        "nodes a b
        service one manual
        service two manual never=a
        slow one
        slow two
        up a one two",
        expect![[r#"
            policy no-quorum=ignore placement=count no-fencing no-startup-fencing
            node a
            node b
            single one priority=1 sticky=400000 target=stopped requires=nothing
            single two priority=1 sticky=400000 target=stopped requires=nothing
            location two a=never
            found one on a started
        "#]],
    );
}

#[test]
fn a_node_that_is_barred_is_never() {
    check(
        "nodes a b
        service one prefer=a restart=0 expires=1h
        service two prefer=a restart=0
        fails one
        fails two
        wait 1h",
        expect![[r#"
            policy no-quorum=ignore placement=count no-fencing no-startup-fencing
            node a
            node b
            single one priority=1 sticky=400000 requires=nothing
            single two priority=1 sticky=400000 requires=nothing
            location one a=100
            location two a=never
            found one on b started
            found two on b started
        "#]],
    );
}

#[test]
fn priorities_are_ranks() {
    check(
        "nodes a b
        service one priority=-70
        service two priority=5
        service six priority=900
        service ten priority=5",
        expect![[r#"
            policy no-quorum=ignore placement=count no-fencing no-startup-fencing
            node a
            node b
            single one priority=1 sticky=400000 requires=nothing
            single six priority=5 sticky=400000 requires=nothing
            single ten priority=3 sticky=400000 requires=nothing
            single two priority=3 sticky=400000 requires=nothing
            found one on a started
            found six on a started
            found ten on b started
            found two on b started
        "#]],
    );
}

#[test]
fn what_services_use_is_told() {
    check(
        "nodes a
        placement most-room
        capacity a cpu=8
        service one uses=cpu:3 uses=memory:5",
        expect![[r#"
            policy no-quorum=ignore placement=balanced no-fencing no-startup-fencing
            node a capacity=cpu:8
            single one priority=1 sticky=400000 requires=nothing uses=cpu:3,memory:5
        "#]],
    );
}

#[test]
fn few_nodes_are_asked_for() {
    check(
        "nodes a
        placement fewest-nodes",
        expect![[r#"
            policy no-quorum=ignore placement=few no-fencing no-startup-fencing
            node a
        "#]],
    );
}

#[test]
fn what_stops_is_not_there_any_more() {
    check(
        "nodes a b
        service one prefer=a
        slow one
        operator stop one",
        expect![[r#"
            policy no-quorum=ignore placement=count no-fencing no-startup-fencing
            node a
            node b
            single one priority=1 sticky=400000 target=stopped requires=nothing
            location one a=100
        "#]],
    );
}

#[test]
fn what_is_lost_is_nowhere() {
    check(
        "nodes a b
        service one prefer=a
        lost a",
        expect![[r#"
            policy no-quorum=ignore placement=count no-fencing no-startup-fencing
            node a offline
            node b
            single one priority=1 sticky=400000 requires=nothing
            location one a=100
        "#]],
    );
}
