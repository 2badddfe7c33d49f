"""From the bytes of an answer to valid rows and quarantined ones."""

import csv
import io
import json

import pyarrow as pa

from include.currency_rates.contract import CURRENCY_RATES
from include.data.validate import quarantine, quarantine_repeated, validate


def rates(answer: bytes) -> tuple[pa.Table, pa.Table]:
    """The valid rates, and the quarantined ones; a currency that comes twice is quarantined."""
    rows = list(csv.DictReader(io.StringIO(answer.decode("utf-8-sig"), newline="")))
    fields = [column.field for column in CURRENCY_RATES.columns]
    texts = {name: pa.array([row[name] or None for row in rows], pa.string()) for name in fields}
    valid, bad = quarantine(
        validate(CURRENCY_RATES, pa.table(texts)), lambda row: json.dumps(rows[row])
    )
    raw = {row["CURRENCY"]: json.dumps(row) for row in rows}
    return quarantine_repeated(
        CURRENCY_RATES,
        valid,
        bad,
        lambda found: [raw[key] for key in found["currency"].to_pylist()],
    )
