//! `reload`: which service, or which of its resources; and when it is over.

use std::str::FromStr;

use api::{HistoryEntryView, Status};
use clap::Args;
use model::{ResourceName, ServiceName};

use crate::args::ActArgs;
use crate::wait::Verdict;

/// `reload`.
#[derive(Debug, Args)]
pub struct ReloadArgs {
    /// Which service, or which of its resources
    #[arg(value_name = "SERVICE[/RESOURCE]")]
    pub what: ReloadTarget,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as help")]
    pub act: ActArgs,
}

/// `SERVICE`, or `SERVICE/RESOURCE`.
#[derive(Debug, Clone)]
pub struct ReloadTarget {
    /// Which service.
    pub service: ServiceName,
    /// Which of its resources; none: all that can be reloaded.
    pub resource: Option<ResourceName>,
}

impl FromStr for ReloadTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (service, resource) = match text.split_once('/') {
            None => (text, None),
            Some((service, resource)) => (service, Some(resource)),
        };
        let resource = resource.map(ResourceName::new).transpose();
        Ok(Self {
            service: ServiceName::new(service).map_err(|error| error.to_string())?,
            resource: resource.map_err(|error| error.to_string())?,
        })
    }
}

/// Whether a reload is over, and well. A service that failed meanwhile comes up with its new
/// settings, but that is not what was asked for.
pub(crate) fn verdict(service: &str, status: &Status, since: &[HistoryEntryView]) -> Verdict {
    let mut of_it = since
        .iter()
        .filter(|entry| entry.service.as_deref() == Some(service));
    let end = of_it.find_map(|entry| match entry.kind.as_str() {
        "reloaded" => Some(Verdict::Reached),
        "reload-failed" | "failed" | "revoked" | "stopped" => {
            Some(Verdict::Never(entry.text.clone()))
        }
        _other => None,
    });
    let is_known = status.services.iter().any(|it| it.name == service);
    match end {
        Some(end) => end,
        None if is_known => Verdict::NotYet(format!("{service} is not reloaded yet")),
        None => Verdict::Never(format!("there is no {service} any more")),
    }
}

#[cfg(test)]
mod tests {
    use api::ServiceStatus;

    use super::*;

    #[test]
    fn a_resource_is_named_behind_its_service() {
        let read = |text: &str| {
            let target: ReloadTarget = text.parse().ok()?;
            let resource = target.resource.map(|name| name.to_string());
            Some((target.service.to_string(), resource))
        };
        assert_eq!(read("web"), Some(("web".into(), None)));
        assert_eq!(
            read("web/nginx"),
            Some(("web".into(), Some("nginx".into())))
        );
        assert_eq!(read("web:0"), Some(("web:0".into(), None)));
        assert_eq!(read("web/"), None);
        assert_eq!(read("/nginx"), None);
    }

    #[test]
    fn a_reload_is_over_when_it_is_told_and_a_failure_is_told_too() {
        let status = Status {
            services: vec![ServiceStatus {
                name: "web".into(),
                ..ServiceStatus::default()
            }],
            ..Status::default()
        };
        let entry = |kind: &str| HistoryEntryView {
            kind: kind.into(),
            service: Some("web".into()),
            text: kind.to_uppercase(),
            ..HistoryEntryView::default()
        };
        let of = |kinds: &[&str]| {
            let since: Vec<_> = kinds.iter().map(|kind| entry(kind)).collect();
            verdict("web", &status, &since)
        };
        assert!(matches!(of(&["reloading"]), Verdict::NotYet(_)));
        assert_eq!(of(&["reloading", "reloaded"]), Verdict::Reached);
        let never = Verdict::Never("RELOAD-FAILED".into());
        assert_eq!(of(&["reloading", "reload-failed"]), never);
    }
}
