//! What the hands of every kind share.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use host::cgroup::{Cgroup, CgroupRoot};
use host::netlink::Netlink;
use model::operation::{Operation, Outcome, ResourceAddress};
use model::{ClaimEpoch, ServiceName};
use tokio::sync::{mpsc, watch};

use crate::Event;
use crate::cards::Carriers;
use crate::log::Log;
use crate::ocf::AgentPlaces;
use crate::record::{Record, Records, Trace};
use crate::systemd::Bus;

/// Variable in the environment of what we start, which tells whose it is:
/// `SERVICE/RESOURCE:EPOCH`.
pub(crate) const MARKER: &str = "MAINSTAY_RESOURCE";

/// Before the kernel, or the bus, is asked again after it did not answer: not knowing is no
/// failure of what is watched.
pub(crate) const ASK_AGAIN: Duration = Duration::from_secs(1);

/// What all resources of this node share.
pub(crate) struct Shared {
    pub(crate) records: Records,
    pub(crate) run_dir: PathBuf,
    pub(crate) cgroups: Option<CgroupRoot>,
    pub(crate) netlink: Netlink,
    /// Which card carries the addresses of each network, as far as somebody has said so.
    pub(crate) carriers: watch::Sender<Carriers>,
    pub(crate) systemd: Bus,
    pub(crate) events: mpsc::Sender<Event>,
    /// The newest claim seen of each service in this run of the daemon.
    pub(crate) newest: Mutex<BTreeMap<ServiceName, ClaimEpoch>>,
    pub(crate) places: AgentPlaces,
}

impl Shared {
    /// Notes a claim and returns the newest of its service.
    pub(crate) fn newest(&self, service: &ServiceName, epoch: ClaimEpoch) -> ClaimEpoch {
        let mut newest = self
            .newest
            .lock()
            .expect("nothing panics while it holds this lock");
        let known = newest.entry(service.clone()).or_insert(epoch);
        *known = epoch.max(*known);
        *known
    }
}

/// What the hands of one resource work with.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) shared: Arc<Shared>,
    pub(crate) address: ResourceAddress,
    pub(crate) log: Log,
}

impl Context {
    /// The cgroup of this resource, made if need be; `None` where there are none.
    pub(crate) fn cgroup(&self) -> Option<Cgroup> {
        let root = self.shared.cgroups.as_ref()?;
        let (service, resource) = (&self.address.service, &self.address.resource);
        match root.make(service.as_str(), resource.as_str()) {
            Ok(cgroup) => Some(cgroup),
            Err(error) => {
                tracing::warn!(resource = %self.address, %error, "no cgroup can be made");
                None
            }
        }
    }

    /// The marker of this resource up to the epoch.
    pub(crate) fn marker(&self) -> String {
        format!("{}:", self.address)
    }

    /// Writes down what is known of this resource now.
    pub(crate) fn record(&self, operation: &Operation, trace: Trace) -> std::io::Result<()> {
        self.shared.records.write(&Record {
            address: self.address.clone(),
            spec: operation.spec.clone(),
            epoch: operation.epoch,
            boot: self.shared.records.boot(),
            trace,
        })
    }

    /// Strikes this resource out.
    pub(crate) fn strike_out(&self) {
        if let Err(error) = self.shared.records.remove(&self.address) {
            tracing::warn!(resource = %self.address, %error, "cannot remove its record");
        }
    }
}

/// How an operation ended, and what it printed.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) outcome: Outcome,
    pub(crate) output: String,
}

impl From<Outcome> for Done {
    fn from(outcome: Outcome) -> Self {
        let output = String::new();
        Self { outcome, output }
    }
}

impl Done {
    pub(crate) fn failed(how: impl Into<String>) -> Self {
        Outcome::Failed(how.into()).into()
    }

    /// Of an operation that the kind of the resource does not know.
    pub(crate) fn unknown(operation: &Operation) -> Self {
        let (verb, kind) = (operation.verb, operation.spec.kind.word());
        Self::failed(format!("{verb} is not known to resources of kind {kind}"))
    }

    /// With the whole chain of causes.
    pub(crate) fn error(error: &dyn std::error::Error) -> Self {
        Self::failed(chain(error))
    }

    pub(crate) fn with_output(self, output: String) -> Self {
        Self { output, ..self }
    }
}

/// An error with all its causes, on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
