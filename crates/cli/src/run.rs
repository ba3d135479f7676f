//! From what was typed to what is done.

use std::ffi::OsString;
use std::time::Duration;

use api::{
    ApiError, ErrorCode, Events, Fences, History, Order, Status, Switch, Timestamp, TokenReply,
    TokenRequest, WhatIfReply, WhatIfRequest, routes,
};
use clap::CommandFactory;
use model::WallTime;
use model::seen::TicketStanding;

use crate::args::{
    ActArgs, AttrCommand, CheckArgs, Cli, Command, DaemonArgs, FenceArgs, FenceCommand, Global,
    HistoryArgs, InitArgs, JoinArgs, MaintenanceArgs, NodeArgs, NodeCommand, OnOff, RearmArgs,
    StartArgs, StatusArgs, TicketArgs, TicketCommand, TokenArgs, WhatIfArgs,
};
use crate::client::Client;
use crate::exit::Exit;
use crate::reload::ReloadTarget;
use crate::screen::{Form, Screen};
use crate::status_text::Look;
use crate::suggest::nearest;
use crate::what_if_text::{self, Detail};
use crate::witness::{HostCommand, WitnessCommand};
use crate::{
    agent_commands, checks, config_commands, explain, history_text, import_command, lock, log,
    order, quorum, settings, status_text, top, witness,
};

/// What is left to do for the binary.
#[derive(Debug)]
pub enum Action {
    /// Nothing: the command is over.
    Done(Exit),
    /// Form a cluster.
    Init(InitArgs, Global),
    /// Join a cluster.
    Join(JoinArgs, Global),
    /// Run the daemon, with its socket at `Global::socket`.
    Daemon(DaemonArgs, Global),
    /// What is done where a witness runs.
    Witness(HostCommand, Global),
    /// Run the laboratory with these arguments.
    Lab(Vec<OsString>),
}

/// The whole command line, for help and completions.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs a command on the process's own input and output.
#[must_use]
pub fn run(cli: Cli) -> Action {
    run_on(cli, &mut Screen::of_process())
}

/// Runs a command on `screen`.
#[must_use]
pub fn run_on(cli: Cli, screen: &mut Screen) -> Action {
    let Cli { global, command } = cli;
    match command {
        Command::Init(args) => Action::Init(args, global),
        Command::Join(args) => Action::Join(args, global),
        Command::Daemon(args) => Action::Daemon(args, global),
        Command::Lab { arguments } => Action::Lab(arguments),
        Command::Witness(WitnessCommand::Host(command)) => Action::Witness(command, global),
        command => {
            let form = match global.json {
                true => Form::Json,
                false => Form::Text,
            };
            let asker = Asker {
                client: Client::new(&global.socket, form),
                form,
            };
            let exit = asker.run(command, screen).unwrap_or_else(|error| {
                screen.print_error(&error, form);
                Exit::of(&error)
            });
            Action::Done(exit)
        }
    }
}

struct Asker {
    client: Client,
    form: Form,
}

type Done = Result<Exit, ApiError>;

