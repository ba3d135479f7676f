//! The vote over sectors: stories, bytes, and every order of two nodes' reads and writes.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{BootId, Instant, Lineage, NodeId, WitnessId};
use proptest::prelude::*;
use quorum::arbiter::{Answer, Ask, Grant};
use quorum::disk::{
    Ballot, Ballots, Beat, Content, Feed, Guard, Header, Output, Pill, PillReason, SECTOR_BYTES,
    Slot, Slots, TOTAL_BYTES, newest, offset, sector,
};
use quorum::half::Leadership;
use quorum::race::Turn;

fn slots() -> Slots {
    [(NodeId(1), 0), (NodeId(2), 1)].into()
}

fn slot(place: u16) -> Slot {
    Slot {
        content: Content::Ballot,
        place,
    }
}

fn ask(candidate: u64, term: u64, led_term: u64) -> Ask {
    Ask {
        lineage: Lineage::default(),
        term,
        candidate: NodeId(candidate),
        run: 1,
        voters: [NodeId(1), NodeId(2)].into(),
        rest: [NodeId(candidate)].into(),
        weight: 1,
        led_term,
    }
}

/// The ballots of two nodes on a device.
#[derive(Clone)]
struct Disk(BTreeMap<u16, [Vec<u8>; 2]>);

impl Disk {
    fn new() -> Self {
        let empty = |place| [sector(slot(place), 0, &[]), sector(slot(place), 0, &[])];
        Self([(0, empty(0)), (1, empty(1))].into())
    }

    /// Does one thing for a node. Its answer, if that is what it had.
    fn step(&mut self, node: &mut Ballots, now: Instant) -> Option<Answer> {
        match node.poll_output()? {
            Output::Read { ticket } => node.handle_read(ticket, &self.0, now),
            Output::Write {
                ticket,
                place,
                copy,
                bytes,
            } => {
                self.0.get_mut(&place).unwrap()[copy] = bytes;
                node.handle_written(ticket, now);
            }
            Output::Answer { answer, .. } => return Some(answer),
            Output::Damaged { place } => panic!("ballot {place} is damaged"),
        }
        None
    }

    fn answer(&mut self, ask: &Ask) -> Answer {
        let mut node = Ballots::new(ask.candidate, &slots()).unwrap();
        node.handle_ask(1, ask.clone(), Turn::First, Instant::ZERO);
        (0..50)
            .find_map(|_| self.step(&mut node, Instant::ZERO))
            .expect("alone it needs a few steps only")
    }
}

fn granted(term: u64) -> Answer {
    Answer::Granted {
        lineage: Lineage::default(),
        term,
    }
}

fn refused(to: u64, term: u64) -> Answer {
    Answer::Refused {
        to: NodeId(to),
        term,
    }
}

#[test]
fn the_first_gets_the_vote_and_may_ask_again() {
    let mut disk = Disk::new();
    assert_eq!(disk.answer(&ask(1, 5, 4)), granted(5));
    assert_eq!(disk.answer(&ask(2, 5, 4)), refused(1, 5));
    assert_eq!(disk.answer(&ask(1, 5, 4)), granted(5));
    assert_eq!(disk.answer(&ask(1, 7, 4)), granted(7));
    assert_eq!(disk.answer(&ask(2, 8, 5)), refused(1, 5));
    assert_eq!(disk.answer(&ask(2, 8, 6)), refused(1, 7));
    assert_eq!(disk.answer(&ask(2, 9, 8)), granted(9));
    assert_eq!(disk.answer(&ask(1, 9, 4)), refused(2, 9));
}

#[test]
fn another_one_of_the_half_takes_the_vote_over_and_its_keeper_stays() {
    let of_four = |candidate, rest: [u64; 2], term| Ask {
        voters: (1..=4).map(NodeId).collect(),
        rest: rest.map(NodeId).into(),
        ..ask(candidate, term, 4)
    };
    let mut disk = Disk::new();
    assert_eq!(disk.answer(&of_four(1, [1, 2], 6)), granted(6));
    assert_eq!(disk.answer(&of_four(2, [1, 2], 5)), refused(1, 6));
    assert_eq!(disk.answer(&of_four(2, [1, 2], 6)), granted(6));
    assert_eq!(disk.answer(&of_four(2, [2, 4], 7)), refused(1, 6));
    assert_eq!(disk.answer(&of_four(1, [1, 3], 7)), granted(7));
    assert_eq!(
        disk.answer(&of_four(2, [2, 4], 8)),
        refused(1, 6),
        "as the latest instance begins"
    );
    let mut after_a_leader = of_four(2, [2, 4], 9);
    after_a_leader.led_term = 8;
    assert_eq!(disk.answer(&after_a_leader), granted(9));
    assert_eq!(disk.answer(&of_four(1, [1, 3], 10)), refused(2, 9));
}

