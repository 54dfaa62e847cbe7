//! The driver: carries out what the engine asks for, and tells it what came of it.
//!
//! One task does it all, and starts no other: it takes what is ready, lets the engine think, waits until the disk has
//! what the engine says, and only then answers and acts. While it waits, more gets ready, and shares the next sync.

use std::any::Any;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_channel::mpsc;
use futures_util::stream::{AbortHandle, Abortable, SelectAll};
use futures_util::{FutureExt, Stream, StreamExt};

use crate::approval::Approvals;
use crate::board::Board;
use crate::engine::{CallKey, Command, Cx, Effect, Engine, Input, Outbox};
use crate::model::{BoxFuture, Meter, ModelError, ModelErrorKind, ModelReply};
use crate::record::{Record, RecordError};
use crate::time::Time;
use crate::tool::ToolFailure;

/// The most inputs that share one sync, so that nobody waits long for an answer.
const MAX_INPUTS: usize = 1_024;

type Running = Pin<Box<dyn Stream<Item = Input> + Send>>;

/// What there is to do now.
enum Ready {
    Input(Input),
    /// Nothing yet.
    Later,
    /// Nothing yet, and everybody who could ask for something has gone.
    NobodyAsks,
}

/// A runtime on its way: a future that a host polls, or that [`crate::RuntimeBuilder::start`] gives a thread.
#[must_use = "nothing happens unless it is polled"]
pub struct Driver {
    pub(crate) engine: Engine,
    pub(crate) record: Box<dyn Record>,
    pub(crate) time: Arc<dyn Time>,
    pub(crate) approvals: Arc<dyn Approvals>,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) board: Arc<Board>,
    pub(crate) running: SelectAll<Abortable<Running>>,
    pub(crate) handles: BTreeMap<CallKey, AbortHandle>,
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("running", &self.handles.len()).finish_non_exhaustive()
    }
}

impl Driver {
    /// Runs until everybody who could ask for something is gone, or a shutdown is done.
    ///
    /// # Errors
    /// [`RecordError`] if a step could not be put on record; nothing goes on after it.
    pub async fn run(mut self) -> Result<(), RecordError> {
        let ended = self.run_on().await;
        self.board.stop(ended.as_ref().err());
        ended
    }

    async fn run_on(&mut self) -> Result<(), RecordError> {
        while let Some(first) = self.next_input().await {
            let mut inputs = vec![first];
            while inputs.len() < MAX_INPUTS
                && let Ready::Input(more) = poll_fn(|context| Poll::Ready(self.poll_ready(context))).await
            {
                inputs.push(more);
            }
            for input in inputs {
                let mut cx = Cx { now: self.time.now(), record: &mut *self.record };
                self.engine.handle(&mut cx, input)?;
            }
            self.settle()?;
            if self.engine.has_stopped() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Does what is due, and carries out what came of everything so far.
    pub(crate) fn settle(&mut self) -> Result<(), RecordError> {
        let mut cx = Cx { now: self.time.now(), record: &mut *self.record };
        self.engine.settle(&mut cx)?;
        let Outbox { mut groups, answers, effects } = self.engine.take_outbox();
        groups.retain(|group| !group.is_empty());
        if !groups.is_empty() {
            // Those who wait for an answer are told why there is none.
            self.record.commit(groups).inspect_err(|error| self.board.stop(Some(error)))?;
        }
        self.board.update(self.engine.take_changes());
        for answer in answers {
            answer();
        }
        for effect in effects {
            self.act(effect);
        }
        Ok(())
    }

    /// What happens next; `None` if nothing can happen any more.
    async fn next_input(&mut self) -> Option<Input> {
        let wake = self.engine.next_wake();
        let mut alarm = wake.map(|at| self.time.sleep_until(at));
        poll_fn(|context| {
            let nobody_asks = match self.poll_ready(context) {
                Ready::Input(input) => return Poll::Ready(Some(input)),
                Ready::Later => false,
                Ready::NobodyAsks => true,
            };
            match &mut alarm {
                Some(alarm) => alarm.poll_unpin(context).map(|()| Some(Input::Woken)),
                None if nobody_asks && self.handles.is_empty() => Poll::Ready(None),
                None => Poll::Pending,
            }
        })
        .await
    }

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Ready {
        let asked = self.commands.poll_next_unpin(context);
        if let Poll::Ready(Some(command)) = asked {
            return Ready::Input(Input::Command(command));
        }
        if let Poll::Ready(Some(input)) = self.running.poll_next_unpin(context) {
            match &input {
                Input::Replied { call, .. } | Input::ToolEnded { call, .. } | Input::Decided { call, .. } => {
                    self.handles.remove(call);
                }
                Input::Command(_) | Input::Progress { .. } | Input::Woken => {}
            }
            return Ready::Input(input);
        }
        if asked.is_ready() { Ready::NobodyAsks } else { Ready::Later }
    }

    fn act(&mut self, effect: Effect) {
        match effect {
            Effect::Call { key, client, call } => {
                let meter = Meter::default();
                let its_meter = meter.clone();
                let reply = AssertUnwindSafe(async move { client.call(*call, its_meter).await }).catch_unwind();
                let reply = reply.map(|ended| {
                    ended.unwrap_or_else(|panic| {
                        let why = format!("the model client panicked: {}", message(&*panic));
                        Err(ModelError::new(ModelErrorKind::BadReply, why))
                    })
                });
                self.begin(key, Box::pin(CallStream { key, reply: Some(Box::pin(reply)), meter, seen: 0 }));
            }
            Effect::RunTool { key, tool, call } => {
                let result = AssertUnwindSafe(async move { tool.call(call).await }).catch_unwind().map(move |ended| {
                    let result = ended.unwrap_or_else(|panic| {
                        let message = format!("the tool panicked: {}", message(&*panic));
                        Err(ToolFailure { code: "panicked", message, retryable: false })
                    });
                    Input::ToolEnded { call: key, result }
                });
                self.begin(key, Box::pin(result.into_stream()));
            }
            Effect::Ask { key, request } => {
                let decision = self.approvals.decide(request);
                let decided = decision.map(move |decision| Input::Decided { call: key, decision });
                self.begin(key, Box::pin(decided.into_stream()));
            }
            Effect::Drop { key } => {
                if let Some(handle) = self.handles.remove(&key) {
                    handle.abort();
                }
            }
        }
    }

    fn begin(&mut self, key: CallKey, running: Running) {
        let (handle, registration) = AbortHandle::new_pair();
        self.handles.insert(key, handle);
        self.running.push(Abortable::new(running, registration));
    }
}

/// A model call that tells of what arrives, and at last of its reply.
struct CallStream {
    key: CallKey,
    reply: Option<BoxFuture<'static, Result<ModelReply, ModelError>>>,
    meter: Meter,
    seen: u64,
}

impl Stream for CallStream {
    type Item = Input;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Input>> {
        let this = &mut *self;
        let Some(reply) = &mut this.reply else { return Poll::Ready(None) };
        if let Poll::Ready(reply) = reply.poll_unpin(context) {
            this.reply = None;
            return Poll::Ready(Some(Input::Replied { call: this.key, reply }));
        }
        let chunks = this.meter.chunks();
        if chunks == this.seen {
            return Poll::Pending;
        }
        this.seen = chunks;
        Poll::Ready(Some(Input::Progress { call: this.key, chunks, text_bytes: this.meter.text_bytes() }))
    }
}

/// What a panic said.
fn message(panic: &(dyn Any + Send)) -> &str {
    panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("?")
}
