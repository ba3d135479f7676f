//! Exports: directories that NFS clients may mount, through `exportfs`.
//!
//! What is exported stands in a table, which `exportfs` replaces at each change: that is how
//! we hear of it. The kernel's server must run already; it is no business of an export.
//!
//! What clients of NFS 4 have opened stays in use after the export is gone, and its file system
//! could not be unmounted. So the server forgets those clients, who open their files again where
//! the service runs next.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use host::files::FilesWatch;
use host::nfsd;
use model::operation::{Operation, Outcome, Verb};
use model::spec::ExportSpec;
use tokio::time::{sleep, timeout};

use crate::context::{ASK_AGAIN, Context, Done};
use crate::outside;
use crate::record::Trace;

/// Where `exportfs` keeps its table.
const TABLE_DIRECTORY: &str = "/var/lib/nfs";
/// The table: `DIRECTORY CLIENT(OPTIONS)`, one a line.
const TABLE: &str = "/var/lib/nfs/etab";

/// An export that is in the table and watched.
pub(crate) struct Held {
    watch: FilesWatch,
    spec: ExportSpec,
    /// The table changed, and we have not looked since.
    doubt: bool,
}

impl Held {
    /// Waits until a client is no longer served and tells which.
    pub(crate) async fn ended(&mut self) -> String {
        loop {
            if self.doubt {
                match missing(&self.spec) {
                    Ok(missing) if missing.is_empty() => self.doubt = false,
                    Ok(missing) => return no_longer(&self.spec, &missing),
                    Err(error) => {
                        tracing::warn!(%error, "cannot read the table of exports");
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

fn no_longer(spec: &ExportSpec, missing: &[&String]) -> String {
    let missing: Vec<&str> = missing.iter().map(|client| client.as_str()).collect();
    format!(
        "{} is not exported to {}",
        spec.directory,
        missing.join(", ")
    )
}

/// The clients that do not stand in the table. No table: nothing was ever exported.
fn missing(spec: &ExportSpec) -> std::io::Result<Vec<&String>> {
    let table = match std::fs::read(TABLE) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    let clients = spec.clients.iter();
    Ok(clients
        .filter(|client| !has(&table, &spec.directory, client))
        .collect())
}

fn has(table: &str, directory: &str, client: &str) -> bool {
    table.lines().any(|line| {
        let mut words = line.split_whitespace();
        let path = words.next().unwrap_or_default();
        let who = words.next().and_then(|word| word.split_once('('));
        host::mounts::unescape(path) == Path::new(directory)
            && who.is_some_and(|(who, _)| who == client)
    })
}

/// The client and the directory as `exportfs` wants them; the colons of an IPv6 address
/// would end the client.
fn place(spec: &ExportSpec, client: &str) -> String {
    let client = match client.split_once('/') {
        Some((address, length)) if address.contains(':') => format!("[{address}]/{length}"),
        Some(_) => client.to_owned(),
        None if client.contains(':') => format!("[{client}]"),
        None => client.to_owned(),
    };
    format!("{client}:{}", spec.directory)
}

/// Carries out an operation.
pub(crate) async fn operate(
    context: &Context,
    operation: &Operation,
    spec: &ExportSpec,
    held: &mut Option<Held>,
) -> Done {
    let done = match operation.verb {
        Verb::Probe | Verb::Status => look(context, spec, held),
        Verb::Start => start(context, operation, spec, held).await,
        Verb::Stop => {
            *held = None;
            stop(context, operation, spec).await
        }
        _other => Ok(Done::unknown(operation)),
    };
    done.unwrap_or_else(Done::failed)
}

fn look(context: &Context, spec: &ExportSpec, held: &mut Option<Held>) -> Result<Done, String> {
    // Watch before looking, or a change in between is missed.
    let watch = FilesWatch::open(Path::new(TABLE_DIRECTORY));
    let missing = missing(spec).map_err(|error| format!("cannot read {TABLE}: {error}"))?;
    if missing.len() == spec.clients.len() {
        *held = None;
        context.strike_out();
        return Ok(Outcome::Stopped.into());
    }
    if !missing.is_empty() {
        *held = None;
        return Ok(Done::failed(no_longer(spec, &missing)));
    }
    if held.is_none() {
        let watch = watch.map_err(|error| format!("cannot watch {TABLE_DIRECTORY}: {error}"))?;
        *held = Some(Held {
            watch,
            spec: spec.clone(),
            doubt: false,
        });
    }
    Ok(Outcome::Running.into())
}

async fn start(
    context: &Context,
    operation: &Operation,
    spec: &ExportSpec,
    held: &mut Option<Held>,
) -> Result<Done, String> {
    let exportfs = outside::find("exportfs", "nfs-kernel-server")?;
    if !PathBuf::from(&spec.directory).is_dir() {
        return Err(format!("{} is no directory on this node", spec.directory));
    }
    let record = context.record(operation, Trace::Up);
    record.map_err(|error| format!("cannot write its record: {error}"))?;
    for client in &spec.clients {
        let mut argv = vec![exportfs.clone()];
        if !spec.options.is_empty() {
            argv.extend(["-o".to_owned(), spec.options.join(",")]);
        }
        argv.push(place(spec, client));
        let acted = outside::act(context, &argv, operation.limit).await;
        if let Err(how) = acted {
            // It ends with 1 for what it did not like beside this, as for want of /etc/exports.
            // The table is what counts.
            let missing = missing(spec).map_err(|error| format!("cannot read {TABLE}: {error}"))?;
            if missing.contains(&client) {
                return Err(how);
            }
            context.log.line(&how);
        }
    }
    *held = None;
    let done = look(context, spec, held)?;
    match done.outcome {
        // It says 0 for what it left out.
        Outcome::Stopped => Err(
            "exportfs ended with 0, and none of the clients is in its table: write them as `exportfs -v` shows them".to_owned(),
        ),
        _ => Ok(done),
    }
}

async fn stop(context: &Context, operation: &Operation, spec: &ExportSpec) -> Result<Done, String> {
    let limit = operation.spec.limits.stop;
    let gone = missing(spec).map_err(|error| format!("cannot read {TABLE}: {error}"))?;
    for client in spec.clients.iter().filter(|client| !gone.contains(client)) {
        let exportfs = outside::find("exportfs", "nfs-kernel-server")?;
        let argv = vec![exportfs, "-u".to_owned(), place(spec, client)];
        if let Err(how) = outside::act(context, &argv, limit).await {
            context.log.line(&how);
        }
    }
    let gone = missing(spec).map_err(|error| format!("cannot read {TABLE}: {error}"))?;
    if gone.len() < spec.clients.len() {
        return Err(format!("{} is exported still", spec.directory));
    }
    release(context, spec, limit).await?;
    context.strike_out();
    Ok(Outcome::Stopped.into())
}

/// Lets the server forget the clients that have files there in use, unless the file system is
/// exported still from another directory of it.
async fn release(context: &Context, spec: &ExportSpec, limit: Duration) -> Result<(), String> {
    let directory = spec.directory.clone();
    let act = move || -> Result<Vec<nfsd::Client>, String> {
        let Some(device) = device_of(Path::new(&directory)) else {
            return Ok(Vec::new());
        };
        let table = std::fs::read_to_string(TABLE).unwrap_or_default();
        if directories(&table).any(|other| device_of(&other) == Some(device)) {
            return Ok(Vec::new());
        }
        let clients = nfsd::clients_of(device);
        for client in &clients {
            let ended = client.expire();
            ended.map_err(|error| format!("{}: {error}", client.address))?;
        }
        Ok(clients)
    };
    let what = format!("files of {} in use", spec.directory);
    let clients = match timeout(limit, tokio::task::spawn_blocking(act)).await {
        Ok(Ok(clients)) => clients.map_err(|how| format!("{what} by {how}"))?,
        Ok(Err(error)) => return Err(format!("{what}: {error}")),
        Err(_) => {
            return Err(format!(
                "{what} by clients: not given back within {limit:?}"
            ));
        }
    };
    for client in &clients {
        let address = &client.address;
        let line = format!("mainstay: {what} by {address}: the server has forgotten that client");
        context.log.line(&line);
    }
    Ok(())
}

fn device_of(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|data| data.dev())
}

fn directories(table: &str) -> impl Iterator<Item = PathBuf> {
    let paths = table
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    paths.map(host::mounts::unescape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_by_directory_and_client() {
        let table = "/srv/a\t10.0.0.0/24(rw,sync)\n/srv/my\\040files\t*(ro)\n";
        assert!(has(table, "/srv/a", "10.0.0.0/24"));
        assert!(!has(table, "/srv/a", "*"));
        assert!(!has(table, "/srv", "10.0.0.0/24"));
        assert!(has(table, "/srv/my files", "*"));
    }

    #[test]
    fn addresses_of_ipv6_get_brackets() {
        let spec = ExportSpec {
            directory: "/srv".to_owned(),
            clients: Vec::new(),
            options: Vec::new(),
        };
        let places = ["10.0.0.0/24", "*.example.org", "fd00::1", "fd00::/64"];
        assert_eq!(
            places.map(|client| place(&spec, client)),
            [
                "10.0.0.0/24:/srv",
                "*.example.org:/srv",
                "[fd00::1]:/srv",
                "[fd00::]/64:/srv"
            ]
        );
    }
}
