//! Programs that take locks, keep them and give them back, on machines that fail under them.
//!
//! Each does what `mainstay lock` does: it counts its lease by the clock of its machine from the
//! moment at which it asked, and gives up a twentieth before the end. Some give a lock back that
//! they have lost, as a program does that stood still and does not know.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::lock::{LockOwner, LockWait, holds_for};
use model::{Command, Instant, LockName, LockToken, NodeId, Rejected, SessionName};
use node::RequestError;

use crate::act::Kind;
use crate::form::{node_name, operator};
use crate::linear::{Hold, Lock, Operation, Verdict, judge};
use crate::machine::Power;
use crate::promises::Promise;
use crate::random::Random;
use crate::schedule::Setup;
use crate::world::{Event, World};

/// Streams of random numbers: for the setup, and while a cluster lives.
const OF_SETUP: u64 = 8;
const OF_LOCKERS: u64 = 9;

/// How often each program looks around.
const TURN: Duration = Duration::from_millis(150);

/// The first turn: by then somebody leads.
const FIRST_TURN: Duration = Duration::from_millis(1500);

/// Between two tries to renew, as in `mainstay lock`.
const RENEWALS_PER_LEASE: u32 = 3;
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Who has no answer for so long begins anew, as another session.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a program wants of a lock, in one session.
#[derive(Debug, Clone)]
struct Attempt {
    session: SessionName,
    lock: LockName,
    lease: Duration,
    /// Its place among the attempts of the lock.
    place: usize,
    /// By the clock of the machine: when it asked first and last, and when it renews next.
    began: Instant,
    sent_at: Instant,
    renews_at: Instant,
    /// When it wants to give the lock back, once it has it; never when a person decides.
    keeps: Option<Duration>,
    /// An answer that this node has not applied yet: its index, and when was asked.
    decided: Option<(u64, Instant)>,
}

#[derive(Debug, Clone, Default)]
enum Standing {
    #[default]
    Idle,
    /// It has asked, or waits in the queue.
    Asks(Attempt),
    /// It holds the lock until then, by the clock of its machine, unless it renews.
    Holds(Attempt, Holding),
}

#[derive(Debug, Clone, Copy)]
struct Holding {
    token: LockToken,
    ends: Instant,
    /// When it gives the lock back.
    until: Option<Instant>,
}

#[derive(Debug, Clone)]
struct Locker {
    on: NodeId,
    /// A written scenario says what it does.
    is_scripted: bool,
    standing: Standing,
}

/// What came of an attempt, for the history.
#[derive(Debug, Clone)]
struct Told {
    session: SessionName,
    /// Where its program runs: with the boot of that its locks end.
    on: NodeId,
    called: Instant,
    /// When it learned that it holds the lock, and under which token.
    held: Option<(Instant, LockToken)>,
    /// It was told at this moment that another one holds it.
    refused: Option<(Instant, LockToken)>,
    /// When it gave it back, and when that was answered.
    released: Option<(Instant, Option<Instant>)>,
    /// From this true moment on it may lapse.
    may_lapse: Instant,
}

/// What was asked for whom.
#[derive(Debug, Clone)]
pub(crate) struct LockAsk {
    locker: usize,
    session: SessionName,
    what: What,
    asked: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Take,
    Renew,
    Release,
}

/// All of them, and what was seen of the locks.
pub(crate) struct Lockers {
    all: Vec<Locker>,
    random: Random,
    sessions: u64,
    told: BTreeMap<LockName, Vec<Told>>,
    /// As the log has it: the change that was looked at last, the holders' tokens and who waits.
    change: u64,
    held: BTreeMap<LockName, (LockToken, Vec<SessionName>)>,
    tokens: BTreeMap<SessionName, LockToken>,
    given: BTreeSet<LockToken>,
    /// Entries were missed, and perhaps holders.
    is_blind: bool,
}

