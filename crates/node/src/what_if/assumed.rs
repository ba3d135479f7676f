//! A cluster that is not there: all nodes of a spec are up, and all that should run does.

use std::time::Duration;

use model::{BootId, ClusterTime, Command, Moment, NodeId, Spec, Stamped, UserName, WallTime};
use state::State;
use wire::raft::Arbiter;

use super::Cluster;
use crate::preview;

/// So many members vote at most, as in a cluster (ADR 7).
const VOTERS_MAX: usize = 9;

/// A cluster that is not there.
#[derive(Debug, Clone)]
pub struct Assumed {
    state: State,
    applied: u64,
}

impl Assumed {
    /// All nodes of `spec` are up, in the order of their names, and all that should run does.
    #[must_use]
    pub fn new(spec: &Spec) -> Self {
        let mut assumed = Self {
            state: State::new(),
            applied: 0,
        };
        let by = UserName::new("what-if").expect("a plain word");
        assumed.apply(Command::SetSpec {
            base: 0,
            source: String::new(),
            spec: Box::new(spec.clone()),
            by: by.clone(),
        });
        for (place, node) in spec.nodes.keys().enumerate() {
            let token = match place {
                0 => String::new(),
                _later => "token".to_string(),
            };
            if !token.is_empty() {
                assumed.apply(Command::AddToken {
                    digest: token.clone(),
                    valid_for: Duration::from_secs(3600),
                    by: by.clone(),
                });
            }
            assumed.apply(Command::AddMember {
                name: node.clone(),
                key: [0; 32],
                token,
                spec: None,
                level: model::level::LEVEL,
            });
            let mut boot = BootId([0; 16]);
            boot.0[..8].copy_from_slice(&(place as u64 + 1).to_be_bytes());
            assumed.apply(Command::NodeUp {
                node: node.clone(),
                boot,
                run: 0,
            });
            assumed.apply(Command::Probed {
                node: node.clone(),
                boot,
                run: 0,
                found: Vec::new(),
            });
        }
        if let Ok(settled) = preview(&assumed.state, assumed.applied, Moment::default(), None) {
            assumed.state = settled.after;
            // More than a play has commands.
            assumed.applied += 1_000_000;
        }
        assumed
    }

    fn apply(&mut self, command: Command) {
        self.applied += 1;
        let stamped = Stamped {
            at: WallTime(0),
            clock: ClusterTime(0),
            command,
        };
        // Each of them is what a cluster does as well; a spec that it refuses shows as nodes
        // that are missing.
        let _ = self.state.apply(self.applied, &stamped);
    }

    /// For what-if.
    #[must_use]
    pub fn cluster(&self) -> Cluster<'_> {
        let at = Moment {
            at: WallTime(0),
            clock: self.state.clock(),
        };
        let ids = self.state.members().map(|(_, id, _)| id);
        let mut voters: Vec<NodeId> = ids.collect();
        voters.sort_unstable();
        let voters = voters.into_iter().take(VOTERS_MAX).collect();
        Cluster::new(&self.state, (self.applied, at), (voters, Arbiter::Fence))
    }
}
