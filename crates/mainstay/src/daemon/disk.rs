//! Disk witnesses: one thread for each that the state knows, what it is told, and what
//! people ask about it. The vote itself is `quorum::disk`'s; what an answer means is the node's business.

mod worker;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use api::{ApiError, ErrorCode, GrantView, Timestamp, WitnessReply, WitnessView};
use host::shared_disk::{Caches, SharedDisk, WitnessDisk};
use model::seen::{WitnessKind, WitnessSeen};
use model::{BootId, Command, Instant, NodeId, NodeName, UserName, WitnessId, WitnessName};
use quorum::arbiter::Ask;
use quorum::disk::{Content, DISK_LEASE, Feed, Guard, Header, POLL, Slot, Slots};
use quorum::half::Leadership;
use server::Reply;
use tokio::sync::oneshot;
use wire::raft::Arbiter;

use super::control::{Control, Input};
pub use worker::News;
use worker::{Laid, Order, Seen, Settings, Worker};

/// Nothing was heard from the disk for so long: it is silent. Two polls, and a slow write.
const ANSWER_FOR: Duration = Duration::from_secs(3);

/// Orders that wait for a thread. Each is repeated by whoever gave it; a device that hangs must
/// not gather them.
const ORDERS_MAX: usize = 32;

/// A device that answers no order within this time hangs.
const ORDER_LIMIT: Duration = Duration::from_secs(10);

/// All disk witnesses of this node.
#[derive(Default)]
pub struct Disks {
    map: BTreeMap<WitnessId, Link>,
    told: Option<Instant>,
}

impl Disks {
    /// What the disks say of the watchdog of this node.
    pub fn guards(&self) -> Vec<&Guard> {
        self.map.values().map(|link| &link.guard).collect()
    }
}

struct Link {
    kind: WitnessKind,
    place: u16,
    orders: SyncSender<Order>,
    guard: Guard,
    /// When it answered last, and what it showed.
    seen: Option<(Instant, Seen)>,
    complaint: Option<String>,
}

impl Link {
    fn answers(&self, now: Instant) -> bool {
        let at = self.seen.as_ref().map(|(at, _)| *at);
        self.complaint.is_none() && at.is_some_and(|at| now < at + ANSWER_FOR)
    }
}

/// A disk was looked at, whether it can be a witness.
pub struct Claimed {
    name: WitnessName,
    by: UserName,
    reply: Reply<WitnessReply>,
    result: Result<(WitnessKind, Vec<String>), ApiError>,
}

/// A poison pill that can be written now.
pub struct Poison {
    orders: SyncSender<Order>,
    place: u16,
    boot: BootId,
    span: Duration,
}

impl Control {
    /// Disk witnesses may have come, gone or moved.
    pub fn follow_disks(&mut self) {
        let me = self.identity.id;
        let disks = self.node.state().seen().witnesses.values();
        let wanted: BTreeMap<WitnessId, (WitnessKind, u16)> = disks
            .filter(|seen| matches!(seen.kind, WitnessKind::Disk { .. }))
            .filter_map(|seen| Some((seen.id, (seen.kind.clone(), *seen.places.get(&me)?))))
            .collect();
        let now = host::clock::now();
        let before = self.disks.map.len();
        self.disks
            .map
            .retain(|id, link| wanted.get(id) == Some(&(link.kind.clone(), link.place)));
        for (id, (kind, place)) in wanted {
            if self.disks.map.contains_key(&id) {
                continue;
            }
            if let Some(orders) = self.start_worker(id, &kind, place) {
                let guard = Guard::new(self.node.config().boot, DISK_LEASE, now);
                let link = Link {
                    kind,
                    place,
                    orders,
                    guard,
                    seen: None,
                    complaint: None,
                };
                self.disks.map.insert(id, link);
            }
        }
        if before != self.disks.map.len() {
            self.disks.told = None;
        }
    }

