//! What has been read so far.

use std::collections::{BTreeMap, BTreeSet};

use planner::arrange::{NodeIx, Observed, Resource, ResourceIx, Role, TicketIx, Wanted};
use planner::rule::UnixSeconds;

use super::attributes::Values;
use super::operation::Operation;
use super::options::Options;
use super::source::{Source, Xml, place};
use super::{Cluster, Note, resources, words};

/// What is known of a resource beside what is handed over.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts<'a> {
    /// Itself, then its template.
    pub definitions: Vec<Xml<'a>>,
    pub meta: Values,
    pub operations: Vec<Operation>,
    /// Whether it is, or lies in, a clone whose instances have roles.
    pub is_promotable: bool,
    /// Whether it lies in a clone.
    pub is_cloned: bool,
    /// Whether it lies in a clone whose instances differ.
    pub is_unique: bool,
    /// After which a failure is forgotten, in seconds; 0: never.
    pub failure_timeout: i64,
}

pub(super) struct Draft<'a> {
    pub source: Source<'a>,
    pub now: Option<UnixSeconds>,
    pub options: Options,
    pub wanted: Wanted,
    pub observed: Observed,
    notes: Vec<Note>,
    pub nodes: BTreeMap<String, NodeIx>,
    pub node_ids: BTreeMap<String, NodeIx>,
    /// In the order of the wanted resources.
    pub facts: Vec<Facts<'a>>,
    pub resources: BTreeMap<String, ResourceIx>,
    /// Where a resource failed in a way that is not forgotten.
    pub blocked: BTreeSet<(ResourceIx, NodeIx)>,
    /// Resources of a tag, or made from a template.
    pub bundles_of_names: BTreeMap<String, Vec<String>>,
}

impl<'a> Draft<'a> {
    pub fn new(source: Source<'a>, now: Option<UnixSeconds>) -> Self {
        Self {
            source,
            now,
            options: Options::default(),
            wanted: Wanted::default(),
            observed: Observed::default(),
            notes: Vec::new(),
            nodes: BTreeMap::new(),
            node_ids: BTreeMap::new(),
            facts: Vec::new(),
            resources: BTreeMap::new(),
            blocked: BTreeSet::new(),
            bundles_of_names: BTreeMap::new(),
        }
    }

    pub fn note(&mut self, element: Xml<'_>, text: impl Into<String>) {
        self.notes.push(Note {
            place: place(element),
            text: text.into(),
        });
    }

    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The parameters of a resource where no rule about a node holds.
    pub fn own_parameters(&self, ix: ResourceIx) -> Values {
        resources::parameters(self, ix, None)
    }

    /// The class and the agent of a resource.
    pub fn definition(&self, ix: ResourceIx) -> [&'a str; 3] {
        let get = |name: &str| {
            let mut definitions = self.facts[ix.0].definitions.iter();
            definitions
                .find_map(|element| element.attribute(name))
                .unwrap_or_default()
        };
        ["class", "provider", "type"].map(get)
    }

    pub fn finish(self) -> Cluster {
        Cluster {
            wanted: self.wanted,
            observed: self.observed,
            notes: self.notes,
        }
    }

    pub fn add_resource(&mut self, resource: Resource, facts: Facts<'a>) -> ResourceIx {
        let ix = ResourceIx(self.wanted.resources.len());
        self.resources.insert(resource.name.clone(), ix);
        self.wanted.resources.push(resource);
        self.facts.push(facts);
        ix
    }

    pub fn resource(&self, ix: ResourceIx) -> &Resource {
        &self.wanted.resources[ix.0]
    }

    pub fn ticket(&mut self, name: &str) -> TicketIx {
        let tickets = &mut self.wanted.tickets;
        let found = tickets.iter().position(|ticket| ticket == name);
        TicketIx(found.unwrap_or_else(|| {
            tickets.push(name.to_string());
            tickets.len() - 1
        }))
    }

    /// Resources that go by this name: one, or those of a tag or template.
    pub fn named(&self, name: &str) -> Vec<ResourceIx> {
        if let Some(ix) = self.resources.get(name) {
            return vec![*ix];
        }
        let members = self.bundles_of_names.get(name);
        members
            .into_iter()
            .flatten()
            .filter_map(|member| self.resources.get(member))
            .copied()
            .collect()
    }

    /// What a role in a constraint limits it to; an error is said and hands back nothing.
    pub fn role_limit(&mut self, element: Xml<'_>, text: Option<&str>) -> Result<Option<Role>, ()> {
        let Some(text) = text else { return Ok(None) };
        match words::role(text) {
            Some("Promoted") => Ok(Some(Role::Promoted)),
            Some("Unpromoted") => Ok(Some(Role::Unpromoted)),
            Some("Started") => Ok(None),
            _ => {
                self.note(
                    element,
                    format!("a constraint on the role {text} has no words here"),
                );
                Err(())
            }
        }
    }
}
