"""The screen of one run."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from include.data.diff import EDITED
from include.data.formatting import count, printable
from include.data.tables import from_parquet
from include.lake.keys import Keys
from include.lake.ledger import read_events
from include.lake.publish import DRY_RUN, PUBLISHED, Receipt
from include.lake.report import MAX_ROWS, Preview, command, render, where
from include.lake.staging import read_table_file
from include.lake.store import Store
from include.shoe_prices.contract import SHOE_PRICES, SHOE_PRODUCTS
from include.shoe_prices.pipeline import Two
from include.shoe_prices.plain_files import LATEST, names_of

MAX_REASONS = 100
SHOWN = ["title", "price_usd", "price_eur", "rate_date"]


def report(store: Store, receipts: Two[Receipt]) -> str:
    products, prices = receipts["products"], receipts["prices"]
    days = prices["changed"] if prices["outcome"] == PUBLISHED else prices["days"]
    files = [name for day in days for name in names_of(day)]
    files += names_of(LATEST) if prices["newest"] in days else ()
    is_dry_run = prices["outcome"] == DRY_RUN
    parts = [part for _, part in sorted(prices["parts"].items(), reverse=True)]
    rows = read_table_file(store, SHOE_PRICES, parts[0]["path"]) if parts else None
    return render(
        store,
        SHOE_PRICES,
        prices | {"checks": [*products["checks"], *prices["checks"]]},
        noun="price",
        files=() if is_dry_run else files,
        facts=[
            *_rate_lines(prices, rows),
            *_product_lines(store, products),
            *_shop_lines(store, products),
            *(
                f"- would write: {where(store, Keys(SHOE_PRICES.name).plain(name))}"
                for name in files
                if is_dry_run
            ),
        ],
        previews=[Preview("The first prices", rows.select(SHOWN))] if rows else [],
    )


def _rate_lines(prices: Receipt, rows: pa.Table | None) -> Iterator[str]:
    asked = prices["facts"]["all"]
    days = prices["days"]
    if asked["first"]:
        yield f"- rates: {count(len(days), 'day')} from {asked['first']} to {asked['last']}"
    elif rows:
        rate, (day,) = rows["rate"][0].as_py().normalize(), days
        late = "" if day == asked["last"] else f", the last one up to {asked['last']}"
        yield f"- rate: {rate:f} US dollars for one euro on {day}{late}"


def _product_lines(store: Store, products: Receipt) -> Iterator[str]:
    facts, counts = products["facts"]["all"], products["counts"]
    yield (
        f"- products of {printable(facts['category'])}: {facts['listed']:,} listed = "
        f"{facts['repeated']:,} repeated + {counts['quarantined']:,} quarantined + "
        f"{counts['valid']:,} valid"
    )
    if counts["quarantined"]:
        key = Keys(SHOE_PRODUCTS.name).quarantine(products["read_id"])
        yield f"- quarantine: {where(store, key)}; what is published of these products stays"
        for row in from_parquet(store.get(key)).to_pylist()[:MAX_REASONS]:
            yield f"  - product {printable(row['key'])}: {printable(row['reasons'])}"


def _shop_lines(store: Store, products: Receipt) -> Iterator[str]:
    """What the shop changed since the read before, as the ledger has it."""
    if products["version"] == products["baseline"]:
        yield "- shop: the first read, which later reads are compared with"
        return
    counts = products["counts"]
    names = [name for name in ("published", "edited", "retracted") if counts[name]]
    changes = ", ".join(f"{counts[name]:,} {name}" for name in names) or "no change"
    yield f"- shop: {changes} since the read before"
    if products["version"] is None:
        return
    yield f"  - see `{command(f'changes --dataset {SHOE_PRODUCTS.name}')}`"
    events = read_events(store, SHOE_PRODUCTS, products)
    of_price = pc.and_(pc.equal(events["event"], EDITED), pc.equal(events["field"], "price_usd"))
    moves = events.filter(of_price).to_pylist()
    for move in moves[:MAX_ROWS]:
        by = Decimal(move["new"]) - Decimal(move["old"])
        yield f"  - product {move['id']}: {move['old']} -> {move['new']} US dollars ({by:+})"
    if len(moves) > MAX_ROWS:
        yield f"  - and {len(moves) - MAX_ROWS:,} more prices"
