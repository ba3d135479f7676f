//! Orders: look at the plan, ask, carry out, wait.

use api::{ApiError, ErrorCode, Order, OrderReply, OrderRequest, Status, routes};

use crate::args::ActArgs;
use crate::client::Client;
use crate::exit::Exit;
use crate::plan_text;
use crate::screen::{Form, Interactive, Screen, Tone, paint};
use crate::suggest::nearest;
use crate::wait::{Goal, wait_for};

/// One order from the plan to its end.
pub(crate) fn give(
    client: &Client,
    screen: &mut Screen,
    form: Form,
    (order, act): (Order, ActArgs),
) -> Result<Exit, ApiError> {
    let Some(reply) = carry_out(client, screen, form, (order, act))? else {
        return Ok(Exit::Done);
    };
    match form {
        Form::Json => screen.print_json(&reply),
        Form::Text if act.wait.is_some() => screen.print("done\n"),
        Form::Text => {}
    }
    Ok(Exit::Done)
}

/// All of an order but its last word; `None`: only the plan was wanted.
pub(crate) fn carry_out(
    client: &Client,
    screen: &mut Screen,
    form: Form,
    (order, act): (Order, ActArgs),
) -> Result<Option<OrderReply>, ApiError> {
    let before: Status = client.get(routes::STATUS)?;
    known(&order, &before)?;
    let preview = send(client, &order, None)?;
    if form == Form::Text || act.dry_run {
        show(screen, form, &preview);
    }
    if act.dry_run {
        return Ok(None);
    }
    let confirm = agree(screen, form, act, order.confirmation())?;
    let request = OrderRequest {
        order: order.clone(),
        dry_run: false,
        confirm,
    };
    let reply: OrderReply = client.post(routes::ORDERS, &request)?;
    if form == Form::Text {
        screen.print(format_args!("accepted: {order}\n"));
        let is_new = |note: &&String| !preview.notes.contains(note);
        let new: Vec<String> = reply.notes.iter().filter(is_new).cloned().collect();
        notes(screen, &new);
    }
    let mut goals: Vec<Goal> = Goal::all_of_order(&order, &before);
    if goals.is_empty() || matches!(order, Order::Standby { .. }) {
        // What moves away has arrived somewhere, what may run again runs: then it is done.
        goals.extend(Goal::of_plan(&reply.plan));
    }
    if let (Some(limit), Some(index), false) = (act.wait, reply.index, goals.is_empty()) {
        let ends_daemon = matches!(order, Order::Halt | Order::Leave);
        let waited = wait_for(client, (screen, form), &goals, (index, limit));
        match waited {
            // The daemon that was told to end has ended: that is what was waited for.
            Err(error) if ends_daemon && Exit::of(&error) == Exit::NotReachable => {}
            waited => waited?,
        }
    }
    Ok(Some(reply))
}

fn send(client: &Client, order: &Order, confirm: Option<String>) -> Result<OrderReply, ApiError> {
    let request = OrderRequest {
        order: order.clone(),
        dry_run: true,
        confirm,
    };
    client.post(routes::ORDERS, &request)
}

fn show(screen: &mut Screen, form: Form, reply: &OrderReply) {
    match form {
        Form::Json => screen.print_json(reply),
        Form::Text => {
            let text = plan_text::plan(&reply.plan, screen.colour);
            screen.print(text);
            notes(screen, &reply.notes);
        }
    }
}

fn notes(screen: &mut Screen, notes: &[String]) {
    for note in notes {
        let line = paint(&format!("note: {note}"), Tone::Care, screen.colour);
        screen.print(format_args!("{line}\n"));
    }
}

/// A question that needs no plan: the fence devices are asked, nothing is switched.
pub(crate) fn test_fence(
    client: &Client,
    screen: &mut Screen,
    form: Form,
    node: Option<model::NodeName>,
) -> Result<Exit, ApiError> {
    let order = Order::TestFence { node };
    let status: Status = client.get(routes::STATUS)?;
    known(&order, &status)?;
    let request = OrderRequest {
        order,
        dry_run: false,
        confirm: None,
    };
    let reply: OrderReply = client.post(routes::ORDERS, &request)?;
    match form {
        Form::Json => screen.print_json(&reply),
        Form::Text => {
            for note in &reply.notes {
                screen.print(format_args!("{note}\n"));
            }
        }
    }
    Ok(Exit::Done)
}

/// Gets the agreement of a person who has seen the plan: `--yes`, a yes, or the name of the
/// node where `word` asks for it. Returns what the daemon wants as `confirm`.
pub(crate) fn agree(
    screen: &mut Screen,
    form: Form,
    act: ActArgs,
    word: Option<&str>,
) -> Result<Option<String>, ApiError> {
    let confirm = word.map(str::to_string);
    if act.yes {
        return Ok(confirm);
    }
    if screen.interactive == Interactive::No || form == Form::Json {
        let message = ErrorCode::NeedsYes.title();
        return Err(ErrorCode::NeedsYes.error(message));
    }
    let agreed = match word {
        None => {
            let answer = screen.ask("go on? [y/N] ");
            ["y", "yes"].contains(&answer.to_lowercase().as_str())
        }
        Some(word) => {
            let question = format!("this cannot be undone; type `{word}` to go on: ");
            screen.ask(&question) == word
        }
    };
    match agreed {
        true => Ok(confirm),
        false => {
            let help = format!("answer `{}` to go on", word.unwrap_or("yes"));
            Err(ErrorCode::Declined
                .error("nothing was changed")
                .with_help(help))
        }
    }
}

/// Refuses names that the cluster does not know, and suggests the nearest.
fn known(order: &Order, status: &Status) -> Result<(), ApiError> {
    if let Some(service) = order.service() {
        known_service(service.as_str(), status)?;
    }
    match order.node() {
        Some(node) => known_node(node.as_str(), status),
        None => Ok(()),
    }
}

/// Refuses a service that the cluster does not know.
pub(crate) fn known_service(name: &str, status: &Status) -> Result<(), ApiError> {
    let services = &status.services;
    if services.iter().any(|service| service.is_of(name)) {
        return Ok(());
    }
    let with_copies = services.iter().filter_map(|it| it.copy_of.as_deref());
    let names = with_copies.chain(services.iter().map(|it| it.name.as_str()));
    let near = nearest(name, names);
    Err(unknown(ErrorCode::NoSuchService, "service", name, near))
}

/// Refuses a node that the cluster does not know.
pub(crate) fn known_node(name: &str, status: &Status) -> Result<(), ApiError> {
    let names = || status.nodes.iter().map(|n| n.name.as_str());
    match names().any(|known| known == name) {
        true => Ok(()),
        false => Err(unknown(
            ErrorCode::NoSuchNode,
            "node",
            name,
            nearest(name, names()),
        )),
    }
}

/// The error for a name that is not known.
pub(crate) fn unknown(code: ErrorCode, kind: &str, name: &str, near: Option<&str>) -> ApiError {
    let error = code.error(format!("there is no {kind} {name}"));
    match near {
        Some(near) => error.with_detail(format!("did you mean `{near}`?")),
        None => error,
    }
}
