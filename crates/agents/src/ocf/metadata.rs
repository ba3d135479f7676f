//! What an OCF agent says of itself: an XML text, written by strangers.
//!
//! `parse` takes any text, and what it does not understand counts for nothing. `of_program`
//! asks a program, for a bounded time and a bounded length.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use roxmltree::{Document, Node, ParsingOptions};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Serialize;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::code::reason;

/// Agents print a text that they have; those of a slow interpreter need a second for that.
const LIMIT: Duration = Duration::from_secs(10);

/// The longest descriptions have some 60 KiB.
const LENGTH_MAX: u64 = 1024 * 1024;

/// Elements and attributes: some thousand at most.
const NODES_MAX: u32 = 100_000;

/// Why nothing is known of an agent.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// The program cannot be run.
    #[error("cannot run {}", path.display())]
    Run {
        /// Which program.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It does not end.
    #[error("{} did not answer `meta-data` within {limit:?}", path.display())]
    TimedOut {
        /// Which program.
        path: PathBuf,
        /// How long it had.
        limit: Duration,
    },
    /// It says that it failed.
    #[error("{} answered `meta-data` with {status}{said}", path.display())]
    Failed {
        /// Which program.
        path: PathBuf,
        /// How it ended.
        status: std::process::ExitStatus,
        /// Its reason, if it gave one.
        said: String,
    },
    /// What it says is no description.
    #[error("the description that an agent gives of itself cannot be read")]
    Xml(#[source] roxmltree::Error),
    /// It is a description of something else.
    #[error("the description of an agent begins with `resource-agent`, not with `{0}`")]
    Other(String),
}

/// What an agent says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Metadata {
    /// Its type: `nginx`.
    pub name: String,
    /// The version of the resource agent API that it follows; empty: it does not say.
    pub api: String,
    /// One line.
    pub short: String,
    /// Several paragraphs.
    pub long: String,
    /// What it can be told.
    pub parameters: Vec<Parameter>,
    /// What it can do.
    pub actions: Vec<Action>,
}

/// A parameter of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// One line.
    pub short: String,
    /// Several paragraphs.
    pub long: String,
    /// What values there are.
    pub kind: Kind,
    /// The value without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Whether it must be given.
    pub required: bool,
    /// Whether no two resources may have the same value.
    pub unique: bool,
    /// Whether it should no longer be used.
    pub deprecated: bool,
    /// Whether `reload-agent` takes a new value over.
    pub reloadable: bool,
}

/// What values a parameter can have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// Yes or no.
    Boolean,
    /// A time: a number, mostly of seconds, with or without a unit.
    Time,
    /// One of these.
    Choice(Vec<String>),
}

/// An action of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Action {
    /// Its name: `monitor`.
    pub name: String,
    /// The least time that it should be given.
    #[serde(with = "optional_millis", rename = "timeout_ms")]
    pub timeout: Option<Duration>,
    /// How often it should be called.
    #[serde(with = "optional_millis", rename = "interval_ms")]
    pub interval: Option<Duration>,
    /// How deep it looks.
    pub depth: u32,
    /// In which role of the resource; empty: in any.
    pub role: String,
}

mod optional_millis {
    use std::time::Duration;

    use serde::{Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        time: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let millis = time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        millis.serialize(serializer)
    }
}

impl Metadata {
    /// The parameter of this name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|each| each.name == name)
    }

    /// Whether it follows the API 1.1, or a later one.
    #[must_use]
    pub fn knows_1_1(&self) -> bool {
        let mut numbers = self.api.split('.').map(str::parse::<u32>);
        let mut next = || numbers.next().and_then(Result::ok).unwrap_or(0);
        let (major, minor) = (next(), next());
        (1, 1) <= (major, minor)
    }

    /// The first action of this name.
    #[must_use]
    pub fn action(&self, name: &str) -> Option<&Action> {
        self.actions.iter().find(|each| each.name == name)
    }
}

/// Reads a description.
///
/// # Errors
/// When the text is no XML, or describes no agent.
pub fn parse(text: &str) -> Result<Metadata, MetadataError> {
    let options = ParsingOptions {
        allow_dtd: true,
        nodes_limit: NODES_MAX,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, options).map_err(MetadataError::Xml)?;
    let root = document.root_element();
    if !root.has_tag_name("resource-agent") {
        return Err(MetadataError::Other(root.tag_name().name().to_owned()));
    }
    let list = |list: &str, item: &'static str| {
        let lists = root.children().filter(|node| node.has_tag_name(list));
        let items = lists.flat_map(|node| node.children());
        items
            .filter(|node| node.has_tag_name(item))
            .collect::<Vec<_>>()
    };
    Ok(Metadata {
        name: attribute(root, "name"),
        api: child_text(root, "version"),
        short: described(root, "shortdesc"),
        long: described(root, "longdesc"),
        parameters: list("parameters", "parameter")
            .into_iter()
            .map(parameter)
            .collect(),
        actions: list("actions", "action").into_iter().map(action).collect(),
    })
}

