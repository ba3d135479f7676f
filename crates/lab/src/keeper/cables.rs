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
use crate::layout::hardware_address;
use crate::netlink::Cable;
use crate::protocol::{Cut, Direction};

impl Keeper {
    pub(super) fn build_networks(&mut self) -> io::Result<()> {
        for network in 0..self.charge.layout.networks.len() {
            self.netlink.add_bridge(&bridge(network))?;
        }
        Ok(())
    }

    /// The ports of a machine: the number of the network, and the name.
    fn ports(&self, machine: &str) -> Vec<(usize, String)> {
        let layout = &self.charge.layout;
        let host = layout.host_number(machine).unwrap_or_default();
        let count = layout.cards(machine).len();
        (0..count)
            .map(|network| (network, format!("p{host}.{network}")))
            .collect()
    }

    pub(super) fn lay_cables(&mut self, machine: &str, init: Pid) -> io::Result<()> {
        let namespace = File::open(format!("/proc/{}/ns/net", init.as_raw_nonzero()))?;
        let host = self.charge.layout.host_number(machine).unwrap_or_default();
        for (network, port) in self.ports(machine) {
            // That of the boot before may not have gone yet.
            self.netlink.remove(&port)?;
            let number = u8::try_from(network).unwrap_or_default();
            self.netlink.add_cable(&Cable {
                port: &port,
                bridge: &bridge(network),
                card: &format!("eth{network}"),
                mac: hardware_address(number, host),
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
        match &cut.network {
            Some(name) if !self.charge.layout.networks.contains(name) => Err(io::Error::other(
                format!("there is no network `{name}` here"),
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// Plugs in the cables of one node, or all.
    pub(super) fn heal(&mut self, node: Option<&str>) -> io::Result<()> {
        if let Some(name) = node {
            self.machine(name)?;
        }
        let needs_filter = self.cuts.iter().any(is_partial);
        let concerns = |cut: &Cut| {
            node.is_none_or(|name| cut.node == name || cut.from.as_deref() == Some(name))
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
            for (network, port) in self.ports(&name) {
                let mut whole = self
                    .cuts
                    .iter()
                    .filter(|cut| !is_partial(cut) && cut.node == name);
                if whole.any(|cut| self.networks_of(cut).contains(&network)) {
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
                    let found = self.ports(name).into_iter().find(|(n, _)| *n == network);
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
