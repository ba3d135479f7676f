//! What the resource agents of this machine say to a configuration file.

use std::path::{Path, PathBuf};

use agents::ocf::inspect::{Finding, Known, inspect};
use config::{Code, Keyed, Loaded, Problems, Remark, nearest};
use model::spec::{AgentSpec, ResourceKind};
use model::{ResourceName, ServiceName};

use crate::agent_commands::INIT_DIR;

/// Where agents are without `OCF_ROOT`.
pub(crate) const ROOT: &str = "/usr/lib/ocf";

/// Adds what the agents of this machine say. Nothing is asked where the file has none.
pub(crate) fn with_agents(loaded: Loaded) -> Result<Loaded, Problems> {
    let all = agents_of(&loaded);
    if all.is_empty() {
        return Ok(loaded);
    }
    let root = std::env::var_os("OCF_ROOT").map_or(PathBuf::from(ROOT), PathBuf::from);
    let places = (root.as_path(), Path::new(INIT_DIR));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a process may open a handful of files");
    let mut known = Known::default();
    let mut remarks = Vec::new();
    for (service, resource, spec) in &all {
        let findings = runtime.block_on(inspect(spec, places, &mut known));
        let remark = |finding| remark((service, resource), spec, finding);
        remarks.extend(findings.into_iter().map(remark));
    }
    loaded.with_remarks(remarks)
}

fn agents_of(loaded: &Loaded) -> Vec<(ServiceName, ResourceName, AgentSpec)> {
    let services = loaded.spec.services.iter();
    let resources = services.flat_map(|(service, spec)| {
        let resources = spec.resources.iter();
        resources.map(move |resource| (service, resource))
    });
    resources
        .filter_map(|(service, resource)| match &resource.kind {
            ResourceKind::Agent(spec) => {
                Some((service.clone(), resource.name.clone(), spec.clone()))
            }
            _other => None,
        })
        .collect()
}

/// What was found, in the words of a configuration.
fn remark(
    (service, resource): (&ServiceName, &ResourceName),
    spec: &AgentSpec,
    finding: Finding,
) -> Remark {
    let agent = &spec.agent;
    let (about, code, message, label, help) = match finding {
        Finding::NotInstalled { similar } => (
            Keyed::Kind,
            Code::AgentMissing,
            format!("{agent} is not installed on this machine"),
            similar_agents(&similar),
            "install it on every node that may run the service; \
             its parameters could not be checked"
                .to_owned(),
        ),
        Finding::Silent { how } => (
            Keyed::Kind,
            Code::AgentMissing,
            format!("{agent} does not say what it can be told"),
            how,
            "its parameters could not be checked".to_owned(),
        ),
        Finding::UnknownParameter { name, known } => {
            let (label, help) = known_parameters(&name, &known);
            let message = format!("{agent} has no parameter `{name}`");
            (
                Keyed::Option(name),
                Code::UnknownParameter,
                message,
                label,
                help,
            )
        }
        Finding::Missing { name, short } => (
            Keyed::Kind,
            Code::ParameterMissing,
            format!("{agent} needs the parameter `{name}`"),
            short,
            format!("add `options = {{ {name} = \"...\" }}`"),
        ),
        Finding::BadValue {
            name,
            value,
            wanted,
        } => (
            Keyed::Option(name.clone()),
            Code::BadParameter,
            format!("the parameter `{name}` of {agent} cannot be \"{value}\""),
            format!("must be {wanted}"),
            format!("see `mainstay agent info {agent}`"),
        ),
    };
    Remark {
        service: service.clone(),
        resource: resource.clone(),
        about,
        code,
        message,
        label,
        help,
    }
}

/// The label of an agent that is not installed.
fn similar_agents(similar: &[String]) -> String {
    match similar {
        [] => "no such agent here".to_owned(),
        similar => format!("did you mean \"{}\"?", similar.join("\" or \"")),
    }
}

/// The label and the help of a parameter that its agent does not have.
fn known_parameters(name: &str, known: &[String]) -> (String, String) {
    match nearest(name, known.iter().map(String::as_str)) {
        Some(meant) => (
            format!("did you mean `{meant}`?"),
            format!("write `{meant}`"),
        ),
        None => (
            "unknown".to_owned(),
            format!("remove it; known are {}", known.join(", ")),
        ),
    }
}
