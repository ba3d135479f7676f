//! One node as a whole, as a pure machine: it joins the log (`raft`), the replicated
//! state (`state`), the planner and the executor of this node's claims.
//!
//! Messages, the detector's events, ends of operations and of fences, requests of
//! operators and the time come in; messages to send, records to persist, operations and
//! fences to carry out and answers go out. It never touches a socket, a disk, a process
//! or a clock: the daemon and the simulator do, each in its way.
//!
//! ```text
//!   detector events ──► liveness ──┐                ┌──► commands ──► raft ──► persist, send
//!   raft: committed ──► state ─────┼──► leader's ───┘
//!                          │       │    duties (duties.rs): members up and down, voters, plan
//!                          └───────┴──► own duties (tend.rs): claims, probes, fences, lease
//! ```

#![forbid(unsafe_code)]

mod arbiter;
pub mod cards;
mod checks;
mod company;
mod dog;
mod duties;
mod estimate;
mod executor;
mod hearing;
mod lease;
mod levels;
mod lies;
mod liveness;
mod load;
mod locks;
mod message;
mod networks;
mod node;
mod outlive;
pub mod past;
mod person;
mod play;
mod preview;
pub mod reach;
mod relay;
mod requests;
mod settle;
mod split;
mod tend;
mod ways;
pub mod what_if;
mod yielding;

pub use arbiter::arbiter_of;
pub use checks::tending::{FLAG_ALL, Flags};
pub use checks::{Answer, CheckKey, CheckReport, CheckRun, CheckScope, Past, Question, Standing};
pub use dog::{Dog, DogOrder, Going};
pub use estimate::{Estimate, Part, say};
pub use executor::{Lease, Telling};
pub use levels::too_new_in;
pub use lies::Lie;
pub use message::{PeerMessage, Relayed};
pub use node::{Boundary, Node, NodeConfig, Output};
pub use outlive::Outliving;
pub use person::ForceRefused;
pub use preview::{Preview, preview};
pub use requests::{RequestError, RequestId};
pub use split::{FenceAsker, QuorumView, VoterView};
pub use tend::FENCE_WORD_HOLDS;
pub use ways::{Ways, ways_to};
pub use yielding::Rival;
