//! Checks across sections: references, doubles, what cannot work together.
//!
//! Each check reads the finished `Spec`; the places come from `Places`. A check that would
//! only repeat what is wrong elsewhere stays silent.

mod addresses;
mod copies;
mod live;
mod machines;
mod mounts;
mod order;
mod roles;
mod rules;

use std::fmt::Display;
use std::ops::Range;

use crate::read::Context;
use crate::suggest::nearest;
use crate::{Code, Problem};

/// All checks.
pub(crate) fn check(context: &mut Context<'_>) {
    machines::check(context);
    order::check(context);
    addresses::check(context);
    mounts::check(context);
    rules::check(context);
    live::check(context);
    roles::check(context);
    copies::check(context);
}

/// What a reference can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    Node,
    Network,
    Service,
    Device,
    Definition,
}

/// A reference to something that the file does not describe.
pub(crate) fn unknown(
    named: Named,
    name: &impl Display,
    at: Range<usize>,
    known: &[String],
) -> Problem {
    let (code, what, section) = match named {
        Named::Node => (Code::UnknownNode, "node", "node"),
        Named::Network => (Code::UnknownNetwork, "network", "network"),
        Named::Service => (Code::UnknownService, "service", "service"),
        Named::Device => (Code::UnknownDevice, "fence device", "fence"),
        Named::Definition => (Code::UnknownDefinition, "shared definition", "resource"),
    };
    let problem = Problem::new(code, format!("there is no {what} `{name}`"));
    let meant = nearest(&name.to_string(), known.iter().map(String::as_str));
    match (meant, known) {
        (Some(meant), _) => problem
            .at(at, format!("did you mean `{meant}`?"))
            .help(format!("write \"{meant}\"")),
        (None, []) => problem
            .at(at, "unknown")
            .help(format!("describe it in a section `[{section}.{name}]`")),
        (None, known) => problem.at(at, "unknown").help(format!(
            "known are {}; use one of them, or describe it in a section `[{section}.{name}]`",
            known.join(", ")
        )),
    }
}
