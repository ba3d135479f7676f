//! Exit codes.

use std::process::ExitCode;

use api::{ApiError, ErrorCode};

/// How a command ended. The numbers are a promise to scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Refused or failed.
    Failed,
    /// Wrong usage.
    Usage,
    /// The daemon is not reachable.
    NotReachable,
    /// `status --check`: something is not as it should be.
    Degraded,
}

impl Exit {
    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotReachable => 3,
            Self::Degraded => 4,
        }
    }

    /// What an error means for a script.
    #[must_use]
    pub fn of(error: &ApiError) -> Self {
        let unreachable = [
            ErrorCode::NotReachable,
            ErrorCode::TimedOut,
            ErrorCode::Stopping,
            ErrorCode::NoMemberReached,
        ];
        if unreachable.iter().any(|&code| error.is(code)) {
            Self::NotReachable
        } else if error.is(ErrorCode::WrongUsage) {
            Self::Usage
        } else {
            Self::Failed
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
