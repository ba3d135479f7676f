//! Processes are counted.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use host::account::Account;
use host::process::{self, Stat};
use model::checks::ProcessesCheck;
use regex_lite::Regex;

use super::Found;
use super::pattern::compile;

/// The kernel cuts names of programs to this length.
const NAME_MAX: usize = 15;

pub(super) fn look(check: &ProcessesCheck) -> Found {
    match count(check) {
        Ok(count) => judge(check, count),
        Err(how) => Found::failed(how),
    }
}

fn count(check: &ProcessesCheck) -> Result<u32, String> {
    let pattern = check.matches.as_deref().map(compile).transpose()?;
    let find = |user: &String| {
        Account::find(user).map_err(|error| format!("there is no account {user}: {error}"))
    };
    let owner = check.user.as_ref().map(find).transpose()?;
    let owner = owner.map(|account| account.user);
    let all = process::all();
    let found = all
        .iter()
        .filter(|stat| owner.is_none_or(|owner| owner_of(stat) == Some(owner)))
        .filter(|stat| is_called(stat, &check.name, pattern.as_ref()))
        .count();
    Ok(u32::try_from(found).unwrap_or(u32::MAX))
}

fn owner_of(stat: &Stat) -> Option<u32> {
    let entry = std::fs::metadata(format!("/proc/{}", stat.pid)).ok()?;
    Some(entry.uid())
}

/// By the name that the kernel knows, or that of the program that was started: programs
/// change the former, interpreters hide the latter.
fn is_called(stat: &Stat, name: &str, pattern: Option<&Regex>) -> bool {
    let line = || std::fs::read(format!("/proc/{}/cmdline", stat.pid)).unwrap_or_default();
    if let Some(pattern) = pattern {
        let words = String::from_utf8_lossy(&line()).replace('\0', " ");
        if !pattern.is_match(words.trim_end()) {
            return false;
        }
    }
    let cut: String = name.chars().take(NAME_MAX).collect();
    if stat.name == cut {
        return true;
    }
    let line = line();
    let words = line.split(|byte| *byte == 0).take(2);
    words
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .any(|word| {
            Path::new(&word)
                .file_name()
                .is_some_and(|file| file == name)
        })
}

fn judge(check: &ProcessesCheck, count: u32) -> Found {
    let name = &check.name;
    let told = match count {
        0 => format!("no process {name}"),
        1 => format!("1 process {name}"),
        _ => format!("{count} processes {name}"),
    };
    if count < check.min {
        return Found::failed(format!("{told}, at least {} wanted", check.min));
    }
    match check.max {
        Some(max) if max < count => Found::failed(format!("{told}, at most {max} wanted")),
        Some(_) | None => Found::well(told),
    }
}