/// Some clusters have programs that take locks.
pub(crate) fn draw(setup: &mut Setup) {
    let mut random = Random::new(setup.seed, OF_SETUP);
    if random.chance(400) {
        setup.lockers = random.between(2, 4);
    }
}

impl Lockers {
    pub fn new(setup: &Setup) -> Self {
        let mut random = Random::new(setup.seed, OF_LOCKERS);
        let any = |random: &mut Random| NodeId(1 + random.below(setup.nodes));
        let all = (0..setup.lockers).map(|_| Locker {
            on: any(&mut random),
            is_scripted: false,
            standing: Standing::Idle,
        });
        Self {
            all: all.collect(),
            random,
            sessions: 0,
            told: BTreeMap::new(),
            change: 0,
            held: BTreeMap::new(),
            tokens: BTreeMap::new(),
            given: BTreeSet::new(),
            is_blind: false,
        }
    }

    fn told(&mut self, attempt: &Attempt) -> Option<&mut Told> {
        self.told.get_mut(&attempt.lock)?.get_mut(attempt.place)
    }
}

impl World {
    pub(crate) fn begin_lockers(&mut self) {
        for locker in 0..self.lockers.all.len() {
            self.put(FIRST_TURN, Event::Locker { locker });
        }
    }

    /// A written scenario has a program ask for a lock; it waits as long as it must.
    pub(crate) fn begin_lock(
        &mut self,
        on: NodeId,
        (session, lock): (&SessionName, &LockName),
        lease: Duration,
    ) {
        let locker = self.lockers.all.len();
        self.lockers.all.push(Locker {
            on,
            is_scripted: true,
            standing: Standing::Idle,
        });
        self.take_lock(
            locker,
            (session.clone(), lock.clone()),
            (lease, LockWait::Queue),
            None,
        );
        self.put(TURN, Event::Locker { locker });
    }

    /// The program of this session gives its lock back, or its place in the queue.
    pub(crate) fn end_lock(&mut self, session: &SessionName) {
        let found = self.lockers.all.iter().position(|it| match &it.standing {
            Standing::Asks(attempt) | Standing::Holds(attempt, _) => attempt.session == *session,
            Standing::Idle => false,
        });
        if let Some(locker) = found {
            self.give_back(locker);
        }
    }

    /// One program looks around.
    pub(crate) fn locker_turn(&mut self, locker: usize) {
        self.put(TURN, Event::Locker { locker });
        let on = self.lockers.all[locker].on;
        let now = self.now;
        let machine = self.machine(on);
        if machine.power != Power::On {
            return;
        }
        let local = machine.clock.local(now);
        self.take_decided(locker, local);
        match &self.lockers.all[locker].standing {
            Standing::Idle if self.lockers.all[locker].is_scripted => {}
            Standing::Idle => self.perhaps_take(locker),
            Standing::Asks(attempt) => {
                let over = attempt.began + PATIENCE;
                let renews = attempt.renews_at <= local;
                if over <= local && attempt.keeps.is_some() {
                    self.give_back(locker);
                } else if renews || self.holds_in_the_log(locker) {
                    self.renew_lock(locker, local);
                }
            }
            Standing::Holds(attempt, holding) => {
                let renews = attempt.renews_at <= local;
                if holding.ends <= local {
                    self.lose(locker);
                } else if holding.until.is_some_and(|until| until <= local) {
                    self.give_back(locker);
                } else if renews {
                    self.renew_lock(locker, local);
                }
            }
        }
    }

    fn perhaps_take(&mut self, locker: usize) {
        let random = &mut self.lockers.random;
        if !random.chance(300) {
            return;
        }
        let lock = random.pick(&["gate", "gate", "gate", "well"]);
        let lock = LockName::new(lock).expect("a plain word is a name");
        let lease = Duration::from_millis(random.pick(&[2000, 2000, 2500, 4000]));
        let wait = random.pick(&[LockWait::No, LockWait::Queue, LockWait::Queue]);
        let keeps = Duration::from_millis(random.pick(&[300, 900, 2500, 6000]));
        self.lockers.sessions += 1;
        let session = SessionName::new(format!("s{}", self.lockers.sessions));
        let session = session.expect("a letter and a number are a name");
        self.take_lock(locker, (session, lock), (lease, wait), Some(keeps));
    }

