//! The hands that operate resources: addresses, processes, commands, mounts, routes, units of
//! systemd, and what resource agents operate.
//!
//! `Agents` carries out `model::operation::Operation`s and tells by `Event`s how they ended
//! and when something that ran has ended by itself. One task owns each resource: its
//! operations are carried out one after the other; different resources never wait for each
//! other. Nothing here decides what runs where, retries a failed operation or knows other
//! nodes.
//!
//! ```text
//!  execute ──► Agents ──queue──► Worker (one per resource) ──► process │ command
//!                                  │    ▲                      address │ mount │ ocf
//!            Event ◄───────────────┘    └── pidfd, cgroup.events, netlink, mountinfo
//! ```

mod address;
mod agents;
mod awaited;
mod cards;
mod change;
pub mod checks;
mod command;
mod context;
mod event;
mod export;
mod handover;
mod inspect;
mod kept;
mod log;
mod members;
mod mount;
mod note;
pub mod ocf;
mod outside;
mod process;
mod program;
mod ready;
mod record;
mod reload;
mod role;
mod route;
mod settings;
mod systemd;
mod volume_group;
mod worker;

pub use agents::Agents;
pub use event::Event;
pub use kept::{Following, Kept};
pub use log::{Entry, OUTPUT_KEPT_MAX, Place, What};
pub use record::{Record, Trace};
pub use settings::Settings;
