//! Seals requests and answers: ChaCha20-Poly1305 under a key of its own for each run of a
//! node's daemon, in each direction.
//!
//! ```text
//!   cluster key ─HKDF(label, cluster, witness's public key)─► witness key    (one per witness)
//!   witness key ─HKDF(label, cluster, node, boot, incarnation, run)─► requests of this run
//!   witness key ─HKDF(label, the same, session)────────────────────► answers to this run
//!   nonce = 0000 ‖ counter             additional data = the clear header
//! ```
//!
//! What [`WitnessSeal::open`] lets through is genuine *and* fresh. A replayed request is void:
//! within a run counters only grow; and a run that the witness does not speak with at the
//! moment must first repeat a session that the witness made for it just now. Sessions are made
//! from a secret of the witness's own run, so no session of an earlier run is accepted.
//! What [`NodeSeal::open`] lets through answers a request that the caller can name by its
//! counter. There is no randomness here: the secret is given.

use std::collections::BTreeMap;
use std::fmt;

use model::NodeId;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf;

use super::{
    ANSWER_HEADER_BYTES, Answer, AnswerHeader, DecodeError, REQUEST_HEADER_BYTES, Request,
    RequestHeader, Session,
};
use crate::heartbeat::Origin;
use crate::peer::ClusterId;
use crate::seal::ClusterKey;

const LABEL_WITNESS: &[u8] = b"mainstay witness key 1";
const LABEL_REQUEST: &[u8] = b"mainstay witness request 1";
const LABEL_ANSWER: &[u8] = b"mainstay witness answer 1";
const LABEL_SESSION: &[u8] = b"mainstay witness session 1";

/// Nodes of one cluster that a witness speaks with. A cluster has at most 64 members; those
/// that were replaced since the witness started are few.
pub const NODES_MAX: usize = 256;

/// What a cluster and one witness share. The witness cannot make the cluster's own key of it,
/// nor what another witness was given.
#[derive(Clone, PartialEq, Eq)]
pub struct WitnessKey(pub [u8; 32]);

impl WitnessKey {
    /// The key for the witness with this public key.
    #[must_use]
    pub fn derive(key: &ClusterKey, cluster: ClusterId, witness: &[u8; 32]) -> Self {
        let master = hkdf::Salt::new(hkdf::HKDF_SHA256, LABEL_WITNESS).extract(&key.0);
        let mut made = [0; 32];
        fill(&master, &[&cluster.0, witness], &mut made);
        Self(made)
    }
}

impl fmt::Debug for WitnessKey {
    /// Never shows the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WitnessKey(..)")
    }
}

/// Why a packet was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Its bytes are no such packet.
    #[error("the packet cannot be read")]
    Decode(#[from] DecodeError),
    /// It belongs to another cluster or another node.
    #[error("the packet is for somebody else")]
    Address,
    /// It was not sealed with the shared key, or altered.
    #[error("the packet is not genuine")]
    Forged,
    /// It was genuine once.
    #[error("the packet was seen before")]
    Replayed,
    /// More nodes than a cluster can have.
    #[error("too many nodes of one cluster")]
    TooMany,
}

/// The node's side.
pub struct NodeSeal {
    master: hkdf::Prk,
    cluster: ClusterId,
    me: Origin,
    requests: LessSafeKey,
    /// That of the session heard last.
    answers: Option<(Session, LessSafeKey)>,
}

impl fmt::Debug for NodeSeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let me = self.me;
        f.debug_struct("NodeSeal")
            .field("me", &me)
            .finish_non_exhaustive()
    }
}

impl NodeSeal {
    /// For what `me` says to the witness that has `key`.
    #[must_use]
    pub fn new(key: &WitnessKey, cluster: ClusterId, me: Origin) -> Self {
        let master = master(key);
        let requests = request_key(&master, cluster, me);
        Self {
            master,
            cluster,
            me,
            requests,
            answers: None,
        }
    }

