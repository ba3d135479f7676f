//! `validate-all`: whether an agent would do, on this node, with what a resource tells it.

use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use host::process::Ended;
use model::environment::Fact;
use model::operation::{About, Outcome, ResourceAddress};
use model::spec::AgentSpec;
use tokio::time::timeout;

use super::code::{Answer, Found, ocf, ocf_words};
use super::environment::{Call, environment};
use super::metadata::{command, end, of_program, read_all};
use super::script::{is_executable, ocf_path};
use super::{AgentPlaces, offered, tools_dir};
use crate::context::Shared;

/// Agents that look at their parameters take some hundredths of a second. Whoever waits for a
/// change waits 1.5 s for all answers of a node.
const LIMIT: Duration = Duration::from_millis(1100);

/// Exit statuses that speak of what the file says, or of what is not installed: nothing that
/// comes with time. All others are a reason to look, and no more.
const FINAL: [i32; 3] = [
    ocf::WRONG_ARGUMENTS,
    ocf::NOT_INSTALLED,
    ocf::NOT_CONFIGURED,
];

/// Asks the agent, if it is there and describes such an action.
pub(crate) async fn validate(
    (places, run_dir): (&AgentPlaces, &Path),
    (address, spec): (&ResourceAddress, &AgentSpec),
) -> Fact {
    match timeout(LIMIT, ask((places, run_dir), (address, spec))).await {
        Ok(fact) => fact,
        Err(_) => Fact::Unknown(format!("no answer within {LIMIT:?}")),
    }
}

/// What an agent says of reloads. That it is not there, or says nothing, is told by other
/// questions.
pub(crate) async fn reloads(shared: Arc<Shared>, agent: String) -> Fact {
    let spec = AgentSpec {
        agent,
        options: Default::default(),
        depth: Vec::new(),
        reload: None,
    };
    let Some((provider, kind)) = spec.ocf() else {
        return Fact::Fine;
    };
    let path = ocf_path(&shared.places.ocf_root, provider, kind);
    match timeout(LIMIT, of_program(&path)).await {
        Ok(Ok(known)) => Fact::Reload(offered(&known)),
        Ok(Err(_)) | Err(_) => Fact::Fine,
    }
}

async fn ask(
    (places, run_dir): (&AgentPlaces, &Path),
    (address, spec): (&ResourceAddress, &AgentSpec),
) -> Fact {
    let Some((provider, kind)) = spec.ocf() else {
        return Fact::Fine;
    };
    // That it is not there is told by another question.
    let path = ocf_path(&places.ocf_root, provider, kind);
    if !is_executable(&path) {
        return Fact::Fine;
    }
    let described = of_program(&path).await;
    if described.is_ok_and(|it| it.action(ACTION).is_none()) {
        return Fact::Fine;
    }
    let call = Call {
        action: ACTION,
        limit: LIMIT,
        interval: Duration::ZERO,
        depth: 0,
        about: &About::Nothing,
    };
    let mut command = command(&path, ACTION);
    command
        .envs(environment(places, address, (spec, None), call))
        .env("HA_RSCTMP", run_dir.join("agents"));
    if places.program.is_some() {
        let tools = tools_dir(run_dir);
        let path = format!("{}:{}", tools.display(), crate::program::PATH);
        command.env("PATH", path).env("HA_SBIN_DIR", tools);
    }
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Fact::Unknown(error.to_string()),
    };
    match timeout(LIMIT * 9 / 10, read_all(&mut child)).await {
        Ok(Ok((status, _, errors))) => told(status, &errors),
        Ok(Err(error)) => Fact::Unknown(error.to_string()),
        Err(_) => {
            // It may have started others, which hold nothing up any more.
            end(&child);
            Fact::Unknown(format!("`{ACTION}` does not end"))
        }
    }
}

const ACTION: &str = "validate-all";

/// What an agent's answer means.
fn told(status: ExitStatus, errors: &[u8]) -> Fact {
    let ended = match status.code() {
        Some(code) => Ended::Exited(code),
        None => Ended::Unknown,
    };
    let answer = Answer {
        action: ACTION,
        found: Found::Ended(ended),
        output: String::from_utf8_lossy(errors).into_owned(),
    };
    let how = match answer.failure(ocf_words) {
        Outcome::Failed(how) => how,
        other => format!("{other:?}"),
    };
    match status.code() {
        Some(ocf::SUCCESS | ocf::UNIMPLEMENTED) => Fact::Fine,
        Some(code) if FINAL.contains(&code) => Fact::Unsuitable(how),
        Some(_) | None => Fact::Doubtful(how),
    }
}
