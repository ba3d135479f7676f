//! Mounts: checked before, watched, and taken away by stages.
//!
//! Whoever is in the way of an unmount and belongs to the service is ended (TERM, KILL).
//! Anybody else is named and left alone: the unmount fails, and a person or a fence decides.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use host::loops::{self, Access, Attached};
use host::mounts::{self, Mounted, Options, Watch};
use host::process::{self, Ended, Stat};
use model::operation::{Operation, Outcome, Verb};
use model::spec::{FsckPolicy, MountSource, MountSpec};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::change;
use crate::command::Run;
use crate::context::{ASK_AGAIN, Context, Done, MARKER};
use crate::members::{self, signal_all};
use crate::outside;
use crate::program::Launch;
use crate::record::Trace;

/// The kernel lets go of files a moment after their user has ended.
const SETTLE_LIMIT: Duration = Duration::from_millis(200);
/// Between two tries to unmount. It grows.
const PAUSE_FIRST: Duration = Duration::from_millis(1);
/// Long enough not to be felt as load, short enough not to be felt as delay.
const PAUSE_MAX: Duration = Duration::from_millis(20);
/// Mounts one upon the other on one directory; more than these are somebody's accident.
const STACK_MAX: usize = 8;

/// A mount that is there and watched.
pub(crate) struct Held {
    watch: Watch,
    spec: MountSpec,
    /// Something was mounted or unmounted, and we have not looked since.
    doubt: bool,
}

impl Held {
    /// Waits until it is gone and tells how.
    pub(crate) async fn ended(&mut self) -> String {
        loop {
            if self.doubt {
                match find(&self.spec).await {
                    Ok(Found::Ours(_)) => self.doubt = false,
                    Ok(Found::Nothing) => return format!("gone from {}", self.spec.target),
                    Ok(Found::Other(how)) => return how,
                    Err(error) => {
                        // Not knowing is no failure of the mount.
                        tracing::warn!(mount = self.spec.target, %error, "cannot look at a mount");
                        sleep(ASK_AGAIN).await;
                        continue;
                    }
                }
            }
            if self.watch.changed().await.is_err() {
                return std::future::pending().await;
            }
            self.doubt = true;
        }
    }
}

/// A mount that the kernel was asked for. A disk that hangs keeps it for as long as it likes, and
/// nobody can call it off: until it has answered, what is not mounted may be at any moment.
#[derive(Default)]
pub(crate) struct Underway(Option<JoinHandle<io::Result<()>>>);

impl Underway {
    async fn begin(
        &mut self,
        act: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        self.0 = Some(tokio::task::spawn_blocking(act));
        self.over().await
    }

    /// Waits for its answer, also of one that an earlier operation has given up.
    async fn over(&mut self) -> io::Result<()> {
        let Some(task) = &mut self.0 else {
            return Ok(());
        };
        let answer = task.await;
        self.0 = None;
        answer.map_err(io::Error::other)?
    }
}

/// What is on the directory.
enum Found {
    Nothing,
    Ours(Mounted),
    /// In words.
    Other(String),
}

/// Asking the kernel about a file system can hang with its disk: not on this thread.
async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(act)
        .await
        .map_err(io::Error::other)?
}

async fn find(spec: &MountSpec) -> io::Result<Found> {
    let spec = spec.clone();
    blocking(move || {
        let target = Path::new(&spec.target);
        let Some(mounted) = mounts::on(target)? else {
            return Ok(Found::Nothing);
        };
        let ours = match &spec.source {
            MountSource::Device { path, .. } => is_of_device(&mounted, Path::new(path)),
            MountSource::Bind { path } => is_same_directory(Path::new(path), target),
            // Nothing is asked of a server that may be gone.
            MountSource::Nfs { server, path } => {
                mounted.filesystem.starts_with("nfs")
                    && mounted.source == Path::new(&nfs_source(server, path))
            }
            MountSource::Tmpfs { .. } => mounted.filesystem == "tmpfs",
        };
        if ours {
            return Ok(Found::Ours(mounted));
        }
        let source = mounted.source.display();
        Ok(Found::Other(format!(
            "{source} is mounted on {}",
            spec.target
        )))
    })
    .await
}

/// What else than `spec` says is mounted on its directory.
pub(crate) async fn stranger(spec: &MountSpec) -> io::Result<Option<String>> {
    let target = PathBuf::from(&spec.target);
    match find(spec).await? {
        Found::Nothing | Found::Ours(_) => Ok(None),
        Found::Other(_) => {
            let mounted = blocking(move || mounts::on(&target)).await?;
            Ok(mounted.map(|mounted| mounted.source.display().to_string()))
        }
    }
}

