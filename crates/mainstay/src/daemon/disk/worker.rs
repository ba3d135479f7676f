//! The thread that owns one disk witness. A read or write takes as long as the device likes,
//! so all of them happen here, and nobody waits for this thread.
//!
//! ```text
//!   each POLL:  header ─► own box ─► beat ─► beats and ballots of all  ─► Box, Answers | Silent
//!   an ask:     what quorum::disk::Ballots says, one read or write at a time ─► Answer
//! ```
//!
//! A write that failed may still take effect, on some storage much later. After such a write
//! of the ballot this run votes no more: what it would read and write next could be undone.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use host::clock;
use host::shared_disk::{SharedDisk, WitnessDisk};
use model::{BootId, Instant, Lineage, NodeId, WitnessId};
use quorum::arbiter::{Answer, Ask, Grant};
use quorum::disk::{
    Ballot, Ballots, Beat, Content, HEARD_FOR, Header, Output, POLL, Pill, PillReason, SLOTS_MAX,
    Slot, newest,
};
use quorum::race::Turn;
use tokio::sync::oneshot;

/// What the thread must know.
pub struct Settings {
    pub path: PathBuf,
    pub cluster: [u8; 16],
    pub mark: u64,
    pub me: NodeId,
    pub boot: BootId,
    pub run: u64,
    /// Where this node's slots are.
    pub place: u16,
}

/// What it is asked to do.
pub enum Order {
    /// The members' places, and how long the lease still runs.
    Told {
        places: BTreeMap<NodeId, u16>,
        lease_left: Duration,
    },
    /// The half wants the vote.
    Ask {
        number: u64,
        ask: Box<Ask>,
        turn: Turn,
    },
    /// The boot at this place must end; the pill that lies there afterwards is the answer.
    Poison {
        place: u16,
        boot: BootId,
        reply: oneshot::Sender<Result<Laid, String>>,
    },
    /// What lies there now.
    Look {
        place: u16,
        reply: oneshot::Sender<Result<Option<Laid>, String>>,
    },
}

/// A pill that lies in a box. Whoever finds the same sequence later knows that it lay there all
/// the time: each write has a higher one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Laid {
    pub boot: BootId,
    pub sequence: u64,
    pub by: NodeId,
}

/// What it tells.
#[derive(Debug)]
pub enum News {
    /// The box was read, by a read that began then.
    Box { pill: Option<Pill>, began: Instant },
    /// The disk works and can vote.
    Answers(Seen),
    /// It does not, and why.
    Silent(String),
    /// What came of an ask.
    Answer { number: u64, answer: Answer },
}

/// What a look at the disk has shown.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Who reaches it.
    pub hears: BTreeSet<NodeId>,
    /// How long the look took.
    pub took: Duration,
    /// The newest vote that is written there.
    pub granted: Option<(Lineage, Grant)>,
}

type Tell = Box<dyn Fn(News) + Send>;

/// The thread's own.
pub struct Worker {
    settings: Settings,
    orders: Receiver<Order>,
    tell: Tell,
    disk: Option<WitnessDisk>,
    ballots: Ballots,
    /// Why this run votes no more.
    broken: Option<String>,
    places: BTreeMap<NodeId, u16>,
    lease_left: Duration,
    counter: u64,
    /// Run and counter of the last beat of each node, and when it changed.
    beats: BTreeMap<NodeId, ((BootId, u64, u64), Instant)>,
    obeys: Option<BootId>,
}

impl Worker {
    pub fn new(settings: Settings, orders: Receiver<Order>, tell: Tell) -> Self {
        // Every place, so that no vote of a node that came a moment ago is missed.
        let ballots = Ballots::at(settings.place, (0..SLOTS_MAX).collect());
        Self {
            settings,
            orders,
            tell,
            disk: None,
            ballots,
            broken: None,
            places: BTreeMap::new(),
            lease_left: Duration::ZERO,
            counter: 0,
            beats: BTreeMap::new(),
            obeys: None,
        }
    }

