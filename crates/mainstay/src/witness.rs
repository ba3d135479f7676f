//! `mainstay witness run`, `token`, `list`, `forget`: what is done where a witness runs. Nodes
//! are asked by the command line instead.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use api::{ApiError, ErrorCode};
use cli::Json;
use cli::witness::{ForgetArgs, HostCommand, PrepareArgs, RunArgs, TokenArgs};
use consensus::Token;
use consensus::keys::KeyError;
use consensus::witness::server::{PersonAsks, SOCKET_FILE, view_of};
use consensus::witness::store::{ClusterFile, Standing};
use consensus::witness::{
    ClusterView, Server, ServerError, Settings, Store, StoreError, WitnessToken,
};
use host::shared_disk::{self, Caches, Forget, PrepareError, SharedDisk};
use model::WallTime;
use tokio::signal::unix::{SignalKind, signal};
use wire::peer::ClusterId;
use wire::witness::PORT_DEFAULT;

/// The witness answers on its socket within milliseconds, unless its disk is slow.
const LIST_LIMIT: Duration = Duration::from_secs(5);

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// The process.
    #[error("the witness cannot run")]
    Server(#[from] ServerError),
    /// The directory.
    #[error("the directory of the witness cannot be used")]
    Store(#[from] StoreError),
    /// A new token.
    #[error("no token can be made")]
    Key(#[from] KeyError),
    /// No address for the token.
    #[error("this machine has no address that a node could reach; say `--address ADDRESS`")]
    NoAddress,
    /// No cluster of this name.
    #[error("no cluster `{0}` is known here")]
    NoCluster(String),
    /// The process that runs did not do it.
    #[error("the witness that runs did not forget it: {0}")]
    NotForgotten(String),
    /// A disk that cannot be prepared.
    #[error("{path} cannot be a witness")]
    Disk {
        /// Which.
        path: String,
        /// What came of it.
        #[source]
        source: PrepareError,
    },
    /// Several clusters of one name.
    #[error("{0} clusters are called `{1}`; name one by its identity")]
    Ambiguous(usize, String),
    /// Anything of the operating system.
    #[error("cannot {verb}")]
    System {
        /// What was tried.
        verb: &'static str,
        /// What came of it.
        #[source]
        source: std::io::Error,
    },
}

impl WitnessError {
    fn kind(&self) -> ErrorCode {
        match self {
            Self::Server(ServerError::Store(StoreError::Locked(_)))
            | Self::Store(StoreError::Locked(_)) => ErrorCode::DaemonRuns,
            Self::Server(ServerError::Listen { .. }) | Self::NoAddress => {
                ErrorCode::AddressUnusable
            }
            Self::NoCluster(_) | Self::Ambiguous(..) => ErrorCode::WrongUsage,
            Self::Disk { .. } => ErrorCode::DiskUnusable,
            Self::Server(_)
            | Self::Store(_)
            | Self::Key(_)
            | Self::NotForgotten(_)
            | Self::System { .. } => ErrorCode::StateUnusable,
        }
    }

    /// The error as people and scripts see it.
    pub fn to_api(&self) -> ApiError {
        let (message, details) = crate::daemon::parts(self);
        let mut error = self.kind().error(message);
        error.details = details;
        match self {
            Self::NoCluster(_) | Self::Ambiguous(..) => {
                error.with_help("`mainstay witness list` lists the clusters")
            }
            Self::NoAddress => error.with_help("see `mainstay witness token --help`"),
            Self::Server(ServerError::Store(StoreError::Locked(_)))
            | Self::Store(StoreError::Locked(_)) => {
                error.with_help("end the witness that runs there first")
            }
            Self::Disk {
                path,
                source: PrepareError::Used,
            } => error.with_help(format!(
                "once no cluster has it as a witness any more: `mainstay witness prepare --forget {path}`"
            )),
            Self::Disk {
                path,
                source: PrepareError::Foreign(_),
            } => error.with_help(format!(
                "is it the right one? If nobody needs what is there: `wipefs --all {path}`, then zeros over 2 MiB"
            )),
            Self::Disk {
                source: PrepareError::TooSmall(_),
                ..
            } => error.with_help("a partition or a LUN of 2 MiB is enough"),
            Self::Disk { .. }
            | Self::Server(_)
            | Self::Store(_)
            | Self::Key(_)
            | Self::NotForgotten(_)
            | Self::System { .. } => error,
        }
    }
}

/// Carries a command out.
///
/// # Errors
/// Why it was not done.
pub fn run(command: HostCommand, json: Json) -> Result<(), WitnessError> {
    match command {
        HostCommand::Run(args) => block_on(serve(args))?,
        HostCommand::Token(args) => token(args, json),
        HostCommand::List(args) => list(&args.dir, json),
        HostCommand::Forget(args) => forget(&args, json),
        HostCommand::Prepare(args) => prepare(&args, json),
    }
}

/// Only what is empty, or a disk witness, is written.
fn prepare(args: &PrepareArgs, json: Json) -> Result<(), WitnessError> {
    let path = args.path.display().to_string();
    let unusable = |source| WitnessError::Disk {
        path: path.clone(),
        source,
    };
    let forget = match args.forget {
        true => Forget::Witness,
        false => Forget::Nothing,
    };
    let disk = SharedDisk::open(&args.path).map_err(|error| unusable(error.into()))?;
    shared_disk::prepare(&disk, forget).map_err(unusable)?;
    let is_shared = disk.caches() == Caches::Bypassed;
    match json {
        Json::Yes => println!(
            "{}",
            serde_json::json!({ "path": path, "direct": is_shared })
        ),
        Json::No => {
            println!(
                "{path} is ready\n  next      on one node: `mainstay witness add NAME --disk {path}`"
            );
            if !is_shared {
                println!(
                    "note: this file system keeps a cache of its own: good for tests on one machine only"
                );
            }
        }
    }
    Ok(())
}

fn block_on<F: Future>(future: F) -> Result<F::Output, WitnessError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(system("start the runtime"))?;
    Ok(runtime.block_on(future))
}

fn system(verb: &'static str) -> impl FnOnce(std::io::Error) -> WitnessError {
    move |source| WitnessError::System { verb, source }
}

async fn serve(args: RunArgs) -> Result<(), WitnessError> {
    let settings = Settings {
        dir: args.place.dir,
        listen: args.listen,
        boot: host::boot::boot_id().map_err(system("read the boot id"))?,
    };
    let mut terminate = signal(SignalKind::terminate()).map_err(system("watch for signals"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(system("watch for signals"))?;
    let server = Server::open(settings).await?;
    tracing::info!(address = %server.address(), clusters = server.len(), "witness started");
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    Ok(server.run(stop).await?)
}

fn token(args: TokenArgs, json: Json) -> Result<(), WitnessError> {
    let store = Store::open(&args.place.dir)?;
    let listen = store.listen();
    let port = listen.map_or(PORT_DEFAULT, |address| address.port());
    let addresses = match (args.addresses.is_empty(), listen) {
        (false, _) => args.addresses,
        (true, Some(listen)) if !listen.ip().is_unspecified() => vec![listen.ip()],
        (true, _) => own_addresses()?,
    };
    if addresses.is_empty() {
        return Err(WitnessError::NoAddress);
    }
    let places = addresses.into_iter().map(|ip| SocketAddr::new(ip, port));
    let valid = u64::try_from(args.valid.as_millis()).unwrap_or(u64::MAX);
    let expires = WallTime(host::clock::wall().0.saturating_add(valid));
    let fingerprint = store.key()?.fingerprint();
    let token = WitnessToken(Token::generate(places.collect(), fingerprint, expires)?);
    store.add_token(&token)?;
    match json {
        Json::Yes => println!(
            "{}",
            serde_json::json!({
                "token": token.to_string(),
                "expires": expires.to_string(),
                "addresses": token.0.addresses,
            })
        ),
        Json::No => {
            println!("run this on one node of the cluster, before {expires}:\n");
            println!("  mainstay witness add NAME {token}\n");
            println!("the token works once; whoever has it can use this witness");
        }
    }
    Ok(())
}

/// The addresses of this machine that another one may reach.
fn own_addresses() -> Result<Vec<IpAddr>, WitnessError> {
    let failed = |error: host::netlink::NetlinkError| WitnessError::System {
        verb: "list the addresses of this machine",
        source: std::io::Error::other(error),
    };
    let listing = async { host::netlink::Netlink::open()?.addresses().await };
    let placed = block_on(listing)?.map_err(failed)?;
    let all = placed.into_iter().map(|placed| placed.address.addr());
    Ok(all.filter(|ip| is_of_use(*ip)).collect())
}

fn is_of_use(ip: IpAddr) -> bool {
    let is_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    !is_local && !ip.is_loopback() && !ip.is_unspecified()
}

fn list(dir: &Path, json: Json) -> Result<(), WitnessError> {
    let store = Store::open(dir)?;
    let (is_running, views) = match live(dir)? {
        Some(views) => (true, views),
        None => (false, store.clusters()?.iter().map(view_of).collect()),
    };
    match json {
        Json::Yes => println!(
            "{}",
            serde_json::json!({ "running": is_running, "clusters": views })
        ),
        Json::No => {
            if !is_running {
                println!("the witness does not run; this is what it keeps");
            }
            for view in &views {
                print!("{}", shown(view));
            }
            if views.is_empty() {
                println!("no cluster is known; `mainstay witness token` lets one in");
            }
        }
    }
    Ok(())
}

/// What the process says; none when none runs.
fn live(dir: &Path) -> Result<Option<Vec<ClusterView>>, WitnessError> {
    let Ok(stream) = UnixStream::connect(dir.join(SOCKET_FILE)) else {
        return Ok(None);
    };
    say(stream, "").map(Some)
}

/// Says one line to the process that runs, and gives its answer.
fn say<T: serde::de::DeserializeOwned>(
    mut stream: UnixStream,
    line: &str,
) -> Result<T, WitnessError> {
    let failed = || system("speak to the witness that runs");
    stream
        .set_read_timeout(Some(LIST_LIMIT))
        .map_err(failed())?;
    stream
        .write_all(format!("{line}\n").as_bytes())
        .map_err(failed())?;
    let mut text = Vec::new();
    stream.read_to_end(&mut text).map_err(failed())?;
    serde_json::from_slice(&text).map_err(|error| failed()(std::io::Error::other(error)))
}

fn shown(view: &ClusterView) -> String {
    let standing = match view.standing {
        Standing::Served => "",
        Standing::Forgotten => "  forgotten",
    };
    let mut text = format!(
        "{}  {}  since {}{standing}\n",
        view.name, view.cluster, view.since
    );
    for node in &view.nodes {
        text.push_str(&format!(
            "  node {} at {}, heard {} ms ago\n",
            node.id, node.address, node.heard_ms
        ));
    }
    for (lineage, grant) in &view.grants {
        text.push_str(&format!(
            "  vote: to node {} (generation {}, term {})\n",
            grant.keeper, lineage.generation, grant.term
        ));
    }
    text
}

fn forget(args: &ForgetArgs, json: Json) -> Result<(), WitnessError> {
    let store = Store::open(&args.place.dir)?;
    let is_meant =
        |file: &ClusterFile| file.name == args.cluster || file.cluster.to_string() == args.cluster;
    let mut meant: Vec<ClusterFile> = store.clusters()?.into_iter().filter(is_meant).collect();
    let file = match (meant.len(), meant.pop()) {
        (1, Some(file)) => file,
        (0, _) | (_, None) => return Err(WitnessError::NoCluster(args.cluster.clone())),
        (count, Some(_)) => return Err(WitnessError::Ambiguous(count, args.cluster.clone())),
    };
    match store.lock() {
        Ok(_lock) => store.write(&ClusterFile {
            standing: Standing::Forgotten,
            // Read anew: until now a witness might have run and voted.
            ..store.read(file.cluster)?
        })?,
        Err(StoreError::Locked(_)) => forget_running(&args.place.dir, file.cluster)?,
        Err(error) => return Err(error.into()),
    }
    match json {
        Json::Yes => println!("{}", serde_json::json!({ "forgotten": file.cluster })),
        Json::No => println!("cluster {} gets no answer any more", file.name),
    }
    Ok(())
}

/// The process that runs must do it itself: it has the file in memory.
fn forget_running(dir: &Path, cluster: ClusterId) -> Result<(), WitnessError> {
    let stream = UnixStream::connect(dir.join(SOCKET_FILE))
        .map_err(system("speak to the witness that runs"))?;
    let line = serde_json::to_string(&PersonAsks::Forget(cluster)).expect("plain data");
    say::<Result<(), String>>(stream, &line)?.map_err(WitnessError::NotForgotten)
}
