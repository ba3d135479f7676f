//! The newest lines, kept in memory for whoever asks over the socket.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use api::{DaemonLine, DaemonLog, Timestamp};
use tokio::sync::watch;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Some hours of an ordinary day, some minutes of a bad one; a megabyte at most.
const LINES_MAX: usize = 4000;

/// A longer line is cut: nobody reads it here.
const LINE_BYTES_MAX: usize = 2000;

/// Lines of one answer: what fits is told at once, the rest with the next question.
const ANSWER_LINES_MAX: usize = 1000;

/// Lines by their numbers.
#[derive(Clone)]
pub(super) struct Kept {
    lines: Arc<Mutex<Lines>>,
    newest: watch::Sender<u64>,
}

#[derive(Default)]
struct Lines {
    /// The number of the first one that is still there; they are counted from 1.
    first: u64,
    list: VecDeque<DaemonLine>,
}

impl Default for Kept {
    fn default() -> Self {
        let lines = Lines {
            first: 1,
            list: VecDeque::new(),
        };
        Self {
            lines: Arc::new(Mutex::new(lines)),
            newest: watch::Sender::new(0),
        }
    }
}

impl Kept {
    /// What takes the lines in.
    pub(super) fn layer(&self) -> Self {
        self.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().expect("nothing panics with this lock")
    }

    fn push(&self, line: DaemonLine) {
        let newest = {
            let mut lines = self.lock();
            if LINES_MAX <= lines.list.len() {
                lines.list.pop_front();
                lines.first += 1;
            }
            lines.list.push_back(line);
            lines.first + lines.list.len() as u64 - 1
        };
        self.newest.send_replace(newest);
    }

    /// The newest lines.
    pub(super) fn all(&self) -> DaemonLog {
        let lines = self.lock();
        let skipped = lines.list.len().saturating_sub(ANSWER_LINES_MAX);
        DaemonLog {
            node: String::new(),
            lines: lines.list.iter().skip(skipped).cloned().collect(),
            cursor: lines.first + lines.list.len() as u64 - 1,
            missed: 0,
        }
    }

    /// The lines after one, waited for at most so long. A number from an earlier run of the
    /// daemon, beyond ours, means all that this one has.
    pub(super) async fn after(&self, after: u64, wait: Duration) -> DaemonLog {
        let mut newest = self.newest.subscribe();
        let after = if *newest.borrow() < after { 0 } else { after };
        // Whether something came or not, the next look tells.
        let _elapsed = tokio::time::timeout(wait, newest.wait_for(|newest| after < *newest)).await;
        let lines = self.lock();
        let missed = lines.first.saturating_sub(after + 1);
        let skipped =
            usize::try_from((after + 1).saturating_sub(lines.first)).unwrap_or(usize::MAX);
        let list: Vec<DaemonLine> = lines
            .list
            .iter()
            .skip(skipped)
            .take(ANSWER_LINES_MAX)
            .cloned()
            .collect();
        DaemonLog {
            node: String::new(),
            cursor: after + missed + list.len() as u64,
            lines: list,
            missed: if after == 0 { 0 } else { missed },
        }
    }
}

impl<S: Subscriber> Layer<S> for Kept {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut words = Words::default();
        event.record(&mut words);
        let mut text = words.message + &words.fields;
        if LINE_BYTES_MAX < text.len() {
            text.truncate(text.floor_char_boundary(LINE_BYTES_MAX));
            text.push('…');
        }
        self.push(DaemonLine {
            at: Timestamp(host::clock::wall()),
            level: event.metadata().level().as_str().to_lowercase(),
            module: event.metadata().target().to_string(),
            text,
        });
    }
}

/// A line in words: what is said, then what is known.
#[derive(Default)]
struct Words {
    message: String,
    fields: String,
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing into a string cannot fail.
        let _never = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message.push_str(value),
            name => self.fields.push_str(&format!(" {name}={value}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: impl Into<String>) -> DaemonLine {
        DaemonLine {
            text: text.into(),
            ..DaemonLine::default()
        }
    }

    fn texts(log: &DaemonLog) -> Vec<&str> {
        log.lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[tokio::test]
    async fn who_follows_hears_each_line_once_and_what_was_missed() {
        let kept = Kept::default();
        kept.push(line("one"));
        kept.push(line("two"));
        let all = kept.all();
        assert_eq!((texts(&all), all.cursor), (vec!["one", "two"], 2));
        let nothing = kept.after(2, Duration::from_millis(5)).await;
        assert_eq!((texts(&nothing), nothing.cursor), (vec![], 2));
        let (later, waited) = tokio::join!(
            async { kept.push(line("three")) },
            kept.after(2, Duration::from_secs(20))
        );
        let () = later;
        assert_eq!((texts(&waited), waited.cursor), (vec!["three"], 3));
        for number in 0..LINES_MAX {
            kept.push(line(number.to_string()));
        }
        let rest = kept.after(1, Duration::ZERO).await;
        assert_eq!((rest.missed, texts(&rest)[0]), (2, "0"));
        assert_eq!(rest.cursor, 3 + ANSWER_LINES_MAX as u64);
        // A cursor of an earlier run.
        assert_eq!(kept.after(1_000_000, Duration::ZERO).await.missed, 0);
    }

    #[test]
    fn an_event_becomes_one_line_with_what_is_known() {
        use tracing_subscriber::layer::SubscriberExt;
        let kept = Kept::default();
        let subscriber = tracing_subscriber::registry().with(kept.layer());
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(node = "alpha", tries = 3, "it is {}", "late");
        });
        let log = kept.all();
        let line = &log.lines[0];
        assert_eq!(line.text, "it is late node=alpha tries=3");
        assert_eq!(line.level, "warn");
        assert!(line.module.starts_with("mainstay"), "{}", line.module);
    }
}
