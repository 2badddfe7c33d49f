"""The files that people open: two a day, and the newest day's again as `latest`."""

from __future__ import annotations

from include.first.keys import PriceKeys
from include.first.lake import Head, Lake
from include.shoe_prices.contract import CONTRACT
from include.shoe_prices.price import to_csv

KEYS = PriceKeys(CONTRACT.name)
PARQUET, CSV = "parquet", "csv"


def project(lake: Lake) -> list[str]:
    """Make every file equal to what the head has of its day; returns what was rewritten."""
    rewritten: list[str] = []
    head = lake.head(KEYS.table)
    while True:
        rewritten += _project(lake, head)
        # A slower projector of an older head may have written meanwhile, or be about to see ours.
        newest = lake.head(KEYS.table)
        if newest.version == head.version:
            return rewritten
        head = newest


def _project(lake: Lake, head: Head) -> list[str]:
    if not head.files:
        return []
    days = sorted(head.files)
    wanted = {KEYS.day(day, kind): (day, kind) for day in days for kind in (PARQUET, CSV)}
    # The newest day of the table, whichever day was read last.
    wanted |= {KEYS.latest(kind): (days[-1], kind) for kind in (PARQUET, CSV)}
    origins = {
        key: {"rate-date": day, "sha256": KEYS.sha256_of(head.files[day].path)}
        for key, (day, _) in wanted.items()
    }
    found = lake.at_once(lake.made_from, wanted)
    wrong = [key for key, has in zip(wanted, found, strict=True) if has != origins[key]]

    def write(key: str) -> None:
        day, kind = wanted[key]
        source = f"{KEYS.table}/{head.files[day].path}"
        if kind == PARQUET:
            lake.project_copy(source, key, origins[key])
        else:
            lake.project(key, to_csv(lake.get(source)), origins[key])

    lake.at_once(write, wrong)
    return sorted(wrong)
