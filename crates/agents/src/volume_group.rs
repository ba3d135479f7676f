//! Volume groups of LVM: active on one node, which LVM is told by their system id.
//!
//! A volume group that carries the system id of a node is not touched by the LVM of any other
//! node, not even when it boots. So the id goes with the service: taken at the start, from a
//! node that is proven not to use it any more.

use std::path::Path;
use std::time::Duration;

use host::files::FilesWatch;
use model::operation::{Operation, Outcome, Verb};
use model::spec::VolumeGroupSpec;

use crate::context::{Context, Done};
use crate::outside;
use crate::record::Trace;

/// Where active volumes have their devices.
const DEVICES: &str = "/dev/mapper";
/// Where the kernel tells the name of each.
const BLOCK: &str = "/sys/block";

/// A volume group that is active and watched.
pub(crate) struct Held {
    watch: FilesWatch,
    name: String,
    /// How many of its volumes were active when we last looked.
    active: usize,
}

impl Held {
    /// Waits until a volume of it is gone.
    pub(crate) async fn ended(&mut self) -> String {
        loop {
            let active = active(&self.name).len();
            if active == 0 {
                return format!("no volume of {} is active", self.name);
            }
            if active < self.active {
                return format!("{} of {} volumes are active", active, self.active);
            }
            self.active = active;
            if self.watch.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }
}

/// The active volumes of a group. The kernel joins both names by a dash, and doubles the
/// dashes in them.
fn active(group: &str) -> Vec<String> {
    let Ok(devices) = std::fs::read_dir(BLOCK) else {
        return Vec::new();
    };
    let names = devices
        .flatten()
        .filter_map(|device| std::fs::read_to_string(device.path().join("dm/name")).ok());
    names
        .map(|name| name.trim().to_owned())
        .filter(|name| is_of(name, group))
        .collect()
}

fn is_of(device: &str, group: &str) -> bool {
    let group = group.replace('-', "--");
    let rest = device.strip_prefix(group.as_str());
    let volume = rest.and_then(|rest| rest.strip_prefix('-'));
    // Two dashes would be one in the name of a longer group.
    volume.is_some_and(|volume| !volume.is_empty() && !volume.starts_with('-'))
}

/// Carries out an operation.
pub(crate) async fn operate(
    context: &Context,
    operation: &Operation,
    spec: &VolumeGroupSpec,
    held: &mut Option<Held>,
) -> Done {
    let done = match operation.verb {
        Verb::Probe | Verb::Status => look(context, spec, held),
        Verb::Start => start(context, operation, spec, held).await,
        Verb::Stop => {
            *held = None;
            stop(context, operation, spec).await
        }
        _other => Ok(Done::unknown(operation)),
    };
    done.unwrap_or_else(Done::failed)
}

fn look(
    context: &Context,
    spec: &VolumeGroupSpec,
    held: &mut Option<Held>,
) -> Result<Done, String> {
    // Watch before looking, or a change in between is missed.
    let watch = FilesWatch::open(Path::new(DEVICES));
    let active = active(&spec.name).len();
    if active == 0 {
        *held = None;
        context.strike_out();
        return Ok(Outcome::Stopped.into());
    }
    if held.is_none() {
        *held = Some(Held {
            watch: watch.map_err(|error| format!("cannot watch {DEVICES}: {error}"))?,
            name: spec.name.clone(),
            active,
        });
    }
    Ok(Outcome::Running.into())
}

async fn start(
    context: &Context,
    operation: &Operation,
    spec: &VolumeGroupSpec,
    held: &mut Option<Held>,
) -> Result<Done, String> {
    let limit = operation.limit;
    let record = context.record(operation, Trace::Up);
    record.map_err(|error| format!("cannot write its record: {error}"))?;
    let ours = own_id(limit).await?;
    let theirs = id_of(&spec.name, limit).await?;
    if ours != theirs {
        context
            .log
            .line(&format!("system id: from `{theirs}` to `{ours}`"));
        outside::act(
            context,
            &take_over(&tool("vgchange")?, spec, (&theirs, &ours)),
            limit,
        )
        .await?;
    }
    outside::act(context, &activate(&tool("vgchange")?, spec), limit).await?;
    *held = None;
    let done = look(context, spec, held)?;
    match done.outcome {
        Outcome::Stopped => Err(format!("{} has no volume that could be active", spec.name)),
        _ => Ok(done),
    }
}

fn tool(name: &str) -> Result<String, String> {
    outside::find(name, "lvm2")
}

fn words(argv: &[&str]) -> Vec<String> {
    argv.iter().map(ToString::to_string).collect()
}

/// The system id of this node.
async fn own_id(limit: Duration) -> Result<String, String> {
    let said = outside::ask(&words(&[&tool("lvm")?, "systemid"]), limit).await?;
    let id = said.rsplit(':').next().unwrap_or_default().trim();
    if id.is_empty() {
        return Err("LVM has no system id of this node: set `system_id_source = \"uname\"` in /etc/lvm/lvm.conf on all nodes".to_owned());
    }
    Ok(id.to_owned())
}

/// The system id that the group carries; empty when none.
async fn id_of(group: &str, limit: Duration) -> Result<String, String> {
    let vgs = tool("vgs")?;
    let argv = [
        &vgs,
        "--foreign",
        "--noheadings",
        "-o",
        "vg_systemid",
        group,
    ];
    Ok(outside::ask(&words(&argv), limit).await?.trim().to_owned())
}

/// Takes the group over from another node: LVM does so only when it is told whose it was.
fn take_over(vgchange: &str, spec: &VolumeGroupSpec, (theirs, ours): (&str, &str)) -> Vec<String> {
    let theirs = format!("local/extra_system_ids=[\"{theirs}\"]");
    words(&[
        vgchange,
        "--yes",
        "--config",
        &theirs,
        "--systemid",
        ours,
        &spec.name,
    ])
}

fn activate(vgchange: &str, spec: &VolumeGroupSpec) -> Vec<String> {
    words(&[vgchange, "--yes", "--activate", "y", &spec.name])
}

fn deactivate(vgchange: &str, spec: &VolumeGroupSpec) -> Vec<String> {
    words(&[vgchange, "--activate", "n", &spec.name])
}

/// Who holds a volume open keeps it active: the stop then fails, and says so.
async fn stop(
    context: &Context,
    operation: &Operation,
    spec: &VolumeGroupSpec,
) -> Result<Done, String> {
    if !active(&spec.name).is_empty() {
        let limit = operation.spec.limits.stop;
        let done = outside::act(context, &deactivate(&tool("vgchange")?, spec), limit).await;
        let left = active(&spec.name);
        if !left.is_empty() {
            let how = done.err().unwrap_or_default();
            return Err(format!("active still: {}; {how}", left.join(", ")));
        }
    }
    context.strike_out();
    Ok(Outcome::Stopped.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_told_by_the_name_of_their_device() {
        assert!(is_of("vg0-root", "vg0"));
        assert!(is_of("my--vg-my--volume", "my-vg"));
        assert!(!is_of("vg0--more-root", "vg0"));
        assert!(!is_of("vg01-root", "vg0"));
        assert!(!is_of("vg0", "vg0"));
    }

    #[test]
    fn the_group_is_taken_over_and_activated_by_name() {
        let spec = VolumeGroupSpec {
            name: "vg0".to_owned(),
        };
        let text = |argv: Vec<String>| argv.join(" ");
        assert_eq!(
            text(take_over("vgchange", &spec, ("alpha", "beta"))),
            "vgchange --yes --config local/extra_system_ids=[\"alpha\"] --systemid beta vg0"
        );
        assert_eq!(
            text(activate("vgchange", &spec)),
            "vgchange --yes --activate y vg0"
        );
        assert_eq!(
            text(deactivate("vgchange", &spec)),
            "vgchange --activate n vg0"
        );
    }
}
