//! Plays scenario files: a story of a cluster, with what must be seen, in one text.
//!
//! One step a line; `#` begins a comment. A step may bring text along:
//!
//! ```text
//! up nodes=3
//! apply <<EOF
//! [service.web]
//! …
//! EOF
//! wait web running on alpha within 5s
//! kill alpha
//! expect web running on beta within 3s
//! hold web running on beta for 1s
//! exec client mainstay lab-probe http://10.77.0.100/ --count 3
//! ```
//!
//! Every wait has a bound. Each file gets a laboratory of its own, which goes with it.

mod client;
mod observe;
mod parse;
mod play;
mod steps;
mod text;

use std::path::{Path, PathBuf};

pub use parse::parse;
pub use play::{Failure, Tell, play};
pub use steps::{Condition, Ending, Relation, Source, Step, StepKind, Verdict};
pub use text::normalise;

fn play_file(path: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let steps = parse(&text).map_err(|problems| problems.join("\n"))?;
    let mut tell = |step: &Step, took: std::time::Duration, said: &str| {
        let said = if said.is_empty() {
            String::new()
        } else {
            format!(": {said}")
        };
        println!(
            "  {:>3} {} ({} ms){said}",
            step.line,
            step.text,
            took.as_millis()
        );
    };
    play(&steps, &mut tell).map_err(|failure| failure.to_string())
}

/// Plays files one after the other; says whether all went as written.
#[must_use]
pub fn play_all(files: &[PathBuf]) -> bool {
    let mut failed = 0;
    for path in files {
        println!("scenario {}", path.display());
        let began = std::time::Instant::now();
        let played = play_file(path);
        let took = began.elapsed().as_secs_f64();
        match played {
            Ok(()) => println!("passed in {took:.1} s"),
            Err(why) => {
                println!("FAILED after {took:.1} s: {why}");
                failed += 1;
            }
        }
    }
    println!("{} scenarios, {failed} failed", files.len());
    failed == 0
}
