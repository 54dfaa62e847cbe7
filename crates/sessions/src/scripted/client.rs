//! The client that plays scripts.

use std::sync::Arc;
use std::time::Duration;

use super::failure::ScriptedFailure;
use super::script::Scripts;
use super::stream::Stream;
use crate::model::{BoxFuture, Meter, ModelCall, ModelClient, ModelError, ModelErrorKind, ModelReply};
use crate::time::{Time, later};

/// Plays scripts in place of a model.
///
/// It keeps nothing between calls: the same call gives the same reply at the same times after it was made.
///
/// ```
/// use std::sync::Arc;
/// use flightrec_sessions::{Script, ScriptedClient, Scripts, SimulatedTime, Step};
/// let time = SimulatedTime::new(flightrec_sessions::events::Timestamp::default());
/// let scripts = Scripts::new().with("default", Script::of([Step::say("hello")]));
/// let client = ScriptedClient::new(Arc::new(time), scripts);
/// assert_eq!(client.scripts().names().collect::<Vec<_>>(), ["default"]);
/// ```
#[derive(Debug, Clone)]
pub struct ScriptedClient {
    time: Arc<dyn Time>,
    scripts: Arc<Scripts>,
}

impl ScriptedClient {
    /// A client that plays these scripts by this clock.
    pub fn new(time: Arc<dyn Time>, scripts: Scripts) -> Self {
        Self { time, scripts: Arc::new(scripts) }
    }

    /// The scripts.
    pub fn scripts(&self) -> &Scripts {
        &self.scripts
    }
}

impl ModelClient for ScriptedClient {
    fn call(&self, call: ModelCall, meter: Meter) -> BoxFuture<'static, Result<ModelReply, ModelError>> {
        let Some(step) = self.scripts.of(&call.role, call.label.as_ref()).and_then(|script| script.step(call.step))
        else {
            return Box::pin(std::future::ready(Err(no_script(&call))));
        };
        let stream = Stream::of(step, &call);
        let failure = step.failure.clone().filter(|failure| failure.hits(call.attempt));
        Box::pin(play(Arc::clone(&self.time), stream, failure, meter))
    }
}

fn no_script(call: &ModelCall) -> ModelError {
    let label = call.label.as_ref().map(|label| format!("the label `{}`, ", label.as_str())).unwrap_or_default();
    let message = format!("there is no script for {label}the role `{}` or `default`", call.role);
    ModelError::new(ModelErrorKind::UnknownModel, message)
}

/// Brings in the chunks at their times, and the reply with the last, unless it fails before.
async fn play(
    time: Arc<dyn Time>,
    stream: Stream,
    failure: Option<ScriptedFailure>,
    meter: Meter,
) -> Result<ModelReply, ModelError> {
    let start = time.now();
    let wait = |after: Duration| time.sleep_until(later(start, after));
    let Some(failure) = failure else {
        for (after, bytes) in stream.chunks() {
            wait(after).await;
            meter.chunk(bytes);
        }
        wait(stream.duration()).await;
        return Ok(stream.reply);
    };
    let count = stream.chunks().count() as u32;
    let good = failure.after_chunks.unwrap_or_else(|| failure.kind.usual_chunks(count)).min(count);
    for (after, bytes) in stream.chunks().take(good as usize) {
        wait(after).await;
        meter.chunk(bytes);
    }
    let Some(kind) = failure.kind.error() else {
        return std::future::pending().await;
    };
    if good == 0 {
        wait(stream.first_token()).await;
    }
    let begun = good > 0;
    Err(ModelError {
        kind,
        message: failure.message.clone().unwrap_or_else(|| failure.kind.usual_message().to_owned()),
        retry_after: failure.retry_after_ms.map(Duration::from_millis),
        usage: stream.reply.usage.filter(|_| begun).map(|_| stream.usage_after(good)),
        response_id: stream.reply.response_id.filter(|_| begun),
    })
}
