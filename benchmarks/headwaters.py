"""The whole path of this project without Airflow: extract to aggregations and report, into S3."""

from __future__ import annotations

import json
import sys
from typing import Any

from benchmarks.outcome import AGGREGATIONS, fingerprint
from include.first.keys import Keys
from include.first.lake import Lake
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.run import run
from include.vehicle_recalls.source import RecallsApi
from local.environment import LOCAL_KEY, LOCAL_REGION


def open_lake(s3_url: str, bucket: str) -> Lake:
    return Lake.connect(
        bucket,
        endpoint_url=s3_url,
        region=LOCAL_REGION,
        access_key=LOCAL_KEY,
        secret_key=LOCAL_KEY,
    )


def outcome(lake: Lake, rows: int) -> dict[str, Any]:
    keys = Keys(CONTRACT.name)
    fingerprints = {}
    for name, by in AGGREGATIONS.items():
        counts = lake.read_parquet(keys.aggregate(name))
        groups = zip(*(counts[column].to_pylist() for column in [*by, "recalls"]), strict=True)
        fingerprints[name] = fingerprint(groups)
    return {"rows": rows, "aggregations": fingerprints}


def main(url: str, s3_url: str, bucket: str) -> dict[str, Any]:
    lake = open_lake(s3_url, bucket)
    published = run(RecallsApi(url), lake)
    return outcome(lake, published["counts"]["rows"])


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
