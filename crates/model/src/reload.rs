//! New settings without a stop: what can be reloaded, by which means, and what a change of a
//! resource's description asks for while it runs.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ResourceName;
use crate::seen::ResourceFailure;
use crate::spec::{
    AgentSpec, CommandSpec, ProcessSpec, ResourceKind, ResourceSpec, ServiceSpec, Spec,
};

/// Signals that programs take for an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Signal {
    /// The line is gone; for daemons: read the configuration again.
    #[serde(rename = "SIGHUP")]
    Hup,
    /// As by a key on a terminal.
    #[serde(rename = "SIGINT")]
    Int,
    /// As by another key; mostly a graceful end.
    #[serde(rename = "SIGQUIT")]
    Quit,
    /// Please end.
    #[serde(rename = "SIGTERM")]
    Term,
    /// Whatever the program makes of it.
    #[serde(rename = "SIGUSR1")]
    Usr1,
    /// Whatever the program makes of it.
    #[serde(rename = "SIGUSR2")]
    Usr2,
    /// A window has another size; for some servers: end gracefully.
    #[serde(rename = "SIGWINCH")]
    Winch,
}

impl Signal {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Hup,
        Self::Int,
        Self::Quit,
        Self::Term,
        Self::Usr1,
        Self::Usr2,
        Self::Winch,
    ];

    /// Its name: `SIGHUP`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Hup => "SIGHUP",
            Self::Int => "SIGINT",
            Self::Quit => "SIGQUIT",
            Self::Term => "SIGTERM",
            Self::Usr1 => "SIGUSR1",
            Self::Usr2 => "SIGUSR2",
            Self::Winch => "SIGWINCH",
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A word that is no signal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no signal that can be sent here")]
pub struct NoSignal(String);

impl FromStr for Signal {
    type Err = NoSignal;

    /// `SIGHUP`, or `HUP`.
    fn from_str(text: &str) -> Result<Self, NoSignal> {
        let short = text.strip_prefix("SIG").unwrap_or(text);
        let found = Self::ALL
            .into_iter()
            .find(|signal| signal.word()[3..] == *short);
        found.ok_or_else(|| NoSignal(text.to_string()))
    }
}

/// How a process is told to read its own configuration again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessReload {
    /// By a signal to its main process.
    Signal(Signal),
    /// By a program (absolute path, arguments) that ends with 0; it finds the main process in
    /// `MAINPID`.
    Command(Vec<String>),
}

/// What an OCF agent said of reloads when it was asked: on the nodes that may run the resource,
/// before the configuration became live.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentReload {
    /// Parameters of which it takes new values while the resource runs.
    pub parameters: BTreeSet<String>,
    /// Whether it can have what it operates read its own configuration again.
    pub own: bool,
}

impl AgentReload {
    /// What both can do.
    #[must_use]
    pub fn shared(self, other: &Self) -> Self {
        let both = self.parameters.intersection(&other.parameters);
        Self {
            parameters: both.cloned().collect(),
            own: self.own && other.own,
        }
    }
}

/// What a new description of a resource asks for while it runs. In order: of several resources
/// the greatest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Renewal {
    /// Nothing: what runs is not concerned. Limits of operations, how it is looked after.
    Noted,
    /// A reload.
    Reload,
    /// A stop and a start.
    Restart,
}

/// What the change from one description to another asks for.
#[must_use]
pub fn renewal(old: &ResourceSpec, new: &ResourceSpec) -> Renewal {
    if old.name != new.name {
        return Renewal::Restart;
    }
    let noted = |same: bool| match same {
        true => Renewal::Noted,
        false => Renewal::Restart,
    };
    match (&old.kind, &new.kind) {
        (ResourceKind::Process(old), ResourceKind::Process(new)) => noted(is_same_run(old, new)),
        (ResourceKind::Command(old), ResourceKind::Command(new)) => {
            let as_before = CommandSpec {
                reload: old.reload.clone(),
                ..new.clone()
            };
            noted(*old == as_before)
        }
        (ResourceKind::Agent(old), ResourceKind::Agent(new)) => of_agent(old, new),
        (old, new) => noted(old == new),
    }
}

