//! One resource: its queue of operations and what is watched of it.
//!
//! One task owns it. While an operation runs, the end of what is watched is not reported as
//! a failure: the operation's own outcome says what became of it.

use std::time::Duration;

use model::ClaimEpoch;
use model::operation::{CopiesTold, Operation, OperationReport, Outcome, Verb};
use model::spec::{AgentSpec, CommandSpec, ResourceKind};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::context::{Context, Done};
use crate::{
    Event, address, change, command, export, mount, ocf, process, route, systemd, volume_group,
};

/// What is known to be up, and is watched.
#[derive(Default)]
struct Held {
    process: Option<process::Running>,
    command: Option<command::Running>,
    address: Option<address::Held>,
    mount: Option<mount::Held>,
    agent: Option<ocf::operate::Held>,
    systemd: Option<systemd::Held>,
    route: Option<route::Held>,
    export: Option<export::Held>,
    volume_group: Option<volume_group::Held>,
}

/// Counts the stops that were asked for, so that a start that waits for readiness gives way.
pub(crate) struct Stops {
    asked: watch::Receiver<u64>,
    carried_out: u64,
}

impl Stops {
    pub(crate) fn new(asked: watch::Receiver<u64>) -> Self {
        let carried_out = 0;
        Self { asked, carried_out }
    }

    /// Waits until a stop is asked for.
    pub(crate) async fn requested(&mut self) {
        let carried_out = self.carried_out;
        if self
            .asked
            .wait_for(|asked| carried_out < *asked)
            .await
            .is_err()
        {
            // The daemon ends: it leaves what runs alone.
            std::future::pending().await
        }
    }
}

/// The task of one resource.
pub(crate) struct Worker {
    context: Context,
    orders: mpsc::Receiver<Operation>,
    stops: Stops,
    held: Held,
    mounting: mount::Underway,
    /// Of the latest operation.
    epoch: ClaimEpoch,
    /// The command, and the limit of its status, for when its processes end by themselves.
    command: Option<(CommandSpec, Duration)>,
    /// The same of what an agent operates.
    agent: Option<(AgentSpec, Option<CopiesTold>, Duration)>,
}

impl Worker {
    pub(crate) fn new(context: Context, orders: mpsc::Receiver<Operation>, stops: Stops) -> Self {
        Self {
            context,
            orders,
            stops,
            held: Held::default(),
            mounting: mount::Underway::default(),
            epoch: ClaimEpoch::default(),
            command: None,
            agent: None,
        }
    }

    /// Runs until the sender of orders is dropped. What runs is left running.
    pub(crate) async fn run(mut self) {
        loop {
            tokio::select! {
                // What failed is told before the next operation mends it.
                biased;
                how = ended(&mut self.held, &self.context) => self.handle_end(how).await,
                order = self.orders.recv() => match order {
                    Some(operation) => self.handle_order(operation).await,
                    None => return,
                },
            }
        }
    }

    async fn handle_order(&mut self, operation: Operation) {
        let began = Instant::now();
        let Operation { id, verb, .. } = operation;
        let Done { outcome, output } = match self.staleness(&operation) {
            Some(how) => Done::failed(how),
            None => self.carry_out(&operation).await,
        };
        if verb == Verb::Stop {
            self.stops.carried_out += 1;
        }
        let report = OperationReport {
            id,
            outcome,
            output,
            took: began.elapsed(),
        };
        self.tell(Event::Finished(report)).await;
    }

    /// A newer claim may have come while this operation waited in the queue.
    fn staleness(&self, operation: &Operation) -> Option<String> {
        let Operation {
            address,
            epoch,
            verb,
            ..
        } = operation;
        let newest = self.context.shared.newest(&address.service, *epoch);
        (verb.changes() && *epoch < newest)
            .then(|| format!("stale claim {epoch}: claim {newest} has been seen here"))
    }

    async fn carry_out(&mut self, operation: &Operation) -> Done {
        let began = Instant::now();
        self.epoch = operation.epoch;
        let log = self.context.log.clone();
        log.prepare();
        // Questions come every few seconds and would drown the rest.
        let noted = operation.verb.changes();
        if noted {
            log.begin(operation);
        }
        let events = self.context.shared.events.clone();
        let half = operation.limit / 2;
        let act = self.act(operation);
        tokio::pin!(act);
        let done = tokio::select! {
            done = &mut act => done,
            () = tokio::time::sleep(half) => {
                // Nobody listens any more when the daemon ends.
                let _ = events.send(Event::Slow {
                    id: operation.id,
                    address: operation.address.clone(),
                    verb: operation.verb,
                    after: half,
                }).await;
                act.await
            }
        };
        if noted || matches!(done.outcome, Outcome::Failed(_) | Outcome::TimedOut) {
            log.end(operation, &done.outcome, began.elapsed());
        }
        done
    }

