//! Locks: taken in order, under leases that end in cluster time.
//!
//! ```text
//!            take (free)                     release, lapse, end of the boot
//!   free ─────────────────► held by one ─────────────────────────────────────► the first that
//!                            ▲   │ renew                                        waits, or free
//!                            └───┘
//! ```
//!
//! A lease ends by an entry of the log, never by a clock that a node looks at: the leader
//! proposes `LapseLock` when it has counted the whole lease since *it applied* the last renewal,
//! which is later than the holder sent it; and here cluster time must have gone on as far.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use model::history::{Happening, HistoryEntry};
use model::lock::{LEASE_MAX, LEASE_MIN, LockEnd, LockOwner, LockPlace, LockSeen, LockWait};
use model::plant::{self, Plant};
use model::seen::BootOf;
use model::{
    BootId, Command, LockName, LockToken, NodeName, Reason, Rejected, SessionName, UserName,
};
use serde::{Deserialize, Serialize};

use crate::{Applied, Outcome, Place, State, push_bounded};

/// Locks that are held at one time. Each is a few hundred bytes of every snapshot.
pub const LOCKS_MAX: usize = 1000;

/// Sessions that wait for one lock. More would wait for longer than anybody has patience.
pub const LOCK_WAITERS_MAX: usize = 64;

/// What happened to locks, beside the history of nodes and services, which a program that takes
/// a lock each second must not push out.
pub const LOCK_HISTORY_MAX: usize = 500;

/// A history that a person has forced may lack holders that the lost nodes knew. Its tokens are
/// higher than any that those can have given: a log grows by less in a lifetime.
const FORCED_SKIPS: u64 = 1 << 40;

/// All locks that are held, and what is remembered of others.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Locks {
    held: BTreeMap<LockName, LockSeen>,
    last_token: LockToken,
    /// The index of the last command that changed one.
    changed: u64,
    history: VecDeque<HistoryEntry>,
}

impl Locks {
    /// Those that are held.
    #[must_use]
    pub fn held(&self) -> &BTreeMap<LockName, LockSeen> {
        &self.held
    }

    /// The index of the last command that changed one.
    #[must_use]
    pub fn changed(&self) -> u64 {
        self.changed
    }

    /// What happened, oldest first.
    #[must_use]
    pub fn history(&self) -> &VecDeque<HistoryEntry> {
        &self.history
    }

    /// Tokens grow over all locks, so that one which is forgotten while it is free cannot give a
    /// token twice. Several holders can follow each other in one entry.
    fn next_token(&mut self, place: Place) -> LockToken {
        if plant::is(Plant::LockTokenNotRaised) {
            return self.last_token.max(LockToken(1));
        }
        self.last_token = self.last_token.next().max(LockToken(place.index));
        self.last_token
    }

    fn record(&mut self, place: Place, what: Happening) {
        let entry = HistoryEntry {
            index: place.index,
            at: place.at,
            what,
        };
        push_bounded(&mut self.history, entry, LOCK_HISTORY_MAX);
    }

    /// `lock` is held by this place from now on. What waits for it stays.
    fn give(&mut self, place: Place, lock: &LockName, mut to: LockPlace, waiting: Vec<LockPlace>) {
        let token = self.next_token(place);
        let taken = Happening::LockTaken {
            lock: lock.clone(),
            owner: to.owner.clone(),
            token,
        };
        self.record(place, taken);
        to.since = place.at;
        let seen = LockSeen {
            token,
            holder: to,
            recalled_by: None,
            waiting,
        };
        self.held.insert(lock.clone(), seen);
    }

    /// The holder has it no more: the first that waits gets it, with its whole lease before it.
    fn end(&mut self, place: Place, lock: &LockName, because: LockEnd) {
        let Some(seen) = self.held.remove(lock) else {
            return;
        };
        self.changed = place.index;
        let ended = Happening::LockEnded {
            lock: lock.clone(),
            owner: seen.holder.owner,
            token: seen.token,
            because,
        };
        self.record(place, ended);
        let mut waiting = seen.waiting;
        if waiting.is_empty() {
            return;
        }
        let last = waiting.len() - 1;
        let next = if plant::is(Plant::LockQueueJumped) {
            last
        } else {
            0
        };
        let mut next = waiting.remove(next);
        renew(&mut next, place);
        self.give(place, lock, next, waiting);
    }

