//! What this machine has: programs, directories, devices, file systems, listeners, room.
//!
//! Looks and changes nothing. What it looks at can hang with its disk or its server, so
//! nothing here belongs on a thread that must go on.

use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::account::Account;

/// Where the system keeps its tools.
const TOOL_DIRECTORIES: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// The kernel reads no more of a script's first line.
const FIRST_LINE_MAX: u64 = 256;

/// How something is that was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It can be used.
    Fine,
    /// Nothing is there.
    Nothing,
    /// It cannot be used as it is: `is a directory`.
    Unsuitable(String),
}

/// Owner, group and permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ownership {
    /// Number of the owner.
    pub user: u32,
    /// Number of the group.
    pub group: u32,
    /// Permissions, with the sticky bit and its like.
    pub mode: u32,
}

/// Whether an account may do with a file what `bit` says (4 read, 2 write, 1 execute).
fn may(account: Option<&Account>, data: &std::fs::Metadata, bit: u32) -> bool {
    let Some(account) = account.filter(|account| account.user != 0) else {
        // Root may search every directory, and execute what anybody may.
        return data.is_dir() || bit != 1 || data.mode() & 0o111 != 0;
    };
    let shift = if data.uid() == account.user {
        6
    } else if data.gid() == account.group || account.groups.contains(&data.gid()) {
        3
    } else {
        0
    };
    data.mode() >> shift & bit == bit
}

/// Whether a program is there and `account` (root without) may execute it. A script needs the
/// program of its first line as well.
#[must_use]
pub fn program(path: &Path, account: Option<&Account>) -> Found {
    let who = match account {
        Some(account) => format!("account {}", account.user),
        None => "root".into(),
    };
    let data = match std::fs::metadata(path) {
        Ok(data) => data,
        Err(error) if is_absence(&error) => return Found::Nothing,
        Err(error) => return Found::Unsuitable(format!("cannot be looked at ({error})")),
    };
    if data.is_dir() {
        return Found::Unsuitable("is a directory".into());
    }
    if !data.is_file() {
        return Found::Unsuitable("is no file".into());
    }
    for directory in path.ancestors().skip(1) {
        let is_closed = std::fs::metadata(directory).is_ok_and(|data| !may(account, &data, 1));
        if is_closed {
            return Found::Unsuitable(format!(
                "lies below {}, where {who} may not enter,",
                directory.display()
            ));
        }
    }
    if !may(account, &data, 1) {
        return Found::Unsuitable(format!("may not be executed by {who}"));
    }
    match interpreter(path) {
        Some(other) if !other.exists() => {
            Found::Unsuitable(format!("needs {}, which is not there,", other.display()))
        }
        Some(_) | None => Found::Fine,
    }
}

fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// The program that the first line of a script names.
fn interpreter(path: &Path) -> Option<PathBuf> {
    let mut first = Vec::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(FIRST_LINE_MAX).read_to_end(&mut first).ok()?;
    let line = first
        .strip_prefix(b"#!")?
        .split(|byte| *byte == b'\n')
        .next()?;
    let line = std::str::from_utf8(line).ok()?;
    Some(PathBuf::from(line.split_whitespace().next()?))
}

/// Whether a tool of this name is where the system keeps its tools.
#[must_use]
pub fn tool(name: &str) -> Found {
    let paths = TOOL_DIRECTORIES
        .iter()
        .map(|directory| Path::new(directory).join(name));
    let mut best = Found::Nothing;
    for path in paths {
        match program(&path, None) {
            Found::Fine => return Found::Fine,
            Found::Nothing => {}
            unsuitable @ Found::Unsuitable(_) => best = unsuitable,
        }
    }
    best
}

/// Whose a directory is.
///
/// # Errors
/// `Nothing`, or why it is no directory that can be used.
pub fn directory(path: &Path) -> Result<Ownership, Found> {
    match std::fs::metadata(path) {
        Ok(data) if data.is_dir() => Ok(Ownership {
            user: data.uid(),
            group: data.gid(),
            mode: data.mode() & 0o7777,
        }),
        Ok(_) => Err(Found::Unsuitable("is no directory".into())),
        Err(error) if is_absence(&error) => Err(Found::Nothing),
        Err(error) => Err(Found::Unsuitable(format!("cannot be looked at ({error})"))),
    }
}

/// Whether a path leads to a block device, or to a file that can be used as one.
#[must_use]
pub fn device(path: &Path) -> Found {
    match std::fs::metadata(path) {
        Ok(data) if data.file_type().is_block_device() || data.is_file() => Found::Fine,
        Ok(data) if data.is_dir() => Found::Unsuitable("is a directory".into()),
        Ok(_) => Found::Unsuitable("is no block device".into()),
        Err(error) if is_absence(&error) => Found::Nothing,
        Err(error) => Found::Unsuitable(format!("cannot be looked at ({error})")),
    }
}

/// Whether the kernel knows a file system, or has a module for it.
#[must_use]
pub fn filesystem(name: &str) -> Found {
    // `fuse.sshfs` is one of many that the kernel knows as `fuse`.
    let kernel_name = name.split('.').next().unwrap_or(name);
    let known = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    let is_known = |line: &str| line.split_whitespace().last() == Some(kernel_name);
    if known.lines().any(is_known) || has_module(kernel_name) {
        return Found::Fine;
    }
    Found::Nothing
}

