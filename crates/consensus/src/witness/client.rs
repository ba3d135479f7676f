//! A node's side: a task that tells the witness four times a second that the node is there,
//! carries its asks for the vote, and tells the control loop what the witness says.
//!
//! ```text
//!   tell(Told), ask(number, Ask) ──► task ──► UDP ──► witness
//!   Notice::{Reachable, Silent, Answer} ◄── task ◄──┘
//! ```
//!
//! Nothing is decided here. An ask goes out at once and again every [`ASK_EVERY`] until it is
//! answered or [`ASK_FOR`] has passed: what is repeated has the same meaning (lineage, term,
//! candidate, run), so the witness gives the same answer.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::{Lineage, NodeId, WitnessId};
use quorum::arbiter::{Answer as Word, Ask, Invalid};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use wire::heartbeat::Origin;
use wire::peer::ClusterId;
use wire::witness::seal::{NodeSeal, WitnessKey};
use wire::witness::{ANSWER_BYTES, Answer, Granted, Mark, Request, Verdict, Want};

/// Between two pings: a witness that is gone is noticed within a second, at four small
/// packets a second.
pub const PING_EVERY: Duration = Duration::from_millis(250);

/// Between two sendings of one ask: above the round trip to another site, and three are lost
/// within what a person would notice.
pub const ASK_EVERY: Duration = Duration::from_millis(100);

/// How long one ask is repeated. Whoever asks has limits of its own that are shorter.
pub const ASK_FOR: Duration = Duration::from_secs(5);

/// A witness that has said nothing for so long is silent: four pings in a row are lost.
pub const SILENT_AFTER: Duration = Duration::from_millis(1250);

/// Answers to pings that say nothing new are passed on this often.
pub const TELL_EVERY: Duration = Duration::from_secs(1);

/// Requests of which the time is kept to measure the round trip: those of a second or two.
const SENT_MAX: usize = 32;

/// Asks that wait for the task: one per arbiter is out at a time.
const ASKS_MAX: usize = 16;

/// Between two farewells to a witness that was taken out.
const DISMISS_EVERY: Duration = Duration::from_millis(200);

/// Farewells that are sent, a second's worth: a witness that is down keeps a file of some
/// kilobytes, which is no harm, and none may arrive when somebody has added it anew.
const DISMISS_TIMES: u32 = 5;

/// The witness, and who speaks to it.
#[derive(Debug, Clone)]
pub struct WitnessPeer {
    /// Names it in the log's configuration.
    pub id: WitnessId,
    /// Where it listens.
    pub address: SocketAddr,
    /// What the cluster and it share.
    pub key: WitnessKey,
    /// This cluster.
    pub cluster: ClusterId,
    /// This run of this node's daemon.
    pub me: Origin,
}

/// What a node tells with each ping.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// The history that it follows.
    pub lineage: Lineage,
    /// The term that it knows.
    pub term: u64,
    /// What runs here (`quorum::race::weight`).
    pub weight: u64,
    /// All members, marked where this node hears them.
    pub members: BTreeMap<NodeId, Mark>,
}

/// What the task tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The witness answers.
    Reachable {
        /// Which.
        id: WitnessId,
    },
    /// It has not answered for [`SILENT_AFTER`].
    Silent {
        /// Which.
        id: WitnessId,
    },
    /// It has answered a ping: told when what it hears has changed, and each [`TELL_EVERY`].
    Heard {
        /// Which.
        id: WitnessId,
        /// The members that it hears.
        hears: BTreeSet<NodeId>,
    },
    /// An ask was answered.
    Answer {
        /// Which witness.
        id: WitnessId,
        /// The asker's own number of the ask.
        number: u64,
        /// What it said.
        answer: Word,
    },
}

/// How a witness is seen from this node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkView {
    /// How long ago it answered last; none: never in this run.
    pub answered_ago: Option<Duration>,
    /// The last measured round trip.
    pub round_trip: Option<Duration>,
    /// The newest vote that it gave in this cluster.
    pub granted: Option<Granted>,
    /// The members that it hears.
    pub hears: BTreeSet<NodeId>,
}

