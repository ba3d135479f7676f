//! Between the log, the executor and the engine of checks: which checks there are now, and
//! what becomes of what they tell.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::checks::{CheckOrder, CheckPause, CheckSpec, Verdict};
use model::command::Command;
use model::seen::{Maintenance, NodeState};
use model::{ClaimEpoch, ClusterTime, Instant, ServiceName, UserName};

use super::{Answer, CheckKey, CheckReport, CheckScope, Engine, Output, Rest, Wanted};
use crate::executor::Lease;
use crate::node::{self, Node};

/// What was told is told again when the log has not shown it after this time. Far above a
/// commit.
const TELL_RETRY: Duration = Duration::from_secs(2);

/// The name of the flag that pauses all checks of a service.
pub const FLAG_ALL: &str = "all";

/// Flag files: of each service, the names of the files in its directory.
pub type Flags = BTreeMap<String, BTreeSet<String>>;

/// Who does what checks ask for themselves.
const MYSELF: &str = "mainstay";

/// The checks of this node, and what was told of them.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    pub(crate) engine: Engine,
    flags: Flags,
    told: BTreeMap<CheckKey, (Verdict, Instant)>,
}

/// One check as the log has it.
struct Described<'a> {
    key: CheckKey,
    check: Cow<'a, CheckSpec>,
    stay: (ClaimEpoch, u32),
}

impl Node {
    /// A question to a check was answered.
    pub fn handle_check(&mut self, answer: Answer, now: Instant) {
        self.checks.engine.handle_answer(answer, self.wall, now);
        self.take_check_outputs(now);
        self.advance(now);
    }

    /// Which flag files there are now, of all services.
    pub fn handle_flags(&mut self, flags: Flags, now: Instant) {
        self.checks.flags = flags;
        self.advance(now);
    }

    /// Which flag files there are, of all services.
    #[must_use]
    pub fn flags(&self) -> &Flags {
        &self.checks.flags
    }

    /// The checks that this node knows: those of services that ran here, and its own.
    #[must_use]
    pub fn checks(&self) -> Vec<CheckReport> {
        self.checks.engine.reports()
    }

    /// Tells the engine what may be asked, and carries out what it wants.
    pub(crate) fn tend_checks(&mut self, now: Instant) {
        let clock = self.cluster_time(now);
        let mut engine = std::mem::take(&mut self.checks.engine);
        let described = self.described();
        let wanted: Vec<Wanted<'_>> = described
            .iter()
            .map(|each| self.wanted_check(each, clock, now))
            .collect();
        let state = &self.state;
        let known = |key: &CheckKey| match &key.scope {
            CheckScope::Node => wanted.iter().any(|wanted| wanted.key == *key),
            CheckScope::Service(service) => {
                let all = state.checks_of(service);
                all.iter().any(|check| check.name == key.name)
            }
        };
        engine.settle(&wanted, known, now);
        engine.handle_timeout(self.wall, now);
        self.checks.engine = engine;
        self.take_check_outputs(now);
        self.tell_checks(now);
    }

    fn take_check_outputs(&mut self, now: Instant) {
        while let Some(output) = self.checks.engine.poll_output() {
            match output {
                Output::Ask(question) => self.outputs.push_back(node::Output::Check(question)),
                Output::Run(run) => self.outputs.push_back(node::Output::RunForCheck(run)),
                Output::Fail {
                    key,
                    watches,
                    how,
                    output,
                } => {
                    if let CheckScope::Service(service) = key.scope {
                        let how = format!("check: {how}");
                        let failure = (key.name, how, output);
                        self.executor
                            .handle_check_failure(&service, watches.as_ref(), failure);
                    }
                }
                Output::Remove(key) => {
                    if let CheckScope::Service(service) = key.scope {
                        let command = Command::Checks {
                            service: Some(service),
                            check: Some(key.name),
                            order: CheckOrder::Remove,
                            by: myself(),
                        };
                        self.propose_own(command, now);
                    }
                }
            }
        }
    }

