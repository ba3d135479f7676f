//! `checks ...`: how the checks of services are, and what people do to them.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use api::{ApiError, CheckView, ErrorCode, Order, Status, routes};
use clap::{Args, Subcommand};
use model::checks::{CheckName, CheckOrder, CheckTuning};
use model::{NodeName, ServiceName};

use crate::args::ActArgs;
use crate::client::Client;
use crate::config_file::File;
use crate::exit::Exit;
use crate::order;
use crate::screen::{Form, Screen, Tone};
use crate::status_text::Look;
use crate::table::{Cell, cell, table, toned};

/// Before the name of a node. Copies of a service called `node` are meant all together.
const NODE: &str = "node:";

/// Answers that are shown of each check.
const HISTORY_SHOWN: usize = 10;

/// `checks ...`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ChecksArgs {
    /// What to do; without, they are listed
    #[command(subcommand)]
    command: Option<ChecksCommand>,
    #[command(flatten)]
    list: ListArgs,
}

/// `checks list`.
#[derive(Debug, Args)]
struct ListArgs {
    /// Of which service or node; without, of all
    #[arg(value_name = "SERVICE|node:NODE[/CHECK]")]
    target: Option<Target>,
    /// The last answers of each, too
    #[arg(long)]
    history: bool,
}

#[derive(Debug, Subcommand)]
enum ChecksCommand {
    /// How checks are: state, last answer, how long it took
    #[command(after_help = "Examples:
  mainstay checks
  mainstay checks web --history")]
    List(ListArgs),
    /// Ask them no more for a while; nothing follows from what they would find
    #[command(after_help = "Examples:
  mainstay checks pause web --for 30m
  mainstay checks pause web/http-1
  mainstay checks pause node:alpha/disk     a check of a node
  mainstay checks pause --all")]
    Pause {
        #[command(flatten)]
        whom: Whom,
        /// It ends by itself after this time
        #[arg(long = "for", value_name = "TIME", value_parser = model::duration::parse)]
        span: Option<Duration>,
        #[command(flatten)]
        act: ActArgs,
    },
    /// End a pause
    #[command(after_help = "Example:
  mainstay checks resume web")]
    Resume {
        #[command(flatten)]
        whom: Whom,
        #[command(flatten)]
        act: ActArgs,
    },
    /// Ask now, also what is paused; while paused nothing follows from the answer
    #[command(after_help = "Example:
  mainstay checks run web/http-1")]
    Run {
        #[command(flatten)]
        whom: Whom,
        #[command(flatten)]
        act: ActArgs,
    },
    /// Add checks at run time, or bring back one that was removed
    #[command(after_help = "Examples:
  mainstay checks install web/http-1        was removed, and is in the configuration
  mainstay checks install more.toml         a file with [[service.web.check]]")]
    Install {
        /// A check that was removed, or a file with checks
        #[arg(value_name = "SERVICE/CHECK|FILE")]
        what: String,
        #[command(flatten)]
        act: ActArgs,
    },
    /// Take a check out; `install` brings it back
    #[command(after_help = "Example:
  mainstay checks remove web/http-1")]
    Remove {
        /// Which
        #[arg(value_name = "SERVICE/CHECK")]
        target: Target,
        #[command(flatten)]
        act: ActArgs,
    },
    /// Other limits than the configuration says; without any, its own again
    #[command(after_help = "Examples:
  mainstay checks set web/http-1 --every 5s --fail-after 3
  mainstay checks set web/http-1 --restarts 10
  mainstay checks set web/http-1            as the configuration says")]
    Set {
        /// Which
        #[arg(value_name = "SERVICE[/CHECK]")]
        target: Target,
        #[command(flatten)]
        limits: Limits,
        #[command(flatten)]
        act: ActArgs,
    },
    /// Forget the failures of checks: restarts are counted anew, nodes are not barred for them
    #[command(after_help = "Example:
  mainstay checks reset web/http-1")]
    Reset {
        #[command(flatten)]
        whom: Whom,
        #[command(flatten)]
        act: ActArgs,
    },
}

#[derive(Debug, Args)]
struct Whom {
    /// Which
    #[arg(
        value_name = "SERVICE|node:NODE[/CHECK]",
        required_unless_present = "all"
    )]
    target: Option<Target>,
    /// Those of all services
    #[arg(long, conflicts_with = "target")]
    all: bool,
}

