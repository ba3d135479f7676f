//! Small models, explored exhaustively within bounds (docs/models.md).

pub mod checker;
pub mod split;
pub mod vote;

use checker::{Found, explore};
use split::{Bounds, Liveness, Split, Without};
use vote::{Asks, Lacks, Vote};

/// One line of the table.
pub struct Case {
    /// The model's name.
    pub name: &'static str,
    /// Whether nothing is left out, so that nothing may go wrong.
    pub is_whole: bool,
    /// In words.
    pub rule: &'static str,
    /// Whether it belongs to the ordinary tests.
    #[allow(dead_code)] // Read by the tests, not by the example.
    pub size: Size,
    explored: Explored,
}

/// Which model, and its bounds.
enum Explored {
    Split(Split),
    Vote(Vote),
}

/// How long it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// A second or two without optimisation.
    Small,
    /// For `cargo xtask models` only.
    Large,
}

/// Two nodes, a cut twice, one boot; the fences fall where they will.
const PAIR: Bounds = Bounds {
    nodes: 2,
    witness: false,
    changes: 0,
    crashes: 0,
    boots: 1,
    cuts: 2,
    terms: 3,
    writes: 1,
    witness_crashes: 0,
    people: 0,
};

/// Two nodes with a crash and no network faults but one cut.
const CRASH: Bounds = Bounds {
    crashes: 1,
    boots: 2,
    cuts: 1,
    terms: 4,
    ..PAIR
};

/// Two nodes, a crash, and a person who stops a node or names a loss.
const PERSON: Bounds = Bounds {
    cuts: 0,
    crashes: 2,
    boots: 1,
    people: 1,
    ..CRASH
};

/// Two nodes and a witness.
const WITNESS: Bounds = Bounds {
    witness: true,
    cuts: 1,
    witness_crashes: 1,
    ..PAIR
};

/// Two nodes that take a witness, or leave it.
const CHANGE: Bounds = Bounds {
    witness: false,
    changes: 1,
    boots: 0,
    cuts: 1,
    ..PAIR
};

/// Four nodes and a witness.
const FOUR: Bounds = Bounds {
    nodes: 4,
    boots: 0,
    crashes: 1,
    cuts: 1,
    ..WITNESS
};

/// Four nodes and no witness.
const FENCES: Bounds = Bounds {
    nodes: 4,
    boots: 0,
    cuts: 1,
    writes: 1,
    ..PAIR
};

const fn case(name: &'static str, rule: &'static str, without: Without, bounds: Bounds) -> Case {
    Case {
        name,
        is_whole: matches!(without, Without::Nothing),
        rule,
        size: Size::Small,
        explored: Explored::Split(Split {
            without,
            bounds,
            liveness: Liveness::None,
        }),
    }
}

const fn vote(name: &'static str, rule: &'static str, vote: Vote) -> Case {
    Case {
        name,
        is_whole: matches!(vote.lacks, Lacks::Nothing),
        rule,
        size: Size::Small,
        explored: Explored::Vote(vote),
    }
}

/// The halves of two cuts across each other, or of three.
const TWO_CUTS: &[u8] = &[0b0011, 0b1100, 0b0101, 0b1010];

/// Four voters whose halves change, without a leader by majority.
const HALVES: Vote = Vote {
    lacks: Lacks::Nothing,
    terms: 3,
    halves: TWO_CUTS,
    asks: Asks::Prompt,
    leaders: 0,
    longest: None,
};

/// Four voters, a majority in between.
const LEADER: Vote = Vote {
    terms: 4,
    halves: &[0b0011, 0b1100],
    leaders: 1,
    ..HALVES
};

/// One half, of which the second has the longer log.
const LONGER: Vote = Vote {
    terms: 5,
    halves: &[0b0011],
    asks: Asks::Late,
    longest: Some(1),
    ..HALVES
};

const fn large(case: Case) -> Case {
    Case {
        size: Size::Large,
        ..case
    }
}

const fn alive(case: Case, liveness: Liveness) -> Case {
    let explored = match case.explored {
        Explored::Split(split) => Explored::Split(Split { liveness, ..split }),
        Explored::Vote(vote) => Explored::Vote(vote),
    };
    Case { explored, ..case }
}

