//! Rules about attributes of nodes, as `[[service.X.where]]`.

use planner::arrange::Score;
use planner::rule::{Comparison, Condition, Test, ValueKind};

use super::text::{list, quoted};

/// One rule of our file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Where {
    pub asks: Asks,
    /// None: nodes that do not pass are never used.
    pub points: Option<i32>,
    /// Whether it holds for promoted copies only.
    pub promoted: bool,
}

/// What a rule asks of nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asks {
    One(Asked),
    All(Vec<Asked>),
    Any(Vec<Asked>),
    /// Their names, as in the file.
    Named(Vec<String>),
}

/// A test of one attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    attribute: String,
    /// A test and what it compares with, as in the file.
    test: (&'static str, String),
}

impl Where {
    /// Its keys, with their values as in the file.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let table = |asked: &Asked| {
            let (test, with) = &asked.test;
            format!(
                "{{ attribute = {}, {test} = {with} }}",
                quoted(&asked.attribute)
            )
        };
        let tables = |all: &[Asked]| {
            let tables: Vec<String> = all.iter().map(table).collect();
            format!("[{}]", tables.join(", "))
        };
        let mut lines = match &self.asks {
            Asks::One(asked) => {
                let (test, with) = &asked.test;
                vec![
                    ("attribute", quoted(&asked.attribute)),
                    (*test, with.clone()),
                ]
            }
            Asks::All(all) => vec![("all", tables(all))],
            Asks::Any(any) => vec![("any", tables(any))],
            Asks::Named(nodes) => vec![("nodes", list(nodes))],
        };
        if self.promoted {
            lines.push(("role", quoted("promoted")));
        }
        lines.extend(self.points.map(|points| ("points", points.to_string())));
        lines
    }
}

/// What a condition says with this score; none: our file has no words for it.
pub(super) fn of(condition: &Condition, score: Score, promoted: bool) -> Option<Vec<Where>> {
    let (asks, points) = match score.is_never() {
        true => (unless(condition)?, None),
        false => (vec![wish(condition)?], Some(score.value())),
    };
    let rules = asks.into_iter().map(|asks| Where {
        asks,
        points,
        promoted,
    });
    Some(rules.collect())
}

/// A rule that forbids nodes where a bound holds also forbids those without the attribute
/// here, but not there.
pub(super) fn forbids_unset(rule: &Where) -> bool {
    let is_bound = |asked: &Asked| ["at_least", "at_most"].contains(&asked.test.0);
    let has_bound = match &rule.asks {
        Asks::One(asked) => is_bound(asked),
        Asks::All(all) | Asks::Any(all) => all.iter().any(is_bound),
        Asks::Named(_) => false,
    };
    rule.points.is_none() && has_bound
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
fn unless(condition: &Condition) -> Option<Vec<Asks>> {
    match single(condition) {
        Condition::Any(parts) => {
            let rules: Option<Vec<Vec<Asks>>> = parts.iter().map(unless).collect();
            Some(rules?.concat())
        }
        Condition::All(parts) => Some(vec![match one_of(parts, Comparison::NotEqual) {
            Some(asked) => Asks::One(asked),
            None => Asks::Any(each(parts, not_asked)?),
        }]),
        alone => Some(vec![Asks::One(not_asked(alone)?)]),
    }
}

/// What holds where the condition does.
fn wish(condition: &Condition) -> Option<Asks> {
    match single(condition) {
        Condition::Any(parts) => Some(match one_of(parts, Comparison::Equal) {
            Some(asked) => Asks::One(asked),
            None => Asks::Any(each(parts, asked)?),
        }),
        Condition::All(parts) => Some(Asks::All(each(parts, asked)?)),
        alone => Some(Asks::One(asked(alone)?)),
    }
}

/// Each of several; of none, nothing can be said.
fn each(parts: &[Condition], said: impl Fn(&Condition) -> Option<Asked>) -> Option<Vec<Asked>> {
    let all: Vec<Asked> = parts.iter().map(said).collect::<Option<_>>()?;
    (!all.is_empty()).then_some(all)
}

/// What one test asks that passes where the condition holds.
fn asked(condition: &Condition) -> Option<Asked> {
    match single(condition) {
        Condition::Attribute { name, test } => of_attribute(name, same(test)?),
        Condition::Any(parts) => one_of(parts, Comparison::Equal),
        Condition::All(_)
        | Condition::Time(_)
        | Condition::ResourceKind { .. }
        | Condition::Operation { .. }
        | Condition::Fixed(_) => None,
    }
}

/// What one test asks that passes where the condition does not hold.
fn not_asked(condition: &Condition) -> Option<Asked> {
    match single(condition) {
        Condition::Attribute { name, test } => of_attribute(name, opposite(test)?),
        Condition::All(parts) => one_of(parts, Comparison::NotEqual),
        Condition::Any(_)
        | Condition::Time(_)
        | Condition::ResourceKind { .. }
        | Condition::Operation { .. }
        | Condition::Fixed(_) => None,
    }
}

fn of_attribute(name: &str, test: (&'static str, String)) -> Option<Asked> {
    // Names that begin so are made by the cluster there; nobody makes them here.
    (!name.starts_with('#')).then(|| Asked {
        attribute: name.to_string(),
        test,
    })
}

/// Several comparisons of one attribute with texts.
fn one_of(parts: &[Condition], wanted: Comparison) -> Option<Asked> {
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
    of_attribute(found?, ("one_of", list(&values)))
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
        let rules = of(condition, score, false)?;
        let lines = rules.iter().map(|rule| match &rule.asks {
            Asks::One(Asked { attribute, test }) => format!("{attribute} {} {}", test.0, test.1),
            _ => rule.lines()[0].0.to_string() + " " + &rule.lines()[0].1,
        });
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
        let few_elsewhere = Condition::All(vec![not_a, few]);
        assert_eq!(
            never(&few_elsewhere).unwrap(),
            r#"any [{ attribute = "rack", is = "a" }, { attribute = "disks", at_least = 4 }]"#
        );
        assert_eq!(
            never(&Condition::All(vec![few_elsewhere.clone(), either])),
            None
        );
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
        assert_eq!(
            wish(&Condition::All(vec![either.clone(), many.clone()])).unwrap(),
            r#"all [{ attribute = "rack", one_of = ["a", "b"] }, { attribute = "disks", at_least = 5 }]"#
        );
        assert_eq!(
            wish(&Condition::Any(vec![a.clone(), many.clone()])).unwrap(),
            r#"any [{ attribute = "rack", is = "a" }, { attribute = "disks", at_least = 5 }]"#
        );
        let both = Condition::All(vec![a, many]);
        assert_eq!(wish(&Condition::Any(vec![both, either])), None);
        assert_eq!(wish(&compares("disks", Comparison::More, "4.5")), None);
        assert_eq!(wish(&compares("#is_dc", Comparison::Equal, "true")), None);
    }
}
