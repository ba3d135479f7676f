//! When things happen while plans are played.
//!
//! A play has one time, which goes from the end of one operation to the end of the next, as in a
//! cluster: a plan is made after each. Beside it each service has a time of its own, so that
//! what is told of it rests on its own operations and on what it waited for, and not on those
//! of others that happened to end just then.

use std::collections::BTreeMap;
use std::time::Duration;

use model::seen::Seen;
use model::spec::ServiceSpec;
use model::{Measured, NodeName, Reason, ServiceName, Spec};

use crate::estimate::{Estimate, Part};

/// How it goes with one service.
#[derive(Debug, Clone, Default)]
struct Track {
    /// When the last thing about it was decided or has ended.
    at: Estimate,
    /// What is under way.
    doing: Option<Measured>,
    /// Since when it does not answer.
    down_since: Option<Estimate>,
    /// For how long it did not answer, where that is over.
    outage: Option<Estimate>,
}

/// All times of a play.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timeline {
    tracks: BTreeMap<ServiceName, Track>,
    /// When the last thing about a node was settled.
    nodes: BTreeMap<NodeName, Estimate>,
    /// What time it is.
    now: Duration,
    /// What each service waited for when it was last looked at.
    waits: BTreeMap<ServiceName, Reason>,
}

impl Timeline {
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Time passes; it never goes back.
    pub fn pass_until(&mut self, moment: Duration) {
        self.now = self.now.max(moment);
    }

    pub fn now_waits(&mut self, waits: BTreeMap<ServiceName, Reason>) {
        self.waits = waits;
    }

    /// The service does not answer from the beginning on.
    pub fn is_down(&mut self, service: &ServiceName) {
        let track = self.tracks.entry(service.clone()).or_default();
        track.down_since.get_or_insert_default();
    }

    /// A step about the service is taken now.
    pub fn begins(&mut self, service: &ServiceName, what: Measured) {
        let begin = self.begin_of(service);
        let track = self.tracks.entry(service.clone()).or_default();
        track.at = begin;
        track.doing = Some(what);
        match what {
            Measured::Stop | Measured::Restart => {
                track.down_since.get_or_insert_with(|| track.at.clone());
            }
            // What moves live answers meanwhile.
            Measured::Start | Measured::Migration | Measured::Promote | Measured::Demote => {}
        }
    }

    /// Now; resting on its own operations and on what it waited for.
    fn begin_of(&self, service: &ServiceName) -> Estimate {
        let own = self.at(service);
        let cause = match self.waits.get(service) {
            Some(
                Reason::WaitsForFence { node }
                | Reason::WaitsForStop { node }
                | Reason::WaitsForProbe { node }
                | Reason::WaitsForDaemon { node },
            ) => self.nodes.get(node),
            Some(Reason::WaitsForService { service }) => {
                self.tracks.get(service).map(|track| &track.at)
            }
            // The first of them to run; which, nobody knows ahead.
            Some(Reason::WaitsForOneOf { services }) => {
                let tracks = services.iter().filter_map(|one| self.tracks.get(one));
                tracks.map(|track| &track.at).min_by_key(|at| at.about)
            }
            Some(_a_pause_or_nothing_with_a_time) => None,
            None => None,
        };
        let mut begin = own.and(cause.unwrap_or(&Estimate::default()));
        begin.about = self.now;
        begin.at_most = begin.at_most.max(self.now);
        begin
    }

    /// When the last thing about the service was decided or has ended.
    pub fn at(&self, service: &ServiceName) -> Estimate {
        let track = self.tracks.get(service);
        track.map(|track| track.at.clone()).unwrap_or_default()
    }

    /// When what is under way at the service will have ended.
    pub fn end_of(
        &self,
        (name, spec): (&ServiceName, Option<&ServiceSpec>),
        seen: &Seen,
        otherwise: Measured,
    ) -> Estimate {
        let doing = self.tracks.get(name).and_then(|track| track.doing);
        let what = doing.unwrap_or(otherwise);
        let times = seen.services.get(name).map(|seen| &seen.times);
        let span = Estimate::of_part(
            Part::Service(name.clone(), what),
            times.map(|times| times.of(what)),
            limit_of(spec, what),
        );
        self.at(name).then(&span)
    }

