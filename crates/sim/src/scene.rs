//! Faults that belong together: the cases that people fear, with their times drawn.

use model::spec::NoQuorumPolicy;
use model::{Instant, NodeId, Spec};

use crate::act::{Act, Kind, Order, Weather, Write};
use crate::random::Random;
use crate::schedule::{Acts, Faults, millis};

/// Faults that belong together, and the clusters in which they hurt most.
pub(crate) struct Scene {
    /// The kinds of faults that it needs.
    needs: &'static [Kind],
    /// Draws it.
    pub play: fn(&mut Acts<'_>, Instant),
    /// Sizes of the clusters that play nothing else.
    pub nodes: &'static [u64],
    /// Whether they have a witness.
    pub witness: Outside,
    /// What else they have.
    pub fit: fn(&mut Spec),
}

/// Whether somebody outside votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outside {
    Nobody,
    Perhaps,
    Witness,
}

const ANY: &[u64] = &[2, 3, 3, 4, 5];
const EVEN: &[u64] = &[2, 2, 4];
const MANY: &[u64] = &[3, 3, 5];

const fn scene(needs: &'static [Kind], play: fn(&mut Acts<'_>, Instant)) -> Scene {
    Scene {
        needs,
        play,
        nodes: ANY,
        witness: Outside::Perhaps,
        fit: as_drawn,
    }
}

const fn of_halves(scene: Scene, witness: Outside) -> Scene {
    let nodes = EVEN;
    Scene {
        nodes,
        witness,
        ..scene
    }
}

const fn of(nodes: &'static [u64], scene: Scene) -> Scene {
    Scene { nodes, ..scene }
}

const SCENES: &[Scene] = &[
    of_halves(
        scene(&[Kind::Cut, Kind::Fence], split_with_bad_switches),
        Outside::Nobody,
    ),
    of_halves(
        scene(&[Kind::Cut, Kind::Fence], split_with_bad_switches),
        Outside::Witness,
    ),
    of_halves(
        scene(&[Kind::Cut, Kind::Witness], halves_vote_on_a_slow_disk),
        Outside::Witness,
    ),
    scene(&[Kind::Power], lost_one_after_the_other),
    scene(&[Kind::Power], stale_one_returns_first),
    scene(&[Kind::Power, Kind::Fence, Kind::Crash], executor_ends),
    of(MANY, scene(&[Kind::Crash], leaders_come_and_go)),
    scene(&[Kind::Cut, Kind::Power], cut_off_and_back),
    scene(&[Kind::Pause, Kind::Fence], frozen_while_fenced),
    scene(&[Kind::Crash, Kind::Cut], restart_in_a_split),
    of(
        MANY,
        scene(
            &[Kind::SlowDisk, Kind::Late, Kind::Crash],
            votes_on_slow_disks,
        ),
    ),
    of_halves(
        scene(&[Kind::Cut], healed_as_it_is_forced),
        Outside::Perhaps,
    ),
    of_halves(
        scene(&[Kind::Cut, Kind::Crash], torn_as_it_is_forced),
        Outside::Perhaps,
    ),
    of(
        &[4],
        of_halves(
            scene(&[Kind::Cut, Kind::SlowDisk], pledged_and_healed),
            Outside::Witness,
        ),
    ),
    of(
        MANY,
        scene(&[Kind::Late, Kind::Crash, Kind::Operator], late_words),
    ),
    Scene {
        fit: with_short_leases,
        ..of(
            MANY,
            scene(
                &[Kind::Late, Kind::Crash, Kind::Cut],
                lease_ends_and_daemon_too,
            ),
        )
    },
    of(
        MANY,
        scene(
            &[Kind::Twice, Kind::Late, Kind::Operator],
            configured_by_many,
        ),
    ),
    of(
        &[5],
        scene(
            &[Kind::Power, Kind::OneWay, Kind::Pause],
            back_before_it_is_fenced,
        ),
    ),
    scene(&[Kind::Pause], fenced_over_and_over),
    of_halves(
        scene(
            &[Kind::Cut, Kind::Witness, Kind::Fence],
            witness_ends_in_a_split,
        ),
        Outside::Witness,
    ),
    scene(&[Kind::Reboot, Kind::Replay], heard_from_long_ago),
];

fn as_drawn(_: &mut Spec) {}

/// Services stop soon after the last word of a leader.
fn with_short_leases(spec: &mut Spec) {
    spec.cluster.no_quorum = NoQuorumPolicy::Stop;
    spec.cluster.timings.lease = millis(2000);
}

/// One scene of those whose faults are wanted.
pub(crate) fn any(faults: &Faults, random: &mut Random) -> Option<&'static Scene> {
    pick(|kind| faults.has(kind), random)
}

