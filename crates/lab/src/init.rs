//! The first process of a machine: furnishes it, guards its daemon, runs commands in it, and
//! reaps what ends.
//!
//! When it is killed the kernel ends everything else in the machine: that is a power loss.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, wait};

use crate::channel::Channel;
use crate::guard::Guard;
use crate::namespaces;
use crate::netlink::Netlink;
use crate::protocol::{Boot, Exec, Notice, Order, Reply};

/// Orders come from the keeper right after the start, once all machines have theirs.
const BOOT_LIMIT: Duration = Duration::from_secs(60);
/// Commands that run at one time; a test that starts more has a leak.
const COMMANDS_MAX: usize = 256;

/// Paths that are the same in every laboratory, for configurations: `/run/lab/bin/mainstay`.
const PLACES: &str = "/run/lab";

struct Init {
    keeper: Channel,
    children: OwnedFd,
    boot: Boot,
    guard: Option<Guard>,
    /// The process group of each command, and where its end is told.
    commands: BTreeMap<i32, Channel>,
}

fn child_signals() -> io::Result<OwnedFd> {
    use std::os::fd::FromRawFd;
    // SAFETY: the set is initialised before use, lives on this stack, and the descriptor that
    // the kernel gives is new and ours.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        if libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) < 0 {
            return Err(io::Error::last_os_error());
        }
        let fd = libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

fn bring_cards_up(boot: &Boot) -> io::Result<()> {
    let mut netlink = Netlink::open()?;
    netlink.set_up("lo")?;
    for card in &boot.cards {
        for (address, prefix) in &card.addresses {
            let added = netlink.add_address(&card.name, *address, *prefix);
            // A kernel without IPv6 still makes a useful machine.
            if address.is_ipv4() {
                added?;
            }
        }
        netlink.set_up(&card.name)?;
        for (address, hardware) in &card.neighbours {
            netlink.add_neighbour(&card.name, *address, *hardware)?;
        }
    }
    Ok(())
}

fn order(keeper: &Channel) -> io::Result<Order> {
    keeper.receive_within(BOOT_LIMIT)
}

fn come_up(keeper: &Channel) -> io::Result<Boot> {
    let Order::Boot(boot) = order(keeper)? else {
        return Err(io::Error::other("the first order was not to boot"));
    };
    rustix::system::sethostname(boot.name.as_bytes())?;
    namespaces::furnish(&boot.boot_id)?;
    std::fs::create_dir_all("/run/mainstay")?;
    std::fs::create_dir_all(PLACES)?;
    for (name, place) in &boot.places {
        std::os::unix::fs::symlink(place, Path::new(PLACES).join(name))?;
    }
    let Order::Cards = order(keeper)? else {
        return Err(io::Error::other("the second order was not about cards"));
    };
    bring_cards_up(&boot)?;
    Ok(boot)
}

/// Runs until killed, or until the keeper is gone.
pub(crate) fn main() -> io::Result<()> {
    let keeper = Channel::from(namespaces::inherited(3)?);
    let boot = match come_up(&keeper) {
        Ok(boot) => boot,
        Err(error) => {
            return keeper.send(
                &Notice::Broken {
                    why: error.to_string(),
                },
                &[],
            );
        }
    };
    let children = child_signals()?;
    let guard = boot
        .daemon
        .as_ref()
        .map(|daemon| Guard::new(daemon, &boot.environment));
    let mut init = Init {
        keeper,
        children,
        guard,
        commands: BTreeMap::new(),
        boot,
    };
    init.keeper.send(&Notice::Up, &[])?;
    loop {
        init.turn()?;
    }
}

impl Init {
    fn turn(&mut self) -> io::Result<()> {
        if let Some(guard) = &mut self.guard
            && let Some(pid) = guard.start_when_due()
        {
            self.keeper.send(&Notice::Daemon { pid: Some(pid) }, &[])?;
        }
        let ready = self.wait()?;
        if ready.children {
            let mut bytes = [0; 1024];
            // Only the wake-up counts; `wait` below says who ended.
            let _ = rustix::io::read(&self.children, &mut bytes);
        }
        self.reap()?;
        for group in ready.abandoned {
            self.commands.remove(&group);
            kill_group(group);
        }
        if ready.keeper {
            self.obey()?;
        }
        Ok(())
    }

