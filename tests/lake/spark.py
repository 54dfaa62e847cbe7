"""Spark with two executors, which are processes of their own and read the objects themselves, each its share.

Spark's own reader of S3 is a Java library that the Python package does not bring. What it does is done by a source in
Python: one partition for each object, and from that only the columns that are asked for.
"""

from __future__ import annotations

import os
import sys

from engines import HERE, QUESTIONS, VIEWS, Lake, file_system, mentioned, plain, text

EXECUTORS = 2


def answer(lake: Lake) -> tuple[dict[str, list[tuple]], int]:
    """The answers, and how many executors read."""
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    os.environ["PYSPARK_PYTHON"] = sys.executable
    # The executors' Pythons import this file by its name.
    os.environ["PYTHONPATH"] = str(HERE)
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master(f"local-cluster[{EXECUTORS},1,1024]")
        .appName("lake")
        .config("spark.ui.enabled", "false")
        .config("spark.log.level", "ERROR")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", 4)
        .config("spark.executorEnv.PYTHONPATH", str(HERE))
        .config("spark.ui.showConsoleProgress", "false")
        # Nothing begins before both executors are there, however slow the machine is.
        .config("spark.scheduler.minRegisteredResourcesRatio", "1.0")
        .config("spark.scheduler.maxRegisteredResourcesWaitingTime", "1h")
        .getOrCreate()
    )
    try:
        from spark_source import Objects

        session.dataSource.register(Objects)
        events = (
            session.read.format("flightrec")
            .options(endpoint=lake.endpoint, bucket=lake.bucket, prefix=lake.prefix, key=lake.key, secret=lake.secret)
            .load()
        )
        # Each object is read once for all questions.
        events.cache().createOrReplaceTempView("events")
        for view in VIEWS:
            session.sql(text("views", view)).createOrReplaceTempView(view)
        found = {name: plain(session.sql(text("questions", name)).collect()) for name in QUESTIONS}
        readers = session.sql("SELECT count(DISTINCT read_by) FROM events").collect()[0][0]
        return found, readers
    finally:
        session.stop()
