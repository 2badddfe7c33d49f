"""Publish priced products: one file a day of rates in a Delta table, changed in one commit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple, TypedDict, cast

import pyarrow as pa
import pyarrow.compute as pc

from include.first.in_turn import write_in_turn
from include.first.keys import PriceKeys
from include.first.lake import DataFile, Head, Lake
from include.first.parquet import to_parquet
from include.first.quality import Check, require
from include.shoe_prices.contract import CONTRACT, PRODUCTS, PRODUCTS_LOST
from include.shoe_prices.ledger import products_of
from include.shoe_prices.price import Staged, priced
from include.shoe_prices.read import Asked, refuse_other_source

KEYS = PriceKeys(CONTRACT.name)
CHANGED, UNCHANGED, OVERTAKEN = "changed", "unchanged", "known from a later read"
HALF_A_CENT = pa.scalar(Decimal("0.005"))


class Span(TypedDict):
    """Of the rates that were asked for: the first and the last day, and the last one's rate."""

    first: str
    last: str
    rate: str


class Published(TypedDict):
    """What a run did to the table."""

    token: str
    asked: Asked
    category: str
    source: dict[str, str]
    observed_at: str
    rates: Span
    first_read: bool  # of the category
    counts: dict[str, int]
    set_aside: list[str]
    checks: list[dict[str, str]]
    version: int | None  # None: nothing was committed
    state: str
    dry_run: bool


class Plan(NamedTuple):
    """What the table is to become."""

    products: pa.Table  # of all categories that were ever read
    days: dict[str, bytes]  # files, of the days that change
    rates: dict[str, str]  # of each day that was asked for
    rows: dict[str, int]
    kept: int
    first_read: bool  # of the category
    checks: list[Check]


def publish(
    lake: Lake, staged: Staged, *, dry_run: bool, accept: Mapping[str, str] | None = None
) -> Published:
    """Bring the days that were asked for to what this read says, in one commit or not at all.

    `accept` gives a reason for each check that may fail this time.
    """
    asked = staged["asked"]
    sound = lake.read_parquet(staged["products_key"]).cast(PRODUCTS.schema)

    def write(head: Head) -> Published:
        refuse_other_source(head.receipt, staged["source"]["publisher"])
        plan = _plan(lake, head, staged, sound)
        body = to_parquet(plan.products)
        receipt = _receipt(head, staged, plan, hashlib.sha256(body).hexdigest())
        if head.receipt.get("observed_at", "") > staged["observed_at"]:
            return _told(receipt, None, OVERTAKEN, dry_run=dry_run)
        receipt["checks"] = [check.told() for check in require(plan.checks, accept or {})]
        changed = plan.days or head.receipt.get("products") != receipt["products"]
        if dry_run or not changed:
            return _told(receipt, None, CHANGED if changed else UNCHANGED, dry_run=dry_run)
        if head.handle is None:
            return write(lake.create(KEYS.table, CONTRACT.schema, partition_by="rate_date"))
        lake.put(KEYS.products(receipt["products"]), body)
        return _told(receipt, _commit(lake, head, receipt, plan), CHANGED)

    return write_in_turn(
        lake,
        KEYS.table,
        asked["token"],
        asked["head_version"],
        write=write,
        written=lambda version: _told(lake.receipt(KEYS.table, version), version, CHANGED),
    )


def _plan(lake: Lake, head: Head, staged: Staged, sound: pa.Table) -> Plan:
    """Rows of this category are replaced; what was set aside stays as it was last published."""
    before = products_of(lake, head.receipt)
    rates: dict[str, str] = json.loads(lake.get(staged["rates_key"]))
    set_aside = pa.array(staged["set_aside_ids"], pa.int64())
    unsaid = _without(before, sound)
    is_kept = pc.is_in(unsaid["id"], value_set=set_aside)
    kept = unsaid.filter(is_kept)
    now = pa.concat_tables([sound, kept]).sort_by("id")
    others = _of_others(before, staged, now)
    known = before.filter(_in_category(before, staged))

    def build(day: str) -> pa.Table:
        rows = priced(now, day, Decimal(rates[day]))
        if day not in head.files:
            return rows
        there = lake.read_parquet(f"{KEYS.table}/{head.files[day].path}").cast(CONTRACT.schema)
        stay = _of_others(there, staged, rows)
        return pa.concat_tables([rows, stay]).sort_by("id")

    tables = dict(zip(rates, lake.at_once(build, rates), strict=True))
    bodies = {day: to_parquet(rows) for day, rows in tables.items()}
    return Plan(
        products=pa.concat_tables([now, others]).sort_by("id"),
        days={
            day: body
            for day, body in bodies.items()
            if day not in head.files
            or KEYS.sha256_of(head.files[day].path) != hashlib.sha256(body).hexdigest()
        },
        rates=rates,
        rows={day: rows.num_rows for day, rows in tables.items()},
        kept=kept.num_rows,
        first_read=not known.num_rows
        and staged["category_id"] not in head.receipt.get("categories", []),
        checks=[
            *_checks(staged, tables),
            _check_of_losses(known, unsaid.filter(pc.invert(is_kept)), staged),
        ],
    )


