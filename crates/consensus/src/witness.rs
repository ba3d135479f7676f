//! A witness: a small process outside the clusters that it votes for. It runs no services,
//! stores no log and decides nothing but one thing: which half gets its vote.
//!
//! ```text
//!   store      what it keeps: its key, tokens, one file for each cluster
//!   token      the one-time right of a cluster to be taken in
//!   register   how a cluster is taken in: once, over TLS, with the witness's key pinned
//!   server     the process: datagrams in, `quorum::arbiter` asked, records on disk, answers out
//!   client     a node's side: pings, and asks for the vote
//! ```
//!
//! A grant is on disk before it is answered. What cannot be written is not answered.

pub mod client;
pub mod register;
pub mod server;
pub mod store;
pub mod token;

pub use client::{LinkView, Notice, Told, WitnessLink, WitnessPeer};
pub use register::{RegisterError, RegisterReply, RegisterRequest, register};
pub use server::{ClusterView, NodeView, Server, ServerError, Settings};
pub use store::{Store, StoreError};
pub use token::{WitnessToken, WitnessTokenError};
