//! Whatever the text, the reader answers, points into the text, and answers the same again.

use import::cib::{self, Place};
use planner::rule::UnixSeconds;
use proptest::prelude::*;

/// A cluster with everything in it that is read.
const WHOLE: &str = include_str!("../../../scenarios/import/everything.xml");

fn is_in(place: Place, text: &str) -> bool {
    let lines = u32::try_from(text.lines().count()).unwrap();
    1 <= place.line && place.line <= lines.max(1) + 1 && 1 <= place.column
}

fn check(text: &str) {
    for now in [
        None,
        Some(UnixSeconds(1_795_863_600)),
        Some(UnixSeconds(i64::MAX)),
    ] {
        let result = cib::read(text, now);
        assert_eq!(result, cib::read(text, now), "read twice, two answers");
        match &result {
            Ok(cluster) => {
                for note in &cluster.notes {
                    assert!(is_in(note.place, text), "{} is not in the text", note.place);
                }
                check_places(cluster);
                let carried = cib::carry(text, now).unwrap();
                for note in &carried.left {
                    assert!(is_in(note.place, text), "{} is not in the text", note.place);
                }
                // What is open in it is complained of, but it is read.
                let _ = config::read("cluster.toml", &carried.toml);
            }
            Err(error) => {
                assert!(is_in(error.place(), text), "{error}");
                assert!(error.code().starts_with("E08"));
            }
        }
    }
}

/// Every reference leads somewhere, every parent stands before its children.
fn check_places(cluster: &cib::Cluster) {
    let (wanted, observed) = (&cluster.wanted, &cluster.observed);
    assert_eq!(wanted.nodes.len(), observed.nodes.len());
    assert_eq!(wanted.tickets.len(), observed.tickets.len());
    for (i, resource) in wanted.resources.iter().enumerate() {
        assert!(resource.parent.is_none_or(|parent| parent.0 < i));
        if let planner::arrange::Kind::Clone { child, .. } = &resource.kind {
            assert_eq!(wanted.resources[child.0].parent.map(|ix| ix.0), Some(i));
        }
    }
    for found in &observed.found {
        assert!(found.resource.0 < wanted.resources.len() && found.node.0 < wanted.nodes.len());
    }
}

#[test]
fn the_whole_is_read_without_a_note() {
    let cluster = cib::read(WHOLE, None).unwrap();
    assert_eq!(cluster.notes, []);
    check(WHOLE);
}

#[test]
fn what_lies_deep_is_refused_or_read() {
    for tag in ["rule", "primitive", "group", "clone", "x"] {
        let (open, close) = (format!("<{tag} id=\"a\">"), format!("</{tag}>"));
        for depth in [100, 2_000] {
            let deep = open.repeat(depth) + &close.repeat(depth);
            let text = WHOLE.replace(
                "<constraints>",
                &format!("<constraints><rsc_location id=\"l\" rsc=\"web\">{deep}</rsc_location>"),
            );
            check(&text);
            check(&WHOLE.replace("<resources>", &format!("<resources>{deep}")));
        }
    }
}

#[test]
fn references_in_circles_end() {
    let text = WHOLE.replace(
        "<constraints>",
        r#"<constraints><rsc_location id="l" rsc="web"><rule id="r1"><rule id-ref="r1"/><rule id-ref="r2"/></rule>
           <rule id="r2"><rule id-ref="r1"/></rule></rsc_location>"#,
    );
    check(&text);
}

fn pieces() -> Vec<&'static str> {
    WHOLE.split_inclusive('>').collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn any_order_of_elements_is_answered(
        order in prop::collection::vec(0..pieces().len(), 0..200)
    ) {
        let pieces = pieces();
        let text: String = order.iter().map(|i| pieces[*i]).collect();
        check(&format!("<cib><configuration>{text}</configuration></cib>"));
        check(&text);
    }

    /// One value is replaced by another of the file, or by an odd one.
    #[test]
    fn other_values_are_answered(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..8)
    ) {
        let mut parts: Vec<String> = WHOLE.split('"').map(str::to_string).collect();
        let values = parts.len() / 2;
        let odd = ["", "-1", "99999999999999999999", "INFINITY", "-INFINITY", "true", "P9999999999Y", "é", ":", "a:b", "%1", "(", "2026-W99-9", "#uname"];
        for (at, with) in &changes {
            let place = at.index(values) * 2 + 1;
            let choice = with.index(values + odd.len());
            let new = match odd.get(choice) {
                Some(odd) => odd.to_string(),
                None => parts[(choice - odd.len()) * 2 + 1].clone(),
            };
            parts[place] = new;
        }
        check(&parts.join("\""));
    }
}
