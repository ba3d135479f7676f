//! One machine: a node or the client.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::Keeper;
use crate::cgroups;
use crate::channel::Channel;
use crate::janitor::Charge;
use crate::layout::{CLIENT, WITNESS};
use crate::namespaces::{self, Launch, MACHINE};
use crate::protocol::{Boot, Daemon, DaemonKind, NodeStatus, Notice, Order, Pace, Power};
use crate::server_off;

/// A machine comes up in some ten milliseconds; on a loaded one, in a second; on one whose
/// processor is made in software and loaded, in ten.
const UP_LIMIT: Duration = Duration::from_secs(60);
/// Killed processes end at once, unless the kernel holds them in a call that cannot be ended.
const DOWN_LIMIT: Duration = Duration::from_secs(5);
/// The first process of a machine answers at once, unless it stands still.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// News that may come before an answer.
const NOTICES_MAX: usize = 64;

enum State {
    Off,
    On {
        init: Pid,
        channel: Channel,
        pace: Pace,
        daemon: Option<i32>,
        dog: Dog,
    },
}

/// The watchdog of one boot: a process beside the machine, of which only the end matters.
struct Dog {
    pid: Pid,
    end: Channel,
}

impl Dog {
    fn start(name: &str, charge: &Charge) -> io::Result<Self> {
        let (end, its_end) = Channel::pair()?;
        let path = charge.layout.watchdog_path(name).display().to_string();
        let pid = namespaces::launch(&Launch {
            namespaces: 0,
            role: &["lab-watchdog", &path],
            environment: &BTreeMap::new(),
            fds: &[its_end.as_fd()],
        })?;
        Ok(Self { pid, end })
    }
}

pub(super) struct Machine {
    name: String,
    boots: u32,
    state: State,
    boot: Boot,
    charge: Charge,
}

/// What processes in a machine find in their environment.
fn environment(name: &str, charge: &Charge) -> BTreeMap<String, String> {
    let layout = &charge.layout;
    let path = std::env::var("PATH").unwrap_or_default();
    let bin = layout.bin_dir().display().to_string();
    let mut all = BTreeMap::from([
        (
            "PATH".into(),
            format!("{bin}:{path}:/usr/sbin:/usr/bin:/sbin:/bin"),
        ),
        ("MAINSTAY_LAB".into(), layout.name.clone()),
        (
            "MAINSTAY_LAB_SHARED".into(),
            layout.shared_dir().display().to_string(),
        ),
        (
            "MAINSTAY_LAB_SWITCH".into(),
            layout.switch_path().display().to_string(),
        ),
    ]);
    if name == WITNESS {
        let state = layout.state_dir(name).display().to_string();
        all.insert("MAINSTAY_WITNESS_DIR".into(), state);
    } else if name != CLIENT {
        let state = layout.state_dir(name).display().to_string();
        all.insert("MAINSTAY_STATE_DIR".into(), state);
        let log = layout.log_dir(name).display().to_string();
        all.insert("MAINSTAY_LOG_DIR".into(), log);
        let wall = layout.wall_path(name).display().to_string();
        all.insert("MAINSTAY_LAB_WALL".into(), wall);
        all.insert("MAINSTAY_RUN_DIR".into(), "/run/mainstay".into());
        all.insert(
            "MAINSTAY_SOCKET".into(),
            "/run/mainstay/mainstay.sock".into(),
        );
        if let Some(group) = &charge.cgroup {
            let group = group.join(name).display().to_string();
            all.insert("MAINSTAY_CGROUP_ROOT".into(), group);
        }
    }
    all
}

/// A new id, as the kernel would make one.
fn draw_boot_id() -> io::Result<String> {
    // The file gives a new random id at each reading.
    std::fs::read_to_string("/proc/sys/kernel/random/uuid")
}

impl Machine {
    pub(super) fn new(name: &str, charge: &Charge) -> Self {
        let layout = &charge.layout;
        let dir = layout.machine_dir(name);
        let daemon = (name != CLIENT).then(|| Daemon {
            program: layout.bin_dir().join("mainstay"),
            installed: layout.program_path(name),
            state_dir: layout.state_dir(name),
            log: dir.join("daemon.log"),
            kind: match name == WITNESS {
                true => DaemonKind::Witness,
                false => DaemonKind::Node,
            },
        });
        let boot = Boot {
            name: name.to_string(),
            cards: layout.cards(name),
            boot_id: dir.join("boot_id"),
            environment: environment(name, charge),
            places: BTreeMap::from([
                ("bin".into(), layout.bin_dir()),
                ("shared".into(), layout.shared_dir()),
                ("watchdog".into(), layout.watchdog_path(name)),
            ]),
            daemon,
        };
        Self {
            name: name.to_string(),
            boots: 0,
            state: State::Off,
            boot,
            charge: charge.clone(),
        }
    }

    pub(super) fn channel(&self) -> Option<&Channel> {
        match &self.state {
            State::On { channel, .. } => Some(channel),
            State::Off => None,
        }
    }

