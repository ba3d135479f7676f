//! The door: takes operations and hands each to the task that owns its resource.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use host::cgroup::CgroupRoot;
use host::netlink::{Card, Change, Netlink, NetlinkError, Placed};
use model::environment::{Fact, Question};
use model::operation::{Operation, OperationReport, Outcome, ResourceAddress, Verb};
use model::spec::Attachment;
use model::{CardName, NetworkName, ResourceName, ServiceName};
use tokio::sync::{broadcast, mpsc, watch};

use crate::cards::OwnAddresses;
use crate::context::{Context, Shared};
use crate::inspect::inspect;
use crate::kept::{Kept, sweep};
use crate::log::Log;
use crate::record::Records;
use crate::systemd::Bus;
use crate::worker::{Stops, Worker};
use crate::{Event, Record, Settings};

/// Operations that may wait for one resource. The executor gives the next when it has heard
/// of the last, so more than a few mean that something is wrong.
const QUEUE_MAX: usize = 16;

/// Operates the resources of this node. Dropping it leaves everything running.
pub struct Agents {
    settings: Settings,
    shared: Arc<Shared>,
    own: OwnAddresses,
    resources: Mutex<BTreeMap<ResourceAddress, Resource>>,
}

/// The way to the task of one resource.
struct Resource {
    orders: mpsc::Sender<Operation>,
    stops: watch::Sender<u64>,
}

impl Agents {
    /// Opens what all resources share. Must be called within a tokio runtime. Whoever reads
    /// `events` must keep reading: agents wait while it is full.
    ///
    /// # Errors
    /// When the boot id cannot be read, a directory cannot be made, or the kernel's routing
    /// socket cannot be opened.
    pub fn new(settings: Settings, events: mpsc::Sender<Event>) -> io::Result<Self> {
        std::fs::create_dir_all(&settings.run_dir)?;
        std::fs::create_dir_all(&settings.log_dir)?;
        std::fs::create_dir_all(settings.run_dir.join("agents"))?;
        if let Some(program) = &settings.agents.program {
            crate::ocf::make_tools(&settings.run_dir, program)?;
        }
        let cgroups = CgroupRoot::find(settings.cgroup_root.as_deref());
        if cgroups.is_none() {
            tracing::info!("no writable cgroup v2 tree: processes are known by their session");
        }
        let shared = Arc::new(Shared {
            records: Records::new(&settings.run_dir, host::boot::boot_id()?),
            run_dir: settings.run_dir.clone(),
            cgroups,
            netlink: Netlink::open().map_err(io::Error::other)?,
            carriers: watch::Sender::default(),
            systemd: Bus::new(settings.systemd_bus.clone()),
            events,
            newest: Mutex::default(),
            places: settings.agents.clone(),
        });
        Ok(Self {
            own: OwnAddresses::start(&shared),
            settings,
            shared,
            resources: Mutex::default(),
        })
    }

    /// The addresses of a network, its own and those of services, shall be on this card from now
    /// on; none: nobody looks after its cards any more.
    pub fn carry(&self, network: &NetworkName, card: Option<&CardName>) {
        self.shared.carriers.send_modify(|carriers| {
            match card {
                Some(card) => carriers.insert(network.clone(), card.clone()),
                None => carriers.remove(network),
            };
        });
    }

    /// This node's own address on each network, and its cards there.
    pub fn follow_own(&self, own: BTreeMap<NetworkName, Attachment>) {
        self.own.follow(own);
    }

