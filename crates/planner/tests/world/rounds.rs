//! Rounds of planning, and what the nodes make of each plan.

use super::*;

impl World {
    pub(super) fn flush(&mut self) {
        let new: Vec<String> = self
            .state
            .history()
            .iter()
            .skip(self.printed)
            .map(|e| e.what.to_string())
            .collect();
        new.iter().for_each(|line| self.out += &format!("{line}\n"));
        self.printed = self.total();
    }

    pub(super) fn settled(&mut self) -> bool {
        self.nodes_look();
        let Some(spec) = self.state.spec().cloned() else {
            return true;
        };
        let seen = self.state.seen().clone();
        let input = Input {
            spec: &spec,
            spec_version: self.state.spec_version(),
            seen: &seen,
            id: PlanId(self.plan + 1),
            now: ClusterTime(self.now),
            wall: WallTime(self.now),
        };
        let plan = planner::plan(&input);
        self.require_same_under_other_clocks(&input, &plan);
        let violations = checker::check(&input, &plan);
        assert!(
            violations.is_empty(),
            "{violations:?} in {plan:#?} for {seen:#?}\n{}",
            self.out
        );
        if !plan.steps.is_empty() {
            self.plan += 1;
        }
        for step in &plan.steps {
            if self.apply(step.command(plan.id)).is_none() {
                self.steps_rejected.push(step.sentence());
            }
        }
        let mut waits: Vec<String> = plan.waits.iter().map(planner::Wait::sentence).collect();
        waits.sort();
        let acted = self.nodes_act();
        self.flush();
        if plan.steps.is_empty() && !acted {
            for wait in waits.iter().filter(|wait| !self.waits.contains(wait)) {
                self.out += &format!("  {wait}\n");
            }
            self.waits = waits;
            return true;
        }
        false
    }

    /// Whatever wall clocks show, the plan is the same but for the times that it tells.
    pub(super) fn require_same_under_other_clocks(&self, input: &Input<'_>, plan: &Plan) {
        let twin = planner::plan(&Input {
            seen: self.garbled.seen(),
            wall: garbled_wall(self.index + 1),
            ..*input
        });
        assert_eq!(plan.steps, twin.steps, "wall clocks decide");
        assert_eq!(plan.again_at, twin.again_at, "wall clocks decide");
        let subjects = |plan: &Plan| -> Vec<_> {
            let waits = plan.waits.iter();
            waits.map(|wait| wait.subject.clone()).collect()
        };
        assert_eq!(subjects(plan), subjects(&twin), "wall clocks decide");
    }

    /// Plans until nothing is left to do.
    pub fn settle(&mut self) {
        let rounds = (0..ROUNDS_MAX).find(|_| self.settled());
        assert!(
            rounds.is_some(),
            "planning does not come to rest:\n{}",
            self.out
        );
    }

    /// Each node that is online does what its claims ask, and stops what it must not run.
    pub(super) fn nodes_act(&mut self) -> bool {
        let seen = self.state.seen().clone();
        let mut acted = false;
        for (service, of) in &seen.services {
            let Some(claim) = of.claim.as_ref().filter(|_| !self.slow.contains(service)) else {
                continue;
            };
            let able = matches!(
                seen.nodes[&claim.node].state,
                NodeState::Online { .. } | NodeState::Leaving { .. }
            );
            let leaves = seen.migrations.get(service).is_some_and(|migration| {
                migration.stage == MigrationStage::Leaving && migration.from.node == claim.node
            });
            let report = match (claim.goal, &claim.phase) {
                (Goal::Run, Phase::Running) if able && leaves => Report::HandedOver,
                (Goal::Run, Phase::Starting) if able => Report::Running,
                (Goal::Stop, Phase::Stopping) if able => Report::Stopped,
                _ if able => {
                    let Some((report, role)) = more::news(claim) else {
                        continue;
                    };
                    self.report_with_role(service.as_str(), report, role);
                    acted = true;
                    continue;
                }
                _ => continue,
            };
            self.report(service.as_str(), report);
            acted = true;
        }
        acted | self.nodes_stop_strays(&seen)
    }

    pub(super) fn nodes_stop_strays(&mut self, seen: &Seen) -> bool {
        let Some(spec) = self.state.spec().cloned() else {
            return false;
        };
        let mut acted = false;
        for node in seen.nodes.keys() {
            let now = self.state.seen().clone();
            let input = Input {
                spec: &spec,
                spec_version: self.state.spec_version(),
                seen: &now,
                id: PlanId(0),
                now: ClusterTime(self.now),
                wall: WallTime(self.now),
            };
            for (service, verdict) in planner::strays(&input, node) {
                if matches!(verdict, StrayVerdict::Stop(_)) && !self.slow.contains(&service) {
                    self.event("stray-stops", &[service.as_str(), node.as_str()]);
                    acted = true;
                }
            }
        }
        acted
    }
}
