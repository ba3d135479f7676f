//! What happened: history, fences, output of operations; and join tokens.

use model::seen::{FenceRecord, FenceResult};
use model::{Happening, HistoryEntry};
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// One entry of the history.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntryView {
    /// The log index of its cause. Entries of one index belong together.
    pub index: u64,
    /// When, by the clock of the node that proposed it.
    pub at: Timestamp,
    /// `node`, `granted`, `restarted`, `reloading`, `reloaded`, `reload-failed`, `revoked`, `running`, `stopped`, `failed`,
    /// `stray-found`, `stray-stopped`, `let-go`, `fence-asked`, `fence-ended`, `configured`, `arbiter`,
    /// `lock-taken`, `lock-ended` or `operator`.
    pub kind: String,
    /// What, in words.
    pub text: String,
    /// The service it is about.
    #[serde(default)]
    pub service: Option<String>,
    /// The node it is about; for a fence, its target.
    #[serde(default)]
    pub node: Option<String>,
    /// The plan that it follows.
    #[serde(default)]
    pub plan: Option<u64>,
    /// Why, in words.
    #[serde(default)]
    pub because: Option<String>,
}

/// Entries of the history, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The entries.
    pub entries: Vec<HistoryEntryView>,
}

/// What a long poll answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Events {
    /// What is applied now; ask for what comes after it next.
    pub index: u64,
    /// What happened after the index that was asked for. May be empty: something changed
    /// that has no entry, or nothing happened within the time limit of one poll.
    pub entries: Vec<HistoryEntryView>,
}

/// A settled fence.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FenceRecordView {
    /// Names it.
    pub id: u64,
    /// Who was fenced.
    pub target: String,
    /// Who carried it out.
    pub executor: String,
    /// Why, in words.
    pub because: String,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// `confirmed`, `confirmed-by-operator`, `failed` or `rebooted`.
    pub result: String,
    /// How it ended, in words.
    pub text: String,
}

/// Settled fences, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fences {
    /// The fences.
    pub fences: Vec<FenceRecordView>,
}

/// Asks for a join token.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRequest {
    /// For how long it is valid, in milliseconds; none: an hour.
    #[serde(default)]
    pub valid_for_ms: Option<u64>,
}

/// A join token. It is a secret: whoever has it can add one node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenReply {
    /// What `mainstay join` takes.
    pub token: String,
    /// Not valid after this time.
    pub expires: Timestamp,
}

impl From<&HistoryEntry> for HistoryEntryView {
    fn from(entry: &HistoryEntry) -> Self {
        let (kind, service, node) = subject(&entry.what);
        let (plan, because) = grounds(&entry.what);
        Self {
            index: entry.index,
            at: entry.at.into(),
            kind: kind.to_string(),
            text: entry.what.to_string(),
            service,
            node,
            plan,
            because,
        }
    }
}

