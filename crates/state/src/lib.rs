//! The replicated state: what the log's commands make of the cluster.
//!
//! `apply` is deterministic: the same commands in the same order give the same state on
//! every node, whatever the planner asked for. It enforces S1 and S2 by itself, so that a
//! mistake of the planner cannot run a service twice. It never panics on what a command
//! says, and a command that is rejected leaves the state as it was. It knows no clock: wall
//! times in it are those that proposers stamped on their commands, kept for people; spans are
//! measured in cluster time, which commands carry as well and which never goes back.

#![forbid(unsafe_code)]

mod checks;
mod claims;
mod contests;
mod copies;
mod fences;
mod ignored;
mod levels;
mod lies;
mod load;
mod locks;
mod members;
mod migrations;
mod networks;
mod node_checks;
mod orders;
mod orphans;
mod reloads;
mod roles;
mod settings;
mod snapshot;
mod specs;
mod twice;
mod witnesses;

use std::collections::{BTreeMap, VecDeque};

use model::history::{Happening, HistoryEntry};
use model::level::LEVEL_FIRST;
use model::plant::{self, Plant};
use model::seen::{FenceRecord, FenceResult, NodeSeen, NodeState};
use model::spec::ServiceSpec;
use model::{
    BootId, ClaimEpoch, ClusterTime, Command, Epoch, FenceId, NodeId, NodeName, Rejected, Seen,
    ServiceName, Spec, Stamped, UserName, WallTime, command::Joined,
};
use serde::{Deserialize, Serialize};

pub use locks::{LOCK_HISTORY_MAX, LOCK_WAITERS_MAX, LOCKS_MAX, Locks};
pub use snapshot::{SNAPSHOT_FORMAT, SnapshotError};
pub use witnesses::WITNESSES_MAX;

/// Enough to read what happened in a bad night; more would make snapshots slow to send.
pub const HISTORY_MAX: usize = 2000;
/// Fences are rare, and each is worth remembering longer than other events.
pub const FENCE_RECORDS_MAX: usize = 200;
/// Versions of the spec that can be shown, compared and gone back to.
pub const SPEC_VERSIONS_MAX: usize = 20;
/// Tokens that wait to be used. A cluster of 64 nodes can be formed with one for each.
pub const TOKENS_MAX: usize = 100;
/// Ended boots remembered for each member. A command about an older boot would have had to
/// travel through the log for longer than 64 boots of that machine took.
pub const ENDED_BOOTS_MAX: usize = 64;

/// What a command did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// What it says.
    Done,
    /// A node is a member now.
    Joined(Joined),
    /// A service may run under this claim.
    Granted(ClaimEpoch),
    /// A fence is asked for.
    FenceAsked(FenceId),
    /// This version of the spec is live.
    SpecLive(u64),
}

/// One version of the spec.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpecVersion {
    /// Numbers it, from 1.
    pub version: u64,
    /// When it became live.
    pub at: WallTime,
    /// Who made it live.
    pub by: UserName,
    /// The text as it was given.
    pub source: String,
}

/// A right to join that is not used up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Not valid after this time of the cluster's life.
    #[serde(rename = "until", default)]
    pub expires: ClusterTime,
    /// Who made it.
    pub by: UserName,
}

/// The replicated state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    spec: Option<Spec>,
    /// Of the live spec; 0 before the first.
    spec_version: u64,
    versions: VecDeque<SpecVersion>,
    seen: Seen,
    history: VecDeque<HistoryEntry>,
    fence_records: VecDeque<FenceRecord>,
    /// By digest.
    tokens: BTreeMap<String, Token>,
    /// The index of the last command that changed how a member is.
    #[serde(default)]
    epoch: Epoch,
    /// Given to the next member. Never goes down, so that no number is used twice.
    next_node: NodeId,
    /// Kept for removed members too: a late word about them must not harm who joins anew
    /// under the same name.
    boots: BTreeMap<NodeName, Boots>,
    /// Cluster time of the newest command.
    #[serde(default)]
    clock: ClusterTime,
    #[serde(default)]
    locks: Locks,
    /// See [`model::level`].
    #[serde(default = "level_first")]
    level: u32,
}

fn level_first() -> u32 {
    LEVEL_FIRST
}

/// The boots of a member, as far as they matter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Boots {
    /// The one that it was last heard in.
    last: Option<BootId>,
    /// Boots that are proven over, oldest first. The member never returns under one.
    ended: VecDeque<BootId>,
    /// Those of them that were ended by somebody's word, oldest first.
    #[serde(default)]
    vouched: VecDeque<Vouched>,
}

