//! A node looks at itself: answers to the questions of `model::environment`.
//!
//! Every question is looked into on its own and within a limit, so that one hanging disk or
//! name server leaves only its own answer open. What this node runs for the cluster counts
//! as free: it is told from strangers by the records.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use host::account::Account;
use host::mounts;
use host::neighbours;
use host::netlink::{Card, LinkState, Placed};
use host::survey::{self, Found};
use model::environment::{Fact, Question};
use model::operation::ResourceAddress;
use model::spec::{AgentSpec, MountSource, MountSpec, Ready, ResourceKind};
use tokio::time::timeout;

use crate::context::{Shared, chain};
use crate::mount;
use crate::ocf;
use crate::record::Record;
use crate::systemd;

/// For one question. A local look takes microseconds, a directory service some milliseconds;
/// whoever waits for a change shall not wait for the slowest name server.
const QUESTION_LIMIT: Duration = Duration::from_millis(800);

/// What is the same for all questions of one inspection.
struct Ground {
    records: Vec<Record>,
    cards: Vec<Card>,
    placed: Vec<Placed>,
    directories: Vec<PathBuf>,
}

/// Answers all questions, in their order.
pub(crate) async fn inspect(
    shared: Arc<Shared>,
    questions: Vec<Question>,
    directories: Vec<PathBuf>,
) -> Vec<Fact> {
    let cards = shared.netlink.cards().await.unwrap_or_default();
    let placed = shared.netlink.addresses().await.unwrap_or_default();
    let ground = Arc::new(Ground {
        records: shared.records.all(),
        cards,
        placed,
        directories,
    });
    let answers: Vec<_> = questions
        .into_iter()
        .map(|question| match question {
            // Agents are programs, and have a limit of their own.
            Question::Agent { address, agent } => {
                tokio::spawn(validated(Arc::clone(&shared), address, agent))
            }
            Question::Unit { name } => tokio::spawn(unit(Arc::clone(&shared), name)),
            Question::AgentReload { agent } => {
                tokio::spawn(ocf::validate::reloads(Arc::clone(&shared), agent))
            }
            other => tokio::spawn(answer(Arc::clone(&ground), other)),
        })
        .collect();
    let mut facts = Vec::with_capacity(answers.len());
    for answer in answers {
        let fact = answer.await;
        facts.push(fact.unwrap_or_else(|error| Fact::Unknown(error.to_string())));
    }
    facts
}

async fn validated(shared: Arc<Shared>, address: ResourceAddress, agent: AgentSpec) -> Fact {
    let places = (&shared.places, shared.run_dir.as_path());
    ocf::validate::validate(places, (&address, &agent)).await
}

async fn unit(shared: Arc<Shared>, name: String) -> Fact {
    limited(systemd::ahead::look(&shared.systemd, &name)).await
}

async fn answer(ground: Arc<Ground>, question: Question) -> Fact {
    limited(look(ground, question)).await
}

async fn limited(looking: impl Future<Output = Fact>) -> Fact {
    match timeout(QUESTION_LIMIT, looking).await {
        Ok(fact) => fact,
        Err(_) => Fact::Unknown(format!("no answer within {QUESTION_LIMIT:?}")),
    }
}

/// Looks on a thread that may wait.
async fn blocking(act: impl FnOnce() -> Fact + Send + 'static) -> Fact {
    let looked = tokio::task::spawn_blocking(act).await;
    looked.unwrap_or_else(|error| Fact::Unknown(error.to_string()))
}

fn fact(found: Found) -> Fact {
    match found {
        Found::Fine => Fact::Fine,
        Found::Nothing => Fact::Missing,
        Found::Unsuitable(how) => Fact::Unsuitable(how),
    }
}

