//! A plan as people read it: what happens and why, what stays, what waits.

use api::{PlanView, StayView};
use config::Colour;

use crate::screen::{Tone, paint};
use crate::table::{Cell, cell, table, toned};

/// The plan; what it consists of is never left out, and an empty one says so.
pub(crate) fn plan(plan: &PlanView, colour: Colour) -> String {
    let mut text = String::new();
    if plan.steps.is_empty() {
        text.push_str("no service is started, stopped or moved\n");
    } else {
        text.push_str(&format!(
            "{}\n",
            paint("this will happen", Tone::Strong, colour)
        ));
        let rows: Vec<Vec<Cell>> = plan
            .steps
            .iter()
            .enumerate()
            .map(|(number, step)| {
                let tone = match step.action.as_str() {
                    "stop" | "restart" | "move" => Tone::Care,
                    "fence" => Tone::Bad,
                    _other => Tone::Plain,
                };
                vec![
                    cell((number + 1).to_string()),
                    toned(&step.sentence, tone),
                    toned(&step.because, Tone::Quiet),
                ]
            })
            .collect();
        text.push_str(&table(&[], &rows, 2, colour));
    }
    text.push_str(&interrupted(plan, colour));
    if !plan.stays.is_empty() {
        text.push_str(&format!("stays as it is: {}\n", places(&plan.stays)));
    }
    if !plan.left.is_empty() {
        text.push_str(&format!(
            "left running, and forgotten by the cluster: {}\n",
            places(&plan.left)
        ));
    }
    // What a service waits for after its own step (to be started again) is no news.
    let touched = |service: &String| {
        plan.steps
            .iter()
            .any(|s| s.service.as_ref() == Some(service))
    };
    for wait in plan.waits.iter().filter(|wait| !touched(&wait.service)) {
        text.push_str(&format!("cannot yet: {}: {}\n", wait.service, wait.because));
    }
    text
}

fn places(services: &[StayView]) -> String {
    let places: Vec<String> = services
        .iter()
        .map(|stay| match &stay.node {
            Some(node) => format!("{} on {node}", stay.service),
            None => format!("{} stopped", stay.service),
        })
        .collect();
    places.join(", ")
}

/// Who does not answer for a while, and for how long.
fn interrupted(plan: &PlanView, colour: Colour) -> String {
    let told: Vec<&str> = plan
        .outages
        .iter()
        .map(|one| one.service.as_str())
        .collect();
    let untold = plan.interrupted();
    let untold: Vec<&str> = untold
        .into_iter()
        .filter(|name| !told.contains(name))
        .collect();
    let mut text = String::new();
    for one in &plan.outages {
        let how_long = match &one.outage {
            Some(outage) => outage.text.clone(),
            None => match plan.waits.iter().find(|wait| wait.service == one.service) {
                Some(wait) => format!("it stays stopped: {}", wait.because),
                None => "it stays stopped".to_string(),
            },
        };
        text.push_str(&format!("interrupted: {}: {how_long}\n", one.service));
    }
    if !untold.is_empty() {
        text.push_str(&format!("interrupted: {}\n", untold.join(", ")));
    }
    paint(&text, Tone::Care, colour)
}
