//! The laboratory as programs see it.

use std::fs;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::channel::{Channel, wait_readable};
use crate::janitor::{self, Lifetime};
use crate::layout::{self, Layout, LayoutError};
use crate::protocol::{
    Cut, Direction, Exec, Pace, Power, Process, Reply, Request, Status, node_and_card,
};

/// 64 nodes on a busy machine come up in a few seconds.
const UP_LIMIT: Duration = Duration::from_secs(60);
/// Ending many machines, one after the other.
const DOWN_LIMIT: Duration = Duration::from_secs(60);
/// The keeper serves one request at a time; the longest one waits for a machine to end.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// A command without a limit of its own. Long enough for a slow test, short enough to notice.
const EXEC_LIMIT: Duration = Duration::from_secs(60);
/// Between two looks of `wait_until`.
const LOOK_PAUSE: Duration = Duration::from_millis(5);

/// What went wrong with a laboratory.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// It cannot look like this.
    #[error("the laboratory cannot be laid out")]
    Layout(#[from] LayoutError),
    /// It did not come up.
    #[error("the laboratory did not come up: {0}")]
    NotUp(String),
    /// No laboratory of this name answers.
    #[error("no lab `{name}` is up; `mainstay lab up` makes one")]
    NoLab {
        /// The name.
        name: String,
    },
    /// The keeper refused.
    #[error("{0}")]
    Refused(String),
    /// Talking to the keeper, or to the system, failed.
    #[error("{doing}")]
    System {
        /// What we were doing.
        doing: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A command in a machine failed.
    #[error("`{command}` on {machine} ended with exit code {code}: {said}")]
    Command {
        /// Where.
        machine: String,
        /// What.
        command: String,
        /// Its exit code.
        code: i32,
        /// What it printed.
        said: String,
    },
    /// Something did not happen in time.
    #[error("{what} did not happen within {limit:?}")]
    TooLate {
        /// What was awaited.
        what: String,
        /// How long.
        limit: Duration,
    },
}

fn system(doing: &'static str) -> impl FnOnce(io::Error) -> LabError {
    move |source| LabError::System { doing, source }
}

/// What laboratory is wanted.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its name among those of this user.
    pub name: String,
    /// Its nodes.
    pub nodes: Vec<String>,
    /// Whether there is a machine for a witness beside them.
    pub witness: layout::Witness,
    /// Its networks.
    pub networks: Vec<String>,
    /// Cards of each node on each network beside the first.
    pub spares: usize,
    /// The directory in which it makes one of its own. On a real disk, if real disks matter.
    pub parent: PathBuf,
    /// How long it lives.
    pub lifetime: Lifetime,
    /// The program that plays all roles and is the daemon; this one by default.
    pub program: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: "lab".into(),
            nodes: layout::node_names(3),
            witness: layout::Witness::Absent,
            networks: vec!["lan".into(), "san".into()],
            spares: 0,
            parent: "/var/tmp".into(),
            lifetime: Lifetime::Attached,
            program: None,
        }
    }
}

/// What a command gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its exit code; 128 and the number for a signal.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// A laboratory that is up. An attached one goes down when this is dropped, or when this
/// process ends in whatever way.
#[derive(Debug)]
pub struct Lab {
    name: String,
    dir: PathBuf,
    /// Our child, when we made it.
    janitor: Option<Child>,
    /// Its end ends an attached laboratory.
    attachment: Option<Channel>,
}

/// A command that runs in a machine. Dropped, it is killed with its session.
#[derive(Debug)]
pub struct Running {
    channel: Channel,
    pid: i32,
    /// What it prints, if that was asked for.
    pub stdout: Option<fs::File>,
    /// What it complains about, if that was asked for.
    pub stderr: Option<fs::File>,
}

impl Running {
    /// Its number within the machine.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Waits for its end and gives the exit code.
    ///
    /// # Errors
    /// When it runs for longer, or its machine loses power.
    pub fn wait(&self, limit: Duration) -> Result<i32, LabError> {
        let doing = "waiting for a command";
        match self.channel.receive_within(limit).map_err(system(doing))? {
            Reply::Exited { code } => Ok(code),
            Reply::Refused { why } => Err(LabError::Refused(why)),
            Reply::Done | Reply::Status(_) | Reply::Processes(_) | Reply::Started { .. } => {
                Err(LabError::Refused("an answer to another question".into()))
            }
        }
    }
}

fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn null() -> Result<OwnedFd, LabError> {
    let file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null");
    Ok(file.map_err(system("opening /dev/null"))?.into())
}

