//! When somebody's word that a node is off was not true. No protocol survives that: what ran
//! there may have run twice. What can still be done is done here: the newer copies are
//! stopped, the device is not believed any more, and everybody is told.

use model::history::Happening;
use model::seen::{BootOf, Distrust, FenceResult, Goal, NodeState, Phase};
use model::{BootId, DeviceName, NodeName, Reason, Rejected, ServiceName, UserName};

use crate::{Applied, ENDED_BOOTS_MAX, Outcome, Place, State, Vouched, push_bounded};

impl State {
    /// Keeps what is needed should the present boot of the node be heard again after its end
    /// was confirmed.
    pub(crate) fn note_vouched(&mut self, place: Place, name: &NodeName, result: &FenceResult) {
        let Some(boot) = self.seen.nodes.get(name).and_then(|node| node.state.boot()) else {
            return;
        };
        let held = |service: &model::seen::ServiceSeen| {
            let claimed = service.claim.as_ref().is_some_and(|it| it.node == *name);
            claimed || service.strays.contains_key(name)
        };
        let seen = self.seen.services.iter();
        let services = seen
            .filter(|(_, seen)| held(seen))
            .map(|(service, _)| service.clone());
        let vouched = Vouched {
            boot,
            result: result.clone(),
            index: place.index,
            services: services.collect(),
        };
        let boots = self.boots.entry(name.clone()).or_default();
        push_bounded(&mut boots.vouched, vouched, ENDED_BOOTS_MAX);
    }

    /// What the log knows of a boot of a node in which it is heard.
    #[must_use]
    pub fn boot_of(&self, name: &NodeName, boot: BootId) -> BootOf {
        let Some(boots) = self.boots.get(name) else {
            return BootOf::Open;
        };
        if boots.vouched.iter().any(|vouched| vouched.boot == boot) {
            BootOf::Vouched
        } else if boots.ended.contains(&boot) {
            BootOf::Ended
        } else {
            BootOf::Open
        }
    }

    pub(crate) fn fence_lied(&mut self, place: Place, name: &NodeName, boot: BootId) -> Outcome {
        let late = || Rejected::Late(format!("boot {boot} of {name}"));
        let node = self.node(name)?;
        // Where a newer boot is known, the word was kept in the end.
        if node.state != NodeState::Down {
            return Err(late());
        }
        let boots = self.boots.get_mut(name).ok_or_else(late)?;
        let found = boots.vouched.iter().position(|it| it.boot == boot);
        let vouched = found
            .and_then(|at| boots.vouched.remove(at))
            .ok_or_else(late)?;
        boots.ended.retain(|ended| *ended != boot);
        let by = self.distrust(place, (name, boot), &vouched.result);
        let because = Reason::FenceLied {
            node: name.clone(),
            by: by.clone(),
        };
        self.record(
            place,
            Happening::FenceLied {
                node: name.clone(),
                boot,
                by,
                services: vouched.services.clone(),
            },
        );
        for service in &vouched.services {
            self.stop_newer_copy(place, (service, vouched.index), &because);
            let seen = self.seen.services.entry(service.clone()).or_default();
            seen.strays.insert(name.clone(), boot);
            self.note_twice(service);
        }
        self.demote_newer(place, &vouched.services, &because);
        let state = NodeState::Lost {
            boot: Some(boot),
            because: because.clone(),
        };
        self.set_node(place, name, state, Some(because));
        Ok(Applied::Done)
    }

    /// Believes the device no more; says who or what was wrong.
    fn distrust(
        &mut self,
        place: Place,
        (name, boot): (&NodeName, BootId),
        result: &FenceResult,
    ) -> String {
        match result {
            FenceResult::Confirmed { device } => {
                let distrust = Distrust {
                    node: name.clone(),
                    boot,
                    at: place.at,
                };
                self.seen.distrusted.insert(device.clone(), distrust);
                format!("fence device {device}")
            }
            FenceResult::ConfirmedByOperator { user } => user.to_string(),
            FenceResult::OutlivedWatchdog { .. } => "the time of its watchdog".to_string(),
            FenceResult::Failed { .. } | FenceResult::Rebooted => "nobody".to_string(),
        }
    }

    /// A copy that was started because the older one was believed to be gone. It is stopped
    /// also under maintenance or a freeze: nothing that a person wanted is worth two copies.
    fn stop_newer_copy(
        &mut self,
        place: Place,
        (service, since): (&ServiceName, u64),
        because: &Reason,
    ) {
        let claim = self
            .seen
            .services
            .get(service)
            .and_then(|seen| seen.claim.as_ref());
        let newer = claim.filter(|claim| since < claim.epoch.0 && claim.goal == Goal::Run);
        let Some((node, plan)) = newer.map(|claim| (claim.node.clone(), claim.plan)) else {
            return;
        };
        self.change_claim(service, |seen, claim| {
            claim.goal = Goal::Stop;
            if !matches!(claim.phase, Phase::StopFailed(_)) {
                claim.phase = Phase::Stopping;
            }
            claim.because = because.clone();
            claim.since = place.at;
            seen.since = place.at;
            seen.moving = None;
        });
        self.record(
            place,
            Happening::Revoked {
                service: service.clone(),
                node,
                plan,
                because: because.clone(),
            },
        );
    }

    /// What a half was told outside the log, and nobody acted on.
    pub(crate) fn device_lied(
        &mut self,
        place: Place,
        device: &DeviceName,
        (node, boot): (&NodeName, BootId),
    ) -> Outcome {
        self.node(node)?;
        if !self.is_device(device) || self.seen.distrusted.contains_key(device) {
            return Err(Rejected::Late(format!("a lie of {device}")));
        }
        let distrust = Distrust {
            node: node.clone(),
            boot,
            at: place.at,
        };
        self.seen.distrusted.insert(device.clone(), distrust);
        let (device, node) = (device.clone(), node.clone());
        self.record(place, Happening::DeviceLied { device, node, boot });
        Ok(Applied::Done)
    }

    pub(crate) fn trust_device(
        &mut self,
        place: Place,
        device: &DeviceName,
        by: &UserName,
    ) -> Outcome {
        if self.seen.distrusted.remove(device).is_none() {
            return Err(Rejected::Refused(format!("{device} is trusted")));
        }
        self.record_operator(place, by, format!("fence trust {device}"));
        Ok(Applied::Done)
    }

    /// Whether this device ends any node, by the present configuration.
    #[must_use]
    pub fn is_device(&self, device: &DeviceName) -> bool {
        let mut nodes = self.spec.iter().flat_map(|spec| spec.nodes.values());
        nodes.any(|node| node.fence.contains(device))
    }

    /// Whether the node has a device whose word counts.
    #[must_use]
    pub fn has_trusted_device(&self, name: &NodeName) -> bool {
        let node = self.spec.as_ref().and_then(|spec| spec.nodes.get(name));
        node.is_some_and(|node| {
            let mut devices = node.fence.iter();
            devices.any(|device| !self.seen.distrusted.contains_key(device))
        })
    }
}
