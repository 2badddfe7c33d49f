"""The script that an engineer would write: requests and pandas, one file a year, three counts.

Pages of 50,000 rows, as the API's documentation advises. No check, no history, no second try;
local files.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import requests

from benchmarks.outcome import AGGREGATIONS, fingerprint

PAGE_SIZE = 50_000


def pages(url: str) -> Iterator[list[dict[str, Any]]]:
    session = requests.Session()
    offset = 0
    while True:
        response = session.get(
            f"{url}/resource/6axg-epim.json",
            params={
                "$select": ":*,*",
                "$order": "nhtsa_id,:id",
                "$limit": str(PAGE_SIZE),
                "$offset": str(offset),
            },
            timeout=120,
        )
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


def main(url: str, folder: Path) -> dict[str, Any]:
    recalls = read(url)
    for year, rows in recalls.groupby("year"):
        rows.drop(columns="year").to_parquet(folder / f"{year}.parquet", index=False)
    fingerprints = {}
    for name, by in AGGREGATIONS.items():
        counts = recalls.groupby(by, dropna=False).size().reset_index(name="recalls")
        counts.to_parquet(folder / f"{name}.parquet", index=False)
        fingerprints[name] = fingerprint(counts.itertuples(index=False, name=None))
    return {"rows": len(recalls), "aggregations": fingerprints}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]))))
