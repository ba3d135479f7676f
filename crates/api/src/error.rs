//! What goes wrong, with a code, a sentence and a next step.
//!
//! `E02xx` services, `E03xx` fencing, `E04xx` forming and transport, `E05xx` interface and
//! command line, `E07xx` locks. Each has a paragraph in `docs/errors-operations.md`. Codes are never
//! given another meaning.

use std::fmt;

use model::Rejected;
use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal $status:literal $title:literal, $help:literal;)*) => {
        /// Everything that can go wrong beyond the configuration itself.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum ErrorCode { $($(#[$doc])* $name,)* }

        impl ErrorCode {
            /// All of them, by number.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// `E0201`.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The HTTP status it is answered with.
            #[must_use]
            pub fn http_status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// What is wrong in general.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// What to do next.
            #[must_use]
            pub fn next_step(self) -> &'static str {
                match self { $(Self::$name => $help,)* }
            }
        }
    };
}

codes! {
    /// No service of this name.
    NoSuchService = "E0201" 404 "there is no such service",
        "`mainstay status` lists the services";
    /// The order makes no sense as things are.
    OrderRefused = "E0202" 409 "the order makes no sense now",
        "`mainstay status` shows how things are";
    /// The node cannot run services now.
    NodeNotReady = "E0203" 409 "the node cannot run services now",
        "`mainstay status` shows why; `mainstay online NODE` ends a standby";
    /// Another node may still run it.
    MayStillRun = "E0204" 409 "the service may still run elsewhere",
        "wait until the other node is proven off: `mainstay fence status`";
    /// Frozen, or maintenance is on.
    HandsOff = "E0205" 409 "hands are kept off",
        "`mainstay thaw SERVICE` or `mainstay maintenance off` first";
    /// A service did not become what was waited for.
    WaitFailed = "E0206" 409 "it did not come to what was waited for",
        "`mainstay explain SERVICE` says why, `mainstay log SERVICE` what was printed";
    /// Nothing in it can be told to read its configuration again.
    CannotReload = "E0207" 409 "it cannot be reloaded",
        "give the resource a `reload` in the configuration, or `mainstay restart SERVICE`";
    /// A service would no longer survive what it must.
    RuleBroken = "E0210" 409 "the change breaks a rule of the configuration",
        "mend what is named above (`mainstay what-if --file FILE` shows all of it), or apply with `--break-rules`";
    /// Nothing of this name can fail.
    NoSuchFailure = "E0211" 404 "there is nothing of this name that could fail",
        "write NODE, or KIND:NAME as `mainstay what-if` shows them, like `card:alpha/eth0`";
    /// Nodes lack something.
    EnvironmentUnfit = "E0212" 409 "the nodes are not as the change needs them",
        "mend what is named above (`mainstay check --cluster FILE` asks again), or apply with `--ignore-environment`";
    /// No device for the node.
    NoFenceDevice = "E0301" 409 "no fence device is configured for the node",
        "add one to the configuration, or switch the node off by hand and `mainstay fence confirm NODE`";
    /// A device did not do it.
    FenceFailed = "E0302" 409 "the node could not be fenced",
        "`mainstay fence history` shows each try; switched off by hand: `mainstay fence confirm NODE`";
    /// Too often in an hour.
    FencedTooOften = "E0303" 409 "the node was fenced too often within an hour",
        "find out why it fails, then `mainstay fence confirm NODE`";
    /// There is nothing to vouch for.
    NothingToConfirm = "E0304" 409 "the node is not waiting to be confirmed off",
        "`mainstay fence status` shows the nodes that are";
    /// The typed confirmation is missing or wrong.
    ConfirmationMissing = "E0305" 409 "this order needs its confirmation",
        "look at the plan, then give the node's name as `confirm`, or use `--yes`";
    /// The daemon runs, the node is in no cluster.
    NotAMember = "E0401" 409 "this node is in no cluster yet",
        "`mainstay init` starts a cluster, `mainstay join TOKEN` joins one";
    /// No quorum.
    NoQuorum = "E0402" 503 "there is no quorum, so nothing can be decided",
        "bring more nodes back; `mainstay status` shows who is missing";
    /// No leader at the moment.
    NoLeader = "E0403" 503 "there is no leader at the moment",
        "an election takes about a second: try again";
    /// Unknown, used or too old.
    BadToken = "E0404" 403 "the token is unknown, used or expired",
        "make a new one on a member: `mainstay token`";
    /// The name is taken.
    NodeExists = "E0405" 409 "a node of this name is a member already",
        "choose another name, or `mainstay node remove NODE` first";
    /// No node of this name.
    NoSuchNode = "E0406" 404 "there is no such node",
        "`mainstay status` lists the nodes";
    /// A node that is up cannot be removed from outside.
    NodeIsUp = "E0407" 409 "the node is up",
        "run `mainstay leave` on it, or fence it first";
    /// Its own files.
    StateUnusable = "E0408" 500 "the files of this node cannot be used",
        "mend what is named above (space, permissions, a damaged file), then try again; nothing was lost by trying";
    /// Two daemons on one state directory or one socket.
    DaemonRuns = "E0409" 409 "another daemon runs here",
        "`mainstay status` asks it; to start over, end it first: `systemctl stop mainstay`";
    /// A socket that cannot be opened, an address that is not here.
    AddressUnusable = "E0410" 500 "an address or a socket of this node cannot be used",
        "compare the node's addresses in the configuration with `ip address`; the daemon needs root";
    /// No member answered.
    NoMemberReached = "E0411" 503 "no member could be reached",
        "check the network and the firewall (TCP and UDP of the cluster's port), and that the daemon runs there";
    /// A member said no.
    JoinRefused = "E0412" 409 "the cluster refused the node",
        "mend what is named above, then run `mainstay join` again with the same token";
    /// The disk failed while the daemon ran.
    DiskFailed = "E0413" 500 "the log could not be written",
        "look at the disk and its space, then start the daemon again; what runs goes on running";
    /// Another node that was asked something.
    NodeNotAsked = "E0414" 503 "the node could not be asked",
        "`mainstay status` shows whether it is connected; or ask on the node itself";
    /// Some members run an older program.
    UpgradeFirst = "E0415" 409 "a node runs a version that does not know this",
        "upgrade the nodes that are named, one after the other; `mainstay status` tells when all are done";
    /// The log was written by a newer program.
    TooOld = "E0416" 500 "this version of Mainstay is too old for the cluster",
        "install the version that the other nodes run, then start the daemon again; what runs goes on running, and nothing was changed";
    /// No witness of this name.
    NoSuchWitness = "E0420" 404 "there is no such witness",
        "`mainstay witness status` lists the witnesses";
    /// A witness did not answer when it should be added.
    WitnessUnreachable = "E0421" 503 "the witness could not be reached",
        "check that `mainstay witness run` runs there, and the firewall (TCP and UDP of its port)";
    /// A witness said no.
    WitnessRefused = "E0422" 409 "the witness refused the cluster",
        "mend what is named above; a new token: `mainstay witness token` on the witness";
    /// Sectors that cannot be a witness.
    DiskUnusable = "E0423" 409 "the disk cannot be a witness",
        "mend what is named above; docs/disk-witness.md says what a disk must be";
    /// There is a quorum, or this node has no say.
    NothingToForce = "E0430" 409 "nothing can be forced here",
        "`mainstay quorum status` shows who votes and what is waited for";
    /// A node that was named lives.
    StillHeard = "E0431" 409 "a node that was named is heard",
        "a node that is heard is not lost: look at it, or switch it off first";
    /// Silent voters that were not named.
    OthersMissing = "E0432" 409 "other voters are missing as well",
        "name all of them with `--lost`, if all of them are off; else start them";
    /// Nobody listens on the socket.
    NotReachable = "E0501" 503 "the daemon cannot be reached",
        "start it: `systemctl start mainstay`, or `mainstay daemon`; another socket: `--socket PATH`";
    /// Not allowed.
    NotAllowed = "E0502" 403 "you may not talk to the daemon",
        "use root, or the account that the daemon runs as: `sudo mainstay ...`";
    /// No such path.
    NoSuchRoute = "E0503" 404 "there is no such path",
        "docs/commands/api.md lists the paths; is the client newer than the daemon?";
    /// Wrong method.
    WrongMethod = "E0504" 405 "the path does not take this method",
        "GET asks, POST changes: docs/commands/api.md";
    /// Not the JSON that is expected.
    BadRequest = "E0505" 400 "the request cannot be read",
        "compare it with docs/commands/api.md";
    /// More than `BODY_MAX`.
    TooLarge = "E0506" 413 "the request is too large",
        "the limit is 1 MiB";
    /// No answer in time.
    TimedOut = "E0507" 504 "no answer within the time limit",
        "it may still happen: look at `mainstay status` before you try again";
    /// Too many requests wait.
    Busy = "E0508" 503 "the daemon has too much to do",
        "try again in a moment";
    /// Somebody was faster.
    StaleBase = "E0509" 409 "somebody changed the configuration meanwhile",
        "`mainstay config diff` shows what; take it over and apply again";
    /// Not on a terminal, and no `--yes`.
    NeedsYes = "E0510" 409 "a change needs a yes, and there is no terminal to ask on",
        "look at the plan above, then repeat the command with `--yes`";
    /// No such version.
    NoSuchVersion = "E0511" 404 "there is no such version of the configuration",
        "`mainstay config history` lists those that are kept";
    /// An answer that cannot be read.
    BadAnswer = "E0512" 502 "the answer of the daemon cannot be read",
        "compare `mainstay version` with the daemon's version in `mainstay status --json`";
    /// The daemon ends.
    Stopping = "E0513" 503 "the daemon is stopping",
        "try again when it runs, or ask another node";
    /// A file that cannot be read.
    FileUnreadable = "E0514" 400 "the file cannot be read",
        "check its name and its permissions";
    /// The person said no.
    Declined = "E0515" 409 "nothing was changed",
        "answer `yes` to go on";
    /// The editor failed.
    EditorFailed = "E0516" 400 "the editor did not end well",
        "set EDITOR to an editor that works, or use `mainstay config show` and `mainstay apply`";
    /// `--wait` ran out.
    WaitEnded = "E0517" 504 "it is not done within the time of --wait",
        "it goes on: follow it with `mainstay watch`";
    /// This version cannot do it yet.
    NotYet = "E0518" 501 "this version cannot do that yet",
        "see the changelog for what it can";
    /// What was typed.
    WrongUsage = "E0519" 400 "the command line cannot be understood",
        "`mainstay COMMAND --help` shows what can be typed";
    /// No agent of this name is installed.
    NoSuchAgent = "E0530" 404 "there is no such resource agent on this machine",
        "`mainstay agent list` shows what is installed; most are in the package resource-agents";
    /// An agent whose description cannot be read.
    AgentSilent = "E0531" 502 "the resource agent does not say what it can be told",
        "look whether it runs at all: `OCF_ROOT=/usr/lib/ocf PATH-OF-THE-AGENT meta-data`";
    /// Another session holds the lock.
    LockHeld = "E0701" 409 "somebody else holds the lock",
        "`--wait` waits for it; `mainstay lock show NAME` tells who holds it and who waits";
    /// Nobody holds the lock.
    LockIsFree = "E0702" 404 "nobody holds the lock",
        "`mainstay lock list` names those that are held";
    /// The session has nothing of the lock.
    LockLost = "E0703" 409 "the session does not have the lock",
        "do nothing more that the lock protects; take it again";
    /// A person wants it back.
    LockRecalled = "E0704" 409 "the lock is recalled",
        "end what the lock protects and give it back: `mainstay lock release`";
    /// What was run under a lock.
    LockCommandFailed = "E0705" 409 "the command that ran under the lock did not end well",
        "look at what it printed; the lock is given back";
    /// No XML where a CIB was wanted.
    NotXml = "E0801" 400 "the file is not XML",
        "write it anew on the old cluster: `cibadmin --query > cluster.xml`";
    /// XML, but no CIB.
    NotACib = "E0802" 400 "the file is no CIB",
        "write the whole of it on the old cluster: `cibadmin --query > cluster.xml`";
    /// More bytes than any CIB has.
    CibTooLarge = "E0803" 400 "the file is too large",
        "look whether it is the right file";
}

