//! Bridges, cables, and cutting them.
//!
//! A whole cable is cut by taking its port down, which the kernel does at once. One direction,
//! or the way between two nodes only, takes packet filter rules on the bridge.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};

use rustix::process::Pid;

use super::Keeper;
use crate::layout::Card;
use crate::netlink::Cable;
use crate::protocol::{Cut, Direction};

impl Keeper {
    pub(super) fn build_networks(&mut self) -> io::Result<()> {
        for network in 0..self.charge.layout.networks.len() {
            self.netlink.add_bridge(&bridge(network))?;
        }
        Ok(())
    }

    /// The cards of a machine, each with the other end of its cable.
    fn ports(&self, machine: &str) -> Vec<(Card, String)> {
        let layout = &self.charge.layout;
        let host = layout.host_number(machine).unwrap_or_default();
        let cards = layout.cards(machine).into_iter();
        cards
            .map(|card| {
                let port = card.port(host);
                (card, port)
            })
            .collect()
    }

    pub(super) fn lay_cables(&mut self, machine: &str, init: Pid) -> io::Result<()> {
        let namespace = File::open(format!("/proc/{}/ns/net", init.as_raw_nonzero()))?;
        let host = self.charge.layout.host_number(machine).unwrap_or_default();
        for (card, port) in self.ports(machine) {
            // That of the boot before may not have gone yet.
            self.netlink.remove(&port)?;
            self.netlink.add_cable(&Cable {
                port: &port,
                bridge: &bridge(card.network),
                card: &card.name,
                mac: card.mac(host),
                namespace: namespace.as_fd(),
            })?;
            self.netlink.set_up(&port)?;
        }
        Ok(())
    }

    /// Lets nothing of a machine get out, without a sign to its cards: their carrier would be
    /// told to its daemon, which a power loss never does.
    pub(super) fn isolate(&mut self, machine: &str) -> io::Result<()> {
        for (_, port) in self.ports(machine) {
            // A port that is gone carries nothing.
            let _ = self.netlink.set_free(&port);
        }
        Ok(())
    }

    pub(super) fn cut(&mut self, cut: Cut) -> io::Result<()> {
        self.check(&cut)?;
        self.cuts.insert(cut.clone());
        let applied = self.apply_cuts();
        if applied.is_err() {
            self.cuts.remove(&cut);
        }
        applied
    }

    fn check(&mut self, cut: &Cut) -> io::Result<()> {
        self.machine(&cut.node)?;
        if let Some(from) = &cut.from {
            self.machine(from)?;
        }
        let is_known = |card: &String| self.ports(&cut.node).iter().any(|(c, _)| c.name == *card);
        if let Some(card) = cut.card.as_ref().filter(|card| !is_known(card)) {
            return Err(io::Error::other(format!("{} has no card {card}", cut.node)));
        }
        match &cut.network {
            Some(name) if !self.charge.layout.networks.contains(name) => Err(io::Error::other(
                format!("there is no network `{name}` here"),
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// Plugs in the cables of one node, or all.
    pub(super) fn heal(&mut self, node: Option<&str>, card: Option<&str>) -> io::Result<()> {
        if let Some(name) = node {
            self.machine(name)?;
        }
        let needs_filter = self.cuts.iter().any(is_partial);
        let concerns = |cut: &Cut| {
            let is_of = |name| cut.node == name || cut.from.as_deref() == Some(name);
            node.is_none_or(is_of) && (card.is_none() || cut.card.as_deref() == card)
        };
        self.cuts.retain(|cut| !concerns(cut));
        self.set_ports()?;
        if needs_filter {
            self.set_filter()
        } else {
            Ok(())
        }
    }

    pub(super) fn apply_cuts(&mut self) -> io::Result<()> {
        self.set_ports()?;
        if self.cuts.iter().any(is_partial) {
            self.set_filter()
        } else {
            Ok(())
        }
    }

    fn networks_of(&self, cut: &Cut) -> Vec<usize> {
        let names = self.charge.layout.networks.iter().enumerate();
        let chosen = names.filter(|(_, name)| cut.network.as_ref().is_none_or(|n| n == *name));
        chosen.map(|(number, _)| number).collect()
    }

    fn set_ports(&mut self) -> io::Result<()> {
        for name in self.charge.layout.machines() {
            if self
                .machines
                .get(&name)
                .is_none_or(|machine| machine.channel().is_none())
            {
                continue;
            }
            for (card, port) in self.ports(&name) {
                let mut whole = self
                    .cuts
                    .iter()
                    .filter(|cut| !is_partial(cut) && cut.node == name);
                let is_cut = |cut: &Cut| {
                    let is_card = cut.card.as_ref().is_none_or(|name| *name == card.name);
                    is_card && self.networks_of(cut).contains(&card.network)
                };
                if whole.any(is_cut) {
                    self.netlink.set_down(&port)?;
                } else {
                    self.netlink.set_up(&port)?;
                }
            }
        }
        Ok(())
    }

    /// The rules for all partial cuts; they replace those before in one step.
    fn filter_rules(&self) -> String {
        let mut rules = String::new();
        for cut in self.cuts.iter().filter(|cut| is_partial(cut)) {
            for network in self.networks_of(cut) {
                let port = |name: &str| {
                    let mut ports = self.ports(name).into_iter();
                    let found = ports.find(|(card, _)| card.network == network);
                    found.map(|(_, port)| port)
                };
                let Some(own) = port(&cut.node) else { continue };
                let other = cut.from.as_deref().map(port);
                let Some(other) = other.map_or(Some(None), |port| port.map(Some)) else {
                    continue;
                };
                if cut.direction != Direction::Out {
                    rules += &rule(other.as_deref(), Some(&own));
                }
                if cut.direction != Direction::In {
                    rules += &rule(Some(&own), other.as_deref());
                }
            }
        }
        format!(
            "add table bridge lab\ndelete table bridge lab\ntable bridge lab {{\n chain forward {{\n  \
             type filter hook forward priority 0; policy accept;\n{rules} }}\n}}\n"
        )
    }

    fn set_filter(&self) -> io::Result<()> {
        let missing = |error: io::Error| {
            let why = "cutting one direction, or one pair, needs `nft` (Debian package nftables)";
            io::Error::other(format!("{why}: {error}"))
        };
        let mut child = Command::new("nft")
            .args(["-f", "-"])
            .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(missing)?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(self.filter_rules().as_bytes())?;
        }
        let output = child.wait_with_output()?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(io::Error::other(format!(
            "nft refused the rules: {}",
            said.trim()
        )))
    }
}

fn bridge(network: usize) -> String {
    format!("br{network}")
}

fn is_partial(cut: &Cut) -> bool {
    cut.direction != Direction::Both || cut.from.is_some()
}

fn rule(from: Option<&str>, to: Option<&str>) -> String {
    let from = from
        .map(|port| format!("iifname \"{port}\" "))
        .unwrap_or_default();
    let to = to
        .map(|port| format!("oifname \"{port}\" "))
        .unwrap_or_default();
    format!("  {from}{to}drop\n")
}