/// A boot that is over because somebody or something said so, and what is needed should it
/// be heard again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Vouched {
    boot: BootId,
    /// How its end was confirmed.
    result: FenceResult,
    /// The log index of the confirmation: claims granted later are newer copies.
    index: u64,
    /// What it held, or may have.
    services: Vec<ServiceName>,
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

/// Where in the log a command stands, and what clocks its proposer saw.
#[derive(Debug, Clone, Copy)]
struct Place {
    index: u64,
    at: WallTime,
    clock: ClusterTime,
}

type Outcome = Result<Applied, Rejected>;

impl State {
    /// The state before the first command.
    #[must_use]
    pub fn new() -> Self {
        Self {
            spec: None,
            spec_version: 0,
            versions: VecDeque::new(),
            seen: Seen::default(),
            history: VecDeque::new(),
            fence_records: VecDeque::new(),
            tokens: BTreeMap::new(),
            epoch: Epoch::default(),
            next_node: NodeId(1),
            boots: BTreeMap::new(),
            clock: ClusterTime::default(),
            locks: Locks::default(),
            level: LEVEL_FIRST,
        }
    }

    /// Applies the command at `index` of the log. Indexes grow from call to call.
    ///
    /// # Errors
    /// Why the command was not applied; the state is as it was.
    pub fn apply(&mut self, index: u64, stamped: &Stamped) -> Outcome {
        let place = Place {
            index,
            at: stamped.at,
            clock: self.clock.max(stamped.clock),
        };
        let applied = self.apply_at(place, &stamped.command)?;
        self.settle_migrations(place);
        self.clock = place.clock;
        Ok(applied)
    }

    fn apply_at(&mut self, place: Place, command: &Command) -> Outcome {
        match command {
            Command::SetSpec { .. } => self.set_spec(place, command),
            Command::AddToken { .. } => self.add_token(place, command),
            Command::AddMember { .. } => self.add_member(place, command),
            Command::RemoveMember { name, by } => self.remove_member(place, name, by),
            Command::NodeUp { node, boot, run } => self.node_up(place, node, (*boot, *run)),
            Command::Probed { .. } => self.probed(place, command),
            Command::DaemonDown { node, boot } => self.daemon_down(place, node, *boot),
            Command::NodeLost { .. } => self.node_lost(place, command),
            Command::Leave { node, boot } => self.leave(place, node, *boot),
            Command::Left { node, boot } => self.left(place, node, *boot),
            Command::Grant { .. } => self.grant(place, command),
            Command::Revoke { .. } => self.revoke(place, command),
            Command::Restart { .. } => self.restart(place, command),
            Command::Migrate { .. } => self.migrate(place, command),
            Command::Promote { .. } => self.promote(place, command),
            Command::Demote { .. } => self.demote(place, command),
            Command::Reload { .. } => self.reload(place, command),
            Command::Report { .. } => self.report(place, command),
            Command::StrayStopped { .. } => self.stray_stopped(place, command),
            Command::LetGo { .. } => self.let_go(place, command),
            Command::Looked { .. } => self.looked(place, command),
            Command::Fence { .. } => self.fence(place, command),
            Command::FenceLied { node, boot } => self.fence_lied(place, node, *boot),
            Command::DeviceLied { device, node, boot } => {
                self.device_lied(place, device, (node, *boot))
            }
            Command::TrustDevice { device, by } => self.trust_device(place, device, by),
            Command::FenceEnded { .. } => self.fence_ended(place, command),
            Command::ConfirmFence { target, by } => self.confirm_fence(place, target, by),
            Command::Service { service, order, by } => self.order(place, service, order, by),
            Command::SetStandby { .. } => self.set_standby(place, command),
            Command::SetMaintenance { maintenance, by } => {
                self.set_maintenance(place, *maintenance, by)
            }
            Command::ForcedBy { .. }
            | Command::Contest { .. }
            | Command::SetWitness { .. }
            | Command::RemoveWitness { .. }
            | Command::WatchdogArmed { .. }
            | Command::NetworksTold { .. }
            | Command::LoadTold { .. }
            | Command::RearmCards { .. }
            | Command::SetNodeMaintenance { .. }
            | Command::SetAttribute { .. }
            | Command::SetTicket { .. }
            | Command::RaiseLevel { .. }
            | Command::Checks { .. }
            | Command::NodeChecks { .. }
            | Command::CheckTold { .. }
            | Command::ArbiterIs { .. } => self.apply_outside(place, command),
            Command::TakeLock { .. }
            | Command::RenewLock { .. }
            | Command::ReleaseLock { .. }
            | Command::RecallLock { .. }
            | Command::LapseLock { .. } => self.apply_lock(place, command),
        }
    }

