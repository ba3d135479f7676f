//! The paths of the interface. Bodies and answers are JSON.
//!
//! | Request | Answer |
//! |---|---|
//! | `GET /v1/status` | `Status` |
//! | `GET /v1/quorum` | `QuorumStatus` |
//! | `POST /v1/quorum/force` (`ForceRequest`) | `ForceReply` |
//! | `POST /v1/orders` (`OrderRequest`) | `OrderReply` |
//! | `POST /v1/apply` (`ApplyRequest`) | `ApplyReply` |
//! | `GET /v1/history?after=&since=&limit=` | `History` |
//! | `GET /v1/events?after=` (waits until there is something newer) | `Events` |
//! | `GET /v1/config`, `GET /v1/config/VERSION` | `ConfigVersion` with its text |
//! | `GET /v1/configs` | `ConfigVersions`, without their texts |
//! | `GET /v1/fences` | `Fences` |
//! | `POST /v1/tokens` (`TokenRequest`) | `TokenReply` |
//! | `GET /v1/witnesses` | `Witnesses` |
//! | `POST /v1/witnesses` (`WitnessRequest`) | `WitnessReply` |
//! | `GET /v1/locks`, `GET /v1/locks/NAME` | `Locks` |
//! | `POST /v1/locks` (`LockRequest`) | `LockReply` |
//! | `GET /v1/log/SERVICE?resource=&operation=&since=&node=&follow=` (with `follow`, waits until there is something newer) | `LogView` |
//! | `GET /v1/daemon-log?since=&node=&follow=` (likewise) | `DaemonLog` |
//! | `GET /v1/log-level?node=`, `POST /v1/log-level` (`LevelsRequest`) | `Levels` |
//! | `GET /v1/explain/SERVICE?not_on=&at=` | `Explanation` |
//! | `POST /v1/what-if` (`WhatIfRequest`) | `WhatIfReply` |
//! | `POST /v1/environment` (`EnvironmentRequest`) | `EnvironmentReport` |
//!
//! What goes wrong is answered with an HTTP status of 400 or more and an `ApiError`.

/// The state of everything.
pub const STATUS: &str = "/v1/status";
/// Who may decide, and what a node waits for.
pub const QUORUM: &str = "/v1/quorum";
/// A person's word that lets a node go on without others.
pub const FORCE_QUORUM: &str = "/v1/quorum/force";
/// Orders of operators: preview and commit.
pub const ORDERS: &str = "/v1/orders";
/// A new configuration: preview and commit.
pub const APPLY: &str = "/v1/apply";
/// What happened.
pub const HISTORY: &str = "/v1/history";
/// What happens: answers as soon as something newer than `after` is applied.
pub const EVENTS: &str = "/v1/events";
/// The live configuration; with `/VERSION`, an older one.
pub const CONFIG: &str = "/v1/config";
/// The kept versions of the configuration.
pub const CONFIGS: &str = "/v1/configs";
/// Settled fences.
pub const FENCES: &str = "/v1/fences";
/// Join tokens.
pub const TOKENS: &str = "/v1/tokens";
/// Witnesses: asked for, added, taken out.
pub const WITNESSES: &str = "/v1/witnesses";
/// Locks: taken, renewed, given back; with `/NAME`, one of them.
pub const LOCKS: &str = "/v1/locks";
/// With `/SERVICE`: what its operations printed.
pub const LOG: &str = "/v1/log";
/// The log of a daemon.
pub const DAEMON_LOG: &str = "/v1/daemon-log";
/// How much a daemon tells.
pub const LOG_LEVEL: &str = "/v1/log-level";
/// With `/SERVICE`: why it is where it is.
pub const EXPLAIN: &str = "/v1/explain";
/// What would happen if something failed.
pub const WHAT_IF: &str = "/v1/what-if";
/// Whether the nodes have what a configuration needs.
pub const ENVIRONMENT: &str = "/v1/environment";
