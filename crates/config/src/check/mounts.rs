//! Mounts that are in each other's way.

use std::collections::BTreeMap;

use model::spec::{Elsewhere, MountSpec, ResourceKind, ServiceSpec};
use model::{ResourceName, ServiceName};

use crate::read::Context;
use crate::{Code, Problem};

#[derive(Clone, Copy)]
struct Mount<'a> {
    service: &'a ServiceName,
    spec: &'a ServiceSpec,
    resource: &'a ResourceName,
    mount: &'a MountSpec,
}

/// Compares each mount with those on the same directory and on those above it. They are
/// numbered in the order of services, within a service in start order.
pub(super) fn check(context: &mut Context<'_>) {
    let mut mounts: Vec<Mount<'_>> = Vec::new();
    for (service, spec) in &context.spec.services {
        for resource in &spec.resources {
            if let ResourceKind::Mount(mount) = &resource.kind {
                mounts.push(Mount {
                    service,
                    spec,
                    resource: &resource.name,
                    mount,
                });
            }
        }
    }
    let mut by_target: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (number, mount) in mounts.iter().enumerate() {
        by_target
            .entry(&mount.mount.target)
            .or_default()
            .push(number);
    }
    let mut problems = Vec::new();
    for (inner, mount) in mounts.iter().enumerate() {
        for directory in upwards(&mount.mount.target) {
            let same = directory == mount.mount.target;
            let others = by_target.get(directory).into_iter().flatten();
            // Of two on one directory, the later looks at the earlier. One conflict with
            // each directory is enough to show.
            let conflict = others
                .filter(|outer| !same || **outer < inner)
                .map(|&outer| (mounts[inner.min(outer)], mounts[inner.max(outer)]))
                .find_map(|(old, new)| conflict(context, old, new));
            problems.extend(conflict);
        }
    }
    context.problems.extend(problems);
}

/// The path itself, then the directories above it, without `/`.
fn upwards(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| {
        path.rfind('/').map(|slash| &path[..slash])
    })
    .take_while(|path| !path.is_empty())
}

fn conflict(context: &Context<'_>, old: Mount<'_>, new: Mount<'_>) -> Option<Problem> {
    if old.service != new.service && !may_meet(old.spec, new.spec) {
        return None;
    }
    let at = |mount: Mount<'_>| {
        context
            .places
            .of(&format!("service/{}/{}", mount.service, mount.resource))
    };
    let (a, b) = (&old.mount.target, &new.mount.target);
    let (first, second) = (at(old), at(new));
    if a == b {
        return Some(
            Problem::new(Code::MountTwice, format!("two mounts on {b}"))
                .at(second, format!("of service {}", new.service))
                .at(first, format!("and of service {}", old.service))
                .help("choose another directory for one of them, or `only` with different nodes for each"),
        );
    }
    let (inner, outer) = match (below(a, b), below(b, a)) {
        (true, _) => (old, new),
        (_, true) => (new, old),
        (false, false) => return None,
    };
    if old.service == new.service {
        // In start order the outer one must come first, or it hides the inner one.
        return (inner.resource == old.resource).then(|| {
            Problem::new(
                Code::MountNested,
                format!("{} hides {}", outer.mount.target, inner.mount.target),
            )
            .at(at(outer), "mounted later, above the other")
            .at(at(inner), "mounted first")
            .help("move the outer mount before the inner one")
        });
    }
    Some(
        Problem::new(
            Code::MountNested,
            format!(
                "{} lies below {}, a mount of another service",
                inner.mount.target, outer.mount.target
            ),
        )
        .at(at(inner), format!("of service {}", inner.service))
        .at(
            at(outer),
            format!(
                "of service {}: cannot be unmounted below the other",
                outer.service
            ),
        )
        .help("put both mounts into one service, or choose another directory"),
    )
}

/// Whether two services may run on one node.
fn may_meet(a: &ServiceSpec, b: &ServiceSpec) -> bool {
    match (a.elsewhere, b.elsewhere) {
        (Elsewhere::Never, Elsewhere::Never) => a.prefer.iter().any(|node| b.prefer.contains(node)),
        (Elsewhere::Allowed, _) | (_, Elsewhere::Allowed) => true,
    }
}

fn below(inner: &str, outer: &str) -> bool {
    inner
        .strip_prefix(outer)
        .is_some_and(|rest| rest.starts_with('/'))
}
