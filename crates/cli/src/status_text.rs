//! `status` as people read it: one sentence first, then what stands out.

use api::{
    CheckView, LinkState, LinkStatus, NodeStatus, ServiceState, ServiceStatus, Status, Timestamp,
};
use config::Colour;
use model::WallTime;

use crate::networks_text;
use crate::screen::{Tone, paint};
use crate::table::{Cell, cell, span, table, toned};

/// How a status is shown.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    pub(crate) now: WallTime,
    pub(crate) colour: Colour,
}

impl Look {
    pub(crate) fn ago(self, at: Timestamp) -> String {
        match at.0.0 {
            0 => String::new(),
            _ => span(self.now.saturating_duration_since(at.0).as_millis() as u64),
        }
    }

    fn heading(self, text: &str) -> String {
        format!("\n{}\n", paint(text, Tone::Strong, self.colour))
    }
}

/// The whole cluster.
pub(crate) fn whole(status: &Status, look: Look) -> String {
    let mut text = alarms(status, look);
    text.push_str(&format!(
        "{}\n",
        paint(&summary(status), Tone::Strong, look.colour)
    ));
    text.push_str(&whose_view(status, look));
    if !status.nodes.is_empty() {
        let rows: Vec<_> = status
            .nodes
            .iter()
            .map(|n| node_row(n, &status.nodes, look))
            .collect();
        let head = ["NODE", "STATE", "FOR", "LINKS", "WHY"];
        text.push('\n');
        text.push_str(&table(&head, &rows, 0, look.colour));
    }
    if !status.services.is_empty() {
        let rows: Vec<_> = status
            .services
            .iter()
            .map(|s| service_row(s, look))
            .collect();
        let head = ["SERVICE", "STATE", "NODE", "FOR", "RESOURCES", "WHY"];
        text.push('\n');
        text.push_str(&table(&head, &rows, 0, look.colour));
    }
    text.push_str(&fences(status, look));
    text.push_str(&warnings(&status.warnings, look));
    text
}

/// Before everything else: what may cost data.
fn alarms(status: &Status, look: Look) -> String {
    let line = |alarm: &String| {
        let text = format!("ALARM: {alarm}");
        format!("{}\n", paint(&text, Tone::Bad, look.colour))
    };
    status.alarms.iter().map(line).collect()
}

/// One sentence that tells whether one may sleep on.
pub(crate) fn summary(status: &Status) -> String {
    let online = status.nodes.iter().filter(|n| n.state == "online").count();
    let quorate = if status.quorate {
        "quorate"
    } else {
        "NO QUORUM"
    };
    let leader = match &status.leader {
        Some(leader) => format!("leader {leader}"),
        None => "no leader".to_string(),
    };
    let nodes = match status.nodes.len() {
        1 => "node",
        _ => "nodes",
    };
    format!(
        "cluster {}: {online} of {} {nodes} online, {quorate}, {leader}; {}",
        status.cluster,
        status.nodes.len(),
        services_sentence(&status.services)
    )
}

fn services_sentence(services: &[ServiceStatus]) -> String {
    let count = |state| services.iter().filter(|s| s.state == state).count();
    let (running, stopped) = (count(ServiceState::Running), count(ServiceState::Stopped));
    let wanted = services.len() - stopped;
    let run = match (running, wanted) {
        (_, 0) if stopped == 0 => return "no services yet".to_string(),
        (_, 0) => return format!("all services ({stopped}) are stopped on purpose"),
        (1, 1) => "its service runs".to_string(),
        (running, wanted) if running == wanted => format!("all {wanted} services run"),
        (running, wanted) => format!(
            "{running} of {wanted} services {}",
            if running == 1 { "runs" } else { "run" }
        ),
    };
    match stopped {
        0 => run,
        _ => format!("{run}, {stopped} stopped on purpose"),
    }
}

fn whose_view(status: &Status, look: Look) -> String {
    let text = format!(
        "seen by {}, {} ago; configuration version {}, view {}",
        status.seen_by,
        span(status.age_ms),
        status.spec_version,
        status.epoch
    );
    format!("{}\n", paint(&text, Tone::Quiet, look.colour))
}

fn node_tone(state: &str) -> Tone {
    match state {
        "online" => Tone::Good,
        "lost" => Tone::Bad,
        _other => Tone::Care,
    }
}

fn node_state(node: &NodeStatus) -> String {
    let mut text = node.state.clone();
    if node.standby {
        text.push_str(", standby");
    }
    if node.maintenance {
        text.push_str(", maintenance");
    }
    text
}