fn attribute(node: Node<'_, '_>, name: &str) -> String {
    node.attribute(name).unwrap_or_default().trim().to_owned()
}

fn child_text(node: Node<'_, '_>, name: &str) -> String {
    let mut children = node.children();
    let child = children.find(|child| child.has_tag_name(name));
    let text = child.and_then(|child| child.text());
    text.unwrap_or_default().trim().to_owned()
}

fn is_true(node: Node<'_, '_>, name: &str) -> bool {
    let value = attribute(node, name);
    ["1", "true", "yes", "on"].contains(&value.to_lowercase().as_str())
}

/// A description in English, else in whatever language there is.
fn described(node: Node<'_, '_>, name: &str) -> String {
    let texts = || node.children().filter(|child| child.has_tag_name(name));
    let english = texts().find(|text| attribute(*text, "lang").starts_with("en"));
    let text = english.or_else(|| texts().next());
    let text = text.and_then(|text| text.text()).unwrap_or_default();
    let lines: Vec<&str> = text.trim().lines().map(str::trim_end).collect();
    lines.join("\n")
}

fn parameter(node: Node<'_, '_>) -> Parameter {
    let content = node.children().find(|child| child.has_tag_name("content"));
    let default = content.and_then(|content| content.attribute("default"));
    // In 1.1 what must be unique together has a group; alone in it, it must be unique itself.
    let unique = is_true(node, "unique") || node.has_attribute("unique-group");
    Parameter {
        name: attribute(node, "name"),
        short: described(node, "shortdesc"),
        long: described(node, "longdesc"),
        kind: content.map_or(Kind::Text, kind),
        default: default.map(ToOwned::to_owned),
        required: is_true(node, "required"),
        unique,
        deprecated: node
            .children()
            .any(|child| child.has_tag_name("deprecated"))
            || is_true(node, "deprecated"),
        reloadable: is_true(node, "reloadable"),
    }
}

fn kind(content: Node<'_, '_>) -> Kind {
    match attribute(content, "type").to_lowercase().as_str() {
        "integer" => Kind::Integer,
        "boolean" => Kind::Boolean,
        "time" | "second" | "duration" => Kind::Time,
        "select" => {
            let options = content
                .children()
                .filter(|child| child.has_tag_name("option"));
            Kind::Choice(options.map(|option| attribute(option, "value")).collect())
        }
        _any => Kind::Text,
    }
}

fn action(node: Node<'_, '_>) -> Action {
    let depth = attribute(node, "depth");
    Action {
        name: attribute(node, "name"),
        timeout: node.attribute("timeout").and_then(time),
        interval: node.attribute("interval").and_then(time),
        depth: depth.parse().unwrap_or_default(),
        role: attribute(node, "role"),
    }
}

/// A time as agents write it: seconds without a unit. Nothing for nothing, and for zero.
#[must_use]
pub fn time(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|letter: char| !letter.is_ascii_digit());
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let number: u64 = number.parse().ok()?;
    let millis = match unit.trim().to_lowercase().as_str() {
        "" | "s" | "sec" | "second" | "seconds" => 1000,
        "ms" | "msec" => 1,
        "m" | "min" | "minutes" => 60_000,
        "h" | "hr" | "hours" => 3_600_000,
        _ => return None,
    };
    let time = Duration::from_millis(number.checked_mul(millis)?);
    (!time.is_zero()).then_some(time)
}

/// Asks a program. Its OCF root is that of the path.
///
/// # Errors
/// When the program cannot be run, does not end, or prints no description.
pub async fn of_program(path: &Path) -> Result<Metadata, MetadataError> {
    let run = |source| MetadataError::Run {
        path: path.to_owned(),
        source,
    };
    let mut child = command(path, "meta-data").spawn().map_err(run)?;
    let read = timeout(LIMIT, read_all(&mut child)).await;
    let (status, said, errors) = match read {
        Ok(read) => read.map_err(run)?,
        Err(_elapsed) => {
            end(&child);
            return Err(MetadataError::TimedOut {
                path: path.to_owned(),
                limit: LIMIT,
            });
        }
    };
    if !status.success() {
        let errors = String::from_utf8_lossy(&errors);
        let said = reason(&errors).map_or(String::new(), |reason| format!(": {reason}"));
        let path = path.to_owned();
        return Err(MetadataError::Failed { path, status, said });
    }
    let text = String::from_utf8_lossy(&said);
    // Some print a blank line before, which XML does not allow.
    parse(text.trim_start())
}

