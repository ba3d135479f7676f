//! Explores every model and prints the table of docs/models.md (`cargo xtask models`).

#[path = "../models/mod.rs"]
mod models;

use std::process::ExitCode;

use models::split::Without;

fn main() -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    println!("| Model | Bounds | Left out | States | What goes wrong | Steps |");
    println!("|---|---|---|---|---|---|");
    for case in models::CASES {
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
        if (case.without == Without::Nothing) == found.wrong.is_some() {
            eprintln!("{} without {}: not as expected", case.name, case.rule);
            code = ExitCode::FAILURE;
        }
    }
    code
}
