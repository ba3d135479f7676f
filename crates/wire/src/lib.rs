//! Bytes on the wire and in the log: layouts, encoding, decoding, sealing.

pub mod heartbeat;
pub mod peer;
pub mod raft;
pub mod seal;
