//! A service with roles, in some clusters: never are more of its copies promoted than are
//! wanted, whatever fails, and what the log takes for demoted is.

use model::operation::{Operation, Outcome, ResourceAddress, Verb};
use model::plant::{self, Plant};
use model::roles::{RoleMeant, RoleSeen};
use model::seen::Phase;
use model::spec::{NoQuorumPolicy, ServiceSpec};
use model::{NodeId, NodeName, ServiceName};

use crate::act::Wrong;
use crate::form::{node_id, node_name, service};
use crate::machine::{Machine, Power};
use crate::promises::Promise;
use crate::random::Random;
use crate::schedule::Setup;
use crate::world::World;

/// Streams of random numbers for the setup.
const OF_ROLES: u64 = 23;
const OF_PLACES: u64 = 42;

/// Some clusters have a service with roles; always where a defect is planted that only these
/// can show.
pub(crate) fn draw(setup: &mut Setup) {
    let mut random = Random::new(setup.seed, OF_ROLES);
    let is_planted = [
        Plant::PromoteBesideDemote,
        Plant::PromoteBesideLost,
        Plant::RoleForgotten,
        Plant::DemoteToldEarly,
    ]
    .into_iter()
    .any(plant::is);
    if !random.chance(300) && !is_planted {
        return;
    }
    let line = random.pick(&[
        "data copies=every-node promoted=1",
        "data copies=2 promoted=1 resources=program,front while-promoted=front",
        "data copies=every-node promoted=1 resources=disk,program,front while-promoted=front",
        "data copies=every-node promoted=2 restart=1",
        "data copies=every-node promoted=1 on-failure=demote failback",
    ]);
    let company = random.pick(&[
        None,
        None,
        Some("reader together-promoted=data"),
        Some("reader apart-promoted=data"),
        Some("reader apart-promoted=data live"),
        Some("reader after-promoted=data"),
    ]);
    // Where two copies are promoted on two nodes, nobody can be apart from them.
    let has_place = |company: &&str| !company.contains("apart") || !line.contains("promoted=2");
    let company = company.filter(has_place);
    for line in [Some(line), company].into_iter().flatten() {
        let (name, spec) = service(line).expect("these lines are right");
        setup.spec.services.insert(name, spec);
    }
    draw_places(setup, line);
    if random.chance(500) && setup.spec.cluster.no_quorum == NoQuorumPolicy::Stop {
        setup.spec.cluster.no_quorum = NoQuorumPolicy::Demote;
    }
}

/// Some say where copies are promoted, or rather are. Where they must be there are copies in the
/// end: there is one on every node.
fn draw_places(setup: &mut Setup, line: &str) {
    let mut random = Random::new(setup.seed, OF_PLACES);
    let mut words = String::new();
    let some_node = |random: &mut Random| node_name(NodeId(1 + random.below(setup.nodes)));
    if random.chance(300) {
        let node = some_node(&mut random);
        words += &format!(" rather-promoted-on={node}");
    }
    if line.contains("every-node") && random.chance(200) {
        let (one, other) = (some_node(&mut random), some_node(&mut random));
        words += &format!(" promoted-on={one},{other}");
    }
    let (name, spec) = service(&(line.to_string() + &words)).expect("these lines are right");
    setup.spec.services.insert(name, spec);
}

/// Whether the rules of a service let a copy be promoted there.
fn may_lead_on(wanted: &ServiceSpec, node: &NodeName) -> bool {
    let mut rules = wanted.rules.where_rules.iter();
    rules.all(|rule| !rule.is_must_of(RoleMeant::Promoted) || rule.passes(node, |_| None))
}

/// What a promotion, or a demotion, finds or leaves behind at its end.
pub(crate) fn outcome(
    machine: &mut Machine,
    operation: &Operation,
    wrong: Option<Wrong>,
) -> Outcome {
    let address = &operation.address;
    if !machine.running.contains_key(address) {
        return Outcome::Stopped;
    }
    match operation.verb {
        // Whoever could not say that it is promoted may be so all the same.
        Verb::Promote if wrong == Some(Wrong::PromoteFails) => Outcome::Failed("exit 1".into()),
        Verb::Promote => Outcome::Promoted,
        Verb::Demote if wrong == Some(Wrong::DemoteFails) => Outcome::Failed("exit 1".into()),
        Verb::Demote => {
            machine.promoted.remove(address);
            Outcome::Running
        }
        _no_role => Outcome::Failed("not in the simulator".into()),
    }
}

