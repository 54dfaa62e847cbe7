//! A reply as far as it has arrived, read from the provider's own frames.
//!
//! The provider library gives normalised events, but no response ids, no usage of a reply that broke off, and tool
//! arguments only after it has parsed and printed them again. So the frames themselves are read, by way of the
//! library's frame sink; the library tells when the reply ends and what fails.
// tidy: no-wildcard

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use genai::chat::{ChatFrameSink, FrameCtx, RawFrameRef};
use serde_json::Value;

use super::{ProviderKind, anthropic, gemini, openai};
use crate::message::ToolRequest;
use crate::model::{Meter, ModelErrorKind, ModelReply, Usage};

/// The most bytes of text and tool arguments that a reply may have.
pub(super) const REPLY_LIMIT_BYTES: usize = 4 << 20;

/// The most bytes that the arguments of one tool call may have.
pub(super) const ARGUMENTS_LIMIT_BYTES: usize = 256 << 10;

/// The most tool calls of one reply.
pub(super) const CALLS_LIMIT: usize = 128;

/// What ends a stream of OpenAI's kind.
const END_MARKER: &str = "[DONE]";

/// What has arrived of a reply.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    /// The reply, without what is still in pieces.
    pub(super) reply: ModelReply,
    /// Whether anything came that belongs to a reply.
    pub(super) began: bool,
    /// Whether the provider said that this is all.
    pub(super) whole: bool,
    /// Whether something came that is no event, such as a page of HTML.
    pub(super) stray: bool,
    /// Why no more is read.
    pub(super) failure: Option<(ModelErrorKind, String)>,
    calls: Vec<PartialCall>,
    held_bytes: usize,
    chunk: Option<usize>,
}

#[derive(Debug)]
struct PartialCall {
    index: Option<u64>,
    request: ToolRequest,
}

impl Arrived {
    /// Text of the reply.
    pub(super) fn text(&mut self, text: &str) {
        if text.is_empty() || !self.holds(text.len()) {
            return;
        }
        self.reply.text.push_str(text);
    }

    /// The model thinks; of that only the progress is kept.
    pub(super) fn reasoning(&mut self) {
        self.chunk.get_or_insert(0);
    }

    /// A tool call begins.
    pub(super) fn call(&mut self, index: Option<u64>, id: &str, name: &str) {
        if self.calls.len() == CALLS_LIMIT {
            self.fail(ModelErrorKind::BadReply, format!("the reply has more than {CALLS_LIMIT} tool calls"));
            return;
        }
        if self.holds(id.len() + name.len()) {
            let request = ToolRequest { id: id.to_owned(), name: name.to_owned(), arguments: String::new() };
            self.calls.push(PartialCall { index, request });
        }
    }

    /// Whether a call with this index has begun under another id. Some servers give the same index to every call.
    pub(super) fn is_another(&self, index: u64, id: &str) -> bool {
        self.position(Some(index)).is_none_or(|at| {
            let begun = &self.calls[at].request.id;
            !id.is_empty() && !begun.is_empty() && begun != id
        })
    }

    /// A piece of the arguments of the call with this index, or of the last one.
    pub(super) fn arguments(&mut self, index: Option<u64>, piece: &str) {
        let Some(at) = self.position(index) else { return };
        if self.calls[at].request.arguments.len() + piece.len() > ARGUMENTS_LIMIT_BYTES {
            let limit_kib = ARGUMENTS_LIMIT_BYTES >> 10;
            self.fail(ModelErrorKind::BadReply, format!("the arguments of a tool call exceed {limit_kib} KiB"));
        } else if !piece.is_empty() && self.holds(piece.len()) {
            self.calls[at].request.arguments.push_str(piece);
        }
    }

    /// A later piece of a call's name, for servers that send it after the id.
    pub(super) fn name(&mut self, index: Option<u64>, name: &str) {
        let Some(at) = self.position(index) else { return };
        if self.calls[at].request.name.is_empty() && self.holds(name.len()) {
            name.clone_into(&mut self.calls[at].request.name);
        }
    }

    /// The response's id; the first one stands.
    pub(super) fn response_id(&mut self, id: Option<&str>) {
        if self.reply.response_id.is_none() {
            self.reply.response_id = id.filter(|id| !id.is_empty()).map(str::to_owned);
        }
    }

