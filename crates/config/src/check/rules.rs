//! Rules about where services are that cannot hold, or say nothing.

use std::ops::Range;

use model::roles::RoleMeant;
use model::rules::{Copies, CopyCount, PlacementPolicy};
use model::spec::{MountSource, ResourceKind, ServiceSpec};
use model::{NodeName, ServiceName};

use crate::read::Context;
use crate::{Code, Problem};

/// File systems that several machines may have mounted at one time.
const SHARED_FILESYSTEMS: [&str; 12] = [
    "9p",
    "beegfs",
    "ceph",
    "cifs",
    "gfs2",
    "glusterfs",
    "lustre",
    "nfs",
    "nfs4",
    "ocfs2",
    "smb3",
    "virtiofs",
];

/// Checks each service alone, then what the cluster makes of its room.
pub(super) fn check(context: &mut Context<'_>) {
    let mut problems = Vec::new();
    for (name, spec) in &context.spec.services {
        if let Some(copies) = spec.rules.copies {
            problems.extend(check_copyable(context, (name, spec), copies));
            problems.extend(check_copies_fit(context, (name, spec), copies));
        }
        problems.extend(check_nodes(context, (name, spec)));
        problems.extend(check_company(context, (name, spec)));
        problems.extend(check_room(context, (name, spec)));
    }
    problems.extend(check_capacity_counts(context));
    context.problems.extend(problems);
}

fn place(context: &Context<'_>, name: &ServiceName, key: &str) -> Range<usize> {
    context.places.of(&format!("service/{name}/{key}"))
}

/// What can be in one place only has no copies.
fn check_copyable(
    context: &Context<'_>,
    (name, spec): (&ServiceName, &ServiceSpec),
    copies: Copies,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    // What runs where one copy is promoted is in one place at a time.
    let roles = spec
        .rules
        .roles
        .as_ref()
        .filter(|roles| roles.promoted == 1);
    let is_apart = |name| roles.is_some_and(|roles| roles.while_promoted.contains(name));
    for resource in spec.resources.iter().filter(|r| !is_apart(&r.name)) {
        let why = match &resource.kind {
            ResourceKind::Address(_) => "an address can be on one node only",
            ResourceKind::Mount(mount) => match &mount.source {
                MountSource::Device { filesystem, .. }
                    if !SHARED_FILESYSTEMS.contains(&filesystem.as_str()) =>
                {
                    "this file system is destroyed when two nodes mount it"
                }
                MountSource::Device { .. }
                | MountSource::Bind { .. }
                | MountSource::Nfs { .. }
                | MountSource::Tmpfs { .. } => {
                    if copies.per_node <= 1 {
                        continue;
                    }
                    "two copies on one node would have one mount"
                }
            },
            ResourceKind::VolumeGroup(_) => "a volume group is active on one node only",
            ResourceKind::Systemd(_) | ResourceKind::Route(_) | ResourceKind::Export(_)
                if copies.per_node == 1 =>
            {
                continue;
            }
            ResourceKind::Route(_) => "two copies on one node would be one route",
            ResourceKind::Export(_) => "two copies on one node would be one export",
            ResourceKind::Systemd(_) => "two copies on one node would be one unit",
            ResourceKind::Process(_) | ResourceKind::Command(_) | ResourceKind::Agent(_) => {
                continue;
            }
        };
        let problem = Problem::new(
            Code::NotCopyable,
            format!(
                "service {name} has copies, and {} cannot have any",
                resource.name
            ),
        )
        .at(place(context, name, resource.name.as_str()), why)
        .at(place(context, name, "copies"), "copies are wanted here")
        .help("put it into a service of its own without `copies`");
        problems.push(problem);
    }
    problems
}

fn check_copies_fit(
    context: &Context<'_>,
    (name, spec): (&ServiceName, &ServiceSpec),
    copies: Copies,
) -> Option<Problem> {
    let CopyCount::Number(count) = copies.count else {
        return None;
    };
    let nodes = context
        .spec
        .nodes
        .keys()
        .filter(|node| spec.allows(node))
        .count();
    let places = u64::try_from(nodes).unwrap_or(u64::MAX) * u64::from(copies.per_node);
    // Nodes join one by one; as long as there are none, the file is not finished.
    if nodes == 0 || u64::from(count) <= places {
        return None;
    }
    Some(
        Problem::new(
            Code::TooManyCopies,
            format!("service {name} has {count} copies, and its nodes can take {places}"),
        )
        .at(place(context, name, "copies"), "the others wait for ever")
        .help(format!(
            "write `copies = {places}`, or `copies = \"every-node\"`"
        )),
    )
}