#[derive(Debug, Args)]
struct Limits {
    /// From one question to the next
    #[arg(long, value_name = "TIME", value_parser = model::duration::parse)]
    every: Option<Duration>,
    /// An answer must come within this time
    #[arg(long, value_name = "TIME", value_parser = model::duration::parse)]
    timeout: Option<Duration>,
    /// It has failed after so many failures in a row
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=100))]
    fail_after: Option<u32>,
    /// It is well after so many good answers in a row
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=100))]
    well_after: Option<u32>,
    /// Restarts before the next action
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(0..=100))]
    restarts: Option<u32>,
    /// Restarts are counted within this time
    #[arg(long, value_name = "TIME", value_parser = model::duration::parse)]
    within: Option<Duration>,
}

/// `SERVICE`, `SERVICE/CHECK`, `node:NODE` or `node:NODE/CHECK`.
#[derive(Debug, Clone)]
struct Target {
    of: Whose,
    check: Option<CheckName>,
}

/// Whose checks are meant.
#[derive(Debug, Clone)]
enum Whose {
    Service(ServiceName),
    Node(NodeName),
}

impl Target {
    fn order(self, order: CheckOrder) -> Order {
        let check = self.check;
        match self.of {
            Whose::Service(service) => Order::Checks {
                service: Some(service),
                check,
                order,
            },
            Whose::Node(node) => Order::NodeChecks { node, check, order },
        }
    }
}

impl FromStr for Target {
    type Err = model::id::NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (of, check) = match text.split_once('/') {
            Some((of, check)) => (of, Some(check.parse()?)),
            None => (text, None),
        };
        let of = match of.strip_prefix(NODE) {
            Some(node) => Whose::Node(node.parse()?),
            None => Whose::Service(of.parse()?),
        };
        Ok(Self { of, check })
    }
}

type Done = Result<Exit, ApiError>;

pub(crate) fn run(
    client: &Client,
    screen: &mut Screen,
    (form, look): (Form, Look),
    args: ChecksArgs,
) -> Done {
    let (target, order, act) = match args.command {
        None => return list(client, screen, (form, look), &args.list),
        Some(ChecksCommand::List(args)) => return list(client, screen, (form, look), &args),
        Some(ChecksCommand::Install { what, act }) => {
            return install(client, (screen, form), &what, act);
        }
        Some(ChecksCommand::Pause { whom, span, act }) => {
            (whom.target, CheckOrder::Pause { span }, act)
        }
        Some(ChecksCommand::Resume { whom, act }) => (whom.target, CheckOrder::Resume, act),
        Some(ChecksCommand::Run { whom, act }) => (whom.target, CheckOrder::Run, act),
        Some(ChecksCommand::Remove { target, act }) => (Some(target), CheckOrder::Remove, act),
        Some(ChecksCommand::Reset { whom, act }) => (whom.target, CheckOrder::Reset, act),
        Some(ChecksCommand::Set {
            target,
            limits,
            act,
        }) => {
            let tuning = CheckTuning {
                every: limits.every,
                timeout: limits.timeout,
                fail_after: limits.fail_after,
                well_after: limits.well_after,
                restarts: limits.restarts,
                within: limits.within,
            };
            (Some(target), CheckOrder::Set { tuning }, act)
        }
    };
    let order = match target {
        Some(target) => target.order(order),
        None => Order::Checks {
            service: None,
            check: None,
            order,
        },
    };
    order::give(client, screen, form, (order, act))
}

/// A check that was removed, else every check of a file.
fn install(client: &Client, (screen, form): (&mut Screen, Form), what: &str, act: ActArgs) -> Done {
    let path = PathBuf::from(what);
    let removed = what.parse::<Target>().ok();
    let removed = removed.filter(|target| target.check.is_some() && !path.exists());
    if let Some(target) = removed {
        let order = target.order(CheckOrder::Install { check: None });
        return order::give(client, screen, form, (order, act));
    }
    let file = File::open(&path)?;
    let text = String::from_utf8_lossy(&file.bytes);
    let checks = match config::read_checks(&file.name, &text) {
        Ok(checks) => checks,
        Err(problems) => {
            match form {
                Form::Json => screen.print_json(&serde_json::json!({
                    "ok": false,
                    "problems": problems.to_json(),
                })),
                Form::Text => screen.print(problems.render(screen.colour)),
            }
            return Ok(Exit::Failed);
        }
    };
    for (service, check) in checks {
        let order = Order::Checks {
            service: Some(service),
            check: Some(check.name.clone()),
            order: CheckOrder::Install {
                check: Some(Box::new(check)),
            },
        };
        let done = order::give(client, screen, form, (order, act))?;
        if done != Exit::Done {
            return Ok(done);
        }
    }
    Ok(Exit::Done)
}