/// Draws one scene of those whose faults are wanted.
pub(crate) fn draw(acts: &mut Acts<'_>, at: Instant, kinds: &[Kind]) {
    if let Some(scene) = pick(|kind| kinds.contains(&kind), &mut acts.random) {
        (scene.play)(acts, at);
    }
}

fn pick(is_wanted: impl Fn(Kind) -> bool, random: &mut Random) -> Option<&'static Scene> {
    let fits = |scene: &&Scene| scene.needs.iter().all(|kind| is_wanted(*kind));
    let fitting: Vec<&'static Scene> = SCENES.iter().filter(fits).collect();
    let place = random.below(fitting.len().max(1) as u64);
    fitting.get(place as usize).copied()
}

/// Both halves ask a disk that takes its time, so that their ballots meet; or a witness that
/// is cut off from one of them.
fn halves_vote_on_a_slow_disk(acts: &mut Acts<'_>, begin: Instant) {
    let slow = acts.span(150, 900);
    let until = acts.span(4000, 6500);
    let half = NodeId(acts.setup.nodes / 2);
    acts.put(begin, Act::SlowShared(slow));
    acts.put(begin, Act::Split(half));
    acts.put(begin + until, Act::Heal);
    acts.put(begin + until, Act::SlowShared(std::time::Duration::ZERO));
}

/// Two halves fence each other, with switches that fail, act late or answer late.
fn split_with_bad_switches(acts: &mut Acts<'_>, at: Instant) {
    for id in 1..=acts.setup.nodes {
        let (takes, late) = (acts.span(20, 2000), acts.span(0, 1500));
        let fails = acts.random.below(4) as u32;
        acts.put(at, Act::Switch(NodeId(id), takes, late, fails));
    }
    let upto = NodeId(acts.setup.nodes.div_ceil(2));
    let span = acts.span(1500, 6000);
    acts.put(at, Act::Split(upto));
    acts.put(at + span, Act::Heal);
}

/// All but one go, each after the cluster has got over the last.
fn lost_one_after_the_other(acts: &mut Acts<'_>, at: Instant) {
    let first = acts.any_node();
    let nodes = acts.setup.nodes;
    let mut when = at;
    for step in 0..nodes - 1 {
        let id = NodeId(1 + (first.0 - 1 + step) % nodes);
        acts.put(when, Act::PowerOff(id));
        let back = acts.span(3000, 12_000);
        acts.put(when + back, Act::Boot(id));
        when = when + acts.span(1500, 4000);
    }
}

/// One goes, the others go on and go too; the first one comes back alone.
fn stale_one_returns_first(acts: &mut Acts<'_>, at: Instant) {
    let stale = acts.any_node();
    acts.put(at, Act::PowerOff(stale));
    let later = at + acts.span(1500, 4500);
    for id in (1..=acts.setup.nodes).map(NodeId).filter(|id| *id != stale) {
        acts.put(later, Act::PowerOff(id));
        let back = acts.span(2500, 7000);
        acts.put(later + back, Act::Boot(id));
    }
    let back = acts.span(100, 2000);
    acts.put(later + back, Act::Boot(stale));
}

/// Whoever fences is gone, or starts anew, before the switch has answered.
fn executor_ends(acts: &mut Acts<'_>, at: Instant) {
    let target = acts.any_node();
    let (takes, late) = (acts.span(300, 2000), acts.span(100, 2500));
    let fails = acts.random.below(2) as u32;
    acts.put(at, Act::Switch(target, takes, late, fails));
    acts.put(at, Act::PowerOff(target));
    let back = acts.span(2000, 8000);
    acts.put(at + back, Act::Boot(target));
    for id in (1..=acts.setup.nodes)
        .map(NodeId)
        .filter(|id| *id != target)
    {
        let when = at + acts.span(1200, 4000);
        if acts.random.chance(500) {
            let again = acts.span(10, 800);
            acts.put(when, Act::Kill(id));
            acts.put(when + again, Act::Start(id));
        } else {
            acts.put(when, Act::Reboot(id));
        }
    }
}

/// Daemons end and start all over, so that one election follows the other.
fn leaders_come_and_go(acts: &mut Acts<'_>, at: Instant) {
    let mut when = at;
    for _ in 0..6 {
        let id = acts.any_node();
        if acts.random.chance(500) {
            let what = acts.random.pick(&[Write::Any, Write::Vote]);
            acts.put(when, Act::Trap(id, what));
        } else {
            let again = acts.span(10, 300);
            acts.put(when, Act::Kill(id));
            acts.put(when + again, Act::Start(id));
        }
        when = when + acts.span(20, 600);
    }
}