type Subject = (&'static str, Option<String>, Option<String>);

fn subject(what: &Happening) -> Subject {
    let both = |kind, service: &model::ServiceName, node: &model::NodeName| {
        (kind, Some(service.to_string()), Some(node.to_string()))
    };
    match what {
        Happening::Node { node, .. } => ("node", None, Some(node.to_string())),
        Happening::Granted { service, node, .. } => both("granted", service, node),
        Happening::Restarted { service, node, .. } => both("restarted", service, node),
        Happening::Revoked { service, node, .. } => both("revoked", service, node),
        Happening::Migrating { service, node, .. } => both("migrating", service, node),
        Happening::HandedOver { service, node, .. } => both("handed-over", service, node),
        Happening::MigrationEnded { service, node, .. } => both("migration-ended", service, node),
        Happening::Promoting { service, node, .. } => both("promoting", service, node),
        Happening::Demoting { service, node, .. } => both("demoting", service, node),
        Happening::Reloading { service, node, .. } => both("reloading", service, node),
        Happening::Reloaded { service, node } => both("reloaded", service, node),
        Happening::ReloadFailed { service, node, .. } => both("reload-failed", service, node),
        Happening::Promoted { service, node } => both("promoted", service, node),
        Happening::Demoted { service, node } => both("demoted", service, node),
        Happening::Running { service, node } => both("running", service, node),
        Happening::Stopped { service, node, .. } => both("stopped", service, node),
        Happening::StrayFound { service, node } => both("stray-found", service, node),
        Happening::StrayStopped { service, node } => both("stray-stopped", service, node),
        Happening::LetGo { service, node } => both("let-go", service, node),
        Happening::Failed { service, node, .. } => both("failed", service, node),
        Happening::Check { service, node, .. } => both("check", service, node),
        Happening::FenceAsked { target, .. } => ("fence-asked", None, Some(target.to_string())),
        Happening::FenceEnded { target, .. } => ("fence-ended", None, Some(target.to_string())),
        Happening::FenceLied { node, .. } => ("fence-lied", None, Some(node.to_string())),
        Happening::DeviceLied { node, .. } => ("device-lied", None, Some(node.to_string())),
        Happening::Contest { rival, .. } => {
            let node = rival.as_ref().map(|(node, _)| node.to_string());
            ("contest", None, node)
        }
        Happening::LockTaken { owner, .. } => ("lock-taken", None, Some(owner.node.to_string())),
        Happening::LockEnded { owner, .. } => ("lock-ended", None, Some(owner.node.to_string())),
        Happening::Arbiter { .. } => ("arbiter", None, None),
        Happening::Configured { .. } => ("configured", None, None),
        Happening::Watchdog { node, .. } => ("watchdog", None, Some(node.to_string())),
        Happening::Network { node, .. } => ("network", None, Some(node.to_string())),
        Happening::Operator { .. } => ("operator", None, None),
    }
}

fn grounds(what: &Happening) -> (Option<u64>, Option<String>) {
    match what {
        Happening::Granted { plan, because, .. }
        | Happening::Migrating { plan, because, .. }
        | Happening::Restarted { plan, because, .. }
        | Happening::Promoting { plan, because, .. }
        | Happening::Demoting { plan, because, .. }
        | Happening::Reloading { plan, because, .. }
        | Happening::Revoked { plan, because, .. } => (Some(plan.0), Some(because.to_string())),
        Happening::Stopped { because, .. } | Happening::FenceAsked { because, .. } => {
            (None, Some(because.to_string()))
        }
        Happening::Node { because, .. } => (None, because.as_ref().map(ToString::to_string)),
        Happening::Arbiter { because, .. } => (None, Some(because.to_string())),
        Happening::LockEnded { because, .. } => (None, Some(because.to_string())),
        Happening::Running { .. }
        | Happening::HandedOver { .. }
        | Happening::MigrationEnded { .. }
        | Happening::Promoted { .. }
        | Happening::Reloaded { .. }
        | Happening::ReloadFailed { .. }
        | Happening::Demoted { .. }
        | Happening::StrayFound { .. }
        | Happening::StrayStopped { .. }
        | Happening::LetGo { .. }
        | Happening::Failed { .. }
        | Happening::Check { .. }
        | Happening::FenceEnded { .. }
        | Happening::FenceLied { .. }
        | Happening::DeviceLied { .. }
        | Happening::Contest { .. }
        | Happening::Configured { .. }
        | Happening::LockTaken { .. }
        | Happening::Watchdog { .. }
        | Happening::Network { .. }
        | Happening::Operator { .. } => (None, None),
    }
}

impl From<&FenceRecord> for FenceRecordView {
    fn from(record: &FenceRecord) -> Self {
        let result = match &record.result {
            FenceResult::Confirmed { .. } => "confirmed",
            FenceResult::ConfirmedByOperator { .. } => "confirmed-by-operator",
            FenceResult::Failed { .. } => "failed",
            FenceResult::Rebooted => "rebooted",
            FenceResult::OutlivedWatchdog { .. } => "outlived-watchdog",
        };
        Self {
            id: record.id.0,
            target: record.target.to_string(),
            executor: record.executor.to_string(),
            because: record.because.to_string(),
            asked_at: record.asked_at.into(),
            ended_at: record.ended_at.into(),
            result: result.to_string(),
            text: record.result.to_string(),
        }
    }
}
