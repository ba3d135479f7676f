//! Notices that come from other nodes, and the answers to those that went there.

use model::operation::{Notice, ResourceAddress};
use model::{Instant, OperationId};

use crate::node::Node;

impl Node {
    /// Another node tells what happens to a copy there. The operation that tells the copy here,
    /// if that runs.
    pub fn handle_notice(
        &mut self,
        address: &ResourceAddress,
        notice: Notice,
        now: Instant,
    ) -> Option<OperationId> {
        let told = self.executor.take_notice(address, notice);
        self.advance(now);
        told
    }

    /// The wait for the answer to a notice is over.
    pub fn handle_told(&mut self, id: OperationId, now: Instant) {
        self.executor.handle_told(id);
        self.advance(now);
    }
}