#[test]
fn an_older_history_is_told_that_it_is_over() {
    let mut disk = Disk::new();
    let mut next = ask(1, 5, 4);
    next.lineage.generation = 1;
    disk.answer(&next);
    assert_eq!(disk.answer(&ask(2, 5, 4)), Answer::Outdated);
}

#[test]
fn the_lighter_half_begins_a_second_later() {
    let mut node = Ballots::new(NodeId(1), &slots()).unwrap();
    node.handle_ask(1, ask(1, 5, 4), Turn::Second, Instant::ZERO);
    assert_eq!(node.poll_output(), None);
    let second = Instant::ZERO + Duration::from_secs(1);
    assert_eq!(node.next_deadline(), Some(second));
    node.handle_timeout(second);
    assert!(matches!(node.poll_output(), Some(Output::Read { .. })));
}

#[test]
fn a_ballot_without_a_whole_copy_stops_the_vote() {
    let mut disk = Disk::new();
    for copy in &mut disk.0.get_mut(&1).unwrap()[..] {
        copy[100] ^= 1;
    }
    let mut node = Ballots::new(NodeId(1), &slots()).unwrap();
    node.handle_ask(1, ask(1, 5, 4), Turn::First, Instant::ZERO);
    let Some(Output::Read { ticket }) = node.poll_output() else {
        panic!("it reads first");
    };
    node.handle_read(ticket, &disk.0, Instant::ZERO);
    assert_eq!(node.poll_output(), Some(Output::Damaged { place: 1 }));
}

#[test]
fn a_failed_write_begins_anew() {
    let mut disk = Disk::new();
    let mut node = Ballots::new(NodeId(1), &slots()).unwrap();
    node.handle_ask(1, ask(1, 5, 4), Turn::First, Instant::ZERO);
    disk.step(&mut node, Instant::ZERO);
    let Some(Output::Write { ticket, .. }) = node.poll_output() else {
        panic!("it writes next");
    };
    node.handle_failed(ticket, Instant::ZERO);
    let later = node.next_deadline().unwrap();
    node.handle_timeout(later);
    let answer = (0..50).find_map(|_| disk.step(&mut node, later));
    assert_eq!(answer, Some(granted(5)));
}

#[test]
fn slots_do_not_overlap_and_end_with_the_device() {
    let mut offsets = vec![];
    for copy in 0..2 {
        let header = Slot {
            content: Content::Header,
            place: 0,
        };
        offsets.push(offset(header, copy));
        for content in [Content::Beat, Content::Ballot, Content::Box] {
            offsets.extend((0..64).map(|place| offset(Slot { content, place }, copy)));
        }
    }
    offsets.sort_unstable();
    let expected = (0..offsets.len()).map(|index| (index * SECTOR_BYTES) as u64);
    assert!(expected.eq(offsets.iter().copied()));
    assert_eq!((offsets.len() * SECTOR_BYTES) as u64, TOTAL_BYTES);
}

#[test]
fn a_pill_is_for_one_boot_and_never_wears_off() {
    let at = |seconds| Instant::ZERO + Duration::from_secs(seconds);
    let pill = |boot| Pill {
        target: BootId([boot; 16]),
        by: NodeId(2),
        why: PillReason::Fence,
    };
    let mut guard = Guard::new(BootId([1; 16]), Duration::from_secs(4), at(0));
    guard.handle_box(Some(pill(9)), at(1));
    assert_eq!(guard.feed(Leadership::Absent, at(2)), Feed::Yes);
    guard.handle_box(Some(pill(1)), at(2));
    guard.handle_box(None, at(3));
    let poisoned = Feed::Poisoned {
        by: NodeId(2),
        why: PillReason::Fence,
    };
    assert_eq!(guard.feed(Leadership::Quorate, at(3)), poisoned);
}

#[test]
fn without_leader_and_disk_the_dog_is_not_fed() {
    let at = |seconds| Instant::ZERO + Duration::from_secs(seconds);
    let mut guard = Guard::new(BootId([1; 16]), Duration::from_secs(4), at(0));
    guard.handle_box(None, at(10));
    assert_eq!(guard.feed(Leadership::Absent, at(13)), Feed::Yes);
    assert_eq!(guard.feed(Leadership::Quorate, at(99)), Feed::Yes);
    let blind = Feed::Blind { since: at(10) };
    assert_eq!(guard.feed(Leadership::Absent, at(14)), blind);
}

