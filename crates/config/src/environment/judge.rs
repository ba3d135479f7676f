//! What the nodes told, against what is needed.

use std::collections::{BTreeMap, BTreeSet};

use model::NodeName;
use model::environment::{Fact, Question, Told};

use super::{Age, Ask, CLOCKS_APART_MAX_MS, Finding, SPACE_MIN, Survey, questions_for};
use crate::read::Places;
use crate::{Code, Problem, Severity};

/// More places of one problem do not make it clearer.
const PLACES_MAX: usize = 3;

/// All that is not as it is needed.
pub(super) fn findings(survey: &Survey, places: &Places) -> Vec<Finding> {
    let court = Court::new(survey, places);
    let mut list = court.silent();
    let mut judged: Vec<&Question> = Vec::new();
    for ask in &survey.asks {
        // A question is judged once, with what all nodes told that were asked it.
        let key = Court::key(&ask.question);
        if judged.iter().any(|known| Court::key(known) == key) {
            continue;
        }
        judged.push(&ask.question);
        list.extend(court.judge(&ask.question));
    }
    list.extend(court.clocks());
    list
}

struct Court<'a> {
    survey: &'a Survey,
    places: &'a Places,
    facts: BTreeMap<&'a NodeName, Vec<(Question, Fact)>>,
}

/// What is wrong with some nodes, before it has its place.
struct Charge {
    code: Code,
    nodes: Vec<NodeName>,
    message: String,
    help: String,
    severity: Option<Severity>,
}

impl Charge {
    fn new(code: Code, nodes: &[NodeName], message: String, help: impl Into<String>) -> Self {
        Self {
            code,
            nodes: nodes.to_vec(),
            message,
            help: help.into(),
            severity: None,
        }
    }

    fn warning(self) -> Self {
        let severity = Some(Severity::Warning);
        Self { severity, ..self }
    }
}

/// `alpha`, `alpha and beta`, `alpha, beta and gamma`.
fn names(nodes: &[NodeName]) -> String {
    let words: Vec<&str> = nodes.iter().map(NodeName::as_str).collect();
    match words.as_slice() {
        [] => String::new(),
        [one] => (*one).to_string(),
        [front @ .., last] => format!("{} and {last}", front.join(", ")),
    }
}

impl<'a> Court<'a> {
    fn new(survey: &'a Survey, places: &'a Places) -> Self {
        let mut facts = BTreeMap::new();
        for (node, told) in &survey.told {
            if let Told::Facts { facts: told, .. } = told {
                let questions = questions_for(&survey.asks, node);
                facts.insert(node, questions.into_iter().zip(told.clone()).collect());
            }
        }
        Self {
            survey,
            places,
            facts,
        }
    }

    /// The same question, whichever card or wait it has on each node.
    fn key(question: &Question) -> Question {
        match question {
            Question::Address { address, .. } => Question::Address {
                address: *address,
                cards: Vec::new(),
                wait: std::time::Duration::ZERO,
            },
            other => other.clone(),
        }
    }

    /// What each node told that was asked this.
    fn told(&self, question: &Question) -> Vec<(NodeName, &Question, &Fact)> {
        let key = Self::key(question);
        let mut told = Vec::new();
        for (node, facts) in &self.facts {
            let own = facts.iter().find(|(asked, _)| Self::key(asked) == key);
            told.extend(own.map(|(asked, fact)| ((*node).clone(), asked, fact)));
        }
        told
    }

    fn judge(&self, question: &Question) -> Vec<Finding> {
        let told = self.told(question);
        let mut charges = Vec::new();
        // Nodes that told the same are named together.
        let mut seen: Vec<(&Fact, Vec<NodeName>)> = Vec::new();
        for (node, _, fact) in &told {
            match seen.iter_mut().find(|(known, _)| known == fact) {
                Some((_, nodes)) => nodes.push(node.clone()),
                None => seen.push((fact, vec![node.clone()])),
            }
        }
        for (fact, nodes) in &seen {
            charges.extend(self.charge(question, fact, nodes));
        }
        charges.extend(differing(question, &told));
        let findings = charges.into_iter();
        findings
            .map(|charge| self.finding(question, charge))
            .collect()
    }