    /// This session waits no more, or holds no more.
    fn leave(&mut self, place: Place, lock: &LockName, session: &SessionName, because: LockEnd) {
        let Some(seen) = self.held.get_mut(lock) else {
            return;
        };
        self.changed = place.index;
        if seen.holder.owner.session == *session {
            return self.end(place, lock, because);
        }
        seen.waiting.retain(|other| other.owner.session != *session);
    }

    /// Everything that sessions of an ended boot had.
    fn end_boot(&mut self, place: Place, (name, boot): (&NodeName, BootId), because: &Reason) {
        let is_gone = |place: &LockPlace| place.owner.node == *name && place.owner.boot == boot;
        for seen in self.held.values_mut() {
            let before = seen.waiting.len();
            seen.waiting.retain(|place| !is_gone(place));
            if seen.waiting.len() < before {
                self.changed = place.index;
            }
        }
        let held = self.held.iter().filter(|(_, seen)| is_gone(&seen.holder));
        let held: Vec<LockName> = held.map(|(lock, _)| lock.clone()).collect();
        for lock in held {
            let because = because.clone();
            self.end(place, &lock, LockEnd::NodeEnded { because });
        }
    }
}

fn renew(own: &mut LockPlace, place: Place) {
    own.renewed = place.index;
    own.renewed_at = place.clock;
}

impl State {
    /// All locks.
    #[must_use]
    pub fn locks(&self) -> &Locks {
        &self.locks
    }

    /// What happened to nodes, services and locks, oldest first.
    #[must_use]
    pub fn whole_history(&self) -> Vec<&HistoryEntry> {
        let mut all: Vec<&HistoryEntry> = self.history.iter().chain(&self.locks.history).collect();
        all.sort_by_key(|entry| entry.index);
        all
    }

    pub(crate) fn take_lock(&mut self, place: Place, command: &Command) -> Outcome {
        let Command::TakeLock {
            lock,
            owner,
            lease,
            wait,
        } = command
        else {
            return Err(Rejected::Unknown);
        };
        self.require_lease(*lease)?;
        self.require_boot(owner)?;
        let wanted = LockPlace {
            owner: owner.clone(),
            lease: *lease,
            renewed: place.index,
            renewed_at: place.clock,
            since: place.at,
        };
        let Some(seen) = self.locks.held.get_mut(lock) else {
            if LOCKS_MAX <= self.locks.held.len() {
                let how = format!("{LOCKS_MAX} locks are held already");
                return Err(Rejected::Refused(how));
            }
            self.locks.changed = place.index;
            self.locks.give(place, lock, wanted, Vec::new());
            return Ok(Applied::Done);
        };
        if seen.place_of(&owner.session).is_some() {
            return self.renew_lock(place, (lock, &owner.session), None);
        }
        match wait {
            LockWait::No => Err(Rejected::LockHeld {
                lock: lock.clone(),
                by: Box::new(seen.holder.owner.clone()),
                token: seen.token,
            }),
            LockWait::Queue if LOCK_WAITERS_MAX <= seen.waiting.len() => {
                let how = format!("{LOCK_WAITERS_MAX} sessions wait for {lock} already");
                Err(Rejected::Refused(how))
            }
            LockWait::Queue => {
                self.locks.changed = place.index;
                seen.waiting.push(wanted);
                Ok(Applied::Done)
            }
        }
    }

    fn require_lease(&self, lease: Duration) -> Result<(), Rejected> {
        if (LEASE_MIN..=LEASE_MAX).contains(&lease) {
            return Ok(());
        }
        let (min, max) = (
            model::duration::format(LEASE_MIN),
            model::duration::format(LEASE_MAX),
        );
        Err(Rejected::Refused(format!("a lease takes {min} to {max}")))
    }

    /// Who asks must not be over already: nobody would give the lock back.
    fn require_boot(&self, owner: &LockOwner) -> Result<(), Rejected> {
        self.node(&owner.node)?;
        match self.boot_of(&owner.node, owner.boot) {
            BootOf::Open => Ok(()),
            BootOf::Ended | BootOf::Vouched => Err(Rejected::Late(format!(
                "boot {} of {}",
                owner.boot, owner.node
            ))),
        }
    }

