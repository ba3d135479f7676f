//! A node of its own for each test: the test runs itself again inside fresh namespaces
//! (network, mounts, process numbers; also users when it is not root), so nothing of the
//! machine is touched and everything ends with it.

#![allow(dead_code, reason = "each test program uses its part")]

pub mod systemd;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use agents::ocf::AgentPlaces;
use agents::{Agents, Event, Settings};
use model::operation::{
    About, CopiesTold, Operation, OperationReport, Outcome, ResourceAddress, Verb,
};
use model::spec::{Limits, ProcessSpec, Ready, ResourceKind, ResourceSpec};
use model::{CardName, ClaimEpoch, OperationId, PlanId, ResourceName, ServiceName};
use tokio::sync::mpsc;

/// Generous: only a test that hangs meets it.
pub const PATIENCE: Duration = Duration::from_secs(20);

const INSIDE: &str = "MAINSTAY_TEST_INSIDE";
const CGROUP: &str = "MAINSTAY_TEST_CGROUP";

/// Whether resources get cgroups, where the machine allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    Cgroup,
    Session,
}

/// Runs `body` of the test called `name` inside a node of its own.
pub fn on_own_node(name: &str, body: impl AsyncFnOnce()) {
    if std::env::var(INSIDE).is_ok_and(|inside| inside == name) {
        run("ip", &["link", "set", "lo", "up"]);
        // One thread, as in the daemon: whatever blocks it is seen here.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(body());
        return;
    }
    let mut unshare = Command::new("unshare");
    unshare.args([
        "--net",
        "--mount",
        "--pid",
        "--fork",
        "--mount-proc",
        "--kill-child",
    ]);
    if !rustix::process::geteuid().is_root() {
        unshare.args(["--user", "--map-root-user"]);
    }
    let cgroup = own_cgroup(name);
    if let Some(cgroup) = &cgroup {
        unshare.env(CGROUP, cgroup);
    }
    let output = unshare
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(INSIDE, name)
        .output()
        .unwrap();
    if let Some(cgroup) = &cgroup {
        remove_cgroup(cgroup);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    print!("{text}");
    assert!(
        text.contains("1 passed"),
        "no test is called {name}: {text}"
    );
}

/// Whether this machine lets us do what only its root may (cgroups, loop devices).
pub fn is_real_root() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap();
    map.split_ascii_whitespace().nth(2) == Some("4294967295")
        && rustix::process::geteuid().is_root()
}

pub fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {text}{errors}"
    );
    text
}

/// A daemon is killed in the midst of what `begin` has it do: nothing of it is dropped, and
/// nobody drives it any more.
pub fn killed_in_the_midst<T: Send + 'static>(
    dir: &Path,
    begin: impl AsyncFnOnce(&mut Node) -> T + Send + 'static,
) -> T {
    let dir = dir.to_owned();
    let daemon = std::thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        let (node, begun) = runtime.block_on(async {
            let mut node = Node::new(&dir, Grouping::Session);
            let begun = begin(&mut node).await;
            (node, begun)
        });
        std::mem::forget((node, runtime));
        begun
    });
    daemon.join().unwrap()
}

/// How many processes have this command line.
pub fn running(line: &str) -> usize {
    let all = host::process::all();
    let lines = all.iter().map(|stat| host::process::command_line(stat.pid));
    lines.filter(|found| found == line).count()
}

