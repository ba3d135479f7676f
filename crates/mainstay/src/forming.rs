//! `init` and `join`: what makes a machine a node. They work on the state directory; the
//! daemon finds it there.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use api::{ApiError, ErrorCode};
use cli::{InitArgs, JoinArgs, Json};
use consensus::{IdentityError, JoinError, JoinRequest, Token, TokenError};
use model::spec::Attachment;
use model::{NetworkName, NodeName};

use crate::daemon::{Known, Member};

/// Why a machine did not become a node.
#[derive(Debug, thiserror::Error)]
pub enum FormingError {
    /// The configuration file cannot be read.
    #[error("cannot read {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The configuration has problems; they are printed already. Without a file it was made
    /// of what was typed.
    #[error("this makes no valid configuration; nothing was changed")]
    Problems(Option<PathBuf>),
    /// The configuration does not describe this node.
    #[error("the configuration does not describe a node {0}")]
    NotDescribed(NodeName),
    /// No address was given.
    #[error("this node needs an address: `--address NETWORK=ADDRESS/PREFIX`, or `--file FILE`")]
    NoAddress,
    /// No name was given, and the host's name is none.
    #[error("the host's name `{0}` cannot be a node's name; say `--name NODE`")]
    NoName(String),
    /// The state directory.
    #[error("the state directory cannot be used")]
    Identity(#[from] IdentityError),
    /// The token.
    #[error("the token cannot be used")]
    Token(#[from] TokenError),
    /// The cluster.
    #[error("this node has not joined")]
    Join(#[from] JoinError),
    /// Anything of the operating system.
    #[error("cannot {verb}")]
    System {
        /// What was tried.
        verb: &'static str,
        /// What came of it.
        #[source]
        source: io::Error,
    },
}

impl FormingError {
    fn kind(&self) -> ErrorCode {
        use consensus::join::Refusal;
        match self {
            Self::File { .. } => ErrorCode::FileUnreadable,
            Self::Problems(_) | Self::NotDescribed(_) | Self::NoAddress | Self::NoName(_) => {
                ErrorCode::WrongUsage
            }
            Self::Identity(IdentityError::Exists(_)) => ErrorCode::NodeExists,
            Self::Identity(_) | Self::System { .. } => ErrorCode::StateUnusable,
            Self::Token(_) | Self::Join(JoinError::Token(_)) => ErrorCode::BadToken,
            Self::Join(JoinError::Refused(Refusal::BadToken)) => ErrorCode::BadToken,
            Self::Join(JoinError::Refused(Refusal::NameTaken(_))) => ErrorCode::NodeExists,
            Self::Join(JoinError::Refused(_)) => ErrorCode::JoinRefused,
            Self::Join(JoinError::Key(_)) => ErrorCode::StateUnusable,
            Self::Join(JoinError::Unreachable { .. } | JoinError::NoAnswer { .. }) => {
                ErrorCode::NoMemberReached
            }
        }
    }

    /// What to do next, where it is not what the code says in general.
    fn next_step(&self) -> Option<String> {
        match self {
            Self::Problems(Some(path)) => {
                Some(format!("mend it, then `mainstay check {}`", path.display()))
            }
            Self::Problems(None) => Some("mend what was typed, then try again".to_string()),
            Self::NotDescribed(name) => Some(format!(
                "add a section [node.{name}], or say which node this is: `--name NODE`"
            )),
            Self::NoAddress | Self::NoName(_) => Some("see `mainstay init --help`".to_string()),
            Self::Identity(IdentityError::Exists(_)) => Some(
                "this machine is a node already: `mainstay status`; if it has left its \
                     cluster, move that directory away first"
                    .to_string(),
            ),
            Self::File { .. }
            | Self::Identity(_)
            | Self::Token(_)
            | Self::Join(_)
            | Self::System { .. } => None,
        }
    }

    /// The error as people and scripts see it.
    pub fn to_api(&self) -> ApiError {
        let (message, details) = crate::daemon::parts(self);
        let mut error = self.kind().error(message);
        error.details = details;
        match self.next_step() {
            Some(help) => error.with_help(help),
            None => error,
        }
    }
}

/// The state directory: `MAINSTAY_STATE_DIR` stands for the default one.
pub fn state_dir(given: &Path) -> PathBuf {
    match std::env::var_os("MAINSTAY_STATE_DIR") {
        Some(place) if given == Path::new(cli::args::STATE_DEFAULT) => PathBuf::from(place),
        Some(_) | None => given.to_owned(),
    }
}

fn own_name(given: Option<&NodeName>) -> Result<NodeName, FormingError> {
    if let Some(name) = given {
        return Ok(name.clone());
    }
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    let short = host.split('.').next().unwrap_or_default();
    NodeName::new(short).map_err(|_| FormingError::NoName(host.clone()))
}

/// Forms a cluster of this node.
///
/// # Errors
/// What is wrong with the input or the machine; nothing usable is left behind then.
pub fn init(args: &InitArgs, json: Json) -> Result<(), FormingError> {
    let name = own_name(args.name.as_ref())?;
    let attachments: BTreeMap<NetworkName, Attachment> = args.addresses.iter().cloned().collect();
    let source = match (&args.file, &args.cluster) {
        (Some(path), _) => std::fs::read_to_string(path).map_err(|source| FormingError::File {
            path: path.clone(),
            source,
        })?,
        (None, _) if attachments.is_empty() => return Err(FormingError::NoAddress),
        (None, cluster) => {
            let cluster = cluster.as_deref().unwrap_or("cluster");
            config::initial(cluster, &name, &attachments)
        }
    };
    let shown = args.file.as_ref().map_or_else(
        || "what was typed, as a file".to_string(),
        |path| path.display().to_string(),
    );
    let loaded = config::read(&shown, &source).map_err(|problems| {
        eprintln!("{}", problems.render(config::Colour::Never));
        FormingError::Problems(args.file.clone())
    })?;
    if !loaded.spec.nodes.contains_key(&name) {
        return Err(FormingError::NotDescribed(name));
    }
    let state_dir = state_dir(&args.state);
    let key = consensus::identity::prepare(&state_dir)?;
    let members = vec![Member {
        id: model::NodeId(1),
        name: name.clone(),
        key: key.public(),
    }];
    store(&Known { source, members }, &state_dir)?;
    let cluster = &loaded.spec.cluster.name;
    let made = consensus::initialise(&state_dir, cluster, &name)?;
    let fingerprint = made.key.fingerprint();
    match json {
        Json::Yes => println!(
            "{}",
            serde_json::json!({
                "cluster": cluster, "node": name.as_str(), "key": fingerprint.to_string(),
            })
        ),
        Json::No => {
            println!("cluster {cluster} formed; this node is {name}");
            println!("  key       {fingerprint}");
            println!(
                "  next      start the daemon (`mainstay daemon`), then `mainstay token` for \
                 each further node"
            );
        }
    }
    Ok(())
}

/// Joins this node to a cluster.
///
/// # Errors
/// What is wrong with the token, the network or the cluster; it can be tried again.
pub fn join(args: &JoinArgs, json: Json) -> Result<(), FormingError> {
    let name = own_name(args.name.as_ref())?;
    let token: Token = args.token.parse()?;
    let state_dir = state_dir(&args.state);
    let key = consensus::identity::prepare(&state_dir)?;
    let boot = host::boot::boot_id().map_err(|source| FormingError::System {
        verb: "read the boot id",
        source,
    })?;
    let request = JoinRequest {
        name: name.clone(),
        key: key.public(),
        boot,
        attachments: args.addresses.iter().cloned().collect(),
        feature_level: model::level::LEVEL,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| FormingError::System {
            verb: "start the runtime",
            source,
        })?;
    let reply = runtime.block_on(consensus::join(&token, &key, request))?;
    let members = reply.members.iter().map(|member| Member {
        id: member.id,
        name: member.name.clone(),
        key: member.key,
    });
    let known = Known {
        source: reply.spec_source.clone(),
        members: members.collect(),
    };
    store(&known, &state_dir)?;
    consensus::store_joined(&state_dir, &name, &reply)?;
    match json {
        Json::Yes => println!(
            "{}",
            serde_json::json!({
                "cluster": reply.cluster, "node": name.as_str(), "id": reply.id.0,
            })
        ),
        Json::No => {
            println!(
                "{name} has joined cluster {} as node {}",
                reply.cluster, reply.id
            );
            println!("  next      start the daemon (`mainstay daemon`), then `mainstay status`");
        }
    }
    Ok(())
}

fn store(known: &Known, state_dir: &Path) -> Result<(), FormingError> {
    known
        .store(state_dir)
        .map_err(|source| FormingError::System {
            verb: "write the state directory",
            source,
        })
}
