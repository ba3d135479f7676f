//! Starting a program so that it outlives us and inherits nothing from us.
//!
//! The child gets its own session, its cgroup from its first instruction on (clone3(2) with
//! `CLONE_INTO_CGROUP`, which spares the slow migration of a running process), `/dev/null`
//! as input and a file as output: a pipe would break when the daemon ends. It is not told to
//! die with its parent.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};

use crate::account::Account;
use crate::cgroup::Cgroup;
use crate::process::{Kinship, Process};

/// What to start and in which surroundings.
#[derive(Debug)]
pub struct Program<'a> {
    /// Absolute path, then arguments.
    pub argv: &'a [String],
    /// The whole environment.
    pub environment: &'a BTreeMap<String, String>,
    /// Whom it runs as; `None`: as we do.
    pub account: Option<&'a Account>,
    /// What it may use; what is not named stays as it is for us.
    pub limits: &'a [Limit],
    /// Working directory.
    pub directory: &'a Path,
    /// Output and errors are appended there.
    pub output: &'a Path,
    /// Its cgroup; `None`: ours.
    pub cgroup: Option<&'a Cgroup>,
}

/// What the kernel counts for a process (getrlimit(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Files that are open.
    OpenFiles,
    /// Processes of its account.
    Processes,
    /// Bytes of a core file.
    Core,
    /// Bytes that are locked in memory.
    LockedMemory,
}

impl Counted {
    fn number(self) -> u32 {
        match self {
            Self::OpenFiles => libc::RLIMIT_NOFILE,
            Self::Processes => libc::RLIMIT_NPROC,
            Self::Core => libc::RLIMIT_CORE,
            Self::LockedMemory => libc::RLIMIT_MEMLOCK,
        }
    }
}

/// How much of it there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Of what.
    pub counted: Counted,
    /// How much; the highest number is no limit.
    pub most: u64,
}

