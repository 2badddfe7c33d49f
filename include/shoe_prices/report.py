"""The screen of one run."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

import pyarrow as pa

from include.data.diff import EDITED
from include.data.formatting import count, printable
from include.data.tables import from_parquet
from include.lake.keys import Keys
from include.lake.ledger import read_events
from include.lake.publish import PUBLISHED, Receipt
from include.lake.report import MAX_ROWS, Preview, command, render, where
from include.lake.staging import read_table_file
from include.lake.store import Store
from include.shoe_prices.contract import SHOE_PRICES, SHOE_PRODUCTS
from include.shoe_prices.files import LATEST, names_of
from include.shoe_prices.pipeline import PRICES, PRODUCTS

MAX_REASONS = 100
SHOWN = ["title", "price_usd", "price_eur", "rate_date"]


def report(store: Store, receipts: Mapping[str, Receipt]) -> str:
    products, prices = receipts[PRODUCTS], receipts[PRICES]
    days = prices["changed"] if prices["outcome"] == PUBLISHED else prices["days"]
    latest = [LATEST] if prices["newest"] in days else []
    rows = SHOE_PRICES.schema.empty_table()
    if prices["parts"]:
        newest = max(prices["parts"])
        rows = read_table_file(store, SHOE_PRICES, prices["parts"][newest]["path"])
    return render(
        store,
        SHOE_PRICES,
        prices | {"checks": [*products["checks"], *prices["checks"]]},
        noun="price",
        facts=[_rates(prices, rows), *_products(store, products), *_shop(store, products)],
        files=[file for name in [*days, *latest] for file in names_of(name)],
        previews=[Preview("The first prices", rows.select(SHOWN))],
    )


def _rates(prices: Receipt, rows: pa.Table) -> str:
    asked, days = prices["facts"]["all"], prices["days"]
    if asked["first"] or not rows.num_rows:
        return f"rates: {count(len(days), 'day')} from {days[0]} to {days[-1]}"
    rate = rows["rate"][0].as_py().normalize()
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


def _shop(store: Store, products: Receipt) -> Iterator[str]:
    """What the shop changed since the read before, as the ledger has it."""
    version, counts = products["version"], products["counts"]
    if version == products["baseline"]:
        yield "shop: the first read, which later reads are compared with"
        return
    names = [name for name in ("published", "edited", "retracted") if counts[name]]
    changes = ", ".join(f"{counts[name]:,} {name}" for name in names) or "no change"
    line = f"shop: {changes} since the read before"
    if version is None:
        yield line
        return
    yield f"{line}: `{command(f'changes --dataset {SHOE_PRODUCTS.name} --version {version}')}`"
    events = read_events(store, SHOE_PRODUCTS, products).to_pylist()
    moves = [e for e in events if (e["event"], e["field"]) == (EDITED, "price_usd")]
    for move in moves[:MAX_ROWS]:
        by = Decimal(move["new"]) - Decimal(move["old"])
        yield f"product {move['id']}: {move['old']} -> {move['new']} US dollars ({by:+})"
    if len(moves) > MAX_ROWS:
        yield f"and {len(moves) - MAX_ROWS:,} more prices"
