//! Stories: lines of text in, what an operator would see out.

use std::collections::BTreeSet;
use std::time::Duration;

use model::checks::CheckOrder;
use model::command::ServiceOrder;
use model::seen::Maintenance;
use model::spec::{NoQuorumPolicy, ServiceSpec};
use model::{Command, Instant, UserName};

use node::RequestId;

use super::Cluster;
use super::form::{self, name, span};
use super::machine::Fault;

/// Lines with which a script describes the cluster, before the story.
const HEAD: [&str; 7] = [
    "nodes ",
    "service ",
    "policy ",
    "nodevices",
    "witness",
    "node-checks",
    "network ",
];

/// `witness` alone begins with one; `witness off` is an event.
fn is_head(line: &str) -> bool {
    HEAD.iter().any(|word| line.starts_with(word)) && !line.starts_with("witness o")
}

pub struct Story {
    pub cluster: Cluster,
    began: Instant,
    printed: u64,
    /// Whoever asked waits for the answers to these.
    asked: BTreeSet<RequestId>,
    out: Vec<(u64, String)>,
    text: String,
}

/// Plays a script; its first lines are `nodes a b c` and `service NAME ...`.
pub fn play(script: &str) -> String {
    let lines = script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let (head, tail): (Vec<&str>, Vec<&str>) = lines.partition(|line| is_head(line));
    let nodes: Vec<&str> = head[0].split(' ').skip(1).collect();
    let mut services = Vec::new();
    let mut policy = NoQuorumPolicy::Stop;
    for words in head[1..]
        .iter()
        .map(|line| line.split(' ').collect::<Vec<_>>())
    {
        match words[..] {
            ["service", service, ref rest @ ..] => services.push((service, form::service(rest))),
            ["policy", word] => policy = policy_of(word),
            ["nodevices"] | ["witness"] | ["node-checks"] | ["network", ..] => {}
            ref other => panic!("no such beginning: {other:?}"),
        }
    }
    let mut spec = form::spec(&nodes, &services);
    spec.cluster.no_quorum = policy;
    if head.contains(&"nodevices") {
        spec.nodes.values_mut().for_each(|node| node.fence.clear());
    }
    for line in head.iter().filter(|line| line.starts_with("network ")) {
        let words: Vec<&str> = line.split(' ').collect();
        super::cards::network(&mut spec, words[1], &words[2..]);
    }
    if head.contains(&"node-checks") {
        spec.cluster.rules.checks.push(model::checks::NodeCheck {
            node: None,
            sets: "health-page".into(),
            check: super::form::check("alarm"),
        });
    }
    let mut cluster = Cluster::new(&nodes, &spec, 1);
    if head.contains(&"witness") {
        cluster.raise_witness();
    }
    let (began, printed) = (cluster.now, cluster.first.1);
    let mut story = Story {
        cluster,
        began,
        printed,
        asked: BTreeSet::new(),
        out: Vec::new(),
        text: String::new(),
    };
    for line in tail {
        story.line(line);
    }
    story.cluster.check_states();
    story.text
}

