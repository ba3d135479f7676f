//! The files that `init` and `join` write.

use std::collections::BTreeMap;

use config::{EXAMPLE, EditError, initial, read, with_node};
use expect_test::{Expect, expect};
use model::spec::Attachment;
use model::{NetworkName, NodeName};

fn attachments(text: &str) -> BTreeMap<NetworkName, Attachment> {
    text.lines()
        .map(|line| {
            let mut words = line.split_whitespace();
            let network = words.next().unwrap().parse().unwrap();
            let address = words.next().unwrap().parse().unwrap();
            let cards = words.map(|card| card.parse().unwrap()).collect();
            (network, Attachment { address, cards })
        })
        .collect()
}

/// Adds node `new` and shows the result, which must be readable.
fn check(source: &str, places: &str, expected: Expect) {
    let name: NodeName = "new".parse().unwrap();
    let text = with_node(source, &name, &attachments(places)).unwrap();
    expected.assert_eq(&text);
    let loaded = read("new.toml", &text).unwrap();
    assert_eq!(loaded.spec.nodes[&name].networks, attachments(places));
}

#[test]
fn the_first_file_is_read_without_problems() {
    let node: NodeName = "alpha".parse().unwrap();
    let text = initial(
        "shop",
        &node,
        &attachments("lan 10.0.0.11/24 eth0\nsan 10.1.0.11/24"),
    );
    expect![[r##"
        # The whole cluster in one file. `mainstay check FILE` says what is wrong with it,
        # `mainstay apply FILE` shows what a change would do and then does it.

        [cluster]
        name = "shop"

        [network.lan]

        [network.san]

        [node.alpha]
        lan = { address = "10.0.0.11/24", cards = ["eth0"] }
        san = "10.1.0.11/24"
    "##]]
    .assert_eq(&text);
    let loaded = read("cluster.toml", &text).unwrap();
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    assert_eq!(loaded.spec.cluster.name, "shop");
}

#[test]
fn a_node_is_added_behind_the_others_and_comments_stay() {
    check(
        "# ours\n[cluster]\nname = \"shop\"  # the name\n\n[network.lan]\n\n# the old one\n[node.old]\nlan = \"10.0.0.11/24\"\n\n# what we sell\n[service.web]\n[[service.web.resource]]\nprocess = [\"/bin/web\"]\n",
        "lan 10.0.0.12/24 eth0 eth1",
        expect![[r##"
            # ours
            [cluster]
            name = "shop"  # the name

            [network.lan]

            # the old one
            [node.old]
            lan = "10.0.0.11/24"

            [node.new]
            lan = { address = "10.0.0.12/24", cards = ["eth0", "eth1"] }

            # what we sell
            [service.web]
            [[service.web.resource]]
            process = ["/bin/web"]
        "##]],
    );
}

#[test]
fn a_network_that_the_file_does_not_know_is_added() {
    check(
        "[cluster]\nname = \"shop\"\n\n[network.lan]\n\n[node.old]\nlan = \"10.0.0.11/24\"\n",
        "lan 10.0.0.12/24\nsan 10.1.0.12/24",
        expect![[r#"
            [cluster]
            name = "shop"

            [network.lan]

            [network.san]

            [node.old]
            lan = "10.0.0.11/24"

            [node.new]
            lan = "10.0.0.12/24"
            san = "10.1.0.12/24"
        "#]],
    );
}

#[test]
fn a_file_with_inline_sections_takes_a_node_as_well() {
    check(
        "cluster = { name = \"shop\" }\nnetwork = { lan = {} }\nnode = { old = { lan = \"10.0.0.11/24\" } }\n",
        "lan 10.0.0.12/24",
        expect![[r#"
            cluster = { name = "shop" }
            network = { lan = {} }
            node = { old = { lan = "10.0.0.11/24" } , new = { lan = "10.0.0.12/24" } }
        "#]],
    );
}

#[test]
fn a_node_joins_the_example() {
    let name: NodeName = "delta".parse().unwrap();
    let text = with_node(EXAMPLE, &name, &attachments("lan 10.0.0.14/24")).unwrap();
    assert_eq!(read("x", &text).unwrap().spec.nodes.len(), 4);
    assert!(text.contains("# in this order; others allowed"));
}

#[test]
fn a_node_that_is_described_already_is_refused() {
    let name: NodeName = "alpha".parse().unwrap();
    let error = with_node(EXAMPLE, &name, &attachments("lan 10.0.0.14/24")).unwrap_err();
    assert!(matches!(error, EditError::NodeKnown(_)), "{error}");
    let error = with_node("[x", &name, &BTreeMap::new()).unwrap_err();
    assert!(matches!(error, EditError::Syntax(_)), "{error}");
    let error = with_node("node = 5", &name, &BTreeMap::new()).unwrap_err();
    assert!(matches!(error, EditError::NotATable("node")), "{error}");
}
