//! Plays `scenarios/environment`: each file holds a configuration, a line of `====`, what the
//! nodes tell that is not as it should be, a line of `====`, and what an administrator sees.
//! `UPDATE_SCENARIOS=1 cargo test -p config` writes what is seen now.
//!
//! ```text
//! beta program /usr/sbin/nginx: missing
//! beta account www: account 40 33
//! gamma silent: it is not connected
//! gamma clock: ahead 3600000
//! live                             (all of it is live already)
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use config::environment::{Attributes, Survey, asks, judge, questions_for};
use config::{Code, Colour};
use model::NodeName;
use model::environment::{Fact, Question, Told};

const DIVIDER: &str = "====\n";

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/environment");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

fn name_of(question: &Question) -> String {
    match question {
        Question::Program { path, .. } => format!("program {path}"),
        Question::Tool { name } => format!("tool {name}"),
        Question::Account { name } => format!("account {name}"),
        Question::Directory { path } => format!("directory {path}"),
        Question::MountPoint { target, .. } => format!("mount {target}"),
        Question::Device { path } => format!("device {path}"),
        Question::Path { path } => format!("path {path}"),
        Question::Filesystem { name } => format!("filesystem {name}"),
        Question::Card { name } => format!("card {name}"),
        Question::OwnAddress { address } => format!("own {address}"),
        Question::Address { address, .. } => format!("address {}", address.addr()),
        Question::Port { at } => format!("port {at}"),
        Question::Agent { address, .. } => format!("accepts {address}"),
        Question::AgentReload { agent } => format!("reloads {agent}"),
        Question::FenceAgent { agent } => format!("agent {agent}"),
        Question::HostName { name } => format!("name {name}"),
        Question::Clock => "clock".into(),
        Question::Space => "space".into(),
        Question::HardwareAddresses => "cards".into(),
        Question::Refusals => "refusals".into(),
        Question::File { path } => format!("file {path}"),
        Question::Group { name } => format!("group {name}"),
        Question::Unit { name } => format!("unit {name}"),
    }
}

fn fact(text: &str) -> Fact {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let numbers = || rest.split(' ').map(|word| word.parse().unwrap());
    match word {
        "missing" => Fact::Missing,
        "taken" => Fact::Taken(rest.into()),
        "neighbour" => Fact::TakenBy {
            neighbour: rest.into(),
        },
        "on" => Fact::On(rest.into()),
        "unknown" => Fact::Unknown(rest.into()),
        "cards" => Fact::Cards(vec![rest.into()]),
        "free" => Fact::Space(vec![("/var/lib/mainstay".into(), rest.parse().unwrap())]),
        "account" => {
            let numbers: Vec<u32> = numbers().collect();
            let (user, group) = (numbers[0], numbers[1]);
            Fact::Account { user, group }
        }
        "directory" => {
            let numbers: Vec<u32> = numbers().collect();
            let mode = u32::from_str_radix(&numbers[2].to_string(), 8).unwrap();
            let (user, group) = (numbers[0], numbers[1]);
            Fact::Directory { user, group, mode }
        }
        "group" => Fact::Group {
            group: rest.parse().unwrap(),
        },
        "doubtful" => Fact::Doubtful(rest.into()),
        _how => Fact::Unsuitable(text.into()),
    }
}

/// What is told where nothing else is said.
fn usual(question: &Question) -> Fact {
    match question {
        Question::Account { .. } => fact("account 33 33"),
        Question::Group { .. } => Fact::Group { group: 33 },
        Question::MountPoint { .. } => fact("directory 0 0 755"),
        _other => Fact::Fine,
    }
}

