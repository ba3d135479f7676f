//! A small exhaustive checker: breadth first, so that a counterexample is a shortest one.
//!
//! It visits every state that the actions of a model can reach. A state is remembered by a
//! 64-bit fingerprint: with a million states the chance that two share one is below one in
//! ten million. Liveness is checked as "from every state that asks for it a good state can
//! still be reached, by actions that need nobody's help".

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};

/// What is explored.
pub trait Model {
    /// Everything that can differ.
    type State: Clone + Hash;
    /// One thing that can happen.
    type Action: Clone + Debug;
    /// Where it begins.
    fn start(&self) -> Self::State;
    /// Everything that can happen now, and what it leads to.
    fn next(&self, state: &Self::State) -> Vec<(Self::Action, Self::State)>;
    /// What is wrong with a state, in words.
    fn violated(&self, state: &Self::State) -> Option<&'static str>;
    /// Whether service must be possible from here without help.
    fn must_serve(&self, state: &Self::State) -> bool;
    /// Whether there is service.
    fn serves(&self, state: &Self::State) -> bool;
    /// Whether the action is help that must not be relied on.
    fn is_help(&self, action: &Self::Action) -> bool;
}

/// What was found.
pub struct Found {
    /// States visited.
    pub states: usize,
    /// Whether the bound on states ended the search.
    pub is_complete: bool,
    /// The first thing that went wrong, and the actions that lead to it.
    pub wrong: Option<(&'static str, Vec<String>)>,
}

/// More than any of our models has; ends a search that would fill the memory, and is then
/// told as incomplete.
pub const STATES_MAX: usize = 1_000_000;

struct Search<M: Model> {
    known: BTreeMap<u64, u32>,
    parents: Vec<Option<(u32, M::Action)>>,
    ahead: VecDeque<(u32, M::State)>,
    edges: Vec<(u32, u32)>,
    must_serve: Vec<u32>,
    serves: BTreeSet<u32>,
}

/// Explores everything, up to the first state that is wrong.
pub fn explore<M: Model>(model: &M) -> Found {
    let mut search = Search::<M> {
        known: BTreeMap::new(),
        parents: vec![],
        ahead: VecDeque::new(),
        edges: vec![],
        must_serve: vec![],
        serves: BTreeSet::new(),
    };
    if let Some((what, place)) = search.visit(model, model.start(), None).1 {
        return search.found(Some((what, place)));
    }
    while let Some((from, state)) = search.ahead.pop_front() {
        for (action, next) in model.next(&state) {
            let is_help = model.is_help(&action);
            let (to, wrong) = search.visit(model, next, Some((from, action)));
            if wrong.is_some() {
                return search.found(wrong);
            }
            if !is_help {
                search.edges.push((to, from));
            }
        }
        if STATES_MAX <= search.parents.len() {
            break;
        }
    }
    let stuck = search.stuck();
    search.found(stuck.map(|place| ("nobody can ever serve again", place)))
}

impl<M: Model> Search<M> {
    fn visit(
        &mut self,
        model: &M,
        state: M::State,
        by: Option<(u32, M::Action)>,
    ) -> (u32, Option<(&'static str, u32)>) {
        let mut hasher = DefaultHasher::new();
        state.hash(&mut hasher);
        if let Some(place) = self.known.get(&hasher.finish()) {
            return (*place, None);
        }
        let place = u32::try_from(self.parents.len()).unwrap();
        self.known.insert(hasher.finish(), place);
        self.parents.push(by);
        let wrong = model.violated(&state).map(|what| (what, place));
        if model.must_serve(&state) {
            self.must_serve.push(place);
        }
        if model.serves(&state) {
            self.serves.insert(place);
        }
        self.ahead.push_back((place, state));
        (place, wrong)
    }

    /// The first state that must be able to serve and is not.
    fn stuck(&mut self) -> Option<u32> {
        self.edges.sort_unstable();
        self.edges.dedup();
        let mut good: BTreeSet<u32> = self.serves.clone();
        let mut ahead: Vec<u32> = good.iter().copied().collect();
        while let Some(to) = ahead.pop() {
            let first = self.edges.partition_point(|edge| edge.0 < to);
            let edges = self.edges[first..].iter().take_while(|edge| edge.0 == to);
            for (_, from) in edges {
                if good.insert(*from) {
                    ahead.push(*from);
                }
            }
        }
        self.must_serve
            .iter()
            .copied()
            .find(|place| !good.contains(place))
    }

    fn found(self, wrong: Option<(&'static str, u32)>) -> Found {
        let path = |mut place: u32| {
            let mut path = vec![];
            while let Some((parent, action)) = &self.parents[place as usize] {
                path.push(format!("{action:?}"));
                place = *parent;
            }
            path.reverse();
            path
        };
        Found {
            states: self.parents.len(),
            is_complete: self.ahead.is_empty() || wrong.is_some(),
            wrong: wrong.map(|(what, place)| (what, path(place))),
        }
    }
}
