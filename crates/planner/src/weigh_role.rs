//! Why the role is on a copy and not on the others, in words: for people who ask. Nothing is
//! decided here.

use std::cmp::Ordering;

use model::roles::{RoleMeant, RoleSeen};
use model::seen::Claim;
use model::spec::{Failback, ServiceSpec};
use model::{NodeName, ServiceName};

use crate::needs::Needs;
use crate::placement::{self, points};
use crate::roles::{self, Holder, RoleStep, holders, score_of};
use crate::view::Draft;
use crate::weigh::{passing, wishes};
use crate::{Input, fences};

/// A copy of a service with roles, and what speaks for and against its being promoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeighedRole {
    /// Which copy.
    pub copy: ServiceName,
    /// Where it is; none: nowhere.
    pub node: Option<NodeName>,
    /// Its role now; none where it is nowhere.
    pub role: Option<RoleSeen>,
    /// The points that count for the role; none where it cannot be promoted now.
    pub points: Option<i64>,
    /// Where the points come from, and why it is promoted or not: one sentence each.
    pub because: Vec<String>,
}

/// Each copy of the service, those that shall be promoted first; nothing where there are no
/// roles.
#[must_use]
pub fn weigh_roles(input: &Input<'_>, service: &ServiceName) -> Vec<WeighedRole> {
    let service = &service.service();
    let Some(spec) = input.spec.services.get(service) else {
        return Vec::new();
    };
    if spec.rules.roles.is_none() {
        return Vec::new();
    }
    let mut draft = Draft::new(input);
    fences::plan_fences(&mut draft);
    draft.place_all();
    let _finds_what_ends = Needs::of(&mut draft);
    roles::decide(&mut draft);
    let mut holders = holders(input, &draft.given_up, (service, spec));
    holders.sort_by_key(|holder| !is_meant(&draft, holder));
    let fit = holders
        .iter()
        .rfind(|holder| holder.fit.is_ok() && is_meant(&draft, holder));
    let scales = Scales {
        draft: &draft,
        spec,
        service,
        last_meant: fit.or_else(|| holders.iter().rfind(|holder| is_meant(&draft, holder))),
    };
    let mut all: Vec<_> = holders.iter().map(|holder| scales.weigh(holder)).collect();
    let names = input.spec.names_of(service);
    let nowhere = names.iter().filter(|name| input.claim(name).is_none());
    all.extend(nowhere.map(|name| WeighedRole {
        copy: name.clone().into_owned(),
        node: None,
        role: None,
        points: None,
        because: vec!["runs nowhere".to_string()],
    }));
    all
}

/// Whether it shall be promoted, by what is planned now.
fn is_meant(draft: &Draft<'_>, holder: &Holder<'_>) -> bool {
    match draft.roles.get(holder.name) {
        Some(RoleStep::Promote(_)) => true,
        Some(RoleStep::Demote(_)) => false,
        // What waits to be promoted, or with an order that cannot be carried out yet.
        Some(RoleStep::Wait(_)) => holder.fit.is_ok(),
        None => holder.claim.role.is_wished(),
    }
}

struct Scales<'a> {
    draft: &'a Draft<'a>,
    spec: &'a ServiceSpec,
    service: &'a ServiceName,
    /// Of those that shall be promoted, the one that another would have to outweigh.
    last_meant: Option<&'a Holder<'a>>,
}

