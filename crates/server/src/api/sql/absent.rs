//! What a build without the query engine says.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::http::request::Parts;

use crate::answer::Answer;
use crate::app::App;
use crate::problem::{Kind, Problem};

/// There are none.
#[derive(Debug, Default)]
pub(crate) struct Engines(());

impl Engines {
    #[expect(clippy::unused_self, reason = "the build with the engine asks it")]
    fn refusal(&self) -> Problem {
        Problem::new(
            Kind::NotBuilt,
            "this server was built without its query engine: build it with `cargo build --release --features sql`, or query \
             archive/events/*.parquet in the store's directory with DuckDB, Polars or any other engine that reads Parquet \
             (`flightrec seal` puts what was recorded so far there)",
        )
    }
}

/// `POST /api/v1/sql`
pub(crate) async fn answer(app: &Arc<App>, _: &Parts, _: &mut Incoming) -> Result<Answer, Problem> {
    Err(app.engines.refusal())
}
