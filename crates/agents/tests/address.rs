//! Addresses, with real cards and a real neighbour.

mod common;

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use common::{Grouping, Node, eventually, failed, on_own_node, resource, run};
use model::NetworkName;
use model::operation::{OperationReport, Outcome, Verb};
use model::spec::{AddressSpec, ResourceKind, ResourceSpec};

const V4: &str = "10.0.0.100/24";
const V6: &str = "2001:db8::100/64";

fn address(text: &str) -> ResourceSpec {
    let spec = AddressSpec {
        address: text.parse().unwrap(),
        network: NetworkName::new("lan").unwrap(),
        duplicate_wait: Duration::from_millis(20),
    };
    resource("address-1", ResourceKind::Address(spec))
}

/// A network namespace at the other end of the cable `eth0`.
struct Neighbour {
    holder: Child,
}

impl Neighbour {
    fn connect() -> Self {
        let holder = Command::new("unshare")
            .args(["--net", "sleep", "1000"])
            .spawn()
            .unwrap();
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        let theirs = format!("/proc/{}/ns/net", holder.id());
        while std::fs::read_link(&theirs).unwrap() == own {
            std::thread::yield_now();
        }
        let neighbour = Self { holder };
        let pid = neighbour.holder.id().to_string();
        run(
            "ip",
            &[
                "link", "add", "eth0", "type", "veth", "peer", "name", "eth1", "netns", &pid,
            ],
        );
        for address in ["10.0.0.1/24", "2001:db8::1/64"] {
            run("ip", &["address", "add", address, "dev", "eth0", "nodad"]);
        }
        neighbour.ip(&["address", "add", "10.0.0.2/24", "dev", "eth1"]);
        neighbour.ip(&["address", "add", "2001:db8::2/64", "dev", "eth1", "nodad"]);
        neighbour.ip(&["link", "set", "eth1", "up"]);
        run("ip", &["link", "set", "eth0", "up"]);
        neighbour
    }

    fn ip(&self, arguments: &[&str]) -> String {
        let pid = self.holder.id().to_string();
        let enter = ["--net", "--target", &pid, "ip"];
        run("nsenter", &[&enter, arguments].concat())
    }

    /// The hardware address by which it knows `address`.
    fn knows(&self, address: &str) -> Option<String> {
        let entry = self.ip(&["neigh", "show", address, "dev", "eth1"]);
        let words: Vec<&str> = entry.split_ascii_whitespace().collect();
        let at = words.iter().position(|word| *word == "lladdr")?;
        Some(words[at + 1].to_owned())
    }

    /// Makes it believe that another card has `address`, as after a failover.
    fn believe(&self, address: &str) {
        let other = "02:00:00:00:00:99";
        self.ip(&[
            "neigh", "replace", address, "lladdr", other, "dev", "eth1", "nud", "stale",
        ]);
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        self.holder.kill().unwrap();
        self.holder.wait().unwrap();
    }
}

fn own_mac() -> String {
    let text = run("ip", &["-o", "link", "show", "eth0"]);
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let at = words.iter().position(|word| *word == "link/ether").unwrap();
    words[at + 1].to_owned()
}

fn is_on(card: &str, text: &str) -> bool {
    run("ip", &["address", "show", "dev", card]).contains(text)
}

async fn on(node: &mut Node, verb: Verb, spec: &ResourceSpec, cards: &[&str]) -> OperationReport {
    let id = node.order(verb, spec, cards);
    node.report(id).await
}

fn story(name: &str, story: impl AsyncFnOnce(&mut Node)) {
    on_own_node(name, async || {
        let dir = tempfile::tempdir().unwrap();
        let mut node = Node::new(dir.path(), Grouping::Session);
        story(&mut node).await;
    });
}

#[test]
fn an_address_comes_once_is_learned_by_the_neighbours_and_goes() {
    let name = "an_address_comes_once_is_learned_by_the_neighbours_and_goes";
    story(name, async |node| {
        let neighbour = Neighbour::connect();
        for text in [V4, V6] {
            let bare = text.split('/').next().unwrap();
            let spec = address(text);
            neighbour.believe(bare);
            assert_eq!(
                on(node, Verb::Probe, &spec, &["eth0"]).await.outcome,
                Outcome::Stopped
            );
            let report = on(node, Verb::Start, &spec, &["eth0"]).await;
            assert_eq!(report.outcome, Outcome::Running);
            println!("{text}: {:?}", report.took);
            let waited = Duration::from_millis(20)..Duration::from_millis(200);
            assert!(waited.contains(&report.took), "{:?}", report.took);
            assert!(is_on("eth0", text));
            let mac = own_mac();
            let learned = || neighbour.knows(bare).as_ref() == Some(&mac);
            eventually("the neighbour learns the new owner", learned).await;
            assert_eq!(
                on(node, Verb::Start, &spec, &["eth0"]).await.outcome,
                Outcome::Running
            );
            assert_eq!(
                on(node, Verb::Status, &spec, &["eth0"]).await.outcome,
                Outcome::Running
            );
            assert_eq!(
                on(node, Verb::Stop, &spec, &["eth0"]).await.outcome,
                Outcome::Stopped
            );
            assert!(!is_on("eth0", text));
            assert_eq!(
                on(node, Verb::Stop, &spec, &["eth0"]).await.outcome,
                Outcome::Stopped
            );
        }
    });
}

