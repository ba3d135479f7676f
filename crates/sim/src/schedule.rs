//! What a seed stands for: a cluster, and what is done to it and when.
//!
//! The whole schedule follows from the seed before the cluster begins to live. So acts can
//! be left out of it one by one, to find those that a violation needs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::level::LEVEL_FIRST;
use model::spec::NoQuorumPolicy;
use model::{Instant, NodeId, ServiceName, Spec};

use crate::act::{Act, Kind, Order, Weather, Write, Wrong};
use crate::dogs::Devices;
use crate::form::{node_name, service, spec};
use crate::random::Random;
use crate::scene::{self, Outside, Scene};

/// The same with a witness, which must be known and trusted first.
const QUIET_WITH_WITNESS: Duration = Duration::from_secs(7);

/// When the faults begin: each arbiter takes its time.
fn begins(witnesses: u32) -> Instant {
    let quiet = if witnesses == 0 {
        QUIET
    } else {
        QUIET_WITH_WITNESS
    };
    Instant::ZERO + quiet
}

/// For so long faults go on. Some failovers follow each other in that time.
const FAULTS_FOR: Duration = Duration::from_secs(22);

/// The cluster gets this long to come up before the first fault.
const QUIET: Duration = Duration::from_secs(2);

/// Acts of one seed, at most and at least; ends of faults come on top.
const ACTS: (u64, u64) = (60, 110);

/// Of 1000 seeds, so many play one scene again and again.
const THEMED: u64 = 450;

/// How often they play it.
const TIMES: (u64, u64) = (2, 4);

/// A start of the slow service may take so long: longer than the others may need to recover.
const SLOW_START: Duration = Duration::from_secs(40);

/// Names of streams of random numbers.
const OF_SETUP: u64 = 1;
const OF_LEVELS: u64 = 20;
const OF_ACTS: u64 = 2;

/// Which kinds of faults may be drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(BTreeSet<Kind>);

impl Default for Faults {
    /// All but the one that nothing survives.
    fn default() -> Self {
        let all = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Liar);
        Self(all.collect())
    }
}

impl Faults {
    /// Whether this kind may be drawn.
    #[must_use]
    pub fn has(&self, kind: Kind) -> bool {
        self.0.contains(&kind)
    }
}

impl std::str::FromStr for Faults {
    type Err = String;

    /// Words with commas between them; `all` is all but `liar`.
    fn from_str(list: &str) -> Result<Self, String> {
        let mut kinds = BTreeSet::new();
        for word in list.split(',') {
            if word == "all" {
                kinds.extend(Self::default().0);
                continue;
            }
            let kind = Kind::ALL.into_iter().find(|kind| kind.word() == word);
            kinds.insert(kind.ok_or_else(|| {
                let words: Vec<&str> = Kind::ALL.iter().map(|kind| kind.word()).collect();
                format!(
                    "no fault is called `{word}`; there are: all {}",
                    words.join(" ")
                )
            })?);
        }
        Ok(Self(kinds))
    }
}

/// A cluster and its circumstances.
#[derive(Debug, Clone)]
pub struct Setup {
    /// For all that is drawn while it runs.
    pub seed: u64,
    /// How many nodes there are; they are numbered from 1.
    pub nodes: u64,
    /// Networks that each pair of nodes shares.
    pub links: u8,
    /// Their spec.
    pub spec: Spec,
    /// How much too fast each node's clock runs, in millionths.
    pub drift_ppm: Vec<i64>,
    /// How long after a fence a machine is switched on again, if at all.
    pub on_again: Option<Duration>,
    /// Snapshots are made after so many applied entries.
    pub compact_every: u64,
    /// While this service's hands go on to be wrong, all others must recover (L2).
    pub slow: Option<ServiceName>,
    /// Whether a witness votes between two halves.
    pub witness: bool,
    /// Whether sectors of shared storage vote between two halves.
    pub shared: bool,
    /// Whether power switches do not answer, and poison pills fence.
    pub pills: bool,
    /// Programs that take locks.
    pub lockers: u64,
    /// How many echoes to a ping target are answered, of 1000.
    pub echoes: u64,
    /// What becomes of orders to power switches.
    pub devices: Devices,
    /// At which part of its bound a watchdog bites, of 1000; one with a slow clock is late.
    pub dog_bites_at: u32,
    /// How often each node's daemon starts with a program of the feature level before, until
    /// the newer one is installed; empty: never.
    pub older: Vec<u64>,
    /// When the faults end.
    pub faults_end: Instant,
}

