//! What a machine finds out stands with its place among what the reader found.

use config::{Code, Colour, Keyed, Loaded, Remark, read};
use expect_test::{Expect, expect};

const FILE: &str = r#"[cluster]
name = "shop"

[network.lan]

[node.alpha]
lan = "10.0.0.11/24"

[resource.link]
agent = "ocf:heartbeat:symlink"
options = { lnik = "/a" }

[[service.web.resource]]
use = "link"

[[service.web.resource]]
agent = "ocf:heartbeat:nginx"
"#;

fn remark(code: Code, resource: &str, about: Keyed) -> Remark {
    Remark {
        service: "web".parse().unwrap(),
        resource: resource.parse().unwrap(),
        about,
        code,
        message: "what is wrong".into(),
        label: "here".into(),
        help: "mend it".into(),
    }
}

fn check(remarks: Vec<Remark>, seen: &Expect) -> Option<Loaded> {
    let loaded = read("cluster.toml", FILE).unwrap();
    match loaded.with_remarks(remarks) {
        Ok(loaded) => {
            seen.assert_eq(&loaded.warnings.render(Colour::Never));
            Some(loaded)
        }
        Err(problems) => {
            seen.assert_eq(&problems.render(Colour::Never));
            None
        }
    }
}

#[test]
fn a_missing_agent_leaves_the_file_usable() {
    let remarks = vec![remark(Code::AgentMissing, "agent-2", Keyed::Kind)];
    let loaded = check(
        remarks,
        &expect![[r#"
        warning[E0171]: what is wrong
          --> cluster.toml:17:9
           |
        17 | agent = "ocf:heartbeat:nginx"
           |         ^^^^^^^^^^^^^^^^^^^^^ here
           |
           = help: mend it

        1 warning in cluster.toml
    "#]],
    );
    assert!(loaded.is_some());
}

#[test]
fn a_wrong_parameter_stands_at_its_place_also_in_a_shared_definition() {
    let remarks = vec![
        remark(Code::ParameterMissing, "link", Keyed::Kind),
        remark(Code::UnknownParameter, "link", Keyed::Option("lnik".into())),
        remark(Code::BadParameter, "agent-2", Keyed::Option("none".into())),
    ];
    let loaded = check(
        remarks,
        &expect![[r#"
        error[E0173]: what is wrong
          --> cluster.toml:10:9
           |
        10 | agent = "ocf:heartbeat:symlink"
           |         ^^^^^^^^^^^^^^^^^^^^^^^ here
           |
           = help: mend it

        error[E0172]: what is wrong
          --> cluster.toml:11:20
           |
        11 | options = { lnik = "/a" }
           |                    ^^^^ here
           |
           = help: mend it

        error[E0174]: what is wrong
          --> cluster.toml:17:9
           |
        17 | agent = "ocf:heartbeat:nginx"
           |         ^^^^^^^^^^^^^^^^^^^^^ here
           |
           = help: mend it

        3 errors in cluster.toml
    "#]],
    );
    assert!(loaded.is_none());
}