/// Why a program did not start.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// No program named, or a text with a zero byte in it.
    #[error("`{0}` cannot be an argument, a variable or a path")]
    Text(String),
    /// A file that it needs could not be opened.
    #[error("cannot open {}", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The kernel gave us no new process.
    #[error("cannot make a process for {program}")]
    Fork {
        /// Which program.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The new process could not become the program.
    #[error("cannot {what} {program}")]
    Exec {
        /// Which step failed.
        what: &'static str,
        /// Which program.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// `libc` has it in a type that is too small (linux/sched.h).
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Steps of the child that can fail, as it tells them through its pipe.
const STEPS: [&str; 7] = [
    "make a session for",
    "connect input and output of",
    "enter the cgroup of",
    "change to the account of",
    "enter the working directory of",
    "execute",
    "limit what may be used by",
];

/// All that the child needs, made before it exists: a child of a process with threads may
/// not allocate.
struct Prepared {
    argv: Vec<*const libc::c_char>,
    environment: Vec<*const libc::c_char>,
    directory: CString,
    input: File,
    output: File,
    account: Option<Account>,
    /// Numbers of the kernel, each with the most that is allowed.
    limits: Vec<(u32, libc::rlimit64)>,
    /// Where it must write itself into, when it could not be born in its cgroup.
    procs: Option<File>,
    told: RawFd,
    /// Keeps the texts alive that the pointers point to.
    _texts: Vec<CString>,
}

/// Starts a program and returns when it has been executed. Blocks for as long as the kernel
/// needs to read the file: call it where blocking is allowed, within a tokio runtime.
///
/// # Errors
/// Also when the program cannot be executed: then nothing is left of it.
pub fn spawn(program: &Program<'_>) -> Result<Process, SpawnError> {
    let name = program.argv.first().cloned().unwrap_or_default();
    let fork = |source| SpawnError::Fork {
        program: name.clone(),
        source,
    };
    let (told, teller) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
        .map_err(|error| fork(error.into()))?;
    let mut prepared = prepare(program, teller.as_raw_fd())?;
    let pid = birth(program.cgroup, &mut prepared).map_err(fork)?;
    drop(teller);
    let mut report = Vec::new();
    let read = File::from(told).read_to_end(&mut report);
    match failure(&report) {
        Some((what, source)) => {
            reap(pid);
            Err(SpawnError::Exec {
                what,
                program: name.clone(),
                source,
            })
        }
        None => read
            .and_then(|_| Process::open(pid, Kinship::Child))
            .map_err(fork),
    }
}

fn failure(report: &[u8]) -> Option<(&'static str, io::Error)> {
    let (step, number) = report.split_first()?;
    let number = i32::from_ne_bytes(number.try_into().ok()?);
    let what = STEPS.get(usize::from(*step))?;
    Some((what, io::Error::from_raw_os_error(number)))
}

fn reap(pid: i32) {
    // SAFETY: waitpid with a null status writes nothing.
    unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
}

fn text(text: &str) -> Result<CString, SpawnError> {
    CString::new(text).map_err(|_| SpawnError::Text(text.to_owned()))
}

fn open(path: &Path, options: &std::fs::OpenOptions) -> Result<File, SpawnError> {
    options.open(path).map_err(|source| SpawnError::Open {
        path: path.to_owned(),
        source,
    })
}

fn prepare(program: &Program<'_>, told: RawFd) -> Result<Prepared, SpawnError> {
    if program.argv.is_empty() {
        return Err(SpawnError::Text(String::new()));
    }
    let argv = program.argv.iter().map(|a| text(a));
    let mut texts = argv.collect::<Result<Vec<_>, _>>()?;
    let variables = program.environment.iter();
    for (key, value) in variables {
        texts.push(text(&format!("{key}={value}"))?);
    }
    let pointers = |texts: &[CString]| {
        let mut pointers: Vec<_> = texts.iter().map(|text| text.as_ptr()).collect();
        pointers.push(std::ptr::null());
        pointers
    };
    let (arguments, variables) = texts.split_at(program.argv.len());
    Ok(Prepared {
        argv: pointers(arguments),
        environment: pointers(variables),
        directory: text(&program.directory.to_string_lossy())?,
        input: open(
            Path::new("/dev/null"),
            std::fs::OpenOptions::new().read(true),
        )?,
        output: open(
            program.output,
            std::fs::OpenOptions::new().append(true).create(true),
        )?,
        account: program.account.cloned(),
        limits: program.limits.iter().map(kernel_limit).collect(),
        procs: None,
        told,
        _texts: texts,
    })
}

fn kernel_limit(limit: &Limit) -> (u32, libc::rlimit64) {
    let most = libc::rlimit64 {
        rlim_cur: limit.most,
        rlim_max: limit.most,
    };
    (limit.counted.number(), most)
}

/// Makes the process. Signals are held back meanwhile: a handler of ours must not run in it.
fn birth(cgroup: Option<&Cgroup>, prepared: &mut Prepared) -> io::Result<i32> {
    // SAFETY: an all-zero sigset_t is a valid value, and both calls get live ones.
    let held = unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        let mut held: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut held);
        held
    };
    let born = clone_into(cgroup, prepared).or_else(|error| match error.raw_os_error() {
        // Some containers forbid clone3, old kernels lack it.
        Some(libc::ENOSYS | libc::EINVAL | libc::E2BIG | libc::EOPNOTSUPP) => {
            prepared.procs = cgroup.map(Cgroup::open_procs).transpose()?;
            fork(prepared)
        }
        Some(_) | None => Err(error),
    });
    // SAFETY: `held` was filled in above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const held, std::ptr::null_mut()) };
    born
}

fn clone_into(cgroup: Option<&Cgroup>, prepared: &Prepared) -> io::Result<i32> {
    let dir = cgroup.map(Cgroup::open_dir).transpose()?;
    // SAFETY: an all-zero clone_args is a valid value of this plain C struct.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.exit_signal = libc::SIGCHLD as u64;
    if let Some(dir) = &dir {
        args.flags = CLONE_INTO_CGROUP;
        args.cgroup = dir.as_raw_fd() as u64;
    }
    // SAFETY: without CLONE_VM the child has a copy of our memory and goes on here on a copy
    // of this stack; it calls nothing but `become_program`, which never returns.
    let pid = unsafe {
        libc::syscall(
            libc::SYS_clone3,
            &raw const args,
            size_of::<libc::clone_args>(),
        )
    };
    parent_or_child(pid, prepared)
}

fn fork(prepared: &Prepared) -> io::Result<i32> {
    // SAFETY: the child calls nothing but `become_program`, which never returns.
    let pid = unsafe { libc::fork() };
    parent_or_child(libc::c_long::from(pid), prepared)
}

fn parent_or_child(pid: libc::c_long, prepared: &Prepared) -> io::Result<i32> {
    match pid {
        // SAFETY: this is the new child, and everything was prepared.
        0 => unsafe { become_program(prepared) },
        pid if pid < 0 => Err(io::Error::last_os_error()),
        pid => Ok(i32::try_from(pid).expect("process numbers have 22 bits")),
    }
}