    fn start_worker(
        &self,
        id: WitnessId,
        kind: &WitnessKind,
        place: u16,
    ) -> Option<SyncSender<Order>> {
        let WitnessKind::Disk { path, mark } = kind else {
            return None;
        };
        let settings = Settings {
            path: PathBuf::from(path),
            cluster: self.identity.cluster_id.0,
            mark: *mark,
            me: self.identity.id,
            boot: self.node.config().boot,
            run: self.identity.incarnation,
            place,
        };
        let (orders, received) = sync_channel(ORDERS_MAX);
        let inputs = self.inputs.clone();
        let tell = move |news| {
            // A loop that is thousands of inputs behind is stuck: what it misses is told again.
            let _ = inputs.try_send(Input::Disk(id, news));
        };
        let worker = Worker::new(settings, received, Box::new(tell));
        let started = std::thread::Builder::new()
            .name("disk-witness".to_string())
            .spawn(move || worker.run());
        match started {
            Ok(_detached) => Some(orders),
            Err(error) => {
                tracing::error!("nobody can look after the disk witness: {error}");
                None
            }
        }
    }

    /// What the next beats carry. Cheap when it was told a moment ago.
    pub fn tell_disks(&mut self, now: Instant) {
        let is_due = self.disks.told.is_none_or(|at| at + POLL <= now);
        if self.disks.map.is_empty() || !is_due {
            return;
        }
        self.disks.told = Some(now);
        let lease_left = self
            .node
            .boundary(now)
            .lease_until
            .saturating_duration_since(now);
        let state = self.node.state();
        for witness in state.seen().witnesses.values() {
            if let Some(link) = self.disks.map.get(&witness.id) {
                let is_member = |id: &NodeId| state.node_name(*id).is_some();
                let members = witness.places.iter().filter(|(id, _)| is_member(id));
                let places = members.map(|(id, place)| (*id, *place)).collect();
                // Told again in a moment.
                let _full = link.orders.try_send(Order::Told { places, lease_left });
            }
        }
    }

    /// A disk tells something.
    pub fn take_disk_news(&mut self, id: WitnessId, news: News) {
        let now = host::clock::now();
        let name = self.witness_name(id).unwrap_or_default();
        let Some(link) = self.disks.map.get_mut(&id) else {
            return;
        };
        match news {
            News::Box { pill, began } => {
                let was = link.guard.feed(Leadership::Quorate, now);
                link.guard.handle_box(pill, began);
                let is = link.guard.feed(Leadership::Quorate, now);
                if let (Feed::Yes, Feed::Poisoned { by, .. }) = (was, is) {
                    let by = self.node.state().node_name(by);
                    tracing::error!(
                        ?by,
                        "a poison pill for this boot is on {name}: this machine ends now"
                    );
                }
            }
            News::Answers(seen) => {
                if !link.answers(now) {
                    tracing::info!("disk witness {name} answers");
                }
                let hears = seen.hears.clone();
                link.seen = Some((now, seen));
                link.complaint = None;
                self.node.handle_witness(Arbiter::Disk(id), hears, now);
            }
            News::Silent(why) => {
                if link.complaint.as_ref() != Some(&why) {
                    tracing::warn!("disk witness {name}: {why}");
                }
                link.complaint = Some(why);
            }
            News::Answer { number, answer } => {
                tracing::info!("disk witness {name} says to ask {number}: {answer:?}");
                self.node
                    .handle_grant(&Arbiter::Disk(id), (number, answer), now);
            }
        }
    }

    /// The half wants the vote. What a thread does not take now is asked again.
    pub fn ask_disk(&self, id: WitnessId, number: u64, ask: Ask) {
        let turn = self.node.turn(host::clock::now());
        if let Some(link) = self.disks.map.get(&id) {
            let ask = Box::new(ask);
            let _full = link.orders.try_send(Order::Ask { number, ask, turn });
        }
    }

