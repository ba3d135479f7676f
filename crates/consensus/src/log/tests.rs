//! Histories on a disk that loses power at every point, tears what was not synced, brings
//! removed files back, and rots.

mod disk;
mod history;

use std::sync::mpsc;

use model::{Lineage, NodeId};
use proptest::prelude::*;
use raft::{Persist, PersistSeq, Restored};
use wire::raft::{Configuration, Entry, HardState, Payload};

use super::{Cut, Driver, Log, LogError, Report, spawn_driver};
use disk::{FaultyDisk, Rot};
use history::{History, Step, any_steps};

/// Small, so that histories of a few orders fill several.
const SEGMENT_BYTES: usize = 700;

fn open(disk: &FaultyDisk) -> Result<(Log<FaultyDisk>, super::Recovered), LogError> {
    Log::open_on(disk.clone(), SEGMENT_BYTES)
}

/// Plays steps until they end or the power fails.
fn play(disk: &FaultyDisk, history: &mut History, steps: &[Step]) -> Result<(), LogError> {
    let (mut log, recovered) = open(disk)?;
    history.continue_from(&recovered.restored);
    for step in steps {
        match step {
            Step::Sync => {
                log.sync()?;
                history.acknowledge();
            }
            Step::Idle => log.idle()?,
            Step::Order(kind) => {
                let order = history.order(*kind);
                log.write(order)?;
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_power_loss_at_any_point_leaves_a_state_between_acknowledged_and_written(
        first in any_steps(24), second in any_steps(8), seed in any::<u64>(),
    ) {
        for crash_at in 0.. {
            let mut history = History::default();
            let disk = FaultyDisk::new(seed ^ crash_at);
            disk.fail_after(crash_at);
            let done = play(&disk, &mut history, &first).is_ok();
            // The second run also meets its end somewhere, perhaps while it recovers.
            let disk = disk.after_power_loss();
            disk.fail_after(crash_at % 7);
            let _ = play(&disk, &mut history, &second);
            let disk = disk.after_power_loss();
            let (_, recovered) = open(&disk).unwrap();
            history.continue_from(&recovered.restored);
            if done {
                break;
            }
        }
    }

    #[test]
    fn what_a_restarted_daemon_has_read_survives_a_power_loss(
        steps in any_steps(24), seed in any::<u64>(),
    ) {
        for crash_at in 0.. {
            let mut history = History::default();
            let disk = FaultyDisk::new(seed ^ crash_at);
            disk.fail_after(crash_at);
            let done = play(&disk, &mut history, &steps).is_ok();
            // Only the daemon ends: what was written but not synced is still to be seen.
            disk.restart_daemon();
            let (log, recovered) = open(&disk).unwrap();
            history.continue_from(&recovered.restored);
            drop(log);
            let (_, recovered) = open(&disk.after_power_loss()).unwrap();
            history.expect_last(&recovered.restored);
            if done {
                break;
            }
        }
    }

    #[test]
    fn a_flipped_bit_is_an_error_or_without_effect(
        steps in any_steps(24), seed in any::<u64>(),
    ) {
        let mut history = History::default();
        let disk = FaultyDisk::new(seed);
        play(&disk, &mut history, &steps).unwrap();
        play(&disk, &mut history, &[Step::Sync, Step::Idle, Step::Sync]).unwrap();
        for number in 0..200 {
            let rotten = disk.with_rot(seed.wrapping_add(number), Rot::OneBit);
            if let Ok((_, recovered)) = open(&rotten) {
                history.expect_last(&recovered.restored);
            }
        }
    }

    #[test]
    fn a_few_lost_bytes_of_what_was_synced_are_an_error_or_without_effect(
        steps in any_steps(24), seed in any::<u64>(),
    ) {
        let mut history = History::default();
        let disk = FaultyDisk::new(seed);
        play(&disk, &mut history, &steps).unwrap();
        play(&disk, &mut history, &[Step::Sync, Step::Idle, Step::Sync]).unwrap();
        for number in 0..50 {
            let rotten = disk.with_rot(seed.wrapping_add(number), Rot::ZeroedBytes(24));
            if let Ok((_, recovered)) = open(&rotten) {
                history.expect_last(&recovered.restored);
            }
        }
    }

    #[test]
    fn a_segment_of_arbitrary_bytes_is_an_error_and_never_a_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..900)
    ) {
        let disk = FaultyDisk::new(0);
        let mut whole = super::format::segment_head(1).to_vec();
        whole.extend_from_slice(&bytes);
        disk.put("segment-0000000000000001.log", &whole);
        let _ = open(&disk);
        disk.put("segment-0000000000000001.log", &bytes);
        let _ = open(&disk);
    }
}

fn entry(index: u64) -> Entry {
    Entry {
        index,
        term: 1,
        payload: Payload::Command(vec![7; 40]),
    }
}

fn append(seq: u64, index: u64) -> Persist {
    Persist {
        seq: PersistSeq(seq),
        entries: vec![entry(index)],
        ..Persist::default()
    }
}

#[test]
fn a_torn_last_record_is_cut_and_the_log_goes_on() {
    let disk = FaultyDisk::new(1);
    let (mut log, _) = open(&disk).unwrap();
    log.write(append(1, 1)).unwrap();
    log.sync().unwrap();
    log.write(append(2, 2)).unwrap();
    drop(log);
    let name = "segment-0000000000000001.log";
    let end = disk
        .bytes(name)
        .iter()
        .rposition(|byte| *byte != 0)
        .unwrap();
    disk.flip(name, end - 10);
    let (mut log, recovered) = open(&disk).unwrap();
    assert_eq!(recovered.restored.entries, [entry(1)]);
    let Some(Cut { file, .. }) = recovered.cut else {
        panic!("nothing was cut")
    };
    assert_eq!(file, name);
    log.write(append(1, 2)).unwrap();
    log.sync().unwrap();
    drop(log);
    let (_, recovered) = open(&disk).unwrap();
    assert_eq!(recovered.restored.entries, [entry(1), entry(2)]);
    assert_eq!(recovered.cut, None);
}

#[test]
fn damage_before_a_later_sync_is_told_with_file_and_place() {
    let disk = FaultyDisk::new(1);
    let (mut log, _) = open(&disk).unwrap();
    for index in 1..=3 {
        log.write(append(index, index)).unwrap();
        log.sync().unwrap();
    }
    drop(log);
    disk.flip("segment-0000000000000001.log", 130);
    let error = open(&disk).unwrap_err().to_string();
    expect_test::expect![[
        r#"segment-0000000000000001.log is damaged at byte 72 (record 2), and later records prove that it was complete; the node must not run with it: move the state directory aside, and let the node join anew"#
    ]]
    .assert_eq(&error);
}

#[test]
fn damage_to_the_last_record_is_noticed_once_the_log_was_idle() {
    let disk = FaultyDisk::new(1);
    let (mut log, _) = open(&disk).unwrap();
    log.write(append(1, 1)).unwrap();
    log.sync().unwrap();
    let name = "segment-0000000000000001.log";
    let end = disk
        .bytes(name)
        .iter()
        .rposition(|byte| *byte != 0)
        .unwrap();
    log.idle().unwrap();
    drop(log);
    disk.flip(name, end - 3);
    assert!(matches!(
        open(&disk),
        Err(LogError::Damaged { sequence: 2, .. })
    ));
}

#[test]
fn old_segments_and_snapshots_are_removed_once_a_snapshot_covers_them() {
    let disk = FaultyDisk::new(1);
    let (mut log, _) = open(&disk).unwrap();
    for index in 1..=40 {
        log.write(append(index, index)).unwrap();
        log.sync().unwrap();
    }
    let before = disk.names().len();
    let meta = wire::raft::SnapshotMeta {
        index: 40,
        term: 1,
        ..Default::default()
    };
    for seq in 41..=42 {
        let snapshot = Some((meta.clone(), b"state".to_vec()));
        log.write(Persist {
            seq: PersistSeq(seq),
            snapshot,
            ..Persist::default()
        })
        .unwrap();
        log.sync().unwrap();
    }
    assert!(3 < before, "{before}");
    let names = disk.names();
    assert_eq!(names.len(), 2, "{names:?}");
    let (_, recovered) = open(&disk).unwrap();
    assert_eq!(recovered.restored.snapshot, Some((meta, b"state".to_vec())));
    assert_eq!(recovered.restored.entries, []);
}

#[test]
fn an_order_larger_than_a_segment_gets_one_of_its_own() {
    let disk = FaultyDisk::new(1);
    let (mut log, _) = open(&disk).unwrap();
    let big = Entry {
        index: 1,
        term: 1,
        payload: Payload::Command(vec![1; 5 * SEGMENT_BYTES]),
    };
    let entries = vec![big.clone()];
    log.write(Persist {
        seq: PersistSeq(1),
        entries,
        ..Persist::default()
    })
    .unwrap();
    log.write(append(2, 2)).unwrap();
    log.sync().unwrap();
    let (_, recovered) = open(&disk).unwrap();
    assert_eq!(recovered.restored.entries, [big, entry(2)]);
}

#[test]
fn the_first_log_of_a_cluster_is_read_back() {
    let disk = FaultyDisk::new(1);
    let lineage = Lineage {
        generation: 1,
        maker: NodeId(1),
        random: 9,
    };
    let restored = Restored::bootstrap(lineage, Configuration::of_voters([NodeId(1)]));
    Log::create_on(disk.clone(), &restored, SEGMENT_BYTES).unwrap();
    let (_, recovered) = open(&disk).unwrap();
    assert_eq!(recovered.restored.hard_state, restored.hard_state);
    assert_eq!(recovered.restored.entries, restored.entries);
}

#[test]
fn two_daemons_cannot_have_one_directory() {
    let directory = tempfile::tempdir().unwrap();
    let (log, _) = Log::open(directory.path()).unwrap();
    assert!(matches!(
        Log::open(directory.path()),
        Err(LogError::Locked(_))
    ));
    drop(log);
    Log::open(directory.path()).unwrap();
}

fn driver_on(disk: FaultyDisk) -> (Driver, mpsc::Receiver<Report>) {
    let (log, _) = open(&disk).unwrap();
    let (report, reports) = mpsc::channel();
    (
        spawn_driver(log, move |it| report.send(it).unwrap()),
        reports,
    )
}

#[test]
fn the_driver_reports_the_last_order_and_shares_syncs() {
    let disk = FaultyDisk::new(1);
    let (driver, reports) = driver_on(disk.clone());
    let pause = disk.pause();
    for index in 1..=100 {
        driver.persist(append(index, index));
    }
    drop(pause);
    let mut syncs = 0;
    loop {
        let Report::Durable(seq) = reports.recv().unwrap() else {
            panic!("failed")
        };
        syncs += 1;
        if seq == PersistSeq(100) {
            break;
        }
    }
    assert!(
        syncs <= 2,
        "one sync for the first order, one for all that waited: {syncs}"
    );
    drop(driver);
    let (_, recovered) = open(&disk).unwrap();
    assert_eq!(recovered.restored.entries.len(), 100);
}

#[test]
fn a_disk_that_fails_is_reported_once_and_nothing_is_called_durable_after_it() {
    let disk = FaultyDisk::new(1);
    let (driver, reports) = driver_on(disk.clone());
    disk.fail_after(0);
    driver.persist(append(1, 1));
    driver.persist(append(2, 2));
    assert!(matches!(
        reports.recv().unwrap(),
        Report::Failed(LogError::Io { .. })
    ));
    drop(driver);
    assert!(reports.recv().is_err(), "a second report");
}

#[test]
fn what_was_written_to_real_files_is_read_back() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, recovered) = Log::open(directory.path()).unwrap();
    assert_eq!(recovered.restored.hard_state, HardState::default());
    let state = HardState {
        term: 3,
        vote: Some(NodeId(2)),
        ..HardState::default()
    };
    let order = Persist {
        hard_state: Some(state.clone()),
        ..append(1, 1)
    };
    log.write(order).unwrap();
    log.sync().unwrap();
    log.idle().unwrap();
    drop(log);
    let (_, recovered) = Log::open(directory.path()).unwrap();
    assert_eq!(recovered.restored.hard_state, state);
    assert_eq!(recovered.restored.entries, [entry(1)]);
}
