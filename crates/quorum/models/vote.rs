//! Who gets the vote of a witness when halves change: a real [`Arbiter`], abstract nodes.
//!
//! There is no network here: any four voters may take any two of them for a half at any time,
//! ask for it, and change their minds; asks and answers are late or lost, votes come whenever
//! they like. So it contains every order of cuts, also of cuts across each other. What it does
//! not have is what makes a node ask; that is the other model's.

use std::collections::BTreeSet;

use model::{Instant, Lineage, NodeId};
use quorum::arbiter::{Answer, Arbiter, Ask, Output, Record};

use super::checker::Model;

const NODES: u8 = 4;

/// What a variant leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lacks {
    /// Nothing: it must hold.
    Nothing,
    /// Another one of the half may take the vote over.
    TakeOver,
    /// The keeper of the vote stays when it is taken over.
    Keeper,
    /// One who pledged votes for nobody else.
    Pledge,
    /// Terms that are granted do not fall.
    Terms,
}

/// When an ask arrives. Its answer may always be late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// At once.
    Prompt,
    /// At any later time, and again.
    Late,
}

/// The model of one variant.
pub struct Vote {
    /// What is left out.
    pub lacks: Lacks,
    /// The highest term.
    pub terms: u8,
    /// The halves that may be taken for one, as bits.
    pub halves: &'static [u8],
    /// Whether asks arrive late, and again.
    pub asks: Asks,
    /// How many leaders may be elected by a majority.
    pub leaders: u8,
    /// The longest log, where one is longer than the others: only it gets votes of its half,
    /// and its half must always be able to go on by itself.
    pub longest: Option<u8>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Node {
    term: u8,
    /// The latest term in which it knows of a leader.
    led: u8,
    /// Term and candidate.
    pledged: Option<(u8, u8)>,
    /// The half whose votes it asks for, in its term, and who has given it.
    asks: Option<(u8, u8)>,
    /// It has won, in this term, and left the history.
    won: bool,
    /// It has voted in its term.
    has_voted: bool,
}

#[derive(Clone, Copy, Hash, PartialEq, Eq, PartialOrd, Ord)]
struct Asked {
    by: u8,
    half: u8,
    term: u8,
    led: u8,
}

/// Everything.
#[derive(Clone, Hash)]
pub struct State {
    nodes: [Node; NODES as usize],
    /// On their way to the witness, and maybe again.
    asks: BTreeSet<Asked>,
    /// Granted: by whom, for which half and term. An answer may be late for ever.
    grants: BTreeSet<(u8, u8, u8)>,
    record: Record,
    leaders: u8,
    /// The term of the last leader elected by a majority.
    led: u8,
}

/// One thing that happens. Nodes are `0, 1, ..`, halves are bits.
#[derive(Debug, Clone)]
#[allow(dead_code)] // The numbers are for the printed path.
pub enum Action {
    /// A node sends an ask for a half.
    Send(u8, u8),
    /// It arrives; the answer may be used from now on.
    Ask(u8, u8, u8),
    /// A node asks for the votes of its half.
    Begin(u8, u8),
    /// A node votes for a candidate.
    Pledge(u8, u8),
    /// A node hears that the candidate is in a later term of the old history.
    EndPledge(u8),
    /// A candidate has all votes.
    Win(u8),
    /// A node hears of a later term.
    Term(u8, u8),
    /// A majority elects a leader.
    Elect(u8),
}

fn bit(n: u8) -> u8 {
    1 << n
}

fn id(n: u8) -> NodeId {
    NodeId(u64::from(n) + 1)
}

fn ids(bits: u8) -> BTreeSet<NodeId> {
    (0..NODES).filter(|n| bits & bit(*n) != 0).map(id).collect()
}

impl Model for Vote {
    type State = State;
    type Action = Action;

    fn start(&self) -> State {
        let node = Node {
            term: 1,
            led: 1,
            ..Node::default()
        };
        State {
            nodes: [node; NODES as usize],
            asks: BTreeSet::new(),
            grants: BTreeSet::new(),
            record: Record::default(),
            leaders: 0,
            led: 1,
        }
    }

    fn next(&self, state: &State) -> Vec<(Action, State)> {
        let mut found = vec![];
        let mut add = |action: Action, change: &dyn Fn(&Self, &mut State) -> bool| {
            let mut next = state.clone();
            if change(self, &mut next) {
                found.push((action, next));
            }
        };
        for n in 0..NODES {
            for half in self.halves.iter().filter(|half| **half & bit(n) != 0) {
                add(Action::Send(n, *half), &|m, s| m.send(s, n, *half));
                add(Action::Begin(n, *half), &|m, s| m.begin(s, n, *half));
            }
            for m in (0..NODES).filter(|m| *m != n) {
                add(Action::Pledge(n, m), &|model, s| model.pledge(s, n, m));
                add(Action::Term(n, m), &|_, s| hear_term(s, n, m));
            }
            add(Action::EndPledge(n), &|_, s| end_pledge(s, n));
            add(Action::Win(n), &|_, s| win(s, n));
            add(Action::Elect(n), &|m, s| m.elect(s, n));
        }
        for ask in &state.asks {
            let action = Action::Ask(ask.by, ask.half, ask.term);
            add(action, &|m, s| m.ask(s, *ask));
        }
        found
    }

    fn violated(&self, state: &State) -> Option<&'static str> {
        let mut won = state.nodes.iter().filter(|node| node.won);
        let first = won.next()?;
        if won.next().is_some() || first.term <= state.led {
            return Some("two sides serve");
        }
        None
    }

    /// Near the bound on terms nobody can be elected any more, which proves nothing.
    fn must_serve(&self, state: &State) -> bool {
        let has_terms = state.nodes.iter().all(|node| node.term + 2 <= self.terms);
        self.longest.is_some() && has_terms
    }

