//! `--wait`: follows events until what was ordered is so, or cannot become so.

use std::time::{Duration, Instant};

use api::{
    ApiError, ErrorCode, Events, HistoryEntryView, Order, PlanView, ServiceState, Status, routes,
};

use crate::client::{Client, REQUEST_LIMIT};
use crate::history_text;
use crate::reload;
use crate::screen::{Form, Screen};

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Goal {
    /// The service runs: on `on` if given, and not on `not_on`.
    Runs {
        service: String,
        on: Option<String>,
        not_on: Option<String>,
    },
    /// A copy of the service is promoted: on `on` if given, and not on `not_on`.
    Promoted {
        service: String,
        on: Option<String>,
        not_on: Option<String>,
    },
    /// The service has come up once more since the order.
    RunsAgain { service: String },
    /// What runs of the service has read its own configuration again.
    Reloaded { service: String },
    /// The service runs nowhere, on purpose.
    Stopped { service: String },
    /// The service has ended a step since the order, and is as somebody wants it.
    Settled { service: String },
    /// The service is as somebody wants it, or waits for a person.
    Calm { service: String },
    /// The node runs nothing.
    Empty { node: String },
    /// The node is online.
    Online { node: String },
    /// The node is proven off.
    Down { node: String },
    /// The daemon that was asked has ended: it no longer answers.
    DaemonEnded,
    /// The node is no member any more.
    Gone { node: String },
}

/// How a goal stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Reached,
    NotYet(String),
    Never(String),
}

impl Goal {
    /// What the ends of an order look like: of one for a service with copies, one for each.
    /// `before` is the status before it was given.
    pub(crate) fn all_of_order(order: &Order, before: &Status) -> Vec<Self> {
        let name = order.service().map(ToString::to_string).unwrap_or_default();
        let services = before.services.iter();
        let mut copies = services
            .filter(|s| s.copy_of.as_ref() == Some(&name))
            .peekable();
        if copies.peek().is_none() {
            return Self::of_order(order, before).into_iter().collect();
        }
        if let (Order::Move { to, .. }, true) = (order, has_roles(before, &name)) {
            let led = before.services.iter().find(|s| is_led(s, &name));
            let on = to.as_ref().map(ToString::to_string);
            return vec![Self::Promoted {
                not_on: led.and_then(|s| s.node.clone()).filter(|_| on.is_none()),
                service: name,
                on,
            }];
        }
        let of_copy = |copy: &api::ServiceStatus| match order {
            // Not every copy has a node at every time: the plan says which ones start.
            Order::Start { .. } => None,
            Order::Restart { .. } | Order::Reload { .. } if copy.node.is_none() => None,
            order => {
                let service = model::ServiceName::new(copy.name.clone()).ok()?;
                Self::of_order(&order.with_service(service), before)
            }
        };
        copies.filter_map(of_copy).collect()
    }

    /// What the end of an order looks like. `before` is the status before it was given.
    pub(crate) fn of_order(order: &Order, before: &Status) -> Option<Self> {
        let goal = match order {
            Order::Start { service, to, .. } => Self::Runs {
                service: service.to_string(),
                on: to.as_ref().map(ToString::to_string),
                not_on: None,
            },
            Order::Stop { service } => Self::Stopped {
                service: service.to_string(),
            },
            Order::Reload { service, .. } => Self::Reloaded {
                service: service.to_string(),
            },
            Order::Restart { service } => Self::RunsAgain {
                service: service.to_string(),
            },
            Order::Move { service, to } => {
                let service = service.to_string();
                let here = before.services.iter().find(|s| s.name == service);
                let from = here.and_then(|s| s.node.clone());
                let on = to.as_ref().map(ToString::to_string);
                Self::Runs {
                    not_on: from.filter(|_| on.is_none()),
                    service,
                    on,
                }
            }
            Order::Standby { node } => Self::Empty {
                node: node.to_string(),
            },
            Order::Online { node } => Self::Online {
                node: node.to_string(),
            },
            Order::Fence { node } | Order::ConfirmFence { node } => Self::Down {
                node: node.to_string(),
            },
            Order::Halt | Order::Leave => Self::DaemonEnded,
            Order::RemoveNode { node } => Self::Gone {
                node: node.to_string(),
            },
            Order::Freeze { .. }
            | Order::Rearm { .. }
            | Order::Thaw { .. }
            | Order::Clear { .. }
            | Order::Maintenance { .. }
            | Order::Attribute { .. }
            | Order::Checks { .. }
            | Order::NodeChecks { .. }
            | Order::Ticket { .. }
            | Order::TrustDevice { .. }
            | Order::TestFence { .. } => return None,
        };
        Some(goal)
    }

