"""One task of the DAG as a process of its own, without Airflow: `python -m benchmarks.tasks STEP ...`.

What a task is given and what it hands on are files of JSON, as in Airflow.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.headwaters import open_lake, outcome
from include.first.lake import Lake
from include.vehicle_recalls.extract import land, take_census
from include.vehicle_recalls.ledger import bring_to_head
from include.vehicle_recalls.partition import partition
from include.vehicle_recalls.project import project_aggregates, project_years
from include.vehicle_recalls.publish import publish as commit
from include.vehicle_recalls.report import project_reports, render
from include.vehicle_recalls.source import Batch, RecallsApi
from include.vehicle_recalls.write import write_parquet


def warm(url: str, _lake: Lake, part: Any) -> Any:
    """Not a task: lets the local API make up the pages of a batch before they are measured."""
    return sum(len(page.ids) for page in RecallsApi(url).pages(Batch(**part["batch"])))


def publish(_url: str, lake: Lake, given: Any) -> Any:
    published = commit(lake, given["parts"], given["written"], dry_run=False)
    project_years(lake)
    return published


def aggregate(_url: str, lake: Lake, published: Any) -> Any:
    project_aggregates(lake)
    return published


def ledger(_url: str, lake: Lake, published: Any) -> Any:
    bring_to_head(lake)
    return published


def report(_url: str, lake: Lake, published: Any) -> Any:
    render(lake, published)
    project_reports(lake)
    return outcome(lake, published["counts"]["rows"])


STEPS: dict[str, Callable[[str, Lake, Any], Any]] = {
    "census": lambda url, lake, _given: take_census(RecallsApi(url), lake, (), "bench"),
    "warm": warm,
    "extract": lambda url, lake, part: land(RecallsApi(url), lake, part),
    "partition": lambda _url, lake, landed: partition(lake, landed),
    "write_parquet": lambda _url, lake, staged: write_parquet(lake, staged),
    "publish": publish,
    "aggregate": aggregate,
    "ledger": ledger,
    "report": report,
}


def main(step: str, url: str, s3_url: str, bucket: str, given: Path, handed_on: Path) -> None:
    done = STEPS[step](url, open_lake(s3_url, bucket), json.loads(given.read_text()))
    handed_on.write_text(json.dumps(done))
    print(json.dumps(step))


if __name__ == "__main__":
    step, url, s3_url, bucket, given, handed_on = sys.argv[1:]
    main(step, url, s3_url, bucket, Path(given), Path(handed_on))