/// How what runs is found.
pub(crate) fn found(machine: &Machine, address: &ResourceAddress) -> Outcome {
    match machine.promoted.contains(address) {
        true => Outcome::Promoted,
        false => Outcome::Running,
    }
}

impl World {
    /// What is promoted is so from the moment its program is executed, whoever waits for it.
    pub(crate) fn begin_promotion(&mut self, (on, run): (NodeId, u64), address: &ResourceAddress) {
        let machine = self.machine(on);
        let is_this_run = machine.daemon.as_ref().is_some_and(|d| d.run == run);
        if !is_this_run || !machine.running.contains_key(address) {
            return;
        }
        if machine.promoted.insert(address.clone()) {
            self.trace
                .tale(self.now, Some(on), || format!("{address} is promoted"));
        }
        self.invariant_s1_promoted_as_wanted(on, address);
        self.invariant_apart_from_promoted(on);
        self.invariant_s2_promoted_only_when_proven(on, address);
    }

    fn invariant_s1_promoted_as_wanted(&mut self, on: NodeId, address: &ResourceAddress) {
        let service = address.service.service();
        let spec = self.record.state().spec();
        let roles = spec.and_then(|spec| spec.services.get(&service)?.rules.roles.as_ref());
        let wanted = roles.map_or(0, |roles| roles.promoted as usize);
        let led = self.led(&service);
        if wanted < led.len() {
            let names: Vec<String> = led
                .iter()
                .map(|(name, on)| format!("{name} on {}", node_name(*on)))
                .collect();
            let what = format!(
                "{} are promoted as {} promotes its own, and at most {wanted} may be",
                names.join(" and "),
                node_name(on)
            );
            self.break_promise(Promise::S1PromotedAsWanted, what);
        }
    }

    /// The copies of a service that are promoted in truth.
    fn led(&self, service: &ServiceName) -> Vec<(ServiceName, NodeId)> {
        let mut led = Vec::new();
        for machine in self.machines.iter().filter(|m| m.power != Power::Off) {
            for address in &machine.promoted {
                let copy = (address.service.clone(), machine.id);
                if address.service.service() == *service && !led.contains(&copy) {
                    led.push(copy);
                }
            }
        }
        led
    }

    /// After a resource has begun to live there, or to be promoted: nothing that must be apart
    /// from a promoted copy is on one machine with it.
    pub(crate) fn invariant_apart_from_promoted(&mut self, on: NodeId) {
        let machine = &self.machines[(on.0 - 1) as usize];
        let Some(spec) = self.record.state().spec() else {
            return;
        };
        let must_be_apart = |one: &ServiceName, led: &ServiceName| {
            let rules = spec.service_of(one).map(|spec| &spec.rules.apart_from);
            let mut rules = rules.into_iter().flatten();
            rules.any(|apart| {
                let must = apart.role == RoleMeant::Promoted && apart.points.is_none();
                must && apart.service == led.service()
            })
        };
        let pairs = machine.promoted.iter().flat_map(|led| {
            let running = machine.running.keys();
            running.map(move |one| (&one.service, &led.service))
        });
        let wrong = pairs.into_iter().find(|(one, led)| must_be_apart(one, led));
        if let Some((one, led)) = wrong {
            let what = format!(
                "{one} is on {} beside {led}, which is promoted",
                machine.name
            );
            self.break_promise(Promise::ApartFromPromoted, what);
        }
    }

    /// By the latest committed word this copy may be promoted.
    fn invariant_s2_promoted_only_when_proven(&mut self, on: NodeId, address: &ResourceAddress) {
        let machine = &self.machines[(on.0 - 1) as usize];
        let service = self.record.state().seen().services.get(&address.service);
        let claim = service.and_then(|seen| seen.claim.as_ref());
        let is_right = claim.is_some_and(|claim| {
            let is_own = claim.node == machine.name && claim.boot == machine.boot_id();
            is_own && claim.role.may_be_promoted()
        });
        if !is_right {
            let what = format!(
                "{address} is promoted on {}, and the log does not say so",
                machine.name
            );
            self.break_promise(Promise::S2StartsOnlyWhenProven, what);
        }
    }

