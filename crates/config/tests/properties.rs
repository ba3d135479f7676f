//! Whatever the text, the reader answers, points into the text, and answers the same again.

use config::{Colour, EXAMPLE, Problems, read, read_bytes, spec_changes, with_node};
use proptest::prelude::*;

/// What must hold for any text; the problems, if any.
fn check(source: &str) -> Option<Problems> {
    let result = read("any.toml", source);
    assert_eq!(result, read("any.toml", source), "read twice, two answers");
    let problems = match &result {
        Ok(loaded) => &loaded.warnings,
        Err(problems) => problems,
    };
    assert!(
        result.is_ok() || !problems.is_empty(),
        "refused without a reason"
    );
    for (span, _) in problems.list.iter().flat_map(|problem| &problem.spans) {
        assert!(
            source.get(span.clone()).is_some(),
            "{span:?} is not in the text"
        );
    }
    for problem in &problems.list {
        assert!(problem.help.is_some(), "{} has no mend", problem.message);
        assert!(!problem.message.contains('\n'), "{}", problem.message);
    }
    let shown = problems.render(Colour::Never);
    assert_eq!(shown.is_empty(), problems.is_empty());
    assert!(shown.len() <= problems.render(Colour::Always).len());
    let json = problems.to_json();
    assert_eq!(json.as_array().map(Vec::len), Some(problems.list.len()));
    result.err()
}

/// Parts of real files in any order: much more of it is nearly right than of letters.
fn fragments() -> impl Strategy<Value = String> {
    let lines: Vec<&'static str> = EXAMPLE.lines().collect();
    let odd = vec![
        "port = 0",
        "lan = 5",
        "[service]",
        "resource = []",
        "after = [\"web\"]",
        "[[node]]",
        "lan.address = \"::/0\"",
        "x = { y = { z = 1e400 } }",
        "[resource.web]",
        "[[service.web.resource]]",
        "use = \"web\"",
        "mount = \"/\"",
        "bind = \"\"",
        "every = \"99999999999999999d\"",
        "priority = 0x7fffffffffffffff",
        "fence = [[[]]]",
        "\u{feff}",
        "name = \"\\u0000\"",
        "1979-05-27 = 07:32:00",
        "\"\" = \"\"",
        "ä = \"ö\"",
    ];
    let line = prop::sample::select([lines, odd].concat());
    prop::collection::vec(line, 0..40).prop_map(|lines| lines.join("\n"))
}

/// One change at a place of the text.
#[derive(Debug, Clone)]
enum Mutation {
    Remove(prop::sample::Index, usize),
    Insert(prop::sample::Index, String),
    Double(prop::sample::Index, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let place = any::<prop::sample::Index>;
    prop_oneof![
        (place(), 1..30usize).prop_map(|(at, length)| Mutation::Remove(at, length)),
        (place(), r#"["\[\]{}=.,#/0-9a-z\n é🦀-]{1,4}"#)
            .prop_map(|(at, text)| Mutation::Insert(at, text)),
        (place(), 1..200usize).prop_map(|(at, length)| Mutation::Double(at, length)),
    ]
}

fn mutate(text: &str, mutation: &Mutation) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let place = |at: &prop::sample::Index| at.index(letters.len() + 1);
    match mutation {
        Mutation::Remove(at, length) => {
            let from = place(at);
            let to = (from + length).min(letters.len());
            letters.drain(from..to);
        }
        Mutation::Insert(at, text) => {
            let at = place(at);
            letters.splice(at..at, text.chars());
        }
        Mutation::Double(at, length) => {
            let from = place(at);
            let to = (from + length).min(letters.len());
            let copy = letters[from..to].to_vec();
            letters.splice(from..from, copy);
        }
    }
    letters.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_text_gets_an_answer(source in any::<String>()) {
        check(&source);
    }

    #[test]
    fn any_bytes_get_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Err(problems) = read_bytes("any", &bytes) {
            assert!(problems.render(Colour::Never).contains("[E01"));
        }
    }

    #[test]
    fn lines_of_real_files_in_any_order_get_an_answer(source in fragments()) {
        check(&source);
    }

    #[test]
    fn a_damaged_example_gets_an_answer(mutations in prop::collection::vec(mutation(), 1..6)) {
        let source = mutations.iter().fold(EXAMPLE.to_string(), |text, each| mutate(&text, each));
        if check(&source).is_none() {
            // What is accepted can be compared and extended.
            let old = read("old", EXAMPLE).unwrap().spec;
            let new = read("new", &source).unwrap().spec;
            assert!(spec_changes(&new, &new).is_empty());
            assert_eq!(spec_changes(&old, &new).is_empty(), old == new);
            let name = "joiner".parse().unwrap();
            let longer = with_node(&source, &name, &Default::default()).unwrap();
            assert!(longer.contains("joiner"));
        }
    }
}

#[test]
fn a_file_of_thousands_of_services_in_a_row_is_read() {
    let mut source = "[cluster]\nname = \"long\"\n".to_string();
    for i in 0..3000 {
        let after = match i {
            0 => String::new(),
            _ => format!("after = [\"s{}\"]", i - 1),
        };
        source.push_str(&format!(
            "[service.s{i}]\n{after}\n[[service.s{i}.resource]]\nprocess = [\"/bin/x\"]\n"
        ));
    }
    let loaded = read("long.toml", &source).unwrap();
    assert_eq!(loaded.spec.services.len(), 3000);
}

#[test]
fn a_file_too_large_is_refused_before_it_is_parsed() {
    let source = "#".repeat(config::SOURCE_LENGTH_MAX + 1);
    let problems = read("large.toml", &source).unwrap_err();
    assert_eq!(problems.list[0].code, config::Code::TooLarge);
}

#[test]
fn deep_brackets_are_refused() {
    let source = format!("x = {}", "[".repeat(100_000));
    assert!(read("deep.toml", &source).is_err());
}

#[test]
fn services_that_all_wait_for_each_other_are_told_briefly() {
    let names: Vec<String> = (0..300).map(|i| format!("\"s{i}\"")).collect();
    let mut source = "[cluster]\nname = \"knot\"\n".to_string();
    for i in 0..300 {
        source.push_str(&format!(
            "[service.s{i}]\nafter = [{}]\n[[service.s{i}.resource]]\nmount = \"/srv\"\nbind = \"/x\"\n",
            names.join(", ")
        ));
    }
    let problems = read("knot.toml", &source).unwrap_err();
    assert!(
        problems.list.len() < 400,
        "{} problems",
        problems.list.len()
    );
    assert!(problems.to_string().contains("not shown"));
}
