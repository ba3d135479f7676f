//! What two versions of a file differ in, as `plan` and `apply` show it.

use config::{EXAMPLE, read, spec_changes, text_diff};
use expect_test::{Expect, expect};

/// Replaces texts in the example and compares with the example itself.
fn check(replacements: &[(&str, &str)], expected: Expect) {
    let mut changed = EXAMPLE.to_string();
    for (from, to) in replacements {
        assert!(changed.contains(from), "the example has no `{from}`");
        changed = changed.replace(from, to);
    }
    let old = read("old.toml", EXAMPLE).unwrap().spec;
    let new = match read("new.toml", &changed) {
        Ok(loaded) => loaded.spec,
        Err(problems) => panic!("{problems}"),
    };
    let lines: Vec<String> = spec_changes(&old, &new)
        .iter()
        .map(ToString::to_string)
        .collect();
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn comments_and_blanks_change_nothing() {
    check(
        &[("[network.san]\n", "# for volumes\n[network.san]\n\n\n")],
        expect![""],
    );
}

#[test]
fn values_are_told_old_and_new() {
    check(
        &[
            ("10.0.0.100/24", "10.0.0.101/24"),
            ("times = 3", "times = 5"),
            (r#"prefer = ["alpha", "beta"]"#, r#"prefer = ["beta"]"#),
            (r#"name = "shop""#, "name = \"shop\"\nprofile = \"fast\""),
            (r#"user = "mysql""#, r#"user = "maria""#),
        ],
        expect![[r#"
            cluster: heartbeat changes from 100ms to 20ms
            cluster: lost_after changes from 800ms to 160ms
            cluster: suspect_after changes from 500ms to 100ms
            service db: process-1 user changes from mysql to maria
            service web: address-2 address changes from 10.0.0.100/24 to 10.0.0.101/24
            service web: prefer changes from alpha, beta to beta
            service web: restart times changes from 3 to 5"#]],
    );
}

#[test]
fn services_and_nodes_come_and_go() {
    check(
        &[
            ("[node.gamma]", "[node.delta]"),
            ("service.db", "service.store"),
        ],
        expect![[r#"
            node delta: is new
            node gamma: is removed
            service db: is removed
            service store: is new
            service web: after changes from db to store"#]],
    );
}

#[test]
fn a_resource_that_becomes_another_kind_says_only_that() {
    check(
        &[
            (
                "[[service.web.resource]]\nmount = \"/srv/web\"\ndevice = \"/dev/disk/by-label/web\"\nfilesystem = \"ext4\"\n\n",
                "",
            ),
            (
                "process = [\"/usr/sbin/mariadbd\"]\nuser = \"mysql\"\nready = { port = \"127.0.0.1:3306\" }",
                "name = \"process-1\"\nmount = \"/srv/db\"\nbind = \"/data/db\"",
            ),
        ],
        expect![[r#"
            service db: process-1 changes from process to mount
            service web: resource address-1 is new
            service web: resource address-2 is removed
            service web: resource mount-1 is removed
            service web: resource process-2 is new
            service web: resource process-3 is removed"#]],
    );
}

#[test]
fn resources_in_another_order_are_noticed() {
    check(
        &[
            (
                "mount = \"/srv/web\"\n",
                "mount = \"/srv/web\"\nname = \"b\"\n",
            ),
            ("network = \"lan\"\n", "network = \"lan\"\nname = \"a\"\n"),
        ],
        expect![[r#"
            service web: resource a is new
            service web: resource address-2 is removed
            service web: resource b is new
            service web: resource mount-1 is removed"#]],
    );
    let old = read(
        "old",
        &EXAMPLE.replace("\nprocess =", "\nname = \"p\"\nprocess ="),
    )
    .unwrap();
    let mut new = old.clone();
    new.spec
        .services
        .get_mut(&"web".parse().unwrap())
        .unwrap()
        .resources
        .reverse();
    let lines = spec_changes(&old.spec, &new.spec);
    assert_eq!(lines.len(), 1);
    assert_eq!(
        lines[0].to_string(),
        "service web: order of resources changes from mount-1, address-2, p to p, address-2, mount-1"
    );
}

#[test]
fn a_password_is_never_shown() {
    check(
        &[(
            "password_file = \"/etc/mainstay/secrets/alpha\"",
            "password = \"hunter2\"",
        )],
        expect![[r#"
            fence device power-alpha: option password changes (not shown)
            fence device power-alpha: option password_file changes from /etc/mainstay/secrets/alpha to nothing"#]],
    );
}

#[test]
fn the_difference_of_texts_shows_the_lines_around() {
    let old = "[cluster]\nname = \"shop\"\nport = 7411\n";
    let new = "[cluster]\nname = \"store\"\nport = 7411\n";
    assert_eq!(text_diff(old, old), "");
    expect![[r#"
        --- old
        +++ new
        @@ -1,3 +1,3 @@
         [cluster]
        -name = "shop"
        +name = "store"
         port = 7411
    "#]]
    .assert_eq(&text_diff(old, new));
}

#[test]
fn what_a_resource_says_of_its_failures_is_told_beside_what_its_service_says() {
    check(
        &[(
            "process = [\"/usr/sbin/mariadbd\"]\n",
            "process = [\"/usr/sbin/mariadbd\"]\non_failure = { run = \"move\", stop = \"block\" }\nrestart = { times = 7 }\n",
        )],
        expect![[r#"
            service db: process-1 on_failure run changes from as its service to move
            service db: process-1 on_failure stop changes from as its service to block
            service db: process-1 restart times changes from as its service to 7
            service db: process-1 restart within changes from as its service to 1h"#]],
    );
}
