//! Plays the texts under `scenarios/raft` and compares. In a text, lines that begin with
//! `#` explain, lines that begin with `>` are orders, and what follows an order is what came
//! of it. `UPDATE=1 cargo test -p raft --test scenarios` writes the texts anew; read the
//! difference before it is committed.
//!
//! Time stands still between orders; messages take 1 to 2 ms and the disk 1 to 2 ms.

mod cluster;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cluster::{Cluster, words};
use model::{Lineage, NodeId, WitnessId};
use raft::{Change, Config, ForceError, Forcing, ProgressMode, ProposeError, Standing};
use wire::raft::{Arbiter, Body, Configuration, Message};

/// Small limits, so that a screen shows what they do.
fn tune(config: &mut Config) {
    config.snapshot_chunk = 8;
    config.inflight_max = 3;
    config.entries_per_append_max = 2;
    config.append_bytes_max = 200;
    config.log_tail_max = 2;
}

struct Player {
    cluster: Cluster,
    reads: u64,
}

impl Player {
    fn play(text: &str) -> String {
        let mut player = Self {
            cluster: Cluster::new(7, tune),
            reads: 0,
        };
        let mut out = String::new();
        for line in text.lines().filter(|line| is_input(line)) {
            out += line;
            out.push('\n');
            let Some(order) = line.strip_prefix('>') else {
                continue;
            };
            player.obey(order.trim());
            for said in std::mem::take(&mut player.cluster.lines) {
                out += said.trim_end();
                out.push('\n');
            }
        }
        out
    }

    fn obey(&mut self, order: &str) {
        let words: Vec<&str> = order.split_whitespace().collect();
        let [verb, rest @ ..] = words.as_slice() else {
            panic!("an empty order")
        };
        match *verb {
            "nodes" | "joiner" | "start" | "crash" => self.obey_nodes(verb, rest),
            "cut" | "heal" | "hold" | "release" | "show" | "hide" | "faults" => {
                self.obey_network(verb, rest);
            }
            "disk" => match rest {
                [node, "holds"] => self.cluster.hold_disk(words::id(node)),
                [node, "works"] => self.cluster.free_disk(words::id(node)),
                other => panic!("disk {other:?}"),
            },
            "run" => self
                .cluster
                .run(model::duration::parse(rest[0]).expect("a span")),
            "lead" => self.lead(words::id(rest[0])),
            "status" => self.status(),
            "force" | "standing" | "leases" | "arbiter" | "arbiters" | "unacknowledged"
            | "yield" => {
                self.obey_half(verb, rest);
            }
            "logs" => self.logs(),
            "progress" => self.progress(words::id(rest[0])),
            _ => self.obey_node(verb, rest),
        }
    }

    /// An ordinary election, of which nothing is said.
    fn lead(&mut self, node: NodeId) {
        self.cluster.with(node, |raft, now| raft.campaign(now));
        self.cluster.run(Duration::from_millis(120));
        assert_eq!(self.cluster.leaders(), [node]);
        self.cluster.lines.clear();
    }

    fn obey_nodes(&mut self, verb: &str, rest: &[&str]) {
        match verb {
            "nodes" => {
                let split = rest.iter().position(|word| *word == "learners");
                let (voters, learners) = rest.split_at(split.unwrap_or(rest.len()));
                let configuration = Configuration {
                    voters: voters.iter().map(|name| words::id(name)).collect(),
                    learners: learners
                        .iter()
                        .skip(1)
                        .map(|name| words::id(name))
                        .collect(),
                    arbiter: Arbiter::Fence,
                };
                self.cluster.bootstrap(&configuration);
                self.cluster.lines.clear();
            }
            "joiner" => self.cluster.add_joiner(words::id(rest[0])),
            "start" => rest
                .iter()
                .for_each(|name| self.cluster.start(words::id(name))),
            _ => {
                let torn = rest.iter().position(|word| *word == "torn");
                let parts = torn.map_or(0, |at| rest[at + 1].parse().expect("a number"));
                self.cluster.crash(words::id(rest[0]), parts);
            }
        }
    }

