//! Commands about members: joining, coming up, being lost, leaving.

use std::collections::{BTreeMap, BTreeSet};

use model::command::Joined;
use model::history::Happening;
use model::level::LEVEL_FIRST;
use model::plant::{self, Plant};
use model::roles::PROMOTION_SCORE_PREFIX;
use model::seen::{
    FenceResult, FenceStanding, Maintenance, NodeSeen, NodeState, ResourceState, Standby,
};
use model::{BootId, Command, NodeName, Reason, Rejected, ServiceName, Spec, UserName};

use crate::{
    Applied, Boots, ENDED_BOOTS_MAX, Outcome, Place, State, TOKENS_MAX, Token, not_ready,
    push_bounded,
};

/// Why a boot of a node is known to be over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BootEnd {
    /// The machine was off at some time after this entry of the log.
    Off { asked: u64 },
    /// The boot is over, and another one may have begun since.
    Outlived,
    /// Another one has begun.
    Rebooted,
}

impl Boots {
    fn end(&mut self, boot: BootId) {
        if !self.ended.contains(&boot) {
            push_bounded(&mut self.ended, boot, ENDED_BOOTS_MAX);
        }
    }
}

impl State {
    pub(crate) fn add_token(&mut self, place: Place, command: &Command) -> Outcome {
        let Command::AddToken {
            digest,
            valid_for,
            by,
        } = command
        else {
            return Err(Rejected::Unknown);
        };
        if digest.is_empty() {
            return Err(Rejected::BadToken);
        }
        let fresh = self
            .tokens
            .values()
            .filter(|token| place.clock <= token.expires)
            .count();
        if TOKENS_MAX <= fresh {
            return Err(Rejected::Refused(format!(
                "{TOKENS_MAX} tokens wait to be used already"
            )));
        }
        self.tokens.retain(|_, token| place.clock <= token.expires);
        let token = Token {
            expires: place.clock + *valid_for,
            by: by.clone(),
        };
        self.tokens.insert(digest.to_string(), token);
        self.record_operator(place, by, "token".to_string());
        Ok(Applied::Done)
    }

    pub(crate) fn add_member(&mut self, place: Place, command: &Command) -> Outcome {
        let Command::AddMember {
            name,
            key,
            token,
            spec,
            level,
        } = command
        else {
            return Err(Rejected::Unknown);
        };
        if self.seen.nodes.contains_key(name) {
            return Err(Rejected::NodeExists(name.clone()));
        }
        let by = self.joins_by(place, token)?;
        if let Some((_, spec)) = spec.as_deref() {
            self.require_nodes_kept(spec)?;
        }
        self.tokens.remove(token);
        let id = self.next_node;
        self.next_node = id.next();
        let node = NodeSeen {
            id,
            key: *key,
            state: NodeState::Down,
            since: place.at,
            standby: Standby::Off,
            fenced_at: Vec::new(),
            probed: None,
            run: 0,
            watchdog: None,
            watchdog_word: None,
            attributes: BTreeMap::new(),
            maintenance: Maintenance::Off,
            networks: Box::default(),
            checks: Box::default(),
            measured: BTreeMap::new(),
        };
        if self.seen.nodes.is_empty() {
            self.level = self.level.max(*level);
        }
        self.seen.nodes.insert(name.clone(), node);
        self.give_places();
        self.record_node(place, name, "a member", None);
        if let Some((source, spec)) = spec.as_deref() {
            self.install_spec(place, (source, spec), &by);
        }
        Ok(Applied::Joined(Joined { id }))
    }

    /// In whose name a node joins with this token.
    fn joins_by(&self, place: Place, token: &str) -> Result<UserName, Rejected> {
        if token.is_empty() && self.seen.nodes.is_empty() {
            return Ok(UserName::new("mainstay").expect("a plain word is a name"));
        }
        match self.tokens.get(token) {
            Some(found) if place.clock <= found.expires => Ok(found.by.clone()),
            Some(_) | None => Err(Rejected::BadToken),
        }
    }

