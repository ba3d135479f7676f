//! Asks an address again and again, each time over a new connection, and tells how long nobody
//! answered: for a page (`http://`), or only whether a connection is accepted (`tcp://`).
//!
//! Requests leave on schedule even while earlier ones hang. Times are those of the machine's
//! monotonic clock, which all nodes of a laboratory share.

use std::fmt;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Answers of the servers asked here are a few words.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;
/// Enough for one request each millisecond with the longest time limit that makes sense.
const UNDER_WAY_MAX: usize = 10_000;

/// One request and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// When it was sent, in nanoseconds of the monotonic clock.
    pub sent: u64,
    /// When the answer was complete, or the failure known.
    pub done: u64,
    /// The body of a good answer, else what went wrong.
    pub result: Result<String, String>,
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, text) = match &self.result {
            Ok(body) => ("ok", body),
            Err(why) => ("fail", why),
        };
        write!(
            f,
            "{} {} {word} {}",
            self.sent,
            self.done,
            text.replace(['\n', '\r'], " ").trim()
        )
    }
}

impl FromStr for Sample {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let bad = || format!("`{line}` is no line of a probe");
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().ok_or_else(bad);
        let sent = word()?.parse().map_err(|_| bad())?;
        let done = word()?.parse().map_err(|_| bad())?;
        let good = word()?;
        let text = words.next().unwrap_or_default().to_string();
        let result = match good {
            "ok" => Ok(text),
            "fail" => Err(text),
            _ => return Err(bad()),
        };
        Ok(Self { sent, done, result })
    }
}

/// A time in which nobody answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// When the first request that failed was sent.
    pub from: u64,
    /// When the first good one after it was answered; `None` while it lasts.
    pub until: Option<u64>,
    /// How many requests failed.
    pub failed: usize,
    /// Who answered before, and who after.
    pub answered_by: (Option<String>, Option<String>),
}

impl Outage {
    /// How long it was.
    #[must_use]
    pub fn length(&self) -> Option<Duration> {
        self.until
            .map(|until| Duration::from_nanos(until.saturating_sub(self.from)))
    }
}

/// Reads the lines of a probe; lines that are none (the last one may be torn) are left out.
#[must_use]
pub fn samples(text: &str) -> Vec<Sample> {
    let mut all: Vec<Sample> = text.lines().filter_map(|line| line.parse().ok()).collect();
    all.sort_by_key(|sample| sample.sent);
    all
}

/// The outages in samples that are sorted by `sent`: from the first request that failed to
/// the first of the following good ones.
#[must_use]
pub fn outages(samples: &[Sample]) -> Vec<Outage> {
    let mut all = Vec::new();
    let mut open: Option<Outage> = None;
    let mut last_good = None;
    for sample in samples {
        match (&sample.result, &mut open) {
            (Err(_), Some(outage)) => outage.failed += 1,
            (Err(_), None) => {
                let answered_by = (last_good.clone(), None);
                open = Some(Outage {
                    from: sample.sent,
                    until: None,
                    failed: 1,
                    answered_by,
                });
            }
            (Ok(body), _) => {
                last_good = Some(body.clone());
                if let Some(mut outage) = open.take() {
                    outage.until = Some(sample.done);
                    outage.answered_by.1 = last_good.clone();
                    all.push(outage);
                }
            }
        }
    }
    all.extend(open);
    all
}

/// The longest outage; one that lasts is the longest.
#[must_use]
pub fn longest(samples: &[Sample]) -> Option<Outage> {
    let length = |outage: &Outage| outage.length().unwrap_or(Duration::MAX);
    outages(samples).into_iter().max_by_key(length)
}

/// Nanoseconds of the machine's monotonic clock.
#[must_use]
pub fn monotonic() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// What a good answer is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Question {
    /// The page at this path, with a good status.
    Page(String),
    /// A connection is accepted. A server that hangs passes: its kernel accepts for it.
    Connection,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Plan {
    address: SocketAddr,
    question: Question,
    every: Duration,
    limit: Duration,
    count: u64,
}

fn parse_url(url: &str) -> Option<(SocketAddr, Question)> {
    if let Some(address) = url.strip_prefix("tcp://") {
        return Some((address.parse().ok()?, Question::Connection));
    }
    let rest = url.strip_prefix("http://")?;
    let (host, path) = match rest.split_once('/') {
        Some((host, path)) => (host, format!("/{path}")),
        None => (rest, "/".to_string()),
    };
    let bare = || {
        host.trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .ok()
            .map(|ip| (ip, 80).into())
    };
    Some((host.parse().ok().or_else(bare)?, Question::Page(path)))
}

fn parse(arguments: &[String]) -> Result<Plan, String> {
    let usage = || {
        "usage: mainstay lab-probe http://ADDRESS[:PORT]/PATH|tcp://ADDRESS:PORT [--every 10ms] \
         [--timeout 100ms] [--count N]"
            .to_string()
    };
    let mut words = arguments.iter();
    let (address, question) = words
        .next()
        .and_then(|url| parse_url(url))
        .ok_or_else(usage)?;
    let (every, limit) = (Duration::from_millis(10), Duration::from_millis(100));
    let mut plan = Plan {
        address,
        question,
        every,
        limit,
        count: u64::MAX,
    };
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(usage)?;
        let span = || model::duration::parse(value).map_err(|error| error.to_string());
        match word.as_str() {
            "--every" => plan.every = span()?.max(Duration::from_millis(1)),
            "--timeout" => plan.limit = span()?,
            "--count" => plan.count = value.parse().map_err(|_| usage())?,
            _ => return Err(usage()),
        }
    }
    Ok(plan)
}

