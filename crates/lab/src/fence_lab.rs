//! `fence_lab`: the fence agent of the laboratory. It follows the fence-agents API and speaks
//! to the power switch of the keeper.
//!
//! Options besides `action` and `plug` (or `port`) make it a bad device, for tests:
//! `delay=SECONDS` before acting, `fail=ACTION[,ACTION]` fails those actions, `lie=on|off` answers every
//! status so, `deaf=1` takes orders and does nothing. The same options, one a line, in the shared
//! file `power-NODE` make the device of a node bad for a while; with `times=N`, for N failures.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use crate::channel::Channel;
use crate::protocol::{Power, Reply, Request, Status};

/// Options are a few lines; a caller that sends more is not one of ours.
const OPTIONS_BYTES_MAX: u64 = 64 * 1024;
/// A machine ends in milliseconds; the keeper itself gives up after five seconds.
const SWITCH_LIMIT: Duration = Duration::from_secs(15);
/// The status of an outlet without power.
const EXIT_OFF: u8 = 2;

const METADATA: &str = r#"<?xml version="1.0" ?>
<resource-agent name="fence_lab" shortdesc="Power switch of the Mainstay laboratory">
<longdesc>Switches the nodes of a laboratory on and off.</longdesc>
<parameters>
	<parameter name="action" unique="0" required="1"><content type="string" default="reboot" /></parameter>
	<parameter name="plug" unique="0" required="1"><content type="string" /></parameter>
	<parameter name="port" unique="0" required="0" deprecated="1"><content type="string" /></parameter>
	<parameter name="delay" unique="0" required="0"><content type="second" default="0" /></parameter>
	<parameter name="fail" unique="0" required="0"><content type="string" /></parameter>
	<parameter name="lie" unique="0" required="0"><content type="string" /></parameter>
	<parameter name="deaf" unique="0" required="0"><content type="boolean" /></parameter>
</parameters>
<actions>
	<action name="on" automatic="0" />
	<action name="off" />
	<action name="reboot" />
	<action name="status" />
	<action name="monitor" />
	<action name="list" />
	<action name="metadata" />
</actions>
</resource-agent>
"#;

fn from_lines(text: &str) -> BTreeMap<String, String> {
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs
        .map(|(key, value)| (key.trim().to_string(), value.trim().to_string()))
        .collect()
}

fn from_arguments(arguments: &[String]) -> BTreeMap<String, String> {
    let mut options = BTreeMap::new();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let key = match word.as_str() {
            "-o" => "action",
            "-n" => "plug",
            long => long.trim_start_matches("--"),
        };
        let (key, value) = match key.split_once('=') {
            Some((key, value)) => (key, value.to_string()),
            None => (key, words.next().cloned().unwrap_or_default()),
        };
        options.insert(key.to_string(), value);
    }
    options
}

fn options(arguments: &[String]) -> io::Result<BTreeMap<String, String>> {
    if !arguments.is_empty() {
        return Ok(from_arguments(arguments));
    }
    let mut text = String::new();
    io::stdin()
        .take(OPTIONS_BYTES_MAX)
        .read_to_string(&mut text)?;
    Ok(from_lines(&text))
}

fn ask(request: &Request) -> io::Result<Reply> {
    let path = std::env::var("MAINSTAY_LAB_SWITCH")
        .map_err(|_| io::Error::other("this is no machine of a laboratory"))?;
    let channel = Channel::connect_path(Path::new(&path))?;
    channel.send(request, &[])?;
    match channel.receive_within(SWITCH_LIMIT)? {
        Reply::Refused { why } => Err(io::Error::other(why)),
        reply => Ok(reply),
    }
}

fn status() -> io::Result<Status> {
    match ask(&Request::Status)? {
        Reply::Status(status) => Ok(status),
        other => Err(io::Error::other(format!("unexpected answer {other:?}"))),
    }
}

fn power(plug: &str) -> io::Result<Power> {
    let status = status()?;
    let node = status.nodes.iter().find(|node| node.name == plug);
    let unknown = || io::Error::other(format!("there is no plug `{plug}`"));
    node.map(|node| node.power).ok_or_else(unknown)
}

fn set(plug: &str, set: Power) -> io::Result<u8> {
    // Only nodes hang on the switch, not the client.
    power(plug)?;
    ask(&Request::Power {
        node: plug.into(),
        set,
    })?;
    Ok(0)
}

/// Where a scenario says what is wrong with the device of a node.
fn trouble_path(plug: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("MAINSTAY_LAB_SHARED")?;
    Some(PathBuf::from(shared).join(format!("power-{plug}")))
}

/// Nothing is wrong without a file.
fn trouble(plug: &str) -> BTreeMap<String, String> {
    let text = trouble_path(plug).and_then(|path| std::fs::read_to_string(path).ok());
    from_lines(&text.unwrap_or_default())
}

/// A device that fails so many times has failed once more.
fn count_down(plug: &str, options: &BTreeMap<String, String>) -> io::Result<()> {
    let times = options
        .get("times")
        .and_then(|text| text.parse::<u32>().ok());
    let (Some(times), Some(path)) = (times, trouble_path(plug)) else {
        return Ok(());
    };
    if times <= 1 {
        return std::fs::remove_file(path);
    }
    let fail = options.get("fail").map_or("", String::as_str);
    std::fs::write(path, format!("fail={fail}\ntimes={}\n", times - 1))
}

fn act(options: &BTreeMap<String, String>) -> io::Result<u8> {
    let plug = options.get("plug").or(options.get("port")).cloned();
    let plug = plug.as_deref().unwrap_or_default();
    let mut options = options.clone();
    options.extend(trouble(plug));
    let option = |key: &str| options.get(key).map(String::as_str);
    let action = option("action").unwrap_or("reboot");
    let delay: f64 = option("delay")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0.0);
    if let Ok(delay) = Duration::try_from_secs_f64(delay) {
        std::thread::sleep(delay);
    }
    if option("fail").is_some_and(|actions| actions.split(',').any(|one| one == action)) {
        count_down(plug, &options)?;
        return Err(io::Error::other(format!("told to fail `{action}`")));
    }
    if option("deaf") == Some("1") && matches!(action, "off" | "on" | "reboot") {
        return Ok(0);
    }
    match (action, option("lie")) {
        ("status", Some("off")) => Ok(EXIT_OFF),
        ("status", Some("on")) => Ok(0),
        ("status", _) => Ok(if power(plug)? == Power::On {
            0
        } else {
            EXIT_OFF
        }),
        ("off", _) => set(plug, Power::Off),
        ("on", _) => set(plug, Power::On),
        ("reboot", _) => set(plug, Power::Off).and_then(|_| set(plug, Power::On)),
        ("monitor", _) => status().map(|_| 0),
        ("list", _) => {
            status()?
                .nodes
                .iter()
                .for_each(|node| println!("{},", node.name));
            Ok(0)
        }
        ("metadata", _) => {
            print!("{METADATA}");
            Ok(0)
        }
        (other, _) => Err(io::Error::other(format!("unknown action `{other}`"))),
    }
}

pub(crate) fn main(arguments: &[String]) -> ExitCode {
    match options(arguments).and_then(|options| act(&options)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("fence_lab: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_read_the_same_from_lines_and_from_arguments() {
        let lines = from_lines("# comment\naction=off\n plug = beta \n\nnonsense\n");
        let words = ["-o", "off", "-n", "beta"].map(String::from);
        assert_eq!(lines, from_arguments(&words));
        let words = ["--action=off", "--plug", "beta"].map(String::from);
        assert_eq!(lines, from_arguments(&words));
    }
}