    fn take_lock(
        &mut self,
        locker: usize,
        (session, lock): (SessionName, LockName),
        (lease, wait): (Duration, LockWait),
        keeps: Option<Duration>,
    ) {
        let (now, on) = (self.now, self.lockers.all[locker].on);
        let machine = self.machine(on);
        let (boot, local) = (machine.boot_id(), machine.clock.local(now));
        if machine.daemon.is_none() {
            return;
        }
        let told = self.lockers.told.entry(lock.clone()).or_default();
        let attempt = Attempt {
            session: session.clone(),
            lock: lock.clone(),
            lease,
            place: told.len(),
            began: local,
            sent_at: local,
            renews_at: local + (lease / RENEWALS_PER_LEASE).max(AGAIN_AFTER),
            keeps,
            decided: None,
        };
        told.push(Told {
            session: session.clone(),
            on,
            called: now,
            held: None,
            refused: None,
            released: None,
            may_lapse: now,
        });
        self.lockers.all[locker].standing = Standing::Asks(attempt);
        let owner = LockOwner {
            session: session.clone(),
            user: operator(),
            node: node_name(on),
            boot,
        };
        let command = Command::TakeLock {
            lock,
            owner,
            lease,
            wait,
        };
        self.ask_lock((locker, session), What::Take, command);
    }

    fn ask_lock(&mut self, (locker, session): (usize, SessionName), what: What, command: Command) {
        let (now, on) = (self.now, self.lockers.all[locker].on);
        let asked = self.machine(on).clock.local(now);
        let ask = LockAsk {
            locker,
            session,
            what,
            asked,
        };
        self.request_for(on, command, Some(ask));
    }

    fn attempt(&self, locker: usize) -> Option<&Attempt> {
        match &self.lockers.all[locker].standing {
            Standing::Idle => None,
            Standing::Asks(attempt) | Standing::Holds(attempt, _) => Some(attempt),
        }
    }

    fn attempt_mut(&mut self, locker: usize) -> Option<&mut Attempt> {
        match &mut self.lockers.all[locker].standing {
            Standing::Idle => None,
            Standing::Asks(attempt) | Standing::Holds(attempt, _) => Some(attempt),
        }
    }

    fn renew_lock(&mut self, locker: usize, local: Instant) {
        let token = match &self.lockers.all[locker].standing {
            Standing::Holds(_, holding) => Some(holding.token),
            Standing::Idle | Standing::Asks(_) => None,
        };
        let Some(attempt) = self.attempt_mut(locker) else {
            return;
        };
        attempt.sent_at = local;
        attempt.renews_at = local + (attempt.lease / RENEWALS_PER_LEASE).max(AGAIN_AFTER);
        let session = attempt.session.clone();
        let command = Command::RenewLock {
            lock: attempt.lock.clone(),
            session: session.clone(),
            token,
        };
        self.ask_lock((locker, session), What::Renew, command);
    }

    /// Whether this node has applied that the program has got the lock: then it asks anew, to
    /// know from when on it may count.
    fn holds_in_the_log(&mut self, locker: usize) -> bool {
        let Some(attempt) = self
            .attempt(locker)
            .filter(|it| it.decided.is_none())
            .cloned()
        else {
            return false;
        };
        let on = self.lockers.all[locker].on;
        self.awake(on).is_some_and(|(daemon, local)| {
            let seen = daemon.node.state().locks().held().get(&attempt.lock);
            let holds = seen.is_some_and(|seen| seen.holder.owner.session == attempt.session);
            // Not again in each turn.
            holds && attempt.sent_at + AGAIN_AFTER <= local
        })
    }

