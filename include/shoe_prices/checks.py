"""What must hold of products and prices, besides the checks of every dataset."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from include.data.checks import Check, examples
from include.data.tables import not_in
from include.lake.standard_checks import OURS
from include.shoe_prices.contract import MAX_RATE_AGE_DAYS, PRODUCTS_GONE


def products_stayed(before: pa.Table, after: pa.Table) -> Check:
    """Of the category that was read: other products under new numbers do not make up for them."""
    gone = pc.sum(not_in(before["id"], after["id"])).as_py() or 0
    return Check(
        "products that stayed",
        passed=PRODUCTS_GONE.allows(gone, before.num_rows),
        found=f"{gone:,} of {before.num_rows:,} are gone from the category",
        hint=f"the limit is {PRODUCTS_GONE}; look at the shop, it may be in the middle of a reset",
        can_waive=True,
    )


def euros_match(prices: Mapping[str, pa.Table]) -> Check:
    """`prices` are the rows of each day that changes."""
    wrong = [day for day, rows in prices.items() if not _match(rows)]
    return Check(
        "euros times rate are the dollars, to half a cent",
        passed=not wrong,
        found=examples(wrong) or f"{sum(map(len, prices.values())):,} rows",
        hint=OURS,
    )


def rate_is_recent(newest: str, asked: str) -> Check:
    age_days = (date.fromisoformat(asked) - date.fromisoformat(newest)).days
    return Check(
        "the rate is recent",
        passed=age_days <= MAX_RATE_AGE_DAYS,
        found=f"of {newest}, {age_days} days before {asked}",
        hint="the ECB publishes on working days: look at its site",
        warns=True,
    )


def _match(rows: pa.Table) -> bool:
    columns = (rows[name].to_pylist() for name in ("price_eur", "rate", "price_usd"))
    return all(200 * abs(eur * rate - usd) <= rate for eur, rate, usd in zip(*columns, strict=True))
