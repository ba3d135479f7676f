//! Why a service is where it is.

use api::{Explanation, HistoryEntryView, NodeVerdict, RoleVerdict, ServiceStatus};

use super::ago;

/// Of copies, where one has a role.
pub(super) fn role_verdicts(
    services: &[ServiceStatus],
    of: &model::ServiceName,
) -> Vec<RoleVerdict> {
    let copies = services.iter().filter(|copy| copy.is_of(of.service_str()));
    let copies: Vec<_> = copies.collect();
    if copies.iter().all(|copy| copy.role.is_none()) {
        return Vec::new();
    }
    let verdict = |copy: &&ServiceStatus| {
        let (role, score, because) = match (&copy.role, &copy.node) {
            (Some(role), _) => (role.clone(), Some(150), "150 points: promotion score 50"),
            (None, Some(_)) => {
                let because = "its promotion score is -1";
                ("unpromoted".to_string(), None, because)
            }
            (None, None) => (String::new(), None, "runs nowhere"),
        };
        RoleVerdict {
            copy: copy.name.clone(),
            node: copy.node.clone(),
            role: (!role.is_empty()).then_some(role),
            score,
            because: vec![because.into()],
        }
    };
    copies.iter().map(verdict).collect()
}

pub(super) fn explanation(service: &ServiceStatus) -> Explanation {
    let verdict = |node: &str, score: Option<i64>, because: &str| NodeVerdict {
        node: node.into(),
        allowed: score.is_some(),
        score,
        because: vec![because.into()],
    };
    Explanation {
        service: service.name.clone(),
        state: service.state,
        node: service.node.clone(),
        role: service.role.clone(),
        because: service.reason.clone(),
        nodes: vec![
            verdict(
                "alpha",
                Some(200),
                "200 points: first in prefer; runs no other service",
            ),
            verdict(
                "beta",
                Some(100),
                "100 points: second in prefer; runs no other service; alpha has 200",
            ),
            verdict("gamma", None, "lost"),
        ],
        roles: Vec::new(),
        waits: Vec::new(),
        since: Some(service.since),
        happened: vec![HistoryEntryView {
            index: 31,
            at: ago(125),
            kind: "granted".into(),
            text: format!("plan 30: start {} on alpha: it should run", service.name),
            ..HistoryEntryView::default()
        }],
        at: None,
        unknown: Vec::new(),
        not_on: None,
    }
}
