//! Rule 5: who made this history by a word, and whether another one has a quorum beside it.

use std::collections::BTreeSet;

use model::history::Happening;
use model::seen::{ContestSeen, ForcedSeen};
use model::{NodeName, Rejected, UserName};

use crate::{Applied, Outcome, Place, State};

impl State {
    pub(crate) fn forced_by(
        &mut self,
        place: Place,
        (generation, lost): (u64, &BTreeSet<NodeName>),
        by: &UserName,
    ) -> Outcome {
        let is_known = |seen: &ForcedSeen| generation <= seen.generation;
        if self.seen.forced.as_ref().is_some_and(is_known) {
            return Err(Rejected::Late(format!("generation {generation}")));
        }
        self.seen.forced = Some(ForcedSeen {
            generation,
            doubted: lost.clone(),
            by: by.clone(),
            at: place.at,
        });
        self.skip_tokens();
        let names: Vec<&str> = lost.iter().map(NodeName::as_str).collect();
        let did = format!("quorum force --lost {}", names.join(","));
        self.record_operator(place, by, did);
        Ok(Applied::Done)
    }

    /// A node of which a person vouched has come back and said so in this history: nobody can
    /// doubt the word any more.
    pub(crate) fn follows_again(&mut self, name: &NodeName) {
        if let Some(forced) = &mut self.seen.forced {
            forced.doubted.remove(name);
        }
    }

    /// Only a change of it is news.
    pub(crate) fn contest(&mut self, place: Place, rival: Option<&(NodeName, u64)>) -> Outcome {
        let wanted = rival.map(|(node, generation)| ContestSeen {
            node: node.clone(),
            generation: *generation,
            at: place.at,
        });
        if wanted.is_some() == self.seen.contest.is_some() {
            return Err(Rejected::Late("a contest that is known".to_string()));
        }
        self.seen.contest = wanted;
        let forced = self.seen.forced.as_ref();
        let forced = forced.filter(|_| self.seen.must_stand_back());
        let stops_for = forced.map(|forced| forced.by.clone());
        let rival = rival.cloned();
        self.record(place, Happening::Contest { rival, stops_for });
        Ok(Applied::Done)
    }
}
