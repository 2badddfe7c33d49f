"""The script that an engineer would write in an hour: requests, pandas, boto3.

    python -m benchmarks.script URL FOLDER
    python -m benchmarks.script URL S3_URL BUCKET

Pages of 50,000 rows, as the API's documentation advises; one file a year, three counts. No check,
no history, no second try.
"""

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import requests

from benchmarks.outcome import AGGREGATIONS, fingerprint
from benchmarks.question import PAGE_SIZE, PATH, page_query
from local.environment import LOCAL_KEY, LOCAL_REGION

Save = Callable[[str, pd.DataFrame], None]


def to_folder(folder: str) -> Save:
    return lambda name, rows: rows.to_parquet(Path(folder) / name, index=False)


def to_bucket(s3_url: str, bucket: str) -> Save:
    import boto3

    s3 = boto3.client(
        "s3",
        endpoint_url=s3_url,
        region_name=LOCAL_REGION,
        aws_access_key_id=LOCAL_KEY,
        aws_secret_access_key=LOCAL_KEY,
    )

    def save(name: str, rows: pd.DataFrame) -> None:
        body = io.BytesIO()
        rows.to_parquet(body, index=False)
        s3.put_object(Bucket=bucket, Key=name, Body=body.getvalue())

    return save


def pages(url: str) -> Iterator[list[dict[str, Any]]]:
    session = requests.Session()
    offset = 0
    while True:
        response = session.get(url + PATH, params=page_query(offset), timeout=120)
        response.raise_for_status()
        rows = response.json()
        yield rows
        if len(rows) < PAGE_SIZE:
            return
        offset += PAGE_SIZE


def read(url: str) -> pd.DataFrame:
    recalls = pd.DataFrame([row for page in pages(url) for row in page])
    recalls["recall_link"] = recalls["recall_link"].str["url"]
    for column in (":created_at", ":updated_at", "report_received_date"):
        recalls[column] = pd.to_datetime(recalls[column])
    for column in ("potentially_affected", "completion_rate"):
        recalls[column] = pd.to_numeric(recalls[column])
    recalls["year"] = recalls["report_received_date"].dt.year
    return recalls.sort_values(["report_received_date", "nhtsa_id"])


def main(url: str, save: Save) -> dict[str, Any]:
    recalls = read(url)
    for year, rows in recalls.groupby("year"):
        save(f"{year}.parquet", rows.drop(columns="year"))
    fingerprints = {}
    for name, by in AGGREGATIONS.items():
        counts = recalls.groupby(by, dropna=False).size().reset_index(name="recalls")
        save(f"{name}.parquet", counts)
        fingerprints[name] = fingerprint(counts.itertuples(index=False, name=None))
    return {"rows": len(recalls), "aggregations": fingerprints}


if __name__ == "__main__":
    url, *where = sys.argv[1:]
    print(json.dumps(main(url, to_folder(*where) if len(where) == 1 else to_bucket(*where))))
