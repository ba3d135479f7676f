//! The variables that an OCF agent is called with.

use std::collections::BTreeMap;
use std::time::Duration;

use model::operation::{About, CopiesTold, Notice, NoticeTime, ResourceAddress, Verb};
use model::spec::AgentSpec;
use model::{NodeName, ServiceName};

use super::AgentPlaces;
use super::code::REASON_PREFIX;

/// The version of the resource agent API that we follow.
const API_VERSION: [(&str, &str); 2] =
    [("OCF_RA_VERSION_MAJOR", "1"), ("OCF_RA_VERSION_MINOR", "1")];

/// What agents compare to know which options the commands of a cluster have: those since
/// which `crm_attribute` takes promotion scores.
const FEATURE_SET: &str = "3.15.0";

/// What is special about one call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    /// In the agent's word: `monitor`, `migrate_to`, ...
    pub(crate) action: &'static str,
    pub(crate) limit: Duration,
    /// Between two calls; zero when it is called once.
    pub(crate) interval: Duration,
    /// `OCF_CHECK_LEVEL`.
    pub(crate) depth: u32,
    pub(crate) about: &'a About,
}

/// What an agent knows of its resource: unique in the cluster, also for each copy. Files are
/// called like that, so it has no slash; names have no `@`.
pub(crate) fn instance(address: &ResourceAddress) -> String {
    instance_of(&address.service, address)
}

fn instance_of(service: &ServiceName, address: &ResourceAddress) -> String {
    let (resource, base) = (&address.resource, service.service_str());
    match service.copy() {
        Some(number) => format!("{resource}@{base}:{number}"),
        None => format!("{resource}@{base}"),
    }
}

/// Everything that an OCF agent is told.
pub(crate) fn environment(
    places: &AgentPlaces,
    address: &ResourceAddress,
    (spec, copies): (&AgentSpec, Option<CopiesTold>),
    call: Call<'_>,
) -> BTreeMap<String, String> {
    let (provider, kind) = spec.ocf().unwrap_or_default();
    let mut all = BTreeMap::new();
    let mut put = |name: &str, value: String| all.insert(name.to_owned(), value);
    for (name, value) in API_VERSION {
        put(name, value.to_owned());
    }
    put("OCF_ROOT", places.ocf_root.display().to_string());
    put("OCF_RESOURCE_INSTANCE", instance(address));
    put("OCF_RESOURCE_TYPE", kind.to_owned());
    put("OCF_RESOURCE_PROVIDER", provider.to_owned());
    put("OCF_CHECK_LEVEL", call.depth.to_string());
    put("OCF_EXIT_REASON_PREFIX", REASON_PREFIX.to_owned());
    put("OCF_RESKEY_crm_feature_set", FEATURE_SET.to_owned());
    // Agents then write to their standard error, which is kept with their output.
    put("HA_LOGFACILITY", "none".to_owned());
    put("HA_debug", "0".to_owned());
    for (name, value) in &spec.options {
        put(&format!("OCF_RESKEY_{name}"), value.clone());
    }
    for (name, value) in meta(places, address, copies, call) {
        put(&format!("OCF_RESKEY_CRM_meta_{name}"), value);
    }
    all
}

fn meta(
    places: &AgentPlaces,
    address: &ResourceAddress,
    copies: Option<CopiesTold>,
    call: Call<'_>,
) -> Vec<(&'static str, String)> {
    let millis = |time: Duration| time.as_millis().to_string();
    let mut meta = vec![
        ("name", call.action.to_owned()),
        ("timeout", millis(call.limit)),
        ("interval", millis(call.interval)),
        ("on_node", places.node.clone()),
    ];
    if let Some(number) = address.service.copy() {
        meta.push(("clone", number.to_string()));
        meta.push(("globally_unique", "false".to_owned()));
        meta.push(("notify", "true".to_owned()));
    }
    if let Some(copies) = copies {
        meta.extend(copies_variables(copies));
    }
    match call.about {
        About::Nothing | About::NewSettings => {}
        About::Peer(peer) => {
            let own = places.node.clone();
            let peer = peer.to_string();
            let (source, target) = match call.action {
                "migrate_to" => (own, peer),
                _ => (peer, own),
            };
            meta.push(("migrate_source", source));
            meta.push(("migrate_target", target));
        }
        About::Notice(notice) => meta.extend(notice_variables(address, notice)),
    }
    meta
}

/// The variables for the copies of a list and for their nodes, and the list.
type CopyList<'a> = (&'static str, &'static str, &'a [(ServiceName, NodeName)]);

/// How many copies there are to be; of roles in the words of old and of new agents.
fn copies_variables(copies: CopiesTold) -> Vec<(&'static str, String)> {
    let mut variables = vec![
        ("clone_max", copies.count.to_string()),
        ("clone_node_max", copies.per_node.to_string()),
    ];
    if let Some(promoted) = copies.promoted {
        variables.push(("promotable", "true".to_owned()));
        for name in ["promoted_max", "master_max"] {
            variables.push((name, promoted.to_string()));
        }
        for name in ["promoted_node_max", "master_node_max"] {
            variables.push((name, promoted.min(copies.per_node).to_string()));
        }
    }
    variables
}

/// Both the words of the API 1.0 and those of 1.1, which many agents do not know yet.
fn notice_variables(address: &ResourceAddress, notice: &Notice) -> Vec<(&'static str, String)> {
    let when = match notice.when {
        NoticeTime::Before => "pre",
        NoticeTime::After => "post",
    };
    let mut variables = vec![
        ("notify_type", when.to_owned()),
        ("notify_operation", notice.of.to_string()),
    ];
    let affected = |verb: Verb| match notice.of == verb {
        true => notice.affected.as_slice(),
        false => &[],
    };
    let mut active = [notice.promoted.as_slice(), &notice.unpromoted].concat();
    active.sort();
    let lists: [CopyList<'_>; 9] = [
        (
            "notify_start_resource",
            "notify_start_uname",
            affected(Verb::Start),
        ),
        (
            "notify_stop_resource",
            "notify_stop_uname",
            affected(Verb::Stop),
        ),
        (
            "notify_promote_resource",
            "notify_promote_uname",
            affected(Verb::Promote),
        ),
        (
            "notify_demote_resource",
            "notify_demote_uname",
            affected(Verb::Demote),
        ),
        (
            "notify_master_resource",
            "notify_master_uname",
            &notice.promoted,
        ),
        (
            "notify_promoted_resource",
            "notify_promoted_uname",
            &notice.promoted,
        ),
        (
            "notify_slave_resource",
            "notify_slave_uname",
            &notice.unpromoted,
        ),
        (
            "notify_unpromoted_resource",
            "notify_unpromoted_uname",
            &notice.unpromoted,
        ),
        ("notify_active_resource", "notify_active_uname", &active),
    ];
    for (resources, nodes, list) in lists {
        let names = list
            .iter()
            .map(|(service, _)| instance_of(service, address));
        variables.push((resources, words(names)));
        variables.push((nodes, words(list.iter().map(|(_, node)| node.to_string()))));
    }
    variables
}

/// Agents tell an empty list, which is one space, from none.
fn words(items: impl Iterator<Item = String>) -> String {
    let text = items.collect::<Vec<_>>().join(" ");
    if text.is_empty() {
        " ".to_owned()
    } else {
        text
    }
}
