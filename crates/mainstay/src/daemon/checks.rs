//! Checks: questions to the hands, answers to the node, flag files, and what `status` shows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use api::{CheckAnswerView, CheckView};
use host::account::Account;
use host::flags::FlagFiles;
use model::ServiceName;
use node::{Answer, CheckReport, CheckRun, CheckScope, FLAG_ALL, Flags, Question, Standing};
use tokio::sync::{mpsc, watch};

use super::control::{Control, Input};

/// Below the directory of the run: the flag files.
const FLAGS: &str = "pause";

/// A person who touches several files makes one change of it; and whoever writes there all
/// the time must not keep the daemon busy.
const FLAGS_SETTLE: Duration = Duration::from_millis(50);

/// Of the stray flag files of one service so many are told; whoever has more of them has seen it.
const STRAY_MAX: usize = 4;

/// Of each service the account that may pause its checks.
type Owners = BTreeMap<String, Option<String>>;

/// The way to the hands of checks.
#[derive(Default)]
pub struct CheckHands {
    hands: Option<agents::checks::Checks>,
    owners: Option<watch::Sender<Owners>>,
}

impl CheckHands {
    /// Starts what asks, and what watches the flag files.
    pub fn start(
        (run_dir, log_dir): (&Path, &Path),
        events: mpsc::Sender<agents::Event>,
        inputs: mpsc::Sender<Input>,
    ) -> Self {
        let hands = agents::checks::Checks::start((run_dir, log_dir), events)
            .inspect_err(|error| tracing::error!("no check can be asked: {error}"));
        let flags = FlagFiles::open(&run_dir.join(FLAGS))
            .inspect_err(|error| tracing::error!("flag files are not watched: {error}"));
        let owners = flags.ok().map(|flags| {
            let (owners, wanted) = watch::channel(Owners::new());
            tokio::spawn(watch_flags(flags, wanted, inputs));
            owners
        });
        Self {
            hands: hands.ok(),
            owners,
        }
    }
}

async fn watch_flags(
    mut flags: FlagFiles,
    mut wanted: watch::Receiver<Owners>,
    inputs: mpsc::Sender<Input>,
) {
    let mut told = Flags::new();
    loop {
        tokio::select! {
            changed = wanted.changed() => {
                if changed.is_err() {
                    return;
                }
                let owners = wanted.borrow_and_update().clone();
                // Accounts may come from a directory service that is slow to answer.
                let numbers = tokio::task::spawn_blocking(move || numbers(owners)).await;
                for (service, error) in flags.follow(&numbers.unwrap_or_default()) {
                    tracing::warn!("no flag files for {service}: {error}");
                }
            }
            changed = flags.changed() => {
                if let Err(error) = changed {
                    tracing::error!("flag files are not watched any more: {error}");
                    return;
                }
                tokio::time::sleep(FLAGS_SETTLE).await;
            }
        }
        let names = flags.names();
        if names != told {
            told.clone_from(&names);
            if inputs.send(Input::Flags(names)).await.is_err() {
                return;
            }
        }
    }
}

fn numbers(owners: Owners) -> BTreeMap<String, Option<u32>> {
    let number = |owner: String| match Account::find(&owner) {
        Ok(account) => Some(account.user),
        Err(error) => {
            tracing::warn!("only root can pause checks, for there is no {owner}: {error}");
            None
        }
    };
    let owners = owners.into_iter();
    owners
        .map(|(service, owner)| (service, owner.and_then(number)))
        .collect()
}

impl Control {
    /// Asks a check.
    pub fn ask_check(&self, question: Question) {
        if let Some(hands) = &self.checks.hands {
            hands.ask(agents::checks::Ask {
                id: question.id,
                whose: whose(&question.key.scope),
                check: question.check,
            });
        }
    }

    /// Runs a program beside a check.
    pub fn run_for_check(&self, run: CheckRun) {
        if let Some(hands) = &self.checks.hands {
            hands.run(agents::checks::Beside {
                whose: whose(&run.key.scope),
                check: run.key.name.to_string(),
                argv: run.argv,
                user: run.user,
                state: run.state.word().to_string(),
                how: run.how,
            });
        }
    }

    /// A check has answered.
    pub fn take_checked(&mut self, checked: agents::checks::Checked) {
        let answer = Answer {
            id: checked.id,
            verdict: checked.verdict,
            how: checked.how,
            output: checked.output,
            took: checked.took,
        };
        self.node.handle_check(answer, host::clock::now());
    }