/// What the child does. Only system calls: no allocation, no lock, no library state.
///
/// # Safety
/// Only in a fresh child, with `prepared` made by its parent.
unsafe fn become_program(prepared: &Prepared) -> ! {
    // SAFETY: plain system calls on values that the parent prepared and that live on here.
    let step = unsafe {
        reset_signals();
        child_steps(prepared)
    };
    // SAFETY: errno is this thread's own; the report is a live array of five bytes.
    unsafe {
        let number = (*libc::__errno_location()).to_ne_bytes();
        let report = [step, number[0], number[1], number[2], number[3]];
        libc::write(prepared.told, report.as_ptr().cast(), report.len());
        libc::_exit(127)
    }
}

/// Handlers and ignored signals back to what programs expect, then nothing held back.
///
/// # Safety
/// Only in a fresh child.
unsafe fn reset_signals() {
    // SAFETY: sets default dispositions only (a kernel sigaction of zeros, at most 32 bytes);
    // all values live on this stack.
    unsafe {
        // Past the C library, which keeps some signals to itself: they may be ignored too.
        let default = [0_u64; 4];
        for signal in 1..=64 {
            let none = std::ptr::null_mut::<u64>();
            libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), none, 8);
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

/// Returns the number of the step that failed; never returns when all succeed.
///
/// # Safety
/// Only in a fresh child.
unsafe fn child_steps(prepared: &Prepared) -> u8 {
    // SAFETY: all pointers are to zero-terminated texts and lists that `prepared` owns.
    unsafe {
        if libc::setsid() < 0 {
            return 0;
        }
        let (input, output) = (prepared.input.as_raw_fd(), prepared.output.as_raw_fd());
        if libc::dup2(input, 0) < 0 || libc::dup2(output, 1) < 0 || libc::dup2(output, 2) < 0 {
            return 1;
        }
        if let Some(procs) = &prepared.procs
            && libc::write(procs.as_raw_fd(), c"0".as_ptr().cast(), 1) < 0
        {
            return 2;
        }
        ordinary_priority();
        // While it may still raise them.
        for (number, most) in &prepared.limits {
            let none = std::ptr::null_mut::<libc::rlimit64>();
            if libc::syscall(libc::SYS_prlimit64, 0, *number, most, none) < 0 {
                return 6;
            }
        }
        if let Some(account) = &prepared.account
            && !change_account(account)
        {
            return 3;
        }
        if libc::chdir(prepared.directory.as_ptr()) < 0 {
            return 4;
        }
        libc::umask(0o022);
        // Whatever else was open stays behind.
        libc::syscall(
            libc::SYS_close_range,
            3,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        );
        libc::execve(
            prepared.argv[0],
            prepared.argv.as_ptr(),
            prepared.environment.as_ptr(),
        );
        5
    }
}

/// The daemon may be protected from memory shortage and run at high priority; what it starts
/// is not. Failing is no reason not to run.
///
/// # Safety
/// Only in a fresh child.
unsafe fn ordinary_priority() {
    // SAFETY: plain system calls on constants and on a zeroed parameter on this stack.
    unsafe {
        libc::syscall(libc::SYS_prctl, libc::PR_SET_PDEATHSIG, 0);
        let parameter: libc::sched_param = std::mem::zeroed();
        libc::syscall(
            libc::SYS_sched_setscheduler,
            0,
            libc::SCHED_OTHER,
            &raw const parameter,
        );
        libc::syscall(libc::SYS_setpriority, libc::PRIO_PROCESS, 0, 0);
        let path = c"/proc/self/oom_score_adj".as_ptr();
        let adjust = libc::open(path, libc::O_WRONLY | libc::O_CLOEXEC);
        if 0 <= adjust {
            libc::write(adjust, c"0".as_ptr().cast(), 1);
            libc::close(adjust);
        }
    }
}

/// The C library's own calls would try to change threads that only the parent has.
///
/// # Safety
/// Only in a fresh child.
unsafe fn change_account(account: &Account) -> bool {
    let (user, group) = (account.user, account.group);
    // SAFETY: the list of groups is live and its length is given with it.
    unsafe {
        let groups = account.groups.as_ptr();
        libc::syscall(libc::SYS_setgroups, account.groups.len(), groups) == 0
            && libc::syscall(libc::SYS_setresgid, group, group, group) == 0
            && libc::syscall(libc::SYS_setresuid, user, user, user) == 0
    }
}

/// Opens a handle on a process (pidfd_open(2)).
pub(crate) fn pidfd_open(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: takes numbers only.
    let raw = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let raw = RawFd::try_from(raw).map_err(io::Error::other)?;
    if raw < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the number was just given to us and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}
