//! One endpoint, and the calls that are made to it.
// tidy: no-wildcard

use std::fmt;
use std::sync::Arc;

use flightrec_recorder::{Clock, SystemClock};
use futures_util::StreamExt;
use genai::adapter::AdapterKind;
use genai::chat::ChatStreamEvent;
use genai::resolver::{AuthData, Endpoint};
use genai::{Client, ModelIden, ServiceTarget};
use reqwest::header::HeaderValue;

use super::failure;
use super::options::{ProviderError, ProviderKind, ProviderOptions, Secret};
use super::reading::Reader;
use super::{request, transport};
use crate::model::{BoxFuture, Meter, ModelCall, ModelClient, ModelError, ModelErrorKind, ModelReply};

/// Reaches one endpoint. Clones share its connections.
///
/// A call needs a tokio runtime with time and I/O. Dropping it closes its connection, so that the provider can stop.
///
/// ```
/// use flightrec_sessions::{ProviderClient, ProviderKind, ProviderOptions};
/// let client = ProviderClient::new(ProviderOptions::new(ProviderKind::Ollama))?;
/// assert_eq!(client.base_url(), "http://127.0.0.1:11434/v1/");
/// # Ok::<(), flightrec_sessions::ProviderError>(())
/// ```
#[derive(Clone)]
pub struct ProviderClient(Arc<Shared>);

struct Shared {
    kind: ProviderKind,
    base_url: String,
    api_key: Option<Secret>,
    client: Client,
}

impl fmt::Debug for ProviderClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderClient")
            .field("kind", &self.0.kind)
            .field("base_url", &self.0.base_url)
            .finish_non_exhaustive()
    }
}

impl ProviderClient {
    /// Checks the options and sets the client up; nothing is sent.
    pub fn new(options: ProviderOptions) -> Result<Self, ProviderError> {
        let base_url = options.checked_base_url()?;
        if options.api_key.as_ref().is_some_and(|key| HeaderValue::from_str(key.expose()).is_err()) {
            return Err(ProviderError::ApiKey(options.kind));
        }
        let client = Client::builder()
            .with_reqwest(transport::client(&options, &base_url)?)
            .build()
            .map_err(|error| ProviderError::Library(Box::new(error)))?;
        let ProviderOptions { kind, api_key, .. } = options;
        Ok(Self(Arc::new(Shared { kind, base_url: base_url.into(), api_key, client })))
    }

    /// Where the endpoint is.
    pub fn base_url(&self) -> &str {
        &self.0.base_url
    }
}

impl ModelClient for ProviderClient {
    fn call(&self, call: ModelCall, meter: Meter) -> BoxFuture<'static, Result<ModelReply, ModelError>> {
        let shared = Arc::clone(&self.0);
        Box::pin(async move {
            let reader = Arc::new(Reader::new(shared.kind, meter));
            match shared.run(&call, &reader).await {
                Ok(()) => Ok(reader.take().into_reply()),
                Err(failure) => Err(shared.finished(failure, &reader)),
            }
        })
    }
}

impl Shared {
    /// Asks, and takes the reply in to its end.
    async fn run(&self, call: &ModelCall, reader: &Arc<Reader>) -> Result<(), ModelError> {
        if request::is_misread(self.kind, call.model_id.as_str()) {
            let message = format!("`{}` is no name that Gemini's models have", call.model_id);
            return Err(ModelError::new(ModelErrorKind::UnknownModel, message));
        }
        let options = request::options(self.kind, call, Arc::clone(reader));
        let request = request::request(self.kind, call);
        let told = |error| failure::told(&error, reader.arrived().began, SystemClock.now());
        let mut events =
            self.client.exec_chat_stream(self.target(call), request, Some(&options)).await.map_err(told)?.stream;
        let mut ended = false;
        while !ended {
            match events.next().await {
                Some(Ok(event)) => ended = matches!(event, ChatStreamEvent::End(_)),
                Some(Err(error)) => return Err(told(error)),
                None => break,
            }
            if let Some((kind, message)) = reader.arrived().failure.take() {
                return Err(ModelError::new(kind, message));
            }
        }
        let arrived = reader.arrived();
        // The library makes an end up where Gemini's stream merely stops, and where the last event is cut.
        match (ended && arrived.whole, arrived.answers()) {
            (true, true) => Ok(()),
            (true, false) => Err(failure::empty()),
            (false, _) => Err(failure::ended_early(arrived.began, arrived.stray)),
        }
    }

    /// Adds what is paid for all the same, and takes the key out of what the provider repeats.
    fn finished(&self, mut failure: ModelError, reader: &Reader) -> ModelError {
        let arrived = reader.take();
        if let Some((kind, message)) = arrived.failure {
            (failure.kind, failure.message) = (kind, message);
        }
        failure.usage = arrived.reply.usage;
        failure.response_id = arrived.reply.response_id;
        if let Some(key) = self.api_key.as_ref().map(Secret::expose).filter(|key| !key.is_empty()) {
            failure.message = failure.message.replace(key, "[the API key]");
        }
        failure
    }

    fn target(&self, call: &ModelCall) -> ServiceTarget {
        let key = self.api_key.as_ref().map_or("", Secret::expose);
        let (adapter, name, auth) = match self.kind {
            // Of the library's OpenAI-compatible adapters, this one sends no `authorization` where there is no key.
            ProviderKind::OpenAi | ProviderKind::Ollama if key.is_empty() => {
                (AdapterKind::Omlx, call.model_id.to_string(), AuthData::None)
            }
            ProviderKind::OpenAi | ProviderKind::Ollama => {
                (AdapterKind::OpenAI, call.model_id.to_string(), AuthData::from_single(key))
            }
            ProviderKind::Anthropic => (AdapterKind::Anthropic, call.model_id.to_string(), AuthData::from_single(key)),
            ProviderKind::Gemini => (AdapterKind::Gemini, call.model_id.to_string(), AuthData::from_single(key)),
        };
        ServiceTarget {
            endpoint: Endpoint::from_owned(self.base_url.as_str()),
            auth,
            model: ModelIden::new(adapter, name),
        }
    }
}
