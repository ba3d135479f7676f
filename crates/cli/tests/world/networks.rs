//! Cards and ping targets of nodes.

use api::{CardView, NetworkView, PingsView, Status, Timestamp};
use model::WallTime;

/// `card alpha lan eth0 no-carrier failed barred`, `card alpha lan eth1 up carries`;
/// `targets alpha lan 1 of 2 needs 2`.
pub fn add(status: &mut Status, kind: &str, rest: &str) {
    let words: Vec<&str> = rest.split(' ').collect();
    let node = status.nodes.iter_mut().find(|node| node.name == words[0]);
    let node = node.unwrap();
    if kind == "targets" {
        let count = |at: usize| words[at].parse::<usize>().unwrap();
        let (reached, all) = (count(2), count(4));
        let target = |number: usize| format!("10.0.0.{number}");
        node.pings.push(PingsView {
            network: Some(words[1].into()),
            service: None,
            enough: count(6) <= reached,
            needed: u32::try_from(count(6)).unwrap(),
            reached: (0..reached).map(target).collect(),
            silent: (reached..all).map(target).collect(),
        });
        return;
    }
    let is = |word: &str| words.contains(&word);
    // An hour and five minutes before it is shown.
    let at = Timestamp(WallTime(1_795_136_100_000));
    let card = CardView {
        name: words[2].into(),
        link: words[3].into(),
        barred: is("barred"),
        failed_at: is("failed").then_some(at),
        failed_how: is("failed").then(|| "no-carrier".into()),
        barred_until: is("barred").then_some(Timestamp(WallTime(at.0.0 + 600_000))),
    };
    let known = node.networks.iter_mut().find(|n| n.network == words[1]);
    let network = match known {
        Some(network) => network,
        None => {
            node.networks.push(NetworkView {
                network: words[1].into(),
                state: "ok".into(),
                settled: "ok".into(),
                ..NetworkView::default()
            });
            node.networks.last_mut().unwrap()
        }
    };
    if is("carries") {
        network.carrier = Some(card.name.clone());
    }
    network.cards.push(card);
}
