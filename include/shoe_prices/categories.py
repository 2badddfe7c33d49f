"""The products of one category, in a version of the table of products."""

from __future__ import annotations

import pyarrow as pa

from include.data.tables import is_in
from include.lake.keys import Keys
from include.lake.plan import Plan
from include.lake.reads import Read
from include.lake.staging import read_table_file
from include.lake.store import Store
from include.lake.table import Version, load_version
from include.shoe_prices.contract import SHOE_PRODUCTS
from include.shoe_prices.shop import Category


def products_version(store: Store, number: int | None = None) -> Version:
    return load_version(store, Keys(SHOE_PRODUCTS.name).table, number)


def of_category(store: Store, read: Read, version: Version | Plan) -> pa.Table:
    """The products that a read covers."""
    rows, covers = _rows(store, version), read["covers"] or {}
    return rows.filter(is_in(rows["category_id"], covers["category_id"]))


def category_ids(store: Store, category: Category) -> list[int]:
    """The category's number, and those that it had before the shop made it anew."""
    rows = _rows(store, products_version(store)).select(["category_id", "category_name"])
    ids = {
        row["category_id"]
        for row in rows.to_pylist()
        if (row["category_name"] or "").casefold() == category.name.casefold()
    }
    return sorted({category.id, *ids})


def _rows(store: Store, version: Version | Plan) -> pa.Table:
    if not version.parts:
        return SHOE_PRODUCTS.schema.empty_table()
    return read_table_file(store, SHOE_PRODUCTS, version.parts[""]["path"])
