//! `quorum status` and `quorum force`: they ask the node they are typed on, with or without a
//! leader.

use api::quorum::{FORCE_CONFIRMATION, ForceReply, ForceRequest, PingTarget, QuorumStatus};
use api::{ApiError, routes};

use crate::args::{ActArgs, ForceArgs, QuorumCommand};
use crate::client::Client;
use crate::exit::Exit;
use crate::order::agree;
use crate::screen::{Form, Screen, Tone, paint};

pub(crate) fn run(
    client: &Client,
    screen: &mut Screen,
    form: Form,
    command: &QuorumCommand,
) -> Result<Exit, ApiError> {
    match command {
        QuorumCommand::Status => status(client, screen, form),
        QuorumCommand::Force(args) => force(client, screen, form, args),
    }
}

fn status(client: &Client, screen: &mut Screen, form: Form) -> Result<Exit, ApiError> {
    let status: QuorumStatus = client.get(routes::QUORUM)?;
    match form {
        Form::Json => screen.print_json(&status),
        Form::Text => screen.print(text(&status)),
    }
    Ok(Exit::Done)
}

fn text(status: &QuorumStatus) -> String {
    let quorum = match (&status.leader, status.quorate) {
        (Some(leader), true) => format!("quorate, {leader} leads"),
        (_, true) => "quorate".to_string(),
        (_, false) => "NO QUORUM".to_string(),
    };
    let voters: Vec<String> = status
        .voters
        .iter()
        .map(|voter| format!("{} ({})", voter.name, voter.state))
        .collect();
    let count = voters.len();
    let majority = status.majority;
    let mut lines = vec![
        format!("{quorum}; seen by {}", status.seen_by),
        format!(
            "voters: {}; {majority} of {count} decide",
            voters.join(", ")
        ),
    ];
    if count.is_multiple_of(2) {
        let halves = status.arbiters.join(" and ");
        lines.push(format!("between two halves: {halves}"));
    }
    lines.extend(ping_line(&status.ping_targets));
    if 1 < status.generation {
        let (maker, generation) = (&status.made_by, status.generation);
        lines.push(format!("history: generation {generation}, made by {maker}"));
    }
    lines.extend(status.waits.iter().map(|wait| format!("waits: {wait}")));
    lines.extend(status.help.iter().map(|help| format!("help: {help}")));
    lines.join("\n") + "\n"
}

/// `ping targets: 1 of 2 answer; silent: 10.0.0.1`; nothing where there are none.
fn ping_line(targets: &[PingTarget]) -> Option<String> {
    let silent: Vec<&str> = (targets.iter())
        .filter(|target| !target.answers)
        .map(|target| target.address.as_str())
        .collect();
    let (count, answer) = (targets.len(), targets.len() - silent.len());
    let rest = match silent.is_empty() {
        true => String::new(),
        false => format!("; silent: {}", silent.join(", ")),
    };
    (0 < count).then(|| format!("ping targets: {answer} of {count} answer{rest}"))
}

fn force(
    client: &Client,
    screen: &mut Screen,
    form: Form,
    args: &ForceArgs,
) -> Result<Exit, ApiError> {
    let mut request = ForceRequest {
        lost: args.lost.iter().map(ToString::to_string).collect(),
        dry_run: true,
        confirm: None,
    };
    let preview: ForceReply = client.post(routes::FORCE_QUORUM, &request)?;
    if form == Form::Text {
        for note in &preview.notes {
            let line = paint(note, Tone::Care, screen.colour);
            screen.print(format_args!("{line}\n"));
        }
    }
    let act = ActArgs {
        yes: args.yes,
        ..ActArgs::default()
    };
    request.confirm = agree(screen, form, act, Some(FORCE_CONFIRMATION))?;
    request.dry_run = false;
    let reply: ForceReply = client.post(routes::FORCE_QUORUM, &request)?;
    match form {
        Form::Json => screen.print_json(&reply),
        Form::Text => screen.print("begun; `mainstay quorum status` shows what came of it\n"),
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use api::quorum::VoterStatus;
    use expect_test::expect;

    use super::*;

    fn voter(name: &str, state: &str) -> VoterStatus {
        VoterStatus {
            name: name.into(),
            state: state.into(),
        }
    }

    fn pair(beta: &str) -> QuorumStatus {
        QuorumStatus {
            seen_by: "alpha".into(),
            generation: 1,
            majority: 2,
            voters: vec![voter("alpha", "here"), voter("beta", beta)],
            arbiters: vec!["fencing".into()],
            standing: true,
            quorate: false,
            leader: None,
            made_by: "alpha".into(),
            waits: Vec::new(),
            help: None,
            ping_targets: Vec::new(),
        }
    }

    #[test]
    fn a_pair_in_good_health_names_its_leader_and_who_decides_between_halves() {
        let status = QuorumStatus {
            quorate: true,
            leader: Some("beta".into()),
            ..pair("heard")
        };
        expect![[r#"
            quorate, beta leads; seen by alpha
            voters: alpha (here), beta (heard); 2 of 2 decide
            between two halves: fencing
        "#]]
        .assert_eq(&text(&status));
    }

    #[test]
    fn a_node_that_started_alone_says_what_it_waits_for_and_the_two_ways_out() {
        let status = QuorumStatus {
            standing: false,
            generation: 3,
            made_by: "beta".into(),
            waits: vec![
                "alpha started alone; it cannot know whether beta went on without it".into(),
            ],
            help: Some(
                "start beta, or `mainstay quorum force --lost beta` if beta is off for good".into(),
            ),
            ..pair("lost")
        };
        expect![[r#"
            NO QUORUM; seen by alpha
            voters: alpha (here), beta (lost); 2 of 2 decide
            between two halves: fencing
            history: generation 3, made by beta
            waits: alpha started alone; it cannot know whether beta went on without it
            help: start beta, or `mainstay quorum force --lost beta` if beta is off for good
        "#]]
        .assert_eq(&text(&status));
    }
}
