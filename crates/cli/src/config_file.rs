//! Reading configuration files on this side, so that what is wrong is seen at once, in
//! colour, and without a daemon.

use std::io::Read;
use std::path::Path;

use api::{ApiError, CheckReply, ErrorCode};
use config::{Loaded, Problems};

use crate::agent_check::with_agents;

/// A file that was read, not yet understood.
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

impl File {
    /// Reads the file; `-` is the standard input.
    pub(crate) fn open(path: &Path) -> Result<Self, ApiError> {
        let name = match path.to_str() {
            Some("-") => "standard input".to_string(),
            Some(_) | None => path.display().to_string(),
        };
        let mut bytes = Vec::new();
        // One byte more than can be sent, so that the reader sees that it is too much.
        let limit = api::BODY_MAX as u64 + 1;
        let read = match path.to_str() {
            Some("-") => std::io::stdin().take(limit).read_to_end(&mut bytes),
            Some(_) | None => {
                std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
            }
        };
        match read {
            Ok(_) => Ok(Self { name, bytes }),
            Err(error) => Err(ErrorCode::FileUnreadable
                .error(format!("cannot read {name}"))
                .with_detail(error.to_string())),
        }
    }

    /// What it describes, or all that is wrong with it, as far as this machine can tell.
    pub(crate) fn load(&self) -> Result<Loaded, Problems> {
        with_agents(config::read_bytes(&self.name, &self.bytes)?)
    }
}

/// What `check` found.
pub(crate) fn check_reply(loaded: &Result<Loaded, Problems>) -> CheckReply {
    match loaded {
        Ok(loaded) => CheckReply {
            ok: true,
            problems: loaded.warnings.to_json(),
            nodes: loaded.spec.nodes.len(),
            services: loaded.spec.services.len(),
        },
        Err(problems) => CheckReply {
            ok: false,
            problems: problems.to_json(),
            nodes: 0,
            services: 0,
        },
    }
}