impl Options {
    fn layout(&self) -> Result<Layout, LabError> {
        let doing = "finding our own program and the lab's place";
        let parent = self.parent.canonicalize().map_err(system(doing))?;
        let exe = match &self.program {
            Some(program) => program.canonicalize(),
            None => std::env::current_exe(),
        };
        let layout = Layout {
            dir: parent.join(layout::socket_name(own_uid(), &self.name)),
            name: self.name.clone(),
            uid: own_uid(),
            nodes: self.nodes.clone(),
            witness: self.witness,
            networks: self.networks.clone(),
            spares: self.spares,
            exe: exe.map_err(system(doing))?,
        };
        layout.check()?;
        Ok(layout)
    }
}

impl Lab {
    /// Makes a laboratory; its nodes are bare.
    ///
    /// # Errors
    /// When one of this name is up, or namespaces cannot be made here.
    pub fn up(options: &Options) -> Result<Self, LabError> {
        let doing = "starting the keeper";
        let layout = options.layout()?;
        let (ours, theirs) = Channel::pair().map_err(system(doing))?;
        let mut janitor = Command::new(&layout.exe)
            .arg("lab-keeper")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .spawn()
            .map_err(system(doing))?;
        let (name, dir) = (layout.name.clone(), layout.dir.clone());
        let order = janitor::Order {
            layout,
            lifetime: options.lifetime,
        };
        ours.send(&order, &[]).map_err(system(doing))?;
        match ours.receive_within(UP_LIMIT) {
            Ok(Reply::Done) => {}
            other => {
                drop(ours);
                // It ends by itself, for its caller is gone.
                let _ = janitor.wait();
                return Err(LabError::NotUp(match other {
                    Ok(Reply::Refused { why }) => why,
                    Ok(reply) => format!("unexpected answer {reply:?}"),
                    Err(error) => error.to_string(),
                }));
            }
        }
        let attachment = (options.lifetime == Lifetime::Attached).then_some(ours);
        Ok(Self {
            name,
            dir,
            janitor: Some(janitor),
            attachment,
        })
    }

    /// Finds a laboratory of this user that is up.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(name: &str) -> Result<Self, LabError> {
        let mut lab = Self {
            name: name.into(),
            dir: PathBuf::new(),
            janitor: None,
            attachment: None,
        };
        lab.dir = lab.status()?.dir;
        Ok(lab)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A directory for files that machines share.
    #[must_use]
    pub fn shared_dir(&self) -> PathBuf {
        self.dir.join("shared")
    }

    /// Sets the wall clock of a node's daemon so many milliseconds from the true time.
    ///
    /// # Errors
    /// When its file cannot be written.
    pub fn set_clock(&self, node: &str, millis: i64) -> Result<(), LabError> {
        let file = self.dir.join("nodes").join(node).join("wall");
        let new = file.with_extension("new");
        let doing = "setting a clock";
        std::fs::write(&new, millis.to_string())
            .and_then(|()| std::fs::rename(&new, &file))
            .map_err(|source| LabError::System { doing, source })
    }

    /// The log of a node's daemon, over all its boots.
    #[must_use]
    pub fn daemon_log(&self, node: &str) -> PathBuf {
        self.dir.join("nodes").join(node).join("daemon.log")
    }

    fn connect(&self) -> Result<Channel, LabError> {
        let socket = layout::socket_name(own_uid(), &self.name);
        let no_lab = |_| LabError::NoLab {
            name: self.name.clone(),
        };
        Channel::connect_abstract(&socket).map_err(no_lab)
    }

    fn ask(&self, request: &Request) -> Result<Reply, LabError> {
        let doing = "asking the keeper";
        let channel = self.connect()?;
        channel.send(request, &[]).map_err(system(doing))?;
        match channel
            .receive_within(ANSWER_LIMIT)
            .map_err(system(doing))?
        {
            Reply::Refused { why } => Err(LabError::Refused(why)),
            reply => Ok(reply),
        }
    }

    fn order(&self, request: &Request) -> Result<(), LabError> {
        self.ask(request).map(drop)
    }

    /// How everything is.
    ///
    /// # Errors
    /// When it is not up.
    pub fn status(&self) -> Result<Status, LabError> {
        match self.ask(&Request::Status)? {
            Reply::Status(status) => Ok(status),
            other => Err(LabError::Refused(format!("unexpected answer {other:?}"))),
        }
    }

    /// Power loss of a node. Returns when nothing of it runs.
    ///
    /// # Errors
    /// When there is no such node, or a process of it resists.
    pub fn kill(&self, node: &str) -> Result<(), LabError> {
        self.order(&Request::Power {
            node: node.into(),
            set: Power::Off,
        })
    }

