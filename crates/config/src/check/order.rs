//! References of services to nodes and to each other; circles in `after`.

use std::collections::{BTreeMap, BTreeSet};

use model::ServiceName;
use model::rules::{Company, NodesMeant};

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
        let rules = &service.rules;
        let named_nodes = [
            ("prefer", &service.prefer),
            ("avoid", &rules.avoid),
            ("never_on", &rules.never_on),
        ];
        for (key, i, node) in placed(named_nodes) {
            if !context.spec.nodes.contains_key(node) {
                problems.push(unknown(Named::Node, node, place(key, i), &nodes));
            }
        }
        for (i, rule) in rules.where_rules.iter().enumerate() {
            let NodesMeant::Named { nodes: named } = &rule.meant else {
                continue;
            };
            for (j, node) in named.iter().enumerate() {
                if !context.spec.nodes.contains_key(node) {
                    let at = place(&format!("where/{i}/nodes"), j);
                    problems.push(unknown(Named::Node, node, at, &nodes));
                }
            }
        }
        let company = |list: &[Company]| list.iter().map(|c| c.service.clone()).collect();
        let (together, apart): (Vec<_>, Vec<_>) =
            (company(&rules.together_with), company(&rules.apart_from));
        let one_of: Vec<ServiceName> = rules.after_one_of.iter().flatten().cloned().collect();
        let named_services = [
            ("after", &service.after),
            ("after_one_of", &one_of),
            ("after_if_both", &rules.after_if_both),
            ("not_while_starting", &rules.not_while_starting),
            ("together_with", &together),
            ("apart_from", &apart),
        ];
        for (key, i, other) in placed(named_services) {
            if !context.spec.services.contains_key(other) {
                let at = place(key, i);
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

/// The members of lists, each with the key of its list and its place there.
fn placed<'a, T, const N: usize>(
    lists: [(&'static str, &'a Vec<T>); N],
) -> impl Iterator<Item = (&'static str, usize, &'a T)> {
    lists
        .into_iter()
        .flat_map(|(key, list)| list.iter().enumerate().map(move |(i, each)| (key, i, each)))
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
        .map(|(name, service)| {
            let mut after = service.after.clone();
            after.extend(service.rules.after_if_both.iter().cloned());
            // Of several one is enough; but who may wait for himself should not be one of them.
            after.extend(service.rules.after_one_of.iter().flatten().cloned());
            (name.clone(), after)
        })
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
        let problem = circle_problem(context, &circle);
        context.report(problem);
    }
}

fn circle_problem(context: &Context<'_>, circle: &[&ServiceName]) -> Problem {
    let place_of = |name: &ServiceName, other: &ServiceName| {
        let spec = &context.spec.services[name];
        let one_of: Vec<ServiceName> = spec.rules.after_one_of.iter().flatten().cloned().collect();
        let lists = [
            ("after", &spec.after),
            ("after_if_both", &spec.rules.after_if_both),
            ("after_one_of", &one_of),
        ];
        let found = placed(lists).find(|(_, _, each)| *each == other);
        let (key, i) = found.map_or(("after", 0), |(key, i, _)| (key, i));
        context.places.of(&format!("service/{name}/{key}/{i}"))
    };
    if let [name] = circle {
        let at = place_of(name, name);
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
        problem = problem.at(place_of(name, next), format!("{name} after {next}"));
    }
    problem.help("remove one of them; none of these services would ever start")
}
