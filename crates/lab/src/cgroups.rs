//! Control groups of a laboratory, where a writable v2 hierarchy is at hand.
//!
//! Without one, nodes get none, and everything else works.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The kernel frees a group a moment after its last process; far longer means that one lives.
const REMOVE_LIMIT: Duration = Duration::from_secs(2);
const REMOVE_PAUSE: Duration = Duration::from_millis(5);
/// Groups lie in groups a few deep.
const DEPTH_MAX: usize = 16;

/// Where this process may make groups.
pub(crate) fn base() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let mount = mounts.lines().find_map(|line| {
        let mut words = line.split(' ');
        let place = words.nth(1)?;
        (words.next() == Some("cgroup2")).then(|| PathBuf::from(place))
    })?;
    if rustix::process::geteuid().is_root() {
        return Some(mount);
    }
    // An ordinary user may have been given the group in which the session runs.
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    Some(mount.join(path))
}

/// Makes the group of a laboratory and one for each node. `None` when that is not allowed.
pub(crate) fn make(name: &str, nodes: &[String]) -> Option<PathBuf> {
    let root = base()?.join(name);
    fs::create_dir(&root).ok()?;
    let made = nodes
        .iter()
        .try_for_each(|node| fs::create_dir(root.join(node)));
    if made.is_err() {
        remove(&root);
        return None;
    }
    Some(root)
}

fn remove_now(group: &Path, depth: usize) -> io::Result<()> {
    if depth == 0 {
        return Err(io::Error::other("groups lie too deep"));
    }
    for entry in fs::read_dir(group)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_now(&entry.path(), depth - 1)?;
        }
    }
    fs::remove_dir(group)
}

/// Removes a group and those within, whose processes have ended. Gives up after a while: the
/// next sweep finds what is left.
pub(crate) fn remove(group: &Path) {
    let deadline = Instant::now() + REMOVE_LIMIT;
    while group.exists() && remove_now(group, DEPTH_MAX).is_err() && Instant::now() < deadline {
        std::thread::sleep(REMOVE_PAUSE);
    }
}

/// Removes the groups within, and keeps the group itself: a node without power runs nothing.
pub(crate) fn empty(group: &Path) {
    let Ok(entries) = fs::read_dir(group) else {
        return;
    };
    let groups = entries
        .flatten()
        .filter(|e| e.file_type().is_ok_and(|kind| kind.is_dir()));
    groups.for_each(|entry| remove(&entry.path()));
}

/// Removes the groups of laboratories of `uid` that `lives` does not know.
pub(crate) fn sweep(uid: u32, lives: impl Fn(&str) -> bool) {
    let Some(entries) = base().and_then(|base| fs::read_dir(base).ok()) else {
        return;
    };
    for entry in entries.flatten() {
        let text = entry.file_name().to_string_lossy().into_owned();
        let rest = text.strip_prefix(&format!("mainstay-lab-{uid}-"));
        let Some((name, _pid)) = rest.and_then(|rest| rest.rsplit_once('-')) else {
            continue;
        };
        if !lives(name) {
            remove(&entry.path());
        }
    }
}