#[derive(Debug, Default)]
struct Shared {
    answered: Option<Instant>,
    view: LinkView,
}

/// The way to a witness. Its drop ends the task.
#[derive(Debug)]
pub struct WitnessLink {
    peer: WitnessPeer,
    told: watch::Sender<Told>,
    asks: mpsc::Sender<(u64, Ask)>,
    shared: Arc<Mutex<Shared>>,
    task: JoinHandle<()>,
}

impl Drop for WitnessLink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl WitnessLink {
    /// Starts the task on the present runtime. `notices` must not be waited for by whoever
    /// calls: what does not fit is dropped, and told again by the next answer.
    #[must_use]
    pub fn start(peer: WitnessPeer, notices: impl Fn(Notice) + Send + Sync + 'static) -> Self {
        let (told, telling) = watch::channel(Told::default());
        let (asks, asked) = mpsc::channel(ASKS_MAX);
        let shared = Arc::new(Mutex::new(Shared::default()));
        let task = Task {
            seal: NodeSeal::new(&peer.key, peer.cluster, peer.me),
            peer: peer.clone(),
            telling,
            asked,
            notices: Box::new(notices),
            shared: Arc::clone(&shared),
            counter: 0,
            sent: BTreeMap::new(),
            asking: None,
            heard: Hearing::Unknown,
            told_at: None,
            started: Instant::now(),
        };
        let task = tokio::spawn(task.run());
        Self {
            peer,
            told,
            asks,
            shared,
            task,
        }
    }

    /// Which witness.
    #[must_use]
    pub fn peer(&self) -> &WitnessPeer {
        &self.peer
    }

    /// What the next pings carry.
    pub fn tell(&self, told: Told) {
        self.told.send_if_modified(|known| {
            let is_new = *known != told;
            *known = told;
            is_new
        });
    }

    /// Asks for the vote. A later ask replaces an earlier one.
    pub fn ask(&self, number: u64, ask: Ask) {
        // A full queue means that the task is stuck; whoever asks does so again.
        let _ = self.asks.try_send((number, ask));
    }

    /// How the witness is seen from here.
    #[must_use]
    pub fn view(&self) -> LinkView {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        LinkView {
            answered_ago: shared.answered.map(|at| at.elapsed()),
            ..shared.view.clone()
        }
    }
}

/// Tells a witness that its cluster has taken it out, and whether it has understood. Whoever
/// calls has seen the removal committed.
pub async fn dismiss(peer: &WitnessPeer) -> bool {
    let Ok(socket) = bind(peer.address).await else {
        return false;
    };
    let mut seal = NodeSeal::new(&peer.key, peer.cluster, peer.me);
    let request = Request {
        want: Want::Forget,
        ..Request::default()
    };
    let mut packet = [0; ANSWER_BYTES + 1];
    // The first may only bring the session.
    for counter in 1..=u64::from(DISMISS_TIMES) {
        let mut bytes = Vec::new();
        seal.seal(counter, &request, &mut bytes);
        let again_at = Instant::now() + DISMISS_EVERY;
        // An error is that of an earlier one that met a closed port: it may open again.
        let _ = socket.try_send(&bytes);
        let receiving = tokio::time::timeout_at(again_at, socket.recv(&mut packet));
        match receiving.await {
            Ok(Ok(length)) => {
                let answer = seal.open(&mut packet[..length]);
                if answer.is_ok_and(|answer| answer.verdict == Verdict::Forgotten) {
                    return true;
                }
            }
            Ok(Err(_)) => sleep_until(again_at).await,
            Err(_late) => {}
        }
    }
    false
}

/// Whether the witness was told to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hearing {
    Unknown,
    Reachable,
    Silent,
}

/// An ask that is not answered yet.
struct Asking {
    number: u64,
    ask: Ask,
    next: Instant,
    until: Instant,
}