/// The same for a service: the same resources in the same order, or it is a restart.
#[must_use]
pub fn renewal_of_service(old: &ServiceSpec, new: &ServiceSpec) -> Renewal {
    if old.resources.len() != new.resources.len() {
        return Renewal::Restart;
    }
    let pairs = old.resources.iter().zip(&new.resources);
    let each = pairs.map(|(old, new)| renewal(old, new));
    each.max().unwrap_or(Renewal::Noted)
}

/// Whether a process that was started by one description is what the other would start.
fn is_same_run(old: &ProcessSpec, new: &ProcessSpec) -> bool {
    let as_before = ProcessSpec {
        ready: old.ready.clone(),
        stop_signal: old.stop_signal,
        reload: old.reload.clone(),
        ..new.clone()
    };
    *old == as_before
}

fn of_agent(old: &AgentSpec, new: &AgentSpec) -> Renewal {
    if old.agent != new.agent {
        return Renewal::Restart;
    }
    let names: BTreeSet<&String> = old.options.keys().chain(new.options.keys()).collect();
    let mut changed = names
        .into_iter()
        .filter(|name| old.options.get(*name) != new.options.get(*name))
        .peekable();
    if changed.peek().is_none() {
        return Renewal::Noted;
    }
    let known = new.reload.as_ref().map(|reload| &reload.parameters);
    match known.is_some_and(|known| changed.all(|name| known.contains(name))) {
        true => Renewal::Reload,
        false => Renewal::Restart,
    }
}

impl ResourceKind {
    /// Why it cannot be told to read its own configuration again, if that is known. What only
    /// an agent or systemd can tell is not.
    #[must_use]
    pub fn reload_refusal(&self) -> Option<&'static str> {
        match self {
            Self::Process(process) if process.reload.is_none() => {
                Some("the configuration does not say how the process is reloaded (`reload`)")
            }
            Self::Command(command) if command.reload.is_none() => {
                Some("the configuration has no `reload` program for it")
            }
            Self::Agent(agent) if agent.reload.as_ref().is_some_and(|reload| !reload.own) => {
                Some("its agent has no action `reload`")
            }
            Self::Process(_) | Self::Command(_) | Self::Agent(_) | Self::Systemd(_) => None,
            Self::Address(_)
            | Self::Mount(_)
            | Self::Route(_)
            | Self::Export(_)
            | Self::VolumeGroup(_) => Some("there is no program to be told"),
        }
    }
}

impl Spec {
    /// Where nobody asked the agents, what they said last holds on.
    pub fn inherit_reloads(&mut self, old: &Self) {
        for (name, service) in &mut self.services {
            let Some(before) = old.services.get(name) else {
                continue;
            };
            for resource in &mut service.resources {
                let mut known = before.resources.iter();
                let known = known.find(|known| known.name == resource.name);
                if let (ResourceKind::Agent(new), Some(ResourceKind::Agent(old))) =
                    (&mut resource.kind, known.map(|known| &known.kind))
                    && new.reload.is_none()
                    && new.agent == old.agent
                {
                    new.reload.clone_from(&old.reload);
                }
            }
        }
    }
}

/// Reloads that were ordered under a claim.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadSeen {
    /// How many were ordered.
    pub ordered: u32,
    /// The last one that is over, however it ended.
    pub done: u32,
    /// Resources that are to read their own configuration again, by the orders that are not
    /// over. What the cluster's configuration has changed is reloaded anyway.
    #[serde(default)]
    pub of: BTreeSet<ResourceName>,
}

impl ReloadSeen {
    /// Whether one is under way.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.done < self.ordered
    }

    /// One more.
    pub fn order(&mut self, of: impl IntoIterator<Item = ResourceName>) {
        if !self.is_open() {
            self.of.clear();
        }
        self.of.extend(of);
        self.ordered = self.ordered.saturating_add(1);
    }

    /// All are over, however.
    pub fn settle(&mut self) {
        self.done = self.ordered;
        self.of.clear();
    }

    /// Whether nothing was ever ordered.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.ordered == 0
    }
}

