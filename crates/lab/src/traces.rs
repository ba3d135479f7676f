//! What can be seen of a laboratory from outside. After its end there must be nothing.

use std::fs;

/// Processes, files, control groups, sockets, mounts and cards that carry the name of a
/// laboratory of this user. Processes that have ended and wait for their parent do not count.
#[must_use]
pub fn of(name: &str) -> Vec<String> {
    let own = crate::layout::socket_name(rustix::process::geteuid().as_raw(), name);
    let mut all = processes(name, &own);
    for place in ["/var/tmp", "/sys/fs/cgroup", "/sys/fs/cgroup/unified"] {
        let Ok(entries) = fs::read_dir(place) else {
            continue;
        };
        let names = entries.flatten().map(|entry| entry.path());
        all.extend(
            names
                .map(|path| path.display().to_string())
                .filter(|path| is_named(path, &own)),
        );
    }
    for table in ["/proc/net/unix", "/proc/self/mounts", "/proc/net/dev"] {
        let text = fs::read_to_string(table).unwrap_or_default();
        all.extend(
            text.lines()
                .filter(|line| is_named(line, &own))
                .map(Into::into),
        );
    }
    all
}

/// Whether a line names this laboratory, and not one whose name only begins alike.
fn is_named(line: &str, own: &str) -> bool {
    let digit_follows = |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphanumeric());
    line.split(own).skip(1).any(|rest| !digit_follows(rest))
}

fn processes(name: &str, own: &str) -> Vec<String> {
    let mark = format!("MAINSTAY_LAB={name}");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        // A process that has just ended has no files any more.
        let read = |file: &str| fs::read(entry.path().join(file)).unwrap_or_default();
        let text = String::from_utf8_lossy(&read("environ")).into_owned();
        let is_own = text.split('\0').any(|variable| variable == mark) || is_named(&text, own);
        let has_ended = String::from_utf8_lossy(&read("stat")).contains(") Z ");
        if is_own && !has_ended {
            found.push(format!("process {}", entry.file_name().to_string_lossy()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::is_named;

    #[test]
    fn a_longer_name_is_another_laboratory() {
        assert!(is_named(
            "/var/tmp/mainstay-lab-0-x/state",
            "mainstay-lab-0-x"
        ));
        assert!(is_named(
            "/sys/fs/cgroup/mainstay-lab-0-x-77",
            "mainstay-lab-0-x"
        ));
        assert!(!is_named("/var/tmp/mainstay-lab-0-x1", "mainstay-lab-0-x"));
    }
}
