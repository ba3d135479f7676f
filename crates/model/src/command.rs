//! What is decided: the commands of the replicated log.
//!
//! They travel as JSON inside log entries, so that fields can be added while nodes of two
//! versions run side by side. A command that cannot be applied is `Rejected`, with a
//! reason, on all nodes alike.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::checks::{CheckName, CheckOrder, Verdict};
use crate::lock::{LockOwner, LockWait};
use crate::networks::NetworksSeen;
use crate::reload::ReloadTold;
use crate::roles::RoleTold;
use crate::seen::{
    Dependencies, FenceResult, Found, Maintenance, ResourceFailure, ResourceState, RestartScope,
    TicketStanding, WitnessKind,
};
use crate::spec::Spec;
use crate::{
    BootId, CardName, ClaimEpoch, ClusterTime, DeviceName, FenceId, LockName, LockToken, NodeId,
    NodeName, PlanId, Reason, ResourceName, ServiceName, SessionName, TicketName, UserName,
    WallTime, WitnessName, duration,
};

/// A command with what the proposer knew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    /// The proposer's wall clock. Data only.
    pub at: WallTime,
    /// The proposer's cluster time.
    #[serde(default)]
    pub clock: ClusterTime,
    /// The command.
    pub command: Command,
}

/// Everything that can change the replicated state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum Command {
    /// A new version of the spec becomes live.
    SetSpec {
        /// The version that it was made from; another one means that somebody was faster.
        base: u64,
        /// The text as it was given, with comments.
        source: String,
        /// What was read from it.
        spec: Box<Spec>,
        /// Who.
        by: UserName,
    },
    /// A one-time right to join.
    AddToken {
        /// SHA-256 of the secret, in hexadecimal.
        digest: String,
        /// For how long it is valid.
        #[serde(default, with = "duration")]
        valid_for: Duration,
        /// Who made it.
        by: UserName,
    },
    /// A node joins; the token is used up.
    AddMember {
        /// Its name.
        name: NodeName,
        /// Its public key (Ed25519).
        key: [u8; 32],
        /// Digest of the token's secret; empty for the first node.
        token: String,
        /// The next version of the spec (text and what was read from it), where the live one
        /// does not describe the node yet.
        spec: Option<Box<(String, Spec)>>,
        /// The feature level of the first node, at which the cluster begins; that of others
        /// was looked at before.
        #[serde(default = "crate::level::level_first")]
        level: u32,
    },
    /// A node leaves the cluster for good.
    RemoveMember {
        /// Its name.
        name: NodeName,
        /// Who.
        by: UserName,
    },
    /// A node is heard under this boot.
    NodeUp {
        /// Which.
        node: NodeName,
        /// This boot. Another one than before proves that all it ran is gone.
        boot: BootId,
        /// Which run of its daemon; grows with each start. 0: not told. Once a run is known
        /// here, what earlier runs say is late.
        #[serde(default)]
        run: u64,
    },
    /// A node tells what it found running. From then on it may be given services.
    Probed {
        /// Which.
        node: NodeName,
        /// This boot.
        boot: BootId,
        /// Which run of its daemon tells; 0: not told.
        #[serde(default)]
        run: u64,
        /// What runs there, beyond what is stopped.
        found: Vec<Found>,
    },
    /// A node's daemon is closed, its kernel lives.
    DaemonDown {
        /// Which.
        node: NodeName,
        /// This boot.
        boot: BootId,
    },
    /// A node is lost.
    NodeLost {
        /// Which.
        node: NodeName,
        /// The boot that was lost; none: never heard since the cluster started.
        boot: Option<BootId>,
        /// The evidence.
        because: Reason,
    },
    /// A node asks to leave the view: its services shall move away.
    Leave {
        /// Which.
        node: NodeName,
        /// This boot.
        boot: BootId,
    },
    /// A leaving node runs nothing any more and is down from now on.
    Left {
        /// Which.
        node: NodeName,
        /// This boot.
        boot: BootId,
    },
    /// A node is given the right to run a service. Rejected unless every other node that
    /// may hold it is proven not to (S2).
    Grant {
        /// Which service.
        service: ServiceName,
        /// To which node.
        node: NodeName,
        /// In which boot.
        boot: BootId,
        /// By which plan.
        plan: PlanId,
        /// Why.
        because: Reason,
    },
    /// The holder of a claim shall stop the service.
    Revoke {
        /// Which service.
        service: ServiceName,
        /// Which claim.
        epoch: ClaimEpoch,
        /// By which plan.
        plan: PlanId,
        /// Why.
        because: Reason,
        /// Whether the node is barred for the service from now on.
        bar: BarNode,
    },
    /// The holder of a claim shall restart the service in place.
    Restart {
        /// Which service.
        service: ServiceName,
        /// Which claim.
        epoch: ClaimEpoch,
        /// What is restarted.
        scope: RestartScope,
        /// By which plan.
        plan: PlanId,
        /// Why.
        because: Reason,
    },
    /// The holder of a claim shall hand the service over to another node, alive. From then on
    /// both may run it.
    Migrate {
        /// Which service.
        service: ServiceName,
        /// Which claim.
        epoch: ClaimEpoch,
        /// To which node.
        node: NodeName,
        /// In which boot.
        boot: BootId,
        /// By which plan.
        plan: PlanId,
        /// Why.
        because: Reason,
    },
    /// The holder of a claim shall make what runs the promoted one. Rejected unless as many as
    /// are wanted are left when every other that is promoted, or may be, is counted.
    Promote {
        /// Which service.
        service: ServiceName,
        /// Which claim.
        epoch: ClaimEpoch,
        /// By which plan.
        plan: PlanId,
        /// Why.
        because: Reason,
    },
    /// The holder of a claim shall make it an ordinary one again.
    Demote {
        /// Which service.
        service: ServiceName,
        /// Which claim.
        epoch: ClaimEpoch,
        /// By which plan.
        plan: PlanId,
        /// Why.
        because: Reason,
    },
    /// The holder of a claim shall have what runs take the live configuration over, without a
    /// stop. Rejected unless all that has changed can be reloaded.
    Reload {
        /// Which service.
        service: ServiceName,
        /// Which claim.
        epoch: ClaimEpoch,
        /// By which plan.
        plan: PlanId,
        /// Why.
        because: Reason,
    },
    /// The holder of a claim tells how it is.
    Report {
        /// Who.
        node: NodeName,
        /// In which boot.
        boot: BootId,
        /// Which run of its daemon tells; 0: not told.
        #[serde(default)]
        run: u64,
        /// Which service.
        service: ServiceName,
        /// Which claim.
        epoch: ClaimEpoch,
        /// Under which incarnation of it.
        incarnation: u32,
        /// What.
        report: Report,
        /// State of each resource, in start order.
        resources: Vec<(ResourceName, ResourceState)>,
        /// How it stands with its role.
        #[serde(default)]
        role: RoleTold,
    },
    /// A stray (a service found running without a claim) has been stopped.
    StrayStopped {
        /// Where.
        node: NodeName,
        /// In which boot.
        boot: BootId,
        /// Which run of its daemon tells; 0: not told.
        #[serde(default)]
        run: u64,
        /// Which service.
        service: ServiceName,
    },
    /// A service that was frozen when it was taken out of the configuration runs on, and the
    /// node has forgotten what it knew of it.
    LetGo {
        /// Where.
        node: NodeName,
        /// In which boot.
        boot: BootId,
        /// Which run of its daemon tells.
        run: u64,
        /// Which service, or copy.
        service: ServiceName,
    },
    /// A node tells whether a service runs there that is new in the configuration.
    Looked {
        /// Where.
        node: NodeName,
        /// In which boot.
        boot: BootId,
        /// Which run of its daemon tells.
        run: u64,
        /// Which service.
        service: ServiceName,
        /// Under which names it runs there, or may.
        found: Vec<ServiceName>,
    },
    /// A node shall be fenced.
    Fence {
        /// Which.
        target: NodeName,
        /// Which boot of it must be proven ended.
        boot: Option<BootId>,
        /// Who carries it out.
        executor: NodeName,
        /// Why.
        because: Reason,
    },
    /// A boot that was confirmed as ended is heard again: whoever confirmed it was wrong.
    FenceLied {
        /// Which node.
        node: NodeName,
        /// The boot that lives.
        boot: BootId,
    },
    /// A device had confirmed to a half, outside the log, that a boot has ended, and that boot
    /// lives. Nothing was decided on it.
    DeviceLied {
        /// Which device.
        device: DeviceName,
        /// Which node.
        node: NodeName,
        /// The boot that lives.
        boot: BootId,
    },
    /// A person has forced the change that began this history.
    ForcedBy {
        /// The history that it made.
        generation: u64,
        /// Of whom the person said that they are off.
        lost: BTreeSet<NodeName>,
        /// Who.
        by: UserName,
    },
    /// A quorum of another history is heard, or is not heard any more.
    Contest {
        /// Who leads there, and its generation; none: nobody any more.
        rival: Option<(NodeName, u64)>,
    },
    /// A person has mended or checked a fence device that was not trusted.
    TrustDevice {
        /// Which.
        device: DeviceName,
        /// Who.
        by: UserName,
    },
    /// A fence has ended.
    FenceEnded {
        /// Which.
        id: FenceId,
        /// Whom.
        target: NodeName,
        /// Who carried it out, in which boot; a confirmation is void when it rebooted.
        executor: (NodeName, BootId),
        /// How.
        result: FenceResult,
    },
    /// A person vouches that a node is off.
    ConfirmFence {
        /// Which.
        target: NodeName,
        /// Who vouches.
        by: UserName,
    },
    /// What operators do to services.
    Service {
        /// Which.
        service: ServiceName,
        /// What.
        order: ServiceOrder,
        /// Who.
        by: UserName,
    },
    /// A node is set aside, or back.
    SetStandby {
        /// Which.
        node: NodeName,
        /// Aside, or back.
        standby: Maintenance,
        /// Who.
        by: UserName,
    },
    /// A witness is added; or one that is known, and remembers, is found elsewhere from now on.
    SetWitness {
        /// What people call it.
        name: WitnessName,
        /// What it is, and where.
        kind: WitnessKind,
        /// Who.
        by: UserName,
    },
    /// A witness is taken out.
    RemoveWitness {
        /// Which.
        name: WitnessName,
        /// Who.
        by: UserName,
    },
    /// A node tells how its watchdog is. A node that is about to feed its watchdog without
    /// regard to the lease, or to disarm it, tells so first and waits until this is applied.
    WatchdogArmed {
        /// Which.
        node: NodeName,
        /// This boot.
        boot: BootId,
        /// Which run of its daemon tells; 0: not told.
        #[serde(default)]
        run: u64,
        /// Grows within a boot with each such word: an earlier one that arrives later is void,
        /// for the node may have disarmed in the meantime.
        #[serde(default)]
        word: u64,
        /// How long after the last feed it resets the node; none: it is not armed.
        #[serde(default, with = "duration::option")]
        bound: Option<Duration>,
    },
    /// A node tells how its networks are: all of it, in place of what it told before.
    NetworksTold {
        /// Which.
        node: NodeName,
        /// This boot.
        boot: BootId,
        /// Which run of its daemon tells; 0: not told.
        #[serde(default)]
        run: u64,
        /// Grows within a boot with each such word.
        word: u64,
        /// What it tells.
        told: Box<NetworksSeen>,
    },
    /// A node tells how busy its processors are, where the spec places services by that.
    LoadTold {
        /// Which.
        node: NodeName,
        /// This boot.
        boot: BootId,
        /// Which run of its daemon tells.
        run: u64,
        /// Percent of all its processors: a multiple of [`crate::load::STEP`].
        percent: u32,
    },
    /// A person trusts cards of a node again: their failures are forgotten.
    RearmCards {
        /// Which node.
        node: NodeName,
        /// Which card; none: all.
        card: Option<CardName>,
        /// Who.
        by: UserName,
    },
    /// A session takes a lock, or gets a place in its queue. A session that has either already
    /// renews it.
    TakeLock {
        /// Which.
        lock: LockName,
        /// For whom.
        owner: LockOwner,
        /// For how long it is kept without being renewed.
        #[serde(with = "duration")]
        lease: Duration,
        /// What becomes of it where another one holds the lock.
        wait: LockWait,
    },
    /// A session still wants what it has of a lock.
    RenewLock {
        /// Which.
        lock: LockName,
        /// Who.
        session: SessionName,
        /// The token that it believes to hold; none: it does not care, or waits.
        #[serde(default)]
        token: Option<LockToken>,
    },
    /// A session gives back what it has of a lock.
    ReleaseLock {
        /// Which.
        lock: LockName,
        /// Who.
        session: SessionName,
        /// The token that it believes to hold; none: whatever it has.
        #[serde(default)]
        token: Option<LockToken>,
    },
    /// A person wants a lock back: it is not renewed any more.
    RecallLock {
        /// Which.
        lock: LockName,
        /// Of which holder.
        token: LockToken,
        /// Who.
        by: UserName,
    },
    /// What a session has of a lock was not renewed in time. Rejected before its lease is over
    /// in cluster time, and when it was renewed meanwhile.
    LapseLock {
        /// Which.
        lock: LockName,
        /// Whose.
        session: SessionName,
        /// The renewal that was the last one.
        renewed: u64,
    },
    /// Another arbiter decides between two halves than history knows.
    ArbiterIs {
        /// The witness; none: confirmed fencing.
        witness: Option<WitnessName>,
        /// Why.
        because: Reason,
    },
    /// Maintenance of the whole cluster begins or ends.
    SetMaintenance {
        /// Begins or ends.
        maintenance: Maintenance,
        /// Who.
        by: UserName,
    },
    /// Maintenance of one node begins or ends: nothing on it is touched.
    SetNodeMaintenance {
        /// Which.
        node: NodeName,
        /// Begins or ends.
        maintenance: Maintenance,
        /// Who.
        by: UserName,
    },
    /// An attribute of a node is set, or what was set is forgotten.
    SetAttribute {
        /// Which node.
        node: NodeName,
        /// Which attribute.
        key: String,
        /// What it is from now on; none: as the spec says.
        value: Option<String>,
        /// Who.
        by: UserName,
    },
    /// Every member runs a program that knows this feature level: what belongs to it may be
    /// in the log from now on.
    RaiseLevel {
        /// The new level of the cluster.
        level: u32,
    },
    /// What people do to checks.
    Checks {
        /// Of which service; none: of all.
        #[serde(default)]
        service: Option<ServiceName>,
        /// Which; none: all of the service.
        #[serde(default)]
        check: Option<CheckName>,
        /// What.
        order: CheckOrder,
        /// Who.
        by: UserName,
    },
    /// What people do to checks of a node.
    NodeChecks {
        /// Of which node.
        node: NodeName,
        /// Which; none: all of the node.
        #[serde(default)]
        check: Option<CheckName>,
        /// What: a pause, its end, or a question now.
        order: CheckOrder,
        /// Who.
        by: UserName,
    },
    /// A check is in another state than before.
    CheckTold {
        /// By which node.
        node: NodeName,
        /// In which boot.
        boot: BootId,
        /// Of which service.
        service: ServiceName,
        /// Which.
        check: CheckName,
        /// How it is.
        state: Verdict,
        /// In which words.
        how: String,
    },
    /// A ticket comes here, goes, or is about to go.
    SetTicket {
        /// Which.
        ticket: TicketName,
        /// How it stands from now on.
        standing: TicketStanding,
        /// Who.
        by: UserName,
    },
}