/// One is cut off, given up, and comes back with what it had; then another goes.
fn cut_off_and_back(acts: &mut Acts<'_>, at: Instant) {
    let (cut, other) = (acts.any_node(), acts.any_node());
    acts.put(at, Act::CutOff(cut));
    let healed = at + acts.span(1200, 4000);
    acts.put(healed, Act::Heal);
    let gone = healed + acts.span(0, 1500);
    acts.put(gone, Act::PowerOff(other));
    let back = acts.span(1000, 5000);
    acts.put(gone + back, Act::Boot(other));
}

/// One stands still, is fenced by a switch that takes its time, and goes on meanwhile.
fn frozen_while_fenced(acts: &mut Acts<'_>, at: Instant) {
    let target = acts.any_node();
    let (takes, late) = (acts.span(100, 2500), acts.span(0, 1500));
    let fails = acts.random.below(3) as u32;
    acts.put(at, Act::Switch(target, takes, late, fails));
    let span = acts.span(1100, 4500);
    acts.put(at, Act::Pause(target, span));
}

/// The cluster is split, and daemons start anew on both sides before it is whole again.
fn restart_in_a_split(acts: &mut Acts<'_>, at: Instant) {
    let upto = acts.any_node();
    acts.put(at, Act::Split(upto));
    for _ in 0..3 {
        let id = acts.any_node();
        let when = at + acts.span(0, 2500);
        let again = acts.span(10, 600);
        acts.put(when, Act::Kill(id));
        acts.put(when + again, Act::Start(id));
    }
    let span = acts.span(1500, 6000);
    acts.put(at + span, Act::Heal);
}

/// Slow disks, crashes in the middle of what is written in an election, and votes that are
/// asked for late and twice.
fn votes_on_slow_disks(acts: &mut Acts<'_>, at: Instant) {
    let end = at + millis(4500);
    for id in (1..=acts.setup.nodes).map(NodeId) {
        let by = acts.span(10, 200);
        acts.put(at, Act::SlowDisk(id, by));
        acts.put(end, Act::SlowDisk(id, millis(0)));
    }
    let weather = Weather {
        late: 500,
        late_by: acts.span(100, 800),
        twice: 500,
        ..Weather::default()
    };
    acts.put(at, Act::Weather(weather));
    acts.put(end, Act::Weather(Weather::default()));
    let mut when = at + millis(50);
    for _ in 0..8 {
        let (id, other) = (acts.any_node(), acts.any_node());
        let what = acts.random.pick(&[Write::Any, Write::Vote]);
        acts.put(when, Act::Trap(id, what));
        let ends = when + acts.span(0, 400);
        acts.put(ends, Act::Kill(other));
        let again = acts.span(5, 100);
        acts.put(ends + again, Act::Start(other));
        when = when + acts.span(100, 700);
    }
}

/// The cables are whole again just as one half has won, or is about to.
fn healed_as_it_is_forced(acts: &mut Acts<'_>, at: Instant) {
    let mut when = at;
    for _ in 0..3 {
        let upto = acts.setup.nodes / 2;
        acts.put(when, Act::Split(NodeId(upto.max(1))));
        let healed = when + acts.span(1000, 3000);
        acts.put(healed, Act::Heal);
        when = healed + acts.span(200, 1500);
    }
}

/// The winner's daemon ends as it writes what it has won.
fn torn_as_it_is_forced(acts: &mut Acts<'_>, at: Instant) {
    let upto = (acts.setup.nodes / 2).max(1);
    acts.put(at, Act::Split(NodeId(upto)));
    for id in (1..=acts.setup.nodes).map(NodeId) {
        let armed = at + acts.span(600, 1800);
        acts.put(armed, Act::Trap(id, Write::Vote));
    }
    let span = acts.span(2500, 5000);
    acts.put(at + span, Act::Heal);
}

/// What a daemon said before it ended arrives after the next one has begun.
fn late_words(acts: &mut Acts<'_>, at: Instant) {
    let weather = Weather {
        late: 600,
        late_by: acts.span(300, 1500),
        ..Weather::default()
    };
    acts.put(at, Act::Weather(weather));
    for _ in 0..3 {
        let (service, to, by) = (acts.any_service(), acts.any_node(), acts.any_node());
        let when = at + acts.span(0, 1500);
        let order = Order::Move(service.clone(), crate::form::node_name(to));
        acts.put(when, Act::Order(by, order));
        acts.put(when, Act::Order(by, Order::Restart(service)));
    }
    for id in (1..=acts.setup.nodes).map(NodeId) {
        let when = at + acts.span(100, 2200);
        let again = acts.span(5, 60);
        acts.put(when, Act::Kill(id));
        acts.put(when + again, Act::Start(id));
    }
    acts.put(at + millis(4000), Act::Weather(Weather::default()));
}

