//! From text to `Spec`: one reader per section, then the checks across sections.

mod after;
mod agent;
mod answers;
mod checks;
mod cluster;
mod kinds;
mod machines;
mod pings;
mod process;
mod reload;
mod resource;
mod roles;
mod rules;
mod section;
mod service;
mod shared;
mod syntax;
mod tickets;
mod value;
mod wheres;

use std::collections::BTreeMap;
use std::ops::Range;

use ipnet::IpNet;
use model::checks::CheckSpec;
use model::spec::{ClusterSpec, FENCE_RACE_DELAY_DEFAULT, NoQuorumPolicy, PORT_DEFAULT, Timings};
use model::{NetworkName, ResourceName, ServiceName, Spec};
use toml::de::DeTable;

use crate::{Code, Problem, Problems, Severity, check};
use section::Section;
use shared::Definition;

/// The text travels in one log entry; a cluster of 64 nodes and 10,000 resources fits.
pub const SOURCE_LENGTH_MAX: usize = 4 * 1024 * 1024;

/// A file without errors.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// What it describes.
    pub spec: Spec,
    /// What somebody should look at nevertheless.
    pub warnings: Problems,
    /// Where things stand, for what the machine finds out later.
    pub(crate) places: Places,
    /// The definition of each resource that has one, by the resource's path.
    pub(crate) shared: BTreeMap<String, ResourceName>,
}

/// Reads a file. `file_name` is what messages call it.
///
/// # Errors
/// Everything that is wrong with it, warnings included, if anything is an error.
pub fn read(file_name: &str, source: &str) -> Result<Loaded, Problems> {
    let mut context = Context::new(source);
    context.read();
    let problems = Problems::new(file_name, source, context.problems);
    match problems.count(Severity::Error) {
        0 => Ok(Loaded {
            spec: context.spec,
            warnings: problems,
            places: context.places,
            shared: context.shared,
        }),
        _ => Err(problems),
    }
}

/// Where each thing of a file stands that was read before.
pub(crate) fn places_of(source: &str) -> Places {
    let mut context = Context::new(source);
    context.read();
    context.places
}

/// Reads a file that holds nothing but `[[service.X.check]]`: checks that are installed at run
/// time. Whether there is such a service, the cluster must tell.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read_checks(
    file_name: &str,
    source: &str,
) -> Result<Vec<(ServiceName, CheckSpec)>, Problems> {
    let mut context = Context::new(source);
    let (table, errors) = DeTable::parse_recoverable(source);
    context.problems = syntax::problems(source, &errors);
    let mut found = Vec::new();
    if context.problems.is_empty() {
        let mut root = Section::root(table.get_ref());
        if root.require(&mut context, "service", "[[service.NAME.check]]") {
            for (mut section, name) in root.named_sections::<ServiceName>(&mut context, "service") {
                let checks = checks::read_of_service(&mut context, &mut section, &name, None);
                section.finish(&mut context, &[]);
                found.extend(checks.into_iter().map(|check| (name.clone(), check)));
            }
        }
        root.finish(&mut context, &[]);
    }
    match context.problems.is_empty() {
        true => Ok(found),
        false => Err(Problems::new(file_name, source, context.problems)),
    }
}

/// Reads a file that may not even be text.
///
/// # Errors
/// As `read`; the `source` of the problems then holds the text with the bad bytes replaced.
pub fn read_bytes(file_name: &str, bytes: &[u8]) -> Result<Loaded, Problems> {
    match std::str::from_utf8(bytes) {
        Ok(source) => read(file_name, source),
        Err(error) => {
            let at = error.valid_up_to();
            let problem = Problem::new(Code::NotText, "the file is not UTF-8 text")
                .at(at..at + 1, "this byte belongs to no character")
                .help("save the file as UTF-8, or copy it again from where it came from");
            let source = String::from_utf8_lossy(bytes);
            Err(Problems::new(file_name, &source, vec![problem]))
        }
    }
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Placed<T> {
    pub(crate) value: T,
    pub(crate) at: Range<usize>,
}

/// Where in the text each thing stands, by its path (`service/web/prefer/0`). Names cannot
/// contain a slash, so paths are unique.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Places(BTreeMap<String, Range<usize>>);

impl Places {
    pub(crate) fn put(&mut self, path: String, at: Range<usize>) {
        self.0.insert(path, at);
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// The place of `path`, else of the nearest thing that holds it.
    pub(crate) fn of(&self, path: &str) -> Range<usize> {
        let mut path = path;
        loop {
            if let Some(at) = self.0.get(path) {
                return at.clone();
            }
            match path.rfind('/') {
                Some(slash) => path = &path[..slash],
                None => return 0..0,
            }
        }
    }
}

/// Whether problems with the nodes have been found: then what follows from their addresses
/// cannot be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Addresses {
    Complete,
    Doubtful,
}

/// What all readers share.
pub(crate) struct Context<'a> {
    pub(crate) source: &'a str,
    pub(crate) spec: Spec,
    pub(crate) places: Places,
    pub(crate) addresses: Addresses,
    /// The subnets of each network: those of its nodes' addresses.
    pub(crate) subnets: BTreeMap<NetworkName, Vec<IpNet>>,
    /// The definitions that services share.
    pub(crate) definitions: BTreeMap<ResourceName, Definition>,
    /// The definition of each resource that has one, by the resource's path.
    pub(crate) shared: BTreeMap<String, ResourceName>,
    /// What the resources of the service that is being read say of its role.
    pub(crate) given: BTreeMap<ResourceName, roles::Given>,
    /// What the resources of the service that is being read say of their failures.
    pub(crate) said: BTreeMap<ResourceName, answers::Said>,
    pub(crate) problems: Vec<Problem>,
}

