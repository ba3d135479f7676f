//! What a machine finds out about a file that is right by itself, shown with its place.

use std::ops::Range;

use model::{ResourceName, ServiceName};

use crate::{Code, Loaded, Problem, Problems, Severity};

/// Which value of a resource a remark is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keyed {
    /// What says its kind: the agent, the program.
    Kind,
    /// A parameter of its agent.
    Option(String),
}

/// What was found out about a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Of which service.
    pub service: ServiceName,
    /// About which resource.
    pub resource: ResourceName,
    /// About which value.
    pub about: Keyed,
    /// What kind of problem.
    pub code: Code,
    /// What is wrong, in one line.
    pub message: String,
    /// What stands at the place in the file.
    pub label: String,
    /// The mend.
    pub help: String,
}

impl Loaded {
    /// Adds what was found out.
    ///
    /// # Errors
    /// Everything that is wrong, warnings included, if any remark is an error.
    pub fn with_remarks(mut self, remarks: Vec<Remark>) -> Result<Self, Problems> {
        let problems = remarks.into_iter().map(|remark| {
            let at = self.place(&remark);
            Problem::new(remark.code, remark.message)
                .at(at, remark.label)
                .help(remark.help)
        });
        let mut list: Vec<Problem> = problems.collect();
        list.append(&mut self.warnings.list);
        self.warnings = Problems::new(&self.warnings.file_name, &self.warnings.source, list);
        match self.warnings.count(Severity::Error) {
            0 => Ok(self),
            _ => Err(self.warnings),
        }
    }

    /// Of a resource that is a copy of a shared definition: there.
    fn place(&self, remark: &Remark) -> Range<usize> {
        let own = format!("service/{}/{}", remark.service, remark.resource);
        let definition = self.shared.get(&own);
        let path = definition.map_or(own, |name| format!("resource/{name}"));
        match &remark.about {
            Keyed::Kind => self.places.of(&path),
            Keyed::Option(name) => self.places.of(&format!("{path}/option {name}")),
        }
    }
}
