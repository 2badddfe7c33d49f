"""The site at 30,000 recalls: the first build, an unchanged day, and a day of edits."""

import gzip
import json
import sys
import time
from typing import Any

from benchmarks.browser import views
from benchmarks.days import go_to
from benchmarks.headwaters import open_store
from benchmarks.measure import Measured, measure
from benchmarks.servers import S3, fake_api
from include.lake.store import Store
from include.site.build import build_site

BUILDS = ("first build", "unchanged day", "day of edits")


def site(rows: int, runs: int, s3: S3) -> tuple[dict[str, Measured], list[str]]:
    """Each build in a process of its own; then what a browser shows of the last."""
    measured = {}
    with fake_api(rows) as url, s3.fresh_bucket() as bucket:
        for name in BUILDS:
            if name != "unchanged day":
                go_to(url, BUILDS.index(name) + 1)
                measure("benchmarks.headwaters", url, *bucket)
            measured[name] = measure("benchmarks.site", *bucket)
        return measured, views(open_store(*bucket), runs)


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