/// One node stands still again and again, and is fenced each time.
fn fenced_over_and_over(acts: &mut Acts<'_>, at: Instant) {
    let target = acts.any_node();
    let mut when = at;
    for _ in 0..6 {
        let span = acts.span(1500, 2200);
        acts.put(when, Act::Pause(target, span));
        acts.put(when + millis(2300), Act::Boot(target));
        when = when + millis(3300);
    }
}

/// The witness ends as it writes its vote, and the other half asks it next.
fn witness_ends_in_a_split(acts: &mut Acts<'_>, at: Instant) {
    let upto = (acts.setup.nodes / 2).max(1);
    for id in (1..=acts.setup.nodes).map(NodeId) {
        let fails = acts.random.below(5) as u32;
        let takes = acts.span(20, 1500);
        acts.put(at, Act::Switch(id, takes, millis(20), fails));
    }
    acts.put(at, Act::WitnessTrap);
    acts.put(at, Act::Split(NodeId(upto)));
    let span = acts.span(2500, 6000);
    acts.put(at + span, Act::Heal);
}

/// Nobody hears anybody, leases end and all is stopped; what is told of it arrives after the
/// next run of a daemon has begun.
fn lease_ends_and_daemon_too(acts: &mut Acts<'_>, at: Instant) {
    for id in (1..=acts.setup.nodes).map(NodeId) {
        acts.put(at, Act::CutOff(id));
    }
    let healed = at + acts.span(2200, 3200);
    let weather = Weather {
        late: 400,
        late_by: acts.span(2000, 4000),
        ..Weather::default()
    };
    acts.put(healed, Act::Weather(weather));
    acts.put(healed, Act::Heal);
    let ends = healed + acts.span(80, 500);
    for id in (1..=acts.setup.nodes).map(NodeId) {
        if acts.random.chance(500) {
            let again = acts.span(1, 30);
            acts.put(ends, Act::Kill(id));
            acts.put(ends + again, Act::Start(id));
        }
    }
    acts.put(ends, Act::Weather(Weather::default()));
}

/// A node comes back by itself while its fence is being asked for. The one that is to fence
/// it, the first that is online, stands still meanwhile, and does not hear it.
fn back_before_it_is_fenced(acts: &mut Acts<'_>, at: Instant) {
    let target = acts.any_node();
    let executor = NodeId(if target == NodeId(1) { 2 } else { 1 });
    acts.put(at, Act::PowerOff(target));
    acts.put(at, Act::Cut(target, executor, None));
    acts.put(at, Act::Cut(executor, target, None));
    let stands = acts.span(900, 1150);
    let span = acts.span(400, 1000);
    acts.put(at + stands, Act::Pause(executor, span));
    let back = acts.span(1100, 1500);
    acts.put(at + back, Act::Boot(target));
    acts.put(at + millis(4500), Act::Heal);
}

/// Two halves of two; one has won its forced change, and its disk is slow to write it down,
/// when the cables are whole again.
fn pledged_and_healed(acts: &mut Acts<'_>, at: Instant) {
    let half = acts.setup.nodes / 2;
    let by = acts.span(500, 1000);
    for id in [1, half + 1].map(NodeId) {
        acts.put(at, Act::SlowDisk(id, by));
        acts.put(at + millis(5000), Act::SlowDisk(id, millis(0)));
    }
    acts.put(at, Act::Split(NodeId(half)));
    let span = acts.span(1400, 3400);
    acts.put(at + span, Act::Heal);
}

/// A node boots, and what was heard of the boot before is heard again.
fn heard_from_long_ago(acts: &mut Acts<'_>, at: Instant) {
    let target = acts.any_node();
    acts.put(at, Act::Reboot(target));
    for _ in 0..3 {
        let when = at + acts.span(400, 4000);
        acts.put(when, Act::Replay(target));
    }
}

/// Several people change the configuration, and packets come twice.
fn configured_by_many(acts: &mut Acts<'_>, at: Instant) {
    let weather = Weather {
        late: 400,
        late_by: acts.span(5, 300),
        twice: 500,
        ..Weather::default()
    };
    acts.put(at, Act::Weather(weather));
    for _ in 0..8 {
        let (service, by) = (acts.any_service(), acts.any_node());
        let version = 100 + acts.random.below(900);
        let when = at + acts.span(0, 2500);
        acts.put(when, Act::Order(by, Order::Configure(service, version)));
    }
    acts.put(at + millis(2500), Act::Weather(Weather::default()));
}