impl Setup {
    /// A cluster of so many nodes without services, whose clocks are right.
    #[must_use]
    pub fn plain(nodes: u64) -> Self {
        Self {
            seed: 1,
            nodes,
            links: 1,
            spec: spec(nodes, BTreeMap::new()),
            drift_ppm: vec![0; nodes as usize],
            on_again: None,
            compact_every: 1000,
            slow: None,
            witness: false,
            shared: false,
            pills: false,
            lockers: 0,
            echoes: 0,
            devices: Devices::Work,
            dog_bites_at: 1000,
            older: Vec::new(),
            faults_end: Instant::ZERO,
        }
    }
}

/// What a seed stands for.
#[must_use]
pub fn of_seed(seed: u64, faults: &Faults) -> (Setup, Vec<(Instant, Act)>) {
    let mut random = Random::new(seed, OF_SETUP);
    let scene = random
        .chance(THEMED)
        .then(|| scene::any(faults, &mut random));
    let scene = scene.flatten();
    let mut setup = setup(seed, scene, &mut random);
    if scene.is_none() {
        crate::dogs::draw(&mut setup);
        crate::pings::draw(&mut setup);
        crate::copies::draw(&mut setup);
        crate::live::draw(&mut setup);
        crate::roles::draw(&mut setup);
        crate::cards::draw(&mut setup, faults);
        crate::loads::draw(&mut setup);
    }
    crate::shared::draw(&mut setup, scene.is_none());
    crate::lockers::draw(&mut setup);
    if scene.is_none() {
        // No service that others need gets a ticket that is gone in the end, so these come first.
        crate::turns::draw(&mut setup);
        crate::tickets::draw(&mut setup);
    }
    crate::reloads::draw(&mut setup);
    if scene.is_none() {
        crate::answers::draw(&mut setup);
        crate::by_hand::draw(&mut setup);
    }
    setup.older = older(seed, setup.nodes, &setup.spec);
    let kinds = kinds_of(faults, &mut random);
    let mut acts = Acts {
        random: Random::new(seed, OF_ACTS),
        setup: &setup,
        acts: Vec::new(),
        // Where little else happens, rot would only end the play.
        rot: u64::from(scene.is_some()),
        focus: None,
    };
    match scene {
        Some(scene) => acts.draw_theme(scene, &kinds),
        None => acts.draw(&kinds),
    }
    let mut acts = acts.acts;
    crate::live::draw_moves(&setup, &kinds, &mut acts);
    crate::dogs::draw_outage(&setup, &kinds, &mut acts);
    crate::cards::draw_acts(&setup, &mut acts);
    crate::reloads::draw_orders(&setup, &kinds, &mut acts);
    crate::tickets::draw_acts(&setup, &kinds, &mut acts);
    crate::starting::draw_acts(&setup, &kinds, &mut acts);
    crate::by_hand::draw_acts(&setup, &kinds, &mut acts);
    let end = setup.faults_end;
    acts.retain(|(at, _)| *at < end);
    acts.sort_by_key(|(at, _)| *at);
    (setup, acts)
}

fn setup(seed: u64, scene: Option<&Scene>, random: &mut Random) -> Setup {
    // Small clusters are the most common ones, and where half is soonest gone.
    let sizes: &[u64] = match scene {
        Some(scene) => scene.nodes,
        None => &[2, 2, 2, 3, 3, 3, 3, 3, 4, 4, 4, 5, 5],
    };
    let nodes = random.pick(sizes);
    let links = random.pick(&[1, 1, 2, 2, 3]);
    let drifts = [0, 0, 50, -50, 500, -500, 10_000, -10_000];
    let drift_ppm = (0..nodes).map(|_| random.pick(&drifts)).collect();
    let mut spec = spec(nodes, services(nodes, random));
    spec.cluster.fences_per_hour_max = random.pick(&[3, 3, 5, 20]);
    spec.cluster.no_quorum = random.pick(&[
        NoQuorumPolicy::Stop,
        NoQuorumPolicy::Stop,
        NoQuorumPolicy::Stop,
        NoQuorumPolicy::Freeze,
        NoQuorumPolicy::Ignore,
    ]);
    spec.cluster.timings.lease = Duration::from_secs(random.pick(&[2, 3, 3, 6]));
    let witness = random.chance(
        match scene.map_or(Outside::Perhaps, |scene| scene.witness) {
            Outside::Nobody => 0,
            Outside::Perhaps if nodes.is_multiple_of(2) => 450,
            Outside::Perhaps => 150,
            Outside::Witness => 1000,
        },
    );
    let slow = random.chance(250).then(slow_service);
    if let Some(service) = slow.as_ref().and_then(|name| spec.services.get_mut(name)) {
        for resource in &mut service.resources {
            resource.limits.start = SLOW_START;
        }
    }
    let spans = [None, Some(1), Some(3), Some(3), Some(6)];
    if let Some(scene) = scene {
        (scene.fit)(&mut spec);
    }
    Setup {
        seed,
        nodes,
        links,
        spec,
        drift_ppm,
        on_again: random.pick(&spans).map(Duration::from_secs),
        compact_every: random.pick(&[10, 30, 30, 100, 1000]),
        slow,
        witness,
        shared: false,
        pills: false,
        lockers: 0,
        echoes: 0,
        devices: Devices::Work,
        dog_bites_at: 1000,
        older: Vec::new(),
        faults_end: begins(u32::from(witness)) + FAULTS_FOR,
    }
}