    /// Gives a node power again: a new boot with the old disk.
    ///
    /// # Errors
    /// When there is no such node, or it does not come up.
    pub fn on(&self, node: &str) -> Result<(), LabError> {
        self.order(&Request::Power {
            node: node.into(),
            set: Power::On,
        })
    }

    /// Puts an empty disk into a node without power: switched on, it is a new machine.
    ///
    /// # Errors
    /// When there is no such node, it has power, or its disk cannot be emptied.
    pub fn wipe(&self, node: &str) -> Result<(), LabError> {
        let status = self.status()?;
        match status.nodes.iter().find(|known| known.name == node) {
            Some(found) if found.power == Power::Off => {}
            Some(_) => return Err(LabError::Refused(format!("{node} has power"))),
            None => return Err(LabError::Refused(format!("there is no node `{node}`"))),
        }
        let disk = self.dir.join("nodes").join(node).join("state");
        std::fs::remove_dir_all(&disk)
            .and_then(|()| std::fs::create_dir(&disk))
            .map_err(system("emptying a disk"))
    }

    /// Pulls a cable, or a part of it.
    ///
    /// # Errors
    /// When there is no such node or network, or `nft` is missing and needed.
    pub fn cut(&self, cut: &Cut) -> Result<(), LabError> {
        self.order(&Request::Cut(cut.clone()))
    }

    /// Pulls all cables of a node.
    ///
    /// # Errors
    /// When there is no such node.
    pub fn cut_all(&self, node: &str) -> Result<(), LabError> {
        let (network, from) = (None, None);
        self.cut(&Cut {
            node: node.into(),
            network,
            direction: Direction::Both,
            from,
            card: None,
        })
    }

    /// Plugs in the cables of one node (`alpha`), of one of its cards (`alpha/eth0`), or all.
    ///
    /// # Errors
    /// When there is no such node.
    pub fn heal(&self, node: Option<&str>) -> Result<(), LabError> {
        let (node, card) = match node.map(node_and_card) {
            Some((node, card)) => (Some(node), card),
            None => (None, None),
        };
        self.order(&Request::Heal { node, card })
    }

    /// Stops every process of a node. Returns when none moves.
    ///
    /// # Errors
    /// When there is no such node, or it has no power.
    pub fn pause(&self, node: &str) -> Result<(), LabError> {
        self.order(&Request::Pace {
            node: node.into(),
            set: Pace::Paused,
        })
    }

    /// Lets the processes of a node go on.
    ///
    /// # Errors
    /// When there is no such node, or it has no power.
    pub fn resume(&self, node: &str) -> Result<(), LabError> {
        self.order(&Request::Pace {
            node: node.into(),
            set: Pace::Running,
        })
    }

    /// Kills the daemon of a node, and nothing else; the node starts it again.
    ///
    /// # Errors
    /// When none runs.
    pub fn daemon_kill(&self, node: &str) -> Result<(), LabError> {
        self.order(&Request::DaemonKill { node: node.into() })
    }

