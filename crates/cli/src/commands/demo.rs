//! The sessions of `up`: what a crash left is picked up, and with `--demo` the bundled plan runs beside the server.

use std::sync::Arc;

use flightrec_ingest::prices::PriceTable;
use flightrec_recorder::Recorder;
use flightrec_sessions::{LiveTime, Runtime, SharedRecord};

use super::Run;
use super::recovery::tell_recovered;
use super::running::{ListPrices, Loaded};
use crate::exit::{Failure, chain, tell};

/// Pauses the sessions that a crash left at work. That it cannot be done does not keep the server from its work.
pub(super) fn pick_up(run: &Run, recorder: &Arc<Recorder>) {
    let record = Box::new(SharedRecord::new(Arc::clone(recorder)));
    // It has no models, so that there is nothing for it to do once the record says what happened.
    match Runtime::builder().drive(record, Arc::new(LiveTime::new())) {
        Ok((runtime, _nothing_to_drive)) => tell_recovered(run.console, recorder.reader(), runtime.recovered(), true),
        Err(error) => tell(&format!(
            "{}: what a crash may have left at work stays as it is: {}",
            run.store.path.display(),
            chain(&error)
        )),
    }
}

/// The bundled plan, on the recorder of the server.
pub(super) struct Demo {
    loaded: Loaded,
    runtime: Runtime,
}

impl Demo {
    /// Makes its runtime; sessions start with [`Self::play`].
    pub(super) fn new(run: &Run, recorder: &Arc<Recorder>, prices: PriceTable) -> Result<Self, Failure> {
        let loaded = Loaded::bundled()?;
        let runtime = loaded
            .launch
            .builder()
            .and_then(|builder| builder.prices(Arc::new(ListPrices(prices))).start(Arc::clone(recorder)))
            .map_err(|error| Failure::failed(format!("cannot start the sessions of the demo: {}", chain(&error))))?;
        tell_recovered(run.console, recorder.reader(), runtime.recovered(), true);
        Ok(Self { loaded, runtime })
    }

    /// Starts its sessions, and says when they have ended.
    pub(super) async fn play(&self, run: &Run) {
        let sessions = self.loaded.plan.sessions.len();
        run.console.note(&format!("the demo plan runs: {sessions} sessions, about a minute"));
        let started = match self.loaded.launch.start(&self.runtime).await {
            Ok(started) => started,
            Err(error) => return tell(&format!("the demo has stopped: {error}")),
        };
        for handle in started.iter().filter_map(|started| started.session.as_ref().ok()) {
            if let Err(error) = handle.ended().await {
                return tell(&format!("the demo has stopped: {error}"));
            }
        }
        run.console.note("the demo plan has ended; its sessions stay on record");
    }

    /// Stops: sessions that have not ended are PAUSED, with a checkpoint.
    pub(super) async fn stop(self) {
        if let Err(error) = self.runtime.shutdown().await {
            tell(&format!("the demo was not shut down cleanly: {}", chain(&error)));
        }
    }
}
