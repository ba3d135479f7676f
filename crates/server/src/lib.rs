//! The daemon's face: JSON over HTTP on a Unix socket.
//!
//! ```text
//!   cli ──HTTP──► socket ──uid allowed?──► route ──ControlRequest──► control loop
//!                                            ▲                           │
//!                                            └───────── oneshot ◄────────┘
//! ```
//!
//! It decides nothing: every request becomes a `ControlRequest`, and the control loop
//! answers it. It never holds state of the cluster, and never listens on a network.

#![forbid(unsafe_code)]

mod control;
mod listen;
mod log;
mod peer;
mod routes;

pub use control::{
    CONTROL_QUEUE_MAX, ControlHandle, ControlRequest, ExplainQuestion, HistoryQuery, Mode, Reply,
};
pub use listen::{SocketError, bind, serve};
pub use peer::Allowed;