    /// After an entry: what it takes for demoted is an ordinary copy in truth.
    pub(crate) fn check_demoted(&mut self) {
        let mut wrong = None;
        for (name, seen) in &self.record.state().seen().services {
            let claim = seen.claim.as_ref();
            let Some(claim) = claim.filter(|claim| claim.role == RoleSeen::Unpromoted) else {
                continue;
            };
            let id = name.copy().and_then(|_| node_id(claim.node.as_str()));
            let machine = id.and_then(|id| self.machines.get((id.0 - 1) as usize));
            let is_led = machine.is_some_and(|machine| {
                machine.boot_id() == claim.boot
                    && machine.promoted.iter().any(|it| it.service == *name)
            });
            if is_led {
                wrong = Some((name.clone(), claim.node.clone()));
            }
        }
        if let Some((name, node)) = wrong {
            let what = format!("{name} counts as an ordinary copy, and is promoted on {node}");
            self.break_promise(Promise::S2StartsOnlyWhenProven, what);
        }
    }

    /// Whether a service needs a promoted copy of another, and that one has none to promote:
    /// those that run are where none may be.
    pub(crate) fn needs_a_leader_that_cannot_be(&self, needs: &ServiceSpec) -> bool {
        let state = self.record.state();
        let rules = &needs.rules;
        let together = rules.together_with.iter();
        let together =
            together.filter(|with| with.role == RoleMeant::Promoted && with.points.is_none());
        let of = together
            .map(|with| &with.service)
            .chain(&rules.after_promoted);
        let cannot_be = |service: &&ServiceName| {
            let wanted = state.spec().and_then(|spec| spec.services.get(*service));
            let copies = state.seen().services.range(service.copies_range());
            let mut claims = copies.filter_map(|(_, seen)| seen.claim.as_ref());
            wanted.is_some_and(|wanted| !claims.any(|claim| may_lead_on(wanted, &claim.node)))
        };
        of.into_iter().any(|service| cannot_be(&service))
    }

    /// Whether as many copies are promoted as are wanted, in the log and in truth, where so
    /// many run.
    pub(crate) fn roles_are_filled(&self, without: Option<&ServiceName>) -> Result<(), String> {
        let state = self.record.state();
        let Some(spec) = state.spec() else {
            return Ok(());
        };
        for (service, wanted) in &spec.services {
            let Some(roles) = &wanted.rules.roles else {
                continue;
            };
            if without.is_some_and(|without| without.service() == *service) {
                continue;
            }
            let copies = state.seen().services.range(service.copies_range());
            let claims: Vec<_> = copies.filter_map(|(_, seen)| seen.claim.as_ref()).collect();
            if self.lacks_ticket(wanted).is_some() {
                let is_led = claims.iter().any(|claim| claim.role.may_be_promoted());
                if is_led || !self.led(service).is_empty() {
                    return Err(format!("{service} has no ticket, and is promoted"));
                }
                continue;
            }
            let may_lead = |node: &NodeName| may_lead_on(wanted, node);
            let mut led = claims.iter().filter(|claim| claim.role.may_be_promoted());
            if let Some(claim) = led.find(|claim| !may_lead(&claim.node)) {
                return Err(format!(
                    "{service} is promoted on {}, against a rule",
                    claim.node
                ));
            }
            let running = claims.iter().filter(|claim| claim.phase == Phase::Running);
            let running = running.filter(|claim| may_lead(&claim.node));
            let due = running.count().min(roles.promoted as usize);
            let told = claims
                .iter()
                .filter(|claim| claim.role == RoleSeen::Promoted);
            if told.count() < due {
                return Err(format!("{service} is not promoted in the log"));
            }
            if self.led(service).len() < due {
                return Err(format!("{service} is promoted in the log only"));
            }
        }
        Ok(())
    }
}
