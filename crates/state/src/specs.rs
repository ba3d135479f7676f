//! Commands that change what is wanted.

use model::history::Happening;
use model::seen::ServiceSeen;
use model::spec::ServiceSpec;
use model::{Command, Rejected, ServiceName, Spec, UserName};

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
        let old = self.spec.replace(spec.clone());
        if let Some(old) = &old {
            self.forget_watchdogs((old.cluster.timings.lease, spec.cluster.timings.lease));
        }
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
            let is_changed = before.is_none_or(|before| {
                before.resources != wanted.resources || !has_same_parts(before, wanted)
            });
            if !self.seen.services.contains_key(&*name) {
                let newcomer = ServiceSeen {
                    since: place.at,
                    ..self.newcomer(&name)
                };
                self.seen
                    .services
                    .insert(name.clone().into_owned(), newcomer);
            }
            if let Some(seen) = self.seen.services.get_mut(&*name).filter(|_| is_changed) {
                seen.changed_in = version;
            }
        }
        let devices = &spec.fence_devices;
        self.seen
            .fence_times
            .retain(|device, _| devices.contains_key(device));
        let names: Vec<ServiceName> = self.seen.services.keys().cloned().collect();
        names.iter().for_each(|name| self.forget_if_over(name));
        self.record(
            place,
            Happening::Configured {
                version,
                by: by.clone(),
            },
        );
        version
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

/// Whether the same resources take the role, and run only where it is promoted. How many are
/// promoted changes nothing for what runs.
fn has_same_parts(one: &ServiceSpec, other: &ServiceSpec) -> bool {
    let parts = |spec: &ServiceSpec| {
        let roles = spec.rules.roles.clone();
        roles.map(|roles| (roles.takers, roles.while_promoted))
    };
    parts(one) == parts(other)
}
