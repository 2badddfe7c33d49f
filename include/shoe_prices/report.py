"""The screen of one run."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pyarrow as pa

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
    facts = [_rates(store, prices), *_products(store, products), _shop(store, products)]
    if prices["outcome"] == DRY_RUN:
        keys = Keys(SHOE_PRICES.name)
        facts += [f"would write: {where(store, keys.plain(name))}" for name in files]
        files = []
    return render(
        store,
        SHOE_PRICES,
        prices | {"checks": [*products["checks"], *prices["checks"]]},
        noun="price",
        facts=facts,
        files=files,
        previews=[
            Preview("The first prices", _rows(store, prices, day).select(SHOWN))
            for day in sorted(prices["parts"])[-1:]
        ],
    )


def _rows(store: Store, prices: Receipt, day: str) -> pa.Table:
    return read_table_file(store, SHOE_PRICES, prices["parts"][day]["path"])


def _rates(store: Store, prices: Receipt) -> str:
    asked, days = prices["facts"]["all"], prices["days"]
    if asked["first"] or not prices["parts"]:
        return f"rates: {count(len(days), 'day')} from {days[0]} to {days[-1]}"
    rate = _rows(store, prices, days[0])["rate"][0].as_py().normalize()
    late = "" if days == [asked["last"]] else f", the last one up to {asked['last']}"
    return f"rate: {rate:f} US dollars for one euro on {days[0]}{late}"


def _products(store: Store, products: Receipt) -> Iterator[str]:
    facts, counts = products["facts"]["all"], products["counts"]
    yield (
        f"products of {printable(facts['category'])}: {facts['listed']:,} listed = "
        f"{facts['repeated']:,} repeated + {counts['quarantined']:,} quarantined + "
        f"{counts['valid']:,} valid"
    )
    if counts["quarantined"]:
        key = Keys(SHOE_PRODUCTS.name).quarantine(products["read_id"])
        yield f"quarantine: {where(store, key)}; what is published of these products stays"
        for row in from_parquet(store.get(key)).to_pylist()[:MAX_REASONS]:
            yield f"quarantined: product {printable(row['key'])}: {printable(row['reasons'])}"


def _shop(store: Store, products: Receipt) -> str:
    """What the shop changed since the read before, as the ledger has it."""
    version, counts = products["version"], products["counts"]
    if version == products["baseline"]:
        return "shop: the first read, which later reads are compared with"
    names = [name for name in ("published", "edited", "retracted") if counts[name]]
    changes = ", ".join(f"{counts[name]:,} {name}" for name in names) or "no change"
    lines = [f"shop: {changes} since the read before"]
    if version is None:
        return lines[0]
    lines[0] += f": `{command(f'changes --dataset {SHOE_PRODUCTS.name} --version {version}')}`"
    events = read_events(store, SHOE_PRODUCTS, products).to_pylist()
    moves = [e for e in events if (e["event"], e["field"]) == (EDITED, "price_usd")]
    for move in moves[:MAX_ROWS]:
        by = Decimal(move["new"]) - Decimal(move["old"])
        lines.append(f"product {move['id']}: {move['old']} -> {move['new']} US dollars ({by:+})")
    if len(moves) > MAX_ROWS:
        lines.append(f"and {len(moves) - MAX_ROWS:,} more prices")
    return "\n  - ".join(lines)
