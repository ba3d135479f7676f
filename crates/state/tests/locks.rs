//! Locks: one holder at a time, in order, under leases in cluster time.

mod cluster;

use std::time::Duration;

use cluster::*;
use model::lock::{LockOwner, LockWait};
use model::*;
use state::{LOCK_HISTORY_MAX, LOCK_WAITERS_MAX};

const LEASE: Duration = Duration::from_secs(10);

fn take(session: &str, (node, boot): (&str, BootId), wait: LockWait) -> Command {
    Command::TakeLock {
        lock: name("backup"),
        owner: LockOwner {
            session: name(session),
            user: name("ann"),
            node: name(node),
            boot,
        },
        lease: LEASE,
        wait,
    }
}

fn renew(session: &str) -> Command {
    Command::RenewLock {
        lock: name("backup"),
        session: name(session),
        token: None,
    }
}

fn release(session: &str, token: Option<u64>) -> Command {
    Command::ReleaseLock {
        lock: name("backup"),
        session: name(session),
        token: token.map(LockToken),
    }
}

fn recall(token: u64) -> Command {
    Command::RecallLock {
        lock: name("backup"),
        token: LockToken(token),
        by: name("bob"),
    }
}

/// What the leader would propose of the last renewal.
fn lapse(cluster: &Cluster, session: &str) -> Command {
    let lock: LockName = name("backup");
    let session: SessionName = name(session);
    let seen = &cluster.state.locks().held()[&lock];
    let renewed = seen.place_of(&session).unwrap().renewed;
    Command::LapseLock {
        lock,
        session,
        renewed,
    }
}

/// `s1, token 12; waiting: s2 s3`
fn told(cluster: &Cluster) -> String {
    let lock: LockName = name("backup");
    let Some(seen) = cluster.state.locks().held().get(&lock) else {
        return "free".into();
    };
    let waiting: Vec<&str> = seen
        .waiting
        .iter()
        .map(|own| own.owner.session.as_str())
        .collect();
    let holder = &seen.holder.owner.session;
    format!("{holder}, waiting: {}", waiting.join(" "))
}

fn token(cluster: &Cluster) -> u64 {
    let lock: LockName = name("backup");
    cluster.state.locks().held()[&lock].token.0
}

fn history(cluster: &Cluster) -> Vec<String> {
    let all = cluster.state.locks().history().iter();
    all.map(|entry| entry.what.to_string()).collect()
}

#[test]
fn a_lock_goes_from_one_to_the_next_in_the_order_of_their_asking() {
    let mut cluster = Cluster::new();
    cluster.done(take("s1", ("a", A1), LockWait::No));
    let first = token(&cluster);
    let refused = cluster.rejected(take("s2", ("b", B1), LockWait::No));
    assert_eq!(
        refused,
        format!("lock backup is held by ann on a (s1), token {first}")
    );
    cluster.done(take("s2", ("b", B1), LockWait::Queue));
    cluster.done(take("s3", ("c", C1), LockWait::Queue));
    assert_eq!(told(&cluster), "s1, waiting: s2 s3");
    cluster.done(release("s1", Some(first)));
    assert_eq!(told(&cluster), "s2, waiting: s3");
    let second = token(&cluster);
    assert!(first < second, "{first} {second}");
    cluster.done(release("s3", None));
    cluster.done(release("s2", None));
    assert_eq!(told(&cluster), "free");
    assert_eq!(
        history(&cluster),
        [
            format!("lock backup: held by ann on a (s1), token {first}"),
            format!("lock backup: no more held by ann on a (s1), token {first}: released"),
            format!("lock backup: held by ann on b (s2), token {second}"),
            format!("lock backup: no more held by ann on b (s2), token {second}: released"),
        ]
    );
}

