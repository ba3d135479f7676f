//! Plans as they are shown: what will happen, why, what stays, what waits.

use serde::{Deserialize, Serialize};

use crate::OutageView;

/// A plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanView {
    /// Its number; none while it is only a preview.
    pub id: Option<u64>,
    /// What will be done, in order.
    pub steps: Vec<StepView>,
    /// Services that the plan does not touch.
    pub stays: Vec<StayView>,
    /// Services that are left running where they are, and that the cluster forgets: they were
    /// frozen when they were taken out of the configuration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<StayView>,
    /// Services that should run and cannot yet.
    pub waits: Vec<WaitView>,
    /// Services that do not answer for a while, and for how long.
    #[serde(default)]
    pub outages: Vec<ServiceOutage>,
}

impl PlanView {
    /// The same with one step more: a restart in place or a reload, which an operator orders
    /// directly and no plan contains. The service no longer counts as one that stays as it is.
    #[must_use]
    pub fn with_order(
        mut self,
        action: &str,
        (service, node): (&str, &str),
        because: &str,
    ) -> Self {
        self.stays.retain(|stay| stay.service != service);
        self.steps.push(StepView {
            action: action.to_string(),
            service: Some(service.to_string()),
            node: Some(node.to_string()),
            sentence: format!("{action} {service} on {node}"),
            because: because.to_string(),
        });
        self
    }

    /// Services that do not answer for a while if the plan is carried out: those with a
    /// step that stops or restarts them. In order of the steps, each once.
    #[must_use]
    pub fn interrupted(&self) -> Vec<&str> {
        let mut services: Vec<&str> = Vec::new();
        for step in &self.steps {
            let Some(service) = step.service.as_deref() else {
                continue;
            };
            if ["stop", "restart"].contains(&step.action.as_str()) && !services.contains(&service) {
                services.push(service);
            }
        }
        services
    }
}

/// One step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepView {
    /// `start`, `stop`, `restart`, `reload`, `fence`, ...
    pub action: String,
    /// Which service it touches.
    pub service: Option<String>,
    /// On which node; for a fence, its target.
    pub node: Option<String>,
    /// The step in words: `stop web on alpha`.
    pub sentence: String,
    /// Why, in words.
    pub because: String,
}

/// A service that does not answer for a while.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceOutage {
    /// Which.
    pub service: String,
    /// For how long; none: it does not come back by this change.
    pub outage: Option<OutageView>,
}

/// A service that stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StayView {
    /// Which.
    pub service: String,
    /// Where it runs; none: it stays stopped.
    pub node: Option<String>,
}

/// A service that should run and cannot yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitView {
    /// Which.
    pub service: String,
    /// What it waits for, in words.
    pub because: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_interrupts_its_service_and_no_other() {
        let stay = |service: &str| StayView {
            service: service.to_string(),
            node: Some("alpha".to_string()),
        };
        let plan = PlanView {
            stays: vec![stay("db"), stay("web")],
            ..PlanView::default()
        };
        let plan = plan
            .with_order("restart", ("web", "alpha"), "asked by ops")
            .with_order("reload", ("db", "alpha"), "asked by ops");
        assert_eq!(plan.interrupted(), ["web"]);
        assert_eq!(plan.stays, []);
        assert_eq!(plan.steps[0].sentence, "restart web on alpha");
    }
}
