//! `cargo xtask bench`: the figures of docs/promises.md.

use clap::Subcommand;

use crate::run::Failure;

#[derive(Subcommand)]
pub enum Bench {}

pub fn run(which: &Bench) -> Result<(), Failure> {
    match *which {}
}
