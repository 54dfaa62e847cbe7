//! Bodies on their way in: bounded in bytes, in time, and in what all of them hold together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_LENGTH, HeaderMap};
use tokio::time::{Instant, timeout_at};

use crate::options::Limits;
use crate::problem::{Kind, Problem};

/// Bytes that all requests may hold together.
#[derive(Debug)]
pub(crate) struct Budget {
    used: AtomicUsize,
    limit: usize,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { used: AtomicUsize::new(0), limit })
    }

    /// Begins to hold; nothing yet.
    pub(crate) fn hold(self: &Arc<Self>) -> Held {
        Held { budget: Arc::clone(self), bytes: 0 }
    }
}

/// What one request holds of the budget; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Held {
    /// Holds more. Nobody waits here: two half-read bodies would wait for each other.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Problem> {
        let take = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.budget.limit);
        if self.budget.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
            return Err(Problem::busy("the server holds as many bytes of requests as it may"));
        }
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Reads a whole body of at most `limit` bytes.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: &mut Incoming,
    limit: usize,
    limits: &Limits,
    held: &mut Held,
) -> Result<Bytes, Problem> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > limit as u64) || body.size_hint().lower() > limit as u64 {
        return Err(Problem::too_large(limits.max_body_bytes));
    }
    let began = Instant::now();
    let mut chunks: Vec<Bytes> = Vec::new();
    let mut bytes = 0;
    loop {
        let patience = (Instant::now() + limits.body_idle_timeout).min(began + limits.body_timeout);
        let frame = timeout_at(patience, body.frame()).await.map_err(|_| {
            Problem::new(Kind::TooSlow, "the body did not come in time: send it faster, or in smaller parts")
        })?;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|_| Problem::bad("the body ended before it was whole"))?;
        let Ok(chunk) = frame.into_data() else { continue };
        if chunk.len() > limit - bytes {
            return Err(Problem::too_large(limits.max_body_bytes));
        }
        held.grow(chunk.len())?;
        bytes += chunk.len();
        chunks.push(chunk);
    }
    Ok(match chunks.len() {
        0 => Bytes::new(),
        1 => chunks.swap_remove(0),
        _ => chunks.concat().into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_given_back() {
        let budget = Budget::new(100);
        let (mut one, mut two) = (budget.hold(), budget.hold());
        one.grow(60).unwrap();
        two.grow(40).unwrap();
        assert_eq!(two.grow(1).unwrap_err().kind, Kind::Unavailable);
        assert_eq!(two.grow(usize::MAX).unwrap_err().kind, Kind::Unavailable);
        drop(one);
        two.grow(60).unwrap();
        drop(two);
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
    }
}
