//! Rules about attributes of nodes, as `[[service.X.where]]`.

use planner::arrange::Score;
use planner::rule::{Comparison, Condition, Test, ValueKind};

use super::text::{list, quoted};

/// One rule of our file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Where {
    pub attribute: String,
    /// A test and what it compares with, as in the file.
    pub test: (&'static str, String),
    /// None: nodes that do not pass are never used.
    pub points: Option<i32>,
}

/// What a condition says with this score; none: our file has no words for it.
pub(super) fn of(condition: &Condition, score: Score) -> Option<Vec<Where>> {
    match score.is_never() {
        true => unless(condition),
        false => Some(vec![wish(condition, score.value())?]),
    }
}

/// A rule that forbids nodes where a bound holds also forbids those without the attribute
/// here, but not there.
pub(super) fn forbids_unset(rule: &Where) -> bool {
    rule.points.is_none() && ["at_least", "at_most"].contains(&rule.test.0)
}

fn single(condition: &Condition) -> &Condition {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => match parts.as_slice() {
            [part] => single(part),
            _ => condition,
        },
        Condition::Attribute { .. }
        | Condition::Time(_)
        | Condition::ResourceKind { .. }
        | Condition::Operation { .. }
        | Condition::Fixed(_) => condition,
    }
}

/// Rules that all hold where the condition does not.
fn unless(condition: &Condition) -> Option<Vec<Where>> {
    match single(condition) {
        Condition::Any(parts) => {
            let rules: Option<Vec<Vec<Where>>> = parts.iter().map(unless).collect();
            Some(rules?.concat())
        }
        Condition::All(parts) => Some(vec![one_of(parts, Comparison::NotEqual, None)?]),
        Condition::Attribute { name, test } => Some(vec![rule(name, opposite(test)?, None)?]),
        Condition::Time(_)
        | Condition::ResourceKind { .. }
        | Condition::Operation { .. }
        | Condition::Fixed(_) => None,
    }
}

fn wish(condition: &Condition, points: i32) -> Option<Where> {
    match single(condition) {
        Condition::Any(parts) => one_of(parts, Comparison::Equal, Some(points)),
        Condition::Attribute { name, test } => rule(name, same(test)?, Some(points)),
        Condition::All(_)
        | Condition::Time(_)
        | Condition::ResourceKind { .. }
        | Condition::Operation { .. }
        | Condition::Fixed(_) => None,
    }
}

