//! What follows from the state of a check.

use std::time::Duration;

use model::checks::{CheckAction, CheckSpec, EVERY_MAX};
use model::{ResourceName, UserName};
use toml::de::DeValue;

use crate::read::Context;
use crate::read::section::{Entry, Section};
use crate::read::value::TimeBounds;
use crate::{Code, Problem};

/// When actions are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Failure,
    Warning,
    Recovery,
}

impl When {
    fn key(self) -> &'static str {
        match self {
            Self::Failure => "on_failure",
            Self::Warning => "on_warning",
            Self::Recovery => "on_recovery",
        }
    }
}

pub(super) fn read_for_service(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    check: &mut CheckSpec,
) {
    let on_failure = read_list(context, section, When::Failure);
    check.on_failure = on_failure.unwrap_or(vec![CheckAction::Restart, CheckAction::Move]);
    check.on_warning = read_list(context, section, When::Warning).unwrap_or_default();
    check.on_recovery = read_list(context, section, When::Recovery).unwrap_or_default();
}

/// The answer of a check of nodes is the health of the node; beside it programs may be run.
pub(super) fn read_for_node(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    check: &mut CheckSpec,
) {
    let mut list = |context: &mut Context<'_>, when: When| {
        let at = section.get(when.key()).map(|entry| entry.value.span());
        let actions = read_list(context, section, when).unwrap_or_default();
        let is_for_service = |action: &CheckAction| match action {
            CheckAction::Nothing | CheckAction::Alarm | CheckAction::Run { .. } => false,
            CheckAction::Restart
            | CheckAction::Move
            | CheckAction::Stop
            | CheckAction::StopCheck(_)
            | CheckAction::StartCheck(_)
            | CheckAction::Pause(_)
            | CheckAction::RemoveCheck => true,
        };
        if let (Some(action), Some(at)) = (actions.iter().find(|a| is_for_service(a)), at) {
            let problem = Problem::new(
                Code::DoesNotBelong,
                format!("`{action}` does not go with a check of nodes"),
            )
            .at(at, "it tells the health of a node")
            .help("remove it; `node_health` says what bad health means for services");
            context.report(problem);
        }
        actions
    };
    check.on_failure = list(context, When::Failure);
    check.on_warning = list(context, When::Warning);
    check.on_recovery = list(context, When::Recovery);
}

fn read_list(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    when: When,
) -> Option<Vec<CheckAction>> {
    let entry = section.get(when.key())?;
    let mut actions = Vec::new();
    for item in entry.items(context)? {
        let Some(action) = read_one(context, &item) else {
            continue;
        };
        if when != When::Failure && action.answer().is_some() {
            let problem = Problem::new(
                Code::DoesNotBelong,
                format!("`{action}` does not go with `{}`", when.key()),
            )
            .at(item.value.span(), "nothing has failed then")
            .help("put it into `on_failure`, or remove it");
            context.report(problem);
            continue;
        }
        actions.push(action);
    }
    report_order(context, &entry, &actions);
    Some(actions)
}

/// `move` and `stop` are never used up, so nothing that comes behind them for the service is
/// ever done.
fn report_order(context: &mut Context<'_>, entry: &Entry<'_>, actions: &[CheckAction]) {
    let answers = actions.iter().filter(|action| action.answer().is_some());
    let mut last: Option<&CheckAction> = None;
    for action in answers {
        if let Some(last) = last
            && (*last != CheckAction::Restart || action == last)
        {
            let problem = Problem::new(
                Code::Contradiction,
                format!("`{action}` is never reached behind `{last}`"),
            )
            .at(
                entry.value.span(),
                "the first of these that is left is done",
            )
            .help("write \"restart\" first, then one of \"move\" and \"stop\"");
            context.report(problem);
            return;
        }
        last = Some(action);
    }
}

fn read_one(context: &mut Context<'_>, item: &Entry<'_>) -> Option<CheckAction> {
    if let DeValue::String(_) = item.value.get_ref() {
        return item
            .word(context, &CheckAction::WORDS)
            .map(CheckAction::from);
    }
    let mut table = item.table(context, "an action".to_string())?;
    let mut found: Vec<Option<CheckAction>> = Vec::new();
    if let Some(entry) = table.get("run") {
        let user = table
            .get("user")
            .and_then(|entry| entry.name::<UserName>(context))
            .map(|user| user.value.to_string());
        let argv = entry.argv(context);
        found.push(argv.map(|argv| CheckAction::Run { argv, user }));
    }
    if let Some(entry) = table.get("pause") {
        let bounds = TimeBounds {
            min: Duration::from_secs(1),
            max: EVERY_MAX * 24,
        };
        found.push(entry.time(context, bounds).map(CheckAction::Pause));
    }
    let mut check = |context: &mut Context<'_>, key: &'static str| {
        let entry = table.get(key)?;
        Some(entry.name::<ResourceName>(context).map(|name| name.value))
    };
    if let Some(name) = check(context, "stop_check") {
        found.push(name.map(|name| CheckAction::StopCheck(Some(name))));
    }
    if let Some(name) = check(context, "start_check") {
        found.push(name.map(CheckAction::StartCheck));
    }
    let at = table.at();
    table.finish(context, &[]);
    if found.len() != 1 {
        let problem = Problem::new(Code::NoKind, "this is no action, or several")
            .at(at, "what is to be done?")
            .help(
                "write one of { run = [...] }, { pause = \"1m\" }, { stop_check = \"NAME\" } and \
                 { start_check = \"NAME\" }",
            );
        context.report(problem);
        return None;
    }
    found.pop().flatten()
}

/// The checks that a check stops and starts.
pub(super) fn names_in(check: &CheckSpec) -> impl Iterator<Item = &ResourceName> {
    let lists = [&check.on_failure, &check.on_warning, &check.on_recovery];
    lists
        .into_iter()
        .flatten()
        .filter_map(|action| match action {
            CheckAction::StopCheck(Some(name)) | CheckAction::StartCheck(name) => Some(name),
            CheckAction::StopCheck(None)
            | CheckAction::Nothing
            | CheckAction::Alarm
            | CheckAction::Restart
            | CheckAction::Move
            | CheckAction::Stop
            | CheckAction::Run { .. }
            | CheckAction::Pause(_)
            | CheckAction::RemoveCheck => None,
        })
}
