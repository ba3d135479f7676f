//! Commands that change what is wanted.

use model::history::Happening;
use model::reload::{Renewal, renewal_of_service};
use model::seen::ServiceSeen;
use model::spec::ServiceSpec;
use model::{Command, Rejected, ServiceName, Spec, UserName};

use crate::reloads::LEVEL_OF_RELOADS;
use crate::{Applied, Outcome, Place, SPEC_VERSIONS_MAX, SpecVersion, State, push_bounded};

impl State {
    pub(crate) fn set_spec(&mut self, place: Place, command: &Command) -> Outcome {
        let Command::SetSpec {
            base,
            source,
            spec,
            by,
        } = command
        else {
            return Err(Rejected::Unknown);
        };
        if *base != self.spec_version {
            return Err(Rejected::StaleSpec {
                base: *base,
                live: self.spec_version,
            });
        }
        Ok(Applied::SpecLive(self.install_spec(
            place,
            (source, spec),
            by,
        )))
    }

    pub(crate) fn install_spec(
        &mut self,
        place: Place,
        (source, spec): (&str, &Spec),
        by: &UserName,
    ) -> u64 {
        let version = self.spec_version + 1;
        let mut spec = spec.clone();
        if let Some(old) = &self.spec {
            spec.inherit_reloads(old);
        }
        let old = self.spec.replace(spec.clone());
        let spec = &spec;
        let can_reload = LEVEL_OF_RELOADS <= self.level;
        if let Some(old) = &old {
            self.forget_watchdogs((old.cluster.timings.lease, spec.cluster.timings.lease));
        }
        self.forget_loads_unasked();
        self.spec_version = version;
        let entry = SpecVersion {
            version,
            at: place.at,
            by: by.clone(),
            source: source.into(),
        };
        push_bounded(&mut self.versions, entry, SPEC_VERSIONS_MAX);
        for (name, wanted) in spec.running_names() {
            let before = old.as_ref().and_then(|old| old.service_of(&name));
            let change = before.map_or(Some(Renewal::Restart), |before| {
                change(before, wanted).map(|change| match can_reload {
                    true => change,
                    false => Renewal::Restart,
                })
            });
            if !self.seen.services.contains_key(&*name) {
                let newcomer = ServiceSeen {
                    since: place.at,
                    sought: self.to_be_asked((&name, old.as_ref())),
                    ..self.newcomer(&name)
                };
                self.seen
                    .services
                    .insert(name.clone().into_owned(), newcomer);
            }
            if let (Some(seen), Some(change)) = (self.seen.services.get_mut(&*name), change) {
                match change {
                    Renewal::Noted => {}
                    Renewal::Reload => seen.renewed_in = version,
                    Renewal::Restart => seen.changed_in = version,
                }
            }
        }
        let devices = &spec.fence_devices;
        self.seen
            .fence_times
            .retain(|device, _| devices.contains_key(device));
        self.settle_services();
        self.record(
            place,
            Happening::Configured {
                version,
                by: by.clone(),
            },
        );
        version
    }

    /// What follows at once for services of which the configuration says something else now.
    fn settle_services(&mut self) {
        let names: Vec<ServiceName> = self.seen.services.keys().cloned().collect();
        for name in &names {
            self.note_twice(name);
            self.settle_twice(name);
            self.forget_if_over(name);
        }
    }

    /// Drops a service that is no longer wanted and proven to run nowhere.
    pub(crate) fn forget_if_over(&mut self, name: &ServiceName) {
        let wanted = self.wanted(name).is_some();
        let over = self
            .seen
            .services
            .get(name)
            .is_some_and(|seen| seen.claim.is_none() && seen.strays.is_empty())
            && !self.seen.migrations.contains_key(name);
        if over && !wanted {
            self.seen.services.remove(name);
        }
    }
}

/// What a change of its resources asks for; none: they are the same.
fn change(before: &ServiceSpec, wanted: &ServiceSpec) -> Option<Renewal> {
    if !has_same_parts(before, wanted) {
        return Some(Renewal::Restart);
    }
    (before.resources != wanted.resources).then(|| renewal_of_service(before, wanted))
}

/// Whether the same resources take the role, and run only where it is promoted. How many are
/// promoted changes nothing for what runs.
fn has_same_parts(one: &ServiceSpec, other: &ServiceSpec) -> bool {
    let parts = |spec: &ServiceSpec| {
        let roles = spec.rules.roles.clone();
        roles.map(|roles| (roles.takers, roles.while_promoted))
    };
    parts(one) == parts(other)
}
