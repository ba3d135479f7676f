//! What is known about one fence device.

use std::collections::BTreeMap;
use std::time::Duration;

use model::spec::{FenceAction, FenceDeviceSpec};
use model::{DeviceName, NodeName};

use crate::Metadata;

/// Longest waits for one device. All of them bound a single run or phase, not their sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// One run of `off` or `on`. Management controllers answer in seconds, power strips with
    /// relays that settle may take ten.
    pub off: Duration,
    /// One run of `status`, `monitor`, `list` or `metadata`.
    pub status: Duration,
    /// From the end of `off` until status must say off. A machine that shuts its power down
    /// in an orderly way needs some seconds; one that is still on after these has refused.
    pub confirm_within: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            off: Duration::from_secs(20),
            status: Duration::from_secs(10),
            confirm_within: Duration::from_secs(15),
        }
    }
}

/// The option by which an agent is told which of its outlets is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlugOption {
    /// Not asked for yet: both names are sent, and agents ignore the one they do not know.
    Unknown,
    /// `plug`, the present name.
    Plug,
    /// `port`, the former name.
    Port,
    /// The device serves one machine and has no outlets to choose from.
    Nothing,
}

/// A device that can switch nodes off, and how to talk to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Device {
    /// Its name in the configuration.
    pub name: DeviceName,
    /// An absolute path, or a name that is looked up in `/usr/sbin`, `/usr/bin` and `PATH`.
    pub agent: String,
    /// Sent to the agent as they stand, except `password_file`: the file is read at each run
    /// and sent as `password`.
    pub options: BTreeMap<String, String>,
    /// What the device calls each node; a node that is not listed goes by the option `plug`
    /// or `port` if that is given, else by its own name.
    pub hosts: BTreeMap<NodeName, String>,
    /// What should follow a confirmed `off`. `fence` never switches on: the caller does, with
    /// `power_on`, when it wants to.
    pub action: FenceAction,
    /// How long to wait before the first `off`.
    pub delay: Duration,
    /// Further tries after the first that failed.
    pub retries: u32,
    /// Longest waits.
    pub limits: Limits,
    /// How the agent names its outlets.
    pub plug_option: PlugOption,
}

impl std::fmt::Debug for Device {
    /// Leaves the values of the options out, for one of them may be a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Device")
            .field("name", &self.name)
            .field("agent", &self.agent)
            .field("options", &self.options.keys().collect::<Vec<_>>())
            .field("hosts", &self.hosts)
            .finish_non_exhaustive()
    }
}

/// One failed run of an agent is common (a management controller drops a session now and
/// then); three in a row mean a device that does not work.
const RETRIES_DEFAULT: u32 = 2;

impl Device {
    /// A device with default limits, without options.
    #[must_use]
    pub fn new(name: DeviceName, agent: impl Into<String>) -> Self {
        Self {
            name,
            agent: agent.into(),
            options: BTreeMap::new(),
            hosts: BTreeMap::new(),
            action: FenceAction::Off,
            delay: Duration::ZERO,
            retries: RETRIES_DEFAULT,
            limits: Limits::default(),
            plug_option: PlugOption::Unknown,
        }
    }

    /// The device that the configuration describes. `spec.limit` bounds each run of the agent.
    #[must_use]
    pub fn from_spec(name: &DeviceName, spec: &FenceDeviceSpec) -> Self {
        let limits = Limits::default();
        Self {
            options: spec.options.clone(),
            hosts: spec.hosts.clone(),
            action: spec.action,
            delay: spec.delay,
            retries: spec.retries,
            limits: Limits {
                off: spec.limit,
                status: limits.status.min(spec.limit),
                ..limits
            },
            ..Self::new(name.clone(), spec.agent.clone())
        }
    }

    /// Remembers from the agent's own description how it wants outlets named.
    pub fn learn(&mut self, metadata: &Metadata) {
        let has = |wanted: &str| metadata.parameters.iter().any(|p| p.name == wanted);
        self.plug_option = match (has("plug"), has("port")) {
            (true, _) => PlugOption::Plug,
            (false, true) => PlugOption::Port,
            (false, false) => PlugOption::Nothing,
        };
    }

    /// The lines for one run, without the action and without secrets from files.
    pub(crate) fn lines_for(&self, target: Option<&NodeName>) -> BTreeMap<String, String> {
        let mut lines = self.options.clone();
        let Some(target) = target else { return lines };
        let given = lines.remove("plug").or_else(|| lines.get("port").cloned());
        lines.remove("port");
        let own_name = || target.to_string();
        let plug = self
            .hosts
            .get(target)
            .cloned()
            .or(given)
            .unwrap_or_else(own_name);
        let keys: &[&str] = match self.plug_option {
            PlugOption::Unknown => &["plug", "port"],
            PlugOption::Plug => &["plug"],
            PlugOption::Port => &["port"],
            PlugOption::Nothing => &[],
        };
        lines.extend(keys.iter().map(|key| ((*key).to_string(), plug.clone())));
        lines.insert("nodename".to_string(), target.to_string());
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(edit: impl FnOnce(&mut Device), expected: &str) {
        let mut device = Device::new(DeviceName::new("power").unwrap(), "fence_lab");
        edit(&mut device);
        let lines = device.lines_for(Some(&NodeName::new("alpha").unwrap()));
        let text: Vec<String> = lines
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        assert_eq!(text.join(" "), expected);
    }

    #[test]
    fn a_node_goes_by_its_own_name_unless_the_device_calls_it_otherwise() {
        check(|_| {}, "nodename=alpha plug=alpha port=alpha");
        let alpha = NodeName::new("alpha").unwrap();
        check(
            |d| drop(d.hosts.insert(alpha, "7".into())),
            "nodename=alpha plug=7 port=7",
        );
    }

    #[test]
    fn a_device_for_one_node_may_carry_the_outlet_among_its_options() {
        check(
            |d| drop(d.options.insert("port".into(), "9".into())),
            "nodename=alpha plug=9 port=9",
        );
    }

    #[test]
    fn the_agent_is_told_the_outlet_under_the_name_that_it_knows() {
        check(
            |d| d.plug_option = PlugOption::Plug,
            "nodename=alpha plug=alpha",
        );
        check(
            |d| d.plug_option = PlugOption::Port,
            "nodename=alpha port=alpha",
        );
        check(|d| d.plug_option = PlugOption::Nothing, "nodename=alpha");
    }
}
