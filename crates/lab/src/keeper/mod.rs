//! The keeper: the first process of the laboratory's namespaces. It owns the bridges, the
//! machines and the power switch, and carries out what it is asked, one thing at a time.
//!
//! It has one thread, so that it can start machines, and never waits without a bound.

mod cables;
mod machine;
mod processes;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};

use crate::channel::{Channel, Listener};
use crate::janitor::{CHARGE, Charge, Lifetime, clean};
use crate::layout::{WITNESS, Witness};
use crate::namespaces;
use crate::netlink::Netlink;
use crate::protocol::{Cut, Exec, NodeStatus, Notice, Order, Pace, Power, Reply, Request, Status};

use machine::Machine;

/// Each test holds one or two; beyond this somebody forgets to close.
const CONNECTIONS_MAX: usize = 256;

/// Says who may ask for what.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Door {
    /// The user's: everything.
    Control,
    /// That of fence agents in the machines: power only.
    Switch,
}

struct Keeper {
    charge: Charge,
    keeper_pid: i32,
    netlink: Netlink,
    machines: BTreeMap<String, Machine>,
    cuts: BTreeSet<Cut>,
    control: Listener,
    switch: Listener,
    connections: Vec<(Door, Channel)>,
    /// Connections that a machine answers from now on; our copy would hide its death.
    handed_over: BTreeSet<usize>,
    /// Whoever made the laboratory, while it depends on that.
    owner: Option<Channel>,
    /// Ends with the janitor.
    lifeline: Channel,
}

/// What became readable.
enum Source {
    Lifeline,
    Owner,
    Listener(Door),
    Connection(usize),
    Machine(String),
    Watchdog(String),
}

#[derive(PartialEq, Eq)]
enum After {
    GoOn,
    End,
}

/// Plays the keeper, in its namespaces already.
pub(crate) fn main() -> io::Result<()> {
    let control = Listener::from(namespaces::inherited(3)?);
    let owner = Channel::from(namespaces::inherited(4)?);
    let lifeline = Channel::from(namespaces::inherited(5)?);
    let charge: Charge = serde_json::from_str(&std::env::var(CHARGE).unwrap_or_default())?;
    match Keeper::come_up(&charge, control, lifeline) {
        Ok(mut keeper) => {
            owner.send(&Reply::Done, &[])?;
            keeper.owner = (charge.lifetime == Lifetime::Attached).then_some(owner);
            keeper.serve()
        }
        Err(error) => owner.send(
            &Reply::Refused {
                why: error.to_string(),
            },
            &[],
        ),
    }
}

/// Our number outside, which the `/proc` of outside knows.
fn number_outside() -> i32 {
    let link = std::fs::read_link("/proc/self").unwrap_or_default();
    link.to_string_lossy().parse().unwrap_or(0)
}

impl Keeper {
    fn come_up(charge: &Charge, control: Listener, lifeline: Channel) -> io::Result<Self> {
        let keeper_pid = number_outside();
        namespaces::private_proc()?;
        rustix::system::sethostname(b"lab")?;
        let mut netlink = Netlink::open()?;
        netlink.set_up("lo")?;
        let mut keeper = Self {
            keeper_pid,
            netlink,
            machines: BTreeMap::new(),
            cuts: BTreeSet::new(),
            control,
            switch: Listener::bind_path(&charge.layout.switch_path())?,
            connections: Vec::new(),
            handed_over: BTreeSet::new(),
            owner: None,
            lifeline,
            charge: charge.clone(),
        };
        keeper.build_networks()?;
        let names = charge.layout.machines();
        for name in &names {
            keeper
                .machines
                .insert(name.clone(), Machine::new(name, charge));
        }
        keeper.switch_on(&names)?;
        Ok(keeper)
    }

    /// Runs until told to end, or until whoever the laboratory depends on is gone.
    fn serve(&mut self) -> io::Result<()> {
        loop {
            for source in self.wait()? {
                if self.handle(source)? == After::End {
                    return self.end();
                }
            }
            self.drop_connections();
        }
    }