/// All lines, in the order of the table.
pub const CASES: &[Case] = &[
    large(case("pair", "nothing", Without::Nothing, PAIR)),
    large(case(
        "pair",
        "rule 1: talk to the peer first",
        Without::Standing,
        PAIR,
    )),
    case(
        "pair",
        "rule 2: confirmed fence only",
        Without::Confirmation,
        PAIR,
    ),
    large(case(
        "pair",
        "rule 3: void when its requester boots",
        Without::RunOfRequester,
        PAIR,
    )),
    case(
        "pair",
        "rule 3: void when a newer boot is heard",
        Without::BootOfTarget,
        PAIR,
    ),
    large(case(
        "pair",
        "rule 4: the own log makes the voter",
        Without::OwnLog,
        PAIR,
    )),
    large(case(
        "pair",
        "rule 5: the loser discards its log",
        Without::Discard,
        PAIR,
    )),
    large(alive(
        case("crash", "nothing", Without::Nothing, CRASH),
        Liveness::AllUp,
    )),
    large(alive(
        case(
            "crash",
            "rule 6: one fsynced record",
            Without::OneRecord,
            CRASH,
        ),
        Liveness::AllUp,
    )),
    alive(
        case("stop", "nothing", Without::Nothing, PERSON),
        Liveness::AfterCleanStop,
    ),
    alive(
        case(
            "stop",
            "rule 7: removal before a clean stop",
            Without::RemovalFirst,
            PERSON,
        ),
        Liveness::AfterCleanStop,
    ),
    alive(
        case("person", "nothing", Without::Nothing, PERSON),
        Liveness::WithPerson,
    ),
    alive(
        case(
            "person",
            "rule 8: an explicit command",
            Without::Person,
            PERSON,
        ),
        Liveness::WithPerson,
    ),
    case("witness", "nothing", Without::Nothing, WITNESS),
    case(
        "witness",
        "answer only what is on disk",
        Without::Persisting,
        WITNESS,
    ),
    case(
        "witness",
        "one grant per lineage",
        Without::OneGrant,
        WITNESS,
    ),
    large(case("change", "nothing", Without::Nothing, CHANGE)),
    large(case(
        "change",
        "the word of both arbiters",
        Without::BothArbiters,
        CHANGE,
    )),
    large(case("four", "nothing", Without::Nothing, FOUR)),
    large(case(
        "four",
        "one grant per lineage",
        Without::OneGrant,
        FOUR,
    )),
    large(case("fences", "nothing", Without::Nothing, FENCES)),
    large(case(
        "fences",
        "rule 2: confirmed fence only",
        Without::Confirmation,
        FENCES,
    )),
    large(vote("halves", "nothing", HALVES)),
    large(vote(
        "halves",
        "the keeper stays when the vote is taken over",
        Vote {
            lacks: Lacks::Keeper,
            ..HALVES
        },
    )),
    large(vote(
        "halves",
        "who pledged votes for nobody else",
        Vote {
            lacks: Lacks::Pledge,
            ..HALVES
        },
    )),
    large(vote("leader", "nothing", LEADER)),
    large(vote(
        "leader",
        "terms that are granted do not fall",
        Vote {
            lacks: Lacks::Terms,
            ..LEADER
        },
    )),
    large(vote("longer", "nothing", LONGER)),
    vote(
        "longer",
        "another one of the half may take the vote over",
        Vote {
            lacks: Lacks::TakeOver,
            ..LONGER
        },
    ),
];

impl Case {
    /// Explores it.
    pub fn explore(&self) -> Found {
        match &self.explored {
            Explored::Split(split) => explore(split),
            Explored::Vote(vote) => explore(vote),
        }
    }

    /// The bounds in words.
    pub fn bounds(&self) -> String {
        let b = match &self.explored {
            Explored::Split(split) => &split.bounds,
            Explored::Vote(vote) => return vote.bounds(),
        };
        let parts = [
            (b.cuts, "cuts"),
            (b.crashes, "crashes"),
            (b.boots, "boots"),
            (b.writes, "writes"),
            (b.witness_crashes, "witness crashes"),
            (b.changes, "changes"),
            (b.people, "people"),
        ];
        let parts = parts.iter().filter(|(count, _)| 0 < *count);
        let parts: Vec<String> = parts
            .map(|(count, what)| format!("{what} {count}"))
            .collect();
        format!("nodes {}, terms {}, {}", b.nodes, b.terms, parts.join(", "))
    }
}
