//! The two kinds of work of a half: fencing the absent and asking an arbiter.

use std::time::Duration;

use model::plant::{self, Plant};
use model::seen::Maintenance;
use model::{BootId, Instant, NodeId};
use wire::raft::Arbiter;

use super::{
    ASK_AGAIN_AFTER, Devices, FENCE_RESULT_WITHIN, FENCE_RETRY_PAUSE, FENCE_RETRY_PAUSE_MAX, Facts,
    FenceResult, Half, Method, Other, Output, Proof, REFUSED_PAUSE, REFUSED_PAUSE_MAX, Situation,
    Waits,
};
use crate::arbiter::{Answer, Ask};
use crate::race::delays;

/// A voter of the other half.
#[derive(Debug, Clone, Copy)]
struct Absent {
    node: NodeId,
    boot: BootId,
    lost_since: Instant,
}

/// How long this half may only look.
#[derive(Debug, Clone, Copy)]
struct Race {
    until: Instant,
    waits: RaceWaits,
}

/// What it waits for.
#[derive(Debug, Clone, Copy)]
enum RaceWaits {
    /// The half that runs more.
    Turn,
    /// The answer of a ping target.
    Answer,
}

/// The fence of one absent voter.
#[derive(Debug, Clone, Hash)]
pub(super) struct Target {
    boot: BootId,
    /// Failures in a row.
    failures: u32,
    work: Work,
}

#[derive(Debug, Clone, Copy, Hash)]
enum Work {
    /// Nothing asked yet.
    Idle,
    /// A device works.
    Asked {
        attempt: u64,
        method: Method,
        since: Instant,
    },
    /// It was asked before its turn, and is not off.
    Looked,
    /// Not before then.
    Paused { until: Instant },
}

impl Target {
    fn new(boot: BootId) -> Self {
        Self {
            boot,
            failures: 0,
            work: Work::Idle,
        }
    }

    pub(super) fn boot(&self) -> BootId {
        self.boot
    }

    pub(super) fn is_asked(&self, number: u64) -> bool {
        match self.work {
            Work::Asked { attempt, .. } => attempt == number,
            Work::Idle | Work::Looked | Work::Paused { .. } => false,
        }
    }

    pub(super) fn is_running(&self) -> bool {
        match self.work {
            Work::Asked { .. } => true,
            Work::Idle | Work::Looked | Work::Paused { .. } => false,
        }
    }

    /// The method that proved it off, if it did.
    pub(super) fn handle_result(&mut self, result: FenceResult, now: Instant) -> Option<Method> {
        let Work::Asked { method, .. } = self.work else {
            return None;
        };
        match (method, result) {
            (Method::SwitchOff, _) if plant::is(Plant::ForceWithoutFence) => {
                self.work = Work::Idle;
                return Some(method);
            }
            (_, FenceResult::Off) => {
                self.work = Work::Idle;
                return Some(method);
            }
            (Method::AskStatus, FenceResult::On | FenceResult::Failed) => self.work = Work::Looked,
            (Method::SwitchOff, FenceResult::On | FenceResult::Failed) => self.fail(now),
        }
        None
    }

    fn fail(&mut self, now: Instant) {
        let pause = doubled(FENCE_RETRY_PAUSE, self.failures, FENCE_RETRY_PAUSE_MAX);
        self.failures = self.failures.saturating_add(1);
        self.work = Work::Paused { until: now + pause };
    }
}

/// `first`, doubled so often, at most `most`.
fn doubled(first: Duration, times: u32, most: Duration) -> Duration {
    let factor = 2_u32.saturating_pow(times);
    first.saturating_mul(factor).min(most)
}

impl Half {
    pub(super) fn fence_all(
        &mut self,
        facts: &Facts,
        situation: &Situation,
        since: Instant,
        now: Instant,
    ) {
        let times = delays(facts.turn, facts.reach, since);
        let race = Race {
            until: since + facts.fence_race_delay.saturating_mul(times),
            waits: match facts.reach.holds_since(since) {
                true => RaceWaits::Turn,
                false => RaceWaits::Answer,
            },
        };
        for (&node, &(boot, lost_since)) in &situation.absent {
            let absent = Absent {
                node,
                boot,
                lost_since,
            };
            let Some(other) = facts.others.get(&node) else {
                continue;
            };
            self.wait_out(absent, other, now);
            if self.confirmed(node, boot).is_some() {
                continue;
            }
            match facts.maintenance {
                Maintenance::On => self.waits.push(Waits::Maintenance),
                Maintenance::Off => self.fence(absent, other, race, now),
            }
        }
    }

