//! What is to come, in order of time and, at one moment, of being put.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use model::Instant;

struct Due<T> {
    at: Instant,
    number: u64,
    what: T,
}

impl<T> PartialEq for Due<T> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<T> Eq for Due<T> {}

impl<T> PartialOrd for Due<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Due<T> {
    /// The earliest is the greatest, because a heap gives out its greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

/// The queue of one simulated cluster.
pub(crate) struct Queue<T> {
    heap: BinaryHeap<Due<T>>,
    put: u64,
}

impl<T> Queue<T> {
    pub fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            put: 0,
        }
    }

    pub fn put(&mut self, at: Instant, what: T) {
        self.put += 1;
        let number = self.put;
        self.heap.push(Due { at, number, what });
    }

    pub fn next_at(&self) -> Option<Instant> {
        self.heap.peek().map(|due| due.at)
    }

    pub fn take(&mut self) -> Option<(Instant, T)> {
        self.heap.pop().map(|due| (due.at, due.what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_comes_first_and_of_one_moment_the_one_that_was_put_first() {
        let mut queue = Queue::new();
        for (at, what) in [(5, "d"), (1, "a"), (3, "b"), (3, "c")] {
            queue.put(Instant(at), what);
        }
        let order: Vec<&str> = std::iter::from_fn(|| queue.take())
            .map(|(_, what)| what)
            .collect();
        assert_eq!(order, ["a", "b", "c", "d"]);
    }
}
