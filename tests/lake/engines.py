"""The engines: each answers the same questions from the same files, with the views of `views` over its `events`."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
# A view may stand on those before it.
VIEWS = ("inferences", "costs", "messages", "tool_calls", "spans", "sessions")
QUESTIONS = tuple(sorted(path.stem for path in (HERE / "questions").glob("*.sql")))


def text(kind: str, name: str) -> str:
    place = HERE.parent.parent / "crates" / "sql" / "src" / "lake" / "views" if kind == "views" else HERE / kind
    return (place / f"{name}.sql").read_text()


@dataclass(frozen=True)
class Lake:
    """Where the files are, and as whom to ask for them."""

    endpoint: str
    bucket: str
    prefix: str
    key: str = "key"
    secret: str = "secret"
    region: str = "us-east-1"

    @property
    def glob(self) -> str:
        return f"{self.bucket}/{self.prefix}/events/node=*/date=*/*.parquet"


@dataclass(frozen=True)
class Segment:
    """One object, and what its path says of it."""

    path: str
    node: str
    date: str


def published(lake: Lake) -> list[Segment]:
    """The objects of all nodes by their manifests: what these name is there whole, and each event once."""
    from pyarrow import fs

    files = file_system(lake)
    found = []
    manifests = fs.FileSelector(f"{lake.bucket}/{lake.prefix}/manifests", recursive=True)
    for info in files.get_file_info(manifests):
        if not info.is_file:
            continue
        with files.open_input_file(info.path) as file:
            line, digest = file.read().splitlines()
        if hashlib.sha256(line).hexdigest() != digest.decode():
            raise ValueError(f"{info.path} does not have its digest")
        for segment in json.loads(line)["segments"]:
            parts = dict(part.split("=", 1) for part in segment["path"].split("/") if "=" in part)
            found.append(Segment(f"{lake.bucket}/{lake.prefix}/{segment['path']}", parts["node"], parts["date"]))
    return found


def plain(rows) -> list[tuple]:
    """Rows as numbers, texts and None, whatever an engine calls them."""
    return [tuple(value if isinstance(value, str) or value is None else int(value) for value in row) for row in rows]


def duckdb(lake: Lake) -> dict[str, list[tuple]]:
    """DuckDB, by the manifests and through pyarrow's file system: its own is an extension from the network."""
    import duckdb as engine
    from pyarrow import dataset

    paths = [segment.path for segment in published(lake)]
    events = dataset.dataset(paths, filesystem=file_system(lake), format="parquet", partitioning="hive")
    with engine.connect() as connection:
        connection.register("events", events)
        for view in VIEWS:
            connection.execute(f"CREATE VIEW {view} AS {text('views', view)}")
            connection.execute(f"SELECT count(*) FROM {view}")
        return {name: plain(connection.execute(text("questions", name)).fetchall()) for name in QUESTIONS}


def clickhouse(lake: Lake) -> dict[str, list[tuple]]:
    """ClickHouse in this process, with its own reader of S3."""
    from chdb import dbapi

    connection = dbapi.connect(":memory:")
    cursor = connection.cursor()
    source = f"s3('{lake.endpoint}/{lake.glob}', '{lake.key}', '{lake.secret}', 'Parquet')"
    # A type that may be empty stays so in a cast, and what has no partner in a join is NULL, as elsewhere.
    settings = (
        "SETTINGS cast_keep_nullable = 1, join_use_nulls = 1, use_hive_partitioning = 1, prefer_column_name_to_alias = 1"
    )
    cursor.execute("CREATE DATABASE lake ENGINE = Atomic")
    cursor.execute("USE lake")
    cursor.execute(f"CREATE VIEW events AS SELECT *, _path FROM {source} {settings}")
    for view in VIEWS:
        cursor.execute(f"CREATE VIEW {view} AS {text('views', view)} {settings}")
    found = {}
    for name in QUESTIONS:
        cursor.execute(f"{text('questions', name)} {settings}")
        found[name] = plain(cursor.fetchall())
    cursor.close()
    connection.close()
    return found


def polars(lake: Lake) -> dict[str, list[tuple]]:
    """Polars, lazily, with its own reader of S3 and its own expressions in place of SQL."""
    import polars as pl

    options = {
        "aws_endpoint_url": lake.endpoint,
        "aws_access_key_id": lake.key,
        "aws_secret_access_key": lake.secret,
        "aws_region": lake.region,
        "aws_allow_http": "true",
    }
    events = pl.scan_parquet(f"s3://{lake.glob}", hive_partitioning=True, storage_options=options)
    calls = events.filter(pl.col("code") == "FR-EVT-006").with_columns(
        nanos=(pl.col("payload_cost_usd") * 1_000_000_000).round().cast(pl.Int64),
        once=pl.coalesce(
            "payload_request_id", pl.col("activity_span_id").bin.encode("hex"), pl.col("seq").cast(pl.String)
        ),
    )
    by_session = ["node", "model_session_id"]
    costs = calls.sort("seq").unique([*by_session, "once"], keep="first", maintain_order=True)
    states = (
        events.filter(pl.col("code") == "FR-EVT-SESS-002")
        .group_by(by_session)
        .agg(state=pl.col("payload_to_state").sort_by("seq").last())
    )
    sessions = (
        events.filter(pl.col("model_session_id").is_not_null())
        .group_by(by_session)
        .agg(events=pl.len())
        .join(costs.group_by(by_session).agg(nanos=pl.col("nanos").sum()), on=by_session, how="left")
        .join(states, on=by_session, how="left")
        .with_columns(pl.col("nanos").fill_null(0), pl.col("state").fill_null("CREATED"))
    )
    used = ["payload_provider", "payload_model_id"]
    asked = {
        "1-events": events.group_by("node", "code").agg(pl.len()).sort("node", "code"),
        "2-usage": costs.group_by(used)
        .agg(
            pl.col("payload_token_usage_prompt_tokens").sum(),
            pl.col("payload_token_usage_completion_tokens").sum(),
            pl.col("nanos").sum(),
            pl.col("nanos").null_count().alias("unpriced"),
        )
        .sort(used),
        "3-messages": events.filter(pl.col("code") == "FR-EVT-SESS-004")
        .group_by("node", "payload_role")
        .agg(pl.len())
        .sort("node", "payload_role"),
        "4-tools": events.filter(pl.col("code") == "FR-EVT-007")
        .group_by("payload_tool_id")
        .agg(pl.len(), (~pl.col("payload_ok")).sum().alias("failures"))
        .sort("payload_tool_id"),
        "5-dearest": sessions.select("model_session_id", "node", "state", "nanos", "events")
        .sort(["nanos", "model_session_id"], descending=[True, False])
        .head(10),
    }
    return {name: plain(asked[name].collect().rows()) for name in QUESTIONS}


def file_system(lake: Lake):
    """The bucket, for what reads through pyarrow."""
    from pyarrow import fs

    return fs.S3FileSystem(
        access_key=lake.key,
        secret_key=lake.secret,
        region=lake.region,
        endpoint_override=lake.endpoint.removeprefix("http://"),
        scheme="http",
    )


def mentioned(columns: list[str]) -> list[str]:
    """The columns that the views and questions ask for."""
    asked = " ".join([text("views", view) for view in VIEWS] + [text("questions", name) for name in QUESTIONS])
    words = set(re.findall(r"\w+", asked))
    return [column for column in columns if column in words]
