//! Plays the text files of `scenarios/membership`. Each holds what happens and, below a line
//! of dashes, what the nodes said. `UPDATE_EXPECT=1` writes the lower half anew.

mod cluster;

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use cluster::{Cluster, Life, Refusals};
use membership::{Event, Path as Way, Settings, Voice};
use model::NodeId;
use wire::heartbeat::LinkId;

/// The same words of several nodes within this time are one line.
const TOGETHER: Duration = Duration::from_millis(20);

fn check(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/membership");
    let path = folder.join(name).with_extension("txt");
    let text = std::fs::read_to_string(&path).unwrap();
    let story = text.split("\n----\n").next().unwrap();
    let told = play(story);
    expect_test::expect_file![path].assert_eq(&format!("{}\n----\n{told}", story.trim_end()));
}

fn play(story: &str) -> String {
    let mut play = Play {
        cluster: None,
        links: 2,
        settings: Settings::default(),
        watched: 0,
        link_news: LinkNews::Shown,
        ways: Vec::new(),
    };
    for line in story
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
    {
        let words: Vec<&str> = line.split_whitespace().collect();
        play.line(&words);
    }
    play.told()
}

struct Play {
    cluster: Option<Cluster>,
    links: u8,
    settings: Settings,
    /// What was told before is not shown.
    watched: usize,
    link_news: LinkNews,
    /// What `paths` showed.
    ways: Vec<(Duration, NodeId, String)>,
}

#[derive(PartialEq, Eq)]
enum LinkNews {
    Shown,
    Hidden,
}

fn is_of_a_link(event: &Event) -> bool {
    matches!(
        event,
        Event::LinkUp { .. }
            | Event::LinkDown { .. }
            | Event::LinkOneWay { .. }
            | Event::LinkBothWays { .. }
            | Event::Late { .. }
    )
}

fn node(word: &str) -> NodeId {
    NodeId(word.parse().unwrap())
}

impl Play {
    fn cluster(&mut self) -> &mut Cluster {
        self.cluster
            .as_mut()
            .expect("the scenario begins with its nodes")
    }

    fn line(&mut self, words: &[&str]) {
        match words {
            ["networks", count] => self.links = count.parse().unwrap(),
            ["settings", "fast"] => self.settings = Settings::fast(),
            ["nodes", rest @ ..] => self.nodes(rest),
            ["watch"] => self.watched = self.cluster().told.len(),
            ["watch", "nodes"] => {
                self.watched = self.cluster().told.len();
                self.link_news = LinkNews::Hidden;
            }
            ["run", span] => {
                let span = model::duration::parse(span).unwrap();
                self.cluster().run(span);
            }
            ["loss", percent] => {
                let percent: u64 = percent.trim_end_matches('%').parse().unwrap();
                self.cluster().loss_per_mille = percent * 10;
            }
            ["cut", rest @ ..] => self.cut(rest),
            ["ways", ways @ ..] => self.ways(ways),
            ["only", pairs @ ..] => self.only(pairs),
            ["paths"] => self.paths(),
            ["refusals", "rare"] => self.cluster().refusals = Refusals::Rare,
            ["heal"] => self.cluster().cut.clear(),
            ["kill", id] => self.cluster().live(node(id), Life::Dead),
            ["close", id] => self.cluster().live(node(id), Life::Closed),
            ["pause", id] => self.cluster().live(node(id), Life::Paused),
            ["resume", id] => self.cluster().resume(node(id)),
            ["boot", id] => self.cluster().boot(node(id)),
            ["start", id] => self.cluster().start(node(id)),
            ["leave", id] => self.cluster().leave(node(id)),
            ["replay", id] => self.cluster().replay(node(id)),
            other => panic!("unknown words in a scenario: {other:?}"),
        }
    }

    /// `nodes 1 2 3 light 4`
    fn nodes(&mut self, words: &[&str]) {
        let mut voice = Voice::Voter;
        let mut nodes = Vec::new();
        for word in words {
            match *word {
                "light" => voice = Voice::Listener,
                id => nodes.push((node(id), voice)),
            }
        }
        self.cluster = Some(Cluster::new(&nodes, self.links, self.settings.clone(), 1));
    }

    /// `cut 3`, `cut 3 out`, `cut 3 in`, `cut 3 network 1`, `cut 3 from 1`
    fn cut(&mut self, words: &[&str]) {
        let (id, mut words) = words.split_first().unwrap();
        let (id, links) = (node(id), self.links);
        let others: Vec<NodeId> = self.cluster().nodes.keys().copied().collect();
        let (mut outgoing, mut incoming, mut network, mut from) = (true, true, None, None);
        while let Some((word, rest)) = words.split_first() {
            words = rest;
            match *word {
                "out" => incoming = false,
                "in" => outgoing = false,
                "network" => network = Some(LinkId(rest[0].parse().unwrap())),
                "from" => from = Some(node(rest[0])),
                number => assert!(number.parse::<u8>().is_ok(), "cannot cut {number}"),
            }
        }
        for other in others.into_iter().filter(|other| *other != id) {
            for link in (0..links).map(LinkId) {
                if network.is_some_and(|only| only != link) || from.is_some_and(|o| o != other) {
                    continue;
                }
                if outgoing {
                    self.cluster().cut.insert((id, other, link));
                }
                if incoming {
                    self.cluster().cut.insert((other, id, link));
                }
            }
        }
    }

