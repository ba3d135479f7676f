//! Whether the steps are well made: they point at what exists, their links make no circle,
//! and together with the fences they lead from what was found to what is told, and to
//! nothing else.

use std::collections::BTreeSet;

use super::scene::{Before, Scene, Slot};
use super::violation::{Rule, Violation};
use crate::arrange::{Action, Arrangement, Kind, Observed, Placed, ResourceIx, Role, Wanted};

/// Whether everything that is pointed at exists.
pub(super) fn check_form(
    wanted: &Wanted,
    observed: &Observed,
    arrangement: &Arrangement,
) -> Vec<Violation> {
    let mut texts: Vec<String> = Vec::new();
    let is_node = |node: usize| node < wanted.nodes.len() && node < observed.nodes.len();
    let is_single = |at: ResourceIx| {
        wanted
            .resources
            .get(at.0)
            .is_some_and(|resource| resource.kind == Kind::Single)
    };
    let places = arrangement.placed.iter().chain(&arrangement.after);
    for placed in places {
        if !is_single(placed.resource) || !is_node(placed.node.0) {
            texts.push(format!("a place of what does not exist: {placed:?}"));
        }
    }
    let mut fenced = BTreeSet::new();
    for fence in &arrangement.fences {
        if !is_node(fence.node.0) || !fenced.insert(fence.node) {
            texts.push(format!(
                "a node is fenced twice or does not exist: {fence:?}"
            ));
        }
    }
    let count = arrangement.steps.len();
    for (at, step) in arrangement.steps.iter().enumerate() {
        let links = step.after.iter().all(|&before| before < count);
        let fences = step.after_fences.iter().all(|node| fenced.contains(node));
        if !is_single(step.resource) || !is_node(step.node.0) || !links || !fences {
            texts.push(format!("step {at} points at what does not exist: {step:?}"));
        }
    }
    texts.extend(twice("placed", &arrangement.placed));
    texts.extend(twice("after", &arrangement.after));
    if texts.is_empty() && has_circle(arrangement) {
        texts.push("steps wait for each other in a circle".to_string());
    }
    let wrong = texts.into_iter();
    wrong.map(|text| Violation::new(Rule::Form, text)).collect()
}

/// The same instance on the same node stands in a list once.
fn twice(list: &str, places: &[Placed]) -> Option<String> {
    let mut known = BTreeSet::new();
    places
        .iter()
        .find(|placed| !known.insert((placed.resource, placed.instance, placed.node)))
        .map(|placed| format!("{list} tells of the same instance twice: {placed:?}"))
}

/// Steps are taken off as soon as all that they wait for is off; a circle remains.
fn has_circle(arrangement: &Arrangement) -> bool {
    let steps = &arrangement.steps;
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
    let mut open: Vec<usize> = vec![0; steps.len()];
    for (at, step) in steps.iter().enumerate() {
        for &before in &step.after {
            followers[before].push(at);
            open[at] += 1;
        }
    }
    let mut ready: Vec<usize> = (0..steps.len()).filter(|&at| open[at] == 0).collect();
    let mut taken = 0;
    while let Some(at) = ready.pop() {
        taken += 1;
        for &follower in &followers[at] {
            open[follower] -= 1;
            if open[follower] == 0 {
                ready.push(follower);
            }
        }
    }
    taken < steps.len()
}

/// For each slot: what was found, then its steps, give what is told.
pub(super) fn check(scene: &Scene<'_>, violations: &mut Vec<Violation>) {
    let mut slots: BTreeSet<Slot> = scene.before.keys().copied().collect();
    slots.extend(scene.after.keys());
    slots.extend(scene.steps().map(|(_, _, slot)| slot));
    for slot in slots {
        let mut wrong = Vec::new();
        let course = Course::new(scene, slot);
        if course.is_repeated(scene, slot) {
            wrong.push("is told to do the same twice".to_string());
        } else if scene.is_fenced(slot.node) {
            course.check_fenced(scene, &mut wrong);
        } else {
            course.check_sense(scene, &mut wrong);
            course.check_sequence(scene, &mut wrong);
            course.check_live(scene, &mut wrong);
            course.check_result(scene, &mut wrong);
        }
        let shown = scene.show(slot);
        violations.extend(
            wrong
                .into_iter()
                .map(|text| Violation::new(Rule::Account, format!("{shown} {text}"))),
        );
    }
    check_reasons(scene, violations);
}

