//! Takes what helps a thread to run in time, as far as the kernel grants it. All of it is
//! best effort: without, the detector notices its stalls itself.

use std::io;

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{Resource, getrlimit};

use super::{Memory, Scheduling};

/// Above all ordinary programs, below the kernel's own threads (interrupts run at 50).
const REAL_TIME_PRIORITY: libc::c_int = 10;

pub(crate) fn acquire(scheduling: Scheduling, memory: Memory) {
    if scheduling == Scheduling::RealTime
        && let Err(error) = real_time()
    {
        tracing::debug!(%error, "heartbeats run without real-time priority");
    }
    if memory == Memory::Locked
        && let Err(error) = lock_memory()
    {
        tracing::debug!(%error, "heartbeats run in memory that may be paged out");
    }
}

fn real_time() -> io::Result<()> {
    let parameters = libc::sched_param {
        sched_priority: REAL_TIME_PRIORITY,
    };
    // Whatever this process forks must not inherit the privilege.
    let policy = libc::SCHED_RR | libc::SCHED_RESET_ON_FORK;
    // SAFETY: zero names the calling thread; `parameters` is valid for the call, which only
    // reads it.
    let result = unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn lock_memory() -> io::Result<()> {
    if getrlimit(Resource::Memlock).maximum.is_some() {
        return Err(io::Error::other(
            "the limit on locked memory is not infinite",
        ));
    }
    Ok(mlockall(
        MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT,
    )?)
}
