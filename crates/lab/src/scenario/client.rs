//! A client that asks a service again and again while a scenario goes on.

use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::observe::await_that;
use super::steps::Verdict;
use crate::handle::{Lab, LabError, Running};
use crate::probe::{self, Sample};

/// An answer proves the service only if it follows all that went wrong: so many in a row.
const GOOD_AFTER: usize = 10;
/// How long the service may take to answer again before it is judged.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Its end ends the requests.
pub(super) struct Client {
    _running: Running,
    text: Arc<Mutex<String>>,
    /// Requests before this moment were judged.
    judged: u64,
}

impl Client {
    pub(super) fn start(lab: &Lab, program: &[String]) -> Result<Self, LabError> {
        let argv: Vec<&str> = program.iter().map(String::as_str).collect();
        let mut running = lab.spawn("client", &argv)?;
        let text = Arc::new(Mutex::new(String::new()));
        let (stdout, sink) = (running.stdout.take(), text.clone());
        std::thread::spawn(move || {
            let Some(mut stdout) = stdout else { return };
            let mut chunk = [0; 4096];
            // Ends with the probe, which ends with the scenario at the latest.
            while let Ok(count @ 1..) = stdout.read(&mut chunk) {
                let new = String::from_utf8_lossy(&chunk[..count]);
                sink.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push_str(&new);
            }
        });
        Ok(Self {
            _running: running,
            text,
            judged: 0,
        })
    }

    fn samples(&self) -> Vec<Sample> {
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = probe::samples(&text);
        all.retain(|sample| self.judged < sample.sent);
        all
    }

    fn is_answered(&self) -> Result<(), String> {
        let all = self.samples();
        let good = all.iter().rev().take_while(|sample| sample.result.is_ok());
        match good.count() {
            GOOD_AFTER.. => Ok(()),
            _ => Err(match all.last() {
                Some(last) => format!("the client sees: {last}"),
                None => "the client asked nothing yet".into(),
            }),
        }
    }

    /// An outage that must be there may be about to begin: the requests that will fail are
    /// still under way.
    fn is_over(&self, verdict: Verdict) -> Result<(), String> {
        self.is_answered()?;
        let outage = probe::longest(&self.samples()).and_then(|outage| outage.length());
        match verdict {
            Verdict::OutageBetween(least, _) if outage.unwrap_or_default() < least => {
                Err(format!("no outage of {least:?} was seen"))
            }
            Verdict::OutageBetween(..) | Verdict::OutageUnder(_) | Verdict::NoFailure => Ok(()),
        }
    }

    /// Judges the requests since the last verdict; gives what was measured.
    pub(super) fn judge(&mut self, verdict: Verdict) -> Result<String, String> {
        await_that(ANSWER_LIMIT, || self.is_over(verdict))?;
        let all = self.samples();
        self.judged = all.last().map_or(0, |sample| sample.sent);
        let failed = all.iter().filter(|sample| sample.result.is_err()).count();
        let outage = probe::longest(&all).and_then(|outage| outage.length());
        let outage = outage.unwrap_or_default();
        let measured = format!(
            "{failed} of {} requests failed, longest {outage:?}",
            all.len()
        );
        let is_good = match verdict {
            Verdict::NoFailure => failed == 0,
            Verdict::OutageUnder(limit) => outage < limit,
            Verdict::OutageBetween(least, most) => (least..most).contains(&outage),
        };
        if is_good { Ok(measured) } else { Err(measured) }
    }
}
