//! What a process that stays tells of itself, and where it goes.
//!
//! ```text
//!   tracing ──► levels (changed at run time) ──► the newest lines, kept in memory
//!                                            ├─► the journal of systemd, or standard error
//!                                            └─► a file that is turned over, where one is named
//! ```

mod file;
mod kept;
mod levels;

use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use api::{ApiError, DaemonLog, DaemonLogQuery, ErrorCode, Levels, LevelsChange};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, reload};

pub use file::Turned;
use kept::Kept;
use levels::Filter;

/// What is told unless something else is asked for.
const LEVEL_VARIABLE: &str = "MAINSTAY_LOG";

/// By this systemd tells that standard error goes to its journal.
const JOURNAL_VARIABLE: &str = "JOURNAL_STREAM";

/// The journal of this process.
pub struct Journal {
    kept: Kept,
    levels: std::sync::Mutex<Filter>,
    at_start: Filter,
    reload: Option<reload::Handle<Targets, Registry>>,
}

static JOURNAL: OnceLock<Journal> = OnceLock::new();

/// The journal of this process. Before [`open`] it is empty, and nothing comes into it.
pub fn get() -> &'static Journal {
    JOURNAL.get_or_init(|| Journal {
        kept: Kept::default(),
        levels: std::sync::Mutex::new(Filter::default()),
        at_start: Filter::default(),
        reload: None,
    })
}

/// A file into which all is written as well.
#[derive(Debug, Clone)]
pub struct LogFile {
    /// Where.
    pub path: PathBuf,
    /// It is turned over when it has grown to so many bytes.
    pub size_max: u64,
    /// So many older ones are kept.
    pub older_max: usize,
}

/// Opens the journal: from now on everything goes where it belongs.
///
/// # Errors
/// When the file cannot be opened.
pub fn open(file: Option<&LogFile>) -> std::io::Result<()> {
    let asked = std::env::var(LEVEL_VARIABLE).ok();
    let parsed = asked.as_deref().map(Filter::parse);
    let at_start = match &parsed {
        Some(Ok(filter)) => filter.clone(),
        Some(Err(_)) | None => Filter::default(),
    };
    let (filter, handle) = reload::Layer::new(at_start.targets());
    let kept = Kept::default();
    let journald = match is_journal() {
        true => tracing_journald::layer().ok(),
        false => None,
    };
    let to_error = journald.is_none().then(|| {
        let colours = std::io::stderr().is_terminal()
            && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(colours)
            .with_target(false)
    });
    let to_file = file.map(Turned::open).transpose()?.map(|turned| {
        fmt::layer()
            .with_writer(turned)
            .with_ansi(false)
            .with_target(true)
    });
    tracing_subscriber::registry()
        .with(filter)
        .with(kept.layer())
        .with(journald)
        .with(to_error)
        .with(to_file)
        .init();
    let journal = Journal {
        kept,
        levels: std::sync::Mutex::new(at_start.clone()),
        at_start,
        reload: Some(handle),
    };
    // Opened once, at the beginning of the process.
    let _again = JOURNAL.set(journal);
    if let Some(Err(why)) = parsed {
        tracing::warn!("{LEVEL_VARIABLE} cannot be understood: {why}; `info` is used");
    }
    Ok(())
}

/// Whether standard error is a stream of systemd's journal: then its own protocol tells more.
fn is_journal() -> bool {
    let Ok(named) = std::env::var(JOURNAL_VARIABLE) else {
        return false;
    };
    let own = rustix::fs::fstat(std::io::stderr().as_fd());
    own.is_ok_and(|own| named == format!("{}:{}", own.st_dev, own.st_ino))
}

impl Journal {
    /// The newest lines; with `follow`, those after it, waited for at most so long.
    pub async fn tell(&self, node: String, query: DaemonLogQuery, wait: Duration) -> DaemonLog {
        let mut log = match query.follow {
            None => self.kept.all(),
            Some(after) => self.kept.after(after, wait).await,
        };
        log.node = node;
        if let Some(since) = query.since {
            log.lines.retain(|line| since <= line.at);
        }
        log
    }

    /// How much is told; changed first, if that is asked for.
    ///
    /// # Errors
    /// When the change cannot be understood.
    pub fn levels(&self, node: String, change: Option<LevelsChange>) -> Result<Levels, ApiError> {
        let mut levels = self.levels.lock().expect("nothing panics with this lock");
        if let Some(change) = change {
            let filter = match change {
                LevelsChange::Reset => self.at_start.clone(),
                LevelsChange::Set(text) => levels.with(&text).map_err(|why| {
                    ErrorCode::BadRequest
                        .error(format!("`{text}` cannot be understood: {why}"))
                        .with_help(
                            "write a level (error, warn, info, debug, trace, off), or MODULE=LEVEL",
                        )
                })?,
            };
            if let Some(handle) = &self.reload {
                let reloaded = handle.reload(filter.targets());
                reloaded.map_err(|error| ErrorCode::Stopping.error(error.to_string()))?;
            }
            tracing::info!("the log tells {filter} from now on");
            *levels = filter;
        }
        Ok(Levels {
            node,
            level: levels.level(),
            modules: levels.modules(),
            at_start: self.at_start.to_string(),
        })
    }
}
