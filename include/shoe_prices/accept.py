"""Products as the shop sends them, held against the contract: typed, or set aside with reasons."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple

import pyarrow as pa

from include.shoe_prices.contract import PRODUCTS

FIELDS = [column.source for column in PRODUCTS.columns]
LIST = "images"
QUARANTINE_SCHEMA = pa.schema([("id", pa.string()), ("reasons", pa.string()), ("raw", pa.string())])
NO_CHARACTER = re.compile("[\ud800-\udfff]")
Product = dict[str, Any]


class Accepted(NamedTuple):
    rows: pa.Table  # typed, by id, without what is computed
    set_aside: pa.Table
    set_aside_ids: list[int]  # of those whose id can be read: what is known of them stays
    listed: int
    repeated: int


def accept(pages: Iterable[bytes]) -> Accepted:
    """Each product once, the newest of its copies."""
    listed = [product for page in pages for product in json.loads(page, parse_float=Decimal)]
    products = _once(listed)
    texts, problems = [], {}
    for row, product in enumerate(products):
        values, wrong = _texts(product)
        texts.append(values)
        if wrong:
            problems[row] = wrong
    columns = pa.schema([(name, pa.string()) for name in FIELDS])
    typed, reasons = PRODUCTS.accept(pa.Table.from_pylist(texts, schema=columns))
    for row, wrong in problems.items():
        reasons[row] = [*wrong, *reasons.get(row, [])]
    ids = typed["id"].to_pylist()
    sound = [row for row in range(len(products)) if row not in reasons]
    return Accepted(
        rows=typed.take(pa.array(sound, pa.int64())).sort_by("id"),
        set_aside=pa.Table.from_pylist(
            [
                {
                    "id": texts[row]["id"],
                    "reasons": "; ".join(reasons[row]),
                    "raw": json.dumps(products[row], default=str),
                }
                for row in sorted(reasons)
            ],
            schema=QUARANTINE_SCHEMA,
        ),
        set_aside_ids=sorted(ids[row] for row in reasons if ids[row] is not None),
        listed=len(listed),
        repeated=len(listed) - len(products),
    )


def _once(listed: list[Product]) -> list[Product]:
    """Of several copies the one that was written last; those without an id are nobody's copies."""
    kept: dict[int, Product] = {}
    nameless = []
    for product in listed:
        key = product.get("id")
        if not isinstance(key, int):
            nameless.append(product)
        elif key not in kept or _written(product) >= _written(kept[key]):
            kept[key] = product
    return [*kept.values(), *nameless]


def _written(product: Product) -> str:
    return str(product.get("updatedAt") or "")


def _texts(product: Product) -> tuple[dict[str, str | None], list[str]]:
    """Each field as text, and what is wrong with those that are none."""
    values: dict[str, str | None] = {}
    wrong = []
    for name in FIELDS:
        value: Any = product
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if name == LIST and value is not None:
            value = _images(value)
        if isinstance(value, str) and NO_CHARACTER.search(value):
            wrong.append(f"{name}: holds what is no character")
            value = None
        elif isinstance(value, int | Decimal) and not isinstance(value, bool):
            value = str(value)
        elif value is not None and not isinstance(value, str):
            wrong.append(
                f"{name}: {json.dumps(value, default=str)[:60]} is neither text nor number"
            )
            value = None
        values[name] = value
    return values, wrong


def _images(value: Any) -> Any:
    """The list as JSON. Some lists were once kept as their JSON text and then cut at its commas."""
    images = [value] if isinstance(value, str) else value
    if not isinstance(images, list) or not all(isinstance(image, str) for image in images):
        return value
    together = ",".join(images)
    if together.startswith("[") and together.endswith("]"):
        try:
            mended = json.loads(together)
        except ValueError:
            mended = None
        if isinstance(mended, list) and all(isinstance(image, str) for image in mended):
            images = mended
    return json.dumps(images, ensure_ascii=False)