    async fn act(&mut self, operation: &Operation) -> Done {
        if (operation.verb.changes() || operation.verb == Verb::Probe)
            && let Err(how) = change::end_left(&self.context).await
        {
            return Done::failed(how);
        }
        let (context, held) = (&self.context, &mut self.held);
        match &operation.spec.kind {
            ResourceKind::Process(spec) => {
                let (held, stops) = (&mut held.process, &mut self.stops);
                process::operate(context, operation, spec, held, stops).await
            }
            ResourceKind::Command(spec) => {
                self.command = Some((spec.clone(), operation.spec.limits.status));
                command::operate(context, operation, spec, &mut held.command).await
            }
            ResourceKind::Address(spec) => {
                address::operate(context, operation, spec, &mut held.address).await
            }
            ResourceKind::Mount(spec) => {
                let held = (&mut held.mount, &mut self.mounting);
                mount::operate(context, operation, spec, held).await
            }
            ResourceKind::Agent(spec) => {
                let limit = operation.spec.limits.status;
                self.agent = Some((spec.clone(), operation.copies, limit));
                ocf::operate::operate(context, operation, spec, &mut held.agent).await
            }
            ResourceKind::Systemd(spec) => {
                let (held, stops) = (&mut held.systemd, &mut self.stops);
                systemd::operate(context, operation, spec, held, stops).await
            }
            ResourceKind::Route(spec) => {
                route::operate(context, operation, spec, &mut held.route).await
            }
            ResourceKind::Export(spec) => {
                export::operate(context, operation, spec, &mut held.export).await
            }
            ResourceKind::VolumeGroup(spec) => {
                volume_group::operate(context, operation, spec, &mut held.volume_group).await
            }
        }
    }

    async fn handle_end(&mut self, end: End) {
        let (how, output) = match end {
            End::Process(how) => {
                let running = self.held.process.take();
                let output = running.map(|running| running.output(&self.context));
                (how, output.unwrap_or_default())
            }
            End::Command => {
                self.held.command = None;
                let Some((spec, limit)) = self.command.clone() else {
                    return;
                };
                let done = command::status(&self.context, &spec, limit).await;
                if command::is_up(&done.outcome) {
                    return;
                }
                ("its last process has ended".to_owned(), done.output)
            }
            End::Agent => {
                self.held.agent = None;
                let Some((spec, copies, limit)) = self.agent.clone() else {
                    return;
                };
                let done = ocf::operate::ask(&self.context, (&spec, copies), limit).await;
                if matches!(done.outcome, Outcome::Running | Outcome::Promoted) {
                    return;
                }
                ("its last process has ended".to_owned(), done.output)
            }
            End::Address(how) => {
                self.held.address = None;
                (how, String::new())
            }
            End::Mount(how) => {
                self.held.mount = None;
                (how, String::new())
            }
            End::Systemd(how) => {
                self.held.systemd = None;
                (how, String::new())
            }
            End::Route(how) => {
                self.held.route = None;
                (how, String::new())
            }
            End::Export(how) => {
                self.held.export = None;
                (how, String::new())
            }
            End::VolumeGroup(how) => {
                self.held.volume_group = None;
                (how, String::new())
            }
        };
        self.context.log.line(&format!("failed by itself: {how}"));
        let address = self.context.address.clone();
        let epoch = self.epoch;
        self.tell(Event::Failed {
            address,
            epoch,
            how,
            output,
        })
        .await;
    }

    async fn tell(&self, event: Event) {
        // Nobody listens any more when the daemon ends.
        let _ = self.context.shared.events.send(event).await;
    }
}

/// What ended by itself, and how.
enum End {
    Process(String),
    Command,
    Agent,
    Address(String),
    Mount(String),
    Systemd(String),
    Route(String),
    Export(String),
    VolumeGroup(String),
}

async fn ended(held: &mut Held, context: &Context) -> End {
    let Held {
        process,
        command,
        address,
        mount,
        agent,
        systemd,
        route,
        export,
        volume_group,
    } = held;
    tokio::select! {
        how = async { match process { Some(held) => held.ended().await, None => never().await } } => End::Process(how),
        () = async { match command { Some(held) => held.ended().await, None => never().await } } => End::Command,
        () = async { match agent { Some(held) => held.ended().await, None => never().await } } => End::Agent,
        how = async { match address { Some(held) => held.ended(context).await, None => never().await } } => End::Address(how),
        how = async { match mount { Some(held) => held.ended().await, None => never().await } } => End::Mount(how),
        how = async { match systemd { Some(held) => held.ended(context).await, None => never().await } } => End::Systemd(how),
        how = async { match route { Some(held) => held.ended().await, None => never().await } } => End::Route(how),
        how = async { match export { Some(held) => held.ended().await, None => never().await } } => End::Export(how),
        how = async { match volume_group { Some(held) => held.ended().await, None => never().await } } => End::VolumeGroup(how),
    }
}

async fn never<T>() -> T {
    std::future::pending().await
}
