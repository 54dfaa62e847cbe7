//! Models behind HTTP: OpenAI and all that are compatible, Anthropic, Gemini, Ollama.
//!
//! [`ProviderClient`] is a [`crate::ModelClient`] over `genai`, which knows how each provider wants to be asked. What
//! a record needs and that library leaves out is read from the provider's frames: response ids, the usage of a reply
//! that broke off, tool arguments as they were written.
//!
//! A reply is whole when its provider says so; one that merely stops is [`crate::ModelErrorKind::StreamBroken`].
//! Redirects are not followed, nothing is repeated below the runtime, and an endpoint on this machine is asked
//! without a proxy. For others `HTTPS_PROXY` and its like count. The library stops reading at the end marker, so that
//! a connection of HTTP/1.1 serves one call; those of HTTP/2 are kept.
//!
//! Limits: a reply has at most 4 MiB of text and tool arguments, 256 KiB of arguments in a call and 128 calls. The
//! body of an error, and an event whose end does not come, are taken in by the library before they can be counted:
//! the job's time limit bounds them. Thinking is not carried from one turn to the next, so Anthropic's models are
//! asked not to think, and Gemini's may refuse a thread whose calls lack their signatures.

mod anthropic;
mod client;
mod failure;
mod gemini;
mod openai;
mod options;
mod reading;
mod request;
mod retry_after;
mod transport;

pub use client::ProviderClient;
pub use options::{ProviderError, ProviderKind, ProviderOptions, Secret};
