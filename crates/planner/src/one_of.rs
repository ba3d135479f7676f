//! "After one of these": several services of which one is enough.

use model::seen::{Goal, Phase};
use model::spec::ServiceSpec;
use model::{Reason, ServiceName};

use crate::Input;

impl Input<'_> {
    /// What the service waits for, if of one of its lists none runs; of what runs, only names
    /// that count.
    pub(crate) fn missing_one_of(
        &self,
        spec: &ServiceSpec,
        counts: impl Fn(&ServiceName) -> bool,
    ) -> Option<Reason> {
        let mut lists = spec.rules.after_one_of.iter();
        let unmet = lists.find(|list| !self.one_runs(list, &counts))?;
        Some(Reason::WaitsForOneOf {
            services: unmet.clone(),
        })
    }

    /// Whether the service cannot go on once `gone` has stopped.
    pub(crate) fn needs_of_one_of(
        &self,
        spec: &ServiceSpec,
        gone: &ServiceName,
        stays: impl Fn(&ServiceName) -> bool,
    ) -> bool {
        let of = gone.service();
        let mut lists = spec.rules.after_one_of.iter();
        let stays = |name: &ServiceName| name != gone && stays(name);
        lists.any(|list| list.contains(&of) && !self.one_runs(list, stays))
    }

    fn one_runs(&self, list: &[ServiceName], counts: impl Fn(&ServiceName) -> bool) -> bool {
        let mut names = list.iter().flat_map(|service| self.spec.names_of(service));
        names.any(|name| {
            let claim = self.claim(&name).filter(|_| counts(&name));
            claim.is_some_and(|claim| claim.goal == Goal::Run && claim.phase == Phase::Running)
        })
    }
}
