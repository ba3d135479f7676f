//! The hands that operate resources: addresses, processes, commands and mounts.
//!
//! `Agents` carries out `model::operation::Operation`s and tells by `Event`s how they ended
//! and when something that ran has ended by itself. One task owns each resource: its
//! operations are carried out one after the other; different resources never wait for each
//! other. Nothing here decides what runs where, retries a failed operation or knows other
//! nodes.
//!
//! ```text
//!  execute ──► Agents ──queue──► Worker (one per resource) ──► process │ command
//!                                  │    ▲                      address │ mount
//!            Event ◄───────────────┘    └── pidfd, cgroup.events, netlink, mountinfo
//! ```

mod address;
mod agents;
mod command;
mod context;
mod event;
mod handover;
mod log;
mod members;
mod mount;
mod process;
mod program;
mod record;
mod settings;
mod worker;

pub use agents::Agents;
pub use event::Event;
pub use log::{Entry, OUTPUT_KEPT_MAX, What};
pub use record::{Record, Trace};
pub use settings::Settings;
