//! How busy the processors are, where the configuration places services by that. Elsewhere
//! nothing is measured.

use std::time::Duration;

use model::Instant;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::control::{Control, Input};

/// Between two measures: the average of one minute changes slowly, and the kernel does not say
/// when it has.
const MEASURE_EVERY: Duration = Duration::from_secs(5);

/// The task that measures, while it is wanted.
#[derive(Default)]
pub struct Measuring(Option<JoinHandle<()>>);

impl Drop for Measuring {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

impl Control {
    /// The configuration may place services by something else.
    pub fn follow_load(&mut self) {
        match (self.node.measures_load(), &self.measuring.0) {
            (true, None) => {
                let task = tokio::spawn(measure(self.inputs.clone()));
                self.measuring = Measuring(Some(task));
            }
            (false, Some(_)) => self.measuring = Measuring::default(),
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// A measure, in percent of all processors.
    pub fn take_load(&mut self, percent: u32, now: Instant) {
        self.node.handle_load(percent, now);
    }
}

/// Until it is aborted, or the control loop has ended.
async fn measure(inputs: mpsc::Sender<Input>) {
    let mut is_warned = false;
    let mut due = tokio::time::interval(MEASURE_EVERY);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        due.tick().await;
        match host::load::processors_busy() {
            Ok(percent) => {
                is_warned = false;
                if inputs.send(Input::Load(percent)).await.is_err() {
                    return;
                }
            }
            Err(error) if !is_warned => {
                is_warned = true;
                tracing::warn!("how busy the processors are is not known: {error}");
            }
            Err(_) => {}
        }
    }
}
