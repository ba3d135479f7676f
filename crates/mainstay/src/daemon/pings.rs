//! Ping targets: a small task for each address that the configuration names, and none where it
//! names none. What an answer is worth is the node's business, and it is worth little: it
//! is advice for the fence race.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use api::quorum::PingTarget;
use host::ping::Pinger;
use model::Instant;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use super::control::{Control, Input};

/// Between two echoes to one target: seldom enough for any router.
const ECHO_EVERY: Duration = Duration::from_secs(1);

/// In an even split the node wants to know now; a lost packet then costs so long.
const HURRIED_EVERY: Duration = Duration::from_millis(100);

/// A target that has not answered for so long is shown as silent: two echoes were lost in a
/// row, and a third one was sent.
const SILENT_AFTER: Duration = Duration::from_millis(2500);

/// After so many echoes without an answer a new socket is used: the old one keeps the source
/// address that it began with, which may be gone. At the hurried pace an answer then has at
/// least 0.8 s to come.
const REOPEN_AFTER: usize = 8;

/// All targets.
#[derive(Default)]
pub struct Pings(BTreeMap<IpAddr, Target>);

struct Target {
    task: JoinHandle<()>,
    hurry: Arc<Notify>,
    /// When the latest echo was sent that was answered.
    echoed: Option<Instant>,
}

impl Drop for Target {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A target has answered.
pub struct Echoed {
    target: IpAddr,
    sent: Instant,
}

impl Control {
    /// The configuration may name other targets.
    pub fn follow_ping_targets(&mut self) {
        let wanted = (self.node.state().spec()).map_or(Vec::new(), |spec| {
            let targets = spec.cluster.ping_targets.iter();
            targets.copied().collect::<Vec<IpAddr>>()
        });
        self.pings.0.retain(|address, _| wanted.contains(address));
        for target in wanted {
            let inputs = &self.inputs;
            let known = self.pings.0.entry(target);
            known.or_insert_with(|| begin(target, inputs.clone()));
        }
    }

    /// In a split that waits for an answer the targets are asked at once.
    pub fn hurry_pings(&self) {
        if self.node.wants_reach() {
            for target in self.pings.0.values() {
                target.hurry.notify_one();
            }
        }
    }

    /// A target has answered.
    pub fn take_echo(&mut self, echo: &Echoed, now: Instant) {
        let Some(target) = self.pings.0.get_mut(&echo.target) else {
            return;
        };
        target.echoed = target.echoed.max(Some(echo.sent));
        self.node.set_reach(echo.sent, now);
    }

    /// For people.
    pub fn ping_targets(&self, now: Instant) -> Vec<PingTarget> {
        let shown = |(address, target): (&IpAddr, &Target)| {
            let age = target.echoed.map(|at| now.saturating_duration_since(at));
            PingTarget {
                address: address.to_string(),
                answers: age.is_some_and(|age| age < SILENT_AFTER),
                echoed_ms: age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            }
        };
        self.pings.0.iter().map(shown).collect()
    }
}

fn begin(target: IpAddr, inputs: mpsc::Sender<Input>) -> Target {
    let hurry = Arc::new(Notify::new());
    let asker = Asker {
        target,
        inputs,
        hurry: Arc::clone(&hurry),
        sent: BTreeMap::new(),
        next: 0,
        trouble: Trouble::None,
    };
    Target {
        task: tokio::spawn(asker.run()),
        hurry,
        echoed: None,
    }
}

/// The task of one target.
struct Asker {
    target: IpAddr,
    inputs: mpsc::Sender<Input>,
    hurry: Arc<Notify>,
    /// Echoes by number, and when each was sent; at most [`REOPEN_AFTER`].
    sent: BTreeMap<u64, Instant>,
    next: u64,
    trouble: Trouble,
}

/// Whether the journal knows that the target cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    Told,
}

impl Asker {
    /// Until it is aborted, or the control loop has ended.
    async fn run(mut self) {
        let mut pinger = None;
        while !self.inputs.is_closed() {
            if REOPEN_AFTER <= self.sent.len() {
                pinger = None;
            }
            if pinger.is_none() {
                pinger = self.open();
            }
            let began = tokio::time::Instant::now();
            if let Some(open) = pinger.take() {
                pinger = self.ask(&open).then_some(open);
            }
            self.listen(&mut pinger, began).await;
        }
    }

    /// Warns once, until it works again: whoever configures a target counts on it.
    fn open(&mut self) -> Option<Pinger> {
        self.sent.clear();
        let opened = consensus::keys::random_bytes()
            .map_err(std::io::Error::other)
            .and_then(|nonce| Pinger::open(self.target, u64::from_le_bytes(nonce)));
        match (opened, self.trouble) {
            (Ok(pinger), _) => {
                self.trouble = Trouble::None;
                Some(pinger)
            }
            (Err(error), Trouble::None) => {
                self.trouble = Trouble::Told;
                tracing::warn!("ping target {} cannot be asked: {error}", self.target);
                None
            }
            (Err(_), Trouble::Told) => None,
        }
    }

    /// Sends one echo; false when the socket is of no use any more.
    fn ask(&mut self, pinger: &Pinger) -> bool {
        self.next += 1;
        // Before it is sent: it must not seem newer than it is.
        self.sent.insert(self.next, host::clock::now());
        match pinger.send(self.next) {
            Ok(()) => true,
            Err(error) => {
                tracing::debug!("ping target {}: {error}", self.target);
                false
            }
        }
    }

    /// Takes answers until the next echo is due.
    async fn listen(&mut self, pinger: &mut Option<Pinger>, began: tokio::time::Instant) {
        let mut due = began + ECHO_EVERY;
        loop {
            let answered = async {
                match pinger.as_ref() {
                    Some(open) => open.answered().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.hurry.notified() => due = due.min(began + HURRIED_EVERY),
                () = tokio::time::sleep_until(due) => return,
                answer = answered => match answer {
                    Ok(number) => self.tell(number),
                    Err(error) => {
                        tracing::debug!("ping target {}: {error}", self.target);
                        *pinger = None;
                    }
                },
            }
        }
    }

    fn tell(&mut self, number: u64) {
        let Some(sent) = self.sent.remove(&number) else {
            return;
        };
        // What was sent before it is no news any more.
        self.sent = self.sent.split_off(&number);
        let echo = Echoed {
            target: self.target,
            sent,
        };
        // A loop that is thousands of inputs behind is stuck; the next answer comes soon.
        let _full = self.inputs.try_send(Input::Echoed(echo));
    }
}