/// What the holder of a claim tells of a reload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadTold {
    /// The order that it speaks of, and all before it.
    pub turn: u32,
    /// What did not do it, and runs on as it was.
    #[serde(default)]
    pub failure: Option<ResourceFailure>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::spec::{Limits, Ready, SystemdSpec};

    fn resource(kind: ResourceKind) -> ResourceSpec {
        ResourceSpec {
            name: ResourceName::new("one").unwrap(),
            kind,
            limits: Limits::default(),
        }
    }

    fn agent(options: &[(&str, &str)], reloadable: Option<&[&str]>) -> ResourceSpec {
        let pair = |(key, value): &(&str, &str)| (key.to_string(), value.to_string());
        resource(ResourceKind::Agent(AgentSpec {
            agent: "ocf:pacemaker:Dummy".into(),
            options: options.iter().map(pair).collect(),
            depth: Vec::new(),
            reload: reloadable.map(|names| AgentReload {
                parameters: names.iter().map(ToString::to_string).collect(),
                own: false,
            }),
        }))
    }

    #[test]
    fn an_agent_is_reloaded_only_for_parameters_that_it_takes_over() {
        let old = agent(&[("fake", "a"), ("state", "/x")], None);
        let to = |options, known| renewal(&old, &agent(options, known));
        let fake: Option<&[&str]> = Some(&["fake"]);
        let same: &[(&str, &str)] = &[("fake", "a"), ("state", "/x")];
        let other: &[(&str, &str)] = &[("fake", "b"), ("state", "/x")];
        assert_eq!(to(same, fake), Renewal::Noted);
        assert_eq!(to(other, fake), Renewal::Reload);
        assert_eq!(to(other, None), Renewal::Restart);
        assert_eq!(to(&[("state", "/x")], fake), Renewal::Reload);
        assert_eq!(
            to(&[("fake", "b"), ("state", "/y")], fake),
            Renewal::Restart
        );
        assert_eq!(to(&[("fake", "a")], fake), Renewal::Restart);
    }

    #[test]
    fn what_does_not_concern_the_running_process_is_noted() {
        let old = ProcessSpec {
            argv: vec!["/bin/web".into()],
            ..ProcessSpec::default()
        };
        let to = |new: ProcessSpec| {
            let kind = ResourceKind::Process;
            renewal(&resource(kind(old.clone())), &resource(kind(new)))
        };
        let reload = Some(ProcessReload::Signal(Signal::Hup));
        assert_eq!(
            to(ProcessSpec {
                reload,
                ..old.clone()
            }),
            Renewal::Noted
        );
        let stop_signal = Some(Signal::Int);
        assert_eq!(
            to(ProcessSpec {
                stop_signal,
                ..old.clone()
            }),
            Renewal::Noted
        );
        let ready = Ready::Notify;
        assert_eq!(
            to(ProcessSpec {
                ready,
                ..old.clone()
            }),
            Renewal::Noted
        );
        let environment = BTreeMap::from([("A".to_string(), "b".to_string())]);
        assert_eq!(
            to(ProcessSpec {
                environment,
                ..old.clone()
            }),
            Renewal::Restart
        );
    }

    #[test]
    fn limits_are_noted_and_another_unit_is_another_resource() {
        let unit = |unit: &str| resource(ResourceKind::Systemd(SystemdSpec { unit: unit.into() }));
        let mut slow = unit("a.service");
        slow.limits.stop = Duration::from_secs(90);
        assert_eq!(renewal(&unit("a.service"), &slow), Renewal::Noted);
        assert_eq!(renewal(&slow, &unit("b.service")), Renewal::Restart);
    }

    #[test]
    fn signals_are_read_with_and_without_their_prefix() {
        assert_eq!("SIGINT".parse(), Ok(Signal::Int));
        assert_eq!("INT".parse(), Ok(Signal::Int));
        assert_eq!("SIGKILL".parse::<Signal>(), Err(NoSignal("SIGKILL".into())));
        for signal in Signal::ALL {
            assert_eq!(signal.to_string().parse(), Ok(signal));
        }
    }

    #[test]
    fn orders_add_up_until_they_are_over() {
        let name = |name: &str| ResourceName::new(name).unwrap();
        let mut reload = ReloadSeen::default();
        reload.order([name("a")]);
        reload.order([name("b")]);
        assert_eq!((reload.ordered, reload.done, reload.of.len()), (2, 0, 2));
        reload.settle();
        assert!(!reload.is_open());
        reload.order([name("c")]);
        assert_eq!(reload.of, BTreeSet::from([name("c")]));
    }
}
