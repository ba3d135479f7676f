//! `crm_attribute`, `crm_master`, `attrd_updater`: attributes of nodes, and promotion scores,
//! which are attributes as well.

use api::Status;

use super::options::{Given, Known, Takes, read};
use super::{Door, Problem, code};

/// More or less than every score.
const INFINITY: i64 = 1_000_000;

const CRM_ATTRIBUTE: &[Known] = &[
    (&['n'], &["name", "attr-name"], Takes::Value),
    (&['v'], &["update", "attr-value"], Takes::Value),
    (&['G'], &["query", "get-value"], Takes::Nothing),
    (&['D'], &["delete", "delete-attr"], Takes::Nothing),
    (&['N', 'U'], &["node", "uname"], Takes::Value),
    (&['l'], &["lifetime"], Takes::Value),
    (&['t'], &["type"], Takes::Value),
    (&['s'], &["set-name"], Takes::Value),
    (&['i'], &["id"], Takes::Value),
    (&['d'], &["default"], Takes::Value),
    (&['q', 'Q'], &["quiet"], Takes::Nothing),
    (&['p', 'P'], &["promotion"], Takes::PerhapsValue),
    (&['r'], &["resource"], Takes::Value),
    (&['V'], &["verbose"], Takes::Nothing),
    (&['!'], &["inhibit-policy-engine"], Takes::Nothing),
];

const ATTRD_UPDATER: &[Known] = &[
    (&['n'], &["name"], Takes::Value),
    (&['U', 'B', 'v'], &["update", "update-both"], Takes::Value),
    (&['Q'], &["query"], Takes::Nothing),
    (&['A'], &["all"], Takes::Nothing),
    (&['D'], &["delete"], Takes::Nothing),
    (&['R'], &["refresh"], Takes::Nothing),
    (&['N'], &["node"], Takes::Value),
    (&['d'], &["delay"], Takes::Value),
    (&['s'], &["set"], Takes::Value),
    (&['l'], &["lifetime"], Takes::Value),
    (&['p'], &["private"], Takes::Nothing),
    (&['q'], &["quiet"], Takes::Nothing),
    (&['V'], &["verbose"], Takes::Nothing),
];

/// What is asked for.
enum Place {
    /// An attribute of this node.
    Node(String),
    /// One that the whole cluster has: kept at whichever node set it last.
    Cluster,
}

pub(super) fn answer(tool: &str, words: &[String], door: &Door<'_>) -> Result<String, Problem> {
    let options = match tool {
        "attrd_updater" => ATTRD_UPDATER,
        _ => CRM_ATTRIBUTE,
    };
    let given = read(words, options)?;
    let is_score = tool == "crm_master" || given.has("promotion");
    let name = match (is_score, given.value("name")) {
        (true, _) => door.caller.score_key()?,
        (false, Some(name)) => name.to_owned(),
        (false, None) if given.has("refresh") => return Ok(String::new()),
        (false, None) => return Err(Problem::usage("which attribute? (`--name`)")),
    };
    let (place, key) = match given.value("type") {
        Some("crm_config" | "rsc_defaults" | "op_defaults" | "tickets") => {
            (Place::Cluster, format!("cluster:{name}"))
        }
        Some(_) | None => (Place::Node(node(&given, door)?), name.clone()),
    };
    let status = door.status()?;
    if given.has("delete") {
        return change(door, &status, (&place, &key), None);
    }
    if let Some(value) = given.value("update") {
        let value = match is_score {
            true => score(value)?,
            false => value.to_owned(),
        };
        return change(door, &status, (&place, &key), Some(&value));
    }
    let asked = Asked {
        tool,
        given: &given,
        name: &name,
    };
    query(&status, (&place, &key), asked)
}

fn node(given: &Given, door: &Door<'_>) -> Result<String, Problem> {
    match given.value("node") {
        Some("localhost" | "") | None if door.caller.node.is_empty() => {
            Err(Problem::usage("of which node? (`--node`)"))
        }
        Some("localhost" | "") | None => Ok(door.caller.node.clone()),
        Some(node) => Ok(node.to_owned()),
    }
}

/// A whole number between the infinities.
fn score(text: &str) -> Result<String, Problem> {
    let number = match text.to_uppercase().as_str() {
        "INFINITY" | "+INFINITY" => INFINITY,
        "-INFINITY" => -INFINITY,
        text => text
            .parse::<i64>()
            .map_err(|_| Problem::usage(format!("`{text}` is no score: a whole number is")))?,
    };
    Ok(number.clamp(-INFINITY, INFINITY).to_string())
}

