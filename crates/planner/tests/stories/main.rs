//! What the planner does, told as an operator would read it. Each `>` line is what happens
//! or is ordered; the lines below are the history that follows; indented lines are what is
//! waited for, where that is new.

#[path = "../world/mod.rs"]
mod world;

mod failures;
mod fences;
mod found;
mod orphans;
mod people;
mod places;
mod twice;

use expect_test::{Expect, expect};

fn check(script: &str, expected: Expect) {
    let mut world = world::World::new();
    world.play(script);
    assert_eq!(world.steps_rejected, Vec::<String>::new(), "{}", world.out);
    expected.assert_eq(&world.out);
}
