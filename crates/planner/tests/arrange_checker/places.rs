//! Where things may be.

use super::*;

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
fn what_must_be_apart_from_a_leader_is_so_at_every_moment() {
    let world = "nodes a b
                 clone k promoted=1
                 single db in k
                 single web
                 colocation web with k never with-role=promoted
                 location web b=100
                 found db on a unpromoted
                 found web on a\n";
    let after = "is db on a promoted\nis web on b";
    let stop = "stop web on a\nstart web on b after 0";
    wrong(
        &format!("{world}{stop}\npromote db on a\n{after}"),
        expect![[r#"
            apart: db on a comes to where web on a may still be (colocation web with k never with-role=promoted)
        "#]],
    );
    right(&format!("{world}{stop}\npromote db on a after 0\n{after}"));
    let world = world
        .replace("db on a unpromoted", "db on a promoted")
        .replace("web on a", "web on b");
    let after = "is db on a\nis web on a";
    let demote = "demote db on a\nstop web on b";
    wrong(
        &format!("{world}{demote}\nstart web on a after 1\n{after}"),
        expect![[r#"
            apart: web on a comes to where db on a may still be (colocation web with k never with-role=promoted)
        "#]],
    );
    right(&format!(
        "{world}{demote}\nstart web on a after 0 1\n{after}"
    ));
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
