//! Time: the clock and the timers of a runtime, real or simulated.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use flightrec_events::Timestamp;
use flightrec_recorder::{Clock, SystemClock};

use crate::model::BoxFuture;

/// A clock that can be waited on. It never goes back: waits are explained by the differences of its times.
pub trait Time: Clock {
    /// Waits until the clock shows `at`.
    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()>;
}

/// The time so long after another, at the latest the end of time.
pub(crate) fn later(at: Timestamp, wait: Duration) -> Timestamp {
    let micros = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(at.as_micros().saturating_add(micros)).unwrap_or(Timestamp::MAX)
}

/// The machine's clock, read once; from then on it goes on evenly, whatever is done to that clock.
#[derive(Debug, Clone, Copy)]
pub struct LiveTime {
    anchor: Timestamp,
    started: tokio::time::Instant,
}

impl LiveTime {
    /// The time from now on.
    pub fn new() -> Self {
        Self { anchor: SystemClock.now(), started: tokio::time::Instant::now() }
    }
}

impl Default for LiveTime {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for LiveTime {
    fn now(&self) -> Timestamp {
        later(self.anchor, self.started.elapsed())
    }
}

impl Time for LiveTime {
    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let since_anchor = u64::try_from(at.micros_since(self.anchor)).unwrap_or(0);
        Box::pin(tokio::time::sleep_until(self.started + Duration::from_micros(since_anchor)))
    }
}

/// A clock that stands still while there is work, and jumps to the next timer when there is none. With it, a run
/// repeats exactly.
#[derive(Clone)]
pub struct SimulatedTime(Arc<Mutex<Timers>>);

struct Timers {
    now: Timestamp,
    drawn: u64,
    waiting: BinaryHeap<Reverse<Timer>>,
}

struct Timer {
    at: Timestamp,
    drawn: u64,
    waker: Waker,
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.drawn) == (other.at, other.drawn)
    }
}

impl Eq for Timer {}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.drawn).cmp(&(other.at, other.drawn))
    }
}

impl fmt::Debug for SimulatedTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimulatedTime").field(&self.now()).finish()
    }
}

impl SimulatedTime {
    /// A clock that shows `start`.
    pub fn new(start: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Timers { now: start, drawn: 0, waiting: BinaryHeap::new() })))
    }

    fn hold(&self) -> MutexGuard<'_, Timers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a future to its end on this thread. `None` if it waits for something that no timer will bring.
    pub fn run<F: Future>(&self, future: F) -> Option<F::Output> {
        let woken = Arc::new(Flag(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return Some(output);
            }
            while !woken.0.swap(false, Ordering::SeqCst) {
                let due = self.hold().jump()?;
                due.into_iter().for_each(Waker::wake);
            }
        }
    }
}

impl Timers {
    /// Jumps to the next timer, and takes all that are due then: what happens at one time is ready together.
    fn jump(&mut self) -> Option<Vec<Waker>> {
        let Reverse(first) = self.waiting.pop()?;
        self.now = self.now.max(first.at);
        let mut due = vec![first.waker];
        while let Some(Reverse(next)) = self.waiting.peek()
            && next.at <= self.now
        {
            due.extend(self.waiting.pop().map(|Reverse(timer)| timer.waker));
        }
        Some(due)
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Clock for SimulatedTime {
    fn now(&self) -> Timestamp {
        self.hold().now
    }
}

impl Time for SimulatedTime {
    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(Sleep { time: self.clone(), at, waker: None })
    }
}

struct Sleep {
    time: SimulatedTime,
    at: Timestamp,
    /// Who is woken: a future may be polled by another task than before.
    waker: Option<Waker>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let time = self.time.clone();
        let mut timers = time.hold();
        if timers.now >= self.at {
            return Poll::Ready(());
        }
        if self.waker.as_ref().is_none_or(|waker| !waker.will_wake(context.waker())) {
            timers.drawn += 1;
            let timer = Timer { at: self.at, drawn: timers.drawn, waker: context.waker().clone() };
            timers.waiting.push(Reverse(timer));
            self.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simulated_time_jumps_from_timer_to_timer_in_their_order() {
        let time = SimulatedTime::new(Timestamp::default());
        let seen = Mutex::new(Vec::new());
        let wait = async |ms: u64| {
            time.sleep_until(later(Timestamp::default(), Duration::from_millis(ms))).await;
            seen.lock().unwrap().push((ms, time.now().as_micros() / 1000));
        };
        let all = futures_util::future::join3(wait(30), wait(10), wait(20));
        assert!(time.run(all).is_some());
        assert_eq!(*seen.lock().unwrap(), [(10, 10), (20, 20), (30, 30)]);
    }

    #[test]
    fn a_future_that_nothing_will_wake_is_told() {
        let time = SimulatedTime::new(Timestamp::default());
        assert_eq!(time.run(std::future::pending::<()>()), None);
    }
}
