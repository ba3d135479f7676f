//! Seals heartbeats and opens them: ChaCha20-Poly1305 under a key of its own for each
//! directed pair of nodes and each run of the sender.
//!
//! ```text
//!   cluster key ──HKDF-SHA256── (label, cluster, sender, receiver, boot, incarnation, run) ──► key
//!   nonce  = 0000 ‖ counter          additional data = the clear header
//! ```
//!
//! A nonce is never used twice under one key: the counter only grows within a run, and
//! another run has another key. What is opened here is genuine, not necessarily fresh:
//! replays are the business of `membership::session`. There is no state here but a cache
//! of derived keys, and no randomness.

use std::collections::BTreeMap;
use std::fmt;

use model::NodeId;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::{digest, hkdf};

use crate::heartbeat::{
    ClusterTag, DecodeError, HEADER_BYTES, Header, Heartbeat, Origin, TAG_BYTES,
};

const LABEL_KEY: &[u8] = b"mainstay heartbeat key 2";
const LABEL_TAG: &[u8] = b"mainstay cluster tag 1";

/// The secret that all nodes of a cluster share; made at `init`, handed over at `join`.
#[derive(Clone)]
pub struct ClusterKey(pub [u8; 32]);

impl fmt::Debug for ClusterKey {
    /// Never shows the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterKey(..)")
    }
}

/// The tag that marks the packets of a cluster: a hash of its name and its key.
#[must_use]
pub fn cluster_tag(name: &str, key: &ClusterKey) -> ClusterTag {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(LABEL_TAG);
    context.update(&key.0);
    context.update(name.as_bytes());
    let hash = context.finish();
    let (front, _) = hash
        .as_ref()
        .split_first_chunk()
        .expect("SHA-256 has 32 bytes");
    ClusterTag(u64::from_be_bytes(*front))
}

/// Why a packet was not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Its bytes are no heartbeat.
    #[error("the packet cannot be read")]
    Decode(#[from] DecodeError),
    /// It belongs to another cluster.
    #[error("the packet is of another cluster")]
    Cluster,
    /// It is meant for another node, or was sent by this very node.
    #[error("the packet goes from node {sender} to node {receiver}, not to this one")]
    Receiver {
        /// Who sent it.
        sender: NodeId,
        /// For whom it is.
        receiver: NodeId,
    },
    /// It was not sealed with the key of the cluster, or altered.
    #[error("the packet that claims to be from node {0} is not genuine")]
    Forged(NodeId),
}

/// Seals and opens the packets of one node.
pub struct Seal {
    key: hkdf::Prk,
    cluster: ClusterTag,
    me: Origin,
    /// One per receiver; receivers are named by the caller, so they are members.
    sealing: BTreeMap<NodeId, LessSafeKey>,
    /// One per sender: that of its run heard last. Only an authentic packet gets a key in
    /// here, so strangers cannot make it grow.
    opening: BTreeMap<NodeId, (Origin, LessSafeKey)>,
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seal")
            .field("me", &self.me)
            .finish_non_exhaustive()
    }
}

impl Seal {
    /// For the packets of `me` in the cluster marked `cluster`.
    #[must_use]
    pub fn new(key: &ClusterKey, cluster: ClusterTag, me: Origin) -> Self {
        let key = hkdf::Salt::new(hkdf::HKDF_SHA256, LABEL_KEY).extract(&key.0);
        Self {
            key,
            cluster,
            me,
            sealing: BTreeMap::new(),
            opening: BTreeMap::new(),
        }
    }

    /// Writes the sealed packet into `out`, which is cleared first. Cluster and origin are
    /// filled in here, whatever the header says; the caller answers for a counter that is
    /// never used twice for one receiver.
    pub fn seal(&mut self, heartbeat: &Heartbeat, out: &mut Vec<u8>) {
        let header = Header {
            cluster: self.cluster,
            origin: self.me,
            ..heartbeat.header
        };
        out.clear();
        header.encode(out);
        heartbeat.encode_body(out);
        let (master, receiver) = (&self.key, header.receiver);
        let key = self
            .sealing
            .entry(receiver)
            .or_insert_with(|| derive(master, header.cluster, header.origin, receiver));
        let (clear, body) = out.split_at_mut(HEADER_BYTES);
        let tag = key
            .seal_in_place_separate_tag(nonce(header.counter), Aad::from(&*clear), body)
            .expect("a heartbeat is far shorter than the cipher's limit");
        out.extend_from_slice(tag.as_ref());
    }

    /// Opens a packet in place.
    ///
    /// # Errors
    /// When it is not a genuine packet of this cluster for this node.
    pub fn open(&mut self, packet: &mut [u8]) -> Result<Heartbeat, OpenError> {
        let (header, sealed) = Header::decode(packet)?;
        let sender = header.origin.node;
        if header.cluster != self.cluster {
            return Err(OpenError::Cluster);
        }
        if header.receiver != self.me.node || sender == self.me.node {
            return Err(OpenError::Receiver {
                sender,
                receiver: header.receiver,
            });
        }
        if sealed.len() < TAG_BYTES {
            let needed = HEADER_BYTES + TAG_BYTES;
            return Err(DecodeError::Length {
                needed,
                got: packet.len(),
            }
            .into());
        }
        let known = self
            .opening
            .get(&sender)
            .filter(|(origin, _)| *origin == header.origin);
        let fresh = match known {
            Some(_) => None,
            None => Some(derive(&self.key, self.cluster, header.origin, self.me.node)),
        };
        let key = fresh
            .as_ref()
            .or(known.map(|(_, key)| key))
            .expect("one of the two is there");
        let (clear, sealed) = packet.split_at_mut(HEADER_BYTES);
        let body = key
            .open_in_place(nonce(header.counter), Aad::from(&*clear), sealed)
            .map_err(|_| OpenError::Forged(sender))?;
        let heartbeat = Heartbeat::decode_body(header, body)?;
        if let Some(key) = fresh {
            self.opening.insert(sender, (header.origin, key));
        }
        Ok(heartbeat)
    }

