//! Events as they are recorded, as server-sent events. The id of each is its `seq`, so that a client which
//! comes back goes on where it was; a browser does so by itself, with `Last-Event-ID`.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use hyper::header::{HeaderMap, HeaderName};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{Instant, sleep};

use super::Question;
use super::events::{filter, readable};
use super::filters::Scope;
use crate::answer::Answer;
use crate::app::Lane;
use crate::problem::Problem;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// How much is read at a time; the last event may go beyond.
const STEP_BYTES: usize = 256 * 1024;
/// How many steps wait for a slow client; then reading waits for the client.
const STEPS_AHEAD: usize = 2;
/// How often to look for new events.
const REST: Duration = Duration::from_millis(25);
/// How long a stream is silent at most.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// `GET /api/v1/stream`
pub(crate) async fn begin(question: Question, headers: &HeaderMap) -> Result<Answer, Problem> {
    let app = Arc::clone(&question.app);
    let place = Arc::clone(&app.streams).try_acquire_owned();
    let place = place.map_err(|_| Problem::busy("the server has as many live streams as it may"))?;
    let last_id = headers.get(LAST_EVENT_ID).map(|value| {
        let seq = value.to_str().ok().and_then(|text| text.trim().parse::<u64>().ok());
        seq.ok_or_else(|| Problem::bad("Last-Event-ID is not the id of an event of this stream"))
    });
    let after_last = last_id.transpose()?.map(|seq| seq.saturating_add(1));
    let follower = app
        .work(Lane::Question, move || {
            let (filter, scope) = filter(&question)?;
            let next = question.reader().last_seq().unwrap_or(0) + 1;
            let from = after_last.or(filter.from_seq).unwrap_or(next);
            Ok::<_, Problem>(Follower { question, filter, scope, from })
        })
        .await??;
    let (sender, receiver) = channel(STEPS_AHEAD);
    tokio::spawn(async move {
        let _held_until_it_ends = place;
        follow(follower, sender).await;
    });
    Ok(Answer::flowing("text/event-stream", Steps(receiver)))
}

/// Where one stream is.
struct Follower {
    question: Question,
    filter: flightrec_recorder::query::EventFilter,
    scope: Scope,
    from: u64,
}

impl Follower {
    /// The next events, as they are sent; empty if there are none.
    fn step(&mut self) -> Result<Vec<u8>, Problem> {
        let reader = self.question.reader();
        let seen = reader.last_seq().unwrap_or(0);
        self.scope.refresh(&self.question)?;
        self.filter.from_seq = Some(self.from);
        self.filter.limit = None;
        let mut out = Vec::new();
        let mut damage = Vec::new();
        let mut next = self.from.max(seen + 1);
        for event in reader.events(&self.filter) {
            let Some(event) = readable(event, &mut damage)? else { continue };
            if self.scope.takes(event.event.model_session_id.as_ref().map(AsRef::as_ref)) {
                out.extend_from_slice(format!("id: {}\ndata: ", event.seq).as_bytes());
                event.write_json(&mut out);
                out.extend_from_slice(b"\n\n");
            }
            next = next.max(event.seq + 1);
            if out.len() >= STEP_BYTES {
                next = event.seq + 1;
                break;
            }
        }
        self.from = next;
        for lost in damage {
            out.extend_from_slice(format!("event: damage\ndata: {}\n\n", serde_json::json!(lost)).as_bytes());
        }
        Ok(out)
    }
}

/// Sends until the client has gone, the server stops, or the store cannot be read.
async fn follow(mut follower: Follower, sender: Sender<Bytes>) {
    let app = Arc::clone(&follower.question.app);
    let mut stopping = app.stopping.clone();
    let mut last_sent = Instant::now();
    loop {
        let has_more = app.recorder.reader().last_seq().unwrap_or(0) >= follower.from;
        if has_more {
            let worked = app.work(Lane::Question, move || {
                let step = follower.step();
                (follower, step)
            });
            let Ok((back, step)) = worked.await else { return };
            follower = back;
            match step {
                Ok(step) if step.is_empty() => {}
                Ok(step) => {
                    if sender.send(step.into()).await.is_err() {
                        return;
                    }
                    last_sent = Instant::now();
                    continue;
                }
                Err(_) => return,
            }
        }
        if last_sent.elapsed() >= HEARTBEAT {
            if sender.send(Bytes::from_static(b": \n\n")).await.is_err() {
                return;
            }
            last_sent = Instant::now();
        }
        tokio::select! {
            () = sleep(REST) => {}
            () = sender.closed() => return,
            _ = stopping.wait_for(|stop| *stop) => return,
        }
    }
}

/// What was read, on its way to the client.
struct Steps(Receiver<Bytes>);

impl Body for Steps {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|step| step.map(|step| Ok(Frame::data(step))))
    }
}
