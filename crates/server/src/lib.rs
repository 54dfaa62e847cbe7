//! OTLP endpoints, the read API and the page, over one store.
//!
//! ```text
//! sockets ─► front: gate, route, body, turn ─┬─► otlp ─► Intake (telemetry) ─► Recorder
//!  server                                    ├─► api ─────────────────────────► Recorder, Reader
//!                                            └─► page, health, metrics, openapi
//! ```
//!
//! | module | role |
//! |---|---|
//! | [`Server`] | sockets: listening, connections, and the end of both |
//! | [`Intake`] | the seam to whoever understands telemetry |
//! | [`telemetry`] | telemetry into a store: decoded, mapped, recorded |
//! | [`Options`], [`Limits`] | what a host chooses |
//! | `routes` | the one table of everything that is answered |
//! | `front` | the one way in |
//! | `gate` | `Host`, `Origin` and token, on every request |
//! | `body`, `compression` | bodies, bounded in bytes, time and memory |
//! | `app` | what requests share, and whose turn it is |
//! | `otlp` | the forms of OTLP over HTTP and gRPC |
//! | `api` | events, sessions, spans, costs …, as the command line answers them |
//! | [`times`] | times as people type them |
//! | `answer`, `problem` | answers, and the closed list of what else may be said |
//! | `page`, `health`, `metrics`, `openapi` | the rest |
//!
//! The server knows nothing of what telemetry means, and decides nothing about events. It listens on
//! loopback addresses unless it has a token, answers to known hosts and to pages of its own origin alone,
//! and every limit is a field of [`Limits`].

mod answer;
mod api;
mod app;
mod body;
mod compression;
mod error;
mod front;
mod gate;
mod health;
mod intake;
mod metrics;
mod openapi;
mod options;
mod otlp;
mod page;
mod problem;
mod routes;
mod server;
pub mod telemetry;
pub mod times;

pub use error::ServeError;
pub use intake::{Encoding, Intake, Refusal, Signal, Taken};
pub use options::{
    DEFAULT_GRPC_PORT, DEFAULT_HTTP_PORT, DEFAULT_MAX_BODY_BYTES, Limits, MAX_EVENTS_PER_REQUEST, MAX_PAGE_ITEMS,
    Options,
};
pub use routes::all_routes;
pub use server::Server;
