//! Which feature levels the members know, and what follows from it for the log.

use std::collections::BTreeMap;

use model::{Command, Instant, NodeId, NodeName, Rejected, Stamped};
use raft::Restored;
use state::State;
use wire::raft::{Entry, Payload};

use crate::node::{Node, Output};

/// What is known of the programs of the members.
#[derive(Debug, Default)]
pub(crate) struct Levels {
    /// Of each peer, as it last said.
    of_peers: BTreeMap<NodeId, u32>,
    /// The entry that this program is too old for.
    pub too_new: Option<u64>,
}

/// The entry of a log on disk that a program of that level does not know, if it was committed:
/// a daemon looks before it lets others hear of it, so that they do not see it come and go.
#[must_use]
pub fn too_new_in(disk: &Restored, level: u32) -> Option<u64> {
    if let Some((meta, data)) = &disk.snapshot
        && !data.is_empty()
        && !State::from_snapshot(data).is_ok_and(|state| state.level() <= level)
    {
        return Some(meta.index);
    }
    let mut committed = disk
        .entries
        .iter()
        .take_while(|entry| entry.index <= disk.hard_state.commit);
    let is_known = |entry: &Entry| match &entry.payload {
        Payload::Empty | Payload::Voters(_) | Payload::Forced(_) => true,
        Payload::Command(bytes) => serde_json::from_slice::<Stamped>(bytes)
            .is_ok_and(|stamped| stamped.command.level() <= level),
    };
    let unknown = committed.find(|entry| !is_known(entry));
    unknown.map(|entry| entry.index)
}

impl Node {
    /// A peer has said which feature level its program knows.
    pub fn handle_level(&mut self, peer: NodeId, level: u32, now: Instant) {
        let is_news = self.levels.of_peers.insert(peer, level) != Some(level);
        // Who does not lead can raise nothing.
        if is_news && self.is_leader() && self.state.level() < level {
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
        let needs = command.level();
        let has = match command {
            // The cluster begins at the level of its first member, and with its configuration.
            Command::AddMember { level, .. } if self.state.members().next().is_none() => *level,
            _later => self.state.level(),
        };
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::spec::{ClusterSpec, FENCE_RACE_DELAY_DEFAULT, NetworkSpec, PORT_DEFAULT, Timings};
    use model::{BootId, ClusterTime, Lineage, Spec, WallTime};
    use raft::Raft;
    use wire::raft::{Configuration, HardState, SnapshotMeta};

    use super::*;
    use crate::NodeConfig;

    const ID: NodeId = NodeId(1);

    /// A network of it has what only level 2 knows.
    fn spec_of_level_2() -> Spec {
        let network = NetworkSpec {
            barred_for: Duration::from_secs(6),
            ..NetworkSpec::default()
        };
        Spec {
            cluster: ClusterSpec {
                name: "numbers".into(),
                port: PORT_DEFAULT,
                timings: Timings::DEFAULT,
                fences_per_hour_max: 3,
                no_quorum: model::spec::NoQuorumPolicy::Stop,
                fence_race_delay: FENCE_RACE_DELAY_DEFAULT,
                ping_targets: Vec::new(),
                rules: Default::default(),
            },
            networks: BTreeMap::from([(model::NetworkName::new("lan").unwrap(), network)]),
            nodes: BTreeMap::new(),
            fence_devices: BTreeMap::new(),
            services: BTreeMap::new(),
        }
    }

    /// The first member and its configuration.
    fn first() -> Command {
        Command::AddMember {
            name: NodeName::new("a").unwrap(),
            key: [0; 32],
            token: String::new(),
            spec: Some(Box::new((String::new(), spec_of_level_2()))),
            level: 2,
        }
    }

    /// A node whose program knows that level, and whose disk holds that state.
    fn node_at(level: u32, state: &State) -> Node {
        let (now, index, lineage) = (Instant::default(), 1, Lineage::default());
        let configuration = Configuration {
            voters: std::iter::once(ID).collect(),
            ..Configuration::default()
        };
        let meta = SnapshotMeta {
            index,
            term: 1,
            configuration,
            lineage,
        };
        let disk = Restored {
            hard_state: HardState {
                term: 1,
                commit: index,
                lineage,
                ..HardState::default()
            },
            snapshot: Some((meta, state.to_snapshot())),
            entries: Vec::new(),
        };
        let config = NodeConfig {
            id: ID,
            name: NodeName::new("a").unwrap(),
            boot: BootId([1; 16]),
            run: 1,
            level,
        };
        let raft = Raft::new(raft::Config::new(ID, 1), disk, now);
        let mut node = Node::new(config, raft, Vec::new(), now);
        node.handle_timeout(now);
        node
    }

    /// Else no cluster could be made of a configuration with anything new in it.
    #[test]
    fn a_cluster_begins_with_all_that_its_first_member_knows() {
        let node = node_at(2, &State::new());
        assert_eq!(node.require_level(&first()), Ok(()));
    }

    #[test]
    fn a_configuration_above_the_level_of_the_first_member_is_refused() {
        let Command::AddMember {
            name,
            key,
            token,
            spec,
            ..
        } = first()
        else {
            unreachable!("it is one")
        };
        let older = Command::AddMember {
            name,
            key,
            token,
            spec,
            level: 1,
        };
        assert!(node_at(2, &State::new()).require_level(&older).is_err());
    }

    /// The fields that it does not know would be skipped without a word.
    #[test]
    fn an_older_program_does_not_take_the_snapshot_of_a_newer_one() {
        let mut state = State::new();
        let command = first();
        let (at, clock) = (WallTime(0), ClusterTime(0));
        state.apply(1, &Stamped { at, clock, command }).unwrap();
        assert_eq!(state.level(), 2);
        assert_eq!(node_at(1, &state).too_new(), Some(1));
        assert_eq!(node_at(2, &state).too_new(), None);
        let meta = SnapshotMeta {
            index: 1,
            term: 1,
            configuration: Configuration::default(),
            lineage: Lineage::default(),
        };
        let mut disk = Restored::empty(Lineage::default());
        disk.snapshot = Some((meta, state.to_snapshot()));
        assert_eq!(too_new_in(&disk, 1), Some(1));
        assert_eq!(too_new_in(&disk, 2), None);
    }
}
