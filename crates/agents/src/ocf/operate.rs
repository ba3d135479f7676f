//! Operations on what a resource agent operates.
//!
//! ```text
//!   Probe, Status ── monitor ──► 0, 190 running   8, 191 promoted   7 stopped   else failed
//!   Start ────────── monitor ──not running──► start
//!   Promote, Demote ─ monitor ──not so yet───► promote, demote
//!   Stop ─────────── see `stop`
//!   Reload ───────── see `reload`
//!   Notify, MigrateTo, MigrateFrom ── the action of that name
//! ```

use std::time::Duration;

use model::operation::{About, CopiesTold, Operation, Outcome, Verb};
use model::spec::AgentSpec;
use tokio::time::{Instant, sleep};

use super::code::{Answer, ocf};
use super::environment::Call;
use super::reload::{reload, reload_lsb};
use super::script::{Leaves, Script};
use crate::command::{REMNANTS_LIMIT, Running, STOP_AGAIN_PAUSE};
use crate::context::{Context, Done};
use crate::members::{self, Stage, end_all};
use crate::record::Trace;
use crate::{handover, log};

/// What is known of something that an agent has up.
pub(crate) struct Held {
    watch: Running,
    /// When each of the deeper questions was asked last, in the order of the spec.
    asked: Vec<Instant>,
}

impl Held {
    fn new(context: &Context, spec: &AgentSpec) -> Self {
        Self {
            watch: Running::new(context),
            asked: vec![Instant::now(); spec.depth.len()],
        }
    }

    /// Waits until the last process has ended that the agent left in its cgroup.
    pub(crate) async fn ended(&mut self) {
        self.watch.ended().await;
    }

    /// The deepest question that is due, else the usual one.
    fn due(&mut self, spec: &AgentSpec, every: Duration) -> (u32, Duration) {
        // The questions may be others since then.
        self.asked.resize_with(spec.depth.len(), Instant::now);
        for (depth, asked) in spec.depth.iter().zip(&mut self.asked).rev() {
            if depth.every <= asked.elapsed() {
                *asked = Instant::now();
                return (depth.level, depth.every);
            }
        }
        (0, every)
    }
}

/// Carries out an operation.
pub(crate) async fn operate(
    context: &Context,
    operation: &Operation,
    spec: &AgentSpec,
    held: &mut Option<Held>,
) -> Done {
    let script = Script {
        context,
        spec,
        copies: operation.copies,
    };
    // What handed over for an earlier daemon must be over before anything is believed.
    if matches!(operation.verb, Verb::Probe | Verb::Stop)
        && let Err(how) = handover::end_leftovers(context).await
    {
        return Done::failed(how);
    }
    let is_lsb = spec.lsb().is_some();
    match operation.verb {
        Verb::Probe => probe(script, operation, held).await,
        Verb::Status => status(script, operation, held).await,
        Verb::Start => start(script, operation, held).await,
        Verb::Stop => {
            *held = None;
            stop(script, operation).await
        }
        Verb::Reload if is_lsb => reload_lsb(script, operation, held).await,
        _other if is_lsb => {
            Done::failed(format!("{} is not known to init scripts", operation.verb))
        }
        Verb::Promote => change(script, operation, ("promote", Outcome::Promoted), held).await,
        Verb::Demote => change(script, operation, ("demote", Outcome::Running), held).await,
        Verb::Notify => notify(script, operation).await,
        Verb::Reload => reload(script, operation, held).await,
        Verb::MigrateTo => migrate_to(script, operation, held).await,
        Verb::MigrateFrom => migrate_from(script, operation, held).await,
    }
}

pub(super) fn done(outcome: Outcome, answer: Answer) -> Done {
    Done::from(outcome).with_output(answer.output)
}

/// Takes note of what was found: what is up is watched, what is down is not.
pub(super) fn note(script: Script<'_>, outcome: &Outcome, held: &mut Option<Held>) {
    match outcome {
        Outcome::Running | Outcome::Promoted => {
            if held.is_none() {
                *held = Some(Held::new(script.context, script.spec));
            }
        }
        Outcome::Stopped | Outcome::Failed(_) | Outcome::TimedOut => *held = None,
    }
}

/// Whether nothing speaks for it that the resource was started here in this boot.
fn was_never_here(script: Script<'_>) -> bool {
    let context = script.context;
    context.shared.records.read(&context.address).is_none()
}

/// What cannot be there was never started: an agent that is missing, or that misses what it
/// needs, and of which nothing is written down, is down.
async fn probe(script: Script<'_>, operation: &Operation, held: &mut Option<Held>) -> Done {
    if let Some(how) = script.missing()
        && was_never_here(script)
    {
        return Done::from(Outcome::Stopped).with_output(format!("{how}\n"));
    }
    let (found, answer) = script.state(operation.limit, (0, Duration::ZERO)).await;
    let lacks = answer.status() == Some(ocf::NOT_INSTALLED) && script.spec.ocf().is_some();
    let outcome = match lacks && was_never_here(script) {
        true => Outcome::Stopped,
        false => found,
    };
    note(script, &outcome, held);
    done(outcome, answer)
}

