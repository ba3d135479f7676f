//! Services that take new settings over without a stop, in some clusters: people change such a
//! setting, or have one read its own configuration again, in the midst of everything else. In
//! the end what runs has the settings that are live.

use std::collections::BTreeMap;
use std::time::Duration;

use model::operation::{Operation, Outcome};
use model::reload::AgentReload;
use model::roles::RoleSeen;
use model::spec::{AgentSpec, ResourceKind, ResourceSpec, ServiceSpec};
use model::{Instant, NodeId, ServiceName};

use crate::act::{Act, Kind, Order, Wrong};
use crate::form::{node_id, operator};
use crate::machine::Machine;
use crate::random::Random;
use crate::roles;
use crate::schedule::Setup;
use crate::world::World;

/// Streams of random numbers.
const OF_RELOADS: u64 = 24;
const OF_ORDERS: u64 = 25;

/// The parameter that is taken over by a reload; a change of the other is a restart.
const TUNED: &str = "tune";
const VERSION: &str = "version";

/// The resource as one that an agent operates, which reloads.
pub(crate) fn tuned(resource: &ResourceSpec, version: &str) -> ResourceSpec {
    let pair = (VERSION.to_string(), version.to_string());
    let kind = ResourceKind::Agent(AgentSpec {
        agent: "ocf:numbers:program".into(),
        options: BTreeMap::from([pair]),
        depth: Vec::new(),
        reload: Some(AgentReload {
            parameters: [TUNED.to_string()].into(),
            own: true,
        }),
    });
    ResourceSpec {
        kind,
        ..resource.clone()
    }
}

/// All resources of a service are such ones, but for those that take a role: their agents would
/// have to say how fit they are.
pub(crate) fn tune_all(spec: &mut ServiceSpec, version: &str) {
    let roles = spec.rules.roles.as_ref();
    for resource in &mut spec.resources {
        let is_program = matches!(resource.kind, ResourceKind::Process(_));
        if is_program && !roles.is_some_and(|roles| roles.takers.contains(&resource.name)) {
            *resource = tuned(resource, version);
        }
    }
}

/// Another version of a resource that reloads; whether it is one.
pub(crate) fn change_version(resource: &mut ResourceSpec, version: &str) -> bool {
    let ResourceKind::Agent(agent) = &mut resource.kind else {
        return false;
    };
    agent.options.insert(VERSION.into(), version.into());
    true
}

/// Another setting that is taken over without a stop. A service that takes none over is changed
/// in what does not concern what runs.
pub(crate) fn change_tune(spec: &mut ServiceSpec, number: u64) {
    for resource in &mut spec.resources {
        match &mut resource.kind {
            ResourceKind::Agent(agent) => {
                agent.options.insert(TUNED.into(), number.to_string());
            }
            _other => resource.limits.every = Duration::from_secs(5 + number % 10),
        }
    }
}

/// In some clusters services reload.
pub(crate) fn draw(setup: &mut Setup) {
    let mut random = Random::new(setup.seed, OF_RELOADS);
    if !random.chance(400) {
        return;
    }
    for spec in setup.spec.services.values_mut() {
        // What moves live is handed over in a way of its own.
        if !spec.rules.live && random.chance(600) {
            tune_all(spec, "v1");
        }
    }
}