async fn request(plan: &Plan) -> io::Result<String> {
    let mut stream = TcpStream::connect(plan.address).await?;
    let Question::Page(path) = &plan.question else {
        return Ok("accepted".into());
    };
    stream.set_nodelay(true)?;
    let text = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        plan.address
    );
    stream.write_all(text.as_bytes()).await?;
    let mut answer = Vec::new();
    stream
        .take(ANSWER_BYTES_MAX)
        .read_to_end(&mut answer)
        .await?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split_whitespace().nth(1).unwrap_or_default();
    if status.starts_with('2') {
        Ok(body.to_string())
    } else {
        Err(io::Error::other(format!("status {status}")))
    }
}

async fn sample(plan: &Plan) -> Sample {
    let sent = monotonic();
    let result = match timeout(plan.limit, request(plan)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("timeout".to_string()),
    };
    Sample {
        sent,
        done: monotonic(),
        result,
    }
}

async fn run(plan: Plan) -> io::Result<()> {
    let plan = std::sync::Arc::new(plan);
    let mut ticks = interval(plan.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut under_way = tokio::task::JoinSet::new();
    let mut sent = 0;
    let mut out = io::stdout().lock();
    while sent < plan.count || !under_way.is_empty() {
        tokio::select! {
            _ = ticks.tick(), if sent < plan.count && under_way.len() < UNDER_WAY_MAX => {
                sent += 1;
                let plan = plan.clone();
                under_way.spawn(async move { sample(&plan).await });
            }
            Some(Ok(sample)) = under_way.join_next() => {
                writeln!(out, "{sample}")?;
                out.flush()?;
            }
        }
    }
    Ok(())
}

pub(crate) fn main(arguments: &[String]) -> io::Result<()> {
    let plan = parse(arguments).map_err(io::Error::other)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run(plan))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(u64, Option<u64>, usize)]) {
        let found = outages(&samples(text));
        let short: Vec<_> = found.iter().map(|o| (o.from, o.until, o.failed)).collect();
        assert_eq!(short, expected);
    }

    #[test]
    fn an_outage_lasts_from_the_first_failed_request_to_the_next_good_answer() {
        check("10 11 ok a\n20 21 ok a\n", &[]);
        check(
            "10 11 ok a\n20 120 fail timeout\n30 130 fail timeout\n40 42 ok b\n",
            &[(20, Some(42), 2)],
        );
    }

    #[test]
    fn requests_are_judged_in_the_order_in_which_they_were_sent() {
        check(
            "30 31 ok a\n20 120 fail timeout\n10 11 ok a\n",
            &[(20, Some(31), 1)],
        );
    }

    #[test]
    fn an_outage_that_lasts_has_no_end() {
        check(
            "10 110 fail timeout\n20 120 fail timeout\n",
            &[(10, None, 2)],
        );
    }

    #[test]
    fn a_service_that_stutters_has_several_outages() {
        let text = "1 2 fail x\n3 4 ok a\n5 6 fail x\n7 8 ok b\n9 ";
        check(text, &[(1, Some(4), 1), (5, Some(8), 1)]);
        assert_eq!(
            longest(&samples(text)).unwrap().length(),
            Some(Duration::from_nanos(3))
        );
    }

    async fn answer(address: SocketAddr, question: Question) -> Result<String, String> {
        let limit = Duration::from_secs(5);
        let plan = Plan {
            address,
            question,
            every: limit,
            limit,
            count: 1,
        };
        sample(&plan).await.result
    }

    #[tokio::test]
    async fn a_connection_is_an_answer_and_a_closed_port_is_none() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(
            answer(address, Question::Connection).await,
            Ok("accepted".into())
        );
        drop(listener);
        assert!(answer(address, Question::Connection).await.is_err());
    }

    #[test]
    fn addresses_of_both_families_are_understood() {
        let of = |url: &str| {
            parse_url(url).map(|(address, question)| match question {
                Question::Page(path) => format!("{address} {path}"),
                Question::Connection => format!("{address} accepts"),
            })
        };
        assert_eq!(
            of("http://10.77.0.100/").as_deref(),
            Some("10.77.0.100:80 /")
        );
        assert_eq!(
            of("http://10.77.0.100:8080/x/y").as_deref(),
            Some("10.77.0.100:8080 /x/y")
        );
        assert_eq!(
            of("http://[fd77::100]:81").as_deref(),
            Some("[fd77::100]:81 /")
        );
        assert_eq!(
            of("http://[fd77::100]/").as_deref(),
            Some("[fd77::100]:80 /")
        );
        assert_eq!(
            of("tcp://10.77.0.100:445").as_deref(),
            Some("10.77.0.100:445 accepts")
        );
        assert_eq!(of("tcp://10.77.0.100"), None);
        assert_eq!(of("ftp://10.77.0.100"), None);
    }
}