impl Story {
    fn line(&mut self, line: &str) {
        self.text.push_str(&format!("> {line}\n"));
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["run", time] => self.cluster.run(span(time)),
            ["quiet", time] => {
                self.cluster.run(span(time));
                self.skip();
            }
            ["kill", service, "on", node] => {
                let node = self.cluster.id(node);
                self.cluster.kill_service(node, service);
            }
            ["power-off", node] => self.at(node, Cluster::power_off),
            ["boot", node] => self.at(node, Cluster::boot),
            ["daemon-kill", node] => self.at(node, Cluster::kill_daemon),
            ["daemon-start", node] => self.at(node, Cluster::start_daemon),
            ["cut", node] => self.at(node, Cluster::cut_off),
            ["cut", one, "to", other] => self.cut_way(one, other),
            ["cut", one, "and", other] => {
                self.cut_way(one, other);
                self.cut_way(other, one);
            }
            ["mute", node] => {
                let id = self.cluster.id(node);
                self.cluster.mute.insert(id);
            }
            ["want", node, times] => self.want(node, times.parse().unwrap()),
            ["torn"] => self.cluster.is_torn = true,
            ["heal"] => self.cluster.cut.clear(),
            ["pause", node, time] => {
                let id = self.cluster.id(node);
                self.cluster.pause(id, span(time));
            }
            ["fence", node, "fails", times] => {
                let id = self.cluster.id(node);
                self.cluster.switches.get_mut(&id).unwrap().fails = times.parse().unwrap();
            }
            ["fence", node, "lies"] => {
                let id = self.cluster.id(node);
                self.cluster.switches.get_mut(&id).unwrap().lies = true;
            }
            ["fence", node, "takes", time] => {
                let id = self.cluster.id(node);
                self.cluster.switches.get_mut(&id).unwrap().takes = span(time);
            }
            ["delay", node, time] => {
                let id = self.cluster.id(node);
                self.cluster.delays.insert(id, span(time));
            }
            ["witness", "off"] => self.cluster.witness.power = None,
            ["witness", "on"] => self.cluster.witness.power = Some(super::machine::Power::On),
            ["force", node, "without", lost] => {
                let id = self.cluster.id(node);
                self.cluster.force(id, lost);
            }
            ["link" | "target" | "rearm", ..] => self.networks(&words),
            ["fault", node, service, fault] => self.fault(node, service, fault),
            _ => self.order(&words),
        }
        self.print();
    }

    /// What happens to cards and ping targets.
    fn networks(&mut self, words: &[&str]) {
        match *words {
            ["link", node, card, link] => {
                let id = self.cluster.id(node);
                self.cluster.set_link(id, card, link);
            }
            ["target", node, network, target, echo, times] => {
                let id = self.cluster.id(node);
                let echoes = (echo, times.parse().unwrap());
                self.cluster.echo(id, network, target, echoes);
            }
            ["rearm", node, card] => {
                let command = Command::RearmCards {
                    node: name(node),
                    card: Some(name(card)),
                    by: name("ann"),
                };
                let at = self.cluster.contact().unwrap();
                self.cluster.request(at, command);
            }
            ref other => panic!("no such event: {other:?}"),
        }
    }

    /// From the one to the other nothing passes any more.
    fn cut_way(&mut self, one: &str, other: &str) {
        let way = (self.cluster.id(one), self.cluster.id(other));
        self.cluster.cut.insert(way);
    }

    fn at(&mut self, node: &str, act: fn(&mut Cluster, model::NodeId)) {
        let id = match node {
            "leader" => self.cluster.contact().unwrap(),
            "follower" => self.follower(),
            _ => self.cluster.id(node),
        };
        act(&mut self.cluster, id);
    }

    /// The first that does not lead.
    fn follower(&self) -> model::NodeId {
        let leader = self.cluster.contact().unwrap();
        let mut others = self.cluster.machines.keys().filter(|id| **id != leader);
        *others.next().unwrap()
    }

    /// People at this node want something, whether it can be agreed on or not.
    fn want(&mut self, node: &str, times: u32) {
        let id = self.cluster.id(node);
        for _ in 0..times {
            let command = standby(node, Maintenance::Off);
            self.cluster.request(id, command);
        }
    }

    fn fault(&mut self, node: &str, service: &str, fault: &str) {
        let id = self.cluster.id(node);
        let faults = &mut self.cluster.machine(id).faults;
        let fault = match fault {
            "start-fails" => Fault::StartFails,
            "start-hangs" => Fault::StartHangs,
            "stop-fails" => Fault::StopFails,
            "sick" => Fault::Sick,
            "none" => {
                faults.remove(&name(service));
                return;
            }
            other => panic!("no such fault: {other}"),
        };
        faults.insert(name(service), fault);
    }

    /// People order it where the leader is, or where they are: `ask NODE …`, who are told an error.
    fn order(&mut self, words: &[&str]) {
        let (place, words) = match words {
            ["ask", node, order @ ..] => (Some(*node), order),
            _ => (None, words),
        };
        let by: UserName = name("ann");
        let of = |service: &str, order| Command::Service {
            service: name(service),
            order,
            by: name("ann"),
        };
        let command = match words {
            ["start", service] => of(service, ServiceOrder::Start),
            ["stop", service] => of(service, ServiceOrder::Stop),
            ["restart", service] => of(service, ServiceOrder::Restart),
            ["freeze", service] => of(service, ServiceOrder::Freeze),
            ["thaw", service] => of(service, ServiceOrder::Thaw),
            ["clear", service] => of(service, ServiceOrder::Clear),
            ["move", service, to] => of(service, ServiceOrder::Move { to: Some(name(to)) }),
            ["standby", node] => standby(node, Maintenance::On),
            ["online", node] => standby(node, Maintenance::Off),
            ["maintenance", "on"] => Command::SetMaintenance {
                maintenance: Maintenance::On,
                by,
            },
            ["maintenance", "off"] => Command::SetMaintenance {
                maintenance: Maintenance::Off,
                by,
            },
            ["leave", node] => return self.leave(node),
            ["join", node] => return self.join(node),
            ["lose", node] => {
                let id = self.cluster.id(node);
                let boot = Some(self.cluster.machine(id).boot_id());
                let node: model::NodeName = name(node);
                let because = model::Reason::NeverHeard { node: node.clone() };
                Command::NodeLost {
                    node,
                    boot,
                    because,
                }
            }
            ["checks-pause", node] => node_checks(node, None, CheckOrder::Pause { span: None }),
            ["checks-pause", node, check, time] => {
                let span = Some(span(time));
                node_checks(node, Some(check), CheckOrder::Pause { span })
            }
            ["checks-resume", node] => node_checks(node, None, CheckOrder::Resume),
            ["confirm", node] => Command::ConfirmFence {
                target: name(node),
                by,
            },
            ["spec", service, rest @ ..] => self.change_spec(service, Some(form::service(rest))),
            ["drop", service] => self.change_spec(service, None),
            other => panic!("no such order: {other:?}"),
        };
        let at = place.map_or_else(
            || self.cluster.contact(),
            |node| Some(self.cluster.id(node)),
        );
        self.cluster.request(at.unwrap(), command);
        if place.is_some() {
            self.asked.insert(RequestId(self.cluster.requests));
        }
    }

    fn change_spec(&mut self, service: &str, to: Option<ServiceSpec>) -> Command {
        let mut spec = self.cluster.newest().0.spec().unwrap().clone();
        match to {
            Some(wanted) => spec.services.insert(name(service), wanted),
            None => spec.services.remove(&name(service)),
        };
        let base = self.cluster.newest().0.spec_version();
        let source = String::new();
        Command::SetSpec {
            base,
            source,
            spec: Box::new(spec),
            by: name("ann"),
        }
    }

    fn leave(&mut self, node: &str) {
        let id = self.cluster.id(node);
        let boot = self.cluster.machine(id).boot_id();
        let node = name(node);
        self.cluster.request(id, Command::Leave { node, boot });
    }

    fn join(&mut self, node: &str) {
        let contact = self.cluster.contact().unwrap();
        let valid_for = Duration::from_secs(3600);
        let digest = format!("token-{node}");
        let token = Command::AddToken {
            digest: digest.clone(),
            valid_for,
            by: name("ann"),
        };
        self.cluster.request(contact, token);
        let mut spec = self.cluster.newest().0.spec().unwrap().clone();
        let more = form::spec(&[node], &[]);
        spec.nodes.extend(more.nodes);
        let spec = Some(Box::new((String::new(), spec)));
        let key = [9; 32];
        self.cluster.request(
            contact,
            Command::AddMember {
                name: name(node),
                key,
                token: digest,
                spec,
                level: model::level::LEVEL,
            },
        );
        self.cluster.run(Duration::from_millis(100));
        let id = self.cluster.newest().0.node_id(&name(node)).unwrap();
        let disk = raft::Restored::empty(form::lineage());
        self.cluster.add_machine(id.0, name(node), disk);
        // Its daemon learned the members as it joined.
        let contact = self.cluster.contact().unwrap();
        self.cluster.introduce(id, contact);
    }

    fn skip(&mut self) {
        self.cluster.acts.clear();
        self.printed = self.cluster.newest().1;
    }

    /// New entries of the history, and what really started and stopped, in order of time.
    fn print(&mut self) {
        let began = self.began.0 / 1_000_000;
        let (state, applied) = self.cluster.newest();
        let news = state
            .history()
            .iter()
            .filter(|entry| self.printed < entry.index);
        self.out
            .extend(news.map(|entry| (super::unjumped(entry.at), entry.what.to_string())));
        self.printed = self.printed.max(applied);
        let acts = std::mem::take(&mut self.cluster.acts);
        self.out
            .extend(acts.into_iter().map(|(at, act)| (at.0 / 1_000_000, act)));
        let now = self.cluster.now.0 / 1_000_000;
        for (id, result) in std::mem::take(&mut self.cluster.answers) {
            if let (true, Err(error)) = (self.asked.remove(&id), result) {
                self.out.push((now, format!("told by then: {error}")));
            }
        }
        self.out.sort_by_key(|(at, _)| *at);
        for (at, what) in std::mem::take(&mut self.out) {
            let at = at.saturating_sub(began) as f64 / 1000.0;
            self.text.push_str(&format!("{at:8.2}s  {what}\n"));
        }
    }
}