fn see(source: &str, told: &str) -> String {
    let loaded = config::read("cluster.toml", source).unwrap_or_else(|e| panic!("{e}"));
    let asker = NodeName::new("alpha").unwrap();
    let all = asks(&loaded.spec, &Attributes::new(), &asker);
    let mut lines: Vec<&str> = told.lines().collect();
    let mut survey = Survey::default();
    for node in loaded.spec.nodes.keys() {
        let mut take = |name: &str| {
            let head = format!("{node} {name}: ");
            let at = lines.iter().position(|line| line.starts_with(&head))?;
            Some(lines.remove(at)[head.len()..].to_string())
        };
        let told = match take("silent") {
            Some(why) => Told::Nothing(why),
            None => {
                let clock = take("clock").map(|text| text["ahead ".len()..].parse().unwrap());
                let questions = questions_for(&all, node);
                let facts = questions.iter().map(|question| {
                    let told = take(&name_of(question));
                    told.map_or_else(|| usual(question), |text| fact(&text))
                });
                let facts = facts.collect();
                let ahead = (clock.unwrap_or(0), 2);
                Told::Facts { facts, ahead }
            }
        };
        survey.told.insert(node.clone(), told);
    }
    if let Some(at) = lines.iter().position(|line| *line == "live") {
        lines.remove(at);
        survey.live = all.clone();
    }
    assert!(lines.is_empty(), "nobody was asked for {lines:?}");
    survey.asks = all;
    let findings = judge("cluster.toml", source, &survey);
    let obstacles = findings.obstacles();
    let verdict = match obstacles.as_slice() {
        [] => "accepted\n".to_string(),
        lines => format!("refused\n{}\n", lines.join("\n")),
    };
    format!("{}\n{verdict}", findings.render(Colour::Never).trim_end())
        .trim_start()
        .to_string()
}

#[test]
fn each_wrong_environment_gets_its_message() {
    let update = std::env::var_os("UPDATE_SCENARIOS").is_some();
    let mut differences = String::new();
    for file in files() {
        let text = fs::read_to_string(&file).unwrap();
        let mut parts = text.split(DIVIDER);
        let (source, told) = (parts.next().unwrap(), parts.next().unwrap());
        let expected = parts.next().unwrap_or_default();
        let seen = see(source, told);
        if seen == expected {
            continue;
        }
        if update {
            fs::write(&file, [source, told, &seen].join(DIVIDER)).unwrap();
        } else {
            let diff = config::text_diff(expected, &seen);
            differences.push_str(&format!("{}\n{diff}\n", file.display()));
        }
    }
    assert!(differences.is_empty(), "\n{differences}");
}

#[test]
fn every_code_of_the_environment_has_a_scenario() {
    let texts = files().into_iter();
    let all: String = texts
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    for code in Code::ALL.iter().filter(|code| code.is_of_environment()) {
        assert!(all.contains(&format!("[{}]", code.code())), "{code:?}");
    }
}

#[test]
fn a_node_that_may_never_run_a_service_is_not_asked_for_it() {
    let source = "[cluster]\nname = \"shop\"\n[network.lan]\n\
        [node.alpha]\nlan = \"10.0.0.11/24\"\n\
        [node.beta]\nlan = \"10.0.0.12/24\"\nattributes = { disk = \"slow\" }\n\
        [node.gamma]\nlan = \"10.0.0.13/24\"\n\
        [service.one]\nprefer = [\"alpha\"]\nonly = true\n[[service.one.resource]]\nprocess = [\"/one\"]\n\
        [service.two]\nnever_on = [\"alpha\"]\n[[service.two.resource]]\nprocess = [\"/two\"]\n\
        [service.three]\n[[service.three.where]]\nattribute = \"disk\"\nis_not = \"slow\"\n[[service.three.resource]]\nprocess = [\"/three\"]\n";
    let spec = config::read("x", source)
        .unwrap_or_else(|e| panic!("{e}"))
        .spec;
    let asker = NodeName::new("alpha").unwrap();
    let set = BTreeMap::from([("disk".to_string(), "slow".to_string())]);
    let set = Attributes::from([(NodeName::new("gamma").unwrap(), set)]);
    let asked = asks(&spec, &set, &asker);
    let programs: Vec<String> = asked
        .iter()
        .filter_map(|ask| match &ask.question {
            Question::Program { path, .. } => Some(format!("{} {path}", ask.node)),
            _other => None,
        })
        .collect();
    let mut programs = programs;
    programs.sort();
    assert_eq!(
        programs,
        ["alpha /one", "alpha /three", "beta /two", "gamma /two"]
    );
}

#[test]
fn an_agent_behind_what_may_bring_its_files_is_not_asked_ahead() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/environment");
    let text = fs::read_to_string(folder.join("17-agents.txt")).unwrap();
    let source = text.split(DIVIDER).next().unwrap();
    let loaded = config::read("cluster.toml", source).unwrap();
    let asker = NodeName::new("alpha").unwrap();
    let all = asks(&loaded.spec, &Attributes::new(), &asker);
    let asked: Vec<String> = questions_for(&all, &asker)
        .iter()
        .filter_map(|question| match question {
            Question::Agent { address, .. } => Some(address.to_string()),
            _other => None,
        })
        .collect();
    assert_eq!(asked, ["db/disk", "mail/server", "web/server"]);
}
