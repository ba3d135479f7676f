//! The way to systemd: one connection to its bus, opened when it is needed first and again
//! when it broke.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, watch};
use tokio::time::timeout;
use zbus::{OwnedObjectPath, OwnedVariant};

use zbus::{Connection, MatchRule, MessageStream};

use crate::context::chain;

const SYSTEMD: &str = "org.freedesktop.systemd1";
const MANAGER_PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// An answer of systemd takes milliseconds; a reload of hundreds of units holds it up for
/// seconds. One that takes longer is in trouble that waiting does not mend.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Signals that wait for the task that reads them.
const SIGNALS_MAX: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// Ends of jobs of one unit that nobody has asked for yet. One at a time is ours.
const ENDS_MAX: usize = 64;

/// Why systemd could not be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BusError {
    /// Nobody is there.
    #[error("cannot reach systemd over D-Bus")]
    Unreachable(#[source] zbus::Error),
    /// It said no, or something that cannot be read.
    #[error("systemd refused to {what}")]
    Refused {
        what: &'static str,
        #[source]
        source: zbus::Error,
    },
    /// It said nothing.
    #[error("systemd did not answer within {ANSWER_LIMIT:?} when asked to {0}")]
    NoAnswer(&'static str),
}

/// The properties of one interface of a unit, by name.
pub(crate) type Properties = HashMap<String, OwnedVariant>;

/// A process of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnitProcess {
    pub(crate) pid: u32,
    pub(crate) command: String,
}

/// The way to systemd.
pub(crate) struct Bus {
    /// Where the bus listens; `None`: the system's.
    address: Option<String>,
    open: Mutex<Option<Connection>>,
}

impl Bus {
    pub(crate) fn new(address: Option<String>) -> Self {
        let open = Mutex::default();
        Self { address, open }
    }

    async fn connection(&self) -> Result<Connection, BusError> {
        let mut open = self.open.lock().await;
        if let Some(connection) = &*open {
            return Ok(connection.clone());
        }
        let connecting = async {
            let builder = match &self.address {
                Some(address) => zbus::connection::Builder::address(address.as_str()),
                None => zbus::connection::Builder::system(),
            };
            let connection = builder.build().await?;
            // Without it systemd tells nobody of changes of units.
            let subscribed = connection.call_method(
                Some(SYSTEMD),
                MANAGER_PATH,
                Some(MANAGER),
                "Subscribe",
                &(),
            );
            subscribed.await?;
            Ok(connection)
        };
        let connection = match timeout(ANSWER_LIMIT, connecting).await {
            Ok(done) => done.map_err(BusError::Unreachable)?,
            Err(_) => return Err(BusError::NoAnswer("subscribe")),
        };
        *open = Some(connection.clone());
        Ok(connection)
    }

    /// Forgets the connection: it broke.
    async fn close(&self) {
        self.open.lock().await.take();
    }

    /// Asks, and once more over a new connection when the old one had broken.
    async fn call<B, A>(
        &self,
        what: &'static str,
        (path, interface, method): (&str, &str, &str),
        body: &B,
    ) -> Result<A, BusError>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
        A: for<'a> zbus::zvariant::DynamicDeserialize<'a>,
    {
        let mut again = true;
        loop {
            let connection = self.connection().await?;
            let asked = connection.call_method(Some(SYSTEMD), path, Some(interface), method, body);
            let refused = |source| BusError::Refused { what, source };
            match timeout(ANSWER_LIMIT, asked).await {
                Ok(Ok(answer)) => return answer.body().deserialize().map_err(refused),
                Ok(Err(error @ zbus::Error::MethodError(..))) => return Err(refused(error)),
                Ok(Err(error)) if again => {
                    tracing::info!(error = chain(&error), "the way to systemd broke");
                    self.close().await;
                    again = false;
                }
                Ok(Err(error)) => return Err(BusError::Unreachable(error)),
                Err(_) => return Err(BusError::NoAnswer(what)),
            }
        }
    }

