//! Relations to the promoted copies of a service.

use model::ServiceName;
use model::roles::RoleMeant;
use model::spec::ServiceSpec;

use crate::read::Context;
use crate::{Code, Problem};

/// Who names the promoted copies of a service names one that has roles; a copy itself needs
/// what is on its own node, whatever its role.
pub(super) fn check(context: &mut Context<'_>) {
    let mut problems = Vec::new();
    for (name, spec) in &context.spec.services {
        for (key, place, other) in named(spec) {
            let at = context.places.of(&format!("service/{name}/{key}/{place}"));
            let has_roles = |of: &ServiceSpec| of.rules.roles.is_some();
            let of = context.spec.services.get(other);
            if of.is_some_and(|of| !has_roles(of)) {
                problems.push(
                    Problem::new(
                        Code::Contradiction,
                        format!("{other} is named as promoted in `{key}`, and has no roles"),
                    )
                    .at(at, "no copy of it is ever promoted")
                    .help(format!("remove `role`, or give {other} `promoted = 1`")),
                );
            } else if key == "after" && spec.rules.copies.is_some() {
                problems.push(
                    Problem::new(
                        Code::Contradiction,
                        format!("the copies of {name} are after promoted copies of {other}"),
                    )
                    .at(at, "each copy needs the one on its own node")
                    .help("remove `role`: the others would never start"),
                );
            }
        }
    }
    context.problems.extend(problems);
}

fn named(spec: &ServiceSpec) -> impl Iterator<Item = (&'static str, usize, &ServiceName)> {
    let rules = &spec.rules;
    let company = [
        ("together_with", &rules.together_with),
        ("apart_from", &rules.apart_from),
    ];
    let company = company.into_iter().flat_map(|(key, list)| {
        let list = list.iter().enumerate();
        let meant = list.filter(|(_, company)| company.role == RoleMeant::Promoted);
        meant.map(move |(place, company)| (key, place, &company.service))
    });
    let after = spec.after.iter().enumerate();
    let after = after.filter(|(_, name)| rules.after_promoted.contains(*name));
    company.chain(after.map(|(place, name)| ("after", place, name)))
}