    fn obey_network(&mut self, verb: &str, rest: &[&str]) {
        let all: Vec<NodeId> = self.cluster.nodes.keys().copied().collect();
        match (verb, rest) {
            ("cut", [path]) if path.contains('>') => {
                let (from, to) = ids(path);
                self.cluster.cut(from, to);
            }
            ("cut", names) => {
                for one in names.iter().map(|name| words::id(name)) {
                    for other in &all {
                        self.cluster.cut(one, *other);
                        self.cluster.cut(*other, one);
                    }
                }
            }
            ("heal", _) => self.cluster.cuts.clear(),
            ("hold", [path]) => {
                self.cluster.holds.insert(ids(path));
            }
            ("release", how) => self.release(how),
            ("show", _) => self.cluster.shows_messages = true,
            ("hide", _) => self.cluster.shows_messages = false,
            ("faults", ["duplicate"]) => self.cluster.faults.duplication = 100,
            other => panic!("{other:?}"),
        }
    }

    /// Lets held messages go: in order, or the last one first, or each one twice.
    fn release(&mut self, how: &[&str]) {
        self.cluster.holds.clear();
        let mut held = std::mem::take(&mut self.cluster.held);
        if how == ["reversed"] {
            held.reverse();
        }
        if how == ["dropped"] {
            held.clear();
        }
        for message in held {
            self.cluster.deliver_later(message);
            self.cluster.run(Duration::from_millis(3));
        }
    }

    fn obey_node(&mut self, verb: &str, rest: &[&str]) {
        let node = words::id(rest[0]);
        let peer = rest.get(1).map(|word| (*word).to_string());
        let other = || words::id(peer.as_deref().expect("a second node"));
        match verb {
            "campaign" => {
                self.cluster.with(node, |raft, now| raft.campaign(now));
            }
            "propose" => {
                for word in &rest[1..] {
                    let data = word.as_bytes().to_vec();
                    let result = self.cluster.with(node, |raft, now| raft.propose(data, now));
                    self.report(result.expect("a running node").map(|_| ()));
                }
            }
            "large" => {
                for size in &rest[1..] {
                    let data = vec![b'x'; size.parse().expect("a number of bytes")];
                    let result = self.cluster.with(node, |raft, now| raft.propose(data, now));
                    self.report(result.expect("a running node").map(|_| ()));
                }
            }
            "add" => self.change(node, Change::AddLearner(other())),
            "promote" => self.change(node, Change::Promote(other())),
            "remove" => self.change(node, Change::Remove(other())),
            "transfer" => {
                let to = other();
                let result = self
                    .cluster
                    .with(node, |raft, now| raft.transfer_leadership(to, now));
                self.report(result.expect("a running node"));
            }
            "read" => {
                self.reads += 1;
                let context = self.reads;
                self.cluster.invariants.read_asked(context);
                self.cluster
                    .with(node, |raft, now| raft.read_index(context, now));
            }
            "lost" => {
                // lost a by b c: the detectors of b and c say that a is lost.
                for name in &rest[2..] {
                    self.cluster.with(words::id(name), |raft, now| {
                        raft.handle_peer_lost(node, now)
                    });
                }
            }
            "alive" => {
                for name in &rest[2..] {
                    self.cluster.with(words::id(name), |raft, now| {
                        raft.handle_peer_alive(node, now)
                    });
                }
            }
            "compact" => {
                let index = rest[1].parse().expect("an index");
                self.cluster.compact(node, index);
            }
            "stranger" => self.stranger(node, other()),
            "repeat" => self.repeat(node, rest),
            other => panic!("`{other}` is no order"),
        }
    }

    /// What matters when half of the voters are gone.
    fn obey_half(&mut self, verb: &str, rest: &[&str]) {
        let node = words::id(rest.first().copied().unwrap_or("a"));
        match verb {
            "force" => self.force(rest),
            "standing" => self.standing(rest),
            "leases" => self.leases(),
            "arbiter" => {
                let number = rest[1].parse().expect("the number of a witness");
                self.change(
                    node,
                    Change::SetArbiter(Arbiter::Witness(WitnessId(number))),
                );
            }
            "arbiters" => {
                let list = self.cluster.with(node, |raft, _| raft.arbiters());
                self.cluster
                    .say(&format!("{:?}", list.expect("a running node")));
            }
            "unacknowledged" => {
                let nodes = rest[1..].iter().map(|name| words::id(name)).collect();
                self.cluster
                    .with(node, |raft, _| raft.set_unacknowledged(nodes));
            }
            "yield" => self.cluster.yield_to_newer(node),
            other => panic!("`{other}` is no order"),
        }
    }

