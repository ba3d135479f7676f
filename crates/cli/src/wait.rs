//! `--wait`: follows events until what was ordered is so, or cannot become so.

use std::time::{Duration, Instant};

use api::{
    ApiError, ErrorCode, Events, HistoryEntryView, Order, PlanView, ServiceState, Status, routes,
};

use crate::client::{Client, REQUEST_LIMIT};
use crate::history_text;
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
    /// The service has come up once more since the order.
    RunsAgain { service: String },
    /// The service runs nowhere, on purpose.
    Stopped { service: String },
    /// The node runs nothing.
    Empty { node: String },
    /// The node is online.
    Online { node: String },
    /// The node is proven off.
    Down { node: String },
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
    /// What the end of an order looks like. `before` is the status before it was given.
    pub(crate) fn of_order(order: &Order, before: &Status) -> Option<Self> {
        let goal = match order {
            Order::Start { service } => Self::Runs {
                service: service.to_string(),
                on: None,
                not_on: None,
            },
            Order::Stop { service } => Self::Stopped {
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
            Order::Halt | Order::Leave => Self::Empty {
                node: before.seen_by.clone(),
            },
            Order::RemoveNode { node } => Self::Gone {
                node: node.to_string(),
            },
            Order::Freeze { .. }
            | Order::Thaw { .. }
            | Order::Clear { .. }
            | Order::Maintenance { .. }
            | Order::TestFence { .. } => return None,
        };
        Some(goal)
    }

    /// What the end of a plan looks like: its last step for each service.
    pub(crate) fn of_plan(plan: &PlanView) -> Vec<Self> {
        let mut goals: Vec<(String, Self)> = Vec::new();
        for step in &plan.steps {
            let Some(service) = step.service.clone() else {
                continue;
            };
            let goal = match step.action.as_str() {
                "stop" => Self::Stopped {
                    service: service.clone(),
                },
                _starts => Self::Runs {
                    service: service.clone(),
                    on: step.node.clone(),
                    not_on: None,
                },
            };
            goals.retain(|(other, _)| *other != service);
            goals.push((service, goal));
        }
        goals.into_iter().map(|(_, goal)| goal).collect()
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
            Self::RunsAgain { service } => {
                let again = since.iter().any(|entry| {
                    entry.kind == "running" && entry.service.as_ref() == Some(service)
                });
                service_verdict(status, service, |s| {
                    again && s.state == ServiceState::Running
                })
            }
            Self::Stopped { service } => {
                match status.services.iter().any(|s| s.name == *service) {
                    // A service that left the configuration vanishes once it is stopped.
                    false => Verdict::Reached,
                    true => service_verdict(status, service, |s| s.state == ServiceState::Stopped),
                }
            }
            Self::Empty { node } => {
                let holds = |s: &&api::ServiceStatus| s.node.as_ref() == Some(node);
                match status.services.iter().filter(holds).count() {
                    0 => Verdict::Reached,
                    n => Verdict::NotYet(format!("{n} services are still on {node}")),
                }
            }
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
        return Verdict::NotYet(format!("{name} is not known yet"));
    };
    let now = format!("{name} is {}: {}", service.state, service.reason);
    match reached(service) {
        true => Verdict::Reached,
        false if service.state.needs_a_person() => Verdict::Never(now),
        false => Verdict::NotYet(now),
    }
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