async fn status(script: Script<'_>, operation: &Operation, held: &mut Option<Held>) -> Done {
    let every = operation.spec.limits.every;
    let question = match held {
        Some(held) => held.due(script.spec, every),
        None => (0, every),
    };
    let (outcome, answer) = script.state(operation.limit, question).await;
    note(script, &outcome, held);
    done(outcome, answer)
}

/// Asked when the last process that the agent left has ended.
pub(crate) async fn ask(
    context: &Context,
    (spec, copies): (&AgentSpec, Option<CopiesTold>),
    limit: Duration,
) -> Done {
    let script = Script {
        context,
        spec,
        copies,
    };
    let (outcome, answer) = script.state(limit, (0, Duration::ZERO)).await;
    done(outcome, answer)
}

pub(super) fn call<'a>(operation: &'a Operation, action: &'static str) -> Call<'a> {
    Call {
        action,
        limit: operation.limit,
        interval: Duration::ZERO,
        depth: 0,
        about: &operation.about,
    }
}

async fn start(script: Script<'_>, operation: &Operation, held: &mut Option<Held>) -> Done {
    let context = script.context;
    if let Some(how) = script.missing() {
        return Done::failed(how);
    }
    let limit = operation.spec.limits.status.min(operation.limit);
    let (found, answer) = script.state(limit, (0, Duration::ZERO)).await;
    if matches!(found, Outcome::Running | Outcome::Promoted) {
        context.log.line("runs already: adopted");
        note(script, &found, held);
        return done(found, answer);
    }
    if let Err(error) = context.record(operation, Trace::Intended) {
        return Done::failed(format!("cannot write its record: {error}"));
    }
    bring_up(script, operation, "start", held).await
}

/// Start, or its counterpart at the end of a migration.
async fn bring_up(
    script: Script<'_>,
    operation: &Operation,
    action: &'static str,
    held: &mut Option<Held>,
) -> Done {
    let leaves = Leaves::Resource(operation.epoch);
    let answer = script.call(call(operation, action), leaves).await;
    if answer.status() != Some(ocf::SUCCESS) {
        *held = None;
        let outcome = answer.failure(script.words());
        return done(outcome, answer);
    }
    *held = Some(Held::new(script.context, script.spec));
    if let Err(error) = script.context.record(operation, Trace::Up) {
        tracing::warn!(resource = %script.context.address, %error, "cannot write its record");
    }
    done(Outcome::Running, answer)
}