    /// The checks of services that run here, and those of this node.
    fn described(&self) -> Vec<Described<'_>> {
        let mut all = Vec::new();
        for (service, stay) in self.executor.serving(&self.state) {
            for check in self.state.checks_of(service) {
                let key = CheckKey {
                    scope: CheckScope::Service(service.clone()),
                    name: check.name.clone(),
                };
                all.push(Described { key, check, stay });
            }
        }
        let me = self.state.seen().nodes.get(&self.config.name);
        let is_online = me.is_some_and(|me| matches!(me.state, NodeState::Online { .. }));
        let spec = self.state.spec();
        if is_online && self.lease == Lease::Held {
            for each in spec.iter().flat_map(|spec| &spec.cluster.rules.checks) {
                if each
                    .node
                    .as_ref()
                    .is_none_or(|node| *node == self.config.name)
                {
                    let key = CheckKey {
                        scope: CheckScope::Node,
                        name: each.check.name.clone(),
                    };
                    all.push(Described {
                        key,
                        check: Cow::Borrowed(&each.check),
                        stay: (ClaimEpoch(0), 0),
                    });
                }
            }
        }
        all
    }

    fn wanted_check<'a>(
        &self,
        each: &'a Described<'_>,
        clock: ClusterTime,
        now: Instant,
    ) -> Wanted<'a> {
        let mut wanted = Wanted {
            key: each.key.clone(),
            check: &each.check,
            stay: each.stay,
            rest: None,
            asked: 0,
            resets: 0,
            budget: each.check.restart.unwrap_or_default(),
            spent: 0,
        };
        let seen = self.state.seen();
        let is_kept_off = |why: &str| {
            let why = why.to_string();
            Some(Rest { until: None, why })
        };
        let me = seen.nodes.get(&self.config.name);
        if seen.maintenance == Maintenance::On {
            wanted.rest = is_kept_off("the cluster is in maintenance");
        } else if me.is_some_and(|me| me.maintenance == Maintenance::On) {
            wanted.rest = is_kept_off("the node is in maintenance");
        }
        let CheckScope::Service(service) = &each.key.scope else {
            let own = me.map(|me| &*me.checks);
            let known = own.and_then(|own| own.each.get(&each.key.name));
            wanted.asked = known.map_or(0, |known| known.asked);
            let pause = own.and_then(|own| own.pause_of(&each.key.name, clock));
            let pause = pause.map(|pause| resting(pause, clock, now));
            wanted.rest = wanted.rest.or(pause);
            return wanted;
        };
        let spec = self.state.spec().and_then(|spec| spec.service_of(service));
        let (Some(spec), Some(seen)) = (spec, seen.services.get(service)) else {
            return wanted;
        };
        wanted.budget = each.check.restart.unwrap_or(spec.restart);
        let is_spent = |failure: &&model::seen::Failure| {
            failure.node == self.config.name
                && failure.failure.resource == each.key.name
                && clock.saturating_duration_since(failure.clock) < wanted.budget.within
        };
        let spent = seen.failures.iter().filter(is_spent).count();
        wanted.spent = u32::try_from(spent).unwrap_or(u32::MAX);
        if let Some(known) = seen.checks.each.get(&each.key.name) {
            (wanted.asked, wanted.resets) = (known.asked, known.resets);
        }
        if seen.frozen == Maintenance::On {
            wanted.rest = is_kept_off("the service is frozen");
        } else if wanted.rest.is_none() {
            let pause = seen.checks.pause_of(&each.key.name, clock);
            let flag = || self.flag_of(service, &each.key);
            wanted.rest = pause.map(|pause| resting(pause, clock, now));
            wanted.rest = wanted.rest.or_else(|| is_kept_off(&flag()?));
        }
        wanted
    }

    /// The flag file that pauses a check.
    fn flag_of(&self, service: &ServiceName, key: &CheckKey) -> Option<String> {
        let files = self.checks.flags.get(service.service_str())?;
        let name = [FLAG_ALL, key.name.as_str()]
            .into_iter()
            .find(|name| files.contains(*name))?;
        Some(format!("by the flag file {}/{name}", service.service_str()))
    }

    /// Tells the log what has changed. Of checks of nodes the attribute says it.
    fn tell_checks(&mut self, now: Instant) {
        let mut commands = Vec::new();
        for (key, state, how) in self.checks.engine.states() {
            let is_told = self.checks.told.get(key).is_some_and(|(told, at)| {
                *told == state && now.saturating_duration_since(*at) < TELL_RETRY
            });
            if is_told {
                continue;
            }
            if let Some(command) = self.news_of_check(key, state, how) {
                commands.push((key.clone(), state, command));
            }
        }
        for (key, state, command) in commands {
            self.checks.told.insert(key, (state, now));
            self.propose_own(command, now);
        }
        let engine = &self.checks.engine;
        self.checks.told.retain(|key, _| engine.knows(key));
    }

    /// What the log does not show yet.
    fn news_of_check(&self, key: &CheckKey, state: Verdict, how: &str) -> Option<Command> {
        let seen = self.state.seen();
        let CheckScope::Service(service) = &key.scope else {
            let rules = &self.state.spec()?.cluster.rules;
            let mut checks = rules.checks.iter();
            let is_it = |each: &&model::checks::NodeCheck| {
                let is_mine = each
                    .node
                    .as_ref()
                    .is_none_or(|node| *node == self.config.name);
                is_mine && each.check.name == key.name
            };
            let attribute = &checks.find(is_it)?.sets;
            let set = seen.nodes.get(&self.config.name)?.attributes.get(attribute);
            let value = state.health().to_string();
            return (set != Some(&value)).then(|| Command::SetAttribute {
                node: self.config.name.clone(),
                key: attribute.clone(),
                value: Some(value),
                by: myself(),
            });
        };
        let checks = &seen.services.get(service)?.checks;
        let told = checks
            .each
            .get(&key.name)
            .and_then(|check| check.told.as_ref());
        let is_shown = match told {
            Some(told) => told.state == state && told.node == self.config.name,
            None => false,
        };
        (!is_shown).then(|| Command::CheckTold {
            node: self.config.name.clone(),
            boot: self.config.boot,
            service: service.clone(),
            check: key.name.clone(),
            state,
            how: how.to_string(),
        })
    }
}

fn resting(pause: &CheckPause, clock: ClusterTime, now: Instant) -> Rest {
    let until = pause.until;
    Rest {
        until: until.map(|until| now + until.saturating_duration_since(clock)),
        why: format!("by {}", pause.by),
    }
}

fn myself() -> UserName {
    UserName::new(MYSELF).expect("a plain word")
}
