//! Where everything should be, and the steps that bring it there in one round.
//!
//! `arrange` is a pure function over general words: trees of resources (single ones, groups,
//! clones, clones with roles), scores, relations, capacities, tickets, failures. It knows
//! nothing of claims, leases or the log: what turns its answer into grants is
//! [`crate::plan`], and `state` has the last word.
//!
//! ```text
//!   Wanted, Observed ─► nodes (who is there, who is fenced) ─► scores ─► places ─► roles
//!                    ─► actions (needed? possible?) ─► Arrangement
//! ```

mod ahead;
mod arrangement;
mod build;
mod choose;
mod clones;
mod deeds;
mod hold;
mod live;
mod nodes;
mod numbers;
mod observed;
mod orders;
mod outcome;
mod place;
mod promote;
mod proof;
mod relate;
mod room;
mod scene;
mod score;
mod scores;
mod settle;
mod wanted;

pub use arrangement::{
    Action, Arrangement, Fence, FenceReason, Placed, Step, StepReason, Wait, WaitReason,
};
pub use observed::{
    BUSY_WITH_ONE_MORE, FailedVerb, FailureCount, Found, FoundFailed, NodeObserved, NodeState,
    Observed, OnFail, PromotionScore, TicketState, UnderWay,
};
pub use score::Score;
pub use wanted::{
    CloneRules, Colocation, Discovery, Kind, Location, MultipleActive, NoQuorum, NodeIx,
    NodeWanted, Order, OrderKind, Placement, Policy, PromotableRules, Requires, Resource,
    ResourceIx, Role, Settings, SomeBefore, Target, TicketIx, TicketLoss, TicketRule, Verb, Wanted,
};

/// What should be, and how to get there from what is.
///
/// # Panics
/// When a relation or an observation refers to a place that is in no list.
#[must_use]
pub fn arrange(wanted: &Wanted, observed: &Observed) -> Arrangement {
    ahead::look_ahead(wanted, observed, |observed, held| {
        one_round(wanted, observed, held)
    })
}

/// One round, by what is seen alone.
fn one_round(wanted: &Wanted, observed: &Observed, held: &ahead::Held) -> Arrangement {
    let mut scene = build::build(wanted, observed);
    hold::hold(&mut scene, held);
    scores::score(&mut scene);
    place::place(&mut scene);
    let mut deeds = deeds::deeds(&scene);
    orders::orders(&scene, &mut deeds);
    numbers::numbers(&scene, &mut deeds);
    proof::proof(&scene, &mut deeds);
    settle::settle(&scene, &mut deeds);
    outcome::outcome(&scene, &deeds)
}