impl Asker {
    fn run(&self, command: Command, screen: &mut Screen) -> Done {
        let (client, form) = (&self.client, self.form);
        match command {
            Command::Status(args) => self.status(&args, screen),
            Command::Top => top::top(client, screen, form),
            Command::Watch => self.watch(screen),
            Command::History(args) => self.history(&args, screen),
            Command::Log(args) => log::log(client, screen, form, &args),
            Command::LogLevel(args) => log::level(client, screen, form, &args),
            Command::Explain(args) => explain::explain(client, screen, form, &args),
            Command::WhatIf(args) => self.what_if(&args, screen),
            Command::Fence(args) => self.fence(args, screen),
            Command::Quorum(command) => quorum::run(client, screen, form, &command),
            Command::Check(CheckArgs {
                file,
                cluster: true,
            }) => config_commands::check_cluster(client, screen, form, file.as_deref()),
            Command::Check(CheckArgs {
                file,
                cluster: false,
            }) => {
                let file = file.expect("the parser wants a file without --cluster");
                config_commands::check(screen, form, &file)
            }
            Command::Plan(args) => config_commands::plan(client, screen, form, &args.file),
            Command::Apply(args) => config_commands::apply(client, screen, form, &args),
            Command::Config(command) => config_commands::config(client, screen, form, &command),
            Command::Import(command) => import_command::run(screen, form, &command),
            Command::Agent(command) => agent_commands::run(screen, form, &command),
            Command::Token(args) => self.token(&args, screen),
            Command::Checks(args) => checks::run(client, screen, (form, self.look(screen)), args),
            Command::Lock(command) => lock::run(client, screen, form, command),
            Command::Witness(command) => witness::run(client, screen, form, command),
            Command::Node(NodeCommand::Replace(args)) => self.replace(args, screen),
            Command::Attr(AttrCommand::List { node }) => {
                settings::attributes(client, (screen, form), node.as_ref())
            }
            Command::Ticket(TicketCommand::List) => settings::tickets(client, (screen, form)),
            Command::Completions { shell } => {
                // Into memory first: the generator panics when its reader goes away.
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut self::command(), "mainstay", &mut script);
                screen.print(String::from_utf8_lossy(&script));
                Ok(Exit::Done)
            }
            Command::Version => {
                version(screen, form);
                Ok(Exit::Done)
            }
            Command::Init(_) | Command::Join(_) | Command::Daemon(_) | Command::Lab { .. } => {
                unreachable!("handed back to the binary before")
            }
            order => order::give(client, screen, form, order_of(order)),
        }
    }

    fn look(&self, screen: &Screen) -> Look {
        Look {
            now: (screen.now)(),
            colour: screen.colour,
        }
    }

    fn status(&self, args: &StatusArgs, screen: &mut Screen) -> Done {
        let status: Status = self.client.get(routes::STATUS)?;
        let look = self.look(screen);
        match (&args.name, self.form) {
            (None, Form::Json) => screen.print_json(&status),
            (None, Form::Text) => screen.print(status_text::whole(&status, look)),
            (Some(name), form) => self.status_of(name, &status, (screen, form))?,
        }
        match args.check && status.is_degraded() {
            true => Ok(Exit::Degraded),
            false => Ok(Exit::Done),
        }
    }

    fn status_of(
        &self,
        name: &str,
        status: &Status,
        (screen, form): (&mut Screen, Form),
    ) -> Result<(), ApiError> {
        let look = self.look(screen);
        let services: Vec<_> = status.services.iter().filter(|s| s.is_of(name)).collect();
        let node = status.nodes.iter().find(|n| n.name == name);
        if services.is_empty() && node.is_none() {
            let services = status.services.iter().map(|s| s.name.as_str());
            let nodes = status.nodes.iter().map(|n| n.name.as_str());
            let near = nearest(name, services.chain(nodes));
            let code = ErrorCode::NoSuchService;
            return Err(order::unknown(code, "service or node", name, near));
        }
        match (services.as_slice(), form) {
            ([], _) => {}
            ([service], Form::Json) if service.name == name => screen.print_json(service),
            (copies, Form::Json) => screen.print_json(&copies),
            (services, Form::Text) => {
                let texts = services.iter();
                let texts = texts.map(|service| status_text::service(service, status, look));
                screen.print(texts.collect::<Vec<_>>().join("\n"));
            }
        }
        if let Some(node) = node {
            match form {
                Form::Json => screen.print_json(node),
                Form::Text => screen.print(status_text::node(node, status, look)),
            }
        }
        Ok(())
    }

    /// Follows events until the daemon goes away or the person does.
    fn watch(&self, screen: &mut Screen) -> Done {
        let status: Status = self.client.get(routes::STATUS)?;
        if self.form == Form::Text {
            screen.print(format_args!("{}\n", status_text::summary(&status)));
        }
        let mut after = status.index;
        // Ends with the first error, at the latest when the daemon ends.
        loop {
            let path = format!("{}?after={after}", routes::EVENTS);
            let events: Events = self.client.get(&path)?;
            for entry in &events.entries {
                match self.form {
                    Form::Json => screen.print_json(entry),
                    Form::Text => screen.print(history_text::entry(entry, screen.colour)),
                }
            }
            after = events.index;
        }
    }

    fn history(&self, args: &HistoryArgs, screen: &mut Screen) -> Done {
        let mut path = format!("{}?limit={}", routes::HISTORY, args.limit);
        if let Some(since) = &args.since {
            path.push_str(&format!(
                "&since={}",
                since_time(since, (screen.now)(), "--since")?
            ));
        }
        let history: History = self.client.get(&path)?;
        match self.form {
            Form::Json => screen.print_json(&history),
            Form::Text => {
                for entry in &history.entries {
                    screen.print(history_text::entry(entry, screen.colour));
                }
            }
        }
        Ok(Exit::Done)
    }

    /// Ends with 1 when a rule of the configuration does not hold.
    fn what_if(&self, args: &WhatIfArgs, screen: &mut Screen) -> Done {
        let file = match &args.file {
            Some(path) => match config_commands::text_of(screen, self.form, path)? {
                Some(file) => Some(file),
                None => return Ok(Exit::Failed),
            },
            None => None,
        };
        let request = WhatIfRequest {
            file_name: file
                .as_ref()
                .map(|(name, _)| name.clone())
                .unwrap_or_default(),
            source: file.map(|(_, source)| source),
            fail: args.fail.clone(),
            double: args.double,
            all: args.all,
        };
        let answer: WhatIfReply = self.client.post(routes::WHAT_IF, &request)?;
        match (self.form, args.all) {
            (Form::Json, _) => screen.print_json(&answer),
            (Form::Text, all) => {
                let detail = if all { Detail::All } else { Detail::Screen };
                screen.print(what_if_text::what_if(&answer, detail, screen.colour));
            }
        }
        match answer.rules.iter().all(|rule| rule.holds) {
            true => Ok(Exit::Done),
            false => Ok(Exit::Failed),
        }
    }

    fn fence(&self, args: FenceArgs, screen: &mut Screen) -> Done {
        let (client, form) = (&self.client, self.form);
        match (args.command, args.node) {
            (Some(FenceCommand::Status), _) => self.fence_status(screen),
            (Some(FenceCommand::History), _) => {
                let fences: Fences = client.get(routes::FENCES)?;
                match form {
                    Form::Json => screen.print_json(&fences),
                    Form::Text => screen.print(history_text::fences(&fences, screen.colour)),
                }
                Ok(Exit::Done)
            }
            (Some(FenceCommand::Test { node }), _) => order::test_fence(client, screen, form, node),
            (Some(FenceCommand::Confirm(args)), _) => {
                let order = Order::ConfirmFence { node: args.node };
                order::give(client, screen, form, (order, args.act))
            }
            (Some(FenceCommand::Trust { device, act }), _) => {
                order::give(client, screen, form, (Order::TrustDevice { device }, act))
            }
            (None, Some(node)) => {
                order::give(client, screen, form, (Order::Fence { node }, args.act))
            }
            (None, None) => unreachable!("the parser wants a node where there is no command"),
        }
    }

    fn fence_status(&self, screen: &mut Screen) -> Done {
        let status: Status = self.client.get(routes::STATUS)?;
        match self.form {
            Form::Json => {
                screen.print_json(&serde_json::json!({ "fencing": status.fencing }));
            }
            Form::Text if status.fencing.is_empty() => screen.print("no fence is under way\n"),
            Form::Text => {
                let text = status_text::fences(&status, self.look(screen));
                screen.print(text.trim_start());
            }
        }
        Ok(Exit::Done)
    }

    /// The dead machine is taken out, and a token lets a new one in. Services keep naming it.
    fn replace(&self, args: NodeArgs, screen: &mut Screen) -> Done {
        let NodeArgs { node, act } = args;
        let order = Order::RemoveNode { node: node.clone() };
        let removed = order::carry_out(&self.client, screen, self.form, (order, act))?;
        let Some(removed) = removed else {
            return Ok(Exit::Done);
        };
        let request = TokenRequest { valid_for_ms: None };
        let token: TokenReply = self.client.post(routes::TOKENS, &request)?;
        match self.form {
            Form::Json => screen.print_json(&serde_json::json!({
                "removed": removed,
                "token": token.token,
                "expires": token.expires,
            })),
            Form::Text => screen.print(format_args!(
                "run this on the new machine, before {}:\n\n  mainstay join {} --name {node}\n\n\
                 the token works once; whoever has it can add a node\n",
                token.expires, token.token
            )),
        }
        Ok(Exit::Done)
    }

    fn token(&self, args: &TokenArgs, screen: &mut Screen) -> Done {
        let request = TokenRequest {
            valid_for_ms: u64::try_from(args.valid.as_millis()).ok(),
        };
        let reply: TokenReply = self.client.post(routes::TOKENS, &request)?;
        match self.form {
            Form::Json => screen.print_json(&reply),
            Form::Text => screen.print(format_args!(
                "run this on the node that shall join, before {}:\n\n  mainstay join {}\n\n\
                 the token works once; whoever has it can add a node\n",
                reply.expires, reply.token
            )),
        }
        Ok(Exit::Done)
    }
}