    fn drop_connections(&mut self) {
        let handed_over = std::mem::take(&mut self.handed_over);
        let mut index = 0;
        self.connections.retain(|(_, channel)| {
            let keep = !handed_over.contains(&index) && !is_closed(channel);
            index += 1;
            keep
        });
    }

    fn end(&mut self) -> io::Result<()> {
        let names: Vec<String> = self.machines.keys().cloned().collect();
        for name in names {
            // What resists is ended by the kernel when this process, the first of the
            // namespace, ends.
            let _ = self.switch_off(&name);
        }
        clean(&self.charge);
        Ok(())
    }

    fn wait(&self) -> io::Result<Vec<Source>> {
        let mut sources = vec![Source::Lifeline];
        let mut fds = vec![watch(self.lifeline.as_fd())];
        let mut add = |source, fd| {
            sources.push(source);
            fds.push(watch(fd));
        };
        if let Some(owner) = &self.owner {
            add(Source::Owner, owner.as_fd());
        }
        for (name, machine) in &self.machines {
            if let Some(channel) = machine.channel() {
                add(Source::Machine(name.clone()), channel.as_fd());
            }
            if let Some(watchdog) = machine.watchdog() {
                add(Source::Watchdog(name.clone()), watchdog.as_fd());
            }
        }
        for (index, (_, channel)) in self.connections.iter().enumerate() {
            add(Source::Connection(index), channel.as_fd());
        }
        if self.connections.len() < CONNECTIONS_MAX {
            add(Source::Listener(Door::Control), self.control.as_fd());
            add(Source::Listener(Door::Switch), self.switch.as_fd());
        }
        rustix::io::retry_on_intr(|| poll(&mut fds, None))?;
        let ready = sources
            .into_iter()
            .zip(&fds)
            .filter(|(_, fd)| !fd.revents().is_empty());
        Ok(ready.map(|(source, _)| source).collect())
    }

    fn handle(&mut self, source: Source) -> io::Result<After> {
        match source {
            Source::Lifeline | Source::Owner => return Ok(After::End),
            Source::Listener(door) => self.welcome(door),
            Source::Connection(index) => return self.converse(index),
            Source::Machine(name) => self.hear(&name),
            Source::Watchdog(name) => self.hear_watchdog(&name),
        }
        Ok(After::GoOn)
    }

    fn welcome(&mut self, door: Door) {
        let listener = match door {
            Door::Control => &self.control,
            Door::Switch => &self.switch,
        };
        let Ok(channel) = listener.accept() else {
            return;
        };
        // Inside, the user to whom the laboratory belongs is root.
        if channel.peer_uid().is_ok_and(|uid| uid == 0) {
            self.connections.push((door, channel));
        }
    }

    fn converse(&mut self, index: usize) -> io::Result<After> {
        let Some((door, channel)) = self.connections.get(index) else {
            return Ok(After::GoOn);
        };
        let door = *door;
        let Ok(Some((request, fds))) = channel.receive::<Request>() else {
            return Ok(After::GoOn);
        };
        if let Request::Exec(exec) = &request
            && door == Door::Control
        {
            let reply = rustix::io::dup(channel)?;
            match self.exec(exec, fds, reply) {
                Ok(()) => drop(self.handed_over.insert(index)),
                Err(error) => self.answer(
                    index,
                    &Reply::Refused {
                        why: error.to_string(),
                    },
                ),
            }
            return Ok(After::GoOn);
        }
        if request == Request::Down && door == Door::Control {
            self.answer(index, &Reply::Done);
            return Ok(After::End);
        }
        let reply = self.carry_out(request, door);
        self.answer(
            index,
            &reply.unwrap_or_else(|e| Reply::Refused { why: e.to_string() }),
        );
        Ok(After::GoOn)
    }

    fn answer(&self, index: usize, reply: &Reply) {
        if let Some((_, channel)) = self.connections.get(index) {
            // Whoever asked may be gone by now.
            let _ = channel.send(reply, &[]);
        }
    }

