//! How a process is told to read its own configuration again, and to end.

use model::reload::{ProcessReload, Signal};
use toml::de::DeValue;

use super::Context;
use super::section::Entry;
use crate::{Code, Problem};

/// `reload = "SIGHUP"`, or a program.
pub(super) fn read_reload(context: &mut Context<'_>, entry: &Entry<'_>) -> Option<ProcessReload> {
    match entry.value.get_ref() {
        DeValue::Array(_) => entry.argv(context).map(ProcessReload::Command),
        _signal => {
            let help =
                "write a signal, like \"SIGHUP\", or a program: [\"/path/of/program\", \"reload\"]";
            read(context, entry, help).map(ProcessReload::Signal)
        }
    }
}

/// `stop_signal = "SIGINT"`.
pub(super) fn read_signal(context: &mut Context<'_>, entry: &Entry<'_>) -> Option<Signal> {
    read(context, entry, "write a signal, like \"SIGINT\"")
}

fn read(context: &mut Context<'_>, entry: &Entry<'_>, help: &str) -> Option<Signal> {
    let text = entry.some_text(context)?;
    match text.value.parse() {
        Ok(signal) => Some(signal),
        Err(error) => {
            let words = Signal::ALL.map(Signal::word).join(", ");
            let problem = Problem::new(Code::BadSignal, error.to_string())
                .at(text.at, format!("there are {words}"))
                .help(help);
            context.report(problem);
            None
        }
    }
}
