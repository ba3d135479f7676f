//! `[resource.NAME]`, a definition that several services share, and `use`, which refers to
//! one. Definitions are gone once the file is read: the `Spec` holds each service's own copy.

use std::ops::Range;

use model::spec::{Limits, ResourceKind, ResourceSpec};
use model::{ResourceName, ServiceName};

use super::answers::Said;
use super::resource::{KINDS, LATER, read_body, read_limits};
use super::section::{Entry, Section};
use super::{Context, Placed};
use crate::check::Named;
use crate::suggest::nearest;
use crate::{Code, Problem};

/// A resource that services refer to.
#[derive(Debug, Clone)]
pub(crate) struct Definition {
    /// What it is; nothing when that could not be read, which was reported at its place.
    pub(crate) kind: Option<ResourceKind>,
    limits: Limits,
    pub(super) said: Said,
    /// How many resources refer to it, those with problems of their own included.
    pub(crate) uses: usize,
}

/// Reads `[resource.NAME]`.
pub(super) fn read(context: &mut Context<'_>, mut section: Section<'_>, name: ResourceName) {
    let path = format!("resource/{name}");
    context.places.put(path.clone(), section.at());
    context.places.put(format!("{path}/header"), section.at());
    let title = format!("[resource.{name}]");
    let limits = read_limits(context, &mut section, Limits::default());
    let said = Said::read(context, &mut section, &title);
    let elsewhere = [
        (
            "name",
            "the name stands in the header",
            "give a `name` where it is used",
        ),
        (
            "use",
            "a definition refers to no other",
            "write here what it is",
        ),
    ];
    for (key, label, help) in elsewhere {
        if let Some(entry) = get_if_there(&mut section, key) {
            let message = format!("`{key}` does not go into a shared definition");
            let problem = Problem::new(Code::DoesNotBelong, message)
                .at(entry.key_at, label)
                .help(format!("remove it; {help}"));
            context.report(problem);
        }
    }
    let kind = read_body(context, section, (&title, &path));
    let definition = Definition {
        kind,
        limits,
        said,
        uses: 0,
    };
    context.definitions.insert(name, definition);
}

/// Reads a resource that says `use = "NAME"`. Its place in the file is that of its own name,
/// else of the definition's name.
pub(super) fn read_use(
    context: &mut Context<'_>,
    mut section: Section<'_>,
    (service, entry): (&ServiceName, &Entry<'_>),
) -> Option<Placed<ResourceSpec>> {
    let used = entry.name::<ResourceName>(context);
    let definition = used.as_ref().and_then(|used| find(context, used));
    let base = definition.as_ref().map_or(Limits::default(), |d| d.limits);
    let limits = read_limits(context, &mut section, base);
    let own = section
        .get("name")
        .map(|entry| entry.name::<ResourceName>(context));
    let fits = refuse_other_keys(context, &mut section, entry);
    section.finish(context, LATER);
    let used = used?;
    let name = match own {
        Some(own) => own?,
        None => used.clone(),
    };
    let path = format!("service/{service}/{}", name.value);
    context.places.put(path.clone(), used.at);
    context.shared.insert(path, used.value);
    let kind = definition.filter(|_| fits.is_some())?.kind?;
    Some(Placed {
        value: ResourceSpec {
            name: name.value,
            kind,
            limits,
        },
        at: name.at,
    })
}

/// The definition, from now on used; a problem when there is none.
fn find(context: &mut Context<'_>, used: &Placed<ResourceName>) -> Option<Definition> {
    if let Some(definition) = context.definitions.get_mut(&used.value) {
        definition.uses += 1;
        return Some(definition.clone());
    }
    let known: Vec<String> = context
        .definitions
        .keys()
        .map(ToString::to_string)
        .collect();
    let at = used.at.clone();
    let problem = crate::check::unknown(Named::Definition, &used.value, at, &known);
    context.report(problem);
    // The one that was probably meant is not unused as well.
    let meant = nearest(used.value.as_str(), known.iter().map(String::as_str));
    for (name, definition) in &mut context.definitions {
        definition.uses += usize::from(meant == Some(name.as_str()));
    }
    None
}

/// Reports what cannot stand beside `use`: another kind, or a key that belongs to one.
fn refuse_other_keys(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    used: &Entry<'_>,
) -> Option<()> {
    let mut kinds: Vec<Entry<'_>> = Vec::new();
    let mut keys: Vec<Entry<'_>> = Vec::new();
    for (kind, with) in KINDS {
        kinds.extend(get_if_there(section, kind));
        for key in with {
            if !keys.iter().any(|seen| seen.key == *key) {
                keys.extend(get_if_there(section, key));
            }
        }
    }
    if let Some(kind) = kinds.first() {
        let key = &kind.key;
        let problem = Problem::new(
            Code::TwoKinds,
            format!("`use` and `{key}` say two things about one resource"),
        )
        .at(
            kind.key_at.clone(),
            format!("this makes it a resource of kind {key}"),
        )
        .at(
            used.key_at.clone(),
            "and this a copy of a shared definition",
        )
        .help(format!(
            "remove one of them, or give `{key}` its own `[[service.NAME.resource]]`"
        ));
        context.report(problem);
        return None;
    }
    for entry in &keys {
        let problem = Problem::new(
            Code::NotOverridable,
            format!("`{}` cannot be changed where a definition is used", entry.key),
        )
        .at(entry.key_at.clone(), "is as the definition says")
        .at(used.value.span(), "of this definition")
        .help("write it into the definition, or a resource without `use`; `name`, `every`, the limits, `on_failure` and `restart` may differ");
        context.report(problem);
    }
    keys.is_empty().then_some(())
}

/// The entry, without making `key` a known one where it is not written.
fn get_if_there<'a>(section: &mut Section<'a>, key: &'static str) -> Option<Entry<'a>> {
    section.has(key).then(|| section.get(key)).flatten()
}

/// Definitions that nothing refers to.
pub(super) fn report_unused(context: &mut Context<'_>) {
    let unused: Vec<(ResourceName, Range<usize>)> = context
        .definitions
        .iter()
        .filter(|(_, definition)| definition.uses == 0)
        .map(|(name, _)| {
            (
                name.clone(),
                context.places.of(&format!("resource/{name}/header")),
            )
        })
        .collect();
    for (name, at) in unused {
        let problem = Problem::new(
            Code::UnusedDefinition,
            format!("no service uses the shared definition {name}"),
        )
        .at(at, "unused")
        .help(format!(
            "add `use = \"{name}\"` to a `[[service.NAME.resource]]`, or remove it"
        ));
        context.report(problem);
    }
}
