//! `after`: what must run before a service starts.

use model::ServiceName;
use model::roles::RoleMeant;
use model::spec::ServiceSpec;
use toml::de::DeValue;

use super::section::{Entry, Section};
use super::{Context, Placed, roles, rules};
use crate::{Code, Problem};

/// How one member of the list is meant.
enum How {
    /// It must run, and what is after it stops before it.
    Always(Which),
    /// `only_if_both = true`.
    OnlyIfBoth,
    /// `starts_only = true`.
    StartsOnly(Which),
}

/// Which of its copies must run, where it has any.
#[derive(Clone, Copy)]
enum Which {
    /// One, or the one on the same node.
    Any,
    /// `role = "promoted"`.
    Promoted,
    /// `all_copies = true`.
    All,
}

/// Reads the list: services, tables with a `service`, and tables with `one_of`.
pub(super) fn read(
    context: &mut Context<'_>,
    entry: &Entry<'_>,
    name: &ServiceName,
    service: &mut ServiceSpec,
) {
    for item in entry.items(context).unwrap_or_default() {
        let (after, how) = match item.value.get_ref() {
            DeValue::Table(_) => {
                let title = format!("`after` of [service.{name}]");
                let Some(mut table) = item.table(context, title) else {
                    continue;
                };
                if let Some(list) = table.get("one_of") {
                    read_one_of(context, &list, name, service);
                    table.finish(context, &[]);
                    continue;
                }
                read_table(context, table)
            }
            _ => (rules::read_service(context, &item), How::Always(Which::Any)),
        };
        if let Some(after) = after {
            take(context, (name, service), after, &how);
        }
    }
}

fn read_table(
    context: &mut Context<'_>,
    mut table: Section<'_>,
) -> (Option<Placed<ServiceName>>, How) {
    let after = table
        .require(context, "service", "service = \"db\"")
        .then(|| rules::read_service(context, &table.get("service")?))
        .flatten();
    let mut is_said = |key: &'static str| {
        let entry = table.get(key)?;
        (entry.truth(context) == Some(true)).then_some(entry)
    };
    let (both, starts) = (is_said("only_if_both"), is_said("starts_only"));
    let all = is_said("all_copies");
    if let (Some(_), Some(starts)) = (&both, &starts) {
        let problem = Problem::new(
            Code::DoesNotBelong,
            "`starts_only` does not go with `only_if_both`",
        )
        .at(starts.key_at.clone(), "one of the two is too many")
        .help("remove `starts_only` or `only_if_both`");
        context.report(problem);
    }
    let role = roles::read_role(context, &mut table);
    let which = match (all, role) {
        (None, RoleMeant::Any) => Which::Any,
        (None, RoleMeant::Promoted) => Which::Promoted,
        (Some(all), role) => {
            refuse_beside_all_copies(context, &all, (&both, role));
            Which::All
        }
    };
    table.finish(context, &[]);
    let how = match (both, starts) {
        (Some(_), _) => How::OnlyIfBoth,
        (None, Some(_)) => How::StartsOnly(which),
        (None, None) => How::Always(which),
    };
    (after, how)
}

/// All copies are more than the promoted ones, and what is in order only if both start waits for
/// all that start anyway.
fn refuse_beside_all_copies(
    context: &mut Context<'_>,
    all: &Entry<'_>,
    (both, role): (&Option<Entry<'_>>, RoleMeant),
) {
    let promoted = (role == RoleMeant::Promoted).then_some((
        "role",
        "promoted copies are fewer than all",
        "remove `all_copies` or `role`",
    ));
    let both = both.as_ref().map(|_| {
        (
            "only_if_both",
            "all that start now are waited for anyway",
            "remove `all_copies`, or `only_if_both` to wait for all of them always",
        )
    });
    for (key, why, help) in promoted.into_iter().chain(both) {
        let message = format!("`all_copies` does not go with `{key}`");
        let problem = Problem::new(Code::DoesNotBelong, message);
        context.report(problem.at(all.key_at.clone(), why).help(help));
    }
}

fn take(
    context: &mut Context<'_>,
    (name, service): (&ServiceName, &mut ServiceSpec),
    after: Placed<ServiceName>,
    how: &How,
) {
    let lists = [
        ("after", &service.after),
        ("after_if_both", &service.rules.after_if_both),
    ];
    let first = lists.into_iter().find_map(|(key, list)| {
        let first = list.iter().position(|other| *other == after.value)?;
        Some(context.places.of(&format!("service/{name}/{key}/{first}")))
    });
    if let Some(first) = first {
        let message = format!("`after` names {} twice", after.value);
        let problem = Problem::new(Code::Repeated, message)
            .at(after.at, "again")
            .at(first, "first here")
            .help("remove the second");
        context.report(problem);
        return;
    }
    let (key, list) = match how {
        How::Always(_) | How::StartsOnly(_) => ("after", &mut service.after),
        How::OnlyIfBoth => ("after_if_both", &mut service.rules.after_if_both),
    };
    let path = format!("service/{name}/{key}/{}", list.len());
    context.places.put(path, after.at);
    list.push(after.value.clone());
    if let How::Always(which) | How::StartsOnly(which) = how {
        let into = match which {
            Which::Any => None,
            Which::Promoted => Some(&mut service.rules.after_promoted),
            Which::All => Some(&mut service.rules.after_all_copies),
        };
        into.map(|into| into.insert(after.value.clone()));
    }
    if let How::StartsOnly(_) = how {
        service.rules.after_starts.insert(after.value);
    }
}

/// `{ one_of = ["a", "b"] }`.
fn read_one_of(
    context: &mut Context<'_>,
    entry: &Entry<'_>,
    name: &ServiceName,
    service: &mut ServiceSpec,
) {
    let mut several: Vec<ServiceName> = Vec::new();
    let before: usize = service.rules.after_one_of.iter().map(Vec::len).sum();
    let Some(items) = entry.items(context) else {
        return;
    };
    let is_empty = items.is_empty();
    for item in items {
        let Some(one) = rules::read_service(context, &item) else {
            continue;
        };
        if rules::is_named_twice(context, entry, &one, several.iter()) {
            continue;
        }
        let path = format!("service/{name}/after_one_of/{}", before + several.len());
        context.places.put(path, one.at);
        several.push(one.value);
    }
    match several.as_slice() {
        [] if is_empty => {
            let problem = Problem::new(Code::DoesNotBelong, "`one_of` names no service")
                .at(entry.key_at.clone(), "one of which?")
                .help("name two services or more, or remove it");
            context.report(problem);
        }
        [] => {}
        [one] => {
            let problem = Problem::new(Code::DoesNotBelong, "`one_of` names one service")
                .at(entry.key_at.clone(), "one of which others?")
                .help(format!("name another one, or write `after = [\"{one}\"]`"));
            context.report(problem);
        }
        [_, _, ..] => service.rules.after_one_of.push(several),
    }
}