    /// A joiner's spec was made from an older one when it lacks a node that has joined since.
    fn require_nodes_kept(&self, spec: &Spec) -> Result<(), Rejected> {
        let live = self.spec_version;
        let lacks = self
            .spec
            .iter()
            .flat_map(|live| live.nodes.keys())
            .any(|node| !spec.nodes.contains_key(node));
        if lacks {
            Err(Rejected::StaleSpec {
                base: live.saturating_sub(1),
                live,
            })
        } else {
            Ok(())
        }
    }

    pub(crate) fn remove_member(
        &mut self,
        place: Place,
        name: &NodeName,
        by: &UserName,
    ) -> Outcome {
        let node = self.node(name)?;
        if node.state != NodeState::Down {
            return Err(not_ready(name, &node.state));
        }
        self.seen.nodes.remove(name);
        // Whoever takes it out says that nothing of it comes back.
        for service in self.strays_on(name) {
            self.drop_stray(&service, name);
        }
        for service in self.seen.services.values_mut() {
            service.barred.remove(name);
        }
        self.forget_question(name, |_| true);
        self.drop_moves_to(name);
        self.record_operator(place, by, format!("node remove {name}"));
        Ok(Applied::Done)
    }

    /// Boot ids have no order: a boot that was never heard of before is taken for the newest.
    /// So `NodeUp` is proposed only by a leader that hears the node in that boot now, and is
    /// never kept to be proposed again later.
    ///
    /// A run of the daemon that is known already and online is no news; a later one has yet
    /// to tell what it finds.
    pub(crate) fn node_up(
        &mut self,
        place: Place,
        name: &NodeName,
        (boot, run): (BootId, u64),
    ) -> Outcome {
        let node = self.node(name)?;
        if self
            .boots
            .get(name)
            .is_some_and(|boots| boots.ended.contains(&boot))
        {
            return Err(Rejected::Late(format!("boot {boot} of {name}")));
        }
        self.require_newest_run(name, run)?;
        let known = node.state.boot();
        let is_known_run = run != 0 && run == node.run;
        match &node.state {
            NodeState::Starting { .. } if known == Some(boot) => {
                self.note_run(name, run);
                return Ok(Applied::Done);
            }
            NodeState::Online { .. } if known == Some(boot) && is_known_run => {
                return Ok(Applied::Done);
            }
            NodeState::Lost { .. } if known == Some(boot) && !self.may_come_back(name) => {
                if run <= node.run {
                    return Err(not_ready(name, &node.state));
                }
                // It stays lost; but the run before is over, and its words are void.
                self.note_run(name, run);
                return Ok(Applied::Done);
            }
            NodeState::Down
            | NodeState::Starting { .. }
            | NodeState::Online { .. }
            | NodeState::DaemonDown { .. }
            | NodeState::Lost { .. }
            | NodeState::Leaving { .. } => {}
        }
        if known.is_some_and(|known| known != boot) || self.lost_unheard(name) {
            self.settle_fence(place, name, &FenceResult::Rebooted);
            self.end_boot(place, name, BootEnd::Rebooted);
        }
        self.forget_networks(name, boot);
        // A fence that has failed is not tried again where its target came back.
        self.seen.fences.remove(name);
        self.note_boot(name, boot);
        self.note_run(name, run);
        self.set_node(place, name, NodeState::Starting { boot }, None);
        Ok(Applied::Done)
    }

    fn note_run(&mut self, name: &NodeName, run: u64) {
        if let Some(node) = self.seen.nodes.get_mut(name) {
            node.run = node.run.max(run);
        }
    }

    /// The node is in this boot: an earlier one is over, also one that it left cleanly.
    fn note_boot(&mut self, name: &NodeName, boot: BootId) {
        let boots = self.boots.entry(name.clone()).or_default();
        if let Some(last) = boots.last.replace(boot).filter(|last| *last != boot) {
            boots.end(last);
        }
    }

    /// A lost node comes back in the same boot only when nothing can be fenced and nothing
    /// is at stake: otherwise somebody may already act on its loss. One whose end was falsely
    /// confirmed comes back as well, where no device is left to be believed. And so does one that
    /// is lost like all others: a leader that was given up by the one before.
    #[must_use]
    pub fn may_come_back(&self, name: &NodeName) -> bool {
        if self.nobody_can_act_on(name) {
            return true;
        }
        let can_be_fenced = self.has_trusted_device(name) || self.lease_and_bound(name).is_some();
        let nobody_acts = !can_be_fenced && !self.seen.fences.contains_key(name);
        nobody_acts && (!self.holds_anything(name) || self.was_lied_about(name))
    }

