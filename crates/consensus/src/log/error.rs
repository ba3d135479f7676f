//! Why the log cannot be used.

use std::io;
use std::path::PathBuf;

use wire::raft::DecodeError;

/// What a person can do when the log of one node is damaged.
const ADVICE: &str = "the node must not run with it: \
    move the state directory aside, and let the node join anew";

/// Why the log cannot be read or written. All of these are fatal: a node that goes on
/// without its log breaks promises that it has made to others.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The system refused.
    #[error("cannot {doing} {file} of the log")]
    Io {
        /// What we were doing.
        doing: &'static str,
        /// To which file of the log directory.
        file: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Another process has the directory.
    #[error("{0} is in use by another daemon")]
    Locked(PathBuf),
    /// Bytes that were once synced are not what was written.
    #[error(
        "{file} is damaged at byte {offset} (record {sequence}), and later records prove that it was complete; {ADVICE}"
    )]
    Damaged {
        /// Which file.
        file: String,
        /// Where in it.
        offset: u64,
        /// Which record should be there.
        sequence: u64,
    },
    /// The head of a file is not what was written.
    #[error("the head of {file} is damaged; {ADVICE}")]
    Head {
        /// Which file.
        file: String,
    },
    /// A file that must be there is not.
    #[error("{missing} is missing from the log; {ADVICE}")]
    Missing {
        /// What.
        missing: String,
    },
    /// The snapshot is not what was written.
    #[error("{file} is damaged; {ADVICE}")]
    Snapshot {
        /// Which file.
        file: String,
    },
    /// A record is intact but says something that this version does not know.
    #[error("{file}, byte {offset}: written by a newer version of mainstay; run that version")]
    Newer {
        /// Which file.
        file: String,
        /// Where in it.
        offset: u64,
        /// The complaint.
        #[source]
        source: Option<DecodeError>,
    },
    /// More in one order than a record can hold.
    #[error("an order of {0} bytes does not fit into a record")]
    TooLong(usize),
    /// An earlier write failed; what is on disk is unknown.
    #[error("the log failed before and cannot be used until the daemon starts again")]
    Failed,
}
