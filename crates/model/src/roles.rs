//! Roles: copies of a service of which some are promoted (a database's primary), the others
//! run as ordinary ones.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ResourceName;

/// How a service deals with roles.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roles {
    /// How many of its copies are promoted, at most.
    pub promoted: u32,
    /// The resources that are promoted and demoted, each by its own means. There is at least
    /// one.
    pub takers: BTreeSet<ResourceName>,
    /// Resources that run only where the service is promoted (`when = "promoted"`): started
    /// after the promotion, stopped before the demotion.
    #[serde(default)]
    pub while_promoted: BTreeSet<ResourceName>,
}

impl Roles {
    /// What the resource has to do with the role.
    #[must_use]
    pub fn part_of(&self, resource: &ResourceName) -> RolePart {
        if self.takers.contains(resource) {
            RolePart::Taker
        } else if self.while_promoted.contains(resource) {
            RolePart::WhilePromoted
        } else {
            RolePart::Ordinary
        }
    }
}

/// What a resource has to do with the role of its service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RolePart {
    /// Nothing: it runs in both.
    #[default]
    Ordinary,
    /// It is promoted and demoted.
    Taker,
    /// It runs only where the service is promoted.
    WhilePromoted,
}

/// Which copies a relation to a service means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoleMeant {
    /// Any.
    #[default]
    Any,
    /// Those that are promoted.
    Promoted,
}

impl RoleMeant {
    /// Whether any copy is meant.
    #[must_use]
    pub fn is_any(&self) -> bool {
        *self == Self::Any
    }
}

/// The role of the holder of a claim.
///
/// ```text
///               Promote                  told: promoted
///   Unpromoted ────────► Promoting ◄──────────────────────► Promoted
///       ▲                    │          told: not (yet)         │
///       │ told: demoted      │ Demote                    Demote │
///       └─────────────── Demoting ◄─────────────────────────────┘
/// ```
///
/// From a promotion on, until the node has said that it has demoted it, or nothing of it runs
/// any more, it counts as promoted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoleSeen {
    /// Proven to be an ordinary one.
    #[default]
    Unpromoted,
    /// It shall be promoted, and may be.
    Promoting,
    /// It is promoted.
    Promoted,
    /// It shall be an ordinary one, and may still be promoted.
    Demoting,
}

impl RoleSeen {
    /// Whether it may be promoted at this moment.
    #[must_use]
    pub fn may_be_promoted(self) -> bool {
        match self {
            Self::Unpromoted => false,
            Self::Promoting | Self::Promoted | Self::Demoting => true,
        }
    }

    /// Whether it shall be promoted.
    #[must_use]
    pub fn is_wished(self) -> bool {
        match self {
            Self::Promoting | Self::Promoted => true,
            Self::Unpromoted | Self::Demoting => false,
        }
    }

    /// The word for it in `status`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Unpromoted => "unpromoted",
            Self::Promoting => "promoting",
            Self::Promoted => "promoted",
            Self::Demoting => "demoting",
        }
    }
}

/// What a node tells of the role of what it holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleTold {
    /// Which wish for the role the node knew when it said so (`Claim::turn`). An answer to an
    /// earlier one proves nothing.
    pub turn: u32,
    /// How it is.
    pub standing: RoleStanding,
}

/// How a node finds its copy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoleStanding {
    /// Certainly an ordinary one, and nothing is under way that could promote it.
    #[default]
    Unpromoted,
    /// On its way, or nobody knows.
    Between,
    /// Promoted, with all that runs only then.
    Promoted,
}

/// Attributes of nodes whose names begin like this tell how well a service would do promoted
/// there: `promotion-score:db`. Agents set them, or people.
pub const PROMOTION_SCORE_PREFIX: &str = "promotion-score:";

/// What `INFINITY` means as a promotion score, and the largest that counts.
pub const PROMOTION_SCORE_MAX: i64 = 1_000_000;

/// Reads a promotion score: a whole number, or `INFINITY` with its sign.
#[must_use]
pub fn promotion_score(text: &str) -> Option<i64> {
    let number = match text {
        "INFINITY" | "+INFINITY" => PROMOTION_SCORE_MAX,
        "-INFINITY" => -PROMOTION_SCORE_MAX,
        other => other.parse().ok()?,
    };
    Some(number.clamp(-PROMOTION_SCORE_MAX, PROMOTION_SCORE_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promotion_score_is_a_number_or_infinite_and_has_bounds() {
        let scores = ["10", "-3", "INFINITY", "-INFINITY", "99999999", "much", ""];
        assert_eq!(
            scores.map(promotion_score),
            [
                Some(10),
                Some(-3),
                Some(1_000_000),
                Some(-1_000_000),
                Some(1_000_000),
                None,
                None
            ]
        );
    }

    #[test]
    fn what_is_being_demoted_still_counts_as_promoted() {
        let may = |role: RoleSeen| (role.may_be_promoted(), role.is_wished());
        assert_eq!(may(RoleSeen::Unpromoted), (false, false));
        assert_eq!(may(RoleSeen::Promoting), (true, true));
        assert_eq!(may(RoleSeen::Promoted), (true, true));
        assert_eq!(may(RoleSeen::Demoting), (true, false));
    }
}