    fn serves(&self, state: &State) -> bool {
        state.nodes.iter().any(|node| node.won)
    }

    fn is_help(&self, _: &Action) -> bool {
        false
    }
}

impl Vote {
    /// The bounds in words.
    pub fn bounds(&self) -> String {
        let (halves, leaders) = (self.halves.len(), self.leaders);
        let leaders = match leaders {
            0 => String::new(),
            some => format!(", leaders {some}"),
        };
        let late = match self.asks {
            Asks::Prompt => "",
            Asks::Late => ", late asks",
        };
        let terms = self.terms;
        format!("nodes {NODES}, terms {terms}, halves {halves}{leaders}{late}")
    }

    fn send(&self, state: &mut State, n: u8, half: u8) -> bool {
        let node = state.nodes[usize::from(n)];
        let ask = Asked {
            by: n,
            half,
            term: node.term + 1,
            led: node.led,
        };
        if node.won || self.terms <= node.term {
            return false;
        }
        match self.asks {
            Asks::Prompt => self.ask(state, ask),
            Asks::Late => state.asks.insert(ask),
        }
    }

    fn ask(&self, state: &mut State, asked: Asked) -> bool {
        let ask = Ask {
            lineage: Lineage::default(),
            term: asked.term.into(),
            candidate: id(asked.by),
            run: 1,
            voters: ids(15),
            rest: ids(asked.half),
            weight: 1,
            led_term: asked.led.into(),
        };
        let mut record = state.record.clone();
        for (_, grant) in &mut record.grants {
            let is_void = grant.term < ask.led_term;
            match self.lacks {
                Lacks::TakeOver if grant.keeper != ask.candidate && !is_void => return false,
                Lacks::Keeper => grant.keeper = grant.candidate,
                Lacks::Terms => grant.term = grant.term.min(ask.term),
                Lacks::Nothing | Lacks::Pledge | Lacks::TakeOver => {}
            }
        }
        let mut witness = Arbiter::new(record).unwrap();
        witness.handle_ask(1, &ask, Instant::ZERO);
        let mut is_new = false;
        while let Some(output) = witness.poll_output() {
            match output {
                Output::Persist { number, record } => {
                    state.record = record;
                    witness.handle_persisted(number);
                }
                Output::Answer { answer, .. } => {
                    if matches!(answer, Answer::Granted { .. }) {
                        is_new = state.grants.insert((asked.by, asked.half, asked.term));
                    }
                }
            }
        }
        is_new
    }

    fn begin(&self, state: &mut State, n: u8, half: u8) -> bool {
        let node = &mut state.nodes[usize::from(n)];
        let is_bound = node.pledged.is_some_and(|(_, to)| half & bit(to) == 0);
        let is_granted = state.grants.contains(&(n, half, node.term + 1));
        if node.won || !is_granted || is_bound && self.lacks != Lacks::Pledge {
            return false;
        }
        node.term += 1;
        node.asks = Some((half, bit(n)));
        node.has_voted = true;
        true
    }

    fn pledge(&self, state: &mut State, n: u8, to: u8) -> bool {
        let candidate = state.nodes[usize::from(to)];
        let node = &mut state.nodes[usize::from(n)];
        let Some((half, given)) = candidate.asks else {
            return false;
        };
        let is_free = node.term < candidate.term || node.term == candidate.term && !node.has_voted;
        let is_bound = node.pledged.is_some_and(|(_, whom)| whom != to);
        if node.won
            || half & bit(n) == 0
            || given & bit(n) != 0
            || !is_free
            || is_bound && self.lacks != Lacks::Pledge
            || self.longest == Some(n)
        {
            return false;
        }
        (node.term, node.has_voted, node.asks) = (candidate.term, true, None);
        node.pledged = Some((candidate.term, to));
        state.nodes[usize::from(to)].asks = Some((half, given | bit(n)));
        true
    }

    fn elect(&self, state: &mut State, n: u8) -> bool {
        let term = state.nodes[usize::from(n)].term + 1;
        let votes = |node: &Node| !node.won && node.pledged.is_none() && node.term < term;
        let voters = state.nodes.iter_mut().filter(|node| votes(node));
        let voters: Vec<&mut Node> = voters.collect();
        if !votes_itself(&voters, term) || voters.len() < 3 || self.terms < term {
            return false;
        }
        for node in voters {
            (node.term, node.led, node.has_voted, node.asks) = (term, term, true, None);
        }
        state.led = state.led.max(term);
        state.leaders += 1;
        state.leaders <= self.leaders
    }
}

/// Whether the candidate is among those that vote.
fn votes_itself(voters: &[&mut Node], term: u8) -> bool {
    voters.iter().any(|node| node.term + 1 == term)
}

fn hear_term(state: &mut State, n: u8, from: u8) -> bool {
    let from = state.nodes[usize::from(from)];
    let node = &mut state.nodes[usize::from(n)];
    if node.won || from.won || from.term <= node.term {
        return false;
    }
    (node.term, node.has_voted, node.asks) = (from.term, false, None);
    true
}

fn end_pledge(state: &mut State, n: u8) -> bool {
    let Some((term, to)) = state.nodes[usize::from(n)].pledged else {
        return false;
    };
    let candidate = state.nodes[usize::from(to)];
    let is_over = !candidate.won && term < candidate.term;
    if is_over {
        state.nodes[usize::from(n)].pledged = None;
    }
    is_over
}

fn win(state: &mut State, n: u8) -> bool {
    let node = &mut state.nodes[usize::from(n)];
    let has_all = node.asks.is_some_and(|(half, given)| half == given);
    node.won |= has_all;
    node.asks = None;
    has_all
}