    pub(crate) fn renew_lock(
        &mut self,
        place: Place,
        (lock, session): (&LockName, &SessionName),
        token: Option<LockToken>,
    ) -> Outcome {
        self.require_own_lock((lock, session), token)?;
        let Some(seen) = self.locks.held.get_mut(lock) else {
            return Err(Rejected::LockIsFree(lock.clone()));
        };
        let holds = seen.holder.owner.session == *session;
        if let Some(by) = seen.recalled_by.clone().filter(|_| holds) {
            let lock = lock.clone();
            return Err(Rejected::LockRecalled { lock, by });
        }
        if plant::is(Plant::LockRenewalForgotten) {
            return Ok(Applied::Done);
        }
        self.locks.changed = place.index;
        if holds {
            renew(&mut seen.holder, place);
        }
        let waiting = seen.waiting.iter_mut();
        for own in waiting.filter(|own| own.owner.session == *session) {
            renew(own, place);
        }
        Ok(Applied::Done)
    }

    pub(crate) fn release_lock(
        &mut self,
        place: Place,
        (lock, session): (&LockName, &SessionName),
        token: Option<LockToken>,
    ) -> Outcome {
        if plant::is(Plant::LockStaleRelease) {
            self.locks.end(place, lock, LockEnd::Released);
            return Ok(Applied::Done);
        }
        self.require_own_lock((lock, session), token)?;
        self.locks.leave(place, lock, session, LockEnd::Released);
        Ok(Applied::Done)
    }

    /// What the session believes to have of the lock is what it has.
    fn require_own_lock(
        &self,
        (lock, session): (&LockName, &SessionName),
        token: Option<LockToken>,
    ) -> Result<(), Rejected> {
        let seen = self.locks.held.get(lock);
        let is_own = seen.is_some_and(|seen| {
            let holds = seen.holder.owner.session == *session;
            match token {
                Some(token) => holds && seen.token == token,
                None => seen.place_of(session).is_some(),
            }
        });
        if is_own {
            return Ok(());
        }
        Err(Rejected::NotYourLock {
            lock: lock.clone(),
            session: session.clone(),
        })
    }

    /// The holder may be at work and not know it yet: it is told when it renews, and nobody else
    /// gets the lock before it has given it back or its lease is over.
    pub(crate) fn recall_lock(
        &mut self,
        place: Place,
        (lock, token): (&LockName, LockToken),
        by: &UserName,
    ) -> Outcome {
        let Some(seen) = self.locks.held.get_mut(lock) else {
            return Err(Rejected::LockIsFree(lock.clone()));
        };
        if seen.token != token {
            return Err(Rejected::Late(format!("token {token} of lock {lock}")));
        }
        seen.recalled_by = Some(by.clone());
        self.locks.changed = place.index;
        self.record_operator(place, by, format!("lock recall {lock} --token {token}"));
        Ok(Applied::Done)
    }

    pub(crate) fn lapse_lock(
        &mut self,
        place: Place,
        (lock, session): (&LockName, &SessionName),
        renewed: u64,
    ) -> Outcome {
        let seen = self.locks.held.get(lock);
        let own = seen.and_then(|seen| seen.place_of(session));
        let Some(own) = own.filter(|own| own.renewed == renewed) else {
            let what = format!("renewal {renewed} of lock {lock} by {session}");
            return Err(Rejected::Late(what));
        };
        if place.clock < own.until() {
            let how = format!("the lease of {session} on lock {lock} is not over");
            return Err(Rejected::Refused(how));
        }
        let recalled = seen.and_then(|seen| seen.recalled_by.clone());
        let because = match recalled {
            Some(by) => LockEnd::Recalled { by },
            None => LockEnd::Lapsed { lease: own.lease },
        };
        self.locks.leave(place, lock, session, because);
        Ok(Applied::Done)
    }

    /// A boot of the node is over, and with it what its programs held.
    pub(crate) fn end_locks(&mut self, place: Place, of: (&NodeName, BootId), because: &Reason) {
        self.locks.end_boot(place, of, because);
    }

    /// A person has forced this history.
    pub(crate) fn skip_tokens(&mut self) {
        self.locks.last_token.0 += FORCED_SKIPS;
    }
}
