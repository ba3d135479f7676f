//! The commands of a cluster manager that agents call: links to one program of ours.

use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// The names under which agents call a cluster manager.
pub const TOOLS: [&str; 12] = [
    "attrd_updater",
    "cibadmin",
    "cl_status",
    "crm_attribute",
    "crm_failcount",
    "crm_master",
    "crm_mon",
    "crm_node",
    "crm_resource",
    "crm_standby",
    "ha_logger",
    "pacemakerd",
];

/// The directory of the links.
pub(crate) fn tools_dir(run_dir: &Path) -> PathBuf {
    run_dir.join("agent-tools")
}

/// Makes the links, or lets them point to another program than the last daemon's.
pub(crate) fn make(run_dir: &Path, program: &Path) -> io::Result<()> {
    let dir = tools_dir(run_dir);
    std::fs::create_dir_all(&dir)?;
    for tool in TOOLS {
        let link = dir.join(tool);
        if std::fs::read_link(&link).is_ok_and(|target| target == program) {
            continue;
        }
        // An agent of the last daemon may be calling it now: it is never missing.
        let new = dir.join(format!(".{tool}.new"));
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        symlink(program, &new)?;
        std::fs::rename(&new, &link)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_made_once_and_follow_the_program() {
        let dir = tempfile::tempdir().unwrap();
        for program in ["/old/mainstay", "/old/mainstay", "/new/mainstay"] {
            make(dir.path(), Path::new(program)).unwrap();
            for tool in TOOLS {
                let link = tools_dir(dir.path()).join(tool);
                assert_eq!(std::fs::read_link(link).unwrap(), Path::new(program));
            }
        }
        let entries = std::fs::read_dir(tools_dir(dir.path())).unwrap();
        assert_eq!(entries.count(), TOOLS.len());
    }
}