    /// Writes the sealed packet into `out`, which is cleared first. The session is filled in
    /// here: that of the last answer. The caller answers for a counter that only grows.
    pub fn seal(&self, counter: u64, request: &Request, out: &mut Vec<u8>) {
        out.clear();
        let header = RequestHeader {
            cluster: self.cluster,
            origin: self.me,
            counter,
        };
        header.encode(out);
        let session = self
            .answers
            .as_ref()
            .map_or(Session::default(), |(session, _)| *session);
        Request {
            session,
            ..request.clone()
        }
        .encode(out);
        seal_in_place(&self.requests, counter, REQUEST_HEADER_BYTES, out);
    }

    /// Opens an answer in place.
    ///
    /// # Errors
    /// When it is no genuine answer to this run.
    pub fn open(&mut self, packet: &mut [u8]) -> Result<Answer, OpenError> {
        let header = AnswerHeader::decode(packet)?;
        if header.cluster != self.cluster || header.node != self.me.node {
            return Err(OpenError::Address);
        }
        let known = self
            .answers
            .as_ref()
            .is_some_and(|(session, _)| *session == header.session);
        let fresh =
            (!known).then(|| answer_key(&self.master, (self.cluster, self.me), header.session));
        let key = fresh
            .as_ref()
            .or(self.answers.as_ref().map(|(_, key)| key))
            .expect("one of the two is there");
        let body = open_in_place(key, header.counter, ANSWER_HEADER_BYTES, packet)?;
        let answer = Answer::decode(body)?;
        if let Some(key) = fresh {
            self.answers = Some((header.session, key));
        }
        Ok(answer)
    }
}

/// A request that is genuine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Whose.
    pub header: RequestHeader,
    /// What it says.
    pub request: Request,
    /// Whether it may be acted on.
    pub standing: Standing,
}

/// Whether a genuine request may be acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It was made for this conversation and never seen before.
    Fresh,
    /// It may be a replay, or is the first word of a run: answer nothing but the session.
    Stranger,
}

/// The run of a node's daemon that the witness speaks with.
struct Conversation {
    origin: Origin,
    /// The highest counter that was let through.
    counter: u64,
    requests: LessSafeKey,
    answers: LessSafeKey,
}

/// The witness's side, for one cluster.
pub struct WitnessSeal {
    master: hkdf::Prk,
    cluster: ClusterId,
    /// Of this run of the witness.
    secret: hkdf::Prk,
    nodes: BTreeMap<NodeId, Known>,
    /// Of the next answer, over all nodes.
    counter: u64,
}

/// What is known of a node.
#[derive(Default)]
struct Known {
    /// How many runs it was spoken with. In each session, so that an old session of a run
    /// that came back is not accepted again.
    runs: u64,
    now: Option<Conversation>,
}

impl fmt::Debug for WitnessSeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WitnessSeal")
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}

impl WitnessSeal {
    /// For one cluster; `secret` is drawn at random at each start of the witness.
    #[must_use]
    pub fn new(key: &WitnessKey, cluster: ClusterId, secret: &[u8; 32]) -> Self {
        Self {
            master: master(key),
            cluster,
            secret: hkdf::Salt::new(hkdf::HKDF_SHA256, LABEL_SESSION).extract(secret),
            nodes: BTreeMap::new(),
            counter: 0,
        }
    }

    /// Opens a request in place.
    ///
    /// # Errors
    /// When it is no genuine request of this cluster, or one that was let through before.
    pub fn open(&mut self, packet: &mut [u8]) -> Result<Opened, OpenError> {
        let header = RequestHeader::decode(packet)?;
        if header.cluster != self.cluster {
            return Err(OpenError::Address);
        }
        let origin = header.origin;
        let now = self
            .nodes
            .get(&origin.node)
            .and_then(|known| known.now.as_ref())
            .filter(|now| now.origin == origin);
        let made = match now {
            Some(_) => None,
            None => Some(request_key(&self.master, self.cluster, origin)),
        };
        let key = made
            .as_ref()
            .or(now.map(|now| &now.requests))
            .expect("one of the two is there");
        let body = open_in_place(key, header.counter, REQUEST_HEADER_BYTES, packet)?;
        let request = Request::decode(body)?;
        let standing = self.judge(&header, request.session)?;
        Ok(Opened {
            header,
            request,
            standing,
        })
    }

