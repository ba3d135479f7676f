//! Room: in a file system, in memory, in the swap space, on the processors.

use model::checks::{Amount, FilesystemCheck, FreeLimits, Verdict};

use super::Found;

const KIB: u64 = 1024;

pub(super) fn filesystem(check: &FilesystemCheck) -> Found {
    let path = &check.path;
    match rustix::fs::statvfs(path.as_str()) {
        Ok(room) => {
            // What only root can use is nobody's room, as df counts it.
            let free = room.f_bavail.saturating_mul(room.f_frsize);
            let used = room.f_blocks.saturating_sub(room.f_bfree);
            let whole = used.saturating_mul(room.f_frsize).saturating_add(free);
            judge(&check.free, (free, whole), &format!(" in {path}"))
        }
        Err(error) => Found::failed(format!("{path} cannot be asked: {error}")),
    }
}

pub(super) fn memory(limits: &FreeLimits) -> Found {
    of_meminfo(limits, "MemAvailable", "MemTotal", " for programs")
}

pub(super) fn swap(limits: &FreeLimits) -> Found {
    of_meminfo(limits, "SwapFree", "SwapTotal", " of the swap space")
}

fn of_meminfo(limits: &FreeLimits, free: &str, whole: &str, of: &str) -> Found {
    let text = match std::fs::read_to_string("/proc/meminfo") {
        Ok(text) => text,
        Err(error) => return Found::failed(format!("/proc/meminfo cannot be read: {error}")),
    };
    match (value(&text, free), value(&text, whole)) {
        (Some(free), Some(whole)) => judge(limits, (free, whole), of),
        _ => Found::failed(format!("/proc/meminfo does not tell {free} and {whole}")),
    }
}

/// `MemTotal:       16384000 kB`, in bytes.
fn value(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| {
        let rest = line.strip_prefix(key)?;
        rest.strip_prefix(':')
    })?;
    let number: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    Some(number * KIB)
}

fn judge(limits: &FreeLimits, (free, whole): (u64, u64), of: &str) -> Found {
    let (verdict, limit) = limits.judge(free, whole);
    let percent = if whole == 0 {
        0
    } else {
        u128::from(free) * 100 / u128::from(whole)
    };
    let (free, whole) = (Amount::Bytes(free), Amount::Bytes(whole));
    let told = format!("{percent}% free{of}: {free} of {whole}");
    Found::new(
        verdict,
        match limit {
            Some(limit) => format!("{told}, less than {limit}"),
            None => told,
        },
    )
}

pub(super) fn load(fail: Option<u32>, warn: Option<u32>) -> Found {
    let read = std::fs::read_to_string("/proc/loadavg");
    let text = match &read {
        Ok(text) => text.split_ascii_whitespace().next().unwrap_or_default(),
        Err(error) => return Found::failed(format!("/proc/loadavg cannot be read: {error}")),
    };
    let Ok(load) = text.parse::<f64>() else {
        return Found::failed("/proc/loadavg tells no number");
    };
    let is_over = |limit: &u32| f64::from(*limit) <= (load * 100.0).round();
    let (verdict, limit) = match (fail.filter(is_over), warn.filter(is_over)) {
        (Some(limit), _) => (Verdict::Failed, limit),
        (None, Some(limit)) => (Verdict::Warning, limit),
        (None, None) => return Found::well(format!("load {text}")),
    };
    let limit = f64::from(limit) / 100.0;
    Found::new(verdict, format!("load {text}, {limit} or more"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_their_whole_name() {
        let text = "MemTotal:       16 kB\nMemAvailable:    4 kB\nSwapTotal:       0 kB\n";
        assert_eq!(value(text, "MemAvailable"), Some(4096));
        assert_eq!(value(text, "Mem"), None);
        assert_eq!(value(text, "SwapTotal"), Some(0));
    }

    #[test]
    fn room_is_told_with_the_limit_that_it_is_below() {
        let limits = FreeLimits {
            fail: Some(Amount::Percent(10)),
            warn: Some(Amount::Bytes(4 << 20)),
        };
        let told = |free: u64| {
            let found = judge(&limits, (free << 20, 20 << 20), " in /srv");
            format!("{}: {}", found.verdict.word(), found.how)
        };
        assert_eq!(told(10), "well: 50% free in /srv: 10 MiB of 20 MiB");
        assert_eq!(
            told(3),
            "warning: 15% free in /srv: 3 MiB of 20 MiB, less than 4 MiB"
        );
        assert_eq!(
            told(1),
            "failed: 5% free in /srv: 1 MiB of 20 MiB, less than 10%"
        );
    }
}