    /// Services with checks may have come or gone.
    pub fn follow_flags(&self) {
        let Some(sender) = &self.checks.owners else {
            return;
        };
        let spec = self.node.state().spec();
        let services = spec.iter().flat_map(|spec| &spec.services);
        let owners: Owners = services
            .filter(|(_, service)| {
                !service.rules.checks.is_empty() || service.rules.check_owner.is_some()
            })
            .map(|(name, service)| (name.to_string(), service.rules.check_owner.clone()))
            .collect();
        sender.send_if_modified(|known| {
            let is_new = *known != owners;
            *known = owners;
            is_new
        });
    }

    /// Flag files of this node that pause nothing, one sentence each.
    pub fn stray_flags(&self) -> Vec<String> {
        let state = self.node.state();
        let checks_of = |service: &str| {
            let service = ServiceName::new(service).ok()?;
            let checks = state.checks_of(&service);
            Some(checks.iter().map(|check| check.name.to_string()).collect())
        };
        let stray = strays(self.node.flags(), checks_of);
        let me = &self.identity.name;
        stray
            .into_iter()
            .map(|(service, file)| {
                format!(
                    "the flag file {service}/{file} on {me} pauses nothing: {service} has no \
                     check of this name"
                )
            })
            .collect()
    }

    /// What this node knows of the checks that it asks: those of services, and its own.
    pub fn check_views(&self) -> (BTreeMap<ServiceName, Vec<CheckView>>, Vec<CheckView>) {
        let mut of_services: BTreeMap<ServiceName, Vec<CheckView>> = BTreeMap::new();
        let mut own = Vec::new();
        for report in self.node.checks() {
            match &report.key.scope {
                // Where the service runs now, another node knows better.
                CheckScope::Service(_) if report.standing == Standing::Idle => {}
                CheckScope::Service(service) => of_services
                    .entry(service.clone())
                    .or_default()
                    .push(self.view_of_check(&report)),
                CheckScope::Node => own.push(self.view_of_check(&report)),
            }
        }
        (of_services, own)
    }

    fn view_of_check(&self, report: &CheckReport) -> CheckView {
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let last = report.past.last();
        let mut view = CheckView {
            since: report.since.map(Into::into),
            how: last.map(|past| past.how.clone()),
            took_ms: last.map(|past| millis(past.took)),
            seen_by: Some(self.identity.name.to_string()),
            restarts_left: match report.key.scope {
                CheckScope::Service(_) => Some(report.restarts_left),
                CheckScope::Node => None,
            },
            ..CheckView::of(&report.check)
        };
        view.state = match &report.standing {
            Standing::Idle => "idle",
            Standing::New => "new",
            Standing::Asked(verdict) => verdict.word(),
            Standing::Paused(why) => {
                view.paused = Some(why.clone());
                "paused"
            }
            Standing::Stopped => "stopped",
        }
        .to_string();
        view.history = report
            .past
            .iter()
            .map(|past| CheckAnswerView {
                at: past.at.into(),
                verdict: past.verdict.word().to_string(),
                how: past.how.clone(),
                took_ms: millis(past.took),
            })
            .collect();
        view
    }
}

/// Flag files that name no check, each by its service. Their names are those of somebody who is
/// not root: nothing in them reaches a terminal as it is.
fn strays(
    flags: &BTreeMap<String, BTreeSet<String>>,
    checks_of: impl Fn(&str) -> Option<Vec<String>>,
) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (service, files) in flags {
        let known = checks_of(service).unwrap_or_default();
        let strays = files
            .iter()
            .filter(|file| *file != FLAG_ALL && !known.contains(file))
            .map(|file| (service.clone(), file.escape_debug().to_string()));
        found.extend(strays.take(STRAY_MAX));
    }
    found
}

/// Services have no such name: `[` cannot stand in one.
fn whose(scope: &CheckScope) -> String {
    match scope {
        CheckScope::Service(service) => service.to_string(),
        CheckScope::Node => "[node]".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_file_that_names_no_check_is_told_and_never_as_it_is() {
        let files = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let flags = BTreeMap::from([
            ("db".to_string(), files(&["1", "2", "3", "4", "5", "6"])),
            (
                "web".to_string(),
                files(&["all", "page", "pgae", "\u{1b}[2J"]),
            ),
        ]);
        let checks_of = |service: &str| (service == "web").then(|| vec!["page".to_string()]);
        let told: Vec<String> = strays(&flags, checks_of)
            .into_iter()
            .map(|(service, file)| format!("{service}/{file}"))
            .collect();
        assert_eq!(
            told,
            ["db/1", "db/2", "db/3", "db/4", "web/\\u{1b}[2J", "web/pgae"]
        );
    }
}