/// What happens in one slot.
struct Course {
    slot: Slot,
    before: Option<Before>,
    start: Option<usize>,
    stop: Option<usize>,
    promote: Option<usize>,
    demote: Option<usize>,
    leave: Option<usize>,
    arrive: Option<usize>,
}

impl Course {
    fn new(scene: &Scene<'_>, slot: Slot) -> Self {
        Self {
            slot,
            before: scene.before.get(&slot).copied(),
            start: scene.step_in(slot, Action::Start),
            stop: scene.step_in(slot, Action::Stop),
            promote: scene.step_in(slot, Action::Promote),
            demote: scene.step_in(slot, Action::Demote),
            leave: scene.step_in(slot, Action::MigrateTo),
            arrive: scene.step_in(slot, Action::MigrateFrom),
        }
    }

    fn is_repeated(&self, scene: &Scene<'_>, slot: Slot) -> bool {
        let all = [
            self.start,
            self.stop,
            self.promote,
            self.demote,
            self.leave,
            self.arrive,
        ];
        let known = all.iter().flatten().count();
        known < scene.steps().filter(|(_, _, of)| *of == slot).count()
    }

    fn is_hearsay(&self) -> bool {
        self.before.is_some_and(|before| before.hearsay)
    }

    /// Everything on a fenced node ends with the fence; no agent is asked.
    fn check_fenced(&self, scene: &Scene<'_>, wrong: &mut Vec<String>) {
        for (_, step, _) in scene.steps().filter(|(_, _, of)| *of == self.slot) {
            if !step.implied || !matches!(step.action, Action::Stop | Action::Demote) {
                wrong.push(format!("is asked to {:?} on a fenced node", step.action));
            }
        }
        if scene.after.contains_key(&self.slot) {
            wrong.push("is told to be active on a fenced node".to_string());
        }
    }

    /// No step is for something that is so already.
    fn check_sense(&self, scene: &Scene<'_>, wrong: &mut Vec<String>) {
        let implied = scene
            .steps()
            .any(|(_, step, of)| of == self.slot && step.implied);
        if implied {
            wrong.push("has a step that no fence makes true".to_string());
        }
        let active = self.before.is_some();
        let arrives = self.start.is_some() || self.arrive.is_some();
        let leads = self.before.is_some_and(|before| before.may_lead);
        if self.start.is_some() && active && self.stop.is_none() && !self.is_hearsay() {
            wrong.push("starts although it is active".to_string());
        }
        if (self.stop.is_some() || self.leave.is_some()) && !active {
            wrong.push("stops or leaves although it is not active".to_string());
        }
        if self.demote.is_some() && !leads {
            wrong.push("is demoted although it does not lead".to_string());
        }
        if self.promote.is_some() {
            if !scene.tree.is_promotable(self.slot.resource) {
                wrong.push("is promoted although it has no roles".to_string());
            }
            let stays = active && self.stop.is_none() && self.leave.is_none();
            if !stays && !arrives {
                wrong.push("is promoted although it is not active".to_string());
            }
            let certain = leads && !self.is_hearsay();
            if certain && self.demote.is_none() && !arrives {
                wrong.push("is promoted although it leads".to_string());
            }
        }
    }

    /// Demote, stop, start, promote: one after the other. What leads is demoted before it
    /// stops: an agent may count on that.
    fn check_sequence(&self, scene: &Scene<'_>, wrong: &mut Vec<String>) {
        let pairs = [
            (self.demote, self.stop, "stops before it is demoted"),
            (self.demote, self.start, "starts before it is demoted"),
            (
                self.demote,
                self.promote,
                "is promoted before it is demoted",
            ),
            (self.stop, self.start, "starts before it has stopped"),
            (self.stop, self.promote, "is promoted before it has stopped"),
            (
                self.start,
                self.promote,
                "is promoted before it has started",
            ),
            (self.stop, self.arrive, "arrives before it has stopped"),
            (
                self.arrive,
                self.promote,
                "is promoted before it has arrived",
            ),
        ];
        for (first, then, text) in pairs {
            if let (Some(first), Some(then)) = (first, then)
                && !scene.precedes(first, then)
            {
                wrong.push(text.to_string());
            }
        }
        let leads = self
            .before
            .is_some_and(|before| before.role == Some(Role::Promoted) && !before.hearsay);
        if leads && self.stop.is_some() && self.demote.is_none() {
            wrong.push("leads and stops without being demoted".to_string());
        }
    }