    /// What stands in for nodes that are gone, what was forced without them, and what is said
    /// of nodes and sites from outside.
    fn apply_outside(&mut self, place: Place, command: &Command) -> Outcome {
        match command {
            Command::ForcedBy {
                generation,
                lost,
                by,
            } => self.forced_by(place, (*generation, lost), by),
            Command::Contest { rival } => self.contest(place, rival.as_ref()),
            Command::SetWitness { name, kind, by } => self.set_witness(place, name, (kind, by)),
            Command::RemoveWitness { name, by } => self.remove_witness(place, name, by),
            Command::SetNodeMaintenance {
                node,
                maintenance,
                by,
            } => self.set_node_maintenance(place, node, *maintenance, by),
            Command::SetAttribute { .. } => self.set_attribute(place, command),
            Command::Checks { .. } => self.order_checks(place, command),
            Command::NodeChecks { .. } => self.order_node_checks(place, command),
            Command::CheckTold { .. } => self.check_told(place, command),
            Command::RearmCards { node, card, by } => {
                self.rearm_cards(place, node, (card.as_ref(), by))
            }
            Command::NetworksTold { .. } => self.networks_told(place, command),
            Command::LoadTold { .. } => self.load_told(command),
            Command::SetTicket {
                ticket,
                standing,
                by,
            } => self.set_ticket(place, ticket, *standing, by),
            Command::WatchdogArmed {
                node,
                boot,
                run,
                word,
                bound,
            } => {
                let said = (*word, *bound);
                self.watchdog_armed(place, node, (*boot, *run), said)
            }
            Command::ArbiterIs { witness, because } => {
                self.arbiter_is(place, witness.as_ref(), because)
            }
            Command::RaiseLevel { level } => self.raise_level(place, *level),
            _other => Err(Rejected::Unknown),
        }
    }

    fn apply_lock(&mut self, place: Place, command: &Command) -> Outcome {
        match command {
            Command::TakeLock { .. } => self.take_lock(place, command),
            Command::RenewLock {
                lock,
                session,
                token,
            } => self.renew_lock(place, (lock, session), *token),
            Command::ReleaseLock {
                lock,
                session,
                token,
            } => self.release_lock(place, (lock, session), *token),
            Command::RecallLock { lock, token, by } => self.recall_lock(place, (lock, *token), by),
            Command::LapseLock {
                lock,
                session,
                renewed,
            } => self.lapse_lock(place, (lock, session), *renewed),
            _other => Err(Rejected::Unknown),
        }
    }

    /// What is wanted; `None` before the first `SetSpec`.
    #[must_use]
    pub fn spec(&self) -> Option<&Spec> {
        self.spec.as_ref()
    }

    /// Version of the live spec; 0 before the first.
    #[must_use]
    pub fn spec_version(&self) -> u64 {
        self.spec_version
    }

    /// The live spec as it was written; `None` before the first.
    #[must_use]
    pub fn spec_source(&self) -> Option<&str> {
        self.versions.back().map(|version| version.source.as_str())
    }

    /// The last `SPEC_VERSIONS_MAX` versions of the spec, oldest first.
    #[must_use]
    pub fn versions(&self) -> &VecDeque<SpecVersion> {
        &self.versions
    }

    /// Cluster time of the newest command that was applied; zero before the first.
    #[must_use]
    pub fn clock(&self) -> ClusterTime {
        self.clock
    }

    /// Numbers the view: grows with each change of how a member is.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// What is observed.
    #[must_use]
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// The last `HISTORY_MAX` things that happened, oldest first.
    #[must_use]
    pub fn history(&self) -> &VecDeque<HistoryEntry> {
        &self.history
    }

    /// The last `FENCE_RECORDS_MAX` tries to fence a node, oldest first.
    #[must_use]
    pub fn fence_records(&self) -> &VecDeque<FenceRecord> {
        &self.fence_records
    }

    /// Every member with its number and public key.
    pub fn members(&self) -> impl Iterator<Item = (&NodeName, NodeId, &[u8; 32])> {
        self.seen
            .nodes
            .iter()
            .map(|(name, node)| (name, node.id, &node.key))
    }

    /// What people call the member with this number.
    #[must_use]
    pub fn node_name(&self, id: NodeId) -> Option<&NodeName> {
        self.seen
            .nodes
            .iter()
            .find(|(_, node)| node.id == id)
            .map(|(name, _)| name)
    }

