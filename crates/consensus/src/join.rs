//! The way into a cluster: a machine that holds a token asks the node that made it to be
//! made a member, over TLS, after checking that node's key against the token.
//!
//! ```text
//!   joiner                                     member
//!     │── TLS, ALPN mainstay-join/1 ────────────►│  any client key; server key = token's
//!     │── ask {secret, request} ────────────────►│  one frame of JSON
//!     │◄─ reply {member id, cluster key, ...} ───│  or a refusal
//! ```
//!
//! The member hands the request to its control loop and passes the answer on; whether the
//! token is good is decided there, by the replicated state.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use model::spec::Attachment;
use model::{BootId, Lineage, NetworkName, NodeId, NodeName, WallTime};
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use wire::peer::{ClusterId, FRAME_BYTES_MAX};

use crate::keys::{ClusterKey, KeyError, NodeKey, PUBLIC_KEY_BYTES};
use crate::stream::{invalid, read_frame, write_frame};
use crate::tls::{self, ALPN_JOIN, Accept};
use crate::token::{SECRET_BYTES, Token, TokenError, secret_digest};

/// The longest request that a stranger may send: a name, a key and some networks.
pub const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// For one address to take the connection and prove its key: three retransmissions on a LAN
/// with a margin.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// For the member to answer: the cluster may have to elect a leader and commit first.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// What a machine says about itself when it asks to become a member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JoinRequest {
    /// The name it wants to have.
    pub name: NodeName,
    /// Its public key; must be the one that opened the connection.
    pub key: [u8; PUBLIC_KEY_BYTES],
    /// Its present boot.
    pub boot: BootId,
    /// Where it sits on the networks, where the configuration does not say so yet.
    pub attachments: BTreeMap<NetworkName, Attachment>,
    /// The feature level that its program knows.
    #[serde(default = "level_first")]
    pub feature_level: u32,
}

fn level_first() -> u32 {
    model::level::LEVEL_FIRST
}

/// A member as a joiner gets to know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinedMember {
    /// Its number.
    pub id: NodeId,
    /// Its name.
    pub name: NodeName,
    /// Its public key.
    pub key: [u8; PUBLIC_KEY_BYTES],
    /// Where it listens, in the order of the networks.
    pub addresses: Vec<SocketAddr>,
}

/// What a new member needs to take part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinReply {
    /// The number given to it.
    pub id: NodeId,
    /// The cluster's name.
    pub cluster: String,
    /// The cluster's identity.
    pub cluster_id: ClusterId,
    /// The secret that all members share.
    pub cluster_key: ClusterKey,
    /// All members, the new one too.
    pub members: Vec<JoinedMember>,
    /// The live configuration as text.
    pub spec_source: String,
    /// The history of the log that the new member will receive; it takes in no other.
    pub lineage: Lineage,
}

/// Why a member said no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// The token is not (or no longer) good.
    #[error("the token is unknown, used or expired; make a new one with `mainstay token`")]
    BadToken,
    /// The name is taken by another machine.
    #[error("a node {0} is a member already; choose another name, or remove that one first")]
    NameTaken(NodeName),
    /// The request contradicts itself or the connection.
    #[error("the request makes no sense: {0}")]
    BadRequest(String),
    /// The cluster cannot decide at the moment.
    #[error("the cluster cannot decide now: {0}; try again")]
    NotNow(String),
    /// Anything else that the cluster decided.
    #[error("{0}")]
    Refused(String),
}

/// Why a join did not happen.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The token itself is not good.
    #[error("the token cannot be used")]
    Token(#[from] TokenError),
    /// The key of this node cannot be used.
    #[error("the key of this node cannot be used")]
    Key(#[source] rustls::Error),
    /// No address of the token led to the cluster.
    #[error("no member could be reached:{}", list(attempts))]
    Unreachable {
        /// What was tried, and what happened there.
        attempts: Vec<(SocketAddr, io::Error)>,
    },
    /// The connection broke after the request was sent; the cluster may have accepted it.
    /// Joining again with the same token and key tells.
    #[error("{address} did not answer; ask for `mainstay status` there before trying again")]
    NoAnswer {
        /// Whom we asked.
        address: SocketAddr,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// A member said no.
    #[error("the cluster refused")]
    Refused(#[from] Refusal),
}

fn list(attempts: &[(SocketAddr, io::Error)]) -> String {
    attempts
        .iter()
        .map(|(address, error)| format!("\n  {address}: {error}"))
        .collect()
}

/// What travels from joiner to member.
#[derive(Serialize, Deserialize)]
pub(crate) struct Ask {
    secret: [u8; SECRET_BYTES],
    pub(crate) request: JoinRequest,
}

impl Ask {
    pub(crate) fn token_digest(&self) -> String {
        secret_digest(&self.secret)
    }
}

/// What travels back.
pub(crate) type Answer = Result<JoinReply, Refusal>;

/// Asks to become a member: tries each address of the token, and speaks only to the key
/// that the token names.
///
/// # Errors
/// When the token is bad, nobody can be reached, or the cluster refuses.
pub async fn join(
    token: &Token,
    key: &NodeKey,
    request: JoinRequest,
) -> Result<JoinReply, JoinError> {
    token.check_time(wall_time())?;
    let accept = Accept::Fingerprint(token.server);
    let config = tls::client_config(key, accept, ALPN_JOIN).map_err(JoinError::Key)?;
    let connector = TlsConnector::from(config);
    let ask = Ask {
        secret: token.secret,
        request,
    };
    let ask = serde_json::to_vec(&ask).expect("plain data");
    let mut attempts = Vec::new();
    for address in &token.addresses {
        let connecting = timeout(CONNECT_TIMEOUT, connect(&connector, *address));
        let mut stream = match connecting.await.unwrap_or_else(|late| Err(late.into())) {
            Ok(stream) => stream,
            Err(error) => {
                attempts.push((*address, error));
                continue;
            }
        };
        let asking = timeout(ANSWER_TIMEOUT, exchange(&mut stream, &ask));
        let answer = asking.await.unwrap_or_else(|late| Err(late.into()));
        let no_answer = |source| JoinError::NoAnswer {
            address: *address,
            source,
        };
        return Ok(answer.map_err(no_answer)??);
    }
    Err(JoinError::Unreachable { attempts })
}

type ClientStream = tokio_rustls::client::TlsStream<TcpStream>;

async fn connect(connector: &TlsConnector, address: SocketAddr) -> io::Result<ClientStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    connector.connect(tls::server_name(), stream).await
}

async fn exchange(stream: &mut ClientStream, ask: &[u8]) -> io::Result<Answer> {
    write_frame(stream, ask).await?;
    let answer = read_frame(stream, FRAME_BYTES_MAX).await?;
    serde_json::from_slice(&answer).map_err(invalid)
}

/// What the wall clock shows. The only place in this crate that looks at it.
pub(crate) fn wall_time() -> WallTime {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    WallTime(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

impl Serialize for ClusterKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ClusterKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <[u8; 32]>::deserialize(deserializer).map(Self)
    }
}

impl From<KeyError> for Refusal {
    fn from(error: KeyError) -> Self {
        Self::NotNow(error.to_string())
    }
}