    /// Whether a genuine request is fresh; a run that proves to be here becomes the one that
    /// the witness speaks with.
    fn judge(&mut self, header: &RequestHeader, told: Session) -> Result<Standing, OpenError> {
        let origin = header.origin;
        let expected = self.session(origin);
        let is_crowded = NODES_MAX <= self.nodes.len();
        if is_crowded && !self.nodes.contains_key(&origin.node) {
            return Err(OpenError::TooMany);
        }
        let known = self.nodes.entry(origin.node).or_default();
        if let Some(now) = known.now.as_mut().filter(|now| now.origin == origin) {
            if header.counter <= now.counter {
                return Err(OpenError::Replayed);
            }
            now.counter = header.counter;
            return Ok(match told == expected {
                true => Standing::Fresh,
                false => Standing::Stranger,
            });
        }
        if told != expected {
            return Ok(Standing::Stranger);
        }
        known.runs += 1;
        let session = session_of(&self.secret, self.cluster, (origin, known.runs));
        known.now = Some(Conversation {
            origin,
            counter: header.counter,
            requests: request_key(&self.master, self.cluster, origin),
            answers: answer_key(&self.master, (self.cluster, origin), session),
        });
        Ok(Standing::Fresh)
    }

    /// The session that this run of a node must show.
    fn session(&self, origin: Origin) -> Session {
        let known = self.nodes.get(&origin.node);
        let is_now = known
            .and_then(|known| known.now.as_ref())
            .is_some_and(|now| now.origin == origin);
        let runs = known.map_or(0, |known| known.runs);
        let run = if is_now { runs } else { runs + 1 };
        session_of(&self.secret, self.cluster, (origin, run))
    }

    /// Writes the sealed answer to a request that was opened here into `out`, which is
    /// cleared first.
    pub fn seal(&mut self, origin: Origin, answer: &Answer, out: &mut Vec<u8>) {
        self.counter += 1;
        let header = AnswerHeader {
            cluster: self.cluster,
            node: origin.node,
            session: self.session(origin),
            counter: self.counter,
        };
        out.clear();
        header.encode(out);
        answer.encode(out);
        let now = self
            .nodes
            .get(&origin.node)
            .and_then(|known| known.now.as_ref())
            .filter(|now| now.origin == origin);
        match now {
            Some(now) => seal_in_place(&now.answers, self.counter, ANSWER_HEADER_BYTES, out),
            None => {
                let key = answer_key(&self.master, (self.cluster, origin), header.session);
                seal_in_place(&key, self.counter, ANSWER_HEADER_BYTES, out);
            }
        }
    }
}

fn master(key: &WitnessKey) -> hkdf::Prk {
    hkdf::Salt::new(hkdf::HKDF_SHA256, LABEL_WITNESS).extract(&key.0)
}

fn request_key(master: &hkdf::Prk, cluster: ClusterId, origin: Origin) -> LessSafeKey {
    derive(master, LABEL_REQUEST, (cluster, origin), Session::default())
}

fn answer_key(master: &hkdf::Prk, run: (ClusterId, Origin), session: Session) -> LessSafeKey {
    derive(master, LABEL_ANSWER, run, session)
}

fn derive(
    master: &hkdf::Prk,
    label: &[u8],
    (cluster, origin): (ClusterId, Origin),
    session: Session,
) -> LessSafeKey {
    let numbers = origin_bytes(origin);
    let info: [&[u8]; 4] = [label, &cluster.0, &numbers, &session.0];
    let material = master
        .expand(&info, &CHACHA20_POLY1305)
        .expect("32 bytes are within HKDF's limit");
    LessSafeKey::new(UnboundKey::from(material))
}

fn session_of(secret: &hkdf::Prk, cluster: ClusterId, (origin, run): (Origin, u64)) -> Session {
    let mut session = [0; 16];
    let numbers = origin_bytes(origin);
    fill(
        secret,
        &[&cluster.0, &numbers, &run.to_be_bytes()],
        &mut session,
    );
    Session(session)
}

