"""Sealed segments as a source of Spark: one partition for each object, read in the executors."""

from __future__ import annotations

import os
from dataclasses import dataclass

from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition

from engines import Lake, Segment, file_system, mentioned, published


@dataclass
class Share(InputPartition):
    """What one task reads."""

    segment: Segment


class Objects(DataSource):
    """`spark.read.format("flightrec")`, with the place of the bucket as options."""

    @classmethod
    def name(cls) -> str:
        return "flightrec"

    def lake(self) -> Lake:
        return Lake(**{name: self.options[name] for name in ("endpoint", "bucket", "prefix", "key", "secret")})

    def schema(self):
        import pyarrow
        from pyarrow import parquet
        from pyspark.sql.pandas.types import from_arrow_schema

        lake = self.lake()
        whole = parquet.read_schema(published(lake)[0].path, filesystem=file_system(lake))
        fields = [whole.field(name).remove_metadata() for name in mentioned(whole.names)]
        added = [pyarrow.field(name, pyarrow.string()) for name in ("node", "date", "read_by")]
        return from_arrow_schema(pyarrow.schema(fields + added))

    def reader(self, schema) -> "Reader":
        return Reader(self.lake(), schema)


class Reader(DataSourceReader):
    """Runs in the executors."""

    def __init__(self, lake: Lake, schema):
        self.lake, self.schema = lake, schema

    def partitions(self) -> list[Share]:
        return [Share(segment) for segment in published(self.lake)]

    def read(self, share: Share):
        import pyarrow
        from pyarrow import parquet
        from pyspark.sql.pandas.types import to_arrow_schema

        segment = share.segment
        # An executor runs its Pythons under one of its own.
        told = {"node": segment.node, "date": segment.date, "read_by": str(os.getppid())}
        schema = to_arrow_schema(self.schema, timezone="UTC")
        own = [name for name in schema.names if name not in told]
        with parquet.ParquetFile(segment.path, filesystem=file_system(self.lake)) as file:
            for batch in file.iter_batches(columns=own):
                columns = [
                    pyarrow.repeat(told[field.name], len(batch))
                    if field.name in told
                    else batch.column(field.name).cast(field.type)
                    for field in schema
                ]
                yield pyarrow.RecordBatch.from_arrays(columns, schema=schema)
