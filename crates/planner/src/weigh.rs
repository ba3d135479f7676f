//! What speaks for and against each node, in words: for people who ask why a service is where
//! it is. Nothing is decided here.

use model::roles::RoleMeant;
use model::seen::{Claim, Goal};
use model::spec::{Failback, ServiceSpec};
use model::{NodeName, ServiceName};

use crate::Input;
use crate::networks::{self, View};
use crate::placement::{Verdict, attributes_of, suits_role, verdicts};
use crate::view::Draft;

/// A node, and what speaks for and against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weighed {
    /// Which.
    pub node: NodeName,
    /// The sum of its points; none where it may not run the service now.
    pub points: Option<i64>,
    /// Where the points come from and why the service is not there all the same, or why it
    /// may not be there: one sentence each.
    pub because: Vec<String>,
}

/// Each member and each node of the spec, best first, those that may not at the end.
#[must_use]
pub fn weigh(input: &Input<'_>, service: &ServiceName) -> Vec<Weighed> {
    let mut draft = Draft::new(input);
    draft.place_all();
    let verdicts = verdicts(&draft, service);
    let claim = input.claim(service).filter(|it| it.goal == Goal::Run);
    let points_here = claim.and_then(|claim| {
        let here = verdicts.iter().find(|(node, _)| *node == claim.node)?;
        here.1.points()
    });
    let scales = Scales {
        draft: &draft,
        service,
        here: claim.zip(points_here),
    };
    let weighed = verdicts.into_iter().map(|(node, verdict)| Weighed {
        points: verdict.points(),
        because: scales.sentences(&node, &verdict),
        node,
    });
    weighed.collect()
}

struct Scales<'a> {
    draft: &'a Draft<'a>,
    service: &'a ServiceName,
    /// Where it is, and the points of that node, if it may be there.
    here: Option<(&'a Claim, i64)>,
}

impl Scales<'_> {
    fn sentences(&self, node: &NodeName, verdict: &Verdict) -> Vec<String> {
        let input = self.draft.input;
        let (busy, services, stickiness, spec) =
            match (verdict, input.spec.service_of(self.service)) {
                (Verdict::Not(why), _) => return vec![why.clone()],
                (Verdict::Ready { .. }, None) => return Vec::new(),
                (
                    Verdict::Ready {
                        busy,
                        services,
                        stickiness,
                        ..
                    },
                    Some(spec),
                ) => (*busy, *services, *stickiness, spec),
            };
        let points = verdict.points().unwrap_or_default();
        let mut wishes = wishes(input, spec, node);
        if stickiness != 0 {
            wishes.push(format!("stickiness ({stickiness} points)"));
        }
        let mut all = vec![match wishes.as_slice() {
            [] => format!("{points} points"),
            wishes => format!("{points} points: {}", wishes.join(", ")),
        }];
        all.extend(busy.map(|busy| busy.to_string()));
        let (others, view) = match networks::is_at(input, self.service, node) {
            true => (services.saturating_sub(1), View::Stays),
            false => (services, View::Comes),
        };
        all.push(match others {
            0 => "runs no other service".to_string(),
            1 => "runs 1 other service".to_string(),
            many => format!("runs {many} other services"),
        });
        let lack = networks::lack(input, (self.service, spec), (node, view));
        all.extend(lack.map(|lack| lack.because.to_string()));
        all.extend(words_of_role(input, spec, node));
        all.extend(self.why_not_there(spec, (node, points)));
        all
    }

    /// Why it is not on a node that may run it, where it runs elsewhere.
    fn why_not_there(&self, spec: &ServiceSpec, (node, there): (&NodeName, i64)) -> Option<String> {
        let (claim, here) = self.here?;
        let holder = &claim.node;
        if holder == node {
            return None;
        }
        let places = &self.draft.places;
        if places.are_taken_back(self.service, node) {
            return Some(format!(
                "it would go there, and the next plan would take it back: so it is held on {holder}"
            ));
        }
        let target = places.target(self.service);
        let elsewhere = target.filter(|target| *target != node);
        Some(match (here.cmp(&there), spec.failback, elsewhere) {
            (std::cmp::Ordering::Greater, ..) => format!("{holder} has {here}"),
            (std::cmp::Ordering::Equal, ..) => format!("{holder} has as many, and it is there"),
            (std::cmp::Ordering::Less, Failback::Never, _) => {
                format!("{holder} has {here}, but without `failback` it does not move for points")
            }
            (std::cmp::Ordering::Less, Failback::WhenPossible, None) => {
                format!("{holder} has {here}: it goes there as soon as it can")
            }
            (std::cmp::Ordering::Less, Failback::WhenPossible, Some(target)) => {
                format!("{holder} has {here}, but with all services it belongs on {target}")
            }
        })
    }
}

/// What gives a node its points.
pub(crate) fn wishes(input: &Input<'_>, spec: &ServiceSpec, node: &NodeName) -> Vec<String> {
    let place = spec.prefer.iter().position(|preferred| preferred == node);
    let mut wishes: Vec<String> = match place {
        Some(0) => vec!["first in prefer".to_string()],
        Some(1) => vec!["second in prefer".to_string()],
        Some(2) => vec!["third in prefer".to_string()],
        Some(place) => vec![format!("number {} in prefer", place + 1)],
        None if spec.prefer.is_empty() => Vec::new(),
        None => vec!["not in prefer".to_string()],
    };
    if spec.rules.avoid.contains(node) {
        wishes.push("in avoid".to_string());
    }
    wishes.extend(passing(input, spec, (node, RoleMeant::Any)));
    wishes
}

/// What speaks for and against the promotion of a copy there, where the service says more of it
/// than of the place of its copies.
fn words_of_role(input: &Input<'_>, spec: &ServiceSpec, node: &NodeName) -> Option<String> {
    if let Err(why) = suits_role(input, spec, node) {
        return Some(format!("no copy is promoted there: {why}"));
    }
    let passing = passing(input, spec, (node, RoleMeant::Promoted));
    (!passing.is_empty()).then(|| format!("more for a promoted copy: {}", passing.join(", ")))
}

/// The wishes about copies in this role that the node fulfils.
pub(crate) fn passing(
    input: &Input<'_>,
    spec: &ServiceSpec,
    (node, role): (&NodeName, RoleMeant),
) -> Vec<String> {
    let value = attributes_of(input, node);
    let passing = spec
        .rules
        .where_rules
        .iter()
        .filter(|rule| rule.points_of(role).is_some() && rule.passes(node, &value));
    passing.map(ToString::to_string).collect()
}