    fn charge(&self, question: &Question, fact: &Fact, nodes: &[NodeName]) -> Option<Charge> {
        let on = names(nodes);
        match fact {
            Fact::Fine | Fact::Account { .. } | Fact::Group { .. } => None,
            Fact::Directory { .. } => None,
            Fact::Time(_) | Fact::Cards(_) | Fact::Reload(_) => None,
            // An older program does not know the question; then a change is a restart.
            Fact::Unknown(_) if matches!(question, Question::AgentReload { .. }) => None,
            Fact::Missing => Some(missing(question, nodes)),
            Fact::Unsuitable(how) => Some(unsuitable(question, how, nodes)),
            Fact::Doubtful(how) => Some(unsuitable(question, how, nodes).warning()),
            Fact::Taken(by) => Some(taken(question, by, nodes)),
            Fact::TakenBy { neighbour } => self.stranger(question, neighbour, nodes),
            Fact::On(card) => self.misplaced(question, card, nodes),
            Fact::Space(all) => space(all, nodes),
            Fact::Unknown(why) => Some(Charge::new(
                Code::NotTold,
                nodes,
                format!("{on} cannot tell {}: {why}", subject(question)),
                "look at it by hand",
            )),
        }
    }

    /// An address that a neighbour has: one of us, or somebody else.
    fn stranger(&self, question: &Question, mac: &str, nodes: &[NodeName]) -> Option<Charge> {
        let is_ours = |facts: &Vec<(Question, Fact)>| {
            let mut cards = facts.iter();
            cards.any(|(_, fact)| match fact {
                Fact::Cards(cards) => cards.iter().any(|card| card == mac),
                _other => false,
            })
        };
        if self.facts.values().any(is_ours) {
            return None;
        }
        let Question::Address { address, .. } = question else {
            return None;
        };
        let address = address.addr();
        let silent: Vec<NodeName> = self.silent_nodes().map(|(node, _)| node.clone()).collect();
        let by = names(nodes);
        if silent.is_empty() {
            return Some(Charge::new(
                Code::AddressInUse,
                nodes,
                format!(
                    "{address} is in use by {mac}, which is no node of the cluster (heard by {by})"
                ),
                "choose another address, or take it from the machine that has it",
            ));
        }
        let message = format!(
            "{address} is in use by {mac} (heard by {by}); that may be {}, which told nothing",
            names(&silent)
        );
        let help = "look who has it: `ip neigh`";
        Some(Charge::new(Code::AddressInUse, nodes, message, help).warning())
    }

    /// Something that is on a card: where it should be or elsewhere.
    fn misplaced(&self, question: &Question, card: &str, nodes: &[NodeName]) -> Option<Charge> {
        let on = names(nodes);
        let cards: BTreeSet<String> = match question {
            Question::OwnAddress { .. } => self.cards_beside(question, nodes),
            Question::Address { .. } => {
                let told = self.told(question);
                let own = told.iter().find(|(node, _, _)| nodes.contains(node));
                match own {
                    Some((_, Question::Address { cards, .. }, _)) => {
                        cards.iter().map(ToString::to_string).collect()
                    }
                    _other => BTreeSet::new(),
                }
            }
            _other => return None,
        };
        let is_right = cards.is_empty() || cards.contains(card);
        match question {
            Question::OwnAddress { address } if !is_right => Some(Charge::new(
                Code::OwnAddressMissing,
                nodes,
                format!("{address} is on {card} of {on}, which is no card of that network"),
                format!("name {card} among the `cards`, or move the address"),
            )),
            Question::Address { address, .. } if is_right => {
                let address = address.addr();
                let message = format!(
                    "{address} is on {card} of {on} already, and not from this cluster: it will count as started there"
                );
                let help = format!("if that is not meant: `ip address del {address}` on {on}");
                Some(Charge::new(Code::AddressInUse, nodes, message, help).warning())
            }
            Question::Address { address, .. } => {
                let address = address.addr();
                Some(Charge::new(
                    Code::AddressInUse,
                    nodes,
                    format!(
                        "{address} is on {card} of {on} already, which is no card of its network"
                    ),
                    "take it away there (`ip address del`), or choose another address",
                ))
            }
            _other => None,
        }
    }

