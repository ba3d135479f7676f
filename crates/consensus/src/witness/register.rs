//! How a cluster is taken in by a witness: once, over TLS, with a token.
//!
//! ```text
//!   node of the cluster                        witness
//!     │── TLS, ALPN mainstay-witness/1 ─────────►│  any client key; server key = token's
//!     │── ask {secret, cluster, key} ───────────►│  one frame of JSON
//!     │◄─ reply {public key, boot} ──────────────│  or a refusal
//! ```
//!
//! The key that is handed over is made for this witness alone (`wire::witness::seal`). TLS is
//! spoken here and never again: from then on there are sealed datagrams only.

use std::io;
use std::net::SocketAddr;

use model::BootId;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use wire::peer::ClusterId;
use wire::witness::seal::WitnessKey;

use super::token::{WitnessToken, WitnessTokenError};
use crate::join::{CONNECT_TIMEOUT, wall_time};
use crate::keys::{ClusterKey, NodeKey, PUBLIC_KEY_BYTES};
use crate::stream::{invalid, read_frame, write_frame};
use crate::tls::{self, Accept};
use crate::token::{SECRET_BYTES, secret_digest};

/// ALPN of the request to be taken in.
pub const ALPN_WITNESS: &[u8] = b"mainstay-witness/1";

/// The longest request or reply: a name and some keys, as numbers in JSON.
pub const FRAME_BYTES_MAX: usize = 4096;

/// For the witness to answer: it writes one small file.
pub const ANSWER_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// What a cluster says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterRequest {
    /// Its name, for people.
    pub name: String,
    /// Its identity.
    pub cluster: ClusterId,
    /// The key of all that will be said.
    pub key: [u8; 32],
}

/// What the witness says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterReply {
    /// Its public key; the same that opened the connection.
    pub key: [u8; PUBLIC_KEY_BYTES],
    /// The boot of its machine: a node of the cluster should not have the same.
    pub boot: BootId,
}

/// Why a witness said no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum RegisterRefusal {
    /// The token is not (or no longer) good.
    #[error("the token is unknown, used or expired; make a new one with `mainstay witness token`")]
    BadToken,
    /// Another key is known for this cluster.
    #[error("it knows this cluster with another key; `mainstay witness forget` there first")]
    OtherKey,
    /// The request makes no sense.
    #[error("the request makes no sense: {0}")]
    BadRequest(String),
    /// It cannot take in anybody now.
    #[error("it cannot take in a cluster now: {0}")]
    NotNow(String),
}

/// Why a cluster was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// The token itself is not good.
    #[error("the token cannot be used")]
    Token(#[from] WitnessTokenError),
    /// The key of this node cannot be used.
    #[error("the key of this node cannot be used")]
    Key(#[source] rustls::Error),
    /// No address of the token led to the witness.
    #[error("the witness cannot be reached:{}", list(attempts))]
    Unreachable {
        /// What was tried, and what happened there.
        attempts: Vec<(SocketAddr, io::Error)>,
    },
    /// The connection broke after the request was sent. The same again tells what came of it.
    #[error("the witness at {address} did not answer")]
    NoAnswer {
        /// Whom we asked.
        address: SocketAddr,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// The witness said no.
    #[error("the witness refused")]
    Refused(#[from] RegisterRefusal),
}

fn list(attempts: &[(SocketAddr, io::Error)]) -> String {
    attempts
        .iter()
        .map(|(address, error)| format!("\n  {address}: {error}"))
        .collect()
}

/// What travels from a node to the witness.
#[derive(Serialize, Deserialize)]
pub(super) struct Ask {
    secret: [u8; SECRET_BYTES],
    pub(super) request: RegisterRequest,
}

impl Ask {
    pub(super) fn token_digest(&self) -> String {
        secret_digest(&self.secret)
    }
}

/// What travels back.
pub(super) type Answer = Result<RegisterReply, RegisterRefusal>;

/// Who asks to be taken in.
#[derive(Debug)]
pub struct Registrant<'a> {
    /// The key of this node, which opens the connection.
    pub key: &'a NodeKey,
    /// The name of its cluster.
    pub name: &'a str,
    /// Its identity.
    pub cluster: ClusterId,
    /// Its secret, of which the key for this witness is made.
    pub cluster_key: &'a ClusterKey,
}

/// Asks the witness that made the token to take in the cluster: tries each address of the
/// token, and speaks only to the key that the token names. Returns the address that led there.
/// It may be repeated with the same token as long as the cluster's key stays.
///
/// # Errors
/// When the token is bad, nobody can be reached, or the witness refuses.
pub async fn register(
    token: &WitnessToken,
    who: Registrant<'_>,
) -> Result<(SocketAddr, RegisterReply), RegisterError> {
    token.check_time(wall_time())?;
    let accept = Accept::Fingerprint(token.0.server);
    let config = tls::client_config(who.key, accept, ALPN_WITNESS).map_err(RegisterError::Key)?;
    let connector = TlsConnector::from(config);
    let mut attempts = Vec::new();
    for address in &token.0.addresses {
        let connecting = timeout(CONNECT_TIMEOUT, connect(&connector, *address));
        let mut stream = match connecting.await.unwrap_or_else(|late| Err(late.into())) {
            Ok(stream) => stream,
            Err(error) => {
                attempts.push((*address, error));
                continue;
            }
        };
        let asking = timeout(ANSWER_TIMEOUT, exchange(&mut stream, token, &who));
        let answer = asking.await.unwrap_or_else(|late| Err(late.into()));
        let reply = answer.map_err(|source| RegisterError::NoAnswer {
            address: *address,
            source,
        })??;
        return Ok((*address, reply));
    }
    Err(RegisterError::Unreachable { attempts })
}

type ClientStream = tokio_rustls::client::TlsStream<TcpStream>;

async fn connect(connector: &TlsConnector, address: SocketAddr) -> io::Result<ClientStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    connector.connect(tls::server_name(), stream).await
}

async fn exchange(
    stream: &mut ClientStream,
    token: &WitnessToken,
    who: &Registrant<'_>,
) -> io::Result<Answer> {
    // The key of the witness is known only now: the token has no more than its fingerprint.
    let shown = stream
        .get_ref()
        .1
        .peer_certificates()
        .and_then(<[_]>::first);
    let witness = shown
        .and_then(|shown| tls::public_key(shown))
        .ok_or_else(|| io::Error::other("the witness has shown no key"))?;
    let key = WitnessKey::derive(&who.cluster_key.for_seal(), who.cluster, &witness);
    let ask = Ask {
        secret: token.0.secret,
        request: RegisterRequest {
            name: who.name.to_owned(),
            cluster: who.cluster,
            key: key.0,
        },
    };
    write_frame(stream, &serde_json::to_vec(&ask).expect("plain data")).await?;
    let answer = read_frame(stream, FRAME_BYTES_MAX).await?;
    let answer: Answer = serde_json::from_slice(&answer).map_err(invalid)?;
    match answer {
        Ok(reply) if reply.key != witness => Err(io::Error::other("the witness named another key")),
        answer => Ok(answer),
    }
}
