//! Which agents a machine has.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::script::{is_executable, ocf_path};

/// What a machine has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Installed {
    /// OCF agents: provider and type, in order.
    pub ocf: Vec<OcfAgent>,
    /// Init scripts, in order.
    pub lsb: Vec<String>,
}

/// An OCF agent by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct OcfAgent {
    /// Who wrote it, as the directory is called.
    pub provider: String,
    /// What it operates.
    #[serde(rename = "type")]
    pub kind: String,
}

impl OcfAgent {
    /// As a configuration writes it.
    #[must_use]
    pub fn agent(&self) -> String {
        format!("ocf:{}:{}", self.provider, self.kind)
    }
}

/// Looks into the directories of agents. What cannot be read holds none.
#[must_use]
pub fn installed(ocf_root: &Path, init_dir: &Path) -> Installed {
    let mut ocf = Vec::new();
    let agents = ocf_root.join("resource.d");
    for provider in names(&agents) {
        let dir = agents.join(&provider);
        for kind in programs(&dir) {
            let provider = provider.clone();
            ocf.push(OcfAgent { provider, kind });
        }
    }
    ocf.sort();
    let lsb = programs(init_dir);
    Installed { ocf, lsb }
}

fn names(dir: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    // What begins with a point is a leftover of an editor, or hidden by intention.
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

fn programs(dir: &Path) -> Vec<String> {
    let mut names = names(dir);
    names.retain(|name| is_executable(&dir.join(name)));
    names
}

/// The file of an agent as a configuration writes it.
#[must_use]
pub fn path_of(agent: &str, ocf_root: &Path, init_dir: &Path) -> Option<PathBuf> {
    if let Some(script) = agent.strip_prefix("lsb:") {
        return Some(init_dir.join(script));
    }
    let (provider, kind) = agent.strip_prefix("ocf:")?.split_once(':')?;
    Some(ocf_path(ocf_root, provider, kind))
}