/// When the daemon does not know the service: the nearest name that it knows.
pub(crate) fn suggesting<T>(
    client: &Client,
    service: &str,
    answer: Result<T, ApiError>,
) -> Result<T, ApiError> {
    match answer {
        Err(error) if error.is(ErrorCode::NoSuchService) => {
            let status: Status = client.get(routes::STATUS)?;
            order::known_service(service, &status)?;
            Err(error)
        }
        answer => answer,
    }
}

fn rearm(arguments: RearmArgs) -> (Order, ActArgs) {
    let (node, card) = (arguments.node, arguments.card);
    (Order::Rearm { node, card }, arguments.act)
}

fn order_of(command: Command) -> (Order, ActArgs) {
    match command {
        Command::Start(a) => start(a),
        Command::Stop(a) => (Order::Stop { service: a.service }, a.act),
        Command::Restart(a) => (Order::Restart { service: a.service }, a.act),
        Command::Reload(a) => {
            let ReloadTarget { service, resource } = a.what;
            (Order::Reload { service, resource }, a.act)
        }
        Command::Move(a) => {
            let (service, to) = (a.service, a.to);
            (Order::Move { service, to }, a.act)
        }
        Command::Freeze(a) => (Order::Freeze { service: a.service }, a.act),
        Command::Thaw(a) => (Order::Thaw { service: a.service }, a.act),
        Command::Clear(a) => (Order::Clear { service: a.service }, a.act),
        Command::Standby(a) => (Order::Standby { node: a.node }, a.act),
        Command::Online(a) => (Order::Online { node: a.node }, a.act),
        Command::Rearm(a) => rearm(a),
        Command::Maintenance(a) => maintenance(a),
        Command::Attr(AttrCommand::Set {
            node,
            key,
            value,
            act,
        }) => {
            let value = Some(value);
            (Order::Attribute { node, key, value }, act)
        }
        Command::Attr(AttrCommand::Unset { node, key, act }) => {
            let value = None;
            (Order::Attribute { node, key, value }, act)
        }
        Command::Ticket(TicketCommand::Grant(a)) => ticket(a, TicketStanding::Granted),
        Command::Ticket(TicketCommand::Standby(a)) => ticket(a, TicketStanding::Standby),
        Command::Ticket(TicketCommand::Revoke(a)) => ticket(a, TicketStanding::Revoked),
        Command::Leave(act) => (Order::Leave, act),
        Command::Halt(act) => (Order::Halt, act),
        Command::Node(NodeCommand::Remove(a)) => (Order::RemoveNode { node: a.node }, a.act),
        Command::Status(_)
        | Command::Top
        | Command::Watch
        | Command::History(_)
        | Command::Import(_)
        | Command::Agent(_)
        | Command::Log(_)
        | Command::LogLevel(_)
        | Command::Explain(_)
        | Command::WhatIf(_)
        | Command::Fence(_)
        | Command::Node(NodeCommand::Replace(_))
        | Command::Attr(AttrCommand::List { .. })
        | Command::Ticket(TicketCommand::List)
        | Command::Quorum(_)
        | Command::Lock(_)
        | Command::Checks(_)
        | Command::Check(_)
        | Command::Plan(_)
        | Command::Apply(_)
        | Command::Config(_)
        | Command::Init(_)
        | Command::Token(_)
        | Command::Join(_)
        | Command::Daemon(_)
        | Command::Witness(_)
        | Command::Lab { .. }
        | Command::Completions { .. }
        | Command::Version => unreachable!("no order: it has a function of its own"),
    }
}