    /// `ways 1>3 3>2`: nothing passes there any more.
    fn ways(&mut self, ways: &[&str]) {
        for way in ways {
            let (from, to) = way.split_once('>').unwrap();
            for link in (0..self.links).map(LinkId) {
                self.cluster().cut.insert((node(from), node(to), link));
            }
        }
    }

    /// `only 1-2 2-3`: everything passes there, and nothing elsewhere.
    fn only(&mut self, pairs: &[&str]) {
        let pairs: Vec<(NodeId, NodeId)> = pairs
            .iter()
            .map(|pair| pair.split_once('-').unwrap())
            .flat_map(|(one, other)| [(node(one), node(other)), (node(other), node(one))])
            .collect();
        let all: Vec<NodeId> = self.cluster().nodes.keys().copied().collect();
        for (from, to) in all.iter().flat_map(|a| all.iter().map(|b| (*a, *b))) {
            for link in (0..self.links).map(LinkId) {
                if !pairs.contains(&(from, to)) {
                    self.cluster().cut.insert((from, to, link));
                }
            }
        }
    }

    /// The ways of messages that are not direct, as of now.
    fn paths(&mut self) {
        let cluster = self.cluster();
        let at = cluster.now;
        let mut told = Vec::new();
        for id in cluster.nodes.keys() {
            for (peer, path) in cluster.paths(*id) {
                match path {
                    Way::Direct => {}
                    Way::Via(via) => told.push((*id, format!("reaches node {peer} by node {via}"))),
                    Way::Unwatched(_) | Way::None => {
                        told.push((*id, format!("does not reach node {peer}")));
                    }
                }
            }
        }
        if told.is_empty() {
            told.push((NodeId(0), "everybody reaches everybody directly".into()));
        }
        self.ways
            .extend(told.into_iter().map(|(id, words)| (at, id, words)));
    }

    fn told(&mut self) -> String {
        let watched = self.watched;
        let hidden = self.link_news == LinkNews::Hidden;
        let mut lines: Vec<(Duration, Vec<NodeId>, String)> = Vec::new();
        for (at, by, event) in &self.cluster().told[watched..] {
            if hidden && is_of_a_link(event) {
                continue;
            }
            let words = event.to_string();
            let same = |line: &&mut (Duration, Vec<NodeId>, String)| {
                line.2 == words && *at < line.0 + TOGETHER && !line.1.contains(by)
            };
            match lines.iter_mut().rev().find(same) {
                Some(line) => line.1.push(*by),
                None => lines.push((*at, vec![*by], words)),
            }
        }
        let ways = self.ways.iter();
        lines.extend(ways.map(|(at, by, words)| (*at, vec![*by], words.clone())));
        lines.sort_by_key(|line| line.0);
        let mut text = String::new();
        for (at, by, words) in lines {
            let by = by.iter().filter(|id| **id != NodeId(0));
            let by: Vec<String> = by.map(NodeId::to_string).collect();
            writeln!(
                text,
                "{:7.3}s  {:7} {words}",
                at.as_secs_f64(),
                by.join(" ") + if by.is_empty() { "" } else { ":" }
            )
            .unwrap();
        }
        if text.is_empty() {
            "nothing\n".into()
        } else {
            text
        }
    }
}

macro_rules! scenarios {
    ($($name:ident)*) => {
        $(#[test] fn $name() { check(stringify!($name)); })*

        #[test]
        fn every_file_is_played() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/membership");
            let listed = [$(stringify!($name)),*];
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_stem().unwrap().to_str().unwrap();
                assert!(listed.contains(&name), "{name} is played by no test");
            }
        }
    };
}

scenarios! {
    three_nodes_meet
    a_node_without_power_is_lost
    fast_settings_lose_a_node_sooner
    a_node_cut_from_both_networks_is_lost_and_accuses_nobody
    one_cut_network_is_a_link_down_and_no_loss
    a_node_that_can_only_hear_is_lost
    a_node_that_can_only_speak_is_one_way
    a_relay_keeps_a_node_alive
    a_stalled_node_accuses_nobody_when_it_wakes
    a_stopped_node_is_lost_and_seen_again
    a_daemon_back_in_two_seconds_was_never_lost
    a_daemon_that_crashes_as_soon_as_it_is_heard_is_no_loss
    a_daemon_that_stays_down_is_reported_after_its_grace
    a_closed_daemon_whose_machine_dies_is_lost
    a_reboot_is_told_from_a_restart
    two_of_five_die_at_once
    one_of_two_dies
    half_of_four_die_at_once
    a_lone_survivor_accuses_nobody
    a_clean_stop_is_no_loss
    a_light_node_has_no_say
    a_recording_of_a_dead_node_is_not_its_life
    a_recording_does_not_fool_a_daemon_that_just_started
    ten_minutes_of_heavy_packet_loss_lose_nobody
    a_link_that_is_down_is_heard_over_the_third
    a_direction_that_is_down_is_heard_over_the_third
    a_ring_of_one_way_links_is_no_cluster
    a_chain_of_four_is_one_cluster
    a_death_at_the_end_of_a_chain_is_known_at_the_other
    a_star_is_one_cluster_until_its_centre_dies
    four_split_in_halves
    five_split_in_three_and_two
    a_reboot_at_the_end_of_a_chain_is_known_at_the_other
    a_closed_daemon_at_the_end_of_a_chain_is_no_loss
}