#[test]
fn a_token_is_never_given_twice_even_when_two_holders_follow_each_other_in_one_entry() {
    let mut cluster = Cluster::new();
    let mut tokens = Vec::new();
    for turn in 0..4 {
        cluster.done(take("s1", ("a", A1), LockWait::No));
        cluster.done(take("s2", ("a", A1), LockWait::Queue));
        cluster.done(take("s3", ("b", B1), LockWait::Queue));
        tokens.push(token(&cluster));
        if turn == 3 {
            // s1 and s2 end in one entry, and s3 follows both of them.
            let id = cluster.fence_a(A1);
            cluster.done(confirmed(id, "b", B1));
            assert_eq!(told(&cluster), "s3, waiting: ");
        } else {
            cluster.done(release("s1", None));
            tokens.push(token(&cluster));
            cluster.done(release("s2", None));
        }
        tokens.push(token(&cluster));
        cluster.done(release("s3", None));
        assert_eq!(told(&cluster), "free");
    }
    assert!(tokens.is_sorted_by(|a, b| a < b), "{tokens:?}");
}

#[test]
fn a_release_of_a_holder_of_before_does_nothing() {
    let mut cluster = Cluster::new();
    cluster.done(take("s1", ("a", A1), LockWait::No));
    let first = token(&cluster);
    cluster.done(release("s1", Some(first)));
    cluster.done(take("s2", ("b", B1), LockWait::No));
    let why = "s1 has lost lock backup, or never had it";
    assert_eq!(cluster.rejected(release("s1", None)), why);
    cluster.done(release("s2", None));
    // The same session again, under another token: what it said before is void.
    cluster.done(take("s1", ("a", A1), LockWait::No));
    assert_eq!(cluster.rejected(release("s1", Some(first))), why);
    assert_eq!(told(&cluster), "s1, waiting: ");
}

#[test]
fn a_lease_ends_in_cluster_time_only_and_not_when_it_was_renewed() {
    let mut cluster = Cluster::new();
    cluster.done(take("s1", ("a", A1), LockWait::No));
    cluster.done(take("s2", ("b", B1), LockWait::Queue));
    let early = lapse(&cluster, "s1");
    let why = "the lease of s1 on lock backup is not over";
    assert_eq!(cluster.rejected(early.clone()), why);
    cluster.clock += 9_900;
    assert_eq!(cluster.rejected(early.clone()), why);
    cluster.done(renew("s1"));
    cluster.clock += 9_000;
    let late = cluster.rejected(early);
    assert!(late.starts_with("late: it speaks of renewal"), "{late}");
    let present = lapse(&cluster, "s1");
    assert_eq!(cluster.rejected(present.clone()), why);
    cluster.clock += 1_000;
    cluster.done(present);
    assert_eq!(told(&cluster), "s2, waiting: ");
    assert!(history(&cluster)[1].ends_with("not renewed for 10s"));
    assert_eq!(
        cluster.rejected(renew("s1")),
        "s1 has lost lock backup, or never had it"
    );
}

#[test]
fn who_gets_a_lock_after_waiting_has_its_whole_lease_before_it() {
    let mut cluster = Cluster::new();
    cluster.done(take("s1", ("a", A1), LockWait::No));
    cluster.done(take("s2", ("b", B1), LockWait::Queue));
    cluster.clock += 9_990;
    cluster.done(release("s1", None));
    let lapse_of_wait = lapse(&cluster, "s2");
    cluster.clock += 9_000;
    assert_eq!(
        cluster.rejected(lapse_of_wait),
        "the lease of s2 on lock backup is not over"
    );
}

#[test]
fn who_waits_and_is_not_heard_loses_its_place() {
    let mut cluster = Cluster::new();
    cluster.done(take("s1", ("a", A1), LockWait::No));
    cluster.done(take("s2", ("b", B1), LockWait::Queue));
    cluster.clock += 10_000;
    cluster.done(renew("s1"));
    cluster.done(lapse(&cluster, "s2"));
    assert_eq!(told(&cluster), "s1, waiting: ");
}