    /// Why the model stopped.
    pub(super) fn finish_reason(&mut self, reason: Option<&str>) {
        if let Some(reason) = reason.filter(|reason| !reason.is_empty()) {
            self.reply.finish_reason = Some(reason.to_owned());
        }
    }

    /// What is used so far; providers count up, so the last word counts.
    pub(super) fn usage(&mut self) -> &mut Usage {
        self.reply.usage.get_or_insert_default()
    }

    /// Reads no more, for this reason; the first one stands.
    pub(super) fn fail(&mut self, kind: ModelErrorKind, message: impl Into<String>) {
        self.failure.get_or_insert_with(|| (kind, message.into()));
    }

    /// Whether the reply says anything at all.
    pub(super) fn answers(&self) -> bool {
        !self.reply.text.is_empty() || !self.calls.is_empty() || self.reply.finish_reason.is_some()
    }

    /// The reply, once it is whole.
    pub(super) fn into_reply(mut self) -> ModelReply {
        self.reply.tool_calls = self.calls.into_iter().map(|call| call.request).collect();
        self.reply
    }

    fn position(&self, index: Option<u64>) -> Option<usize> {
        match index {
            Some(_) => self.calls.iter().rposition(|call| call.index == index),
            None => self.calls.len().checked_sub(1),
        }
    }

    /// Counts bytes that the reply will hold, or fails it where they are too many.
    fn holds(&mut self, bytes: usize) -> bool {
        *self.chunk.get_or_insert(0) += bytes;
        self.held_bytes += bytes;
        if self.held_bytes > REPLY_LIMIT_BYTES {
            let limit_mib = REPLY_LIMIT_BYTES >> 20;
            self.fail(ModelErrorKind::BadReply, format!("the reply exceeds {limit_mib} MiB"));
        }
        self.failure.is_none()
    }
}

