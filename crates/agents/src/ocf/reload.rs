//! New settings for what an agent has up, without a stop.
//!
//! The API 1.1 knows two actions: `reload-agent` takes new values of parameters over that are
//! marked `reloadable`; `reload` has the service read its own configuration again. Before 1.1
//! there was `reload` alone, and cluster managers used it for parameters as well: for those
//! that are not marked `unique`.

use model::operation::{About, Operation, Outcome};
use model::reload::{AgentReload, Renewal, renewal};
use model::spec::AgentSpec;
use std::time::Duration;

use super::code::ocf;
use super::metadata::{self, Metadata};
use super::operate::{Held, call, done, note};
use super::script::{Leaves, Script};
use crate::context::Done;
use crate::record::Trace;

const SETTINGS: &str = "reload-agent";
const OWN: &str = "reload";

/// What an agent can do by its own description.
#[must_use]
pub fn offered(known: &Metadata) -> AgentReload {
    let all = known.parameters.iter();
    let named = |is_taken: fn(&metadata::Parameter) -> bool| {
        let taken = all.clone().filter(|parameter| is_taken(parameter));
        taken.map(|parameter| parameter.name.clone()).collect()
    };
    let parameters = match action_for_settings(known) {
        Some(SETTINGS) => named(|parameter| parameter.reloadable),
        Some(_of_before) => named(|parameter| !parameter.unique),
        None => Default::default(),
    };
    AgentReload {
        parameters,
        own: known.action(OWN).is_some(),
    }
}

fn action_for_settings(known: &Metadata) -> Option<&'static str> {
    if known.action(SETTINGS).is_some() {
        return Some(SETTINGS);
    }
    let is_of_before = !known.knows_1_1();
    (is_of_before && known.action(OWN).is_some()).then_some(OWN)
}

/// Reloads what an OCF agent has up; then its state is asked for.
pub(super) async fn reload(
    script: Script<'_>,
    operation: &Operation,
    held: &mut Option<Held>,
) -> Done {
    let Ok(known) = metadata::of_program(&script.path()).await else {
        return Done::failed("the agent does not describe itself: it cannot be reloaded");
    };
    let agent = &script.spec.agent;
    let action = match operation.about {
        About::NewSettings => {
            if let Some(how) = stands_against(script, operation, &known) {
                return Done::failed(how);
            }
            action_for_settings(&known)
        }
        About::Nothing | About::Peer(_) | About::Notice(_) => known.action(OWN).map(|_| OWN),
    };
    let Some(action) = action else {
        return Done::failed(format!("{agent} has no action for that"));
    };
    carry_out(script, operation, action, held).await
}

/// The same with an init script: it has one action, or none.
pub(super) async fn reload_lsb(
    script: Script<'_>,
    operation: &Operation,
    held: &mut Option<Held>,
) -> Done {
    carry_out(script, operation, OWN, held).await
}

async fn carry_out(
    script: Script<'_>,
    operation: &Operation,
    action: &'static str,
    held: &mut Option<Held>,
) -> Done {
    let leaves = Leaves::Resource(operation.epoch);
    let answer = script.call(call(operation, action), leaves).await;
    if answer.status() != Some(ocf::SUCCESS) {
        let outcome = answer.failure(script.words());
        return done(outcome, answer);
    }
    if let Err(error) = script.context.record(operation, Trace::Up) {
        tracing::warn!(resource = %script.context.address, %error, "cannot write its record");
    }
    let limit = operation.spec.limits.status;
    let (found, seen) = script.state(limit, (0, Duration::ZERO)).await;
    // Other processes may make it up by now than before.
    *held = None;
    note(script, &found, held);
    match found {
        Outcome::Running | Outcome::Promoted => Done::from(found).with_output(answer.output),
        down => done(down, seen),
    }
}

/// The agent may be another one by now than the one that was asked before the change: what it
/// does not take over itself must not be believed to hold.
fn stands_against(script: Script<'_>, operation: &Operation, known: &Metadata) -> Option<String> {
    let context = script.context;
    let before = context.shared.records.read(&context.address)?.spec;
    let offered = offered(known);
    let mut wanted = operation.spec.clone();
    if let model::spec::ResourceKind::Agent(agent) = &mut wanted.kind {
        *agent = AgentSpec {
            reload: Some(offered),
            ..agent.clone()
        };
    }
    let agent = &script.spec.agent;
    match renewal(&before, &wanted) {
        Renewal::Noted | Renewal::Reload => None,
        Renewal::Restart => Some(format!(
            "{agent}, as it is on this node, does not take over what has changed"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(version: &str, actions: &[&str]) -> (Vec<String>, bool) {
        let action = |name: &&str| format!("<action name=\"{name}\"/>");
        let actions: String = actions.iter().map(action).collect();
        let known = metadata::parse(&format!(
            "<resource-agent name=\"x\"><version>{version}</version><parameters>
             <parameter name=\"state\" unique=\"1\"/>
             <parameter name=\"old\" unique=\"0\"/>
             <parameter name=\"new\" unique=\"1\" reloadable=\"1\"/>
             </parameters><actions>{actions}</actions></resource-agent>"
        ))
        .unwrap();
        let offered = offered(&known);
        (offered.parameters.into_iter().collect(), offered.own)
    }

    #[test]
    fn what_an_agent_takes_over_depends_on_its_actions_and_its_api() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            offers("1.1", &["reload-agent", "reload"]),
            (names(&["new"]), true)
        );
        assert_eq!(offers("1.1", &["reload-agent"]), (names(&["new"]), false));
        assert_eq!(offers("1.1", &["reload"]), (names(&[]), true));
        assert_eq!(offers("1.0", &["reload"]), (names(&["old"]), true));
        assert_eq!(
            offers("1.0", &["reload-agent", "reload"]),
            (names(&["new"]), true)
        );
        assert_eq!(offers("1.0", &["start"]), (names(&[]), false));
        assert_eq!(offers("", &["reload"]), (names(&["old"]), true));
    }
}
