//! What the agents on the nodes said of reloads, taken together.

use std::collections::BTreeMap;

use model::Spec;
use model::environment::{Fact, Question, Told};
use model::reload::AgentReload;
use model::spec::ResourceKind;

use super::{Survey, questions_for};

/// What each agent can reload on every node that was asked and told something. A node whose
/// agent says nothing can reload nothing; a node that is silent does not count.
#[must_use]
pub fn reloads(survey: &Survey) -> BTreeMap<String, AgentReload> {
    let mut all: BTreeMap<String, AgentReload> = BTreeMap::new();
    for (node, told) in &survey.told {
        let Told::Facts { facts, .. } = told else {
            continue;
        };
        for (question, fact) in questions_for(&survey.asks, node).into_iter().zip(facts) {
            let Question::AgentReload { agent } = question else {
                continue;
            };
            let offered = match fact {
                Fact::Reload(offered) => offered.clone(),
                _nothing => AgentReload::default(),
            };
            let shared = match all.remove(&agent) {
                None => offered,
                Some(known) => known.shared(&offered),
            };
            all.insert(agent, shared);
        }
    }
    all
}

/// Writes what the agents said into a configuration before it becomes live.
pub fn note_reloads(spec: &mut Spec, reloads: &BTreeMap<String, AgentReload>) {
    let services = spec.services.values_mut();
    for resource in services.flat_map(|service| &mut service.resources) {
        if let ResourceKind::Agent(agent) = &mut resource.kind {
            agent.reload = reloads.get(&agent.agent).cloned();
        }
    }
}
