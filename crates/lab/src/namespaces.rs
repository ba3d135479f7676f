//! Starts processes in namespaces of their own, and furnishes those.
//!
//! Only single-threaded processes may call [`launch`]: it makes a copy of the process, and of
//! a lock that another thread holds there would be no owner.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_bind, mount_change};
use rustix::process::Pid;

/// Namespaces of a machine. A lab has the same set of its own, and a user namespace when the
/// caller is not root.
pub(crate) const MACHINE: i32 = libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC;

/// A process to start.
pub(crate) struct Launch<'a> {
    /// Namespaces to make: flags of clone.
    pub(crate) namespaces: i32,
    /// Arguments after the program's name; the program is this one.
    pub(crate) role: &'a [&'a str],
    /// Changes to the environment.
    pub(crate) environment: &'a BTreeMap<String, String>,
    /// Become descriptors 3, 4, … there. All others that are marked close-on-exec are closed.
    pub(crate) fds: &'a [BorrowedFd<'a>],
}

/// The lowest descriptor of the copies that are made on the way; above all targets.
const FD_ASIDE: RawFd = 64;

struct Prepared {
    path: CString,
    argv: Vec<*const libc::c_char>,
    envp: Vec<*const libc::c_char>,
    fds: Vec<RawFd>,
    maps: Option<[(CString, String); 3]>,
}

fn strings(items: impl Iterator<Item = Vec<u8>>) -> io::Result<Vec<CString>> {
    Ok(items.map(CString::new).collect::<Result<_, _>>()?)
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings
        .iter()
        .map(|s| s.as_ptr())
        .chain([std::ptr::null()])
        .collect()
}

fn environment(changes: &BTreeMap<String, String>) -> io::Result<Vec<CString>> {
    let kept = std::env::vars_os()
        .filter(|(key, _)| {
            // The keeper's charge is no business of the machines.
            key.to_str()
                .is_none_or(|key| key != crate::janitor::CHARGE && !changes.contains_key(key))
        })
        .map(|(key, value)| [key.into_vec(), vec![b'='], value.into_vec()].concat());
    let new = changes
        .iter()
        .map(|(key, value)| format!("{key}={value}").into_bytes());
    strings(kept.chain(new))
}

fn identity_maps() -> io::Result<[(CString, String); 3]> {
    let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
    Ok([
        (CString::new("/proc/self/setgroups")?, "deny".to_string()),
        (
            CString::new("/proc/self/uid_map")?,
            format!("0 {} 1", uid.as_raw()),
        ),
        (
            CString::new("/proc/self/gid_map")?,
            format!("0 {} 1", gid.as_raw()),
        ),
    ])
}

/// Starts this program again, in new namespaces, with another role.
pub(crate) fn launch(launch: &Launch<'_>) -> io::Result<Pid> {
    let name = [b"mainstay".to_vec()];
    let role = launch.role.iter().map(|word| word.as_bytes().to_vec());
    let argv = strings(name.into_iter().chain(role))?;
    let envp = environment(launch.environment)?;
    let maps = match launch.namespaces & libc::CLONE_NEWUSER {
        0 => None,
        _ => Some(identity_maps()?),
    };
    let prepared = Prepared {
        path: CString::new("/proc/self/exe")?,
        argv: pointers(&argv),
        envp: pointers(&envp),
        fds: launch.fds.iter().map(AsRawFd::as_raw_fd).collect(),
        maps,
    };
    let flags = libc::c_long::from(launch.namespaces | libc::SIGCHLD);
    // SAFETY: without CLONE_VM and with a null stack this is fork: the child gets a copy of
    // everything. It has one thread (the contract of this module) and only makes system calls
    // on data prepared above until it becomes another program or exits.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    match pid {
        0 => become_role(&prepared),
        pid if pid < 0 => Err(io::Error::last_os_error()),
        pid => {
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
            pid.ok_or_else(|| io::Error::other("clone gave no process number"))
        }
    }
}

/// In the child, where nothing may be allocated. Never returns.
fn become_role(prepared: &Prepared) -> ! {
    // SAFETY: system calls on valid descriptors and on pointers into `prepared`, which lives
    // until execve replaces the process; the arrays end with a null pointer.
    unsafe {
        if let Some(maps) = &prepared.maps {
            for (path, text) in maps {
                let fd = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
                if libc::write(fd, text.as_ptr().cast(), text.len()) < 0 {
                    libc::_exit(126);
                }
                libc::close(fd);
            }
        }
        let mut aside = [0; 8];
        for (slot, fd) in aside.iter_mut().zip(&prepared.fds) {
            *slot = libc::fcntl(*fd, libc::F_DUPFD_CLOEXEC, FD_ASIDE);
        }
        for (place, fd) in (3..).zip(aside.iter().take(prepared.fds.len())) {
            if libc::dup2(*fd, place) < 0 {
                libc::_exit(126);
            }
        }
        libc::setsid();
        libc::execve(
            prepared.path.as_ptr(),
            prepared.argv.as_ptr(),
            prepared.envp.as_ptr(),
        );
        libc::_exit(127)
    }
}

/// Takes descriptor `number`, which `launch` put there.
pub(crate) fn inherited(number: RawFd) -> io::Result<std::os::fd::OwnedFd> {
    use std::os::fd::FromRawFd;
    // SAFETY: `fcntl` only looks whether the descriptor is open, and marks it.
    if unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is open, and by the convention of `launch` it belongs to whoever asks first;
    // each role asks once for each number, before it opens anything.
    Ok(unsafe { std::os::fd::OwnedFd::from_raw_fd(number) })
}

/// Waits until `pid`, a child, and its whole process namespace have ended.
pub(crate) fn reap(pid: Pid, limit: std::time::Duration) -> io::Result<()> {
    use rustix::process::{PidfdFlags, WaitOptions, pidfd_open, waitpid};
    use std::os::fd::AsFd;
    let ended = pidfd_open(pid, PidfdFlags::empty())?;
    crate::channel::wait_readable(ended.as_fd(), limit)?;
    waitpid(Some(pid), WaitOptions::empty())?;
    Ok(())
}

fn no_programs() -> MountFlags {
    MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC
}

/// Keeps mounts from spreading to where they came from, and shows the processes of this
/// process namespace in `/proc`.
pub(crate) fn private_proc() -> io::Result<()> {
    mount_change(
        "/",
        MountPropagationFlags::REC | MountPropagationFlags::PRIVATE,
    )?;
    mount("proc", "/proc", "proc", no_programs(), None)?;
    Ok(())
}

/// What a machine has in addition: an empty `/run`, and an id of its boot.
pub(crate) fn furnish(boot_id: &Path) -> io::Result<()> {
    private_proc()?;
    let mode = c"mode=0755";
    mount(
        "tmpfs",
        "/run",
        "tmpfs",
        MountFlags::NOSUID | MountFlags::NODEV,
        Some(mode),
    )?;
    mount_bind(boot_id, "/proc/sys/kernel/random/boot_id")?;
    Ok(())
}