/// What was sent, by its counter.
struct Sent {
    at: Instant,
    /// The ask that it carried.
    number: Option<u64>,
    members: Vec<NodeId>,
}

struct Task {
    peer: WitnessPeer,
    seal: NodeSeal,
    telling: watch::Receiver<Told>,
    asked: mpsc::Receiver<(u64, Ask)>,
    notices: Box<dyn Fn(Notice) + Send + Sync>,
    shared: Arc<Mutex<Shared>>,
    counter: u64,
    /// At most [`SENT_MAX`].
    sent: BTreeMap<u64, Sent>,
    asking: Option<Asking>,
    heard: Hearing,
    /// When an answer to a ping was passed on last.
    told_at: Option<Instant>,
    started: Instant,
}

impl Task {
    async fn run(mut self) {
        let mut socket = None;
        let mut ping = Instant::now();
        let mut packet = [0; ANSWER_BYTES + 1];
        // Ends with the link, which aborts it.
        loop {
            let now = Instant::now();
            if socket.is_none() {
                socket = bind(self.peer.address).await.ok();
            }
            if ping <= now {
                ping = now + PING_EVERY;
                self.note_silence(now);
                let request = self.ping();
                self.send(socket.as_ref(), request, None);
            }
            self.repeat_ask(socket.as_ref(), now);
            let next = self
                .asking
                .as_ref()
                .map_or(ping, |asking| asking.next.min(ping));
            tokio::select! {
                () = sleep_until(next) => {}
                Some((number, ask)) = self.asked.recv() => {
                    let now = Instant::now();
                    self.asking = Some(Asking { number, ask, next: now, until: now + ASK_FOR });
                }
                received = receive(socket.as_ref(), &mut packet) => match received {
                    Ok(length) => self.take(&mut packet[..length], socket.as_ref()),
                    // An address that went, a port that nobody has: the next ping tries anew.
                    Err(error) => {
                        tracing::debug!(%error, "the witness cannot be spoken to");
                        socket = None;
                        sleep_until(ping.min(Instant::now() + ASK_EVERY)).await;
                    }
                },
            }
        }
    }

    fn ping(&self) -> Request {
        let told = self.telling.borrow();
        Request {
            want: Want::Ping,
            lineage: told.lineage,
            term: told.term,
            weight: told.weight,
            nodes: told.members.clone(),
            ..Request::default()
        }
    }

    fn repeat_ask(&mut self, socket: Option<&UdpSocket>, now: Instant) {
        let Some(asking) = &mut self.asking else {
            return;
        };
        if asking.until <= now {
            self.asking = None;
            return;
        }
        if now < asking.next {
            return;
        }
        asking.next = now + ASK_EVERY;
        let (number, request) = (asking.number, grant(&asking.ask));
        self.send(socket, request, Some(number));
    }

    fn send(&mut self, socket: Option<&UdpSocket>, request: Request, number: Option<u64>) {
        let Some(socket) = socket else { return };
        self.counter += 1;
        let mut bytes = Vec::new();
        self.seal.seal(self.counter, &request, &mut bytes);
        while SENT_MAX <= self.sent.len() {
            self.sent.pop_first();
        }
        let sent = Sent {
            at: Instant::now(),
            number,
            members: request.nodes.into_keys().collect(),
        };
        self.sent.insert(self.counter, sent);
        if let Err(error) = socket.try_send(&bytes) {
            tracing::debug!(%error, "nothing was sent to the witness");
        }
    }

