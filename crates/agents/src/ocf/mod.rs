//! Resource agents: programs that others wrote to operate one kind of thing, called with one
//! word, a set of variables, and an exit status as answer.
//!
//! `operate` carries out operations, `script` knows how each of the two families (OCF 1.0 and
//! 1.1, LSB init scripts) is called and what its answers mean, `installed` finds what there is,
//! `metadata` reads what an OCF agent says of itself, and `inspect` compares a resource with
//! that. The programs that agents expect of a cluster are links in `tools`.

pub(crate) mod code;
mod environment;
pub mod inspect;
pub mod installed;
pub mod metadata;
pub(crate) mod operate;
mod places;
mod reload;
pub(crate) mod script;
mod tools;
pub(crate) mod validate;

pub use places::AgentPlaces;
pub use reload::offered;
pub use tools::TOOLS;
pub(crate) use tools::{make as make_tools, tools_dir};