/// A part of the clusters is upgraded while the faults go on: each node has the newer program
/// from one of the first starts of its daemon on.
fn older(seed: u64, nodes: u64, spec: &Spec) -> Vec<u64> {
    let mut random = Random::new(seed, OF_LEVELS);
    if LEVEL_FIRST < spec.level() || !random.chance(150) {
        return Vec::new();
    }
    (0..nodes)
        .map(|_| random.pick(&[0, 1, 1, 2, 2, 3]))
        .collect()
}

/// The service that hangs while all others must recover.
fn slow_service() -> ServiceName {
    ServiceName::new("mail").expect("a plain word is a name")
}

fn services(nodes: u64, random: &mut Random) -> BTreeMap<ServiceName, model::spec::ServiceSpec> {
    let any = |random: &mut Random| node_name(NodeId(1 + random.below(nodes)));
    let (first, second) = (any(random), any(random));
    let mut lines = vec![
        format!("db prefer={first} resources=disk,program restart=2"),
        format!("web prefer={second} after=db priority=5"),
        "mail failback".to_string(),
    ];
    if random.chance(500) {
        lines.push("cron restart=0".to_string());
    }
    let read = |line: &String| service(line).expect("these lines are right");
    lines.iter().map(read).collect()
}

/// Not every kind of fault in every seed: what one kind hides from another is seen so.
fn kinds_of(faults: &Faults, random: &mut Random) -> Vec<Kind> {
    let mut kinds = Vec::new();
    let share = random.pick(&[250, 650, 650]);
    for kind in &faults.0 {
        let weight = match kind {
            // Drawn for themselves.
            Kind::Card => continue,
            Kind::Rot => random.below(2),
            Kind::Power | Kind::Crash | Kind::Cut | Kind::Death | Kind::Operator => {
                1 + random.below(4)
            }
            Kind::Reboot
            | Kind::Pause
            | Kind::OneWay
            | Kind::Link
            | Kind::Loss
            | Kind::Twice
            | Kind::Late
            | Kind::Clock
            | Kind::SlowDisk
            | Kind::Fence
            | Kind::Liar
            | Kind::Witness
            | Kind::Replay
            | Kind::Agent => 1 + random.below(3),
        };
        let is_in = random.chance(share);
        let count = if is_in { weight } else { 0 };
        kinds.extend(std::iter::repeat_n(*kind, count as usize));
    }
    if kinds.is_empty() {
        let others = faults.0.iter().filter(|kind| **kind != Kind::Card);
        kinds.extend(others);
    }
    kinds
}

pub(crate) struct Acts<'a> {
    pub random: Random,
    pub setup: &'a Setup,
    acts: Vec<(Instant, Act)>,
    rot: u64,
    focus: Option<NodeId>,
}

pub(crate) fn millis(number: u64) -> Duration {
    Duration::from_millis(number)
}

