//! The simulator: whole clusters of the very crates that run in production, on machines,
//! disks, wires, power switches and clocks made of numbers.
//!
//! A seed stands for a cluster and a schedule of faults and orders. One event happens at a
//! time, and after each the promises of the design are checked by what really runs and what
//! really is on the disks. The same seed gives the same run.
//!
//! Only hands, disks, network and clocks are made here; every decision is taken by `node`
//! and what is below it. There is no thread, no clock and no I/O in here: who plays many
//! seeds at once is `examples/sim.rs`, which `cargo xtask sim` runs.
//!
//! ```text
//!   schedule (seed ─► setup, acts) ─► World ─► one event ─► a daemon ─► its outputs ─► queue
//!                                       │                                  │
//!                                       └── record: the one log  ◄── promises, after each
//! ```

#![forbid(unsafe_code)]

pub mod act;
mod answers;
mod ballots;
mod by_hand;
pub mod cards;
mod clients;
mod clock;
mod copies;
mod daemons;
mod deeds;
mod disk;
pub mod dogs;
pub mod form;
mod hands;
pub mod linear;
mod live;
mod loads;
mod lockers;
mod machine;
mod mender;
mod outside;
mod pings;
pub mod play;
pub mod promises;
mod queue;
pub mod random;
mod record;
mod reloads;
mod replay;
mod roles;
pub mod scenario;
mod scene;
pub mod schedule;
mod shared;
pub mod shrink;
mod starting;
mod tickets;
pub mod trace;
mod turns;
mod wires;
mod words;
mod world;

pub use disk::{Health, Torn};
pub use wires::Packets;
pub use world::Counts;
