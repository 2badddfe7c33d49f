"""The flagship on three days: a first run, a day without a change, a day with edits."""

import json
import urllib.request

from benchmarks.measure import Measured, measure
from benchmarks.servers import S3, fake_api

DAYS = {"first run": 1, "unchanged day": 1, "day with edits": 2}  # day of the made-up data


def three_days(rows: int, s3: S3) -> dict[str, tuple[Measured, int]]:
    """What each day took, and how many requests it made to S3."""
    found = {}
    with fake_api(rows) as url, s3.fresh_bucket() as warm, s3.fresh_bucket() as bucket:
        for day in (2, 1):  # the fake API makes its answers up once
            go_to(url, day)
            if day == 1:
                measure("benchmarks.headwaters", url, *warm)
        for name, day in DAYS.items():
            go_to(url, day)
            before = s3.requests()
            measured = measure("benchmarks.headwaters", url, *bucket, "years")
            found[name] = measured, s3.requests() - before
    return found


def go_to(url: str, day: int) -> None:
    request = urllib.request.Request(  # noqa: S310 - our own server
        f"{url}/_control",
        json.dumps({"day": day}).encode(),
        {"Content-Type": "application/json"},
        method="POST",
    )
    urllib.request.urlopen(request, timeout=600).close()  # noqa: S310 - our own server
