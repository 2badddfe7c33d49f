"""The ledger of prices: what the shop changed from read to read, by the writer of all ledgers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from include.first.bucket import Missing
from include.first.keys import PriceKeys
from include.first.lake import Lake
from include.first.ledger import EDITED, PUBLISHED, RETRACTED, labelled, ledger_schema, match, whole
from include.first.ledger_writer import LedgerTorn, LedgerWriter
from include.shoe_prices.contract import PRODUCTS

KEYS = PriceKeys(PRODUCTS.name)
LEDGER_SCHEMA = ledger_schema(PRODUCTS, "The product that changed.")


def products_of(lake: Lake, receipt: Mapping[str, Any]) -> pa.Table:
    """All products as a version knows them, those of categories that were not read then too."""
    if not receipt:
        return PRODUCTS.schema.empty_table()
    return lake.read_parquet(KEYS.products(receipt["products"])).cast(PRODUCTS.schema)


def _changes(
    lake: Lake, before: Mapping[str, Any], after: Mapping[str, Any], version: int
) -> pa.Table:
    try:
        old, new = products_of(lake, before), products_of(lake, after)
    except Missing as error:
        raise LedgerTorn(
            f"the ledger cannot tell what version {version} changed: {error}. Restore the file "
            "from a copy; until then the ledger stays where it is, and skips nothing"
        ) from None
    found = match(PRODUCTS, old, new)
    # The first read of a category is where its history begins: nobody has published it just now.
    known = pa.array(before["categories"], pa.int64())
    fresh = found.fresh.filter(pc.is_in(found.fresh["category_id"], value_set=known))
    return pa.concat_tables(
        [
            labelled(found.edits, EDITED),
            whole(PRODUCTS, found.gone, RETRACTED),
            whole(PRODUCTS, fresh, PUBLISHED),
        ]
    )


_WRITER = LedgerWriter(KEYS, PRODUCTS.key, LEDGER_SCHEMA, "products", _changes)
bring_to_head = _WRITER.bring_to_head
refuse_other_history = _WRITER.refuse_other_history
ledger_state = _WRITER.state
read_ledger = _WRITER.read