    /// What was under way at the service has ended at `moment`.
    pub fn ends(&mut self, service: &ServiceName, node: &NodeName, moment: Estimate) {
        self.settles(node, &moment);
        let track = self.tracks.entry(service.clone()).or_default();
        track.at = moment;
        track.doing = None;
    }

    /// What was under way at the service has failed.
    pub fn fails(&mut self, service: &ServiceName) {
        let track = self.tracks.entry(service.clone()).or_default();
        track.doing = None;
    }

    /// The service answers again.
    pub fn answers(&mut self, service: &ServiceName) {
        let track = self.tracks.entry(service.clone()).or_default();
        if let Some(since) = track.down_since.take() {
            let outage = track.at.since(&since);
            let before = track.outage.take().unwrap_or_default();
            track.outage = Some(before.then(&outage));
        }
    }

    /// Something about the node is settled at `moment`.
    pub fn settles(&mut self, node: &NodeName, moment: &Estimate) {
        let known = self.nodes.entry(node.clone()).or_default();
        *known = known.and(moment);
    }

    /// When the node was lost, or whatever was settled about it last.
    pub fn of_node(&self, node: &NodeName) -> Estimate {
        self.nodes.get(node).cloned().unwrap_or_default()
    }

    /// What ran on the node is over from `moment` on.
    pub fn ends_with(&mut self, services: &[ServiceName], moment: &Estimate) {
        for service in services {
            let track = self.tracks.entry(service.clone()).or_default();
            track.at = moment.clone();
            track.doing = None;
        }
    }

    /// How long each service did not answer that does again, and those that do not.
    pub fn outages(&self) -> impl Iterator<Item = (&ServiceName, Option<&Estimate>)> {
        self.tracks
            .iter()
            .filter_map(|(name, track)| match (&track.down_since, &track.outage) {
                (Some(_), _) => Some((name, None)),
                (None, Some(outage)) => Some((name, Some(outage))),
                (None, None) => None,
            })
    }
}

/// What the limits of its resources allow.
fn limit_of(spec: Option<&ServiceSpec>, what: Measured) -> Duration {
    let resources = spec.map_or(&[][..], |spec| &spec.resources);
    let start = || resources.iter().map(|resource| resource.limits.start).sum();
    // As long again is given after KILL.
    let stop = || {
        let limits = resources.iter().map(|resource| 2 * resource.limits.stop);
        limits.sum::<Duration>()
    };
    match what {
        Measured::Start | Measured::Promote => start(),
        // It is handed over, and taken in.
        Measured::Migration => 2 * start(),
        Measured::Stop | Measured::Demote => stop(),
        Measured::Restart => stop() + start(),
    }
}

/// What a fence of the node takes: the device that confirms, or none. Devices before it that do
/// not answer take what their limits allow.
pub(crate) fn fence_span(
    (spec, seen): (&Spec, &Seen),
    target: &NodeName,
    answers: impl Fn(&model::DeviceName) -> bool,
) -> Option<(model::DeviceName, Estimate)> {
    let devices = &spec.nodes.get(target)?.fence;
    let mut span = Estimate::default();
    for device in devices {
        if seen.distrusted.contains_key(device) {
            continue;
        }
        let part = Part::Fence(device.clone());
        let limit = spec
            .fence_devices
            .get(device)
            .map_or_else(Duration::default, |device| {
                device.delay + device.limit * (device.retries + 1)
            });
        if answers(device) {
            let times = seen.fence_times.get(device);
            return Some((
                device.clone(),
                span.then(&Estimate::of_part(part, times, limit)),
            ));
        }
        span = span.then(&Estimate::of_part(part, None, limit));
    }
    None
}