    /// The cards of the network for which this own address was asked.
    fn cards_beside(&self, question: &Question, nodes: &[NodeName]) -> BTreeSet<String> {
        let asks = &self.survey.asks;
        let mut own = asks.iter();
        let Some(own) = own.find(|ask| ask.question == *question && nodes.contains(&ask.node))
        else {
            return BTreeSet::new();
        };
        let beside = asks.iter().filter(|ask| ask.place == own.place);
        beside
            .filter_map(|ask| match &ask.question {
                Question::Card { name } => Some(name.to_string()),
                _other => None,
            })
            .collect()
    }

    /// Gives a charge its places, and says whether it is news.
    fn finding(&self, question: &Question, charge: Charge) -> Finding {
        let key = Self::key(question);
        let is_about =
            |ask: &&Ask| Self::key(&ask.question) == key && charge.nodes.contains(&ask.node);
        let mut problem = Problem::new(charge.code, charge.message).help(charge.help);
        problem.severity = charge.severity.unwrap_or(problem.severity);
        let mut told: Vec<&str> = Vec::new();
        for ask in self.survey.asks.iter().filter(is_about) {
            if !told.contains(&ask.place.as_str()) && told.len() < PLACES_MAX {
                told.push(&ask.place);
                let at = self.places.of(&ask.place);
                problem = problem.at(at, format!("needed by {}", ask.wanted_by));
            }
        }
        let is_known = |node: &NodeName| {
            let mut live = self.survey.live.iter();
            live.any(|ask| ask.node == *node && Self::key(&ask.question) == key)
        };
        let age = match charge.nodes.iter().all(is_known) {
            true => Age::Known,
            false => Age::New,
        };
        if age == Age::Known {
            problem.severity = Severity::Warning;
        }
        Finding {
            nodes: charge.nodes,
            problem,
            age,
        }
    }

    fn silent_nodes(&self) -> impl Iterator<Item = (&NodeName, &str)> {
        let told = self.survey.told.iter();
        told.filter_map(|(node, told)| match told {
            Told::Nothing(why) => Some((node, why.as_str())),
            Told::Facts { .. } => None,
        })
    }

    fn silent(&self) -> Vec<Finding> {
        let one = |(node, why): (&NodeName, &str)| {
            Finding {
            nodes: vec![node.clone()],
            problem: Problem::new(Code::NotAsked, format!("{node} could not be asked: {why}"))
                .at(self.places.of(&format!("node/{node}")), "this node")
                .help("what it lacks will show when a service starts there; ask again when it is back: `mainstay check --cluster`"),
            age: Age::Known,
        }
        };
        self.silent_nodes().map(one).collect()
    }

    /// Clocks that differ from the middle one.
    fn clocks(&self) -> Vec<Finding> {
        let told = self.survey.told.iter();
        let mut ahead: Vec<(i64, u64, &NodeName)> = told
            .filter_map(|(node, told)| match told {
                Told::Facts { ahead, .. } => Some((ahead.0, ahead.1, node)),
                Told::Nothing(_) => None,
            })
            .collect();
        ahead.sort();
        let Some((middle, _, like)) = ahead.get(ahead.len().saturating_sub(1) / 2).copied() else {
            return Vec::new();
        };
        let wrong = ahead.iter().filter(|(by, unsure, _)| {
            CLOCKS_APART_MAX_MS < by.abs_diff(middle).saturating_sub(*unsure)
        });
        let one = |(by, _, node): &(i64, u64, &NodeName)| {
            let span = std::time::Duration::from_millis(round(by.abs_diff(middle)));
            let way = if middle < *by { "ahead of" } else { "behind" };
            let message = format!(
                "the clock of {node} is {} {way} that of {like}",
                model::duration::format(span)
            );
            Finding {
                nodes: vec![(*node).clone()],
                problem: Problem::new(Code::ClocksDiffer, message)
                    .at(self.places.of(&format!("node/{node}")), "this node")
                    .help("let all nodes follow the same time servers (chrony, systemd-timesyncd)"),
                age: Age::Known,
            }
        };
        wrong.map(one).collect()
    }
}