    /// What the end of a plan looks like. A plan tells the next steps; others may follow from
    /// them, so what is waited for is that each service has come to rest.
    pub(crate) fn of_plan(plan: &PlanView) -> Vec<Self> {
        let mut goals = Vec::new();
        for service in plan.steps.iter().filter_map(|step| step.service.clone()) {
            let goal = Self::Settled { service };
            if !goals.contains(&goal) {
                goals.push(goal);
            }
        }
        let waits = plan.waits.iter().map(|wait| wait.service.clone());
        goals.extend(waits.map(|service| Self::Calm { service }));
        goals
    }

    /// How it stands, by a status and what happened since the order.
    pub(crate) fn verdict(&self, status: &Status, since: &[HistoryEntryView]) -> Verdict {
        match self {
            Self::Runs {
                service,
                on,
                not_on,
            } => {
                let place = |node: &Option<String>| {
                    (on.is_none() || node == on) && (not_on.is_none() || node != not_on)
                };
                service_verdict(status, service, |s| {
                    s.state == ServiceState::Running && place(&s.node)
                })
            }
            Self::Promoted {
                service,
                on,
                not_on,
            } => {
                let is_there = |s: &api::ServiceStatus| {
                    (on.is_none() || s.node == *on) && (not_on.is_none() || s.node != *not_on)
                };
                let mut led = status.services.iter().filter(|s| is_led(s, service));
                match led.any(is_there) {
                    true => Verdict::Reached,
                    false => Verdict::NotYet(format!("{service} is not promoted there yet")),
                }
            }
            Self::RunsAgain { service } => {
                let again = since.iter().any(|entry| {
                    entry.kind == "running" && entry.service.as_ref() == Some(service)
                });
                service_verdict(status, service, |s| {
                    again && s.state == ServiceState::Running
                })
            }
            Self::Reloaded { service } => reload::verdict(service, status, since),
            Self::Stopped { service } => {
                service_verdict(status, service, |s| s.state == ServiceState::Stopped)
            }
            Self::Settled { service } => settled(status, service, since),
            Self::Calm { service } => match service_verdict(status, service, is_settled) {
                // It waited before the order, too; that is not what went wrong now.
                Verdict::Never(_) => Verdict::Reached,
                verdict => verdict,
            },
            Self::Empty { node } => {
                let holds = |s: &&api::ServiceStatus| s.node.as_ref() == Some(node);
                match status.services.iter().filter(holds).count() {
                    0 => Verdict::Reached,
                    n => Verdict::NotYet(format!("{n} services are still on {node}")),
                }
            }
            // Whoever answers has not ended.
            Self::DaemonEnded => Verdict::NotYet("the daemon still runs".to_string()),
            Self::Online { node } => node_verdict(status, node, "online"),
            Self::Down { node } => node_verdict(status, node, "down"),
            Self::Gone { node } => match status.nodes.iter().any(|n| n.name == *node) {
                false => Verdict::Reached,
                true => Verdict::NotYet(format!("{node} is still a member")),
            },
        }
    }
}