/// Whether a revoked node is barred for the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BarNode {
    /// It may run it again.
    No,
    /// Not until somebody clears it, or it expires.
    UntilCleared,
    /// No node may run it again until somebody starts or clears it.
    Everywhere,
}

/// What operators can do to a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceOrder {
    /// Run it.
    Start,
    /// Run it, as somebody wants it this time.
    StartAs {
        /// Where; none: where it is best.
        to: Option<NodeName>,
        /// Whether it waits for the services that it is `after`.
        dependencies: Dependencies,
    },
    /// Stop it, and leave it stopped.
    Stop,
    /// Stop and start it where it is.
    Restart,
    /// Have it read its own configuration again, without a stop.
    Reload {
        /// Which of its resources; none: all that can.
        resource: Option<ResourceName>,
    },
    /// Take it to another node.
    Move {
        /// Where to; none: the best other node.
        to: Option<NodeName>,
    },
    /// Leave it as it is, whatever happens.
    Freeze,
    /// End of `Freeze`.
    Thaw,
    /// Forget failures and bars.
    Clear,
}

/// What the holder of a claim can report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Report {
    /// Something changed in `resources`, nothing else.
    Progress,
    /// All resources run.
    Running,
    /// A resource failed; the node waits for a decision.
    Failed(ResourceFailure),
    /// All is stopped; the claim is given back.
    Stopped,
    /// The lease ended, and all was stopped without being asked; the claim is given back.
    LeaseEnded,
    /// A stop failed after all its stages.
    StopFailed(ResourceFailure),
    /// All is handed over to the other end of the migration, and nothing runs here.
    HandedOver,
    /// All resources run, and a reload is over.
    Reloaded(ReloadTold),
    /// Nothing could be handed over, and nothing more is sent. What still runs here, the states
    /// of the resources tell.
    MigrationFailed(ResourceFailure),
}

