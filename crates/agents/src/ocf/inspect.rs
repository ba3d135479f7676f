//! Whether an agent is there, and whether a resource tells it what it can be told.

use std::collections::BTreeMap;
use std::path::Path;

use model::spec::AgentSpec;

use super::installed::{Installed, installed, path_of};
use super::metadata::{Kind, Metadata, MetadataError, Parameter, of_program, time};
use super::script::is_executable;

/// What is wrong with a resource that an agent operates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// There is no such agent.
    NotInstalled {
        /// Agents that may have been meant, or have this type from another provider.
        similar: Vec<String>,
    },
    /// It is there, and does not say what it can be told.
    Silent {
        /// Why not.
        how: String,
    },
    /// It does not know this parameter.
    UnknownParameter {
        /// Which.
        name: String,
        /// All that it knows.
        known: Vec<String>,
    },
    /// It cannot do without this parameter.
    Missing {
        /// Which.
        name: String,
        /// What it is, in the agent's words.
        short: String,
    },
    /// This parameter cannot have this value.
    BadValue {
        /// Which.
        name: String,
        /// The value.
        value: String,
        /// What it must be.
        wanted: String,
    },
}

/// What was found out so far, so that each agent is asked once.
#[derive(Debug, Default)]
pub struct Known {
    installed: Option<Installed>,
    described: BTreeMap<String, Result<Metadata, String>>,
}

/// Looks at one resource. Runs the agent's `meta-data`, nothing else.
pub async fn inspect(
    spec: &AgentSpec,
    (ocf_root, init_dir): (&Path, &Path),
    known: &mut Known,
) -> Vec<Finding> {
    let path = path_of(&spec.agent, ocf_root, init_dir).filter(|path| is_executable(path));
    let Some(path) = path else {
        let all = known
            .installed
            .get_or_insert_with(|| installed(ocf_root, init_dir));
        let similar = similar(&spec.agent, all);
        return vec![Finding::NotInstalled { similar }];
    };
    if spec.lsb().is_some() {
        return Vec::new();
    }
    if !known.described.contains_key(&spec.agent) {
        let described = of_program(&path).await;
        let described = described.map_err(|error: MetadataError| crate::context::chain(&error));
        known.described.insert(spec.agent.clone(), described);
    }
    match &known.described[&spec.agent] {
        Ok(metadata) => check(spec, metadata),
        Err(how) => vec![Finding::Silent { how: how.clone() }],
    }
}

/// Agents of the same type from somebody else, and those of similar names.
#[must_use]
pub fn similar(agent: &str, all: &Installed) -> Vec<String> {
    let ocf = all.ocf.iter();
    let ocf: Vec<String> = ocf.map(super::installed::OcfAgent::agent).collect();
    let lsb = all.lsb.iter().map(|script| format!("lsb:{script}"));
    let all: Vec<String> = ocf.into_iter().chain(lsb).collect();
    let kind = |agent: &str| agent.rsplit(':').next().unwrap_or_default().to_lowercase();
    let wanted = kind(agent);
    let same = all.iter().filter(|other| kind(other) == wanted);
    let mut found: Vec<String> = same.cloned().collect();
    if found.is_empty() {
        let near = config::nearest(agent, all.iter().map(String::as_str));
        found.extend(near.map(ToOwned::to_owned));
    }
    found
}

/// Compares a resource with what its agent says of itself.
#[must_use]
pub fn check(spec: &AgentSpec, metadata: &Metadata) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, value) in &spec.options {
        match metadata.parameter(name) {
            Some(parameter) => {
                if let Some(wanted) = objection(parameter, value) {
                    findings.push(Finding::BadValue {
                        name: name.clone(),
                        value: value.clone(),
                        wanted,
                    });
                }
            }
            // Debian's agents know it all, and say so nowhere.
            None if name.starts_with("trace_") => {}
            None => {
                let all = metadata.parameters.iter();
                findings.push(Finding::UnknownParameter {
                    name: name.clone(),
                    known: all.map(|parameter| parameter.name.clone()).collect(),
                });
            }
        }
    }
    for parameter in &metadata.parameters {
        let has_default = parameter
            .default
            .as_ref()
            .is_some_and(|text| !text.is_empty());
        if parameter.required && !has_default && !spec.options.contains_key(&parameter.name) {
            findings.push(Finding::Missing {
                name: parameter.name.clone(),
                short: parameter.short.clone(),
            });
        }
    }
    findings
}

/// What the value must be, if it is not. An agent whose own default is not of the kind that it
/// names (`ocf:pacemaker:ping`: an integer, `5s`) is not believed about the kind.
fn objection(parameter: &Parameter, value: &str) -> Option<String> {
    let default = parameter.default.as_deref().filter(|text| !text.is_empty());
    if default.is_some_and(|default| refusal(&parameter.kind, default).is_some()) {
        return None;
    }
    refusal(&parameter.kind, value)
}

/// What a value of this kind must be, if it is not.
fn refusal(kind: &Kind, value: &str) -> Option<String> {
    /// What `ocf_is_true` of Debian's agents takes for yes, and the opposites.
    const TRUTHS: [&str; 12] = [
        "yes", "no", "true", "false", "1", "0", "on", "off", "ja", "nein", "y", "n",
    ];
    let fits = match kind {
        Kind::Text => true,
        Kind::Integer => value.trim().parse::<i64>().is_ok(),
        Kind::Boolean => TRUTHS.contains(&value.to_lowercase().as_str()),
        Kind::Time => value.trim() == "0" || time(value).is_some(),
        Kind::Choice(choices) => choices.is_empty() || choices.iter().any(|each| each == value),
    };
    let wanted = match kind {
        _ if fits => return None,
        Kind::Text => return None,
        Kind::Integer => "a whole number".to_owned(),
        Kind::Boolean => "true or false".to_owned(),
        Kind::Time => "a time, like \"30s\"".to_owned(),
        Kind::Choice(choices) => format!("one of {}", choices.join(", ")),
    };
    Some(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(kind: Kind, default: Option<&str>) -> Parameter {
        Parameter {
            name: "dampen".to_owned(),
            short: String::new(),
            long: String::new(),
            kind,
            default: default.map(ToOwned::to_owned),
            required: false,
            unique: false,
            deprecated: false,
            reloadable: false,
        }
    }

    #[test]
    fn an_agent_whose_default_is_not_of_its_kind_is_not_believed_about_the_kind() {
        let odd = parameter(Kind::Integer, Some("5s"));
        assert_eq!(objection(&odd, "5s"), None);
        assert_eq!(objection(&odd, "20s"), None);
        for default in [Some("5"), Some(""), None] {
            let plain = parameter(Kind::Integer, default);
            let wanted = objection(&plain, "5s");
            assert_eq!(wanted.as_deref(), Some("a whole number"), "{default:?}");
            assert_eq!(objection(&plain, "7"), None);
        }
    }
}