impl ErrorCode {
    /// Whether the same request may work a moment later.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        // 503 is the promise "not now"; every other status says that something must change.
        self.http_status() == 503
    }

    /// An error of this kind.
    pub fn error(self, message: impl Into<String>) -> ApiError {
        ApiError {
            code: self.code().to_string(),
            status: self.http_status(),
            message: message.into(),
            details: Vec::new(),
            help: self.next_step().to_string(),
            retryable: self.is_retryable(),
        }
    }
}

/// What went wrong. Its `Display` is what the command line prints.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiError {
    /// `E0201`: the paragraph of the error guide.
    pub code: String,
    /// The HTTP status it is answered with.
    #[serde(default)]
    pub status: u16,
    /// What went wrong, with names.
    pub message: String,
    /// What else is known, one line each.
    #[serde(default)]
    pub details: Vec<String>,
    /// The next step.
    #[serde(default)]
    pub help: String,
    /// Whether the same request may work a moment later.
    #[serde(default)]
    pub retryable: bool,
}

impl ApiError {
    /// The same with one more line of what is known.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.details.push(detail.into());
        self
    }

    /// The same with another next step.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// Whether it is an error of this kind.
    #[must_use]
    pub fn is(&self, code: ErrorCode) -> bool {
        self.code == code.code()
    }
}