fn list(client: &Client, screen: &mut Screen, (form, look): (Form, Look), args: &ListArgs) -> Done {
    let status: Status = client.get(routes::STATUS)?;
    let target = args.target.as_ref();
    if let Some(Target {
        of: Whose::Service(service),
        ..
    }) = target
    {
        order::known_service(service.as_str(), &status)?;
    }
    let found = listed(&status, target);
    if let Some(Target {
        of,
        check: Some(check),
    }) = target
        && found.is_empty()
    {
        let whose = match of {
            Whose::Service(service) => service.to_string(),
            Whose::Node(node) => format!("node {node}"),
        };
        let error = ErrorCode::OrderRefused.error(format!("{whose} has no check {check}"));
        return Err(error.with_help("`mainstay checks` lists them"));
    }
    if form == Form::Json {
        let all: Vec<serde_json::Value> = found
            .iter()
            .map(|(of, check)| serde_json::json!({ "of": of, "check": check }))
            .collect();
        screen.print_json(&all);
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<Cell>> = found
        .iter()
        .map(|(of, check)| {
            let mut row = vec![cell(of)];
            row.extend(row_of(check, look));
            row
        })
        .collect();
    match rows.is_empty() {
        true => screen.print("no checks\n"),
        false => {
            let head = ["OF", "CHECK", "KIND", "STATE", "FOR", "TOOK", "FOUND"];
            screen.print(table(&head, &rows, 0, look.colour));
        }
    }
    if args.history {
        for (of, check) in found {
            screen.print(history(&of, check, look));
        }
    }
    Ok(Exit::Done)
}

/// The checks that are meant, and whose they are.
fn listed<'a>(status: &'a Status, target: Option<&Target>) -> Vec<(String, &'a CheckView)> {
    let services = status.services.iter().filter(|service| match target {
        None => true,
        Some(target) => match &target.of {
            Whose::Service(name) => service.is_of(name.as_str()),
            Whose::Node(_) => false,
        },
    });
    let nodes = status.nodes.iter().filter(|node| match target {
        None => true,
        Some(target) => match &target.of {
            Whose::Service(_) => false,
            Whose::Node(name) => node.name == name.as_str(),
        },
    });
    let of_services =
        services.flat_map(|service| service.checks.iter().map(|c| (service.name.clone(), c)));
    let of_nodes = nodes.flat_map(|node| {
        let name = format!("node {}", node.name);
        node.checks.iter().map(move |check| (name.clone(), check))
    });
    let wanted = target.and_then(|target| target.check.as_ref());
    of_services
        .chain(of_nodes)
        .filter(|(_, check)| wanted.is_none_or(|wanted| check.name == wanted.as_str()))
        .collect()
}

/// One check in the table of its service: name, kind, state, since when, how long it took,
/// what was found.
pub(crate) fn row_of(check: &CheckView, look: Look) -> Vec<Cell> {
    let tone = match check.state.as_str() {
        "well" => Tone::Good,
        "failed" => Tone::Bad,
        "idle" | "removed" => Tone::Quiet,
        _other => Tone::Care,
    };
    let changed = if check.changed { ", changed" } else { "" };
    let found = match &check.paused {
        Some(paused) => format!("paused {paused}"),
        None => check.how.clone().unwrap_or_default(),
    };
    let took = check.took_ms.map(|took| format!("{took} ms"));
    vec![
        cell(&check.name),
        cell(&check.kind),
        toned(format!("{}{changed}", check.state), tone),
        cell(check.since.map(|since| look.ago(since)).unwrap_or_default()),
        cell(took.unwrap_or_default()),
        cell(found),
    ]
}

fn history(of: &str, check: &CheckView, look: Look) -> String {
    let mut text = format!("\n{of}/{}: ", check.name);
    if check.history.is_empty() {
        text.push_str("no answers are known here; the node that runs the service knows them\n");
        return text;
    }
    if let Some(left) = check.restarts_left {
        text.push_str(&format!("{left} restarts left, "));
    }
    text.push_str("last answers\n");
    let latest = check.history.iter().rev().take(HISTORY_SHOWN);
    let rows: Vec<Vec<Cell>> = latest
        .map(|answer| {
            vec![
                cell(answer.at.to_string()),
                cell(&answer.verdict),
                cell(format!("{} ms", answer.took_ms)),
                cell(&answer.how),
            ]
        })
        .collect();
    text + &table(&["AT", "ANSWER", "TOOK", "FOUND"], &rows, 2, look.colour)
}
