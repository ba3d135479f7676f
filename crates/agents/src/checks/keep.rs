//! What the programs of checks print is kept beside that of resources, as long as it says
//! something new: a check that fails every second with the same words has said it once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::operation::ResourceAddress;
use model::{ResourceName, ServiceName};

use super::locked;
use crate::log::Log;

/// What was written last of each check and verb.
type Said = BTreeMap<(String, String, &'static str), String>;

/// Writes what programs of checks print.
#[derive(Debug, Clone)]
pub(crate) struct Keeper {
    log_dir: PathBuf,
    said: Arc<Mutex<Said>>,
}

/// One run of a program, of which check, and how it ended.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) whose: &'a str,
    pub(crate) check: &'a str,
    /// `check`, or `run` for a program beside it.
    pub(crate) verb: &'static str,
    pub(crate) printed: &'a str,
    pub(crate) how: &'a str,
    pub(crate) took: Duration,
}

impl Keeper {
    pub(crate) fn new(log_dir: &Path) -> Self {
        Self {
            log_dir: log_dir.to_owned(),
            said: Arc::default(),
        }
    }

    /// Keeps one run. Nobody waits for it: the disk of the logs may hang. Checks of nodes have no
    /// such log.
    pub(crate) fn keep(&self, run: &Run<'_>) {
        let (Ok(service), Ok(resource)) =
            (ServiceName::new(run.whose), ResourceName::new(run.check))
        else {
            return;
        };
        let log = Log::new(&self.log_dir, &ResourceAddress { service, resource });
        let (verb, took) = (run.verb, run.took);
        let (printed, how) = (run.printed.to_owned(), run.how.to_owned());
        let (key, text) = (self.key(run), format!("{how}\n{printed}"));
        let said = Arc::clone(&self.said);
        tokio::task::spawn_blocking(move || {
            // Held while it is written: a check and what runs beside it write to one file.
            let mut said = locked(&said);
            if said.get(&key) != Some(&text) {
                log.whole(verb, (&printed, &how), took);
                said.insert(key, text);
            }
        });
    }

    /// It is well: the next failure is news, whatever it says.
    pub(crate) fn forget(&self, whose: &str, check: &str) {
        let said = Arc::clone(&self.said);
        let key = (whose.to_owned(), check.to_owned(), "check");
        tokio::task::spawn_blocking(move || locked(&said).remove(&key));
    }

    fn key(&self, run: &Run<'_>) -> (String, String, &'static str) {
        (run.whose.to_owned(), run.check.to_owned(), run.verb)
    }
}