    /// Nobody is up who could fence the node, nobody waits for the end of its lease, and no
    /// fence of it can be confirmed any more. Its claims have not been given to anybody, for
    /// only a confirmed end releases them; so nothing is lost when it goes on as it was.
    fn nobody_can_act_on(&self, name: &NodeName) -> bool {
        let is_gone = |state: &NodeState| match state {
            NodeState::Down | NodeState::Lost { .. } => true,
            NodeState::Starting { .. }
            | NodeState::Online { .. }
            | NodeState::DaemonDown { .. }
            | NodeState::Leaving { .. } => false,
        };
        let fence = self.seen.fences.get(name);
        let is_asked = fence.is_some_and(|fence| fence.standing == FenceStanding::Asked);
        let lost = self.seen.nodes.get(name).map(|node| &node.state);
        let is_lost = matches!(lost, Some(NodeState::Lost { boot: Some(_), .. }));
        is_lost
            && !is_asked
            && self.lease_and_bound(name).is_none()
            && self.seen.nodes.values().all(|node| is_gone(&node.state))
    }

    /// Its end was confirmed and was not true. Nothing that it holds runs elsewhere any more,
    /// and what it tells of it is the way out.
    fn was_lied_about(&self, name: &NodeName) -> bool {
        self.seen.nodes.get(name).is_some_and(|node| {
            let because = match &node.state {
                NodeState::Lost { because, .. } => because,
                NodeState::Down
                | NodeState::Starting { .. }
                | NodeState::Online { .. }
                | NodeState::DaemonDown { .. }
                | NodeState::Leaving { .. } => return false,
            };
            matches!(because, Reason::FenceLied { .. })
        })
    }

    fn lost_unheard(&self, name: &NodeName) -> bool {
        self.seen
            .nodes
            .get(name)
            .is_some_and(|node| matches!(node.state, NodeState::Lost { boot: None, .. }))
    }

    /// Whether there is a claim of the node, or a stray on it.
    fn holds_anything(&self, name: &NodeName) -> bool {
        self.seen.services.values().any(|service| {
            service
                .claim
                .as_ref()
                .is_some_and(|claim| claim.node == *name)
                || service.strays.contains_key(name)
        })
    }

    pub(crate) fn probed(&mut self, place: Place, command: &Command) -> Outcome {
        let Command::Probed {
            node: name,
            boot,
            run,
            found,
        } = command
        else {
            return Err(Rejected::Unknown);
        };
        let boot = *boot;
        self.require_newest_run(name, *run)?;
        let node = self.node(name)?;
        // Asked to leave before it could tell: it still must, or nobody knows what it runs.
        let leaves = node.state == (NodeState::Leaving { boot }) && node.may_run_anything();
        if node.state != (NodeState::Starting { boot }) && !leaves {
            return Err(Rejected::Late(format!(
                "the start of {name} in boot {boot}"
            )));
        }
        let running: BTreeSet<&ServiceName> = found
            .iter()
            .filter(|found| found.state != ResourceState::Stopped)
            .map(|found| &found.address.service)
            .collect();
        let earlier: Vec<ServiceName> = self.strays_on(name);
        let gone = |service: &&ServiceName| {
            // An end of a migration is clear only when it has cleared away.
            !running.contains(service) && !self.is_migration_end(service, name)
        };
        let gone: Vec<&ServiceName> = earlier.iter().filter(gone).collect();
        for service in gone {
            self.drop_stray(service, name);
        }
        for service in running {
            self.note_stray(place, service, name, boot);
        }
        if let Some(node) = self.seen.nodes.get_mut(name) {
            node.probed = Some(boot);
        }
        if !leaves {
            self.follows_again(name);
            self.set_node(place, name, NodeState::Online { boot }, None);
        }
        Ok(Applied::Done)
    }