    /// Ends when its watchdog bites.
    pub(super) fn watchdog(&self) -> Option<&Channel> {
        match &self.state {
            State::On { dog, .. } => Some(&dog.end),
            State::Off => None,
        }
    }

    fn is_off(&self) -> io::Error {
        io::Error::other(format!("{} has no power", self.name))
    }

    /// The connection to its first process.
    pub(super) fn on(&self) -> io::Result<&Channel> {
        self.channel().ok_or_else(|| self.is_off())
    }

    /// Its first process.
    pub(super) fn running(&self) -> io::Result<Pid> {
        match self.state {
            State::On { init, .. } => Ok(init),
            State::Off => Err(self.is_off()),
        }
    }

    pub(super) fn set_pace(&mut self, new: Pace) {
        if let State::On { pace, .. } = &mut self.state {
            *pace = new;
        }
    }

    pub(super) fn note(&mut self, notice: &Notice) {
        if let (State::On { daemon, .. }, Notice::Daemon { pid }) = (&mut self.state, notice) {
            *daemon = *pid;
        }
    }

    pub(super) fn kill_daemon(&mut self) -> io::Result<Option<i32>> {
        self.on()?.send(&Order::DaemonKill, &[])?;
        for _ in 0..NOTICES_MAX {
            let notice = self.on()?.receive_within::<Notice>(ANSWER_LIMIT)?;
            if let Notice::DaemonKilled { pid } = notice {
                return Ok(pid);
            }
            self.note(&notice);
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    pub(super) fn status(&self, address: String) -> NodeStatus {
        let (power, pace, daemon) = match self.state {
            State::On { pace, daemon, .. } => (Power::On, pace, daemon),
            State::Off => (Power::Off, Pace::Running, None),
        };
        let name = self.name.clone();
        NodeStatus {
            name,
            address,
            power,
            pace,
            boots: self.boots,
            daemon,
        }
    }

    /// Starts its first process, which waits for its cards.
    fn start(&mut self) -> io::Result<()> {
        std::fs::write(&self.boot.boot_id, draw_boot_id()?)?;
        let (channel, inits_end) = Channel::pair()?;
        let init = namespaces::launch(&Launch {
            namespaces: MACHINE,
            role: &["lab-init"],
            environment: &self.boot.environment,
            fds: &[inits_end.as_fd()],
        })?;
        channel.send(&Order::Boot(self.boot.clone()), &[])?;
        let dog = Dog::start(&self.name, &self.charge)?;
        self.boots += 1;
        self.state = State::On {
            init,
            channel,
            pace: Pace::Running,
            daemon: None,
            dog,
        };
        Ok(())
    }

    fn await_up(&mut self) -> io::Result<()> {
        match self.on()?.receive_within::<Notice>(UP_LIMIT)? {
            Notice::Broken { why } => Err(io::Error::other(format!("{}: {why}", self.name))),
            Notice::Up | Notice::Daemon { .. } | Notice::DaemonKilled { .. } => Ok(()),
        }
    }
}

impl Keeper {
    /// Switches machines on that are off: all at once, which takes little longer than one.
    pub(super) fn switch_on(&mut self, names: &[String]) -> io::Result<()> {
        let mut started = Vec::new();
        for name in names {
            let machine = self.machine(name)?;
            if machine.channel().is_none() {
                machine.start()?;
                started.push((name.clone(), machine.running()?));
            }
        }
        for (name, init) in &started {
            self.lay_cables(name, *init)?;
            self.machine(name)?.on()?.send(&Order::Cards, &[])?;
        }
        for (name, _) in &started {
            self.machine(name)?.await_up()?;
        }
        self.apply_cuts()
    }

    /// A power loss: first the networks, so that no farewell of a dying process gets out, then
    /// all processes at one moment. Returns when the last of them has ended.
    pub(super) fn switch_off(&mut self, name: &str) -> io::Result<()> {
        let Ok(init) = self.machine(name)?.running() else {
            return Ok(());
        };
        self.isolate(name)?;
        let network = match server_off::may_run() {
            true => Some(File::open(format!(
                "/proc/{}/ns/net",
                init.as_raw_nonzero()
            ))?),
            false => None,
        };
        // Fails when the process has ended and waits for us.
        let _ = kill_process(init, Signal::KILL);
        namespaces::reap(init, DOWN_LIMIT)?;
        if let Some(network) = network {
            server_off::end(&network, DOWN_LIMIT)?;
        }
        let before = std::mem::replace(&mut self.machine(name)?.state, State::Off);
        if let State::On { dog, .. } = before {
            // It may have ended by itself.
            let _ = kill_process(dog.pid, Signal::KILL);
            namespaces::reap(dog.pid, DOWN_LIMIT)?;
        }
        if let Some(group) = &self.charge.cgroup {
            cgroups::empty(&group.join(name));
        }
        Ok(())
    }
}
