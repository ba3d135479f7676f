//! What leaves the configuration and runs on, and what comes into it and may run already.
//!
//! A frozen service that is taken out of the configuration is let go: each node that runs it
//! forgets what it knows of it, tells so, and the log forgets it. A service that is new in the
//! configuration may be such a one, or have been started by hand: before it starts anywhere,
//! each node that is up tells whether it runs there.

use std::collections::BTreeMap;

use model::history::Happening;
use model::level::LEVEL_FIRST;
use model::seen::{Maintenance, NodeState};
use model::{BootId, Command, NodeName, Rejected, ServiceName, Spec};

use crate::{Applied, Outcome, Place, State};

impl State {
    /// Whether the service is to run on without the cluster: it was frozen when it was taken
    /// out of the configuration.
    #[must_use]
    pub fn is_let_go(&self, service: &ServiceName) -> bool {
        let is_known = self
            .spec
            .as_ref()
            .is_none_or(|spec| spec.services.contains_key(&service.service()));
        let seen = self.seen.services.get(service);
        let is_frozen = seen.is_some_and(|seen| seen.frozen == Maintenance::On);
        LEVEL_FIRST < self.level
            && !is_known
            && is_frozen
            && !self.seen.migrations.contains_key(service)
    }

    /// The node has forgotten a service that is let go, and left it running.
    pub(crate) fn let_go(&mut self, place: Place, command: &Command) -> Outcome {
        let Command::LetGo {
            node,
            boot,
            run,
            service,
        } = command
        else {
            return Err(Rejected::Unknown);
        };
        self.require_newest_run(node, *run)?;
        let late = || Rejected::Late(format!("{service}, let go by {node}"));
        if !self.is_let_go(service) {
            return Err(late());
        }
        let seen = self.seen.services.get_mut(service).ok_or_else(late)?;
        let is_held = |claim: &model::seen::Claim| claim.node == *node && claim.boot == *boot;
        if seen.claim.as_ref().is_some_and(is_held) {
            seen.claim = None;
        } else if seen.strays.get(node) == Some(boot) {
            seen.strays.remove(node);
        } else {
            return Err(late());
        }
        let what = Happening::LetGo {
            service: service.clone(),
            node: node.clone(),
        };
        self.record(place, what);
        self.forget_if_over(service);
        Ok(Applied::Done)
    }

    /// Who has to tell whether a service runs there that is new in the configuration: every
    /// node that is up, or may be.
    pub(crate) fn to_be_asked(
        &self,
        (name, old): (&ServiceName, Option<&Spec>),
    ) -> BTreeMap<NodeName, BootId> {
        // Without an earlier configuration nobody runs anything yet.
        let is_new = old.is_some_and(|old| !old.services.contains_key(&name.service()));
        if self.level <= LEVEL_FIRST || !is_new {
            return BTreeMap::new();
        }
        let nodes = self.seen.nodes.iter();
        nodes
            .filter_map(|(name, node)| Some((name.clone(), node.state.boot()?)))
            .collect()
    }

    /// A node tells under which names the service runs there.
    pub(crate) fn looked(&mut self, place: Place, command: &Command) -> Outcome {
        let Command::Looked {
            node,
            boot,
            run,
            service,
            found,
        } = command
        else {
            return Err(Rejected::Unknown);
        };
        self.require_newest_run(node, *run)?;
        let late = || Rejected::Late(format!("{service}, looked for on {node}"));
        let here = self.node(node)?;
        let is_heard = match &here.state {
            NodeState::Starting { boot: known }
            | NodeState::Online { boot: known }
            | NodeState::Leaving { boot: known } => known == boot,
            NodeState::Down | NodeState::DaemonDown { .. } | NodeState::Lost { .. } => false,
        };
        let is_asked = self
            .seen
            .services
            .iter()
            .any(|(name, seen)| name.service() == *service && seen.sought.contains_key(node));
        if !is_heard || !is_asked {
            return Err(late());
        }
        for name in found.iter().filter(|name| name.service() == *service) {
            self.note_stray(place, name, node, *boot);
        }
        self.forget_question(node, |name| name.service() == *service);
        Ok(Applied::Done)
    }

    /// The node has told, or what it might tell of is over.
    pub(crate) fn forget_question(&mut self, node: &NodeName, of: impl Fn(&ServiceName) -> bool) {
        let services = self.seen.services.iter_mut();
        for (_, seen) in services.filter(|(name, _)| of(name)) {
            seen.sought.remove(node);
        }
    }
}