/// As mount.nfs(8) and the kernel write it.
fn nfs_source(server: &str, path: &str) -> String {
    match server.contains(':') {
        true => format!("[{server}]:{path}"),
        false => format!("{server}:{path}"),
    }
}

fn is_of_device(mounted: &Mounted, path: &Path) -> bool {
    let Ok(data) = std::fs::metadata(path) else {
        return mounted.source == path;
    };
    if data.is_file() {
        return loops::is_of(mounted.device, path);
    }
    // Some file systems number their files otherwise than their device.
    data.rdev() == mounted.device || mounted.source == path
}

fn is_same_directory(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| {
        std::fs::metadata(path)
            .map(|data| (data.dev(), data.ino()))
            .ok()
    };
    identity(one).is_some() && identity(one) == identity(other)
}

/// Carries out an operation.
pub(crate) async fn operate(
    context: &Context,
    operation: &Operation,
    spec: &MountSpec,
    (held, underway): (&mut Option<Held>, &mut Underway),
) -> Done {
    let act = async {
        if let Err(error) = underway.over().await {
            let line = format!("the mount that took too long has failed: {error}");
            context.log.line(&line);
        }
        match operation.verb {
            Verb::Probe | Verb::Status => look(context, spec, held).await,
            Verb::Start => start(context, operation, spec, (held, underway)).await,
            Verb::Stop => {
                *held = None;
                stop(context, operation, spec).await
            }
            _other => Ok(Done::unknown(operation)),
        }
    };
    // A stop ends within its own stages: TERM, KILL, and the kernel's writing out.
    let limit = match operation.verb {
        Verb::Stop => operation.limit + operation.spec.limits.stop * 2,
        _other => operation.limit,
    };
    match timeout(limit, act).await {
        Ok(Ok(done)) => done,
        Ok(Err(error)) => Done::failed(error.to_string()),
        Err(_) => Outcome::TimedOut.into(),
    }
}

async fn look(context: &Context, spec: &MountSpec, held: &mut Option<Held>) -> io::Result<Done> {
    // Watch before looking, or a change in between is missed.
    let watch = Watch::open()?;
    match find(spec).await? {
        Found::Ours(_) => {
            held.get_or_insert_with(|| Held {
                watch,
                spec: spec.clone(),
                doubt: false,
            });
            Ok(Outcome::Running.into())
        }
        Found::Nothing => {
            *held = None;
            context.strike_out();
            Ok(Outcome::Stopped.into())
        }
        Found::Other(how) => {
            *held = None;
            Ok(Done::failed(how))
        }
    }
}

async fn start(
    context: &Context,
    operation: &Operation,
    spec: &MountSpec,
    (held, underway): (&mut Option<Held>, &mut Underway),
) -> io::Result<Done> {
    let before = look(context, spec, held).await?;
    match before.outcome {
        Outcome::Stopped => {}
        Outcome::Running => {
            context.log.line("mounted already: adopted");
            return Ok(before);
        }
        Outcome::Promoted | Outcome::Failed(_) | Outcome::TimedOut => return Ok(before),
    }
    context.record(operation, Trace::Up)?;
    let options = Options::parse(&spec.options);
    let target = PathBuf::from(&spec.target);
    match &spec.source {
        MountSource::Bind { path } => {
            let (source, shown) = (PathBuf::from(path), format!("{path} on {}", spec.target));
            let act = move || mounts::bind(&source, &target, &options);
            if let Err(error) = underway.begin(act).await {
                return Ok(Done::failed(format!("cannot bind {shown}: {error}")));
            }
        }
        MountSource::Nfs { server, path } => {
            if let Err(how) = mount_nfs(context, operation, spec, (server, path)).await {
                return Ok(Done::failed(how));
            }
        }
        MountSource::Tmpfs { size } => {
            let options = options.with(&format!("size={size}"));
            let act = move || mounts::mount(Path::new("tmpfs"), &target, "tmpfs", &options);
            if let Err(error) = underway.begin(act).await {
                let target = &spec.target;
                return Ok(Done::failed(format!(
                    "cannot mount memory on {target}: {error}"
                )));
            }
        }
        MountSource::Device { path, filesystem } => {
            let attached = match attach(path, &options).await {
                Ok(attached) => attached,
                Err(error) => return Ok(Done::failed(format!("cannot open {path}: {error}"))),
            };
            if let Some(done) = check(context, operation, spec, filesystem, &attached.path).await {
                return Ok(done);
            }
            let (kind, shown) = (filesystem.clone(), format!("{path} on {}", spec.target));
            // `attached` is held until the mount itself holds the device.
            let act = move || mounts::mount(&attached.path, &target, &kind, &options);
            if let Err(error) = underway.begin(act).await {
                return Ok(Done::failed(format!("cannot mount {shown}: {error}")));
            }
        }
    }
    look(context, spec, held).await
}

