//! The hands of consensus: the log on disk, the connections between nodes, and what makes a
//! machine a member (its key, its identity, the token that lets it join).
//!
//! ```text
//!   log         segments, snapshot, recovery; the thread that batches syncs
//!   transport   TLS 1.3 connections to the peers over all networks
//!   join        the one-time way in, over the same port
//!   identity    node.key, cluster.key, node.json
//!   witness     the vote from outside: its process, and a node's way to it
//! ```
//!
//! Nothing is decided here: what to write and what to send is the business of `raft`.

pub mod durable;
pub mod identity;
pub mod join;
pub mod keys;
pub mod log;
mod stream;
pub mod tls;
pub mod token;
pub mod transport;
pub mod witness;

pub use identity::{
    Identity, IdentityError, NewMember, initialise, keep_set_aside, prepare, set_log_aside,
    store_joined,
};
pub use join::{JoinError, JoinReply, JoinRequest, JoinedMember, Refusal, join};
pub use keys::{ClusterKey, Fingerprint, KeyError, NodeKey};
pub use log::{Driver, Log, LogError, Recovered, Report, spawn_driver};
pub use token::{Token, TokenError};
pub use transport::{Incoming, PeerInfo, PeerLink, Transport, TransportConfig};
pub use wire::peer::{ClusterId, PeerMessage};
