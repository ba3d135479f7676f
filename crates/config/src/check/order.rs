//! References of services to nodes and to each other; circles in `after`.

use std::collections::{BTreeMap, BTreeSet};

use model::ServiceName;

use super::{Named, unknown};
use crate::read::Context;
use crate::{Code, Problem};

/// Checks `prefer` and `after`.
pub(super) fn check(context: &mut Context<'_>) {
    check_references(context);
    check_circles(context);
}

fn check_references(context: &mut Context<'_>) {
    let nodes: Vec<String> = context.spec.nodes.keys().map(ToString::to_string).collect();
    let mut problems = Vec::new();
    for (name, service) in &context.spec.services {
        let place =
            |key: &str, place: usize| context.places.of(&format!("service/{name}/{key}/{place}"));
        for (i, node) in service.prefer.iter().enumerate() {
            if !context.spec.nodes.contains_key(node) {
                let at = place("prefer", i);
                problems.push(unknown(Named::Node, node, at, &nodes));
            }
        }
        for (i, other) in service.after.iter().enumerate() {
            if !context.spec.services.contains_key(other) {
                let at = place("after", i);
                let services: Vec<String> = context
                    .spec
                    .services
                    .keys()
                    .filter(|service| *service != name)
                    .map(ToString::to_string)
                    .collect();
                problems.push(unknown(Named::Service, other, at, &services));
            }
        }
    }
    context.problems.extend(problems);
}

/// A person mends one circle at a time, and a file where all wait for all has thousands.
const CIRCLES_MAX: usize = 10;

/// Each service is walked once; an edge back into the walk closes a circle.
struct Walk<'a> {
    after: &'a BTreeMap<ServiceName, Vec<ServiceName>>,
    done: BTreeSet<&'a ServiceName>,
    circles: Vec<Vec<&'a ServiceName>>,
}

impl<'a> Walk<'a> {
    /// Walks all that `start` waits for, without recursion: a file may hold a chain of
    /// thousands of services.
    fn from(&mut self, start: &'a ServiceName) {
        let mut path: Vec<(&'a ServiceName, usize)> = vec![(start, 0)];
        while let Some((name, next)) = path.last_mut() {
            let name = *name;
            let following = self.after.get(name).and_then(|after| after.get(*next));
            *next += 1;
            match following {
                None => {
                    self.done.insert(name);
                    path.pop();
                }
                Some(other) => match path.iter().position(|(name, _)| *name == other) {
                    Some(begin) if self.circles.len() < CIRCLES_MAX => {
                        self.circles
                            .push(path[begin..].iter().map(|(name, _)| *name).collect());
                    }
                    Some(_) => {}
                    None if self.done.contains(other) => {}
                    None => path.push((other, 0)),
                },
            }
        }
    }
}

fn check_circles(context: &mut Context<'_>) {
    let after: BTreeMap<ServiceName, Vec<ServiceName>> = context
        .spec
        .services
        .iter()
        .map(|(name, service)| (name.clone(), service.after.clone()))
        .collect();
    let mut walk = Walk {
        after: &after,
        done: BTreeSet::new(),
        circles: Vec::new(),
    };
    for name in after.keys() {
        if !walk.done.contains(name) {
            walk.from(name);
        }
    }
    let circles = std::mem::take(&mut walk.circles);
    for circle in circles {
        let problem = circle_problem(context, &after, &circle);
        context.report(problem);
    }
}

fn circle_problem(
    context: &Context<'_>,
    after: &BTreeMap<ServiceName, Vec<ServiceName>>,
    circle: &[&ServiceName],
) -> Problem {
    if let [name] = circle {
        let at = after[*name].iter().position(|other| other == *name);
        let at = context
            .places
            .of(&format!("service/{name}/after/{}", at.unwrap_or(0)));
        return Problem::new(Code::Cycle, format!("service {name} waits for itself"))
            .at(at, "it would never start")
            .help(format!("remove \"{name}\""));
    }
    let mut names: Vec<String> = circle.iter().map(ToString::to_string).collect();
    names.push(circle[0].to_string());
    let mut problem = Problem::new(
        Code::Cycle,
        format!("services wait for each other: {}", names.join(" after ")),
    );
    for (i, name) in circle.iter().enumerate() {
        let next = circle[(i + 1) % circle.len()];
        let at = after[*name].iter().position(|other| other == next);
        let at = context
            .places
            .of(&format!("service/{name}/after/{}", at.unwrap_or(0)));
        problem = problem.at(at, format!("{name} after {next}"));
    }
    problem.help("remove one of them; none of these services would ever start")
}
