//! The virtual machine: its initial memory, and its one run.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};

use super::kernel::Kernel;
use super::{at, place};
use crate::run::{Failure, output_of};

/// Loaded in the initial memory, each with those that it needs: what the host's files need.
const FIRST_MODULES: [&str; 4] = ["virtio_pci", "9pnet_virtio", "9p", "overlay"];
const INIT_FIRST: &str = include_str!("init-first.sh");
const INIT_SECOND: &str = include_str!("init-second.sh");
/// What the second program prints at its end, before the result.
const ENDED: &str = "vm: ended with ";
/// How the virtual machine's processors are made; `kvm` is faster, where it works.
const ACCELERATION: &str = "MAINSTAY_VM_ACCEL";

/// What is done in the machine.
pub(super) enum Work {
    /// These scenarios are played by the laboratory.
    Scenarios(Vec<PathBuf>),
    /// A shell command.
    Command(String),
}

/// Boots the machine, lets it work, and waits for its end.
///
/// # Errors
/// When it does not boot, when its work failed, or when that took too long.
pub(super) fn run(
    kernel: &Kernel,
    binary: &Path,
    work: &Work,
    limit_seconds: u32,
) -> Result<(), Failure> {
    let dir = place().join(format!("run-{}", std::process::id()));
    fs::create_dir_all(&dir).map_err(at(&dir))?;
    let memory = dir.join("initial-memory");
    let result = lay_out(&dir.join("tree"), kernel, binary, work)
        .and_then(|()| pack(&dir.join("tree"), &memory))
        .and_then(|()| boot(kernel, &memory, limit_seconds));
    fs::remove_dir_all(&dir).map_err(at(&dir))?;
    result
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(at(path))?;
    fs::set_permissions(path, Permissions::from_mode(0o755)).map_err(at(path))
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::copy(from, to).map(|_| ()).map_err(at(from))
}

/// The files of the initial memory.
fn lay_out(tree: &Path, kernel: &Kernel, binary: &Path, work: &Work) -> Result<(), Failure> {
    for inner in ["bin", "dev", "host", "memory", "modules", "root", "vm/bin"] {
        fs::create_dir_all(tree.join(inner)).map_err(at(tree))?;
    }
    copy(&find_busybox()?, &tree.join("bin/busybox"))?;
    write(&tree.join("init"), INIT_FIRST)?;
    write(&tree.join("vm/init-second"), INIT_SECOND)?;
    let mut order = String::new();
    for module in first_modules(kernel)? {
        let name = module.file_name().unwrap_or_default();
        copy(&module, &tree.join("modules").join(name))?;
        order += &format!("{}\n", name.to_string_lossy());
    }
    write(&tree.join("modules/order"), &order)?;
    let modules = fs::canonicalize(kernel.modules()).map_err(at(&kernel.modules()))?;
    write(&tree.join("vm/modules"), &modules.to_string_lossy())?;
    let program = tree.join("vm/bin/mainstay");
    copy(binary, &program)?;
    // Less to unpack; it works as it is, too.
    let _ = output_of("strip", &[&program.to_string_lossy()]);
    let command = match work {
        Work::Command(command) => command.clone(),
        Work::Scenarios(scenarios) => {
            let mut command = "mainstay lab run".to_owned();
            for path in scenarios {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                copy(path, &tree.join("vm").join(&*name))?;
                command += &format!(" '{name}'");
            }
            command
        }
    };
    write(&tree.join("vm/command"), &format!("{command}\n"))
}

fn find_busybox() -> Result<PathBuf, Failure> {
    let places = ["/usr/bin/busybox", "/bin/busybox"].map(PathBuf::from);
    let found = places.into_iter().find(|path| path.is_file());
    found.ok_or_else(|| "there is no busybox (Debian package busybox-static)".to_owned())
}

/// The files of the first modules, in the order in which they are loaded.
fn first_modules(kernel: &Kernel) -> Result<Vec<PathBuf>, Failure> {
    let mut files: Vec<PathBuf> = Vec::new();
    for module in FIRST_MODULES {
        let root = kernel.root.to_string_lossy();
        let ask = ["-d", &root, "-S", &kernel.release, "--show-depends", module];
        let said = output_of("/sbin/modprobe", &ask)
            .ok_or_else(|| format!("{} has no module {module}", kernel.release))?;
        let paths = said.lines().filter_map(|line| line.strip_prefix("insmod "));
        for path in paths.map(|path| PathBuf::from(path.trim())) {
            if !files.contains(&path) {
                files.push(path);
            }
        }
    }
    Ok(files)
}

/// Makes the archive that the kernel unpacks.
fn pack(tree: &Path, archive: &Path) -> Result<(), Failure> {
    let script = "find . | busybox cpio --quiet -o -H newc > \"$0\"";
    let status = Command::new("sh")
        .args(["-c", script])
        .arg(archive)
        .current_dir(tree)
        .stdin(Stdio::null())
        .status()
        .map_err(at(archive))?;
    match status.success() {
        true => Ok(()),
        false => Err("the initial memory cannot be packed".to_owned()),
    }
}

fn boot(kernel: &Kernel, memory: &Path, limit_seconds: u32) -> Result<(), Failure> {
    let acceleration = std::env::var(ACCELERATION);
    let acceleration = match acceleration.as_deref() {
        Ok("kvm") => "kvm",
        Ok(_) | Err(_) => "tcg,thread=multi",
    };
    let limit = limit_seconds.to_string();
    let files = "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap";
    // The kernel chooses its clock: told to trust the processor's, it counts wrongly when it was
    // disturbed at the moment at which it measures that.
    let line = "console=ttyS0 quiet panic=-1 no_timer_check";
    let mut child = Command::new("timeout")
        .args(["--foreground", "--kill-after=5", &limit])
        .args(["qemu-system-x86_64", "-accel", acceleration, "-cpu", "max"])
        .args(["-smp", "2", "-m", "2G", "-no-reboot"])
        .args(["-nic", "none", "-display", "none", "-monitor", "none"])
        .args(["-vga", "none", "-serial", "stdio", "-virtfs", files])
        .args(["-append", line, "-kernel"])
        .arg(&kernel.image)
        .arg("-initrd")
        .arg(memory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("the virtual machine cannot be started: {error}"))?;
    let told = child.stdout.take().and_then(tell);
    let status = child.wait().map_err(|error| error.to_string())?;
    match (told.as_deref(), status.code()) {
        (Some("0"), Some(0)) => Ok(()),
        (_, Some(124 | 137)) => Err(format!("not done within {limit} s")),
        (Some(code), _) => Err(format!("it ended with {code}")),
        (None, _) => Err(format!(
            "the virtual machine ended before its work: {status}"
        )),
    }
}

/// Shows what the machine prints; gives how its work ended.
fn tell(output: ChildStdout) -> Option<String> {
    let mut ended = None;
    for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches('\r');
        if let Some(code) = line.strip_prefix(ENDED) {
            ended = Some(code.to_owned());
        }
        println!("{line}");
        // Whoever reads this sees each line as it comes, or does not read any more.
        let _ = std::io::stdout().flush();
    }
    ended
}