fn maintenance(args: MaintenanceArgs) -> (Order, ActArgs) {
    let switch = match args.switch {
        OnOff::On => Switch::On,
        OnOff::Off => Switch::Off,
    };
    let node = args.node;
    (Order::Maintenance { switch, node }, args.act)
}

fn start(args: StartArgs) -> (Order, ActArgs) {
    let order = Order::Start {
        service: args.service,
        to: args.node,
        without_dependencies: args.without_dependencies,
    };
    (order, args.act)
}

fn ticket(args: TicketArgs, standing: TicketStanding) -> (Order, ActArgs) {
    let ticket = args.ticket;
    (Order::Ticket { ticket, standing }, args.act)
}

/// A time, or a span before now; `option` takes it.
pub(crate) fn since_time(text: &str, now: WallTime, option: &str) -> Result<Timestamp, ApiError> {
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let span: Duration = model::duration::parse(text).map_err(|_| {
        ErrorCode::BadRequest
            .error(format!("`{text}` is no time and no span"))
            .with_help(format!(
                "write {option} 1h, or {option} 2026-11-20T03:00:00Z"
            ))
    })?;
    let before = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    Ok(WallTime(now.0.saturating_sub(before)).into())
}

fn version(screen: &mut Screen, form: Form) {
    let version = env!("CARGO_PKG_VERSION");
    match form {
        Form::Json => screen.print_json(&serde_json::json!({ "version": version })),
        Form::Text => screen.print(format_args!("mainstay {version}\n")),
    }
}
