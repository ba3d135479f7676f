//! What can be asked.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::Verdict;
use crate::CardName;

/// The kinds of checks. Patterns are regular expressions; they were tried when the file was
/// read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckKind {
    /// A page is asked for.
    Http(HttpCheck),
    /// A connection is made, and perhaps something said and heard.
    Tcp(TcpCheck),
    /// Processes are counted.
    Processes(ProcessesCheck),
    /// A program is run.
    Command(CommandCheck),
    /// Room in a file system.
    Filesystem(FilesystemCheck),
    /// Room in the swap space.
    Swap(FreeLimits),
    /// Memory that programs can have.
    Memory(FreeLimits),
    /// Processes that want to run, over the last minute, in hundredths.
    Load {
        /// A failure from here on.
        fail: Option<u32>,
        /// A warning from here on.
        warn: Option<u32>,
    },
    /// Whether a card has a carrier.
    Link(CardName),
    /// Addresses are asked whether they answer.
    Ping {
        /// Which.
        targets: Vec<IpAddr>,
        /// This share must answer.
        percent: u8,
    },
    /// New lines of a file.
    Log(LogCheck),
}

impl CheckKind {
    /// The word for it in the file, in messages and in JSON.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Tcp(_) => "tcp",
            Self::Processes(_) => "processes",
            Self::Command(_) => "command",
            Self::Filesystem(_) => "filesystem",
            Self::Swap(_) => "swap",
            Self::Memory(_) => "memory",
            Self::Load { .. } => "load",
            Self::Link(_) => "link",
            Self::Ping { .. } => "ping",
            Self::Log(_) => "log",
        }
    }
}

/// A page is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpCheck {
    /// `http://` or `https://`.
    pub url: String,
    /// Good status codes; none: 200 to 399.
    #[serde(default)]
    pub status: Vec<u16>,
    /// A text that the page contains.
    #[serde(default)]
    pub contains: Option<String>,
    /// A pattern that the page matches.
    #[serde(default)]
    pub matches: Option<String>,
    /// Which certificates are good.
    #[serde(default)]
    pub trust: HttpTrust,
}

/// Which certificates are good.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HttpTrust {
    /// Those of the authorities that the system knows.
    #[default]
    System,
    /// Those of the authorities in this file.
    Authority(String),
    /// All.
    Anything,
}

/// A connection is made, and perhaps something said and heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpCheck {
    /// To where.
    pub target: SocketAddr,
    /// What is said first.
    #[serde(default)]
    pub send: Option<String>,
    /// A pattern of what is heard.
    #[serde(default)]
    pub expect: Option<String>,
}

/// Processes are counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessesCheck {
    /// Name of the program.
    pub name: String,
    /// A pattern of the whole command line, instead of any.
    #[serde(default)]
    pub matches: Option<String>,
    /// Only those of this account.
    #[serde(default)]
    pub user: Option<String>,
    /// So many at least.
    pub min: u32,
    /// So many at most.
    #[serde(default)]
    pub max: Option<u32>,
}

/// A program is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandCheck {
    /// Program (absolute path) and arguments; no shell is involved.
    pub argv: Vec<String>,
    /// Account to run as; root without.
    #[serde(default)]
    pub user: Option<String>,
    /// Good ends.
    pub exit: Vec<u8>,
    /// Ends that are a warning.
    #[serde(default)]
    pub warn_exit: Vec<u8>,
    /// A pattern of what it prints.
    #[serde(default)]
    pub expect: Option<String>,
}

/// Room in a file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesystemCheck {
    /// A directory in it.
    pub path: String,
    /// What must be free.
    pub free: FreeLimits,
}

/// What must be free.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreeLimits {
    /// A failure below this.
    #[serde(default)]
    pub fail: Option<Amount>,
    /// A warning below this.
    #[serde(default)]
    pub warn: Option<Amount>,
}

impl FreeLimits {
    /// How it is with `free` of `whole`, and the limit that was passed.
    #[must_use]
    pub fn judge(&self, free: u64, whole: u64) -> (Verdict, Option<Amount>) {
        let is_below = |limit: &Amount| match *limit {
            // Both sides in hundredths of the whole.
            Amount::Percent(percent) => {
                u128::from(free) * 100 < u128::from(whole) * u128::from(percent)
            }
            Amount::Bytes(bytes) => free < bytes,
        };
        if let Some(limit) = self.fail.filter(is_below) {
            return (Verdict::Failed, Some(limit));
        }
        match self.warn.filter(is_below) {
            Some(limit) => (Verdict::Warning, Some(limit)),
            None => (Verdict::Well, None),
        }
    }
}

/// A part of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Amount {
    /// Of the whole.
    Percent(u8),
    /// Bytes.
    Bytes(u64),
}

/// Units of bytes, with their sizes.
const UNITS: [(&str, u64); 4] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
];

impl Amount {
    /// Reads `10%`, `512MiB` or `2 GiB`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(percent) = text.strip_suffix('%') {
            let percent = percent.trim().parse().ok()?;
            return (percent <= 100).then_some(Self::Percent(percent));
        }
        let (unit, size) = UNITS.iter().find(|(unit, _)| text.ends_with(unit))?;
        let number: u64 = text.strip_suffix(unit)?.trim().parse().ok()?;
        Some(Self::Bytes(number.checked_mul(*size)?))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::Bytes(bytes) => match UNITS.iter().find(|(_, size)| *size <= bytes) {
                Some((unit, size)) => write!(f, "{} {unit}", bytes / size),
                None => write!(f, "{bytes} bytes"),
            },
        }
    }
}

/// New lines of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogCheck {
    /// Absolute path.
    pub path: String,
    /// What a bad line matches.
    pub pattern: String,
    /// What a bad line is: a failure or a warning.
    pub hit: Verdict,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_told() {
        let told = |text: &str| Amount::parse(text).map(|amount| amount.to_string());
        assert_eq!(told("10%").as_deref(), Some("10%"));
        assert_eq!(told("512MiB").as_deref(), Some("512 MiB"));
        assert_eq!(told("2 GiB").as_deref(), Some("2 GiB"));
        for bad in ["", "10", "101%", "10 GB", "-1%", "99999999999999TiB"] {
            assert_eq!(Amount::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_worse_limit_is_told_first() {
        let limits = FreeLimits {
            fail: Some(Amount::Percent(10)),
            warn: Some(Amount::Bytes(300)),
        };
        let verdicts = [400, 299, 100, 99].map(|free| limits.judge(free, 1000).0);
        let expected = [
            Verdict::Well,
            Verdict::Warning,
            Verdict::Warning,
            Verdict::Failed,
        ];
        assert_eq!(verdicts, expected);
    }
}
