//! Definitions that several services share.

use std::collections::BTreeMap;
use std::time::Duration;

use config::{read, spec_changes, with_node};
use expect_test::expect;
use model::spec::ServiceSpec;

const FILE: &str = r#"
[cluster]
name = "shop"

[network.lan]

[node.alpha]
lan = "10.0.0.11/24"

# What tells the monitoring how a machine is.
[resource.exporter]
process = ["/usr/sbin/exporter"]
stop_limit = "5s"
every = "2s"

[[service.db.resource]]
use = "exporter"

[[service.web.resource]]
use = "exporter"
name = "metrics"
stop_limit = "30s"
"#;

fn service(file: &str, name: &str) -> ServiceSpec {
    let loaded = match read("cluster.toml", file) {
        Ok(loaded) => loaded,
        Err(problems) => panic!("{problems}"),
    };
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    loaded.spec.services[&name.parse().unwrap()].clone()
}

#[test]
fn a_used_definition_is_a_resource_like_any_other() {
    let written_out = FILE
        .replace("\nuse = \"exporter\"\nname", "\nprocess = [\"/usr/sbin/exporter\"]\nevery = \"2s\"\nname")
        .replace(
            "\nuse = \"exporter\"",
            "\nname = \"exporter\"\nprocess = [\"/usr/sbin/exporter\"]\nstop_limit = \"5s\"\nevery = \"2s\"",
        )
        .replace("[resource.exporter]", "[[service.other.resource]]");
    for name in ["db", "web"] {
        assert_eq!(service(FILE, name), service(&written_out, name));
    }
}

#[test]
fn name_and_limits_may_differ_and_the_rest_is_as_defined() {
    let [db, web] = ["db", "web"].map(|name| service(FILE, name).resources[0].clone());
    assert_eq!(
        (db.name.as_str(), web.name.as_str()),
        ("exporter", "metrics")
    );
    assert_eq!(db.kind, web.kind);
    let seconds = |limit: Duration| limit.as_secs();
    assert_eq!((seconds(db.limits.stop), seconds(web.limits.stop)), (5, 30));
    assert_eq!(
        (seconds(db.limits.every), seconds(web.limits.every)),
        (2, 2)
    );
}

#[test]
fn a_changed_definition_is_a_change_of_each_service_that_uses_it() {
    let changed = FILE
        .replace("sbin/exporter", "bin/exporter")
        .replace("\"5s\"", "\"6s\"");
    let [old, new] = [FILE, &changed].map(|file| read("cluster.toml", file).unwrap().spec);
    let lines: Vec<String> = spec_changes(&old, &new)
        .iter()
        .map(ToString::to_string)
        .collect();
    expect![[r#"
        service db: exporter process changes from /usr/sbin/exporter to /usr/bin/exporter
        service db: exporter stop_limit changes from 5s to 6s
        service web: metrics process changes from /usr/sbin/exporter to /usr/bin/exporter"#]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn a_node_joins_a_file_with_definitions_and_leaves_them_as_they_are() {
    let attachments = BTreeMap::from([(
        "lan".parse().unwrap(),
        model::spec::Attachment {
            address: "10.0.0.12/24".parse().unwrap(),
            cards: Vec::new(),
        },
    )]);
    let file = with_node(FILE, &"beta".parse().unwrap(), &attachments).unwrap();
    let (before, after) = FILE.split_once("# What tells").unwrap();
    let expected = format!("{before}[node.beta]\nlan = \"10.0.0.12/24\"\n\n# What tells{after}");
    assert_eq!(file, expected);
    assert!(read("cluster.toml", &file).is_ok());
}

#[test]
fn answers_to_failures_are_as_the_definition_says_but_for_what_is_said_where_it_is_used() {
    let file = FILE
        .replace(
            "stop_limit = \"5s\"",
            "on_failure = { start = \"move\", run = \"ignore\" }\nrestart = { times = 2 }",
        )
        .replace(
            "name = \"metrics\"",
            "name = \"metrics\"\non_failure = { start = \"stop\", stop = \"block\" }\nrestart = { within = \"1m\" }",
        )
        .replace(
            "[[service.db.resource]]",
            "[service.db]\nrestart = { times = 9, within = \"5m\" }\n[[service.db.resource]]",
        );
    let told = |name: &str, resource: &str| {
        let service = service(&file, name);
        let resource = resource.parse().unwrap();
        let answers = service.answers_of(&resource);
        let restart = service.restarts_of(&resource);
        format!(
            "start {}, run {}, stop {}, {} restarts within {:?}",
            answers.start.word(),
            answers.run.word(),
            answers.stop.word(),
            restart.times,
            restart.within
        )
    };
    expect!["start move, run ignore, stop fence, 2 restarts within 300s"]
        .assert_eq(&told("db", "exporter"));
    expect!["start stop, run ignore, stop block, 2 restarts within 60s"]
        .assert_eq(&told("web", "metrics"));
    expect!["start restart, run restart, stop fence, 9 restarts within 300s"]
        .assert_eq(&told("db", "other"));
}
