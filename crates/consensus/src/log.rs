//! The log on disk: what raft orders to be kept, in segments of checksummed records, beside
//! the latest snapshot. Layout: `docs/formats/log.md`.
//!
//! ```text
//!   LOCK
//!   segment-0000000000000007.log   header ‖ record ‖ record ‖ ... ‖ zeroes
//!   segment-0000000000000008.log   header ‖ zeroes                     (made in advance)
//!   snapshot-0000000000000003.bin  header ‖ description ‖ data
//! ```
//!
//! One order of raft is one record under one checksum: after a power loss it is there or it
//! is not, never in part. Entries, truncations, hard state, and which snapshot counts are
//! all said by records, so one `fdatasync` makes any number of orders durable together.
//!
//! It never drops what was synced: bytes that are damaged there are an error with file and
//! place. It never decides anything; a log that it cannot write to ends the daemon.

mod disk;
mod driver;
mod error;
mod format;
mod image;
mod recover;
mod store;
#[cfg(test)]
mod tests;

pub use disk::{Disk, Files, wait_until_free};
pub use driver::{Driver, Report, spawn_driver};
pub use error::LogError;
pub use recover::Cut;
pub use store::{Log, Recovered};