    /// It does no more that the lock protects, and says so afterwards.
    fn give_back(&mut self, locker: usize) {
        let now = self.now;
        let standing = std::mem::take(&mut self.lockers.all[locker].standing);
        let (attempt, token) = match standing {
            Standing::Idle => return,
            Standing::Asks(attempt) => (attempt, None),
            Standing::Holds(attempt, holding) => (attempt, Some(holding.token)),
        };
        if let Some(told) = self.lockers.told(&attempt) {
            told.released = Some((now, None));
        }
        self.release((locker, &attempt), token);
    }

    fn release(&mut self, (locker, attempt): (usize, &Attempt), token: Option<LockToken>) {
        let session = attempt.session.clone();
        let command = Command::ReleaseLock {
            lock: attempt.lock.clone(),
            session: session.clone(),
            token,
        };
        let (now, on) = (self.now, self.lockers.all[locker].on);
        self.trace.story(now, Some(on), || {
            format!("{session} gives {} back", attempt.lock)
        });
        self.ask_lock((locker, session), What::Release, command);
    }

    /// Its lease is over, and it could not renew it. Some do not know what that means.
    fn lose(&mut self, locker: usize) {
        let standing = std::mem::take(&mut self.lockers.all[locker].standing);
        let Standing::Holds(attempt, holding) = standing else {
            return;
        };
        let (now, on) = (self.now, self.lockers.all[locker].on);
        let words = || format!("{} has lost {}", attempt.session, attempt.lock);
        self.trace.tale(now, Some(on), words);
        if !self.lockers.all[locker].is_scripted && self.lockers.random.chance(500) {
            if let Some(told) = self.lockers.told(&attempt) {
                told.released = Some((now, None));
            }
            self.release((locker, &attempt), Some(holding.token));
        }
    }

    /// The machine has lost its power, and its programs are gone.
    pub(crate) fn end_lockers(&mut self, on: NodeId) {
        let now = self.now;
        for locker in self.lockers.all.iter_mut().filter(|it| it.on == on) {
            locker.standing = Standing::Idle;
        }
        // Also what a program had given up, and the log still counts as its own.
        let all = self.lockers.told.values_mut().flatten();
        for told in all.filter(|told| told.on == on) {
            told.may_lapse = told.may_lapse.min(now);
        }
    }

    /// The log has answered.
    pub(crate) fn lock_replied(&mut self, ask: LockAsk, result: &Result<u64, RequestError>) {
        let now = self.now;
        if ask.what == What::Release {
            return self.release_replied(&ask.session, result);
        }
        let Some(attempt) = self
            .attempt_mut(ask.locker)
            .filter(|it| it.session == ask.session)
        else {
            return;
        };
        match result {
            Ok(index) => {
                attempt.decided = Some((*index, ask.asked));
                self.take_decided(ask.locker, ask.asked);
            }
            Err(RequestError::Rejected(rejected)) => {
                let attempt = attempt.clone();
                if let (Rejected::LockHeld { token, .. }, Some(told)) =
                    (rejected, self.lockers.told(&attempt))
                {
                    told.refused = Some((now, *token));
                }
                let on = self.lockers.all[ask.locker].on;
                self.trace
                    .tale(now, Some(on), || format!("{}: {rejected}", ask.session));
                self.lockers.all[ask.locker].standing = Standing::Idle;
            }
            // Whether it was done is not known: another session begins anew. Who holds the lock
            // tries again as long as it may.
            Err(_) if ask.what == What::Take => {
                self.lockers.all[ask.locker].standing = Standing::Idle;
            }
            Err(_) => {}
        }
    }

    fn release_replied(&mut self, session: &SessionName, result: &Result<u64, RequestError>) {
        let now = self.now;
        let all = self.lockers.told.values_mut().flatten();
        for told in all.filter(|told| told.session == *session) {
            match (&mut told.released, result) {
                (Some((_, answered)), Ok(_)) => *answered = Some(now),
                (released, Err(RequestError::Rejected(_))) => *released = None,
                (None, Ok(_)) | (_, Err(_)) => {}
            }
        }
    }