/// Plays every order of the steps of two asks; the answers of each end.
fn play(disk: &Disk, nodes: &[Ballots; 2], answers: [Option<Answer>; 2], depth: u32) -> u64 {
    let mut ends = 0;
    let mut moved = false;
    for place in 0..2 {
        let (mut disk, mut nodes, mut answers) = (disk.clone(), nodes.clone(), answers);
        let mut probe = nodes[place].clone();
        if depth == 0 || probe.poll_output().is_none() {
            continue;
        }
        moved = true;
        if let Some(answer) = disk.step(&mut nodes[place], Instant::ZERO) {
            answers[place] = Some(answer);
        }
        ends += play(&disk, &nodes, answers, depth - 1);
    }
    let grants = (answers.iter())
        .filter(|answer| matches!(answer, Some(Answer::Granted { .. })))
        .count();
    assert!(grants <= 1, "both have the vote: {answers:?}");
    ends + u64::from(!moved)
}

#[test]
fn two_nodes_in_any_order_never_both_get_the_vote() {
    let mut nodes = [1, 2].map(|node| Ballots::new(NodeId(node), &slots()).unwrap());
    for (node, place) in nodes.iter_mut().zip(1..) {
        node.handle_ask(place, ask(place, 5, 4), Turn::First, Instant::ZERO);
    }
    let ends = play(&Disk::new(), &nodes, [None; 2], 30);
    assert!(100 < ends, "{ends}");
}

fn ballot() -> impl Strategy<Value = Ballot> {
    let grant = || {
        any::<[u64; 4]>().prop_map(|[keeper, candidate, run, term]| Grant {
            keeper: NodeId(keeper),
            candidate: NodeId(candidate),
            run,
            term,
        })
    };
    (
        any::<[u64; 5]>(),
        prop::option::of(grant()),
        prop::option::of((any::<u64>(), grant())),
    )
        .prop_map(
            |([generation, maker, random, instance, begun], before, accepted)| Ballot {
                lineage: Lineage {
                    generation,
                    maker: NodeId(maker),
                    random,
                },
                instance,
                before,
                begun,
                accepted,
            },
        )
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_an_error_and_never_a_panic(bytes: Vec<u8>, fill: u8) {
        let mut long = bytes.clone();
        long.resize(SECTOR_BYTES, fill);
        prop_assert_eq!(newest(slot(0), [&bytes, &long]), None);
        // The bodies have no sum of their own: what they give is a value or nothing.
        let _ = (Header::decode(&bytes), Beat::decode(&bytes));
        let _ = (Ballot::decode(&bytes), Pill::decode(&bytes));
    }

    #[test]
    fn a_ballot_survives_its_bytes_and_no_shorter_or_longer_ones(ballot in ballot()) {
        let mut bytes = ballot.encode();
        prop_assert_eq!(Ballot::decode(&bytes), Some(ballot));
        prop_assert_eq!(Ballot::decode(&bytes[1..]), None);
        bytes.push(0);
        prop_assert_eq!(Ballot::decode(&bytes), None);
    }

    #[test]
    fn the_other_contents_survive_their_bytes(numbers: [u64; 4], boot: [u8; 16], obeys: bool) {
        let beat = Beat {
            node: NodeId(numbers[0]),
            boot: BootId(boot),
            run: numbers[1],
            counter: numbers[2],
            lease_left: numbers[3],
            obeys: obeys.then_some(BootId(boot)),
        };
        prop_assert_eq!(Beat::decode(&beat.encode()), Some(beat));
        let why = if obeys { PillReason::Fence } else { PillReason::Person };
        let pill = Pill { target: BootId(boot), by: NodeId(numbers[0]), why };
        prop_assert_eq!(Pill::decode(&pill.encode()), Some(pill));
        let header = Header { cluster: boot, witness: WitnessId(numbers[1]), slots: slots() };
        prop_assert_eq!(Header::decode(&header.encode()), Some(header));
    }

    #[test]
    fn a_torn_write_leaves_the_old_content(
        bodies: [Vec<u8>; 3],
        torn_at in 0..SECTOR_BYTES,
        junk in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let write = |sequence: usize| sector(slot(3), sequence as u64, &bodies[sequence]);
        let (old, new) = (write(1), write(2));
        // The new content goes over the older copy, sequence zero, and gets so far.
        let mut torn = write(0);
        torn[..torn_at].copy_from_slice(&new[..torn_at]);
        let end = SECTOR_BYTES.min(torn_at + junk.len());
        torn[torn_at..end].copy_from_slice(&junk[..end - torn_at]);
        let found = newest(slot(3), [&torn, &old]).unwrap();
        let is_new = torn == new;
        let expected = if is_new { 2 } else { 1 };
        prop_assert_eq!(found.sequence, expected as u64);
        prop_assert_eq!(&found.body, &bodies[expected]);
    }

    #[test]
    fn a_slot_is_read_at_its_own_place_only(place in 0_u16..64, other in 0_u16..64) {
        let bytes = sector(slot(place), 1, b"x");
        let found = newest(slot(other), [&bytes, &[]]);
        prop_assert_eq!(found.is_some(), place == other);
    }
}