    /// The last resort: no device, or none that answered, and the watchdog's time is over.
    fn wait_out(&mut self, absent: Absent, other: &Other, now: Instant) {
        let Absent {
            node,
            boot,
            lost_since,
        } = absent;
        let Some(bound) = other.watchdog_bound else {
            return;
        };
        let has_failed = self.targets.get(&node).is_some_and(|t| 0 < t.failures);
        let is_last_resort = match other.devices {
            Devices::None => true,
            Devices::Some => has_failed,
        };
        if !is_last_resort || self.confirmed(node, boot).is_some() {
            return;
        }
        let until = lost_since + bound;
        if until <= now {
            let proof = Proof::WatchdogWaitedOut { waited: bound };
            self.proofs.insert(node, (boot, proof));
            return;
        }
        self.waits.push(Waits::Watchdog {
            target: node,
            until,
        });
        self.wake(until);
    }

    fn fence(&mut self, absent: Absent, other: &Other, race: Race, now: Instant) {
        let Absent {
            node,
            boot,
            lost_since: _,
        } = absent;
        match other.devices {
            Devices::None if other.watchdog_bound.is_some() => return,
            Devices::None => return self.waits.push(Waits::NoDevice { target: node }),
            Devices::Some => {}
        }
        let target = self.targets.entry(node).or_insert(Target::new(boot));
        let failures = target.failures;
        match target.work {
            Work::Asked {
                method: Method::SwitchOff,
                since,
                ..
            } => self.watch_device(node, since, now),
            Work::Paused { until } if now < until => {
                self.waits.push(Waits::FenceFailed {
                    target: node,
                    times: failures,
                    retry_at: until,
                });
                self.wake(until);
            }
            Work::Idle if now < race.until => {
                self.begin(node, boot, Method::AskStatus, now);
                self.race(race);
            }
            Work::Looked | Work::Asked { .. } if now < race.until => self.race(race),
            Work::Idle | Work::Looked | Work::Asked { .. } | Work::Paused { .. } => {
                if self.fences_left(node, other, now) == 0 {
                    return self.waits.push(Waits::TooManyFences { target: node });
                }
                self.begin(node, boot, Method::SwitchOff, now);
                self.watch_device(node, now, now);
            }
        }
    }

    fn race(&mut self, Race { until, waits }: Race) {
        self.waits.push(match waits {
            RaceWaits::Turn => Waits::Race { until },
            RaceWaits::Answer => Waits::Reach { until },
        });
        self.wake(until);
    }

    fn watch_device(&mut self, node: NodeId, since: Instant, now: Instant) {
        let until = since + FENCE_RESULT_WITHIN;
        if until <= now {
            let target = self.targets.get_mut(&node).expect("its device was asked");
            target.fail(now);
            let (times, retry_at) = (target.failures, now + FENCE_RETRY_PAUSE);
            self.waits.push(Waits::FenceFailed {
                target: node,
                times,
                retry_at,
            });
            return self.wake(retry_at);
        }
        self.waits.push(Waits::Fencing {
            target: node,
            since,
        });
        self.wake(until);
    }

    fn begin(&mut self, node: NodeId, boot: BootId, method: Method, now: Instant) {
        self.attempts += 1;
        let attempt = self.attempts;
        if let Some(target) = self.targets.get_mut(&node) {
            target.work = Work::Asked {
                attempt,
                method,
                since: now,
            };
        }
        self.outputs.push_back(Output::Fence {
            attempt,
            target: node,
            boot,
            method,
        });
    }

    pub(super) fn ask(
        &mut self,
        arbiter: &Arbiter,
        facts: &Facts,
        situation: &Situation,
        now: Instant,
    ) {
        let ask = Ask {
            lineage: facts.lineage,
            term: facts.term + 1,
            candidate: facts.me,
            run: facts.run,
            voters: facts.voters.clone(),
            rest: Half::rest_of(facts, situation),
            weight: facts.weight,
            led_term: facts.led_term,
        };
        let place = self.asking.iter().position(|a| a.arbiter == *arbiter);
        let place = place.unwrap_or_else(|| {
            self.asking.push(Asking::new(*arbiter, ask.clone(), now));
            self.asking.len() - 1
        });
        let asking = &mut self.asking[place];
        asking.renew(ask, now);
        if let Some(number) = asking.next_send(self.asks, now) {
            self.asks = self.asks.max(number);
            self.outputs.push_back(Output::AskGrant {
                arbiter: *arbiter,
                number,
                ask: asking.ask.clone(),
            });
        }
        if let Some((waits, until)) = asking.waits() {
            self.waits.push(waits);
            self.wake(until);
        }
    }
}

