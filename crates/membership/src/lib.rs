//! Failure detection: who is alive, suspected, lost; which links work; who stalled.
//!
//! [`Detector`] is given heartbeats (already opened), refusals by other kernels, and the
//! time; it gives back heartbeats to send and events. Every node runs one and draws its
//! own conclusions.
//!
//! What never happens here: no socket, clock, thread or randomness; no decision what to do
//! about a lost node (fencing, views and elections follow elsewhere); no trust in a packet
//! that could be a replay (`session`).

#![forbid(unsafe_code)]

pub mod detector;
pub mod event;
mod peer;
pub mod replay;
pub mod session;
pub mod settings;
pub mod status;

pub use detector::{Detector, Path, Peer, Published};
pub use event::{Event, Output, Recovery, Silence, Voice};
pub use session::Rejected;
pub use settings::Settings;
pub use status::{Condition, LinkCondition, LinkStatus, PeerStatus};
