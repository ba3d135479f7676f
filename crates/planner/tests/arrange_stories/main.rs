//! Stories of arrangements: a small cluster in words, and what is done about it: fences,
//! steps with what they wait for and why, where everything is afterwards, and what waits.
//!
//! `UPDATE_EXPECT=1 cargo test -p planner --test arrange_stories` writes the answers anew;
//! read them before you believe them. Each answer is also judged by the checker.

#[path = "../arrange_words/mod.rs"]
mod arrange_words;

mod clones;
mod edges;
mod more_clones;
mod more_company;
mod more_nodes;
mod more_orders;
mod more_places;
mod more_repairs;
mod more_roles;
mod more_wishes;
mod nodes;
mod places;
mod relations;
mod repairs;
mod roles;
mod room;

use std::fmt::Write;

use arrange_words::read;
use expect_test::Expect;
use planner::arrange::{
    Action, Arrangement, FenceReason, Placed, ResourceIx, Role, Step, StepReason, WaitReason,
    Wanted, arrange,
};
use planner::arrange_checker::check;

fn story(text: &str, expect: &Expect) {
    let told = read(text);
    let answer = arrange(&told.wanted, &told.observed);
    let wrong = check(&told.wanted, &told.observed, &answer);
    let lines: Vec<String> = wrong.iter().map(ToString::to_string).collect();
    let shown = show(&told.wanted, &answer);
    assert!(lines.is_empty(), "{}\n{text}\n{shown}", lines.join("\n"));
    expect.assert_eq(&shown);
}

fn show(wanted: &Wanted, answer: &Arrangement) -> String {
    let mut out = String::new();
    let node = |at: planner::arrange::NodeIx| wanted.nodes[at.0].name.as_str();
    let name = |at: ResourceIx| wanted.resources[at.0].name.as_str();
    for fence in &answer.fences {
        let why = match &fence.because {
            FenceReason::Lost => "lost".to_string(),
            FenceReason::NeverSeen => "never seen".to_string(),
            FenceReason::Failed(at) => format!("{} failed", name(*at)),
            FenceReason::TicketLost(at) => format!("{} lost its ticket", name(*at)),
            FenceReason::Asked => "asked for".to_string(),
            FenceReason::NoQuorum => "no quorum".to_string(),
        };
        let _ = writeln!(out, "fence {}: {why}", node(fence.node));
    }
    for (at, step) in answer.steps.iter().enumerate() {
        let _ = writeln!(out, "{}. {}", at + 1, show_step(wanted, step));
    }
    let places = |placed: &[Placed]| {
        let mut all: Vec<String> = placed.iter().map(|one| show_placed(wanted, one)).collect();
        all.sort();
        all.join(", ")
    };
    let (after, meant) = (places(&answer.after), places(&answer.placed));
    let _ = writeln!(
        out,
        "then: {}",
        if after.is_empty() { "nothing" } else { &after }
    );
    if meant != after {
        let _ = writeln!(
            out,
            "meant: {}",
            if meant.is_empty() { "nothing" } else { &meant }
        );
    }
    for wait in &answer.waits {
        let why = match &wait.because {
            WaitReason::NoNode => "no node may run it".to_string(),
            WaitReason::NoQuorum => "no quorum".to_string(),
            WaitReason::Blocked => "blocked".to_string(),
            WaitReason::Needs(at) => format!("needs {}", name(*at)),
            WaitReason::Unproven(at) => format!("{} is not proven to be off", node(*at)),
            WaitReason::Ticket => "no ticket".to_string(),
            WaitReason::Unmanaged => "left alone".to_string(),
        };
        let _ = writeln!(
            out,
            "wait {}{}: {why}",
            name(wait.resource),
            number(wait.instance)
        );
    }
    out
}

fn number(instance: u32) -> String {
    match instance {
        0 => String::new(),
        instance => format!("#{instance}"),
    }
}

fn show_step(wanted: &Wanted, step: &Step) -> String {
    let action = match step.action {
        Action::Start => "start",
        Action::Stop => "stop",
        Action::Promote => "promote",
        Action::Demote => "demote",
        Action::MigrateTo => "send",
        Action::MigrateFrom => "receive",
    };
    let because = match step.because {
        StepReason::Wanted => "wanted".to_string(),
        StepReason::Unwanted => "unwanted".to_string(),
        StepReason::Moves => "moves".to_string(),
        StepReason::Failed => "failed".to_string(),
        StepReason::ActiveTwice => "active twice".to_string(),
        StepReason::Needs(at) => format!("for {}", wanted.resources[at.0].name),
        StepReason::Role => "role".to_string(),
        StepReason::NodeFenced(_) => "fenced".to_string(),
    };
    let mut out = format!(
        "{action} {}{} on {} ({because})",
        wanted.resources[step.resource.0].name,
        number(step.instance),
        wanted.nodes[step.node.0].name
    );
    if step.implied {
        out.push_str(" of itself");
    }
    let after: Vec<String> = step.after.iter().map(|at| (at + 1).to_string()).collect();
    if !after.is_empty() {
        let _ = write!(out, " after {}", after.join(" "));
    }
    for fence in &step.after_fences {
        let _ = write!(out, " after the fence of {}", wanted.nodes[fence.0].name);
    }
    out
}

fn show_placed(wanted: &Wanted, placed: &Placed) -> String {
    let role = match placed.role {
        Role::Started => "",
        Role::Unpromoted => " follows",
        Role::Promoted => " leads",
    };
    format!(
        "{}{} on {}{role}",
        wanted.resources[placed.resource.0].name,
        number(placed.instance),
        wanted.nodes[placed.node.0].name
    )
}