    fn carry_out(&mut self, request: Request, door: Door) -> io::Result<Reply> {
        match request {
            Request::Status => return Ok(Reply::Status(self.status())),
            Request::Power {
                node,
                set: Power::Off,
            } => self.switch_off(&node)?,
            Request::Power {
                node,
                set: Power::On,
            } => self.switch_on(&[node])?,
            _ if door == Door::Switch => return Err(io::Error::other("not by this door")),
            Request::Cut(cut) => self.cut(cut)?,
            Request::Heal { node, card } => self.heal(node.as_deref(), card.as_deref())?,
            Request::Pace { node, set } => self.set_pace(&node, set)?,
            Request::DaemonKill { node } => self.kill_daemon(&node)?,
            Request::Processes { node } => {
                // Without power there are none.
                let all = match self.machine(&node)?.running() {
                    Ok(pid) => processes::list(pid)?,
                    Err(_) => Vec::new(),
                };
                return Ok(Reply::Processes(all));
            }
            Request::Exec(_) | Request::Down => {
                return Err(io::Error::other("handled before"));
            }
        }
        Ok(Reply::Done)
    }

    fn machine(&mut self, name: &str) -> io::Result<&mut Machine> {
        let unknown = || io::Error::other(format!("there is no node `{name}` here"));
        self.machines.get_mut(name).ok_or_else(unknown)
    }

    fn exec(&mut self, exec: &Exec, fds: Vec<OwnedFd>, reply: OwnedFd) -> io::Result<()> {
        let channel = self.machine(&exec.machine)?.on()?;
        let all: Vec<BorrowedFd<'_>> = fds.iter().chain([&reply]).map(AsFd::as_fd).collect();
        channel.send(&Order::Exec(exec.clone()), &all)
    }

    fn set_pace(&mut self, node: &str, pace: Pace) -> io::Result<()> {
        let machine = self.machine(node)?;
        processes::set_pace(machine.running()?, pace)?;
        machine.set_pace(pace);
        Ok(())
    }

    fn kill_daemon(&mut self, node: &str) -> io::Result<()> {
        match self.machine(node)?.kill_daemon()? {
            Some(_) => Ok(()),
            None => Err(io::Error::other(format!("no daemon runs on {node}"))),
        }
    }

    /// Something from a machine: news, or its end.
    fn hear(&mut self, name: &str) {
        let Some(machine) = self.machines.get_mut(name) else {
            return;
        };
        let Some(channel) = machine.channel() else {
            return;
        };
        match channel.receive::<Notice>() {
            Ok(Some((notice, _))) => machine.note(&notice),
            // Its first process is gone, and with it all others.
            Ok(None) | Err(_) => {
                let _ = self.switch_off(name);
            }
        }
    }

    /// Its watchdog has bitten, unless that of an earlier boot was meant, which is gone.
    fn hear_watchdog(&mut self, name: &str) {
        let watchdog = self.machines.get(name).and_then(Machine::watchdog);
        if watchdog.is_some_and(is_closed) {
            // What resists is as dead as a machine that hangs while it resets.
            let _ = self.switch_off(name);
        }
    }

    fn status(&self) -> Status {
        let layout = &self.charge.layout;
        let node = |name: &String| -> Option<NodeStatus> {
            let address = layout.address(name, layout.networks.first()?)?;
            Some(self.machines.get(name)?.status(address.to_string()))
        };
        Status {
            name: layout.name.clone(),
            dir: layout.dir.clone(),
            janitor_pid: self.charge.janitor_pid,
            keeper_pid: self.keeper_pid,
            networks: layout.networks.clone(),
            spares: layout.spares,
            nodes: layout.nodes.iter().filter_map(node).collect(),
            witness: match layout.witness {
                Witness::Present => node(&WITNESS.to_string()),
                Witness::Absent => None,
            },
            cuts: self.cuts.iter().cloned().collect(),
        }
    }
}

fn watch(fd: BorrowedFd<'_>) -> PollFd<'_> {
    PollFd::from_borrowed_fd(fd, PollFlags::IN)
}

fn is_closed(channel: &Channel) -> bool {
    let mut fds = [PollFd::from_borrowed_fd(
        channel.as_fd(),
        PollFlags::empty(),
    )];
    let now = rustix::event::Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    poll(&mut fds, Some(&now)).is_ok_and(|count| 0 < count)
}