/// A command that was not applied, and why. Every node comes to the same answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Rejected {
    /// Somebody else was faster.
    #[error("configuration version {live} is live, this change was made from {base}")]
    StaleSpec {
        /// The version that the change was made from.
        base: u64,
        /// The live version.
        live: u64,
    },
    /// No such node.
    #[error("there is no node {0}")]
    NoSuchNode(NodeName),
    /// No such witness.
    #[error("there is no witness {0}")]
    NoSuchWitness(WitnessName),
    /// No such service.
    #[error("there is no service {0}")]
    NoSuchService(ServiceName),
    /// The name is taken.
    #[error("a node {0} is a member already")]
    NodeExists(NodeName),
    /// The token is unknown, used up or too old.
    #[error("the token is unknown, used or expired")]
    BadToken,
    /// The claim or boot that it speaks of is not the present one.
    #[error("late: it speaks of {0}, which is over")]
    Late(String),
    /// S2: another node may still run the service.
    #[error("{service} may still run on {node}")]
    MayStillRun {
        /// Which service.
        service: ServiceName,
        /// Where.
        node: NodeName,
    },
    /// S1 and S2 for the role: as many as are wanted may be promoted already.
    #[error("{service} may still be promoted on {node}")]
    MayStillBePromoted {
        /// Which copy.
        service: ServiceName,
        /// Where.
        node: NodeName,
    },
    /// The node cannot run services now.
    #[error("{node} is {state}")]
    NodeNotReady {
        /// Which.
        node: NodeName,
        /// A word of `NodeState`.
        state: String,
    },
    /// The order makes no sense now.
    #[error("{0}")]
    Refused(String),
    /// Nothing of it can be told to read its configuration again.
    #[error("{0}")]
    CannotReload(String),
    /// Somebody else has the lock.
    #[error("lock {lock} is held by {by}, token {token}")]
    LockHeld {
        /// Which.
        lock: LockName,
        /// By whom.
        by: Box<LockOwner>,
        /// The holder's token.
        token: LockToken,
    },
    /// The lock is free.
    #[error("nobody holds lock {0}")]
    LockIsFree(LockName),
    /// The session has nothing of the lock, or no more what it believes to have.
    #[error("{session} has lost lock {lock}, or never had it")]
    NotYourLock {
        /// Which.
        lock: LockName,
        /// Who asked.
        session: SessionName,
    },
    /// The lock is wanted back, so it is not renewed.
    #[error("lock {lock} is recalled by {by}")]
    LockRecalled {
        /// Which.
        lock: LockName,
        /// By whom.
        by: UserName,
    },
    /// Not every member runs a program that knows it.
    #[error(
        "this needs feature level {needs}, and the cluster is at {has}: {}",
        behind_text(.behind)
    )]
    NeedsLevel {
        /// From which level on it can be done.
        needs: u32,
        /// The level of the cluster.
        has: u32,
        /// Members that run an older program, or whose program is not known.
        behind: Vec<NodeName>,
    },
    /// A newer version made this command; this one must not guess.
    #[error("this version does not know the command")]
    Unknown,
}

fn behind_text(behind: &[NodeName]) -> String {
    match behind {
        [] => "it rises within a moment, try again".to_string(),
        [one] => format!("upgrade {one} first"),
        several => {
            let names: Vec<String> = several.iter().map(ToString::to_string).collect();
            format!("upgrade {} first", names.join(", "))
        }
    }
}

/// Numbers the members; also tells a joiner its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// The number given to it.
    pub id: NodeId,
}