    pub(crate) fn note_stray(
        &mut self,
        place: Place,
        service: &ServiceName,
        name: &NodeName,
        boot: BootId,
    ) {
        let seen = self.seen.services.entry(service.clone()).or_default();
        let own = seen.claim.as_ref().is_some_and(|claim| claim.node == *name);
        if own || seen.strays.insert(name.clone(), boot).is_some() {
            return;
        }
        let what = Happening::StrayFound {
            service: service.clone(),
            node: name.clone(),
        };
        self.record(place, what);
        self.note_twice(service);
    }

    pub(crate) fn strays_on(&self, name: &NodeName) -> Vec<ServiceName> {
        self.seen
            .services
            .iter()
            .filter(|(_, seen)| seen.strays.contains_key(name))
            .map(|(service, _)| service.clone())
            .collect()
    }

    pub(crate) fn daemon_down(&mut self, place: Place, name: &NodeName, boot: BootId) -> Outcome {
        let node = self.node(name)?;
        match &node.state {
            NodeState::Starting { boot: known }
            | NodeState::Online { boot: known }
            | NodeState::Leaving { boot: known }
                if *known == boot =>
            {
                self.set_node(place, name, NodeState::DaemonDown { boot }, None);
                Ok(Applied::Done)
            }
            NodeState::DaemonDown { boot: known } if *known == boot => Ok(Applied::Done),
            NodeState::Down
            | NodeState::Starting { .. }
            | NodeState::Online { .. }
            | NodeState::DaemonDown { .. }
            | NodeState::Lost { .. }
            | NodeState::Leaving { .. } => {
                Err(Rejected::Late(format!("{name} running in boot {boot}")))
            }
        }
    }

    pub(crate) fn node_lost(&mut self, place: Place, command: &Command) -> Outcome {
        let Command::NodeLost {
            node: name,
            boot,
            because,
        } = command
        else {
            return Err(Rejected::Unknown);
        };
        let node = self.node(name)?;
        let known = node.state.boot();
        match &node.state {
            NodeState::Down => return Err(not_ready(name, &node.state)),
            NodeState::Lost { .. } => return Ok(Applied::Done),
            NodeState::Starting { .. }
            | NodeState::Online { .. }
            | NodeState::DaemonDown { .. }
            | NodeState::Leaving { .. } => {}
        }
        if boot.is_some() && *boot != known {
            return Err(Rejected::Late(format!("an earlier boot of {name}")));
        }
        if plant::is(Plant::LossEndsClaims) {
            let asked = place.index;
            self.end_boot(place, name, BootEnd::Off { asked });
            self.set_node(place, name, NodeState::Down, None);
            return Ok(Applied::Done);
        }
        let state = NodeState::Lost {
            boot: known,
            because: because.clone(),
        };
        self.set_node(place, name, state, Some(because.clone()));
        Ok(Applied::Done)
    }

    pub(crate) fn leave(&mut self, place: Place, name: &NodeName, boot: BootId) -> Outcome {
        let node = self.node(name)?;
        match &node.state {
            NodeState::Leaving { boot: known } if *known == boot => Ok(Applied::Done),
            NodeState::Starting { boot: known } | NodeState::Online { boot: known }
                if *known == boot =>
            {
                self.set_node(place, name, NodeState::Leaving { boot }, None);
                Ok(Applied::Done)
            }
            NodeState::Down
            | NodeState::Starting { .. }
            | NodeState::Online { .. }
            | NodeState::DaemonDown { .. }
            | NodeState::Lost { .. }
            | NodeState::Leaving { .. } => Err(not_ready(name, &node.state)),
        }
    }

    pub(crate) fn left(&mut self, place: Place, name: &NodeName, boot: BootId) -> Outcome {
        let node = self.node(name)?;
        if node.state != (NodeState::Leaving { boot }) {
            return Err(not_ready(name, &node.state));
        }
        if self.holds_anything(name) || node.may_run_anything() {
            return Err(Rejected::Refused(format!("{name} still runs services")));
        }
        self.set_node(place, name, NodeState::Down, None);
        Ok(Applied::Done)
    }

