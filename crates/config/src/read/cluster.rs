//! `[cluster]`: name, port, timings, policies.

use std::net::IpAddr;
use std::time::Duration;

use model::NodeName;
use model::duration::format;
use model::rules::{NodeHealthPolicy, PlacementPolicy};
use model::spec::{NoQuorumPolicy, Timings};

use super::section::{Entry, Section};
use super::value::TimeBounds;
use super::{Context, checks};
use crate::{Code, Problem};

/// More than three power cycles in an hour mend nothing (L3).
pub(super) const FENCES_PER_HOUR_DEFAULT: u32 = 3;

/// One a minute is a fence loop by any measure.
const FENCES_PER_HOUR_MAX: i64 = 60;

/// Keys that later versions read.
const LATER: &[&str] = &["witness", "watchdog", "quorum", "users"];

/// Reads `[cluster]`.
pub(super) fn read(context: &mut Context<'_>, mut section: Section<'_>) {
    if section.require(context, "name", "name = \"shop\"")
        && let Some(name) = section
            .get("name")
            .and_then(|entry| entry.name::<NodeName>(context))
    {
        context.spec.cluster.name = name.value.to_string();
    }
    if let Some(entry) = section.get("port")
        && let Some(port) = entry.number(context, 1..=i64::from(u16::MAX))
    {
        context.spec.cluster.port = u16::try_from(port).expect("the bounds are those of u16");
    }
    if let Some(entry) = section.get("no_quorum") {
        let words = [
            ("stop", NoQuorumPolicy::Stop),
            ("freeze", NoQuorumPolicy::Freeze),
            ("demote", NoQuorumPolicy::Demote),
            ("self-fence", NoQuorumPolicy::SelfFence),
            ("ignore", NoQuorumPolicy::Ignore),
        ];
        context
            .places
            .put("no_quorum".into(), entry.value.span().clone());
        if let Some(policy) = entry.word(context, &words) {
            context.spec.cluster.no_quorum = policy;
        }
    }
    read_rules(context, &mut section);
    if let Some(entry) = section.get("fence_race_delay")
        && let Some(delay) = entry.time(context, RACE_DELAY)
    {
        context.spec.cluster.fence_race_delay = delay;
    }
    if let Some(entry) = section.get("ping_targets") {
        read_ping_targets(context, &entry);
    }
    if let Some(entry) = section.get("fences_per_hour")
        && let Some(times) = entry.number(context, 1..=FENCES_PER_HOUR_MAX)
    {
        context.spec.cluster.fences_per_hour_max =
            u32::try_from(times).expect("the bounds are within u32");
    }
    if let Some(entry) = section.get("profile") {
        let words = [("default", Timings::DEFAULT), ("fast", Timings::FAST)];
        if let Some(timings) = entry.word(context, &words) {
            context.spec.cluster.timings = timings;
        }
    }
    if let Some(entry) = section.get("timings")
        && let Some(timings) = entry.table(context, "[cluster.timings]".into())
    {
        read_timings(context, timings);
    }
    checks::read_of_cluster(context, &mut section);
    section.finish(context, LATER);
}

/// Rules about where services are.
fn read_rules(context: &mut Context<'_>, section: &mut Section<'_>) {
    if let Some(entry) = section.get("placement") {
        let words = [
            PlacementPolicy::FewestServices,
            PlacementPolicy::Fits,
            PlacementPolicy::MostRoom,
            PlacementPolicy::FewestNodes,
            PlacementPolicy::LeastLoad,
        ]
        .map(|policy| (policy.word(), policy));
        if let Some(policy) = entry.word(context, &words) {
            context.spec.cluster.rules.placement = policy;
        }
    }
    if let Some(entry) = section.get("node_health") {
        let words = [
            NodeHealthPolicy::Ignore,
            NodeHealthPolicy::MoveOnRed,
            NodeHealthPolicy::OnlyGreen,
        ]
        .map(|policy| (policy.word(), policy));
        if let Some(policy) = entry.word(context, &words) {
            context.spec.cluster.rules.node_health = policy;
        }
    }
}

/// Without a delay both halves of a split may switch each other off; with more than a minute
/// nobody would wait for the second half.
const RACE_DELAY: TimeBounds = TimeBounds {
    min: Duration::from_millis(100),
    max: Duration::from_secs(60),
};

