"""Reads what a run left in the bucket."""

import io
import re
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from include.lake.keys import Keys
from include.lake.store import Store
from include.lake.table import load_version

PRODUCTS, PRICES = Keys("shoe_products"), Keys("shoe_prices")
FRIDAY, MONDAY = "2026-11-20", "2026-11-23"


def plain(store: Store, name: str) -> bytes:
    return store.get(PRICES.plain(name))


def rows_of(store: Store, name: str = "latest.parquet") -> list[dict[str, Any]]:
    return pq.read_table(io.BytesIO(plain(store, name))).to_pylist()


def published(store: Store) -> dict[str, bytes]:
    """The plain files and table logs, without the files of single reads."""
    read_files = re.compile(r"/(raw|staging|quarantine)/|/table/[^_]")
    return {key: store.get(key) for key in store.list("") if not read_files.search(key)}


def versions(store: Store) -> tuple[int, int]:
    """The current versions of products and prices."""
    return tuple(load_version(store, keys.table).number for keys in (PRODUCTS, PRICES))


def delta_rows(store: Store, table: str) -> list[dict[str, Any]]:
    if not load_version(store, table).exists:
        return []
    found = DeltaTable(store.url(table), storage_options=store.options).to_pyarrow_table()
    return pa.table(found).to_pylist()


def events(store: Store) -> list[tuple[Any, ...]]:
    """The ledger rows of the products."""
    names = ("version", "event", "id", "field", "old", "new")
    rows = delta_rows(store, PRODUCTS.ledger)
    return sorted((tuple(row[name] for name in names) for row in rows), key=str)
