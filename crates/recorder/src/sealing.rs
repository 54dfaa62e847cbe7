//! Sealing in the background: a thread of its own, so that nobody who records waits for it.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crossbeam_channel::{Sender, bounded};

use crate::log::Sealer;
use crate::options::SealWhen;

/// The thread that seals, and what it said last.
#[derive(Debug)]
pub(crate) struct Sealing {
    bell: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    failure: Arc<Mutex<Option<String>>>,
}

impl Sealing {
    /// Starts the thread; it waits for the bell.
    pub(crate) fn start(sealer: Arc<Sealer>, when: SealWhen) -> io::Result<Self> {
        let (bell, rung) = bounded::<()>(1);
        let failure = Arc::new(Mutex::new(None));
        let told = Arc::clone(&failure);
        let work = move || {
            while rung.recv().is_ok() {
                let failed = match when {
                    SealWhen::Due => sealer.seal_if_due().err(),
                    SealWhen::Asked => None,
                };
                *told.lock().unwrap_or_else(PoisonError::into_inner) = failed.map(|error| error.to_string());
            }
        };
        let thread = std::thread::Builder::new().name("flightrec-sealer".to_owned()).spawn(work)?;
        Ok(Self { bell: Some(bell), thread: Some(thread), failure })
    }

    /// What wakes the thread.
    pub(crate) fn bell(&self) -> Sender<()> {
        self.bell.clone().unwrap_or_else(|| bounded(1).0)
    }

    pub(crate) fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets the thread finish what it is at. The writer must have let go of its bell, or be about to.
    pub(crate) fn stop(&mut self) {
        self.bell = None;
    }
}

impl Drop for Sealing {
    fn drop(&mut self) {
        self.bell = None;
        if let Some(thread) = self.thread.take() {
            // A panic in there was a bug, and its work is done again at the next open.
            let _ended = thread.join().is_ok();
        }
    }
}
