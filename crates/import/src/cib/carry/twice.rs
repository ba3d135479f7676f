//! `multiple-active`: what follows when something is found running on several nodes.

use std::collections::BTreeSet;

use planner::arrange::ResourceIx;

use super::super::draft::Draft;

/// Our word, where it is not the usual one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Word {
    KeepOne,
    StopAll,
    Hold,
}

/// The value of `found_twice`, and what is lost. Only what the file says counts: what Pacemaker
/// does without a word is not what anybody has asked for. Of parts that differ the most careful
/// word holds for all of the service.
pub(super) fn of(
    draft: &Draft<'_>,
    parts: &[ResourceIx],
) -> (Option<&'static str>, Vec<&'static str>) {
    let mut lost = Vec::new();
    let mut words = BTreeSet::new();
    for part in parts {
        let said = draft.facts[part.0].meta.get("multiple-active");
        words.insert(match said.map(String::as_str) {
            Some("block") => Word::Hold,
            Some("stop_start") => Word::StopAll,
            Some("stop_only") => {
                lost.push(
                    "that it stays stopped after it was active on several nodes; here it is \
                     stopped everywhere, and then started once",
                );
                Word::StopAll
            }
            Some("stop_unexpected") | None => Word::KeepOne,
            Some(_unknown) => {
                lost.push("a `multiple-active` that is none");
                Word::KeepOne
            }
        });
    }
    if 1 < words.len() {
        lost.push(
            "what happens to each of its parts when it is active on several nodes; here the most \
             careful word holds for all of it",
        );
    }
    let word = match words.last() {
        None | Some(Word::KeepOne) => None,
        Some(Word::StopAll) => Some("stop-all"),
        Some(Word::Hold) => Some("hold"),
    };
    lost.sort_unstable();
    lost.dedup();
    (word, lost)
}
