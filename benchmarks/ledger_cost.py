"""What the audit and the ledger add to a run: on a day without changes, and on one with many."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from unittest import mock

import requests

from benchmarks.headwaters import open_lake
from benchmarks.servers import fresh_bucket, local_api
from include.first.lake import Lake
from include.vehicle_recalls import publish, run
from include.vehicle_recalls.source import Batch, RecallsApi

# A made-up day edits 40 of 30,000 campaigns: eight days at once are about one percent.
DAYS_OF_EDITS = 8
ACCEPT = {"rows per year": "the bench takes several days at once"}
PARTS = {
    "audit": [(publish, "compare"), (publish, "audit"), (publish, "require")],
    "ledger": [(run, "bring_to_head")],
}


@dataclass(frozen=True)
class Cost:
    """Medians in seconds; `core_s` is the run without the other two."""

    core_s: float
    audit_s: float
    ledger_s: float
    share_edited: float


def ledger_cost(rows: int, runs: int, s3_url: str) -> dict[str, Cost]:
    unchanged: list[Cost] = []
    edited: list[Cost] = []
    with local_api(rows) as url, fresh_bucket(s3_url) as bucket:
        lake, api = open_lake(s3_url, bucket), RecallsApi(url)
        run.run(api, lake)
        for number in range(1, runs + 1):
            unchanged.append(_one(api, lake))
            day = {"day": 1 + DAYS_OF_EDITS * number}
            requests.post(f"{url}/_control", json=day, timeout=60).raise_for_status()
            # The local API makes its answers up when they are first asked for.
            for _ in api.pages(Batch("all", None, None, undated=True)):
                pass
            edited.append(_one(api, lake))
    return {"no changes": _medians(unchanged), "many edits": _medians(edited)}


def _one(api: RecallsApi, lake: Lake) -> Cost:
    spent = dict.fromkeys(PARTS, 0.0)
    begun = time.perf_counter()
    with ExitStack() as stack:
        for part, functions in PARTS.items():
            for module, name in functions:
                timed = _timed(getattr(module, name), part, spent)
                stack.enter_context(mock.patch.object(module, name, timed))
        published = run.run(api, lake, accept=ACCEPT)
    took = time.perf_counter() - begun
    counts = published["counts"]
    return Cost(
        core_s=took - sum(spent.values()),
        audit_s=spent["audit"],
        ledger_s=spent["ledger"],
        share_edited=counts["edited"] / counts["rows"],
    )


def _timed(function: Callable[..., Any], part: str, spent: dict[str, float]) -> Callable[..., Any]:
    def timed(*given: Any, **named: Any) -> Any:
        begun = time.perf_counter()
        result = function(*given, **named)
        spent[part] += time.perf_counter() - begun
        return result

    return timed


def _medians(costs: list[Cost]) -> Cost:
    return Cost(
        *(
            statistics.median(getattr(cost, name) for cost in costs)
            for name in Cost.__dataclass_fields__
        )
    )
