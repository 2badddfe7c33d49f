"""Very many rows, each task in a process of its own, as Airflow runs them."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measure import BenchError, Measured, measure
from benchmarks.servers import fresh_bucket, local_api


@dataclass
class Steps:
    """Every process that was measured, by the task's name."""

    batches: int = 0
    of: dict[str, list[Measured]] = field(default_factory=dict)

    @property
    def one_after_the_other_s(self) -> float:
        return sum(run.wall_s for runs in self.of.values() for run in runs)

    @property
    def all_at_once_s(self) -> float:
        """With a worker for each batch: the slowest of each kind, one kind after the other."""
        return sum(max(run.wall_s for run in runs) for runs in self.of.values())

    @property
    def peak_mb(self) -> float:
        return max(run.peak_mb for runs in self.of.values() for run in runs)


def by_task(rows: int, s3_url: str) -> Steps:
    steps = Steps()
    with (
        local_api(rows) as url,
        fresh_bucket(s3_url) as bucket,
        tempfile.TemporaryDirectory() as folder,
    ):
        given, handed_on = Path(folder) / "given.json", Path(folder) / "handed_on.json"

        def step(name: str, what: Any, *, counts: bool = True) -> Any:
            given.write_text(json.dumps(what))
            found = measure(
                "benchmarks.tasks", name, url, s3_url, bucket, str(given), str(handed_on)
            )
            if counts:
                steps.of.setdefault(name, []).append(found)
            return json.loads(handed_on.read_text())

        plans = step("plan", None)
        steps.batches = len(plans)
        batches = []
        for plan in plans:
            step("warm", plan, counts=False)
            raw = step("extract", plan)
            staged = step("partition", raw)
            batches.append(step("write_parquet", {"raw": raw, "staged": staged}))
        receipt = step("publish", {"plans": plans, "batches": batches})
        said = step("report", step("ledger", step("aggregate", receipt)))
    if said["rows"] != rows:
        raise BenchError(f"{said['rows']:,} rows were published of {rows:,}")
    return steps