    /// Forgets the keys of a node that is no member any more.
    pub fn forget(&mut self, node: NodeId) {
        self.sealing.remove(&node);
        self.opening.remove(&node);
    }
}

fn derive(
    master: &hkdf::Prk,
    cluster: ClusterTag,
    sender: Origin,
    receiver: NodeId,
) -> LessSafeKey {
    let info: [&[u8]; 6] = [
        &cluster.0.to_be_bytes(),
        &sender.node.0.to_be_bytes(),
        &receiver.0.to_be_bytes(),
        &sender.boot.0,
        &sender.incarnation.0.to_be_bytes(),
        &sender.run.0.to_be_bytes(),
    ];
    let material = master
        .expand(&info, &CHACHA20_POLY1305)
        .expect("32 bytes are within HKDF's limit");
    LessSafeKey::new(UnboundKey::from(material))
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
    use crate::heartbeat::tests::heartbeats;
    use crate::heartbeat::{Incarnation, RunId};

    fn origin(node: u64, run: u64) -> Origin {
        let boot = BootId([node as u8; 16]);
        Origin {
            node: NodeId(node),
            boot,
            incarnation: Incarnation(run),
            run: RunId(run),
        }
    }

    fn seal_of(node: u64, key: u8) -> Seal {
        Seal::new(&ClusterKey([key; 32]), ClusterTag(7), origin(node, 1))
    }

    fn packet(sender: &mut Seal, receiver: u64) -> Vec<u8> {
        let mut heartbeat = Heartbeat::default();
        heartbeat.header.receiver = NodeId(receiver);
        heartbeat.header.counter = 3;
        let mut bytes = Vec::new();
        sender.seal(&heartbeat, &mut bytes);
        bytes
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_as_it_was(heartbeat in heartbeats()) {
            let (mut a, mut b) = (seal_of(1, 9), seal_of(2, 9));
            let mut heartbeat = heartbeat;
            heartbeat.header.receiver = NodeId(2);
            let mut bytes = Vec::new();
            a.seal(&heartbeat, &mut bytes);
            heartbeat.header.cluster = ClusterTag(7);
            heartbeat.header.origin = origin(1, 1);
            prop_assert_eq!(b.open(&mut bytes), Ok(heartbeat));
        }

        #[test]
        fn one_changed_bit_anywhere_is_noticed(at in 0_usize..4096, bit in 0_u8..8) {
            let (mut a, mut b) = (seal_of(1, 9), seal_of(2, 9));
            let mut bytes = packet(&mut a, 2);
            let at = at % bytes.len();
            bytes[at] ^= 1_u8 << bit;
            prop_assert!(b.open(&mut bytes).is_err());
        }

        #[test]
        fn arbitrary_bytes_never_open(bytes in prop::collection::vec(any::<u8>(), 0..1500)) {
            let mut bytes = bytes;
            prop_assert!(seal_of(2, 9).open(&mut bytes).is_err());
        }
    }

    #[test]
    fn a_packet_is_refused_by_everyone_but_its_receiver() {
        let bytes = packet(&mut seal_of(1, 9), 2);
        let open = |seal: &mut Seal| seal.open(&mut bytes.clone());
        let (sender, receiver) = (NodeId(1), NodeId(2));
        assert!(open(&mut seal_of(2, 9)).is_ok());
        assert_eq!(
            open(&mut seal_of(3, 9)),
            Err(OpenError::Receiver { sender, receiver })
        );
        assert_eq!(open(&mut seal_of(2, 8)), Err(OpenError::Forged(NodeId(1))));
        let mut stranger = Seal::new(&ClusterKey([9; 32]), ClusterTag(8), origin(2, 1));
        assert_eq!(open(&mut stranger), Err(OpenError::Cluster));
    }

    #[test]
    fn a_new_run_of_the_sender_opens_beside_the_old_one() {
        let mut b = seal_of(2, 9);
        let mut old = seal_of(1, 9);
        let mut new = Seal::new(&ClusterKey([9; 32]), ClusterTag(7), origin(1, 2));
        assert!(b.open(&mut packet(&mut old, 2)).is_ok());
        assert!(b.open(&mut packet(&mut new, 2)).is_ok());
        // Genuine, though stale: the freshness rule lives in `membership::session`.
        assert!(b.open(&mut packet(&mut old, 2)).is_ok());
        assert_ne!(
            packet(&mut old, 2)[HEADER_BYTES..],
            packet(&mut new, 2)[HEADER_BYTES..]
        );
    }

    #[test]
    fn the_tag_of_a_cluster_depends_on_its_name_and_its_key() {
        let tag = cluster_tag("shop", &ClusterKey([1; 32]));
        assert_eq!(tag, cluster_tag("shop", &ClusterKey([1; 32])));
        assert_ne!(tag, cluster_tag("shop", &ClusterKey([2; 32])));
        assert_ne!(tag, cluster_tag("shoq", &ClusterKey([1; 32])));
    }
}
