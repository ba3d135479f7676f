//! How much is told, as people write it: `info`, `info,agents=debug`.

use std::collections::BTreeMap;
use std::fmt;

use tracing_subscriber::filter::{LevelFilter, Targets};

/// The parts of the program that have something to tell. What a library tells is told only
/// where everything is.
const MODULES: [&str; 15] = [
    "agents",
    "api",
    "cli",
    "config",
    "consensus",
    "fencing",
    "host",
    "mainstay",
    "membership",
    "node",
    "planner",
    "quorum",
    "raft",
    "server",
    "state",
];

/// How much is told by which part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filter {
    level: LevelFilter,
    modules: BTreeMap<String, LevelFilter>,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            level: LevelFilter::INFO,
            modules: BTreeMap::new(),
        }
    }
}

impl Filter {
    /// Reads the whole of it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        Self::default().with(text)
    }

    /// The same with these changes; what they do not name stays.
    pub(super) fn with(&self, text: &str) -> Result<Self, String> {
        let mut filter = self.clone();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            match part.split_once('=') {
                None => filter.level = level(part)?,
                Some((module, word)) => {
                    let root = module.split("::").next().unwrap_or(module);
                    if !MODULES.contains(&root) {
                        return Err(format!(
                            "there is no part `{module}`; there are {}",
                            MODULES.join(", ")
                        ));
                    }
                    filter.modules.insert(module.to_string(), level(word)?);
                }
            }
        }
        Ok(filter)
    }

    pub(super) fn targets(&self) -> Targets {
        let modules = self.modules.iter();
        Targets::new()
            .with_default(self.level)
            .with_targets(modules.map(|(module, level)| (module.clone(), *level)))
    }

    pub(super) fn level(&self) -> String {
        self.level.to_string()
    }

    pub(super) fn modules(&self) -> BTreeMap<String, String> {
        let modules = self.modules.iter();
        modules
            .map(|(module, level)| (module.clone(), level.to_string()))
            .collect()
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.level)?;
        let mut modules = self.modules.iter();
        modules.try_for_each(|(module, level)| write!(f, ",{module}={level}"))
    }
}

fn level(word: &str) -> Result<LevelFilter, String> {
    match word {
        "off" | "error" | "warn" | "info" | "debug" | "trace" => {
            Ok(word.parse().expect("each of these words is a level"))
        }
        _other => Err(format!(
            "`{word}` is no level; there are off, error, warn, info, debug and trace"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_stays() {
        let filter = Filter::parse("warn,agents=debug").unwrap();
        assert_eq!(filter.to_string(), "warn,agents=debug");
        let filter = filter.with("host::netlink=trace").unwrap();
        assert_eq!(filter.to_string(), "warn,agents=debug,host::netlink=trace");
        let filter = filter.with("info,agents=off").unwrap();
        assert_eq!(filter.to_string(), "info,agents=off,host::netlink=trace");
    }

    #[test]
    fn words_that_mean_nothing_are_refused() {
        for wrong in [
            "loud",
            "agents=loud",
            "agent=debug",
            "agents=",
            "=debug",
            "3",
        ] {
            assert!(Filter::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Filter::parse("").unwrap(), Filter::default());
    }
}