/// An arbiter that is asked.
#[derive(Debug, Clone, Hash)]
pub(super) struct Asking {
    arbiter: Arbiter,
    ask: Ask,
    /// Since when there is no answer.
    since: Instant,
    /// In a row.
    refusals: u32,
    step: Step,
}

#[derive(Debug, Clone, Copy, Hash)]
enum Step {
    /// To be sent under a new number.
    New,
    /// Sent under this number, again at that time.
    Sent { number: u64, again_at: Instant },
    /// Its vote is ours, for the term of the ask.
    Granted,
    /// The other half is preferred.
    Preference { until: Instant },
    /// Somebody else has the vote.
    Refused { to: NodeId, until: Instant },
    /// The arbiter will never grant this; asked again now and then, as facts may change.
    Outdated { until: Instant },
}

impl Asking {
    fn new(arbiter: Arbiter, ask: Ask, now: Instant) -> Self {
        Self {
            arbiter,
            ask,
            since: now,
            refusals: 0,
            step: Step::New,
        }
    }

    pub(super) fn arbiter(&self) -> &Arbiter {
        &self.arbiter
    }

    pub(super) fn is_sent(&self, asked: u64) -> bool {
        match self.step {
            Step::Sent { number, .. } => number == asked,
            Step::New
            | Step::Granted
            | Step::Preference { .. }
            | Step::Refused { .. }
            | Step::Outdated { .. } => false,
        }
    }

    pub(super) fn handle_answer(&mut self, answer: Answer, now: Instant) {
        self.since = now;
        let refused_until = now + doubled(REFUSED_PAUSE, self.refusals, REFUSED_PAUSE_MAX);
        self.step = match answer {
            Answer::Granted { lineage, term }
                if (lineage, term) == (self.ask.lineage, self.ask.term) =>
            {
                Step::Granted
            }
            Answer::Granted { .. } => return,
            Answer::Wait { span } => Step::Preference { until: now + span },
            Answer::Refused { to, term: _ } => {
                self.refusals = self.refusals.saturating_add(1);
                Step::Refused {
                    to,
                    until: refused_until,
                }
            }
            Answer::Outdated | Answer::Invalid { .. } => {
                self.refusals = self.refusals.saturating_add(1);
                Step::Outdated {
                    until: refused_until,
                }
            }
        };
    }

    /// A grant, and an answer, count for one lineage, term and half. Weights and the last
    /// leader's term may change without asking anew.
    fn renew(&mut self, ask: Ask, now: Instant) {
        let of = |ask: &Ask| (ask.lineage, ask.term, ask.voters.clone(), ask.rest.clone());
        if of(&ask) != of(&self.ask) {
            self.step = Step::New;
            self.since = now;
        }
        self.ask = ask;
    }

    /// The number to send it under now, when it is time.
    fn next_send(&mut self, last: u64, now: Instant) -> Option<u64> {
        let number = match self.step {
            Step::New => last + 1,
            Step::Sent { number, again_at } if again_at <= now => number,
            Step::Preference { until } | Step::Refused { until, .. } | Step::Outdated { until }
                if until <= now =>
            {
                last + 1
            }
            Step::Sent { .. }
            | Step::Granted
            | Step::Preference { .. }
            | Step::Refused { .. }
            | Step::Outdated { .. } => return None,
        };
        self.step = Step::Sent {
            number,
            again_at: now + ASK_AGAIN_AFTER,
        };
        Some(number)
    }

    /// What is waited for, and until when at the latest; none when granted.
    fn waits(&self) -> Option<(Waits, Instant)> {
        let arbiter = self.arbiter;
        match self.step {
            Step::Granted => None,
            Step::New => unreachable!("it was just sent"),
            Step::Sent { again_at, .. } => Some((
                Waits::Arbiter {
                    arbiter,
                    since: self.since,
                },
                again_at,
            )),
            Step::Preference { until } => Some((Waits::Preference { arbiter, until }, until)),
            Step::Refused { to, until } => Some((
                Waits::Refused {
                    arbiter,
                    to,
                    retry_at: until,
                },
                until,
            )),
            Step::Outdated { until } => Some((Waits::Outdated { arbiter }, until)),
        }
    }
}