async fn look(ground: Arc<Ground>, question: Question) -> Fact {
    match question {
        Question::Program { path, user } => blocking(move || program(&path, user)).await,
        Question::Tool { name } => blocking(move || fact(survey::tool(&name))).await,
        Question::Account { name } => blocking(move || account(&name)).await,
        Question::Directory { path } => {
            blocking(move || match survey::directory(Path::new(&path)) {
                Ok(_ownership) => Fact::Fine,
                Err(found) => fact(found),
            })
            .await
        }
        Question::MountPoint { target, source } => mount_point(&ground, target, source).await,
        Question::Device { path } => blocking(move || fact(survey::device(Path::new(&path)))).await,
        Question::Path { path } => {
            blocking(move || match Path::new(&path).exists() {
                true => Fact::Fine,
                false => Fact::Missing,
            })
            .await
        }
        Question::Filesystem { name } => blocking(move || fact(survey::filesystem(&name))).await,
        Question::Card { name } => card(&ground, name.as_str()),
        Question::OwnAddress { address } => match ground.card_with(address) {
            Some(card) => Fact::On(card.name.clone()),
            None => Fact::Missing,
        },
        Question::Address {
            address,
            cards,
            wait,
        } => {
            let cards = cards.iter().map(ToString::to_string).collect();
            ground.owner((address, cards), wait).await
        }
        Question::Port { at } => port(&ground, at).await,
        Question::File { path } => blocking(move || file(&path)).await,
        Question::Group { name } => blocking(move || group(&name)).await,
        // Whoever operates fence devices knows where their agents are; resource agents and
        // systemd are asked above.
        Question::FenceAgent { .. }
        | Question::Agent { .. }
        | Question::AgentReload { .. }
        | Question::Unit { .. } => Fact::Unknown("not asked of the right hands".into()),
        Question::HostName { name } => {
            let found = tokio::net::lookup_host((name, 0)).await;
            match found.map(|mut found| found.next()) {
                Ok(Some(_)) => Fact::Fine,
                Ok(None) | Err(_) => Fact::Missing,
            }
        }
        Question::Clock => Fact::Time(host::clock::wall()),
        Question::Space => space(&ground).await,
        Question::Refusals => refusals(),
        Question::HardwareAddresses => {
            let macs = ground.cards.iter().filter_map(|card| card.mac);
            Fact::Cards(macs.map(|mac| mac.to_string()).collect())
        }
    }
}

fn program(path: &str, user: Option<String>) -> Fact {
    // That there is no such account is told by another question.
    let account = user.as_deref().map(Account::find).transpose();
    let account = account.unwrap_or_default();
    match fact(survey::program(Path::new(path), account.as_ref())) {
        Fact::Unsuitable(how) => Fact::Unsuitable(match (&account, &user) {
            (Some(account), Some(user)) => how.replace(&format!("account {}", account.user), user),
            _root => how,
        }),
        other => other,
    }
}

fn account(name: &str) -> Fact {
    match Account::find(name) {
        Ok(Account { user, group, .. }) => Fact::Account { user, group },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Fact::Missing,
        Err(error) => Fact::Unknown(error.to_string()),
    }
}

fn group(name: &str) -> Fact {
    match Account::own().with_group(name) {
        Ok(Account { group, .. }) => Fact::Group { group },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Fact::Missing,
        Err(error) => Fact::Unknown(error.to_string()),
    }
}

fn file(path: &str) -> Fact {
    // What is no file may wait for somebody at its other end when it is opened.
    match std::fs::metadata(path) {
        Ok(data) if !data.is_file() => return Fact::Unsuitable("is no file".into()),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Fact::Missing,
        Err(error) => return Fact::Unsuitable(format!("cannot be looked at ({error})")),
    }
    match std::fs::File::open(path) {
        Ok(_) => Fact::Fine,
        Err(error) => Fact::Unsuitable(format!("cannot be read ({error})")),
    }
}

fn card(ground: &Ground, name: &str) -> Fact {
    let card = ground.cards.iter().find(|card| card.name == name);
    match card.map(|card| card.state) {
        None => Fact::Missing,
        Some(LinkState::Up) => Fact::Fine,
        Some(LinkState::NoCarrier) => Fact::Unsuitable("has no carrier".into()),
        Some(LinkState::Down) => Fact::Unsuitable("is switched off".into()),
    }
}

