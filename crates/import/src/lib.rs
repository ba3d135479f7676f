//! Reads the files of other cluster managers.
//!
//! [`cib::read`] turns the state of a Pacemaker cluster (its CIB, as XML) into the words of
//! `planner::arrange`, and says what has no words there.
//!
//! This crate never opens a file, never asks a cluster, and never guesses silently: what it
//! cannot carry over is a note with its place.

#![forbid(unsafe_code)]

pub mod cib;