fn has_module(filesystem: &str) -> bool {
    let uname = rustix::system::uname();
    let modules = Path::new("/lib/modules").join(uname.release().to_string_lossy().as_ref());
    let read = |file: &str| std::fs::read_to_string(modules.join(file)).unwrap_or_default();
    let (alias, object) = (
        format!("alias fs-{filesystem} "),
        format!("/{filesystem}.ko"),
    );
    read("modules.alias").contains(&alias)
        || read("modules.dep").lines().any(|line| {
            let module = line.split(':').next().unwrap_or_default();
            module.contains(&object)
        })
        || read("modules.builtin").contains(&object)
}

/// Where somebody listens for TCP connections.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn listeners() -> io::Result<Vec<SocketAddr>> {
    let mut all = listeners_in(&std::fs::read_to_string("/proc/net/tcp")?);
    // Without IPv6 there is no such file.
    let six = std::fs::read_to_string("/proc/net/tcp6").unwrap_or_default();
    all.extend(listeners_in(&six));
    Ok(all)
}

/// The state of a socket that listens, as the kernel writes it.
const LISTENING: &str = "0A";

fn listeners_in(table: &str) -> Vec<SocketAddr> {
    let lines = table.lines().skip(1);
    let listening = lines.filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (at, state) = (words.get(1)?, words.get(3)?);
        (*state == LISTENING).then(|| socket_address(at)).flatten()
    });
    listening.collect()
}

/// Reads `0100007F:0050`: words of 32 bits in the byte order of the machine.
fn socket_address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let mut bytes = Vec::new();
    for at in (0..ip.len()).step_by(8) {
        let word = u32::from_str_radix(ip.get(at..at + 8)?, 16).ok()?;
        bytes.extend_from_slice(&word.to_ne_bytes());
    }
    let ip = match bytes.len() {
        4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        16 => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)),
        _ => return None,
    };
    Some(SocketAddr::new(ip.to_canonical(), port))
}

/// Whether a listener at `one` keeps another from listening at `other`.
#[must_use]
pub fn collides(one: SocketAddr, other: SocketAddr) -> bool {
    let is_any = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && (is_any || one.ip() == other.ip())
}

/// Bytes that can still be written below a directory.
///
/// # Errors
/// When it cannot be looked at.
pub fn room(directory: &Path) -> io::Result<u64> {
    let space = rustix::fs::statvfs(directory)?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn account(user: u32, group: u32) -> Account {
        Account {
            user,
            group,
            groups: vec![group],
            home: "/".into(),
        }
    }

    fn script(directory: &Path, mode: u32, text: &str) -> PathBuf {
        let path = directory.join("script");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_program_is_judged_by_who_shall_execute_it() {
        assert_eq!(program(Path::new("/bin/sh"), None), Found::Fine);
        assert_eq!(
            program(Path::new("/bin/sh"), Some(&account(12, 34))),
            Found::Fine
        );
        assert_eq!(program(Path::new("/no/such"), None), Found::Nothing);
        assert_eq!(
            program(Path::new("/bin"), None),
            Found::Unsuitable("is a directory".into())
        );
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = script(directory.path(), 0o644, "#!/bin/sh\n");
        assert_eq!(
            program(&path, None),
            Found::Unsuitable("may not be executed by root".into())
        );
        let path = script(directory.path(), 0o700, "#!/bin/sh\n");
        assert_eq!(program(&path, None), Found::Fine);
        assert_eq!(
            program(&path, Some(&account(12, 34))),
            Found::Unsuitable("may not be executed by account 12".into())
        );
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let closed = program(&path, Some(&account(12, 34)));
        assert!(
            matches!(&closed, Found::Unsuitable(how) if how.contains("may not enter")),
            "{closed:?}"
        );
    }

    #[test]
    fn a_script_needs_what_its_first_line_names() {
        let directory = tempfile::tempdir().unwrap();
        let path = script(directory.path(), 0o755, "#! /usr/bin/no-such -x\n");
        assert_eq!(
            program(&path, None),
            Found::Unsuitable("needs /usr/bin/no-such, which is not there,".into())
        );
    }

    #[test]
    fn a_listener_is_found_and_stands_in_the_way_of_its_own_port_only() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let at = socket.local_addr().unwrap();
        assert!(listeners().unwrap().contains(&at));
        let any: SocketAddr = format!("0.0.0.0:{}", at.port()).parse().unwrap();
        let other: SocketAddr = format!("127.0.0.2:{}", at.port()).parse().unwrap();
        assert!(collides(at, any) && collides(any, at) && collides(at, at));
        assert!(!collides(at, other));
        drop(socket);
        assert!(!listeners().unwrap().contains(&at));
    }

    #[test]
    fn a_table_of_the_kernel_is_read() {
        let table = "  sl  local_address rem_address   st\n\
            0: 0100007F:0050 00000000:0000 0A 00000000:00000000\n\
            1: 0100007F:0051 0100007F:0052 01 00000000:00000000\n";
        if cfg!(target_endian = "little") {
            assert_eq!(listeners_in(table), ["127.0.0.1:80".parse().unwrap()]);
        }
        assert_eq!(listeners_in("nothing\n\u{e9}\n"), []);
    }

    #[test]
    fn the_kernel_knows_tmpfs_and_nobody_knows_nonsense() {
        assert_eq!(filesystem("tmpfs"), Found::Fine);
        assert_eq!(filesystem("no-such-filesystem"), Found::Nothing);
        assert_eq!(tool("sh"), Found::Fine);
        assert_eq!(tool("fsck.no-such-filesystem"), Found::Nothing);
        assert!(0 < room(Path::new("/proc")).map_or(1, |room| room + 1));
    }
}
