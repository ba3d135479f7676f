//! How the two families of agents are called, and what their answers mean.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::ClaimEpoch;
use model::operation::{About, CopiesTold, Outcome};
use model::spec::AgentSpec;

use super::code::{self, Answer, Found, lsb_words, ocf_words};
use super::environment::{Call, environment};
use super::tools_dir;
use crate::change;
use crate::command::{Run, run};
use crate::context::{Context, MARKER, chain};
use crate::handover::HANDOVER;
use crate::program::Launch;

/// Where what an action leaves behind belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Leaves {
    /// Nothing is meant to stay: it runs beside the resource.
    Nothing,
    /// What stays is the resource, under this claim.
    Resource(ClaimEpoch),
}

/// The agent of one resource.
#[derive(Clone, Copy)]
pub(crate) struct Script<'a> {
    pub(crate) context: &'a Context,
    pub(crate) spec: &'a AgentSpec,
    pub(crate) copies: Option<CopiesTold>,
}

impl Script<'_> {
    /// The file of the agent.
    pub(crate) fn path(&self) -> PathBuf {
        let places = &self.context.shared.places;
        match (self.spec.ocf(), self.spec.lsb()) {
            (Some((provider, kind)), _) => ocf_path(&places.ocf_root, provider, kind),
            (None, script) => places.init_dir.join(script.unwrap_or_default()),
        }
    }

    fn is_ocf(&self) -> bool {
        self.spec.ocf().is_some()
    }

    /// The statuses of its actions in words.
    pub(crate) fn words(&self) -> fn(i32) -> Option<&'static str> {
        if self.is_ocf() { ocf_words } else { lsb_words }
    }

    /// What keeps it from being called, if anything does.
    pub(crate) fn missing(&self) -> Option<String> {
        let path = self.path();
        (!is_executable(&path)).then(|| {
            let agent = &self.spec.agent;
            format!("{agent} is not installed: no program {}", path.display())
        })
    }

    /// Asks once for the state; how deep, `depth` says, and in which rhythm, `interval`.
    pub(crate) async fn state(
        &self,
        limit: Duration,
        (depth, interval): (u32, Duration),
    ) -> (Outcome, Answer) {
        let action = if self.is_ocf() { "monitor" } else { "status" };
        let call = Call {
            action,
            limit,
            interval,
            depth,
            about: &About::Nothing,
        };
        let answer = self.call(call, Leaves::Nothing).await;
        let outcome = match self.is_ocf() {
            true => code::ocf_state(&answer),
            false => code::lsb_state(&answer),
        };
        (outcome, answer)
    }

    /// Calls the agent.
    pub(crate) async fn call(&self, call: Call<'_>, leaves: Leaves) -> Answer {
        let action = call.action;
        let answer = |found, output| Answer {
            action,
            found,
            output,
        };
        if let Some(how) = self.missing() {
            return answer(Found::NotCalled(how), String::new());
        }
        let limit = call.limit;
        let launch = self.launch(call, leaves);
        let (run, output) = match action {
            "monitor" | "status" | "notify" => run(self.context, launch, limit).await,
            _changes => change::run(self.context, launch, limit).await,
        };
        let found = match run {
            Run::Ended(ended) => Found::Ended(ended),
            Run::TimedOut => Found::TimedOut,
            Run::NotStarted(error) => Found::NotCalled(chain(&error)),
        };
        answer(found, output)
    }

    fn launch(&self, call: Call<'_>, leaves: Leaves) -> Launch {
        let context = self.context;
        let (shared, address) = (&context.shared, &context.address);
        let argv = [self.path().display().to_string(), call.action.to_owned()];
        let mut launch = Launch::new(&argv, context.log.log_path())
            .variable("MAINSTAY_SERVICE", address.service.to_string())
            .variable("MAINSTAY_NODE", shared.places.node.clone())
            .variable(
                "MAINSTAY_SOCKET",
                shared.places.socket.display().to_string(),
            )
            .variable("MAINSTAY_VERB", call.action.to_owned());
        if call.action == "migrate_to" {
            launch = launch.variable(HANDOVER, context.marker());
        }
        if self.is_ocf() {
            let variables = environment(&shared.places, address, (self.spec, self.copies), call);
            launch.environment.extend(variables);
            let scratch = shared.run_dir.join("agents").display().to_string();
            launch = launch.variable("HA_RSCTMP", scratch);
        } else {
            // Debian's scripts would hand the call over to systemd, whose unit of the same
            // name is not what is operated here.
            launch = launch.variable("_SYSTEMCTL_SKIP_REDIRECT", "true".to_owned());
        }
        if shared.places.program.is_some() {
            let tools = tools_dir(&shared.run_dir).display().to_string();
            let path = launch.environment.get("PATH").cloned().unwrap_or_default();
            launch = launch
                .variable("PATH", format!("{tools}:{path}"))
                .variable("HA_SBIN_DIR", tools);
        }
        if let Leaves::Resource(epoch) = leaves {
            launch = launch.variable(MARKER, format!("{}{epoch}", context.marker()));
            launch.cgroup = context.cgroup();
        }
        launch
    }
}

/// The file of an OCF agent.
pub(crate) fn ocf_path(root: &Path, provider: &str, kind: &str) -> PathBuf {
    root.join("resource.d").join(provider).join(kind)
}

/// Whether a file is there and can be called.
pub(crate) fn is_executable(path: &Path) -> bool {
    std::fs::metadata(path)
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}
