//! Questions to the planner, between events: what it says of nodes, of strays, and when it
//! wants to be asked again.

use model::{ClusterTime, PlanId, WallTime};
use planner::{Input, StrayVerdict};

use super::{World, name};

impl World {
    /// `look SERVICE`, `strays-on NODE`, `when`.
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
            ["look", service] => planner::placement(&input, &name(service))
                .into_iter()
                .map(|(node, verdict)| format!("{node}: {verdict}"))
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