fn node_row(node: &NodeStatus, nodes: &[NodeStatus], look: Look) -> Vec<Cell> {
    let tone = if node.standby {
        Tone::Care
    } else {
        node_tone(&node.state)
    };
    let mut row = vec![
        cell(&node.name),
        toned(node_state(node), tone),
        cell(look.ago(node.since)),
        links_cell(node, nodes),
    ];
    let because = node.because.clone().or_else(|| why_down(node));
    row.extend(because.map(cell));
    row
}

/// A node that is down since its fence was confirmed.
fn why_down(node: &NodeStatus) -> Option<String> {
    let fenced = node.fenced_last?;
    (node.state == "down" && node.since <= fenced).then(|| "fenced".to_string())
}

/// `lan ok, san 1 of 2 down`: one word per network. The silence of a node that is not online
/// is no trouble of a network.
fn links_cell(node: &NodeStatus, nodes: &[NodeStatus]) -> Cell {
    let online = |name: &str| nodes.iter().any(|n| n.name == name && n.state == "online");
    let counted: Vec<&LinkStatus> = node
        .links
        .iter()
        .filter(|link| link.state == LinkState::Up || online(&link.peer))
        .collect();
    let mut networks: Vec<&str> = counted.iter().map(|link| link.network.as_str()).collect();
    networks.sort_unstable();
    networks.dedup();
    let one = |network: &&str| {
        let links = || counted.iter().filter(|link| link.network == *network);
        let bad = links().filter(|link| link.state != LinkState::Up).count();
        match bad {
            0 => format!("{network} ok"),
            _ => format!("{network} {bad} of {} down", links().count()),
        }
    };
    let words: Vec<String> = networks.iter().map(one).collect();
    let all_up = counted.iter().all(|link| link.state == LinkState::Up);
    let tone = if all_up { Tone::Plain } else { Tone::Bad };
    toned(words.join(", "), tone)
}

/// How a state is coloured.
fn service_tone(state: ServiceState) -> Tone {
    match state {
        ServiceState::Running => Tone::Good,
        ServiceState::Stopped => Tone::Quiet,
        ServiceState::Starting | ServiceState::Stopping | ServiceState::Waiting => Tone::Care,
        ServiceState::Failed
        | ServiceState::StopFailed
        | ServiceState::Blocked
        | ServiceState::Unknown => Tone::Bad,
    }
}

fn service_row(service: &ServiceStatus, look: Look) -> Vec<Cell> {
    let running = service
        .resources
        .iter()
        .filter(|r| r.state == "running")
        .count();
    let mut state = service.state.word().to_string();
    if let Some(role) = shown_role(service) {
        state.push_str(&format!(", {role}"));
    }
    if service.frozen {
        state.push_str(", frozen");
    }
    vec![
        cell(&service.name),
        toned(state, service_tone(service.state)),
        cell(service.node.clone().unwrap_or_default()),
        cell(look.ago(service.since)),
        cell(format!("{running} of {}", service.resources.len())),
        cell(short_reason(service)),
    ]
}

/// That a copy is promoted, or about to be; an ordinary one goes without saying.
fn shown_role(service: &ServiceStatus) -> Option<&str> {
    service.role.as_deref().filter(|role| *role != "unpromoted")
}

/// A blocked service has a reason for each node; one line has no room for them.
fn short_reason(service: &ServiceStatus) -> String {
    match service.reason.split_once(": ") {
        Some((short, rest)) if service.state == ServiceState::Blocked && rest.contains("; ") => {
            format!("{short}; see `mainstay explain {}`", service.name)
        }
        Some(_) | None => service.reason.clone(),
    }
}

/// Fences under way, with their heading; empty when there are none.
pub(crate) fn fences(status: &Status, look: Look) -> String {
    if status.fencing.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<Cell>> = status
        .fencing
        .iter()
        .map(|fence| {
            let tone = if fence.failed == 0 {
                Tone::Care
            } else {
                Tone::Bad
            };
            let mut row = vec![
                cell(&fence.target),
                toned(&fence.state, tone),
                cell(format!("by {}", fence.executor)),
                cell(look.ago(fence.since)),
                cell(&fence.because),
            ];
            row.extend(fence.trouble.as_ref().map(|how| toned(how, Tone::Bad)));
            row
        })
        .collect();
    look.heading("fences under way") + &table(&[], &rows, 2, look.colour)
}

fn warnings(warnings: &[String], look: Look) -> String {
    if warnings.is_empty() {
        return String::new();
    }
    let mut text = look.heading("warnings");
    for warning in warnings {
        text.push_str(&format!("  {}\n", paint(warning, Tone::Care, look.colour)));
    }
    text
}

