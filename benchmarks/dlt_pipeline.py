"""The same with dlt: a resource that pages through the API, and its filesystem destination on S3.

    python -m benchmarks.dlt_pipeline URL S3_URL BUCKET FOLDER parquet|delta

Runs in an environment of its own (`.venv-bench`). dlt writes one table, as its users would, not one
file per year; then pyarrow counts three times over the table.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset
import pyarrow.parquet as pq
from dlt.common.configuration.specs import AwsCredentials
from dlt.sources.helpers import requests

from benchmarks.outcome import AGGREGATIONS, fingerprint
from benchmarks.question import PAGE_SIZE, PATH, page_query

COLUMNS = ["report_received_date", "manufacturer", "component", "recall_type"]
KEY = "test"  # LocalStack takes any


@dlt.resource(name="vehicle_recalls", write_disposition="replace")
def vehicle_recalls(url: str) -> Iterator[list[dict[str, Any]]]:
    offset = 0
    while True:
        response = requests.get(url + PATH, params=page_query(offset))
        response.raise_for_status()
        rows = response.json()
        yield rows
        if len(rows) < PAGE_SIZE:
            return
        offset += PAGE_SIZE


def read(table: str, table_format: str, pipeline: dlt.Pipeline, s3_url: str) -> pa.Table:
    if table_format == "delta":
        from dlt.common.libs.deltalake import get_delta_tables

        loaded = get_delta_tables(pipeline, "vehicle_recalls")["vehicle_recalls"]
        return loaded.to_pyarrow_table(columns=COLUMNS)
    files = pyarrow.dataset.dataset(table, format="parquet", filesystem=file_system(s3_url))
    return files.to_table(COLUMNS)


def file_system(s3_url: str) -> Any:
    from pyarrow.fs import S3FileSystem

    return S3FileSystem(
        access_key=KEY, secret_key=KEY, endpoint_override=s3_url, region="us-east-1"
    )


def main(url: str, s3_url: str, bucket: str, folder: str, table_format: str) -> dict[str, Any]:
    credentials = AwsCredentials(
        aws_access_key_id=KEY,
        aws_secret_access_key=KEY,
        endpoint_url=s3_url,
        region_name="us-east-1",
    )
    pipeline = dlt.pipeline(
        "recalls",
        destination=dlt.destinations.filesystem(f"s3://{bucket}", credentials=credentials),
        dataset_name="lake",
        pipelines_dir=str(Path(folder) / "state"),
    )
    loads = vehicle_recalls(url)
    if table_format == "delta":
        loads.apply_hints(table_format="delta")
    pipeline.run(loads, loader_file_format="parquet").raise_on_failed_jobs()
    recalls = read(f"{bucket}/lake/vehicle_recalls", table_format, pipeline, s3_url)
    recalls = recalls.append_column("year", pc.year(recalls["report_received_date"]))
    fingerprints = {}
    for name, by in AGGREGATIONS.items():
        counts = recalls.group_by(by).aggregate([([], "count_all")])
        pq.write_table(counts, f"{bucket}/{name}.parquet", filesystem=file_system(s3_url))
        groups = zip(*(counts[column].to_pylist() for column in [*by, "count_all"]), strict=True)
        fingerprints[name] = fingerprint(groups)
    return {"rows": recalls.num_rows, "aggregations": fingerprints}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