    /// Installs a program for the daemon of a node, which it runs from its next start on; none:
    /// that of the laboratory.
    ///
    /// # Errors
    /// When the program cannot be found, or the link to it cannot be made.
    pub fn install(&self, node: &str, program: Option<&Path>) -> Result<(), LabError> {
        let failed = |source| LabError::System {
            doing: "installing a program",
            source,
        };
        let place = self.dir.join("nodes").join(node).join("program");
        match fs::remove_file(&place) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed(error));
            }
            _gone => {}
        }
        let Some(program) = program else {
            return Ok(());
        };
        let program = program.canonicalize().map_err(failed)?;
        std::os::unix::fs::symlink(program, &place).map_err(failed)
    }

    /// The processes of a machine, with their numbers within it.
    ///
    /// # Errors
    /// When there is no such machine, or it has no power.
    pub fn node_pids(&self, node: &str) -> Result<Vec<Process>, LabError> {
        match self.ask(&Request::Processes { node: node.into() })? {
            Reply::Processes(all) => Ok(all),
            other => Err(LabError::Refused(format!("unexpected answer {other:?}"))),
        }
    }

    /// Starts a command with the given standard input, output and error.
    ///
    /// # Errors
    /// When it cannot be started there.
    pub fn start(
        &self,
        machine: &str,
        argv: &[&str],
        streams: [OwnedFd; 3],
    ) -> Result<Running, LabError> {
        let doing = "starting a command";
        let channel = self.connect()?;
        let argv = argv.iter().map(ToString::to_string).collect();
        let request = Request::Exec(Exec {
            machine: machine.into(),
            argv,
        });
        let fds: Vec<_> = streams.iter().map(AsFd::as_fd).collect();
        channel.send(&request, &fds).map_err(system(doing))?;
        drop(streams);
        match channel
            .receive_within(ANSWER_LIMIT)
            .map_err(system(doing))?
        {
            Reply::Started { pid } => Ok(Running {
                channel,
                pid,
                stdout: None,
                stderr: None,
            }),
            Reply::Refused { why } => Err(LabError::Refused(why)),
            other => Err(LabError::Refused(format!("unexpected answer {other:?}"))),
        }
    }

    /// Starts a command whose output can be read.
    ///
    /// # Errors
    /// When it cannot be started there.
    pub fn spawn(&self, machine: &str, argv: &[&str]) -> Result<Running, LabError> {
        let doing = "making pipes";
        let (stdout, out) = io::pipe().map_err(system(doing))?;
        let (stderr, err) = io::pipe().map_err(system(doing))?;
        let mut running = self.start(machine, argv, [null()?, out.into(), err.into()])?;
        running.stdout = Some(fs::File::from(OwnedFd::from(stdout)));
        running.stderr = Some(fs::File::from(OwnedFd::from(stderr)));
        Ok(running)
    }

    /// Runs a command to its end, whatever its exit code.
    ///
    /// # Errors
    /// When it cannot be started, or does not end within a minute.
    pub fn exec(&self, machine: &str, argv: &[&str]) -> Result<Output, LabError> {
        self.exec_within(machine, argv, EXEC_LIMIT)
    }

    /// Runs a command to its end, whatever its exit code.
    ///
    /// # Errors
    /// When it cannot be started, or does not end within `limit`: then it is killed.
    pub fn exec_within(
        &self,
        machine: &str,
        argv: &[&str],
        limit: Duration,
    ) -> Result<Output, LabError> {
        let mut running = self.spawn(machine, argv)?;
        let (stdout, stderr) = (running.stdout.take(), running.stderr.take());
        let reader = |file: Option<fs::File>| {
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                if let Some(mut file) = file {
                    // What could not be read is missing from the output, and seen there.
                    let _ = file.read_to_end(&mut bytes);
                }
                String::from_utf8_lossy(&bytes).into_owned()
            })
        };
        let (out, err) = (reader(stdout), reader(stderr));
        let code = running.wait(limit)?;
        drop(running);
        let text = |thread: std::thread::JoinHandle<String>| thread.join().unwrap_or_default();
        Ok(Output {
            code,
            stdout: text(out),
            stderr: text(err),
        })
    }

    /// Runs a command that must succeed, and gives its standard output.
    ///
    /// # Errors
    /// Also when its exit code is not 0.
    pub fn exec_ok(&self, machine: &str, argv: &[&str]) -> Result<String, LabError> {
        let output = self.exec(machine, argv)?;
        if output.code == 0 {
            return Ok(output.stdout);
        }
        Err(LabError::Command {
            machine: machine.into(),
            command: argv.join(" "),
            code: output.code,
            said: format!("{}{}", output.stderr, output.stdout).trim().into(),
        })
    }

    /// Looks until `seen` gives something.
    ///
    /// # Errors
    /// When it has not within `limit`.
    pub fn wait_until<T>(
        &self,
        what: &str,
        limit: Duration,
        mut seen: impl FnMut(&Self) -> Option<T>,
    ) -> Result<T, LabError> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(found) = seen(self) {
                return Ok(found);
            }
            if deadline < Instant::now() {
                return Err(LabError::TooLate {
                    what: what.into(),
                    limit,
                });
            }
            std::thread::sleep(LOOK_PAUSE);
        }
    }

    /// Ends everything, and returns when nothing is left.
    ///
    /// # Errors
    /// When it is not up, or something resists.
    pub fn down(mut self) -> Result<(), LabError> {
        let doing = "taking the laboratory down";
        let pid = Pid::from_raw(self.status()?.janitor_pid);
        let gone = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        self.order(&Request::Down)?;
        if let Some(gone) = gone {
            wait_readable(gone.as_fd(), DOWN_LIMIT).map_err(system(doing))?;
        }
        self.attachment = None;
        Ok(())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // The keeper sees the end of the attachment, cleans up and ends; then the janitor.
        let attached = self.attachment.take().is_some();
        if let Some(janitor) = &mut self.janitor {
            // A detached laboratory lives on; one that is down already is reaped.
            let _ = if attached {
                janitor.wait().map(Some)
            } else {
                janitor.try_wait()
            };
        }
    }
}
