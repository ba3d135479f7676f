//! Routes, with real cards.

mod common;

use common::{Grouping, Node, failed, on_own_node, resource, run};
use model::NetworkName;
use model::operation::{Outcome, Verb};
use model::spec::{MAIN_TABLE, ResourceKind, ResourceSpec, RouteSpec};

fn spec(destination: &str, via: Option<&str>) -> RouteSpec {
    RouteSpec {
        destination: destination.parse().unwrap(),
        via: via.map(|via| via.parse().unwrap()),
        network: None,
        table: MAIN_TABLE,
        metric: 0,
        source: None,
    }
}

fn route(spec: RouteSpec) -> ResourceSpec {
    resource("route-1", ResourceKind::Route(spec))
}

fn story(name: &str, story: impl AsyncFn(&mut Node)) {
    on_own_node(name, async || {
        run(
            "ip",
            &[
                "link", "add", "eth0", "type", "veth", "peer", "name", "eth1",
            ],
        );
        for address in ["10.0.0.1/24", "fd00::1/64"] {
            run("ip", &["address", "add", address, "dev", "eth0", "nodad"]);
        }
        for card in ["eth0", "eth1"] {
            run("ip", &["link", "set", card, "up"]);
        }
        let dir = tempfile::tempdir().unwrap();
        let mut node = Node::new(dir.path(), Grouping::Session);
        story(&mut node).await;
    });
}

/// As `ip` shows it, without what the kernel adds.
fn shown(arguments: &[&str]) -> String {
    let text = run("ip", &[&["route", "show"], arguments].concat());
    text.trim().to_owned()
}

#[test]
fn a_route_comes_goes_and_its_loss_is_noticed() {
    story("a_route_comes_goes_and_its_loss_is_noticed", async |node| {
        let via = RouteSpec {
            metric: 50,
            source: Some("10.0.0.1".parse().unwrap()),
            ..spec("10.9.0.0/16", Some("10.0.0.2"))
        };
        let direct = RouteSpec {
            network: Some(NetworkName::new("lan").unwrap()),
            table: 1000,
            ..spec("192.0.2.0/24", None)
        };
        for (inner, arguments, expected) in [
            (
                via,
                &["10.9.0.0/16"][..],
                "10.9.0.0/16 via 10.0.0.2 dev eth0 proto static src 10.0.0.1 metric 50",
            ),
            (
                direct,
                &["table", "1000"][..],
                "192.0.2.0/24 dev eth0 proto static scope link",
            ),
            (
                spec("0.0.0.0/0", Some("10.0.0.2")),
                &["default"][..],
                "default via 10.0.0.2 dev eth0 proto static",
            ),
        ] {
            let table = inner.table.to_string();
            let spec = route(inner.clone());
            assert_eq!(node.outcome(Verb::Probe, &spec).await, Outcome::Stopped);
            let id = node.order(Verb::Start, &spec, &["eth0"]);
            assert_eq!(node.report(id).await.outcome, Outcome::Running);
            assert_eq!(shown(arguments), expected);
            assert_eq!(node.outcome(Verb::Status, &spec).await, Outcome::Running);
            let destination = inner.destination.to_string();
            run("ip", &["route", "del", &destination, "table", &table]);
            let (how, _) = node.failure().await;
            assert!(
                how.starts_with(&format!("no route to {destination}")),
                "{how}"
            );
            let id = node.order(Verb::Start, &spec, &["eth0"]);
            assert_eq!(node.report(id).await.outcome, Outcome::Running);
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
        }
        assert_eq!(
            shown(&[]),
            "10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.1"
        );
    });
}

#[test]
fn routes_of_ipv6_and_of_a_card_that_goes() {
    story("routes_of_ipv6_and_of_a_card_that_goes", async |node| {
        let spec = route(spec("fd09::/64", Some("fd00::2")));
        assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
        let text = run("ip", &["-6", "route", "show", "fd09::/64"]);
        assert!(text.contains("via fd00::2 dev eth0"), "{text}");
        run("ip", &["link", "set", "eth0", "down"]);
        assert_eq!(node.failure().await.0, "no route to fd09::/64");
        let no_way = node.outcome(Verb::Start, &spec).await;
        assert_eq!(
            no_way,
            failed("no card of this node reaches the router fd00::2")
        );
        assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
    });
}

#[test]
fn a_place_that_is_taken_is_left_alone() {
    story("a_place_that_is_taken_is_left_alone", async |node| {
        run("ip", &["route", "add", "10.9.0.0/16", "via", "10.0.0.3"]);
        let ours = route(spec("10.9.0.0/16", Some("10.0.0.2")));
        let how = failed("another route to 10.9.0.0/16 is in its place, via 10.0.0.3");
        assert_eq!(node.outcome(Verb::Start, &ours).await, how);
        assert_eq!(node.outcome(Verb::Stop, &ours).await, Outcome::Stopped);
        assert_eq!(shown(&["10.9.0.0/16"]), "10.9.0.0/16 via 10.0.0.3 dev eth0");
        // The very route that is there is adopted.
        let theirs = route(spec("10.9.0.0/16", Some("10.0.0.3")));
        assert_eq!(node.outcome(Verb::Start, &theirs).await, Outcome::Running);
        let sourced = route(RouteSpec {
            source: Some("10.0.0.77".parse().unwrap()),
            ..spec("10.8.0.0/16", Some("10.0.0.2"))
        });
        assert_eq!(
            node.outcome(Verb::Start, &sourced).await,
            failed("10.0.0.77 is no address of this node, so nothing can be sent from it")
        );
    });
}
