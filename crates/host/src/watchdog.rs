//! Watchdogs: devices that end their machine unless they are fed in time.
//!
//! A real one is a character device of the kernel (Linux watchdog interface, see
//! `Documentation/watchdog/watchdog-api.rst` of the kernel). A laboratory has a process
//! instead, behind a local socket that takes the same verbs as lines of text.
//!
//! Whoever feeds proves nothing but that he runs. So the feeding thread feeds on somebody
//! else's word only, and that word has an end: when nobody renews it, the dog starves.

mod door;
mod keeper;

pub use door::Watchdog;
pub use keeper::{Keeper, News};
