//! Messages for members that are not reached directly, passed on by one that reaches both.
//!
//! The failure detector says who passes on for whom ([`Node::set_relays`]); nothing here
//! looks for a way itself. A message that is passed on is that of a member, from a member
//! to a member, and nobody looks into it but its receiver.

use std::collections::BTreeMap;

use model::{Instant, NodeId};
use wire::heartbeat::HOPS_MAX;

use crate::message::{PeerMessage, Relayed};
use crate::node::{Node, Output};

impl Node {
    /// Which members are reached by way of which others, from now on; all that are not named
    /// are reached directly.
    pub fn set_relays(&mut self, relays: BTreeMap<NodeId, NodeId>) {
        self.relays = relays;
    }

    /// Wraps what goes to a member that is not reached directly.
    pub(crate) fn routed(&self, output: Output) -> Output {
        let Output::Send { to, message } = output else {
            return output;
        };
        match (self.relays.get(&to), message) {
            (Some(via), message) if !matches!(message, PeerMessage::Relayed(_)) => {
                let relayed = Relayed {
                    from: self.config.id,
                    to,
                    hops: 1,
                    message: Box::new(message),
                };
                Output::Send {
                    to: *via,
                    message: PeerMessage::Relayed(relayed),
                }
            }
            (_, message) => Output::Send { to, message },
        }
    }

    /// Takes or passes on what `by` has passed on.
    pub(crate) fn take_relayed(&mut self, by: NodeId, relayed: Relayed, now: Instant) {
        let me = self.config.id;
        let Relayed {
            from, to, message, ..
        } = &relayed;
        let are_members = self.is_member(*from) && self.is_member(*to);
        if *from == me || !are_members || matches!(**message, PeerMessage::Relayed(_)) {
            return;
        }
        if *to != me {
            return self.pass_on(by, relayed);
        }
        // A message of the log names its sender itself.
        let is_honest = match &**message {
            PeerMessage::Raft(message) => message.from == *from,
            PeerMessage::Proposal { .. } | PeerMessage::ProposalReply { .. } => true,
            PeerMessage::Relayed(_) => false,
        };
        if is_honest {
            self.take_message(*from, *relayed.message, now);
        }
    }

    /// One step further. Two that take each other for the way, for a moment, lose it.
    fn pass_on(&mut self, by: NodeId, relayed: Relayed) {
        let next = *self.relays.get(&relayed.to).unwrap_or(&relayed.to);
        if HOPS_MAX <= relayed.hops || next == by || next == relayed.from {
            return;
        }
        let message = PeerMessage::Relayed(Relayed {
            hops: relayed.hops + 1,
            ..relayed
        });
        self.outputs.push_back(Output::Send { to: next, message });
    }

    fn is_member(&self, id: NodeId) -> bool {
        self.state.node_name(id).is_some() || self.raft.configuration().contains(id)
    }
}
