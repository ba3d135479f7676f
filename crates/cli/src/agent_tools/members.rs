//! `crm_node` and `crm_mon`: who is there, and what runs where.

use api::{NodeStatus, ServiceState, ServiceStatus, Status};

use super::options::{Known, Takes, read};
use super::{Door, Problem, code};

const CRM_NODE: &[Known] = &[
    (&['n'], &["name"], Takes::Nothing),
    (&['i'], &["cluster-id"], Takes::Nothing),
    (&['p'], &["partition"], Takes::Nothing),
    (&['q'], &["quorum"], Takes::Nothing),
    (&['l'], &["list"], Takes::Nothing),
    (&['V'], &["verbose"], Takes::Nothing),
];

/// Whether it takes part now.
fn is_online(node: &NodeStatus) -> bool {
    node.state == "online"
}

pub(super) fn node(words: &[String], door: &Door<'_>) -> Result<String, Problem> {
    let given = read(words, CRM_NODE)?;
    if given.has("name") {
        return match door.caller.node.as_str() {
            "" => Err(Problem::usage(
                "only agents that Mainstay calls have a node",
            )),
            node => Ok(format!("{node}\n")),
        };
    }
    let status = door.status()?;
    if given.has("quorum") {
        return Ok(format!("{}\n", u8::from(status.quorate)));
    }
    if given.has("list") {
        let numbered = status.nodes.iter().zip(1..);
        let lines = numbered.map(|(node, number)| {
            let state = if is_online(node) { "member" } else { "lost" };
            format!("{number} {} {state}\n", node.name)
        });
        return Ok(lines.collect());
    }
    if given.has("partition") {
        let online = status.nodes.iter().filter(|node| is_online(node));
        let names: Vec<&str> = online.map(|node| node.name.as_str()).collect();
        return Ok(format!("{}\n", names.join(" ")));
    }
    Err(Problem {
        code: code::UNIMPLEMENTED,
        message: "Mainstay answers to -n, -p, -q and -l only".to_owned(),
    })
}

/// Every agent that asks wants XML; whoever wants something to read has `mainstay status`.
pub(super) fn monitor(words: &[String], door: &Door<'_>) -> Result<String, Problem> {
    let is_xml = words.iter().any(|word| {
        let joined = word.starts_with('-') && !word.starts_with("--") && word.contains('X');
        word == "--as-xml" || word == "--output-as=xml" || joined
    });
    let status = door.status()?;
    if is_xml {
        return Ok(xml(&status));
    }
    let online = status.nodes.iter().filter(|node| is_online(node));
    let names: Vec<&str> = online.map(|node| node.name.as_str()).collect();
    Ok(format!("Online: [ {} ]\n", names.join(" ")))
}

fn xml(status: &Status) -> String {
    let mut text = String::from("<?xml version=\"1.0\"?>\n<crm_mon version=\"2.1.5\">\n");
    let quorum = status.quorate;
    text.push_str(&format!(
        "  <summary>\n    <current_dc present=\"true\" with_quorum=\"{quorum}\"/>\n  </summary>\n"
    ));
    text.push_str("  <nodes>\n");
    for (node, number) in status.nodes.iter().zip(1..) {
        let NodeStatus {
            name,
            standby,
            maintenance,
            ..
        } = node;
        let (online, unclean) = (is_online(node), node.state == "lost");
        let name = escaped(name);
        text.push_str(&format!(
            "    <node name=\"{name}\" id=\"{number}\" online=\"{online}\" standby=\"{standby}\" \
             maintenance=\"{maintenance}\" unclean=\"{unclean}\" type=\"member\"/>\n"
        ));
    }
    text.push_str("  </nodes>\n  <resources>\n");
    for service in &status.services {
        text.push_str(&resources(service));
    }
    text.push_str("  </resources>\n</crm_mon>\n");
    text
}

/// The resources of a service, by the names that their agents are called with.
fn resources(service: &ServiceStatus) -> String {
    let is_up = service.state == ServiceState::Running;
    let failed = matches!(
        service.state,
        ServiceState::Failed | ServiceState::StopFailed
    );
    let role = if is_up { "Started" } else { "Stopped" };
    let base = service.copy_of.as_deref().unwrap_or(&service.name);
    let node = service.node.as_deref().map_or(String::new(), |node| {
        format!("<node name=\"{}\"/>", escaped(node))
    });
    let lines = service.resources.iter().map(|resource| {
        let id = escaped(&format!("{}@{base}", resource.id));
        format!(
            "    <resource id=\"{id}\" role=\"{role}\" active=\"{is_up}\" orphaned=\"false\" \
             failed=\"{failed}\">{node}</resource>\n"
        )
    });
    lines.collect()
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('"', "&quot;")
}
