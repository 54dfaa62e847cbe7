//! Liveness, readiness, and the server's own numbers.

use std::sync::Arc;

use serde_json::json;

use crate::answer::Answer;
use crate::app::App;
use crate::metrics;
use crate::problem::{Kind, Problem};

/// `GET /healthz`
pub(crate) fn alive(_: &Arc<App>) -> Answer {
    Answer::json(&json!({"status": "ok"}))
}

/// `GET /readyz`
pub(crate) fn ready(app: &Arc<App>) -> Answer {
    match app.unready() {
        None => Answer::json(&json!({"status": "ok"})),
        Some(why) => Answer::problem(&Problem::new(Kind::Unavailable, why)),
    }
}

/// `GET /metrics`
pub(crate) fn metrics(app: &Arc<App>) -> Answer {
    Answer::content("text/plain; version=0.0.4; charset=utf-8", metrics::text(app))
}