    /// The number of the member with this name.
    #[must_use]
    pub fn node_id(&self, name: &NodeName) -> Option<NodeId> {
        self.seen.nodes.get(name).map(|node| node.id)
    }

    /// Rights to join that are not used up, by digest; some may have expired.
    #[must_use]
    pub fn tokens(&self) -> &BTreeMap<String, Token> {
        &self.tokens
    }

    /// The same without what has happened: for those who play on a copy what will.
    #[must_use]
    pub fn without_past(&self) -> Self {
        self.part_without_past(|_| true)
    }

    /// The same, with some services only, as if the others had never been.
    #[must_use]
    pub fn part_without_past(&self, keep: impl Fn(&ServiceName) -> bool) -> Self {
        let spec = self.spec.as_ref().map(|spec| Spec {
            cluster: spec.cluster.clone(),
            networks: spec.networks.clone(),
            nodes: spec.nodes.clone(),
            fence_devices: spec.fence_devices.clone(),
            services: kept(&spec.services, &keep),
        });
        let seen = Seen {
            nodes: self.seen.nodes.clone(),
            // Copies go with their service.
            services: kept(&self.seen.services, |name| keep(&name.service())),
            fences: self.seen.fences.clone(),
            maintenance: self.seen.maintenance,
            distrusted: self.seen.distrusted.clone(),
            witnesses: self.seen.witnesses.clone(),
            forced: self.seen.forced.clone(),
            contest: self.seen.contest.clone(),
            tickets: self.seen.tickets.clone(),
            fence_times: self.seen.fence_times.clone(),
            arbiter: self.seen.arbiter.clone(),
            migrations: kept(&self.seen.migrations, &keep),
        };
        Self {
            spec,
            spec_version: self.spec_version,
            versions: VecDeque::new(),
            seen,
            history: VecDeque::new(),
            fence_records: VecDeque::new(),
            tokens: BTreeMap::new(),
            epoch: self.epoch,
            next_node: self.next_node,
            boots: self.boots.clone(),
            level: self.level,
            clock: self.clock,
            locks: Locks::default(),
        }
    }

    fn record(&mut self, place: Place, what: Happening) {
        if matches!(what, Happening::Node { .. }) {
            self.epoch = Epoch(place.index);
        }
        push_bounded(
            &mut self.history,
            HistoryEntry {
                index: place.index,
                at: place.at,
                what,
            },
            HISTORY_MAX,
        );
    }

    fn record_operator(&mut self, place: Place, by: &UserName, did: String) {
        self.record(
            place,
            Happening::Operator {
                by: by.clone(),
                did,
            },
        );
    }

    fn node(&self, name: &NodeName) -> Result<&NodeSeen, Rejected> {
        self.seen
            .nodes
            .get(name)
            .ok_or_else(|| Rejected::NoSuchNode(name.clone()))
    }

    /// What a run of a daemon says is void once a later run of it is known. 0: not told.
    fn require_newest_run(&self, name: &NodeName, run: u64) -> Result<(), Rejected> {
        if run != 0 && run < self.node(name)?.run && !plant::is(Plant::EarlierRunSpeaks) {
            return Err(Rejected::Late(format!("daemon run {run} of {name}")));
        }
        Ok(())
    }

    /// It is described, and runs under this name.
    fn require_spec_of(&self, service: &ServiceName) -> Result<(), Rejected> {
        if self.wanted(service).is_some() {
            Ok(())
        } else {
            Err(Rejected::NoSuchService(service.clone()))
        }
    }
}

impl State {
    /// What is described of a service, or of one copy of one that has copies.
    fn wanted(&self, service: &ServiceName) -> Option<&ServiceSpec> {
        self.spec.as_ref()?.service_of(service)
    }
}

fn kept<T: Clone>(
    all: &BTreeMap<ServiceName, T>,
    keep: impl Fn(&ServiceName) -> bool,
) -> BTreeMap<ServiceName, T> {
    all.iter()
        .filter(|(name, _)| keep(name))
        .map(|(name, one)| (name.clone(), one.clone()))
        .collect()
}

fn push_bounded<T>(queue: &mut VecDeque<T>, item: T, max: usize) {
    while max <= queue.len() {
        queue.pop_front();
    }
    queue.push_back(item);
}

fn not_ready(name: &NodeName, state: &NodeState) -> Rejected {
    Rejected::NodeNotReady {
        node: name.clone(),
        state: state.word().to_string(),
    }
}