    /// What was decided is applied here: what has the session of the lock now?
    fn take_decided(&mut self, locker: usize, _at: Instant) {
        let on = self.lockers.all[locker].on;
        let Some(attempt) = self.attempt(locker).cloned() else {
            return;
        };
        let Some((index, asked)) = attempt.decided else {
            return;
        };
        let Some((daemon, local)) = self.awake(on) else {
            return;
        };
        if daemon.node.applied() < index {
            return;
        }
        let seen = daemon.node.state().locks().held().get(&attempt.lock);
        let own = seen.and_then(|seen| {
            seen.place_of(&attempt.session)?;
            let holds = seen.holder.owner.session == attempt.session;
            Some(holds.then_some(seen.token))
        });
        if let Some(attempt) = self.attempt_mut(locker) {
            attempt.decided = None;
        }
        match own {
            None => self.lockers.all[locker].standing = Standing::Idle,
            Some(None) => {}
            Some(Some(token)) => self.hold((locker, attempt), token, (asked, local)),
        }
    }

    /// The program believes to hold the lock, until the end of its lease as it counts it.
    fn hold(
        &mut self,
        (locker, mut attempt): (usize, Attempt),
        token: LockToken,
        (asked, local): (Instant, Instant),
    ) {
        let ends = asked + holds_for(attempt.lease);
        if ends <= local {
            return;
        }
        let before = match &self.lockers.all[locker].standing {
            Standing::Holds(_, holding) => Some(*holding),
            Standing::Idle | Standing::Asks(_) => None,
        };
        let until = before.map_or_else(|| attempt.keeps.map(|keeps| local + keeps), |it| it.until);
        let ends = before.map_or(ends, |before| before.ends.max(ends));
        let (now, on) = (self.now, self.lockers.all[locker].on);
        let truly = self.machine(on).clock.truly(ends);
        if let Some(told) = self.lockers.told(&attempt) {
            told.held.get_or_insert((now, token));
            told.may_lapse = truly;
        }
        if before.is_none() {
            let words = || format!("{} holds {}, token {token}", attempt.session, attempt.lock);
            self.trace.tale(now, Some(on), words);
        }
        attempt.decided = None;
        let lock = attempt.lock.clone();
        let holding = Holding { token, ends, until };
        self.lockers.all[locker].standing = Standing::Holds(attempt, holding);
        self.invariant_lock_one_holder(locker, (&lock, token));
    }

    /// Nobody else believes to hold the lock at this moment, by the clock of its machine; and
    /// nobody has ever held it with a higher token.
    fn invariant_lock_one_holder(&mut self, locker: usize, (lock, token): (&LockName, LockToken)) {
        // A program on a machine that a device swore to be off holds what is given on.
        if self.counts.faults.contains_key(&Kind::Liar) {
            return;
        }
        let now = self.now;
        let others = self.lockers.all.iter().enumerate();
        let twin = others
            .filter(|(other, _)| *other != locker)
            .find_map(|(_, other)| {
                let Standing::Holds(attempt, holding) = &other.standing else {
                    return None;
                };
                let clock = &self.machines[(other.on.0 - 1) as usize].clock;
                let is_over = holding.ends <= clock.local(now);
                (attempt.lock == *lock && !is_over)
                    .then(|| (attempt.session.clone(), holding.token))
            });
        if let Some((session, other)) = twin {
            let what = format!("{lock} is held with token {token}, and by {session} with {other}");
            return self.break_promise(Promise::OneLockHolder, what);
        }
        let all = self.lockers.told.get(lock).into_iter().flatten();
        let highest = all
            .filter_map(|told| told.held)
            .map(|(_, token)| token)
            .max();
        if highest.is_some_and(|highest| token < highest) {
            let what = format!("{lock} is held with token {token} after {highest:?}");
            self.break_promise(Promise::OneLockHolder, what);
        }
    }