impl<'a> Context<'a> {
    fn new(source: &'a str) -> Self {
        let cluster = ClusterSpec {
            name: String::new(),
            port: PORT_DEFAULT,
            timings: Timings::DEFAULT,
            fences_per_hour_max: cluster::FENCES_PER_HOUR_DEFAULT,
            no_quorum: NoQuorumPolicy::Stop,
            fence_race_delay: FENCE_RACE_DELAY_DEFAULT,
            ping_targets: Vec::new(),
            rules: Default::default(),
        };
        Self {
            source,
            spec: Spec {
                cluster,
                networks: BTreeMap::new(),
                nodes: BTreeMap::new(),
                fence_devices: BTreeMap::new(),
                services: BTreeMap::new(),
            },
            places: Places::default(),
            addresses: Addresses::Complete,
            subnets: BTreeMap::new(),
            definitions: BTreeMap::new(),
            shared: BTreeMap::new(),
            given: BTreeMap::new(),
            said: BTreeMap::new(),
            problems: Vec::new(),
        }
    }

    pub(crate) fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    fn read(&mut self) {
        if SOURCE_LENGTH_MAX < self.source.len() {
            let size = self.source.len();
            self.report(
                Problem::new(
                    Code::TooLarge,
                    format!("the file has {size} bytes, at most {SOURCE_LENGTH_MAX} can be read"),
                )
                .help("make sure that this is the right file"),
            );
            return;
        }
        let (table, errors) = DeTable::parse_recoverable(self.source);
        let problems = syntax::problems(self.source, &errors);
        // A key written twice leaves the rest readable; after other faults, what the parser
        // made of the rest is a guess.
        let readable = problems.iter().all(|each| each.code == Code::DuplicateKey);
        self.problems.extend(problems);
        if readable {
            self.read_sections(Section::root(table.get_ref()));
            check::check(self);
        }
    }

    fn read_sections(&mut self, mut root: Section<'_>) {
        if root.require(self, "cluster", "[cluster]\nname = \"shop\"") {
            root.section(self, "cluster", cluster::read);
        }
        for (section, name) in root.named_sections(self, "network") {
            machines::read_network(self, section, name);
        }
        let before = self.problems.len();
        for (section, name) in root.named_sections(self, "node") {
            machines::read_node(self, section, name);
        }
        if before < self.problems.len() {
            self.addresses = Addresses::Doubtful;
        }
        self.collect_subnets();
        for (section, name) in root.named_sections(self, "fence") {
            machines::read_device(self, section, name);
        }
        for (section, name) in root.named_sections(self, "resource") {
            shared::read(self, section, name);
        }
        for (section, name) in root.named_sections(self, "service") {
            service::read(self, section, name);
        }
        shared::report_unused(self);
        root.finish(self, SECTIONS_LATER);
    }

    fn collect_subnets(&mut self) {
        for (network, attachment) in self.spec.nodes.values().flat_map(|node| &node.networks) {
            let of_network = self.subnets.entry(network.clone()).or_default();
            let subnet = attachment.address.trunc();
            if !of_network.contains(&subnet) {
                of_network.push(subnet);
            }
        }
    }
}

/// Sections of the file format that later versions read.
const SECTIONS_LATER: &[&str] = &["volume", "witness", "ticket", "monitor", "user"];
