//! The second opinion on rules about nodes, worked out from what the rules say.

use model::NodeName;
use model::roles::RoleMeant;
use model::rules::{AttributeRule, AttributeTest, NodesMeant};
use model::spec::ServiceSpec;

use crate::Input;

/// Whether some rule without points keeps copies in this role from the node.
pub(super) fn forbids(
    input: &Input<'_>,
    spec: &ServiceSpec,
    (node, role): (&NodeName, RoleMeant),
) -> bool {
    let holds = |rule: &AttributeRule| {
        let set = input.seen.nodes.get(node).and_then(|seen| {
            let told = seen.networks.attributes.get(&rule.attribute);
            seen.attributes.get(&rule.attribute).or(told)
        });
        let given = input
            .spec
            .nodes
            .get(node)
            .and_then(|node| node.attributes.get(&rule.attribute));
        is_so(&rule.test, set.or(given))
    };
    let mut rules = spec.rules.where_rules.iter();
    rules.any(|rule| {
        let suits = match &rule.meant {
            NodesMeant::One(one) => holds(one),
            NodesMeant::All { all } => !all.iter().any(|each| !holds(each)),
            NodesMeant::Any { any } => any.iter().any(holds),
            NodesMeant::Named { nodes } => nodes.iter().any(|named| named == node),
        };
        rule.points.is_none() && rule.role == role && !suits
    })
}

fn is_so(test: &AttributeTest, value: Option<&String>) -> bool {
    let number = || value.and_then(|value| value.parse::<i64>().ok());
    match test {
        AttributeTest::Is(wanted) => value == Some(wanted),
        AttributeTest::IsNot(wanted) => value != Some(wanted),
        AttributeTest::OneOf(wanted) => value.is_some_and(|value| wanted.contains(value)),
        AttributeTest::AtLeast(least) => number().is_some_and(|number| number >= *least),
        AttributeTest::AtMost(most) => number().is_some_and(|number| number <= *most),
        AttributeTest::Exists(wanted) => *wanted == value.is_some(),
    }
}
