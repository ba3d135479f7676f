//! The vocabulary of Mainstay: identities, times, what is wanted (`Spec`), what is
//! observed (`Seen`), what is decided (`Command`) and why (`Reason`).
//!
//! Every other crate speaks in these types. There is no behaviour here beyond
//! construction, printing and parsing of single values; no clock, no I/O, no
//! randomness.

#![forbid(unsafe_code)]

pub mod answers;
pub mod checks;
pub mod command;
pub mod duration;
pub mod environment;
pub mod history;
pub mod id;
mod kinds;
pub mod level;
pub mod load;
pub mod lock;
pub mod migration;
pub mod networks;
pub mod operation;
pub mod plant;
pub mod reason;
pub mod reload;
pub mod roles;
pub mod rules;
pub mod seen;
pub mod spans;
pub mod spec;
mod tickets;
pub mod time;
pub mod twice;
mod wheres;

pub use command::{Command, Rejected, Stamped};
pub use history::{Happening, HistoryEntry};
pub use id::{
    BootId, CardName, ClaimEpoch, DeviceName, Epoch, FenceId, Lineage, LockName, LockToken,
    NetworkName, NodeId, NodeName, OperationId, PlanId, ResourceName, ServiceName, SessionName,
    TicketName, UserName, WitnessId, WitnessName,
};
pub use reason::Reason;
pub use seen::Seen;
pub use spans::{Measured, OperationTimes, Spans};
pub use spec::Spec;
pub use time::{ClusterTime, Instant, Moment, WallTime};