/// To a whole second, or more where it is long.
fn round(millis: u64) -> u64 {
    let step = if 600_000 < millis { 60_000 } else { 1000 };
    (millis + step / 2) / step * step
}

/// Things that are there everywhere and are not the same.
fn differing(question: &Question, told: &[(NodeName, &Question, &Fact)]) -> Option<Charge> {
    let mut kinds: Vec<(String, Vec<NodeName>)> = Vec::new();
    for (node, _, fact) in told {
        let text = match fact {
            Fact::Account { user, group } => format!("{user} (group {group})"),
            Fact::Group { group } => format!("{group}"),
            Fact::Directory { user, group, mode } => format!("{user}:{group} {mode:04o}"),
            _other => continue,
        };
        match kinds.iter_mut().find(|(known, _)| *known == text) {
            Some((_, nodes)) => nodes.push(node.clone()),
            None => kinds.push((text, vec![node.clone()])),
        }
    }
    if kinds.len() < 2 {
        return None;
    }
    let each = |(text, nodes): &(String, Vec<NodeName>)| format!("{text} on {}", names(nodes));
    let all: Vec<String> = kinds.iter().map(each).collect();
    let mut nodes: Vec<NodeName> = kinds.iter().flat_map(|(_, nodes)| nodes.clone()).collect();
    nodes.sort();
    let all = all.join(", ");
    match question {
        Question::Account { name } => Some(Charge::new(
            Code::AccountDiffers,
            &nodes,
            format!("account {name} is not the same on all nodes: {all}"),
            "give it the same numbers everywhere: files belong to numbers, not to names",
        )),
        Question::Group { name } => Some(Charge::new(
            Code::AccountDiffers,
            &nodes,
            format!("group {name} is not the same on all nodes: {all}"),
            "give it the same number everywhere: files belong to numbers, not to names",
        )),
        Question::MountPoint { target, .. } => Some(Charge::new(
            Code::OwnerDiffers,
            &nodes,
            format!("{target} is not the same on all nodes: {all}"),
            format!("`chown` and `chmod` {target} alike on all nodes, with nothing mounted there"),
        )),
        _other => None,
    }
}

fn space(all: &[(String, u64)], nodes: &[NodeName]) -> Option<Charge> {
    let (directory, bytes) = all.iter().min_by_key(|(_, bytes)| *bytes)?;
    (*bytes < SPACE_MIN).then(|| {
        let (on, mib, least) = (names(nodes), bytes >> 20, SPACE_MIN >> 20);
        Charge::new(
            Code::NoSpace,
            nodes,
            format!("{mib} MiB are left in {directory} on {on}; the daemon needs {least} MiB"),
            "make room there: without it the log cannot be written and the daemon stops",
        )
    })
}

/// What a question is about, in words.
fn subject(question: &Question) -> String {
    match question {
        Question::Program { path, .. } => format!("whether there is a program {path}"),
        Question::Tool { name } => format!("whether there is a tool {name}"),
        Question::Account { name } => format!("who {name} is"),
        Question::Group { name } => format!("which group {name} is"),
        Question::Unit { name } => format!("how the unit {name} is"),
        Question::File { path } => format!("what {path} is"),
        Question::Directory { path } | Question::Path { path } => format!("what {path} is"),
        Question::MountPoint { target, .. } => format!("what is mounted on {target}"),
        Question::Device { path } => format!("what device {path} is"),
        Question::Filesystem { name } => format!("whether it knows the file system {name}"),
        Question::Card { name } => format!("how card {name} is"),
        Question::OwnAddress { address } => format!("where {address} is"),
        Question::Address { address, .. } => format!("who has {}", address.addr()),
        Question::Port { at } => format!("who listens on {at}"),
        Question::FenceAgent { agent } => format!("whether there is a fence agent {agent}"),
        Question::HostName { name } => format!("where {name} is"),
        Question::Agent { address, agent } => {
            let agent = &agent.agent;
            format!("whether {agent} accepts what {address} tells it")
        }
        Question::AgentReload { agent } => format!("what {agent} can reload"),
        Question::Clock => "what time it is".into(),
        Question::Space => "how much room it has".into(),
        Question::HardwareAddresses => "what cards it has".into(),
        Question::Refusals => "how often its kernel refuses packets".into(),
    }
}

