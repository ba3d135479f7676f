//! What is printed of all cases.

use std::collections::BTreeMap;

use super::expected::Case;
use crate::run::Failure;

/// What came of one case.
#[derive(Default)]
pub struct Result {
    /// Of fencing and placement; empty: passed.
    pub differences: Vec<String>,
    /// Of changes, where they were compared.
    pub changes: Option<Vec<String>>,
}

impl Result {
    pub fn failed(difference: String) -> Self {
        Self::of_differences(vec![difference])
    }

    pub fn of_differences(differences: Vec<String>) -> Self {
        Self {
            differences,
            changes: None,
        }
    }

    fn passed(&self) -> bool {
        self.differences.is_empty()
    }
}

/// What came of all of them.
#[derive(Default)]
pub struct Report {
    results: Vec<(String, String, String, Result)>,
}

impl Report {
    pub fn add(&mut self, case: &Case, result: Result) {
        let (tier, theme) = (case.tier.clone(), case.theme.clone());
        self.results.push((tier, theme, case.name.clone(), result));
    }

    pub fn print(&self, is_verbose: bool) {
        self.print_table();
        let failed = self.results.iter().filter(|(.., result)| !result.passed());
        for (tier, theme, name, result) in failed {
            println!("{tier} {theme} {name}");
            let shown = if is_verbose { usize::MAX } else { 1 };
            for difference in result.differences.iter().take(shown) {
                println!("    {difference}");
            }
            if let Some(more) = result
                .differences
                .len()
                .checked_sub(shown)
                .filter(|n| *n != 0)
            {
                println!("    and {more} more");
            }
        }
        self.print_changes(is_verbose);
        let passed = self
            .results
            .iter()
            .filter(|(.., result)| result.passed())
            .count();
        println!("{passed} passed, {} failed", self.results.len() - passed);
    }

    fn print_table(&self) {
        let mut table: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
        for (tier, theme, _, result) in &self.results {
            for theme in ["all", theme.as_str()] {
                let (passed, all) = table.entry((tier.as_str(), theme)).or_default();
                *passed += usize::from(result.passed());
                *all += 1;
            }
        }
        println!("TIER      THEME                    PASSED  OF");
        for ((tier, theme), (passed, all)) in &table {
            println!("{tier:<9} {theme:<23} {passed:>7} {all:>3}");
        }
        println!();
    }

    fn print_changes(&self, is_verbose: bool) {
        let mut table: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for (tier, _, name, result) in &self.results {
            let Some(changes) = result.changes.as_ref().filter(|_| result.passed()) else {
                continue;
            };
            let (same, all) = table.entry(tier.as_str()).or_default();
            *same += usize::from(changes.is_empty());
            *all += 1;
            if is_verbose && !changes.is_empty() {
                println!("changes of {name}: {}", changes.join("; "));
            }
        }
        for (tier, (same, all)) in table {
            println!("changes, {tier}: the same in {same} of {all} cases with the same placement");
        }
    }

    /// Whether each tier has its share.
    pub fn meets(&self, least: &[(String, f64)]) -> std::result::Result<(), Failure> {
        for (wanted, share) in least {
            let of_tier: Vec<bool> = self
                .results
                .iter()
                .filter(|(tier, ..)| tier == wanted)
                .map(|(.., result)| result.passed())
                .collect();
            let passed = of_tier.iter().filter(|passed| **passed).count();
            let is_met = passed as f64 * 100.0 >= share * of_tier.len() as f64;
            if !is_met {
                let all = of_tier.len();
                return Err(format!(
                    "{wanted}: {passed} of {all} passed, {share} % are the least"
                ));
            }
        }
        Ok(())
    }
}
