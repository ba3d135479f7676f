//! Rules that few services need, told as an operator would read them: copies, company, room,
//! attributes, tickets, answers to failures.

#[path = "../world/mod.rs"]
mod world;

mod all_copies;
mod company;
mod conditions;
mod copies;
mod failures;
mod found_once;
mod one_by_one;
mod orders;
mod parts;
mod wheres;

use expect_test::{Expect, expect};

fn check(script: &str, expected: Expect) {
    let mut world = world::World::new();
    world.play(script);
    assert_eq!(world.steps_rejected, Vec::<String>::new(), "{}", world.out);
    expected.assert_eq(&world.out);
}
