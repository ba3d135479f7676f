//! What a node, a witness and a few sectors do when half of the voters are gone
//! (docs/adr/0006-when-half-is-gone.md; the eight rules are those of DESIGN 4).
//!
//! ```text
//!   half     one node of the half that is left: whom to fence, whom to ask, when to force
//!   arbiter  one cluster in the memory of a witness: one vote per lineage
//!   disk     the same vote over sectors of shared storage, and the poison pill
//!   race     which half shoots first
//!   bound    how long a watchdog must be waited out
//! ```
//!
//! Nothing here talks to anybody: facts and times come in, what to do goes out. Nothing here
//! changes the log either; [`half::Output::Force`] asks `raft` to.

#![forbid(unsafe_code)]

pub mod arbiter;
pub mod bound;
pub mod disk;
pub mod half;
pub mod race;
