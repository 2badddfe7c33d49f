"""The same with dlt: a resource that pages through the API, Parquet files by its filesystem
destination, local; then three counts over the files with pyarrow.

Runs in an environment of its own (`.venv-bench`). dlt is spared the files a year: it writes one
table, as its users would.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pyarrow.compute as pc
import pyarrow.dataset
from dlt.sources.helpers import requests

from benchmarks.outcome import AGGREGATIONS, fingerprint

PAGE_SIZE = 50_000


@dlt.resource(name="vehicle_recalls", write_disposition="replace")
def vehicle_recalls(url: str) -> Iterator[list[dict[str, Any]]]:
    offset = 0
    while True:
        response = requests.get(
            f"{url}/resource/6axg-epim.json",
            params={
                "$select": ":*,*",
                "$order": "nhtsa_id,:id",
                "$limit": PAGE_SIZE,
                "$offset": offset,
            },
        )
        response.raise_for_status()
        rows = response.json()
        yield rows
        if len(rows) < PAGE_SIZE:
            return
        offset += PAGE_SIZE


def main(url: str, folder: Path) -> dict[str, Any]:
    pipeline = dlt.pipeline(
        "recalls",
        destination=dlt.destinations.filesystem(bucket_url=(folder / "files").as_uri()),
        dataset_name="lake",
        pipelines_dir=str(folder / "state"),
    )
    pipeline.run(vehicle_recalls(url), loader_file_format="parquet").raise_on_failed_jobs()
    files = pyarrow.dataset.dataset(folder / "files" / "lake" / "vehicle_recalls", format="parquet")
    recalls = files.to_table(["report_received_date", "manufacturer", "component", "recall_type"])
    recalls = recalls.append_column("year", pc.year(recalls["report_received_date"]))
    fingerprints = {}
    for name, by in AGGREGATIONS.items():
        counts = recalls.group_by(by).aggregate([([], "count_all")])
        pyarrow.parquet.write_table(counts, folder / f"{name}.parquet")
        groups = zip(*(counts[column].to_pylist() for column in [*by, "count_all"]), strict=True)
        fingerprints[name] = fingerprint(groups)
    return {"rows": recalls.num_rows, "aggregations": fingerprints}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]))))
