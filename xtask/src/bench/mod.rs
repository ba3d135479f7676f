//! `cargo xtask bench`: the figures of docs/promises.md.

mod cluster;
mod failover;
mod figures;
mod idle;
mod notice;
mod planner;
mod scale;
mod what_if;
mod witness;

use clap::{Args, Subcommand, ValueEnum};

use crate::run::Failure;

#[derive(Subcommand)]
pub enum Bench {
    /// How long nobody answers: process killed, power lost, cables cut, planned move.
    Failover(FailoverArguments),
    /// What a cluster at rest costs: processor, memory, packets.
    Idle(IdleArguments),
    /// How soon the end of each kind of resource is noticed, and mended.
    Notice(NoticeArguments),
    /// What a witness of many clusters costs: memory, processor.
    Witness(WitnessArguments),
    /// How long one plan takes, by size and state of the cluster.
    Planner(PlannerArguments),
    /// How long every single and every double failure takes to play ahead.
    WhatIf(WhatIfArguments),
    /// Both by cluster size, and clusters of 48 and 64 in the simulator.
    Scale(ScaleArguments),
}

#[derive(Args)]
pub struct FailoverArguments {
    /// Runs of each scenario.
    #[arg(long, default_value_t = 20)]
    pub runs: u32,
    /// Timings of the cluster.
    #[arg(long, value_enum, default_value_t = Profile::Default)]
    pub profile: Profile,
    /// One JSON object per run instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Only this scenario.
    #[arg(long, value_enum)]
    pub scenario: Option<failover::Scenario>,
}

#[derive(Args)]
pub struct NoticeArguments {
    /// Failures of each kind.
    #[arg(long, default_value_t = 11)]
    pub runs: u32,
    /// One JSON object per failure instead of a table of medians.
    #[arg(long)]
    pub json: bool,
    /// Only this kind.
    #[arg(long)]
    pub kind: Option<String>,
    /// Exports and volume groups, which need more of a kernel than this machine's may have: in a
    /// virtual machine under Debian's (`cargo xtask vm`).
    #[arg(long)]
    pub vm: bool,
    /// This is that virtual machine.
    #[arg(long, hide = true)]
    pub in_vm: bool,
}

#[derive(Args)]
pub struct IdleArguments {
    /// How long to watch, in seconds.
    #[arg(long, default_value_t = 30)]
    pub seconds: u64,
    /// One JSON object per node instead of a table.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct WitnessArguments {
    /// Clusters of two nodes.
    #[arg(long, default_value_t = 100)]
    pub clusters: u64,
    /// How long to watch, in seconds.
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct WhatIfArguments {
    /// One JSON object per cluster instead of a table.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct ScaleArguments {
    /// Numbers of nodes, in the laboratory.
    #[arg(long, value_delimiter = ',', default_value = "2,3,4,8,16,32")]
    pub sizes: Vec<usize>,
    /// Numbers of nodes, in the simulator.
    #[arg(long, value_delimiter = ',', num_args(0..), default_value = "48,64")]
    pub simulated: Vec<usize>,
    /// Power losses for each size; every other one hits the leader.
    #[arg(long, default_value_t = 5)]
    pub runs: u32,
    /// How long to watch each cluster at rest, in seconds.
    #[arg(long, default_value_t = 15)]
    pub seconds: u64,
    /// One JSON object per size instead of a table.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct PlannerArguments {
    /// Sizes, each as RESOURCESxNODES.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "1000x3,1000x8,1000x32,5000x3,5000x8,10000x64"
    )]
    pub sizes: Vec<String>,
    /// Time this too, on the same clusters, and print how many times as long it takes.
    #[arg(long, value_enum)]
    pub against: Option<Peer>,
    /// One JSON object per size and state instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// A planner to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Peer {
    /// Pacemaker's simulator (Debian: pacemaker-cli-utils).
    #[value(name = "crm_simulate")]
    CrmSimulate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// What a cluster has when nothing is said.
    Default,
    /// For quiet networks.
    Fast,
}

impl Profile {
    /// As in the configuration and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Fast => "fast",
        }
    }
}

pub fn run(which: &Bench) -> Result<(), Failure> {
    match which {
        Bench::Failover(arguments) => failover::run(arguments),
        Bench::Idle(arguments) => idle::run(arguments),
        Bench::Notice(arguments) => notice::run(arguments),
        Bench::Planner(arguments) => planner::run(arguments),
        Bench::Scale(arguments) => scale::run(arguments),
        Bench::WhatIf(arguments) => what_if::run(arguments),
        Bench::Witness(arguments) => witness::run(arguments),
    }
}