/// The kernel takes a server only by its address and with many settings, which `mount.nfs`
/// finds out.
async fn mount_nfs(
    context: &Context,
    operation: &Operation,
    spec: &MountSpec,
    (server, path): (&str, &str),
) -> Result<(), String> {
    outside::find("mount.nfs", "nfs-common")?;
    let mount = outside::find("mount", "mount")?;
    let source = nfs_source(server, path);
    let mut argv: Vec<String> = [&mount, "-t", "nfs", &source, &spec.target]
        .map(str::to_owned)
        .to_vec();
    if !spec.options.is_empty() {
        argv.extend(["-o".to_owned(), spec.options.join(",")]);
    }
    outside::act(context, &argv, operation.limit).await
}

/// A device that is mounted: itself, or the loop device of an image, which must be held.
struct Device {
    path: PathBuf,
    _attached: Option<Attached>,
}

async fn attach(path: &str, options: &Options) -> io::Result<Device> {
    let path = PathBuf::from(path);
    let access = if options.is_read_only() {
        Access::ReadOnly
    } else {
        Access::ReadWrite
    };
    blocking(move || {
        if !std::fs::metadata(&path)?.is_file() {
            let _attached = None;
            return Ok(Device { path, _attached });
        }
        let attached = loops::attach(&path, access)?;
        Ok(Device {
            path: attached.path.clone(),
            _attached: Some(attached),
        })
    })
    .await
}

/// Lets `fsck` look at the file system, as the policy says. Returns why it must not be
/// mounted, if so: the exit status is a sum of bits of which only 1 (errors were mended)
/// leaves a sound file system (fsck(8)).
async fn check(
    context: &Context,
    operation: &Operation,
    spec: &MountSpec,
    filesystem: &str,
    device: &Path,
) -> Option<Done> {
    let mut argv = vec!["/sbin/fsck", "-T", "-t", filesystem];
    match spec.check {
        FsckPolicy::Never => return None,
        FsckPolicy::Preen => argv.push("-p"),
        FsckPolicy::Force => argv.extend(["-f", "-p"]),
    }
    let device = device.to_string_lossy();
    argv.push(&device);
    let argv: Vec<String> = argv.into_iter().map(str::to_owned).collect();
    let launch = Launch::new(&argv, context.log.log_path());
    let (ended, output) = change::run(context, launch, operation.limit).await;
    let done = match ended {
        Run::Ended(Ended::Exited(0 | 1)) => return None,
        Run::Ended(how) => Done::failed(format!("fsck of {device}: {how}: not mounted")),
        Run::TimedOut => Outcome::TimedOut.into(),
        Run::NotStarted(error) => Done::error(&error),
    };
    Some(done.with_output(output))
}

async fn stop(context: &Context, operation: &Operation, spec: &MountSpec) -> io::Result<Done> {
    for _ in 0..STACK_MAX {
        let mounted = match find(spec).await? {
            Found::Nothing => {
                context.strike_out();
                return Ok(Outcome::Stopped.into());
            }
            // Not started by us, not ours to take away.
            Found::Other(how) => return Ok(Done::failed(how)),
            Found::Ours(mounted) => mounted,
        };
        if let Err(how) = unmount_by_stages(context, operation, &mounted).await? {
            return Ok(Done::failed(how));
        }
        if let Some(how) = lives_elsewhere(spec, mounted.device).await? {
            return Ok(Done::failed(how));
        }
    }
    Ok(Done::failed(format!(
        "{} stays mounted after {STACK_MAX} unmounts",
        spec.target
    )))
}

/// A device that another mount namespace still shows is not free for another node.
async fn lives_elsewhere(spec: &MountSpec, device: u64) -> io::Result<Option<String>> {
    // Only a device must be free before another node may mount it.
    if !matches!(spec.source, MountSource::Device { .. }) {
        return Ok(None);
    }
    let users = blocking(move || Ok(mounts::elsewhere(device))).await?;
    let stats: Vec<Stat> = users
        .iter()
        .filter_map(|pid| Stat::read(*pid).ok())
        .collect();
    if stats.is_empty() {
        return Ok(None);
    }
    let users = members::list(&stats);
    Ok(Some(format!(
        "still mounted in the mount namespace of {users}"
    )))
}

