//! The machine under our hands: its clocks, cards, processes, cgroups and mounts.
//!
//! Everything here acts at once and decides nothing: what is done, to what and under which
//! limit comes in as arguments. This crate knows Linux; it knows no service, claim or plan.

pub mod account;
pub mod boot;
pub mod cgroup;
pub mod clock;
pub mod files;
pub mod flags;
pub mod frame;
pub mod gateways;
pub mod heartbeat;
pub mod load;
pub mod loops;
pub mod mounts;
pub mod neighbours;
pub mod netlink;
pub mod nfsd;
pub mod ping;
pub mod process;
pub mod refusals;
pub mod routes;
pub mod shared_disk;
pub mod spawn;
pub mod survey;
pub mod watchdog;
mod watched;
