"""The site at 30,000 recalls: the first build, an unchanged day, and a day of edits."""

import gzip
import json
import sys
import time
from typing import Any

import requests

from benchmarks.headwaters import open_store
from benchmarks.measure import Measured, measure
from benchmarks.servers import fresh_bucket, local_api
from include.lake.store import Store
from include.site.build import build_site

BUILDS = ("first build", "unchanged day", "day of edits")


def site(rows: int, s3_url: str) -> dict[str, Measured]:
    """Each build in a process of its own."""
    measured = {}
    with local_api(rows) as url, fresh_bucket(s3_url) as bucket:
        for name in BUILDS:
            if name != "unchanged day":
                requests.post(f"{url}/_control", json={"day": BUILDS.index(name) + 1}, timeout=30)
                measure("benchmarks.headwaters", url, s3_url, bucket)
            measured[name] = measure("benchmarks.site", s3_url, bucket)
    return measured


def main(s3_url: str, bucket: str) -> dict[str, Any]:
    store = open_store(s3_url, bucket)
    start = time.perf_counter()
    written = build_site(store)
    build_s = time.perf_counter() - start
    return {"build_s": build_s, "files": len(written), "first_view_kb": first_view_kb(store)}


def first_view_kb(store: Store) -> float:
    """What a browser loads for the first page, compressed: page, code, and the rows."""
    manifest = json.loads(store.get("site/site.json"))
    code = [key for key in store.list(f"site/{manifest['code'].rstrip('/')}") if is_code(key)]
    texts = [store.get(key) for key in ["site/index.html", *code]]
    rows = store.get(f"site/{manifest['shards']['rows']}")
    return (sum(len(gzip.compress(text)) for text in texts) + len(rows)) / 1000


def is_code(key: str) -> bool:
    return key.endswith((".js", ".css"))


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
