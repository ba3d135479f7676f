//! Choices of the planner that need a second look: which node, which time, which answer, and
//! what it says of them when asked. Lines with `look`, `strays-on` and `when` are questions.

#[path = "../world/mod.rs"]
mod world;

mod alone;
mod bars;
mod cards;
mod copies;
mod found;
mod load;
mod moves;
mod orders;
mod outliving;
mod room;
mod steps;
mod told;
mod wishes;

use expect_test::{Expect, expect};

fn check(script: &str, expected: Expect) {
    let mut world = world::World::new();
    world.play(script);
    assert_eq!(world.steps_rejected, Vec::<String>::new(), "{}", world.out);
    expected.assert_eq(&world.out);
}