impl std::error::Error for ApiError {}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error {}: {}", self.code, self.message)?;
        for line in self.details.iter().flat_map(|detail| detail.lines()) {
            write!(f, "\n  {line}")?;
        }
        if !self.help.is_empty() {
            write!(f, "\n  help: {}", self.help)?;
        }
        Ok(())
    }
}

impl From<Rejected> for ApiError {
    fn from(rejected: Rejected) -> Self {
        let code = match &rejected {
            Rejected::StaleSpec { .. } => ErrorCode::StaleBase,
            Rejected::NoSuchNode(_) => ErrorCode::NoSuchNode,
            Rejected::NoSuchWitness(_) => ErrorCode::NoSuchWitness,
            Rejected::NoSuchService(_) => ErrorCode::NoSuchService,
            Rejected::NodeExists(_) => ErrorCode::NodeExists,
            Rejected::BadToken => ErrorCode::BadToken,
            Rejected::MayStillRun { .. } | Rejected::MayStillBePromoted { .. } => {
                ErrorCode::MayStillRun
            }
            Rejected::NodeNotReady { .. } => ErrorCode::NodeNotReady,
            Rejected::Late(_) | Rejected::Refused(_) => ErrorCode::OrderRefused,
            Rejected::CannotReload(_) => ErrorCode::CannotReload,
            Rejected::NeedsLevel { .. } => ErrorCode::UpgradeFirst,
            Rejected::LockHeld { .. } => ErrorCode::LockHeld,
            Rejected::LockIsFree(_) => ErrorCode::LockIsFree,
            Rejected::NotYourLock { .. } => ErrorCode::LockLost,
            Rejected::LockRecalled { .. } => ErrorCode::LockRecalled,
            Rejected::Unknown => ErrorCode::NotYet,
        };
        code.error(rejected.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_paragraph_in_the_error_guide() {
        let guide = include_str!("../../../docs/errors-operations.md");
        for code in ErrorCode::ALL {
            let heading = format!("## {}: {}\n", code.code(), code.title());
            assert!(
                guide.contains(&heading),
                "no paragraph `{}`",
                heading.trim()
            );
        }
        assert_eq!(guide.matches("\n## E").count(), ErrorCode::ALL.len());
    }

    #[test]
    fn codes_are_unique_and_in_order() {
        let codes: Vec<_> = ErrorCode::ALL.iter().map(|code| code.code()).collect();
        assert!(codes.is_sorted_by(|a, b| a < b), "{codes:?}");
    }

    #[test]
    fn an_error_prints_its_code_what_is_known_and_the_next_step() {
        let error = ErrorCode::NoSuchService
            .error("there is no service wep")
            .with_detail("did you mean web?");
        assert_eq!(
            error.to_string(),
            "error E0201: there is no service wep\n  did you mean web?\n  \
             help: `mainstay status` lists the services"
        );
    }
}
