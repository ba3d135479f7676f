//! The disk witness on a real block device: a loop device, which only real root may make.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use host::shared_disk::{Caches, Forget, PrepareError, SharedDisk, WitnessDisk, prepare};
use quorum::disk::{Content, Slot, TOTAL_BYTES};

/// A loop device over a file; it goes with this value.
struct Loop(PathBuf);

impl Loop {
    fn attach(file: &Path) -> Self {
        let output = Command::new("losetup")
            .args(["--find", "--show"])
            .arg(file)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        let name = String::from_utf8(output.stdout).unwrap();
        Self(PathBuf::from(name.trim()))
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _detached = Command::new("losetup")
            .arg("--detach")
            .arg(&self.0)
            .status();
    }
}

/// Whether this machine lets us make loop devices.
fn is_real_root() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap();
    map.split_ascii_whitespace().nth(2) == Some("4294967295")
        && rustix::process::geteuid().is_root()
}

fn slot(content: Content) -> Slot {
    Slot { content, place: 3 }
}

#[test]
fn a_loop_device_carries_a_witness_past_the_caches_and_through_a_new_attach() {
    if !is_real_root() {
        println!("needs root: loop devices are made by nobody else");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("shared");
    File::create(&file).unwrap().set_len(TOTAL_BYTES).unwrap();

    let device = Loop::attach(&file);
    let first = SharedDisk::open(&device.0).unwrap();
    assert_eq!(first.caches(), Caches::Bypassed);
    prepare(&first, Forget::Nothing).unwrap();
    let first = WitnessDisk::new(first);
    let second = WitnessDisk::new(SharedDisk::open(&device.0).unwrap());
    first.write(slot(Content::Box), b"end").unwrap();
    let seen = second.read(slot(Content::Box)).unwrap().unwrap();
    assert_eq!(seen.body, b"end");
    drop((first, second, device));

    let device = Loop::attach(&file);
    let disk = SharedDisk::open(&device.0).unwrap();
    let refused = prepare(&disk, Forget::Nothing).unwrap_err();
    assert!(matches!(refused, PrepareError::Used), "{refused}");
    let left = WitnessDisk::new(disk).read(slot(Content::Box)).unwrap();
    assert_eq!(left.unwrap().body, b"end");
}

#[test]
fn a_loop_device_that_is_too_small_is_refused_and_left_as_it_was() {
    if !is_real_root() {
        println!("needs root: loop devices are made by nobody else");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("small");
    File::create(&file).unwrap().set_len(64 * 4096).unwrap();
    let device = Loop::attach(&file);
    let error = prepare(&SharedDisk::open(&device.0).unwrap(), Forget::Nothing).unwrap_err();
    assert!(matches!(error, PrepareError::TooSmall(262_144)), "{error}");
    let bytes = std::fs::read(&file).unwrap();
    assert!(bytes.iter().all(|byte| *byte == 0), "nothing was written");
}