async fn mount_point(ground: &Ground, target: String, source: MountSource) -> Fact {
    let spec = MountSpec {
        target: target.clone(),
        source,
        options: Vec::new(),
        check: model::spec::FsckPolicy::Never,
    };
    let is_ours = ground.records.iter().any(|record| match &record.spec.kind {
        ResourceKind::Mount(mount) => mount.target == target,
        _other => false,
    });
    let stranger = mount::stranger(&spec).await;
    blocking(move || match stranger {
        _ if is_ours => Fact::Fine,
        Ok(Some(by)) => Fact::Taken(by),
        Ok(None) if mounts::on(Path::new(&target)).is_ok_and(|on| on.is_some()) => Fact::Fine,
        Ok(None) => match survey::directory(Path::new(&target)) {
            Ok(survey::Ownership { user, group, mode }) => Fact::Directory { user, group, mode },
            Err(found) => fact(found),
        },
        Err(error) => Fact::Unknown(error.to_string()),
    })
    .await
}

async fn port(ground: &Ground, at: std::net::SocketAddr) -> Fact {
    let is_ours = ground.records.iter().any(|record| match &record.spec.kind {
        ResourceKind::Process(process) => match &process.ready {
            Ready::Port(own) => own.port() == at.port(),
            _other => false,
        },
        _other => false,
    });
    if is_ours {
        return Fact::Fine;
    }
    blocking(move || match survey::listeners() {
        Ok(all) => match all.into_iter().find(|one| survey::collides(*one, at)) {
            Some(one) => Fact::Taken(format!("somebody listens on {one}")),
            None => Fact::Fine,
        },
        Err(error) => Fact::Unknown(error.to_string()),
    })
    .await
}

/// What one refusal is worth to the others is measured by the kernel's own default.
fn refusals() -> Fact {
    const PAUSE_MAX: Duration = Duration::from_secs(1);
    match host::refusals::pause() {
        Ok(pause) if pause <= PAUSE_MAX => Fact::Fine,
        Ok(pause) => Fact::Unsuitable(format!(
            "refuses packets to a closed port once in {pause:?} only"
        )),
        Err(error) => Fact::Unknown(error.to_string()),
    }
}

async fn space(ground: &Ground) -> Fact {
    let directories = ground.directories.clone();
    blocking(move || {
        let room = |directory: PathBuf| {
            let bytes = survey::room(&directory).ok()?;
            Some((directory.display().to_string(), bytes))
        };
        Fact::Space(directories.into_iter().filter_map(room).collect())
    })
    .await
}

impl Ground {
    fn card_with(&self, address: IpAddr) -> Option<&Card> {
        let mut placed = self.placed.iter();
        let placed = placed.find(|placed| placed.address.addr() == address)?;
        self.cards.iter().find(|card| card.index == placed.card)
    }

    /// Who has the address of a service: this node, not by us, or a neighbour.
    async fn owner(&self, (address, cards): (ipnet::IpNet, Vec<String>), wait: Duration) -> Fact {
        let ip = address.addr();
        let is_ours = self.records.iter().any(|record| match &record.spec.kind {
            ResourceKind::Address(spec) => spec.address.addr() == ip,
            _other => false,
        });
        match self.card_with(ip) {
            Some(_) if is_ours => return Fact::Fine,
            Some(card) => return Fact::On(card.name.clone()),
            None if wait.is_zero() => return Fact::Fine,
            None => {}
        }
        // Asked from an own address of that subnet: an ordinary question among neighbours.
        let own = self.placed.iter().find(|placed| {
            let card = self.cards.iter().find(|card| card.index == placed.card);
            let is_right = card.is_some_and(|card| {
                let is_named = cards.is_empty() || cards.contains(&card.name);
                card.state == LinkState::Up && card.mac.is_some() && is_named
            });
            placed.address.contains(&ip) && is_right
        });
        let Some(own) = own else {
            return Fact::Fine;
        };
        let card = self.cards.iter().find(|card| card.index == own.card);
        let card = card.expect("the search above has found it");
        match neighbours::neighbour_with(card, (ip, own.address.addr()), wait).await {
            Ok(None) => Fact::Fine,
            Ok(Some(mac)) => Fact::TakenBy {
                neighbour: mac.to_string(),
            },
            Err(error) => Fact::Unknown(chain(&error)),
        }
    }
}
