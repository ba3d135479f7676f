//! A unit as systemd describes it, in words that people understand.

use zbus::Variant;
use zbus::{OwnedObjectPath, OwnedVariant};

use super::bus::{Bus, BusError, Properties};

const UNIT: &str = "org.freedesktop.systemd1.Unit";
const SERVICE: &str = "org.freedesktop.systemd1.Service";

/// What a unit does, as far as we must tell it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activity {
    /// It is up.
    Active,
    /// It comes up, ordered by somebody.
    Starting,
    /// It ended, and systemd itself waits to start it again, or does so (`Restart=`).
    Restarting,
    /// It goes down.
    Stopping,
    /// It is down.
    Inactive,
    /// It is down, and should not have gone.
    Failed,
}

/// A unit at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    pub(crate) activity: Activity,
    /// `loaded`, `masked`, `not-found`, `bad-setting`, `error`.
    load: String,
    /// Why it could not be loaded.
    load_error: String,
    /// What systemd calls its state in detail.
    substate: String,
    file_state: String,
    /// A condition that did not hold at its latest start.
    condition: Option<String>,
    service: Option<Service>,
    can_reload: bool,
}

/// What only services have.
#[derive(Debug, Clone)]
struct Service {
    kind: String,
    result: String,
    restart: String,
    restarts: u32,
    kill_mode: String,
    code: i32,
    status: i32,
}

