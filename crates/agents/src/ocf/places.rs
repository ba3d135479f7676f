//! Where resource agents are, and what they are told of their surroundings.

use std::path::PathBuf;

/// Where resource agents are, and what they are told of their surroundings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentPlaces {
    /// What the cluster calls this node.
    pub node: String,
    /// `OCF_ROOT`: agents lie in `resource.d/PROVIDER/TYPE` below it.
    pub ocf_root: PathBuf,
    /// Where init scripts lie.
    pub init_dir: PathBuf,
    /// The program that answers when agents call a cluster manager's commands (`crm_master`
    /// and others), by the name that it is called with; `None`: nobody does.
    pub program: Option<PathBuf>,
    /// The socket at which that program asks.
    pub socket: PathBuf,
}

impl Default for AgentPlaces {
    /// As on Debian, without a program.
    fn default() -> Self {
        Self {
            node: "localhost".to_owned(),
            ocf_root: PathBuf::from("/usr/lib/ocf"),
            init_dir: PathBuf::from("/etc/init.d"),
            program: None,
            socket: PathBuf::new(),
        }
    }
}