fn origin_bytes(origin: Origin) -> Vec<u8> {
    let numbers = [origin.node.0, origin.incarnation.0, origin.run.0];
    let mut bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_be_bytes()).collect();
    bytes.extend_from_slice(&origin.boot.0);
    bytes
}

/// How many bytes `fill` wants.
struct Wanted(usize);

impl hkdf::KeyType for Wanted {
    fn len(&self) -> usize {
        self.0
    }
}

fn fill(from: &hkdf::Prk, info: &[&[u8]], out: &mut [u8]) {
    from.expand(info, Wanted(out.len()))
        .and_then(|material| material.fill(out))
        .expect("a few bytes are within HKDF's limit");
}

fn seal_in_place(key: &LessSafeKey, counter: u64, header: usize, packet: &mut Vec<u8>) {
    let (clear, body) = packet.split_at_mut(header);
    let tag = key
        .seal_in_place_separate_tag(nonce(counter), Aad::from(&*clear), body)
        .expect("a packet is far shorter than the cipher's limit");
    packet.extend_from_slice(tag.as_ref());
}

fn open_in_place<'a>(
    key: &LessSafeKey,
    counter: u64,
    header: usize,
    packet: &'a mut [u8],
) -> Result<&'a [u8], OpenError> {
    let (clear, sealed) = packet.split_at_mut(header);
    key.open_in_place(nonce(counter), Aad::from(&*clear), sealed)
        .map(|body| &*body)
        .map_err(|_| OpenError::Forged)
}

