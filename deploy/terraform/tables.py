"""Prints the Glue tables: `python -m deploy.terraform.tables > terraform/tables.json`.

All of it comes from the schemas that the writers use; a test holds the file to it.
"""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from include.first.keys import Keys
from include.shoe_prices.contract import CONTRACT as PRICES
from include.shoe_prices.ledger import LEDGER_SCHEMA as PRICES_LEDGER
from include.site_outages.contract import SITE_OUTAGES
from include.vehicle_recalls.contract import CONTRACT as RECALLS
from include.vehicle_recalls.extract import TABLE_SCHEMA
from include.vehicle_recalls.ledger import LEDGER_SCHEMA as RECALLS_LEDGER
from include.vin_snapshots.contract import VIN_SNAPSHOTS

# A column of the table only, about which the contract has no sentence.
ELSEWHERE = {"year": "The year of `report_received_date`, by which the table is partitioned."}
LEDGER = "One row is one field of one thing that a version of the table changed."
LONGEST = 255  # what Glue takes of a comment
GLUE = {
    pa.string(): "string",
    pa.int32(): "int",
    pa.int64(): "bigint",
    pa.float64(): "double",
    pa.bool_(): "boolean",
    pa.date32(): "date",
    pa.timestamp("us", tz="UTC"): "timestamp",
}


def tables() -> dict[str, Any]:
    """Each Delta table of the lake, by its name in Glue."""
    found = {}
    contracts: tuple[Any, ...] = (RECALLS, VIN_SNAPSHOTS, SITE_OUTAGES, PRICES)
    for contract in contracts:
        schema = TABLE_SCHEMA if contract is RECALLS else contract.schema
        found[contract.name] = _table(Keys(contract.name).table, contract.grain, schema)
    for contract, schema in ((RECALLS, RECALLS_LEDGER), (PRICES, PRICES_LEDGER)):
        found[f"{contract.name}_ledger"] = _table(Keys(contract.name).ledger, LEDGER, schema)
    return found


def _table(folder: str, grain: str, schema: pa.Schema) -> dict[str, Any]:
    return {
        "folder": folder,
        "description": grain,
        "columns": [
            {"name": field.name.lower(), "type": glue_type(field.type), "comment": _comment(field)}
            for field in schema
        ],
    }


def glue_type(of: pa.DataType) -> str:
    if pa.types.is_decimal(of):
        return f"decimal({of.precision},{of.scale})"
    return GLUE[of]


def _comment(field: pa.Field) -> str:
    told = (field.metadata or {}).get(b"comment")
    comment = told.decode() if told else ELSEWHERE[field.name]
    if len(comment) > LONGEST:
        raise ValueError(f"{field.name}: Glue takes no comment of {len(comment)} characters")
    return comment


if __name__ == "__main__":
    print(json.dumps(tables(), indent=2))
