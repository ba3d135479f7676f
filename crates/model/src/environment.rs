//! What a node is asked about itself, and what it tells: programs, accounts, directories,
//! devices, cards, addresses, the clock, space.
//!
//! The question says what is looked at, never what would be right; a fact says what is
//! there, never whether that will do. Comparing them is the business of `config`.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::operation::ResourceAddress;
use crate::reload::AgentReload;
use crate::spec::{AgentSpec, MountSource};
use crate::time::WallTime;
use crate::{CardName, duration};

/// Something that a node is asked about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// Whether a program is there and can be executed.
    Program {
        /// Absolute path.
        path: String,
        /// By whom; root without.
        user: Option<String>,
    },
    /// Whether a tool is found where the system keeps its own.
    Tool {
        /// Its name, like `fsck.ext4`.
        name: String,
    },
    /// The numbers of an account.
    Account {
        /// Its name.
        name: String,
    },
    /// Whether something is a directory.
    Directory {
        /// Absolute path.
        path: String,
    },
    /// Whose a directory is on which something shall be mounted, and what is mounted there.
    MountPoint {
        /// Absolute path.
        target: String,
        /// What shall be mounted: found there already, it is no stranger.
        source: MountSource,
    },
    /// Whether something is a block device, or a file that can be used as one.
    Device {
        /// Absolute path.
        path: String,
    },
    /// Whether a path leads to anything at all.
    Path {
        /// Absolute path.
        path: String,
    },
    /// Whether the kernel knows a file system, by itself or by a module.
    Filesystem {
        /// Its type.
        name: String,
    },
    /// Whether a card is there, and how it is.
    Card {
        /// Its name.
        name: CardName,
    },
    /// On which card one of the node's own addresses is.
    OwnAddress {
        /// Which.
        address: IpAddr,
    },
    /// Whether somebody has the address of a service.
    Address {
        /// Which.
        address: IpNet,
        /// The cards on which it may be; none: those of its subnet.
        cards: Vec<CardName>,
        /// How long to listen for another owner.
        #[serde(with = "duration")]
        wait: Duration,
    },
    /// Whether somebody listens for TCP connections there.
    Port {
        /// Where.
        at: SocketAddr,
    },
    /// Whether a resource agent would do with what a resource tells it (OCF: `validate-all`).
    Agent {
        /// Which resource.
        address: ResourceAddress,
        /// The agent and its parameters.
        agent: AgentSpec,
    },
    /// What an OCF agent says of reloads.
    AgentReload {
        /// Which: `ocf:PROVIDER:TYPE`.
        agent: String,
    },
    /// Whether a fence agent is there and can be executed.
    FenceAgent {
        /// Name or absolute path.
        agent: String,
    },
    /// Whether a name leads to an address.
    HostName {
        /// The name.
        name: String,
    },
    /// What the wall clock shows.
    Clock,
    /// How much room there is where the daemon writes.
    Space,
    /// The hardware addresses of all cards: by them others tell neighbours from strangers.
    HardwareAddresses,
    /// Whether its kernel refuses packets to a closed port often enough.
    Refusals,
    /// Whether a file is there and can be read.
    File {
        /// Absolute path.
        path: String,
    },
    /// The number of a group.
    Group {
        /// Its name.
        name: String,
    },
    /// Whether systemd has a unit and would start it when told to.
    Unit {
        /// Its full name.
        name: String,
    },
}

/// What a node tells in answer to one question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fact {
    /// It is there, and nothing stands against it.
    Fine,
    /// It is not there.
    Missing,
    /// It is there and cannot be used as it is: why, in words.
    Unsuitable(String),
    /// It is there, and may not do as it is: why, in words.
    Doubtful(String),
    /// An account.
    Account {
        /// Number of the user.
        user: u32,
        /// Number of its first group.
        group: u32,
    },
    /// A directory.
    Directory {
        /// Number of its owner.
        user: u32,
        /// Number of its group.
        group: u32,
        /// Its permissions.
        mode: u32,
    },
    /// Somebody else has it: who, in words.
    Taken(String),
    /// A neighbour has it.
    TakenBy {
        /// Its hardware address.
        neighbour: String,
    },
    /// It is on this card.
    On(String),
    /// The wall clock, at the moment of the answer.
    Time(WallTime),
    /// Bytes that can still be written, by directory.
    Space(Vec<(String, u64)>),
    /// Hardware addresses.
    Cards(Vec<String>),
    /// What an agent can reload.
    Reload(AgentReload),
    /// It cannot be told: why, in words.
    Unknown(String),
    /// A group.
    Group {
        /// Its number.
        group: u32,
    },
}

/// What one node told of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// One fact for each question, in their order.
    Facts {
        /// The facts.
        facts: Vec<Fact>,
        /// By how much the node's wall clock is ahead of that of whoever asks, in
        /// milliseconds, and how wrong that may be.
        ahead: (i64, u64),
    },
    /// Nothing: why, in words.
    Nothing(String),
}
