//! Services that somebody started without those that they are `after`.

use std::borrow::Cow;
use std::collections::BTreeSet;

use model::seen::Dependencies;
use model::{ServiceName, Spec};

use crate::Input;

/// The spec as it is wanted now: who was started without dependencies is `after` nobody. Mostly
/// that is nobody, and the spec is as it was.
pub(crate) fn spec_for<'a>(input: &Input<'a>) -> Cow<'a, Spec> {
    let seen = input.seen.services.iter();
    let alone: BTreeSet<ServiceName> = seen
        .filter(|(_, seen)| seen.dependencies == Dependencies::Ignored)
        .map(|(name, _)| name.service())
        .collect();
    if alone.is_empty() {
        return Cow::Borrowed(input.spec);
    }
    let mut spec = input.spec.clone();
    for (name, service) in &mut spec.services {
        if alone.contains(name) {
            service.after.clear();
            service.rules.after_if_both.clear();
            service.rules.after_one_of.clear();
        }
    }
    Cow::Owned(spec)
}
