//! Rules: conditions over what is known of a node, a resource and the time.
//!
//! A rule is a tree of conditions. It is asked with [`Facts`], which hold the attributes of
//! one node, what kind of resource and operation it is about, and the time; it answers yes
//! or no and changes nothing. There is no clock here: who has no time to give gets no from
//! each condition that asks for it.

mod compare;
mod time;

pub use compare::{Comparison, ValueKind};
pub use time::{DateFields, Period, TimeTest, UnixSeconds, add_period, from_civil};

use std::collections::BTreeMap;

/// How deep conditions may lie in each other. Nobody writes more than three or four levels;
/// the limit keeps a made-up file from exhausting the stack.
pub const DEPTH_MAX: usize = 32;

/// A condition, or several taken together.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Each must hold; of none, yes.
    All(Vec<Condition>),
    /// One must hold; of none, no.
    Any(Vec<Condition>),
    /// What is asked of an attribute of the node.
    Attribute {
        /// Its name.
        name: String,
        /// What is asked.
        test: Test,
    },
    /// What is asked of the time.
    Time(TimeTest),
    /// What kind of resource it is about; what is `None` may be anything.
    ResourceKind {
        /// By which standard its agent works.
        class: Option<String>,
        /// Who made the agent.
        provider: Option<String>,
        /// Which agent.
        agent: Option<String>,
    },
    /// Which operation it is about; what is `None` may be anything.
    Operation {
        /// Its name.
        name: Option<String>,
        /// Between two, in milliseconds.
        interval_ms: Option<u64>,
    },
    /// The same answer always.
    Fixed(bool),
}

/// What is asked of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// It is there.
    Defined,
    /// It is not there.
    NotDefined,
    /// How it stands to a value. A value that is itself not there equals nothing.
    Compares {
        /// In which way.
        how: Comparison,
        /// With what.
        with: Option<String>,
        /// What both are taken for; none: for what fits the comparison and the values.
        kind: Option<ValueKind>,
    },
}

/// What a rule is asked about.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// Attributes of the node, if it is about one.
    pub attributes: Option<&'a BTreeMap<String, String>>,
    /// The time.
    pub now: Option<UnixSeconds>,
    /// The resource's class, provider and agent, if it is about one.
    pub resource: Option<(&'a str, &'a str, &'a str)>,
    /// The operation's name and interval in milliseconds, if it is about one.
    pub operation: Option<(&'a str, u64)>,
}

impl Condition {
    /// Whether it holds.
    #[must_use]
    pub fn holds(&self, facts: &Facts<'_>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(facts)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(facts)),
            Self::Attribute { name, test } => facts
                .attributes
                .is_some_and(|attributes| test.holds(attributes.get(name).map(String::as_str))),
            Self::Time(test) => facts.now.is_some_and(|now| test.holds(now)),
            Self::ResourceKind {
                class,
                provider,
                agent,
            } => facts.resource.is_some_and(|(c, p, a)| {
                is_open_or(class, c) && is_open_or(provider, p) && is_open_or(agent, a)
            }),
            Self::Operation { name, interval_ms } => facts.operation.is_some_and(|(n, i)| {
                is_open_or(name, n) && interval_ms.is_none_or(|wanted| wanted == i)
            }),
            Self::Fixed(answer) => *answer,
        }
    }
}

fn is_open_or(wanted: &Option<String>, given: &str) -> bool {
    wanted.as_ref().is_none_or(|wanted| wanted == given)
}

impl Test {
    /// Whether it holds for this value of the attribute.
    #[must_use]
    pub fn holds(&self, value: Option<&str>) -> bool {
        match self {
            Self::Defined => value.is_some(),
            Self::NotDefined => value.is_none(),
            Self::Compares { how, with, kind } => how.holds(value, with.as_deref(), *kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(name: &str, how: Comparison, with: &str) -> Condition {
        Condition::Attribute {
            name: name.to_string(),
            test: Test::Compares {
                how,
                with: Some(with.to_string()),
                kind: None,
            },
        }
    }

    fn holds(condition: &Condition, attributes: &[(&str, &str)]) -> bool {
        let attributes = attributes
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        condition.holds(&Facts {
            attributes: Some(&attributes),
            ..Facts::default()
        })
    }

    #[test]
    fn all_needs_each_and_any_needs_one() {
        let rack = attribute("rack", Comparison::Equal, "1");
        let disk = attribute("disk", Comparison::Equal, "ssd");
        let both = Condition::All(vec![rack.clone(), disk.clone()]);
        let either = Condition::Any(vec![rack, disk]);
        let answers =
            |attributes: &[(&str, &str)]| (holds(&both, attributes), holds(&either, attributes));
        assert_eq!(answers(&[("rack", "1"), ("disk", "ssd")]), (true, true));
        assert_eq!(answers(&[("rack", "1"), ("disk", "hdd")]), (false, true));
        assert_eq!(answers(&[]), (false, false));
    }

    #[test]
    fn of_nothing_all_holds_and_any_does_not() {
        assert!(holds(&Condition::All(vec![]), &[]));
        assert!(!holds(&Condition::Any(vec![]), &[]));
    }

    #[test]
    fn what_is_not_told_is_no() {
        let at_any_time = Condition::Time(TimeTest::From(UnixSeconds(0)));
        let probes = Condition::Operation {
            name: Some("monitor".to_string()),
            interval_ms: Some(0),
        };
        assert!(!at_any_time.holds(&Facts::default()));
        assert!(!probes.holds(&Facts::default()));
        let asked = Facts {
            operation: Some(("monitor", 0)),
            ..Facts::default()
        };
        assert!(probes.holds(&asked));
    }

    #[test]
    fn a_kind_or_an_operation_must_agree_in_all_that_is_said_of_it() {
        let kind = |class: Option<&str>, provider: Option<&str>, agent: Option<&str>| {
            let condition = Condition::ResourceKind {
                class: class.map(str::to_string),
                provider: provider.map(str::to_string),
                agent: agent.map(str::to_string),
            };
            condition.holds(&Facts {
                resource: Some(("ocf", "heartbeat", "IPaddr2")),
                ..Facts::default()
            })
        };
        assert!(kind(None, None, None));
        assert!(kind(Some("ocf"), Some("heartbeat"), Some("IPaddr2")));
        assert!(!kind(Some("lsb"), None, None));
        assert!(!kind(Some("ocf"), Some("other"), None));
        assert!(!kind(None, Some("heartbeat"), Some("Filesystem")));
        let operation = |name: Option<&str>, interval_ms: Option<u64>| {
            let condition = Condition::Operation {
                name: name.map(str::to_string),
                interval_ms,
            };
            condition.holds(&Facts {
                operation: Some(("monitor", 10_000)),
                ..Facts::default()
            })
        };
        assert!(operation(None, None));
        assert!(operation(Some("monitor"), None));
        assert!(operation(None, Some(10_000)));
        assert!(!operation(Some("start"), Some(10_000)));
        assert!(!operation(Some("monitor"), Some(0)));
    }
}
