"""What a run must have left behind, looked up in the lake itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.outcome import AGGREGATIONS
from include.first.keys import Keys
from include.first.lake import Lake
from include.vehicle_recalls.commands.versions import head_with_data, versions_of
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.source import RecallsApi
from include.vehicle_recalls.state import year_states
from local.processes import LocalError, clean_environment
from tests.distributed.cluster import ROOT

KEYS = Keys(CONTRACT.name)


class Outcome(NamedTuple):
    rows: int
    sha256: Mapping[int, str]  # of each year's file


def prove(lake: Lake, recalls_url: str) -> Outcome:
    """The run brought every row once, in one commit, and all that is counted agrees with it."""
    head = head_with_data(lake)
    counts = head.receipt["counts"]
    years = year_states(head.receipt)
    census = RecallsApi(recalls_url).census()
    keys = pa.chunked_array(
        [
            chunk
            for year, state in years.items()
            if state.path
            for chunk in lake.read_parquet(KEYS.year(year), [CONTRACT.key])[CONTRACT.key].chunks
        ],
        type=pa.string(),
    )
    found = {
        "commits": (len(versions_of(lake, head)), 1),
        "rows of the source": (
            counts["rows"] + counts["quarantined"],
            sum(census.rows_by_year.values()) + census.undated,
        ),
        "rows in the year files": (len(keys), counts["rows"]),
        "different keys in them": (pc.count_distinct(keys).as_py(), counts["rows"]),
        **{f"the sum of {name}": (_sum_of(lake, name), counts["rows"]) for name in AGGREGATIONS},
    }
    _require(found)
    return Outcome(counts["rows"], {year: state.sha256 for year, state in years.items()})


def prove_same(outcome: Outcome, undisturbed: Outcome) -> None:
    """The same bytes, year by year, as a run that nobody disturbed."""
    _require({"the years' bytes": (outcome.sha256, undisturbed.sha256)})


def verify(variables: Mapping[str, str]) -> None:
    """The lake's own command finds it sound; it makes every year again from the raw pages."""
    done = subprocess.run(
        [sys.executable, "-m", "include.vehicle_recalls", "verify"],
        env=clean_environment() | dict(variables) | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise LocalError(f"verify ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def retried(task: Mapping[str, Any], tries: Sequence[Mapping[str, Any]]) -> None:
    """What the killed worker had at work failed there, and succeeded as another try."""
    states = [one["state"] for one in tries]
    if len(states) < 2 or states[-1] != "success":
        raise LocalError(f"{name_of(task)} was at work on the killed worker, and then: {states}")


def name_of(task: Mapping[str, Any]) -> str:
    index = f" [{task['map_index']}]" if task["map_index"] >= 0 else ""
    return f"{task['task_id']}{index}"


def _sum_of(lake: Lake, aggregation: str) -> int:
    total: int = pc.sum(lake.read_parquet(KEYS.aggregate(aggregation))["recalls"]).as_py()
    return total


def _require(found: Mapping[str, tuple[Any, Any]]) -> None:
    wrong = [
        f"{what}: {is_} instead of {ought}" for what, (is_, ought) in found.items() if is_ != ought
    ]
    if wrong:
        raise LocalError("the run ended wrong: " + "; ".join(wrong))
