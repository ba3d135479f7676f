//! What some kinds of resources are, in detail: routes, exports, volume groups, and the
//! limits of processes.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::NetworkName;

/// A unit of systemd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemdSpec {
    /// Its full name, like `lighttpd.service`.
    pub unit: String,
}

/// A route in a table of the kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteSpec {
    /// Where it leads; a prefix of length 0 is the default route.
    pub destination: IpNet,
    /// The router; without one, the destination is reached directly on `network`.
    #[serde(default)]
    pub via: Option<IpAddr>,
    /// Through whose cards; without, the card that reaches `via`.
    #[serde(default)]
    pub network: Option<NetworkName>,
    /// In which table; 254 is the main one.
    #[serde(default = "main_table")]
    pub table: u32,
    /// Of several routes to one destination, the lowest number is used.
    #[serde(default)]
    pub metric: u32,
    /// The address that packets on this route are sent from.
    #[serde(default)]
    pub source: Option<IpAddr>,
}

/// The kernel's main table of routes.
pub const MAIN_TABLE: u32 = 254;

fn main_table() -> u32 {
    MAIN_TABLE
}

/// A directory that NFS clients may mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportSpec {
    /// An absolute path.
    pub directory: String,
    /// Who may, as exports(5) writes it: `10.0.0.0/24`, `*.example.org`, `*`.
    pub clients: Vec<String>,
    /// Options of exports(5).
    #[serde(default)]
    pub options: Vec<String>,
}

/// A volume group of LVM that is activated where the service runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeGroupSpec {
    /// Its name.
    pub name: String,
}

/// What a process may use of its machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessLimits {
    /// Files that it may have open.
    #[serde(default)]
    pub open_files: Option<u64>,
    /// Processes that its account may have.
    #[serde(default)]
    pub processes: Option<u64>,
    /// Bytes of a core file.
    #[serde(default)]
    pub core: Option<u64>,
    /// Bytes that it may lock in memory.
    #[serde(default)]
    pub locked_memory: Option<u64>,
    /// Bytes of memory that all its processes may use together.
    #[serde(default)]
    pub memory: Option<u64>,
}

impl ProcessLimits {
    /// What stands for "as much as there is".
    pub const UNLIMITED: u64 = u64::MAX;
}
