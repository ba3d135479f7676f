//! Fences: which devices, and their run beside the loop.

use std::time::Duration;

use fencing::{Device, Power};
use model::seen::FenceResult;
use model::spec::FenceAction;
use model::{BootId, DeviceName, NodeId, NodeName};
use node::{FenceAsker, Outliving};
use quorum::half::Method;

use super::control::{Control, Input};
use super::disk::Poison;

pub use quorum::disk::PILL_AGENT;

/// Whether this device is the poison pill.
pub fn is_pill(device: &Device) -> bool {
    device.agent == PILL_AGENT
}

/// A device, and what it takes to use it from here.
type Prepared = (Device, Option<Result<Poison, String>>);

/// What a fence has come to.
enum Ended {
    Result(FenceResult),
    Pill(DeviceName, (BootId, Duration)),
}

impl Control {
    /// The devices of a node, in the order in which they are tried.
    pub fn devices_of(&self, target: &NodeName) -> Vec<Device> {
        let Some(spec) = self.node.state().spec() else {
            return Vec::new();
        };
        let Some(node) = spec.nodes.get(target) else {
            return Vec::new();
        };
        let device = |name: &model::DeviceName| {
            let device = spec.fence_devices.get(name)?;
            Some(Device::from_spec(name, device))
        };
        node.fence.iter().filter_map(device).collect()
    }

    /// Fences a node; the end comes back as an input.
    pub fn begin_fence(&mut self, asker: FenceAsker, target: NodeName) {
        let devices = self.devices_of(&target);
        let devices: Vec<Device> = devices
            .into_iter()
            .filter(|device| self.node.believes(&device.name))
            .collect();
        let poison = |device: &Device| is_pill(device).then(|| self.poison_for(&target));
        let devices: Vec<Prepared> = devices
            .into_iter()
            .map(|device| (device.clone(), poison(&device)))
            .collect();
        let inputs = self.inputs.clone();
        let outliving = match asker {
            FenceAsker::Half { method, .. } => {
                tracing::warn!(%target, ?method, "fencing for the half that is left");
                None
            }
            FenceAsker::Log(_) => {
                tracing::warn!(?asker, %target, "fencing");
                self.node.outliving(&target, host::clock::now())
            }
        };
        tokio::spawn(async move {
            let ended = match asker {
                FenceAsker::Half {
                    method: Method::AskStatus,
                    ..
                } => Ended::Result(look(&devices, &target).await),
                FenceAsker::Half { .. } | FenceAsker::Log(_) => fence(&devices, &target).await,
            };
            let input = match (ended, outliving) {
                (Ended::Result(FenceResult::Failed { .. }), Some(outliving)) => Input::Fence {
                    asker,
                    result: outlive(outliving, &devices, &target).await,
                },
                (Ended::Result(result), _) => Input::Fence { asker, result },
                (Ended::Pill(device, what), _) => Input::Pill {
                    asker,
                    target,
                    device,
                    what,
                },
            };
            // The loop has ended: the daemon stops, and another node takes over.
            let _gone = inputs.send(input).await;
        });
    }

    /// The time of a pill is over. It counts only if the target was armed until now.
    pub fn take_pill(
        &mut self,
        asker: FenceAsker,
        (target, device): (&NodeName, DeviceName),
        what: (BootId, Duration),
    ) {
        let result = match self.pill_counts(target, what) {
            true => FenceResult::Confirmed { device },
            false => FenceResult::Failed {
                device: Some(device),
                how: "its watchdog was disarmed while the pill was waited for, or it booted anew"
                    .to_string(),
            },
        };
        tracing::info!(?asker, %result, "fence ended");
        let now = host::clock::now();
        self.node.handle_fence_ended(asker, result, now);
    }

    /// A suspected node may have to be fenced in a moment: its devices are asked for
    /// their state, which finds out whether they can be reached and warms all caches.
    pub fn warm_fences(&self, peer: NodeId) {
        let Some(target) = self.topology.names.get(&peer).cloned() else {
            return;
        };
        for device in self.devices_of(&target) {
            if is_pill(&device) {
                continue;
            }
            let target = target.clone();
            tokio::spawn(async move {
                if let Err(error) = fencing::status(&device, &target).await {
                    tracing::warn!(device = %device.name, %target, "no status: {error}");
                }
            });
        }
    }
}

/// Between two questions to the devices of a node whose watchdog is waited for: often enough
/// for an outage, seldom enough for a device that has just failed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The fence of last resort. Whether it still counts when the time is over is decided by the
/// state: not when the target has come back, or when a watchdog was disarmed. A device that
/// could not switch may still see that the node has ended before.
async fn outlive(
    Outliving { since, span }: Outliving,
    devices: &[Prepared],
    target: &NodeName,
) -> FenceResult {
    tracing::warn!("no device helps, so its watchdog is waited for: {span:?}");
    let until = since + span;
    loop {
        let now = host::clock::now();
        let left = until.saturating_duration_since(now);
        if left.is_zero() {
            let waited = now.saturating_duration_since(since);
            return FenceResult::OutlivedWatchdog { waited };
        }
        tokio::time::sleep(left.min(LOOK_EVERY)).await;
        let left = until.saturating_duration_since(host::clock::now());
        let seen = tokio::time::timeout(left, look(devices, target)).await;
        if let Ok(confirmed @ FenceResult::Confirmed { .. }) = seen {
            return confirmed;
        }
    }
}

/// Whether one of its devices says that it is off already. Switches nothing.
async fn look(devices: &[Prepared], target: &NodeName) -> FenceResult {
    for (device, pill) in devices {
        if pill.is_some() {
            continue;
        }
        if let Ok(Power::Off) = fencing::status(device, target).await {
            let device = device.name.clone();
            return FenceResult::Confirmed { device };
        }
    }
    FenceResult::Failed {
        device: None,
        how: "no device says that it is off".to_string(),
    }
}

/// One device after the other, until one confirms.
async fn fence(devices: &[Prepared], target: &NodeName) -> Ended {
    let mut how = Vec::new();
    for (device, pill) in devices {
        let failed = match pill {
            Some(Ok(poison)) => match poison.give().await {
                Ok(()) => return Ended::Pill(device.name.clone(), poison.what()),
                Err(why) => format!("{}: {why}", device.name),
            },
            Some(Err(why)) => format!("{}: {why}", device.name),
            None => match fencing::fence(device, target).await {
                Ok(_confirmed) => {
                    if device.action == FenceAction::Reboot {
                        switch_on(device.clone(), target.clone());
                    }
                    let device = device.name.clone();
                    return Ended::Result(FenceResult::Confirmed { device });
                }
                Err(error) => error.to_string(),
            },
        };
        how.push(failed);
    }
    if how.is_empty() {
        how.push("it has no fence device".to_string());
    }
    let device = devices.last().map(|(device, _)| device.name.clone());
    Ended::Result(FenceResult::Failed {
        device,
        how: how.join("; "),
    })
}

/// The rest of a reboot. Nothing waits for it: the node is proven off, and coming back is
/// its own affair.
fn switch_on(device: Device, target: NodeName) {
    tokio::spawn(async move {
        if let Err(error) = fencing::power_on(&device, &target).await {
            tracing::warn!(device = %device.name, %target, "could not be switched on: {error}");
        }
    });
}