    fn take(&mut self, packet: &mut [u8], socket: Option<&UdpSocket>) {
        let Ok(answer) = self.seal.open(packet) else {
            return;
        };
        // What answers nothing that was asked of late is late, or a replay.
        let Some(sent) = self.sent.remove(&answer.echo) else {
            return;
        };
        if answer.verdict == Verdict::Unknown {
            // It asks who we are: the same again, in the session that it named.
            match (&mut self.asking, sent.number) {
                (Some(asking), Some(_)) => asking.next = Instant::now(),
                (Some(_) | None, _) => {
                    let request = self.ping();
                    self.send(socket, request, None);
                }
            }
            return;
        }
        self.note_answer(&answer, &sent);
        let word = word(answer.verdict);
        if let (Some(number), Some(answer)) = (sent.number, word) {
            let is_open = self
                .asking
                .as_ref()
                .is_some_and(|asking| asking.number == number);
            if is_open {
                self.asking = None;
                let id = self.peer.id;
                (self.notices)(Notice::Answer { id, number, answer });
            }
        }
    }

    fn note_answer(&mut self, answer: &Answer, sent: &Sent) {
        let (now, id) = (Instant::now(), self.peer.id);
        let mut news = None;
        {
            let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            shared.answered = Some(now);
            shared.view.round_trip = Some(now.duration_since(sent.at));
            if let Verdict::Heard { granted, heard } = answer.verdict {
                let hears: BTreeSet<NodeId> = sent
                    .members
                    .iter()
                    .enumerate()
                    .filter(|(at, _)| heard & (1 << at) != 0)
                    .map(|(_, node)| *node)
                    .collect();
                let is_due = self.told_at.is_none_or(|at| at + TELL_EVERY <= now);
                if is_due || hears != shared.view.hears {
                    news = Some(hears.clone());
                }
                shared.view.granted = granted;
                shared.view.hears = hears;
            }
        }
        if self.heard != Hearing::Reachable {
            self.heard = Hearing::Reachable;
            (self.notices)(Notice::Reachable { id });
        }
        if let Some(hears) = news {
            self.told_at = Some(now);
            (self.notices)(Notice::Heard { id, hears });
        }
    }

    fn note_silence(&mut self, now: Instant) {
        let answered = {
            let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            shared.answered.unwrap_or(self.started)
        };
        if self.heard != Hearing::Silent && SILENT_AFTER <= now.duration_since(answered) {
            self.heard = Hearing::Silent;
            (self.notices)(Notice::Silent { id: self.peer.id });
        }
    }
}

fn grant(ask: &Ask) -> Request {
    let mark = |node: &NodeId| match ask.rest.contains(node) {
        true => Mark::Yes,
        false => Mark::No,
    };
    Request {
        want: Want::Grant,
        lineage: ask.lineage,
        term: ask.term,
        led_term: ask.led_term,
        weight: ask.weight,
        nodes: ask.voters.iter().map(|node| (*node, mark(node))).collect(),
        ..Request::default()
    }
}

/// What a verdict means to whoever asked; none: it answers no ask.
fn word(verdict: Verdict) -> Option<Word> {
    Some(match verdict {
        Verdict::Unknown | Verdict::Heard { .. } | Verdict::Forgotten => return None,
        Verdict::Granted { lineage, term } => Word::Granted { lineage, term },
        Verdict::Refused { to, term } => Word::Refused { to, term },
        Verdict::Wait { millis } => Word::Wait {
            span: Duration::from_millis(u64::from(millis)),
        },
        Verdict::Outdated => Word::Outdated,
        Verdict::Invalid { how } => Word::Invalid {
            because: match how {
                1 => Invalid::Voters,
                2 => Invalid::Candidate,
                3 => Invalid::NotHalf,
                _later => Invalid::Term,
            },
        },
    })
}

async fn bind(to: SocketAddr) -> io::Result<UdpSocket> {
    let any = match to {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(any).await?;
    // Only what comes from there is received, and a closed port is told.
    socket.connect(to).await?;
    // So that `try_send` knows from the start that it may.
    socket.writable().await?;
    Ok(socket)
}

async fn receive(socket: Option<&UdpSocket>, packet: &mut [u8]) -> io::Result<usize> {
    match socket {
        Some(socket) => socket.recv(packet).await,
        None => std::future::pending().await,
    }
}