/// Looks until `found` says yes.
pub async fn eventually(what: &str, mut found: impl FnMut() -> bool) {
    let until = tokio::time::Instant::now() + PATIENCE;
    while !found() {
        assert!(tokio::time::Instant::now() < until, "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// One node with its agents.
pub struct Node {
    pub agents: Agents,
    pub events: mpsc::Receiver<Event>,
    pub dir: PathBuf,
    pub epoch: u64,
    /// What a copy is told of them all.
    pub copies: Option<CopiesTold>,
    next: u64,
}

impl Node {
    /// Agents that keep what they know below `dir`, as a daemon would that starts there.
    pub fn new(dir: &Path, grouping: Grouping) -> Self {
        Self::with_bus(dir, grouping, None)
    }

    /// The same, with the bus on which systemd answers.
    pub fn with_bus(dir: &Path, grouping: Grouping, systemd_bus: Option<String>) -> Self {
        let cgroups = match grouping {
            Grouping::Cgroup => cgroup_for(dir),
            Grouping::Session => None,
        };
        let (sender, events) = mpsc::channel(100);
        let settings = Settings {
            run_dir: dir.join("run"),
            log_dir: dir.join("log"),
            cgroup_root: cgroups.or(Some("/nowhere".into())),
            agents: AgentPlaces {
                node: "alpha".to_owned(),
                ocf_root: dir.join("ocf"),
                init_dir: dir.join("init.d"),
                program: Some(dir.join("tool")),
                socket: dir.join("socket"),
            },
            systemd_bus,
        };
        Self {
            agents: Agents::new(settings, sender).unwrap(),
            events,
            dir: dir.to_owned(),
            epoch: 1,
            copies: None,
            next: 0,
        }
    }

    pub fn order(&mut self, verb: Verb, spec: &ResourceSpec, cards: &[&str]) -> OperationId {
        let about = match verb {
            Verb::MigrateTo | Verb::MigrateFrom => About::Peer("beta".parse().unwrap()),
            _nobody_else_takes_part => About::Nothing,
        };
        self.order_about((verb, about), spec, cards)
    }

    pub fn order_about(
        &mut self,
        (verb, about): (Verb, About),
        spec: &ResourceSpec,
        cards: &[&str],
    ) -> OperationId {
        self.next += 1;
        let limit = match verb {
            Verb::Start => spec.limits.start,
            Verb::Stop => spec.limits.stop,
            _other => spec.limits.status,
        };
        self.agents.execute(Operation {
            id: OperationId(self.next),
            address: address_of(spec),
            verb,
            spec: spec.clone(),
            cards: cards
                .iter()
                .map(|card| CardName::new(*card).unwrap())
                .collect(),
            epoch: ClaimEpoch(self.epoch),
            plan: PlanId(1),
            limit,
            about,
            copies: self.copies,
        });
        OperationId(self.next)
    }

    /// The next event other than slowness.
    pub async fn event(&mut self) -> Event {
        loop {
            let event = tokio::time::timeout(PATIENCE, self.events.recv());
            match event.await.expect("an event comes").unwrap() {
                Event::Slow { .. } | Event::Checked(_) => {}
                event @ (Event::Finished(_) | Event::Failed { .. }) => return event,
            }
        }
    }

    pub async fn report(&mut self, id: OperationId) -> OperationReport {
        match self.event().await {
            Event::Finished(report) if report.id == id => report,
            other => panic!("expected the end of operation {id}, got {other:?}"),
        }
    }

    pub async fn operate(&mut self, verb: Verb, spec: &ResourceSpec) -> OperationReport {
        let id = self.order(verb, spec, &[]);
        self.report(id).await
    }

    pub async fn outcome(&mut self, verb: Verb, spec: &ResourceSpec) -> Outcome {
        self.operate(verb, spec).await.outcome
    }

    /// How and with what output the resource fails by itself.
    pub async fn failure(&mut self) -> (String, String) {
        match self.event().await {
            Event::Failed { how, output, .. } => (how, output),
            other => panic!("expected a failure, got {other:?}"),
        }
    }
}

/// A cgroup for a whole test, where the machine allows.
fn own_cgroup(name: &str) -> Option<PathBuf> {
    let places = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
    let place = places
        .iter()
        .find(|place| Path::new(place).join("cgroup.procs").exists())?;
    let path = Path::new(place).join(format!("mainstay-test-{name}-{}", std::process::id()));
    std::fs::create_dir(&path).ok()?;
    Some(path)
}

/// The processes in it ended with the test; the kernel may need a moment to see that.
fn remove_cgroup(path: &Path) {
    const TRIES_MAX: usize = 100;
    for _ in 0..TRIES_MAX {
        let output = Command::new("find")
            .arg(path)
            .args(["-depth", "-type", "d", "-exec", "rmdir", "{}", ";"])
            .output()
            .unwrap();
        if output.status.success() && !path.exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{} stays", path.display());
}

fn cgroup_for(dir: &Path) -> Option<PathBuf> {
    let path = Path::new(&std::env::var_os(CGROUP)?).join(dir.file_name().unwrap());
    std::fs::create_dir_all(&path).unwrap();
    Some(path)
}

pub fn address_of(spec: &ResourceSpec) -> ResourceAddress {
    ResourceAddress {
        service: ServiceName::new("web").unwrap(),
        resource: spec.name.clone(),
    }
}

pub fn resource(name: &str, kind: ResourceKind) -> ResourceSpec {
    let limits = Limits {
        start: Duration::from_secs(10),
        stop: Duration::from_secs(10),
        status: Duration::from_secs(10),
        every: Duration::from_secs(10),
    };
    ResourceSpec {
        name: ResourceName::new(name).unwrap(),
        kind,
        limits,
    }
}

/// A process that a shell script describes.
pub fn script(text: &str) -> ResourceSpec {
    process(&["/bin/sh", "-c", text])
}

pub fn process(argv: &[&str]) -> ResourceSpec {
    let spec = ProcessSpec {
        argv: argv.iter().map(ToString::to_string).collect(),
        environment: [].into(),
        user: None,
        directory: None,
        ready: Ready::Executed,
        ..ProcessSpec::default()
    };
    resource("process-1", ResourceKind::Process(spec))
}

pub fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

pub fn failed(how: &str) -> Outcome {
    Outcome::Failed(how.to_owned())
}

/// A device whose writes wait: an image in a file system that is frozen.
pub struct Frozen {
    directory: String,
    pub image: String,
}

impl Frozen {
    pub fn new(node: &Node) -> Self {
        let outer = node.dir.join("outer").to_str().unwrap().to_owned();
        run("truncate", &["--size=64M", &outer]);
        run("mkfs.ext4", &["-q", &outer]);
        let directory = node.dir.join("frozen").to_str().unwrap().to_owned();
        std::fs::create_dir(&directory).unwrap();
        run("mount", &["-o", "loop", &outer, &directory]);
        let image = format!("{directory}/image");
        run("truncate", &["--size=16M", &image]);
        run("mkfs.ext4", &["-q", &image]);
        run("sync", &["--file-system", &image]);
        run("fsfreeze", &["--freeze", &directory]);
        Self { directory, image }
    }

    pub fn thaw(&self) {
        run("fsfreeze", &["--unfreeze", &self.directory]);
    }
}

impl Drop for Frozen {
    /// Also when the test has failed: what is frozen keeps whoever wrote to it from ending.
    fn drop(&mut self) {
        let _thawed = Command::new("fsfreeze")
            .args(["--unfreeze", &self.directory])
            .output();
        let _gone = Command::new("umount").arg(&self.directory).output();
    }
}
