"""The whole path of this project without Airflow: plan to ledger and report, into S3.

    python -m benchmarks.headwaters URL S3_URL BUCKET [years]

`years` leaves out what only the comparison needs, and tells how many years changed.
"""

import json
import sys
from typing import Any

from benchmarks.outcome import AGGREGATIONS, fingerprint
from include.data.tables import from_parquet
from include.lake.keys import Keys
from include.lake.store import Store
from include.vehicle_recalls.aggregates import file_name
from include.vehicle_recalls.client import RecallsApi
from include.vehicle_recalls.contract import RECALLS
from include.vehicle_recalls.pipeline import run
from include.vehicle_recalls.report import report_run
from local.environment import LOCAL_KEY, LOCAL_REGION


def open_store(s3_url: str, bucket: str) -> Store:
    return Store(
        bucket,
        AWS_ENDPOINT_URL=s3_url,
        AWS_ALLOW_HTTP="true",
        AWS_REGION=LOCAL_REGION,
        AWS_ACCESS_KEY_ID=LOCAL_KEY,
        AWS_SECRET_ACCESS_KEY=LOCAL_KEY,
    )


def outcome(store: Store, rows: int) -> dict[str, Any]:
    fingerprints = {}
    for name, by in AGGREGATIONS.items():
        counts = from_parquet(store.get(Keys(RECALLS.name).plain(file_name(name))))
        groups = zip(*(counts[column].to_pylist() for column in [*by, "recalls"]), strict=True)
        fingerprints[name] = fingerprint(groups)
    return {"rows": rows, "aggregations": fingerprints}


def main(url: str, s3_url: str, bucket: str, what: str = "outcome") -> dict[str, Any]:
    store = open_store(s3_url, bucket)
    receipt = run(lambda: RecallsApi(url), store)
    report_run(store, receipt)
    if what == "years":
        return {"years": len(receipt["changed"])}
    return outcome(store, receipt["counts"]["rows"])


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