/// Where services reload, people use it. The other acts stay as they are.
pub(crate) fn draw_orders(setup: &Setup, kinds: &[Kind], acts: &mut Vec<(Instant, Act)>) {
    let mut random = Random::new(setup.seed, OF_ORDERS);
    let tuned: Vec<&ServiceName> = setup
        .spec
        .services
        .iter()
        .filter(|(_, spec)| is_tuned(spec))
        .map(|(name, _)| name)
        .collect();
    if tuned.is_empty() || !kinds.contains(&Kind::Operator) {
        return;
    }
    let end = u64::try_from(
        setup
            .faults_end
            .saturating_duration_since(Instant::ZERO)
            .as_millis(),
    );
    for _ in 0..random.between(3, 12) {
        let at = random.between(2500, end.unwrap_or(2500));
        let at = Instant::ZERO + Duration::from_millis(at);
        let service = random.pick(&tuned).clone();
        let mut by = || NodeId(1 + random.below(setup.nodes));
        let (by, other) = (by(), by());
        if kinds.contains(&Kind::Agent) && random.chance(150) {
            let wrong = Act::Wrong(other, service.clone(), Wrong::ReloadFails);
            acts.push((at, wrong));
        }
        let order = match random.below(3) {
            0 => Order::Reload(service),
            _ => Order::Tune(service, random.below(1000)),
        };
        acts.push((at, Act::Order(by, order)));
    }
}

pub(crate) fn is_tuned(spec: &ServiceSpec) -> bool {
    let is_agent = |resource: &ResourceSpec| matches!(resource.kind, ResourceKind::Agent(_));
    spec.resources.iter().any(is_agent)
}

/// What a reload finds or leaves behind at its end.
pub(crate) fn outcome(
    machine: &mut Machine,
    operation: &Operation,
    wrong: Option<Wrong>,
) -> Outcome {
    let address = &operation.address;
    if !machine.running.contains_key(address) {
        return Outcome::Stopped;
    }
    if wrong == Some(Wrong::ReloadFails) {
        return Outcome::Failed("exit 1".into());
    }
    let spec = operation.spec.clone();
    machine.recorded.insert(address.clone(), spec.clone());
    machine.running.insert(address.clone(), spec);
    roles::found(machine, address)
}

impl World {
    /// The configuration that this node knows, with another setting of a service.
    pub(crate) fn tuning(
        &mut self,
        at: NodeId,
        service: &ServiceName,
        number: u64,
    ) -> Option<model::Command> {
        let (daemon, _) = self.awake(at)?;
        let state = daemon.node.state();
        let mut spec = state.spec()?.clone();
        change_tune(spec.services.get_mut(service)?, number);
        Some(model::Command::SetSpec {
            base: state.spec_version(),
            source: format!("{service} tuned to {number}"),
            spec: Box::new(spec),
            by: operator(),
        })
    }

    /// Whether what runs has the settings that are live, for services that reload.
    pub(crate) fn settings_are_live(&self, without: Option<&ServiceName>) -> Result<(), String> {
        let state = self.record.state();
        let Some(spec) = state.spec() else {
            return Ok(());
        };
        for (name, wanted) in spec.running_names() {
            if Some(&*name) == without || !is_tuned(wanted) {
                continue;
            }
            let seen = state.seen().services.get(&*name);
            let Some(claim) = seen.and_then(|seen| seen.claim.as_ref()) else {
                continue;
            };
            // A copy that waits for its role, or a change of it, is not at rest.
            if claim.role == RoleSeen::Promoting || claim.role == RoleSeen::Demoting {
                continue;
            }
            let id = node_id(claim.node.as_str());
            let machine = id.and_then(|id| self.machines.get((id.0 - 1) as usize));
            for wanted in &wanted.resources {
                let running = machine.into_iter().flat_map(|machine| &machine.running);
                let mut running = running
                    .filter(|(address, _)| address.service == *name)
                    .map(|(_, spec)| spec);
                let Some(found) = running.find(|spec| spec.name == wanted.name) else {
                    continue;
                };
                if options(found) != options(wanted) {
                    return Err(format!(
                        "{name}/{} runs on {} with {:?}, and {:?} is live",
                        wanted.name,
                        claim.node,
                        options(found),
                        options(wanted)
                    ));
                }
            }
        }
        Ok(())
    }
}

fn options(spec: &ResourceSpec) -> Option<&BTreeMap<String, String>> {
    match &spec.kind {
        ResourceKind::Agent(agent) => Some(&agent.options),
        _other => None,
    }
}
