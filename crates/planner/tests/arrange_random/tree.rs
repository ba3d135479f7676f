//! The wholes that resources are parts of.

#![allow(dead_code, reason = "each test crate asks some of it")]

use planner::arrange::{CloneRules, Kind, ResourceIx, Wanted};

/// The top resource that it is in.
pub fn top_of(wanted: &Wanted, at: ResourceIx) -> ResourceIx {
    let mut top = at;
    while let Some(parent) = wanted.resources[top.0].parent {
        top = parent;
    }
    top
}

/// The clone around it.
pub fn rules_of(wanted: &Wanted, at: ResourceIx) -> Option<CloneRules> {
    match &wanted.resources[top_of(wanted, at).0].kind {
        Kind::Clone { rules, .. } => Some(rules.clone()),
        Kind::Single | Kind::Group { .. } => None,
    }
}

/// The single resources in a resource.
pub fn leaves(wanted: &Wanted, at: ResourceIx) -> Vec<ResourceIx> {
    match &wanted.resources[at.0].kind {
        Kind::Single => vec![at],
        Kind::Group { members, .. } => members
            .iter()
            .flat_map(|one| leaves(wanted, *one))
            .collect(),
        Kind::Clone { child, .. } => leaves(wanted, *child),
    }
}