impl Scales<'_> {
    fn weigh(&self, holder: &Holder<'_>) -> WeighedRole {
        let claim = holder.claim;
        let mut because = Vec::new();
        let points = holder.fit.is_ok().then(|| self.points(claim));
        if let Some(points) = points {
            because.push(self.told_points(claim, points));
        }
        because.extend(self.why(holder));
        WeighedRole {
            copy: holder.name.clone(),
            node: Some(claim.node.clone()),
            role: Some(claim.role),
            points,
            because,
        }
    }

    fn points(&self, claim: &Claim) -> i64 {
        let input = self.draft.input;
        let score = score_of(input, self.service, &claim.node).unwrap_or(0);
        let wished = placement::wishes(input, self.spec, (&claim.node, RoleMeant::Promoted));
        let place = points(input, self.spec, &claim.node) + wished;
        score
            .saturating_add(place)
            .saturating_add(self.sticks(claim))
    }

    /// Where the role is, it sticks with `failback`.
    fn sticks(&self, claim: &Claim) -> i64 {
        match (self.spec.failback, claim.role.is_wished()) {
            (Failback::WhenPossible, true) => i64::from(self.spec.stickiness),
            (Failback::WhenPossible, false) | (Failback::Never, _) => 0,
        }
    }

    fn told_points(&self, claim: &Claim, points: i64) -> String {
        let input = self.draft.input;
        let score = score_of(input, self.service, &claim.node);
        let score = score.map(|score| format!("promotion score {score}"));
        let mut said: Vec<String> = score.into_iter().collect();
        said.extend(wishes(input, self.spec, &claim.node));
        let of_role = (&claim.node, RoleMeant::Promoted);
        said.extend(passing(input, self.spec, of_role));
        let sticks = self.sticks(claim);
        said.extend((sticks != 0).then(|| format!("stickiness ({sticks} points)")));
        match said.as_slice() {
            [] => format!("{points} points"),
            said => format!("{points} points: {}", said.join(", ")),
        }
    }

    /// What is planned, what stands in its way, or what another has that it has not.
    fn why(&self, holder: &Holder<'_>) -> Option<String> {
        let because = match self.draft.roles.get(holder.name) {
            Some(RoleStep::Promote(because)) => {
                return Some(format!("is promoted next: {because}"));
            }
            Some(RoleStep::Demote(because)) => return Some(format!("is demoted next: {because}")),
            Some(RoleStep::Wait(because)) => Some(because.to_string()),
            None => None,
        };
        if let Err(unfit) = &holder.fit {
            // Who cannot be promoted is told with each copy, and not once more here.
            return Some(unfit.text());
        }
        if because.is_some() {
            return because;
        }
        match holder.claim.role {
            RoleSeen::Promoted | RoleSeen::Promoting => None,
            RoleSeen::Demoting => Some(format!("is being demoted: {}", holder.claim.because)),
            RoleSeen::Unpromoted => self
                .last_meant
                .map(|meant| self.what_it_lacks(holder, meant)),
        }
    }

    /// The first of what counts, in its order, that speaks for another.
    fn what_it_lacks(&self, holder: &Holder<'_>, meant: &Holder<'_>) -> String {
        let (name, node) = (meant.name, &meant.claim.node);
        let (elsewhere, away, has_failed, networks, ..) = holder.rank;
        let (meant_elsewhere, meant_away, meant_failed, meant_networks, ..) = meant.rank;
        if let Err(unfit) = &meant.fit {
            return format!("{name} may be promoted on {node}: {}", unfit.text());
        }
        if (meant_elsewhere, meant_away) < (elsewhere, away) {
            return format!("an order sends the role to {node}");
        }
        if has_failed && !meant_failed {
            return "it has just failed at it".to_string();
        }
        if meant_networks < networks {
            return format!("the networks that it needs are better on {node}");
        }
        let has = self.points(meant.claim);
        let by_points = has.cmp(&self.points(holder.claim));
        if holder.rank < meant.rank {
            return format!("{name} has {has}, but with all services the role belongs on {node}");
        }
        match (by_points, meant.claim.role.is_wished()) {
            (Ordering::Greater, _) => format!("{name} has {has}"),
            (Ordering::Equal, true) => format!("{name} has as many, and it is promoted"),
            (Ordering::Equal, false) => format!("{name} has as many, and the lower number"),
            (Ordering::Less, _) => {
                format!("{name} has {has}, but without `failback` it does not move for points")
            }
        }
    }
}