fn value_at<'a>(status: &'a Status, node: &str, key: &str) -> Option<&'a str> {
    let node = status.nodes.iter().find(|each| each.name == node)?;
    node.attributes.get(key).map(String::as_str)
}

/// Sets or deletes, and only what differs: agents say the same thing with each question for
/// their state, and what is said to the cluster is kept by every node.
fn change(
    door: &Door<'_>,
    status: &Status,
    (place, key): (&Place, &str),
    value: Option<&str>,
) -> Result<String, Problem> {
    match place {
        Place::Node(node) => {
            if !status.nodes.iter().any(|each| each.name == *node) {
                return Err(Problem {
                    code: code::NO_SUCH_THING,
                    message: format!("there is no node {node}"),
                });
            }
            if value_at(status, node, key) != value {
                door.set(node, key, value)?;
            }
        }
        Place::Cluster => {
            let own = &door.caller.node;
            if value.is_some() && value_at(status, own, key) != value {
                door.set(own, key, value)?;
            }
            for node in &status.nodes {
                let is_other = value.is_none() || node.name != *own;
                if is_other && node.attributes.contains_key(key) {
                    door.set(&node.name, key, None)?;
                }
            }
        }
    }
    Ok(String::new())
}

/// How it was asked, and by which name.
struct Asked<'a> {
    tool: &'a str,
    given: &'a Given,
    name: &'a str,
}

fn query(
    status: &Status,
    (place, key): (&Place, &str),
    Asked { tool, given, name }: Asked<'_>,
) -> Result<String, Problem> {
    let with_value = |node: &str| value_at(status, node, key).map(|value| (node.to_owned(), value));
    let names = || status.nodes.iter().map(|node| node.name.as_str());
    let found: Vec<(String, &str)> = match place {
        Place::Node(_) if given.has("all") => names().filter_map(with_value).collect(),
        Place::Node(node) => with_value(node).into_iter().collect(),
        Place::Cluster => names().filter_map(with_value).take(1).collect(),
    };
    let Some((_, first)) = found.first() else {
        return match given.value("default") {
            Some(default) if given.has("quiet") => Ok(format!("{default}\n")),
            Some(default) => Ok(format!("scope=status  name={name} value={default}\n")),
            None => Err(Problem {
                code: code::NO_SUCH_THING,
                message: format!("nobody has set {key}"),
            }),
        };
    };
    if tool == "attrd_updater" {
        let lines = found.iter();
        let lines = lines
            .map(|(node, value)| format!("name=\"{name}\" host=\"{node}\" value=\"{value}\"\n"));
        return Ok(lines.collect());
    }
    Ok(match given.has("quiet") {
        true => format!("{first}\n"),
        false => format!("scope=status  name={name} value={first}\n"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_whole_numbers_between_the_infinities() {
        let read = |text: &str| score(text).map_err(|problem| problem.message);
        assert_eq!(read("INFINITY").unwrap(), "1000000");
        assert_eq!(read("-infinity").unwrap(), "-1000000");
        assert_eq!(read("2000000").unwrap(), "1000000");
        assert_eq!(read("-5").unwrap(), "-5");
        assert_eq!(
            read("much").unwrap_err(),
            "`MUCH` is no score: a whole number is"
        );
    }

    #[test]
    fn options_are_read_joined_and_apart() {
        let given = |line: &str| {
            let words: Vec<String> = line.split(' ').map(ToOwned::to_owned).collect();
            read(&words, CRM_ATTRIBUTE).map_err(|problem| problem.message)
        };
        let all = given("-N beta -l reboot --name=x -v -INFINITY -Gq").unwrap();
        assert_eq!(all.value("node"), Some("beta"));
        assert_eq!(all.value("update"), Some("-INFINITY"));
        assert_eq!(all.value("name"), Some("x"));
        assert!(all.has("query") && all.has("quiet") && !all.has("delete"));
        assert_eq!(given("-nrack").unwrap().value("name"), Some("rack"));
        assert_eq!(given("-p -v 5").unwrap().value("promotion"), Some(""));
        assert_eq!(given("-n").unwrap_err(), "`-n` needs a value");
        assert_eq!(
            given("--nmae x").unwrap_err(),
            "the option `--nmae` is not known"
        );
    }
}
