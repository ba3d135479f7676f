//! How what few services need is written in the spec: what programs of the first level know
//! is written as it always was, and the rest is kept from them by the level of the spec.

use config::{EXAMPLE, read, spec_changes};
use expect_test::{Expect, expect};
use model::rules::{ServiceRules, TicketLoss};
use model::{ServiceName, Spec, TicketName};

/// The example with these lines in its service `web`.
fn with(lines: &str) -> Spec {
    let from = "[service.web]\n";
    assert!(EXAMPLE.contains(from));
    let text = EXAMPLE.replace(from, &format!("{from}{lines}\n"));
    match read("new.toml", &text) {
        Ok(loaded) => loaded.spec,
        Err(problems) => panic!("{problems}"),
    }
}

/// What is written under a key of the rules of `web`, from which level on, and what `plan`
/// says of the change.
fn check(lines: &str, key: &str, expected: Expect) {
    let (old, new) = (with(""), with(lines));
    let text = serde_json::to_string(&new).unwrap();
    assert_eq!(new, serde_json::from_str(&text).unwrap());
    let web = &new.services[&ServiceName::new("web").unwrap()];
    let rules = serde_json::to_value(&web.rules).unwrap();
    let mut told = format!("level {}\n{key}: {}\n", new.level(), rules[key]);
    for change in spec_changes(&old, &new) {
        told += &format!("{change}\n");
    }
    expected.assert_eq(&told);
}

