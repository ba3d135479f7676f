//! A witness that is only some sectors of shared storage: the vote of
//! [`arbiter`](crate::arbiter) without a server, and the poison pill.
//!
//! Every node has three slots: its *beat* and its *ballot*, which only it writes, and its
//! *box*, which the others write. A slot has two copies that are written in turn, so a torn
//! write leaves the old content. The bytes are described in docs/formats/disk-witness.md.
//!
//! The vote is Disk Paxos (E. Gafni and L. Lamport, "Disk Paxos", Distributed Computing 16,
//! 2003) with one disk: no clock is needed for its safety. There is no I/O here: [`Ballots`]
//! says what to read and write, and is told what was there.

mod ballot;
mod content;
mod guard;
mod sector;

use std::time::Duration;

/// The agent of fence devices that write poison pills: the daemon itself, and no program.
pub const PILL_AGENT: &str = "disk";

/// Each node reads its box and writes its beat this often. A write a second wears no disk out
/// and wakes no array, and a pill is found within it.
pub const POLL: Duration = Duration::from_secs(1);

/// Without a quorate leader a node gives up so long after its last good read: two polls may
/// fail. With the default lease it adds nothing to the wait.
pub const DISK_LEASE: Duration = Duration::from_secs(3);

/// A node whose beat has not changed for so long does not reach the disk: three polls and a
/// slow write.
pub const HEARD_FOR: Duration = Duration::from_secs(4);

pub use ballot::{Ballots, Output};
pub use content::{Ballot, Beat, Header, Pill, PillReason, Slots};
pub use guard::{Feed, Guard};
pub use sector::{
    COPIES, Content, Found, SECTOR_BYTES, SLOTS_MAX, Slot, TOTAL_BYTES, newest, offset, sector,
};