    /// A live migration: it leaves here, arrives there, and only then ends here.
    fn check_live(&self, scene: &Scene<'_>, wrong: &mut Vec<String>) {
        if self.leave.is_none() && self.arrive.is_none() {
            return;
        }
        if !scene.tree.settings(self.slot.resource).live_migration {
            wrong.push("moves live although it cannot".to_string());
        }
        let twin_steps = |action: Action| {
            scene
                .steps()
                .filter(move |(_, step, of)| {
                    step.action == action
                        && of.is_same_thing(self.slot)
                        && of.node != self.slot.node
                })
                .map(|(at, _, _)| at)
        };
        if let Some(leave) = self.leave {
            let arrival = twin_steps(Action::MigrateFrom).find(|&at| scene.precedes(leave, at));
            match (arrival, self.stop) {
                (None, _) => wrong.push("leaves and arrives nowhere".to_string()),
                (Some(_), None) => wrong.push("leaves and is not ended here".to_string()),
                (Some(arrival), Some(stop)) if !scene.precedes(arrival, stop) => {
                    wrong.push("stops before it has arrived elsewhere".to_string());
                }
                (Some(_), Some(_)) => {}
            }
        }
        if let Some(arrive) = self.arrive {
            let left = twin_steps(Action::MigrateTo).any(|at| scene.precedes(at, arrive));
            // A migration that was found under way goes on.
            let on_its_way = scene.before.iter().any(|(of, before)| {
                before.hearsay && of.is_same_thing(self.slot) && of.node != self.slot.node
            });
            if !left && !on_its_way {
                wrong.push("arrives and left nowhere".to_string());
            }
        }
    }

    /// What is told to be so afterwards follows from what was and what is done.
    fn check_result(&self, scene: &Scene<'_>, wrong: &mut Vec<String>) {
        let told = scene.after.get(&self.slot).copied();
        let arrives = self.start.is_some() || self.arrive.is_some();
        let leaves = self.stop.is_some() || self.leave.is_some();
        // What is hearsay and is not acted on may turn out either way.
        if arrives && told.is_none() {
            wrong.push("starts, but is told to be inactive afterwards".to_string());
        }
        if !arrives && leaves && told.is_some() {
            wrong.push("stops, but is told to be active afterwards".to_string());
        }
        if !arrives && !leaves {
            match (self.before, told) {
                (None, Some(_)) => wrong.push("becomes active without a step".to_string()),
                (Some(before), None)
                    if !before.hearsay || (before.hands_off && before.role.is_some()) =>
                {
                    wrong.push("vanishes without a step".to_string());
                }
                (None | Some(_), _) => {}
            }
        }
        let Some(role) = told else { return };
        let was = self.before.and_then(|before| before.role);
        let known = arrives || self.promote.is_some() || self.demote.is_some();
        if !known && self.is_hearsay() {
            return;
        }
        let stays = !arrives && self.demote.is_none() && was == Some(Role::Promoted);
        let leads = self.promote.is_some() || stays;
        match (role == Role::Promoted, leads) {
            (true, false) => wrong.push("leads without having been promoted".to_string()),
            (false, true) => wrong.push("is told not to lead although it does".to_string()),
            (true, true) | (false, false) => {}
        }
    }
}

/// Inaction has a reason: where the round does not bring a thing to where it should be,
/// something is said of it. Of what was under way nothing need be said: it may be arriving;
/// nor of what must not be touched: that is the reason.
fn check_reasons(scene: &Scene<'_>, violations: &mut Vec<Violation>) {
    let explained: BTreeSet<ResourceIx> = scene
        .arrangement
        .waits
        .iter()
        .map(|wait| wait.resource)
        .collect();
    let mut slots: BTreeSet<Slot> = scene.placed.keys().copied().collect();
    slots.extend(scene.after.keys());
    for slot in slots {
        let leads = |role: Option<&Role>| role.map(|role| *role == Role::Promoted);
        let wished = leads(scene.placed.get(&slot));
        let reached = leads(scene.after.get(&slot));
        let excused = scene
            .before
            .get(&slot)
            .is_some_and(|before| before.hearsay || before.excused);
        let said = scene
            .tree
            .chain(slot.resource)
            .iter()
            .any(|resource| explained.contains(resource));
        if wished != reached && !excused && !said {
            violations.push(Violation::new(
                Rule::Reason,
                format!(
                    "{} is not as it should be, and nothing says why",
                    scene.show(slot)
                ),
            ));
        }
    }
}