    pub(crate) fn set_standby(&mut self, place: Place, command: &Command) -> Outcome {
        let Command::SetStandby {
            node: name,
            standby,
            by,
        } = command
        else {
            return Err(Rejected::Unknown);
        };
        self.node(name)?;
        let (standby, did) = match standby {
            Maintenance::On => (Standby::On { by: by.clone() }, format!("standby {name}")),
            Maintenance::Off => (Standby::Off, format!("online {name}")),
        };
        if standby != Standby::Off {
            self.drop_moves_to(name);
        }
        if let Some(node) = self.seen.nodes.get_mut(name) {
            node.standby = standby;
        }
        self.record_operator(place, by, did);
        Ok(Applied::Done)
    }

    /// Changes the state of a member, with all that follows for moves and fences.
    pub(crate) fn set_node(
        &mut self,
        place: Place,
        name: &NodeName,
        state: NodeState,
        because: Option<Reason>,
    ) {
        let Some(node) = self.seen.nodes.get_mut(name) else {
            return;
        };
        let word = state.word();
        let is_online = matches!(state, NodeState::Online { .. });
        // A clean leave disarms the watchdog, and the next boot begins without one.
        if state.boot().is_none() || state.boot() != node.state.boot() {
            node.watchdog = None;
        }
        let is_over = state.boot().is_none() || state.boot() != node.state.boot();
        node.state = state;
        node.since = place.at;
        if is_over {
            self.forget_question(name, |_| true);
        }
        if !is_online {
            self.drop_moves_to(name);
            self.fail_fences_by(place, name);
        }
        self.record_node(place, name, word, because);
    }

    fn record_node(&mut self, place: Place, name: &NodeName, word: &str, because: Option<Reason>) {
        let what = Happening::Node {
            node: name.clone(),
            state: word.to_string(),
            because,
        };
        self.record(place, what);
    }

    /// A target that cannot take the service leaves the choice to the planner again.
    fn drop_moves_to(&mut self, name: &NodeName) {
        for service in self.seen.services.values_mut() {
            let there = service
                .moving
                .as_ref()
                .is_some_and(|moving| moving.to.as_ref() == Some(name));
            if there {
                service.moving = None;
            }
        }
    }

    /// An executor that is not a running member cannot be counted on: its tries have failed.
    fn fail_fences_by(&mut self, place: Place, name: &NodeName) {
        let asked =
            self.seen.fences.iter().filter(|(_, fence)| {
                fence.executor == *name && fence.standing == FenceStanding::Asked
            });
        let targets: Vec<NodeName> = asked.map(|(target, _)| target.clone()).collect();
        for target in targets {
            let how = format!("{name}, which was to do it, is no longer online");
            self.fence_failed(place, &target, (None, how));
        }
    }

    /// All that ran under the node's present boot is over.
    pub(crate) fn end_boot(&mut self, place: Place, name: &NodeName, end: BootEnd) {
        let Some(node) = self.seen.nodes.get_mut(name) else {
            return;
        };
        node.probed = None;
        node.measured.clear();
        // What agents said of data that ran then says nothing of what runs next. Programs of the
        // first level keep it, so it goes where there are none.
        if LEVEL_FIRST < self.level {
            node.attributes
                .retain(|key, _| !key.starts_with(PROMOTION_SCORE_PREFIX));
        }
        let because = match end {
            BootEnd::Off { .. } | BootEnd::Outlived => Reason::NodeFenced { node: name.clone() },
            BootEnd::Rebooted => Reason::NodeRebooted { node: name.clone() },
        };
        let boot = node.state.boot();
        if let Some(boot) = boot {
            self.boots.entry(name.clone()).or_default().end(boot);
            self.end_locks(place, (name, boot), &because);
        }
        let names: Vec<ServiceName> = self.seen.services.keys().cloned().collect();
        for service in &names {
            match self.may_be_in_a_later_boot(service, name, end) {
                Some(begun) => self.keep_mark(service, name, boot.unwrap_or(begun)),
                None => self.drop_stray(service, name),
            }
            let held = self
                .seen
                .services
                .get(service)
                .and_then(|seen| seen.claim.as_ref());
            if held.is_some_and(|claim| claim.node == *name) {
                self.end_claim(place, service, because.clone());
            }
        }
    }
}
