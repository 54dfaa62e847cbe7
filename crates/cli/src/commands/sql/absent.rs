//! What a build without the query engine says.

use crate::args::SqlArgs;
use crate::commands::Run;
use crate::exit::{Failure, Outcome};

pub(in crate::commands) fn run(run: &Run, _args: &SqlArgs) -> Outcome {
    Err(Failure::failed(format!(
        "this flightrec was built without its query engine: build it with `cargo build --release --features sql`, or query \
         {} with DuckDB, Polars or any other engine that reads Parquet (`flightrec seal` puts what was recorded so far \
         there, and `flightrec export --format parquet` writes any part of it)",
        run.store.path.join("archive/events/*.parquet").display()
    )))
}
