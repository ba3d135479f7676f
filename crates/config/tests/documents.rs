//! The pages say what the reader does.

use std::fs;
use std::path::Path;

use config::{Code, EXAMPLE, Severity, read};
use model::spec::{Elsewhere, Limits, RestartPolicy, Timings};

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(name);
    fs::read_to_string(path).unwrap()
}

#[test]
fn the_example_is_read_without_problems() {
    let loaded = match read("example.toml", EXAMPLE) {
        Ok(loaded) => loaded,
        Err(problems) => panic!("{problems}"),
    };
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    let web = &loaded.spec.services[&"web".parse().unwrap()];
    assert_eq!(web.after, ["db".parse().unwrap()]);
    assert_eq!(web.elsewhere, Elsewhere::Allowed);
    assert_eq!(web.restart, RestartPolicy::default());
    let names: Vec<&str> = web
        .resources
        .iter()
        .map(|each| each.name.as_str())
        .collect();
    assert_eq!(names, ["mount-1", "address-2", "process-3"]);
    assert_eq!(web.resources[0].limits, Limits::default());
    assert_eq!(loaded.spec.cluster.timings, Timings::DEFAULT);
}

#[test]
fn each_code_has_its_paragraph_and_each_paragraph_its_code() {
    let page = page("errors.md");
    let headings: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("### E01") || line.starts_with("### E09"))
        .collect();
    assert_eq!(headings.len(), Code::ALL.len());
    for code in Code::ALL {
        let start = format!("### {}: ", code.code());
        let heading = headings.iter().find(|line| line.starts_with(&start));
        let heading = heading.unwrap_or_else(|| panic!("`{start}` is not in docs/errors.md"));
        let warning = code.severity() == Severity::Warning;
        assert_eq!(heading.ends_with("(warning)"), warning, "{heading}");
    }
}

#[test]
fn no_two_problems_share_a_code() {
    let mut codes: Vec<&str> = Code::ALL.iter().map(|code| code.code()).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), Code::ALL.len());
    assert!(
        codes
            .iter()
            .all(|code| (code.starts_with("E01") || code.starts_with("E09")) && code.len() == 5)
    );
}

/// Each example of the guide is a file of its own that can be read.
#[test]
fn the_examples_of_the_guide_are_read() {
    let page = page("configuration.md");
    let mut count = 0;
    for block in page.split("```toml\n").skip(1) {
        let text = block.split("```").next().unwrap();
        if text.starts_with("[cluster]") {
            count += 1;
            if let Err(problems) = read("configuration.md", text) {
                panic!("{text}\n{problems}");
            }
        }
    }
    assert!(1 <= count, "the guide has no complete example");
    let shared = page.split("```toml\n[resource.").nth(1).unwrap();
    let shared = shared.split("```").next().unwrap();
    let text = format!("[cluster]\nname = \"shop\"\n[resource.{shared}");
    assert!(read("configuration.md", &text).is_ok(), "{text}");
}

#[test]
fn the_servers_of_the_guide_are_read() {
    let page = page("servers.md");
    let mut count = 0;
    for block in page.split("```toml\n").skip(1) {
        let services = block.split("```").next().unwrap();
        let text = format!(
            "[cluster]\nname = \"shop\"\n[network.lan]\n[fence.power]\nagent = \"fence_apc\"\n\
             [node.a]\nlan = \"10.0.0.11/24\"\nfence = [\"power\"]\n\
             [node.b]\nlan = \"10.0.0.12/24\"\nfence = [\"power\"]\n{services}"
        );
        count += 1;
        match read("servers.md", &text) {
            Ok(loaded) => assert!(loaded.warnings.is_empty(), "{text}\n{}", loaded.warnings),
            Err(problems) => panic!("{text}\n{problems}"),
        }
    }
    assert_eq!(count, 3, "a web server, a file server, a database");
}

#[test]
fn the_guide_shows_the_example_word_by_word() {
    assert!(page("configuration.md").contains(&format!("```toml\n{EXAMPLE}```")));
}

#[test]
fn json_tells_line_and_column() {
    let problems = read(
        "x.toml",
        "[cluster]\nname = \"shop\"\n\"ä\" = 1\nprot = 1\n",
    )
    .unwrap_err();
    let json = problems.to_json();
    assert_eq!(json[1]["code"], "E0105");
    assert_eq!(json[1]["file"], "x.toml");
    assert_eq!(json[1]["places"][0]["line"], 4);
    assert_eq!(json[1]["places"][0]["column"], 1);
    assert_eq!(json[1]["help"], "write `port`");
}
