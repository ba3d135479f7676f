//! What a resource needs of the nodes that may run it: one function per kind.

use model::environment::Question;
use model::reload::ProcessReload;
use model::spec::{
    AddressSpec, AgentSpec, CommandSpec, FsckPolicy, MountSource, MountSpec, ProcessSpec, Ready,
    ResourceKind, ServiceSpec,
};

/// What a node is asked before it may run a resource of this kind. The cards of an address
/// are those of the node: whoever asks fills them in.
#[must_use]
pub fn inspect(kind: &ResourceKind) -> Vec<Question> {
    match kind {
        ResourceKind::Address(address) => of_address(address),
        ResourceKind::Process(process) => of_process(process),
        ResourceKind::Command(command) => of_command(command),
        ResourceKind::Mount(mount) => of_mount(mount),
        ResourceKind::Agent(agent) => of_agent(agent),
        ResourceKind::Systemd(systemd) => vec![Question::Unit {
            name: systemd.unit.clone(),
        }],
        ResourceKind::Route(_) => Vec::new(),
        ResourceKind::Export(export) => vec![
            tool("exportfs"),
            Question::Directory {
                path: export.directory.clone(),
            },
        ],
        ResourceKind::VolumeGroup(_) => vec![tool("vgchange")],
    }
}

fn of_address(address: &AddressSpec) -> Vec<Question> {
    vec![Question::Address {
        address: address.address,
        cards: Vec::new(),
        wait: address.duplicate_wait,
    }]
}

fn of_process(process: &ProcessSpec) -> Vec<Question> {
    let mut questions = vec![program(&process.argv, process.user.clone())];
    if let Some(ProcessReload::Command(argv)) = &process.reload {
        questions.push(program(argv, None));
    }
    let accounts = process.user.iter().cloned();
    questions.extend(accounts.map(|name| Question::Account { name }));
    let groups = process.group.iter().cloned();
    questions.extend(groups.map(|name| Question::Group { name }));
    let directories = process.directory.iter().cloned();
    questions.extend(directories.map(|path| Question::Directory { path }));
    match process.ready {
        Ready::Port(at) => questions.push(Question::Port { at }),
        Ready::Http { address: at, .. } => questions.push(Question::Port { at }),
        Ready::Exit(ref argv) => questions.push(program(argv, process.user.clone())),
        Ready::Executed | Ready::Notify | Ready::File(_) => {}
    }
    questions
}

fn of_command(command: &CommandSpec) -> Vec<Question> {
    let mut programs = vec![&command.start, &command.stop, &command.status];
    let roles = command.roles.iter();
    programs.extend(roles.flat_map(|roles| [&roles.promote, &roles.demote]));
    let migration = command.migration.iter();
    programs.extend(migration.flat_map(|migration| [&migration.to, &migration.from]));
    let programs = programs.into_iter().chain(&command.reload);
    programs.map(|argv| program(argv, None)).collect()
}

fn of_mount(mount: &MountSpec) -> Vec<Question> {
    let mut questions = vec![Question::MountPoint {
        target: mount.target.clone(),
        source: mount.source.clone(),
    }];
    match &mount.source {
        MountSource::Bind { path } => questions.push(Question::Directory { path: path.clone() }),
        MountSource::Nfs { .. } => questions.push(tool("mount.nfs")),
        MountSource::Tmpfs { .. } => {}
        MountSource::Device { path, filesystem } => {
            questions.push(Question::Device { path: path.clone() });
            questions.push(Question::Filesystem {
                name: filesystem.clone(),
            });
            match mount.check {
                FsckPolicy::Never => {}
                FsckPolicy::Preen | FsckPolicy::Force => questions.push(Question::Tool {
                    name: format!("fsck.{filesystem}"),
                }),
            }
        }
    }
    questions
}

/// Where agents are, as their standard and Debian have it.
const OCF_AGENTS: &str = "/usr/lib/ocf/resource.d";
const INIT_SCRIPTS: &str = "/etc/init.d";

fn of_agent(agent: &AgentSpec) -> Vec<Question> {
    let path = match (agent.ocf(), agent.lsb()) {
        (Some((provider, name)), _) => format!("{OCF_AGENTS}/{provider}/{name}"),
        (None, Some(script)) => format!("{INIT_SCRIPTS}/{script}"),
        (None, None) => return Vec::new(),
    };
    vec![Question::Program { path, user: None }]
}

/// Whether an agent can be asked about a resource before anything of its service runs: what
/// stands before it brings nothing that it may look for. Addresses and routes bring no files.
pub(super) fn is_asked_ahead(service: &ServiceSpec, place: usize) -> bool {
    let brings_nothing = |kind: &ResourceKind| match kind {
        ResourceKind::Address(_) | ResourceKind::Route(_) => true,
        ResourceKind::Agent(agent) => agent.ocf().is_some_and(|(_, kind)| kind.starts_with("IP")),
        ResourceKind::Process(_)
        | ResourceKind::Command(_)
        | ResourceKind::Mount(_)
        | ResourceKind::Systemd(_)
        | ResourceKind::Export(_)
        | ResourceKind::VolumeGroup(_) => false,
    };
    let mut before = service.resources[..place].iter();
    service.rules.together_with.is_empty() && before.all(|it| brings_nothing(&it.kind))
}

fn tool(name: &str) -> Question {
    Question::Tool {
        name: name.to_string(),
    }
}

pub(super) fn program(argv: &[String], user: Option<String>) -> Question {
    let path = argv.first().cloned().unwrap_or_default();
    Question::Program { path, user }
}

/// Whether a path is there only while a resource of this kind runs.
pub(super) fn brings(kind: &ResourceKind, path: &str) -> bool {
    let is_below = |directory: &str| {
        let below = path.strip_prefix(directory);
        below.is_some_and(|rest| rest.starts_with('/'))
    };
    match kind {
        ResourceKind::Mount(mount) => is_below(&mount.target),
        ResourceKind::VolumeGroup(group) => {
            // The device mapper doubles the dashes of a name; two would be one in the name of
            // another group.
            let prefix = format!("/dev/mapper/{}-", group.name.replace('-', "--"));
            let volume = path.strip_prefix(prefix.as_str());
            is_below(&format!("/dev/{}", group.name))
                || volume.is_some_and(|volume| !volume.starts_with('-'))
        }
        ResourceKind::Address(_)
        | ResourceKind::Process(_)
        | ResourceKind::Command(_)
        | ResourceKind::Agent(_)
        | ResourceKind::Systemd(_)
        | ResourceKind::Route(_)
        | ResourceKind::Export(_) => false,
    }
}

/// The path that a question is about, if it is about one: what lies on a mount of the
/// cluster can only be looked at while that is mounted.
pub(super) fn path_of(question: &Question) -> Option<&str> {
    match question {
        Question::Program { path, .. }
        | Question::Directory { path }
        | Question::MountPoint { target: path, .. }
        | Question::Device { path }
        | Question::Path { path }
        | Question::File { path } => Some(path),
        Question::Tool { .. }
        | Question::Account { .. }
        | Question::Group { .. }
        | Question::Unit { .. }
        | Question::Filesystem { .. }
        | Question::Card { .. }
        | Question::OwnAddress { .. }
        | Question::Address { .. }
        | Question::Port { .. }
        | Question::FenceAgent { .. }
        | Question::Agent { .. }
        | Question::AgentReload { .. }
        | Question::HostName { .. }
        | Question::Clock
        | Question::Space
        | Question::HardwareAddresses
        | Question::Refusals => None,
    }
}
