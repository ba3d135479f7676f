//! The hands that operate resources: addresses, processes, commands and mounts.
//!
//! `Agents` carries out `model::operation::Operation`s and tells by `Event`s how they ended
//! and when something that ran has ended by itself. One task owns each resource: its
//! operations are carried out one after the other; different resources never wait for each
//! other. Nothing here decides what runs where, retries a failed operation or knows other
//! nodes.

mod agents;
mod event;
mod record;
mod settings;

pub use agents::Agents;
pub use event::Event;
pub use record::{Record, Trace};
pub use settings::Settings;
