"""One task of the DAG as a process of its own: `python -m benchmarks.tasks TASK ...`.

The input and the result of a task are files of JSON, as in Airflow.
"""

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.headwaters import open_store, outcome
from include.lake.store import Store
from include.vehicle_recalls import pipeline
from include.vehicle_recalls.client import RecallsApi
from include.vehicle_recalls.report import report_run


def run(task: str, url: str, store: Store, given: Any) -> Any:
    made = given
    match task:
        case "plan":
            made = pipeline.plan(lambda: RecallsApi(url), store)
        case "warm":
            made = sum(len(page.row_ids) for page in RecallsApi(url).pages(given["years"]))
        case "extract":
            made = pipeline.extract(lambda: RecallsApi(url), store, given)
        case "partition":
            made = pipeline.partition(store, given)
        case "write_parquet":
            made = pipeline.write_parquet(store, given["raw"], given["staged"])
        case "publish":
            made = pipeline.publish(store, given["plans"], given["batches"])
        case "aggregate":
            pipeline.aggregate(store)
        case "ledger":
            pipeline.ledger(store)
        case "report":
            report_run(store, given)
            made = outcome(store, given["counts"]["rows"])
    return made


if __name__ == "__main__":
    task, url, s3_url, bucket, given, result = sys.argv[1:]
    made = run(task, url, open_store(s3_url, bucket), json.loads(Path(given).read_text()))
    Path(result).write_text(json.dumps(made))
    print("{}")
