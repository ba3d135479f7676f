//! The kernel of the virtual machine: Debian's, unpacked and not installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{at, place};
use crate::run::{Failure, output_of, run};

/// Depends on the kernel of this release of Debian.
const NEWEST: &str = "linux-image-amd64";
/// A kernel without it cannot take the host's files; those for clouds have none.
const NEEDED: &str = "kernel/fs/9p/9p.ko";

/// A kernel and its modules.
pub(super) struct Kernel {
    /// As `uname -r` prints it.
    pub(super) release: String,
    /// The file to boot.
    pub(super) image: PathBuf,
    /// What contains `lib/modules`.
    pub(super) root: PathBuf,
}

impl Kernel {
    /// Where its modules are.
    pub(super) fn modules(&self) -> PathBuf {
        self.root.join("lib/modules").join(&self.release)
    }
}

/// The kernel that was unpacked before, or Debian's newest.
///
/// # Errors
/// When it cannot be had.
pub(super) fn find() -> Result<Kernel, Failure> {
    if !cfg!(target_arch = "x86_64") {
        return Err("the virtual machine is one of x86-64 only".to_owned());
    }
    let unpacked = place().join("kernel");
    if let Some(kernel) = in_root(&unpacked) {
        return Ok(kernel);
    }
    fetch(&unpacked)?;
    let kernel = in_root(&unpacked);
    kernel.ok_or_else(|| format!("{NEWEST} has no kernel with {NEEDED}"))
}

/// What is complete there: `depmod` is what comes last.
fn in_root(unpacked: &Path) -> Option<Kernel> {
    let releases = fs::read_dir(unpacked.join("lib/modules")).ok()?.flatten();
    let names = releases.filter_map(|entry| entry.file_name().into_string().ok());
    let kernels = names.map(|release| Kernel {
        image: unpacked.join("boot").join(format!("vmlinuz-{release}")),
        root: unpacked.to_owned(),
        release,
    });
    let is_complete = |kernel: &Kernel| {
        let modules = kernel.modules();
        let parts = [modules.join("modules.dep"), modules.join(NEEDED)];
        kernel.image.is_file() && parts.iter().all(|part| part.is_file())
    };
    kernels
        .filter(is_complete)
        .max_by(|one, other| one.release.cmp(&other.release))
}

fn fetch(unpacked: &Path) -> Result<(), Failure> {
    let package = match newest() {
        Some(package) => package,
        // The lists of packages may never have been fetched on this machine.
        None => {
            run("apt-get", &["update", "-q"])?;
            newest().ok_or_else(|| {
                format!("apt knows no {NEWEST}: the virtual machine needs Debian's kernel")
            })?
        }
    };
    let parent = place();
    // What an earlier try left is not complete.
    let _ = fs::remove_dir_all(unpacked);
    let archives = parent.join("archives");
    let _ = fs::remove_dir_all(&archives);
    fs::create_dir_all(&archives).map_err(at(&archives))?;
    println!("fetching {package}");
    let status = Command::new("apt-get")
        .args(["download", "-q", &package])
        .current_dir(&archives)
        .stdin(Stdio::null())
        .status();
    if !status.is_ok_and(|status| status.success()) {
        return Err(format!("{package} cannot be fetched"));
    }
    let mut files = fs::read_dir(&archives).map_err(at(&archives))?.flatten();
    let archive = files.next().map(|entry| entry.path());
    let archive = archive.ok_or_else(|| format!("{package} was not fetched"))?;
    let text = |path: &Path| path.to_string_lossy().into_owned();
    run("dpkg", &["-x", &text(&archive), &text(unpacked)])?;
    fs::remove_dir_all(&archives).map_err(at(&archives))?;
    let release = package.trim_start_matches("linux-image-");
    run("/sbin/depmod", &["-b", &text(unpacked), release])
}

/// The package that has the newest kernel.
fn newest() -> Option<String> {
    let said = output_of("apt-cache", &["depends", NEWEST])?;
    let mut depends = said
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: "));
    depends
        .find(|name| name.starts_with("linux-image-"))
        .map(str::to_owned)
}