fn policy_of(word: &str) -> NoQuorumPolicy {
    let all = [
        NoQuorumPolicy::Stop,
        NoQuorumPolicy::Freeze,
        NoQuorumPolicy::Demote,
        NoQuorumPolicy::SelfFence,
        NoQuorumPolicy::Ignore,
    ];
    let found = all.into_iter().find(|policy| policy.word() == word);
    found.unwrap_or_else(|| panic!("no such policy: {word}"))
}

fn standby(node: &str, standby: Maintenance) -> Command {
    Command::SetStandby {
        node: name(node),
        standby,
        by: name("ann"),
    }
}

impl Cluster {
    /// Tells a node that has just joined whom to talk to.
    fn introduce(&mut self, id: model::NodeId, to: model::NodeId) {
        let now = self.now;
        let known = self.machines[&to].daemon.as_ref().unwrap().members.clone();
        let peers = known
            .0
            .iter()
            .filter(|other| **other != id)
            .map(|other| membership::Peer {
                id: *other,
                voice: membership::Voice::Voter,
                links: vec![super::machine::LINK],
            });
        let peers = peers.collect();
        let daemon = self.machine(id).daemon.as_mut().unwrap();
        daemon
            .detector
            .set_peers(membership::Voice::Listener, peers, now);
    }
}

fn node_checks(node: &str, check: Option<&str>, order: CheckOrder) -> Command {
    Command::NodeChecks {
        node: name(node),
        check: check.map(name),
        order,
        by: name("ann"),
    }
}