    /// Until nobody gives orders any more.
    pub fn run(mut self) {
        let mut due = clock::now();
        loop {
            let until = self.ballots.next_deadline().map_or(due, |at| at.min(due));
            let wait = until.saturating_duration_since(clock::now());
            match self.orders.recv_timeout(wait) {
                Ok(order) => self.take(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if due <= clock::now() {
                self.poll();
                due = clock::now() + POLL;
            }
            self.ballots.handle_timeout(clock::now());
            self.vote();
        }
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Told { places, lease_left } => {
                self.places = places;
                self.lease_left = lease_left;
            }
            Order::Ask { number, ask, turn } => {
                if self.broken.is_none() {
                    self.ballots.handle_ask(number, *ask, turn, clock::now());
                }
            }
            Order::Poison { place, boot, reply } => {
                // Whoever asked may have given up; the pill lies there then, and harms nobody else.
                let _gone = reply.send(self.poison(place, boot));
            }
            Order::Look { place, reply } => {
                let found = self.open().and_then(|disk| {
                    let found = pill_at(disk, place)?;
                    Ok(found.and_then(|(laid, _)| laid))
                });
                let _gone = reply.send(found);
            }
        }
    }

    fn poll(&mut self) {
        let began = clock::now();
        let seen = self.look_around(began);
        match (seen, &self.broken) {
            (Err(why), _) => {
                // Opened again next time: paths come back as other devices.
                self.disk = None;
                (self.tell)(News::Silent(why));
            }
            (Ok(_), Some(why)) => (self.tell)(News::Silent(why.clone())),
            (Ok(seen), None) => (self.tell)(News::Answers(seen)),
        }
    }

    fn look_around(&mut self, began: Instant) -> Result<Seen, String> {
        let (me, place) = (self.settings.me, self.settings.place);
        let disk = self.open()?;
        let found = pill_at(disk, place)?.ok_or("the box of this node is damaged")?;
        let pill = found.1;
        let boot = self.settings.boot;
        if pill.is_some_and(|pill| pill.target == boot) {
            self.obeys = Some(boot);
        }
        (self.tell)(News::Box { pill, began });
        self.beat()?;
        let places = self.places.clone();
        let disk = self.open()?;
        let mut newest_ballot: Option<Ballot> = None;
        let mut heard = Vec::new();
        for (node, place) in &places {
            if let Some(beat) = beat_at(disk, *place)? {
                heard.push((*node, (beat.boot, beat.run, beat.counter)));
            }
            let ballot = ballot_at(disk, *place)?;
            let rank = |ballot: &Ballot| {
                (
                    ballot.lineage,
                    ballot.instance,
                    ballot.accepted.map(|a| a.0),
                )
            };
            newest_ballot = newest_ballot.into_iter().chain(ballot).max_by_key(rank);
        }
        let now = clock::now();
        for (node, beat) in heard {
            let known = self.beats.entry(node).or_insert((beat, Instant::ZERO));
            if known.0 != beat {
                *known = (beat, now);
            }
        }
        let is_new = |at: &Instant| now < *at + HEARD_FOR;
        let others = self.beats.iter().filter(|(_, (_, at))| is_new(at));
        Ok(Seen {
            hears: others.map(|(node, _)| *node).chain([me]).collect(),
            took: now.saturating_duration_since(began),
            granted: newest_ballot.and_then(|ballot| Some((ballot.lineage, ballot.accepted?.1))),
        })
    }

    fn beat(&mut self) -> Result<(), String> {
        self.counter += 1;
        let beat = Beat {
            node: self.settings.me,
            boot: self.settings.boot,
            run: self.settings.run,
            counter: self.counter,
            lease_left: u64::try_from(self.lease_left.as_millis()).unwrap_or(u64::MAX),
            obeys: self.obeys,
        };
        let slot = slot(Content::Beat, self.settings.place);
        let disk = self.open()?;
        disk.write(slot, &beat.encode()).map_err(said)
    }

    /// The disk, which is still the one that was added.
    fn open(&mut self) -> Result<&WitnessDisk, String> {
        let disk = match self.disk.take() {
            Some(disk) => disk,
            None => WitnessDisk::new(SharedDisk::open(&self.settings.path).map_err(said)?),
        };
        require_ours(&disk, self.settings.cluster, WitnessId(self.settings.mark))?;
        Ok(self.disk.insert(disk))
    }

    /// Does what the vote wants, until it waits. Each turn is one read or write of the device,
    /// and the vote pauses after each conflict.
    fn vote(&mut self) {
        while let Some(output) = self.ballots.poll_output() {
            match output {
                Output::Read { ticket } => {
                    let read = self
                        .open()
                        .and_then(|disk| disk.all_ballots().map_err(said));
                    match read {
                        Ok(read) => self.ballots.handle_read(ticket, &read, clock::now()),
                        // A read that failed has no effect, now or later.
                        Err(_told_by_the_poll) => {
                            self.ballots.handle_failed(ticket, clock::now());
                        }
                    }
                }
                Output::Write {
                    ticket,
                    place,
                    copy,
                    bytes,
                } => {
                    let Some(disk) = &self.disk else {
                        self.ballots.handle_failed(ticket, clock::now());
                        continue;
                    };
                    match disk.write_ballot(place, copy, &bytes) {
                        Ok(()) => self.ballots.handle_written(ticket, clock::now()),
                        Err(error) => self.end_votes(&error),
                    }
                }
                Output::Answer { number, answer } => (self.tell)(News::Answer { number, answer }),
                Output::Damaged { place } => {
                    self.broken = Some(format!(
                        "the ballot at place {place} is damaged: remove this witness, and prepare the disk anew"
                    ));
                }
            }
        }
    }

    fn end_votes(&mut self, error: &io::Error) {
        self.ballots.handle_dropped();
        self.broken = Some(format!(
            "a vote could not be written ({error}) and may appear later, so this run votes there no more; \
             start the daemon again once the storage works"
        ));
    }

    /// A pill for the same boot that lies there already says the same: it stays.
    fn poison(&mut self, place: u16, boot: BootId) -> Result<Laid, String> {
        let by = self.settings.me;
        let disk = self.open()?;
        let beat =
            beat_at(disk, place)?.ok_or("it was never seen on the disk, so it reads no pill")?;
        if beat.boot != boot {
            return Err("its last sign on the disk is of another boot".to_string());
        }
        let damaged = "its box is damaged";
        if let Some(laid) = pill_at(disk, place)?.ok_or(damaged)?.0
            && laid.boot == boot
        {
            return Ok(laid);
        }
        let pill = Pill {
            target: boot,
            by,
            why: PillReason::Fence,
        };
        disk.write(slot(Content::Box, place), &pill.encode())
            .map_err(said)?;
        // Somebody else may have written at the same moment.
        let laid = pill_at(disk, place)?.ok_or(damaged)?.0;
        laid.filter(|laid| laid.boot == boot)
            .ok_or_else(|| "another node wrote into its box at the same time".to_string())
    }
}

fn slot(content: Content, place: u16) -> Slot {
    Slot { content, place }
}

fn said(error: impl ToString) -> String {
    error.to_string()
}

/// None: damaged. Inside: what was laid, if anything was, and the same as the target reads it.
#[allow(
    clippy::type_complexity,
    reason = "two views of one slot, used here only"
)]
fn pill_at(disk: &WitnessDisk, place: u16) -> Result<Option<(Option<Laid>, Option<Pill>)>, String> {
    let found = disk.read(slot(Content::Box, place)).map_err(said)?;
    Ok(found.map(|found| {
        let pill = Pill::decode(&found.body);
        let laid = pill.map(|pill| Laid {
            boot: pill.target,
            sequence: found.sequence,
            by: pill.by,
        });
        (laid, pill)
    }))
}