    fn wait(&self) -> io::Result<Ready> {
        let mut fds = vec![
            watch_fd(self.keeper.as_fd()),
            watch_fd(self.children.as_fd()),
        ];
        let notify = self.guard.as_ref().and_then(Guard::notify);
        fds.extend(notify.map(watch_fd));
        let first_command = fds.len();
        fds.extend(
            self.commands
                .values()
                .map(|channel| watch_fd(channel.as_fd())),
        );
        let limit = self.guard.as_ref().and_then(Guard::due_in);
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        rustix::io::retry_on_intr(|| poll(&mut fds, limit.as_ref()))?;
        let hit = |fd: &PollFd<'_>| !fd.revents().is_empty();
        Ok(Ready {
            keeper: hit(&fds[0]),
            children: hit(&fds[1]),
            abandoned: self
                .commands
                .keys()
                .zip(&fds[first_command..])
                .filter(|(_, fd)| hit(fd))
                .map(|(group, _)| *group)
                .collect(),
        })
    }

    fn reap(&mut self) -> io::Result<()> {
        // Bounded by the number of processes that have ended.
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            let pid = pid.as_raw_nonzero().get();
            let signal = status.terminating_signal().map_or(0, |signal| 128 + signal);
            let code = status.exit_status().unwrap_or(signal);
            if let Some(channel) = self.commands.remove(&pid) {
                // Whoever asked may be gone by now.
                let _ = channel.send(&Reply::Exited { code }, &[]);
            }
            if let Some(guard) = &mut self.guard
                && guard.ended(pid)
            {
                self.keeper.send(&Notice::Daemon { pid: None }, &[])?;
            }
        }
        Ok(())
    }

    fn obey(&mut self) -> io::Result<()> {
        let Some((order, fds)) = self.keeper.receive()? else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        match order {
            Order::Exec(exec) => self.exec(&exec, fds),
            Order::DaemonKill => {
                let pid = self.guard.as_ref().and_then(Guard::kill);
                self.keeper.send(&Notice::DaemonKilled { pid }, &[])?;
            }
            Order::Boot(_) | Order::Cards => {}
        }
        Ok(())
    }

    fn exec(&mut self, exec: &Exec, fds: Vec<OwnedFd>) {
        let Ok([input, output, error, reply]) = <[OwnedFd; 4]>::try_from(fds) else {
            return;
        };
        let channel = Channel::from(reply);
        let full = self.commands.len() == COMMANDS_MAX;
        let started = match exec.argv.split_first() {
            Some((program, arguments)) if !full => {
                let mut command = Command::new(find(program, &self.boot.environment));
                command
                    .args(arguments)
                    .envs(&self.boot.environment)
                    .current_dir("/");
                command
                    .stdin(Stdio::from(input))
                    .stdout(Stdio::from(output));
                command.stderr(Stdio::from(error));
                start_session(&mut command)
            }
            Some(_) => Err(io::Error::other("too many commands run in this machine")),
            None => Err(io::Error::other("no command")),
        };
        let reply = match &started {
            Ok(pid) => Reply::Started { pid: *pid },
            Err(e) => Reply::Refused {
                why: format!("{}: {e}", exec.argv.join(" ")),
            },
        };
        // When whoever asked is gone already, the next poll sees the end of the connection.
        let _ = channel.send(&reply, &[]);
        if let Ok(pid) = started {
            self.commands.insert(pid, channel);
        }
    }
}

struct Ready {
    keeper: bool,
    children: bool,
    abandoned: Vec<i32>,
}

fn watch_fd(fd: BorrowedFd<'_>) -> PollFd<'_> {
    PollFd::from_borrowed_fd(fd, PollFlags::IN)
}

/// `Command` looks programs up in the caller's `PATH`; here the machine's counts.
fn find(program: &str, environment: &BTreeMap<String, String>) -> std::path::PathBuf {
    let path = environment
        .get("PATH")
        .map(String::as_str)
        .unwrap_or_default();
    let here = |directory: &str| Path::new(directory).join(program);
    let found = path
        .split(':')
        .map(here)
        .find(|candidate| candidate.is_file());
    match found {
        Some(found) if !program.contains('/') => found,
        _ => program.into(),
    }
}

/// Starts a command in a session of its own, so that it can be ended as a whole.
///
/// We read the ends of children from a descriptor and block their signal; a command that
/// inherited that would wait for its own children for ever.
pub(crate) fn start_session(command: &mut Command) -> io::Result<i32> {
    // SAFETY: the calls are async-signal-safe; `set` is initialised by `sigemptyset` before it
    // is used, and no other memory is touched.
    unsafe {
        command.pre_exec(|| {
            libc::setsid();
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            if libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut()) < 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        });
    }
    Ok(command.spawn()?.id().cast_signed())
}

fn kill_group(group: i32) {
    if let Some(pid) = Pid::from_raw(group) {
        // It may have ended in this moment; then there is nothing to kill.
        let _ = kill_process_group(pid, Signal::KILL);
    }
}
