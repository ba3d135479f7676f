//! Which feature levels the members know, and what follows from it for the log.

use std::collections::BTreeMap;

use model::{Command, Instant, NodeId, NodeName, Rejected, Stamped};

use crate::node::{Node, Output};

/// What is known of the programs of the members.
#[derive(Debug, Default)]
pub(crate) struct Levels {
    /// Of each peer, as it last said.
    of_peers: BTreeMap<NodeId, u32>,
    /// The entry that this program is too old for.
    pub too_new: Option<u64>,
}

impl Node {
    /// A peer has said which feature level its program knows.
    pub fn handle_level(&mut self, peer: NodeId, level: u32, now: Instant) {
        let is_news = self.levels.of_peers.insert(peer, level) != Some(level);
        // Where nothing can rise nothing is to be done.
        if is_news && self.state.level() < level {
            self.advance(now);
        }
    }

    /// The entry of the log that this program does not know, because a newer one made it. From
    /// there on nothing is applied: a guess would make this node differ from the others.
    #[must_use]
    pub fn too_new(&self) -> Option<u64> {
        self.levels.too_new
    }

    /// Members whose program does not know the level, as far as this node has heard.
    #[must_use]
    pub fn behind(&self, level: u32) -> Vec<NodeName> {
        let members = self.state.members();
        let behind = members.filter(|(_, id, _)| self.level_of(*id).is_none_or(|own| own < level));
        behind.map(|(name, _, _)| name.clone()).collect()
    }

    /// The feature level of a member's program, where it has said it to this node.
    #[must_use]
    pub fn level_of(&self, member: NodeId) -> Option<u32> {
        if member == self.config.id {
            return Some(self.config.level);
        }
        self.levels.of_peers.get(&member).copied()
    }

    /// The cluster's level rises when all members know a higher one.
    pub(crate) fn level_news(&self) -> Option<Command> {
        let members = self.state.members();
        let lowest = members.map(|(_, id, _)| self.level_of(id).unwrap_or_default());
        let level = lowest.min()?.min(self.config.level);
        (self.state.level() < level).then_some(Command::RaiseLevel { level })
    }

    /// Whether the command may be in the log by now.
    pub(crate) fn require_level(&self, command: &Command) -> Result<(), Rejected> {
        let (needs, has) = (command.level(), self.state.level());
        // The level itself rises by a command of the new one.
        if needs <= has || matches!(command, Command::RaiseLevel { .. }) {
            return Ok(());
        }
        let behind = self.behind(needs);
        Err(Rejected::NeedsLevel { needs, has, behind })
    }

    /// The same for the bytes of a command that is about to be proposed. What cannot be read
    /// comes from a newer program.
    pub(crate) fn require_level_of(&self, command: &[u8]) -> Result<(), Rejected> {
        if self.state.level() == self.config.level {
            return Ok(());
        }
        match serde_json::from_slice::<Stamped>(command) {
            Ok(stamped) => self.require_level(&stamped.command),
            Err(_) => Err(Rejected::Unknown),
        }
    }

    /// An entry that was committed and that this program does not know.
    pub(crate) fn meet_too_new(&mut self, index: u64) {
        self.levels.too_new = Some(index);
        self.outputs.push_back(Output::TooNew(index));
    }
}
