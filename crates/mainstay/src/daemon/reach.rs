//! Ping targets of networks and services: a small task for each, so that all are asked at the
//! same time and a silent one delays no other. What the answers are worth is the node's business.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use host::ping::Pinger;
use model::Instant;
use model::networks::{PingSpec, PingTarget};
use node::reach::{Echo, PingList, ping_lists};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep_until, timeout};

use super::control::{Control, Input};

/// A UDP packet that asks for any answer: an echo service sends it back.
const QUESTION: &[u8] = b"mainstay?";

/// All targets that are asked.
#[derive(Default)]
pub struct Targets {
    lists: BTreeMap<PingList, PingSpec>,
    tasks: BTreeMap<PingList, Vec<Asker>>,
    spec_version: u64,
}

struct Asker(JoinHandle<()>);

impl Drop for Asker {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What became of a question.
pub struct Asked {
    list: PingList,
    target: PingTarget,
    echo: Echo,
}

impl Control {
    /// The configuration may name other targets.
    pub fn follow_targets(&mut self) {
        let state = self.node.state();
        if state.spec_version() == self.cards.targets.spec_version {
            return;
        }
        self.cards.targets.spec_version = state.spec_version();
        let lists = state
            .spec()
            .map_or_else(BTreeMap::new, |spec| ping_lists(spec, &self.identity.name));
        let known = std::mem::replace(&mut self.cards.targets.lists, lists);
        let lists = &self.cards.targets.lists;
        self.cards
            .targets
            .tasks
            .retain(|name, _| lists.get(name) == known.get(name));
        for (name, spec) in lists {
            let inputs = &self.inputs;
            self.cards
                .targets
                .tasks
                .entry(name.clone())
                .or_insert_with(|| {
                    let begin = |target: &PingTarget| begin((name, *target), spec, inputs.clone());
                    spec.targets.iter().map(begin).collect()
                });
        }
    }

    /// A target was asked.
    pub fn take_asked(&mut self, asked: &Asked, now: Instant) {
        self.node
            .handle_echo(&asked.list, asked.target, asked.echo, now);
    }
}

fn begin(
    (list, target): (&PingList, PingTarget),
    spec: &PingSpec,
    inputs: mpsc::Sender<Input>,
) -> Asker {
    let (list, every, limit) = (list.clone(), spec.every, spec.timeout);
    Asker(tokio::spawn(async move {
        let mut number = 0;
        while !inputs.is_closed() {
            let due = tokio::time::Instant::now() + every;
            number += 1;
            let echo = match ask(target, number, limit).await {
                Ok(()) => Echo::Answered,
                Err(error) => {
                    tracing::debug!("ping target {target}: {error}");
                    Echo::Missed
                }
            };
            let list = list.clone();
            let asked = Input::Asked(Asked { list, target, echo });
            if inputs.send(asked).await.is_err() {
                return;
            }
            sleep_until(due).await;
        }
    }))
}

/// Asks once.
async fn ask(target: PingTarget, number: u64, limit: Duration) -> std::io::Result<()> {
    let question = async {
        match target {
            PingTarget::Icmp(address) => echo(address, number).await,
            PingTarget::Tcp(address) => TcpStream::connect(address).await.map(drop),
            PingTarget::Udp(address) => datagram(address).await,
        }
    };
    timeout(limit, question)
        .await
        .unwrap_or_else(|_late| Err(std::io::ErrorKind::TimedOut.into()))
}

async fn echo(address: IpAddr, number: u64) -> std::io::Result<()> {
    let nonce = consensus::keys::random_bytes().map_err(std::io::Error::other)?;
    // A new socket each time: an old one keeps the source address that it began with.
    let pinger = Pinger::open(address, u64::from_le_bytes(nonce))?;
    pinger.send(number)?;
    while pinger.answered().await? != number {}
    Ok(())
}

async fn datagram(address: SocketAddr) -> std::io::Result<()> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => ([0_u16; 8], 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(address).await?;
    socket.send(QUESTION).await?;
    let mut answer = [0; QUESTION.len()];
    socket.recv(&mut answer).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(300);

    async fn answers(target: PingTarget) -> bool {
        ask(target, 1, LIMIT).await.is_ok()
    }

    #[tokio::test]
    async fn a_tcp_target_answers_by_taking_the_connection() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        assert!(answers(PingTarget::Tcp(address)).await);
        drop(listener);
        assert!(!answers(PingTarget::Tcp(address)).await);
    }

    #[tokio::test]
    async fn a_udp_target_answers_by_any_packet() {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        // Bound and silent: the question ends with its limit.
        assert!(!answers(PingTarget::Udp(address)).await);
        let served = tokio::spawn(async move {
            let mut buffer = [0; 64];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                socket.send_to(&buffer[..length], from).await.unwrap();
            }
        });
        assert!(answers(PingTarget::Udp(address)).await);
        served.abort();
        let _aborted = served.await;
        assert!(!answers(PingTarget::Udp(address)).await);
    }
}