def _check_of_losses(known: pa.Table, unsaid: pa.Table, staged: Staged) -> Check:
    """Half a category does not vanish from one read to the next."""
    gone = unsaid.filter(_in_category(unsaid, staged)).num_rows
    return Check(
        "products that stayed",
        PRODUCTS_LOST.allows(gone, known.num_rows),
        f"{gone:,} of {known.num_rows:,} are gone from the category",
        "look at the category at the shop; it may be in the middle of a reset",
        can_be_accepted=True,
    )


def _in_category(rows: pa.Table, staged: Staged) -> pa.ChunkedArray:
    """By its number or its name: one that the shop has made anew is the same to people."""
    by_number = pc.equal(rows["category_id"], staged["category_id"])
    by_name = pc.equal(pc.utf8_lower(rows["category_name"]), staged["category"].lower())
    return pc.or_(by_number, pc.fill_null(by_name, fill_value=False))


def _without(rows: pa.Table, those: pa.Table) -> pa.Table:
    return rows.filter(pc.invert(pc.is_in(rows["id"], value_set=those["id"].combine_chunks())))


def _of_others(rows: pa.Table, staged: Staged, now: pa.Table) -> pa.Table:
    """Rows of other categories, without products that have moved to this one."""
    return _without(rows.filter(pc.invert(_in_category(rows, staged))), now)


def _checks(staged: Staged, tables: Mapping[str, pa.Table]) -> list[Check]:
    """Every product that was listed has one place; keys are unique; euros are worth the dollars."""
    counts = staged["counts"]
    parts = ("repeated", "set_aside", "sound")
    doubled = [
        day for day, rows in tables.items() if pc.count_distinct(rows["id"]).as_py() != len(rows)
    ]
    unlike = [day for day, rows in tables.items() if not _worth_the_same(rows)]
    cure = "this is a defect of ours; report it with the token of the run"
    return [
        Check(
            "listed = listed twice + set aside + sound",
            counts["listed"] == sum(counts[part] for part in parts),
            f"{counts['listed']} = " + " + ".join(str(counts[part]) for part in parts),
            cure,
        ),
        Check("one row a product and day", not doubled, ", ".join(doubled) or "no double", cure),
        Check(
            "euros times rate are the dollars, to half a cent",
            not unlike,
            ", ".join(unlike) or f"{sum(map(len, tables.values())):,} rows",
            cure,
        ),
    ]


def _worth_the_same(rows: pa.Table) -> bool:
    off = pc.abs(pc.subtract(pc.multiply(rows["price_eur"], rows["rate"]), rows["price_usd"]))
    off = off.cast(pa.decimal128(27, 8))  # Arrow's products are as wide as it can go
    return bool(pc.all(pc.less_equal(off, pc.multiply(rows["rate"], HALF_A_CENT))).as_py())


def _receipt(head: Head, staged: Staged, plan: Plan, products: str) -> dict[str, Any]:
    """The whole state of the pipeline after the commit, and how it came about."""
    known = head.receipt
    last = max(plan.rates)
    is_baseline = not known or known["contract"] != CONTRACT.version
    return {
        "token": staged["asked"]["token"],
        "asked": staged["asked"],
        "contract": CONTRACT.version,
        "source": staged["source"],
        "observed_at": staged["observed_at"],
        "category": staged["category"],
        "categories": sorted({*known.get("categories", []), staged["category_id"]}),
        "products": products,  # what the shop sold: the sha256 of its file
        "baseline": head.version + 1 if is_baseline else known["baseline"],
        "rates": Span(first=min(plan.rates), last=last, rate=plan.rates[last]),
        "first_read": plan.first_read,
        "counts": {
            **staged["counts"],
            "kept": plan.kept,
            "days": len(plan.rows),
            "days_changed": len(plan.days),
            "rows": sum(plan.rows.values()),
        },
        "set_aside": staged["set_aside"],
        "checks": [],
    }


def _commit(lake: Lake, head: Head, receipt: dict[str, Any], plan: Plan) -> int:
    def write(day: str) -> DataFile:
        body = plan.days[day]
        path = KEYS.candidate(day, receipt["token"], hashlib.sha256(body).hexdigest())
        lake.put(f"{KEYS.table}/{path}", body)
        return DataFile(path, day, plan.rows[day])

    adds = lake.at_once(write, plan.days)
    removes = [head.files[day] for day in plan.days if day in head.files]
    return lake.commit(KEYS.table, head, adds, removes, receipt)


def _told(
    receipt: dict[str, Any], version: int | None, state: str, *, dry_run: bool = False
) -> Published:
    told = {name: receipt[name] for name in Published.__annotations__ if name in receipt}
    return cast("Published", {**told, "version": version, "state": state, "dry_run": dry_run})
