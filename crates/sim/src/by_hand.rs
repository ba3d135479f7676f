//! Services that people start by hand, beside what the product runs, in some clusters: while a
//! daemon is dead, so that the next one finds them. A person may break S1, the product never
//! makes it worse, and in the end one of them runs, whatever `found_twice` says.

use model::operation::ResourceAddress;
use model::rules::FoundTwice;
use model::spec::ServiceSpec;
use model::{Instant, NodeId, ServiceName};

use crate::act::{Act, Kind};
use crate::machine::{Machine, Power};
use crate::promises::Promise;
use crate::random::Random;
use crate::reloads::is_tuned;
use crate::schedule::{Setup, millis};
use crate::world::World;

/// Streams of random numbers.
const OF_ANSWERS: u64 = 44;
const OF_ACTS: u64 = 45;

/// Services that are started by hand, at least and at most.
const STARTS: (u64, u64) = (1, 5);

/// Whether a person could start it like any program: it has no copies, no roles, and is not
/// moved alive. Nobody knows the settings of what was started by hand, so what takes them over
/// while it runs would not be as it is wanted.
fn is_simple(spec: &ServiceSpec) -> bool {
    let rules = &spec.rules;
    rules.copies.is_none() && rules.roles.is_none() && !rules.live && !is_tuned(spec)
}

/// In some clusters services say what becomes of them when they are found twice.
pub(crate) fn draw(setup: &mut Setup) {
    let mut random = Random::new(setup.seed, OF_ANSWERS);
    if !random.chance(200) {
        return;
    }
    let services = setup.spec.services.values_mut();
    for spec in services.filter(|spec| is_simple(spec)) {
        spec.rules.found_twice = random.pick(&[
            FoundTwice::KeepOne,
            FoundTwice::StopAll,
            FoundTwice::StopAll,
            FoundTwice::Hold,
            FoundTwice::Hold,
        ]);
    }
}

/// In some clusters people start things by hand. The other acts stay as they are.
pub(crate) fn draw_acts(setup: &Setup, kinds: &[Kind], acts: &mut Vec<(Instant, Act)>) {
    let mut random = Random::new(setup.seed, OF_ACTS);
    let services = setup.spec.services.iter();
    let simple: Vec<_> = services.filter(|(_, spec)| is_simple(spec)).collect();
    if !random.chance(250) || !kinds.contains(&Kind::Operator) || simple.is_empty() {
        return;
    }
    let span = setup.faults_end.0 / 1_000_000;
    for _ in 0..random.between(STARTS.0, STARTS.1) {
        let at = random.between(2500, span.max(2501));
        let mut put = |after: u64, act: Act| acts.push((Instant::ZERO + millis(at + after), act));
        let (service, _) = random.pick(&simple);
        let on = NodeId(1 + random.below(setup.nodes));
        put(0, Act::Kill(on));
        put(random.between(1, 50), Act::ByHand(on, service.clone()));
        if random.chance(300) {
            // The same elsewhere, before anybody knows of the first one.
            let other = NodeId(1 + random.below(setup.nodes));
            put(60, Act::Kill(other));
            put(90, Act::ByHand(other, service.clone()));
            put(random.between(100, 1500), Act::Start(other));
        }
        put(random.between(100, 1500), Act::Start(on));
    }
}

impl Machine {
    fn runs_any_of(&self, service: &ServiceName) -> bool {
        self.running.keys().any(|it| it.service == *service)
    }
}

impl World {
    /// A person starts the programs of a service where no daemon sees it.
    pub(crate) fn start_by_hand(&mut self, on: NodeId, service: &ServiceName) {
        let spec = self.record.state().spec();
        let spec = spec.and_then(|spec| spec.services.get(service)).cloned();
        let machine = self.machine(on);
        let is_unseen = machine.power == Power::On && machine.daemon.is_none();
        let Some(spec) = spec.filter(is_simple) else {
            return;
        };
        if !is_unseen || machine.runs_any_of(service) {
            return;
        }
        for resource in &spec.resources {
            let address = ResourceAddress {
                service: service.clone(),
                resource: resource.name.clone(),
            };
            machine.running.insert(address, resource.clone());
        }
        machine.by_hand.insert(service.clone());
        self.trace
            .tale(self.now, Some(on), || format!("{service} starts by hand"));
    }

    /// After a claim is taken: what was started there by hand is the product's now.
    pub(crate) fn check_claim_taken(&mut self, service: &ServiceName, by: NodeId) {
        self.machine(by).by_hand.remove(service);
        self.invariant_s2_nothing_found_beside(service);
    }

    /// What is known to run elsewhere is not beside a new claim.
    fn invariant_s2_nothing_found_beside(&mut self, service: &ServiceName) {
        let seen = self.record.state().seen();
        let Some(of) = seen.services.get(service) else {
            return;
        };
        let Some(claim) = &of.claim else {
            return;
        };
        let beside = of.strays.iter().find(|(node, boot)| {
            let mut machines = self.machines.iter();
            let is_it = |it: &&Machine| it.name == **node && it.boot_id() == **boot;
            let machine = machines.find(is_it);
            machine.is_some_and(|it| it.by_hand.contains(service) && it.runs_any_of(service))
        });
        if let Some((node, _)) = beside.filter(|_| !seen.migrations.contains_key(service)) {
            let what = format!(
                "{} may run {service}, which was found on {node} and runs there",
                claim.node
            );
            self.break_promise(Promise::S2StartsOnlyWhenProven, what);
        }
    }

    /// In the end it runs nowhere beside the node that should run it.
    pub(crate) fn runs_nowhere_else(
        &self,
        service: &ServiceName,
        on: Option<NodeId>,
    ) -> Result<(), String> {
        let mut machines = self.machines.iter();
        match machines.find(|it| Some(it.id) != on && it.runs_any_of(service)) {
            Some(second) => Err(format!("{service} runs also on {}", second.name)),
            None => Ok(()),
        }
    }

    /// What waits for a person to say which one goes on gets a person who says it.
    pub(crate) fn end_what_waits(&mut self) {
        let state = self.record.state();
        let mut ends = Vec::new();
        for (name, seen) in &state.seen().services {
            let spec = state.spec().and_then(|spec| spec.service_of(name));
            let rule = spec.map(|spec| spec.rules.found_twice);
            if rule != Some(FoundTwice::Hold) || seen.places().len() < 2 {
                continue;
            }
            let kept = seen.claim.as_ref().map(|claim| &claim.node);
            let kept = kept.or_else(|| seen.strays.keys().next());
            let others = self.machines.iter().filter(|it| Some(&it.name) != kept);
            let others = others.filter(|it| it.runs_any_of(name));
            ends.extend(others.map(|it| (it.id, name.clone())));
        }
        for (on, service) in ends {
            self.kill_service(on, &service);
        }
    }
}
