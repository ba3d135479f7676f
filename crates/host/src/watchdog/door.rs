//! One open watchdog, by whatever door it is reached.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

// linux/watchdog.h
const WDIOC_GETSUPPORT: libc::c_ulong = 0x8028_5700;
const WDIOC_KEEPALIVE: libc::c_ulong = 0x8004_5705;
const WDIOC_SETTIMEOUT: libc::c_ulong = 0xC004_5706;
const WDIOC_GETTIMEOUT: libc::c_ulong = 0x8004_5707;
const WDIOF_MAGICCLOSE: u32 = 0x0100;
/// Written before the device is closed, it says that the dog shall sleep.
const MAGIC_CLOSE: &[u8] = b"V";

/// A process of this machine answers in microseconds.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// `struct watchdog_info` (linux/watchdog.h).
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Info {
    options: u32,
    firmware: u32,
    identity: [u8; 32],
}

#[derive(Debug)]
enum Door {
    Device(File),
    Socket(BufReader<UnixStream>),
}

/// A watchdog that is armed. Dropped without [`Watchdog::disarm`] it stays armed, and ends
/// the machine unless somebody opens and feeds it again: that is what a crash must do.
#[derive(Debug)]
pub struct Watchdog {
    door: Door,
    bound: Duration,
}

impl Watchdog {
    /// Opens the watchdog, which arms it, and asks for a time-out in whole seconds.
    ///
    /// # Errors
    /// When there is none, when somebody else has it open, or when it does not tell its
    /// time-out. It is then left disarmed, where it can be.
    pub fn arm(path: &Path, timeout: Duration) -> io::Result<Self> {
        if std::fs::metadata(path)?.file_type().is_socket() {
            return Self::arm_socket(path, timeout);
        }
        let file = File::options().write(true).open(path)?;
        match set_timeout(&file, timeout) {
            Ok(bound) => Ok(Self {
                door: Door::Device(file),
                bound,
            }),
            Err(error) => {
                // Of two errors the first says more.
                let _ = (&file).write_all(MAGIC_CLOSE);
                Err(error)
            }
        }
    }

    fn arm_socket(path: &Path, timeout: Duration) -> io::Result<Self> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        stream.set_write_timeout(Some(ANSWER_LIMIT))?;
        let mut stream = BufReader::new(stream);
        writeln!(stream.get_mut(), "timeout {}", timeout.as_secs())?;
        let mut answer = String::new();
        stream.read_line(&mut answer)?;
        let seconds = answer
            .trim()
            .strip_prefix("timeout ")
            .and_then(|text| text.parse().ok());
        let seconds = seconds.ok_or_else(|| io::Error::other("it does not tell its time-out"))?;
        Ok(Self {
            door: Door::Socket(stream),
            bound: Duration::from_secs(seconds),
        })
    }

    /// How long after the last food it bites: what the device itself says, which may be other
    /// than what it was asked for.
    #[must_use]
    pub fn bound(&self) -> Duration {
        self.bound
    }

    /// Keeps it quiet for its time-out from now on.
    ///
    /// # Errors
    /// What the device says.
    pub fn feed(&mut self) -> io::Result<()> {
        match &mut self.door {
            Door::Device(file) => control(file, WDIOC_KEEPALIVE, &mut 0),
            Door::Socket(stream) => stream.get_mut().write_all(b"feed\n"),
        }
    }

    /// Sends it to sleep.
    ///
    /// # Errors
    /// When it cannot be disarmed (`nowayout`, or a device without magic close): it bites
    /// unless somebody opens and feeds it again.
    pub fn disarm(mut self) -> io::Result<()> {
        match &mut self.door {
            Door::Device(file) => {
                let mut info = Info::default();
                // SAFETY: the kernel fills in a watchdog_info, whose layout `Info` has.
                let done =
                    unsafe { libc::ioctl(file.as_raw_fd(), WDIOC_GETSUPPORT, &raw mut info) };
                file.write_all(MAGIC_CLOSE)?;
                if done == 0 && info.options & WDIOF_MAGICCLOSE == 0 {
                    return Err(io::Error::other("this device cannot be disarmed"));
                }
                Ok(())
            }
            Door::Socket(stream) => stream.get_mut().write_all(b"V\n"),
        }
    }

    /// Makes it bite as soon as it can: the laboratory's at once, a device of the kernel
    /// within a second, when it takes so short a time-out.
    ///
    /// # Errors
    /// What the device says. It then bites after its ordinary time.
    pub fn bite(&mut self) -> io::Result<()> {
        match &mut self.door {
            Door::Device(file) => control(file, WDIOC_SETTIMEOUT, &mut 1),
            Door::Socket(stream) => stream.get_mut().write_all(b"bite\n"),
        }
    }
}

fn set_timeout(file: &File, timeout: Duration) -> io::Result<Duration> {
    let mut seconds = libc::c_int::try_from(timeout.as_secs()).unwrap_or(libc::c_int::MAX);
    // A device with a fixed time-out refuses this, and tells its own below.
    let _fixed = control(file, WDIOC_SETTIMEOUT, &mut seconds);
    control(file, WDIOC_GETTIMEOUT, &mut seconds)?;
    match u64::try_from(seconds) {
        Ok(seconds) if 0 < seconds => Ok(Duration::from_secs(seconds)),
        Ok(_) | Err(_) => Err(io::Error::other("it does not tell its time-out")),
    }
}

fn control(file: &File, request: libc::c_ulong, value: &mut libc::c_int) -> io::Result<()> {
    // SAFETY: each of these requests reads or writes one int, which lives through the call.
    let done = unsafe { libc::ioctl(file.as_raw_fd(), request, std::ptr::from_mut(value)) };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
