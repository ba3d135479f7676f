//! What the daemon tells when it is asked, alike for all clusters: versions, fences, logs,
//! levels, what the environment lacks.

use api::{
    ApiError, ConfigVersion, DaemonLine, DaemonLog, EnvironmentReport, EnvironmentRequest,
    ErrorCode, FenceRecordView, Fences, Levels, LevelsChange, LogLine, LogView, Timestamp,
};
use model::WallTime;

use super::ago;

pub(super) fn config(version: u64) -> ConfigVersion {
    ConfigVersion {
        version,
        at: ago(10_000 - version * 1000),
        by: "ops".into(),
        source: Some(format!("[cluster]\nname = \"shop\"\n# change {version}\n")),
    }
}

pub(super) fn fences() -> Fences {
    let record = FenceRecordView {
        id: 12,
        target: "gamma".into(),
        executor: "alpha".into(),
        because: "gamma silent for 812 ms, agreed by alpha and beta".into(),
        asked_at: ago(4000),
        ended_at: Timestamp(WallTime(ago(4000).0.0 + 640)),
        result: "confirmed".into(),
        text: "confirmed off by power-gamma".into(),
    };
    Fences {
        fences: vec![record],
    }
}

pub(super) fn log(service: &str) -> LogView {
    let line = LogLine {
        at: ago(125),
        resource: "process-2".into(),
        verb: "start".into(),
        outcome: "running".into(),
        took_ms: 18,
        plan: Some(7),
        output: "listening on 10.0.0.100:80\n".into(),
    };
    LogView {
        service: service.into(),
        node: "alpha".into(),
        runs_on: Some("beta".into()),
        lines: vec![line],
        cursor: "process-2:80:0".into(),
    }
}

/// What followed: then the daemon ends.
pub(super) fn news(service: &str) -> LogView {
    let line = |verb: &str, outcome: &str, output: &str| LogLine {
        at: ago(1),
        resource: "process-2".into(),
        verb: verb.into(),
        outcome: outcome.into(),
        took_ms: 3,
        plan: None,
        output: output.into(),
    };
    LogView {
        lines: vec![
            line("stop", "has not ended", ""),
            line("", "", "closing\nclosed\n"),
            line("stop", "stopped", ""),
        ],
        cursor: "end".into(),
        ..log(service)
    }
}

pub(super) fn daemon_log(node: &str) -> DaemonLog {
    let line = |level: &str, module: &str, text: &str| DaemonLine {
        at: ago(60),
        level: level.into(),
        module: module.into(),
        text: text.into(),
    };
    DaemonLog {
        node: node.into(),
        lines: vec![
            line(
                "info",
                "mainstay::daemon",
                "daemon started node=alpha incarnation=3",
            ),
            line(
                "warn",
                "mainstay::daemon::control",
                "beta silent for 500 ms",
            ),
        ],
        cursor: 2,
        missed: 0,
    }
}

pub(super) fn levels(node: &str, set: Option<&LevelsChange>) -> Result<Levels, ApiError> {
    let mut levels = Levels {
        node: node.into(),
        level: "info".into(),
        modules: Default::default(),
        at_start: "info".into(),
    };
    match set {
        Some(LevelsChange::Set(text)) => match text.split_once('=') {
            Some((module, level)) => {
                levels.modules.insert(module.into(), level.into());
            }
            None if text == "loud" => {
                return Err(ErrorCode::BadRequest.error("`loud` cannot be understood"));
            }
            None => levels.level.clone_from(text),
        },
        Some(LevelsChange::Reset) | None => {}
    }
    Ok(levels)
}

/// What the nodes lack for a file that asks for what is absent.
pub(super) fn environment(request: &EnvironmentRequest) -> EnvironmentReport {
    let report = EnvironmentReport {
        ok: true,
        problems: serde_json::json!([]),
        asked: vec!["alpha".into(), "beta".into(), "gamma".into()],
        took_ms: 31,
        ..EnvironmentReport::default()
    };
    match &request.source {
        Some(source) if source.contains("/absent") => {
            let name = &request.file_name;
            let help = "install it on gamma";
            EnvironmentReport {
                ok: false,
                text: format!(
                    "error[E0901]: there is no program /usr/sbin/absent on gamma\n  --> {name}:9\n  = help: {help}\n"
                ),
                obstacles: vec![
                    format!("E0901: there is no program /usr/sbin/absent on gamma ({name}:9)"),
                    format!("  help: {help}"),
                ],
                ..report
            }
        }
        Some(_) | None => report,
    }
}
