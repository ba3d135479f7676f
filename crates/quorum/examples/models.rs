//! Explores every model and prints the table of docs/models.md (`cargo xtask models`).

#[path = "../models/mod.rs"]
mod models;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    println!("| Model | Bounds | Left out | States | What goes wrong | Steps |");
    println!("|---|---|---|---|---|---|");
    let only = std::env::args().nth(1);
    let is_meant = |case: &&models::Case| only.as_ref().is_none_or(|name| name == case.name);
    for case in models::CASES.iter().filter(is_meant) {
        let found = case.explore();
        let states = if found.is_complete {
            found.states.to_string()
        } else {
            format!("over {}", found.states)
        };
        let (wrong, steps) = match &found.wrong {
            Some((what, path)) => (*what, path.len().to_string()),
            None => ("nothing", String::new()),
        };
        println!(
            "| {} | {} | {} | {states} | {wrong} | {steps} |",
            case.name,
            case.bounds(),
            case.rule
        );
        if let Some((_, path)) = &found.wrong {
            eprintln!("{} without {}: {}", case.name, case.rule, path.join(" "));
        }
        if case.is_whole == found.wrong.is_some() {
            eprintln!("{} without {}: not as expected", case.name, case.rule);
            code = ExitCode::FAILURE;
        }
    }
    code
}
