//! Relations to all copies of a service.

use crate::read::Context;
use crate::{Code, Problem};

/// Who is after all copies of a service names one that has copies.
pub(super) fn check(context: &mut Context<'_>) {
    let mut problems = Vec::new();
    for (name, spec) in &context.spec.services {
        let after = spec.after.iter().enumerate();
        for (place, other) in
            after.filter(|(_, other)| spec.rules.after_all_copies.contains(*other))
        {
            let of = context.spec.services.get(other);
            if of.is_none_or(|of| of.rules.copies.is_some()) {
                continue;
            }
            let at = context.places.of(&format!("service/{name}/after/{place}"));
            let message = format!("{name} is after all copies of {other}, which has none");
            let problem = Problem::new(Code::Contradiction, message)
                .at(at, "it runs once, under its own name")
                .help(format!("remove `all_copies`, or give {other} `copies`"));
            problems.push(problem);
        }
    }
    context.problems.extend(problems);
}