    /// After each new entry: no token is given twice, and nobody is passed over who waits.
    pub(crate) fn watch_locks(&mut self) {
        let locks = self.record.state().locks();
        if locks.changed() == self.lockers.change {
            return;
        }
        let lockers = &mut self.lockers;
        lockers.change = locks.changed();
        let before = std::mem::take(&mut lockers.held);
        let highest = lockers.given.last().copied();
        let mut broken = None;
        for (name, seen) in locks.held() {
            let waiting = seen.waiting.iter().map(|own| own.owner.session.clone());
            let waiting: Vec<SessionName> = waiting.collect();
            let known = before.get(name);
            let holder = &seen.holder.owner.session;
            let is_new = known.is_none_or(|(token, _)| *token != seen.token)
                || lockers.tokens.get(holder) != Some(&seen.token);
            if is_new {
                let is_raised = highest.is_none_or(|highest| highest < seen.token);
                if !lockers.given.insert(seen.token) || !is_raised {
                    let what = format!("{name} is given to {holder} with token {}", seen.token);
                    broken = Some((Promise::OneLockHolder, what));
                }
                lockers.tokens.insert(holder.clone(), seen.token);
                let passed = known.and_then(|(_, queue)| {
                    let at = queue.iter().position(|session| session == holder)?;
                    queue[..at].iter().find(|session| waiting.contains(session))
                });
                if let Some(passed) = passed {
                    let what = format!("{name} is given to {holder}, and {passed} was first");
                    broken = Some((Promise::LocksInOrder, what));
                }
            }
            lockers.held.insert(name.clone(), (seen.token, waiting));
        }
        if let Some((promise, what)) = broken {
            self.break_promise(promise, what);
        }
    }

    /// Entries were not followed one by one. What is held as before may have been held all the
    /// time; who waited for it meanwhile is not known.
    pub(crate) fn jump_locks(&mut self) {
        self.lockers.is_blind = true;
        let now = self.record.state().locks().held();
        self.lockers.held.retain(|name, (token, waiting)| {
            waiting.clear();
            now.get(name).is_some_and(|seen| seen.token == *token)
        });
        self.watch_locks();
    }

    /// At the end: could all that programs were told of a lock have happened one after the other?
    pub(crate) fn locks_not_linearizable(&self) -> Option<String> {
        if self.lockers.is_blind || self.counts.faults.contains_key(&Kind::Liar) {
            return None;
        }
        self.lockers.told.iter().find_map(|(lock, told)| {
            let history = told.iter().flat_map(|told| self.operations(told));
            let history: Vec<_> = history.collect();
            (judge(&Lock::default(), &history) == Verdict::Not)
                .then(|| format!("lock {lock}: {history:?}"))
        })
    }

    /// What is known of one attempt. Whoever was not told has its token from the log.
    fn operations(&self, told: &Told) -> Vec<Operation<Hold>> {
        let operation = |called, answered, call| Operation {
            called,
            answered,
            call,
        };
        let mut all = Vec::new();
        if let Some((at, token)) = told.refused {
            all.push(operation(told.called, Some(at), Hold::Seen(token.0)));
        }
        let learned = told.held;
        let token = learned.map(|(_, token)| token);
        let Some(token) = token.or_else(|| self.lockers.tokens.get(&told.session).copied()) else {
            return all;
        };
        let learned = learned.map(|(at, _)| at);
        all.push(operation(told.called, learned, Hold::Take(token.0)));
        let answered = told.released.and_then(|(_, answered)| answered);
        if let Some((called, _)) = told.released {
            all.push(operation(called, answered, Hold::Give(token.0)));
        }
        if answered.is_none() {
            // A lease that ends is answered to nobody.
            all.push(operation(told.may_lapse, None, Hold::Give(token.0)));
        }
        all
    }
}