/// Each is asked in turn while services stand still; more tell nothing more.
const PING_TARGETS_MAX: usize = 8;

/// Addresses without prefix, none of them twice.
fn read_ping_targets(context: &mut Context<'_>, entry: &Entry<'_>) {
    let mut targets: Vec<IpAddr> = Vec::new();
    for item in entry.items(context).unwrap_or_default() {
        let Some(text) = item.text(context) else {
            continue;
        };
        let problem = match text.value.parse::<IpAddr>() {
            Ok(address) if targets.contains(&address) => Problem::new(
                Code::Repeated,
                format!("`ping_targets` names {address} twice"),
            )
            .at(text.at, "again")
            .help("remove the second"),
            Ok(address) => {
                targets.push(address);
                continue;
            }
            Err(_) => Problem::new(
                Code::BadAddress,
                format!("`{}` is no address", text.value.escape_debug()),
            )
            .at(text.at, "not an IP address")
            .help("write numbers without prefix length, not a host name: \"10.0.0.1\""),
        };
        context.report(problem);
    }
    if PING_TARGETS_MAX < targets.len() {
        let count = targets.len();
        let problem = Problem::new(
            Code::OutOfRange,
            format!("`ping_targets` names {count} addresses, at most {PING_TARGETS_MAX} are asked"),
        )
        .at(entry.value.span(), "too many")
        .help("keep those that stand behind different switches");
        context.report(problem);
    }
    context.spec.cluster.ping_targets = targets;
}

/// Below this the kernel's own scheduling looks like silence; above an hour nothing is a
/// timing any more.
const TIMING: TimeBounds = TimeBounds {
    min: Duration::from_millis(5),
    max: Duration::from_secs(3600),
};

fn read_timings(context: &mut Context<'_>, mut section: Section<'_>) {
    let mut timings = context.spec.cluster.timings;
    let before = context.problems.len();
    let fields: [(&'static str, &mut Duration); 6] = [
        ("heartbeat", &mut timings.heartbeat),
        ("suspect_after", &mut timings.suspect_after),
        ("lost_after", &mut timings.lost_after),
        ("daemon_down_grace", &mut timings.daemon_down_grace),
        ("lease", &mut timings.lease),
        ("start_grace", &mut timings.start_grace),
    ];
    let section_at = section.at();
    context.places.put("timings".into(), section_at);
    for (key, field) in fields {
        if let Some(entry) = section.get(key) {
            context
                .places
                .put(format!("timings/{key}"), entry.value.span());
            if let Some(time) = entry.time(context, TIMING) {
                *field = time;
            }
        }
    }
    section.finish(context, &[]);
    if before == context.problems.len() {
        check_timings(context, &timings);
    }
    context.spec.cluster.timings = timings;
}

/// What must hold between the timings, with the reason.
fn check_timings(context: &mut Context<'_>, timings: &Timings) {
    let Timings {
        heartbeat,
        suspect_after,
        lost_after,
        daemon_down_grace: _,
        lease,
        start_grace,
    } = *timings;
    if suspect_after < heartbeat * 2 {
        report(
            context,
            ("suspect_after", suspect_after),
            format!(
                "at least \"{}\", twice `heartbeat`: one lost packet is no suspicion",
                format(heartbeat * 2)
            ),
        );
    }
    if lost_after <= suspect_after {
        report(
            context,
            ("lost_after", lost_after),
            format!(
                "more than \"{}\", which is `suspect_after`: a node is suspected first",
                format(suspect_after)
            ),
        );
    }
    if lease < lost_after {
        report(
            context,
            ("lease", lease),
            format!(
                "at least \"{}\", which is `lost_after`: else services stop at each short silence",
                format(lost_after)
            ),
        );
    }
    if start_grace < lost_after {
        report(
            context,
            ("start_grace", start_grace),
            format!(
                "at least \"{}\", which is `lost_after`: else nodes are fenced before they can be heard",
                format(lost_after)
            ),
        );
    }
}

fn report(context: &mut Context<'_>, (key, value): (&str, Duration), mend: String) {
    let at = context.places.of(&format!("timings/{key}"));
    let problem = Problem::new(Code::Timings, format!("`{key}` is too short"))
        .at(at, format!("`{key}` is {}", format(value)))
        .help(format!("make `{key}` {mend}"));
    context.report(problem);
}