#[test]
fn the_end_of_a_boot_ends_its_locks_and_places_at_once() {
    let mut cluster = Cluster::new();
    cluster.done(take("s1", ("a", A1), LockWait::No));
    cluster.done(take("s2", ("a", A1), LockWait::Queue));
    cluster.done(take("s3", ("b", B1), LockWait::Queue));
    let id = cluster.fence_a(A1);
    assert_eq!(told(&cluster), "s1, waiting: s2 s3", "lost is not ended");
    cluster.done(confirmed(id, "b", B1));
    assert_eq!(told(&cluster), "s3, waiting: ");
    assert!(history(&cluster)[1].ends_with("a is proven off"));
    let late = cluster.rejected(take("s4", ("a", A1), LockWait::Queue));
    assert!(late.starts_with("late: it speaks of boot"), "{late}");
}

#[test]
fn a_recalled_lock_is_not_renewed_and_nobody_has_it_before_its_lease_is_over() {
    let mut cluster = Cluster::new();
    cluster.done(take("s1", ("a", A1), LockWait::No));
    cluster.done(take("s2", ("b", B1), LockWait::Queue));
    let first = token(&cluster);
    let late = cluster.rejected(recall(first + 1));
    assert!(late.starts_with("late: it speaks of token"), "{late}");
    cluster.done(recall(first));
    assert_eq!(told(&cluster), "s1, waiting: s2");
    assert_eq!(
        cluster.rejected(renew("s1")),
        "lock backup is recalled by bob"
    );
    cluster.clock += 9_000;
    cluster.done(renew("s2"));
    cluster.clock += 1_000;
    cluster.done(lapse(&cluster, "s1"));
    assert_eq!(told(&cluster), "s2, waiting: ");
    assert!(history(&cluster)[1].ends_with("recalled by bob"));
    cluster.done(renew("s2"));
}

#[test]
fn a_history_that_a_person_forced_gives_higher_tokens_than_the_lost_ones_can_have_given() {
    let mut cluster = Cluster::new();
    cluster.done(take("s1", ("a", A1), LockWait::No));
    let before = token(&cluster);
    cluster.done(release("s1", None));
    cluster.done(Command::ForcedBy {
        generation: 2,
        lost: [name("b")].into(),
        by: name("ann"),
    });
    cluster.done(take("s1", ("a", A1), LockWait::No));
    assert!(before + (1 << 40) <= token(&cluster));
}

#[test]
fn limits_are_told() {
    let mut cluster = Cluster::new();
    let mut short = take("s1", ("a", A1), LockWait::No);
    if let Command::TakeLock { lease, .. } = &mut short {
        *lease = Duration::from_millis(1999);
    }
    assert_eq!(cluster.rejected(short), "a lease takes 2s to 1d");
    cluster.done(take("s", ("a", A1), LockWait::No));
    for number in 0..LOCK_WAITERS_MAX {
        cluster.done(take(&format!("w{number}"), ("b", B1), LockWait::Queue));
    }
    assert_eq!(
        cluster.rejected(take("one-more", ("b", B1), LockWait::Queue)),
        "64 sessions wait for backup already"
    );
}

#[test]
fn busy_locks_push_nothing_out_of_the_history_of_the_cluster() {
    let mut cluster = Cluster::new();
    let before = cluster.state.history().len();
    for _ in 0..LOCK_HISTORY_MAX {
        cluster.done(take("s1", ("a", A1), LockWait::No));
        cluster.done(release("s1", None));
    }
    assert_eq!(cluster.state.history().len(), before);
    assert_eq!(cluster.state.locks().history().len(), LOCK_HISTORY_MAX);
    let whole = cluster.state.whole_history();
    assert_eq!(whole.len(), before + LOCK_HISTORY_MAX);
    assert!(whole.is_sorted_by_key(|entry| entry.index));
}
