//! The vocabulary of Mainstay: identities, times, what is wanted (`Spec`), what is
//! observed (`Seen`), what is decided (`Command`) and why (`Reason`).
//!
//! Every other crate speaks in these types. There is no behaviour here beyond
//! construction, printing and parsing of single values; no clock, no I/O, no
//! randomness.

pub mod duration;
pub mod id;
pub mod time;

pub use id::{
    BootId, CardName, ClaimEpoch, DeviceName, Epoch, FenceId, Lineage, NetworkName, NodeId,
    NodeName, OperationId, PlanId, ResourceName, ServiceName, UserName,
};
pub use time::{Instant, WallTime};
