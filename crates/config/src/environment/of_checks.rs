//! What checks need of the nodes on which they are asked. A check that cannot be asked has
//! failed, and a service that is moved for it would only find the next node without the program.

use model::checks::{CheckAction, CheckKind, CheckSpec, HttpTrust};
use model::environment::Question;

use super::kinds::program;

/// What a node is asked before a check may be asked there.
#[must_use]
pub fn inspect(check: &CheckSpec) -> Vec<Question> {
    let mut questions = of_kind(&check.kind);
    let lists = [&check.on_failure, &check.on_warning, &check.on_recovery];
    for action in lists.into_iter().flatten() {
        match action {
            CheckAction::Run { argv, user } => questions.extend(of_program(argv, user.as_ref())),
            CheckAction::Nothing
            | CheckAction::Alarm
            | CheckAction::Restart
            | CheckAction::Move
            | CheckAction::Stop
            | CheckAction::StopCheck(_)
            | CheckAction::StartCheck(_)
            | CheckAction::Pause(_)
            | CheckAction::RemoveCheck => {}
        }
    }
    questions
}

fn of_kind(kind: &CheckKind) -> Vec<Question> {
    match kind {
        CheckKind::Command(check) => of_program(&check.argv, check.user.as_ref()),
        CheckKind::Http(check) => match &check.trust {
            HttpTrust::Authority(path) => vec![Question::File { path: path.clone() }],
            HttpTrust::System | HttpTrust::Anything => Vec::new(),
        },
        CheckKind::Processes(check) => check.user.iter().map(|user| account(user)).collect(),
        CheckKind::Filesystem(check) => vec![Question::Directory {
            path: check.path.clone(),
        }],
        CheckKind::Link(card) => vec![Question::Card { name: card.clone() }],
        // What a service itself brings, and what the kernel always tells. The file of a log may
        // come with its first line.
        CheckKind::Tcp(_)
        | CheckKind::Swap(_)
        | CheckKind::Memory(_)
        | CheckKind::Load { .. }
        | CheckKind::Ping { .. }
        | CheckKind::Log(_) => Vec::new(),
    }
}

fn of_program(argv: &[String], user: Option<&String>) -> Vec<Question> {
    let mut questions = vec![program(argv, user.cloned())];
    questions.extend(user.map(|user| account(user)));
    questions
}

fn account(name: &str) -> Question {
    Question::Account {
        name: name.to_owned(),
    }
}
