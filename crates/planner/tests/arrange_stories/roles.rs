//! Roles: who leads, and what depends on that.

use expect_test::expect;

use super::story;

#[test]
fn the_one_that_wants_it_most_leads() {
    story(
        "nodes a b
         clone k promoted=1
         single m in k
         promotes m on a 5
         promotes m on b 10",
        &expect![[r#"
            1. start m on b (wanted)
            2. promote m on b (role) after 1
            3. start m#1 on a (wanted)
            then: m on b leads, m#1 on a follows
        "#]],
    );
}

#[test]
fn who_never_said_so_does_not_lead() {
    story(
        "nodes a
         clone k promoted=1
         single m in k",
        &expect![[r#"
            1. start m on a (wanted)
            then: m on a follows
        "#]],
    );
}

#[test]
fn who_says_never_does_not_lead() {
    story(
        "nodes a
         clone k promoted=1
         single m in k
         promotes m on a never",
        &expect![[r#"
            1. start m on a (wanted)
            then: m on a follows
        "#]],
    );
}

#[test]
fn of_equals_the_one_that_leads_leads_on() {
    story(
        "nodes a b
         clone k promoted=1
         single m in k
         found m on a #0 unpromoted
         found m on b #1 promoted
         promotes m on a 5
         promotes m on b 5",
        &expect![[r#"
            then: m on a follows, m#1 on b leads
        "#]],
    );
}

#[test]
fn the_role_changes_hands_one_after_the_other() {
    story(
        "nodes a b
         clone k promoted=1
         single m in k
         found m on a #0 unpromoted
         found m on b #1 promoted
         promotes m on a 10
         promotes m on b 5",
        &expect![[r#"
            1. promote m on a (role) after 2
            2. demote m#1 on b (role)
            then: m on a leads, m#1 on b follows
        "#]],
    );
}

#[test]
fn several_may_lead_and_one_on_a_node() {
    story(
        "nodes a b
         clone k max=4 per-node=2 unique promoted=3
         single m in k
         promotes m on a 5
         promotes m on b 4",
        &expect![[r#"
            1. start m on a (wanted)
            2. promote m on a (role) after 1
            3. start m#1 on a (wanted)
            4. start m#2 on b (wanted)
            5. promote m#2 on b (role) after 4
            6. start m#3 on b (wanted)
            then: m on a leads, m#1 on a follows, m#2 on b leads, m#3 on b follows
        "#]],
    );
}

#[test]
fn several_may_lead_on_one_node() {
    story(
        "nodes a
         clone k max=2 per-node=2 unique promoted=2 promoted-per-node=2
         single m in k
         promotes m on a 5",
        &expect![[r#"
            1. start m on a (wanted)
            2. promote m on a (role) after 1
            3. start m#1 on a (wanted)
            4. promote m#1 on a (role) after 3
            then: m on a leads, m#1 on a leads
        "#]],
    );
}

#[test]
fn a_wish_of_one_number_is_its_own() {
    story(
        "nodes a b
         clone k max=2 unique promoted=1
         single m in k
         found m on a #0 unpromoted
         found m on b #1 unpromoted
         promotes m on b 5 #1
         promotes m on b 50 #0
         promotes m on a 1 #0",
        &expect![[r#"
            1. promote m#1 on b (role)
            then: m on a follows, m#1 on b leads
        "#]],
    );
}

#[test]
fn a_location_for_the_role_decides() {
    story(
        "nodes a b
         clone k promoted=1
         single m in k
         promotes m on a 5
         promotes m on b 5
         location k b=10 role=promoted",
        &expect![[r#"
            1. start m on a (wanted)
            2. start m#1 on b (wanted)
            3. promote m#1 on b (role) after 2
            then: m on a follows, m#1 on b leads
        "#]],
    );
}

#[test]
fn a_location_against_the_role_forbids_it() {
    story(
        "nodes a
         clone k promoted=1
         single m in k
         promotes m on a 5
         location k a=never role=promoted",
        &expect![[r#"
            1. start m on a (wanted)
            then: m on a follows
        "#]],
    );
}

#[test]
fn what_follows_the_leader_draws_it() {
    story(
        "nodes a b
         clone k promoted=1
         single m in k
         single r
         colocation r with k always with-role=promoted
         location r b=50
         promotes m on a 6
         promotes m on b 5",
        &expect![[r#"
            1. start m on b (wanted)
            2. promote m on b (role) after 1
            3. start m#1 on a (wanted)
            4. start r on b (wanted)
            then: m on b leads, m#1 on a follows, r on b
        "#]],
    );
}

#[test]
fn what_keeps_away_from_the_leader_goes_elsewhere() {
    story(
        "nodes a b
         clone k promoted=1
         single m in k
         single r
         colocation r with k never with-role=promoted
         location r a=5
         promotes m on a 5",
        &expect![[r#"
            1. start m on a (wanted)
            2. promote m on a (role) after 1
            3. start m#1 on b (wanted)
            4. start r on b (wanted)
            then: m on a leads, m#1 on b follows, r on b
        "#]],
    );
}

#[test]
fn the_leader_is_where_what_it_follows_is() {
    story(
        "nodes a b
         single r
         clone k promoted=1
         single m in k
         colocation k with r always role=promoted
         location r b=5
         promotes m on a 50
         promotes m on b 5",
        &expect![[r#"
            1. start r on b (wanted)
            2. start m on a (wanted)
            3. start m#1 on b (wanted)
            4. promote m#1 on b (role) after 3
            then: m on a follows, m#1 on b leads, r on b
        "#]],
    );
}

#[test]
fn who_should_only_follow_there_does_not_lead_there() {
    story(
        "nodes a b
         single r
         clone k promoted=1
         single m in k
         colocation k with r 100 role=unpromoted
         location r a=5
         promotes m on a 50
         promotes m on b 5",
        &expect![[r#"
            1. start r on a (wanted)
            2. start m on a (wanted)
            3. start m#1 on b (wanted)
            then: m on a follows, m#1 on b follows, r on a
        "#]],
    );
}

#[test]
fn a_target_of_following_takes_the_role() {
    story(
        "nodes a
         clone k promoted=1 target=unpromoted
         single m in k target=unpromoted
         found m on a #0 promoted
         promotes m on a 5",
        &expect![[r#"
            1. demote m on a (role)
            then: m on a follows
        "#]],
    );
}

#[test]
fn a_lost_ticket_takes_the_role() {
    story(
        "nodes a
         ticket t lost
         clone k promoted=1
         single m in k
         needs-ticket k t role=promoted loss=demote
         found m on a #0 promoted
         promotes m on a 5",
        &expect![[r#"
            1. demote m on a (role)
            then: m on a follows
        "#]],
    );
}

#[test]
fn a_ticket_on_standby_takes_the_role() {
    story(
        "nodes a
         ticket t granted standby
         clone k promoted=1
         single m in k
         needs-ticket k t role=promoted loss=fence
         found m on a #0 promoted
         promotes m on a 5",
        &expect![[r#"
            1. demote m on a (role)
            then: m on a follows
        "#]],
    );
}

#[test]
fn a_ticket_for_the_role_that_is_lost_freezes_the_leader() {
    story(
        "nodes a b
         ticket t lost
         clone k promoted=1
         single m in k
         needs-ticket k t role=promoted loss=freeze
         found m on a #0 promoted
         found m on b #1 unpromoted
         promotes m on b 50",
        &expect![[r#"
            then: m on a leads, m#1 on b follows
            wait m: blocked
        "#]],
    );
}

#[test]
fn a_ticket_for_the_role_that_is_lost_stops() {
    story(
        "nodes a
         ticket t lost
         clone k promoted=1
         single m in k
         needs-ticket k t role=promoted
         found m on a #0 promoted
         promotes m on a 5",
        &expect![[r#"
            1. demote m on a (unwanted)
            2. stop m on a (unwanted) after 1
            then: nothing
            wait m: no ticket
        "#]],
    );
}

#[test]
fn the_loss_of_a_ticket_for_the_role_fences_leaders_only() {
    story(
        "nodes a b
         ticket t lost
         clone k promoted=1
         single m in k
         needs-ticket k t role=promoted loss=fence
         found m on a #0 promoted
         found m on b #1 unpromoted
         promotes m on a 5",
        &expect![[r#"
            fence a: k lost its ticket
            1. demote m on a (fenced) of itself
            2. stop m on a (fenced) of itself after 1
            then: m#1 on b follows
            wait m: no node may run it
        "#]],
    );
}

#[test]
fn a_leader_that_nobody_may_touch_remains_the_only_one() {
    story(
        "node a maintenance
         nodes b
         clone k promoted=1
         single m in k
         found m on a #0 promoted
         found m on b #1 unpromoted
         promotes m on b 50",
        &expect![[r#"
            then: m on a leads, m#1 on b follows
        "#]],
    );
}

#[test]
fn what_needs_the_promotion_starts_after_it() {
    story(
        "nodes a
         clone k promoted=1
         single m in k
         single r
         order k.promote then r
         promotes m on a 5",
        &expect![[r#"
            1. start m on a (wanted)
            2. promote m on a (role) after 1
            3. start r on a (wanted) after 2
            then: m on a leads, r on a
        "#]],
    );
}

#[test]
fn what_needs_the_promotion_stops_before_the_demotion() {
    story(
        "nodes a
         clone k promoted=1 target=unpromoted
         single m in k target=unpromoted
         single r
         order k.promote then r
         found m on a #0 promoted
         found r on a",
        &expect![[r#"
            1. demote m on a (role) after 2
            2. stop r on a (for m)
            then: m on a follows
            meant: m on a follows, r on a
            wait r: needs m
        "#]],
    );
}

#[test]
fn an_order_between_clones_promotes_only_who_was_given_the_role() {
    story(
        "nodes a b
         clone j
         single l in j
         clone k interleave promoted=1
         single m in k
         order j then k.promote
         promotes m on a 5",
        &expect![[r#"
            1. start l on a (wanted)
            2. start l#1 on b (wanted)
            3. start m on a (wanted)
            4. promote m on a (role) after 1 3
            5. start m#1 on b (wanted)
            then: l on a, l#1 on b, m on a leads, m#1 on b follows
        "#]],
    );
}

#[test]
fn a_leader_restarts_as_a_leader() {
    story(
        "nodes a
         clone k promoted=1
         single m in k
         found m on a #0 promoted failed=watch/restart
         promotes m on a 5",
        &expect![[r#"
            1. demote m on a (failed)
            2. stop m on a (failed) after 1
            3. start m on a (failed) after 2
            4. promote m on a (failed) after 1 3
            then: m on a leads
        "#]],
    );
}

#[test]
fn a_cloned_group_leads_as_a_whole() {
    story(
        "nodes a
         clone k promoted=1
         group g in k
         single m in g
         single n in g
         promotes m on a 5
         promotes n on a 6",
        &expect![[r#"
            1. start m on a (wanted)
            2. promote m on a (role) after 1
            3. start n on a (wanted) after 1
            4. promote n on a (role) after 2 3
            then: m on a leads, n on a leads
        "#]],
    );
}

#[test]
fn a_leader_that_is_blocked_makes_no_leader_of_what_is_beside_it() {
    story(
        "nodes a
         clone k promoted=1 target=unpromoted
         group g in k target=unpromoted
         single m in g target=unpromoted
         single n in g target=unpromoted
         found m on a #0 promoted failed=watch/block
         found n on a #0 promoted",
        &expect![[r#"
            1. demote n on a (role)
            2. stop n on a (for m) after 1
            then: m on a leads
            meant: m on a leads, n on a follows
            wait m: blocked
            wait n: needs m
        "#]],
    );
}

#[test]
fn what_leads_beside_a_leader_that_is_blocked_leads_on() {
    story(
        "nodes a
         clone k promoted=1
         group g in k
         single m in g
         single n in g
         found m on a #0 promoted failed=watch/block
         found n on a #0 promoted",
        &expect![[r#"
            1. demote n on a (for m)
            2. stop n on a (for m) after 1
            then: m on a leads
            meant: m on a leads, n on a leads
            wait m: blocked
            wait n: needs m
        "#]],
    );
}

#[test]
fn a_follower_beside_a_leader_that_is_blocked_follows_on() {
    story(
        "nodes a
         clone k promoted=1
         group g in k
         single m in g
         single n in g
         found m on a #0 promoted failed=watch/block
         found n on a #0 unpromoted
         promotes n on a 5",
        &expect![[r#"
            1. stop n on a (for m)
            then: m on a leads
            meant: m on a leads, n on a follows
            wait m: blocked
            wait n: needs m
        "#]],
    );
}