fn service_verdict(
    status: &Status,
    name: &str,
    reached: impl Fn(&api::ServiceStatus) -> bool,
) -> Verdict {
    let Some(service) = status.services.iter().find(|s| s.name == name) else {
        // A service that left the configuration vanishes once it is stopped.
        return Verdict::Reached;
    };
    let now = format!("{name} is {}: {}", service.state, service.reason);
    match reached(service) {
        true => Verdict::Reached,
        false if service.state.needs_a_person() => Verdict::Never(now),
        false => Verdict::NotYet(now),
    }
}

fn is_settled(service: &api::ServiceStatus) -> bool {
    service.state.is_settled() && !service.changes_role()
}

fn has_roles(status: &Status, name: &str) -> bool {
    let mut services = status.services.iter();
    services.any(|s| s.copy_of.as_deref() == Some(name) && s.role.is_some())
}

fn is_led(service: &api::ServiceStatus, name: &str) -> bool {
    service.copy_of.as_deref() == Some(name) && service.role.as_deref() == Some("promoted")
}

fn settled(status: &Status, name: &str, since: &[HistoryEntryView]) -> Verdict {
    let ends = ["running", "stopped", "promoted", "demoted", "reloaded"];
    let ended = since
        .iter()
        .any(|entry| entry.service.as_deref() == Some(name) && ends.contains(&entry.kind.as_str()));
    service_verdict(status, name, |service| ended && is_settled(service))
}

fn node_verdict(status: &Status, name: &str, wanted: &str) -> Verdict {
    match status.nodes.iter().find(|n| n.name == name) {
        Some(node) if node.state == wanted => Verdict::Reached,
        Some(node) => Verdict::NotYet(format!("{name} is {}", node.state)),
        None => Verdict::NotYet(format!("{name} is no member")),
    }
}