/// A node that is forbidden is neither preferred nor avoided.
fn check_nodes(context: &Context<'_>, (name, spec): (&ServiceName, &ServiceSpec)) -> Vec<Problem> {
    let rules = &spec.rules;
    let pairs: [(&str, &[NodeName], &str, &[NodeName]); 3] = [
        ("never_on", &rules.never_on, "prefer", &spec.prefer),
        ("never_on", &rules.never_on, "avoid", &rules.avoid),
        ("avoid", &rules.avoid, "prefer", &spec.prefer),
    ];
    let mut problems = Vec::new();
    for (key, nodes, other_key, others) in pairs {
        for (i, node) in nodes.iter().enumerate() {
            let Some(j) = others.iter().position(|other| other == node) else {
                continue;
            };
            let problem = Problem::new(
                Code::Contradiction,
                format!("service {name} names {node} in `{key}` and in `{other_key}`"),
            )
            .at(place(context, name, &format!("{key}/{i}")), "here")
            .at(
                place(context, name, &format!("{other_key}/{j}")),
                "and here",
            )
            .help(format!("remove \"{node}\" from one of them"));
            problems.push(problem);
        }
    }
    let mut nodes = context.spec.nodes.keys();
    let has_none = !context.spec.nodes.is_empty() && nodes.all(|node| !spec.allows(node));
    if has_none && problems.is_empty() && !rules.never_on.is_empty() {
        problems.push(
            Problem::new(
                Code::Contradiction,
                format!("service {name} may run on no node"),
            )
            .at(
                place(context, name, "never_on/0"),
                "these are all that it could use",
            )
            .help("remove one of them"),
        );
    }
    problems
}

/// Who belongs together is not kept apart, and nobody is his own company.
fn check_company(
    context: &Context<'_>,
    (name, spec): (&ServiceName, &ServiceSpec),
) -> Vec<Problem> {
    let rules = &spec.rules;
    let mut problems = Vec::new();
    for (key, company) in [
        ("together_with", &rules.together_with),
        ("apart_from", &rules.apart_from),
    ] {
        for (i, other) in company.iter().enumerate() {
            let at = place(context, name, &format!("{key}/{i}"));
            if other.service == *name {
                let problem = Problem::new(
                    Code::Contradiction,
                    format!("service {name} names itself in `{key}`"),
                )
                .at(at, "this is the service itself")
                .help("remove it; `copies_per_node` says how many copies a node takes");
                problems.push(problem);
            } else if key == "together_with"
                && let Some(j) = opposed(context, (name, spec), (&other.service, other.points))
            {
                let problem = Problem::new(
                    Code::Contradiction,
                    format!(
                        "services {name} and {} must be together and must be apart",
                        other.service
                    ),
                )
                .at(at, "together")
                .at(j, "apart")
                .help("remove one of them, or make one a wish with `points`");
                problems.push(problem);
            }
        }
    }
    problems
}

/// Where the file says that two services that must be together must be apart.
fn opposed(
    context: &Context<'_>,
    (name, spec): (&ServiceName, &ServiceSpec),
    (other, points): (&ServiceName, Option<u32>),
) -> Option<Range<usize>> {
    if points.is_some() {
        return None;
    }
    let names = |of: &ServiceSpec, whom: &ServiceName| {
        let apart = &of.rules.apart_from;
        apart
            .iter()
            .position(|c| c.service == *whom && c.points.is_none() && c.role == RoleMeant::Any)
    };
    if let Some(i) = names(spec, other) {
        return Some(place(context, name, &format!("apart_from/{i}")));
    }
    let i = names(context.spec.services.get(other)?, name)?;
    Some(place(context, other, &format!("apart_from/{i}")))
}

fn check_room(
    context: &Context<'_>,
    (name, spec): (&ServiceName, &ServiceSpec),
) -> Option<Problem> {
    let uses = &spec.rules.uses;
    let counts = context.spec.cluster.rules.placement != PlacementPolicy::FewestServices;
    if uses.is_empty() || !counts || context.spec.nodes.is_empty() {
        return None;
    }
    let fits = |capacity: &std::collections::BTreeMap<String, u64>| {
        uses.iter()
            .all(|(good, amount)| *amount <= capacity.get(good).copied().unwrap_or(0))
    };
    let nodes = context
        .spec
        .nodes
        .iter()
        .filter(|(node, _)| spec.allows(node));
    if nodes.map(|(_, node)| &node.capacity).any(fits) {
        return None;
    }
    let list: Vec<String> = uses.iter().map(|(g, n)| format!("{g} = {n}")).collect();
    Some(
        Problem::new(
            Code::FitsNowhere,
            format!("service {name} fits on none of its nodes"),
        )
        .at(place(context, name, "uses"), "no node has room for this")
        .help(format!(
            "give a node `capacity = {{ {} }}` or more, or ask for less",
            list.join(", ")
        )),
    )
}

/// Under the default, nobody looks at room.
fn check_capacity_counts(context: &Context<'_>) -> Option<Problem> {
    let spec = &context.spec;
    if spec.cluster.rules.placement != PlacementPolicy::FewestServices {
        return None;
    }
    let service = spec.services.iter().find(|(_, s)| !s.rules.uses.is_empty());
    let node = spec.nodes.iter().find(|(_, n)| !n.capacity.is_empty());
    let at = match (service, node) {
        (Some((name, _)), _) => place(context, name, "uses"),
        (None, Some((name, _))) => context.places.of(&format!("node/{name}/capacity")),
        (None, None) => return None,
    };
    Some(
        Problem::new(Code::RoomUnused, "nobody looks at room")
            .at(at, "counts for nothing")
            .help("add `placement = \"fits\"` to [cluster], or remove `uses` and `capacity`"),
    )
}