    /// For people: how a disk is, as this node sees it.
    pub fn disk_view(&self, name: &WitnessName, seen: &WitnessSeen) -> WitnessView {
        let now = host::clock::now();
        let WitnessKind::Disk { path, .. } = &seen.kind else {
            return WitnessView::default();
        };
        let link = self.disks.map.get(&seen.id);
        let shown = link.and_then(|link| link.seen.as_ref());
        let name_of = |id: NodeId| {
            let name = self.node.state().node_name(id);
            name.map_or_else(|| format!("node {id}"), ToString::to_string)
        };
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let granted = shown.and_then(|(_, shown)| shown.granted);
        WitnessView {
            name: name.to_string(),
            kind: "disk".to_string(),
            place: path.clone(),
            since: Timestamp::from(seen.since),
            by: seen.by.to_string(),
            answers: link.map(|link| link.answers(now)),
            answered_ms: shown.map(|(at, _)| millis(now.saturating_duration_since(*at))),
            rtt_ms: shown.map(|(_, shown)| shown.took.as_secs_f64() * 1000.0),
            hears: shown.map_or_else(Vec::new, |(_, shown)| {
                shown.hears.iter().map(|id| name_of(*id)).collect()
            }),
            granted: granted.map(|(lineage, grant)| GrantView {
                node: name_of(grant.keeper),
                generation: lineage.generation,
                term: grant.term,
            }),
            why: link.and_then(|link| link.complaint.clone()),
        }
    }

    /// Looks at a disk on a thread of its own, and writes whose it is.
    pub fn begin_claim(
        &self,
        (name, by): (WitnessName, UserName),
        path: String,
        reply: Reply<WitnessReply>,
    ) {
        if self.node.boundary(host::clock::now()).leader.is_none() {
            let told = "nothing was written on the disk: without a leader it cannot be added";
            drop(reply.send(Err(ErrorCode::NoLeader.error(told))));
            return;
        }
        let witnesses = self.node.state().seen().witnesses.values();
        let marks: Vec<u64> = witnesses
            .filter_map(|seen| match seen.kind {
                WitnessKind::Disk { mark, .. } => Some(mark),
                WitnessKind::Network { .. } => None,
            })
            .collect();
        let cluster = self.identity.cluster_id.0;
        let inputs = self.inputs.clone();
        tokio::task::spawn_blocking(move || {
            let result = claim(&path, cluster, &marks);
            let claimed = Claimed {
                name,
                by,
                reply,
                result,
            };
            // When the loop is gone, so is whoever asked.
            let _ = inputs.blocking_send(Input::Claimed(Box::new(claimed)));
        });
    }

    /// The disk is ours, or not.
    pub fn take_claimed(&mut self, claimed: Claimed) {
        let Claimed {
            name,
            by,
            reply,
            result,
        } = claimed;
        let (kind, notes) = match result {
            Ok(taken) => taken,
            Err(error) => return drop(reply.send(Err(error))),
        };
        let address = match &kind {
            WitnessKind::Disk { path, .. } => Some(path.clone()),
            WitnessKind::Network { .. } => None,
        };
        let answer = WitnessReply {
            name: name.to_string(),
            address,
            index: None,
            notes,
        };
        self.propose_witness(
            Command::SetWitness { name, kind, by },
            (answer, None),
            reply,
        );
    }

    /// Whether a pill can end this node now, and how; else why not.
    pub fn poison_for(&self, target: &NodeName) -> Result<Poison, String> {
        let now = host::clock::now();
        let state = self.node.state();
        let seen = state.seen();
        let (boot, span) = self.node.pill_against(target)?;
        let node = seen.nodes.get(target).ok_or("it is no member")?;
        let usable = seen.witnesses.values().find_map(|witness| {
            let link = self.disks.map.get(&witness.id)?;
            let place = *witness.places.get(&node.id)?;
            link.answers(now).then_some((link, place))
        });
        let (link, place) = usable.ok_or("no disk witness answers this node")?;
        Ok(Poison {
            orders: link.orders.clone(),
            place,
            boot,
            span,
        })
    }

