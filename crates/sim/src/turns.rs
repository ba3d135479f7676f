//! Copies that start one by one, and services that need all copies of another, in some of the
//! clusters that have copies.

use model::rules::CopiesStart;
use model::{ServiceName, Spec};

use crate::form::service;
use crate::random::Random;
use crate::schedule::Setup;

/// A stream of random numbers for the setup.
const OF_TURNS: u64 = 43;

/// The services whose copies another one may need all of.
const WITH_COPIES: [&str; 2] = ["farm", "data"];

/// Half of what has copies starts them one by one; beside a third of it something needs all.
pub(crate) fn draw(setup: &mut Setup) {
    let mut random = Random::new(setup.seed, OF_TURNS);
    for name in WITH_COPIES {
        let name = ServiceName::new(name).expect("these names are right");
        if !has_copies(&setup.spec, &name) {
            continue;
        }
        if random.chance(500)
            && let Some(spec) = setup.spec.services.get_mut(&name)
            && let Some(copies) = &mut spec.rules.copies
        {
            copies.start = CopiesStart::OneByOne;
        }
        let reader = random.pick(&[
            "reader-of after-all",
            "reader-of copies=2 after-all",
            "reader-of copies=every-node one-by-one after-all",
        ]);
        if random.chance(330) {
            let line = reader.replace("reader-of", &format!("{name}-reader"));
            let (reader, spec) = service(&format!("{line}={name}")).expect("these lines are right");
            setup.spec.services.insert(reader, spec);
        }
    }
}

fn has_copies(spec: &Spec, name: &ServiceName) -> bool {
    let service = spec.services.get(name);
    service.is_some_and(|service| service.rules.copies.is_some())
}