impl Unit {
    pub(crate) async fn look(bus: &Bus, path: &OwnedObjectPath) -> Result<Self, BusError> {
        let unit = bus.properties(path, UNIT).await?;
        // Only services have these; a unit that could not be loaded has no kind.
        let service = match bus.properties(path, SERVICE).await {
            Ok(properties) => Some(Service::read(&properties)),
            Err(BusError::Refused { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(Self::read(&unit, service))
    }

    fn read(unit: &Properties, service: Option<Service>) -> Self {
        let substate = text(unit, "SubState");
        let activity = match text(unit, "ActiveState").as_str() {
            "active" | "reloading" | "refreshing" => Activity::Active,
            "activating" if substate.starts_with("auto-restart") => Activity::Restarting,
            "activating" => Activity::Starting,
            "deactivating" => Activity::Stopping,
            "failed" => Activity::Failed,
            _other => Activity::Inactive,
        };
        Self {
            activity,
            load: text(unit, "LoadState"),
            load_error: unit.get("LoadError").and_then(second).unwrap_or_default(),
            substate,
            file_state: text(unit, "UnitFileState"),
            condition: unmet(unit),
            service: service.filter(|service| !service.kind.is_empty()),
            can_reload: unit
                .get("CanReload")
                .and_then(|value| value.downcast_ref().ok())
                .unwrap_or(false),
        }
    }

    /// Why it cannot be started at all, with the mend.
    pub(crate) fn obstacle(&self, unit: &str) -> Option<String> {
        match self.load.as_str() {
            "masked" => Some(format!("{unit} is masked here: `systemctl unmask {unit}`")),
            "not-found" => Some(format!("there is no unit {unit} on this node")),
            _other => self.hindrance().map(|how| format!("{unit} {how}")),
        }
    }

    /// Whether there is none of this name.
    pub(crate) fn is_missing(&self) -> bool {
        self.load == "not-found"
    }

    /// What keeps it from being started, as it would follow its name.
    pub(crate) fn hindrance(&self) -> Option<String> {
        match self.load.as_str() {
            "loaded" | "merged" | "stub" => None,
            "masked" => Some("is masked".to_owned()),
            other if self.load_error.is_empty() => Some(format!("cannot be loaded ({other})")),
            other => Some(format!("cannot be loaded ({other}): {}", self.load_error)),
        }
    }

    /// Whether it says how it is reloaded.
    pub(crate) fn can_reload(&self) -> bool {
        self.can_reload
    }

    /// Whether systemd would start it when the machine boots.
    pub(crate) fn is_enabled(&self) -> bool {
        matches!(self.file_state.as_str(), "enabled" | "enabled-runtime")
    }

    /// The `Restart=` under which systemd starts it again by itself.
    pub(crate) fn own_restart(&self) -> Option<&str> {
        let restart = self.service.as_ref().map(|service| &service.restart)?;
        (!restart.is_empty() && restart != "no").then_some(restart)
    }

    /// How often systemd has started it again by itself since it was started.
    pub(crate) fn restarts(&self) -> u32 {
        self.service.as_ref().map_or(0, |service| service.restarts)
    }

    /// What `KillMode=` leaves of it when it is stopped, if it leaves anything.
    pub(crate) fn sparing(&self) -> Option<&str> {
        let mode = self.service.as_ref().map(|service| &service.kill_mode)?;
        matches!(mode.as_str(), "process" | "none").then_some(mode)
    }

    /// What is the case, when it is not up.
    pub(crate) fn why_not_up(&self) -> String {
        match self.activity {
            Activity::Active => "it is up".to_owned(),
            Activity::Starting => format!("it is still starting ({})", self.substate),
            Activity::Restarting => format!("{}; systemd starts it again", self.end()),
            Activity::Stopping => format!("it is being stopped ({})", self.substate),
            Activity::Inactive => self.why_inactive(),
            Activity::Failed => self.end(),
        }
    }

    fn why_inactive(&self) -> String {
        if let Some(condition) = &self.condition {
            return format!("systemd skipped its start: {condition} does not hold here");
        }
        let is_oneshot = |service: &Service| service.kind == "oneshot";
        if self.service.as_ref().is_some_and(is_oneshot) {
            return "it has done its work and ended (Type=oneshot): with RemainAfterExit=yes it would count as up".to_owned();
        }
        match &self.service {
            Some(service) if service.code != 0 => {
                format!("it was stopped, or ended: {}", self.end())
            }
            Some(_) | None => "it was stopped".to_owned(),
        }
    }

    /// How it ended, as other kinds tell it.
    fn end(&self) -> String {
        let Some(service) = &self.service else {
            return format!("failed ({})", self.substate);
        };
        let main = match service.code {
            libc::CLD_EXITED => format!("exit {}", service.status),
            libc::CLD_KILLED | libc::CLD_DUMPED => format!("signal {}", service.status),
            _ => String::new(),
        };
        match (service.result.as_str(), main.as_str()) {
            ("success" | "exit-code" | "signal" | "core-dump", main) if !main.is_empty() => {
                main.to_owned()
            }
            (result, "") => result.to_owned(),
            (result, main) => format!("{result}, {main}"),
        }
    }
}

impl Service {
    fn read(properties: &Properties) -> Self {
        Self {
            kind: text(properties, "Type"),
            result: text(properties, "Result"),
            restart: text(properties, "Restart"),
            restarts: number(properties, "NRestarts"),
            kill_mode: text(properties, "KillMode"),
            code: signed(properties, "ExecMainCode"),
            status: signed(properties, "ExecMainStatus"),
        }
    }
}

fn text(properties: &Properties, name: &str) -> String {
    let value = properties.get(name);
    let text = value.and_then(|value| value.downcast_ref::<&str>().ok());
    text.unwrap_or_default().to_owned()
}

fn number(properties: &Properties, name: &str) -> u32 {
    let value = properties.get(name);
    value
        .and_then(|value| value.downcast_ref().ok())
        .unwrap_or(0)
}

fn signed(properties: &Properties, name: &str) -> i32 {
    let value = properties.get(name);
    value
        .and_then(|value| value.downcast_ref().ok())
        .unwrap_or(0)
}

/// The second text of a pair of texts.
fn second(value: &OwnedVariant) -> Option<String> {
    let Variant::Structure(pair) = &**value else {
        return None;
    };
    let text: &str = pair.fields().get(1)?.downcast_ref().ok()?;
    Some(text.to_owned())
}

/// The first condition that did not hold when it was last started, as it stands in the unit.
fn unmet(unit: &Properties) -> Option<String> {
    let is_met = |name| unit.get(name).and_then(|value| value.downcast_ref().ok());
    for (result, list) in [
        ("ConditionResult", "Conditions"),
        ("AssertResult", "Asserts"),
    ] {
        if is_met(result) != Some(false) {
            continue;
        }
        let Some(Variant::Array(all)) = unit.get(list).map(|value| &**value) else {
            continue;
        };
        let broken = all.iter().find_map(broken);
        if broken.is_some() {
            return broken;
        }
    }
    None
}

/// A condition is its name, whether it triggers, whether it is negated, what it is about, and
/// how it turned out: below zero, it does not hold.
fn broken(condition: &Variant<'_>) -> Option<String> {
    let Variant::Structure(condition) = condition else {
        return None;
    };
    let fields = condition.fields();
    let turned_out: i32 = fields.get(4)?.downcast_ref().ok()?;
    if 0 <= turned_out {
        return None;
    }
    let name: &str = fields.first()?.downcast_ref().ok()?;
    let negated: bool = fields.get(2)?.downcast_ref().ok()?;
    let about: &str = fields.get(3)?.downcast_ref().ok()?;
    let not = if negated { "!" } else { "" };
    Some(format!("{name}={not}{about}"))
}