    /// A heartbeat of another history, with a high term.
    fn stranger(&mut self, from: NodeId, to: NodeId) {
        let lineage = Lineage {
            generation: 2,
            maker: from,
            random: 1,
        };
        let body = Body::Heartbeat {
            commit: 1,
            read_round: 0,
            sent: None,
            echo: None,
        };
        let message = Message {
            term: 99,
            lineage,
            from,
            to,
            body,
        };
        self.cluster
            .with(to, |raft, now| raft.handle_message(message, now));
    }

    /// An old vote request once more: `repeat a b 2` is that of term 2.
    fn repeat(&mut self, from: NodeId, rest: &[&str]) {
        let (to, term) = (words::id(rest[1]), rest[2].parse().expect("a term"));
        let reason = wire::raft::VoteReason::LeaderGone;
        let body = Body::Vote {
            last_index: 1,
            last_term: 1,
            reason,
        };
        self.cluster.post(Message {
            term,
            lineage: cluster::LINEAGE,
            from,
            to,
            body,
        });
    }

    fn change(&mut self, node: NodeId, change: Change) {
        let result = self
            .cluster
            .with(node, |raft, now| raft.propose_configuration(change, now));
        self.report(result.expect("a running node").map(|_| ()));
    }

    fn report(&mut self, result: Result<(), ProposeError>) {
        let Err(error) = result else { return };
        let text = match error {
            ProposeError::NotLeader {
                leader: Some(leader),
            } => {
                format!("does not lead; {} does", words::name(leader))
            }
            ProposeError::NotCaughtUp {
                node,
                matched,
                last,
            } => {
                format!(
                    "{} has entries up to {matched} of {last}",
                    words::name(node)
                )
            }
            ProposeError::AlreadyMember(node) => {
                format!("{} is a member already", words::name(node))
            }
            ProposeError::NotMember(node) => format!("{} is no member", words::name(node)),
            ProposeError::NotLearner(node) => format!("{} is no learner", words::name(node)),
            ProposeError::NotVoter(node) => format!("{} is no voter", words::name(node)),
            ProposeError::LastVoter(node) => format!("{} is the last voter", words::name(node)),
            ProposeError::NotLeader { leader: None }
            | ProposeError::Busy
            | ProposeError::ChangePending { .. }
            | ProposeError::TermNotCommitted
            | ProposeError::SameArbiter
            | ProposeError::TooLarge { .. } => error.to_string(),
        };
        self.cluster.say(&format!("refused: {text}"));
    }

    /// `force a without b c`: what becomes of b and c is for other orders to say.
    fn force(&mut self, rest: &[&str]) {
        let node = words::id(rest[0]);
        let excused: BTreeSet<NodeId> = rest[2..].iter().map(|name| words::id(name)).collect();
        let result = self.cluster.with(node, |raft, now| {
            let lineage = Lineage {
                generation: raft.lineage().generation + 1,
                maker: node,
                random: raft.term(),
            };
            raft.force(Forcing { lineage, excused }, now)
        });
        if let Err(error) = result.expect("a running node") {
            let text = match error {
                ForceError::HasLeader(node) => format!("{} leads", words::name(node)),
                ForceError::ExcusedStranger(node) => {
                    format!("{} is no voter, so it cannot be excused", words::name(node))
                }
                ForceError::ExcusedIsAlive(node) => {
                    format!("{} is excused, but it is heard", words::name(node))
                }
                ForceError::Pledged(node) => {
                    format!("pledged to {}, which cannot be excused", words::name(node))
                }
                ForceError::NoStanding
                | ForceError::NotVoter
                | ForceError::Busy
                | ForceError::Generation { .. }
                | ForceError::NobodyExcused
                | ForceError::ExcusesItself
                | ForceError::TooFew { .. } => error.to_string(),
            };
            self.cluster.say(&format!("refused: {text}"));
        }
    }

    /// `standing a b`: the logs have shown the present runs of a and b as up.
    fn standing(&mut self, nodes: &[&str]) {
        for node in nodes.iter().map(|name| words::id(name)) {
            self.cluster
                .with(node, |raft, _| raft.set_standing(Standing::Given));
        }
    }