    /// Whether what a pill has proven still counts: the target was armed all the time, and no
    /// other boot of it is known.
    pub fn pill_counts(&self, target: &NodeName, pill: (BootId, Duration)) -> bool {
        self.poison_for(target)
            .is_ok_and(|now| (now.boot, now.span) == pill)
    }
}

impl Poison {
    /// The boot that ends, and how long it may take.
    pub fn what(&self) -> (BootId, Duration) {
        (self.boot, self.span)
    }

    /// Writes the pill, waits as long as the boot may live, and looks whether the pill lay
    /// there all the time.
    pub async fn give(&self) -> Result<(), String> {
        let (place, boot) = (self.place, self.boot);
        let laid: Laid = self
            .ask(|reply| Order::Poison { place, boot, reply })
            .await?;
        let until = host::clock::now() + self.span;
        tracing::warn!(
            "a poison pill is laid; its boot ends within {:?}",
            self.span
        );
        loop {
            let left = until.saturating_duration_since(host::clock::now());
            if left.is_zero() {
                break;
            }
            tokio::time::sleep(left).await;
        }
        let found = self.ask(|reply| Order::Look { place, reply }).await?;
        match found == Some(laid) {
            true => Ok(()),
            false => Err("something else was written into its box meanwhile".to_string()),
        }
    }

    async fn ask<T>(
        &self,
        order: impl FnOnce(oneshot::Sender<Result<T, String>>) -> Order,
    ) -> Result<T, String> {
        let (reply, answer) = oneshot::channel();
        let sent = self.orders.try_send(order(reply));
        sent.map_err(|_full| "the disk is too slow".to_string())?;
        match tokio::time::timeout(ORDER_LIMIT, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_gone)) => Err("the disk witness was removed".to_string()),
            Err(_elapsed) => Err("the disk does not answer".to_string()),
        }
    }
}

/// The disk must be prepared, and new or already this cluster's.
fn claim(
    path: &str,
    cluster: [u8; 16],
    marks: &[u64],
) -> Result<(WitnessKind, Vec<String>), ApiError> {
    let unusable = |why: String| ErrorCode::DiskUnusable.error(format!("{path}: {why}"));
    if !path.starts_with('/') {
        return Err(unusable("not an absolute path".to_string()));
    }
    let disk = SharedDisk::open(std::path::Path::new(path))
        .map_err(|error| unusable(error.to_string()))?;
    let is_direct = disk.caches() == Caches::Bypassed;
    let disk = WitnessDisk::new(disk);
    let mark = match worker::header_of(&disk).map_err(unusable)? {
        None => write_header(&disk, cluster).map_err(unusable)?,
        Some(header) if header.cluster != cluster => {
            return Err(unusable("it is the witness of another cluster".to_string()));
        }
        Some(header) if marks.contains(&header.witness.0) => header.witness.0,
        Some(_) => {
            let told = unusable("it was a witness of this cluster before".to_string());
            let command = format!("mainstay witness prepare --forget {path}");
            return Err(told.with_help(format!(
                "when it is a witness nowhere any more: `{command}`"
            )));
        }
    };
    let mut notes = Vec::new();
    if !is_direct {
        notes.push(
            "this file system keeps a cache of its own: good for tests on one machine only"
                .to_string(),
        );
    }
    let path = path.to_string();
    Ok((WitnessKind::Disk { path, mark }, notes))
}

fn write_header(disk: &WitnessDisk, cluster: [u8; 16]) -> Result<u64, String> {
    let random = consensus::keys::random_bytes().map_err(|error| error.to_string())?;
    let mark = u64::from_be_bytes(random);
    let header = Header {
        cluster,
        witness: WitnessId(mark),
        slots: Slots::new(),
    };
    let slot = Slot {
        content: Content::Header,
        place: 0,
    };
    let written = disk.write(slot, &header.encode());
    written.map_err(|error| error.to_string())?;
    worker::require_ours(disk, cluster, WitnessId(mark))?;
    Ok(mark)
}