/// One service in depth.
pub(crate) fn service(service: &ServiceStatus, status: &Status, look: Look) -> String {
    let place = match &service.node {
        Some(node) => format!(" on {node}"),
        None => String::new(),
    };
    let since = match look.ago(service.since) {
        ago if ago.is_empty() => ago,
        ago => format!(" for {ago}"),
    };
    let state = paint(
        service.state.word(),
        service_tone(service.state),
        look.colour,
    );
    let mut text = format!("service {}: {state}{place}{since}\n", service.name);
    text.push_str(&whose_view(status, look));
    text.push_str(&format!("why: {}\n", service.reason));
    if let Some(role) = &service.role {
        text.push_str(&format!("role: {role}\n"));
    }
    if service.frozen {
        text.push_str("frozen: it is left as it is, whatever happens\n");
    }
    if service.failures != 0 {
        text.push_str(&format!("failures remembered: {}\n", service.failures));
    }
    let rows: Vec<Vec<Cell>> = service
        .resources
        .iter()
        .map(|r| vec![cell(&r.id), cell(&r.kind), cell(&r.state)])
        .collect();
    text.push('\n');
    text.push_str(&table(
        &["RESOURCE", "KIND", "STATE"],
        &rows,
        0,
        look.colour,
    ));
    text.push_str(&checks(&service.checks, look));
    let bars: Vec<String> = service
        .barred
        .iter()
        .map(|bar| {
            let (name, node, because) = (&service.name, &bar.node, bar.sentence());
            format!("barred from {node}: {because} (`mainstay clear {name}` allows it again)")
        })
        .collect();
    text + &warnings(&bars, look)
}

/// The checks of a service or node, with their heading; empty when there are none.
fn checks(checks: &[CheckView], look: Look) -> String {
    if checks.is_empty() {
        return String::new();
    }
    let row = |check: &CheckView| crate::checks::row_of(check, look);
    let rows: Vec<Vec<Cell>> = checks.iter().map(row).collect();
    let head = ["CHECK", "KIND", "STATE", "FOR", "TOOK", "FOUND"];
    format!("\n{}", table(&head, &rows, 0, look.colour))
}

/// One node in depth.
pub(crate) fn node(node: &NodeStatus, status: &Status, look: Look) -> String {
    let state = paint(&node_state(node), node_tone(&node.state), look.colour);
    let mut text = format!("node {}: {state}", node.name);
    match look.ago(node.since) {
        ago if ago.is_empty() => {}
        ago => text.push_str(&format!(" for {ago}")),
    }
    text.push('\n');
    text.push_str(&whose_view(status, look));
    let facts = [
        ("why", node.because.clone()),
        ("boot", node.boot.clone()),
        ("version", node.version.clone()),
        ("fenced last", node.fenced_last.map(|at| at.to_string())),
    ];
    for (name, fact) in facts {
        text.extend(fact.map(|fact| format!("{name}: {fact}\n")));
    }
    for (key, value) in &node.attributes {
        text.push_str(&format!("attribute {key}: {value}\n"));
    }
    let holds = |s: &&ServiceStatus| s.node.as_ref() == Some(&node.name);
    let services: Vec<Vec<Cell>> = status
        .services
        .iter()
        .filter(holds)
        .map(|s| service_row(s, look))
        .collect();
    let head = ["SERVICE", "STATE", "NODE", "FOR", "RESOURCES", "WHY"];
    text.push('\n');
    match services.is_empty() {
        true => text.push_str("no services here\n"),
        false => text.push_str(&table(&head, &services, 0, look.colour)),
    }
    text.push_str(&networks_text::tables(node, look.colour));
    text.push_str(&checks(&node.checks, look));
    text + &links(node, look)
}

fn links(node: &NodeStatus, look: Look) -> String {
    if node.links.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<Cell>> = node
        .links
        .iter()
        .map(|link| {
            let tone = match link.state {
                LinkState::Up => Tone::Good,
                LinkState::OneWay | LinkState::Down => Tone::Bad,
            };
            let rtt = link.rtt_ms.map(|rtt| format!("{rtt:.2} ms"));
            let heard = match link.last_heard_ms {
                None => "never".into(),
                Some(ms) if ms < 10_000 => format!("{ms} ms ago"),
                Some(ms) => format!("{} ago", span(ms)),
            };
            vec![
                cell(&link.network),
                cell(&link.peer),
                toned(link.state.to_string(), tone),
                cell(rtt.unwrap_or_default()),
                cell(format!("{:.1} %", link.loss_percent)),
                cell(heard),
            ]
        })
        .collect();
    let head = ["NETWORK", "PEER", "STATE", "ROUND TRIP", "LOST", "HEARD"];
    format!("\n{}", table(&head, &rows, 0, look.colour))
}