    /// From when the lease of each node counts.
    fn leases(&mut self) {
        let now = self.cluster.now;
        let mut lines = Vec::new();
        for (id, node) in &self.cluster.nodes {
            let Some(raft) = &node.raft else { continue };
            let text = match raft.acknowledged_at(now) {
                Some(at) => format!("acknowledged at {} ms", at.0 / 1_000_000 - 1000),
                None => "not acknowledged".to_string(),
            };
            lines.push(format!("{}  {text}", words::name(*id)));
        }
        self.cluster.lines.extend(lines);
    }

    fn status(&mut self) {
        let now = self.cluster.now;
        let mut lines = Vec::new();
        for (id, node) in &self.cluster.nodes {
            let name = words::name(*id);
            let Some(raft) = &node.raft else {
                lines.push(format!("{name}  down"));
                continue;
            };
            let quorate = if raft.is_quorate(now) {
                ", quorate"
            } else {
                ""
            };
            let role = match (words::role(raft.role()), raft.leader()) {
                ("follows", Some(leader)) => format!("follows {}", words::name(leader)),
                ("follows", None) => "follows nobody".to_string(),
                (role, _) => role.to_string(),
            };
            let (first, last) = (raft.base_index() + 1, raft.last_index());
            let log = match first <= last {
                true => format!("log {first}..{last}"),
                false => format!("no entries after {last}"),
            };
            let pledge = raft.pledge().map_or(String::new(), |pledge| {
                format!(
                    ", pledged to {} in term {}",
                    words::name(pledge.candidate),
                    pledge.term
                )
            });
            let history = match raft.lineage().generation {
                1 => String::new(),
                _ => format!(", {}", words::lineage(raft.lineage())),
            };
            lines.push(format!(
                "{name}  {role}{quorate}, term {}, {log}, commit {}, {}{history}{pledge}",
                raft.term(),
                raft.commit(),
                words::members(raft.configuration())
            ));
        }
        self.cluster.lines.extend(lines);
    }

    fn logs(&mut self) {
        let mut lines = Vec::new();
        for (id, node) in &self.cluster.nodes {
            let Some(raft) = &node.raft else { continue };
            let list: Vec<_> = (raft.base_index() + 1..=raft.last_index())
                .filter_map(|index| raft.entry(index))
                .map(words::entry)
                .collect();
            lines.push(format!("{}  {}", words::name(*id), list.join(", ")));
        }
        self.cluster.lines.extend(lines);
    }

    fn progress(&mut self, id: NodeId) {
        let Some(raft) = &self.cluster.nodes[&id].raft else {
            return;
        };
        for (peer, progress) in raft.progress() {
            let mode = match progress.mode {
                ProgressMode::Probe => "is asked where its log agrees",
                ProgressMode::Replicate => "gets entries as they come",
                ProgressMode::Snapshot => "gets a snapshot",
            };
            let line = format!("{}  has {}, {mode}", words::name(peer), progress.matched);
            self.cluster.lines.push(line);
        }
    }
}

fn ids(path: &str) -> (NodeId, NodeId) {
    let (from, to) = path.split_once('>').expect("FROM>TO");
    (words::id(from), words::id(to))
}

fn is_input(line: &str) -> bool {
    line.is_empty() || line.starts_with('#') || line.starts_with('>')
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/raft");
    let entries = std::fs::read_dir(folder).expect("the folder of scenarios");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|end| end == "txt"))
        .collect();
    files.sort();
    files
}

#[test]
fn every_scenario_comes_out_as_written() {
    let update = std::env::var_os("UPDATE").is_some();
    let files = files();
    assert!(
        40 <= files.len(),
        "only {} scenarios were found",
        files.len()
    );
    let mut wrong = Vec::new();
    for path in files {
        let wanted = std::fs::read_to_string(&path).expect("a readable scenario");
        let file = path
            .file_name()
            .expect("a file")
            .to_string_lossy()
            .into_owned();
        let play = std::panic::catch_unwind(|| Player::play(&wanted));
        let Ok(got) = play else {
            wrong.push(format!("{file}: breaks off"));
            continue;
        };
        if got != wanted && update {
            std::fs::write(&path, &got).expect("a writable scenario");
        } else if got != wanted {
            wrong.push(format!("{file}: now comes out as\n{got}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