fn missing(question: &Question, nodes: &[NodeName]) -> Charge {
    let on = names(nodes);
    let (code, message, help) = match question {
        Question::Program { path, .. } => (
            Code::ProgramMissing,
            format!("there is no program {path} on {on}"),
            format!(
                "install it on {on}, correct the path, or keep the service from there with `only` or `never_on`"
            ),
        ),
        Question::Tool { name } => (
            Code::ToolMissing,
            format!("there is no {name} on {on}"),
            tool_help(name, &on),
        ),
        Question::Account { name } => (
            Code::AccountMissing,
            format!("there is no account {name} on {on}"),
            format!("make it on {on}, with the numbers that it has on the other nodes"),
        ),
        Question::Group { name } => (
            Code::AccountMissing,
            format!("there is no group {name} on {on}"),
            format!("make it on {on}, with the number that it has on the other nodes"),
        ),
        Question::Unit { name } => (
            Code::UnitUnusable,
            format!("there is no unit {name} on {on}"),
            format!(
                "install its package on {on}, correct the name, or keep the service from there with `only` or `never_on`"
            ),
        ),
        Question::File { path } => (
            Code::FileMissing,
            format!("there is no file {path} on {on}"),
            format!("put it on {on}, or correct the path"),
        ),
        Question::MountPoint { target, .. } => (
            Code::DirectoryMissing,
            format!("there is no directory {target} to mount on, on {on}"),
            format!(
                "`mkdir -p {target}` on {on}, with the owner and the mode that it has on the other nodes"
            ),
        ),
        Question::Directory { path } => (
            Code::DirectoryMissing,
            format!("there is no directory {path} on {on}"),
            format!("`mkdir -p {path}` on {on}, or correct the path"),
        ),
        Question::Device { path } => (
            Code::DeviceMissing,
            format!("there is no device {path} on {on}"),
            format!(
                "attach the shared storage on {on}, or keep the service from there with `only` or `never_on`"
            ),
        ),
        Question::Filesystem { name } => (
            Code::FilesystemUnknown,
            format!("the kernel of {on} does not know the file system {name}"),
            format!(
                "install its module on {on} (`modprobe {name}` must work), or correct `filesystem`"
            ),
        ),
        other => return missing_of_machine(other, nodes),
    };
    Charge::new(code, nodes, message, help)
}

/// Where a tool comes from.
fn tool_help(name: &str, on: &str) -> String {
    match name {
        "mount.nfs" => {
            format!("install the client of NFS on {on} (package nfs-common or nfs-utils)")
        }
        "exportfs" => {
            format!("install the server of NFS on {on} (package nfs-kernel-server or nfs-utils)")
        }
        "vgchange" => format!("install LVM on {on} (package lvm2)"),
        _fsck => {
            format!("install the tools of that file system on {on}, or write `fsck = \"never\"`")
        }
    }
}

