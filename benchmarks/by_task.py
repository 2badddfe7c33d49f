"""Very many rows, each task in a process of its own, as Airflow runs them."""

import json
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.measure import BenchError, Measured, measure
from benchmarks.servers import S3, fake_api


def by_task(rows: int, s3: S3) -> dict[str, list[Measured]]:
    """Every process that was measured, by the task's name."""
    measured = defaultdict[str, list[Measured]](list)
    with (
        fake_api(rows) as url,
        s3.fresh_bucket() as bucket,
        tempfile.TemporaryDirectory() as folder,
    ):
        given, result = Path(folder) / "given.json", Path(folder) / "result.json"

        def task(name: str, what: Any) -> Any:
            given.write_text(json.dumps(what))
            files = str(given), str(result)
            measured[name].append(measure("benchmarks.tasks", name, url, *bucket, *files))
            return json.loads(result.read_text())

        plans = task("plan", None)
        batches = []
        for plan in plans:
            task("warm", plan)
            raw = task("extract", plan)
            staged = task("partition", raw)
            batches.append(task("write_parquet", {"raw": raw, "staged": staged}))
        receipt = task("publish", {"plans": plans, "batches": batches})
        said = task("report", task("ledger", task("aggregate", receipt)))
    if said["rows"] != rows:
        raise BenchError(f"{said['rows']:,} rows were published of {rows:,}")
    del measured["warm"]  # the fake API made up its first answers
    return measured