#[test]
fn one_ticket_is_written_as_it_always_was_and_several_in_a_list() {
    check(
        "",
        "ticket",
        expect![[r#"
        level 1
        ticket: null
    "#]],
    );
    check(
        r#"needs_ticket = "site"
           on_ticket_loss = "freeze""#,
        "ticket",
        expect![[r#"
            level 1
            ticket: {"on_loss":"freeze","ticket":"site"}
            service web: needs_ticket changes from nothing to site
            service web: on_ticket_loss changes from nothing to freeze
        "#]],
    );
    check(
        r#"needs_ticket = ["site"]"#,
        "ticket",
        expect![[r#"
        level 1
        ticket: {"on_loss":"stop","ticket":"site"}
        service web: needs_ticket changes from nothing to site
        service web: on_ticket_loss changes from nothing to stop
    "#]],
    );
    check(
        r#"needs_ticket = ["site", "branch"]
           on_ticket_loss = "fence""#,
        "ticket",
        expect![[r#"
            level 2
            ticket: [{"on_loss":"fence","ticket":"branch"},{"on_loss":"fence","ticket":"site"}]
            service web: needs_ticket changes from nothing to branch, site
            service web: on_ticket_loss changes from nothing to fence
        "#]],
    );
    check(
        r#"needs_ticket = ["site", "branch"]
           on_ticket_loss = { site = "freeze" }"#,
        "ticket",
        expect![[r#"
            level 2
            ticket: [{"on_loss":"stop","ticket":"branch"},{"on_loss":"freeze","ticket":"site"}]
            service web: needs_ticket changes from nothing to branch, site
            service web: on_ticket_loss changes from nothing to branch = stop, site = freeze
        "#]],
    );
}

#[test]
fn one_condition_is_written_as_it_always_was_and_others_in_their_own_way() {
    check(
        r#"where = [{ attribute = "rack", is = "a", points = 50 }]"#,
        "where_rules",
        expect![[r#"
            level 1
            where_rules: [{"attribute":"rack","points":50,"test":{"is":"a"}}]
            service web: where changes from nothing to rack is a (50 points)
        "#]],
    );
    check(
        r#"where = [{ all = [{ attribute = "rack", is = "a" }] }]"#,
        "where_rules",
        expect![[r#"
            level 1
            where_rules: [{"attribute":"rack","points":null,"test":{"is":"a"}}]
            service web: where changes from nothing to rack is a
        "#]],
    );
    check(
        r#"where = [{ all = [{ attribute = "rack", is = "a" }, { attribute = "disks", at_least = 4 }], points = 5 }]"#,
        "where_rules",
        expect![[r#"
            level 2
            where_rules: [{"all":[{"attribute":"rack","test":{"is":"a"}},{"attribute":"disks","test":{"at-least":4}}],"points":5}]
            service web: where changes from nothing to rack is a and disks is at least 4 (5 points)
        "#]],
    );
    check(
        r#"where = [
             { any = [{ attribute = "rack", is_not = "a" }, { attribute = "disks", exists = true }] },
             { nodes = ["alpha", "beta"], points = -20 },
           ]"#,
        "where_rules",
        expect![[r#"
            level 2
            where_rules: [{"any":[{"attribute":"rack","test":{"is-not":"a"}},{"attribute":"disks","test":{"exists":true}}],"points":null},{"nodes":["alpha","beta"],"points":-20}]
            service web: where changes from nothing to rack is not a or disks is set, node is alpha or beta (-20 points)
        "#]],
    );
}

/// What a program of the first level has written is read.
#[test]
fn rules_of_the_first_level_are_read() {
    let rules: ServiceRules = serde_json::from_str(
        r#"{
            "where_rules": [{"attribute": "disks", "test": {"at-least": 4}, "points": null}],
            "ticket": {"ticket": "site", "on_loss": "freeze"}
        }"#,
    )
    .unwrap();
    let told: Vec<String> = rules.where_rules.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["disks is at least 4"]);
    let site = rules.tickets[&TicketName::new("site").unwrap()];
    assert_eq!(site, TicketLoss::Freeze);
}

/// The level of the example with a service `farm` that says this of its copies and one after it,
/// what is written of both, and what `plan` says of the change from nothing.
fn check_copies(farm: &str, front: &str, expected: Expect) {
    let with = |farm: &str, front: &str| {
        let program = "process = [\"/bin/true\"]";
        let text = format!(
            "{EXAMPLE}\n[service.farm]\ncopies = 2\n{farm}\n[[service.farm.resource]]\n{program}\n\
             [service.front]\n{front}\n[[service.front.resource]]\n{program}\n"
        );
        match read("new.toml", &text) {
            Ok(loaded) => loaded.spec,
            Err(problems) => panic!("{problems}"),
        }
    };
    let (old, new) = (with("", "after = [\"farm\"]"), with(farm, front));
    let text = serde_json::to_string(&new).unwrap();
    assert_eq!(new, serde_json::from_str(&text).unwrap());
    let rules = |name: &str| &new.services[&ServiceName::new(name).unwrap()].rules;
    let copies = serde_json::to_value(rules("farm").copies).unwrap();
    let all = serde_json::to_value(rules("front")).unwrap();
    let all = &all["after_all_copies"];
    let mut told = format!(
        "level {}\ncopies: {copies}\nafter_all_copies: {all}\n",
        new.level()
    );
    for change in spec_changes(&old, &new) {
        told += &format!("{change}\n");
    }
    expected.assert_eq(&told);
}

#[test]
fn what_first_programs_do_not_know_of_copies_is_of_the_second_level() {
    let plain = "after = [\"farm\"]";
    check_copies(
        "copies_start = \"together\"",
        plain,
        expect![[r#"
        level 1
        copies: {"count":{"number":2},"per_node":1}
        after_all_copies: null
    "#]],
    );
    check_copies(
        "copies_start = \"one-by-one\"",
        plain,
        expect![[r#"
        level 2
        copies: {"count":{"number":2},"per_node":1,"start":"one-by-one"}
        after_all_copies: null
        service farm: copies_start changes from nothing to one-by-one
    "#]],
    );
    let all = "after = [{ service = \"farm\", all_copies = true }]";
    check_copies(
        "",
        all,
        expect![[r#"
        level 2
        copies: {"count":{"number":2},"per_node":1}
        after_all_copies: ["farm"]
        service front: after, all copies changes from nothing to farm
    "#]],
    );
}
