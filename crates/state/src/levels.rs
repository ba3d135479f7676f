//! The feature level of the cluster.

use model::{Rejected, UserName};

use crate::{Applied, Outcome, Place, State};

impl State {
    /// What may be in the log: see [`model::level`].
    #[must_use]
    pub fn level(&self) -> u32 {
        self.level
    }

    /// Whoever proposes it has seen that every member knows the level.
    pub(crate) fn raise_level(&mut self, place: Place, level: u32) -> Outcome {
        if level <= self.level {
            return Err(Rejected::Late(format!("feature level {level}")));
        }
        self.level = level;
        let by = UserName::new("mainstay").expect("a plain word is a name");
        self.record_operator(place, &by, format!("feature level {level}"));
        Ok(Applied::Done)
    }
}
