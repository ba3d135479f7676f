//! The commands of a cluster manager that resource agents call (`crm_attribute`,
//! `attrd_updater`, `crm_node`, ...), as far as agents use them, answered from this cluster.
//!
//! They are the `mainstay` binary under other names, for agents that Mainstay calls: whose
//! they are stands in their environment. What a person would do with such a command has a
//! command of its own, which the answer names.

mod attribute;
mod members;
mod options;

use model::roles::PROMOTION_SCORE_PREFIX;
use std::path::PathBuf;

use api::{ApiError, Order, OrderReply, OrderRequest, Status, routes};

use crate::client::Client;
use crate::screen::{Form, Screen};

/// Exit statuses that agents know.
mod code {
    pub(super) const DONE: u8 = 0;
    pub(super) const FAILED: u8 = 1;
    pub(super) const UNIMPLEMENTED: u8 = 3;
    pub(super) const USAGE: u8 = 64;
    pub(super) const DISCONNECTED: u8 = 102;
    pub(super) const NO_SUCH_THING: u8 = 105;
}

/// What a caller of `pacemakerd --version` compares with, before it believes the others.
const VERSION: &str = "Pacemaker 2.1.5";

/// Who calls.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The node that the agent runs on.
    pub node: String,
    /// The service, or copy of a service, that the agent works for; empty: none.
    pub service: String,
    /// The socket of the daemon.
    pub socket: PathBuf,
}

impl Caller {
    /// As the environment of the process says.
    #[must_use]
    pub fn of_process() -> Self {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        let socket = match variable(api::SOCKET_VARIABLE) {
            empty if empty.is_empty() => PathBuf::from(api::SOCKET_DEFAULT),
            socket => PathBuf::from(socket),
        };
        Self {
            node: variable("MAINSTAY_NODE"),
            service: variable("MAINSTAY_SERVICE"),
            socket,
        }
    }

    /// Promotion scores are kept for each node, not for each copy: a node has one copy.
    fn score_key(&self) -> Result<String, Problem> {
        let service = self.service.split(':').next().unwrap_or_default();
        match service {
            "" => Err(Problem::usage(
                "a promotion score belongs to a service: only agents that operate one can set it",
            )),
            service => Ok(format!("{PROMOTION_SCORE_PREFIX}{service}")),
        }
    }
}

/// Why there is no answer.
struct Problem {
    code: u8,
    message: String,
}

impl Problem {
    fn usage(message: impl Into<String>) -> Self {
        let (code, message) = (code::USAGE, message.into());
        Self { code, message }
    }
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        let code = match crate::Exit::of(&error) {
            crate::Exit::NotReachable => code::DISCONNECTED,
            _other => code::FAILED,
        };
        let mut message = error.message.clone();
        for detail in &error.details {
            message.push_str(&format!(": {detail}"));
        }
        Self { code, message }
    }
}

/// The daemon, as it looks from a tool.
struct Door<'a> {
    caller: &'a Caller,
    client: Client,
}

impl Door<'_> {
    fn status(&self) -> Result<Status, Problem> {
        Ok(self.client.get(routes::STATUS)?)
    }

    fn set(&self, node: &str, key: &str, value: Option<&str>) -> Result<(), Problem> {
        let bad = |_| Problem::usage(format!("`{node}` cannot be the name of a node"));
        let order = Order::Attribute {
            node: node.parse().map_err(bad)?,
            key: key.to_owned(),
            value: value.map(ToOwned::to_owned),
        };
        let request = OrderRequest {
            order,
            dry_run: false,
            confirm: None,
        };
        let _reply: OrderReply = self.client.post(routes::ORDERS, &request)?;
        Ok(())
    }
}

/// Answers for `tool`; returns its exit status.
#[must_use]
pub fn agent_tool(tool: &str, words: &[String], caller: &Caller, screen: &mut Screen) -> u8 {
    let door = Door {
        caller,
        client: Client::new(&caller.socket, Form::Json),
    };
    match answer(tool, words, &door) {
        Ok(text) => {
            screen.print(text);
            code::DONE
        }
        Err(Problem { code, message }) => {
            let _ = writeln!(screen.err, "{tool}: {message}");
            code
        }
    }
}

fn answer(tool: &str, words: &[String], door: &Door<'_>) -> Result<String, Problem> {
    match tool {
        "crm_attribute" | "crm_master" | "attrd_updater" => attribute::answer(tool, words, door),
        "crm_node" => members::node(words, door),
        "crm_mon" => members::monitor(words, door),
        // Callers take it only to hand it to `crm_mon`, which needs none.
        "cibadmin" if words == ["-Q"] => Ok("<cib validate-with=\"none\"/>\n".to_owned()),
        "cl_status" if words.first().is_some_and(|word| word == "hbstatus") => {
            door.status().map(|_| "the cluster runs\n".to_owned())
        }
        "pacemakerd" => Ok(format!("{VERSION}, as Mainstay answers for it\n")),
        "ha_logger" => Ok(logged(words)),
        tool => Err(Problem {
            code: code::UNIMPLEMENTED,
            message: format!("not in Mainstay{}", instead(tool)),
        }),
    }
}

/// What a person would rather type.
fn instead(tool: &str) -> &'static str {
    match tool {
        "crm_resource" => "; see `mainstay move`, `mainstay clear` and `mainstay status`",
        "crm_standby" => "; see `mainstay standby`",
        "crm_failcount" => "; see `mainstay status` and `mainstay clear`",
        _other => "",
    }
}

/// What an agent prints is kept with its operation.
fn logged(words: &[String]) -> String {
    let mut tag = String::new();
    let mut text: Vec<&str> = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-t" => tag = words.next().cloned().unwrap_or_default(),
            "-D" => {
                words.next();
            }
            word => text.push(word),
        }
    }
    let text = text.join(" ");
    match tag.is_empty() {
        true => format!("{text}\n"),
        false => format!("{tag}: {text}\n"),
    }
}
