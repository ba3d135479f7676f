//! Bytes on the wire and in the log: layouts, encoding, decoding, sealing.

#![forbid(unsafe_code)]

pub mod heartbeat;
pub mod peer;
pub mod raft;
pub mod seal;
pub mod witness;
