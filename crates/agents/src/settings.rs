//! Where agents keep what they know.

use std::path::PathBuf;

use crate::ocf::AgentPlaces;

/// Where agents keep what they know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Records of what runs (`/run/mainstay`). It must vanish when the machine boots.
    pub run_dir: PathBuf,
    /// Output of operations and processes (`/var/log/mainstay`), bounded per resource.
    pub log_dir: PathBuf,
    /// The cgroup (v2) under which services get theirs; `None`: look for one, and do
    /// without where there is none.
    pub cgroup_root: Option<PathBuf>,
    /// Where resource agents are, and what they are told.
    pub agents: AgentPlaces,
    /// Where the bus listens on which systemd answers, as D-Bus writes it
    /// (`unix:path=/run/...`); `None`: the system's.
    pub systemd_bus: Option<String>,
}
