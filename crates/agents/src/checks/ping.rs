//! Addresses are asked whether they answer, all at the same time.

use std::net::IpAddr;
use std::time::Duration;

use host::ping::Pinger;
use model::checks::Verdict;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Found;

/// An echo may be lost; so many are sent within the time.
const ECHOES: u32 = 3;

pub(super) async fn ask(targets: &[IpAddr], percent: u8, limit: Duration) -> Found {
    // The whole must have answered before its own time is over.
    let limit = limit * 9 / 10;
    let mut asked = JoinSet::new();
    for (number, target) in targets.iter().copied().enumerate() {
        asked.spawn(async move { (target, answers(target, number, limit).await) });
    }
    let mut silent = Vec::new();
    while let Some(ended) = asked.join_next().await {
        match ended {
            Ok((_, true)) => {}
            Ok((target, false)) => silent.push(target),
            Err(_) => return Found::failed("a question broke"),
        }
    }
    silent.sort_unstable();
    let (all, good) = (targets.len(), targets.len() - silent.len());
    let is_good = usize::from(percent) * all <= good * 100;
    let told = format!("{good} of {all} answer");
    let told = match silent.as_slice() {
        [] => told,
        silent => {
            let silent: Vec<String> = silent.iter().map(ToString::to_string).collect();
            format!("{told}, not {}", silent.join(", "))
        }
    };
    match is_good {
        true => Found::new(Verdict::Well, told),
        false => Found::new(Verdict::Failed, told),
    }
}

async fn answers(target: IpAddr, number: usize, limit: Duration) -> bool {
    let nonce = host::clock::now().0 ^ u64::try_from(number).unwrap_or_default();
    let Ok(pinger) = Pinger::open(target, nonce) else {
        return false;
    };
    for echo in 0..ECHOES {
        // Where there is no way at this moment, there may be one at the next.
        let _ = pinger.send(u64::from(echo));
        if let Ok(Ok(_)) = timeout(limit / ECHOES, pinger.answered()).await {
            return true;
        }
    }
    false
}
