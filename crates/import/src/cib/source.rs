//! The XML: where things are, what refers to what.

use std::collections::BTreeMap;

use roxmltree::{Document, Node, ParsingOptions};

use super::{ImportError, Place};

/// An element.
pub(super) type Xml<'a> = Node<'a, 'a>;

pub(super) fn parse(text: &str) -> Result<Document<'_>, ImportError> {
    let options = ParsingOptions {
        allow_dtd: false,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, options).map_err(|error| {
        let at = error.pos();
        // The place is told apart.
        let problem = error.to_string();
        let problem = problem.trim_end_matches(&format!(" at {at}"));
        ImportError::NotXml {
            place: Place {
                line: at.row,
                column: at.col,
            },
            problem: problem.to_string(),
        }
    })
}

/// The parts of a CIB.
pub(super) struct Source<'a> {
    pub cib: Xml<'a>,
    pub configuration: Xml<'a>,
    pub status: Option<Xml<'a>>,
    /// Elements of the configuration, for references by `id-ref`.
    by_id: BTreeMap<(&'a str, &'a str), Xml<'a>>,
}

impl<'a> Source<'a> {
    pub fn new(document: &'a Document<'a>) -> Result<Self, ImportError> {
        let cib = document.root_element();
        let no_cib = |problem: &str| ImportError::NotACib {
            place: place(cib),
            problem: problem.to_string(),
        };
        if cib.tag_name().name() != "cib" {
            return Err(no_cib("its outermost element is not <cib>"));
        }
        let configuration =
            child(cib, "configuration").ok_or_else(|| no_cib("<configuration> is missing"))?;
        let mut by_id = BTreeMap::new();
        for element in configuration.descendants().filter(Node::is_element) {
            if let Some(id) = element.attribute("id") {
                by_id
                    .entry((element.tag_name().name(), id))
                    .or_insert(element);
            }
        }
        Ok(Self {
            cib,
            configuration,
            status: child(cib, "status"),
            by_id,
        })
    }

    /// The element itself, or what it refers to.
    pub fn resolved(&self, element: Xml<'a>) -> Xml<'a> {
        let Some(id) = element.attribute("id-ref") else {
            return element;
        };
        let key = (element.tag_name().name(), id);
        self.by_id.get(&key).copied().unwrap_or(element)
    }

    /// Children with this name, references followed.
    pub fn children(&self, parent: Xml<'a>, tag: &str) -> Vec<Xml<'a>> {
        elements(parent)
            .filter(|element| element.tag_name().name() == tag)
            .map(|element| self.resolved(element))
            .collect()
    }

    /// A definition that primitives are made from.
    pub fn template(&self, id: &str) -> Option<Xml<'a>> {
        self.by_id.get(&("template", id)).copied()
    }

    /// A part of the configuration.
    pub fn section(&self, tag: &str) -> Option<Xml<'a>> {
        child(self.configuration, tag)
    }

    /// What stands in a part of the configuration.
    pub fn section_elements(&self, tag: &str) -> Vec<Xml<'a>> {
        self.section(tag)
            .map(|section| elements(section).collect())
            .unwrap_or_default()
    }
}

pub(super) fn elements<'a>(parent: Xml<'a>) -> impl Iterator<Item = Xml<'a>> {
    parent.children().filter(Node::is_element)
}

pub(super) fn child<'a>(parent: Xml<'a>, tag: &str) -> Option<Xml<'a>> {
    elements(parent).find(|element| element.tag_name().name() == tag)
}

pub(super) fn id<'a>(element: Xml<'a>) -> &'a str {
    element.attribute("id").unwrap_or_default()
}

pub(super) fn place(element: Xml<'_>) -> Place {
    let at = element.document().text_pos_at(element.range().start);
    Place {
        line: at.row,
        column: at.col,
    }
}