    async fn manager<B, A>(&self, what: &'static str, method: &str, body: &B) -> Result<A, BusError>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
        A: for<'a> zbus::zvariant::DynamicDeserialize<'a>,
    {
        self.call(what, (MANAGER_PATH, MANAGER, method), body).await
    }

    /// Loads a unit, also one that does not exist, and returns where it is to be asked.
    pub(crate) async fn load(&self, unit: &str) -> Result<OwnedObjectPath, BusError> {
        self.manager("load the unit", "LoadUnit", &(unit,)).await
    }

    /// All properties of one interface of a unit, as they are at one moment.
    pub(crate) async fn properties(
        &self,
        path: &OwnedObjectPath,
        interface: &str,
    ) -> Result<Properties, BusError> {
        let to = (path.as_str(), PROPERTIES, "GetAll");
        self.call("describe the unit", to, &(interface,)).await
    }

    /// Orders a start; returns the job.
    pub(crate) async fn start(&self, unit: &str) -> Result<OwnedObjectPath, BusError> {
        self.manager("start the unit", "StartUnit", &(unit, "replace"))
            .await
    }

    /// Orders a reload; returns the job.
    pub(crate) async fn reload(&self, unit: &str) -> Result<OwnedObjectPath, BusError> {
        self.manager("reload the unit", "ReloadUnit", &(unit, "replace"))
            .await
    }

    /// Orders a stop; returns the job.
    pub(crate) async fn stop(&self, unit: &str) -> Result<OwnedObjectPath, BusError> {
        self.manager("stop the unit", "StopUnit", &(unit, "replace"))
            .await
    }

    /// Signals all processes of a unit.
    pub(crate) async fn kill(&self, unit: &str, signal: i32) -> Result<(), BusError> {
        self.manager("signal the unit", "KillUnit", &(unit, "all", signal))
            .await
    }

    /// Forgets that a unit failed, and how often it was started lately.
    pub(crate) async fn reset(&self, unit: &str) -> Result<(), BusError> {
        self.manager(
            "forget the failure of the unit",
            "ResetFailedUnit",
            &(unit,),
        )
        .await
    }

    /// Keeps systemd from forgetting a unit that is down: how its start went is forgotten with
    /// it. Ends with `unpin`, or with our connection.
    pub(crate) async fn pin(&self, unit: &str) -> Result<(), BusError> {
        self.manager("keep the unit", "RefUnit", &(unit,)).await
    }

    /// Lets systemd forget a unit that is down.
    pub(crate) async fn unpin(&self, unit: &str) -> Result<(), BusError> {
        self.manager("let go of the unit", "UnrefUnit", &(unit,))
            .await
    }

    /// The processes of a unit.
    pub(crate) async fn processes(&self, unit: &str) -> Result<Vec<UnitProcess>, BusError> {
        let found: Vec<(String, u32, String)> = self
            .manager("list processes of the unit", "GetUnitProcesses", &(unit,))
            .await?;
        let process = |(_, pid, command)| UnitProcess { pid, command };
        Ok(found.into_iter().map(process).collect())
    }

    /// Hears of the end of jobs of a unit from now on.
    pub(crate) async fn job_ends(&self, unit: &str) -> Result<JobEnds, BusError> {
        let rule = MatchRule::builder()
            .msg_type(zbus::message::Type::Signal)
            .sender(SYSTEMD)
            .path(MANAGER_PATH)
            .interface(MANAGER)
            .member("JobRemoved");
        let stream = self.listen(rule.build()).await?;
        Ok(JobEnds::new(stream, unit.to_owned()))
    }

    /// Hears of changes of a unit from now on.
    pub(crate) async fn changes(&self, path: &OwnedObjectPath) -> Result<Changes, BusError> {
        let rule = MatchRule::builder()
            .msg_type(zbus::message::Type::Signal)
            .sender(SYSTEMD)
            .path(path.clone().into_inner())
            .interface(PROPERTIES)
            .member("PropertiesChanged");
        let stream = self.listen(rule.build()).await?;
        Ok(Changes::new(stream))
    }

    async fn listen(
        &self,
        rule: zbus::Result<MatchRule<'static>>,
    ) -> Result<MessageStream, BusError> {
        const WHAT: &str = "tell of changes";
        let rule = rule.expect("names that are written here are valid");
        let mut again = true;
        loop {
            let connection = self.connection().await?;
            let listening =
                MessageStream::for_match_rule(rule.clone(), &connection, Some(SIGNALS_MAX));
            match timeout(ANSWER_LIMIT, listening).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(_)) if again => {
                    self.close().await;
                    again = false;
                }
                Ok(Err(error)) => return Err(BusError::Unreachable(error)),
                Err(_) => return Err(BusError::NoAnswer(WHAT)),
            }
        }
    }
}

/// Signals of one kind; an end of them means that the connection broke.
async fn next(stream: &mut MessageStream) -> Option<zbus::Message> {
    use futures_util::StreamExt;
    stream.next().await?.ok()
}

/// The task that reads a stream. The connection stands still for everybody while one stream
/// is full, so none waits for whoever wants to know.
struct Reader(tokio::task::JoinHandle<()>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Tells when jobs of one unit end.
pub(crate) struct JobEnds {
    ends: mpsc::Receiver<(OwnedObjectPath, String)>,
    _reader: Reader,
}

impl JobEnds {
    fn new(mut stream: MessageStream, unit: String) -> Self {
        let (told, ends) = mpsc::channel(ENDS_MAX);
        let reader = async move {
            while let Some(message) = next(&mut stream).await {
                let body = message.body();
                let ended = body.deserialize::<(u32, OwnedObjectPath, String, String)>();
                if let Ok((_, job, of, result)) = ended
                    && of == unit
                {
                    // Who does not take so many waits for none of them.
                    let _ = told.try_send((job, result));
                }
            }
        };
        let _reader = Reader(tokio::spawn(reader));
        Self { ends, _reader }
    }

    /// Waits for the end of a job and tells its result; nothing when the connection broke.
    pub(crate) async fn result_of(&mut self, job: &OwnedObjectPath) -> Option<String> {
        loop {
            let (ended, result) = self.ends.recv().await?;
            if ended == *job {
                return Some(result);
            }
        }
    }
}

/// Tells when something about a unit changes.
pub(crate) struct Changes {
    count: watch::Receiver<u64>,
    _reader: Reader,
}

impl Changes {
    fn new(mut stream: MessageStream) -> Self {
        let (told, count) = watch::channel(0);
        let reader = async move {
            while next(&mut stream).await.is_some() {
                told.send_modify(|count| *count += 1);
            }
        };
        let _reader = Reader(tokio::spawn(reader));
        Self { count, _reader }
    }

    /// Waits for a change, whatever it is; nothing when the connection broke.
    pub(crate) async fn changed(&mut self) -> Option<()> {
        self.count.changed().await.ok()
    }
}