    /// News of cards and addresses, as the kernel tells them.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.shared.netlink.changes()
    }

    /// All cards of this machine, and the addresses on them.
    ///
    /// # Errors
    /// When the kernel does not answer.
    pub async fn cards(&self) -> Result<(Vec<Card>, Vec<Placed>), NetlinkError> {
        let netlink = &self.shared.netlink;
        Ok((netlink.cards().await?, netlink.addresses().await?))
    }

    /// Takes an operation. Never blocks; the end is told by `Event::Finished`, also when the
    /// operation is refused: a start or stop under an older claim than the newest seen for
    /// the service, or a full queue.
    pub fn execute(&self, operation: Operation) {
        self.shared
            .newest(&operation.address.service, operation.epoch);
        let mut resources = self
            .resources
            .lock()
            .expect("nothing panics while it holds this lock");
        let resource = resources
            .entry(operation.address.clone())
            .or_insert_with(|| self.open(&operation.address));
        let verb = operation.verb;
        match resource.orders.try_send(operation) {
            Ok(()) if verb == Verb::Stop => resource.stops.send_modify(|asked| *asked += 1),
            Ok(()) => {}
            Err(error) => self.refuse(&error.into_inner()),
        }
    }

    fn open(&self, address: &ResourceAddress) -> Resource {
        let (orders, receiver) = mpsc::channel(QUEUE_MAX);
        let (stops, asked) = watch::channel(0);
        let context = Context {
            shared: Arc::clone(&self.shared),
            address: address.clone(),
            log: Log::new(&self.settings.log_dir, address),
        };
        tokio::spawn(Worker::new(context, receiver, Stops::new(asked)).run());
        Resource { orders, stops }
    }

    fn refuse(&self, operation: &Operation) {
        let how = format!(
            "{QUEUE_MAX} operations wait for {} already",
            operation.address
        );
        let refused = Event::Finished(OperationReport {
            id: operation.id,
            outcome: Outcome::Failed(how),
            output: String::new(),
            took: Duration::ZERO,
        });
        let events = self.shared.events.clone();
        tokio::spawn(async move { events.send(refused).await });
    }

    /// Ends the task of a resource that is no longer in the spec and removes its record.
    /// Touches nothing that runs. Its kept output stays.
    pub fn forget(&self, address: &ResourceAddress) {
        self.resources
            .lock()
            .expect("nothing panics while it holds this lock")
            .remove(address);
        if let Err(error) = self.shared.records.remove(address) {
            tracing::warn!(resource = %address, %error, "cannot remove its record");
        }
    }

    /// The kept output of operations and of the process itself, of each the last
    /// `OUTPUT_KEPT_MAX` bytes.
    pub async fn output(&self, service: &ServiceName, resource: &ResourceName) -> String {
        let address = ResourceAddress {
            service: service.clone(),
            resource: resource.clone(),
        };
        let log = Log::new(&self.settings.log_dir, &address);
        tokio::task::spawn_blocking(move || log.kept())
            .await
            .unwrap_or_default()
    }

    /// What is kept of what the resources of a service printed.
    #[must_use]
    pub fn kept(&self, service: &ServiceName) -> Kept {
        Kept::new(&self.settings.log_dir, service)
    }

    /// Forgets the resources of services that are no longer known, once they are stopped, and
    /// removes what they printed when it is older than `kept_for`.
    pub fn tidy(&self, known: BTreeSet<ServiceName>, kept_for: Duration) {
        let strangers: Vec<ResourceAddress> = {
            let resources = self
                .resources
                .lock()
                .expect("nothing panics while it holds this lock");
            let all = resources.keys();
            all.filter(|address| !known.contains(&address.service))
                .filter(|address| self.shared.records.read(address).is_none())
                .cloned()
                .collect()
        };
        for address in &strangers {
            self.forget(address);
        }
        let log_dir = self.settings.log_dir.clone();
        tokio::task::spawn_blocking(move || sweep(&log_dir, &known, kept_for));
    }

    /// Looks at this node: one fact for each question, in their order. `directories` are those
    /// whose room counts. Takes less than a second, whatever hangs.
    pub fn inspect(
        &self,
        questions: Vec<Question>,
        directories: Vec<PathBuf>,
    ) -> impl Future<Output = Vec<Fact>> + use<> {
        inspect(Arc::clone(&self.shared), questions, directories)
    }

    /// What was recorded as started in this boot, by this or an earlier run of the daemon.
    /// Whether it still runs, a probe tells.
    #[must_use]
    pub fn recorded(&self) -> Vec<Record> {
        self.shared.records.all()
    }
}
