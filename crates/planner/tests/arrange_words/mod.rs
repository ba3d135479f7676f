//! Words for arrangements: what is wanted, observed and answered, as short lines of text,
//! to be read and to be printed.
//!
//! ```text
//!   nodes a b                          node b offline unclean
//!   clone c max=2 promoted=1           single db in c requires=quorum
//!   found db on a promoted             order db then web
//!   fence b lost                       start db on a after-fence b
//!   is db on a                         (what is active after the round)
//! ```

#![allow(dead_code, reason = "each test crate speaks some of the words")]

mod read;
mod show;

use planner::arrange::{Arrangement, Observed, Wanted};

#[allow(unused_imports, reason = "each test crate speaks some of the words")]
pub use read::read;
#[allow(unused_imports, reason = "each test crate speaks some of the words")]
pub use show::{show_arrangement, show_input};

/// What a text tells.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Told {
    pub wanted: Wanted,
    pub observed: Observed,
    pub arrangement: Arrangement,
}