async fn unmount_by_stages(
    context: &Context,
    operation: &Operation,
    mounted: &Mounted,
) -> io::Result<Result<(), String>> {
    let limit = operation.spec.limits.stop;
    let target = mounted.target.clone();
    if mounted.filesystem.starts_with("nfs") {
        if unmount_network(context, &target, limit).await? {
            return Ok(Ok(()));
        }
    } else if try_unmount(&target, Duration::ZERO).await? {
        return Ok(Ok(()));
    }
    // Whoever is in the way, and is not of the service, is known from the first stage on.
    let (_, others) = users(context, &target).await?;
    if !others.is_empty() {
        let others = members::list(&others);
        context.log.line(&format!(
            "busy, used from outside the service, left alone: {others}"
        ));
    }
    for signal in [libc::SIGTERM, libc::SIGKILL] {
        let (ours, _) = users(context, &target).await?;
        // Nobody of ours: either somebody just leaves, or more signals will not help.
        if ours.is_empty() {
            break;
        }
        let name = if signal == libc::SIGTERM {
            "TERM"
        } else {
            "KILL"
        };
        context
            .log
            .line(&format!("busy, {name} to {}", members::list(&ours)));
        signal_all(&ours, signal);
        members::wait_for_end(&ours, limit).await;
        if try_unmount(&target, SETTLE_LIMIT).await? {
            return Ok(Ok(()));
        }
    }
    if try_unmount(&target, SETTLE_LIMIT).await? {
        return Ok(Ok(()));
    }
    Ok(Err(why_busy(context, &target).await?))
}

/// Who or what still uses a mount.
async fn why_busy(context: &Context, target: &Path) -> io::Result<String> {
    let (ours, others) = users(context, target).await?;
    let mut ways: Vec<String> = Vec::new();
    if !ours.is_empty() {
        ways.push(format!(
            "these of the service do not end: {}",
            members::list(&ours)
        ));
    }
    if !others.is_empty() {
        ways.push(format!(
            "used from outside the service by {}",
            members::list(&others)
        ));
    }
    for below in mounts::below(target)? {
        ways.push(format!("{} is mounted below it", below.target.display()));
    }
    if ways.is_empty() {
        ways.push("used by the kernel itself (export, swap, loop device)".to_owned());
    }
    Ok(format!("{} is busy: {}", target.display(), ways.join("; ")))
}

/// The kernel waits for a server that is gone; at the limit, what waits for it is given up.
async fn unmount_network(context: &Context, target: &Path, limit: Duration) -> io::Result<bool> {
    match timeout(limit, try_unmount(target, Duration::ZERO)).await {
        Ok(done) => return done,
        Err(_) => context.log.line(&format!(
            "its server has not let go within {limit:?}: unmounted by force"
        )),
    }
    let path = target.to_owned();
    match blocking(move || mounts::unmount_by_force(&path)).await {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => Ok(false),
        Err(error) => Err(error),
    }
}

/// Tries until `limit`; `false` when it stays busy.
async fn try_unmount(target: &Path, limit: Duration) -> io::Result<bool> {
    let until = Instant::now() + limit;
    let mut pause = PAUSE_FIRST;
    loop {
        let path = target.to_owned();
        match blocking(move || mounts::unmount(&path)).await {
            Ok(()) => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {}
            Err(error) => return Err(error),
        }
        if until <= Instant::now() {
            return Ok(false);
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Who uses a mount: those of the service, and all others.
async fn users(context: &Context, target: &Path) -> io::Result<(Vec<Stat>, Vec<Stat>)> {
    let target = target.to_owned();
    let service = context.address.service.clone();
    let cgroups = context.shared.cgroups.clone();
    blocking(move || {
        let members = cgroups.map(|root| root.members_of(service.as_str()));
        let members = members.unwrap_or_default();
        let marker = format!("{service}/");
        let is_ours = |pid: i32| {
            members.contains(&pid)
                || process::variable(pid, MARKER).is_some_and(|value| value.starts_with(&marker))
        };
        let users = mounts::users(&target).into_iter();
        let stats = users.filter_map(|pid| Stat::read(pid).ok());
        Ok(stats.partition(|stat| is_ours(stat.pid)))
    })
    .await
}
