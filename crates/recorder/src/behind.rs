//! Work that nobody who records waits for: writing files that can be made again from the log.

use std::io;
use std::thread::JoinHandle;

use crossbeam_channel::{Sender, TrySendError, bounded};

/// How many jobs may wait. A job that finds no place is let go of: what it would have written is written later.
const MAX_WAITING: usize = 4;

type Job = Box<dyn FnOnce() + Send>;

/// Where the jobs are done: at once by whoever gives them, or on a thread, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Behind {
    thread: Option<(Sender<Job>, JoinHandle<()>)>,
}

impl Behind {
    /// A thread for jobs.
    pub(crate) fn start() -> io::Result<Self> {
        let (jobs, given) = bounded::<Job>(MAX_WAITING);
        let work = move || given.into_iter().for_each(|job| job());
        let thread = std::thread::Builder::new().name("flightrec-behind".to_owned()).spawn(work)?;
        Ok(Self { thread: Some((jobs, thread)) })
    }

    /// Has a job done.
    pub(crate) fn run(&self, job: impl FnOnce() + Send + 'static) {
        let job: Job = Box::new(job);
        match &self.thread {
            None => job(),
            Some((jobs, _)) => match jobs.try_send(job) {
                Ok(()) | Err(TrySendError::Full(_)) => {}
                // The thread ended by a bug in a job before.
                Err(TrySendError::Disconnected(job)) => job(),
            },
        }
    }

    /// Waits until all jobs are done; from here on they are done at once.
    pub(crate) fn finish(&mut self) {
        if let Some((jobs, thread)) = self.thread.take() {
            drop(jobs);
            // A panic in there was a bug, and what it left is made again at the next open.
            let _ended = thread.join().is_ok();
        }
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        self.finish();
    }
}
