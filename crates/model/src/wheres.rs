//! Rules of `where`: what the nodes of a service must be, or should be.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::NodeName;
use crate::roles::RoleMeant;

/// What nodes must be, or should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhereRule {
    /// Which nodes pass.
    #[serde(flatten)]
    pub meant: NodesMeant,
    /// Points for nodes that pass; none: those that do not pass are never used.
    #[serde(default)]
    pub points: Option<i32>,
    /// Which copies it holds for. For promoted ones: it has no say in where the copies are,
    /// only in which of them are promoted.
    #[serde(default, skip_serializing_if = "RoleMeant::is_any")]
    pub role: RoleMeant,
}

/// Which nodes a rule means. One attribute alone is written as programs of the first level know
/// it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum NodesMeant {
    /// Those that pass one test.
    One(AttributeRule),
    /// Those that pass all of several.
    All {
        /// The tests.
        all: Vec<AttributeRule>,
    },
    /// Those that pass at least one of several.
    Any {
        /// The tests.
        any: Vec<AttributeRule>,
    },
    /// Those of these names.
    Named {
        /// The nodes.
        nodes: Vec<NodeName>,
    },
}

/// A test of one attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributeRule {
    /// Which attribute.
    pub attribute: String,
    /// What it must be.
    pub test: AttributeTest,
}

/// What an attribute must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttributeTest {
    /// Exactly this.
    Is(String),
    /// There, or not, but not this.
    IsNot(String),
    /// One of these.
    OneOf(Vec<String>),
    /// A whole number of at least this.
    AtLeast(i64),
    /// A whole number of at most this.
    AtMost(i64),
    /// There, whatever it is (`true`), or not there.
    Exists(bool),
}

impl WhereRule {
    /// Whether nodes that do not pass are never used for copies in this role.
    #[must_use]
    pub fn is_must_of(&self, role: RoleMeant) -> bool {
        self.points.is_none() && self.role == role
    }

    /// Its points for copies in this role.
    #[must_use]
    pub fn points_of(&self, role: RoleMeant) -> Option<i32> {
        self.points.filter(|_| self.role == role)
    }

    /// Whether a node passes that has these attributes.
    #[must_use]
    pub fn passes<'v>(&self, node: &NodeName, value: impl Fn(&str) -> Option<&'v str>) -> bool {
        let passes = |rule: &AttributeRule| rule.test.passes(value(&rule.attribute));
        match &self.meant {
            NodesMeant::One(rule) => passes(rule),
            NodesMeant::All { all } => all.iter().all(passes),
            NodesMeant::Any { any } => any.iter().any(passes),
            NodesMeant::Named { nodes } => nodes.contains(node),
        }
    }

    /// What a node is that does not pass, in words: its attributes, or its name.
    #[must_use]
    pub fn why_not<'v>(&self, node: &NodeName, value: impl Fn(&str) -> Option<&'v str>) -> String {
        let fails = |rule: &&AttributeRule| !rule.test.passes(value(&rule.attribute));
        let mut told: Vec<String> = Vec::new();
        for rule in self.meant.rules().iter().filter(fails) {
            let key = &rule.attribute;
            let what = format!("{key} is {}", value(key).unwrap_or("not set"));
            if !told.contains(&what) {
                told.push(what);
            }
        }
        match told.is_empty() {
            true => format!("node is {node}, not as asked for ({self})"),
            false => format!("{}, not as asked for ({self})", told.join(" and ")),
        }
    }
}

impl NodesMeant {
    /// Its tests of attributes.
    #[must_use]
    pub fn rules(&self) -> &[AttributeRule] {
        match self {
            Self::One(rule) => std::slice::from_ref(rule),
            Self::All { all: rules } | Self::Any { any: rules } => rules,
            Self::Named { .. } => &[],
        }
    }
}

impl AttributeTest {
    /// Whether a node passes whose attribute has this value.
    #[must_use]
    pub fn passes(&self, value: Option<&str>) -> bool {
        let number = value.and_then(|value| value.parse::<i64>().ok());
        match self {
            Self::Is(wanted) => value == Some(wanted.as_str()),
            Self::IsNot(unwanted) => value != Some(unwanted.as_str()),
            Self::OneOf(wanted) => value.is_some_and(|value| wanted.iter().any(|w| w == value)),
            Self::AtLeast(least) => number.is_some_and(|number| *least <= number),
            Self::AtMost(most) => number.is_some_and(|number| number <= *most),
            Self::Exists(wanted) => value.is_some() == *wanted,
        }
    }
}

impl fmt::Display for WhereRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.role {
            RoleMeant::Any => {}
            RoleMeant::Promoted => f.write_str("promoted where ")?,
        }
        self.meant.fmt(f)?;
        match self.points {
            Some(points) => write!(f, " ({points} points)"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for NodesMeant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |rules: &[AttributeRule], by: &str| {
            let rules: Vec<String> = rules.iter().map(ToString::to_string).collect();
            rules.join(by)
        };
        match self {
            Self::One(rule) => rule.fmt(f),
            Self::All { all } => f.write_str(&joined(all, " and ")),
            Self::Any { any } => f.write_str(&joined(any, " or ")),
            Self::Named { nodes } => {
                let names: Vec<&str> = nodes.iter().map(NodeName::as_str).collect();
                write!(f, "node is {}", names.join(" or "))
            }
        }
    }
}

impl fmt::Display for AttributeRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attribute = &self.attribute;
        match &self.test {
            AttributeTest::Is(value) => write!(f, "{attribute} is {value}"),
            AttributeTest::IsNot(value) => write!(f, "{attribute} is not {value}"),
            AttributeTest::OneOf(values) => {
                write!(f, "{attribute} is one of {}", values.join(", "))
            }
            AttributeTest::AtLeast(least) => write!(f, "{attribute} is at least {least}"),
            AttributeTest::AtMost(most) => write!(f, "{attribute} is at most {most}"),
            AttributeTest::Exists(true) => write!(f, "{attribute} is set"),
            AttributeTest::Exists(false) => write!(f, "{attribute} is not set"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_passes_by_its_value_and_numbers_count_as_numbers() {
        let passes = |test: AttributeTest| {
            [Some("a"), Some("10"), Some("9"), None].map(|value| test.passes(value))
        };
        assert_eq!(
            passes(AttributeTest::Is("a".into())),
            [true, false, false, false]
        );
        assert_eq!(
            passes(AttributeTest::IsNot("a".into())),
            [false, true, true, true]
        );
        assert_eq!(
            passes(AttributeTest::AtLeast(10)),
            [false, true, false, false]
        );
        assert_eq!(
            passes(AttributeTest::AtMost(9)),
            [false, false, true, false]
        );
        assert_eq!(
            passes(AttributeTest::Exists(true)),
            [true, true, true, false]
        );
        assert_eq!(
            passes(AttributeTest::Exists(false)),
            [false, false, false, true]
        );
        let listed = AttributeTest::OneOf(vec!["a".into(), "9".into()]);
        assert_eq!(passes(listed), [true, false, true, false]);
    }
}
