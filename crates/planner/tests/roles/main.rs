//! Roles, checks and reloads: who of the copies is promoted, what becomes of a service of which
//! a check fails, and what is taken over without a stop; told as an operator would read it.

#[path = "../world/mod.rs"]
mod world;

mod apart;
mod checks;
mod company;
mod lost;
mod more_company;
mod more_promotion;
mod orders;
mod places;
mod promotion;
mod reloads;
mod weighed;

use expect_test::{Expect, expect};

fn check(script: &str, expected: Expect) {
    let mut world = world::World::new();
    world.play(script);
    assert_eq!(world.steps_rejected, Vec::<String>::new(), "{}", world.out);
    expected.assert_eq(&world.out);
}