fn beat_at(disk: &WitnessDisk, place: u16) -> Result<Option<Beat>, String> {
    let found = disk.read(slot(Content::Beat, place)).map_err(said)?;
    Ok(found.and_then(|found| Beat::decode(&found.body)))
}

/// A ballot that is damaged is an error: the vote cannot be used then.
fn ballot_at(disk: &WitnessDisk, place: u16) -> Result<Option<Ballot>, String> {
    let slot = slot(Content::Ballot, place);
    let copies = disk.ballots(&[place]).map_err(said)?;
    let [first, second] = copies.get(&place).ok_or("a ballot is missing")?;
    let found = newest(slot, [first, second]).ok_or("a ballot is damaged")?;
    Ok(Ballot::decode(&found.body))
}

/// Whether these are the sectors that were added, and not prepared anew since.
pub fn require_ours(disk: &WitnessDisk, cluster: [u8; 16], mark: WitnessId) -> Result<(), String> {
    match header_of(disk)? {
        None => Err("it carries no name: it was prepared anew".to_string()),
        Some(header) if header.cluster != cluster => {
            Err("it belongs to another cluster".to_string())
        }
        Some(header) if header.witness != mark => {
            Err("it was prepared and added anew as another witness".to_string())
        }
        Some(_) => Ok(()),
    }
}

