//! What is done to checks of nodes at run time: they are paused, resumed and asked now.

use model::checks::{CheckName, CheckOrder};
use model::{Command, NodeName, Rejected};

use crate::checks::pause;
use crate::{Applied, Outcome, Place, State};

impl State {
    /// The checks of a node, as the configuration has them.
    pub fn checks_of_node(&self, node: &NodeName) -> impl Iterator<Item = &CheckName> {
        let checks = self
            .spec()
            .into_iter()
            .flat_map(|it| &it.cluster.rules.checks);
        let own = checks.filter(move |it| it.node.as_ref().is_none_or(|of| of == node));
        own.map(|it| &it.check.name)
    }

    pub(crate) fn order_node_checks(&mut self, place: Place, command: &Command) -> Outcome {
        let Command::NodeChecks {
            node: name,
            check,
            order,
            by,
        } = command
        else {
            return Err(Rejected::Unknown);
        };
        self.node(name)?;
        let all: Vec<CheckName> = self.checks_of_node(name).cloned().collect();
        let refuse = |why: String| Err(Rejected::Refused(why));
        match check {
            Some(check) if !all.contains(check) => {
                return refuse(format!("node {name} has no check {check}"));
            }
            None if all.is_empty() => return refuse(format!("node {name} has no checks")),
            Some(_) | None => {}
        }
        let Some(node) = self.seen.nodes.get_mut(name) else {
            return Err(Rejected::Unknown);
        };
        let checks = &mut node.checks;
        match (order, check) {
            (CheckOrder::Pause { .. } | CheckOrder::Resume, None) => {
                checks.paused = pause(place, order, by);
                if *order == CheckOrder::Resume {
                    checks.each.values_mut().for_each(|it| it.paused = None);
                }
            }
            (CheckOrder::Pause { .. } | CheckOrder::Resume, Some(check)) => {
                checks.each.entry(check.clone()).or_default().paused = pause(place, order, by);
            }
            (CheckOrder::Run, _) => {
                let meant = all
                    .iter()
                    .filter(|it| check.as_ref().is_none_or(|c| c == *it));
                for check in meant {
                    checks.each.entry(check.clone()).or_default().asked += 1;
                }
            }
            (
                CheckOrder::Install { .. }
                | CheckOrder::Remove
                | CheckOrder::Set { .. }
                | CheckOrder::Reset,
                _,
            ) => {
                let why = "checks of nodes can be paused, resumed and run; \
                           the configuration says the rest";
                return refuse(why.to_string());
            }
        }
        // What a file no longer has is not kept.
        checks.each.retain(|name, _| all.contains(name));
        let whom = match check {
            Some(check) => format!("node:{name}/{check}"),
            None => format!("node:{name}"),
        };
        self.record_operator(place, by, format!("checks {} {whom}", order.word()));
        Ok(Applied::Done)
    }
}
