"""Print the Glue tables: `python -m deploy.terraform.tables > deploy/terraform/tables.json`."""

import json
from typing import Any

import pyarrow as pa

from include.data.catalog import datasets
from include.data.diff import ledger_schema
from include.lake.keys import Keys

LEDGER = "One row is one field of one row that a version of the table changed."
MAX_COMMENT = 255  # Glue's limit
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
    for dataset in datasets().values():
        keys = Keys(dataset.name)
        found[dataset.name] = _table(keys.table, dataset.grain, dataset.table_schema)
        ledger = _table(keys.ledger, LEDGER, ledger_schema(dataset))
        found[f"{dataset.name}_ledger"] = ledger
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
    comment = str((field.metadata or {}).get(b"comment", b"The partition of the row.").decode())
    if len(comment) > MAX_COMMENT:
        raise ValueError(f"{field.name}: the comment has more than {MAX_COMMENT} characters")
    return comment


if __name__ == "__main__":
    print(json.dumps(tables(), indent=2))