/// Whose it is; none when it was prepared and never added.
pub fn header_of(disk: &WitnessDisk) -> Result<Option<Header>, String> {
    let found = disk.read(slot(Content::Header, 0)).map_err(said)?;
    let found = found.ok_or("it is not prepared: `mainstay witness prepare PATH`")?;
    if found.body.is_empty() {
        return Ok(None);
    }
    let header = Header::decode(&found.body).ok_or("its header cannot be read")?;
    Ok(Some(header))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use host::shared_disk::{Forget, prepare};

    use super::*;

    /// Longer than any wait here on a loaded machine.
    const LIMIT: Duration = Duration::from_secs(20);
    const CLUSTER: [u8; 16] = [4; 16];
    const MARK: u64 = 77;

    fn prepared() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("disk");
        std::fs::write(&path, []).unwrap();
        name(&path, Forget::Nothing, MARK);
        (dir, path)
    }

    fn name(path: &std::path::Path, forget: Forget, mark: u64) {
        let disk = SharedDisk::open(path).unwrap();
        prepare(&disk, forget).unwrap();
        let header = Header {
            cluster: CLUSTER,
            witness: WitnessId(mark),
            slots: BTreeMap::new(),
        };
        let slot = slot(Content::Header, 0);
        WitnessDisk::new(disk)
            .write(slot, &header.encode())
            .unwrap();
    }

    fn boot(id: u64) -> BootId {
        BootId([u8::try_from(id).unwrap(); 16])
    }

    /// The thread of node 1 or 2, and what it tells.
    fn node(
        path: &std::path::Path,
        id: u64,
    ) -> (std::sync::mpsc::SyncSender<Order>, Receiver<News>) {
        let settings = Settings {
            path: path.to_path_buf(),
            cluster: CLUSTER,
            mark: MARK,
            me: NodeId(id),
            boot: boot(id),
            run: 1,
            place: u16::try_from(id).unwrap(),
        };
        let (orders, received) = std::sync::mpsc::sync_channel(8);
        let (sender, news): (Sender<News>, _) = channel();
        let tell = Box::new(move |one| drop(sender.send(one)));
        let worker = Worker::new(settings, received, tell);
        std::thread::spawn(move || worker.run());
        let places = [(NodeId(1), 1), (NodeId(2), 2)].into();
        let lease_left = Duration::ZERO;
        orders.send(Order::Told { places, lease_left }).unwrap();
        (orders, news)
    }

    fn until<T>(news: &Receiver<News>, wanted: impl Fn(News) -> Option<T>) -> T {
        let end = clock::now() + LIMIT;
        while clock::now() < end {
            if let Ok(one) = news.recv_timeout(LIMIT)
                && let Some(found) = wanted(one)
            {
                return found;
            }
        }
        panic!("nothing of the kind was told");
    }

    fn hears_both(news: &Receiver<News>) {
        let both: BTreeSet<NodeId> = [NodeId(1), NodeId(2)].into();
        until(news, |one| match one {
            News::Answers(seen) if seen.hears == both => Some(()),
            News::Silent(why) => panic!("{why}"),
            News::Answers(_) | News::Box { .. } | News::Answer { .. } => None,
        });
    }

    fn ask(id: u64) -> Order {
        let lineage = Lineage {
            generation: 1,
            maker: NodeId(1),
            random: 9,
        };
        Order::Ask {
            number: 1,
            ask: Box::new(Ask {
                lineage,
                term: 5,
                led_term: 3,
                candidate: NodeId(id),
                run: 1,
                voters: [NodeId(1), NodeId(2)].into(),
                rest: [NodeId(id)].into(),
                weight: 1,
            }),
            turn: Turn::First,
        }
    }

    fn answer(news: &Receiver<News>) -> Answer {
        until(news, |one| match one {
            News::Answer { number: 1, answer } => Some(answer),
            News::Answer { .. } | News::Box { .. } | News::Answers(_) | News::Silent(_) => None,
        })
    }

    #[test]
    fn nodes_see_each_other_on_the_disk_and_one_of_two_gets_the_vote() {
        let (_dir, path) = prepared();
        let ((first, told), (second, told_too)) = (node(&path, 1), node(&path, 2));
        hears_both(&told);
        hears_both(&told_too);
        first.send(ask(1)).unwrap();
        second.send(ask(2)).unwrap();
        let granted = |answer: Answer| matches!(answer, Answer::Granted { .. });
        let all = [answer(&told), answer(&told_too)];
        assert_eq!(
            all.into_iter().filter(|one| granted(*one)).count(),
            1,
            "{all:?}"
        );
    }

    #[test]
    fn a_pill_is_read_by_its_boot_and_lies_there_under_one_number() {
        let (_dir, path) = prepared();
        let ((first, _told), (_second, told_too)) = (node(&path, 1), node(&path, 2));
        hears_both(&told_too);
        let poison = |boot| {
            let (reply, answer) = oneshot::channel();
            first
                .send(Order::Poison {
                    place: 2,
                    boot,
                    reply,
                })
                .unwrap();
            answer.blocking_recv().unwrap()
        };
        let refused = poison(boot(9)).unwrap_err();
        assert_eq!(refused, "its last sign on the disk is of another boot");
        let laid = poison(boot(2)).unwrap();
        assert_eq!(
            poison(boot(2)).unwrap(),
            laid,
            "what lies there is not written again"
        );
        until(&told_too, |one| match one {
            News::Box { pill, .. } => pill.filter(|pill| pill.target == boot(2)).map(drop),
            News::Answers(_) | News::Silent(_) | News::Answer { .. } => None,
        });
    }

    #[test]
    fn a_disk_that_was_prepared_anew_is_not_used() {
        let (_dir, path) = prepared();
        let (_first, told) = node(&path, 1);
        until(&told, |one| match one {
            News::Answers(_) => Some(()),
            News::Box { .. } | News::Silent(_) | News::Answer { .. } => None,
        });
        name(&path, Forget::Witness, MARK + 1);
        let why = until(&told, |one| match one {
            News::Silent(why) if !why.contains("carries no name") => Some(why),
            News::Silent(_) | News::Answers(_) | News::Box { .. } | News::Answer { .. } => None,
        });
        assert_eq!(why, "it was prepared and added anew as another witness");
    }
}
