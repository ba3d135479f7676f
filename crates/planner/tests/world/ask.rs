//! Questions to the planner, between events: what it says of nodes, of strays, and when it
//! wants to be asked again.

use model::{ClusterTime, PlanId, WallTime};
use planner::{Input, StrayVerdict};

use super::{World, name};

impl World {
    /// `look SERVICE`, `look-roles SERVICE`, `strays-on NODE`, `when`.
    pub fn ask(&mut self, words: &[&str]) {
        let Some(spec) = self.state.spec().cloned() else {
            panic!("nothing is configured")
        };
        let seen = self.state.seen().clone();
        let input = Input {
            spec: &spec,
            spec_version: self.state.spec_version(),
            seen: &seen,
            id: PlanId(0),
            now: ClusterTime(self.now),
            wall: WallTime(self.now),
        };
        let lines: Vec<String> = match words {
            ["look", service] => planner::weigh(&input, &name(service))
                .into_iter()
                .map(|weighed| format!("{}: {}", weighed.node, weighed.because.join("; ")))
                .collect(),
            ["look-roles", service] => planner::weigh_roles(&input, &name(service))
                .into_iter()
                .map(|weighed| {
                    let node = weighed.node.map(|node| format!(" on {node}"));
                    let role = weighed.role.map(|role| format!(", {}", role.word()));
                    let (node, role) = (node.unwrap_or_default(), role.unwrap_or_default());
                    format!(
                        "{}{node}{role}: {}",
                        weighed.copy,
                        weighed.because.join("; ")
                    )
                })
                .collect(),
            ["strays-on", node] => planner::strays(&input, &name(node))
                .into_iter()
                .map(|(service, verdict)| match verdict {
                    StrayVerdict::Adopt => format!("{service}: goes on"),
                    StrayVerdict::Stop(because) => format!("{service}: stops: {because}"),
                    StrayVerdict::Leave(because) => format!("{service}: is left: {because}"),
                })
                .collect(),
            _ => vec![match planner::plan(&input).again_at {
                Some(at) => format!("plans again in {} ms", at.0 - self.now),
                None => "plans again when something happens".to_string(),
            }],
        };
        for line in lines {
            self.out += &format!("  {line}\n");
        }
    }

    /// `busy NODE PERCENT`: what a node tells of its processors.
    pub fn busy(&mut self, node: &str, percent: &str) {
        let boot = self.boot(node);
        self.apply(model::Command::LoadTold {
            node: name(node),
            boot,
            run: 0,
            percent: percent.parse().unwrap(),
        });
    }

    /// `armed NODE`, `disarmed NODE`: what a node tells of its watchdog.
    pub fn watchdog(&mut self, node: &str, bound: Option<std::time::Duration>) {
        self.words_of_watchdogs += 1;
        let boot = self.boot(node);
        self.apply(model::Command::WatchdogArmed {
            node: name(node),
            boot,
            run: 0,
            word: self.words_of_watchdogs,
            bound,
        });
    }
}
