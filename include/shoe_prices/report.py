"""One readable screen: which rate, what it cost, what changed at the shop, what was set aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from include.first.keys import PriceKeys
from include.first.lake import Lake
from include.first.ledger import EDITED, PUBLISHED, REPUBLISHED, RETRACTED
from include.first.screen import checks_told
from include.shoe_prices.contract import CONTRACT
from include.shoe_prices.ledger import read_ledger
from include.shoe_prices.publish import Published

KEYS = PriceKeys(CONTRACT.name)
PRICE = "price_usd"
SHOWN = 10


def render(lake: Lake, run: Published) -> str:
    """The screen of one run, in Markdown."""
    publisher, counts = run["source"]["publisher"], run["counts"]
    day = run["rates"]["last"]
    lines = [
        f"# Shoe prices: {counts['sound']:,} products of {run['category']}, {run['state']}",
        "",
        *([] if publisher == "official" else ["Made-up data.", ""]),
        f"- token: {run['token']}",
        f"- source: the shop and the ECB, {publisher}, read {run['observed_at']}",
        f"- rate: {_rates(run)}",
        f"- products: {counts['listed']:,} listed = {counts['repeated']:,} listed twice"
        f" + {counts['set_aside']:,} set aside + {counts['sound']:,} sound;"
        f" {counts['kept']:,} of those set aside kept as they were",
        *(f"  - set aside: product {reason}" for reason in run["set_aside"]),
        f"- table: {_table(run)}",
        *(
            f"- file: s3://{lake.bucket}/{key}"
            for kind in ("parquet", "csv")
            for key in (KEYS.day(day, kind), KEYS.latest(kind))
            if not run["dry_run"]
        ),
        *checks_told(run["checks"]),
        *_news(lake, run),
        "",
    ]
    return "\n".join(lines)


def _rates(run: Published) -> str:
    rates, asked = run["rates"], run["asked"]
    if asked["first"]:
        span = f"{run['counts']['days']:,} from {rates['first']} to {rates['last']}"
        return f"{span}, asked for {asked['first']} to {asked['last']}"
    late = "" if rates["last"] == asked["last"] else f", the last one up to {asked['last']}"
    return f"{rates['rate']} US dollars for a euro on {rates['last']}{late}"


def _table(run: Published) -> str:
    if run["version"] is None:
        return f"{run['state']}, {'dry run, ' * run['dry_run']}nothing was committed"
    counts = run["counts"]
    changed = f"{counts['days_changed']:,} of {counts['days']:,} days changed"
    return f"version {run['version']}, {changed}"


def _news(lake: Lake, run: Published) -> Iterator[str]:
    """What the shop changed since the read before, as the ledger has it."""
    version = run["version"]
    if version is None:
        return
    if run["first_read"]:
        yield f"- shop: the first read of {run['category']}, which later ones are held against"
        return
    rows = [
        row
        for part in read_ledger(lake, versions=range(version, version + 1))
        for row in part.to_pylist()
    ]
    prices = [row for row in rows if row["event"] == EDITED and row["field"] == PRICE]
    keys = {(row["event"], row["id"]) for row in rows}
    counted = Counter(event for event, _ in keys)
    told = ", ".join(
        f"{counted[event]:,} {event}"
        for event in (PUBLISHED, REPUBLISHED, RETRACTED, EDITED)
        if counted[event]
    )
    yield f"- shop: {told or 'nothing changed since the read before'}"
    yield from (f"  - {_move(row)}" for row in prices[:SHOWN])
    if len(prices) > SHOWN:
        yield f"  - and {len(prices) - SHOWN:,} more prices"


def _move(row: dict[str, Any]) -> str:
    by = Decimal(row["new"]) - Decimal(row["old"])
    return f"product {row['id']}: {row['old']} -> {row['new']} US dollars ({by:+})"