/// Follows events after log index `index` until all `goals` are reached, for `limit` at
/// most, and shows what happens.
pub(crate) fn wait_for(
    client: &Client,
    (screen, form): (&mut Screen, Form),
    goals: &[Goal],
    (index, limit): (u64, Duration),
) -> Result<(), ApiError> {
    let deadline = Instant::now() + limit;
    let mut after = index;
    let mut since: Vec<HistoryEntryView> = Vec::new();
    loop {
        let status: Status = client.get(routes::STATUS)?;
        let mut open = Vec::new();
        for goal in goals {
            match goal.verdict(&status, &since) {
                Verdict::Reached => {}
                Verdict::NotYet(why) => open.push(why),
                Verdict::Never(why) => return Err(ErrorCode::WaitFailed.error(why)),
            }
        }
        if open.is_empty() {
            return Ok(());
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let path = format!("{}?after={after}", routes::EVENTS);
        let events = match client.get_within::<Events>(&path, left.min(REQUEST_LIMIT)) {
            Err(error) if error.is(ErrorCode::TimedOut) => return Err(ended(limit, open)),
            other => other?,
        };
        after = events.index;
        if form == Form::Text {
            let colour = screen.colour;
            for entry in &events.entries {
                screen.print(history_text::entry(entry, colour));
            }
        }
        since.extend(events.entries);
        if Instant::now() >= deadline {
            return Err(ended(limit, open));
        }
    }
}

fn ended(limit: Duration, open: Vec<String>) -> ApiError {
    let mut error = ErrorCode::WaitEnded.error(format!(
        "not done within {}",
        model::duration::format(limit)
    ));
    error.details = open;
    error
}

#[cfg(test)]
mod tests {
    use api::{NodeStatus, ServiceStatus, StepView};

    use super::*;

    fn status(service: ServiceState, node: Option<&str>) -> Status {
        Status {
            services: vec![ServiceStatus {
                name: "web".into(),
                state: service,
                node: node.map(str::to_string),
                ..ServiceStatus::default()
            }],
            nodes: vec![NodeStatus {
                name: "alpha".into(),
                state: "lost".into(),
                ..NodeStatus::default()
            }],
            ..Status::default()
        }
    }

    fn goal(order: Order, before: &Status) -> Goal {
        Goal::of_order(&order, before).unwrap()
    }

    #[test]
    fn a_move_is_over_when_the_service_runs_elsewhere() {
        let before = status(ServiceState::Running, Some("alpha"));
        let service = "web".parse().unwrap();
        let goal = goal(Order::Move { service, to: None }, &before);
        assert!(matches!(goal.verdict(&before, &[]), Verdict::NotYet(_)));
        let there = status(ServiceState::Starting, Some("beta"));
        assert!(matches!(goal.verdict(&there, &[]), Verdict::NotYet(_)));
        let there = status(ServiceState::Running, Some("beta"));
        assert_eq!(goal.verdict(&there, &[]), Verdict::Reached);
        let blocked = status(ServiceState::Blocked, None);
        assert!(matches!(goal.verdict(&blocked, &[]), Verdict::Never(_)));
    }

    #[test]
    fn a_restart_is_over_when_the_service_has_come_up_once_more() {
        let running = status(ServiceState::Running, Some("alpha"));
        let service = "web".parse().unwrap();
        let goal = goal(Order::Restart { service }, &running);
        assert!(matches!(goal.verdict(&running, &[]), Verdict::NotYet(_)));
        let up = HistoryEntryView {
            kind: "running".into(),
            service: Some("web".into()),
            ..HistoryEntryView::default()
        };
        assert_eq!(goal.verdict(&running, &[up]), Verdict::Reached);
    }

    #[test]
    fn a_standby_is_over_when_nothing_is_left_and_a_fence_when_the_node_is_down() {
        let before = status(ServiceState::Running, Some("alpha"));
        let node = || "alpha".parse().unwrap();
        let empty = goal(Order::Standby { node: node() }, &before);
        assert!(matches!(empty.verdict(&before, &[]), Verdict::NotYet(_)));
        let moved = status(ServiceState::Running, Some("beta"));
        assert_eq!(empty.verdict(&moved, &[]), Verdict::Reached);
        let down = goal(Order::Fence { node: node() }, &before);
        assert!(matches!(down.verdict(&moved, &[]), Verdict::NotYet(_)));
    }

    #[test]
    fn a_plan_is_over_when_each_service_it_touches_has_come_to_rest() {
        let step = |action: &str, node: &str| StepView {
            action: action.into(),
            service: Some("web".into()),
            node: Some(node.into()),
            ..StepView::default()
        };
        let plan = PlanView {
            steps: vec![step("stop", "alpha"), step("start", "beta")],
            ..PlanView::default()
        };
        let [goal] = &Goal::of_plan(&plan)[..] else {
            panic!("one service, one goal")
        };
        let before = status(ServiceState::Running, Some("alpha"));
        assert!(matches!(goal.verdict(&before, &[]), Verdict::NotYet(_)));
        let stopped = HistoryEntryView {
            kind: "stopped".into(),
            service: Some("web".into()),
            ..HistoryEntryView::default()
        };
        let between = status(ServiceState::Waiting, None);
        let since = [stopped];
        assert!(matches!(goal.verdict(&between, &since), Verdict::NotYet(_)));
        let after = status(ServiceState::Running, Some("beta"));
        assert_eq!(goal.verdict(&after, &since), Verdict::Reached);
    }

    #[test]
    fn a_service_that_was_blocked_before_does_not_spoil_an_apply() {
        let calm = Goal::Calm {
            service: "web".into(),
        };
        let blocked = status(ServiceState::Blocked, None);
        assert_eq!(calm.verdict(&blocked, &[]), Verdict::Reached);
        let waiting = status(ServiceState::Waiting, None);
        assert!(matches!(calm.verdict(&waiting, &[]), Verdict::NotYet(_)));
    }
}
