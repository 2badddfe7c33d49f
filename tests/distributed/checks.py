"""Checks that a finished run left a complete lake."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.outcome import AGGREGATIONS
from include.cli.questions import versions_of
from include.data.tables import from_parquet
from include.lake.keys import Keys, sha256_of
from include.lake.store import Store
from include.lake.table import load_version
from include.vehicle_recalls.aggregates import file_name
from include.vehicle_recalls.client import RecallsApi
from include.vehicle_recalls.contract import RECALLS
from local.processes import LocalError, clean_environment
from tests.distributed.cluster import ROOT

KEYS = Keys(RECALLS.name)


class Outcome(NamedTuple):
    rows: int
    sha256: Mapping[str, str]  # of each year file


def check_lake(store: Store, recalls_url: str) -> Outcome:
    """Check that the run published every row once, in one commit, with matching counts."""
    current = load_version(store, KEYS.table)
    counts = current.receipt["counts"]
    source = RecallsApi(recalls_url).year_counts()
    keys = pa.chunked_array(
        [
            chunk
            for year in current.parts
            for chunk in read(store, f"{year}.parquet")[RECALLS.key].chunks
        ],
        type=pa.string(),
    )
    found = {
        "commits": (len(versions_of(store, current)), 1),
        "rows of the source": (
            counts["rows"] + counts["quarantined"],
            sum(source.rows_by_year.values()) + source.undated,
        ),
        "rows in the year files": (len(keys), counts["rows"]),
        "distinct keys": (pc.count_distinct(keys).as_py(), counts["rows"]),
        **{f"the sum of {name}": (_sum_of(store, name), counts["rows"]) for name in AGGREGATIONS},
    }
    _require_equal(found)
    hashes = {year: sha256_of(part["path"]) for year, part in current.parts.items()}
    return Outcome(counts["rows"], hashes)


def check_equal(outcome: Outcome, undisturbed: Outcome) -> None:
    """Check that the year files equal those of an undisturbed run."""
    _require_equal({"the hashes of the year files": (outcome.sha256, undisturbed.sha256)})


def verify(variables: Mapping[str, str]) -> None:
    """Run the command `verify`, which rebuilds every year from the raw pages."""
    done = subprocess.run(
        [sys.executable, "-m", "include.cli", "verify"],
        env=clean_environment() | dict(variables) | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise LocalError(f"verify ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def check_retry(task: Mapping[str, Any], tries: Sequence[Mapping[str, Any]]) -> None:
    """Check that a task of the killed worker failed there and succeeded on a retry."""
    states = [one["state"] for one in tries]
    if len(states) < 2 or states[-1] != "success":
        raise LocalError(f"{name_of(task)} ran on the killed worker, but its tries are: {states}")


def name_of(task: Mapping[str, Any]) -> str:
    index = f" [{task['map_index']}]" if task["map_index"] >= 0 else ""
    return f"{task['task_id']}{index}"


def read(store: Store, name: str) -> pa.Table:
    return from_parquet(store.get(KEYS.plain(name)))


def _sum_of(store: Store, aggregation: str) -> int:
    total: int = pc.sum(read(store, file_name(aggregation))["recalls"]).as_py()
    return total


def _require_equal(pairs: Mapping[str, tuple[Any, Any]]) -> None:
    wrong = [
        f"{name}: {actual} instead of {expected}"
        for name, (actual, expected) in pairs.items()
        if actual != expected
    ]
    if wrong:
        raise LocalError("the run left a wrong result: " + "; ".join(wrong))