/// The same for what belongs to the machine and not to a service.
fn missing_of_machine(question: &Question, nodes: &[NodeName]) -> Charge {
    let on = names(nodes);
    let (code, message, help) = match question {
        Question::Card { name } => (
            Code::CardMissing,
            format!("there is no card {name} on {on}"),
            format!("`ip link` on {on} shows what there is: correct the name"),
        ),
        Question::OwnAddress { address } => (
            Code::OwnAddressMissing,
            format!("{address} is on no card of {on}"),
            format!("configure it on {on} in the manner of its distribution, or correct the address"),
        ),
        Question::FenceAgent { agent } => (
            Code::FenceAgentMissing,
            format!("there is no fence agent {agent} on {on}"),
            format!("install it on {on} (package fence-agents), or correct `agent`: who cannot fence cannot take over"),
        ),
        Question::HostName { name } => (
            Code::NameUnresolved,
            format!("the name {name} leads to no address on {on}"),
            "write the address instead, or enter the name in /etc/hosts: a name server may be gone when it is needed".to_string(),
        ),
        Question::Path { path } => (
            Code::WatchdogMissing,
            format!("there is no watchdog {path} on {on}"),
            format!("load its driver on {on} (`modprobe softdog` where there is no hardware)"),
        ),
        other => (
            Code::NotTold,
            format!("{on} cannot tell {}", subject(other)),
            "look at it by hand".to_string(),
        ),
    };
    Charge::new(code, nodes, message, help)
}

fn unsuitable(question: &Question, how: &str, nodes: &[NodeName]) -> Charge {
    let on = names(nodes);
    let (code, message, help) = match question {
        Question::Program { path, .. } => (
            Code::ProgramMissing,
            format!("{path} {how} on {on}"),
            format!("mend it on {on} (`chmod`), or correct the path"),
        ),
        Question::MountPoint { target: path, .. } | Question::Directory { path } => (
            Code::DirectoryMissing,
            format!("{path} {how} on {on}"),
            format!("make it a directory on {on}, or correct the path"),
        ),
        Question::Device { path } => (
            Code::DeviceMissing,
            format!("{path} {how} on {on}"),
            "name a block device, or a file with a file system in it".to_string(),
        ),
        Question::Agent { address, agent } => (
            Code::AgentRefuses,
            format!("{} does not accept {address} on {on}: {how}", agent.agent),
            format!(
                "correct `options` (`mainstay agent info {}`), mend it on {on}, or keep the service from there with `only` or `never_on`",
                agent.agent
            ),
        ),
        Question::File { path } => (
            Code::FileMissing,
            format!("{path} {how} on {on}"),
            format!("mend it on {on}, or correct the path"),
        ),
        Question::Unit { name } => (
            Code::UnitUnusable,
            format!("the unit {name} {how} on {on}"),
            format!(
                "on {on}: `systemctl unmask {name}` if it is masked, `systemctl disable {name}` if it is enabled, else `systemctl status {name}`"
            ),
        ),
        Question::Card { name } => {
            let message = format!("card {name} {how} on {on}");
            let help = format!("`ip link set {name} up` on {on}, or look at its cable");
            return Charge::new(Code::CardDown, nodes, message, help);
        }
        Question::Refusals => {
            let message = format!(
                "the kernel of {on} {how}: a daemon that is closed there is taken for a dead \
                 machine, and fenced"
            );
            let help = format!(
                "`sysctl net.ipv4.icmp_ratelimit=1000` on {on}, which is the default, and in \
                 /etc/sysctl.d"
            );
            return Charge::new(Code::RefusesSeldom, nodes, message, help);
        }
        other => (
            Code::NotTold,
            format!("{} {how} on {on}", subject(other)),
            "look at it by hand".to_string(),
        ),
    };
    Charge::new(code, nodes, message, help)
}

fn taken(question: &Question, by: &str, nodes: &[NodeName]) -> Charge {
    let on = names(nodes);
    match question {
        Question::MountPoint { target, .. } => Charge::new(
            Code::MountPointInUse,
            nodes,
            format!("{by} is mounted on {target} on {on} already"),
            format!("unmount it on {on}, or choose another directory"),
        ),
        Question::Port { at } => Charge::new(
            Code::PortInUse,
            nodes,
            format!("{by} on {on} already, and a resource wants {at}"),
            format!("end it on {on} (`ss -ltnp` shows it), or choose another port"),
        ),
        other => Charge::new(
            Code::NotTold,
            nodes,
            format!("{}: {by} on {on}", subject(other)),
            "look at it by hand",
        ),
    }
}
