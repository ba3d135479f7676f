//! The planner: from what is wanted and what is observed to the next steps, each with its
//! reason.
//!
//! `plan` is a pure function. There is no transition of the whole cluster: each service is
//! planned on its own, again after every change, and what is under way is part of what is
//! observed. Planning from the result of a plan asks for nothing twice. Where nothing is
//! done although something is wished, the plan says what it waits for.
//!
//! The planner proposes; `state` has the last word on S1 and S2. `checker` is a second,
//! independent opinion on every plan.
//!
//! ```text
//!   Spec, Seen, now ──► fences (safety) ──► services, by priority ──► Plan { steps, waits }
//!                                                ▲
//!                        translate ──► arrange ──┘ where, if places depend on each other
//! ```

#![forbid(unsafe_code)]

mod alone;
mod apart;
pub mod arrange;
pub mod arrange_checker;
mod busy;
mod check_answers;
pub mod checker;
mod coming;
mod copies;
mod fences;
mod live;
mod live_checker;
mod mend;
mod moves;
mod needs;
mod network_checks;
mod network_draws;
mod networks;
mod one_by_one;
mod one_of;
mod placement;
mod places;
mod reload;
mod roles;
pub mod rule;
mod services;
mod starts;
mod step;
mod strays;
pub mod translate;
mod twice;
mod view;
mod weigh;
mod weigh_role;

use model::{ClusterTime, PlanId, Seen, Spec, WallTime};

pub use busy::NodeBusy;
pub use placement::{Verdict, placement};
pub use step::{Action, Plan, Step, Subject, Wait};
pub use strays::{StrayVerdict, strays};
pub use weigh::{Weighed, weigh};
pub use weigh_role::{WeighedRole, weigh_roles};

/// What a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// What is wanted.
    pub spec: &'a Spec,
    /// Its version.
    pub spec_version: u64,
    /// What is observed.
    pub seen: &'a Seen,
    /// Names the plan.
    pub id: PlanId,
    /// Cluster time. Only brakes, pauses and windows of failures follow from it; no safety
    /// does.
    pub now: ClusterTime,
    /// What the wall clock of whoever plans shows at this moment, to tell people times.
    pub wall: WallTime,
}

/// The next steps, in the order in which they shall be proposed.
#[must_use]
pub fn plan(input: &Input<'_>) -> Plan {
    let spec = alone::spec_for(input);
    let input = &Input {
        spec: &spec,
        ..*input
    };
    let mut draft = view::Draft::new(input);
    fences::plan_fences(&mut draft);
    draft.place_all();
    services::plan_services(&mut draft);
    draft.finish()
}
