//! Starting programs: the surroundings that all of them get.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::awaited::{Starter, awaited};
use host::account::Account;
use host::cgroup::Cgroup;
use host::process::Process;
use host::spawn::{Limit, Program, SpawnError, spawn};

/// Where programs find others; the usual one of a system service.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Why a program did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LaunchError {
    /// Nobody of this name.
    #[error("cannot run as {user}")]
    Account {
        user: String,
        #[source]
        source: std::io::Error,
    },
    /// No group of this name.
    #[error("cannot run in group {group}")]
    Group {
        group: String,
        #[source]
        source: std::io::Error,
    },
    /// It did not start.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// The thread that started it broke.
    #[error("starting it was interrupted")]
    Interrupted(#[source] tokio::task::JoinError),
    /// Nobody waits for it any more.
    #[error("it would have started too late")]
    TooLate,
}

/// A program that is about to be started.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    pub(crate) argv: Vec<String>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) user: Option<String>,
    /// Instead of the group of the account.
    pub(crate) group: Option<String>,
    pub(crate) limits: Vec<Limit>,
    pub(crate) directory: PathBuf,
    pub(crate) output: PathBuf,
    pub(crate) cgroup: Option<Cgroup>,
}

impl Launch {
    pub(crate) fn new(argv: &[String], output: PathBuf) -> Self {
        let path = ("PATH".to_owned(), PATH.to_owned());
        Self {
            argv: argv.to_vec(),
            environment: BTreeMap::from([path]),
            user: None,
            group: None,
            limits: Vec::new(),
            directory: Path::new("/").to_owned(),
            output,
            cgroup: None,
        }
    }

    pub(crate) fn variable(mut self, name: &str, value: String) -> Self {
        self.environment.insert(name.to_owned(), value);
        self
    }

    /// Starts it, on a thread where waiting for a disk or a directory service is allowed. When
    /// this is dropped meanwhile, it does not start, or is ended at once.
    pub(crate) async fn launch(self) -> Result<Process, LaunchError> {
        self.launch_and(|_| ()).await
    }

    /// As [`Self::launch`]; `then` comes at once, before anybody can have heard of the start.
    pub(crate) async fn launch_and(
        self,
        then: impl FnOnce(&Process) + Send + 'static,
    ) -> Result<Process, LaunchError> {
        let (waiter, starter) = awaited();
        let begun = tokio::task::spawn_blocking(move || {
            let process = self.launch_blocking(&starter)?;
            then(&process);
            starter.started(process);
            Ok::<_, LaunchError>(())
        });
        begun.await.map_err(LaunchError::Interrupted)??;
        waiter.take().ok_or(LaunchError::TooLate)
    }

    fn launch_blocking(mut self, starter: &Starter) -> Result<Process, LaunchError> {
        let find = |user: &String| {
            Account::find(user).map_err(|source| LaunchError::Account {
                user: user.clone(),
                source,
            })
        };
        let account = self.user.as_ref().map(find).transpose()?;
        if let (Some(account), Some(user)) = (&account, &self.user) {
            let given = [("HOME", &account.home), ("USER", user), ("LOGNAME", user)];
            for (name, value) in given {
                self.environment
                    .entry(name.to_owned())
                    .or_insert_with(|| value.clone());
            }
        }
        let account = match &self.group {
            None => account,
            Some(group) => {
                let account = account.unwrap_or_else(Account::own);
                let changed = account.with_group(group);
                Some(changed.map_err(|source| LaunchError::Group {
                    group: group.clone(),
                    source,
                })?)
            }
        };
        if !starter.is_awaited() {
            return Err(LaunchError::TooLate);
        }
        Ok(spawn(&Program {
            argv: &self.argv,
            environment: &self.environment,
            account: account.as_ref(),
            limits: &self.limits,
            directory: &self.directory,
            output: &self.output,
            cgroup: self.cgroup.as_ref(),
        })?)
    }
}
