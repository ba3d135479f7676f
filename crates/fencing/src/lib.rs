//! Fencing: proves that a node can do no more harm, by switching it off and asking its power
//! device whether it is off.
//!
//! The contract:
//!
//! ```text
//!   delay ─► off ─► status ──says off──► Confirmed
//!             ▲        │
//!             │        ├─ says on ─► ask again, until `confirm_within`
//!             └─retry──┴─ no answer, still on ─► after the last retry: FenceError
//! ```
//!
//! - A [`Confirmed`] is made only here, and only from a status answer of the device that was
//!   asked for after the `off`. The success of the `off` itself proves nothing.
//! - Whatever an agent does (hang, ignore signals, print without end, lie), every function
//!   returns within a bound made of [`Limits`] and the retries.
//! - A password is never part of a command line, a log, a report or an error.
//!
//! Agents are programs that follow the public fence-agents API: `key=value` lines on standard
//! input, exit code 0 for success (and "on"), 2 for "off", anything else for failure.
//!
//! This crate never decides whom to fence, and when: it is asked.

mod agent;
mod device;
mod drive;
mod fence;
mod metadata;
mod report;

pub use agent::{FailureKind, is_installed};
pub use device::{Device, Limits, PlugOption};
pub use drive::{Plug, Power, list, metadata, monitor, power_on, status};
pub use fence::{Confirmed, FenceError, fence, fence_with_any};
pub use metadata::{Metadata, Parameter, parse as parse_metadata};
pub use report::{Action, Outcome, Report, Step};
