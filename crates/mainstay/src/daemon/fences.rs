//! Fences: which devices, and their run beside the loop.

use fencing::{Device, Power};
use model::seen::FenceResult;
use model::spec::FenceAction;
use model::{NodeId, NodeName};
use node::{FenceAsker, Outliving};
use quorum::half::Method;

use super::control::{Control, Input};

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
        let distrusted = &self.node.state().seen().distrusted;
        let devices: Vec<Device> = devices
            .into_iter()
            .filter(|device| !distrusted.contains_key(&device.name))
            .collect();
        let inputs = self.inputs.clone();
        if let FenceAsker::Half { method, .. } = asker {
            tracing::warn!(%target, ?method, "fencing for the half that is left");
            tokio::spawn(async move {
                let result = match method {
                    Method::AskStatus => look(&devices, &target).await,
                    Method::SwitchOff => fence(&devices, &target).await,
                };
                let _gone = inputs.send(Input::Fence { asker, result }).await;
            });
            return;
        }
        let outliving = self.node.outliving(&target, host::clock::now());
        tracing::warn!(?asker, %target, "fencing");
        tokio::spawn(async move {
            let result = match (fence(&devices, &target).await, outliving) {
                (FenceResult::Failed { .. }, Some(outliving)) => outlive(outliving).await,
                (result, _) => result,
            };
            // The loop has ended: the daemon stops, and another node takes over.
            let _gone = inputs.send(Input::Fence { asker, result }).await;
        });
    }

    /// A suspected node may have to be fenced in a moment: its devices are asked for
    /// their state, which finds out whether they can be reached and warms all caches.
    pub fn warm_fences(&self, peer: NodeId) {
        let Some(target) = self.topology.names.get(&peer).cloned() else {
            return;
        };
        for device in self.devices_of(&target) {
            let target = target.clone();
            tokio::spawn(async move {
                if let Err(error) = fencing::status(&device, &target).await {
                    tracing::warn!(device = %device.name, %target, "no status: {error}");
                }
            });
        }
    }
}

/// The fence of last resort. Whether it still counts when the time is over is decided by the
/// state: not when the target has come back, or when a watchdog was disarmed.
async fn outlive(Outliving { since, span }: Outliving) -> FenceResult {
    tracing::warn!("no device helps, so its watchdog is waited for: {span:?}");
    let until = since + span;
    loop {
        let now = host::clock::now();
        let left = until.saturating_duration_since(now);
        if left.is_zero() {
            let waited = now.saturating_duration_since(since);
            return FenceResult::OutlivedWatchdog { waited };
        }
        tokio::time::sleep(left).await;
    }
}

/// Whether one of its devices says that it is off already. Switches nothing.
async fn look(devices: &[Device], target: &NodeName) -> FenceResult {
    for device in devices {
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

async fn fence(devices: &[Device], target: &NodeName) -> FenceResult {
    match fencing::fence_with_any(devices, target).await {
        Ok(confirmed) => {
            let device = confirmed.device().clone();
            if let Some(found) = devices.iter().find(|other| other.name == device)
                && found.action == FenceAction::Reboot
            {
                switch_on(found.clone(), target.clone());
            }
            FenceResult::Confirmed { device }
        }
        Err(errors) if errors.is_empty() => FenceResult::Failed {
            device: None,
            how: "it has no fence device".to_string(),
        },
        Err(errors) => {
            let how: Vec<String> = errors.iter().map(ToString::to_string).collect();
            let device = devices.last().map(|device| device.name.clone());
            FenceResult::Failed {
                device,
                how: how.join("; "),
            }
        }
    }
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
