"""One task of the DAG as a process of its own: `python -m benchmarks.tasks STEP ...`.

The input and the result of a task are files of JSON, as in Airflow.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.headwaters import open_store, outcome
from include.lake.store import Store
from include.vehicle_recalls import pipeline
from include.vehicle_recalls.client import RecallsApi
from include.vehicle_recalls.report import report, write_reports

Step = Callable[[str, Store, Any], Any]


def _warm(url: str, _store: Store, plan: Any) -> int:
    """The first answers of the local API take time to make up; these do not count."""
    return sum(len(page.row_ids) for page in RecallsApi(url).pages(plan["years"]))


def _aggregate(_url: str, store: Store, receipt: Any) -> Any:
    pipeline.aggregate(store)
    return receipt


def _ledger(_url: str, store: Store, receipt: Any) -> Any:
    pipeline.ledger(store)
    return receipt


def _report(_url: str, store: Store, receipt: Any) -> Any:
    report(store, receipt)
    write_reports(store)
    return outcome(store, receipt["counts"]["rows"])


STEPS: dict[str, Step] = {
    "plan": lambda url, store, _: pipeline.plan(lambda: RecallsApi(url), store),
    "warm": _warm,
    "extract": lambda url, store, plan: pipeline.extract(lambda: RecallsApi(url), store, plan),
    "partition": lambda _, store, raw: pipeline.partition(store, raw),
    "write_parquet": lambda _, store, given: pipeline.write_parquet(
        store, given["raw"], given["staged"]
    ),
    "publish": lambda _, store, given: pipeline.publish(store, given["plans"], given["batches"]),
    "aggregate": _aggregate,
    "ledger": _ledger,
    "report": _report,
}


def main(step: str, url: str, s3_url: str, bucket: str, given: str, result: str) -> None:
    found = STEPS[step](url, open_store(s3_url, bucket), json.loads(Path(given).read_text()))
    Path(result).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
    print("{}")
