//! What all requests share: the recorder, the intake, the limits, the numbers.

use std::fmt;
use std::sync::{Arc, Mutex};

use flightrec_recorder::Recorder;
use flightrec_recorder::budgets::Budgets;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::api::lanes::Lanes;
use crate::api::sql::Engines;
use crate::body::Budget;
use crate::intake::Intake;
use crate::metrics::Metrics;
use crate::options::Options;
use crate::problem::{Kind, Problem};

/// What all requests share.
pub(crate) struct App {
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) intake: Arc<dyn Intake>,
    pub(crate) options: Options,
    pub(crate) budget: Arc<Budget>,
    pub(crate) metrics: Metrics,
    /// Live streams that may still begin.
    pub(crate) streams: Arc<Semaphore>,
    /// Turns true when the server is asked to stop.
    pub(crate) stopping: watch::Receiver<bool>,
    /// The engine that answers SQL, in a build that has one.
    pub(crate) engines: Engines,
    /// The budgets on record, as the last question about them left them.
    pub(crate) budgets: Mutex<Budgets>,
    /// Lanes that were read before.
    pub(crate) lanes: Lanes,
    admitted: Arc<Semaphore>,
    intakes: Arc<Semaphore>,
    questions: Arc<Semaphore>,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Which queue work waits in, so that long answers never keep telemetry waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Something is recorded.
    Intake,
    /// A question is answered.
    Question,
}

impl App {
    pub(crate) fn new(
        recorder: Arc<Recorder>,
        intake: Arc<dyn Intake>,
        options: Options,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let limits = &options.limits;
        Self {
            recorder,
            intake,
            budget: Budget::new(limits.max_buffered_bytes),
            metrics: Metrics::default(),
            streams: Arc::new(Semaphore::new(limits.max_streams)),
            stopping,
            engines: Engines::default(),
            budgets: Mutex::default(),
            lanes: Lanes::default(),
            admitted: Arc::new(Semaphore::new(limits.max_requests)),
            intakes: Arc::new(Semaphore::new(limits.max_intakes)),
            questions: Arc::new(Semaphore::new(limits.max_questions)),
            options,
        }
    }

    /// A place among the requests that are worked on or wait.
    pub(crate) fn admit(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned();
        admitted.map_err(|_| Problem::busy("the server has as many requests as it may"))
    }

    /// Runs what blocks on a thread that may block, when its turn comes. The turn lasts as long as the
    /// work, also if the client has gone meanwhile.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let admitted = self.admit()?;
        let lane = match lane {
            Lane::Intake => &self.intakes,
            Lane::Question => &self.questions,
        };
        let turn = Arc::clone(lane).acquire_owned().await;
        let turn = turn.map_err(|_| Problem::busy("the server is stopping"))?;
        let done = tokio::task::spawn_blocking(move || {
            let _held_until_done = (admitted, turn);
            work()
        });
        done.await.map_err(|_| Problem::new(Kind::Internal, "the server failed at this request, and goes on"))
    }

    /// Why nothing can be recorded now, if so.
    pub(crate) fn unready(&self) -> Option<&'static str> {
        if self.recorder.failure().is_some() {
            Some(
                "the recorder has stopped writing: restart the server, which verifies the store before it writes again",
            )
        } else if *self.stopping.borrow() {
            Some("the server is stopping")
        } else {
            None
        }
    }
}
