//! What Mainstay says and hears over its socket: the types of the JSON interface, its
//! routes and its errors.
//!
//! The JSON is a promise to scripts: fields are added, never renamed, removed or given
//! another meaning; a script ignores what it does not know. Times are RFC 3339 in UTC with
//! milliseconds, spans are whole milliseconds in fields that end in `_ms`, states are
//! lower-case words. There is no I/O here; `server` serves these types, `cli` asks for them.

#![forbid(unsafe_code)]

pub mod checks;
pub mod config;
pub mod environment;
pub mod error;
pub mod explain;
pub mod history;
pub mod lock;
pub mod log;
pub mod networks;
pub mod order;
pub mod plan;
pub mod quorum;
pub mod routes;
pub mod status;
pub mod time;
mod view;
mod warn;
mod what_if;
mod witness;

pub use checks::{CheckAnswerView, CheckView};
pub use config::{ApplyReply, ApplyRequest, CheckReply, ConfigVersion, ConfigVersions};
pub use environment::{EnvironmentReport, EnvironmentRequest};
pub use error::{ApiError, ErrorCode};
pub use explain::{Explanation, NodeVerdict, NotOn, RoleVerdict};
pub use history::{
    Events, FenceRecordView, Fences, History, HistoryEntryView, TokenReply, TokenRequest,
};
pub use log::{
    DaemonLine, DaemonLog, DaemonLogQuery, Levels, LevelsChange, LevelsRequest, LogLine, LogQuery,
    LogView, NodeQuestion,
};
pub use networks::{CardView, NetworkView, PingsView};
pub use order::{Order, OrderReply, OrderRequest, Switch};
pub use plan::{PlanView, ServiceOutage, StayView, StepView, WaitView};
pub use status::{
    BarView, FenceView, LinkState, LinkStatus, NodeStatus, ResourceStatus, ServiceState,
    ServiceStatus, Status, TicketView,
};
pub use time::Timestamp;
pub use view::StatusExtra;
pub use what_if::{
    BackView, CarriedView, DownView, FailureView, OutageView, RoleView, RuleView, WhatIfReply,
    WhatIfRequest,
};
pub use witness::{GrantView, WitnessReply, WitnessRequest, WitnessView, Witnesses};

/// Where the daemon listens unless it is told otherwise.
pub const SOCKET_DEFAULT: &str = "/run/mainstay/mainstay.sock";
/// The environment variable that names another socket.
pub const SOCKET_VARIABLE: &str = "MAINSTAY_SOCKET";
/// Longest body of a request or an answer. The largest is a configuration: a cluster of 64
/// nodes and thousands of resources stays under it; more would be a mistake or an attack.
pub const BODY_MAX: usize = 1024 * 1024;
