//! The networks of this node: what its hands see of them comes in, the cluster is told, and the
//! hands are told which card carries the addresses.

use std::collections::BTreeMap;
use std::time::Duration;

use model::networks::{Level, Link, NetworksSeen, PingTarget};
use model::{CardName, Command, Instant, Moment, NetworkName};

use crate::cards::{Cards, Carry};
use crate::node::{Node, Output};
use crate::reach::{Echo, PingList, Reach, ping_lists};

/// Between two words to the cluster, unless something has become worse: who looks for a better
/// node must know that at once. A card that goes up and down must not fill the log.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// What is known of the networks of this node.
#[derive(Debug, Default)]
pub(crate) struct Networks {
    cards: Cards,
    reach: Reach,
    /// The version of the spec that both were made from.
    spec_version: u64,
    is_restored: bool,
    told_at: Option<Instant>,
    /// Numbers the last word.
    word: u64,
    is_told: bool,
    /// What it said.
    told: Box<NetworksSeen>,
}

impl Node {
    /// All cards of this machine, and where its own address of each network was found.
    pub fn handle_cards(
        &mut self,
        links: BTreeMap<CardName, Link>,
        found: BTreeMap<NetworkName, CardName>,
        now: Instant,
    ) {
        self.follow_networks(now);
        let at = self.moment(now);
        self.networks.cards.handle_cards(links, found, (at, now));
        self.after_networks(now);
    }

    /// The link of a card has changed.
    pub fn handle_link(&mut self, card: &CardName, link: Link, now: Instant) {
        self.follow_networks(now);
        let at = self.moment(now);
        self.networks.cards.handle_link(card, link, (at, now));
        self.after_networks(now);
    }

    /// A ping target was asked.
    pub fn handle_echo(&mut self, list: &PingList, target: PingTarget, echo: Echo, now: Instant) {
        self.follow_networks(now);
        self.networks.reach.handle_echo(list, target, echo, now);
        if self.networks_differ(now) {
            self.after_networks(now);
        }
    }

    /// What this node would tell of its networks now.
    #[must_use]
    pub fn networks_seen(&self, now: Instant) -> NetworksSeen {
        let mut seen = NetworksSeen {
            networks: self.networks.cards.seen(now),
            ..NetworksSeen::default()
        };
        self.networks.reach.tell(&mut seen);
        seen
    }

    fn after_networks(&mut self, now: Instant) {
        // Addresses first: whoever waits for them does not wait for the log.
        self.carry_out();
        self.advance(now);
    }

    fn carry_out(&mut self) {
        while let Some(Carry { network, card }) = self.networks.cards.poll_output() {
            self.outputs.push_back(Output::Carry { network, card });
        }
    }

    fn moment(&self, now: Instant) -> Moment {
        Moment {
            at: self.wall,
            clock: self.cluster_time(now),
        }
    }

    /// The configuration may have changed.
    fn follow_networks(&mut self, now: Instant) {
        let version = self.state.spec_version();
        if version == self.networks.spec_version {
            return;
        }
        let Some(spec) = self.state.spec() else {
            return;
        };
        let name = &self.config.name;
        let nobody = model::spec::NodeSpec::default();
        let node = spec.nodes.get(name).unwrap_or(&nobody);
        self.networks.spec_version = version;
        self.networks.cards.configure(spec, node, now);
        self.networks.reach.configure(ping_lists(spec, name));
        self.carry_out();
    }

    /// Applied: a person trusts a card of a node again.
    pub(crate) fn apply_rearm(&mut self, command: &Command, now: Instant) {
        if let Command::RearmCards { node, card, .. } = command
            && *node == self.config.name
        {
            self.networks.cards.rearm(card.as_ref(), now);
            self.carry_out();
        }
    }

    pub(crate) fn tend_networks(&mut self, now: Instant) {
        self.follow_networks(now);
        self.networks.cards.handle_timeout(now);
        self.networks.reach.handle_timeout(now);
        self.carry_out();
        if !self.is_caught_up() {
            return;
        }
        self.restore_networks(now);
        self.networks.is_told = !self.networks_differ(now);
        let since = self.networks.told_at;
        let is_due = since.is_none_or(|at| at + TELL_EVERY <= now) || self.is_worse_news(now);
        if self.networks.is_told || !is_due || self.leader.is_none() {
            return;
        }
        let told = Box::new(self.networks_seen(now));
        self.networks.told.clone_from(&told);
        self.networks.told_at = Some(now);
        self.networks.word = now.0.max(self.networks.word + 1);
        let command = Command::NetworksTold {
            node: self.config.name.clone(),
            boot: self.config.boot,
            run: self.config.run,
            word: self.networks.word,
            told,
        };
        self.propose_own(command, now);
    }

    /// Whether something is worse at this moment than this run has told last.
    fn is_worse_news(&self, now: Instant) -> bool {
        let levels = |seen: &NetworksSeen| -> Vec<Level> {
            let networks = seen.networks.values().map(|network| network.standing.now);
            let pings = seen.pings.values().chain(seen.service_pings.values());
            networks
                .chain(pings.map(|reach| reach.standing.now))
                .collect()
        };
        let (told, seen) = (
            levels(&self.networks.told),
            levels(&self.networks_seen(now)),
        );
        told.len() == seen.len() && told.iter().zip(&seen).any(|(told, seen)| seen < told)
    }

    /// Bars of an earlier run of the daemon in this boot go on.
    fn restore_networks(&mut self, now: Instant) {
        if std::mem::replace(&mut self.networks.is_restored, true) {
            return;
        }
        let me = self.state.seen().nodes.get(&self.config.name);
        let told = me.map(|me| &me.networks);
        let of_this_boot =
            told.filter(|told| told.word.is_some_and(|(boot, _)| boot == self.config.boot));
        if let Some(told) = of_this_boot.cloned() {
            let clock = self.cluster_time(now);
            self.networks.cards.restore(&told, clock, now);
            self.carry_out();
        }
    }

    fn networks_differ(&self, now: Instant) -> bool {
        let Some(me) = self.state.seen().nodes.get(&self.config.name) else {
            return false;
        };
        let mut seen = self.networks_seen(now);
        // The state makes attributes of what it is told.
        seen.attributes.clone_from(&me.networks.attributes);
        let is_this_boot = me
            .networks
            .word
            .is_none_or(|(boot, _)| boot == self.config.boot);
        !is_this_boot || !seen.says_the_same(&me.networks)
    }

    pub(crate) fn networks_deadline(&self, now: Instant) -> Option<Instant> {
        let again = self.networks.told_at.map(|at| at + TELL_EVERY);
        let again = again.filter(|_| !self.networks.is_told && self.leader.is_some());
        [
            self.networks.cards.next_deadline(now),
            self.networks.reach.next_deadline(),
            again,
        ]
        .into_iter()
        .flatten()
        .min()
    }
}
