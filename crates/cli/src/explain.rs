//! Why a service is where it is: the question, and the answer as people read it.

use api::{ApiError, ErrorCode, Explanation, NotOn, ServiceState, Status, routes};
use config::Colour;

use crate::args::ExplainArgs;
use crate::client::Client;
use crate::exit::Exit;
use crate::history_text::entry;
use crate::order::{known_node, known_service};
use crate::run::since_time;
use crate::screen::{Form, Screen, Tone, paint};
use crate::table::{Cell, cell, table, toned};

/// `explain SERVICE`. Of a service with copies each copy is told.
pub(crate) fn explain(
    client: &Client,
    screen: &mut Screen,
    form: Form,
    args: &ExplainArgs,
) -> Result<Exit, ApiError> {
    let mut questions = Vec::new();
    if let Some(node) = &args.not_on {
        questions.push(format!("not_on={node}"));
    }
    if let Some(at) = &args.at {
        let at = since_time(at, (screen.now)(), "--at")?;
        questions.push(format!("at={at}"));
    }
    let query = match questions.as_slice() {
        [] => String::new(),
        questions => format!("?{}", questions.join("&")),
    };
    let ask = |service: &str| -> Result<Explanation, ApiError> {
        client.get(&format!("{}/{service}{query}", routes::EXPLAIN))
    };
    let colour = screen.colour;
    match ask(args.service.as_str()) {
        Ok(answer) => match form {
            Form::Json => screen.print_json(&answer),
            Form::Text => {
                let roles = roles(&answer, colour);
                screen.print(text(&answer, colour) + &roles);
            }
        },
        Err(error) => {
            let copies = copies_instead(client, args, error)?;
            let answers = copies.iter().map(|copy| ask(copy));
            let answers = answers.collect::<Result<Vec<_>, _>>()?;
            match form {
                Form::Json => screen.print_json(&answers),
                Form::Text => {
                    let texts = answers.iter().map(|answer| text(answer, colour));
                    let mut told = texts.collect::<Vec<_>>().join("\n");
                    // The same is known of the role with each copy, and told once.
                    let roles = answers.first().map(|answer| roles(answer, colour));
                    if let Some(roles) = roles.filter(|roles| !roles.is_empty()) {
                        told.push_str(&format!("\n{roles}"));
                    }
                    screen.print(told);
                }
            }
        }
    }
    Ok(Exit::Done)
}

/// The copies of the service that was asked for; or the error, with the nearest name where one
/// is not known.
fn copies_instead(
    client: &Client,
    args: &ExplainArgs,
    error: ApiError,
) -> Result<Vec<String>, ApiError> {
    let is_name = error.is(ErrorCode::NoSuchService) || error.is(ErrorCode::NoSuchNode);
    if !is_name {
        return Err(error);
    }
    let status: Status = client.get(routes::STATUS)?;
    if let Some(node) = &args.not_on {
        known_node(node.as_str(), &status)?;
    }
    known_service(args.service.as_str(), &status)?;
    let name = args.service.as_str();
    let copies = status.services.iter();
    let copies = copies.filter(|service| service.is_of(name) && service.name != name);
    let copies: Vec<String> = copies.map(|service| service.name.clone()).collect();
    match copies.is_empty() {
        true => Err(error),
        false => Ok(copies),
    }
}

/// Why a service is where it is.
fn text(answer: &Explanation, colour: Colour) -> String {
    let place = answer.node.as_ref().map(|node| format!(" on {node}"));
    // Where each node has a reason of its own, the table tells them.
    let is_waiting = answer.waits.contains(&answer.because);
    let because = match answer.because.split_once(": ") {
        Some((short, _)) if is_waiting && answer.nodes.iter().all(|v| !v.allowed) => short,
        Some(_) | None => &answer.because,
    };
    let verb = if answer.at.is_some() { "was" } else { "is" };
    let when = answer.at.map(|at| format!(" at {at}")).unwrap_or_default();
    let since = answer
        .since
        .map(|since| format!(", since {since}"))
        .unwrap_or_default();
    let role = answer.role.as_ref().filter(|role| *role != "unpromoted");
    let role = role.map(|role| format!(", {role}")).unwrap_or_default();
    let mut text = format!(
        "{} {verb} {}{role}{}{when}: {because}{since}\n",
        answer.service,
        answer.state,
        place.unwrap_or_default(),
    );
    let rows: Vec<Vec<Cell>> = answer
        .nodes
        .iter()
        .map(|verdict| {
            let (word, tone) = match (answer.node.as_ref() == Some(&verdict.node), verdict.allowed)
            {
                (true, _) => ("here", Tone::Good),
                (false, true) => ("possible", Tone::Plain),
                (false, false) => ("not", Tone::Care),
            };
            vec![
                cell(&verdict.node),
                toned(word, tone),
                cell(verdict.because.join("; ")),
            ]
        })
        .collect();
    text.push_str(&table(&[], &rows, 2, colour));
    // What is stopped on purpose waits for nothing but a wish.
    let waits = answer
        .waits
        .iter()
        .filter(|wait| answer.state != ServiceState::Stopped && **wait != answer.because);
    for wait in waits {
        text.push_str(&format!("waits: {wait}\n"));
    }
    if let Some(not_on) = &answer.not_on {
        text.push_str(&why_not(not_on, &answer.service));
    }
    if !answer.happened.is_empty() {
        text.push_str(&format!(
            "{}\n",
            paint("what happened", Tone::Strong, colour)
        ));
        for happened in &answer.happened {
            text.push_str(&format!("  {}", entry(happened, colour)));
        }
    }
    for unknown in &answer.unknown {
        text.push_str(&format!("not known: {unknown}\n"));
    }
    text
}

/// Which copies are promoted, and why the others are not: a line for each.
fn roles(answer: &Explanation, colour: Colour) -> String {
    if answer.roles.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<Cell>> = answer
        .roles
        .iter()
        .map(|verdict| {
            let tone = match verdict.role.as_deref() {
                Some("promoted") => Tone::Good,
                Some(_) | None => Tone::Plain,
            };
            vec![
                cell(&verdict.copy),
                cell(verdict.node.as_deref().unwrap_or("-")),
                toned(verdict.role.as_deref().unwrap_or("-"), tone),
                cell(verdict.because.join("; ")),
            ]
        })
        .collect();
    let title = paint("who is promoted", Tone::Strong, colour);
    format!("{title}\n{}", table(&[], &rows, 2, colour))
}

/// Why it is not on one node, and what would bring it there.
fn why_not(not_on: &NotOn, service: &str) -> String {
    let node = &not_on.node;
    let mut text = format!("not on {node}: {}\n", not_on.because.join("; "));
    if not_on.changes.is_empty() {
        return text;
    }
    match not_on.helps {
        true => text.push_str(&format!("this would bring {service} to {node}:\n")),
        false => text.push_str("not even this would do:\n"),
    }
    for (number, change) in not_on.changes.iter().enumerate() {
        text.push_str(&format!("  {}  {change}\n", number + 1));
    }
    if let Some(outage) = not_on.outage.as_ref().filter(|_| not_on.helps) {
        text.push_str(&format!("on the way: {}\n", outage.text));
    }
    text
}