/// Promote or demote, unless it is so already.
async fn change(
    script: Script<'_>,
    operation: &Operation,
    (action, wanted): (&'static str, Outcome),
    held: &mut Option<Held>,
) -> Done {
    let limit = operation.spec.limits.status.min(operation.limit);
    let (found, answer) = script.state(limit, (0, Duration::ZERO)).await;
    if found == wanted || found == Outcome::Stopped {
        note(script, &found, held);
        return done(found, answer);
    }
    let leaves = Leaves::Resource(operation.epoch);
    let answer = script.call(call(operation, action), leaves).await;
    let outcome = match answer.status() {
        Some(ocf::SUCCESS) => wanted,
        Some(ocf::NOT_RUNNING) if action == "demote" => Outcome::Stopped,
        Some(_) | None => answer.failure(script.words()),
    };
    // Other processes may make it up by now than before.
    *held = None;
    note(script, &outcome, held);
    done(outcome, answer)
}

/// What an agent makes of a notice changes nothing; one without the action needs none.
async fn notify(script: Script<'_>, operation: &Operation) -> Done {
    let answer = script
        .call(call(operation, "notify"), Leaves::Nothing)
        .await;
    let outcome = match answer.status() {
        Some(ocf::SUCCESS | ocf::UNIMPLEMENTED) => Outcome::Running,
        Some(_) | None => answer.failure(script.words()),
    };
    done(outcome, answer)
}

/// Done when the agent says so, and its own answer about the state is that nothing runs here.
async fn migrate_to(script: Script<'_>, operation: &Operation, held: &mut Option<Held>) -> Done {
    *held = None;
    if !matches!(operation.about, About::Peer(_)) {
        return Done::failed("migrate-to without a node to go to");
    }
    let answer = script
        .call(call(operation, "migrate_to"), Leaves::Nothing)
        .await;
    if answer.status() != Some(ocf::SUCCESS) {
        let outcome = answer.failure(script.words());
        return done(outcome, answer);
    }
    if let Err(how) = handover::end_leftovers(script.context).await {
        return Done::failed(how);
    }
    let limit = operation.spec.limits.status.min(operation.limit);
    let (found, seen) = script.state(limit, (0, Duration::ZERO)).await;
    let outcome = match found {
        Outcome::Stopped => Outcome::Stopped,
        Outcome::Running | Outcome::Promoted => {
            Outcome::Failed("migrate_to ended well, and it still runs here".to_owned())
        }
        other => other,
    };
    done(outcome, seen)
}

async fn migrate_from(script: Script<'_>, operation: &Operation, held: &mut Option<Held>) -> Done {
    if !matches!(operation.about, About::Peer(_)) {
        return Done::failed("migrate-from without a node to come from");
    }
    if let Err(error) = script.context.record(operation, Trace::Intended) {
        return Done::failed(format!("cannot write its record: {error}"));
    }
    bring_up(script, operation, "migrate_from", held).await
}

/// A stop by stages, as with `command`: what the agent says first, then its state, then the
/// agent once more, then the end of what its start left, and its state as the last word.
async fn stop(script: Script<'_>, operation: &Operation) -> Done {
    let context = script.context;
    if let Some(how) = script.missing()
        && was_never_here(script)
        && members::members(context).await.is_empty()
    {
        return Done::from(Outcome::Stopped).with_output(format!("{how}\n"));
    }
    let path = context.log.log_path();
    let since = log::mark(&path);
    let found = stop_by_stages(script, operation).await;
    // With the remarks between what the agent printed, in order.
    let output = log::tail_since(&path, since);
    match found {
        Ok(()) => {
            context.strike_out();
            if let Some(cgroup) = context.cgroup() {
                cgroup.remove();
            }
            Done::from(Outcome::Stopped).with_output(output)
        }
        Err(how) => Done::failed(how).with_output(output),
    }
}

async fn stop_by_stages(script: Script<'_>, operation: &Operation) -> Result<(), String> {
    let context = script.context;
    let asked = ask_to_stop(script, operation).await;
    let left = members::members(context).await;
    if !left.is_empty() {
        let left = members::list(&left);
        context.log.line(&format!("TERM, then KILL to {left}"));
    }
    let limit = operation.spec.limits.stop;
    let left = end_all(context, Stage::Term(REMNANTS_LIMIT), limit).await;
    if !left.is_empty() {
        let left = members::list(&left);
        return Err(format!("these do not end, even by KILL: {left}"));
    }
    let Err(how) = asked else {
        return Ok(());
    };
    match is_stopped(script, operation).await {
        Ok(()) => {
            tracing::warn!(resource = %context.address, how, "stopped, but not by its agent");
            Ok(())
        }
        Err(found) => Err(format!("{how}; {found}")),
    }
}

/// The agent's stop, and once more when it failed and its state is not stopped. Else how it
/// failed.
async fn ask_to_stop(script: Script<'_>, operation: &Operation) -> Result<(), String> {
    let log = &script.context.log;
    let Err(first) = stop_once(script, operation).await else {
        return Ok(());
    };
    log.line(&first);
    if is_stopped(script, operation).await.is_ok() {
        return Ok(());
    }
    sleep(STOP_AGAIN_PAUSE).await;
    log.line("the agent is asked once more to stop it");
    let Err(second) = stop_once(script, operation).await else {
        return Ok(());
    };
    log.line(&second);
    if first == second {
        Err(format!("{first}, twice"))
    } else {
        Err(format!("{first}, then {second}"))
    }
}

async fn stop_once(script: Script<'_>, operation: &Operation) -> Result<(), String> {
    let limit = operation.spec.limits.stop;
    let call = Call {
        limit,
        ..call(operation, "stop")
    };
    let answer = script.call(call, Leaves::Nothing).await;
    match answer.status() {
        Some(ocf::SUCCESS) => Ok(()),
        Some(_) | None => Err(match answer.failure(script.words()) {
            Outcome::Failed(how) => how,
            Outcome::TimedOut | Outcome::Running | Outcome::Promoted | Outcome::Stopped => {
                format!("stop: not done within {limit:?}")
            }
        }),
    }
}

/// Whether the agent says stopped; else what it says. The answer is logged.
async fn is_stopped(script: Script<'_>, operation: &Operation) -> Result<(), String> {
    let limit = operation.spec.limits.status;
    let (found, answer) = script.state(limit, (0, Duration::ZERO)).await;
    let (log, action) = (&script.context.log, answer.action);
    let found = match found {
        Outcome::Stopped => {
            log.line(&format!("{action}: stopped, although its stop failed"));
            return Ok(());
        }
        Outcome::Running => format!("{action}: running"),
        Outcome::Promoted => format!("{action}: running, promoted"),
        Outcome::Failed(how) => how,
        Outcome::TimedOut => format!("{action}: no answer within {limit:?}"),
    };
    log.line(&found);
    Err(found)
}