impl Acts<'_> {
    fn draw(&mut self, kinds: &[Kind]) {
        if kinds.is_empty() {
            return;
        }
        let count = self.random.between(ACTS.0, ACTS.1);
        let span = FAULTS_FOR.as_millis() as u64;
        if self.random.chance(400) {
            for _ in 0..count {
                let at = self.begins() + millis(self.random.below(span));
                let kind = self.random.pick(kinds);
                self.draw_one(at, kind);
            }
        } else {
            self.draw_bursts(kinds, count);
        }
    }

    /// One scene over and over, with little else that could hide what it shows.
    fn draw_theme(&mut self, scene: &Scene, kinds: &[Kind]) {
        let times = self.random.between(TIMES.0, TIMES.1);
        let span = FAULTS_FOR.as_millis() as u64 / times;
        for time in 0..times {
            let begin = self.begins() + millis(time * span + self.random.below(300));
            (scene.play)(self, begin);
        }
        let others = self.random.pick(&[0, 10, 40]);
        for _ in 0..others {
            let at = self.begins() + millis(self.random.below(FAULTS_FOR.as_millis() as u64));
            let kind = self.random.pick(kinds);
            self.draw_one(at, kind);
        }
    }

    /// Many faults at once, often around one node, and some peace between them, in which the
    /// cluster finds to a new order.
    fn draw_bursts(&mut self, kinds: &[Kind], count: u64) {
        let bursts = self.random.between(4, 9);
        let span = FAULTS_FOR.as_millis() as u64 / bursts;
        for burst in 0..bursts {
            let begin = self.begins() + millis(burst * span + self.random.below(300));
            self.focus = self.random.chance(600).then(|| self.any_node());
            if self.random.chance(500) {
                scene::draw(self, begin, kinds);
            }
            let length = self.random.pick(&[60, 400, 1200]);
            for _ in 0..count / bursts {
                let at = begin + millis(self.random.below(length));
                let kind = self.random.pick(kinds);
                self.draw_one(at, kind);
            }
        }
        self.focus = None;
    }

    /// When the faults begin.
    fn begins(&self) -> Instant {
        begins(u32::from(self.setup.witness || self.setup.shared))
    }

    pub(crate) fn any_node(&mut self) -> NodeId {
        NodeId(1 + self.random.below(self.setup.nodes))
    }

    /// Of a burst around one node, most acts are about it.
    fn node(&mut self) -> NodeId {
        match self.focus {
            Some(node) if self.random.chance(600) => node,
            Some(_) | None => self.any_node(),
        }
    }

    pub(crate) fn any_service(&mut self) -> ServiceName {
        let count = self.setup.spec.services.len() as u64;
        let place = self.random.below(count) as usize;
        let mut names = self.setup.spec.services.keys();
        names.nth(place).expect("within the count").clone()
    }

    pub fn span(&mut self, from: u64, to: u64) -> Duration {
        millis(self.random.between(from, to))
    }

    pub fn put(&mut self, at: Instant, act: Act) {
        self.acts.push((at, act));
    }

    /// A fault, and after some time its end.
    fn put_pair(&mut self, at: Instant, fault: Act, (from, to): (u64, u64), end: Act) {
        let span = self.span(from, to);
        self.put(at, fault);
        self.put(at + span, end);
    }

    fn draw_one(&mut self, at: Instant, kind: Kind) {
        let node = self.node();
        match kind {
            Kind::Power => self.put_pair(at, Act::PowerOff(node), (300, 6000), Act::Boot(node)),
            Kind::Reboot => self.put(at, Act::Reboot(node)),
            // Drawn for themselves, where there are cards (`cards.rs`).
            Kind::Card => {}
            Kind::Crash if self.random.chance(300) => {
                let what = self.random.pick(&[Write::Any, Write::Vote]);
                self.put(at, Act::Trap(node, what));
            }
            Kind::Crash => self.put_pair(at, Act::Kill(node), (20, 4000), Act::Start(node)),
            Kind::Pause => {
                let span = self.random.pick(&[(50, 500), (500, 2500), (2500, 6000)]);
                let span = self.span(span.0, span.1);
                self.put(at, Act::Pause(node, span));
            }
            Kind::Cut | Kind::OneWay | Kind::Link => self.draw_cut(at, kind, node),
            Kind::Loss | Kind::Twice | Kind::Late => self.draw_weather(at, kind),
            Kind::Clock => self.draw_clock(at, node),
            Kind::SlowDisk => {
                let by = self.span(5, 900);
                let end = Act::SlowDisk(node, Duration::ZERO);
                self.put_pair(at, Act::SlowDisk(node, by), (300, 4000), end);
            }
            // One node at most loses its disk: with more there may be nothing left to
            // recover from.
            Kind::Rot if self.rot == 0 && 2 < self.setup.nodes => {
                self.rot += 1;
                self.put(at, Act::Rot(node));
            }
            Kind::Rot => self.put(at, Act::Reboot(node)),
            Kind::Fence => {
                let (takes, late) = (self.span(20, 2500), self.span(0, 3000));
                let fails = self.random.below(4) as u32;
                self.put(at, Act::Switch(node, takes, late, fails));
            }
            Kind::Liar => self.put(at, Act::Liar(node)),
            Kind::Agent => {
                let service = self.any_service();
                let all = [
                    Wrong::StartFails,
                    Wrong::StartHangs,
                    Wrong::StopFails,
                    Wrong::StopSlow,
                    Wrong::StartLies,
                    Wrong::StopLies,
                ];
                let spec = self.setup.spec.services.get(&service);
                let has_roles = spec.is_some_and(|spec| spec.rules.roles.is_some());
                let wrong = match has_roles && self.random.chance(500) {
                    true => self.random.pick(&[Wrong::PromoteFails, Wrong::DemoteFails]),
                    false => self.random.pick(&all),
                };
                let fault = Act::Wrong(node, service, wrong);
                self.put_pair(at, fault, (300, 5000), Act::Right(node));
            }
            Kind::Death => {
                let service = self.any_service();
                self.put(at, Act::Die(node, service));
            }
            Kind::Operator => self.draw_order(at, node),
            Kind::Replay => self.put(at, Act::Replay(node)),
            Kind::Witness => self.draw_witness(at, node),
        }
    }

    fn draw_witness(&mut self, at: Instant, node: NodeId) {
        if !self.setup.witness && !self.setup.shared {
            self.put(at, Act::Reboot(node));
        } else if self.setup.shared && self.random.chance(300) {
            let slow = Act::SlowShared(self.span(20, 1500));
            self.put_pair(at, slow, (300, 5000), Act::SlowShared(Duration::ZERO));
        } else if self.random.chance(300) {
            self.put(at, Act::WitnessTrap);
        } else if self.random.chance(500) {
            self.put_pair(at, Act::WitnessKill, (200, 6000), Act::WitnessStart);
        } else {
            self.put_pair(at, Act::WitnessCut(node), (200, 6000), Act::WitnessHeal);
        }
    }

    fn draw_cut(&mut self, at: Instant, kind: Kind, node: NodeId) {
        let links = u64::from(self.setup.links);
        let cut = match kind {
            Kind::Link => Act::LinkDown(self.random.below(links) as u8),
            Kind::OneWay => {
                let to = self.node();
                let link = self.random.below(2 * links);
                Act::Cut(node, to, (link < links).then_some(link as u8))
            }
            _other if self.random.chance(600) => Act::CutOff(node),
            _other => Act::Split(node),
        };
        self.put_pair(at, cut, (200, 4500), Act::Heal);
    }

    fn draw_clock(&mut self, at: Instant, node: NodeId) {
        const HOUR: i64 = 3_600_000;
        let jumps = [HOUR, -HOUR, 24 * HOUR, -24 * HOUR, 30 * 8766 * HOUR];
        let by = self.random.pick(&jumps);
        self.put(at, Act::Clock(node, by));
    }

    fn draw_weather(&mut self, at: Instant, kind: Kind) {
        let share = self.random.pick(&[20, 100, 300]);
        let mut weather = Weather::default();
        match kind {
            Kind::Loss => weather.loss = share,
            Kind::Twice => weather.twice = share,
            _late => {
                weather.late = share;
                weather.late_by = self.span(5, 1500);
            }
        }
        let end = Act::Weather(Weather::default());
        self.put_pair(at, Act::Weather(weather), (300, 4000), end);
    }

    fn draw_order(&mut self, at: Instant, to: NodeId) {
        let (service, other) = (self.any_service(), self.node());
        let named = node_name(other);
        let order = match self.random.below(18) {
            0 => Order::Start(service),
            1 => Order::Stop(service),
            2 => Order::Restart(service),
            3..=6 => Order::Move(service, named),
            7 => Order::Freeze(service),
            8 => Order::Standby(named),
            9 => Order::Online(named),
            10 => Order::MaintenanceOn,
            11 => Order::Leave,
            12 => Order::Confirm(named),
            13 => Order::Clear(service),
            _ => Order::Configure(service, 2 + self.random.below(100)),
        };
        let undo = match &order {
            Order::Stop(service) => Some(Order::Start(service.clone())),
            Order::Freeze(service) => Some(Order::Thaw(service.clone())),
            Order::Standby(node) => Some(Order::Online(node.clone())),
            Order::MaintenanceOn => Some(Order::MaintenanceOff),
            Order::Start(_)
            | Order::Restart(_)
            | Order::Move(..)
            | Order::Thaw(_)
            | Order::Clear(_)
            | Order::Online(_)
            | Order::MaintenanceOff
            | Order::Leave
            | Order::Confirm(_)
            | Order::Reload(_)
            | Order::Ticket(..)
            | Order::Tune(..)
            | Order::Configure(..) => None,
        };
        if order == Order::Leave {
            self.put_pair(at, Act::Order(to, order), (2000, 8000), Act::Start(to));
            return;
        }
        self.put(at, Act::Order(to, order));
        if let Some(undo) = undo {
            let (span, by) = (self.span(200, 5000), self.node());
            self.put(at + span, Act::Order(by, undo));
        }
    }
}