/// An agent that is called for itself, not for a resource.
pub(super) fn command(path: &Path, action: &str) -> Command {
    // ROOT/resource.d/PROVIDER/TYPE
    let root = path.ancestors().nth(3).unwrap_or(Path::new("/usr/lib/ocf"));
    let mut command = Command::new(path);
    command
        .arg(action)
        .env_clear()
        .env("PATH", crate::program::PATH)
        .env("OCF_ROOT", root)
        .env("OCF_RA_VERSION_MAJOR", "1")
        .env("OCF_RA_VERSION_MINOR", "1")
        .env("OCF_RESOURCE_INSTANCE", "meta-data")
        .env(
            "OCF_RESOURCE_TYPE",
            path.file_name().unwrap_or(OsStr::new("")),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    command
}

pub(super) type ReadAll = (std::process::ExitStatus, Vec<u8>, Vec<u8>);

pub(super) async fn read_all(child: &mut Child) -> std::io::Result<ReadAll> {
    let (mut said, mut errors) = (Vec::new(), Vec::new());
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let out = async {
        match stdout {
            Some(pipe) => pipe.take(LENGTH_MAX).read_to_end(&mut said).await,
            None => Ok(0),
        }
    };
    let err = async {
        match stderr {
            Some(pipe) => pipe.take(LENGTH_MAX).read_to_end(&mut errors).await,
            None => Ok(0),
        }
    };
    let (out, err) = tokio::join!(out, err);
    out.and(err)?;
    Ok((child.wait().await?, said, errors))
}

/// KILL to the program and what it started.
pub(super) fn end(child: &Child) {
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
    if let Some(group) = pid.and_then(Pid::from_raw) {
        // It may have ended at this very moment.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const THING: &str = r#"<?xml version="1.0"?>
<!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd">
<resource-agent name="thing" version="1.0">
<version>1.1</version>
<longdesc lang="de">Ein Ding</longdesc>
<longdesc lang="en">
A thing
  in two lines.
</longdesc>
<shortdesc lang="en">A thing</shortdesc>
<parameters>
<parameter name="port" unique="1" required="true">
<content type="integer" default="80"/>
</parameter>
<parameter name="mode"><content type="select"><option value="a"/><option value="b"/></content></parameter>
<parameter name="old" deprecated="1"/>
</parameters>
<actions>
<action name="start" timeout="20"/>
<action name="monitor" depth="10" timeout="30s" interval="1m" role="Promoted"/>
<action name="odd" timeout="soon" interval="0"/>
</actions>
</resource-agent>"#;

    #[test]
    fn a_description_is_read() {
        let known = parse(THING).unwrap();
        assert_eq!(known.api, "1.1");
        assert!(known.knows_1_1());
        assert_eq!(known.long, "A thing\n  in two lines.");
        let port = known.parameter("port").unwrap();
        assert!(port.required && port.unique && !port.deprecated);
        assert_eq!(
            (&port.kind, port.default.as_deref()),
            (&Kind::Integer, Some("80"))
        );
        let mode = known.parameter("mode").unwrap();
        assert_eq!(
            mode.kind,
            Kind::Choice(vec!["a".to_owned(), "b".to_owned()])
        );
        assert!(known.parameter("old").unwrap().deprecated);
        let monitor = known.action("monitor").unwrap();
        assert_eq!(monitor.timeout, Some(Duration::from_secs(30)));
        assert_eq!(monitor.interval, Some(Duration::from_secs(60)));
        assert_eq!((monitor.depth, monitor.role.as_str()), (10, "Promoted"));
        let odd = known.action("odd").unwrap();
        assert_eq!((odd.timeout, odd.interval), (None, None));
    }

    #[test]
    fn what_is_no_description_is_told() {
        let error = parse("<fence-agent/>").unwrap_err();
        assert!(error.to_string().ends_with("not with `fence-agent`"));
        assert!(matches!(parse("usage: thing"), Err(MetadataError::Xml(_))));
        let bomb = r#"<!DOCTYPE r [<!ENTITY a "&b;&b;"><!ENTITY b "&a;">]><resource-agent>&a;</resource-agent>"#;
        assert!(matches!(parse(bomb), Err(MetadataError::Xml(_))));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_fail(text in "\\PC{0,200}") {
            let _ = parse(&text);
        }

        #[test]
        fn no_damage_makes_the_reader_fail(at in 0..THING.len(), cut in 0..40_usize, put in "[<>&\"'/a-z ]{0,6}") {
            let end = (at + cut).min(THING.len());
            let text = format!("{}{put}{}", &THING[..at], &THING[end..]);
            if let Ok(known) = parse(&text) {
                prop_assert!(known.parameters.len() <= 3 && known.actions.len() <= 3);
            }
        }

        #[test]
        fn times_are_seconds_without_a_unit(number in 1..100_000_u64) {
            let seconds = Some(Duration::from_secs(number));
            prop_assert_eq!(time(&number.to_string()), seconds);
            prop_assert_eq!(time(&format!(" {number}s ")), seconds);
            prop_assert_eq!(time(&format!("{number}000ms")), seconds);
        }

        #[test]
        fn no_time_makes_its_reader_fail(text in "\\PC{0,20}") {
            let _ = time(&text);
        }
    }
}