fn nonce(counter: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&counter.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

#[cfg(test)]
mod tests {
    use model::BootId;
    use proptest::prelude::*;

    use super::*;
    use crate::heartbeat::{Incarnation, RunId};
    use crate::witness::Verdict;
    use crate::witness::tests::{answers, requests};

    const CLUSTER: ClusterId = ClusterId([5; 16]);

    fn key(byte: u8) -> WitnessKey {
        WitnessKey::derive(&ClusterKey([byte; 32]), CLUSTER, &[3; 32])
    }

    fn origin(node: u64, run: u64) -> Origin {
        Origin {
            node: NodeId(node),
            boot: BootId([node as u8; 16]),
            incarnation: Incarnation(run),
            run: RunId(run),
        }
    }

    fn node(number: u64, run: u64) -> NodeSeal {
        NodeSeal::new(&key(9), CLUSTER, origin(number, run))
    }

    fn witness(secret: u8) -> WitnessSeal {
        WitnessSeal::new(&key(9), CLUSTER, &[secret; 32])
    }

    fn packet(node: &NodeSeal, counter: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        node.seal(counter, &Request::default(), &mut bytes);
        bytes
    }

    fn standing(witness: &mut WitnessSeal, packet: &[u8]) -> Result<Standing, OpenError> {
        let mut packet = packet.to_vec();
        witness.open(&mut packet).map(|opened| opened.standing)
    }

    /// The witness's answer to a run of a node, heard by it.
    fn introduce(witness: &mut WitnessSeal, node: &mut NodeSeal) {
        let mut bytes = Vec::new();
        witness.seal(node.me, &Answer::default(), &mut bytes);
        node.open(&mut bytes).unwrap();
    }

    #[test]
    fn a_run_is_heard_once_it_repeats_the_session_that_the_witness_made_for_it() {
        let (mut witness, mut node) = (witness(1), node(1, 1));
        let first = packet(&node, 1);
        assert_eq!(standing(&mut witness, &first), Ok(Standing::Stranger));
        introduce(&mut witness, &mut node);
        let second = packet(&node, 2);
        assert_eq!(standing(&mut witness, &second), Ok(Standing::Fresh));
        for replay in [&first, &second] {
            assert_eq!(standing(&mut witness, replay), Err(OpenError::Replayed));
        }
        let third = packet(&node, 3);
        assert_eq!(standing(&mut witness, &third), Ok(Standing::Fresh));
    }

    #[test]
    fn what_a_run_said_before_the_witness_restarted_is_void() {
        let (mut before, mut node) = (witness(1), node(1, 1));
        standing(&mut before, &packet(&node, 1)).unwrap();
        introduce(&mut before, &mut node);
        let said = packet(&node, 2);
        let mut after = witness(2);
        assert_eq!(standing(&mut after, &said), Ok(Standing::Stranger));
        introduce(&mut after, &mut node);
        assert_eq!(standing(&mut after, &said), Ok(Standing::Stranger));
        assert_eq!(standing(&mut after, &packet(&node, 3)), Ok(Standing::Fresh));
        assert_eq!(standing(&mut after, &said), Err(OpenError::Replayed));
    }

    #[test]
    fn what_an_earlier_run_said_is_void_once_a_later_one_is_heard() {
        let mut witness = witness(1);
        let (mut old, mut new) = (node(1, 1), node(1, 2));
        introduce(&mut witness, &mut old);
        let said = packet(&old, 5);
        assert_eq!(standing(&mut witness, &said), Ok(Standing::Fresh));
        introduce(&mut witness, &mut new);
        assert_eq!(
            standing(&mut witness, &packet(&new, 1)),
            Ok(Standing::Fresh)
        );
        assert_eq!(standing(&mut witness, &said), Ok(Standing::Stranger));
        assert_eq!(
            standing(&mut witness, &packet(&new, 2)),
            Ok(Standing::Fresh)
        );
    }

    #[test]
    fn a_witness_cannot_open_what_was_said_to_another() {
        let mut other = WitnessSeal::new(
            &WitnessKey::derive(&ClusterKey([9; 32]), CLUSTER, &[4; 32]),
            CLUSTER,
            &[1; 32],
        );
        let said = packet(&node(1, 1), 1);
        assert_eq!(standing(&mut other, &said), Err(OpenError::Forged));
        assert_ne!(key(9), key(8));
    }

    #[test]
    fn an_answer_opens_at_the_run_that_it_is_for_and_nowhere_else() {
        let mut witness = witness(1);
        let mut bytes = Vec::new();
        let answer = Answer {
            echo: 7,
            verdict: Verdict::Outdated,
        };
        witness.seal(origin(1, 1), &answer, &mut bytes);
        assert_eq!(node(1, 1).open(&mut bytes.clone()), Ok(answer));
        assert_eq!(node(1, 2).open(&mut bytes.clone()), Err(OpenError::Forged));
        assert_eq!(node(2, 1).open(&mut bytes), Err(OpenError::Address));
    }

    #[test]
    fn a_cluster_cannot_make_a_witness_remember_nodes_without_end() {
        let mut witness = witness(1);
        for number in 1..=NODES_MAX as u64 {
            standing(&mut witness, &packet(&node(number, 1), 1)).unwrap();
        }
        let more = packet(&node(9999, 1), 1);
        assert_eq!(standing(&mut witness, &more), Err(OpenError::TooMany));
        let known = packet(&node(1, 1), 2);
        assert_eq!(standing(&mut witness, &known), Ok(Standing::Stranger));
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_as_it_was(request in requests(), answer in answers()) {
            let (mut witness, mut node) = (witness(1), node(1, 1));
            let mut bytes = Vec::new();
            node.seal(1, &request, &mut bytes);
            let opened = witness.open(&mut bytes).unwrap().request;
            prop_assert_eq!(opened, Request { session: Session::default(), ..request });
            witness.seal(node.me, &answer, &mut bytes);
            prop_assert_eq!(node.open(&mut bytes), Ok(answer));
        }

        #[test]
        fn one_changed_bit_anywhere_is_noticed(at in 0_usize..4096, bit in 0_u8..8) {
            let (mut witness, mut node) = (witness(1), node(1, 1));
            let mut request = packet(&node, 1);
            let place = at % request.len();
            request[place] ^= 1_u8 << bit;
            prop_assert!(witness.open(&mut request).is_err());
            let mut answer = Vec::new();
            witness.seal(node.me, &Answer::default(), &mut answer);
            let place = at % answer.len();
            answer[place] ^= 1_u8 << bit;
            prop_assert!(node.open(&mut answer).is_err());
        }

        #[test]
        fn arbitrary_bytes_never_open(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = bytes;
            prop_assert!(witness(1).open(&mut bytes).is_err());
            prop_assert!(node(1, 1).open(&mut bytes).is_err());
        }
    }
}