/// Reads the frames of one call.
pub(super) struct Reader {
    kind: ProviderKind,
    meter: Meter,
    arrived: Mutex<Arrived>,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Reader {
    pub(super) fn new(kind: ProviderKind, meter: Meter) -> Self {
        Self { kind, meter, arrived: Mutex::default() }
    }

    /// What has arrived so far.
    pub(super) fn arrived(&self) -> MutexGuard<'_, Arrived> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has arrived; nothing is left.
    pub(super) fn take(&self) -> Arrived {
        std::mem::take(&mut *self.arrived())
    }

    /// Takes in one frame.
    pub(super) fn read(&self, event: Option<&str>, data: &str) {
        let mut arrived = self.arrived();
        if arrived.failure.is_some() {
            return;
        }
        if data.is_empty() {
            arrived.stray |= event.is_none();
            return;
        }
        arrived.began = true;
        if END_MARKER.starts_with(data) {
            arrived.whole = data == END_MARKER;
            if !arrived.whole {
                arrived.fail(ModelErrorKind::StreamBroken, "the stream ended in the middle of its end marker");
            }
            return;
        }
        // The library says what is wrong with data that is no JSON.
        let Ok(frame) = serde_json::from_str::<Value>(data) else { return };
        match self.kind {
            ProviderKind::OpenAi | ProviderKind::Ollama => openai::read(&mut arrived, &frame),
            ProviderKind::Anthropic => anthropic::read(&mut arrived, &frame),
            ProviderKind::Gemini => gemini::read(&mut arrived, &frame),
        }
        if let Some(bytes) = arrived.chunk.take() {
            self.meter.chunk(bytes);
        }
    }
}

impl ChatFrameSink for Reader {
    fn on_frame(&self, _: &FrameCtx, frame: RawFrameRef<'_>) {
        self.read(frame.event, frame.data);
    }
}

/// A count in a provider's usage.
pub(super) fn count(usage: &Value, path: &str) -> Option<u64> {
    usage.pointer(path).and_then(Value::as_u64)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What is made of these frames.
    pub(in crate::providers) fn read_all(kind: ProviderKind, frames: &[&str]) -> (Arrived, Meter) {
        let meter = Meter::default();
        let reader = Reader::new(kind, meter.clone());
        for frame in frames {
            reader.read(None, frame);
        }
        (reader.take(), meter)
    }

    fn text_frame(text: &str) -> String {
        serde_json::json!({"choices": [{"delta": {"content": text}}]}).to_string()
    }

    #[test]
    fn a_reply_holds_exactly_its_limit_and_no_byte_more() {
        let half = text_frame(&"x".repeat(REPLY_LIMIT_BYTES / 2));
        let (whole, meter) = read_all(ProviderKind::OpenAi, &[&half, &half]);
        assert_eq!((whole.failure, whole.reply.text.len()), (None, REPLY_LIMIT_BYTES));
        assert_eq!((meter.chunks(), meter.text_bytes()), (2, REPLY_LIMIT_BYTES as u64));

        let (beyond, meter) = read_all(ProviderKind::OpenAi, &[&half, &half, &text_frame("x"), &half]);
        assert_eq!(beyond.failure, Some((ModelErrorKind::BadReply, "the reply exceeds 4 MiB".to_owned())));
        assert_eq!((beyond.reply.text.len(), meter.chunks()), (REPLY_LIMIT_BYTES, 3));
    }

    #[test]
    fn tool_calls_have_limits_of_their_own() {
        let mut arrived = Arrived::default();
        arrived.call(None, "a", "b");
        arrived.arguments(None, &"x".repeat(ARGUMENTS_LIMIT_BYTES));
        assert_eq!(arrived.failure, None);
        arrived.arguments(None, "x");
        assert!(arrived.failure.is_some_and(|(kind, _)| kind == ModelErrorKind::BadReply));

        let mut arrived = Arrived::default();
        for _ in 0..=CALLS_LIMIT {
            arrived.call(None, "a", "b");
        }
        assert!(arrived.failure.is_some());
        assert_eq!(arrived.into_reply().tool_calls.len(), CALLS_LIMIT);
    }

    #[test]
    fn what_is_no_event_is_told_from_silence() {
        assert!(!read_all(ProviderKind::OpenAi, &[]).0.stray);
        let (page, meter) = read_all(ProviderKind::OpenAi, &[""]);
        assert!(page.stray && !page.began && !page.answers());
        assert_eq!(meter.chunks(), 0);
    }

    #[test]
    fn any_json_at_all_is_taken_without_harm() {
        for kind in [ProviderKind::OpenAi, ProviderKind::Anthropic, ProviderKind::Gemini, ProviderKind::Ollama] {
            let odd = ["null", "[]", "1", "\"x\"", "{}", r#"{"choices":{}}"#, r#"{"choices":[1]}"#, "nonsense"];
            let (arrived, meter) = read_all(kind, &odd);
            assert!(arrived.began && !arrived.answers(), "{kind:?}");
            assert_eq!(meter.chunks(), 0);
        }
    }

    /// A frame of each protocol that has all that is read.
    const FULL: [(ProviderKind, &str); 3] = [
        (
            ProviderKind::OpenAi,
            r#"{"id":"r","choices":[{"delta":{"content":"x","tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":4,"cost":0.5}}"#,
        ),
        (
            ProviderKind::Anthropic,
            r#"{"type":"message_start","message":{"id":"m","usage":{"input_tokens":10,"cache_read_input_tokens":100,"output_tokens":1}}}"#,
        ),
        (
            ProviderKind::Gemini,
            r#"{"responseId":"g","candidates":[{"content":{"parts":[{"text":"x"},{"functionCall":{"name":"f","args":{"a":1}}}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":8,"toolUsePromptTokenCount":9,"candidatesTokenCount":5,"thoughtsTokenCount":3}}"#,
        ),
    ];

    #[test]
    fn a_changed_byte_or_a_cut_harms_nothing() {
        for (kind, frame) in FULL {
            for at in 0..frame.len() {
                read_all(kind, &[&frame[..at]]);
                for byte in [b'0', b'9', b'"', b'{', b'}', b'[', b'-', b' ', 0x7f] {
                    let mut damaged = frame.as_bytes().to_vec();
                    damaged[at] = byte;
                    let damaged = String::from_utf8(damaged).unwrap();
                    let (arrived, _) = read_all(kind, &[&damaged, frame, &damaged]);
                    assert!(arrived.began && arrived.into_reply().tool_calls.len() <= 4);
                }
            }
        }
    }
}