#[test]
fn an_announcement_that_was_lost_is_repeated() {
    story("an_announcement_that_was_lost_is_repeated", async |node| {
        let neighbour = Neighbour::connect();
        let spec = address(V4);
        assert_eq!(
            on(node, Verb::Start, &spec, &["eth0"]).await.outcome,
            Outcome::Running
        );
        // Whatever it learned so far, it forgets.
        neighbour.believe("10.0.0.100");
        let mac = own_mac();
        let learned = || neighbour.knows("10.0.0.100").as_ref() == Some(&mac);
        eventually("a repeat arrives", learned).await;
    });
}

#[test]
fn an_address_that_a_neighbour_has_is_not_taken() {
    story(
        "an_address_that_a_neighbour_has_is_not_taken",
        async |node| {
            let neighbour = Neighbour::connect();
            let mac = neighbour.ip(&["-o", "link", "show", "eth1"]);
            let mac = mac
                .split_ascii_whitespace()
                .skip_while(|word| *word != "link/ether")
                .nth(1)
                .unwrap();
            for (text, bare) in [(V4, "10.0.0.100"), (V6, "2001:db8::100")] {
                neighbour.ip(&["address", "add", text, "dev", "eth1", "nodad"]);
                let how = format!("{bare} is in use by {mac} on eth0");
                let outcome = on(node, Verb::Start, &address(text), &["eth0"])
                    .await
                    .outcome;
                assert_eq!(outcome, failed(&how));
                assert!(!is_on("eth0", text));
            }
            let mut careless = address(V4);
            let ResourceKind::Address(inner) = &mut careless.kind else {
                unreachable!()
            };
            inner.duplicate_wait = Duration::ZERO;
            assert_eq!(
                on(node, Verb::Start, &careless, &["eth0"]).await.outcome,
                Outcome::Running
            );
        },
    );
}

#[test]
fn an_address_that_vanishes_is_noticed_at_once() {
    story(
        "an_address_that_vanishes_is_noticed_at_once",
        async |node| {
            let _neighbour = Neighbour::connect();
            let spec = address(V4);
            assert_eq!(
                on(node, Verb::Start, &spec, &["eth0"]).await.outcome,
                Outcome::Running
            );
            let began = Instant::now();
            run("ip", &["address", "del", V4, "dev", "eth0"]);
            assert_eq!(node.failure().await.0, "address gone from eth0");
            assert!(
                began.elapsed() < Duration::from_millis(200),
                "{:?}",
                began.elapsed()
            );
            assert_eq!(
                on(node, Verb::Probe, &spec, &["eth0"]).await.outcome,
                Outcome::Stopped
            );
        },
    );
}

#[test]
fn an_address_goes_to_the_next_card_when_its_own_has_no_carrier() {
    story(
        "an_address_goes_to_the_next_card_when_its_own_has_no_carrier",
        async |node| {
            let neighbour = Neighbour::connect();
            run(
                "ip",
                &[
                    "link", "add", "spare0", "type", "veth", "peer", "name", "spare1",
                ],
            );
            run("ip", &["link", "set", "spare0", "up"]);
            run("ip", &["link", "set", "spare1", "up"]);
            let spec = address(V4);
            let cards = ["eth0", "spare0"];
            assert_eq!(
                on(node, Verb::Start, &spec, &cards).await.outcome,
                Outcome::Running
            );
            neighbour.ip(&["link", "set", "eth1", "down"]);
            assert_eq!(node.failure().await.0, "eth0 has no carrier");
            assert_eq!(
                on(node, Verb::Start, &spec, &cards).await.outcome,
                Outcome::Running
            );
            assert!(is_on("spare0", V4));
            assert!(!is_on("eth0", V4));
            run("ip", &["link", "del", "spare0"]);
            assert_eq!(node.failure().await.0, "its card is gone");
            let how = "no card of lan is up: eth0 has no carrier, spare0 does not exist";
            assert_eq!(
                on(node, Verb::Start, &spec, &cards).await.outcome,
                failed(how)
            );
        },
    );
}

#[test]
fn without_a_named_card_the_one_in_the_same_subnet_is_taken() {
    story(
        "without_a_named_card_the_one_in_the_same_subnet_is_taken",
        async |node| {
            let _neighbour = Neighbour::connect();
            assert_eq!(
                on(node, Verb::Start, &address(V4), &[]).await.outcome,
                Outcome::Running
            );
            assert!(is_on("eth0", V4));
            let elsewhere = address("192.0.2.1/24");
            let how = "no card has an address in 192.0.2.0/24";
            assert_eq!(
                on(node, Verb::Start, &elsewhere, &[]).await.outcome,
                failed(how)
            );
        },
    );
}

#[test]
fn a_second_daemon_finds_the_address_and_watches_it() {
    on_own_node(
        "a_second_daemon_finds_the_address_and_watches_it",
        async || {
            let _neighbour = Neighbour::connect();
            let dir = tempfile::tempdir().unwrap();
            let spec = address(V4);
            let mut first = Node::new(dir.path(), Grouping::Session);
            assert_eq!(
                on(&mut first, Verb::Start, &spec, &["eth0"]).await.outcome,
                Outcome::Running
            );
            drop(first);
            let mut second = Node::new(dir.path(), Grouping::Session);
            assert_eq!(second.agents.recorded().len(), 1);
            assert_eq!(
                on(&mut second, Verb::Probe, &spec, &["eth0"]).await.outcome,
                Outcome::Running
            );
            run("ip", &["address", "del", V4, "dev", "eth0"]);
            assert_eq!(second.failure().await.0, "address gone from eth0");
        },
    );
}