fn rule(name: &str, test: (&'static str, String), points: Option<i32>) -> Option<Where> {
    // Names that begin so are made by the cluster there; nobody makes them here.
    (!name.starts_with('#')).then(|| Where {
        attribute: name.to_string(),
        test,
        points,
    })
}

/// Several comparisons of one attribute with texts.
fn one_of(parts: &[Condition], wanted: Comparison, points: Option<i32>) -> Option<Where> {
    let mut found: Option<&str> = None;
    let mut values = Vec::new();
    for part in parts {
        let Condition::Attribute { name, test } = single(part) else {
            return None;
        };
        let Test::Compares { how, with, kind } = test else {
            return None;
        };
        if *how != wanted || !is_text(*kind) || found.is_some_and(|found| found != name) {
            return None;
        }
        found = Some(name);
        values.push(with.clone()?);
    }
    rule(found?, ("one_of", list(&values)), points)
}

fn is_text(kind: Option<ValueKind>) -> bool {
    matches!(kind, None | Some(ValueKind::Text))
}

/// What passes where the test does.
fn same(test: &Test) -> Option<(&'static str, String)> {
    match test {
        Test::Defined => Some(("exists", "true".to_string())),
        Test::NotDefined => Some(("exists", "false".to_string())),
        Test::Compares { how, with, kind } => {
            let with = with.as_deref()?;
            match how {
                Comparison::Equal => text("is", with, *kind),
                Comparison::NotEqual => text("is_not", with, *kind),
                Comparison::Less => bound("at_most", with, *kind, -1),
                Comparison::LessOrEqual => bound("at_most", with, *kind, 0),
                Comparison::More => bound("at_least", with, *kind, 1),
                Comparison::MoreOrEqual => bound("at_least", with, *kind, 0),
            }
        }
    }
}

/// What passes where the test does not.
fn opposite(test: &Test) -> Option<(&'static str, String)> {
    match test {
        Test::Defined => Some(("exists", "false".to_string())),
        Test::NotDefined => Some(("exists", "true".to_string())),
        Test::Compares { how, with, kind } => {
            let with = with.as_deref()?;
            match how {
                Comparison::Equal => text("is_not", with, *kind),
                Comparison::NotEqual => text("is", with, *kind),
                Comparison::Less => bound("at_least", with, *kind, 0),
                Comparison::LessOrEqual => bound("at_least", with, *kind, 1),
                Comparison::More => bound("at_most", with, *kind, 0),
                Comparison::MoreOrEqual => bound("at_most", with, *kind, -1),
            }
        }
    }
}

fn text(test: &'static str, with: &str, kind: Option<ValueKind>) -> Option<(&'static str, String)> {
    is_text(kind).then(|| (test, quoted(with)))
}

/// Bounds are whole numbers of at most 60 bits here.
fn bound(
    test: &'static str,
    with: &str,
    kind: Option<ValueKind>,
    shift: i64,
) -> Option<(&'static str, String)> {
    let is_whole = matches!(kind, None | Some(ValueKind::Integer));
    let number: i64 = with.parse().ok().filter(|_| is_whole)?;
    let limit = 1_i64 << 60;
    let number = number.checked_add(shift)?;
    (-limit..=limit)
        .contains(&number)
        .then(|| (test, number.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compares(name: &str, how: Comparison, with: &str) -> Condition {
        Condition::Attribute {
            name: name.to_string(),
            test: Test::Compares {
                how,
                with: Some(with.to_string()),
                kind: None,
            },
        }
    }

    fn said(condition: &Condition, score: Score) -> Option<String> {
        let rules = of(condition, score)?;
        let lines = rules
            .iter()
            .map(|rule| format!("{} {} {}", rule.attribute, rule.test.0, rule.test.1));
        Some(lines.collect::<Vec<_>>().join("; "))
    }

    #[test]
    fn what_is_forbidden_becomes_what_must_be() {
        let never = |condition: &Condition| said(condition, Score::MINUS_INFINITY);
        let not_a = compares("rack", Comparison::NotEqual, "a");
        let not_b = compares("rack", Comparison::NotEqual, "b");
        let few = compares("disks", Comparison::Less, "4");
        assert_eq!(never(&not_a).unwrap(), r#"rack is "a""#);
        assert_eq!(never(&few).unwrap(), "disks at_least 4");
        let either = Condition::Any(vec![not_a.clone(), few.clone()]);
        assert_eq!(never(&either).unwrap(), r#"rack is "a"; disks at_least 4"#);
        let both = Condition::All(vec![not_a.clone(), not_b]);
        assert_eq!(never(&both).unwrap(), r#"rack one_of ["a", "b"]"#);
        assert_eq!(never(&Condition::All(vec![not_a, few])), None);
        assert_eq!(never(&Condition::All(vec![])), None);
    }

    #[test]
    fn wishes_keep_their_sense() {
        let wish = |condition: &Condition| said(condition, Score::new(50));
        let a = compares("rack", Comparison::Equal, "a");
        let b = compares("rack", Comparison::Equal, "b");
        let many = compares("disks", Comparison::More, "4");
        assert_eq!(wish(&many).unwrap(), "disks at_least 5");
        let either = Condition::Any(vec![a.clone(), b]);
        assert_eq!(wish(&either).unwrap(), r#"rack one_of ["a", "b"]"#);
        assert_eq!(wish(&Condition::All(vec![a, many])), None);
        assert_eq!(wish(&compares("disks", Comparison::More, "4.5")), None);
        assert_eq!(wish(&compares("#is_dc", Comparison::Equal, "true")), None);
    }
}
